//! Time by hand: `now` is ours, the time in the messages the bus'.

use super::*;
use crate::model::facility::{CduPoint, RackPoint, RowPoint};

const T: i64 = 1_700_000_000_000;

fn table() -> Table {
    Table::new(Placing::new(&[]).expect("valid"))
}

fn meta(t: &mut Table, key: &str, payload: &str) {
    t.take(&format!("BMS/v1/PUB/Metadata/{key}"), payload.as_bytes(), T, true);
}

fn value(t: &mut Table, key: &str, value: f64, now: i64) {
    let payload = format!("{{\"value\":{value},\"timestamp\":{now},\"quality\":1}}");
    t.take(&format!("BMS/v1/PUB/Value/{key}"), payload.as_bytes(), now, false);
}

const FLOW: &str = "Rack/RackLiquidFlow/nvidia/titan/pod1C/rowE/rack02/flow";

fn with_flow() -> Table {
    let mut t = table();
    meta(&mut t, FLOW, r#"{"rackLocationId":"Pod1C-E02","engUnit":"LPM"}"#);
    t
}

#[test]
fn values_wait_for_their_metadata() {
    let mut t = table();
    value(&mut t, FLOW, 50.0, T);
    assert!(t.deliver(T).is_empty());
    assert_eq!(t.tally().bare, 1);
    meta(&mut t, FLOW, r#"{"rackLocationId":"Pod1C-E02","engUnit":"LPM"}"#);
    let readings = t.deliver(T);
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].point.column, Some(PlantColumn::Rack(RackPoint::LiquidFlow)));
    assert!(t.deliver(T).is_empty(), "what was told is not told again");
}

#[test]
fn unchanged_is_fine_until_it_is_not_repeated() {
    let mut t = with_flow();
    let quality = |t: &mut Table, now: i64| t.deliver(now).last().map(|r| r.quality);
    value(&mut t, FLOW, 50.0, T);
    assert_eq!(quality(&mut t, T), Some(PlantQuality::Good));
    assert_eq!(quality(&mut t, T + 110_000), None, "nothing new, and nothing wrong");
    assert_eq!(quality(&mut t, T + STALE_MS + 1), Some(PlantQuality::Stale("not repeated for 300 s")));
    value(&mut t, FLOW, 50.0, T + STALE_MS + 2);
    assert_eq!(quality(&mut t, T + STALE_MS + 2), Some(PlantQuality::Good));
}

#[test]
fn a_value_that_the_broker_kept_is_as_old_as_its_sender_says() {
    let mut t = with_flow();
    let old = format!("{{\"value\":50,\"timestamp\":{},\"quality\":1}}", T - 3_600_000);
    t.take(&format!("BMS/v1/PUB/Value/{FLOW}"), old.as_bytes(), T, true);
    let readings = t.deliver(T);
    assert_eq!(readings[0].quality, PlantQuality::Stale("not repeated for 300 s"));
    assert_eq!(readings[0].time, Timestamp(T - 3_600_000));
}

#[test]
fn the_word_of_the_sender_and_missing_words_count() {
    let mut t = with_flow();
    let mut of = |payload: &str| {
        t.take(&format!("BMS/v1/PUB/Value/{FLOW}"), payload.as_bytes(), T, false);
        t.deliver(T)[0].quality
    };
    assert_eq!(of(&format!("{{\"value\":1,\"timestamp\":{T},\"quality\":0}}")), PlantQuality::Bad);
    assert_eq!(of(r#"{"value":1}"#), PlantQuality::Uncertain("sent without a quality"));
    let ahead = format!("{{\"value\":1,\"timestamp\":{},\"quality\":1}}", T + 3_600_000);
    assert_eq!(of(&ahead), PlantQuality::Uncertain("its time lies in the future"));
}

#[test]
fn a_flow_of_zero_is_doubted_as_soon_as_the_pump_is_known_to_run() {
    let mut t = table();
    let flow = "CDU/LiquidFlow/a/pod1C/C-F00-CDU-05/secondary/flow";
    let pump = "CDU/PumpSpeed/a/pod1C/C-F00-CDU-05/secondary/pump/pump1/speed";
    meta(&mut t, flow, r#"{"objectName":"CDU-05","engUnit":"LPM","processArea":["Seccondary"]}"#);
    meta(&mut t, pump, r#"{"objectName":"CDU-05","engUnit":"%","processArea":["Secondary"]}"#);
    value(&mut t, flow, 0.0, T);
    assert_eq!(t.deliver(T)[0].quality, PlantQuality::Good);
    value(&mut t, pump, 44.0, T + 1);
    let readings = t.deliver(T + 1);
    let of = |column| readings.iter().find(|r| r.point.column == Some(column)).map(|r| r.quality);
    let doubt = PlantQuality::Uncertain("no flow although a pump runs");
    assert_eq!(of(PlantColumn::Cdu(CduPoint::SecondaryFlow)), Some(doubt));
    assert_eq!(of(PlantColumn::Cdu(CduPoint::Pump1)), Some(PlantQuality::Good));
}

#[test]
fn a_busway_gets_the_row_of_the_taps_that_it_serves() {
    let mut t = table();
    let bus = "PowerMeter/ActivePower/a/pod1C/C-E-BUS-E1/power";
    let tap = "PowerMeter/ActivePower/a/pod1C/rowE/rack05/C-E05-TAP-E1/power";
    meta(
        &mut t,
        bus,
        r#"{"objectId":"C-E-BUS-E1","engUnit":"kW","servesId":["C-E04-TAP-E1","C-E05-TAP-E1"]}"#,
    );
    value(&mut t, bus, 103.0, T);
    assert_eq!(t.deliver(T)[0].point.column, None, "of which row is not known yet");
    meta(&mut t, tap, r#"{"objectId":"C-E05-TAP-E1","engUnit":"kW","servesId":["Pod1C-E05"]}"#);
    let readings = t.deliver(T);
    assert_eq!(readings.len(), 1, "it is told again with its place");
    assert_eq!(readings[0].point.column, Some(PlantColumn::Row(RowPoint::BuswayA)));
    assert_eq!((readings[0].point.place.row.as_str(), readings[0].point.place.rack.as_str()), ("rowE", ""));
}

#[test]
fn of_two_points_for_one_column_the_first_by_topic_fills_it() {
    let mut t = table();
    let valve = |n: u32| format!("CDU/ValvePosition/a/pod1C/CDU-05/primary/valve/valve{n}/position");
    for n in [2, 1] {
        meta(&mut t, &valve(n), r#"{"objectName":"CDU-05","engUnit":"%","processArea":["Primary"]}"#);
        value(&mut t, &valve(n), f64::from(n), T);
    }
    let columns: Vec<_> = t.deliver(T).iter().filter(|r| r.point.column.is_some()).map(|r| r.value).collect();
    assert_eq!(columns, [1.0]);
}

#[test]
fn a_unit_that_is_not_known_is_told_and_fills_no_column() {
    let mut t = table();
    meta(&mut t, FLOW, r#"{"rackLocationId":"a","engUnit":"furlong"}"#);
    value(&mut t, FLOW, 1.0, T);
    let readings = t.deliver(T);
    assert_eq!(readings[0].quality, PlantQuality::Uncertain("its unit is not known"));
    assert_eq!((readings[0].point.column, readings[0].point.unit.as_str()), (None, "furlong"));
}

#[test]
fn what_belongs_nowhere_is_counted_and_hostile_messages_harm_only_themselves() {
    let mut t = with_flow();
    meta(&mut t, "Chiller/Status/campus/ch7", r#"{"objectName":"CH-7"}"#);
    value(&mut t, FLOW, 50.0, T);
    for (topic, payload) in [("a\u{1b}[2J", "1"), ("BMS/v1/PUB/Value/a/b/c", "{"), ("", "")] {
        t.take(topic, payload.as_bytes(), T, false);
    }
    assert_eq!(t.deliver(T).len(), 1);
    let tally = t.tally();
    assert_eq!((tally.unplaced, tally.first_unplaced.as_str(), tally.refused), (1, "CH-7", 3));
}

#[test]
fn the_table_is_bounded() {
    let mut t = table();
    for n in 0..MAX_POINTS + 10 {
        t.take(&format!("BMS/v1/PUB/Value/a/b/{n}"), b"{\"value\":1}", T, false);
    }
    assert_eq!((t.entries.len(), t.tally().refused), (MAX_POINTS, 10));
}
