//! The site view: all halls as small heatmaps, the facility, the totals.

mod facility;
mod panel;
mod tiles;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Asset, HallId};
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::selection::Selection;
use crate::ui::theme::Scope;
use crate::ui::view::hall::parts::{counts_line, nothing};
use crate::ui::view::nodes;
use crate::ui::view::ranking::Ranking;
use crate::ui::view::{Outcome, View};
use crate::ui::widget::frame::Frame;
use crate::ui::widget::legend::Legend;

use facility::Facility;
use tiles::Tiles;

/// State of the site view.
#[derive(Debug, Default)]
pub struct SiteView {
    tiles: Tiles,
    facility: Facility,
    worst: Ranking,
    areas: Areas,
}

#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    tiles: Rect,
    legend: Rect,
    facility: Rect,
    lists: Rect,
}

impl Areas {
    /// Halls get what the others leave: the facility a strip or two lines, the lists the rest.
    fn new(area: Rect) -> Self {
        let (facility, lists) = match (area.width, area.height) {
            (100.., 50..) => (9, 10),
            (100.., 34..) => (7, 7),
            (_, 18..) => (2, 5),
            (_, 12..) => (1, 0),
            _ => (0, 0),
        };
        let legend = u16::from(area.height >= 12);
        let tiles = area.height - facility - lists - legend;
        let part = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
        Self {
            tiles: part(0, tiles),
            legend: part(tiles, legend),
            facility: part(tiles + legend, facility),
            lists: part(tiles + legend + facility, lists),
        }
    }
}

impl View for SiteView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        self.areas = Areas::new(area);
        self.tiles.update(cx, self.areas.tiles);
        self.facility.update(cx);
        self.worst.update(cx, Asset::Site);
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let at = cx.selection.hall(cx.topology()).map_or(0, HallId::index) as i64;
        let columns = self.tiles.columns() as i64;
        let last = cx.topology().halls().len() as i64 - 1;
        let by = match action {
            Action::Left | Action::RackLeft => -1,
            Action::Right | Action::RackRight => 1,
            Action::Up | Action::RackUp => -columns,
            Action::Down | Action::RackDown => columns,
            Action::First => -at,
            Action::Last => last - at,
            Action::Open => return Outcome::Open(self.subject(cx)),
            _ => return Outcome::Ignored,
        };
        let mut selection = cx.selection.clone();
        if (0..=last).contains(&(at + by)) && selection.step_hall(cx.topology(), by) {
            Outcome::Selected(selection)
        } else {
            Outcome::Done
        }
    }

    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        let Some(hall) = self.tiles.hall_at(at) else { return Outcome::Ignored };
        if cx.selection.hall(cx.topology()) == Some(hall) {
            return Outcome::Open(Asset::Hall(hall));
        }
        let mut selection: Selection = cx.selection.clone();
        selection.select(cx.topology(), Asset::Hall(hall));
        Outcome::Selected(selection)
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        if cx.topology().halls().is_empty() {
            return nothing(cx, area, buf);
        }
        if cx.topology().gpu_count() == 0 {
            return nodes::table(cx, Asset::Site, area, buf);
        }
        let a = &self.areas;
        self.tiles.render(cx, buf);
        let layer = cx.choice.layer();
        let per_pixel = self.tiles.per_pixel(cx, layer);
        let range = crate::ui::view::map::range(cx, layer);
        let legend = Legend { layer, range, per_pixel, names: &[] };
        let area = Rect { x: a.legend.x + 1, width: a.legend.width.saturating_sub(1), ..a.legend };
        if !crate::ui::view::map::legend_of_changes(cx, per_pixel, area, buf) {
            legend.render(cx.brush, area, buf);
        }
        self.facility.render(cx, a.facility, buf);
        let (alarms, worst) = self.panels(cx);
        if !alarms.is_empty() {
            panel::render(cx, alarms, buf);
        }
        if !worst.is_empty() {
            self.list(cx, worst, buf);
        }
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        cx.selection.hall(cx.topology()).map_or(Asset::Site, Asset::Hall)
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::Open,
            Action::NextMetric,
            Action::Find,
            Action::Worst,
            Action::Alarms,
            Action::NextAlarm,
            Action::Acknowledge,
            Action::Pause,
            Action::Sources,
        ]
    }
}

impl SiteView {
    /// Alarms and the worst GPUs share the lists where there is room for both; else alarms go first.
    fn panels(&self, cx: &Context<'_>) -> (Rect, Rect) {
        let lists = self.areas.lists;
        let none = Rect { width: 0, height: 0, ..lists };
        if cx.snapshot.alarms.counts.active() == 0 || lists.height == 0 {
            return (none, lists);
        }
        if lists.width < 170 {
            return (lists, none);
        }
        let width = lists.width * 2 / 3;
        (Rect { width, ..lists }, Rect { x: lists.x + width, width: lists.width - width, ..lists })
    }

    fn list(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let title = self.worst.title();
        let note = counts_line(cx, Asset::Site);
        let inner = if area.height >= 7 {
            Frame { title: &title, note: &note, focused: false }.render(cx.brush, area, buf)
        } else {
            let line = cx.brush.style(Scope::Line);
            for x in area.left()..area.right() {
                cx.brush.on(area, buf).glyph((x, area.y), cx.brush.glyphs.frame[0], line);
            }
            let text = format!(" {title}  {note} ");
            cx.brush.on(area, buf).text((area.x + 2, area.y), &text, cx.brush.style(Scope::Title));
            Rect::new(area.x, area.y + 1, area.width, area.height - 1)
        };
        let columns = (inner.width / 62).max(1);
        let width = inner.width / columns;
        for i in 0..self.worst.count().min(usize::from(columns * inner.height)) {
            let Some(hall) = self.worst.hall(cx, i) else { break };
            let (column, row) = (i as u16 / inner.height, i as u16 % inner.height);
            let place = Rect::new(inner.x + column * width, inner.y + row, width - 1, 1);
            let hall = cx.topology().short_name(Asset::Hall(hall));
            cx.brush.on(place, buf).text((place.x + 1, place.y), &hall, cx.brush.style(Scope::TextDim));
            let indent = 4.min(place.width);
            let rest = Rect { x: place.x + indent, width: place.width - indent, ..place };
            self.worst.line(cx, i, rest, buf);
        }
    }
}
