//! A simulated site with meters on it: steps it and reads what the console would be told.

use std::ops::Range;
use std::sync::Arc;

use crate::model::batch::Batch;
use crate::model::time::SIM_EPOCH;
use crate::model::{Column, FacilityReading, GpuId, HallPoint, Metric, RackPoint, Topology};
use crate::source::sim::liquid::COOLANT_KJ;
use crate::source::sim::{Sim, SimPlan, TICK_MS};

/// What a rack tells of its coolant and power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RackRead {
    pub kw: f64,
    pub supply_c: f64,
    pub return_c: f64,
    pub flow_lpm: f64,
}

impl RackRead {
    const NONE: Self = Self { kw: f64::NAN, supply_c: f64::NAN, return_c: f64::NAN, flow_lpm: f64::NAN };

    /// Heat that the coolant carries, kW, as an engineer works it out from three meters.
    pub fn heat_kw(&self) -> f64 {
        self.flow_lpm / 60.0 * f64::from(COOLANT_KJ) * (self.return_c - self.supply_c)
    }
}

/// The site and its last second.
pub(super) struct Probe {
    pub sim: Sim,
    batch: Batch,
}

impl Probe {
    /// The site of `topology` after its first second.
    pub fn start(topology: &Arc<Topology>, plan: SimPlan) -> Self {
        let mut sim = Sim::from_plan(Arc::clone(topology), plan);
        let batch = sim.step(SIM_EPOCH, 0);
        Self { sim, batch }
    }

    pub fn step(&mut self) {
        let millis = i64::try_from(self.sim.ticks()).unwrap_or(i64::MAX / 2000) * i64::from(TICK_MS);
        self.batch = self.sim.step(SIM_EPOCH.plus_millis(millis), 0);
    }

    pub fn steps(&mut self, count: u32) {
        for _ in 0..count {
            self.step();
        }
    }

    /// The column of `metric`; `None` when the simulator does not send it.
    pub fn column(&self, metric: Metric) -> Option<&Column> {
        let dense = self.batch.dense.as_ref()?;
        dense.columns.iter().find(|(m, _)| *m == metric).map(|(_, c)| c)
    }

    /// The GPUs in `range` whose exporters answer: the others keep old values.
    pub fn fresh(&self, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let silent = self.batch.dense.as_ref().map_or(&[][..], |d| d.silent.as_slice());
        let topology = self.sim.topology();
        range.filter(move |g| {
            silent.is_empty() || silent.binary_search(&topology.tray_of(GpuId::new(*g)).0).is_err()
        })
    }

    /// The values of `metric` of the GPUs in `range`, absent and old ones left out.
    pub fn values(&self, metric: Metric, range: Range<usize>) -> impl Iterator<Item = f64> + '_ {
        let column = self.column(metric);
        self.fresh(range).filter_map(move |g| column.and_then(|c| metric.decode(c.raw(g))).map(f64::from))
    }

    /// Power of all GPUs, MW.
    pub fn gpu_mw(&self) -> f64 {
        self.values(Metric::Power, 0..self.sim.topology().gpu_count()).sum::<f64>() / 1e6
    }

    /// What all racks tell; NaN where a rack does not tell something.
    pub fn racks(&self) -> Vec<RackRead> {
        let mut racks = vec![RackRead::NONE; self.sim.topology().racks().len()];
        for reading in &self.batch.facility {
            let FacilityReading::Rack(id, point, value) = reading else { continue };
            let rack = &mut racks[id.index()];
            let field = match point {
                RackPoint::Power => &mut rack.kw,
                RackPoint::LiquidSupply => &mut rack.supply_c,
                RackPoint::LiquidReturn => &mut rack.return_c,
                RackPoint::LiquidFlow => &mut rack.flow_lpm,
                _ => continue,
            };
            *field = f64::from(*value);
        }
        racks
    }

    /// The sum of a point over all halls, and `None` when no hall tells it.
    pub fn halls(&self, wanted: HallPoint) -> Option<f64> {
        let of = |r: &FacilityReading| match r {
            FacilityReading::Hall(_, point, value) if *point == wanted => Some(f64::from(*value)),
            _ => None,
        };
        let values: Vec<f64> = self.batch.facility.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }
}

/// How often each raw value of a metric was seen.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    metric: Metric,
    raw: Vec<u64>,
    all: u64,
}

impl Counts {
    pub fn new(metric: Metric) -> Self {
        Self { metric, raw: vec![0; usize::from(metric.none_raw())], all: 0 }
    }

    /// Counts the values of all GPUs; absent and old ones are none.
    pub fn take(&mut self, probe: &Probe) {
        let Some(column) = probe.column(self.metric) else { return };
        for g in probe.fresh(0..column.len()) {
            if let Some(count) = self.raw.get_mut(usize::from(column.raw(g))) {
                *count += 1;
                self.all += 1;
            }
        }
    }

    /// The value below or at which `part` (0 to 1) of all values lie; NaN when there are none.
    pub fn quantile(&self, part: f64) -> f64 {
        let wanted = ((part * self.all as f64).ceil() as u64).clamp(1, self.all.max(1));
        let mut seen = 0;
        for (raw, count) in self.raw.iter().enumerate() {
            seen += count;
            if seen >= wanted && self.all > 0 {
                return self.metric.decode(raw as u16).map_or(f64::NAN, f64::from);
            }
        }
        f64::NAN
    }

    /// Share of values from `low` (included) to `high` (not included); NaN when there are none.
    pub fn share(&self, low: f32, high: f32) -> f64 {
        let inside = |raw: usize| self.metric.decode(raw as u16).is_some_and(|v| v >= low && v < high);
        let counts = self.raw.iter().enumerate().filter(|(raw, n)| **n > 0 && inside(*raw));
        counts.map(|(_, n)| *n).sum::<u64>() as f64 / self.all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_shares_are_those_of_the_values() {
        let mut counts = Counts::new(Metric::Temp);
        for raw in 1..=100 {
            counts.raw[raw] = 1;
            counts.all += 1;
        }
        assert_eq!((counts.quantile(0.5), counts.quantile(0.99), counts.quantile(1.0)), (50.0, 99.0, 100.0));
        assert!((counts.share(11.0, 21.0) - 0.1).abs() < 1e-9);
        assert!(Counts::new(Metric::Temp).quantile(0.5).is_nan());
        assert!(Counts::new(Metric::Temp).share(0.0, 9.0).is_nan());
    }

    #[test]
    fn heat_is_flow_by_capacity_by_rise() {
        // A live rack: 50 LPM, 12 K, 41.5 kW, of which 96 % go into the coolant.
        let read = RackRead { kw: 41.5, supply_c: 32.0, return_c: 44.0, flow_lpm: 50.0 };
        assert!((read.heat_kw() - 39.8).abs() < 0.05);
        assert!(RackRead::NONE.heat_kw().is_nan());
    }
}
