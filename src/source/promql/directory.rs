//! Who the series are: GPUs by the labels of an engine, learned once in a while, so that a poll needs
//! no more of a series than the label that tells it from the others.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::answer::Series;
use super::json::Span;
use crate::model::batch::{GpuFacts, HostFacts, Member, Roster};
use crate::model::text;
use crate::source::scrape::exposition::Label;
use crate::source::scrape::identity::{self, Identity};

/// Most GPUs of one host.
const MAX_GPUS: usize = 64;
/// Most GPUs of one engine.
pub const MAX_MEMBERS: usize = 1_000_000;
/// Labels that hold a UUID.
const UUIDS: [&str; 3] = ["UUID", "uuid", "gpu_uuid"];
/// Labels that tell GPUs apart where some have no UUID.
const OTHERS: [&str; 5] = ["instance", "Hostname", "hostname", "gpu", "index"];
/// Labels that say who a GPU is and what holds it.
const FACTS: [&str; 14] = [
    "modelName",
    "model_name",
    "name",
    "pci_bus_id",
    "DCGM_FI_DRIVER_VERSION",
    "driver_version",
    "pod",
    "pod_name",
    "exported_pod",
    "namespace",
    "pod_namespace",
    "exported_namespace",
    "hpc_job",
    "exported_pod_name",
];
/// Labels that say where a host stands.
const PLACES: [&str; 8] = ["hall", "row", "rack", "tray", "slot", "cluster", "datacenter", "node"];

/// All labels that the directory asks for; `more` are those that the site's placing rules look at.
#[must_use]
pub fn labels(more: &[String]) -> Vec<String> {
    let known = UUIDS.iter().chain(&OTHERS).chain(&FACTS).chain(&PLACES).map(|l| (*l).to_owned());
    let mut out: Vec<String> = known.collect();
    for label in more.iter().filter(|l| *l != "host") {
        if is_name(label) && !out.contains(label) {
            out.push(label.clone());
        }
    }
    out
}

/// True for what can stand as a label in a query.
fn is_name(label: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !label.is_empty() && label.chars().all(good) && !label.starts_with(|c: char| c.is_ascii_digit())
}

/// Finds the member that a series is about.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The labels that queries keep.
    pub by: Vec<String>,
    /// Keys and members, in the order in which the engine told them.
    rows: Vec<(Arc<[u8]>, u32)>,
    /// Where in `rows` a key stands.
    positions: HashMap<Arc<[u8]>, u32>,
}

/// What a lookup needs: kept from series to series, so that it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    key: Vec<u8>,
    text: Vec<u8>,
    /// The row behind the one found last. Prometheus tells all its answers in one order, so that this
    /// is nearly always the next one, and comparing is a fraction of a lookup in a table that is larger
    /// than the caches.
    next: usize,
}

impl Table {
    /// The member that `series` is about, if it is known.
    pub fn find(&self, series: &Series<'_>, scratch: &mut Scratch) -> Option<u32> {
        let Scratch { key, text, next } = scratch;
        if let [only] = self.by.as_slice() {
            return self.member(series.label(only.as_bytes()).bytes(series.text(), text), next);
        }
        key.clear();
        for label in &self.by {
            key.extend_from_slice(series.label(label.as_bytes()).bytes(series.text(), text));
            key.push(0xff);
        }
        self.member(key, next)
    }

    /// The member with `key`, the values of the labels in `by`; `next` is where it is likely to stand.
    pub fn member(&self, key: &[u8], next: &mut usize) -> Option<u32> {
        let guess = self.rows.get(*next).filter(|(k, _)| **k == *key);
        if guess.is_none() {
            *next = *self.positions.get(key)? as usize;
        }
        let found = guess.or_else(|| self.rows.get(*next));
        *next += 1;
        found.map(|(_, member)| *member)
    }

    /// Adds a row; of two with one key the first counts.
    fn push(&mut self, key: &[u8], member: u32) {
        let Ok(position) = u32::try_from(self.rows.len()) else { return };
        if !self.positions.contains_key(key) {
            let key: Arc<[u8]> = key.into();
            self.positions.insert(Arc::clone(&key), position);
            self.rows.push((key, member));
        }
    }

    /// How many series are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// A host with the members at its positions.
#[derive(Clone, Debug)]
struct Host {
    facts: Arc<HostFacts>,
    /// By position; `u32::MAX`: none.
    members: Vec<u32>,
    /// The last round in which its labels were looked at.
    round: u32,
    /// What it called itself then.
    called: Vec<u8>,
}

/// Everything that is known, and what the present round has shown so far.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    members: Vec<Member>,
    hosts: HashMap<String, Host>,
    /// Values of `instance` that several hosts have: these are known by what they call themselves.
    shared: HashSet<String>,
    /// The engine renames labels of exporters to `exported_…`: the plain ones are those of the
    /// exporter's own pod.
    renamed: bool,
    /// The present round found out something that earlier series of it should have been read with.
    torn: bool,
    /// A roster was handed out: positions in it must stay.
    told: bool,
    /// The round in which each member was seen last.
    seen: Vec<u32>,
    round: u32,
    /// The roster has changed since it was told.
    changed: bool,
    /// The values of the labels that may make a key, one row per series, each value ended by 0xff.
    keys: Vec<u8>,
    rows: Vec<u32>,
    /// Which of those labels occurred, and in how many series the UUIDs did.
    occurred: [bool; UUIDS.len() + OTHERS.len()],
    with_uuid: usize,
    /// Series of the present round that are about no GPU, about one of an unknown host, or too many.
    pub left_out: u32,
    /// Series of the present round that claim a position that another GPU has.
    pub clashes: u32,
}

impl Directory {
    /// Begins a round: what is known stays.
    pub fn begin(&mut self) {
        self.round += 1;
        self.keys.clear();
        self.rows.clear();
        self.occurred = Default::default();
        (self.with_uuid, self.left_out, self.clashes) = (0, 0, 0);
    }

    /// Takes one series of the directory; `info`: its family exists for its labels.
    pub fn learn(&mut self, series: &Series<'_>, info: bool) {
        let plain: Vec<Plain<'_>> = series.labels().map(|(n, v)| (n, bytes(v, series.text()))).collect();
        let named = plain.iter().map(|(name, raw)| Label { name, raw });
        let id = Identity::read(named, info);
        let instance = clean(&bytes(series.label(b"instance"), series.text()));
        let own = || clean(id.hostname);
        let is_own = instance.is_empty() || (self.shared.contains(&instance) && !own().is_empty());
        let host = if is_own { own() } else { instance };
        if !id.is_gpu() || host.is_empty() || self.members.len() >= MAX_MEMBERS {
            self.left_out += 1;
            return;
        }
        if id.is_renamed() && !self.renamed {
            (self.renamed, self.torn) = (true, true);
        }
        let mut facts = facts(&id, self.renamed);
        if let Some(other) = self.members.last() {
            facts.share(&other.facts);
        }
        let Some(member) = self.member(&host, &id, &plain, facts) else {
            self.left_out += 1;
            return;
        };
        self.rows.push(member);
        let mut has_uuid = false;
        for (i, label) in UUIDS.iter().chain(&OTHERS).enumerate() {
            let value = bytes(series.label(label.as_bytes()), series.text());
            self.occurred[i] |= !value.is_empty();
            has_uuid |= i < UUIDS.len() && !value.is_empty();
            self.keys.extend(value.iter().filter(|b| **b != 0xff));
            self.keys.push(0xff);
        }
        self.with_uuid += usize::from(has_uuid);
    }

    /// The position in the roster of the GPU that `id` describes: a new one where it is not known.
    fn member(
        &mut self,
        host: &str,
        id: &Identity<'_>,
        labels: &[Plain<'_>],
        facts: GpuFacts,
    ) -> Option<u32> {
        let round = self.round;
        if !self.hosts.contains_key(host) {
            let (facts, called) = (Arc::new(host_facts(host, id, labels)), id.hostname.to_vec());
            let fresh = Host { facts, members: Vec::new(), round, called };
            self.hosts.insert(host.to_owned(), fresh);
        }
        let entry = self.hosts.get_mut(host)?;
        if entry.round != round {
            entry.round = round;
            entry.called = id.hostname.to_vec();
            let now = host_facts(host, id, labels);
            if *entry.facts != now {
                entry.facts = Arc::new(now);
                self.changed = true;
            }
        }
        if !id.hostname.is_empty() && !entry.called.is_empty() && entry.called != id.hostname {
            // An exporter that was restarted may call itself otherwise, but not both at once.
            self.torn |= self.shared.insert(host.to_owned());
        }
        let known = |m: &u32| self.members.get(*m as usize).filter(|m| m.facts.uuid == facts.uuid);
        let same = || entry.members.iter().position(|m| !facts.uuid.is_empty() && known(m).is_some());
        let index = id.index.map(usize::from).or_else(same);
        let index =
            index.or_else(|| (0..MAX_GPUS).find(|i| entry.members.get(*i).is_none_or(|m| *m == u32::MAX)))?;
        if index >= MAX_GPUS {
            return None;
        }
        if entry.members.len() <= index {
            entry.members.resize(index + 1, u32::MAX);
        }
        let slot = &mut entry.members[index];
        if *slot == u32::MAX {
            *slot = u32::try_from(self.members.len()).ok()?;
            let (host, index) = (Arc::clone(&entry.facts), u16::try_from(index).ok()?);
            self.members.push(Member { host, index, facts: Arc::new(facts) });
            self.seen.push(round);
            self.changed = true;
            return Some(*slot);
        }
        let at = *slot as usize;
        let (member, seen) = (&mut self.members[at], &mut self.seen[at]);
        if !Arc::ptr_eq(&member.host, &entry.facts) {
            member.host = Arc::clone(&entry.facts);
        }
        if *seen == round {
            if member.facts.uuid != facts.uuid {
                self.clashes += 1;
                return None;
            }
            self.changed |= join(member, facts);
        } else if *member.facts != facts {
            member.facts = Arc::new(facts);
            self.changed = true;
        }
        *seen = round;
        Some(*slot)
    }

    /// Ends a round: the table for lookups, and the roster where something about it has changed.
    pub fn end(&mut self) -> (Table, Option<Arc<Roster>>) {
        let all_have_uuids = self.with_uuid == self.rows.len() && !self.rows.is_empty();
        let wanted = if all_have_uuids { 0..UUIDS.len() } else { 0..UUIDS.len() + OTHERS.len() };
        let columns: Vec<usize> = wanted.filter(|i| self.occurred[*i]).collect();
        let name = |i: &usize| UUIDS.iter().chain(&OTHERS).nth(*i).map(|l| (*l).to_owned());
        let mut table = Table { by: columns.iter().filter_map(name).collect(), ..Table::default() };
        table.rows.reserve(self.rows.len());
        table.positions.reserve(self.rows.len());
        let mut values = self.keys.split(|b| *b == 0xff);
        let mut key = Vec::new();
        for member in &self.rows {
            let row: [&[u8]; UUIDS.len() + OTHERS.len()] =
                std::array::from_fn(|_| values.next().unwrap_or_default());
            if let [only] = columns.as_slice() {
                table.push(row[*only], *member);
                continue;
            }
            key.clear();
            key.extend(columns.iter().flat_map(|c| row[*c].iter().copied().chain([0xff])));
            table.push(&key, *member);
        }
        self.keys = Vec::new();
        self.rows = Vec::new();
        self.told = true;
        let roster =
            std::mem::take(&mut self.changed).then(|| Arc::new(Roster { members: self.members.clone() }));
        (table, roster)
    }

    /// True when the round that has been read must be read again: it was found that hosts share an
    /// `instance`, as behind one proxy, or that the engine renames labels.
    pub fn is_torn(&mut self) -> bool {
        let torn = std::mem::take(&mut self.torn);
        if torn && !self.told {
            let (shared, renamed) = (std::mem::take(&mut self.shared), self.renamed);
            *self = Self { shared, renamed, ..Self::default() };
        }
        torn
    }

    /// GPUs known.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// True when none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// The same GPU twice, as with instances or while a job changes: the first holder counts. True when
/// that says something new.
fn join(member: &mut Member, again: GpuFacts) -> bool {
    let mut now = (*member.facts).clone();
    if now.job.is_empty() {
        now.job = again.job;
    }
    if now.tenant.is_empty() {
        now.tenant = again.tenant;
    }
    let changed = now != *member.facts;
    if changed {
        member.facts = Arc::new(now);
    }
    changed
}

/// A label: its name, and its value with escapes resolved.
type Plain<'a> = (&'a [u8], Cow<'a, [u8]>);

fn bytes(span: Span, text: &[u8]) -> Cow<'_, [u8]> {
    if !span.escaped {
        return Cow::Borrowed(span.raw(text));
    }
    let mut scratch = Vec::new();
    span.bytes(text, &mut scratch);
    Cow::Owned(scratch)
}

fn clean(raw: &[u8]) -> String {
    text::clean(&String::from_utf8_lossy(raw))
}

fn facts(id: &Identity<'_>, renamed: bool) -> GpuFacts {
    GpuFacts {
        uuid: identity::whole_uuid(clean(id.uuid)),
        model: clean(id.model).into(),
        pci: clean(id.pci),
        driver: clean(id.driver).into(),
        memory_mib: 0,
        job: clean(id.job(renamed)).into(),
        tenant: clean(id.tenant(renamed)).into(),
    }
}

/// The host with the labels that can place it.
fn host_facts(host: &str, id: &Identity<'_>, labels: &[Plain<'_>]) -> HostFacts {
    let is_own = |name: &[u8]| !UUIDS.iter().chain(&OTHERS).chain(&FACTS).any(|l| l.as_bytes() == name);
    let others = labels.iter().filter(|(n, _)| is_own(n));
    let mut out: Vec<(String, String)> = others.map(|(n, v)| (clean(n), clean(v))).collect();
    if !id.hostname.is_empty() {
        out.push(("hostname".to_owned(), clean(id.hostname)));
    }
    out.sort();
    HostFacts { host: host.to_owned(), labels: out }
}

#[cfg(test)]
#[path = "directory/tests.rs"]
mod tests;
