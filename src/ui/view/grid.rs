//! The grid view: what the site draws and may draw, frequency and voltage, targets in the terms of
//! DSX Flex, ramp and oscillation against their limits, battery, price, heat and weather.

mod groups;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::limits::plant as limits;
use crate::fleet::series::Signal;
use crate::model::Asset;
use crate::model::facility::SitePoint;
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::theme::Scope;
use crate::ui::view::plant::{self, Plot, Plots};
use crate::ui::view::points::brief;
use crate::ui::view::rows::{self, Row};
use crate::ui::view::{Outcome, View};

/// The charts, most wanted first: what, the smallest span of the scale, and whether it is read
/// against zero.
const CHARTS: [(SitePoint, f32, bool); 6] = [
    (SitePoint::Frequency, 0.1, false),
    (SitePoint::FacilityPower, 10.0, true),
    (SitePoint::Oscillation, 1.0, true),
    (SitePoint::Ramp, 0.1, false),
    (SitePoint::BessPower, 2.0, false),
    (SitePoint::VoltageA, 4.0, false),
];
/// Narrowest screen with charts beside the values.
const SPLIT_FROM: u16 = 100;
/// Fewest columns of the values.
const COLUMN: u16 = 38;
/// Fewest lines of a chart.
const CHART: u16 = 8;

/// Most lines of points of the bus.
const POINTS: u16 = 14;

/// One line of the values.
#[derive(Debug)]
pub(super) enum Line {
    /// A heading, and what is to be said beside it.
    Heading(&'static str, String),
    /// A value.
    Value(Row),
    /// Words.
    Words(String),
    /// Nothing.
    Gap,
}

/// State of the view.
#[derive(Debug, Default)]
pub struct GridView {
    lines: Vec<Line>,
    first: usize,
    values: Rect,
    charts: Rect,
    plots: Plots,
}

impl GridView {
    fn lay_out(&mut self, area: Rect) {
        self.values = area;
        self.charts = Rect { width: 0, ..area };
        if area.width >= SPLIT_FROM && area.height >= CHART {
            let width = if area.width >= 160 { area.width * 9 / 20 } else { area.width / 2 };
            self.values.width = width;
            self.charts = Rect { x: area.x + width + 1, width: area.width - width - 1, ..area };
        }
    }

    fn plots(&self, cx: &Context<'_>) -> Vec<Plot> {
        let (t, f) = (cx.topology(), &cx.frame.facility);
        let columns = if self.charts.width >= 100 { 2 } else { 1 };
        let fit = usize::from(self.charts.height / CHART * columns);
        let known = CHARTS.into_iter().filter(|(p, ..)| f.site(*p).is_some());
        let plot = |(point, least, from_zero): (SitePoint, f32, bool)| {
            let (low, high) = limits::site(t, f, point).ends();
            let spec = point.spec();
            let least = if from_zero { high.unwrap_or(least) } else { least };
            Plot {
                asset: Asset::Site,
                signals: vec![Signal::Site(point)],
                title: spec.label.to_owned(),
                unit: spec.unit,
                limits: [low, high],
                least,
                from_zero,
            }
        };
        known.take(fit).map(plot).collect()
    }

    /// Lines on the screen, over both columns of values.
    fn rows(&self) -> usize {
        (usize::from(self.values.height) * usize::from(self.columns())).max(1)
    }

    /// Two columns where one is too low and there is room; values without bands then.
    fn columns(&self) -> u16 {
        let low = self.lines.len() > usize::from(self.values.height);
        if low && self.charts.width == 0 && self.values.width >= 2 * COLUMN { 2 } else { 1 }
    }

    /// Draws the lines from `at` on; answers with the first one that did not fit. A group that
    /// would be torn begins the next column.
    fn column(&self, cx: &Context<'_>, (mut at, label): (usize, u16), area: Rect, buf: &mut Buffer) -> usize {
        let b = cx.brush;
        let mut y = area.y;
        while at < self.lines.len() && y < area.bottom() {
            let line = Rect { y, height: 1, ..area };
            let left = area.bottom() - y;
            match &self.lines[at] {
                Line::Heading(..) if self.columns() > 1 && y > area.y && self.group(at) > left => break,
                Line::Heading(name, note) => {
                    let x = b.on(line, buf).text((line.x + 1, y), name, b.style(Scope::Title));
                    b.on(line, buf).text((x + 2, y), note, b.style(Scope::TextDim));
                }
                Line::Words(words) => {
                    b.on(line, buf).text((line.x + 3, y), words, b.style(Scope::TextDim));
                }
                Line::Value(row) => {
                    let room = Rect { x: line.x + 2, width: line.width.saturating_sub(2), ..line };
                    rows::render_with(cx, std::slice::from_ref(row), label, room, buf);
                }
                Line::Gap => {}
            }
            at += 1;
            y += 1;
        }
        at
    }

    /// Lines of the group that begins at `at`.
    fn group(&self, at: usize) -> u16 {
        let more = self.lines[at + 1..].iter().take_while(|l| !matches!(l, Line::Heading(..)));
        1 + more.count() as u16
    }
}

impl View for GridView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        self.lay_out(area);
        self.lines = groups::lines(cx, true);
        if self.lines.len() > usize::from(area.height) {
            self.lines = groups::lines(cx, false);
        }
        // Two columns of values, where they may come to stand in two.
        let two = self.charts.width == 0 && self.values.width >= 2 * COLUMN;
        let room = self.values.width / if two { 2 } else { 1 };
        let points = brief::lines(cx, &[Asset::Site], (room.saturating_sub(4), POINTS));
        if !points.is_empty() {
            self.lines.extend([Line::Gap, Line::Heading("FACILITY BUS", String::new())]);
            self.lines.extend(points.into_iter().map(|(words, _)| Line::Words(words)));
        }
        self.first = self.first.min(self.lines.len().saturating_sub(self.rows()));
        let plots = if self.charts.width > 0 { self.plots(cx) } else { Vec::new() };
        self.plots.update(cx, plots);
    }

    fn act(&mut self, _: &Context<'_>, action: Action) -> Outcome {
        let half = (self.rows() / 2).max(1);
        let first = match action {
            Action::Down => self.first + 1,
            Action::Up => self.first.saturating_sub(1),
            Action::HalfDown | Action::PageDown => self.first + half,
            Action::HalfUp | Action::PageUp => self.first.saturating_sub(half),
            Action::First => 0,
            Action::Last => usize::MAX,
            Action::ZoomOut => return self.zoom(Some(true)),
            Action::ZoomIn => return self.zoom(Some(false)),
            Action::ZoomCycle => return self.zoom(None),
            Action::Open => return Outcome::Refused("the grid ends at the site".into()),
            _ => return Outcome::Ignored,
        };
        self.first = first.min(self.lines.len().saturating_sub(self.rows()));
        Outcome::Done
    }

    fn render(&self, cx: &Context<'_>, _: Rect, buf: &mut Buffer) {
        let area = plant::silence_line(cx, self.values, buf);
        let all = self.lines.iter().filter_map(|l| match l {
            Line::Value(row) => Some(row),
            _ => None,
        });
        let label = rows::label_width(all);
        let mut at = self.first;
        let width = area.width / self.columns();
        for i in 0..self.columns() {
            at = self.column(cx, (at, label), Rect { x: area.x + i * width, width, ..area }, buf);
        }
        let left = self.lines.len() - at;
        if left > 0 {
            let more = format!("  {left} more");
            let x = area.right().saturating_sub(more.len() as u16 + 1);
            cx.brush.on(area, buf).text(
                (x, area.bottom().saturating_sub(1)),
                &more,
                cx.brush.style(Scope::TextDim),
            );
        }
        let columns = if self.charts.width >= 100 { 2 } else { 1 };
        self.plots.render(cx, self.charts, columns, buf);
    }

    fn subject(&self, _: &Context<'_>) -> Asset {
        Asset::Site
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::Down,
            Action::ZoomOut,
            Action::ZoomIn,
            Action::Power,
            Action::Cooling,
            Action::Pause,
            Action::Back,
        ]
    }
}

impl GridView {
    fn zoom(&mut self, wider: Option<bool>) -> Outcome {
        self.plots.zoom(wider);
        Outcome::Done
    }
}
