//! What readers see of all alarms at one moment.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::alarm::operation::AlarmId;
use crate::model::alarm::record::{Alarm, Transition};
use crate::model::alarm::rule::Scope;
use crate::model::alarm::state::AlarmState;
use crate::model::id::Asset;
use crate::model::time::Timestamp;

/// How many alarms are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AlarmCounts {
    /// Annunciated alarms by priority 1 to 4.
    pub by_priority: [u32; 4],
    /// Those of them that wait for an acknowledgement, by priority.
    pub unacknowledged: [u32; 4],
    /// Shelved.
    pub shelved: u32,
    /// Suppressed by design.
    pub suppressed: u32,
    /// Out of service.
    pub out_of_service: u32,
}

impl AlarmCounts {
    /// Counts `alarms`.
    #[must_use]
    pub fn of<'a>(alarms: impl IntoIterator<Item = &'a Alarm>) -> Self {
        let mut counts = Self::default();
        for alarm in alarms {
            let at = usize::from(alarm.priority.clamp(1, 4) - 1);
            match alarm.state {
                AlarmState::Shelved => counts.shelved += 1,
                AlarmState::Suppressed => counts.suppressed += 1,
                AlarmState::OutOfService => counts.out_of_service += 1,
                AlarmState::Normal => {}
                state => {
                    counts.by_priority[at] += 1;
                    counts.unacknowledged[at] += u32::from(state.is_unacknowledged());
                }
            }
        }
        counts
    }

    /// Annunciated alarms.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.by_priority.iter().sum()
    }

    /// Alarms that wait for an acknowledgement.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.unacknowledged.iter().sum()
    }
}

/// Figures of the alarm system by ISA-18.2 (2016, table 7), per operator console.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kpi {
    /// Annunciations in the last 10 minutes.
    pub per_10_min: u32,
    /// Annunciations in the last hour.
    pub per_hour: u32,
    /// Annunciations in the last 24 hours.
    pub per_day: u32,
    /// Share of the last 24 hours (or of the time watched) spent in flood, 0 to 1.
    pub flood_share: f32,
    /// A flood is on: it began with more than 10 in 10 minutes and ends below 5.
    pub flood: bool,
    /// Standing alarms.
    pub standing: u32,
    /// Standing for longer than 24 hours.
    pub stale: u32,
    /// Chattering alarms.
    pub chattering: u32,
    /// Mean time to acknowledge, s, over the last 24 hours; `None` without any.
    pub mean_ack_s: Option<f32>,
    /// Annunciations of the last 24 hours by priority 1 to 4.
    pub mix: [u32; 4],
    /// The most frequent alarms of the last 24 hours: number, rule, place, count.
    pub top: Vec<(AlarmId, Arc<str>, Arc<str>, u32)>,
    /// Annunciations in each 10 minutes of the last 24 hours, oldest first (144 values).
    pub bins: Vec<u16>,
    /// Longest run of 10-minute periods, and share of them, with more than 10.
    pub busy_share: f32,
    /// Most in any 10-minute period.
    pub peak_10_min: u32,
    /// How long this console has counted, ms.
    pub watched_ms: i64,
}

/// One rule as readers see it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleView {
    /// Name in files and on the command line.
    pub slug: Arc<str>,
    /// Words.
    pub title: Arc<str>,
    /// What its alarms stand at.
    pub scope: Option<Scope>,
    /// Priority, 1 to 4.
    pub priority: u8,
    /// Condition as written.
    pub condition: Arc<str>,
    /// Delays, s.
    pub on_delay_s: f32,
    /// Delay before it clears, s.
    pub off_delay_s: f32,
    /// Deadband as written; empty for none.
    pub deadband: Arc<str>,
    /// What went must be reset.
    pub latch: bool,
    /// Cause class: alarms of one class at one time and place are one event.
    pub group: Arc<str>,
    /// Rules whose alarms it suppresses.
    pub suppresses: Arc<str>,
    /// What the operator should do.
    pub action: Arc<str>,
    /// Where it is written at length.
    pub runbook: Arc<str>,
    /// Switched off by the site.
    pub disabled: bool,
    /// Values that the condition needs and no source reports; empty when it is live.
    pub missing: Arc<str>,
    /// File and line it was last changed by; empty for the built-in rule.
    pub from: Arc<str>,
}

/// How the journal is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalState {
    /// There is none: operations live as long as the console.
    #[default]
    None,
    /// This console writes the transitions.
    Leading,
    /// Another console does (its name); operations are written here, too.
    Following(Arc<str>),
    /// Nothing can be saved, for this reason.
    Broken(Arc<str>),
}

/// What the journal tells the engine.
#[derive(Clone, PartialEq, Debug)]
pub enum JournalNews {
    /// This console writes the transitions from now on, from these alarms.
    Lead(Vec<Alarm>),
    /// Another console does (its name); these are its alarms.
    Follow(Arc<str>, Vec<Alarm>),
    /// What happened before, oldest first: the whole last day, or what another console adds.
    Past {
        /// It is the whole day, not only what is new.
        whole: bool,
        /// The transitions.
        transitions: Vec<Transition>,
    },
    /// Nothing can be saved, for this reason.
    Broken(Arc<str>),
    /// It can again.
    Mended,
}

/// All alarms of one moment. Cloning it clones a few pointers.
#[derive(Clone, Debug, Default)]
pub struct AlarmBoard {
    /// The moment.
    pub time: Timestamp,
    /// All alarms that stand, in the order of lists; see [`Alarm::rank`].
    pub alarms: Arc<[Arc<Alarm>]>,
    /// How many are in which state.
    pub counts: AlarmCounts,
    /// Figures of the alarm system.
    pub kpi: Arc<Kpi>,
    /// The newest transitions, newest first.
    pub events: Arc<[Arc<Transition>]>,
    /// The rules, in the order of their numbers.
    pub rules: Arc<[RuleView]>,
    /// How the journal is.
    pub journal: JournalState,
    /// Annunciations since the start of priority 1 and 2, for the bell.
    pub bells: u64,
}

impl AlarmBoard {
    /// The alarm of this number, while it stands.
    #[must_use]
    pub fn get(&self, id: AlarmId) -> Option<&Arc<Alarm>> {
        self.alarms.iter().find(|a| a.id == id)
    }

    /// The rule of this name.
    #[must_use]
    pub fn rule(&self, slug: &str) -> Option<&RuleView> {
        self.rules.iter().find(|r| &*r.slug == slug)
    }

    /// Annunciated alarms at exactly this asset, most urgent first.
    pub fn at(&self, asset: Asset) -> impl Iterator<Item = &Arc<Alarm>> {
        self.alarms.iter().filter(move |a| a.asset == Some(asset) && a.state.is_annunciated())
    }
}
