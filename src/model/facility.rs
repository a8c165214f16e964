//! Values of racks, coolant distribution units, rows, halls and the site, in the names and units of
//! the DSX Exchange point list (racks, CDUs, power meters) and of DSX Flex, the grid interface (site).

use crate::model::id::{CduId, HallId, RackId, RowId};

macro_rules! points {
    ($(#[$doc:meta])* $name:ident { $($(#[$pdoc:meta])* $point:ident = ($label:literal, $unit:literal, $lo:literal, $hi:literal)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$pdoc])* $point),+ }

        impl $name {
            /// All points in column order.
            pub const ALL: &'static [Self] = &[$(Self::$point),+];

            /// The column index.
            #[must_use]
            pub const fn index(self) -> usize { self as usize }

            /// Words on screen, unit, and the band in which the value is normal.
            #[must_use]
            pub const fn spec(self) -> PointSpec {
                match self {
                    $(Self::$point => PointSpec { label: $label, unit: $unit, normal: ($lo, $hi) }),+
                }
            }
        }
    };
}

/// Everything fixed about a facility point.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PointSpec {
    /// Words on screen.
    pub label: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Lower and upper end of normal operation, in units.
    pub normal: (f32, f32),
}

points!(
    /// What a rack may report.
    RackPoint {
        /// Electrical power drawn from the shelves.
        Power = ("Power", "kW", 8.0, 136.0),
        /// Coolant temperature into the rack.
        LiquidSupply = ("Supply", "°C", 25.0, 42.0),
        /// Coolant temperature out of the rack.
        LiquidReturn = ("Return", "°C", 30.0, 58.0),
        /// Coolant flow, litres per minute.
        LiquidFlow = ("Flow", "LPM", 40.0, 165.0),
        /// Differential pressure over the rack manifold.
        LiquidDp = ("Diff pressure", "kPa", 40.0, 190.0),
        /// Control valve position; wide open is normal for a rack at full power.
        Valve = ("Valve", "%", 5.0, 100.0),
        /// Power shelves that work.
        ShelvesOk = ("Shelves ok", "", 8.0, 8.0),
        /// Leak detector (RackLeakDetect): 0 dry, 1 wet.
        Leak = ("Leak", "", 0.0, 0.0),
        /// The leak detector itself is broken (RackLeakSensorFault): 0 or 1.
        LeakFault = ("Leak sensor fault", "", 0.0, 0.0),
        /// Tray whose detector is wet (RackLeakDetectTray), counted from 1; 0 = none.
        LeakTray = ("Leak at tray", "", 0.0, 0.0),
        /// Coolant is shut off (RackLiquidIsolationStatus): 0 or 1.
        LiquidIsolated = ("Liquid isolated", "", 0.0, 0.0),
        /// Power is shut off (RackElectricalIsolationStatus): 0 or 1.
        PowerIsolated = ("Power isolated", "", 0.0, 0.0),
        /// Power drawn from busway A.
        SideA = ("Side A", "kW", 0.0, 125.0),
        /// Power drawn from busway B.
        SideB = ("Side B", "kW", 0.0, 125.0),
        /// NVLink switch trays that work.
        SwitchesOk = ("Switches ok", "", 9.0, 9.0),
    }
);

points!(
    /// What a coolant distribution unit may report.
    CduPoint {
        /// Secondary (rack side) supply temperature.
        SecondarySupply = ("Secondary supply", "°C", 25.0, 42.0),
        /// Secondary return temperature.
        SecondaryReturn = ("Secondary return", "°C", 30.0, 58.0),
        /// Secondary flow, litres per minute.
        SecondaryFlow = ("Secondary flow", "LPM", 100.0, 800.0),
        /// Speed of pump 1.
        Pump1 = ("Pump 1", "%", 20.0, 90.0),
        /// Speed of pump 2.
        Pump2 = ("Pump 2", "%", 0.0, 90.0),
        /// Active set-point of the secondary supply temperature.
        Setpoint = ("Set-point", "°C", 25.0, 42.0),
        /// Differential pressure of the secondary loop.
        SecondaryDp = ("Secondary DP", "kPa", 60.0, 120.0),
        /// Facility water into the plate exchanger.
        PrimarySupply = ("Primary supply", "°C", 8.0, 30.0),
        /// Facility water out of the plate exchanger.
        PrimaryReturn = ("Primary return", "°C", 15.0, 50.0),
        /// Facility water flow, litres per minute.
        PrimaryFlow = ("Primary flow", "LPM", 20.0, 900.0),
        /// Position of the primary control valve.
        PrimaryValve = ("Primary valve", "%", 2.0, 95.0),
        /// Pressure lost over the filter.
        FilterDp = ("Filter DP", "kPa", 0.0, 30.0),
        /// Coolant in the reservoir.
        Level = ("Level", "%", 60.0, 95.0),
        /// Leak detector of the unit: 0 dry, 1 wet.
        Leak = ("Leak", "", 0.0, 0.0),
        /// Heat carried from the racks to the facility water.
        Heat = ("Heat", "kW", 0.0, 650.0),
    }
);

points!(
    /// What a row's electrical distribution may report: two busways, A and B.
    RowPoint {
        /// Active power of busway A.
        BuswayA = ("Busway A", "kW", 0.0, 950.0),
        /// Active power of busway B.
        BuswayB = ("Busway B", "kW", 0.0, 950.0),
        /// Voltage of busway A.
        VoltageA = ("Voltage A", "V", 394.0, 436.0),
        /// Voltage of busway B.
        VoltageB = ("Voltage B", "V", 394.0, 436.0),
        /// Power that one busway alone may carry (from its CurrentLimit).
        Limit = ("Busway limit", "kW", 0.0, 0.0),
    }
);

points!(
    /// What a hall may report.
    HallPoint {
        /// Electrical power of the hall.
        Power = ("Power", "MW", 0.0, 28.0),
        /// Mean coolant supply temperature.
        LiquidSupply = ("Supply", "°C", 25.0, 42.0),
        /// Mean coolant return temperature.
        LiquidReturn = ("Return", "°C", 30.0, 58.0),
        /// Cold aisle air temperature.
        ColdAisle = ("Cold aisle", "°C", 18.0, 27.0),
        /// Cold aisle dew point.
        DewPoint = ("Dew point", "°C", -9.0, 15.0),
        /// Hot aisle air temperature.
        HotAisle = ("Hot aisle", "°C", 22.0, 40.0),
        /// Relative humidity of the cold aisle.
        Humidity = ("Humidity", "%", 20.0, 70.0),
        /// Heat of the racks that coolant carries away.
        LiquidHeat = ("Heat to liquid", "MW", 0.0, 25.0),
        /// Heat of the racks that air carries away.
        AirHeat = ("Heat to air", "MW", 0.0, 5.0),
    }
);

points!(
    /// What the site may report.
    SitePoint {
        /// Power of the whole facility.
        FacilityPower = ("Facility", "MW", 0.0, 230.0),
        /// Power of the IT load.
        ItPower = ("IT load", "MW", 0.0, 215.0),
        /// Contracted power: the ceiling agreed with the grid.
        Contracted = ("Contracted", "MW", 0.0, 230.0),
        /// Power over feed A.
        FeedA = ("Feed A", "MW", 0.0, 140.0),
        /// Power over feed B.
        FeedB = ("Feed B", "MW", 0.0, 140.0),
        /// Power usage effectiveness: facility power by IT power.
        Pue = ("PUE", "", 1.0, 1.2),
        /// Grid frequency.
        Frequency = ("Frequency", "Hz", 49.9, 50.1),
        /// Share of hydropower in the supply.
        HydroShare = ("Hydro", "%", 95.0, 100.0),
        /// Day-ahead price of bidding area NO4.
        SpotPrice = ("Spot NO4", "NOK/MWh", 0.0, 800.0),
        /// Outdoor air temperature.
        Outdoor = ("Outside", "°C", -25.0, 25.0),
        /// Heat given to others.
        HeatExport = ("Heat export", "MW", 0.0, 60.0),
        /// Coolant supply temperature, mean over the site.
        LiquidSupply = ("Supply", "°C", 25.0, 42.0),
        /// Coolant return temperature, mean over the site.
        LiquidReturn = ("Return", "°C", 30.0, 58.0),
        /// Heat given to the air outside by dry coolers.
        HeatRejection = ("Heat rejected", "MW", 0.0, 230.0),
        /// Power of pumps, fans and air handlers, with the losses of transformers and lines.
        PlantPower = ("Plant", "MW", 0.0, 25.0),
        /// Voltage of feed A.
        VoltageA = ("Voltage A", "kV", 118.8, 145.2),
        /// Voltage of feed B.
        VoltageB = ("Voltage B", "kV", 118.8, 145.2),
        /// Power of the battery: above zero when it discharges.
        BessPower = ("Battery", "MW", -40.0, 40.0),
        /// State of charge of the battery.
        BessCharge = ("Battery charge", "%", 20.0, 95.0),
        /// Power that the grid asks for now (DSX Flex target); not reported while there is none.
        LoadTarget = ("Load target", "MW", 0.0, 230.0),
        /// Most power that the grid allows now (DSX Flex power_maximum_constraint).
        PowerMaximum = ("Power maximum", "MW", 0.0, 230.0),
        /// The site keeps to target and constraints (DSX Flex compliant): 0 or 1.
        Compliant = ("Compliant", "", 1.0, 1.0),
        /// Change of facility power, over 10 s.
        Ramp = ("Ramp", "MW/s", -2.5, 2.5),
        /// Fastest change that the grid allows.
        RampLimit = ("Ramp limit", "MW/s", 0.0, 10.0),
        /// Amplitude of power swings between 0.1 and 20 Hz, from jobs that step in time.
        Oscillation = ("Oscillation", "MW", 0.0, 5.0),
        /// Job with the largest share of the oscillation: its slot in the job table, 0 = none.
        OscillationJob = ("Oscillating job", "", 0.0, 65535.0),
        /// Time since the last heartbeat of the building management system.
        BmsHeartbeat = ("BMS heartbeat", "s", 0.0, 30.0),
    }
);

/// One value of one facility asset. NaN and infinities are dropped on arrival.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FacilityReading {
    /// Of a rack.
    Rack(RackId, RackPoint, f32),
    /// Of a coolant distribution unit.
    Cdu(CduId, CduPoint, f32),
    /// Of a row.
    Row(RowId, RowPoint, f32),
    /// Of a hall.
    Hall(HallId, HallPoint, f32),
    /// Of the site.
    Site(SitePoint, f32),
    /// A value of the site that is no longer reported, such as a load target that has ended.
    SiteEnds(SitePoint),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_sit_at_their_index_and_bands_are_ordered() {
        for (i, p) in RackPoint::ALL.iter().enumerate() {
            assert_eq!(p.index(), i);
        }
        for spec in SitePoint::ALL.iter().map(|p| p.spec()) {
            assert!(spec.normal.0 <= spec.normal.1, "{}", spec.label);
        }
    }
}
