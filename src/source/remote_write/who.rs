//! Who the pushed series speak of: hosts and GPUs by the labels of their series. They are looked at
//! when a series is met for the first time; later its bytes alone lead to the GPU.
//!
//! A GPU is known by its UUID on its host, so that an exporter that comes back under another address
//! is the same one; a host is known by the scraped address and the name that it gives itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::batch::{GpuFacts, HostFacts, Member, Roster};
use crate::model::text;
use crate::source::scrape::exposition::Label;
use crate::source::scrape::identity::{self, Identity};

/// Most GPUs of one host.
const MAX_PER_HOST: usize = 64;
/// Most GPUs in all.
const MAX_MEMBERS: usize = 262_144;
/// Most labels of a host that are kept for placing it.
const MAX_HOST_LABELS: usize = 32;
/// A GPU that has been silent for so long gives its position to another one that claims it, ms.
const REPLACED_MS: i64 = 300_000;
/// A GPU without a position waits so long for a series that tells it, ms.
const POSITION_MS: i64 = 60_000;

/// Labels that tell series of one host apart; the others speak of the host.
const OF_GPU: [&str; 21] = [
    "__name__",
    "uuid",
    "gpu_uuid",
    "gpu",
    "device",
    "modelname",
    "model_name",
    "pci_bus_id",
    "driver_version",
    "dcgm_fi_driver_version",
    "dcgm_fi_system_driver_version",
    "pod",
    "pod_name",
    "namespace",
    "pod_namespace",
    "container",
    "hpc_job",
    "gpu_i_id",
    "gpu_i_profile",
    "err_code",
    "err_msg",
];

/// What is known of a member beside its facts.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Host, by its place in the list.
    host: u32,
    /// Time of the newest sample, ms.
    seen: i64,
    /// Mark of the work that holds it; 0: none.
    work: u32,
    /// When that was last confirmed, ms; the least number: its series has ended.
    work_time: i64,
}

#[derive(Debug)]
struct Host {
    facts: Arc<HostFacts>,
    bare: String,
    hostname: String,
    members: Vec<u32>,
}

/// Everyone that series have spoken of.
#[derive(Debug, Default)]
pub struct Directory {
    hosts: Vec<Host>,
    by_key: HashMap<(String, String), u32>,
    names: HashSet<String>,
    by_uuid: HashMap<String, Vec<u32>>,
    states: Vec<State>,
    roster: Arc<Roster>,
    /// GPUs without a position, and when they were first met, ms.
    waiting: HashMap<(u32, String), i64>,
}

/// A series that is met for the first time.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    /// Its labels.
    pub labels: &'a [Label<'a>],
    /// What they say.
    pub id: Identity<'a>,
    /// The position of the GPU, where the series is about that.
    pub position: Option<u16>,
    /// Time of its sample, ms.
    pub time: i64,
    /// A Prometheus renamed labels of the exporter, so that a plain `pod` is the exporter's own.
    pub renamed: bool,
}

/// Where a series belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// To this member.
    Member(u32),
    /// To a GPU whose position is not known yet: ask again with the next sample.
    Later,
    /// To no GPU, or there is no room for it.
    Nobody,
}

impl Directory {
    /// Everyone, by their positions.
    #[must_use]
    pub const fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// How many GPUs are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.states.len()
    }

    /// The member that a new series speaks of, entered when it is new as well.
    pub fn find(&mut self, new: &Newcomer<'_>) -> Found {
        if !new.id.is_gpu() && new.position.is_none() {
            return Found::Nobody;
        }
        let uuid = uuid_of(new.id.uuid);
        let instance = label(new.labels, b"instance");
        let bare = instance.split([':', '/']).next().unwrap_or_default().to_owned();
        let hostname = plain(new.id.hostname);
        if let Some(member) = self.known(&uuid, &bare, &hostname) {
            self.learn(member, new);
            return Found::Member(member);
        }
        let Some(host) = self.host(instance, bare, hostname, new) else { return Found::Nobody };
        self.place(host, uuid, new)
    }

    /// The GPU of this UUID on the same host.
    fn known(&self, uuid: &str, bare: &str, hostname: &str) -> Option<u32> {
        let of_host = |m: &&u32| {
            let host = &self.hosts[self.states[**m as usize].host as usize];
            if host.hostname.is_empty() || hostname.is_empty() {
                host.bare == bare
            } else {
                host.hostname == hostname
            }
        };
        self.by_uuid.get(uuid)?.iter().find(of_host).copied()
    }

    fn host(&mut self, instance: String, bare: String, hostname: String, new: &Newcomer<'_>) -> Option<u32> {
        let key = (bare, hostname);
        if let Some(host) = self.by_key.get(&key) {
            return Some(*host);
        }
        if self.hosts.len() == MAX_MEMBERS {
            return None;
        }
        let (bare, hostname) = key.clone();
        let same = hostname.is_empty() || hostname == bare;
        let mut name = if same { instance.clone() } else { hostname.clone() };
        // Two hosts that call themselves alike stay two.
        if name.is_empty() || self.names.contains(&name) {
            name = format!("{instance}/{hostname}");
        }
        self.names.insert(name.clone());
        let facts = Arc::new(HostFacts { host: name, labels: host_labels(new.labels, &hostname) });
        let at = u32::try_from(self.hosts.len()).ok()?;
        self.hosts.push(Host { facts, bare, hostname, members: Vec::new() });
        self.by_key.insert(key, at);
        Some(at)
    }

    /// The place of a GPU that its UUID does not lead to.
    fn place(&mut self, host: u32, uuid: String, new: &Newcomer<'_>) -> Found {
        let claimed = new.position.or(new.id.index);
        if let Some(index) = claimed
            && let Some(member) = self.at(host, index)
        {
            let known = &self.roster.members[member as usize].facts.uuid;
            let silent = self.states[member as usize].seen + REPLACED_MS < new.time;
            if known.is_empty() || uuid.is_empty() || silent {
                self.learn(member, new);
                return Found::Member(member);
            }
        }
        let free = claimed.filter(|i| usize::from(*i) < MAX_PER_HOST && self.at(host, *i).is_none());
        if claimed.is_none() && self.must_wait(host, &uuid, new.time) {
            return Found::Later;
        }
        let lowest = || (0..MAX_PER_HOST as u16).find(|i| self.at(host, *i).is_none());
        match free.or_else(lowest).filter(|_| self.states.len() < MAX_MEMBERS) {
            Some(index) => Found::Member(self.enter(host, index, new)),
            None => Found::Nobody,
        }
    }

    /// Exporters that do not number GPUs by a label do so by a series of their own.
    fn must_wait(&mut self, host: u32, uuid: &str, time: i64) -> bool {
        let key = (host, uuid.to_owned());
        if self.waiting.len() >= MAX_MEMBERS {
            self.waiting.clear();
        }
        let since = *self.waiting.entry(key.clone()).or_insert(time);
        let waits = time - since < POSITION_MS;
        if !waits {
            self.waiting.remove(&key);
        }
        waits
    }

    fn at(&self, host: u32, index: u16) -> Option<u32> {
        let members = &self.hosts[host as usize].members;
        members.iter().copied().find(|m| self.roster.members[*m as usize].index == index)
    }

    fn enter(&mut self, host: u32, index: u16, new: &Newcomer<'_>) -> u32 {
        let member = self.states.len() as u32;
        self.states.push(State { host, seen: new.time, work: 0, work_time: i64::MIN });
        let owner = &mut self.hosts[host as usize];
        owner.members.push(member);
        let entry = Member { host: Arc::clone(&owner.facts), index, facts: Arc::default() };
        Arc::make_mut(&mut self.roster).members.push(entry);
        self.learn(member, new);
        member
    }

    /// Takes over what the labels of a series say of its GPU, without its work.
    fn learn(&mut self, member: u32, new: &Newcomer<'_>) {
        let known = &self.roster.members[member as usize].facts;
        let mut facts = GpuFacts::clone(known);
        let uuid = uuid_of(new.id.uuid);
        if !uuid.is_empty() && uuid != facts.uuid {
            if !facts.uuid.is_empty() {
                // Another GPU stands there now.
                facts = GpuFacts::default();
                if let Some(list) = self.by_uuid.get_mut(&known.uuid) {
                    list.retain(|m| *m != member);
                }
            }
            self.by_uuid.entry(uuid.clone()).or_default().push(member);
            facts.uuid = uuid;
        }
        if !new.id.pci.is_empty() {
            facts.pci = plain(new.id.pci);
        }
        for (mine, theirs) in [(&mut facts.model, new.id.model), (&mut facts.driver, new.id.driver)] {
            if !theirs.is_empty() {
                *mine = plain(theirs).into();
            }
        }
        self.replace(member, facts);
    }

    fn replace(&mut self, member: u32, mut facts: GpuFacts) {
        let slot = member as usize;
        if *self.roster.members[slot].facts != facts {
            if let Some(other) = slot.checked_sub(1) {
                facts.share(&self.roster.members[other].facts);
            }
            Arc::make_mut(&mut self.roster).members[slot].facts = Arc::new(facts);
        }
    }

    /// A sample of a series with the mark `work` has come: true when its work is now that of the GPU,
    /// which was another: then [`Directory::set_work`] follows. Of several works on one GPU the one
    /// that is there stays until its series end or are silent for one and a half intervals.
    pub fn hears(&mut self, member: u32, work: u32, time: i64, interval_ms: u32) -> bool {
        let state = &mut self.states[member as usize];
        state.seen = state.seen.max(time);
        if state.work == work {
            state.work_time = state.work_time.max(time);
            return false;
        }
        let silent = state.work_time.saturating_add(i64::from(interval_ms) * 3 / 2);
        if state.work != 0 && state.work_time != i64::MIN && time <= silent {
            return false;
        }
        (state.work, state.work_time) = (work, time);
        true
    }

    /// A series with the mark `work` has ended.
    pub fn ends(&mut self, member: u32, work: u32) {
        let state = &mut self.states[member as usize];
        if work != 0 && state.work == work {
            state.work_time = i64::MIN;
        }
    }

    /// The work of a GPU is what the labels of this series say.
    pub fn set_work(&mut self, member: u32, id: &Identity<'_>, renamed: bool) {
        let mut facts = GpuFacts::clone(&self.roster.members[member as usize].facts);
        facts.job = plain(id.job(renamed)).into();
        facts.tenant = plain(id.tenant(renamed)).into();
        self.replace(member, facts);
    }

    /// Memory of a GPU, MiB, as the sum of what was said; it wavers, so small changes are none.
    pub fn set_memory(&mut self, member: u32, memory_mib: u32) {
        let known = &self.roster.members[member as usize].facts;
        if memory_mib > 0 && known.memory_mib.abs_diff(memory_mib) > known.memory_mib / 256 {
            let facts = GpuFacts { memory_mib, ..GpuFacts::clone(known) };
            self.replace(member, facts);
        }
    }
}

/// Text of a label as it is kept. Labels of remote write have no escapes.
fn plain(raw: &[u8]) -> String {
    text::clean(&String::from_utf8_lossy(raw))
}

fn label(labels: &[Label<'_>], name: &[u8]) -> String {
    labels.iter().find(|l| l.name == name).map(|l| plain(l.raw)).unwrap_or_default()
}

fn uuid_of(raw: &[u8]) -> String {
    identity::whole_uuid(plain(raw))
}

/// Labels that speak of the host.
pub(super) fn host_labels(labels: &[Label<'_>], hostname: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    if !hostname.is_empty() {
        out.push(("hostname".to_owned(), hostname.to_owned()));
    }
    for l in labels {
        let name = plain(l.name);
        let lower = name.to_ascii_lowercase();
        let of_gpu =
            OF_GPU.contains(&lower.as_str()) || lower.starts_with("exported_") || lower == "hostname";
        if !of_gpu && out.len() < MAX_HOST_LABELS {
            out.push((name, plain(l.raw)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(directory: &mut Directory, labels: &[(&str, &str)], time: i64) -> Found {
        let labels: Vec<_> =
            labels.iter().map(|(n, v)| Label { name: n.as_bytes(), raw: v.as_bytes() }).collect();
        let id = Identity::read(labels.iter().copied(), false);
        directory.find(&Newcomer { labels: &labels, id, position: None, time, renamed: false })
    }

    fn member(directory: &Directory, at: usize) -> (&str, u16, &str) {
        let m = &directory.roster().members[at];
        (&m.host.host, m.index, &m.facts.uuid)
    }

    #[test]
    fn a_gpu_is_the_same_under_another_address() {
        let mut d = Directory::default();
        let labels = |instance| [("instance", instance), ("Hostname", "n1"), ("UUID", "GPU-a"), ("gpu", "2")];
        assert_eq!(find(&mut d, &labels("10.0.0.1:9400"), 0), Found::Member(0));
        assert_eq!(find(&mut d, &labels("10.0.0.9:9400"), 0), Found::Member(0));
        assert_eq!(member(&d, 0), ("n1", 2, "GPU-a"));
        let host = &d.roster().members[0].host;
        assert_eq!((host.label("hostname"), host.label("UUID")), (Some("n1"), None));
    }

    #[test]
    fn one_address_may_serve_many_hosts() {
        let mut d = Directory::default();
        let labels = |name| [("instance", "proxy:80"), ("Hostname", name), ("gpu", "0")];
        assert_eq!(find(&mut d, &labels("n1"), 0), Found::Member(0));
        assert_eq!(find(&mut d, &labels("n2"), 0), Found::Member(1));
        assert_eq!(find(&mut d, &labels("n1"), 0), Found::Member(0));
        assert_eq!((member(&d, 0).0, member(&d, 1).0), ("n1", "n2"));
    }

    #[test]
    fn hosts_that_call_themselves_alike_stay_two() {
        let mut d = Directory::default();
        let labels = |instance, uuid| {
            [("instance", instance), ("Hostname", "localhost"), ("UUID", uuid), ("gpu", "0")]
        };
        assert_eq!(find(&mut d, &labels("a:1", "GPU-a"), 0), Found::Member(0));
        assert_eq!(find(&mut d, &labels("b:1", "GPU-b"), 0), Found::Member(1));
        assert_ne!(member(&d, 0).0, member(&d, 1).0);
    }

    #[test]
    fn a_new_gpu_takes_the_position_of_one_that_is_silent() {
        let mut d = Directory::default();
        let labels = |uuid| [("instance", "n1:9400"), ("UUID", uuid), ("gpu", "0")];
        find(&mut d, &labels("GPU-old"), 0);
        d.hears(0, 0, 0, 15_000);
        assert_eq!(find(&mut d, &labels("GPU-new"), 1000), Found::Member(1), "both speak: both are kept");
        assert_eq!(member(&d, 1), ("n1:9400", 1, "GPU-new"));
        assert_eq!(find(&mut d, &labels("GPU-third"), REPLACED_MS + 1), Found::Member(0));
        assert_eq!(member(&d, 0), ("n1:9400", 0, "GPU-third"));
    }

    #[test]
    fn a_gpu_without_a_position_waits_for_it() {
        let mut d = Directory::default();
        let labels = [("instance", "n1:9835"), ("uuid", "GPU-a")];
        assert_eq!(find(&mut d, &labels, 0), Found::Later);
        let raw: Vec<_> =
            labels.iter().map(|(n, v)| Label { name: n.as_bytes(), raw: v.as_bytes() }).collect();
        let id = Identity::read(raw.iter().copied(), false);
        let told = Newcomer { labels: &raw, id, position: Some(5), time: 0, renamed: false };
        assert_eq!(d.find(&told), Found::Member(0));
        assert_eq!(find(&mut d, &labels, 0), Found::Member(0));
        assert_eq!(member(&d, 0).1, 5);
        let other = [("instance", "n1:9835"), ("uuid", "GPU-b")];
        assert_eq!(find(&mut d, &other, 0), Found::Later);
        assert_eq!(find(&mut d, &other, POSITION_MS), Found::Member(1));
        assert_eq!(member(&d, 1).1, 0);
    }

    #[test]
    fn work_changes_when_the_old_one_ends_or_is_silent() {
        let mut d = Directory::default();
        find(&mut d, &[("instance", "n1:9400"), ("gpu", "0")], 0);
        assert!(d.hears(0, 7, 0, 10_000), "an idle GPU takes what comes");
        assert!(!d.hears(0, 9, 5_000, 10_000), "two works at once: the first stays");
        d.ends(0, 7);
        assert!(d.hears(0, 9, 6_000, 10_000));
        assert!(!d.hears(0, 0, 16_000, 10_000), "silent for one interval is not the end");
        assert!(d.hears(0, 0, 22_000, 10_000));
    }

    #[test]
    fn hostile_labels_arrive_clean() {
        let mut d = Directory::default();
        let labels = [("instance", "n\x1b[2J1:9400"), ("gpu", "0"), ("ha\x07ll", "H\u{202e}1")];
        find(&mut d, &labels, 0);
        let host = &d.roster().members[0].host;
        assert_eq!((&*host.host, host.label("hall")), ("n[2J1:9400", Some("H1")));
    }

    #[test]
    fn a_host_has_room_for_so_many_gpus() {
        let mut d = Directory::default();
        let names: Vec<String> = (0..70).map(|i| format!("GPU-{i}")).collect();
        let found = |n: &String| find(&mut d, &[("instance", "n:1"), ("gpu", "0"), ("UUID", n)], 0);
        let nobody = names.iter().map(found).filter(|f| *f == Found::Nobody).count();
        assert_eq!(nobody, 70 - MAX_PER_HOST);
    }
}
