//! Operations on alarms, and the way back from them.

use std::sync::Arc;

use crate::alarm::book::By;
use crate::alarm::engine::{AlarmEngine, Happened};
use crate::model::Timestamp;
use crate::model::alarm::operation::UNDO_MS;
use crate::model::alarm::state::{AlarmState, Input};
use crate::model::alarm::{Alarm, AlarmId, Note, Operation, Shelf, Verb};

/// An operation of the last seconds, with the alarms as they were before.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    number: u64,
    time: Timestamp,
    verb: Verb,
    before: Vec<Arc<Alarm>>,
}

/// Operations that are remembered for being undone.
const MOST_DONE: usize = 64;

impl AlarmEngine {
    /// Does what an operator wants, on those of the alarms that it applies to.
    pub fn operate(&mut self, operation: &Operation) -> Happened {
        if self.is_following() {
            return Happened::default();
        }
        if let Verb::Undo(number) = operation.verb {
            self.undo(number, operation);
            return self.happened(operation.number);
        }
        let mut before = Vec::new();
        for id in &operation.alarms {
            let Some(alarm) = self.book.alarms.get(id).cloned() else { continue };
            if self.operate_one(&alarm, operation) {
                before.push(alarm);
            }
        }
        if self.done.len() == MOST_DONE {
            self.done.pop_front();
        }
        let (number, time, verb) = (operation.number, operation.time, operation.verb);
        self.done.push_back(Done { number, time, verb, before });
        self.happened(operation.number)
    }

    /// True when the operation applied to the alarm.
    fn operate_one(&mut self, alarm: &Alarm, operation: &Operation) -> bool {
        let (id, now) = (alarm.id, operation.time);
        let note = Note {
            operator: Arc::clone(&operation.operator),
            time: now,
            comment: operation.comment.as_str().into(),
        };
        let by =
            By { operator: Some(&operation.operator), operation: operation.number, text: &operation.comment };
        match operation.verb {
            Verb::Acknowledge => {
                let done = self.book.input(id, Input::Acknowledge, now, by);
                if done {
                    self.book.edit(id, |a| a.acknowledged = Some(note));
                }
                done
            }
            Verb::Shelve { until, one_shot } => {
                let shelf = Shelf { note, until, one_shot };
                if alarm.state == AlarmState::OutOfService {
                    return false;
                }
                self.book.edit(id, |a| a.shelf = Some(shelf));
                // A second shelf only has another end.
                self.book.input(id, Input::Shelve, now, by);
                true
            }
            Verb::Unshelve => alarm.shelf.is_some() && self.end_shelf(id, now, by),
            Verb::Reset => self.book.input(id, Input::Reset, now, by),
            Verb::RemoveFromService => {
                self.book.edit(id, |a| a.service = Some(note));
                self.book.input(id, Input::RemoveFromService, now, by)
            }
            Verb::ReturnToService => {
                self.book.edit(id, |a| a.service = None);
                self.book.input(id, Input::ReturnToService, now, by)
            }
            Verb::Comment => {
                self.book.edit(id, |a| a.comment = Some(note));
                true
            }
            Verb::Undo(_) => false,
        }
    }

    /// The shelf of an alarm ends.
    pub(crate) fn end_shelf(&mut self, id: AlarmId, now: Timestamp, by: By<'_>) -> bool {
        self.book.edit(id, |a| a.shelf = None);
        self.book.input(id, Input::Unshelve, now, by);
        true
    }

    /// Shelves whose time is over.
    pub(crate) fn look_at_shelves(&mut self, now: Timestamp) {
        let over = |a: &&Arc<Alarm>| a.shelf.as_ref().is_some_and(|s| s.until <= now);
        let ended: Vec<AlarmId> = self.book.alarms.values().filter(over).map(|a| a.id).collect();
        for id in ended {
            self.end_shelf(id, now, By { text: "time is over", ..By::default() });
        }
    }

    /// Takes an operation back where the alarms have not gone on since.
    fn undo(&mut self, number: u64, operation: &Operation) {
        let now = operation.time;
        let fresh = |d: &Done| d.number == number && now.since(d.time) <= UNDO_MS;
        let Some(at) = self.done.iter().position(fresh) else { return };
        let Some(done) = self.done.remove(at) else { return };
        let text = format!("undo of {number}");
        let by = By { operator: Some(&operation.operator), operation: operation.number, text: &text };
        for old in &done.before {
            self.undo_one(old, done.verb, (now, by));
        }
    }

    fn undo_one(&mut self, old: &Alarm, verb: Verb, (now, by): (Timestamp, By<'_>)) {
        let id = old.id;
        match verb {
            Verb::Acknowledge => {
                self.book.edit(id, |a| a.acknowledged = None);
                self.book.input(id, Input::Unacknowledge, now, by);
            }
            Verb::Shelve { .. } => {
                let shelf = old.shelf.clone();
                let again = shelf.is_some();
                self.book.edit(id, |a| a.shelf = shelf);
                if !again {
                    self.book.input(id, Input::Unshelve, now, by);
                    self.acknowledge_again(old, (now, by));
                }
            }
            Verb::Unshelve => {
                self.book.edit(id, |a| a.shelf.clone_from(&old.shelf));
                self.book.input(id, Input::Shelve, now, by);
            }
            Verb::RemoveFromService => {
                self.book.edit(id, |a| a.service = None);
                self.book.input(id, Input::ReturnToService, now, by);
                self.acknowledge_again(old, (now, by));
            }
            Verb::ReturnToService => {
                self.book.edit(id, |a| a.service.clone_from(&old.service));
                self.book.input(id, Input::RemoveFromService, now, by);
            }
            // What was said stays said, and what was reset has been looked at.
            Verb::Comment | Verb::Reset | Verb::Undo(_) => {}
        }
    }

    /// What was acknowledged before it was put aside, and stands still, stays so.
    fn acknowledge_again(&mut self, old: &Alarm, (now, by): (Timestamp, By<'_>)) {
        let was = matches!(old.state, AlarmState::Acknowledged | AlarmState::LatchedAcknowledged);
        let same = self.book.alarms.get(&old.id).is_some_and(|a| a.occurrences == old.occurrences);
        if was && same {
            self.book.input(old.id, Input::Acknowledge, now, by);
            self.book.edit(old.id, |a| a.acknowledged.clone_from(&old.acknowledged));
        }
    }
}
