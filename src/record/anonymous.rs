//! Takes the names out of a recording. Who and where becomes a number that stays the same within the
//! file: `job-1`, `tenant-1`, `operator-1`; assets are called by their position, `H1-R01-K1-T01`.
//! What people and other programs wrote is left out. Values, times and states stay as they are.

mod alarms;
mod site;

use std::collections::HashMap;
use std::sync::Arc;

use crate::fleet::frame::Parts;
use crate::fleet::{Frame, Inventory, Snapshot, SourceView};
use crate::model::batch::{GpuFacts, JobName};
use crate::model::chronicle::{Bookmark, Incident};
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};
use crate::model::{GpuId, Topology};

use site::Sites;

/// Names and the numbers that stand for them.
#[derive(Debug)]
struct Numbers {
    word: &'static str,
    known: HashMap<String, Arc<str>>,
}

impl Numbers {
    fn new(word: &'static str) -> Self {
        Self { word, known: HashMap::new() }
    }

    /// What stands for a name; nothing for nothing.
    fn of(&mut self, name: &str) -> Arc<str> {
        if name.is_empty() {
            return Arc::default();
        }
        if let Some(known) = self.known.get(name) {
            return Arc::clone(known);
        }
        let made: Arc<str> = format!("{}-{}", self.word, self.known.len() + 1).into();
        self.known.insert(name.to_owned(), Arc::clone(&made));
        made
    }

    /// What stands for a name that has been seen before.
    fn get(&self, name: &str) -> Option<Arc<str>> {
        self.known.get(name).cloned()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Anonymous {
    sites: Sites,
    jobs: Numbers,
    tenants: Numbers,
    operators: Numbers,
    consoles: Numbers,
    sources: Numbers,
    targets: Numbers,
    gpus: Numbers,
    alarms: alarms::Words,
    /// The tables that were translated last.
    names: Option<(Tables, Tables)>,
    inventory: Option<(Arc<Inventory>, Arc<Inventory>)>,
}

/// Names of the slots of jobs and tenants.
type Tables = (Arc<[JobName]>, Arc<[String]>);

impl Default for Anonymous {
    fn default() -> Self {
        Self {
            sites: Sites::default(),
            jobs: Numbers::new("job"),
            tenants: Numbers::new("tenant"),
            operators: Numbers::new("operator"),
            consoles: Numbers::new("console"),
            sources: Numbers::new("source"),
            targets: Numbers::new("target"),
            gpus: Numbers::new("gpu"),
            alarms: alarms::Words::default(),
            names: None,
            inventory: None,
        }
    }
}

impl Anonymous {
    /// The state without names.
    #[must_use]
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> Snapshot {
        let site = self.sites.of(&snapshot.frame.topology);
        let frame = self.frame(&snapshot.frame, &site);
        let sources = snapshot.sources.iter().map(|s| self.source(s)).collect();
        let alarms = Arc::new(self.board(&snapshot.alarms, (&snapshot.frame.topology, &site)));
        let inventory = self.inventory(&snapshot.inventory);
        Snapshot { frame, inventory, sources, alarms, ..snapshot.clone() }
    }

    /// The site without names: with the same ids.
    #[must_use]
    pub fn site(&mut self, site: &Arc<Topology>) -> Arc<Topology> {
        self.sites.of(site)
    }

    fn frame(&mut self, frame: &Arc<Frame>, site: &Arc<Topology>) -> Arc<Frame> {
        let (jobs, tenants) = self.tables(frame);
        let parts = Parts {
            time: frame.time,
            seq: frame.seq,
            topology: Arc::clone(site),
            columns: frame.columns.clone(),
            quality: Arc::clone(&frame.quality),
            facility: frame.facility.clone(),
            jobs,
            tenants,
            energy: frame.energy.clone(),
        };
        Arc::new(Frame::from_parts(parts, None))
    }

    fn tables(&mut self, frame: &Frame) -> Tables {
        let now = (Arc::clone(&frame.jobs), Arc::clone(&frame.tenants));
        if let Some((real, made)) = &self.names
            && Arc::ptr_eq(&real.0, &now.0)
            && Arc::ptr_eq(&real.1, &now.1)
        {
            return made.clone();
        }
        // The first slot is of GPUs without a job, whatever it is called.
        let job = |(slot, j): (usize, &JobName)| JobName {
            job: match slot {
                0 if !j.job.is_empty() => "idle".to_owned(),
                _ => self.jobs.of(&j.job).to_string(),
            },
            tenant: self.tenants.of(&j.tenant).to_string(),
            state: j.state,
        };
        let jobs = now.0.iter().enumerate().map(job).collect();
        let made: Tables = (jobs, now.1.iter().map(|t| self.tenants.of(t).to_string()).collect());
        self.names = Some((now, made.clone()));
        made
    }

    fn source(&mut self, view: &SourceView) -> SourceView {
        let mut target = |t: &TargetStatus| TargetStatus {
            name: self.targets.of(&t.name).to_string(),
            state: match &t.state {
                TargetState::Down(_) => TargetState::Down("it did not answer".to_owned()),
                other => other.clone(),
            },
            hall: Arc::default(),
            ..t.clone()
        };
        let targets = view.targets.iter().map(|t| Arc::new(target(t))).collect();
        let name = self.sources.of(&view.status.name).to_string();
        let status = SourceStatus { name, note: None, targets: Vec::new(), ..view.status.clone() };
        SourceView { status, targets }
    }

    fn inventory(&mut self, inventory: &Arc<Inventory>) -> Arc<Inventory> {
        if let Some((_, made)) = self.inventory.as_ref().filter(|(real, _)| Arc::ptr_eq(real, inventory)) {
            return Arc::clone(made);
        }
        let mut out = Inventory::default();
        for (id, facts) in inventory.gpus() {
            out.set_gpu(GpuId(id.0), Arc::new(self.facts(facts)));
        }
        for (tray, node) in inventory.nodes() {
            out.merge_node(tray, node);
        }
        let made = Arc::new(out);
        self.inventory = Some((Arc::clone(inventory), Arc::clone(&made)));
        made
    }

    /// Product, driver and memory stay.
    fn facts(&mut self, facts: &GpuFacts) -> GpuFacts {
        GpuFacts {
            uuid: self.gpus.of(&facts.uuid).to_string(),
            model: facts.model.clone(),
            pci: String::new(),
            driver: facts.driver.clone(),
            memory_mib: facts.memory_mib,
            job: self.jobs.of(&facts.job),
            tenant: self.tenants.of(&facts.tenant),
        }
    }

    /// A bookmark without words.
    pub fn bookmark(&mut self, bookmark: &Bookmark) -> Bookmark {
        Bookmark {
            time: bookmark.time,
            operator: self.operators.of(&bookmark.operator),
            text: Arc::default(),
        }
    }

    /// An incident without words.
    pub fn incident(&mut self, incident: &Incident) -> Incident {
        let operator = self.operators.of(&incident.operator);
        Incident { title: Arc::default(), operator, ..incident.clone() }
    }
}

#[cfg(test)]
mod tests;
