//! The flight recorder: writes every published state into a folder of files, on a thread of its own.
//!
//! It can never slow the engine: states are handed over through a queue of [`QUEUE`], and one that
//! finds it full is dropped and counted; the gap is recorded and shown. When the disk fails the
//! console goes on, says what is not being recorded, and the recorder tries again.

mod keep;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::fleet::Snapshot;
use crate::fleet::past::{RecorderState, RecorderView};
use crate::model::Timestamp;
use crate::model::chronicle::Gap;
use crate::record::writer::{Periods, Sink, Writer};
use crate::record::{RecordError, recording::EXTENSION};

/// States that may wait for the disk.
pub const QUEUE: usize = 8;
/// Default disk budget, bytes.
pub const DEFAULT_BUDGET: u64 = 8 << 30;
/// A file is ended after this time when it has [`LEAST_BYTES`] ...
const SEGMENT_MS: i64 = 600_000;
/// ... so that small sites do not fill folders with small files ...
const LEAST_BYTES: u64 = 32 << 20;
/// ... and after this time in any case.
const LONGEST_MS: i64 = 6 * 3_600_000;
/// Time between two syncs, checks of the folder and of the budget, ms.
const SYNC_MS: i64 = 5_000;
/// After a failure it is tried again after this time, ms.
const RETRY_MS: i64 = 10_000;

/// Makes files: the disk, or what stands for one in a test.
pub trait Disk: Send {
    /// Makes a new file.
    ///
    /// # Errors
    /// The disk is full, read-only, or gone.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Sink>>;
}

/// The file system.
#[derive(Debug, Default)]
pub struct FileSystem;

impl Disk for FileSystem {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Sink>> {
        Ok(Box::new(std::fs::OpenOptions::new().write(true).create_new(true).open(path)?))
    }
}

enum Item {
    Tick(Arc<Snapshot>),
    Close(SyncSender<()>),
}

#[derive(Debug, Default)]
struct Shared {
    view: Mutex<RecorderView>,
    /// Dropped since the last one that was written, and since the start.
    dropped: AtomicU64,
    lost: AtomicU64,
}

impl Shared {
    fn set(&self, change: impl FnOnce(&mut RecorderView)) {
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The engine's side of the recorder. Cloning it clones two pointers.
#[derive(Clone, Debug)]
pub struct FlightRecorder {
    queue: SyncSender<Item>,
    shared: Arc<Shared>,
    single: bool,
}

impl FlightRecorder {
    /// Starts the recorder in `folder`, which is made when it is not there, within `budget` bytes.
    ///
    /// # Errors
    /// The thread cannot be started. A folder that cannot be used is told by [`Self::view`].
    pub fn start(folder: PathBuf, budget: u64) -> io::Result<Self> {
        Self::start_on(Box::new(FileSystem), folder, budget)
    }

    /// Starts a recorder that writes one new file, however long it gets.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start_file(file: PathBuf) -> io::Result<Self> {
        Self::begin(Box::new(FileSystem), Place::File(file), u64::MAX)
    }

    /// The same on a disk of the caller's.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start_on(disk: Box<dyn Disk>, folder: PathBuf, budget: u64) -> io::Result<Self> {
        Self::begin(disk, Place::Folder(folder), budget)
    }

    fn begin(disk: Box<dyn Disk>, place: Place, budget: u64) -> io::Result<Self> {
        let single = matches!(place, Place::File(_));
        let (queue, items) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        shared.set(|v| (v.state, v.budget) = (RecorderState::Recording, budget));
        let tape = Drive {
            disk,
            place,
            budget,
            shared: Arc::clone(&shared),
            lock: None,
            open: None,
            last: None,
            failed: None,
            periods: None,
        };
        std::thread::Builder::new().name("flight recorder".into()).spawn(move || tape.run(&items))?;
        Ok(Self { queue, shared, single })
    }

    /// Hands over a state. Never waits: what finds no room is dropped and counted.
    pub fn offer(&self, snapshot: &Arc<Snapshot>) {
        if self.queue.try_send(Item::Tick(Arc::clone(snapshot))).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What it does.
    #[must_use]
    pub fn view(&self) -> RecorderView {
        let view = self.shared.view.lock().unwrap_or_else(PoisonError::into_inner).clone();
        RecorderView { dropped: self.shared.lost.load(Ordering::Relaxed), ..view }
    }

    /// True when it writes one file only: a failure is the end of the recording.
    #[must_use]
    pub const fn is_single(&self) -> bool {
        self.single
    }

    /// Ends the recording: what was handed over is written, and the file gets its index. False when
    /// that is not done within `patience`.
    #[must_use]
    pub fn close(&self, patience: Duration) -> bool {
        let (done, wait) = sync_channel(1);
        // The queue may be full while a disk hangs: then there is nothing to wait for.
        self.queue.try_send(Item::Close(done)).is_ok() && wait.recv_timeout(patience).is_ok()
    }
}

/// The file that is being written.
struct Open {
    writer: Writer,
    begun: Timestamp,
    synced: Timestamp,
}

/// Where it writes.
enum Place {
    /// File after file in a folder.
    Folder(PathBuf),
    /// One file.
    File(PathBuf),
}

/// The recorder's side.
struct Drive {
    disk: Box<dyn Disk>,
    place: Place,
    budget: u64,
    shared: Arc<Shared>,
    /// Held while this console is the one that writes.
    lock: Option<File>,
    open: Option<Open>,
    /// The last frame that was written.
    last: Option<Timestamp>,
    /// When it last failed.
    failed: Option<Timestamp>,
    /// Periods that the files before have.
    periods: Option<Periods>,
}

impl Drive {
    fn run(mut self, items: &Receiver<Item>) {
        loop {
            match items.recv_timeout(Duration::from_secs(3600)) {
                Ok(Item::Tick(snapshot)) => self.take(&snapshot),
                Ok(Item::Close(done)) => {
                    self.finish();
                    let _ = done.try_send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
        }
    }

    fn finish(&mut self) {
        if let Some(open) = self.open.take() {
            let _ = open.writer.finish();
        }
        self.shared.set(|v| v.state = RecorderState::Off);
        self.lock = None;
    }

    fn take(&mut self, snapshot: &Snapshot) {
        let now = snapshot.frame.time;
        if self.failed.is_some_and(|at| (0..RETRY_MS).contains(&now.since(at))) {
            self.count_lost(1);
            return;
        }
        match self.try_take(snapshot) {
            Ok(true) => {
                self.failed = None;
                self.last = Some(now);
            }
            Ok(false) => {
                self.failed = Some(now);
                self.shared.set(|v| v.state = RecorderState::Elsewhere);
            }
            Err(e) => {
                // What was written stays: it is read up to its last whole chunk.
                let empty = self.open.take().filter(|o| o.writer.ticks() == 0);
                if let Some(path) = empty.map(|o| o.writer.path().to_owned()) {
                    let _ = std::fs::remove_file(path);
                }
                self.failed = Some(now);
                self.count_lost(1);
                let why = if e.is_full() { format!("the disk is full ({e})") } else { e.to_string() };
                self.shared.set(|v| v.state = RecorderState::Failing(why.into()));
            }
        }
    }

    fn count_lost(&self, n: u64) {
        let recording_elsewhere = self.shared.view.lock().is_ok_and(|v| v.state == RecorderState::Elsewhere);
        if !recording_elsewhere {
            self.shared.dropped.fetch_add(n, Ordering::Relaxed);
            self.shared.lost.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Writes a state. False when another console writes here.
    fn try_take(&mut self, snapshot: &Snapshot) -> Result<bool, RecordError> {
        let now = snapshot.frame.time;
        if !self.is_mine()? {
            return Ok(false);
        }
        let single = matches!(self.place, Place::File(_));
        let due = |o: &Open| {
            if single {
                return false;
            }
            let age = now.since(o.begun);
            age >= LONGEST_MS || (age >= SEGMENT_MS && o.writer.bytes() >= LEAST_BYTES)
        };
        if let Some(open) = self.open.take_if(|o| due(o)) {
            open.writer.finish()?;
        }
        if self.open.is_none() {
            let mut writer = self.next_file(snapshot)?;
            if let Some(periods) = self.periods {
                writer = writer.after(periods);
            }
            self.open = Some(Open { writer, begun: now, synced: now });
            self.make_room()?;
        }
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        let Some(open) = &mut self.open else { return Ok(true) };
        if dropped > 0 {
            open.writer.gap(&Gap { from: self.last.unwrap_or(now), to: now, dropped })?;
        }
        open.writer.write(snapshot)?;
        self.periods = Some(open.writer.periods());
        let (bytes, path) = (open.writer.bytes(), open.writer.path().to_owned());
        if now.since(open.synced) >= SYNC_MS {
            open.synced = now;
            open.writer.sync()?;
            // A file that was removed under our hands would be written for nobody.
            std::fs::metadata(&path).map_err(RecordError::io(&path))?;
            self.make_room()?;
        }
        self.shared.set(|v| {
            v.state = RecorderState::Recording;
            v.frames += 1;
            v.bytes = v.bytes.max(bytes);
            if *v.file != *path.to_string_lossy() {
                v.file = path.to_string_lossy().into();
            }
        });
        Ok(true)
    }

    /// Takes the lock of the folder, which is made when it is not there.
    fn is_mine(&mut self) -> Result<bool, RecordError> {
        let Place::Folder(folder) = &self.place else { return Ok(true) };
        if self.lock.is_some() {
            return Ok(true);
        }
        let path = folder.join("lock");
        std::fs::create_dir_all(folder).map_err(RecordError::io(folder))?;
        let file = File::create(&path).map_err(RecordError::io(&path))?;
        match file.try_lock() {
            Ok(()) => self.lock = Some(file),
            Err(std::fs::TryLockError::WouldBlock) => return Ok(false),
            Err(std::fs::TryLockError::Error(e)) => return Err(RecordError::io(&path)(e)),
        }
        Ok(true)
    }

    /// Begins the next file; its name is its first moment.
    fn next_file(&mut self, snapshot: &Snapshot) -> Result<Writer, RecordError> {
        let path = match &self.place {
            Place::File(path) => path.clone(),
            Place::Folder(folder) => {
                let folder = folder.clone();
                // The folder may have been removed since; with it went the lock.
                if !folder.join("lock").exists() {
                    self.lock = None;
                    self.is_mine()?;
                }
                let stamp = snapshot.frame.time.to_string().replace(':', "-");
                let name = |n: u32| if n == 0 { stamp.clone() } else { format!("{stamp}-{n}") };
                let path = |n: u32| folder.join(name(n)).with_extension(EXTENSION);
                (0..1000).map(path).find(|p| !p.exists()).ok_or_else(|| RecordError::Exists(path(0)))?
            }
        };
        let sink = self.disk.create(&path).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists(path.clone()),
            _ => RecordError::io(&path)(e),
        })?;
        let begun = Writer::begin(sink, &path, snapshot);
        if begun.is_err() {
            // On a full disk each try would leave a file without frames behind.
            let _ = std::fs::remove_file(&path);
        }
        begun
    }

    /// Removes the oldest files until all fit into the budget.
    fn make_room(&mut self) -> Result<(), RecordError> {
        let Place::Folder(folder) = &self.place else { return Ok(()) };
        let current = self.open.as_ref().map(|o| o.writer.path().to_owned());
        let bytes = keep::make_room(folder, self.budget, current.as_deref())?;
        self.shared.set(|v| v.bytes = bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
