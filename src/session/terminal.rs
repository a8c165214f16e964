//! The local terminal: taken when a session begins, and given back exactly as it was however the
//! session ends: by its user, by a signal, by a stop, or by a panic anywhere in the process.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ratatui::layout::Size;
use rustix::io::Errno;
use rustix::process::{Signal, getpgrp, getpid, getsid, kill_current_process_group, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    OptionalActions, QueueSelector, SpecialCodeIndex, Termios, isatty, tcflush, tcgetattr, tcgetwinsize,
    tcsetattr,
};

use crate::model::text;

/// Alternate screen, no cursor, no wrapping at the right edge, bracketed paste, focus reports.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[?1004h";
/// The reverse, in the reverse order, after ending a frame that was cut short.
const LEAVE: &[u8] =
    b"\x1b[?2026l\x1b[?1006l\x1b[?1002l\x1b[?1004l\x1b[?2004l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
const SAVE_TITLE: &[u8] = b"\x1b[22;2t";
const RESTORE_TITLE: &[u8] = b"\x1b[23;2t";

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

/// How the terminal was found; shared with the panic hook and the writer.
#[derive(Debug)]
pub(super) struct Taken {
    found: Mutex<Option<Termios>>,
    active: AtomicBool,
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
        let taken = Arc::new(Taken { found: Mutex::new(None), active: AtomicBool::new(false), title });
        let terminal = Self { taken };
        terminal.take()?;
        Ok(terminal)
    }

    /// Takes the terminal again: after [`Terminal::leave`], or after a stop that left it as it was
    /// and let others change it.
    ///
    /// # Errors
    /// The system refuses; usually because the terminal is gone.
    pub fn take(&self) -> Result<(), TerminalError> {
        let mut found = self.taken.found.lock().unwrap_or_else(PoisonError::into_inner);
        let first = found.is_none();
        let modes = tcgetattr(stdin()).map_err(failed("read the modes"))?;
        let mut raw = modes.clone();
        raw.make_raw();
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin(), OptionalActions::Now, &raw).map_err(failed("set the modes"))?;
        found.get_or_insert(modes);
        self.taken.active.store(true, Ordering::SeqCst);
        let mut out = Vec::new();
        if first && self.taken.title {
            out.extend_from_slice(SAVE_TITLE);
        }
        out.extend_from_slice(ENTER);
        write_all(stdout(), &out)
            .map_err(|cause| TerminalError::System { operation: "write to the screen", cause })
    }

    /// Gives the terminal back. Does nothing if it is not taken.
    pub fn leave(&self) {
        self.taken.leave();
    }

    /// Throws away what the terminal has not taken yet, so that nothing waits for it.
    pub fn discard_output(&self) {
        // A terminal that is gone has nothing to discard.
        let _ = tcflush(stdout(), QueueSelector::OFlush);
    }

    /// What the writer and the panic hook need to know.
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
                tell(write_report(&folder, info));
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
    /// True while the terminal is taken: only then may frames be written.
    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::SeqCst)
    }

    /// Gives the terminal back; false if it was not taken. Errors are of no use any more: whoever
    /// could be told stands before a terminal that is gone.
    fn leave(&self) -> bool {
        let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return false;
        };
        self.active.store(false, Ordering::SeqCst);
        let _ = write_all(stdout(), LEAVE);
        if self.title {
            let _ = write_all(stdout(), RESTORE_TITLE);
        }
        let _ = tcflush(stdin(), QueueSelector::IFlush);
        let _ = tcsetattr(stdin(), OptionalActions::Now, &found);
        true
    }
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

/// Writes all of `bytes`, in one call if the terminal lets it.
pub(super) fn write_all(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Someone shares the terminal and made it non-blocking.
            Err(Errno::AGAIN) => rustix::io::ioctl_fionbio(&to, false)?,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Reads what is there, waiting for the first byte.
pub(super) fn read(from: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(&from, &mut *buffer) {
            Ok(count) => return Ok(count),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => rustix::io::ioctl_fionbio(&from, false)?,
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn tell(report: io::Result<PathBuf>) {
    match report {
        Ok(path) => eprintln!("hallwatch: a crash report was written to {}", path.display()),
        Err(error) => eprintln!("hallwatch: no crash report could be written: {error}"),
    }
}

fn write_report(folder: &Path, info: &PanicHookInfo<'_>) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("hallwatch-crash-{}.txt", getpid().as_raw_nonzero()));
    let message: Vec<String> = info.to_string().lines().map(text::clean).collect();
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
        let text = |bytes: &'static [u8]| std::str::from_utf8(bytes).unwrap();
        let modes = format!("{}{}", text(ENTER), text(mouse(true)));
        for mode in modes.split("\x1b[?").filter(|mode| !mode.is_empty()) {
            let (number, last) = mode.split_at(mode.len() - 1);
            let undone = format!("\x1b[?{number}{}", if last == "h" { 'l' } else { 'h' });
            assert!(text(LEAVE).contains(&undone), "{number}");
        }
    }

    #[test]
    fn the_mouse_is_never_asked_for_every_movement() {
        let on = std::str::from_utf8(mouse(true)).unwrap();
        assert!(!on.contains("1003") && !on.contains("1000") && on.contains("1006"));
    }

    #[test]
    fn what_is_written_arrives_whole_and_a_closed_end_is_an_error() {
        let (mut from, to) = io::pipe().unwrap();
        write_all(&to, b"frame").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(read(&from, &mut buffer).unwrap(), 5);
        drop(to);
        assert_eq!(read(&from, &mut buffer).unwrap(), 0, "the end");
        let (gone, to) = io::pipe().unwrap();
        drop(gone);
        assert!(write_all(&to, b"frame").is_err());
        assert_eq!(io::Read::read(&mut from, &mut buffer).unwrap(), 0);
    }
}
