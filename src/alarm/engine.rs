//! The alarm engine: watches all rules, groups and suppresses, and keeps the book.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::alarm::book::{Book, By};
use crate::alarm::external::{Heard, place_of};
use crate::alarm::operate::Done;
use crate::alarm::rule::{Rule, Rules};
use crate::alarm::watch::{Changed, Watch, index_of};
use crate::fleet::Frame;
use crate::fleet::query::Scan;
use crate::fleet::xids::XidEvents;
use crate::model::alarm::rule::Scope;
use crate::model::alarm::state::Input;
use crate::model::alarm::{Alarm, AlarmBoard, AlarmCounts, AlarmId, JournalState, Kpi, RuleView, Transition};
use crate::model::{Timestamp, Topology};

/// Time between two looks at figures and at what no source reports, ms.
const FIGURES_MS: i64 = 5_000;
/// Time between two looks at the conditions of jobs, s.
const JOBS_S: i64 = 5;

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
    pub(crate) rules: Rules,
    pub(crate) watches: Vec<Watch>,
    worse: Vec<(usize, u8, Watch)>,
    /// For each rule the watches that suppress it.
    pub(crate) suppressors: Vec<Vec<usize>>,
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
        // Jobs are slow, and working out their tables is not cheap: a look every few seconds is enough.
        let jobs = frame.time.secs() % JOBS_S == 0;
        let due = |w: &Watch| jobs || w.scope() != Scope::Job;
        let changes: Vec<Changed> = self
            .watches
            .iter_mut()
            .map(|w| if due(w) { w.step(&scan) } else { Changed::default() })
            .collect();
        if self.following {
            self.xids = xids;
            self.book.tally.advance(frame.time);
            self.look_at_figures(frame.time);
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
        if self.look_at_figures(now) {
            self.look_at_unheld(scan);
            self.renew_texts(scan);
        }
    }

    /// Figures and missing signals, every few seconds. True when it was time.
    fn look_at_figures(&mut self, now: Timestamp) -> bool {
        let due = self.figures_at.is_none_or(|at| now.since(at) >= FIGURES_MS);
        if due {
            self.figures_at = Some(now);
            self.kpi = Arc::new(self.book.tally.figures(now, self.book.alarms.values().map(|a| &**a)));
            self.look_at_signals();
            self.book.version += 1;
        }
        due
    }

    /// Takes in what the journal tells of the past.
    pub fn remember(&mut self, whole: bool, transitions: &[Transition]) {
        self.book.remember(whole, transitions);
        self.figures_at = None;
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

    pub(crate) fn worsen(&mut self, id: AlarmId, priority: u8, now: Timestamp) {
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
}
