//! What goes wrong: GPUs, memory, links, hosts, power supplies and software, at published rates,
//! each with its XIDs and what follows until it is as it was.
//!
//! [`table`] says how often, [`arrivals`] when and whom, [`course`] what happens then. The process
//! moves from event to event, so a year of it can be sampled without the physics ([`mod@sample`]); the
//! simulator and the sample run the same code.

pub mod arrivals;
mod begin;
pub mod course;
pub mod log;
mod play;
pub mod sample;
pub mod table;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::{Health, Topology};
use crate::source::sim::noise::Rng;
use crate::source::sim::place::Kind as Work;
use crate::source::sim::workload::Workload;
use arrivals::{Arrivals, Busy};
use log::Log;
use play::{Past, Queue};
pub use sample::{DayCounts, sample};
pub use table::Kind;

/// Seconds until a rack that loses its flow has lost it.
pub const CHOKE_S: f32 = 60.0;
/// Share of its flow that it loses.
pub const CHOKED: f32 = 0.76;

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// A GPU without values: off the bus, or its tray reboots.
    Lost(usize),
    /// A GPU that answers and does nothing: it cannot work, or its tray is drained.
    Sick(usize),
    /// A GPU slower than its peers: this share of their clock.
    Slow(usize, f32),
    /// A GPU that runs so many kelvin hotter at full power than its peers.
    Hotter(usize, f32),
    /// A rack that gets too little coolant or air.
    Hot(usize),
    /// A rack that has lost one more of its power shelves.
    Shelf(usize),
    /// Exporters of these trays do not answer.
    Silent(Range<usize>),
}

impl Trouble {
    /// The GPU it is about, where it is about one.
    #[must_use]
    pub const fn gpu(&self) -> Option<usize> {
        match self {
            Self::Lost(g) | Self::Sick(g) | Self::Slow(g, _) | Self::Hotter(g, _) => Some(*g),
            Self::Hot(_) | Self::Shelf(_) | Self::Silent(_) => None,
        }
    }
}

/// Something that is wrong now.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub trouble: Trouble,
    /// Since which tick.
    pub from: u64,
}

/// What driver and inventory say of a GPU on which something is not as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its last XID, which stays until the driver is loaded anew; 0 = none.
    pub xid: u16,
    /// Its health.
    pub health: Health,
    /// The recovery action that the driver asks for, as in `Metric::Recovery`.
    pub recovery: u8,
    /// Its NVLink fabric is unhealthy.
    pub unlinked: bool,
}

impl Mark {
    /// Nothing unusual.
    pub const NONE: Self = Self { xid: 0, health: Health::Ok, recovery: 0, unlinked: false };
}

/// What a tick has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// A mark of some GPU.
    pub shown: bool,
    /// GPUs that came back to what their run does.
    pub freed: Vec<usize>,
    /// GPUs whose job has been brought down.
    pub struck: Vec<usize>,
    /// What began, and the GPU that it struck first.
    pub begun: Vec<(Kind, usize)>,
    /// XIDs that were logged, without their repeats, in order.
    pub xids: Vec<(usize, u16)>,
}

/// All that is wrong now and what will be.
#[derive(Clone, Debug)]
pub struct Faults {
    active: Vec<Fault>,
    marks: BTreeMap<usize, Mark>,
    log: Log,
    queue: Queue,
    arrivals: Arrivals,
    /// Trays that a course has to itself.
    held: Vec<bool>,
    past: Past,
    rng: Rng,
}

impl Faults {
    /// The faults of a site, `rate` times as many as published; a few are there from the start.
    #[must_use]
    pub fn new(topology: &Topology, work: &impl Busy, seed: u64, rate: f64) -> Self {
        let mut faults = Self::calm(topology, seed, rate);
        faults.begin(topology, work);
        faults
    }

    /// No faults at all, ever.
    #[must_use]
    pub fn none(topology: &Topology) -> Self {
        Self::calm(topology, 0, 0.0)
    }

    /// The faults of a site where nothing is wrong yet.
    #[must_use]
    pub fn calm(topology: &Topology, seed: u64, rate: f64) -> Self {
        Self {
            active: Vec::new(),
            marks: BTreeMap::new(),
            log: Log::new(seed, topology.trays().len()),
            queue: Queue::default(),
            arrivals: Arrivals::new(topology.gpu_count(), seed, rate),
            held: vec![false; topology.trays().len()],
            past: Past::default(),
            rng: Rng::new(seed, 5),
        }
    }

    /// Moves to `tick`: courses go on, and new ones may begin. Ticks in which nothing happens
    /// ([`Faults::next_tick`]) may be left out.
    pub fn advance(&mut self, tick: u64, topology: &Topology, work: &impl Busy) -> Changes {
        let mut changes = Changes { shown: tick == 0, ..Changes::default() };
        while let Some((due, item)) = self.queue.pop(tick) {
            self.run(item, due, topology, &mut changes);
        }
        while let Some(row) = self.arrivals.take(tick) {
            self.arrive(row, tick, (topology, work), &mut changes);
        }
        changes
    }

    /// The next tick in which something happens.
    #[must_use]
    pub fn next_tick(&self) -> u64 {
        self.queue.next_tick().unwrap_or(u64::MAX).min(self.arrivals.next_tick())
    }

    /// What is wrong at `tick`.
    pub fn now(&self, tick: u64) -> impl Iterator<Item = &Fault> {
        self.active.iter().filter(move |f| f.from <= tick)
    }

    /// The GPUs that are not as usual in the eyes of driver and inventory, ascending.
    pub fn marks(&self) -> impl Iterator<Item = (usize, Mark)> {
        self.marks.iter().map(|(gpu, mark)| (*gpu, *mark))
    }

    /// The mark of one GPU.
    #[must_use]
    pub fn mark(&self, gpu: usize) -> Mark {
        self.marks.get(&gpu).copied().unwrap_or(Mark::NONE)
    }

    /// The log of XIDs, for its counts.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// How much each rack is short of coolant at `tick`, 0 (none) to 1; only racks that are.
    pub fn choked(&self, tick: u64) -> impl Iterator<Item = (usize, f32)> {
        self.now(tick).filter_map(move |f| match f.trouble {
            // What was wrong from the start has had its effect already.
            Trouble::Hot(rack) if f.from == 0 => Some((rack, 1.0)),
            Trouble::Hot(rack) => Some((rack, ((tick - f.from) as f32 / CHOKE_S).min(1.0))),
            _ => None,
        })
    }

    /// How many power shelves have failed in each rack; only racks with one at least, ascending.
    #[must_use]
    pub fn shelves(&self) -> Vec<(usize, u8)> {
        let mut racks: BTreeMap<usize, u8> = BTreeMap::new();
        for fault in &self.active {
            if let Trouble::Shelf(rack) = fault.trouble {
                let count = racks.entry(rack).or_default();
                *count = count.saturating_add(1);
            }
        }
        racks.into_iter().collect()
    }

    /// Trays that do not answer at `tick`, ascending.
    #[must_use]
    pub fn silent(&self, tick: u64) -> Vec<u32> {
        let mut trays: Vec<u32> = self
            .now(tick)
            .filter_map(|f| match &f.trouble {
                Trouble::Silent(trays) => Some(trays.start as u32..trays.end as u32),
                _ => None,
            })
            .flatten()
            .collect();
        trays.sort_unstable();
        trays.dedup();
        trays
    }
}

impl Busy for Workload {
    fn busy(&self, tray: usize) -> bool {
        self.area_of(tray).held()
    }

    fn trains(&self, tray: usize) -> bool {
        self.area_of(tray).kind == Work::Train
    }
}

#[cfg(test)]
mod tests;
