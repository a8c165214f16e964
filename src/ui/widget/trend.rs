//! A chart of a value over time: mean as a line, minimum to maximum as a band behind it, the limit
//! as a dashed line, and gaps where nothing was known.
//!
//! ```text
//! 100 ⠉⠊⠉⠉⠑⠊⠉⠉⠊⠉⠊⠉⠑⠉⠉⠉⠉⠉⠉⠉⠉⠉⠊⠑⠢⡀
//!     ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
//!   0                          ⠈⠑⠢⣀
//!     02:58     03:02   03:06     now
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::Brush;

/// Minimum, mean and maximum of one interval; `None` when nothing was known.
pub type Point = Option<(f32, f32, f32)>;

/// A chart over time.
#[derive(Clone, Copy, Debug)]
pub struct Trend<'a> {
    /// Intervals, oldest first, all equally long.
    pub points: &'a [Point],
    /// Values at the lower and upper edge; what lies outside is drawn at the edge.
    pub range: (f32, f32),
    /// Limits.
    pub limits: [Option<f32>; 2],
    /// Times below the chart: place from 0 (oldest) to 1 (newest), and text.
    pub times: &'a [(f32, &'a str)],
}

/// Dots of one cell.
const BRAILLE: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// The grid of dots while a chart is drawn: for each cell its line and its band.
struct Dots {
    columns: usize,
    lines: usize,
    /// Dots of a cell, across and down.
    per_cell: (usize, usize),
    line: Vec<u32>,
    band: Vec<u32>,
}

impl Dots {
    fn new(area: Rect, braille: bool) -> Self {
        let (columns, lines) = (usize::from(area.width), usize::from(area.height));
        let per_cell = if braille { (2, 4) } else { (1, 1) };
        let empty = vec![0; columns * lines];
        Self { columns, lines, per_cell, line: empty.clone(), band: empty }
    }

    const fn width(&self) -> usize {
        self.columns * self.per_cell.0
    }

    const fn height(&self) -> usize {
        self.lines * self.per_cell.1
    }

    fn set(&mut self, line: bool, x: usize, y: usize) {
        let at = y / self.per_cell.1 * self.columns + x / self.per_cell.0;
        let bit = BRAILLE[x % self.per_cell.0][y % self.per_cell.1];
        let layer = if line { &mut self.line } else { &mut self.band };
        layer[at] |= bit;
    }
}

impl Trend<'_> {
    /// Draws into `area`: labels of the axis at the left, times below.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let (low, high) = self.range;
        let decimals = match high - low {
            10.0.. => 0,
            1.0..10.0 => 1,
            _ => 2,
        };
        let labels = [high, f32::midpoint(low, high), low].map(|v| text::decimal(f64::from(v), decimals));
        let gutter = labels.iter().map(|l| text::width(l)).max().unwrap_or(0) as u16 + 1;
        let foot = u16::from(!self.times.is_empty() && area.height > 2);
        if area.width <= gutter + 2 || area.height <= foot {
            return;
        }
        let plot = Rect::new(area.left() + gutter, area.top(), area.width - gutter, area.height - foot);
        let rows = [(0, 0), (1, (plot.height - 1) / 2), (2, plot.height - 1)];
        for (i, row) in
            rows.into_iter().filter(|(i, row)| *i == 0 || (*row > 0 && (*i == 2 || plot.height > 4)))
        {
            let label = text::right(&labels[i], usize::from(gutter) - 1, brush.glyphs.ellipsis);
            brush.on(area, buf).text((area.left(), plot.top() + row), &label, brush.style(Scope::TextDim));
        }
        self.plot(brush, plot, buf);
        if foot > 0 {
            self.foot(brush, Rect::new(plot.left(), plot.bottom(), plot.width, 1), buf);
        }
    }

    /// All points that fall onto column `x` of `width`, as one; an interval wider than a column is
    /// held over its columns.
    fn pooled(&self, x: usize, width: usize) -> Point {
        let n = self.points.len();
        let from = x * n / width;
        let share = self.points.get(from..((x + 1) * n / width).max(from + 1))?;
        let mut all = share.iter().flatten();
        let first = *all.next()?;
        let (low, sum, high, count) = all.fold((first.0, first.1, first.2, 1.0), |(l, s, h, c), p| {
            (p.0.min(l), s + p.1, p.2.max(h), c + 1.0)
        });
        Some((low, sum / count, high))
    }

    fn plot(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let mut dots = Dots::new(area, brush.glyphs.braille);
        let bottom = (dots.height() - 1) as f32;
        let (low, high) = self.range;
        let span = (high - low).max(f32::MIN_POSITIVE);
        let place = |v: f32| ((high - v) / span * bottom).round().clamp(0.0, bottom) as usize;
        let coarse = dots.per_cell.0 == 1;
        let mut last: Option<usize> = None;
        for x in 0..dots.width() {
            let Some((min, mean, max)) = self.pooled(x, dots.width()) else {
                last = None;
                continue;
            };
            for y in (place(max)..=place(min)).filter(|y| (x + y).is_multiple_of(2) || coarse) {
                dots.set(false, x, y);
            }
            // Joined to the one before, so that a jump is a line and not two dots.
            let y = place(mean);
            let from = last.map_or(y, |l| if l < y { l + 1 } else { l.saturating_sub(1).max(y) });
            for y in from.min(y)..=from.max(y) {
                dots.set(true, x, y);
            }
            last = Some(y);
        }
        let limits =
            self.limits.map(|l| l.filter(|l| (low..=high).contains(l)).map(|l| place(l) / dots.per_cell.1));
        Self::cells(brush, area, &dots, limits, buf);
    }

    fn cells(brush: Brush<'_>, area: Rect, dots: &Dots, limits: [Option<usize>; 2], buf: &mut Buffer) {
        let draw = |bits: u32, plain: char| {
            if brush.glyphs.braille { char::from_u32(0x2800 + bits).unwrap_or(plain) } else { plain }
        };
        for row in 0..dots.lines {
            for column in 0..dots.columns {
                let at = row * dots.columns + column;
                let (glyph, scope) = match (dots.line[at], dots.band[at]) {
                    (0, 0) if limits.contains(&Some(row)) => (brush.glyphs.limit, Scope::ChartLimit),
                    (0, 0) => continue,
                    (0, band) => (draw(band, ':'), Scope::ChartBand),
                    (line, _) => (draw(line, '*'), Scope::ChartLine),
                };
                let place = (area.left() + column as u16, area.top() + row as u16);
                brush.on(area, buf).glyph(place, glyph, brush.style(scope));
            }
        }
    }

    /// Times below the chart; those that would touch the one before are left out, the last one wins.
    fn foot(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let place = |(at, text): &(f32, &str)| {
            let width = text::width(text) as u16;
            let x = (at.clamp(0.0, 1.0) * f32::from(area.width - 1)).round() as u16;
            let x = x.saturating_sub(width / 2).min(area.width.saturating_sub(width));
            (x, x + width)
        };
        let end = self.times.last().map_or(area.width, |t| place(t).0);
        let mut free = 0;
        for (i, time) in self.times.iter().enumerate() {
            let (from, to) = place(time);
            let is_last = i + 1 == self.times.len();
            if from >= free && to <= area.width && (is_last || to < end) {
                brush.on(area, buf).text(
                    (area.left() + from, area.top()),
                    time.1,
                    brush.style(Scope::TextDim),
                );
                free = to + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::glyph::Glyphs;
    use crate::ui::widget::tests::{lines, palette};

    fn draw(trend: &Trend<'_>, size: (u16, u16), glyphs: &Glyphs) -> Vec<String> {
        let p = palette(ColorDepth::Mono);
        let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        trend.render(Brush { palette: &p, glyphs }, buf.area, &mut buf);
        lines(&buf)
    }

    fn steady(value: f32, n: usize) -> Vec<Point> {
        vec![Some((value, value, value)); n]
    }

    #[test]
    fn a_steady_value_is_a_level_line_below_its_limit() {
        let points = steady(50.0, 8);
        let trend = Trend { points: &points, range: (0.0, 100.0), limits: [Some(100.0), None], times: &[] };
        assert_eq!(draw(&trend, (8, 3), &Glyphs::ASCII), ["100 ----", "    ****", "  0     "]);
        assert_eq!(draw(&trend, (8, 3), &Glyphs::UNICODE), ["100 ╌╌╌╌", "    ⠤⠤⠤⠤", "  0     "]);
    }

    #[test]
    fn a_gap_is_a_gap_and_not_a_line_across() {
        let mut points = steady(100.0, 8);
        points[2..6].fill(None);
        let trend = Trend { points: &points, range: (0.0, 100.0), limits: [None; 2], times: &[] };
        assert_eq!(draw(&trend, (12, 2), &Glyphs::UNICODE)[0], "100 ⠉⠉    ⠉⠉");
        let none = Trend { points: &[], ..trend };
        assert_eq!(draw(&none, (12, 2), &Glyphs::UNICODE)[0].trim_end(), "100");
    }

    #[test]
    fn a_jump_is_joined() {
        let points = [steady(100.0, 2), steady(0.0, 2)].concat();
        let trend = Trend { points: &points, range: (0.0, 100.0), limits: [None; 2], times: &[] };
        assert_eq!(draw(&trend, (8, 3), &Glyphs::ASCII), ["100 **  ", "      * ", "  0   **"]);
    }

    #[test]
    fn minimum_and_maximum_are_a_band_around_the_mean() {
        let points = vec![Some((0.0, 50.0, 100.0)); 4];
        let trend = Trend { points: &points, range: (0.0, 100.0), limits: [None; 2], times: &[] };
        assert_eq!(draw(&trend, (8, 3), &Glyphs::ASCII), ["100 ::::", "    ****", "  0 ::::"]);
    }

    #[test]
    fn one_hot_second_in_an_hour_is_not_lost() {
        let mut points = steady(20.0, 3600);
        points[1800] = Some((20.0, 20.0, 90.0));
        let trend = Trend { points: &points, range: (0.0, 100.0), limits: [None; 2], times: &[] };
        let lines = draw(&trend, (40, 8), &Glyphs::UNICODE);
        assert!(lines[1].trim_end().chars().count() > 20, "{lines:?}");
    }

    #[test]
    fn times_stand_below_and_the_newest_wins() {
        let points = steady(0.0, 4);
        let times = [(0.0, "02:58"), (0.5, "03:06"), (0.9, "03:10"), (1.0, "now")];
        let trend = Trend { points: &points, range: (0.0, 100.0), limits: [None; 2], times: &times };
        assert_eq!(draw(&trend, (28, 4), &Glyphs::ASCII)[3], "    02:58     03:06      now");
    }

    #[test]
    fn no_room_draws_nothing_and_does_not_panic() {
        let points = steady(5.0, 3);
        let trend =
            Trend { points: &points, range: (0.0, 10.0), limits: [Some(5.0), None], times: &[(0.0, "a")] };
        for size in [(0, 0), (3, 3), (9, 1), (10, 2)] {
            draw(&trend, size, &Glyphs::UNICODE);
        }
    }
}
