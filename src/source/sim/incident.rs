//! What has happened to single GPUs and trays beside the fault process: by scenarios, by
//! protection, by the loss of power.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::xid::{self, Class};
use crate::model::{Health, Topology};

/// Seconds in which a tray boots and its driver loads.
pub const BOOT_S: u64 = 300;
/// Seconds until the driver asks for a recovery action after a fatal link error.
const RECOVERY_AFTER_S: u64 = 5;
/// XIDs: fell off the bus, NVLink network error, recovery action changed.
const OFF_THE_BUS: u16 = 79;
const LINK: u16 = 149;
const RECOVERY: u16 = 154;

/// A GPU that is gone.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gone {
    /// XID to show; 0 = none.
    xid: u16,
    /// First tick at which it is back; `None` = not before someone brings it back.
    back: Option<u64>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    gone: BTreeMap<usize, Gone>,
    /// Last XID, by GPU.
    marks: BTreeMap<usize, u16>,
    /// GPUs that answer and cannot work.
    sick: BTreeSet<usize>,
    /// Racks whose NVLink fabric is broken, and since when.
    fabric: BTreeMap<usize, u64>,
    /// Trays whose exporters do not answer.
    pub silent: BTreeSet<u32>,
    /// Core temperatures of GPUs that do something else than their run, °C.
    temps: BTreeMap<usize, f32>,
    changed: bool,
}

/// What shows of a GPU: XID, health, fabric, recovery action; zeros show nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shows {
    /// XID.
    pub xid: u16,
    /// Health class.
    pub health: u8,
    /// Fabric health (DCGM 175).
    pub fabric: u8,
    /// Recovery action (DCGM 1523).
    pub recovery: u8,
}

impl Incidents {
    /// True once after something changed that shows in XID, health, fabric or recovery.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Marks that something changed.
    pub const fn touch(&mut self) {
        self.changed = true;
    }

    /// GPU `g` is gone from now on, until `back`.
    pub fn lose(&mut self, g: usize, off_the_bus: bool, back: Option<u64>) {
        let xid = if off_the_bus { OFF_THE_BUS } else { 0 };
        self.gone.entry(g).and_modify(|gone| gone.back = back).or_insert(Gone { xid, back });
        self.changed = true;
    }

    /// GPU `g` is back from `tick` on, with a freshly loaded driver.
    pub fn back(&mut self, g: usize, tick: u64) {
        if let Some(gone) = self.gone.get_mut(&g) {
            gone.back = Some(tick);
        }
        self.sick.remove(&g);
        self.marks.remove(&g);
        self.changed = true;
    }

    /// GPU `g` reports `code`. True when its job cannot go on.
    pub fn report(&mut self, g: usize, code: u16) -> bool {
        self.marks.insert(g, code);
        self.changed = true;
        let fatal = xid::class(code) == Class::Fatal;
        if fatal {
            self.sick.insert(g);
        }
        fatal
    }

    /// The fabric of rack `rack` breaks at `tick`.
    pub fn break_fabric(&mut self, rack: usize, tick: u64) {
        self.fabric.entry(rack).or_insert(tick);
        self.changed = true;
    }

    /// The fabric of a rack with GPUs `gpus` works again.
    pub fn mend_fabric(&mut self, rack: usize, gpus: std::ops::Range<usize>) {
        self.fabric.remove(&rack);
        for g in gpus {
            if self.marks.get(&g).is_some_and(|m| [LINK, RECOVERY].contains(m)) {
                self.marks.remove(&g);
            }
        }
        self.changed = true;
    }

    /// Moves to `tick`: answers the GPUs that are back.
    pub fn advance(&mut self, tick: u64, topology: &Topology) -> Vec<usize> {
        let back: Vec<usize> =
            self.gone.iter().filter(|(_, g)| g.back.is_some_and(|b| b <= tick)).map(|(g, _)| *g).collect();
        for g in &back {
            self.gone.remove(g);
            self.marks.remove(g);
            self.temps.remove(g);
        }
        let due = |since: &u64| tick == since + 1 || tick == since + RECOVERY_AFTER_S;
        for (rack, since) in self.fabric.iter().filter(|(_, s)| due(s)) {
            let code = if tick == since + 1 { LINK } else { RECOVERY };
            for g in topology.racks()[*rack].gpus.range() {
                self.marks.insert(g, code);
            }
            self.changed = true;
        }
        self.changed |= !back.is_empty();
        back
    }

    /// True when GPU `g` is gone.
    #[must_use]
    pub fn is_gone(&self, g: usize) -> bool {
        self.gone.contains_key(&g)
    }

    /// GPUs that do something else than their run: gone (true), or resting (false).
    pub fn singles(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        let gone = self.gone.keys().map(|g| (*g, true));
        gone.chain(self.sick.iter().filter(|g| !self.gone.contains_key(g)).map(|g| (*g, false)))
    }

    /// Temperature of a GPU in the tick before, °C.
    #[must_use]
    pub fn temp(&self, g: usize) -> Option<f32> {
        self.temps.get(&g).copied()
    }

    /// Keeps the temperature of GPU `g`, °C.
    pub fn keep_temp(&mut self, g: usize, celsius: f32) {
        self.temps.insert(g, celsius);
    }

    /// Forgets the temperature of GPU `g`: it does what its run does again.
    pub fn forget_temp(&mut self, g: usize) {
        self.temps.remove(&g);
    }

    /// Everything that shows, by GPU.
    #[must_use]
    pub fn shows(&self, tick: u64, topology: &Topology) -> BTreeMap<usize, Shows> {
        let mut all: BTreeMap<usize, Shows> = BTreeMap::new();
        for (rack, since) in self.fabric.iter().filter(|(_, s)| tick > **s) {
            for g in topology.racks()[*rack].gpus.range() {
                let s = all.entry(g).or_default();
                // Some links still run on the other switch trays: limited on half of the GPUs.
                s.fabric = if g % 2 == 0 { 2 } else { 3 };
                s.health = Health::Unhealthy as u8;
                s.recovery = if tick >= since + RECOVERY_AFTER_S { 4 } else { 0 };
            }
        }
        for (g, code) in &self.marks {
            let s = all.entry(*g).or_default();
            s.xid = *code;
            s.health = s.health.max(match xid::class(*code) {
                Class::Fatal => Health::Unhealthy as u8,
                Class::Degraded => Health::Degraded as u8,
                Class::Info | Class::Application => 0,
            });
        }
        for (g, gone) in &self.gone {
            let s = all.entry(*g).or_default();
            if gone.xid != 0 {
                s.xid = gone.xid;
            }
            s.health = Health::Lost as u8;
            s.recovery = if gone.xid == OFF_THE_BUS { 2 } else { s.recovery };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_gpu_is_shown_until_its_tray_has_booted() {
        let t = Topology::default_site();
        let mut i = Incidents::default();
        i.lose(5, true, Some(310));
        assert!(i.take_changed() && !i.take_changed());
        let shows = i.shows(10, &t)[&5];
        assert_eq!((shows.xid, shows.health, shows.recovery), (79, Health::Lost as u8, 2));
        assert!(i.advance(309, &t).is_empty() && i.is_gone(5));
        assert_eq!(i.advance(310, &t), [5]);
        assert!(!i.is_gone(5) && i.shows(310, &t).is_empty(), "the driver was loaded anew");
    }

    #[test]
    fn a_broken_fabric_says_149_and_then_154() {
        let t = Topology::default_site();
        let mut i = Incidents::default();
        i.break_fabric(2, 100);
        let g = t.racks()[2].gpus.range().start;
        i.advance(101, &t);
        assert_eq!((i.shows(101, &t)[&g].xid, i.shows(101, &t)[&g].recovery), (149, 0));
        for tick in 102..=105 {
            i.advance(tick, &t);
        }
        let shows = i.shows(105, &t);
        assert_eq!((shows[&g].xid, shows[&g].recovery, shows.len()), (154, 4, 72));
        assert!([2, 3].contains(&shows[&g].fabric));
        i.mend_fabric(2, t.racks()[2].gpus.range());
        assert!(i.shows(106, &t).is_empty());
    }

    #[test]
    fn fatal_codes_take_the_gpu_out_of_its_job_and_others_do_not() {
        let t = Topology::default_site();
        let mut i = Incidents::default();
        assert!(i.report(1, 48) && !i.report(2, 31));
        assert_eq!(i.singles().collect::<Vec<_>>(), [(1, false)]);
        assert_eq!(i.shows(0, &t)[&2].health, 0);
        i.lose(1, true, None);
        assert_eq!(i.singles().collect::<Vec<_>>(), [(1, true)], "gone goes before sick");
        i.back(1, 50);
        i.advance(50, &t);
        assert_eq!(i.singles().count(), 0);
    }
}
