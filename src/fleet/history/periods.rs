//! Periods that leave the past when they are finished, and that are put back into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::history::{Archive, History};
use crate::fleet::period::{Level, Period};
use crate::fleet::ring::Slot;
use crate::fleet::tier::overviews;
use crate::model::{Timestamp, Topology};

/// Periods by start, then in the order in which the site grew.
type Found = BTreeMap<(Timestamp, u32, usize), Period>;

fn entry<'a>(found: &'a mut Found, level: Level, start: Timestamp, t: &Arc<Topology>) -> &'a mut Period {
    let key = (start, t.generation(), Arc::as_ptr(t).addr());
    found.entry(key).or_insert_with(|| Period::new(level, start, Arc::clone(t)))
}

impl History {
    /// The finished periods of a level that are newer than `after`, oldest first. A period is there
    /// once all its parts are finished, which is a few ticks after its end; all of the same start come
    /// at once, so that it suffices to remember the start of the last one.
    ///
    /// With `after` close to the end this takes microseconds; periods that were finished long ago may
    /// have to be unpacked (some milliseconds each at 100,000 GPUs).
    #[must_use]
    pub fn periods_after(&self, level: Level, after: Option<Timestamp>) -> Vec<Period> {
        self.found(level, after, true)
    }

    /// The same without overviews, for which periods that were finished long ago are unpacked: what is only put
    /// back into another past needs none.
    #[must_use]
    pub fn plain_periods_after(&self, level: Level, after: Option<Timestamp>) -> Vec<Period> {
        self.found(level, after, false)
    }

    fn found(&self, level: Level, after: Option<Timestamp>, with_overviews: bool) -> Vec<Period> {
        let (i, before) = (level.index(), self.complete[level.index()]);
        let mut found = Found::new();
        let newer = |t: Timestamp| after.is_none_or(|a| t > a);
        let buckets = &self.tiers[i];
        let end = buckets.partition_point(|b| b.start < before);
        let first = buckets.partition_point(|b| !newer(b.start)).min(end);
        let racks = with_overviews.then(|| overviews(&buckets[..end], first, &self.overviews[i]));
        let mut racks = racks.unwrap_or_default().into_iter();
        for bucket in &buckets[first..end] {
            let period = entry(&mut found, level, bucket.start, bucket.topology());
            (period.tier, period.overview) = (Some(Arc::clone(bucket)), racks.next());
        }
        for (start, topology, row) in self.plant.rows(i, after, before) {
            entry(&mut found, level, start, &topology).plant = Some(row);
        }
        for bucket in self.series.between(1 + i, after, before) {
            entry(&mut found, level, bucket.start(), bucket.topology()).series = Some(Arc::clone(bucket));
        }
        if level == Level::TenSeconds {
            self.add_details(&mut found, after, before);
        }
        found.into_values().collect()
    }

    /// Seconds and courses.
    fn add_details(&self, found: &mut Found, after: Option<Timestamp>, before: Timestamp) {
        let last = Level::TenSeconds.period_ms() - 1;
        for second in self.series.between(0, after.map(|a| a.plus_millis(last)), before) {
            let start = Timestamp(second.start().millis().div_euclid(last + 1) * (last + 1));
            let t = second.topology();
            let key = (start, t.generation(), Arc::as_ptr(t).addr());
            if let Some(period) = found.get_mut(&key) {
                period.seconds.push(Arc::clone(second));
            }
        }
        for bucket in self.courses.between(after, before) {
            let of_start = (bucket.start(), 0, 0)..=(bucket.start(), u32::MAX, usize::MAX);
            if let Some((_, period)) = found.range_mut(of_start).next_back() {
                period.courses = Some(Arc::clone(bucket));
            }
        }
    }

    /// A past that has charts only, made of periods (oldest first); see [`Archive::for_replay`].
    #[must_use]
    pub fn of_periods(periods: impl IntoIterator<Item = Period>, budget: usize) -> Arc<Self> {
        let mut archive = Archive::for_replay(budget);
        archive.restore(periods);
        archive.publish()
    }

    /// The same past with the newest frames (oldest first) at hand, so that charts reach up to the
    /// last of them. What it holds already is not made anew of them.
    #[must_use]
    pub fn with_recent(&self, frames: &[Arc<Frame>]) -> Self {
        let Some(first) = frames.first().map(|f| f.time) else { return self.clone() };
        let older = self.ring.iter().filter(|s| s.time < first).cloned();
        let mut series = self.series.closed();
        // What is known by the second need not be summed up again, which takes time for a new frame.
        let held = series.newest_second();
        let newer = |f: &&Arc<Frame>| held.is_none_or(|h| f.time.since(h) >= 1000);
        frames.iter().filter(newer).for_each(|f| series.push(f));
        Self {
            ring: older.chain(frames.iter().map(|f| Slot::of(Arc::clone(f)))).collect(),
            series: Arc::new(series),
            courses: self.courses.with_recent(frames),
            ..self.clone()
        }
    }
}

impl Archive {
    /// An archive of charts without a ring, for a replay: periods are given to [`Self::restore`] as it
    /// plays on, and [`Self::publish`] gives the past up to the newest of them. It holds at most
    /// `budget` bytes: 24 % hour, 67 % day, 9 % plant.
    #[must_use]
    pub fn for_replay(budget: usize) -> Self {
        Self::with_shares(budget, [0, 24, 67, 9])
    }

    /// Puts periods back, oldest first in each level: those that are newer than what was put back
    /// before and older than what was gathered here. So the past can be filled in while frames come
    /// in, a few periods at a time, and a replay goes on by giving it the next ones. What does not fit
    /// into the budget is left out, beginning with the oldest; so are GPUs of a period that can only
    /// be read with one that is missing.
    ///
    /// Topologies of periods need not be those of frames: assets are found by their names. Give all
    /// periods of one site the same `Arc`.
    pub fn restore(&mut self, periods: impl IntoIterator<Item = Period>) {
        for period in periods {
            self.restore_one(period);
        }
    }

    /// Puts moments back into the ring, oldest first: those that are older than what was pushed. They
    /// are the first to go where the budget asks for it.
    pub fn restore_frames(&mut self, frames: impl IntoIterator<Item = Slot>) {
        frames.into_iter().for_each(|slot| self.ring.restore(slot));
    }

    fn restore_one(&mut self, period: Period) {
        let i = period.level.index();
        self.restored = self.restored.max(Some(period.start));
        if let Some(bucket) = period.tier {
            let tier = if i == 0 { &mut self.hour } else { &mut self.day };
            tier.restore(bucket);
        }
        if let Some(row) = period.plant {
            self.plant.restore(i, (period.start, period.topology, row));
        }
        if let Some(bucket) = period.series {
            self.series.restore(1 + i, bucket);
        }
        for second in period.seconds {
            self.series.restore(0, second);
        }
        if let Some(bucket) = period.courses {
            self.courses.restore(bucket);
        }
    }

    /// Up to where all parts of each level are finished.
    pub(super) fn complete(&self) -> [Timestamp; 2] {
        let hour = self.hour.pending();
        let minute = Level::Minute.period_ms();
        let feeds = hour.map(|h| Timestamp(h.millis().div_euclid(minute) * minute));
        let of = |i: usize, more: [Option<Timestamp>; 2]| {
            let parts = [self.plant.pending(i), self.series.pending(1 + i)];
            parts.into_iter().chain(more).flatten().min().unwrap_or(Timestamp(i64::MAX))
        };
        [of(0, [hour, self.courses.pending()]), of(1, [feeds, self.day.pending()])]
    }
}
