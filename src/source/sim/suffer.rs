//! How the fault process changes the simulated site in each tick.

use crate::model::GpuId;
use crate::source::sim::Sim;
use crate::source::sim::fault::{self, Fault, Trouble};

impl Sim {
    /// Lets the fault process do its work.
    pub(super) fn suffer(&mut self, tick: u64) {
        let changes = self.faults.advance(tick, &self.topology, &self.work);
        for gpu in &changes.struck {
            let tray = self.topology.tray_of(GpuId::new(*gpu));
            self.work.interrupt(tray.index(), tick);
        }
        for g in &changes.freed {
            self.shown[self.work.run_of(*g)] = None;
            self.incidents.forget_temp(*g);
            self.gpus.held.cap(*g, 1.0, 1.0);
            if let Some(by) = self.hotter.remove(g) {
                self.gpus.worsen(*g, 1.0 / by);
            }
        }
        // What begins, and what goes on on a GPU that another fault has let go.
        let fresh =
            |f: &&Fault| f.from == tick || f.trouble.gpu().is_some_and(|g| changes.freed.contains(&g));
        for fault in self.faults.now(tick).filter(fresh) {
            match fault.trouble {
                Trouble::Slow(g, share) => self.gpus.held.cap(g, 0.4 + 0.6 * share, share),
                Trouble::Hotter(g, kelvin) if !self.hotter.contains_key(&g) => {
                    let by = self.gpus.hotter_by(kelvin);
                    self.hotter.insert(g, by);
                    self.gpus.worsen(g, by);
                }
                _ => {}
            }
        }
        self.fail_shelves();
        self.stale |= changes.shown;
        for g in self.incidents.advance(tick, &self.topology) {
            self.shown[self.work.run_of(g)] = None;
            self.gpus.held.reset(g);
        }
        let now: Vec<(usize, f32)> = self.faults.choked(tick).collect();
        for (rack, share) in now.iter().filter(|(r, _)| !self.choked.contains(r)) {
            let seconds = if tick == 0 { 1 } else { fault::CHOKE_S as u32 };
            self.plant.choke(*rack, Some((fault::CHOKED * share.max(1.0), seconds)));
        }
        let over = self.choked.iter().filter(|r| !now.iter().any(|(n, _)| n == *r));
        for rack in over {
            self.plant.choke(*rack, None);
        }
        self.choked = now.into_iter().map(|(r, _)| r).collect();
    }

    fn fail_shelves(&mut self) {
        let now = self.faults.shelves();
        if now != self.shelves {
            for (rack, _) in &self.shelves {
                self.plant.power.racks[*rack].worn = 0;
            }
            for (rack, count) in &now {
                self.plant.power.racks[*rack].worn = u16::from(*count);
            }
            self.shelves = now;
        }
    }
}
