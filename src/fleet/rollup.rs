//! Roll-ups: mean, extremes, percentiles, histogram and counts of a metric over a range of GPUs.
//!
//! Only good values count. Halls and the site are computed once per frame; smaller assets on
//! demand, which takes microseconds.

use std::ops::Range;

use crate::fleet::frame::Frame;
use crate::model::metric::{COUNT, Kind, Metric, Worst};
use crate::model::{Asset, Column, GpuId, Quality, Topology};

/// Number of bins of a histogram.
pub const BINS: usize = 256;

/// GPUs by quality.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Fresh.
    pub good: u32,
    /// Older than three intervals.
    pub stale: u32,
    /// Without any value.
    pub lost: u32,
    /// Reported without values.
    pub unsupported: u32,
}

impl Counts {
    /// All GPUs.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.good + self.stale + self.lost + self.unsupported
    }
}

/// Counts the qualities in a slice of packed ones.
#[must_use]
pub fn count(quality: &[u8]) -> Counts {
    let of = |q: Quality| quality.iter().map(|v| u32::from(*v == q as u8)).sum();
    let (good, stale, unsupported) = (of(Quality::Good), of(Quality::Stale), of(Quality::Unsupported));
    Counts { good, stale, unsupported, lost: quality.len() as u32 - good - stale - unsupported }
}

/// Statistics of one metric, in its unit.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stats {
    /// GPUs that count.
    pub count: u32,
    /// Sum of their values.
    pub sum: f64,
    /// Mean.
    pub mean: f32,
    /// Smallest.
    pub min: f32,
    /// Largest.
    pub max: f32,
    /// Median.
    pub p50: f32,
    /// 95th percentile.
    pub p95: f32,
    /// 99th percentile.
    pub p99: f32,
}

/// Distribution of one metric over [`BINS`] equal bins, with exact sum and extremes.
#[derive(Clone, PartialEq, Debug)]
pub struct Histogram {
    metric: Metric,
    bins: Box<[u32]>,
    count: u32,
    sum: u64,
    min: u16,
    max: u16,
}

/// Raw values of wide metrics are shifted by this to fit the bins.
const fn shift(metric: Metric) -> u32 {
    match metric {
        Metric::Power => 3,
        Metric::MemUsed => 7,
        _ => 0,
    }
}

impl Histogram {
    /// No values yet.
    #[must_use]
    pub fn empty(metric: Metric) -> Self {
        Self { metric, bins: vec![0; BINS].into(), count: 0, sum: 0, min: u16::MAX, max: 0 }
    }

    /// The good values of `column` in `span`. Ranges beyond the column are cut.
    #[must_use]
    pub fn of(metric: Metric, column: &Column, quality: &[u8], span: Range<usize>) -> Self {
        let mut h = Self::empty(metric);
        let span = span.start.min(column.len())..span.end.min(column.len()).min(quality.len());
        if span.start < span.end {
            match column {
                Column::Narrow(v) => h.add_narrow(&v[span.clone()], &quality[span]),
                Column::Wide(v) => h.add_wide(&v[span.clone()], &quality[span]),
            }
        }
        h
    }

    /// One byte per value: the bins alone say everything.
    fn add_narrow(&mut self, values: &[u8], quality: &[u8]) {
        let bins = count_bins(values, quality);
        for (raw, n) in bins.iter().enumerate().take(BINS - 1).filter(|(_, n)| **n > 0) {
            self.sum += raw as u64 * u64::from(*n);
            self.min = self.min.min(raw as u16);
            self.max = self.max.max(raw as u16);
        }
        self.take_bins(&bins);
    }

    /// Two bytes per value: sum and extremes are exact, the bins hold the value shifted.
    fn add_wide(&mut self, values: &[u16], quality: &[u8]) {
        let shift = shift(self.metric);
        let mut narrow = Vec::with_capacity(values.len());
        for (values, quality) in values.chunks(4096).zip(quality.chunks(4096)) {
            let (mut sum, mut min, mut max) = (0u32, u16::MAX, 0u16);
            for (v, q) in values.iter().zip(quality) {
                let ok = *v != u16::MAX && *q == Quality::Good as u8;
                sum += if ok { u32::from(*v) } else { 0 };
                min = min.min(if ok { *v } else { u16::MAX });
                max = max.max(if ok { *v } else { 0 });
                narrow.push(if ok { (*v >> shift).min(254) as u8 } else { u8::MAX });
            }
            self.sum += u64::from(sum);
            self.min = self.min.min(min);
            self.max = self.max.max(max);
        }
        let bins = count_bins(&narrow, quality);
        self.take_bins(&bins);
    }

    fn take_bins(&mut self, bins: &[u32; BINS]) {
        // The last bin is where absent values were counted.
        for (mine, new) in self.bins.iter_mut().zip(&bins[..BINS - 1]) {
            *mine += new;
            self.count += new;
        }
    }

    /// Adds the values of another part.
    pub fn merge(&mut self, other: &Self) {
        for (a, b) in self.bins.iter_mut().zip(&other.bins) {
            *a += b;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// GPUs that count.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Counts of `n` equal bins between `lo` and `hi` (in units); what lies outside goes to the
    /// first or last one.
    #[must_use]
    pub fn resample(&self, n: usize, lo: f32, hi: f32) -> Vec<u32> {
        let mut out = vec![0; n.max(1)];
        let width = ((hi - lo) / n.max(1) as f32).max(f32::MIN_POSITIVE);
        for (bin, count) in self.bins.iter().enumerate().filter(|(_, c)| **c > 0) {
            let at = ((self.bin_value(bin) - lo) / width).floor().max(0.0) as usize;
            out[at.min(n.max(1) - 1)] += count;
        }
        out
    }

    fn bin_value(&self, bin: usize) -> f32 {
        let raw = ((bin as u32) << shift(self.metric)).clamp(u32::from(self.min), u32::from(self.max));
        self.unit(raw as f32)
    }

    fn unit(&self, raw: f32) -> f32 {
        let spec = self.metric.spec();
        raw * spec.scale + spec.offset
    }

    /// The `q`-quantile (0 to 1), nearest rank, to the width of a bin. `None` without values.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f32> {
        let rank = ((q * f64::from(self.count)).ceil() as u32).clamp(1, self.count.max(1));
        let mut seen = 0;
        let bin = self.bins.iter().position(|c| {
            seen += c;
            seen >= rank
        })?;
        (self.count > 0).then(|| self.bin_value(bin))
    }

    /// Statistics; `None` without values.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        if self.count == 0 {
            return None;
        }
        let spec = self.metric.spec();
        let n = f64::from(self.count);
        let sum = self.sum as f64 * f64::from(spec.scale) + n * f64::from(spec.offset);
        let quantile = |q| self.quantile(q).unwrap_or_default();
        Some(Stats {
            count: self.count,
            sum,
            mean: (sum / n) as f32,
            min: self.unit(f32::from(self.min)),
            max: self.unit(f32::from(self.max)),
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
        })
    }
}

/// Counts bytes by value; those of GPUs that are not good go to the last bin, with the absent ones.
///
/// Four tables take turns, so that equal neighbours do not wait for each other's increment.
fn count_bins(values: &[u8], quality: &[u8]) -> [u32; BINS] {
    let mut tables = [[0u32; BINS]; 4];
    let slot = |v: u8, q: u8| usize::from(if q == Quality::Good as u8 { v } else { u8::MAX });
    let (v4, q4) = (values.chunks_exact(4), quality.chunks_exact(4));
    let rest = v4.remainder().iter().zip(q4.remainder());
    rest.for_each(|(v, q)| tables[0][slot(*v, *q)] += 1);
    for (v, q) in v4.zip(q4) {
        tables[0][slot(v[0], q[0])] += 1;
        tables[1][slot(v[1], q[1])] += 1;
        tables[2][slot(v[2], q[2])] += 1;
        tables[3][slot(v[3], q[3])] += 1;
    }
    std::array::from_fn(|i| tables.iter().map(|t| t[i]).sum())
}

/// Roll-ups of halls and site, made once per frame.
#[derive(Clone, PartialEq, Debug)]
pub struct Rollups {
    halls: Vec<AssetRollup>,
    site: AssetRollup,
}

#[derive(Clone, PartialEq, Debug)]
struct AssetRollup {
    counts: Counts,
    stats: [Option<Stats>; COUNT],
    histograms: Vec<Histogram>,
}

fn quantities() -> impl Iterator<Item = Metric> {
    Metric::ALL.into_iter().filter(|m| m.spec().kind == Kind::Quantity && *m != Metric::Age)
}

impl AssetRollup {
    fn new(counts: Counts, histograms: Vec<Histogram>) -> Self {
        let mut stats = [None; COUNT];
        for h in &histograms {
            stats[h.metric.index()] = h.stats();
        }
        Self { counts, stats, histograms }
    }
}

impl Rollups {
    /// The roll-ups of `columns`; what `same` calls unchanged is taken over from `before`.
    pub(crate) fn compute(
        topology: &Topology,
        columns: &[Column; COUNT],
        quality: &[u8],
        before: Option<(&Self, &dyn Fn(Metric) -> bool)>,
    ) -> Self {
        let mut site: Vec<Histogram> = quantities().map(Histogram::empty).collect();
        let mut total = Counts::default();
        let mut halls = Vec::with_capacity(topology.halls().len());
        for (i, hall) in topology.halls().iter().enumerate() {
            let span = hall.gpus.range();
            let kept = |m: Metric| {
                let (old, same) = before?;
                same(m).then(|| old.halls.get(i)?.histograms.iter().find(|h| h.metric == m).cloned())?
            };
            let make = |m: Metric| Histogram::of(m, &columns[m.index()], quality, span.clone());
            let histograms: Vec<Histogram> =
                quantities().map(|m| kept(m).unwrap_or_else(|| make(m))).collect();
            site.iter_mut().zip(&histograms).for_each(|(s, h)| s.merge(h));
            let counts = count(&quality[span]);
            total.good += counts.good;
            total.stale += counts.stale;
            total.lost += counts.lost;
            total.unsupported += counts.unsupported;
            halls.push(AssetRollup::new(counts, histograms));
        }
        Self { halls, site: AssetRollup::new(total, site) }
    }

    fn of(&self, asset: Asset) -> Option<&AssetRollup> {
        match asset {
            Asset::Site => Some(&self.site),
            Asset::Hall(h) => self.halls.get(h.index()),
            _ => None,
        }
    }

    pub(crate) fn counts(&self, asset: Asset) -> Option<Counts> {
        self.of(asset).map(|r| r.counts)
    }

    /// Cached statistics: the outer `None` means "not cached".
    pub(crate) fn stats(&self, asset: Asset, metric: Metric) -> Option<&Option<Stats>> {
        quantities().any(|m| m == metric).then(|| self.of(asset).map(|r| &r.stats[metric.index()]))?
    }

    pub(crate) fn histogram(&self, asset: Asset, metric: Metric) -> Option<&Histogram> {
        self.of(asset)?.histograms.iter().find(|h| h.metric == metric)
    }

    pub(crate) fn bytes(&self) -> usize {
        let one = std::mem::size_of::<AssetRollup>() + self.site.histograms.len() * (4 * BINS + 64);
        one * (self.halls.len() + 1)
    }
}

/// See [`Frame::worst_list`].
pub(crate) fn worst(frame: &Frame, asset: Asset, metric: Metric, n: usize) -> Vec<(GpuId, f32)> {
    let span = frame.topology.gpus_of(asset);
    let low = metric.spec().worst == Worst::Low;
    // Lost GPUs are the worst health there is, so for health they count too.
    let any_quality = matches!(metric, Metric::Health | Metric::Age);
    let column = frame.column(metric);
    let none = metric.none_raw();
    let mut found: Vec<(u16, u32)> = span
        .iter()
        .filter(|g| any_quality || frame.qualities().get(*g as usize) == Some(&(Quality::Good as u8)))
        .map(|g| (column.raw(g as usize), g))
        .filter(|(raw, _)| *raw != none)
        .map(|(raw, g)| (if low { raw } else { u16::MAX - raw }, g))
        .collect();
    if found.len() > n && n > 0 {
        found.select_nth_unstable(n - 1);
    }
    found.truncate(n);
    found.sort_unstable();
    let decode = |key: u16| metric.decode(if low { key } else { u16::MAX - key });
    found.into_iter().filter_map(|(key, g)| decode(key).map(|v| (GpuId(g), v))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram(metric: Metric, values: &[f32]) -> Histogram {
        let column = Column::from_raw(metric, values.iter().map(|v| metric.encode(*v)));
        Histogram::of(metric, &column, &vec![0; values.len()], 0..values.len())
    }

    #[test]
    fn absent_and_stale_values_do_not_count_but_zero_does() {
        let column = Column::from_raw(Metric::Util, [0u16, 100, 255, 50].into_iter());
        let quality = [0, 0, 0, Quality::Stale as u8];
        let s = Histogram::of(Metric::Util, &column, &quality, 0..4).stats().expect("two values count");
        assert_eq!((s.count, s.mean, s.min, s.max), (2, 50.0, 0.0, 100.0));
    }

    #[test]
    fn offsets_and_scales_reach_the_statistics() {
        let s = histogram(Metric::Margin, &[-2.0, 10.0]).stats().expect("two values");
        assert_eq!((s.mean, s.min, s.max, s.sum), (4.0, -2.0, 10.0, 8.0));
        let s = histogram(Metric::MemUsed, &[0.0, 160.0]).stats().expect("two values");
        assert_eq!((s.mean, s.max), (80.0, 160.0));
    }

    #[test]
    fn nothing_has_no_statistics() {
        assert_eq!(histogram(Metric::Temp, &[]).stats(), None);
        assert_eq!(histogram(Metric::Temp, &[]).quantile(0.5), None);
    }

    #[test]
    fn ranges_beyond_the_column_are_cut() {
        let column = Column::from_raw(Metric::Util, [7u16].into_iter());
        assert_eq!(Histogram::of(Metric::Util, &column, &[0], 0..100).count(), 1);
        assert_eq!(Histogram::of(Metric::Util, &column, &[0], 50..100).count(), 0);
    }

    #[test]
    fn counts_add_up() {
        let c = count(&[0, 0, 1, 2, 3, 9]);
        assert_eq!((c.good, c.stale, c.lost, c.unsupported, c.total()), (2, 1, 2, 1, 6));
    }

    proptest! {
        #[test]
        fn quantiles_agree_with_sorting(mut values in prop::collection::vec(0u8..=100, 1..200), q in 0.01f64..1.0) {
            let h = histogram(Metric::Util, &values.iter().map(|v| f32::from(*v)).collect::<Vec<_>>());
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1) - 1;
            prop_assert_eq!(h.quantile(q), Some(f32::from(values[rank])));
        }

        #[test]
        fn merging_is_the_same_as_measuring_together(a in prop::collection::vec(0u16..2000, 0..50), b in prop::collection::vec(0u16..2000, 0..50)) {
            let f = |v: &[u16]| histogram(Metric::Power, &v.iter().map(|x| f32::from(*x)).collect::<Vec<_>>());
            let mut merged = f(&a);
            merged.merge(&f(&b));
            prop_assert_eq!(merged, f(&[a, b].concat()));
        }

        #[test]
        fn resampling_keeps_every_gpu(values in prop::collection::vec(0u8..=100, 0..100), n in 1usize..40) {
            let h = histogram(Metric::Util, &values.iter().map(|v| f32::from(*v)).collect::<Vec<_>>());
            prop_assert_eq!(h.resample(n, 0.0, 100.0).iter().sum::<u32>() as usize, values.len());
        }
    }
}
