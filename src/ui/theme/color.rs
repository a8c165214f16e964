//! An sRGB colour: hexadecimal notation, contrast, and its neighbours among the 256 of xterm.

use ratatui::style::Color;

use crate::ui::theme::cam02::Ucs;

/// An sRGB colour, 8 bits a channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Parses `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix('#').filter(|h| h.len() == 6 && h.is_ascii())?;
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
        Some(Self(byte(0)?, byte(2)?, byte(4)?))
    }

    /// The channels in linear light, 0..1 (IEC 61966-2-1).
    #[must_use]
    pub fn linear(self) -> [f64; 3] {
        [self.0, self.1, self.2].map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// The colour of channels in linear light; values outside 0..1 are clipped.
    #[must_use]
    pub fn from_linear(channels: [f64; 3]) -> Self {
        let [r, g, b] = channels.map(|c| {
            let c = c.clamp(0.0, 1.0);
            let c = if c <= 0.003_130_8 { c * 12.92 } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
            (c * 255.0).round() as u8
        });
        Self(r, g, b)
    }

    /// Relative luminance, 0..1 (WCAG 2.2).
    #[must_use]
    pub fn luminance(self) -> f64 {
        let [r, g, b] = self.linear();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Contrast ratio, 1..21 (WCAG 2.2).
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever is easier to read on this colour.
    #[must_use]
    pub fn ink(self) -> Self {
        let (black, white) = (Self(0, 0, 0), Self(255, 255, 255));
        if self.contrast(white) >= self.contrast(black) { white } else { black }
    }

    /// The colour of xterm's index 16..=255: a 6x6x6 cube, then 24 greys. Smaller indices are the
    /// terminal's own and answer as black.
    #[must_use]
    pub const fn of_index(index: u8) -> Self {
        const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        match index {
            0..=15 => Self(0, 0, 0),
            16..=231 => {
                let i = (index - 16) as usize;
                Self(STEPS[i / 36], STEPS[i / 6 % 6], STEPS[i % 6])
            }
            232..=255 => {
                let v = 8 + 10 * (index - 232);
                Self(v, v, v)
            }
        }
    }
}

/// The colours of xterm whose look is fixed, with their places in CAM02-UCS: computed once, asked
/// often.
#[derive(Clone, Debug)]
pub struct Cube(Vec<(u8, Ucs)>);

impl Cube {
    /// The indices 16..=255.
    #[must_use]
    pub fn new() -> Self {
        Self((16..=255).map(|i| (i, Ucs::from(Rgb::of_index(i)))).collect())
    }

    /// All indices with their places.
    #[must_use]
    pub fn colors(&self) -> &[(u8, Ucs)] {
        &self.0
    }

    /// The index that looks most like `color`.
    #[must_use]
    pub fn nearest(&self, color: Rgb) -> u8 {
        let want = Ucs::from(color);
        let distance = |c: &Ucs| want.distance(*c);
        let near = self.0.iter().min_by(|a, b| distance(&a.1).total_cmp(&distance(&b.1)));
        near.map_or(16, |(i, _)| *i)
    }
}

impl Default for Cube {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Rgb> for Color {
    fn from(c: Rgb) -> Self {
        Self::Rgb(c.0, c.1, c.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_hex_digits_are_a_colour() {
        assert_eq!(Rgb::parse("#0c1626"), Some(Rgb(12, 22, 38)));
        for bad in ["0c1626", "#0c162", "#0c1626f", "#0c16zz", "#€€", "red"] {
            assert_eq!(Rgb::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn contrast_of_black_and_white_is_21() {
        assert!((Rgb(0, 0, 0).contrast(Rgb(255, 255, 255)) - 21.0).abs() < 1e-9);
        assert_eq!(Rgb(250, 240, 200).ink(), Rgb(0, 0, 0));
    }

    #[test]
    fn colours_of_the_cube_find_their_own_index() {
        let cube = Cube::new();
        for i in [16u8, 60, 109, 203, 214, 230, 240, 255] {
            let nearest = cube.nearest(Rgb::of_index(i));
            assert_eq!(Rgb::of_index(nearest), Rgb::of_index(i));
        }
    }

    #[test]
    fn linear_light_round_trips() {
        for v in 0..=255u8 {
            let c = Rgb(v, 255 - v, v / 2);
            assert_eq!(Rgb::from_linear(c.linear()), c);
        }
    }
}
