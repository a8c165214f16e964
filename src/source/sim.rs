//! The simulated site: every GPU of a topology and the plant around it, coupled, one tick a second,
//! repeatable to the bit.
//!
//! The same seed, topology and times give the same batches on every machine: randomness comes from
//! integer hashes, arithmetic is `+ - * /` and the square root of IEEE 754 alone, and nothing depends
//! on the order of a hash map.
//!
//! In a tick the work decides what GPUs are made to do, GPUs draw power and get warm on the coolant
//! of the second before, and the plant takes in their heat. What happens (effects) is applied after
//! that: it shows from the next second on.

mod apply;
pub mod columns;
pub mod effect;
pub mod fault;
pub mod grid;
pub mod incident;
pub mod liquid;
pub mod live;
pub mod noise;
pub mod pace;
pub mod place;
pub mod plant;
pub mod power;
pub mod scenario;
mod show;
mod suffer;
pub mod thermal;
pub mod validate;
pub mod water;
pub mod workload;

use std::sync::Arc;

use crate::model::batch::{Batch, DenseBatch, SourceId};
use crate::model::entry::SourceStatus;
use crate::model::{ClockEvents, Timestamp, Topology};
use crate::source::sim::columns::{Published, Sheet};
use crate::source::sim::fault::{Faults, Trouble};
use crate::source::sim::incident::{BOOT_S, Incidents};
use crate::source::sim::noise::hash;
use crate::source::sim::pace::Load;
use crate::source::sim::plant::Plant;
use crate::source::sim::scenario::Timeline;
use crate::source::sim::suffer::Suffered;
use crate::source::sim::thermal::throttle::{SLOWED_CLOCK, SLOWED_POWER};
use crate::source::sim::thermal::{Chip, Drive, Gpus};
use crate::source::sim::workload::{LoadPlan, Run, Workload};

pub use live::run;

/// One tick of simulated time, ms.
pub const TICK_MS: u32 = 1000;
/// Protection looks at a rack from this far below hardware slowdown on, K.
const WATCH_K: f32 = 4.0;
/// Seconds that a GPU that shut itself down stays away: it cools down, its tray boots.
const SHUT_S: u64 = 600;

/// How a site is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimPlan {
    /// Seed: the same one gives the same values.
    pub seed: u64,
    /// How many times as many faults as published; 0 = those of the start only.
    pub fault_rate: f64,
    /// What the fleet does.
    pub load: LoadPlan,
    /// Without any fault, not even those of the start.
    pub flawless: bool,
}

impl SimPlan {
    /// The usual mixture of work and faults.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, fault_rate: 1.0, load: LoadPlan::Normal, flawless: false }
    }
}

/// What a run showed last in the columns that seldom change.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Shown {
    events: u16,
    memory: f32,
    slot: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct RackState {
    /// Sum of GPU power, W; and what it would be without a power brake.
    watts: f32,
    free: f32,
    /// Hottest GPU of this tick, °C.
    hottest: f32,
    /// Protection holds GPUs down.
    held: bool,
    /// The rack gets no power.
    dark: bool,
    /// Its power brake is on.
    brake: bool,
}

/// The simulator.
#[derive(Clone, Debug)]
pub struct Sim {
    topology: Arc<Topology>,
    seed: u64,
    tick: u64,
    chips: Vec<Chip>,
    gpus: Gpus,
    sheet: Sheet,
    shown: Vec<Option<Shown>>,
    racks: Vec<RackState>,
    work: Workload,
    faults: Faults,
    incidents: Incidents,
    plant: Plant,
    published: Published,
    suffered: Suffered,
    /// XID, health, fabric or recovery of some GPU must be written anew.
    stale: bool,
    /// What is scripted.
    timeline: Option<Arc<Timeline>>,
}

impl Sim {
    /// A site that begins to live under `seed`.
    #[must_use]
    pub fn new(topology: Arc<Topology>, seed: u64) -> Self {
        Self::from_plan(topology, SimPlan::new(seed))
    }

    /// Like [`Sim::new`], with `rate` times as many incidents as published (0 = those of the
    /// start only).
    #[must_use]
    pub fn with_fault_rate(topology: Arc<Topology>, seed: u64, rate: f64) -> Self {
        Self::from_plan(topology, SimPlan { fault_rate: rate, ..SimPlan::new(seed) })
    }

    /// A site that is simulated as `plan` says.
    #[must_use]
    pub fn from_plan(topology: Arc<Topology>, plan: SimPlan) -> Self {
        let (count, seed) = (topology.gpu_count(), plan.seed);
        let chips = topology.rack_models().iter().map(|r| Chip::new(&topology.gpu_models()[r.gpu], r));
        let work = Workload::new(&topology, seed).with_plan(plan.load);
        let faults = if plan.flawless {
            Faults::none(&topology)
        } else {
            Faults::new(&topology, &work, seed, plan.fault_rate)
        };
        Self {
            seed,
            tick: 0,
            chips: chips.collect(),
            gpus: Gpus::new(count, seed),
            sheet: Sheet::new(count),
            shown: vec![None; work.runs.len()],
            racks: vec![RackState::default(); topology.racks().len()],
            faults,
            work,
            incidents: Incidents::default(),
            plant: Plant::new(&topology, seed),
            published: Published::default(),
            suffered: Suffered::default(),
            stale: true,
            timeline: None,
            topology,
        }
    }

    /// The same, with what `timeline` scripts for this site.
    #[must_use]
    pub fn with_timeline(self, timeline: Timeline) -> Self {
        Self { timeline: Some(Arc::new(timeline)), ..self }
    }

    /// The site that is simulated.
    #[must_use]
    pub const fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Its work: who holds which GPUs.
    #[must_use]
    pub const fn work(&self) -> &Workload {
        &self.work
    }

    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many ticks have been made.
    #[must_use]
    pub const fn ticks(&self) -> u64 {
        self.tick
    }

    /// What the simulator says of itself as source `source`.
    #[must_use]
    pub fn status(&self, time: Timestamp, source: SourceId) -> SourceStatus {
        SourceStatus {
            source,
            name: format!("sim seed {}", self.seed),
            time,
            interval_ms: TICK_MS,
            ..SourceStatus::default()
        }
    }

    /// Makes the next tick, as of `time`: all columns but the age, and all facility points.
    /// Columns that did not change are the same memory as in the tick before.
    pub fn step(&mut self, time: Timestamp, source: SourceId) -> Batch {
        let tick = self.tick;
        let renamed = self.work.advance((tick, time), self.plant.grid.shed());
        if tick == 0 {
            self.settle();
        }
        self.suffer(tick);
        self.plant.circulate(&self.topology, tick);
        self.advance_runs(tick);
        self.advance_singles(tick);
        self.protect(tick);
        let (watts, free): (Vec<f32>, Vec<f32>) = self.racks.iter().map(|r| (r.watts, r.free)).unzip();
        let swing = self.work.oscillation();
        let facility = self.plant.advance(&self.topology, (tick, time), (&watts, &free), swing);
        self.darken(tick);
        if std::mem::take(&mut self.stale) | self.incidents.take_changed() {
            self.show_health(tick);
        }
        if let Some(timeline) = self.timeline.clone() {
            timeline.due(tick).iter().for_each(|effect| self.apply(effect));
        }
        self.tick += 1;
        let silent = self.silent(tick);
        let frozen: Vec<_> = silent.iter().map(|t| self.tray_gpus(*t)).collect();
        let jobs = (renamed || tick == 0).then(|| self.work.jobs());
        let columns = self.published.publish(&self.sheet, &frozen);
        let dense = Some(DenseBatch { columns, silent, jobs });
        Batch { dense, facility, ..Batch::new(source, time) }
    }

    fn tray_gpus(&self, tray: u32) -> (usize, usize) {
        let gpus = self.topology.trays()[tray as usize].gpus.range();
        (gpus.start, gpus.end)
    }

    /// Trays whose exporters do not answer, ascending.
    fn silent(&self, tick: u64) -> Vec<u32> {
        let mut silent = self.faults.silent(tick + 1);
        if !self.incidents.silent.is_empty() {
            silent.extend(&self.incidents.silent);
            silent.sort_unstable();
            silent.dedup();
        }
        silent
    }

    /// Before the first tick everything has been running for a while.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.advance_runs(0);
            let watts: Vec<f32> = self.racks.iter().map(|r| r.watts).collect();
            self.plant.settle(&self.topology, &watts);
        }
    }

    fn drive(&self, run: &Run, load: &Load) -> Drive {
        let chip = &self.chips[self.topology.racks()[run.rack].model];
        let coolant = self.plant.coolant(&self.topology, run.rack, self.tick);
        let resistance = chip.resistance_at(coolant.flow) * coolant.stuffy;
        let power_w =
            if load.idle { chip.idle_w * load.power } else { (chip.full_w * load.power).max(chip.idle_w) };
        let clock = if load.idle { chip.idle_mhz } else { (chip.max_mhz * load.clock).max(chip.idle_mhz) };
        let brake = self.plant.power.racks[run.rack].brake && !load.idle;
        let (power, clocks, bits) = if brake {
            (SLOWED_POWER, SLOWED_CLOCK, ClockEvents::POWER_BRAKE | ClockEvents::HW_SLOWDOWN)
        } else {
            (1.0, 1.0, load.events())
        };
        Drive {
            power_w: (power_w * power).max(chip.idle_w.min(power_w)),
            rest_w: chip.idle_w.min(power_w),
            limit: if load.idle { 0.0 } else { 1.0 },
            spread: if load.idle { 1.4 } else { 1.0 },
            jitter: if load.idle { 0.002 } else { 0.006 },
            util: load.util,
            clock_mhz: clock * clocks,
            activity: load.activity * clocks,
            coolant_c: coolant.celsius,
            resistance,
            zero_margin_c: chip.zero_margin_c,
            relax: if self.tick == 0 { 1.0 } else { chip.relax(resistance) },
            events: bits,
        }
    }

    fn advance_runs(&mut self, tick: u64) {
        for rack in &mut self.racks {
            (rack.watts, rack.free, rack.hottest) = (0.0, 0.0, 0.0);
        }
        let salt = hash(self.seed, 0x7157, tick) as u32;
        for i in 0..self.work.runs.len() {
            let run = &self.work.runs[i];
            let load = self.work.load(run, tick);
            let drive = self.drive(run, &load);
            let (range, rack) = (run.gpus.clone(), run.rack);
            let area = &self.work.areas[run.area];
            let slot = if area.held() { area.slot } else { 0 };
            let shown = Some(Shown { events: drive.events, memory: load.memory, slot });
            if self.shown[i] != shown {
                self.shown[i] = shown;
                self.show_seldom(i);
            }
            let (watts, hottest) = self.gpus.advance(range, &drive, salt, &mut self.sheet);
            let state = &mut self.racks[rack];
            state.watts += watts;
            state.free +=
                if drive.events & ClockEvents::POWER_BRAKE != 0 { watts / SLOWED_POWER } else { watts };
            state.hottest = state.hottest.max(hottest);
        }
    }

    /// GPUs that do something else than their run: gone ones, and those that rest.
    fn advance_singles(&mut self, tick: u64) {
        let of_fault = |t: &Trouble| match t {
            Trouble::Lost(g) => Some((*g, true)),
            Trouble::Sick(g) => Some((*g, false)),
            _ => None,
        };
        let mut singles: Vec<(usize, bool)> = self
            .faults
            .now(tick)
            .filter_map(|f| of_fault(&f.trouble))
            .chain(self.incidents.singles())
            .collect();
        // A GPU that is gone for one reason is gone for all.
        singles.sort_unstable_by_key(|(g, gone)| (*g, !*gone));
        singles.dedup_by_key(|(g, _)| *g);
        for (g, gone) in singles {
            let run = &self.work.runs[self.work.run_of(g)];
            let rack = run.rack;
            let load = if gone { Load { power: 0.0, ..Load::idle(0.0) } } else { Load::idle(0.0) };
            let drive = self.drive(run, &load);
            let was = f32::from(self.sheet.power[g]);
            let before = self.incidents.temp(g).unwrap_or(self.gpus.temp[g]);
            let temp = self.gpus.single(g, &drive, before, &mut self.sheet);
            self.incidents.keep_temp(g, temp);
            let state = &mut self.racks[rack];
            state.watts -= was;
            state.free -= was;
            if gone {
                self.sheet.blank(g);
            } else {
                self.sheet.events[g] = drive.events;
                self.sheet.mem_used[g] = 0;
                state.watts += f32::from(self.sheet.power[g]);
                state.free += f32::from(self.sheet.power[g]);
            }
        }
        for r in &mut self.racks {
            (r.watts, r.free) = (r.watts.max(0.0), r.free.max(0.0));
        }
    }

    /// Lets the protection of GPUs in hot racks act.
    fn protect(&mut self, tick: u64) {
        let mut still = vec![false; self.racks.len()];
        for i in 0..self.work.runs.len() {
            let run = &self.work.runs[i];
            let (rack, gpus) = (run.rack, run.gpus.clone());
            let chip = &self.chips[self.topology.racks()[rack].model];
            if self.racks[rack].hottest < chip.slowdown_c - WATCH_K && !self.racks[rack].held {
                continue;
            }
            let p = self.gpus.held.protect(gpus.clone(), &self.gpus.temp[gpus.clone()], chip);
            still[rack] |= p.active;
            if p.changed {
                self.stale = true;
                let base = self.shown[i].map_or(0, |s| s.events);
                for g in gpus {
                    if self.sheet.events[g] != u16::MAX {
                        self.sheet.events[g] = base | self.gpus.held.bits[g];
                    }
                }
            }
            for g in p.shut {
                if !self.incidents.is_gone(g) {
                    self.incidents.lose(g, true, Some(tick + SHUT_S));
                    self.sheet.blank(g);
                }
            }
        }
        for (rack, still) in self.racks.iter_mut().zip(still) {
            rack.held = still;
        }
    }

    /// GPUs of racks that have lost their power are gone, and boot when it is back.
    fn darken(&mut self, tick: u64) {
        let site = self.plant.grid.dark();
        for (r, rack) in self.topology.racks().iter().enumerate() {
            let dark = site || self.plant.power.dark(rack.row.index(), r);
            let brake = self.plant.power.racks[r].brake;
            self.stale |= brake != self.racks[r].brake;
            self.racks[r].brake = brake;
            if dark == self.racks[r].dark {
                continue;
            }
            self.racks[r].dark = dark;
            for g in rack.gpus.range() {
                self.incidents.lose(g, false, if dark { None } else { Some(tick + BOOT_S) });
            }
            if let (true, Some(tray)) = (dark, rack.trays.iter().next()) {
                self.work.interrupt(tray as usize, tick);
            }
        }
    }
}

#[cfg(test)]
mod tests;
