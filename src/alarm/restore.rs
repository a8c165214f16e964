//! Taking alarms over from the journal: after a restart, and when another console led until now.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alarm::book::By;
use crate::alarm::engine::{AlarmEngine, Hold};
use crate::alarm::group::contains;
use crate::fleet::query::Scan;
use crate::model::alarm::rule::Scope;
use crate::model::alarm::state::Input;
use crate::model::alarm::{Alarm, AlarmId, JournalState, Origin};

impl AlarmEngine {
    /// Another console leads: its alarms are shown.
    pub fn follow(&mut self, journal: JournalState, alarms: Vec<Alarm>) {
        self.book.clear();
        self.held.clear();
        self.holds.clear();
        alarms.into_iter().for_each(|a| self.book.restore(a));
        self.place_all();
        self.set_journal(journal);
    }

    /// This console leads from now on, from the alarms as the journal has them.
    pub fn lead(&mut self, alarms: Vec<Alarm>) {
        self.follow(JournalState::Leading, alarms);
        let standing: Vec<Arc<Alarm>> = self.book.alarms.values().filter(|a| a.active).cloned().collect();
        for alarm in &standing {
            self.take_hold(alarm);
        }
        self.drop_unheld();
    }

    /// Finds the conditions that hold an alarm: those that stand in its place, else the members that
    /// the journal names. Those are looked at with the next frame, and clear by their delay.
    fn take_hold(&mut self, alarm: &Alarm) {
        let watches: Vec<usize> =
            (0..self.watches.len()).filter(|w| self.rule(self.watches[*w].rule).slug == alarm.rule).collect();
        let mut holds: Vec<Hold> = Vec::new();
        for w in watches {
            let scope = self.watches[w].scope();
            let own: Vec<u32> = match (&self.topology, alarm.asset) {
                (Some(t), Some(place)) if scope != Scope::Job => {
                    let inside =
                        |i: &u32| Scan::asset(scope, *i as usize).is_some_and(|a| contains(t, place, a));
                    self.watches[w].active().filter(inside).collect()
                }
                _ => Vec::new(),
            };
            let named = if own.is_empty() { self.named(w, alarm) } else { own };
            holds.extend(named.into_iter().map(|i| (w as u32, i)));
        }
        holds.retain(|h| !self.held.contains_key(h));
        if holds.is_empty() {
            return;
        }
        self.holds.insert(alarm.id, (holds.len() as u32, alarm.raised));
        self.held.extend(holds.into_iter().map(|h| (h, alarm.id)));
    }

    /// The members of an alarm by their names, as conditions of watch `w` that stand.
    fn named(&mut self, w: usize, alarm: &Alarm) -> Vec<u32> {
        let Some(t) = self.topology.clone() else { return Vec::new() };
        let scope = self.watches[w].scope();
        let count = Scan::count_in(&t, scope);
        let own = std::iter::once(&alarm.place);
        let places = own.chain(alarm.members.iter().filter(|m| m.rule == alarm.rule).map(|m| &m.place));
        let find = |place: &std::sync::Arc<str>| {
            let asset = t.find(place).ok()?;
            (crate::alarm::group::scope_of(asset) == scope).then(|| crate::alarm::watch::index_of(asset))
        };
        let found: Vec<u32> = places.filter_map(find).collect();
        found.iter().for_each(|i| self.watches[w].set_active(*i, count));
        found
    }

    /// Conditions that stand and belong to no alarm are looked at anew.
    fn drop_unheld(&mut self) {
        for w in 0..self.watches.len() {
            let loose: Vec<u32> =
                self.watches[w].active().filter(|i| !self.held.contains_key(&(w as u32, *i))).collect();
            if !self.rule(self.watches[w].rule).silent {
                loose.into_iter().for_each(|i| self.watches[w].restart(i));
            }
        }
    }

    /// Alarms that are active and that nothing holds: those of jobs are found by the name of the job,
    /// those of places that this site does not know yet wait, and the rest is over.
    pub(crate) fn look_at_unheld(&mut self, scan: &Scan<'_>) {
        let own = |a: &&Arc<Alarm>| a.active && a.origin == Origin::Rule && !self.holds.contains_key(&a.id);
        let loose: Vec<Arc<Alarm>> = self.book.alarms.values().filter(own).cloned().collect();
        for alarm in loose {
            let watch = self.watches.iter().position(|w| self.rule(w.rule).slug == alarm.rule);
            let job = watch.filter(|w| self.watches[*w].scope() == Scope::Job);
            match (watch, job) {
                (_, Some(w)) => self.take_hold_of_job(scan, w, &alarm),
                (Some(_), None) if alarm.asset.is_none() => continue,
                (Some(_), None) => self.take_hold(&alarm),
                (None, None) => {}
            }
            if !self.holds.contains_key(&alarm.id) {
                let text = "what it was about is gone";
                self.book.input(alarm.id, Input::Clear, scan.frame.time, By { text, ..By::default() });
            }
        }
    }

    fn take_hold_of_job(&mut self, scan: &Scan<'_>, w: usize, alarm: &Alarm) {
        let Some(slot) = scan.frame.jobs.iter().position(|j| *j.job == *alarm.place) else { return };
        let hold = (w as u32, slot as u32);
        if self.held.contains_key(&hold) {
            return;
        }
        self.watches[w].set_active(slot as u32, scan.frame.jobs.len());
        self.held.insert(hold, alarm.id);
        self.holds.insert(alarm.id, (1, alarm.raised));
    }

    /// The values in the words of alarms are those of now.
    pub(crate) fn renew_texts(&mut self, scan: &Scan<'_>) {
        // Each alarm is told by the first of the conditions that hold it.
        let mut firsts: BTreeMap<AlarmId, Hold> = BTreeMap::new();
        for (hold, id) in &self.held {
            let first = firsts.entry(*id).or_insert(*hold);
            *first = (*first).min(*hold);
        }
        for (id, (w, index)) in firsts {
            let text = self.watches[w as usize].explain(scan, index);
            if let Some(alarm) = self.book.alarms.get_mut(&id)
                && !text.is_empty()
                && *alarm.text != *text
            {
                // Nothing for the journal: only what is read now.
                Arc::make_mut(alarm).text = text.into();
            }
        }
    }
}
