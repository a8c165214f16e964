//! From a column of values to one tone per pixel: scale, pool, exceptions, quality, and hysteresis.
//!
//! Two layers (UX: value and exception). Layer 1 is the value: one of 16 levels of the ramp, the
//! worst of the GPUs that share the pixel. Layer 2 is the exception: a GPU past a limit turns its
//! pixel into an alarm, whatever the others say. Between them stands quality: what is stale or lost
//! is drawn as a glyph and never as a value.

use crate::model::metric::{Kind, Worst};
use crate::model::{ClockEvents, Column, Health, Metric, Quality, Topology};
use crate::ui::ramp::LEVELS;
use crate::ui::theme::Tone;
use crate::ui::theme::tone::TONES;
use crate::ui::widget::heatmap::flat::{self, Flat};
use crate::ui::widget::heatmap::layout::Layout;

/// A pixel is drawn as stale or lost when at least one in this many of its GPUs is. The others
/// still count: their worst value is what the pixel shows below that share.
pub const QUALITY_SHARE: usize = 4;
/// Hysteresis works in quarters of a level.
pub(super) const QUARTERS: i32 = 4;

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
    key: Option<Key>,
}

/// What the tones are of: hysteresis starts anew when it changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    Gpus(Metric, Scale),
    Racks(u8, (f32, f32), Worst),
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
pub(super) const fn settle(quarter: i32, last: Option<u8>) -> u8 {
    if let Some(level) = last {
        let off = quarter - level as i32 * QUARTERS;
        if -1 <= off && off <= QUARTERS {
            return level;
        }
    }
    (quarter / QUARTERS) as u8
}

/// Places on the scale, in quarters of a level.
const PLACES: usize = LEVELS * QUARTERS as usize;

/// [`settle`] as a table: by the index of the last tone and the place in quarters.
const SETTLED: &[[Tone; PLACES]; TONES] = &settled();

const fn settled() -> [[Tone; PLACES]; TONES] {
    let mut table = [[Tone::NONE; PLACES]; TONES];
    let mut last = 0;
    while last < TONES {
        let mut quarter = 0;
        while quarter < PLACES {
            let step = Tone::from_index(last).level_step();
            table[last][quarter] = Tone::level(settle(quarter as i32, step));
            quarter += 1;
        }
        last += 1;
    }
    table
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
        let key = Some(Key::Gpus(input.metric, scale));
        if self.key != key || self.tones.len() != layout.pixel_count() {
            self.reset();
            self.tones.resize(layout.pixel_count(), Tone::NONE);
            self.key = key;
        }
        match input.column {
            Column::Narrow(values) => {
                // 256 values: the scale is applied once to each instead of once to every GPU.
                let quarters: [u8; 256] = std::array::from_fn(|raw| scale.quarter(raw as f32) as u8);
                let none = |v: &u8| *v == u8::MAX;
                self.frame(layout, input, values, (none, |v: u8| quarters[usize::from(v)]))
            }
            Column::Wide(values) => {
                let none = |v: &u16| *v == u16::MAX;
                self.frame(layout, input, values, (none, |v: u16| scale.quarter(f32::from(v)) as u8))
            }
        }
    }

    fn frame<T: Copy + Into<u16>>(
        &mut self,
        layout: &Layout,
        input: &Input<'_>,
        values: &[T],
        (none, quarter): (impl Fn(&T) -> bool, impl Fn(T) -> u8),
    ) -> usize {
        let scale = Scale::new(input);
        let plain = input.metric.spec().kind == Kind::Quantity && input.metric != Metric::Age;
        if layout.gpus_per_pixel() != 1 || !plain {
            return self.pools(layout, input, scale, values);
        }
        // One length for all three, so that one comparison guards them.
        let n = values.len().min(input.quality.len()).min(input.exceptions.len());
        let (known, quality, exceptions) = (&values[..n], &input.quality[..n], &input.exceptions[..n]);
        let mut changed = 0;
        for (tone, gpu) in self.tones.iter_mut().zip(layout.gpu_list()) {
            let at = *gpu as usize;
            let new = if at < n && !none(&known[at]) && quality[at] | exceptions[at] == 0 {
                SETTLED[tone.index()][usize::from(quarter(known[at])) % PLACES]
            } else {
                Self::pool(input, values, &[*gpu]).tone(input.metric, scale, *tone)
            };
            changed += usize::from(new != *tone);
            *tone = new;
        }
        changed
    }

    /// Forgets the last frame.
    pub fn reset(&mut self) {
        self.tones.clear();
        self.key = None;
    }

    /// Takes tones that were made elsewhere, one per pixel; returns how many pixels changed.
    pub fn put(&mut self, layout: &Layout, tone: impl Fn(usize) -> Tone) -> usize {
        self.key = None;
        self.tones.resize(layout.pixel_count(), Tone::NONE);
        let mut changed = 0;
        for (pixel, old) in self.tones.iter_mut().enumerate() {
            let new = tone(pixel);
            changed += usize::from(new != *old);
            *old = new;
        }
        changed
    }

    /// The tone of each pixel.
    #[must_use]
    pub fn tones(&self) -> &[Tone] {
        &self.tones
    }

    /// True when low values are the bad ones.
    #[must_use]
    pub fn low_is_worse(&self) -> bool {
        match self.key {
            Some(Key::Gpus(metric, _)) => metric.spec().worst == Worst::Low,
            Some(Key::Racks(_, _, worst)) => worst == Worst::Low,
            None => false,
        }
    }

    /// Takes in values of racks; returns how many pixels changed.
    pub fn racks(&mut self, layout: &Layout, topology: &Topology, flat: &Flat<'_>) -> usize {
        let key = Some(Key::Racks(flat.id, flat.range, flat.worst));
        if self.key != key || self.tones.len() != layout.pixel_count() {
            self.reset();
            self.tones.resize(layout.pixel_count(), Tone::NONE);
            self.key = key;
        }
        let mut changed = 0;
        for (pixel, tone) in self.tones.iter_mut().enumerate() {
            let Some((first, last)) = flat::racks(layout, topology, pixel) else { continue };
            let new = flat.tone(first.index()..=last.index(), *tone);
            changed += usize::from(new != *tone);
            *tone = new;
        }
        changed
    }

    /// The general case: any metric, any number of GPUs per pixel.
    fn pools<T: Copy + Into<u16>>(
        &mut self,
        layout: &Layout,
        input: &Input<'_>,
        scale: Scale,
        values: &[T],
    ) -> usize {
        let quantity = input.metric.spec().kind == Kind::Quantity;
        let gpus = layout.gpu_list();
        let mut changed = 0;
        for (tone, range) in self.tones.iter_mut().zip(layout.starts().windows(2)) {
            let gpus = &gpus[range[0] as usize..range[1] as usize];
            let calm = Self::calm_pool(input, values, gpus).filter(|_| quantity);
            let pool = calm.unwrap_or_else(|| Self::pool(input, values, gpus));
            let new = pool.tone(input.metric, scale, *tone);
            changed += usize::from(new != *tone);
            *tone = new;
        }
        changed
    }

    /// The common case: neighbours in the columns, all fresh, none in alarm. Three passes over
    /// slices, which the compiler turns into vector instructions. `None` for anything else. GPUs of
    /// a pixel are in ascending order, so the first and the last tell whether they are neighbours.
    fn calm_pool<T: Copy + Into<u16>>(input: &Input<'_>, values: &[T], gpus: &[u32]) -> Option<Pool> {
        let (first, last) = (*gpus.first()? as usize, *gpus.last()? as usize);
        if last - first + 1 != gpus.len() {
            return None;
        }
        let range = first..last + 1;
        let quality = input.quality.get(range.clone())?.iter();
        let exceptions = input.exceptions.get(range.clone())?.iter();
        if quality.fold(0, |a, q| a | q) | exceptions.fold(0, |a, e| a | e) != 0 {
            return None;
        }
        let (mut min, mut max, mut sum) = (u16::MAX, 0, 0);
        for value in values.get(range)? {
            let raw: u16 = (*value).into();
            min = min.min(raw);
            max = max.max(raw);
            sum += u32::from(raw);
        }
        let good = gpus.len() as u32;
        (max != input.metric.none_raw()).then_some(Pool {
            known: gpus.len(),
            good,
            min,
            max,
            sum,
            ..Pool::default()
        })
    }

    fn pool<T: Copy + Into<u16>>(input: &Input<'_>, values: &[T], gpus: &[u32]) -> Pool {
        let none = input.metric.none_raw();
        // The age of a value is known precisely when the value is stale.
        let judged = input.metric != Metric::Age;
        let mut pool = Pool::default();
        for gpu in gpus {
            let gpu = *gpu as usize;
            let quality = input.quality.get(gpu).map_or(Quality::Lost, |q| Quality::from_raw(*q));
            let value = values.get(gpu).map_or(none, |v| (*v).into());
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
        pool
    }
}

#[cfg(test)]
mod tests;
