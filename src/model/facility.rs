//! Values of racks, coolant distribution units, halls and the site, in the names and units of
//! the DSX Exchange point list (racks, CDUs) and of the grid interface (site).

use crate::model::id::{CduId, HallId, RackId};

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
        /// Control valve position.
        Valve = ("Valve", "%", 5.0, 95.0),
        /// Power shelves that work.
        ShelvesOk = ("Shelves ok", "", 8.0, 8.0),
        /// Leak detector: 0 dry, 1 wet.
        Leak = ("Leak", "", 0.0, 0.0),
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
    }
);

/// One value of one facility asset. NaN and infinities are dropped on arrival.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FacilityReading {
    /// Of a rack.
    Rack(RackId, RackPoint, f32),
    /// Of a coolant distribution unit.
    Cdu(CduId, CduPoint, f32),
    /// Of a hall.
    Hall(HallId, HallPoint, f32),
    /// Of the site.
    Site(SitePoint, f32),
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
