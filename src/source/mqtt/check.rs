//! Can a value be true? Real buses send zeros and wild numbers with the quality "good": the secondary
//! flow of a unit whose pumps run, the voltage of a tap that carries current.
//!
//! The relations come from the recorded bus of DSX Exchange (one pod row of six racks), in which each
//! of them is broken; the ranges are physical: outside of them no plant works, whatever its design.

use crate::model::plant::PlantQuality;

/// What a point is in the relations of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Flow that pumps of the object drive.
    PumpedFlow,
    /// Speed of such a pump, %.
    Pump,
    /// Voltage of a meter.
    Voltage,
    /// Current of a meter, A.
    Current,
    /// Active power of a meter, kW.
    Power,
    /// Current that a meter's line may carry, A.
    Limit,
    /// None.
    Other,
}

impl Role {
    /// The part of a point.
    #[must_use]
    pub fn of(object_type: &str, point_type: &str, tag: &str) -> Self {
        let secondary = || tag.split('/').any(|p| p.eq_ignore_ascii_case("secondary"));
        match (object_type, point_type) {
            ("CDU", "LiquidFlow") if secondary() => Self::PumpedFlow,
            ("CDU", "PumpSpeed") if !tag.contains("fillPump") => Self::Pump,
            ("PowerMeter", "Voltage") => Self::Voltage,
            ("PowerMeter", "Current" | "PhaseCurrent") => Self::Current,
            ("PowerMeter", "ActivePower") => Self::Power,
            ("PowerMeter", "CurrentLimit") => Self::Limit,
            _ => Self::Other,
        }
    }
}

/// Lowest and highest value by unit, and why.
const RANGES: &[(&str, f64, f64, &str)] = &[
    ("°C", -60.0, 150.0, "outside -60 to 150 °C"),
    ("kPa", -101.4, 5_000.0, "below vacuum or above 5,000 kPa"),
    ("Pa", -10_000.0, 10_000.0, "outside ±10,000 Pa"),
    ("LPM", -10.0, 100_000.0, "flow below -10 or above 100,000 LPM"),
    ("kW", -300_000.0, 300_000.0, "outside ±300 MW"),
    ("kVA", 0.0, 300_000.0, "below 0 or above 300 MVA"),
    ("A", 0.0, 20_000.0, "below 0 or above 20,000 A"),
    ("V", 0.0, 500_000.0, "below 0 or above 500 kV"),
    ("Hz", 40.0, 70.0, "outside 40 to 70 Hz"),
    ("%", -5.0, 110.0, "outside -5 to 110 %"),
    ("%RH", 0.0, 100.0, "outside 0 to 100 %RH"),
    ("dB", 0.0, 160.0, "outside 0 to 160 dB"),
];

/// What one value is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its part.
    pub role: Role,
    /// After conversion.
    pub value: f64,
    /// Its unit.
    pub unit: &'a str,
    /// The good values of its object with their parts, itself among them.
    pub siblings: &'a [(Role, f64)],
}

impl Facts<'_> {
    fn any(&self, role: Role, above: f64) -> bool {
        self.siblings.iter().any(|(r, v)| *r == role && *v > above)
    }
}

/// A relation that cannot hold, and the words for it.
struct Relation {
    reason: &'static str,
    broken: fn(&Facts<'_>) -> bool,
}

const RELATIONS: &[Relation] = &[
    // Exemplar: C-F00-CDU-05 with pump 1 at 44 %.
    Relation {
        reason: "no flow although a pump runs",
        broken: |f| f.role == Role::PumpedFlow && f.value == 0.0 && f.any(Role::Pump, 5.0),
    },
    // Exemplar: both taps of rack 05 at 43 A and 29 kW.
    Relation {
        reason: "no voltage although current flows",
        broken: |f| {
            f.role == Role::Voltage
                && f.value == 0.0
                && (f.any(Role::Current, 1.0) || f.any(Role::Power, 0.5))
        },
    },
    // Exemplar: both busways, limit 100 A at 162 and 177 A.
    Relation {
        reason: "the current is above this limit by more than a quarter",
        broken: |f| f.role == Role::Limit && f.any(Role::Current, 1.25 * f.value),
    },
];

/// Good, or uncertain with the reason.
#[must_use]
pub fn plausible(facts: &Facts<'_>) -> PlantQuality {
    let range = RANGES.iter().find(|(unit, ..)| *unit == facts.unit);
    if let Some((.., why)) = range.filter(|(_, low, high, _)| !(*low..=*high).contains(&facts.value)) {
        return PlantQuality::Uncertain(why);
    }
    let broken = RELATIONS.iter().find(|r| (r.broken)(facts));
    broken.map_or(PlantQuality::Good, |r| PlantQuality::Uncertain(r.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(role: Role, value: f64, unit: &str, siblings: &[(Role, f64)]) -> &'static str {
        plausible(&Facts { role, value, unit, siblings }).words().1
    }

    #[test]
    fn what_real_buses_send_as_good_and_cannot_be_is_uncertain() {
        let pumps = [(Role::Pump, 44.0), (Role::Pump, 0.0)];
        assert_eq!(check(Role::PumpedFlow, 0.0, "LPM", &pumps), "no flow although a pump runs");
        assert_eq!(check(Role::PumpedFlow, 300.0, "LPM", &pumps), "");
        assert_eq!(check(Role::PumpedFlow, 0.0, "LPM", &[(Role::Pump, 0.0)]), "", "nothing runs");
        assert_eq!(
            check(Role::Voltage, 0.0, "V", &[(Role::Current, 43.0)]),
            "no voltage although current flows"
        );
        assert_eq!(check(Role::Voltage, 0.0, "V", &[(Role::Current, 0.0)]), "", "it is off");
        assert!(check(Role::Limit, 100.0, "A", &[(Role::Current, 162.0)]).contains("above this limit"));
        assert_eq!(
            check(Role::Limit, 160.0, "A", &[(Role::Current, 162.0)]),
            "",
            "a little over is possible"
        );
    }

    #[test]
    fn what_no_plant_can_measure_is_uncertain() {
        assert_eq!(check(Role::Other, 3276.7, "°C", &[]), "outside -60 to 150 °C");
        assert_eq!(check(Role::Other, 180.0, "%", &[]), "outside -5 to 110 %");
        assert_eq!(check(Role::Other, 1e9, "widgets", &[]), "", "nothing is known of it");
    }

    #[test]
    fn parts_are_known_by_type_and_tag() {
        assert_eq!(Role::of("CDU", "LiquidFlow", "a/secondary/flow"), Role::PumpedFlow);
        assert_eq!(Role::of("CDU", "LiquidFlow", "a/primary/flow"), Role::Other);
        assert_eq!(Role::of("CDU", "PumpSpeed", "a/secondary/fillPump/status"), Role::Other);
        assert_eq!(Role::of("PowerMeter", "PhaseCurrent", "a"), Role::Current);
    }
}
