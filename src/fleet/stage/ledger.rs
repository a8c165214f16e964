//! Which source may write a value: the one that stands first in the list of sources, as long as what
//! it said is fresh. A source that only stands in (the simulator, a recording) never replaces what
//! was measured, however long ago: an invented value must not cover a real silence.

use crate::fleet::origin::{Mark, Origins, Track};
use crate::fleet::staleness::STALE_INTERVALS;
use crate::model::batch::SourceId;
use crate::model::metric::{COUNT, Metric};
use crate::model::{Column, FacilityReading, Timestamp, Topology};

/// Interval assumed of a source that has not said its own, ms.
const DEFAULT_INTERVAL_MS: u32 = 1000;
/// Facility values are repeated at least this often (DSX Exchange: on change and every 100 s), ms.
const PLANT_INTERVAL_MS: u32 = 100_000;

/// Where all values come from, and the standing of the sources.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub origins: Origins,
    sources: Vec<Standing>,
    /// No value of a metric is older than this, ms: as long as that is young nothing needs a look.
    oldest: [Option<i64>; COUNT],
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    stands_in: bool,
    interval_ms: [u32; COUNT],
}

impl Default for Standing {
    fn default() -> Self {
        Self { stands_in: false, interval_ms: [DEFAULT_INTERVAL_MS; COUNT] }
    }
}

impl Ledger {
    fn standing(&self, source: SourceId) -> Option<&Standing> {
        self.sources.get(usize::from(source))
    }

    fn entry(&mut self, source: SourceId) -> &mut Standing {
        let at = usize::from(source);
        if self.sources.len() <= at {
            self.sources.resize(at + 1, Standing::default());
        }
        &mut self.sources[at]
    }

    /// Learns how often `source` polls `metric`.
    pub fn polls(&mut self, source: SourceId, metric: Metric, interval_ms: u32) {
        self.entry(source).interval_ms[metric.index()] = interval_ms.max(1);
    }

    /// Learns how often `source` polls everything.
    pub fn polls_all(&mut self, source: SourceId, interval_ms: u32) {
        self.entry(source).interval_ms = [interval_ms.max(1); COUNT];
    }

    /// Learns that `source` writes whole columns of what it does not measure.
    pub fn stands_in(&mut self, source: SourceId) {
        self.entry(source).stands_in = true;
    }

    /// True when `source` measures what it says.
    pub fn measures(&self, source: SourceId) -> bool {
        self.standing(source).is_none_or(|s| !s.stands_in)
    }

    /// After this long a value of `source` is stale, ms.
    pub fn fresh_ms(&self, source: SourceId, metric: Metric) -> i64 {
        let interval = self.standing(source).map_or(DEFAULT_INTERVAL_MS, |s| s.interval_ms[metric.index()]);
        STALE_INTERVALS * i64::from(interval)
    }

    /// True when a value of `by` goes before one of another source that stays fresh for `fresh_ms`.
    fn goes_before(&self, by: Mark, old: Mark, fresh_ms: i64) -> bool {
        match (self.measures(by.source), self.measures(old.source)) {
            (true, false) => true,
            (false, true) => false,
            _ => by.source < old.source || by.time().millis() - old.time().millis() > fresh_ms,
        }
    }

    /// Marks value `gpu` of `metric` as `by`'s if it may be written.
    pub fn claim(&mut self, metric: Metric, gpu: usize, by: Mark, len: usize) -> bool {
        let old = self.origins.track(metric).get(gpu).filter(|old| old.source != by.source);
        let wins = old.is_none_or(|old| self.goes_before(by, old, self.fresh_ms(old.source, metric)));
        if wins {
            self.origins.track_mut(metric).set(gpu, by, len);
            let oldest = &mut self.oldest[metric.index()];
            let time = by.time().millis();
            *oldest = Some(oldest.map_or(time, |o| o.min(time)));
        }
        wins
    }

    /// True when the value of a GPU is one of `source`, or nobody's.
    pub fn holds(&self, metric: Metric, gpu: usize, source: SourceId) -> bool {
        self.origins.track(metric).get(gpu).is_none_or(|mark| mark.source == source)
    }

    /// Claims a whole column; where other sources go before, `old` stays.
    pub fn claim_column(&mut self, metric: Metric, by: Mark, old: &Column, new: Column) -> Column {
        match self.origins.track(metric) {
            Track::Unknown => {}
            Track::All(mark) if mark.source == by.source => {}
            _ => {
                let wins = |i| if self.claim(metric, i, by, new.len()) { new.raw(i) } else { old.raw(i) };
                return Column::from_raw(metric, (0..new.len()).map(wins).collect::<Vec<_>>().into_iter());
            }
        }
        *self.origins.track_mut(metric) = Track::All(by);
        new
    }

    /// Marks the point that `reading` is about as `by`'s if it may be written.
    pub fn claim_reading(&mut self, reading: &FacilityReading, by: Mark, topology: &Topology) -> bool {
        let fresh = STALE_INTERVALS * i64::from(PLANT_INTERVAL_MS);
        let old = self.origins.of_reading(reading).filter(|old| old.source != by.source);
        let wins = old.is_none_or(|old| self.goes_before(by, old, fresh));
        if wins {
            self.origins.mark_reading(reading, by, topology);
        }
        wins
    }

    /// GPUs whose value of `metric` has not been renewed for three intervals at `now`, among those
    /// for which `counts` is true.
    pub fn stale(&mut self, metric: Metric, now: Timestamp, counts: impl Fn(usize) -> bool) -> Vec<usize> {
        let Track::Each(marks) = self.origins.track(metric) else { return Vec::new() };
        // Marks count whole seconds: what was measured within the second is not older than it.
        let limit = |s| self.fresh_ms(s as SourceId, metric) + 1000;
        let limits: Vec<i64> = (0..self.sources.len()).map(limit).collect();
        let least = limits.iter().min().copied().unwrap_or(0);
        if self.oldest[metric.index()].is_none_or(|oldest| now.millis() - oldest <= least) {
            return Vec::new();
        }
        let (mut stale, mut oldest) = (Vec::new(), None);
        for (i, mark) in marks.iter().enumerate() {
            let Some(limit) = limits.get(usize::from(mark.source)).filter(|_| counts(i)) else { continue };
            let time = mark.time().millis();
            if now.millis() - time > *limit {
                stale.push(i);
            } else {
                oldest = Some(oldest.map_or(time, |o: i64| o.min(time)));
            }
        }
        self.oldest[metric.index()] = oldest;
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: SourceId, second: i64) -> Mark {
        Mark::new(source, Timestamp::from_secs(second))
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        (0..3).for_each(|s| ledger.polls_all(s, 5000));
        ledger
    }

    #[test]
    fn the_first_source_wins_while_it_is_fresh() {
        let mut l = ledger();
        assert!(l.claim(Metric::Temp, 0, at(1, 0), 4));
        assert!(l.claim(Metric::Temp, 0, at(0, 1), 4), "the first in the list takes over");
        assert!(!l.claim(Metric::Temp, 0, at(1, 10), 4));
        assert_eq!(l.origins.track(Metric::Temp).get(0), Some(at(0, 1)), "what gave way leaves no mark");
        assert!(l.claim(Metric::Temp, 0, at(1, 17), 4), "what is stale gives way");
        assert!(l.claim(Metric::Temp, 0, at(0, 18), 4));
    }

    #[test]
    fn an_invented_value_never_covers_a_measured_one() {
        let mut l = ledger();
        l.stands_in(0);
        assert!(l.claim(Metric::Temp, 0, at(0, 0), 2) && l.claim(Metric::Temp, 0, at(2, 0), 2));
        assert!(!l.claim(Metric::Temp, 0, at(0, 9_000), 2), "however long ago it was measured");
        assert!(l.claim(Metric::Temp, 1, at(0, 9_000), 2));
    }

    #[test]
    fn whole_columns_leave_out_what_others_measure() {
        let mut l = ledger();
        l.stands_in(1);
        let column = |raw: [u16; 3]| Column::from_raw(Metric::Util, raw.into_iter());
        let first = l.claim_column(Metric::Util, at(1, 0), &column([255; 3]), column([1, 2, 3]));
        assert_eq!(first, column([1, 2, 3]));
        assert!(l.claim(Metric::Util, 1, at(0, 1), 3));
        let next = l.claim_column(Metric::Util, at(1, 2), &column([1, 90, 3]), column([4, 5, 6]));
        assert_eq!(next, column([4, 90, 6]));
    }

    #[test]
    fn values_that_are_not_renewed_are_stale_each_by_its_interval() {
        let mut l = ledger();
        l.polls(0, Metric::MemUsed, 60_000);
        for metric in [Metric::Temp, Metric::MemUsed] {
            l.claim(metric, 0, at(0, 0), 2);
            l.claim(metric, 1, at(0, 20), 2);
        }
        let at = Timestamp::from_secs;
        assert_eq!(l.stale(Metric::Temp, at(17), |_| true), [0]);
        assert!(l.stale(Metric::MemUsed, at(17), |_| true).is_empty());
        assert_eq!(l.stale(Metric::Temp, at(30), |_| true), [] as [usize; 0], "the other is 10 s old");
        assert_eq!(l.stale(Metric::Temp, at(37), |i| i == 1), [1], "those that count");
    }
}
