//! hallwatch: the terminal operations console of a very large AI data centre.
//!
//! The layers, lowest first; a lower one never imports a higher one (see ARCHITECTURE.md):
//! [`model`] → [`fleet`] → [`source`] → [`engine`] → [`cli`].

pub mod cli;
pub mod engine;
pub mod fleet;
pub mod model;
pub mod session;
pub mod source;
pub mod ui;
