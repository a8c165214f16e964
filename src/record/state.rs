//! The messages beside frames: alarms, sources, names, inventory. Each is told whole now and then,
//! and in between only as far as it changed. Writers keep what they told last, readers put the
//! pieces together again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fleet::{Inventory, Snapshot, SourceView};
use crate::model::alarm::{Alarm, AlarmBoard, AlarmCounts, AlarmId, JournalState, Kpi, RuleView, Transition};
use crate::model::batch::{GpuFacts, JobName, NodeReading};
use crate::model::entry::{SourceStatus, TargetStatus};
use crate::model::{GpuId, Timestamp, Topology, TrayId};

/// Transitions that a board carries, newest first.
pub const EVENTS: usize = 512;
/// Most alarms that are held of a recording.
const MOST_ALARMS: usize = 200_000;
/// Most targets of a source.
const MOST_TARGETS: u32 = 1 << 20;

/// The message of alarms.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlarmsMessage {
    /// `alarms` are all that stand.
    pub whole: bool,
    /// Alarms that stand: all, or those that are new or changed.
    pub alarms: Vec<Arc<Alarm>>,
    /// Those that stand no more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<AlarmId>,
    /// What happened since the message before, oldest first; in a whole one the newest of all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Arc<Transition>>,
    /// How many of `events`, the last ones, were not told before.
    pub new: usize,
    /// Figures of the alarm system.
    pub kpi: Arc<Kpi>,
    /// How the journal was.
    pub journal: JournalState,
    /// Annunciations of priority 1 and 2 since the console started.
    pub bells: u64,
}

/// What was told of alarms last.
#[derive(Debug, Default)]
pub struct AlarmsWriter {
    alarms: HashMap<AlarmId, Arc<Alarm>>,
    event: Option<Arc<Transition>>,
    kpi: Arc<Kpi>,
    rest: (JournalState, u64),
}

impl AlarmsWriter {
    /// The message for a board; `None` when nothing changed and `whole` is not asked for.
    pub fn message(&mut self, board: &AlarmBoard, whole: bool) -> Option<AlarmsMessage> {
        let changed = |a: &&Arc<Alarm>| {
            let told = self.alarms.get(&a.id);
            whole || told.is_none_or(|told| !Arc::ptr_eq(told, a) && *told != **a)
        };
        let alarms: Vec<_> = board.alarms.iter().filter(changed).cloned().collect();
        let mut gone = Vec::new();
        if alarms.len() != board.alarms.len() || self.alarms.len() != board.alarms.len() {
            let stand: std::collections::HashSet<AlarmId> = board.alarms.iter().map(|a| a.id).collect();
            gone.extend(self.alarms.keys().filter(|id| !stand.contains(id)).copied());
            gone.sort();
        }
        let known = |t: &&Arc<Transition>| !self.event.as_ref().is_some_and(|e| Arc::ptr_eq(e, t));
        let new = board.events.iter().take_while(known).count();
        let told = if whole { board.events.len().min(EVENTS) } else { new };
        let events: Vec<_> = board.events.iter().take(told).rev().cloned().collect();
        let same = Arc::ptr_eq(&board.kpi, &self.kpi) || board.kpi == self.kpi;
        let rest = (board.journal.clone(), board.bells);
        let news = !alarms.is_empty() || !gone.is_empty() || new > 0;
        if !whole && !news && same && rest == self.rest {
            return None;
        }
        for id in &gone {
            self.alarms.remove(id);
        }
        self.alarms.extend(alarms.iter().map(|a| (a.id, Arc::clone(a))));
        self.event = board.events.first().cloned().or(self.event.take());
        (self.kpi, self.rest) = (Arc::clone(&board.kpi), rest);
        Some(AlarmsMessage {
            whole,
            alarms,
            gone: if whole { Vec::new() } else { gone },
            events,
            new,
            kpi: Arc::clone(&board.kpi),
            journal: board.journal.clone(),
            bells: board.bells,
        })
    }
}

/// Alarms as a reader puts them together.
#[derive(Clone, Debug, Default)]
pub struct AlarmsReader {
    alarms: BTreeMap<AlarmId, Arc<Alarm>>,
    events: VecDeque<Arc<Transition>>,
    kpi: Arc<Kpi>,
    told: Timestamp,
    journal: JournalState,
    bells: u64,
    places: HashMap<Arc<str>, Option<crate::model::Asset>>,
}

impl AlarmsReader {
    /// Takes in the next message, which was told at `time` of `site`.
    pub fn take(&mut self, message: AlarmsMessage, time: Timestamp, site: &Topology) {
        self.told = time;
        if message.whole {
            self.alarms.clear();
            self.events.clear();
        }
        for id in &message.gone {
            self.alarms.remove(id);
        }
        for mut alarm in message.alarms.into_iter().take(MOST_ALARMS) {
            let place = Arc::clone(&alarm.place);
            let asset = *self.places.entry(place).or_insert_with_key(|p| site.find(p).ok());
            Arc::make_mut(&mut alarm).asset = asset;
            self.alarms.insert(alarm.id, alarm);
        }
        for event in message.events {
            self.events.push_front(event);
        }
        self.events.truncate(EVENTS);
        self.kpi = message.kpi;
        (self.journal, self.bells) = (message.journal, message.bells);
    }

    /// The site is another one from now on: places are looked up anew.
    pub fn move_to(&mut self, site: &Topology) {
        self.places.clear();
        for alarm in self.alarms.values_mut() {
            let asset = site.find(&alarm.place).ok();
            if alarm.asset != asset {
                Arc::make_mut(alarm).asset = asset;
            }
        }
    }

    /// The board as of the last message.
    #[must_use]
    pub fn board(&self, rules: &Arc<[RuleView]>) -> AlarmBoard {
        let mut alarms: Vec<Arc<Alarm>> = self.alarms.values().cloned().collect();
        alarms.sort_by_key(|a| a.rank());
        let counts = AlarmCounts::of(alarms.iter().map(Arc::as_ref));
        AlarmBoard {
            time: self.told,
            alarms: alarms.into(),
            counts,
            kpi: Arc::clone(&self.kpi),
            events: self.events.iter().cloned().collect(),
            rules: Arc::clone(rules),
            journal: self.journal.clone(),
            bells: self.bells,
        }
    }
}

/// The message of sources.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourcesMessage {
    /// All targets are told, not only those that changed.
    pub whole: bool,
    /// All sources, in their order.
    pub sources: Vec<SourceMessage>,
}

/// One source in a message.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceMessage {
    /// Its status; without targets.
    pub status: SourceStatus,
    /// Targets by their position.
    pub targets: Vec<(u32, TargetStatus)>,
}

/// What was told of sources last.
#[derive(Debug, Default)]
pub struct SourcesWriter(Arc<[SourceView]>);

impl SourcesWriter {
    /// The message for `sources`; `None` when nothing changed and `whole` is not asked for.
    pub fn message(&mut self, sources: &Arc<[SourceView]>, whole: bool) -> Option<SourcesMessage> {
        if !whole && (Arc::ptr_eq(&self.0, sources) || self.0 == *sources) {
            return None;
        }
        let none: Arc<[Arc<TargetStatus>]> = Arc::new([]);
        let one = |(i, view): (usize, &SourceView)| {
            let old = if whole { &none } else { self.0.get(i).map_or(&none, |v| &v.targets) };
            let changed = |(at, t): &(usize, &Arc<TargetStatus>)| old.get(*at) != Some(*t);
            let same = Arc::ptr_eq(old, &view.targets);
            let targets = view.targets.iter().enumerate().filter(|t| !same && changed(t));
            SourceMessage {
                status: view.status.clone(),
                targets: targets.map(|(at, t)| (at as u32, t.as_ref().clone())).collect(),
            }
        };
        let message = SourcesMessage { whole, sources: sources.iter().enumerate().map(one).collect() };
        self.0 = Arc::clone(sources);
        Some(message)
    }
}

/// Sources as a reader puts them together.
#[derive(Clone, Debug, Default)]
pub struct SourcesReader(Vec<SourceView>);

impl SourcesReader {
    /// Takes in the next message.
    pub fn take(&mut self, message: SourcesMessage) {
        if message.whole {
            self.0.clear();
        }
        self.0.resize_with(message.sources.len(), SourceView::default);
        for (view, told) in self.0.iter_mut().zip(message.sources) {
            let mut targets = view.targets.to_vec();
            targets.resize(told.status.target_count.min(MOST_TARGETS) as usize, Arc::default());
            for (at, status) in told.targets {
                if let Some(slot) = targets.get_mut(at as usize) {
                    *slot = Arc::new(status);
                }
            }
            view.targets = targets.into();
            view.status = SourceStatus { targets: Vec::new(), ..told.status };
        }
    }

    /// The sources.
    #[must_use]
    pub fn list(&self) -> Arc<[SourceView]> {
        self.0.clone().into()
    }
}

/// The message of names.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NamesMessage {
    /// Job slots; slot 0 is idle.
    pub jobs: Arc<[JobName]>,
    /// Tenant slots; slot 0 is none.
    pub tenants: Arc<[String]>,
}

impl NamesMessage {
    /// The names of a snapshot's frame.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { jobs: Arc::clone(&snapshot.frame.jobs), tenants: Arc::clone(&snapshot.frame.tenants) }
    }
}

/// Values of a node; `None` = not known.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Node {
    cpu: Option<f32>,
    memory: Option<f32>,
    load1: Option<f32>,
    boot_time: Option<f64>,
    ib_ports: (u16, u16),
}

/// The message of the inventory.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InventoryMessage {
    gpus: Vec<(u32, Arc<GpuFacts>)>,
    nodes: Vec<(u32, Node)>,
}

impl InventoryMessage {
    /// The inventory of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let known = |v: f32| v.is_finite().then_some(v);
        let node = |n: &NodeReading| Node {
            cpu: known(n.cpu),
            memory: known(n.memory),
            load1: known(n.load1),
            boot_time: n.boot_time.is_finite().then_some(n.boot_time),
            ib_ports: n.ib_ports,
        };
        Self {
            gpus: snapshot.inventory.gpus().map(|(g, facts)| (g.0, Arc::clone(facts))).collect(),
            nodes: snapshot.inventory.nodes().map(|(t, n)| (t.0, node(n))).collect(),
        }
    }

    /// The inventory of `site`; what is not of it is left out.
    #[must_use]
    pub fn read(self, site: &Topology) -> Inventory {
        let mut out = Inventory::default();
        for (gpu, facts) in self.gpus.into_iter().filter(|(g, _)| (*g as usize) < site.gpu_count()) {
            out.set_gpu(GpuId(gpu), facts);
        }
        for (tray, n) in self.nodes.into_iter().filter(|(t, _)| (*t as usize) < site.trays().len()) {
            let reading = NodeReading {
                cpu: n.cpu.unwrap_or(f32::NAN),
                memory: n.memory.unwrap_or(f32::NAN),
                load1: n.load1.unwrap_or(f32::NAN),
                boot_time: n.boot_time.unwrap_or(f64::NAN),
                ib_ports: n.ib_ports,
            };
            out.merge_node(TrayId(tray), &reading);
        }
        out
    }
}

#[cfg(test)]
mod tests;
