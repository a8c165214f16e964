//! What is to be saved and is not yet, cut into transactions of bounded size.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::journal::store::MAX_BATCH;
use crate::journal::worker::{MAX_PENDING, Record};
use crate::model::alarm::{Alarm, AlarmId, Transition};

/// One transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) transitions: Vec<Transition>,
    pub(super) alarms: Vec<Alarm>,
    /// Set with the last one alone: until then the state in the file is older.
    pub(super) applied: Option<u64>,
}

/// Records that wait, merged.
#[derive(Debug, Default)]
pub(super) struct Pending {
    transitions: VecDeque<Transition>,
    /// The newest state of each alarm.
    alarms: BTreeMap<AlarmId, Alarm>,
    /// How many transitions of each alarm wait: its state is saved with the last of them.
    left: HashMap<AlarmId, usize>,
    applied: Option<u64>,
    /// Transitions that were dropped: too many waited, or the lease or the file was lost.
    pub(super) dropped: u64,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.transitions.is_empty() && self.alarms.is_empty() && self.applied.is_none()
    }

    /// How many rows wait.
    pub(super) fn len(&self) -> usize {
        self.transitions.len() + self.alarms.len() + usize::from(self.applied.is_some())
    }

    pub(super) fn add(&mut self, record: Record) {
        for t in record.transitions {
            *self.left.entry(t.alarm).or_default() += 1;
            self.transitions.push_back(t);
        }
        self.alarms.extend(record.alarms.into_iter().map(|a| (a.id, a)));
        self.applied = self.applied.max(Some(record.applied));
        while self.transitions.len() > MAX_PENDING {
            self.pop();
            self.dropped += 1;
        }
    }

    /// Drops all that waits, and counts it.
    pub(super) fn clear(&mut self) {
        *self = Self { dropped: self.dropped + self.transitions.len() as u64, ..Self::default() };
    }

    fn pop(&mut self) -> Option<Transition> {
        let first = self.transitions.pop_front()?;
        if let Some(left) = self.left.get_mut(&first.alarm) {
            *left -= 1;
            if *left == 0 {
                self.left.remove(&first.alarm);
            }
        }
        Some(first)
    }

    /// The next transaction, taken out.
    pub(super) fn take(&mut self) -> Batch {
        let count = self.transitions.len().min(MAX_BATCH);
        let transitions: Vec<Transition> = (0..count).filter_map(|_| self.pop()).collect();
        let mut batch = Batch { transitions, ..Batch::default() };
        for t in &batch.transitions {
            if !self.left.contains_key(&t.alarm) {
                batch.alarms.extend(self.alarms.remove(&t.alarm));
            }
        }
        // Then those of which nothing is left to say but their state.
        let room = MAX_BATCH.saturating_sub(batch.alarms.len());
        let free = self.alarms.keys().filter(|id| !self.left.contains_key(id)).take(room);
        for id in free.copied().collect::<Vec<_>>() {
            batch.alarms.extend(self.alarms.remove(&id));
        }
        if self.transitions.is_empty() && self.alarms.is_empty() {
            batch.applied = self.applied.take();
        }
        batch
    }

    /// Puts back a transaction that could not be saved.
    pub(super) fn put_back(&mut self, batch: Batch) {
        for t in batch.transitions.into_iter().rev() {
            *self.left.entry(t.alarm).or_default() += 1;
            self.transitions.push_front(t);
        }
        for alarm in batch.alarms {
            self.alarms.entry(alarm.id).or_insert(alarm);
        }
        self.applied = self.applied.max(batch.applied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{alarm, transition};

    fn record(transitions: Vec<Transition>, alarms: Vec<Alarm>, applied: u64) -> Record {
        Record { term: 1, transitions, alarms, applied }
    }

    #[test]
    fn a_storm_is_cut_and_each_state_goes_with_its_last_transition() {
        let mut pending = Pending::default();
        let mut steps: Vec<_> = (0..1500).map(|i| transition(i % 1200 + 1)).collect();
        steps.push(transition(1));
        pending.add(record(steps, (1..=1200).map(alarm).collect(), 9));
        let first = pending.take();
        assert_eq!((first.transitions.len(), first.applied), (1000, None));
        assert!(first.alarms.iter().all(|a| a.id.0 > 300 && a.id.0 <= 1000), "others are not told in full");
        let last = pending.take();
        assert_eq!((last.transitions.len(), last.applied), (501, Some(9)));
        assert_eq!(first.alarms.len() + last.alarms.len(), 1200);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_could_not_be_saved_comes_first_and_newer_states_win() {
        let mut pending = Pending::default();
        pending.add(record(vec![transition(1)], vec![alarm(1)], 3));
        let batch = pending.take();
        let newer = Alarm { occurrences: 7, ..alarm(1) };
        pending.add(record(vec![transition(2)], vec![newer.clone()], 2));
        pending.put_back(batch);
        let again = pending.take();
        assert_eq!(again.transitions.iter().map(|t| t.alarm.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((again.alarms, again.applied), (vec![newer], Some(3)));
    }

    #[test]
    fn memory_is_bounded_and_losses_are_counted() {
        let mut pending = Pending::default();
        pending.add(record((0..MAX_PENDING as u64 + 5).map(transition).collect(), vec![alarm(1)], 0));
        assert_eq!((pending.dropped, pending.transitions.len()), (5, MAX_PENDING));
        assert_eq!(pending.transitions[0].alarm, AlarmId(5), "the oldest went");
        let mut alarms = 0;
        while !pending.is_empty() {
            alarms += pending.take().alarms.len();
        }
        assert_eq!(alarms, 1, "a state is never dropped");
    }
}
