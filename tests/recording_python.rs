//! A reader that was written from the page on the format alone reads what this program wrote.

#[path = "support/python.rs"]
mod python;
#[path = "support/recorded.rs"]
mod recorded;

use hallwatch::fleet::Snapshot;
use hallwatch::model::{Asset, GpuId, Metric, RackId, RackPoint};
use serde_json::Value;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recording.py");

#[test]
fn a_reader_made_from_the_page_sees_the_same() {
    let made = recorded::record(recorded::liquid(), Some("row-cooling-lost"), 95);
    let Some(python) = python::python(made.folder.path(), &["mcap", "zstandard"]) else { return };
    let path = made.path.to_str().expect("UTF-8");
    let read = |what: &[&str]| -> Value {
        let out = python::output(&python, &[&[SCRIPT, path], what].concat());
        serde_json::from_slice(&out).expect("JSON")
    };
    let topology = &made.live[0].frame.topology;
    let names: Vec<String> =
        (0..topology.gpu_count()).map(|g| topology.full_name(Asset::Gpu(GpuId::new(g)))).collect();
    assert_eq!(read(&["topology"]), Value::from(names));
    let mut alarms = 0;
    for at in [0, 9, 10, 37, 61, 94] {
        let live = &made.live[at];
        let time = live.frame.time.millis().to_string();
        compare(&read(&["frame", &time]), live);
        let told = read(&["alarms", &time]);
        let mut expected: Vec<_> = live.alarms.alarms.iter().collect();
        expected.sort_by_key(|a| a.id);
        assert_eq!(told, serde_json::to_value(&expected).expect("JSON"), "alarms of second {at}");
        alarms += expected.len();
    }
    assert!(alarms > 0, "the scenario raises something");
}

fn compare(told: &Value, live: &Snapshot) {
    let frame = &live.frame;
    assert_eq!(told["time"], frame.time.millis());
    assert_eq!(told["seq"], frame.seq);
    let near = |value: &Value, expected: Option<f32>| match (value.as_f64(), expected) {
        (Some(a), Some(b)) => (a - f64::from(b)).abs() < 1e-3,
        (None, None) => true,
        _ => false,
    };
    let planes = &told["planes"];
    for g in 0..frame.topology.gpu_count() {
        let gpu = GpuId::new(g);
        for metric in Metric::ALL {
            // Ages are packed, and slots are no numbers.
            if !matches!(metric, Metric::Age | Metric::Job | Metric::Tenant) {
                let value = &planes[metric.spec().name][g];
                assert!(near(value, frame.value(gpu, metric)), "{metric:?} of {g}: {value}");
            }
        }
        assert_eq!(planes["quality"][g].as_f64(), Some(f64::from(frame.quality(gpu) as u8)));
        let slot = frame.column(Metric::Job).raw(g);
        let slot = if slot == Metric::Job.none_raw() { 0 } else { usize::from(slot) };
        assert_eq!(told["jobs"][g], frame.jobs[slot].job);
    }
    let points = RackPoint::ALL.len();
    for rack in 0..frame.topology.racks().len() {
        for point in RackPoint::ALL {
            let value = &planes["rack"][rack * points + point.index()];
            assert!(
                near(value, frame.facility.rack(RackId::new(rack), *point)),
                "{point:?} of {rack}: {value}"
            );
        }
    }
    for (tray, answers) in live.trays.iter().enumerate() {
        assert_eq!(planes["answers"][tray].as_f64(), Some(f64::from(u8::from(*answers))));
    }
}
