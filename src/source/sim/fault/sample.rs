//! Many days of the fault process without the physics: the counts that published rates are held
//! against. It is the process of the simulator itself, moved from event to event.

use std::collections::BTreeMap;

use crate::model::Topology;
use crate::source::sim::fault::Faults;
use crate::source::sim::fault::arrivals::AllBusy;
use crate::source::sim::fault::table::TABLE;

const DAY: u64 = 86_400;
/// Days in which the worst GPUs are found, to be counted in as many days that follow: long enough to
/// tell them, and short enough that most have not been replaced meanwhile.
const MONTH: u64 = 30;
/// Kinds that are expected less often than this count together in [`DayCounts::chi_square`].
const RARE: f64 = 5.0;

/// What happened in a number of days.
#[derive(Clone, Debug, PartialEq)]
pub struct DayCounts {
    /// GPUs of the site.
    pub gpus: usize,
    /// Incidents (what interrupts jobs) of each day.
    pub per_day: Vec<u32>,
    /// Events by kind, in the order of the table.
    pub by_kind: Vec<u64>,
    /// XIDs that were logged, by code, without their repeats.
    pub xids: BTreeMap<u16, u64>,
    /// Lines that the drivers wrote, and how many of them were no repeats.
    pub lines: (u64, u64),
    /// Jobs that came down.
    pub struck: u64,
    /// The most that was remembered at the end of a day: troubles, marks and what is due.
    pub burden: usize,
    /// Incidents by GPU in each month (half of the days, when they are less than two).
    months: Vec<BTreeMap<usize, u32>>,
}

/// Samples `days` days of faults on `topology`, all of whose GPUs work.
#[must_use]
pub fn sample(topology: &Topology, seed: u64, days: u32) -> DayCounts {
    let mut faults = Faults::calm(topology, seed, 1.0);
    let mut counts = DayCounts {
        gpus: topology.gpu_count(),
        per_day: vec![0; days as usize],
        by_kind: vec![0; TABLE.len()],
        xids: BTreeMap::new(),
        lines: (0, 0),
        struck: 0,
        burden: 0,
        months: Vec::new(),
    };
    let end = u64::from(days) * DAY;
    let month = (MONTH * DAY).min((end / 2).max(1));
    counts.months.resize_with(end.div_ceil(month) as usize, BTreeMap::new);
    let mut today = 0;
    loop {
        let tick = faults.next_tick();
        if tick / DAY > today {
            today = tick / DAY;
            counts.burden = counts.burden.max(faults.burden());
        }
        if tick >= end {
            break;
        }
        let changes = faults.advance(tick, topology, &AllBusy);
        let by_gpu = &mut counts.months[(tick / month) as usize];
        for (kind, gpu) in changes.begun {
            counts.by_kind[kind as usize] += 1;
            if TABLE[kind as usize].is_incident() {
                counts.per_day[today as usize] += 1;
                *by_gpu.entry(gpu).or_insert(0) += 1;
            }
        }
        for (_, code) in changes.xids {
            *counts.xids.entry(code).or_insert(0) += 1;
        }
        counts.struck += changes.struck.len() as u64;
    }
    counts.lines = faults.log().counts();
    counts
}

impl DayCounts {
    /// How many days.
    #[must_use]
    pub fn days(&self) -> f64 {
        self.per_day.len() as f64
    }

    /// Incidents a day: mean and standard deviation; not a number without days.
    #[must_use]
    pub fn incidents(&self) -> (f64, f64) {
        let n = self.days();
        let mean = self.per_day.iter().map(|d| f64::from(*d)).sum::<f64>() / n;
        let squares = self.per_day.iter().map(|d| (f64::from(*d) - mean) * (f64::from(*d) - mean));
        (mean, (squares.sum::<f64>() / n).sqrt())
    }

    /// How many of XID `code` in an hour.
    #[must_use]
    pub fn per_hour(&self, code: u16) -> f64 {
        self.xids.get(&code).copied().unwrap_or(0) as f64 / (24.0 * self.days())
    }

    /// Share of all incidents of a month that struck the `part` of all GPUs (0 to 1) with the most
    /// incidents in the month before, over all months. Chance alone makes this `part`: the share
    /// within the same month would be flattered by the GPUs that were merely unlucky in it.
    #[must_use]
    pub fn top_share(&self, part: f64) -> f64 {
        let (mut hits, mut all) = (0, 0);
        for pair in self.months.windows(2) {
            let mut worst: Vec<(usize, u32)> = pair[0].iter().map(|(gpu, count)| (*gpu, *count)).collect();
            worst.sort_by_key(|(gpu, count)| (std::cmp::Reverse(*count), *gpu));
            worst.truncate((part * self.gpus as f64) as usize);
            hits += worst.iter().filter_map(|(gpu, _)| pair[1].get(gpu)).sum::<u32>();
            all += pair[1].values().sum::<u32>();
        }
        f64::from(hits) / f64::from(all)
    }

    /// The most incidents that one GPU had.
    #[must_use]
    pub fn most(&self) -> u32 {
        let mut sums: BTreeMap<usize, u32> = BTreeMap::new();
        for (gpu, count) in self.months.iter().flatten() {
            *sums.entry(*gpu).or_default() += count;
        }
        sums.into_values().max().unwrap_or(0)
    }

    /// How often kind `index` of the table is expected.
    #[must_use]
    pub fn expected(&self, index: usize) -> f64 {
        TABLE[index].per_gpu_hour() * self.gpus as f64 * 24.0 * self.days()
    }

    /// How far the kinds of incidents are from their published shares: chi-square and its degrees
    /// of freedom. Kinds that are expected less than five times count together.
    #[must_use]
    pub fn chi_square(&self) -> (f64, usize) {
        let mut rare = (0.0, 0.0);
        let (mut sum, mut terms) = (0.0, 0usize);
        let mut add = |seen: f64, expected: f64| {
            sum += (seen - expected) * (seen - expected) / expected;
            terms += 1;
        };
        for i in (0..TABLE.len()).filter(|i| TABLE[*i].is_incident()) {
            let (seen, expected) = (self.by_kind[i] as f64, self.expected(i));
            if expected < RARE {
                rare = (rare.0 + seen, rare.1 + expected);
            } else {
                add(seen, expected);
            }
        }
        if rare.1 > 0.0 {
            add(rare.0, rare.1);
        }
        (sum, terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(months: &[&[(usize, u32)]]) -> DayCounts {
        let months = months.iter().map(|m| m.iter().copied().collect()).collect();
        let mut counts = sample(&Topology::default_site(), 1, 1);
        (counts.gpus, counts.months) = (200, months);
        counts
    }

    #[test]
    fn the_worst_of_one_month_are_counted_in_the_next() {
        let steady = counts(&[&[(1, 5), (2, 4), (3, 1)], &[(1, 3), (2, 1), (9, 4)], &[(9, 1), (8, 3)]]);
        // Of 200 GPUs 1 % are two: 1 and 2, then 9 and 1.
        assert_eq!(steady.top_share(0.01), 5.0 / 12.0);
        assert_eq!(steady.most(), 8);
        let unlucky = counts(&[&[(1, 5), (2, 4)], &[(3, 5), (4, 4)]]);
        assert_eq!(unlucky.top_share(0.01), 0.0, "those of one month alone are no tail");
    }

    #[test]
    fn days_are_cut_into_months_and_few_days_in_two() {
        let t = Topology::default_site();
        let months = |days| sample(&t, 1, days).months.len();
        assert_eq!((months(2), months(10), months(60), months(61)), (2, 2, 2, 3));
    }
}
