//! Direct scrape of exporters.

pub mod exposition;
pub mod families;
pub mod gpus;
pub mod identity;
pub mod node;
mod number;
pub mod page;
