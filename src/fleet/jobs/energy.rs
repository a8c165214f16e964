//! Energy of jobs and tenants: the power of their good GPUs, summed over the time of the frames.
//!
//! It counts from when the console first knew the job. Nothing is made up for: a GPU that is stale
//! or lost adds nothing, and neither does time in which no frames were made.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::jobs::{By, Sum};
use crate::model::Timestamp;
use crate::model::batch::JobName;

/// Longest time between two frames for which the later one is taken to stand, ms.
pub const MAX_STEP_MS: i64 = 10_000;
/// Raw value of "nothing measured yet".
const NONE: u64 = u64::MAX;
/// Millijoules of a megawatt-hour.
const PER_MWH: f64 = 3.6e12;

/// Energy by slot, in whole millijoules (W · ms), so that the sum is the same on every machine.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Energy {
    pub(crate) slots: [Arc<[u64]>; 2],
}

impl Energy {
    /// Energy of a slot, MWh; `None` when nothing was measured yet.
    #[must_use]
    pub fn mwh(&self, by: By, slot: u16) -> Option<f64> {
        let raw = self.slots[by as usize].get(usize::from(slot)).copied().filter(|raw| *raw != NONE)?;
        Some(raw as f64 / PER_MWH)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.iter().map(|s| 8 * s.len()).sum()
    }
}

/// Adds up energy from frame to frame.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    last: Option<Timestamp>,
    jobs: Arc<[JobName]>,
    tenants: Arc<[String]>,
    energy: Energy,
}

impl Meter {
    /// The energy as of `frame`, which follows the frame asked for before.
    pub fn read(&mut self, frame: &Frame) -> Energy {
        self.follow_names(frame);
        let step = self.last.map_or(0, |last| frame.time.since(last));
        self.last = Some(frame.time);
        if (1..=MAX_STEP_MS).contains(&step) {
            for by in By::ALL {
                let slots = self.energy.slots[by as usize].iter().zip(frame.sums(by));
                self.energy.slots[by as usize] = slots.map(|(raw, sum)| add(*raw, *sum, step)).collect();
            }
        }
        self.energy.clone()
    }

    /// What was measured stays with its name; a slot that has another name now begins anew.
    fn follow_names(&mut self, frame: &Frame) {
        if !Arc::ptr_eq(&self.jobs, &frame.jobs) {
            // Most often only what a job is doing has changed.
            let same = |(a, b): (&JobName, &JobName)| a.job == b.job && a.tenant == b.tenant;
            let mut pairs = self.jobs.iter().zip(frame.jobs.iter());
            if self.jobs.len() != frame.jobs.len() || !pairs.all(same) {
                let key = |j: &JobName| (j.job.clone(), j.tenant.clone());
                let slots = &self.energy.slots[By::Job as usize];
                self.energy.slots[By::Job as usize] =
                    moved(slots, self.jobs.iter().map(key), &frame.jobs, key);
            }
            self.jobs = Arc::clone(&frame.jobs);
        }
        if !Arc::ptr_eq(&self.tenants, &frame.tenants) {
            let old = self.tenants.iter().cloned();
            let slots = &self.energy.slots[By::Tenant as usize];
            self.energy.slots[By::Tenant as usize] = moved(slots, old, &frame.tenants, String::clone);
            self.tenants = Arc::clone(&frame.tenants);
        }
    }
}

fn add(raw: u64, sum: Sum, step_ms: i64) -> u64 {
    match sum.watts() {
        None => raw,
        Some(watts) => {
            let before = if raw == NONE { 0 } else { raw };
            before.saturating_add(watts.saturating_mul(step_ms.unsigned_abs())).min(NONE - 1)
        }
    }
}

/// The values of `slots`, which had the names `old`, in the order of `new`. Slot 0 has no name.
fn moved<T, K: Eq + std::hash::Hash>(
    slots: &[u64],
    old: impl Iterator<Item = K>,
    new: &[T],
    key: impl Fn(&T) -> K,
) -> Arc<[u64]> {
    let known: HashMap<K, u64> = old.zip(slots.iter().copied()).skip(1).collect();
    let idle = slots.first().copied().unwrap_or(NONE);
    let value = |(i, t): (usize, &T)| if i == 0 { idle } else { known.get(&key(t)).copied().unwrap_or(NONE) };
    new.iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::stage::Stage;
    use crate::model::batch::DenseBatch;
    use crate::model::topology::place::Placer;
    use crate::model::topology::plan::{NewHost, Plan};
    use crate::model::{Batch, Column, Metric};

    /// Eight GPUs: the first four of job 1, the others of job 2.
    struct Site {
        stage: Stage,
        frame: Option<Frame>,
    }

    impl Site {
        fn new() -> Self {
            let hosts: Vec<_> =
                (0..2).map(|i| NewHost { host: format!("h{i}"), place: None, gpus: 4 }).collect();
            let site = Plan::open("x").with_hosts(&hosts).build().expect("small");
            Self { stage: Stage::new(Arc::new(site), Placer::default()), frame: None }
        }

        /// A tick at `second` with `watts` on every GPU; what is said of jobs, in slots 1 and 2.
        fn tick(&mut self, second: i64, watts: u16, jobs: Option<[&str; 2]>, silent: Vec<u32>) -> &mut Self {
            let columns = vec![
                (Metric::Power, Column::from_raw(Metric::Power, std::iter::repeat_n(watts, 8))),
                (Metric::Job, Column::from_raw(Metric::Job, (0..8u16).map(|g| 1 + g / 4))),
                (Metric::Tenant, Column::from_raw(Metric::Tenant, std::iter::repeat_n(1, 8))),
            ];
            let name = |n: &str| JobName { job: n.into(), tenant: "T1".into(), ..JobName::default() };
            let table = |names: [&str; 2]| vec![JobName::default(), name(names[0]), name(names[1])].into();
            let time = Timestamp::from_secs(second);
            let dense = Some(DenseBatch { columns, silent, jobs: jobs.map(table) });
            self.stage.apply(&Batch { dense, ..Batch::new(0, time) }, 1000);
            self.frame = Some(self.stage.commit(time));
            self
        }

        /// Energy by job, in W · s.
        fn jobs(&self) -> [Option<f64>; 2] {
            let frame = self.frame.as_ref().expect("a tick");
            [1, 2].map(|slot| frame.energy.mwh(By::Job, slot).map(|v| (v * 3.6e9).round()))
        }
    }

    #[test]
    fn energy_is_power_times_time_and_before_the_first_interval_unknown() {
        let mut s = Site::new();
        assert_eq!(s.tick(0, 1000, Some(["a", "b"]), vec![]).jobs(), [None, None]);
        assert_eq!(s.tick(2, 1000, None, vec![]).jobs(), [Some(8000.0), Some(8000.0)]);
        assert_eq!(s.tick(3, 0, None, vec![]).jobs(), [Some(8000.0), Some(8000.0)], "zero is a value");
        let all = s.frame.as_ref().and_then(|f| f.energy.mwh(By::Tenant, 1));
        assert_eq!(all.map(|v| (v * 3.6e9).round()), Some(16_000.0));
    }

    #[test]
    fn gaps_and_gpus_that_are_not_good_add_nothing() {
        let mut s = Site::new();
        s.tick(0, 1000, Some(["a", "b"]), vec![]);
        for t in 1..=4 {
            s.tick(t, 1000, None, vec![1]);
        }
        // Three intervals count as fresh, then the second host is stale.
        assert_eq!(s.jobs(), [Some(16_000.0), Some(12_000.0)]);
        assert_eq!(s.tick(3600, 1000, None, vec![]).jobs(), [Some(16_000.0), Some(12_000.0)]);
        assert_eq!(s.tick(3601, 1000, None, vec![]).jobs(), [Some(20_000.0), Some(16_000.0)]);
    }

    #[test]
    fn energy_follows_the_name_and_a_new_job_in_a_slot_begins_anew() {
        let mut s = Site::new();
        s.tick(0, 1000, Some(["a", "b"]), vec![]).tick(1, 1000, None, vec![]);
        assert_eq!(s.tick(2, 1000, Some(["a", "c"]), vec![]).jobs(), [Some(8000.0), Some(4000.0)]);
        // The source numbers its jobs another way: the slot of `a` is that of `c` now.
        assert_eq!(s.tick(3, 1000, Some(["c", "a"]), vec![]).jobs(), [Some(8000.0), Some(12_000.0)]);
    }

    #[test]
    fn a_past_frame_keeps_the_energy_of_then() {
        let mut s = Site::new();
        s.tick(0, 1000, Some(["a", "b"]), vec![]).tick(1, 1000, None, vec![]);
        let then = s.frame.clone().expect("a tick");
        s.tick(2, 1000, None, vec![]);
        assert_eq!(then.energy.mwh(By::Job, 1).map(|v| (v * 3.6e9).round()), Some(4000.0));
        let mut packer = crate::fleet::pack::Packer::default();
        let now = Arc::new(s.frame.clone().expect("a tick"));
        let packed = [packer.pack(&Arc::new(then.clone())), packer.pack(&now)];
        assert_eq!(packed.each_ref().map(|p| p.unpack().energy), [then.energy, now.energy.clone()]);
    }
}
