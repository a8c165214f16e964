//! Figures of the alarm system by ISA-18.2 (2016, table 7): rates, floods, mix, bad actors.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::alarm::book::is_annunciation;
use crate::model::Timestamp;
use crate::model::alarm::{Alarm, AlarmId, Input, Kpi, Transition};

const MINUTE_MS: i64 = 60_000;
/// Length of a period, ms, and how many are kept: 24 hours.
const PERIOD_MS: i64 = 10 * MINUTE_MS;
const PERIODS: usize = 144;
/// Annunciations kept, a bound against floods that never end.
const MOST: usize = 200_000;
/// A flood begins with more than this many in 10 minutes, and ends below [`FLOOD_ENDS`].
pub const FLOOD_BEGINS: u32 = 10;
/// See [`FLOOD_BEGINS`]. The standard names the beginning; the end is the usual choice.
pub const FLOOD_ENDS: u32 = 5;
/// Alarms in the list of the most frequent.
const TOP: usize = 10;

#[derive(Clone, Debug)]
struct Annunciation {
    time: i64,
    alarm: AlarmId,
    rule: Arc<str>,
    place: Arc<str>,
    priority: u8,
}

/// Counts annunciations: transitions into "unacknowledged".
#[derive(Clone, Debug, Default)]
pub struct Tally {
    list: VecDeque<Annunciation>,
    /// Time to acknowledge, ms, with the moment.
    acks: VecDeque<(i64, i64)>,
    open: HashMap<AlarmId, i64>,
    since: Option<i64>,
    /// The last moment that was looked at, ms.
    at: Option<i64>,
    /// Beginning and end of each flood, ms.
    floods: VecDeque<(i64, Option<i64>)>,
}

impl Tally {
    /// A transition happened.
    pub fn note(&mut self, t: &Transition) {
        let now = t.time.millis();
        self.since.get_or_insert(now);
        if is_annunciation(t) {
            if self.list.len() == MOST {
                self.list.pop_front();
            }
            let (rule, place) = (Arc::clone(&t.rule), Arc::clone(&t.place));
            self.list.push_back(Annunciation {
                time: now,
                alarm: t.alarm,
                rule,
                place,
                priority: t.priority,
            });
            self.open.insert(t.alarm, now);
        }
        if t.input == Input::Acknowledge
            && let Some(then) = self.open.remove(&t.alarm)
        {
            self.acks.push_back((now, now - then));
        }
    }

    /// Time goes by: forgets what is older than a day, and sees floods begin and end.
    pub fn advance(&mut self, now: Timestamp) {
        let now = now.millis();
        self.since.get_or_insert(now);
        self.at = Some(now);
        let oldest = now - PERIOD_MS * PERIODS as i64;
        while self.list.front().is_some_and(|a| a.time <= oldest) {
            self.list.pop_front();
        }
        while self.acks.front().is_some_and(|a| a.0 <= oldest) {
            self.acks.pop_front();
        }
        while self.floods.front().is_some_and(|f| f.1.is_some_and(|end| end <= oldest)) {
            self.floods.pop_front();
        }
        let rate = self.within(now, PERIOD_MS);
        match self.floods.back_mut() {
            Some((_, end @ None)) if rate < FLOOD_ENDS => *end = Some(now),
            Some((_, None)) => {}
            _ if rate > FLOOD_BEGINS => self.floods.push_back((now, None)),
            _ => {}
        }
    }

    /// A transition of the past: floods end between the steps of a history.
    pub fn replay(&mut self, t: &Transition) {
        self.walk(t.time.millis());
        self.note(t);
        self.advance(t.time);
    }

    /// Time goes by in steps of a minute, a day at most.
    fn walk(&mut self, to: i64) {
        let from = self.at.unwrap_or(to).max(to - PERIOD_MS * PERIODS as i64);
        (from..to).step_by(MINUTE_MS as usize).chain([to]).for_each(|t| self.advance(Timestamp(t)));
    }

    fn within(&self, now: i64, span: i64) -> u32 {
        self.list.iter().rev().take_while(|a| a.time > now - span).count() as u32
    }

    /// The figures at `now`, with the alarms that stand.
    #[must_use]
    pub fn figures<'a>(&self, now: Timestamp, standing: impl Iterator<Item = &'a Alarm>) -> Kpi {
        let at = now.millis();
        let watched = at - self.since.unwrap_or(at);
        let span = watched.clamp(1, PERIOD_MS * PERIODS as i64);
        let in_flood: i64 =
            self.floods.iter().map(|(begin, end)| end.unwrap_or(at) - (*begin).max(at - span)).sum();
        let mut bins = vec![0_u16; PERIODS];
        let mut mix = [0; 4];
        let mut by_alarm: HashMap<AlarmId, (u32, &Annunciation)> = HashMap::new();
        for a in &self.list {
            let age = ((at - a.time) / PERIOD_MS).max(0) as usize;
            if age < PERIODS {
                bins[PERIODS - 1 - age] = bins[PERIODS - 1 - age].saturating_add(1);
            }
            mix[usize::from(a.priority.clamp(1, 4) - 1)] += 1;
            by_alarm.entry(a.alarm).or_insert((0, a)).0 += 1;
        }
        let mut top: Vec<_> = by_alarm.into_iter().collect();
        top.sort_by_key(|(id, (n, _))| (std::cmp::Reverse(*n), *id));
        top.truncate(TOP);
        let seen = ((span / PERIOD_MS) as usize + 1).min(PERIODS);
        let busy = bins[PERIODS - seen..].iter().filter(|n| **n > FLOOD_BEGINS as u16).count();
        let (mut stands, mut stale, mut chattering) = (0, 0, 0);
        for a in standing.filter(|a| a.state.is_annunciated()) {
            stands += 1;
            stale += u32::from(a.is_stale(now));
            chattering += u32::from(a.chattering);
        }
        let ack_ms: i64 = self.acks.iter().map(|a| a.1).sum();
        Kpi {
            per_10_min: self.within(at, PERIOD_MS),
            per_hour: self.within(at, 60 * MINUTE_MS),
            per_day: self.list.len() as u32,
            flood_share: (in_flood as f64 / span as f64).clamp(0.0, 1.0) as f32,
            flood: self.floods.back().is_some_and(|f| f.1.is_none()),
            standing: stands,
            stale,
            chattering,
            mean_ack_s: (!self.acks.is_empty()).then(|| ack_ms as f32 / 1000.0 / self.acks.len() as f32),
            mix,
            top: top
                .into_iter()
                .map(|(id, (n, a))| (id, Arc::clone(&a.rule), Arc::clone(&a.place), n))
                .collect(),
            peak_10_min: bins.iter().copied().max().map_or(0, u32::from),
            bins,
            busy_share: busy as f32 / seen as f32,
            watched_ms: watched,
        }
    }

    /// The figures of a history, oldest first, at `now`: what `alarms kpi` tells.
    #[must_use]
    pub fn of_history<'a>(
        history: impl IntoIterator<Item = &'a Transition>,
        now: Timestamp,
        standing: impl Iterator<Item = &'a Alarm>,
    ) -> Kpi {
        let mut tally = Self::default();
        history.into_iter().for_each(|t| tally.replay(t));
        tally.walk(now.millis());
        tally.figures(now, standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::AlarmState;

    fn raise(second: i64, alarm: u64, priority: u8) -> Transition {
        Transition {
            time: Timestamp::from_secs(second),
            alarm: AlarmId(alarm),
            rule: "rack-flow-low".into(),
            place: "H1-R01-K1".into(),
            input: Input::Raise,
            from: AlarmState::Normal,
            to: AlarmState::Unacknowledged,
            priority,
            operation: 0,
            text: "".into(),
        }
    }

    fn at(history: &[Transition], second: i64) -> Kpi {
        Tally::of_history(history, Timestamp::from_secs(second), std::iter::empty())
    }

    #[test]
    fn rates_mix_and_bad_actors_are_counted() {
        let list: Vec<_> = (0..8).map(|i| raise(i * 400, i as u64 % 3, 1 + (i % 4) as u8)).collect();
        let k = at(&list, 3000);
        assert_eq!((k.per_10_min, k.per_hour, k.per_day), (1, 8, 8));
        assert_eq!(k.mix, [2; 4]);
        assert_eq!(k.top[0].3, 3);
        assert_eq!(k.bins.iter().map(|b| u32::from(*b)).sum::<u32>(), 8);
    }

    #[test]
    fn a_flood_begins_above_ten_and_ends_below_five() {
        let burst: Vec<_> = (0..11).map(|i| raise(i, i as u64, 3)).collect();
        assert!(!at(&burst[..10], 10).flood);
        assert!(at(&burst, 11).flood);
        let mut later = burst;
        later.push(raise(1200, 99, 3));
        let k = at(&later, 1200);
        assert!(!k.flood, "{k:?}");
        assert!((0.4..0.6).contains(&k.flood_share) && k.peak_10_min >= 10);
    }

    #[test]
    fn time_to_acknowledge_is_the_mean_over_the_acknowledged() {
        let mut list = vec![raise(0, 1, 2), raise(0, 2, 2)];
        for (second, alarm) in [(30, 1), (50, 2)] {
            let (from, to) = (AlarmState::Unacknowledged, AlarmState::Acknowledged);
            list.push(Transition { input: Input::Acknowledge, from, to, ..raise(second, alarm, 2) });
        }
        assert_eq!(at(&list, 60).mean_ack_s, Some(40.0));
    }
}
