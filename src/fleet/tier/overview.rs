//! What a rack did in one period: smallest, mean and largest value of its GPUs, one byte each. With
//! it the trend of a rack over days can be told without reading the planes of all GPUs.

use std::sync::Arc;

use crate::fleet::series::Point;
use crate::fleet::tier::read::{Unroll, unit};
use crate::fleet::tier::{Bucket, METRICS, NONE, PLANES};
use crate::model::{Metric, RackId, Topology};

/// See the module. Made from the planes as tiers store them, so a chart from it agrees with one from
/// the tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overview {
    racks: usize,
    /// Minimum, mean and maximum of each tiered metric, one value per rack in each.
    planes: Box<[u8]>,
}

impl Overview {
    /// Bytes of the overview of a topology.
    pub(crate) fn size(topology: &Topology) -> usize {
        PLANES * topology.racks().len()
    }

    /// The overview of decoded planes.
    pub(super) fn of(planes: &[Vec<u8>], topology: &Topology) -> Self {
        let racks = topology.racks().len();
        let mut out = vec![NONE; PLANES * racks];
        for (m, planes) in planes.chunks_exact(3).enumerate() {
            for (r, rack) in topology.racks().iter().enumerate() {
                let gpus = rack.gpus.range();
                let of_rack = [0, 1, 2].map(|p| planes[p].get(gpus.clone()).unwrap_or_default());
                for (p, step) in steps(of_rack).into_iter().flatten().enumerate() {
                    out[(3 * m + p) * racks + r] = step;
                }
            }
        }
        Self { racks, planes: out.into() }
    }

    /// The overview in its bytes: plane by plane, one byte per rack.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.planes
    }

    /// The inverse of [`Self::bytes`] for a topology.
    pub(crate) fn from_bytes(bytes: &[u8], topology: &Topology) -> Option<Self> {
        (bytes.len() == Self::size(topology))
            .then(|| Self { racks: topology.racks().len(), planes: bytes.into() })
    }

    /// Smallest, mean and largest value of the GPUs of a rack in the unit of the metric; `None` where
    /// there was no value, and for metrics that tiers do not keep.
    #[must_use]
    pub fn point(&self, rack: RackId, metric: Metric) -> Option<Point> {
        let m = Metric::TIERED.iter().position(|t| *t == metric).filter(|m| *m < METRICS)?;
        let step = |p: usize| {
            let plane = self.planes.get((3 * m + p) * self.racks..(3 * m + p + 1) * self.racks)?;
            plane.get(rack.index()).copied().filter(|v| *v != NONE).map(f32::from)
        };
        Some(unit(metric, (step(0)?, step(1)?, step(2)?)))
    }
}

/// Smallest, mean and largest value of GPUs with these planes; `None` where none has one. One straight pass over
/// bytes for each result, so that the compiler can use vector instructions.
fn steps([mean, below, above]: [&[u8]; 3]) -> Option<[u8; 3]> {
    let or = |mean: u8, value: u8, none: u8| if mean == NONE { none } else { value };
    let min =
        mean.iter().zip(below).map(|(m, b)| or(*m, m.saturating_sub(*b), u8::MAX)).fold(u8::MAX, u8::min);
    let highest = |(m, a): (&u8, &u8)| or(*m, m.saturating_add(*a).min(NONE - 1), 0);
    let max = mean.iter().zip(above).map(highest).fold(0, u8::max);
    let sum: u32 = mean.iter().map(|m| u32::from(or(*m, *m, 0))).sum();
    let count: u32 = mean.iter().map(|m| u32::from(*m != NONE)).sum();
    (sum + count / 2).checked_div(count).map(|mean| [min, mean as u8, max])
}

/// The overviews of the buckets from `first` on that are not at hand: bucket by bucket from the key
/// that the first of them hangs on.
pub(crate) fn overviews(
    buckets: &[Arc<Bucket>],
    first: usize,
    at_hand: &[(Arc<Bucket>, Arc<Overview>)],
) -> Vec<Arc<Overview>> {
    let find = |b: &Arc<Bucket>| at_hand.iter().find(|(o, _)| Arc::ptr_eq(o, b)).map(|(_, o)| Arc::clone(o));
    let wanted = &buckets[first.min(buckets.len())..];
    let missing = wanted.iter().take_while(|b| find(b).is_none()).count();
    let mut out = Vec::with_capacity(wanted.len());
    if missing > 0 {
        let key = (0..=first).rev().find(|i| buckets[*i].is_key()).unwrap_or(first);
        let mut unroll = Unroll::new();
        for (i, bucket) in buckets.iter().enumerate().take(first + missing).skip(key) {
            let planes = unroll.advance(bucket);
            if i >= first {
                out.push(Arc::new(Overview::of(planes, &bucket.topology)));
            }
        }
    }
    out.extend(wanted[missing..].iter().filter_map(find));
    out
}
