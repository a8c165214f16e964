//! Sessions: a terminal at one end, an [`App`] at the other. A session turns bytes into events,
//! lets the app draw when there is something new and the terminal has room for it, and sends what
//! changed. It holds no shared state: any number of them run in one process.

pub mod caps;
pub mod clipboard;
pub mod console;
pub mod decode;
pub mod drive;
pub mod local;
pub mod pacer;
pub mod screen;
pub mod terminal;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use tokio::sync::mpsc;

use crate::engine::desk::Reply;
use crate::engine::{Ask, Told};
use crate::ui::alarms::deed::What;
use crate::ui::key::InputEvent;

/// What runs in a session. The session calls [`App::event`] with the size before the first frame,
/// and after anything that may have changed something asks [`App::requests`] and
/// [`App::take_redraw`].
pub trait App {
    /// What is published to the session, usually an `Arc`.
    type Data: Clone;

    /// The user did something, or the screen has another size.
    fn event(&mut self, event: InputEvent);

    /// New data has been published; `data` is the newest, what came between is gone.
    fn wake(&mut self, data: Self::Data);

    /// Called once a second, for what ages without any data.
    fn heartbeat(&mut self) {}

    /// True while something plays: [`App::clock`] is then called about ten times a second.
    fn wants_clock(&self) -> bool {
        false
    }

    /// So many milliseconds have gone by since it was last called, or since the clock was wanted.
    fn clock(&mut self, elapsed_ms: u64) {
        let _ = elapsed_ms;
    }

    /// What became of a [`Request::Copy`].
    fn copied(&mut self, report: CopyReport) {
        let _ = report;
    }

    /// The session begins: answers to what the app started go to `post`.
    fn begin(&mut self, post: Post) {
        let _ = post;
    }

    /// An answer that was posted.
    fn answered(&mut self, answer: Answer) {
        let _ = answer;
    }

    /// Draws everything into `buffer`, which is blank and covers `area`.
    fn render(&self, area: Rect, buffer: &mut Buffer);

    /// True if something changed since it was last asked.
    fn take_redraw(&mut self) -> bool;

    /// What the app wants from the session since it was last asked, in order.
    fn requests(&mut self) -> Vec<Request>;
}

/// What an app may ask of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// End the session.
    Quit,
    /// Give the terminal back to the shell until it is asked for again.
    Suspend,
    /// Put this text on the clipboard, at most [`clipboard::MAX_BYTES`] of it.
    Copy(String),
    /// Ring the bell.
    Bell,
    /// Set the title of the window; cleaned.
    Title(String),
    /// Paint the whole screen again.
    Repaint,
    /// Report the mouse, or leave it to the terminal.
    Mouse(bool),
}

/// So many answers wait for the loop before those who send them wait.
pub const POST_QUEUE: usize = crate::engine::desk::DESK;

/// The answer to something that the app started.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To an operation.
    Operated {
        /// What was ordered.
        what: What,
        /// The number under which it is saved, or why it is not.
        reply: Reply,
    },
    /// To something that the past was asked.
    Past {
        /// What was asked.
        ask: Ask,
        /// What is told.
        told: Told,
    },
}

/// The way of answers into the loop of a session.
#[derive(Clone, Debug)]
pub struct Post(mpsc::Sender<Answer>);

impl Post {
    /// A way, and its end.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Answer>) {
        let (tx, rx) = mpsc::channel(POST_QUEUE);
        (Self(tx), rx)
    }

    /// Sends an answer; one for a session that has ended is dropped.
    pub async fn send(&self, answer: Answer) {
        let _ = self.0.send(answer).await;
    }
}

/// What became of a text that was to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyReport {
    /// Sent to the terminal (OSC 52), which does not say whether it took it.
    Sent,
    /// In tmux's buffer, which passes it on if it may.
    Tmux,
    /// Longer than the limit, in bytes: nothing was copied.
    TooLong {
        /// The length.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The app asked for it.
    Quit,
    /// The terminal is gone.
    Gone,
    /// By this signal (its number); the usual exit code is 128 more.
    Signal(i32),
    /// Something panicked; the terminal is restored and a report was written.
    Panicked,
}

impl Ending {
    /// The exit code of a program that ended so.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Quit | Self::Gone => 0,
            Self::Signal(number) => u8::try_from(number).unwrap_or(0).saturating_add(128),
            Self::Panicked => 101,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!(Ending::Quit.exit_code(), 0);
        assert_eq!(Ending::Signal(15).exit_code(), 143);
        assert_eq!(Ending::Panicked.exit_code(), 101);
    }
}
