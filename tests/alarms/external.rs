//! Alerts of an Alertmanager as alarms: where they stand, when they are raised and when they clear.

use std::sync::Arc;

use hallwatch::model::alarm::{
    Alarm, AlarmId, AlarmState, ExternalAlarm, ExternalAlarms, JournalNews, Operation, Origin, Verb,
};
use hallwatch::model::{Entry, Timestamp};

use crate::site::Site;

fn alert(fingerprint: &str, places: &[(&str, &str)]) -> ExternalAlarm {
    ExternalAlarm {
        fingerprint: fingerprint.into(),
        name: "DiskFull".into(),
        priority: 2,
        places: places.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
        text: "90 %".into(),
        starts_at: Timestamp::from_secs(400),
        suppressed: None,
    }
}

fn hear(site: &mut Site, alarms: &[ExternalAlarm]) {
    let list = ExternalAlarms { time: site.time(), alarms: alarms.to_vec() };
    assert!(site.apply(&Entry::External(list)).is_empty(), "it comes with the next frame");
    site.tick();
}

/// The foreign alarms that stand.
fn standing(site: &Site) -> Vec<Arc<Alarm>> {
    let foreign = |a: &&Arc<Alarm>| a.origin == Origin::Alertmanager;
    let mut alarms: Vec<_> = site.board().alarms.iter().filter(foreign).cloned().collect();
    alarms.sort_by_key(|a| a.id);
    alarms
}

fn places(site: &Site) -> Vec<String> {
    standing(site).iter().map(|a| a.place.to_string()).collect()
}

fn operate(site: &mut Site, alarm: AlarmId, verb: Verb) {
    let (operator, comment) = ("kari".into(), "why".to_owned());
    let time = site.time();
    site.operate(Operation { number: 1, time, operator, verb, alarms: vec![alarm], comment });
}

/// Where an alert with these labels stands.
fn place(labels: &[(&str, &str)]) -> String {
    let mut site = Site::new(None);
    hear(&mut site, &[alert("f", labels)]);
    (0..31).for_each(|_| drop(site.tick()));
    places(&site).join(" ")
}

#[test]
fn an_alert_stands_at_the_deepest_place_that_its_labels_name() {
    assert_eq!(place(&[("asset", "KVD-H1-R01-K3")]), "H1-R01-K3");
    assert_eq!(place(&[("hall", "H1"), ("asset", "h1-r1-k3-t2")]), "H1-R01-K3-T02");
    assert_eq!(place(&[("hall", "H1"), ("row", "R02"), ("rack", "K1")]), "H1-R02-K1", "read together");
    assert_eq!(place(&[("hall", "H1"), ("row", "R77")]), "H1", "the part that exists");
    assert_eq!(place(&[]), "Kvandal", "without any label: the site");
    assert_eq!(place(&[("instance", "unknown:9100")]), "Kvandal");
}

#[test]
fn a_host_is_found_without_its_port_and_its_domain() {
    use hallwatch::engine::Core;
    use hallwatch::fleet::snapshot::EngineStatus;
    use hallwatch::model::batch::{GpuReading, HostFacts, HostReading, NodeReading};
    use hallwatch::model::topology::Plan;
    use hallwatch::model::topology::place::Placer;
    use hallwatch::model::{Batch, Metric};

    let topology = Arc::new(Plan::open("live").build().expect("small"));
    let mut core = Core::new(topology, Placer::default(), 1 << 16);
    let at = Timestamp::from_secs;
    let early = [alert("f1", &[("instance", "node7.dc.example:9100")]), alert("f2", &[("node", "NODE7")])];
    core.apply(&Entry::Tick(at(1)));
    core.apply(&Entry::External(ExternalAlarms { time: at(1), alarms: early.to_vec() }));
    core.apply(&Entry::Tick(at(2)));
    assert!(core.snapshot(EngineStatus::default()).alarms.alarms.is_empty(), "the host may still come");
    let mut gpu = GpuReading::new(0);
    gpu.set(Metric::Util, 1.0);
    let host = HostReading {
        facts: Arc::new(HostFacts { host: "node7.dc.example".into(), labels: Vec::new() }),
        gpus: vec![gpu],
        node: NodeReading::default(),
    };
    core.apply(&Entry::Batch(Batch { hosts: vec![host], ..Batch::new(0, at(3)) }));
    core.apply(&Entry::Tick(at(3)));
    let board = core.snapshot(EngineStatus::default()).alarms;
    let found: Vec<&str> = board.alarms.iter().map(|a| &*a.place).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|p| p.starts_with("unplaced-")), "{found:?}");
    assert!(found.iter().any(|p| p.ends_with(" #f2")), "two of one name at one place: {found:?}");
    assert!(board.alarms.iter().all(|a| a.asset.is_some() && a.gpus == 1));
}

#[test]
fn it_is_raised_when_it_appears_and_clears_when_it_is_gone() {
    let mut site = Site::new(None);
    let one = alert("f", &[("asset", "H1-R01-K1")]);
    hear(&mut site, std::slice::from_ref(&one));
    let alarm = standing(&site).remove(0);
    assert_eq!((&*alarm.rule, &*alarm.title, alarm.priority), ("am:DiskFull", "DiskFull", 2));
    assert_eq!((alarm.state, alarm.raised), (AlarmState::Unacknowledged, Timestamp::from_secs(400)));
    hear(&mut site, std::slice::from_ref(&one));
    assert_eq!(standing(&site)[0].occurrences, 1, "it stands still");
    (0..100).for_each(|_| drop(site.tick()));
    assert!(standing(&site)[0].active, "nothing was heard: nothing changes");

    operate(&mut site, alarm.id, Verb::Acknowledge);
    hear(&mut site, &[ExternalAlarm { priority: 1, ..one.clone() }]);
    assert_eq!(standing(&site)[0].state, AlarmState::Unacknowledged, "it got worse");
    hear(&mut site, &[]);
    assert_eq!(standing(&site)[0].state, AlarmState::ReturnedUnacknowledged);
    hear(&mut site, &[one]);
    let again = standing(&site).remove(0);
    assert_eq!((again.id, again.state, again.occurrences), (alarm.id, AlarmState::Unacknowledged, 2));
}

#[test]
fn two_alerts_of_one_name_at_one_place_are_two_alarms_and_keep_their_names() {
    let mut site = Site::new(None);
    let (a, b) = (alert("aaaaaaaaaa", &[("asset", "H1")]), alert("bbbbbbbbbb", &[("asset", "H1")]));
    hear(&mut site, std::slice::from_ref(&a));
    hear(&mut site, &[b.clone(), a]);
    assert_eq!(places(&site), ["H1", "H1 #bbbbbbbb"]);
    assert_eq!(standing(&site)[0].asset, standing(&site)[1].asset);
    hear(&mut site, &[b]);
    assert_eq!(standing(&site)[0].state, AlarmState::ReturnedUnacknowledged);
    assert_eq!(standing(&site)[1].state, AlarmState::Unacknowledged);
}

#[test]
fn what_is_silenced_there_is_suppressed_here_and_a_shelf_stays_a_shelf() {
    let mut site = Site::new(None);
    let one = alert("f", &[("asset", "H1")]);
    let quiet = ExternalAlarm { suppressed: Some("silenced by ola: swap".into()), ..one.clone() };
    hear(&mut site, std::slice::from_ref(&quiet));
    let alarm = standing(&site).remove(0);
    assert_eq!((alarm.state, alarm.shelf.is_some()), (AlarmState::Suppressed, false));
    assert!(alarm.steps.iter().any(|s| &*s.text == "silenced by ola: swap"));
    hear(&mut site, std::slice::from_ref(&one));
    assert_eq!(standing(&site)[0].state, AlarmState::Unacknowledged);

    let until = site.time().plus_millis(3_600_000);
    operate(&mut site, alarm.id, Verb::Shelve { until, one_shot: true });
    assert_eq!(standing(&site)[0].state, AlarmState::Shelved);
    hear(&mut site, std::slice::from_ref(&quiet));
    hear(&mut site, std::slice::from_ref(&one));
    assert_eq!(standing(&site)[0].state, AlarmState::Shelved, "the shelf is still running");
    hear(&mut site, &[]);
    assert!(standing(&site).is_empty(), "one-shot: it ended with the alert");
    hear(&mut site, std::slice::from_ref(&quiet));
    hear(&mut site, &[]);
    assert!(standing(&site).is_empty(), "it went while it was quiet");
}

#[test]
fn after_a_restart_the_alarm_is_found_again_by_its_fingerprint() {
    let mut site = Site::new(None);
    let (a, b) = (alert("aaaaaaaaaa", &[("asset", "H1")]), alert("bbbbbbbbbb", &[("asset", "H1")]));
    hear(&mut site, &[a.clone(), b.clone()]);
    let kept: Vec<Alarm> = standing(&site).iter().map(|a| (**a).clone()).collect();
    operate(&mut site, kept[1].id, Verb::Acknowledge);
    let kept: Vec<Alarm> = standing(&site).iter().map(|a| (**a).clone()).collect();

    let mut next = Site::new(None);
    next.apply(&Entry::Journal(JournalNews::Follow("other".into(), kept.clone())));
    next.apply(&Entry::External(ExternalAlarms { time: next.time(), alarms: vec![b.clone()] }));
    next.tick();
    assert!(standing(&next).iter().all(|a| a.active), "another console leads: it decides");
    next.apply(&Entry::Journal(JournalNews::Lead(kept)));
    next.tick();
    let now: Vec<_> = standing(&next).iter().map(|a| (a.place.to_string(), a.state)).collect();
    let want = [
        ("H1".to_owned(), AlarmState::ReturnedUnacknowledged),
        ("H1 #bbbbbbbb".to_owned(), AlarmState::Acknowledged),
    ];
    assert_eq!(now, want);
    assert!(standing(&next).iter().all(|a| a.asset.is_some()), "found on the site again");
}

#[test]
fn a_flood_of_alerts_is_taken_in_by_one_frame() {
    let mut site = Site::new(None);
    let list: Vec<ExternalAlarm> = (0..5_000)
        .map(|i| {
            alert(
                &format!("{i:08x}"),
                &[("instance", "nobody:9100"), ("asset", &format!("H1-R01-K{}", 1 + i % 8))],
            )
        })
        .collect();
    hear(&mut site, &list);
    assert_eq!(standing(&site).len(), 5_000);
    hear(&mut site, &list[..1]);
    assert_eq!(standing(&site).iter().filter(|a| a.active).count(), 1);
}
