//! Limits with Prometheus' names on what a page may hold. Where a page goes over one, its target has
//! failed, and the reason names the limit.

use super::exposition::{Labels, Tally};
use crate::model::text;

/// The limits; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// Samples of wanted families on a page.
    pub sample_limit: u32,
    /// Labels of a sample, the family's name counted as one.
    pub label_limit: u32,
    /// Length of a label's name, bytes.
    pub label_name_length_limit: u32,
    /// Length of a label's value as it is written, bytes.
    pub label_value_length_limit: u32,
}

/// What went over its limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Too many samples.
    #[error("sample_limit {limit} exceeded: {found} samples")]
    Samples {
        /// The limit.
        limit: u32,
        /// How many there are.
        found: u32,
    },
    /// Too many labels.
    #[error("label_limit {limit} exceeded: a sample of {found} labels")]
    Labels {
        /// The limit.
        limit: u32,
        /// How many there are.
        found: u32,
    },
    /// A name that is too long.
    #[error("label_name_length_limit {limit} exceeded: label {start}… has {found} bytes")]
    Name {
        /// The limit.
        limit: u32,
        /// Its length.
        found: usize,
        /// How it begins, clean.
        start: String,
    },
    /// A value that is too long.
    #[error("label_value_length_limit {limit} exceeded: label {name} has {found} bytes")]
    Value {
        /// The limit.
        limit: u32,
        /// Its length.
        found: usize,
        /// The label, clean.
        name: String,
    },
}

/// Characters of a name that are shown.
const SHOWN: usize = 24;

impl Guards {
    /// True when labels have to be looked at.
    #[must_use]
    pub const fn has_labels(&self) -> bool {
        self.label_limit > 0 || self.label_name_length_limit > 0 || self.label_value_length_limit > 0
    }

    /// What of `tally` goes over a limit.
    #[must_use]
    pub const fn samples(&self, tally: Tally) -> Option<Broken> {
        if self.sample_limit > 0 && tally.samples > self.sample_limit {
            return Some(Broken::Samples { limit: self.sample_limit, found: tally.samples });
        }
        None
    }

    /// What of `labels` goes over a limit.
    #[must_use]
    pub fn labels(&self, labels: Labels<'_>) -> Option<Broken> {
        let over = |limit: u32, found: usize| limit > 0 && found > limit as usize;
        let mut found = 1_u32;
        for label in labels {
            found = found.saturating_add(1);
            if over(self.label_name_length_limit, label.name.len()) {
                let (limit, found) = (self.label_name_length_limit, label.name.len());
                return Some(Broken::Name { limit, found, start: start(label.name) });
            }
            if over(self.label_value_length_limit, label.raw.len()) {
                let (limit, found) = (self.label_value_length_limit, label.raw.len());
                return Some(Broken::Value { limit, found, name: start(label.name) });
            }
        }
        let too_many = over(self.label_limit, found as usize);
        too_many.then_some(Broken::Labels { limit: self.label_limit, found })
    }
}

fn start(name: &[u8]) -> String {
    let clean = text::clean(&String::from_utf8_lossy(&name[..name.len().min(4 * SHOWN)]));
    clean.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::super::exposition::scan;
    use super::*;

    fn labels(guards: Guards, line: &str) -> Option<String> {
        let mut broken = None;
        scan(line.as_bytes(), |_| Some(()), |(), s| broken = guards.labels(s.labels));
        broken.map(|b| b.to_string())
    }

    #[test]
    fn a_limit_is_named_with_what_was_found() {
        let guards = Guards {
            label_limit: 3,
            label_name_length_limit: 8,
            label_value_length_limit: 5,
            ..Guards::default()
        };
        let broken = |line| labels(guards, line);
        assert_eq!(broken("w{a=\"1\",b=\"12345\"} 1\n"), None);
        assert_eq!(
            broken("w{a=\"1\",b=\"2\",c=\"3\"} 1\n").as_deref(),
            Some("label_limit 3 exceeded: a sample of 4 labels")
        );
        assert_eq!(
            broken("w{a=\"123456\"} 1\n").as_deref(),
            Some("label_value_length_limit 5 exceeded: label a has 6 bytes")
        );
        assert_eq!(
            broken("w{abcdefghi=\"1\"} 1\n").as_deref(),
            Some("label_name_length_limit 8 exceeded: label abcdefghi… has 9 bytes")
        );
        assert!(!Guards::default().has_labels() && guards.has_labels());
    }

    #[test]
    fn samples_are_counted_and_without_a_limit_nothing_is() {
        let tally = Tally { samples: 7, ..Tally::default() };
        let limited = Guards { sample_limit: 6, ..Guards::default() };
        let told = limited.samples(tally).map(|b| b.to_string());
        assert_eq!(told.as_deref(), Some("sample_limit 6 exceeded: 7 samples"));
        assert_eq!(Guards { sample_limit: 7, ..limited }.samples(tally), None);
        assert_eq!(Guards::default().samples(tally), None);
        assert_eq!(labels(Guards::default(), &format!("w{{{}=\"1\"}} 1\n", "a".repeat(5000))), None);
    }

    #[test]
    fn a_hostile_name_is_shown_clean_and_short() {
        let guards = Guards { label_value_length_limit: 1, ..Guards::default() };
        let told = labels(guards, &format!("w{{{}=\"12\"}} 1\n", "n".repeat(500))).unwrap_or_default();
        assert!(told.len() < 120, "{told}");
    }
}
