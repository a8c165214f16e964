//! Coarse tiers: smallest, mean and largest value of every GPU per 10 s and per minute, so that
//! an hour and a day stay visible after the ring has turned over.
//!
//! A bucket is stored in blocks of [`BLOCK`] GPUs as differences to the bucket before, compressed.
//! To keep a day at 100,000 GPUs in a few hundred megabytes, small changes are not followed: a
//! mean may be off by [`MEAN_STEP`] raw steps (1 °C, 1 %, 15 MHz, 8 W), the distances of minimum
//! and maximum from it by [`SPREAD_STEP`]. The ring is exact; tiers are for charts.

mod gather;
mod overview;
mod read;
mod stored;

use std::collections::VecDeque;
use std::sync::Arc;

use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use crate::fleet::frame::Frame;
use crate::model::{Metric, Timestamp, Topology};

use gather::{Exact, Gather, Sample, Values};
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
/// Raw value of "no value in this bucket".
const NONE: u8 = u8::MAX;

/// Raw values of wide metrics are shifted by this to fit a byte.
const fn shift(metric: Metric) -> u32 {
    if metric.spec().wide { 3 } else { 0 }
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
    /// The moment that it is of, where that is a single one.
    newest: Option<Sample>,
    since_key: usize,
    /// The key that the newest bucket hangs on, and how far it is from that.
    chain: (Timestamp, u32),
    buckets: VecDeque<Arc<Bucket>>,
    /// How many of the buckets, from the front, were put back and not gathered here.
    restored: usize,
    overviews: Overviews,
    bytes: usize,
    zstd: Option<Compressor<'static>>,
    packed: Vec<u8>,
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
            newest: None,
            since_key: 0,
            chain: (Timestamp(0), 0),
            buckets: VecDeque::new(),
            restored: 0,
            overviews: VecDeque::new(),
            bytes: 0,
            zstd: Compressor::new(1).ok(),
            packed: Vec::new(),
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
            tier.gather_for(exact.start, &exact.topology).add_exact(&exact, &mut self.scratch);
        }
        let (start, topology) = (exact.start, Arc::clone(&exact.topology));
        let n = topology.gpu_count();
        let key = self.since_key == 0 || self.last.first().is_none_or(|p| p.len() != n);
        self.chain = if key { (start, 0) } else { (self.chain.0, self.chain.1 + 1) };
        let only = exact.only().cloned();
        let newest = std::mem::replace(&mut self.newest, only);
        let is_same = |now: &Sample| newest.is_some_and(|before| before.same(now));
        let (blocks, overview) = match self.overviews.back() {
            // What was not followed once is not followed again: nothing differs.
            Some((b, o))
                if !key
                    && Arc::ptr_eq(&b.topology, &topology)
                    && self.newest.as_ref().is_some_and(is_same) =>
            {
                let overview = Arc::clone(o);
                (self.unchanged(n), overview)
            }
            _ => self.changed(exact, key),
        };
        let bytes = blocks.iter().map(|b| b.len() + 16).sum();
        let bucket = Arc::new(Bucket { start, topology, chain: self.chain, blocks, bytes });
        self.overviews.push_back((Arc::clone(&bucket), overview));
        if self.overviews.len() > OVERVIEWS {
            self.overviews.pop_front();
        }
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

    /// The blocks of a period, and its overview.
    fn changed(&mut self, exact: Exact, key: bool) -> (Vec<Box<[u8]>>, Arc<Overview>) {
        let topology = Arc::clone(&exact.topology);
        let n = topology.gpu_count();
        let before = if key { vec![vec![0; n]; PLANES] } else { std::mem::take(&mut self.last) };
        let exact = exact.into_values();
        let now = if key { planes(&exact, None) } else { planes(&exact, Some(&before)) };
        let mut blocks = Vec::with_capacity(n.div_ceil(BLOCK));
        let mut raw = Vec::with_capacity(PLANES * BLOCK);
        for start in (0..n).step_by(BLOCK) {
            let span = start..(start + BLOCK).min(n);
            raw.clear();
            for (a, b) in now.iter().zip(&before) {
                raw.extend(a[span.clone()].iter().zip(&b[span.clone()]).map(|(a, b)| a.wrapping_sub(*b)));
            }
            blocks.push(self.compress(&raw));
        }
        let overview = Arc::new(Overview::of(&now, &topology));
        self.last = now;
        (blocks, overview)
    }

    /// The blocks of a period in which nothing changed.
    fn unchanged(&mut self, n: usize) -> Vec<Box<[u8]>> {
        let mut out: Vec<Box<[u8]>> = Vec::with_capacity(n.div_ceil(BLOCK));
        for start in (0..n).step_by(BLOCK) {
            let width = BLOCK.min(n - start);
            let block = match out.last() {
                Some(block) if width == BLOCK => block.clone(),
                _ => self.compress(&vec![0; PLANES * width]),
            };
            out.push(block);
        }
        out
    }

    fn compress(&mut self, raw: &[u8]) -> Box<[u8]> {
        let mut packed = std::mem::take(&mut self.packed);
        packed.resize(compress_bound(PLANES * BLOCK), 0);
        // Without a compressor there is no tier: an empty block reads as "no value".
        let zstd = self.zstd.as_mut();
        let len = zstd.and_then(|z| z.compress_to_buffer(raw, packed.as_mut_slice()).ok());
        let out = packed[..len.unwrap_or(0)].into();
        self.packed = packed;
        out
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
fn planes(exact: &Values, before: Option<&[Vec<u8>]>) -> Vec<Vec<u8>> {
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
