//! The state of the fleet: frames of immutable columns, the ring and tiers that keep the past,
//! and the roll-ups that make 100,000 GPUs readable. No I/O, no clock, no async.

pub mod ask;
pub mod facility;
pub mod frame;
pub mod history;
pub mod inventory;
pub mod jobs;
pub mod limits;
pub mod origin;
pub mod pack;
pub mod past;
pub mod period;
pub mod planes;
pub mod plant;
pub mod points;
pub mod query;
pub mod rebuild;
pub mod ring;
pub mod rollup;
pub mod series;
pub mod snapshot;
pub mod sources;
pub mod stage;
pub mod staleness;
pub mod tier;
pub mod xids;

pub use facility::Facility;
pub use frame::Frame;
pub use history::History;
pub use inventory::Inventory;
pub use origin::{Mark, Origins};
pub use period::Period;
pub use rollup::{Counts, Histogram, Stats};
pub use series::Point;
pub use snapshot::Snapshot;
pub use sources::{SourceView, Sources};
pub use stage::Stage;
