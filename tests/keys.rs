//! Keys typed into the app: what they do in every view, on every size.

#[path = "keys/alarms.rs"]
mod alarms;
#[path = "support/alarms.rs"]
mod board;
#[path = "keys/jobs.rs"]
mod jobs;
#[path = "keys/marks.rs"]
mod marks;
#[path = "keys/replay.rs"]
mod replay;
#[path = "keys/rows.rs"]
mod rows;
#[path = "support/site.rs"]
mod site;
#[path = "support/tape.rs"]
mod tape;

use std::collections::BTreeSet;
use std::sync::Arc;

use hallwatch::fleet::Snapshot;
use hallwatch::model::{Asset, Metric, Topology};
use hallwatch::ui::action::{Action, ViewKind};
use hallwatch::ui::app::{App, Options, Request};
use hallwatch::ui::context::Moment;
use hallwatch::ui::key::{InputEvent, Key};
use hallwatch::ui::keymap::Keymap;
use hallwatch::ui::layer::Layer;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn app(snapshot: &Arc<Snapshot>) -> App {
    let mut app = App::new(Options::default(), Arc::clone(snapshot));
    app.resize(120, 40);
    let _ = app.take_requests();
    app
}

/// Types keys separated by blanks; a word after `"` is typed letter by letter.
fn type_keys(app: &mut App, keys: &str) {
    for word in keys.split_whitespace() {
        match word.strip_prefix('"') {
            Some(text) => text.chars().for_each(|c| app.event(&InputEvent::Key(c.into()))),
            None => app.event(&InputEvent::Key(word.parse().expect(word))),
        }
    }
}

fn lines(app: &App, width: u16, height: u16) -> Vec<String> {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    app.render(buf.area, &mut buf);
    (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect()).collect()
}

/// Where the app is: view, selected GPU, metric, moment.
fn state(app: &App) -> String {
    let t = &app.frame().topology;
    let place = match app.view() {
        ViewKind::Site => app.selection().hall(t).map(Asset::Hall),
        ViewKind::Grid | ViewKind::Sources | ViewKind::Status | ViewKind::Jobs | ViewKind::Alarms => None,
        ViewKind::Power | ViewKind::Cooling => app.selection().rack(t).map(Asset::Rack),
        _ => app.selection().gpu(t).map(Asset::Gpu),
    };
    let mut out = app.view().name().to_owned();
    if let Some(place) = place {
        out.push_str(&format!(" {}", t.name(place)));
    }
    if app.choice().layer() != Layer::Gpu(Metric::Util) {
        out.push_str(&format!(" {}", app.choice().layer().name()));
    }
    match app.choice().moment {
        Moment::Live => {}
        m => out.push_str(&format!(" {} {}", m.word(), app.frame().time.clock())),
    }
    if app.overlay().is_some() {
        out.push_str(" +");
    }
    out
}

#[test]
fn every_row_of_keys_leads_where_it_should() {
    check(rows::ROWS);
}

fn check(table: &[(&str, &str)]) {
    check_on(&site::snapshot(), table);
}

fn check_on(snapshot: &Arc<Snapshot>, table: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (keys, expected) in table {
        let mut app = app(snapshot);
        type_keys(&mut app, keys);
        let found = state(&app);
        if found != *expected {
            wrong.push(format!("{keys:<40} expected {expected}, found {found} ({:?})", app.message()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn quitting_asks_at_the_top_and_c_c_does_not_ask() {
    let snapshot = site::snapshot();
    for keys in ["C-c", "q Enter", "q y", "F10 F10", "Enter C-c", "f C-c", ": C-c", ": \"q Enter"] {
        let mut app = app(&snapshot);
        type_keys(&mut app, keys);
        assert!(app.take_requests().contains(&Request::Quit), "{keys}");
    }
    let mut app = app(&snapshot);
    type_keys(&mut app, "Enter q q");
    assert!(!app.take_requests().contains(&Request::Quit), "the first closes the view, the second asks");
}

#[test]
fn copying_hands_the_full_name_and_the_values_to_the_session() {
    let snapshot = site::snapshot();
    let mut app = app(&snapshot);
    type_keys(&mut app, "Enter y");
    assert!(app.take_requests().contains(&Request::Copy("TD-H1-R01-K1-T18-G1".into())));
    type_keys(&mut app, "Y");
    let copied = app.take_requests().into_iter().find_map(|r| match r {
        Request::Copy(text) => Some(text),
        _ => None,
    });
    let copied = copied.expect("a copy");
    assert!(copied.contains("\tpower 1 ") && copied.contains("\ttemp "), "{copied}");
    type_keys(&mut app, "g w Y");
    let copied = self::copied(&mut app);
    assert!(copied.starts_with("TD-H1-R01-K1\t") && copied.contains("\track_liquid_flow "), "{copied}");
}

/// What was put into the clipboard last.
fn copied(app: &mut App) -> String {
    let mut copies = app.take_requests().into_iter().filter_map(|r| match r {
        Request::Copy(text) => Some(text),
        _ => None,
    });
    copies.next_back().expect("a copy")
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

#[test]
fn every_action_is_documented_in_the_help_of_its_views() {
    let snapshot = site::snapshot();
    for view in ViewKind::ALL {
        let mut app = app(&snapshot);
        app.resize(200, 200);
        app.show(view, Asset::Site);
        type_keys(&mut app, "?");
        let text = lines(&app, 200, 200).join("\n");
        for action in Action::ALL.iter().filter(|a| a.spec().views.contains(view)) {
            let start: String = action.spec().doc.chars().take(25).collect();
            assert!(text.contains(&start), "{} in {}", action.spec().id, view.name());
        }
    }
}

#[test]
fn no_default_key_belongs_to_someone_else() {
    let forbidden = ["C-a", "C-b", "C-s", "C-q", "C-\\", "C-h", "C-i", "C-m", "C-["];
    let forbidden: Vec<Key> = forbidden.iter().map(|k| k.parse().expect("a key")).collect();
    for binding in Keymap::defaults().bindings() {
        assert!(binding.keys.iter().all(|k| !forbidden.contains(k)), "{:?}", binding.action);
    }
}

#[test]
fn every_default_key_that_is_hard_on_nordic_keyboards_has_a_plain_one_beside_it() {
    let hard = |k: &str| k.chars().any(|c| "[]{}@\\$/".contains(c));
    let map = Keymap::defaults();
    for action in Action::ALL {
        let keys: Vec<String> = map.all_keys_of(*action).into_iter().map(|(k, _)| k).collect();
        let plain = keys.iter().any(|k| !hard(k));
        assert!(plain, "{}: {keys:?}", action.spec().id);
    }
}

#[test]
fn pending_keys_show_what_may_follow_and_the_header_stays() {
    let snapshot = site::snapshot();
    let mut app = app(&snapshot);
    type_keys(&mut app, "g");
    let text = lines(&app, 120, 40);
    assert!(text[0].contains("LIVE"), "{}", text[0]);
    assert!(text.iter().any(|l| l.contains("go to the first")), "which-key popup");
    for keys in ["?", "f", ":", "q"] {
        let mut app = self::app(&snapshot);
        type_keys(&mut app, keys);
        for (w, h) in [(200, 60), (80, 24), (40, 12), (20, 3)] {
            app.resize(w, h);
            assert!(lines(&app, w, h)[0].contains("LIVE"), "{keys} at {w}x{h}");
        }
    }
}

#[test]
fn the_past_is_marked_and_live_data_goes_on_arriving() {
    let mut b = site::Builder::new();
    let mut app = app(&b.tick());
    for _ in 0..20 {
        app.update_snapshot(b.tick());
    }
    type_keys(&mut app, "A-,");
    let shown = app.frame().time;
    app.update_snapshot(b.tick());
    assert_eq!(app.frame().time, shown);
    assert!(lines(&app, 120, 40)[0].contains("PAST 03:00:10 (-11s)"), "{}", lines(&app, 120, 40)[0]);
    type_keys(&mut app, "BSpace");
    assert_eq!(app.frame().time, site::at(21));
}

/// The text of the line at the bottom after `keys`.
fn footer(snapshot: &Arc<Snapshot>, keys: &str) -> String {
    let mut app = app(snapshot);
    type_keys(&mut app, keys);
    lines(&app, 120, 40)[39].trim().to_owned()
}

#[test]
fn commands_are_completed_and_wrong_ones_name_the_nearest() {
    let snapshot = site::snapshot();
    for (keys, expected) in [
        (": \"minute-b Tab", ":minute-back"),
        (": \"minute Tab", ":minute-"),
        (": \"metric Space \"mem_t Tab", ":metric mem_temp"),
        (": \"metric Space \"rack_f Tab", ":metric rack_flow"),
        (": \"theme Space \"li Tab", ":theme light"),
        (": \"view Space \"so Tab", ":view sources"),
        (": \"job Space \"ll Tab", ":job llm-r7"),
        (
            ": \"job Space \"llmr7 Enter",
            ":job llmr7   no job or tenant `llmr7` holds GPUs: did you mean `llm-r7`?",
        ),
        (": \"go Space \"h2-r0 Tab", ":go H2-R0"),
        (": \"go Space \"h2-r03-k4-t18 Tab", ":go H2-R03-K4-T18"),
        (": \"xyz Tab", ":xyz"),
        (": \"pasue Enter", ":pasue   unknown command `pasue`: did you mean `pause`?"),
        (": \"metric Space \"powr Enter", ":metric powr   unknown metric `powr`: did you mean `power`?"),
        (": \"metric Enter", ":metric   `metric` needs an argument: :metric NAME"),
        (": \"pause Space \"x Enter", ":pause x   `pause` takes no argument"),
        (": \"view Space \"halls Enter", ":view halls   unknown view `halls`: did you mean `hall`?"),
        (": Enter", ":   type a command, Tab completes"),
    ] {
        assert_eq!(footer(&snapshot, keys), expected, "{keys}");
    }
    let wrong = footer(&snapshot, ": \"go Space \"h1-r09 Enter");
    assert!(wrong.contains("no `r09` in H1"), "{wrong}");
}

#[test]
fn the_footer_tells_the_keys_of_the_live_map() {
    let snapshot = site::snapshot();
    assert!(footer(&snapshot, "").starts_with("? help  Enter open  m metric"));
    let own = std::collections::BTreeMap::from([("help".to_owned(), vec!["F9".to_owned()])]);
    let options = Options { keymap: Keymap::new(&own).expect("valid"), ..Options::default() };
    let mut app = App::new(options, Arc::clone(&snapshot));
    app.resize(120, 40);
    assert!(lines(&app, 120, 40)[39].starts_with(" F9 help"));
    type_keys(&mut app, "F9");
    assert!(app.overlay().is_some());
}

#[test]
fn a_theme_that_does_not_exist_is_named_and_the_default_is_used() {
    let snapshot = site::snapshot();
    let options = Options { theme: "lihgt".into(), ..Options::default() };
    let app = App::new(options, snapshot);
    assert!(app.message().is_some_and(|m| m.contains("`light`")), "{:?}", app.message());
}

#[test]
fn an_engine_that_falls_silent_is_not_shown_as_live() {
    let mut b = site::Builder::new();
    let mut app = app(&b.tick());
    let _ = app.take_redraw();
    app.heartbeat();
    assert!(!app.take_redraw(), "one second is no silence");
    (0..6).for_each(|_| app.heartbeat());
    assert!(app.take_redraw());
    let top = lines(&app, 80, 24).swap_remove(0);
    assert!(top.contains("NO NEW DATA FOR 7 s") && !top.contains("LIVE"), "{top}");
    app.update_snapshot(b.tick());
    assert!(lines(&app, 80, 24)[0].contains("LIVE"));
}

#[test]
fn messages_expire_by_the_tick() {
    let mut b = site::Builder::new();
    let mut app = app(&b.tick());
    app.notify("copied");
    for _ in 0..4 {
        app.update_snapshot(b.tick());
    }
    assert_eq!(app.message(), Some("copied"));
    app.update_snapshot(b.tick());
    assert_eq!(app.message(), None);
}

#[test]
fn an_empty_site_can_be_walked_through() {
    let topology = hallwatch::model::topology::Plan::open("new").build().expect("an empty site");
    let snapshot = Arc::new(Snapshot::empty(Arc::new(topology), site::at(0)));
    let mut app = app(&snapshot);
    for action in Action::ALL {
        app.act(*action);
        type_keys(&mut app, "Esc");
        let _ = lines(&app, 80, 24);
    }
}

#[test]
fn the_selection_survives_a_topology_that_grows() {
    let small = Arc::new(Topology::from_toml(site::SMALL, "small").expect("valid"));
    let large = Arc::new(site::topology());
    let mut app = app(&Arc::new(Snapshot::empty(small, site::at(0))));
    type_keys(&mut app, ": \"go Space \"h1-r2-k3-t7-g2 Enter");
    app.update_snapshot(Arc::new(Snapshot::empty(large, site::at(1))));
    assert_eq!(state(&app), "gpu H1-R02-K3-T07-G2");
}

fn all_keys() -> Vec<Key> {
    let bound = Keymap::defaults().bindings().iter().flat_map(|b| b.keys.clone()).collect::<BTreeSet<_>>();
    let more = ["a", "x", "3", "BSpace", "Delete", "C-w", "å", "-", "h", "s"];
    bound.into_iter().chain(more.iter().map(|k| k.parse().expect("a key"))).collect()
}

#[test]
fn no_keys_and_no_size_can_break_the_app() {
    let snapshot = board::on(&site::snapshot());
    let keys = all_keys();
    let one = prop_oneof![
        8 => (0..keys.len()).prop_map(Ok),
        2 => (0u16..210, 0u16..70).prop_map(Err),
    ];
    let mut runner = TestRunner::new(Config { cases: 40, ..Config::default() });
    let checked = runner.run(&prop::collection::vec(one, 1..60), |events| {
        let mut app = app(&snapshot);
        let (mut w, mut h) = (80, 24);
        for event in events {
            match event {
                Ok(key) => app.event(&InputEvent::Key(keys[key])),
                Err(size) => {
                    (w, h) = size;
                    app.event(&InputEvent::Resize(w, h));
                }
            }
            let _ = lines(&app, w, h);
        }
        Ok(())
    });
    assert_eq!(checked, Ok(()));
}

#[test]
fn every_view_and_window_can_be_drawn_at_any_size() {
    let snapshot = board::on(&site::snapshot());
    for keys in [
        "",
        "Enter",
        "Enter Enter",
        "Enter Enter Enter",
        "g p",
        "g p Enter Enter",
        "g w",
        ": \"go Space \"h2-r02-k3 Enter g w",
        "G g w",
        "g e",
        "g s",
        "g c",
        "g j",
        "g j Enter",
        "g j Tab",
        "g j Tab G Enter",
        "A",
        "A z",
        "A S-Tab",
        "A S-Tab S-Tab",
        "A Space s",
        "A / \"prio<=2 Enter V",
        "?",
        "f",
        ": Tab",
        "@",
        "q",
        "g",
        "G Enter Enter",
    ] {
        let mut app = app(&snapshot);
        type_keys(&mut app, keys);
        for (w, h) in [
            (1, 1),
            (2, 2),
            (1, 40),
            (40, 1),
            (3, 3),
            (5, 5),
            (10, 5),
            (20, 6),
            (40, 12),
            (60, 20),
            (300, 100),
        ] {
            app.resize(w, h);
            let _ = lines(&app, w, h);
            // A buffer that does not have the size last told must not matter either.
            let _ = lines(&app, w / 2 + 1, h / 2 + 1);
        }
    }
}
