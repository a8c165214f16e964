//! Keys that lead to alarms and handle them: what is asked of the session, and what is said of the
//! answer.

use std::sync::Arc;

use hallwatch::fleet::Snapshot;
use hallwatch::model::alarm::{AlarmBoard, AlarmId, AlarmState, Operation, Verb};
use hallwatch::model::{Asset, Topology};
use hallwatch::ui::action::ViewKind;
use hallwatch::ui::alarms::deed::What;
use hallwatch::ui::app::{App, Options, Request};
use hallwatch::ui::key::{InputEvent, Mouse, MouseKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{app, board, check_on, lines, site, state, type_keys};

fn start() -> App {
    app(&board::on(&site::snapshot()))
}

/// The operations that were asked for.
fn operations(app: &mut App) -> Vec<Operation> {
    let operate = |r| match r {
        Request::Operate(operation) => Some(operation),
        _ => None,
    };
    app.take_requests().into_iter().filter_map(operate).collect()
}

/// The one operation that the keys ask for: verb, numbers of its alarms, comment.
fn order(keys: &str) -> (Verb, Vec<u64>, String) {
    let mut app = start();
    type_keys(&mut app, keys);
    let mut all = operations(&mut app);
    assert_eq!(all.len(), 1, "{keys}: {all:?} {:?}", app.message());
    let one = all.remove(0);
    let mut numbers: Vec<u64> = one.alarms.iter().map(|a| a.0).collect();
    numbers.sort_unstable();
    (one.verb, numbers, one.comment)
}

fn message(app: &App) -> &str {
    app.message().unwrap_or_default()
}

#[test]
fn the_list_opens_and_closes_and_leads_to_places() {
    check_on(
        &board::on(&site::snapshot()),
        &[
            ("A", "alarms"),
            ("F6", "alarms"),
            ("g a", "alarms"),
            ("Enter A Esc", "hall H1-R01-K1-T18-G1"),
            ("A z Esc", "alarms"),
            ("A Space Esc", "alarms"),
            ("A / \"leak Enter Esc", "alarms"),
            ("A / \"leak Enter Esc Esc", "site H1"),
            ("A V Esc Esc", "site H1"),
        ],
    );
    let mut app = start();
    type_keys(&mut app, "A Enter");
    assert_eq!(state(&app), "rack H1-R02-K2-T18-G1");
    type_keys(&mut app, "' j j Enter");
    assert_eq!(state(&app), "gpu H2-R01-K1-T18-G2");
    type_keys(&mut app, "' S-Tab S-Tab j Enter");
    assert_eq!(state(&app), "hall H1-R02-K1-T18-G2", "from history, too");
}

#[test]
fn n_walks_from_alarm_to_alarm_and_the_cursor_jumps_there() {
    let mut app = start();
    type_keys(&mut app, "n");
    assert_eq!(state(&app), "hall H1-R02-K2-T18-G1");
    assert!(message(&app).starts_with("1 of 10: ■1 UNACK H1-R02-K2 Rack leak"), "{}", message(&app));
    type_keys(&mut app, "n n");
    assert_eq!(state(&app), "hall H2-R01-K1-T18-G2");
    type_keys(&mut app, "N Enter n");
    assert_eq!(state(&app), "rack H2-R01-K1-T18-G2", "a rack stays a rack");
    type_keys(&mut app, "g h g g N");
    assert!(message(&app).starts_with("2 of 10"), "{}", message(&app));
    let mut app = self::start();
    type_keys(&mut app, "N");
    assert!(message(&app).starts_with("10 of 10"), "{}", message(&app));
    type_keys(&mut app, "g j n");
    assert!(message(&app).starts_with("1 of 10") && state(&app).starts_with("rack "), "{}", state(&app));
}

#[test]
fn in_the_list_n_goes_to_what_waits() {
    let mut app = start();
    type_keys(&mut app, "A N y");
    let copied = app.take_requests().into_iter().rev().find_map(|r| match r {
        Request::Copy(text) => Some(text),
        _ => None,
    });
    assert_eq!(copied.as_deref(), Some("000005 H2-R02-K3-T05-G1 GPU lost"));
}

#[test]
fn keys_and_commands_order_what_they_say() {
    use Verb::{Acknowledge, Comment, RemoveFromService, Reset, ReturnToService, Unshelve};
    let none = String::new;
    for (keys, verb, alarms, comment) in [
        ("A a a", Acknowledge, vec![2], none()),
        ("A a Enter", Acknowledge, vec![2], none()),
        ("A a \"seen Enter", Acknowledge, vec![2], "seen".into()),
        ("A A-a", Acknowledge, vec![2], none()),
        ("A Space Space a a", Acknowledge, vec![1, 2], none()),
        ("A V j j j V A-a", Acknowledge, vec![1, 2, 3, 4], none()),
        ("A * a Enter", Acknowledge, vec![1, 2, 3, 4, 5], none()),
        ("A * Space Space a Enter", Acknowledge, vec![3, 4, 5], none()),
        (": \"alarms Enter : \"ack Enter Enter", Acknowledge, vec![2], none()),
        ("A : \"ack Space \"all Space \"drill Enter Enter", Acknowledge, vec![1, 2, 3, 4, 5], "drill".into()),
        ("A / \"hall:H2 Enter : \"ack Space \"all Enter Enter", Acknowledge, vec![4, 5], none()),
        ("A : \"ack Space \"on Space \"it Enter", Acknowledge, vec![2], "on it".into()),
        ("A c \"called Enter", Comment, vec![2], "called".into()),
        ("A : \"comment Space \"hello Enter", Comment, vec![2], "hello".into()),
        ("A D \"swap Enter", RemoveFromService, vec![2], "swap".into()),
        ("A Tab Tab S", Unshelve, vec![11], none()),
        ("A Tab Tab Tab Tab U", ReturnToService, vec![14], none()),
        ("A / \"state:latched Enter j r", Reset, vec![8], none()),
        // On maps: the alarm gone to, what is selected and in it, or the nearest around it.
        ("n a a", Acknowledge, vec![2], none()),
        ("n n n A-a", Acknowledge, vec![4], none()),
        ("l a Enter", Acknowledge, vec![4, 5], none()),
        (": \"go Space \"h1-r03-k1-t07-g2 Enter a a", Acknowledge, vec![3], none()),
        (": \"ack Space \"all Enter Enter", Acknowledge, vec![1, 2, 3, 4, 5], none()),
        ("l Enter : \"ack Space \"all Enter Enter", Acknowledge, vec![4, 5], none()),
    ] {
        assert_eq!(order(keys), (verb, alarms, comment), "{keys}");
    }
}

#[test]
fn shelves_have_a_time_and_a_reason() {
    let now = site::snapshot().frame.time;
    for (keys, ms, one_shot) in [
        ("A s \"chatter Enter", 3_600_000, false),
        ("A s Tab Tab \"chatter Enter", 43_200_000, false),
        ("A s Up C-o \"chatter Enter", 900_000, true),
        ("A : \"shelve Space \"2h Space \"chatter Enter", 7_200_000, false),
        ("A : \"shelve Space \"30m Space \"once Space \"chatter Enter", 1_800_000, true),
    ] {
        let (verb, alarms, comment) = order(keys);
        assert_eq!(verb, Verb::Shelve { until: now.plus_millis(ms), one_shot }, "{keys}");
        assert_eq!((alarms, comment.as_str()), (vec![2], "chatter"), "{keys}");
    }
    let mut app = start();
    type_keys(&mut app, "A s Enter");
    assert!(operations(&mut app).is_empty() && app.overlay().is_some());
    assert!(lines(&app, 80, 24).join("\n").contains("a reason is needed"));
    type_keys(&mut app, "Esc");
    assert!(operations(&mut app).is_empty() && app.overlay().is_none());
}

#[test]
fn what_nobody_pointed_at_is_counted_before_and_done_by_enter_alone() {
    for (keys, said) in [
        ("l a", "this will acknowledge 2 of 5 alarms in H2"),
        ("l A-a", "this will acknowledge 2 of 5 alarms in H2"),
        (": \"ack Space \"all Enter", "in Testdal"),
        ("A / \"hall:H1 Enter : \"ack Space \"all Enter", "alarms that pass hall:H1"),
        ("l S", "is shelved"),
    ] {
        let mut app = start();
        app.resize(80, 24);
        type_keys(&mut app, keys);
        let text = lines(&app, 80, 24).join("\n");
        assert!(text.contains(said), "{keys}\n{text}");
        if app.overlay().is_some() {
            type_keys(&mut app, "a");
        }
        assert!(operations(&mut app).is_empty(), "{keys}");
    }
}

#[test]
fn what_cannot_be_done_is_said_in_words() {
    for (keys, said) in [
        ("A G a", "no selected alarm waits for an acknowledgement"),
        ("A r", "is latched and acknowledged"),
        ("A S", "is shelved"),
        ("A u", "nothing was done"),
        ("g j a", "a means nothing here"),
        ("A S-Tab Space", "no alarm to mark"),
        ("A / \"xyz Enter Enter", "no alarm to open"),
    ] {
        let mut app = start();
        type_keys(&mut app, keys);
        assert!(message(&app).contains(said), "{keys}: {}", message(&app));
        assert!(operations(&mut app).is_empty(), "{keys}");
    }
}

#[test]
fn it_is_done_only_when_the_engine_says_so_and_can_be_undone_for_ten_seconds() {
    let mut b = site::Builder::new();
    let first = b.tick();
    let mut app = app(&board::on(&first));
    type_keys(&mut app, "A A-a");
    assert_eq!(message(&app), "saving …");
    type_keys(&mut app, "u");
    assert!(message(&app).contains("still being saved"), "{}", message(&app));
    let operation = operations(&mut app).remove(0);
    app.operated(Ok(4711), What::of(&operation));
    assert_eq!(message(&app), "acknowledged 1 alarm (saved as 4711), u undoes within 10 s");
    type_keys(&mut app, "u");
    let undo = operations(&mut app).remove(0);
    assert_eq!((undo.verb, undo.alarms.len()), (Verb::Undo(4711), 0));
    app.operated(Ok(4712), What::of(&undo));
    assert_eq!(message(&app), "undid operation 4711 (saved as 4712)");
    type_keys(&mut app, "u");
    assert!(operations(&mut app).is_empty(), "an undo is not undone");
    type_keys(&mut app, "A-a");
    app.operated(Ok(4713), What::of(&operation));
    (0..11).for_each(|_| app.update_snapshot(board::on(&b.tick())));
    type_keys(&mut app, "u");
    assert!(message(&app).starts_with("too late to undo"), "{}", message(&app));
}

#[test]
fn what_is_not_saved_says_so_for_longer_and_keeps_the_marks() {
    let mut b = site::Builder::new();
    let mut app = app(&board::on(&b.tick()));
    type_keys(&mut app, "A Space Space a a");
    let operation = operations(&mut app).remove(0);
    app.operated(Err("disk full".into()), What::of(&operation));
    assert_eq!(message(&app), "NOT SAVED: acknowledged 2 alarms (disk full)");
    type_keys(&mut app, "j");
    app.notify("theme: light");
    assert_eq!(message(&app), "NOT SAVED: acknowledged 2 alarms (disk full)   theme: light");
    (0..20).for_each(|_| app.update_snapshot(board::on(&b.tick())));
    assert!(message(&app).starts_with("NOT SAVED"));
    assert!(lines(&app, 120, 40).join("\n").contains("2 marked"));
    app.operated(Ok(1), What::of(&operation));
    assert!(!lines(&app, 120, 40).join("\n").contains("marked"));
}

#[test]
fn a_read_only_console_handles_nothing_and_says_why() {
    let snapshot = board::on(&site::snapshot());
    let options = Options { read_only: Some("started with --read-only".into()), ..Options::default() };
    for keys in [
        "A a",
        "A A-a",
        "A s",
        "A S",
        "A c",
        "A r",
        "A D",
        "A U",
        "A u",
        "A : \"ack Space \"all Enter",
        "n a",
    ] {
        let mut app = App::new(options.clone(), Arc::clone(&snapshot));
        app.resize(80, 24);
        type_keys(&mut app, keys);
        assert!(operations(&mut app).is_empty() && app.overlay().is_none(), "{keys}");
        assert!(message(&app).contains("started with --read-only"), "{keys}: {}", message(&app));
    }
}

#[test]
fn the_bell_rings_for_news_not_too_often_and_not_while_it_is_muted() {
    let t = Arc::new(site::topology());
    let mut second = 0;
    let mut ring = |app: &mut App, bells: u64| {
        second += 1;
        let s = Arc::new(Snapshot::empty(Arc::clone(&t), site::at(second)));
        let board = AlarmBoard { bells, ..board::board(&s.frame.topology, s.frame.time) };
        app.update_snapshot(board::with(&s, board));
        app.take_requests().contains(&Request::Bell)
    };
    let mut app = start();
    assert!(!app.take_requests().contains(&Request::Bell), "what stands at the start is no news");
    app = self::app(&board::on(&Arc::new(Snapshot::empty(Arc::new(site::topology()), site::at(0)))));
    assert!(!ring(&mut app, 4));
    assert!(ring(&mut app, 5));
    assert!(!ring(&mut app, 6), "too soon");
    assert!((0..12).any(|_| ring(&mut app, 6)), "but not forgotten");
    type_keys(&mut app, "b");
    assert!(message(&app).contains("muted for 10 min"));
    assert!(lines(&app, 120, 40)[0].contains("bell off"));
    assert!((0..15).all(|_| !ring(&mut app, 9)));
    type_keys(&mut app, "b");
    assert!(!lines(&app, 120, 40)[0].contains("bell off"));
    assert!(ring(&mut app, 10));
    type_keys(&mut app, "b");
    let heard = (0..620).filter(|i| ring(&mut app, 11 + i)).count();
    assert!((1..=3).contains(&heard), "the mute ends by itself: {heard}");
}

#[test]
fn the_title_of_the_window_tells_the_worst() {
    let snapshot = site::snapshot();
    let mut app = app(&snapshot);
    app.update_snapshot(board::on(&snapshot));
    assert!(app.take_requests().contains(&Request::Title("■2 Testdal H1".into())));
    app.update_snapshot(board::on(&snapshot));
    assert!(app.take_requests().is_empty(), "it is told once");
}

#[test]
fn a_filter_that_is_not_understood_stays_open_and_names_the_nearest() {
    let mut app = start();
    type_keys(&mut app, "A / \"state:shelfed Enter");
    let text = lines(&app, 120, 40);
    assert!(text[39].contains("did you mean `shelved`?"), "{}", text[39]);
    type_keys(&mut app, "C-u \"state:shelved Enter");
    let text = lines(&app, 120, 40).join("\n");
    assert!(text.contains("filter state:shelved: 1 listed"), "{text}");
    type_keys(&mut app, "g h : \"filter Space \"is:grouped Enter");
    assert_eq!(state(&app), "alarms");
    type_keys(&mut app, ": \"filter Space \"hall:H Tab");
    assert!(lines(&app, 120, 40).join("\n").contains("hall:H3"));
}

#[test]
fn clicks_choose_an_alarm_and_open_its_place() {
    let mut app = start();
    type_keys(&mut app, "A");
    let click = |app: &mut App, row: u16| {
        let mouse =
            Mouse { kind: MouseKind::Down(0), column: 20, row, ctrl: false, alt: false, shift: false };
        app.event(&InputEvent::Mouse(mouse));
    };
    click(&mut app, 6);
    assert_eq!(state(&app), "alarms");
    click(&mut app, 6);
    assert_eq!(state(&app), "gpu H2-R01-K1-T18-G2");
}

#[test]
fn a_map_of_the_past_shows_no_alarms_of_now_and_the_header_does() {
    let mut app = start();
    type_keys(&mut app, "Enter");
    let live = lines(&app, 120, 40).join("\n");
    type_keys(&mut app, "H");
    let past = lines(&app, 120, 40);
    assert!(past[0].contains("■2") && past[0].contains("PAST"), "{}", past[0]);
    assert!(live.contains("1111") && !past.join("\n").contains("1111"));
    type_keys(&mut app, "BSpace p");
    assert!(lines(&app, 120, 40).join("\n").contains("1111"), "a held picture keeps them");
}

fn board_of(snapshot: &Arc<Snapshot>) -> AlarmBoard {
    board::board(&snapshot.frame.topology, snapshot.frame.time)
}

#[test]
fn the_cursor_and_the_marks_follow_their_alarms_however_they_are_sorted() {
    let snapshot = site::snapshot();
    let one = (0u64..15, 0u8..3, 1u8..5);
    let mut runner = TestRunner::new(Config { cases: 20, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&(0usize..10, prop::collection::vec(one, 1..12)), |(down, changes)| {
        let mut app = app(&board::on(&snapshot));
        type_keys(&mut app, "A");
        (0..down).for_each(|_| type_keys(&mut app, "j"));
        let subject = |app: &mut App| {
            type_keys(app, "y");
            app.take_requests().into_iter().find_map(|r| match r {
                Request::Copy(text) => Some(text[..6].to_owned()),
                _ => None,
            })
        };
        let before = subject(&mut app);
        let mut now = board_of(&snapshot);
        for (id, what, priority) in changes {
            now = board::changed(&now, |a| {
                // The alarm of the cursor may go anywhere in the list, but not from it.
                if a.id == AlarmId(id) && a.state.is_annunciated() {
                    a.priority = priority;
                    a.state =
                        [AlarmState::Unacknowledged, AlarmState::Acknowledged, a.state][usize::from(what)];
                }
            });
            app.update_snapshot(board::with(&snapshot, now.clone()));
            prop_assert_eq!(&subject(&mut app), &before);
        }
        Ok(())
    });
    assert_eq!(checked, Ok(()));
}

#[test]
fn an_alarm_that_is_gone_takes_its_mark_along() {
    let snapshot = site::snapshot();
    let mut app = start();
    type_keys(&mut app, "A *");
    let board = board_of(&snapshot);
    let left = board.alarms.iter().filter(|a| a.id.0 > 2).cloned().collect();
    app.update_snapshot(board::with(&snapshot, AlarmBoard { alarms: left, ..board }));
    assert!(lines(&app, 120, 40).join("\n").contains("8 marked"));
}

#[test]
fn ten_thousand_alarms_are_counted_filtered_and_walked_through() {
    let snapshot = site::snapshot();
    let t: &Topology = &snapshot.frame.topology;
    let many = board::with(&snapshot, board::many(t, snapshot.frame.time, 10_000));
    let mut app = app(&many);
    app.show(ViewKind::Alarms, Asset::Site);
    type_keys(&mut app, "G : \"ack Space \"all Enter");
    assert!(lines(&app, 120, 40).join("\n").contains("this will acknowledge 6 666 of 10 000 alarms"));
    type_keys(&mut app, "Enter");
    assert_eq!(operations(&mut app).remove(0).alarms.len(), 6_666);
    type_keys(&mut app, "/ \"prio=1 Enter g g");
    assert!(lines(&app, 120, 40).join("\n").contains("filter prio=1: 2 500 listed"));
}

#[test]
fn all_of_it_can_be_used_on_a_very_small_screen() {
    let mut app = start();
    app.resize(40, 12);
    type_keys(&mut app, "A");
    let text = lines(&app, 40, 12);
    assert!(text[0].contains("■2 ▲4 ▼2 ◆2 U5"), "{}", text[0]);
    assert!(text.iter().any(|l| l.contains("H1-R02-K2") && l.contains("Rack leak")), "{text:?}");
    type_keys(&mut app, "s");
    let text = lines(&app, 40, 12).join("\n");
    for words in ["this will shelve", "reason", "[1 h]", "Enter shelve"] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}
