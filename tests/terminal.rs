//! The local terminal, end to end in pseudo-terminals: what is shown, and that every way out
//! leaves the terminal as it was.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod terminal {
    pub mod pty;
}

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use terminal::pty::{Pty, modes, probe};

const SIZE: (u16, u16) = (80, 24);

fn start(arguments: &[&str], folder: &Path) -> Pty {
    let program = probe();
    let command: Vec<&str> =
        std::iter::once(program.to_str().unwrap()).chain(arguments.iter().copied()).collect();
    Pty::spawn(&command, SIZE, folder)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The pid that the probe shows.
fn pid(pty: &Pty) -> Pid {
    let text = pty.text();
    let number = text.split("pid ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    Pid::from_raw(number.parse().unwrap()).unwrap()
}

#[test]
fn the_first_frame_and_every_key_are_shown_and_quitting_leaves_no_trace() {
    let folder = folder();
    let mut pty = start(&[], folder.path());
    pty.wait_for("size 80x24");
    assert!(pty.parser.screen().alternate_screen() && pty.parser.screen().hide_cursor());
    assert_ne!(pty.modes(), pty.before, "the terminal is raw now");
    pty.type_in("aÅ\x1b[A\x1b[200~x\ny\x1b[201~\x1b");
    pty.wait_for("keys 5 a Å Up <xy> Esc.");
    pty.type_in("mt");
    pty.wait_for("m t.");
    assert_ne!(pty.parser.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    pty.type_in("q");
    assert_eq!(pty.exit_code(), 0);
    assert_eq!(pty.modes(), pty.before);
    pty.assert_left();
    assert!(!pty.text().contains("[0n"), "no answer of the terminal reaches the shell");
}

#[test]
fn every_deadly_signal_leaves_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let folder = folder();
        let mut pty = start(&[], folder.path());
        pty.wait_for("size 80x24");
        kill_process(pid(&pty), signal).unwrap();
        assert_eq!(pty.exit_code(), 128 + u32::try_from(signal.as_raw()).unwrap(), "{signal:?}");
        assert_eq!(pty.modes(), pty.before, "{signal:?}");
        pty.assert_left();
    }
}

#[test]
fn a_panic_anywhere_leaves_the_terminal_as_it_was_and_writes_a_report() {
    for (key, message) in [("!", "asked to panic"), ("%", "asked to panic elsewhere")] {
        let folder = folder();
        let mut pty = start(&[], folder.path());
        pty.wait_for("size 80x24");
        pty.type_in(key);
        pty.wait_for("a crash report was written to");
        assert_eq!(pty.exit_code(), 101);
        assert_eq!(pty.modes(), pty.before);
        pty.assert_left();
        let report = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let report = std::fs::read_to_string(report.path()).unwrap();
        assert!(report.contains(message) && report.contains(env!("CARGO_PKG_VERSION")));
    }
}

/// How often the shell has asked for a command.
fn prompts(pty: &Pty) -> usize {
    String::from_utf8_lossy(&pty.raw).matches("ready> ").count()
}

/// Does `act`, then waits for the next prompt of the shell, with nothing of the session on the screen.
fn until_the_prompt(pty: &mut Pty, what: &str, act: impl FnOnce(&mut Pty)) {
    let before = prompts(pty);
    act(pty);
    pty.wait(what, |pty| prompts(pty) > before && !pty.parser.screen().alternate_screen());
}

fn command(pty: &mut Pty, command: &str) {
    until_the_prompt(pty, command, |pty| pty.type_in(&format!("{command}\r")));
}

#[test]
fn suspending_by_key_and_by_signal_gives_the_terminal_back_to_the_shell() {
    let folder = folder();
    let mut pty = Pty::spawn(&["sh", "-i"], SIZE, folder.path());
    pty.wait("the shell", |pty| prompts(pty) == 1);
    command(&mut pty, "stty -a > before");
    pty.type_in(&format!("{}\r", probe().display()));
    pty.wait_for("size 80x24");

    until_the_prompt(&mut pty, "the shell after Ctrl-Z", |pty| pty.type_in("\x1a"));
    command(&mut pty, "stty -a > key");
    pty.type_in("fg\r");
    pty.wait("the session again", |pty| pty.parser.screen().alternate_screen());
    pty.wait_for("size 80x24");
    pty.type_in("x");
    pty.wait_for("C-z x.");

    until_the_prompt(&mut pty, "the shell after SIGTSTP", |pty| {
        kill_process(pid(pty), Signal::TSTP).unwrap()
    });
    command(&mut pty, "stty -a > signal");
    pty.type_in("fg\r");
    pty.wait("the session again", |pty| pty.parser.screen().alternate_screen());
    pty.wait_for("size 80x24");
    pty.type_in("y");
    pty.wait_for("x y.");

    until_the_prompt(&mut pty, "the shell after the end", |pty| pty.type_in("q"));
    command(&mut pty, "stty -a > after");
    pty.assert_left();
    let stty = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for name in ["key", "signal", "after"] {
        assert_eq!(stty(name), stty("before"), "{name}");
    }
    pty.type_in("exit\r");
    pty.exit_code();
}

#[test]
fn a_session_that_nobody_could_resume_is_not_stopped() {
    let folder = folder();
    let mut pty = start(&[], folder.path());
    pty.wait_for("size 80x24");
    pty.type_in("\x1ax");
    pty.wait_for("keys 2 C-z x.");
    assert!(pty.parser.screen().alternate_screen());
    pty.type_in("q");
    assert_eq!(pty.exit_code(), 0);
}

#[test]
fn a_resize_storm_ends_with_the_right_picture() {
    let folder = folder();
    let mut pty = start(&["flood"], folder.path());
    pty.wait_for("size 80x24");
    for n in 0..300u16 {
        pty.resize(20 + n % 150, 5 + n % 50);
    }
    pty.resize(100, 30);
    pty.wait_for("size 100x30");
    pty.type_in("z");
    pty.wait_for("keys 1 z.");
    pty.type_in("q");
    assert_eq!(pty.exit_code(), 0);
    pty.assert_left();
}

#[test]
fn a_terminal_that_takes_nothing_cannot_hold_a_dying_session() {
    let folder = folder();
    let pair = native_pty_system().openpty(PtySize { rows: 120, cols: 400, ..PtySize::default() }).unwrap();
    let mut builder = CommandBuilder::new(probe());
    builder.arg("flood");
    builder.env("TERM", "xterm-256color");
    builder.env("COLORTERM", "truecolor");
    builder.env("PROBE_CRASH_FOLDER", folder.path());
    let before = modes(&*pair.master);
    let mut child = pair.slave.spawn_command(builder).unwrap();
    // A frame is far larger than the buffers of the system: after its first bytes it is stuck.
    let mut reader = pair.master.try_clone_reader().unwrap();
    reader.read_exact(&mut [0; 4096]).unwrap();
    let id = child.process_id().and_then(|id| Pid::from_raw(i32::try_from(id).unwrap())).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    let (send, ended) = channel();
    std::thread::spawn(move || send.send(child.wait().unwrap().exit_code()));
    let code = ended.recv_timeout(Duration::from_secs(30)).expect("the session ends");
    assert_eq!(code, 128 + 15);
    assert_eq!(modes(&*pair.master), before);
}

#[test]
fn a_terminal_that_vanishes_ends_the_session() {
    let folder = folder();
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut builder = CommandBuilder::new(probe());
    builder.env("TERM", "xterm-256color");
    builder.env("PROBE_CRASH_FOLDER", folder.path());
    let mut child = pair.slave.spawn_command(builder).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    reader.read_exact(&mut [0; 64]).unwrap();
    drop((reader, pair.master));
    let (send, ended) = channel();
    std::thread::spawn(move || send.send(child.wait().unwrap().exit_code()));
    let code = ended.recv_timeout(Duration::from_secs(30)).expect("the session ends");
    assert!([0, 128 + 1].contains(&code), "ended with {code}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and not by a crash");
}

#[test]
fn without_a_terminal_there_is_an_error_and_no_picture() {
    let output = Command::new(probe()).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard input is not a terminal"));
}

#[test]
fn the_time_from_key_to_frame_is_measured() {
    let folder = folder();
    let mut pty = start(&[], folder.path());
    pty.wait_for("size 80x24");
    let mut times: Vec<Duration> = Vec::new();
    for n in 1..=100 {
        let typed = Instant::now();
        pty.type_in("a");
        pty.wait_for(&format!("keys {n} "));
        times.push(typed.elapsed());
    }
    times.sort_unstable();
    println!("key to frame: p50 {:?}, p99 {:?}, worst {:?}", times[49], times[98], times[99]);
    pty.type_in("q");
    assert_eq!(pty.exit_code(), 0);
}
