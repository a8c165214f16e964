//! A titled chart of a value over a span that ends at the moment shown.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::model::Timestamp;
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
    /// The series, oldest first.
    pub points: &'a [Option<Point>],
    /// Ends of the scale; values and limits beyond widen it.
    pub scale: (f32, f32),
    /// Limit lines.
    pub limits: [Option<f32>; 2],
    /// Its length, ms.
    pub span_ms: i64,
}

impl<'a> Chart<'a> {
    /// A chart whose scale fits its values: for quantities that stay near one value. `least` is the
    /// smallest span of the scale, so that noise is not blown up to full height.
    #[must_use]
    pub fn fitted(points: &'a [Option<Point>], limits: [Option<f32>; 2], least: f32, span_ms: i64) -> Self {
        let known = points.iter().flatten();
        let ends = known.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), p| (l.min(p.min), h.max(p.max)));
        let (low, high) = if ends.0 > ends.1 { (0.0, least) } else { ends };
        let pad = ((high - low) * 0.15).max((least - (high - low)) / 2.0);
        let mut scale = (low - pad, high + pad);
        if low >= 0.0 && scale.0 < 0.0 {
            // What is never below zero is not drawn on a scale that is.
            scale = (0.0, scale.1.max(least));
        }
        Self { points, scale, limits, span_ms }
    }

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
        Trend { points: &points, range, limits: self.limits, times: &times }.render(brush, plot, buf);
    }

    fn range(&self) -> (f32, f32) {
        let (low, high) = self.scale;
        let known = self.points.iter().flatten();
        let (low, high) = known.fold((low, high), |(l, h), p| (l.min(p.min), h.max(p.max)));
        self.limits.iter().flatten().fold((low, high), |(a, b), l| (a.min(*l), b.max(*l)))
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
        let chart = Chart { points: &points, scale: (0.0, 1400.0), limits: [None; 2], span_ms: 1000 };
        assert_eq!(chart.range(), (0.0, 1600.0));
        let low = [Some(Point::of(-3.0))];
        assert_eq!(Chart { points: &low, limits: [Some(1450.0), None], ..chart }.range(), (-3.0, 1450.0));
    }

    #[test]
    fn a_fitted_scale_holds_values_and_limits_and_never_blows_up_noise() {
        let points = [Some(Point::of(50.01)), None, Some(Point::of(49.99))];
        let chart = Chart::fitted(&points, [Some(49.9), Some(50.1)], 0.1, 1000);
        let (low, high) = chart.range();
        assert!((low, high) == (49.9, 50.1), "{low} {high}");
        let (low, high) = Chart::fitted(&points, [None; 2], 0.1, 1000).range();
        assert!((high - low - 0.1).abs() < 0.001 && low < 49.99 && high > 50.01, "{low} {high}");
        assert_eq!(Chart::fitted(&[], [None; 2], 5.0, 1000).range(), (0.0, 5.75), "nothing known yet");
    }
}
