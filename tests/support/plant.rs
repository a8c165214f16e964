//! The plant of the test site: two liquid halls with CDUs and busways, an air-cooled one, and a
//! choice of things that are wrong.

use hallwatch::model::{
    CduId, CduPoint, FacilityReading, HallId, HallPoint, RackId, RackPoint, RowId, RowPoint, SitePoint,
    Topology,
};

/// The rack that is too hot.
pub const HOT: usize = 5;
/// A rack that leaks and is isolated.
pub const WET: usize = 18;
/// A rack that says nothing about its coolant.
pub const MUTE: usize = 22;
/// A rack with shelves down.
pub const SHORT: usize = 9;
/// A row that has lost its side A.
pub const LAME: usize = 6;
/// A CDU whose pumps both stand.
pub const STOPPED: usize = 10;

/// What the plant says; `wobble` gives a number from 0 to 1 for each asset.
pub fn readings(t: &Topology, wobble: &dyn Fn(usize) -> f32) -> Vec<FacilityReading> {
    let mut out = Vec::new();
    for i in 0..t.racks().len() {
        rack(t, i, wobble(i), &mut out);
    }
    for i in 0..t.cdu_count() {
        cdu(i, wobble(i), &mut out);
    }
    for i in 0..t.rows().len() {
        row(t, i, wobble(i), &mut out);
    }
    for i in 0..t.halls().len() {
        hall(i, wobble(i), &mut out);
    }
    site(wobble(3), &mut out);
    out
}

fn rack(t: &Topology, i: usize, w: f32, out: &mut Vec<FacilityReading>) {
    let id = RackId::new(i);
    let mut put = |p, v: f32| out.push(FacilityReading::Rack(id, p, v));
    let liquid = t.rack_model(id).power_shelves > 0;
    if !liquid {
        put(RackPoint::Power, 38.0 + w);
        return;
    }
    let wet = i == WET;
    let kw = match i {
        _ if wet => 0.0,
        _ if i % 5 == 3 => 14.0,
        _ => 96.0 + 4.0 * w,
    };
    put(RackPoint::Power, kw);
    let lame = id.index() / 4 == LAME;
    put(RackPoint::SideA, if lame { 0.0 } else { kw / 2.0 });
    put(RackPoint::SideB, if lame { kw } else { kw / 2.0 });
    put(RackPoint::ShelvesOk, if i == SHORT { 5.0 } else { 8.0 });
    put(RackPoint::SwitchesOk, if i == HOT { 8.0 } else { 9.0 });
    put(RackPoint::Leak, f32::from(u8::from(wet)));
    put(RackPoint::LeakTray, if wet { 4.0 } else { 0.0 });
    put(RackPoint::LeakFault, f32::from(u8::from(i == 2)));
    put(RackPoint::LiquidIsolated, f32::from(u8::from(wet)));
    put(RackPoint::PowerIsolated, f32::from(u8::from(wet)));
    if i == MUTE {
        return;
    }
    let flow = match i {
        _ if wet => 0.0,
        HOT => 31.0,
        _ if kw < 20.0 => 48.0 + 2.0 * w,
        _ => 78.0 + 5.0 * w,
    };
    let rise = if flow > 0.0 { kw * 0.86 * 60.0 / (flow * 3.98) } else { 0.0 };
    put(RackPoint::LiquidSupply, 32.0 + w);
    put(RackPoint::LiquidReturn, if i == HOT { 61.0 } else { 32.0 + w + rise });
    put(RackPoint::LiquidFlow, flow);
    put(RackPoint::LiquidDp, if wet { 0.0 } else { 80.0 + w });
    put(RackPoint::Valve, if wet { 0.0 } else { 71.0 + 10.0 * w });
}

fn cdu(i: usize, w: f32, out: &mut Vec<FacilityReading>) {
    let mut put = |p, v: f32| out.push(FacilityReading::Cdu(CduId::new(i), p, v));
    let stopped = i == STOPPED;
    let lead = if stopped { 0.0 } else { 52.0 + 4.0 * w };
    let (one, two) = if i.is_multiple_of(2) { (lead, 0.0) } else { (0.0, lead) };
    put(CduPoint::Pump1, one);
    put(CduPoint::Pump2, two);
    put(CduPoint::Setpoint, 32.0);
    put(CduPoint::SecondarySupply, if i == 3 { 36.2 } else { 32.0 + w });
    put(CduPoint::SecondaryReturn, 51.0 + w);
    put(CduPoint::SecondaryFlow, if stopped { 0.0 } else { 160.0 + 8.0 * w });
    put(CduPoint::SecondaryDp, if stopped { 2.0 } else { 90.0 + w });
    put(CduPoint::PrimarySupply, 14.1);
    put(CduPoint::PrimaryReturn, 38.4 + w);
    put(CduPoint::PrimaryFlow, 130.0 + 5.0 * w);
    put(CduPoint::PrimaryValve, 34.0 + w);
    put(CduPoint::FilterDp, if i == 4 { 34.0 } else { 5.7 + w });
    put(CduPoint::Level, if i == 9 { 52.0 } else { 82.0 });
    put(CduPoint::Leak, 0.0);
    put(CduPoint::Heat, 165.0 + 3.0 * w);
}

fn row(t: &Topology, i: usize, w: f32, out: &mut Vec<FacilityReading>) {
    let id = RowId::new(i);
    if t.row(id).cdus.is_empty() {
        return;
    }
    let mut put = |p, v: f32| out.push(FacilityReading::Row(id, p, v));
    let half = 170.0 + 4.0 * w;
    let lame = i == LAME;
    put(RowPoint::BuswayA, if lame { 0.0 } else { half });
    put(RowPoint::BuswayB, if lame { 2.0 * half } else { half });
    put(RowPoint::VoltageA, if lame { 0.0 } else { 415.0 + w });
    put(RowPoint::VoltageB, 414.0 + w);
    put(RowPoint::Limit, 360.0);
}

fn hall(i: usize, w: f32, out: &mut Vec<FacilityReading>) {
    let mut put = |p, v: f32| out.push(FacilityReading::Hall(HallId::new(i), p, v));
    put(HallPoint::ColdAisle, 24.6 + w);
    put(HallPoint::HotAisle, 28.1 + w);
    put(HallPoint::DewPoint, 9.2 + w);
    put(HallPoint::Humidity, 36.0);
    put(HallPoint::AirHeat, 0.2);
    if i < 2 {
        put(HallPoint::Power, 1.28 + 0.02 * w);
        put(HallPoint::LiquidSupply, 32.2 + w);
        put(HallPoint::LiquidReturn, 51.5 + w);
        put(HallPoint::LiquidHeat, 1.1);
    }
}

fn site(w: f32, out: &mut Vec<FacilityReading>) {
    for (p, v) in [
        (SitePoint::FacilityPower, 2.86 + 0.04 * w),
        (SitePoint::ItPower, 2.68 + 0.04 * w),
        (SitePoint::PlantPower, 0.18),
        (SitePoint::Contracted, 3.2),
        (SitePoint::FeedA, 1.42 + 0.02 * w),
        (SitePoint::FeedB, 1.44 + 0.02 * w),
        (SitePoint::VoltageA, 131.6 + w),
        (SitePoint::VoltageB, 131.9 + w),
        (SitePoint::Pue, 1.067),
        (SitePoint::Frequency, 49.97 + 0.05 * w),
        (SitePoint::HydroShare, 100.0),
        (SitePoint::SpotPrice, 214.0),
        (SitePoint::Outdoor, -7.1),
        (SitePoint::HeatExport, 0.4),
        (SitePoint::HeatRejection, 2.1),
        (SitePoint::LiquidSupply, 32.2 + w),
        (SitePoint::LiquidReturn, 51.6 + w),
        (SitePoint::BessPower, -0.2),
        (SitePoint::BessCharge, 71.0),
        (SitePoint::PowerMaximum, 3.2),
        (SitePoint::LoadTarget, 2.7),
        (SitePoint::Compliant, 0.0),
        (SitePoint::Ramp, 0.02 * w),
        (SitePoint::RampLimit, 0.05),
        (SitePoint::Oscillation, 0.31),
        (SitePoint::OscillationJob, 1.0),
        (SitePoint::BmsHeartbeat, 4.0),
    ] {
        out.push(FacilityReading::Site(p, v));
    }
}
