//! hallwatch: the terminal operations console of a very large AI data centre.
//!
//! The layers, lowest first; a lower one never imports a higher one (see ARCHITECTURE.md):
//!
//! * [`model`]: what there is: ids, topology, metrics, units, quality, time, entries
//! * [`fleet`]: the state of all of it: columns, frames, history, roll-ups
//! * [`alarm`]: what is wrong: rules, states, groups
//! * [`journal`]: what operators did and what happened to alarms, kept in a file
//! * [`record`]: the same as files that can be replayed
//! * [`source`]: where values come from: simulator, exporters, this machine
//! * [`engine`]: the only writer of the state, and its loop
//! * [`ui`]: what is drawn and which keys do what, for any terminal of any size
//! * [`session`]: one terminal: bytes to keys, cells to bytes, when to draw
//! * [`cli`]: arguments, settings, headless commands

pub mod alarm;
pub mod cli;
pub mod engine;
pub mod fleet;
pub mod journal;
pub mod model;
pub mod record;
pub mod session;
pub mod source;
pub mod ui;
