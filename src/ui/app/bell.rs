//! The bell: once for news of priority 1 and 2, at most once in a while, not while it is muted.

use crate::model::Timestamp;

/// Least time between two rings, ms.
const PERIOD_MS: i64 = 10_000;
/// How long it stays muted, ms.
pub const MUTED_MS: i64 = 600_000;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bell {
    /// Annunciations that were heard of.
    seen: u64,
    rang: Option<Timestamp>,
    /// Something came while it had to be silent.
    owed: bool,
}

impl Bell {
    /// A bell for which what stands already is no news.
    pub const fn new(bells: u64) -> Self {
        Self { seen: bells, rang: None, owed: false }
    }

    /// Takes in the count of annunciations; true when it is to ring now.
    pub fn hear(&mut self, bells: u64, now: Timestamp, muted: bool) -> bool {
        self.owed |= bells > self.seen;
        self.seen = bells;
        if muted {
            // What came while nobody wanted to hear it does not ring afterwards.
            self.owed = false;
        }
        // A clock that was set back must not silence it for long.
        let quiet = |last: Timestamp| (0..PERIOD_MS).contains(&now.since(last));
        let rings = self.owed && !self.rang.is_some_and(quiet);
        if rings {
            (self.owed, self.rang) = (false, Some(now));
        }
        rings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    #[test]
    fn news_ring_once_and_what_stood_before_does_not() {
        let mut bell = Bell::new(5);
        assert!(!bell.hear(5, at(0), false));
        assert!(bell.hear(6, at(1), false));
        assert!(!bell.hear(6, at(2), false));
    }

    #[test]
    fn a_flood_rings_at_most_once_in_ten_seconds_and_nothing_is_lost() {
        let mut bell = Bell::new(0);
        let rings: Vec<i64> = (0..40).filter(|s| bell.hear(*s as u64 + 1, at(*s), false)).collect();
        assert_eq!(rings, [0, 10, 20, 30]);
        let mut bell = Bell::new(0);
        assert!(bell.hear(1, at(0), false));
        assert!(!bell.hear(2, at(4), false), "too soon");
        assert!(bell.hear(2, at(10), false), "but not forgotten");
    }

    #[test]
    fn a_muted_bell_is_silent_and_does_not_make_up_for_it() {
        let mut bell = Bell::new(0);
        assert!(!bell.hear(3, at(0), true));
        assert!(!bell.hear(3, at(1), false));
        assert!(bell.hear(4, at(2), false));
    }
}
