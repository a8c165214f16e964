//! Packing of frames that are no longer hot: each column becomes a compressed plane, as the
//! difference to a base plane; columns that did not change share their plane.
//!
//! Packing is lossless: unpacking gives the same values bit for bit.

use std::sync::Arc;

use zstd::bulk::{Compressor, decompress};
use zstd::zstd_safe::compress_bound;

use crate::fleet::frame::Frame;
use crate::fleet::planes::{self, About, Draft, PLANES, unchanged};
use crate::model::Timestamp;

/// zstd level: the fastest one; higher levels save under 5 % here and cost several times the CPU.
const LEVEL: i32 = 1;
/// A plane is stored whole after this many differences to the same base.
const BASE_EVERY: u8 = 10;

/// One compressed column.
#[derive(Debug)]
struct Plane {
    /// What this plane is a difference to; `None` = stored whole.
    base: Option<Arc<Plane>>,
    bytes: Box<[u8]>,
    /// Uncompressed length.
    len: usize,
    /// False when compression failed and `bytes` are the plain ones.
    compressed: bool,
}

impl Plane {
    fn decode(&self) -> Vec<u8> {
        // A plane that cannot be read back would be a memory fault: answer with absent values.
        let mut data = if self.compressed {
            decompress(&self.bytes, self.len).unwrap_or_else(|_| vec![u8::MAX; self.len])
        } else {
            self.bytes.to_vec()
        };
        if let Some(base) = &self.base {
            add(&mut data, &base.decode());
        }
        data
    }
}

fn add(data: &mut [u8], base: &[u8]) {
    data.iter_mut().zip(base).for_each(|(d, b)| *d = d.wrapping_add(*b));
}

/// A frame with its columns compressed.
#[derive(Debug)]
pub struct PackedFrame {
    about: About,
    planes: Vec<Arc<Plane>>,
    own_bytes: usize,
}

impl PackedFrame {
    /// The moment it shows.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.about.time
    }

    /// Bytes of the planes that were made for this frame.
    #[must_use]
    pub const fn own_bytes(&self) -> usize {
        self.own_bytes
    }

    /// The frame as it was.
    #[must_use]
    pub fn unpack(&self) -> Frame {
        let mut draft = Draft::absent(&self.about.topology);
        self.planes.iter().enumerate().for_each(|(i, plane)| {
            draft.set(i, &plane.decode());
        });
        draft.finish(self.about.clone(), None)
    }
}

/// Packs frames one after the other.
pub struct Packer {
    zstd: Option<Compressor<'static>>,
    /// Where a plane is compressed before it is copied to a place of just its size: large buffers
    /// that are cut to size leave holes in the heap.
    scratch: Vec<u8>,
    /// The frame packed last, with its planes and, per plane, base and age of the base.
    last: Option<Last>,
}

struct Last {
    frame: Arc<Frame>,
    planes: Vec<Arc<Plane>>,
    bases: Vec<Base>,
}

#[derive(Clone)]
struct Base {
    plane: Arc<Plane>,
    data: Arc<[u8]>,
    uses: u8,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self { zstd: Compressor::new(LEVEL).ok(), scratch: Vec::new(), last: None }
    }
}

impl Packer {
    /// Packs `frame`, which follows the frame packed before.
    pub fn pack(&mut self, frame: &Arc<Frame>) -> PackedFrame {
        let mut planes = Vec::with_capacity(PLANES);
        let mut bases = Vec::with_capacity(PLANES);
        let mut own_bytes = 0;
        let last = self.last.take();
        for i in 0..PLANES {
            let before = last.as_ref().filter(|l| unchanged(&l.frame, frame, i));
            let (plane, base) = match (before, &last) {
                (Some(l), _) => (Arc::clone(&l.planes[i]), l.bases[i].clone()),
                (None, l) => {
                    let (plane, base) = self.encode(planes::bytes(frame, i), l.as_ref().map(|l| &l.bases[i]));
                    own_bytes += plane.bytes.len() + std::mem::size_of::<Plane>();
                    (plane, base)
                }
            };
            planes.push(plane);
            bases.push(base);
        }
        self.last = Some(Last { frame: Arc::clone(frame), planes: planes.clone(), bases });
        PackedFrame { about: About::of(frame), planes, own_bytes }
    }

    fn encode(&mut self, mut data: Vec<u8>, base: Option<&Base>) -> (Arc<Plane>, Base) {
        let len = data.len();
        match base.filter(|b| b.data.len() == len && b.uses < BASE_EVERY) {
            Some(b) => {
                data.iter_mut().zip(b.data.iter()).for_each(|(d, b)| *d = d.wrapping_sub(*b));
                let plane = Arc::new(self.store(&data, Some(Arc::clone(&b.plane))));
                (plane, Base { uses: b.uses + 1, ..b.clone() })
            }
            None => {
                let plane = Arc::new(self.store(&data, None));
                (Arc::clone(&plane), Base { plane, data: data.into(), uses: 0 })
            }
        }
    }

    fn store(&mut self, data: &[u8], base: Option<Arc<Plane>>) -> Plane {
        self.scratch.resize(compress_bound(data.len()), 0);
        let scratch = &mut self.scratch;
        let packed = self.zstd.as_mut().and_then(|z| z.compress_to_buffer(data, scratch.as_mut_slice()).ok());
        let compressed = packed.is_some();
        let bytes = packed.map_or(data, |n| &self.scratch[..n]).into();
        Plane { base, bytes, len: data.len(), compressed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::stage::Stage;
    use crate::model::batch::DenseBatch;
    use crate::model::topology::place::Placer;
    use crate::model::topology::spec::small_site;
    use crate::model::{Batch, FacilityReading, SitePoint};
    use crate::model::{Column, Metric};
    use proptest::prelude::*;

    fn frame(stage: &mut Stage, seed: u16, second: i64) -> Arc<Frame> {
        let n = stage.topology().gpu_count();
        let time = Timestamp::from_secs(second);
        let mut batch = Batch::new(0, time);
        let column = |m: Metric| Column::from_raw(m, (0..n).map(|i| (i as u16).wrapping_mul(seed) % 200));
        batch.dense = Some(DenseBatch {
            columns: [Metric::Util, Metric::Power, Metric::Temp].map(|m| (m, column(m))).to_vec(),
            ..DenseBatch::default()
        });
        batch.facility = vec![FacilityReading::Site(SitePoint::Pue, 1.0 + f32::from(seed) / 1000.0)];
        stage.apply(&batch, 1000);
        Arc::new(stage.commit(time))
    }

    fn equal(a: &Frame, b: &Frame) -> bool {
        a.columns == b.columns
            && a.quality == b.quality
            && a.rollups() == b.rollups()
            && a.facility.site(SitePoint::Pue) == b.facility.site(SitePoint::Pue)
            && (a.time, a.seq) == (b.time, b.seq)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn unpacking_gives_the_frame_back(seeds in prop::collection::vec(0u16..9, 1..30)) {
            let mut stage = Stage::new(small_site(1), Placer::default());
            let mut packer = Packer::default();
            for (i, seed) in seeds.into_iter().enumerate() {
                let f = frame(&mut stage, seed, i as i64);
                prop_assert!(equal(&packer.pack(&f).unpack(), &f));
            }
        }
    }

    #[test]
    fn unchanged_columns_cost_nothing() {
        let mut stage = Stage::new(small_site(1), Placer::default());
        let mut packer = Packer::default();
        let first = packer.pack(&frame(&mut stage, 7, 0));
        let time = Timestamp::from_secs(1);
        let second = packer.pack(&Arc::new(stage.commit(time)));
        assert!(second.own_bytes() < first.own_bytes() / 2, "{} {}", second.own_bytes(), first.own_bytes());
        assert_eq!(second.time(), time);
    }
}
