//! The cooling view: halls and rows at a glance, the loop of one row with its numbers on it, and
//! the racks of that row, the worst first.
//!
//! ```text
//!  heat rejected 152 MW  to neighbours 30 of 30 MW  outside -7.1 °C
//!  H1  H2▼ [H3]  H4 …                       one mark per hall: the worst in it
//!  R01 R02 [R17]▲ …                         one mark per row
//!  14.1 °C ────>┌──────┐── pump 1 44 % ──> 32.1 °C 416 LPM ──┐     the loop
//!  33.1 °C <╌╌╌╌└──────┘╌╌ filter 6 kPa ╌╌ 45.2 °C <╌╌╌╌╌╌╌╌╌┴─ 8 racks
//!   RACK  FLOW  SUPPLY  RETURN  WHAT
//! > K5      31    37.9  ▲61.0   ▲2 return hot, flow low
//! ```

mod figures;
mod racks;
mod schematic;
mod strips;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::limits::plant as limits;
use crate::fleet::series::Signal;
use crate::model::facility::{CduPoint, RackPoint};
use crate::model::{Asset, CduId, RowId};
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::theme::Scope;
use crate::ui::view::plant::{Courses, Plot, Plots};
use crate::ui::view::points::brief;
use crate::ui::view::power::sibling;
use crate::ui::view::{Outcome, View};
use crate::ui::widget::table::{self, Table};

use figures::Figures;
use racks::RackLine;
use strips::Strips;

/// Fewest lines of a chart.
const CHART: u16 = 8;
/// Fewest columns of a chart.
const CHART_WIDTH: u16 = 36;

/// State of the view.
#[derive(Debug, Default)]
pub struct CoolingView {
    areas: Areas,
    /// The line about points of the bus.
    bus: Rect,
    figures: Figures,
    strips: Strips,
    racks: Vec<RackLine>,
    first: usize,
    courses: Courses,
    plots: Plots,
}

#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    figures: Rect,
    strips: Rect,
    loops: Rect,
    table: Rect,
    plots: Rect,
}

impl Areas {
    /// The table gets what racks there are; charts get what is left.
    fn new(area: Rect, (strips, loops, racks): (u16, u16, u16)) -> Self {
        let mut y = area.y;
        let mut take = |height: u16| {
            let part = Rect { y, height: height.min(area.bottom() - y), ..area };
            y += part.height;
            part
        };
        let lines = match (area.width, area.height) {
            (100.., 28..) => 2,
            (_, 16..) => 1,
            _ => 0,
        };
        let figures = take(lines);
        let strips = take(if area.height >= 9 { strips } else { strips.min(1) });
        // A third of the screen at least is for the racks.
        let loops = take(loops.min((area.height * 2 / 3).saturating_sub(lines + strips.height)));
        let rest = area.bottom() - loops.bottom();
        let table = take(if rest >= racks + 2 + CHART { racks + 2 } else { rest });
        let plots = take(rest - table.height);
        Self { figures, strips, loops, table, plots }
    }

    fn lines(&self) -> usize {
        usize::from(self.table.height.saturating_sub(1)).max(1)
    }
}

impl CoolingView {
    fn plots(&self, cx: &Context<'_>, row: RowId) -> Vec<Plot> {
        let a = &self.areas.plots;
        let count = usize::from(a.width / CHART_WIDTH).min(3) * usize::from(a.height / CHART);
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let mut out = Vec::new();
        if let Some(rack) = cx.selection.rack(t).filter(|r| limits::is_liquid(t, *r)) {
            let name = t.short_name(Asset::Rack(rack));
            for point in [RackPoint::LiquidReturn, RackPoint::LiquidFlow, RackPoint::LiquidSupply] {
                let (low, high) = limits::rack(t, rack, point).ends();
                out.push(plot(
                    Asset::Rack(rack),
                    Signal::Rack(point),
                    (&name, point.spec()),
                    near(point.spec().unit, [low, high]),
                ));
            }
        }
        for cdu in t.row(row).cdus.iter().map(CduId) {
            let name = t.short_name(Asset::Cdu(cdu));
            for point in [CduPoint::SecondarySupply, CduPoint::SecondaryFlow, CduPoint::SecondaryReturn] {
                let (low, high) = limits::cdu(f, cdu, point).ends();
                out.push(plot(
                    Asset::Cdu(cdu),
                    Signal::Cdu(point),
                    (&name, point.spec()),
                    near(point.spec().unit, [low, high]),
                ));
            }
        }
        out.retain(|p| p.signals.iter().any(|s| f.signal(p.asset, *s).is_some()));
        out.truncate(count);
        out
    }

    fn plot_columns(&self) -> u16 {
        (self.areas.plots.width / CHART_WIDTH).clamp(1, 3)
    }

    /// Goes to another row; over the end of a hall into the next one.
    fn step_row(&self, cx: &Context<'_>, by: i64) -> Outcome {
        let t = cx.topology();
        let Some(row) = cx.selection.row(t) else { return Outcome::Done };
        let mut to = row.index() as i64 + by;
        let mut selection = cx.selection.clone();
        while let Some(next) = usize::try_from(to).ok().filter(|n| *n < t.rows().len()) {
            if selection.select(t, Asset::Row(RowId::new(next))) {
                return Outcome::Selected(selection);
            }
            to += by;
        }
        Outcome::Done
    }

    fn step_rack(&self, cx: &Context<'_>, by: i64) -> Outcome {
        let t = cx.topology();
        let here = cx.selection.rack(t);
        let last = self.racks.len() as i64 - 1;
        let at = self.racks.iter().position(|r| Some(r.id) == here).unwrap_or(0) as i64;
        let mut selection = cx.selection.clone();
        let step = if by < 0 { -1 } else { 1 };
        let mut to = (at + by).clamp(0, last.max(0));
        while (0..=last).contains(&to) && to != at {
            if selection.select(t, Asset::Rack(self.racks[to as usize].id)) {
                return Outcome::Selected(selection);
            }
            to += step;
        }
        Outcome::Done
    }

    fn zoom(&mut self, wider: Option<bool>) -> Outcome {
        self.plots.zoom(wider);
        Outcome::Done
    }
}

/// Limits are drawn where there are values, so only those of temperatures: flows keep far from theirs.
fn near(unit: &str, limits: [Option<f32>; 2]) -> [Option<f32>; 2] {
    if unit == "°C" { [None, limits[1]] } else { [None; 2] }
}

fn plot(
    asset: Asset,
    signal: Signal,
    (name, spec): (&str, crate::model::facility::PointSpec),
    limits: [Option<f32>; 2],
) -> Plot {
    let least = if spec.unit == "°C" { 4.0 } else { 20.0 };
    let title = format!("{name} {}", spec.label);
    Plot { asset, signals: vec![signal], title, unit: spec.unit, limits, least, from_zero: false }
}

impl View for CoolingView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let t = cx.topology();
        let Some(row) = cx.selection.row(t) else {
            *self = Self::default();
            return;
        };
        let (area, bus) = brief::cut(cx, area);
        self.bus = bus;
        self.figures.update(cx);
        self.strips.update(cx, area);
        self.racks = racks::of_row(cx, row);
        let loops = schematic::height(cx, row, area);
        self.areas = Areas::new(area, (self.strips.height(), loops, self.racks.len() as u16));
        self.strips.place(self.areas.strips);
        let at = self.racks.iter().position(|r| Some(r.id) == cx.selection.rack(t)).unwrap_or(0);
        let lines = self.areas.lines();
        self.first = table::scroll(at, self.racks.len(), lines, self.first);
        self.courses.update(cx);
        if area.width >= racks::COURSE_FROM {
            for line in self.racks.iter().skip(self.first).take(lines) {
                self.courses.read(cx, (Asset::Rack(line.id), 0), &[Signal::Rack(RackPoint::LiquidReturn)]);
            }
        }
        let plots = if self.areas.plots.height >= CHART { self.plots(cx, row) } else { Vec::new() };
        self.plots.update(cx, plots);
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let (t, s) = (cx.topology(), cx.selection);
        let page = self.areas.lines() as i64;
        let all = self.racks.len() as i64;
        let hall = |by| s.hall(t).map_or(Outcome::Done, |h| sibling(t, s, Asset::Hall(h), by));
        match action {
            Action::Open => s.rack(t).map_or(Outcome::Done, |r| Outcome::Open(Asset::Rack(r))),
            Action::Down => self.step_rack(cx, 1),
            Action::Up => self.step_rack(cx, -1),
            Action::HalfDown => self.step_rack(cx, (page / 2).max(1)),
            Action::HalfUp => self.step_rack(cx, -(page / 2).max(1)),
            Action::PageDown => self.step_rack(cx, page),
            Action::PageUp => self.step_rack(cx, -page),
            Action::First => self.step_rack(cx, -all),
            Action::Last => self.step_rack(cx, all),
            Action::Left | Action::RackLeft => self.step_row(cx, -1),
            Action::Right | Action::RackRight => self.step_row(cx, 1),
            Action::RackUp => hall(-1),
            Action::RackDown => hall(1),
            Action::ZoomOut => self.zoom(Some(true)),
            Action::ZoomIn => self.zoom(Some(false)),
            Action::ZoomCycle => self.zoom(None),
            _ => Outcome::Ignored,
        }
    }

    fn scope(&self, cx: &Context<'_>) -> Asset {
        cx.selection.row(cx.topology()).map_or(Asset::Site, Asset::Row)
    }

    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        let t = cx.topology();
        let mut selection = cx.selection.clone();
        if let Some(asset) = self.strips.at(at) {
            let moved = selection.select(t, asset);
            return if moved { Outcome::Selected(selection) } else { Outcome::Done };
        }
        let inside = self.areas.table.contains(at.into()) && at.1 > self.areas.table.y;
        let line = usize::from(at.1.saturating_sub(self.areas.table.y + 1)) + self.first;
        let Some(rack) = self.racks.get(line).filter(|_| inside).map(|r| r.id) else { return Outcome::Done };
        if selection.rack(t) == Some(rack) {
            return Outcome::Open(Asset::Rack(rack));
        }
        if selection.select(t, Asset::Rack(rack)) { Outcome::Selected(selection) } else { Outcome::Done }
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let t = cx.topology();
        let Some(row) = cx.selection.row(t) else {
            return crate::ui::view::hall::parts::nothing(cx, area, buf);
        };
        let a = &self.areas;
        self.figures.render(cx, a.figures, buf);
        self.strips.render(cx, buf);
        schematic::render(cx, row, a.loops, buf);
        let here = cx.selection.rack(t);
        let fields = |i: usize| self.racks[i].fields(cx, &self.courses);
        let columns = racks::columns(cx, &self.racks);
        let table = Table {
            columns: &columns,
            rows: self.racks.len(),
            row: &fields,
            selected: self.racks.iter().position(|r| Some(r.id) == here),
            offset: self.first,
            headings: true,
        };
        table.render(cx.brush, a.table, buf);
        if self.racks.is_empty() {
            cx.brush.on(a.table, buf).text(
                (a.table.x + 2, a.table.y + 1),
                "this row has no racks",
                cx.brush.style(Scope::TextDim),
            );
        }
        let assets = t.row(row).cdus.iter().map(|c| Asset::Cdu(CduId(c))).chain([Asset::Row(row)]);
        brief::render(cx, &assets.collect::<Vec<_>>(), self.bus, buf);
        let plots = Rect { x: a.plots.x + 1, width: a.plots.width.saturating_sub(1), ..a.plots };
        self.plots.render(cx, plots, self.plot_columns(), buf);
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        cx.selection.rack(cx.topology()).map_or(Asset::Site, Asset::Rack)
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::Open,
            Action::Right,
            Action::RackDown,
            Action::ZoomOut,
            Action::Power,
            Action::Pause,
            Action::Back,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_overlap_and_the_table_always_has_room() {
        for (w, h) in [(200, 58), (120, 38), (80, 22), (40, 10), (10, 3), (1, 1)] {
            for wanted in [(1, 10, 8), (6, 40, 200), (0, 0, 0)] {
                let area = Rect::new(0, 1, w, h);
                let a = Areas::new(area, wanted);
                let parts = [a.figures, a.strips, a.loops, a.table, a.plots];
                let total: u16 = parts.iter().map(|p| p.height).sum();
                assert_eq!(total, h, "{w}x{h} {wanted:?}");
                let least = (h / 3).min(wanted.2 + 2);
                assert!(a.table.height >= least, "{w}x{h} {wanted:?}: {a:?}");
            }
        }
    }
}
