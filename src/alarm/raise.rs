//! From conditions that begin to stand to alarms: joining, grouping, absorbing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::alarm::book::By;
use crate::alarm::engine::AlarmEngine;
use crate::alarm::group;
use crate::fleet::jobs;
use crate::fleet::query::{Field, Scan};
use crate::model::alarm::record::MAX_MEMBERS;
use crate::model::alarm::rule::Scope;
use crate::model::alarm::state::Input;
use crate::model::alarm::{Alarm, AlarmId, Member};
use crate::model::{Asset, Timestamp};

/// Alarms of one rule that came within this time of each other may be one event, ms.
const TOGETHER_MS: i64 = 600_000;
/// Members of one rule that an alarm names, so that there is room for those of others.
const NAMED_OF_A_RULE: usize = 16;

impl AlarmEngine {
    /// Conditions have begun to stand: they join alarms that stand already, or make new ones.
    pub(crate) fn raise(&mut self, scan: &Scan<'_>, w: usize, indices: &[u32]) {
        let r = self.watches[w].rule;
        let standing = self.standing_of(r);
        // Those of one cause are told, or kept quiet, together.
        let mut by_cause: BTreeMap<Option<AlarmId>, Vec<u32>> = BTreeMap::new();
        let mut joins: BTreeMap<AlarmId, Vec<(u32, Arc<str>)>> = BTreeMap::new();
        for index in indices {
            let cause = self.cause_of(scan, r, (w, *index));
            match self.joined(scan, (w, *index), (&standing, cause.is_some())) {
                Some(id) => {
                    let names = joins.entry(id).or_default();
                    let name =
                        if names.len() < NAMED_OF_A_RULE { self.name(scan, w, *index) } else { "".into() };
                    names.push((*index, name));
                }
                None => by_cause.entry(cause).or_default().push(*index),
            }
        }
        for (id, members) in joins {
            self.add_members(id, (w, &members), scan.frame.time);
        }
        for (cause, indices) in by_cause {
            if self.watches[w].scope() == Scope::Job {
                indices.iter().for_each(|i| self.raise_job(scan, (w, *i), cause));
            } else {
                self.raise_group(scan, w, &indices, cause);
            }
        }
    }

    fn name(&self, scan: &Scan<'_>, w: usize, index: u32) -> Arc<str> {
        scan.name(self.watches[w].scope(), index as usize).into()
    }

    /// The alarms of a rule that stand, by place, and whether they are kept quiet.
    fn standing_of(&self, r: usize) -> HashMap<Asset, (AlarmId, bool)> {
        let slug = &self.rule(r).slug;
        let stands = |id: &AlarmId| {
            let alarm = self.book.alarms.get(id).filter(|a| a.rule == *slug && a.active)?;
            Some((alarm.asset?, (*id, alarm.suppressed_by.is_some())))
        };
        self.holds.keys().filter_map(stands).collect()
    }

    /// The alarm of the rule that stands at an asset or above it.
    fn joined(
        &self,
        scan: &Scan<'_>,
        (w, index): (usize, u32),
        (standing, quiet): (&HashMap<Asset, (AlarmId, bool)>, bool),
    ) -> Option<AlarmId> {
        if standing.is_empty() {
            return None;
        }
        let mut at = Scan::asset(self.watches[w].scope(), index as usize)?;
        loop {
            match standing.get(&at) {
                Some((id, aside)) if *aside == quiet => return Some(*id),
                _ if at == Asset::Site => return None,
                _ => at = scan.topology().parent(at),
            }
        }
    }

    /// Makes the alarms of conditions that begin together.
    fn raise_group(&mut self, scan: &Scan<'_>, w: usize, indices: &[u32], cause: Option<AlarmId>) {
        let (t, now, scope) = (scan.topology(), scan.frame.time, self.watches[w].scope());
        let rule = self.watches[w].rule;
        let (slug, up_to) = (Arc::clone(&self.rule(rule).slug), self.rule(rule).up_to);
        let mut members: Vec<Asset> =
            indices.iter().filter_map(|i| Scan::asset(scope, *i as usize)).collect();
        // Alarms of the rule that came just before may be the same event.
        let recent = |(id, (_, joined)): (&AlarmId, &(u32, Timestamp))| {
            let alarm = self.book.alarms.get(id)?;
            let alike =
                alarm.rule == slug && alarm.active && alarm.suppressed_by.is_some() == cause.is_some();
            (alike && now.since(*joined) <= TOGETHER_MS).then_some((*id, alarm.asset?))
        };
        let before: Vec<(AlarmId, Asset)> = self.holds.iter().filter_map(recent).collect();
        members.extend(before.iter().map(|(_, asset)| *asset));
        for (place, inside) in group::places(t, &members, up_to) {
            let new: Vec<u32> = inside.iter().filter_map(|i| indices.get(*i).copied()).collect();
            let old: Vec<AlarmId> = inside
                .iter()
                .filter_map(|i| before.get(i.checked_sub(indices.len())?))
                .map(|(id, _)| *id)
                .collect();
            if new.is_empty() {
                continue;
            }
            // The alarm of this rule at this place may stand already, told or kept quiet.
            if let Some(id) = self.standing_at(rule, place) {
                self.absorb(id, &old, now);
                let named: Vec<(u32, Arc<str>)> = new.iter().map(|i| (*i, self.name(scan, w, *i))).collect();
                self.add_members(id, (w, &named), now);
                continue;
            }
            let text = self.watches[w].explain(scan, new[0]);
            let id = self.open(rule, place, (now, &text));
            self.announce(id, cause, (now, &text));
            self.absorb(id, &old, now);
            let named: Vec<(u32, Arc<str>)> = new
                .iter()
                .enumerate()
                .map(|(n, i)| (*i, if n < NAMED_OF_A_RULE { self.name(scan, w, *i) } else { "".into() }))
                .collect();
            self.add_members(id, (w, &named), now);
        }
    }

    /// The alarm of a rule that stands at exactly this place.
    fn standing_at(&self, r: usize, place: Asset) -> Option<AlarmId> {
        let slug = &self.rule(r).slug;
        let here = |id: &&AlarmId| {
            self.book.alarms.get(id).is_some_and(|a| a.rule == *slug && a.asset == Some(place) && a.active)
        };
        self.holds.keys().find(here).copied()
    }

    fn raise_job(&mut self, scan: &Scan<'_>, (w, index): (usize, u32), cause: Option<AlarmId>) {
        let rule = self.watches[w].rule;
        let (now, name) = (scan.frame.time, scan.name(Scope::Job, index as usize));
        let text = self.watches[w].explain(scan, index);
        let place = place_of_job(scan, index as u16);
        let id = self.open_named(rule, (&name, Some(place)), (now, &text));
        self.announce(id, cause, (now, &text));
        self.add_members(id, (w, &[(index, name.into())]), now);
        let gpus = scan.value(Field::JobGpus, index as usize);
        self.book.edit(id, |a| a.gpus = gpus.max(0.0) as u32);
    }

    fn open(&mut self, rule: usize, place: Asset, at: (Timestamp, &str)) -> AlarmId {
        let name = self.topology.as_ref().map(|t| t.name(place)).unwrap_or_default();
        self.open_named(rule, (&name, Some(place)), at)
    }

    fn open_named(
        &mut self,
        rule: usize,
        (name, asset): (&str, Option<Asset>),
        at: (Timestamp, &str),
    ) -> AlarmId {
        let place: Arc<str> = name.into();
        let rules = self.rules.clone();
        let rule = &rules.list()[rule];
        let id = self.book.open(&rule.slug, &place, |id, occurrences| Alarm {
            occurrences,
            ..Alarm::normal(id, &rule.slug, &place)
        });
        let t = self.topology.clone();
        self.book.edit(id, |alarm| {
            let gpus = asset.and_then(|a| Some(t?.gpus_of(a).len() as u32));
            alarm.asset = asset;
            alarm.title = Arc::clone(&rule.title);
            (alarm.latching, alarm.priority) = (rule.latch, rule.priority);
            (alarm.text, alarm.gpus) = (at.1.into(), gpus.unwrap_or(0));
            (alarm.members, alarm.member_count) = (Vec::new(), 0);
        });
        id
    }

    /// The alarm is raised; quietly where a cause is known.
    fn announce(&mut self, id: AlarmId, cause: Option<AlarmId>, (now, text): (Timestamp, &str)) {
        if cause.is_some() {
            self.suppress(id, cause, now);
        }
        self.book.input(id, Input::Raise, now, By { text, ..By::default() });
        // A cause is as urgent as the worst of what follows from it.
        if let (Some(cause), Some(priority)) = (cause, self.book.alarms.get(&id).map(|a| a.priority)) {
            self.worsen(cause, priority, now);
        }
    }

    /// Alarms that turn out to be part of a larger one give it what they hold.
    fn absorb(&mut self, id: AlarmId, old: &[AlarmId], now: Timestamp) {
        for old in old.iter().filter(|o| **o != id) {
            self.held.values_mut().filter(|h| *h == old).for_each(|h| *h = id);
            let (count, joined) = self.holds.remove(old).unwrap_or((0, now));
            let holds = self.holds.entry(id).or_insert((0, joined));
            holds.0 += count;
            let (members, count) = self.as_members(*old);
            self.book.edit(id, |a| add_all(a, &members, count));
            let text = format!("part of {id}");
            self.book.edit(*old, |a| (a.suppressed_by, a.latched) = (Some(id), false));
            self.book.input(*old, Input::Suppress, now, By { text: &text, ..By::default() });
            self.book.input(*old, Input::Clear, now, By { text: &text, ..By::default() });
        }
    }

    /// Conditions belong to an alarm from now on, and to its cause where it has one. What an alarm is
    /// about itself is no member of it.
    fn add_members(&mut self, id: AlarmId, (w, members): (usize, &[(u32, Arc<str>)]), now: Timestamp) {
        let (slug, gpu) =
            (Arc::clone(&self.rule(self.watches[w].rule).slug), self.watches[w].scope() == Scope::Gpu);
        for (index, _) in members {
            self.held.insert((w as u32, *index), id);
        }
        let holds = self.holds.entry(id).or_insert((0, now));
        (holds.0, holds.1) = (holds.0 + members.len() as u32, now);
        let named = members.iter().filter(|(_, name)| !name.is_empty()).take(MAX_MEMBERS);
        let list: Vec<Member> = named
            .map(|(_, place)| Member { time: now, place: Arc::clone(place), rule: Arc::clone(&slug) })
            .collect();
        let Some(alarm) = self.book.alarms.get(&id) else { return };
        let (cause, place) = (alarm.suppressed_by, Arc::clone(&alarm.place));
        let own = |m: &Member| m.place == place && m.rule == slug;
        let others: Vec<Member> = list.iter().filter(|m| !own(m)).cloned().collect();
        let count = members.len() as u32;
        let itself = (list.len() - others.len()) as u32;
        self.book.edit(id, |a| {
            add_all(a, &others, count - itself);
            if gpu {
                a.gpus = a.member_count + itself;
            }
        });
        if let Some(cause) = cause {
            self.book.edit(cause, |a| add_all(a, &list, count));
        }
    }
}

/// Members join an alarm; the first ones of each rule by name.
pub(crate) fn add_all(alarm: &mut Alarm, members: &[Member], count: u32) {
    for member in members {
        let alike = alarm.members.iter().filter(|m| m.rule == member.rule).count();
        if alarm.members.len() < MAX_MEMBERS && alike < NAMED_OF_A_RULE {
            alarm.members.push(member.clone());
        }
    }
    alarm.member_count += count;
}

/// Where a job is: its hall where it has only one, else the site.
fn place_of_job(scan: &Scan<'_>, slot: u16) -> Asset {
    match scan.frame.usage(jobs::By::Job).of_slot(slot).map(|u| u.halls.as_slice()) {
        Some([(hall, _)]) => Asset::Hall(*hall),
        _ => Asset::Site,
    }
}
