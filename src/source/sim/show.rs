//! Columns of the simulator that seldom change: job, tenant, memory and clock events of a run;
//! XID, health, fabric and recovery of all GPUs.

use crate::model::Health;
use crate::source::sim::Sim;
use crate::source::sim::noise::{hash, unit};

impl Sim {
    /// Writes the columns that seldom change for run `i`.
    pub(super) fn show_seldom(&mut self, i: usize) {
        let run = &self.work.runs[i];
        let Some(shown) = self.shown[i] else { return };
        let total = self.chips[self.topology.racks()[run.rack].model].memory_mib / 16.0;
        let tenant = if shown.slot == 0 { 0 } else { self.work.areas[run.area].tenant };
        let held = &self.gpus.held.bits[run.gpus.clone()];
        for (events, held) in self.sheet.events[run.gpus.clone()].iter_mut().zip(held) {
            *events = shown.events | held;
        }
        self.sheet.job[run.gpus.clone()].fill(shown.slot);
        self.sheet.tenant[run.gpus.clone()].fill(tenant);
        for g in run.gpus.clone() {
            let own = unit(hash(self.seed, 0x3E3, g as u64)) - 0.5;
            let used = if shown.memory > 0.0 { total * (shown.memory + 0.03 * own) } else { 0.5 + own };
            self.sheet.mem_used[g] = (used.max(0.0) + 0.5).min(65_534.0) as u16;
        }
    }

    /// Writes XID, health, fabric and recovery of all GPUs anew.
    pub(super) fn show_health(&mut self, tick: u64) {
        self.sheet.xid.fill(0);
        self.sheet.recovery.fill(0);
        for rack in self.topology.racks() {
            let linked = self.topology.rack_models()[rack.model].switch_trays > 0;
            self.sheet.fabric[rack.gpus.range()].fill(u8::from(linked));
        }
        for area in &self.work.areas {
            let trays = &self.topology.trays()[area.trays.clone()];
            let (Some(first), Some(last)) = (trays.first(), trays.last()) else { continue };
            let health = if area.out() { Health::Maintenance } else { Health::Ok };
            self.sheet.health[first.gpus.range().start..last.gpus.range().end].fill(health as u8);
        }
        for (r, rack) in self.topology.racks().iter().enumerate() {
            let brake = self.plant.power.racks[r].brake;
            if !brake && !self.racks[r].held {
                continue;
            }
            for g in rack.gpus.range().filter(|g| brake || self.gpus.held.bits[*g] != 0) {
                self.sheet.health[g] = Health::Degraded as u8;
            }
        }
        self.show_marks();
        for (g, shows) in self.incidents.shows(tick, &self.topology) {
            if shows.xid != 0 {
                self.sheet.xid[g] = shows.xid;
            }
            self.sheet.health[g] = self.sheet.health[g].max(shows.health);
            self.sheet.fabric[g] = self.sheet.fabric[g].max(shows.fabric);
            self.sheet.recovery[g] = self.sheet.recovery[g].max(shows.recovery);
        }
        for (health, fabric) in self.sheet.health.iter().zip(&mut self.sheet.fabric) {
            if *health == Health::Lost as u8 {
                *fabric = u8::MAX;
            }
        }
    }
}
