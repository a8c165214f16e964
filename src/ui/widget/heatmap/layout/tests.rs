//! Tests of layouts: the default site, unlike sites, and the laws of movement.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::model::id::HallId;
use crate::model::topology::Plan;
use crate::model::topology::plan::{PlanHall, PlanRack, PlanRow, PlanTray};
use crate::ui::widget::heatmap::Direction;

const H1: Asset = Asset::Hall(HallId(0));

/// A hall: for each row its racks, for each rack the GPUs of each tray.
fn site(columns: u16, rows: &[Vec<Vec<u16>>]) -> Topology {
    let tray = |(i, n): (usize, &u16)| PlanTray { name: format!("T{i:02}"), host: String::new(), gpus: *n };
    let rack = |(i, trays): (usize, &Vec<u16>)| PlanRack {
        name: format!("K{}", i + 1),
        model: 0,
        trays: trays.iter().enumerate().map(tray).collect(),
    };
    let row = |(i, racks): (usize, &Vec<Vec<u16>>)| PlanRow {
        name: format!("R{:02}", i + 1),
        cdus: Vec::new(),
        racks: racks.iter().enumerate().map(rack).collect(),
    };
    let hall = PlanHall { name: "H1".into(), columns, rows: rows.iter().enumerate().map(row).collect() };
    Plan { halls: vec![hall], ..Plan::open("test") }.build().expect("small")
}

/// Every GPU of the scope has exactly one pixel, and no pixel leaves the area.
fn check(topology: &Topology, scope: Asset, layout: &Layout) {
    let span = topology.gpus_of(scope);
    let mut seen = HashSet::new();
    for pixel in 0..layout.pixel_count() {
        assert!(!layout.gpus_of(pixel).is_empty());
        for gpu in layout.gpus_of(pixel) {
            assert!(span.contains(*gpu) && seen.insert(*gpu), "GPU {gpu} twice");
            assert_eq!(layout.pixel_of(GpuId(*gpu)), Some(pixel));
        }
        let (x, y) = layout.position(pixel).expect("exists");
        assert_eq!(layout.pixel_at(x, y), Some(pixel), "pixels do not cover each other");
    }
    assert_eq!(seen.len(), span.len(), "every GPU is drawn");
    for label in layout.labels() {
        assert!(usize::from(label.x) + text::width(&label.text) <= usize::from(layout.size().0));
        assert_eq!(layout.pixel_at(label.x, label.y * 2), None, "labels cover no pixel");
    }
}

#[test]
fn a_hall_of_12672_gpus_fits_one_gpu_per_half_cell() {
    let t = Topology::default_site();
    let layout = Layout::fit(&t, H1, (198, 40), Zoom::Fit);
    check(&t, H1, &layout);
    assert_eq!(layout.size(), (197, 40));
    assert_eq!((layout.pixel_count(), layout.gpus_per_pixel()), (12_672, 1));
    let names: Vec<_> = layout.labels().iter().take(4).map(|l| (l.x, l.y, l.text.as_str())).collect();
    assert_eq!(names, [(0, 0, "R01"), (4, 0, "K2"), (8, 0, "K3"), (12, 0, "K4")]);
}

#[test]
fn the_bottom_tray_is_at_the_bottom_and_gpu_1_on_the_left() {
    let t = Topology::default_site();
    let layout = Layout::fit(&t, H1, (198, 40), Zoom::Fit);
    let place = |name: &str| {
        let Ok(Asset::Gpu(gpu)) = t.find(name) else { panic!("{name} is a GPU") };
        layout.pixel_of(gpu).and_then(|p| layout.position(p)).expect("in the hall")
    };
    assert_eq!(place("H1-R01-K1-T18-G1"), (0, 2), "below the line of labels");
    assert_eq!(place("H1-R01-K1-T01-G1"), (0, 19));
    assert_eq!(place("H1-R01-K2-T01-G4"), (7, 19));
    assert_eq!(place("H1-R02-K1-T01-G1"), (33, 19), "one column between rows");
    assert_eq!(place("H1-R07-K1-T18-G1"), (0, 22), "the second band");
}

#[test]
fn small_screens_pool_whole_trays_and_keep_every_gpu() {
    let t = Topology::default_site();
    for cells in [(78, 17), (46, 16), (118, 30), (30, 10)] {
        let layout = Layout::fit(&t, H1, cells, Zoom::Fit);
        check(&t, H1, &layout);
        assert!(layout.size().0 <= cells.0 && layout.size().1 <= cells.1, "{cells:?} {:?}", layout.size());
        assert!(layout.gpus_per_pixel() > 1);
    }
    assert!(Layout::fit(&t, H1, (46, 16), Zoom::Fit).gpus_per_pixel() <= 20);
}

#[test]
fn a_tile_of_the_site_view_pools_racks() {
    let t = Topology::default_site();
    for cells in [(19, 4), (44, 8), (1, 1), (3, 2)] {
        let layout = Layout::fit(&t, H1, cells, Zoom::Fit);
        check(&t, H1, &layout);
        assert!(layout.size().0 <= cells.0 && layout.size().1 <= cells.1);
    }
    assert!(Layout::fit(&t, H1, (19, 4), Zoom::Fit).pixel_count() >= 88);
}

#[test]
fn the_whole_site_fits_as_well() {
    let t = Topology::default_site();
    let layout = Layout::fit(&t, Asset::Site, (198, 50), Zoom::Fit);
    check(&t, Asset::Site, &layout);
}

#[test]
fn a_rack_and_a_row_are_magnified() {
    let t = Topology::default_site();
    for (name, scale) in [("H1-R01-K1", 4), ("H1-R01", 3)] {
        let scope = t.find(name).expect("exists");
        let layout = Layout::fit(&t, scope, (120, 50), Zoom::Fit);
        check(&t, scope, &layout);
        assert_eq!((layout.gpus_per_pixel(), layout.scale()), (1, scale), "{name}");
    }
}

#[test]
fn air_cooled_nodes_and_uneven_racks_lay_out() {
    let air = site(2, &[vec![vec![8; 4]; 5], vec![vec![8; 4]; 5]]);
    let layout = Layout::fit(&air, H1, (100, 30), Zoom::Fit);
    check(&air, H1, &layout);
    assert!(layout.scale() >= 2, "320 GPUs deserve large pixels");
    let odd = site(3, &[vec![vec![4; 18], vec![8, 8, 2]], vec![vec![1; 16]], vec![vec![16, 0, 3], vec![64]]]);
    for cells in [(200, 60), (40, 20), (12, 6), (2, 1)] {
        check(&odd, H1, &Layout::fit(&odd, H1, cells, Zoom::Fit));
    }
    let one = site(4, &[vec![vec![1]]]);
    assert_eq!(Layout::fit(&one, H1, (80, 24), Zoom::Fit).pixel_count(), 1);
}

#[test]
fn uneven_racks_stand_on_the_same_floor() {
    let t = site(1, &[vec![vec![4; 18], vec![4; 3]]]);
    let layout = Layout::fit(&t, H1, (8, 10), Zoom::Gpu);
    let tall = layout.pixel_of(GpuId(0)).and_then(|p| layout.position(p)).expect("drawn");
    let small = layout.pixel_of(GpuId(72)).and_then(|p| layout.position(p)).expect("drawn");
    assert_eq!((tall.1, small), (19, (4, 19)));
}

#[test]
fn no_area_and_no_gpus_make_an_empty_layout() {
    let t = Topology::default_site();
    assert_eq!(Layout::fit(&t, H1, (0, 10), Zoom::Fit).pixel_count(), 0);
    let empty = Plan::open("empty").build().expect("empty");
    let layout = Layout::fit(&empty, Asset::Site, (80, 24), Zoom::Fit);
    assert_eq!((layout.pixel_count(), layout.pixel_at(0, 0), layout.gpu_at(5, 5)), (0, None, None));
}

#[test]
fn nearer_zooms_may_exceed_the_area_and_scroll_to_the_cursor() {
    let t = Topology::default_site();
    let layout = Layout::fit(&t, H1, (78, 17), Zoom::Gpu);
    check(&t, H1, &layout);
    assert_eq!(layout.gpus_per_pixel(), 1);
    assert!(layout.size().0 <= 78 && layout.size().1 > 17, "scrolls downwards only");
    let last = layout.pixel_of(GpuId(12_671)).expect("drawn");
    let (sx, sy) = layout.scroll_to(last, (78, 17), (0, 0));
    let (x, y) = layout.position(last).expect("drawn");
    assert!(x - sx < 78 && y / 2 - sy < 17 && sy > 0);
    assert_eq!(layout.scroll_to(last, (78, 17), (sx, sy)), (sx, sy), "no move without need");
    for zoom in [Zoom::Tray, Zoom::Rack] {
        check(&t, H1, &Layout::fit(&t, H1, (78, 17), zoom));
    }
    assert_eq!(Layout::fit(&t, H1, (78, 17), Zoom::Tray).gpus_per_pixel(), 4);
    assert_eq!(Layout::fit(&t, H1, (78, 17), Zoom::Rack).gpus_per_pixel(), 72);
}

#[test]
fn a_step_by_rack_keeps_the_place_in_the_rack() {
    let t = Topology::default_site();
    let layout = Layout::fit(&t, H1, (198, 40), Zoom::Fit);
    let pixel = |name: &str| match t.find(name) {
        Ok(Asset::Gpu(gpu)) => layout.pixel_of(gpu).expect("drawn"),
        other => panic!("{other:?}"),
    };
    let from = pixel("H1-R01-K8-T09-G2");
    assert_eq!(layout.neighbor_rack(from, Direction::Right), pixel("H1-R02-K1-T09-G2"));
    assert_eq!(layout.neighbor_rack(from, Direction::Down), pixel("H1-R07-K8-T09-G2"));
    assert_eq!(layout.neighbor_rack(from, Direction::Left), pixel("H1-R01-K7-T09-G2"));
    assert_eq!(layout.neighbor_rack(from, Direction::Up), from, "nothing above");
    assert_eq!(layout.neighbor(from, Direction::Up), pixel("H1-R01-K8-T10-G2"));
    assert_eq!(layout.neighbor(pixel("H1-R01-K1-T01-G1"), Direction::Left), pixel("H1-R01-K1-T01-G1"));
}

#[test]
fn zooms_form_a_ladder() {
    let mut zoom = Zoom::Fit;
    for _ in 0..3 {
        zoom = zoom.nearer();
    }
    assert_eq!(zoom, Zoom::Gpu);
    for _ in 0..3 {
        zoom = zoom.wider();
    }
    assert_eq!(zoom, Zoom::Fit);
}

fn any_site() -> impl Strategy<Value = Topology> {
    let rack = proptest::collection::vec(0u16..=10, 1..6);
    let row = proptest::collection::vec(rack, 1..5);
    (1u16..5, proptest::collection::vec(row, 1..6)).prop_map(|(columns, rows)| site(columns, &rows))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_site_fits_any_area(t in any_site(), w in 1u16..60, h in 1u16..30) {
        for zoom in [Zoom::Fit, Zoom::Gpu, Zoom::Tray, Zoom::Rack] {
            let layout = Layout::fit(&t, H1, (w, h), zoom);
            check(&t, H1, &layout);
            if zoom == Zoom::Fit {
                prop_assert!(layout.size().0 <= w && layout.size().1 <= h);
            }
        }
    }

    #[test]
    fn steps_stay_on_the_map_and_straight_ones_can_be_undone(t in any_site(), start in 0usize..200) {
        let layout = Layout::fit(&t, H1, (60, 30), Zoom::Fit);
        prop_assume!(layout.pixel_count() > 0);
        let from = start % layout.pixel_count();
        for (there, back) in [(Direction::Left, Direction::Right), (Direction::Up, Direction::Down)] {
            for (there, back) in [(there, back), (back, there)] {
                let to = layout.neighbor(from, there);
                prop_assert!(layout.neighbor_rack(from, there) < layout.pixel_count());
                let (a, b) = (layout.position(from).expect("on the map"), layout.position(to).expect("on the map"));
                if to != from && (a.0 == b.0 || a.1 == b.1) {
                    prop_assert_eq!(layout.neighbor(to, back), from);
                }
            }
        }
    }
}
