//! Coarse tiers: smallest, mean and largest value of every GPU per 10 s and per minute, so that
//! an hour and a day stay visible after the ring has turned over.
//!
//! A bucket is stored in blocks of [`BLOCK`] GPUs as differences to the bucket before, compressed.
//! To keep a day at 100,000 GPUs in a few hundred megabytes, small changes are not followed: a
//! mean may be off by [`MEAN_STEP`] raw steps (1 °C, 1 %, 15 MHz, 8 W), the distances of minimum
//! and maximum from it by [`SPREAD_STEP`]. The ring is exact; tiers are for charts.

use std::collections::VecDeque;
use std::sync::Arc;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::compress_bound;

use crate::fleet::frame::Frame;
use crate::fleet::series::Point;
use crate::model::id::Span;
use crate::model::{Column, Metric, Quality, Timestamp, Topology};

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
    /// True when the blocks are not differences.
    key: bool,
    blocks: Vec<Box<[u8]>>,
    bytes: usize,
}

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
    buckets: VecDeque<Arc<Bucket>>,
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
            buckets: VecDeque::new(),
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
        let bucket = self.compress(exact, key, &before, &now);
        self.last = now;
        self.since_key = (self.since_key + 1) % KEY_EVERY;
        self.bytes += bucket.bytes;
        self.buckets.push_back(Arc::new(bucket));
        self.evict();
        true
    }

    fn compress(&mut self, exact: Exact, key: bool, before: &[Vec<u8>], now: &[Vec<u8>]) -> Bucket {
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
        Bucket { start: exact.start, topology: exact.topology, key, blocks, bytes }
    }

    /// Old buckets go in whole groups: what follows a key cannot be read without it.
    fn evict(&mut self) {
        while self.buckets.len() > 1
            && (self.bytes > self.budget || self.buckets.len() > self.keep + KEY_EVERY)
        {
            loop {
                let Some(gone) = self.buckets.pop_front() else { return };
                self.bytes -= gone.bytes;
                if self.buckets.front().is_none_or(|b| b.key) {
                    break;
                }
            }
        }
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

/// Series of `metrics` over the GPUs of `span` (ids of `topology`) between two moments: per bucket
/// the smallest minimum, the mean of means, the largest maximum. Buckets without a value are left
/// out; metrics that tiers do not keep have none. All metrics together cost as much as one.
#[must_use]
pub fn series(
    buckets: &[Arc<Bucket>],
    topology: &Topology,
    span: Span,
    metrics: &[Metric],
    (from, to): (Timestamp, Timestamp),
) -> Vec<Vec<(Timestamp, Point)>> {
    let mut out = vec![Vec::new(); metrics.len()];
    let Ok(mut zstd) = Decompressor::new() else { return out };
    let kept = metrics.iter().map(|m| Metric::TIERED.iter().position(|t| t == m));
    let kept: Vec<Option<usize>> = kept.collect();
    // The nearest key before the window: what follows it can be read from there.
    let inside = buckets.partition_point(|b| b.start < from);
    let first = (0..=inside.min(buckets.len().saturating_sub(1)))
        .rev()
        .find(|i| buckets.get(*i).is_some_and(|b| b.key));
    let Some(first) = first else { return out };
    let mut reader = Reader { blocks: Vec::new(), raw: vec![0; PLANES * BLOCK] };
    let mut here = (0, span);
    for bucket in buckets[first..].iter().take_while(|b| b.start < to) {
        if bucket.key || reader.blocks.is_empty() {
            // A new key may be of another topology: the GPUs are looked up by name there.
            here.1 = if bucket.topology.generation() == topology.generation() {
                span
            } else {
                moved(topology, &bucket.topology, span)
            };
            here.0 = here.1.start as usize / BLOCK;
            reader.reset(here.1, bucket.topology.gpu_count());
        }
        reader.advance(&mut zstd, bucket, here.0);
        for ((metric, m), points) in metrics.iter().zip(&kept).zip(&mut out) {
            if let Some(point) = m.and_then(|m| reader.point(here.1, here.0, m)) {
                points.push((bucket.start, unit(*metric, point)));
            }
        }
    }
    out
}

/// The same GPUs in another topology; empty where they are not there.
fn moved(topology: &Topology, other: &Topology, span: Span) -> Span {
    if span.is_empty() {
        return span;
    }
    let tray = topology.tray_of(crate::model::GpuId(span.start));
    let offset = span.start - topology.tray(tray).gpus.start;
    let place = topology.place_of(tray);
    let found = (0..other.trays().len()).map(crate::model::TrayId::new).find(|t| other.place_of(*t) == place);
    found.map_or(Span::default(), |t| {
        let start = other.tray(t).gpus.start + offset;
        Span { start, end: (start + span.len() as u32).min(other.gpu_count() as u32) }
    })
}

fn unit(metric: Metric, (min, mean, max): (f32, f32, f32)) -> Point {
    let spec = metric.spec();
    let factor = spec.scale * (1u32 << shift(metric)) as f32;
    let value = |raw: f32| raw * factor + spec.offset;
    Point { min: value(min), mean: value(mean), max: value(max) }
}

/// Decoded planes of the blocks that hold a span.
struct Reader {
    blocks: Vec<Vec<u8>>,
    raw: Vec<u8>,
}

impl Reader {
    fn reset(&mut self, span: Span, gpus: usize) {
        self.blocks.clear();
        if !span.is_empty() {
            for block in span.start as usize / BLOCK..=(span.end as usize - 1) / BLOCK {
                let width = BLOCK.min(gpus - block * BLOCK);
                self.blocks.push(vec![0; PLANES * width]);
            }
        }
    }

    fn advance(&mut self, zstd: &mut Decompressor<'_>, bucket: &Bucket, first: usize) {
        for (i, state) in self.blocks.iter_mut().enumerate() {
            let read =
                bucket.blocks.get(first + i).and_then(|b| zstd.decompress_to_buffer(b, &mut self.raw).ok());
            if read == Some(state.len()) {
                state.iter_mut().zip(&self.raw).for_each(|(s, d)| *s = s.wrapping_add(*d));
            }
        }
    }

    fn point(&self, span: Span, first: usize, metric: usize) -> Option<(f32, f32, f32)> {
        let (mut min, mut sum, mut max, mut n) = (f32::INFINITY, 0.0, f32::NEG_INFINITY, 0u32);
        for gpu in span.range() {
            let block = self.blocks.get(gpu / BLOCK - first)?;
            let width = block.len() / PLANES;
            let plane = |p: usize| block[(3 * metric + p) * width + gpu % BLOCK];
            let mean = plane(0);
            if mean != NONE {
                min = min.min(f32::from(mean) - f32::from(plane(1)));
                max = max.max(f32::from(mean) + f32::from(plane(2)));
                sum += f32::from(mean);
                n += 1;
            }
        }
        (n > 0).then(|| (min, sum / n as f32, max))
    }
}

#[cfg(test)]
mod tests;
