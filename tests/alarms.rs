//! Alarms over time: timelines as TOML files with the exact transitions expected, random sequences
//! of events, and the normal simulated site.

#[path = "alarms/external.rs"]
mod external;
#[path = "alarms/figures.rs"]
mod figures;
#[path = "support/hall.rs"]
mod hall;
#[path = "alarms/properties.rs"]
mod properties;
#[path = "alarms/site.rs"]
mod site;
#[path = "alarms/timeline.rs"]
mod timeline;

use std::path::Path;

use timeline::Timeline;

/// All timelines of the folder.
fn timelines() -> Vec<(String, Timeline)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alarms/timelines");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|e| e.expect("it can be listed").path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("readable");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let timeline = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, timeline)
    };
    files.iter().map(read).collect()
}

#[test]
fn every_timeline_gives_exactly_the_transitions_it_names() {
    let all = timelines();
    assert!(all.len() >= 20, "{} timelines", all.len());
    let mut wrong = Vec::new();
    for (name, timeline) in all {
        let got = timeline.play();
        let want: Vec<String> = timeline.expected();
        if got != want {
            wrong.push(format!("{name}: expected\n{}\n got\n{}", want.join("\n"), got.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The engine depends on what it is given alone.
#[test]
fn a_timeline_played_twice_gives_the_same() {
    for (name, timeline) in timelines().into_iter().step_by(6) {
        assert_eq!(timeline.play(), timeline.play(), "{name}");
    }
}
