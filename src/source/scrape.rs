//! Direct scrape of exporters.

pub mod exposition;
pub mod families;
pub mod identity;
mod number;
