//! Recordings that are cut off or have wrong bits: they open with a sentence or are shorter, and every
//! frame that is handed out is the one that was recorded. Also: another reader finds the same messages.

#[path = "support/recorded.rs"]
mod recorded;

use std::path::Path;
use std::sync::OnceLock;

use hallwatch::fleet::{Snapshot, planes};
use hallwatch::record::frame::FrameHead;
use hallwatch::record::{Cursor, Recording};
use proptest::prelude::*;
use recorded::Recorded;

const SECONDS: i64 = 25;

fn made() -> Recorded {
    recorded::record(recorded::tiny(), Some("rack-leak"), SECONDS)
}

/// Ends of the chunks that hold frames.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let summary = mcap::Summary::read(bytes).expect("a container").expect("finished");
    let frames = summary.channels.values().find(|c| c.topic == "/frame").expect("a channel").id;
    let with_frame = |c: &&mcap::records::ChunkIndex| c.message_index_offsets.contains_key(&frames);
    let chunks = summary.chunk_indexes.iter().filter(with_frame);
    let mut ends: Vec<_> = chunks.map(|c| (c.chunk_start_offset + c.chunk_length) as usize).collect();
    ends.sort_unstable();
    ends
}

fn same(a: &Snapshot, b: &Snapshot) -> bool {
    (0..planes::PLANES).all(|p| planes::bytes(&a.frame, p) == planes::bytes(&b.frame, p))
        && (a.frame.time, &a.frame.jobs, &a.trays) == (b.frame.time, &b.frame.jobs, &b.trays)
        && *a.frame.topology == *b.frame.topology
        && a.alarms.alarms == b.alarms.alarms
}

/// How many frames the bytes give as a file; each is compared with the one that was recorded.
fn frames(bytes: &[u8], folder: &Path, live: &[std::sync::Arc<Snapshot>]) -> usize {
    let path = folder.join("damaged.mcap");
    std::fs::write(&path, bytes).expect("writable");
    let recording = match Recording::open(&path) {
        Ok(recording) => recording,
        Err(e) => {
            let said = e.to_string();
            assert!(said.contains("damaged.mcap") && said.lines().count() == 1, "{said}");
            return 0;
        }
    };
    let mut cursor = Cursor::new(recording).expect("memory");
    let mut count = 0;
    // The first one is not the next of anything.
    let mut shown = cursor.step(0).map(Some);
    let mut tried = 0;
    loop {
        match shown {
            Ok(Some(snapshot)) => {
                let real = live.iter().find(|l| l.frame.seq == snapshot.frame.seq);
                assert!(real.is_some_and(|r| same(&snapshot, r)), "frame {}", snapshot.frame.seq);
                count += 1;
            }
            Ok(None) => return count,
            Err(_) if cursor.at().is_none() || !cursor.skip() => return count,
            Err(_) => {}
        }
        tried += 1;
        assert!(tried <= 2 * live.len(), "it comes to an end");
        shown = cursor.next();
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_has_all_frames_before_the_cut() {
    let made = made();
    let bytes = std::fs::read(&made.path).expect("there");
    let ends = frame_ends(&bytes);
    assert_eq!(ends.len(), SECONDS as usize);
    let near = ends.iter().flat_map(|e| [e - 1, *e, e + 1]);
    let start = 0..64;
    let rest = (0..bytes.len()).step_by(bytes.len() / 300);
    let end = bytes.len() - 40..=bytes.len();
    for cut in near.chain(start).chain(rest).chain(end) {
        let found = frames(&bytes[..cut], made.folder.path(), &made.live);
        let whole = ends.iter().filter(|e| **e <= cut).count();
        assert_eq!(found, whole, "cut at {cut} of {}", bytes.len());
    }
}

/// The recording, finished and not, once for all cases.
fn originals() -> &'static (Recorded, [Vec<u8>; 2]) {
    // A `static` in a function of a test: made once, and nothing changes it.
    static MADE: OnceLock<(Recorded, [Vec<u8>; 2])> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = made();
        let bytes = std::fs::read(&made.path).expect("there");
        let torn = bytes[..*frame_ends(&bytes).last().expect("frames")].to_vec();
        (made, [bytes, torn])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn wrong_bits_never_make_a_wrong_frame(
        torn in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
    ) {
        let (made, both) = originals();
        let mut bytes = both[usize::from(torn)].clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let found = frames(&bytes, folder.path(), &made.live);
        prop_assert!(found <= made.live.len());
    }
}

#[test]
fn another_reader_finds_the_same_messages() {
    let made = made();
    let bytes = std::fs::read(&made.path).expect("there");
    let mut frames = made.live.iter();
    let mut topics = std::collections::BTreeSet::new();
    for message in mcap::MessageStream::new(&bytes).expect("a container") {
        let message = message.expect("whole");
        topics.insert(message.channel.topic.clone());
        if message.channel.topic == "/frame" {
            let live = frames.next().expect("no more than were written");
            let head = FrameHead::read(&message.data).expect("a head");
            assert_eq!((head.seq, head.time), (live.frame.seq, live.frame.time));
            assert_eq!(message.log_time, live.frame.time.millis() as u64 * 1_000_000);
        }
    }
    assert!(frames.next().is_none(), "all of them");
    assert!(topics.contains("/names") && topics.contains("/alarms"), "{topics:?}");
    let summary = mcap::Summary::read(&bytes).expect("a container").expect("finished");
    let names: Vec<_> = summary.attachment_indexes.iter().map(|a| a.name.as_str()).collect();
    assert!(names.contains(&"layout.json.zst") && names.contains(&"topology.1.json.zst"), "{names:?}");
}
