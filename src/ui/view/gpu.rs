//! The GPU view: identity, values with their normal bands, and charts over three spans of time.

mod facts;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::model::id::Span;
use crate::model::{Asset, GpuId, Metric};
use crate::ui::action::Action;
use crate::ui::alarms::rows;
use crate::ui::context::Context;
use crate::ui::selection::Bounds;
use crate::ui::theme::Scope;
use crate::ui::view::chart::{self, Chart, SPANS};
use crate::ui::view::{Outcome, View, moved, subject_gpu, value};

/// The charts, the most important first.
const CHARTS: [Metric; 5] = [Metric::Util, Metric::Temp, Metric::Power, Metric::SmClock, Metric::MemTemp];
/// Fewest lines and columns of a chart.
const CHART: (u16, u16) = (6, 34);
/// Columns of the facts beside the charts.
const FACTS: u16 = 58;

/// State of the view.
#[derive(Debug, Default)]
pub struct GpuView {
    /// Index into [`SPANS`].
    span: usize,
    charts: Vec<Rect>,
    facts: Rect,
    /// What the series belong to.
    key: Option<(GpuId, i64, usize, u32)>,
    series: Vec<Vec<Option<Point>>>,
}

impl GpuView {
    /// Facts beside the charts where the screen is wide, above them where it is high, alone where
    /// it is small.
    fn lay_out(&mut self, area: Rect) {
        self.charts.clear();
        if area.width >= FACTS + 2 * CHART.1 {
            let width = area.width - FACTS;
            self.facts = Rect { x: area.x + width, width: FACTS, ..area };
            self.grid(Rect { width: width - 1, ..area }, 2, CHARTS.len());
        } else if area.height >= 10 + CHART.0 && area.width >= CHART.1 {
            let columns = area.width / CHART.1;
            let lines = (area.height - 10) / CHART.0;
            let count = (columns.min(2) * lines).min(4);
            let rows = count.div_ceil(columns.min(2));
            let height = (area.height - 10).min(rows * 9);
            self.facts = Rect { height: area.height - height, ..area };
            let below = Rect { y: self.facts.bottom(), height, ..area };
            self.grid(below, columns.min(2), usize::from(count));
        } else {
            self.facts = area;
        }
    }

    fn grid(&mut self, area: Rect, columns: u16, count: usize) {
        let rows = (count as u16).div_ceil(columns).min((area.height / CHART.0).max(1));
        let (width, height) = (area.width / columns, area.height / rows);
        for i in 0..(count as u16).min(rows * columns) {
            let (x, y) = (area.x + i % columns * width, area.y + i / columns * height);
            self.charts.push(Rect { x: x + 1, y, width: width.saturating_sub(2), height });
        }
    }
}

impl View for GpuView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        self.lay_out(area);
        let Some(gpu) = cx.selection.gpu(cx.topology()) else { return };
        let point = chart::point_of(SPANS[self.span], cx.frame.time);
        let key = Some((gpu, point, self.span, cx.topology().generation()));
        let enough = self.series.len() >= self.charts.len();
        if self.key != key || !enough {
            self.key = key;
            let (ms, points, _) = SPANS[self.span];
            let history = &cx.snapshot.history;
            let shown = &CHARTS[..self.charts.len().min(CHARTS.len())];
            self.series = history.series_of(cx.frame, Asset::Gpu(gpu), shown, (ms, points));
        }
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let last = SPANS.len() - 1;
        match action {
            Action::ZoomOut => self.span = (self.span + 1).min(last),
            Action::ZoomIn => self.span = self.span.saturating_sub(1),
            Action::ZoomCycle => self.span = (self.span + 1) % SPANS.len(),
            Action::Open => return Outcome::Refused("this is as near as it gets".into()),
            Action::HalfUp | Action::PageUp => return moved(cx, Action::Up, Bounds::Rack),
            Action::HalfDown | Action::PageDown => return moved(cx, Action::Down, Bounds::Rack),
            _ => return moved(cx, action, Bounds::Rack),
        }
        Outcome::Done
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let brush = cx.brush;
        let Some(gpu) = cx.selection.gpu(cx.topology()) else {
            let said = "no GPU here";
            brush.on(area, buf).text((area.x + 1, area.y), said, brush.style(Scope::TextDim));
            return;
        };
        let gpus = Span { start: gpu.0, end: gpu.0 + 1 };
        let inner = Rect { x: self.facts.x + 1, width: self.facts.width.saturating_sub(2), ..self.facts };
        let most = (self.facts.height / 5).min(3);
        let left = rows::at_foot(cx, gpus, most, inner, buf);
        facts::render(cx, gpu, Rect { height: left.height, ..self.facts }, buf);
        let (ms, _, name) = SPANS[self.span];
        let model = cx.topology().gpu_model(gpu);
        for ((metric, at), series) in CHARTS.into_iter().zip(&self.charts).zip(&self.series) {
            let now = value::long(cx, gpu, metric);
            let title = format!("{} {}  {name}", metric.spec().label, now.text);
            let limit = value::band(model, metric, None).and_then(|b| b.normal.1);
            let (scale, limits) = (metric.spec().range, [limit, None]);
            Chart { points: series, scale, limits, span_ms: ms }.render(cx, *at, &title, buf);
        }
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        subject_gpu(cx)
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::ZoomOut,
            Action::ZoomIn,
            Action::Right,
            Action::CopyName,
            Action::Worst,
            Action::NextAlarm,
            Action::Acknowledge,
            Action::Pause,
            Action::Back,
        ]
    }
}
