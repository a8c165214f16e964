//! What the fault process does to the simulated site: its troubles as jobs that come down, GPUs that
//! are held back, racks short of coolant or shelves, and worn thermal interfaces.

use crate::model::{GpuId, Health};
use crate::source::sim::Sim;
use crate::source::sim::fault::{CHOKE_S, CHOKED, Changes, Trouble};

/// What has been done already, so that only changes are passed on.
#[derive(Clone, Debug, Default)]
pub(super) struct Suffered {
    /// Racks that are kept from their coolant.
    choked: Vec<usize>,
    /// Racks with failed power shelves, and how many.
    shelves: Vec<(usize, u8)>,
    /// GPUs with a worn thermal interface, and how many times as bad it is.
    worn: Vec<(usize, f32)>,
}

impl Sim {
    /// Lets the fault process do its work.
    pub(super) fn suffer(&mut self, tick: u64) {
        let changes = self.faults.advance(tick, &self.topology, &self.work);
        for gpu in &changes.struck {
            let tray = self.topology.tray_of(GpuId::new(*gpu));
            self.work.interrupt(tray.index(), tick);
        }
        self.hold_back(tick, &changes);
        self.stale |= changes.shown;
        for g in self.incidents.advance(tick, &self.topology) {
            self.shown[self.work.run_of(g)] = None;
            self.gpus.held.reset(g);
        }
        self.choke_racks(tick);
        self.fail_shelves();
        self.wear(tick);
    }

    /// GPUs that are back do what their run does; slow ones stay slow.
    fn hold_back(&mut self, tick: u64, changes: &Changes) {
        for g in &changes.freed {
            self.shown[self.work.run_of(*g)] = None;
            self.incidents.forget_temp(*g);
        }
        for fault in self.faults.now(tick).filter(|f| f.from == tick) {
            if let Trouble::Slow(g, share) = fault.trouble {
                self.gpus.held.cap(g, 0.4 + 0.6 * share, share);
            }
        }
    }

    fn choke_racks(&mut self, tick: u64) {
        let now: Vec<(usize, f32)> = self.faults.choked(tick).collect();
        let before = std::mem::take(&mut self.suffered.choked);
        for (rack, share) in now.iter().filter(|(r, _)| !before.contains(r)) {
            let seconds = if tick == 0 { 1 } else { CHOKE_S as u32 };
            self.plant.choke(*rack, Some((CHOKED * share.max(1.0), seconds)));
        }
        for rack in before.into_iter().filter(|r| !now.iter().any(|(n, _)| n == r)) {
            self.plant.choke(rack, None);
        }
        self.suffered.choked = now.into_iter().map(|(r, _)| r).collect();
    }

    fn fail_shelves(&mut self) {
        let now = self.faults.shelves();
        if now == self.suffered.shelves {
            return;
        }
        let racks = &mut self.plant.power.racks;
        let before = std::mem::take(&mut self.suffered.shelves);
        for (rack, _) in before.iter().filter(|(b, _)| !now.iter().any(|(n, _)| n == b)) {
            racks[*rack].worn = 0;
        }
        for (rack, count) in &now {
            racks[*rack].worn = u16::from(*count);
        }
        self.suffered.shelves = now;
    }

    fn wear(&mut self, tick: u64) {
        let now: Vec<(usize, f32)> = self
            .faults
            .now(tick)
            .filter_map(|f| match f.trouble {
                Trouble::Hotter(g, kelvin) => Some((g, kelvin)),
                _ => None,
            })
            .collect();
        let before = std::mem::take(&mut self.suffered.worn);
        for (g, by) in before {
            if now.iter().any(|(n, _)| *n == g) {
                self.suffered.worn.push((g, by));
            } else {
                self.gpus.worsen(g, 1.0 / by);
            }
        }
        for (g, kelvin) in now {
            if !self.suffered.worn.iter().any(|(n, _)| *n == g) {
                let rack = self.topology.rack_of(GpuId::new(g)).index();
                let chip = &self.chips[self.topology.racks()[rack].model];
                let by = 1.0 + kelvin / (chip.resistance * chip.full_w).max(1.0);
                self.gpus.worsen(g, by);
                self.suffered.worn.push((g, by));
            }
        }
    }

    /// Writes what driver and inventory say of single GPUs, over what is usual.
    pub(super) fn show_marks(&mut self) {
        for (g, mark) in self.faults.marks() {
            self.sheet.xid[g] = mark.xid;
            self.sheet.recovery[g] = mark.recovery;
            self.sheet.health[g] = self.sheet.health[g].max(mark.health as u8);
            if mark.health == Health::Lost {
                self.sheet.fabric[g] = u8::MAX;
            } else if mark.unlinked && self.sheet.fabric[g] > 0 {
                self.sheet.fabric[g] = 2;
            }
        }
    }
}
