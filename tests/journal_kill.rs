//! Processes that are killed while they write: every acknowledgement that they had reported as
//! saved is in the journal, and the chain is whole.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hallwatch::journal::{Holder, Journal, JournalError, News, Record, spawn};
use hallwatch::model::Timestamp;
use hallwatch::model::alarm::{Alarm, AlarmId, AlarmState, Input, Note, Operation, Transition, Verb};

/// Set for the process that is to be killed: the journal it writes.
const VICTIM: &str = "HALLWATCH_TEST_VICTIM";

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// The other one writes: not now.
fn unless_busy(e: JournalError) -> Result<bool, JournalError> {
    if e.is_busy() { Ok(false) } else { Err(e) }
}

/// Acknowledges until it is killed; on purpose a part of the test program, so that nothing else has
/// to be built. Does nothing in an ordinary run.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let mut journal = Journal::open(Path::new(&path)).expect("it opens");
    let who = Holder::here("victim");
    for id in 1..1_000_000 {
        let comment = format!("{} {id}", who.token);
        let operation = Operation {
            number: 0,
            time: now(),
            operator: "kari".into(),
            verb: Verb::Acknowledge,
            alarms: vec![AlarmId(id)],
            comment: comment.clone(),
        };
        let number = match journal.append_operation(&operation) {
            Ok(number) => number,
            // The other one has not let it in for 2 s; nothing was reported.
            Err(e) if e.is_busy() => continue,
            Err(e) => panic!("{e}"),
        };
        let mut out = std::io::stdout().lock();
        // Nobody may listen any more.
        let _ = writeln!(out, "saved {number} {comment}").and_then(|()| out.flush());
        drop(out);
        if journal.try_lead(&who, now()).or_else(unless_busy).expect("readable") {
            let t = Transition {
                time: now(),
                alarm: AlarmId(id),
                rule: "r".into(),
                place: "p".into(),
                input: Input::Acknowledge,
                from: AlarmState::Unacknowledged,
                to: AlarmState::Acknowledged,
                priority: 1,
                operation: number,
                text: "".into(),
            };
            // Another victim may have the lease by now.
            let _ = journal.record(&who, &[t], &[], Some(number));
        }
    }
}

/// Set for the process that leads until it is killed: the journal it writes.
const LEADER: &str = "HALLWATCH_TEST_LEADER";

/// Leads, applies what it hears to one alarm, and says so, until it is killed. Does nothing in an
/// ordinary run.
#[test]
fn leader() {
    let Some(path) = std::env::var_os(LEADER) else { return };
    let (handle, mut news) = spawn(path.into(), Holder::here("kari"), now).expect("a thread");
    let mut term = 0;
    while let Some(said) = news.blocking_recv() {
        match said {
            News::Lead { term: t, .. } => {
                term = t;
                println!("leads");
            }
            News::Operations(list) => {
                let last = list.last().expect("never empty");
                let (alarms, applied) = (vec![acknowledged(last)], last.number);
                handle.record(Record { term, transitions: vec![], alarms, applied }).expect("room");
            }
            News::Past { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The alarm that an operation of this test acknowledges.
fn acknowledged(operation: &Operation) -> Alarm {
    let mut alarm: Alarm = serde_json::from_str(
        r#"{"id":7,"rule":"rack-leak","title":"Leak in a rack","place":"H1-R1-K1","priority":1,
        "state":"acknowledged","active":true,"raised":1800000000000,"changed":1800000000000,"occurrences":1}"#,
    )
    .expect("an alarm");
    let (operator, time, comment) = (operation.operator.clone(), operation.time, operation.comment.as_str());
    alarm.acknowledged = Some(Note { operator, time, comment: comment.into() });
    alarm
}

#[tokio::test]
async fn the_next_console_takes_over_from_one_that_was_killed_with_who_acknowledged_and_why() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("journal.sqlite");
    let mut victim = Victim::spawn("leader", LEADER, &path);
    while !victim.lines.next().expect("it leads").expect("text").contains("leads") {}
    let (handle, mut news) = spawn(path.clone(), Holder::here("ola"), now).expect("a thread");
    // What happened before is for another test.
    let mut hear = async || loop {
        let said = tokio::time::timeout(Duration::from_secs(60), news.recv()).await;
        match said.expect("in time").expect("it runs") {
            News::Past { .. } => {}
            said => return said,
        }
    };
    let News::Follow { holder, .. } = hear().await else { panic!("somebody leads") };
    assert!(holder.starts_with("kari, pid"), "{holder}");
    let order = |comment: &str| Operation {
        number: 0,
        time: now(),
        operator: "ola".into(),
        verb: Verb::Acknowledge,
        alarms: vec![AlarmId(7)],
        comment: comment.into(),
    };
    let first =
        handle.operate(order("valve is shut")).expect("room").await.expect("an answer").expect("saved");
    let News::Follow { alarms, .. } = hear().await else { panic!("what the leader made of it") };
    let note = alarms[0].acknowledged.clone().expect("acknowledged");
    assert_eq!((&*note.operator, &*note.comment), ("ola", "valve is shut"));
    victim.child.kill().expect("it runs");
    victim.child.wait().expect("it ends");
    // Nobody leads any more; this is saved all the same.
    let second = handle.operate(order("again")).expect("room").await.expect("an answer").expect("saved");
    let (restored, waiting) = loop {
        match hear().await {
            News::Lead { alarms, operations, .. } => break (alarms, operations),
            News::Follow { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(restored, alarms, "every alarm is as it was");
    assert_eq!(waiting.iter().map(|o| o.number).collect::<Vec<_>>(), [second]);
    assert!(first < second);
}

struct Victim {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Victim {
    fn start(path: &Path) -> Self {
        Self::spawn("victim", VICTIM, path)
    }

    /// Starts this program again with the one test `name`.
    fn spawn(name: &str, variable: &str, path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("it has a path"))
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(variable, path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// Reads `n` more reports.
    fn listen(&mut self, n: usize, reported: &mut BTreeMap<u64, String>) {
        let mut heard = 0;
        while heard < n {
            let line = self.lines.next().expect("it writes until it is killed").expect("text");
            heard += usize::from(note(&line, reported));
        }
    }

    /// Kills it and reads what it had reported by then.
    fn kill(mut self, reported: &mut BTreeMap<u64, String>) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        for line in self.lines.by_ref().map_while(Result::ok) {
            note(&line, reported);
        }
    }
}

/// Keeps a report; false for other lines. A line that the kill cut short is none.
fn note(line: &str, reported: &mut BTreeMap<u64, String>) -> bool {
    let Some((number, comment)) = line.split_once("saved ").and_then(|(_, rest)| rest.split_once(' ')) else {
        return false;
    };
    let Ok(number) = number.parse() else { return false };
    let twice = reported.insert(number, comment.to_owned());
    assert_eq!(twice, None, "number {number} was given twice");
    true
}

fn check(path: &Path, reported: &BTreeMap<u64, String>) {
    let journal = Journal::open(path).expect("it opens");
    let report = journal.verify().expect("readable");
    assert_eq!(report.fault, None);
    let found: BTreeMap<u64, String> = journal
        .operations_after(0, usize::MAX >> 1)
        .expect("readable")
        .into_iter()
        .map(|o| (o.number, o.comment))
        .collect();
    for (number, comment) in reported {
        // The last line of a process may end anywhere.
        let saved = found.get(number).unwrap_or_else(|| panic!("{number} was reported and is lost"));
        assert!(saved.starts_with(comment.as_str()), "{number} is another one");
    }
    eprintln!("{} reported, {} rows verified, 0 lost", reported.len(), report.rows);
}

#[test]
fn no_acknowledgement_is_lost_in_two_hundred_kills() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("journal.sqlite");
    let mut reported = BTreeMap::new();
    for round in 0..200_usize {
        let mut victim = Victim::start(&path);
        victim.listen(round * 7 % 23, &mut reported);
        victim.kill(&mut reported);
    }
    assert!(reported.len() > 1000, "{} reports", reported.len());
    check(&path, &reported);
}

#[test]
fn no_acknowledgement_is_lost_when_two_write_at_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("journal.sqlite");
    let mut reported = BTreeMap::new();
    for round in 0..10_usize {
        let mut pair = [Victim::start(&path), Victim::start(&path)];
        for victim in &mut pair {
            victim.listen(1 + round % 3, &mut reported);
        }
        let [a, b] = pair;
        a.kill(&mut reported);
        b.kill(&mut reported);
    }
    check(&path, &reported);
}
