//! Series of halls and the site: small enough to be kept whole for a day. Those of racks, CDUs and
//! rows are in [`crate::fleet::plant`].

mod stored;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::metric::{COUNT, Metric};
use crate::model::{Asset, HallId, Timestamp, Topology};

/// Smallest, mean and largest value in a bucket of time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// Smallest.
    pub min: f32,
    /// Mean.
    pub mean: f32,
    /// Largest.
    pub max: f32,
}

impl Point {
    /// A point of one value.
    #[must_use]
    pub const fn of(value: f32) -> Self {
        Self { min: value, mean: value, max: value }
    }

    const ABSENT: Self = Self::of(f32::NAN);

    /// Takes in another point; `n` points are already in.
    fn merge(&mut self, other: Self, n: u32) {
        if self.mean.is_nan() {
            *self = other;
        } else if !other.mean.is_nan() {
            self.min = self.min.min(other.min);
            self.max = self.max.max(other.max);
            self.mean += (other.mean - self.mean) / (n + 1) as f32;
        }
    }

    fn known(self) -> Option<Self> {
        self.mean.is_finite().then_some(self)
    }
}

/// What is followed over time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Mean of a metric over the good GPUs of a hall or the site.
    Mean(Metric),
    /// Sum of GPU power, W.
    PowerSum,
    /// A value of the site.
    Site(SitePoint),
    /// A value of a hall.
    Hall(HallPoint),
    /// A value of a row.
    Row(RowPoint),
    /// A value of a rack.
    Rack(RackPoint),
    /// A value of a CDU.
    Cdu(CduPoint),
}

/// Signals of the GPUs of a hall or the site: one per metric, and the sum of power.
const PER_ASSET: usize = COUNT + 1;
/// Values of a hall's plant.
const PER_HALL: usize = HallPoint::ALL.len();

/// Periods, ms, and how many buckets are kept of each: 15 min, 1 h, 24 h.
const LEVELS: [(i64, usize); 3] = [(1_000, 900), (10_000, 366), (60_000, 1_446)];

/// One period of one resolution.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    start: Timestamp,
    merged: u32,
    topology: Arc<Topology>,
    /// GPUs of the site, GPUs of each hall, the site's plant, each hall's plant.
    values: Vec<Point>,
}

/// Where a signal of the site, or of hall `h` of `halls`, lies in a bucket.
fn index(halls: usize, asset: Asset, signal: Signal) -> Option<usize> {
    let gpus = match asset {
        Asset::Site => 0,
        Asset::Hall(h) => 1 + h.index(),
        _ => return None,
    };
    let plant = (halls + 1) * PER_ASSET;
    match (asset, signal) {
        (_, Signal::Mean(m)) => Some(gpus * PER_ASSET + m.index()),
        (_, Signal::PowerSum) => Some(gpus * PER_ASSET + COUNT),
        (Asset::Site, Signal::Site(p)) => Some(plant + p.index()),
        (Asset::Hall(h), Signal::Hall(p)) => {
            Some(plant + SitePoint::ALL.len() + h.index() * PER_HALL + p.index())
        }
        _ => None,
    }
}

impl Bucket {
    fn of(frame: &Frame) -> Self {
        let halls = frame.topology.halls().len();
        let ids = || (0..halls).map(HallId::new);
        let point = |v: Option<f32>| v.map_or(Point::ABSENT, Point::of);
        let mut values =
            Vec::with_capacity((halls + 1) * PER_ASSET + SitePoint::ALL.len() + halls * PER_HALL);
        for asset in std::iter::once(Asset::Site).chain(ids().map(Asset::Hall)) {
            let stats = |m: Metric| frame.rollups().stats(asset, m).copied().flatten();
            values.extend(Metric::ALL.map(|m| point(stats(m).map(|s| s.mean))));
            values.push(point(stats(Metric::Power).map(|s| s.sum as f32)));
        }
        values.extend(SitePoint::ALL.iter().map(|p| point(frame.facility.site(*p))));
        for hall in ids() {
            values.extend(HallPoint::ALL.iter().map(|p| point(frame.facility.hall(hall, *p))));
        }
        Self { start: frame.time, merged: 1, topology: Arc::clone(&frame.topology), values }
    }

    fn merge(&mut self, other: &Self) {
        self.values.iter_mut().zip(&other.values).for_each(|(a, b)| a.merge(*b, self.merged));
        self.merged += 1;
    }
}

/// Series of halls and site at three resolutions.
#[derive(Clone, Debug, Default)]
pub struct SeriesStore {
    levels: [VecDeque<Arc<Bucket>>; 3],
    /// How many buckets of each level, from the front, were put back and not gathered here.
    restored: [usize; 3],
}

impl SeriesStore {
    /// Takes in the newest frame.
    pub fn push(&mut self, frame: &Frame) {
        let new = Bucket::of(frame);
        let levels = self.levels.iter_mut().zip(&mut self.restored);
        for ((level, restored), (period, keep)) in levels.zip(LEVELS) {
            let start = Timestamp(new.start.millis().div_euclid(period) * period);
            let own = level.len() > *restored;
            match level.back_mut() {
                // What was put back is whole.
                Some(last) if !own && last.start >= start => {}
                Some(last) if last.start == start && Arc::ptr_eq(&last.topology, &new.topology) => {
                    Arc::make_mut(last).merge(&new)
                }
                _ => level.push_back(Arc::new(Bucket { start, ..new.clone() })),
            }
            while level.len() > keep {
                level.pop_front();
                *restored = restored.saturating_sub(1);
            }
        }
    }

    /// `points` buckets of equal length that end at `to` and span `window_ms`; `None` = no value.
    /// `asset` is one of `topology`; assets other than halls and the site have no series here.
    #[must_use]
    pub fn series(
        &self,
        topology: &Topology,
        (asset, signal): (Asset, Signal),
        to: Timestamp,
        window: (i64, usize),
    ) -> Vec<Option<Point>> {
        let level = match window.0 {
            w if w <= 900_000 => 0,
            w if w <= 3_600_000 => 1,
            _ => 2,
        };
        // Halls of another topology are found by name, once per topology.
        let mut here: Option<(&Topology, Option<usize>)> = None;
        let found = self.levels[level].iter().filter_map(|b| {
            let there = b.topology.as_ref();
            if here.is_none_or(|(t, _)| !std::ptr::eq(t, there)) {
                let same = std::ptr::eq(there, topology);
                let moved = if same { Some(asset) } else { there.same(asset, topology) };
                here = Some((there, moved.and_then(|a| index(there.halls().len(), a, signal))));
            }
            Some((b.start, b.values.get(here?.1?)?.known()?))
        });
        resample(found, LEVELS[level].0, to, window)
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |b: &Arc<Bucket>| b.values.len() * size_of::<Point>() + size_of::<Bucket>();
        // Buckets of one level are alike, but for a site that grows: the newest one is the largest.
        self.levels.iter().map(|l| l.len() * l.back().map_or(0, of)).sum()
    }
}

/// Spreads points of `period_ms` over the buckets of a window: several points in one bucket are
/// merged, a point longer than a bucket fills all it covers.
pub(crate) fn resample(
    found: impl Iterator<Item = (Timestamp, Point)>,
    period_ms: i64,
    to: Timestamp,
    (window_ms, points): (i64, usize),
) -> Vec<Option<Point>> {
    let mut out: Vec<(Point, u32)> = vec![(Point::ABSENT, 0); points];
    let from = to.plus_millis(-window_ms);
    let width = (window_ms / points.max(1) as i64).max(1);
    for (start, point) in found {
        let first = start.since(from).div_euclid(width);
        let last = (start.plus_millis(period_ms - 1).since(from)).div_euclid(width);
        for i in first.max(0)..=last.min(points as i64 - 1) {
            let slot = &mut out[i as usize];
            slot.0.merge(point, slot.1);
            slot.1 += 1;
        }
    }
    out.into_iter().map(|(p, _)| p.known()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, v: f32) -> (Timestamp, Point) {
        (Timestamp::from_secs(second), Point::of(v))
    }

    #[test]
    fn a_gap_stays_a_gap_and_zero_stays_zero() {
        let found = [at(0, 0.0), at(3, 5.0)].into_iter();
        let s = resample(found, 1000, Timestamp::from_secs(4), (4000, 4));
        assert_eq!(s, [Some(Point::of(0.0)), None, None, Some(Point::of(5.0))]);
    }

    #[test]
    fn points_in_one_bucket_are_merged() {
        let found = [at(0, 1.0), at(1, 3.0)].into_iter();
        let s = resample(found, 1000, Timestamp::from_secs(2), (2000, 1));
        assert_eq!(s, [Some(Point { min: 1.0, mean: 2.0, max: 3.0 })]);
    }

    #[test]
    fn a_long_point_fills_the_buckets_it_covers() {
        let s = resample([at(0, 7.0)].into_iter(), 10_000, Timestamp::from_secs(20), (20_000, 4));
        assert_eq!(s, [Some(Point::of(7.0)), Some(Point::of(7.0)), None, None]);
    }

    #[test]
    fn points_outside_the_window_are_left_out() {
        let found = [at(-100, 1.0), at(100, 1.0)].into_iter();
        assert_eq!(resample(found, 1000, Timestamp::from_secs(10), (10_000, 2)), [None, None]);
    }
}
