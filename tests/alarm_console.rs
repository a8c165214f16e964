//! An operator's way through an alarm, in real terminals: it appears, is found with `n`, is
//! acknowledged with a comment, survives `kill -9` and a restart with its author, and a second
//! console on the same machine shows it, and what is done there shows here.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod terminal {
    #[allow(dead_code, reason = "the probe is for another test")]
    pub mod pty;
}

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use terminal::pty::Pty;

const SITE: &str = r#"
[site]
name = "Small"
contract_mw = 5
host = "{hall}-{row}-{rack}-{tray}"

[[gpu]]
name = "GB300"
memory_mib = 284208
tdp_w = 1400
idle_w = 166
max_clock_mhz = 2070
zero_margin_c = 87
slowdown_c = 89
shutdown_c = 92

[[rack]]
name = "NVL72"
gpu = "GB300"
trays = 18
gpus_per_tray = 4
switch_trays = 9
power_shelves = 8
tdp_kw = 136
cooling = "liquid"

[[hall]]
names = ["H1"]
rows = 2
racks_per_row = 8
rack = "NVL72"
cdus_per_row = 2
columns = 2
"#;

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
    std::fs::write(folder.path().join("site.toml"), SITE).unwrap();
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
