//! Alertmanager, both ways: its alerts as alarms here, our alarms as alerts there, and an
//! acknowledgement as a short silence.
//!
//! `client` asks, `wire` knows the forms of its API v2, `read` makes alarms of alerts, `post` says
//! which of our alarms are to be sent, `mirror` which silences are to be there, and `run` holds it all
//! together. Several addresses are one cluster: alerts are posted to all of them, as Prometheus does,
//! because its members share silences but not alerts.

pub mod client;
pub mod mirror;
pub mod post;
pub mod read;
mod run;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::model::Topology;
use crate::model::alarm::{AlarmBoard, JournalState};
use crate::model::text;

pub use run::run;

/// Most members of a cluster.
pub const MAX_URLS: usize = 8;
/// Labels that are looked at for a place, where the settings name none.
pub const LABELS: [&str; 8] =
    ["asset", "hallwatch_asset", "instance", "node", "hostname", "rack", "row", "hall"];
/// Values of the label `severity` and their priorities, where the settings name none.
pub const SEVERITIES: [(&str, u8); 6] =
    [("critical", 1), ("high", 2), ("error", 2), ("warning", 3), ("info", 4), ("none", 4)];
/// The priority of an alert whose severity says nothing.
pub const DEFAULT_PRIORITY: u8 = 3;
/// The label that marks alerts of hallwatch, and its value.
pub const OWN: (&str, &str) = ("source", "hallwatch");

/// What is done with an Alertmanager.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// The members of the cluster.
    pub urls: Vec<Url>,
    /// Show its alerts as alarms.
    pub read: bool,
    /// Post our alarms to it.
    pub post: bool,
    /// Keep a short silence for each acknowledged alarm.
    pub mirror: bool,
    /// Time between two polls.
    pub interval: Duration,
    /// Time after which a standing alarm is posted again.
    pub repeat: Duration,
    /// Longest time of one request.
    pub timeout: Duration,
    /// Labels that may name a place, the more trusted ones first.
    pub labels: Vec<String>,
    /// Severities and their priorities.
    pub severities: Vec<(String, u8)>,
    /// The site is simulated, in part at least: nothing is posted and nothing silenced.
    pub rehearsal: bool,
    /// A file with a bearer token; read anew for each round, so that it can be changed.
    pub token_file: Option<PathBuf>,
}

impl AlertmanagerConfig {
    /// The defaults for a cluster.
    #[must_use]
    pub fn new(urls: Vec<Url>) -> Self {
        Self {
            urls,
            read: true,
            post: false,
            mirror: false,
            interval: Duration::from_secs(15),
            repeat: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
            labels: LABELS.map(str::to_owned).into(),
            severities: SEVERITIES.map(|(word, p)| (word.to_owned(), p)).into(),
            rehearsal: false,
            token_file: None,
        }
    }

    /// True when alarms are posted.
    #[must_use]
    pub const fn posts(&self) -> bool {
        self.post && !self.rehearsal
    }

    /// True when acknowledgements become silences.
    #[must_use]
    pub const fn mirrors(&self) -> bool {
        self.mirror && !self.rehearsal
    }

    /// The priority of an alert by its severity.
    #[must_use]
    pub fn priority(&self, severity: &str) -> u8 {
        let known = self.severities.iter().find(|(word, _)| word.eq_ignore_ascii_case(severity));
        known.map_or(DEFAULT_PRIORITY, |(_, p)| *p)
    }
}

/// Reads an address: `http://host:9093`, or with a path in front of the API.
///
/// # Errors
/// Says what was expected.
pub fn parse_url(address: &str) -> Result<Url, String> {
    let shown = || text::clean(address);
    let mut url =
        Url::parse(address).map_err(|e| format!("`{}`: expected `http://host:9093`: {e}", shown()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("`{}`: expected `http://host:9093` or https", shown()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{}`: expected an address without `?` and `#`", shown()));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// What is looked at to see what is to be posted.
#[derive(Clone, Debug)]
pub struct View {
    /// The alarms.
    pub board: Arc<AlarmBoard>,
    /// The site.
    pub topology: Arc<Topology>,
}

impl View {
    /// True when this console speaks for the site: where another one leads, that one does. A leader
    /// that cannot write goes on: a full disk must not keep alarms from anybody.
    #[must_use]
    pub fn speaks(&self) -> bool {
        !matches!(self.board.journal, JournalState::Following(_))
    }
}

#[cfg(test)]
mod tests;
