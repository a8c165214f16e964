//! A ramp: the colours of a scale, from the low end to the high end, in 16 steps that look equally
//! large (interpolated in CAM02-UCS).

use crate::ui::theme::cam02::Ucs;
use crate::ui::theme::color::Rgb;

/// Steps of a ramp.
pub const LEVELS: usize = 16;
/// Steps that stay distinct in the 256 colours of xterm.
pub const INDEXED_LEVELS: usize = 8;

/// The colours of a scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramp {
    stops: Vec<Rgb>,
}

impl Ramp {
    /// A ramp through `stops`, low end first. `None` with fewer than two of them.
    #[must_use]
    pub fn new(stops: Vec<Rgb>) -> Option<Self> {
        (stops.len() >= 2).then_some(Self { stops })
    }

    /// The stops, low end first.
    #[must_use]
    pub fn stops(&self) -> &[Rgb] {
        &self.stops
    }

    /// The colour at `t`, 0..=1 from the low end to the high end.
    #[must_use]
    pub fn at(&self, t: f64) -> Rgb {
        self.ucs_at(t).rgb()
    }

    fn ucs_at(&self, t: f64) -> Ucs {
        let spans = self.stops.len() - 1;
        let x = t.clamp(0.0, 1.0) * spans as f64;
        let i = (x as usize).min(spans - 1);
        Ucs::from(self.stops[i]).mix(Ucs::from(self.stops[i + 1]), x - i as f64)
    }

    /// The 16 colours in 24 bits.
    #[must_use]
    pub fn levels(&self) -> [Rgb; LEVELS] {
        std::array::from_fn(|i| self.at(i as f64 / (LEVELS - 1) as f64))
    }

    /// Eight indices of xterm's 256 colours: near the ramp, distinct, and strictly monotone in
    /// lightness. A ramp too short for that repeats its last colour.
    #[must_use]
    pub fn indexed(&self) -> [u8; INDEXED_LEVELS] {
        let colours: Vec<(u8, Ucs)> = (16..=255).map(|i| (i, Ucs::from(Rgb::of_index(i)))).collect();
        let rising = self.ucs_at(1.0).j >= self.ucs_at(0.0).j;
        let beyond = |c: &Ucs, last: f64| if rising { c.j > last + 1.0 } else { c.j < last - 1.0 };
        let mut last = if rising { f64::MIN } else { f64::MAX };
        let mut out = [16; INDEXED_LEVELS];
        for step in 0..INDEXED_LEVELS {
            let want = self.ucs_at(step as f64 / (INDEXED_LEVELS - 1) as f64);
            let near = colours
                .iter()
                .filter(|(_, c)| beyond(c, last))
                .min_by(|a, b| want.distance(a.1).total_cmp(&want.distance(b.1)));
            if let Some((i, c)) = near {
                out[step..].fill(*i);
                last = c.j;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nordlys() -> Ramp {
        let stops = ["#0c1626", "#12405c", "#1f7a80", "#7fb5a5"].map(|s| Rgb::parse(s).expect("valid"));
        Ramp::new(stops.to_vec()).expect("four stops")
    }

    #[test]
    fn ends_and_stops_are_met_exactly() {
        let levels = nordlys().levels();
        assert_eq!(levels[0], Rgb(0x0c, 0x16, 0x26));
        assert_eq!(levels[5], Rgb(0x12, 0x40, 0x5c));
        assert_eq!(levels[15], Rgb(0x7f, 0xb5, 0xa5));
    }

    #[test]
    fn one_colour_is_no_ramp() {
        assert_eq!(Ramp::new(vec![Rgb(1, 2, 3)]), None);
    }

    #[test]
    fn indexed_levels_are_distinct_and_monotone() {
        let rising = nordlys().indexed();
        let falling = Ramp::new(nordlys().stops().iter().rev().copied().collect()).expect("stops").indexed();
        for (ramp, sign) in [(rising, 1.0), (falling, -1.0)] {
            for pair in ramp.windows(2) {
                let [a, b] = [pair[0], pair[1]].map(|i| Ucs::from(Rgb::of_index(i)).j);
                assert!((b - a) * sign > 0.0, "{ramp:?}");
            }
        }
    }

    #[test]
    fn steps_look_equally_large() {
        let levels = nordlys().levels();
        let d = levels.windows(2).map(|w| Ucs::from(w[0]).distance(Ucs::from(w[1])));
        let (min, max) = d.fold((f64::MAX, 0.0f64), |(lo, hi), v| (lo.min(v), hi.max(v)));
        assert!(max / min < 2.0, "{min}..{max}");
    }
}
