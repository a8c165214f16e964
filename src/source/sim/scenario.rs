//! Scripted incidents: what happens to the simulated site and when, and what must be seen of it.
//!
//! A scenario is a TOML file that anyone can write (docs/scenarios.md). [`Scenario::parse`] checks
//! it without knowing the site, [`Scenario::resolve`] finds its assets on a site, draws what is
//! left to chance, and gives a [`Timeline`] of effects by the second. The signatures in the file
//! say what the physics must show, the alarms what the console must raise: tests read them from
//! there, so that the file alone says what the incident is.

pub mod doc;
pub mod ground;
pub mod plan;
pub mod read;
pub mod resolve;
pub mod signature;
pub mod verb;

use crate::model::alarm::rule::AlarmRule;
use crate::model::document::{self, FileError};
use crate::model::text;

use ground::Level;
pub use plan::Plan;
pub use resolve::Timeline;
pub use signature::Signature;
use verb::{Values, Verb};

/// Largest scenario file, bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// Most events of a file; as many alarms and as many signatures.
pub const MAX_EVENTS: usize = 1000;
/// Most effects that the events of a file may come to on a site.
pub const MAX_EFFECTS: usize = 200_000;
/// Most assets, or ranges of them, that the alarms and signatures of a file may come to on a site.
pub const MAX_WATCHED: usize = 1_000_000;
/// Longest scenario, seconds.
pub const MAX_LENGTH: u64 = 24 * 3600;
/// Second at which a scenario starts when nothing else is said.
pub const DEFAULT_START: u64 = 60;
/// Latest start, seconds.
pub const MAX_START: u64 = 30 * 24 * 3600;

/// The words that name assets of their own in `on` and `of`.
pub const RESERVED: [&str; 3] = ["site", "picked", "job"];

/// One scripted incident, as its file says it.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// Name in files and on the command line: lower case, digits and dashes.
    pub name: String,
    /// The name in words.
    pub title: String,
    /// What happens, what the operator should see, what there is to learn.
    pub doc: String,
    /// How long it lasts, seconds.
    pub length: u64,
    /// The asset that is drawn, if one is.
    pub pick: Option<Pick>,
    /// What happens, in order of time.
    pub events: Vec<Event>,
    /// Alarms that must be raised.
    pub raises: Vec<Raise>,
    /// Alarms that must not be raised.
    pub quiet: Vec<Quiet>,
    /// What the physics must show.
    pub signatures: Vec<Signature>,
    file: String,
}

/// Which asset to draw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pick {
    /// Its kind.
    pub kind: Level,
    /// Where it is drawn.
    pub among: Among,
    /// The line in the file.
    pub line: usize,
}

/// Where an asset is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Among {
    /// Where training jobs run: among the assets of which the largest part trains.
    Training,
    /// Anywhere.
    Any,
    /// In the largest training job.
    LargestJob,
}

impl Among {
    /// All, with their words in files.
    pub const ALL: [(&'static str, Self); 3] =
        [("training", Self::Training), ("any", Self::Any), ("largest-job", Self::LargestJob)];

    /// Word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Which assets are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum On {
    /// The site.
    Site,
    /// The asset that was drawn.
    Picked,
    /// The GPUs of the job on the asset that was drawn.
    Job,
    /// What an earlier event acted on, under the name that it gave.
    Set(String),
    /// The asset of this name.
    Asset(String),
}

impl std::fmt::Display for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Site => f.write_str("site"),
            Self::Picked => f.write_str("picked"),
            Self::Job => f.write_str("job"),
            Self::Set(name) | Self::Asset(name) => f.write_str(name),
        }
    }
}

/// How many of several assets are meant: a number is drawn between two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    /// All.
    All,
    /// So many of them.
    Count(u32, u32),
    /// All but so many.
    But(u32, u32),
}

/// Something that happens.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// When, seconds after the start of the scenario.
    pub at: u64,
    /// What.
    pub verb: &'static Verb,
    /// The values of its parameters.
    pub values: Values,
    /// To what.
    pub on: On,
    /// The line that says to what.
    pub on_line: usize,
    /// To how many.
    pub share: Share,
    /// Over how many seconds it is spread by chance.
    pub spread: u64,
    /// Seconds between one group and the next.
    pub each: u64,
    /// The kind of asset that makes a group.
    pub per: Level,
    /// The name under which later events find its assets.
    pub named: Option<String>,
    /// The line in the file.
    pub line: usize,
}

/// An alarm that must be raised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raise {
    /// The rule.
    pub rule: &'static AlarmRule,
    /// At or in which asset.
    pub on: On,
    /// Not before this second.
    pub at: u64,
    /// At most so many seconds later.
    pub within: u64,
    /// The line in the file.
    pub line: usize,
}

/// Alarms that must not be raised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quiet {
    /// The rules.
    pub rules: Vec<&'static AlarmRule>,
    /// At or in which asset.
    pub on: On,
    /// The line in the file.
    pub line: usize,
}

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        /// The built-in scenarios by name, with their files.
        pub const BUILT_IN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("scenarios/", $name, ".toml")))),+];
    };
}

built_in!(
    "cdu-pump-failover",
    "cdu-sibling-takeover",
    "row-cooling-lost",
    "rack-leak",
    "busway-loss",
    "grid-dip",
    "setpoint-drift",
    "switch-tray-failure",
    "xid79-burst",
    "firmware-throttling",
    "network-partition",
    "straggler",
    "power-oscillation",
);

impl Scenario {
    /// Parses the scenario file `file` with the content `text`.
    ///
    /// # Errors
    /// The first mistake, with file, line, what was expected and the nearest valid name.
    pub fn parse(text: &str, file: &str) -> Result<Self, FileError> {
        read::scenario(text, file)
    }

    /// The built-in scenario `name`.
    ///
    /// # Errors
    /// There is none of that name: names the nearest one.
    pub fn built_in(name: &str) -> Result<Self, String> {
        let found = BUILT_IN.iter().find(|(n, _)| *n == name);
        let (name, text) = found.ok_or_else(|| {
            let names: Vec<&str> = BUILT_IN.iter().map(|(n, _)| *n).collect();
            format!("no scenario is called `{}`: {}", text::clean(name), document::hint(name, &names))
        })?;
        Self::parse(text, &format!("built-in scenario {name}")).map_err(|e| e.to_string())
    }

    /// The file that it was read from, as it is named in errors.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    fn error(&self, line: usize, message: impl Into<String>) -> FileError {
        FileError::new(&self.file, Some(line), message)
    }
}

#[cfg(test)]
mod tests;
