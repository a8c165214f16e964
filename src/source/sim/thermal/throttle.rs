//! What holds single GPUs down: their own protection against heat, caps by firmware, and slow
//! silicon.
//!
//! Protection works at the margins of the part: software takes power away from 2.5 K below hardware
//! slowdown on, hardware halves the clocks at slowdown and lets go 10 K below it, and at shutdown the
//! GPU leaves the bus.

use std::ops::Range;

use crate::model::ClockEvents;
use crate::source::sim::thermal::Chip;

/// Share of power and of clock that hardware slowdown leaves.
pub const SLOWED_POWER: f32 = 0.475;
/// See [`SLOWED_POWER`].
pub const SLOWED_CLOCK: f32 = 0.5;
/// Power that software takes away in a second per kelvin above its threshold, share of full; and
/// what it gives back per kelvin below.
const TAKE: f32 = 0.05;
const GIVE: f32 = 0.004;
/// Hardware lets go this far below slowdown, K.
const LET_GO: f32 = 10.0;

/// What holds each GPU down.
#[derive(Clone, Debug)]
pub struct Held {
    /// Share of power and of clock in effect.
    pub power: Vec<f32>,
    /// See `power`.
    pub clock: Vec<f32>,
    /// Clock-event bits of protection.
    pub bits: Vec<u16>,
    /// Share of power that protection leaves.
    heat: Vec<f32>,
    slowed: Vec<bool>,
    /// Caps that do not come from heat: power, clock.
    caps: Vec<(f32, f32)>,
}

/// What protection did to a range of GPUs in one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Protected {
    /// Some GPU is held down by heat.
    pub active: bool,
    /// Some bit changed.
    pub changed: bool,
    /// GPUs that shut themselves down now.
    pub shut: Vec<usize>,
}

impl Held {
    /// Nothing holds `count` GPUs down.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            power: vec![1.0; count],
            clock: vec![1.0; count],
            bits: vec![0; count],
            heat: vec![1.0; count],
            slowed: vec![false; count],
            caps: vec![(1.0, 1.0); count],
        }
    }

    /// Caps GPU `g` at these shares of its power and clock; 1, 1 frees it.
    pub fn cap(&mut self, g: usize, power: f32, clock: f32) {
        self.caps[g] = (power.clamp(0.05, 1.0), clock.clamp(0.05, 1.0));
        self.join(g);
    }

    /// Forgets heat: the GPU was reset, or lost its power.
    pub fn reset(&mut self, g: usize) {
        (self.heat[g], self.slowed[g], self.bits[g]) = (1.0, false, 0);
        self.join(g);
    }

    fn join(&mut self, g: usize) {
        let heat = self.heat[g];
        self.power[g] = self.caps[g].0.min(heat);
        // Clocks follow power: all at 1, half at what hardware leaves.
        let clock = 1.0 - (1.0 - heat) * ((1.0 - SLOWED_CLOCK) / (1.0 - SLOWED_POWER));
        self.clock[g] = self.caps[g].1.min(clock);
    }

    /// Lets protection look at the temperatures `temp` of the GPUs in `range`, parts of `chip`.
    pub fn protect(&mut self, range: Range<usize>, temp: &[f32], chip: &Chip) -> Protected {
        let mut out = Protected::default();
        for (g, t) in range.zip(temp) {
            let bits = self.one(g, *t, chip);
            if *t >= chip.shutdown_c {
                out.shut.push(g);
            }
            out.changed |= bits != self.bits[g];
            out.active |= self.heat[g] < 1.0;
            self.bits[g] = bits;
        }
        out
    }

    fn one(&mut self, g: usize, t: f32, chip: &Chip) -> u16 {
        if t >= chip.slowdown_c {
            self.slowed[g] = true;
        } else if t < chip.slowdown_c - LET_GO {
            self.slowed[g] = false;
        }
        let over = t - chip.software_c;
        let before = self.heat[g];
        let heat = if self.slowed[g] {
            SLOWED_POWER
        } else if over >= 0.0 {
            (before - TAKE * over).max(SLOWED_POWER)
        } else {
            (before - GIVE * over).min(1.0)
        };
        if heat != before {
            self.heat[g] = heat;
            self.join(g);
        }
        match (self.slowed[g], over >= 0.0 || heat < 1.0) {
            (true, _) => ClockEvents::HW_SLOWDOWN | ClockEvents::HW_THERMAL | ClockEvents::SW_THERMAL,
            (false, true) => ClockEvents::SW_THERMAL,
            (false, false) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Topology;

    fn chip() -> Chip {
        let t = Topology::default_site();
        Chip::new(&t.gpu_models()[0], &t.rack_models()[0])
    }

    #[test]
    fn protection_acts_at_the_margins_of_the_part() {
        let (mut held, chip) = (Held::new(1), chip());
        let mut at = |t: f32| {
            let p = held.protect(0..1, &[t], &chip);
            (held.power[0], held.bits[0], p)
        };
        assert_eq!(at(86.4).1, 0);
        let soft = at(87.5);
        assert!((soft.0 - 0.95).abs() < 1e-4 && soft.1 == ClockEvents::SW_THERMAL && soft.2.changed);
        let hard = at(89.0);
        assert_eq!(hard.0, SLOWED_POWER);
        assert!(hard.1 & ClockEvents::HW_THERMAL != 0 && hard.2.active);
        assert_eq!(at(85.9).0, SLOWED_POWER, "it holds until it is 10 K cooler");
        assert!(at(78.0).0 > SLOWED_POWER);
        assert_eq!(at(92.0).2.shut, [0]);
    }

    #[test]
    fn clocks_are_halved_with_the_power() {
        let (mut held, chip) = (Held::new(1), chip());
        held.protect(0..1, &[90.0], &chip);
        assert!((held.clock[0] - 0.5).abs() < 1e-4);
        held.reset(0);
        assert_eq!((held.clock[0], held.power[0], held.bits[0]), (1.0, 1.0, 0));
    }

    #[test]
    fn the_tighter_of_cap_and_heat_counts() {
        let (mut held, chip) = (Held::new(1), chip());
        held.cap(0, 0.7, 0.75);
        assert_eq!((held.power[0], held.clock[0]), (0.7, 0.75));
        held.protect(0..1, &[90.0], &chip);
        assert_eq!(held.power[0], SLOWED_POWER);
        held.reset(0);
        held.cap(0, 1.0, 1.0);
        assert_eq!(held.power[0], 1.0);
    }

    #[test]
    fn software_settles_instead_of_swinging() {
        let (mut held, chip) = (Held::new(1), chip());
        // A rack with a quarter of its flow: 90 K/kW in all, half of it in the slow mass.
        let (mut mass, mut t) = (50.0f32, 75.0f32);
        let mut last = Vec::new();
        for s in 0..900 {
            let kw = 1.278 * held.power[0];
            mass += (35.0 + 34.0 * kw - mass) * 0.03;
            t += (mass + 34.0 * kw - t) * 0.09;
            held.protect(0..1, &[t], &chip);
            if s > 600 {
                last.push(t);
            }
        }
        let (low, high) = last.iter().fold((200.0f32, 0.0f32), |(a, b), t| (a.min(*t), b.max(*t)));
        assert!(low > 82.0 && high < 89.0, "{low} to {high}");
    }
}
