//! Alertmanager, both ways, against the real one of Debian: alone and as a cluster of two. Where it is
//! not installed these say so and check nothing; `tests/real/alertmanager` installs it.

#[path = "alertmanager/console.rs"]
mod console;
#[path = "support/hall.rs"]
mod hall;
#[path = "alertmanager/manager.rs"]
mod manager;
#[allow(dead_code, reason = "only its topology is used here")]
#[path = "alarms/site.rs"]
mod site;

use console::{Console, config};
use hallwatch::model::alarm::{AlarmState, Origin, Verb};
use hallwatch::model::entry::TargetState;
use hallwatch::source::alertmanager::wire::{Matcher, PostSilence, show_time};
use manager::{Manager, is_installed, now, until};

const HOUR: i64 = 3_600_000;
/// The rule whose alarm the tests raise.
const OURS: &str = "leak-sensor-fault";
const THEIRS: [(&str, &str); 4] =
    [("alertname", "DiskFull"), ("severity", "critical"), ("node", "H1-R01-K2"), ("device", "sda")];

#[tokio::test]
async fn an_alert_is_an_alarm_at_its_asset_until_it_is_gone() {
    if !is_installed() {
        return;
    }
    let manager = Manager::start(None).await;
    let console = Console::start(config(&[&manager]));
    manager.fire(&THEIRS, HOUR).await;
    let alarm = console.wait("am:DiskFull", AlarmState::Unacknowledged).await.expect("it stands");
    assert_eq!((&*alarm.place, alarm.priority, alarm.origin), ("H1-R01-K2", 1, Origin::Alertmanager));
    assert_eq!(&*alarm.text, "the disk [31mis full", "clean");
    assert!(now().since(alarm.raised) >= 60_000, "it has stood since before this console looked");

    // A second one of the name at the place is another alarm.
    manager.fire(&[THEIRS[0], THEIRS[2], ("device", "sdb")], HOUR).await;
    let both = || console.handle.snapshots.borrow().alarms.alarms.len() == 2;
    until("two alarms", || async { both().then_some(()) }).await;

    manager.fire(&THEIRS, 0).await;
    console.wait("am:DiskFull", AlarmState::ReturnedUnacknowledged).await;
}

#[tokio::test]
async fn an_acknowledgement_of_an_alert_is_a_silence_and_no_suppression() {
    if !is_installed() {
        return;
    }
    let manager = Manager::start(None).await;
    let console = Console::start(config(&[&manager]));
    manager.fire(&THEIRS, HOUR).await;
    let alarm = console.wait("am:DiskFull", AlarmState::Unacknowledged).await.expect("it stands");
    let number = console.operate(alarm.id, Verb::Acknowledge, "on it").await;
    let silence = until("a silence", || async { manager.silences().await.into_iter().next() }).await;
    assert_eq!(silence.created_by, "kari");
    assert!(silence.comment.starts_with("ACK by hallwatch: on it"), "{}", silence.comment);
    assert_eq!(silence.matchers.len(), THEIRS.len(), "it is about this alert alone");
    let quiet = || async { manager.alert("DiskFull").await.filter(|a| a.status.state == "suppressed") };
    let alert = until("it is quiet there", quiet).await;
    assert_eq!(alert.status.silenced_by, std::slice::from_ref(&silence.id));

    // Here it is acknowledged: neither suppressed nor shelved.
    console.polled().await;
    console.polled().await;
    let alarm = console.alarm("am:DiskFull").expect("it stands");
    assert_eq!((alarm.state, alarm.shelf.is_some()), (AlarmState::Acknowledged, false));

    console.operate(alarm.id, Verb::Undo(number), "").await;
    console.wait("am:DiskFull", AlarmState::Unacknowledged).await;
    until("the silence ends", || async { manager.silences().await.is_empty().then_some(()) }).await;

    // A silence that somebody made there is no acknowledgement, and no shelf.
    let theirs = PostSilence {
        id: None,
        matchers: vec![Matcher::equal("alertname", "DiskFull")],
        starts_at: show_time(now()),
        ends_at: show_time(now().plus_millis(HOUR)),
        created_by: "ola".into(),
        comment: "disk is being changed".into(),
    };
    let id = manager.member().post_silence(&theirs, None).await.expect("it takes silences");
    let alarm = console.wait("am:DiskFull", AlarmState::Suppressed).await.expect("it stands");
    let said = alarm.steps.last().map(|s| s.text.to_string()).unwrap_or_default();
    assert!(said.contains("by ola: disk is being changed") && alarm.shelf.is_none(), "{said}");
    manager.member().end_silence(&id, None).await.expect("it ends");
    console.wait("am:DiskFull", AlarmState::Unacknowledged).await;
}

#[tokio::test]
async fn our_alarm_stands_there_until_it_clears_here() {
    if !is_installed() {
        return;
    }
    let manager = Manager::start(None).await;
    let console = Console::start(config(&[&manager]));
    console.sensor(true).await;
    let alarm = console.wait(OURS, AlarmState::Unacknowledged).await.expect("it stands");
    let alert = until("it is posted", || manager.alert(OURS)).await;
    let labels = &alert.labels;
    assert_eq!((&*labels["source"], &*labels["asset"]), ("hallwatch", "H1-R01-K1"));
    assert_eq!((&*labels["hall"], &*labels["row"], &*labels["rack"]), ("H1", "R01", "K1"));
    assert_eq!(labels["alarm"], alarm.id.to_string());
    assert!(
        alert.annotations["summary"].ends_with("at H1-R01-K1") && alert.annotations.contains_key("action")
    );

    // It is repeated before it ends there, and does not come back as somebody else's.
    let first = alert.ends_at.clone();
    until("it is repeated", || async { manager.alert(OURS).await.filter(|a| a.ends_at > first) }).await;
    assert!(console.alarm(&format!("am:{OURS}")).is_none(), "an echo is no alarm");

    let number = console.operate(alarm.id, Verb::Acknowledge, "").await;
    let silence = until("a silence", || async { manager.silences().await.into_iter().next() }).await;
    assert_eq!(silence.created_by, "kari");
    let quiet = || async { manager.alert(OURS).await.filter(|a| a.status.state == "suppressed") };
    until("it is quiet there", quiet).await;
    console.operate(alarm.id, Verb::Undo(number), "").await;
    until("the silence ends", || async { manager.silences().await.is_empty().then_some(()) }).await;

    // What is shelved here is over there, and no silence.
    let until_when = now().plus_millis(HOUR);
    console.operate(alarm.id, Verb::Shelve { until: until_when, one_shot: false }, "being changed").await;
    until("it is over there", || async { manager.alert(OURS).await.is_none().then_some(()) }).await;
    assert!(manager.silences().await.is_empty());
    console.operate(alarm.id, Verb::Unshelve, "").await;
    until("it is posted again", || manager.alert(OURS)).await;

    console.sensor(false).await;
    console.wait(OURS, AlarmState::ReturnedUnacknowledged).await;
    until("it is resolved", || async { manager.alert(OURS).await.is_none().then_some(()) }).await;
}

#[tokio::test]
async fn two_members_are_one_cluster_and_either_is_enough() {
    if !is_installed() {
        return;
    }
    let mut first = Manager::start(None).await;
    let second = Manager::start(Some(&first)).await;
    until("they know each other", || async { (second.peers().await == 2).then_some(()) }).await;
    let console = Console::start(config(&[&first, &second]));
    console.sensor(true).await;
    let alarm = console.wait(OURS, AlarmState::Unacknowledged).await.expect("it stands");
    until("it is posted to the first", || first.alert(OURS)).await;
    until("and to the second", || second.alert(OURS)).await;

    // A silence is posted to one and seen in the other: that is what members share.
    console.operate(alarm.id, Verb::Acknowledge, "with the mechanic").await;
    for manager in [&first, &second] {
        let silence = until("a silence", || async { manager.silences().await.into_iter().next() }).await;
        assert_eq!(silence.created_by, "kari");
    }
    assert_eq!((first.silences().await.len(), second.silences().await.len()), (1, 1), "one, not two");

    first.stop();
    let down = || console.targets().first().is_some_and(|t| matches!(t.state, TargetState::Down(_)));
    until("the first is told to be down", || async { down().then_some(()) }).await;
    assert_eq!(console.targets()[1].state, TargetState::Up);
    second.fire(&THEIRS, HOUR).await;
    console.wait("am:DiskFull", AlarmState::Unacknowledged).await;
    console.sensor(false).await;
    until("it is resolved", || async { second.alert(OURS).await.is_none().then_some(()) }).await;
    until("the silence ends", || async { second.silences().await.is_empty().then_some(()) }).await;
}

#[tokio::test]
async fn silence_of_the_source_neither_raises_nor_clears() {
    if !is_installed() {
        return;
    }
    let mut manager = Manager::start(None).await;
    let console = Console::start(config(&[&manager]));
    manager.fire(&THEIRS, HOUR).await;
    console.wait("am:DiskFull", AlarmState::Unacknowledged).await;
    manager.stop();
    let failed = || console.targets().first().is_some_and(|t| t.failures >= 3);
    until("it is down for some polls", || async { failed().then_some(()) }).await;
    let alarm = console.alarm("am:DiskFull").expect("it stands");
    assert!(alarm.active && alarm.state == AlarmState::Unacknowledged);
}

#[tokio::test]
async fn the_settings_start_it_and_a_host_is_found_by_its_name() {
    use hallwatch::cli::args::Options;
    use hallwatch::cli::config::{Surroundings, load_in};

    if !is_installed() {
        return;
    }
    let manager = Manager::start(None).await;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = format!(
        "[[source]]\nkind = \"local\"\n[alertmanager]\nurls = \"{}\"\ninterval = \"1s\"\n",
        manager.url
    );
    std::fs::write(dir.path().join("config.toml"), text).expect("writable");
    let around = Surroundings { user: Some(dir.path().to_owned()), ..Surroundings::default() };
    let settings = load_in(&Options::default(), &around).expect("good settings");
    let handle = hallwatch::cli::start::prepare(&settings).expect("nothing is wrong").spawn();
    let topology = || handle.snapshots.borrow().frame.topology.clone();
    let here = || topology().trays().first().map(|t| t.host.clone());
    let host = until("this machine is seen", || async { here() }).await;
    let instance = format!("{host}:9100");
    manager.fire(&[("alertname", "NodeDown"), ("instance", &instance)], HOUR).await;
    let alarm = || handle.snapshots.borrow().alarms.alarms.first().cloned();
    let alarm = until("it is an alarm", || async { alarm() }).await;
    assert_eq!((&*alarm.rule, alarm.asset), ("am:NodeDown", topology().find(&alarm.place).ok()));
    assert!(alarm.asset.is_some_and(|a| matches!(a, hallwatch::model::Asset::Tray(_))), "{alarm:?}");
    assert!(manager.alerts().await.iter().all(|a| !a.labels.contains_key("source")), "nothing is posted");
}

#[tokio::test]
async fn a_silence_that_is_prolonged_stays_one_silence() {
    if !is_installed() {
        return;
    }
    let manager = Manager::start(None).await;
    let minutes = |n: i64| show_time(now().plus_millis(n * 60_000));
    let mut silence = PostSilence {
        id: None,
        matchers: vec![Matcher::equal("alertname", "X")],
        starts_at: show_time(now()),
        ends_at: minutes(4),
        created_by: "kari".into(),
        comment: "ACK by hallwatch: on it".into(),
    };
    let id = manager.member().post_silence(&silence, None).await.expect("it takes silences");
    let first = manager.silences().await.remove(0);
    (silence.id, silence.starts_at, silence.ends_at) = (Some(id), first.starts_at, minutes(15));
    let id = manager.member().post_silence(&silence, None).await.expect("it takes them again");
    let now_there = manager.silences().await;
    assert_eq!(now_there.iter().map(|s| &s.id).collect::<Vec<_>>(), [&id], "the number may change");
    assert!(now_there[0].ends_at > first.ends_at, "{now_there:?}");
    manager.member().end_silence(&id, None).await.expect("it ends");
    manager.member().end_silence(&id, None).await.expect("once more is as good");
    let nobody = "00000000-0000-4000-8000-000000000000";
    manager.member().end_silence(nobody, None).await.expect("one that was never there, too");
    assert!(manager.silences().await.is_empty());
}
