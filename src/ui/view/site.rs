//! The site view: all halls.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Asset, HallId};
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::{Outcome, View};

/// State of the site view.
#[derive(Debug, Default)]
pub struct SiteView {
    first: usize,
}

impl View for SiteView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let rows = usize::from(area.height.saturating_sub(1)).max(1);
        let at = cx.selection.hall(cx.topology()).map_or(0, HallId::index);
        self.first = self.first.clamp((at + 1).saturating_sub(rows), at);
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let by = match action {
            Action::Left | Action::Up | Action::RackLeft | Action::RackUp => -1,
            Action::Right | Action::Down | Action::RackRight | Action::RackDown => 1,
            Action::First => -(cx.selection.hall(cx.topology()).map_or(0, HallId::index) as i64),
            Action::Last => {
                let at = cx.selection.hall(cx.topology()).map_or(0, HallId::index);
                (cx.topology().halls().len().saturating_sub(at + 1)) as i64
            }
            Action::Open => return Outcome::Open(self.subject(cx)),
            _ => return Outcome::Ignored,
        };
        let mut selection = cx.selection.clone();
        if selection.step_hall(cx.topology(), by) { Outcome::Selected(selection) } else { Outcome::Done }
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let metric = cx.choice.metric;
        let selected = cx.selection.hall(cx.topology());
        for (i, hall) in cx.topology().halls().iter().enumerate().skip(self.first) {
            let y = area.y + (i - self.first) as u16;
            let id = HallId::new(i);
            let stats = cx.frame.stats(Asset::Hall(id), metric);
            let value = stats.map_or("-".into(), |s| text::value(metric, s.mean.into()));
            let counts = cx.frame.counts(Asset::Hall(id));
            let line = format!("{:<10} {value:>12} {:>7}/{}", hall.name, counts.good, counts.total());
            let scope = if selected == Some(id) { Scope::Selection } else { Scope::Text };
            cx.brush.on(area, buf).text((area.x, y), &line, cx.brush.style(scope));
        }
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        cx.selection.hall(cx.topology()).map_or(Asset::Site, Asset::Hall)
    }

    fn hints(&self) -> &'static [Action] {
        &[Action::Open, Action::NextMetric, Action::Find, Action::Worst, Action::Pause, Action::Sources]
    }
}
