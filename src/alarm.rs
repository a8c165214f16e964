//! Alarms by ISA-18.2 and IEC 62682: rules over columns, states, grouping, suppression, figures.
//!
//! Synchronous and without a clock: [`AlarmEngine::step`] takes a frame, [`AlarmEngine::operate`]
//! an operation; both answer with the transitions that follow.

pub mod doc;
pub mod engine;
pub mod kpi;
pub mod read;
pub mod rule;

mod book;
mod external;
mod group;
mod operate;
mod raise;
mod restore;
mod suppress;
mod watch;

pub use engine::{AlarmEngine, Happened, Sight};
pub use rule::{Rule, Rules};

#[cfg(test)]
mod tests;
