//! Which column a point of the bus fills, and what part it plays in the checks.

use super::message::Meta;
use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint};
use crate::model::plant::{PlantColumn, PlantPlace};

/// Which of two busways an object hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    /// The side that a name ends in: `…-E1` and `…A` are A, `…-E2` and `…B` are B.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name.chars().last()? {
            '1' | 'A' | 'a' => Some(Self::A),
            '2' | 'B' | 'b' => Some(Self::B),
            _ => None,
        }
    }
}

/// True when an area of the metadata, or else a part of the tag, begins with `word`.
fn within(meta: &Meta, tag: &str, word: &str) -> bool {
    let begins = |part: &str| part.get(..word.len()).is_some_and(|p| p.eq_ignore_ascii_case(word));
    meta.area.iter().any(|a| begins(a)) || tag.split('/').any(begins)
}

/// The column of a point; `None` where there is none and the list of the asset has to do.
#[must_use]
pub fn of(
    (object_type, point_type, tag): (&str, &str, &str),
    meta: &Meta,
    place: &PlantPlace,
    side: Option<Side>,
) -> Option<PlantColumn> {
    match object_type {
        "Rack" => rack(point_type).map(PlantColumn::Rack),
        "CDU" => cdu(point_type, tag, meta).map(PlantColumn::Cdu),
        "PowerMeter" => meter(point_type, place, side?),
        "Sensor" => {
            let point = match point_type {
                "AirTemperature" if within(meta, tag, "ColdAisle") => HallPoint::ColdAisle,
                "AirTemperature" if within(meta, tag, "HotAisle") => HallPoint::HotAisle,
                "AirRelativeHumidity" if within(meta, tag, "ColdAisle") => HallPoint::Humidity,
                "AirDewPoint" if within(meta, tag, "ColdAisle") => HallPoint::DewPoint,
                _ => return None,
            };
            Some(PlantColumn::Hall(point))
        }
        _ => None,
    }
}

fn rack(point_type: &str) -> Option<RackPoint> {
    Some(match point_type {
        "RackPower" => RackPoint::Power,
        "RackLiquidSupplyTemperature" => RackPoint::LiquidSupply,
        "RackLiquidReturnTemperature" => RackPoint::LiquidReturn,
        "RackLiquidFlow" => RackPoint::LiquidFlow,
        "RackLiquidDifferentialPressure" => RackPoint::LiquidDp,
        "RackControlValvePosition" => RackPoint::Valve,
        "RackLeakDetect" => RackPoint::Leak,
        "RackLeakSensorFault" => RackPoint::LeakFault,
        "RackLeakDetectTray" => RackPoint::LeakTray,
        "RackLiquidIsolationStatus" => RackPoint::LiquidIsolated,
        "RackElectricalIsolationStatus" => RackPoint::PowerIsolated,
        _ => return None,
    })
}

fn cdu(point_type: &str, tag: &str, meta: &Meta) -> Option<CduPoint> {
    let (primary, secondary) = (within(meta, tag, "Primary"), within(meta, tag, "Sec"));
    let is = |word: &str| within(meta, tag, word);
    Some(match point_type {
        "LiquidTemperature" if meta.is_setpoint && secondary => CduPoint::Setpoint,
        _ if meta.is_setpoint => return None,
        "LiquidTemperature" if secondary && is("Supply") => CduPoint::SecondarySupply,
        "LiquidTemperature" if secondary && is("Return") => CduPoint::SecondaryReturn,
        "LiquidTemperature" if primary && (is("Inlet") || is("Supply")) => CduPoint::PrimarySupply,
        "LiquidTemperature" if primary && (is("Outlet") || is("Return")) => CduPoint::PrimaryReturn,
        "LiquidFlow" if secondary => CduPoint::SecondaryFlow,
        "LiquidFlow" if primary => CduPoint::PrimaryFlow,
        "LiquidDifferentialPressure" if is("Filter") => CduPoint::FilterDp,
        "LiquidDifferentialPressure" if secondary => CduPoint::SecondaryDp,
        "PumpSpeed" if is("pump1") => CduPoint::Pump1,
        "PumpSpeed" if is("pump2") => CduPoint::Pump2,
        "ValvePosition" if primary => CduPoint::PrimaryValve,
        "LiquidLevel" => CduPoint::Level,
        "LeakDetect" => CduPoint::Leak,
        _ => return None,
    })
}

/// A meter at a rack is a tap, one of a row is a busway.
fn meter(point_type: &str, place: &PlantPlace, side: Side) -> Option<PlantColumn> {
    let at_rack = !place.rack.is_empty();
    if !at_rack && place.row.is_empty() {
        return None;
    }
    Some(match (point_type, at_rack, side) {
        ("ActivePower", true, Side::A) => PlantColumn::Rack(RackPoint::SideA),
        ("ActivePower", true, Side::B) => PlantColumn::Rack(RackPoint::SideB),
        ("ActivePower", false, Side::A) => PlantColumn::Row(RowPoint::BuswayA),
        ("ActivePower", false, Side::B) => PlantColumn::Row(RowPoint::BuswayB),
        ("Voltage", false, Side::A) => PlantColumn::Row(RowPoint::VoltageA),
        ("Voltage", false, Side::B) => PlantColumn::Row(RowPoint::VoltageB),
        _ => return None,
    })
}

/// The unit of a column.
#[must_use]
pub const fn unit(column: PlantColumn) -> &'static str {
    match column {
        PlantColumn::Rack(p) => p.spec().unit,
        PlantColumn::Cdu(p) => p.spec().unit,
        PlantColumn::Row(p) => p.spec().unit,
        PlantColumn::Hall(p) => p.spec().unit,
        PlantColumn::Site(p) => p.spec().unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: &str, rack: &str) -> PlantPlace {
        PlantPlace { hall: "h".into(), row: row.into(), rack: rack.into(), cdu: String::new() }
    }

    fn area(words: &[&str]) -> Meta {
        Meta { area: words.iter().map(|w| (*w).to_owned()).collect(), ..Meta::default() }
    }

    #[test]
    fn racks_and_units_fill_their_columns() {
        let of = |object, point, tag, meta: &Meta| super::of((object, point, tag), meta, &at("r", "k"), None);
        assert_eq!(
            of("Rack", "RackLiquidFlow", "a", &Meta::default()),
            Some(PlantColumn::Rack(RackPoint::LiquidFlow))
        );
        let misspelt = area(&["Seccondary"]);
        assert_eq!(
            of("CDU", "LiquidFlow", "secondary/flow", &misspelt),
            Some(PlantColumn::Cdu(CduPoint::SecondaryFlow))
        );
        let target = Meta { is_setpoint: true, ..area(&["Secondary", "Supply"]) };
        assert_eq!(of("CDU", "LiquidTemperature", "a", &target), Some(PlantColumn::Cdu(CduPoint::Setpoint)));
        assert_eq!(of("CDU", "LiquidDifferentialPressure", "a", &target), None);
        assert_eq!(of("CDU", "PumpSpeed", "fillPump/status", &area(&["Fill"])), None);
        assert_eq!(of("Valve", "ValvePosition", "a", &Meta::default()), None);
    }

    #[test]
    fn a_meter_is_a_tap_at_a_rack_and_a_busway_at_a_row() {
        let of = |row, rack, name| {
            super::of(("PowerMeter", "ActivePower", "t"), &Meta::default(), &at(row, rack), Side::of(name))
        };
        assert_eq!(of("e", "k5", "C-E05-TAP-E2"), Some(PlantColumn::Rack(RackPoint::SideB)));
        assert_eq!(of("e", "", "C-E-BUS-E1"), Some(PlantColumn::Row(RowPoint::BuswayA)));
        assert_eq!(of("", "", "C-E-BUS-E1"), None, "of which row?");
        assert_eq!(of("e", "", "BUS-X"), None, "of which side?");
    }
}
