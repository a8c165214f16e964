//! Playing: the position moves with the clock that the session brings, at the speed chosen, round
//! and round where a loop is set.

use crate::fleet::ask::Ask;
use crate::model::Timestamp;
use crate::model::chronicle::Gap;
use crate::ui::app::App;
use crate::ui::context::Moment;

/// The speeds in quarters of the real one, with their words.
const SPEEDS: [(i64, &str); 10] = [
    (1, "1/4"),
    (2, "1/2"),
    (4, "1"),
    (8, "2"),
    (16, "4"),
    (32, "8"),
    (64, "16"),
    (240, "60"),
    (1_200, "300"),
    (4_000, "1000"),
];
/// Gaps up to this long are played through, ms.
const GAP_MS: i64 = 3_000;
/// The real speed among them.
const REAL: usize = 2;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Play {
    /// It plays.
    pub(super) on: bool,
    speed: usize,
    /// Quarters of a millisecond that are not part of the position yet.
    rest: i64,
    /// Marks of the loop.
    pub(super) a: Option<Timestamp>,
    pub(super) b: Option<Timestamp>,
    /// The stretch of time that the tape was last asked for.
    asked: i64,
}

impl Default for Play {
    fn default() -> Self {
        Self { on: false, speed: REAL, rest: 0, a: None, b: None, asked: i64::MIN }
    }
}

impl Play {
    /// Word of the speed: `8`, `1/2`.
    #[must_use]
    pub const fn speed(&self) -> &'static str {
        SPEEDS[self.speed].1
    }

    /// Takes the speed nearest to `times` the real one.
    pub fn set_speed(&mut self, times: f32) {
        let off = |(quarters, _): &(i64, &str)| (*quarters as f32 / 4.0 / times.max(0.01)).ln().abs();
        let nearest = SPEEDS.iter().enumerate().min_by(|(_, a), (_, b)| off(a).total_cmp(&off(b)));
        self.speed = nearest.map_or(REAL, |(i, _)| i);
    }

    /// Both marks of the loop, where there are both.
    #[must_use]
    pub const fn looped(&self) -> Option<(Timestamp, Timestamp)> {
        match (self.a, self.b) {
            (Some(a), Some(b)) => Some((a, b)),
            _ => None,
        }
    }

    /// The position after so many milliseconds of the clock.
    fn advance(&mut self, from: Timestamp, elapsed_ms: u64) -> Timestamp {
        let ms = i64::try_from(elapsed_ms).unwrap_or(i64::MAX);
        let quarters = ms.saturating_mul(SPEEDS[self.speed].0).saturating_add(self.rest);
        self.rest = quarters % 4;
        let to = from.plus_millis(quarters / 4);
        match self.looped() {
            // From within the loop, or from its end, it goes on at its start.
            Some((a, b)) if from <= b && to > b => a,
            _ => to,
        }
    }

    /// Sets or takes away a mark; the loop runs from the earlier to the later one.
    fn mark(&mut self, end: bool, at: Timestamp) -> bool {
        let mark = if end { &mut self.b } else { &mut self.a };
        let set = mark.is_none();
        *mark = set.then_some(at);
        if let Some((a, b)) = self.looped()
            && a > b
        {
            (self.a, self.b) = (Some(b), Some(a));
        }
        set
    }
}

impl App {
    /// True while something plays: [`Self::clock`] is to be called then.
    #[must_use]
    pub const fn wants_clock(&self) -> bool {
        self.travel.play.on
    }

    /// So many milliseconds have gone by.
    pub fn clock(&mut self, elapsed_ms: u64) {
        if !self.travel.play.on {
            return;
        }
        let from = self.position();
        // What is played on must be there: until the first picture has come the position stays.
        if !self.is_past() {
            return;
        }
        let mut to = self.travel.play.advance(from, elapsed_ms);
        if let Some(gap) = self.gap_at(to) {
            self.say(format!("no frames from {} to {}", gap.from.clock(), gap.to.clock()));
            to = gap.to;
        }
        let end =
            if self.is_replay() { self.reach().map(|(_, last)| last) } else { Some(self.live.frame.time) };
        match end {
            Some(end) if to >= end => self.end_of_play(end),
            _ => self.play_to(to),
        }
        self.refresh();
    }

    /// The stretch without frames that a moment lies in: there is nothing to play in it.
    fn gap_at(&self, time: Timestamp) -> Option<Gap> {
        let gaps = &self.travel.chronicle.as_ref()?.gaps;
        let inside = |g: &&Gap| g.from < time && time < g.to && g.to.since(g.from) > GAP_MS;
        gaps.iter().find(inside).copied().filter(|_| !self.in_ring(time))
    }

    fn end_of_play(&mut self, end: Timestamp) {
        self.travel.play.on = false;
        if self.is_replay() {
            self.seek(end);
            self.say("this is the end of the recording".into());
        } else {
            self.go_live();
            self.say("the present is reached: LIVE".into());
        }
    }

    /// Shows what belongs to the position, as soon as that is something else than what is shown.
    fn play_to(&mut self, to: Timestamp) {
        self.travel.at = Some(to);
        if !self.is_replay()
            && let Some((first, _)) = self.live.history.span()
            && to >= first
            && let Some(time) = self.live.history.step(to, 0)
            && time != self.snapshot.frame.time
        {
            self.hold(time);
        }
        let stretch = to.millis().div_euclid(self.stretch_ms());
        if self.travel.tape && self.travel.wish.is_none() && stretch != self.travel.play.asked {
            self.travel.play.asked = stretch;
            self.ask(Ask::Show(to));
        }
    }

    /// Half of the usual time between two frames: asking more often shows nothing new.
    fn stretch_ms(&self) -> i64 {
        let known = self.travel.chronicle.as_ref().filter(|c| c.frames > 1).and_then(|c| {
            let (first, last) = c.span?;
            let gaps: i64 = c.gaps.iter().map(|g| g.to.since(g.from)).sum();
            let steps = i64::try_from(c.frames - 1).unwrap_or(i64::MAX) - c.gaps.len() as i64;
            Some((last.since(first) - gaps) / steps.max(1) / 2)
        });
        known.unwrap_or(500).clamp(50, 5_000)
    }

    /// Holds the picture, follows the present again, plays, or stops playing.
    pub(super) fn pause(&mut self) {
        match self.choice.moment {
            Moment::Live => {
                self.choice.moment = Moment::Paused(self.snapshot.frame.time);
                self.set_title();
            }
            Moment::Paused(_) => self.go_live(),
            Moment::Past(_) if self.travel.play.on => {
                self.travel.play.on = false;
                if self.travel.wish.is_none() {
                    self.travel.at = None;
                }
                self.say(format!("stopped at {}", self.snapshot.frame.time.clock()));
            }
            Moment::Past(_) => {
                let last = self.reach().map(|(_, last)| last);
                if self.is_replay() && last.is_some_and(|last| self.position() >= last) {
                    return self.say("this is the end of the recording".into());
                }
                self.travel.play.on = true;
                self.say(format!("plays at {}", self.speed()));
            }
        }
    }

    /// The speed as it is written: `×8`.
    pub(super) fn speed(&self) -> String {
        format!("{}{}", self.options.glyphs.times, self.travel.play.speed())
    }

    pub(super) fn change_speed(&mut self, up: bool) {
        let play = &mut self.travel.play;
        let to = if up { play.speed + 1 } else { play.speed.wrapping_sub(1) };
        if to >= SPEEDS.len() {
            return self.say(format!(
                "{} is the {} speed",
                self.speed(),
                if up { "highest" } else { "lowest" }
            ));
        }
        play.speed = to;
        let when = if self.travel.play.on { "" } else { ", when it plays" };
        self.say(format!("speed {}{when}", self.speed()));
    }

    /// Sets a mark of the loop where the position is, or takes it away.
    pub(super) fn mark_loop(&mut self, end: bool) {
        let at = self.position();
        let set = self.travel.play.mark(end, at);
        let name = if end { "B" } else { "A" };
        self.say(match (set, self.travel.play.looped()) {
            (false, _) => format!("mark {name} is gone: no loop"),
            (true, Some((a, b))) => format!("loop from {} to {}", a.clock(), b.clock()),
            (true, None) => {
                let other = if end { "A" } else { "B" };
                format!("mark {name} at {}: the loop begins when {other} is set", at.clock())
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    #[test]
    fn slow_speeds_lose_nothing() {
        let mut play = Play { speed: 0, ..Play::default() };
        let mut position = at(0);
        (0..10).for_each(|_| position = play.advance(position, 101));
        assert_eq!(position, Timestamp(252), "a quarter of 1010 ms");
    }

    #[test]
    fn a_loop_goes_on_at_its_start_and_is_not_entered_from_behind() {
        let mut play = Play::default();
        assert!(play.mark(true, at(10)) && play.mark(false, at(20)), "they change places");
        assert_eq!(play.looped(), Some((at(10), at(20))));
        assert_eq!(play.advance(at(19), 500), at(19).plus_millis(500));
        assert_eq!(play.advance(at(20), 100), at(10));
        assert_eq!(play.advance(at(30), 1000), at(31));
        assert!(!play.mark(true, at(15)) && play.looped().is_none(), "again: it is gone");
    }

    #[test]
    fn the_nearest_speed_is_taken() {
        for (times, word) in [(8.0, "8"), (0.3, "1/4"), (1.0, "1"), (50.0, "60"), (1e9, "1000"), (0.0, "1/4")]
        {
            let mut play = Play::default();
            play.set_speed(times);
            assert_eq!(play.speed(), word, "{times}");
        }
    }

    proptest! {
        #[test]
        fn within_a_loop_the_position_stays_in_it(steps in prop::collection::vec((0u64..2000, 0usize..10), 1..40)) {
            let mut play = Play { on: true, a: Some(at(10)), b: Some(at(70)), ..Play::default() };
            let mut position = at(10);
            for (ms, speed) in steps {
                play.speed = speed;
                position = play.advance(position, ms);
                prop_assert!(at(10) <= position && position <= at(70));
            }
        }
    }
}
