//! Points of a facility bus on the test site, the same every time: taps with phases, requests, a limit
//! that cannot be true, a silent sensor, and points of a hall that the site does not have.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use hallwatch::fleet::{Snapshot, Stage};
use hallwatch::model::entry::SourceStatus;
use hallwatch::model::facility::CduPoint;
use hallwatch::model::plant::{PlantColumn, PlantPlace, PlantPoint, PlantQuality, PlantReading};
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Batch, Timestamp};

/// The number of the bus among the sources.
const BUS: u16 = 2;

/// Place (hall, row, rack, cdu), object type, object, point type, detail, unit, value, tag's end.
type Given = ([&'static str; 4], [&'static str; 3], &'static str, &'static str, f32, &'static str);

const RACK: [&str; 4] = ["H1", "R02", "K2", ""];
const ROW: [&str; 4] = ["H1", "R02", "", ""];
const UNIT: [&str; 4] = ["H1", "R02", "", "CDU1"];
const HALL: [&str; 4] = ["H1", "", "", ""];
const SITE: [&str; 4] = ["", "", "", ""];
const TAP: &str = "A-R02-TAP-A";

const GIVEN: [Given; 16] = [
    (RACK, ["PowerMeter", TAP, "PhaseCurrent"], "phase A", "A", 33.25, "current/phase1/value"),
    (RACK, ["PowerMeter", TAP, "PhaseCurrent"], "phase B", "A", 31.5, "current/phase2/value"),
    (RACK, ["PowerMeter", TAP, "PhaseCurrent"], "phase C", "A", 30.125, "current/phase3/value"),
    (RACK, ["PowerMeter", TAP, "Current"], "", "A", 94.9, "current/current/value"),
    (RACK, ["PowerMeter", TAP, "Current"], "", "A", 120.0, "current/maxCurrent/value"),
    (RACK, ["PowerMeter", TAP, "PowerFactor"], "", "", 0.98, "power/powerFactor/value"),
    (RACK, ["PowerMeter", TAP, "Voltage"], "", "V", 0.0, "voltage/voltage/value"),
    (RACK, ["Rack", "R02-K2", "RackLiquidDifferentialPressureSp"], "set-point", "kPa", 60.0, "dpSetpoint"),
    (RACK, ["Rack", "R02-K2", "RackLiquidIsolationRequest"], "", "", 0.0, "liquidIsolationRequest/state"),
    (UNIT, ["CDU", "CDU1", "LiquidFlow"], "Secondary", "LPM", 0.0, "secondary/flow/feedback/value"),
    (UNIT, ["CDU", "CDU1", "LiquidPressure"], "Primary Inlet", "kPa", 310.0, "primary/inlet/pressure"),
    (ROW, ["PowerMeter", "A-BUS-A", "CurrentLimit"], "", "A", 4.0, "current/capacity/value"),
    (HALL, ["Sensor", "H1-NOISE", "Noise"], "", "dB", 71.0, "noise/value"),
    (SITE, ["Weather", "MAST", "WindSpeed"], "", "m/s", 5.5, "wind/value"),
    (["H9", "R01", "K1", ""], ["PowerMeter", "Z-TAP-A", "Current"], "", "A", 1.0, "current/value"),
    (["H9", "R01", "K2", ""], ["PowerMeter", "Z-TAP-B", "Current"], "", "A", 1.0, "current/value"),
];

fn reading(number: usize, given: &Given, now: Timestamp) -> PlantReading {
    let ([hall, row, rack, cdu], [object_type, object, point_type], detail, unit, value, end) = *given;
    let own = |s: &str| s.to_owned();
    let request = point_type.ends_with("Request");
    let flow = PlantColumn::Cdu(CduPoint::SecondaryFlow);
    let point = PlantPoint {
        place: PlantPlace { hall: own(hall), row: own(row), rack: own(rack), cdu: own(cdu) },
        object: own(object),
        object_type: own(object_type),
        point_type: own(point_type),
        detail: own(detail),
        unit: own(unit),
        states: if request { vec![(0, own("NoIsolateRequest"))] } else { Vec::new() },
        tag: format!("site/hall/{object}/{end}"),
        column: (point_type == "LiquidFlow").then_some(flow),
    };
    let (quality, age) = match point_type {
        "Voltage" => (PlantQuality::Uncertain("no voltage although current flows"), 2),
        "LiquidFlow" => (PlantQuality::Uncertain("no flow although a pump runs"), 2),
        "CurrentLimit" => (PlantQuality::Bad, 2),
        "PowerFactor" => (PlantQuality::Stale("not repeated for 300 s"), 410),
        _ => (PlantQuality::Good, 4),
    };
    let time = now.plus_millis(-age * 1000);
    PlantReading { number: number as u32, point: Arc::new(point), value, quality, time }
}

/// The snapshot with a bus.
pub fn on(snapshot: &Arc<Snapshot>) -> Arc<Snapshot> {
    let now = snapshot.frame.time;
    let mut stage = Stage::new(Arc::clone(&snapshot.frame.topology), Placer::default());
    let plant = GIVEN.iter().enumerate().map(|(i, given)| reading(i, given, now)).collect();
    stage.apply(&Batch { plant, ..Batch::new(BUS, now) }, 1000);
    let mut sources = snapshot.sources.to_vec();
    let status = SourceStatus {
        source: BUS,
        name: "mqtt bus.site:1883".into(),
        time: now,
        interval_ms: 100_000,
        note: Some("3 values in doubt; 16 points; MQTT 5".into()),
        ..SourceStatus::default()
    };
    sources.push(hallwatch::fleet::SourceView { status, targets: Vec::new().into() });
    Arc::new(Snapshot {
        points: Arc::clone(stage.points()),
        sources: sources.into(),
        ..Snapshot::clone(snapshot)
    })
}
