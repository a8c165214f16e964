//! An operator's way through an alarm, in real terminals: it appears, is found with `n`, is
//! acknowledged with a comment, survives `kill -9` and a restart with its author, and a second
//! console on the same machine shows it, and what is done there shows here.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

#[path = "support/hall.rs"]
mod hall;
mod terminal {
    #[allow(dead_code, reason = "the probe is for another test")]
    pub mod pty;
}

use std::path::Path;

use hall::one_hall;
use rustix::process::{Pid, Signal, kill_process};
use terminal::pty::Pty;

fn start(folder: &Path, more: &[&str]) -> Pty {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (site, config, state) = (path("site.toml"), path("config.toml"), path("state"));
    let mut command = vec![env!("CARGO_BIN_EXE_hallwatch"), "--topology", &site, "--config", &config];
    command.extend(["--state", &state, "--seed", "3"]);
    command.extend(more);
    Pty::spawn(&command, (120, 40), folder)
}

#[test]
fn an_alarm_is_found_acknowledged_and_known_after_a_crash_and_next_door() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.toml"), one_hall(2)).unwrap();
    std::fs::write(folder.path().join("config.toml"), "allow_operator_names = true\n").unwrap();

    // The leak is there for hours of simulated time: the first console runs fast, to reach it.
    let leak = ["--operator", "kari", "--scenario", "rack-leak", "--at", "5s", "--speed", "10"];
    let mut first = start(folder.path(), &leak);
    first.wait_for("Rack leak");
    first.type_in("n");
    first.wait_for("UNACK");
    first.type_in("a");
    first.wait_for("Enter");
    first.type_in("valves closed\r");
    first.wait_for("saved as");
    let pid = Pid::from_raw(first.child.process_id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    first.child.wait().unwrap();

    let mut second = start(folder.path(), &["--operator", "ola"]);
    second.wait_for("Rack leak");
    second.type_in("AG");
    second.wait_for("valves closed");
    assert!(second.text().contains("kari"), "{}", second.text());

    let mut third = start(folder.path(), &["--operator", "per"]);
    third.wait_for("Rack leak");
    third.type_in("AG");
    third.wait_for("valves closed");
    assert!(third.text().contains("kari"), "{}", third.text());
    third.type_in("c");
    third.wait_for("Enter");
    third.type_in("technician is on site\r");
    third.wait_for("saved as");
    second.wait_for("technician is on site");
    for console in [&mut second, &mut third] {
        console.type_in("\x03");
        assert_eq!(console.exit_code(), 0);
    }
}
