//! A distribution: bars over the range of a metric, coloured like its ramp, with its percentiles.
//!
//! ```text
//! n 12 384   p1 2  p50 93  p99 99
//!                           ▂▆█▃
//! ▃                     ▁▃▅█████
//! █▂▁▁▁▁▁▁▁▁▁▁▂▂▂▃▃▄▄▅▆▇████████
//! 0            50            100
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::ramp::LEVELS;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::Brush;

/// A distribution.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// Counts, from the low end of the range to its high end, all bins equally wide.
    pub bins: &'a [u64],
    /// Ends of the range, in units of the metric.
    pub range: (f32, f32),
    /// Unit, for the axis.
    pub unit: &'a str,
    /// First, fiftieth and ninety-ninth percentile; `None` when there are no values.
    pub percentiles: Option<[f32; 3]>,
    /// Logarithmic heights: one hot GPU among thousands stays visible.
    pub log: bool,
}

impl Histogram<'_> {
    /// Draws into `area`: a line of figures where at least four lines are there, the bars, and the
    /// axis.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        if area.height == 0 || area.width == 0 {
            return;
        }
        let mut bars = area;
        if area.height >= 4 {
            let text = self.figures();
            brush.on(area, buf).text((area.left(), area.top()), &text, brush.style(Scope::Text));
            (bars.y, bars.height) = (bars.y + 1, bars.height - 1);
        }
        if bars.height >= 2 {
            bars.height -= 1;
            self.axis(brush, Rect::new(bars.x, bars.bottom(), bars.width, 1), buf);
        }
        self.bars(brush, bars, buf);
    }

    /// `n 12 384   p1 2  p50 93  p99 99`.
    #[must_use]
    pub fn figures(&self) -> String {
        let n = text::integer(self.bins.iter().sum());
        match self.percentiles {
            Some(p) => {
                let [p1, p50, p99] = p.map(|v| text::decimal(f64::from(v), 0));
                format!("n {n}   p1 {p1}  p50 {p50}  p99 {p99}")
            }
            None => format!("n {n}"),
        }
    }

    /// The count over column `x` of `columns`.
    fn count(&self, x: usize, columns: usize) -> u64 {
        let n = self.bins.len();
        if n <= columns {
            return self.bins[x * n / columns];
        }
        self.bins[x * n / columns..(x + 1) * n / columns].iter().sum()
    }

    fn bars(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let columns = usize::from(area.width);
        if self.bins.is_empty() {
            return;
        }
        let size = |count: u64| if self.log { (count as f64).ln_1p() } else { count as f64 };
        let top = (0..columns).map(|x| self.count(x, columns)).max().map_or(1.0, size).max(f64::MIN_POSITIVE);
        for x in 0..columns {
            let count = self.count(x, columns);
            // What is there is seen: at least the lowest bar.
            let eighths = if count == 0 {
                0
            } else {
                ((size(count) / top * f64::from(area.height) * 8.0) as u32).max(1)
            };
            let style = brush.palette.level_style((x * LEVELS / columns) as u8);
            for line in 0..area.height {
                let part = eighths.saturating_sub(u32::from(line) * 8).min(8);
                if part > 0 {
                    let at = (area.left() + x as u16, area.bottom() - 1 - line);
                    brush.on(area, buf).glyph(at, brush.glyphs.bar(f64::from(part - 1) / 7.0), style);
                }
            }
        }
    }

    fn axis(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let style = brush.style(Scope::TextDim);
        let (low, high) = self.range;
        let number = |v: f32| text::decimal(f64::from(v), 0);
        let end = if self.unit.is_empty() { number(high) } else { format!("{} {}", number(high), self.unit) };
        let middle = number(f32::midpoint(low, high));
        let after = brush.on(area, buf).text((area.left(), area.top()), &number(low), style);
        let end_x = area.right().saturating_sub(text::width(&end) as u16).max(area.left());
        let middle_x = area.left() + (area.width.saturating_sub(text::width(&middle) as u16)) / 2;
        if end_x > after {
            brush.on(area, buf).text((end_x, area.top()), &end, style);
            if middle_x > after && middle_x + text::width(&middle) as u16 + 1 < end_x {
                brush.on(area, buf).text((middle_x, area.top()), &middle, style);
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

    fn draw(histogram: &Histogram<'_>, size: (u16, u16), glyphs: &Glyphs) -> Vec<String> {
        let p = palette(ColorDepth::Mono);
        let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        histogram.render(Brush { palette: &p, glyphs }, buf.area, &mut buf);
        lines(&buf)
    }

    const H: Histogram<'_> = Histogram {
        bins: &[8, 0, 4, 16],
        range: (0.0, 100.0),
        unit: "%",
        percentiles: Some([2.0, 93.0, 99.0]),
        log: false,
    };

    #[test]
    fn bars_stand_on_an_axis_below_their_figures() {
        let lines = draw(&H, (16, 4), &Glyphs::UNICODE);
        assert_eq!(lines, ["n 28   p1 2  p5…", "            ████", "████    ▄▄▄▄████", "0      50  100 %"]);
    }

    #[test]
    fn one_line_is_bars_alone() {
        assert_eq!(draw(&H, (4, 1), &Glyphs::UNICODE), ["▄ ▂█"]);
        assert_eq!(draw(&H, (2, 1), &Glyphs::UNICODE), ["▃█"], "bins are summed");
    }

    #[test]
    fn a_single_gpu_among_thousands_is_seen() {
        let h = Histogram { bins: &[100_000, 1], percentiles: None, ..H };
        assert_eq!(draw(&h, (2, 1), &Glyphs::UNICODE), ["█▁"]);
        assert_eq!(draw(&Histogram { log: true, ..h }, (2, 2), &Glyphs::UNICODE)[0], "█▁");
        assert_eq!(h.figures(), "n 100 001");
    }

    #[test]
    fn nothing_draws_nothing() {
        let h = Histogram { bins: &[], percentiles: None, ..H };
        assert_eq!(draw(&h, (10, 2), &Glyphs::ASCII), ["          ", "0    100 %"]);
        assert_eq!(draw(&H, (0, 0), &Glyphs::ASCII), Vec::<String>::new());
    }
}
