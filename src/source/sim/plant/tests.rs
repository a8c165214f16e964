//! Tests of the coupled plant.

use super::*;
use crate::model::time::SIM_EPOCH;
use crate::model::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::source::sim::liquid::COOLANT_KJ;

fn at(plant: &mut Plant, t: &Topology, tick: u64, kw_gpus: f32) -> Vec<FacilityReading> {
    let watts = vec![kw_gpus * 1000.0; t.racks().len()];
    if tick == 0 {
        plant.settle(t, &watts);
    }
    plant.circulate(t, tick);
    let time = SIM_EPOCH.plus_millis(1000 * tick as i64);
    plant.advance(t, (tick, time), (&watts, &watts), (1.2, 3))
}

fn settled(kw_gpus: f32) -> (Topology, Vec<FacilityReading>) {
    let t = Topology::default_site();
    let mut plant = Plant::new(&t, 7);
    let mut readings = at(&mut plant, &t, 0, kw_gpus);
    for tick in 1..120 {
        readings = at(&mut plant, &t, tick, kw_gpus);
    }
    (t, readings)
}

fn site(readings: &[FacilityReading], point: SitePoint) -> f32 {
    let found = readings.iter().find_map(|r| match r {
        FacilityReading::Site(p, v) if *p == point => Some(*v),
        _ => None,
    });
    found.expect("the point is read")
}

fn racks(readings: &[FacilityReading], point: RackPoint) -> Vec<f32> {
    let of = |r: &FacilityReading| match r {
        FacilityReading::Rack(_, p, v) if *p == point => Some(*v),
        _ => None,
    };
    readings.iter().filter_map(of).collect()
}

fn cdus(readings: &[FacilityReading], point: CduPoint) -> Vec<f32> {
    let of = |r: &FacilityReading| match r {
        FacilityReading::Cdu(_, p, v) if *p == point => Some(*v),
        _ => None,
    };
    readings.iter().filter_map(of).collect()
}

fn halls(readings: &[FacilityReading], point: HallPoint) -> Vec<f32> {
    let of = |r: &FacilityReading| match r {
        FacilityReading::Hall(_, p, v) if *p == point => Some(*v),
        _ => None,
    };
    readings.iter().filter_map(of).collect()
}

const FULL: f32 = 72.0 * 1.278;

#[test]
fn a_full_rack_draws_its_rating_and_returns_at_52_to_56_degrees() {
    let (_, r) = settled(FULL);
    assert!(racks(&r, RackPoint::Power).iter().all(|kw| (kw - 136.0).abs() < 1.0));
    assert!(racks(&r, RackPoint::LiquidReturn).iter().all(|c| (52.0..=56.0).contains(c)));
    assert!(racks(&r, RackPoint::ShelvesOk).iter().all(|n| *n == 8.0));
    assert!(racks(&r, RackPoint::SwitchesOk).iter().all(|n| *n == 9.0));
}

#[test]
fn heat_in_the_coolant_is_what_the_rack_gives_it() {
    for (kw, low, high) in [(20.0, 0.94, 0.97), (FULL, 0.845, 0.86)] {
        let (_, r) = settled(kw);
        let power: f32 = racks(&r, RackPoint::Power).iter().sum();
        let flow = racks(&r, RackPoint::LiquidFlow);
        let (supply, back) = (racks(&r, RackPoint::LiquidSupply), racks(&r, RackPoint::LiquidReturn));
        let heat: f32 = (0..flow.len()).map(|i| flow[i] / 60.0 * COOLANT_KJ * (back[i] - supply[i])).sum();
        assert!((low..=high).contains(&(heat / power)), "{kw}: {heat} of {power}");
    }
}

#[test]
fn all_heat_is_accounted_for_from_the_racks_to_the_outdoors() {
    let (_, r) = settled(60.0);
    let it = site(&r, SitePoint::ItPower);
    let hall: f32 = halls(&r, HallPoint::LiquidHeat).iter().sum::<f32>()
        + halls(&r, HallPoint::AirHeat).iter().sum::<f32>();
    assert!((hall - it).abs() < 0.003 * it, "{hall} of {it}");
    let out = site(&r, SitePoint::HeatExport) + site(&r, SitePoint::HeatRejection);
    assert!((out - hall).abs() < 0.003 * it, "{out} of {hall}");
    let cdu: f32 = cdus(&r, CduPoint::Heat).iter().sum::<f32>() / 1000.0;
    let liquid: f32 = halls(&r, HallPoint::LiquidHeat).iter().sum();
    assert!((cdu - liquid).abs() < 0.002 * liquid, "{cdu} of {liquid}");
    let water: f32 = (0..348)
        .map(|i| {
            let get = |p| cdus(&r, p)[i];
            get(CduPoint::PrimaryFlow) / 60.0
                * crate::source::sim::water::WATER_KJ
                * (get(CduPoint::PrimaryReturn) - get(CduPoint::PrimarySupply))
        })
        .sum();
    assert!((water / 1000.0 - liquid).abs() < 0.002 * liquid, "{water}");
}

#[test]
fn the_full_site_stays_below_its_contract() {
    let (_, r) = settled(72.0 * 1.25);
    let all = site(&r, SitePoint::FacilityPower);
    assert!((190.0..230.0).contains(&all), "{all}");
    let pue = all / site(&r, SitePoint::ItPower);
    assert!((pue - site(&r, SitePoint::Pue)).abs() < 1e-4 && (1.06..1.10).contains(&pue), "{pue}");
}

#[test]
fn power_is_the_same_on_every_level() {
    let (t, r) = settled(80.0);
    let rack: f32 = racks(&r, RackPoint::Power).iter().sum();
    let rows: f32 = r
        .iter()
        .filter_map(|r| match r {
            FacilityReading::Row(_, RowPoint::BuswayA | RowPoint::BuswayB, v) => Some(*v),
            _ => None,
        })
        .sum();
    let hall: f32 = halls(&r, HallPoint::Power).iter().sum();
    assert!((rack - rows).abs() < 1e-3 * rack && (hall * 1000.0 - rack * 1.04).abs() < 1e-3 * rack);
    assert_eq!(racks(&r, RackPoint::SideA).len(), t.racks().len());
}

#[test]
fn a_leak_is_seen_where_it_is_and_costs_pressure() {
    let t = Topology::default_site();
    let mut plant = Plant::new(&t, 7);
    let before = at(&mut plant, &t, 0, 80.0);
    plant.leak(&t, TrayId(3), Leak::Warning);
    let r = at(&mut plant, &t, 1, 80.0);
    assert_eq!((racks(&r, RackPoint::Leak)[0], racks(&r, RackPoint::LeakTray)[0]), (0.0, 4.0));
    plant.leak(&t, TrayId(3), Leak::Critical);
    let r = (2..60).map(|tick| at(&mut plant, &t, tick, 80.0)).last().expect("ticks");
    assert_eq!(racks(&r, RackPoint::Leak)[0], 1.0);
    let dp = racks(&r, RackPoint::LiquidDp)[0] / racks(&before, RackPoint::LiquidDp)[0];
    assert!((0.7..0.9).contains(&dp), "{dp}");
    assert!(cdus(&r, CduPoint::Level)[0] < cdus(&before, CduPoint::Level)[0] - 1.0);
    plant.blind(0, true);
    let r = at(&mut plant, &t, 60, 80.0);
    assert_eq!((racks(&r, RackPoint::Leak)[0], racks(&r, RackPoint::LeakFault)[0]), (0.0, 1.0), "blind");
    plant.leak(&t, TrayId(3), Leak::None);
    plant.blind(0, false);
    let r = at(&mut plant, &t, 61, 80.0);
    assert_eq!(racks(&r, RackPoint::LeakTray)[0], 0.0);
}

#[test]
fn a_choked_rack_returns_hot_water_and_an_air_rack_gets_stuffy() {
    let t = Topology::default_site();
    let mut plant = Plant::new(&t, 7);
    plant.choke(4, Some((0.7, 1)));
    at(&mut plant, &t, 0, 60.0);
    let r = (1..200).map(|tick| at(&mut plant, &t, tick, 60.0)).last().expect("ticks");
    let ret = racks(&r, RackPoint::LiquidReturn);
    assert!(ret[4] > ret[5] + 15.0 && ret[4] < 100.0, "{} {}", ret[4], ret[5]);
    plant.liquids[7] = None;
    plant.choke(7, Some((1.0, 60)));
    assert_eq!(plant.coolant(&t, 7, 5).stuffy, 1.0 + STUFFY);
    plant.choke(7, None);
    assert_eq!(plant.coolant(&t, 7, 5).stuffy, 1.0);
}

#[test]
fn humidity_follows_from_air_and_dew_point() {
    let (_, r) = settled(40.0);
    for (rh, (hot, cold)) in halls(&r, HallPoint::Humidity)
        .iter()
        .zip(halls(&r, HallPoint::HotAisle).iter().zip(halls(&r, HallPoint::ColdAisle)))
    {
        assert!((30.0..42.0).contains(rh), "{rh}");
        assert!((1.5..6.0).contains(&(hot - cold)));
    }
}
