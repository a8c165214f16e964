//! Moments with their charts, marks, and a recording that grows.

use super::*;
use crate::fleet::history::Archive;
use crate::model::{Asset, Metric, RackId};
use crate::record::Writer;
use crate::record::testing::Site;

/// A live site with its archive, written as it goes.
struct Live {
    site: Site,
    archive: Archive,
    snapshots: Vec<Arc<Snapshot>>,
}

impl Live {
    fn new() -> Self {
        Self { site: Site::small(), archive: Archive::new(64 << 20), snapshots: Vec::new() }
    }

    fn tick(&mut self, seed: u16) -> Arc<Snapshot> {
        self.site.tick(seed);
        self.archive.push(&self.site.frame);
        let mut snapshot = Snapshot::clone(&self.site.snapshot());
        snapshot.history = self.archive.publish();
        self.archive.maintain();
        let snapshot = Arc::new(snapshot);
        self.snapshots.push(Arc::clone(&snapshot));
        snapshot
    }
}

fn record(seconds: u16) -> (tempfile::TempDir, PathBuf, Live) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    let mut live = Live::new();
    let first = live.tick(1);
    let mut writer = Writer::create(&path, &first).expect("a new file");
    writer.write(&first).expect("written");
    for s in 0..seconds {
        writer.write(&live.tick(s % 11)).expect("written");
    }
    writer.finish().expect("finished");
    (folder, path, live)
}

fn tape(path: &Path) -> RecordingTape {
    let recording = Recording::open(path).expect("it opens");
    RecordingTape::new(recording, "a.mcap", path.parent().expect("a folder")).expect("memory")
}

/// As a console asks: the moment, then its charts where it came without.
fn with_charts(tape: &mut RecordingTape, at: Timestamp) -> Snapshot {
    let shown = tape.show(at).expect("it is recorded");
    assert_eq!(shown.history.status.budget, 0, "the first time charts are left out");
    let history = tape.charts(at).expect("it is recorded");
    assert!(tape.show(at).expect("again").history.status.budget > 0, "now they are at hand");
    Snapshot { history, ..Snapshot::clone(&shown) }
}

#[test]
fn charts_of_then_are_there_again() {
    let (_folder, path, live) = record(400);
    let mut tape = tape(&path);
    let at = Timestamp::from_secs(300);
    let shown = with_charts(&mut tape, at);
    let then = &live.snapshots[300];
    for asset in [Asset::Site, Asset::Rack(RackId::new(1))] {
        let window = (240_000, 24);
        let series = |s: &Snapshot| s.history.series(&s.frame, asset, Metric::Power, window);
        let (now, was) = (series(&shown), series(then));
        assert!(was.iter().flatten().count() >= 20, "there is something to compare");
        // The last ten seconds were not finished then: they are made of frames that are not at hand.
        assert_eq!(now[..22], was[..22], "{asset:?}");
    }
}

#[test]
fn what_was_put_back_from_a_recording_is_not_recorded_again() {
    let (folder, path, _) = record(200);
    let recording = Recording::open(&path).expect("it opens");
    let mut cursor = Cursor::new(recording).expect("memory");
    let old = periods(&mut cursor, (Timestamp(0), Timestamp::from_secs(300)), |_| true);
    assert!(old.len() > 15, "{}", old.len());
    // The next console begins later, and has the past put back after its first second.
    let mut live = Live::new();
    live.site.skip_to(1000);
    let second = folder.path().join("b.mcap");
    let first = live.tick(1);
    let mut writer = Writer::create(&second, &first).expect("a new file");
    writer.write(&first).expect("written");
    live.archive.restore(old);
    for n in 0..100 {
        writer.write(&live.tick(n % 7)).expect("written");
    }
    writer.finish().expect("finished");
    let mut cursor = Cursor::new(Recording::open(&second).expect("it opens")).expect("memory");
    let new = periods(&mut cursor, (Timestamp(0), Timestamp::from_secs(5000)), |_| true);
    assert!(new.len() > 5 && new.iter().all(|p| p.start >= Timestamp::from_secs(960)), "only its own");
}

#[test]
fn steps_go_frame_by_frame_and_end_at_the_ends() {
    let (_folder, path, _) = record(30);
    let mut tape = tape(&path);
    let time = |s: Result<Arc<Snapshot>, String>| s.expect("it is recorded").frame.time.secs();
    assert_eq!(time(tape.step(Timestamp::from_secs(7), 3)), 10);
    assert_eq!(time(tape.step(Timestamp::from_secs(7), -3)), 4);
    assert_eq!(time(tape.step(Timestamp::from_secs(7), -300)), 0);
    assert_eq!(time(tape.step(Timestamp::from_secs(7), 300)), 30);
}

#[test]
fn marks_are_in_the_chronicle_and_stay() {
    let (_folder, path, _) = record(5);
    let mut first = tape(&path);
    let before = first.chronicle();
    let at = Timestamp::from_secs;
    let (operator, text) = (Arc::<str>::from("kari"), Arc::<str>::from("look"));
    first.bookmark(Bookmark { time: at(3), operator: Arc::clone(&operator), text }).expect("saved");
    let leak = Incident { title: "leak".into(), from: at(1), to: at(4), operator, marked: at(5) };
    first.mark(leak).expect("saved");
    assert!(before.incidents.is_empty());
    for mut tape in [first, tape(&path)] {
        let chronicle = tape.chronicle();
        assert_eq!((chronicle.incidents.len(), chronicle.bookmarks.len()), (1, 1));
        assert_eq!(&*chronicle.name, "a.mcap");
    }
}

#[test]
fn a_recording_that_grows_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    let mut live = Live::new();
    let first = live.tick(1);
    let mut writer = Writer::create(&path, &first).expect("a new file");
    writer.write(&first).expect("written");
    let mut tape = tape(&path);
    assert_eq!(tape.chronicle().frames, 1);
    for n in 1..40 {
        writer.write(&live.tick(n)).expect("written");
    }
    assert_eq!(tape.chronicle().frames, 40);
    assert_eq!(tape.show(Timestamp::from_secs(39)).expect("the newest").frame.time.secs(), 39);
}
