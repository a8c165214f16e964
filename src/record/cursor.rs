//! A moment of a recording: the state as it was published then.
//!
//! Laws: the state at a position is the same however the cursor came there; a step of n and a step
//! back of n, within the recording, lead to where they began; before the first frame is the first
//! frame, after the last one the last one. A frame that cannot be read is an error, and the cursor
//! stays where it was.

use std::sync::Arc;

use crate::fleet::snapshot::EngineStatus;
use crate::fleet::{Frame, History, Inventory, Snapshot, SourceView};
use crate::model::alarm::{AlarmBoard, RuleView};
use crate::model::batch::JobName;
use crate::model::{Timestamp, Topology};
use crate::record::file::{Numbered, Segment};
use crate::record::frame::{Around, BESIDE, FrameDecoder, FrameHead, KeyFrame, Seen};
use crate::record::recording::{Position, Recording};
use crate::record::state::{
    AlarmsMessage, AlarmsReader, InventoryMessage, NamesMessage, SourcesMessage, SourcesReader,
};
use crate::record::{RecordError, Topic, document};

/// So many messages of state are read on from where the cursor stands; a longer way begins anew.
const MOST_FORWARD: usize = 120;
/// Frames back in which the key frame of a frame is looked for.
const MOST_BACK: usize = 64;

/// What stands beside frames, up to a message.
#[derive(Default)]
struct Beside {
    segment: usize,
    /// Messages of state that are taken in.
    upto: usize,
    /// How many of each channel were written up to there.
    told: [u32; BESIDE.len()],
    topology: Option<Arc<Topology>>,
    alarms: AlarmsReader,
    sources: SourcesReader,
    jobs: Option<NamesMessage>,
    inventory: Arc<Inventory>,
    /// Board and sources as they were last made; until a message changes them.
    board: Option<Arc<AlarmBoard>>,
    list: Option<Arc<[SourceView]>>,
}

impl Beside {
    /// The board; the same one as long as nothing was told of alarms.
    fn board(&mut self, rules: &Arc<[RuleView]>) -> Arc<AlarmBoard> {
        let known = self.board.take().filter(|b| Arc::ptr_eq(&b.rules, rules));
        let board = known.unwrap_or_else(|| Arc::new(self.alarms.board(rules)));
        self.board = Some(Arc::clone(&board));
        board
    }

    fn list(&mut self) -> Arc<[SourceView]> {
        Arc::clone(self.list.get_or_insert_with(|| self.sources.list()))
    }
}

/// See the module.
pub struct Cursor {
    recording: Recording,
    decoder: FrameDecoder,
    key: Option<(usize, KeyFrame)>,
    beside: Option<Beside>,
    at: Option<Position>,
    /// The frame shown last: columns that the next one shares keep their roll-ups.
    last: Option<Arc<Frame>>,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Cursor {
    /// A cursor over `recording`, which stands nowhere yet.
    ///
    /// # Errors
    /// There is no memory for a decompressor.
    pub fn new(recording: Recording) -> Result<Self, RecordError> {
        let decoder = FrameDecoder::new().map_err(RecordError::io(recording.path()))?;
        Ok(Self { recording, decoder, key: None, beside: None, at: None, last: None })
    }

    /// The recording.
    #[must_use]
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    pub(crate) const fn recording_mut(&mut self) -> &mut Recording {
        &mut self.recording
    }

    /// Takes in what was added to the recording since; see [`Recording::refresh`].
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn refresh(&mut self) -> Result<bool, RecordError> {
        let files: Vec<_> = self.recording.segments.iter().map(|s| s.path.clone()).collect();
        let changed = self.recording.refresh()?;
        let same = |(old, new): (&std::path::PathBuf, &Segment)| *old == new.path;
        if files.len() > self.recording.segments.len()
            || !files.iter().zip(&self.recording.segments).all(same)
        {
            // Numbers of files have changed.
            (self.key, self.beside, self.at) = (None, None, None);
        }
        Ok(changed)
    }

    /// Where the cursor stands; `None` before it was first moved.
    #[must_use]
    pub const fn at(&self) -> Option<Position> {
        self.at
    }

    /// The state at the newest frame at or before `time`; see [`Recording::find`].
    ///
    /// # Errors
    /// There is no frame, or it cannot be read.
    pub fn seek(&mut self, time: Timestamp) -> Result<Snapshot, RecordError> {
        let none = || RecordError::NoFrames(self.recording.path().to_owned());
        let at = self.recording.find(time).ok_or_else(none)?;
        self.show(at)
    }

    /// The state `steps` frames on (back, where negative); the first frame where it stood nowhere.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn step(&mut self, steps: i64) -> Result<Snapshot, RecordError> {
        match self.at {
            Some(at) => self.show(self.recording.step(at, steps)),
            None => self.seek(Timestamp(i64::MIN)),
        }
    }

    /// The state at the next frame; `None` at the end.
    ///
    /// # Errors
    /// As [`Self::seek`]; the cursor stays before the frame that cannot be read.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not go on after an error")]
    pub fn next(&mut self) -> Result<Option<Snapshot>, RecordError> {
        let Some(at) = self.at else { return self.step(0).map(Some) };
        let next = self.recording.step(at, 1);
        if next == at { Ok(None) } else { self.show(next).map(Some) }
    }

    /// Leaves out the next frame, which cannot be read. False at the end.
    pub fn skip(&mut self) -> bool {
        let at = self.at.map(|at| self.recording.step(at, 1));
        let moved = at != self.at;
        self.at = at.or(self.at);
        moved
    }

    /// The state at a position.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn show(&mut self, at: Position) -> Result<Snapshot, RecordError> {
        let none = || RecordError::NoFrames(self.recording.path().to_owned());
        let chunk = self.recording.segments.get(at.segment).and_then(|s| s.index.frames.get(at.frame));
        let chunk = *chunk.ok_or_else(none)?;
        if self.at.is_some_and(|old| old.segment != at.segment) {
            let old = self.at.map_or(at.segment, |a| a.segment);
            self.recording.segments.get_mut(old).into_iter().for_each(Segment::close);
        }
        let segment = &mut self.recording.segments[at.segment];
        let message = segment.frame_message(chunk)?;
        let path = segment.path.clone();
        let damaged = || RecordError::Damaged { path: path.clone(), what: "a frame", at: chunk.at };
        let head = FrameHead::read(&message).ok_or_else(damaged)?;
        let places = segment.places()?;
        let topology = segment.topology(head.topology, &mut self.recording.shelf)?;
        let mut beside = self.beside_at(at.segment, chunk.at, &topology)?;
        if beside.told != head.told {
            // A message is missing: its chunk is damaged, or was taken for something else.
            return Err(damaged());
        }
        let (jobs, tenants) = match &beside.jobs {
            Some(names) => (Arc::clone(&names.jobs), Arc::clone(&names.tenants)),
            None => (Arc::new([JobName::default()]) as Arc<[JobName]>, Arc::new([String::new()]) as _),
        };
        let follows = self.at.is_some_and(|old| self.recording.step(old, 1) == at);
        let previous = self.last.take().filter(|_| follows);
        let previous = previous.as_deref();
        let around =
            Around { places: &places, topology: &topology, jobs: &jobs, tenants: &tenants, previous };
        let seen = self.frame((at, &message), &head, around)?.ok_or_else(damaged)?;
        let rules = self.recording.segments[at.segment].rules(head.time);
        if beside.topology.as_ref().is_none_or(|t| !Arc::ptr_eq(t, &topology)) {
            beside.alarms.move_to(&topology);
            beside.board = None;
            beside.topology = Some(Arc::clone(&topology));
        }
        let snapshot = Snapshot {
            history: Arc::new(History::default()),
            origins: Arc::default(),
            happenings: Arc::new([]),
            inventory: Arc::clone(&beside.inventory),
            sources: beside.list(),
            alarms: beside.board(&rules),
            trays: seen.answers,
            recorder: Arc::default(),
            engine: EngineStatus::default(),
            frame: seen.frame,
        };
        (self.beside, self.at) = (Some(beside), Some(at));
        self.last = Some(Arc::clone(&snapshot.frame));
        Ok(snapshot)
    }

    /// Decodes a frame; its key frame is read first where it is another one than the last time.
    fn frame(
        &mut self,
        (at, message): (Position, &[u8]),
        head: &FrameHead,
        around: Around<'_>,
    ) -> Result<Option<Seen>, RecordError> {
        if head.key {
            self.key = self.decoder.key(message, head, around).map(|key| (at.segment, key));
        } else if !self.key.as_ref().is_some_and(|(s, key)| *s == at.segment && key.at == head.key_at) {
            self.key = self.find_key(at, head.key_at, around)?.map(|key| (at.segment, key));
        }
        let Some((_, key)) = &self.key else { return Ok(None) };
        Ok(self.decoder.frame((message, head), key, around))
    }

    fn find_key(
        &mut self,
        at: Position,
        (time, number): (Timestamp, u64),
        around: Around<'_>,
    ) -> Result<Option<KeyFrame>, RecordError> {
        let segment = &mut self.recording.segments[at.segment];
        for i in (at.frame.saturating_sub(MOST_BACK)..at.frame).rev() {
            let chunk = segment.index.frames[i];
            if chunk.time < time {
                break;
            }
            if chunk.time == time {
                let message = segment.frame_message(chunk)?;
                let head = FrameHead::read(&message).filter(|h| h.key && h.seq == number);
                if let Some(head) = head {
                    return Ok(self.decoder.key(&message, &head, around));
                }
            }
        }
        Ok(None)
    }

    /// What stands beside the frame whose chunk is at `before`: read on from where the cursor stands
    /// when that is near, else from the last messages that are whole.
    fn beside_at(
        &mut self,
        segment: usize,
        before: u64,
        topology: &Arc<Topology>,
    ) -> Result<Beside, RecordError> {
        let file = &mut self.recording.segments[segment];
        let upto = file.index.states.partition_point(|s| s.at < before);
        let near = |b: &Beside| b.segment == segment && b.upto <= upto && upto - b.upto <= MOST_FORWARD;
        // After an error it is put together anew.
        if let Some(mut beside) = self.beside.take().filter(near) {
            for i in beside.upto..upto {
                read_on(file, i, topology, &mut beside)?;
            }
            beside.upto = upto;
            return Ok(beside);
        }
        from_whole(file, (segment, upto), topology)
    }
}

/// Takes in all messages of one chunk.
fn read_on(
    file: &mut Segment,
    i: usize,
    topology: &Arc<Topology>,
    beside: &mut Beside,
) -> Result<(), RecordError> {
    let chunk = file.index.states[i];
    if BESIDE.iter().all(|t| chunk.topics & t.bit() == 0) {
        return Ok(());
    }
    for message in file.numbered(chunk, &BESIDE)? {
        if beside.take(message, topology).is_none() {
            return Err(file.damaged("what stands beside a frame", chunk.at));
        }
    }
    Ok(())
}

impl Beside {
    /// Takes in the next message; `None` when it cannot be read, or is not the next one of its channel
    /// and tells only what changed.
    fn take(&mut self, (topic, number, time, data): Numbered, site: &Arc<Topology>) -> Option<()> {
        let whole = match topic {
            Topic::Alarms => {
                let message: AlarmsMessage = document::unpack(&data)?;
                let whole = message.whole;
                self.alarms.take(message, time, site);
                self.board = None;
                whole
            }
            Topic::Sources => {
                let message: SourcesMessage = document::unpack(&data)?;
                let whole = message.whole;
                self.sources.take(message);
                self.list = None;
                whole
            }
            Topic::Names => {
                self.jobs = Some(document::unpack(&data)?);
                true
            }
            _ => {
                let message: InventoryMessage = document::unpack(&data)?;
                self.inventory = Arc::new(message.read(site));
                true
            }
        };
        let told = &mut self.told[BESIDE.iter().position(|t| *t == topic)?];
        let next = whole || *told == number;
        *told = number.wrapping_add(1);
        next.then_some(())
    }
}

/// The same from the last whole message of each kind before `upto`.
fn from_whole(
    file: &mut Segment,
    (segment, upto): (usize, usize),
    topology: &Arc<Topology>,
) -> Result<Beside, RecordError> {
    let mut beside = Beside { segment, upto, ..Beside::default() };
    for topic in BESIDE {
        for message in since_whole(file, upto, topic)? {
            if beside.take(message, topology).is_none() {
                return Err(file.damaged("what stands beside a frame", 0));
            }
        }
    }
    Ok(beside)
}

/// The messages of a channel before `upto`, from the last whole one on, oldest first.
fn since_whole(file: &mut Segment, upto: usize, topic: Topic) -> Result<Vec<Numbered>, RecordError> {
    let mut found = Vec::new();
    for i in (0..upto).rev() {
        let chunk = file.index.states[i];
        if chunk.topics & topic.bit() == 0 {
            continue;
        }
        for message in file.numbered(chunk, &[topic])?.into_iter().rev() {
            let last = is_whole(topic, &message.3);
            found.push(message);
            if last {
                found.reverse();
                return Ok(found);
            }
        }
    }
    found.reverse();
    Ok(found)
}

/// True when a message needs none before it.
fn is_whole(topic: Topic, data: &[u8]) -> bool {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Head {
        whole: bool,
    }
    match topic {
        Topic::Alarms | Topic::Sources => document::unpack::<Head>(data).is_some_and(|h| h.whole),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
