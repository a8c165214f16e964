//! The simulated fleet: every GPU of a topology and the plant around it, one tick a second,
//! repeatable to the bit.
//!
//! The same seed, topology and times give the same batches on every machine: randomness comes from
//! integer hashes, arithmetic is `+ - * /` of IEEE 754 alone, and nothing depends on the order of
//! a hash map.

pub mod columns;
pub mod effect;
pub mod facility;
pub mod fault;
pub mod noise;
pub mod pace;
pub mod place;
pub mod thermal;
pub mod workload;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::model::batch::{Batch, DenseBatch, SourceId};
use crate::model::entry::SourceStatus;
use crate::model::{ClockEvents, Entry, GpuId, Health, Timestamp, Topology};
use crate::source::sim::columns::{Published, Sheet};
use crate::source::sim::facility::Plant;
use crate::source::sim::fault::{Fault, Faults, Trouble};
use crate::source::sim::noise::{fast, hash, unit};
use crate::source::sim::pace::Load;
use crate::source::sim::place::Kind;
use crate::source::sim::thermal::{Chip, Drive, Gpus, RELAX};
use crate::source::sim::workload::{Run, Workload};
use crate::source::{Outlet, Stopped};

/// One tick of simulated time, ms.
pub const TICK_MS: u32 = 1000;
/// How far a live simulation may fall behind the wall clock before it jumps ahead, ms.
const CATCH_UP_MS: i64 = 10_000;
/// Share of power and clock that hardware slowdown leaves.
const SLOWED_POWER: f32 = 0.475;
const SLOWED_CLOCK: f32 = 0.5;
/// Thermal resistance of a rack without its flow, over that with it.
const CHOKED: f32 = 3.2;
/// A rack that slowed down speeds up again this far below the slowdown temperature, K.
const SLOWDOWN_BAND: f32 = 10.0;

/// What a run showed last in the columns that seldom change.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Shown {
    events: u16,
    memory: f32,
    slot: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct RackState {
    /// Sum of GPU power, W.
    watts: f32,
    /// Hottest GPU of the last tick, °C.
    hottest: f32,
    /// Clocks are held down by hardware.
    slowed: bool,
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
    plant: Plant,
    published: Published,
}

impl Sim {
    /// A site that begins to live under `seed`.
    #[must_use]
    pub fn new(topology: Arc<Topology>, seed: u64) -> Self {
        Self::with_fault_rate(topology, seed, 1.0)
    }

    /// Like [`Sim::new`], with `rate` times as many incidents as published (0 = those of the
    /// start only).
    #[must_use]
    pub fn with_fault_rate(topology: Arc<Topology>, seed: u64, rate: f64) -> Self {
        let count = topology.gpu_count();
        let chips = topology.rack_models().iter().map(|r| Chip::new(&topology.gpu_models()[r.gpu], r));
        let work = Workload::new(&topology, seed);
        Self {
            seed,
            tick: 0,
            chips: chips.collect(),
            gpus: Gpus::new(count, seed),
            sheet: Sheet::new(count),
            shown: vec![None; work.runs.len()],
            racks: vec![RackState::default(); topology.racks().len()],
            faults: Faults::new(&topology, &work, seed, rate),
            work,
            plant: Plant::new(&topology, seed),
            published: Published::default(),
            topology,
        }
    }

    /// The site that is simulated.
    #[must_use]
    pub const fn topology(&self) -> &Arc<Topology> {
        &self.topology
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
        let renamed = self.work.advance(tick, time);
        let changes = self.faults.advance(tick, &self.topology, &self.work);
        for gpu in &changes.struck {
            let tray = self.topology.tray_of(GpuId::new(*gpu));
            self.work.interrupt(tray.index(), tick);
        }
        for gpu in &changes.freed {
            self.shown[self.work.run_of(*gpu)] = None;
        }
        self.plant.supply(&self.topology, tick);
        self.plant.set_choked(self.faults.choked(tick));
        let slowed = self.slow_down();
        self.advance_runs(tick);
        self.advance_single(tick);
        if changes.shown || slowed {
            self.show_health();
        }
        self.tick += 1;
        let silent = self.faults.silent(tick);
        let frozen: Vec<_> = silent.iter().map(|t| self.tray_gpus(*t)).collect();
        let watts: Vec<f32> = self.racks.iter().map(|r| r.watts).collect();
        let facility = self.plant.advance(&self.topology, (tick, time), &watts);
        let jobs = (renamed || tick == 0).then(|| self.work.jobs());
        let columns = self.published.publish(&self.sheet, &frozen);
        let dense = Some(DenseBatch { columns, silent, jobs });
        Batch { dense, facility, ..Batch::new(source, time) }
    }

    fn tray_gpus(&self, tray: u32) -> (usize, usize) {
        let gpus = self.topology.trays()[tray as usize].gpus.range();
        (gpus.start, gpus.end)
    }

    /// Lets hardware slow hot racks down, and speed cool ones up; true when one changed.
    fn slow_down(&mut self) -> bool {
        let mut changed = false;
        for (i, rack) in self.racks.iter_mut().enumerate() {
            let chip = &self.chips[self.topology.racks()[i].model];
            let first = self.tick == 0 && self.plant.choke(i) >= 1.0;
            let slowed = if rack.slowed {
                rack.hottest > chip.slowdown_c - SLOWDOWN_BAND
            } else {
                first || rack.hottest >= chip.slowdown_c
            };
            changed |= slowed != rack.slowed;
            rack.slowed = slowed;
        }
        changed
    }

    fn drive(&self, run: &Run, load: &Load) -> Drive {
        let chip = &self.chips[self.topology.racks()[run.rack].model];
        let slowed = self.racks[run.rack].slowed && !load.idle;
        let resistance = chip.resistance * (1.0 + (CHOKED - 1.0) * self.plant.choke(run.rack));
        let power_w =
            if load.idle { chip.idle_w * load.power } else { (chip.full_w * load.power).max(chip.idle_w) };
        let clock = if load.idle { chip.idle_mhz } else { (chip.max_mhz * load.clock).max(chip.idle_mhz) };
        let (power, clocks, bits) = if slowed {
            let bits = ClockEvents::HW_SLOWDOWN | ClockEvents::HW_THERMAL | ClockEvents::SW_THERMAL;
            (SLOWED_POWER, SLOWED_CLOCK, bits)
        } else {
            (1.0, 1.0, load.events())
        };
        Drive {
            power_w: (power_w * power).max(chip.idle_w.min(power_w)),
            spread: if load.idle { 1.4 } else { 1.0 },
            jitter: if load.idle { 0.002 } else { 0.006 },
            util: load.util,
            clock_mhz: clock * clocks,
            activity: load.activity * clocks,
            coolant_c: self.plant.inlet(run.rack) + 0.3,
            resistance,
            ceiling_c: chip.ceiling_c,
            zero_margin_c: chip.zero_margin_c,
            relax: if self.tick == 0 { 1.0 } else { RELAX },
            events: bits,
        }
    }

    fn advance_runs(&mut self, tick: u64) {
        for rack in &mut self.racks {
            (rack.watts, rack.hottest) = (0.0, 0.0);
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
            state.hottest = state.hottest.max(hottest);
        }
    }

    /// Writes the columns that seldom change for run `i`.
    fn show_seldom(&mut self, i: usize) {
        let run = &self.work.runs[i];
        let Some(shown) = self.shown[i] else { return };
        let total = self.chips[self.topology.racks()[run.rack].model].memory_mib / 16.0;
        let tenant = if shown.slot == 0 { 0 } else { self.work.areas[run.area].tenant };
        self.sheet.events[run.gpus.clone()].fill(shown.events);
        self.sheet.job[run.gpus.clone()].fill(shown.slot);
        self.sheet.tenant[run.gpus.clone()].fill(tenant);
        for g in run.gpus.clone() {
            let own = unit(hash(self.seed, 0x3E3, g as u64)) - 0.5;
            let used = if shown.memory > 0.0 { total * (shown.memory + 0.03 * own) } else { 0.5 + own };
            self.sheet.mem_used[g] = (used.max(0.0) + 0.5).min(65_534.0) as u16;
        }
    }

    /// GPUs that do something else than their run.
    fn advance_single(&mut self, tick: u64) {
        let mut faults: Vec<Fault> =
            self.faults.now(tick).filter(|f| f.trouble.gpu().is_some()).cloned().collect();
        for fault in &mut faults {
            self.advance_fault(fault, tick);
        }
        let mut temps = faults.iter().map(|f| f.temp);
        for fault in self.faults.now_mut(tick).filter(|f| f.trouble.gpu().is_some()) {
            fault.temp = temps.next().flatten();
        }
    }

    fn advance_fault(&mut self, fault: &mut Fault, tick: u64) {
        let Some(g) = fault.trouble.gpu() else { return };
        let run = &self.work.runs[self.work.run_of(g)];
        let (rack, load) = (run.rack, self.work.load(run, tick));
        let rest_w = self.chips[self.topology.racks()[rack].model].idle_w;
        let before = fault.temp.unwrap_or(self.gpus.temp[g]);
        let was = f32::from(self.sheet.power[g]);
        // Another fault of the same GPU has blanked it already: it is gone for both.
        let gone = self.sheet.power[g] == u16::MAX;
        if gone {
            return;
        }
        match fault.trouble {
            Trouble::Lost(_) => {
                let drive = self.drive(run, &Load { power: 0.0, ..Load::idle(0.0) });
                fault.temp = Some(self.gpus.single(g, &drive, before, &mut self.sheet));
                self.racks[rack].watts -= was;
                self.sheet.blank(g);
            }
            Trouble::Sick(_) => {
                let drive = self.drive(run, &Load::idle(0.0));
                fault.temp = Some(self.gpus.single(g, &drive, before, &mut self.sheet));
                self.sheet.events[g] = drive.events;
                self.sheet.mem_used[g] = 0;
                self.racks[rack].watts += f32::from(self.sheet.power[g]) - was;
            }
            Trouble::Slow(_, share) if !load.idle => {
                let mut drive = self.drive(run, &load);
                let noise = (fast(g as u32, tick as u32) & 0xF) as f32 - 8.0;
                // Below rest it never goes: a job that ramps up draws little more than that.
                drive.power_w = (was * (0.4 + 0.6 * share) + 0.5 * noise).max(was.min(rest_w));
                drive.clock_mhz *= share;
                drive.activity *= share;
                fault.temp = Some(self.gpus.single(g, &drive, before, &mut self.sheet));
                self.racks[rack].watts += f32::from(self.sheet.power[g]) - was;
            }
            Trouble::Hotter(_, kelvin) => {
                let mut drive = self.drive(run, &load);
                let rise = drive.resistance * self.chips[self.topology.racks()[rack].model].full_w;
                (drive.power_w, drive.resistance) = (was, drive.resistance * (1.0 + kelvin / rise));
                fault.temp = Some(self.gpus.single(g, &drive, before, &mut self.sheet));
            }
            _ => fault.temp = None,
        }
    }

    /// Writes XID, recovery action and health of all GPUs anew.
    fn show_health(&mut self) {
        self.sheet.xid.fill(0);
        self.sheet.recovery.fill(0);
        for area in &self.work.areas {
            let trays = &self.topology.trays()[area.trays.clone()];
            let (Some(first), Some(last)) = (trays.first(), trays.last()) else { continue };
            let out = area.kind == Kind::Maintenance;
            let health = if out { Health::Maintenance } else { Health::Ok };
            self.sheet.health[first.gpus.range().start..last.gpus.range().end].fill(health as u8);
        }
        for (rack, state) in self.topology.racks().iter().zip(&self.racks) {
            if state.slowed {
                self.sheet.health[rack.gpus.range()].fill(Health::Degraded as u8);
            }
        }
        for (g, mark) in self.faults.marks() {
            self.sheet.xid[g] = mark.xid;
            self.sheet.recovery[g] = mark.recovery;
            self.sheet.health[g] = self.sheet.health[g].max(mark.health as u8);
        }
    }
}

/// Drives `sim` for a live console: `speed` ticks a second, each sent as a batch to `outlet`. When
/// the engine is behind, time stretches; no tick is left out. `speed` is held between 0.01 and
/// 1,000.
///
/// # Errors
/// The engine has stopped.
pub async fn run(mut sim: Sim, speed: f64, outlet: Outlet) -> Result<(), Stopped> {
    let period =
        Duration::from_secs_f64(1.0 / if speed.is_finite() { speed.clamp(0.01, 1000.0) } else { 1.0 });
    let mut timer = tokio::time::interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut time = Timestamp::from_secs(outlet.now().secs());
    outlet.send(Entry::Source(sim.status(time, outlet.source))).await?;
    loop {
        timer.tick().await;
        outlet.send(Entry::Batch(sim.step(time, outlet.source))).await?;
        time = time.plus_millis(i64::from(TICK_MS));
        // After a suspended machine the simulated site must not stay behind the wall clock.
        let now = Timestamp::from_secs(outlet.now().secs());
        if now.since(time) > CATCH_UP_MS {
            time = now;
        }
    }
}

#[cfg(test)]
mod tests;
