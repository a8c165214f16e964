//! Normal bands of the plant on a given site, and how urgent it is to be outside of one: what
//! views mark by shape and text. A judgement of one moment, without delay and memory.

use crate::fleet::facility::Facility;
use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::id::{CduId, HallId, RackId, RowId};
use crate::model::topology::{Cooling, Topology};

/// Return temperature above which a loop is short of flow, °C: the W45 class of ASHRAE with a rise
/// of 13 K.
pub const HOT_RETURN_C: f32 = 58.0;
/// How far the supply of a CDU may lie above its set-point, K.
pub const OFF_SETPOINT_K: f32 = 3.0;
/// How far the coolant must stay above the dew point, K.
pub const DEW_MARGIN_K: f32 = 2.0;
/// Opening from which a valve has nothing more to give, %.
pub const SATURATED: f32 = 98.0;
/// Share of its limit from which a busway counts as overloaded.
pub const BUSWAY_SHARE: f32 = 0.9;
/// Seconds without a heartbeat after which the building management system is silent: values it
/// brought are frozen.
pub const BMS_SILENT_S: f32 = 30.0;

/// Where a value is normal.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Normal {
    /// Lower end; `None` where there is none.
    pub low: Option<f32>,
    /// Upper end; `None` where there is none.
    pub high: Option<f32>,
    /// Priority 1 to 4 of a value outside.
    pub priority: u8,
}

impl Normal {
    /// Every value is normal.
    pub const ANY: Self = Self { low: None, high: None, priority: 4 };

    const fn below(high: f32, priority: u8) -> Self {
        Self { low: None, high: Some(high), priority }
    }

    const fn above(low: f32, priority: u8) -> Self {
        Self { low: Some(low), high: None, priority }
    }

    const fn between((low, high): (f32, f32), priority: u8) -> Self {
        Self { low: Some(low), high: Some(high), priority }
    }

    /// The upper end where it is known: zero and less mean "not known".
    fn up_to(high: Option<f32>, priority: u8) -> Self {
        Self { low: None, high: high.filter(|h| *h > 0.0), priority }
    }

    /// Both ends, for display.
    #[must_use]
    pub const fn ends(&self) -> (Option<f32>, Option<f32>) {
        (self.low, self.high)
    }

    /// The priority of `value`: 0 where it is normal.
    #[must_use]
    pub fn crossed(&self, value: f32) -> u8 {
        let outside = self.low.is_some_and(|l| value < l) || self.high.is_some_and(|h| value > h);
        if outside { self.priority } else { 0 }
    }
}

/// The normal band of a point of a rack.
#[must_use]
pub fn rack(t: &Topology, id: RackId, point: RackPoint) -> Normal {
    let model = t.rack_model(id);
    let all = |n: u16, priority| Normal::above(f32::from(n), priority);
    match point {
        // Short swings above the rating are normal.
        RackPoint::Power => Normal::up_to(Some(1.05 * model.tdp_kw), 3),
        RackPoint::LiquidReturn => Normal::below(HOT_RETURN_C, 2),
        RackPoint::LiquidFlow => Normal::above(point.spec().normal.0, 3),
        RackPoint::LiquidSupply | RackPoint::LiquidDp => Normal::between(point.spec().normal, 3),
        // A full rack opens its valve nearly all the way: only the stops are worth a word.
        RackPoint::Valve => Normal::between((point.spec().normal.0, SATURATED), 4),
        RackPoint::ShelvesOk => all(model.power_shelves, 3),
        RackPoint::SwitchesOk => all(model.switch_trays, 2),
        RackPoint::Leak => Normal::below(0.0, 1),
        RackPoint::LeakTray => Normal::below(0.0, 2),
        RackPoint::LeakFault => Normal::below(0.0, 4),
        RackPoint::LiquidIsolated | RackPoint::PowerIsolated => Normal::below(0.0, 3),
        RackPoint::SideA | RackPoint::SideB => Normal::below(point.spec().normal.1, 3),
    }
}

/// The most urgent priority among all that a rack reports; 0 when all is normal.
#[must_use]
pub fn worst_of_rack(t: &Topology, facility: &Facility, id: RackId) -> u8 {
    let of = |p: &RackPoint| facility.rack(id, *p).map_or(0, |v| rack(t, id, *p).crossed(v));
    RackPoint::ALL.iter().map(of).filter(|p| *p > 0).min().unwrap_or(0)
}

/// The normal band of a point of a CDU.
#[must_use]
pub fn cdu(facility: &Facility, id: CduId, point: CduPoint) -> Normal {
    let normal = point.spec().normal;
    match point {
        CduPoint::SecondarySupply => match facility.cdu(id, CduPoint::Setpoint) {
            Some(setpoint) => Normal::between((normal.0, setpoint + OFF_SETPOINT_K), 2),
            None => Normal::between(normal, 2),
        },
        CduPoint::SecondaryReturn => Normal::below(HOT_RETURN_C, 2),
        CduPoint::SecondaryFlow => Normal::above(normal.0, 2),
        CduPoint::SecondaryDp => Normal::between(normal, 3),
        CduPoint::Setpoint | CduPoint::PrimarySupply | CduPoint::PrimaryReturn => Normal::between(normal, 4),
        CduPoint::PrimaryFlow => Normal::above(normal.0, 4),
        CduPoint::PrimaryValve => Normal::below(SATURATED, 3),
        CduPoint::Pump1 | CduPoint::Pump2 => Normal::below(normal.1, 3),
        CduPoint::FilterDp => Normal::below(normal.1, 4),
        CduPoint::Level => Normal::above(normal.0, 3),
        CduPoint::Leak => Normal::below(0.0, 1),
        CduPoint::Heat => Normal::ANY,
    }
}

/// The most urgent priority among all that a CDU reports, and 1 when both of its pumps stand.
#[must_use]
pub fn worst_of_cdu(facility: &Facility, id: CduId) -> u8 {
    if pumps_stand(facility, id) {
        return 1;
    }
    let of = |p: &CduPoint| facility.cdu(id, *p).map_or(0, |v| cdu(facility, id, *p).crossed(v));
    CduPoint::ALL.iter().map(of).filter(|p| *p > 0).min().unwrap_or(0)
}

/// True when a CDU reports both pumps, and both stand.
#[must_use]
pub fn pumps_stand(facility: &Facility, id: CduId) -> bool {
    let stands = |p| facility.cdu(id, p).is_some_and(|v| v <= 0.5);
    stands(CduPoint::Pump1) && stands(CduPoint::Pump2)
}

/// The normal band of a point of a row.
#[must_use]
pub fn row(facility: &Facility, id: RowId, point: RowPoint) -> Normal {
    match point {
        RowPoint::BuswayA | RowPoint::BuswayB => {
            Normal::up_to(facility.row(id, RowPoint::Limit).map(|l| l * BUSWAY_SHARE), 2)
        }
        RowPoint::VoltageA | RowPoint::VoltageB => Normal::between(point.spec().normal, 2),
        RowPoint::Limit => Normal::ANY,
    }
}

/// The side of a row that has lost its supply while the other still carries: 0 for A, 1 for B.
#[must_use]
pub fn lost_side(facility: &Facility, id: RowId) -> Option<usize> {
    let kw = [RowPoint::BuswayA, RowPoint::BuswayB].map(|p| facility.row(id, p));
    let [Some(a), Some(b)] = kw else { return None };
    // What a row draws when everything in it idles is far more than this.
    let dead = |one: f32, other: f32| one < 1.0 && other >= 10.0;
    if dead(a, b) {
        Some(0)
    } else if dead(b, a) {
        Some(1)
    } else {
        None
    }
}

/// The most urgent priority among all that a row's busways report; 1 when a side is lost.
#[must_use]
pub fn worst_of_row(facility: &Facility, id: RowId) -> u8 {
    if lost_side(facility, id).is_some() {
        return 1;
    }
    let of = |p: &RowPoint| facility.row(id, *p).map_or(0, |v| row(facility, id, *p).crossed(v));
    RowPoint::ALL.iter().map(of).filter(|p| *p > 0).min().unwrap_or(0)
}

/// The normal band of a point of a hall.
#[must_use]
pub fn hall(t: &Topology, facility: &Facility, id: HallId, point: HallPoint) -> Normal {
    let normal = point.spec().normal;
    match point {
        HallPoint::Power => Normal::up_to(Some(1.05 * rating_kw(t, t.hall(id).racks.iter()) / 1000.0), 3),
        HallPoint::LiquidSupply => {
            let dew = facility.hall(id, HallPoint::DewPoint).map(|d| d + DEW_MARGIN_K);
            Normal { low: Some(dew.unwrap_or(normal.0).max(normal.0)), high: Some(normal.1), priority: 2 }
        }
        HallPoint::LiquidReturn => Normal::below(HOT_RETURN_C, 2),
        HallPoint::ColdAisle | HallPoint::HotAisle | HallPoint::DewPoint | HallPoint::Humidity => {
            Normal::between(normal, 3)
        }
        HallPoint::LiquidHeat | HallPoint::AirHeat => Normal::ANY,
    }
}

/// Power that racks are built for, kW; 0 when it is not known.
#[must_use]
pub fn rating_kw(t: &Topology, racks: impl Iterator<Item = u32>) -> f32 {
    racks.map(|r| t.rack_model(RackId(r)).tdp_kw).sum()
}

/// Power agreed with the grid, MW: as reported, else as the topology says; `None` when unknown.
#[must_use]
pub fn contract_mw(t: &Topology, facility: &Facility) -> Option<f32> {
    let planned = Some(t.plan().contract_mw).filter(|mw| *mw > 0.0);
    facility.site(SitePoint::Contracted).or(planned)
}

/// The normal band of a point of the site.
#[must_use]
pub fn site(t: &Topology, facility: &Facility, point: SitePoint) -> Normal {
    let normal = point.spec().normal;
    let grid = &t.plan().grid;
    let contract = contract_mw(t, facility);
    match point {
        SitePoint::FacilityPower => {
            let asked = [SitePoint::PowerMaximum, SitePoint::LoadTarget].map(|p| facility.site(p));
            Normal::up_to(asked.into_iter().flatten().chain(contract).reduce(f32::min), 2)
        }
        // Either feed alone must be able to carry what is agreed.
        SitePoint::FeedA | SitePoint::FeedB => Normal::up_to(contract, 2),
        SitePoint::VoltageA | SitePoint::VoltageB if grid.feed_kv > 0.0 => {
            Normal::between((0.9 * grid.feed_kv, 1.1 * grid.feed_kv), 2)
        }
        SitePoint::Frequency => Normal::between(normal, 4),
        SitePoint::Ramp => {
            let known = Some(grid.ramp_mw_s).filter(|r| *r > 0.0);
            match facility.site(SitePoint::RampLimit).or(known) {
                Some(limit) => Normal::between((-limit, limit), 3),
                None => Normal::ANY,
            }
        }
        SitePoint::Oscillation => Normal::up_to(Some(grid.oscillation_mw), 2),
        SitePoint::Compliant => Normal::above(1.0, 2),
        SitePoint::BmsHeartbeat => Normal::below(BMS_SILENT_S, 2),
        SitePoint::BessCharge => Normal::between((normal.0, 100.0), 3),
        SitePoint::HydroShare => Normal::between((normal.0, 100.0), 4),
        SitePoint::Pue => Normal::below(normal.1, 4),
        SitePoint::LiquidSupply => Normal::between(normal, 3),
        SitePoint::LiquidReturn => Normal::below(HOT_RETURN_C, 2),
        _ => Normal::ANY,
    }
}

/// True when a rack is cooled by coolant.
#[must_use]
pub fn is_liquid(t: &Topology, id: RackId) -> bool {
    matches!(t.rack_model(id).cooling, Cooling::Liquid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FacilityReading;

    fn facility(readings: &[FacilityReading]) -> (Topology, Facility) {
        let t = Topology::default_site();
        let mut f = Facility::absent(&t);
        f.apply(readings);
        (t, f)
    }

    #[test]
    fn what_is_not_reported_crosses_nothing() {
        let (t, f) = facility(&[]);
        assert_eq!(worst_of_rack(&t, &f, RackId(0)), 0);
        assert_eq!((worst_of_cdu(&f, CduId(0)), worst_of_row(&f, RowId(0))), (0, 0));
        assert_eq!(lost_side(&f, RowId(0)), None);
        assert!(!pumps_stand(&f, CduId(0)));
    }

    #[test]
    fn a_leak_goes_before_everything_else_of_a_rack() {
        let of = |p, v| FacilityReading::Rack(RackId(3), p, v);
        let (t, f) = facility(&[of(RackPoint::LiquidReturn, 61.0), of(RackPoint::LeakFault, 1.0)]);
        assert_eq!(worst_of_rack(&t, &f, RackId(3)), 2);
        let (t, f) = facility(&[of(RackPoint::LiquidReturn, 61.0), of(RackPoint::Leak, 1.0)]);
        assert_eq!(worst_of_rack(&t, &f, RackId(3)), 1);
        let (t, f) = facility(&[of(RackPoint::ShelvesOk, 7.0), of(RackPoint::Power, 136.0)]);
        assert_eq!(worst_of_rack(&t, &f, RackId(3)), 3);
        assert_eq!(worst_of_rack(&t, &f, RackId(4)), 0);
    }

    #[test]
    fn the_supply_of_a_cdu_is_judged_by_its_set_point() {
        let of = |p, v| FacilityReading::Cdu(CduId(1), p, v);
        let (_, f) = facility(&[of(CduPoint::SecondarySupply, 37.0)]);
        assert_eq!(worst_of_cdu(&f, CduId(1)), 0);
        let (_, f) = facility(&[of(CduPoint::SecondarySupply, 37.0), of(CduPoint::Setpoint, 32.0)]);
        assert_eq!(worst_of_cdu(&f, CduId(1)), 2);
        let (_, f) = facility(&[of(CduPoint::Pump1, 0.0), of(CduPoint::Pump2, 0.0)]);
        assert!(pumps_stand(&f, CduId(1)) && worst_of_cdu(&f, CduId(1)) == 1);
        let (_, f) = facility(&[of(CduPoint::Pump1, 0.0)]);
        assert!(!pumps_stand(&f, CduId(1)), "the other pump is not known to stand");
    }

    #[test]
    fn a_lost_side_is_one_without_power_beside_one_that_carries() {
        let row = |p, v| FacilityReading::Row(RowId(5), p, v);
        let sides = |a, b| facility(&[row(RowPoint::BuswayA, a), row(RowPoint::BuswayB, b)]).1;
        assert_eq!(lost_side(&sides(0.0, 600.0), RowId(5)), Some(0));
        assert_eq!(lost_side(&sides(600.0, 0.4), RowId(5)), Some(1));
        assert_eq!(lost_side(&sides(0.0, 0.0), RowId(5)), None, "a row without power has not lost one side");
        assert_eq!(worst_of_row(&sides(0.0, 600.0), RowId(5)), 1);
        let (_, f) = facility(&[row(RowPoint::BuswayA, 870.0), row(RowPoint::Limit, 950.0)]);
        assert_eq!(worst_of_row(&f, RowId(5)), 2);
    }

    #[test]
    fn the_site_is_judged_by_the_strictest_of_contract_maximum_and_target() {
        let (t, f) = facility(&[]);
        assert_eq!(site(&t, &f, SitePoint::FacilityPower).high, Some(230.0));
        let (t, f) = facility(&[FacilityReading::Site(SitePoint::LoadTarget, 180.0)]);
        assert_eq!(site(&t, &f, SitePoint::FacilityPower).crossed(190.0), 2);
        assert_eq!(site(&t, &f, SitePoint::Ramp).crossed(-3.0), 3, "ramps count both ways");
        assert_eq!(site(&t, &f, SitePoint::Frequency).crossed(50.05), 0);
    }

    #[test]
    fn coolant_near_the_dew_point_is_not_normal() {
        let (t, f) = facility(&[FacilityReading::Hall(HallId(0), HallPoint::DewPoint, 26.0)]);
        assert_eq!(hall(&t, &f, HallId(0), HallPoint::LiquidSupply).crossed(27.0), 2);
        assert_eq!(hall(&t, &f, HallId(1), HallPoint::LiquidSupply).crossed(27.0), 0);
    }
}
