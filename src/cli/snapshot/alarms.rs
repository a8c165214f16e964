//! Alarms of a snapshot as JSON. Documented in docs/json.md; fields are only ever added.

use serde_json::{Value, json};

use crate::cli::snapshot::figures::{head, number};
use crate::fleet::Snapshot;
use crate::model::alarm::{Alarm, AlarmBoard, JournalState, Note};

/// The object of `--view alarms`: every alarm that stands, in the order of the list, how many are in
/// which state, and the figures of the alarm system.
#[must_use]
pub fn object(snapshot: &Snapshot) -> Value {
    let board = &*snapshot.alarms;
    let mut root = head(snapshot);
    let c = &board.counts;
    root.insert("alarms".into(), board.alarms.iter().map(|a| alarm(a)).collect());
    root.insert(
        "counts".into(),
        json!({
            "by_priority": c.by_priority,
            "unacknowledged": c.unacknowledged,
            "shelved": c.shelved,
            "suppressed": c.suppressed,
            "out_of_service": c.out_of_service,
        }),
    );
    root.insert("kpi".into(), kpi(board));
    root.insert("journal".into(), journal(board));
    Value::Object(root)
}

fn alarm(a: &Alarm) -> Value {
    let member = |m: &crate::model::alarm::Member| json!({ "time": m.time.to_string(), "place": m.place, "rule": m.rule });
    json!({
        "id": a.id.0,
        "rule": a.rule,
        "title": a.title,
        "place": a.place,
        "priority": a.priority,
        "state": a.state,
        "active": a.active,
        "raised": a.raised.to_string(),
        "cleared": a.cleared.map(|t| t.to_string()),
        "occurrences": a.occurrences,
        "chattering": a.chattering,
        "value": a.text,
        "gpus": a.gpus,
        "member_count": a.member_count,
        "members": a.members.iter().map(member).collect::<Vec<_>>(),
        "acknowledged": a.acknowledged.as_ref().map(note),
        "shelf": a.shelf.as_ref().map(|s| {
            json!({ "note": note(&s.note), "until": s.until.to_string(), "one_shot": s.one_shot })
        }),
        "service": a.service.as_ref().map(note),
        "comment": a.comment.as_ref().map(note),
        "suppressed_by": a.suppressed_by.map(|id| id.0),
    })
}

fn note(n: &Note) -> Value {
    json!({ "operator": n.operator, "time": n.time.to_string(), "comment": n.comment })
}

fn kpi(board: &AlarmBoard) -> Value {
    let k = &board.kpi;
    json!({
        "per_10_min": k.per_10_min,
        "per_hour": k.per_hour,
        "per_day": k.per_day,
        "flood": k.flood,
        "flood_share": number(k.flood_share.into()),
        "busy_share": number(k.busy_share.into()),
        "peak_10_min": k.peak_10_min,
        "standing": k.standing,
        "stale": k.stale,
        "chattering": k.chattering,
        "mean_ack_s": k.mean_ack_s.map(|s| number(s.into())),
        "mix": k.mix,
        "watched_s": k.watched_ms / 1000,
    })
}

fn journal(board: &AlarmBoard) -> Value {
    match &board.journal {
        JournalState::None => json!({ "state": "none" }),
        JournalState::Leading => json!({ "state": "leading" }),
        JournalState::Following(by) => json!({ "state": "following", "by": by }),
        JournalState::Broken(why) => json!({ "state": "broken", "why": why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::{AlarmCounts, AlarmState, Shelf};
    use crate::model::{Timestamp, Topology};
    use crate::ui::alarms::filter::tests::alarm as sample;
    use std::sync::Arc;

    #[test]
    fn every_alarm_that_stands_is_told_with_its_state_and_who_did_what() {
        let time = Timestamp::from_secs(0);
        let note = Note { operator: "kari".into(), time, comment: "chatters".into() };
        let shelf = Some(Shelf { note, until: Timestamp::from_secs(900), one_shot: true });
        let shelved = Alarm { shelf, state: AlarmState::Shelved, ..sample() };
        let alarms: Arc<[Arc<Alarm>]> = [sample(), shelved].map(Arc::new).into();
        let counts = AlarmCounts::of(alarms.iter().map(|a| &**a));
        let board = AlarmBoard { alarms, counts, journal: JournalState::Leading, ..AlarmBoard::default() };
        let empty = Snapshot::empty(Arc::new(Topology::default_site()), time);
        let v = object(&Snapshot { alarms: Arc::new(board), ..empty });
        assert_eq!(
            (&v["alarms"][0]["state"], &v["alarms"][1]["state"]),
            (&json!("unacknowledged"), &json!("shelved"))
        );
        assert_eq!(v["alarms"][1]["shelf"]["until"], "1970-01-01T00:15:00Z");
        assert_eq!(v["alarms"][1]["shelf"]["note"]["operator"], "kari");
        assert_eq!(v["counts"]["by_priority"], json!([1, 0, 0, 0]));
        assert_eq!(
            (&v["journal"]["state"], &v["alarms"][0]["value"]),
            (&json!("leading"), &json!("rope WET"))
        );
    }
}
