//! Jobs and tenants from lists of a scheduler: they go before what labels say, and their changes are
//! events.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::fleet::origin::Mark;
use crate::fleet::stage::Stage;
use crate::model::alarm::AlarmId;
use crate::model::batch::SourceId;
use crate::model::chronicle::{Happening, HappeningKind};
use crate::model::work::{Unit, WorkList};
use crate::model::{GpuId, Metric, Timestamp};

/// Most events that are kept; the oldest go.
const MOST_EVENTS: usize = 1000;
/// Most events of one list; what is more is told as a number.
const MOST_OF_LIST: usize = 50;
/// Units that were not found are looked for again after this time, ms.
const AGAIN_MS: i64 = 10_000;
/// No job of a list holds the GPU.
const NOBODY: u32 = u32::MAX;

/// All lists, and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Works {
    lists: BTreeMap<SourceId, Arc<WorkList>>,
    /// Per GPU: true while a job of a list holds it.
    held: Vec<bool>,
    /// Set when the lists must be laid over the site anew.
    dirty: bool,
    /// Growth of the topology that `held` is about.
    generation: u32,
    /// Units that no host or GPU is known for, and when they were looked for last.
    strangers: usize,
    looked: i64,
    events: VecDeque<Happening>,
    shared: Option<Arc<[Happening]>>,
}

impl Works {
    /// True when a list says who holds a GPU.
    pub fn holds(&self, gpu: usize) -> bool {
        self.held.get(gpu).copied().unwrap_or(false)
    }

    /// Puts down what was noticed at `time`.
    pub fn tell(&mut self, time: Timestamp, texts: Vec<String>) {
        let more = texts.len().saturating_sub(MOST_OF_LIST);
        let rest = (more > 0).then(|| format!("{more} more jobs changed"));
        for text in texts.into_iter().take(MOST_OF_LIST).chain(rest) {
            if self.events.len() == MOST_EVENTS {
                self.events.pop_front();
            }
            let kind = HappeningKind::Job;
            let event = Happening { time, kind, priority: 0, alarm: AlarmId(0), text: text.into() };
            // What took its time to be noticed stands where it began.
            let at = self.events.iter().rposition(|e| e.time <= time).map_or(0, |i| i + 1);
            self.events.insert(at, event);
            self.shared = None;
        }
    }
}

impl Stage {
    /// Takes in the list of `source`; its first one is no news.
    pub(super) fn apply_work(&mut self, source: SourceId, list: &Arc<WorkList>, time: Timestamp) {
        let works = &mut self.works;
        let old = works.lists.insert(source, Arc::clone(list));
        if old.as_ref() == Some(list) {
            return;
        }
        works.dirty = true;
        if let Some(old) = old {
            let changes = changes(&old, list);
            works.tell(time, changes);
        }
    }

    /// What was noticed of jobs since the start, oldest first.
    #[must_use]
    pub fn happenings(&self) -> Arc<[Happening]> {
        match &self.works.shared {
            Some(shared) => Arc::clone(shared),
            None => self.works.events.iter().cloned().collect(),
        }
    }

    /// Lays the lists over the site, when they or the site have changed.
    pub(super) fn place_works(&mut self, now: Timestamp) {
        if self.works.shared.is_none() {
            self.works.shared = Some(self.works.events.iter().cloned().collect());
        }
        let again = self.works.strangers > 0 && now.millis() - self.works.looked >= AGAIN_MS;
        let grown = self.works.generation != self.topology.generation();
        if self.works.lists.is_empty() || !(self.works.dirty || again || grown) {
            return;
        }
        let lists: Vec<_> = self.works.lists.iter().map(|(s, l)| (*s, Arc::clone(l))).collect();
        let works = || lists.iter().flat_map(|(source, list)| list.works.iter().map(|w| (*source, w)));
        let names: Vec<_> = works().map(|(source, w)| (source, self.names.slots_of(&w.name))).collect();
        let mut holder = vec![NOBODY; self.topology.gpu_count()];
        let mut strangers = 0;
        let finder = Finder::new(self, &lists);
        for (at, (_, work)) in works().enumerate() {
            for unit in &work.units {
                let found = finder.find(self, unit);
                strangers += usize::from(found.is_empty());
                for gpu in found {
                    if let Some(slot) = holder.get_mut(gpu).filter(|h| **h == NOBODY) {
                        *slot = at as u32;
                    }
                }
            }
        }
        let was = std::mem::take(&mut self.works.held);
        for (gpu, work) in holder.iter().enumerate() {
            if let Some((source, slots)) = names.get(*work as usize) {
                // So that a simulator beside it leaves the job in its place.
                self.ledger.claim(Metric::Job, gpu, Mark::new(*source, now), holder.len());
                self.ledger.claim(Metric::Tenant, gpu, Mark::new(*source, now), holder.len());
                self.set_job(gpu, *slots);
            } else if grown || was.get(gpu).copied().unwrap_or(false) {
                self.free(gpu);
            }
        }
        let works = &mut self.works;
        works.held = holder.iter().map(|h| *h != NOBODY).collect();
        (works.dirty, works.strangers, works.looked) = (false, strangers, now.millis());
        works.generation = self.topology.generation();
    }

    fn set_job(&mut self, gpu: usize, (job, tenant): (u16, u16)) {
        self.columns[Metric::Job.index()].set_raw(gpu, job);
        self.columns[Metric::Tenant.index()].set_raw(gpu, tenant);
    }

    /// No list names the GPU any more: what its labels say counts again.
    fn free(&mut self, gpu: usize) {
        let known = self.inventory.gpu(GpuId(gpu as u32)).map(|f| (f.job.clone(), f.tenant.clone()));
        if let Some((job, tenant)) = known {
            let slots = self.names.slots(&job, &tenant);
            self.set_job(gpu, slots);
        } else if self.works.generation == self.topology.generation() {
            self.set_job(gpu, (0, 0));
        }
    }
}

/// GPUs by what lists call them.
struct Finder {
    hostnames: HashMap<String, u32>,
    uuids: HashMap<String, u32>,
}

impl Finder {
    fn new(stage: &Stage, lists: &[(SourceId, Arc<WorkList>)]) -> Self {
        let mut units = lists.iter().flat_map(|(_, l)| &l.works).flat_map(|w| &w.units);
        let by_uuid = units.any(|u| matches!(u, Unit::Uuid(_)));
        let hostnames = stage.hosts.by_hostname(&stage.topology);
        let all = stage.inventory.gpus().filter(|(_, f)| by_uuid && !f.uuid.is_empty());
        Self {
            hostnames: hostnames.into_iter().map(|(name, tray)| (name.to_owned(), tray.0)).collect(),
            uuids: all.map(|(id, f)| (f.uuid.clone(), id.0)).collect(),
        }
    }

    fn find(&self, stage: &Stage, unit: &Unit) -> std::ops::Range<usize> {
        let tray = |host: &str| {
            let facts = crate::model::batch::HostFacts { host: host.to_owned(), labels: Vec::new() };
            let named = self.hostnames.get(host).copied();
            stage.hosts.tray_of(&facts).map(|t| t.0).or(named)
        };
        let span = |host: &str| tray(host).map_or(0..0, |t| stage.topology.trays()[t as usize].gpus.range());
        match unit {
            Unit::Host(host) => span(host),
            Unit::Gpu(host, index) => {
                let span = span(host);
                let at = span.start + usize::from(*index);
                if span.contains(&at) { at..at + 1 } else { 0..0 }
            }
            Unit::Uuid(uuid) => self.uuids.get(uuid).map_or(0..0, |g| *g as usize..*g as usize + 1),
        }
    }
}

/// What is different in the list `new`, one sentence for each job.
fn changes(old: &WorkList, new: &WorkList) -> Vec<String> {
    let by_name = |list: &WorkList| -> BTreeMap<(String, String), Vec<Unit>> {
        let mut out: BTreeMap<_, Vec<Unit>> = BTreeMap::new();
        for work in &list.works {
            let key = (work.name.job.clone(), work.name.tenant.clone());
            out.entry(key).or_default().extend(work.units.iter().cloned());
        }
        out.values_mut().for_each(|u| u.sort());
        out
    };
    let (old, new) = (by_name(old), by_name(new));
    let named = |(job, tenant): &(String, String)| {
        if tenant.is_empty() { format!("job {job}") } else { format!("job {job} ({tenant})") }
    };
    let ended = old.iter().filter(|(key, _)| !new.contains_key(*key));
    let ended = ended.map(|(key, units)| format!("{} ended on {}", named(key), place(units)));
    let other = new.iter().filter_map(|(key, units)| match old.get(key) {
        None => Some(format!("{} began on {}", named(key), place(units))),
        Some(before) if before != units => {
            Some(format!("{} moved from {} to {}", named(key), place(before), place(units)))
        }
        Some(_) => None,
    });
    ended.chain(other).collect()
}

/// Where a job runs, in words: `18 hosts from a-01 to a-18`, `3 GPUs of a-01`.
fn place(units: &[Unit]) -> String {
    let mut hosts: Vec<&str> = units.iter().filter_map(Unit::host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let single = units.iter().filter(|u| !matches!(u, Unit::Host(_))).count();
    match (hosts.as_slice(), single) {
        ([], 0) => "no GPU".to_owned(),
        ([], n) => format!("{n} GPUs"),
        ([host], 0) => (*host).to_owned(),
        ([host], n) => format!("{n} GPUs of {host}"),
        ([first, .., last], _) => format!("{} hosts from {first} to {last}", hosts.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::{GpuFacts, GpuReading, HostFacts, HostReading, JobName, JobState, NodeReading};
    use crate::model::topology::place::Placer;
    use crate::model::work::Work;
    use crate::model::{Batch, Topology};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn work(job: &str, tenant: &str, units: &[Unit]) -> Work {
        let name = JobName { job: job.to_owned(), tenant: tenant.to_owned(), ..JobName::default() };
        Work { name, units: units.to_vec() }
    }

    /// The default site, one host of which reports two GPUs with labels.
    fn stage() -> (Stage, String) {
        let topology = Arc::new(Topology::default_site());
        let host = topology.trays()[3].host.clone();
        (Stage::new(topology, Placer::default()), host)
    }

    fn list(works: Vec<Work>) -> Batch {
        Batch { work: Some(Arc::new(WorkList { works })), ..Batch::new(1, NOW) }
    }

    fn labelled(host: &str, job: &str) -> Batch {
        let facts =
            GpuFacts { uuid: "GPU-a".into(), job: job.into(), tenant: "k8s".into(), ..GpuFacts::default() };
        let mut gpu = GpuReading { facts: Some(Arc::new(facts)), ..GpuReading::new(0) };
        gpu.set(Metric::Temp, 50.0);
        let facts = Arc::new(HostFacts { host: host.to_owned(), labels: Vec::new() });
        let reading = HostReading { facts, gpus: vec![gpu], node: NodeReading::default() };
        Batch { hosts: vec![reading], ..Batch::new(0, NOW) }
    }

    /// Job and tenant of GPU `index` of tray 3.
    fn at(stage: &mut Stage, index: usize) -> (String, String, JobState) {
        let frame = stage.commit(NOW);
        let gpu = frame.topology.trays()[3].gpus.range().start + index;
        let raw = |m: Metric| usize::from(frame.column(m).raw(gpu));
        let none = JobName::default();
        let job = frame.jobs.get(raw(Metric::Job)).unwrap_or(&none);
        let tenant = frame.tenants.get(raw(Metric::Tenant)).cloned().unwrap_or_default();
        (job.job.clone(), tenant, job.state)
    }

    #[test]
    fn a_list_goes_before_labels_and_leaves_them_their_place() {
        let (mut stage, host) = stage();
        stage.apply(&labelled(&host, "pod-1"), 15_000);
        assert_eq!(at(&mut stage, 0).0, "pod-1");
        stage.apply(&list(vec![work("4711 llm", "team-a", &[Unit::Host(host.clone())])]), 15_000);
        assert_eq!(at(&mut stage, 0), ("4711 llm".into(), "team-a".into(), JobState::Unknown));
        assert_eq!(at(&mut stage, 1).0, "4711 llm");
        stage.apply(&labelled(&host, "pod-2"), 15_000);
        assert_eq!(at(&mut stage, 0).0, "4711 llm", "labels do not speak now");
        stage.apply(&list(Vec::new()), 15_000);
        assert_eq!(at(&mut stage, 0), ("pod-2".into(), "k8s".into(), JobState::Unknown));
        assert_eq!(at(&mut stage, 1).0, "", "what nobody names is idle");
    }

    #[test]
    fn gpus_are_found_by_position_and_by_uuid() {
        let (mut stage, host) = stage();
        stage.apply(&labelled(&host, ""), 15_000);
        stage.commit(NOW);
        let one = work("one", "", &[Unit::Uuid("GPU-a".into())]);
        let two =
            work("two", "", &[Unit::Gpu(host.clone(), 2), Unit::Gpu(host, 99), Unit::Host("absent".into())]);
        stage.apply(&list(vec![one, two]), 15_000);
        let jobs: Vec<_> = (0..4).map(|i| at(&mut stage, i).0).collect();
        assert_eq!(jobs, ["one", "", "two", ""]);
        assert_eq!(stage.works.strangers, 2);
    }

    #[test]
    fn the_state_of_a_job_follows_its_list() {
        let (mut stage, host) = stage();
        let mut job = work("j", "", &[Unit::Host(host)]);
        for state in [JobState::Running, JobState::Draining] {
            job.name.state = state;
            stage.apply(&list(vec![job.clone()]), 15_000);
            assert_eq!(at(&mut stage, 0).2, state);
        }
        assert!(stage.happenings().is_empty(), "that is no move");
    }

    #[test]
    fn changes_are_events_and_the_first_list_is_none() {
        let (mut stage, _) = stage();
        let hosts = |n: std::ops::Range<u32>| n.map(|i| Unit::Host(format!("n{i}"))).collect::<Vec<_>>();
        stage.apply(&list(vec![work("a", "t", &hosts(1..3)), work("b", "", &hosts(5..6))]), 15_000);
        assert!(stage.happenings().is_empty());
        let moved = work("b", "", &[Unit::Gpu("n7".into(), 0), Unit::Gpu("n7".into(), 1)]);
        stage.apply(&list(vec![moved, work("c", "", &hosts(8..9))]), 15_000);
        stage.commit(NOW);
        let texts: Vec<String> = stage.happenings().iter().map(|h| h.text.to_string()).collect();
        assert_eq!(
            texts,
            [
                "job a (t) ended on 2 hosts from n1 to n2",
                "job b moved from n5 to 2 GPUs of n7",
                "job c began on n8"
            ]
        );
        assert!(stage.happenings().iter().all(|h| h.kind == HappeningKind::Job && h.time == NOW));
    }

    #[test]
    fn events_are_bounded() {
        let (mut stage, host) = stage();
        for round in 0..100 {
            let many = (0..200).map(|i| work(&format!("{round}-{i}"), "", &[Unit::Host(host.clone())]));
            stage.apply(&list(many.collect()), 15_000);
        }
        let events = stage.happenings();
        assert_eq!(events.len(), MOST_EVENTS);
        assert_eq!(&*events[MOST_EVENTS - 1].text, "350 more jobs changed");
    }
}
