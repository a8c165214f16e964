//! A titled chart of a metric over a span that ends at the moment shown.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::model::{Metric, Timestamp};
use crate::ui::context::Context;
use crate::ui::theme::Scope;
use crate::ui::widget::trend::Trend;

/// Spans of charts: ms, points, name.
pub const SPANS: [(i64, usize, &str); 3] =
    [(900_000, 180, "15 min"), (3_600_000, 360, "1 h"), (86_400_000, 288, "24 h")];

/// The number of the point in which `time` lies. Reading a series back from the tiers takes
/// milliseconds, so it is done when a new point begins and not with every frame.
#[must_use]
pub const fn point_of(span: (i64, usize, &str), time: Timestamp) -> i64 {
    time.millis().div_euclid(span.0 / span.1 as i64)
}

/// A chart.
#[derive(Clone, Copy, Debug)]
pub struct Chart<'a> {
    /// What it shows.
    pub metric: Metric,
    /// The series, oldest first.
    pub points: &'a [Option<Point>],
    /// Limit line, in the metric's unit.
    pub limit: Option<f32>,
    /// Its length, ms.
    pub span_ms: i64,
}

impl Chart<'_> {
    /// Draws a heading and the chart below it.
    pub fn render(&self, cx: &Context<'_>, area: Rect, title: &str, buf: &mut Buffer) {
        let brush = cx.brush;
        if area.height < 2 {
            return;
        }
        brush.on(area, buf).text((area.x, area.y), title, brush.style(Scope::TextStrong));
        let plot = Rect { y: area.y + 1, height: area.height - 1, ..area };
        if self.points.iter().all(Option::is_none) {
            let said = "nothing recorded yet in this span";
            brush.on(plot, buf).text((plot.x + 2, plot.y), said, brush.style(Scope::TextDim));
            return;
        }
        let points: Vec<_> = self.points.iter().map(|p| p.map(|p| (p.min, p.mean, p.max))).collect();
        let start = cx.frame.time.plus_millis(-self.span_ms);
        let clock = |share: i64| {
            let clock = start.plus_millis(self.span_ms * share / 4).clock().to_string();
            clock.get(..5).unwrap_or_default().to_owned()
        };
        let (a, b, c, d) = (clock(0), clock(1), clock(2), clock(3));
        let end = if cx.choice.moment.time().is_none() { "now".to_owned() } else { clock(4) };
        let times = [
            (0.0, a.as_str()),
            (0.25, b.as_str()),
            (0.5, c.as_str()),
            (0.75, d.as_str()),
            (1.0, end.as_str()),
        ];
        let range = self.range();
        Trend { points: &points, range, limit: self.limit, times: &times }.render(brush, plot, buf);
    }

    /// The scale of the metric, widened by values beyond it and by the limit.
    fn range(&self) -> (f32, f32) {
        let (low, high) = self.metric.spec().range;
        let top = self.points.iter().flatten().map(|p| p.max).fold(high, f32::max);
        (low, self.limit.map_or(top, |l| l.max(top)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_read_again_when_a_new_point_begins() {
        let at = |s| point_of(SPANS[0], Timestamp::from_secs(s));
        assert_eq!(at(100), at(104));
        assert_ne!(at(104), at(105));
    }

    #[test]
    fn values_beyond_the_scale_widen_it() {
        let points = [Some(Point::of(1600.0)), None];
        let chart = Chart { metric: Metric::Power, points: &points, limit: None, span_ms: 1000 };
        assert_eq!(chart.range(), (0.0, 1600.0));
        let low = [Some(Point::of(3.0))];
        assert_eq!(Chart { points: &low, limit: Some(1450.0), ..chart }.range(), (0.0, 1450.0));
    }
}
