//! Alarms as JSON for programs: stable, documented in docs/json.md.

use serde_json::{Map, Value, json};

use crate::cli::args::alarms::state_word;
use crate::journal::{Event, HistoryRow};
use crate::model::Timestamp;
use crate::model::alarm::{Alarm, Note, Operation, Origin, Transition, Verb};
use crate::model::text::is_safe;

/// `text` without what could steer a terminal, at its full length.
#[must_use]
pub fn safe(text: &str) -> String {
    text.chars().filter(|c| is_safe(*c)).collect()
}

fn time(t: Timestamp) -> Value {
    Value::String(t.to_string())
}

fn note(n: &Note) -> Map<String, Value> {
    let pairs = [
        ("operator", json!(safe(&n.operator))),
        ("time", time(n.time)),
        ("comment", json!(safe(&n.comment))),
    ];
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

/// One alarm; `long` with its members and last steps.
#[must_use]
pub fn alarm(a: &Alarm, long: bool) -> Value {
    let shelf = a.shelf.as_ref().map(|s| {
        let mut shelf = note(&s.note);
        shelf.insert("until".into(), time(s.until));
        shelf.insert("one_shot".into(), s.one_shot.into());
        shelf
    });
    let mut out = json!({
        "id": a.id.0,
        "rule": safe(&a.rule),
        "place": safe(&a.place),
        "title": safe(&a.title),
        "origin": match a.origin { Origin::Rule => "rule", Origin::Alertmanager => "alertmanager" },
        "priority": a.priority,
        "state": state_word(a.state),
        "active": a.active,
        "latched": a.latched,
        "chattering": a.chattering,
        "raised": time(a.raised),
        "cleared": a.cleared.map(time),
        "changed": time(a.changed),
        "occurrences": a.occurrences,
        "value": safe(&a.text),
        "gpus": a.gpus,
        "member_count": a.member_count,
        "acknowledged": a.acknowledged.as_ref().map(note),
        "shelf": shelf,
        "out_of_service": a.service.as_ref().map(note),
        "suppressed_by": a.suppressed_by.map(|id| id.0),
        "comment": a.comment.as_ref().map(note),
    });
    if long {
        out["members"] = a
            .members
            .iter()
            .map(|m| json!({"time": time(m.time), "rule": safe(&m.rule), "place": safe(&m.place)}))
            .collect();
        out["steps"] = a
            .steps
            .iter()
            .map(|s| {
                json!({
                    "time": time(s.time),
                    "input": s.input.name(),
                    "state": state_word(s.to),
                    "operator": safe(&s.operator),
                    "text": safe(&s.text),
                })
            })
            .collect();
    }
    out
}

/// One row of the history.
#[must_use]
pub fn row(row: &HistoryRow) -> Value {
    match &row.event {
        Event::Operation(o) => operation(row.seq, o),
        Event::Transition(t) => transition(row.seq, t),
    }
}

fn operation(seq: u64, o: &Operation) -> Value {
    let (until, one_shot) = match o.verb {
        Verb::Shelve { until, one_shot } => (Some(time(until)), Some(one_shot)),
        _ => (None, None),
    };
    json!({
        "seq": seq,
        "kind": "operation",
        "time": time(o.time),
        "operator": safe(&o.operator),
        "verb": o.verb.name(),
        "alarms": o.alarms.iter().map(|a| a.0).collect::<Vec<_>>(),
        "comment": safe(&o.comment),
        "until": until,
        "one_shot": one_shot,
    })
}

fn transition(seq: u64, t: &Transition) -> Value {
    json!({
        "seq": seq,
        "kind": "transition",
        "time": time(t.time),
        "alarm": t.alarm.0,
        "rule": safe(&t.rule),
        "place": safe(&t.place),
        "input": t.input.name(),
        "from": state_word(t.from),
        "to": state_word(t.to),
        "priority": t.priority,
        "operation": (t.operation > 0).then_some(t.operation),
        "text": safe(&t.text),
    })
}
