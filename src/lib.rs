//! hallwatch: the terminal operations console of a very large AI data centre.

pub mod engine;
pub mod fleet;
pub mod model;
pub mod source;
