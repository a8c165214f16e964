//! Who is asked when. Pure: time comes in as milliseconds since the start, so a test can play any
//! day in no time.
//!
//! * Every target has its own phase, so that a sweep is spread evenly over the interval.
//! * A target that failed waits longer each time, with jitter, up to a ceiling.
//! * The first sweep is spread as well, over a short time: the picture comes fast, and yet not all
//!   targets are asked at once.
//! * A request that does not answer within a tenth of a second gives its slot back to the others (it
//!   may still finish, in the slow lane), and targets that failed last time share a quarter of the
//!   slots. So thousands of hanging targets cannot keep the living ones waiting.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A request younger than this holds a slot, ms.
const QUICK_MS: u64 = 100;
/// Slow requests allowed for each slot: with the slots of [`slots`] a third of the targets may hang.
const SLOW_PER_SLOT: usize = 16;
/// The first sweep asks so many targets in a millisecond, unless half an interval is too short.
const FIRST_PER_MS: u64 = 5;
/// Targets for each slot.
const PER_SLOT: usize = 50;
/// Longest wait after failures, ms.
pub const CEILING_MS: u64 = 240_000;
/// Spread of a wait after a failure: it is up to a quarter shorter or longer.
const JITTER: u64 = 4;

/// Slots for `count` targets, at least `least`: enough to ask each once in five seconds when answers
/// take a tenth of a second.
#[must_use]
pub fn slots(count: usize, least: usize) -> usize {
    least.max(count / PER_SLOT)
}

/// What the scheduler needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between two polls of a target, ms.
    pub interval_ms: u64,
    /// Requests in the quick lane.
    pub slots: usize,
    /// Makes the jitter differ between consoles.
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Idle,
    Quick { since: u64 },
    Slow,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    lane: Lane,
    failures: u32,
}

/// The plan of all targets of one source.
#[derive(Clone, Debug)]
pub struct Schedule {
    pace: Pace,
    slots: Vec<Slot>,
    /// Idle targets that answered last time, and those not tried yet.
    good: BinaryHeap<Reverse<(u64, u32)>>,
    /// Idle targets that failed last time.
    failed: BinaryHeap<Reverse<(u64, u32)>>,
    /// Requests in the order of their start; some may have ended.
    started: VecDeque<(u64, u32)>,
    quick: usize,
    quick_failed: usize,
    slow: usize,
    random: u64,
}

impl Schedule {
    /// A plan for `count` targets, the first due at `now`, the others soon after.
    #[must_use]
    pub fn new(count: usize, pace: Pace, now: u64) -> Self {
        let pace = Pace { interval_ms: pace.interval_ms.max(1), slots: pace.slots.max(1), ..pace };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let spread = (u64::from(count) / FIRST_PER_MS).min(pace.interval_ms / 2);
        let due = |i: u32| now + spread * u64::from(i) / u64::from(count.max(1));
        Self {
            pace,
            slots: vec![Slot { lane: Lane::Idle, failures: 0 }; count as usize],
            good: (0..count).map(|i| Reverse((due(i), i))).collect(),
            failed: BinaryHeap::new(),
            started: VecDeque::new(),
            quick: 0,
            quick_failed: 0,
            slow: 0,
            random: pace.seed | 1,
        }
    }

    /// Requests that are under way.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.quick + self.slow
    }

    /// Failures in a row of target `index`.
    #[must_use]
    pub fn failures(&self, index: usize) -> u32 {
        self.slots[index].failures
    }

    /// The target to ask now, if one is due and there is room.
    pub fn next(&mut self, now: u64) -> Option<usize> {
        self.slow_down(now);
        if self.slow >= self.pace.slots * SLOW_PER_SLOT {
            return None;
        }
        let room = self.pace.slots.saturating_sub(self.quick);
        let room_failed = self.pace.slots.div_ceil(4).saturating_sub(self.quick_failed).min(room);
        let due = |heap: &BinaryHeap<Reverse<(u64, u32)>>| {
            heap.peek().filter(|Reverse((t, _))| *t <= now).is_some()
        };
        // The failed ones first: they are few at a time, and would otherwise wait for ever.
        let heap = if room_failed > 0 && due(&self.failed) {
            &mut self.failed
        } else if room > 0 && due(&self.good) {
            &mut self.good
        } else {
            return None;
        };
        let Reverse((_, index)) = heap.pop()?;
        let slot = &mut self.slots[index as usize];
        slot.lane = Lane::Quick { since: now };
        self.quick += 1;
        self.quick_failed += usize::from(slot.failures > 0);
        self.started.push_back((now, index));
        Some(index as usize)
    }

    /// When [`Self::next`] may have something to say again without a request ending: a target
    /// becomes due, or a request becomes slow. `None`: only when a request ends.
    #[must_use]
    pub fn wake(&self, now: u64) -> Option<u64> {
        let due = [&self.good, &self.failed].into_iter().filter_map(|h| h.peek().map(|Reverse((t, _))| *t));
        let slow = self.started.front().map(|(t, _)| t + QUICK_MS);
        // What is due already waits for room, not for time.
        due.chain(slow).filter(|t| *t > now).min()
    }

    /// The request to target `index` has ended.
    pub fn finished(&mut self, index: usize, now: u64, ok: bool) {
        let slot = &mut self.slots[index];
        match slot.lane {
            Lane::Idle => return,
            Lane::Quick { .. } => {
                self.quick -= 1;
                self.quick_failed -= usize::from(slot.failures > 0);
            }
            Lane::Slow => self.slow -= 1,
        }
        slot.lane = Lane::Idle;
        slot.failures = if ok { 0 } else { slot.failures.saturating_add(1) };
        let failures = slot.failures;
        let Ok(id) = u32::try_from(index) else { return };
        if ok {
            let due = self.next_turn(index, now);
            self.good.push(Reverse((due, id)));
        } else {
            let due = now + self.penalty(failures);
            self.failed.push(Reverse((due, id)));
        }
    }

    /// The next moment of the target's phase, at least a quarter of an interval from `now`: who was
    /// late keeps its phase, and who is slow has a pause.
    fn next_turn(&self, index: usize, now: u64) -> u64 {
        let interval = self.pace.interval_ms;
        let phase = (interval as u128 * index as u128 / self.slots.len().max(1) as u128) as u64;
        let earliest = now + interval.div_ceil(4);
        let turns = earliest.saturating_sub(phase).div_ceil(interval);
        phase + turns * interval
    }

    /// One interval after the first failure, then twice as long each time, jittered.
    fn penalty(&mut self, failures: u32) -> u64 {
        let doubled = self.pace.interval_ms.saturating_mul(1 << (failures - 1).min(10));
        let wait = doubled.min(CEILING_MS.max(self.pace.interval_ms));
        let spread = wait / JITTER;
        wait - spread + self.draw() % (2 * spread + 1)
    }

    /// xorshift64: good enough to keep retries apart.
    const fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Requests that have been under way for long no longer hold a slot.
    fn slow_down(&mut self, now: u64) {
        while let Some((since, index)) = self.started.front().copied() {
            let slot = &mut self.slots[index as usize];
            if slot.lane == (Lane::Quick { since }) {
                if since + QUICK_MS > now {
                    return;
                }
                slot.lane = Lane::Slow;
                self.quick -= 1;
                self.quick_failed -= usize::from(slot.failures > 0);
                self.slow += 1;
            }
            self.started.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace { interval_ms: 15_000, slots: 64, seed: 7 };

    /// Plays `until` ms with targets that take `latency(i)` ms and answer well or not; the starts
    /// of each target, and the most requests at once.
    fn play(
        count: usize,
        pace: Pace,
        until: u64,
        latency: impl Fn(usize) -> (u64, bool),
    ) -> (Vec<Vec<u64>>, usize) {
        let mut schedule = Schedule::new(count, pace, 0);
        let mut starts = vec![Vec::new(); count];
        let mut ends = BinaryHeap::new();
        let (mut now, mut most) = (0, 0);
        while now <= until {
            while let Some(Reverse((t, i))) = ends.peek().copied().filter(|Reverse((t, _))| *t <= now) {
                ends.pop();
                schedule.finished(i, t, latency(i).1);
            }
            while let Some(i) = schedule.next(now) {
                starts[i].push(now);
                ends.push(Reverse((now + latency(i).0, i)));
            }
            most = most.max(schedule.in_flight());
            let end = ends.peek().map(|Reverse((t, _))| *t);
            now = schedule.wake(now).into_iter().chain(end).min().unwrap_or(until + 1).max(now + 1);
        }
        (starts, most)
    }

    #[test]
    fn the_first_sweep_is_soon_and_later_ones_are_spread() {
        let (starts, most) = play(1000, PACE, 60_000, |_| (10, true));
        assert!(most <= 64);
        assert!(starts.iter().all(|s| s[0] < 1000), "the first picture is there within a second");
        let mut seconds = [0; 15];
        for s in starts.iter().flatten().filter(|t| (30_000..45_000).contains(*t)) {
            seconds[(s - 30_000) as usize / 1000] += 1;
        }
        assert!(seconds.iter().all(|n| (60..=74).contains(n)), "{seconds:?}");
    }

    #[test]
    fn a_good_target_is_asked_once_an_interval() {
        let (starts, _) = play(10, PACE, 150_000, |_| (20, true));
        for s in &starts {
            assert!(s[1..].windows(2).all(|w| w[1] - w[0] == 15_000), "{s:?}");
            assert!((9..=11).contains(&s.len()));
        }
    }

    #[test]
    fn thousands_of_hanging_targets_do_not_make_the_living_late() {
        for count in [2000, 12_500, 25_056] {
            let pace = Pace { interval_ms: 5000, slots: slots(count, 64), seed: 7 };
            let hangs = |i: usize| i % 5 == 2;
            let (starts, most) =
                play(count, pace, 90_000, |i| if hangs(i) { (5000, false) } else { (20, true) });
            for (i, s) in starts.iter().enumerate().filter(|(i, _)| !hangs(*i)) {
                assert!(s[0] < 4000, "target {i} of {count} first asked at {}", s[0]);
                let longest = s.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(u64::MAX);
                assert!(longest <= 7000, "target {i} of {count}: {longest} ms");
                assert!(
                    s.iter().skip(2).all(|t| t % 5000 == s[2] % 5000),
                    "target {i} keeps its phase: {s:?}"
                );
            }
            assert!(most <= pace.slots * (1 + SLOW_PER_SLOT));
        }
    }

    #[test]
    fn whoever_is_late_or_slow_keeps_its_phase() {
        let (starts, _) = play(10, Pace { interval_ms: 5000, ..PACE }, 120_000, |_| (3500, true));
        for (i, s) in starts.iter().enumerate() {
            let phase = 500 * i as u64;
            assert!(s[1..].iter().all(|t| t % 5000 == phase), "{i}: {s:?}");
            assert!(s[1..].windows(2).all(|w| w[1] - w[0] == 5000), "{i}: {s:?}");
        }
    }

    #[test]
    fn waits_grow_to_the_ceiling_and_differ_between_targets() {
        let (starts, _) = play(20, PACE, 3_000_000, |_| (1, false));
        for s in &starts {
            let waits: Vec<_> = s.windows(2).map(|w| w[1] - w[0]).collect();
            assert!(waits[0] < 20_000 && waits[3] > 80_000, "{waits:?}");
            assert!(waits.iter().all(|w| *w <= CEILING_MS + CEILING_MS / JITTER + 1));
        }
        let third: std::collections::HashSet<_> = starts.iter().map(|s| s[3]).collect();
        assert!(third.len() > 10, "retries must not come in step");
    }

    #[test]
    fn one_answer_ends_the_penalty() {
        let mut schedule = Schedule::new(1, PACE, 0);
        let mut now = 0;
        for ok in [false, false, false, false, false, true] {
            while schedule.next(now).is_none() {
                now = schedule.wake(now).expect("it is tried again");
            }
            assert_eq!(schedule.failures(0) == 0, now == 0);
            schedule.finished(0, now, ok);
        }
        assert_eq!(schedule.failures(0), 0);
        assert!(schedule.wake(now).expect("it is asked again") <= now + 23_000);
    }

    #[test]
    fn ending_twice_counts_once() {
        let mut schedule = Schedule::new(2, PACE, 0);
        assert_eq!(schedule.next(0), Some(0));
        schedule.finished(0, 5, true);
        schedule.finished(0, 6, true);
        assert_eq!(schedule.in_flight(), 0);
        assert_eq!(schedule.next(6), Some(1));
        assert_eq!(schedule.next(6), None);
    }

    proptest! {
        #[test]
        fn slots_are_never_exceeded_and_nobody_is_forgotten(
            kinds in proptest::collection::vec((1..9000_u64, any::<bool>()), 1..60), slots in 1..8_usize
        ) {
            let pace = Pace { slots, interval_ms: 5000, seed: 3 };
            let (starts, most) = play(kinds.len(), pace, 900_000, |i| kinds[i]);
            prop_assert!(most <= slots * (1 + SLOW_PER_SLOT));
            prop_assert!(starts.iter().all(|s| s.len() >= 2));
        }
    }
}
