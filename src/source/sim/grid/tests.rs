//! Tests of the site on the grid.

use std::collections::BTreeMap;

use super::*;
use crate::model::time::SIM_EPOCH;

fn grid() -> Grid {
    Grid::new(&Topology::default_site(), 7)
}

fn demand(it_mw: f32) -> Demand {
    Demand {
        it_mw,
        liquid_mw: 0.85 * it_mw,
        air_mw: 0.15 * it_mw,
        oscillation: (1.0, 3),
        coolant: Some((32.0, 53.0)),
    }
}

type Points = BTreeMap<&'static str, Option<f32>>;

fn step(grid: &mut Grid, tick: u64, demand: &Demand) -> Points {
    let mut points = Points::new();
    grid.advance((tick, SIM_EPOCH.plus_millis(1000 * tick as i64)), demand, &mut |p, v| {
        points.insert(p.spec().label, v);
    });
    points
}

fn get(points: &Points, p: SitePoint) -> f32 {
    points[p.spec().label].expect("the point is there")
}

#[test]
fn feeds_and_battery_add_up_to_what_the_facility_draws() {
    let mut g = grid();
    for tick in 0..300 {
        let p = step(&mut g, tick, &demand(150.0 + (tick % 40) as f32));
        let sum = get(&p, SitePoint::FeedA) + get(&p, SitePoint::FeedB) + get(&p, SitePoint::BessPower);
        assert!((sum - get(&p, SitePoint::FacilityPower)).abs() < 0.01);
        assert!((1.06..1.10).contains(&get(&p, SitePoint::Pue)), "{}", get(&p, SitePoint::Pue));
        let heat = get(&p, SitePoint::HeatExport) + get(&p, SitePoint::HeatRejection);
        assert!((heat - (150.0 + (tick % 40) as f32)).abs() < 0.01, "all heat leaves the site");
    }
}

#[test]
fn the_grid_stays_in_its_normal_band() {
    let mut g = grid();
    let (mut low, mut high) = (99.0f32, 0.0f32);
    for tick in 0..5000 {
        let hz = get(&step(&mut g, tick, &demand(170.0)), SitePoint::Frequency);
        (low, high) = (low.min(hz), high.max(hz));
    }
    assert!(49.9 < low && low < 49.97 && 50.03 < high && high < 50.1, "{low} {high}");
}

#[test]
fn a_dip_goes_to_its_depth_and_the_battery_answers() {
    let mut g = grid();
    step(&mut g, 0, &demand(170.0));
    g.dip(49.6, 8, 120);
    let runs: Vec<Points> = (1..200).map(|t| step(&mut g, t, &demand(170.0))).collect();
    let hz: Vec<f32> = runs.iter().map(|p| get(p, SitePoint::Frequency)).collect();
    assert!((49.58..49.65).contains(&hz[7]), "{}", hz[7]);
    assert!(hz[60] < 49.9 && hz[140] > 49.9, "{} {}", hz[60], hz[140]);
    assert!(get(&runs[7], SitePoint::BessPower) > 25.0);
    assert!(get(&runs[190], SitePoint::BessCharge) < 80.0);
}

#[test]
fn the_battery_keeps_ramps_within_the_agreed_limit() {
    let mut g = grid();
    for tick in 0..20 {
        step(&mut g, tick, &demand(170.0));
    }
    for tick in 20..40 {
        let p = step(&mut g, tick, &demand(150.0));
        assert!(get(&p, SitePoint::Ramp).abs() <= 2.5 * 1.02, "{}", get(&p, SitePoint::Ramp));
    }
}

#[test]
fn a_target_is_followed_and_then_forgotten() {
    let mut g = grid();
    let mut p = step(&mut g, 0, &demand(170.0));
    assert!(!p.contains_key(SitePoint::LoadTarget.spec().label), "no target, no value");
    g.ask(Some(150.0));
    for tick in 1..120 {
        let load = demand(170.0 * g.shed());
        p = step(&mut g, tick, &load);
    }
    assert!(get(&p, SitePoint::FacilityPower) <= 150.0 && g.shed() < 0.9, "{}", g.shed());
    assert_eq!((get(&p, SitePoint::LoadTarget), get(&p, SitePoint::Compliant)), (150.0, 1.0));
    g.ask(None);
    p = step(&mut g, 120, &demand(150.0));
    assert_eq!(p[SitePoint::LoadTarget.spec().label], None, "its end is said once");
    for tick in 121..200 {
        p = step(&mut g, tick, &demand(150.0));
    }
    assert!(!p.contains_key(SitePoint::LoadTarget.spec().label));
    assert_eq!(g.shed(), 1.0);
}

#[test]
fn a_target_that_is_not_met_in_time_is_a_breach() {
    let mut g = grid();
    g.ask(Some(100.0));
    let first = step(&mut g, 0, &demand(170.0));
    assert_eq!(get(&first, SitePoint::Compliant), 1.0, "a minute to answer");
    let last = (1..90).map(|t| step(&mut g, t, &demand(170.0))).last().expect("ticks");
    assert_eq!(get(&last, SitePoint::Compliant), 0.0);
}

#[test]
fn a_lost_feed_leaves_all_to_the_other() {
    let mut g = grid();
    step(&mut g, 0, &demand(170.0));
    g.switch(Side::A, false);
    let p = step(&mut g, 1, &demand(170.0));
    assert_eq!((get(&p, SitePoint::FeedA), get(&p, SitePoint::VoltageA)), (0.0, 0.0));
    assert!(get(&p, SitePoint::FeedB) > 175.0 && !g.dark());
    g.switch(Side::B, false);
    let p = step(&mut g, 2, &demand(0.0));
    assert!(g.dark() && get(&p, SitePoint::FacilityPower) == 0.0 && p[SitePoint::Pue.spec().label].is_none());
}

#[test]
fn shelves_ride_through_20_ms_and_no_more() {
    let mut g = grid();
    assert!(!g.sag(70.0, 20) && !g.sag(95.0, 500));
    assert!(g.sag(70.0, 100));
    let p = step(&mut g, 0, &demand(100.0));
    assert!(get(&p, SitePoint::VoltageB) < 100.0);
    let p = step(&mut g, 1, &demand(100.0));
    assert!(get(&p, SitePoint::VoltageB) > 125.0, "it is over after its second");
}

#[test]
fn a_site_without_battery_or_contract_has_no_such_points() {
    let t = Topology::from_toml(
        "[site]\nname = \"x\"\n[[gpu]]\nname = \"g\"\nmemory_mib = 1\ntdp_w = 700\nidle_w = 70\n\
         max_clock_mhz = 1980\nzero_margin_c = 87\nslowdown_c = 89\nshutdown_c = 95\n[[rack]]\nname = \"r\"\n\
         gpu = \"g\"\ntrays = 4\ngpus_per_tray = 8\ncooling = \"air\"\n[[hall]]\nnames = [\"A\"]\nrows = 1\n\
         racks_per_row = 1\nrack = \"r\"\n",
        "x",
    );
    let mut g = Grid::new(&t.expect("valid"), 1);
    let p = step(&mut g, 0, &Demand { coolant: None, ..demand(0.03) });
    assert_eq!(p[SitePoint::Contracted.spec().label], None);
    assert!(!p.contains_key(SitePoint::BessPower.spec().label));
    assert!(!p.contains_key(SitePoint::HeatExport.spec().label));
    assert!((get(&p, SitePoint::FeedA) + get(&p, SitePoint::FeedB)) > 0.03);
}
