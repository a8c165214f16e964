//! One cell in 16 bytes, written so that cells which look alike are equal.

use std::collections::HashMap;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use crate::model::text;

/// A colour in 32 bits: the kind in the upper byte, its value below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Paint(u32);

/// What a [`Paint`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shade {
    /// Any colour will do.
    Any,
    /// The terminal's own.
    Own,
    /// One of the 16 named ones, 0 to 15.
    Named(u8),
    /// One of the 256.
    Indexed(u8),
    /// 24 bits.
    Rgb(u8, u8, u8),
}

impl Paint {
    /// Any colour will do: the cell does not show it.
    pub(super) const ANY: Self = Self(u32::MAX);
    /// The terminal's own foreground or background.
    pub(super) const OWN: Self = Self(0);

    const fn named(number: u32) -> Self {
        Self(0x0100_0000 | number)
    }

    fn new(color: Color) -> Self {
        match color {
            Color::Rgb(r, g, b) => Self(u32::from_be_bytes([3, r, g, b])),
            Color::Reset => Self::OWN,
            Color::Black => Self::named(0),
            Color::Red => Self::named(1),
            Color::Green => Self::named(2),
            Color::Yellow => Self::named(3),
            Color::Blue => Self::named(4),
            Color::Magenta => Self::named(5),
            Color::Cyan => Self::named(6),
            Color::Gray => Self::named(7),
            Color::DarkGray => Self::named(8),
            Color::LightRed => Self::named(9),
            Color::LightGreen => Self::named(10),
            Color::LightYellow => Self::named(11),
            Color::LightBlue => Self::named(12),
            Color::LightMagenta => Self::named(13),
            Color::LightCyan => Self::named(14),
            Color::White => Self::named(15),
            Color::Indexed(n) => Self(0x0200_0000 | u32::from(n)),
        }
    }

    pub(super) fn shade(self) -> Shade {
        match self.0.to_be_bytes() {
            [0, ..] => Shade::Own,
            [1, .., n] => Shade::Named(n),
            [2, .., n] => Shade::Indexed(n),
            [3, r, g, b] => Shade::Rgb(r, g, b),
            _ => Shade::Any,
        }
    }

    /// True for colours that look the same as foreground and as background. The 16 named ones do
    /// not: some terminals have 8 backgrounds, and some make bold ones brighter.
    fn is_exact(self) -> bool {
        matches!(self.0 >> 24, 2 | 3)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}

/// One cell of the screen. Cells that look the same on a terminal are equal.
#[derive(Clone, Copy, Debug, Eq)]
pub(super) struct Packed {
    /// The character, or [`CLUSTER`] and the number of a cluster.
    pub(super) glyph: u32,
    pub(super) fg: Paint,
    pub(super) bg: Paint,
    pub(super) mods: u16,
    /// Columns: 1 or 2; 0 for the second half of a wide cell.
    pub(super) width: u8,
    /// All terminals agree on the width.
    pub(super) sure: bool,
}

/// Written without branches: most of a frame's time goes into finding out that nothing changed.
impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        let colors = (self.fg.0 ^ other.fg.0) | (self.bg.0 ^ other.bg.0);
        let width = u32::from(self.width ^ other.width) | u32::from(self.sure ^ other.sure);
        (self.glyph ^ other.glyph) | colors | u32::from(self.mods ^ other.mods) | width == 0
    }
}

/// Marks a glyph that is more than one character.
const CLUSTER: u32 = 1 << 31;
const UPPER: char = '▀';
const LOWER: char = '▄';
const BLOCK: char = '█';
/// Stands for what must not reach a terminal.
const UNSAFE: char = '?';
const VISIBLE_ON_BLANK: Modifier = Modifier::UNDERLINED
    .union(Modifier::REVERSED)
    .union(Modifier::SLOW_BLINK)
    .union(Modifier::RAPID_BLINK)
    .union(Modifier::CROSSED_OUT);

impl Packed {
    /// An untouched cell.
    pub(super) const BLANK: Self =
        Self { glyph: ' ' as u32, fg: Paint::ANY, bg: Paint::OWN, mods: 0, width: 1, sure: true };
    /// The second half of a wide cell.
    pub(super) const TAIL: Self =
        Self { glyph: 0, fg: Paint::ANY, bg: Paint::ANY, mods: 0, width: 0, sure: true };

    /// The cell as it will look; without colours if `mono`.
    pub(super) fn new(cell: &Cell, clusters: &mut Clusters, mono: bool) -> Self {
        let (fg, bg) =
            if mono { (Paint::OWN, Paint::OWN) } else { (Paint::new(cell.fg), Paint::new(cell.bg)) };
        let (glyph, width, sure) = glyph(cell.symbol(), clusters);
        let packed = Self { glyph, fg, bg, mods: cell.modifier.bits(), width, sure };
        match glyph {
            0x20 => packed.blank(),
            0x2580 | 0x2584 | 0x2588 if packed.mods == 0 => packed.half_block(),
            _ => packed,
        }
    }

    /// The same colours without the glyph.
    pub(super) fn without_glyph(self) -> Self {
        Self { glyph: ' ' as u32, width: 1, sure: true, ..self }.blank()
    }

    /// The character or cluster of this cell.
    pub(super) fn write(&self, clusters: &Clusters, out: &mut Vec<u8>) {
        match char::from_u32(self.glyph) {
            Some(c) if c.is_ascii() => out.push(c as u8),
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => out.extend_from_slice(clusters.get(self.glyph ^ CLUSTER).as_bytes()),
        }
    }

    /// A blank shows its background and little else.
    fn blank(mut self) -> Self {
        self.mods &= VISIBLE_ON_BLANK.bits();
        if self.mods == 0 {
            self.fg = Paint::ANY;
        }
        self
    }

    /// One spelling for the half blocks that look the same: two equal halves are a blank, and the
    /// smaller colour is the foreground, so that a cell and its mirror image share a style.
    fn half_block(mut self) -> Self {
        let exact = self.fg.is_exact() && self.bg.is_exact();
        if self.glyph == BLOCK as u32 {
            if self.fg.is_exact() {
                (self.glyph, self.bg, self.fg) = (' ' as u32, self.fg, Paint::ANY);
            }
        } else if self.fg == self.bg && self.fg != Paint::OWN {
            (self.glyph, self.fg) = (' ' as u32, Paint::ANY);
        } else if exact {
            // As likely as not: written so that no branch must be guessed.
            let swap = u32::from(self.fg.0 > self.bg.0).wrapping_neg();
            let (low, high) = (self.fg.0.min(self.bg.0), self.fg.0.max(self.bg.0));
            (self.fg, self.bg) = (Paint(low), Paint(high));
            self.glyph ^= (UPPER as u32 ^ LOWER as u32) & swap;
        }
        self
    }
}

/// The glyph of `symbol`, its columns, and whether all terminals agree on them.
fn glyph(symbol: &str, clusters: &mut Clusters) -> (u32, u8, bool) {
    if let &[byte] = symbol.as_bytes() {
        let safe = matches!(byte, 0x20..=0x7e);
        return (if safe { u32::from(byte) } else { UNSAFE as u32 }, 1, true);
    }
    // Box drawing, blocks and braille (2500 to 259F, 2800 to 28FF) are what a console is made of.
    if let &[0xe2, b @ (0x94..=0x96 | 0xa0..=0xa3), c] = symbol.as_bytes()
        && (b != 0x96 || c < 0xa0)
    {
        return (0x2000 | u32::from(b & 0x3f) << 6 | u32::from(c & 0x3f), 1, true);
    }
    let mut chars = symbol.chars();
    match (chars.next(), chars.next()) {
        (None, _) => (' ' as u32, 1, true),
        (Some(c), None) => rare(c as u32, symbol),
        (Some(_), Some(_)) => match rare(0, symbol) {
            (0, width, sure) => (CLUSTER | clusters.number(symbol), width, sure),
            replaced => replaced,
        },
    }
}

/// `glyph` with the columns of `symbol`, or what stands for it if it must not be sent.
fn rare(glyph: u32, symbol: &str) -> (u32, u8, bool) {
    if !symbol.chars().all(text::is_safe) {
        return (UNSAFE as u32, 1, true);
    }
    match symbol.width() {
        0 => (' ' as u32, 1, true),
        1 => (glyph, 1, false),
        2 => (glyph, 2, false),
        _ => (UNSAFE as u32, 1, true),
    }
}

/// The glyphs of more than one character, by number.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Clusters {
    /// So many are kept before all are forgotten.
    const MANY: usize = 4096;

    pub(super) fn is_full(&self) -> bool {
        self.texts.len() >= Self::MANY
    }

    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.numbers.clear();
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX >> 1);
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    fn get(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("?", |text| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(symbol: &str, fg: Color, bg: Color) -> Packed {
        let mut cell = Cell::default();
        cell.set_symbol(symbol).set_fg(fg).set_bg(bg);
        Packed::new(&cell, &mut Clusters::default(), false)
    }

    const A: Color = Color::Rgb(1, 2, 3);
    const B: Color = Color::Indexed(77);

    #[test]
    fn a_cell_takes_16_bytes() {
        assert_eq!(size_of::<Packed>(), 16);
    }

    #[test]
    fn cells_that_look_alike_are_equal() {
        assert_eq!(pack("▀", A, B), pack("▄", B, A));
        assert_eq!(pack("▀", A, A), pack(" ", B, A));
        assert_eq!(pack("█", A, B), pack(" ", B, A));
        assert_eq!(pack("", A, B), pack(" ", B, B));
        assert_eq!(pack(" ", Color::Red, Color::Reset), Packed::BLANK);
    }

    #[test]
    fn cells_that_differ_are_not_equal() {
        assert_ne!(pack("▀", A, B), pack("▀", B, A));
        assert_ne!(pack("▀", Color::Reset, Color::Reset), Packed::BLANK, "two colours of the terminal");
        assert_ne!(pack("█", Color::Reset, A), pack(" ", A, Color::Reset));
        assert_ne!(pack("█", Color::LightRed, A), pack(" ", A, Color::LightRed), "8 backgrounds");
        assert_ne!(pack("a", A, B), pack("a", A, A));
    }

    #[test]
    fn mono_has_no_colours_left() {
        let mut cell = Cell::default();
        cell.set_symbol("x").set_fg(A).set_bg(B);
        let packed = Packed::new(&cell, &mut Clusters::default(), true);
        assert_eq!((packed.fg, packed.bg), (Paint::OWN, Paint::OWN));
    }

    #[test]
    fn what_could_steer_the_terminal_is_replaced() {
        for symbol in ["\u{1b}", "\u{9b}", "\n", "a\u{1b}[2J", "\u{202e}", "\u{7f}"] {
            assert_eq!(pack(symbol, A, B).glyph, '?' as u32, "{symbol:?}");
        }
    }

    #[test]
    fn widths_follow_unicode_and_rare_ones_are_not_trusted() {
        assert_eq!((pack("日", A, B).width, pack("日", A, B).sure), (2, false));
        assert_eq!((pack("é", A, B).width, pack("é", A, B).sure), (1, false));
        assert_eq!((pack("e\u{301}", A, B).width, pack("⣿", A, B).sure), (1, true));
        assert_eq!(pack("\u{301}", A, B).glyph, ' ' as u32, "a lone accent has no cell");
    }
}
