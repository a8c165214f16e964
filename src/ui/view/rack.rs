//! The rack view: trays in their physical order, the values of the rack, its row.
//!
//! ```text
//! ┌─ H3-R17-K5 ──────────────────────┐┌─ RACK ─────────────────────────┐
//! │ T18  57 ██··  60 ██··  … 4 523 W ││ Power   121 kW ──┿━━━━━●┿──    │
//! │ S1-9 switch trays                ││ temp    chart                  │
//! └──────────────────────────────────┘└────────────────────────────────┘
//!  K1 58   K2 59   K3 61   K4 58   [K5 62]   K6 57                  row
//! ```

mod elevation;
mod panel;

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::model::metric::Kind;
use crate::model::{Asset, GpuId, Metric, RackId};
use crate::ui::action::Action;
use crate::ui::alarms::rows;
use crate::ui::context::Context;
use crate::ui::selection::Bounds;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::chart::{self, SPANS};
use crate::ui::view::{Outcome, View, moved, subject_gpu, value};
use crate::ui::widget::frame::Frame;
use crate::ui::widget::table::scroll;

use elevation::Shelf;

/// What the charts show, over the shortest span.
const CHARTS: [Metric; 2] = [Metric::Temp, Metric::Power];
/// Narrowest screen with a panel beside the elevation.
const SPLIT_FROM: u16 = 64;
/// Narrowest panel beside the elevation.
const PANEL: u16 = 26;

/// State of the view.
#[derive(Debug, Default)]
pub struct RackView {
    shelves: Vec<Shelf>,
    first: usize,
    areas: Areas,
    /// What the series belong to.
    key: Option<(RackId, i64, u32)>,
    series: Vec<Vec<Option<Point>>>,
}

/// Where the parts are drawn.
#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    elevation: Rect,
    panel: Rect,
    row: Rect,
    /// True where there is room for frames around the parts.
    framed: bool,
}

impl Areas {
    /// Panel beside the elevation where both fit, else below it where trays are few.
    fn of(area: Rect, need: u16, shelves: u16) -> Self {
        let framed = area.width >= 100 && area.height >= 28;
        let below = match area.height {
            30.. => 4,
            20.. if area.width >= SPLIT_FROM => 1,
            _ => 0,
        };
        let top = Rect { height: area.height - below, ..area };
        let row = Rect { y: top.bottom(), height: below, ..area };
        let need = need + 2 * u16::from(framed);
        let width = need.max(area.width.div_ceil(2));
        if area.width >= SPLIT_FROM && area.width.saturating_sub(width) >= PANEL {
            let elevation = Rect { width, ..top };
            let panel = Rect { x: top.x + width, width: top.width - width, ..top };
            return Self { elevation, panel, row, framed };
        }
        let frame = 2 * u16::from(framed);
        let height = (shelves + 1 + frame).min(top.height);
        if top.height - height < 6 {
            return Self { elevation: top, panel: Rect { width: 0, ..top }, row, framed };
        }
        let elevation = Rect { height, ..top };
        let panel = Rect { y: top.y + height, height: top.height - height, ..top };
        Self { elevation, panel, row, framed }
    }

    /// Lines for trays: less the frame and the line of headings.
    fn lines(&self) -> usize {
        usize::from(self.elevation.height.saturating_sub(1 + 2 * u16::from(self.framed))).max(1)
    }
}

impl View for RackView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let (Some(rack), Some(tray)) = (cx.selection.rack(cx.topology()), cx.selection.tray()) else {
            self.shelves.clear();
            return;
        };
        let trays = cx.topology().rack(rack).trays.len() as u16;
        self.areas = Areas::of(area, elevation::need(cx, rack), trays);
        let lines = self.areas.lines();
        self.shelves = elevation::shelves(cx.topology(), rack, lines);
        let at = self.shelves.iter().position(|s| *s == Shelf::Tray(tray)).unwrap_or(0);
        self.first = scroll(at, self.shelves.len(), lines, self.first);
        let key = Some((rack, chart::point_of(SPANS[0], cx.frame.time), cx.topology().generation()));
        if self.key != key {
            self.key = key;
            let history = &cx.snapshot.history;
            self.series = history.series_of(cx.frame, Asset::Rack(rack), &CHARTS, (SPANS[0].0, SPANS[0].1));
        }
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        match action {
            Action::Open => match cx.selection.gpu(cx.topology()) {
                Some(gpu) => Outcome::Open(Asset::Gpu(gpu)),
                None => Outcome::Refused("this tray has no GPU".into()),
            },
            Action::HalfUp | Action::HalfDown | Action::PageUp | Action::PageDown => {
                let lines = if matches!(action, Action::PageUp | Action::PageDown) {
                    self.areas.lines()
                } else {
                    self.areas.lines() / 2
                };
                let up = matches!(action, Action::HalfUp | Action::PageUp);
                let mut selection = cx.selection.clone();
                let step = if up { crate::ui::selection::Move::Up } else { crate::ui::selection::Move::Down };
                for _ in 0..lines.max(1) {
                    if !selection.step(cx.topology(), step, Bounds::Rack) {
                        break;
                    }
                }
                Outcome::Selected(selection)
            }
            _ => moved(cx, action, Bounds::Rack),
        }
    }

    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        let inner = self.inner_elevation();
        let line = usize::from(at.1.saturating_sub(inner.y + 1)) + self.first;
        let Some(Shelf::Tray(tray)) = self.shelves.get(line).copied().filter(|_| inner.contains(at.into()))
        else {
            return Outcome::Done;
        };
        let mut selection = cx.selection.clone();
        selection.select(cx.topology(), Asset::Tray(tray));
        Outcome::Selected(selection)
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let brush = cx.brush;
        let Some(rack) = cx.selection.rack(cx.topology()) else {
            brush.on(area, buf).text((area.x + 1, area.y), "no rack yet", brush.style(Scope::TextDim));
            return;
        };
        let t = cx.topology();
        let title = format!("{} {}", t.name(Asset::Rack(rack)), t.rack_model(rack).name);
        let spec = cx.choice.metric.spec();
        let note = if spec.unit.is_empty() {
            spec.label.to_owned()
        } else {
            format!("{} {}", spec.label, unit(cx.choice.metric))
        };
        if self.areas.framed {
            Frame { title: &title, note: &note, focused: false }.render(brush, self.areas.elevation, buf);
            Frame { title: "RACK", note: "charts 15 min", focused: false }.render(
                brush,
                self.areas.panel,
                buf,
            );
        }
        let inner = self.inner_elevation();
        elevation::render(cx, inner, &self.shelves, self.first, buf);
        if self.areas.panel.width > 0 {
            let d = u16::from(self.areas.framed);
            let p = self.areas.panel;
            let inner = if self.areas.framed {
                Rect {
                    x: p.x + 2,
                    y: p.y + d,
                    width: p.width.saturating_sub(4),
                    height: p.height.saturating_sub(2),
                }
            } else {
                Rect { x: p.x + 1, width: p.width.saturating_sub(1), ..p }
            };
            let most = (inner.height / 5).min(4);
            let inner = rows::at_foot(cx, cx.topology().rack(rack).gpus, most, inner, buf);
            panel::render(cx, rack, inner, &self.series, buf);
        }
        neighbours(cx, rack, self.areas.row, buf);
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        subject_gpu(cx)
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::Open,
            Action::NextMetric,
            Action::RackRight,
            Action::Worst,
            Action::NextAlarm,
            Action::Acknowledge,
            Action::Pause,
            Action::Back,
        ]
    }
}

impl RackView {
    fn inner_elevation(&self) -> Rect {
        let e = self.areas.elevation;
        if !self.areas.framed {
            return Rect { width: e.width.saturating_sub(u16::from(self.areas.panel.width > 0)), ..e };
        }
        Rect { x: e.x + 1, y: e.y + 1, width: e.width.saturating_sub(2), height: e.height.saturating_sub(2) }
    }
}

/// The unit of the short numbers of a metric.
const fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::MemUsed => "GB",
        _ => metric.spec().unit,
    }
}

/// The job or tenant that most GPUs of a rack have.
fn commonest(cx: &Context<'_>, rack: RackId) -> String {
    let column = cx.frame.column(cx.choice.metric);
    let mut slots: BTreeMap<u16, (usize, GpuId)> = BTreeMap::new();
    for gpu in cx.topology().rack(rack).gpus.iter().map(GpuId) {
        slots.entry(column.raw(gpu.index())).or_insert((0, gpu)).0 += 1;
    }
    let most = slots.into_values().max_by_key(|(count, _)| *count);
    most.map_or_else(String::new, |(_, gpu)| value::short(cx, gpu, cx.choice.metric).text)
}

/// The racks of the row, side by side: name, mean of the metric, and the same as a bar.
fn neighbours(cx: &Context<'_>, rack: RackId, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let (t, brush, metric) = (cx.topology(), cx.brush, cx.choice.metric);
    let row_id = t.rack(rack).row;
    let racks = t.row(row_id).racks;
    let title = format!("{} {}", t.name(Asset::Row(row_id)), metric.spec().label);
    let (x0, y) = if area.height >= 4 {
        let note = match metric.spec().kind {
            Kind::Quantity => "mean of each rack",
            Kind::Category => "most of each rack",
            Kind::Code | Kind::Flags => "GPUs not good",
        };
        Frame { title: &title, note, focused: false }.render(brush, area, buf);
        (area.x + 2, area.y + 1)
    } else {
        let end = brush.on(area, buf).text(
            (area.x, area.y),
            &format!("{} ", t.short_name(Asset::Row(row_id))),
            brush.style(Scope::TextDim),
        );
        (end, area.y)
    };
    let room = area.right().saturating_sub(x0 + 1);
    let count = racks.len().max(1) as u16;
    let shown = count.min((room / 8).max(1));
    let width = (room / shown).clamp(1, 24);
    let here = (rack.0 - racks.start) as u16;
    let first = (here + 1).saturating_sub(shown).max(here.saturating_sub(shown / 2)).min(count - shown);
    for i in first..count.min(first + shown) {
        let id = RackId(racks.start + u32::from(i));
        let cell =
            Rect { x: x0 + (i - first) * width, y, width: width.saturating_sub(1), height: area.height };
        let counts = cx.frame.counts(Asset::Rack(id));
        let stats = cx.frame.stats(Asset::Rack(id), metric);
        let said = match (metric.spec().kind, stats) {
            (Kind::Quantity, Some(s)) => text::value(metric, s.mean.into()),
            (Kind::Category, _) if counts.good > 0 => commonest(cx, id),
            (Kind::Code | Kind::Flags, _) => (counts.total() - counts.good).to_string(),
            _ if counts.stale > 0 => brush.glyphs.stale.to_string(),
            _ if counts.good == 0 => brush.glyphs.lost.to_string(),
            _ => brush.glyphs.dash.to_string(),
        };
        let scope = if id == rack { Scope::Selection } else { Scope::Text };
        let line = format!("{} {said}", t.short_name(Asset::Rack(id)));
        let line = text::left(&line, usize::from(cell.width), brush.glyphs.ellipsis);
        brush.on(cell, buf).text((cell.x, y), &line, brush.style(scope));
        if let (Some(s), Kind::Quantity, true) = (stats, metric.spec().kind, area.height >= 4) {
            elevation::bar(cx, Rect { y: y + 1, height: 1, ..cell }, Some(value::share(metric, s.mean)), buf);
        }
    }
}
