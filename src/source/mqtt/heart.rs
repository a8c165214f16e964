//! The heartbeats of the building management system: the only thing that tells a bus on which nothing
//! changes from one that nobody writes to.

use std::collections::BTreeMap;

/// Most heartbeats that are watched: one for each part of a bus.
const MAX_HEARTS: usize = 64;
/// A heartbeat that was kept by the broker may be this old and still count as heard now, ms.
const SLACK_MS: i64 = 1_000;

/// All heartbeats of a bus.
#[derive(Clone, Debug, Default)]
pub struct Hearts {
    by_key: BTreeMap<String, Beat>,
    /// The bus' clock less ours, ms, as of the last beat that came fresh.
    offset: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Beat {
    /// Time in the message, ms by the bus' clock.
    told: i64,
    /// Our time when that time last moved on, ms.
    heard: i64,
}

impl Hearts {
    /// Takes in a beat: the time in it, our time, and whether the broker had only kept it.
    pub fn beat(&mut self, key: &str, told: i64, now: i64, kept: bool) {
        if !kept {
            self.offset = Some(told - now);
        }
        if let Some(beat) = self.by_key.get_mut(key) {
            // The same time again is an echo, not a beat.
            if told != beat.told {
                *beat = Beat { told, heard: now };
            }
            return;
        }
        if self.by_key.len() < MAX_HEARTS {
            let heard = if kept && self.bus_time(now) - told > SLACK_MS {
                // How long ago that was by the bus' own clock.
                now - (self.bus_time(now) - told)
            } else {
                now
            };
            self.by_key.insert(key.to_owned(), Beat { told, heard });
        }
    }

    /// Our time `now` by the bus' clock; where no beat has told it, both are taken for equal.
    #[must_use]
    pub fn bus_time(&self, now: i64) -> i64 {
        now + self.offset.unwrap_or(0)
    }

    /// The bus' clock less ours, ms.
    #[must_use]
    pub const fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// Age of the heartbeat that was missed longest, ms, and its key; `None` where there is none at
    /// all.
    #[must_use]
    pub fn silence(&self, now: i64) -> Option<(i64, &str)> {
        let ages = self.by_key.iter().map(|(key, beat)| ((now - beat.heard).max(0), key.as_str()));
        ages.max_by_key(|(age, _)| *age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_grows_from_the_last_beat_that_moved_on() {
        let mut hearts = Hearts::default();
        assert_eq!(hearts.silence(0), None, "no heartbeat is not silence");
        hearts.beat("bms", 5_000, 10_000, false);
        assert_eq!(hearts.silence(14_000), Some((4_000, "bms")));
        hearts.beat("bms", 15_000, 20_000, false);
        assert_eq!(hearts.silence(20_000), Some((0, "bms")));
        hearts.beat("bms", 15_000, 45_000, false);
        assert_eq!(hearts.silence(51_000), Some((31_000, "bms")), "the same time again is no beat");
    }

    #[test]
    fn a_beat_that_the_broker_kept_is_as_old_as_the_bus_says() {
        let mut hearts = Hearts::default();
        hearts.beat("bms", 100_000, 400_000, true);
        assert_eq!(hearts.silence(400_000), Some((300_000, "bms")));
        hearts.beat("bms", 500_000, 500_000, false);
        assert_eq!(hearts.silence(500_000), Some((0, "bms")));
    }

    #[test]
    fn the_heartbeat_that_is_missed_longest_counts() {
        let mut hearts = Hearts::default();
        hearts.beat("north", 1_000, 1_000, false);
        hearts.beat("south", 1_000, 1_000, false);
        hearts.beat("south", 40_000, 40_000, false);
        assert_eq!(hearts.silence(41_000), Some((40_000, "north")));
    }

    #[test]
    fn the_clock_of_the_bus_is_known_from_its_beats() {
        let mut hearts = Hearts::default();
        assert_eq!(hearts.bus_time(5), 5);
        hearts.beat("bms", 1_000, 61_000, false);
        assert_eq!((hearts.offset(), hearts.bus_time(70_000)), (Some(-60_000), 10_000));
    }
}
