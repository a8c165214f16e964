//! Power inside the halls: shelves of the racks, the two busways of each row, and the power brake
//! that halves the clocks when what is left cannot carry the load.
//!
//! An NVL72 rack has eight shelves of 33 kW, four on each busway; one side alone (132 kW) carries
//! less than a full rack with its transients, so the loss of a side ends in a power brake.

use crate::model::Topology;
use crate::model::topology::Rack;
use crate::source::sim::effect::Side;
use crate::source::sim::noise::{hash, slow};

/// Power of a shelf, as a share of rack power by shelf: 33 kW x 8 over 136 kW.
const SHELVES: f32 = 264.0 / 136.0;
/// Share of what the shelves can give above which transients trip the brake.
const BRAKE_AT: f32 = 0.85;
/// Share below which it lets go, after [`BRAKE_HOLD_S`].
const RELEASE_AT: f32 = 0.70;
/// Seconds that a brake is held at least.
const BRAKE_HOLD_S: u32 = 10;
/// Nominal voltage of a busway, V.
const NOMINAL_V: f32 = 415.0;
/// Power of a rack beside its GPUs, as a share of its rating, and of a rack without GPUs at work.
const FIXED: f32 = 0.0695;

/// Electrical state of one rack.
#[derive(Clone, Copy, Debug, Default)]
pub struct RackPower {
    /// Power beside the GPUs, kW, and power drawn by watt of GPU.
    pub fixed_kw: f32,
    /// See `fixed_kw`.
    pub factor: f32,
    /// Power that one shelf can give, kW.
    shelf_kw: f32,
    /// Shelves installed, and those that are out of order.
    shelves: u16,
    failed: u16,
    /// Shelves that have failed by themselves.
    pub worn: u16,
    /// Power drawn now, kW.
    pub kw: f32,
    /// Of it from busway A and B, kW.
    pub sides: [f32; 2],
    /// Clocks are held down by the power brake.
    pub brake: bool,
    held: u32,
    /// Switched off.
    pub isolated: bool,
}

impl RackPower {
    fn new(topology: &Topology, rack: &Rack) -> Self {
        let model = &topology.rack_models()[rack.model];
        let gpu_kw = rack.gpus.len() as f32 * topology.gpu_models()[model.gpu].tdp_w * 0.913 / 1000.0;
        if gpu_kw <= 0.0 {
            return Self { factor: 1.0, ..Self::default() };
        }
        let tdp = rated_kw(topology, rack);
        let shelves = model.power_shelves;
        Self {
            fixed_kw: FIXED * tdp,
            factor: ((1.0 - FIXED) * tdp / gpu_kw).max(1.05),
            shelf_kw: if shelves > 0 { SHELVES * tdp / f32::from(shelves) } else { 0.0 },
            shelves,
            ..Self::default()
        }
    }

    /// Shelves that work.
    #[must_use]
    pub const fn shelves_ok(&self) -> u16 {
        self.shelves.saturating_sub(self.failed + self.worn)
    }

    /// Sets how many shelves are out of order.
    pub fn fail_shelves(&mut self, count: u16) {
        self.failed = count.min(self.shelves);
    }

    /// A dip of voltage that the shelves do not ride through trips the brake.
    pub const fn shock(&mut self) {
        if self.shelves > 0 && !self.isolated {
            (self.brake, self.held) = (true, 0);
        }
    }

    /// What the shelves on each side can give, kW, with `live` busways.
    fn capacity(&self, live: [bool; 2]) -> [f32; 2] {
        // Shelves fail on side A first: the higher half of the rack hangs on B.
        let half = self.shelves.div_ceil(2);
        let a = half.saturating_sub(self.failed + self.worn);
        let b = self.shelves_ok() - a;
        let kw = |n: u16, live: bool| if live { f32::from(n) * self.shelf_kw } else { 0.0 };
        [kw(a, live[0]), kw(b, live[1])]
    }

    /// Advances by a second: the GPUs draw `gpu_w`, and would draw `free_w` without a brake.
    fn advance(&mut self, gpu_w: f32, free_w: f32, live: [bool; 2]) {
        if self.isolated {
            (self.kw, self.sides, self.brake) = (0.0, [0.0; 2], false);
            return;
        }
        self.kw = self.fixed_kw + self.factor * gpu_w / 1000.0;
        if self.shelves == 0 {
            self.sides = [0.0; 2];
            return;
        }
        let [a, b] = self.capacity(live);
        let all = a + b;
        if all <= 0.0 {
            // No supply at all: the rack is dark.
            (self.kw, self.sides, self.brake) = (0.0, [0.0; 2], false);
            return;
        }
        let free_kw = self.fixed_kw + self.factor * free_w / 1000.0;
        self.held += u32::from(self.brake);
        if !self.brake && free_kw > BRAKE_AT * all {
            (self.brake, self.held) = (true, 0);
        } else if self.brake && self.held >= BRAKE_HOLD_S && free_kw < RELEASE_AT * all {
            self.brake = false;
        }
        self.sides = [self.kw * a / all, self.kw * b / all];
    }

    /// True when no shelf gives power with `live` busways.
    fn dark(&self, live: [bool; 2]) -> bool {
        self.shelves > 0 && self.capacity(live).iter().sum::<f32>() <= 0.0
    }
}

/// Power that a rack is built for, kW; assumed where the topology does not say.
#[must_use]
pub fn rated_kw(topology: &Topology, rack: &Rack) -> f32 {
    let model = &topology.rack_models()[rack.model];
    let gpu_kw = rack.gpus.len() as f32 * topology.gpu_models()[model.gpu].tdp_w * 0.913 / 1000.0;
    if model.tdp_kw > 0.0 { model.tdp_kw } else { 1.5 * gpu_kw }
}

/// The two busways of a row.
#[derive(Clone, Copy, Debug)]
struct Busways {
    live: [bool; 2],
    limit_kw: f32,
}

/// Power of a row, as its meters show it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowReading {
    /// Active power of both busways, kW.
    pub kw: [f32; 2],
    /// Voltage of both, V.
    pub volts: [f32; 2],
    /// What one may carry, kW; 0 where the row has no busways.
    pub limit_kw: f32,
}

/// Racks and busways of the site.
#[derive(Clone, Debug)]
pub struct Power {
    seed: u64,
    /// The racks, in the order of their ids.
    pub racks: Vec<RackPower>,
    rows: Vec<Busways>,
}

impl Power {
    /// The electrics of `topology`.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64) -> Self {
        let racks: Vec<_> = topology.racks().iter().map(|r| RackPower::new(topology, r)).collect();
        let limit = |r: &crate::model::topology::Row| {
            let half = |p: &RackPower| f32::from(p.shelves) / 2.0 * p.shelf_kw;
            racks[r.racks.range()].iter().map(half).sum()
        };
        let rows = topology.rows().iter().map(|r| Busways { live: [true; 2], limit_kw: limit(r) }).collect();
        Self { seed, racks, rows }
    }

    /// Switches a busway of row `row`.
    pub fn switch(&mut self, row: usize, side: Side, live: bool) {
        self.rows[row].live[side.index()] = live;
    }

    /// True when rack `rack` of row `row` gets no power at all.
    #[must_use]
    pub fn dark(&self, row: usize, rack: usize) -> bool {
        self.racks[rack].isolated || self.racks[rack].dark(self.rows[row].live)
    }

    /// Advances all racks by a second; `gpu_w` is drawn by the GPUs of each, `free_w` would be
    /// drawn without brakes.
    pub fn advance(&mut self, topology: &Topology, gpu_w: &[f32], free_w: &[f32]) {
        for (row, busways) in topology.rows().iter().zip(&self.rows) {
            for r in row.racks.range() {
                self.racks[r].advance(gpu_w[r], free_w[r], busways.live);
            }
        }
    }

    /// What the meters of row `row` with racks `racks` show at `tick`.
    #[must_use]
    pub fn read_row(&self, row: usize, racks: std::ops::Range<usize>, tick: u64) -> RowReading {
        let b = &self.rows[row];
        let mut kw = [0.0; 2];
        for r in &self.racks[racks] {
            kw[0] += r.sides[0];
            kw[1] += r.sides[1];
        }
        let volts = |side: usize| {
            let wander = slow(hash(self.seed, 0xB0 + side as u64, row as u64), tick, 40);
            // A loaded busway sags by 2 % at its rating, and by no more than a tenth.
            let sag = if b.limit_kw > 0.0 { (0.02 * kw[side] / b.limit_kw).min(0.1) } else { 0.0 };
            if b.live[side] { NOMINAL_V * (1.01 - sag + 0.003 * wander) } else { 0.0 }
        };
        RowReading { kw, volts: [volts(0), volts(1)], limit_kw: b.limit_kw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(power: &mut Power, t: &Topology, free: f32, gpu: f32) -> (RackPower, RowReading) {
        let n = t.racks().len();
        power.advance(t, &vec![gpu; n], &vec![free; n]);
        (power.racks[0], power.read_row(0, t.rows()[0].racks.range(), 5))
    }

    const FULL: f32 = 72.0 * 1278.0;

    #[test]
    fn a_full_rack_draws_its_rating_from_both_sides_alike() {
        let t = Topology::default_site();
        let (rack, row) = run(&mut Power::new(&t, 7), &t, FULL, FULL);
        assert!((rack.kw - 136.0).abs() < 0.5 && (rack.sides[0] - rack.sides[1]).abs() < 1e-3);
        assert_eq!((rack.shelves_ok(), rack.brake), (8, false));
        assert!((row.kw[0] - 544.0).abs() < 3.0 && (row.limit_kw - 1056.0).abs() < 1.0, "{row:?}");
        assert!(row.volts.iter().all(|v| (405.0..425.0).contains(v)));
    }

    #[test]
    fn idle_racks_draw_what_the_published_curve_has() {
        let t = Topology::default_site();
        let (rack, _) = run(&mut Power::new(&t, 7), &t, 72.0 * 180.0, 72.0 * 180.0);
        assert!((rack.kw - 27.3).abs() < 0.3, "{}", rack.kw);
        let (rack, _) = run(&mut Power::new(&t, 7), &t, 72.0 * 607.0, 72.0 * 607.0);
        assert!((rack.kw - 69.5).abs() < 0.3, "{}", rack.kw);
    }

    #[test]
    fn a_lost_side_doubles_the_other_and_brakes() {
        let t = Topology::default_site();
        let mut p = Power::new(&t, 7);
        p.switch(0, Side::A, false);
        let (rack, row) = run(&mut p, &t, FULL, FULL);
        assert!(row.kw[0] == 0.0 && row.volts[0] == 0.0 && (row.kw[1] - 1088.0).abs() < 4.0, "{row:?}");
        assert!(rack.brake);
        let (rack, row) = run(&mut p, &t, FULL, FULL * 0.475);
        assert!(rack.brake && (row.kw[1] - 556.0).abs() < 10.0, "it stays while the load would be too high");
        p.switch(0, Side::A, true);
        for _ in 0..11 {
            run(&mut p, &t, FULL, FULL * 0.475);
        }
        assert!(!p.racks[0].brake);
    }

    #[test]
    fn a_rack_at_rest_needs_no_brake() {
        let t = Topology::default_site();
        let mut p = Power::new(&t, 7);
        p.switch(0, Side::B, false);
        let (rack, _) = run(&mut p, &t, 72.0 * 180.0, 72.0 * 180.0);
        assert!(!rack.brake && rack.sides[1] == 0.0);
    }

    #[test]
    fn failed_shelves_shift_the_load_and_both_sides_gone_is_dark() {
        let t = Topology::default_site();
        let mut p = Power::new(&t, 7);
        p.racks[0].fail_shelves(1);
        let (rack, _) = run(&mut p, &t, FULL, FULL);
        assert!(rack.shelves_ok() == 7 && rack.sides[0] < rack.sides[1] && !rack.brake, "{rack:?}");
        p.switch(0, Side::A, false);
        p.switch(0, Side::B, false);
        let (rack, _) = run(&mut p, &t, FULL, 0.0);
        assert!(p.dark(0, 0) && rack.kw == 0.0);
        assert!(!p.dark(1, 8));
    }
}
