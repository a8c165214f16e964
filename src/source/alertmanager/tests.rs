//! Checks of what is read, posted and silenced.

use std::collections::HashMap;

use super::mirror::{MARK, Mirror, Step};
use super::post::{Ledger, MAX_POSTED, Mail};
use super::read::{Answer, MAX_ALERTS};
use super::wire::{Alert, PostSilence, Silence, SilenceStatus, read_time, show_time};
use super::*;
use crate::model::alarm::{Alarm, AlarmId, AlarmState, Note, Origin};
use crate::model::{Asset, HallId, Timestamp};

mod http;

const T: Timestamp = Timestamp(1_795_316_400_000);

fn config() -> AlertmanagerConfig {
    AlertmanagerConfig::new(vec![parse_url("http://a:9093").expect("a good address")])
}

fn alarm(id: u64, state: AlarmState) -> Alarm {
    Alarm {
        title: "Leak in rack".into(),
        asset: Some(Asset::Hall(HallId::new(0))),
        priority: 1,
        state,
        active: true,
        raised: T,
        changed: T,
        occurrences: 1,
        text: "rope WET".into(),
        ..Alarm::normal(AlarmId(id), &"rack-leak".into(), &"H1".into())
    }
}

fn view(alarms: Vec<Alarm>) -> View {
    let alarms = alarms.into_iter().map(Arc::new).collect();
    let board = AlarmBoard { alarms, journal: JournalState::Leading, ..AlarmBoard::default() };
    View { board: Arc::new(board), topology: Arc::new(Topology::default_site()) }
}

fn following(view: &View) -> View {
    let board = AlarmBoard { journal: JournalState::Following("other".into()), ..(*view.board).clone() };
    View { board: Arc::new(board), ..view.clone() }
}

fn after(ms: i64) -> Timestamp {
    T.plus_millis(ms)
}

fn ledger() -> Ledger {
    Ledger::new(Duration::from_secs(60))
}

/// Name and whether it is over, of each alert.
fn told(mail: &Mail, now: Timestamp) -> Vec<(String, bool)> {
    let over = |a: &wire::PostAlert| read_time(&a.ends_at).expect("a time") <= now;
    mail.alerts.iter().map(|a| (a.labels["priority"].clone(), over(a))).collect()
}

#[test]
fn an_alarm_is_posted_repeated_and_resolved_once() {
    let (mut ledger, standing) = (ledger(), view(vec![alarm(1, AlarmState::Unacknowledged)]));
    let mail = ledger.plan(&standing, T);
    let alert = &mail.alerts[0];
    assert_eq!(alert.ends_at, show_time(after(180_000)), "it outlives three repeats");
    let labels: Vec<_> = alert.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert_eq!(
        labels.join(" "),
        "alarm=000001 alertname=rack-leak asset=H1 hall=H1 priority=P1 severity=critical site=Kvandal source=hallwatch"
    );
    assert_eq!(alert.annotations["summary"], "Leak in rack at H1");
    ledger.settle(mail, true, T);
    assert_eq!(ledger.plan(&standing, after(59_999)), Mail::default(), "nothing new");
    let again = ledger.plan(&standing, after(60_000));
    assert_eq!(told(&again, after(60_000)), [("P1".to_owned(), false)]);
    ledger.settle(again, true, after(60_000));
    let over = ledger.plan(&view(Vec::new()), after(61_000));
    assert_eq!(told(&over, after(61_000)), [("P1".to_owned(), true)]);
    ledger.settle(over, true, after(61_000));
    assert_eq!(ledger.plan(&view(Vec::new()), after(62_000)), Mail::default());
}

#[test]
fn another_priority_is_another_alert() {
    let mut ledger = ledger();
    let mail = ledger.plan(&view(vec![Alarm { priority: 3, ..alarm(1, AlarmState::Acknowledged) }]), T);
    ledger.settle(mail, true, T);
    let worse = ledger.plan(&view(vec![alarm(1, AlarmState::Unacknowledged)]), after(1));
    assert_eq!(told(&worse, after(1)), [("P3".to_owned(), true), ("P1".to_owned(), false)]);
}

#[test]
fn what_is_put_aside_or_gone_or_foreign_is_not_posted() {
    for state in [AlarmState::Shelved, AlarmState::Suppressed, AlarmState::OutOfService] {
        assert_eq!(ledger().plan(&view(vec![alarm(1, state)]), T), Mail::default(), "{state:?}");
    }
    let gone = Alarm { active: false, ..alarm(1, AlarmState::ReturnedUnacknowledged) };
    assert_eq!(ledger().plan(&view(vec![gone]), T), Mail::default());
    let foreign = Alarm { origin: Origin::Alertmanager, ..alarm(1, AlarmState::Unacknowledged) };
    assert_eq!(ledger().plan(&view(vec![foreign]), T), Mail::default());
    let latched = Alarm { active: false, latched: true, ..alarm(1, AlarmState::LatchedAcknowledged) };
    assert_eq!(ledger().plan(&view(vec![latched]), T).alerts.len(), 1, "until it is reset");
}

#[test]
fn only_the_console_that_leads_posts_and_what_it_posted_is_not_resolved_by_another() {
    let (mut ledger, standing) = (ledger(), view(vec![alarm(1, AlarmState::Unacknowledged)]));
    let mail = ledger.plan(&standing, T);
    ledger.settle(mail, true, T);
    assert_eq!(ledger.plan(&following(&view(Vec::new())), after(1)), Mail::default());
    assert_eq!(ledger.plan(&view(Vec::new()), after(2)), Mail::default(), "it was the other one's");
}

#[test]
fn what_arrived_nowhere_is_planned_again_until_it_has_ended_by_itself() {
    let (mut ledger, standing) = (ledger(), view(vec![alarm(1, AlarmState::Unacknowledged)]));
    let lost = ledger.plan(&standing, T);
    ledger.settle(lost, false, T);
    let mail = ledger.plan(&standing, after(5_000));
    assert_eq!(mail.alerts.len(), 1);
    ledger.settle(mail, true, after(5_000));
    let over = ledger.plan(&view(Vec::new()), after(6_000));
    ledger.settle(over, false, after(6_000));
    let over = ledger.plan(&view(Vec::new()), after(200_000));
    assert_eq!(over.alerts.len(), 1);
    ledger.settle(over, false, after(200_000));
    assert_eq!(ledger.plan(&view(Vec::new()), after(201_000)), Mail::default());
}

#[test]
fn a_flood_is_bounded_and_the_most_urgent_go_first() {
    let many =
        (1..=MAX_POSTED as u64 + 7).map(|i| Alarm { priority: 4, ..alarm(i, AlarmState::Unacknowledged) });
    let urgent = alarm(99_999, AlarmState::Unacknowledged);
    let mut ledger = ledger();
    let mail = ledger.plan(&view(many.chain([urgent]).collect()), T);
    assert_eq!((mail.alerts.len(), ledger.beyond), (MAX_POSTED, 8));
    assert_eq!(mail.alerts[0].labels["priority"], "P1");
}

fn alert(fingerprint: &str, labels: &[(&str, &str)]) -> Alert {
    Alert {
        labels: labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        starts_at: show_time(T),
        fingerprint: fingerprint.to_owned(),
        ..Alert::default()
    }
}

fn answer(alerts: Vec<Alert>, silences: Vec<Silence>) -> Answer {
    Answer { alerts: alerts.into_iter().map(|a| (a.fingerprint.clone(), a)).collect(), silences }
}

fn silence(id: &str, comment: &str) -> Silence {
    Silence {
        id: id.to_owned(),
        status: SilenceStatus { state: "active".to_owned() },
        matchers: Vec::new(),
        starts_at: show_time(T),
        ends_at: show_time(after(900_000)),
        created_by: "kari".to_owned(),
        comment: comment.to_owned(),
    }
}

#[test]
fn an_alert_gives_name_priority_places_and_words_all_clean() {
    let mut a = alert(
        "f1",
        &[("alertname", "Disk\u{1b}[2J"), ("severity", "Critical"), ("Hostname", "n7"), ("x", "y")],
    );
    a.annotations.insert("description".to_owned(), "90 %\u{202e}".to_owned());
    let (list, beyond) = answer(vec![a], Vec::new()).alarms(&config(), T);
    let alarm = &list.alarms[0];
    assert_eq!((&*alarm.name, alarm.priority, &*alarm.text, beyond), ("Disk[2J", 1, "90 %", 0));
    assert_eq!(alarm.places, [("Hostname".into(), "n7".into())]);
    assert_eq!((alarm.starts_at, &alarm.suppressed), (T, &None));
    let nameless = answer(vec![alert("f2", &[])], Vec::new()).alarms(&config(), T).0;
    assert_eq!((&*nameless.alarms[0].name, nameless.alarms[0].priority), ("unnamed", 3));
}

#[test]
fn the_silence_of_an_acknowledgement_suppresses_nothing_and_any_other_does() {
    let why = |by: &[&str]| {
        let mut a = alert("f", &[("alertname", "X")]);
        a.status.silenced_by = by.iter().map(|s| (*s).to_owned()).collect();
        let silences = vec![silence("1", &format!("{MARK}: on it")), silence("2", "disk swap")];
        let (list, _) = answer(vec![a], silences).alarms(&config(), T);
        list.alarms[0].suppressed.as_deref().map(str::to_owned)
    };
    assert_eq!(why(&["1"]), None);
    assert_eq!(why(&["1", "2"]).as_deref(), Some("silenced in Alertmanager by kari: disk swap"));
    assert_eq!(why(&["unknown"]).as_deref(), Some("silenced in Alertmanager"));
    let mut a = alert("f", &[]);
    a.status.inhibited_by = vec!["g".to_owned()];
    let (list, _) = answer(vec![a], Vec::new()).alarms(&config(), T);
    assert!(list.alarms[0].suppressed.as_deref().is_some_and(|w| w.contains("inhibited")));
}

#[test]
fn too_many_alerts_are_cut_and_our_own_never_come_back() {
    let many = (0..MAX_ALERTS + 5).map(|i| alert(&format!("{i}"), &[("severity", "info")]));
    let urgent = alert("urgent", &[("severity", "critical")]);
    let (list, beyond) = answer(many.chain([urgent]).collect(), Vec::new()).alarms(&config(), T);
    assert_eq!((list.alarms.len(), beyond), (MAX_ALERTS, 6));
    assert_eq!(&*list.alarms[0].fingerprint, "urgent");
    let json = br#"[{"labels":{"alertname":"a","source":"hallwatch"},"fingerprint":"1"},{"labels":{},"fingerprint":"2"}]"#;
    let read = Answer::parse(json, b"[]").expect("valid");
    assert_eq!(read.alerts.keys().collect::<Vec<_>>(), ["2"]);
    for wrong in [&b"{}"[..], b"", b"[1]", b"<html>"] {
        assert!(Answer::parse(wrong, b"[]").is_err() && Answer::parse(b"[]", wrong).is_err());
    }
}

fn acknowledged(id: u64) -> Alarm {
    let note = Note { operator: "kari".into(), time: T, comment: "on it".into() };
    Alarm { acknowledged: Some(note), ..alarm(id, AlarmState::Acknowledged) }
}

/// The only step, which puts a silence.
fn put(steps: Vec<Step>) -> PostSilence {
    match <[Step; 1]>::try_from(steps) {
        Ok([Step::Put(_, silence)]) => silence,
        other => panic!("expected one silence: {other:?}"),
    }
}

#[test]
fn an_acknowledgement_is_silenced_prolonged_and_ended_on_re_alarm() {
    let (mut mirror, none) = (Mirror::new(true), HashMap::new());
    let acked = view(vec![acknowledged(1)]);
    let first = put(mirror.plan(&acked, &none, T));
    assert_eq!((&*first.created_by, &first.id), ("kari", &None));
    assert_eq!(first.comment, "ACK by hallwatch: on it (alarm 000001 at H1)");
    assert_eq!(first.ends_at, show_time(after(15 * 60_000)));
    assert!(first.matchers.iter().any(|m| m.name == "alarm" && m.value == "000001" && m.is_equal));
    mirror.put(&acked, (AlarmId(1), "s1".to_owned()), &first);
    assert!(mirror.plan(&acked, &none, after(10 * 60_000)).is_empty(), "five minutes are left");
    let longer = put(mirror.plan(&acked, &none, after(10 * 60_000 + 1)));
    assert_eq!((longer.id.as_deref(), &longer.starts_at), (Some("s1"), &first.starts_at));
    mirror.put(&acked, (AlarmId(1), "s2".to_owned()), &longer);
    let again = view(vec![alarm(1, AlarmState::Unacknowledged)]);
    assert_eq!(mirror.plan(&again, &none, after(700_000)), [Step::End(AlarmId(1), "s2".to_owned())]);
    assert!(mirror.plan(&following(&again), &none, after(700_000)).is_empty(), "another console leads");
    mirror.end(AlarmId(1));
    assert!(mirror.plan(&again, &none, after(700_000)).is_empty());
}

#[test]
fn what_runs_out_while_nobody_answers_is_made_anew() {
    let (mut mirror, none, acked) = (Mirror::new(true), HashMap::new(), view(vec![acknowledged(1)]));
    let first = put(mirror.plan(&acked, &none, T));
    mirror.put(&acked, (AlarmId(1), "s1".to_owned()), &first);
    let late = put(mirror.plan(&acked, &none, after(16 * 60_000)));
    assert_eq!((late.id, late.starts_at), (None, show_time(after(16 * 60_000))));
}

#[test]
fn a_silence_of_an_earlier_run_is_found_again_and_one_that_somebody_ended_is_let_go() {
    let (mut mirror, none, acked) = (Mirror::new(true), HashMap::new(), view(vec![acknowledged(1)]));
    let made = put(mirror.plan(&acked, &none, T));
    let mut matchers = made.matchers.clone();
    matchers.reverse();
    let there = Silence { matchers, ..silence("s1", &made.comment) };
    mirror.look(&acked, &none, std::slice::from_ref(&there));
    assert!(mirror.plan(&acked, &none, after(1000)).is_empty(), "it is there already");
    assert_eq!(mirror.standing(), 1);
    let ended = Silence { status: SilenceStatus { state: "expired".to_owned() }, ..there };
    mirror.look(&acked, &none, &[ended]);
    assert!(mirror.plan(&acked, &none, after(16 * 60_000)).is_empty(), "he wants to be notified");
}

#[test]
fn a_foreign_alarm_is_silenced_by_all_its_labels_and_ours_only_where_it_is_posted() {
    let mirror = Mirror::new(false);
    let foreign = Alarm { origin: Origin::Alertmanager, fingerprint: "f".into(), ..acknowledged(2) };
    let both = view(vec![acknowledged(1), foreign]);
    let labels = [("alertname", "X"), ("device", "sda\"}")];
    let alerts = HashMap::from([("f".to_owned(), alert("f", &labels))]);
    let made = put(mirror.plan(&both, &alerts, T));
    let matched: Vec<_> = made.matchers.iter().map(|m| (&*m.name, &*m.value)).collect();
    assert_eq!(matched, labels, "as they are: a matcher compares, it is no expression");
    assert!(mirror.plan(&both, &HashMap::new(), T).is_empty(), "an alert that is gone needs none");
}

#[test]
fn a_shelf_is_no_silence() {
    let shelved = Alarm { state: AlarmState::Shelved, ..acknowledged(1) };
    assert!(Mirror::new(true).plan(&view(vec![shelved]), &HashMap::new(), T).is_empty());
}

#[test]
fn addresses_are_checked() {
    assert_eq!(parse_url("http://a:9093/am").expect("good").as_str(), "http://a:9093/am/");
    for bad in ["a:9093", "ftp://a", "http://a/?x=1", "", "http://"] {
        assert!(parse_url(bad).is_err(), "{bad}");
    }
}
