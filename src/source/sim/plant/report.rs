//! All points that the plant shows, as readings.

use crate::model::id::{CduId, HallId, RackId, RowId, Span};
use crate::model::{CduPoint, FacilityReading, HallPoint, RackPoint, RowPoint, Timestamp, Topology};
use crate::source::sim::effect::Leak;
use crate::source::sim::grid::Demand;
use crate::source::sim::liquid::DESIGN_SUPPLY_C;
use crate::source::sim::noise::{hash, mix, slow, unit};
use crate::source::sim::plant::{BESIDE_RACKS, Plant};

/// Facility water into the plate exchangers, °C.
const WATER_C: f32 = 14.1;
/// Pressure of saturated water vapour: °C, hPa (WMO tables).
const SATURATION: [(f32, f32); 11] = [
    (-20.0, 1.26),
    (-10.0, 2.86),
    (0.0, 6.11),
    (5.0, 8.72),
    (10.0, 12.27),
    (15.0, 17.04),
    (20.0, 23.37),
    (25.0, 31.67),
    (30.0, 42.43),
    (35.0, 56.24),
    (40.0, 73.78),
];

/// Sums over racks.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    kw: f32,
    carried_kw: f32,
    air_kw: f32,
    flow: f32,
    design: f32,
    supply: f32,
    ret: f32,
}

impl Sum {
    /// Supply and return, °C, weighted by flow; `None` where nothing flows.
    fn temps(&self) -> Option<(f32, f32)> {
        (self.flow > 0.0).then(|| (self.supply / self.flow, self.ret / self.flow))
    }

    fn add(&mut self, o: &Self) {
        self.kw += o.kw;
        self.carried_kw += o.carried_kw;
        self.air_kw += o.air_kw;
        self.flow += o.flow;
        self.design += o.design;
        self.supply += o.supply;
        self.ret += o.ret;
    }
}

impl Plant {
    pub(super) fn report(
        &mut self,
        t: &Topology,
        now: (u64, Timestamp),
        oscillation: (f32, u16),
    ) -> Vec<FacilityReading> {
        let mut out = Vec::with_capacity(
            15 * t.racks().len() + 15 * t.cdu_count() + 5 * t.rows().len() + 9 * t.halls().len() + 32,
        );
        let mut site = Sum::default();
        for (h, hall) in t.halls().iter().enumerate() {
            let mut sum = Sum::default();
            for r in hall.rows.range() {
                let row = self.sum(t.rows()[r].racks);
                self.report_row(t, RowId::new(r), now.0, &mut out);
                for c in t.rows()[r].cdus.range() {
                    self.report_cdu(t, (RowId::new(r), CduId::new(c)), (now.0, &row), &mut out);
                }
                sum.add(&row);
            }
            self.report_hall(HallId::new(h), &sum, now.0, &mut out);
            site.add(&sum);
        }
        for i in 0..t.racks().len() {
            self.report_rack(t, RackId::new(i), &mut out);
        }
        let beside = (BESIDE_RACKS - 1.0) * site.kw;
        let demand = Demand {
            it_mw: site.kw * BESIDE_RACKS / 1000.0,
            liquid_mw: site.carried_kw / 1000.0,
            air_mw: (site.air_kw + beside) / 1000.0,
            oscillation,
            coolant: site.temps(),
        };
        self.grid.advance(now, &demand, &mut |point, value| {
            out.push(match value {
                Some(v) => FacilityReading::Site(point, v),
                None => FacilityReading::SiteEnds(point),
            });
        });
        out
    }

    fn sum(&self, racks: Span) -> Sum {
        let mut sum = Sum::default();
        for r in racks.range() {
            let kw = self.power.racks[r].kw;
            let one = match &self.liquids[r] {
                None => Sum { kw, air_kw: kw, ..Sum::default() },
                Some(l) => Sum {
                    kw,
                    // Warm coolant that meets a cold rack heats it: that is no heat for the water.
                    carried_kw: l.carried_kw.max(0.0),
                    air_kw: l.air_kw,
                    flow: l.flow,
                    design: l.flow / l.relative_flow().max(1e-3),
                    supply: l.supply_c * l.flow,
                    ret: l.return_c() * l.flow,
                },
            };
            sum.add(&one);
        }
        sum
    }

    fn report_rack(&self, t: &Topology, id: RackId, out: &mut Vec<FacilityReading>) {
        let (i, rack) = (id.index(), t.rack(id));
        let model = &t.rack_models()[rack.model];
        let p = &self.power.racks[i];
        let mut put = |point, value| out.push(FacilityReading::Rack(id, point, value));
        put(RackPoint::Power, p.kw);
        if model.power_shelves > 0 {
            put(RackPoint::ShelvesOk, f32::from(p.shelves_ok()));
            put(RackPoint::SideA, p.sides[0]);
            put(RackPoint::SideB, p.sides[1]);
            put(RackPoint::PowerIsolated, f32::from(u8::from(p.isolated)));
        }
        if model.switch_trays > 0 {
            let failed = self.switches_failed.get(&i).copied().unwrap_or(0);
            put(RackPoint::SwitchesOk, f32::from(model.switch_trays.saturating_sub(failed)));
        }
        let Some(l) = &self.liquids[i] else { return };
        put(RackPoint::LiquidSupply, l.supply_c);
        put(RackPoint::LiquidReturn, l.return_c());
        put(RackPoint::LiquidFlow, l.flow);
        put(RackPoint::LiquidDp, l.dp_kpa);
        put(RackPoint::Valve, l.valve);
        put(RackPoint::LiquidIsolated, f32::from(u8::from(l.isolated)));
        let blind = self.blind.contains(&i);
        let wet: Vec<_> = if blind { Vec::new() } else { self.wet(t, id).collect() };
        // The rack's rope trips with one tray that runs, or two that are moist.
        let rope = wet.len() >= 2 || wet.iter().any(|(_, l)| *l == Leak::Critical);
        put(RackPoint::Leak, f32::from(u8::from(rope)));
        put(RackPoint::LeakTray, wet.first().map_or(0.0, |(n, _)| *n as f32));
        put(RackPoint::LeakFault, f32::from(u8::from(blind)));
    }

    fn report_row(&self, t: &Topology, id: RowId, tick: u64, out: &mut Vec<FacilityReading>) {
        let r = self.power.read_row(id.index(), t.row(id).racks.range(), tick);
        if r.limit_kw <= 0.0 {
            return;
        }
        let mut put = |point, value| out.push(FacilityReading::Row(id, point, value));
        put(RowPoint::BuswayA, r.kw[0]);
        put(RowPoint::BuswayB, r.kw[1]);
        put(RowPoint::VoltageA, r.volts[0]);
        put(RowPoint::VoltageB, r.volts[1]);
        put(RowPoint::Limit, r.limit_kw);
    }

    fn report_cdu(
        &self,
        t: &Topology,
        (row, id): (RowId, CduId),
        (tick, sum): (u64, &Sum),
        out: &mut Vec<FacilityReading>,
    ) {
        let hall = t.row(row).hall.index();
        let part = self.water.part(row.index(), id.index());
        let units = t.row(row).cdus.len() as f32;
        let load = sum.flow / sum.design.max(1.0) * part * units;
        let supply = self.water.supply(hall, row.index(), tick);
        let back = sum.temps().map_or(supply, |(_, back)| back);
        let r =
            self.water.read((row.index(), id.index()), tick, (sum.carried_kw * part, back, load), WATER_C);
        let unit = &self.water.cdus[id.index()];
        let mut put = |point, value| out.push(FacilityReading::Cdu(id, point, value));
        put(CduPoint::SecondarySupply, supply);
        put(CduPoint::SecondaryReturn, back);
        put(CduPoint::SecondaryFlow, sum.flow * part);
        put(CduPoint::Pump1, r.pumps.0);
        put(CduPoint::Pump2, r.pumps.1);
        put(CduPoint::Setpoint, DESIGN_SUPPLY_C);
        put(CduPoint::SecondaryDp, r.dp_kpa);
        put(CduPoint::FilterDp, r.filter_kpa);
        put(CduPoint::PrimarySupply, r.primary.0);
        put(CduPoint::PrimaryReturn, r.primary.1);
        put(CduPoint::PrimaryFlow, r.primary.2);
        put(CduPoint::PrimaryValve, r.primary.3);
        put(CduPoint::Level, unit.level);
        put(CduPoint::Leak, 0.0);
        put(CduPoint::Heat, sum.carried_kw * part);
    }

    fn report_hall(&self, id: HallId, sum: &Sum, tick: u64, out: &mut Vec<FacilityReading>) {
        let seed = mix(hash(self.seed, 0xAA, u64::from(id.0)));
        let mut put = |point, value| out.push(FacilityReading::Hall(id, point, value));
        put(HallPoint::Power, sum.kw * BESIDE_RACKS / 1000.0);
        if let Some((supply, back)) = sum.temps() {
            put(HallPoint::LiquidSupply, supply);
            put(HallPoint::LiquidReturn, back);
            put(HallPoint::LiquidHeat, sum.carried_kw / 1000.0);
        }
        let air_kw = sum.air_kw + (BESIDE_RACKS - 1.0) * sum.kw;
        put(HallPoint::AirHeat, air_kw / 1000.0);
        let cold = self.cold_aisle(id.index(), tick);
        let dew = 8.0 + 1.5 * unit(seed) + 0.3 * slow(seed, tick, 900);
        // Air handlers move more air the more heat there is, so the rise grows with a part of it.
        let share = if sum.kw > 0.0 { (air_kw / sum.kw).min(1.0) } else { 0.0 };
        put(HallPoint::ColdAisle, cold);
        put(HallPoint::HotAisle, cold + 1.5 + 12.0 * share);
        put(HallPoint::DewPoint, dew);
        put(HallPoint::Humidity, (100.0 * saturation(dew) / saturation(cold)).clamp(0.0, 100.0));
    }
}

/// Pressure of saturated water vapour at `celsius`, hPa (by table, straight lines between).
fn saturation(celsius: f32) -> f32 {
    let c = celsius.clamp(SATURATION[0].0, SATURATION[10].0);
    let i = SATURATION.partition_point(|(t, _)| *t <= c).clamp(1, 10);
    let ((t0, p0), (t1, p1)) = (SATURATION[i - 1], SATURATION[i]);
    p0 + (p1 - p0) * (c - t0) / (t1 - t0)
}
