//! Pictures of the views at three sizes in two themes: the text, and a digest of the styles.

#[path = "support/alarms.rs"]
mod board;
#[path = "support/bus.rs"]
mod bus;
#[path = "support/site.rs"]
mod site;
#[path = "support/tape.rs"]
mod tape;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use hallwatch::model::{Asset, RackId};
use hallwatch::ui::action::{Action, ViewKind};
use hallwatch::ui::app::{App, Options};
use hallwatch::ui::depth::ColorDepth;
use hallwatch::ui::glyph::Glyphs;
use hallwatch::ui::key::InputEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

/// The views: name, and the keys that lead there.
const VIEWS: &[(&str, &str)] = &[
    ("site", ""),
    ("site-temp", "l 3"),
    ("hall", "Enter"),
    ("hall-health", ": \"go Space \"h1-r02-k2-t13-g2 Enter Esc Esc 6"),
    ("hall-jobs", "Enter 8 z"),
    ("hall-air", ": \"go Space \"h3-r01-k2-t01-g5 Enter Esc Esc 2"),
    ("hall-flow", ": \"go Space \"h1-r02-k2-t13-g2 Enter Esc Esc : \"metric Space \"rack_flow Enter"),
    ("hall-return-rack", "l Enter : \"metric Space \"rack_return Enter z"),
    ("site-rack", ": \"metric Space \"rack_supply Enter"),
    ("rack", ": \"go Space \"h1-r02-k2-t13-g2 Enter Esc 3"),
    ("rack-air", ": \"go Space \"h3-r01-k2 Enter"),
    ("rack-jobs", ": \"go Space \"h1-r02-k2-t13-g2 Enter Esc 8"),
    ("rack-stale", ": \"go Space \"h1-r01-k2-t14 Enter"),
    ("gpu", ": \"go Space \"h1-r01-k1-t01-g1 Enter"),
    ("gpu-lost", ": \"go Space \"h1-r02-k2-t11-g2 Enter"),
    ("power", "g p"),
    ("power-row", ": \"go Space \"h2-r03 Enter g p Enter"),
    ("power-rack", ": \"go Space \"h1-r03-k2 Enter g p Enter Enter -"),
    ("power-air", ": \"go Space \"h3 Enter g p Enter"),
    ("cooling", "g w"),
    ("cooling-hot", ": \"go Space \"h1-r02-k2 Enter g w"),
    ("cooling-leak", ": \"go Space \"h2-r01-k1 Enter g w"),
    ("cooling-stopped", ": \"go Space \"h2-r02-k1 Enter g w +"),
    ("cooling-air", ": \"go Space \"h3 Enter g w"),
    ("grid", "g e"),
    ("sources", "g s"),
    ("status", "g c"),
    ("jobs", "g j"),
    ("jobs-tenants", "g j Tab o o"),
    ("jobs-past", "g j G H"),
    ("job", "g j Enter j"),
    ("job-idle", "g j G Enter"),
    ("help", "Enter ?"),
    ("palette", "f \"h2r3"),
    ("past", "Enter Enter H g"),
];

/// The views with alarms: name, and the keys that lead there.
const ALARM_VIEWS: &[(&str, &str)] = &[
    ("alarms", "A j"),
    ("alarms-marked", "A Space Space / \"prio<=2 Enter V"),
    ("alarms-shelved", "A Tab Tab"),
    ("alarms-history", "A S-Tab S-Tab j"),
    ("alarms-kpi", "A S-Tab"),
    ("alarms-detail", "A z"),
    ("alarms-ack", "A * a \"seen"),
    ("alarms-shelve", "A s Tab"),
    ("alarms-site", "l"),
    ("alarms-hall", "n"),
    ("alarms-rack", "Enter Enter n"),
    ("alarms-gpu", "Enter n n n Enter Enter"),
    ("alarms-timeline", "Enter t"),
    ("alarms-timeline-past", "Enter t H + ("),
];

/// The views with a facility bus: name, and the keys that lead there.
const BUS_VIEWS: &[(&str, &str)] = &[
    ("bus-points", ": \"go Space \"h1-r02-k2 Enter g b j"),
    ("bus-points-doubt", ": \"go Space \"h1-r02-k2 Enter g b G k k k k"),
    ("bus-points-none", ": \"go Space \"h3-r01-k2 Enter g b"),
    ("bus-rack", ": \"go Space \"h1-r02-k2 Enter"),
    ("bus-cooling", ": \"go Space \"h1-r02-k2 Enter g w"),
    ("bus-power", ": \"go Space \"h1-r02 Enter g p Enter"),
    ("bus-hall", "Enter"),
    ("bus-grid", "g e G"),
    ("bus-sources", "g s"),
];

/// A recording at 02:50:10, eight times as fast, and what there is of it: name, and keys.
const REPLAY_VIEWS: &[(&str, &str)] = &[
    ("replay-hall", "Enter t"),
    ("replay-site-loop", "t ( L L ) [ , B \"seen Enter"),
    ("replay-difference", "Enter 3 t d"),
    ("replay-alarms", "A"),
    ("replay-incidents", "t g i"),
    ("replay-incident", "Enter i \"leak"),
];

const SIZES: [(u16, u16); 3] = [(200, 60), (120, 40), (80, 24)];

fn picture(app: &App, (width, height): (u16, u16)) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    app.render(buf.area, &mut buf);
    buf
}

/// The text line by line, then how many cells have each style: a change of either is seen.
fn written(buf: &Buffer) -> String {
    let mut out = String::new();
    let mut styles: BTreeMap<String, usize> = BTreeMap::new();
    for y in 0..buf.area.height {
        let line: String = (0..buf.area.width).map(|x| buf[(x, y)].symbol()).collect();
        let _ = writeln!(out, "{}", line.trim_end());
        for x in 0..buf.area.width {
            let cell = &buf[(x, y)];
            *styles.entry(format!("{:?} on {:?} {:?}", cell.fg, cell.bg, cell.modifier)).or_default() += 1;
        }
    }
    for (style, count) in styles {
        let _ = writeln!(out, "{count:>6} {style}");
    }
    out
}

fn app(theme: &str, snapshot: &Arc<hallwatch::fleet::Snapshot>, size: (u16, u16), keys: &str) -> App {
    let options = Options { theme: theme.into(), ..Options::default() };
    typed(App::new(options, Arc::clone(snapshot)), size, keys)
}

/// Types keys separated by blanks; a word after `"` is typed letter by letter.
fn typed(mut app: App, size: (u16, u16), keys: &str) -> App {
    app.resize(size.0, size.1);
    for word in keys.split_whitespace() {
        match word.strip_prefix('"') {
            Some(text) => text.chars().for_each(|c| app.event(&InputEvent::Key(c.into()))),
            None => app.event(&InputEvent::Key(word.parse().expect(word))),
        }
    }
    app
}

#[test]
fn an_alarm_mark_never_reads_as_a_digit_of_its_value() {
    let snapshot = site::snapshot();
    let options = Options { depth: ColorDepth::Mono, glyphs: Glyphs::ASCII, ..Options::default() };
    let mut app = App::new(options, snapshot);
    app.resize(80, 24);
    app.show(ViewKind::Rack, Asset::Rack(RackId(5)));
    app.act(Action::MetricPower);
    app.resize(80, 24);
    let text = written(&picture(&app, (80, 24)));
    assert!(text.contains("!1"), "{text}");
    assert!(!text.contains("31 "), "{text}");
}

#[test]
fn without_colour_no_cell_has_one() {
    let snapshot = site::snapshot();
    for (_, keys) in VIEWS {
        let options = Options { depth: ColorDepth::Mono, ..Options::default() };
        let mut app = typed(App::new(options, Arc::clone(&snapshot)), (120, 40), keys);
        app.act(Action::Worst);
        let buf = picture(&app, (120, 40));
        let plain = |c: Color| c == Color::Reset;
        assert!(buf.content.iter().all(|c| plain(c.fg) && plain(c.bg)), "{keys}");
    }
}

#[test]
fn every_view_at_three_sizes_in_two_themes() {
    let snapshot = site::snapshot();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, keys) in VIEWS {
            for theme in ["default", "light"] {
                for size in SIZES {
                    let buf = picture(&app(theme, &snapshot, size, keys), size);
                    insta::assert_snapshot!(format!("{name}-{theme}-{}x{}", size.0, size.1), written(&buf));
                }
            }
        }
    });
}

#[test]
fn the_alarms_at_three_sizes_in_two_themes() {
    let snapshot = board::on(&site::snapshot());
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, keys) in ALARM_VIEWS {
            for theme in ["default", "light"] {
                for size in SIZES {
                    let buf = picture(&app(theme, &snapshot, size, keys), size);
                    insta::assert_snapshot!(format!("{name}-{theme}-{}x{}", size.0, size.1), written(&buf));
                }
            }
        }
    });
}

#[test]
fn the_points_of_a_bus_at_three_sizes_in_two_themes() {
    let snapshot = bus::on(&site::snapshot());
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, keys) in BUS_VIEWS {
            for theme in ["default", "light"] {
                for size in SIZES {
                    let buf = picture(&app(theme, &snapshot, size, keys), size);
                    insta::assert_snapshot!(format!("{name}-{theme}-{}x{}", size.0, size.1), written(&buf));
                }
            }
        }
    });
}

#[test]
fn what_is_wrong_with_a_point_is_said_in_words_at_every_size_and_without_colour() {
    let snapshot = bus::on(&site::snapshot());
    for (name, keys) in BUS_VIEWS {
        for size in SIZES {
            let options = Options { depth: ColorDepth::Mono, glyphs: Glyphs::ASCII, ..Options::default() };
            let app = typed(App::new(options, Arc::clone(&snapshot)), size, keys);
            let text = written(&picture(&app, size));
            let words = match *name {
                "bus-rack" => "2 not good",
                "bus-points" => "uncertain",
                "bus-cooling" => "no flow although",
                "bus-power" => "marked bad by",
                "bus-points-doubt" => "bad",
                "bus-sources" => "2 points name places that the site does not have; first: Z-TAP-A",
                "bus-hall" | "bus-grid" => "bus: 1 more",
                _ => continue,
            };
            assert!(text.contains(words), "{name} {size:?}: {text}");
        }
    }
}

#[test]
fn the_list_of_points_follows_the_rack_and_tells_all_of_the_selected_one() {
    let (snapshot, size) = (bus::on(&site::snapshot()), (120, 40));
    let after = |keys: &str| {
        let keys = format!(": \"go Space \"h1-r02-k2 Enter g b {keys}");
        written(&picture(&app("default", &snapshot, size, &keys), size))
    };
    for (keys, words) in [
        ("", "K2 › points"),
        ("", "point 1 of 14, 4 not good"),
        ("l", "K3 › points"),
        ("l", "point 1 of 5, 2 not good"),
        ("l h", "K2 › points"),
        ("G", "site/hall/MAST/wind/value"),
        ("G g g", "site/hall/A-R02-TAP-A/current/current/value"),
        ("Enter", "H1-R02-K2 NVL72"),
        ("G Enter", "only points of a rack lead to a view"),
        ("Esc", "H1-R02-K2 NVL72"),
    ] {
        let text = after(keys);
        assert!(text.contains(words), "{keys}: {text}");
    }
}

/// A recording after these keys.
fn recording(theme: &str, size: (u16, u16), keys: &str, glyphs: Glyphs) -> App {
    let mut reel = tape::Reel::new();
    let replay = Some("leak-h1.kvr".into());
    let options = Options { theme: theme.into(), replay, glyphs, ..Options::default() };
    let mut app = App::new(options, Arc::new(reel.state(-590)));
    app.has_tape();
    app.start_at(Some(site::at(-590)), Some(8.0));
    for word in keys.split(' ') {
        tape::serve(&mut app, &mut reel);
        app = typed(app, size, word);
    }
    tape::serve(&mut app, &mut reel);
    app
}

#[test]
fn a_recording_at_three_sizes_in_two_themes() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, keys) in REPLAY_VIEWS {
            for theme in ["default", "light"] {
                for size in SIZES {
                    let buf = picture(&recording(theme, size, keys, Glyphs::UNICODE), size);
                    insta::assert_snapshot!(format!("{name}-{theme}-{}x{}", size.0, size.1), written(&buf));
                }
            }
        }
        let buf = picture(&recording("mono", (80, 24), "Enter 3 t d", Glyphs::ASCII), (80, 24));
        let text = written(&buf);
        assert!(text.contains("REPLAY 2026-11-22"), "{text}");
        insta::assert_snapshot!("replay-ascii-80x24", text);
    });
}

#[test]
fn a_site_without_gpus_shows_its_nodes() {
    use hallwatch::engine::Core;
    use hallwatch::model::batch::{Batch, HostFacts, HostReading, NodeReading};
    use hallwatch::model::topology::{Plan, place::Placer};
    use hallwatch::model::{Entry, Timestamp};

    let site = Plan::open("live").build().expect("an empty site");
    let mut core = Core::new(Arc::new(site), Placer::default(), 1 << 20);
    let time = Timestamp::from_secs(1000);
    let facts = Arc::new(HostFacts { host: "node-1".into(), labels: Vec::new() });
    let node = NodeReading { cpu: 12.0, memory: 40.0, ..NodeReading::default() };
    let hosts = vec![HostReading { facts, gpus: Vec::new(), node }];
    core.apply(&Entry::Batch(Batch { hosts, ..Batch::new(0, time) }));
    core.apply(&Entry::Tick(time));
    let snapshot = Arc::new(core.snapshot(hallwatch::fleet::snapshot::EngineStatus::default()));
    for keys in ["", "Enter"] {
        for size in SIZES {
            let text = written(&picture(&app("default", &snapshot, size, keys), size));
            assert!(
                text.contains("node-1") && text.contains("12 %") && text.contains("40 %"),
                "{keys}: {text}"
            );
        }
    }
}
