//! How far a command has come, in one line on standard error where that is a terminal.

use std::io::{IsTerminal, Write};

/// See the module.
#[derive(Debug)]
pub struct Progress {
    word: &'static str,
    shown: Option<u64>,
    terminal: bool,
}

impl Progress {
    /// Nothing is shown yet.
    #[must_use]
    pub fn new(word: &'static str) -> Self {
        Self { word, shown: None, terminal: std::io::stderr().is_terminal() }
    }

    /// `done` of `of` frames are done.
    pub fn tell(&mut self, done: u64, of: u64) {
        if let Some(line) = self.line(done, of)
            && self.terminal
        {
            let _ = write!(std::io::stderr(), "\r{line}");
        }
    }

    /// The line, where it says something new: it changes a hundred times at most.
    fn line(&mut self, done: u64, of: u64) -> Option<String> {
        let percent = done * 100 / of.max(1);
        if self.shown.replace(percent) == Some(percent) {
            return None;
        }
        let full = (percent / 4).min(25) as usize;
        Some(format!(
            "{} [{}{}] {percent:3} % of {of} frames",
            self.word,
            "#".repeat(full),
            " ".repeat(25 - full)
        ))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() && self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_told_when_it_changes() {
        let mut p = Progress::new("clip");
        assert_eq!(p.line(1, 1000).as_deref(), Some("clip [                         ]   0 % of 1000 frames"));
        assert_eq!(p.line(2, 1000), None);
        assert!(p.line(500, 1000).is_some_and(|l| l.contains("############ ") && l.contains(" 50 %")));
        assert!(p.line(1000, 1000).is_some_and(|l| l.contains("100 %")));
        assert!(p.line(0, 0).is_some(), "nothing to do is no failure");
    }
}
