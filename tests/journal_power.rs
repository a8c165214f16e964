//! Bad disks. Power cuts: whatever of the unsynced writes reaches the disk, no acknowledgement is lost
//! that was reported as saved. Full and broken disks: the operator hears that nothing was saved, and
//! what happened meanwhile is saved when it is possible again.

#[path = "support/power.rs"]
mod power;

use std::time::Duration;

use hallwatch::journal::{Holder, Journal, News, Record, spawn};
use hallwatch::model::Timestamp;
use hallwatch::model::alarm::{AlarmId, AlarmState, Input, Operation, Transition, Verb};
use power::{Luck, held, next, watch};
use rusqlite::ffi;

fn acknowledge(id: u64) -> Operation {
    Operation {
        number: 0,
        time: Timestamp(1_800_000_000_000 + id as i64),
        operator: "kari".into(),
        verb: Verb::Acknowledge,
        alarms: vec![AlarmId(id)],
        comment: "a pump is on its way ".repeat(15),
    }
}

/// Long enough for several checkpoints, in which the log goes into the file.
const ACKS: u64 = 900;

#[test]
fn no_acknowledgement_is_lost_with_the_power() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let disk = watch(dir.path(), 95);
    let mut journal = Journal::open(&dir.path().join("journal.sqlite")).expect("it can be made");
    for id in 1..=ACKS {
        let number = journal.append_operation(&acknowledge(id)).expect("saved");
        assert_eq!(number, id);
        held(&disk).reported = number;
    }
    drop(journal);
    let cuts = std::mem::take(&mut held(&disk).cuts);
    assert!(cuts.len() >= 100, "{} cuts", cuts.len());
    let mut random = 11;
    for (n, cut) in cuts.iter().enumerate() {
        random = next(random);
        let lucks = [Luck::None, Luck::First((random >> 40) as u8 % 101), Luck::Some(random)];
        for luck in lucks {
            let after = tempfile::tempdir().expect("a temporary folder");
            cut.restore(after.path(), luck);
            let what = format!("cut {n} of {}, {luck:?}, {} reported", cuts.len(), cut.reported);
            let journal =
                Journal::open(&after.path().join("journal.sqlite")).unwrap_or_else(|e| panic!("{what}: {e}"));
            let found = journal.operations_after(0, usize::MAX >> 1).expect("readable");
            assert!(found.len() as u64 >= cut.reported, "{what}: {} found", found.len());
            for (i, operation) in found.iter().enumerate() {
                let id = i as u64 + 1;
                assert_eq!(*operation, Operation { number: id, ..acknowledge(id) }, "{what}");
            }
            assert_eq!(journal.verify().expect("readable").fault, None, "{what}");
        }
    }
    eprintln!("{} power cuts, each with three kinds of luck", cuts.len());
}

#[test]
fn the_simulated_disk_does_lose_what_was_not_synced() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let disk = watch(dir.path(), 20);
    let path = dir.path().join("careless.sqlite");
    let db = rusqlite::Connection::open(&path).expect("it can be made");
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE t (n INTEGER)")
        .expect("writable");
    for n in 1..=200 {
        db.execute("INSERT INTO t VALUES (?1)", [n]).expect("saved, it says");
        held(&disk).reported += 1;
    }
    let cuts = std::mem::take(&mut held(&disk).cuts);
    let lossy = cuts.iter().filter(|cut| {
        let after = tempfile::tempdir().expect("a temporary folder");
        cut.restore(after.path(), Luck::None);
        let found = rusqlite::Connection::open(after.path().join("careless.sqlite"))
            .and_then(|db| db.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0)));
        found.unwrap_or_default() < cut.reported as i64
    });
    assert!(lossy.count() > 10, "the harness would miss a lost acknowledgement");
}

fn raised(id: u64) -> Transition {
    Transition {
        time: Timestamp(1_800_000_000_000),
        alarm: AlarmId(id),
        rule: "r".into(),
        place: "p".into(),
        input: Input::Raise,
        from: AlarmState::Normal,
        to: AlarmState::Unacknowledged,
        priority: 1,
        operation: 0,
        text: "".into(),
    }
}

/// What a console hears and says while the disk fails with `code`, and after.
async fn through(code: i32, words: &str) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let disk = watch(dir.path(), u64::MAX);
    let path = dir.path().join("journal.sqlite");
    let clock = || Timestamp(jiff::Timestamp::now().as_millisecond());
    let (handle, mut news) = spawn(path.clone(), Holder::here("kari"), clock).expect("a thread");
    // What happened before is for another test.
    let mut hear = async || loop {
        let said = tokio::time::timeout(Duration::from_secs(60), news.recv()).await;
        match said.expect("in time").expect("it runs") {
            News::Past { .. } => {}
            said => return said,
        }
    };
    let News::Lead { term, .. } = hear().await else { panic!("it leads") };
    let record = |id| Record { term, transitions: vec![raised(id)], ..Record::default() };
    let number = handle.operate(acknowledge(1)).expect("room").await.expect("an answer").expect("saved");
    let News::Operations(_) = hear().await else { panic!("its operation comes back") };
    held(&disk).broken = Some(code);
    for id in 1..=3 {
        let e =
            handle.operate(acknowledge(id)).expect("room").await.expect("an answer").expect_err("not saved");
        assert!(e.contains(words), "{e}");
    }
    handle.record(record(1)).expect("room");
    let News::Broken(why) = hear().await else { panic!("the console hears of it") };
    assert!(why.contains(words), "{why}");
    handle.record(record(2)).expect("room");
    held(&disk).broken = None;
    loop {
        match hear().await {
            News::Mended => break,
            News::Broken(_) => {}
            other => panic!("nothing else happens: {other:?}"),
        }
    }
    let journal = Journal::open(&path).expect("it opens");
    let rows = journal.tail().expect("readable").seq;
    assert_eq!(rows, number + 2, "what happened meanwhile was saved before it says that it is mended");
    assert_eq!(journal.verify().expect("readable").fault, None);
    assert_eq!(handle.operate(acknowledge(4)).expect("room").await, Ok(Ok(rows + 1)));
    handle.close().await;
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_happened_meanwhile_is_saved_later() {
    through(ffi::SQLITE_FULL, "the disk is full, nothing was saved").await;
}

#[tokio::test]
async fn a_read_only_file_system_is_told() {
    through(ffi::SQLITE_READONLY, "can only be read, nothing was saved").await;
}

#[tokio::test]
async fn a_failing_disk_is_told_and_the_file_is_opened_anew() {
    through(ffi::SQLITE_IOERR_WRITE, "cannot save the operation").await;
}
