//! Tests of the selection: what is remembered, what survives growth.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::model::topology::Plan;
use crate::model::topology::place::Place;
use crate::model::topology::plan::NewHost;

fn on(t: &Topology, name: &str) -> Selection {
    let mut s = Selection::new(t);
    assert!(s.select(t, t.find(name).expect("exists")), "{name}");
    s
}

fn name(t: &Topology, s: &Selection) -> String {
    s.gpu(t).map_or_else(String::new, |g| t.name(Asset::Gpu(g)))
}

#[test]
fn a_new_selection_is_the_top_left_gpu() {
    let t = Topology::default_site();
    assert_eq!(name(&t, &Selection::new(&t)), "H1-R01-K1-T18-G1");
}

#[test]
fn an_empty_site_selects_nothing_and_moves_nowhere() {
    let t = Plan::open("new").build().expect("an empty site is a site");
    let mut s = Selection::new(&t);
    assert_eq!((s.cursor(), s.gpu(&t), s.hall(&t)), (None, None, None));
    assert!(!s.step(&t, Move::Right, Bounds::Hall) && !s.step_hall(&t, 1) && !s.select(&t, Asset::Site));
}

#[test]
fn a_hall_remembers_where_the_cursor_was() {
    let t = Topology::default_site();
    let mut s = on(&t, "H3-R17-K5-T09-G2");
    assert!(s.step_hall(&t, 1));
    assert_eq!(name(&t, &s), "H4-R01-K1-T18-G1");
    assert!(s.step_hall(&t, -1));
    assert_eq!(name(&t, &s), "H3-R17-K5-T09-G2");
    assert!(!on(&t, "H8").step_hall(&t, 1), "there is no ninth hall");
}

#[test]
fn selecting_a_rack_keeps_level_and_column() {
    let t = Topology::default_site();
    let mut s = on(&t, "H3-R17-K5-T09-G2");
    s.select(&t, t.find("H5-R02-K1").expect("exists"));
    assert_eq!(name(&t, &s), "H5-R02-K1-T09-G2");
    s.select(&t, t.find("H3").expect("exists"));
    assert_eq!(name(&t, &s), "H3-R17-K5-T09-G2", "the jump left a mark in H3");
}

#[test]
fn small_moves_can_be_kept_in_the_rack() {
    let t = Topology::default_site();
    let mut s = on(&t, "H3-R17-K5-T18-G4");
    assert!(!s.step(&t, Move::Up, Bounds::Rack) && !s.step(&t, Move::Right, Bounds::Rack));
    assert!(s.step(&t, Move::RackRight, Bounds::Rack));
    assert_eq!(name(&t, &s), "H3-R17-K6-T18-G4");
}

fn host(rack: &str, tray: &str, gpus: u16) -> NewHost {
    let place = Place { hall: "B".into(), row: "R1".into(), rack: rack.into(), tray: tray.into() };
    NewHost { host: format!("{rack}-{tray}"), place: Some(place), gpus }
}

#[test]
fn the_selection_keeps_its_place_when_the_site_grows() {
    let plan = Plan::open("site").with_hosts(&[host("K2", "T1", 8), host("K2", "T3", 8)]);
    let old = plan.clone().build().expect("small");
    let mut s = on(&old, "B-R1-K2-T3-G5");
    let new = plan.with_hosts(&[host("K1", "T1", 8), host("K2", "T2", 8)]).build().expect("small");
    s.remap(&old, &new);
    assert_eq!(name(&new, &s), "B-R1-K2-T3-G5");
}

#[test]
fn a_place_that_is_gone_gives_way_to_the_first_one() {
    let old = Topology::default_site();
    let mut s = on(&old, "H3-R17-K5-T09-G2");
    let new = Plan::open("site").with_hosts(&[host("K1", "T1", 4)]).build().expect("small");
    s.remap(&old, &new);
    assert_eq!(name(&new, &s), "B-R1-K1-T1-G1");
}

#[test]
fn a_tray_without_gpus_can_be_passed() {
    let plan =
        Plan::open("site").with_hosts(&[host("K1", "T1", 4), host("K1", "T2", 0), host("K1", "T3", 4)]);
    let t = plan.build().expect("small");
    let mut s = on(&t, "B-R1-K1-T1-G3");
    assert!(s.step(&t, Move::Up, Bounds::Rack));
    assert_eq!((s.gpu(&t), s.cursor().map(|c| c.slot)), (None, Some(0)));
    assert!(s.step(&t, Move::Up, Bounds::Rack));
    assert_eq!(name(&t, &s), "B-R1-K1-T3-G1");
}

#[test]
fn next_and_previous_hall_are_inverse() {
    let t = Topology::default_site();
    let checked = TestRunner::default().run(&(0u32..100_224, -3i64..=3), |(gpu, by)| {
        let mut s = Selection::new(&t);
        s.select(&t, Asset::Gpu(GpuId(gpu)));
        let before = s.cursor();
        if s.step_hall(&t, by) {
            prop_assert!(s.step_hall(&t, -by));
            prop_assert_eq!(s.cursor(), before);
        }
        Ok(())
    });
    assert_eq!(checked, Ok(()));
}

proptest! {
    #[test]
    fn the_cursor_never_leaves_the_site(
        shape in prop::collection::vec((0u8..3, 0u8..3, 0u8..4, 0u16..6), 1..20),
        moves in prop::collection::vec(0usize..8, 0..60),
    ) {
        let hosts: Vec<NewHost> = shape.iter().map(|(r, k, t, gpus)| NewHost {
            host: format!("{r}{k}{t}"),
            place: Some(Place { hall: "B".into(), row: format!("R{r}"), rack: format!("K{k}"), tray: format!("T{t}") }),
            gpus: *gpus,
        }).collect();
        let t = Plan::open("site").with_hosts(&hosts).build().expect("small");
        let mut s = Selection::new(&t);
        for m in moves {
            s.step(&t, Move::ALL[m], Bounds::Hall);
            let c = s.cursor().expect("there is a tray");
            let gpus = t.tray(c.tray).gpus.len();
            prop_assert!(usize::from(c.slot) < gpus.max(1));
        }
    }
}
