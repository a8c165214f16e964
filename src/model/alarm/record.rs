//! One alarm as readers and the journal know it, and what happens to alarms.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::alarm::operation::AlarmId;
use crate::model::alarm::state::{AlarmState, Facts, Input};
use crate::model::id::Asset;
use crate::model::time::Timestamp;

/// Members that an alarm names; more are only counted.
pub const MAX_MEMBERS: usize = 64;
/// Steps of its history that an alarm carries with it.
pub const MAX_STEPS: usize = 16;

/// Something an operator said or did, with its time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// Who.
    pub operator: Arc<str>,
    /// When.
    pub time: Timestamp,
    /// Why, in his words; may be empty.
    pub comment: Arc<str>,
}

/// A shelf.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shelf {
    /// Who, when and why.
    pub note: Note,
    /// The end.
    pub until: Timestamp,
    /// Ends when the condition clears, too.
    pub one_shot: bool,
}

/// Something that belongs to an alarm: a symptom of the same event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// When it joined.
    pub time: Timestamp,
    /// Name of its place.
    pub place: Arc<str>,
    /// The rule that found it.
    pub rule: Arc<str>,
}

/// One step of the history of an alarm.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub time: Timestamp,
    /// What happened.
    pub input: Input,
    /// State after it.
    pub to: AlarmState,
    /// Who did it; empty for the engine.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub operator: Arc<str>,
    /// Comment, value or reason.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub text: Arc<str>,
}

/// Who found an alarm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A rule of this console.
    #[default]
    Rule,
    /// An alert of an Alertmanager.
    Alertmanager,
}

/// One alarm: one rule at one place.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Alarm {
    /// Its number.
    pub id: AlarmId,
    /// Name of the rule (`row-cooling-lost`), or of the alert.
    pub rule: Arc<str>,
    /// Words of the rule.
    pub title: Arc<str>,
    /// Name of the place from the hall down, of the job, or of the site.
    pub place: Arc<str>,
    /// The place on the map; `None` when this topology does not know it. Not kept in the journal.
    #[serde(skip)]
    pub asset: Option<Asset>,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Origin,
    /// What the one who found it knows it by; empty for alarms of our own rules.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub fingerprint: Arc<str>,
    /// Priority now: 1 critical to 4 low.
    pub priority: u8,
    /// State.
    pub state: AlarmState,
    /// The condition stands.
    pub active: bool,
    /// A latching alarm stood since it was last reset.
    #[serde(default)]
    pub latched: bool,
    /// The rule latches.
    #[serde(default)]
    pub latching: bool,
    /// When the condition last became true, past its delay.
    pub raised: Timestamp,
    /// When it last became false, past its delay, if it has since.
    #[serde(default)]
    pub cleared: Option<Timestamp>,
    /// When the state last changed.
    pub changed: Timestamp,
    /// How often it was raised.
    pub occurrences: u32,
    /// The value that crossed the limit, with words: `3.1 LPM < 41.0`.
    #[serde(default)]
    pub text: Arc<str>,
    /// GPUs that it is about.
    #[serde(default)]
    pub gpus: u32,
    /// How many members it has.
    #[serde(default)]
    pub member_count: u32,
    /// The first members, first-out first.
    #[serde(default)]
    pub members: Vec<Member>,
    /// The last acknowledgement of this occurrence.
    #[serde(default)]
    pub acknowledged: Option<Note>,
    /// The shelf, while it runs.
    #[serde(default)]
    pub shelf: Option<Shelf>,
    /// Who took it out of service, while it is.
    #[serde(default)]
    pub service: Option<Note>,
    /// The alarm that is its cause, while that suppresses it.
    #[serde(default)]
    pub suppressed_by: Option<AlarmId>,
    /// The last comment.
    #[serde(default)]
    pub comment: Option<Note>,
    /// It was raised three times or more within a minute.
    #[serde(default)]
    pub chattering: bool,
    /// Its history, newest last, at most [`MAX_STEPS`].
    #[serde(default)]
    pub steps: Vec<Step>,
}

impl Alarm {
    /// The alarm of a rule at a place of which nothing has been told yet: normal, of low priority.
    #[must_use]
    pub fn normal(id: AlarmId, rule: &Arc<str>, place: &Arc<str>) -> Self {
        Self { id, rule: Arc::clone(rule), place: Arc::clone(place), priority: 4, ..Self::default() }
    }

    /// What decides between the ways out of its state.
    #[must_use]
    pub const fn facts(&self) -> Facts {
        Facts {
            latching: self.latching,
            active: self.active,
            latched: self.latched,
            shelved: self.shelf.is_some(),
            suppressed: self.suppressed_by.is_some(),
        }
    }

    /// True when it has been active for longer than a day (ISA-18.2: stale).
    #[must_use]
    pub const fn is_stale(&self, now: Timestamp) -> bool {
        self.active && now.since(self.raised) > 24 * 3600 * 1000
    }

    /// True while it is worth keeping in front of the operator: in any state but normal.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.state != AlarmState::Normal
    }

    /// The order of lists: unacknowledged first, then those that are put aside last, then priority,
    /// then the newest first.
    #[must_use]
    pub fn rank(&self) -> (u8, u8, std::cmp::Reverse<Timestamp>, AlarmId) {
        let group = match self.state {
            s if s.is_unacknowledged() => 0,
            s if s.is_annunciated() => 1,
            s if s.is_aside() => 2,
            _ => 3,
        };
        (group, self.priority, std::cmp::Reverse(self.raised), self.id)
    }
}

/// Something that happened to an alarm: a row of the history.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub time: Timestamp,
    /// Which alarm.
    pub alarm: AlarmId,
    /// Its rule.
    pub rule: Arc<str>,
    /// Its place.
    pub place: Arc<str>,
    /// What happened.
    pub input: Input,
    /// State before.
    pub from: AlarmState,
    /// State after; the same while it is put aside and only its condition changed.
    pub to: AlarmState,
    /// Priority after.
    pub priority: u8,
    /// Number of the operation in the journal that did it; 0 for the engine.
    #[serde(default)]
    pub operation: u64,
    /// Value, reason or comment.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub text: Arc<str>,
}
