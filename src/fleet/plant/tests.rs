//! Tests of the plant's past.

use super::*;
use crate::fleet::facility::Facility;
use crate::model::topology::Moves;
use crate::model::topology::place::Place;
use crate::model::topology::plan::{NewHost, Plan};
use crate::model::{CduId, FacilityReading, RackId, RowId};
use proptest::prelude::*;

const SITE: &str = r#"
[site]
name = "x"

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
trays = 1
gpus_per_tray = 1
cooling = "liquid"

[[hall]]
names = ["H1"]
rows = 13
racks_per_row = 10
rack = "NVL72"
cdus_per_row = 2
"#;

fn site() -> Arc<Topology> {
    Arc::new(Topology::from_toml(SITE, "test").expect("valid"))
}

fn frame(topology: &Arc<Topology>, second: i64, readings: &[FacilityReading]) -> Frame {
    let mut frame = Frame::empty(Arc::clone(topology), Timestamp::from_secs(second));
    frame.facility.apply(readings);
    frame
}

const FLOW: Signal = Signal::Rack(RackPoint::LiquidFlow);

fn series(store: &PlantStore, t: &Topology, asset: Asset, signal: Signal) -> Vec<(i64, f32)> {
    let range = (Timestamp::from_secs(0), Timestamp::from_secs(1_000_000));
    let found = store.view().series(t, (asset, signal), 3_600_000, range);
    found.into_iter().map(|(start, p)| (start.secs(), p.mean)).collect()
}

#[test]
fn a_period_is_the_mean_of_what_was_known_in_it() {
    let t = site();
    let mut store = PlantStore::new(1 << 20);
    let rack = RackId(77);
    for s in 0..41 {
        let flow = FacilityReading::Rack(rack, RackPoint::LiquidFlow, s as f32);
        let known = (s / 10 != 1).then_some(flow);
        store.push(&frame(&t, s, known.as_slice()));
    }
    let found = series(&store, &t, Asset::Rack(rack), FLOW);
    assert_eq!(found, [(0, 4.5), (20, 24.5), (30, 34.5)], "ten seconds without a value are a gap");
    assert!(series(&store, &t, Asset::Rack(RackId(78)), FLOW).is_empty(), "its neighbour said nothing");
    assert!(series(&store, &t, Asset::Rack(rack), Signal::Rack(RackPoint::Leak)).is_empty());
}

#[test]
fn packed_and_open_periods_read_alike() {
    let t = site();
    let mut store = PlantStore::new(8 << 20);
    let value = |s: i64, i: u32| 40.0 + (s / 10 % 7) as f32 + i as f32 / 10.0;
    for s in (0..1000).step_by(10) {
        let racks = (0..130).filter(|i| *i != 64).map(|i| {
            let v = if i == 3 { 0.0 } else { value(s, i) };
            FacilityReading::Rack(RackId(i), RackPoint::LiquidFlow, v)
        });
        let mut readings: Vec<_> = racks.collect();
        readings.push(FacilityReading::Row(RowId(12), RowPoint::BuswayB, 500.0 + s as f32));
        readings.push(FacilityReading::Cdu(CduId(25), CduPoint::Level, 80.0));
        store.push(&frame(&t, s, &readings));
        while store.pack_some() {}
    }
    let (rows, ends) = store.view().extent(3_600_000);
    assert_eq!((rows, ends.map(|(a, b)| (a.secs(), b.secs()))), (99, Some((0, 980))));
    assert_eq!(store.hour.chunks.iter().filter(|c| c.rows().is_none()).count(), 2, "two chunks are packed");
    for i in [0, 3, 63, 65, 129] {
        let found = series(&store, &t, Asset::Rack(RackId(i)), FLOW);
        assert_eq!(found.len(), 99, "rack {i}");
        for (s, v) in found {
            let expected = if i == 3 { 0.0 } else { value(s, i) };
            assert!((v - expected).abs() < 0.06, "rack {i} at {s}: {v}");
        }
    }
    assert!(series(&store, &t, Asset::Rack(RackId(64)), FLOW).is_empty(), "absent is not zero");
    let busway = series(&store, &t, Asset::Row(RowId(12)), Signal::Row(RowPoint::BuswayB));
    assert_eq!((busway.len(), busway[98].1.round()), (99, 1480.0));
    assert_eq!(series(&store, &t, Asset::Cdu(CduId(25)), Signal::Cdu(CduPoint::Level)).len(), 99);
}

#[test]
fn minutes_are_made_of_ten_seconds() {
    let t = site();
    let mut store = PlantStore::new(1 << 20);
    for s in (0..400).step_by(10) {
        store.push(&frame(&t, s, &[FacilityReading::Row(RowId(3), RowPoint::VoltageA, 400.0 + s as f32)]));
    }
    let range = (Timestamp::from_secs(0), Timestamp::from_secs(1000));
    let asked = (Asset::Row(RowId(3)), Signal::Row(RowPoint::VoltageA));
    let found = store.view().series(&t, asked, 86_400_000, range);
    let means: Vec<_> = found.iter().map(|(s, p)| (s.secs(), p.mean.round())).collect();
    assert_eq!(means[..3], [(0, 425.0), (60, 485.0), (120, 545.0)]);
}

#[test]
fn a_rack_is_followed_through_the_growth_of_its_site() {
    let host = |name: &str| {
        let place = Place { hall: name.into(), row: "R1".into(), rack: "K1".into(), tray: "T1".into() };
        NewHost { host: name.into(), place: Some(place), gpus: 1 }
    };
    let plan = Plan::open("x").with_hosts(&[host("H2")]);
    let old = Arc::new(plan.clone().build().expect("small"));
    let grown = plan.with_hosts(&[host("H1")]);
    let new = Arc::new(crate::model::topology::build::build(grown, 1).expect("small"));
    let mut store = PlantStore::new(1 << 20);
    let reading = |id, v| [FacilityReading::Rack(RackId(id), RackPoint::LiquidFlow, v)];
    for s in 0..25 {
        store.push(&frame(&old, s, &reading(0, 50.0)));
    }
    for s in 25..41 {
        let mut f = frame(&new, s, &reading(1, 60.0));
        f.facility.apply(&reading(0, 9.0));
        store.push(&f);
    }
    let of = |name: &str| match new.find(name) {
        Ok(Asset::Rack(r)) => series(&store, &new, Asset::Rack(r), FLOW),
        other => panic!("{other:?}"),
    };
    assert_eq!(of("H2-R1-K1"), [(0, 50.0), (10, 50.0), (20, 50.0), (20, 60.0), (30, 60.0)]);
    assert_eq!(of("H1-R1-K1"), [(20, 9.0), (30, 9.0)], "the new rack has no past before");
    let moves = Moves::new(&new, &old);
    assert_eq!(Facility::absent(&old).remapped(&new, &moves).rack(RackId(1), RackPoint::LiquidFlow), None);
}

#[test]
fn the_budget_is_kept_and_the_oldest_goes_first() {
    let t = site();
    let budget = 300_000;
    let mut store = PlantStore::new(budget);
    for s in (0..20_000).step_by(10) {
        let v = 40.0 + (s * 7919 % 997) as f32;
        let all = (0..130).map(|i| FacilityReading::Rack(RackId(i), RackPoint::LiquidFlow, v + i as f32));
        store.push(&frame(&t, s, &all.collect::<Vec<_>>()));
        while store.pack_some() {}
        assert!(store.bytes() <= budget, "{} at {s}", store.bytes());
    }
    let found = series(&store, &t, Asset::Rack(RackId(0)), FLOW);
    assert!(found.len() > 5 && found.last().is_some_and(|(s, _)| *s == 19_980), "{}", found.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn packing_changes_no_step(values in prop::collection::vec(any::<u16>(), 1..300), n in 1usize..40) {
        let t = site();
        let lane = lanes(&t)[3];
        let width = lanes(&t).last().map_or(0, |l| l.start + l.assets);
        let mut chunk = Chunk::new(Arc::clone(&t));
        for row in 0..n {
            let at = |i: usize| values[(row * 131 + i) % values.len()];
            chunk = chunk.with(Timestamp::from_secs(row as i64), (0..width).map(at).collect());
        }
        let (mut packer, chunk) = (Packer::default(), Arc::new(chunk));
        let other = Arc::new(Chunk::new(Arc::clone(&t)));
        prop_assert!(packer.step(&chunk).is_none() && packer.step(&other).is_none(), "one step is not enough");
        let packed = (0..20).find_map(|_| packer.step(&chunk)).expect("in a few steps");
        prop_assert!(packed.rows().is_none() && packed.len() == n);
        for index in [0, 1, 63, 64, lane.assets - 1] {
            let read = |c: &Chunk| {
                let mut out = Vec::new();
                c.read(3, index, |s, v| out.push((s, v)));
                out
            };
            prop_assert_eq!(read(&packed), read(&chunk));
        }
    }
}
