//! The recorder on good and bad disks.

use std::io::{Seek, SeekFrom, Write};
use std::sync::mpsc;

use super::*;
use crate::record::testing::Site;
use crate::record::{Cursor, Recording};

/// A disk on which a number of bytes fit; or one that waits for leave before it writes.
struct Bad {
    room: Arc<Mutex<u64>>,
    gate: Option<Arc<Mutex<Receiver<()>>>>,
}

struct BadFile {
    file: File,
    room: Arc<Mutex<u64>>,
    gate: Option<Arc<Mutex<Receiver<()>>>>,
}

impl Disk for Bad {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Sink>> {
        let (room, gate) = (Arc::clone(&self.room), self.gate.clone());
        Ok(Box::new(BadFile { file: File::create_new(path)?, room, gate }))
    }
}

impl Write for BadFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if let Some(gate) = &self.gate {
            // Released for good when the other side is gone.
            let _ = gate.lock().expect("not poisoned").recv();
        }
        let mut room = self.room.lock().expect("not poisoned");
        if *room < buf.len() as u64 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *room -= buf.len() as u64;
        self.file.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for BadFile {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.file.seek(pos)
    }
}

impl Sink for BadFile {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Hands over a state and waits until the recorder has looked at it.
fn give(recorder: &FlightRecorder, site: &Site) {
    let snapshot = site.snapshot();
    recorder.offer(&snapshot);
    // The recorder's copy goes when it is done with it.
    while Arc::strong_count(&snapshot) > 1 {
        std::thread::yield_now();
    }
}

fn times(folder: &Path) -> Vec<i64> {
    Recording::open(folder).expect("a recording").times().map(Timestamp::secs).collect()
}

#[test]
fn every_state_is_recorded_and_can_be_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recorder");
    let recorder = FlightRecorder::start(path.clone(), DEFAULT_BUDGET).expect("a thread");
    let mut site = Site::small();
    for n in 0..25 {
        site.tick(n);
        give(&recorder, &site);
    }
    let view = recorder.view();
    assert_eq!((view.state, view.frames, view.dropped), (RecorderState::Recording, 25, 0));
    assert!(recorder.close(PATIENCE));
    assert_eq!(times(&path), (0..25).collect::<Vec<_>>());
    let mut cursor = Cursor::new(Recording::open(&path).expect("a recording")).expect("memory");
    let last = cursor.seek(Timestamp::from_secs(24)).expect("the last");
    assert_eq!(last.frame.column(crate::model::Metric::Util), site.frame.column(crate::model::Metric::Util));
}

#[test]
fn a_full_disk_is_told_and_recording_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = Arc::new(Mutex::new(30_000));
    let disk = Bad { room: Arc::clone(&room), gate: None };
    let recorder =
        FlightRecorder::start_on(Box::new(disk), folder.path().to_owned(), DEFAULT_BUDGET).expect("a thread");
    let mut site = Site::small();
    let mut until_full = 0;
    while recorder.view().state == RecorderState::Recording {
        site.tick(until_full % 9 + 1);
        give(&recorder, &site);
        until_full += 1;
        assert!(until_full < 500, "30 kB are full some time");
    }
    let RecorderState::Failing(why) = recorder.view().state else { panic!("{:?}", recorder.view()) };
    assert!(why.starts_with("the disk is full"), "{why}");
    *room.lock().expect("not poisoned") = u64::MAX;
    for n in 0..12 {
        site.tick(n);
        give(&recorder, &site);
    }
    let view = recorder.view();
    assert_eq!(view.state, RecorderState::Recording);
    assert!((2..=11).contains(&view.dropped), "{view:?}");
    assert!(recorder.close(PATIENCE));
    let times = times(folder.path());
    assert_eq!(times.len() as u64 + view.dropped, u64::from(until_full) + 12, "nothing is unaccounted for");
}

#[test]
fn tries_on_a_full_disk_leave_no_files_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Bad { room: Arc::new(Mutex::new(100)), gate: None };
    let recorder =
        FlightRecorder::start_on(Box::new(disk), folder.path().to_owned(), DEFAULT_BUDGET).expect("a thread");
    let mut site = Site::small();
    for n in 0..60 {
        site.tick(n);
        give(&recorder, &site);
    }
    assert_eq!((recorder.view().frames, recorder.view().dropped), (0, 60));
    let left = std::fs::read_dir(folder.path()).expect("a folder").flatten();
    let left: Vec<_> = left.filter(|f| f.path().extension().is_some_and(|e| e == EXTENSION)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_disk_that_hangs_costs_frames_and_never_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let (release, gate) = mpsc::channel();
    let disk = Bad { room: Arc::new(Mutex::new(u64::MAX)), gate: Some(Arc::new(Mutex::new(gate))) };
    let recorder =
        FlightRecorder::start_on(Box::new(disk), folder.path().to_owned(), DEFAULT_BUDGET).expect("a thread");
    let mut site = Site::small();
    // One state is in the hands of the recorder, QUEUE wait: the others find no room.
    for n in 0..40 {
        site.tick(n);
        recorder.offer(&site.snapshot());
    }
    let dropped = recorder.view().dropped;
    assert!(dropped >= 40 - QUEUE as u64 - 1, "{dropped}");
    drop(release);
    // What waits is written, then there is room again.
    for n in 0..3 {
        site.tick(n);
        while recorder.queue.try_send(Item::Tick(site.snapshot())).is_err() {
            std::thread::yield_now();
        }
    }
    while !recorder.close(PATIENCE) {
        std::thread::yield_now();
    }
    let written = times(folder.path());
    assert_eq!(written.len() as u64, 43 - dropped);
    assert_eq!(written.last(), Some(&42));
}

#[test]
fn a_folder_that_was_removed_is_told_and_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recorder");
    let recorder = FlightRecorder::start(path.clone(), DEFAULT_BUDGET).expect("a thread");
    let mut site = Site::small();
    site.tick(1);
    give(&recorder, &site);
    std::fs::remove_dir_all(&path).expect("removed");
    let mut failed = false;
    for n in 0..30 {
        site.tick(n);
        give(&recorder, &site);
        failed |= matches!(recorder.view().state, RecorderState::Failing(_));
    }
    assert!(failed, "it was told");
    assert_eq!(recorder.view().state, RecorderState::Recording, "and recording goes on");
    assert!(recorder.close(PATIENCE));
    assert_eq!(times(&path).last(), Some(&30));
}

#[test]
fn one_console_records_and_the_next_takes_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || FlightRecorder::start(folder.path().to_owned(), DEFAULT_BUDGET).expect("a thread");
    let (first, second) = (start(), start());
    let mut site = Site::small();
    site.tick(1);
    give(&first, &site);
    give(&second, &site);
    assert_eq!(second.view().state, RecorderState::Elsewhere);
    assert_eq!(second.view().dropped, 0, "what the other records is not lost");
    assert!(first.close(PATIENCE));
    for n in 0..12 {
        site.tick(n);
        give(&second, &site);
    }
    assert_eq!(second.view().state, RecorderState::Recording);
    assert!(second.close(PATIENCE));
    assert_eq!(times(folder.path()).last(), Some(&12));
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").expect("written");
    let recorder = FlightRecorder::start(file, DEFAULT_BUDGET).expect("a thread");
    let mut site = Site::small();
    site.tick(1);
    give(&recorder, &site);
    let view = recorder.view();
    assert!(matches!(&view.state, RecorderState::Failing(why) if why.contains("file")), "{view:?}");
    assert_eq!(view.dropped, 1);
}
