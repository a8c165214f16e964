//! The past of racks, CDUs and rows: the mean of each charted point per 10 s for an hour, and per
//! minute for a day.
//!
//! A finished period is a row of 16-bit steps. Rows gather in a chunk; a full chunk is turned so
//! that the course of one point of neighbouring assets lies together, and compressed. A chart then
//! reads the few blocks of its own asset and nothing else.

mod chunk;
mod stored;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::series::{Point, Signal};
use crate::model::facility::{CduPoint, RackPoint, RowPoint};
use crate::model::{Asset, Timestamp, Topology};

use chunk::{Chunk, Packer};

pub(crate) use stored::{from_bytes, row_len, to_bytes};

/// Points of a rack that have a past.
pub const RACK_POINTS: [RackPoint; 8] = [
    RackPoint::Power,
    RackPoint::LiquidSupply,
    RackPoint::LiquidReturn,
    RackPoint::LiquidFlow,
    RackPoint::LiquidDp,
    RackPoint::Valve,
    RackPoint::SideA,
    RackPoint::SideB,
];
/// Points of a CDU that have a past.
pub const CDU_POINTS: [CduPoint; 14] = [
    CduPoint::SecondarySupply,
    CduPoint::SecondaryReturn,
    CduPoint::SecondaryFlow,
    CduPoint::SecondaryDp,
    CduPoint::Setpoint,
    CduPoint::Pump1,
    CduPoint::Pump2,
    CduPoint::PrimarySupply,
    CduPoint::PrimaryReturn,
    CduPoint::PrimaryFlow,
    CduPoint::PrimaryValve,
    CduPoint::FilterDp,
    CduPoint::Level,
    CduPoint::Heat,
];
/// Points of a row that have a past.
pub const ROW_POINTS: [RowPoint; 4] =
    [RowPoint::BuswayA, RowPoint::BuswayB, RowPoint::VoltageA, RowPoint::VoltageB];

/// Periods, ms, how many of them are kept, and how many make a chunk.
const HOUR: (i64, usize, usize) = (10_000, 360, 36);
const DAY: (i64, usize, usize) = (60_000, 1_440, 60);
/// Samples that a period takes in: their count still fits a byte.
const MOST_SAMPLES: u8 = 250;
/// Raw value of "no value in this period".
const NONE: u16 = u16::MAX;
/// Value of raw zero: no point goes below it.
const OFFSET: f32 = -100.0;

/// Value of one raw step: what a chart can show of a unit.
fn step(unit: &str) -> f32 {
    match unit {
        "°C" => 0.05,
        "kW" | "LPM" | "kPa" | "%" | "V" => 0.1,
        _ => 0.01,
    }
}

fn encode(unit: &str, value: f32) -> u16 {
    if value.is_finite() { ((value - OFFSET) / step(unit)).round().clamp(0.0, 65_534.0) as u16 } else { NONE }
}

fn decode(unit: &str, raw: u16) -> Option<f32> {
    (raw != NONE).then(|| f32::from(raw) * step(unit) + OFFSET)
}

/// One point of all assets of a kind: where its values lie in a row, and in which unit.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Lane {
    /// Index into the facility's columns, point, and points per asset there.
    from: (usize, usize, usize),
    start: usize,
    assets: usize,
    unit: &'static str,
}

/// The lanes of a topology, in the order of a row.
fn lanes(t: &Topology) -> Vec<Lane> {
    let racks = RACK_POINTS.map(|p| ((0, p.index(), RackPoint::ALL.len()), t.racks().len(), p.spec().unit));
    let cdus = CDU_POINTS.map(|p| ((1, p.index(), CduPoint::ALL.len()), t.cdu_count(), p.spec().unit));
    let rows = ROW_POINTS.map(|p| ((2, p.index(), RowPoint::ALL.len()), t.rows().len(), p.spec().unit));
    let mut start = 0;
    let lane = |(from, assets, unit)| {
        let lane = Lane { from, start, assets, unit };
        start += assets;
        lane
    };
    racks.into_iter().chain(cdus).chain(rows).map(lane).collect()
}

/// The lane and the index in it that hold a signal of an asset; `None` where it has no past here.
fn place(asset: Asset, signal: Signal) -> Option<(usize, usize)> {
    let (racks, cdus) = (RACK_POINTS.len(), CDU_POINTS.len());
    match (asset, signal) {
        (Asset::Rack(r), Signal::Rack(p)) => Some((RACK_POINTS.iter().position(|q| *q == p)?, r.index())),
        (Asset::Cdu(c), Signal::Cdu(p)) => {
            Some((racks + CDU_POINTS.iter().position(|q| *q == p)?, c.index()))
        }
        (Asset::Row(r), Signal::Row(p)) => {
            Some((racks + cdus + ROW_POINTS.iter().position(|q| *q == p)?, r.index()))
        }
        _ => None,
    }
}

/// Gathers the values of one period.
#[derive(Debug)]
struct Gather {
    start: Timestamp,
    topology: Arc<Topology>,
    lanes: Vec<Lane>,
    sum: Vec<f32>,
    count: Vec<u8>,
    samples: u8,
}

impl Gather {
    fn new(start: Timestamp, topology: Arc<Topology>) -> Self {
        let lanes = lanes(&topology);
        let n = lanes.last().map_or(0, |l| l.start + l.assets);
        Self { start, topology, lanes, sum: vec![0.0; n], count: vec![0; n], samples: 0 }
    }

    fn full(&mut self) -> bool {
        self.samples += u8::from(self.samples < MOST_SAMPLES);
        self.samples == MOST_SAMPLES
    }

    fn add_frame(&mut self, frame: &Frame) {
        if self.full() {
            return;
        }
        let columns = frame.facility.columns();
        for lane in &self.lanes {
            let (column, point, width) = lane.from;
            let values = columns[column].chunks_exact(width).map(|asset| asset[point]);
            let to = lane.start..lane.start + lane.assets;
            let sums = self.sum[to.clone()].iter_mut().zip(&mut self.count[to]);
            for (value, (sum, count)) in values.zip(sums) {
                *sum += if value.is_nan() { 0.0 } else { value };
                *count += u8::from(!value.is_nan());
            }
        }
    }

    fn add_row(&mut self, row: &[u16]) {
        if self.full() {
            return;
        }
        for lane in &self.lanes {
            let of = lane.start..lane.start + lane.assets;
            let sums = self.sum[of.clone()].iter_mut().zip(&mut self.count[of.clone()]);
            for (raw, (sum, count)) in row[of].iter().zip(sums) {
                if let Some(value) = decode(lane.unit, *raw) {
                    *sum += value;
                    *count += 1;
                }
            }
        }
    }

    fn finish(&self) -> Arc<[u16]> {
        let mut row = Vec::with_capacity(self.sum.len());
        for lane in &self.lanes {
            let of = lane.start..lane.start + lane.assets;
            let means = self.sum[of.clone()].iter().zip(&self.count[of]);
            row.extend(means.map(|(s, n)| if *n == 0 { NONE } else { encode(lane.unit, s / f32::from(*n)) }));
        }
        row.into()
    }
}

/// A period that has come to its end.
struct Done {
    start: Timestamp,
    topology: Arc<Topology>,
    row: Arc<[u16]>,
}

/// The periods of one length.
#[derive(Debug)]
struct Track {
    period_ms: i64,
    keep: usize,
    rows_per_chunk: usize,
    budget: usize,
    gather: Option<Gather>,
    /// Oldest first; the last one is open as long as it is neither full nor of another topology.
    chunks: VecDeque<Arc<Chunk>>,
    /// How many of the chunks, from the front, hold rows that were put back and not gathered here.
    restored: usize,
    bytes: usize,
    view: Arc<[Arc<Chunk>]>,
}

impl Track {
    fn new((period_ms, keep, rows_per_chunk): (i64, usize, usize), budget: usize) -> Self {
        Self {
            period_ms,
            keep,
            rows_per_chunk,
            budget,
            gather: None,
            chunks: VecDeque::new(),
            restored: 0,
            bytes: 0,
            view: Arc::new([]),
        }
    }

    /// The period of `time`, and the one before when that has come to its end.
    fn gather_for(&mut self, time: Timestamp, topology: &Arc<Topology>) -> (&mut Gather, Option<Done>) {
        let start = Timestamp(time.millis().div_euclid(self.period_ms) * self.period_ms);
        let fits = |g: &Gather| g.start == start && Arc::ptr_eq(&g.topology, topology);
        let mut done = None;
        if !self.gather.as_ref().is_some_and(fits)
            && let Some(gather) = self.gather.take()
        {
            let row = gather.finish();
            self.store(gather.start, &gather.topology, Arc::clone(&row));
            done = Some(Done { start: gather.start, topology: gather.topology, row });
        }
        (self.gather.get_or_insert_with(|| Gather::new(start, Arc::clone(topology))), done)
    }

    fn store(&mut self, start: Timestamp, topology: &Arc<Topology>, row: Arc<[u16]>) {
        let rows = self.rows_that_fit(row.len());
        let own = self.chunks.len() > self.restored;
        let open = |c: &Arc<Chunk>| own && c.rows().is_some_and(|r| r < rows) && c.is_of(topology);
        let open = self.chunks.pop_back_if(|c| open(c));
        self.bytes -= open.as_ref().map_or(0, |c| c.bytes());
        let chunk = match open {
            Some(chunk) => chunk.with(start, row),
            None => Chunk::new(Arc::clone(topology)).with(start, row),
        };
        self.bytes += chunk.bytes();
        self.chunks.push_back(Arc::new(chunk));
        self.evict(start);
    }

    /// Rows of a chunk. On a small budget it is closed early, so that what is not yet packed stays small.
    fn rows_that_fit(&self, row: usize) -> usize {
        let fit = self.budget / 4 / (2 * row).max(1);
        self.rows_per_chunk.min(fit).max(1)
    }

    /// Packs a part of the oldest chunk that is not packed yet; the last one is still open.
    fn pack_some(&mut self, packer: &mut Packer) -> bool {
        let closed = self.chunks.len().saturating_sub(1);
        let Some(i) = (0..closed).find(|i| self.chunks[*i].rows().is_some()) else { return false };
        if let Some(packed) = packer.step(&self.chunks[i]) {
            self.bytes = self.bytes + packed.bytes() - self.chunks[i].bytes();
            self.chunks[i] = Arc::new(packed);
            self.view = self.chunks.iter().cloned().collect();
        }
        true
    }

    fn evict(&mut self, now: Timestamp) {
        let oldest = now.plus_millis(-(self.keep as i64) * self.period_ms);
        let old = |c: &Arc<Chunk>| c.last().is_none_or(|l| l < oldest);
        while self.chunks.len() > 1 && (self.bytes > self.budget || self.chunks.front().is_some_and(old)) {
            self.bytes -= self.chunks.pop_front().map_or(0, |c| c.bytes());
            self.restored = self.restored.saturating_sub(1);
        }
        self.view = self.chunks.iter().cloned().collect();
    }
}

/// The writer's side.
#[derive(Debug)]
pub struct PlantStore {
    hour: Track,
    day: Track,
    packer: Packer,
}

/// The reader's side: immutable.
#[derive(Clone, Debug)]
pub struct PlantHistory {
    tracks: [Arc<[Arc<Chunk>]>; 2],
}

impl Default for PlantHistory {
    fn default() -> Self {
        Self { tracks: [Arc::new([]), Arc::new([])] }
    }
}

impl PlantStore {
    /// A store that holds at most `budget` bytes (but always the newest chunk of each track).
    #[must_use]
    pub fn new(budget: usize) -> Self {
        Self {
            hour: Track::new(HOUR, budget / 4),
            day: Track::new(DAY, budget / 4 * 3),
            packer: Packer::default(),
        }
    }

    /// Takes in the newest frame.
    pub fn push(&mut self, frame: &Frame) {
        let (gather, done) = self.hour.gather_for(frame.time, &frame.topology);
        gather.add_frame(frame);
        if let Some(Done { start, topology, row }) = done {
            self.day.gather_for(start, &topology).0.add_row(&row);
        }
    }

    /// Packs a part of a full chunk, if there is one. True when something was packed.
    pub fn pack_some(&mut self) -> bool {
        self.hour.pack_some(&mut self.packer) || self.day.pack_some(&mut self.packer)
    }

    /// Bytes held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.hour.bytes + self.day.bytes
    }

    /// The reader's side as of now.
    #[must_use]
    pub fn view(&self) -> PlantHistory {
        PlantHistory { tracks: [Arc::clone(&self.hour.view), Arc::clone(&self.day.view)] }
    }
}

impl PlantHistory {
    /// Start and length of the periods of the track that a window of `window_ms` is read from.
    const fn track(window_ms: i64) -> (usize, i64) {
        if window_ms > HOUR.0 * HOUR.1 as i64 { (1, DAY.0) } else { (0, HOUR.0) }
    }

    /// How long a period of the track for `window_ms` is, ms.
    #[must_use]
    pub const fn period_ms(window_ms: i64) -> i64 {
        Self::track(window_ms).1
    }

    /// Periods from the oldest to the newest of the track for `window_ms`, and its span.
    #[must_use]
    pub fn extent(&self, window_ms: i64) -> (usize, Option<(Timestamp, Timestamp)>) {
        let chunks = &self.tracks[Self::track(window_ms).0];
        let ends = chunks.first().and_then(|c| c.first()).zip(chunks.last().and_then(|c| c.last()));
        (chunks.iter().map(|c| c.len()).sum(), ends)
    }

    /// Packed periods of the track for `window_ms`, and the bytes they take.
    #[must_use]
    pub fn packed(&self, window_ms: i64) -> (usize, usize) {
        let packed = self.tracks[Self::track(window_ms).0].iter().filter(|c| c.rows().is_none());
        packed.fold((0, 0), |(n, bytes), c| (n + c.len(), bytes + c.bytes()))
    }

    /// The periods in which a signal of an asset of `topology` was known, between two moments.
    #[must_use]
    pub fn series(
        &self,
        topology: &Topology,
        (asset, signal): (Asset, Signal),
        window_ms: i64,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<(Timestamp, Point)> {
        let mut out = Vec::new();
        let mut here: Option<(&Topology, Option<Asset>)> = None;
        for chunk in self.tracks[Self::track(window_ms).0].iter() {
            if chunk.last().is_none_or(|l| l < from) || chunk.first().is_none_or(|f| f >= to) {
                continue;
            }
            // Of another site, or of this one before it grew: assets are known by their names.
            let there = chunk.topology().as_ref();
            if here.is_none_or(|(t, _)| !std::ptr::eq(t, there)) {
                let same = std::ptr::eq(there, topology);
                here = Some((there, if same { Some(asset) } else { there.same(asset, topology) }));
            }
            let Some((lane, index)) = here.and_then(|(_, a)| place(a?, signal)) else { continue };
            chunk.read(lane, index, |start, value| {
                if from <= start && start < to {
                    out.push((start, Point::of(value)));
                }
            });
        }
        out
    }
}

#[cfg(test)]
mod tests;
