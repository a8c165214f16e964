//! The hall view: every GPU of one hall.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Asset;
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::selection::Bounds;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::{Outcome, View, moved, subject_gpu};

/// State of the hall view.
#[derive(Debug, Default)]
pub struct HallView;

impl View for HallView {
    fn update(&mut self, _: &Context<'_>, _: Rect) {}

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        match action {
            Action::Open => {
                cx.selection.rack(cx.topology()).map_or(Outcome::Done, |r| Outcome::Open(Asset::Rack(r)))
            }
            _ => moved(cx, action, Bounds::Hall),
        }
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let Some(gpu) = cx.selection.gpu(cx.topology()) else { return };
        let metric = cx.choice.metric;
        let value = cx.frame.value(gpu, metric).map_or("-".into(), |v| text::value(metric, v.into()));
        let line = format!("{}  {value}", cx.topology().name(Asset::Gpu(gpu)));
        cx.brush.on(area, buf).text((area.x, area.y), &line, cx.brush.style(Scope::Text));
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        subject_gpu(cx)
    }

    fn hints(&self) -> &'static [Action] {
        &[Action::Open, Action::NextMetric, Action::Worst, Action::ZoomCycle, Action::Pause, Action::Back]
    }
}
