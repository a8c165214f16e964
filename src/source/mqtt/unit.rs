//! Units as building management systems write them, and what they are here.

/// A unit: its name here, and how a value gets into it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// The name here.
    pub name: &'static str,
    factor: f64,
    offset: f64,
}

impl Unit {
    /// `value` in this unit's name.
    #[must_use]
    pub fn convert(self, value: f64) -> f64 {
        (value + self.offset) * self.factor
    }
}

/// Spelling (without blanks, lower case), name here, factor, and what is added before.
const TABLE: &[(&str, &str, f64, f64)] = &[
    ("", "", 1.0, 0.0),
    ("c", "°C", 1.0, 0.0),
    ("°c", "°C", 1.0, 0.0),
    ("degc", "°C", 1.0, 0.0),
    ("celsius", "°C", 1.0, 0.0),
    ("f", "°C", 5.0 / 9.0, -32.0),
    ("°f", "°C", 5.0 / 9.0, -32.0),
    ("degf", "°C", 5.0 / 9.0, -32.0),
    ("k", "°C", 1.0, -273.15),
    ("kpa", "kPa", 1.0, 0.0),
    ("bar", "kPa", 100.0, 0.0),
    ("mbar", "kPa", 0.1, 0.0),
    ("psi", "kPa", 6.894_757, 0.0),
    ("psig", "kPa", 6.894_757, 0.0),
    ("pa", "Pa", 1.0, 0.0),
    ("inwc", "Pa", 249.088_9, 0.0),
    ("lpm", "LPM", 1.0, 0.0),
    ("l/min", "LPM", 1.0, 0.0),
    ("l/s", "LPM", 60.0, 0.0),
    ("lps", "LPM", 60.0, 0.0),
    ("m3/h", "LPM", 1000.0 / 60.0, 0.0),
    ("m³/h", "LPM", 1000.0 / 60.0, 0.0),
    ("gpm", "LPM", 3.785_411_784, 0.0),
    ("cfm", "m³/h", 1.699_011, 0.0),
    ("w", "kW", 0.001, 0.0),
    ("kw", "kW", 1.0, 0.0),
    ("mw", "kW", 1000.0, 0.0),
    ("va", "kVA", 0.001, 0.0),
    ("kva", "kVA", 1.0, 0.0),
    ("mva", "kVA", 1000.0, 0.0),
    ("kvar", "kvar", 1.0, 0.0),
    ("kwh", "kWh", 1.0, 0.0),
    ("mwh", "kWh", 1000.0, 0.0),
    ("a", "A", 1.0, 0.0),
    ("ma", "A", 0.001, 0.0),
    ("v", "V", 1.0, 0.0),
    ("kv", "V", 1000.0, 0.0),
    ("hz", "Hz", 1.0, 0.0),
    ("%", "%", 1.0, 0.0),
    ("pct", "%", 1.0, 0.0),
    ("percent", "%", 1.0, 0.0),
    ("%rh", "%RH", 1.0, 0.0),
    ("rh", "%RH", 1.0, 0.0),
    ("db", "dB", 1.0, 0.0),
    ("dba", "dB", 1.0, 0.0),
    ("rpm", "rpm", 1.0, 0.0),
    ("s", "s", 1.0, 0.0),
    ("min", "s", 60.0, 0.0),
    ("h", "h", 1.0, 0.0),
    ("ppm", "ppm", 1.0, 0.0),
];

/// The unit that is written `spelling`; `None` for one that is not known. Case does not count, so
/// megawatts and milliwatts are one spelling: no plant speaks of milliwatts.
#[must_use]
pub fn find(spelling: &str) -> Option<Unit> {
    let plain: String =
        spelling.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let row = TABLE.iter().find(|(spelled, ..)| *spelled == plain)?;
    Some(Unit { name: row.1, factor: row.2, offset: row.3 })
}

/// Turns a value in `unit` into the unit of a column; `None` where that cannot be.
#[must_use]
pub fn into_column(value: f64, unit: &str, column: &str) -> Option<f64> {
    match (unit, column) {
        (a, b) if a == b => Some(value),
        ("Pa", "kPa") | ("kW", "MW") => Some(value / 1000.0),
        ("%RH", "%") => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(spelling: &str, value: f64) -> (&'static str, f64) {
        let unit = find(spelling).unwrap_or_else(|| panic!("{spelling} is known"));
        (unit.name, (unit.convert(value) * 1000.0).round() / 1000.0)
    }

    #[test]
    fn units_of_every_kind_are_converted() {
        assert_eq!(convert("C", 32.5), ("°C", 32.5));
        assert_eq!(convert("°F", 212.0), ("°C", 100.0));
        assert_eq!(convert("K", 300.15), ("°C", 27.0));
        assert_eq!(convert("bar", 1.2), ("kPa", 120.0));
        assert_eq!(convert("PSI", 10.0), ("kPa", 68.948));
        assert_eq!(convert("m3/h", 6.0), ("LPM", 100.0));
        assert_eq!(convert("GPM", 10.0), ("LPM", 37.854));
        assert_eq!(convert("l / s", 2.0), ("LPM", 120.0));
        assert_eq!(convert("W", 1500.0), ("kW", 1.5));
        assert_eq!(convert("% RH", 32.0), ("%RH", 32.0));
    }

    #[test]
    fn what_is_not_known_is_said_to_be_so() {
        assert_eq!(find("furlong"), None);
        assert_eq!(into_column(5.0, "kPa", "°C"), None);
        assert_eq!(into_column(5000.0, "kW", "MW"), Some(5.0));
    }

    #[test]
    fn every_spelling_stands_once() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..i].iter().all(|other| other.0 != row.0), "{}", row.0);
        }
    }
}
