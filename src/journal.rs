//! The journal: operations and transitions of alarms in one append-only history with a hash chain,
//! and the present state of every alarm, in an SQLite file that several consoles share.
//!
//! [`Journal`] is the file, with calls that return when what they say is on the disk. [`worker`] is
//! the thread that a console writes through.

pub mod chain;
pub mod error;
pub mod holder;
pub mod lease;
pub mod query;
pub mod schema;
pub mod store;
pub mod worker;

pub use chain::{Fault, VerifyReport};
pub use error::JournalError;
pub use holder::Holder;
pub use lease::Lease;
pub use query::{Event, HistoryFilter, HistoryRow};
pub use store::Journal;
pub use worker::{Job, JournalHandle, News, Record, spawn};

#[cfg(test)]
mod tests;
