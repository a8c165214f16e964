//! The alarm engine: watches all rules, groups and suppresses, and keeps the book.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::alarm::book::{Book, By};
use crate::alarm::external::{Heard, place_of};
use crate::alarm::group;
use crate::alarm::operate::Done;
use crate::alarm::rule::{Rule, Rules};
use crate::alarm::watch::{Changed, Watch, index_of};
use crate::fleet::query::{Memory, Scan, TRUE};
use crate::fleet::xids::XidEvents;
use crate::fleet::{Frame, jobs};
use crate::model::alarm::record::MAX_MEMBERS;
use crate::model::alarm::rule::Scope;
use crate::model::alarm::state::{AlarmState, Input};
use crate::model::alarm::{
    Alarm, AlarmBoard, AlarmCounts, AlarmId, JournalState, Kpi, Member, Origin, RuleView, Transition,
};
use crate::model::{Asset, Timestamp, Topology};

/// Alarms of one rule that came within this time of each other may be one event, ms.
const TOGETHER_MS: i64 = 600_000;
/// Time between two looks at figures and at what no source reports, ms.
const FIGURES_MS: i64 = 5_000;

/// What the engine looks at in a tick.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The newest frame.
    pub frame: &'a Arc<Frame>,
    /// Which trays answer.
    pub trays: &'a [bool],
}

/// What follows from a tick or an operation: for the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Happened {
    /// The transitions, in order.
    pub transitions: Vec<Transition>,
    /// The alarms that changed, as they are now.
    pub alarms: Vec<Arc<Alarm>>,
    /// The last operation that was applied; 0 for none.
    pub applied: u64,
}

impl Happened {
    /// True when there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.transitions.is_empty() && self.alarms.is_empty() && self.applied == 0
    }
}

/// A condition at an asset: the watch and the index.
pub(crate) type Hold = (u32, u32);

/// See the module.
#[derive(Debug)]
pub struct AlarmEngine {
    rules: Rules,
    pub(crate) watches: Vec<Watch>,
    worse: Vec<(usize, u8, Watch)>,
    /// For each rule the watches that suppress it.
    suppressors: Vec<Vec<usize>>,
    pub(crate) book: Book,
    xids: XidEvents,
    /// The alarm that each standing condition belongs to.
    pub(crate) held: HashMap<Hold, AlarmId>,
    /// How many conditions hold each alarm, and when the last one joined.
    pub(crate) holds: BTreeMap<AlarmId, (u32, Timestamp)>,
    pub(crate) topology: Option<Arc<Topology>>,
    /// Operations of the last seconds, which can be undone.
    pub(crate) done: VecDeque<Done>,
    /// What was heard of alerts elsewhere.
    pub(crate) heard: Heard,
    /// Another console writes the transitions.
    following: bool,
    journal: JournalState,
    views: Arc<[RuleView]>,
    kpi: Arc<Kpi>,
    figures_at: Option<Timestamp>,
    shown: Option<(u64, Arc<AlarmBoard>)>,
}

impl AlarmEngine {
    /// An engine that has seen nothing.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let mut engine = Self {
            watches: Vec::new(),
            worse: Vec::new(),
            suppressors: Vec::new(),
            book: Book::default(),
            xids: XidEvents::default(),
            held: HashMap::new(),
            holds: BTreeMap::new(),
            topology: None,
            done: VecDeque::new(),
            heard: Heard::default(),
            following: false,
            journal: JournalState::None,
            views: Arc::new([]),
            kpi: Arc::default(),
            figures_at: None,
            shown: None,
            rules,
        };
        engine.set_up();
        engine
    }

    fn set_up(&mut self) {
        for (r, rule) in self.rules.list().iter().enumerate().filter(|(_, r)| !r.disabled) {
            let delays = (rule.on_ms, rule.off_ms);
            self.watches.push(Watch::new(r, rule.plan.clone(), delays));
            self.watches.extend(rule.also.iter().map(|(plan, _)| Watch::new(r, plan.clone(), delays)));
            let worse = rule.worse.iter().map(|w| (r, w.priority, Watch::new(r, w.plan.clone(), delays)));
            self.worse.extend(worse);
        }
        let of = |rule: &Rule| {
            let keeps_quiet = |w: &&Watch| self.rules.list()[w.rule].suppresses(rule);
            self.watches.iter().enumerate().filter(|(_, w)| keeps_quiet(w)).map(|(i, _)| i).collect()
        };
        self.suppressors = self.rules.list().iter().map(of).collect();
        self.views = self.rules.list().iter().map(|r| r.view("")).collect();
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn rule(&self, index: usize) -> &Rule {
        &self.rules.list()[index]
    }

    /// How the journal is: told to readers.
    pub fn set_journal(&mut self, journal: JournalState) {
        self.following = matches!(journal, JournalState::Following(_));
        self.journal = journal;
        self.book.version += 1;
    }

    /// True while another console writes the transitions.
    #[must_use]
    pub const fn is_following(&self) -> bool {
        self.following
    }

    /// Takes in the frame of a tick.
    pub fn step(&mut self, sight: Sight<'_>) -> Happened {
        let frame = sight.frame;
        self.grow(&frame.topology);
        self.xids.advance(frame);
        let xids = std::mem::take(&mut self.xids);
        let scan = Scan { frame, trays: Some(sight.trays), xids: Some(&xids) };
        let changes: Vec<Changed> = self.watches.iter_mut().map(|w| w.step(&scan)).collect();
        if self.following {
            self.xids = xids;
            return Happened::default();
        }
        self.take_in(&scan, &changes);
        self.xids = xids;
        self.take_in_external(frame.time);
        self.look_at_shelves(frame.time);
        self.book.advance(frame.time);
        self.book.tally.advance(frame.time);
        self.happened(0)
    }

    fn take_in(&mut self, scan: &Scan<'_>, changes: &[Changed]) {
        let now = scan.frame.time;
        for (w, changed) in changes.iter().enumerate() {
            for index in &changed.cleared {
                self.release((w as u32, *index), now);
            }
        }
        self.lift_suppression(scan);
        for (w, changed) in changes.iter().enumerate() {
            if !changed.raised.is_empty() && !self.rule(self.watches[w].rule).silent {
                self.raise(scan, w, &changed.raised);
            }
        }
        self.suppress_standing(scan);
        self.look_at_worse(scan);
        if self.figures_at.is_none_or(|at| now.since(at) >= FIGURES_MS) {
            self.figures_at = Some(now);
            self.kpi = Arc::new(self.book.tally.figures(now, self.book.alarms.values().map(|a| &**a)));
            self.look_at_signals();
            self.look_at_unheld(scan);
            self.renew_texts(scan);
            self.book.version += 1;
        }
    }

    pub(crate) fn happened(&mut self, applied: u64) -> Happened {
        let (transitions, alarms) = self.book.take();
        Happened { transitions, alarms, applied }
    }

    /// The site has grown: everything is found again by name.
    pub fn grow(&mut self, topology: &Arc<Topology>) {
        let Some(old) = self.topology.replace(Arc::clone(topology)) else {
            self.place_all();
            return;
        };
        if Arc::ptr_eq(&old, topology) || *old == **topology {
            return;
        }
        self.xids = self.xids.remapped(&topology.remap_from(&old));
        let moved = |engine: &Self, (w, i): Hold| {
            let scope = engine.watches[w as usize].scope();
            let asset = Scan::asset(scope, i as usize).and_then(|a| old.same(a, topology));
            if scope == Scope::Job { Some((w, i)) } else { asset.map(|a| (w, index_of(a))) }
        };
        let held: Vec<(Hold, AlarmId)> = self.held.drain().collect();
        let kept: HashMap<Hold, AlarmId> =
            held.into_iter().filter_map(|(hold, id)| Some((moved(self, hold)?, id))).collect();
        self.held = kept;
        self.watches.iter_mut().for_each(|w| w.remap(&old, topology));
        self.worse.iter_mut().for_each(|(.., w)| w.remap(&old, topology));
        self.place_all();
    }

    /// Finds the place of every alarm on the site as it is now.
    pub(crate) fn place_all(&mut self) {
        let Some(t) = self.topology.clone() else { return };
        for alarm in self.book.alarms.values_mut() {
            let asset = t.find(place_of(alarm)).ok();
            if alarm.asset != asset {
                Arc::make_mut(alarm).asset = asset;
            }
        }
        self.book.version += 1;
    }

    /// A condition is gone at an asset: its alarm clears with the last one.
    fn release(&mut self, hold: Hold, now: Timestamp) {
        let Some(id) = self.held.remove(&hold) else { return };
        let Some((count, _)) = self.holds.get_mut(&id) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.holds.remove(&id);
        self.book.input(id, Input::Clear, now, By::default());
        let one_shot =
            self.book.alarms.get(&id).is_some_and(|a| a.shelf.as_ref().is_some_and(|s| s.one_shot));
        if one_shot {
            self.end_shelf(id, now, By { text: "it cleared: one-shot", ..By::default() });
        }
    }

    /// Conditions have begun to stand: they join alarms that stand already, or make new ones.
    fn raise(&mut self, scan: &Scan<'_>, w: usize, indices: &[u32]) {
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
                    let name = if names.len() < MAX_MEMBERS { self.name(scan, w, *index) } else { "".into() };
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
            let text = self.watches[w].explain(scan, new[0]);
            let id = self.open(rule, place, (now, &text));
            self.announce(id, cause, (now, &text));
            self.absorb(id, &old, now);
            let named: Vec<(u32, Arc<str>)> = new
                .iter()
                .enumerate()
                .map(|(n, i)| (*i, if n < MAX_MEMBERS { self.name(scan, w, *i) } else { "".into() }))
                .collect();
            self.add_members(id, (w, &named), now);
        }
    }

    fn raise_job(&mut self, scan: &Scan<'_>, (w, index): (usize, u32), cause: Option<AlarmId>) {
        let rule = self.watches[w].rule;
        let (now, name) = (scan.frame.time, scan.name(Scope::Job, index as usize));
        let text = self.watches[w].explain(scan, index);
        let place = place_of_job(scan, index as u16);
        let id = self.open_named(rule, (&name, Some(place)), (now, &text));
        self.announce(id, cause, (now, &text));
        self.add_members(id, (w, &[(index, name.into())]), now);
        let gpus = scan.value(crate::fleet::query::Field::JobGpus, index as usize);
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
        let (place, rule): (Arc<str>, Rule) = (name.into(), self.rule(rule).clone());
        let id = self
            .book
            .open(&rule.slug, &place, |id, n| new_alarm(&rule, (id, n), (Arc::clone(&place), asset)));
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
    }

    /// Alarms that turn out to be part of a larger one give it what they hold.
    fn absorb(&mut self, id: AlarmId, old: &[AlarmId], now: Timestamp) {
        for old in old.iter().filter(|o| **o != id) {
            self.held.values_mut().filter(|h| *h == old).for_each(|h| *h = id);
            let (count, joined) = self.holds.remove(old).unwrap_or((0, now));
            let holds = self.holds.entry(id).or_insert((0, joined));
            holds.0 += count;
            let members = self.book.alarms.get(old).map(|a| (a.members.clone(), a.member_count));
            if let Some((members, count)) = members {
                self.book.edit(id, |a| add_all(a, &members, count));
            }
            let text = format!("part of {id}");
            self.book.edit(*old, |a| (a.suppressed_by, a.latched) = (Some(id), false));
            self.book.input(*old, Input::Suppress, now, By { text: &text, ..By::default() });
            self.book.input(*old, Input::Clear, now, By { text: &text, ..By::default() });
        }
    }

    /// Conditions belong to an alarm from now on, and to its cause where it has one.
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
        let count = members.len() as u32;
        let cause = self.book.alarms.get(&id).and_then(|a| a.suppressed_by);
        self.book.edit(id, |a| {
            add_all(a, &list, count);
            if gpu {
                a.gpus = a.member_count;
            }
        });
        if let Some(cause) = cause {
            self.book.edit(cause, |a| add_all(a, &list, count));
        }
    }

    /// What keeps a condition of rule `r` quiet: the alarm that is its cause, or number 0 where the
    /// cause only begins or has no alarm of its own.
    fn cause_of(&self, scan: &Scan<'_>, r: usize, (w, index): (usize, u32)) -> Option<AlarmId> {
        if self.suppressors[r].iter().all(|s| self.watches[*s].standing().is_empty()) {
            return None;
        }
        match Scan::asset(self.watches[w].scope(), index as usize) {
            Some(asset) => self.cause_at(scan, r, asset),
            None => self.cause_of_job(scan, r, index as u16),
        }
    }

    fn cause_at(&self, scan: &Scan<'_>, r: usize, asset: Asset) -> Option<AlarmId> {
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
    fn suppress(&mut self, id: AlarmId, cause: Option<AlarmId>, now: Timestamp) {
        let Some(cause) = cause.filter(|c| *c != id) else { return };
        let text =
            self.book.alarms.get(&cause).map(|a| format!("by {} {}", a.rule, a.place)).unwrap_or_default();
        let members =
            self.book.alarms.get(&id).map(|a| (a.members.clone(), a.member_count)).unwrap_or_default();
        self.book.edit(id, |a| a.suppressed_by = Some(cause));
        self.book.input(id, Input::Suppress, now, By { text: &text, ..By::default() });
        if self.book.alarms.contains_key(&cause) {
            self.book.edit(cause, |a| add_all(a, &members.0, members.1));
        }
    }

    /// Alarms whose cause is gone are told of again, if they still stand past their delay.
    fn lift_suppression(&mut self, scan: &Scan<'_>) {
        let now = scan.frame.time;
        let aside: Vec<(AlarmId, Arc<str>, Option<Asset>)> = self
            .book
            .alarms
            .values()
            .filter(|a| a.suppressed_by.is_some() && a.origin == Origin::Rule)
            .map(|a| (a.id, Arc::clone(&a.rule), a.asset))
            .collect();
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
                        if !momentary {
                            self.watches[*w as usize].restart(*index);
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

    fn holds_of(&self, id: AlarmId) -> impl Iterator<Item = Hold> {
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
    fn suppress_standing(&mut self, scan: &Scan<'_>) {
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

    /// Worse cases raise the priority, and tell of it again.
    fn look_at_worse(&mut self, scan: &Scan<'_>) {
        for i in 0..self.worse.len() {
            let (r, priority) = (self.worse[i].0, self.worse[i].1);
            self.worse[i].2.step(scan);
            let Some(w) = self.watches.iter().position(|w| w.rule == r) else { continue };
            let hit: Vec<AlarmId> = self.worse[i]
                .2
                .active()
                .filter_map(|index| self.held.get(&(w as u32, index)).copied())
                .collect();
            for id in hit {
                self.worsen(id, priority, scan.frame.time);
            }
        }
    }

    fn worsen(&mut self, id: AlarmId, priority: u8, now: Timestamp) {
        if self.book.alarms.get(&id).is_none_or(|a| a.priority <= priority) {
            return;
        }
        self.book.edit(id, |a| a.priority = priority);
        let text = format!("now P{priority}");
        self.book.input(id, Input::ReAnnunciate, now, By { text: &text, ..By::default() });
    }

    fn look_at_signals(&mut self) {
        let missing = |r: usize| {
            let own: Vec<&Watch> = self.watches.iter().filter(|w| w.rule == r).collect();
            !own.is_empty() && own.iter().all(|w| w.is_missing())
        };
        let views: Vec<RuleView> = self
            .rules
            .list()
            .iter()
            .enumerate()
            .map(|(r, rule)| rule.view(if missing(r) { "no signal" } else { "" }))
            .collect();
        if *views != *self.views {
            self.views = views.into();
        }
    }

    /// What readers see now.
    #[must_use]
    pub fn board(&mut self, now: Timestamp) -> Arc<AlarmBoard> {
        if let Some((version, board)) = &self.shown
            && *version == self.book.version
        {
            return Arc::clone(board);
        }
        let mut alarms: Vec<Arc<Alarm>> = self.book.alarms.values().filter(|a| a.stands()).cloned().collect();
        alarms.sort_by_key(|a| a.rank());
        let board = Arc::new(AlarmBoard {
            time: now,
            counts: AlarmCounts::of(alarms.iter().map(|a| &**a)),
            alarms: alarms.into(),
            kpi: Arc::clone(&self.kpi),
            events: self.book.events.iter().cloned().collect(),
            rules: Arc::clone(&self.views),
            journal: self.journal.clone(),
            bells: self.book.bells,
        });
        self.shown = Some((self.book.version, Arc::clone(&board)));
        board
    }

    /// A condition as it is now, for a query outside of the rules.
    #[must_use]
    pub fn holds_anywhere(plan: &crate::fleet::query::Plan, frame: &Frame) -> Vec<u32> {
        let answers = plan.answers(&Scan::of(frame), &mut Memory::default());
        answers.iter().enumerate().filter(|(_, a)| **a == TRUE).map(|(i, _)| i as u32).collect()
    }
}

fn add_all(alarm: &mut Alarm, members: &[Member], count: u32) {
    let room = MAX_MEMBERS.saturating_sub(alarm.members.len());
    alarm.members.extend(members.iter().take(room).cloned());
    alarm.member_count += count;
}

fn new_alarm(
    rule: &Rule,
    (id, occurrences): (AlarmId, u32),
    (place, asset): (Arc<str>, Option<Asset>),
) -> Alarm {
    Alarm {
        id,
        rule: Arc::clone(&rule.slug),
        title: Arc::clone(&rule.title),
        place,
        asset,
        origin: Origin::Rule,
        fingerprint: "".into(),
        priority: rule.priority,
        state: AlarmState::Normal,
        active: false,
        latched: false,
        latching: rule.latch,
        raised: Timestamp::default(),
        cleared: None,
        changed: Timestamp::default(),
        occurrences,
        text: "".into(),
        gpus: 0,
        member_count: 0,
        members: Vec::new(),
        acknowledged: None,
        shelf: None,
        service: None,
        suppressed_by: None,
        comment: None,
        chattering: false,
        steps: Vec::new(),
    }
}

/// Where a job is: its hall where it has only one, else the site.
fn place_of_job(scan: &Scan<'_>, slot: u16) -> Asset {
    match scan.frame.usage(jobs::By::Job).of_slot(slot).map(|u| u.halls.as_slice()) {
        Some([(hall, _)]) => Asset::Hall(*hall),
        _ => Asset::Site,
    }
}
