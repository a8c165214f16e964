//! The atom of the console: everything that is known about the fleet at one moment.

use std::sync::{Arc, OnceLock};

use crate::fleet::facility::Facility;
use crate::fleet::jobs::{By, Energy, Sum, Table};
use crate::fleet::limits;
use crate::fleet::rollup::{self, Counts, Histogram, Rollups, Stats};
use crate::model::batch::JobName;
use crate::model::metric::{COUNT, Metric, unpack_age};
use crate::model::topology::Moves;
use crate::model::{Asset, Column, GpuId, Health, Quality, Timestamp, Topology};

/// One tick's immutable columns. Live, ten minutes ago and last Tuesday are the same type.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The moment it shows.
    pub time: Timestamp,
    /// Counts up by one per tick.
    pub seq: u64,
    /// The site it is about.
    pub topology: Arc<Topology>,
    pub(crate) columns: [Column; COUNT],
    pub(crate) quality: Arc<[u8]>,
    /// Values of racks, CDUs, halls and the site.
    pub facility: Facility,
    /// Names of the job slots; slot 0 is idle.
    pub jobs: Arc<[JobName]>,
    /// Names of the tenant slots; slot 0 is none.
    pub tenants: Arc<[String]>,
    /// Energy of jobs and tenants up to then.
    pub energy: Energy,
    rollups: OnceLock<Arc<Rollups>>,
    exceptions: OnceLock<Arc<[u8]>>,
    usage: [OnceLock<Arc<Table>>; 2],
    sums: [OnceLock<Arc<[Sum]>>; 2],
}

/// Parts of a frame before its roll-ups are known.
pub(crate) struct Parts {
    pub time: Timestamp,
    pub seq: u64,
    pub topology: Arc<Topology>,
    pub columns: [Column; COUNT],
    pub quality: Arc<[u8]>,
    pub facility: Facility,
    pub jobs: Arc<[JobName]>,
    pub tenants: Arc<[String]>,
    pub energy: Energy,
}

impl Frame {
    /// A frame in which nothing has been seen yet.
    #[must_use]
    pub fn empty(topology: Arc<Topology>, time: Timestamp) -> Self {
        let n = topology.gpu_count();
        Self::from_parts(
            Parts {
                time,
                seq: 0,
                columns: Metric::ALL.map(|m| Column::absent(m, n)),
                quality: vec![Quality::Lost as u8; n].into(),
                facility: Facility::absent(&topology),
                jobs: Arc::new([JobName::default()]),
                tenants: Arc::new([String::new()]),
                energy: Energy::default(),
                topology,
            },
            None,
        )
    }

    /// Completes `parts`. Roll-ups are made when they are first asked for: a frame out of the ring
    /// is often drawn with few of them. `previous` lets unchanged columns keep theirs.
    pub(crate) fn from_parts(parts: Parts, previous: Option<&Self>) -> Self {
        let rollups = OnceLock::new();
        if let Some(p) = previous.filter(|p| Arc::ptr_eq(&p.topology, &parts.topology)) {
            let quality = Arc::ptr_eq(&p.quality, &parts.quality);
            let same = |m: Metric| quality && p.columns[m.index()].same(&parts.columns[m.index()]);
            let before = Some((p.rollups().as_ref(), &same as &dyn Fn(Metric) -> bool));
            let made = Rollups::compute(&parts.topology, &parts.columns, &parts.quality, before);
            let _ = rollups.set(Arc::new(made));
        }
        Self {
            time: parts.time,
            seq: parts.seq,
            topology: parts.topology,
            columns: parts.columns,
            quality: parts.quality,
            facility: parts.facility,
            jobs: parts.jobs,
            tenants: parts.tenants,
            energy: parts.energy,
            rollups,
            exceptions: OnceLock::new(),
            usage: Default::default(),
            sums: Default::default(),
        }
    }

    /// Every job or every tenant with what its GPUs do; made when first asked for.
    #[must_use]
    pub fn usage(&self, by: By) -> &Table {
        self.usage[by as usize].get_or_init(|| Arc::new(Table::of(self, by)))
    }

    /// Sums over the good GPUs of each slot; made when first asked for.
    #[must_use]
    pub fn sums(&self, by: By) -> &[Sum] {
        self.sums[by as usize].get_or_init(|| Sum::all(self, by).into())
    }

    pub(crate) fn rollups(&self) -> &Arc<Rollups> {
        self.rollups
            .get_or_init(|| Arc::new(Rollups::compute(&self.topology, &self.columns, &self.quality, None)))
    }

    /// The column of `metric`: packed values, see [`Metric::decode`].
    #[must_use]
    pub const fn column(&self, metric: Metric) -> &Column {
        &self.columns[metric.index()]
    }

    /// Packed quality per GPU, see [`Quality::from_raw`].
    #[must_use]
    pub fn qualities(&self) -> &[u8] {
        &self.quality
    }

    /// Quality of a GPU; lost when the frame does not know it.
    #[must_use]
    pub fn quality(&self, gpu: GpuId) -> Quality {
        self.quality.get(gpu.index()).map_or(Quality::Lost, |q| Quality::from_raw(*q))
    }

    /// Priority 1 to 4 of the limit that each GPU crosses, 0 for none; see [`limits`].
    #[must_use]
    pub fn exceptions(&self) -> &[u8] {
        self.exceptions.get_or_init(|| {
            let column = |m: Metric| &self.columns[m.index()];
            match (column(Metric::ClockEvents), column(Metric::Margin), column(Metric::Health)) {
                (Column::Wide(e), Column::Narrow(m), Column::Narrow(h)) => {
                    limits::all(e, m, h, &self.quality).into()
                }
                _ => Arc::new([]),
            }
        })
    }

    /// GPUs of an asset that cross a limit, by priority 1 to 4.
    #[must_use]
    pub fn exception_counts(&self, asset: Asset) -> [u32; 4] {
        let mut counts = [0; 4];
        let span = self.topology.gpus_of(asset).range();
        for p in self.exceptions().get(span).unwrap_or_default().iter().filter(|p| **p > 0) {
            counts[usize::from(*p - 1).min(3)] += 1;
        }
        counts
    }

    /// The last known value of `metric`, whatever its quality; `None` = absent.
    #[must_use]
    pub fn value(&self, gpu: GpuId, metric: Metric) -> Option<f32> {
        metric.decode(self.column(metric).raw(gpu.index()))
    }

    /// Health of a GPU.
    #[must_use]
    pub fn health(&self, gpu: GpuId) -> Option<Health> {
        let raw = self.column(Metric::Health).raw(gpu.index());
        if raw == Metric::Health.none_raw() { None } else { Health::from_raw(raw) }
    }

    /// Age of the newest value of a GPU, s; `None` = never seen.
    #[must_use]
    pub fn age(&self, gpu: GpuId) -> Option<u32> {
        unpack_age(self.column(Metric::Age).raw(gpu.index()).min(255) as u8)
    }

    /// Job and tenant of a GPU; `None` when idle or unknown.
    #[must_use]
    pub fn job(&self, gpu: GpuId) -> Option<&JobName> {
        let slot = self.column(Metric::Job).raw(gpu.index());
        if slot == 0 { None } else { self.jobs.get(usize::from(slot)) }
    }

    /// Statistics of `metric` over the good GPUs of an asset; `None` when there is none.
    #[must_use]
    pub fn stats(&self, asset: Asset, metric: Metric) -> Option<Stats> {
        match self.rollups().stats(asset, metric) {
            Some(cached) => *cached,
            None => self.histogram(asset, metric).stats(),
        }
    }

    /// Distribution of `metric` over the good GPUs of an asset.
    #[must_use]
    pub fn histogram(&self, asset: Asset, metric: Metric) -> Histogram {
        match self.rollups().histogram(asset, metric) {
            Some(cached) => cached.clone(),
            None => {
                let span = self.topology.gpus_of(asset).range();
                Histogram::of(metric, self.column(metric), &self.quality, span)
            }
        }
    }

    /// GPUs of an asset by quality.
    #[must_use]
    pub fn counts(&self, asset: Asset) -> Counts {
        self.rollups()
            .counts(asset)
            .unwrap_or_else(|| rollup::count(&self.quality[self.topology.gpus_of(asset).range()]))
    }

    /// The good GPU of an asset with the worst value of `metric` (highest, or lowest where low is
    /// bad), lost and faulty ones first when the metric is health.
    #[must_use]
    pub fn worst(&self, asset: Asset, metric: Metric) -> Option<GpuId> {
        self.worst_list(asset, metric, 1).first().map(|(g, _)| *g)
    }

    /// The `n` worst good GPUs of an asset with their values, worst first.
    #[must_use]
    pub fn worst_list(&self, asset: Asset, metric: Metric, n: usize) -> Vec<(GpuId, f32)> {
        rollup::worst(self, asset, metric, n)
    }

    /// Bytes that this frame holds and `previous` does not share.
    #[must_use]
    pub fn own_bytes(&self, previous: Option<&Self>) -> usize {
        let fresh = |m: &Metric| previous.is_none_or(|p| !p.column(*m).same(self.column(*m)));
        let columns: usize = Metric::ALL.iter().filter(|m| fresh(m)).map(|m| self.column(*m).bytes()).sum();
        let quality = previous.is_none_or(|p| !Arc::ptr_eq(&p.quality, &self.quality));
        columns
            + if quality { self.quality.len() } else { 0 }
            + self.facility.bytes()
            + self.energy.bytes()
            + self.rollups().bytes()
    }

    /// The frame in another topology: `map[new] = old`.
    #[must_use]
    pub(crate) fn remapped(&self, topology: &Arc<Topology>, map: &[u32]) -> Self {
        let quality: Arc<[u8]> = map
            .iter()
            .map(|o| self.quality.get(*o as usize).copied().unwrap_or(Quality::Lost as u8))
            .collect();
        Self::from_parts(
            Parts {
                time: self.time,
                seq: self.seq,
                topology: Arc::clone(topology),
                columns: self.columns.each_ref().map(|c| c.remapped(map)),
                quality,
                facility: self.facility.remapped(topology, &Moves::new(topology, &self.topology)),
                jobs: Arc::clone(&self.jobs),
                tenants: Arc::clone(&self.tenants),
                energy: self.energy.clone(),
            },
            None,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_frame_knows_nothing_and_says_so() {
        let t = Arc::new(Topology::default_site());
        let f = Frame::empty(t, Timestamp::from_secs(0));
        assert_eq!(f.value(GpuId(5), Metric::Util), None);
        assert_eq!(f.quality(GpuId(5)), Quality::Lost);
        assert_eq!(f.stats(Asset::Site, Metric::Util), None);
        assert_eq!(f.counts(Asset::Site).lost, 100_224);
        assert_eq!(f.age(GpuId(5)), None);
        assert_eq!(f.quality(GpuId(u32::MAX)), Quality::Lost);
    }

    #[test]
    fn shared_columns_are_not_counted_twice() {
        let t = Arc::new(Topology::default_site());
        let a = Frame::empty(t, Timestamp::from_secs(0));
        let b = a.clone();
        assert!(b.own_bytes(Some(&a)) < a.own_bytes(None) / 2);
    }
}
