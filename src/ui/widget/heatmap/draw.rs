//! Copies tones into the cells of a buffer: two pixels to a cell where there are colours, one glyph
//! to a cell where there are not.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use crate::model::id::Asset;
use crate::ui::theme::palette::Paint;
use crate::ui::theme::tone::TONES;
use crate::ui::theme::{Scope, Tone};
use crate::ui::widget::heatmap::layout::Layout;
use crate::ui::widget::heatmap::levels::LevelMap;
use crate::ui::widget::{Brush, Pen};

/// A cell of two pixels before it has colours.
const HALF: Cell = Cell::new("▀");

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
            low_is_worse: levels.low_is_worse(),
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
    fn halves(&self, cell: &mut Cell, upper: Tone, lower: Tone) {
        if upper.is_hatched() || lower.is_hatched() {
            return self.hatched(cell, upper, lower);
        }
        let (a, b) = (&self.paints[upper.index()], &self.paints[lower.index()]);
        if let Some(priority) = upper.priority().filter(|_| upper == lower) {
            // The digit, because the shape would hide half of the colour behind its own.
            cell.set_char((b'0' + priority) as char);
            (cell.fg, cell.bg) = (a.ink, a.color);
        } else {
            *cell = HALF;
            (cell.fg, cell.bg) = (a.color, b.color);
            return;
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
        if area.is_empty() {
            return;
        }
        let inks = Inks::new(brush, self.levels);
        for line in 0..area.height.min(self.layout.size().1.saturating_sub(self.scroll.1)) {
            self.line(&inks, (brush, area), line, buf);
        }
        self.labels(brush, area, buf);
        if let Some((x, y)) = self.cursor.and_then(|p| self.layout.position(p)) {
            self.cursor(&inks, (x, y), &mut brush.on(area, buf));
        }
    }

    fn line(&self, inks: &Inks, (brush, area): (Brush<'_>, Rect), line: u16, buf: &mut Buffer) {
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
        let solid = brush.palette.is_solid();
        let halves_fit = solid && brush.glyphs.half_blocks;
        let tones = self.levels.tones();
        let tone = |p: u32| tones.get(p as usize).copied().unwrap_or(Tone::NONE);
        for (cell, (a, b)) in cells.iter_mut().zip(upper.iter().zip(lower)) {
            let (a, b) = (tone(*a), tone(*b));
            if a == Tone::NONE && b == Tone::NONE {
                continue;
            }
            if halves_fit {
                inks.halves(cell, a, b);
            } else {
                inks.whole(cell, inks.worse(a, b), solid);
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
                brush.on(area, buf).text((area.left() + x, area.top() + y), &label.text, style);
            }
        }
    }

    /// Brackets left and right of the pixel at `x`, `y` (half lines). The neighbours keep their
    /// colour behind them, an alarm before all; where there is no colour, an alarm keeps its glyph.
    fn cursor(&self, inks: &Inks, (x, y): (u16, u16), pen: &mut Pen<'_>) {
        let brush = pen.brush;
        let scale = self.layout.scale();
        let solid = brush.palette.is_solid();
        let halves = solid && brush.glyphs.half_blocks;
        let kind = if halves && scale == 1 { 1 + usize::from(y % 2) } else { 0 };
        let glyphs = brush.glyphs.cursor[kind];
        for line in y / 2..(y + scale).div_ceil(2) {
            for (at, glyph) in [(x.checked_sub(1), glyphs[0]), (Some(x + scale), glyphs[1])] {
                let Some(x) = at else { continue };
                let (Some(cell), tone) = (self.cell((x, line), pen), self.tone(inks, x, line)) else {
                    continue;
                };
                let urgent = tone.priority().is_some();
                if !solid && (urgent || tone.is_hatched()) {
                    continue;
                }
                let paint = &inks.paints[tone.index()];
                cell.set_char(glyph);
                let marker = brush.style(Scope::Cursor).bg.unwrap_or_default();
                cell.fg = if urgent { paint.ink } else { marker };
                cell.bg = if solid { paint.color } else { inks.ground };
                cell.modifier = Modifier::BOLD;
            }
            for x in (x..x + scale).filter(|_| !halves) {
                if let Some(cell) = self.cell((x, line), pen) {
                    cell.modifier |= Modifier::REVERSED;
                }
            }
        }
    }

    /// The cell of the buffer at `x`, `line` of the layout, if it is in view.
    fn cell<'b>(&self, (x, line): (u16, u16), pen: &'b mut Pen<'_>) -> Option<&'b mut Cell> {
        let area = pen.area();
        pen.cell((area.left() + x.checked_sub(self.scroll.0)?, area.top() + line.checked_sub(self.scroll.1)?))
    }

    /// The tone of a cell that can show only one.
    fn tone(&self, inks: &Inks, x: u16, line: u16) -> Tone {
        let tones = self.levels.tones();
        let tone = |y| self.layout.pixel_at(x, y).and_then(|p| tones.get(p)).copied().unwrap_or(Tone::NONE);
        inks.worse(tone(line * 2), tone(line * 2 + 1))
    }
}

#[cfg(test)]
mod tests;
