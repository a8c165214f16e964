//! Values of the past by moment and GPU, a stretch of time at a go.

use std::collections::HashMap;

use crate::fleet::Inventory;
use crate::fleet::rebuild::{Portion, Rebuild};
use crate::model::{Column, Metric, Timestamp};

/// What the past is asked for.
pub const METRICS: [Metric; 3] = [Metric::Util, Metric::Power, Metric::Temp];
/// Time between two moments, ms.
pub const SLOT_MS: i64 = 10_000;
/// Length of a stretch, ms: an hour, so that an engine is asked once for what is usual. Most of the work of
/// an answer is in its series, however long the past of each is.
pub const STRETCH_MS: i64 = 3_600_000;
/// Memory for the values of a stretch: what does not fit is kept less often.
const MEMORY: usize = 48 << 20;
/// Bytes of a slot and GPU over all metrics.
const WIDTH: usize = 4;
/// Values are kept no less often than once in so many moments.
const COARSEST: usize = 6;
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

    fn clear(&mut self) {
        match self {
            Self::Narrow(v) => v.fill(u8::MAX),
            Self::Wide(v) => v.fill(u16::MAX),
        }
    }

    fn set(&mut self, at: usize, raw: u16) {
        match self {
            Self::Narrow(v) => v[at] = raw.min(255) as u8,
            Self::Wide(v) => v[at] = raw,
        }
    }

    fn get(&self, at: usize) -> u16 {
        match self {
            Self::Narrow(v) => u16::from(v[at]),
            Self::Wide(v) => v[at],
        }
    }
}

/// Which GPU a series is about, by its UUID.
#[derive(Clone, Debug, Default)]
pub struct Uuids(HashMap<Box<[u8]>, u32>);

impl Uuids {
    /// Those of the GPUs that the console knows.
    #[must_use]
    pub fn of(inventory: &Inventory) -> Self {
        let mut out = HashMap::new();
        for (id, facts) in inventory.gpus().filter(|(_, f)| !f.uuid.is_empty()) {
            out.insert(facts.uuid.as_bytes().into(), id.0);
            if let Some(bare) = facts.uuid.strip_prefix("GPU-") {
                out.insert(bare.as_bytes().into(), id.0);
            }
        }
        Self(out)
    }

    /// The GPU of `uuid`, if it is known.
    #[must_use]
    pub fn find(&self, uuid: &[u8]) -> Option<usize> {
        self.0.get(uuid).map(|g| *g as usize)
    }

    /// True when no GPU has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The newest value of one GPU and metric, and for how many moments it has been the newest.
#[derive(Clone, Copy, Debug)]
struct Held {
    raw: u16,
    age: u16,
}

/// One stretch, and what is carried over from the one before.
#[derive(Debug)]
pub struct Grid {
    start: i64,
    gpus: usize,
    /// Times at which values are kept, each for so many moments.
    slots: usize,
    every: usize,
    planes: [Plane; METRICS.len()],
    held: [Vec<Held>; METRICS.len()],
}

impl Grid {
    /// A grid for so many GPUs: values are kept every 10 s up to 34,952 GPUs, every 20 s up to 69,905,
    /// every 30 s up to 104,857 and so on, and never less often than every 60 s.
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
            planes: METRICS.map(|m| Plane::new(m, slots * gpus)),
            held: METRICS.map(|m| vec![Held { raw: m.none_raw(), age: u16::MAX }; gpus]),
        }
    }

    /// Begins the stretch from `start` on, ms, a multiple of [`SLOT_MS`].
    pub fn begin(&mut self, start: i64) {
        self.start = start;
        self.planes.iter_mut().for_each(Plane::clear);
    }

    /// The stretch: its first moment, and the last before the next one, ms.
    #[must_use]
    pub const fn span(&self) -> (i64, i64) {
        (self.start, self.start + STRETCH_MS - 1)
    }

    /// Takes a value of metric number `metric`, measured at `time` (ms). Others than those of the
    /// stretch and its GPUs are left out; of several of a moment the last one given counts.
    pub fn set(&mut self, metric: usize, gpu: usize, (time, value): (i64, f32)) {
        let slot = (time - self.start).div_euclid(SLOT_MS * self.every as i64);
        if (0..self.slots as i64).contains(&slot) && gpu < self.gpus {
            self.planes[metric].set(slot as usize * self.gpus + gpu, METRICS[metric].encode(value));
        }
    }

    /// Hands the moments of portion `number` (below [`PORTIONS`]) before `end` (ms) to `rebuild`. A value
    /// holds for `reach` moments after its own, as long as no newer one comes.
    pub fn hand_over(&mut self, number: usize, rebuild: &mut Rebuild, end: i64, reach: u16) -> Portion {
        let moments = self.slots * self.every / PORTIONS;
        for moment in number * moments..(number + 1) * moments {
            let time = self.start + moment as i64 * SLOT_MS;
            if time >= end {
                break;
            }
            let values = (0..METRICS.len()).map(|m| (METRICS[m], self.column(m, moment, reach))).collect();
            rebuild.push(Timestamp(time), values, moment.is_multiple_of(FRAME_EVERY));
        }
        rebuild.portion()
    }

    /// The values of a moment. Of several moments that share a slot its values come with the last one:
    /// none is shown before it was measured.
    fn column(&mut self, m: usize, moment: usize, reach: u16) -> Column {
        let (plane, none) = (&self.planes[m], METRICS[m].none_raw());
        let (slot, is_new) = (moment / self.every, moment % self.every == self.every - 1);
        let newest = |(gpu, held): (usize, &mut Held)| {
            let raw = if is_new { plane.get(slot * self.gpus + gpu) } else { none };
            *held = match raw == none {
                true => Held { raw: held.raw, age: held.age.saturating_add(1) },
                false => Held { raw, age: 0 },
            };
            if held.age <= reach { held.raw } else { none }
        };
        let raw: Vec<u16> = self.held[m].iter_mut().enumerate().map(newest).collect();
        Column::from_raw(METRICS[m], raw.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::topology::plan::{NewHost, Plan};
    use crate::model::{GpuId, Quality};
    use std::sync::Arc;

    #[test]
    fn a_value_holds_until_it_is_renewed_or_too_old() {
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 2 }];
        let site = Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"));
        let mut rebuild = Rebuild::new(Arc::clone(&site), 8 << 20);
        let mut grid = Grid::new(2);
        grid.begin(1_200_000);
        let power = METRICS.iter().position(|m| *m == Metric::Power).expect("it is there");
        for time in [1_200_000, 1_215_000, 1_230_000] {
            grid.set(power, 0, (time, (time / 1000) as f32));
        }
        grid.set(power, 1, (1_199_000, 1.0));
        grid.set(power, 1, (9_999_000, 1.0));
        grid.set(power, 7, (1_200_000, 1.0));
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
        let sizes = [1, 34_952, 34_953, 69_905, 100_224, 104_858, 262_144];
        assert_eq!(sizes.map(every), [1, 1, 2, 2, 3, 4, 6]);
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 1 }];
        let site = Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"));
        let mut rebuild = Rebuild::new(Arc::clone(&site), 8 << 20);
        let mut grid = Grid::within(1, 120 * WIDTH);
        assert_eq!((grid.every, grid.slots), (3, 120));
        let power = METRICS.iter().position(|m| *m == Metric::Power).expect("it is there");
        // A stretch of an hour, a sample a minute, told in three portions.
        grid.begin(3_600_000);
        for minute in 0..60 {
            let time = 3_605_000 + minute * 60_000;
            grid.set(power, 0, (time, (time / 1000) as f32));
        }
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
    fn uuids_are_known_with_and_without_their_beginning() {
        use crate::model::batch::GpuFacts;
        let mut inventory = Inventory::default();
        inventory.set_gpu(GpuId(1), Arc::new(GpuFacts { uuid: "GPU-ab".into(), ..GpuFacts::default() }));
        let uuids = Uuids::of(&inventory);
        assert_eq!((uuids.find(b"GPU-ab"), uuids.find(b"ab"), uuids.find(b"")), (Some(1), Some(1), None));
        assert!(!uuids.is_empty() && Uuids::default().is_empty());
    }
}
