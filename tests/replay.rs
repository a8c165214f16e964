//! Record, replay: what comes back is what was live, bit for bit, however one gets there.

#[path = "support/hall.rs"]
mod hall;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hallwatch::engine::Core;
use hallwatch::fleet::past::Tape;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::fleet::{Snapshot, planes};
use hallwatch::model::alarm::{AlarmId, Operation, Verb};
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Asset, Entry, HallId, Metric, RackId, Timestamp, Topology};
use hallwatch::record::{Cursor, Recording, RecordingTape, Writer};
use hallwatch::source::sim::scenario::{Plan, Scenario};
use proptest::prelude::*;

/// Seconds that are recorded.
const TICKS: i64 = 600;

struct Made {
    _folder: tempfile::TempDir,
    path: PathBuf,
    live: Vec<Arc<Snapshot>>,
}

/// One row of a hall whose cooling is lost after a minute; an operator takes alarms on.
fn record(ticks: i64) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("incident.mcap");
    let site = Topology::from_toml(&hall::one_hall(2), "hall").expect("valid");
    let topology = Arc::new(site);
    let mut core = Core::new(Arc::clone(&topology), Placer::default(), 64 << 20);
    let lost = Scenario::built_in("row-cooling-lost").expect("it is built in");
    let plan = Plan { seed: 7, scenario: Some((Arc::new(lost), 60)) };
    let mut sim = plan.start(topology).expect("it fits the site");
    core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
    let mut writer: Option<Writer> = None;
    let mut live = Vec::new();
    for tick in 0..ticks {
        let time = SIM_EPOCH.plus_millis(1000 * tick);
        core.apply(&Entry::Batch(sim.step(time, 0)));
        if tick == 90 {
            core.apply(&Entry::Operation(acknowledge(time)));
        }
        core.apply(&Entry::Tick(time));
        core.maintain();
        let snapshot = Arc::new(core.snapshot(EngineStatus::default()));
        let open = writer.take().unwrap_or_else(|| Writer::create(&path, &snapshot).expect("a new file"));
        writer.insert(open).write(&snapshot).expect("written");
        live.push(snapshot);
    }
    writer.expect("ticks").finish().expect("finished");
    Made { _folder: folder, path, live }
}

/// The first alarm is taken on; what an operation does to numbers that do not stand is nothing.
fn acknowledge(time: Timestamp) -> Operation {
    Operation {
        number: 1,
        time,
        operator: "kari".into(),
        verb: Verb::Acknowledge,
        alarms: (1..20).map(AlarmId).collect(),
        comment: "on my way".into(),
    }
}

fn open(path: &Path) -> Cursor {
    Cursor::new(Recording::open(path).expect("it opens")).expect("memory")
}

/// What of two states differs; empty when nothing does.
fn difference(a: &Snapshot, b: &Snapshot) -> Vec<&'static str> {
    let frame = |s: &Snapshot| (0..planes::PLANES).map(|p| planes::bytes(&s.frame, p)).collect::<Vec<_>>();
    let (x, y) = (&a.alarms, &b.alarms);
    let parts = [
        ("frame", frame(a) == frame(b)),
        ("time", (a.frame.time, a.frame.seq) == (b.frame.time, b.frame.seq)),
        ("names", (&a.frame.jobs, &a.frame.tenants) == (&b.frame.jobs, &b.frame.tenants)),
        ("site", *a.frame.topology == *b.frame.topology),
        ("alarms", x.alarms == y.alarms),
        ("counts", x.counts == y.counts),
        ("events", x.events == y.events),
        ("figures", x.kpi == y.kpi),
        ("rules", x.rules == y.rules),
        ("journal", (&x.journal, x.bells) == (&y.journal, y.bells)),
        ("sources", a.sources == b.sources),
        ("trays", a.trays == b.trays),
    ];
    parts.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
}

#[test]
fn ten_minutes_of_an_incident_come_back_bit_for_bit() {
    let made = record(TICKS);
    let standing = made.live.iter().map(|s| s.alarms.counts.active()).max();
    assert!(standing > Some(0), "there are alarms to compare");
    assert!(made.live.iter().any(|s| s.alarms.events.iter().any(|e| e.operation == 1)), "and an operation");
    let mut cursor = open(&made.path);
    for (i, live) in made.live.iter().enumerate() {
        let read = cursor.next().expect("readable").expect("as many frames as were live");
        assert_eq!(difference(&read, live), Vec::<&str>::new(), "second {i}");
    }
    assert!(cursor.next().expect("readable").is_none(), "and no more");
}

#[test]
fn the_same_site_gives_the_same_bytes() {
    let (a, b) = (record(45), record(45));
    let bytes = |m: &Made| std::fs::read(&m.path).expect("it is there");
    assert!(bytes(&a) == bytes(&b));
}

#[test]
fn a_seek_leads_where_playing_leads() {
    let made = record(150);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(12));
    let ways = prop::collection::vec((0usize..150, -70i64..70), 1..12);
    runner
        .run(&ways, |way| {
            let mut cursor = open(&made.path);
            for (to, steps) in way {
                let found = cursor.seek(made.live[to].frame.time).expect("readable");
                prop_assert_eq!(difference(&found, &made.live[to]), Vec::<&str>::new());
                let then = (to as i64 + steps).clamp(0, 149) as usize;
                let found = cursor.step(steps).expect("readable");
                prop_assert_eq!(difference(&found, &made.live[then]), Vec::<&str>::new());
            }
            Ok(())
        })
        .expect("every way leads to what was live");
}

#[test]
fn charts_of_the_past_are_those_that_were_live() {
    let made = record(420);
    let recording = Recording::open(&made.path).expect("it opens");
    let mut tape = RecordingTape::new(recording, "incident", &std::env::temp_dir()).expect("memory");
    let live = &made.live[400];
    let shown = tape.show(live.frame.time).expect("readable");
    let window = (300_000, 30);
    for asset in [Asset::Site, Asset::Hall(HallId::new(0)), Asset::Rack(RackId::new(3))] {
        for metric in [Metric::Util, Metric::Power, Metric::Temp] {
            let series = |s: &Snapshot| s.history.series(&s.frame, asset, metric, window);
            let (then, now) = (series(live), series(&shown));
            // The period that was running is made of the frames at hand: the last two points.
            assert_eq!(then[..28], now[..28], "{asset:?} {metric:?}");
            assert!(then.iter().flatten().count() > 5, "{asset:?} {metric:?} {then:?}");
        }
    }
    let chronicle = tape.chronicle();
    let lost = chronicle.events.iter().find(|e| e.text.starts_with("row-cooling-lost ")).expect("it is told");
    assert!((60_000..90_000).contains(&lost.time.since(SIM_EPOCH)), "{lost:?}");
    let taken = chronicle.events.iter().find(|e| e.text.contains(" by kari")).expect("what the operator did");
    assert_eq!(taken.time, SIM_EPOCH.plus_millis(90_000));
    assert_eq!(chronicle.frames, 420);
    assert!(chronicle.gaps.is_empty());
}
