//! Series of halls and site that leave the store, and that are put back.

use std::sync::Arc;

use crate::fleet::period::wire::{Bytes, from_planes, to_planes};
use crate::fleet::series::{Bucket, LEVELS, PER_ASSET, PER_HALL, Point, SeriesStore};
use crate::model::facility::SitePoint;
use crate::model::{Timestamp, Topology};

/// Bytes of a bucket beside its values: start and number of frames.
const HEAD: usize = 12;
/// Numbers per value, and bytes per number.
const PARTS: usize = 3;

impl Bucket {
    /// Start of its period.
    pub(crate) const fn start(&self) -> Timestamp {
        self.start
    }

    /// The topology that its halls are of.
    pub(crate) const fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// How many values a bucket of a topology has.
    fn width(topology: &Topology) -> usize {
        let halls = topology.halls().len();
        (halls + 1) * PER_ASSET + SitePoint::ALL.len() + halls * PER_HALL
    }

    /// Bytes of `count` buckets of a topology.
    pub(crate) fn size(topology: &Topology, count: usize) -> usize {
        4 + count * (HEAD + 4 * PARTS * Self::width(topology))
    }

    /// Buckets of one topology as bytes; see `docs/recording-periods.md`.
    pub(crate) fn to_bytes(buckets: &[Arc<Self>]) -> Vec<u8> {
        let mut out = (buckets.len() as u32).to_le_bytes().to_vec();
        let mut words: Vec<u32> = Vec::new();
        let mut before: Vec<u32> = Vec::new();
        for bucket in buckets {
            out.extend(bucket.start.millis().to_le_bytes());
            out.extend(bucket.merged.to_le_bytes());
            let bits = |p: &Point| [p.mean, p.min, p.max].map(f32::to_bits);
            let mean = bucket.values.iter().map(|p| bits(p)[0]);
            let edge = |i: usize| bucket.values.iter().map(move |p| bits(p)[0] ^ bits(p)[i]);
            let now: Vec<u32> = mean.chain(edge(1)).chain(edge(2)).collect();
            before.resize(now.len(), 0);
            words.extend(now.iter().zip(&before).map(|(n, b)| n ^ b));
            before = now;
        }
        out.extend(to_planes(words.iter().map(|w| w.to_le_bytes())));
        out
    }

    /// The inverse of [`Self::to_bytes`]: at most `most` buckets whose starts rise from `first` on;
    /// `None` where the bytes are not such buckets. Values that are no numbers are absent.
    pub(crate) fn from_bytes(
        bytes: &[u8],
        topology: &Arc<Topology>,
        (first, most): (Timestamp, usize),
    ) -> Option<Vec<Arc<Self>>> {
        let mut bytes = Bytes::new(bytes);
        let count = bytes.u32()? as usize;
        if count > most {
            return None;
        }
        let heads: Option<Vec<(Timestamp, u32)>> =
            (0..count).map(|_| Some((Timestamp(bytes.i64()?), bytes.u32()?))).collect();
        let heads = heads?;
        let rising = heads.windows(2).all(|w| w[0].0 < w[1].0) && heads.first().is_none_or(|h| h.0 >= first);
        let width = Self::width(topology);
        let planes = bytes.take(4 * PARTS * width * count)?;
        if !rising || !bytes.is_empty() {
            return None;
        }
        let mut words = from_planes(planes).map(u32::from_le_bytes);
        let mut now = vec![0u32; PARTS * width];
        let mut out = Vec::with_capacity(count);
        for (start, merged) in heads {
            now.iter_mut().zip(&mut words).for_each(|(n, w)| *n ^= w);
            let value = |i: usize| {
                let mean = now[i];
                let [min, max] = [width, 2 * width].map(|edge| f32::from_bits(mean ^ now[edge + i]));
                let point = Point { min, mean: f32::from_bits(mean), max };
                let known = [point.min, point.mean, point.max].iter().all(|v| v.is_finite());
                if known { point } else { Point::ABSENT }
            };
            let values = (0..width).map(value).collect();
            out.push(Arc::new(Self { start, merged, topology: Arc::clone(topology), values }));
        }
        Some(out)
    }
}

impl SeriesStore {
    /// Buckets of a level (1 s, 10 s, 1 min) between two moments, oldest first; the first moment is
    /// not one of them, and neither is the last.
    pub(crate) fn between(
        &self,
        level: usize,
        after: Option<Timestamp>,
        before: Timestamp,
    ) -> impl Iterator<Item = &Arc<Bucket>> {
        let level = &self.levels[level];
        let first = level.partition_point(|b| after.is_some_and(|a| b.start <= a));
        level.range(first..).take_while(move |b| b.start < before)
    }

    /// Start of the oldest period of a level that may still change.
    pub(crate) fn pending(&self, level: usize) -> Option<Timestamp> {
        let own = self.levels[level].len() > self.restored[level];
        self.levels[level].back().filter(|_| own).map(|b| b.start)
    }

    /// Puts back a bucket of a level: one that is older than what was gathered here and newer than
    /// what was put back before. Others are left out.
    pub(crate) fn restore(&mut self, level: usize, bucket: Arc<Bucket>) {
        let (buckets, restored) = (&mut self.levels[level], &mut self.restored[level]);
        let before = restored.checked_sub(1).and_then(|i| buckets.get(i));
        let follows = |b: &Arc<Bucket>| {
            b.start < bucket.start || (b.start == bucket.start && !Arc::ptr_eq(&b.topology, &bucket.topology))
        };
        if before.is_none_or(follows) && buckets.get(*restored).is_none_or(|b| bucket.start < b.start) {
            buckets.insert(*restored, bucket);
            *restored += 1;
            if buckets.len() > LEVELS[level].1 {
                buckets.pop_front();
                *restored -= 1;
            }
        }
    }

    /// Start of the newest second.
    pub(crate) fn newest_second(&self) -> Option<Timestamp> {
        self.levels[0].back().map(|b| b.start)
    }

    /// The store with nothing in it that may still change: frames that are pushed begin new periods.
    #[must_use]
    pub(crate) fn closed(&self) -> Self {
        let restored = self.levels.each_ref().map(std::collections::VecDeque::len);
        Self { restored, ..self.clone() }
    }
}
