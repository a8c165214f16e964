//! The vocabulary of change: everything that can alter shared state is an [`Entry`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::alarm::{ExternalAlarms, JournalNews, Operation};
use crate::model::batch::{Batch, SourceId};
use crate::model::time::Timestamp;

/// One input of the core. The same entries in the same order give the same state.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Commit what was staged as the frame of this moment.
    Tick(Timestamp),
    /// Values from a source.
    Batch(Batch),
    /// A source tells how it is.
    Source(SourceStatus),
    /// An operator does something to alarms; saved in the journal already.
    Operation(Operation),
    /// The journal of alarms tells how it is.
    Journal(JournalNews),
    /// The alerts of an Alertmanager, all that stand.
    External(ExternalAlarms),
}

/// State of one source and of its targets.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceStatus {
    /// Which source.
    pub source: SourceId,
    /// What the operator calls it: `sim seed 7`, `scrape`, `local`.
    pub name: String,
    /// Time of this report.
    pub time: Timestamp,
    /// Polling interval, ms: the yardstick of staleness.
    pub interval_ms: u32,
    /// A remark for the operator, such as why NVML could not be loaded.
    pub note: Option<String>,
    /// The targets that changed since the last report, by their position in the target list.
    pub targets: Vec<(u32, TargetStatus)>,
    /// How many targets the source has.
    pub target_count: u32,
}

/// State of one scraped target.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetStatus {
    /// Identity, `host:port/path`, clean.
    pub name: String,
    /// What happened at the last try.
    pub state: TargetState,
    /// Time of the last success.
    pub last_ok: Option<Timestamp>,
    /// How long the last try took, ms.
    pub duration_ms: u32,
    /// Decoded size of the last answer.
    pub bytes: u32,
    /// Samples of wanted families in the last answer.
    pub samples: u32,
    /// Lines that could not be read in the last answer.
    pub bad_lines: u32,
    /// GPUs seen in the last answer.
    pub gpus: u32,
    /// Failures in a row.
    pub failures: u32,
    /// The hall that it stands in; empty while nothing says so.
    pub hall: Arc<str>,
}

/// What the last try at a target gave.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Not tried yet.
    #[default]
    Waiting,
    /// It answered and was understood.
    Up,
    /// It did not, for this reason.
    Down(String),
}
