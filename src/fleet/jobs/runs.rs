//! Which GPUs a slot holds, as runs of neighbours: jobs lie on whole trays and racks, so there are
//! few of them.

use std::ops::Range;

use crate::model::{HallId, Topology};

/// Values compared at once when the end of a stretch is looked for.
const STRIDE: usize = 64;

/// Neighbouring GPUs of one slot in one hall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub hall: HallId,
    start: u32,
    end: u32,
}

impl Run {
    pub const fn gpus(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The runs of every slot.
#[derive(Debug)]
pub(super) struct Runs {
    runs: Vec<Run>,
    /// Runs of slot `s`: `runs[starts[s]..starts[s + 1]]`.
    starts: Vec<u32>,
    /// GPUs whose slot is absent or not in the table.
    pub unknown: u32,
}

impl Runs {
    /// The runs of `slots`, a value per GPU of `topology`, in a table of `count` slots.
    pub fn new(topology: &Topology, slots: &[u16], count: usize) -> Self {
        let mut found: Vec<(usize, Run)> = Vec::new();
        let mut starts = vec![0u32; count + 1];
        let mut unknown = 0;
        for (h, hall) in topology.halls().iter().enumerate() {
            let first = hall.gpus.start as usize;
            for part in stretches(slots.get(hall.gpus.range()).unwrap_or_default()) {
                let slot = usize::from(slots[first + part.start]);
                if slot >= count {
                    unknown += part.len() as u32;
                    continue;
                }
                starts[slot + 1] += 1;
                let run = Run {
                    hall: HallId::new(h),
                    start: (first + part.start) as u32,
                    end: (first + part.end) as u32,
                };
                found.push((slot, run));
            }
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        // Sorted by counting: the order of the site stays within a slot.
        let mut next = starts.clone();
        let mut runs = vec![Run { hall: HallId::default(), start: 0, end: 0 }; found.len()];
        for (slot, run) in found {
            runs[next[slot] as usize] = run;
            next[slot] += 1;
        }
        Self { runs, starts, unknown }
    }

    /// The runs of a slot, in the order of the site.
    pub fn of(&self, slot: usize) -> &[Run] {
        &self.runs[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}

/// Cuts `values` into ranges of equal neighbours.
pub(super) fn stretches<T: Copy + PartialEq>(values: &[T]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = *values.get(at)?;
        let rest = &values[at..];
        // Whole strides are compared without a branch per value.
        let alike = |s: &&[T]| s.iter().fold(true, |all, v| all & (*v == first));
        let strides = rest.chunks_exact(STRIDE).take_while(alike).count() * STRIDE;
        let end = rest[strides..].iter().position(|v| *v != first).map_or(values.len(), |i| at + strides + i);
        let found = at..end;
        at = end;
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn stretches_are_the_runs_of_equal_neighbours(parts in prop::collection::vec((0u16..3, 1usize..200), 0..12)) {
            let values: Vec<u16> = parts.iter().flat_map(|(v, n)| std::iter::repeat_n(*v, *n)).collect();
            let naive: Vec<usize> = values.chunk_by(|a, b| a == b).map(<[u16]>::len).collect();
            let found: Vec<usize> = stretches(&values).map(|r| r.len()).collect();
            prop_assert_eq!(found, naive);
        }
    }

    #[test]
    fn every_gpu_is_in_one_run_of_its_slot_and_runs_end_at_halls() {
        let t = Topology::default_site();
        let mut slots = vec![3u16; t.gpu_count()];
        slots[70_000..].fill(1);
        slots[5] = u16::MAX;
        slots[6] = 4;
        let runs = Runs::new(&t, &slots, 4);
        assert_eq!(runs.unknown, 2, "absent, and beyond the table");
        let held = |s: usize| runs.of(s).iter().map(|r| r.gpus().len()).sum::<usize>();
        assert_eq!((0..4).map(held).collect::<Vec<_>>(), [0, 100_224 - 70_000, 0, 69_998]);
        assert_eq!(runs.of(3)[0].gpus(), 0..5);
        assert_eq!(runs.of(3)[1].gpus(), 7..t.halls()[0].gpus.end as usize);
    }
}
