//! A session on the local terminal: tasks that read and write it, signals, stop and resume.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::Signal as Number;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::session::caps::Caps;
use crate::session::drive::{INPUT_QUEUE, NOTICE_QUEUE, Notice, Ports, Session, Stop, Wire, WireEnd};
use crate::session::terminal::{self, Taken, Terminal, TerminalError, can_suspend, stop_process};
use crate::session::{App, Ending};

/// So many bytes are read at once at most.
const READ: usize = 16 * 1024;

/// What a local session needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the terminal can do.
    pub caps: Caps,
    /// The folder of crash reports; made when it is needed.
    pub crash_folder: PathBuf,
}

/// Runs `app` on the local terminal until it ends; `data` is what it is woken with. The terminal is
/// as it was before when this returns. SIGINT and the like stay caught: the process is expected to
/// end soon.
///
/// # Errors
/// Standard input or output is no terminal, or the system refuses to set it up.
pub async fn run<A: App>(
    app: &mut A,
    data: watch::Receiver<A::Data>,
    options: Options,
) -> Result<Ending, TerminalError> {
    let (notify, notices) = mpsc::channel(NOTICE_QUEUE);
    // Caught before the terminal changes, so that no moment is without someone to restore it.
    let signals = Signals::catch()?;
    let terminal = Terminal::enter(options.caps.title)?;
    let panicked = notify.clone();
    terminal.restore_on_panic(options.crash_folder, move || {
        // A full queue is read soon, and the terminal is restored already.
        let _ = panicked.try_send(Notice::End(Ending::Panicked));
    });
    let size = terminal::size()?;
    let taken = terminal.taken();
    // A terminal is read and written like the two ends of a pipe.
    let waiting = |cause| TerminalError::System { operation: "wait for the device", cause };
    let screen = pipe::Sender::from_file_unchecked(taken.device()?).map_err(waiting)?;
    let keyboard = pipe::Receiver::from_file_unchecked(taken.device()?).map_err(waiting)?;
    let (wire, end) = Wire::new();
    let (typed, input) = mpsc::channel(INPUT_QUEUE);
    let _tasks = [
        AbortOnDrop(tokio::spawn(write(screen, taken, end))),
        AbortOnDrop(tokio::spawn(read(keyboard, typed))),
        AbortOnDrop(tokio::spawn(signals.forward(notify))),
    ];
    let mut ports = Ports { input, notices, data, wire };
    let mut session = Session::new(app, size, options.caps);
    loop {
        match session.drive(&mut ports).await {
            Stop::End(Ending::Gone) => return Ok(Ending::Gone),
            Stop::End(ending) => {
                session.settle(&mut ports).await;
                return Ok(ending);
            }
            // Nobody could continue it: the key does nothing, as the terminal would have it.
            Stop::Suspend { .. } if !can_suspend() => continue,
            Stop::Suspend { by_key } => {
                session.settle(&mut ports).await;
                terminal.leave();
                stop_process(by_key);
                if let Some(ending) = continued(&mut ports.notices).await {
                    return Ok(ending);
                }
            }
            Stop::Continued => {}
        }
        if terminal.take().is_err() {
            return Ok(Ending::Gone);
        }
        session.resumed(terminal::size().unwrap_or(size));
    }
}

/// Waits until the process has been continued; an end that comes first is returned.
async fn continued(notices: &mut mpsc::Receiver<Notice>) -> Option<Ending> {
    loop {
        match notices.recv().await {
            Some(Notice::Continued) => return None,
            Some(Notice::End(ending)) => return Some(ending),
            Some(Notice::Resize(_) | Notice::Suspend) => {}
            None => return Some(Ending::Gone),
        }
    }
}

/// Reads the terminal until it ends; a session that is behind makes it wait.
async fn read(keyboard: pipe::Receiver, typed: mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; READ];
    while keyboard.readable().await.is_ok() {
        match keyboard.try_read(&mut buffer) {
            Ok(count @ 1..) => {
                if typed.send(buffer[..count].to_vec()).await.is_err() {
                    return;
                }
            }
            Err(error) if again(&error) => {}
            _ => return,
        }
    }
}

/// Writes frames until the session ends.
async fn write(screen: pipe::Sender, taken: Arc<Taken>, mut end: WireEnd) {
    while let Some(frame) = end.frames.recv().await {
        let result = write_frame(&screen, &taken, &frame).await;
        if end.written.send(result.map(|()| frame)).await.is_err() {
            return;
        }
    }
}

/// Writes one frame, in one call if the terminal has room; what is left of it when the terminal is
/// given back is not for whoever has it then.
async fn write_frame(screen: &pipe::Sender, taken: &Taken, mut frame: &[u8]) -> io::Result<()> {
    let turn = taken.turn();
    while !frame.is_empty() && turn.is_some() && turn == taken.turn() {
        match screen.try_write(frame) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => frame = &frame[written..],
            Err(error) if again(&error) => screen.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The signals that concern a terminal.
struct Signals {
    end: [(Signal, Number); 4],
    resize: Signal,
    suspend: Signal,
    resume: Signal,
}

impl Signals {
    fn catch() -> Result<Self, TerminalError> {
        let catch = |number: Number| {
            signal(SignalKind::from_raw(number.as_raw()))
                .map_err(|cause: io::Error| TerminalError::System { operation: "catch a signal", cause })
        };
        Ok(Self {
            end: [
                (catch(Number::TERM)?, Number::TERM),
                (catch(Number::HUP)?, Number::HUP),
                (catch(Number::INT)?, Number::INT),
                (catch(Number::QUIT)?, Number::QUIT),
            ],
            resize: catch(Number::WINCH)?,
            suspend: catch(Number::TSTP)?,
            resume: catch(Number::CONT)?,
        })
    }

    /// Tells `notify` of every signal until nobody listens.
    async fn forward(self, notify: mpsc::Sender<Notice>) {
        let Self { end: [mut term, mut hup, mut int, mut quit], mut resize, mut suspend, mut resume } = self;
        loop {
            let ended = tokio::select! {
                _ = term.0.recv() => Some(term.1),
                _ = hup.0.recv() => Some(hup.1),
                _ = int.0.recv() => Some(int.1),
                _ = quit.0.recv() => Some(quit.1),
                _ = resize.recv() => None,
                _ = suspend.recv() => {
                    if notify.send(Notice::Suspend).await.is_err() {
                        return;
                    }
                    continue;
                }
                _ = resume.recv() => {
                    if notify.send(Notice::Continued).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let notice = match (ended, terminal::size()) {
                (Some(number), _) => Notice::End(Ending::Signal(number.as_raw())),
                (None, Ok(size)) => Notice::Resize(size),
                (None, Err(_)) => Notice::End(Ending::Gone),
            };
            if notify.send(notice).await.is_err() {
                return;
            }
        }
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
