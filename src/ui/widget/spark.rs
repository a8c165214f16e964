//! A sparkline: one line of bars, scaled to a given band (a value near its maximum would be a slab
//! of bars if it were scaled from zero). Gaps are gaps.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::ui::widget::Brush;

/// A line of bars, the newest on the right.
#[derive(Clone, Copy, Debug)]
pub struct Spark<'a> {
    /// Values, oldest first; `None` where there is none.
    pub values: &'a [Option<f32>],
    /// Values of the lowest and the highest bar; what lies outside is clipped.
    pub range: (f32, f32),
    /// Style of the bars.
    pub style: Style,
}

impl Spark<'_> {
    /// Draws into the first line of `area`.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let columns = usize::from(area.width);
        let (low, high) = self.range;
        for x in 0..columns {
            let Some(value) = pooled(self.values, x, columns) else { continue };
            let share = f64::from((value - low) / (high - low).max(f32::MIN_POSITIVE));
            brush.on(area, buf).glyph(
                (area.left() + x as u16, area.top()),
                brush.glyphs.bar(share),
                self.style,
            );
        }
    }
}

/// The value of column `x` of `columns`: the mean of those that fall into it; fewer values than
/// columns stand at the right, so that the newest is always at the edge.
fn pooled(values: &[Option<f32>], x: usize, columns: usize) -> Option<f32> {
    let n = values.len();
    if n <= columns {
        return values.get((x + n).checked_sub(columns)?).copied().flatten();
    }
    let share = values[x * n / columns..(x + 1) * n / columns].iter().flatten();
    let (sum, count) = share.fold((0.0, 0), |(s, c), v| (s + v, c + 1));
    (count > 0).then(|| sum / count as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::glyph::Glyphs;
    use crate::ui::widget::tests::{lines, palette};

    fn draw(values: &[Option<f32>], width: u16, glyphs: &Glyphs) -> String {
        let p = palette(ColorDepth::Mono);
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        let spark = Spark { values, range: (10.0, 17.0), style: Style::new() };
        spark.render(Brush { palette: &p, glyphs }, buf.area, &mut buf);
        lines(&buf).remove(0)
    }

    #[test]
    fn bars_span_the_band_and_clip_beyond_it() {
        let values: Vec<_> = [0.0, 10.0, 13.0, 17.0, 99.0].map(Some).to_vec();
        assert_eq!(draw(&values, 5, &Glyphs::UNICODE), "▁▁▄██");
        assert_eq!(draw(&values, 5, &Glyphs::ASCII), "__-##");
    }

    #[test]
    fn gaps_stay_gaps_and_the_newest_is_on_the_right() {
        assert_eq!(draw(&[Some(17.0), None, Some(10.0)], 5, &Glyphs::UNICODE), "  █ ▁");
        assert_eq!(draw(&[], 3, &Glyphs::UNICODE), "   ");
    }

    #[test]
    fn more_values_than_columns_are_averaged() {
        let values = [Some(10.0), Some(17.0), None, None, Some(17.0), None];
        assert_eq!(draw(&values, 3, &Glyphs::UNICODE), "▅ █");
    }
}
