//! The site on the grid: two feeds, battery, frequency, what the grid asks for and how the site
//! answers, ramps, the price of the hour, and what cooling and losses add to the IT load.
//!
//! Terms are those of DSX Flex (target, power_maximum_constraint, compliant). The site's electrics
//! are invented; limits come from the topology.

use crate::model::topology::Topology;
use crate::model::{SitePoint, Timestamp};
use crate::source::sim::effect::Side;
use crate::source::sim::noise::{hash, slow, unit};

/// Seconds over which the ramp is measured.
const RAMP_S: usize = 10;
/// Band of frequency in which the battery rests, Hz, and deviation at which it gives all, Hz.
const DEAD_HZ: f32 = 0.1;
const FULL_HZ: f32 = 0.5;
/// Charge that the battery is kept at, %.
const KEPT: f32 = 80.0;
/// Fastest change of the site's own cap, share of full power in a second.
const SHED_PER_S: f32 = 0.01;
/// Seconds that the site has to reach a new target before it counts as not compliant.
const ANSWER_S: u32 = 60;
/// Voltage, % of nominal, and time, ms, that power shelves ride through.
const RIDE_THROUGH: (f32, u32) = (90.0, 20);
/// Swing of frequency by swing of load: the Nordic grid has some 8,000 MW/Hz.
const HZ_PER_MW: f32 = 1.0 / 8000.0;

/// Losses of transformers and lines, pumps, and the rest, as shares of the IT load.
const LOSSES: f32 = 0.024;
const PUMPS: f32 = 0.012;
const HOUSE: f32 = 0.014;
/// Dry coolers at -7 °C, share of the IT load, and what each kelvin adds.
const FANS: (f32, f32) = (0.010, 0.0006);
/// Power of air handlers by heat that they move.
const AIR_HANDLERS: f32 = 0.10;

#[derive(Clone, Copy, Debug)]
struct Dip {
    hz: f32,
    fall: u32,
    recover: u32,
    age: u32,
}

impl Dip {
    /// How far frequency is off, Hz.
    fn depth(&self) -> f32 {
        let t = self.age as f32;
        let (fall, recover) = (self.fall.max(1) as f32, self.recover.max(1) as f32);
        let all = 50.0 - self.hz;
        if t < fall { all * t / fall } else { all * (1.0 - (t - fall) / recover).max(0.0) }
    }
}

/// What the halls need in this second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demand {
    /// IT load, MW.
    pub it_mw: f32,
    /// Heat in coolant and in air, MW.
    pub liquid_mw: f32,
    /// See `liquid_mw`.
    pub air_mw: f32,
    /// Amplitude of power swings, MW, and the job with the largest part, as its slot.
    pub oscillation: (f32, u16),
    /// Coolant supply and return of the site, °C; `None` where nothing flows.
    pub coolant: Option<(f32, f32)>,
}

/// State of the site towards the grid.
#[derive(Clone, Debug)]
pub struct Grid {
    seed: u64,
    contract_mw: f32,
    terms: crate::model::topology::Grid,
    live: [bool; 2],
    dip: Option<Dip>,
    sag: Option<(f32, u32)>,
    charge: f32,
    battery_mw: f32,
    target: Option<(f32, u32)>,
    had_target: bool,
    shed: f32,
    past: [f32; RAMP_S],
    started: bool,
    facility_mw: f32,
}

impl Grid {
    /// The grid interface of `topology`.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64) -> Self {
        Self {
            seed,
            contract_mw: topology.plan().contract_mw,
            terms: topology.plan().grid.clone(),
            live: [true; 2],
            dip: None,
            sag: None,
            charge: KEPT,
            battery_mw: 0.0,
            target: None,
            had_target: false,
            shed: 1.0,
            past: [0.0; RAMP_S],
            started: false,
            facility_mw: 0.0,
        }
    }

    /// Switches a feed.
    pub fn switch(&mut self, side: Side, live: bool) {
        self.live[side.index()] = live;
    }

    /// Frequency falls to `hz` within `fall` seconds and recovers within `recover` more.
    pub fn dip(&mut self, hz: f32, fall: u32, recover: u32) {
        self.dip = Some(Dip { hz, fall, recover, age: 0 });
    }

    /// Voltage falls to `percent` of nominal for `ms`. True when shelves do not ride through it.
    pub fn sag(&mut self, percent: f32, ms: u32) -> bool {
        self.sag = Some((percent, ms.div_ceil(1000).max(1)));
        percent < RIDE_THROUGH.0 && ms > RIDE_THROUGH.1
    }

    /// The grid asks for at most `mw`; `None` ends that.
    pub fn ask(&mut self, mw: Option<f32>) {
        self.target = mw.map(|mw| (mw, 0));
    }

    /// Share of their power that jobs may draw, so that the site keeps to its target.
    #[must_use]
    pub const fn shed(&self) -> f32 {
        self.shed
    }

    /// True when no feed is live.
    #[must_use]
    pub const fn dark(&self) -> bool {
        !self.live[0] && !self.live[1]
    }

    /// Advances by a second and hands each point of the site to `put`; `None` = no longer there.
    pub fn advance(
        &mut self,
        (tick, time): (u64, Timestamp),
        demand: &Demand,
        put: &mut dyn FnMut(SitePoint, Option<f32>),
    ) {
        let seed = self.seed;
        let noise = |what: u64, period| slow(hash(seed, 0x517E, what), tick, period);
        let outdoor = -7.0 + 3.0 * noon(time) + 1.5 * noise(1, 7200);
        let plant = plant_mw(demand, outdoor) * (1.0 + 0.02 * noise(2, 600));
        let hz = self.frequency(tick, demand.oscillation.0);
        let split = 0.5 + 0.008 * noise(3, 120);
        self.facility_mw = if self.dark() { 0.0 } else { demand.it_mw + plant };
        let drawn = self.draw(hz);
        self.follow_target();
        put(SitePoint::FacilityPower, Some(self.facility_mw));
        put(SitePoint::ItPower, Some(demand.it_mw));
        put(SitePoint::PlantPower, Some(plant));
        let pue = (demand.it_mw > 0.0).then(|| (demand.it_mw + plant) / demand.it_mw);
        put(SitePoint::Pue, pue);
        put(SitePoint::Frequency, Some(hz));
        put(SitePoint::HydroShare, Some(self.terms.hydro_percent));
        put(SitePoint::SpotPrice, Some(self.spot_price(time)));
        put(SitePoint::Outdoor, Some(outdoor));
        put(SitePoint::BmsHeartbeat, Some((tick % 10) as f32));
        self.put_feeds(tick, (drawn, split), put);
        self.put_terms(drawn, put);
        self.put_heat(demand, outdoor, put);
        put(SitePoint::Oscillation, Some(demand.oscillation.0));
        put(SitePoint::OscillationJob, Some(f32::from(demand.oscillation.1)));
    }

    fn frequency(&mut self, tick: u64, swing_mw: f32) -> f32 {
        let seed = self.seed;
        let noise = |what: u64, period| slow(hash(seed, 0x517E, what), tick, period);
        let calm = 50.0 + 0.045 * noise(4, 90) + 0.025 * noise(5, 17) + 0.008 * noise(6, 3);
        let ripple = swing_mw * HZ_PER_MW * noise(7, 1);
        let Some(dip) = &mut self.dip else { return calm + ripple };
        dip.age += 1;
        let depth = dip.depth();
        if dip.age > dip.fall + dip.recover {
            self.dip = None;
        }
        // The deeper it is, the less its own wandering shows.
        50.0 - depth + (calm - 50.0) * (1.0 - (depth.abs() / 0.4).min(0.9)) + ripple
    }

    /// Power drawn from the feeds, MW: the battery answers frequency, and keeps ramps in limits.
    fn draw(&mut self, hz: f32) -> f32 {
        let off = 50.0 - hz;
        let droop = ((off.abs() - DEAD_HZ) / (FULL_HZ - DEAD_HZ)).clamp(0.0, 1.0) * self.terms.bess_mw;
        let keep = ((self.charge - KEPT) * 0.1).clamp(-1.0, 1.0) * 0.05 * self.terms.bess_mw;
        let wish = if off.abs() > DEAD_HZ { if off > 0.0 { droop } else { -droop } } else { keep };
        let mut drawn = self.facility_mw - wish;
        if !self.started {
            (self.started, self.past) = (true, [drawn; RAMP_S]);
        }
        let last = self.past[RAMP_S - 1];
        if self.terms.ramp_mw_s > 0.0 && off.abs() <= DEAD_HZ {
            drawn = drawn.clamp(last - self.terms.ramp_mw_s, last + self.terms.ramp_mw_s);
        }
        let top = self.terms.bess_mw;
        let up = if self.charge > 2.0 { top } else { 0.0 };
        let down = if self.charge < 98.0 { top } else { 0.0 };
        self.battery_mw = (self.facility_mw - drawn).clamp(-down, up);
        if self.terms.bess_mwh > 0.0 {
            let used = self.battery_mw / 3600.0 / self.terms.bess_mwh * 100.0;
            self.charge = (self.charge - used).clamp(0.0, 100.0);
        }
        let drawn = (self.facility_mw - self.battery_mw).max(0.0);
        self.past.rotate_left(1);
        self.past[RAMP_S - 1] = drawn;
        drawn
    }

    /// The most that the site may draw now, MW; `None` where nothing is agreed.
    fn ceiling(&self) -> Option<f32> {
        let contract = Some(self.contract_mw).filter(|mw| *mw > 0.0);
        match (self.target, contract) {
            (Some((mw, _)), Some(top)) => Some(mw.min(top)),
            (Some((mw, _)), None) => Some(mw),
            (None, top) => top,
        }
    }

    fn follow_target(&mut self) {
        if let Some((_, age)) = &mut self.target {
            *age += 1;
        }
        let step = match self.ceiling() {
            Some(top) if self.facility_mw > 0.985 * top => -SHED_PER_S,
            Some(top) if self.facility_mw > 0.965 * top => 0.0,
            _ => SHED_PER_S,
        };
        self.shed = (self.shed + step).clamp(0.1, 1.0);
    }

    fn put_feeds(&self, tick: u64, (drawn, split): (f32, f32), put: &mut dyn FnMut(SitePoint, Option<f32>)) {
        let a = match self.live {
            [true, true] => drawn * split,
            [true, false] => drawn,
            _ => 0.0,
        };
        let feeds = [a, if self.live[1] { drawn - a } else { 0.0 }];
        put(SitePoint::FeedA, Some(feeds[0]));
        put(SitePoint::FeedB, Some(feeds[1]));
        for (i, point) in [SitePoint::VoltageA, SitePoint::VoltageB].into_iter().enumerate() {
            let wander = 0.004 * slow(hash(self.seed, 0x517F, i as u64), tick, 60);
            let load = if self.contract_mw > 0.0 { 0.03 * feeds[i] / self.contract_mw } else { 0.0 };
            let sag = self.sag.map_or(1.0, |(percent, _)| percent / 100.0);
            let kv = if self.live[i] { self.terms.feed_kv * (1.03 - load + wander) * sag } else { 0.0 };
            put(point, Some(kv));
        }
    }

    fn put_terms(&mut self, drawn: f32, put: &mut dyn FnMut(SitePoint, Option<f32>)) {
        if let Some((_, seconds)) = &mut self.sag {
            *seconds -= 1;
        }
        self.sag = self.sag.filter(|(_, seconds)| *seconds > 0);
        let contract = Some(self.contract_mw).filter(|mw| *mw > 0.0);
        put(SitePoint::Contracted, contract);
        put(SitePoint::PowerMaximum, self.ceiling());
        if self.target.is_some() || self.had_target {
            put(SitePoint::LoadTarget, self.target.map(|(mw, _)| mw));
        }
        self.had_target = self.target.is_some();
        let late = self.target.is_none_or(|(_, age)| age > ANSWER_S);
        let over = self.ceiling().is_some_and(|top| drawn > top);
        put(SitePoint::Compliant, Some(if over && late { 0.0 } else { 1.0 }));
        put(SitePoint::Ramp, Some((drawn - self.past[0]) / (RAMP_S - 1) as f32));
        put(SitePoint::RampLimit, Some(self.terms.ramp_mw_s).filter(|r| *r > 0.0));
        if self.terms.bess_mw > 0.0 {
            put(SitePoint::BessPower, Some(self.battery_mw));
            put(SitePoint::BessCharge, Some(self.charge));
        }
    }

    fn put_heat(&self, demand: &Demand, outdoor: f32, put: &mut dyn FnMut(SitePoint, Option<f32>)) {
        let Some((supply, back)) = demand.coolant else { return };
        let heat = demand.liquid_mw + demand.air_mw;
        // The colder it is, the more of it is wanted.
        let wanted = self.terms.heat_export_mw * (0.75 - 0.02 * outdoor).clamp(0.2, 1.0);
        let export = wanted.min(0.4 * demand.liquid_mw).max(0.0);
        put(SitePoint::HeatExport, Some(export));
        put(SitePoint::HeatRejection, Some((heat - export).max(0.0)));
        put(SitePoint::LiquidSupply, Some(supply));
        put(SitePoint::LiquidReturn, Some(back));
    }

    /// Price of the hour, NOK/MWh: low and steady, as in NO4, whose lines out are narrow.
    fn spot_price(&self, time: Timestamp) -> f32 {
        let hour = time.secs().div_euclid(3600);
        let base = 90.0 + 160.0 * unit(hash(self.seed, 0x404, hour.div_euclid(24) as u64));
        let own = 0.85 + 0.3 * unit(hash(self.seed, 0x405, hour as u64));
        (base * own * 100.0 + 0.5).floor() / 100.0
    }
}

/// What cooling and losses draw, MW.
fn plant_mw(d: &Demand, outdoor: f32) -> f32 {
    let fans = (FANS.0 + FANS.1 * (outdoor + 7.0)).max(0.002);
    d.it_mw * (LOSSES + PUMPS + HOUSE + fans) + AIR_HANDLERS * d.air_mw.max(0.0)
}

/// How high the day is, -1 (midnight) to 1 (noon, local time), without a sine.
fn noon(time: Timestamp) -> f32 {
    let x = (time.secs() + 3600).rem_euclid(86_400) as f32 / 43_200.0 - 1.0;
    1.0 - 2.0 * x.abs()
}

#[cfg(test)]
mod tests;
