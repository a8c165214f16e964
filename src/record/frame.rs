//! The message of one tick's frame: planes, whole in key frames and as differences to the key frame
//! in the others. See `docs/recording-format.md`, "Frames".

use std::sync::Arc;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::compress_bound;

use crate::fleet::Frame;
use crate::fleet::planes::{self, About, Draft, PLANES};
use crate::model::batch::JobName;
use crate::model::{Timestamp, Topology};
use crate::record::Topic;
use crate::record::layout::{ANSWERS, Places};

/// Version of the layout of the message.
const VERSION: u8 = 1;
/// Every so many frames one is whole.
pub const KEY_EVERY: u32 = 10;
/// zstd level: higher ones save under 5 % and cost several times the CPU.
const LEVEL: i32 = 1;
const HEAD: usize = 56;
const ENTRY: usize = 12;
/// Most planes of a frame.
const MOST_PLANES: usize = 1024;

/// What a frame is told with: the number of its topology, and how many messages of the channels of
/// [`BESIDE`] were written before it. So a reader knows that it has missed none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// Number of its topology.
    pub topology: u32,
    /// Messages written before it, by channel.
    pub told: [u32; BESIDE.len()],
}

/// The channels that tell what stands beside frames.
pub const BESIDE: [Topic; 4] = [Topic::Alarms, Topic::Sources, Topic::Names, Topic::Inventory];

impl From<u32> for Numbers {
    fn from(topology: u32) -> Self {
        Self { topology, ..Self::default() }
    }
}

/// How a plane is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Same,
    Whole,
    Difference,
}

/// The frame that differences are to.
struct Key {
    frame: Arc<Frame>,
    planes: Vec<Vec<u8>>,
    topology: u32,
}

/// Writes frames one after the other.
pub struct FrameEncoder {
    zstd: Compressor<'static>,
    key: Option<Key>,
    since: u32,
    body: Vec<u8>,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameEncoder").field("since", &self.since).finish_non_exhaustive()
    }
}

impl FrameEncoder {
    /// An encoder whose first frame is whole.
    ///
    /// # Errors
    /// There is no memory for a compressor.
    pub fn new() -> std::io::Result<Self> {
        let zstd = Compressor::new(LEVEL)?;
        Ok(Self { zstd, key: None, since: 0, body: Vec::new(), scratch: Vec::new() })
    }

    /// True when the next frame, of topology number `topology`, will be whole.
    #[must_use]
    pub fn is_key_next(&self, topology: u32) -> bool {
        self.since >= KEY_EVERY || self.key.as_ref().is_none_or(|k| k.topology != topology)
    }

    /// Appends the message of `frame` to `out`. `answers` tells which trays answer.
    ///
    /// # Errors
    /// The compressor failed.
    pub fn encode(
        &mut self,
        (frame, answers): (&Arc<Frame>, &[bool]),
        numbers: impl Into<Numbers>,
        out: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let Numbers { topology, told } = numbers.into();
        let key = if self.is_key_next(topology) { None } else { self.key.take() };
        let (key_time, key_seq) =
            key.as_ref().map_or((frame.time, frame.seq), |k| (k.frame.time, k.frame.seq));
        out.push(VERSION);
        out.push(u8::from(key.is_none()));
        out.extend((PLANES as u16 + 1).to_le_bytes());
        out.extend(topology.to_le_bytes());
        out.extend(frame.seq.to_le_bytes());
        out.extend(frame.time.millis().to_le_bytes());
        out.extend(key_time.millis().to_le_bytes());
        told.iter().for_each(|n| out.extend(n.to_le_bytes()));
        out.extend(key_seq.to_le_bytes());
        self.body.clear();
        let mut whole = Vec::with_capacity(if key.is_none() { PLANES + 1 } else { 0 });
        for plane in 0..=ANSWERS {
            let same = |k: &Key| plane < PLANES && planes::unchanged(&k.frame, frame, plane);
            let (kind, len, stored) = match &key {
                Some(k) if same(k) => (Kind::Same, k.planes[plane].len(), 0),
                k => {
                    let data = match plane {
                        ANSWERS => answers.iter().map(|a| u8::from(*a)).collect(),
                        _ => planes::bytes(frame, plane),
                    };
                    let len = data.len();
                    let (kind, stored) =
                        self.store(data, k.as_ref().map(|k| &k.planes[plane]), &mut whole)?;
                    (kind, len, stored)
                }
            };
            out.extend((plane as u16).to_le_bytes());
            out.extend([kind as u8, 0]);
            out.extend((len as u32).to_le_bytes());
            out.extend((stored as u32).to_le_bytes());
        }
        out.extend_from_slice(&self.body);
        self.since = if key.is_none() { 1 } else { self.since + 1 };
        self.key = Some(match key {
            Some(key) => key,
            None => Key { frame: Arc::clone(frame), planes: whole, topology },
        });
        Ok(())
    }

    /// Puts a plane into the body, as difference to `base` where there is one of its length; a
    /// plane without a base is added to `whole`.
    fn store(
        &mut self,
        mut data: Vec<u8>,
        base: Option<&Vec<u8>>,
        whole: &mut Vec<Vec<u8>>,
    ) -> std::io::Result<(Kind, usize)> {
        let kind = match base {
            Some(base) if *base == data => return Ok((Kind::Same, 0)),
            Some(base) if base.len() == data.len() => {
                data.iter_mut().zip(base).for_each(|(d, b)| *d = d.wrapping_sub(*b));
                Kind::Difference
            }
            _ => Kind::Whole,
        };
        self.scratch.resize(compress_bound(data.len()), 0);
        let stored = self.zstd.compress_to_buffer(&data, self.scratch.as_mut_slice())?;
        self.body.extend_from_slice(&self.scratch[..stored]);
        if base.is_none() {
            whole.push(data);
        }
        Ok((kind, stored))
    }
}

/// The head of a message: what is in it, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameHead {
    /// It is whole.
    pub key: bool,
    /// Number of its topology.
    pub topology: u32,
    /// Number of the tick.
    pub seq: u64,
    /// The moment.
    pub time: Timestamp,
    /// Moment and number of the key frame: while a clock is set back several frames have one moment.
    pub key_at: (Timestamp, u64),
    /// Messages written before it, by the channels of [`BESIDE`].
    pub told: [u32; BESIDE.len()],
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    plane: u16,
    kind: Kind,
    len: usize,
    at: usize,
    stored: usize,
}

impl FrameHead {
    /// Reads the head of a message; `None` when it is damaged, or of a layout not known here.
    #[must_use]
    pub fn read(message: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD] = message.first_chunk()?;
        let long = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let count = usize::from(u16::from_le_bytes([head[2], head[3]]));
        if head[0] != VERSION || count > MOST_PLANES {
            return None;
        }
        let mut at = HEAD + count * ENTRY;
        let mut entries = Vec::with_capacity(count);
        for e in message.get(HEAD..at)?.chunks_exact(ENTRY) {
            let word = |i: usize| u32::from_le_bytes([e[i], e[i + 1], e[i + 2], e[i + 3]]) as usize;
            let kind = match e[2] {
                0 => Kind::Same,
                1 => Kind::Whole,
                2 => Kind::Difference,
                _ => return None,
            };
            let entry =
                Entry { plane: u16::from_le_bytes([e[0], e[1]]), kind, len: word(4), at, stored: word(8) };
            at = at.checked_add(entry.stored)?;
            entries.push(entry);
        }
        let read = Self {
            key: head[1] & 1 == 1,
            topology: u32::from_le_bytes([head[4], head[5], head[6], head[7]]),
            seq: long(8)?,
            time: Timestamp(long(16)?.cast_signed()),
            key_at: (Timestamp(long(24)?.cast_signed()), long(48)?),
            told: std::array::from_fn(|i| {
                let at = 32 + 4 * i;
                u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
            }),
            entries,
        };
        let whole = || read.entries.iter().all(|e| e.kind == Kind::Whole);
        (at <= message.len() && (!read.key || whole())).then_some(read)
    }
}

/// A frame that was read, with which trays answered.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The frame.
    pub frame: Arc<Frame>,
    /// Which trays answered.
    pub answers: Arc<[bool]>,
}

/// A key frame with its planes, ready for the frames that are differences to it.
pub struct KeyFrame {
    /// Its moment and its number.
    pub at: (Timestamp, u64),
    topology: Arc<Topology>,
    /// Planes as they are in the file.
    raw: Vec<(u16, Vec<u8>)>,
    draft: Draft,
    answers: Arc<[bool]>,
}

impl std::fmt::Debug for KeyFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFrame").field("at", &self.at).finish_non_exhaustive()
    }
}

/// What a frame needs beside its message.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Where the planes of the file belong.
    pub places: &'a Places,
    /// The topology of its number.
    pub topology: &'a Arc<Topology>,
    /// Names of job slots.
    pub jobs: &'a Arc<[JobName]>,
    /// Names of tenant slots.
    pub tenants: &'a Arc<[String]>,
    /// The frame before it, where it is at hand.
    pub previous: Option<&'a Frame>,
}

/// Reads frames. Holds a decompressor and its memory.
pub struct FrameDecoder {
    zstd: Decompressor<'static>,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for FrameDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameDecoder").finish_non_exhaustive()
    }
}

impl FrameDecoder {
    /// A decoder.
    ///
    /// # Errors
    /// There is no memory for a decompressor.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { zstd: Decompressor::new()?, scratch: Vec::new() })
    }

    /// Reads a key frame; `None` when it is damaged.
    pub fn key(&mut self, message: &[u8], head: &FrameHead, around: Around<'_>) -> Option<KeyFrame> {
        let absent = Draft::absent(around.topology);
        let mut key = KeyFrame {
            at: (head.time, head.seq),
            topology: Arc::clone(around.topology),
            raw: Vec::with_capacity(head.entries.len()),
            answers: vec![false; around.topology.trays().len()].into(),
            draft: absent,
        };
        for entry in &head.entries {
            let Some(place) = around.places.get(entry.plane) else { continue };
            let (own, most) = lengths(&key.draft, place.plane, around.topology);
            if entry.len > place.length(most) || (most == own && entry.len != place.length(own)) {
                return None;
            }
            self.inflate(message, entry)?;
            let data = self.scratch.clone();
            set(&mut key.draft, &mut key.answers, (place.plane, &place.arrange(data.clone())))?;
            key.raw.push((entry.plane, data));
        }
        Some(key)
    }

    /// Reads a frame; `key` is its key frame. `None` when it is damaged, or belongs to another key.
    pub fn frame(
        &mut self,
        (message, head): (&[u8], &FrameHead),
        key: &KeyFrame,
        around: Around<'_>,
    ) -> Option<Seen> {
        if head.key_at != key.at || !Arc::ptr_eq(&key.topology, around.topology) {
            return None;
        }
        let (mut draft, mut answers) = (key.draft.clone(), Arc::clone(&key.answers));
        for entry in head.entries.iter().filter(|e| !head.key && e.kind != Kind::Same) {
            let Some(place) = around.places.get(entry.plane) else { continue };
            let base = key.raw.iter().find(|(plane, _)| *plane == entry.plane).map(|(_, data)| data);
            let (_, most) = lengths(&draft, place.plane, around.topology);
            if entry.len > place.length(most) {
                return None;
            }
            self.inflate(message, entry)?;
            if entry.kind == Kind::Difference {
                let base = base.filter(|b| b.len() == entry.len)?;
                if place.is_as_here() && draft.set_sum(place.plane, &self.scratch, base) {
                    continue;
                }
                self.scratch.iter_mut().zip(base).for_each(|(d, b)| *d = d.wrapping_add(*b));
            }
            set(&mut draft, &mut answers, (place.plane, &place.arrange(self.scratch.clone())))?;
        }
        let about = About {
            time: head.time,
            seq: head.seq,
            topology: Arc::clone(around.topology),
            jobs: Arc::clone(around.jobs),
            tenants: Arc::clone(around.tenants),
        };
        Some(Seen { frame: Arc::new(draft.finish(about, around.previous)), answers })
    }

    /// Unpacks a plane into the scratch memory.
    fn inflate(&mut self, message: &[u8], entry: &Entry) -> Option<()> {
        let stored = message.get(entry.at..entry.at.checked_add(entry.stored)?)?;
        // The length was checked: memory is bounded by what the topology needs.
        self.scratch.clear();
        self.scratch.reserve(entry.len);
        let len = self.zstd.decompress_to_buffer(stored, &mut self.scratch).ok()?;
        (len == entry.len && self.scratch.len() == len).then_some(())
    }
}

/// The length of a plane now, and the longest it may have.
fn lengths(draft: &Draft, plane: usize, topology: &Topology) -> (usize, usize) {
    if plane == ANSWERS {
        let n = topology.trays().len();
        return (n, n);
    }
    (draft.len(plane), draft.most(plane))
}

fn set(draft: &mut Draft, answers: &mut Arc<[bool]>, (plane, data): (usize, &[u8])) -> Option<()> {
    if plane == ANSWERS {
        (data.len() == answers.len()).then_some(())?;
        *answers = data.iter().map(|b| *b != 0).collect();
        return Some(());
    }
    draft.set(plane, data).then_some(())
}

#[cfg(test)]
mod tests;
