//! What is wrong when a simulation starts: the site has been running, so it has its stragglers, a
//! few lost GPUs, and XIDs that nobody has cleared yet. A hot rack and a rack that falls silent
//! are there to be seen: no published rate stands behind them.

use std::ops::Range;

use crate::model::{GpuId, Topology};
use crate::source::sim::fault::arrivals::Busy;
use crate::source::sim::fault::course::{self, Act, Step};
use crate::source::sim::fault::log::RELOAD_S;
use crate::source::sim::fault::play::{Course, Item};
use crate::source::sim::fault::table::{Kind, Only, Place, TABLE};
use crate::source::sim::fault::{Changes, Fault, Faults, Mark, Trouble};

/// One GPU in this many runs slow for good.
const STRAGGLER_PER: usize = 2000;
/// How long the hot rack stays hot, s.
const HOT_S: u64 = 1500;

impl Faults {
    pub(super) fn begin(&mut self, topology: &Topology, work: &impl Busy) {
        let gpus = topology.gpu_count();
        if gpus == 0 {
            return;
        }
        for _ in 0..gpus / STRAGGLER_PER {
            let gpu = self.rng.below(gpus as u64) as usize;
            let share = self.rng.between(0.70, 0.95);
            self.put_now(Trouble::Slow(gpu, share));
        }
        let hot = self.busy_rack(topology, work);
        self.put_now(Trouble::Hot(hot));
        self.queue.push(HOT_S, Item::End(Trouble::Hot(hot)));
        let mut lost = Vec::new();
        for _ in 0..(1 + gpus / 40_000) {
            lost.push(self.earlier((course::FELL_OFF, 3), hot, (topology, work)));
        }
        let others = [(course::CONTAINED, 4), (course::GSP_119, 4), (course::REMAP, 2)];
        for course in others.into_iter().take(gpus / 4000) {
            self.earlier(course, hot, (topology, work));
        }
        self.old_xids(topology, work);
        let silent = self.quiet_trays(topology, hot, &lost);
        let from = self.rng.whole(40, 60);
        let until = from + self.rng.whole(240, 420);
        self.queue.push(from, Item::Begin(Trouble::Silent(silent.clone())));
        self.queue.push(until, Item::End(Trouble::Silent(silent)));
    }

    fn put_now(&mut self, trouble: Trouble) {
        self.active.push(Fault { trouble, from: 0 });
    }

    /// A course that began before the start and has come to step `at`, which is due in 15 to 40
    /// minutes, on a GPU outside of rack `apart` where possible. Answers with the tray.
    fn earlier(
        &mut self,
        (steps, at): (&'static [Step], usize),
        apart: usize,
        (topology, work): (&Topology, &impl Busy),
    ) -> Option<usize> {
        let mut found = None;
        for _ in 0..50 {
            found = self.arrivals.place(Place::Hardware, topology, work, &self.held);
            if found.is_some_and(|g| topology.rack_of(GpuId(g)).index() != apart) {
                break;
            }
        }
        let gpu = found? as usize;
        let tray = topology.tray_of(GpuId::new(gpu));
        let mut changes = Changes::default();
        for step in &steps[..at] {
            self.act(step.act, gpu, (tray, 0), (topology, &mut changes));
        }
        self.held[tray.index()] = true;
        let due = self.rng.whole(900, 2400);
        self.queue.push(due, Item::Course(Course { steps, next: at, gpu, condemned: false }));
        Some(tray.index())
    }

    /// XIDs of applications of the last day, on trays whose driver has not been loaded anew since.
    fn old_xids(&mut self, topology: &Topology, work: &impl Busy) {
        for kind in [Kind::PageFault, Kind::AppError] {
            let row = &TABLE[kind as usize];
            let a_day = row.per_gpu_hour() * topology.gpu_count() as f64 * RELOAD_S as f64 / 3600.0;
            for _ in 0..a_day as u64 {
                let ago = self.rng.below(RELOAD_S);
                let Some(gpu) = self.arrivals.place(row.place, topology, work, &self.held) else { continue };
                let tray = topology.tray_of(GpuId(gpu)).index();
                let mode = self.arrivals.mode(row, Only::Any);
                // The next reload is the phase of the tray away, so the last one was a day before.
                if ago < RELOAD_S - self.log.phase(tray)
                    && let Some(Step { act: Act::Xid(code), .. }) = mode.and_then(|m| m.steps.first())
                {
                    self.marks.insert(gpu as usize, Mark { xid: *code, ..Mark::NONE });
                    self.await_reload(tray, 0);
                }
            }
        }
    }

    /// A rack of a running training job, if there is one.
    fn busy_rack(&mut self, topology: &Topology, work: &impl Busy) -> usize {
        let racks = topology.racks();
        let mut rack = 0;
        for _ in 0..200 {
            rack = self.rng.below(racks.len() as u64) as usize;
            let trays = racks[rack].trays.range();
            if !trays.is_empty() && work.trains(trays.start) && work.trains(trays.end - 1) {
                break;
            }
        }
        rack
    }

    /// Neighbouring trays of one rack, all of them on a large site, outside of rack `apart` and
    /// without the trays `lost`, where there is room for all.
    fn quiet_trays(&mut self, topology: &Topology, apart: usize, lost: &[Option<usize>]) -> Range<usize> {
        let mut trays = self.some_trays(topology, apart);
        for _ in 0..50 {
            if !lost.iter().flatten().any(|tray| trays.contains(tray)) {
                break;
            }
            trays = self.some_trays(topology, apart);
        }
        trays
    }

    fn some_trays(&mut self, topology: &Topology, apart: usize) -> Range<usize> {
        let racks = topology.racks();
        let mut rack = self.rng.below(racks.len() as u64) as usize;
        if rack == apart {
            rack = (rack + 1) % racks.len();
        }
        let trays = racks[rack].trays.range();
        if racks.len() > 100 {
            return trays;
        }
        let count = trays.len().div_ceil(4);
        let start = trays.start + self.rng.below((trays.len() - count + 1) as u64) as usize;
        start..start + count
    }
}
