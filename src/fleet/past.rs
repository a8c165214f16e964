//! The past beyond the ring, as readers use it: something that can show any recorded moment.
//!
//! A [`Tape`] may have to read from a disk, so it is never asked by whoever draws: it lives on a
//! thread of its own, and its answers come when they come.

use std::path::PathBuf;
use std::sync::Arc;

use crate::fleet::{History, Snapshot};
use crate::model::Timestamp;
use crate::model::chronicle::{Bookmark, Chronicle, Incident};

/// A recording, the flight recorder, or anything else that knows the past. Errors are sentences for
/// the operator.
pub trait Tape: Send {
    /// What is known of it now. The same `Arc` as long as nothing changed.
    fn chronicle(&mut self) -> Arc<Chronicle>;

    /// The state at the newest frame at or before `time`; at the first frame where `time` lies before
    /// all. Its frame and the assets of its alarms are of the topology of then.
    ///
    /// # Errors
    /// There is no frame, or it cannot be read.
    fn show(&mut self, time: Timestamp) -> Result<Arc<Snapshot>, String>;

    /// Charts for the moment `time`. [`Self::show`] leaves them out where they take long: its history
    /// has a budget of 0 then, and whoever shows the moment asks for them afterwards.
    ///
    /// # Errors
    /// As [`Self::show`].
    fn charts(&mut self, time: Timestamp) -> Result<Arc<History>, String> {
        self.show(time).map(|s| Arc::clone(&s.history))
    }

    /// The state `steps` frames after (before, where negative) the one that [`Self::show`] gives for
    /// `from`, kept within what there is.
    ///
    /// # Errors
    /// As [`Self::show`].
    fn step(&mut self, from: Timestamp, steps: i64) -> Result<Arc<Snapshot>, String>;

    /// Marks an incident, so that its frames are kept.
    ///
    /// # Errors
    /// It cannot be saved.
    fn mark(&mut self, incident: Incident) -> Result<(), String>;

    /// Marks a moment.
    ///
    /// # Errors
    /// It cannot be saved.
    fn bookmark(&mut self, bookmark: Bookmark) -> Result<(), String>;

    /// Cuts an incident out into a file of its own and says where that is. With `anonymous` set,
    /// names of hosts, jobs, tenants and operators are replaced in it.
    ///
    /// # Errors
    /// It cannot be read or written; then no file is left behind.
    fn clip(&mut self, incident: &Incident, anonymous: bool) -> Result<PathBuf, String>;
}

/// What the flight recorder does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum RecorderState {
    /// It was not asked for.
    #[default]
    Off,
    /// It writes.
    Recording,
    /// Another console writes in this folder.
    Elsewhere,
    /// Nothing is recorded, for this reason.
    Failing(Arc<str>),
}

/// The flight recorder as readers see it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecorderView {
    /// What it does.
    pub state: RecorderState,
    /// The file that is being written.
    pub file: Arc<str>,
    /// Bytes on disk, all files together.
    pub bytes: u64,
    /// Bytes that all files together may have.
    pub budget: u64,
    /// Frames written since the start.
    pub frames: u64,
    /// Frames that could not be written since the start.
    pub dropped: u64,
}
