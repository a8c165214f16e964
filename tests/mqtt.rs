//! The recorded facility bus of DSX Exchange, replayed through Mosquitto: every point of it ends on
//! the right asset with its unit and quality, over both versions of the protocol.

#[path = "mqtt/faults.rs"]
mod faults;
#[path = "support/mosquitto.rs"]
mod mosquitto;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hallwatch::fleet::Stage;
use hallwatch::model::entry::TargetState;
use hallwatch::model::plant::{PlantQuality, PlantReading};
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Asset, CduPoint, Entry, HallPoint, RackPoint, RowPoint, Timestamp, Topology};
use hallwatch::source::Outlet;
use hallwatch::source::mqtt::place::Placing;
use hallwatch::source::mqtt::{self, BrokerConfig, MqttConfig, Version};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::sync::mpsc;
use tokio::time::timeout;

use mosquitto::Mosquitto;

const CSV: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/samples/dsx-exchange_bms_exemplar.csv");
/// Longest wait for anything: a slow machine may take long, a right answer does not depend on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The pod row of the recording.
const SITE: &str = r#"
[site]
name = "Titan"

[[gpu]]
name = "GB300"
memory_mib = 284208
tdp_w = 1400
idle_w = 166
max_clock_mhz = 2070
zero_margin_c = 87
slowdown_c = 89
shutdown_c = 92

[[rack]]
name = "NVL72"
gpu = "GB300"
trays = 18
gpus_per_tray = 4
switch_trays = 9
power_shelves = 8
tdp_kw = 136
cooling = "liquid"

[[hall]]
names = ["pod1C"]
rows = ["rowE"]
racks_per_row = ["rack01", "rack02", "rack03", "rack04", "rack05", "rack06"]
rack = "NVL72"
cdus_per_row = 1
"#;
/// The unit has another name here than on the bus.
const ASSETS: &str = "name,hall,row,cdu\nC-F00-CDU-05,pod1C,rowE,CDU1\n";

/// The recording: topic and payload in their order; `None`, with a word, where it is not at hand.
fn recording(now: i64) -> Option<Vec<(String, String)>> {
    let Ok(text) = std::fs::read_to_string(CSV) else {
        println!("skipped: no {CSV}");
        return None;
    };
    let text = text.replace("{{timestamp_ms}}", &now.to_string());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.records().map(|r| r.expect("a row")).map(|r| (r[1].to_owned(), r[2].to_owned()));
    Some(rows.collect())
}

/// Publishes all messages, metadata kept by the broker, and waits until the broker has them.
async fn publish(port: u16, messages: &[(String, String)]) {
    let mut options = MqttOptions::new("replay", "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(60)).set_inflight(1000);
    let (client, mut events) = AsyncClient::new(options, 10);
    let count = messages.len();
    let messages = messages.to_vec();
    tokio::spawn(async move {
        for (topic, payload) in messages {
            let kept = topic.contains("/Metadata/");
            client.publish(topic, QoS::AtLeastOnce, kept, payload).await.expect("the loop runs");
        }
        // The client stays until all is acknowledged.
        std::future::pending::<()>().await;
    });
    let mut acknowledged = 0;
    while acknowledged < count {
        if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.expect("the broker is there") {
            acknowledged += 1;
        }
    }
}

fn wall_clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

fn config(port: u16, version: Version) -> MqttConfig {
    let broker = BrokerConfig {
        host: "127.0.0.1".into(),
        port,
        tls: None,
        login: None,
        client_id: format!("hallwatch-{version:?}"),
        topic: mqtt::DEFAULT_TOPIC.into(),
        version,
    };
    let mut placing = Placing::new(&[]).expect("valid");
    placing.add_assets(ASSETS, "assets.csv").expect("valid");
    MqttConfig { broker, placing, seed: 1 }
}

/// Where a point of the recording belongs, from its topic alone.
fn asset_of(key: &str) -> &'static str {
    const RACKS: [&str; 6] = ["rack01", "rack02", "rack03", "rack04", "rack05", "rack06"];
    const NAMES: [&str; 6] = [
        "pod1C-rowE-rack01",
        "pod1C-rowE-rack02",
        "pod1C-rowE-rack03",
        "pod1C-rowE-rack04",
        "pod1C-rowE-rack05",
        "pod1C-rowE-rack06",
    ];
    if let Some(i) = RACKS.iter().position(|r| key.contains(&format!("/rowE/{r}/"))) {
        return NAMES[i];
    }
    match () {
        () if key.contains("/C-F00-CDU-05/") => "pod1C-rowE-CDU1",
        () if key.contains("/C-E-BUS-E") || key.contains("/rowE/") => "pod1C-rowE",
        () => "pod1C",
    }
}

/// The unit here of a unit of the recording.
fn unit_of(key: &str, unit: &str) -> &'static str {
    match unit {
        // The column of the hall is in percent.
        "%RH" if key.contains("/coldAisle/") => "%",
        "%RH" => "%RH",
        "C" => "°C",
        "" => "",
        other => ["kPa", "Pa", "LPM", "kW", "kVA", "A", "V", "Hz", "%", "dB"]
            .into_iter()
            .find(|u| *u == other)
            .unwrap_or_else(|| panic!("the recording has a unit {other}")),
    }
}

/// What cannot be true in the recording although it was sent as good.
fn reason_of(key: &str) -> &'static str {
    match () {
        () if key.contains("LiquidFlow/") && key.contains("/secondary/flow/") => {
            "no flow although a pump runs"
        }
        () if key.contains("Voltage/") && key.contains("-TAP-") => "no voltage although current flows",
        () if key.contains("CurrentLimit/") && key.contains("-BUS-") => {
            "the current is above this limit by more than a quarter"
        }
        () => "",
    }
}

/// The last value and the unit of every point of the recording that has values.
fn expected(messages: &[(String, String)]) -> BTreeMap<String, (f64, String)> {
    let mut points = BTreeMap::new();
    let mut units = BTreeMap::new();
    for (topic, payload) in messages {
        let json: serde_json::Value = serde_json::from_str(payload).expect("JSON");
        if let Some(key) = topic.strip_prefix("BMS/v1/PUB/Metadata/") {
            units.insert(key.to_owned(), json["engUnit"].as_str().unwrap_or_default().to_owned());
        } else if let Some(key) = topic.strip_prefix("BMS/v1/PUB/Value/") {
            points.insert(key.to_owned(), json["value"].as_f64().expect("a number"));
        }
    }
    points.into_iter().map(|(key, value)| (key.clone(), (value, units[&key].clone()))).collect()
}

fn key_of(reading: &PlantReading) -> String {
    let point = &reading.point;
    format!("{}/{}/{}", point.object_type, point.point_type, point.tag)
}

/// Takes in entries until every point has its last value.
async fn watch(rx: &mut mpsc::Receiver<Entry>, stage: &mut Stage, wanted: &BTreeMap<String, (f64, String)>) {
    loop {
        let entry = rx.recv().await.expect("the source runs");
        if let Entry::Batch(batch) = entry {
            stage.apply(&batch, 1000);
        }
        let seen = stage.points().iter().filter(|(_, r)| {
            wanted.get(&key_of(r)).is_some_and(|(value, _)| (*value as f32 - r.value).abs() < 1e-6)
        });
        if seen.count() == wanted.len() {
            return;
        }
    }
}

/// Holds what the stage knows against the recording.
fn compare(stage: &Stage, wanted: &BTreeMap<String, (f64, String)>) {
    let topology = stage.topology();
    let mut doubted = 0;
    for (asset, reading) in stage.points().iter() {
        let key = key_of(reading);
        let (_, unit) = wanted.get(&key).unwrap_or_else(|| panic!("{key} was not published"));
        assert_eq!(topology.name(asset), asset_of(&key), "{key}");
        assert_eq!(reading.point.unit, unit_of(&key, unit), "{key}");
        assert_eq!(reading.quality.words().1, reason_of(&key), "{key}: {:?}", reading.quality);
        doubted += usize::from(reading.quality != PlantQuality::Good);
    }
    assert_eq!((wanted.len(), doubted, stage.points().homeless()), (145, 5, 0));
}

/// The columns that alarms and views read.
fn columns(stage: &mut Stage) {
    let frame = stage.commit(wall_clock());
    let (topology, f) = (&frame.topology, &frame.facility);
    let find = |name: &str| topology.find(name).expect("it exists");
    let (Asset::Rack(rack), Asset::Cdu(cdu)) = (find("pod1C-rowE-rack05"), find("pod1C-rowE-CDU1")) else {
        panic!("a rack and a unit")
    };
    let (Asset::Row(row), Asset::Hall(hall)) = (find("pod1C-rowE"), find("pod1C")) else {
        panic!("a row and a hall")
    };
    assert!(f.rack(rack, RackPoint::Power).is_some_and(|kw| (47.0..48.0).contains(&kw)));
    assert!(f.rack(rack, RackPoint::LiquidFlow).is_some_and(|lpm| (50.0..52.0).contains(&lpm)));
    assert!(f.rack(rack, RackPoint::SideA).is_some_and(|kw| (28.0..29.0).contains(&kw)));
    assert!(f.rack(rack, RackPoint::SideB).is_some_and(|kw| (19.0..20.0).contains(&kw)));
    assert_eq!(f.rack(rack, RackPoint::Leak), Some(0.0));
    assert!(f.row(row, RowPoint::BuswayA).is_some_and(|kw| (102.0..104.0).contains(&kw)));
    assert!(f.row(row, RowPoint::VoltageB).is_some_and(|v| (407.0..409.0).contains(&v)));
    assert!(f.cdu(cdu, CduPoint::SecondaryDp).is_some_and(|kpa| (89.0..92.0).contains(&kpa)));
    assert_eq!(f.cdu(cdu, CduPoint::Pump1), Some(44.0));
    assert_eq!(f.cdu(cdu, CduPoint::Setpoint), Some(32.0));
    assert_eq!(f.cdu(cdu, CduPoint::SecondaryFlow), None, "a flow that cannot be is no value");
    assert!(f.hall(hall, HallPoint::ColdAisle).is_some_and(|c| (25.0..26.0).contains(&c)), "the mean of two");
    let balance = f.heat_balance(rack).expect("all of it is known");
    assert!((90.0..100.0).contains(&balance), "coolant carries the heat of the rack: {balance} %");
}

async fn replay(version: Version) {
    let now = wall_clock().millis();
    let (Some(broker), Some(messages)) = (Mosquitto::start(), recording(now)) else { return };
    assert_eq!(messages.len(), 4_711);
    let wanted = expected(&messages);
    let topology = Topology::from_toml(SITE, "site.toml").expect("valid");
    let mut stage = Stage::new(Arc::new(topology), Placer::default());
    let (tx, mut rx) = mpsc::channel(16);
    let outlet = Outlet { source: 0, tx, clock: wall_clock };
    let source = tokio::spawn(mqtt::run(config(broker.port, version), outlet));
    // Connected before anything is published: nothing but metadata is kept by the broker.
    let up = async {
        loop {
            let entry = rx.recv().await.expect("the source runs");
            if let Entry::Source(status) = &entry
                && status.targets[0].1.state == TargetState::Up
            {
                return status.note.clone().unwrap_or_default();
            }
        }
    };
    let note = timeout(PATIENCE, up).await.expect("it connects");
    assert!(note.ends_with(if version == Version::V311 { "MQTT 3.1.1" } else { "MQTT 5" }), "{note}");
    publish(broker.port, &messages).await;
    timeout(PATIENCE, watch(&mut rx, &mut stage, &wanted)).await.expect("every point arrives");
    compare(&stage, &wanted);
    columns(&mut stage);
    drop(broker);
    let down = async {
        loop {
            if let Some(Entry::Source(status)) = rx.recv().await
                && let TargetState::Down(reason) = &status.targets[0].1.state
            {
                return reason.clone();
            }
        }
    };
    let reason = timeout(PATIENCE, down).await.expect("the loss is told");
    assert!(!reason.is_empty(), "with a reason");
    drop(rx);
    timeout(PATIENCE, source).await.expect("it ends when nobody listens").expect("well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_point_ends_on_its_asset_over_mqtt_5() {
    replay(Version::Auto).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_point_ends_on_its_asset_over_mqtt_3_1_1() {
    replay(Version::V311).await;
}
