//! Reading tiers: series of GPUs, and all GPUs of one period.

use std::sync::Arc;

use zstd::bulk::Decompressor;

use crate::fleet::series::Point;
use crate::fleet::tier::{BLOCK, Bucket, NONE, PLANES, shift};
use crate::model::id::Span;
use crate::model::{Asset, GpuId, Metric, Timestamp, Topology};

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
        .find(|i| buckets.get(*i).is_some_and(|b| b.is_key()));
    let Some(first) = first else { return out };
    let mut reader = Reader { blocks: Vec::new(), raw: vec![0; PLANES * BLOCK] };
    let mut here = (0, span);
    for bucket in buckets[first..].iter().take_while(|b| b.start < to) {
        if bucket.is_key() || reader.blocks.is_empty() {
            // A new key may be of another topology: the GPUs are looked up by name there.
            here.1 = if std::ptr::eq(bucket.topology.as_ref(), topology) {
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
    let tray = topology.tray_of(GpuId(span.start));
    let offset = span.start - topology.tray(tray).gpus.start;
    let Some(Asset::Tray(there)) = other.same(Asset::Tray(tray), topology) else { return Span::default() };
    let start = other.tray(there).gpus.start + offset;
    Span { start, end: (start + span.len() as u32).min(other.gpu_count() as u32) }
}

/// What raw steps are in the unit of the metric.
pub(super) fn unit(metric: Metric, (min, mean, max): (f32, f32, f32)) -> Point {
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
                let width = BLOCK.min(gpus.saturating_sub(block * BLOCK));
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

/// The planes of all GPUs, bucket after bucket.
pub(super) struct Unroll {
    zstd: Option<Decompressor<'static>>,
    raw: Vec<u8>,
    planes: Vec<Vec<u8>>,
}

impl Unroll {
    pub(super) fn new() -> Self {
        Self { zstd: Decompressor::new().ok(), raw: vec![0; PLANES * BLOCK], planes: Vec::new() }
    }

    /// The planes of `bucket`, which must follow the one before or be a key.
    pub(super) fn advance(&mut self, bucket: &Bucket) -> &[Vec<u8>] {
        let n = bucket.topology.gpu_count();
        if bucket.is_key() || self.planes.first().is_none_or(|p| p.len() != n) {
            self.planes = vec![vec![0; n]; PLANES];
        }
        for (block, start) in bucket.blocks.iter().zip((0..n).step_by(BLOCK)) {
            let width = BLOCK.min(n - start);
            let read = self.zstd.as_mut().and_then(|z| z.decompress_to_buffer(block, &mut self.raw).ok());
            if read != Some(PLANES * width) {
                continue;
            }
            for (plane, raw) in self.planes.iter_mut().zip(self.raw.chunks_exact(width)) {
                let to = plane[start..start + width].iter_mut();
                to.zip(raw).for_each(|(s, d)| *s = s.wrapping_add(*d));
            }
        }
        &self.planes
    }
}
