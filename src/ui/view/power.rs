//! The power view: from the feeds over halls and rows to the racks, as a tree that is open along
//! the path to what is selected.
//!
//! ```text
//! ┌─ SUPPLY ───────────── 190.6 of 230 MW ─┐  ┌ chart ─────────────────┐
//! │ Facility  190.6 MW ━━━━━━━━●━┿──  ▅▆▆▆ │  │                        │
//! └────────────────────────────────────────┘  └────────────────────────┘
//!   WHERE    POWER   RATING         A         B   SHELVES  1 h     WHAT
//!   H1     24.1 MW    99 %   12.0 MW   12.1 MW  1408/1408  ▅▆▆▆
//! >   R17   521 kW    48 %      0 kW    521 kW    63/64    ▆▆▁▁   ■1 side A LOST
//!       K5   65 kW …
//! ```

mod branch;
pub(super) mod supply;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::limits::plant as limits;
use crate::fleet::series::Signal;
use crate::model::facility::{HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::{Asset, Topology};
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::selection::Selection;
use crate::ui::view::plant::{Courses, Plot, Plots};
use crate::ui::view::points::brief;
use crate::ui::view::{Outcome, View};
use crate::ui::widget::frame::Frame;
use crate::ui::widget::table::{self, Table};

use branch::Branch;
use supply::Supply;

/// How deep the cursor stands in the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
enum Level {
    /// On a hall.
    #[default]
    Hall,
    /// On a row.
    Row,
    /// On a rack.
    Rack,
}

/// State of the view.
#[derive(Debug, Default)]
pub struct PowerView {
    level: Level,
    tree: Vec<Branch>,
    first: usize,
    areas: Areas,
    /// The line about points of the bus.
    bus: Rect,
    supply: Supply,
    courses: Courses,
    plots: Plots,
}

#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    supply: Rect,
    plots: Rect,
    tree: Rect,
}

impl Areas {
    /// The tree gets `wanted` lines where they fit; what it leaves goes to the charts.
    fn new(area: Rect, wanted: u16) -> Self {
        let top = match (area.width, area.height) {
            (100.., 48..) => area.height.saturating_sub(wanted + 1).clamp(13, 20),
            (100.., 28..) => area.height.saturating_sub(wanted + 1).clamp(10, 14),
            (_, 18..) => 4,
            (_, 12..) => 2,
            (_, 6..) => 1,
            _ => 0,
        };
        let head = Rect { height: top, ..area };
        let tree = Rect { y: area.y + top, height: area.height - top, ..area };
        if top < 10 {
            return Self { supply: head, plots: Rect::ZERO, tree };
        }
        let width = if area.width >= 160 { area.width * 2 / 5 } else { area.width * 11 / 20 };
        let supply = Rect { width, ..head };
        let plots = Rect { x: head.x + width + 1, width: head.width - width - 1, ..head };
        Self { supply, plots, tree }
    }

    /// Lines of the tree below its headings.
    fn lines(&self) -> usize {
        usize::from(self.tree.height.saturating_sub(1)).max(1)
    }
}

impl PowerView {
    /// What the cursor stands on.
    fn selected(&self, cx: &Context<'_>) -> Option<Asset> {
        let (t, s) = (cx.topology(), cx.selection);
        match self.level {
            Level::Hall => s.hall(t).map(Asset::Hall),
            Level::Row => s.row(t).map(Asset::Row),
            Level::Rack => s.rack(t).map(Asset::Rack),
        }
    }

    /// The branches on the path to the cursor, down to a level.
    fn branches(&self, cx: &Context<'_>, level: Level) -> Vec<Asset> {
        let (t, s) = (cx.topology(), cx.selection);
        let (hall, row) = (s.hall(t).map(Asset::Hall), s.row(t).map(Asset::Row));
        let mut out: Vec<Asset> = Vec::new();
        for h in t.children(Asset::Site) {
            out.push(h);
            for r in t.children(h).into_iter().filter(|_| Some(h) == hall && level >= Level::Row) {
                out.push(r);
                if Some(r) == row && level >= Level::Rack {
                    out.extend(t.children(r));
                }
            }
        }
        out
    }

    /// The branches that are open: down to the cursor, and one level more where there is room.
    fn open(&self, cx: &Context<'_>) -> Vec<Asset> {
        let wider = match self.level {
            Level::Hall => Level::Row,
            _ => Level::Rack,
        };
        let more = self.branches(cx, wider);
        if more.len() <= self.areas.lines() { more } else { self.branches(cx, self.level) }
    }

    /// The charts: the whole, and what the cursor stands on.
    fn plots(&self, cx: &Context<'_>) -> Vec<Plot> {
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let plot = |asset, signals, limits, unit, least| Plot {
            asset,
            signals,
            title: t.short_name(asset),
            unit,
            limits,
            least,
            from_zero: true,
        };
        let contract = limits::site(t, f, SitePoint::FacilityPower).high;
        let whole = [Signal::Site(SitePoint::FacilityPower)];
        let site = plot(Asset::Site, whole.to_vec(), [contract, None], "MW", contract.unwrap_or(1.0));
        let site = Plot { title: SitePoint::FacilityPower.spec().label.to_owned(), ..site };
        let own = match self.selected(cx) {
            Some(Asset::Hall(h)) => {
                let high = limits::hall(t, f, h, HallPoint::Power).high;
                let signals = vec![Signal::Hall(HallPoint::Power)];
                Some(plot(Asset::Hall(h), signals, [high, None], "MW", high.unwrap_or(1.0)))
            }
            Some(Asset::Row(r)) => {
                let signals = [RowPoint::BuswayA, RowPoint::BuswayB].map(Signal::Row).to_vec();
                let rating = limits::rating_kw(t, t.row(r).racks.iter());
                let high = Some(rating).filter(|kw| *kw > 0.0);
                Some(plot(Asset::Row(r), signals, [high, None], "kW", high.unwrap_or(1.0)))
            }
            Some(Asset::Rack(r)) => {
                let high = Some(t.rack_model(r).tdp_kw).filter(|kw| *kw > 0.0);
                let signals = vec![Signal::Rack(RackPoint::Power)];
                Some(plot(Asset::Rack(r), signals, [high, None], "kW", high.unwrap_or(1.0)))
            }
            _ => None,
        };
        let mut out = vec![site];
        match own {
            Some(own) if self.areas.plots.width >= 90 => out.push(own),
            Some(own) => out = vec![own],
            None => {}
        }
        out
    }

    fn step(&self, cx: &Context<'_>, kind: Level, by: i64) -> Outcome {
        let (t, s) = (cx.topology(), cx.selection);
        let from = match kind {
            Level::Hall => s.hall(t).map(Asset::Hall),
            Level::Row => s.row(t).map(Asset::Row),
            Level::Rack => s.rack(t).map(Asset::Rack),
        };
        from.map_or(Outcome::Done, |from| sibling(t, s, from, by))
    }

    fn into(&mut self, cx: &Context<'_>) -> Outcome {
        match self.level {
            Level::Hall => self.level = Level::Row,
            Level::Row => self.level = Level::Rack,
            Level::Rack => {
                return cx
                    .selection
                    .rack(cx.topology())
                    .map_or(Outcome::Done, |r| Outcome::Open(Asset::Rack(r)));
            }
        }
        Outcome::Done
    }

    fn out(&mut self) -> bool {
        let level = match self.level {
            Level::Hall => return false,
            Level::Row => Level::Hall,
            Level::Rack => Level::Row,
        };
        self.level = level;
        true
    }
}

/// The selection moved by so many places among the children of a parent; those that hold nothing
/// are passed over. At the end it stays.
pub(super) fn sibling(t: &Topology, selection: &Selection, from: Asset, by: i64) -> Outcome {
    let all = t.children(t.parent(from));
    let Some(at) = all.iter().position(|a| *a == from) else { return Outcome::Done };
    let mut selection = selection.clone();
    let last = all.len() as i64 - 1;
    let mut to = (at as i64 + by).clamp(0, last);
    let step = if by < 0 { -1 } else { 1 };
    while (0..=last).contains(&to) && to != at as i64 {
        if selection.select(t, all[to as usize]) {
            return Outcome::Selected(selection);
        }
        to += step;
    }
    Outcome::Done
}

impl View for PowerView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let (area, bus) = brief::cut(cx, area);
        self.areas = Areas::new(area, self.branches(cx, Level::Rack).len() as u16);
        self.bus = bus;
        self.supply.update(cx);
        let open = self.open(cx);
        let lines = self.areas.lines();
        let selected = self.selected(cx);
        let at = open.iter().position(|a| Some(*a) == selected).unwrap_or(0);
        self.first = table::scroll(at, open.len(), lines, self.first);
        let speaks = cx.frame.facility.any_rack(RackPoint::Power);
        self.tree = open.into_iter().map(|a| Branch::new(cx, a, speaks)).collect();
        self.courses.update(cx);
        for branch in self.tree.iter().skip(self.first).take(lines) {
            branch.read(cx, &mut self.courses);
        }
        let plots = if self.areas.plots.is_empty() { Vec::new() } else { self.plots(cx) };
        self.plots.update(cx, plots);
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let page = self.areas.lines() as i64;
        match action {
            Action::Open | Action::Right => self.into(cx),
            Action::Left => {
                self.out();
                Outcome::Done
            }
            Action::Back if self.out() => Outcome::Done,
            Action::Down => self.step(cx, self.level, 1),
            Action::Up => self.step(cx, self.level, -1),
            Action::HalfDown => self.step(cx, self.level, (page / 2).max(1)),
            Action::HalfUp => self.step(cx, self.level, -(page / 2).max(1)),
            Action::PageDown => self.step(cx, self.level, page),
            Action::PageUp => self.step(cx, self.level, -page),
            Action::First => self.step(cx, self.level, -i64::from(u32::MAX)),
            Action::Last => self.step(cx, self.level, i64::from(u32::MAX)),
            Action::RackLeft => self.step(cx, Level::Row, -1),
            Action::RackRight => self.step(cx, Level::Row, 1),
            Action::RackUp => self.step(cx, Level::Hall, -1),
            Action::RackDown => self.step(cx, Level::Hall, 1),
            Action::ZoomOut => self.zoom(Some(true)),
            Action::ZoomIn => self.zoom(Some(false)),
            Action::ZoomCycle => self.zoom(None),
            _ => Outcome::Ignored,
        }
    }

    fn show(&mut self, asset: Asset) {
        self.level = match asset {
            Asset::Site => Level::Hall,
            Asset::Hall(_) | Asset::Row(_) | Asset::Cdu(_) => Level::Row,
            Asset::Rack(_) | Asset::Tray(_) | Asset::Gpu(_) => Level::Rack,
        };
    }

    fn scope(&self, cx: &Context<'_>) -> Asset {
        self.selected(cx).map_or(Asset::Site, |a| cx.topology().parent(a))
    }

    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        let line = usize::from(at.1.saturating_sub(self.areas.tree.y + 1)) + self.first;
        let inside = self.areas.tree.contains(at.into()) && at.1 > self.areas.tree.y;
        let Some(asset) = self.tree.get(line).filter(|_| inside).map(Branch::asset) else {
            return Outcome::Done;
        };
        if Some(asset) == self.selected(cx) {
            return self.into(cx);
        }
        let mut selection = cx.selection.clone();
        if !selection.select(cx.topology(), asset) {
            return Outcome::Done;
        }
        self.level = match asset {
            Asset::Hall(_) => Level::Hall,
            Asset::Row(_) => Level::Row,
            _ => Level::Rack,
        };
        Outcome::Selected(selection)
    }

    fn render(&self, cx: &Context<'_>, _: Rect, buf: &mut Buffer) {
        let a = &self.areas;
        self.supply.render(cx, a.supply, buf);
        if !a.plots.is_empty() {
            let inner = Frame { title: "COURSE", note: "", focused: false }.render(cx.brush, a.plots, buf);
            let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner };
            self.plots.render(cx, inner, if inner.width >= 88 { 2 } else { 1 }, buf);
        }
        let selected = self.selected(cx);
        let at = self.tree.iter().position(|b| Some(b.asset()) == selected);
        let row = |i: usize| self.tree[i].fields(cx, &self.courses);
        let columns = branch::columns(cx, &self.tree);
        let table = Table {
            columns: &columns,
            rows: self.tree.len(),
            row: &row,
            selected: at,
            offset: self.first,
            headings: true,
        };
        table.render(cx.brush, a.tree, buf);
        brief::render(cx, selected.as_slice(), self.bus, buf);
        if cx.topology().halls().is_empty() {
            crate::ui::view::hall::parts::nothing(cx, a.tree, buf);
        }
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        self.selected(cx).unwrap_or_default()
    }

    fn hints(&self) -> &'static [Action] {
        &[Action::Open, Action::Back, Action::ZoomOut, Action::Cooling, Action::Grid, Action::Pause]
    }
}

impl PowerView {
    fn zoom(&mut self, wider: Option<bool>) -> Outcome {
        self.plots.zoom(wider);
        Outcome::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HallId;

    #[test]
    fn siblings_without_trays_are_passed_over_and_the_ends_hold() {
        let t = Topology::default_site();
        let mut s = Selection::new(&t);
        let step = |s: &mut Selection, from, by| match sibling(&t, s, from, by) {
            Outcome::Selected(new) => *s = new,
            other => assert_eq!(other, Outcome::Done),
        };
        step(&mut s, Asset::Hall(HallId(0)), 3);
        assert_eq!(s.hall(&t), Some(HallId(3)));
        step(&mut s, Asset::Hall(HallId(3)), 99);
        assert_eq!(s.hall(&t), Some(HallId(7)));
        step(&mut s, Asset::Hall(HallId(7)), 1);
        assert_eq!(s.hall(&t), Some(HallId(7)));
        step(&mut s, Asset::Hall(HallId(7)), -99);
        assert_eq!(s.hall(&t), Some(HallId(0)));
    }

    #[test]
    fn every_size_has_a_tree() {
        for (w, h) in [(200, 58), (120, 38), (80, 22), (40, 10), (10, 3), (1, 1)] {
            let a = Areas::new(Rect::new(0, 1, w, h), 38);
            assert!(a.tree.height > 0 && a.tree.bottom() == h + 1, "{w}x{h}");
            assert!(a.plots.is_empty() || a.plots.right() == w);
        }
    }
}
