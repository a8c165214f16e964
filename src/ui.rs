//! What the operator sees and presses, without any terminal.

pub mod depth;
pub mod key;
