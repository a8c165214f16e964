//! When is a value still true? Freshness by tray, from the time of its last answer and the
//! polling interval of the source that asks it.

use crate::model::Quality;
use crate::model::metric::pack_age;

/// A tray is stale when its last answer is older than this many intervals.
pub const STALE_INTERVALS: i64 = 3;
/// A tray is lost when its last answer is older than this many intervals.
pub const LOST_INTERVALS: i64 = 10;

/// What a tick changed about a tray.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing.
    None,
    /// It is older, and as good as before.
    Age,
    /// Its quality, or what it reported.
    Quality,
}

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
    touched: bool,
}

impl Default for TrayClock {
    fn default() -> Self {
        Self { seen: None, interval_ms: 1000, quality: Quality::Lost, age: u8::MAX, touched: false }
    }
}

impl TrayClock {
    /// The tray answered at `time` (ms); its source polls every `interval_ms`.
    pub fn saw(&mut self, time: i64, interval_ms: u32) {
        self.seen = Some(self.seen.map_or(time, |t| t.max(time)));
        self.interval_ms = interval_ms.max(1);
    }

    /// The GPUs of the tray reported something: their qualities must be looked at.
    pub const fn touch(&mut self) {
        self.touched = true;
    }

    /// What its quality is at `now` (ms).
    #[must_use]
    pub fn quality_at(&self, now: i64) -> Quality {
        let Some(seen) = self.seen else { return Quality::Lost };
        let age = now.saturating_sub(seen).max(0);
        let interval = i64::from(self.interval_ms);
        if age > LOST_INTERVALS * interval {
            Quality::Lost
        } else if age > STALE_INTERVALS * interval {
            Quality::Stale
        } else {
            Quality::Good
        }
    }

    /// Moves on to `now` (ms).
    pub fn advance(&mut self, now: i64) -> Change {
        let quality = self.quality_at(now);
        let age = self.seen.map_or(u8::MAX, |seen| {
            let age = now.saturating_sub(seen).max(0);
            pack_age(u32::try_from(age / 1000).unwrap_or(u32::MAX))
        });
        let change = if self.touched || quality != self.quality {
            Change::Quality
        } else if age != self.age {
            Change::Age
        } else {
            Change::None
        };
        (self.quality, self.age, self.touched) = (quality, age, false);
        change
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
        assert_eq!(c.advance(1_000_000), Change::None);
        assert_eq!((c.quality, c.age), (Quality::Lost, u8::MAX));
    }

    #[test]
    fn ageing_is_told_apart_from_news() {
        let mut c = TrayClock::default();
        c.saw(0, 1000);
        assert_eq!(c.advance(0), Change::Quality);
        assert_eq!((c.advance(500), c.advance(1500)), (Change::None, Change::Age));
        c.touch();
        assert_eq!((c.advance(1500), c.advance(1500)), (Change::Quality, Change::None));
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
