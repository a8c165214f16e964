//! How effects change the simulated site.

use crate::model::{GpuId, RackId};
use crate::source::sim::Sim;
use crate::source::sim::effect::Effect;
use crate::source::sim::power::RackPower;
use crate::source::sim::workload::Area;

impl Sim {
    /// Applies `effect`: it shows from the next tick on.
    pub fn apply(&mut self, effect: &Effect) {
        let tick = self.tick;
        let plant = &mut self.plant;
        match effect {
            Effect::PumpTrip(c) => plant.water.fail_pump(c.index()),
            Effect::CduTrip(c) => plant.water.trip(c.index()),
            Effect::CduRestore(c) => plant.water.restore(c.index()),
            Effect::Setpoint(hall, by, seconds) => plant.water.drift(hall.index(), *by, *seconds),
            Effect::ValveStuck(rack, percent, seconds) => {
                let shortage = 1.0 - percent.clamp(0.0, 100.0) / 100.0;
                plant.choke(rack.index(), Some((shortage, *seconds)));
            }
            Effect::ValveFree(rack) => plant.choke(rack.index(), None),
            Effect::LeakAt(tray, leak) => plant.leak(&self.topology, *tray, *leak),
            Effect::LeakSensorFault(rack, broken) => plant.blind(rack.index(), *broken),
            Effect::LiquidIsolation(rack, off) => {
                if let Some(l) = &mut plant.liquids[rack.index()] {
                    l.isolated = *off;
                }
            }
            Effect::PowerIsolation(rack, off) => plant.power.racks[rack.index()].isolated = *off,
            Effect::ShelvesFailed(rack, n) => plant.power.racks[rack.index()].fail_shelves(u16::from(*n)),
            Effect::BuswayTrip(row, side) => plant.power.switch(row.index(), *side, false),
            Effect::BuswayRestore(row, side) => plant.power.switch(row.index(), *side, true),
            Effect::FeedTrip(side) => plant.grid.switch(*side, false),
            Effect::FeedRestore(side) => plant.grid.switch(*side, true),
            Effect::FrequencyDip(hz, fall, recover) => plant.grid.dip(*hz, *fall, *recover),
            Effect::VoltageDip(percent, ms) => {
                let shock = plant.grid.sag(*percent, *ms);
                plant.power.racks.iter_mut().filter(|_| shock).for_each(RackPower::shock);
            }
            Effect::LoadTarget(mw) => plant.grid.ask(Some(*mw)),
            Effect::LoadTargetEnds => plant.grid.ask(None),
            Effect::SwitchFail(rack) => self.fail_switch(*rack, tick),
            Effect::SwitchRestore(rack) => self.restore_switch(*rack),
            _ => self.apply_to_gpus(effect, tick),
        }
    }

    fn apply_to_gpus(&mut self, effect: &Effect, tick: u64) {
        match effect {
            Effect::GpuLost(gpu) => {
                self.incidents.lose(gpu.index(), true, None);
                self.work.interrupt(self.topology.tray_of(*gpu).index(), tick);
            }
            Effect::GpuBack(gpu) => self.incidents.back(gpu.index(), tick),
            Effect::Xid(gpu, code) => {
                let fatal = self.incidents.report(gpu.index(), *code);
                let tray = self.topology.tray_of(*gpu).index();
                fatal.then(|| self.work.interrupt(tray, tick));
            }
            Effect::FirmwareCap(tray, clock, power) => {
                for g in self.topology.tray(*tray).gpus.range() {
                    self.gpus.held.cap(g, *power, *clock);
                }
            }
            Effect::Silent(trays, silent) => {
                for tray in trays {
                    if *silent {
                        self.incidents.silent.insert(tray.0);
                    } else {
                        self.incidents.silent.remove(&tray.0);
                    }
                }
            }
            Effect::Straggler(gpu, share) => {
                self.gpus.held.cap(gpu.index(), 0.4 + 0.6 * share, *share);
                self.area_of(*gpu).slowest = share.clamp(0.1, 1.0);
            }
            Effect::Smoothing(gpu, on) => self.area_of(*gpu).smooth = *on,
            Effect::Rhythm(gpu, step_ms, dip) => {
                let pace = &mut self.area_of(*gpu).pace;
                pace.step_ms = u64::from(*step_ms).max(50);
                pace.compute_ms = pace.step_ms / 2;
                pace.dip = dip.clamp(0.0, pace.level);
            }
            Effect::Drain(gpu) => self.work.drain(self.topology.tray_of(*gpu).index(), tick),
            _ => {}
        }
    }

    fn area_of(&mut self, gpu: GpuId) -> &mut Area {
        self.work.area_mut(self.topology.tray_of(gpu).index())
    }

    fn fail_switch(&mut self, rack: RackId, tick: u64) {
        *self.plant.switches_failed.entry(rack.index()).or_default() += 1;
        self.incidents.break_fabric(rack.index(), tick);
        for tray in self.topology.rack(rack).trays.range() {
            self.work.area_mut(tray).stall(tick);
        }
    }

    fn restore_switch(&mut self, rack: RackId) {
        self.plant.switches_failed.remove(&rack.index());
        self.incidents.mend_fabric(rack.index(), self.topology.rack(rack).gpus.range());
    }
}

#[cfg(test)]
mod tests;
