//! Checks of the thread: who hears what, and what happens when the file fails.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use crate::journal::tests::{acknowledge, alarm, folder, transition};
use crate::journal::worker::{JournalHandle, News, Record, spawn};
use crate::journal::{Holder, Journal};
use crate::model::Timestamp;
use crate::model::alarm::{AlarmId, Operation};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

struct Console {
    handle: JournalHandle,
    news: Receiver<News>,
}

impl Console {
    fn start(path: &Path, name: &str) -> Self {
        let (handle, news) = spawn(path.to_owned(), Holder::here(name), clock).expect("a thread");
        Self { handle, news }
    }

    /// The next news but those of the past.
    async fn hear(&mut self) -> News {
        loop {
            match self.next().await {
                News::Past { .. } => {}
                news => return news,
            }
        }
    }

    async fn next(&mut self) -> News {
        tokio::time::timeout(LONG, self.news.recv()).await.expect("in time").expect("the thread runs")
    }

    /// The next news of the past: whether it is the whole, and how many steps.
    async fn past(&mut self) -> (bool, usize) {
        self.wait(|n| match n {
            News::Past { whole, transitions } => Some((whole, transitions.len())),
            _ => None,
        })
        .await
    }

    /// The first news that `wanted` takes.
    async fn wait<T>(&mut self, wanted: impl Fn(News) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    async fn lead(&mut self) -> (u64, usize, usize) {
        self.wait(|n| match n {
            News::Lead { term, alarms, operations } => Some((term, alarms.len(), operations.len())),
            _ => None,
        })
        .await
    }

    async fn operate(&self, operation: Operation) -> Result<u64, String> {
        let answer = self.handle.operate(operation)?;
        tokio::time::timeout(LONG, answer).await.expect("in time").expect("an answer")
    }
}

#[tokio::test]
async fn the_first_console_leads_and_hears_each_operation_once() {
    let (_dir, path) = folder();
    let mut a = Console::start(&path, "a");
    assert_eq!(a.lead().await, (1, 0, 0));
    let mut numbers = Vec::new();
    for id in 1..=5 {
        numbers.push(a.operate(acknowledge(&[id])).await.expect("saved"));
    }
    let mut heard = Vec::new();
    while heard.len() < 5 {
        let News::Operations(list) = a.hear().await else { panic!("only operations happen") };
        heard.extend(list.iter().map(|o| o.number));
    }
    assert_eq!(heard, numbers);
    a.handle.close().await;
    assert_eq!(a.news.recv().await, None, "nothing is told twice");
}

#[tokio::test]
async fn an_acknowledgement_of_a_follower_reaches_the_leader_and_comes_back() {
    let (_dir, path) = folder();
    let mut a = Console::start(&path, "a");
    let (term, ..) = a.lead().await;
    let mut b = Console::start(&path, "b");
    let News::Follow { holder, alarms } = b.hear().await else { panic!("b follows") };
    assert!(holder.starts_with("a, pid") && alarms.is_empty(), "{holder}");
    let number = b.operate(acknowledge(&[1])).await.expect("saved");
    let News::Operations(list) = a.hear().await else { panic!("the leader hears of it") };
    assert_eq!(list, [Operation { number, ..acknowledge(&[1]) }]);
    let (transitions, alarms) = (vec![transition(1)], vec![alarm(1)]);
    a.handle.record(Record { term, transitions, alarms, applied: number }).expect("there is room");
    let News::Follow { alarms, .. } = b.hear().await else { panic!("b sees what came of it") };
    assert_eq!(alarms, [alarm(1)]);
}

#[tokio::test]
async fn the_past_is_told_whole_after_a_change_of_roles_and_then_as_it_grows() {
    let (_dir, path) = folder();
    let mut a = Console::start(&path, "a");
    let (term, ..) = a.lead().await;
    assert_eq!(a.past().await, (true, 0), "nothing has happened yet");
    let fresh = |id| crate::model::alarm::Transition { time: clock(), ..transition(id) };
    let record = |id| Record { term, transitions: vec![fresh(id)], alarms: vec![alarm(id)], applied: 0 };
    a.handle.record(record(1)).expect("there is room");
    let mut b = Console::start(&path, "b");
    let mut heard = 0;
    while heard < 1 {
        heard += b.past().await.1;
    }
    a.handle.record(record(2)).expect("there is room");
    assert_eq!(b.past().await, (false, 1), "only what is new");
    a.handle.close().await;
    assert_eq!(b.past().await, (true, 2), "all of it for who leads now");
}

#[tokio::test]
async fn the_follower_takes_over_with_the_state_and_what_was_not_applied() {
    let (_dir, path) = folder();
    let mut a = Console::start(&path, "a");
    let (term, ..) = a.lead().await;
    let mut b = Console::start(&path, "b");
    let first = a.operate(acknowledge(&[1])).await.expect("saved");
    let record = Record { term, transitions: vec![transition(1)], alarms: vec![alarm(1)], applied: first };
    a.handle.record(record).expect("there is room");
    let second = a.operate(acknowledge(&[2])).await.expect("saved");
    a.handle.close().await;
    let (alarms, operations) = b
        .wait(|n| match n {
            News::Lead { alarms, operations, .. } => Some((alarms, operations)),
            _ => None,
        })
        .await;
    assert_eq!(alarms, [alarm(1)]);
    assert_eq!(operations.iter().map(|o| o.number).collect::<Vec<_>>(), [second]);
}

#[tokio::test]
async fn a_holder_that_fell_silent_is_replaced() {
    let (_dir, path) = folder();
    // It never renews, and its process cannot be looked at.
    let silent = Holder { kernel: "another boot".into(), ..Holder::here("silent") };
    let mut journal = Journal::open(&path).expect("it can be made");
    assert!(journal.try_lead(&silent, clock()).expect("writable"));
    let mut b = Console::start(&path, "b");
    let started = std::time::Instant::now();
    b.lead().await;
    // Checked by the clock of the journal, not by a stop watch: the lease must have run out.
    assert!(started.elapsed() < LONG);
    let e = journal.record(&silent, &[transition(1)], &[alarm(1)], None).expect_err("it lost the lease");
    assert!(e.to_string().contains("b, pid"), "{e}");
}

#[tokio::test]
async fn what_was_made_in_another_term_is_not_written() {
    let (_dir, path) = folder();
    let mut a = Console::start(&path, "a");
    let (term, ..) = a.lead().await;
    let record = |term| Record { term, transitions: vec![transition(1)], alarms: vec![alarm(1)], applied: 0 };
    a.handle.record(record(term + 1)).expect("there is room");
    assert_eq!(a.hear().await, News::Lost(1), "what is dropped is told");
    a.handle.record(record(term)).expect("there is room");
    a.handle.close().await;
    assert_eq!(Journal::open(&path).expect("it opens").tail().expect("readable").seq, 1);
}

#[tokio::test]
async fn a_storm_is_saved_before_the_thread_ends() {
    let (_dir, path) = folder();
    let mut a = Console::start(&path, "a");
    let (term, ..) = a.lead().await;
    let transitions = (1..=2500).map(transition).collect();
    let alarms = (1..=2500).map(alarm).collect();
    a.handle.record(Record { term, transitions, alarms, applied: 0 }).expect("there is room");
    a.handle.close().await;
    let journal = Journal::open(&path).expect("it opens");
    assert_eq!(journal.tail().expect("readable").seq, 2500);
    assert_eq!(journal.alarms().expect("readable").len(), 2500);
    assert_eq!(journal.verify().expect("readable").fault, None);
    assert_eq!(journal.lease().expect("readable"), None, "the lease was given back");
}

#[tokio::test]
async fn where_nothing_can_be_saved_the_operator_hears_it_and_later_that_it_works() {
    let (dir, _) = folder();
    // A file where the folder should be.
    let path = dir.path().join("state/journal.sqlite");
    std::fs::write(dir.path().join("state"), "").expect("writable");
    let mut a = Console::start(&path, "a");
    let News::Broken(why) = a.hear().await else { panic!("it cannot be made") };
    assert!(why.contains("state"), "{why}");
    let e = a.operate(acknowledge(&[1])).await.expect_err("not saved");
    assert!(e.contains("state"), "{e}");
    std::fs::remove_file(dir.path().join("state")).expect("removable");
    let mended = a.wait(|n| matches!(n, News::Mended).then_some(())).await;
    assert_eq!(mended, ());
    a.operate(acknowledge(&[1])).await.expect("saved");
}

#[tokio::test]
async fn a_damaged_journal_is_read_and_never_written() {
    let (_dir, path) = folder();
    let mut journal = Journal::open(&path).expect("it can be made");
    let who = Holder::here("a");
    assert!(journal.try_lead(&who, clock()).expect("writable"));
    for id in 1..200 {
        journal.record(&who, &[transition(id)], &[], None).expect("saved");
    }
    journal.record(&who, &[], &[alarm(1)], None).expect("saved");
    let page = journal
        .db()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'history_time'", [], |r| {
            r.get::<_, u32>(0)
        })
        .expect("an index");
    drop(journal);
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[(page as usize - 1) * 4096..page as usize * 4096].fill(0x5a);
    std::fs::write(&path, &bytes).expect("writable");
    let mut b = Console::start(&path, "b");
    let News::Broken(why) = b.hear().await else { panic!("it is damaged") };
    assert!(why.contains("alarms verify"), "{why}");
    let News::Found(alarms) = b.hear().await else { panic!("it can still be read") };
    assert_eq!(alarms.iter().map(|a| a.id).collect::<Vec<_>>(), [AlarmId(1)]);
    let e = b.operate(acknowledge(&[1])).await.expect_err("not saved");
    assert!(e.contains("nothing was saved"), "{e}");
    b.handle.close().await;
    assert!(std::fs::read(&path).expect("readable") == bytes);
}
