//! A small site for the tests of this layer, with values that are made of a number.

use std::sync::Arc;

use crate::fleet::stage::Stage;
use crate::fleet::{Frame, Snapshot};
use crate::model::alarm::{Alarm, AlarmBoard, AlarmId};
use crate::model::batch::{DenseBatch, JobName};
use crate::model::topology::place::Placer;
use crate::model::{
    Batch, CduPoint, Column, FacilityReading, Metric, RackId, RackPoint, SitePoint, Timestamp,
};

/// See the module.
pub struct Site {
    stage: Stage,
    /// The newest frame.
    pub frame: Arc<Frame>,
    /// Which trays answer.
    pub answers: Vec<bool>,
    /// Alarms that stand.
    pub alarms: Vec<Arc<Alarm>>,
    second: i64,
    /// The clock was set back: all frames have the moment of the last one.
    pub halted: bool,
}

impl Site {
    /// One row with one rack in each hall.
    pub fn small() -> Self {
        let topology = crate::model::topology::spec::small_site(1);
        let frame = Arc::new(Frame::empty(Arc::clone(&topology), Timestamp::default()));
        let stage = Stage::new(topology, Placer::default());
        Self { stage, frame, answers: Vec::new(), alarms: Vec::new(), second: 0, halted: false }
    }

    /// The next second. With 0 nothing is reported; another number makes other values.
    pub fn tick(&mut self, seed: u16) {
        let time = Timestamp::from_secs(self.second);
        self.second += i64::from(!self.halted);
        let mut batch = Batch::new(0, time);
        if seed > 0 {
            let n = self.stage.topology().gpu_count();
            let raw = |i: usize| (i as u16).wrapping_mul(seed) % 200;
            let column = |m: Metric| (m, Column::from_raw(m, (0..n).map(raw)));
            let jobs = (0..4).map(|j| JobName {
                job: if j == 0 { String::new() } else { format!("job-{seed}-{j}") },
                tenant: if j == 0 { String::new() } else { "lab".into() },
                ..JobName::default()
            });
            let slots = Column::from_raw(Metric::Job, (0..n).map(|i| (i / 100 % 4) as u16));
            let mut columns: Vec<_> =
                [Metric::Util, Metric::Power, Metric::Temp, Metric::SmClock].map(column).to_vec();
            columns.push((Metric::Job, slots));
            batch.dense = Some(DenseBatch {
                columns,
                silent: (0..u32::from(seed % 3)).collect(),
                jobs: Some(jobs.collect()),
            });
            let value = f32::from(seed) / 7.0;
            batch.facility = vec![
                FacilityReading::Site(SitePoint::Pue, value),
                FacilityReading::Rack(RackId::new(1), RackPoint::Power, 100.0 + value),
                FacilityReading::Cdu(crate::model::CduId::new(0), CduPoint::Heat, value),
            ];
        }
        self.stage.apply(&batch, 1000);
        self.frame = Arc::new(self.stage.commit(time));
        self.answers = self.stage.answering();
    }

    /// The next tick is that of this second.
    pub fn skip_to(&mut self, second: i64) {
        self.second = second;
    }

    /// Raises an alarm, or changes it when it stands already.
    pub fn raise(&mut self, id: u64) {
        let place: Arc<str> = "H1-R01".into();
        let rule: Arc<str> = "row-cooling-lost".into();
        let mut alarm = Alarm::normal(AlarmId(id), &rule, &place);
        alarm.state = crate::model::alarm::AlarmState::Unacknowledged;
        alarm.active = true;
        alarm.raised = self.frame.time;
        alarm.asset = self.frame.topology.find(&place).ok();
        self.alarms.retain(|a| a.id.0 != id);
        self.alarms.push(Arc::new(alarm));
        self.alarms.sort_by_key(|a| a.rank());
    }

    /// The state as the engine publishes it.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let mut out = Snapshot::empty(Arc::clone(&self.frame.topology), self.frame.time);
        out.frame = Arc::clone(&self.frame);
        out.trays = self.answers.clone().into();
        let counts = crate::model::alarm::AlarmCounts::of(self.alarms.iter().map(Arc::as_ref));
        out.alarms = Arc::new(AlarmBoard {
            time: self.frame.time,
            alarms: self.alarms.clone().into(),
            counts,
            ..AlarmBoard::default()
        });
        Arc::new(out)
    }
}
