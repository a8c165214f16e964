//! What an operator can do to alarms, and what it takes to do it.

use crate::model::Timestamp;
use crate::model::alarm::state::next;
use crate::model::alarm::{Alarm, AlarmId, AlarmState, Input, Operation, Verb};
use crate::ui::action::Action;
use crate::ui::text;

/// Times that a shelf may last: words and ms. The last one is the longest allowed.
pub const SHELVES: [(&str, i64); 4] =
    [("15 min", 900_000), ("1 h", 3_600_000), ("4 h", 14_400_000), ("12 h", 43_200_000)];

/// Something to be done to alarms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Takes them on.
    Acknowledge,
    /// Puts them aside for a time.
    Shelve,
    /// Ends their shelf.
    Unshelve,
    /// Resets latched ones.
    Reset,
    /// Takes them out of service.
    OutOfService,
    /// Gives them back to service.
    InService,
    /// Says something about them.
    Comment,
}

/// A deed with all that belongs to it: ready to be ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// What.
    pub deed: Deed,
    /// On which.
    pub alarms: Vec<AlarmId>,
    /// Why.
    pub comment: String,
    /// For shelves: how long, ms, and whether they end when the condition clears.
    pub shelf: (i64, bool),
}

/// What was ordered, for the words about its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct What {
    /// What was done.
    pub verb: Verb,
    /// On how many alarms.
    pub count: usize,
}

impl Deed {
    /// The deed of an action.
    #[must_use]
    pub const fn of(action: Action) -> Option<Self> {
        match action {
            Action::Acknowledge | Action::AcknowledgeNow => Some(Self::Acknowledge),
            Action::Shelve => Some(Self::Shelve),
            Action::Unshelve => Some(Self::Unshelve),
            Action::Reset => Some(Self::Reset),
            Action::OutOfService => Some(Self::OutOfService),
            Action::InService => Some(Self::InService),
            Action::Comment => Some(Self::Comment),
            _ => None,
        }
    }

    /// `acknowledge`, as in "this will acknowledge".
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Shelve => "shelve",
            Self::Unshelve => "unshelve",
            Self::Reset => "reset",
            Self::OutOfService => "take out of service",
            Self::InService => "return to service",
            Self::Comment => "comment on",
        }
    }

    /// Why nothing is left to do, for a message.
    #[must_use]
    pub const fn none(self) -> &'static str {
        match self {
            Self::Acknowledge => "waits for an acknowledgement",
            Self::Shelve => "can be shelved",
            Self::Unshelve => "is shelved",
            Self::Reset => "is latched and acknowledged",
            Self::OutOfService => "can be taken out of service",
            Self::InService => "is out of service",
            Self::Comment => "is there",
        }
    }

    /// True when it means nothing without a reason.
    #[must_use]
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::Shelve | Self::OutOfService | Self::Comment)
    }

    /// True when it changes the alarm.
    #[must_use]
    pub fn applies(self, alarm: &Alarm) -> bool {
        let input = match self {
            Self::Acknowledge => Input::Acknowledge,
            Self::Shelve => Input::Shelve,
            Self::Unshelve => return alarm.shelf.is_some() || alarm.state == AlarmState::Shelved,
            Self::Reset => Input::Reset,
            Self::OutOfService => Input::RemoveFromService,
            Self::InService => Input::ReturnToService,
            Self::Comment => return true,
        };
        next(alarm.state, input, alarm.facts()).is_some()
    }

    /// What the engine is told at `now`.
    #[must_use]
    pub const fn verb(self, now: Timestamp, (length_ms, one_shot): (i64, bool)) -> Verb {
        match self {
            Self::Acknowledge => Verb::Acknowledge,
            Self::Shelve => Verb::Shelve { until: now.plus_millis(length_ms), one_shot },
            Self::Unshelve => Verb::Unshelve,
            Self::Reset => Verb::Reset,
            Self::OutOfService => Verb::RemoveFromService,
            Self::InService => Verb::ReturnToService,
            Self::Comment => Verb::Comment,
        }
    }
}

impl What {
    /// What an operation is.
    #[must_use]
    pub const fn of(operation: &Operation) -> Self {
        Self { verb: operation.verb, count: operation.alarms.len() }
    }

    /// `acknowledged 3 alarms`; an undo has no alarms of its own.
    #[must_use]
    pub fn words(self) -> String {
        match self.verb {
            Verb::Undo(number) => format!("undid operation {number}"),
            Verb::Comment => format!("commented on {}", alarms(self.count)),
            verb => format!("{} {}", verb.done(), alarms(self.count)),
        }
    }
}

/// `1 alarm`, `6 250 alarms`.
#[must_use]
pub fn alarms(n: usize) -> String {
    format!("{} alarm{}", text::integer(n as u64), if n == 1 { "" } else { "s" })
}

/// The time and the rest of `2h chatter of the sensor`: `once` after the time ends the shelf when
/// the condition clears.
///
/// # Errors
/// Says how it is written, or that it is too long.
pub fn shelf(written: &str) -> Result<((i64, bool), &str), String> {
    let form = || "write a time and a reason: :shelve 2h sensor is being changed".to_owned();
    let (time, rest) = written.split_once(char::is_whitespace).ok_or_else(form)?;
    let digits = time.find(|c: char| !c.is_ascii_digit()).filter(|i| *i > 0).ok_or_else(form)?;
    let number: i64 = time[..digits].parse().map_err(|_| form())?;
    let unit = match &time[digits..] {
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(form()),
    };
    let ms = number.saturating_mul(unit);
    if ms <= 0 || ms > crate::model::alarm::operation::MAX_SHELF_MS {
        return Err("an alarm is shelved for 1 min to 12 h".to_owned());
    }
    let rest = rest.trim();
    match rest.strip_prefix("once").filter(|r| r.starts_with(char::is_whitespace)) {
        Some(reason) => Ok(((ms, true), reason.trim())),
        None => Ok(((ms, false), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::operation::MAX_SHELF_MS;

    #[test]
    fn the_longest_shelf_offered_is_the_longest_allowed() {
        assert_eq!(SHELVES[SHELVES.len() - 1].1, MAX_SHELF_MS);
    }

    #[test]
    fn shelves_are_written_as_a_time_and_a_reason() {
        assert_eq!(shelf("2h sensor chatters"), Ok(((7_200_000, false), "sensor chatters")));
        assert_eq!(shelf("30m once  work order 5"), Ok(((1_800_000, true), "work order 5")));
        assert_eq!(shelf("5min oncecalled"), Ok(((300_000, false), "oncecalled")));
        for wrong in ["2h", "h x", "2 x", "2d x", "", "99999999999999999999h x"] {
            assert!(shelf(wrong).expect_err(wrong).contains(":shelve 2h"), "{wrong}");
        }
        for long in ["13h x", "0h x", "9999999999999h x"] {
            assert!(shelf(long).expect_err(long).contains("12 h"), "{long}");
        }
    }

    #[test]
    fn only_what_changes_an_alarm_applies_to_it() {
        let of = |state| Alarm { state, ..crate::ui::alarms::filter::tests::alarm() };
        assert!(Deed::Acknowledge.applies(&of(AlarmState::Unacknowledged)));
        assert!(!Deed::Acknowledge.applies(&of(AlarmState::Acknowledged)));
        assert!(!Deed::Acknowledge.applies(&of(AlarmState::Shelved)));
        assert!(Deed::Unshelve.applies(&of(AlarmState::Shelved)));
        assert!(Deed::Reset.applies(&of(AlarmState::LatchedAcknowledged)));
        assert!(!Deed::Reset.applies(&of(AlarmState::LatchedUnacknowledged)));
        assert!(Deed::InService.applies(&of(AlarmState::OutOfService)));
        assert!(!Deed::Shelve.applies(&of(AlarmState::OutOfService)));
        assert!(Deed::Comment.applies(&of(AlarmState::OutOfService)));
    }
}
