//! What queries are asked of: one frame, and what is known beside it.

use crate::fleet::frame::Frame;
use crate::fleet::jobs::By;
use crate::fleet::query::field::Field;
use crate::fleet::query::shape;
use crate::fleet::xids::XidEvents;
use crate::model::alarm::rule::Scope;
use crate::model::coolant::{DESIGN_SUPPLY_C, needed_flow};
use crate::model::id::{Asset, CduId, GpuId, HallId, RackId, RowId, TrayId};
use crate::model::{ClockEvents, Column, Health, Metric, Quality, Quantity, RackPoint, Topology};

/// The answer is no.
pub const FALSE: u8 = 0;
/// The answer is not known.
pub const UNKNOWN: u8 = 1;
/// The answer is yes.
pub const TRUE: u8 = 2;

/// Age up to which a tray counts as answering where nobody says so, s.
const ANSWERS_S: u32 = 30;

/// See the module.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    /// The frame.
    pub frame: &'a Frame,
    /// Which trays answer, where that is known; else their age tells.
    pub trays: Option<&'a [bool]>,
    /// XIDs as events; without them the sticky codes tell.
    pub xids: Option<&'a XidEvents>,
}

impl<'a> Scan<'a> {
    /// A frame alone, as of the past.
    #[must_use]
    pub const fn of(frame: &'a Frame) -> Self {
        Self { frame, trays: None, xids: None }
    }

    /// The site.
    #[must_use]
    pub fn topology(&self) -> &'a Topology {
        &self.frame.topology
    }

    /// How many assets of a kind there are; slots where the kind is the job.
    #[must_use]
    pub fn count(&self, scope: Scope) -> usize {
        match scope {
            Scope::Job => self.frame.jobs.len(),
            other => shape::count(self.topology(), other),
        }
    }

    /// Name of an asset: from the hall down; of jobs, their own.
    #[must_use]
    pub fn name(&self, scope: Scope, index: usize) -> String {
        match shape::asset(scope, index) {
            Some(asset) => self.topology().name(asset),
            None => self.frame.jobs.get(index).map(|j| j.job.clone()).unwrap_or_default(),
        }
    }

    /// The value of a field of one asset of its kind; NaN where it is not known.
    #[must_use]
    pub fn value(&self, field: Field, index: usize) -> f32 {
        match field {
            Field::Known(q) => self.quantity(q, index),
            Field::XidEvent => match self.xids {
                Some(xids) => xids.codes.get(index).map_or(f32::NAN, |c| f32::from(*c)),
                None => self.frame.value(GpuId::new(index), Metric::Xid).unwrap_or(f32::NAN),
            },
            Field::XidAge => match self.xids {
                Some(xids) if xids.codes.get(index).is_some_and(|c| *c > 0) => {
                    xids.times.get(index).map_or(f32::NAN, |t| shape::seconds(*t, self.frame.time))
                }
                _ => f32::NAN,
            },
            Field::Quality => {
                f32::from(self.frame.qualities().get(index).copied().unwrap_or(Quality::Lost as u8))
            }
            Field::Answers => f32::from(u8::from(self.answers(TrayId::new(index)))),
            Field::TrayNumber => {
                let t = self.topology();
                let tray = t.tray(TrayId::new(index));
                (index as u32 - t.rack(tray.rack).trays.start + 1) as f32
            }
            Field::FlowNeeded | Field::FlowDesign | Field::HeatBalance | Field::Shelves | Field::Switches => {
                self.rack(field, RackId::new(index))
            }
            Field::JobGpus | Field::JobUtil | Field::JobStragglers | Field::JobState => {
                self.job(field, index)
            }
        }
    }

    fn quantity(&self, quantity: Quantity, index: usize) -> f32 {
        let facility = &self.frame.facility;
        // What a silent management system brought last is frozen: not known now.
        if facility.silent_s().is_some()
            && matches!(quantity, Quantity::Rack(_) | Quantity::Cdu(_) | Quantity::Row(_) | Quantity::Hall(_))
        {
            return f32::NAN;
        }
        let gpu = GpuId::new(index);
        let good = || self.frame.quality(gpu) == Quality::Good;
        let value = match quantity {
            Quantity::Gpu(Metric::Age) => self.frame.age(gpu).map(|s| s as f32),
            // What a GPU was remembered for stays when it is gone.
            Quantity::Gpu(m @ (Metric::Job | Metric::Tenant | Metric::Xid | Metric::Health)) => {
                self.frame.value(gpu, m)
            }
            Quantity::Gpu(m) => self.frame.value(gpu, m).filter(|_| good()),
            Quantity::Event(bit) => {
                let events = self.frame.value(gpu, Metric::ClockEvents).filter(|_| good());
                events.map(|e| f32::from(u8::from(e as u16 & bit != 0)))
            }
            Quantity::Lost => self.frame.health(gpu).map(|h| f32::from(u8::from(h == Health::Lost))),
            Quantity::Rack(p) => facility.rack(RackId::new(index), p),
            Quantity::Cdu(p) => facility.cdu(CduId::new(index), p),
            Quantity::Row(p) => facility.row(RowId::new(index), p),
            Quantity::Hall(p) => facility.hall(HallId::new(index), p),
            Quantity::Site(p) => facility.site(p),
        };
        value.unwrap_or(f32::NAN)
    }

    /// True when the tray answers: told by the stage, else its age tells.
    fn answers(&self, tray: TrayId) -> bool {
        if let Some(told) = self.trays {
            return told.get(tray.index()).copied().unwrap_or(false);
        }
        let gpus = self.topology().tray(tray).gpus;
        gpus.iter().any(|g| self.frame.age(GpuId(g)).is_some_and(|s| s <= ANSWERS_S))
    }

    fn rack(&self, field: Field, rack: RackId) -> f32 {
        let (t, facility) = (self.topology(), &self.frame.facility);
        let point = |p| facility.rack(rack, p).unwrap_or(f32::NAN);
        match field {
            Field::FlowNeeded => needed_flow(point(RackPoint::Power), point(RackPoint::LiquidSupply)),
            Field::FlowDesign => needed_flow(point(RackPoint::Power), DESIGN_SUPPLY_C),
            // Nine tenths of the power belong into the coolant.
            Field::HeatBalance => facility.heat_balance(rack).map_or(f32::NAN, |share| share / 0.9),
            Field::Shelves => f32::from(t.rack_model(rack).power_shelves),
            _ => f32::from(t.rack_model(rack).switch_trays),
        }
    }

    fn job(&self, field: Field, slot: usize) -> f32 {
        let (frame, id) = (self.frame, slot as u16);
        if slot == 0 {
            return f32::NAN;
        }
        let value = match field {
            Field::JobUtil => frame.sums(By::Job).get(slot).and_then(crate::fleet::jobs::Sum::mean_util),
            Field::JobState => frame.jobs.get(slot).map(|j| j.state as u8 as f32),
            Field::JobGpus => frame.sums(By::Job).get(slot).map(|s| s.good as f32),
            // A low clock is the GPU's own, low utilization may be the others' doing; and a GPU that is
            // slowed by heat or a power brake says so itself.
            _ => {
                let faults =
                    |gpu| frame.value(gpu, Metric::ClockEvents).unwrap_or(0.0) as u16 & ClockEvents::FAULTS;
                let all = frame.usage(By::Job).stragglers_of(id);
                Some(all.filter(|s| s.metric == Metric::SmClock && faults(s.gpu) == 0).count() as f32)
            }
        };
        value.unwrap_or(f32::NAN)
    }

    /// The values of a field for all assets of its kind.
    #[must_use]
    pub fn values(&self, field: Field) -> Vec<f32> {
        (0..self.count(field.level())).map(|i| self.value(field, i)).collect()
    }

    /// The packed column behind a GPU metric, with the qualities that tell which of it counts;
    /// `None` for what is not one column.
    #[must_use]
    pub(crate) fn column(&self, field: Field) -> Option<(&'a Column, &'a [u8], bool)> {
        match field {
            Field::Known(Quantity::Gpu(Metric::Age)) => None,
            Field::Known(Quantity::Gpu(
                m @ (Metric::Job | Metric::Tenant | Metric::Xid | Metric::Health),
            )) => Some((self.frame.column(m), self.frame.qualities(), true)),
            Field::Known(Quantity::Lost) => {
                Some((self.frame.column(Metric::Health), self.frame.qualities(), true))
            }
            Field::Known(Quantity::Gpu(m)) => Some((self.frame.column(m), self.frame.qualities(), false)),
            Field::Known(Quantity::Event(_)) => {
                Some((self.frame.column(Metric::ClockEvents), self.frame.qualities(), false))
            }
            _ => None,
        }
    }

    /// How many assets of a kind a site has; none of jobs.
    #[must_use]
    pub fn count_in(t: &Topology, scope: Scope) -> usize {
        shape::count(t, scope)
    }

    /// The asset `index` of a kind.
    #[must_use]
    pub fn asset(scope: Scope, index: usize) -> Option<Asset> {
        shape::asset(scope, index)
    }
}
