//! The vocabulary of alarms, in the words of ISA-18.2 and IEC 62682: states and transitions,
//! operations, the alarm itself, and what readers see of all of them.

pub mod board;
pub mod external;
pub mod operation;
pub mod record;
pub mod rule;
pub mod state;

pub use board::{AlarmBoard, AlarmCounts, JournalNews, JournalState, Kpi, RuleView};
pub use external::{ExternalAlarm, ExternalAlarms};
pub use operation::{AlarmId, Operation, Verb};
pub use record::{Alarm, Member, Note, Origin, Shelf, Step, Transition};
pub use state::{AlarmState, Facts, Input};

#[cfg(test)]
mod tests;
