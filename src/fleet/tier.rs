//! Coarse tiers: smallest, mean and largest value of every GPU per 10 s and per minute, so that
//! an hour and a day stay visible after the ring has turned over.
//!
//! A bucket is stored in blocks of [`BLOCK`] GPUs as differences to the bucket before, compressed.
//! To keep a day at 100,000 GPUs in a few hundred megabytes, small changes are not followed: a
//! mean may be off by [`MEAN_STEP`] raw steps (1 °C, 1 %, 15 MHz, 8 W), the distances of minimum
//! and maximum from it by [`SPREAD_STEP`]. The ring is exact; tiers are for charts.

mod overview;
mod read;
mod stored;

use std::collections::VecDeque;
use std::sync::Arc;

use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use crate::fleet::frame::Frame;
use crate::model::{Column, Metric, Quality, Timestamp, Topology};

pub use overview::Overview;
pub(crate) use overview::overviews;
pub use read::series;

/// GPUs per block.
pub const BLOCK: usize = 1024;
/// A bucket is stored whole after this many differences.
const KEY_EVERY: usize = 30;
/// Means follow changes larger than this, raw steps.
pub const MEAN_STEP: u8 = 1;
/// Distances of minimum and maximum from the mean follow changes larger than this, raw steps.
pub const SPREAD_STEP: u8 = 3;
/// Metrics in a bucket.
const METRICS: usize = Metric::TIERED.len();
/// Planes per metric: mean, mean − min, max − mean.
const PLANES: usize = 3 * METRICS;
/// Samples that a period takes in: their sum still fits two bytes. What comes later in a period is
/// not needed for its picture.
const MOST_SAMPLES: u8 = 250;
/// Raw value of "no value in this bucket".
const NONE: u8 = u8::MAX;

/// Raw values of wide metrics are shifted by this to fit a byte.
const fn shift(metric: Metric) -> u32 {
    if metric.spec().wide { 3 } else { 0 }
}

/// Exact minimum, mean and maximum per GPU of one finished period, one plane each per metric.
#[derive(Debug)]
struct Exact {
    start: Timestamp,
    topology: Arc<Topology>,
    min: [Vec<u8>; METRICS],
    mean: [Vec<u8>; METRICS],
    max: [Vec<u8>; METRICS],
}

/// Gathers values of one period.
#[derive(Debug)]
struct Gather {
    start: Timestamp,
    topology: Arc<Topology>,
    min: [Vec<u8>; METRICS],
    max: [Vec<u8>; METRICS],
    sum: [Vec<u16>; METRICS],
    count: [Vec<u8>; METRICS],
    samples: u8,
}

impl Gather {
    fn new(start: Timestamp, topology: Arc<Topology>) -> Self {
        let n = topology.gpu_count();
        Self {
            start,
            topology,
            min: std::array::from_fn(|_| vec![NONE; n]),
            max: std::array::from_fn(|_| vec![0; n]),
            sum: std::array::from_fn(|_| vec![0; n]),
            count: std::array::from_fn(|_| vec![0; n]),
            samples: 0,
        }
    }

    fn add_frame(&mut self, frame: &Frame, scratch: &mut Vec<u8>) {
        if self.samples == MOST_SAMPLES {
            return;
        }
        self.samples += 1;
        for (i, metric) in Metric::TIERED.into_iter().enumerate() {
            let shift = shift(metric);
            let good = |q: &u8| *q == Quality::Good as u8;
            let quality = frame.quality.iter();
            scratch.clear();
            match frame.column(metric) {
                Column::Narrow(v) => {
                    scratch.extend(v.iter().zip(quality).map(|(v, q)| if good(q) { *v } else { NONE }));
                }
                Column::Wide(v) => scratch.extend(v.iter().zip(quality).map(|(v, q)| {
                    if good(q) && *v != u16::MAX { (*v >> shift).min(254) as u8 } else { NONE }
                })),
            }
            self.add(i, scratch, scratch, scratch);
        }
    }

    fn add_exact(&mut self, exact: &Exact) {
        if self.samples < MOST_SAMPLES {
            self.samples += 1;
            for i in 0..METRICS {
                self.add(i, &exact.min[i], &exact.mean[i], &exact.max[i]);
            }
        }
    }

    /// Straight passes over plain bytes, one for each result, so that the compiler can use vector
    /// instructions. Where there is no value all three are [`NONE`], which no minimum can take.
    fn add(&mut self, i: usize, min: &[u8], mean: &[u8], max: &[u8]) {
        let real = |v: u8| if v == NONE { 0 } else { v };
        self.min[i].iter_mut().zip(min).for_each(|(a, v)| *a = (*a).min(*v));
        self.max[i].iter_mut().zip(max).for_each(|(a, v)| *a = (*a).max(real(*v)));
        self.sum[i].iter_mut().zip(mean).for_each(|(a, v)| *a += u16::from(real(*v)));
        self.count[i].iter_mut().zip(mean).for_each(|(a, v)| *a += u8::from(*v != NONE));
    }

    fn finish(self) -> Exact {
        let mean = |i: usize| {
            let pairs = self.sum[i].iter().zip(&self.count[i]);
            pairs
                .map(|(s, c)| if *c == 0 { NONE } else { ((s + u16::from(*c) / 2) / u16::from(*c)) as u8 })
                .collect()
        };
        Exact {
            start: self.start,
            mean: std::array::from_fn(mean),
            topology: self.topology,
            min: self.min,
            max: self.max,
        }
    }
}

/// One stored period.
#[derive(Debug)]
pub struct Bucket {
    /// Start of the period.
    pub start: Timestamp,
    topology: Arc<Topology>,
    /// Start of the key that it hangs on, and how many buckets after the key it is; 0 for a key,
    /// whose blocks are not differences.
    chain: (Timestamp, u32),
    blocks: Vec<Box<[u8]>>,
    bytes: usize,
}

impl Bucket {
    /// The topology that its GPUs are of.
    #[must_use]
    pub const fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// True when it can be read without the buckets before it.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        self.chain.1 == 0
    }

    /// True when a period of `start` and `topology` can come after this one: a period has two buckets
    /// where the site has grown in it.
    fn is_before(&self, start: Timestamp, topology: &Arc<Topology>) -> bool {
        self.start < start || (self.start == start && !Arc::ptr_eq(&self.topology, topology))
    }

    /// True when it can be read right after `before`.
    fn can_follow(&self, before: Option<&Self>) -> bool {
        let next = |b: &Self| b.chain.0 == self.chain.0 && b.chain.1.checked_add(1) == Some(self.chain.1);
        self.is_key() || before.is_some_and(|b| next(b) && b.blocks.len() == self.blocks.len())
    }
}

/// Overviews of the newest buckets, by bucket.
type Overviews = VecDeque<(Arc<Bucket>, Arc<Overview>)>;
/// Buckets whose overview is at hand.
const OVERVIEWS: usize = 4;

/// The writer's side of one tier.
pub struct Tier {
    period_ms: i64,
    keep: usize,
    budget: usize,
    gather: Option<Gather>,
    finished: VecDeque<Exact>,
    /// Planes of the newest bucket as a reader will see them.
    last: Vec<Vec<u8>>,
    since_key: usize,
    /// The key that the newest bucket hangs on, and how far it is from that.
    chain: (Timestamp, u32),
    buckets: VecDeque<Arc<Bucket>>,
    /// How many of the buckets, from the front, were put back and not gathered here.
    restored: usize,
    overviews: Overviews,
    bytes: usize,
    zstd: Option<Compressor<'static>>,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tier")
            .field("period_ms", &self.period_ms)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Tier {
    /// A tier of `keep` buckets of `period_ms` that holds at most `budget` bytes.
    #[must_use]
    pub fn new(period_ms: i64, keep: usize, budget: usize) -> Self {
        Self {
            period_ms,
            keep,
            budget,
            gather: None,
            finished: VecDeque::new(),
            last: Vec::new(),
            since_key: 0,
            chain: (Timestamp(0), 0),
            buckets: VecDeque::new(),
            restored: 0,
            overviews: VecDeque::new(),
            bytes: 0,
            zstd: Compressor::new(1).ok(),
            scratch: Vec::new(),
        }
    }

    fn period_of(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.millis().div_euclid(self.period_ms) * self.period_ms)
    }

    fn gather_for(&mut self, time: Timestamp, topology: &Arc<Topology>) -> &mut Gather {
        let start = self.period_of(time);
        let fits = |g: &Gather| g.start == start && Arc::ptr_eq(&g.topology, topology);
        if !self.gather.as_ref().is_some_and(fits)
            && let Some(done) = self.gather.take()
        {
            self.finished.push_back(done.finish());
        }
        self.gather.get_or_insert_with(|| Gather::new(start, Arc::clone(topology)))
    }

    /// Takes in the newest frame.
    pub fn push(&mut self, frame: &Frame) {
        let mut scratch = std::mem::take(&mut self.scratch);
        self.gather_for(frame.time, &frame.topology).add_frame(frame, &mut scratch);
        self.scratch = scratch;
    }

    /// Stores one finished period, and hands it to the next coarser tier first. True when there
    /// was one.
    pub fn store_one(&mut self, coarser: Option<&mut Self>) -> bool {
        let Some(exact) = self.finished.pop_front() else { return false };
        if let Some(tier) = coarser {
            tier.gather_for(exact.start, &exact.topology).add_exact(&exact);
        }
        let n = exact.topology.gpu_count();
        let key = self.since_key == 0 || self.last.first().is_none_or(|p| p.len() != n);
        let before = if key { vec![vec![0; n]; PLANES] } else { std::mem::take(&mut self.last) };
        let now = if key { planes(&exact, None) } else { planes(&exact, Some(&before)) };
        self.chain = if key { (exact.start, 0) } else { (self.chain.0, self.chain.1 + 1) };
        let bucket = Arc::new(self.compress(exact, &before, &now));
        self.overviews.push_back((Arc::clone(&bucket), Arc::new(Overview::of(&now, &bucket.topology))));
        if self.overviews.len() > OVERVIEWS {
            self.overviews.pop_front();
        }
        self.last = now;
        self.since_key = (self.since_key + 1) % KEY_EVERY;
        self.bytes += bucket.bytes;
        self.buckets.push_back(bucket);
        while self.buckets.len() > 1 && self.too_much() && self.evict() {}
        if self.buckets.is_empty() {
            // The key is gone: what comes next must not hang on it.
            self.since_key = 0;
        }
        true
    }

    fn compress(&mut self, exact: Exact, before: &[Vec<u8>], now: &[Vec<u8>]) -> Bucket {
        let n = exact.topology.gpu_count();
        let mut blocks: Vec<Box<[u8]>> = Vec::with_capacity(n.div_ceil(BLOCK));
        let mut raw = Vec::with_capacity(PLANES * BLOCK);
        let mut packed = vec![0; compress_bound(PLANES * BLOCK)];
        for start in (0..n).step_by(BLOCK) {
            let span = start..(start + BLOCK).min(n);
            raw.clear();
            for (a, b) in now.iter().zip(before) {
                raw.extend(a[span.clone()].iter().zip(&b[span.clone()]).map(|(a, b)| a.wrapping_sub(*b)));
            }
            // Without a compressor there is no tier: an empty block reads as "no value".
            let zstd = self.zstd.as_mut();
            let len = zstd.and_then(|z| z.compress_to_buffer(&raw, packed.as_mut_slice()).ok());
            blocks.push(packed[..len.unwrap_or(0)].into());
        }
        let bytes = blocks.iter().map(|b| b.len() + 16).sum();
        Bucket { start: exact.start, topology: exact.topology, chain: self.chain, blocks, bytes }
    }

    fn too_much(&self) -> bool {
        self.bytes > self.budget || self.buckets.len() > self.keep + KEY_EVERY
    }

    /// Old buckets go in whole groups: what follows a key cannot be read without it. False when there
    /// was none.
    fn evict(&mut self) -> bool {
        let before = self.buckets.len();
        while let Some(gone) = self.buckets.pop_front() {
            self.bytes -= gone.bytes;
            self.restored = self.restored.saturating_sub(1);
            if self.buckets.front().is_none_or(|b| b.is_key()) {
                break;
            }
        }
        self.buckets.len() < before
    }

    /// Start of the oldest period that was gathered here.
    fn oldest(&self) -> Option<Timestamp> {
        let stored = self.buckets.get(self.restored).map(|b| b.start);
        stored.or_else(|| self.pending())
    }

    /// Start of the oldest period that is not stored yet: what is older is complete.
    #[must_use]
    pub fn pending(&self) -> Option<Timestamp> {
        let finished = self.finished.front().map(|e| e.start);
        finished.or_else(|| self.gather.as_ref().map(|g| g.start))
    }

    /// Puts back a bucket that is older than what was gathered here and newer than what was put back
    /// before. It is left out where it does not fit, or cannot be read without one that is missing.
    pub fn restore(&mut self, bucket: Arc<Bucket>) {
        let newest = self.buckets.back().map(|b| b.start).max(self.pending());
        let too_old = |n: Timestamp| n.since(bucket.start) / self.period_ms > (self.keep + KEY_EVERY) as i64;
        let before = self.restored.checked_sub(1).and_then(|i| self.buckets.get(i));
        if self.oldest().is_some_and(|o| bucket.start >= o)
            || newest.is_some_and(too_old)
            || before.is_some_and(|b| !b.is_before(bucket.start, &bucket.topology))
            || !bucket.can_follow(before.map(Arc::as_ref))
        {
            return;
        }
        self.bytes += bucket.bytes;
        self.buckets.insert(self.restored, bucket);
        self.restored += 1;
        while self.restored > 0 && self.too_much() && self.evict() {}
    }

    /// Bytes held, without the period that is being gathered.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The stored buckets, oldest first.
    #[must_use]
    pub fn view(&self) -> Arc<[Arc<Bucket>]> {
        self.buckets.iter().cloned().collect()
    }

    /// The newest buckets with their overviews.
    #[must_use]
    pub fn overviews(&self) -> Arc<[(Arc<Bucket>, Arc<Overview>)]> {
        self.overviews.iter().cloned().collect()
    }
}

/// The planes of a period as they will be stored: small changes against `before` are not followed.
fn planes(exact: &Exact, before: Option<&[Vec<u8>]>) -> Vec<Vec<u8>> {
    let mut out = Vec::with_capacity(PLANES);
    for i in 0..METRICS {
        let old = |plane: usize| before.map(|b| b[3 * i + plane].as_slice());
        let mean = follow(exact.mean[i].iter().copied(), old(0), MEAN_STEP);
        let spread = |edge: &[u8], sign: i16| {
            let pairs: Vec<u8> = mean
                .iter()
                .zip(edge)
                .map(|(m, e)| {
                    if *m == NONE {
                        NONE
                    } else {
                        (sign * (i16::from(*e) - i16::from(*m))).clamp(0, 254) as u8
                    }
                })
                .collect();
            pairs
        };
        let below = follow(spread(&exact.min[i], -1).into_iter(), old(1), SPREAD_STEP);
        let above = follow(spread(&exact.max[i], 1).into_iter(), old(2), SPREAD_STEP);
        out.extend([mean, below, above]);
    }
    out
}

fn follow(new: impl Iterator<Item = u8>, old: Option<&[u8]>, step: u8) -> Vec<u8> {
    match old {
        None => new.collect(),
        Some(old) => new
            .zip(old)
            .map(|(n, o)| if n != NONE && *o != NONE && n.abs_diff(*o) <= step { *o } else { n })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
