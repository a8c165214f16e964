//! Copies tones into the cells of a buffer: two pixels to a cell where there are colours, one glyph
//! to a cell where there are not.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use crate::model::id::Asset;
use crate::model::metric::Worst;
use crate::ui::theme::palette::Paint;
use crate::ui::theme::tone::TONES;
use crate::ui::theme::{Scope, Tone};
use crate::ui::widget::Brush;
use crate::ui::widget::heatmap::layout::Layout;
use crate::ui::widget::heatmap::levels::LevelMap;

/// A heatmap, ready to be drawn. Cells of `area` that hold neither pixel nor label are left alone.
#[derive(Clone, Copy, Debug)]
pub struct Heatmap<'a> {
    /// Where the pixels are.
    pub layout: &'a Layout,
    /// What they show.
    pub levels: &'a LevelMap,
    /// First column and line that is seen, in cells; see [`Layout::scroll_to`].
    pub scroll: (u16, u16),
    /// The pixel under the cursor: marked by brackets on both sides.
    pub cursor: Option<usize>,
    /// Assets whose labels are emphasized.
    pub lit: &'a [Asset],
}

/// The glyphs and colours of all tones, looked up once per drawing.
struct Inks {
    paints: [Paint; TONES],
    glyphs: [char; TONES],
    ground: Color,
    low_is_worse: bool,
}

impl Inks {
    fn new(brush: Brush<'_>, levels: &LevelMap) -> Self {
        let paints = std::array::from_fn(|i| brush.palette.paint(Tone::from_index(i)));
        Self {
            glyphs: paints.map(|p: Paint| brush.glyphs.shape(p.shape)),
            paints,
            ground: brush.style(Scope::Text).bg.unwrap_or_default(),
            low_is_worse: levels.metric().is_some_and(|m| m.spec().worst == Worst::Low),
        }
    }

    /// The one of two tones that a cell shows where it can show only one.
    const fn worse(&self, a: Tone, b: Tone) -> Tone {
        let (ua, ub) = (a.urgency(), b.urgency());
        if ua != ub {
            return if ua > ub { a } else { b };
        }
        if (a.index() < b.index()) == self.low_is_worse { a } else { b }
    }

    /// Two pixels in one cell.
    fn halves(&self, cell: &mut Cell, upper: Tone, lower: Tone, half: &str) {
        if upper.is_hatched() || lower.is_hatched() {
            return self.hatched(cell, upper, lower);
        }
        let (a, b) = (&self.paints[upper.index()], &self.paints[lower.index()]);
        if upper == lower && upper.priority().is_some() {
            cell.set_char(self.glyphs[upper.index()]);
            (cell.fg, cell.bg) = (a.ink, a.color);
        } else {
            if cell.symbol() != half {
                cell.set_symbol(half);
            }
            (cell.fg, cell.bg) = (a.color, b.color);
        }
        cell.modifier = Modifier::empty();
    }

    /// A cell of which at least one half has no colour of its own: its glyph stands on the colour
    /// of the other half, so that neither is hidden.
    fn hatched(&self, cell: &mut Cell, upper: Tone, lower: Tone) {
        let tone = match (upper.is_hatched(), lower.is_hatched()) {
            (true, false) => upper,
            (false, true) => lower,
            _ => self.worse(upper, lower),
        };
        let other = if tone == upper { lower } else { upper };
        let ground = if other.is_hatched() || other == Tone::NONE { tone } else { other };
        let paint = &self.paints[ground.index()];
        cell.set_char(self.glyphs[tone.index()]);
        (cell.fg, cell.bg) = (paint.ink, paint.color);
        cell.modifier = Modifier::empty();
    }

    /// One pixel in one cell: on colour where there is some, else as a glyph alone.
    fn whole(&self, cell: &mut Cell, tone: Tone, solid: bool) {
        let paint = &self.paints[tone.index()];
        let bare = solid && !tone.is_hatched() && tone.priority().is_none();
        cell.set_char(if bare { ' ' } else { self.glyphs[tone.index()] });
        if solid {
            (cell.fg, cell.bg) = (paint.ink, paint.color);
        } else {
            (cell.fg, cell.bg) = (paint.color, self.ground);
        }
        cell.modifier = paint.modifier;
    }
}

impl Heatmap<'_> {
    /// Draws into `area`.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let inks = Inks::new(brush, self.levels);
        let half = brush.glyphs.upper_half.filter(|_| brush.palette.is_solid());
        let mut encoded = [0; 4];
        let half = half.map(|c| &*c.encode_utf8(&mut encoded));
        for line in 0..area.height.min(self.layout.size().1.saturating_sub(self.scroll.1)) {
            self.line(&inks, half, (brush, area), line, buf);
        }
        self.labels(brush, area, buf);
        if let Some((x, y)) = self.cursor.and_then(|p| self.layout.position(p)) {
            self.cursor(brush, &inks, area, (x, y), buf);
        }
    }

    fn line(
        &self,
        inks: &Inks,
        half: Option<&str>,
        (brush, area): (Brush<'_>, Rect),
        line: u16,
        buf: &mut Buffer,
    ) {
        let width = usize::from(self.layout.size().0);
        let left = usize::from(self.scroll.0);
        let count = usize::from(area.width).min(width.saturating_sub(left));
        let at = usize::from(self.scroll.1 + line) * 2 * width + left;
        let halves = self.layout.halves();
        let (Some(upper), Some(lower)) =
            (halves.get(at..at + count), halves.get(at + width..at + width + count))
        else {
            return;
        };
        let start = buf.index_of(area.left(), area.top() + line);
        let cells = &mut buf.content[start..start + count];
        let tones = self.levels.tones();
        let tone = |p: u32| tones.get(p as usize).copied().unwrap_or(Tone::NONE);
        for (cell, (a, b)) in cells.iter_mut().zip(upper.iter().zip(lower)) {
            let (a, b) = (tone(*a), tone(*b));
            if a == Tone::NONE && b == Tone::NONE {
                continue;
            }
            match half {
                Some(half) => inks.halves(cell, a, b, half),
                None => inks.whole(cell, inks.worse(a, b), brush.palette.is_solid()),
            }
        }
    }

    fn labels(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        for label in self.layout.labels() {
            let (Some(x), Some(y)) = (label.x.checked_sub(self.scroll.0), label.y.checked_sub(self.scroll.1))
            else {
                continue;
            };
            if x < area.width && y < area.height {
                let scope = if self.lit.contains(&label.asset) { Scope::TextStrong } else { Scope::TextDim };
                let style = brush.style(scope);
                brush.text(buf, area, (area.left() + x, area.top() + y), &label.text, style);
            }
        }
    }

    /// Brackets left and right of the pixel at `x`, `y` (half lines). The neighbours keep their
    /// colour behind them, an alarm before all.
    fn cursor(&self, brush: Brush<'_>, inks: &Inks, area: Rect, (x, y): (u16, u16), buf: &mut Buffer) {
        let scale = self.layout.scale();
        let style = brush.style(Scope::Cursor);
        let two_halves = brush.palette.is_solid() && brush.glyphs.upper_half.is_some();
        for line in y / 2..(y + scale).div_ceil(2) {
            let glyphs = match (two_halves, scale) {
                (true, 1) => brush.glyphs.cursor[1 + usize::from(y % 2)],
                _ => brush.glyphs.cursor[0],
            };
            let Some(sy) = line.checked_sub(self.scroll.1).filter(|sy| *sy < area.height) else { continue };
            for (at, glyph) in [(x.checked_sub(1), glyphs[0]), (Some(x + scale), glyphs[1])] {
                let Some(sx) = at.and_then(|at| at.checked_sub(self.scroll.0)).filter(|sx| *sx < area.width)
                else {
                    continue;
                };
                let ground =
                    at.map_or(inks.ground, |at| self.behind(inks, at, line, brush.palette.is_solid()));
                let cell = &mut buf[(area.left() + sx, area.top() + sy)];
                cell.set_char(glyph);
                (cell.fg, cell.bg) = (
                    if two_halves { style.bg.unwrap_or_default() } else { style.fg.unwrap_or_default() },
                    ground,
                );
                cell.modifier = Modifier::BOLD;
            }
            if !two_halves {
                for sx in
                    (x..x + scale).filter_map(|x| x.checked_sub(self.scroll.0)).filter(|x| *x < area.width)
                {
                    buf[(area.left() + sx, area.top() + sy)].modifier |= Modifier::REVERSED;
                }
            }
        }
    }

    /// The colour behind a bracket.
    fn behind(&self, inks: &Inks, x: u16, line: u16, solid: bool) -> Color {
        let tones = self.levels.tones();
        let tone = |y| self.layout.pixel_at(x, y).and_then(|p| tones.get(p)).copied().unwrap_or(Tone::NONE);
        let tone = inks.worse(tone(line * 2), tone(line * 2 + 1));
        if solid && tone != Tone::NONE { inks.paints[tone.index()].color } else { inks.ground }
    }
}

#[cfg(test)]
mod tests;
