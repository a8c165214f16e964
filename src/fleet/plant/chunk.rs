//! A chunk of periods: rows while it is open, compressed blocks once it is full.
//!
//! A block holds one point of [`GROUP`] neighbouring assets over all periods of the chunk, asset by
//! asset, as differences from period to period; their low bytes first, then their high bytes.

use std::sync::Arc;

use zstd::bulk::{Compressor, decompress};
use zstd::zstd_safe::compress_bound;

use crate::fleet::plant::{NONE, decode, lanes};
use crate::model::{Timestamp, Topology};

/// Assets per block.
const GROUP: usize = 64;
/// Bytes that a block costs beside its payload.
const OVERHEAD: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct Chunk {
    topology: Arc<Topology>,
    starts: Vec<Timestamp>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Rows(Vec<Arc<[u16]>>),
    /// Blocks lane by lane, group by group.
    Blocks(Vec<Box<[u8]>>),
}

impl Chunk {
    /// A chunk without periods.
    pub const fn new(topology: Arc<Topology>) -> Self {
        Self { topology, starts: Vec::new(), body: Body::Rows(Vec::new()) }
    }

    /// The chunk with one more period; a packed one stays as it is.
    pub fn with(&self, start: Timestamp, row: Arc<[u16]>) -> Self {
        let (mut starts, mut body) = (self.starts.clone(), Vec::new());
        if let Body::Rows(rows) = &self.body {
            body = rows.clone();
            body.push(row);
            starts.push(start);
        }
        Self { topology: Arc::clone(&self.topology), starts, body: Body::Rows(body) }
    }

    /// The topology that its assets are of.
    pub const fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// True when it is of this topology.
    pub fn is_of(&self, topology: &Arc<Topology>) -> bool {
        Arc::ptr_eq(&self.topology, topology)
    }

    /// Rows of an open chunk; `None` of a packed one.
    pub const fn rows(&self) -> Option<usize> {
        match &self.body {
            Body::Rows(rows) => Some(rows.len()),
            Body::Blocks(_) => None,
        }
    }

    /// How many periods it has.
    pub const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Start of the first period.
    pub fn first(&self) -> Option<Timestamp> {
        self.starts.first().copied()
    }

    /// Start of the last period.
    pub fn last(&self) -> Option<Timestamp> {
        self.starts.last().copied()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let body: usize = match &self.body {
            Body::Rows(rows) => rows.iter().map(|r| 2 * r.len() + OVERHEAD).sum(),
            Body::Blocks(blocks) => blocks.iter().map(|b| b.len() + OVERHEAD).sum(),
        };
        body + 8 * self.starts.len()
    }

    /// Steps in which a [`Packer`] packs it.
    pub fn steps(&self) -> usize {
        lanes(&self.topology).len().div_ceil(LANES_PER_STEP)
    }

    /// All its periods with their rows; those of a packed one are unpacked, with "no value" where a
    /// block cannot be read.
    pub fn all(&self) -> Vec<(Timestamp, Arc<[u16]>)> {
        let blocks = match &self.body {
            Body::Rows(rows) => return self.starts.iter().copied().zip(rows.iter().cloned()).collect(),
            Body::Blocks(blocks) => blocks,
        };
        let lanes = lanes(&self.topology);
        let n = lanes.last().map_or(0, |l| l.start + l.assets);
        let mut rows = vec![vec![NONE; n]; self.starts.len()];
        let groups = lanes.iter().flat_map(|l| {
            let part = |first| (l.start + first, GROUP.min(l.assets - first));
            (0..l.assets).step_by(GROUP).map(part)
        });
        for ((first, assets), block) in groups.zip(blocks) {
            let Some(raw) = raw(block, assets * rows.len()) else { continue };
            for asset in 0..assets {
                let values = course(&raw, asset, rows.len());
                rows.iter_mut().zip(values).for_each(|(row, v)| row[first + asset] = v);
            }
        }
        self.starts.iter().copied().zip(rows.into_iter().map(Arc::from)).collect()
    }

    /// Tells the known values of one asset in one lane, oldest first.
    pub fn read(&self, lane: usize, index: usize, mut tell: impl FnMut(Timestamp, f32)) {
        let lanes = lanes(&self.topology);
        let Some(at) = lanes.get(lane).filter(|l| index < l.assets) else { return };
        let mut known = |start: &Timestamp, raw| {
            if let Some(value) = decode(at.unit, raw) {
                tell(*start, value);
            }
        };
        match &self.body {
            Body::Rows(rows) => {
                self.starts.iter().zip(rows).for_each(|(s, row)| known(s, row[at.start + index]));
            }
            Body::Blocks(blocks) => {
                let before: usize = lanes[..lane].iter().map(|l| l.assets.div_ceil(GROUP)).sum();
                let assets = GROUP.min(at.assets - index / GROUP * GROUP);
                let Some(block) = blocks.get(before + index / GROUP) else { return };
                let values = unpack(block, index % GROUP, assets, self.starts.len());
                self.starts.iter().zip(values).for_each(|(s, v)| known(s, v));
            }
        }
    }
}

/// Lanes that one step packs: a chunk of the default site takes seven steps of about two
/// milliseconds, so that no tick waits for a whole one.
const LANES_PER_STEP: usize = 4;

/// Packs chunks, a few lanes at a time.
pub struct Packer {
    zstd: Option<Compressor<'static>>,
    raw: Vec<u8>,
    packed: Vec<u8>,
    work: Option<Work>,
}

/// A chunk that is being packed: lanes that are done, and their blocks.
struct Work {
    chunk: Arc<Chunk>,
    done: usize,
    blocks: Vec<Box<[u8]>>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self { zstd: Compressor::new(1).ok(), raw: Vec::new(), packed: Vec::new(), work: None }
    }
}

impl Packer {
    /// Does the next step of packing `chunk`; answers with the packed one when it was the last step.
    /// Without a compressor its blocks are empty, which reads as "no value".
    pub fn step(&mut self, chunk: &Arc<Chunk>) -> Option<Chunk> {
        let mut work = match self.work.take() {
            Some(work) if Arc::ptr_eq(&work.chunk, chunk) => work,
            _ => Work { chunk: Arc::clone(chunk), done: 0, blocks: Vec::new() },
        };
        let lanes = lanes(&chunk.topology);
        let Body::Rows(rows) = &chunk.body else { return None };
        let next = lanes.len().min(work.done + LANES_PER_STEP);
        for lane in &lanes[work.done..next] {
            for first in (0..lane.assets).step_by(GROUP) {
                let start = lane.start + first;
                work.blocks.push(self.block(rows, start..start + GROUP.min(lane.assets - first)));
            }
        }
        if next < lanes.len() {
            self.work = Some(Work { done: next, ..work });
            return None;
        }
        let (topology, starts) = (Arc::clone(&chunk.topology), chunk.starts.clone());
        Some(Chunk { topology, starts, body: Body::Blocks(work.blocks) })
    }

    fn block(&mut self, rows: &[Arc<[u16]>], assets: std::ops::Range<usize>) -> Box<[u8]> {
        let n = rows.len() * assets.len();
        self.raw.clear();
        self.raw.resize(2 * n, 0);
        let mut at = 0;
        let mut neighbour = 0u16;
        for asset in assets {
            // The first value follows that of the asset before, the others that of the period before.
            let mut last = neighbour;
            for (i, row) in rows.iter().enumerate() {
                let value = row[asset];
                let [low, high] = zigzag(value.wrapping_sub(last)).to_le_bytes();
                (self.raw[at], self.raw[n + at]) = (low, high);
                last = value;
                if i == 0 {
                    neighbour = value;
                }
                at += 1;
            }
        }
        self.packed.resize(compress_bound(2 * n), 0);
        let zstd = self.zstd.as_mut();
        let len = zstd.and_then(|z| z.compress_to_buffer(&self.raw, self.packed.as_mut_slice()).ok());
        self.packed[..len.unwrap_or(0)].into()
    }
}

/// The values of asset `index` of a block; absent where the block cannot be read.
fn unpack(block: &[u8], index: usize, assets: usize, periods: usize) -> Vec<u16> {
    raw(block, assets * periods).map_or_else(Vec::new, |raw| course(&raw, index, periods))
}

/// The differences of a block of `n` values.
fn raw(block: &[u8], n: usize) -> Option<Vec<u8>> {
    decompress(block, 2 * n).ok().filter(|raw| raw.len() == 2 * n)
}

fn course(raw: &[u8], index: usize, periods: usize) -> Vec<u16> {
    let n = raw.len() / 2;
    let delta = |at: usize| unzigzag(u16::from_le_bytes([raw[at], raw[n + at]]));
    let mut last = (0..index).fold(0u16, |sum, a| sum.wrapping_add(delta(a * periods)));
    let values = (index * periods..(index + 1) * periods).map(|at| {
        last = last.wrapping_add(delta(at));
        last
    });
    values.collect()
}

/// Small differences of either sign as small numbers.
pub const fn zigzag(delta: u16) -> u16 {
    let signed = delta.cast_signed();
    ((signed << 1) ^ (signed >> 15)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(raw: u16) -> u16 {
    (raw >> 1) ^ (raw & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zigzag_is_undone_for_every_difference() {
        assert!((0..=u16::MAX).all(|d| unzigzag(zigzag(d)) == d));
        assert_eq!([0, 1, u16::MAX, 2].map(zigzag), [0, 2, 1, 4]);
    }

    #[test]
    fn a_damaged_block_reads_as_nothing() {
        assert_eq!(unpack(&[1, 2, 3], 0, 2, 3), Vec::<u16>::new());
    }
}
