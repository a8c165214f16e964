//! What goes wrong: lost GPUs, sick GPUs, XIDs, racks that throttle, exporters that fall silent.
//!
//! Rates follow published ones: 419 interruptions in 54 days on 16,384 GPUs (Llama 3, table 5),
//! which is 47 a day on 100,224; XID 31 about 83 times an hour (Delta). The tail is heavy: three
//! incidents in ten hit one of the few "lemon" GPUs.

use std::ops::Range;

use crate::model::xid::{self, Class};
use crate::model::{GpuId, Health, Topology};
use crate::source::sim::noise::Rng;
use crate::source::sim::place::Kind as Work;
use crate::source::sim::workload::Workload;

/// Interruptions a day and XIDs of applications an hour on a site of [`RATED_GPUS`].
const INCIDENTS_PER_DAY: f64 = 47.0;
const APP_XIDS_PER_HOUR: f64 = 110.0;
const RATED_GPUS: f64 = 100_224.0;
/// One GPU in this many runs slow for good.
const STRAGGLER_PER: usize = 2000;
/// Seconds until a rack that loses its flow has lost it.
pub const CHOKE_S: f32 = 60.0;
/// Share of its flow that it loses.
pub const CHOKED: f32 = 0.76;

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// Off the bus: no values, XID 79.
    Lost(usize),
    /// Answers but cannot work, with this XID.
    Sick(usize, u16),
    /// Goes on working after this XID.
    Marked(usize, u16),
    /// Slower than its peers: this share of their clock.
    Slow(usize, f32),
    /// A rack gets too little coolant or air.
    Hot(usize),
    /// Exporters of these trays do not answer.
    Silent(Range<usize>),
}

impl Trouble {
    /// The GPU it is about, where it is about one.
    #[must_use]
    pub const fn gpu(&self) -> Option<usize> {
        match self {
            Self::Lost(g) | Self::Sick(g, _) | Self::Marked(g, _) | Self::Slow(g, _) => Some(*g),
            Self::Hot(_) | Self::Silent(_) => None,
        }
    }

    /// XID and health that go with it.
    #[must_use]
    pub fn shows(&self) -> Option<(usize, u16, Health)> {
        let health = |code| match xid::class(code) {
            Class::Application | Class::Info => Health::Ok,
            Class::Degraded => Health::Degraded,
            Class::Fatal => Health::Unhealthy,
        };
        match self {
            Self::Lost(g) => Some((*g, 79, Health::Lost)),
            Self::Sick(g, code) | Self::Marked(g, code) => Some((*g, *code, health(*code))),
            Self::Slow(..) | Self::Hot(_) | Self::Silent(_) => None,
        }
    }
}

/// Something that is wrong for a while.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub trouble: Trouble,
    /// First tick.
    pub from: u64,
    /// First tick after it.
    pub until: u64,
    /// Core temperature of the GPU it is about, °C; `None` before its first tick.
    pub temp: Option<f32>,
}

/// What a tick has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// XID or health of some GPU.
    pub shown: bool,
    /// GPUs that came back to what their run does.
    pub freed: Vec<usize>,
    /// GPUs whose job has been brought down.
    pub struck: Vec<usize>,
}

/// All that is wrong now and what will be.
#[derive(Clone, Debug)]
pub struct Faults {
    active: Vec<Fault>,
    lemons: Vec<usize>,
    incident: f64,
    app_xid: f64,
    rng: Rng,
}

impl Faults {
    /// The faults of a site, `rate` times as many as published; a few are there from the start.
    #[must_use]
    pub fn new(topology: &Topology, work: &Workload, seed: u64, rate: f64) -> Self {
        let gpus = topology.gpu_count();
        let scale = rate * gpus as f64 / RATED_GPUS;
        let mut rng = Rng::new(seed, 2);
        let lemons = (0..gpus.div_ceil(200)).map(|_| rng.below(gpus as u64) as usize).collect();
        let mut faults = Self {
            active: Vec::new(),
            lemons,
            incident: scale * INCIDENTS_PER_DAY / 86_400.0,
            app_xid: scale * APP_XIDS_PER_HOUR / 3600.0,
            rng,
        };
        faults.begin(topology, work);
        faults
    }

    /// No faults at all.
    #[must_use]
    pub const fn none() -> Self {
        Self { active: Vec::new(), lemons: Vec::new(), incident: 0.0, app_xid: 0.0, rng: Rng::new(0, 2) }
    }

    fn begin(&mut self, topology: &Topology, work: &Workload) {
        let gpus = topology.gpu_count();
        for _ in 0..gpus / STRAGGLER_PER {
            let gpu = self.rng.below(gpus as u64) as usize;
            let share = self.rng.between(0.70, 0.95);
            self.add(Trouble::Slow(gpu, share), 0, u64::MAX);
        }
        let hot = self.busy_rack(topology, work);
        self.add(Trouble::Hot(hot), 0, 1500);
        for _ in 0..(1 + gpus / 40_000) {
            let gpu = self.busy_gpu(topology, work, hot);
            let until = self.rng.whole(900, 2400);
            self.add(Trouble::Lost(gpu), 0, until);
        }
        for code in [94, 119, 63].into_iter().take(gpus / 4000) {
            let gpu = self.busy_gpu(topology, work, hot);
            let until = self.rng.whole(600, 2400);
            let trouble = if code == 119 { Trouble::Sick(gpu, code) } else { Trouble::Marked(gpu, code) };
            self.add(trouble, 0, until);
        }
        for _ in 0..gpus / 1200 {
            let gpu = self.rng.below(gpus as u64) as usize;
            let code = self.app_code();
            let until = self.rng.whole(300, 3600);
            self.add(Trouble::Marked(gpu, code), 0, until);
        }
        let mut silent = self.quiet_trays(topology, hot);
        // Silence shall not hide the lost GPUs, where there is room for both.
        for _ in 0..50 {
            let hides = |f: &Fault| {
                matches!(f.trouble, Trouble::Lost(g)
                    if silent.contains(&topology.tray_of(GpuId::new(g)).index()))
            };
            if !self.active.iter().any(hides) {
                break;
            }
            silent = self.quiet_trays(topology, hot);
        }
        let from = self.rng.whole(40, 60);
        let until = from + self.rng.whole(240, 420);
        self.add(Trouble::Silent(silent), from, until);
    }

    fn add(&mut self, trouble: Trouble, from: u64, until: u64) {
        self.active.push(Fault { trouble, from, until, temp: None });
    }

    fn app_code(&mut self) -> u16 {
        self.rng.pick(&[31, 31, 31, 31, 31, 31, 13, 13, 43, 45])
    }

    /// A rack of a running training job, if there is one.
    fn busy_rack(&mut self, topology: &Topology, work: &Workload) -> usize {
        let racks = topology.racks();
        let mut rack = 0;
        for _ in 0..200 {
            rack = self.rng.below(racks.len() as u64) as usize;
            let trays = racks[rack].trays.range();
            let kinds = |t: usize| work.area_of(t).kind == Work::Train;
            if !trays.is_empty() && kinds(trays.start) && kinds(trays.end - 1) {
                break;
            }
        }
        rack
    }

    /// A GPU of a job, outside of rack `apart` where possible.
    fn busy_gpu(&mut self, topology: &Topology, work: &Workload, apart: usize) -> usize {
        let mut gpu = 0;
        for _ in 0..200 {
            gpu = self.rng.below(topology.gpu_count() as u64) as usize;
            let tray = topology.tray_of(GpuId::new(gpu));
            if work.area_of(tray.index()).held() && topology.tray(tray).rack.index() != apart {
                break;
            }
        }
        gpu
    }

    /// Neighbouring trays of one rack, or a few racks' on a large site, outside of rack `apart`.
    fn quiet_trays(&mut self, topology: &Topology, apart: usize) -> Range<usize> {
        let racks = topology.racks();
        let mut rack = self.rng.below(racks.len() as u64) as usize;
        if rack == apart {
            rack = (rack + 1) % racks.len();
        }
        let trays = racks[rack].trays.range();
        if racks.len() > 100 {
            return trays;
        }
        let count = trays.len().div_ceil(4);
        let start = trays.start + self.rng.below((trays.len() - count + 1) as u64) as usize;
        start..start + count
    }

    /// Moves to `tick`: what is over ends, and new trouble may come.
    pub fn advance(&mut self, tick: u64, topology: &Topology, work: &Workload) -> Changes {
        let mut changes = Changes { shown: tick == 0, ..Changes::default() };
        self.active.retain(|f| {
            if f.until > tick {
                return true;
            }
            changes.shown |= f.trouble.shows().is_some();
            changes.freed.extend(f.trouble.gpu());
            false
        });
        if self.rng.chance(self.app_xid) {
            let gpu = self.busy_gpu(topology, work, usize::MAX);
            let code = self.app_code();
            let until = tick + self.rng.whole(1800, 5400);
            self.add(Trouble::Marked(gpu, code), tick, until);
            changes.shown = true;
        }
        if self.rng.chance(self.incident) {
            self.incident_at(tick, topology, work, &mut changes);
        }
        changes
    }

    /// One incident, by the shares of the published table.
    fn incident_at(&mut self, tick: u64, topology: &Topology, work: &Workload, changes: &mut Changes) {
        let lemon = self.rng.chance(0.3);
        let gpu = if lemon {
            // The square makes the first lemons the worst.
            let n = self.lemons.len() as f32;
            let at = self.rng.between(0.0, 1.0);
            self.lemons[((at * at * n) as usize).min(self.lemons.len() - 1)]
        } else {
            self.busy_gpu(topology, work, usize::MAX)
        };
        let long = if self.rng.chance(0.1) { 4 } else { 1 };
        let minutes = |rng: &mut Rng, low: u64, high: u64| tick + long * rng.whole(60 * low, 60 * high);
        let (trouble, until) = match self.rng.below(1000) {
            0..375 => (Trouble::Lost(gpu), minutes(&mut self.rng, 10, 40)),
            375..465 => (Trouble::Sick(gpu, 48), minutes(&mut self.rng, 8, 30)),
            465..525 => (Trouble::Sick(gpu, 119), minutes(&mut self.rng, 8, 30)),
            525..585 => (Trouble::Marked(gpu, 94), minutes(&mut self.rng, 20, 60)),
            585..625 => (Trouble::Marked(gpu, 63), minutes(&mut self.rng, 60, 240)),
            625..710 => (Trouble::Marked(gpu, 149), minutes(&mut self.rng, 10, 40)),
            710..840 => {
                (Trouble::Silent(self.quiet_trays(topology, usize::MAX)), minutes(&mut self.rng, 2, 8))
            }
            840..870 => (Trouble::Hot(self.busy_rack(topology, work)), minutes(&mut self.rng, 10, 40)),
            _ => {
                // Software: the job comes down, and no GPU is to blame.
                changes.struck.push(gpu);
                return;
            }
        };
        if matches!(trouble, Trouble::Lost(_) | Trouble::Sick(..)) {
            changes.struck.push(gpu);
        }
        changes.shown |= trouble.shows().is_some();
        self.add(trouble, tick, until);
    }

    /// What is wrong at `tick`.
    pub fn now(&self, tick: u64) -> impl Iterator<Item = &Fault> {
        self.active.iter().filter(move |f| f.from <= tick)
    }

    /// What is wrong at `tick`, to note the temperature of single GPUs.
    pub fn now_mut(&mut self, tick: u64) -> impl Iterator<Item = &mut Fault> {
        self.active.iter_mut().filter(move |f| f.from <= tick)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> (Topology, Workload) {
        let t = Topology::default_site();
        let w = Workload::new(&t, 7);
        (t, w)
    }

    #[test]
    fn a_site_starts_with_one_hot_rack_and_few_lost_gpus() {
        let (t, w) = site();
        let f = Faults::new(&t, &w, 7, 1.0);
        let count = |test: fn(&Trouble) -> bool| f.now(100).filter(|f| test(&f.trouble)).count();
        assert_eq!(count(|t| matches!(t, Trouble::Hot(_))), 1);
        assert_eq!(count(|t| matches!(t, Trouble::Silent(_))), 1);
        assert!((1..5).contains(&count(|t| matches!(t, Trouble::Lost(_)))));
        assert!(f.silent(10).is_empty());
        assert!(f.silent(119).windows(2).all(|w| w[0] < w[1]) && f.silent(119).len() == 18);
    }

    #[test]
    fn incidents_come_at_the_published_rate_and_hit_lemons() {
        let (t, w) = site();
        let mut f = Faults::new(&t, &w, 3, 1.0);
        let mut incidents = 0;
        let mut by_gpu = std::collections::BTreeMap::new();
        let days = 20;
        for tick in 1..days * 86_400 {
            f.active.clear();
            let changes = f.advance(tick, &t, &w);
            let new = f.active.iter().filter(|f| !matches!(f.trouble, Trouble::Marked(_, 13 | 31 | 43 | 45)));
            let hit = new.filter_map(|f| f.trouble.gpu()).next().or(changes.struck.first().copied());
            incidents += usize::from(hit.is_some()) + f.silent(tick).len().min(1) + f.choked(tick).count();
            if let Some(gpu) = hit {
                *by_gpu.entry(gpu).or_insert(0) += 1;
            }
        }
        let per_day = incidents as f64 / days as f64;
        assert!((42.0..52.0).contains(&per_day), "{per_day}");
        assert!(by_gpu.values().max() > Some(&2), "the tail is heavy");
    }

    #[test]
    fn what_is_over_ends_and_frees_its_gpu() {
        let (t, w) = site();
        let mut f = Faults::new(&t, &w, 7, 0.0);
        let lost: Vec<_> = f.now(0).filter(|f| matches!(f.trouble, Trouble::Lost(_))).cloned().collect();
        let end = lost.iter().map(|f| f.until).max().expect("some are lost");
        let mut freed = Vec::new();
        for tick in 0..=end {
            freed.extend(f.advance(tick, &t, &w).freed);
        }
        assert!(lost.iter().all(|l| freed.contains(&l.trouble.gpu().expect("a GPU"))));
    }

    #[test]
    fn health_agrees_with_the_xid() {
        assert_eq!(Trouble::Lost(3).shows(), Some((3, 79, Health::Lost)));
        assert_eq!(Trouble::Marked(3, 31).shows(), Some((3, 31, Health::Ok)));
        assert_eq!(Trouble::Marked(3, 94).shows(), Some((3, 94, Health::Degraded)));
        assert_eq!(Trouble::Sick(3, 48).shows(), Some((3, 48, Health::Unhealthy)));
        assert_eq!(Trouble::Hot(1).shows(), None);
    }
}
