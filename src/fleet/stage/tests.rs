//! Tests of the stage.

use super::*;
use crate::fleet::jobs::By;
use crate::model::batch::{GpuFacts, GpuReading, HostFacts, HostReading, NodeReading};
use crate::model::topology::place::RuleSpec;
use crate::model::{Asset, GpuId};

fn host(name: &str, gpus: Vec<GpuReading>) -> HostReading {
    let facts = HostFacts { host: name.into(), labels: vec![("hostname".into(), name.into())] };
    HostReading { facts: Arc::new(facts), gpus, node: NodeReading::default() }
}

fn gpu(index: u16, values: &[(Metric, f32)]) -> GpuReading {
    let mut g = GpuReading::new(index);
    values.iter().for_each(|(m, v)| g.set(*m, *v));
    g
}

fn apply(stage: &mut Stage, second: i64, hosts: Vec<HostReading>) -> Frame {
    let time = Timestamp::from_secs(second);
    stage.apply(&Batch { hosts, ..Batch::new(0, time) }, 1000);
    stage.commit(time)
}

fn default_stage() -> Stage {
    let rule = RuleSpec {
        label: "hostname".into(),
        regex: r"node-(?<hall>h\d+)-(?<row>r\d+)-(?<rack>k\d+)-(?<tray>t\d+)".into(),
    };
    let placer = Placer::new(&[rule]).expect("valid");
    Stage::new(Arc::new(Topology::default_site()), placer)
}

#[test]
fn a_host_with_the_name_of_a_tray_needs_no_rule() {
    let mut stage = default_stage();
    let f = apply(&mut stage, 0, vec![host("kvd-h3-r17-k5-t09", vec![gpu(1, &[(Metric::Power, 1200.0)])])]);
    let Ok(Asset::Gpu(id)) = f.topology.find("H3-R17-K5-T09-G2") else { panic!("it exists") };
    assert_eq!(f.value(id, Metric::Power), Some(1200.0));
    assert_eq!(f.topology.generation(), 0, "nothing had to grow");
    assert_eq!(f.counts(Asset::Site).good, 1);
}

#[test]
fn a_rule_places_a_host_and_a_second_exporter_of_it() {
    let mut stage = default_stage();
    let mut node = host("node-h1-r1-k1-t3", Vec::new());
    node.node.load1 = 4.0;
    Arc::make_mut(&mut node.facts).host = "10.0.0.1:9100".into();
    let mut dcgm = host("node-h1-r1-k1-t3", vec![gpu(0, &[(Metric::Util, 5.0)])]);
    Arc::make_mut(&mut dcgm.facts).host = "10.0.0.1:9400".into();
    let f = apply(&mut stage, 0, vec![node, dcgm]);
    let Ok(Asset::Tray(tray)) = f.topology.find("H1-R1-K1-T3") else { panic!("it exists") };
    assert_eq!(f.topology.unplaced_gpus(), 0);
    assert_eq!(stage.inventory().node(tray).map(|n| n.load1), Some(4.0));
    assert_eq!(f.value(GpuId(f.topology.tray(tray).gpus.start), Metric::Util), Some(5.0));
}

#[test]
fn node_values_alone_do_not_make_gpus_look_alive() {
    let mut stage = default_stage();
    let f = apply(&mut stage, 0, vec![host("node-h1-r1-k1-t3", Vec::new())]);
    assert_eq!(f.counts(Asset::Site).good, 0);
}

#[test]
fn a_host_with_more_gpus_than_planned_makes_room() {
    let mut stage = default_stage();
    let gpus = (0..8).map(|i| gpu(i, &[(Metric::Util, f32::from(i))])).collect();
    let f = apply(&mut stage, 0, vec![host("node-h1-r1-k1-t3", gpus)]);
    assert_eq!(f.topology.gpu_count(), 100_224 + 4);
    assert_eq!(f.counts(Asset::Site).good, 8);
}

#[test]
fn a_gpu_that_says_nothing_useful_is_unsupported() {
    let mut stage = default_stage();
    let f = apply(&mut stage, 0, vec![host("node-h1-r1-k1-t1", vec![gpu(0, &[])])]);
    assert_eq!(f.counts(Asset::Site).unsupported, 1);
}

#[test]
fn jobs_and_tenants_get_slots_and_names() {
    let mut stage = default_stage();
    let mut g = gpu(0, &[(Metric::Util, 90.0)]);
    let facts = GpuFacts {
        job: "llm-r7".into(),
        tenant: "team-a".into(),
        uuid: "GPU-1".into(),
        ..GpuFacts::default()
    };
    g.facts = Some(Arc::new(facts));
    let f = apply(&mut stage, 0, vec![host("node-h1-r1-k1-t1", vec![g])]);
    let job = f.job(GpuId(0)).expect("the GPU has a job");
    assert_eq!((job.job.as_str(), job.tenant.as_str()), ("llm-r7", "team-a"));
    assert_eq!(f.tenants[f.column(Metric::Tenant).raw(0) as usize], "team-a");
    assert_eq!(stage.inventory().gpu(GpuId(0)).map(|i| i.uuid.as_str()), Some("GPU-1"));
}

/// A host whose four GPUs belong to `job` of a team and draw 1,000 W each.
fn working(host_name: &str, job: &str) -> HostReading {
    let facts = GpuFacts { job: job.into(), tenant: "team-a".into(), ..GpuFacts::default() };
    let one = |i: u16| {
        let mut g = gpu(i, &[(Metric::Util, 90.0), (Metric::Power, 1000.0)]);
        g.facts = Some(Arc::new(facts.clone()));
        g
    };
    host(host_name, (0..4).map(one).collect())
}

#[test]
fn jobs_of_live_hosts_have_figures_energy_and_a_course_by_name() {
    let mut stage = default_stage();
    let mut archive = crate::fleet::history::Archive::new(1 << 20);
    let mut last = None;
    for s in 0..60 {
        // The second host goes from one job to the other after half a minute.
        let second = if s < 30 { "llm-1" } else { "llm-2" };
        let hosts = vec![working("node-h1-r1-k1-t1", "llm-1"), working("node-h1-r1-k1-t2", second)];
        let f = Arc::new(apply(&mut stage, s, hosts));
        archive.push(&f);
        last = Some(f);
    }
    let f = last.expect("frames");
    let rows: Vec<_> = f.usage(By::Job).rows.iter().map(|u| (u.slot, u.counts.good, u.power_w)).collect();
    assert_eq!(rows, [(1, 4, Some(4000.0)), (2, 4, Some(4000.0))]);
    assert_eq!(f.jobs[2].job, "llm-2");
    assert_eq!(f.usage(By::Job).unknown, 100_224 - 8, "GPUs that no host has reported");
    let energy = |by, slot| f.energy.mwh(by, slot).map(|mwh| (mwh * 3.6e9).round() as u32);
    // 59 intervals; in the first 29 of them both hosts worked for llm-1.
    assert_eq!(energy(By::Job, 1), Some(4000 * 59 + 4000 * 29));
    assert_eq!(energy(By::Job, 2), Some(4000 * 30));
    assert_eq!(energy(By::Tenant, 1), Some(8000 * 59));
    let course = archive.publish().courses.course(&f, By::Job, 2, (60_000, 6));
    let known: Vec<bool> = course.power.iter().map(Option::is_some).collect();
    assert_eq!(known, [false, false, false, true, true, true]);
}

#[test]
fn a_value_that_is_no_longer_said_becomes_absent() {
    let mut stage = default_stage();
    let said = [(Metric::Util, 90.0), (Metric::MemTemp, 60.0)];
    apply(&mut stage, 0, vec![host("node-h1-r1-k1-t1", vec![gpu(0, &said)])]);
    let f = apply(&mut stage, 1, vec![host("node-h1-r1-k1-t1", vec![gpu(0, &said[..1])])]);
    assert_eq!((f.value(GpuId(0), Metric::Util), f.value(GpuId(0), Metric::MemTemp)), (Some(90.0), None));
}

fn dense(second: i64, health: u16, silent: Vec<u32>) -> Batch {
    let n = 100_224;
    let column = |m: Metric, v: u16| (m, Column::from_raw(m, std::iter::repeat_n(v, n)));
    let columns = vec![column(Metric::Util, 50), column(Metric::Health, health)];
    Batch {
        dense: Some(DenseBatch { columns, silent, jobs: None }),
        ..Batch::new(0, Timestamp::from_secs(second))
    }
}

#[test]
fn silent_trays_of_a_dense_source_age_while_others_stay_fresh() {
    let mut stage = default_stage();
    for s in 0..12 {
        let silent = if s == 0 { vec![] } else { vec![0, 2] };
        stage.apply(&dense(s, 0, silent), 1000);
        let f = stage.commit(Timestamp::from_secs(s));
        let expected = if s <= 3 {
            Quality::Good
        } else if s <= 10 {
            Quality::Stale
        } else {
            Quality::Lost
        };
        assert_eq!(f.quality(GpuId(0)), expected, "at {s} s");
        assert_eq!(f.quality(GpuId(4)), Quality::Good);
        assert_eq!(f.age(GpuId(8)), Some(s as u32));
        assert_eq!(f.value(GpuId(0), Metric::Util).is_some(), expected != Quality::Lost);
    }
}

#[test]
fn a_dense_source_may_say_that_gpus_are_lost() {
    let mut stage = default_stage();
    stage.apply(&dense(0, Health::Lost as u16, vec![]), 1000);
    let f = stage.commit(Timestamp::from_secs(0));
    assert_eq!(f.counts(Asset::Site).lost, 100_224);
    assert_eq!(f.value(GpuId(5), Metric::Util), None);
}

#[test]
fn a_dense_column_of_another_size_is_refused() {
    let mut stage = default_stage();
    let column = Column::from_raw(Metric::Util, [1u16, 2].into_iter());
    let batch = DenseBatch { columns: vec![(Metric::Util, column)], ..DenseBatch::default() };
    stage.apply(&Batch { dense: Some(batch), ..Batch::new(0, Timestamp::from_secs(0)) }, 1000);
    assert_eq!(stage.commit(Timestamp::from_secs(0)).value(GpuId(0), Metric::Util), None);
}

#[test]
fn a_dense_source_survives_the_growth_of_the_site() {
    let mut stage = default_stage();
    stage.apply(&dense(0, 0, vec![]), 1000);
    apply(&mut stage, 0, vec![host("stranger", vec![gpu(0, &[(Metric::Util, 7.0)])])]);
    stage.apply(&dense(1, 0, vec![]), 1000);
    let f = stage.commit(Timestamp::from_secs(1));
    assert_eq!(f.topology.unplaced_gpus(), 1);
    assert_eq!(f.value(GpuId(99), Metric::Util), Some(50.0));
    assert_eq!(f.value(GpuId(100_224), Metric::Util), Some(7.0));
    // A second growth moves everything again: the map of the first one must not be kept.
    apply(
        &mut stage,
        1,
        vec![host("node-h1-r1-k1-t1", (0..5).map(|i| gpu(i, &[(Metric::Util, 3.0)])).collect())],
    );
    stage.apply(&dense(2, 0, vec![1]), 1000);
    let f = stage.commit(Timestamp::from_secs(2));
    assert_eq!(
        f.value(GpuId(4), Metric::Util),
        Some(3.0),
        "the new GPU of the first tray keeps its own value"
    );
    assert_eq!(f.value(GpuId(5), Metric::Util), Some(50.0));
    assert_eq!((f.age(GpuId(5)), f.age(GpuId(9))), (Some(1), Some(0)), "tray 2 was silent, tray 3 was not");
}

#[test]
fn values_of_the_plant_stay_with_their_racks_when_the_site_grows() {
    use crate::model::topology::plan::{NewHost, Plan};
    use crate::model::{FacilityReading, HallId, HallPoint, RackId, RackPoint, SitePoint};

    let place = |hall: &str| crate::model::topology::place::Place {
        hall: hall.into(),
        row: "r1".into(),
        rack: "k1".into(),
        tray: "t1".into(),
    };
    let first = [NewHost { host: "old".into(), place: Some(place("h2")), gpus: 1 }];
    let rule = RuleSpec {
        label: "hostname".into(),
        regex: r"node-(?<hall>h\d+)-(?<row>r\d+)-(?<rack>k\d+)-(?<tray>t\d+)".into(),
    };
    let site = Plan::open("x").with_hosts(&first).build().expect("small");
    let mut stage = Stage::new(Arc::new(site), Placer::new(&[rule]).expect("valid"));
    let read = |stage: &mut Stage, second: i64, kw: f32| {
        let facility = vec![
            FacilityReading::Rack(RackId(0), RackPoint::Power, kw),
            FacilityReading::Hall(HallId(0), HallPoint::Power, 2.0),
            FacilityReading::Site(SitePoint::Pue, 1.1),
        ];
        stage.apply(&Batch { facility, ..Batch::new(0, Timestamp::from_secs(second)) }, 1000);
    };
    read(&mut stage, 0, 50.0);
    let before = stage.commit(Timestamp::from_secs(0));
    let f = apply(&mut stage, 1, vec![host("node-h1-r1-k1-t1", vec![gpu(0, &[(Metric::Util, 7.0)])])]);
    let at = |f: &Frame, name: &str| match f.topology.find(name) {
        Ok(Asset::Rack(r)) => f.facility.rack(r, RackPoint::Power),
        other => panic!("{other:?}"),
    };
    assert_eq!((at(&f, "h2-r1-k1"), at(&f, "h1-r1-k1")), (Some(50.0), None), "hall 1 now stands before it");
    assert_eq!(f.facility.site(SitePoint::Pue), Some(1.1));
    read(&mut stage, 2, 60.0);
    let f = stage.commit(Timestamp::from_secs(2));
    assert_eq!(
        (at(&f, "h2-r1-k1"), at(&f, "h1-r1-k1")),
        (Some(60.0), None),
        "ids of the source are old ones"
    );
    assert_eq!(f.facility.hall(HallId(1), HallPoint::Power), Some(2.0));
    let past = before.remapped(&f.topology, &f.topology.remap_from(&before.topology));
    assert_eq!((at(&past, "h2-r1-k1"), at(&past, "h1-r1-k1")), (Some(50.0), None));
}
