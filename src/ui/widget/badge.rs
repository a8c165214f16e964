//! Badges: the shape and digit of a priority, counts of alarms, and words of quality.

use ratatui::style::Style;

use crate::model::Quality;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::{Brush, Pen};

/// The shape and digit of a priority: `■1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Badge {
    /// 1 to 4.
    pub priority: u8,
    /// Filled: not yet acknowledged.
    pub filled: bool,
}

impl Badge {
    /// Text of the badge, two columns; the digit alone where the shape is a digit already.
    #[must_use]
    pub fn text(self, brush: Brush<'_>) -> String {
        let priority = self.priority.clamp(1, 4);
        match brush.glyphs.alarm(priority) {
            shape if shape.is_ascii_digit() => format!("P{shape}"),
            shape => format!("{shape}{priority}"),
        }
    }

    /// Style of the badge.
    #[must_use]
    pub const fn style(self, brush: Brush<'_>) -> Style {
        brush.style(if self.filled { Scope::badge(self.priority) } else { Scope::alarm(self.priority) })
    }

    /// Draws it at `at`; returns the column after it.
    pub fn render(self, pen: &mut Pen<'_>, at: (u16, u16)) -> u16 {
        pen.text(at, &self.text(pen.brush), self.style(pen.brush))
    }
}

/// Counts of alarms by priority: `■2 ▲5 ▼12 ◆31`. Priorities without alarms are dim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts(pub [u32; 4]);

impl Counts {
    /// Columns it takes.
    #[must_use]
    pub fn width(self, brush: Brush<'_>) -> u16 {
        let one = |(i, n): (usize, &u32)| text::width(&Self::one(brush, i as u8 + 1, *n)) as u16 + 1;
        self.0.iter().enumerate().map(one).sum::<u16>() - 1
    }

    /// Shape and count; where the shape is a digit itself, the two are kept apart.
    fn one(brush: Brush<'_>, priority: u8, count: u32) -> String {
        let count = text::integer(u64::from(count));
        match brush.glyphs.alarm(priority) {
            shape if shape.is_ascii_digit() => format!("P{shape}:{count}"),
            shape => format!("{shape}{count}"),
        }
    }

    /// Draws it at `at`; returns the column after it. `ground` gives the style of what it stands on.
    pub fn render(self, pen: &mut Pen<'_>, at: (u16, u16), ground: Style) -> u16 {
        let brush = pen.brush;
        let mut x = at.0;
        for (i, count) in self.0.iter().enumerate() {
            let priority = i as u8 + 1;
            let text = Self::one(brush, priority, *count);
            let style = if *count == 0 {
                ground.fg(brush.style(Scope::TextDim).fg.unwrap_or_default())
            } else {
                let alarm = brush.style(Scope::alarm(priority));
                let text_bg = brush.style(Scope::Text).bg;
                if alarm.bg == text_bg { ground.patch(Style { bg: None, ..alarm }) } else { alarm }
            };
            x = pen.text((x, at.1), &text, style);
            x = if i < 3 { pen.text((x, at.1), " ", ground) } else { x };
        }
        x
    }
}

/// The mark and word of a quality; good values need none.
#[must_use]
pub fn quality(brush: Brush<'_>, quality: Quality) -> Option<(String, Style)> {
    let (mark, scope) = match quality {
        Quality::Good => return None,
        Quality::Stale => (brush.glyphs.stale, Scope::QualityStale),
        Quality::Lost => (brush.glyphs.lost, Scope::QualityLost),
        Quality::Unsupported => (brush.glyphs.absent, Scope::QualityAbsent),
    };
    Some((format!("{mark} {}", quality.name()), brush.style(scope)))
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::glyph::Glyphs;
    use crate::ui::widget::tests::{lines, palette};

    #[test]
    fn a_badge_is_shape_and_digit_in_every_set() {
        let p = palette(ColorDepth::Mono);
        let text = |glyphs, priority| Badge { priority, filled: true }.text(Brush { palette: &p, glyphs });
        assert_eq!([1, 2, 3, 4].map(|n| text(&Glyphs::UNICODE, n)), ["■1", "▲2", "▼3", "◆4"]);
        assert_eq!([1, 9].map(|n| text(&Glyphs::ASCII, n)), ["P1", "P4"]);
    }

    #[test]
    fn filled_and_open_badges_differ_without_colour() {
        let p = palette(ColorDepth::Mono);
        let brush = Brush { palette: &p, glyphs: &Glyphs::UNICODE };
        let style = |filled| Badge { priority: 2, filled }.style(brush);
        assert_ne!(style(true).add_modifier, style(false).add_modifier);
    }

    #[test]
    fn counts_fill_the_width_they_tell() {
        let p = palette(ColorDepth::TrueColor);
        let brush = Brush { palette: &p, glyphs: &Glyphs::UNICODE };
        let counts = Counts([2, 5, 0, 1031]);
        let mut buf = Buffer::empty(Rect::new(0, 0, 20, 1));
        let end = counts.render(&mut brush.on(buf.area, &mut buf), (1, 0), brush.style(Scope::Header));
        assert_eq!(lines(&buf), [" ■2 ▲5 ▼0 ◆1 031    "]);
        assert_eq!(end, 1 + counts.width(brush));
        let ascii = Brush { palette: &p, glyphs: &Glyphs::ASCII };
        assert_eq!(counts.width(ascii), 24, "P1:2 P2:5 P3:0 P4:1 031");
        assert_ne!(buf[(1, 0)].fg, buf[(7, 0)].fg, "none is dim");
        assert_eq!(buf[(1, 0)].bg, buf[(7, 0)].bg, "all stand on the header");
    }

    #[test]
    fn good_values_carry_no_mark() {
        let p = palette(ColorDepth::Mono);
        let brush = Brush { palette: &p, glyphs: &Glyphs::UNICODE };
        assert_eq!(quality(brush, Quality::Good), None);
        assert_eq!(quality(brush, Quality::Stale).map(|q| q.0), Some("? stale".into()));
    }
}
