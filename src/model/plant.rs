//! Points of the plant by their place: what a facility bus publishes of racks, coolant distribution
//! units, meters, valves and sensors, whether or not a column of its own exists for it.

use std::sync::Arc;

use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::time::Timestamp;

/// Where an object of the plant belongs, by names; a part that is not known is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct PlantPlace {
    /// Hall.
    pub hall: String,
    /// Row in the hall.
    pub row: String,
    /// Rack in the row.
    pub rack: String,
    /// Coolant distribution unit; its row may be missing, then it is looked for in the hall.
    pub cdu: String,
}

impl PlantPlace {
    /// The names on the way to it, `H3/R17/K5`; empty for the site.
    #[must_use]
    pub fn words(&self) -> String {
        let parts = [&self.hall, &self.row, &self.rack, &self.cdu];
        parts.into_iter().filter(|p| !p.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
    }
}

/// The column that a point fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlantColumn {
    /// Of its rack.
    Rack(RackPoint),
    /// Of its unit.
    Cdu(CduPoint),
    /// Of its row.
    Row(RowPoint),
    /// Of its hall: the mean of all such sensors of the hall.
    Hall(HallPoint),
    /// Of the site.
    Site(SitePoint),
}

/// Everything about a point that does not change from value to value. Text is clean.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PlantPoint {
    /// Where its object belongs.
    pub place: PlantPlace,
    /// The object: `C-E05-TAP-E1`; the rack's location for points of a rack.
    pub object: String,
    /// What the object is: `PowerMeter`.
    pub object_type: String,
    /// What the point is: `PhaseCurrent`.
    pub point_type: String,
    /// What tells it from its neighbours: `Secondary Supply`, `phase A`, `set-point`.
    pub detail: String,
    /// Unit after conversion; empty for states and ratios.
    pub unit: String,
    /// Words for states: value and word.
    pub states: Vec<(i64, String)>,
    /// The path of the tag on the bus.
    pub tag: String,
    /// The column it fills, if there is one.
    pub column: Option<PlantColumn>,
}

/// May the value be believed?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PlantQuality {
    /// Yes.
    #[default]
    Good,
    /// It was sent as good and cannot be true, for this reason.
    Uncertain(&'static str),
    /// Its sender says that it is bad.
    Bad,
    /// It was not repeated in time.
    Stale(&'static str),
}

impl PlantQuality {
    /// Word and reason for the operator.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("good", ""),
            Self::Uncertain(why) => ("uncertain", why),
            Self::Bad => ("bad", "marked bad by the BMS"),
            Self::Stale(why) => ("stale", why),
        }
    }
}

/// One value of one point.
#[derive(Clone, Debug, PartialEq)]
pub struct PlantReading {
    /// Number of the point in its source, for as long as the source runs.
    pub number: u32,
    /// What it is; replaced by another allocation when that changes.
    pub point: Arc<PlantPoint>,
    /// In the point's unit, as it was sent, whatever its quality.
    pub value: f32,
    /// May it be believed?
    pub quality: PlantQuality,
    /// When it was measured.
    pub time: Timestamp,
}

impl PlantReading {
    /// The value as text: the word of a state, or number and unit.
    #[must_use]
    pub fn text(&self) -> String {
        let state = self.point.states.iter().find(|(v, _)| *v as f32 == self.value);
        match state {
            Some((_, word)) => word.clone(),
            None if self.point.unit.is_empty() => number(self.value),
            None => format!("{} {}", number(self.value), self.point.unit),
        }
    }
}

/// A number without the noise of conversions: three decimals at most.
fn number(value: f32) -> String {
    ((f64::from(value) * 1000.0).round() / 1000.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_in_its_words_and_a_number_with_its_unit() {
        let states = vec![(0, "Closed".to_owned()), (1, "Open".to_owned())];
        let of = |unit: &str, states: Vec<(i64, String)>, value| PlantReading {
            number: 0,
            point: Arc::new(PlantPoint { unit: unit.to_owned(), states, ..PlantPoint::default() }),
            value,
            quality: PlantQuality::Good,
            time: Timestamp(0),
        };
        assert_eq!(of("", states.clone(), 1.0).text(), "Open");
        assert_eq!(of("", states, 7.0).text(), "7");
        assert_eq!(of("A", Vec::new(), 42.5).text(), "42.5 A");
        assert_eq!(of("°C", Vec::new(), 31.899_998).text(), "31.9 °C");
    }

    #[test]
    fn every_quality_but_good_has_a_reason() {
        for quality in [PlantQuality::Uncertain("x"), PlantQuality::Bad, PlantQuality::Stale("y")] {
            assert!(!quality.words().1.is_empty());
        }
    }
}
