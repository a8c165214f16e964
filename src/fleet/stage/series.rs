//! Values of single metrics by series: who the members of a roster are is found out once, then a
//! value costs a look into a table.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fleet::origin::Mark;
use crate::fleet::stage::Stage;
use crate::model::batch::{GpuFacts, GpuReading, HostFacts, Roster, SeriesReading, SourceId};
use crate::model::topology::plan::MAX_GPUS_PER_HOST;
use crate::model::{GpuId, Health, Metric, Quality, Timestamp};

/// Metrics from which the health of a GPU follows.
const TELLING: [Metric; 3] = [Metric::Xid, Metric::ClockEvents, Metric::Margin];
/// Metrics of which any says that the GPU is there.
const LIVELY: [Metric; 4] = [Metric::Util, Metric::Power, Metric::Temp, Metric::SmClock];

/// Where the members of all rosters are, and readings that wait for a place for some of them.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    of: HashMap<SourceId, Binding>,
    /// The newest reading of each source and metric that had members without a place.
    waiting: HashMap<(SourceId, usize), SeriesReading>,
}

/// The members of the roster of one source.
#[derive(Debug, Default)]
struct Binding {
    roster: Arc<Roster>,
    /// Growth of the topology that `gpus` is about.
    generation: u32,
    gpus: Vec<Option<GpuId>>,
    facts: Vec<Arc<GpuFacts>>,
    all_placed: bool,
}

impl Stage {
    /// Takes in a reading. Members whose host has no place yet get one at the next commit, and
    /// their values then.
    pub(super) fn apply_series(&mut self, source: SourceId, reading: &SeriesReading) {
        self.ledger.polls(source, reading.metric, reading.interval_ms);
        let mut binding = self.bindings.of.remove(&source).unwrap_or_default();
        let all_placed = self.bind(&mut binding, &reading.roster);
        if !all_placed {
            self.bindings.waiting.insert((source, reading.metric.index()), reading.clone());
        }
        self.write_series(source, reading, &binding.gpus);
        self.bindings.of.insert(source, binding);
    }

    /// The values of members that had no place before: now the site has grown.
    pub(super) fn take_waiting_series(&mut self) {
        for ((source, _), reading) in std::mem::take(&mut self.bindings.waiting) {
            let mut binding = self.bindings.of.remove(&source).unwrap_or_default();
            self.bind(&mut binding, &reading.roster);
            self.write_series(source, &reading, &binding.gpus);
            self.bindings.of.insert(source, binding);
        }
    }

    /// Brings `binding` up to date with `roster`; false when a member has no place yet.
    fn bind(&mut self, binding: &mut Binding, roster: &Arc<Roster>) -> bool {
        let generation = self.topology.generation();
        if binding.generation != generation {
            binding.gpus.clear();
            binding.generation = generation;
        }
        let known = binding.gpus.len();
        if known == roster.members.len() && Arc::ptr_eq(&binding.roster, roster) {
            return binding.all_placed;
        }
        let mut all_placed = true;
        for (i, member) in roster.members.iter().enumerate() {
            let gpu = match binding.gpus.get(i).copied().flatten() {
                Some(gpu) => Some(gpu),
                None => self.find_member(member.index, &member.host),
            };
            match binding.gpus.get_mut(i) {
                Some(slot) => *slot = gpu,
                None => binding.gpus.push(gpu),
            }
            let Some(gpu) = gpu else {
                all_placed &= member.index >= MAX_GPUS_PER_HOST;
                continue;
            };
            let told = binding.facts.get(i).is_some_and(|f| Arc::ptr_eq(f, &member.facts));
            if !told || i >= known {
                self.hosts.reports(self.topology.tray_of(gpu), gpu.index(), &member.host);
                self.learn(gpu, &member.facts);
            }
        }
        binding.facts = roster.members.iter().map(|m| Arc::clone(&m.facts)).collect();
        binding.roster = Arc::clone(roster);
        binding.all_placed = all_placed;
        all_placed
    }

    /// The GPU at `index` of a host; where there is none, the host is put down for one.
    fn find_member(&mut self, index: u16, host: &Arc<HostFacts>) -> Option<GpuId> {
        if index >= MAX_GPUS_PER_HOST {
            return None;
        }
        let span = self.hosts.tray_of(host).map(|tray| self.topology.tray(tray).gpus);
        let gpu = span.filter(|s| usize::from(index) < s.len()).map(|s| GpuId(s.start + u32::from(index)));
        if gpu.is_none() {
            self.hosts.expect(host, index + 1);
        }
        gpu
    }

    fn write_series(&mut self, source: SourceId, reading: &SeriesReading, gpus: &[Option<GpuId>]) {
        let (metric, len) = (reading.metric, self.topology.gpu_count());
        for value in &reading.values {
            let Some(gpu) = gpus.get(value.member as usize).copied().flatten() else { continue };
            let i = gpu.index();
            let by = Mark::new(source, value.time);
            if !self.ledger.claim(metric, i, by, len) {
                continue;
            }
            let ended = value.value.is_nan();
            let raw = if ended { metric.none_raw() } else { metric.encode(value.value) };
            self.columns[metric.index()].set_raw(i, raw);
            let gone = ended && !self.is_lively(i);
            let changed = self.hosts.is_gone(i) != gone || self.quality[i] != Quality::Good as u8;
            self.hosts.set_gone(i, gone);
            let judged = self.judge(i, metric, by);
            let clock = &mut self.clocks[self.topology.tray_of(gpu).index()];
            if !ended {
                clock.saw(value.time.millis(), reading.interval_ms);
            }
            if changed || judged {
                clock.touch();
            }
        }
    }

    /// The health of a GPU from what its columns say, where `metric` may have changed it; true when
    /// it did.
    fn judge(&mut self, gpu: usize, metric: Metric, by: Mark) -> bool {
        let old = self.columns[Metric::Health.index()].raw(gpu);
        // A GPU that was lost is judged anew by whatever it says.
        let settled = old != Metric::Health.none_raw() && old != Health::Lost as u16;
        if settled && !TELLING.contains(&metric) {
            return false;
        }
        let mut reading = GpuReading::new(0);
        for metric in TELLING {
            if let Some(value) = metric.decode(self.columns[metric.index()].raw(gpu)) {
                reading.set(metric, value);
            }
        }
        let health = self.xids.judge(gpu, &reading) as u16;
        let wins = self.ledger.claim(Metric::Health, gpu, by, self.topology.gpu_count());
        if wins {
            self.columns[Metric::Health.index()].set_raw(gpu, health);
        }
        wins && health != old
    }

    /// True when a GPU says anything that a living one says.
    fn is_lively(&self, gpu: usize) -> bool {
        LIVELY.into_iter().any(|m| self.columns[m.index()].raw(gpu) != m.none_raw())
    }

    /// Takes away values that were not renewed for three intervals while their tray goes on
    /// answering with others: a tray that is silent as a whole ages by its clock instead.
    pub(super) fn expire(&mut self, now: Timestamp) {
        for metric in Metric::ALL {
            if matches!(metric, Metric::Xid | Metric::Job | Metric::Tenant | Metric::Age | Metric::Health) {
                continue;
            }
            let (columns, clocks, topology) = (&self.columns, &self.clocks, &self.topology);
            let counts = |i: usize| {
                columns[metric.index()].raw(i) != metric.none_raw()
                    && clocks[topology.tray_of(GpuId(i as u32)).index()].quality_at(now.millis())
                        == Quality::Good
            };
            for gpu in self.ledger.stale(metric, now, counts) {
                self.columns[metric.index()].set_raw(gpu, metric.none_raw());
                if !self.is_lively(gpu) {
                    self.hosts.set_gone(gpu, true);
                }
                self.clocks[self.topology.tray_of(GpuId(gpu as u32)).index()].touch();
            }
        }
    }
}

#[cfg(test)]
mod tests;
