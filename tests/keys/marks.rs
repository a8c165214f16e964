//! What operators mark in the past and what they compare: bookmarks, incidents, clips, differences.

use crate::replay::{go, live, message, second};
use crate::{lines, site, type_keys};

#[test]
fn bookmarks_and_incidents_are_written_down() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "@ \"02:50 Enter B \"cam Enter");
    let mark = reel.chronicle.bookmarks.last().expect("one").clone();
    assert_eq!((mark.time, &*mark.text, &*mark.operator), (site::at(-600), "cam", "operator"));
    assert!(message(&app).contains("bookmark set at 02:50:00"), "{}", message(&app));
    go(&mut app, &mut reel, "i \"pump Enter");
    let first = reel.chronicle.incidents[0].clone();
    // 10 min before the alarm that stood longest: 43 s.
    assert_eq!((&*first.title, first.from, first.to), ("pump", site::at(-600 - 43 - 600), site::at(-600)));
    go(&mut app, &mut reel, "i");
    type_keys(&mut app, "Enter");
    assert!(app.overlay().is_some() && lines(&app, 120, 40).join("\n").contains("needs a title"));
    let mut app = crate::app(&site::snapshot());
    for keys in ["B", "i", "g i", "x"] {
        type_keys(&mut app, keys);
        assert!(message(&app).contains("no recorder here"), "{keys}: {}", message(&app));
    }
}

#[test]
fn incidents_are_listed_gone_to_and_cut_out() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "g i");
    let text = lines(&app, 120, 40).join("\n");
    assert!(text.contains("2026-11-22 02:38:20–02:55:50  ingrid     leak in row 2"), "{text}");
    go(&mut app, &mut reel, "Enter");
    assert_eq!(second(&app), -1300);
    assert!(lines(&app, 120, 40).join("\n").contains("loop A-B 17m 30s"), "the loop is set to it");
    go(&mut app, &mut reel, "x");
    assert_eq!(message(&app), "clip saved: /tmp/leak in row 2 named.kvr");
    go(&mut app, &mut reel, "A-x");
    assert_eq!(message(&app), "clip saved: /tmp/leak in row 2 anonymous.kvr");
    go(&mut app, &mut reel, "g i X");
    assert!(message(&app).contains("anonymous"));
    go(&mut app, &mut reel, "( ) BSpace x");
    assert!(message(&app).contains("nothing to cut out: set marks with ( and )"), "{}", message(&app));
    go(&mut app, &mut reel, "@ \"02:57 Enter ( @ \"02:58 Enter ) x");
    assert!(message(&app).contains("2026-11-22 02:57:00 to 02:58:00 named"), "{}", message(&app));
}

#[test]
fn the_minute_before_an_alarm_is_replayed() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "A R");
    // The first of the list was raised 35 s ago.
    assert_eq!(second(&app), 149 - 35 - 60);
    assert!(message(&app).contains("rack-leak") || message(&app).contains("Rack leak"), "{}", message(&app));
    assert!(lines(&app, 120, 40).join("\n").contains("frame ~"), "the timeline is open");
    // Without a recorder what was raised before the ring cannot be shown, and that is said.
    let mut app = crate::app(&crate::board::on(&site::snapshot()));
    type_keys(&mut app, "A G R");
    assert!(message(&app).contains("before the oldest frame, 2026-11-22 03:00:00"), "{}", message(&app));
    type_keys(&mut app, "[ [ [ [ [ [");
    assert!(message(&app).contains("before the oldest frame"), "{}", message(&app));
}

#[test]
fn maps_show_what_changed_and_values_again() {
    let (mut app, mut reel) = live();
    go(&mut app, &mut reel, "Enter 3 d");
    let text = lines(&app, 120, 40).join("\n");
    assert!(text.contains("change of temp") && text.contains("since 02:52:29"), "{text}");
    go(&mut app, &mut reel, "d");
    assert!(!lines(&app, 120, 40).join("\n").contains("change of"));
    // Mark A goes before; in the ring nothing has to be asked.
    go(&mut app, &mut reel, "H ( BSpace");
    type_keys(&mut app, "d");
    assert!(lines(&app, 120, 40).join("\n").contains("since 03:01:29"));
    go(&mut app, &mut reel, ": \"metric Space \"rack_flow Enter");
    assert!(
        lines(&app, 120, 40).join("\n").contains("change of rack flow -41 LPM"),
        "{}",
        lines(&app, 120, 40).join("\n")
    );
    for metric in ["6", "7", "8", "9", "g h"] {
        go(&mut app, &mut reel, metric);
        assert!(lines(&app, 120, 40).join("\n").contains("change of"), "{metric}");
    }
}

#[test]
fn a_recorder_that_cannot_write_is_seen_in_every_view() {
    use std::sync::Arc;

    use hallwatch::fleet::Snapshot;
    use hallwatch::fleet::past::{RecorderState, RecorderView};

    let state = RecorderState::Failing("the disk is full".into());
    let recorder = Arc::new(RecorderView { state, dropped: 12, budget: 8 << 30, ..RecorderView::default() });
    let snapshot = Arc::new(Snapshot { recorder, ..Snapshot::clone(&site::snapshot()) });
    let mut app = crate::app(&snapshot);
    for (width, height) in [(200, 60), (120, 40), (80, 24)] {
        assert!(lines(&app, width, height)[0].contains("NOT RECORDED"), "{width} columns");
    }
    type_keys(&mut app, "g c");
    let text = lines(&app, 200, 60).join("\n");
    assert!(text.contains("NOT RECORDED: the disk is full"), "{text}");
    assert!(text.contains("12 could not be written"), "{text}");
    type_keys(&mut app, "p");
    assert!(lines(&app, 120, 40)[0].contains("NOT RECORDED"), "on a held picture, too");
    assert!(!lines(&crate::app(&site::snapshot()), 120, 40)[0].contains("NOT RECORDED"));
}
