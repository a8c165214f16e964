//! The vocabulary of hallwatch: ids, topology, metrics, units, quality, time and the batches
//! that sources send. Pure data: no I/O, no clock, no async, no knowledge of screens.

pub mod alarm;
pub mod batch;
pub mod chronicle;
pub mod column;
pub mod coolant;
pub mod document;
pub mod entry;
pub mod facility;
pub mod health;
pub mod id;
pub mod metric;
pub mod quality;
pub mod quantity;
pub mod table;
pub mod text;
pub mod time;
pub mod topology;
pub mod work;
pub mod xid;

pub use batch::{Batch, DenseBatch, GpuReading, HostFacts, HostReading};
pub use column::Column;
pub use entry::Entry;
pub use facility::{CduPoint, FacilityReading, HallPoint, RackPoint, RowPoint, SitePoint};
pub use health::{ClockEvents, Health};
pub use id::{Asset, CduId, GpuId, HallId, RackId, RowId, TrayId};
pub use metric::{Metric, MetricSpec};
pub use quality::Quality;
pub use quantity::Quantity;
pub use time::Timestamp;
pub use topology::Topology;
