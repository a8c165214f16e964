//! The views of the plant: what they say of things that are wrong, absent or frozen, at every size.

#[path = "support/site.rs"]
mod site;

use std::sync::Arc;

use hallwatch::fleet::Snapshot;
use hallwatch::model::{Asset, FacilityReading, SitePoint, Topology};
use hallwatch::ui::action::{Action, ViewKind};
use hallwatch::ui::app::{App, Options};
use hallwatch::ui::depth::ColorDepth;
use hallwatch::ui::glyph::Glyphs;
use hallwatch::ui::layer::{Layer, RackLayer};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SIZES: [(u16, u16); 4] = [(200, 60), (120, 40), (80, 24), (40, 12)];
const VIEWS: [ViewKind; 3] = [ViewKind::Power, ViewKind::Cooling, ViewKind::Grid];

/// The text of a view of `snapshot` opened at `name`.
fn text(snapshot: &Arc<Snapshot>, (view, name): (ViewKind, &str), (w, h): (u16, u16)) -> String {
    let options = Options { depth: ColorDepth::Mono, ..Options::default() };
    drawn(options, snapshot, (view, name), (w, h))
}

fn drawn(
    options: Options,
    snapshot: &Arc<Snapshot>,
    (view, name): (ViewKind, &str),
    (w, h): (u16, u16),
) -> String {
    let mut app = App::new(options, Arc::clone(snapshot));
    app.resize(w, h);
    let asset = app.frame().topology.find(name).expect(name);
    app.show(view, asset);
    let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
    app.render(buf.area, &mut buf);
    let line = |y| (0..w).map(|x| buf[(x, y)].symbol()).collect::<String>();
    (0..h).map(|y| line(y) + "\n").collect()
}

/// The snapshot with more said about the site.
fn with(readings: &[FacilityReading]) -> Arc<Snapshot> {
    let mut snapshot = site::snapshot().as_ref().clone();
    let mut frame = snapshot.frame.as_ref().clone();
    frame.facility.apply(readings);
    snapshot.frame = Arc::new(frame);
    Arc::new(snapshot)
}

#[test]
fn a_site_without_a_plant_says_that_no_source_reports_it() {
    let empty = Arc::new(Snapshot::empty(Arc::new(site::topology()), site::at(0)));
    for size in SIZES {
        for view in VIEWS {
            let text = text(&empty, (view, "H1-R01"), size);
            assert!(
                text.contains("no source reports") || text.contains("not reported"),
                "{view:?} {size:?}\n{text}"
            );
            assert!(!text.contains("silent"), "nothing is silent where nothing ever spoke: {view:?}\n{text}");
            assert!(
                !text.contains(" 0 kW") && !text.contains(" 0.0 MW"),
                "absent is not zero: {view:?}\n{text}"
            );
        }
    }
}

#[test]
fn sites_of_any_shape_can_be_drawn() {
    let rows = |n: usize, racks: usize| {
        let text = site::SMALL.replace("rows = 3", &format!("rows = {n}"));
        text.replace("racks_per_row = 3", &format!("racks_per_row = {racks}\ncdus_per_row = {}", n % 5))
    };
    let many = |n: usize| {
        let names: Vec<String> = (1..=n).map(|i| format!("\"Hall-{i}\"")).collect();
        rows(2, 2).replace("[\"H1\"]", &format!("[{}]", names.join(", ")))
    };
    let air = std::fs::read_to_string("sites/air-cooled.toml").expect("it is in the package");
    for text in [rows(1, 1), rows(64, 1), rows(3, 40), many(40), air] {
        let t = Topology::from_toml(&text, "test").expect("valid");
        let snapshot = Arc::new(Snapshot::empty(Arc::new(t), site::at(0)));
        for view in VIEWS {
            for size in SIZES.into_iter().chain([(20, 6), (3, 3), (1, 1)]) {
                let mut app = App::new(Options::default(), Arc::clone(&snapshot));
                app.resize(size.0, size.1);
                app.show(view, Asset::Site);
                let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
                app.render(buf.area, &mut buf);
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said_in_words_without_any_colour() {
    let snapshot = site::snapshot();
    for (view, name, size, words) in [
        (
            ViewKind::Cooling,
            "H1-R02-K2",
            (120, 40),
            &["▲2 return hot, flow low", "▲61.0", "supply above set-point"][..],
        ),
        (ViewKind::Cooling, "H2-R01-K1", (120, 40), &["■1 LEAK at T04, liquid isolated", "level ▼52 %"]),
        (
            ViewKind::Cooling,
            "H2-R02-K1",
            (120, 40),
            &["silent: no liquid values", "both pumps stand", "STANDS"],
        ),
        (ViewKind::Cooling, "H1-R01-K1", (80, 24), &["leak sensor broken"]),
        (ViewKind::Cooling, "H1-R03-K1", (80, 24), &["◆4 filter dirty"]),
        (ViewKind::Cooling, "H3-R01-K1", (80, 24), &["cooled by air", "air-cooled: no liquid"]),
        (ViewKind::Power, "H2-R03", (200, 60), &["■1 side A LOST", "busway B at 96 %", "side A dead"]),
        (ViewKind::Power, "H1-R03-K2", (120, 40), &["▲2 5 of 8 shelves", "R03-K2 short of shelves"]),
        (ViewKind::Power, "H2-R01-K3", (120, 40), &["power isolated"]),
        (ViewKind::Power, "H1", (80, 24), &["headroom", "target 2.70 MW", "MW too much"]),
        (
            ViewKind::Grid,
            "site",
            (80, 24),
            &["NO: ", "▲Compliant", "▲Oscillation", "llm-r7 (T1)", "Spot NO4"],
        ),
        (ViewKind::Grid, "site", (120, 40), &["charging 0.2 MW", "1 MW, 2 MWh", "80 % of the 0.5 MW"]),
    ] {
        let text = text(&snapshot, (view, name), size);
        for w in words {
            assert!(text.contains(w), "`{w}` is missing from {view:?} {name} at {size:?}\n{text}");
        }
    }
}

#[test]
fn a_rack_that_is_shut_off_is_not_called_short_of_flow() {
    let text = text(&site::snapshot(), (ViewKind::Cooling, "H2-R01-K3"), (120, 40));
    let line = text.lines().find(|l| l.contains("LEAK")).expect("the rack that leaks");
    assert!(!line.contains("flow low") && !line.contains("no flow") && !line.contains('▼'), "{line}");
}

#[test]
fn the_worst_rack_stands_first() {
    let text = text(&site::snapshot(), (ViewKind::Cooling, "H1-R02-K4"), (80, 24));
    let racks: Vec<&str> = text
        .lines()
        .skip_while(|l| !l.contains("RACK"))
        .skip(1)
        .filter_map(|l| l.get(2..4).filter(|n| n.starts_with('K')))
        .collect();
    assert_eq!(racks.first(), Some(&"K2"), "{text}");
    assert_eq!(racks.len(), 4);
}

#[test]
fn no_target_is_another_thing_than_no_interface() {
    let target = with(&[]);
    let shown = |s: &Arc<Snapshot>| text(s, (ViewKind::Grid, "site"), (120, 40));
    assert!(shown(&target).contains("Load target          2.7 MW"));
    let ended = with(&[FacilityReading::SiteEnds(SitePoint::LoadTarget)]);
    assert!(shown(&ended).contains("none now"), "{}", shown(&ended));
    let none = with(
        &[SitePoint::LoadTarget, SitePoint::PowerMaximum, SitePoint::Compliant]
            .map(FacilityReading::SiteEnds),
    );
    let line = shown(&none).lines().find(|l| l.contains("Load target")).map(str::to_owned);
    assert!(line.is_some_and(|l| l.contains("no source reports this")));
}

#[test]
fn a_silent_building_management_system_freezes_the_plant_and_that_is_said() {
    let silent = with(&[FacilityReading::Site(SitePoint::BmsHeartbeat, 45.0)]);
    for view in VIEWS {
        for size in &SIZES[..3] {
            let text = text(&silent, (view, "H1"), *size);
            assert!(text.contains("BMS silent for 45 s"), "{view:?} {size:?}\n{text}");
            assert!(!self::text(&site::snapshot(), (view, "H1"), *size).contains("BMS silent"));
        }
    }
}

#[test]
fn plain_characters_are_enough() {
    let snapshot = site::snapshot();
    for view in VIEWS {
        for size in SIZES {
            let options = Options { depth: ColorDepth::Mono, glyphs: Glyphs::ASCII, ..Options::default() };
            let text = drawn(options, &snapshot, (view, "H1-R02-K2"), size);
            let foreign: Vec<char> = text.chars().filter(|c| !c.is_ascii() && *c != '°').collect();
            assert!(foreign.is_empty(), "{view:?} {size:?}: {foreign:?}");
        }
    }
}

#[test]
fn a_held_frame_shows_the_plant_of_its_moment() {
    let mut b = site::Builder::new();
    let mut app = App::new(Options::default(), b.tick());
    app.resize(120, 40);
    app.show(ViewKind::Power, Asset::Site);
    app.act(Action::Pause);
    let shown = app.frame().time;
    (0..5).for_each(|_| app.update_snapshot(b.tick()));
    let mut buf = Buffer::empty(Rect::new(0, 0, 120, 40));
    app.render(buf.area, &mut buf);
    let top: String = (0..120).map(|x| buf[(x, 0)].symbol()).collect();
    assert!(top.contains("PAUSED") && app.frame().time == shown, "{top}");
}

/// The colours of the cells of a hall map in the layer called `layer`.
fn map_of(snapshot: &Arc<Snapshot>, layer: &str) -> (String, Buffer) {
    let mut app = App::new(Options::default(), Arc::clone(snapshot));
    app.resize(200, 60);
    app.set_layer(Layer::parse(layer).expect(layer));
    app.show(ViewKind::Hall, app.frame().topology.find("H2").expect("it exists"));
    let mut buf = Buffer::empty(Rect::new(0, 0, 200, 60));
    app.render(buf.area, &mut buf);
    let line = |y| (0..200).map(|x| buf[(x, y)].symbol()).collect::<String>();
    ((0..60).map(|y| line(y) + "\n").collect(), buf)
}

#[test]
fn maps_of_racks_have_legend_distribution_ranking_and_tooltip() {
    let (text, _) = map_of(&site::snapshot(), "rack_flow");
    for words in [
        "rack flow 0",
        "165 LPM",
        "one colour per rack",
        "not reported",
        "DISTRIBUTION rack flow",
        "n 15",
        "LOWEST rack flow",
        "R01 K3",
        "LEAK at T04, liquid isolated",
        "a colour per rack",
        "supply",
    ] {
        assert!(text.contains(words), "`{words}` is missing\n{text}");
    }
    let first = text.lines().skip_while(|l| !l.contains("LOWEST")).nth(1).unwrap_or_default();
    assert!(
        first.contains("■1 R01 K3") && first.contains("0 LPM"),
        "the rack that leaks comes first: {first}"
    );
}

#[test]
fn a_rack_that_does_not_report_is_drawn_as_absent_and_frozen_values_as_too_old() {
    let marks = |text: &str, mark: char| {
        let map: Vec<&str> = text.lines().skip(2).take(42).collect();
        map.iter().map(|l| l.chars().filter(|c| *c == mark).count()).sum::<usize>()
    };
    let (text, _) = map_of(&site::snapshot(), "rack_flow");
    assert!(marks(&text, '-') >= 30, "the mute rack is hatched\n{text}");
    assert_eq!(marks(&text, '?'), 0);
    let silent = with(&[FacilityReading::Site(SitePoint::BmsHeartbeat, 99.0)]);
    let (text, _) = map_of(&silent, "rack_flow");
    assert!(marks(&text, '?') > 300, "nothing is drawn as a value while the BMS is silent\n{text}");
}

#[test]
fn racks_are_flat_and_zoom_and_small_screens_keep_the_layer() {
    let (_, buf) = map_of(&site::snapshot(), "rack_return");
    let pixels = (3..10).filter(|y| buf[(2, *y)].symbol() == "▀");
    let colours: Vec<_> = pixels.map(|y| (buf[(2, y)].fg, buf[(2, y)].bg)).collect();
    assert!(colours.len() > 5, "{colours:?}");
    assert!(colours.iter().all(|c| *c == colours[0] && c.0 == c.1), "one rack has one colour: {colours:?}");
    for (w, h) in [(120, 40), (80, 24), (40, 12), (20, 5)] {
        let mut app = App::new(Options::default(), site::snapshot());
        app.resize(w, h);
        app.set_layer(Layer::Rack(RackLayer::Flow));
        for zoom in 0..4 {
            app.show(ViewKind::Hall, app.frame().topology.find("H1").expect("it exists"));
            app.act(Action::ZoomCycle);
            let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
            app.render(buf.area, &mut buf);
            let text: String = buf.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            assert!(w < 80 || text.contains("rack flow"), "{w}x{h} zoom {zoom}");
        }
    }
}

#[test]
fn layers_that_no_rack_reports_are_stepped_over() {
    let empty = Arc::new(Snapshot::empty(Arc::new(site::topology()), site::at(0)));
    let mut app = App::new(Options::default(), empty);
    for _ in 0..9 {
        assert!(matches!(app.choice().layer(), Layer::Gpu(_)));
        app.act(Action::NextMetric);
    }
    assert_eq!(app.choice().layer(), Layer::Gpu(hallwatch::model::Metric::Util));
}
