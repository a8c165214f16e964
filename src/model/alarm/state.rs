//! The states of an alarm and every way between them, as one table (ISA-18.2-2016, IEC 62682).
//!
//! The table is the only place that decides: engine, tests and the drawing in `docs/alarms.md` all
//! read it. What a row needs to know beyond the state it starts from stands in [`Facts`].

use serde::{Deserialize, Serialize};

/// The nine states of an alarm; letters as in ISA-18.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// A: nothing is wrong.
    #[default]
    Normal,
    /// B: something is wrong and nobody has taken it on.
    Unacknowledged,
    /// C: something is wrong and an operator has taken it on.
    Acknowledged,
    /// D: it came and went, and nobody has seen it.
    ReturnedUnacknowledged,
    /// E: it went, but must be looked at before it is reset; nobody has seen it.
    LatchedUnacknowledged,
    /// F: it went and was seen, but has not been reset.
    LatchedAcknowledged,
    /// G: an operator has put it aside for a while.
    Shelved,
    /// H: logic has put it aside, because its cause is an alarm itself.
    Suppressed,
    /// I: what it watches is out of service for maintenance.
    OutOfService,
}

impl AlarmState {
    /// All states, A to I.
    pub const ALL: [Self; 9] = [
        Self::Normal,
        Self::Unacknowledged,
        Self::Acknowledged,
        Self::ReturnedUnacknowledged,
        Self::LatchedUnacknowledged,
        Self::LatchedAcknowledged,
        Self::Shelved,
        Self::Suppressed,
        Self::OutOfService,
    ];

    /// The letter of ISA-18.2.
    #[must_use]
    pub const fn letter(self) -> char {
        (b'A' + self as u8) as char
    }

    /// Words for the operator.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Unacknowledged => "unacknowledged",
            Self::Acknowledged => "acknowledged",
            Self::ReturnedUnacknowledged => "returned to normal, unacknowledged",
            Self::LatchedUnacknowledged => "latched, unacknowledged",
            Self::LatchedAcknowledged => "latched, acknowledged",
            Self::Shelved => "shelved",
            Self::Suppressed => "suppressed by design",
            Self::OutOfService => "out of service",
        }
    }

    /// At most five characters for lists.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Normal => "OK",
            Self::Unacknowledged => "UNACK",
            Self::Acknowledged => "ACK",
            Self::ReturnedUnacknowledged => "RTN-U",
            Self::LatchedUnacknowledged => "LAT-U",
            Self::LatchedAcknowledged => "LATCH",
            Self::Shelved => "SHLVD",
            Self::Suppressed => "SUPR",
            Self::OutOfService => "OOS",
        }
    }

    /// True in the states that wait for an acknowledgement: B, D, E.
    #[must_use]
    pub const fn is_unacknowledged(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::ReturnedUnacknowledged | Self::LatchedUnacknowledged)
    }

    /// True in the states that the operator is told of: B to F.
    #[must_use]
    pub const fn is_annunciated(self) -> bool {
        matches!(
            self,
            Self::Unacknowledged
                | Self::Acknowledged
                | Self::ReturnedUnacknowledged
                | Self::LatchedUnacknowledged
                | Self::LatchedAcknowledged
        )
    }

    /// True in the states in which it is put aside: G, H, I.
    #[must_use]
    pub const fn is_aside(self) -> bool {
        matches!(self, Self::Shelved | Self::Suppressed | Self::OutOfService)
    }
}

/// What happens to an alarm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The condition has been true for the on-delay.
    Raise,
    /// The condition has been false for the off-delay.
    Clear,
    /// An operator acknowledges.
    Acknowledge,
    /// An acknowledgement is undone.
    Unacknowledge,
    /// The priority rose after the acknowledgement.
    ReAnnunciate,
    /// An operator resets a latched alarm.
    Reset,
    /// An operator shelves it.
    Shelve,
    /// The shelf time is over, or an operator ends it.
    Unshelve,
    /// Logic suppresses it.
    Suppress,
    /// The reason for suppression is gone.
    Unsuppress,
    /// Maintenance takes it out of service.
    RemoveFromService,
    /// Maintenance gives it back.
    ReturnToService,
}

impl Input {
    /// All inputs, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::Raise,
        Self::Clear,
        Self::Acknowledge,
        Self::Unacknowledge,
        Self::ReAnnunciate,
        Self::Reset,
        Self::Shelve,
        Self::Unshelve,
        Self::Suppress,
        Self::Unsuppress,
        Self::RemoveFromService,
        Self::ReturnToService,
    ];

    /// Words for history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raise => "raised",
            Self::Clear => "cleared",
            Self::Acknowledge => "acknowledged",
            Self::Unacknowledge => "acknowledgement undone",
            Self::ReAnnunciate => "priority rose",
            Self::Reset => "reset",
            Self::Shelve => "shelved",
            Self::Unshelve => "unshelved",
            Self::Suppress => "suppressed by design",
            Self::Unsuppress => "no longer suppressed",
            Self::RemoveFromService => "taken out of service",
            Self::ReturnToService => "returned to service",
        }
    }
}

/// What decides between several ways out of a state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Facts {
    /// The rule latches: what went must be reset.
    pub latching: bool,
    /// The condition stands, past its delays.
    pub active: bool,
    /// A latching alarm stood since it was last reset or normal.
    pub latched: bool,
    /// A shelf is running.
    pub shelved: bool,
    /// A reason for suppression stands.
    pub suppressed: bool,
}

/// When a row of the table applies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum When {
    /// Always.
    Always,
    /// The rule latches.
    Latching,
    /// The condition stands.
    Active,
    /// It stood while it was put aside, and the rule latches.
    Latched,
    /// A shelf is running.
    Shelved,
    /// A reason for suppression stands.
    Suppressed,
}

impl When {
    /// True when `facts` fulfil it.
    #[must_use]
    pub const fn holds(self, facts: Facts) -> bool {
        match self {
            Self::Always => true,
            Self::Latching => facts.latching,
            Self::Active => facts.active,
            Self::Latched => facts.latched,
            Self::Shelved => facts.shelved,
            Self::Suppressed => facts.suppressed,
        }
    }

    /// Words for the drawing; empty for "always".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "",
            Self::Latching => "rule latches",
            Self::Active => "condition stands",
            Self::Latched => "stood and latches",
            Self::Shelved => "shelf is running",
            Self::Suppressed => "cause still stands",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// State before.
    pub from: AlarmState,
    /// What happens.
    pub input: Input,
    /// Only when.
    pub when: When,
    /// State after.
    pub to: AlarmState,
}

use AlarmState as S;
use Input as I;
use When as W;

const fn row(from: S, input: I, when: W, to: S) -> Row {
    Row { from, input, when, to }
}

/// Every transition. Of several rows for one state and input the first that applies counts; where
/// none applies the input changes nothing. "Any" in ISA-18.2 is written out: an alarm out of service
/// leaves that state by its return alone.
pub const TABLE: &[Row] = &[
    row(S::Normal, I::Raise, W::Always, S::Unacknowledged),
    row(S::Unacknowledged, I::Acknowledge, W::Always, S::Acknowledged),
    row(S::Unacknowledged, I::Clear, W::Latching, S::LatchedUnacknowledged),
    row(S::Unacknowledged, I::Clear, W::Always, S::ReturnedUnacknowledged),
    row(S::Acknowledged, I::Clear, W::Latching, S::LatchedAcknowledged),
    row(S::Acknowledged, I::Clear, W::Always, S::Normal),
    row(S::Acknowledged, I::ReAnnunciate, W::Always, S::Unacknowledged),
    row(S::Acknowledged, I::Unacknowledge, W::Always, S::Unacknowledged),
    row(S::ReturnedUnacknowledged, I::Acknowledge, W::Always, S::Normal),
    row(S::ReturnedUnacknowledged, I::Raise, W::Always, S::Unacknowledged),
    row(S::Normal, I::Unacknowledge, W::Always, S::ReturnedUnacknowledged),
    row(S::LatchedUnacknowledged, I::Acknowledge, W::Always, S::LatchedAcknowledged),
    row(S::LatchedUnacknowledged, I::Raise, W::Always, S::Unacknowledged),
    row(S::LatchedAcknowledged, I::Reset, W::Always, S::Normal),
    row(S::LatchedAcknowledged, I::Raise, W::Always, S::Unacknowledged),
    row(S::LatchedAcknowledged, I::Unacknowledge, W::Always, S::LatchedUnacknowledged),
    // Any state is shelved, suppressed or taken out of service.
    row(S::Normal, I::Shelve, W::Always, S::Shelved),
    row(S::Unacknowledged, I::Shelve, W::Always, S::Shelved),
    row(S::Acknowledged, I::Shelve, W::Always, S::Shelved),
    row(S::ReturnedUnacknowledged, I::Shelve, W::Always, S::Shelved),
    row(S::LatchedUnacknowledged, I::Shelve, W::Always, S::Shelved),
    row(S::LatchedAcknowledged, I::Shelve, W::Always, S::Shelved),
    row(S::Suppressed, I::Shelve, W::Always, S::Shelved),
    row(S::Normal, I::Suppress, W::Always, S::Suppressed),
    row(S::Unacknowledged, I::Suppress, W::Always, S::Suppressed),
    row(S::Acknowledged, I::Suppress, W::Always, S::Suppressed),
    row(S::ReturnedUnacknowledged, I::Suppress, W::Always, S::Suppressed),
    row(S::LatchedUnacknowledged, I::Suppress, W::Always, S::Suppressed),
    row(S::LatchedAcknowledged, I::Suppress, W::Always, S::Suppressed),
    row(S::Shelved, I::Suppress, W::Always, S::Suppressed),
    row(S::Normal, I::RemoveFromService, W::Always, S::OutOfService),
    row(S::Unacknowledged, I::RemoveFromService, W::Always, S::OutOfService),
    row(S::Acknowledged, I::RemoveFromService, W::Always, S::OutOfService),
    row(S::ReturnedUnacknowledged, I::RemoveFromService, W::Always, S::OutOfService),
    row(S::LatchedUnacknowledged, I::RemoveFromService, W::Always, S::OutOfService),
    row(S::LatchedAcknowledged, I::RemoveFromService, W::Always, S::OutOfService),
    row(S::Shelved, I::RemoveFromService, W::Always, S::OutOfService),
    row(S::Suppressed, I::RemoveFromService, W::Always, S::OutOfService),
    // The way back leads to what still stands.
    row(S::Shelved, I::Unshelve, W::Suppressed, S::Suppressed),
    row(S::Shelved, I::Unshelve, W::Active, S::Unacknowledged),
    row(S::Shelved, I::Unshelve, W::Latched, S::LatchedUnacknowledged),
    row(S::Shelved, I::Unshelve, W::Always, S::Normal),
    row(S::Suppressed, I::Unsuppress, W::Shelved, S::Shelved),
    row(S::Suppressed, I::Unsuppress, W::Active, S::Unacknowledged),
    row(S::Suppressed, I::Unsuppress, W::Latched, S::LatchedUnacknowledged),
    row(S::Suppressed, I::Unsuppress, W::Always, S::Normal),
    row(S::OutOfService, I::ReturnToService, W::Suppressed, S::Suppressed),
    row(S::OutOfService, I::ReturnToService, W::Shelved, S::Shelved),
    row(S::OutOfService, I::ReturnToService, W::Active, S::Unacknowledged),
    row(S::OutOfService, I::ReturnToService, W::Latched, S::LatchedUnacknowledged),
    row(S::OutOfService, I::ReturnToService, W::Always, S::Normal),
];

/// The state after `input`; `None` where it changes nothing.
#[must_use]
pub fn next(from: AlarmState, input: Input, facts: Facts) -> Option<AlarmState> {
    TABLE.iter().find(|r| r.from == from && r.input == input && r.when.holds(facts)).map(|r| r.to)
}
