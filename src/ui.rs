//! What the operator sees and presses: actions, keys, views, themes, glyphs and widgets that draw
//! frames into a buffer. Knows the model and the fleet; knows no terminal, no socket and no clock.

pub mod action;
pub mod alarms;
pub mod app;
pub mod context;
pub mod depth;
pub mod difference;
pub mod glyph;
pub mod key;
pub mod keymap;
pub mod layer;
pub mod overlay;
pub mod ramp;
pub mod selection;
pub mod text;
pub mod theme;
pub mod timeline;
pub mod view;
pub mod widget;
