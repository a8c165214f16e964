//! A ramp: the colours of a scale, from the low end to the high end, in 16 steps that look equally
//! large (interpolated in CAM02-UCS).

use crate::ui::theme::cam02::Ucs;
use crate::ui::theme::color::{Cube, Rgb};

/// Steps of a ramp.
pub const LEVELS: usize = 16;
/// Steps that stay distinct in the 256 colours of xterm.
pub const INDEXED_LEVELS: usize = 8;
/// Least distance of an indexed level from the ground: a value of zero is not nothing.
const GROUND_DE: f64 = 3.0;

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

    /// Eight indices of xterm's 256 colours: distinct, strictly monotone in lightness, and as near
    /// to the ramp as that allows, and none of them the colour of the `ground` that they stand on.
    /// A ramp too short for eight of them repeats its last colour.
    #[must_use]
    pub fn indexed(&self, cube: &Cube, ground: Rgb) -> [u8; INDEXED_LEVELS] {
        let rise = self.ucs_at(1.0).j - self.ucs_at(0.0).j;
        let sign = if rise < 0.0 { -1.0 } else { 1.0 };
        let ground = Ucs::from(Rgb::of_index(cube.nearest(ground)));
        let seen = |c: &&(u8, Ucs)| c.1.distance(ground) >= GROUND_DE;
        let mut colors: Vec<(u8, Ucs)> = cube.colors().iter().filter(seen).copied().collect();
        colors.sort_by(|a, b| (a.1.j * sign).total_cmp(&(b.1.j * sign)));
        // Half an even step at least, so that neighbours stay apart in every vision.
        let gap = rise.abs() / (INDEXED_LEVELS - 1) as f64 / 2.0;
        let places = self.climb(&colors, gap, sign);
        let mut out = [colors[places[0]].0; INDEXED_LEVELS];
        for (step, place) in places.iter().enumerate() {
            out[step..].fill(colors[*place].0);
        }
        out
    }

    /// Places in `colors` (ordered along the ramp's lightness) of the sequence with the smallest sum
    /// of squared distances from the ramp, in which each is at least `gap` lighter than the one
    /// before (darker where `sign` is negative). Shorter than eight when there is no such sequence.
    fn climb(&self, colors: &[(u8, Ucs)], gap: f64, sign: f64) -> Vec<usize> {
        let wanted: [Ucs; INDEXED_LEVELS] =
            std::array::from_fn(|i| self.ucs_at(i as f64 / (INDEXED_LEVELS - 1) as f64));
        let cost = |step: usize, c: &Ucs| wanted[step].distance(*c).powi(2);
        let mut best: Vec<(f64, Vec<usize>)> =
            colors.iter().enumerate().map(|(i, c)| (cost(0, &c.1), vec![i])).collect();
        for step in 1..INDEXED_LEVELS {
            let next: Vec<(f64, Vec<usize>)> = colors
                .iter()
                .enumerate()
                .map(|(i, c)| {
                    let below = best.iter().filter(|(_, path)| {
                        path.len() == step
                            && path.last().is_some_and(|p| (c.1.j - colors[*p].1.j) * sign >= gap.max(0.1))
                    });
                    match below.min_by(|a, b| a.0.total_cmp(&b.0)) {
                        Some((sum, path)) => (sum + cost(step, &c.1), [path.as_slice(), &[i]].concat()),
                        None => (f64::MAX, Vec::new()),
                    }
                })
                .collect();
            if next.iter().all(|(_, path)| path.is_empty()) {
                break;
            }
            best = next;
        }
        best.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or_else(|| vec![0], |(_, path)| path)
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
        let rising = nordlys().indexed(&Cube::new(), Rgb(16, 20, 24));
        let falling = Ramp::new(nordlys().stops().iter().rev().copied().collect())
            .expect("stops")
            .indexed(&Cube::new(), Rgb(16, 20, 24));
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
