//! An operator's way through a recorded incident, in real terminals: the row-cooling scenario is
//! recorded, replayed, the first alarm found with the keys, looped over, exported as a clip, and the
//! clip replayed in a folder that knows nothing of the site. And the flight recorder of a console:
//! what was before a restart is there again.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

#[path = "support/hall.rs"]
mod hall;
mod terminal {
    #[allow(dead_code, reason = "the probe is for another test")]
    pub mod pty;
}

use std::path::Path;
use std::process::Command;

use hall::one_hall;
use hallwatch::fleet::past::Tape;
use hallwatch::model::chronicle::HappeningKind;
use hallwatch::record::{Recording, RecordingTape};
use terminal::pty::Pty;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallwatch");

/// Ten minutes of one hall; row cooling is lost after two.
fn record(folder: &Path) {
    std::fs::write(folder.join("site.toml"), one_hall(2)).unwrap();
    let line = "record --topology site.toml --state state --seed 7 --scenario row-cooling-lost --at 120s \
                --ticks 300 -o incident.mcap";
    let done = Command::new(PROGRAM).args(line.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn quit(mut console: Pty) {
    console.type_in("\x03");
    assert_eq!(console.exit_code(), 0);
}

/// The moments at which alarms were raised, with what is said of the first of each.
fn raised(path: &Path) -> Vec<(String, String)> {
    let recording = Recording::open(path).unwrap();
    let mut tape = RecordingTape::new(recording, "", path.parent().unwrap()).unwrap();
    let chronicle = tape.chronicle();
    let all = chronicle.events.iter().filter(|e| e.kind == HappeningKind::Raised);
    let mut told: Vec<_> = all.map(|e| (e.time.clock().to_string(), e.text.to_string())).collect();
    told.dedup_by(|a, b| a.0 == b.0);
    assert!(told.iter().any(|(_, text)| text.starts_with("row-cooling-lost")), "{told:?}");
    told
}

#[test]
fn an_incident_is_recorded_replayed_looped_over_and_handed_on_as_a_clip() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path());
    let mut console = Pty::spawn(&[PROGRAM, "replay", "incident.mcap"], (120, 40), folder.path());
    console.wait_for("not live");
    assert!(console.text().contains("REPLAY"), "{}", console.text());
    console.type_in("t");
    console.wait_for("frame ~1/300");
    // From alarm to alarm in time, up to that of the incident.
    for (time, text) in raised(&folder.path().join("incident.mcap")) {
        console.type_in("}");
        console.wait_for(&format!("REPLAY {time} "));
        if text.starts_with("row-cooling-lost") {
            break;
        }
    }
    console.wait_for("row-cooling-lost");
    // What is past cannot be acknowledged.
    console.type_in("A");
    console.wait_for("Row cooling lost");
    console.type_in("a");
    console.wait_for("nothing here can be acknowledged");
    console.type_in("\x1b");
    console.wait_for("ALARMS 3");
    // A loop over it, and out with it.
    console.type_in("@03:01:50\r");
    console.wait_for("03:01:50");
    console.type_in("(");
    console.type_in("@03:03:00\r");
    console.wait_for("03:03:00");
    console.type_in(")");
    console.wait_for("loop A-B");
    console.type_in("x");
    console.wait_for("clip saved");
    quit(console);
    let made = |e: &std::fs::DirEntry| e.path().extension().is_some_and(|x| x == "mcap");
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().filter(made).collect();
    let clip = files.iter().map(std::fs::DirEntry::path).find(|p| !p.ends_with("incident.mcap")).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(&clip, elsewhere.path().join("clip.mcap")).unwrap();
    let span = Recording::open(&clip).unwrap().span().unwrap();
    assert_eq!(span.1.since(span.0), 70_000);
    let mut console =
        Pty::spawn(&[PROGRAM, "replay", "clip.mcap", "--at", "03:02:40"], (80, 24), elsewhere.path());
    console.wait_for("03:02:40");
    console.type_in("A");
    console.wait_for("ow cooling lost");
    quit(console);
}

#[test]
fn the_past_of_before_a_restart_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.toml"), one_hall(2)).unwrap();
    let start = |more: &[&str]| {
        let mut command =
            vec![PROGRAM, "--topology", "site.toml", "--state", "state", "--seed", "3", "--record"];
        command.extend(more);
        Pty::spawn(&command, (120, 40), folder.path())
    };
    let recorder = folder.path().join("state/recorder");
    let mut first = start(&["--speed", "20"]);
    first.wait_for("LIVE");
    let recorded = loop {
        if let Ok(recording) = Recording::open(&recorder)
            && recording.frames() > 40
        {
            break recording.span().unwrap();
        }
        std::thread::yield_now();
    };
    quit(first);
    let mut second = start(&[]);
    second.wait_for("LIVE");
    second.type_in("t");
    second.wait_for("frame");
    // A moment that only the recorder knows, and back to the present.
    let moment = recorded.0.plus_millis(2_000).clock().to_string();
    second.type_in(&format!("@{moment}\r"));
    second.wait_for(&format!("PAST {moment}"));
    second.type_in("\x7f");
    second.wait_for("LIVE");
    quit(second);
}

#[test]
fn what_is_no_recording_never_touches_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.mcap"), "").unwrap();
    std::fs::write(folder.path().join("text.mcap"), "not a recording at all").unwrap();
    std::fs::create_dir(folder.path().join("none")).unwrap();
    for (name, why) in [
        ("empty.mcap", "empty.mcap: an empty file, not a recording"),
        ("text.mcap", "text.mcap: not a recording of hallwatch"),
        ("none", "none: a folder without recordings (*.mcap)"),
        ("missing.mcap", "missing.mcap: No such file or directory"),
    ] {
        let done = Command::new(PROGRAM).args(["replay", name]).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.starts_with(&format!("hallwatch: {why}")), "{said}");
        assert!(done.stdout.is_empty());
    }
}
