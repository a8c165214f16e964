//! `hallwatch alarms`: what it writes, what it saves, and its exit codes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hallwatch::cli::args::Args;
use hallwatch::journal::{Holder, Journal, News, Record, spawn};
use hallwatch::model::Timestamp;
use hallwatch::model::alarm::{Alarm, AlarmId, AlarmState, Input, Transition, Verb};
use serde_json::Value;

const ALARMS: &str = r#"[
 {"id": 18842, "rule": "row-cooling-lost", "title": "Cooling of a row lost", "place": "H3-R17", "priority": 1,
  "state": "unacknowledged", "active": true, "latching": true, "latched": true, "raised": 1800000000000,
  "changed": 1800000000000, "occurrences": 1, "text": "3.1 LPM < 41.0", "gpus": 576, "member_count": 1,
  "members": [{"time": 1800000000000, "place": "H3-R17-K5", "rule": "rack-flow-low"}],
  "steps": [{"time": 1800000000000, "input": "raise", "to": "unacknowledged", "text": "3.1 LPM"}]},
 {"id": 7, "rule": "gpu-over-temperature", "title": "GPU too hot", "place": "H31-R1-K1-T1-G0", "priority": 3,
  "state": "acknowledged", "active": true, "raised": 1800000001000, "changed": 1800000002000, "occurrences": 4,
  "text": "91 °C\u001b[2J", "gpus": 1, "acknowledged": {"operator": "ola", "time": 1800000002000, "comment": "fan"}},
 {"id": 8, "rule": "tray-lost", "title": "Tray lost", "place": "H3-R2-K1-T1", "priority": 2, "state": "shelved",
  "active": false, "raised": 1800000001000, "changed": 1800000002000, "occurrences": 1,
  "shelf": {"note": {"operator": "ola", "time": 1800000002000, "comment": "swap"}, "until": 1800003600000, "one_shot": false}},
 {"id": 9, "rule": "tray-lost", "title": "Tray lost", "place": "H3-R2-K1-T2", "priority": 2, "state": "normal",
  "active": false, "raised": 1800000001000, "changed": 1800000002000, "occurrences": 1}
]"#;

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

fn transition(alarm: &Alarm, input: Input, to: AlarmState, operation: u64) -> Transition {
    Transition {
        time: now(),
        alarm: alarm.id,
        rule: alarm.rule.clone(),
        place: alarm.place.clone(),
        input,
        from: alarm.state,
        to,
        priority: alarm.priority,
        operation,
        text: alarm.text.clone(),
    }
}

/// A folder with a journal of four alarms that no console leads.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        let alarms: Vec<Alarm> = serde_json::from_str(ALARMS).expect("alarms");
        let raised: Vec<Transition> =
            alarms.iter().map(|a| transition(a, Input::Raise, a.state, 0)).collect();
        let mut journal = Journal::open(&site.path()).expect("it can be made");
        let who = Holder::here("test");
        assert!(journal.try_lead(&who, now()).expect("writable"));
        journal.record(&who, &raised, &alarms, None).expect("saved");
        journal.release(&who).expect("writable");
        site
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("journal.sqlite")
    }

    /// What `hallwatch alarms LINE` answers: its exit code (`None` for an error) and its words.
    fn alarms(&self, line: &[&str]) -> (Option<ExitCode>, String) {
        let state = self.dir.path().to_string_lossy().into_owned();
        let (command, rest) = line.split_first().expect("a command");
        let fixed = ["hallwatch", "alarms", *command, "--config", "/dev/null", "--state", &state];
        let args = Args::try_parse_from(fixed.iter().chain(rest)).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        let mut out = Vec::new();
        let done = hallwatch::cli::run(args, &mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(!text.contains('\u{1b}'), "{line:?} lets control characters through");
        match done {
            Ok(code) => (Some(code), text),
            Err(e) => (None, text + &e.report()),
        }
    }

    fn good(&self, line: &[&str]) -> String {
        let (code, text) = self.alarms(line);
        assert_eq!(code, Some(ExitCode::SUCCESS), "{line:?}: {text}");
        text
    }

    fn json(&self, line: &[&str]) -> Value {
        serde_json::from_str(&self.good(&[line, &["--json"]].concat())).expect("JSON")
    }

    fn bad(&self, line: &[&str]) -> String {
        let (code, text) = self.alarms(line);
        assert_eq!(code, None, "{line:?}: {text}");
        text
    }

    fn end(&self) -> u64 {
        Journal::open(&self.path()).expect("it opens").tail().expect("readable").seq
    }
}

/// Numbers of the alarms in the lines of a list.
fn numbers(text: &str) -> Vec<u64> {
    text.lines().filter_map(|l| l.split(' ').next()?.parse().ok()).collect()
}

#[test]
fn the_list_shows_what_stands_in_its_order_and_can_be_filtered() {
    let site = Site::new();
    let list = site.good(&["ls"]);
    assert_eq!(numbers(&list), [18842, 7, 8], "{list}");
    assert!(
        list.contains("018842  P1  UNACK  2027-01-15T08:00:00Z  row-cooling-lost@H3-R17  3.1 LPM < 41.0")
    );
    assert!(list.contains("by ola") && list.contains("no console is running"), "{list}");
    for (filter, wanted) in [
        (&["--unacked"][..], &[18842][..]),
        (&["--in", "H3"], &[18842, 8]),
        (&["--hall", "h31"], &[7]),
        (&["--priority", "1", "--priority", "3"], &[18842, 7]),
        (&["--in-state", "normal"], &[9]),
        (&["--in-state", "shelved", "--in-state", "ack"], &[7, 8]),
        (&["--in", "H4"], &[]),
    ] {
        let list = site.good(&[&["ls"], filter].concat());
        assert_eq!(numbers(&list), wanted, "{filter:?}: {list}");
    }
}

#[test]
fn one_alarm_is_told_by_number_or_name_and_a_wrong_one_with_the_nearest() {
    let site = Site::new();
    let page = site.good(&["show", "18842"]);
    assert_eq!(page, site.good(&["show", "row-cooling-lost@H3-R17"]));
    for words in ["unacknowledged", "3.1 LPM < 41.0", "rack-flow-low@H3-R17-K5", "raised -> unacknowledged"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let e = site.bad(&["show", "row-coling-lost@H3-R17"]);
    assert!(e.contains("did you mean `row-cooling-lost@H3-R17`?"), "{e}");
    assert!(site.bad(&["show", "4711"]).contains("no alarm `004711`"));
}

#[test]
fn an_operation_is_saved_without_a_console_and_waits_for_one() {
    let site = Site::new();
    let said = site.good(&["ack", "18842", "tray-lost@H3-R2-K1-T1", "18842", "--comment", "on it\u{1b}[2J"]);
    assert!(said.contains("saved as 5: acknowledge 2 alarms"), "{said}");
    assert!(said.contains("no console is running"), "{said}");
    let journal = Journal::open(&site.path()).expect("it opens");
    let waiting = journal.operations_after(0, 10).expect("readable");
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (waiting[0].alarms.as_slice(), waiting[0].comment.as_str()),
        (&[AlarmId(18842), AlarmId(8)][..], "on it[2J")
    );
    for (line, verb) in [
        (&["unshelve", "8"][..], Verb::Unshelve),
        (&["reset", "18842"], Verb::Reset),
        (&["oos", "7", "--reason", "fan"], Verb::RemoveFromService),
        (&["service", "7"], Verb::ReturnToService),
        (&["comment", "7", "8", "it is hot"], Verb::Comment),
    ] {
        site.good(line);
        let last = journal.operations_after(site.end() - 1, 10).expect("readable").pop().expect("one");
        assert_eq!(last.verb, verb);
    }
    site.good(&["shelve", "18842", "--for", "2h", "--reason", "pump", "--one-shot"]);
    let last = journal.operations_after(site.end() - 1, 10).expect("readable").pop().expect("one");
    let until = last.time.plus_millis(2 * 3600 * 1000);
    assert_eq!((last.verb, last.comment.as_str()), (Verb::Shelve { until, one_shot: true }, "pump"));
}

#[test]
fn what_is_wrong_saves_nothing() {
    let site = Site::new();
    let before = site.end();
    for (line, phrase) in [
        (&["ack", "18842", "4711"][..], "no alarm `004711`"),
        (&["ack", "18842", "--read-only"], "read_only"),
        (&["ack", "18842", "--operator", "kari"], "allow_operator_names"),
        (&["shelve", "8", "--for", "13h", "--reason", "x"], "12 h at most"),
        (&["shelve", "8", "--for", "0s", "--reason", "x"], "end before it begins"),
        (&["oos", "8", "--reason", " "], "needs a reason"),
    ] {
        let e = site.bad(line);
        assert!(e.contains(phrase), "{line:?}: {e}");
    }
    assert_eq!(site.end(), before);
    let empty = Site { dir: tempfile::tempdir().expect("a temporary folder") };
    assert!(empty.bad(&["ls"]).contains("there is no journal"));
    assert!(empty.bad(&["ack", "1"]).contains("there is no journal"));
    assert!(!empty.path().exists(), "asking makes no journal");
}

/// A console that acknowledges what it is told to, until the journal is closed.
async fn console(path: PathBuf) {
    let (handle, mut news) = spawn(path, Holder::here("night shift"), now).expect("a thread");
    let (mut term, mut known) = (0, Vec::new());
    while let Some(said) = news.recv().await {
        match said {
            News::Lead { term: t, alarms, .. } => (term, known) = (t, alarms),
            News::Operations(list) => {
                let applied = list.last().expect("never empty").number;
                let mut record = Record { term, applied, ..Record::default() };
                for id in list.iter().flat_map(|o| &o.alarms) {
                    let alarm: &mut Alarm = known.iter_mut().find(|a| a.id == *id).expect("known");
                    let to = AlarmState::Acknowledged;
                    record.transitions.push(transition(alarm, Input::Acknowledge, to, applied));
                    alarm.state = to;
                    record.alarms.push(alarm.clone());
                }
                handle.record(record).expect("there is room");
            }
            News::Past { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_running_console_applies_it_and_the_new_state_is_told() {
    let site = Site::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let task = runtime.spawn(console(site.path()));
    let journal = Journal::open(&site.path()).expect("it opens");
    while journal.lease().expect("readable").is_none() {
        std::thread::yield_now();
    }
    assert!(!site.good(&["ls"]).contains("no console is running"));
    let said = site.good(&["ack", "18842"]);
    assert!(said.contains("018842  row-cooling-lost@H3-R17  acknowledged"), "{said}");
    let again = site.json(&["ack", "18842"]);
    assert_eq!(
        (&again["applied"], &again["alarms"][0]["state"]),
        (&Value::Bool(true), &"acknowledged".into())
    );
    let (code, line) = site.alarms(&["ls", "--check"]);
    assert_eq!(code, Some(ExitCode::SUCCESS), "{line}");
    assert!(line.starts_with("ALARMS OK - none unacknowledged|p1=0;;0"), "{line}");
    task.abort();
    runtime.shutdown_timeout(Duration::from_secs(60));
}

#[test]
fn the_check_answers_in_one_line_with_the_exit_code_of_the_worst() {
    let site = Site::new();
    let (code, line) = site.alarms(&["ls", "--check"]);
    assert_eq!((code, line.lines().count()), (Some(ExitCode::from(2)), 1), "{line}");
    assert!(line.starts_with("ALARMS CRITICAL - 1 P1 unacknowledged"), "{line}");
    let (code, line) = site.alarms(&["ls", "--check", "--in", "H31"]);
    assert_eq!(code, Some(ExitCode::from(3)), "{line}");
    let empty = Site { dir: tempfile::tempdir().expect("a temporary folder") };
    let (code, line) = empty.alarms(&["ls", "--check"]);
    assert_eq!(code, Some(ExitCode::from(3)), "{line}");
    assert!(line.starts_with("ALARMS UNKNOWN - ") && line.contains("no journal"), "{line}");
}

#[test]
fn the_history_tells_who_did_what_and_verify_that_it_is_whole() {
    let site = Site::new();
    site.good(&["comment", "7", "8", "it is hot"]);
    let all = site.good(&["history"]);
    assert_eq!(all.lines().count(), 5, "{all}");
    assert!(all.lines().last().is_some_and(|l| l.ends_with("comment 000007, 000008: it is hot")), "{all}");
    assert_eq!(site.good(&["history", "tray-lost@H3-R2-K1-T1"]).lines().count(), 2);
    assert_eq!(site.good(&["history", "--limit", "1"]).lines().count(), 1);
    assert_eq!(site.good(&["history", "--since", "2h"]).lines().count(), 5);
    let sound = site.good(&["verify"]);
    assert!(
        sound.contains("rows        5 in order, 1 of them operations") && sound.contains("chain       sound")
    );
    let db = rusqlite::Connection::open(site.path()).expect("it opens");
    db.execute_batch("DROP TRIGGER history_is_not_changed; UPDATE history SET time = 1 WHERE seq = 3")
        .expect("nothing is safe from the owner of the file");
    let broken = site.bad(&["verify"]);
    assert!(broken.contains("the journal is not sound: row 3 was changed"), "{broken}");
}

#[test]
fn a_damaged_file_is_told_without_sending_the_operator_in_a_circle() {
    let site = Site::new();
    let bytes = std::fs::read(site.path()).expect("readable");
    for from in [0, 4096] {
        let mut broken = bytes.clone();
        broken[from..].fill(0x5a);
        std::fs::write(site.path(), broken).expect("writable");
        let said = site.bad(&["verify"]);
        assert!(
            said.contains("the journal is not sound") && !said.contains("alarms verify"),
            "{from}: {said}"
        );
        let e = site.bad(&["ack", "7"]);
        assert!(e.contains("run `hallwatch alarms verify`"), "{from}: {e}");
    }
}

#[test]
fn the_figures_count_what_the_history_tells() {
    let site = Site::new();
    let page = site.good(&["kpi"]);
    assert!(page.contains("standing                      2\n"), "{page}");
    let figures = site.json(&["kpi"]);
    assert_eq!((&figures["standing"], &figures["bins"].as_array().map(Vec::len)), (&2.into(), &Some(144)));
    assert_eq!(
        figures["per_day"],
        figures["mix"].as_array().expect("four").iter().filter_map(Value::as_u64).sum::<u64>()
    );
}

/// All keys of a JSON value with the way to them; elements of a list are one.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, inner)| {
            keys(inner, &format!("{path}.{name}"), found);
            found.insert(format!("{path}.{name}"));
        }),
        Value::Array(list) => list.iter().for_each(|v| keys(v, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn the_json_of_alarms_is_the_documented_one() {
    let site = Site::new();
    site.good(&["shelve", "18842", "--for", "2h", "--reason", "pump"]);
    let mut found = BTreeSet::new();
    for line in [&["ls"][..], &["show", "18842"], &["history"], &["verify"], &["kpi"], &["ack", "7"]] {
        keys(&site.json(line), "", &mut found);
    }
    let page = std::fs::read_to_string("docs/json.md").expect("the page is there");
    let page = page.split("# The JSON of `alarms`").nth(1).expect("a part about alarms");
    let missing: Vec<_> = found
        .iter()
        .filter(|path| path.rsplit('.').next().is_some_and(|name| !page.contains(&format!("`{name}`"))))
        .collect();
    assert!(missing.is_empty(), "docs/json.md does not explain {missing:?}");
}
