//! The plant around the GPUs, coupled: rack power from GPU power, heat into coolant and air, pumps
//! and flows, busways and shelves, and the site on the grid.
//!
//! The plant is asked for the coolant of each rack before the GPUs of a tick are advanced, and
//! takes in their power afterwards. Every watt that the racks draw leaves the site as heat.

mod report;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::topology::Cooling;
use crate::model::{FacilityReading, RackId, Timestamp, Topology, TrayId};
use crate::source::sim::effect::Leak;
use crate::source::sim::grid::Grid;
use crate::source::sim::liquid::Liquid;
use crate::source::sim::noise::{hash, slow, unit};
use crate::source::sim::power::{Power, rated_kw};
use crate::source::sim::water::Water;

/// Network, storage and management beside the racks.
pub const BESIDE_RACKS: f32 = 1.04;
/// Pressure that a critical leak costs a rack, share.
const LEAK_COSTS: f32 = 0.2;
/// Thermal resistance of an air-cooled rack without its air, over that with it, less 1.
const STUFFY: f32 = 2.2;

/// What cools the GPUs of a rack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coolant {
    /// Its temperature, °C: the mean of the cold plates, or the air of the cold aisle.
    pub celsius: f32,
    /// Flow by design flow; 1 for air.
    pub flow: f32,
    /// What makes cooling by air worse than it should be: 1 = nothing.
    pub stuffy: f32,
}

/// The plant.
#[derive(Clone, Debug)]
pub struct Plant {
    seed: u64,
    /// The coolant side of each rack; `None` where it is cooled by air.
    pub liquids: Vec<Option<Liquid>>,
    /// Pumps.
    pub water: Water,
    /// Shelves and busways.
    pub power: Power,
    /// The site on the grid.
    pub grid: Grid,
    /// Air-cooled racks that get too little air: by how much, 0 to 1.
    stuffy: BTreeMap<usize, f32>,
    leaks: BTreeMap<u32, Leak>,
    blind: BTreeSet<usize>,
    /// NVLink switch trays that are out of order, by rack.
    pub switches_failed: BTreeMap<usize, u16>,
}

impl Plant {
    /// The plant of `topology`.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64) -> Self {
        let liquid = |r: &crate::model::topology::Rack| {
            let wet = topology.rack_models()[r.model].cooling == Cooling::Liquid;
            wet.then(|| Liquid::new(rated_kw(topology, r)))
        };
        Self {
            seed,
            liquids: topology.racks().iter().map(liquid).collect(),
            water: Water::new(topology, seed),
            power: Power::new(topology, seed),
            grid: Grid::new(topology, seed),
            stuffy: BTreeMap::new(),
            leaks: BTreeMap::new(),
            blind: BTreeSet::new(),
            switches_failed: BTreeMap::new(),
        }
    }

    /// What cools rack `rack` now.
    #[must_use]
    pub fn coolant(&self, topology: &Topology, rack: usize, tick: u64) -> Coolant {
        match &self.liquids[rack] {
            Some(l) => Coolant { celsius: l.mass_c, flow: l.relative_flow(), stuffy: 1.0 },
            None => {
                let hall = topology.row(topology.racks()[rack].row).hall.index();
                let celsius = self.cold_aisle(hall, tick) + 1.5 * unit(hash(self.seed, 0xA1, rack as u64));
                let stuffy = 1.0 + STUFFY * self.stuffy.get(&rack).copied().unwrap_or(0.0);
                Coolant { celsius, flow: 1.0, stuffy }
            }
        }
    }

    fn cold_aisle(&self, hall: usize, tick: u64) -> f32 {
        let seed = hash(self.seed, 0xAA, hall as u64);
        24.2 + 0.6 * unit(seed) + 0.4 * slow(seed, tick, 300)
    }

    /// Rack `rack` gets `share` (0 to 1) too little coolant or air, coming about within `seconds`;
    /// `None` ends that.
    pub fn choke(&mut self, rack: usize, shortage: Option<(f32, u32)>) {
        match (&mut self.liquids[rack], shortage) {
            (Some(l), s) => l.stick(s.map(|(share, seconds)| (100.0 * (1.0 - share), seconds))),
            (None, Some((share, _))) => {
                self.stuffy.insert(rack, share.clamp(0.0, 1.0));
            }
            (None, None) => {
                self.stuffy.remove(&rack);
            }
        }
    }

    /// The leak detector of tray `tray` says `leak`.
    pub fn leak(&mut self, topology: &Topology, tray: TrayId, leak: Leak) {
        let before = self.leaks.get(&tray.0).copied().unwrap_or(Leak::None);
        if leak == Leak::None {
            self.leaks.remove(&tray.0);
        } else {
            self.leaks.insert(tray.0, leak);
        }
        let rack = topology.tray(tray).rack;
        let row = topology.rack(rack).row.index();
        match (before == Leak::Critical, leak == Leak::Critical) {
            (false, true) => self.water.leak(row, true),
            (true, false) => self.water.leak(row, false),
            _ => {}
        }
        let runs = self.wet(topology, rack).any(|(_, l)| l == Leak::Critical);
        if let Some(l) = &mut self.liquids[rack.index()] {
            l.leak = if runs { LEAK_COSTS } else { 0.0 };
        }
    }

    /// The leak detector of rack `rack` is broken, or works again.
    pub fn blind(&mut self, rack: usize, broken: bool) {
        if broken {
            self.blind.insert(rack);
        } else {
            self.blind.remove(&rack);
        }
    }

    /// Wet trays of a rack, as numbers from 1, with how wet they are.
    fn wet(&self, topology: &Topology, rack: RackId) -> impl Iterator<Item = (u32, Leak)> + '_ {
        let trays = topology.rack(rack).trays;
        self.leaks.range(trays.start..trays.end).map(move |(t, l)| (t - trays.start + 1, *l))
    }

    /// Goes to where the racks end with `gpu_w` drawn by the GPUs of each and nothing changing.
    pub fn settle(&mut self, topology: &Topology, gpu_w: &[f32]) {
        for (i, rack) in topology.racks().iter().enumerate() {
            let (row, p) = (rack.row.index(), &self.power.racks[i]);
            let kw = p.fixed_kw + p.factor * gpu_w[i] / 1000.0;
            let supply = self.water.supply(topology.row(rack.row).hall.index(), row, 0);
            let head = self.water.head(row);
            if let Some(l) = &mut self.liquids[i] {
                l.settle(kw, head, supply);
            }
        }
    }

    /// Moves pumps and flows by a second: what GPUs are cooled with in this tick.
    pub fn circulate(&mut self, topology: &Topology, tick: u64) {
        self.water.advance();
        for (i, row) in topology.rows().iter().enumerate() {
            let supply = self.water.supply(row.hall.index(), i, tick);
            let head = self.water.head(i);
            for l in self.liquids[row.racks.range()].iter_mut().flatten() {
                l.circulate(head, supply);
            }
        }
    }

    /// Takes in power and heat of a second and reads all points. The GPUs of each rack draw `gpu_w`
    /// W, and would draw `free_w` without power brakes; jobs swing by `oscillation` (MW, slot).
    pub fn advance(
        &mut self,
        topology: &Topology,
        now: (u64, Timestamp),
        (gpu_w, free_w): (&[f32], &[f32]),
        oscillation: (f32, u16),
    ) -> Vec<FacilityReading> {
        self.power.advance(topology, gpu_w, free_w);
        for (l, p) in self.liquids.iter_mut().zip(&self.power.racks) {
            if let Some(l) = l {
                l.warm(p.kw);
            }
        }
        self.report(topology, now, oscillation)
    }
}

#[cfg(test)]
mod tests;
