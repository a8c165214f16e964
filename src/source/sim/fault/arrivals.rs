//! When faults come and whom they strike: one Poisson process over all kinds of the table, and the
//! few GPUs that get more than their share.

use crate::model::{GpuId, Topology};
use crate::source::sim::fault::table::{Mode, Only, Place, Row, TABLE};
use crate::source::sim::noise::Rng;

/// One GPU in this many is a lemon.
const LEMON_PER: usize = 500;
/// Share of hardware faults that strike a lemon. With the faults that strike anyone, the worst 1 %
/// of GPUs then have about a quarter of all incidents.
const LEMON_SHARE: f64 = 0.46;
/// How often a place is drawn anew when the GPU has no job or is out already.
const TRIES: usize = 200;

/// Which trays work for a job now: software fails nowhere else, and hardware there above all.
pub trait Busy {
    /// True when a job holds the tray.
    fn busy(&self, tray: usize) -> bool;

    /// True when that job is one of training.
    fn trains(&self, tray: usize) -> bool {
        self.busy(tray)
    }
}

/// A site on which every tray works.
#[derive(Clone, Copy, Debug)]
pub struct AllBusy;

impl Busy for AllBusy {
    fn busy(&self, _tray: usize) -> bool {
        true
    }
}

/// The process of arrivals: exponential gaps of the rate of all kinds together, and the kind drawn
/// by its share, which is the same as one process for each kind.
#[derive(Clone, Debug)]
pub struct Arrivals {
    rng: Rng,
    per_second: f64,
    /// Upper ends of the shares of the rows of the table, the last one 1.
    bounds: Vec<f64>,
    /// When the next one comes, s since tick 0.
    next: f64,
    lemons: Vec<u32>,
}

impl Arrivals {
    /// The arrivals on a site of `gpus` GPUs, `rate` times as many as the table says.
    #[must_use]
    pub fn new(gpus: usize, seed: u64, rate: f64) -> Self {
        let mut rng = Rng::new(seed, 2);
        let all: f64 = TABLE.iter().map(Row::per_gpu_hour).sum();
        let mut sum = 0.0;
        let bounds = TABLE.iter().map(|row| {
            sum += row.per_gpu_hour() / all;
            sum
        });
        let bounds = bounds.collect();
        let per_second = rate * all * gpus as f64 / 3600.0;
        let count = gpus.div_ceil(LEMON_PER);
        let lemons = (0..count).map(|_| rng.below(gpus as u64) as u32).collect();
        let next = if gpus == 0 { f64::INFINITY } else { rng.gap(per_second) };
        Self { rng, per_second, bounds, next, lemons }
    }

    /// Tick in which the next fault comes.
    #[must_use]
    pub fn next_tick(&self) -> u64 {
        self.next as u64
    }

    /// The kind of the next fault, if it comes by `tick`.
    pub fn take(&mut self, tick: u64) -> Option<&'static Row> {
        if self.next_tick() > tick {
            return None;
        }
        self.next += self.rng.gap(self.per_second);
        let at = self.rng.part();
        TABLE.get(self.bounds.partition_point(|b| *b <= at)).or(TABLE.last())
    }

    /// A GPU for a fault of `place`, whose tray is not `held` by another one; where possible one
    /// that works for a job.
    pub fn place(
        &mut self,
        place: Place,
        topology: &Topology,
        work: &impl Busy,
        held: &[bool],
    ) -> Option<u32> {
        let gpus = topology.gpu_count() as u64;
        let mut idle = None;
        for _ in 0..TRIES {
            let lemon = place == Place::Hardware && self.rng.chance(LEMON_SHARE);
            let gpu = if lemon { self.lemon() } else { self.rng.below(gpus) as u32 };
            let tray = topology.tray_of(GpuId(gpu)).index();
            if !held[tray] && work.busy(tray) {
                return Some(gpu);
            }
            if !held[tray] && place == Place::Hardware {
                idle = Some(gpu);
            }
        }
        idle
    }

    /// One of the lemons; the first ones come four times as often as the mean.
    fn lemon(&mut self) -> u32 {
        let at = self.rng.part();
        let at = at * (0.25 + 0.75 * at);
        self.lemons[((at * self.lemons.len() as f64) as usize).min(self.lemons.len() - 1)]
    }

    /// `gpu` has been replaced: if it was a lemon, another one becomes one.
    pub fn replace(&mut self, gpu: u32, gpus: usize) {
        for lemon in self.lemons.iter_mut().filter(|l| **l == gpu) {
            *lemon = self.rng.below(gpus as u64) as u32;
        }
    }

    /// One of the courses of `row` that GPUs of this generation can take, by share.
    pub fn mode(&mut self, row: &'static Row, generation: Only) -> Option<&'static Mode> {
        let fits = |m: &&'static Mode| m.only == Only::Any || m.only == generation;
        let all: u64 = row.modes.iter().filter(fits).map(|m| u64::from(m.share)).sum();
        let mut at = self.rng.below(all);
        row.modes.iter().filter(fits).find(|m| {
            let hit = at < u64::from(m.share);
            at = at.saturating_sub(u64::from(m.share));
            hit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::sim::fault::table::RATED_GPUS;

    #[test]
    fn kinds_come_by_their_shares() {
        let mut arrivals = Arrivals::new(RATED_GPUS as usize, 3, 1.0);
        let mut counts = vec![0u32; TABLE.len()];
        let days = 200;
        while let Some(row) = arrivals.take(days * 86_400) {
            counts[row.kind as usize] += 1;
        }
        for (row, count) in TABLE.iter().zip(counts) {
            let expected = row.per_gpu_hour() * RATED_GPUS * 24.0 * days as f64;
            let off = (f64::from(count) - expected).abs() / expected.sqrt();
            assert!(off < 4.0, "{}: {count} of {expected}", row.name);
        }
    }

    #[test]
    fn no_rate_and_no_gpus_mean_no_faults() {
        assert!(Arrivals::new(1000, 3, 0.0).take(u64::MAX - 1).is_none());
        assert!(Arrivals::new(0, 3, 1.0).take(u64::MAX - 1).is_none());
    }

    #[test]
    fn software_never_fails_where_nothing_runs_and_hardware_may() {
        struct Idle;
        impl Busy for Idle {
            fn busy(&self, _tray: usize) -> bool {
                false
            }
        }
        let t = Topology::default_site();
        let mut arrivals = Arrivals::new(t.gpu_count(), 3, 1.0);
        let mut held = vec![false; t.trays().len()];
        assert_eq!(arrivals.place(Place::Job, &t, &Idle, &held), None);
        assert!(arrivals.place(Place::Hardware, &t, &Idle, &held).is_some());
        held.fill(true);
        assert_eq!(arrivals.place(Place::Hardware, &t, &AllBusy, &held), None, "nothing fails twice");
    }

    #[test]
    fn a_lemon_that_is_replaced_is_no_lemon_any_more() {
        let mut arrivals = Arrivals::new(100_000, 3, 1.0);
        let worst = arrivals.lemons[0];
        arrivals.replace(worst, 100_000);
        assert_ne!(arrivals.lemons[0], worst);
        assert_eq!(arrivals.lemons.len(), 200);
    }

    #[test]
    fn the_generation_decides_which_link_fails() {
        let mut arrivals = Arrivals::new(1000, 3, 1.0);
        let row = &TABLE[0];
        for _ in 0..2000 {
            let mode = arrivals.mode(row, Only::Before).expect("a course");
            assert_ne!(mode.only, Only::NvLink5);
        }
    }

    #[test]
    fn days_differ_as_chance_makes_them() {
        let mut arrivals = Arrivals::new(RATED_GPUS as usize, 3, 1.0);
        let mut days = Vec::new();
        for day in 1..=1000 {
            let mut incidents = 0u32;
            while let Some(row) = arrivals.take(day * 86_400 - 1) {
                incidents += u32::from(row.is_incident());
            }
            days.push(f64::from(incidents));
        }
        let mean = days.iter().sum::<f64>() / 1000.0;
        let variance = days.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / 1000.0;
        // The ratio is 1 for a Poisson process, with a deviation of 0.045 over 1,000 days.
        assert!(
            (46.5..48.5).contains(&mean) && (0.85..1.15).contains(&(variance / mean)),
            "{mean} {variance}"
        );
    }
}
