//! Power cuts: whatever of the unsynced writes reaches the disk, no acknowledgement is lost that was
//! reported as saved.

#[path = "support/power.rs"]
mod power;

use hallwatch::journal::Journal;
use hallwatch::model::Timestamp;
use hallwatch::model::alarm::{AlarmId, Operation, Verb};
use power::{Luck, held, next, watch};

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
