//! A session on the local terminal: threads that read and write it, signals, stop and resume.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rustix::process::Signal as Number;
use rustix::stdio::{stdin, stdout};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::session::caps::Caps;
use crate::session::drive::{INPUT_QUEUE, NOTICE_QUEUE, Notice, Ports, Session, Stop, Wire, WireEnd};
use crate::session::terminal::{self, Taken, Terminal, TerminalError, can_suspend, stop_process};
use crate::session::{App, Ending};

/// So many bytes are read at once at most.
const READ: usize = 16 * 1024;
/// How often, and how long each time, a terminal that takes nothing is waited for at the end.
const LAST_WAITS: (u32, Duration) = (10, Duration::from_millis(20));

/// What a local session needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the terminal can do.
    pub caps: Caps,
    /// The folder of crash reports; made when it is needed.
    pub crash_folder: PathBuf,
}

/// Runs `app` on the local terminal until it ends; `data` is what it is woken with. The terminal is
/// as it was before when this returns. The threads that read and write it may outlive the call by
/// one read, and SIGINT and the like stay caught: the process is expected to end soon.
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
    let (wire, end) = Wire::new();
    spawn("screen", {
        let taken = terminal.taken();
        move || write(end, &taken)
    })?;
    let (typed, input) = mpsc::channel(INPUT_QUEUE);
    spawn("keyboard", move || read(&typed))?;
    let _forward = AbortOnDrop(tokio::spawn(signals.forward(notify)));
    let mut ports = Ports { input, notices, data, wire };
    let mut session = Session::new(app, size, options.caps);
    loop {
        let stop = session.drive(&mut ports).await;
        match stop {
            Stop::End(ending) => {
                part(&mut session, &mut ports, &terminal, ending).await;
                return Ok(ending);
            }
            Stop::Suspend { .. } if !can_suspend() => {}
            Stop::Suspend { by_key } => {
                part(&mut session, &mut ports, &terminal, Ending::Quit).await;
                stop_process(by_key);
                if let Some(ending) = continued(&mut ports.notices).await {
                    return Ok(ending);
                }
            }
            Stop::Continued => {}
        }
        if matches!(stop, Stop::Suspend { .. }) && !can_suspend() {
            continue;
        }
        if terminal.take().is_err() {
            return Ok(Ending::Gone);
        }
        session.resumed(terminal::size().unwrap_or(size));
    }
}

/// Lets what is under way arrive, then gives the terminal back.
async fn part<A: App>(
    session: &mut Session<'_, A>,
    ports: &mut Ports<A::Data>,
    terminal: &Terminal,
    ending: Ending,
) {
    let mut idle = ending == Ending::Gone || session.settle(ports).await;
    for _ in 0..LAST_WAITS.0 {
        if idle {
            break;
        }
        // The terminal takes nothing: what it has not taken is thrown away until the writer is free.
        terminal.discard_output();
        idle = tokio::time::timeout(LAST_WAITS.1, ports.wire.written()).await.is_ok();
    }
    terminal.leave();
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

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), TerminalError> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(256 * 1024);
    thread.spawn(work).map_err(|cause| TerminalError::System { operation: "start a thread", cause })?;
    Ok(())
}

/// Reads the terminal until it ends; a session that is behind makes it wait.
fn read(typed: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; READ];
    while let Ok(count @ 1..) = terminal::read(stdin(), &mut buffer) {
        if typed.blocking_send(buffer[..count].to_vec()).is_err() {
            return;
        }
    }
}

/// Writes frames until the session ends; none after the terminal was given back.
fn write(mut end: WireEnd, taken: &Taken) {
    while let Some(frame) = end.frames.blocking_recv() {
        let result = if taken.is_active() { terminal::write_all(stdout(), &frame) } else { Ok(()) };
        if end.written.blocking_send(result.map(|()| frame)).is_err() {
            return;
        }
    }
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
