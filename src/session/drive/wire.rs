//! The way of frames to a terminal: one at a time, and the session knows when it has been taken.

use std::io;

use tokio::sync::mpsc;

/// A frame that was written gives its memory back; or the terminal is gone.
pub type Written = io::Result<Vec<u8>>;

/// The session's end: takes a frame, later says that it was written. Never blocks.
#[derive(Debug)]
pub struct Wire {
    frames: mpsc::Sender<Vec<u8>>,
    written: mpsc::Receiver<Written>,
}

/// The transport's end: takes frames in order and writes each with as few calls as it can.
#[derive(Debug)]
pub struct WireEnd {
    /// Frames to be written.
    pub frames: mpsc::Receiver<Vec<u8>>,
    /// To be told after each one.
    pub written: mpsc::Sender<Written>,
}

impl Wire {
    /// Both ends of a wire. It holds one frame: the session makes no other before that is written.
    #[must_use]
    pub fn new() -> (Self, WireEnd) {
        let ((frames, taken), (done, written)) = (mpsc::channel(1), mpsc::channel(1));
        (Self { frames, written }, WireEnd { frames: taken, written: done })
    }

    /// Hands a frame over; false if the terminal is gone.
    pub(super) fn send(&mut self, frame: Vec<u8>) -> bool {
        self.frames.try_send(frame).is_ok()
    }

    /// Waits until a frame has been written; `None`: the terminal is gone.
    pub async fn written(&mut self) -> Option<Written> {
        self.written.recv().await
    }

    pub(super) fn try_written(&mut self) -> Option<Written> {
        self.written.try_recv().ok()
    }
}
