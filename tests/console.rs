//! The console as its operators use it: in tmux, by keys, at three sizes.

#[allow(dead_code, reason = "another test needs more of it")]
#[path = "live/program.rs"]
mod program;
#[path = "console/tmux.rs"]
mod tmux;

use std::cell::Cell;

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use tmux::Tmux;

/// Seconds of a day.
const DAY: u32 = 86_400;

/// The part of the header that says when: mode, and seconds since midnight.
fn moment(screen: &str) -> Option<(String, u32)> {
    let regex = Regex::new(r"(LIVE|PAUSED|PAST) +(\d\d):(\d\d):(\d\d)").expect("valid");
    let found = regex.captures(screen.lines().next()?)?;
    let number = |i: usize| found[i].parse::<u32>().expect("digits");
    Some((found[1].to_owned(), number(2) * 3600 + number(3) * 60 + number(4)))
}

/// The name that `y` copies: what is selected.
fn selected(t: &Tmux) -> String {
    t.press(&["y"]);
    t.wait_until("the copied name", |_| !t.run(&["list-buffers"]).is_empty());
    let name = t.run(&["show-buffer"]);
    t.run(&["delete-buffer"]);
    name
}

fn walk_in_and_out(t: &Tmux) {
    t.wait(r"\A Testdal .*LIVE.* 2 \d\d\d/2 304");
    t.press_for("Enter", r"\A Testdal › H1 .*LIVE");
    t.press_for("Enter", r"\A Testdal › H1 › R\d+ › K\d+ ");
    t.press_for("Enter", r"\A (Testdal|…) ?› ?H1 ?› ?R\d+ ?› ?K\d+ ?› ?T\d+ ?› ?G\d ");
    t.press_for("Escape", r"\A Testdal › H1 › R\d+ › K\d+  ");
    t.press_for("Escape", r"\A Testdal › H1  ");
    t.press_for("Escape", r"\A Testdal  ");
    t.press_for("l", r"\A Testdal  ");
    t.press_for("Enter", r"\A Testdal › H2  ");
    t.press(&["g"]);
    t.press_for("h", r"\A Testdal  ");
}

fn move_the_cursor(t: &Tmux) {
    t.press_for("h", r"\A Testdal  ");
    t.press_for("Enter", r"\A Testdal › H1  ");
    let start = selected(t);
    t.press(&["l", "l", "j"]);
    let moved = selected(t);
    assert!(moved.starts_with("TD-H1-") && moved != start, "{start} {moved}");
    t.press(&["k", "h", "h"]);
    assert_eq!(selected(t), start, "and back again");
    t.press(&["Right", "Down"]);
    assert_ne!(selected(t), start);
}

fn choose_metrics(t: &Tmux) {
    let units = [
        ("1", "util", "%"),
        ("2", "power", "W"),
        ("3", "temp", "°C"),
        ("4", "mem", "GB"),
        ("5", "clock", "Hz"),
    ];
    for (key, name, unit) in units {
        t.press_for(key, &format!("^ {name}[a-z_ ]* [0-9].*{unit}"));
    }
    for key in ["6", "7", "8", "9"] {
        t.press(&[key]);
    }
    t.press_for("1", "^ util [0-9].*%");
    t.press_for("m", "^ power [0-9].*W");
    t.press_for("M", "^ util [0-9].*%");
    t.press_for("w", r"worst .*H1.*: H1-R\d+-K\d+-T\d+-G\d|highest .*H1");
    let before = t.wait("zoom ");
    let zoom = |s: &str| s.split("zoom ").nth(1).and_then(|r| r.lines().next()).map(str::to_owned);
    t.press(&["z"]);
    t.wait_until("another zoom", |s| zoom(s).is_some() && zoom(s) != zoom(&before));
}

fn ask_for_help(t: &Tmux) {
    t.press_for("?", "HELP  hall view");
    t.type_in("hold the");
    let found = t.wait("search: hold the");
    assert!(found.contains("hold the picture") && !found.contains("show the next metric"), "{found}");
    t.press(&["Escape"]);
    t.wait_until("the hall without help", |s| !s.contains("HELP"));
    t.press_for("g", "go to");
    t.press(&["Escape"]);
    t.wait_until("the hall without the list of keys", |s| !s.contains("go to"));
}

fn find_and_command(t: &Tmux) {
    t.press_for("f", "FIND");
    t.type_in("h2r3k4");
    t.wait("H2-R0?3-K4");
    t.press_for("Enter", r"\A Testdal › H2 › R0?3 › K4");
    t.press_for(":", "^:");
    t.type_in("metr");
    t.press_for("Tab", "^:metric");
    t.type_in(" te");
    t.press_for("Tab", "^:metric te");
    t.press(&["C-u"]);
    t.type_in("go h1-r2-k3");
    t.press_for("Enter", r"\A Testdal › H1 › R0?2 › K3");
    t.press_for(":", "^:");
    t.type_in("pasue");
    t.press_for("Enter", "did you mean `pause`");
    t.press(&["Escape"]);
    t.wait_until("the end of the command line", |s| !s.contains("pasue"));
}

fn look_around(t: &Tmux) {
    t.press_for("T", "theme: ");
    t.press_for("C", "colours: ");
    t.press(&["g"]);
    t.press_for("s", r"\A Testdal › sources .*");
    t.press_for("Escape", r"\A Testdal › H1\b");
    t.press(&["g"]);
    t.press_for("c", r"\A Testdal › status .*");
    t.press_for("Escape", r"\A Testdal › H1\b");
}

/// Waits for a moment in the header. A look may fall between two halves of a frame, so what is
/// waited for is the mode and the time together.
fn wait_for_moment(t: &Tmux, what: &str, shown: impl Fn(&str, u32) -> bool) -> u32 {
    let is_shown = |screen: &str| {
        let moment = moment(screen);
        moment.is_some_and(|(mode, time)| shown(&mode, time))
    };
    let screen = t.wait_until(what, is_shown);
    moment(&screen).map_or(0, |(_, time)| time)
}

fn travel_in_time(t: &Tmux) {
    t.press_for("p", r"\A.* PAUSED \d\d:\d\d:\d\d");
    let last = Cell::new(0);
    let held = wait_for_moment(t, "a time that stands still", |mode, time| {
        mode == "PAUSED" && last.replace(time) == time
    });
    // Seconds before the held frame; midnight may lie in between.
    let back = |time: u32| (held + DAY - time) % DAY;
    t.press(&[","]);
    wait_for_moment(t, "one frame back, which is one second", |mode, time| mode == "PAST" && back(time) == 1);
    t.press(&[",", ","]);
    wait_for_moment(t, "three frames back", |_, time| back(time) == 3);
    t.press(&["."]);
    wait_for_moment(t, "one forward", |_, time| back(time) == 2);
    t.press(&["H"]);
    let far = wait_for_moment(t, "a minute back, or the oldest frame", |mode, time| {
        mode == "PAST" && (3..=62).contains(&back(time))
    });
    t.press(&["L"]);
    wait_for_moment(t, "forward again", |_, time| time != far && (time + DAY - far) % DAY <= 60);
    t.press(&["BSpace"]);
    wait_for_moment(t, "the present, which went on meanwhile", |mode, time| {
        mode == "LIVE" && (DAY / 2..DAY).contains(&back(time))
    });
}

fn leave(t: &Tmux) {
    t.press_for("q", r"\A Testdal › H1  ");
    t.press_for("q", r"\A Testdal  ");
    t.press_for("q", r"\? Enter|y quits|Quit");
    t.press(&["Escape"]);
    t.wait_until("the console goes on", |s| !s.contains("Quit "));
    t.press_for("q", "Quit ");
    t.press(&["Enter"]);
    t.ended(0);
}

/// Everything an operator's fingers know, in one sitting.
fn a_sitting(size: (u16, u16)) {
    if !tmux::is_there() {
        return;
    }
    let t = Tmux::small(size, &[]);
    walk_in_and_out(&t);
    move_the_cursor(&t);
    choose_metrics(&t);
    ask_for_help(&t);
    find_and_command(&t);
    look_around(&t);
    travel_in_time(&t);
    leave(&t);
}

#[test]
fn every_key_does_its_work_at_200x60() {
    a_sitting((200, 60));
}

#[test]
fn every_key_does_its_work_at_120x40() {
    a_sitting((120, 40));
}

#[test]
fn every_key_does_its_work_at_80x24() {
    a_sitting((80, 24));
}

#[test]
fn the_whole_default_site_is_shown_and_answers() {
    if !tmux::is_there() {
        return;
    }
    let t = Tmux::start((200, 60), "", &["--seed", "7"]);
    t.wait(r"\A Kvandal .*LIVE.* 100 \d\d\d/100 224");
    for hall in ["H1", "H4", "H8"] {
        assert!(t.screen().contains(&format!("─ {hall} ")), "{hall} is a tile");
    }
    t.press_for("Enter", r"\A Kvandal › H1 .*LIVE");
    let hall = t.screen();
    assert!(hall.contains("1 px = 1 GPU"), "{hall}");
    t.press_for("w", "H1-R");
    t.press_for("Enter", r"\A Kvandal › H1 › R\d\d › K\d");
    t.press(&["C-c"]);
    t.ended(0);
}

/// No line is longer than the screen, the header is on top and the footer at the bottom.
fn assert_whole(screen: &str, (columns, rows): (usize, usize)) {
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(lines.len(), rows, "{screen}");
    assert!(lines.iter().all(|l| l.chars().count() <= columns), "{screen}");
    assert!(lines[0].contains("Testdal") && lines[0].contains("LIVE"), "{screen}");
    assert!(lines[rows - 1].contains("? help"), "{screen}");
}

#[test]
fn a_resize_storm_leaves_a_whole_screen() {
    if !tmux::is_there() {
        return;
    }
    let t = Tmux::small((120, 40), &[]);
    t.wait(r"\A Testdal .*LIVE");
    t.press_for("Enter", r"\A Testdal › H1 ");
    for round in 0..4u32 {
        let sizes: Vec<(String, String)> = (0..40)
            .map(|n| {
                ((1 + (n * 37 + round * 11) % 220).to_string(), (1 + (n * 13 + round * 7) % 70).to_string())
            })
            .collect();
        let mut commands = Vec::new();
        for (x, y) in &sizes {
            commands.extend(["resize-window", "-x", x, "-y", y, ";"]);
        }
        commands.extend(["resize-window", "-x", "100", "-y", "30"]);
        t.run(&commands);
        let screen = t.wait_until("a whole screen", |s| {
            s.lines().count() == 30 && s.starts_with(" Testdal›H1 ") && s.trim_end().ends_with("command")
        });
        assert_whole(&screen, (100, 30));
    }
    t.press_for("Enter", r"\A Testdal › H1 › R\d+ › K\d+ ");
    t.press(&["C-c"]);
    t.ended_after_resize(0);
}

#[test]
fn tiny_terminals_show_what_fits_and_recover() {
    if !tmux::is_there() {
        return;
    }
    let t = Tmux::small((20, 5), &[]);
    let screen = t.wait("LIVE|Testdal|\\d\\d:\\d\\d");
    assert!(!screen.to_lowercase().contains("too small"), "{screen}");
    for (x, y) in [("1", "1"), ("3", "2"), ("80", "1"), ("2", "40")] {
        t.run(&["resize-window", "-x", x, "-y", y]);
    }
    t.run(&["resize-window", "-x", "80", "-y", "24"]);
    let screen = t.wait(r"\A Testdal .*LIVE(.*\n){23}.*\? help");
    assert_whole(&screen, (80, 24));
    t.press(&["C-c"]);
    t.ended_after_resize(0);
}

#[test]
fn deadly_signals_leave_the_terminal_as_it_was() {
    if !tmux::is_there() {
        return;
    }
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let t = Tmux::small((80, 24), &[]);
        t.wait(r"\A Testdal .*LIVE");
        let pid = Pid::from_raw(t.pid()).expect("a process");
        kill_process(pid, signal).expect("it is ours");
        t.ended(128 + signal.as_raw());
    }
}

#[test]
fn without_colours_nothing_is_coloured() {
    if !tmux::is_there() {
        return;
    }
    let site = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/console/site.toml");
    let t = Tmux::start((120, 40), "NO_COLOR=1", &["--topology", site, "--speed", "10"]);
    t.wait(r"\A Testdal .*LIVE");
    t.press_for("Enter", r"\A Testdal › H1 ");
    let styled = t.run(&["capture-pane", "-pe"]);
    let colour = Regex::new(r"\x1b\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;[0-9;]*)?m").expect("valid");
    assert!(!colour.is_match(&styled), "{:?}", colour.find(&styled));
    assert!(styled.contains("\x1b["), "bold and reverse are still used");
    t.press(&["C-c"]);
    t.ended(0);
}

#[test]
fn a_broken_config_is_told_and_the_console_goes_on_with_the_old_one() {
    if !tmux::is_there() {
        return;
    }
    let t = Tmux::small((120, 40), &[]);
    t.wait(r"\A Testdal .*LIVE");
    let folder = t.path(".config/hallwatch");
    std::fs::create_dir_all(&folder).expect("writable");
    std::fs::write(folder.join("config.toml"), "\nthme = \"light\"\n").expect("writable");
    t.press_for("C-r", "config.toml:2.*`thme`");
    t.press_for("Enter", r"\A Testdal › H1 .*LIVE");
    std::fs::write(folder.join("config.toml"), "theme = \"light\"\n").expect("writable");
    t.press_for("C-r", "settings read again");
    t.press(&["C-c"]);
    t.ended(0);
}

#[test]
fn exporters_that_die_turn_stale_then_lost_before_the_operators_eyes() {
    if !tmux::is_there() {
        return;
    }
    let home = program::Home::new();
    let serve = program::Serve::start(&home, 8, &[]);
    let list = serve.list.display().to_string();
    let t = Tmux::start((120, 40), "", &["--scrape", &list, "--interval", "1s"]);
    let screen = t.wait(r"\A .*LIVE.* data \d s  (\d+)/(\d+)");
    assert!(!screen.lines().next().unwrap_or_default().contains('?'), "nothing is stale yet: {screen}");
    t.press(&["g"]);
    t.wait("go to");
    t.press_for("s", "of 8 targets up");

    std::fs::write(&serve.list, "[{\"targets\": [\"n1:9400\"], \"lables\": {}}]").expect("writable");
    t.wait("the last good list of 8 targets stays in use: .*json:1");
    t.wait("of 8 targets up");

    drop(serve);
    t.wait("8 DOWN");
    t.wait("connection refused");
    t.wait(r"\A.* 0/\d+  \?\d+");
    t.wait(r"\A.* 0/\d+  ×\d+");
    t.press(&["C-c"]);
    t.ended(0);
}

#[test]
fn standard_output_that_is_no_terminal_is_never_drawn_on() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hallwatch"))
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it starts");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a terminal"));
}
