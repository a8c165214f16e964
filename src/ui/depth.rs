//! How many colours a screen can show.

use std::fmt;

/// The colours that a terminal can show; a theme resolves its colours for one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColorDepth {
    /// No colour at all: bold, reverse and glyphs carry the meaning.
    Mono,
    /// The 16 named colours, whose shades the terminal chooses.
    Ansi16,
    /// The 256 indexed colours of xterm.
    Indexed256,
    /// 24-bit colours.
    TrueColor,
}

impl fmt::Display for ColorDepth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mono => "mono",
            Self::Ansi16 => "16",
            Self::Indexed256 => "256",
            Self::TrueColor => "truecolor",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_ordered_from_poor_to_rich() {
        assert!(ColorDepth::Mono < ColorDepth::Ansi16);
        assert!(ColorDepth::Indexed256 < ColorDepth::TrueColor);
        assert_eq!(ColorDepth::Indexed256.to_string(), "256");
    }
}
