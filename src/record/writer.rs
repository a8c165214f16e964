//! Writes one recording: the state of each tick, as it is published, becomes two chunks of the
//! container at most, which are handed to the operating system before the next tick.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mcap::records::MessageHeader;

use crate::fleet::period::{Level, Period};
use crate::fleet::{Inventory, Snapshot};
use crate::model::alarm::RuleView;
use crate::model::chronicle::{Bookmark, Gap};
use crate::model::{Timestamp, Topology};
use crate::record::document;
use crate::record::frame::{BESIDE, FrameEncoder, Numbers};
use crate::record::layout::Layout;
use crate::record::site;
use crate::record::state::{AlarmsWriter, InventoryMessage, NamesMessage, SourcesWriter};
use crate::record::{PROFILE, RecordError, Topic, VERSION};

/// Alarms and sources are told whole every so many ticks.
const WHOLE_EVERY: u64 = 30;
/// The inventory is told again after this long at the earliest, ms.
const INVENTORY_MS: i64 = 60_000;
/// Media type of attachments.
const MEDIA: &str = "application/zstd";

/// Where a recording goes: a file, or what stands for one in a test.
pub trait Sink: Write + Seek + Send {
    /// Returns when everything that was written is on the disk.
    ///
    /// # Errors
    /// The disk failed.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Sink for io::Cursor<Vec<u8>> {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Memory in which a chunk is gathered, bytes: most are then handed over in one piece.
const GATHERED: usize = 1 << 20;

/// The sink, shared between the container and the writer around it, which counts and syncs.
#[derive(Clone)]
struct Shared(Arc<Mutex<Gathered>>);

type Gathered = (BufWriter<Box<dyn Sink>>, u64);

impl Shared {
    fn new(sink: Box<dyn Sink>) -> Self {
        Self(Arc::new(Mutex::new((BufWriter::with_capacity(GATHERED, sink), 0))))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Gathered) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.with(|(sink, count)| {
            let n = sink.write(buf)?;
            *count += n as u64;
            Ok(n)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|(sink, _)| sink.flush())
    }
}

impl Seek for Shared {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.with(|(sink, _)| sink.seek(pos))
    }
}

/// What was told last, so that only changes are told again.
#[derive(Default)]
struct Told {
    /// Topologies, numbered from 1; the last one that a frame had.
    topologies: Vec<Arc<Topology>>,
    topology: u32,
    rules: Option<Arc<[RuleView]>>,
    rule_sets: u32,
    names: Option<NamesMessage>,
    inventory: Option<(Arc<Inventory>, Timestamp)>,
    alarms: AlarmsWriter,
    sources: SourcesWriter,
    /// Periods that are done with.
    periods: Periods,
    ticks: u64,
}

/// By level, the moment up to whose starts periods were written, or are not to be.
pub type Periods = [Timestamp; Level::ALL.len()];

/// Nothing that began before the period of `first`: what the console knows of before was put back from
/// recordings, and need not be recorded again.
fn before(first: Timestamp) -> Periods {
    Level::ALL.map(|level| Timestamp(first.millis().div_euclid(level.period_ms()) * level.period_ms() - 1))
}

/// See the module.
pub struct Writer {
    path: PathBuf,
    sink: Shared,
    mcap: mcap::Writer<Shared>,
    channels: [u16; Topic::ALL.len()],
    frames: FrameEncoder,
    told: Told,
    message: Vec<u8>,
    /// Messages written, by channel.
    sequences: [u32; Topic::ALL.len()],
    /// Something was put into the open chunk.
    open: bool,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.millis()).unwrap_or(0).saturating_mul(1_000_000)
}

impl Writer {
    /// Begins a recording in a new file.
    ///
    /// # Errors
    /// There is a file of this name, or it cannot be made.
    pub fn create(path: &Path, first: &Snapshot) -> Result<Self, RecordError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|e| {
            if e.kind() == io::ErrorKind::AlreadyExists {
                RecordError::Exists(path.to_owned())
            } else {
                RecordError::io(path)(e)
            }
        })?;
        Self::begin(Box::new(file), path, first)
    }

    /// Begins a recording of the site of `first` in `sink`, which is called `path` in errors.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(sink: Box<dyn Sink>, path: &Path, first: &Snapshot) -> Result<Self, RecordError> {
        let sink = Shared::new(sink);
        let wrong = |source| RecordError::Container { path: path.to_owned(), source };
        let options = mcap::WriteOptions::new()
            .profile(PROFILE)
            .library(concat!("hallwatch ", env!("CARGO_PKG_VERSION")))
            .compression(None)
            .chunk_size(None)
            .disable_seeking(true);
        let mut mcap = options.create(sink.clone()).map_err(wrong)?;
        let about = [
            ("version", VERSION.to_string()),
            ("program", concat!("hallwatch ", env!("CARGO_PKG_VERSION")).to_owned()),
            ("site", first.frame.topology.site().to_owned()),
            ("gpus", first.frame.topology.gpu_count().to_string()),
            ("created", first.frame.time.to_string()),
        ];
        let metadata = mcap::records::Metadata {
            name: PROFILE.into(),
            metadata: about.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        };
        mcap.write_metadata(&metadata).map_err(wrong)?;
        let mut channels = [0; Topic::ALL.len()];
        for (id, topic) in channels.iter_mut().zip(Topic::ALL) {
            *id = mcap.add_channel(0, topic.name(), topic.encoding(), &BTreeMap::new()).map_err(wrong)?;
        }
        mcap.flush().map_err(wrong)?;
        let mut writer = Self {
            path: path.to_owned(),
            sink,
            mcap,
            channels,
            frames: FrameEncoder::new().map_err(RecordError::io(path))?,
            told: Told { periods: before(first.frame.time), ..Told::default() },
            message: Vec::new(),
            sequences: [0; Topic::ALL.len()],
            open: false,
        };
        writer.attach("layout.json.zst", Layout::own().pack(), first.frame.time)?;
        Ok(writer)
    }

    /// The same, but periods up to `periods` were written elsewhere already.
    #[must_use]
    pub fn after(mut self, periods: Periods) -> Self {
        self.told.periods = periods;
        self
    }

    /// The periods that are done with.
    #[must_use]
    pub const fn periods(&self) -> Periods {
        self.told.periods
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sink.with(|(_, count)| *count)
    }

    /// How many ticks were written.
    #[must_use]
    pub const fn ticks(&self) -> u64 {
        self.told.ticks
    }

    fn wrong(&self) -> impl FnOnce(mcap::McapError) -> RecordError + use<> {
        let path = self.path.clone();
        move |source| RecordError::Container { path, source }
    }

    fn attach(&mut self, name: &str, data: Vec<u8>, time: Timestamp) -> Result<(), RecordError> {
        self.end_chunk()?;
        let attachment = mcap::Attachment {
            log_time: nanos(time),
            create_time: nanos(time),
            name: name.to_owned(),
            media_type: MEDIA.to_owned(),
            data: Cow::Owned(data),
        };
        let wrong = self.wrong();
        self.mcap.attach(&attachment).map_err(wrong)
    }

    fn put(&mut self, topic: Topic, time: Timestamp, data: &[u8]) -> Result<(), RecordError> {
        let header = MessageHeader {
            channel_id: self.channels[topic as usize],
            sequence: self.sequences[topic as usize],
            log_time: nanos(time),
            publish_time: nanos(time),
        };
        self.sequences[topic as usize] = self.sequences[topic as usize].wrapping_add(1);
        self.open = true;
        let wrong = self.wrong();
        self.mcap.write_to_known_channel(&header, data).map_err(wrong)
    }

    /// Writes a metadata record, before the first tick.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn about(&mut self, name: &str, about: &[(&str, String)]) -> Result<(), RecordError> {
        let metadata = about.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        let record = mcap::records::Metadata { name: name.to_owned(), metadata };
        let wrong = self.wrong();
        self.mcap.write_metadata(&record).map_err(wrong)
    }

    /// Ends the chunk and hands it to the operating system.
    pub(crate) fn end_chunk(&mut self) -> Result<(), RecordError> {
        if std::mem::take(&mut self.open) {
            let wrong = self.wrong();
            self.mcap.flush().map_err(wrong)?;
        }
        Ok(())
    }

    /// Writes one tick.
    ///
    /// # Errors
    /// It cannot be written; then the recording cannot be continued.
    pub fn write(&mut self, snapshot: &Snapshot) -> Result<(), RecordError> {
        let time = snapshot.frame.time;
        self.write_site(snapshot)?;
        self.write_state(snapshot)?;
        self.end_chunk()?;
        let mut message = std::mem::take(&mut self.message);
        message.clear();
        let told = BESIDE.map(|topic| self.sequences[topic as usize]);
        let numbers = Numbers { topology: self.told.topology, told };
        let encoded = self.frames.encode((&snapshot.frame, &snapshot.trays), numbers, &mut message);
        encoded.map_err(RecordError::io(&self.path))?;
        self.put(Topic::Frame, time, &message)?;
        self.message = message;
        self.told.ticks += 1;
        self.end_chunk()
    }

    /// Topology and rules, where they are new.
    fn write_site(&mut self, snapshot: &Snapshot) -> Result<(), RecordError> {
        let (frame, rules) = (&snapshot.frame, &snapshot.alarms.rules);
        self.told.topology = self.site_number(&frame.topology, frame.time)?;
        if !self.told.rules.as_ref().is_some_and(|r| Arc::ptr_eq(r, rules) || r == rules) {
            self.told.rule_sets += 1;
            self.told.rules = Some(Arc::clone(rules));
            let name = format!("rules.{}.json.zst", self.told.rule_sets);
            self.attach(&name, document::pack(rules), frame.time)?;
        }
        Ok(())
    }

    /// The number of a topology, which is attached when it is new.
    fn site_number(&mut self, topology: &Arc<Topology>, now: Timestamp) -> Result<u32, RecordError> {
        let known = self.told.topologies.iter().rposition(|t| Arc::ptr_eq(t, topology));
        if let Some(i) = known {
            return Ok(i as u32 + 1);
        }
        self.told.topologies.push(Arc::clone(topology));
        let number = self.told.topologies.len() as u32;
        self.attach(&format!("topology.{number}.json.zst"), site::pack(topology), now)?;
        Ok(number)
    }

    fn write_state(&mut self, snapshot: &Snapshot) -> Result<(), RecordError> {
        let time = snapshot.frame.time;
        let names = NamesMessage::of(snapshot);
        if self.frames.is_key_next(self.told.topology) || self.told.names.as_ref() != Some(&names) {
            self.put(Topic::Names, time, &document::pack(&names))?;
            self.told.names = Some(names);
        }
        let whole = self.told.ticks.is_multiple_of(WHOLE_EVERY);
        if let Some(message) = self.told.alarms.message(&snapshot.alarms, whole) {
            self.put(Topic::Alarms, time, &document::pack(&message))?;
        }
        if let Some(message) = self.told.sources.message(&snapshot.sources, whole) {
            self.put(Topic::Sources, time, &document::pack(&message))?;
        }
        let due = self.told.inventory.as_ref().is_none_or(|(told, at)| {
            !Arc::ptr_eq(told, &snapshot.inventory) && time.since(*at) >= INVENTORY_MS
        });
        if due {
            self.told.inventory = Some((Arc::clone(&snapshot.inventory), time));
            self.put(Topic::Inventory, time, &document::pack(&InventoryMessage::of(snapshot)))?;
        }
        self.write_periods(snapshot)
    }

    /// Periods that became complete.
    fn write_periods(&mut self, snapshot: &Snapshot) -> Result<(), RecordError> {
        for (i, level) in Level::ALL.into_iter().enumerate() {
            for period in snapshot.history.periods_after(level, Some(self.told.periods[i])) {
                self.period(&period, snapshot.frame.time)?;
                self.told.periods[i] = period.start;
            }
        }
        Ok(())
    }

    /// Tells of frames that were made before the next tick and not written.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn gap(&mut self, gap: &Gap) -> Result<(), RecordError> {
        self.put(Topic::Gap, gap.to, &document::pack(gap))
    }

    /// Writes a bookmark; it is handed on with the next tick.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn note(&mut self, note: &Bookmark, now: Timestamp) -> Result<(), RecordError> {
        self.put(Topic::Note, now, &document::pack(note))
    }

    /// Writes a period that is complete.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn period(&mut self, period: &Period, now: Timestamp) -> Result<(), RecordError> {
        // Its site goes before it, and an attachment ends the chunk.
        let number = self.site_number(&period.topology, now)?;
        let mut bytes = number.to_le_bytes().to_vec();
        bytes.extend(period.encode());
        self.put(Topic::Period, now, &bytes)
    }

    /// Returns when all is on the disk.
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync(&mut self) -> Result<(), RecordError> {
        let sync = |(sink, _): &mut Gathered| sink.flush().and_then(|()| sink.get_mut().sync());
        self.sink.with(sync).map_err(RecordError::io(&self.path))
    }

    /// Writes the index and ends the recording; answers with its length in bytes.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn finish(mut self) -> Result<u64, RecordError> {
        self.end_chunk()?;
        let wrong = self.wrong();
        self.mcap.finish().map_err(wrong)?;
        self.sync()?;
        Ok(self.bytes())
    }
}
