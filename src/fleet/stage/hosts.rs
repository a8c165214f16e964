//! Which host reports for which tray, and how the site grows when an unknown one appears.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fleet::stage::Stage;
use crate::model::batch::{GpuReading, HostFacts, HostReading};
use crate::model::topology::Moves;
use crate::model::topology::place::Placer;
use crate::model::topology::plan::{MAX_GPUS_PER_HOST, NewHost};
use crate::model::{GpuId, Metric, Quality, Timestamp, Topology, TrayId};

/// Bindings of hosts to trays.
#[derive(Debug)]
pub(super) struct Hosts {
    placer: Placer,
    bound: HashMap<String, TrayId>,
    by_tray_host: HashMap<String, TrayId>,
    /// Newest readings of hosts that have no place yet, by host.
    waiting: HashMap<String, (HostReading, Timestamp, u32)>,
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

    fn tray_of(&self, facts: &HostFacts) -> Option<TrayId> {
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
    pub(super) fn apply_host(&mut self, reading: &HostReading, time: Timestamp, interval_ms: u32) {
        let needed = reading.gpus.iter().map(|g| g.index + 1).max().unwrap_or(0).min(MAX_GPUS_PER_HOST);
        match self.hosts.tray_of(&reading.facts) {
            Some(tray) if self.topology.tray(tray).gpus.len() >= usize::from(needed) => {
                self.write_host(tray, reading, time, interval_ms);
            }
            _ => {
                // One growth per tick, however many hosts appear: the newest reading waits for it.
                self.hosts.waiting.insert(reading.facts.host.clone(), (reading.clone(), time, interval_ms));
            }
        }
    }

    fn write_host(&mut self, tray: TrayId, reading: &HostReading, time: Timestamp, interval_ms: u32) {
        self.hosts.bound.entry(reading.facts.host.clone()).or_insert(tray);
        if !reading.gpus.is_empty() || self.topology.tray(tray).gpus.is_empty() {
            self.clocks[tray.index()].saw(time.millis(), interval_ms);
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
                self.write_gpu(id, &reading.facts, g);
            }
        }
        if !reading.gpus.is_empty() {
            self.clocks[tray.index()].touch();
        }
        Arc::make_mut(&mut self.inventory).merge_node(tray, &reading.node);
    }

    fn write_gpu(&mut self, id: GpuId, host: &Arc<HostFacts>, reading: &GpuReading) {
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
                    self.columns[m.index()].set_raw(i, health as u16);
                }
                (Metric::Job | Metric::Tenant | Metric::Age, _) => {}
                (_, Some(v)) => self.columns[m.index()].set_raw(i, m.encode(v)),
                // Only the exporter that owns the GPU may say that a value is gone.
                (_, None) if mine => self.columns[m.index()].set_raw(i, m.none_raw()),
                (_, None) => {}
            }
        }
        if let Some(facts) = &reading.facts {
            let (job, tenant) = self.names.slots(&facts.job, &facts.tenant);
            self.columns[Metric::Job.index()].set_raw(i, job);
            self.columns[Metric::Tenant.index()].set_raw(i, tenant);
            Arc::make_mut(&mut self.inventory).set_gpu(id, Arc::clone(facts));
        }
    }

    /// Gives the waiting hosts a place, in a larger topology where needed.
    pub(super) fn grow(&mut self) {
        if self.hosts.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.hosts.waiting);
        let mut new: Vec<NewHost> = waiting.values().map(|(reading, ..)| self.new_host(reading)).collect();
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
        for (reading, time, interval_ms) in waiting.values() {
            if let Some(tray) = self.hosts.tray_of(&reading.facts) {
                self.write_host(tray, reading, *time, *interval_ms);
            }
        }
    }

    fn new_host(&self, reading: &HostReading) -> NewHost {
        let known = self.hosts.tray_of(&reading.facts).map(|t| self.topology.place_of(t));
        NewHost {
            host: reading.facts.host.clone(),
            place: known.or_else(|| self.hosts.placer.place(&reading.facts)),
            gpus: reading.gpus.iter().map(|g| g.index + 1).max().unwrap_or(0),
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
        self.facility = self.facility.remapped(&topology, &Moves::new(&topology, &self.topology));
        self.hosts.by_tray_host = tray_hosts(&topology);
        self.topology = topology;
        self.from_first = None;
        self.dirty = true;
    }
}
