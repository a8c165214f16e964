//! The timeline: a panel under any view with the past in a line. Alarms that stood, the metric, power,
//! temperature, what happened, where the operator is, and where frames are missing.
//!
//! ```text
//! ── 02:40–03:30  frame ~1 926/3 000  ×8  loop 15:00 ──────
//! alarm              ▂▂▂▂▂▃▄▅▆▇▇████▇▇▇▇▇
//! util    ████████████████▇▇▇▇▇▆▆▆▆▆▆▆▆▆▆
//! event          ▲     ▼  ■○  ✎      ○ ⚑
//!         ━━━━━━━╳╳━━━━━━━━━━●───────────
//!         02:40     03:00      03:20
//! ```

pub mod events;
pub mod lanes;

mod axis;
mod draw;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Timestamp;
use crate::ui::action::ViewKind;
use crate::ui::context::{Context, Moment};

use events::Events;
use lanes::Lanes;

/// The windows that can be chosen, ms.
const WINDOWS: [i64; 9] =
    [60_000, 300_000, 900_000, 3_600_000, 10_800_000, 43_200_000, 86_400_000, 604_800_000, 2_592_000_000];
/// The longest window that is chosen without being asked for.
const LONGEST_OWN: usize = 3;

/// One line of the panel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Row {
    Alarms,
    Metric,
    Power,
    Temperature,
    Events,
    Line,
    Axis,
    Loop,
    Status,
    Keys,
}

/// The lines of a panel of this height, which has a rule or a frame around it.
fn rows(height: u16) -> &'static [Row] {
    use Row::{Alarms, Axis, Events, Keys, Line, Loop, Metric, Power, Status, Temperature};
    match height {
        12.. => &[Alarms, Metric, Power, Temperature, Events, Line, Axis, Loop, Status, Keys],
        9..=11 => &[Alarms, Metric, Power, Temperature, Events, Line, Axis, Loop],
        7 | 8 => &[Alarms, Metric, Temperature, Events, Line, Axis],
        _ => &[Alarms, Events, Line],
    }
}

/// A window of time, drawn over so many columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// Its start.
    pub from: Timestamp,
    /// Its length, ms.
    pub ms: i64,
    /// Columns.
    pub columns: usize,
}

impl Window {
    /// Its end.
    #[must_use]
    pub const fn to(&self) -> Timestamp {
        self.from.plus_millis(self.ms)
    }

    /// The column of a moment; `None` where it lies outside.
    #[must_use]
    pub fn column(&self, time: Timestamp) -> Option<usize> {
        let off = time.since(self.from);
        let inside = (0..=self.ms).contains(&off) && self.columns > 0 && self.ms > 0;
        let at = i128::from(off) * self.columns as i128 / i128::from(self.ms.max(1));
        inside.then(|| (at as usize).min(self.columns - 1))
    }

    /// The moment at the left edge of a column.
    #[must_use]
    pub fn time(&self, column: usize) -> Timestamp {
        let off = i128::from(self.ms) * column as i128 / (self.columns.max(1) as i128);
        self.from.plus_millis(off as i64)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Timeline {
    open: bool,
    /// The window that was chosen; `None` for the one that fits.
    zoom: Option<usize>,
    window: Window,
    /// Where the columns are drawn.
    field: Rect,
    lanes: Lanes,
    events: Events,
}

impl Timeline {
    /// True when it is shown.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Shows or hides it.
    pub const fn set_open(&mut self, open: bool) {
        self.open = open;
    }

    /// Lines that it takes of a screen.
    #[must_use]
    pub fn height(&self, screen: Rect) -> u16 {
        match (self.open, screen.width, screen.height) {
            (false, ..) => 0,
            (_, 120.., 50..) => 12,
            (_, _, 34..) => 9,
            (_, _, 20..) => 7,
            (_, _, 12..) => 4,
            _ => 0,
        }
    }

    /// A longer window, or a shorter one; false when there is none.
    pub fn zoom(&mut self, nearer: bool) -> bool {
        let at = self.zoom.unwrap_or_else(|| nearest(self.window.ms));
        let to = if nearer { at.checked_sub(1) } else { Some(at + 1).filter(|z| *z < WINDOWS.len()) };
        if let Some(to) = to {
            self.zoom = Some(to);
        }
        to.is_some()
    }

    /// The window that fits, again.
    pub const fn fit(&mut self) {
        self.zoom = None;
    }

    /// What happened, oldest first.
    #[must_use]
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// Brings the panel up to date; `area` is what it will draw into.
    pub fn update(&mut self, cx: &Context<'_>, (area, view): (Rect, ViewKind)) {
        self.events.update(cx);
        if !self.open || area.is_empty() {
            self.field = Rect::ZERO;
            return;
        }
        self.field = draw::field(area);
        self.window = self.windowed(cx);
        self.lanes.update(cx, view, self.window, &self.events);
    }

    /// The window: it stays where it is as long as the position is in it.
    fn windowed(&self, cx: &Context<'_>) -> Window {
        let position = cx.then.position;
        let (first, last) = cx.then.reach.unwrap_or((position, position));
        let span = last.since(first);
        let own = WINDOWS.iter().position(|w| *w >= span).unwrap_or(LONGEST_OWN).min(LONGEST_OWN);
        let ms = match self.zoom {
            Some(zoom) => WINDOWS[zoom],
            // A short recording is shown from its first frame to its last one.
            None if cx.then.replay.is_some() && span <= WINDOWS[LONGEST_OWN] => span.max(WINDOWS[0]),
            None => WINDOWS[own],
        };
        let latest = last.plus_millis(-ms);
        let follows = cx.then.replay.is_none() && cx.choice.moment == Moment::Live;
        let kept = self.window.from;
        let inside = self.window.ms == ms && position >= kept && position <= kept.plus_millis(ms);
        let from = if follows {
            last.plus_millis(-ms)
        } else if inside {
            kept
        } else {
            let earliest = if cx.then.replay.is_some() { first } else { first.min(latest) };
            position.plus_millis(-ms / 2).clamp(earliest, latest.max(earliest))
        };
        Window { from, ms, columns: usize::from(self.field.width) }
    }

    /// The moment at a cell of the screen, where the panel shows one.
    #[must_use]
    pub fn time_at(&self, (x, y): (u16, u16)) -> Option<Timestamp> {
        self.field.contains((x, y).into()).then(|| {
            // The middle of the cell is what was meant, but the right edge is the end.
            let column = usize::from(x - self.field.x);
            if column + 1 == self.window.columns { self.window.to() } else { self.window.time(column) }
        })
    }

    /// Draws the panel.
    pub fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        draw::Panel { cx, window: self.window, lanes: &self.lanes, events: &self.events }.render(area, buf);
    }
}

/// The window nearest to `ms`.
fn nearest(ms: i64) -> usize {
    WINDOWS.iter().position(|w| *w >= ms).unwrap_or(WINDOWS.len() - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_outside_have_no_column() {
        let w = Window { from: Timestamp::from_secs(100), ms: 60_000, columns: 30 };
        let column = |s| w.column(Timestamp::from_secs(s));
        assert_eq!(
            (column(99), column(100), column(130), column(160), column(161)),
            (None, Some(0), Some(15), Some(29), None)
        );
        assert_eq!(Window::default().column(Timestamp(0)), None);
    }

    #[test]
    fn every_height_has_the_line_and_what_happened() {
        for height in 4..20 {
            let rows = rows(height);
            assert!(rows.len() < usize::from(height));
            assert!(rows.contains(&Row::Line) && rows.contains(&Row::Events));
        }
    }

    proptest! {
        #[test]
        fn the_time_of_a_column_lies_in_it(from in 0i64..2_000_000_000_000, zoom in 0usize..9, columns in 1usize..250) {
            let w = Window { from: Timestamp(from), ms: WINDOWS[zoom], columns };
            for column in 0..columns {
                let found = w.column(w.time(column)).expect("it lies inside");
                prop_assert!(found == column || found + 1 == column, "{column} {found}");
            }
        }
    }
}
