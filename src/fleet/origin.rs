//! Where each value comes from, and when it was measured: one mark for each value of each GPU and
//! each point of the plant.
//!
//! A source that writes whole columns at once needs one mark for a column; the marks of single GPUs
//! are kept only once several sources, or sources that ask hosts one by one, have written to it.

use std::sync::Arc;

use crate::model::batch::SourceId;
use crate::model::metric::{COUNT, Metric};
use crate::model::topology::Moves;
use crate::model::{Asset, FacilityReading, GpuId, Timestamp, Topology};

use super::facility::{self, Kind};

/// Who gave a value and when it was measured, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The source, by its number in the list that the console was started with.
    pub source: SourceId,
    /// Seconds since the epoch.
    seconds: u32,
}

impl Mark {
    /// Nobody has given the value yet.
    const NONE: Self = Self { source: SourceId::MAX, seconds: 0 };

    /// The mark of a value that `source` measured at `time`.
    #[must_use]
    pub fn new(source: SourceId, time: Timestamp) -> Self {
        Self { source, seconds: u32::try_from(time.millis() / 1000).unwrap_or(0) }
    }

    /// When the value was measured.
    #[must_use]
    pub fn time(self) -> Timestamp {
        Timestamp::from_secs(i64::from(self.seconds))
    }

    fn known(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// The marks of one metric, or of one kind of asset.
#[derive(Clone, Debug, Default)]
pub(crate) enum Track {
    /// Nobody has written here.
    #[default]
    Unknown,
    /// One source wrote all at one moment.
    All(Mark),
    /// One mark for each value.
    Each(Arc<[Mark]>),
}

impl Track {
    /// The mark of value `index`.
    pub fn get(&self, index: usize) -> Option<Mark> {
        match self {
            Self::Unknown => None,
            Self::All(mark) => Some(*mark),
            Self::Each(marks) => marks.get(index).copied().and_then(Mark::known),
        }
    }

    /// Marks value `index` of `len`.
    pub fn set(&mut self, index: usize, mark: Mark, len: usize) {
        if self.get(index) == Some(mark) {
            return;
        }
        let each = match self {
            Self::Each(each) => each,
            other => {
                let all = other.get(0).unwrap_or(Mark::NONE);
                *other = Self::Each(vec![all; len].into());
                let Self::Each(each) = other else { return };
                each
            }
        };
        if index < each.len() {
            Arc::make_mut(each)[index] = mark;
        }
    }

    fn remapped(&self, len: usize, find: impl Fn(usize) -> Option<usize>) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            old => {
                let mark = |i| find(i).and_then(|from| old.get(from)).unwrap_or(Mark::NONE);
                Self::Each((0..len).map(mark).collect())
            }
        }
    }
}

/// The marks of all values. Cheap to clone; copied on write.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    gpus: [Track; COUNT],
    plant: [Track; Kind::COUNT],
}

impl Origins {
    /// Where the value of a GPU comes from; a value that has left (lost, stale) keeps the mark of the
    /// last one.
    #[must_use]
    pub fn gpu(&self, gpu: GpuId, metric: Metric) -> Option<Mark> {
        self.gpus[metric.index()].get(gpu.index())
    }

    /// Where point `point` (its column index) of a rack, CDU, row, hall or of the site comes from.
    #[must_use]
    pub fn plant(&self, asset: Asset, point: usize) -> Option<Mark> {
        let (kind, index) = facility::cell_of(asset, point)?;
        self.plant[kind as usize].get(index)
    }

    pub(crate) const fn track(&self, metric: Metric) -> &Track {
        &self.gpus[metric.index()]
    }

    pub(crate) const fn track_mut(&mut self, metric: Metric) -> &mut Track {
        &mut self.gpus[metric.index()]
    }

    /// The mark of the point that `reading` is about.
    pub(crate) fn of_reading(&self, reading: &FacilityReading) -> Option<Mark> {
        let (kind, index) = facility::cell(reading);
        self.plant[kind as usize].get(index)
    }

    pub(crate) fn mark_reading(&mut self, reading: &FacilityReading, mark: Mark, topology: &Topology) {
        let (kind, index) = facility::cell(reading);
        self.plant[kind as usize].set(index, mark, kind.values(topology));
    }

    /// The marks in another topology: `gpus[new] = old`, and `moves` for the plant.
    pub(crate) fn remapped(&self, topology: &Topology, gpus: &[u32], moves: &Moves) -> Self {
        let from = |i: usize| gpus.get(i).filter(|old| **old != u32::MAX).map(|old| *old as usize);
        let track = |i: usize| self.gpus[i].remapped(gpus.len(), from);
        let plant = |i: usize| {
            let kind = Kind::ALL[i];
            self.plant[i].remapped(kind.values(topology), |cell| kind.before(cell, moves))
        };
        Self { gpus: std::array::from_fn(track), plant: std::array::from_fn(plant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facility::{RackPoint, SitePoint};
    use crate::model::id::RackId;

    fn mark(source: SourceId, second: i64) -> Mark {
        Mark::new(source, Timestamp::from_secs(second))
    }

    #[test]
    fn one_mark_for_a_column_becomes_many_when_a_value_differs() {
        let mut track = Track::All(mark(1, 10));
        track.set(2, mark(1, 10), 4);
        assert!(matches!(track, Track::All(_)), "the same mark changes nothing");
        track.set(2, mark(0, 12), 4);
        assert_eq!((track.get(1), track.get(2), track.get(9)), (Some(mark(1, 10)), Some(mark(0, 12)), None));
    }

    #[test]
    fn what_nobody_wrote_has_no_mark() {
        let mut track = Track::default();
        assert_eq!(track.get(0), None);
        track.set(1, mark(3, 5), 2);
        assert_eq!((track.get(0), track.get(1)), (None, Some(mark(3, 5))));
        assert_eq!(mark(3, 5).time(), Timestamp::from_secs(5));
    }

    #[test]
    fn marks_of_the_plant_are_found_by_asset_and_point() {
        let topology = Topology::default_site();
        let mut origins = Origins::default();
        let reading = FacilityReading::Rack(RackId(7), RackPoint::LiquidFlow, 50.0);
        origins.mark_reading(&reading, mark(2, 9), &topology);
        let at = |rack| origins.plant(Asset::Rack(RackId(rack)), RackPoint::LiquidFlow.index());
        assert_eq!((at(7), at(8)), (Some(mark(2, 9)), None));
        assert_eq!(origins.plant(Asset::Site, SitePoint::Pue.index()), None);
        assert_eq!(origins.plant(Asset::Gpu(GpuId(0)), 0), None, "a GPU has metrics, not points");
    }

    #[test]
    fn marks_move_with_their_gpus() {
        let topology = Topology::default_site();
        let mut origins = Origins::default();
        origins.track_mut(Metric::Temp).set(5, mark(1, 3), 6);
        let moves = Moves::new(&topology, &topology);
        let moved = origins.remapped(&topology, &[u32::MAX, 5], &moves);
        assert_eq!(moved.gpu(GpuId(1), Metric::Temp), Some(mark(1, 3)));
        assert_eq!(moved.gpu(GpuId(0), Metric::Temp), None);
    }
}
