//! Quality of a value, in the sense of OPC UA: may this number be believed now?

/// How far the values of one asset may be trusted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Quality {
    /// Fresh: younger than three polling intervals.
    Good = 0,
    /// Older than three intervals: the last value is kept, and never drawn as live.
    Stale = 1,
    /// Older than ten intervals, or never seen, or gone while its node answers: no value.
    #[default]
    Lost = 2,
    /// The asset answers, but not with this value.
    Unsupported = 3,
}

impl Quality {
    /// All qualities, best first.
    pub const ALL: [Self; 4] = [Self::Good, Self::Stale, Self::Lost, Self::Unsupported];

    /// The quality stored as `raw`; anything unknown counts as lost.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0 => Self::Good,
            1 => Self::Stale,
            3 => Self::Unsupported,
            _ => Self::Lost,
        }
    }

    /// Lower-case word used in JSON and on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Stale => "stale",
            Self::Lost => "lost",
            Self::Unsupported => "unsupported",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_round_trip_and_unknown_is_lost() {
        for q in Quality::ALL {
            assert_eq!(Quality::from_raw(q as u8), q);
        }
        assert_eq!(Quality::from_raw(77), Quality::Lost);
    }
}
