//! The views: what they have in common, and where they are kept.
//!
//! A view computes layout, scroll and charts in [`View::update`], which the app calls whenever
//! data, selection, choice or size changed; [`View::render`] only draws what is there.

pub mod alarms;
pub mod chart;
pub mod cooling;
pub mod gpu;
pub mod grid;
pub mod hall;
pub mod help;
pub mod jobs;
pub mod map;
pub mod nodes;
pub mod origin;
pub mod palette;
pub mod plant;
pub mod points;
pub mod power;
pub mod rack;
pub mod ranking;
pub mod rows;
pub mod site;
pub mod sources;
pub mod status;
pub mod value;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Asset, Metric};
use crate::ui::action::{Action, ViewKind};
use crate::ui::context::Context;
use crate::ui::selection::{Bounds, Move, Selection};

/// What a view made of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing: the app does what it does in every view.
    Ignored,
    /// It is done; only the view itself changed.
    Done,
    /// The selection is to become this one.
    Selected(Selection),
    /// This is to be selected, and its view opened.
    Open(Asset),
    /// This is to be selected and shown on a map by a metric.
    OnMap(Asset, ViewKind, Metric),
    /// It cannot be done, for this reason.
    Refused(String),
}

/// One of the screens.
pub trait View {
    /// Brings layout, scroll and cached series up to date. `area` is what it will draw into.
    fn update(&mut self, cx: &Context<'_>, area: Rect);

    /// Does an action that is the view's own.
    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let _ = (cx, action);
        Outcome::Ignored
    }

    /// Is about to be opened on `asset`, which is selected already.
    fn show(&mut self, asset: Asset) {
        let _ = asset;
    }

    /// What a view of the plant is about, for the path in the header.
    fn scope(&self, cx: &Context<'_>) -> Asset {
        let _ = cx;
        Asset::Site
    }

    /// A click at a cell of the screen inside of the view's area.
    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        let _ = (cx, at);
        Outcome::Ignored
    }

    /// Draws. Everything outside of `area` stays as it is; `area` is already blank.
    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer);

    /// What is selected here: copied by name, followed by the palette.
    fn subject(&self, cx: &Context<'_>) -> Asset;

    /// What is copied instead of the subject, where that is no asset: its name, or with its values.
    fn copied(&self, cx: &Context<'_>, values: bool) -> Option<String> {
        let _ = (cx, values);
        None
    }

    /// The actions worth a hint in the footer, best first.
    fn hints(&self) -> &'static [Action];
}

/// All views of one session.
#[derive(Debug, Default)]
pub struct ViewStates {
    site: site::SiteView,
    hall: hall::HallView,
    rack: rack::RackView,
    gpu: gpu::GpuView,
    power: power::PowerView,
    cooling: cooling::CoolingView,
    grid: grid::GridView,
    sources: sources::SourcesView,
    points: points::PointsView,
    status: status::StatusView,
    /// Jobs and tenants: the palette and the command line choose one there.
    pub jobs: jobs::JobsView,
    /// Alarms: the app asks it what an operation is about.
    pub alarms: alarms::AlarmsView,
}

impl ViewStates {
    /// A view.
    #[must_use]
    pub fn get(&self, kind: ViewKind) -> &dyn View {
        match kind {
            ViewKind::Site => &self.site,
            ViewKind::Hall => &self.hall,
            ViewKind::Rack => &self.rack,
            ViewKind::Gpu => &self.gpu,
            ViewKind::Power => &self.power,
            ViewKind::Cooling => &self.cooling,
            ViewKind::Grid => &self.grid,
            ViewKind::Sources => &self.sources,
            ViewKind::Points => &self.points,
            ViewKind::Status => &self.status,
            ViewKind::Jobs => &self.jobs,
            ViewKind::Alarms => &self.alarms,
        }
    }

    /// A view, to change it.
    pub fn get_mut(&mut self, kind: ViewKind) -> &mut dyn View {
        match kind {
            ViewKind::Site => &mut self.site,
            ViewKind::Hall => &mut self.hall,
            ViewKind::Rack => &mut self.rack,
            ViewKind::Gpu => &mut self.gpu,
            ViewKind::Power => &mut self.power,
            ViewKind::Cooling => &mut self.cooling,
            ViewKind::Grid => &mut self.grid,
            ViewKind::Sources => &mut self.sources,
            ViewKind::Points => &mut self.points,
            ViewKind::Status => &mut self.status,
            ViewKind::Jobs => &mut self.jobs,
            ViewKind::Alarms => &mut self.alarms,
        }
    }
}

/// The view that shows an asset.
#[must_use]
pub const fn view_of(asset: Asset) -> ViewKind {
    match asset {
        Asset::Site => ViewKind::Site,
        Asset::Hall(_) | Asset::Row(_) | Asset::Cdu(_) => ViewKind::Hall,
        Asset::Rack(_) | Asset::Tray(_) => ViewKind::Rack,
        Asset::Gpu(_) => ViewKind::Gpu,
    }
}

/// Moves of the cursor as most views understand them: over the hall on the hall view, within the
/// rack on the views of rack and GPU.
#[must_use]
pub fn moved(cx: &Context<'_>, action: Action, bounds: Bounds) -> Outcome {
    let t = cx.topology();
    let mut selection = cx.selection.clone();
    let step = match action {
        Action::Left => Move::Left,
        Action::Right => Move::Right,
        Action::Up => Move::Up,
        Action::Down => Move::Down,
        Action::RackLeft => Move::RackLeft,
        Action::RackRight => Move::RackRight,
        Action::RackUp => Move::RackUp,
        Action::RackDown => Move::RackDown,
        Action::HalfUp | Action::PageUp if bounds == Bounds::Hall => Move::RackUp,
        Action::HalfDown | Action::PageDown if bounds == Bounds::Hall => Move::RackDown,
        Action::First | Action::Last => {
            let last = action == Action::Last;
            return if selection.select_end(t, last, bounds) {
                Outcome::Selected(selection)
            } else {
                Outcome::Done
            };
        }
        _ => return Outcome::Ignored,
    };
    if selection.step(t, step, bounds) { Outcome::Selected(selection) } else { Outcome::Done }
}

/// The selected GPU, or the tray where it has none, or the site.
#[must_use]
pub fn subject_gpu(cx: &Context<'_>) -> Asset {
    let t = cx.topology();
    cx.selection.gpu(t).map(Asset::Gpu).or(cx.selection.tray().map(Asset::Tray)).unwrap_or_default()
}
