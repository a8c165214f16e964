//! What the operator sees: themes, glyphs and widgets that draw frames into a buffer. Knows the
//! model and the fleet; knows no terminal, no socket and no clock.

pub mod depth;
pub mod glyph;
pub mod ramp;
pub mod text;
pub mod theme;
pub mod widget;
