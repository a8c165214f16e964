//! Jobs and what they make GPUs do: synchronous training with steps, checkpoints and restarts,
//! inference that follows the day, short jobs that come and go.
//!
//! Power is the mean over the second of the tick, as exporters report it, so a step that is
//! shorter than a second shows as a steady level below the peak.

use std::ops::Range;
use std::sync::Arc;

use crate::model::batch::JobName;
use crate::model::{Timestamp, Topology};
use crate::source::sim::noise::{Rng, hash, slow, unit};
use crate::source::sim::pace::{Load, Pace};
use crate::source::sim::place::{self, Kind};

/// How many tenants share the site.
const TENANTS: u16 = 6;
/// Number of the first training job and of the first short one.
const FIRST_TRAIN: u64 = 7;
const FIRST_SMALL: u64 = 100;
/// A job that takes another's place has a number this much higher.
const SUCCESSOR: u64 = 1000;
/// Demand for inference by hour of the day (UTC), percent of the range between night and evening.
const DAY: [u8; 24] =
    [22, 14, 8, 4, 2, 6, 18, 36, 54, 66, 74, 78, 80, 78, 76, 78, 82, 90, 97, 100, 94, 78, 56, 36];

/// What a training job is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Steps.
    Run,
    /// Writing a checkpoint.
    Checkpoint,
    /// Down, to come back from its last checkpoint.
    Restart,
    /// Gone: the next job has not come yet.
    Gap,
}

/// A range of trays with one kind of work.
#[derive(Clone, Debug)]
pub struct Area {
    /// What lies there.
    pub kind: Kind,
    /// Its trays, as indices.
    pub trays: Range<usize>,
    /// Slot in the job table; 0 where nothing lies.
    pub slot: u16,
    /// Slot in the tenant table; 0 where nothing lies.
    pub tenant: u16,
    /// What the job does now.
    pub phase: Phase,
    until: u64,
    since: u64,
    ends: u64,
    number: u64,
    pace: Pace,
    load: Load,
}

impl Area {
    /// True when a job holds the GPUs now.
    #[must_use]
    pub fn held(&self) -> bool {
        self.slot != 0 && self.phase != Phase::Gap
    }

    fn job_name(&self) -> String {
        let n = self.number;
        match self.kind {
            Kind::Serve => ["serve-eu", "serve-us", "serve-no", "embed", "batch", "voice"]
                .get(n as usize)
                .map_or_else(|| format!("serve-{n}"), |s| (*s).to_owned()),
            Kind::Train => {
                format!("{}{n}", ["llm-r", "moe-r", "video-d", "rl-", "vision-"][(n as usize + 3) % 5])
            }
            _ => format!("{}{n}", ["eval-", "ft-", "nb-", "sft-", "rl-"][n as usize % 5]),
        }
    }

    fn enter(&mut self, phase: Phase, tick: u64, seconds: u64) {
        (self.phase, self.since, self.until) = (phase, tick, tick + seconds);
    }

    /// Moves a training job through its phases; true when its name has changed.
    fn advance(&mut self, tick: u64, rng: &mut Rng) -> bool {
        if self.kind == Kind::Small && self.phase != Phase::Gap && tick >= self.ends {
            self.enter(Phase::Gap, tick, rng.whole(60, 300));
            return false;
        }
        if tick < self.until {
            return false;
        }
        match self.phase {
            Phase::Run => self.enter(Phase::Checkpoint, tick, rng.whole(10, 60)),
            // One checkpoint in two hundred ends with software that has to be started again.
            Phase::Checkpoint if rng.chance(0.005) => self.enter(Phase::Restart, tick, rng.whole(180, 900)),
            Phase::Checkpoint | Phase::Restart => self.enter(Phase::Run, tick, rng.whole(300, 900)),
            Phase::Gap => {
                self.number += SUCCESSOR;
                self.pace = Pace::draw(rng);
                self.ends = tick + rng.whole(1200, 7200);
                self.enter(Phase::Run, tick, rng.whole(300, 900));
                return true;
            }
        }
        false
    }

    fn train_load(&self, tick: u64) -> Load {
        let p = &self.pace;
        match self.phase {
            Phase::Run => {
                let computing = p.computing(tick);
                // A job that begins pulls power up over 40 s, as power smoothing allows.
                let ramp = ((tick - self.since + 4) as f32 / 40.0).min(1.0);
                let ramp = if self.since == 0 { 1.0 } else { ramp };
                Load {
                    power: ramp * (p.dip + (p.level - p.dip) * computing),
                    idle: false,
                    util: (100.0, 2.0),
                    clock: p.clock + 0.06 * (1.0 - computing),
                    activity: p.activity * (0.25 + 0.75 * computing),
                    memory: p.memory,
                }
            }
            Phase::Checkpoint => Load {
                power: 0.20 + 0.10 * p.dip,
                idle: false,
                util: (6.0, 4.0),
                clock: 0.93,
                activity: 2.0,
                memory: p.memory,
            },
            Phase::Restart => Load::idle(0.01),
            Phase::Gap => Load::idle(0.0),
        }
    }
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
        for spot in spots {
            let working = !matches!(spot.kind, Kind::Idle | Kind::Maintenance);
            let mut tenant = 0;
            if working {
                slot += 1;
                // Tenants are numbered in the order in which the job table names them.
                tenant = 1 + rng.below(u64::from((tenants + 1).min(TENANTS))) as u16;
                tenants = tenants.max(tenant);
            }
            areas.push(Area {
                kind: spot.kind,
                trays: spot.trays,
                slot: if working { slot } else { 0 },
                tenant,
                phase: Phase::Run,
                until: rng.whole(20, 900),
                since: 0,
                ends: rng.whole(600, 7200),
                number: 0,
                pace: Pace::draw(&mut rng),
                load: Load::idle(0.0),
            });
        }
        number_jobs(&mut areas);
        let runs = runs(topology, &areas, seed);
        Self { demand: vec![0.0; areas.len()], areas, runs, burst: 0.0, seed, rng }
    }

    /// Moves all work to `tick`; true when the job table has changed.
    pub fn advance(&mut self, tick: u64, time: Timestamp) -> bool {
        let mut renamed = false;
        let day = day_curve(time);
        self.burst = (slow(self.seed ^ 0xB, tick, 15) - 0.4).max(0.0);
        for (i, area) in self.areas.iter_mut().enumerate() {
            match area.kind {
                Kind::Train | Kind::Small => {
                    renamed |= area.advance(tick, &mut self.rng);
                    area.load = area.train_load(tick);
                }
                Kind::Serve => {
                    let own = 0.04 * slow(self.seed ^ i as u64, tick, 600);
                    self.demand[i] = (0.40 + 0.45 * day + own).clamp(0.0, 1.0);
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
        if area.kind != Kind::Serve {
            return area.load;
        }
        if run.rank >= self.demand[run.area] {
            // The replica keeps its weights in memory and waits.
            return Load { power: 1.15, ..Load::idle(0.9) };
        }
        let own = slow(run.seed, tick, 8);
        Load {
            power: 0.55 + 0.07 * own + 0.12 * self.burst,
            idle: false,
            util: (98.0, 9.0),
            clock: 0.95,
            activity: 24.0 + 6.0 * own,
            memory: 0.9,
        }
    }

    /// Brings down the training job that holds tray `tray`, for 3 to 15 minutes.
    pub fn interrupt(&mut self, tray: usize, tick: u64) {
        let seconds = self.rng.whole(180, 900);
        let found = self.areas.partition_point(|a| a.trays.end <= tray);
        if let Some(area) = self.areas.get_mut(found)
            && matches!(area.kind, Kind::Train | Kind::Small)
            && matches!(area.phase, Phase::Run | Phase::Checkpoint)
        {
            area.enter(Phase::Restart, tick, seconds);
        }
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
        let named = named.map(|a| JobName {
            job: a.job_name(),
            tenant: format!("T{}", a.tenant),
            ..JobName::default()
        });
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
    use crate::model::time::SIM_EPOCH;

    #[test]
    fn training_goes_through_checkpoints_and_comes_back() {
        let t = Topology::default_site();
        let mut work = Workload::new(&t, 7);
        let mut seen = std::collections::BTreeSet::new();
        for tick in 0..7200 {
            work.advance(tick, SIM_EPOCH.plus_millis(1000 * tick as i64));
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
        work.interrupt(tray, 10);
        assert_eq!(work.area_of(tray).phase, Phase::Restart);
        let run = work.runs.iter().position(|r| r.area == area).expect("it has runs");
        work.advance(11, SIM_EPOCH);
        assert!(work.load(&work.runs[run], 11).idle);
        let back = work.areas[area].until;
        work.advance(back, SIM_EPOCH);
        let first = work.load(&work.runs[run], back).power;
        work.advance(back + 60, SIM_EPOCH);
        assert!(first < 0.15 && work.load(&work.runs[run], back + 60).power > 0.4);
    }

    #[test]
    fn inference_is_busier_in_the_evening_than_at_night() {
        let t = Topology::default_site();
        let mut work = Workload::new(&t, 7);
        let mut busy = |time: &str| {
            let ms = time.parse::<jiff::Timestamp>().expect("valid").as_millisecond();
            work.advance(0, Timestamp(ms));
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
