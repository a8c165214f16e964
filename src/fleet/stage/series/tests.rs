//! Tests of series and of several sources beside each other.

use super::*;
use crate::fleet::Frame;
use crate::model::batch::{DenseBatch, HostReading, Member, NodeReading, SeriesValue};
use crate::model::topology::place::Placer;
use crate::model::topology::plan::Plan;
use crate::model::{Asset, Batch, Column, Topology};

const INTERVAL: u32 = 5000;

fn stage() -> Stage {
    let site = Plan::open("live").build().expect("an empty site is small");
    Stage::new(Arc::new(site), Placer::default())
}

/// A roster of hosts with `gpus` GPUs each.
fn roster(hosts: &[&str], gpus: u16) -> Arc<Roster> {
    let mut members = Vec::new();
    for name in hosts {
        let labels = vec![("hall".to_owned(), "H1".to_owned())];
        let host = Arc::new(HostFacts { host: (*name).to_owned(), labels });
        for index in 0..gpus {
            let facts = GpuFacts { uuid: format!("GPU-{name}-{index}"), ..GpuFacts::default() };
            members.push(Member { host: Arc::clone(&host), index, facts: Arc::new(facts) });
        }
    }
    Arc::new(Roster { members })
}

/// `values` of the first members, measured at `second`.
fn series(roster: &Arc<Roster>, metric: Metric, second: i64, values: &[f32]) -> SeriesReading {
    let time = Timestamp::from_secs(second);
    let value = |(i, v): (usize, &f32)| SeriesValue { member: i as u32, value: *v, time };
    let values = values.iter().enumerate().map(value).collect();
    SeriesReading { roster: Arc::clone(roster), metric, interval_ms: INTERVAL, values }
}

fn push(stage: &mut Stage, source: SourceId, second: i64, series: Vec<SeriesReading>) -> Frame {
    let time = Timestamp::from_secs(second);
    stage.apply(&Batch { series, ..Batch::new(source, time) }, INTERVAL);
    stage.commit(time)
}

fn gpu(frame: &Frame, uuid: &str, stage: &Stage) -> GpuId {
    let found = stage.inventory().gpus().find(|(_, facts)| facts.uuid == uuid);
    assert!(frame.topology.gpu_count() > 0);
    found.unwrap_or_else(|| panic!("{uuid} is known")).0
}

#[test]
fn members_get_a_place_and_their_values_with_it() {
    let mut s = stage();
    let r = roster(&["b", "a"], 2);
    let f = push(&mut s, 0, 1, vec![series(&r, Metric::Temp, 1, &[50.0, 51.0, 52.0, 53.0])]);
    assert_eq!(f.topology.gpu_count(), 4);
    let a1 = gpu(&f, "GPU-a-1", &s);
    assert_eq!((f.value(a1, Metric::Temp), f.quality(a1)), (Some(53.0), Quality::Good));
    assert!(f.health(a1).is_some());
    assert_eq!(s.origins().gpu(a1, Metric::Temp), Some(Mark::new(0, Timestamp::from_secs(1))));
}

#[test]
fn a_roster_that_grows_keeps_what_it_had() {
    let mut s = stage();
    let small = roster(&["b"], 2);
    push(&mut s, 0, 1, vec![series(&small, Metric::Temp, 1, &[50.0, 51.0])]);
    let large = Arc::new(Roster { members: [&*small.members, &*roster(&["a"], 1).members].concat() });
    let f = push(&mut s, 0, 2, vec![series(&large, Metric::Temp, 2, &[60.0, 61.0, 62.0])]);
    let value = |uuid| f.value(gpu(&f, uuid, &s), Metric::Temp);
    assert_eq!((value("GPU-b-1"), value("GPU-a-0")), (Some(61.0), Some(62.0)));
}

#[test]
fn age_follows_the_time_of_the_sample_not_its_arrival() {
    let mut s = stage();
    let r = roster(&["a"], 1);
    push(&mut s, 0, 100, vec![series(&r, Metric::Temp, 100, &[50.0])]);
    // The engine goes on answering with the old sample.
    let f = push(&mut s, 0, 120, vec![series(&r, Metric::Temp, 100, &[50.0])]);
    assert_eq!(f.quality(GpuId(0)), Quality::Stale);
    let f = push(&mut s, 0, 160, vec![series(&r, Metric::Temp, 100, &[50.0])]);
    assert_eq!((f.quality(GpuId(0)), f.value(GpuId(0), Metric::Temp)), (Quality::Lost, None));
}

#[test]
fn one_metric_that_is_not_renewed_leaves_while_the_others_stay() {
    let mut s = stage();
    let r = roster(&["a"], 2);
    let both =
        |t| vec![series(&r, Metric::Temp, t, &[50.0, 51.0]), series(&r, Metric::Power, t, &[700.0, 701.0])];
    push(&mut s, 0, 100, both(100));
    for second in [105, 110, 115] {
        push(&mut s, 0, second, vec![series(&r, Metric::Temp, second, &[52.0, 53.0])]);
    }
    let f = push(&mut s, 0, 117, Vec::new());
    assert_eq!((f.value(GpuId(0), Metric::Temp), f.value(GpuId(0), Metric::Power)), (Some(52.0), None));
    assert_eq!(f.quality(GpuId(0)), Quality::Good);
    let mark = s.origins().gpu(GpuId(0), Metric::Power).expect("it is known when it was last said");
    assert_eq!(mark.time(), Timestamp::from_secs(100));
}

#[test]
fn a_gpu_that_falls_silent_while_its_neighbour_speaks_is_lost() {
    let mut s = stage();
    let r = roster(&["a"], 2);
    push(&mut s, 0, 100, vec![series(&r, Metric::Temp, 100, &[50.0, 51.0])]);
    for second in [105, 110, 115] {
        push(&mut s, 0, second, vec![series(&r, Metric::Temp, second, &[52.0])]);
    }
    let f = push(&mut s, 0, 117, Vec::new());
    assert_eq!((f.quality(GpuId(0)), f.quality(GpuId(1))), (Quality::Good, Quality::Lost));
    let f = push(&mut s, 0, 120, vec![series(&r, Metric::Temp, 120, &[52.0, 53.0])]);
    assert_eq!((f.quality(GpuId(1)), f.value(GpuId(1), Metric::Temp)), (Quality::Good, Some(53.0)));
}

#[test]
fn a_stale_marker_ends_a_value_at_once() {
    let mut s = stage();
    let r = roster(&["a"], 1);
    push(&mut s, 0, 100, vec![series(&r, Metric::Temp, 100, &[50.0])]);
    let f = push(&mut s, 0, 101, vec![series(&r, Metric::Temp, 101, &[f32::NAN])]);
    assert_eq!((f.quality(GpuId(0)), f.value(GpuId(0), Metric::Temp)), (Quality::Lost, None));
}

#[test]
fn the_source_that_stands_first_gives_the_value_and_the_next_one_steps_in() {
    let mut s = stage();
    let r = roster(&["a"], 1);
    push(&mut s, 1, 100, vec![series(&r, Metric::Temp, 100, &[50.0])]);
    let f = push(&mut s, 0, 101, vec![series(&r, Metric::Temp, 101, &[60.0])]);
    assert_eq!(f.value(GpuId(0), Metric::Temp), Some(60.0));
    let f = push(&mut s, 1, 105, vec![series(&r, Metric::Temp, 105, &[51.0])]);
    assert_eq!(f.value(GpuId(0), Metric::Temp), Some(60.0), "the first one is fresh");
    let f = push(&mut s, 1, 118, vec![series(&r, Metric::Temp, 118, &[52.0])]);
    assert_eq!(f.value(GpuId(0), Metric::Temp), Some(52.0), "the first one fell silent");
    assert_eq!(s.origins().gpu(GpuId(0), Metric::Temp).map(|m| m.source), Some(1));
}

#[test]
fn a_host_reading_without_a_value_leaves_that_of_another_source() {
    let mut s = stage();
    let r = roster(&["a"], 1);
    push(&mut s, 1, 100, vec![series(&r, Metric::Power, 100, &[700.0])]);
    let mut reading = GpuReading::new(0);
    reading.set(Metric::Temp, 61.0);
    let host = HostReading {
        facts: Arc::clone(&r.members[0].host),
        gpus: vec![reading],
        node: NodeReading::default(),
    };
    let time = Timestamp::from_secs(101);
    s.apply(&Batch { hosts: vec![host], ..Batch::new(0, time) }, INTERVAL);
    let f = s.commit(time);
    assert_eq!(
        (f.value(GpuId(0), Metric::Temp), f.value(GpuId(0), Metric::Power)),
        (Some(61.0), Some(700.0))
    );
}

#[test]
fn the_simulator_fills_what_nobody_measures_and_never_covers_a_silence() {
    let site = Arc::new(Topology::default_site());
    let mut s = Stage::new(Arc::clone(&site), Placer::default());
    let n = site.gpu_count();
    let dense = |second: i64, raw: u16| {
        let column = Column::from_raw(Metric::Temp, vec![raw; n].into_iter());
        let health = Column::from_raw(Metric::Health, vec![0; n].into_iter());
        let columns = vec![(Metric::Temp, column), (Metric::Health, health)];
        Batch {
            dense: Some(DenseBatch { columns, ..DenseBatch::default() }),
            ..Batch::new(1, Timestamp::from_secs(second))
        }
    };
    let r = roster(&["kvd-h1-r01-k1-t01"], 4);
    s.apply(&dense(100, 40), 1000);
    s.commit(Timestamp::from_secs(100));
    let f = push(&mut s, 0, 100, vec![series(&r, Metric::Temp, 100, &[70.0; 4])]);
    let Ok(Asset::Gpu(measured)) = f.topology.find("H1-R1-K1-T01-G1") else { panic!("it exists") };
    let other = GpuId(measured.0 + 4);
    assert_eq!(f.value(measured, Metric::Temp), Some(70.0));
    for second in 101..160 {
        s.apply(&dense(second, 41), 1000);
        s.commit(Timestamp::from_secs(second));
    }
    s.apply(&dense(160, 42), 1000);
    let f = s.commit(Timestamp::from_secs(160));
    assert_eq!((f.value(measured, Metric::Temp), f.quality(measured)), (None, Quality::Lost));
    assert_eq!(f.quality(other), Quality::Good);
    assert!(f.value(other, Metric::Temp).is_some());
    assert_eq!(s.origins().gpu(other, Metric::Temp).map(|m| m.source), Some(1));
}

#[test]
fn members_beyond_what_a_host_may_have_are_left_out() {
    let mut s = stage();
    let mut odd = roster(&["a"], 1);
    Arc::make_mut(&mut odd).members[0].index = MAX_GPUS_PER_HOST;
    let f = push(&mut s, 0, 1, vec![series(&odd, Metric::Temp, 1, &[50.0])]);
    assert_eq!(f.topology.gpu_count(), 0);
    assert!(s.bindings.waiting.is_empty());
}
