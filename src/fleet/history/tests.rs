//! Tests of the past.

use super::*;
use crate::fleet::stage::Stage;
use crate::model::batch::DenseBatch;
use crate::model::topology::place::Placer;
use crate::model::topology::plan::{NewHost, Plan};
use crate::model::{Batch, Column, GpuId, Quality};

struct Run {
    stage: Stage,
    archive: Archive,
    last: Arc<Frame>,
}

fn run(seconds: i64, budget: usize) -> Run {
    let hosts: Vec<_> = (0..8).map(|i| NewHost { host: format!("h{i}"), place: None, gpus: 4 }).collect();
    let site = Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"));
    let mut stage = Stage::new(Arc::clone(&site), Placer::default());
    let mut archive = Archive::new(budget);
    let mut last = Arc::new(Frame::empty(site, Timestamp::default()));
    for s in 0..seconds {
        let time = Timestamp::from_secs(s);
        let mut batch = Batch::new(0, time);
        let column = Column::from_raw(Metric::Util, (0..32u16).map(|g| (g + (s % 50) as u16).min(100)));
        batch.dense = Some(DenseBatch { columns: vec![(Metric::Util, column)], ..DenseBatch::default() });
        stage.apply(&batch, 1000);
        last = Arc::new(stage.commit(time));
        archive.push(&last);
        archive.maintain();
    }
    Run { stage, archive, last }
}

#[test]
fn every_second_of_the_ring_can_be_visited() {
    let r = run(200, 64 << 20);
    let h = r.archive.publish();
    for s in [0i64, 1, 57, 150, 199] {
        let f = h.frame_at(Timestamp::from_secs(s), r.stage.topology()).expect("in the ring");
        assert_eq!(f.time, Timestamp::from_secs(s));
        assert_eq!(f.value(GpuId(3), Metric::Util), Some(3.0 + (s % 50) as f32));
        assert_eq!(f.quality(GpuId(3)), Quality::Good);
    }
}

#[test]
fn moments_outside_the_ring_answer_with_its_ends() {
    let r = run(50, 64 << 20);
    let h = r.archive.publish();
    let at = |s: i64| h.frame_at(Timestamp::from_secs(s), r.stage.topology()).map(|f| f.time.secs());
    assert_eq!((at(-100), at(1_000_000)), (Some(0), Some(49)));
    assert_eq!(History::default().frame_at(Timestamp::default(), r.stage.topology()).map(|f| f.seq), None);
}

#[test]
fn stepping_forward_undoes_stepping_back_within_the_ring() {
    let r = run(60, 64 << 20);
    let h = r.archive.publish();
    for s in 5..55 {
        let t = Timestamp::from_secs(s);
        let back = h.step(t, -5).expect("not empty");
        assert_eq!(h.step(back, 5), Some(t));
    }
    assert_eq!(h.step(Timestamp::from_secs(0), -3), Some(Timestamp::from_secs(0)));
    assert_eq!(h.step(Timestamp::from_secs(59), 3), Some(Timestamp::from_secs(59)));
}

#[test]
fn a_chart_is_whole_from_tier_and_newest_frames() {
    let r = run(100, 64 << 20);
    let h = r.archive.publish();
    let s = h.series(&r.last, Asset::Gpu(GpuId(0)), Metric::Util, (100_000, 10));
    assert!(s.iter().all(Option::is_some), "{s:?}");
    assert_eq!(s[0].map(|p| (p.min, p.max)), Some((0.0, 9.0)));
    assert_eq!(s[9].map(|p| p.max), Some(49.0), "the running period comes from the ring");
}

#[test]
fn before_the_start_there_is_nothing_rather_than_zero() {
    let r = run(30, 64 << 20);
    let h = r.archive.publish();
    let s = h.series(&r.last, Asset::Gpu(GpuId(0)), Metric::Util, (900_000, 90));
    assert!(s[..80].iter().all(Option::is_none));
    assert!(s[89].is_some());
}

#[test]
fn halls_and_the_site_have_series_too() {
    let r = run(120, 64 << 20);
    let h = r.archive.publish();
    for window in [(60_000, 6), (3_600_000, 60), (86_400_000, 48)] {
        let s = h.signal(&r.last, Asset::Site, Signal::Mean(Metric::Util), window);
        assert!(s.last().copied().flatten().is_some(), "{window:?}");
    }
}

#[test]
fn a_small_budget_is_kept_and_shown() {
    let r = run(2000, 200_000);
    let h = r.archive.publish();
    let total: usize = h.status.parts.iter().map(|p| p.bytes).sum();
    assert!(total <= 200_000, "{:?}", h.status);
    assert_eq!(h.status.budget, 200_000);
    assert!(h.status.parts[0].span_ms > 0 && h.status.parts[0].span_ms < 2_000_000);
}

#[test]
fn a_rack_has_a_chart_of_its_plant_up_to_the_newest_frame() {
    use crate::model::{FacilityReading, RackId, RackPoint};

    let mut r = run(0, 64 << 20);
    for s in 0..100 {
        let time = Timestamp::from_secs(s);
        let facility = vec![FacilityReading::Rack(RackId(0), RackPoint::Power, 100.0 + s as f32)];
        r.stage.apply(&Batch { facility, ..Batch::new(0, time) }, 1000);
        r.last = Arc::new(r.stage.commit(time));
        r.archive.push(&r.last);
        r.archive.maintain();
    }
    let h = r.archive.publish();
    let power = Signal::Rack(RackPoint::Power);
    let s = h.signal(&r.last, Asset::Rack(RackId(0)), power, (100_000, 10));
    for (i, point) in s.iter().enumerate() {
        let mean = point.expect("every ten seconds has a value").mean;
        assert!((mean - (104.5 + 10.0 * i as f32)).abs() < 0.06, "{i}: {mean}");
    }
    assert_eq!(s[9].map(|p| (p.min, p.max)), Some((190.0, 199.0)), "the running period comes from the ring");
    let flow = Signal::Rack(RackPoint::LiquidFlow);
    assert!(h.signal(&r.last, Asset::Rack(RackId(0)), flow, (100_000, 10)).iter().all(Option::is_none));
    assert!(h.status.parts[3].bytes > 0);
}

#[test]
fn a_hall_keeps_its_series_when_another_is_placed_before_it() {
    use crate::fleet::facility::Facility;
    use crate::fleet::series::SeriesStore;
    use crate::model::topology::place::Place;
    use crate::model::{FacilityReading, HallId, HallPoint};

    let host = |name: &str| {
        let place = Place { hall: name.into(), row: "R1".into(), rack: "K1".into(), tray: "T1".into() };
        NewHost { host: name.into(), place: Some(place), gpus: 1 }
    };
    let plan = Plan::open("x").with_hosts(&[host("H2")]);
    let old = Arc::new(plan.clone().build().expect("small"));
    let grown = plan.with_hosts(&[host("H1")]);
    let new = Arc::new(crate::model::topology::build::build(grown, 1).expect("small"));
    let mut store = SeriesStore::default();
    for s in 0..10 {
        let (t, hall) = if s < 5 { (&old, HallId(0)) } else { (&new, HallId(1)) };
        let mut frame = Frame::empty(Arc::clone(t), Timestamp::from_secs(s));
        frame.facility = Facility::absent(t);
        frame.facility.apply(&[FacilityReading::Hall(hall, HallPoint::Power, s as f32)]);
        store.push(&frame);
    }
    let power = Signal::Hall(HallPoint::Power);
    let of = |hall| store.series(&new, (Asset::Hall(hall), power), Timestamp::from_secs(10), (10_000, 10));
    let h2: Vec<_> = of(HallId(1)).iter().map(|p| p.map(|p| p.mean)).collect();
    assert_eq!(h2, (0..10).map(|s| Some(s as f32)).collect::<Vec<_>>());
    assert!(of(HallId(0)).iter().all(Option::is_none), "what is new has no past");
}
