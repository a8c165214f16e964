//! The source without a broker: what is heard on one side, entries on the other, time by hand.

use super::*;
use crate::model::plant::PlantQuality;

const CLOCK: fn() -> Timestamp = || Timestamp(1_700_000_000_000);

fn bus() -> (Bus, mpsc::Receiver<Entry>) {
    let (tx, rx) = mpsc::channel(8);
    let outlet = Outlet { source: 3, tx, clock: CLOCK };
    (Bus::new("mqtt broker:1883".into(), Placing::new(&[]).expect("valid"), outlet), rx)
}

fn message(topic: &str, payload: &str) -> Heard {
    Heard::Message { topic: topic.into(), payload: payload.to_owned().into(), kept: false }
}

fn entries(rx: &mut mpsc::Receiver<Entry>) -> Vec<Entry> {
    std::iter::from_fn(|| rx.try_recv().ok()).collect()
}

fn note(entries: &[Entry]) -> String {
    let mut notes = entries.iter().filter_map(|e| match e {
        Entry::Source(status) => status.note.clone(),
        _ => None,
    });
    notes.next_back().expect("a report")
}

#[test]
fn addresses_are_read_and_secrets_in_them_refused() {
    assert_eq!(address("mqtt://bus.site:1884"), Ok(("bus.site".into(), 1884, false, None)));
    assert_eq!(address("mqtts://me@bus"), Ok(("bus".into(), 8883, true, Some("me".into()))));
    assert_eq!(address("mqtt://[::1]:1883").map(|a| a.0), Ok("::1".into()));
    let e = address("mqtt://me:hunter2@bus").expect_err("a password");
    assert!(e.contains("password_file") && !e.contains("hunter2"), "{e}");
    for wrong in ["bus:1883", "http://bus", "mqtt://bus/BMS/v1", "mqtt://"] {
        let e = address(wrong).expect_err(wrong);
        assert!(e.contains("mqtt://host:1883"), "{wrong}: {e}");
    }
}

#[test]
fn values_go_out_with_their_heartbeat_and_the_state_is_reported() {
    let (mut bus, mut rx) = bus();
    bus.hear(Heard::Connected("MQTT 5"));
    let tag = "Rack/RackPower/x/pod1C/rowE/rack02/power";
    bus.hear(message(
        &format!("BMS/v1/PUB/Metadata/{tag}"),
        r#"{"rackLocationId":"Pod1C-E02","engUnit":"W"}"#,
    ));
    bus.hear(message(
        &format!("BMS/v1/PUB/Value/{tag}"),
        r#"{"value":35200,"timestamp":1700000000000,"quality":1}"#,
    ));
    bus.hear(message(
        "BMS/v1/PUB/Value/System/HeartbeatTimestampBms/bms",
        r#"{"value":1700000000000,"timestamp":1700000000000,"quality":1}"#,
    ));
    bus.deliver().expect("there is room");
    let told = entries(&mut rx);
    let Some(Entry::Batch(batch)) = told.first() else { panic!("{told:?}") };
    assert_eq!((batch.source, batch.plant.len()), (3, 1));
    let reading = &batch.plant[0];
    assert_eq!((reading.value, reading.point.unit.as_str()), (35.2, "kW"));
    assert_eq!(reading.quality, PlantQuality::Good);
    assert_eq!(batch.facility, [FacilityReading::Site(SitePoint::BmsHeartbeat, 0.0)]);
    assert_eq!(note(&told), "1 points; MQTT 5");
}

#[test]
fn an_engine_that_is_behind_gets_the_newest_value_of_each_point() {
    let (mut bus, mut rx) = bus();
    let tag = "Rack/RackPower/x/pod1C/rowE/rack02/power";
    let value =
        |v: u32| message(&format!("BMS/v1/PUB/Value/{tag}"), &format!("{{\"value\":{v},\"quality\":1}}"));
    bus.hear(message(&format!("BMS/v1/PUB/Metadata/{tag}"), r#"{"rackLocationId":"a","engUnit":"kW"}"#));
    let filler: Vec<_> = (0..8).map(|_| bus.outlet.tx.clone().try_reserve_owned().expect("room")).collect();
    for v in 1..100 {
        bus.hear(value(v));
        bus.deliver().expect("the engine is there, only behind");
    }
    drop(filler);
    bus.deliver().expect("there is room now");
    let told = entries(&mut rx);
    let values: Vec<f32> = told
        .iter()
        .filter_map(|e| if let Entry::Batch(b) = e { Some(b.plant.iter().map(|r| r.value)) } else { None })
        .flatten()
        .collect();
    assert_eq!(values, [99.0]);
    drop(rx);
    assert_eq!(bus.deliver(), Err(Stopped), "nobody listens any more");
}

#[test]
fn lost_silent_and_unplaced_are_three_different_words() {
    let (mut bus, mut rx) = bus();
    bus.hear(Heard::Lost("connection refused".into()));
    bus.deliver().expect("room");
    let told = entries(&mut rx);
    let Some(Entry::Source(status)) = told.last() else { panic!("{told:?}") };
    assert_eq!(status.targets[0].1.state, TargetState::Down("connection refused".into()));
    let old = r#"{"value":1699999900000,"timestamp":1699999900000,"quality":1}"#;
    let topic = "BMS/v1/PUB/Value/System/HeartbeatTimestampBms/bms".to_owned();
    bus.hear(Heard::Message { topic, payload: old.into(), kept: true });
    bus.hear(Heard::Connected("MQTT 3.1.1"));
    bus.hear(message("BMS/v1/PUB/Metadata/Chiller/Status/campus/ch7", r#"{"objectName":"CH-7"}"#));
    bus.deliver().expect("room");
    let said = note(&entries(&mut rx));
    assert_eq!(
        said,
        "BMS silent for 100 s (bms); 1 object matches no placing rule; first: CH-7; 0 points; MQTT 3.1.1"
    );
}
