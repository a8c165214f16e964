//! Rows of the past of racks, CDUs and rows that leave the store, and that are put back.

use std::sync::Arc;

use crate::fleet::period::wire::{from_planes, to_planes};
use crate::fleet::plant::chunk::{Chunk, Packer, unzigzag, zigzag};
use crate::fleet::plant::{DAY, PlantHistory, PlantStore, Track, lanes};
use crate::model::{Timestamp, Topology};

/// Values of a row of a topology.
pub fn row_len(topology: &Topology) -> usize {
    lanes(topology).last().map_or(0, |l| l.start + l.assets)
}

/// A row as bytes: each value as its difference to the one before, low bytes first.
pub fn to_bytes(row: &[u16]) -> Vec<u8> {
    let before = std::iter::once(&0).chain(row);
    to_planes(row.iter().zip(before).map(|(v, b)| zigzag(v.wrapping_sub(*b)).to_le_bytes()))
}

/// The inverse of [`to_bytes`].
pub fn from_bytes(bytes: &[u8]) -> Arc<[u16]> {
    let deltas = from_planes(bytes).map(u16::from_le_bytes);
    deltas
        .scan(0u16, |v, d| {
            *v = v.wrapping_add(unzigzag(d));
            Some(*v)
        })
        .collect()
}

impl Track {
    /// Start of the oldest period that was gathered here.
    fn oldest(&self) -> Option<Timestamp> {
        let stored = self.chunks.get(self.restored).and_then(|c| c.first());
        stored.or_else(|| self.gather.as_ref().map(|g| g.start))
    }

    /// Puts back a row that is older than what was gathered here and newer than what was put back
    /// before; it is left out where it does not fit.
    fn restore(&mut self, packer: &mut Packer, start: Timestamp, topology: &Arc<Topology>, row: Arc<[u16]>) {
        let newest = self.chunks.back().and_then(|c| c.last()).max(self.gather.as_ref().map(|g| g.start));
        let edge = newest.map(|n| n.plus_millis(-(self.keep as i64) * self.period_ms));
        let before = self.restored.checked_sub(1);
        let last = before.and_then(|i| self.chunks.get(i)).and_then(|c| Some((c.last()?, c.is_of(topology))));
        if self.oldest().is_some_and(|o| start >= o)
            || edge.is_some_and(|e| start < e)
            || last.is_some_and(|(l, same)| l > start || (l == start && same))
        {
            return;
        }
        let rows = self.rows_that_fit(row.len());
        let open = |c: &Chunk| c.is_of(topology) && c.rows().is_some_and(|r| r < rows);
        match before.filter(|i| open(&self.chunks[*i])) {
            Some(i) => {
                let chunk = self.chunks[i].with(start, row);
                self.put(i, chunk);
            }
            None => {
                before.into_iter().for_each(|i| self.pack(packer, i));
                let chunk = Chunk::new(Arc::clone(topology)).with(start, row);
                self.bytes += chunk.bytes();
                self.chunks.insert(self.restored, Arc::new(chunk));
                self.restored += 1;
            }
        }
        if self.chunks[self.restored - 1].rows() == Some(rows) {
            self.pack(packer, self.restored - 1);
        }
        let edge = edge.max(Some(start.plus_millis(-(self.keep as i64) * self.period_ms)));
        let old = |c: &Arc<Chunk>| c.last() < edge;
        while self.restored > 0 && (self.bytes > self.budget || self.chunks.front().is_some_and(old)) {
            self.bytes -= self.chunks.pop_front().map_or(0, |c| c.bytes());
            self.restored -= 1;
        }
        self.view = self.chunks.iter().cloned().collect();
    }

    fn put(&mut self, i: usize, chunk: Chunk) {
        self.bytes = self.bytes + chunk.bytes() - self.chunks[i].bytes();
        self.chunks[i] = Arc::new(chunk);
    }

    /// Packs a whole chunk at once, if it is not packed yet.
    fn pack(&mut self, packer: &mut Packer, i: usize) {
        let chunk = Arc::clone(&self.chunks[i]);
        let steps = if chunk.rows().is_some() { chunk.steps() } else { 0 };
        if let Some(packed) = (0..steps).find_map(|_| packer.step(&chunk)) {
            self.put(i, packed);
        }
    }
}

impl PlantStore {
    /// Puts back a row of the 10 s (0) or the 1 min level (1), as [`PlantHistory::rows`] gave it: one
    /// that is older than what was gathered here and newer than what was put back before. A chunk that
    /// is full is packed at once (about 15 ms at 100,000 GPUs).
    pub(crate) fn restore(&mut self, level: usize, (start, topology, row): Row) {
        if row.len() == row_len(&topology) {
            let track = if level == 0 { &mut self.hour } else { &mut self.day };
            track.restore(&mut self.packer, start, &topology, row);
        }
    }

    /// Start of the oldest period of a level that is still being gathered.
    pub(crate) fn pending(&self, level: usize) -> Option<Timestamp> {
        let hour = self.hour.gather.as_ref().map(|g| g.start);
        if level == 0 {
            return hour;
        }
        let feeds = hour.map(|h| Timestamp(h.millis().div_euclid(DAY.0) * DAY.0));
        let day = self.day.gather.as_ref().map(|g| g.start);
        feeds.into_iter().chain(day).min()
    }
}

/// A row with its start and the topology that it is of.
pub type Row = (Timestamp, Arc<Topology>, Arc<[u16]>);

impl PlantHistory {
    /// The rows of the 10 s (0) or the 1 min level (1) that are newer than `after` and older than
    /// `before`, oldest first.
    pub(crate) fn rows(&self, level: usize, after: Option<Timestamp>, before: Timestamp) -> Vec<Row> {
        let newer = |t: Timestamp| after.is_none_or(|a| t > a);
        let mut out = Vec::new();
        for chunk in self.tracks[level].iter().filter(|c| c.last().is_some_and(newer)) {
            let rows = chunk.all().into_iter().filter(|(start, _)| newer(*start) && *start < before);
            out.extend(rows.map(|(start, row)| (start, Arc::clone(chunk.topology()), row)));
        }
        out
    }
}
