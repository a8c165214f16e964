//! What a file holds and where: from its summary, or from its records where it has none.
//!
//! Nothing is believed: every length is checked against the file, and whatever does not fit ends
//! the scan. The content of chunks is checked by their CRC when they are read (see [`chunk`]); a
//! library that hands out messages before it has looked at the CRC will not do here.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::model::Timestamp;
use crate::record::{PROFILE, Topic, VERSION};

/// How every file begins and ends.
const MAGIC: &[u8; 8] = b"\x89MCAP0\r\n";
/// Opcode and length before each record.
const RECORD: u64 = 9;
/// The footer: record head, two offsets, CRC.
const FOOTER: u64 = RECORD + 20;
/// Start of the records in a chunk without compression, from the start of its body.
const CHUNK_HEAD: usize = 40;
/// Longest chunk that is read: a frame of a million GPUs takes some 30 MB.
const MOST_CHUNK: u64 = 256 << 20;
/// Longest summary that is read.
const MOST_SUMMARY: u64 = 256 << 20;
/// Longest metadata record, and most of an attachment's head.
const MOST_SMALL: u64 = 64 << 10;

const HEADER: u8 = 0x01;
const CHANNEL: u8 = 0x04;
const MESSAGE: u8 = 0x05;
const CHUNK: u8 = 0x06;
const MESSAGE_INDEX: u8 = 0x07;
const CHUNK_INDEX: u8 = 0x08;
const ATTACHMENT: u8 = 0x09;
const ATTACHMENT_INDEX: u8 = 0x0A;
const METADATA: u8 = 0x0C;
const METADATA_INDEX: u8 = 0x0D;
const DATA_END: u8 = 0x0F;

/// Why a file cannot be used at all.
#[derive(Debug)]
pub enum Unfit {
    /// It is something else.
    Foreign,
    /// It is of this version.
    Newer(u32),
    /// The disk failed.
    Io(std::io::Error),
}

impl From<std::io::Error> for Unfit {
    fn from(e: std::io::Error) -> Self {
        Self::Io(e)
    }
}

/// Where a chunk lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkAt {
    /// Moment of its last message.
    pub time: Timestamp,
    /// Offset of its record.
    pub at: u64,
    /// Length of its record.
    pub len: u64,
    /// Channels that have messages in it, as bits of [`Topic::bit`].
    pub topics: u16,
}

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Chunks with a frame.
    pub frames: Vec<ChunkAt>,
    /// Chunks with anything else.
    pub states: Vec<ChunkAt>,
    /// Attachments by name: offset and length of the record, and its moment.
    pub attachments: BTreeMap<String, (u64, u64, Timestamp)>,
    /// What the metadata record says; what the one of the incident says, as `incident.title`.
    pub about: BTreeMap<String, String>,
    channels: HashMap<u16, Topic>,
    /// Where the next record begins.
    end: u64,
    /// The file was finished: nothing will be added.
    pub finished: bool,
}

/// A piece of a record that is read from its start; everything is checked.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let n = self.u32()? as usize;
        std::str::from_utf8(self.take(n)?).ok()
    }

    /// The next record: its kind and its body.
    fn record(&mut self) -> Option<(u8, Self)> {
        let op = self.u8()?;
        let n = usize::try_from(self.u64()?).ok()?;
        Some((op, Self(self.take(n)?)))
    }
}

fn moment(nanos: u64) -> Timestamp {
    Timestamp((nanos / 1_000_000).cast_signed())
}

fn read(file: &File, at: u64, len: usize) -> std::io::Result<Vec<u8>> {
    let mut buf = vec![0; len];
    file.read_exact_at(&mut buf, at)?;
    Ok(buf)
}

impl Index {
    /// Reads what `file` of `len` bytes holds.
    ///
    /// # Errors
    /// It is no recording, or a newer one, or cannot be read.
    pub fn read(file: &File, len: u64) -> Result<Self, Unfit> {
        if len < MAGIC.len() as u64 || read(file, 0, MAGIC.len())? != MAGIC {
            return Err(Unfit::Foreign);
        }
        let mut index = Self::from_summary(file, len)?.unwrap_or_default();
        if !index.finished {
            index = Self { end: MAGIC.len() as u64, ..Self::default() };
            index.extend(file, len)?;
        }
        match index.about.get("version").and_then(|v| v.parse().ok()) {
            Some(version) if version > VERSION => Err(Unfit::Newer(version)),
            Some(_) => Ok(index),
            None => Err(Unfit::Foreign),
        }
    }

    /// Takes in what was added to the file since, up to `len`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn extend(&mut self, file: &File, len: u64) -> Result<(), Unfit> {
        let mut open: Option<ChunkAt> = None;
        while !self.finished && self.end + RECORD <= len {
            let head = read(file, self.end, RECORD as usize)?;
            let body = u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8].map(|i| head[i]));
            let Some(next) = self.end.checked_add(RECORD + body).filter(|next| body < len && *next <= len)
            else {
                break;
            };
            if head[0] != MESSAGE_INDEX
                && let Some(chunk) = open.take()
            {
                self.add(file, chunk)?;
            }
            let at = self.end + RECORD;
            match head[0] {
                HEADER => self.check_header(&read(file, at, body.min(MOST_SMALL) as usize)?)?,
                CHUNK if body >= CHUNK_HEAD as u64 => {
                    let head = read(file, at, CHUNK_HEAD)?;
                    let time = Bytes(&head[8..]).u64().map(moment).unwrap_or_default();
                    open = Some(ChunkAt { time, at: self.end, len: RECORD + body, topics: 0 });
                }
                MESSAGE_INDEX if body >= 2 => {
                    let id = read(file, at, 2)?;
                    let topic = self.channels.get(&u16::from_le_bytes([id[0], id[1]]));
                    if let (Some(chunk), Some(topic)) = (&mut open, topic) {
                        chunk.topics |= topic.bit();
                    }
                }
                ATTACHMENT => {
                    let head = read(file, at, body.min(MOST_SMALL) as usize)?;
                    self.add_attachment(&head, (self.end, RECORD + body));
                }
                METADATA if body <= MOST_SMALL => self.add_metadata(&read(file, at, body as usize)?),
                DATA_END => self.finished = true,
                _ => {}
            }
            self.end = next;
        }
        if let Some(chunk) = open {
            // Its index has not been written yet: it is looked at, and once more when there is more.
            let end = chunk.at;
            self.add(file, chunk)?;
            if self.known_last(end) {
                self.end = end + chunk.len;
            }
        }
        Ok(())
    }

    /// True when the last chunk that was added is the one at `at`.
    fn known_last(&self, at: u64) -> bool {
        [&self.frames, &self.states].iter().any(|list| list.last().is_some_and(|c| c.at == at))
    }

    /// Adds a chunk. One without an index is looked into: it has the channels, or is the last one.
    fn add(&mut self, file: &File, mut chunk: ChunkAt) -> Result<(), Unfit> {
        if chunk.topics == 0 {
            let Some(data) = self::chunk(file, chunk.at, chunk.len)? else { return Ok(()) };
            let mut rest = Bytes(&data);
            while let Some((op, mut body)) = rest.record() {
                match op {
                    CHANNEL => {
                        let mut channel = body;
                        let known = channel.u16().zip(channel.u16()).zip(channel.text());
                        if let Some(((id, _), topic)) = known.and_then(|(ids, t)| Some((ids, Topic::of(t)?)))
                        {
                            self.channels.insert(id, topic);
                        }
                    }
                    MESSAGE => {
                        let topic = body.u16().and_then(|id| self.channels.get(&id));
                        chunk.topics |= topic.map_or(0, |t| t.bit());
                    }
                    _ => {}
                }
            }
        }
        self.place(chunk);
        Ok(())
    }

    fn place(&mut self, chunk: ChunkAt) {
        let list = if chunk.topics & Topic::Frame.bit() != 0 { &mut self.frames } else { &mut self.states };
        // Moments go forward; a chunk that does not fit in would break every search.
        if chunk.topics != 0 && list.last().is_none_or(|last| last.time <= chunk.time && last.at < chunk.at) {
            list.push(chunk);
        }
    }

    fn check_header(&self, body: &[u8]) -> Result<(), Unfit> {
        if Bytes(body).text() == Some(PROFILE) { Ok(()) } else { Err(Unfit::Foreign) }
    }

    fn add_attachment(&mut self, head: &[u8], (at, len): (u64, u64)) {
        let mut body = Bytes(head);
        let times = body.u64().zip(body.u64());
        if let (Some((time, _)), Some(name)) = (times, body.text()) {
            self.attachments.insert(name.to_owned(), (at, len, moment(time)));
        }
    }

    fn add_metadata(&mut self, body: &[u8]) {
        let mut body = Bytes(body);
        let prefix = match body.text() {
            Some(PROFILE) => "",
            Some("incident") => "incident.",
            _ => return,
        };
        if body.u32().is_none() {
            return;
        }
        while let Some((key, value)) = body.text().and_then(|k| Some((k, body.text()?))) {
            self.about.insert(format!("{prefix}{key}"), crate::model::text::clean(value));
        }
    }

    /// The index from the summary of a finished file; `None` where there is none that can be used.
    fn from_summary(file: &File, len: u64) -> Result<Option<Self>, Unfit> {
        let Some(footer_at) = len.checked_sub(FOOTER + MAGIC.len() as u64) else { return Ok(None) };
        let tail = read(file, footer_at, (FOOTER + MAGIC.len() as u64) as usize)?;
        let mut footer = Bytes(&tail[RECORD as usize..]);
        let (Some(start), Some(_), Some(crc)) = (footer.u64(), footer.u64(), footer.u32()) else {
            return Ok(None);
        };
        let size = footer_at.checked_sub(start).filter(|n| *n > 0 && *n <= MOST_SUMMARY && start > 0);
        let (true, Some(size)) = (tail.ends_with(MAGIC) && tail[0] == 0x02, size) else { return Ok(None) };
        let summary = read(file, start, size as usize)?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&summary);
        sum.update(&tail[..(FOOTER - 4) as usize]);
        if sum.finalize() != crc {
            return Ok(None);
        }
        let mut index = Self { finished: true, end: len, ..Self::default() };
        let mut chunks = Vec::new();
        let mut rest = Bytes(&summary);
        while let Some((op, body)) = rest.record() {
            match op {
                CHANNEL => {
                    let mut body = body;
                    let ids = body.u16().zip(body.u16());
                    if let Some(((id, _), topic)) = ids.zip(body.text().and_then(Topic::of)) {
                        index.channels.insert(id, topic);
                    }
                }
                CHUNK_INDEX => chunks.extend(index.chunk_index(body, start)),
                ATTACHMENT_INDEX => index.attachment_index(body, start),
                METADATA_INDEX => index.metadata_index(file, body)?,
                _ => {}
            }
        }
        chunks.into_iter().for_each(|c| index.place(c));
        Ok(Some(index))
    }

    fn chunk_index(&self, mut body: Bytes<'_>, most: u64) -> Option<ChunkAt> {
        let (_, end, at, len) = (body.u64()?, body.u64()?, body.u64()?, body.u64()?);
        let n = body.u32()? as usize;
        let mut map = Bytes(body.take(n)?);
        let mut topics = 0;
        while let Some((id, _)) = map.u16().zip(map.u64()) {
            topics |= self.channels.get(&id).map_or(0, |t| t.bit());
        }
        let inside = at.checked_add(len).is_some_and(|end| end <= most);
        inside.then_some(ChunkAt { time: moment(end), at, len, topics })
    }

    fn attachment_index(&mut self, mut body: Bytes<'_>, most: u64) {
        let ends = body.u64().zip(body.u64());
        let times = body.u64().zip(body.u64());
        let (Some((at, len)), Some((time, _)), Some(_), Some(name)) = (ends, times, body.u64(), body.text())
        else {
            return;
        };
        if at.checked_add(len).is_some_and(|end| end <= most) {
            self.attachments.insert(name.to_owned(), (at, len, moment(time)));
        }
    }

    fn metadata_index(&mut self, file: &File, mut body: Bytes<'_>) -> Result<(), Unfit> {
        if let Some((at, len)) = body.u64().zip(body.u64())
            && (RECORD..=MOST_SMALL).contains(&len)
            && let Ok(record) = read(file, at, len as usize)
        {
            self.add_metadata(&record[RECORD as usize..]);
        }
        Ok(())
    }
}

/// The records of a chunk, whose CRC was right.
#[derive(Debug)]
pub struct Records(Vec<u8>);

impl std::ops::Deref for Records {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[RECORD as usize + CHUNK_HEAD..]
    }
}

/// The records of a chunk; `None` when it is damaged: its length or its CRC does not fit.
///
/// # Errors
/// The disk failed.
pub fn chunk(file: &File, at: u64, len: u64) -> std::io::Result<Option<Records>> {
    if !(RECORD + CHUNK_HEAD as u64..=MOST_CHUNK).contains(&len) {
        return Ok(None);
    }
    let data = match read(file, at, len as usize) {
        Ok(data) => data,
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut body = Bytes(&data[RECORD as usize..]);
    let whole = data[0] == CHUNK
        && (|| {
            let (_, _, size, crc) = (body.u64()?, body.u64()?, body.u64()?, body.u32()?);
            let plain = body.text()?.is_empty();
            let stored = body.u64()?;
            let fits = plain && stored == size && body.0.len() as u64 == size;
            (fits && crc32fast::hash(body.0) == crc).then_some(())
        })()
        .is_some();
    Ok(whole.then_some(Records(data)))
}

/// A message in the records of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its channel.
    pub topic: Topic,
    /// Its number on that channel, from 0.
    pub number: u32,
    /// Its moment.
    pub time: Timestamp,
    /// Its content.
    pub data: &'a [u8],
}

/// The messages in the records of a chunk.
pub fn messages<'a>(index: &'a Index, chunk: &'a [u8]) -> impl Iterator<Item = Message<'a>> {
    let mut rest = Bytes(chunk);
    std::iter::from_fn(move || rest.record()).filter_map(|(op, mut body)| {
        let id = (op == MESSAGE).then(|| body.u16())??;
        let (number, time, _) = (body.u32()?, body.u64()?, body.u64()?);
        let topic = *index.channels.get(&id)?;
        Some(Message { topic, number, time: moment(time), data: body.0 })
    })
}

/// The content of an attachment; `None` when it is damaged.
///
/// # Errors
/// The disk failed.
pub fn attachment(file: &File, at: u64, len: u64) -> std::io::Result<Option<Vec<u8>>> {
    if !(RECORD..=MOST_CHUNK).contains(&len) {
        return Ok(None);
    }
    let record = read(file, at, len as usize)?;
    let body = &record[RECORD as usize..];
    let Some((sealed, crc)) = body.split_last_chunk::<4>().filter(|_| record[0] == ATTACHMENT) else {
        return Ok(None);
    };
    let mut rest = Bytes(sealed);
    let content = (|| {
        let _ = (rest.u64()?, rest.u64()?, rest.text()?, rest.text()?);
        let n = usize::try_from(rest.u64()?).ok()?;
        (rest.0.len() == n && crc32fast::hash(sealed) == u32::from_le_bytes(*crc)).then(|| rest.0.to_vec())
    })();
    Ok(content)
}
