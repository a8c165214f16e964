//! What readers get: an immutable picture of everything at one tick, shared by all sessions.

use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::history::History;
use crate::fleet::inventory::Inventory;
use crate::fleet::origin::Origins;
use crate::fleet::past::RecorderView;
use crate::fleet::sources::SourceView;
use crate::model::alarm::AlarmBoard;
use crate::model::chronicle::Happening;
use crate::model::{Timestamp, Topology};

/// The published state. Cloning it clones a few pointers.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The newest frame.
    pub frame: Arc<Frame>,
    /// Which trays answered at that moment, by tray id of the frame's topology; see
    /// [`Stage::answering`](crate::fleet::Stage::answering).
    pub trays: Arc<[bool]>,
    /// Everything before it.
    pub history: Arc<History>,
    /// Identities of GPUs and nodes.
    pub inventory: Arc<Inventory>,
    /// Where every value comes from.
    pub origins: Arc<Origins>,
    /// The sources and their targets.
    pub sources: Arc<[SourceView]>,
    /// All alarms.
    pub alarms: Arc<AlarmBoard>,
    /// What was noticed since the start beside alarms: jobs that began, ended or moved. Oldest first.
    pub happenings: Arc<[Happening]>,
    /// What the flight recorder does.
    pub recorder: Arc<RecorderView>,
    /// What the engine says about itself.
    pub engine: EngineStatus,
}

/// Figures of the engine for the status view.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct EngineStatus {
    /// Entries taken in since the start.
    pub entries: u64,
    /// Time the last commit took, µs; 0 where it is not measured.
    pub commit_us: u32,
    /// Time the last packing of history took, µs; 0 where it is not measured.
    pub pack_us: u32,
    /// Entries that waited in the queue at the last tick.
    pub queued: u32,
    /// Ticks that came late because the engine was busy.
    pub late_ticks: u64,
}

impl Snapshot {
    /// A snapshot of a site of which nothing is known yet: enough for a first frame.
    #[must_use]
    pub fn empty(topology: Arc<Topology>, time: Timestamp) -> Self {
        Self {
            trays: vec![false; topology.trays().len()].into(),
            frame: Arc::new(Frame::empty(topology, time)),
            history: Arc::default(),
            inventory: Arc::default(),
            origins: Arc::default(),
            sources: Arc::new([]),
            alarms: Arc::default(),
            happenings: Arc::new([]),
            recorder: Arc::default(),
            engine: EngineStatus::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_snapshot_has_no_past() {
        let s = Snapshot::empty(Arc::new(Topology::default_site()), Timestamp::from_secs(5));
        assert_eq!(s.trays.len(), s.frame.topology.trays().len());
        assert!(s.trays.iter().all(|answers| !answers));
        assert_eq!(s.frame.time, Timestamp::from_secs(5));
        assert!(s.history.span().is_none());
        assert!(s.sources.is_empty());
    }
}
