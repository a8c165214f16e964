//! One value per GPU and metric, out of all series that speak of it: the preferred series counts as
//! long as it speaks, MIG instances and single clock-event reasons are put together, and nothing old
//! takes the place of something newer.

use std::collections::HashMap;

use crate::model::Metric;
use crate::model::Timestamp;
use crate::model::batch::SeriesValue;
use crate::model::metric::COUNT;
use crate::source::scrape::families::SOURCES;
use crate::source::scrape::families::{Field, Merge};

/// Most parts that one value is made of: MIG instances, or single reasons.
const MAX_PARTS: usize = 32;
/// A preferred series that is silent for so many intervals leaves its place to another one.
const SILENT_INTERVALS: i64 = 3;

/// What a series says, found out when it is met first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voice {
    /// The GPU.
    pub member: u32,
    /// The field.
    pub field: Field,
    /// Tells the series of one GPU apart.
    pub tag: u32,
    /// Compute slices of the MIG instance that it is about; 0: the whole GPU.
    pub slices: u8,
    /// Compute slices of the whole GPU.
    pub whole: u8,
}

impl Voice {
    /// The metric that the series speaks of, and how far it is from the preferred one.
    fn metric(&self) -> Option<(Metric, u8)> {
        let of = |(metric, fields): &(Metric, &[Field])| {
            let order = fields.iter().position(|f| *f == self.field)?;
            Some((*metric, 2 * order as u8 + u8::from(self.slices > 0)))
        };
        SOURCES.iter().find_map(of)
    }

    const fn is_part(&self) -> bool {
        self.slices > 0 || matches!(self.field, Field::EventBit)
    }
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is the value now.
    New,
    /// A preferred series speaks.
    Lesser,
    /// It is not newer than what is known.
    Old,
    /// It belongs to no metric.
    Unused,
}

/// Which series a value is from, and of when.
#[derive(Clone, Copy, Debug)]
struct Cell {
    time: i64,
    owner: u32,
    rank: u8,
    ended: bool,
}

const NOTHING: Cell = Cell { time: i64::MIN, owner: 0, rank: u8::MAX, ended: true };

#[derive(Clone, Copy, Debug)]
struct Part {
    tag: u32,
    rank: u8,
    slices: u8,
    value: f64,
    time: i64,
}

/// The values of all GPUs.
#[derive(Debug)]
pub struct Cells {
    cells: [Vec<Cell>; COUNT],
    parts: HashMap<(u32, u8), Vec<Part>>,
    /// Values since the last delivery, by metric.
    pending: [Vec<SeriesValue>; COUNT],
    pending_count: usize,
    paces: [Pace; COUNT],
    /// The interval where it was given, ms.
    given_ms: Option<u32>,
}

impl Cells {
    /// No values; `interval_ms`: the time between two samples, where it is known beforehand.
    #[must_use]
    pub fn new(interval_ms: Option<u32>) -> Self {
        Self {
            cells: [const { Vec::new() }; COUNT],
            parts: HashMap::new(),
            pending: [const { Vec::new() }; COUNT],
            pending_count: 0,
            paces: [const { Pace::new() }; COUNT],
            given_ms: interval_ms,
        }
    }

    /// Takes a sample; `None`: the series has ended, or says that it has no value.
    pub fn take(&mut self, voice: &Voice, value: Option<f64>, time: i64) -> Taken {
        let Some((metric, rank)) = voice.metric() else { return Taken::Unused };
        let (value, owner) = if voice.is_part() {
            (self.put_together(voice, (metric, rank), value, time), 0)
        } else {
            (value, voice.tag)
        };
        let interval = i64::from(self.interval_ms(metric));
        let cells = &mut self.cells[metric.index()];
        if cells.len() <= voice.member as usize {
            cells.resize(voice.member as usize + 1, NOTHING);
        }
        let cell = &mut cells[voice.member as usize];
        if rank > cell.rank && !cell.ended && time - cell.time <= SILENT_INTERVALS * interval {
            return Taken::Lesser;
        }
        let Some(value) = value else {
            // The end of one of several alike is no end: the others speak on.
            let is_end = cell.owner == owner && cell.rank == rank && !cell.ended && time >= cell.time;
            let is_same_moment = time == cell.time && !voice.is_part();
            if !is_end || is_same_moment {
                return Taken::Old;
            }
            (cell.ended, cell.time) = (true, time);
            self.push(metric, voice.member, f32::NAN, time);
            return Taken::New;
        };
        let is_newer =
            time > cell.time || time == cell.time && (cell.ended || rank < cell.rank || owner == 0);
        if !is_newer {
            return Taken::Old;
        }
        if cell.owner == owner && !cell.ended && time > cell.time {
            self.paces[metric.index()].vote(time - cell.time);
        }
        *cell = Cell { time, owner, rank, ended: false };
        self.push(metric, voice.member, value as f32, time);
        Taken::New
    }

    fn push(&mut self, metric: Metric, member: u32, value: f32, time: i64) {
        self.pending[metric.index()].push(SeriesValue { member, value, time: Timestamp(time) });
        self.pending_count += 1;
    }

    /// The value that the parts make together; `None` when none is left.
    fn put_together(
        &mut self,
        voice: &Voice,
        (metric, rank): (Metric, u8),
        value: Option<f64>,
        time: i64,
    ) -> Option<f64> {
        let oldest = time - SILENT_INTERVALS * i64::from(self.interval_ms(metric));
        let parts = self.parts.entry((voice.member, metric.index() as u8)).or_default();
        parts.retain(|p| p.tag != voice.tag && p.time >= oldest);
        if let Some(value) = value
            && parts.len() < MAX_PARTS
        {
            parts.push(Part { tag: voice.tag, rank, slices: voice.slices, value, time });
        }
        let said = || parts.iter().filter(|p| p.rank == rank);
        let first = said().next()?.value;
        let merge = if voice.field == Field::EventBit { Merge::Or } else { voice.field.merge() };
        Some(match merge {
            Merge::Max => said().fold(first, |a, p| a.max(p.value)),
            Merge::Min => said().fold(first, |a, p| a.min(p.value)),
            Merge::Sum => said().map(|p| p.value).sum(),
            Merge::Or => said().fold(0, |a, p| a | p.value as u64) as f64,
            Merge::BySlices => {
                let used: f64 = said().map(|p| f64::from(p.slices)).sum();
                let all: f64 = said().map(|p| f64::from(p.slices) * p.value).sum();
                all / used.max(f64::from(voice.whole))
            }
        })
    }

    /// Values that wait for the next delivery.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.pending_count
    }

    /// The values since the last call, by metric.
    pub fn drain(&mut self) -> Vec<(Metric, Vec<SeriesValue>)> {
        self.pending_count = 0;
        let taken = Metric::ALL.into_iter().map(|m| (m, std::mem::take(&mut self.pending[m.index()])));
        taken.filter(|(_, values)| !values.is_empty()).collect()
    }

    /// The time between two samples of a metric, ms: given, learned, or 15 s.
    #[must_use]
    pub fn interval_ms(&self, metric: Metric) -> u32 {
        self.given_ms.unwrap_or_else(|| self.paces[metric.index()].interval_ms())
    }

    /// The longest interval of the metrics that have been seen, ms.
    #[must_use]
    pub fn longest_ms(&self) -> u32 {
        let seen = Metric::ALL.into_iter().filter(|m| !self.cells[m.index()].is_empty());
        seen.map(|m| self.interval_ms(m)).max().unwrap_or(DEFAULT_MS)
    }
}

/// Interval that is assumed until one is learned, ms.
const DEFAULT_MS: u32 = 15_000;
/// Longest interval that is learned, s.
const LONGEST_S: usize = 300;
/// So many votes are counted before the old ones lose half of their weight.
const VOTES: u32 = 100_000;

/// The time between two samples of a series, learned from all series of a metric: the longest one
/// that at least a tenth of them keep. Where some halls are asked every 15 s and others every 30 s,
/// none of them may look stale in between.
#[derive(Debug)]
struct Pace {
    /// Votes by whole seconds.
    votes: [u32; LONGEST_S + 1],
    total: u32,
    interval_ms: u32,
}

impl Pace {
    const fn new() -> Self {
        Self { votes: [0; LONGEST_S + 1], total: 0, interval_ms: DEFAULT_MS }
    }

    fn vote(&mut self, delta_ms: i64) {
        let seconds = usize::try_from((delta_ms + 500) / 1000).unwrap_or(0).clamp(1, LONGEST_S);
        self.votes[seconds] += 1;
        self.total += 1;
        if self.total.is_power_of_two() || self.total >= VOTES {
            self.count();
        }
    }

    fn count(&mut self) {
        let kept = |v: &u32| *v * 10 >= self.total;
        if let Some(seconds) = self.votes.iter().rposition(kept) {
            self.interval_ms = 1000 * seconds as u32;
        }
        if self.total >= VOTES {
            self.votes.iter_mut().for_each(|v| *v /= 2);
            self.total = self.votes.iter().sum();
        }
    }

    const fn interval_ms(&self) -> u32 {
        self.interval_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1000;

    fn voice(field: Field, tag: u32) -> Voice {
        Voice { member: 0, field, tag, slices: 0, whole: 7 }
    }

    fn last(cells: &mut Cells, metric: Metric) -> Option<f32> {
        let all = cells.drain();
        all.iter().find(|(m, _)| *m == metric).and_then(|(_, v)| v.last()).map(|v| v.value)
    }

    #[test]
    fn nothing_old_takes_the_place_of_something_newer() {
        let mut cells = Cells::new(None);
        let temp = voice(Field::Temp, 1);
        assert_eq!(cells.take(&temp, Some(50.0), 10 * SECOND), Taken::New);
        assert_eq!(cells.take(&temp, Some(40.0), 9 * SECOND), Taken::Old);
        assert_eq!(cells.take(&temp, Some(45.0), 10 * SECOND), Taken::Old, "the first of a moment counts");
        assert_eq!(cells.drain().len(), 1);
        assert_eq!(cells.pending(), 0);
    }

    #[test]
    fn the_preferred_series_counts_as_long_as_it_speaks() {
        let mut cells = Cells::new(Some(10_000));
        let (usage, instant) = (voice(Field::Power, 1), voice(Field::PowerInstant, 2));
        assert_eq!(cells.take(&instant, Some(700.0), 0), Taken::New);
        assert_eq!(cells.take(&usage, Some(600.0), 0), Taken::New, "the better one of the same moment");
        assert_eq!(cells.take(&instant, Some(701.0), 10 * SECOND), Taken::Lesser);
        assert_eq!(last(&mut cells, Metric::Power), Some(600.0));
        assert_eq!(cells.take(&instant, Some(702.0), 31 * SECOND), Taken::New, "the other one is silent");
        assert_eq!(cells.take(&usage, Some(601.0), 40 * SECOND), Taken::New);
        assert_eq!(cells.take(&usage, None, 50 * SECOND), Taken::New);
        assert_eq!(cells.take(&instant, Some(703.0), 50 * SECOND), Taken::New, "the other one has ended");
        assert_eq!(last(&mut cells, Metric::Power), Some(703.0));
    }

    #[test]
    fn the_end_of_a_series_ends_its_value_and_no_other() {
        let mut cells = Cells::new(None);
        let (one, other) = (voice(Field::Temp, 1), voice(Field::Temp, 2));
        cells.take(&one, Some(50.0), SECOND);
        assert_eq!(cells.take(&other, None, 2 * SECOND), Taken::Old);
        // A series whose labels changed: the new one speaks at the moment when the old one ends.
        cells.take(&other, Some(51.0), 2 * SECOND);
        assert_eq!(cells.take(&one, None, 2 * SECOND), Taken::Old);
        assert_eq!(last(&mut cells, Metric::Temp), Some(51.0));
        assert_eq!(cells.take(&other, None, 3 * SECOND), Taken::New);
        assert!(last(&mut cells, Metric::Temp).is_some_and(f32::is_nan));
        assert_eq!(cells.take(&one, Some(52.0), 3 * SECOND), Taken::New, "the end came first");
        assert_eq!(last(&mut cells, Metric::Temp), Some(52.0));
    }

    #[test]
    fn instances_add_up_by_their_slices() {
        let mut cells = Cells::new(None);
        for (tag, slices, value) in [(1, 4, 100.0), (2, 1, 50.0)] {
            cells.take(&Voice { slices, ..voice(Field::SmActive, tag) }, Some(value), SECOND);
            cells.take(&Voice { slices, ..voice(Field::MemUsed, tag) }, Some(1000.0), SECOND);
        }
        let all = cells.drain();
        let newest = |m| all.iter().find(|(n, _)| *n == m).and_then(|(_, v)| v.last()).map(|v| v.value);
        assert_eq!(newest(Metric::Activity), Some(450.0 / 7.0));
        assert_eq!(newest(Metric::MemUsed), Some(2000.0));
        // What the device says goes before what its instances make.
        assert_eq!(cells.take(&voice(Field::MemUsed, 9), Some(1900.0), SECOND), Taken::New);
        assert_eq!(
            cells.take(&Voice { slices: 4, ..voice(Field::MemUsed, 1) }, Some(1.0), 2 * SECOND),
            Taken::Lesser
        );
    }

    #[test]
    fn single_reasons_make_the_mask_and_leave_it() {
        let mut cells = Cells::new(None);
        cells.take(&voice(Field::EventBit, 1), Some(8.0), SECOND);
        cells.take(&voice(Field::EventBit, 2), Some(64.0), SECOND);
        assert_eq!(last(&mut cells, Metric::ClockEvents), Some(72.0));
        cells.take(&voice(Field::EventBit, 1), Some(0.0), 2 * SECOND);
        assert_eq!(last(&mut cells, Metric::ClockEvents), Some(64.0));
    }

    #[test]
    fn the_interval_is_learned_and_the_slower_tenth_counts() {
        let mut cells = Cells::new(None);
        assert_eq!(cells.interval_ms(Metric::Temp), 15_000);
        for t in 0..40 {
            cells.take(&voice(Field::Temp, 1), Some(1.0), t * 5 * SECOND);
        }
        assert_eq!(cells.interval_ms(Metric::Temp), 5_000);
        for t in 0..40 {
            cells.take(&Voice { member: 1, ..voice(Field::Temp, 2) }, Some(1.0), t * 30 * SECOND);
        }
        assert_eq!(cells.interval_ms(Metric::Temp), 30_000);
        assert_eq!(cells.longest_ms(), 30_000);
        assert_eq!(Cells::new(Some(7_000)).interval_ms(Metric::Temp), 7_000);
    }

    #[test]
    fn a_value_that_belongs_to_no_metric_is_not_kept() {
        let mut cells = Cells::new(None);
        assert_eq!(cells.take(&voice(Field::MemFree, 1), Some(1.0), 0), Taken::Unused);
        assert_eq!(cells.pending(), 0);
    }
}
