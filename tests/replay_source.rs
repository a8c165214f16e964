//! `--replay`: recorded values through the engine and the rules of today.

#[path = "support/recorded.rs"]
mod recorded;

use std::sync::Arc;

use clap::Parser;
use hallwatch::cli::args::Args;
use hallwatch::engine::Core;
use hallwatch::fleet::Snapshot;
use hallwatch::fleet::jobs::By;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Entry, GpuId, HallId, HallPoint, Metric, Quality, RackId, RackPoint, SitePoint};
use hallwatch::source::Outlet;
use hallwatch::source::replay::{self, Replay};

/// What the console made of a second is what it makes of it again.
fn same(again: &Snapshot, live: &Snapshot) {
    let (a, b) = (&again.frame, &live.frame);
    assert_eq!((a.time, a.topology.gpu_count()), (b.time, b.topology.gpu_count()));
    for gpu in (0..a.topology.gpu_count()).map(GpuId::new) {
        if a.quality(gpu) == Quality::Good && b.quality(gpu) == Quality::Good {
            for metric in
                [Metric::Util, Metric::Power, Metric::Temp, Metric::MemUsed, Metric::Xid, Metric::Health]
            {
                assert_eq!(a.value(gpu, metric), b.value(gpu, metric), "{metric:?} of {gpu:?} at {}", a.time);
            }
        }
        assert_eq!(a.job(gpu), b.job(gpu), "{gpu:?}");
    }
    let tenants = |s: &Snapshot| {
        let mut all: Vec<_> = s
            .frame
            .usage(By::Tenant)
            .rows
            .iter()
            .map(|u| (s.frame.tenants[usize::from(u.slot)].clone(), u.counts.total()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(tenants(again), tenants(live));
    for rack in (0..a.topology.racks().len()).map(RackId::new) {
        for point in RackPoint::ALL {
            assert_eq!(a.facility.rack(rack, *point), b.facility.rack(rack, *point), "{point:?}");
        }
    }
    assert_eq!(
        a.facility.hall(HallId(0), HallPoint::DewPoint),
        b.facility.hall(HallId(0), HallPoint::DewPoint)
    );
    for point in SitePoint::ALL {
        assert_eq!(a.facility.site(*point), b.facility.site(*point), "{point:?} at {}", a.time);
    }
}

#[test]
fn recorded_values_come_out_of_the_engine_as_they_went_in() {
    let made = recorded::record(recorded::air(), Some("grid-dip"), 60);
    let replay = Replay::open(&made.path).expect("it opens");
    let mut core = Core::new(Arc::clone(replay.topology()), Placer::default(), 64 << 20);
    core.apply(&Entry::Source(replay.status(0)));
    let mut replay = replay;
    let mut count = 0;
    while let Some(batch) = replay.step(0).expect("read") {
        let time = batch.time;
        core.apply(&Entry::Batch(batch));
        core.apply(&Entry::Tick(time));
        same(&core.snapshot(EngineStatus::default()), &made.live[count]);
        count += 1;
    }
    assert_eq!(count, made.live.len());
    let rules = |s: &Snapshot| s.alarms.alarms.iter().map(|a| a.rule.to_string()).collect::<Vec<_>>();
    let again = core.snapshot(EngineStatus::default());
    assert!(rules(&again).iter().any(|r| r == "grid-frequency"), "{:?}", rules(&again));
    assert_eq!(rules(&again), rules(made.live.last().expect("some")));
}

#[tokio::test]
async fn the_recording_is_played_once_and_says_that_it_has_ended() {
    let made = recorded::record(recorded::air(), None, 4);
    let (tx, mut rx) = tokio::sync::mpsc::channel(2);
    let outlet = Outlet { source: 5, tx, clock: Default::default };
    let task = tokio::spawn(replay::run(Replay::open(&made.path).expect("it opens"), 1000.0, outlet));
    let Some(Entry::Source(status)) = rx.recv().await else { panic!("status comes first") };
    assert_eq!((status.name.as_str(), status.source, status.note), ("replay a.mcap", 5, None));
    for live in &made.live {
        let Some(Entry::Batch(batch)) = rx.recv().await else { panic!("then batches") };
        assert_eq!((batch.time, batch.source), (live.frame.time, 5));
    }
    let Some(Entry::Source(status)) = rx.recv().await else { panic!("then the end") };
    assert!(status.note.is_some_and(|n| n.contains("ended")));
    assert_eq!(rx.recv().await, None);
    assert_eq!(task.await.expect("no panic"), Ok(()));
}

#[test]
fn a_snapshot_of_a_recording_shows_its_end_or_any_tick() {
    let made = recorded::record(recorded::air(), None, 20);
    let path = made.path.to_str().expect("UTF-8");
    let run = |more: &[&str]| {
        let words = ["hallwatch", "snapshot", "--config", "/dev/null", "--replay", path];
        let args = Args::try_parse_from(words.iter().chain(more)).expect("valid");
        let mut out = Vec::new();
        hallwatch::cli::run(args, &mut out).map_err(|e| e.report())?;
        Ok::<_, String>(String::from_utf8(out).expect("text"))
    };
    let json: serde_json::Value =
        serde_json::from_str(&run(&["--format", "json"]).expect("it runs")).expect("JSON");
    let last = &made.live[19].frame;
    assert_eq!(json["time"], last.time.to_string());
    assert_eq!(json["site"]["gpus"]["total"], 320, "{json}");
    let early = run(&["--format", "json", "--ticks", "5"]).expect("it runs");
    assert!(early.contains(&made.live[4].frame.time.to_string()));
    std::fs::write(made.folder.path().join("b.mcap"), "else").expect("writable");
    let other = made.folder.path().join("b.mcap");
    let words =
        ["hallwatch", "snapshot", "--config", "/dev/null", "--replay", other.to_str().expect("UTF-8")];
    let args = Args::try_parse_from(words).expect("valid");
    let e = hallwatch::cli::run(args, &mut Vec::new()).expect_err("no recording");
    assert!(e.report().contains("not a recording of hallwatch"), "{}", e.report());
}
