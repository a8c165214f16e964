//! `record` and `serve` as a user runs them: in a folder of their own, ended by signals.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use hallwatch::model::{Asset, Metric};
use hallwatch::record::{Cursor, Recording};

fn hallwatch(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallwatch"));
    command.args(line.split_whitespace()).current_dir(folder).env_clear();
    command.env("HOME", folder).env("PATH", std::env::var("PATH").unwrap_or_default());
    command
}

fn run(folder: &Path, line: &str) -> Output {
    hallwatch(folder, line).output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts a command and waits for its first line.
fn start(folder: &Path, line: &str) -> Child {
    let mut child = hallwatch(folder, line).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut first = String::new();
    let out = child.stdout.as_mut().expect("a pipe");
    BufReader::new(out).read_line(&mut first).expect("it says something");
    assert!(first.starts_with("recording"), "{first}");
    child
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
    assert!(sent.success());
}

/// A small site, so that a debug build keeps pace.
const SITE: &str = "--sim --topology site.toml --state state";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("site.toml"), include_str!("../sites/air-cooled.toml"))
        .expect("written");
    folder
}

/// Waits until a recording has `frames` frames.
fn frames(path: &Path, frames: u64) -> Recording {
    loop {
        if let Ok(recording) = Recording::open(path)
            && recording.frames() >= frames
        {
            return recording;
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_simulator_is_recorded_in_fast_time_and_repeats_to_the_byte() {
    let folder = folder();
    for name in ["a", "b"] {
        let line = format!("record {SITE} --seed 7 --ticks 90 -o {name}.mcap");
        let done = run(folder.path(), &line);
        assert!(done.status.success(), "{}", said(&done));
        assert!(String::from_utf8_lossy(&done.stdout).starts_with(&format!("{name}.mcap: 90 frames, ")));
    }
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("it is there");
    assert!(read("a.mcap") == read("b.mcap"));
    let recording = Recording::open(&folder.path().join("a.mcap")).expect("it opens");
    assert_eq!(recording.frames(), 90);
    let mut cursor = Cursor::new(recording).expect("memory");
    let last = cursor.step(89).and_then(|_| cursor.step(89)).expect("readable");
    assert!(last.frame.stats(Asset::Site, Metric::Power).is_some(), "there are values");
    assert!(!last.alarms.rules.is_empty(), "and the rules");
}

#[test]
fn a_recording_ends_with_an_index_when_it_is_interrupted() {
    for name in ["TERM", "INT", "HUP"] {
        let folder = folder();
        let path = folder.path().join("a.mcap");
        let child = start(folder.path(), &format!("record {SITE} --speed 20 -o a.mcap"));
        frames(&path, 3);
        signal(&child, name);
        let done = child.wait_with_output().expect("it ends");
        assert!(done.status.success(), "{name}: {}", said(&done));
        let bytes = std::fs::read(&path).expect("it is there");
        assert!(bytes.ends_with(b"\x89MCAP0\r\n"), "{name}: the recording is finished");
    }
}

#[test]
fn the_flight_recorder_writes_beside_the_journal_and_after_a_kill_all_is_there() {
    let folder = folder();
    let recorder = folder.path().join("state/recorder");
    let mut child = start(folder.path(), &format!("serve {SITE} --speed 20"));
    frames(&recorder, 5);
    assert!(folder.path().join("state/journal.sqlite").exists());
    signal(&child, "KILL");
    child.wait().expect("it ends");
    let first = frames(&recorder, 5).frames();
    let second = start(folder.path(), &format!("serve {SITE} --speed 20"));
    frames(&recorder, first + 3);
    signal(&second, "TERM");
    let done = second.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", said(&done));
    let files = std::fs::read_dir(&recorder).expect("a folder").flatten();
    let kept = files.filter(|f| f.path().extension().is_some_and(|e| e == "mcap")).count();
    assert_eq!(kept, 2, "what was cut off is left as it is");
}

#[test]
fn a_recording_for_a_while_ends_by_itself() {
    let folder = folder();
    let done = run(folder.path(), &format!("record {SITE} --for 1s -o a.mcap"));
    assert!(done.status.success(), "{}", said(&done));
    frames(&folder.path().join("a.mcap"), 1);
}

#[test]
fn what_cannot_be_recorded_is_one_sentence_and_writes_nothing() {
    let folder = folder();
    std::fs::write(folder.path().join("there.mcap"), "mine").expect("written");
    let done = run(folder.path(), &format!("record {SITE} --ticks 5 -o there.mcap"));
    assert_eq!((done.status.code(), said(&done).lines().count()), (Some(1), 1));
    assert!(said(&done).contains("there.mcap: exists already"), "{}", said(&done));
    assert_eq!(std::fs::read(folder.path().join("there.mcap")).expect("there"), b"mine");
    let done = run(folder.path(), &format!("record {SITE} --for 5s -o nowhere/a.mcap"));
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    assert!(said(&done).contains("nowhere/a.mcap"), "{}", said(&done));
    let done = run(folder.path(), "record --local --ticks 5 -o a.mcap");
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
    assert!(said(&done).contains("simulator"), "{}", said(&done));
    assert!(!folder.path().join("a.mcap").exists());
}
