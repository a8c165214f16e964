//! The engine: the synchronous, clock-free [`Core`] that owns the state, and the task that feeds
//! it and publishes snapshots.

pub mod core;
pub mod desk;
pub mod keep;
pub mod past;
pub mod run;

pub use core::{Core, Effects};
pub use desk::{Desk, Order, Reply};
pub use past::PastDesk;
pub use run::{Engine, EngineHandle, Pace};

pub use crate::fleet::Snapshot;
pub use crate::fleet::ask::{Ask, Told};
pub use crate::fleet::past::Tape;
