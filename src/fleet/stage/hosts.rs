//! Which host reports for which tray, and how the site grows when an unknown one appears.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fleet::origin::Mark;
use crate::fleet::stage::Stage;
use crate::model::batch::{GpuFacts, GpuReading, HostFacts, HostReading};
use crate::model::topology::Moves;
use crate::model::topology::place::Placer;
use crate::model::topology::plan::{MAX_GPUS_PER_HOST, NewHost};
use crate::model::{GpuId, Metric, Quality, Timestamp, Topology, TrayId};

/// Who brings a reading, and when it was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub mark: Mark,
    /// The moment to the millisecond, which ages are counted from.
    pub time: Timestamp,
    /// Polling interval of the source, ms.
    pub interval_ms: u32,
}

/// Bindings of hosts to trays.
#[derive(Debug)]
pub(super) struct Hosts {
    placer: Placer,
    bound: HashMap<String, TrayId>,
    by_tray_host: HashMap<String, TrayId>,
    /// Newest readings of hosts that have no place yet, by host.
    waiting: HashMap<String, (HostReading, Delivery)>,
    /// Hosts without a place that are known by their series: what they are, and GPUs at least.
    strangers: HashMap<String, (Arc<HostFacts>, u16)>,
    /// Per tray: some host or series has reported it.
    measured: Vec<bool>,
    /// Per GPU: the host that reports it, so that its absence there can be seen.
    owner: Vec<Option<Arc<HostFacts>>>,
    gone: Vec<bool>,
}

impl Hosts {
    pub fn new(placer: Placer, topology: &Topology) -> Self {
        let n = topology.gpu_count();
        Self {
            placer,
            bound: HashMap::new(),
            by_tray_host: tray_hosts(topology),
            waiting: HashMap::new(),
            strangers: HashMap::new(),
            measured: vec![false; topology.trays().len()],
            owner: vec![None; n],
            gone: vec![false; n],
        }
    }

    /// True when the host of a GPU answers without it.
    pub fn is_gone(&self, gpu: usize) -> bool {
        self.gone.get(gpu).copied().unwrap_or(false)
    }

    /// True when some host has reported a GPU, with or without values.
    pub fn is_reported(&self, gpu: usize) -> bool {
        self.owner.get(gpu).is_some_and(Option::is_some)
    }

    /// True when a tray has been reported by a source that measures.
    pub fn is_measured(&self, tray: usize) -> bool {
        self.measured.get(tray).copied().unwrap_or(false)
    }

    /// A host that is known by its series needs a place.
    pub fn expect(&mut self, facts: &Arc<HostFacts>, gpus: u16) {
        let entry = self.strangers.entry(facts.host.clone()).or_insert_with(|| (Arc::clone(facts), gpus));
        entry.1 = entry.1.max(gpus);
    }

    /// A series reports a GPU.
    pub fn reports(&mut self, tray: TrayId, gpu: usize, host: &Arc<HostFacts>) {
        self.measured[tray.index()] = true;
        if self.owner[gpu].is_none() {
            self.owner[gpu] = Some(Arc::clone(host));
        }
    }

    /// A GPU says something, or has fallen silent while its tray answers.
    pub fn set_gone(&mut self, gpu: usize, gone: bool) {
        self.gone[gpu] = gone;
    }

    /// Trays by what the hosts that report them call themselves.
    pub fn by_hostname(&self, topology: &Topology) -> HashMap<&str, TrayId> {
        let mut out = HashMap::new();
        for (i, tray) in topology.trays().iter().enumerate() {
            let owner = tray.gpus.range().next().and_then(|g| self.owner.get(g)?.as_ref());
            if let Some(name) = owner.and_then(|o| o.label("hostname")) {
                out.insert(name, TrayId::new(i));
            }
        }
        out
    }

    pub fn tray_of(&self, facts: &HostFacts) -> Option<TrayId> {
        if let Some(tray) = self.bound.get(&facts.host) {
            return Some(*tray);
        }
        let bare = facts.host.split([':', '/']).next().unwrap_or_default();
        let names = [facts.host.as_str(), bare, facts.label("hostname").unwrap_or_default()];
        names.iter().find_map(|n| self.by_tray_host.get(*n).copied())
    }
}

fn tray_hosts(topology: &Topology) -> HashMap<String, TrayId> {
    let named = topology.trays().iter().enumerate().filter(|(_, t)| !t.host.is_empty());
    named.map(|(i, t)| (t.host.clone(), TrayId::new(i))).collect()
}

impl Stage {
    pub(super) fn apply_host(&mut self, reading: &HostReading, by: Delivery) {
        let needed = reading.gpus.iter().map(|g| g.index + 1).max().unwrap_or(0).min(MAX_GPUS_PER_HOST);
        match self.hosts.tray_of(&reading.facts) {
            Some(tray) if self.topology.tray(tray).gpus.len() >= usize::from(needed) => {
                self.write_host(tray, reading, by);
            }
            _ => {
                // One growth per tick, however many hosts appear: the newest reading waits for it.
                self.hosts.waiting.insert(reading.facts.host.clone(), (reading.clone(), by));
            }
        }
    }

    fn write_host(&mut self, tray: TrayId, reading: &HostReading, by: Delivery) {
        self.hosts.bound.entry(reading.facts.host.clone()).or_insert(tray);
        if !reading.gpus.is_empty() || self.topology.tray(tray).gpus.is_empty() {
            self.clocks[tray.index()].saw(by.time.millis(), by.interval_ms);
            self.hosts.measured[tray.index()] = true;
        }
        let span = self.topology.tray(tray).gpus;
        for gpu in span.range() {
            let mine = self.hosts.owner[gpu].as_ref().is_some_and(|o| o.host == reading.facts.host);
            if mine && !reading.gpus.is_empty() {
                self.hosts.gone[gpu] = true;
            }
        }
        for g in &reading.gpus {
            let id = GpuId(span.start + u32::from(g.index));
            if span.contains(id.0) {
                self.write_gpu(id, &reading.facts, g, by.mark);
            }
        }
        if !reading.gpus.is_empty() {
            self.clocks[tray.index()].touch();
        }
        Arc::make_mut(&mut self.inventory).merge_node(tray, &reading.node);
    }

    fn write_gpu(&mut self, id: GpuId, host: &Arc<HostFacts>, reading: &GpuReading, by: Mark) {
        let len = self.topology.gpu_count();
        let i = id.index();
        let owner = &mut self.hosts.owner[i];
        let mine = owner.as_ref().is_none_or(|o| o.host == host.host);
        if owner.is_none() {
            *owner = Some(Arc::clone(host));
        }
        self.hosts.gone[i] = false;
        for m in Metric::ALL {
            match (m, reading.get(m)) {
                (Metric::Health, None) => {
                    let health = self.xids.judge(i, reading);
                    if self.ledger.claim(m, i, by, len) {
                        self.columns[m.index()].set_raw(i, health as u16);
                    }
                }
                (Metric::Job | Metric::Tenant | Metric::Age, _) => {}
                (_, Some(v)) => {
                    if self.ledger.claim(m, i, by, len) {
                        self.columns[m.index()].set_raw(i, m.encode(v));
                    }
                }
                // Only the exporter that owns the GPU may say that a value is gone.
                (_, None) if mine && self.ledger.holds(m, i, by.source) => {
                    self.columns[m.index()].set_raw(i, m.none_raw())
                }
                (_, None) => {}
            }
        }
        if let Some(facts) = &reading.facts {
            self.learn(id, facts);
        }
    }

    /// Who a GPU is and for whom it works.
    pub(super) fn learn(&mut self, id: GpuId, facts: &Arc<GpuFacts>) {
        // Where a scheduler says who holds a GPU, labels do not.
        if !self.works.holds(id.index()) {
            if let Some(old) =
                self.inventory.gpu(id).filter(|f| (&f.job, &f.tenant) != (&facts.job, &facts.tenant))
            {
                self.handover.note(id, old, facts);
            }
            let (job, tenant) = self.names.slots(&facts.job, &facts.tenant);
            self.columns[Metric::Job.index()].set_raw(id.index(), job);
            self.columns[Metric::Tenant.index()].set_raw(id.index(), tenant);
        }
        Arc::make_mut(&mut self.inventory).set_gpu(id, Arc::clone(facts));
    }

    /// Gives the waiting hosts a place, in a larger topology where needed.
    pub(super) fn grow(&mut self) {
        if self.hosts.waiting.is_empty() && self.hosts.strangers.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.hosts.waiting);
        let strangers = std::mem::take(&mut self.hosts.strangers);
        let gpus_of = |r: &HostReading| r.gpus.iter().map(|g| g.index + 1).max().unwrap_or(0);
        let asked = waiting.values().map(|(r, ..)| self.new_host(&r.facts, gpus_of(r)));
        let mut new: Vec<NewHost> =
            asked.chain(strangers.values().map(|(facts, gpus)| self.new_host(facts, *gpus))).collect();
        new.sort_by(|a, b| a.host.cmp(&b.host));
        let plan = self.topology.plan().with_hosts(&new);
        if plan != **self.topology.plan()
            && let Ok(topology) = crate::model::topology::build::build(plan, self.topology.generation() + 1)
        {
            self.move_to(Arc::new(topology));
        }
        let index = self.topology.tray_index();
        for host in &new {
            let placed = host.place.as_ref().and_then(|p| index.get(&p.key()));
            if let Some(tray) = placed.or_else(|| index.get(&host.host)) {
                self.hosts.bound.insert(host.host.clone(), *tray);
            }
        }
        for (reading, by) in waiting.values() {
            if let Some(tray) = self.hosts.tray_of(&reading.facts) {
                self.write_host(tray, reading, *by);
            }
        }
    }

    fn new_host(&self, facts: &Arc<HostFacts>, gpus: u16) -> NewHost {
        let known = self.hosts.tray_of(facts).map(|t| self.topology.place_of(t));
        NewHost {
            host: facts.host.clone(),
            place: known.or_else(|| self.hosts.placer.place(facts)),
            gpus: gpus.min(MAX_GPUS_PER_HOST),
        }
    }

    fn move_to(&mut self, topology: Arc<Topology>) {
        let gpus = topology.remap_from(&self.topology);
        let trays = topology.trays_from(&self.topology);
        for c in &mut self.columns {
            *c = c.remapped(&gpus);
        }
        let old_quality = Arc::clone(&self.quality);
        self.quality = gpus
            .iter()
            .map(|o| old_quality.get(*o as usize).copied().unwrap_or(Quality::Lost as u8))
            .collect();
        self.clocks =
            trays.iter().map(|o| self.clocks.get(*o as usize).copied().unwrap_or_default()).collect();
        self.hosts.owner =
            gpus.iter().map(|o| self.hosts.owner.get(*o as usize).cloned().flatten()).collect();
        self.hosts.gone = gpus.iter().map(|o| self.hosts.is_gone(*o as usize)).collect();
        let moved: HashMap<u32, TrayId> =
            trays.iter().enumerate().map(|(new, old)| (*old, TrayId::new(new))).collect();
        let bound = std::mem::take(&mut self.hosts.bound);
        self.hosts.bound = bound.into_iter().filter_map(|(h, t)| moved.get(&t.0).map(|n| (h, *n))).collect();
        self.xids = self.xids.remapped(&gpus);
        self.inventory = Arc::new(self.inventory.remapped(&gpus, &trays));
        self.hosts.measured = trays.iter().map(|o| self.hosts.is_measured(*o as usize)).collect();
        let moves = Moves::new(&topology, &self.topology);
        self.ledger.origins = self.ledger.origins.remapped(&topology, &gpus, &moves);
        self.facility = self.facility.remapped(&topology, &moves);
        self.hosts.by_tray_host = tray_hosts(&topology);
        self.topology = topology;
        self.from_first = None;
        self.dirty = true;
    }
}
