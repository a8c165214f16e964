//! An analogue band: where a value stands in its range, and whether that is normal.
//!
//! ```text
//! ──┿━━━━●━━━┿───     ━ normal range, ┿ limit, ● now
//! ──┿━━━━━━━━┿─▲─     outside of it: the shape of the priority instead
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::theme::Scope;
use crate::ui::widget::Brush;

/// A value in its range.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Band {
    /// Ends of the drawing.
    pub range: (f32, f32),
    /// Limits of the normal range; `None` where there is none on that side.
    pub normal: (Option<f32>, Option<f32>),
    /// The value now; `None` when it is not known.
    pub now: Option<f32>,
    /// Priority 1 to 4 of the alarm that a value outside of the normal range is.
    pub priority: u8,
}

impl Band {
    /// True when the value is known and not normal.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        let (low, high) = self.normal;
        self.now.is_some_and(|v| low.is_some_and(|l| v < l) || high.is_some_and(|h| v > h))
    }

    /// Draws into the first line of `area`.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        if area.width == 0 {
            return;
        }
        let last = f32::from(area.width - 1);
        let (from, to) = self.range;
        let place =
            |v: f32| ((v - from) / (to - from).max(f32::MIN_POSITIVE) * last).round().clamp(0.0, last) as u16;
        let (low, high) = (self.normal.0.map(place), self.normal.1.map(place));
        let [outside, normal, limit, now] = brush.glyphs.band;
        let mut put = |x: u16, glyph, scope| {
            brush.on(area, buf).glyph((area.left() + x, area.top()), glyph, brush.style(scope));
        };
        for x in 0..area.width {
            if Some(x) == low || Some(x) == high {
                put(x, limit, Scope::BandNormal);
            } else if low.is_none_or(|l| x > l) && high.is_none_or(|h| x < h) {
                put(x, normal, Scope::BandNormal);
            } else {
                put(x, outside, Scope::BandOutside);
            }
        }
        let Some(value) = self.now else { return };
        if !self.is_outside() {
            return put(place(value), now, Scope::BandNow);
        }
        // Rounding must not bring a value back inside: it stands beyond the limit it has crossed,
        // unless the limit is at the edge.
        let x = match (low, high) {
            (Some(l), _) if self.normal.0.is_some_and(|n| value < n) => place(value).min(l.saturating_sub(1)),
            (_, Some(h)) => place(value).max((h + 1).min(area.width - 1)),
            _ => place(value),
        };
        put(x, brush.glyphs.alarm(self.priority), Scope::alarm(self.priority));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::glyph::Glyphs;
    use crate::ui::widget::tests::{lines, palette};

    const BAND: Band =
        Band { range: (0.0, 14.0), normal: (Some(2.0), Some(11.0)), now: Some(6.0), priority: 2 };

    fn draw(band: &Band, glyphs: &Glyphs) -> String {
        let p = palette(ColorDepth::Mono);
        let mut buf = Buffer::empty(Rect::new(0, 0, 15, 1));
        band.render(Brush { palette: &p, glyphs }, buf.area, &mut buf);
        lines(&buf).remove(0)
    }

    #[test]
    fn a_normal_value_is_a_dot_between_its_limits() {
        assert_eq!(draw(&BAND, &Glyphs::UNICODE), "──┿━━━●━━━━┿───");
        assert_eq!(draw(&BAND, &Glyphs::ASCII), "--|===o====|---");
    }

    #[test]
    fn a_value_outside_takes_the_shape_of_its_priority() {
        assert_eq!(draw(&Band { now: Some(13.0), ..BAND }, &Glyphs::UNICODE), "──┿━━━━━━━━┿─▲─");
        assert_eq!(draw(&Band { now: Some(-9.0), priority: 1, ..BAND }, &Glyphs::UNICODE), "■─┿━━━━━━━━┿───");
    }

    #[test]
    fn just_outside_is_never_drawn_inside() {
        let band = Band { now: Some(11.1), ..BAND };
        assert!(band.is_outside());
        assert_eq!(draw(&band, &Glyphs::UNICODE), "──┿━━━━━━━━┿▲──");
    }

    #[test]
    fn open_sides_and_unknown_values() {
        let band = Band { normal: (None, Some(11.0)), now: None, ..BAND };
        assert_eq!(draw(&band, &Glyphs::UNICODE), "━━━━━━━━━━━┿───");
        assert!(!band.is_outside());
        assert_eq!(draw(&Band { normal: (None, None), ..BAND }, &Glyphs::UNICODE), "━━━━━━●━━━━━━━━");
    }
}
