//! The past at the start: what the flight recorder kept, then what engines with Prometheus' query API
//! have of the time before and since.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::EngineHandle;
use crate::fleet::period::Level;
use crate::fleet::rebuild::Portion;
use crate::model::Topology;
use crate::record::{self, Cursor, Recording};
use crate::source::promql::{PromConfig, backfill};
use crate::source::{Clock, apart};

/// Portions of the past that may wait for the engine, and periods in one: a portion takes some
/// milliseconds to put back.
pub(super) const QUEUE: usize = 2;
const PORTION: usize = 8;
/// So much of the past is read at a time, ms.
const STRETCH_MS: i64 = 600_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What engines are asked for once the recorded past is back: it must go in from old to new.
pub(super) struct Wanted {
    pub engines: Vec<PromConfig>,
    pub portions: mpsc::Sender<Portion>,
    /// Ends when the recorded past is back.
    pub recorded: oneshot::Receiver<()>,
    pub progress: watch::Sender<String>,
}

impl Wanted {
    /// Asks on a thread of its own: an engine sends each of some 300,000 series by itself, and every one of them
    /// woke another thread.
    pub fn spawn(self, handle: &EngineHandle, clock: Clock) {
        let snapshots = handle.snapshots.clone();
        apart::spawn("past of engines", async move {
            // The other side says nothing: it is dropped when it is done.
            let _ = self.recorded.await;
            backfill::run(self.engines, snapshots, clock, self.portions, self.progress).await;
        });
    }
}

/// Hands the recorded periods over, in portions, oldest first: those of 10 s of the last hour, which
/// charts show first, then those of a minute of the last day.
pub(super) fn read_recorded(folder: &Path, topology: &Arc<Topology>, portions: &mpsc::Sender<Portion>) {
    let Ok(mut recording) = Recording::open(folder) else { return };
    recording.share(topology);
    let Some((_, newest)) = recording.span() else { return };
    let Ok(mut cursor) = Cursor::new(recording) else { return };
    for (wanted, reach) in [(Level::TenSeconds, HOUR_MS), (Level::Minute, DAY_MS)] {
        let mut from = newest.plus_millis(-reach);
        while from <= newest {
            let to = from.plus_millis(STRETCH_MS - 1);
            let found = record::tape::periods(&mut cursor, (from, to), |level| level == wanted);
            for portion in found.chunks(PORTION) {
                let portion = Portion { periods: portion.to_vec(), frames: Vec::new() };
                if portions.blocking_send(portion).is_err() {
                    return;
                }
            }
            from = to.plus_millis(1);
        }
    }
}
