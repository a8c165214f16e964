//! What is published about the coolant of liquid-cooled racks.
//!
//! The curve is that of an NVL72 rack (NVIDIA, 136 kW: 65.1 LPM at 25 °C inlet to 160 LPM at 45 °C).

/// Heat capacity of the coolant (PG25), kJ per litre and kelvin.
pub const COOLANT_KJ: f32 = 3.98;
/// Flow that a rack needs at 136 kW by inlet temperature: °C, LPM.
pub const CURVE: [(f32, f32); 5] = [(25.0, 65.1), (30.0, 76.5), (35.0, 92.6), (40.0, 117.5), (45.0, 160.0)];
/// Rack power that the curve is for, kW.
pub const CURVE_KW: f32 = 136.0;

/// Inlet temperature that the loop is designed for: there a full rack has its valve wide open, °C.
pub const DESIGN_SUPPLY_C: f32 = 32.0;

/// Flow that a rack of `kw` needs at inlet temperature `supply`, LPM; NaN where one is not known.
#[must_use]
pub fn needed_flow(kw: f32, supply: f32) -> f32 {
    if kw.is_nan() || supply.is_nan() {
        return f32::NAN;
    }
    let s = supply.clamp(CURVE[0].0, CURVE[4].0);
    let i = CURVE.partition_point(|(t, _)| *t <= s).clamp(1, 4);
    let ((t0, f0), (t1, f1)) = (CURVE[i - 1], CURVE[i]);
    (f0 + (f1 - f0) * (s - t0) / (t1 - t0)) * kw.max(0.0) / CURVE_KW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_grow_with_power_and_inlet() {
        assert!((needed_flow(136.0, 25.0) - 65.1).abs() < 0.01);
        assert!((needed_flow(68.0, 45.0) - 80.0).abs() < 0.01);
        assert!(needed_flow(-1.0, 60.0) == 0.0);
    }
}
