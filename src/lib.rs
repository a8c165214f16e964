//! hallwatch: the terminal operations console of a very large AI data centre.

pub mod fleet;
pub mod model;
pub mod session;
pub mod source;
pub mod ui;
