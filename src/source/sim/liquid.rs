//! A rack as a body of metal and coolant: what flows through it, how warm it gets, and how much of
//! its heat goes into the coolant and how much into the air.
//!
//! Metal and coolant are one mass of 260 kJ/K that follows the mean of supply and
//! return. Heat splits between two published points: 94.5 to 96.8 % went into the coolant on live
//! racks of 35 to 48 kW, 116 of 136 kW do at full power (see decision 7).

use crate::model::coolant::CURVE_KW;
pub use crate::model::coolant::{COOLANT_KJ, DESIGN_SUPPLY_C, needed_flow};

/// Heat capacity of metal and coolant of a rack of [`CURVE_KW`], kJ/K.
const MASS_KJ: f32 = 260.0;
/// Flow that is never gone below while the valve is controlled, as a share of the design flow.
const LEAST: f32 = 0.58;
/// Speed of the valve, % of its way in a second.
const VALVE_PER_S: f32 = 1.5;
/// Share of the way that the valve's idea of the heat goes in one second (about 12 s).
const SETTLE: f32 = 0.08;
/// Heat lost to the air of the hall by a rack hotter than it is in normal operation, kW/K.
const LEAKY_KW: f32 = 0.12;
/// Mean coolant temperature up to which the split alone counts, °C.
const NORMAL_C: f32 = 42.5;
/// Differential pressure over a rack at full head, kPa (live racks: 78 to 81).
const DESIGN_DP_KPA: f32 = 80.0;

/// Share of rack power that goes into the coolant at `load` (power by rated power).
#[must_use]
pub fn liquid_share(load: f32) -> f32 {
    // 95.65 % at 41.5 kW and 116/136 at 136 kW, on a straight line.
    (1.0019 - 0.1489 * load).clamp(0.5, 0.97)
}

/// (1 - exp(-x)) / x for x >= 0, to 1 % up to x = 2 and never unstable.
#[must_use]
pub fn decay(x: f32) -> f32 {
    1.0 / (1.0 + x * (0.5 + x * (1.0 / 12.0)))
}

/// State of the coolant side of one rack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Liquid {
    rated_kw: f32,
    design_flow: f32,
    /// What the valve control believes the heat to be, kW.
    believed_kw: f32,
    /// Valve, %.
    pub valve: f32,
    /// Flow, LPM.
    pub flow: f32,
    /// Temperature of what flows in, °C.
    pub supply_c: f32,
    /// Mean temperature of metal and coolant, °C.
    pub mass_c: f32,
    /// Heat that the coolant carries away now, kW.
    pub carried_kw: f32,
    /// Heat that the air carries away now, kW.
    pub air_kw: f32,
    /// Differential pressure, kPa.
    pub dp_kpa: f32,
    /// Share of the pressure that a leak costs, 0 to 1.
    pub leak: f32,
    /// Shut off.
    pub isolated: bool,
    stuck: Option<Stuck>,
}

#[derive(Clone, Copy, Debug)]
struct Stuck {
    at: f32,
    per_s: f32,
}

impl Liquid {
    /// A rack built for `rated_kw`.
    #[must_use]
    pub fn new(rated_kw: f32) -> Self {
        let rated_kw = rated_kw.max(1.0);
        Self {
            rated_kw,
            design_flow: needed_flow(rated_kw, DESIGN_SUPPLY_C),
            supply_c: DESIGN_SUPPLY_C,
            mass_c: DESIGN_SUPPLY_C,
            valve: 100.0,
            ..Self::default()
        }
    }

    /// Temperature of what flows out, °C.
    #[must_use]
    pub fn return_c(&self) -> f32 {
        2.0 * self.mass_c - self.supply_c
    }

    /// Flow by design flow.
    #[must_use]
    pub fn relative_flow(&self) -> f32 {
        self.flow / self.design_flow
    }

    /// Lets the valve stick at `percent`, reached within `seconds`; `None` frees it.
    pub fn stick(&mut self, stuck: Option<(f32, u32)>) {
        self.stuck = stuck.map(|(percent, seconds)| Stuck {
            at: percent.clamp(0.0, 100.0),
            per_s: (self.valve - percent).abs() / seconds.max(1) as f32,
        });
    }

    /// How far a stuck valve keeps the rack from the flow that it needs, 0 to 1.
    #[must_use]
    pub fn choke(&self) -> f32 {
        if self.stuck.is_some() { (1.0 - self.valve / 100.0).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Moves the flow by a second: the pumps hold `head` (0 to 1, of the design flow with the
    /// valve wide open), and coolant of `supply` °C comes in.
    pub fn circulate(&mut self, head: f32, supply: f32) {
        self.supply_c = supply;
        let (goal, per_s) = self.valve_goal(head);
        self.valve += (goal - self.valve).clamp(-per_s, per_s);
        self.pump(head);
    }

    /// Takes in the heat of a second in which the rack draws `kw`.
    pub fn warm(&mut self, kw: f32) {
        self.believed_kw += (kw - self.believed_kw) * SETTLE;
        self.heat(kw, MASS_KJ * self.rated_kw / CURVE_KW);
    }

    /// Goes to where both would end with nothing else changing.
    pub fn settle(&mut self, kw: f32, head: f32, supply: f32) {
        (self.believed_kw, self.supply_c) = (kw, supply);
        self.valve = self.valve_goal(head).0;
        self.pump(head);
        for _ in 0..8 {
            self.heat(kw, 0.0);
        }
    }

    fn valve_goal(&self, head: f32) -> (f32, f32) {
        match self.stuck {
            Some(s) => (s.at, s.per_s),
            None => {
                let flow = needed_flow(self.believed_kw, self.supply_c).max(LEAST * self.design_flow);
                ((flow / (self.design_flow * head.max(0.05)) * 100.0).min(100.0), VALVE_PER_S)
            }
        }
    }

    fn pump(&mut self, head: f32) {
        let head = if self.isolated { 0.0 } else { head };
        self.flow = self.design_flow * self.valve / 100.0 * head * (1.0 - 0.5 * self.leak);
        // A valve that is nearly shut keeps the pressure of the row; a leak takes it away.
        self.dp_kpa = DESIGN_DP_KPA * head * head * (1.0 - self.leak) * (1.0 + 0.4 * self.choke());
    }

    fn heat(&mut self, kw: f32, mass_kj: f32) {
        let hot = (self.mass_c - NORMAL_C).max(0.0) * LEAKY_KW * self.rated_kw / CURVE_KW;
        let liquid = kw * liquid_share(kw / self.rated_kw) - hot;
        // Return is as far above the mean as supply is below it.
        let per_k = 2.0 * self.flow / 60.0 * COOLANT_KJ;
        let before = self.mass_c;
        if mass_kj > 0.0 {
            let rate = (liquid - per_k * (before - self.supply_c)) / mass_kj;
            self.mass_c += rate * decay(per_k / mass_kj);
        } else {
            self.mass_c = self.supply_c + (liquid / per_k.max(0.05)).clamp(0.0, 60.0);
        }
        let mean = if mass_kj > 0.0 { 0.5 * (before + self.mass_c) } else { self.mass_c };
        self.carried_kw = per_k * (mean - self.supply_c);
        self.air_kw = kw - liquid;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Liquid {
        fn advance(&mut self, kw: f32, head: f32, supply: f32) {
            self.circulate(head, supply);
            self.warm(kw);
        }
    }

    fn full() -> Liquid {
        let mut rack = Liquid::new(136.0);
        rack.settle(136.0, 1.0, 32.0);
        rack
    }

    #[test]
    fn the_curve_goes_through_the_published_points() {
        for (t, f) in crate::model::coolant::CURVE {
            assert!((needed_flow(136.0, t) - f).abs() < 0.01);
        }
        assert!(needed_flow(136.0, 99.0) <= 160.1 && needed_flow(0.0, 30.0) == 0.0);
    }

    #[test]
    fn a_full_rack_returns_at_53_degrees_with_its_valve_open() {
        let rack = full();
        assert!((rack.flow - 82.9).abs() < 0.2 && rack.valve > 99.0, "{rack:?}");
        assert!((rack.return_c() - 53.0).abs() < 0.3, "{}", rack.return_c());
        assert!((rack.dp_kpa - 80.0).abs() < 1.0);
    }

    #[test]
    fn heat_splits_as_measured_at_40_kw_and_as_rated_at_136() {
        for (kw, low, high) in [(35.0, 0.945, 0.97), (48.0, 0.945, 0.97), (136.0, 0.845, 0.858)] {
            let mut rack = Liquid::new(136.0);
            rack.settle(kw, 1.0, 32.0);
            let share = rack.carried_kw / kw;
            assert!((low..=high).contains(&share), "{kw} kW: {share}");
            assert!((rack.carried_kw + rack.air_kw - kw).abs() < 0.005 * kw, "heat is neither made nor lost");
        }
    }

    #[test]
    fn on_the_curve_the_return_stays_between_51_and_56_degrees() {
        for supply in [25.0, 30.0, 32.0] {
            let mut rack = Liquid::new(136.0);
            rack.settle(136.0, 1.0, supply);
            assert!((51.0..=56.0).contains(&rack.return_c()), "{supply}: {}", rack.return_c());
        }
    }

    #[test]
    fn without_flow_it_warms_by_less_than_half_a_kelvin_a_second() {
        let mut rack = full();
        let before = rack.mass_c;
        rack.advance(136.0, 0.02, 32.0);
        let rise = rack.mass_c - before;
        assert!((0.40..0.46).contains(&rise), "{rise}");
        for _ in 0..20 {
            rack.advance(136.0, 0.02, 32.0);
        }
        assert!((50.0..52.5).contains(&rack.mass_c), "{}", rack.mass_c);
    }

    #[test]
    fn a_stuck_valve_starves_the_rack_and_keeps_the_pressure() {
        let mut rack = full();
        rack.stick(Some((24.0, 60)));
        for _ in 0..60 {
            rack.advance(136.0, 1.0, 32.0);
        }
        assert!((rack.valve - 24.0).abs() < 0.1 && rack.flow < 21.0 && rack.dp_kpa > 95.0, "{rack:?}");
        rack.stick(None);
        for _ in 0..120 {
            rack.advance(136.0, 1.0, 32.0);
        }
        assert!(rack.flow > 80.0);
    }

    #[test]
    fn decay_is_the_mean_of_an_exponential() {
        for x in [0.001f32, 0.1, 0.5, 1.0, 2.0] {
            let exact = (1.0 - (-f64::from(x)).exp()) / f64::from(x);
            assert!((f64::from(decay(x)) - exact).abs() < 0.01 * exact, "{x}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_happens_to_a_rack_breaks_physics(
            steps in proptest::collection::vec((0.0f32..300.0, 0.0f32..1.5, 5.0f32..60.0, 0.0f32..1.0), 1..200)
        ) {
            let mut rack = Liquid::new(136.0);
            for (kw, head, supply, leak) in steps {
                rack.leak = leak;
                rack.isolated = leak > 0.9;
                rack.advance(kw, head, supply);
                prop_assert!(rack.mass_c.is_finite() && rack.mass_c > 0.0 && rack.mass_c < 400.0);
                prop_assert!(rack.flow >= 0.0 && rack.dp_kpa >= 0.0 && (0.0..=100.0).contains(&rack.valve));
            }
        }
    }
}
