//! A frame as planes of bytes, and back: the form in which frames are packed in memory and written
//! to recordings.
//!
//! Values wider than a byte are split: all first bytes, then all second bytes, and so on, since bytes
//! of equal weight are alike. Nothing is rounded: a frame comes back bit for bit.

use std::sync::Arc;

use crate::fleet::facility::Facility;
use crate::fleet::frame::{Frame, Parts};
use crate::fleet::jobs::{By, Energy};
use crate::model::batch::JobName;
use crate::model::metric::COUNT;
use crate::model::{Column, Metric, Quality, Timestamp, Topology};

/// The plane of packed qualities, behind one plane per metric in the order of [`Metric::ALL`].
pub const QUALITY: usize = COUNT;
/// The first of the five planes of racks, CDUs, rows, halls and site.
pub const FACILITY: usize = QUALITY + 1;
/// The first plane of energy: by job slot, by tenant slot.
pub const ENERGY: usize = FACILITY + 5;
/// All planes.
pub const PLANES: usize = ENERGY + By::ALL.len();
/// Most slots of jobs or tenants: a slot is two bytes.
pub const MOST_SLOTS: usize = 1 << 16;

/// True when plane `plane` is the same memory in both frames: it did not change.
#[must_use]
pub fn unchanged(a: &Frame, b: &Frame, plane: usize) -> bool {
    match plane {
        i if i < COUNT => a.columns[i].same(&b.columns[i]),
        QUALITY => Arc::ptr_eq(&a.quality, &b.quality),
        i if i >= ENERGY => Arc::ptr_eq(&a.energy.slots[i - ENERGY], &b.energy.slots[i - ENERGY]),
        _ => false,
    }
}

/// The bytes of one plane.
#[must_use]
pub fn bytes(frame: &Frame, plane: usize) -> Vec<u8> {
    match plane {
        i if i < COUNT => match &frame.columns[i] {
            Column::Narrow(v) => v.to_vec(),
            Column::Wide(v) => split(v.iter().map(|x| x.to_le_bytes()), v.len()),
        },
        QUALITY => frame.quality.to_vec(),
        i if i >= ENERGY => {
            let slots = &frame.energy.slots[i - ENERGY];
            split(slots.iter().map(|x| x.to_le_bytes()), slots.len())
        }
        i => {
            let column = frame.facility.columns()[i - FACILITY];
            split(column.iter().map(|x| x.to_le_bytes()), column.len())
        }
    }
}

/// All first bytes, then all second bytes, and so on.
fn split<const N: usize>(values: impl Iterator<Item = [u8; N]>, len: usize) -> Vec<u8> {
    let mut out = vec![0; N * len];
    for (i, bytes) in values.enumerate() {
        for (k, b) in bytes.into_iter().enumerate() {
            out[k * len + i] = b;
        }
    }
    out
}

/// What a frame is about beside its planes.
#[derive(Clone, Debug)]
pub struct About {
    /// The moment.
    pub time: Timestamp,
    /// Number of the tick.
    pub seq: u64,
    /// The site.
    pub topology: Arc<Topology>,
    /// Names of the job slots.
    pub jobs: Arc<[JobName]>,
    /// Names of the tenant slots.
    pub tenants: Arc<[String]>,
}

impl About {
    /// What `frame` is about.
    #[must_use]
    pub fn of(frame: &Frame) -> Self {
        Self {
            time: frame.time,
            seq: frame.seq,
            topology: Arc::clone(&frame.topology),
            jobs: Arc::clone(&frame.jobs),
            tenants: Arc::clone(&frame.tenants),
        }
    }
}

/// A frame that is being put together from planes. Planes that are not set keep what they were.
#[derive(Clone, Debug)]
pub struct Draft {
    columns: [Column; COUNT],
    quality: Arc<[u8]>,
    facility: [Arc<[f32]>; 5],
    energy: [Arc<[u64]>; By::ALL.len()],
}

impl Draft {
    /// A draft in which nothing is known of the GPUs of `topology`.
    #[must_use]
    pub fn absent(topology: &Topology) -> Self {
        let n = topology.gpu_count();
        Self {
            columns: Metric::ALL.map(|m| Column::absent(m, n)),
            quality: vec![Quality::Lost as u8; n].into(),
            facility: Facility::absent(topology).into_columns(),
            energy: Default::default(),
        }
    }

    /// A draft that shares everything with `frame`.
    #[must_use]
    pub fn of(frame: &Frame) -> Self {
        Self {
            columns: frame.columns.clone(),
            quality: Arc::clone(&frame.quality),
            facility: frame.facility.clone().into_columns(),
            energy: frame.energy.slots.clone(),
        }
    }

    /// How many bytes plane `plane` has now; an energy plane may get another length.
    #[must_use]
    pub fn len(&self, plane: usize) -> usize {
        match plane {
            i if i < COUNT => self.columns[i].bytes(),
            QUALITY => self.quality.len(),
            i if i < ENERGY => 4 * self.facility[i - FACILITY].len(),
            i if i < PLANES => 8 * self.energy[i - ENERGY].len(),
            _ => 0,
        }
    }

    /// The longest that plane `plane` may be, in bytes.
    #[must_use]
    pub fn most(&self, plane: usize) -> usize {
        if (ENERGY..PLANES).contains(&plane) { 8 * MOST_SLOTS } else { self.len(plane) }
    }

    /// Sets a plane. False, and nothing changes, when `data` does not have the length of the plane.
    pub fn set(&mut self, plane: usize, data: &[u8]) -> bool {
        let energy = (ENERGY..PLANES).contains(&plane);
        let fits = if energy {
            data.len() <= 8 * MOST_SLOTS && data.len().is_multiple_of(8)
        } else {
            plane < PLANES && data.len() == self.len(plane)
        };
        if !fits {
            return false;
        }
        match plane {
            i if i < COUNT => self.columns[i] = column(Metric::ALL[i], data),
            QUALITY => self.quality = data.into(),
            i if energy => self.energy[i - ENERGY] = integers(data),
            i => self.facility[i - FACILITY] = floats(data).into(),
        }
        true
    }

    /// Sets a plane of bytes or words to the sum of `data` and `base`, byte by byte, modulo 256. False
    /// for other planes and lengths: then nothing changes.
    pub fn set_sum(&mut self, plane: usize, data: &[u8], base: &[u8]) -> bool {
        if plane > QUALITY || data.len() != self.len(plane) || base.len() != data.len() {
            return false;
        }
        let sum = |(d, b): (&u8, &u8)| d.wrapping_add(*b);
        if plane == QUALITY {
            self.quality = data.iter().zip(base).map(sum).collect();
        } else if Metric::ALL[plane].spec().wide {
            let half = data.len() / 2;
            let low = data[..half].iter().zip(&base[..half]).map(sum);
            let high = data[half..].iter().zip(&base[half..]).map(sum);
            self.columns[plane] =
                Column::Wide(low.zip(high).map(|(l, h)| u16::from_le_bytes([l, h])).collect());
        } else {
            self.columns[plane] = Column::Narrow(data.iter().zip(base).map(sum).collect());
        }
        true
    }

    /// The frame. Its roll-ups are made when they are asked for; with the frame before it at once,
    /// and columns that both share keep theirs.
    #[must_use]
    pub fn finish(self, about: About, previous: Option<&Frame>) -> Frame {
        let About { time, seq, topology, jobs, tenants } = about;
        Frame::from_parts(
            Parts {
                time,
                seq,
                topology,
                columns: self.columns,
                quality: self.quality,
                facility: Facility::from_columns(self.facility),
                jobs,
                tenants,
                energy: Energy { slots: self.energy },
            },
            previous,
        )
    }
}

fn column(metric: Metric, data: &[u8]) -> Column {
    if metric.spec().wide {
        let (low, high) = data.split_at(data.len() / 2);
        Column::Wide(low.iter().zip(high).map(|(l, h)| u16::from_le_bytes([*l, *h])).collect())
    } else {
        Column::Narrow(data.into())
    }
}

fn floats(data: &[u8]) -> Vec<f32> {
    let n = data.len() / 4;
    (0..n).map(|i| f32::from_le_bytes([data[i], data[n + i], data[2 * n + i], data[3 * n + i]])).collect()
}

fn integers(data: &[u8]) -> Arc<[u64]> {
    let n = data.len() / 8;
    (0..n).map(|i| u64::from_le_bytes(std::array::from_fn(|k| data[k * n + i]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::topology::spec::small_site;

    fn about(topology: Arc<Topology>) -> About {
        About {
            time: Timestamp::from_secs(5),
            seq: 9,
            topology,
            jobs: Arc::new([JobName::default()]),
            tenants: Arc::new([String::new()]),
        }
    }

    #[test]
    fn every_plane_comes_back_bit_for_bit() {
        let topology = small_site(1);
        let mut draft = Draft::absent(&topology);
        for plane in 0..PLANES {
            let n = if plane >= ENERGY { 24 } else { draft.len(plane) };
            let data: Vec<u8> = (0..n).map(|i| (i * 7 + plane) as u8).collect();
            assert!(draft.set(plane, &data), "plane {plane}");
        }
        let frame = draft.finish(about(Arc::clone(&topology)), None);
        for plane in 0..PLANES {
            let data = bytes(&frame, plane);
            assert!(data.iter().enumerate().all(|(i, b)| *b == (i * 7 + plane) as u8), "plane {plane}");
        }
        let again = Draft::of(&frame).finish(about(topology), None);
        assert!((0..FACILITY).all(|p| unchanged(&frame, &again, p)), "a draft shares what it does not set");
    }

    #[test]
    fn a_sum_is_what_setting_the_sum_gives() {
        let topology = small_site(1);
        for plane in 0..=QUALITY {
            let n = Draft::absent(&topology).len(plane);
            let base: Vec<u8> = (0..n).map(|i| (i * 31) as u8).collect();
            let data: Vec<u8> = (0..n).map(|i| (i * 17 + 3) as u8).collect();
            let both: Vec<u8> = data.iter().zip(&base).map(|(d, b)| d.wrapping_add(*b)).collect();
            let (mut sum, mut set) = (Draft::absent(&topology), Draft::absent(&topology));
            assert!(sum.set_sum(plane, &data, &base) && set.set(plane, &both), "plane {plane}");
            assert!(!sum.set_sum(plane, &data[1..], &base[1..]));
            let made = |d: Draft| bytes(&d.finish(about(Arc::clone(&topology)), None), plane);
            assert_eq!(made(sum), made(set), "plane {plane}");
        }
        assert!(!Draft::absent(&topology).set_sum(FACILITY, &[], &[]));
    }

    #[test]
    fn a_plane_of_another_length_is_refused() {
        let topology = small_site(1);
        let mut draft = Draft::absent(&topology);
        for plane in 0..PLANES + 1 {
            let wrong = vec![1; draft.len(plane) + 1];
            assert!(!draft.set(plane, &wrong), "plane {plane}");
        }
        assert!(!draft.set(ENERGY, &vec![0; 8 * MOST_SLOTS + 8]), "more slots than there can be");
        assert!((0..ENERGY).all(|p| draft.most(p) == draft.len(p)));
        assert_eq!(draft.most(ENERGY), 8 * MOST_SLOTS);
    }
}
