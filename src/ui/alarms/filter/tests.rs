//! Filters that are understood, and what is said about those that are not.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::model::alarm::{AlarmId, Origin};

/// An alarm at a rack that nobody has acknowledged.
pub fn alarm() -> Alarm {
    Alarm {
        id: AlarmId(17),
        rule: "rack-leak".into(),
        title: "Rack leak".into(),
        place: "H3-R17-K5".into(),
        asset: None,
        origin: Origin::Rule,
        fingerprint: "".into(),
        priority: 1,
        state: AlarmState::Unacknowledged,
        active: true,
        latched: false,
        latching: false,
        raised: Timestamp::from_secs(100),
        cleared: None,
        changed: Timestamp::from_secs(100),
        occurrences: 1,
        text: "rope WET".into(),
        gpus: 72,
        member_count: 0,
        members: Vec::new(),
        acknowledged: None,
        shelf: None,
        service: None,
        suppressed_by: None,
        comment: None,
        chattering: false,
        steps: Vec::new(),
    }
}

fn passes(written: &str, t: &Topology) -> bool {
    let filter = Filter::parse(written, &AlarmBoard::default(), t).expect(written);
    filter.alarm(&alarm(), Timestamp::from_secs(200))
}

#[test]
fn terms_say_what_passes() {
    let t = Topology::default_site();
    for yes in [
        "",
        "prio<=2",
        "prio=1",
        "prio<2",
        "-prio>1",
        "hall:H3",
        "hall:h3",
        "at:H3-R17",
        "H3-R17",
        "state:unack",
        "state:active",
        "rule:rack-leak",
        "rule:rack",
        "wet",
        "LEAK",
        "k5",
        "prio<=2 hall:H3 -state:shelved leak",
        "-is:stale",
        "-",
    ] {
        assert!(passes(yes, &t), "{yes}");
    }
    for no in [
        "prio>=2",
        "hall:H4",
        "H3-R1",
        "at:H3-R17-K4",
        "state:ack",
        "rule:tray-leak",
        "dry",
        "-leak",
        "is:grouped",
        "leak hall:H4",
    ] {
        assert!(!passes(no, &t), "{no}");
    }
}

#[test]
fn what_is_not_understood_names_the_nearest() {
    let (board, t) = (AlarmBoard::default(), Topology::default_site());
    for (written, expected) in [
        ("hal:H3", "unknown filter `hal`: did you mean `hall`?"),
        ("hall:H33", "did you mean"),
        ("hall:", "needs the name of a place"),
        ("state:shelfed", "unknown state `shelfed`: did you mean `shelved`?"),
        ("is:chatering", "did you mean `chattering`?"),
        ("rule:rack-leek", "did you mean `rack-leak`?"),
        ("rule:", "no alarm rule begins with ``"),
        ("prio<=5", "1 to 4"),
        ("prio<=", "1 to 4"),
        ("prio=<2", "is not understood"),
        ("xyzzyx:1", "there are prio, hall, at, state, rule and is"),
    ] {
        let e = Filter::parse(written, &board, &t).expect_err(written);
        assert!(e.contains(expected), "{written}: {e}");
    }
}

#[test]
fn any_text_is_a_filter_or_an_error_in_words() {
    let (board, t) = (AlarmBoard::default(), Topology::default_site());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let checked = runner.run(&"\\PC{0,30}", |written| {
        match Filter::parse(&written, &board, &t) {
            Ok(filter) => prop_assert!(filter.alarm(&alarm(), Timestamp::from_secs(1)) || !filter.is_empty()),
            Err(e) => prop_assert!(!e.is_empty()),
        }
        Ok(())
    });
    assert_eq!(checked, Ok(()));
}
