//! The past before the program began, made of values that somebody else kept: moment by moment, oldest
//! first, as periods for the charts and as packed frames for the ring.

use std::sync::Arc;

use crate::fleet::facility::Facility;
use crate::fleet::frame::{Frame, Parts};
use crate::fleet::history::Archive;
use crate::fleet::jobs::Energy;
use crate::fleet::pack::Packer;
use crate::fleet::period::{Level, Period};
use crate::fleet::ring::Slot;
use crate::model::batch::JobName;
use crate::model::metric::{COUNT, pack_age};
use crate::model::{Column, Metric, Quality, Timestamp, Topology};

/// What goes back into the past at once.
#[derive(Clone, Debug, Default)]
pub struct Portion {
    /// Finished periods, oldest first in each level.
    pub periods: Vec<Period>,
    /// Moments, oldest first.
    pub frames: Vec<Slot>,
}

/// Takes moments and gives periods and frames.
#[derive(Debug)]
pub struct Rebuild {
    archive: Archive,
    packer: Packer,
    topology: Arc<Topology>,
    previous: Option<Arc<Frame>>,
    /// The columns of a moment of which nothing is known.
    absent: [Column; COUNT],
    given: [Option<Timestamp>; 2],
    frames: Vec<Slot>,
    seq: u64,
}

impl Rebuild {
    /// For the site `topology`; at most `budget` bytes are held.
    #[must_use]
    pub fn new(topology: Arc<Topology>, budget: usize) -> Self {
        let n = topology.gpu_count();
        Self {
            archive: Archive::for_replay(budget),
            packer: Packer::default(),
            previous: None,
            absent: Metric::ALL.map(|m| Column::absent(m, n)),
            given: [None; 2],
            frames: Vec::new(),
            seq: 0,
            topology,
        }
    }

    /// Takes the values of the moment `time`, which is later than that before. GPUs without any are
    /// lost. `keep`: the moment is to be a frame of its own.
    pub fn push(&mut self, time: Timestamp, values: Vec<(Metric, Column)>, keep: bool) {
        let mut columns = self.absent.clone();
        let (quality, age) = self.known(&values);
        columns[Metric::Age.index()] = age;
        for (metric, column) in values {
            columns[metric.index()] = column;
        }
        self.seq += 1;
        let previous = self.previous.take();
        let (facility, energy) = previous.as_ref().map_or_else(
            || (Facility::absent(&self.topology), Energy::default()),
            |p| (p.facility.clone(), p.energy.clone()),
        );
        let parts = Parts {
            time,
            seq: self.seq,
            topology: Arc::clone(&self.topology),
            columns,
            quality,
            facility,
            jobs: Arc::new([JobName::default()]),
            tenants: Arc::new([String::new()]),
            energy,
        };
        let frame = Arc::new(Frame::from_parts(parts, previous.as_deref()));
        self.archive.push(&frame);
        self.archive.maintain();
        if keep {
            self.frames.push(Slot::packed(self.packer.pack(&frame)));
        }
        self.previous = Some(frame);
    }

    /// Of which GPUs `values` say something: qualities, and ages.
    fn known(&self, values: &[(Metric, Column)]) -> (Arc<[u8]>, Column) {
        let as_before = |p: &&Arc<Frame>| (Arc::clone(&p.quality), p.column(Metric::Age).clone());
        let is_same = |p: &&Arc<Frame>| values.iter().all(|(m, c)| p.column(*m).same(c));
        if let Some(previous) = self.previous.as_ref().filter(is_same) {
            return as_before(&previous);
        }
        let said = |i: usize| values.iter().any(|(m, c)| c.raw(i) != m.none_raw());
        let of = |i: usize| if said(i) { Quality::Good } else { Quality::Lost } as u8;
        let fresh: Vec<u8> = (0..self.topology.gpu_count()).map(of).collect();
        // Where no GPU came or went the roll-ups of what nobody measured need not be made anew.
        if let Some(previous) = self.previous.as_ref().filter(|p| *p.quality == *fresh) {
            return as_before(&previous);
        }
        let age =
            |q: &u8| if *q == Quality::Good as u8 { u16::from(pack_age(0)) } else { Metric::Age.none_raw() };
        let age = Column::from_raw(Metric::Age, fresh.iter().map(age));
        (fresh.into(), age)
    }

    /// What has been finished since this was asked last.
    pub fn portion(&mut self) -> Portion {
        let history = self.archive.publish();
        let mut periods = Vec::new();
        for level in Level::ALL {
            let given = &mut self.given[level.index()];
            let found = history.plain_periods_after(level, *given);
            *given = found.last().map(|p| p.start).or(*given);
            periods.extend(found);
        }
        Portion { periods, frames: std::mem::take(&mut self.frames) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Asset;
    use crate::model::topology::plan::{NewHost, Plan};

    fn site() -> Arc<Topology> {
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 4 }];
        Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"))
    }

    fn power(watts: [f32; 4]) -> Vec<(Metric, Column)> {
        let raw = watts.iter().map(|w| Metric::Power.encode(*w)).collect::<Vec<_>>();
        vec![(Metric::Power, Column::from_raw(Metric::Power, raw.into_iter()))]
    }

    /// An archive with an hour of the past put back under one live frame.
    fn restored(keep_every: i64) -> (Archive, Arc<Topology>) {
        let t = site();
        let mut live = Archive::new(64 << 20);
        live.push(&Arc::new(Frame::empty(Arc::clone(&t), Timestamp::from_secs(3600))));
        let mut rebuild = Rebuild::new(Arc::clone(&t), 64 << 20);
        for ten in 0..360_i64 {
            let w = 100.0 + ten as f32;
            rebuild.push(
                Timestamp::from_secs(10 * ten),
                power([w, w, f32::NAN, w + 2.0]),
                ten % keep_every == 0,
            );
            if ten % 60 == 59 {
                let portion = rebuild.portion();
                live.restore(portion.periods);
                live.restore_frames(portion.frames);
            }
        }
        (live, t)
    }

    #[test]
    fn charts_reach_back_over_the_hour() {
        let (live, t) = restored(2);
        let history = live.publish();
        let now = Frame::empty(Arc::clone(&t), Timestamp::from_secs(3600));
        for asset in [Asset::Site, Asset::Gpu(crate::model::GpuId(0))] {
            let points = history.series(&now, asset, Metric::Power, (3_600_000, 60));
            let known = points.iter().flatten().count();
            assert!(known >= 55, "{asset:?}: {known} of 60 minutes");
            let means: Vec<f32> = points.iter().flatten().map(|p| p.mean).collect();
            assert!(means.first() < means.last(), "{means:?}");
        }
    }

    #[test]
    fn moments_of_the_past_are_shown_with_what_was_known_then() {
        let (live, t) = restored(2);
        let history = live.publish();
        let (first, last) = history.span().expect("frames");
        assert_eq!((first, last), (Timestamp::from_secs(0), Timestamp::from_secs(3600)));
        let frame = history.frame_at(Timestamp::from_secs(1801), &t).expect("a frame");
        let gpu = |i| frame.value(crate::model::GpuId(i), Metric::Power);
        assert_eq!((frame.time, gpu(0), gpu(2)), (Timestamp::from_secs(1800), Some(280.0), None));
        assert_eq!(frame.quality(crate::model::GpuId(2)), Quality::Lost);
        assert_eq!(frame.quality(crate::model::GpuId(0)), Quality::Good);
        assert_eq!(frame.value(crate::model::GpuId(0), Metric::Temp), None);
    }

    #[test]
    fn frames_that_are_not_older_than_the_ring_are_left_out() {
        let t = site();
        let mut live = Archive::new(64 << 20);
        let frame = |s| Arc::new(Frame::empty(Arc::clone(&t), Timestamp::from_secs(s)));
        live.push(&frame(100));
        live.restore_frames([90, 100, 101, 80].map(|s| Slot::of(frame(s))));
        live.push(&frame(110));
        let history = live.publish();
        assert_eq!(history.span(), Some((Timestamp::from_secs(90), Timestamp::from_secs(110))));
        assert_eq!(history.status.parts[0].count, 3);
    }
}
