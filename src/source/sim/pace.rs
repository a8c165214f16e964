//! What a job makes a GPU do, and the rhythm of synchronous training.

use crate::model::ClockEvents;
use crate::source::sim::noise::Rng;

/// What a job makes a GPU do in one tick, free of what the GPU can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Power: share of full power above idle where not idle.
    pub power: f32,
    /// Resting: idle power (scaled by `power`), idle clock.
    pub idle: bool,
    /// Utilization, %, and how far it may fall below by noise.
    pub util: (f32, f32),
    /// SM clock as a share of the highest one.
    pub clock: f32,
    /// SM activity, %.
    pub activity: f32,
    /// Share of memory in use.
    pub memory: f32,
}

impl Load {
    /// Nothing to do, with `memory` of the memory held.
    #[must_use]
    pub const fn idle(memory: f32) -> Self {
        Self { power: 1.0, idle: true, util: (0.0, 0.0), clock: 0.0, activity: 0.0, memory }
    }

    /// The clock-event bits that go with it.
    #[must_use]
    pub const fn events(&self) -> u16 {
        if self.idle { ClockEvents::IDLE } else { ClockEvents::SW_POWER_CAP }
    }
}

/// The rhythm of a training job.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Length of a step, ms.
    pub step_ms: u64,
    /// Part of it that computes, ms.
    pub compute_ms: u64,
    /// Where in a step tick 0 lies, ms.
    pub offset_ms: u64,
    /// Power while computing, share of full.
    pub level: f32,
    /// Power in the all-reduce, share of full.
    pub dip: f32,
    /// SM activity while computing, %.
    pub activity: f32,
    /// SM clock while computing, share of the highest.
    pub clock: f32,
    /// Share of memory in use.
    pub memory: f32,
}

impl Pace {
    /// Steps of 1 to 10 s, 75 to 85 % of them computing, dips to 45 to 60 % in the all-reduce.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let step_ms = rng.whole(1000, 10_000);
        Self {
            step_ms,
            compute_ms: step_ms * rng.whole(75, 85) / 100,
            offset_ms: rng.below(step_ms),
            level: rng.between(0.93, 0.985),
            dip: rng.between(0.45, 0.60),
            activity: rng.between(38.0, 56.0),
            clock: rng.between(0.82, 0.90),
            memory: rng.between(0.82, 0.95),
        }
    }

    /// Share of the second from `tick` on that is spent computing.
    #[must_use]
    pub fn computing(&self, tick: u64) -> f32 {
        let upto = |ms: u64| ms / self.step_ms * self.compute_ms + (ms % self.step_ms).min(self.compute_ms);
        let start = tick * 1000 + self.offset_ms;
        (upto(start + 1000) - upto(start)) as f32 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_computes_its_share_of_the_time() {
        let pace =
            Pace { step_ms: 2500, compute_ms: 2000, offset_ms: 300, ..Pace::draw(&mut Rng::new(1, 1)) };
        let mean = (0..1000).map(|t| pace.computing(t)).sum::<f32>() / 1000.0;
        assert!((mean - 0.8).abs() < 0.01, "{mean}");
        assert!((0..10).any(|t| pace.computing(t) < 0.6) && (0..10).any(|t| pace.computing(t) > 0.99));
    }

    #[test]
    fn drawn_rhythms_stay_in_the_published_ranges() {
        let mut rng = Rng::new(3, 3);
        for _ in 0..500 {
            let p = Pace::draw(&mut rng);
            assert!((1000..=10_000).contains(&p.step_ms));
            let share = p.compute_ms as f32 / p.step_ms as f32;
            assert!((0.745..=0.851).contains(&share), "{share}");
            assert!((0.92..=1.0).contains(&p.level) && (0.45..=0.60).contains(&p.dip));
        }
    }

    #[test]
    fn only_rest_has_the_idle_bit() {
        assert_eq!(Load::idle(0.5).events(), ClockEvents::IDLE);
        let busy = Load { idle: false, ..Load::idle(0.5) };
        assert_eq!(busy.events(), ClockEvents::SW_POWER_CAP);
    }
}
