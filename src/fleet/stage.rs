//! The stage: where batches are gathered between two ticks. `commit` turns it into a frame.

mod handover;
mod health;
mod hosts;
mod ledger;
mod names;
mod plant;
mod series;
mod work;

use std::sync::Arc;

use crate::fleet::facility::Facility;
use crate::fleet::frame::{Frame, Parts};
use crate::fleet::inventory::Inventory;
use crate::fleet::jobs::Energy;
use crate::fleet::jobs::energy::Meter;
use crate::fleet::origin::{Mark, Origins};
use crate::fleet::staleness::{Change, TrayClock};
use crate::model::batch::DenseBatch;
use crate::model::metric::{COUNT, Metric};
use crate::model::topology::Moves;
use crate::model::topology::place::Placer;
use crate::model::{Batch, Column, Health, Quality, Timestamp, Topology, TrayId};

use handover::Handover;
use health::XidWatch;
use hosts::{Delivery, Hosts};
use ledger::Ledger;
use names::Names;
use plant::Plant;
use series::Bindings;
use work::Works;

/// Where things are once the site has grown: for each GPU and each tray of the present topology, its
/// index in the first one, and where the racks, CDUs, rows and halls of the first one are now.
#[derive(Debug)]
struct Moved {
    gpus: Vec<u32>,
    trays: Vec<u32>,
    plant: Moves,
}

/// The newest known values of everything, mutable, private to the core.
#[derive(Debug)]
pub struct Stage {
    topology: Arc<Topology>,
    /// The topology that sources were started with: ids in dense columns and facility readings are
    /// of this one.
    first: Arc<Topology>,
    /// Where everything of `first` is now; made once per growth, when a source needs it.
    from_first: Option<Moved>,
    columns: [Column; COUNT],
    quality: Arc<[u8]>,
    clocks: Vec<TrayClock>,
    /// Set when qualities must be made anew for every tray.
    dirty: bool,
    /// Set when whole columns were written: lost trays must be cleared in them again.
    dense_written: bool,
    facility: Facility,
    names: Names,
    plant: Plant,
    inventory: Arc<Inventory>,
    hosts: Hosts,
    ledger: Ledger,
    bindings: Bindings,
    works: Works,
    handover: Handover,
    xids: XidWatch,
    meter: Meter,
    seq: u64,
    /// The frame made last: columns that did not change keep their roll-ups.
    previous: Option<Frame>,
}

impl Stage {
    /// A stage on which nothing has been seen.
    #[must_use]
    pub fn new(topology: Arc<Topology>, placer: Placer) -> Self {
        let n = topology.gpu_count();
        Self {
            columns: Metric::ALL.map(|m| Column::absent(m, n)),
            quality: vec![Quality::Lost as u8; n].into(),
            clocks: vec![TrayClock::default(); topology.trays().len()],
            dirty: true,
            dense_written: false,
            facility: Facility::absent(&topology),
            names: Names::default(),
            plant: Plant::default(),
            inventory: Arc::default(),
            hosts: Hosts::new(placer, &topology),
            ledger: Ledger::default(),
            bindings: Bindings::default(),
            works: Works::default(),
            handover: Handover::default(),
            xids: XidWatch::new(n),
            meter: Meter::default(),
            seq: 0,
            previous: None,
            first: Arc::clone(&topology),
            from_first: None,
            topology,
        }
    }

    /// The site as it is known now.
    #[must_use]
    pub const fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Identities of GPUs and nodes.
    #[must_use]
    pub const fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }

    /// Where every value comes from.
    #[must_use]
    pub const fn origins(&self) -> &Origins {
        &self.ledger.origins
    }

    /// Takes in a batch of a source that polls every `interval_ms`.
    pub fn apply(&mut self, batch: &Batch, interval_ms: u32) {
        self.ledger.polls_all(batch.source, interval_ms);
        if let Some(dense) = &batch.dense {
            self.ledger.stands_in(batch.source);
            self.apply_dense(dense, batch, interval_ms);
        }
        for reading in &batch.hosts {
            let mark = Mark::new(batch.source, batch.time);
            self.apply_host(reading, Delivery { mark, time: batch.time, interval_ms });
        }
        for reading in &batch.series {
            self.apply_series(batch.source, reading);
        }
        if let Some(list) = &batch.work {
            self.apply_work(batch.source, list, batch.time);
        }
        self.apply_plant(batch);
        self.apply_points(batch);
    }

    fn apply_plant(&mut self, batch: &Batch) {
        if batch.facility.is_empty() {
            return;
        }
        self.find_moved();
        let moved = self.from_first.as_ref().map(|moved| Facility::moved(&batch.facility, &moved.plant));
        let readings = moved.as_deref().unwrap_or(&batch.facility);
        let by = Mark::new(batch.source, batch.time);
        for reading in readings {
            if self.ledger.claim_reading(reading, by, &self.topology) {
                self.facility.apply(std::slice::from_ref(reading));
            }
        }
    }

    fn find_moved(&mut self) {
        if self.topology.generation() > self.first.generation() && self.from_first.is_none() {
            self.from_first = Some(Moved {
                gpus: self.topology.remap_from(&self.first),
                trays: self.topology.trays_from(&self.first),
                plant: Moves::new(&self.first, &self.topology),
            });
        }
    }

    fn apply_dense(&mut self, dense: &DenseBatch, batch: &Batch, interval_ms: u32) {
        let by = Mark::new(batch.source, batch.time);
        if let Some(jobs) = &dense.jobs {
            self.names.set_dense(jobs);
        }
        self.find_moved();
        for (metric, column) in &dense.columns {
            if column.len() != self.first.gpu_count() {
                continue;
            }
            self.dirty |= *metric == Metric::Health && !self.columns[metric.index()].same(column);
            let column = self.widened(*metric, column);
            let old = &self.columns[metric.index()];
            self.columns[metric.index()] = self.ledger.claim_column(*metric, by, old, column);
        }
        // Once the site has grown, the trays of the dense source are found by name.
        let trays = self.from_first.as_ref().map(|moved| &moved.trays);
        let mut silent = vec![false; self.first.trays().len()];
        for t in &dense.silent {
            if let Some(s) = silent.get_mut(*t as usize) {
                *s = true;
            }
        }
        for (t, clock) in self.clocks.iter_mut().enumerate() {
            let old = trays.map_or(t, |map| map[t] as usize);
            // What is measured there tells how old it is; what is invented beside it does not.
            if silent.get(old) == Some(&false) && !self.hosts.is_measured(t) {
                clock.saw(batch.time.millis(), interval_ms);
            }
        }
        self.dense_written = true;
    }

    /// A dense column in the present topology, over what other sources wrote there.
    fn widened(&self, metric: Metric, column: &Column) -> Column {
        let Some(moved) = &self.from_first else { return column.clone() };
        let old = &self.columns[metric.index()];
        let raw = |(i, from): (usize, &u32)| {
            if *from == u32::MAX { old.raw(i) } else { column.raw(*from as usize) }
        };
        Column::from_raw(metric, moved.gpus.iter().enumerate().map(raw))
    }

    /// Makes the frame of `now`: ages and qualities are brought up to date first.
    pub fn commit(&mut self, now: Timestamp) -> Frame {
        self.grow();
        self.take_waiting_series();
        self.tell_handovers(now);
        self.place_works(now);
        self.expire(now);
        self.refresh(now);
        self.seq += 1;
        let column = |m: Metric| &self.columns[m.index()];
        self.names.reclaim(column(Metric::Job), column(Metric::Tenant));
        let (jobs, tenants) = self.names.shared();
        let parts = Parts {
            time: now,
            seq: self.seq,
            topology: Arc::clone(&self.topology),
            columns: self.columns.clone(),
            quality: Arc::clone(&self.quality),
            facility: self.facility.clone(),
            jobs,
            tenants,
            energy: Energy::default(),
        };
        let mut frame = Frame::from_parts(parts, self.previous.as_ref());
        frame.energy = self.meter.read(&frame);
        self.previous = Some(frame.clone());
        frame
    }

    /// Which trays answer, as of the last commit.
    #[must_use]
    pub fn answering(&self) -> Vec<bool> {
        self.clocks.iter().map(|c| c.quality == Quality::Good).collect()
    }

    /// Brings qualities and ages to `now`; trays that nothing happened to are not touched.
    fn refresh(&mut self, now: Timestamp) {
        let all = std::mem::take(&mut self.dirty);
        let dense = std::mem::take(&mut self.dense_written);
        for t in 0..self.clocks.len() {
            let change = self.clocks[t].advance(now.millis());
            let lost = self.clocks[t].quality == Quality::Lost;
            if change == Change::Quality || all || (lost && dense) {
                self.refresh_tray(TrayId::new(t));
            } else if change == Change::Age {
                let age = u16::from(self.clocks[t].age);
                let gpus = self.topology.trays()[t].gpus.range();
                gpus.for_each(|g| self.columns[Metric::Age.index()].set_raw(g, age));
            }
        }
    }

    fn refresh_tray(&mut self, tray: TrayId) {
        let clock = self.clocks[tray.index()];
        for gpu in self.topology.tray(tray).gpus.range() {
            let quality = if clock.quality == Quality::Good { self.own_quality(gpu) } else { clock.quality };
            if quality == Quality::Lost {
                self.clear(gpu);
            }
            self.columns[Metric::Age.index()].set_raw(gpu, u16::from(clock.age));
            if self.quality[gpu] != quality as u8 {
                Arc::make_mut(&mut self.quality)[gpu] = quality as u8;
            }
        }
    }

    /// Quality of a GPU whose tray is fresh.
    fn own_quality(&self, gpu: usize) -> Quality {
        let health = self.columns[Metric::Health.index()].raw(gpu);
        if health == Health::Lost as u16 || self.hosts.is_gone(gpu) {
            return Quality::Lost;
        }
        let said = |m: Metric| self.columns[m.index()].raw(gpu) != m.none_raw();
        if [Metric::Util, Metric::Power, Metric::Temp, Metric::SmClock].into_iter().any(said) {
            Quality::Good
        } else if self.hosts.is_reported(gpu) {
            Quality::Unsupported
        } else {
            Quality::Lost
        }
    }

    /// A lost GPU has no values. What it was remembered for stays: last XID, job and tenant.
    fn clear(&mut self, gpu: usize) {
        for m in Metric::ALL {
            match m {
                Metric::Xid | Metric::Job | Metric::Tenant | Metric::Age => {}
                Metric::Health => {
                    let known = self.columns[Metric::Age.index()].raw(gpu) != Metric::Age.none_raw();
                    let raw = if known { Health::Lost as u16 } else { m.none_raw() };
                    self.columns[m.index()].set_raw(gpu, raw);
                }
                _ => self.columns[m.index()].set_raw(gpu, m.none_raw()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
