//! Many days of the fault process without the physics: the counts that published rates are held
//! against. It is the process of the simulator itself, moved from event to event.

use std::collections::BTreeMap;

use crate::model::Topology;
use crate::source::sim::fault::Faults;
use crate::source::sim::fault::arrivals::AllBusy;
use crate::source::sim::fault::table::TABLE;

const DAY: u64 = 86_400;
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
    /// Incidents by GPU in the first half of the days and in the second.
    halves: [BTreeMap<usize, u32>; 2],
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
        halves: [BTreeMap::new(), BTreeMap::new()],
    };
    let end = u64::from(days) * DAY;
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
        let half = &mut counts.halves[usize::from(2 * tick >= end)];
        for (kind, gpu) in changes.begun {
            counts.by_kind[kind as usize] += 1;
            if TABLE[kind as usize].is_incident() {
                counts.per_day[today as usize] += 1;
                *half.entry(gpu).or_insert(0) += 1;
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

    /// Share of all incidents of the second half of the days that struck the `part` of all GPUs
    /// (0 to 1) with the most incidents in the first half. Chance alone makes this `part`: the same
    /// share within one period would be flattered by the GPUs that were merely unlucky in it.
    #[must_use]
    pub fn top_share(&self, part: f64) -> f64 {
        let [first, second] = &self.halves;
        let mut worst: Vec<(usize, u32)> = first.iter().map(|(gpu, count)| (*gpu, *count)).collect();
        worst.sort_by_key(|(gpu, count)| (std::cmp::Reverse(*count), *gpu));
        worst.truncate((part * self.gpus as f64) as usize);
        let hits: u32 = worst.iter().filter_map(|(gpu, _)| second.get(gpu)).sum();
        f64::from(hits) / f64::from(second.values().sum::<u32>())
    }

    /// The most incidents that one GPU had.
    #[must_use]
    pub fn most(&self) -> u32 {
        let [first, second] = &self.halves;
        let both = first.iter().map(|(gpu, n)| n + second.get(gpu).unwrap_or(&0));
        both.chain(second.values().copied()).max().unwrap_or(0)
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
