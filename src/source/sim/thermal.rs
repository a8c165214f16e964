//! GPUs as bodies that draw power and get warm: what differs from GPU to GPU, and the loop over
//! all of them that makes the measured columns of a tick.
//!
//! Temperature follows power with one time constant (die and cold plate: 350 J/K at 0.02 K/W at
//! design flow). The loops are split by column and hold nothing but IEEE additions and
//! multiplications, so they vectorize and give the same bits everywhere.

pub mod throttle;

use std::ops::Range;

use crate::model::topology::{Cooling, GpuModel, RackModel};
use crate::source::sim::columns::Sheet;
use crate::source::sim::liquid::decay;
use crate::source::sim::noise::{bell, fast, hash, unit};

/// Heat capacity of die and cold plate, J/K.
const BODY_J: f32 = 350.0;
/// Power of a GPU that computes without a pause, as a share of its power limit. GB300: 1,302 W of
/// 1,400 W, between the 1,250 and 1,300 W measured under load.
const FULL: f32 = 0.93;
/// Core over coolant at design flow, K/W of a GPU of 1,400 W.
const RESISTANCE: f32 = 0.02;
/// Power limit that [`RESISTANCE`] and [`BODY_J`] are for, W.
const RESISTANCE_W: f32 = 1400.0;
/// Part of the resistance that the flow makes, and the relative flow below which it gets no worse.
const BY_FLOW: f32 = 0.36;
const LEAST_FLOW: f32 = 0.1;
/// Rise of an air-cooled core over the air at 91 % of the power limit, K.
const RISE_AIR: f32 = 40.0;
/// Memory over core by its own load at full power, by rise of the core over its coolant.
const HBM_RISE: f32 = 4.0 / 25.6;
/// Software slows a GPU down this far below hardware slowdown, K.
const SW_BELOW: f32 = 2.5;

/// GPUs that go through the loops at a time: their values stay in the nearest cache.
const BLOCK: usize = 128;

/// What one generation of GPUs in one type of rack can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// Power at idle, W.
    pub idle_w: f32,
    /// Power when computing without a pause, W.
    pub full_w: f32,
    /// Highest SM clock, MHz.
    pub max_mhz: f32,
    /// SM clock at idle, MHz.
    pub idle_mhz: f32,
    /// Memory, MiB.
    pub memory_mib: f32,
    /// Temperature at which the margin is used up, °C.
    pub zero_margin_c: f32,
    /// Temperature from which software lowers power, °C.
    pub software_c: f32,
    /// Temperature at which hardware halves the clocks, °C.
    pub slowdown_c: f32,
    /// Temperature at which the GPU shuts itself down, °C.
    pub shutdown_c: f32,
    /// Core over coolant at design flow, K/W.
    pub resistance: f32,
    /// Heat capacity of die and cold plate, J/K.
    pub body_j: f32,
}

impl Chip {
    /// The chip of `model` in a rack of type `rack`.
    #[must_use]
    pub fn new(model: &GpuModel, rack: &RackModel) -> Self {
        let tdp = model.tdp_w.max(1.0);
        let liquid = rack.cooling == Cooling::Liquid;
        let resistance = if liquid { RESISTANCE * RESISTANCE_W / tdp } else { RISE_AIR / (0.91 * tdp) };
        Self {
            idle_w: model.idle_w.clamp(0.0, tdp),
            full_w: tdp * FULL,
            max_mhz: model.max_clock_mhz,
            idle_mhz: model.idle_clock_mhz.clamp(0.0, model.max_clock_mhz.max(0.0)),
            memory_mib: model.memory_mib as f32,
            zero_margin_c: model.zero_margin_c,
            slowdown_c: model.slowdown_c,
            software_c: model.slowdown_c - SW_BELOW,
            shutdown_c: model.shutdown_c.max(model.slowdown_c),
            resistance,
            body_j: BODY_J * tdp / RESISTANCE_W,
        }
    }

    /// Core over coolant at `flow` (by design flow), K/W: the film of coolant gets thicker.
    #[must_use]
    pub fn resistance_at(&self, flow: f32) -> f32 {
        let root = flow.max(LEAST_FLOW).sqrt();
        self.resistance * (1.0 - BY_FLOW + BY_FLOW / (root * root.sqrt()))
    }

    /// Share of the way to its final temperature that a GPU with `resistance` goes in a second.
    #[must_use]
    pub fn relax(&self, resistance: f32) -> f32 {
        let x = 1.0 / (resistance * self.body_j);
        (x * decay(x)).min(1.0)
    }
}

/// What the GPUs of a run are made to do in one tick.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Drive {
    /// Power of an average GPU, W.
    pub power_w: f32,
    /// How much of the GPU's own deviation in power shows (1 = all).
    pub spread: f32,
    /// Relative noise of power from tick to tick.
    pub jitter: f32,
    /// Utilization, %, and how far it may fall below by noise.
    pub util: (f32, f32),
    /// SM clock, MHz.
    pub clock_mhz: f32,
    /// SM activity, %.
    pub activity: f32,
    /// Temperature of what cools the GPU, °C.
    pub coolant_c: f32,
    /// Core over coolant, K/W.
    pub resistance: f32,
    /// Power that it never falls below, W.
    pub rest_w: f32,
    /// 1 when caps and throttling of the single GPU count, 0 when it rests.
    pub limit: f32,
    /// Temperature at which the margin is used up, °C.
    pub zero_margin_c: f32,
    /// How far core temperature goes to its final value in this tick: 1 in the first one.
    pub relax: f32,
    /// Clock-event bits.
    pub events: u16,
}

/// What differs from GPU to GPU and never changes, and the temperature of each.
#[derive(Clone, Debug)]
pub struct Gpus {
    spread: Vec<f32>,
    heat: Vec<f32>,
    hbm: Vec<f32>,
    sense: Vec<f32>,
    clock: Vec<f32>,
    /// Core temperature, °C.
    pub temp: Vec<f32>,
    /// What holds single GPUs down.
    pub held: throttle::Held,
}

impl Gpus {
    /// The thermal interface of GPU `g` is `by` times as bad as it was (below 1: it is mended).
    pub fn worsen(&mut self, g: usize, by: f32) {
        self.heat[g] *= by;
    }

    /// `count` GPUs of the site `seed`: power differs by 1.5 % (deviation), thermal resistance by
    /// 3 %, the sensor behind the margin by up to 1.5 K, clocks by 0.8 %, and memory is 2.6 to
    /// 5.6 K warmer than the core before its own load.
    #[must_use]
    pub fn new(count: usize, seed: u64) -> Self {
        let draw = |what: u64, f: fn(u64) -> f32| (0..count as u64).map(|g| f(hash(seed, what, g))).collect();
        Self {
            spread: draw(1, |h| 0.015 * bell(h)),
            heat: draw(2, |h| 1.0 + 0.03 * bell(h).clamp(-2.5, 2.5)),
            hbm: draw(3, |h| 2.6 + 3.0 * unit(h)),
            sense: draw(4, |h| 3.0 * unit(h) - 1.5),
            clock: draw(5, |h| 1.0 + 0.008 * bell(h)),
            temp: vec![0.0; count],
            held: throttle::Held::new(count),
        }
    }

    /// Advances the GPUs in `range` by one tick under `drive` and writes their columns. `salt`
    /// makes the noise of the tick. Answers the sum of their power, W, and the temperature of the
    /// hottest, °C.
    pub fn advance(
        &mut self,
        range: Range<usize>,
        drive: &Drive,
        salt: u32,
        sheet: &mut Sheet,
    ) -> (f32, f32) {
        let (mut watts, mut hottest) = (0, 0.0f32);
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + BLOCK);
            let (w, h) = self.advance_block(start..end, drive, salt, sheet);
            (watts, hottest) = (watts + w, hottest.max(h));
            start = end;
        }
        (watts as f32, hottest)
    }

    fn advance_block(&mut self, r: Range<usize>, drive: &Drive, salt: u32, sheet: &mut Sheet) -> (u32, f32) {
        let mut noise = [0u32; BLOCK];
        let noise = &mut noise[..r.len()];
        for (i, n) in noise.iter_mut().enumerate() {
            *n = fast(r.start as u32 + i as u32, salt);
        }
        let power = &mut sheet.power[r.clone()];
        draw_power(drive, noise, (&self.spread[r.clone()], &self.held.power[r.clone()]), power);
        let temp = &mut self.temp[r.clone()];
        warm(drive, power, &self.heat[r.clone()], temp);
        core(temp, &mut sheet.temp[r.clone()]);
        memory(drive, (temp, power), &self.hbm[r.clone()], &mut sheet.mem_temp[r.clone()]);
        margin(drive, temp, &self.sense[r.clone()], &mut sheet.margin[r.clone()]);
        let (util, activity) = (&mut sheet.util[r.clone()], &mut sheet.activity[r.clone()]);
        busy(drive, noise, util, activity);
        clocks(drive, noise, (&self.clock[r.clone()], &self.held.clock[r.clone()]), &mut sheet.clock[r]);
        (power.iter().map(|p| u32::from(*p)).sum(), hottest_of(temp))
    }

    /// Replaces what [`Gpus::advance`] wrote for one GPU that does something else than its run:
    /// it draws `power` W and was at `before` °C. Answers its new temperature, °C.
    pub fn single(&mut self, g: usize, drive: &Drive, before: f32, sheet: &mut Sheet) -> f32 {
        let power = drive.power_w.max(0.0);
        let goal = drive.coolant_c + power * drive.resistance * self.heat[g];
        let temp = before + (goal - before) * drive.relax;
        self.temp[g] = temp;
        let r = g..g + 1;
        sheet.power[g] = pack(power) as u16;
        core(&[temp], &mut sheet.temp[r.clone()]);
        memory(
            drive,
            (&[temp], &sheet.power[r.clone()]),
            &self.hbm[r.clone()],
            &mut sheet.mem_temp[r.clone()],
        );
        margin(drive, &[temp], &self.sense[r.clone()], &mut sheet.margin[r]);
        sheet.util[g] = pack(drive.util.0) as u8;
        sheet.activity[g] = pack(drive.activity * 2.0) as u8;
        sheet.clock[g] = pack((drive.clock_mhz * self.clock[g] / 15.0).clamp(0.0, 254.0)) as u8;
        temp
    }
}

/// Rounds a number from 0 to 4 million to the nearest whole one, in two instructions: the lower
/// bits of a float beside 2^23 are the whole number.
#[inline]
fn pack(x: f32) -> u32 {
    (x + 8_388_608.0).to_bits() & 0x007F_FFFF
}

/// A byte of `h` as a number in [-1, 1].
#[inline]
fn byte(h: u32, shift: u32) -> f32 {
    (h >> shift & 0xFF) as f32 * (2.0 / 255.0) - 1.0
}

/// The highest of `temp`, in four lanes, so that it vectorizes.
fn hottest_of(temp: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 4];
    let (quads, rest) = temp.as_chunks::<4>();
    for quad in quads {
        for (lane, t) in lanes.iter_mut().zip(quad) {
            *lane = if *t > *lane { *t } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(0.0, |a, t| a.max(*t))
}

fn draw_power(d: &Drive, noise: &[u32], (spread, held): (&[f32], &[f32]), out: &mut [u16]) {
    // Two bytes make a triangle of deviation 0.816.
    let jitter = d.jitter * (1.0 / 0.816);
    for (((out, spread), held), h) in out.iter_mut().zip(spread).zip(held).zip(noise) {
        let noise = (byte(*h, 0) + byte(*h, 8)) * jitter;
        let held = 1.0 + (held - 1.0) * d.limit;
        let power = (d.power_w * held).max(d.rest_w) * (1.0 + spread * d.spread + noise);
        *out = pack(power.clamp(0.0, 60_000.0)) as u16;
    }
}

fn warm(d: &Drive, power: &[u16], heat: &[f32], temp: &mut [f32]) {
    for ((temp, power), heat) in temp.iter_mut().zip(power).zip(heat) {
        let goal = d.coolant_c + f32::from(*power) * d.resistance * heat;
        *temp += (goal - *temp) * d.relax;
    }
}

fn core(temp: &[f32], out: &mut [u8]) {
    for (out, temp) in out.iter_mut().zip(temp) {
        *out = pack(temp.clamp(0.0, 254.0)) as u8;
    }
}

fn memory(d: &Drive, (temp, power): (&[f32], &[u16]), hbm: &[f32], out: &mut [u8]) {
    // At full power memory adds 4 K of its own; resistance * power is the rise of the core.
    let own = d.resistance * HBM_RISE;
    for (((out, temp), power), hbm) in out.iter_mut().zip(temp).zip(power).zip(hbm) {
        let above = (hbm + f32::from(*power) * own).min(10.4);
        *out = pack((temp + above).clamp(0.0, 254.0)) as u8;
    }
}

fn margin(d: &Drive, temp: &[f32], sense: &[f32], out: &mut [u8]) {
    let zero = d.zero_margin_c + 40.0;
    for ((out, temp), sense) in out.iter_mut().zip(temp).zip(sense) {
        *out = pack((zero - temp + sense).clamp(0.0, 254.0)) as u8;
    }
}

fn busy(d: &Drive, noise: &[u32], util: &mut [u8], activity: &mut [u8]) {
    for ((util, activity), h) in util.iter_mut().zip(activity).zip(noise) {
        let fall = (h >> 16 & 0xFF) as f32 * (1.0 / 255.0);
        *util = pack((d.util.0 - d.util.1 * fall * fall).clamp(0.0, 100.0)) as u8;
        let wobble = 1.0 + 0.04 * byte(*h, 24);
        *activity = pack((d.activity * 2.0 * wobble).clamp(0.0, 200.0)) as u8;
    }
}

fn clocks(d: &Drive, noise: &[u32], (own, held): (&[f32], &[f32]), out: &mut [u8]) {
    // Only clocks that power holds down wander; a resting clock stands still.
    let wander = if d.jitter > 0.0 && d.activity > 1.0 { 0.5 } else { 0.0 };
    let base = d.clock_mhz / 15.0;
    for (((out, own), held), h) in out.iter_mut().zip(own).zip(held).zip(noise) {
        let held = 1.0 + (held - 1.0) * d.limit;
        *out = pack((base * own * held + wander * byte(*h, 4)).clamp(0.0, 254.0)) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Metric, Topology};

    fn chip() -> Chip {
        let t = Topology::default_site();
        Chip::new(&t.gpu_models()[0], &t.rack_models()[0])
    }

    fn drive(power_w: f32) -> Drive {
        let chip = chip();
        Drive {
            power_w,
            spread: 1.0,
            jitter: 0.006,
            util: (99.0, 2.0),
            clock_mhz: 1800.0,
            activity: 45.0,
            coolant_c: 42.5,
            resistance: chip.resistance,
            rest_w: 0.0,
            limit: 1.0,
            zero_margin_c: chip.zero_margin_c,
            relax: 1.0,
            events: 0,
        }
    }

    #[test]
    fn packing_rounds_like_the_metric_does() {
        for v in [0.0f32, 0.4, 0.6, 17.0, 99.51, 254.0, 1234.4, 60_000.0] {
            assert_eq!(pack(v), v.round() as u32, "{v}");
        }
        for m in [Metric::Util, Metric::Temp, Metric::Power] {
            assert_eq!(u32::from(m.encode(61.7)), pack(61.7));
        }
        assert_eq!(u32::from(Metric::Margin.encode(20.2)), pack(60.2));
        assert_eq!(u32::from(Metric::SmClock.encode(1807.0)), pack(1807.0 / 15.0));
        assert_eq!(u32::from(Metric::Activity.encode(33.4)), pack(66.8));
    }

    #[test]
    fn idle_and_load_are_as_warm_as_measured() {
        let (mut gpus, mut sheet) = (Gpus::new(400, 1), Sheet::new(400));
        let mean = |s: &Sheet| s.temp.iter().map(|t| f64::from(*t)).sum::<f64>() / 400.0;
        gpus.advance(0..400, &Drive { coolant_c: 36.0, ..drive(170.0) }, 5, &mut sheet);
        assert!((38.0..41.0).contains(&mean(&sheet)), "{}", mean(&sheet));
        gpus.advance(0..400, &drive(1275.0), 6, &mut sheet);
        assert!((65.0..70.0).contains(&mean(&sheet)), "{}", mean(&sheet));
        assert!(sheet.temp.iter().zip(&sheet.mem_temp).all(|(t, m)| (2..=11).contains(&(m - t))));
    }

    #[test]
    fn temperature_follows_power_with_seven_seconds() {
        let (mut gpus, mut sheet) = (Gpus::new(1, 1), Sheet::new(1));
        gpus.advance(0..1, &drive(170.0), 1, &mut sheet);
        let start = gpus.temp[0];
        let step = Drive { relax: chip().relax(0.02), jitter: 0.0, ..drive(1275.0) };
        for _ in 0..7 {
            gpus.advance(0..1, &step, 1, &mut sheet);
        }
        let after_seven = gpus.temp[0];
        for _ in 0..60 {
            gpus.advance(0..1, &step, 1, &mut sheet);
        }
        let share = (after_seven - start) / (gpus.temp[0] - start);
        assert!((share - 0.632).abs() < 0.01, "{share}");
    }

    #[test]
    fn power_differs_from_gpu_to_gpu_by_one_and_a_half_percent() {
        let (mut gpus, mut sheet) = (Gpus::new(5000, 3), Sheet::new(5000));
        let (sum, _) = gpus.advance(0..5000, &drive(1250.0), 9, &mut sheet);
        let mean = f64::from(sum) / 5000.0;
        let var = sheet.power.iter().map(|p| (f64::from(*p) - mean).powi(2)).sum::<f64>() / 5000.0;
        let relative = var.sqrt() / mean;
        assert!((0.015..0.02).contains(&relative), "{relative}");
    }

    #[test]
    fn less_flow_makes_the_core_warmer_up_to_a_point() {
        let c = chip();
        let rise = |flow: f32| c.resistance_at(flow) * 1278.0;
        assert!((rise(1.0) - 25.6).abs() < 0.1);
        // Published curve: 69.0 °C at 95 %, 70.5 °C at 88 % of the flow.
        assert!((rise(0.95) - 25.97).abs() < 0.15 && (rise(0.88) - 26.6).abs() < 0.2);
        assert_eq!(rise(0.02), rise(0.1));
        assert!((2.6..2.9).contains(&(rise(0.02) / rise(1.0))));
    }

    #[test]
    fn a_held_gpu_draws_less_and_a_resting_one_does_not_care() {
        let (mut gpus, mut sheet) = (Gpus::new(2, 3), Sheet::new(2));
        gpus.held.cap(0, 0.5, 0.6);
        gpus.advance(0..2, &drive(1200.0), 9, &mut sheet);
        assert!((560..640).contains(&sheet.power[0]) && sheet.power[1] > 1100, "{:?}", sheet.power);
        assert!(f32::from(sheet.clock[0]) < 0.65 * f32::from(sheet.clock[1]));
        gpus.advance(0..2, &Drive { limit: 0.0, ..drive(170.0) }, 9, &mut sheet);
        assert!(sheet.power[0] > 150);
    }

    #[test]
    fn a_worse_thermal_interface_shows() {
        let (mut gpus, mut sheet) = (Gpus::new(2, 3), Sheet::new(2));
        gpus.worsen(1, 1.5);
        gpus.advance(0..2, &drive(1200.0), 9, &mut sheet);
        assert!(sheet.temp[1] > sheet.temp[0] + 8, "{:?}", sheet.temp);
    }
}
