//! What operators do to alarms.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::time::Timestamp;

/// Number of an alarm: one per rule and place, for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlarmId(pub u64);

impl std::fmt::Display for AlarmId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// Longest comment or reason, in characters.
pub const MAX_COMMENT: usize = 400;
/// Most alarms of one operation.
pub const MAX_TARGETS: usize = 100_000;
/// Longest time that an alarm may stay shelved, ms: a shift of 12 hours.
pub const MAX_SHELF_MS: i64 = 12 * 3600 * 1000;
/// How long an operation can be undone, ms.
pub const UNDO_MS: i64 = 10_000;

/// What an operator does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Takes the alarms on.
    Acknowledge,
    /// Puts them aside until a moment, or until they clear (one-shot), whichever comes first.
    Shelve {
        /// The end; at most [`MAX_SHELF_MS`] away.
        until: Timestamp,
        /// The shelf ends when the condition clears, too.
        one_shot: bool,
    },
    /// Ends a shelf.
    Unshelve,
    /// Resets latched alarms.
    Reset,
    /// Takes them out of service; has no end of its own.
    RemoveFromService,
    /// Gives them back.
    ReturnToService,
    /// Only says something.
    Comment,
    /// Undoes the operation of this number of the journal, within [`UNDO_MS`].
    Undo(u64),
}

impl Verb {
    /// Word for history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Shelve { .. } => "shelve",
            Self::Unshelve => "unshelve",
            Self::Reset => "reset",
            Self::RemoveFromService => "out of service",
            Self::ReturnToService => "return to service",
            Self::Comment => "comment",
            Self::Undo(_) => "undo",
        }
    }

    /// The word for what has been done: `acknowledged`.
    #[must_use]
    pub const fn done(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Shelve { .. } => "shelved",
            Self::Unshelve => "unshelved",
            Self::Reset => "reset",
            Self::RemoveFromService => "taken out of service",
            Self::ReturnToService => "returned to service",
            Self::Comment => "commented",
            Self::Undo(_) => "undone",
        }
    }

    /// True when it means nothing without a reason.
    #[must_use]
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::Shelve { .. } | Self::RemoveFromService | Self::Comment)
    }
}

/// One operation on any number of alarms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// Number in the journal; 0 before it is there.
    #[serde(default)]
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub operator: Arc<str>,
    /// What.
    pub verb: Verb,
    /// On which alarms; those that it does not apply to are left as they are.
    pub alarms: Vec<AlarmId>,
    /// Why: clean, at most [`MAX_COMMENT`] characters.
    #[serde(default)]
    pub comment: String,
}

impl Operation {
    /// Checks what can be checked without knowing the alarms.
    ///
    /// # Errors
    /// Says what is missing or too long.
    pub fn check(&self) -> Result<(), String> {
        if self.alarms.is_empty() && !matches!(self.verb, Verb::Undo(_)) {
            return Err("no alarm is chosen".into());
        }
        if self.alarms.len() > MAX_TARGETS {
            return Err(format!("{} alarms at once, at most {MAX_TARGETS}", self.alarms.len()));
        }
        if self.comment.chars().count() > MAX_COMMENT {
            return Err(format!("the comment is longer than {MAX_COMMENT} characters"));
        }
        if self.verb.needs_reason() && self.comment.trim().is_empty() {
            return Err(format!("{} needs a reason", self.verb.name()));
        }
        if let Verb::Shelve { until, .. } = self.verb {
            match until.since(self.time) {
                ms if ms <= 0 => return Err("the shelf would end before it begins".into()),
                ms if ms > MAX_SHELF_MS => return Err("an alarm is shelved for 12 h at most".into()),
                _ => {}
            }
        }
        Ok(())
    }
}
