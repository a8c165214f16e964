//! The local terminal: taken when a session begins, and given back exactly as it was however the
//! session ends: by its user, by a signal, by a stop, or by a panic anywhere in the process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossterm::cursor::{Hide, Show};
use crossterm::queue;
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use ratatui::layout::Size;
use rustix::io::Errno;
use rustix::process::{Signal, getpgrp, getpid, getsid, kill_current_process_group, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    OptionalActions, QueueSelector, SpecialCodeIndex, Termios, isatty, tcflush, tcgetattr, tcgetsid,
    tcgetwinsize, tcsetattr,
};

use crate::model::text;

/// Bracketed paste and focus reports, on and off.
const REPORTS: [&str; 2] = ["\x1b[?2004h\x1b[?1004h", "\x1b[?1004l\x1b[?2004l"];
const SAVE_TITLE: &[u8] = b"\x1b[22;2t";
const RESTORE_TITLE: &[u8] = b"\x1b[23;2t";

/// Alternate screen, no cursor, no wrapping at the right edge, bracketed paste, focus reports.
fn entering() -> Vec<u8> {
    let mut out = Vec::new();
    // Memory takes every byte.
    let _ = queue!(out, EnterAlternateScreen, Hide, DisableLineWrap, Print(REPORTS[0]));
    out
}

/// The reverse, in the reverse order, after ending a frame that was cut short.
fn leaving() -> Vec<u8> {
    let mut out = Vec::new();
    let _ = queue!(out, EndSynchronizedUpdate);
    out.extend_from_slice(mouse(false));
    let plain = SetAttribute(Attribute::Reset);
    let _ = queue!(out, Print(REPORTS[1]), plain, EnableLineWrap, Show, LeaveAlternateScreen);
    out
}

/// What can go wrong with the local terminal.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Standard input or output is a file, a pipe or nothing.
    #[error("standard {0} is not a terminal: use a headless command such as `snapshot`")]
    NotATerminal(&'static str),
    /// A call of the system failed.
    #[error("cannot {operation} of the terminal: {cause}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// An error of the system while trying to do `operation`.
pub(super) fn failed(operation: &'static str) -> impl Fn(Errno) -> TerminalError {
    move |errno| TerminalError::System { operation, cause: errno.into() }
}

/// The sequence that turns reports of the mouse on (buttons, drags and wheel, not every movement) or off.
#[must_use]
pub fn mouse(on: bool) -> &'static [u8] {
    if on { b"\x1b[?1002h\x1b[?1006h" } else { b"\x1b[?1006l\x1b[?1002l" }
}

/// The size of the local terminal; 80x24 if it does not know its own.
///
/// # Errors
/// Standard output is no terminal, or it is gone.
pub fn size() -> Result<Size, TerminalError> {
    let size = tcgetwinsize(stdout()).map_err(failed("read the size"))?;
    Ok(match (size.ws_col, size.ws_row) {
        (0, _) | (_, 0) => Size::new(80, 24),
        (columns, rows) => Size::new(columns, rows),
    })
}

/// The local terminal, taken. Dropping it gives it back.
#[derive(Debug)]
pub struct Terminal {
    taken: Arc<Taken>,
}

/// How the terminal was found; shared with the writer and the panic hook.
#[derive(Debug)]
pub(super) struct Taken {
    /// Opened anew, so that it can be non-blocking without making the shell's terminal so.
    tty: File,
    found: Mutex<Option<Termios>>,
    /// Counts takings and leavings: odd while the terminal is taken.
    turns: AtomicU64,
    title: bool,
}

impl Terminal {
    /// Takes the terminal of standard input and output; `title`: it has a title to be saved.
    ///
    /// # Errors
    /// Either is no terminal, or the system refuses.
    pub fn enter(title: bool) -> Result<Self, TerminalError> {
        for (is, name) in [(isatty(stdin()), "input"), (isatty(stdout()), "output")] {
            if !is {
                return Err(TerminalError::NotATerminal(name));
            }
        }
        let tty = open().map_err(|cause| TerminalError::System { operation: "open the device", cause })?;
        let taken = Taken { tty, found: Mutex::new(None), turns: AtomicU64::new(0), title };
        let terminal = Self { taken: Arc::new(taken) };
        terminal.take()?;
        Ok(terminal)
    }

    /// Takes the terminal again: after [`Terminal::leave`], or after a stop that left it as it was
    /// and let others change it.
    ///
    /// # Errors
    /// The system refuses; usually because the terminal is gone.
    pub fn take(&self) -> Result<(), TerminalError> {
        let taken = &*self.taken;
        let mut found = taken.found.lock().unwrap_or_else(PoisonError::into_inner);
        let modes = tcgetattr(&taken.tty).map_err(failed("read the modes"))?;
        let mut raw = modes.clone();
        raw.make_raw();
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&taken.tty, OptionalActions::Now, &raw).map_err(failed("set the modes"))?;
        let mut out = Vec::new();
        if found.is_none() {
            *found = Some(modes);
            taken.turns.fetch_add(1, Ordering::SeqCst);
            out.extend_from_slice(if taken.title { SAVE_TITLE } else { b"" });
        }
        out.extend_from_slice(&entering());
        taken
            .write_now(&out)
            .map_err(|cause| TerminalError::System { operation: "write to the screen", cause })
    }

    /// Gives the terminal back. Does nothing if it is not taken. What it has not shown yet is
    /// thrown away if it takes nothing.
    pub fn leave(&self) {
        self.taken.leave();
    }

    /// What readers, writers and the panic hook need to know.
    pub(super) fn taken(&self) -> Arc<Taken> {
        Arc::clone(&self.taken)
    }

    /// Makes a panic anywhere in the process give the terminal back first, then report as before,
    /// then write a crash report into `folder`, then call `after`.
    pub fn restore_on_panic(&self, folder: PathBuf, after: impl Fn() + Send + Sync + 'static) {
        let taken = self.taken();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let ours = taken.leave();
            before(info);
            if ours {
                tell(write_report(&folder, &info.to_string()));
                after();
            }
        }));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.taken.leave();
    }
}

impl Taken {
    /// The number of this taking; `None` while the terminal is given back. What began in another
    /// taking must not go on in this one.
    pub(super) fn turn(&self) -> Option<u64> {
        Some(self.turns.load(Ordering::SeqCst)).filter(|turn| turn % 2 == 1)
    }

    /// The terminal, to be read or written without blocking.
    pub(super) fn device(&self) -> Result<File, TerminalError> {
        self.tty.try_clone().map_err(|cause| TerminalError::System { operation: "open the device", cause })
    }

    /// Gives the terminal back; false if it was not taken. Errors are of no use any more: whoever
    /// could be told stands before a terminal that is gone.
    fn leave(&self) -> bool {
        let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return false;
        };
        self.turns.fetch_add(1, Ordering::SeqCst);
        let mut out = leaving();
        out.extend_from_slice(if self.title { RESTORE_TITLE } else { b"" });
        let _ = self.write_now(&out);
        let _ = tcflush(&self.tty, QueueSelector::IFlush);
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &found);
        true
    }

    /// Writes `bytes`, which are few, without waiting: a terminal that takes nothing loses what it
    /// has not taken yet, and if even that makes no room, these too.
    fn write_now(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut discarded = false;
        while !bytes.is_empty() {
            match rustix::io::write(&self.tty, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !discarded => {
                    discarded = true;
                    tcflush(&self.tty, QueueSelector::OFlush)?;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

/// Opens the terminal of standard output once more, non-blocking.
fn open() -> io::Result<File> {
    let ours = tcgetsid(stdout()).is_ok();
    let open = |path: &str| File::options().read(true).write(true).open(path);
    let controlling = if ours { open("/dev/tty") } else { Err(io::ErrorKind::NotFound.into()) };
    let tty = controlling.or_else(|_| open("/proc/self/fd/1"))?;
    rustix::io::ioctl_fionbio(&tty, true)?;
    Ok(tty)
}

/// True if a shell is there that could bring this process back after a stop: it runs in a process
/// group that is not the session leader's own.
#[must_use]
pub fn can_suspend() -> bool {
    getsid(None).is_ok_and(|session| session != getpgrp())
}

/// Stops this process, or its whole group as a terminal does for its suspend key. Returns when it
/// has been continued, or a little earlier.
pub fn stop_process(group: bool) {
    // The signal cannot be refused: it goes to ourselves.
    let _ =
        if group { kill_current_process_group(Signal::STOP) } else { kill_process(getpid(), Signal::STOP) };
}

fn tell(report: io::Result<PathBuf>) {
    match report {
        Ok(path) => eprintln!("hallwatch: a crash report was written to {}", path.display()),
        Err(error) => eprintln!("hallwatch: no crash report could be written: {error}"),
    }
}

fn write_report(folder: &Path, panic: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("hallwatch-crash-{}.txt", getpid().as_raw_nonzero()));
    let message: Vec<String> = panic.lines().map(text::clean).collect();
    let thread = std::thread::current();
    let trace = std::backtrace::Backtrace::force_capture();
    let report = format!(
        "hallwatch {}\nthread: {}\n{}\n\n{trace}\n",
        env!("CARGO_PKG_VERSION"),
        thread.name().unwrap_or("unnamed"),
        message.join("\n"),
    );
    fs::write(&path, report)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_undoes_every_private_mode_of_entering() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let modes = text([entering().as_slice(), mouse(true)].concat());
        for mode in modes.split("\x1b[?").filter(|mode| !mode.is_empty()) {
            let (number, last) = mode.split_at(mode.len() - 1);
            let undone = format!("\x1b[?{number}{}", if last == "h" { 'l' } else { 'h' });
            assert!(text(leaving()).contains(&undone), "{number}");
        }
        assert!(text(leaving()).contains("\x1b[0m"), "no attribute stays");
    }

    #[test]
    fn the_mouse_is_never_asked_for_every_movement() {
        let on = std::str::from_utf8(mouse(true)).unwrap();
        assert!(!on.contains("1003") && !on.contains("1000") && on.contains("1006"));
    }

    #[test]
    fn a_report_holds_the_message_without_its_teeth() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("not/there/yet");
        let path = write_report(&deep, "panicked at x.rs:1:\n\x1b[2Jboom").unwrap();
        let report = fs::read_to_string(path).unwrap();
        assert!(report.contains("panicked at x.rs:1:\n[2Jboom\n") && report.contains("thread: "));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(write_report(&folder.path().join("file"), "boom").is_err(), "a file is no folder");
    }
}
