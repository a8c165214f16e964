//! The past: ring at full rate, tiers for an hour and a day, series of halls, site and plant.
//!
//! [`Archive`] is the writer's side; it publishes a [`History`], which readers use without locks.

mod periods;

use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::jobs::course::{Courses, Recorder};
use crate::fleet::plant::{PlantHistory, PlantStore};
use crate::fleet::ring::{Ring, Slot};
use crate::fleet::series::{Point, SeriesStore, Signal, resample};
use crate::fleet::tier::{self, Bucket, Overview, Tier};
use crate::model::{Asset, Metric, Timestamp, Topology};

/// Default memory budget of the past, bytes.
pub const DEFAULT_BUDGET: usize = 512 << 20;

/// Periods of the two tiers, ms, and the buckets that make an hour and a day.
const HOUR: (i64, usize) = (10_000, 360);
const DAY: (i64, usize) = (60_000, 1_440);

/// What the past holds and costs, for the status view.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistoryStatus {
    /// Memory budget, bytes.
    pub budget: usize,
    /// Bytes and time span of the ring, the 10 s tier, the 1 min tier, and the racks, CDUs and rows.
    pub parts: [Part; 4],
    /// Bytes of the series of halls and site and of the courses of jobs, which are bounded by their
    /// number and not by the budget.
    pub series_bytes: usize,
}

/// One part of the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// Frames or buckets.
    pub count: usize,
    /// Bytes held.
    pub bytes: usize,
    /// From the oldest to the newest, ms.
    pub span_ms: i64,
}

/// Buckets of a tier with their overviews.
type Overviews = Arc<[(Arc<Bucket>, Arc<Overview>)]>;

/// The reader's side of the past: immutable.
#[derive(Clone, Debug, Default)]
pub struct History {
    ring: Arc<[Slot]>,
    tiers: [Arc<[Arc<Bucket>]>; 2],
    series: Arc<SeriesStore>,
    /// The last hour of jobs and tenants.
    pub courses: Courses,
    plant: PlantHistory,
    /// Overviews of the newest buckets of each tier.
    overviews: [Overviews; 2],
    /// Periods of each level that are older than this are finished in all their parts.
    complete: [Timestamp; 2],
    /// What it holds and costs.
    pub status: HistoryStatus,
}

impl History {
    /// Oldest and newest moment of the ring.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.ring.first()?.time, self.ring.last()?.time))
    }

    /// The newest frame at or before `time`; the oldest one where `time` lies before all. The
    /// frame is given in the topology of `like`, so that ids mean what they mean now.
    #[must_use]
    pub fn frame_at(&self, time: Timestamp, like: &Arc<Topology>) -> Option<Arc<Frame>> {
        let after = self.ring.partition_point(|s| s.time <= time);
        self.ring.get(after.saturating_sub(1)).map(|s| in_topology(s.frame(), like))
    }

    /// The moment `steps` frames after (before, when negative) the one shown at `time`, kept
    /// within the ring.
    #[must_use]
    pub fn step(&self, time: Timestamp, steps: i64) -> Option<Timestamp> {
        let at = self.ring.partition_point(|s| s.time <= time).saturating_sub(1) as i64;
        let last = self.ring.len().checked_sub(1)? as i64;
        self.ring.get((at + steps).clamp(0, last) as usize).map(|s| s.time)
    }

    /// Series of a metric of any asset over `window` = (ms, points); see [`Self::series_of`].
    #[must_use]
    pub fn series(
        &self,
        frame: &Frame,
        asset: Asset,
        metric: Metric,
        window: (i64, usize),
    ) -> Vec<Option<Point>> {
        self.series_of(frame, asset, &[metric], window).pop().unwrap_or_default()
    }

    /// Series of several metrics of any asset over `window` = (ms, points), ending with `frame`.
    ///
    /// Up to an hour comes from the 10 s tier, more from the 1 min tier; what is newer than the
    /// tier comes from the frames at hand. Metrics that tiers do not keep have only the latter.
    #[must_use]
    pub fn series_of(
        &self,
        frame: &Frame,
        asset: Asset,
        metrics: &[Metric],
        window: (i64, usize),
    ) -> Vec<Vec<Option<Point>>> {
        let to = frame.time.plus_millis(1000);
        if matches!(asset, Asset::Site | Asset::Hall(_)) {
            let of = |m: &Metric| (asset, Signal::Mean(*m));
            let one = |m: &Metric| self.series.series(&frame.topology, of(m), to, window);
            return metrics.iter().map(one).collect();
        }
        let level = usize::from(window.0 > HOUR.0 * HOUR.1 as i64);
        let period = [HOUR.0, DAY.0][level];
        let range = (to.plus_millis(-window.0 - period), to);
        let span = frame.topology.gpus_of(asset);
        let found = tier::series(&self.tiers[level], &frame.topology, span, metrics, range);
        let one = |(metric, points): (&Metric, Vec<(Timestamp, Point)>)| {
            let tier_end = points.last().map(|(start, _)| start.plus_millis(period));
            let mut out = resample(points.into_iter(), period, to, window);
            let tail = resample(self.tail(frame, asset, *metric, tier_end), 1000, to, window);
            out.iter_mut().zip(tail).for_each(|(a, b)| *a = a.or(b));
            out
        };
        metrics.iter().zip(found).map(one).collect()
    }

    fn tail<'a>(
        &'a self,
        frame: &'a Frame,
        asset: Asset,
        metric: Metric,
        after: Option<Timestamp>,
    ) -> impl Iterator<Item = (Timestamp, Point)> + 'a {
        self.newest(frame, asset, after).filter_map(move |(f, asset)| {
            let s = f.stats(asset, metric)?;
            Some((f.time, Point { min: s.min, mean: s.mean, max: s.max }))
        })
    }

    /// The frames at hand from `after` up to `frame`, with what `asset` is in each of them, as far as
    /// it is there.
    fn newest<'a>(
        &'a self,
        frame: &'a Frame,
        asset: Asset,
        after: Option<Timestamp>,
    ) -> impl Iterator<Item = (&'a Arc<Frame>, Asset)> + 'a {
        let newer = move |t: Timestamp| t <= frame.time && after.is_none_or(|a| t >= a);
        let hot = self.ring.iter().filter(move |s| newer(s.time)).filter_map(Slot::hot);
        hot.filter_map(move |f| {
            let same = Arc::ptr_eq(&f.topology, &frame.topology);
            Some((f, if same { asset } else { f.topology.same(asset, &frame.topology)? }))
        })
    }

    /// Series of a signal of any asset over `window` = (ms, points), ending with `frame`. Halls and
    /// site have the second for 15 min; racks, CDUs and rows have means of 10 s, and of a minute for
    /// windows beyond an hour, and seconds only in the newest frames.
    #[must_use]
    pub fn signal(
        &self,
        frame: &Frame,
        asset: Asset,
        signal: Signal,
        window: (i64, usize),
    ) -> Vec<Option<Point>> {
        let to = frame.time.plus_millis(1000);
        if matches!(asset, Asset::Site | Asset::Hall(_)) {
            return self.series.series(&frame.topology, (asset, signal), to, window);
        }
        let period = PlantHistory::period_ms(window.0);
        let range = (to.plus_millis(-window.0 - period), to);
        let points = self.plant.series(&frame.topology, (asset, signal), window.0, range);
        let end = points.last().map(|(start, _)| start.plus_millis(period));
        let mut out = resample(points.into_iter(), period, to, window);
        let newest = self
            .newest(frame, asset, end)
            .filter_map(|(f, asset)| Some((f.time, Point::of(f.facility.signal(asset, signal)?))));
        let tail = resample(newest, 1000, to, window);
        out.iter_mut().zip(tail).for_each(|(a, b)| *a = a.or(b));
        out
    }
}

fn in_topology(frame: Arc<Frame>, like: &Arc<Topology>) -> Arc<Frame> {
    if frame.topology.generation() == like.generation() {
        return frame;
    }
    let map = like.remap_from(&frame.topology);
    Arc::new(frame.remapped(like, &map))
}

/// The writer's side of the past.
#[derive(Debug)]
pub struct Archive {
    budget: usize,
    ring: Ring,
    hour: Tier,
    day: Tier,
    series: SeriesStore,
    courses: Recorder,
    plant: PlantStore,
    /// Start of the newest period that was put back.
    restored: Option<Timestamp>,
    /// Set by the first frame.
    live: bool,
}

impl Archive {
    /// An archive that holds at most `budget` bytes: 45 % ring, 13 % hour, 37 % day, 5 % plant. With
    /// the default budget and 100,224 busy GPUs that is 13 min, 1 h and 24 h.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        Self::with_shares(budget, [45, 13, 37, 5])
    }

    fn with_shares(budget: usize, percents: [usize; 4]) -> Self {
        let [ring, hour, day, plant] = percents.map(|percent| budget / 100 * percent);
        Self {
            budget,
            ring: Ring::new(ring),
            hour: Tier::new(HOUR.0, HOUR.1, hour),
            day: Tier::new(DAY.0, DAY.1, day),
            series: SeriesStore::default(),
            courses: Recorder::default(),
            plant: PlantStore::new(plant),
            restored: None,
            live: false,
        }
    }

    /// Takes in the newest frame.
    pub fn push(&mut self, frame: &Arc<Frame>) {
        if !self.live && self.restored.is_some_and(|r| r > frame.time) {
            // The clock was set back since: what was put back lies in the future and cannot stay.
            *self = Self::new(self.budget);
        }
        self.live = true;
        self.ring.push(Arc::clone(frame));
        self.hour.push(frame);
        self.series.push(frame);
        self.courses.push(frame);
        self.plant.push(frame);
    }

    /// Work that need not be done before the frame is shown: packs one frame of the ring and a
    /// part of a chunk of the plant, and stores one finished period of each tier. Call it once per tick, after publishing.
    pub fn maintain(&mut self) {
        self.ring.pack_one();
        self.hour.store_one(Some(&mut self.day));
        self.day.store_one(None);
        self.plant.pack_some();
    }

    /// The reader's side as of now.
    #[must_use]
    pub fn publish(&self) -> Arc<History> {
        let ring = self.ring.view();
        let tiers = [self.hour.view(), self.day.view()];
        let span = |first: Option<Timestamp>, last: Option<Timestamp>| {
            first.zip(last).map_or(0, |(a, b)| b.since(a))
        };
        let part = |buckets: &[Arc<Bucket>], bytes: usize| Part {
            count: buckets.len(),
            bytes,
            span_ms: span(buckets.first().map(|b| b.start), buckets.last().map(|b| b.start)),
        };
        let ring_part = Part {
            count: ring.len(),
            bytes: self.ring.bytes(),
            span_ms: span(ring.first().map(|s| s.time), ring.last().map(|s| s.time)),
        };
        let courses = self.courses.view();
        let plant = self.plant.view();
        let (count, ends) = plant.extent(i64::MAX);
        let plant_part = Part {
            count,
            bytes: self.plant.bytes(),
            span_ms: span(ends.map(|(a, _)| a), ends.map(|(_, b)| b)),
        };
        let (hour, day) = (part(&tiers[0], self.hour.bytes()), part(&tiers[1], self.day.bytes()));
        let status = HistoryStatus {
            budget: self.budget,
            parts: [ring_part, hour, day, plant_part],
            series_bytes: self.series.bytes() + courses.bytes(),
        };
        Arc::new(History {
            ring,
            tiers,
            series: Arc::new(self.series.clone()),
            courses,
            plant,
            overviews: [self.hour.overviews(), self.day.overviews()],
            complete: self.complete(),
            status,
        })
    }
}

#[cfg(test)]
mod tests;
