//! Keys in the view of jobs and tenants.

use hallwatch::ui::app::{App, Request};
use hallwatch::ui::key::{InputEvent, Mouse, MouseKind};

use crate::{app, check, lines, site, state, type_keys};

/// The rows: keys typed at a fresh app, and where they lead.
const ROWS: &[(&str, &str)] = &[
    ("g j", "jobs"),
    ("F7", "jobs"),
    ("Enter g j Esc", "hall H1-R01-K1-T18-G1"),
    ("Enter g j q", "hall H1-R01-K1-T18-G1"),
    ("g j Enter Esc", "jobs"),
    ("g j Enter q", "jobs"),
    ("g j Enter Esc Esc", "site H1"),
    ("g j Enter Enter", "gpu H1-R01-K2-T13-G1"),
    ("g j Enter j Enter", "gpu H1-R01-K2-T13-G2"),
    ("g j Enter G Enter", "gpu H1-R01-K2-T13-G4"),
    ("g j Enter Right Enter", "gpu H1-R04-K1-T10-G1"),
    ("g j Enter Enter '", "jobs"),
    ("g j Enter Enter ' Enter", "gpu H1-R01-K2-T13-G1"),
    ("g j m", "site H2 job"),
    ("g j Tab m", "site H1 tenant"),
    ("g j m '", "jobs job"),
    ("g j o o o o o g g Enter Enter", "gpu H1-R02-K2-T01-G1"),
    ("g j o o o o o O g g Enter Enter", "gpu H1-R01-K2-T13-G1"),
    ("g j M", "jobs"),
    ("g j 3", "jobs temp"),
    ("f \"llm-r7 Enter", "jobs"),
    ("f \"llm-r7 Enter m", "site H1 job"),
    (": \"job Space \"serve-eu Enter Enter Enter", "gpu H1-R02-K2-T01-G1"),
    (": \"job Space \"t2 Enter m", "site H2 tenant"),
    (": \"job Space \"serve-us Enter", "site H1 +"),
    ("g j H", "jobs PAST 03:01:29"),
];

#[test]
fn every_row_of_keys_for_jobs_leads_where_it_should() {
    check(ROWS);
}

/// What was put into the clipboard last.
fn copied(app: &mut App) -> String {
    let copy = |r| match r {
        Request::Copy(text) => Some(text),
        _ => None,
    };
    app.take_requests().into_iter().rev().find_map(copy).expect("a copy")
}

#[test]
fn a_job_is_copied_by_name_and_with_its_figures() {
    let snapshot = site::snapshot();
    let mut app = app(&snapshot);
    type_keys(&mut app, "g j y");
    assert_eq!(copied(&mut app), "emb-3");
    type_keys(&mut app, "Y");
    let values = copied(&mut app);
    assert!(values.starts_with("emb-3\t2026-") && values.contains("\ttenant T2\tstate stalled"), "{values}");
    type_keys(&mut app, "Tab y");
    assert_eq!(copied(&mut app), "T1");
    type_keys(&mut app, "Tab Enter y");
    assert!(copied(&mut app).starts_with("TD-H"), "in detail it is the GPU under the cursor");
}

#[test]
fn the_past_shows_the_energy_of_then_and_the_cursor_stays_on_its_job() {
    let snapshot = site::snapshot();
    let mut app = app(&snapshot);
    let energy = |app: &mut App| {
        type_keys(app, "Y");
        let text = copied(app);
        let value = text.split("energy ").nth(1).and_then(|rest| rest.split(' ').next());
        (text.split('\t').next().map(str::to_owned), value.and_then(|v| v.parse::<f64>().ok()).expect("MWh"))
    };
    type_keys(&mut app, "g j j");
    let (now_name, now) = energy(&mut app);
    type_keys(&mut app, "H");
    let (then_name, then) = energy(&mut app);
    assert_eq!(now_name, then_name);
    assert!(then > 0.0 && then < 0.7 * now, "{then} {now}");
    type_keys(&mut app, "BSpace");
    assert_eq!(energy(&mut app).1, now);
}

#[test]
fn sorting_by_any_column_keeps_the_cursor_on_its_job() {
    let snapshot = site::snapshot();
    let mut app = app(&snapshot);
    type_keys(&mut app, "g j j");
    for key in ["o", "O", "o", "O", "o", "o", "O", "o", "o", "O"] {
        type_keys(&mut app, key);
        type_keys(&mut app, "y");
        assert_eq!(copied(&mut app), "llm-r7", "after {key}");
    }
}

/// Clicks at the first place where `text` stands on the screen, from column `from` on.
fn click(app: &mut App, text: &str, from: usize) {
    let screen = lines(app, 120, 40);
    let find = |line: &String| {
        let rest: String = line.chars().skip(from).collect();
        Some(from + rest.split_once(text)?.0.chars().count())
    };
    let found = screen.iter().enumerate().skip(2).find_map(|(row, line)| Some((find(line)?, row)));
    let (column, row) = found.unwrap_or_else(|| panic!("no {text} in {}", screen.join("\n")));
    let (column, row) = (column as u16, row as u16);
    let kind = MouseKind::Down(0);
    app.event(&InputEvent::Mouse(Mouse { kind, column, row, ctrl: false, alt: false, shift: false }));
}

#[test]
fn clicks_choose_a_job_open_it_and_lead_to_a_gpu() {
    let snapshot = site::snapshot();
    let mut app = app(&snapshot);
    type_keys(&mut app, "g j");
    click(&mut app, "llm-r7", 0);
    type_keys(&mut app, "y");
    assert_eq!(copied(&mut app), "llm-r7");
    assert!(lines(&app, 120, 40).iter().any(|l| l.contains("serve-eu")), "the list is still there");
    click(&mut app, "llm-r7", 0);
    assert!(!lines(&app, 120, 40).iter().any(|l| l.contains("serve-eu")), "the job stands alone");
    click(&mut app, "H1-R04-K1-T10-G1", 60);
    assert_eq!(state(&app), "gpu H1-R04-K1-T10-G1");
}
