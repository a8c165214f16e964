//! Checks of the file: what is written comes back, what was changed is found.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::journal::chain::Fault;
use crate::journal::lease::LEASE_MS;
use crate::journal::schema::{APPLICATION, FORMAT};
use crate::journal::{Event, HistoryFilter, Holder, Journal, JournalError};
use crate::model::Timestamp;
use crate::model::alarm::{
    Alarm, AlarmId, AlarmState, Input, Member, Note, Operation, Origin, Shelf, Step, Transition, Verb,
};

const T: Timestamp = Timestamp::from_secs(1_800_000_000);

/// An alarm with something in every part.
pub(super) fn alarm(id: u64) -> Alarm {
    let note = Note { operator: "kari".into(), time: T, comment: "pump is on its way".into() };
    Alarm {
        id: AlarmId(id),
        rule: "row-cooling-lost".into(),
        title: "Cooling of a row lost".into(),
        place: format!("H3-R{id}").into(),
        asset: None,
        origin: Origin::Rule,
        fingerprint: "".into(),
        priority: 1,
        state: AlarmState::Acknowledged,
        active: true,
        latched: true,
        latching: true,
        raised: T,
        cleared: Some(T),
        changed: T,
        occurrences: 3,
        text: "3.1 LPM < 41.0".into(),
        gpus: 576,
        member_count: 1,
        members: vec![Member { time: T, place: "H3-R17-K5".into(), rule: "rack-flow-low".into() }],
        acknowledged: Some(note.clone()),
        shelf: Some(Shelf { note: note.clone(), until: T.plus_millis(5), one_shot: true }),
        service: Some(note.clone()),
        suppressed_by: Some(AlarmId(9)),
        comment: Some(note),
        chattering: true,
        steps: vec![Step {
            time: T,
            input: Input::Raise,
            to: AlarmState::Unacknowledged,
            operator: "".into(),
            text: "3.1".into(),
        }],
    }
}

pub(super) fn transition(id: u64) -> Transition {
    Transition {
        time: T,
        alarm: AlarmId(id),
        rule: "row-cooling-lost".into(),
        place: format!("H3-R{id}").into(),
        input: Input::Acknowledge,
        from: AlarmState::Unacknowledged,
        to: AlarmState::Acknowledged,
        priority: 1,
        operation: 0,
        text: "".into(),
    }
}

pub(super) fn acknowledge(alarms: &[u64]) -> Operation {
    Operation {
        number: 0,
        time: T,
        operator: "kari".into(),
        verb: Verb::Acknowledge,
        alarms: alarms.iter().map(|id| AlarmId(*id)).collect(),
        comment: "seen".into(),
    }
}

pub(super) fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("state/journal.sqlite");
    (dir, path)
}

/// A journal with `n` operations and their transitions, closed again.
fn filled(path: &Path, n: u64) {
    let mut journal = Journal::open(path).expect("it can be made");
    let who = Holder::here("kari");
    assert!(journal.try_lead(&who, T).expect("writable"));
    for id in 1..=n {
        let number = journal.append_operation(&acknowledge(&[id])).expect("saved");
        journal.record(&who, &[transition(id)], &[alarm(id)], Some(number)).expect("saved");
    }
}

/// Runs SQL on the file as somebody would who wants to change the past.
fn tamper(path: &Path, sql: &str) {
    let db = Connection::open(path).expect("it opens");
    db.execute_batch(
        "DROP TRIGGER IF EXISTS history_is_not_changed; DROP TRIGGER IF EXISTS history_is_not_cut",
    )
    .expect("triggers do not protect against this");
    db.execute_batch(sql).expect(sql);
}

fn fault(path: &Path) -> Option<Fault> {
    Journal::open_read_only(path).expect("it opens").verify().expect("it reads").fault
}

#[test]
fn a_new_journal_is_private_and_in_the_newest_format() {
    let (_dir, path) = folder();
    let journal = Journal::open(&path).expect("it can be made");
    let mode = |p: &Path| std::fs::metadata(p).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
    let get = |name: &str| journal.db().pragma_query_value(None, name, |r| r.get::<_, i64>(0)).expect(name);
    assert_eq!((get("user_version"), get("application_id")), (FORMAT, APPLICATION));
    assert_eq!(get("synchronous"), 2, "FULL");
    drop(journal);
    Journal::open(&path).expect("opening it again changes nothing");
}

#[test]
fn several_processes_may_make_it_at_once() {
    let (_dir, path) = folder();
    std::thread::scope(|s| {
        let all: Vec<_> = (0..4).map(|_| s.spawn(|| Journal::open(&path).map(|_| ()))).collect();
        for one in all {
            one.join().expect("no panic").expect("each opens it");
        }
    });
    assert_eq!(fault(&path), None);
}

#[test]
fn an_alarm_comes_back_as_it_was() {
    let (_dir, path) = folder();
    filled(&path, 3);
    let journal = Journal::open(&path).expect("it opens");
    assert_eq!(journal.alarms().expect("readable"), [alarm(1), alarm(2), alarm(3)]);
    assert_eq!(journal.alarm(AlarmId(2)).expect("readable"), Some(alarm(2)));
    assert_eq!(journal.alarm_named("row-cooling-lost", "H3-R3").expect("readable"), Some(alarm(3)));
    assert_eq!(journal.alarm(AlarmId(77)).expect("readable"), None);
    let tail = journal.tail().expect("readable");
    assert_eq!((tail.seq, tail.applied, tail.revision), (6, 5, 3));
}

#[test]
fn only_what_stands_is_standing() {
    let (_dir, path) = folder();
    filled(&path, 2);
    let mut journal = Journal::open(&path).expect("it opens");
    let who = Holder::here("ola");
    assert!(journal.try_lead(&who, T.plus_millis(LEASE_MS)).expect("writable"));
    let normal = Alarm { state: AlarmState::Normal, ..alarm(1) };
    journal.record(&who, &[], &[normal], None).expect("saved");
    assert_eq!(journal.standing().expect("readable"), [alarm(2)]);
    assert_eq!(journal.alarms().expect("readable").len(), 2);
}

#[test]
fn every_state_has_the_same_word_in_the_column_and_in_the_body() {
    for state in AlarmState::ALL {
        assert_eq!(serde_json::to_value(state).expect("a word"), super::store::word(state));
    }
}

#[test]
fn operations_wait_for_the_leader_in_order() {
    let (_dir, path) = folder();
    filled(&path, 1);
    let mut journal = Journal::open(&path).expect("it opens");
    let numbers: Vec<u64> =
        (0..3).map(|i| journal.append_operation(&acknowledge(&[i, i + 1])).expect("saved")).collect();
    assert_eq!(numbers, [3, 4, 5]);
    let waiting = journal.operations_after(1, 10).expect("readable");
    assert_eq!(waiting.iter().map(|o| o.number).collect::<Vec<_>>(), numbers);
    assert_eq!(waiting[2], Operation { number: 5, ..acknowledge(&[2, 3]) });
    assert_eq!(journal.operations_after(4, 10).expect("readable").len(), 1);
    assert_eq!(journal.operations_after(0, 2).expect("readable").len(), 2);
}

#[test]
fn a_wrong_operation_is_refused_and_nothing_is_written() {
    let (_dir, path) = folder();
    let mut journal = Journal::open(&path).expect("it opens");
    let e = journal.append_operation(&acknowledge(&[])).expect_err("no alarm");
    assert_eq!(e.to_string(), "no alarm is chosen");
    assert_eq!(journal.tail().expect("readable").seq, 0);
}

#[test]
fn the_history_is_filtered_by_alarm_and_time() {
    let (_dir, path) = folder();
    filled(&path, 3);
    let mut journal = Journal::open(&path).expect("it opens");
    let later = Operation { time: T.plus_millis(1000), ..acknowledge(&[2, 3]) };
    journal.append_operation(&later).expect("saved");
    let seqs = |filter: HistoryFilter| -> Vec<u64> {
        journal.history(&filter).expect("readable").iter().map(|r| r.seq).collect()
    };
    let of = |id| HistoryFilter { alarm: Some(AlarmId(id)), ..HistoryFilter::default() };
    assert_eq!(seqs(HistoryFilter::default()), [7, 6, 5, 4, 3, 2, 1], "newest first");
    assert_eq!((seqs(of(1)), seqs(of(2))), (vec![2, 1], vec![7, 4, 3]));
    assert_eq!(seqs(HistoryFilter { since: Some(T.plus_millis(1)), ..of(3) }), [7]);
    assert_eq!(seqs(HistoryFilter { until: Some(T.plus_millis(1)), limit: 1, ..of(3) }), [6]);
    let rows = journal.history(&of(1)).expect("readable");
    assert_eq!(rows[0].event, Event::Transition(transition(1)));
    assert_eq!(rows[1].event, Event::Operation(Operation { number: 1, ..acknowledge(&[1]) }));
}

#[test]
fn an_operation_on_many_is_in_the_history_of_each_before_and_after_it_is_applied() {
    let (_dir, path) = folder();
    filled(&path, 2);
    let mut journal = Journal::open(&path).expect("it opens");
    let who = Holder::here("ola");
    assert!(journal.try_lead(&who, T.plus_millis(LEASE_MS)).expect("writable"));
    let seqs = |journal: &Journal, id| -> Vec<u64> {
        let filter = HistoryFilter { alarm: Some(AlarmId(id)), ..HistoryFilter::default() };
        journal.history(&filter).expect("readable").iter().map(|r| r.seq).collect()
    };
    let both = journal.append_operation(&acknowledge(&[1, 2])).expect("saved");
    let said = Operation { verb: Verb::Comment, ..acknowledge(&[1, 2]) };
    let comment = journal.append_operation(&said).expect("saved");
    assert_eq!(seqs(&journal, 1), [comment, both, 2, 1]);
    let done = Transition { operation: both, ..transition(1) };
    journal.record(&who, &[done], &[alarm(1)], Some(comment)).expect("saved");
    assert_eq!(seqs(&journal, 1), [7, comment, both, 2, 1]);
    assert_eq!(seqs(&journal, 2), [comment, 4, 3], "nothing came of it there");
}

#[test]
fn the_history_refuses_changes() {
    let (_dir, path) = folder();
    filled(&path, 1);
    let db = Connection::open(&path).expect("it opens");
    for sql in ["UPDATE history SET time = 0", "DELETE FROM history"] {
        let e = db.execute_batch(sql).expect_err("append-only");
        assert!(e.to_string().contains("append-only"), "{e}");
    }
}

#[test]
fn an_untouched_chain_verifies() {
    let (_dir, path) = folder();
    filled(&path, 5);
    let report = Journal::open(&path).expect("it opens").verify().expect("readable");
    assert_eq!((report.rows, report.operations, &report.fault), (10, 5, &None));
    assert_eq!(report.hash.len(), 64);
    Journal::open(&path).expect("it opens").check_pages(true).expect("sound");
}

#[test]
fn every_way_of_changing_the_past_is_found_and_named() {
    let row = "INSERT INTO history SELECT 11, time, kind, alarm, body, hash FROM history WHERE seq = 10";
    let swap = "UPDATE history SET seq = -1 WHERE seq = 4; UPDATE history SET seq = 4 WHERE seq = 7;
                UPDATE history SET seq = 7 WHERE seq = -1";
    let cases = [
        ("UPDATE history SET body = replace(body, 'kari', 'olav') WHERE seq = 3", Fault::Changed(3)),
        ("UPDATE history SET time = time + 1 WHERE seq = 4", Fault::Changed(4)),
        ("UPDATE history SET alarm = 9 WHERE seq = 6", Fault::Changed(6)),
        ("UPDATE history SET alarm = NULL WHERE seq = 6", Fault::Changed(6)),
        ("UPDATE history SET kind = 'transition' WHERE seq = 1", Fault::Changed(1)),
        ("UPDATE history SET hash = zeroblob(32) WHERE seq = 10", Fault::Changed(10)),
        ("DELETE FROM history WHERE seq = 5", Fault::Missing(5, 5)),
        ("DELETE FROM history WHERE seq BETWEEN 1 AND 4", Fault::Missing(1, 4)),
        ("DELETE FROM history WHERE seq > 8", Fault::Cut(9, 10)),
        ("DELETE FROM history", Fault::Cut(1, 10)),
        (swap, Fault::Changed(4)),
        (row, Fault::Foreign(11)),
    ];
    for (sql, wanted) in cases {
        let (_dir, path) = folder();
        filled(&path, 5);
        tamper(&path, sql);
        assert_eq!(fault(&path), Some(wanted.clone()), "{sql}");
        assert!(wanted.to_string().contains("row"), "{wanted}");
    }
}

#[test]
fn a_newer_journal_is_refused_and_not_a_byte_is_changed() {
    let (_dir, path) = folder();
    filled(&path, 2);
    tamper(&path, "UPDATE meta SET value = '9.9.9'; PRAGMA user_version = 99");
    let before = std::fs::read(&path).expect("readable");
    for e in [Journal::open(&path).map(|_| ()), Journal::open_read_only(&path).map(|_| ())] {
        let e = e.expect_err("newer").to_string();
        assert!(e.contains("hallwatch 9.9.9") && e.contains("format 99"), "{e}");
    }
    assert!(std::fs::read(&path).expect("readable") == before);
    let files = std::fs::read_dir(path.parent().expect("a folder")).expect("readable").count();
    assert_eq!(files, 1, "nothing was left beside it");
}

#[test]
fn the_file_of_another_program_is_refused() {
    let (_dir, path) = folder();
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    Connection::open(&path).and_then(|db| db.execute_batch("CREATE TABLE x (y)")).expect("writable");
    let before = std::fs::read(&path).expect("readable");
    assert!(matches!(Journal::open(&path), Err(JournalError::Foreign { .. })));
    assert!(std::fs::read(&path).expect("readable") == before);
}

#[test]
fn damage_is_told_with_the_command_that_helps() {
    let (_dir, path) = folder();
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    std::fs::write(
        &path,
        "this is no database, but it is longer than a header of SQLite would be: ".repeat(9),
    )
    .expect("writable");
    let e = Journal::open(&path).expect_err("no database");
    assert!(e.is_damage() && e.to_string().contains("run `hallwatch alarms verify`"), "{e}");

    let (_dir, path) = folder();
    filled(&path, 40);
    let mut bytes = std::fs::read(&path).expect("readable");
    // Every page but the first: the header still says that it is a journal.
    bytes[4096..].fill(0x5a);
    std::fs::write(&path, bytes).expect("writable");
    let journal = Journal::open_read_only(&path).expect("the header is sound");
    assert!(journal.check_pages(false).expect_err("damaged").is_damage());
    assert!(journal.verify().is_err_and(|e| e.is_damage()));
}

#[test]
fn there_is_no_journal_until_one_is_made() {
    let (_dir, path) = folder();
    assert!(matches!(Journal::open_read_only(&path), Err(JournalError::Absent { .. })));
    assert!(!path.exists(), "looking makes nothing");
}

#[test]
fn nothing_is_written_where_only_reading_is_possible() {
    let (_dir, path) = folder();
    filled(&path, 1);
    let mut journal = Journal::open_read_only(&path).expect("it opens");
    let e = journal.append_operation(&acknowledge(&[1])).expect_err("read only");
    assert!(matches!(e, JournalError::ReadOnly { .. }), "{e}");
    assert!(e.to_string().ends_with("nothing was saved"), "{e}");
    assert_eq!(journal.alarms().expect("readable").len(), 1);
}

#[test]
fn one_rule_at_one_place_is_one_alarm() {
    let (_dir, path) = folder();
    filled(&path, 1);
    let mut journal = Journal::open(&path).expect("it opens");
    let who = Holder::here("ola");
    assert!(journal.try_lead(&who, T.plus_millis(LEASE_MS)).expect("writable"));
    let twin = Alarm { id: AlarmId(2), ..alarm(1) };
    let renamed = Alarm { place: "H4".into(), ..alarm(1) };
    for wrong in [twin, renamed] {
        let e = journal.record(&who, &[transition(1)], &[wrong], None).expect_err("twice");
        assert!(matches!(e, JournalError::Duplicate { .. }), "{e}");
    }
    assert_eq!(journal.tail().expect("readable").seq, 2, "its transition was taken back, too");
}

#[test]
fn one_console_leads_and_the_next_takes_over_in_time() {
    let (_dir, path) = folder();
    let mut first = Journal::open(&path).expect("it opens");
    let mut second = Journal::open(&path).expect("it opens");
    let (a, b) = (Holder::here("a"), Holder::here("b"));
    assert!(first.try_lead(&a, T).expect("writable"));
    assert!(!second.try_lead(&b, T.plus_millis(LEASE_MS - 1)).expect("readable"));
    assert!(first.renew(&a, T.plus_millis(1000)).expect("writable"));
    assert!(!second.try_lead(&b, T.plus_millis(LEASE_MS)).expect("readable"));
    assert!(second.try_lead(&b, T.plus_millis(1000 + LEASE_MS)).expect("writable"));
    assert!(!first.renew(&a, T).expect("readable"));
    let e = first.record(&a, &[transition(1)], &[alarm(1)], None).expect_err("it lost the lease");
    assert!(matches!(&e, JournalError::LeaseLost { holder } if holder.starts_with("b, pid")), "{e}");
    assert_eq!(first.tail().expect("readable").seq, 0);
    second.release(&b).expect("writable");
    assert!(first.try_lead(&a, T).expect("writable"), "what was given back is free at once");
}

#[test]
fn a_dead_holder_and_a_clock_set_back_keep_nobody_waiting() {
    let (_dir, path) = folder();
    let mut journal = Journal::open(&path).expect("it opens");
    let mut child = std::process::Command::new("true").spawn().expect("it starts");
    let dead = Holder { pid: child.id(), ..Holder::here("gone") };
    child.wait().expect("it ends");
    assert!(journal.try_lead(&dead, T).expect("writable"));
    let elsewhere = Holder { kernel: "another boot".into(), ..Holder::here("x") };
    assert!(!journal.try_lead(&elsewhere, T).expect("readable"), "that number means nothing there");
    let here = Holder::here("b");
    assert!(journal.try_lead(&here, T).expect("writable"));
    let hour_back = T.plus_millis(-3_600_000);
    assert!(journal.try_lead(&elsewhere, hour_back).expect("writable"));
}

#[test]
fn other_connections_are_noticed_by_the_version_of_the_data() {
    let (_dir, path) = folder();
    let (mut a, b) = (Journal::open(&path).expect("it opens"), Journal::open(&path).expect("it opens"));
    let before = b.data_version().expect("readable");
    assert_eq!(b.data_version().expect("readable"), before);
    a.append_operation(&acknowledge(&[1])).expect("saved");
    assert_ne!(b.data_version().expect("readable"), before);
}
