//! When is a value still true? Freshness by tray, from the time of its last answer and the
//! polling interval of the source that asks it.

use crate::model::Quality;
use crate::model::metric::pack_age;

/// A tray is stale when its last answer is older than this many intervals.
pub const STALE_INTERVALS: i64 = 3;
/// A tray is lost when its last answer is older than this many intervals.
pub const LOST_INTERVALS: i64 = 10;

/// When a tray last answered, and what follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrayClock {
    /// Time of the last answer, ms since the epoch; `None` = never.
    seen: Option<i64>,
    /// Polling interval of its source, ms.
    interval_ms: u32,
    /// Quality at the last tick.
    pub quality: Quality,
    /// Packed age at the last tick.
    pub age: u8,
}

impl Default for TrayClock {
    fn default() -> Self {
        Self { seen: None, interval_ms: 1000, quality: Quality::Lost, age: u8::MAX }
    }
}

impl TrayClock {
    /// The tray answered at `time` (ms); its source polls every `interval_ms`.
    pub fn saw(&mut self, time: i64, interval_ms: u32) {
        self.seen = Some(self.seen.map_or(time, |t| t.max(time)));
        self.interval_ms = interval_ms.max(1);
    }

    /// Moves on to `now` (ms). True when quality or age changed.
    pub fn advance(&mut self, now: i64) -> bool {
        let (quality, age) = match self.seen {
            None => (Quality::Lost, u8::MAX),
            Some(seen) => {
                let age = now.saturating_sub(seen).max(0);
                let interval = i64::from(self.interval_ms);
                let quality = if age > LOST_INTERVALS * interval {
                    Quality::Lost
                } else if age > STALE_INTERVALS * interval {
                    Quality::Stale
                } else {
                    Quality::Good
                };
                (quality, pack_age(u32::try_from(age / 1000).unwrap_or(u32::MAX)))
            }
        };
        let changed = (quality, age) != (self.quality, self.age);
        (self.quality, self.age) = (quality, age);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_intervals_are_good_four_are_stale_eleven_are_lost() {
        let mut c = TrayClock::default();
        c.saw(0, 5000);
        for (now, expected) in [
            (0, Quality::Good),
            (15_000, Quality::Good),
            (15_001, Quality::Stale),
            (50_000, Quality::Stale),
            (50_001, Quality::Lost),
        ] {
            c.advance(now);
            assert_eq!(c.quality, expected, "at {now} ms");
        }
    }

    #[test]
    fn never_seen_is_lost_and_has_no_age() {
        let mut c = TrayClock::default();
        assert!(!c.advance(1_000_000));
        assert_eq!((c.quality, c.age), (Quality::Lost, u8::MAX));
    }

    #[test]
    fn an_answer_from_the_past_does_not_make_it_older() {
        let mut c = TrayClock::default();
        c.saw(10_000, 1000);
        c.saw(4_000, 1000);
        c.advance(11_000);
        assert_eq!((c.quality, c.age), (Quality::Good, 1));
    }

    #[test]
    fn a_clock_ahead_of_ours_is_fresh_not_negative() {
        let mut c = TrayClock::default();
        c.saw(60_000, 1000);
        c.advance(0);
        assert_eq!((c.quality, c.age), (Quality::Good, 0));
    }
}
