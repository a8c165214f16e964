//! The pumps of the rows: coolant distribution units with two pumps each, what happens when one of
//! them stops, and the facility water behind them.
//!
//! Times are those of the published curves of a pump that fails over, a unit whose sibling takes
//! over, and a row that loses all of them (DOMAIN 6.4): a failed pump runs down until its standby
//! starts after 4 s and gives 90 % of its flow 8 s later; a unit without pumps is shut off by the
//! pressure of its sibling within 5 s, and the sibling takes 30 s to 176 % of its own flow; without
//! any pump the coolant comes to rest in 6 s, but for natural circulation.

use crate::model::Topology;
use crate::model::id::Span;
use crate::source::sim::liquid::DESIGN_SUPPLY_C;
use crate::source::sim::noise::{hash, slow, unit};

/// Flow of a unit whose standby pump runs, share of its own.
const STANDBY: f32 = 0.901;
/// Flow left when the standby pump starts, and the second at which it does.
const RUN_DOWN: (f32, f32) = (0.1, 4.0);
/// Seconds that the standby pump takes.
const RUN_UP_S: f32 = 8.0;
/// Seconds until a tripped unit is shut off by its sibling.
const SHUT_S: f32 = 5.0;
/// Most that a unit gives when others are gone, share of its own.
const BOOST: f32 = 1.76;
/// Seconds that it takes to give that.
const BOOST_S: f32 = 30.0;
/// Seconds in which a row without pumps comes to rest.
const REST_S: f32 = 6.0;
/// Flow by natural circulation.
const NATURAL: f32 = 0.02;
/// Heat capacity of facility water, kJ per litre and kelvin.
pub const WATER_KJ: f32 = 4.18;
/// Share of the way from facility water to coolant return that the plate exchanger makes of it:
/// (33.1 - 14.1) / (44 - 14.1) on live units.
const EXCHANGE: f32 = 0.635;
/// Normal level of a reservoir, %, and what a leaking tray takes from it in a second.
const LEVEL: f32 = 82.0;
const LEAK_PER_S: f32 = 0.04;

/// What a unit does.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mode {
    /// Its lead pump runs.
    Lead,
    /// Its lead pump has failed so many seconds ago.
    Failover(u32),
    /// It has tripped so many seconds ago.
    Tripped(u32),
    /// It was restored so many seconds ago, from so much flow.
    Back(u32, f32),
}

/// One coolant distribution unit.
#[derive(Clone, Copy, Debug)]
pub struct Cdu {
    mode: Mode,
    /// The second pump leads.
    swapped: bool,
    /// Flow it could give, share of its own design flow.
    pub share: f32,
    /// Reservoir, %.
    pub level: f32,
    clog: f32,
}

/// What a unit shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CduReading {
    /// Speed of the pumps, %.
    pub pumps: (f32, f32),
    /// Differential pressure of the secondary loop, kPa.
    pub dp_kpa: f32,
    /// Pressure lost over the filter, kPa.
    pub filter_kpa: f32,
    /// Facility water: in, out, °C; flow, LPM; valve, %.
    pub primary: (f32, f32, f32, f32),
}

/// One row's pumps.
#[derive(Clone, Debug)]
struct Row {
    cdus: Span,
    boost: f32,
    /// Seconds since a unit of the row tripped.
    lost: u32,
    /// What flows at full valves, share of design.
    head: f32,
    /// Leaking trays of the row.
    leaks: u32,
}

/// All pumps of the site.
#[derive(Clone, Debug)]
pub struct Water {
    seed: u64,
    rows: Vec<Row>,
    /// The units, in the order of their ids.
    pub cdus: Vec<Cdu>,
    /// By hall: how far supply is off its set-point, K; where it drifts to; K per second.
    drift: Vec<(f32, f32, f32)>,
}

impl Cdu {
    fn new(id: usize, seed: u64) -> Self {
        let clog = 0.9 + 0.3 * unit(hash(seed, 0xF1, id as u64));
        // Pumps take turns: every other unit leads with its second one.
        Self { mode: Mode::Lead, swapped: id % 2 == 1, share: 1.0, level: LEVEL, clog }
    }

    fn down(&self) -> bool {
        matches!(self.mode, Mode::Tripped(_))
    }

    /// Flow by itself, share of its own, `alone` when no unit of the row runs.
    fn advance(&mut self, alone: bool) {
        let line = |from: f32, to: f32, at: f32| from + (to - from) * at.clamp(0.0, 1.0);
        match &mut self.mode {
            Mode::Lead => self.share = 1.0,
            Mode::Failover(s) => {
                *s += 1;
                let t = *s as f32;
                self.share = if t <= RUN_DOWN.1 {
                    line(1.0, RUN_DOWN.0, t / RUN_DOWN.1)
                } else {
                    line(RUN_DOWN.0, STANDBY, (t - RUN_DOWN.1) / RUN_UP_S)
                };
            }
            Mode::Tripped(s) => {
                *s += 1;
                let t = *s as f32;
                self.share = if alone { line(1.0, NATURAL, t / REST_S) } else { line(1.0, 0.0, t / SHUT_S) };
            }
            Mode::Back(s, from) => {
                *s += 1;
                self.share = line(*from, 1.0, *s as f32 / BOOST_S);
                if *s as f32 >= BOOST_S {
                    self.mode = Mode::Lead;
                }
            }
        }
    }

    /// Speeds of both pumps, %, at `load` of the unit's flow.
    fn pumps(&self, load: f32) -> (f32, f32) {
        let speed = (20.0 + 62.0 * load).clamp(0.0, 100.0);
        let (lead, standby) = match self.mode {
            Mode::Lead | Mode::Back(..) => (speed, 0.0),
            Mode::Failover(s) if s as f32 <= RUN_DOWN.1 => (0.0, 0.0),
            Mode::Failover(_) => (0.0, speed),
            Mode::Tripped(_) => (0.0, 0.0),
        };
        if self.swapped { (standby, lead) } else { (lead, standby) }
    }
}

impl Water {
    /// The pumps of `topology`.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64) -> Self {
        let row =
            |r: &crate::model::topology::Row| Row { cdus: r.cdus, boost: 1.0, lost: 0, head: 1.0, leaks: 0 };
        Self {
            seed,
            rows: topology.rows().iter().map(row).collect(),
            cdus: (0..topology.cdu_count()).map(|i| Cdu::new(i, seed)).collect(),
            drift: vec![(0.0, 0.0, 0.0); topology.halls().len()],
        }
    }

    /// The lead pump of unit `cdu` fails.
    pub fn fail_pump(&mut self, cdu: usize) {
        if matches!(self.cdus[cdu].mode, Mode::Lead | Mode::Back(..)) {
            self.cdus[cdu].mode = Mode::Failover(0);
        }
    }

    /// Unit `cdu` trips.
    pub fn trip(&mut self, cdu: usize) {
        if !self.cdus[cdu].down() {
            self.cdus[cdu].mode = Mode::Tripped(0);
        }
    }

    /// Unit `cdu` runs again.
    pub fn restore(&mut self, cdu: usize) {
        let share = self.cdus[cdu].share;
        if self.cdus[cdu].mode != Mode::Lead {
            self.cdus[cdu].mode = Mode::Back(0, share);
        }
    }

    /// Supply of hall `hall` drifts to `by` K off its set-point within `seconds`.
    pub fn drift(&mut self, hall: usize, by: f32, seconds: u32) {
        let d = &mut self.drift[hall];
        *d = (d.0, by, (by - d.0).abs() / seconds.max(1) as f32);
    }

    /// How far supply of hall `hall` is off, K.
    #[must_use]
    pub fn drift_of(&self, hall: usize) -> f32 {
        self.drift[hall].0
    }

    /// One more (or less) tray of row `row` leaks.
    pub fn leak(&mut self, row: usize, more: bool) {
        let leaks = &mut self.rows[row].leaks;
        *leaks = if more { *leaks + 1 } else { leaks.saturating_sub(1) };
    }

    /// What flows in row `row` with valves wide open, share of design.
    #[must_use]
    pub fn head(&self, row: usize) -> f32 {
        self.rows[row].head
    }

    /// Part of the flow of row `row` that unit `cdu` gives.
    #[must_use]
    pub fn part(&self, row: usize, cdu: usize) -> f32 {
        let all: f32 = self.cdus[self.rows[row].cdus.range()].iter().map(|c| c.share).sum();
        if all > 0.0 { self.cdus[cdu].share / all } else { 0.0 }
    }

    /// Temperature that coolant of row `row` in hall `hall` is supplied with at `tick`, °C.
    #[must_use]
    pub fn supply(&self, hall: usize, row: usize, tick: u64) -> f32 {
        let own = 0.3 * unit(hash(self.seed, 0xC0, row as u64)) - 0.15;
        let wander = 0.15 * slow(hash(self.seed, 0xC1, row as u64), tick, 180);
        DESIGN_SUPPLY_C + own + wander + self.drift[hall].0
    }

    /// Advances all pumps by a second.
    pub fn advance(&mut self) {
        for d in &mut self.drift {
            d.0 += (d.1 - d.0).clamp(-d.2, d.2);
        }
        for row in &mut self.rows {
            row.advance(&mut self.cdus);
        }
    }

    /// What unit `cdu` of row `row` shows at `tick`: it carries `kw` out of coolant that returns
    /// at `back` °C, at `load` of its design flow; facility water comes in at `water` °C.
    #[must_use]
    pub fn read(
        &self,
        (row, cdu): (usize, usize),
        tick: u64,
        (kw, back, load): (f32, f32, f32),
        water: f32,
    ) -> CduReading {
        let unit = &self.cdus[cdu];
        let head = self.rows[row].head;
        let wander = 0.6 * slow(hash(self.seed, 0xD9, cdu as u64), tick, 20);
        let out = water + EXCHANGE * (back - water).max(1.0);
        let flow = (kw.max(0.0) * 60.0 / (WATER_KJ * (out - water))).min(2000.0);
        let speed = unit.pumps(load.clamp(0.0, 1.3));
        let running = speed.0 + speed.1 > 0.0;
        CduReading {
            pumps: speed,
            dp_kpa: (90.0 * head * head + if head > 0.1 { wander } else { 0.0 }).max(0.0),
            filter_kpa: 6.3 * unit.clog * load * load,
            primary: (water, out, flow, if running { (flow / 7.2).clamp(1.0, 100.0) } else { 0.0 }),
        }
    }
}

impl Row {
    fn advance(&mut self, cdus: &mut [Cdu]) {
        let units = &mut cdus[self.cdus.range()];
        if units.is_empty() {
            return;
        }
        let down = units.iter().filter(|c| c.down()).count();
        let alone = down == units.len();
        self.lost = if down > 0 && !alone { self.lost + 1 } else { 0 };
        let goal = if self.lost as f32 > SHUT_S { BOOST } else { 1.0 };
        let step = (BOOST - 1.0) / BOOST_S;
        self.boost += (goal - self.boost).clamp(-step, step);
        for c in units.iter_mut() {
            c.advance(alone);
            let loss = LEAK_PER_S * self.leaks as f32;
            let gain = if self.leaks == 0 { 0.02 } else { 0.0 };
            c.level = (c.level - loss + gain).clamp(0.0, LEVEL);
        }
        let boost = if alone { 1.0 } else { self.boost };
        let give = |c: &Cdu| if c.down() { c.share } else { c.share * boost };
        self.head = (units.iter().map(give).sum::<f32>() / units.len() as f32).clamp(0.0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn water() -> Water {
        Water::new(&Topology::default_site(), 7)
    }

    fn heads(water: &mut Water, seconds: usize) -> Vec<f32> {
        (0..seconds)
            .map(|_| {
                water.advance();
                water.head(0)
            })
            .collect()
    }

    #[test]
    fn a_failed_pump_is_replaced_within_twelve_seconds() {
        let mut w = water();
        w.fail_pump(0);
        let h = heads(&mut w, 60);
        assert!((h[3] - 0.55).abs() < 0.01 && (h[11] - 0.9505).abs() < 0.01, "{h:?}");
        assert!((h[59] - 0.9505).abs() < 1e-3);
        let r = w.read((0, 0), 60, (500.0, 53.0, 0.9), 14.1);
        assert!(r.pumps.0 == 0.0 && r.pumps.1 > 60.0, "{r:?}");
    }

    #[test]
    fn a_sibling_takes_over_within_35_seconds() {
        let mut w = water();
        w.trip(1);
        let h = heads(&mut w, 90);
        assert!((h[4] - 0.5).abs() < 0.01 && (h[19] - 0.69).abs() < 0.02, "{h:?}");
        assert!((h[34] - 0.88).abs() < 0.01 && (h[89] - 0.88).abs() < 0.01);
        w.restore(1);
        assert!(heads(&mut w, 60)[59] > 0.999);
    }

    #[test]
    fn a_row_without_pumps_comes_to_rest_in_six_seconds() {
        let mut w = water();
        w.trip(0);
        w.trip(1);
        let h = heads(&mut w, 10);
        assert!((h[2] - 0.51).abs() < 0.01 && (h[5] - 0.02).abs() < 1e-3 && h[9] > 0.0, "{h:?}");
        assert_eq!(w.head(1), 1.0, "the next row does not notice");
    }

    #[test]
    fn live_figures_of_a_unit_come_out() {
        let w = water();
        // A row of five racks of 40 kW: return 44 °C, half the design flow.
        let r = w.read((0, 0), 5, (190.0, 44.0, 0.39), 14.1);
        assert!((32.0..34.5).contains(&r.primary.1) && (42.0..47.0).contains(&r.pumps.0), "{r:?}");
        assert!((88.0..92.0).contains(&r.dp_kpa));
    }

    #[test]
    fn drift_goes_as_far_as_said_and_stops() {
        let mut w = water();
        w.drift(2, 14.0, 1680);
        heads(&mut w, 360);
        assert!((w.drift_of(2) - 3.0).abs() < 0.01, "{}", w.drift_of(2));
        heads(&mut w, 2000);
        assert!((w.drift_of(2) - 14.0).abs() < 0.01);
        assert_eq!(w.drift_of(0), 0.0);
        assert!((w.supply(2, 50, 5) - w.supply(0, 0, 5) - 14.0).abs() < 0.7);
    }

    #[test]
    fn a_leak_lowers_the_level_and_make_up_brings_it_back() {
        let mut w = water();
        w.leak(0, true);
        heads(&mut w, 300);
        let low = w.cdus[0].level;
        assert!((65.0..75.0).contains(&low), "{low}");
        w.leak(0, false);
        heads(&mut w, 2000);
        assert!((w.cdus[0].level - LEVEL).abs() < 0.1);
    }
}
