//! Direct scrape of exporters: many targets, each asked once an interval, none trusted.
//!
//! `targets` and `discovery` say who is asked, `schedule` when, `fetch` asks, `exposition` reads the text,
//! `families` and `identity` know what it means, `page` makes a host reading of it, and `run`
//! holds it all together.

pub mod board;
pub mod chunked;
pub mod discovery;
pub mod exposition;
pub mod families;
pub mod fetch;
pub mod gpus;
pub mod guards;
pub mod identity;
pub mod login;
pub mod node;
pub(in crate::source) mod number;
pub mod page;
pub mod placing;
pub mod pool;
mod recall;
mod run;
pub mod schedule;
mod sets;
pub mod shard;
pub mod targets;
pub mod watch;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use crate::source::http::HttpConfig;
use crate::source::{Outlet, apart};

pub use discovery::Remote;
pub use fetch::Limits;
pub use guards::Guards;
pub use placing::Placing;
pub use run::run;
pub use shard::Shard;
pub use targets::{Selection, Spec, TargetError, TargetList};

/// Most lists over HTTP of one source.
pub const MAX_REMOTES: usize = 32;

/// Scrapes on a thread of its own, as [`apart::spawn`] has it.
pub fn spawn(config: ScrapeConfig, outlet: Outlet) {
    apart::spawn("scrape", run(config, outlet));
}

/// What a scraping source needs to run.
#[derive(Clone, Debug)]
pub struct ScrapeConfig {
    /// Where the targets come from; files among them are read again when they change.
    pub specs: Vec<Spec>,
    /// The targets as they are now.
    pub list: TargetList,
    /// Time between two polls of a target.
    pub interval: Duration,
    /// Requests at once, without those that have been waiting for more than a second.
    pub concurrency: usize,
    /// Bounds of one request.
    pub limits: Limits,
    /// Login, certificates and headers.
    pub http: HttpConfig,
    /// Limits on what a page may hold.
    pub guards: Guards,
    /// Which of the targets are asked, and how many there may be.
    pub selection: Selection,
    /// Lists over HTTP, at most [`MAX_REMOTES`].
    pub remotes: Vec<Remote>,
    /// Tells which hall a target belongs to; `None`: nobody asks.
    pub placing: Option<Arc<Placing>>,
    /// Makes the jitter of retries differ between consoles.
    pub seed: u64,
}

impl ScrapeConfig {
    /// The configuration for the arguments of `--scrape`: URLs, `host:port`, or names of target
    /// lists that end in `.json`. Everything else has its default: 15 s, 64 requests at once.
    ///
    /// # Errors
    /// A list that cannot be read or understood, or an address that is none.
    pub fn load(arguments: &[String]) -> Result<Self, TargetError> {
        let specs: Vec<_> = arguments.iter().map(|a| Spec::parse(a)).collect();
        let list = targets::load(&specs)?;
        Ok(Self {
            specs,
            list,
            interval: Duration::from_secs(15),
            concurrency: 64,
            limits: Limits::default(),
            http: HttpConfig::default(),
            guards: Guards::default(),
            selection: Selection::default(),
            remotes: Vec::new(),
            placing: None,
            seed: 1,
        })
    }

    /// Reads the lists again, for the present selection.
    ///
    /// # Errors
    /// As [`Self::load`], or more targets than `target_limit`.
    pub fn select(&mut self) -> Result<(), TargetError> {
        self.list = targets::gather(&self.specs, &[], self.selection)?;
        Ok(())
    }

    /// The interval in whole milliseconds.
    #[must_use]
    pub fn interval_ms(&self) -> u32 {
        u32::try_from(self.interval.as_millis()).unwrap_or(u32::MAX)
    }
}
