//! Values of the past by moment and GPU, a stretch of time at a go.

use std::collections::HashMap;

use crate::fleet::Inventory;
use crate::fleet::rebuild::{Portion, Rebuild};
use crate::model::{Column, GpuId, Metric, Timestamp};

/// What the past is asked for.
pub const METRICS: [Metric; 3] = [Metric::Util, Metric::Power, Metric::Temp];
/// Time between two moments, ms.
pub const SLOT_MS: i64 = 10_000;
/// Length of a stretch, ms: an hour, so that an engine is asked once for what is usual. Most of the work of
/// an answer is in its series, however long the past of each is.
pub const STRETCH_MS: i64 = 3_600_000;
/// Memory for the values of a stretch: what does not fit is kept less often.
const MEMORY: usize = 24 << 20;
/// Bytes of a slot and GPU over all metrics.
const WIDTH: usize = 4;
/// Values are kept no less often than once in so many moments.
const COARSEST: usize = 6;
/// How often the times of a series may come back to each slot. An engine stores them in order; a damaged or hostile
/// answer could change the slot with every sample, millions of times.
const DISORDER: usize = 8;
/// Portions that a stretch is handed over in.
pub const PORTIONS: usize = 3;
/// Every so many moments one goes into the ring: it takes as much memory there as a live one.
const FRAME_EVERY: usize = 2;

/// Packed values of one metric, moment by moment.
#[derive(Debug)]
enum Plane {
    Narrow(Vec<u8>),
    Wide(Vec<u16>),
}

impl Plane {
    fn new(metric: Metric, len: usize) -> Self {
        if metric.spec().wide { Self::Wide(vec![u16::MAX; len]) } else { Self::Narrow(vec![u8::MAX; len]) }
    }

    fn set(&mut self, at: usize, raw: u16) {
        match self {
            Self::Narrow(v) => v.get_mut(at).map(|v| *v = raw.min(255) as u8),
            Self::Wide(v) => v.get_mut(at).map(|v| *v = raw),
        };
    }

    fn get(&self, at: usize) -> u16 {
        match self {
            Self::Narrow(v) => u16::from(v[at]),
            Self::Wide(v) => v[at],
        }
    }
}

fn planes(len: usize) -> [Plane; METRICS.len()] {
    METRICS.map(|m| Plane::new(m, len))
}

/// Which GPU a series is about, by its UUID: bytes instead of text where it is one, since the texts of
/// 100,000 of them, with and without `GPU-`, take more memory than their values at a moment.
#[derive(Clone, Debug, Default)]
pub struct Uuids {
    whole: HashMap<[u8; 16], u32>,
    others: HashMap<Box<[u8]>, u32>,
}

impl Uuids {
    /// Those of the GPUs that the console knows.
    #[must_use]
    pub fn of(inventory: &Inventory) -> Self {
        let known = inventory.gpus().filter(|(_, f)| !f.uuid.is_empty());
        known.map(|(id, facts)| (facts.uuid.as_bytes(), id)).collect()
    }

    /// The GPU of `uuid`, with or without `GPU-` in front, if it is known.
    #[must_use]
    pub fn find(&self, uuid: &[u8]) -> Option<usize> {
        let found = match packed(uuid) {
            Some(bytes) => self.whole.get(&bytes),
            None => self.others.get(bare(uuid)),
        };
        found.map(|g| *g as usize)
    }

    /// True when no GPU has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.others.is_empty()
    }
}

impl<'a> FromIterator<(&'a [u8], GpuId)> for Uuids {
    fn from_iter<I: IntoIterator<Item = (&'a [u8], GpuId)>>(gpus: I) -> Self {
        let mut out = Self::default();
        for (text, id) in gpus {
            match packed(text) {
                Some(bytes) => out.whole.insert(bytes, id.0),
                None => out.others.insert(bare(text).into(), id.0),
            };
        }
        out.whole.shrink_to_fit();
        out
    }
}

fn bare(uuid: &[u8]) -> &[u8] {
    uuid.strip_prefix(b"GPU-").unwrap_or(uuid)
}

/// The bytes of a UUID in its usual form, 8-4-4-4-12 digits in lower case; `None` for any other text, so
/// that two texts with the same bytes are the same.
fn packed(uuid: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = bare(uuid).try_into().ok()?;
    let mut out = [0_u8; 16];
    let mut digits = 0;
    for (at, byte) in text.iter().enumerate() {
        let digit = match (matches!(at, 8 | 13 | 18 | 23), byte) {
            (true, b'-') => continue,
            (false, b'0'..=b'9') => byte - b'0',
            (false, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        out[digits / 2] = out[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(out)
}

/// The newest value of one GPU and metric, and for how many moments it has been the newest.
#[derive(Clone, Copy, Debug)]
struct Held {
    raw: u16,
    age: u16,
}

/// What was shown of a metric at the moment before.
#[derive(Debug, Default)]
struct Shown {
    column: Option<Column>,
    /// For so many moments more it holds, if nothing is renewed.
    spare: u16,
    /// Moments that have passed since the ages of its values were counted.
    passed: u16,
}

/// The slots of a stretch: what is needed to pack values without holding the grid, which others fill as well.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    start: i64,
    step: i64,
    count: i64,
}

impl Slots {
    /// Puts values of metric number `metric` with the times at which they were measured (ms), mostly in that order,
    /// into `out`: slot and packed value. Others than those of the stretch are left out; of several of a slot the
    /// last one given counts. No more than `DISORDER` for each slot are kept, however often the times go back.
    pub fn pack(&self, metric: usize, samples: impl Iterator<Item = (i64, f32)>, out: &mut Vec<(u32, u16)>) {
        let most = DISORDER * self.count as usize;
        let (mut waiting, mut slot, mut begin, mut end) = (None, -1, i64::MAX, i64::MAX);
        let mut put = |slot: i64, value: Option<f32>| {
            let Some(value) = value.filter(|_| (0..self.count).contains(&slot)) else { return };
            if out.len() < most {
                out.push((slot as u32, METRICS[metric].encode(value)));
            }
        };
        // All of them in one go: series by series this is the innermost loop.
        samples.for_each(|(time, value)| {
            // One is packed when the next slot begins.
            if time < begin || time >= end {
                put(slot, waiting.take());
                slot = time.saturating_sub(self.start).div_euclid(self.step);
                begin = self.start.saturating_add(slot.saturating_mul(self.step));
                end = begin.saturating_add(self.step);
            }
            waiting = Some(value);
        });
        put(slot, waiting);
    }
}

/// One stretch, and what is carried over from the one before.
#[derive(Debug)]
pub struct Grid {
    start: i64,
    gpus: usize,
    /// Times at which values are kept, each for so many moments.
    slots: usize,
    every: usize,
    /// By portion, so that the memory of one that was handed over is free for what was made of it.
    planes: [[Plane; METRICS.len()]; PORTIONS],
    held: [Vec<Held>; METRICS.len()],
    shown: [Shown; METRICS.len()],
}

impl Grid {
    /// A grid for so many GPUs: values are kept every 10 s up to 17,476 GPUs, every 20 s up to 34,952,
    /// every 30 s up to 52,428 and so on, and never less often than every 60 s.
    #[must_use]
    pub fn new(gpus: usize) -> Self {
        Self::within(gpus, MEMORY)
    }

    fn within(gpus: usize, memory: usize) -> Self {
        let moments = (STRETCH_MS / SLOT_MS) as usize;
        let fits = |every: &usize| moments / every * gpus * WIDTH <= memory;
        let every =
            (1..COARSEST).filter(|e| moments.is_multiple_of(e * PORTIONS)).find(fits).unwrap_or(COARSEST);
        let slots = moments / every;
        Self {
            start: 0,
            gpus,
            slots,
            every,
            planes: std::array::from_fn(|_| planes(0)),
            held: METRICS.map(|m| vec![Held { raw: m.none_raw(), age: u16::MAX }; gpus]),
            shown: Default::default(),
        }
    }

    /// Begins the stretch from `start` on, ms, a multiple of [`SLOT_MS`].
    pub fn begin(&mut self, start: i64) {
        self.start = start;
        for portion in &mut self.planes {
            *portion = planes(self.slots / PORTIONS * self.gpus);
        }
    }

    /// The stretch: its first moment, and the last before the next one, ms.
    #[must_use]
    pub const fn span(&self) -> (i64, i64) {
        (self.start, self.start + STRETCH_MS - 1)
    }

    /// The slots of the stretch.
    #[must_use]
    pub const fn slots(&self) -> Slots {
        Slots { start: self.start, step: SLOT_MS * self.every as i64, count: self.slots as i64 }
    }

    /// Takes values of metric number `metric` as [`Slots::pack`] gives them. Of GPUs that the site does not have nothing is kept.
    pub fn fill(&mut self, metric: usize, gpu: usize, packed: &[(u32, u16)]) {
        let per = self.slots / PORTIONS;
        for (slot, raw) in packed.iter().map(|(slot, raw)| (*slot as usize, *raw)) {
            if slot < self.slots && gpu < self.gpus {
                self.planes[slot / per][metric].set(slot % per * self.gpus + gpu, raw);
            }
        }
    }

    /// Hands the moments of portion `number` (below [`PORTIONS`]) before `end` (ms) to `rebuild`, and forgets
    /// its values. One holds for `reach` moments after its own, as long as no newer one comes.
    pub fn hand_over(&mut self, number: usize, rebuild: &mut Rebuild, end: i64, reach: u16) -> Portion {
        // Of another `reach`, perhaps.
        self.shown.iter_mut().for_each(|s| s.column = None);
        let moments = self.slots * self.every / PORTIONS;
        for moment in number * moments..(number + 1) * moments {
            let time = self.start + moment as i64 * SLOT_MS;
            if time >= end {
                break;
            }
            let values = (0..METRICS.len()).map(|m| (METRICS[m], self.column(m, moment, reach))).collect();
            rebuild.push(Timestamp(time), values, moment.is_multiple_of(FRAME_EVERY));
        }
        self.planes[number] = planes(0);
        rebuild.portion()
    }

    /// The values of a moment. Of several moments that share a slot its values come with the last one:
    /// none is shown before it was measured.
    fn column(&mut self, m: usize, moment: usize, reach: u16) -> Column {
        let (slot, is_new) = (moment / self.every, moment % self.every == self.every - 1);
        let last = &mut self.shown[m];
        if let Some(column) = last.column.as_ref().filter(|_| !is_new && last.spare > 0) {
            (last.spare, last.passed) = (last.spare - 1, last.passed + 1);
            return column.clone();
        }
        let per = self.slots / PORTIONS;
        let (plane, none, slot) = (&self.planes[slot / per][m], METRICS[m].none_raw(), slot % per);
        let shown = |h: &Held| if h.age <= reach { h.raw } else { none };
        let (mut is_same, mut oldest) = (true, 0);
        for (gpu, held) in self.held[m].iter_mut().enumerate() {
            let (before, raw) = (shown(held), if is_new { plane.get(slot * self.gpus + gpu) } else { none });
            *held = match raw == none {
                true => Held { raw: held.raw, age: held.age.saturating_add(1 + last.passed) },
                false => Held { raw, age: 0 },
            };
            is_same &= shown(held) == before;
            oldest = oldest.max(if held.age <= reach { held.age } else { 0 });
        }
        (last.spare, last.passed) = (reach - oldest, 0);
        // The very column of before tells everything behind it that nothing has to be made anew.
        if let Some(column) = last.column.as_ref().filter(|_| is_same) {
            return column.clone();
        }
        let raw: Vec<u16> = self.held[m].iter().map(shown).collect();
        let column = Column::from_raw(METRICS[m], raw.into_iter());
        last.column = Some(column.clone());
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Quality;
    use crate::model::topology::plan::{NewHost, Plan};
    use std::sync::Arc;

    fn fill(grid: &mut Grid, gpu: usize, samples: impl Iterator<Item = (i64, f32)>) {
        let power = METRICS.iter().position(|m| *m == Metric::Power).expect("it is there");
        let mut packed = Vec::new();
        grid.slots().pack(power, samples, &mut packed);
        grid.fill(power, gpu, &packed);
    }

    #[test]
    fn a_value_holds_until_it_is_renewed_or_too_old() {
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 2 }];
        let site = Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"));
        let mut rebuild = Rebuild::new(Arc::clone(&site), 8 << 20);
        let mut grid = Grid::new(2);
        grid.begin(1_200_000);
        for time in [1_200_000, 1_215_000, 1_230_000] {
            fill(&mut grid, 0, [(time, (time / 1000) as f32)].into_iter());
        }
        let others = [(1, i64::MIN), (1, 1_199_999), (1, 4_800_000), (1, i64::MAX), (7, 1_200_000)];
        for (gpu, time) in others {
            fill(&mut grid, gpu, [(time, 1.0)].into_iter());
        }
        let portion = grid.hand_over(0, &mut rebuild, 1_300_000, 3);
        let shown: Vec<_> = portion.frames.iter().map(|s| s.frame()).collect();
        let watts: Vec<_> = shown.iter().map(|f| f.value(GpuId(0), Metric::Power)).collect();
        let want = [Some(1200.0), Some(1215.0), Some(1230.0), Some(1230.0), None];
        assert_eq!(watts, want, "moments 20 s apart; the value of 1230 s holds for 30 s");
        assert!(
            shown.iter().all(|f| f.quality(GpuId(1)) == Quality::Lost),
            "nothing of it is in the stretch"
        );
        assert_eq!(grid.span(), (1_200_000, 4_799_999));
    }

    #[test]
    fn a_large_site_keeps_values_less_often_and_shows_none_before_its_time() {
        let every = |gpus| Grid::within(gpus, MEMORY).every;
        let sizes = [1, 17_476, 17_477, 34_953, 52_429, 100_224, 262_144];
        assert_eq!(sizes.map(every), [1, 1, 2, 3, 4, 6, 6]);
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 1 }];
        let site = Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"));
        let mut rebuild = Rebuild::new(Arc::clone(&site), 8 << 20);
        let mut grid = Grid::within(1, 120 * WIDTH);
        assert_eq!((grid.every, grid.slots), (3, 120));
        // A stretch of an hour, a sample a minute, told in three portions.
        grid.begin(3_600_000);
        // Of a minute the last one is kept.
        let minutes = (0..60).map(|minute| 3_605_000 + minute * 60_000);
        let samples = minutes.flat_map(|t| [(t - 4_000, 1.0), (t, (t / 1000) as f32)]);
        fill(&mut grid, 0, samples);
        let mut shown = Vec::new();
        for number in 0..PORTIONS {
            let portion = grid.hand_over(number, &mut rebuild, i64::MAX, 7);
            shown.extend(
                portion
                    .frames
                    .iter()
                    .map(|s| (s.frame().time.millis() / 1000, s.frame().value(GpuId(0), Metric::Power))),
            );
        }
        let expected = |i: i64| {
            let at = 3_600 + 20 * i;
            let minute = (at - 3_620).div_euclid(60);
            (at, (minute >= 0).then_some((3_605 + 60 * minute) as f32))
        };
        assert_eq!(shown, (0..180).map(expected).collect::<Vec<_>>());
    }

    #[test]
    fn a_value_that_is_kept_less_often_holds_no_longer() {
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 2 }];
        let site = Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"));
        for reach in 0..9 {
            let mut rebuild = Rebuild::new(Arc::clone(&site), 8 << 20);
            let mut grid = Grid::within(2, 2 * 60 * WIDTH);
            assert_eq!(grid.every, 6);
            grid.begin(3_600_000);
            // One comes in the first minute alone, the other in the first and the third.
            let minutes = [(0, 0), (1, 0), (1, 2)];
            for (gpu, minute) in minutes {
                fill(&mut grid, gpu, [(3_600_000 + 60_000 * minute, 100.0)].into_iter());
            }
            let mut frames = Vec::new();
            for number in 0..PORTIONS {
                frames.extend(grid.hand_over(number, &mut rebuild, i64::MAX, reach).frames);
            }
            let shown = |gpu| {
                let known =
                    |s: &crate::fleet::ring::Slot| s.frame().value(GpuId(gpu), Metric::Power).is_some();
                frames.iter().map(known).collect::<Vec<_>>()
            };
            // A frame is every second moment; the values of a minute come with its sixth.
            let holds = |from: usize| (from..=from + usize::from(reach)).collect::<Vec<_>>();
            let expected =
                |moments: &[usize]| (0..180).map(|f| moments.contains(&(2 * f))).collect::<Vec<_>>();
            assert_eq!(shown(0), expected(&holds(5)), "reach {reach}");
            assert_eq!(shown(1), expected(&[holds(5), holds(17)].concat()), "reach {reach}");
        }
    }

    #[test]
    fn times_that_go_to_and_fro_take_no_more_memory_than_a_few_in_order() {
        let mut grid = Grid::within(1, 120 * WIDTH);
        grid.begin(3_600_000);
        let there_and_back = (0..1_000_000_i64).map(|i| (3_600_000 + i % 2 * 60_000, 1.0));
        let mut packed = Vec::new();
        grid.slots().pack(0, there_and_back, &mut packed);
        assert_eq!(packed.len(), DISORDER * grid.slots);
    }

    #[test]
    fn uuids_are_known_with_and_without_their_beginning() {
        use crate::model::batch::GpuFacts;
        let whole = "GPU-0123abcd-4567-89ef-0123-456789abcdef";
        let mut inventory = Inventory::default();
        for (gpu, uuid) in [(1, "GPU-ab"), (2, whole), (3, "0123ABCD-4567-89ef-0123-456789abcdef")] {
            let facts = GpuFacts { uuid: uuid.into(), ..GpuFacts::default() };
            inventory.set_gpu(GpuId(gpu), Arc::new(facts));
        }
        let uuids = Uuids::of(&inventory);
        assert_eq!((uuids.find(b"GPU-ab"), uuids.find(b"ab"), uuids.find(b"")), (Some(1), Some(1), None));
        assert_eq!([whole, &whole[4..]].map(|u| uuids.find(u.as_bytes())), [Some(2); 2]);
        assert_eq!(uuids.find(b"GPU-0123ABCD-4567-89ef-0123-456789abcdef"), Some(3), "another text");
        assert_eq!(uuids.find(b"GPU-0123abcd-4567-89ef-0123-456789abcde0"), None);
        assert_eq!(packed(b"0123abcd-4567-89ef-0123-4567-9abcdef"), None, "a dash out of place");
        assert!(!uuids.is_empty() && Uuids::default().is_empty());
    }
}
