//! Maps of racks: every rack in one flat colour, by a value of its plant.

use crate::model::metric::Worst;
use crate::model::{RackId, Topology};
use crate::ui::ramp::LEVELS;
use crate::ui::theme::Tone;
use crate::ui::widget::heatmap::layout::Layout;
use crate::ui::widget::heatmap::levels::{QUARTERS, settle};

/// What a map of racks is drawn from; slices are indexed by rack over the whole site.
#[derive(Clone, Copy, Debug)]
pub struct Flat<'a> {
    /// Which value it is: hysteresis starts anew when it changes.
    pub id: u8,
    /// The values; `None` where a rack does not report this one.
    pub values: &'a [Option<f32>],
    /// Priority 1 to 4 of the limit that each rack crosses, 0 for none.
    pub priorities: &'a [u8],
    /// Ends of the scale.
    pub range: (f32, f32),
    /// The bad end, which wins where racks share a pixel.
    pub worst: Worst,
    /// True when the values are frozen: they are drawn as too old and not as values.
    pub frozen: bool,
}

impl Flat<'_> {
    /// The tone of the racks of one pixel; `last` is the one before.
    pub(super) fn tone(&self, racks: std::ops::RangeInclusive<usize>, last: Tone) -> Tone {
        let priorities = racks.clone().filter_map(|r| self.priorities.get(r).copied());
        if let Some(alarm) = priorities.filter(|p| *p > 0).min().and_then(Tone::alarm) {
            return alarm;
        }
        let known = || racks.clone().filter_map(|r| self.values.get(r).copied().flatten());
        let value = match self.worst {
            Worst::High => known().reduce(f32::max),
            Worst::Low => known().reduce(f32::min),
            Worst::Neither => {
                let (sum, n) = known().fold((0.0, 0u32), |(s, n), v| (s + v, n + 1));
                (n > 0).then(|| sum / n as f32)
            }
        };
        let Some(value) = value else { return Tone::ABSENT };
        if self.frozen {
            return Tone::STALE;
        }
        let (low, high) = self.range;
        let quarters = LEVELS as i32 * QUARTERS;
        let share = (value - low) / (high - low).max(f32::MIN_POSITIVE);
        let quarter = ((share * quarters as f32) as i32).clamp(0, quarters - 1);
        Tone::level(settle(quarter, last.level_step()))
    }
}

/// The racks of each pixel, from the first to the last; a pixel without GPUs has none.
pub(super) fn racks(layout: &Layout, topology: &Topology, pixel: usize) -> Option<(RackId, RackId)> {
    let gpus = layout.gpus_of(pixel);
    let of = |gpu: &u32| topology.rack_of(crate::model::GpuId(*gpu));
    Some((of(gpus.first()?), of(gpus.last()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Asset;
    use crate::model::id::HallId;
    use crate::ui::widget::heatmap::{LevelMap, Zoom};

    fn hall(cells: (u16, u16)) -> (Topology, Layout) {
        let t = Topology::default_site();
        let layout = Layout::fit(&t, Asset::Hall(HallId(0)), cells, Zoom::Fit);
        (t, layout)
    }

    fn flat<'a>(values: &'a [Option<f32>], priorities: &'a [u8]) -> Flat<'a> {
        Flat { id: 0, values, priorities, range: (0.0, 160.0), worst: Worst::Low, frozen: false }
    }

    #[test]
    fn a_rack_is_one_colour_and_one_without_a_value_is_absent() {
        let (t, layout) = hall((198, 40));
        let mut values = vec![Some(80.0); t.racks().len()];
        values[3] = None;
        values[4] = Some(0.0);
        let mut map = LevelMap::new();
        map.racks(&layout, &t, &flat(&values, &vec![0; values.len()]));
        for (pixel, tone) in map.tones().iter().enumerate() {
            let expected = match layout.rack_of(pixel) {
                Some(RackId(3)) => Tone::ABSENT,
                Some(RackId(4)) => Tone::level(0),
                _ => Tone::level(8),
            };
            assert_eq!(*tone, expected, "pixel {pixel}");
        }
    }

    #[test]
    fn the_worst_of_the_racks_of_a_pixel_is_shown_and_an_alarm_before_all() {
        let (t, layout) = hall((20, 8));
        let mut values: Vec<_> = (0..t.racks().len()).map(|r| Some(100.0 + r as f32 % 3.0)).collect();
        values[1] = Some(12.0);
        let mut priorities = vec![0; values.len()];
        priorities[2] = 3;
        let tones = |values: &[Option<f32>], priorities: &[u8]| {
            let mut map = LevelMap::new();
            map.racks(&layout, &t, &flat(values, priorities));
            map.tones().to_vec()
        };
        let of = |rack: u32| {
            (0..layout.pixel_count())
                .find(|p| racks(&layout, &t, *p).is_some_and(|(a, b)| a.0 <= rack && rack <= b.0))
                .expect("every rack is drawn")
        };
        assert_eq!(tones(&values, &priorities)[of(2)], Tone::alarm(3).expect("an alarm"));
        assert_eq!(tones(&values, &vec![0; values.len()])[of(1)], Tone::level(1));
    }

    #[test]
    fn frozen_values_are_not_drawn_as_values_and_absent_ones_stay_absent() {
        let (t, layout) = hall((198, 40));
        let mut values = vec![Some(80.0); t.racks().len()];
        values[0] = None;
        let mut map = LevelMap::new();
        map.racks(&layout, &t, &Flat { frozen: true, ..flat(&values, &vec![0; values.len()]) });
        let first = map.tones()[0];
        assert_eq!((layout.rack_of(0), first), (Some(RackId(0)), Tone::ABSENT));
        assert!(map.tones().iter().skip(72).all(|t| *t == Tone::STALE));
    }

    #[test]
    fn a_value_that_wavers_keeps_its_colour() {
        let (t, layout) = hall((198, 40));
        let none = vec![0; t.racks().len()];
        let mut map = LevelMap::new();
        let draw = |map: &mut LevelMap, v: f32| {
            map.racks(&layout, &t, &flat(&vec![Some(v); none.len()], &none));
            map.tones()[0]
        };
        let before = draw(&mut map, 80.5);
        assert_eq!(draw(&mut map, 79.5), before, "within a quarter of a level");
        assert_ne!(draw(&mut map, 70.0), before);
    }
}
