//! Recordings of a small site, read back in every order.

use proptest::prelude::*;
use std::path::PathBuf;

use super::*;
use crate::fleet::planes;
use crate::record::Writer;
use crate::record::testing::Site;

struct Made {
    _folder: tempfile::TempDir,
    path: PathBuf,
    live: Vec<Arc<Snapshot>>,
}

/// A recording of `seeds`, one tick each; alarms come and go with them. Not finished where `torn`.
fn record(seeds: &[u16], torn: bool) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    let mut site = Site::small();
    site.tick(0);
    let mut writer = Writer::create(&path, &site.snapshot()).expect("a new file");
    let mut live = Vec::new();
    for seed in seeds {
        site.tick(*seed);
        if *seed % 3 == 1 {
            site.raise(u64::from(*seed));
        } else if *seed % 5 == 0 {
            site.alarms.clear();
        }
        let snapshot = site.snapshot();
        writer.write(&snapshot).expect("it is written");
        live.push(snapshot);
    }
    if torn {
        std::mem::forget(writer);
    } else {
        writer.finish().expect("the index is written");
    }
    Made { _folder: folder, path, live }
}

fn same(a: &Snapshot, b: &Snapshot) -> bool {
    (0..planes::PLANES).all(|p| planes::bytes(&a.frame, p) == planes::bytes(&b.frame, p))
        && (a.frame.time, a.frame.seq) == (b.frame.time, b.frame.seq)
        && (&a.frame.jobs, &a.frame.tenants) == (&b.frame.jobs, &b.frame.tenants)
        && *a.frame.topology == *b.frame.topology
        && (&a.alarms.alarms, a.alarms.counts) == (&b.alarms.alarms, b.alarms.counts)
        && a.trays == b.trays
        && a.sources == b.sources
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn what_was_live_is_read_back_in_any_order(
        seeds in prop::collection::vec(0u16..12, 1..90),
        jumps in prop::collection::vec(0usize..90, 1..20),
        torn in any::<bool>(),
    ) {
        let made = record(&seeds, torn);
        let mut cursor = Cursor::new(Recording::open(&made.path).expect("it opens")).expect("memory");
        let mut n = 0;
        while let Some(snapshot) = cursor.next().expect("each frame") {
            prop_assert!(same(&snapshot, &made.live[n]), "frame {}", n);
            n += 1;
        }
        prop_assert_eq!(n, made.live.len());
        for jump in jumps {
            let live = &made.live[jump % made.live.len()];
            let found = cursor.seek(live.frame.time).expect("any frame");
            prop_assert!(same(&found, live), "seek to {}", jump);
        }
    }
}

#[test]
fn frames_of_one_moment_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    let mut site = Site::small();
    site.tick(1);
    let mut writer = Writer::create(&path, &site.snapshot()).expect("a new file");
    let mut live = Vec::new();
    for n in 0..64 {
        // The clock is set back after a while, and goes on later.
        site.halted = (20..55).contains(&n);
        site.tick(n % 11 + 1);
        writer.write(&site.snapshot()).expect("written");
        live.push(site.snapshot());
    }
    writer.finish().expect("finished");
    let mut cursor = Cursor::new(Recording::open(&path).expect("it opens")).expect("memory");
    let at = |frame: usize| Position { segment: 0, frame };
    for frame in (0..64).chain((0..64).rev()).chain([40, 5, 54, 31, 44, 21]) {
        let shown = cursor.show(at(frame)).expect("readable");
        assert!(same(&shown, &live[frame]), "frame {frame}");
    }
}

#[test]
fn edges_are_the_first_and_the_last_frame_and_steps_lead_back() {
    let made = record(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], false);
    let mut cursor = Cursor::new(Recording::open(&made.path).expect("it opens")).expect("memory");
    let time = |s: Snapshot| s.frame.time;
    let (first, last) = cursor.recording().span().expect("frames");
    assert_eq!(cursor.seek(first.plus_millis(-5)).map(time).ok(), Some(first));
    assert_eq!(cursor.step(-3).map(time).ok(), Some(first));
    assert_eq!(cursor.step(4).map(time).ok(), Some(first.plus_millis(4000)));
    assert_eq!(cursor.step(-4).map(time).ok(), Some(first));
    assert_eq!(cursor.seek(first.plus_millis(1999)).map(time).ok(), Some(first.plus_millis(1000)));
    assert_eq!(cursor.seek(last.plus_millis(99_000)).map(time).ok(), Some(last));
    assert_eq!(cursor.next().map(|s| s.map(time)).ok(), Some(None));
    assert_eq!(cursor.recording().frames(), 12);
}

#[test]
fn files_of_a_folder_are_one_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut site = Site::small();
    let mut times = Vec::new();
    for name in ["a", "b", "c"] {
        site.tick(1);
        let path = folder.path().join(name).with_extension("mcap");
        let mut writer = Writer::create(&path, &site.snapshot()).expect("a new file");
        for seed in [3, 4, 5] {
            site.tick(seed);
            writer.write(&site.snapshot()).expect("it is written");
            times.push(site.frame.time);
        }
        writer.finish().expect("finished");
    }
    std::fs::write(folder.path().join("note.mcap"), "not a recording").expect("written");
    let mut cursor = Cursor::new(Recording::open(folder.path()).expect("it opens")).expect("memory");
    assert_eq!(cursor.recording().times().collect::<Vec<_>>(), times);
    let first = cursor.seek(times[0]).expect("a frame");
    let far = cursor.step(7).expect("over two files");
    assert_eq!(far.frame.time, times[7]);
    assert!(Arc::ptr_eq(&first.frame.topology, &far.frame.topology), "files of one site share it");
    assert_eq!(cursor.step(-7).expect("back").frame.time, times[0]);
}

#[test]
fn a_file_that_grows_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    let mut site = Site::small();
    site.tick(1);
    let mut writer = Writer::create(&path, &site.snapshot()).expect("a new file");
    writer.write(&site.snapshot()).expect("it is written");
    let mut cursor = Cursor::new(Recording::open(&path).expect("it opens")).expect("memory");
    for n in 2..30 {
        site.tick(n);
        writer.write(&site.snapshot()).expect("it is written");
        assert!(cursor.refresh().expect("it can be read"), "frame {n}");
        let newest = cursor.seek(site.frame.time).expect("the newest");
        assert!(same(&newest, &site.snapshot()), "frame {n}");
    }
    writer.finish().expect("finished");
    cursor.refresh().expect("it can be read");
    assert_eq!(cursor.recording().frames(), 29);
    assert!(!cursor.refresh().expect("it can be read"), "a finished file does not grow");
}

#[test]
fn each_wrong_file_gets_its_own_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let said = |name: &str| Recording::open(&at(name)).expect_err(name).to_string();
    std::fs::write(at("empty.mcap"), "").expect("written");
    assert!(said("empty.mcap").ends_with("an empty file, not a recording"));
    std::fs::write(at("text.mcap"), "hello, this is text").expect("written");
    assert!(said("text.mcap").ends_with("not a recording of hallwatch"));
    std::fs::create_dir(at("folder")).expect("made");
    assert!(said("folder").ends_with("a folder without recordings (*.mcap)"));
    assert!(said("missing.mcap").contains("missing.mcap: "));
    let made = record(&[1], false);
    let mut bytes = std::fs::read(&made.path).expect("it is there");
    let version = bytes.windows(8).position(|w| w == b"version\x01").expect("in the metadata");
    bytes[version + 11] = b'7';
    std::fs::write(at("newer.mcap"), &bytes).expect("written");
    let newer = said("newer.mcap");
    assert!(newer.contains("version 7") && newer.ends_with("reads up to 1"), "{newer}");
    let mut none = made.live[0].as_ref().clone();
    none.frame = Arc::clone(&made.live[0].frame);
    Writer::create(&at("none.mcap"), &none).expect("new").finish().expect("finished");
    assert!(said("none.mcap").ends_with("no frame that can be read"));
}
