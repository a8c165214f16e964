//! Sources of data: the simulator, scraped exporters, engines with Prometheus' query API, this machine, a recording, an Alertmanager. Each one yields
//! [`Entry`] values through an [`Outlet`]; none of them knows the state or the screen.

pub mod alertmanager;
pub mod apart;
pub mod exporter;
pub mod http;
pub mod jobs;
pub mod local;
pub mod mqtt;
pub mod promql;
pub mod remote_write;
pub mod replay;
pub mod scrape;
pub mod serve;
pub mod sim;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::model::batch::SourceId;
use crate::model::{Entry, Timestamp};

/// Reads the wall clock. Handed in from the edge of the program so that tests can bring their own.
pub type Clock = fn() -> Timestamp;

/// The name of the hall on the screen, where it is one: a source that can ask for less than the whole
/// site may ask for this first. Only a hint, and of several consoles the newest.
pub type Focus = watch::Receiver<Option<Arc<str>>>;

/// Where a source puts what it has: a bounded queue to the engine. When the engine is behind, the
/// source waits (its next poll comes later); nothing is dropped.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// The number of this source, to be written into its batches and reports.
    pub source: SourceId,
    /// The queue to the engine.
    pub tx: mpsc::Sender<Entry>,
    /// The wall clock.
    pub clock: Clock,
}

impl Outlet {
    /// Hands `entry` over, waiting for room.
    ///
    /// # Errors
    /// The engine has stopped: the source should end.
    pub async fn send(&self, entry: Entry) -> Result<(), Stopped> {
        self.tx.send(entry).await.map_err(|_| Stopped)
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// The engine no longer takes entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine has stopped")]
pub struct Stopped;
