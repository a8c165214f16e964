//! The screen: actions, keys, views, widgets and themes. Draws from snapshots and knows neither
//! terminals nor sockets.

pub mod action;
pub mod depth;
pub mod key;
pub mod keymap;
pub mod selection;
