//! When to draw: at most one frame per interval, and none before the terminal has shown the last.
//! A frame may end with a status request (the fence); until its answer comes, drawing more would
//! only fill the buffers of a slow link and make every later frame older. Times are counted from
//! the start of the session, so nothing here reads a clock.

use std::collections::VecDeque;
use std::time::Duration;

/// The shortest time between two frames of data.
pub const MIN_INTERVAL: Duration = Duration::from_millis(16);
/// The shortest time between two frames when the user did something: faster than keys repeat.
pub const INPUT_INTERVAL: Duration = Duration::from_millis(4);
/// How long the first fences may stay unanswered: many terminals never answer.
pub const FIRST_PATIENCE: Duration = Duration::from_millis(150);
/// The shortest and the longest wait for a terminal that has answered before.
pub const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// So many unanswered fences in a row, and no more are sent until a late answer comes.
const GIVE_UP: u32 = 3;
/// Frames may overtake the answer while no more than this is under way, in bytes: a moved cursor
/// on a distant link need not wait for the round trip.
pub const WINDOW: usize = 4096;
/// The most frames under way at once.
const MAX_UNDER_WAY: usize = 8;

/// What the session should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Draw now.
    Draw,
    /// Ask again at this time, or earlier if something happens.
    At(Duration),
    /// Nothing is to be drawn, or something else must happen first.
    Idle,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    since: Duration,
    bytes: usize,
}

/// The pacer of one session.
#[derive(Clone, Debug)]
pub struct Pacer {
    min_interval: Duration,
    dirty: bool,
    /// What changed is an answer to the user.
    urgent: bool,
    writing: bool,
    last: Option<Duration>,
    under_way: VecDeque<UnderWay>,
    fence: Fence,
}

/// What is known about the answers of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fence {
    /// Not to be used.
    Off,
    /// Sent, so often without an answer.
    Unknown(u32),
    /// Answers: the slowest of late took so long (it decays), and so many in a row stayed out.
    Answers { slowest: Duration, missed: u32 },
}

impl Pacer {
    /// A pacer that wants its first frame at once; `fence`: the terminal may be asked.
    #[must_use]
    pub fn new(fence: bool) -> Self {
        Self {
            min_interval: MIN_INTERVAL,
            dirty: true,
            urgent: false,
            writing: false,
            last: None,
            under_way: VecDeque::with_capacity(MAX_UNDER_WAY),
            fence: if fence { Fence::Unknown(0) } else { Fence::Off },
        }
    }

    /// The same with another shortest time between two frames.
    #[must_use]
    pub fn with_interval(self, min_interval: Duration) -> Self {
        Self { min_interval, ..self }
    }

    /// Something changed; any number of changes make one frame.
    pub fn mark(&mut self) {
        self.dirty = true;
    }

    /// Something changed because of the user, who waits for it.
    pub fn urge(&mut self) {
        (self.dirty, self.urgent) = (true, true);
    }

    /// True when the next frame should end with the status request.
    #[must_use]
    pub fn wants_fence(&self) -> bool {
        match self.fence {
            Fence::Off => false,
            Fence::Unknown(unanswered) => unanswered < GIVE_UP,
            Fence::Answers { .. } => true,
        }
    }

    /// True while an answer of the terminal is expected.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// True while a frame is being written.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.writing
    }

    /// What to do at `now`.
    #[must_use]
    pub fn next(&mut self, now: Duration) -> Next {
        self.give_up_late_answers(now);
        if !self.dirty || self.writing {
            return Next::Idle;
        }
        if let Some(first) = self.blocked() {
            return Next::At(first.since + self.patience());
        }
        let interval = if self.urgent { self.min_interval.min(INPUT_INTERVAL) } else { self.min_interval };
        match self.last.map(|last| last + interval) {
            Some(due) if due > now => Next::At(due),
            _ => Next::Draw,
        }
    }

    /// A frame of `bytes` was drawn at `now` and is being written; it ended with the fence or not.
    /// A frame without any bytes is none: it only clears the wish to draw.
    pub fn drawn(&mut self, now: Duration, bytes: usize, fenced: bool) {
        (self.dirty, self.urgent) = (false, false);
        if bytes == 0 {
            return;
        }
        self.last = Some(now);
        self.writing = true;
        if fenced {
            self.under_way.push_back(UnderWay { since: now, bytes });
        }
    }

    /// `bytes` that are no frame (a title, a bell) were sent at `now` and are being written.
    pub fn sent(&mut self, now: Duration, bytes: usize, fenced: bool) {
        let (dirty, urgent, last) = (self.dirty, self.urgent, self.last);
        self.drawn(now, bytes, fenced);
        (self.dirty, self.urgent, self.last) = (dirty, urgent, last);
    }

    /// How long to wait for what is under way before the terminal is left.
    #[must_use]
    pub fn settle_time(&self) -> Duration {
        match self.fence {
            Fence::Answers { slowest, .. } => (slowest * 4).clamp(FIRST_PATIENCE, PATIENCE.0),
            _ => FIRST_PATIENCE,
        }
    }

    /// The frame has been written.
    pub fn written(&mut self) {
        self.writing = false;
    }

    /// The terminal answered at `now`: the oldest frame under way has been shown.
    pub fn answered(&mut self, now: Duration) {
        let took = self.under_way.pop_front().map(|frame| now.saturating_sub(frame.since));
        let slowest = match (self.fence, took) {
            (Fence::Off, _) => return,
            // An answer that was given up: the terminal is there, and slower than was thought.
            (Fence::Unknown(_), took) => took.unwrap_or(FIRST_PATIENCE),
            (Fence::Answers { slowest, .. }, took) => took.unwrap_or_default().max(slowest - slowest / 8),
        };
        self.fence = Fence::Answers { slowest, missed: 0 };
    }

    /// The terminal was left or another one took its place: no answer is to be expected.
    pub fn forget(&mut self) {
        self.under_way.clear();
        self.last = None;
        self.dirty = true;
    }

    /// The oldest frame under way, if it keeps the next one waiting.
    fn blocked(&self) -> Option<UnderWay> {
        let bytes: usize = self.under_way.iter().map(|frame| frame.bytes).sum();
        self.under_way.front().copied().filter(|_| bytes > WINDOW || self.under_way.len() >= MAX_UNDER_WAY)
    }

    fn patience(&self) -> Duration {
        match self.fence {
            Fence::Answers { slowest, .. } => (slowest * 4).clamp(PATIENCE.0, PATIENCE.1),
            _ => FIRST_PATIENCE,
        }
    }

    fn give_up_late_answers(&mut self, now: Duration) {
        let patience = self.patience();
        let late = |frame: &UnderWay| now >= frame.since + patience;
        while self.under_way.front().is_some_and(late) {
            self.under_way.pop_front();
            self.fence = match self.fence {
                Fence::Off => Fence::Off,
                Fence::Unknown(unanswered) => Fence::Unknown(unanswered.saturating_add(1)),
                Fence::Answers { missed, .. } if missed + 1 >= GIVE_UP => Fence::Unknown(GIVE_UP),
                Fence::Answers { slowest, missed } => Fence::Answers {
                    slowest: (slowest * 2).clamp(PATIENCE.0 / 4, PATIENCE.1),
                    missed: missed + 1,
                },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    /// A pacer that has drawn and written a frame of `bytes` at 0.
    fn after_a_frame(bytes: usize) -> Pacer {
        let mut pacer = Pacer::new(true);
        assert_eq!(pacer.next(ms(0)), Next::Draw);
        pacer.drawn(ms(0), bytes, true);
        pacer.written();
        pacer
    }

    #[test]
    fn the_first_frame_is_drawn_at_once_and_then_nothing() {
        let mut pacer = after_a_frame(100);
        assert_eq!(pacer.next(ms(1)), Next::Idle);
    }

    #[test]
    fn many_changes_make_one_frame_after_the_interval() {
        let mut pacer = after_a_frame(100);
        for _ in 0..1000 {
            pacer.mark();
        }
        assert_eq!(pacer.next(ms(1)), Next::At(MIN_INTERVAL));
        assert_eq!(pacer.next(MIN_INTERVAL), Next::Draw);
        pacer.drawn(MIN_INTERVAL, 10, true);
        pacer.written();
        assert_eq!(pacer.next(ms(100)), Next::Idle);
    }

    #[test]
    fn the_user_does_not_wait_for_the_interval_of_data() {
        let mut pacer = after_a_frame(100);
        pacer.mark();
        pacer.urge();
        assert_eq!(pacer.next(ms(1)), Next::At(INPUT_INTERVAL));
        assert_eq!(pacer.next(INPUT_INTERVAL), Next::Draw);
        pacer.drawn(INPUT_INTERVAL, 100, true);
        pacer.written();
        pacer.mark();
        assert_eq!(pacer.next(INPUT_INTERVAL), Next::At(INPUT_INTERVAL + MIN_INTERVAL), "data does");
    }

    #[test]
    fn a_title_between_two_frames_does_not_count_as_one() {
        let mut pacer = after_a_frame(100);
        pacer.mark();
        pacer.sent(ms(1), 20, false);
        assert_eq!(pacer.next(ms(1)), Next::Idle, "it is being written");
        pacer.written();
        assert_eq!(pacer.next(ms(1)), Next::At(MIN_INTERVAL));
    }

    #[test]
    fn nothing_is_drawn_while_a_frame_is_being_written() {
        let mut pacer = Pacer::new(false);
        pacer.drawn(ms(0), 50_000, false);
        pacer.mark();
        assert_eq!(pacer.next(ms(5000)), Next::Idle);
        pacer.written();
        assert_eq!(pacer.next(ms(5000)), Next::Draw);
    }

    #[test]
    fn a_large_frame_holds_the_next_one_back_until_it_is_shown() {
        let mut pacer = after_a_frame(50_000);
        pacer.mark();
        assert_eq!(pacer.next(ms(20)), Next::At(FIRST_PATIENCE));
        pacer.answered(ms(30));
        assert_eq!(pacer.next(ms(30)), Next::Draw);
    }

    #[test]
    fn small_frames_do_not_wait_for_the_round_trip() {
        let mut pacer = after_a_frame(200);
        pacer.mark();
        assert_eq!(pacer.next(ms(20)), Next::Draw);
        for step in 1..MAX_UNDER_WAY as u64 {
            pacer.drawn(ms(20 * step), 200, true);
            pacer.written();
        }
        pacer.mark();
        assert!(matches!(pacer.next(ms(148)), Next::At(_)), "but not without end");
    }

    #[test]
    fn a_terminal_that_never_answers_is_soon_left_alone() {
        let (mut pacer, mut now) = (Pacer::new(true), ms(0));
        for _ in 0..GIVE_UP {
            assert!(pacer.wants_fence());
            pacer.drawn(now, 50_000, true);
            pacer.written();
            pacer.mark();
            now += FIRST_PATIENCE;
            assert_eq!(pacer.next(now), Next::Draw, "it is drawn all the same");
        }
        assert!(!pacer.wants_fence());
    }

    #[test]
    fn a_late_answer_shows_that_the_link_is_slow_rather_than_dumb() {
        let (mut pacer, mut now) = (Pacer::new(true), ms(0));
        for _ in 0..GIVE_UP {
            pacer.drawn(now, 50_000, true);
            pacer.written();
            now += FIRST_PATIENCE;
            pacer.mark();
            assert_eq!(pacer.next(now), Next::Draw);
        }
        pacer.answered(now);
        assert!(pacer.wants_fence());
        pacer.drawn(now, 50_000, true);
        pacer.written();
        pacer.mark();
        assert_eq!(pacer.next(now + ms(200)), Next::At(now + PATIENCE.0), "and is now given time");
    }

    #[test]
    fn patience_grows_with_the_slowness_of_the_link() {
        let mut pacer = after_a_frame(50_000);
        pacer.answered(ms(100));
        let mut now = ms(100);
        for _ in 0..3 {
            pacer.drawn(now, 50_000, true);
            pacer.written();
            now += ms(900);
            pacer.answered(now);
        }
        pacer.drawn(now, 50_000, true);
        pacer.written();
        pacer.mark();
        assert_eq!(pacer.next(now + ms(100)), Next::At(now + ms(3600)));
        assert_eq!(pacer.next(now + ms(3600)), Next::Draw, "a lost answer costs time, not the picture");
    }

    #[test]
    fn a_terminal_that_stops_answering_does_not_slow_the_picture_for_ever() {
        let mut pacer = after_a_frame(50_000);
        pacer.answered(ms(5));
        let mut now = ms(5);
        for _ in 0..GIVE_UP {
            pacer.drawn(now, 50_000, true);
            pacer.written();
            pacer.mark();
            now += PATIENCE.1;
            assert_eq!(pacer.next(now), Next::Draw);
        }
        assert!(!pacer.wants_fence());
    }

    #[test]
    fn a_frame_without_bytes_is_not_waited_for() {
        let mut pacer = Pacer::new(true);
        pacer.drawn(ms(0), 0, true);
        assert!(!pacer.is_writing() && !pacer.awaits_answer());
        assert_eq!(pacer.next(ms(0)), Next::Idle);
    }

    #[test]
    fn a_terminal_that_was_left_owes_no_answer() {
        let mut pacer = after_a_frame(50_000);
        pacer.forget();
        assert_eq!(pacer.next(ms(1)), Next::Draw);
    }
}
