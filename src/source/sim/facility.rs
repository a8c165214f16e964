//! The plant around the GPUs: rack power and coolant, CDUs, halls, grid.
//!
//! The rack curve is the published one of an NVL72 rack (136 kW: 65.1 LPM at 25 °C inlet to 160 LPM
//! at 45 °C); on it the return stays at 52 to 56 °C. Heat to liquid is 94.5 % of rack power and the
//! coolant is PG25, as measured on live racks. Electrics of the site are invented.

use crate::model::id::{CduId, HallId, RackId, Span};
use crate::model::topology::{Cooling, Rack};
use crate::model::{CduPoint, FacilityReading, HallPoint, RackPoint, SitePoint, Timestamp, Topology};
use crate::source::sim::noise::{hash, slow, unit};

/// Heat capacity of the coolant (PG25), kJ per litre and kelvin.
const COOLANT_KJ: f32 = 3.98;
/// Share of rack power that goes into the coolant.
const TO_LIQUID: f32 = 0.945;
/// Flow that a rack needs at 136 kW by inlet temperature: °C, LPM.
const CURVE: [(f32, f32); 5] = [(25.0, 65.1), (30.0, 76.5), (35.0, 92.6), (40.0, 117.5), (45.0, 160.0)];
/// Rack power that the curve is for, kW.
const CURVE_KW: f32 = 136.0;
/// What the valve gives above the curve.
const RESERVE: f32 = 1.03;
/// Flow that is never gone below, LPM.
const LEAST_FLOW: f32 = 48.0;
/// Flow through a valve that is stuck nearly closed, LPM.
const STUCK_FLOW: f32 = 28.0;
/// Share of the way that valve and liquid mass go in one second (about 12 s).
const SETTLE: f32 = 0.08;
/// Network, storage and management beside the racks.
const BESIDE_RACKS: f32 = 1.04;

/// Flow that a rack of `kw` needs at inlet temperature `supply`, LPM.
fn needed_flow(kw: f32, supply: f32) -> f32 {
    let s = supply.clamp(CURVE[0].0, CURVE[4].0);
    let i = CURVE.partition_point(|(t, _)| *t <= s).clamp(1, 4);
    let ((t0, f0), (t1, f1)) = (CURVE[i - 1], CURVE[i]);
    (f0 + (f1 - f0) * (s - t0) / (t1 - t0)) * kw / CURVE_KW
}

/// State of one rack's power and coolant.
#[derive(Clone, Copy, Debug, Default)]
struct RackState {
    /// Power beside the GPUs, kW, and power drawn by watt of GPU.
    fixed_kw: f32,
    factor: f32,
    kw: f32,
    heat_kw: f32,
    flow: f32,
    supply: f32,
    ret: f32,
    choke: f32,
}

/// The plant.
#[derive(Clone, Debug)]
pub struct Plant {
    seed: u64,
    racks: Vec<RackState>,
    started: bool,
}

/// Sums over racks of a hall or the site.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    kw: f32,
    heat_kw: f32,
    flow: f32,
    supply: f32,
    ret: f32,
}

impl Sum {
    fn add(&mut self, r: &RackState) {
        self.kw += r.kw;
        if r.flow > 0.0 {
            self.heat_kw += r.heat_kw;
            self.flow += r.flow;
            self.supply += r.supply * r.flow;
            self.ret += r.ret * r.flow;
        }
    }

    /// Supply and return, °C, weighted by flow; `None` where nothing flows.
    fn temps(&self) -> Option<(f32, f32)> {
        (self.flow > 0.0).then(|| (self.supply / self.flow, self.ret / self.flow))
    }
}

fn overhead(topology: &Topology, rack: &Rack) -> (f32, f32) {
    let model = &topology.rack_models()[rack.model];
    let gpu_kw = rack.gpus.len() as f32 * topology.gpu_models()[model.gpu].tdp_w * 0.913 / 1000.0;
    if gpu_kw <= 0.0 {
        return (0.0, 1.0);
    }
    let tdp = if model.tdp_kw > 0.0 { model.tdp_kw } else { 1.5 * gpu_kw };
    (0.075 * tdp, (0.925 * tdp / gpu_kw).max(1.05))
}

impl Plant {
    /// The plant of `topology`.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64) -> Self {
        let rack = |r: &Rack| {
            let (fixed_kw, factor) = overhead(topology, r);
            RackState { fixed_kw, factor, ..RackState::default() }
        };
        Self { seed, racks: topology.racks().iter().map(rack).collect(), started: false }
    }

    /// Temperature of what flows into each rack at `tick`, °C: coolant by row, or cold-aisle air.
    pub fn supply(&mut self, topology: &Topology, tick: u64) {
        for (i, row) in topology.rows().iter().enumerate() {
            let own = 0.8 * unit(hash(self.seed, 0xC0, i as u64)) - 0.4;
            let wander = 0.25 * slow(hash(self.seed, 0xC1, i as u64), tick, 180);
            for r in row.racks.range() {
                let liquid = is_liquid(topology, &topology.racks()[r]);
                self.racks[r].supply = if liquid { 33.0 } else { 24.0 } + own + wander;
            }
        }
    }

    /// Temperature of what flows into rack `rack`, °C.
    #[must_use]
    pub fn inlet(&self, rack: usize) -> f32 {
        self.racks[rack].supply
    }

    /// How much rack `rack` is short of coolant, 0 to 1.
    #[must_use]
    pub fn choke(&self, rack: usize) -> f32 {
        self.racks[rack].choke
    }

    /// Sets how much racks are short of coolant; those not named are not.
    pub fn set_choked(&mut self, choked: impl Iterator<Item = (usize, f32)>) {
        for r in &mut self.racks {
            r.choke = 0.0;
        }
        for (rack, share) in choked {
            self.racks[rack].choke = self.racks[rack].choke.max(share);
        }
    }

    /// Advances the plant by one tick with `gpu_watts` drawn by the GPUs of each rack, and reads
    /// all its points.
    pub fn advance(
        &mut self,
        topology: &Topology,
        (tick, time): (u64, Timestamp),
        gpu_watts: &[f32],
    ) -> Vec<FacilityReading> {
        let settle = if self.started { SETTLE } else { 1.0 };
        self.started = true;
        for ((state, rack), watts) in self.racks.iter_mut().zip(topology.racks()).zip(gpu_watts) {
            state.kw = state.fixed_kw + state.factor * watts / 1000.0;
            if is_liquid(topology, rack) {
                state.settle(settle);
            }
        }
        let mut out = Vec::with_capacity(8 * self.racks.len() + 5 * topology.cdu_count() + 64);
        for (i, rack) in topology.racks().iter().enumerate() {
            self.read_rack(topology, (RackId::new(i), rack), &mut out);
        }
        for i in 0..topology.cdu_count() {
            self.read_cdu(topology, CduId::new(i), &mut out);
        }
        for (i, hall) in topology.halls().iter().enumerate() {
            self.read_hall(HallId::new(i), hall.racks, tick, &mut out);
        }
        self.read_site(topology, (tick, time), &mut out);
        out
    }

    fn read_rack(&self, t: &Topology, (id, rack): (RackId, &Rack), out: &mut Vec<FacilityReading>) {
        let s = &self.racks[id.index()];
        let mut put = |point, value| out.push(FacilityReading::Rack(id, point, value));
        put(RackPoint::Power, s.kw);
        if !is_liquid(t, rack) {
            return;
        }
        put(RackPoint::LiquidSupply, s.supply);
        put(RackPoint::LiquidReturn, s.ret);
        put(RackPoint::LiquidFlow, s.flow);
        // The CDU holds the pressure of the row; a valve that is stuck keeps it from the flow.
        put(RackPoint::LiquidDp, 70.0 + 0.12 * s.flow + 40.0 * s.choke);
        put(RackPoint::Valve, (41.0 + 0.42 * s.flow - 35.0 * s.choke).clamp(0.0, 100.0));
        put(RackPoint::ShelvesOk, f32::from(t.rack_models()[rack.model].power_shelves));
        put(RackPoint::Leak, 0.0);
    }

    fn read_cdu(&self, t: &Topology, id: CduId, out: &mut Vec<FacilityReading>) {
        let row = t.row(t.cdu(id).0);
        let sum = self.sum(row.racks);
        let Some((supply, ret)) = sum.temps() else { return };
        let flow = sum.flow / row.cdus.len().max(1) as f32;
        let lead = (22.0 + 0.1 * flow).min(95.0);
        // Pumps take turns: every other CDU leads with its second one.
        let (one, two) = if id.0.is_multiple_of(2) { (lead, 0.0) } else { (0.0, lead) };
        let mut put = |point, value| out.push(FacilityReading::Cdu(id, point, value));
        put(CduPoint::SecondarySupply, supply);
        put(CduPoint::SecondaryReturn, ret);
        put(CduPoint::SecondaryFlow, flow);
        put(CduPoint::Pump1, one);
        put(CduPoint::Pump2, two);
    }

    fn read_hall(&self, id: HallId, racks: Span, tick: u64, out: &mut Vec<FacilityReading>) {
        let sum = self.sum(racks);
        let seed = hash(self.seed, 0xAA, u64::from(id.0));
        let mut put = |point, value| out.push(FacilityReading::Hall(id, point, value));
        put(HallPoint::Power, sum.kw * BESIDE_RACKS / 1000.0);
        if let Some((supply, ret)) = sum.temps() {
            put(HallPoint::LiquidSupply, supply);
            put(HallPoint::LiquidReturn, ret);
        }
        put(HallPoint::ColdAisle, 24.2 + 0.6 * unit(seed) + 0.4 * slow(seed, tick, 300));
        put(HallPoint::DewPoint, 8.0 + 1.5 * unit(mix_up(seed)) + 0.3 * slow(mix_up(seed), tick, 900));
    }

    fn read_site(&self, t: &Topology, (tick, time): (u64, Timestamp), out: &mut Vec<FacilityReading>) {
        let sum = self.sum(Span { start: 0, end: self.racks.len() as u32 });
        let noise = |what: u64, period| slow(hash(self.seed, 0x517E, what), tick, period);
        let it = sum.kw * BESIDE_RACKS / 1000.0;
        let outdoor = -7.0 + 3.0 * noon(time) + 1.5 * noise(1, 7200);
        let pue = 1.078 + 0.0006 * (outdoor + 7.0) + 0.004 * noise(2, 600);
        let all = it * pue;
        let feed_a = all * (0.5 + 0.008 * noise(3, 120));
        let mut put = |point, value| out.push(FacilityReading::Site(point, value));
        put(SitePoint::FacilityPower, all);
        put(SitePoint::ItPower, it);
        if t.plan().contract_mw > 0.0 {
            put(SitePoint::Contracted, t.plan().contract_mw);
        }
        put(SitePoint::FeedA, feed_a);
        put(SitePoint::FeedB, all - feed_a);
        put(SitePoint::Pue, pue);
        put(SitePoint::Frequency, 50.0 + 0.045 * noise(4, 90) + 0.025 * noise(5, 17) + 0.008 * noise(6, 3));
        put(SitePoint::HydroShare, 100.0);
        put(SitePoint::SpotPrice, self.spot_price(time));
        put(SitePoint::Outdoor, outdoor);
        if let Some((supply, ret)) = sum.temps() {
            put(SitePoint::HeatExport, 0.2 * sum.heat_kw / 1000.0);
            put(SitePoint::LiquidSupply, supply);
            put(SitePoint::LiquidReturn, ret);
        }
    }

    /// Price of the hour in bidding area NO4, NOK/MWh: low, as its lines out are narrow.
    fn spot_price(&self, time: Timestamp) -> f32 {
        let hour = time.secs().div_euclid(3600);
        let base = 90.0 + 160.0 * unit(hash(self.seed, 0x404, hour.div_euclid(24) as u64));
        let own = 0.85 + 0.3 * unit(hash(self.seed, 0x405, hour as u64));
        (base * own * 100.0 + 0.5).floor() / 100.0
    }

    fn sum(&self, racks: Span) -> Sum {
        let mut sum = Sum::default();
        for r in &self.racks[racks.range()] {
            sum.add(r);
        }
        sum
    }
}

impl RackState {
    fn settle(&mut self, share: f32) {
        let heat = self.kw * TO_LIQUID;
        self.heat_kw += (heat - self.heat_kw) * share;
        let kw = self.heat_kw / TO_LIQUID;
        let free = (RESERVE * needed_flow(kw, self.supply)).max(LEAST_FLOW);
        let goal = free + (STUCK_FLOW - free) * self.choke;
        self.flow += (goal - self.flow) * share;
        self.ret = self.supply + self.heat_kw * 60.0 / (COOLANT_KJ * self.flow.max(1.0));
    }
}

fn is_liquid(topology: &Topology, rack: &Rack) -> bool {
    topology.rack_models()[rack.model].cooling == Cooling::Liquid
}

const fn mix_up(seed: u64) -> u64 {
    crate::source::sim::noise::mix(seed)
}

/// How high the day is, -1 (midnight) to 1 (noon, local time), without a sine.
fn noon(time: Timestamp) -> f32 {
    let x = (time.secs() + 3600).rem_euclid(86_400) as f32 / 43_200.0 - 1.0;
    1.0 - 2.0 * x.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::SIM_EPOCH;

    fn at(kw_gpus: f32) -> (Topology, Vec<FacilityReading>) {
        let t = Topology::default_site();
        let mut plant = Plant::new(&t, 7);
        plant.supply(&t, 0);
        let watts = vec![kw_gpus * 1000.0; t.racks().len()];
        let readings = plant.advance(&t, (0, SIM_EPOCH), &watts);
        (t, readings)
    }

    fn site(readings: &[FacilityReading], point: SitePoint) -> f32 {
        let found = readings.iter().find_map(|r| match r {
            FacilityReading::Site(p, v) if *p == point => Some(*v),
            _ => None,
        });
        found.expect("the point is read")
    }

    fn racks(readings: &[FacilityReading], point: RackPoint) -> Vec<f32> {
        let of = |r: &FacilityReading| match r {
            FacilityReading::Rack(_, p, v) if *p == point => Some(*v),
            _ => None,
        };
        readings.iter().filter_map(of).collect()
    }

    #[test]
    fn a_full_rack_draws_its_rating_and_returns_at_52_to_56_degrees() {
        let (_, r) = at(72.0 * 1.278);
        assert!(racks(&r, RackPoint::Power).iter().all(|kw| (kw - 136.0).abs() < 1.0));
        assert!(racks(&r, RackPoint::LiquidReturn).iter().all(|c| (52.0..=56.0).contains(c)));
        assert!(racks(&r, RackPoint::ShelvesOk).iter().all(|n| *n == 8.0));
    }

    #[test]
    fn heat_in_the_coolant_is_what_the_rack_gives_it() {
        for kw in [12.0, 50.0, 92.0] {
            let (_, r) = at(kw);
            let power = racks(&r, RackPoint::Power)[5];
            let (flow, supply) = (racks(&r, RackPoint::LiquidFlow)[5], racks(&r, RackPoint::LiquidSupply)[5]);
            let heat = flow / 60.0 * COOLANT_KJ * (racks(&r, RackPoint::LiquidReturn)[5] - supply);
            assert!((0.94..=0.97).contains(&(heat / power)), "{kw}: {heat} of {power}");
        }
    }

    #[test]
    fn the_full_site_stays_below_its_contract_and_feeds_add_up() {
        let (_, r) = at(72.0 * 1.25);
        let all = site(&r, SitePoint::FacilityPower);
        assert!((190.0..230.0).contains(&all), "{all}");
        assert!((site(&r, SitePoint::FeedA) + site(&r, SitePoint::FeedB) - all).abs() < 0.01);
        let pue = all / site(&r, SitePoint::ItPower);
        assert!((pue - site(&r, SitePoint::Pue)).abs() < 1e-4 && (1.06..1.10).contains(&pue));
        assert_eq!(site(&r, SitePoint::Contracted), 230.0);
    }

    #[test]
    fn the_grid_stays_in_its_normal_band() {
        let t = Topology::default_site();
        let mut plant = Plant::new(&t, 1);
        let mut out = Vec::new();
        for tick in 0..5000 {
            plant.read_site(&t, (tick, SIM_EPOCH), &mut out);
        }
        let hz = out.iter().filter_map(|r| match r {
            FacilityReading::Site(SitePoint::Frequency, v) => Some(*v),
            _ => None,
        });
        let (mut low, mut high) = (99.0f32, 0.0f32);
        for v in hz {
            (low, high) = (low.min(v), high.max(v));
        }
        assert!(49.9 < low && low < 49.97 && 50.03 < high && high < 50.1, "{low} {high}");
        plant.supply(&t, 3);
    }

    #[test]
    fn a_choked_rack_returns_hot_water() {
        let t = Topology::default_site();
        let mut plant = Plant::new(&t, 7);
        plant.supply(&t, 0);
        plant.set_choked([(4, 1.0)].into_iter());
        let r = plant.advance(&t, (0, SIM_EPOCH), &vec![60_000.0; t.racks().len()]);
        let ret = racks(&r, RackPoint::LiquidReturn);
        assert!(ret[4] > ret[5] + 8.0 && ret[4] < 90.0, "{} {}", ret[4], ret[5]);
    }

    #[test]
    fn flow_grows_with_inlet_temperature_as_published() {
        for (t, f) in CURVE {
            assert!((needed_flow(136.0, t) - f).abs() < 0.01);
        }
        assert!(needed_flow(136.0, 99.0) <= 160.1 && needed_flow(0.0, 30.0) == 0.0);
    }
}
