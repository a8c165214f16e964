//! A theme resolved for one terminal: every style and every pixel, ready to be copied into cells.

use ratatui::style::{Color, Modifier, Style};

use crate::ui::depth::ColorDepth;
use crate::ui::ramp::{INDEXED_LEVELS, LEVELS, Ramp};
use crate::ui::theme::color::{Cube, Rgb};
use crate::ui::theme::scope::{COUNT, Scope};
use crate::ui::theme::tone::{CHANGES, Shape, TONES, Tone};
use crate::ui::theme::{Ground, Theme, fallback};

/// From what fell most to what rose most: dark blue, grey, light. None of them is a colour of alarms,
/// and each is one that terminals of 256 colours have.
const CHANGED: [Rgb; 2 * CHANGES as usize + 1] = [
    Rgb(0x00, 0x00, 0x87),
    Rgb(0x00, 0x5f, 0x87),
    Rgb(0x5f, 0x5f, 0x87),
    Rgb(0x76, 0x76, 0x76),
    Rgb(0x87, 0x87, 0xaf),
    Rgb(0xaf, 0xaf, 0xd7),
    Rgb(0xd7, 0xd7, 0xff),
];

/// How one tone is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paint {
    /// Colour of the pixel; on terminals without enough colours that of its glyph.
    pub color: Color,
    /// Colour of a glyph that stands on the pixel.
    pub ink: Color,
    /// Attributes of the glyph.
    pub modifier: Modifier,
    /// The form that carries the meaning where colour does not.
    pub shape: Shape,
}

/// A theme for one colour depth. Shared by reference; nothing in it changes while drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    depth: ColorDepth,
    styles: [Style; COUNT],
    paints: [Paint; TONES],
}

impl Palette {
    /// Resolves `theme` for terminals of `depth`.
    #[must_use]
    pub fn new(theme: &Theme, depth: ColorDepth) -> Self {
        let cube = (depth == ColorDepth::Indexed256).then(Cube::new);
        let color = |rgb: Rgb| cube.as_ref().map_or_else(|| rgb.into(), |c| Color::Indexed(c.nearest(rgb)));
        let styles = match depth {
            ColorDepth::TrueColor | ColorDepth::Indexed256 => styles(theme, color),
            ColorDepth::Ansi16 => Scope::ALL.map(|(s, _)| fallback::ansi(s, theme.ground == Ground::Light)),
            ColorDepth::Mono => Scope::ALL.map(|(s, _)| fallback::mono(s)),
        };
        let mut palette = Self { depth, styles, paints: [EMPTY; TONES] };
        palette.paints = std::array::from_fn(|i| palette.base_paint(Tone::from_index(i)));
        if palette.is_solid() {
            palette.fill_solid(theme, cube.as_ref(), color);
        }
        palette
    }

    /// The depth it was resolved for.
    #[must_use]
    pub const fn depth(&self) -> ColorDepth {
        self.depth
    }

    /// True when pixels are areas of colour, two to a cell; else they are glyphs, one to a cell.
    #[must_use]
    pub const fn is_solid(&self) -> bool {
        matches!(self.depth, ColorDepth::Indexed256 | ColorDepth::TrueColor)
    }

    /// The style of a scope.
    #[must_use]
    pub const fn style(&self, scope: Scope) -> Style {
        self.styles[scope as usize]
    }

    /// How a tone is drawn.
    #[must_use]
    pub const fn paint(&self, tone: Tone) -> Paint {
        self.paints[tone.index()]
    }

    /// The style of a level of the ramp as a mark in text: a bar, a swatch.
    #[must_use]
    pub fn level_style(&self, level: u8) -> Style {
        let ground = self.style(Scope::Text);
        let paint = self.paint(Tone::level(level));
        ground.fg(paint.color).add_modifier(paint.modifier)
    }

    /// What follows from the styles alone: glyphs and their colours.
    fn base_paint(&self, tone: Tone) -> Paint {
        let scope = match tone {
            Tone::STALE => Scope::QualityStale,
            Tone::LOST => Scope::QualityLost,
            Tone::ABSENT => Scope::QualityAbsent,
            Tone::IDLE => Scope::Idle,
            Tone::OK => Scope::HealthOk,
            Tone::MAINTENANCE => Scope::HealthMaintenance,
            _ => tone.priority().map_or(Scope::Text, Scope::alarm),
        };
        let mut style = self.style(scope);
        // How much it is, where only the glyph can say so.
        match tone.change_step() {
            Some(-2 | 2) => style = style.add_modifier(Modifier::BOLD),
            Some(-3 | 3) => style = style.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            _ => {}
        }
        let ground = self.style(Scope::Text).bg.unwrap_or_default();
        let fg = style.fg.unwrap_or_default();
        let bg = style.bg.unwrap_or(ground);
        // An alarm pixel takes the colour of the alarm: its letters, or its filling on themes that
        // fill. Everything else takes the ground of its style.
        let filled = bg != ground;
        let (color, ink) = match tone.priority() {
            _ if !self.is_solid() => (fg, fg),
            Some(_) if !filled => (fg, ground),
            _ => (bg, fg),
        };
        Paint { color, ink, modifier: style.add_modifier, shape: tone.shape() }
    }

    fn fill_solid(&mut self, theme: &Theme, cube: Option<&Cube>, color: impl Fn(Rgb) -> Color) {
        let mut set = |tone: Tone, rgb: Rgb, painted: Color| {
            let ink = color(rgb.ink());
            self.paints[tone.index()] =
                Paint { color: painted, ink, modifier: Modifier::empty(), shape: tone.shape() };
        };
        let ramp_colors = |ramp: &Ramp| -> [(Rgb, Color); LEVELS] {
            let Some(cube) = cube else { return ramp.levels().map(|rgb| (rgb, rgb.into())) };
            let indexed = ramp.indexed(cube, theme.style(Scope::Text).bg.unwrap_or_default());
            std::array::from_fn(|i| {
                let index = indexed[i * INDEXED_LEVELS / LEVELS];
                (Rgb::of_index(index), Color::Indexed(index))
            })
        };
        for (ramp, tone) in [(&theme.ramp, Tone::level as fn(u8) -> Tone), (&theme.age, Tone::age)] {
            for (i, (rgb, painted)) in ramp_colors(ramp).into_iter().enumerate() {
                set(tone(i as u8), rgb, painted);
            }
        }
        for slot in 0..crate::ui::theme::tone::CATEGORIES {
            let rgb = theme.categories[slot % theme.categories.len()];
            set(Tone::category(slot as u16 + 1), rgb, color(rgb));
        }
        for (step, rgb) in (-CHANGES..=CHANGES).zip(CHANGED) {
            set(Tone::change(step), rgb, color(rgb));
        }
        for tone in [Tone::OK, Tone::IDLE] {
            let scope = if tone == Tone::OK { Scope::HealthOk } else { Scope::Idle };
            if let Some(rgb) = theme.style(scope).bg.or(theme.style(scope).fg) {
                set(tone, rgb, color(rgb));
            }
        }
    }
}

const EMPTY: Paint =
    Paint { color: Color::Reset, ink: Color::Reset, modifier: Modifier::empty(), shape: Shape::Blank };

fn styles(theme: &Theme, color: impl Fn(Rgb) -> Color) -> [Style; COUNT] {
    let text = theme.style(Scope::Text);
    Scope::ALL.map(|(scope, _)| {
        let spec = theme.style(scope);
        let mut style = Style::new().add_modifier(spec.modifier);
        style.fg = spec.fg.or(text.fg).map(&color);
        style.bg = spec.bg.or(text.bg).map(&color);
        style
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette(name: &str, depth: ColorDepth) -> Palette {
        Theme::load(name, &[]).expect("built in").0.resolve(depth)
    }

    #[test]
    fn what_rose_is_lighter_than_what_fell_in_every_theme() {
        let luminance = |c: Color| match c {
            Color::Rgb(r, g, b) => 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b),
            Color::Indexed(i) => {
                let Rgb(r, g, b) = Rgb::of_index(i);
                299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)
            }
            other => panic!("{other:?} is no colour of a pixel"),
        };
        for depth in [ColorDepth::TrueColor, ColorDepth::Indexed256] {
            for name in ["default", "light"] {
                let p = palette(name, depth);
                let steps: Vec<u32> =
                    (-CHANGES..=CHANGES).map(|s| luminance(p.paint(Tone::change(s)).color)).collect();
                assert!(steps.is_sorted(), "{name} {depth:?}: {steps:?}");
                assert!(steps[0] < steps[3] && steps[3] < steps[6], "{name} {depth:?}: {steps:?}");
            }
        }
        let mono = palette("mono", ColorDepth::Mono);
        let shape = |s| mono.paint(Tone::change(s)).shape;
        assert_eq!(
            (shape(-2), shape(0), shape(3)),
            (Shape::Letter('-'), Shape::Shade(0), Shape::Letter('+'))
        );
    }

    #[test]
    fn without_colour_no_colour_is_set_anywhere() {
        for p in [palette("default", ColorDepth::Mono), palette("mono", ColorDepth::TrueColor)] {
            assert_eq!(p.depth(), ColorDepth::Mono);
            for (scope, name) in Scope::ALL {
                let style = p.style(scope);
                assert!(matches!(style.fg, None | Some(Color::Reset)), "{name}");
                assert!(matches!(style.bg, None | Some(Color::Reset)), "{name}");
            }
            assert!((0..TONES).all(|i| p.paint(Tone::from_index(i)).color == Color::Reset));
        }
    }

    #[test]
    fn indexed_terminals_get_no_24_bit_colour() {
        let p = palette("default", ColorDepth::Indexed256);
        for (scope, name) in Scope::ALL {
            assert!(!matches!(p.style(scope).fg, Some(Color::Rgb(..))), "{name}");
        }
        for i in 0..TONES {
            assert!(!matches!(p.paint(Tone::from_index(i)).color, Color::Rgb(..)), "{i}");
        }
    }

    #[test]
    fn sixteen_levels_become_eight_on_indexed_terminals() {
        let p = palette("default", ColorDepth::Indexed256);
        let mut colors: Vec<_> = (0..16).map(|l| p.paint(Tone::level(l)).color).collect();
        colors.dedup();
        assert_eq!(colors.len(), 8);
    }

    #[test]
    fn sixteen_colours_are_the_documented_ones() {
        let p = palette("default", ColorDepth::Ansi16);
        let colors = [1, 2, 3, 4].map(|n| p.style(Scope::alarm(n)).fg.expect("coloured"));
        assert_eq!(colors, [Color::LightRed, Color::Yellow, Color::White, Color::LightMagenta]);
        assert!(!p.is_solid());
    }

    #[test]
    fn alarm_pixels_take_the_alarm_colour_on_dark_and_light_ground() {
        for name in ["default", "light"] {
            let theme = Theme::load(name, &[]).expect("built in").0;
            let p = theme.resolve(ColorDepth::TrueColor);
            let ground = p.style(Scope::Text).bg.expect("has a ground");
            for n in 1..=4 {
                let paint = p.paint(Tone::alarm(n).expect("alarm"));
                assert_ne!(paint.color, ground, "{name} {n}");
                assert_ne!(paint.color, paint.ink, "{name} {n}");
            }
        }
    }
}
