//! When samples were taken. The values of a turn and their times are asked for the same moment, so
//! that they belong to the same samples.

use super::plan::Clock;
use crate::model::Timestamp;
use crate::model::batch::SeriesValue;

/// The times of one clock by member; 0: unknown.
#[derive(Clone, Debug)]
struct Times {
    clock: Clock,
    turn: u64,
    by_member: Vec<i64>,
}

/// All clocks of an engine.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    moment: Timestamp,
    /// Turns are counted: a wall clock may stand still or repeat a moment.
    turn: u64,
    all: Vec<Times>,
}

impl Clocks {
    /// A turn begins: times of earlier turns do not count any more.
    pub fn begin(&mut self, moment: Timestamp) {
        self.moment = moment;
        self.turn += 1;
    }

    /// Takes the times of `clock` in this turn; `members`: how many there are.
    pub fn set(&mut self, clock: Clock, values: Vec<SeriesValue>, members: usize) {
        let at = match self.all.iter().position(|t| t.clock == clock) {
            Some(at) => at,
            None => {
                self.all.push(Times { clock, turn: 0, by_member: Vec::new() });
                self.all.len() - 1
            }
        };
        let times = &mut self.all[at];
        times.turn = self.turn;
        times.by_member.clear();
        times.by_member.resize(members, 0);
        for value in values {
            if let Some(time) = times.by_member.get_mut(value.member as usize) {
                // A sample from the future is one of now: an exporter may give times of its own.
                *time = (*time).max(value.time.millis().min(self.moment.millis()));
            }
        }
    }

    /// True when the times of `clock` in this turn are known.
    #[must_use]
    pub fn has(&self, clock: &Clock) -> bool {
        self.find(clock).is_some()
    }

    fn find(&self, clock: &Clock) -> Option<&Times> {
        self.all.iter().find(|t| t.clock == *clock && t.turn == self.turn)
    }

    /// Gives values their times; those that have none go.
    pub fn date(&self, clock: &Clock, values: &mut Vec<SeriesValue>) {
        let times = self.find(clock).map_or(&[][..], |t| &t.by_member);
        values.retain_mut(|v| {
            let time = times.get(v.member as usize).copied().unwrap_or(0);
            v.time = Timestamp(time);
            time != 0
        });
    }

    /// Gives values the oldest time that any clock of this turn knows of their GPU, else the moment of
    /// the query.
    pub fn date_or_now(&self, values: &mut [SeriesValue]) {
        let known: Vec<&Times> = self.all.iter().filter(|t| t.turn == self.turn).collect();
        for v in values {
            let times = known.iter().filter_map(|t| t.by_member.get(v.member as usize));
            let oldest = times.copied().filter(|t| *t != 0).min();
            v.time = oldest.map_or(self.moment, Timestamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Exporter;
    use super::*;

    const DCGM: Clock = Clock::Exporter(Exporter::Dcgm);

    fn value(member: u32, time: i64) -> SeriesValue {
        SeriesValue { member, value: 1.0, time: Timestamp(time) }
    }

    #[test]
    fn values_get_the_times_of_their_samples_and_those_without_one_go() {
        let mut clocks = Clocks::default();
        clocks.begin(Timestamp(100));
        clocks.set(DCGM, vec![value(0, 90), value(2, 40), value(9, 1)], 3);
        let mut values = vec![value(2, 0), value(1, 0), value(0, 0)];
        clocks.date(&DCGM, &mut values);
        assert_eq!(values, [value(2, 40), value(0, 90)]);
    }

    #[test]
    fn times_of_an_earlier_turn_do_not_count() {
        let mut clocks = Clocks::default();
        clocks.begin(Timestamp(100));
        clocks.set(DCGM, vec![value(0, 90)], 1);
        assert!(clocks.has(&DCGM));
        clocks.begin(Timestamp(100));
        assert!(!clocks.has(&DCGM), "not even where the wall clock repeats a moment");
        let mut values = vec![value(0, 0)];
        clocks.date(&DCGM, &mut values);
        assert!(values.is_empty(), "a value without a time is not shown as fresh");
    }

    #[test]
    fn the_future_is_now_and_the_newest_of_two_counts() {
        let mut clocks = Clocks::default();
        clocks.begin(Timestamp(100));
        clocks.set(DCGM, vec![value(0, 70), value(0, 60), value(1, 500)], 2);
        let mut values = vec![value(0, 0), value(1, 0)];
        clocks.date(&DCGM, &mut values);
        assert_eq!(values, [value(0, 70), value(1, 100)]);
    }

    #[test]
    fn what_an_operator_asks_is_as_old_as_the_node_says() {
        let mut clocks = Clocks::default();
        clocks.begin(Timestamp(100));
        let mut values = vec![value(0, 0)];
        clocks.date_or_now(&mut values);
        assert_eq!(values, [value(0, 100)]);
        clocks.set(DCGM, vec![value(0, 30)], 1);
        clocks.date_or_now(&mut values);
        assert_eq!(values, [value(0, 30)]);
    }
}
