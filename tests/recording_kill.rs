//! Processes that are killed while they record: the file opens, and every second that was reported as
//! written is in it.

#[path = "support/recorded.rs"]
mod recorded;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hallwatch::engine::Core;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::Entry;
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::record::{Cursor, RecordError, Recording, Writer};
use hallwatch::source::sim::scenario::Plan;

/// Set for the process that is to be killed: the file it writes.
const VICTIM: &str = "HALLWATCH_TEST_RECORDER";
/// Processes that are killed.
const ROUNDS: u64 = 200;

/// Records until it is killed; on purpose a part of the test program, so that nothing else has to be
/// built. Does nothing in an ordinary run.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let topology = recorded::tiny();
    let mut sim = Plan::of_seed(3).start(Arc::clone(&topology)).expect("it fits");
    let mut core = Core::new(topology, Placer::default(), 1 << 20);
    let mut writer: Option<Writer> = None;
    for second in 0..1_000_000 {
        let time = SIM_EPOCH.plus_millis(1000 * second);
        core.apply(&Entry::Batch(sim.step(time, 0)));
        core.apply(&Entry::Tick(time));
        let snapshot = core.snapshot(EngineStatus::default());
        let open = match &mut writer {
            Some(open) => open,
            none => none.insert(Writer::create(Path::new(&path), &snapshot).expect("a new file")),
        };
        open.write(&snapshot).expect("written");
        let mut out = std::io::stdout().lock();
        // Nobody may listen any more.
        let _ = writeln!(out, "written {second}").and_then(|()| out.flush());
    }
}

/// Lets a process record, kills it after `seconds` and `late` more turns of a loop, and answers with
/// the last second that it reported.
fn killed(path: &Path, seconds: i64, late: u64) -> i64 {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut last = -1;
    let mut read = |until: i64, last: &mut i64| {
        while *last < until {
            let Some(line) = lines.next() else { break };
            let line = line.expect("text");
            if let Some((_, number)) = line.split_once("written ") {
                *last = number.parse().expect("a number");
            }
        }
    };
    read(seconds, &mut last);
    // Some moment within the next second that it writes.
    assert_eq!((0..late).map(std::hint::black_box).count() as u64, late);
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    read(i64::MAX, &mut last);
    last
}

#[test]
fn what_was_reported_as_written_outlives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..ROUNDS {
        let path = folder.path().join(format!("{round}.mcap"));
        let noise = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        let last = killed(&path, (noise % 23) as i64 - 1, noise % 60_000);
        let recording = match Recording::open(&path) {
            Ok(recording) => recording,
            // It was killed before its first second.
            Err(
                RecordError::Io { .. }
                | RecordError::Empty(_)
                | RecordError::Foreign(_)
                | RecordError::NoFrames(_),
            ) if last < 0 => {
                continue;
            }
            Err(e) => panic!("round {round}, second {last}: {e}"),
        };
        let times: Vec<_> = recording.times().collect();
        let mut cursor = Cursor::new(recording).expect("memory");
        let mut count = 0;
        while let Some(snapshot) = cursor.next().expect("every frame is whole") {
            assert_eq!(snapshot.frame.time, SIM_EPOCH.plus_millis(1000 * count));
            count += 1;
        }
        assert_eq!(count as usize, times.len());
        assert!(count > last, "round {round}: second {last} was written, {count} are there");
    }
}
