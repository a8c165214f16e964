//! From a column of values to one tone per pixel: scale, pool, exceptions, quality, and hysteresis.
//!
//! Two layers (UX: value and exception). Layer 1 is the value: one of 16 levels of the ramp, the
//! worst of the GPUs that share the pixel. Layer 2 is the exception: a GPU past a limit turns its
//! pixel into an alarm, whatever the others say. Between them stands quality: what is stale or lost
//! is drawn as a glyph and never as a value.

use crate::model::metric::{Kind, Worst};
use crate::model::{ClockEvents, Column, Health, Metric, Quality};
use crate::ui::ramp::LEVELS;
use crate::ui::theme::Tone;
use crate::ui::widget::heatmap::layout::Layout;

/// A pixel is drawn as stale or lost when at least one in this many of its GPUs is. The others
/// still count: their worst value is what the pixel shows below that share.
pub const QUALITY_SHARE: usize = 4;
/// Hysteresis works in quarters of a level.
const QUARTERS: i32 = 4;

/// What a heatmap is drawn from; every slice is indexed by GPU over the whole site.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What the values are.
    pub metric: Metric,
    /// The values.
    pub column: &'a Column,
    /// [`Quality`] of each GPU as a byte; beyond its end GPUs count as lost.
    pub quality: &'a [u8],
    /// Priority 1 to 4 of the alarm that each GPU is in, 0 for none; beyond its end 0.
    pub exceptions: &'a [u8],
    /// Ends of the scale in units of the metric; `None` for those of its [`MetricSpec`].
    ///
    /// [`MetricSpec`]: crate::model::MetricSpec
    pub range: Option<(f32, f32)>,
}

/// One tone per pixel, kept from frame to frame: a value that only wavers around the border of two
/// levels keeps its colour until it is a quarter of a level beyond.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LevelMap {
    tones: Vec<Tone>,
    key: Option<(Metric, Scale)>,
}

/// Raw values to quarters of a level: `raw * factor + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    factor: f32,
    shift: f32,
}

impl Scale {
    fn new(input: &Input<'_>) -> Self {
        let spec = input.metric.spec();
        let (low, high) = input.range.unwrap_or(spec.range);
        let per_unit = (LEVELS as i32 * QUARTERS) as f32 / (high - low).max(f32::MIN_POSITIVE);
        Self { factor: spec.scale * per_unit, shift: (spec.offset - low) * per_unit }
    }

    fn quarter(self, raw: f32) -> i32 {
        ((raw * self.factor + self.shift) as i32).clamp(0, LEVELS as i32 * QUARTERS - 1)
    }
}

/// The level of a place on the scale, in quarters: the last one as long as the place is within a
/// quarter of it.
fn settle(quarter: i32, last: Option<u8>) -> u8 {
    match last.map(i32::from) {
        Some(level) if (level * QUARTERS - 1..=level * QUARTERS + QUARTERS).contains(&quarter) => level as u8,
        _ => (quarter / QUARTERS) as u8,
    }
}

/// What is known of the GPUs of one pixel.
#[derive(Clone, Copy, Default)]
struct Pool {
    /// GPUs that have the metric at all.
    known: usize,
    stale: usize,
    lost: usize,
    /// GPUs with a fresh value.
    good: u32,
    min: u16,
    max: u16,
    sum: u32,
    bits: u16,
    /// Highest priority: the smallest number above 0.
    priority: u8,
    /// Majority vote (Boyer, Moore 1981): candidate and its lead.
    vote: (u16, u32),
}

impl Pool {
    fn value(&mut self, raw: u16) {
        if self.good == 0 {
            (self.min, self.max) = (raw, raw);
        }
        self.good += 1;
        self.min = self.min.min(raw);
        self.max = self.max.max(raw);
        self.sum += u32::from(raw);
        self.bits |= raw;
        self.vote = match self.vote {
            (v, lead) if v == raw => (v, lead + 1),
            (_, 0) => (raw, 1),
            (v, lead) => (v, lead - 1),
        };
    }

    /// The tone that quality demands, if it does.
    const fn quality(&self) -> Option<Tone> {
        if self.lost > 0 && self.lost * QUALITY_SHARE >= self.known {
            Some(Tone::LOST)
        } else if self.stale + self.lost > 0 && (self.stale + self.lost) * QUALITY_SHARE >= self.known {
            Some(Tone::STALE)
        } else if self.good == 0 {
            Some(Tone::ABSENT)
        } else {
            None
        }
    }

    fn worst(&self, worst: Worst) -> f32 {
        match worst {
            Worst::High => f32::from(self.max),
            Worst::Low => f32::from(self.min),
            Worst::Neither => self.sum as f32 / self.good as f32,
        }
    }

    fn tone(&self, metric: Metric, scale: Scale, last: Tone) -> Tone {
        if let Some(alarm) = Tone::alarm(self.priority) {
            return alarm;
        }
        if let Some(tone) = self.quality() {
            return tone;
        }
        match metric.spec().kind {
            Kind::Category => Tone::category(self.vote.0),
            Kind::Flags => match ClockEvents(self.bits) {
                e if e.is_fault() => Tone::level(15),
                ClockEvents(0 | ClockEvents::IDLE) => Tone::level(0),
                _ => Tone::level(6),
            },
            Kind::Code if metric == Metric::Health => {
                Health::from_raw(self.max).map_or(Tone::ABSENT, Tone::health)
            }
            Kind::Code => Tone::level(if self.max == 0 { 0 } else { 12 }),
            Kind::Quantity => {
                let make = if metric == Metric::Age { Tone::age } else { Tone::level };
                let last = last.step().filter(|s| make(*s) == last);
                make(settle(scale.quarter(self.worst(metric.spec().worst)), last))
            }
        }
    }
}

impl LevelMap {
    /// A map that has seen no frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { tones: Vec::new(), key: None }
    }

    /// Takes in a frame; returns how many pixels changed. Hysteresis starts anew when the metric,
    /// its scale or the number of pixels changes; call [`LevelMap::reset`] when the layout does.
    pub fn update(&mut self, layout: &Layout, input: &Input<'_>) -> usize {
        let scale = Scale::new(input);
        let key = Some((input.metric, scale));
        if self.key != key || self.tones.len() != layout.pixel_count() {
            self.reset();
            self.tones.resize(layout.pixel_count(), Tone::NONE);
            self.key = key;
        }
        match input.column {
            Column::Narrow(values) => self.pass(layout, input, scale, |g| u16::from(values[g]), values.len()),
            Column::Wide(values) => self.pass(layout, input, scale, |g| values[g], values.len()),
        }
    }

    /// Forgets the last frame.
    pub fn reset(&mut self) {
        self.tones.clear();
        self.key = None;
    }

    /// The tone of each pixel.
    #[must_use]
    pub fn tones(&self) -> &[Tone] {
        &self.tones
    }

    /// The metric of the last frame.
    #[must_use]
    pub fn metric(&self) -> Option<Metric> {
        self.key.map(|(m, _)| m)
    }

    fn pass(
        &mut self,
        layout: &Layout,
        input: &Input<'_>,
        scale: Scale,
        raw: impl Fn(usize) -> u16,
        len: usize,
    ) -> usize {
        let none = if input.metric.spec().wide { u16::MAX } else { u16::from(u8::MAX) };
        // The age of a value is known precisely when the value is stale.
        let judged = input.metric != Metric::Age;
        let gpus = layout.gpu_list();
        let mut changed = 0;
        for (tone, range) in self.tones.iter_mut().zip(layout.starts().windows(2)) {
            let mut pool = Pool::default();
            for gpu in &gpus[range[0] as usize..range[1] as usize] {
                let gpu = *gpu as usize;
                let quality = input.quality.get(gpu).map_or(Quality::Lost, |q| Quality::from_raw(*q));
                let value = if gpu < len { raw(gpu) } else { none };
                match input.exceptions.get(gpu) {
                    None | Some(0) => {}
                    Some(p) => pool.priority = if pool.priority == 0 { *p } else { pool.priority.min(*p) },
                }
                pool.known += usize::from(quality != Quality::Unsupported);
                match quality {
                    Quality::Unsupported => {}
                    _ if !judged && value == none => pool.lost += 1,
                    Quality::Stale if judged => pool.stale += 1,
                    Quality::Lost if judged => pool.lost += 1,
                    _ if value != none => pool.value(value),
                    _ => {}
                }
            }
            let new = pool.tone(input.metric, scale, *tone);
            changed += usize::from(new != *tone);
            *tone = new;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Topology;
    use crate::model::id::{Asset, HallId};
    use crate::ui::widget::heatmap::layout::Zoom;
    use proptest::prelude::*;

    const N: usize = 72;

    fn layout(zoom: Zoom) -> Layout {
        let t = Topology::default_site();
        let rack = t.find("H1-R01-K1").expect("exists");
        assert_eq!(t.gpus_of(rack).start, 0);
        Layout::fit(&t, rack, (40, 40), zoom)
    }

    fn map(zoom: Zoom, metric: Metric, values: &[f32], quality: &[u8], exceptions: &[u8]) -> Vec<Tone> {
        let column = Column::from_raw(
            metric,
            values.iter().map(|v| metric.encode(*v)).collect::<Vec<_>>().into_iter(),
        );
        let mut map = LevelMap::new();
        let input = Input { metric, column: &column, quality, exceptions, range: None };
        map.update(&layout(zoom), &input);
        map.tones().to_vec()
    }

    fn temp(values: &[f32]) -> Tone {
        let mut all = [20.0; N];
        all[..values.len()].copy_from_slice(values);
        map(Zoom::Rack, Metric::Temp, &all, &[0; N], &[])[0]
    }

    #[test]
    fn zero_absent_stale_and_lost_are_four_different_tones() {
        let mut quality = [0u8; N];
        quality[2] = Quality::Stale as u8;
        quality[3] = Quality::Lost as u8;
        let mut values = [0.0; N];
        values[1] = f32::NAN;
        let layout = layout(Zoom::Gpu);
        let tones = map(Zoom::Gpu, Metric::Util, &values, &quality, &[]);
        let tone = |gpu: u32| tones[layout.pixel_of(crate::model::GpuId(gpu)).expect("drawn")];
        assert_eq!(
            [tone(0), tone(1), tone(2), tone(3)],
            [Tone::level(0), Tone::ABSENT, Tone::STALE, Tone::LOST]
        );
    }

    #[test]
    fn pooling_takes_the_bad_end() {
        assert_eq!(temp(&[90.0]), Tone::level(15), "one hot GPU colours the rack");
        let clock = |low: f32| {
            let mut all = [2100.0; N];
            all[5] = low;
            map(Zoom::Rack, Metric::SmClock, &all, &[0; N], &[])[0]
        };
        assert_eq!(clock(0.0), Tone::level(0), "one slow GPU does");
        let util = map(Zoom::Rack, Metric::Util, &[50.0; N], &[0; N], &[])[0];
        assert_eq!(util, Tone::level(8), "neither end is bad: the mean");
    }

    #[test]
    fn an_exception_wins_its_pixel_and_the_highest_priority_wins_among_them() {
        let mut exceptions = [0u8; N];
        exceptions[70] = 4;
        assert_eq!(Some(map(Zoom::Rack, Metric::Util, &[1.0; N], &[0; N], &exceptions)[0]), Tone::alarm(4));
        exceptions[3] = 2;
        assert_eq!(Some(map(Zoom::Rack, Metric::Util, &[1.0; N], &[2; N], &exceptions)[0]), Tone::alarm(2));
    }

    #[test]
    fn a_quarter_of_lost_gpus_marks_the_pixel_and_fewer_do_not_colour_it() {
        let mut quality = [0u8; N];
        quality[..17].fill(Quality::Lost as u8);
        let mut values = [20.0; N];
        values[0] = 90.0;
        assert_eq!(
            map(Zoom::Rack, Metric::Temp, &values, &quality, &[])[0],
            Tone::level(0),
            "lost values do not count"
        );
        quality[17] = Quality::Lost as u8;
        assert_eq!(map(Zoom::Rack, Metric::Temp, &values, &quality, &[])[0], Tone::LOST);
        assert_eq!(map(Zoom::Rack, Metric::Temp, &values, &[], &[])[0], Tone::LOST, "nothing known is lost");
        assert_eq!(map(Zoom::Rack, Metric::Temp, &values, &[3; N], &[])[0], Tone::ABSENT);
    }

    #[test]
    fn ages_are_shown_for_stale_values_and_never_seen_is_lost() {
        let stale = [Quality::Stale as u8; N];
        assert_eq!(map(Zoom::Rack, Metric::Age, &[30.0; N], &stale, &[])[0], Tone::age(8));
        assert_eq!(map(Zoom::Rack, Metric::Age, &[f32::NAN; N], &[2; N], &[])[0], Tone::LOST);
    }

    #[test]
    fn health_jobs_and_events_have_tones_of_their_own() {
        let one = |metric, value: f32| {
            let mut all = [0.0; N];
            all[9] = value;
            map(Zoom::Rack, metric, &all, &[0; N], &[])[0]
        };
        assert_eq!(one(Metric::Health, 0.0), Tone::OK);
        assert_eq!(Some(one(Metric::Health, 3.0)), Tone::alarm(2));
        assert_eq!(one(Metric::Job, 7.0), Tone::IDLE, "the majority is idle");
        assert_eq!(map(Zoom::Rack, Metric::Job, &[7.0; N], &[0; N], &[])[0], Tone::category(7));
        assert_eq!(one(Metric::ClockEvents, 0.0), Tone::level(0));
        assert_eq!(one(Metric::ClockEvents, f32::from(ClockEvents::HW_THERMAL)), Tone::level(15));
        assert_eq!(one(Metric::Xid, 79.0), Tone::level(12));
    }

    #[test]
    fn noise_around_a_border_does_not_repaint_and_a_real_change_does() {
        let t = Topology::default_site();
        let layout = Layout::fit(&t, Asset::Hall(HallId(0)), (198, 40), Zoom::Fit);
        let mut map = LevelMap::new();
        let mut frame = |percent: [f32; 2]| {
            let raw = (0..12_672).map(|g| Metric::Activity.encode(percent[g % 2])).collect::<Vec<_>>();
            let column = Column::from_raw(Metric::Activity, raw.into_iter());
            let quality = vec![0; 12_672];
            let input = Input {
                metric: Metric::Activity,
                column: &column,
                quality: &quality,
                exceptions: &[],
                range: None,
            };
            map.update(&layout, &input)
        };
        assert_eq!(frame([49.5, 50.5]), 12_672, "the first frame paints everything");
        assert_eq!(frame([50.5, 49.5]), 0, "a wobble of one per cent is within a quarter of a level");
        assert_eq!(frame([52.0, 48.0]), 6_336 * 2);
    }

    #[test]
    fn another_metric_or_scale_starts_anew() {
        let layout = layout(Zoom::Gpu);
        let column = Column::from_raw(Metric::Util, (0..N).map(|_| 51u16));
        let input =
            Input { metric: Metric::Util, column: &column, quality: &[0; N], exceptions: &[], range: None };
        let mut map = LevelMap::new();
        assert_eq!(map.update(&layout, &input), N);
        assert_eq!(map.update(&layout, &input), 0);
        assert_eq!(map.update(&layout, &Input { range: Some((50.0, 60.0)), ..input }), N);
        assert_eq!(map.tones()[0], Tone::level(1));
        assert_eq!(map.metric(), Some(Metric::Util));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hysteresis_errs_by_a_quarter_of_a_level_at_most(quarters in proptest::collection::vec(0i32..64, 1..50)) {
            let mut level = None;
            for q in quarters {
                let settled = settle(q, level);
                let off = (q - (i32::from(settled) * 4)).clamp(0, 3);
                prop_assert!((q - i32::from(settled) * 4 - off).abs() <= 1);
                prop_assert_eq!(settle(q, Some(settled)), settled, "settled is stable");
                level = Some(settled);
            }
        }
    }
}
