//! All alarms and what happens to them: every change of a state goes through here.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::alarm::kpi::Tally;
use crate::model::Timestamp;
use crate::model::alarm::record::MAX_STEPS;
use crate::model::alarm::state::{AlarmState, Input, next};
use crate::model::alarm::{Alarm, AlarmId, Step, Transition};

/// Transitions that readers get.
pub const EVENTS: usize = 512;
/// How long an alarm that is normal is kept, ms: an acknowledgement of it can be undone, and its
/// history is at hand.
const KEEP_NORMAL_MS: i64 = 3600 * 1000;
/// Raises within [`CHATTER_MS`] from which an alarm chatters (ISA-18.2: three in a minute).
const CHATTER: usize = 3;
const CHATTER_MS: i64 = 60_000;
/// Quiet time after which it no longer does, ms.
const CALM_MS: i64 = 600_000;

/// Who or what does something to an alarm.
#[derive(Clone, Copy, Default)]
pub struct By<'a> {
    /// The operator; `None` for the engine.
    pub operator: Option<&'a Arc<str>>,
    /// Number of the operation in the journal; 0 for the engine.
    pub operation: u64,
    /// Value, reason or comment.
    pub text: &'a str,
}

/// True when the operator is told of something new.
pub fn is_annunciation(t: &Transition) -> bool {
    t.to == AlarmState::Unacknowledged && t.from != t.to && t.input != Input::Unacknowledge
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    pub alarms: BTreeMap<AlarmId, Arc<Alarm>>,
    /// The number and occurrences of each rule and place that ever had an alarm.
    ids: HashMap<(Arc<str>, Arc<str>), (AlarmId, u32)>,
    next: u64,
    /// Alarms that changed since they were last asked for.
    dirty: BTreeSet<AlarmId>,
    transitions: Vec<Transition>,
    pub events: VecDeque<Arc<Transition>>,
    raises: HashMap<AlarmId, VecDeque<i64>>,
    pub tally: Tally,
    /// Annunciations of priority 1 and 2 since the start.
    pub bells: u64,
    /// Counts changes of what readers see.
    pub version: u64,
}

impl Book {
    /// The alarm of a rule at a place, made if there is none yet. `make` gives the rest of it.
    pub fn open(
        &mut self,
        rule: &Arc<str>,
        place: &Arc<str>,
        make: impl FnOnce(AlarmId, u32) -> Alarm,
    ) -> AlarmId {
        let key = (Arc::clone(rule), Arc::clone(place));
        let (id, occurrences) = match self.ids.get(&key) {
            Some(known) => *known,
            None => {
                self.next += 1;
                (AlarmId(self.next), 0)
            }
        };
        self.ids.insert(key, (id, occurrences));
        self.alarms.entry(id).or_insert_with(|| Arc::new(make(id, occurrences)));
        id
    }

    /// The alarm of a rule at a place, while it is kept.
    pub fn find(&self, rule: &Arc<str>, place: &Arc<str>) -> Option<&Arc<Alarm>> {
        let (id, _) = self.ids.get(&(Arc::clone(rule), Arc::clone(place)))?;
        self.alarms.get(id)
    }

    /// Takes over an alarm as the journal has it.
    pub fn restore(&mut self, alarm: Alarm) {
        self.next = self.next.max(alarm.id.0);
        let key = (Arc::clone(&alarm.rule), Arc::clone(&alarm.place));
        self.ids.insert(key, (alarm.id, alarm.occurrences));
        self.alarms.insert(alarm.id, Arc::new(alarm));
        self.version += 1;
    }

    /// Changes what belongs to an alarm without changing its state.
    pub fn edit(&mut self, id: AlarmId, f: impl FnOnce(&mut Alarm)) {
        if let Some(alarm) = self.alarms.get_mut(&id) {
            f(Arc::make_mut(alarm));
            self.dirty.insert(id);
            self.version += 1;
        }
    }

    /// Something happens to an alarm. Facts such as a shelf or a cause are set before. True when its
    /// state changed.
    pub fn input(&mut self, id: AlarmId, input: Input, now: Timestamp, by: By<'_>) -> bool {
        let Some(alarm) = self.alarms.get_mut(&id).map(Arc::make_mut) else { return false };
        let from = alarm.state;
        match input {
            Input::Raise => {
                alarm.active = true;
                alarm.latched = alarm.latching;
                (alarm.raised, alarm.cleared, alarm.acknowledged) = (now, None, None);
                alarm.occurrences += 1;
            }
            Input::Clear => (alarm.active, alarm.cleared) = (false, Some(now)),
            Input::Reset => alarm.latched = false,
            _ => {}
        }
        let to = next(from, input, alarm.facts());
        // What is put aside is still evaluated, and what happens is told.
        // A priority that rises is told in every state.
        let same = match input {
            Input::Raise | Input::Clear => from.is_aside(),
            Input::ReAnnunciate => true,
            _ => false,
        };
        let told = to.or(same.then_some(from));
        let Some(to) = told else {
            self.dirty.insert(id);
            return false;
        };
        if to == AlarmState::Normal {
            alarm.latched = false;
        }
        if alarm.steps.len() == MAX_STEPS {
            alarm.steps.remove(0);
        }
        let text: Arc<str> = by.text.into();
        let operator = by.operator.cloned().unwrap_or_default();
        alarm.steps.push(Step { time: now, input, to, operator, text: Arc::clone(&text) });
        if from != to {
            (alarm.state, alarm.changed) = (to, now);
        }
        let transition = Transition {
            time: now,
            alarm: id,
            rule: Arc::clone(&alarm.rule),
            place: Arc::clone(&alarm.place),
            input,
            from,
            to,
            priority: alarm.priority,
            operation: by.operation,
            text,
        };
        self.note(transition);
        from != to
    }

    /// Counts a transition and keeps it for the journal and for readers.
    fn note(&mut self, transition: Transition) {
        let (id, now) = (transition.alarm, transition.time);
        if let (Input::Raise, Some(alarm)) = (transition.input, self.alarms.get_mut(&id)) {
            let alarm = Arc::make_mut(alarm);
            let times = self.raises.entry(id).or_default();
            times.push_back(now.millis());
            times.retain(|t| now.millis() - t <= CHATTER_MS);
            alarm.chattering |= times.len() >= CHATTER;
            let key = (Arc::clone(&transition.rule), Arc::clone(&transition.place));
            self.ids.insert(key, (id, alarm.occurrences));
        }
        if is_annunciation(&transition) {
            self.bells += u64::from(transition.priority <= 2);
        }
        self.tally.note(&transition);
        self.dirty.insert(id);
        self.version += 1;
        self.show(transition.clone());
        self.transitions.push(transition);
    }

    /// Takes in what the journal tells of the past: all of it anew, or what another console adds.
    pub fn remember(&mut self, whole: bool, transitions: &[Transition]) {
        if whole {
            self.tally = Tally::default();
            self.events.clear();
        }
        for transition in transitions {
            self.tally.replay(transition);
            if !whole && is_annunciation(transition) {
                self.bells += u64::from(transition.priority <= 2);
            }
            self.show(transition.clone());
        }
        self.version += 1;
    }

    /// Readers see the newest transitions.
    fn show(&mut self, transition: Transition) {
        if self.events.len() == EVENTS {
            self.events.pop_back();
        }
        self.events.push_front(Arc::new(transition));
    }

    /// Time goes by: chattering ends, and what has long been normal is forgotten.
    pub fn advance(&mut self, now: Timestamp) {
        let calm: Vec<AlarmId> = self
            .raises
            .iter()
            .filter(|(_, times)| times.back().is_none_or(|t| now.millis() - t > CALM_MS))
            .map(|(id, _)| *id)
            .collect();
        for id in calm {
            self.raises.remove(&id);
            if self.alarms.get(&id).is_some_and(|a| a.chattering) {
                self.edit(id, |a| a.chattering = false);
            }
        }
        self.alarms.retain(|_, a| a.state != AlarmState::Normal || now.since(a.changed) < KEEP_NORMAL_MS);
    }

    /// What happened since this was last asked: the transitions in order, and the alarms that changed.
    pub fn take(&mut self) -> (Vec<Transition>, Vec<Arc<Alarm>>) {
        let dirty = std::mem::take(&mut self.dirty);
        let alarms = dirty.iter().filter_map(|id| self.alarms.get(id).cloned()).collect();
        (std::mem::take(&mut self.transitions), alarms)
    }

    /// Forgets all alarms, as when another console leads.
    pub fn clear(&mut self) {
        self.alarms.clear();
        self.ids.clear();
        self.dirty.clear();
        self.transitions.clear();
        self.version += 1;
    }
}
