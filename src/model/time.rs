//! Time as milliseconds since the Unix epoch. The model never asks what time it is: the wall
//! clock is read at the edges (engine loop, session, command line) and passed in.

use std::fmt;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// The fixed start of every simulated run: 2026-11-22T03:00:00Z, so that answers repeat to the byte.
pub const SIM_EPOCH: Timestamp = Timestamp(1_795_316_400_000);

impl Timestamp {
    /// The moment `seconds` after the Unix epoch.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `ms` milliseconds later (earlier where negative).
    #[must_use]
    pub const fn plus_millis(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `HH:MM:SS` in UTC.
    #[must_use]
    pub fn clock(self) -> Clock {
        Clock(self)
    }
}

/// Displays the time of day of a [`Timestamp`], `HH:MM:SS` UTC.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Timestamp);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.0.secs().rem_euclid(86_400);
        write!(f, "{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.secs()) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulated_epoch_is_the_documented_one() {
        assert_eq!(SIM_EPOCH.to_string(), "2026-11-22T03:00:00Z");
        assert_eq!(SIM_EPOCH.clock().to_string(), "03:00:00");
    }

    #[test]
    fn clock_before_the_epoch_still_reads_as_a_time_of_day() {
        assert_eq!(Timestamp::from_secs(-1).clock().to_string(), "23:59:59");
    }

    #[test]
    fn differences_are_signed() {
        let a = Timestamp::from_secs(10);
        assert_eq!(a.plus_millis(-2500).since(a), -2500);
    }
}
