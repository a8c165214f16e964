//! Time beyond the ring: what is asked of the tape, what is shown of its answers, and what can not be
//! done to the past.

use std::sync::Arc;

use hallwatch::fleet::Snapshot;
use hallwatch::fleet::ask::{Ask, Told};
use hallwatch::model::{Asset, Timestamp, Topology};
use hallwatch::ui::app::{App, Options, Request};
use hallwatch::ui::context::Moment;
use hallwatch::ui::glyph::Glyphs;
use hallwatch::ui::key::{InputEvent, Mouse, MouseKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::tape::{GAP, REACH, Reel, asks, serve};
use crate::{all_keys, app, board, lines, site, state, type_keys};

/// A live console with a tape behind it.
pub fn live() -> (App, Reel) {
    let (mut app, mut reel) = (app(&board::on(&site::snapshot())), Reel::new());
    app.has_tape();
    serve(&mut app, &mut reel);
    (app, reel)
}

/// A recording, at a second.
pub fn replay(second: i64) -> (App, Reel) {
    let mut reel = Reel::new();
    let options = Options { replay: Some("leak-h1.kvr".into()), ..Options::default() };
    let mut app = App::new(options, Arc::new(reel.state(second)));
    app.resize(120, 40);
    app.has_tape();
    serve(&mut app, &mut reel);
    (app, reel)
}

/// Types keys and answers what is asked.
pub fn go(app: &mut App, reel: &mut Reel, keys: &str) {
    for word in keys.split(' ') {
        type_keys(app, word);
        serve(app, reel);
    }
}

pub fn message(app: &App) -> &str {
    app.message().unwrap_or_default()
}

/// Seconds of the frame shown from the start of the ring.
pub fn second(app: &App) -> i64 {
    app.frame().time.since(site::at(0)) / 1000
}

fn operations(app: &mut App) -> usize {
    app.take_requests().iter().filter(|r| matches!(r, Request::Operate(_))).count()
}

#[test]
fn what_the_ring_holds_is_shown_at_once_and_the_alarms_of_then_follow() {
    let (mut app, mut reel) = live();
    type_keys(&mut app, "H");
    assert_eq!(state(&app), "site H1 PAST 03:01:29");
    let banner = lines(&app, 120, 40).swap_remove(1);
    assert!(banner.contains("alarms listed are those of now"), "{banner}");
    assert_eq!(asks(&mut app), [Ask::Show(site::at(89))]);
    let told = Ask::Show(site::at(89)).put(&mut reel);
    app.told(&Ask::Show(site::at(89)), told);
    let text = lines(&app, 120, 40);
    assert!(
        text[1].contains("PAST 2026-11-22 03:01:29, not live. No new live alarm. Backspace = LIVE"),
        "{}",
        text[1]
    );
    assert!(!text[1].contains("of now"));
    go(&mut app, &mut reel, "A");
    let text = lines(&app, 120, 40).join("\n");
    assert!(text.contains("active 2"), "the list is of then\n{text}");
    go(&mut app, &mut reel, "BSpace");
    assert_eq!(app.choice().moment, Moment::Live);
    assert!(lines(&app, 120, 40).join("\n").contains("active 10"));
}

#[test]
fn before_the_ring_the_old_picture_stays_until_the_answer_is_there() {
    let (mut app, mut reel) = live();
    type_keys(&mut app, "@ \"02:45:30 Enter");
    assert_eq!(state(&app), "site H1", "still the present");
    assert!(message(&app).contains("looking up 02:45:30"), "{}", message(&app));
    serve(&mut app, &mut reel);
    assert_eq!(state(&app), "site H1 PAST 02:45:00", "the newest frame before the gap");
    assert_eq!(app.message(), None);
    type_keys(&mut app, "@ \"02:20 Enter");
    assert!(message(&app).contains("the past reaches from 02:30:00 to 03:02:29"), "{}", message(&app));
    serve(&mut app, &mut reel);
    assert_eq!(second(&app), REACH.0);
}

#[test]
fn a_chronicle_is_asked_for_until_there_is_nothing_new() {
    let mut app = app(&site::snapshot());
    app.has_tape();
    assert_eq!(asks(&mut app), [Ask::Chronicle]);
    let part = Reel::new().chronicle;
    app.told(&Ask::Chronicle, Told::Chronicle(Arc::clone(&part)));
    assert_eq!(asks(&mut app), [Ask::Chronicle], "there may be more of it");
    app.told(&Ask::Chronicle, Told::Chronicle(part));
    assert_eq!(asks(&mut app), []);
    (0..3).for_each(|_| app.heartbeat());
    assert_eq!(asks(&mut app), [], "in the present nobody looks at it");
    type_keys(&mut app, "t");
    app.heartbeat();
    assert_eq!(asks(&mut app), [Ask::Chronicle], "one at a time");
    app.told(&Ask::Chronicle, Told::Failed("the recorder has stopped".into()));
    (0..3).for_each(|_| app.heartbeat());
    assert_eq!(asks(&mut app), [], "and not again after a failure");
}

#[test]
fn the_newest_wish_wins_and_the_present_forgets_all_of_them() {
    let (mut app, mut reel) = live();
    type_keys(&mut app, "@ \"02:40 Enter @ \"02:50 Enter");
    let wishes = asks(&mut app);
    assert_eq!(wishes, [Ask::Show(site::at(-1200)), Ask::Show(site::at(-600))]);
    app.told(&wishes[0], Told::Superseded);
    let told = wishes[1].put(&mut reel);
    app.told(&wishes[1], told);
    assert_eq!(second(&app), -600);
    let late = wishes[0].put(&mut reel);
    app.told(&wishes[0], late);
    assert_eq!(second(&app), -600, "what nobody waits for any more changes nothing");
    type_keys(&mut app, "@ \"02:40 Enter BSpace");
    serve(&mut app, &mut reel);
    assert_eq!(state(&app), "site H1");
}

#[test]
fn frames_are_stepped_through_the_ring_the_tape_and_its_gap() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "@ \"03:00:00 Enter , , .");
    assert_eq!(second(&app), -1);
    go(&mut app, &mut reel, ". .");
    assert_eq!(second(&app), 1, "and back into the ring");
    go(&mut app, &mut reel, "@ \"02:45 Enter .");
    assert_eq!(second(&app), GAP.1, "over the gap");
    // Keys that are faster than the tape add up.
    type_keys(&mut app, ", , ,");
    let all = asks(&mut app);
    assert_eq!(all.last(), Some(&Ask::Step { from: site::at(GAP.1), steps: -3 }));
}

#[test]
fn nothing_of_the_past_is_acknowledged() {
    for keys in ["A a a", "A A-a", "A s", "A c", "A D", "u", ": \"ack Space \"all Enter"] {
        let (mut app, mut reel) = live();
        go(&mut app, &mut reel, "@ \"02:50 Enter");
        type_keys(&mut app, keys);
        assert_eq!(operations(&mut app), 0, "{keys}");
        assert!(message(&app).contains("this is the past"), "{keys}: {}", message(&app));
        type_keys(&mut app, "Esc BSpace A A-a");
        assert_eq!(operations(&mut app), 1, "{keys}: the present can be handled again");
        let (mut app, _) = replay(-600);
        type_keys(&mut app, keys);
        assert_eq!(operations(&mut app), 0, "{keys} in a recording");
    }
    let snapshot = board::on(&site::snapshot());
    let mut app = app(&snapshot);
    type_keys(&mut app, "H A A-a");
    assert_eq!(operations(&mut app), 0, "without a tape either");
}

#[test]
fn alarms_that_come_meanwhile_are_counted() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "@ \"02:50 Enter");
    let snapshot = site::snapshot();
    let mut later = board::board(&snapshot.frame.topology, snapshot.frame.time);
    later.bells += 2;
    app.update_snapshot(board::with(&snapshot, later));
    assert_eq!(second(&app), -600, "the picture stays");
    let text = lines(&app, 80, 24);
    assert!(lines(&app, 120, 40)[1].contains("2 new live alarms. Backspace = LIVE"), "{}", text[1]);
    app.resize(80, 24);
    let text = lines(&app, 80, 24);
    assert!(
        text[1].contains("PAST 2026-11-22 02:50:00, not live") && text[1].contains("+2 alarms")
            || text[1].contains("2 new live"),
        "{}",
        text[1]
    );
    assert!(text[0].contains("PAST 02:50:00"), "{}", text[0]);
}

#[test]
fn a_recording_says_so_everywhere_and_has_no_present() {
    let (mut app, mut reel) = replay(-600);
    type_keys(&mut app, "Enter");
    let titles: Vec<Request> = app.take_requests();
    assert!(titles.iter().any(|r| matches!(r, Request::Title(t) if t.starts_with("REPLAY "))), "{titles:?}");
    for (w, h) in [(200, 60), (120, 40), (80, 24), (40, 12)] {
        app.resize(w, h);
        let text = lines(&app, w, h);
        assert!(text[0].contains("REPLAY") && !text[0].contains("LIVE"), "{}", text[0]);
        assert!(text[1].contains("REPLAY 2026-11-22 02:50:00, not live"), "{}", text[1]);
    }
    go(&mut app, &mut reel, "BSpace");
    assert!(message(&app).contains("no present"), "{}", message(&app));
    (0..60).for_each(|_| app.heartbeat());
    assert!(!lines(&app, 40, 12)[0].contains("NO NEW DATA"));
    assert!(!app.take_requests().contains(&Request::Bell), "what rang then is no news");
}

#[test]
fn playing_follows_the_clock_at_any_speed_and_stops_at_the_end() {
    let (mut app, mut reel) = replay(-600);
    assert!(!app.wants_clock());
    go(&mut app, &mut reel, "Space");
    let play = |app: &mut App, reel: &mut Reel, ms: u64| {
        for _ in 0..ms / 100 {
            app.clock(100);
            serve(app, reel);
        }
    };
    assert!(app.wants_clock());
    play(&mut app, &mut reel, 3000);
    assert_eq!(second(&app), -597);
    assert!(reel.shown.len() < 12, "asked for {} of 3 frames", reel.shown.len());
    go(&mut app, &mut reel, "> > >");
    assert!(lines(&app, 120, 40)[0].contains("REPLAY ×8 02:50:03"), "{}", lines(&app, 120, 40)[0]);
    play(&mut app, &mut reel, 2000);
    assert_eq!(second(&app), -581);
    go(&mut app, &mut reel, "p");
    assert!(!app.wants_clock());
    play(&mut app, &mut reel, 2000);
    assert_eq!(second(&app), -581, "stopped");
    go(&mut app, &mut reel, "> > > > p");
    play(&mut app, &mut reel, 2000);
    assert_eq!(second(&app), REACH.1);
    assert!(!app.wants_clock() && message(&app).contains("end of the recording"), "{}", message(&app));
    go(&mut app, &mut reel, "> p");
    assert!(message(&app).contains("end of the recording"));
    go(&mut app, &mut reel, "< < < < < < < < < < <");
    assert!(message(&app).contains("×1/4 is the lowest speed"), "{}", message(&app));
}

#[test]
fn gaps_are_not_played() {
    let (mut app, mut reel) = replay(GAP.0 - 2);
    go(&mut app, &mut reel, "p");
    for _ in 0..30 {
        app.clock(100);
        serve(&mut app, &mut reel);
    }
    assert!((GAP.1..GAP.1 + 2).contains(&second(&app)), "{}", second(&app));
    assert!(message(&app).contains("no frames from 02:45:00 to 02:46:00"), "{}", message(&app));
}

#[test]
fn between_two_moments_of_the_past_the_alarms_of_now_never_flash() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "A H");
    let active = |app: &App| lines(app, 120, 40).into_iter().find(|l| l.contains("active ")).expect("tabs");
    assert!(active(&app).contains("active 2"));
    type_keys(&mut app, ",");
    assert!(active(&app).contains("active 2"), "the answer is not there yet");
    serve(&mut app, &mut reel);
    assert!(active(&app).contains("active 2"));
}

#[test]
fn playing_from_the_past_of_a_live_console_ends_in_the_present() {
    for tape in [true, false] {
        let (mut app, mut reel) = if tape { live() } else { (app(&site::snapshot()), Reel::new()) };
        go(&mut app, &mut reel, "H > > > > p");
        for _ in 0..20 {
            app.clock(100);
            serve(&mut app, &mut reel);
        }
        assert_eq!(second(&app), 89 + 32, "16 times for 2 s, tape: {tape}");
        for _ in 0..20 {
            app.clock(100);
            serve(&mut app, &mut reel);
        }
        assert_eq!(app.choice().moment, Moment::Live);
        assert!(!app.wants_clock() && message(&app).contains("LIVE"), "{}", message(&app));
    }
}

#[test]
fn a_loop_goes_round_and_the_same_key_ends_it() {
    let (mut app, mut reel) = replay(-600);
    go(&mut app, &mut reel, "( . . . . ) @ \"02:50:02 Enter p");
    let mut seen = Vec::new();
    for _ in 0..60 {
        app.clock(100);
        serve(&mut app, &mut reel);
        seen.push(second(&app));
    }
    assert!(seen.iter().all(|s| (-600..=-596).contains(s)), "{seen:?}");
    assert!(seen.contains(&-596) && seen.contains(&-600), "{seen:?}");
    go(&mut app, &mut reel, ")");
    assert!(message(&app).contains("no loop"), "{}", message(&app));
    for _ in 0..80 {
        app.clock(100);
        serve(&mut app, &mut reel);
    }
    assert!(second(&app) > -596);
}

#[test]
fn events_and_raised_alarms_are_gone_through_in_time() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "@ \"02:40 Enter ]");
    assert_eq!(second(&app), -700);
    assert!(message(&app).contains("02:48:20 ■1 rack-leak H1-R02-K2"), "{}", message(&app));
    go(&mut app, &mut reel, "] ]");
    assert_eq!(second(&app), -640);
    go(&mut app, &mut reel, "}");
    assert_eq!(second(&app), 60);
    go(&mut app, &mut reel, "}");
    assert!(message(&app).contains("no alarm was raised after 03:01:00"), "{}", message(&app));
    go(&mut app, &mut reel, "{ A-E [");
    assert!(message(&app).contains("nothing happened before"), "{}", message(&app));
    go(&mut app, &mut reel, "A-e A-n");
    assert_eq!(second(&app), 60);
    go(&mut app, &mut reel, "t N");
    assert_eq!(second(&app), -690, "with the timeline open n and N are about time, too");
}

#[test]
fn moments_can_be_given_in_many_ways() {
    for (written, expected) in [
        ("\"02:50:30", -570),
        ("\"-15m", 149 - 900),
        ("\"50%", (REACH.0 + REACH.1) / 2 - 1),
        ("\"alarm Space \"18842", -700),
        ("\"2026-11-22 Space \"02:40", -1200),
        ("\"2026-11-22T02:40:00Z", -1200),
        ("\"0.5 Space \"h", 0),
    ] {
        let (mut app, mut reel) = live();
        go(&mut app, &mut reel, &format!("@ {written} Enter"));
        if app.overlay().is_some() {
            assert_eq!(written, "\"0.5 Space \"h", "only this is no time");
            continue;
        }
        assert_eq!(second(&app), expected, "{written}");
    }
    // In a recording distances are counted from the position.
    let (mut app, mut reel) = replay(-600);
    go(&mut app, &mut reel, "@ \"-1m Enter");
    assert_eq!(second(&app), -660);
}

#[test]
fn the_timeline_takes_left_and_right_and_gives_them_back() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "Enter @ \"02:50 Enter t Right Right Left l");
    assert_eq!(state(&app), "hall H1-R01-K1-T18-G1 PAST 02:50:20");
    let text = lines(&app, 120, 40).join("\n");
    for words in ["frame ~", "alarm", "util", "event", "next +", "stopped"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    go(&mut app, &mut reel, "t Right");
    assert_eq!(state(&app), "hall H1-R01-K1-T18-G2 PAST 02:50:20");
    go(&mut app, &mut reel, "BSpace t j");
    assert!(lines(&app, 120, 40).join("\n").contains('●'), "also in the present");
}

#[test]
fn a_click_on_the_timeline_goes_there() {
    let (mut app, mut reel) = replay(-600);
    go(&mut app, &mut reel, "t");
    let text = lines(&app, 120, 40);
    let row = text.iter().position(|l| l.contains('●')).expect("the line") as u16;
    let click = |app: &mut App, column: u16| {
        let mouse = Mouse { kind: MouseKind::Down(0), column, row, ctrl: false, alt: false, shift: false };
        app.event(&InputEvent::Mouse(mouse));
    };
    click(&mut app, 119);
    serve(&mut app, &mut reel);
    let end = second(&app);
    click(&mut app, 30);
    serve(&mut app, &mut reel);
    let middle = second(&app);
    assert!(middle < end && middle > REACH.0, "{middle} {end}");
    let drag = Mouse { kind: MouseKind::Drag(0), column: 60, row, ctrl: false, alt: false, shift: false };
    app.event(&InputEvent::Mouse(drag));
    serve(&mut app, &mut reel);
    assert!((middle..end).contains(&second(&app)), "a drag goes there, too");
    go(&mut app, &mut reel, "g p Space");
    assert!(app.wants_clock(), "with the timeline Space plays in every view but lists");
    go(&mut app, &mut reel, "Space f \"slower Enter g h");
    assert!(!app.wants_clock());
    let gap = text[usize::from(row)].chars().filter(|c| *c == '╳').count();
    assert!((1..8).contains(&gap), "{gap}");
    let window = |app: &App| lines(app, 120, 40).into_iter().find(|l| l.contains("frame ~")).expect("rule");
    let before = window(&app);
    go(&mut app, &mut reel, "+");
    assert_ne!(window(&app), before, "a shorter window");
}

#[test]
fn what_cannot_be_read_is_said_and_the_picture_stays() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "@ \"02:50 Enter");
    reel.broken = Some("block 7 is damaged".into());
    go(&mut app, &mut reel, "@ \"02:40 Enter");
    assert_eq!(second(&app), -600);
    assert!(message(&app).contains("cannot be shown: block 7 is damaged"), "{}", message(&app));
    go(&mut app, &mut reel, "p");
    app.clock(1500);
    serve(&mut app, &mut reel);
    assert!(!app.wants_clock(), "it does not play into what cannot be read");
    go(&mut app, &mut reel, "BSpace H");
    assert_eq!(state(&app), "site H1 PAST 03:01:29", "the ring is there all the same");
    assert!(message(&app).contains("alarms of then are not known: block 7"), "{}", message(&app));
}

#[test]
fn a_site_that_has_grown_since_shows_its_past_where_it_is_now() {
    let small = Arc::new(Topology::from_toml(site::SMALL, "small").expect("valid"));
    let base = Arc::new(Snapshot::empty(small, Timestamp::default()));
    let (mut app, mut reel) = (app(&board::on(&site::snapshot())), Reel::of(base));
    app.has_tape();
    serve(&mut app, &mut reel);
    go(&mut app, &mut reel, "@ \"02:50 Enter A Enter");
    let t = &app.frame().topology;
    assert_eq!(t.halls().len(), 3, "the halls of now");
    assert_eq!(t.name(Asset::Rack(app.selection().rack(t).expect("a rack"))), "H1-R02-K2");
}

#[test]
fn a_recording_can_start_at_a_moment_and_play() {
    let (mut app, mut reel) = replay(REACH.0);
    app.start_at(Some(site::at(-700)), Some(8.0));
    serve(&mut app, &mut reel);
    assert_eq!(second(&app), -700);
    app.clock(1000);
    serve(&mut app, &mut reel);
    assert_eq!(second(&app), -692);
}

#[test]
fn every_picture_of_the_past_can_be_drawn_at_any_size_and_in_ascii() {
    for glyphs in [Glyphs::UNICODE, Glyphs::ASCII] {
        for keys in ["t", "t A", "t g i", "t i", "t B", "t d", "t g p", "t Enter Enter Enter"] {
            let (_, mut reel) = replay(-600);
            let options = Options { replay: Some("x".into()), glyphs, ..Options::default() };
            let mut app = App::new(options, Arc::new(reel.state(-600)));
            app.has_tape();
            go(&mut app, &mut reel, keys);
            for (w, h) in
                [(1, 1), (1, 40), (40, 1), (3, 6), (9, 12), (20, 13), (80, 24), (200, 60), (300, 100)]
            {
                app.resize(w, h);
                let text = lines(&app, w, h).join("\n");
                assert!(glyphs != Glyphs::ASCII || w < 80 || !text.contains(['━', '●', '⚑', '╳']), "{text}");
            }
        }
    }
}

#[test]
fn no_keys_can_break_time_or_handle_the_past() {
    let keys = all_keys();
    let mut runner = TestRunner::new(Config { cases: 12, ..Config::default() });
    let checked = runner.run(&prop::collection::vec(0..keys.len() + 4, 1..60), |events| {
        let past = events.len() % 2 == 0;
        let (mut app, mut reel) = if past { replay(-600) } else { live() };
        for event in events {
            match keys.get(event) {
                Some(key) => app.event(&InputEvent::Key(*key)),
                None => app.clock(700),
            }
            let requests = app.take_requests();
            let operates = requests.iter().any(|r| matches!(r, Request::Operate(_)));
            prop_assert!(!operates || !matches!(app.choice().moment, Moment::Past(_)));
            for request in requests {
                if let Request::Past(ask) = request {
                    let told = ask.put(&mut reel);
                    app.told(&ask, told);
                }
            }
            prop_assert_eq!(lines(&app, 120, 40)[0].contains("REPLAY"), past);
        }
        Ok(())
    });
    assert_eq!(checked, Ok(()));
}
