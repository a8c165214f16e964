//! The hall view: every GPU of one hall.
//!
//! ```text
//!  1 util 2 power …                       1 px = 1 GPU   zoom fit
//!  ┌ map ────────────────────────────┐    wide: the cursor's values in a box beside it,
//!  │                                 │    and three boxes below;
//!  └─────────────────────────────────┘    narrow: both in a column on the right
//!  legend
//!  ┌ DISTRIBUTION ┐┌ HALL ┐┌ WORST ┐
//! ```

pub(super) mod parts;
pub(super) mod tooltip;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Asset;
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::layer::Layer;
use crate::ui::selection::{Bounds, Selection};
use crate::ui::view::map::Map;
use crate::ui::view::nodes;
use crate::ui::view::{Outcome, View, moved, subject_gpu};
use crate::ui::widget::heatmap::{Direction, Zoom};

use parts::Figures;

/// Fewest columns and lines for boxes below the map and a tooltip on it.
const WIDE: (u16, u16) = (110, 34);
/// Width of the column on the right where there is no room below.
const SIDE: u16 = 32;

/// State of the hall view.
#[derive(Debug, Default)]
pub struct HallView {
    map: Map,
    zoom: Zoom,
    areas: Areas,
    figures: Figures,
}

/// Where things are.
#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    tabs: Rect,
    map: Rect,
    legend: Rect,
    /// Distribution, hall, worst.
    boxes: [Rect; 3],
    /// The column on the right.
    side: Rect,
}

impl Areas {
    fn new(area: Rect) -> Self {
        let line = |y: u16| Rect::new(area.x, y, area.width, 1.min(area.height));
        let top = area.y + 1;
        if area.width >= WIDE.0 && area.height >= WIDE.1 {
            let low = if area.height >= 50 { 13 } else { 9 };
            let legend = area.bottom() - low - 1;
            let third = area.width / 3;
            let box_at = |i: u16| {
                let right = if i == 2 { area.right() } else { area.x + (i + 1) * third };
                Rect::new(area.x + i * third, legend + 1, right - area.x - i * third, low)
            };
            let map = Rect::new(area.x + 1, top, area.width - 2, legend - top);
            return Self {
                tabs: line(area.y),
                map,
                legend: line(legend),
                boxes: [0, 1, 2].map(box_at),
                side: Rect::ZERO,
            };
        }
        let side = if area.width >= 64 { SIDE } else { 0 };
        let legend = area.bottom().saturating_sub(1);
        let height = legend.saturating_sub(top);
        Self {
            tabs: line(area.y),
            map: Rect::new(area.x, top, area.width - side, height),
            legend: if area.height > 2 { line(legend) } else { Rect::ZERO },
            boxes: [Rect::ZERO; 3],
            side: Rect::new(area.right() - side, top, side, height),
        }
    }
}

impl View for HallView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        self.areas = Areas::new(area);
        let Some(hall) = cx.selection.hall(cx.topology()) else { return };
        self.map.update(cx, Asset::Hall(hall), self.areas.map, self.zoom);
        self.figures.update(cx, hall, self.areas.boxes[0].width.max(self.areas.side.width));
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let map_step = |to, by_rack| match self.map.step(cx, to, by_rack) {
            Some(gpu) => Outcome::Selected(selected(cx, Asset::Gpu(gpu))),
            None => Outcome::Done,
        };
        match action {
            Action::Open => {
                cx.selection.rack(cx.topology()).map_or(Outcome::Done, |r| Outcome::Open(Asset::Rack(r)))
            }
            Action::ZoomIn => self.set_zoom(self.zoom.nearer()),
            Action::ZoomOut => self.set_zoom(self.zoom.wider()),
            Action::ZoomCycle => {
                let next = if self.zoom.nearer() == self.zoom { Zoom::default() } else { self.zoom.nearer() };
                self.set_zoom(next)
            }
            Action::Left => map_step(Direction::Left, false),
            Action::Right => map_step(Direction::Right, false),
            Action::Up => map_step(Direction::Up, false),
            Action::Down => map_step(Direction::Down, false),
            Action::RackLeft => map_step(Direction::Left, true),
            Action::RackRight => map_step(Direction::Right, true),
            Action::RackUp | Action::HalfUp | Action::PageUp => map_step(Direction::Up, true),
            Action::RackDown | Action::HalfDown | Action::PageDown => map_step(Direction::Down, true),
            _ => moved(cx, action, Bounds::Hall),
        }
    }

    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        if !self.areas.map.contains(at.into()) {
            return Outcome::Ignored;
        }
        match self.map.gpu_at(cx, self.areas.map, at) {
            // A second click on the same GPU opens its rack.
            Some(gpu) if cx.selection.gpu(cx.topology()) == Some(gpu) => {
                Outcome::Open(Asset::Rack(cx.topology().rack_of(gpu)))
            }
            Some(gpu) => Outcome::Selected(selected(cx, Asset::Gpu(gpu))),
            None => Outcome::Ignored,
        }
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let a = &self.areas;
        let Some(hall) = cx.selection.hall(cx.topology()) else {
            return parts::nothing(cx, area, buf);
        };
        if cx.topology().hall(hall).gpus.is_empty() {
            return nodes::table(cx, Asset::Hall(hall), area, buf);
        }
        parts::tabs(cx, &self.map, self.zoom, a.tabs, buf);
        let lit: Vec<Asset> = cx.selection.rack(cx.topology()).map(Asset::Rack).into_iter().collect();
        self.map.render(cx, a.map, &lit, buf);
        self.figures.legend(cx, &self.map, a.legend, buf);
        if a.side.width > 0 {
            self.figures.side(cx, hall, a.side, buf);
        } else if a.boxes[0].height > 0 {
            self.figures.distribution(cx, a.boxes[0], buf);
            self.figures.hall(cx, hall, a.boxes[1], buf);
            self.figures.worst(cx, a.boxes[2], buf);
            if let Some(at) = self.map.cursor_cell(cx, a.map) {
                tooltip::render(cx, at, a.map, buf);
            }
        }
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        subject_gpu(cx)
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::Open,
            Action::NextMetric,
            Action::Worst,
            Action::NextAlarm,
            Action::Acknowledge,
            Action::ZoomCycle,
            Action::Pause,
            Action::Back,
        ]
    }
}

impl HallView {
    fn set_zoom(&mut self, zoom: Zoom) -> Outcome {
        self.zoom = zoom;
        Outcome::Done
    }
}

fn selected(cx: &Context<'_>, asset: Asset) -> Selection {
    let mut selection = cx.selection.clone();
    selection.select(cx.topology(), asset);
    selection
}

/// Layers whose distribution can be drawn.
fn has_distribution(layer: Layer) -> bool {
    match layer {
        Layer::Gpu(metric) => metric.spec().kind == crate::model::metric::Kind::Quantity,
        Layer::Rack(_) => true,
    }
}
