//! Stragglers: GPUs that hold the others of their job back.
//!
//! In synchronous work the slowest rank sets the pace of all, so a GPU is judged against the median
//! of its own job. Spread is measured by the median of the distances from the median (MAD), which a
//! few wild values do not move; 1.4826 MAD are one sigma of a normal distribution (Rousseeuw and
//! Croux 1993). A floor keeps jobs whose GPUs are all alike from calling every wobble an outlier.
//!
//! | metric | a straggler is |
//! |---|---|
//! | SM clock | busy, and below 85 % of the median |
//! | utilization | 6 sigma below the median, sigma at least 2.5 points |
//! | power | 6 sigma below the median, sigma at least 2.5 % of the median and 10 W |
//!
//! Utilization and power tell stragglers only as long as these are few, at most one GPU in a hundred
//! or the eight of a node: where more of a job lie that low, as replicas of an inference service that
//! wait for requests do, that is how the job works.

use std::cmp::Ordering;

use crate::fleet::jobs::runs::Run;
use crate::fleet::jobs::tally::{Bins, Spread, Tally};
use crate::fleet::jobs::{Columns, Usage};
use crate::model::{GpuId, Metric};

/// Fewest good GPUs of a job in which one can stand out.
pub const FEWEST: u32 = 8;
/// Share of the median clock below which a busy GPU is a straggler.
pub const CLOCK_SHARE: f32 = 0.85;
/// Sigmas below the median from which utilization and power make a straggler.
pub const FAR: f32 = 6.0;
/// One GPU in this many of a job may lie that far off, or [`FEWEST`] where that is more.
pub const RARE: u32 = 100;
/// Smallest sigma: of utilization, points; of power and clock, share of the median; of power, W.
const FLOOR_UTIL: f32 = 2.5;
const FLOOR_SHARE: f32 = 0.025;
const FLOOR_W: f32 = 10.0;
/// Sigma of a normal distribution over its MAD.
const SIGMA_PER_MAD: f32 = 1.4826;

/// A GPU that holds the others of its job back, and by what that shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Straggler {
    /// Slot of its job (of its tenant in a table of tenants).
    pub slot: u16,
    /// The GPU.
    pub gpu: GpuId,
    /// What shows it: SM clock, utilization or power.
    pub metric: Metric,
    /// Its value.
    pub value: f32,
    /// The median of its job.
    pub median: f32,
    /// How far below, in sigmas.
    pub sigmas: f32,
}

impl Straggler {
    /// By slot, the farthest off first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let far = other.sigmas.total_cmp(&self.sigmas);
        self.slot.cmp(&other.slot).then(far).then(self.gpu.cmp(&other.gpu))
    }

    /// Its value as a share of the median, %; `None` when the median is zero.
    #[must_use]
    pub fn percent(&self) -> Option<f32> {
        (self.median > 0.0).then(|| 100.0 * self.value / self.median)
    }
}

/// What is normal in a job for one metric, in raw values.
#[derive(Clone, Copy, Debug)]
struct Normal {
    metric: Metric,
    median: f32,
    sigma: f32,
    /// Smallest raw value that is not too low; 0 where the metric tells nothing.
    limit: u16,
}

impl Normal {
    /// `floor` makes the smallest sigma, `limit` the smallest value that is not too low; both from
    /// median and sigma.
    fn of(
        metric: Metric,
        spread: Option<Spread>,
        floor: impl Fn(f32) -> f32,
        limit: impl Fn(f32, f32) -> f32,
    ) -> Self {
        let Some(s) = spread.filter(|s| s.count >= FEWEST) else {
            return Self { metric, median: 0.0, sigma: 1.0, limit: 0 };
        };
        let median = f32::from(s.median);
        let sigma = (SIGMA_PER_MAD * f32::from(s.mad)).max(floor(median));
        Self { metric, median, sigma, limit: limit(median, sigma).ceil().max(0.0) as u16 }
    }

    /// The same, but telling nothing where so low a value is common.
    fn rare<const N: usize>(self, bins: &Bins<N>, good: u32) -> Self {
        let common = bins.below(self.limit) > (good / RARE).max(FEWEST);
        Self { limit: if common { 0 } else { self.limit }, ..self }
    }

    fn straggler(&self, slot: u16, gpu: usize, raw: u16) -> Straggler {
        let scale = self.metric.spec().scale;
        Straggler {
            slot,
            gpu: GpuId::new(gpu),
            metric: self.metric,
            value: f32::from(raw) * scale,
            median: self.median * scale,
            sigmas: (self.median - f32::from(raw)) / self.sigma,
        }
    }
}

/// Finds the stragglers of the job that `tally` has measured, and appends them in order.
pub(super) fn find(
    tally: &Tally,
    usage: &Usage,
    runs: &[Run],
    (columns, out): (&Columns<'_>, &mut Vec<Straggler>),
) {
    let share = |median: f32| FLOOR_SHARE * median;
    let far = |median: f32, sigma: f32| median - FAR * sigma;
    let good = usage.counts.good;
    let clock = Normal::of(Metric::SmClock, tally.spreads.clock, share, |m, _| CLOCK_SHARE * m);
    let util = Normal::of(Metric::Util, tally.spreads.util, |_| FLOOR_UTIL, far).rare(&tally.util, good);
    let power = Normal::of(Metric::Power, tally.spreads.power, |m| share(m).max(FLOOR_W), far);
    let power = power.rare(&tally.power, good);
    let low = tally.clock.below(clock.limit) + tally.util.below(util.limit) + tally.power.below(power.limit);
    if low == 0 {
        return;
    }
    // A GPU that rests has a low clock by right.
    let busy = |util_raw: u8| util_raw == u8::MAX || 2.0 * f32::from(util_raw) >= util.median;
    let first = out.len();
    for gpu in runs.iter().flat_map(|r| columns.good(r.gpus())).flatten() {
        let (c, u, p) = (columns.clock[gpu], columns.util[gpu], columns.power[gpu]);
        let found = if u16::from(c) < clock.limit && busy(u) {
            clock.straggler(usage.slot, gpu, c.into())
        } else if u16::from(u) < util.limit {
            util.straggler(usage.slot, gpu, u.into())
        } else if p < power.limit {
            power.straggler(usage.slot, gpu, p)
        } else {
            continue;
        };
        out.push(found);
    }
    out[first..].sort_by(Straggler::order);
}
