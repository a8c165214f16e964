//! The list: which alarms or steps of history it shows, its cursor, its rows on the screen.

use std::collections::BTreeSet;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Asset;
use crate::model::alarm::{Alarm, AlarmBoard, AlarmId, AlarmState, Transition};
use crate::ui::action::Action;
use crate::ui::alarms::filter::Filter;
use crate::ui::alarms::rows::Rows;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::view::alarms::{Tab, history};
use crate::ui::widget::frame::Frame;
use crate::ui::widget::table::scroll;

/// From this width on the list has a frame.
const FRAMED: u16 = 100;

/// See the module.
#[derive(Debug, Default)]
pub struct List {
    tab: Tab,
    filter: Filter,
    alarms: Arc<[Arc<Alarm>]>,
    events: Arc<[Arc<Transition>]>,
    /// Places in `alarms`, or in `events` on the tab of history.
    rows: Vec<u32>,
    /// The alarm that the cursor follows.
    chosen: Option<AlarmId>,
    at: usize,
    first: usize,
    area: Rect,
}

impl List {
    /// True when the board has other alarms than those listed.
    pub fn is_new(&self, board: &AlarmBoard) -> bool {
        !Arc::ptr_eq(&self.alarms, &board.alarms) || !Arc::ptr_eq(&self.events, &board.events)
    }

    /// Takes in the board. The rows are made anew only when board, tab or filter changed.
    pub fn fill(&mut self, cx: &Context<'_>, tab: Tab, filter: &Filter) {
        let board = &cx.snapshot.alarms;
        if self.is_new(board) || self.tab != tab || self.filter != *filter {
            if self.tab != tab && (tab == Tab::History || self.tab == Tab::History) {
                (self.at, self.first) = (0, 0);
            }
            (self.tab, self.filter) = (tab, filter.clone());
            self.alarms = Arc::clone(&board.alarms);
            self.events = Arc::clone(&board.events);
            self.filter_rows(cx);
        }
    }

    /// Finds the alarm that the cursor follows, and keeps it in sight.
    pub fn update(&mut self, area: Rect) {
        self.area = area;
        if self.tab != Tab::History {
            let followed = self.chosen.and_then(|id| self.position(id));
            self.at = followed.unwrap_or(self.at);
        }
        self.at = self.at.min(self.rows.len().saturating_sub(1));
        if let Some(id) = self.alarm().map(|a| a.id).filter(|_| self.tab != Tab::History) {
            self.chosen = Some(id);
        }
        self.first = scroll(self.at, self.rows.len(), self.page(), self.first);
    }

    fn filter_rows(&mut self, cx: &Context<'_>) {
        let now = cx.then.now;
        let (tab, filter) = (self.tab, &self.filter);
        let listed = |state: AlarmState| match tab {
            // A filter that names a state looks at all of them.
            Tab::Active => state.is_annunciated() || filter.names_state(),
            Tab::Waiting => state.is_unacknowledged(),
            Tab::Shelved => state == AlarmState::Shelved,
            Tab::Suppressed => state == AlarmState::Suppressed,
            Tab::OutOfService => state == AlarmState::OutOfService,
            Tab::History | Tab::Kpi => false,
        };
        self.rows.clear();
        if tab == Tab::History {
            let passing = self.events.iter().enumerate().filter(|(_, e)| filter.transition(e, now));
            self.rows.extend(passing.map(|(i, _)| i as u32));
        } else {
            let passing = self.alarms.iter().enumerate();
            let passing = passing.filter(|(_, a)| listed(a.state) && filter.alarm(a, now));
            self.rows.extend(passing.map(|(i, _)| i as u32));
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of the cursor.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The alarm in a row.
    fn in_row(&self, row: usize) -> Option<&Arc<Alarm>> {
        let at = *self.rows.get(row)? as usize;
        if self.tab != Tab::History {
            return self.alarms.get(at);
        }
        let id = self.events.get(at)?.alarm;
        self.alarms.iter().find(|a| a.id == id)
    }

    /// The alarm under the cursor; in history the one that the step is about, while it stands.
    pub fn alarm(&self) -> Option<&Arc<Alarm>> {
        self.in_row(self.at)
    }

    /// The alarms that are listed; none on the tab of history.
    pub fn alarms(&self) -> impl Iterator<Item = &Arc<Alarm>> {
        let rows = if self.tab == Tab::History { &[][..] } else { &self.rows };
        rows.iter().filter_map(|i| self.alarms.get(*i as usize))
    }

    /// The row of an alarm.
    pub fn position(&self, id: AlarmId) -> Option<usize> {
        self.alarms().position(|a| a.id == id)
    }

    /// The place of what is under the cursor.
    pub fn place(&self, cx: &Context<'_>) -> Option<Asset> {
        if let Some(alarm) = self.alarm() {
            return alarm.asset;
        }
        let event = self.events.get(*self.rows.get(self.at)? as usize)?;
        cx.topology().find(&event.place).ok()
    }

    /// Moves the cursor to a row.
    pub fn go(&mut self, row: usize) {
        self.at = row.min(self.rows.len().saturating_sub(1));
        self.chosen = self.alarm().map(|a| a.id);
    }

    /// The cursor follows this alarm from now on.
    pub fn choose(&mut self, id: AlarmId) {
        self.chosen = Some(id);
    }

    /// Goes to the next (or previous) alarm that waits for an acknowledgement, round and round;
    /// false when none does.
    pub fn waiting(&mut self, forward: bool) -> bool {
        let n = self.rows.len();
        let row = |k: usize| if forward { (self.at + k) % n } else { (self.at + n - k % n) % n };
        let waits = |r: &usize| {
            self.tab != Tab::History && self.in_row(*r).is_some_and(|a| a.state.is_unacknowledged())
        };
        let found = (1..=n).map(row).find(waits);
        found.map(|r| self.go(r)).is_some()
    }

    /// Moves the cursor; false when the action is no move.
    pub fn step(&mut self, action: Action) -> bool {
        let Some(to) = action.walk(self.at, self.page()) else { return false };
        self.go(to);
        true
    }

    /// The row at a cell of the screen.
    pub fn row_at(&self, at: (u16, u16)) -> Option<usize> {
        let row = at.1.checked_sub(self.inner().y + 1).filter(|_| self.inner().contains(at.into()))?;
        Some(self.first + usize::from(row)).filter(|r| *r < self.rows.len())
    }

    fn framed(&self) -> bool {
        self.area.width >= FRAMED && self.area.height > 2
    }

    fn inner(&self) -> Rect {
        let edge = u16::from(self.framed());
        let (width, height) = (self.area.width - 2 * edge, self.area.height - 2 * edge);
        Rect { x: self.area.x + edge, y: self.area.y + edge, width, height }
    }

    /// Rows in sight, without the headings.
    fn page(&self) -> usize {
        usize::from(self.inner().height).saturating_sub(1).max(1)
    }

    /// Draws the list.
    pub fn render(&self, cx: &Context<'_>, marks: &BTreeSet<AlarmId>, buf: &mut Buffer) {
        if self.area.is_empty() {
            return;
        }
        if self.framed() {
            let last = (self.first + self.page()).min(self.rows.len());
            let all = text::integer(self.rows.len() as u64);
            let note = format!("{}-{last} of {all}", self.first + 1);
            Frame { title: "", note: &note, focused: false }.render(cx.brush, self.area, buf);
        }
        if self.tab == Tab::History {
            let event = |row: usize| self.rows.get(row).and_then(|i| self.events.get(*i as usize));
            let shown = (self.rows.len(), self.at, self.first);
            return history::render(cx, shown, &|row| event(row).map(Arc::as_ref), self.inner(), buf);
        }
        Rows {
            len: self.rows.len(),
            alarm: &|row| self.in_row(row).map(Arc::as_ref),
            marked: Some(&|alarm| marks.contains(&alarm.id)),
            selected: Some(self.at),
            offset: self.first,
            headings: true,
        }
        .render(cx, self.inner(), buf);
    }
}
