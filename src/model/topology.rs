//! The site as a tree: site → hall → row → rack → tray → GPU, with dense ids.
//!
//! Children of one asset are neighbours in their columns, so a roll-up is a pass over a slice.
//! A topology never changes; when an unknown host appears, a larger one replaces it
//! (see [`plan`]) and [`Topology::remap_from`] tells where the old GPUs went.

pub mod build;
pub mod moved;
pub mod names;
pub mod place;
pub mod plan;
pub mod spec;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::id::{Asset, CduId, GpuId, HallId, RackId, RowId, Span, TrayId};

pub use moved::Moves;
pub use plan::Plan;
pub use spec::TopologyError;

/// Parameters of one GPU generation. Sources of the figures: `nvidia-smi -q` captures of driver
/// 580 (limits, idle power, clocks).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuModel {
    /// Product name, as exporters report it without "NVIDIA".
    pub name: String,
    /// Usable memory, MiB.
    pub memory_mib: u32,
    /// Power limit, W.
    pub tdp_w: f32,
    /// Power at idle, W.
    pub idle_w: f32,
    /// Highest SM clock, MHz.
    pub max_clock_mhz: f32,
    /// SM clock at rest, MHz.
    pub idle_clock_mhz: f32,
    /// Core temperature at which the margin is zero, °C.
    pub zero_margin_c: f32,
    /// Core temperature of hardware slowdown, °C.
    pub slowdown_c: f32,
    /// Core temperature of shutdown, °C.
    pub shutdown_c: f32,
}

/// How a rack gets rid of its heat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cooling {
    /// Direct to chip, over CDUs.
    Liquid,
    /// By air only: no liquid values.
    Air,
}

/// Parameters of one type of rack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RackModel {
    /// Name, such as `NVL72`.
    pub name: String,
    /// GPU generation in it: an index into [`Topology::gpu_models`].
    pub gpu: usize,
    /// NVLink switch trays.
    pub switch_trays: u16,
    /// Power shelves.
    pub power_shelves: u16,
    /// Electrical power the rack is built for, kW.
    pub tdp_kw: f32,
    /// Way of cooling.
    pub cooling: Cooling,
}

/// How the site hangs on the grid. Zero means "none" or "not known" unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Price area of the power market: `NO4`.
    pub area: String,
    /// Nominal voltage of the two feeds, kV.
    pub feed_kv: f32,
    /// Fastest change of load that the grid allows, MW/s.
    pub ramp_mw_s: f32,
    /// Largest amplitude of power swings between 0.1 and 20 Hz that the grid allows, MW.
    pub oscillation_mw: f32,
    /// Battery: power, MW.
    pub bess_mw: f32,
    /// Battery: energy, MWh.
    pub bess_mwh: f32,
    /// Share of hydropower in the supply, %.
    pub hydro_percent: f32,
    /// Most heat that neighbours take, MW.
    pub heat_export_mw: f32,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            area: String::new(),
            feed_kv: 132.0,
            ramp_mw_s: 0.0,
            oscillation_mw: 5.0,
            bess_mw: 0.0,
            bess_mwh: 0.0,
            hydro_percent: 100.0,
            heat_export_mw: 0.0,
        }
    }
}

/// One hall.
#[derive(Clone, Debug, PartialEq)]
pub struct Hall {
    /// Short name: `H3`.
    pub name: String,
    /// Its rows.
    pub rows: Span,
    /// Its racks.
    pub racks: Span,
    /// Its trays.
    pub trays: Span,
    /// Its GPUs.
    pub gpus: Span,
    /// Its CDUs.
    pub cdus: Span,
    /// How many rows stand side by side in the drawing.
    pub columns: u16,
    /// True for the hall of hosts that no rule could place.
    pub unplaced: bool,
}

/// One row of racks.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Short name: `R17`.
    pub name: String,
    /// The hall it stands in.
    pub hall: HallId,
    /// Its racks.
    pub racks: Span,
    /// Its trays.
    pub trays: Span,
    /// Its GPUs.
    pub gpus: Span,
    /// Its CDUs.
    pub cdus: Span,
}

/// One rack.
#[derive(Clone, Debug, PartialEq)]
pub struct Rack {
    /// Short name: `K5`.
    pub name: String,
    /// The row it stands in.
    pub row: RowId,
    /// Its trays, bottom first.
    pub trays: Span,
    /// Its GPUs.
    pub gpus: Span,
    /// Its type: an index into [`Topology::rack_models`].
    pub model: usize,
}

/// One compute tray.
#[derive(Clone, Debug, PartialEq)]
pub struct Tray {
    /// Short name: `T09`.
    pub name: String,
    /// The rack it sits in.
    pub rack: RackId,
    /// Its GPUs.
    pub gpus: Span,
    /// Host that reports for it; empty where none is known yet.
    pub host: String,
}

/// The whole site. Build one with [`Plan::build`], or parse a file with [`Topology::from_toml`].
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    pub(crate) plan: Arc<Plan>,
    pub(crate) generation: u32,
    pub(crate) halls: Vec<Hall>,
    pub(crate) rows: Vec<Row>,
    pub(crate) racks: Vec<Rack>,
    pub(crate) trays: Vec<Tray>,
    pub(crate) cdus: Vec<(RowId, String)>,
    pub(crate) gpu_tray: Vec<TrayId>,
}

impl Topology {
    /// The simulated site that needs no file: 8 halls, 100,224 GPUs.
    #[must_use]
    pub fn default_site() -> Self {
        Self::from_toml(spec::DEFAULT_SITE, "built-in topology").expect("the built-in topology is tested")
    }

    /// Parses a topology file. `file` is named in errors.
    ///
    /// # Errors
    /// Syntax errors and impossible sites, with file, line and the nearest valid name.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, TopologyError> {
        spec::parse(text, file)?.build().map_err(|m| TopologyError::new(file, None, m))
    }

    /// Name of the site.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.plan.site
    }

    /// The plan this topology was built from.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Counts up each time the topology grows.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// GPU generations on the site.
    #[must_use]
    pub fn gpu_models(&self) -> &[GpuModel] {
        &self.plan.gpu_models
    }

    /// Rack types on the site.
    #[must_use]
    pub fn rack_models(&self) -> &[RackModel] {
        &self.plan.rack_models
    }

    /// All halls.
    #[must_use]
    pub fn halls(&self) -> &[Hall] {
        &self.halls
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All racks.
    #[must_use]
    pub fn racks(&self) -> &[Rack] {
        &self.racks
    }

    /// All trays.
    #[must_use]
    pub fn trays(&self) -> &[Tray] {
        &self.trays
    }

    /// How many CDUs there are.
    #[must_use]
    pub fn cdu_count(&self) -> usize {
        self.cdus.len()
    }

    /// Row and name of a CDU.
    #[must_use]
    pub fn cdu(&self, id: CduId) -> (RowId, &str) {
        let (row, name) = &self.cdus[id.index()];
        (*row, name)
    }

    /// How many GPUs there are.
    #[must_use]
    pub fn gpu_count(&self) -> usize {
        self.gpu_tray.len()
    }

    /// The hall `id`.
    #[must_use]
    pub fn hall(&self, id: HallId) -> &Hall {
        &self.halls[id.index()]
    }

    /// The row `id`.
    #[must_use]
    pub fn row(&self, id: RowId) -> &Row {
        &self.rows[id.index()]
    }

    /// The rack `id`.
    #[must_use]
    pub fn rack(&self, id: RackId) -> &Rack {
        &self.racks[id.index()]
    }

    /// The tray `id`.
    #[must_use]
    pub fn tray(&self, id: TrayId) -> &Tray {
        &self.trays[id.index()]
    }

    /// The type of a rack.
    #[must_use]
    pub fn rack_model(&self, id: RackId) -> &RackModel {
        &self.plan.rack_models[self.rack(id).model]
    }

    /// The generation of a GPU.
    #[must_use]
    pub fn gpu_model(&self, id: GpuId) -> &GpuModel {
        &self.plan.gpu_models[self.rack_model(self.rack_of(id)).gpu]
    }

    /// The tray a GPU sits in.
    #[must_use]
    pub fn tray_of(&self, gpu: GpuId) -> TrayId {
        self.gpu_tray[gpu.index()]
    }

    /// The rack a GPU sits in.
    #[must_use]
    pub fn rack_of(&self, gpu: GpuId) -> RackId {
        self.tray(self.tray_of(gpu)).rack
    }

    /// The row a GPU stands in.
    #[must_use]
    pub fn row_of(&self, gpu: GpuId) -> RowId {
        self.rack(self.rack_of(gpu)).row
    }

    /// The hall a GPU stands in.
    #[must_use]
    pub fn hall_of(&self, gpu: GpuId) -> HallId {
        self.row(self.row_of(gpu)).hall
    }

    /// The asset one level up; the site is its own parent.
    #[must_use]
    pub fn parent(&self, asset: Asset) -> Asset {
        match asset {
            Asset::Site | Asset::Hall(_) => Asset::Site,
            Asset::Row(r) => Asset::Hall(self.row(r).hall),
            Asset::Rack(r) => Asset::Row(self.rack(r).row),
            Asset::Tray(t) => Asset::Rack(self.tray(t).rack),
            Asset::Gpu(g) => Asset::Tray(self.tray_of(g)),
            Asset::Cdu(c) => Asset::Row(self.cdu(c).0),
        }
    }

    /// The GPUs that belong to an asset; those of its row for a CDU.
    #[must_use]
    pub fn gpus_of(&self, asset: Asset) -> Span {
        match asset {
            Asset::Site => Span { start: 0, end: self.gpu_count() as u32 },
            Asset::Hall(h) => self.hall(h).gpus,
            Asset::Row(r) => self.row(r).gpus,
            Asset::Rack(r) => self.rack(r).gpus,
            Asset::Tray(t) => self.tray(t).gpus,
            Asset::Gpu(g) => Span { start: g.0, end: g.0 + 1 },
            Asset::Cdu(c) => self.row(self.cdu(c).0).gpus,
        }
    }

    /// GPUs in halls of unplaced hosts.
    #[must_use]
    pub fn unplaced_gpus(&self) -> usize {
        self.halls.iter().filter(|h| h.unplaced).map(|h| h.gpus.len()).sum()
    }

    /// For each tray of `self`, its index in `old` (`u32::MAX` where it is new). Trays are matched
    /// by the names of hall, row, rack and tray.
    #[must_use]
    pub fn trays_from(&self, old: &Self) -> Vec<u32> {
        let places: HashMap<_, _> =
            (0..old.trays.len()).map(|i| (old.place_of(TrayId::new(i)), i as u32)).collect();
        let find = |i: usize| places.get(&self.place_of(TrayId::new(i))).copied().unwrap_or(u32::MAX);
        (0..self.trays.len()).map(find).collect()
    }

    /// For each GPU of `self`, its index in `old` (`u32::MAX` where it is new).
    #[must_use]
    pub fn remap_from(&self, old: &Self) -> Vec<u32> {
        let mut map = vec![u32::MAX; self.gpu_count()];
        for (tray, from) in self.trays.iter().zip(self.trays_from(old)) {
            let Some(source) = old.trays.get(from as usize) else { continue };
            for (new, o) in tray.gpus.iter().zip(source.gpus.iter()) {
                map[new as usize] = o;
            }
        }
        map
    }

    /// The names that lead to a tray.
    #[must_use]
    pub fn place_of(&self, tray: TrayId) -> place::Place {
        let t = self.tray(tray);
        let rack = self.rack(t.rack);
        let row = self.row(rack.row);
        place::Place {
            hall: self.hall(row.hall).name.clone(),
            row: row.name.clone(),
            rack: rack.name.clone(),
            tray: t.name.clone(),
        }
    }

    /// All trays by the key of their place (see [`place::Place::key`]), and those of the unplaced
    /// hall by host.
    #[must_use]
    pub fn tray_index(&self) -> HashMap<String, TrayId> {
        let key = |t: TrayId| {
            let unplaced = self.hall(self.row(self.rack(self.tray(t).rack).row).hall).unplaced;
            if unplaced { self.tray(t).host.clone() } else { self.place_of(t).key() }
        };
        (0..self.trays.len()).map(TrayId::new).map(|t| (key(t), t)).collect()
    }
}
