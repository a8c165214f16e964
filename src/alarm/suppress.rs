//! Suppression by design: what keeps an alarm quiet while its cause stands.

use std::sync::Arc;

use crate::alarm::book::By;
use crate::alarm::engine::{AlarmEngine, Hold};
use crate::alarm::group;
use crate::alarm::raise::add_all;
use crate::alarm::watch::index_of;
use crate::fleet::query::Scan;
use crate::model::alarm::rule::Scope;
use crate::model::alarm::state::Input;
use crate::model::alarm::{AlarmId, Member, Origin};
use crate::model::{Asset, Timestamp};

impl AlarmEngine {
    /// What keeps a condition of rule `r` quiet: the alarm that is its cause, or number 0 where the
    /// cause only begins or has no alarm of its own.
    pub(crate) fn cause_of(&self, scan: &Scan<'_>, r: usize, (w, index): (usize, u32)) -> Option<AlarmId> {
        if self.suppressors[r].iter().all(|s| self.watches[*s].standing().is_empty()) {
            return None;
        }
        match Scan::asset(self.watches[w].scope(), index as usize) {
            Some(asset) => self.cause_at(scan, r, asset),
            None => self.cause_of_job(scan, r, index as u16),
        }
    }

    pub(crate) fn cause_at(&self, scan: &Scan<'_>, r: usize, asset: Asset) -> Option<AlarmId> {
        self.suppressors[r].iter().find_map(|s| {
            let (watch, t) = (&self.watches[*s], scan.topology());
            if watch.standing().is_empty() {
                return None;
            }
            // What a CDU does wrong is felt in its whole row.
            if watch.scope() == Scope::Cdu && !matches!(asset, Asset::Cdu(_)) {
                let Some(Asset::Row(row)) = group::ancestor(t, asset, Scope::Row) else { return None };
                let index = t.row(row).cdus.iter().find(|c| watch.standing().contains(c))?;
                return Some(self.alarm_of((*s as u32, index)));
            }
            let index = index_of(group::ancestor(t, asset, watch.scope())?);
            watch.standing().contains(&index).then(|| self.alarm_of((*s as u32, index)))
        })
    }

    /// A job is kept quiet by what stands anywhere among its GPUs.
    fn cause_of_job(&self, scan: &Scan<'_>, r: usize, slot: u16) -> Option<AlarmId> {
        let column = scan.frame.column(crate::model::Metric::Job);
        self.suppressors[r].iter().find_map(|s| {
            let watch = &self.watches[*s];
            let here = |index: &&u32| {
                let asset = Scan::asset(watch.scope(), **index as usize);
                asset.is_some_and(|a| scan.topology().gpus_of(a).range().any(|g| column.raw(g) == slot))
            };
            watch.standing().iter().find(here).map(|index| self.alarm_of((*s as u32, *index)))
        })
    }

    fn alarm_of(&self, hold: Hold) -> AlarmId {
        self.held.get(&hold).copied().unwrap_or_default()
    }

    /// Puts an alarm aside for its cause, and gives what it holds to the cause.
    pub(crate) fn suppress(&mut self, id: AlarmId, cause: Option<AlarmId>, now: Timestamp) {
        let Some(cause) = cause.filter(|c| *c != id) else { return };
        let text =
            self.book.alarms.get(&cause).map(|a| format!("by {} {}", a.rule, a.place)).unwrap_or_default();
        let (members, count) = self.as_members(id);
        self.book.edit(id, |a| a.suppressed_by = Some(cause));
        self.book.input(id, Input::Suppress, now, By { text: &text, ..By::default() });
        if self.book.alarms.contains_key(&cause) {
            self.book.edit(cause, |a| add_all(a, &members, count));
            // A cause is as urgent as the worst of what follows from it.
            if let Some(priority) = self.book.alarms.get(&id).filter(|a| a.active).map(|a| a.priority) {
                self.worsen(cause, priority, now);
            }
        }
    }

    /// An alarm as members of another: what it names, or itself.
    pub(crate) fn as_members(&self, id: AlarmId) -> (Vec<Member>, u32) {
        let Some(alarm) = self.book.alarms.get(&id) else { return Default::default() };
        if alarm.members.is_empty() && alarm.active {
            let (time, place, rule) = (alarm.raised, Arc::clone(&alarm.place), Arc::clone(&alarm.rule));
            return (vec![Member { time, place, rule }], 1);
        }
        (alarm.members.clone(), alarm.member_count)
    }

    /// Alarms whose cause is gone are told of again, if they still stand past their delay.
    pub(crate) fn lift_suppression(&mut self, scan: &Scan<'_>) {
        let now = scan.frame.time;
        let mut aside: Vec<(AlarmId, Arc<str>, Option<Asset>)> = self
            .book
            .alarms
            .values()
            .filter(|a| a.suppressed_by.is_some() && a.origin == Origin::Rule)
            .map(|a| (a.id, Arc::clone(&a.rule), a.asset))
            .collect();
        // What keeps others quiet is looked at before them: it may end, too.
        let rank = |slug: &Arc<str>| {
            let r = self.rules.list().iter().position(|rule| rule.slug == *slug);
            r.map_or(0, |r| self.suppressors[r].len())
        };
        aside.sort_by_key(|(id, slug, _)| (rank(slug), *id));
        for (id, slug, asset) in aside {
            let Some(r) = self.rules.list().iter().position(|rule| rule.slug == slug) else { continue };
            let part_of = self.book.alarms.get(&id).and_then(|a| a.suppressed_by);
            let whole = part_of.and_then(|w| self.book.alarms.get(&w)).filter(|w| w.rule == slug && w.active);
            let job = if self.rule(r).scope() == Scope::Job { self.holds_of(id).next() } else { None };
            let cause = match (whole, job, asset) {
                (Some(whole), ..) => Some(whole.id),
                (_, Some((w, slot)), _) => self.cause_of(scan, r, (w as usize, slot)),
                (.., Some(asset)) => {
                    self.cause_at(scan, r, asset).or_else(|| self.cause_of_held(scan, r, id))
                }
                _ => None,
            };
            match cause {
                Some(cause) if Some(cause) != part_of && cause != AlarmId::default() => {
                    self.suppress(id, Some(cause), now)
                }
                Some(_) => {}
                None => {
                    // What still stands must last for the whole delay again: symptoms go after their
                    // cause, but not at once.
                    let holds: Vec<Hold> = self.holds_of(id).collect();
                    let momentary = self.rule(r).momentary;
                    for (w, index) in &holds {
                        let watch = &mut self.watches[*w as usize];
                        if momentary {
                            watch.mute(*index)
                        } else {
                            watch.restart(*index)
                        }
                        self.held.remove(&(*w, *index));
                    }
                    self.holds.remove(&id);
                    self.book.edit(id, |a| a.suppressed_by = None);
                    if !holds.is_empty() {
                        self.book.input(id, Input::Clear, now, By::default());
                        self.book.edit(id, |a| a.latched = false);
                    }
                    self.book.input(id, Input::Unsuppress, now, By::default());
                }
            }
        }
    }

    pub(crate) fn holds_of(&self, id: AlarmId) -> impl Iterator<Item = Hold> {
        let mut holds: Vec<Hold> = self.held.iter().filter(|(_, a)| **a == id).map(|(h, _)| *h).collect();
        holds.sort_unstable();
        holds.into_iter()
    }

    /// The cause of a group that stands higher than the cause does: that of its first member.
    fn cause_of_held(&self, scan: &Scan<'_>, r: usize, id: AlarmId) -> Option<AlarmId> {
        let (w, index) = self.holds_of(id).next()?;
        self.cause_of(scan, r, (w as usize, index))
    }

    /// Alarms that stood before their cause was seen are put aside now.
    pub(crate) fn suppress_standing(&mut self, scan: &Scan<'_>) {
        if self.suppressors.iter().flatten().all(|s| self.watches[*s].standing().is_empty()) {
            return;
        }
        let standing: Vec<(AlarmId, Arc<str>, Option<Asset>)> = self
            .book
            .alarms
            .values()
            .filter(|a| a.state.is_annunciated() && a.suppressed_by.is_none() && a.origin == Origin::Rule)
            .map(|a| (a.id, Arc::clone(&a.rule), a.asset))
            .collect();
        for (id, slug, asset) in standing {
            let Some(r) = self.rules.list().iter().position(|rule| rule.slug == slug) else { continue };
            if self.suppressors[r].iter().all(|s| self.watches[*s].standing().is_empty()) {
                continue;
            }
            let job = if self.rule(r).scope() == Scope::Job { self.holds_of(id).next() } else { None };
            let cause = match (job, asset) {
                (Some((w, slot)), _) => self.cause_of(scan, r, (w as usize, slot)),
                (None, Some(asset)) => self.cause_at(scan, r, asset),
                _ => None,
            };
            // A cause that only begins may go again: what is told already stays until it is certain.
            self.suppress(id, cause.filter(|c| *c != AlarmId::default()), scan.frame.time);
        }
    }
}
