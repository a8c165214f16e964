//! From the series of a request to readings: each label set leads, by a hash of its bytes, to the GPU
//! and the field that it speaks of. After the first sight of a series nothing is allocated for it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::Arc;

use twox_hash::xxhash3_128;

use super::cells::{Cells, Taken, Voice};
use super::nodes::Nodes;
use super::who::{Directory, Found, Newcomer};
use super::wire::Point;
use crate::model::batch::{SeriesReading, SourceId};
use crate::model::{Batch, Timestamp};
use crate::source::scrape::exposition::Label;
use crate::source::scrape::families::{self, FamilyId, Field};
use crate::source::scrape::identity::Identity;

/// A series that says nothing for so long is forgotten, s.
const FORGET_S: u32 = 3600;
/// Time between two searches for such series, s.
const SWEEP_S: u32 = 600;
/// A sample may be so far ahead of our clock, ms.
const AHEAD_MS: i64 = 60_000;
/// Most kinds of scrape jobs whose renamed labels are remembered.
const MAX_JOBS: usize = 4096;

/// What became of the samples of one request, or of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Samples of wanted families.
    pub wanted: u64,
    /// Samples of other families.
    pub other: u64,
    /// Samples of a series that are older than what is known, or second to a preferred series.
    pub old: u64,
    /// Samples from more than a minute after our clock's time.
    pub ahead: u64,
    /// Samples of series that there is no room for.
    pub no_room: u64,
    /// The newest time of a sample that was taken, ms; 0: none was.
    pub newest: i64,
}

/// Where a series leads.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The GPU; the highest number: it is about none.
    member: u32,
    family: FamilyId,
    /// Compute slices of the MIG instance; 0: the whole GPU.
    slices: u8,
    whole: u8,
    /// Mark of its pod or job; 0: none.
    work: u32,
    /// When it was last seen, s.
    seen: u32,
}

const NOBODY: u32 = u32::MAX;

/// The key is a hash already.
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |a, b| a.rotate_left(8) ^ u64::from(*b));
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

/// Memory of a GPU by its parts, MiB: used, free, reserved, and in all.
type Memory = [f32; 4];

/// All that is known of series.
#[derive(Debug)]
pub struct Intake {
    /// Not to be guessed, so that nobody can make two label sets alike.
    seed: u64,
    series: HashMap<u128, Entry, BuildHasherDefault<Folded>>,
    max_series: usize,
    scratch: Vec<u8>,
    directory: Directory,
    cells: Cells,
    nodes: Nodes,
    memory: Vec<Memory>,
    /// Scrape jobs in which a Prometheus renamed labels.
    renamed: HashSet<Vec<u8>>,
    swept: u32,
}

impl Intake {
    /// Nothing is known yet; at most `max_series` series of wanted families will be.
    #[must_use]
    pub fn new(max_series: usize, interval_ms: Option<u32>) -> Self {
        Self {
            seed: RandomState::new().build_hasher().finish(),
            series: HashMap::default(),
            max_series,
            scratch: Vec::new(),
            directory: Directory::default(),
            cells: Cells::new(interval_ms),
            nodes: Nodes::default(),
            memory: Vec::new(),
            renamed: HashSet::new(),
            swept: 0,
        }
    }

    /// Series of wanted families that are known.
    #[must_use]
    pub fn series(&self) -> usize {
        self.series.len()
    }

    /// GPUs that are known.
    #[must_use]
    pub fn gpus(&self) -> usize {
        self.directory.count()
    }

    /// Values that wait for the next delivery.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.cells.pending()
    }

    /// The longest time between two samples of a series, ms.
    #[must_use]
    pub fn interval_ms(&self) -> u32 {
        self.cells.longest_ms()
    }

    /// Takes in the newest sample of a series.
    pub fn take(&mut self, labels: &[Label<'_>], points: &[Point], now: Timestamp, tally: &mut Tally) {
        let count = points.len() as u64;
        let name = labels.iter().find(|l| l.name == b"__name__").map(|l| l.raw);
        let wanted = |f: &FamilyId| is_of_gpu(*f) || Nodes::wants(f.get(), labels);
        let Some(family) = name.and_then(families::lookup).filter(wanted) else {
            tally.other += count;
            return;
        };
        tally.wanted += count;
        let latest = now.millis() + AHEAD_MS;
        let in_time = points.iter().filter(|p| p.time <= latest);
        tally.ahead += count - in_time.clone().count() as u64;
        // Of one moment the value counts, not the end of another series with these labels.
        let Some(point) = in_time.max_by_key(|p| (p.time, !p.is_stale())).copied() else { return };
        tally.newest = tally.newest.max(point.time);
        let now_s = u32::try_from(now.millis() / 1000).unwrap_or(0);
        let key = self.key(labels);
        if !is_of_gpu(family) {
            let is_taken =
                !point.is_stale() && self.nodes.take((family.get(), labels), key as u32, point, now);
            tally.old += u64::from(!is_taken);
            return;
        }
        let entry = match self.series.get_mut(&key) {
            Some(entry) => {
                entry.seen = now_s;
                *entry
            }
            None => match self.meet(key, labels, (family, &point), now_s) {
                Some(entry) => entry,
                None => {
                    tally.no_room += count;
                    return;
                }
            },
        };
        if entry.member != NOBODY {
            let taken = self.hear(key, &entry, labels, point);
            tally.old += u64::from(matches!(taken, Taken::Old | Taken::Lesser));
        }
    }

    fn key(&mut self, labels: &[Label<'_>]) -> u128 {
        self.scratch.clear();
        for label in labels {
            // No byte of UTF-8 is 0xff, so that it divides without doubt.
            self.scratch.extend_from_slice(label.name);
            self.scratch.push(0xff);
            self.scratch.extend_from_slice(label.raw);
            self.scratch.push(0xff);
        }
        xxhash3_128::Hasher::oneshot_with_seed(self.seed, &self.scratch)
    }

    fn hear(&mut self, key: u128, entry: &Entry, labels: &[Label<'_>], point: Point) -> Taken {
        let family = entry.family.get();
        let voice = Voice {
            member: entry.member,
            field: family.field,
            tag: (key >> 64) as u32 | 1,
            slices: entry.slices,
            whole: entry.whole,
        };
        let value = if point.is_stale() { None } else { family.convert(point.value) };
        if point.is_stale() {
            self.directory.ends(entry.member, entry.work);
        } else {
            let interval = self.cells.longest_ms();
            if self.directory.hears(entry.member, entry.work, point.time, interval) {
                let id = Identity::read(labels.iter().copied(), family.field == Field::Info);
                self.directory.set_work(entry.member, &id, self.is_renamed(labels));
            }
        }
        if let (Some(part), Some(value), 0) = (memory_part(family.field), value, entry.slices) {
            self.remember(entry.member, part, value as f32);
        }
        self.cells.take(&voice, value, point.time)
    }

    fn remember(&mut self, member: u32, part: usize, value: f32) {
        if self.memory.len() <= member as usize {
            self.memory.resize(member as usize + 1, [f32::NAN; 4]);
        }
        self.memory[member as usize][part] = value;
        self.directory.set_memory(member, total(&self.memory[member as usize]));
    }

    /// The place of a series that is met for the first time.
    fn meet(
        &mut self,
        key: u128,
        labels: &[Label<'_>],
        (family, point): (FamilyId, &Point),
        now_s: u32,
    ) -> Option<Entry> {
        if self.series.len() >= self.max_series {
            self.forget(now_s);
            if self.series.len() >= self.max_series {
                return None;
            }
        }
        let field = family.get().field;
        let id = Identity::read(labels.iter().copied(), field == Field::Info);
        if id.is_renamed() {
            self.note_renamed(labels);
        }
        let renamed = self.is_renamed(labels);
        let said = (field == Field::Index && !point.is_stale()).then_some(point.value);
        let position = said.filter(|v| (0.0..64.0).contains(v)).map(|v| v as u16);
        let new = Newcomer { labels, id, position, time: point.time, renamed };
        let member = match self.directory.find(&new) {
            Found::Member(member) => member,
            Found::Nobody => NOBODY,
            Found::Later => return Some(Entry { member: NOBODY, ..blank(family, now_s) }),
        };
        let work = self.mark(id.job(renamed), id.tenant(renamed));
        let whole = if id.model.windows(3).any(|w| w == b"A30") { 4 } else { 7 };
        let slices = id.instance.map_or(0, |i| i.slices.clamp(1.0, 7.0) as u8);
        let entry = Entry { member, slices, whole, work, ..blank(family, now_s) };
        self.series.insert(key, entry);
        Some(entry)
    }

    /// Tells one work from another; 0 for none.
    fn mark(&self, job: &[u8], tenant: &[u8]) -> u32 {
        if job.is_empty() && tenant.is_empty() {
            return 0;
        }
        let hash = |text| xxhash3_128::Hasher::oneshot_with_seed(self.seed, text) as u64;
        (hash(job) ^ hash(tenant).rotate_left(17)) as u32 | 1
    }

    fn is_renamed(&self, labels: &[Label<'_>]) -> bool {
        self.renamed.contains(scrape_job(labels))
    }

    /// From now on the plain `pod` of this scrape job is the exporter's own: what was understood
    /// before is understood anew.
    fn note_renamed(&mut self, labels: &[Label<'_>]) {
        if self.renamed.len() < MAX_JOBS && self.renamed.insert(scrape_job(labels).to_vec()) {
            self.series.clear();
        }
    }

    /// Forgets the series that have long been silent.
    fn forget(&mut self, now_s: u32) {
        if now_s.saturating_sub(self.swept) >= SWEEP_S {
            self.swept = now_s;
            self.series.retain(|_, e| now_s.saturating_sub(e.seen) < FORGET_S);
        }
    }

    /// What has come since the last call.
    pub fn deliver(&mut self, source: SourceId, now: Timestamp) -> Option<Batch> {
        self.forget(u32::try_from(now.millis() / 1000).unwrap_or(0));
        let hosts = self.nodes.deliver(now);
        if self.cells.pending() == 0 && hosts.is_empty() {
            return None;
        }
        let mut batch = Batch::new(source, now);
        batch.hosts = hosts;
        for (metric, values) in self.cells.drain() {
            let roster = Arc::clone(self.directory.roster());
            let interval_ms = self.cells.interval_ms(metric);
            batch.series.push(SeriesReading { roster, metric, interval_ms, values });
        }
        Some(batch)
    }
}

const fn blank(family: FamilyId, seen: u32) -> Entry {
    Entry { member: NOBODY, family, slices: 0, whole: 7, work: 0, seen }
}

fn is_of_gpu(family: FamilyId) -> bool {
    family.get().field as usize <= Field::GPU
}

/// The job of Prometheus that scraped a series.
fn scrape_job<'a>(labels: &[Label<'a>]) -> &'a [u8] {
    labels.iter().find(|l| l.name == b"job").map_or(b"", |l| l.raw)
}

const fn memory_part(field: Field) -> Option<usize> {
    match field {
        Field::MemUsed => Some(0),
        Field::MemFree => Some(1),
        Field::MemReserved => Some(2),
        Field::MemTotal => Some(3),
        _ => None,
    }
}

/// Memory in all, MiB, as said or as the sum of its parts; 0 when unknown.
fn total([used, free, reserved, total]: &Memory) -> u32 {
    let sum = used + free + if reserved.is_nan() { 0.0 } else { *reserved };
    let known = if total.is_nan() { sum } else { *total };
    if known.is_finite() { known.round() as u32 } else { 0 }
}

#[cfg(test)]
mod tests;
