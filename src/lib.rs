//! hallwatch: the terminal operations console of a very large AI data centre.

pub mod cli;
pub mod model;
pub mod source;
