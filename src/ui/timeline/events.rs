//! What happened, as the timeline and the keys that go from event to event know it: from the
//! chronicle where there is a recorder, else from the newest transitions of the alarms.

use std::sync::Arc;

use crate::model::Timestamp;
use crate::model::alarm::{Alarm, AlarmBoard, Input, Transition};
use crate::model::chronicle::{Chronicle, Happening, HappeningKind};
use crate::ui::context::Context;
use crate::ui::glyph::Glyphs;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Events {
    all: Arc<[Happening]>,
    /// Alarms that stood before the first of them.
    before: u32,
    of: Option<Of>,
}

/// What it was made from: nothing is made anew while that is the same.
#[derive(Clone, Debug)]
enum Of {
    Chronicle(Arc<[Happening]>, Arc<[Happening]>),
    Board(Arc<[Arc<Transition>]>, Arc<[Happening]>),
}

impl Events {
    /// Takes in what is new.
    pub fn update(&mut self, cx: &Context<'_>) {
        self.take(cx.then.chronicle, &cx.then.live.alarms, &cx.then.live.happenings);
    }

    /// Those of a chronicle, or else of a board.
    #[cfg(test)]
    pub(super) fn of(chronicle: &Chronicle, board: &AlarmBoard) -> Self {
        let mut events = Self::default();
        events.take(Some(chronicle), board, &Arc::default());
        events
    }

    /// `live`: what the engine itself noticed since it started, beside alarms.
    fn take(&mut self, chronicle: Option<&Chronicle>, board: &AlarmBoard, live: &Arc<[Happening]>) {
        let same = |a: &Arc<[Happening]>, b: &Arc<[Happening]>| Arc::ptr_eq(a, b) || a.len() + b.len() == 0;
        match (chronicle, &self.of) {
            (Some(c), Some(Of::Chronicle(of, more))) if Arc::ptr_eq(of, &c.events) && same(more, live) => {
                return;
            }
            (None, Some(Of::Board(of, more))) if Arc::ptr_eq(of, &board.events) && same(more, live) => return,
            (Some(c), _) => {
                self.all = joined(Arc::clone(&c.events), live);
                self.of = Some(Of::Chronicle(Arc::clone(&c.events), Arc::clone(live)));
            }
            (None, _) => {
                let all = board.events.iter().rev().filter_map(|t| happening(t)).collect();
                self.all = joined(all, live);
                self.of = Some(Of::Board(Arc::clone(&board.events), Arc::clone(live)));
            }
        }
        let first = self.all.first().map(|e| e.time);
        let stood = |a: &&Arc<Alarm>| a.state.is_annunciated() && first.is_none_or(|f| a.raised < f);
        self.before = board.alarms.iter().filter(stood).count() as u32;
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Happening] {
        &self.all
    }

    /// Alarms that stood before the first of them, as far as that is known.
    #[must_use]
    pub const fn before(&self) -> u32 {
        self.before
    }

    /// The next event after `time`, or the one before it; with `raised` of raised alarms alone.
    #[must_use]
    pub fn beside(&self, time: Timestamp, raised: bool, forward: bool) -> Option<&Happening> {
        let fits = |e: &&Happening| !raised || e.kind == HappeningKind::Raised;
        if forward {
            self.all[self.all.partition_point(|e| e.time <= time)..].iter().find(fits)
        } else {
            self.all[..self.all.partition_point(|e| e.time < time)].iter().rev().find(fits)
        }
    }

    /// Those from one moment to another.
    #[must_use]
    pub fn within(&self, from: Timestamp, to: Timestamp) -> &[Happening] {
        let first = self.all.partition_point(|e| e.time < from);
        let end = self.all.partition_point(|e| e.time <= to);
        &self.all[first..end.max(first)]
    }
}

/// Both by their times.
fn joined(all: Arc<[Happening]>, live: &Arc<[Happening]>) -> Arc<[Happening]> {
    if live.is_empty() {
        return all;
    }
    let mut both: Vec<_> = all.iter().chain(live.iter()).cloned().collect();
    both.sort_by_key(|e| e.time);
    both.into()
}

/// An event in words: `■1 rack-leak H1-R02-K2: rope WET`, `○ cleared rack-leak H1-R02-K2`.
#[must_use]
pub fn words(event: &Happening, glyphs: &Glyphs) -> String {
    let text = crate::model::text::clean(&event.text);
    match event.kind {
        HappeningKind::Raised => {
            format!("{}{} {text}", glyphs.alarm(event.priority), event.priority.clamp(1, 4))
        }
        HappeningKind::Cleared if text.contains("cleared") => format!("{} {text}", glyphs.time.cleared),
        HappeningKind::Cleared => format!("{} cleared {text}", glyphs.time.cleared),
        HappeningKind::Operator => format!("{} {text}", glyphs.time.operator),
        HappeningKind::Source => format!("{} {text}", glyphs.time.source),
        HappeningKind::Topology => format!("{} {text}", glyphs.time.topology),
        HappeningKind::Job => format!("{} {text}", glyphs.time.source),
    }
}

/// A transition of an alarm as an event; `None` for what nobody is told.
fn happening(t: &Transition) -> Option<Happening> {
    let kind = match t.input {
        Input::Raise | Input::ReAnnunciate if t.to.is_annunciated() => HappeningKind::Raised,
        Input::Clear => HappeningKind::Cleared,
        _ if t.operation != 0 => HappeningKind::Operator,
        _ => return None,
    };
    let text = match kind {
        HappeningKind::Raised => format!("{} {} {}", t.rule, t.place, t.text),
        _ => format!("{} {} {}", t.input.name(), t.rule, t.place),
    };
    let text = text.trim_end().into();
    Some(Happening { time: t.time, kind, priority: t.priority, alarm: t.alarm, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::{AlarmId, AlarmState};

    fn transition(second: i64, input: Input, to: AlarmState, operation: u64) -> Arc<Transition> {
        Arc::new(Transition {
            time: Timestamp::from_secs(second),
            alarm: AlarmId(7),
            rule: "leak".into(),
            place: "H3-R17".into(),
            input,
            from: AlarmState::Normal,
            to,
            priority: 1,
            operation,
            text: "3.1 LPM".into(),
        })
    }

    fn events() -> Events {
        let newest_first = [
            transition(40, Input::Clear, AlarmState::Normal, 0),
            transition(30, Input::Suppress, AlarmState::Suppressed, 0),
            transition(20, Input::Acknowledge, AlarmState::Acknowledged, 3),
            transition(15, Input::Raise, AlarmState::Shelved, 0),
            transition(10, Input::Raise, AlarmState::Unacknowledged, 0),
        ];
        let board = AlarmBoard { events: Arc::from(newest_first), ..AlarmBoard::default() };
        let mut events = Events::default();
        events.take(None, &board, &Arc::default());
        events
    }

    #[test]
    fn transitions_become_events_and_what_nobody_was_told_is_none() {
        let events = events();
        let found: Vec<(i64, HappeningKind)> = events.all().iter().map(|e| (e.time.secs(), e.kind)).collect();
        let want = [(10, HappeningKind::Raised), (20, HappeningKind::Operator), (40, HappeningKind::Cleared)];
        assert_eq!(found, want);
        let said: Vec<String> = events.all().iter().map(|e| words(e, &Glyphs::UNICODE)).collect();
        let want = ["■1 leak H3-R17 3.1 LPM", "✎ acknowledged leak H3-R17", "○ cleared leak H3-R17"];
        assert_eq!(said, want);
    }

    #[test]
    fn the_event_beside_a_moment_is_never_that_moment() {
        let events = events();
        let at = |s, raised, forward| {
            events.beside(Timestamp::from_secs(s), raised, forward).map(|e| e.time.secs())
        };
        assert_eq!((at(10, false, true), at(20, false, false)), (Some(20), Some(10)));
        assert_eq!((at(40, false, true), at(40, true, false)), (None, Some(10)));
        assert_eq!((at(5, true, true), at(10, true, false)), (Some(10), None));
        let within = |a, b| events.within(Timestamp::from_secs(a), Timestamp::from_secs(b)).len();
        assert_eq!((within(10, 20), within(11, 19), within(0, 99), within(30, 5)), (2, 0, 3, 0));
    }

    #[test]
    fn the_chronicle_goes_before_the_board() {
        let mut events = events();
        let chronicle = Chronicle::default();
        events.take(Some(&chronicle), &AlarmBoard::default(), &Arc::default());
        assert!(events.all().is_empty());
    }
}
