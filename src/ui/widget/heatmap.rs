//! The heatmap: every GPU of a hall on one screen, two pixels to a cell.
//!
//! Three parts, so that drawing changes no state: [`layout`] says where each GPU is drawn (computed
//! on resize), [`levels`] turns a column into one tone per pixel (once per frame), [`draw`] copies
//! tones into the buffer.

pub mod draw;
pub mod flat;
pub mod layout;
pub mod levels;
mod plan;
mod steps;

pub use draw::Heatmap;
pub use flat::Flat;
pub use layout::{Label, Layout, Zoom};
pub use levels::{Input, LevelMap};
pub use steps::Direction;
