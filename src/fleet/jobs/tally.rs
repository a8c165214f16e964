//! Counts of one slot at a time: bins of raw values, from which medians, deviations and thresholds
//! are read. One tally serves all slots; only the bins that were used are cleared between them.

use crate::fleet::jobs::runs::Run;
use crate::fleet::jobs::{Columns, Reason, Usage};
use crate::fleet::rollup::{self, Counts};
use crate::model::{GpuId, HallId, Metric};

/// Bins of a metric of one byte; the last one holds the absent values.
const NARROW: usize = 256;
/// Bins of power, 1 W each: a GPU of 4,094 W or more counts as one of 4,094 W. The last one holds
/// the absent values.
const WIDE: usize = 4096;
/// Tables that take turns, so that equal neighbours do not wait for each other's increment.
const LANES: usize = 4;

/// Centre and spread of one metric, in raw values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spread {
    /// GPUs that report the metric.
    pub count: u32,
    /// Median: the smallest value that half of them do not exceed.
    pub median: u16,
    /// Median of the distances from it.
    pub mad: u16,
}

/// Centre and spread of the metrics that tell stragglers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Spreads {
    pub util: Option<Spread>,
    pub clock: Option<Spread>,
    pub power: Option<Spread>,
}

/// How many GPUs have each raw value.
#[derive(Debug)]
pub(super) struct Bins<const N: usize> {
    bins: Box<[[u32; LANES]]>,
    low: usize,
    high: usize,
}

impl<const N: usize> Default for Bins<N> {
    fn default() -> Self {
        Self { bins: vec![[0; LANES]; N].into(), low: N, high: 0 }
    }
}

impl<const N: usize> Bins<N> {
    fn clear(&mut self) {
        if self.low <= self.high {
            self.bins[self.low..=self.high].fill([0; LANES]);
        }
        (self.low, self.high) = (N, 0);
    }

    fn add<T: Copy + Ord + Into<u16>>(&mut self, values: &[T], most: T) {
        let Some(first) = values.first() else { return };
        let place = |v: T| if v == most { N - 1 } else { usize::from(v.into()).min(N - 2) };
        let (low, high) = values.iter().fold((most, *first), |(l, h), v| (l.min(*v), h.max(*v)));
        self.low = self.low.min(place(low));
        self.high = self.high.max(place(high));
        let fours = values.chunks_exact(LANES);
        for (lane, v) in fours.remainder().iter().enumerate() {
            self.bins[place(*v)][lane] += 1;
        }
        for four in fours {
            for (lane, v) in four.iter().enumerate() {
                self.bins[place(*v)][lane] += 1;
            }
        }
    }

    /// The bins in use with their counts, without that of the absent values.
    fn used(&self) -> impl Iterator<Item = (usize, u32)> {
        let end = (self.high + 1).min(N - 1);
        let used = self.bins.get(self.low..end).unwrap_or_default().iter();
        used.enumerate().map(|(i, lanes)| (self.low + i, lanes.iter().sum()))
    }

    fn count(&self) -> u32 {
        self.used().map(|(_, n)| n).sum()
    }

    fn sum(&self) -> u64 {
        self.used().map(|(raw, n)| raw as u64 * u64::from(n)).sum()
    }

    /// How many values lie below `raw`.
    pub fn below(&self, raw: u16) -> u32 {
        self.used().take_while(|(v, _)| *v < usize::from(raw)).map(|(_, n)| n).sum()
    }

    /// Centre and spread; `None` without values.
    pub fn spread(&self) -> Option<Spread> {
        let count = self.count();
        let half = count.div_ceil(2);
        let mut seen = 0;
        let (median, _) = self.used().find(|(_, n)| {
            seen += n;
            seen >= half && count > 0
        })?;
        let at = |raw: usize| self.bins.get(raw).map_or(0, |lanes| lanes.iter().sum::<u32>());
        let (mut mad, mut near) = (0, at(median));
        while near < half {
            mad += 1;
            let above = if median + mad < N - 1 { at(median + mad) } else { 0 };
            near += above + median.checked_sub(mad).map_or(0, at);
        }
        Some(Spread { count, median: median as u16, mad: mad as u16 })
    }
}

/// Everything that is counted of one slot.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub util: Bins<NARROW>,
    pub clock: Bins<NARROW>,
    pub power: Bins<WIDE>,
    pub spreads: Spreads,
    activity: (u32, u64),
    watts: (u32, u64),
    hottest: Option<(u8, u32)>,
    /// Priority, heat from the hottest down, GPU: the smallest is the most urgent.
    urgent: Option<(u8, u8, u32)>,
}

impl Tally {
    /// Counts the GPUs of a slot. The bins stay until the next one is measured.
    pub fn measure(&mut self, slot: u16, runs: &[Run], columns: &Columns<'_>) -> Usage {
        self.util.clear();
        self.clock.clear();
        self.power.clear();
        (self.activity, self.watts) = ((0, 0), (0, 0));
        (self.hottest, self.urgent) = (None, None);
        let mut counts = Counts::default();
        let mut limits = [0; 4];
        let mut halls: Vec<(HallId, u32)> = Vec::new();
        for run in runs {
            let gpus = run.gpus();
            match halls.last_mut().filter(|(hall, _)| *hall == run.hall) {
                Some((_, n)) => *n += gpus.len() as u32,
                None => halls.push((run.hall, gpus.len() as u32)),
            }
            let c = rollup::count(&columns.quality[gpus.clone()]);
            counts.good += c.good;
            counts.stale += c.stale;
            counts.lost += c.lost;
            counts.unsupported += c.unsupported;
            if c.good == c.total() {
                self.add(gpus, columns, &mut limits);
            } else {
                columns.good(gpus).for_each(|fresh| self.add(fresh, columns, &mut limits));
            }
        }
        let (util, clock, power) = (self.util.spread(), self.clock.spread(), self.power.spread());
        self.spreads = Spreads { util, clock, power };
        self.usage(slot, counts, limits, halls)
    }

    /// Takes in neighbouring good GPUs.
    fn add(&mut self, gpus: std::ops::Range<usize>, columns: &Columns<'_>, limits: &mut [u32; 4]) {
        let start = gpus.start as u32;
        self.util.add(&columns.util[gpus.clone()], u8::MAX);
        self.clock.add(&columns.clock[gpus.clone()], u8::MAX);
        let power = &columns.power[gpus.clone()];
        self.power.add(power, u16::MAX);
        for part in power.chunks(1 << 15) {
            let (count, sum) = add_wide(part);
            (self.watts.0, self.watts.1) = (self.watts.0 + count, self.watts.1 + sum);
        }
        let known = |v: &u8| u32::from(*v != u8::MAX);
        for part in columns.activity[gpus.clone()].chunks(1 << 15) {
            self.activity.0 += part.iter().map(known).sum::<u32>();
            self.activity.1 += u64::from(part.iter().map(|v| u32::from(*v) * known(v)).sum::<u32>());
        }
        let temps = &columns.temp[gpus.clone()];
        // Absent is the largest raw value: one more makes it the smallest.
        let peak = temps.iter().fold(0, |high: u8, v| high.max(v.wrapping_add(1)));
        if peak > 0 && self.hottest.is_none_or(|(high, _)| peak - 1 > high) {
            let at = temps.iter().position(|v| *v == peak - 1).unwrap_or_default();
            self.hottest = Some((peak - 1, start + at as u32));
        }
        let crossed = &columns.limits[gpus];
        if crossed.iter().fold(0, |any, p| any | p) != 0 {
            for (i, p) in crossed.iter().enumerate().filter(|(_, p)| **p > 0) {
                limits[usize::from(*p - 1).min(3)] += 1;
                let key = (*p, u8::MAX - temps[i].wrapping_add(1), start + i as u32);
                self.urgent = Some(self.urgent.map_or(key, |k| k.min(key)));
            }
        }
    }

    fn usage(&self, slot: u16, counts: Counts, limits: [u32; 4], halls: Vec<(HallId, u32)>) -> Usage {
        let Spreads { util, clock, power } = self.spreads;
        let mean = |(n, sum): (u32, u64)| sum as f32 / n as f32;
        let scaled = |m: Metric, s: Option<Spread>| s.map(|s| f32::from(s.median) * m.spec().scale);
        let hottest = self.hottest.map(|(raw, gpu)| (GpuId(gpu), f32::from(raw)));
        let urgent = self.urgent.map(|(priority, _, gpu)| (GpuId(gpu), Reason::Limit(priority)));
        Usage {
            slot,
            counts,
            util: util.map(|s| (mean((s.count, self.util.sum())), f32::from(s.median))),
            activity: (self.activity.0 > 0).then(|| mean(self.activity) * Metric::Activity.spec().scale),
            power_w: (self.watts.0 > 0).then_some(self.watts.1 as f64),
            power_median_w: scaled(Metric::Power, power),
            clock_mhz: scaled(Metric::SmClock, clock),
            hottest,
            limits,
            stragglers: 0,
            worst: urgent.or(hottest.map(|(gpu, _)| (gpu, Reason::Hottest))),
            halls,
        }
    }
}

/// How many of at most 32,768 values are known, and their sum.
pub(super) fn add_wide(values: &[u16]) -> (u32, u64) {
    let known = |v: &u16| u32::from(*v != u16::MAX);
    let sum = values.iter().map(|v| u32::from(*v) * known(v)).sum::<u32>();
    (values.iter().map(known).sum(), u64::from(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Median and median distance by sorting.
    fn naive(values: &[u16]) -> Option<(u16, u16)> {
        let middle = |mut v: Vec<u16>| {
            v.sort_unstable();
            v.get(v.len().div_ceil(2).checked_sub(1)?).copied()
        };
        let median = middle(values.to_vec())?;
        Some((median, middle(values.iter().map(|v| v.abs_diff(median)).collect())?))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn centre_and_spread_agree_with_sorting(values in prop::collection::vec(prop_oneof![0u16..4095, Just(u16::MAX)], 1..200), limit in 0u16..4096) {
            let mut bins = Bins::<WIDE>::default();
            // What was counted before must leave no trace.
            bins.add(&[7u16, 4000, u16::MAX], u16::MAX);
            bins.clear();
            values.chunks(13).for_each(|part| bins.add(part, u16::MAX));
            let known: Vec<u16> = values.iter().copied().filter(|v| *v != u16::MAX).collect();
            prop_assert_eq!(bins.spread().map(|s| (s.median, s.mad)), naive(&known));
            prop_assert_eq!(bins.below(limit) as usize, known.iter().filter(|v| **v < limit).count());
            prop_assert_eq!(bins.sum(), known.iter().map(|v| u64::from(*v)).sum::<u64>());
        }
    }

    #[test]
    fn values_beyond_the_bins_count_as_the_largest_and_absent_ones_not_at_all() {
        let mut bins = Bins::<WIDE>::default();
        bins.add(&[60_000u16, 4095, u16::MAX], u16::MAX);
        assert_eq!(bins.spread(), Some(Spread { count: 2, median: 4094, mad: 0 }));
        bins.clear();
        bins.add(&[u16::MAX], u16::MAX);
        assert_eq!((bins.spread(), bins.count()), (None, 0));
    }
}
