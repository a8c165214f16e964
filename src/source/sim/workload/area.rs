//! A range of trays with one kind of work: what its job does now, and what that makes GPUs do.

use std::ops::Range;

use crate::model::batch::JobState;
use crate::source::sim::noise::Rng;
use crate::source::sim::pace::{Load, Pace};
use crate::source::sim::place::Kind;

/// A job that takes another's place has a number this much higher.
const SUCCESSOR: u64 = 1000;
/// Power smoothing: power in the dips never falls below this share of full power (GB200: minimum
/// power floor of 90 %).
const SMOOTH_FLOOR: f32 = 0.90;
/// Power smoothing: fastest change of the power of a GPU, W/s.
const SMOOTH_W_PER_S: f32 = 20.0;
/// Seconds for which ranks that wait for a lost one keep their GPUs spinning.
const SPIN_S: u64 = 20;
/// Seconds until a stalled job is started again.
const STALL_S: u64 = 900;
/// Power of a GPU whose job waits, share of full: processes live, memory is held (250 W).
const WAITING: f32 = 0.19;
/// Share of small jobs after which their nodes are taken out for maintenance.
const DRAINED: f64 = 0.06;

/// What a job is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Steps, or requests.
    Run,
    /// Writing a checkpoint.
    Checkpoint,
    /// Down, to come back from its last checkpoint.
    Restart,
    /// Waiting for ranks that do not answer.
    Stall,
    /// Taking no new work.
    Drain,
    /// Given back: the nodes are in maintenance.
    Out,
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
    /// Its GPUs.
    pub gpus: usize,
    /// Slot in the job table; 0 where nothing lies.
    pub slot: u16,
    /// Slot in the tenant table; 0 where nothing lies.
    pub tenant: u16,
    /// What the job does now.
    pub phase: Phase,
    /// Number of the job: part of its name.
    pub number: u64,
    /// Its rhythm.
    pub pace: Pace,
    /// Power smoothing is on.
    pub smooth: bool,
    /// Clock of the slowest rank that all others wait for, share of what it should be.
    pub slowest: f32,
    /// What its GPUs do in this tick.
    pub load: Load,
    until: u64,
    since: u64,
    ends: u64,
    /// Power in effect, share of full; and how fast smoothing lets it change in a second.
    drawn: f32,
    step: f32,
    /// Power of a resting GPU, share of full.
    rest: f32,
}

impl Area {
    /// An area as it is when the site begins to live.
    #[must_use]
    pub fn begin(kind: Kind, trays: Range<usize>, gpus: usize, rng: &mut Rng) -> Self {
        Self {
            kind,
            trays,
            gpus,
            slot: 0,
            tenant: 0,
            phase: Phase::Run,
            number: 0,
            until: rng.whole(20, 900),
            since: 0,
            ends: rng.whole(600, 7200),
            pace: Pace::draw(rng),
            smooth: false,
            slowest: 1.0,
            load: Load::idle(0.0),
            drawn: -1.0,
            step: 1.0,
            rest: 0.13,
        }
    }

    /// Fits the area to GPUs of `full_w` and `idle_w`; jobs from `smooth_from` GPUs on are smoothed.
    pub fn fit(&mut self, full_w: f32, idle_w: f32, smooth_from: usize) {
        let full = full_w.max(1.0);
        (self.step, self.rest) = (SMOOTH_W_PER_S / full, idle_w / full);
        self.smooth = self.kind == Kind::Train && self.gpus >= smooth_from;
    }

    /// True when a job holds the GPUs now.
    #[must_use]
    pub fn held(&self) -> bool {
        self.slot != 0 && !matches!(self.phase, Phase::Gap | Phase::Out)
    }

    /// True when the nodes are in maintenance.
    #[must_use]
    pub fn out(&self) -> bool {
        self.kind == Kind::Maintenance || self.phase == Phase::Out
    }

    /// The name of its job.
    #[must_use]
    pub fn job_name(&self) -> String {
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

    /// What its job does, as a scheduler would say it.
    #[must_use]
    pub const fn state(&self) -> JobState {
        match self.phase {
            Phase::Run => JobState::Running,
            Phase::Checkpoint => JobState::Checkpoint,
            Phase::Restart => JobState::Restarting,
            Phase::Stall => JobState::Stalled,
            Phase::Drain => JobState::Draining,
            Phase::Out | Phase::Gap => JobState::Unknown,
        }
    }

    /// How long ago its phase began, s.
    #[must_use]
    pub const fn age(&self, tick: u64) -> u64 {
        tick.saturating_sub(self.since)
    }

    /// Begins `phase` at `tick`, for `seconds`.
    pub fn enter(&mut self, phase: Phase, tick: u64, seconds: u64) {
        (self.phase, self.since, self.until) = (phase, tick, tick + seconds);
    }

    /// Its ranks wait for one that is gone.
    pub fn stall(&mut self, tick: u64) {
        if matches!(self.kind, Kind::Train | Kind::Small) && self.held() && self.phase != Phase::Stall {
            self.enter(Phase::Stall, tick, STALL_S);
        }
    }

    /// Its job is brought down and comes back after `seconds`.
    pub fn restart(&mut self, tick: u64, seconds: u64) {
        if matches!(self.kind, Kind::Train | Kind::Small)
            && matches!(self.phase, Phase::Run | Phase::Checkpoint)
        {
            self.enter(Phase::Restart, tick, seconds);
        }
    }

    /// Its job takes no new work, and gives its nodes back after `seconds`.
    pub fn drain(&mut self, tick: u64, seconds: u64) {
        if self.held() && self.phase != Phase::Drain {
            self.enter(Phase::Drain, tick, seconds);
        }
    }

    /// Moves its job through its phases; true when name or state have changed.
    pub fn advance(&mut self, tick: u64, rng: &mut Rng) -> bool {
        let before = self.phase;
        let ended = self.kind == Kind::Small && tick >= self.ends;
        if ended && !matches!(self.phase, Phase::Gap | Phase::Drain | Phase::Out) {
            if rng.chance(DRAINED) {
                self.enter(Phase::Drain, tick, rng.whole(60, 300));
            } else {
                self.enter(Phase::Gap, tick, rng.whole(60, 300));
            }
        } else if tick >= self.until {
            self.next(tick, rng);
        }
        before != self.phase
    }

    fn next(&mut self, tick: u64, rng: &mut Rng) {
        match self.phase {
            // Inference has no steps and no checkpoints.
            Phase::Run if self.kind == Kind::Serve => self.until = u64::MAX,
            Phase::Run => self.enter(Phase::Checkpoint, tick, rng.whole(10, 60)),
            // One checkpoint in two hundred ends with software that has to be started again.
            Phase::Checkpoint if rng.chance(0.005) => self.enter(Phase::Restart, tick, rng.whole(180, 900)),
            Phase::Checkpoint | Phase::Restart => self.enter(Phase::Run, tick, rng.whole(300, 900)),
            Phase::Stall => self.enter(Phase::Restart, tick, rng.whole(180, 900)),
            Phase::Drain => self.enter(Phase::Out, tick, rng.whole(1800, 5400)),
            Phase::Out => self.enter(Phase::Gap, tick, rng.whole(60, 300)),
            Phase::Gap => {
                self.number += SUCCESSOR;
                self.pace = Pace::draw(rng);
                self.ends = tick + rng.whole(1200, 7200);
                self.enter(Phase::Run, tick, rng.whole(300, 900));
            }
        }
    }

    /// Power in the dips of its steps, share of full.
    fn dip(&self) -> f32 {
        if self.smooth { self.pace.dip.max(SMOOTH_FLOOR.min(self.pace.level)) } else { self.pace.dip }
    }

    /// Amplitude of its power swings between 0.1 and 20 Hz, share of full power; 0 when it does
    /// not step.
    #[must_use]
    pub fn swing(&self) -> f32 {
        let steps = matches!(self.kind, Kind::Train | Kind::Small) && self.phase == Phase::Run && self.held();
        let inside = (50..=10_000).contains(&self.pace.step_ms);
        if steps && inside { 0.5 * (self.pace.level - self.dip()).max(0.0) } else { 0.0 }
    }

    /// Sets what its GPUs do in this tick, with `shed` (0 to 1) of their power allowed.
    pub fn work(&mut self, tick: u64, shed: f32) {
        let mut load = self.goal(tick);
        if self.smooth {
            let goal = if load.idle { self.rest * load.power } else { load.power };
            self.drawn = if self.drawn < 0.0 {
                goal
            } else {
                self.drawn + (goal - self.drawn).clamp(-self.step, self.step)
            };
            // Smoothing keeps drawing power for a while after the work has ended.
            if !load.idle || self.drawn > self.rest * load.power + self.step {
                load = Load { power: self.drawn, idle: false, ..load };
            }
        }
        if !load.idle {
            load.power *= shed;
            load.clock *= 0.5 + 0.5 * shed;
        }
        self.load = load;
    }

    fn goal(&self, tick: u64) -> Load {
        let p = &self.pace;
        match self.phase {
            Phase::Run => self.stepping(tick),
            Phase::Checkpoint | Phase::Drain => Load {
                power: 0.20 + 0.10 * p.dip,
                idle: false,
                util: (6.0, 4.0),
                clock: 0.93,
                activity: 2.0,
                memory: p.memory,
            },
            Phase::Stall => {
                let spins = self.age(tick) < SPIN_S;
                let fall = (self.age(tick) as f32 / SPIN_S as f32).min(1.0);
                Load {
                    power: p.level + (WAITING - p.level) * fall,
                    idle: false,
                    util: if spins { (100.0, 2.0) } else { (0.0, 0.0) },
                    clock: 0.93,
                    activity: if spins { 4.0 } else { 0.0 },
                    memory: p.memory,
                }
            }
            Phase::Restart => Load::idle(0.01),
            Phase::Out | Phase::Gap => Load::idle(0.0),
        }
    }

    fn stepping(&self, tick: u64) -> Load {
        let p = &self.pace;
        // All ranks wait for the slowest: what it loses, they lose at every step.
        let computing = p.computing(tick) * self.slowest;
        let dip = self.dip();
        // A job that begins without smoothing pulls power up over 40 s.
        let ramp = ((tick - self.since + 4) as f32 / 40.0).min(1.0);
        let ramp = if self.since == 0 || self.smooth { 1.0 } else { ramp };
        Load {
            power: ramp * (dip + (p.level - dip) * computing),
            idle: false,
            util: (100.0, 2.0),
            clock: p.clock + 0.06 * (1.0 - computing),
            activity: p.activity * (0.25 + 0.75 * computing),
            memory: p.memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(gpus: usize) -> Area {
        let mut a = Area::begin(Kind::Train, 0..gpus / 4, gpus, &mut Rng::new(7, 1));
        a.slot = 1;
        a.fit(1302.0, 166.0, 4096);
        a
    }

    #[test]
    fn smoothing_holds_the_floor_and_limits_the_ramp() {
        let mut a = area(24_576);
        let mut powers = Vec::new();
        for tick in 0..20 {
            a.work(tick, 1.0);
            powers.push(a.load.power);
        }
        assert!(powers.iter().all(|p| *p >= 0.9), "{powers:?}");
        a.restart(20, 600);
        a.work(21, 1.0);
        let first = a.load.power;
        assert!(first > powers[19] - 0.02 && !a.load.idle);
        for tick in 22..90 {
            a.work(tick, 1.0);
        }
        assert!(a.load.idle, "{:?}", a.load);
    }

    #[test]
    fn a_large_job_swings_by_eight_megawatts_without_smoothing() {
        let mut a = area(24_576);
        (a.pace.level, a.pace.dip, a.pace.step_ms) = (0.96, 0.46, 2000);
        let mw = |a: &Area| a.swing() * 1302.0 * 24_576.0 / 1e6;
        assert!((0.8..1.2).contains(&mw(&a)), "{}", mw(&a));
        a.smooth = false;
        assert!((7.5..8.5).contains(&mw(&a)), "{}", mw(&a));
        a.pace.step_ms = 30_000;
        assert_eq!(a.swing(), 0.0, "below 0.1 Hz it is no oscillation");
    }

    #[test]
    fn a_stalled_job_falls_to_250_watts_within_a_minute() {
        let mut a = area(9216);
        a.work(0, 1.0);
        a.stall(10);
        assert_eq!(a.state(), JobState::Stalled);
        let mut at = |tick| {
            a.work(tick, 1.0);
            (a.load.power * 1302.0, a.load.util.0)
        };
        assert_eq!(at(15).1, 100.0, "ranks spin first");
        let last = (16..75).map(&mut at).last().expect("ticks");
        assert!(last.0 < 260.0 && last.1 == 0.0, "{last:?}");
    }

    #[test]
    fn all_wait_for_the_slowest_rank() {
        let mut a = area(1024);
        let mean = |a: &mut Area| {
            (100..400)
                .map(|t| {
                    a.work(t, 1.0);
                    a.load.activity
                })
                .sum::<f32>()
                / 300.0
        };
        let before = mean(&mut a);
        a.slowest = 0.78;
        let share = mean(&mut a) / before;
        assert!((0.80..0.86).contains(&share), "{share}");
    }

    #[test]
    fn a_drained_job_gives_its_nodes_back() {
        let (mut a, mut rng) = (area(64), Rng::new(3, 3));
        a.kind = Kind::Small;
        a.drain(5, 60);
        assert!(a.held() && a.state() == JobState::Draining);
        assert!(!a.advance(64, &mut rng) && a.advance(65, &mut rng));
        assert!(a.out() && !a.held());
        a.work(66, 1.0);
        assert!(a.load.idle);
    }

    #[test]
    fn less_power_is_drawn_when_the_grid_asks_for_it() {
        let mut a = area(1024);
        a.work(50, 1.0);
        let free = a.load.power;
        a.work(50, 0.8);
        assert!((a.load.power - 0.8 * free).abs() < 1e-4);
    }
}
