//! One file of a recording: its index, and its content as far as it has been asked for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::alarm::RuleView;
use crate::model::{Timestamp, Topology};
use crate::record::layout::{Layout, Places};
use crate::record::scan::{self, ChunkAt, Index, Records, Unfit};
use crate::record::{RecordError, Topic, VERSION, document, site};

/// Topologies of all files of a recording: files of one site share it.
#[derive(Debug, Default)]
pub struct Shelf(Vec<(Vec<u8>, Arc<Topology>)>);

impl Shelf {
    /// A topology that is known already.
    pub fn seed(&mut self, site: &Arc<Topology>) {
        self.0.push((site::pack(site), Arc::clone(site)));
    }

    fn get(&mut self, bytes: Vec<u8>) -> Option<Arc<Topology>> {
        if let Some((_, known)) = self.0.iter().find(|(b, _)| *b == bytes) {
            return Some(Arc::clone(known));
        }
        let made = site::unpack(&bytes)?;
        self.0.push((bytes, Arc::clone(&made)));
        Some(made)
    }
}

/// The message of a frame, in its chunk.
#[derive(Debug)]
pub struct FrameMessage {
    chunk: Records,
    start: usize,
}

impl std::ops::Deref for FrameMessage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.chunk[self.start..]
    }
}

/// Channel, number on it, moment and document of a message.
pub type Numbered = (Topic, u32, Timestamp, Vec<u8>);

/// See the module.
#[derive(Debug)]
pub struct Segment {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub index: Index,
    /// Its length when the index was made.
    pub len: u64,
    file: Option<File>,
    places: Option<Arc<Places>>,
    topologies: Vec<(u32, Arc<Topology>)>,
    rules: Vec<(Timestamp, Arc<[RuleView]>)>,
}

impl Segment {
    /// Opens a file and reads its index.
    ///
    /// # Errors
    /// It is no recording, a newer one, empty, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let io = |e| RecordError::io(path)(e);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        if len == 0 {
            return Err(RecordError::Empty(path.to_owned()));
        }
        let index = Index::read(&file, len).map_err(|e| unfit(path, e))?;
        let (path, file) = (path.to_owned(), Some(file));
        Ok(Self { path, index, len, file, places: None, topologies: Vec::new(), rules: Vec::new() })
    }

    /// Takes in what was added to the file since. True when there was something.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn refresh(&mut self) -> Result<bool, RecordError> {
        if self.index.finished {
            return Ok(false);
        }
        let path = self.path.clone();
        let file = self.file()?;
        let len = file.metadata().map_err(RecordError::io(&path))?.len();
        if len == self.len {
            return Ok(false);
        }
        let mut index = std::mem::take(&mut self.index);
        let extended = index.extend(self.file()?, len).map_err(|e| unfit(&path, e));
        (self.index, self.len) = (index, len);
        extended.map(|()| true)
    }

    /// Lets go of the file; it is opened again when it is needed.
    pub fn close(&mut self) {
        self.file = None;
    }

    fn file(&mut self) -> Result<&File, RecordError> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(File::open(&self.path).map_err(RecordError::io(&self.path))?)),
        }
    }

    /// First and last frame.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.index.frames.first()?.time, self.index.frames.last()?.time))
    }

    /// The error that something in it is damaged.
    pub(crate) fn damaged(&self, what: &'static str, at: u64) -> RecordError {
        RecordError::Damaged { path: self.path.clone(), what, at }
    }

    /// The records of a chunk.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub fn chunk(&mut self, at: ChunkAt) -> Result<Records, RecordError> {
        let path = self.path.clone();
        let read = scan::chunk(self.file()?, at.at, at.len).map_err(RecordError::io(&path))?;
        read.ok_or_else(|| self.damaged("a chunk", at.at))
    }

    /// The message of the frame of a chunk.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub fn frame_message(&mut self, at: ChunkAt) -> Result<FrameMessage, RecordError> {
        let chunk = self.chunk(at)?;
        let mut all = scan::messages(&self.index, &chunk);
        let found = all.find(|m| m.topic == Topic::Frame).map(|m| m.data.len());
        let Some(len) = found else { return Err(self.damaged("a frame", at.at)) };
        drop(all);
        // The chunk holds the frame alone: it is its tail.
        let start = chunk.len() - len;
        Ok(FrameMessage { chunk, start })
    }

    /// The documents of `topic` in a chunk.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub fn messages(&mut self, at: ChunkAt, topic: Topic) -> Result<Vec<Vec<u8>>, RecordError> {
        let chunk = self.chunk(at)?;
        let all = scan::messages(&self.index, &chunk).filter(|m| m.topic == topic);
        Ok(all.map(|m| m.data.to_vec()).collect())
    }

    /// The messages of the channels `topics` in a chunk: channel, number there, moment, document.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub fn numbered(&mut self, at: ChunkAt, topics: &[Topic]) -> Result<Vec<Numbered>, RecordError> {
        let chunk = self.chunk(at)?;
        let all = scan::messages(&self.index, &chunk).filter(|m| topics.contains(&m.topic));
        Ok(all.map(|m| (m.topic, m.number, m.time, m.data.to_vec())).collect())
    }

    fn attachment(&mut self, name: &str) -> Result<Vec<u8>, RecordError> {
        let Some((at, len, _)) = self.index.attachments.get(name).copied() else {
            return Err(self.damaged("the description of the site or its values", 0));
        };
        let path = self.path.clone();
        let read = scan::attachment(self.file()?, at, len).map_err(RecordError::io(&path))?;
        read.ok_or_else(|| self.damaged("an attachment", at))
    }

    /// Where the planes of its frames belong.
    ///
    /// # Errors
    /// It does not say, or cannot be read.
    pub fn places(&mut self) -> Result<Arc<Places>, RecordError> {
        if let Some(places) = &self.places {
            return Ok(Arc::clone(places));
        }
        let bytes = self.attachment("layout.json.zst")?;
        let layout = Layout::unpack(&bytes).ok_or_else(|| self.damaged("the list of values", 0))?;
        Ok(Arc::clone(self.places.insert(Arc::new(layout.places()))))
    }

    /// The topology of a number.
    ///
    /// # Errors
    /// It is missing or damaged, or cannot be read.
    pub fn topology(&mut self, number: u32, shelf: &mut Shelf) -> Result<Arc<Topology>, RecordError> {
        if let Some((_, known)) = self.topologies.iter().find(|(n, _)| *n == number) {
            return Ok(Arc::clone(known));
        }
        let bytes = self.attachment(&format!("topology.{number}.json.zst"))?;
        let site = shelf.get(bytes).ok_or_else(|| self.damaged("the description of the site", 0))?;
        self.topologies.push((number, Arc::clone(&site)));
        Ok(site)
    }

    /// The rules as they were in force at a moment; none where the file does not have them.
    pub fn rules(&mut self, time: Timestamp) -> Arc<[RuleView]> {
        let named = || self.index.attachments.iter().filter(|(name, _)| name.starts_with("rules."));
        if self.rules.len() != named().count() {
            let sets: Vec<(Timestamp, String)> =
                named().map(|(name, (_, _, t))| (*t, name.clone())).collect();
            self.rules = sets.iter().map(|(t, name)| (*t, self.read_rules(name))).collect();
            self.rules.sort_by_key(|(t, _)| *t);
        }
        let at = self.rules.partition_point(|(t, _)| *t <= time).saturating_sub(1);
        let none = || Vec::new().into();
        self.rules.get(at).map_or_else(none, |(_, rules)| Arc::clone(rules))
    }

    fn read_rules(&mut self, name: &str) -> Arc<[RuleView]> {
        let bytes = self.attachment(name).unwrap_or_default();
        document::unpack::<Vec<RuleView>>(&bytes).unwrap_or_default().into()
    }
}

fn unfit(path: &Path, why: Unfit) -> RecordError {
    let path = path.to_owned();
    match why {
        Unfit::Foreign => RecordError::Foreign(path),
        Unfit::Newer(version) => RecordError::Newer { path, version, most: VERSION },
        Unfit::Io(source) => RecordError::Io { path, source },
    }
}
