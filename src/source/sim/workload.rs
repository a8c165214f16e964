//! All work of the site: who holds which GPUs, and what they are made to do in each tick.

pub mod area;

use std::ops::Range;
use std::sync::Arc;

use crate::model::batch::JobName;
use crate::model::{GpuId, Timestamp, Topology};
use crate::source::sim::noise::{Rng, hash, slow, unit};
use crate::source::sim::pace::Load;
use crate::source::sim::place::{self, Kind};
use crate::source::sim::thermal::Chip;

pub use area::{Area, Phase};

/// How many tenants share the site.
const TENANTS: u16 = 6;
/// Number of the first training job and of the first short one.
const FIRST_TRAIN: u64 = 7;
const FIRST_SMALL: u64 = 100;
/// Training jobs from this size on run with power smoothing.
const SMOOTH_FROM: usize = 2048;
/// Full power of the load plan [`LoadPlan::Full`], share: 1,278 W of a GB300.
const RATED: f32 = 0.9816;
/// Seconds in which a pool of replicas is emptied.
const EMPTY_S: u64 = 300;
/// Demand for inference by hour of the day (UTC), percent of the range between night and evening.
const DAY: [u8; 24] =
    [22, 14, 8, 4, 2, 6, 18, 36, 54, 66, 74, 78, 80, 78, 76, 78, 82, 90, 97, 100, 94, 78, 56, 36];

/// What the fleet does: its usual mixture of work, or the same everywhere (for measurements).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LoadPlan {
    /// Jobs, pools, gaps.
    #[default]
    Normal,
    /// Every GPU rests.
    Idle,
    /// Every GPU computes without a pause.
    Full,
}

/// A range of GPUs in one rack that do the same.
#[derive(Clone, Debug)]
pub struct Run {
    /// The GPUs.
    pub gpus: Range<usize>,
    /// Their rack.
    pub rack: usize,
    /// Their area.
    pub area: usize,
    /// Place of an inference replica in the order in which replicas are woken, 0 to 1.
    rank: f32,
    seed: u64,
}

/// All work of the site.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The areas, in the order of their trays.
    pub areas: Vec<Area>,
    /// The runs, in the order of their GPUs.
    pub runs: Vec<Run>,
    plan: LoadPlan,
    /// Full power of the GPUs of each area, W.
    full_w: Vec<f32>,
    demand: Vec<f32>,
    burst: f32,
    seed: u64,
    rng: Rng,
}

impl Workload {
    /// Draws the work of `topology` from `seed`.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 1);
        let spots = place::spots(topology, &mut rng);
        let (mut slot, mut tenants) = (0, 0u16);
        let mut areas = Vec::with_capacity(spots.len());
        let mut full_w = Vec::with_capacity(spots.len());
        for spot in spots {
            let working = !matches!(spot.kind, Kind::Idle | Kind::Maintenance);
            let mut tenant = 0;
            if working {
                slot += 1;
                // Tenants are numbered in the order in which the job table names them.
                tenant = 1 + rng.below(u64::from((tenants + 1).min(TENANTS))) as u16;
                tenants = tenants.max(tenant);
            }
            let trays = &topology.trays()[spot.trays.clone()];
            let gpus = trays.iter().map(|t| t.gpus.len()).sum();
            let rack = &topology.rack_models()[topology.rack(trays[0].rack).model];
            let chip = Chip::new(&topology.gpu_models()[rack.gpu], rack);
            let mut area = Area::begin(spot.kind, spot.trays, gpus, &mut rng);
            area.fit(chip.full_w, chip.idle_w, SMOOTH_FROM);
            (area.slot, area.tenant) = (if working { slot } else { 0 }, tenant);
            full_w.push(chip.full_w);
            areas.push(area);
        }
        number_jobs(&mut areas);
        let runs = runs(topology, &areas, seed);
        Self {
            plan: LoadPlan::Normal,
            demand: vec![0.0; areas.len()],
            full_w,
            areas,
            runs,
            burst: 0.0,
            seed,
            rng,
        }
    }

    /// The same work, with every GPU doing what `plan` says.
    #[must_use]
    pub fn with_plan(self, plan: LoadPlan) -> Self {
        Self { plan, ..self }
    }

    /// Moves all work to `tick`, with `shed` (0 to 1) of its power allowed; true when the job
    /// table has changed.
    pub fn advance(&mut self, (tick, time): (u64, Timestamp), shed: f32) -> bool {
        let mut renamed = false;
        let day = day_curve(time);
        self.burst = (slow(self.seed ^ 0xB, tick, 15) - 0.4).max(0.0);
        for (i, area) in self.areas.iter_mut().enumerate() {
            match area.kind {
                Kind::Train | Kind::Small => {
                    renamed |= area.advance(tick, &mut self.rng);
                    area.work(tick, shed);
                }
                Kind::Serve => {
                    renamed |= area.advance(tick, &mut self.rng);
                    let own = 0.04 * slow(self.seed ^ i as u64, tick, 600);
                    let left = match area.phase {
                        Phase::Run => 1.0,
                        Phase::Drain => 1.0 - (area.age(tick) as f32 / EMPTY_S as f32).min(1.0),
                        _ => 0.0,
                    };
                    self.demand[i] = (0.40 + 0.45 * day + own).clamp(0.0, 1.0) * left;
                    area.load = Load { power: shed, ..Load::idle(0.0) };
                }
                Kind::Idle | Kind::Maintenance => area.load = Load::idle(0.0),
            }
        }
        renamed
    }

    /// What the GPUs of `run` do in this tick.
    #[must_use]
    pub fn load(&self, run: &Run, tick: u64) -> Load {
        let area = &self.areas[run.area];
        match self.plan {
            LoadPlan::Normal => {}
            LoadPlan::Idle => return Load::idle(0.0),
            LoadPlan::Full => {
                let busy = Load { power: RATED, idle: false, util: (100.0, 1.0), ..Load::idle(0.9) };
                return Load { clock: 0.87, activity: 50.0, ..busy };
            }
        }
        if area.kind != Kind::Serve {
            return area.load;
        }
        if !area.held() {
            return Load::idle(0.0);
        }
        if run.rank >= self.demand[run.area] {
            // The replica keeps its weights in memory and waits.
            return Load { power: 1.15, ..Load::idle(0.9) };
        }
        let own = slow(run.seed, tick, 8);
        let shed = area.load.power;
        Load {
            power: (0.55 + 0.07 * own + 0.12 * self.burst) * shed,
            idle: false,
            util: (98.0, 9.0),
            clock: 0.95 * (0.5 + 0.5 * shed),
            activity: 24.0 + 6.0 * own,
            memory: 0.9,
        }
    }

    /// Brings down the training job that holds tray `tray`, for 3 to 15 minutes.
    pub fn interrupt(&mut self, tray: usize, tick: u64) {
        let seconds = self.rng.whole(180, 900);
        self.area_mut(tray).restart(tick, seconds);
    }

    /// The tenant of tray `tray` drains its job.
    pub fn drain(&mut self, tray: usize, tick: u64) {
        self.area_mut(tray).drain(tick, EMPTY_S);
    }

    /// The area that tray `tray` belongs to, to change it.
    pub fn area_mut(&mut self, tray: usize) -> &mut Area {
        let at = self.areas.partition_point(|a| a.trays.end <= tray).min(self.areas.len() - 1);
        &mut self.areas[at]
    }

    /// Amplitude of the power swings of all jobs between 0.1 and 20 Hz, MW (they do not keep step
    /// with each other), and the slot of the job with the largest one, 0 = none.
    #[must_use]
    pub fn oscillation(&self) -> (f32, u16) {
        let (mut squares, mut worst) = (0.0f32, (0.0f32, 0u16));
        if self.plan != LoadPlan::Normal {
            return (0.0, 0);
        }
        for (area, full_w) in self.areas.iter().zip(&self.full_w) {
            let mw = area.swing() * full_w * area.gpus as f32 / 1e6;
            squares += mw * mw;
            if mw > worst.0 {
                worst = (mw, area.slot);
            }
        }
        (squares.sqrt(), worst.1)
    }

    /// The largest job's area, as an index: what scenarios about "the" job mean.
    #[must_use]
    pub fn largest(&self) -> usize {
        let train = self.areas.iter().enumerate().filter(|(_, a)| a.kind == Kind::Train);
        train.max_by_key(|(i, a)| (a.gpus, std::cmp::Reverse(*i))).map_or(0, |(i, _)| i)
    }

    /// The area of GPU `gpu`, as an index.
    #[must_use]
    pub fn area_at(&self, topology: &Topology, gpu: GpuId) -> usize {
        let tray = topology.tray_of(gpu).index();
        self.areas.partition_point(|a| a.trays.end <= tray).min(self.areas.len() - 1)
    }

    /// The area that tray `tray` belongs to.
    #[must_use]
    pub fn area_of(&self, tray: usize) -> &Area {
        &self.areas[self.areas.partition_point(|a| a.trays.end <= tray).min(self.areas.len() - 1)]
    }

    /// The run that GPU `gpu` belongs to, as an index.
    #[must_use]
    pub fn run_of(&self, gpu: usize) -> usize {
        self.runs.partition_point(|r| r.gpus.end <= gpu)
    }

    /// Names of the job slots; slot 0 is idle. Tenant slots are numbered in the order in which
    /// tenants appear here.
    #[must_use]
    pub fn jobs(&self) -> Arc<[JobName]> {
        let idle = JobName { job: "idle".to_owned(), tenant: String::new(), ..JobName::default() };
        let named = self.areas.iter().filter(|a| a.slot != 0);
        let named =
            named.map(|a| JobName { job: a.job_name(), tenant: format!("T{}", a.tenant), state: a.state() });
        std::iter::once(idle).chain(named).collect()
    }
}

/// Numbers the jobs of each kind, the largest first.
fn number_jobs(areas: &mut [Area]) {
    let mut order: Vec<usize> = (0..areas.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(areas[*i].trays.len()), *i));
    let (mut train, mut small, mut serve) = (FIRST_TRAIN, FIRST_SMALL, 0);
    for i in order {
        let next = match areas[i].kind {
            Kind::Train => &mut train,
            Kind::Serve => &mut serve,
            _ => &mut small,
        };
        areas[i].number = *next;
        *next += 1;
    }
}

/// Cuts areas at racks, and inference pools at trays: each tray is a replica of its own.
fn runs(topology: &Topology, areas: &[Area], seed: u64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (i, area) in areas.iter().enumerate() {
        for t in area.trays.clone() {
            let tray = &topology.trays()[t];
            let (gpus, rack) = (tray.gpus.range(), tray.rack.index());
            let h = hash(seed, 0x7A, t as u64);
            match runs.last_mut() {
                Some(last) if last.area == i && last.rack == rack && area.kind != Kind::Serve => {
                    last.gpus.end = gpus.end;
                }
                _ => runs.push(Run { gpus, rack, area: i, rank: unit(h), seed: h }),
            }
        }
    }
    runs.retain(|r| !r.gpus.is_empty());
    runs
}

/// Demand at `time`, 0 (dead of night) to 1 (evening peak).
fn day_curve(time: Timestamp) -> f32 {
    let second = time.secs().rem_euclid(86_400);
    let (hour, part) = ((second / 3600) as usize, (second % 3600) as f32 / 3600.0);
    let (a, b) = (f32::from(DAY[hour]), f32::from(DAY[(hour + 1) % 24]));
    (a + (b - a) * part) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::JobState;
    use crate::model::time::SIM_EPOCH;

    #[test]
    fn training_goes_through_checkpoints_and_comes_back() {
        let t = Topology::default_site();
        let mut work = Workload::new(&t, 7);
        let mut seen = std::collections::BTreeSet::new();
        for tick in 0..7200 {
            work.advance((tick, SIM_EPOCH.plus_millis(1000 * tick as i64)), 1.0);
            seen.extend(work.areas.iter().filter(|a| a.kind == Kind::Train).map(|a| a.phase as u8));
        }
        assert!(seen.contains(&(Phase::Checkpoint as u8)) && seen.contains(&(Phase::Run as u8)));
    }

    #[test]
    fn an_interrupted_job_rests_and_then_ramps_up() {
        let t = Topology::default_site();
        let mut work = Workload::new(&t, 7);
        let area = work.areas.iter().position(|a| a.kind == Kind::Train).expect("there is training");
        let tray = work.areas[area].trays.start + 3;
        let at = |work: &mut Workload, tick: u64| {
            work.advance((tick, SIM_EPOCH), 1.0);
            let run = work.runs.iter().find(|r| r.area == area).expect("it has runs");
            work.load(run, tick)
        };
        let busy = at(&mut work, 9).power;
        work.interrupt(tray, 10);
        assert_eq!(work.area_of(tray).phase, Phase::Restart);
        let rest: Vec<_> = (11..160).map(|tick| at(&mut work, tick)).collect();
        assert!(rest[0].power > 0.8 * busy, "power smoothing lets go slowly");
        assert!(
            rest[140].idle && work.jobs()[usize::from(work.areas[area].slot)].state == JobState::Restarting
        );
        let back = (160..1200).find(|tick| !at(&mut work, *tick).idle).expect("it comes back");
        let first = at(&mut work, back + 1).power;
        let later = (back + 2..back + 70).map(|tick| at(&mut work, tick).power).last().unwrap_or(0.0);
        assert!(first < 0.2 && later > 0.4, "{first} {later}");
    }

    #[test]
    fn inference_is_busier_in_the_evening_than_at_night() {
        let t = Topology::default_site();
        let mut work = Workload::new(&t, 7);
        let mut busy = |time: &str| {
            let ms = time.parse::<jiff::Timestamp>().expect("valid").as_millisecond();
            work.advance((0, Timestamp(ms)), 1.0);
            let pools = work.runs.iter().filter(|r| work.areas[r.area].kind == Kind::Serve);
            pools.filter(|r| !work.load(r, 0).idle).count()
        };
        let (night, evening) = (busy("2026-11-22T03:00:00Z"), busy("2026-11-22T19:00:00Z"));
        assert!(evening > night * 3 / 2, "{night} {evening}");
    }

    #[test]
    fn no_two_jobs_share_a_name_and_the_largest_is_llm_r7() {
        let work = Workload::new(&Topology::default_site(), 7);
        let jobs = work.jobs();
        let names: std::collections::BTreeSet<_> = jobs.iter().map(|j| &j.job).collect();
        assert_eq!(names.len(), jobs.len());
        let largest = work.areas.iter().max_by_key(|a| a.trays.len()).expect("areas");
        assert_eq!(jobs[usize::from(largest.slot)].job, "llm-r7");
    }

    #[test]
    fn runs_cover_every_gpu_once() {
        let t = Topology::default_site();
        let work = Workload::new(&t, 5);
        let mut next = 0;
        for run in &work.runs {
            assert_eq!(run.gpus.start, next);
            next = run.gpus.end;
            assert!(t.racks()[run.rack].gpus.contains(run.gpus.end as u32 - 1));
        }
        assert_eq!(next, t.gpu_count());
        assert!(work.runs[work.run_of(4711)].gpus.contains(&4711));
    }

    #[test]
    fn tenants_are_numbered_as_the_job_table_names_them() {
        for seed in [1, 7, 99] {
            let work = Workload::new(&Topology::default_site(), seed);
            let mut order: Vec<String> = Vec::new();
            for name in work.jobs().iter().skip(1) {
                if !order.contains(&name.tenant) {
                    order.push(name.tenant.clone());
                }
            }
            assert!(order.len() >= 3);
            for (i, tenant) in order.iter().enumerate() {
                assert_eq!(*tenant, format!("T{}", i + 1));
            }
        }
    }
}
