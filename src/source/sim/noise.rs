//! Repeatable randomness without state: integer hashes, and numbers made from them.
//!
//! Only integer operations and the exactly rounded `+ - * /` of IEEE 754 are used, never a function
//! of the C library, so that every machine draws the same numbers.

/// Mixes all bits of `x` into all bits of the answer (the finalizer of SplitMix64).
#[must_use]
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A hash of two numbers under a seed.
#[must_use]
pub const fn hash(seed: u64, a: u64, b: u64) -> u64 {
    mix(mix(seed ^ a.wrapping_mul(0xD6E8_FEB8_6659_FD93)) ^ b)
}

/// A cheap 32-bit hash for the loop over all GPUs.
#[inline]
#[must_use]
pub const fn fast(index: u32, salt: u32) -> u32 {
    let x = index.wrapping_mul(0x9E37_79B1) ^ salt;
    let x = (x ^ (x >> 15)).wrapping_mul(0x2C1B_3C6D);
    let x = (x ^ (x >> 12)).wrapping_mul(0x297A_2D39);
    x ^ (x >> 15)
}

/// A number in [0, 1) from the upper bits of a hash.
#[must_use]
pub const fn unit(h: u64) -> f32 {
    (h >> 40) as f32 * (1.0 / 16_777_216.0)
}

/// A nearly normal number, mean 0, deviation 1, within ±3.47: the sum of four uniform ones.
#[must_use]
pub fn bell(h: u64) -> f32 {
    let sum = (h & 0xFFFF) + (h >> 16 & 0xFFFF) + (h >> 32 & 0xFFFF) + (h >> 48);
    (sum as f32 * (1.0 / 65_536.0) - 2.0) * 1.732_050_8
}

/// Slow noise in [-1, 1]: a new random level every `period` ticks, with straight lines between.
#[must_use]
pub fn slow(seed: u64, tick: u64, period: u64) -> f32 {
    let (n, part) = (tick / period, tick % period);
    let level = |n| unit(hash(seed, n, 0x510)) * 2.0 - 1.0;
    let (a, b) = (level(n), level(n + 1));
    a + (b - a) * (part as f32 / period as f32)
}

/// Natural logarithm of a positive normal number, exact to 1e-8, from `+ - * /` alone: the one of
/// the C library differs in its last bits from machine to machine.
#[must_use]
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i64 - 1023;
    let mantissa = f64::from_bits(bits & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000);
    // ln(m) = 2 artanh((m - 1) / (m + 1)), whose argument stays below a third.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let tail = q * (1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q / 15.0)));
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + tail)));
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * series
}

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of `seed` for one purpose.
    #[must_use]
    pub const fn new(seed: u64, purpose: u64) -> Self {
        Self(hash(seed, purpose, 0x5EED))
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A whole number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// A whole number from `low` to `high`, both included.
    pub fn whole(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A number in [`low`, `high`).
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * unit(self.bits())
    }

    /// A number in [0, 1) in the finest steps there are.
    pub fn part(&mut self) -> f64 {
        ((self.bits() >> 11) as f64) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// True with probability `p` (0 to 1).
    pub fn chance(&mut self, p: f64) -> bool {
        self.part() < p
    }

    /// A gap of a Poisson process of `rate` events a second, s: exponentially distributed, without
    /// end when `rate` is 0.
    pub fn gap(&mut self, rate: f64) -> f64 {
        let above_zero = ((self.bits() >> 11) + 1) as f64 * (1.0 / 9_007_199_254_740_992.0);
        if rate > 0.0 { -ln(above_zero) / rate } else { f64::INFINITY }
    }

    /// One of `items`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// Puts `items` into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bell_has_mean_zero_and_deviation_one() {
        let values: Vec<f64> = (0..20_000).map(|i| f64::from(bell(mix(i)))).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.05, "{mean} {var}");
    }

    #[test]
    fn hashes_are_pinned_so_that_no_machine_differs() {
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(fast(0, 0), 0);
        assert_ne!(hash(1, 2, 3), hash(1, 3, 2));
    }

    #[test]
    fn slow_noise_is_bounded_and_never_jumps() {
        let mut last = slow(9, 0, 60);
        for t in 1..6000 {
            let v = slow(9, t, 60);
            assert!((-1.0..=1.0).contains(&v) && (v - last).abs() <= 2.0 / 60.0 + 1e-5);
            last = v;
        }
    }

    #[test]
    fn the_logarithm_is_that_of_the_library() {
        let mut x = 1.1e-16f64;
        while x < 1e9 {
            assert!((ln(x) - x.ln()).abs() < 1e-8, "{x}: {} {}", ln(x), x.ln());
            x *= 1.000_37;
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn gaps_have_the_mean_and_the_deviation_of_their_rate() {
        let mut rng = Rng::new(5, 9);
        let gaps: Vec<f64> = (0..40_000).map(|_| rng.gap(0.25)).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let var = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 4.0).abs() < 0.08 && (var.sqrt() - 4.0).abs() < 0.15, "{mean} {var}");
        assert_eq!(rng.gap(0.0), f64::INFINITY);
    }

    #[test]
    fn ranges_hold_and_chances_come_about() {
        let mut rng = Rng::new(7, 1);
        let mut hits = 0;
        for _ in 0..10_000 {
            assert!((3..=9).contains(&rng.whole(3, 9)));
            assert!((0.5..0.6).contains(&rng.between(0.5, 0.6)));
            hits += u32::from(rng.chance(0.25));
        }
        assert!((2300..2700).contains(&hits), "{hits}");
        assert_eq!(rng.below(0), 0);
    }
}
