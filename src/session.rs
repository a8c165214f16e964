//! Sessions: a terminal at one end, an [`App`] at the other.

pub mod caps;
pub mod decode;
pub mod pacer;
pub mod screen;
