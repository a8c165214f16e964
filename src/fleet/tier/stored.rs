//! A bucket as bytes. Its blocks are compressed already and are kept as they are.

use std::sync::Arc;

use zstd::zstd_safe::compress_bound;

use crate::fleet::period::wire::Bytes;
use crate::fleet::tier::{BLOCK, Bucket, PLANES};
use crate::model::{Timestamp, Topology};

/// A chain of differences is never longer than this.
const LONGEST_CHAIN: u32 = 1024;

impl Bucket {
    /// The bucket as bytes; see `docs/recording-periods.md`.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes);
        out.extend(self.chain.0.millis().to_le_bytes());
        out.extend(self.chain.1.to_le_bytes());
        out.extend((self.blocks.len() as u32).to_le_bytes());
        self.blocks.iter().for_each(|b| out.extend((b.len() as u32).to_le_bytes()));
        self.blocks.iter().for_each(|b| out.extend_from_slice(b));
        out
    }

    /// Most bytes that a bucket of a topology takes.
    pub(crate) fn most_bytes(topology: &Topology) -> usize {
        16 + topology.gpu_count().div_ceil(BLOCK) * (4 + compress_bound(PLANES * BLOCK))
    }

    /// The inverse of [`Self::to_bytes`]; `None` where the bytes are not such a bucket. The blocks are
    /// checked when they are read.
    pub(crate) fn from_bytes(start: Timestamp, topology: &Arc<Topology>, bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes::new(bytes);
        let chain = (Timestamp(bytes.i64()?), bytes.u32()?);
        let key_elsewhere = chain.1 == 0 && chain.0 != start;
        if key_elsewhere || chain.0 > start || chain.1 > LONGEST_CHAIN {
            return None;
        }
        let count = bytes.u32()? as usize;
        if count != topology.gpu_count().div_ceil(BLOCK) {
            return None;
        }
        let lengths: Option<Vec<usize>> = (0..count).map(|_| bytes.u32().map(|l| l as usize)).collect();
        let most = compress_bound(PLANES * BLOCK);
        let mut block = |len: usize| if len <= most { bytes.take(len).map(Box::from) } else { None };
        let blocks: Vec<Box<[u8]>> = lengths?.into_iter().map(&mut block).collect::<Option<_>>()?;
        let held = blocks.iter().map(|b| b.len() + 16).sum();
        bytes.is_empty().then(|| Self { start, topology: Arc::clone(topology), chain, blocks, bytes: held })
    }
}
