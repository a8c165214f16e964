//! A small healthy site whose values a test can set.

use std::sync::Arc;

use crate::hall::one_hall;
use hallwatch::alarm::{Happened, Rules};
use hallwatch::engine::Core;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::alarm::{AlarmBoard, Operation};
use hallwatch::model::batch::{JobName, JobState};
use hallwatch::model::entry::SourceStatus;
use hallwatch::model::id::{CduId, HallId, RackId, RowId};
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{
    Asset, Batch, CduPoint, Column, DenseBatch, Entry, FacilityReading, HallPoint, Metric, Quantity,
    RackPoint, RowPoint, SitePoint, Timestamp, Topology,
};

/// One hall of two rows: 16 racks, 1,152 GPUs.
pub fn topology() -> Arc<Topology> {
    Arc::new(Topology::from_toml(&one_hall(2), "one hall").expect("a valid site"))
}

/// What GPUs say when nothing is wrong.
const GPU: [(Metric, f32); 12] = [
    (Metric::Util, 90.0),
    (Metric::Power, 1000.0),
    (Metric::Temp, 60.0),
    (Metric::SmClock, 1900.0),
    (Metric::Margin, 25.0),
    (Metric::ClockEvents, 0.0),
    (Metric::Xid, 0.0),
    (Metric::Health, 0.0),
    (Metric::Fabric, 1.0),
    (Metric::Recovery, 0.0),
    (Metric::Job, 1.0),
    (Metric::Tenant, 1.0),
];

/// See the module.
pub struct Site {
    pub topology: Arc<Topology>,
    core: Core,
    columns: Vec<(Metric, Vec<u16>)>,
    facility: Vec<FacilityReading>,
    silent: Vec<u32>,
    job: JobState,
    now: i64,
}

impl Site {
    pub fn new(rules: Option<Rules>) -> Self {
        let topology = topology();
        let core = Core::new(Arc::clone(&topology), Placer::default(), 1 << 16);
        let core = match rules {
            Some(rules) => core.with_rules(rules),
            None => core,
        };
        let n = topology.gpu_count();
        let columns = GPU.iter().map(|(m, v)| (*m, vec![m.encode(*v); n])).collect();
        let facility = healthy(&topology);
        let mut site =
            Self { topology, core, columns, facility, silent: Vec::new(), job: JobState::Running, now: 1000 };
        let status = SourceStatus { name: "test".into(), interval_ms: 1000, ..SourceStatus::default() };
        site.core.apply(&Entry::Source(status));
        site
    }

    /// The second of the timeline.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_secs(self.now)
    }

    /// One second more.
    pub fn tick(&mut self) -> Happened {
        let time = self.time();
        let column = |(m, raw): &(Metric, Vec<u16>)| (*m, Column::from_raw(*m, raw.iter().copied()));
        let idle = JobName::default();
        let job = JobName { job: "llm".into(), tenant: "t1".into(), state: self.job };
        let dense = DenseBatch {
            columns: self.columns.iter().map(column).collect(),
            silent: self.silent.clone(),
            jobs: Some(Arc::new([idle, job])),
        };
        let facility = std::mem::take(&mut self.facility);
        self.core.apply(&Entry::Batch(Batch { dense: Some(dense), facility, ..Batch::new(0, time) }));
        let effects = self.core.apply(&Entry::Tick(time));
        self.now += 1;
        effects.alarms
    }

    pub fn apply(&mut self, entry: &Entry) -> Happened {
        self.core.apply(entry).alarms
    }

    pub fn operate(&mut self, operation: Operation) -> Happened {
        self.apply(&Entry::Operation(operation))
    }

    pub fn board(&self) -> Arc<AlarmBoard> {
        self.core.snapshot(EngineStatus::default()).alarms
    }

    /// Sets a value at all assets of its kind at or in `asset`.
    pub fn set(&mut self, quantity: Quantity, asset: Asset, value: f32) {
        let t = Arc::clone(&self.topology);
        let inside = |a: Asset| {
            let mut at = a;
            while at != asset && at != Asset::Site {
                at = t.parent(at);
            }
            at == asset
        };
        match quantity {
            Quantity::Gpu(m) => {
                let raw = m.encode(value);
                if let Some((_, column)) = self.columns.iter_mut().find(|(c, _)| *c == m) {
                    column[t.gpus_of(asset).range()].fill(raw);
                }
            }
            Quantity::Event(_) | Quantity::Lost => panic!("set clock events or health instead"),
            Quantity::Rack(p) => {
                let ids = (0..t.racks().len()).map(RackId::new).filter(|r| inside(Asset::Rack(*r)));
                self.facility.extend(ids.map(|r| FacilityReading::Rack(r, p, value)));
            }
            Quantity::Cdu(p) => {
                let ids = (0..t.cdu_count()).map(CduId::new).filter(|c| inside(Asset::Cdu(*c)));
                self.facility.extend(ids.map(|c| FacilityReading::Cdu(c, p, value)));
            }
            Quantity::Row(p) => {
                let ids = (0..t.rows().len()).map(RowId::new).filter(|r| inside(Asset::Row(*r)));
                self.facility.extend(ids.map(|r| FacilityReading::Row(r, p, value)));
            }
            Quantity::Hall(p) => {
                let ids = (0..t.halls().len()).map(HallId::new).filter(|h| inside(Asset::Hall(*h)));
                self.facility.extend(ids.map(|h| FacilityReading::Hall(h, p, value)));
            }
            Quantity::Site(p) => self.facility.push(FacilityReading::Site(p, value)),
        }
    }

    /// The trays at or in `asset` answer no more, or again.
    pub fn silence(&mut self, asset: Asset, silent: bool) {
        let gpus = self.topology.gpus_of(asset).range();
        let own: Vec<u32> = gpus
            .map(|g| self.topology.tray_of(hallwatch::model::GpuId::new(g)).0)
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        self.silent.retain(|t| !own.contains(t));
        if silent {
            self.silent.extend(own);
            self.silent.sort_unstable();
        }
    }

    pub fn job(&mut self, state: JobState) {
        self.job = state;
    }
}

/// Readings of a plant in which all is well.
fn healthy(t: &Topology) -> Vec<FacilityReading> {
    let mut out = Vec::new();
    for i in 0..t.racks().len() {
        let (id, model) = (RackId::new(i), t.rack_model(RackId::new(i)));
        let points = [
            (RackPoint::Power, 100.0),
            (RackPoint::LiquidSupply, 32.0),
            (RackPoint::LiquidReturn, 51.4),
            (RackPoint::LiquidFlow, 70.0),
            (RackPoint::ShelvesOk, f32::from(model.power_shelves)),
            (RackPoint::SwitchesOk, f32::from(model.switch_trays)),
            (RackPoint::Leak, 0.0),
            (RackPoint::LeakFault, 0.0),
            (RackPoint::LeakTray, 0.0),
            (RackPoint::LiquidIsolated, 0.0),
            (RackPoint::PowerIsolated, 0.0),
        ];
        out.extend(points.map(|(p, v)| FacilityReading::Rack(id, p, v)));
    }
    for i in 0..t.cdu_count() {
        let points = [
            (CduPoint::SecondarySupply, 32.0),
            (CduPoint::Setpoint, 32.0),
            (CduPoint::Pump1, 60.0),
            (CduPoint::Pump2, 0.0),
        ];
        out.extend(points.map(|(p, v)| FacilityReading::Cdu(CduId::new(i), p, v)));
    }
    for i in 0..t.rows().len() {
        let points = [
            (RowPoint::BuswayA, 400.0),
            (RowPoint::BuswayB, 400.0),
            (RowPoint::VoltageA, 415.0),
            (RowPoint::VoltageB, 415.0),
            (RowPoint::Limit, 900.0),
        ];
        out.extend(points.map(|(p, v)| FacilityReading::Row(RowId::new(i), p, v)));
    }
    for i in 0..t.halls().len() {
        let points = [(HallPoint::LiquidSupply, 32.0), (HallPoint::DewPoint, 10.0)];
        out.extend(points.map(|(p, v)| FacilityReading::Hall(HallId::new(i), p, v)));
    }
    let points = [
        (SitePoint::FacilityPower, 10.0),
        (SitePoint::Contracted, 20.0),
        (SitePoint::Frequency, 50.0),
        (SitePoint::Oscillation, 0.0),
        (SitePoint::BmsHeartbeat, 1.0),
    ];
    out.extend(points.map(|(p, v)| FacilityReading::Site(p, v)));
    out
}
