//! The tables of job and tenant names: a slot for each name, kept while a GPU holds it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::Column;
use crate::model::batch::{JobName, JobState};

/// Most names in a table, idle included. When all of them are held, new ones share the last slot.
const MAX_NAMES: usize = 4096;
/// Slots that nobody holds are given back when fewer than this many are left.
const FEW: usize = 256;
/// Name of the slot that jobs share for which there is none of their own.
const OTHER: &str = "(other)";

/// Both tables as frames hold them.
pub(super) type Shared = (Arc<[JobName]>, Arc<[String]>);

/// Both tables.
#[derive(Debug)]
pub(super) struct Names {
    jobs: Slots<JobName>,
    tenants: Slots<String>,
    /// Slots that a source of whole columns has numbered; those behind them belong to hosts.
    dense: usize,
    shared: Option<Shared>,
}

impl Default for Names {
    fn default() -> Self {
        let other = JobName { job: OTHER.to_owned(), ..JobName::default() };
        // A job is the same whatever it is doing.
        let unstated = |j: &JobName| JobName { state: JobState::default(), ..j.clone() };
        let tenants = Slots::new(OTHER.to_owned(), String::clone);
        Self { jobs: Slots::new(other, unstated), tenants, dense: 1, shared: None }
    }
}

impl Names {
    /// Takes the job table of a source of whole columns, which numbers its tenants in the order in
    /// which they appear there. Names of hosts stay, as long as the table does not grow over them.
    pub fn set_dense(&mut self, jobs: &[JobName]) {
        let keep = if jobs.len() <= self.dense { self.dense } else { self.jobs.names.len() };
        let behind = self.jobs.names.split_off(keep.min(self.jobs.names.len()));
        self.dense = self.dense.max(jobs.len());
        let mut names = jobs.to_vec();
        names.resize(self.dense, JobName::default());
        names.extend(behind);
        self.jobs.replace(names);
        for job in jobs {
            self.tenants.slot(&job.tenant);
        }
        self.shared = None;
    }

    /// Slots of the job and the tenant of a GPU, entered into the tables when they are new.
    pub fn slots(&mut self, job: &str, tenant: &str) -> (u16, u16) {
        let (tenant_slot, new_tenant) = self.tenants.slot(&tenant.to_owned());
        let (mut job_slot, mut new_job) = (0, false);
        if !job.is_empty() {
            let name = JobName { job: job.to_owned(), tenant: tenant.to_owned(), ..JobName::default() };
            (job_slot, new_job) = self.jobs.slot(&name);
        }
        if new_tenant || new_job {
            self.shared = None;
        }
        (job_slot, tenant_slot)
    }

    /// The slot of a job, if some GPU holds it or did lately.
    #[must_use]
    pub fn find(&self, job: &str, tenant: &str) -> Option<u16> {
        let name = JobName { job: job.to_owned(), tenant: tenant.to_owned(), ..JobName::default() };
        self.jobs.index.get(&name).copied()
    }

    /// The same with what the job is doing.
    pub fn slots_of(&mut self, name: &JobName) -> (u16, u16) {
        let (job, tenant) = self.slots(&name.job, &name.tenant);
        let known = self.jobs.names.get_mut(usize::from(job)).filter(|_| job > 0);
        if let Some(known) = known.filter(|k| k.job == name.job && k.state != name.state) {
            known.state = name.state;
            self.shared = None;
        }
        (job, tenant)
    }

    /// Gives back the slots that no GPU holds, when few are left.
    pub fn reclaim(&mut self, jobs: &Column, tenants: &Column) {
        self.jobs.reclaim(jobs, self.dense);
        self.tenants.reclaim(tenants, 1);
    }

    /// The tables for frames; the same memory as long as nothing changes.
    pub fn shared(&mut self) -> Shared {
        let (jobs, tenants) = (&self.jobs.names, &self.tenants.names);
        let made = self.shared.get_or_insert_with(|| (jobs.as_slice().into(), tenants.as_slice().into()));
        made.clone()
    }
}

/// One table.
#[derive(Debug)]
struct Slots<T> {
    names: Vec<T>,
    /// Where each name is; the order of this map is never asked for.
    index: HashMap<T, u16>,
    /// Slots that nobody held when it was last looked, smallest last.
    free: Vec<u16>,
    other: T,
    /// What of an entry tells one name from another.
    key: fn(&T) -> T,
}

impl<T: Clone + Eq + Hash + Default> Slots<T> {
    fn new(other: T, key: fn(&T) -> T) -> Self {
        let index = HashMap::from([(T::default(), 0)]);
        Self { names: vec![T::default()], index, free: Vec::new(), other, key }
    }

    fn replace(&mut self, names: Vec<T>) {
        self.names = names;
        self.free.clear();
        self.index.clear();
        for (i, name) in self.names.iter().enumerate() {
            self.index.entry((self.key)(name)).or_insert(i as u16);
        }
    }

    /// The slot of a name, and whether the table has changed for it.
    fn slot(&mut self, name: &T) -> (u16, bool) {
        if let Some(slot) = self.index.get(name).copied() {
            self.free.retain(|s| *s != slot);
            return (slot, false);
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.index.remove(&(self.key)(&self.names[usize::from(slot)]));
            self.names[usize::from(slot)] = name.clone();
            slot
        } else if self.names.len() < MAX_NAMES - 1 {
            self.names.push(name.clone());
            (self.names.len() - 1) as u16
        } else {
            let changed = self.names.len() < MAX_NAMES;
            if changed {
                self.names.push(self.other.clone());
            }
            return ((MAX_NAMES - 1) as u16, changed);
        };
        self.index.insert(name.clone(), slot);
        (slot, true)
    }

    /// The slots from `first` on that `held` does not name become free.
    fn reclaim(&mut self, held: &Column, first: usize) {
        let room = (MAX_NAMES - 1).saturating_sub(self.names.len()) + self.free.len();
        if room >= FEW {
            return;
        }
        let mut used = vec![false; self.names.len()];
        for i in 0..held.len() {
            if let Some(used) = used.get_mut(usize::from(held.raw(i))) {
                *used = true;
            }
        }
        let last = self.names.len().min(MAX_NAMES - 1);
        self.free = (first..last).rev().filter(|s| !used[*s]).map(|s| s as u16).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Metric;

    fn held(slots: impl Iterator<Item = u16>) -> Column {
        Column::from_raw(Metric::Job, slots.collect::<Vec<_>>().into_iter())
    }

    fn dense(jobs: &[(&str, &str)]) -> Vec<JobName> {
        let state = JobState::Running;
        let name = |(j, t): &(&str, &str)| JobName { job: (*j).into(), tenant: (*t).into(), state };
        jobs.iter().map(name).collect()
    }

    #[test]
    fn slots_are_stable_and_no_job_is_idle() {
        let mut n = Names::default();
        assert_eq!(n.slots("a", "T1"), (1, 1));
        assert_eq!(n.slots("b", "T1"), (2, 1));
        assert_eq!(n.slots("a", "T1"), (1, 1));
        assert_eq!(n.slots("a", "T2"), (3, 2), "the same name of another tenant is another job");
        assert_eq!(n.slots("", ""), (0, 0));
        let before = n.shared();
        n.slots("b", "T1");
        assert!(Arc::ptr_eq(&before.0, &n.shared().0), "nothing has changed");
    }

    #[test]
    fn a_full_table_shares_its_last_slot_and_says_so() {
        let mut n = Names::default();
        for i in 0..2 * MAX_NAMES {
            n.slots(&format!("j{i}"), "T");
        }
        let (jobs, _) = n.shared();
        assert_eq!((jobs.len(), jobs[MAX_NAMES - 1].job.as_str()), (MAX_NAMES, OTHER));
        assert_eq!(n.slots("one more", "T").0 as usize, MAX_NAMES - 1);
    }

    #[test]
    fn slots_that_nobody_holds_are_used_again() {
        let mut n = Names::default();
        let name = |i: usize| JobName { job: format!("j{i}"), tenant: "T".into(), ..JobName::default() };
        for i in 0..6000usize {
            let (slot, _) = n.slots(&format!("j{i}"), "T");
            assert_eq!(n.jobs.names[usize::from(slot)].job, format!("j{i}"));
            // The ten newest jobs run.
            let running = (i.saturating_sub(9)..=i).map(|i| n.jobs.index[&name(i)]);
            n.reclaim(&held(running), &held([1].into_iter()));
        }
        assert!(n.jobs.names.len() < MAX_NAMES - 1, "the shared slot was not needed");
    }

    #[test]
    fn a_freed_job_that_comes_back_has_its_slot() {
        let mut n = Names::default();
        for i in 0..MAX_NAMES - 10 {
            n.slots(&format!("j{i}"), "T");
        }
        n.reclaim(&held([9].into_iter()), &held([1].into_iter()));
        assert_eq!(n.slots("j0", "T").0, 1);
        assert_eq!(n.slots("new", "T").0, 2, "the smallest free one, and not that of j0");
    }

    #[test]
    fn a_dense_table_keeps_the_names_of_hosts_behind_it() {
        let mut n = Names::default();
        n.set_dense(&dense(&[("idle", ""), ("a", "T1"), ("b", "T2")]));
        assert_eq!(n.slots("mine", "T2"), (3, 2));
        n.set_dense(&dense(&[("idle", ""), ("a", "T1"), ("c", "T3")]));
        let (jobs, tenants) = n.shared();
        let names: Vec<&str> = jobs.iter().map(|j| j.job.as_str()).collect();
        assert_eq!(names, ["idle", "a", "c", "mine"]);
        assert_eq!(*tenants, ["", "T1", "T2", "T3"].map(str::to_owned));
        assert_eq!(n.slots("mine", "T2"), (3, 2));
        assert_eq!(n.slots("a", "T1"), (1, 1), "the same job, told by two sources");
    }
}
