//! The alarm view: what stands, what was put aside, what happened, and how the alarm system does.
//!
//! ```text
//!  active 50  unack 4  shelved 3  suppressed 2  out of service 1  history  KPI
//!  ┌ PRIO STATE SINCE WHERE WHAT VALUE AGE ┐   the list: unacknowledged, priority, time;
//!  ├ DETAIL ─────────────────┬ KPI ────────┤   the selected one: limit, members, history, action
//! ```
//! The list holds places in the board and nothing else, so that ten thousand alarms cost no more to
//! draw than the rows in sight. The cursor and the marks follow their alarms.

mod detail;
mod history;
pub mod kpi;
mod list;

use std::collections::BTreeSet;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Asset;
use crate::model::alarm::{Alarm, AlarmBoard, AlarmId};
use crate::ui::action::{Action, ViewKind};
use crate::ui::alarms::filter::Filter;
use crate::ui::alarms::is_live;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::{Outcome, View};

use detail::Trend;
use list::List;

/// What is listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tab {
    /// What the operator is told of.
    #[default]
    Active,
    /// What waits for an acknowledgement.
    Waiting,
    /// What an operator put aside.
    Shelved,
    /// What logic put aside.
    Suppressed,
    /// What is out of service.
    OutOfService,
    /// What happened.
    History,
    /// How the alarm system does.
    Kpi,
}

impl Tab {
    /// All tabs with their words on wide and narrow screens.
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Active, "active", "active"),
        (Self::Waiting, "unack", "unack"),
        (Self::Shelved, "shelved", "shelved"),
        (Self::Suppressed, "suppressed", "supr"),
        (Self::OutOfService, "out of service", "oos"),
        (Self::History, "history", "history"),
        (Self::Kpi, "KPI", "KPI"),
    ];

    /// The tab so many places further, round and round.
    const fn step(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()].0
    }

    /// True when it lists alarms.
    const fn lists_alarms(self) -> bool {
        !matches!(self, Self::History | Self::Kpi)
    }

    fn count(self, board: &AlarmBoard) -> Option<usize> {
        let counts = &board.counts;
        let n = match self {
            Self::Active => counts.active(),
            Self::Waiting => counts.waiting(),
            Self::Shelved => counts.shelved,
            Self::Suppressed => counts.suppressed,
            Self::OutOfService => counts.out_of_service,
            Self::History | Self::Kpi => return None,
        };
        Some(n as usize)
    }
}

/// State of the view.
#[derive(Debug, Default)]
pub struct AlarmsView {
    tab: Tab,
    filter: Filter,
    list: List,
    marks: BTreeSet<AlarmId>,
    /// Where a range of marks begins.
    anchor: Option<AlarmId>,
    /// True while the details have the whole screen.
    alone: bool,
    areas: Areas,
    trend: Trend,
}

/// Where things are; what has no room is empty.
#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    tabs: Rect,
    /// Filter and marks, while there are any.
    note: Rect,
    list: Rect,
    detail: Rect,
    kpi: Rect,
}

impl Areas {
    /// For a list of `rows`.
    fn new(area: Rect, rows: usize, noted: bool, alone: bool) -> Self {
        let (tabs, rest) = cut(area, 1);
        let (note, body) = cut(rest, u16::from(noted && area.height > 4));
        let out = Self { tabs, note, ..Self::default() };
        if alone {
            return Self { detail: body, ..out };
        }
        match (area.width, area.height) {
            (150.., 36..) => {
                let (list, lower) = cut(body, list_height(rows, body.height * 11 / 20));
                let width = lower.width * 13 / 20;
                let detail = Rect { width, ..lower };
                let kpi = Rect { x: lower.x + width, width: lower.width - width, ..lower };
                Self { list, detail, kpi, ..out }
            }
            (100.., 28..) => {
                let (list, detail) = cut(body, list_height(rows, body.height / 2));
                Self { list, detail, ..out }
            }
            (_, 16..) => {
                let (list, detail) = cut(body, body.height - 6);
                Self { list, detail, ..out }
            }
            _ => Self { list: body, ..out },
        }
    }
}

/// Lines of a framed list with headings: at most `most`, fewer when it is short.
fn list_height(rows: usize, most: u16) -> u16 {
    u16::try_from(rows + 3).map_or(most, |needed| needed.clamp(most.min(12), most))
}

/// The first `lines` of an area, and the rest.
fn cut(area: Rect, lines: u16) -> (Rect, Rect) {
    let lines = lines.min(area.height);
    let rest = Rect { y: area.y + lines, height: area.height - lines, ..area };
    (Rect { height: lines, ..area }, rest)
}

impl View for AlarmsView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let board = &cx.snapshot.alarms;
        if self.list.is_new(board) {
            self.forget_gone(board);
        }
        let alone = self.alone && self.tab != Tab::Kpi;
        self.list.fill(cx, self.tab, &self.filter);
        self.areas = Areas::new(area, self.list.len(), self.note(cx).is_some(), alone);
        self.list.update(self.areas.list);
        let subject = self.list.alarm().filter(|_| !self.areas.detail.is_empty());
        self.trend.update(cx, subject.map(Arc::as_ref));
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        match action {
            Action::NextTab | Action::Right => self.turn(1),
            Action::PreviousTab | Action::Left => self.turn(Tab::ALL.len() - 1),
            Action::Back | Action::Quit if self.leave() => {}
            Action::ZoomCycle => self.alone = !self.alone,
            Action::ZoomIn => self.alone = true,
            Action::ZoomOut => self.alone = false,
            Action::NextAlarm | Action::PreviousAlarm => {
                if !self.list.waiting(action == Action::NextAlarm) {
                    return Outcome::Refused("nothing listed here waits for an acknowledgement".into());
                }
            }
            Action::Mark | Action::MarkRange | Action::MarkAll => return self.mark(action),
            Action::Open => return self.open(cx),
            _ if self.list.step(action) => {}
            _ => return Outcome::Ignored,
        }
        Outcome::Done
    }

    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        let Some(row) = self.list.row_at(at) else { return Outcome::Ignored };
        // A second click on the same alarm opens its place.
        if self.list.at() == row {
            return self.open(cx);
        }
        self.list.go(row);
        Outcome::Done
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        self.tabs(cx, buf);
        if let Some(note) = self.note(cx) {
            let at = (self.areas.note.x + 1, self.areas.note.y);
            cx.brush.on(self.areas.note, buf).text(at, &note, cx.brush.style(Scope::TextStrong));
        }
        if self.tab == Tab::Kpi {
            let y = self.areas.list.y;
            let whole = Rect { y, height: area.bottom().saturating_sub(y), ..area };
            return kpi::render(cx, whole, buf);
        }
        if self.list.is_empty() && !self.areas.list.is_empty() {
            let at = (self.areas.list.x + 2, self.areas.list.y + 1);
            let style = cx.brush.style(Scope::TextDim);
            cx.brush.on(self.areas.list, buf).text(at, &self.nothing(cx), style);
        } else {
            self.list.render(cx, &self.marks, buf);
        }
        if !self.areas.detail.is_empty() {
            detail::render(cx, self.list.alarm().map(Arc::as_ref), &self.trend, self.areas.detail, buf);
        }
        if !self.areas.kpi.is_empty() {
            kpi::render(cx, self.areas.kpi, buf);
        }
    }

    fn subject(&self, _: &Context<'_>) -> Asset {
        self.list.alarm().and_then(|a| a.asset).unwrap_or_default()
    }

    fn copied(&self, _: &Context<'_>, values: bool) -> Option<String> {
        let a = self.list.alarm()?;
        let mut out = format!("{} {} {}", a.id, a.place, a.title);
        if values {
            out.push_str(&format!("\t{}\tP{}\t{}\t{}", a.raised, a.priority, a.state.name(), a.text));
        }
        Some(out)
    }

    fn hints(&self) -> &'static [Action] {
        if !self.tab.lists_alarms() {
            return &[Action::NextTab, Action::Open, Action::Filter, Action::Undo, Action::Back];
        }
        &[
            Action::Acknowledge,
            Action::Shelve,
            Action::Comment,
            Action::Mark,
            Action::Filter,
            Action::NextTab,
            Action::Open,
            Action::ZoomCycle,
            Action::NextAlarm,
            Action::Undo,
            Action::Back,
        ]
    }
}

impl AlarmsView {
    /// Lists only what passes the filter.
    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        if self.tab == Tab::Kpi {
            self.tab = Tab::Active;
        }
    }

    /// The filter.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Chooses an alarm, as when it was gone to on a map.
    pub fn choose(&mut self, id: AlarmId) {
        self.list.choose(id);
        if !self.tab.lists_alarms() {
            self.tab = Tab::Active;
        }
    }

    /// What an operation is about: the marked alarms, else the selected one.
    #[must_use]
    pub fn targets(&self, board: &AlarmBoard) -> Vec<Arc<Alarm>> {
        if self.marks.is_empty() {
            return self.list.alarm().cloned().into_iter().collect();
        }
        board.alarms.iter().filter(|a| self.marks.contains(&a.id)).cloned().collect()
    }

    /// All alarms that are listed.
    #[must_use]
    pub fn listed(&self) -> Vec<Arc<Alarm>> {
        self.list.alarms().cloned().collect()
    }

    /// An operation was saved: the marks have done their work.
    pub fn done(&mut self) {
        self.marks.clear();
        self.anchor = None;
    }

    fn turn(&mut self, by: usize) {
        self.tab = self.tab.step(by);
        self.anchor = None;
        self.alone &= self.tab.lists_alarms();
    }

    /// Leaves the innermost thing that can be left; false when that is the view itself.
    fn leave(&mut self) -> bool {
        if self.anchor.take().is_some() || std::mem::take(&mut self.alone) {
            return true;
        }
        if !self.marks.is_empty() {
            self.marks.clear();
            return true;
        }
        let filtered = !self.filter.is_empty();
        self.filter = Filter::default();
        filtered
    }

    fn mark(&mut self, action: Action) -> Outcome {
        let Some(id) = self.list.alarm().filter(|_| self.tab.lists_alarms()).map(|a| a.id) else {
            return Outcome::Refused("there is no alarm to mark".into());
        };
        match (action, self.anchor.take()) {
            (Action::MarkAll, _) if self.marks.is_empty() => {
                self.marks.extend(self.list.alarms().map(|a| a.id));
            }
            (Action::MarkAll, _) => self.marks.clear(),
            (Action::MarkRange, None) => self.anchor = Some(id),
            (Action::MarkRange, Some(from)) => {
                let (a, b) = (self.list.position(from).unwrap_or(self.list.at()), self.list.at());
                let range = self.list.alarms().skip(a.min(b)).take(a.abs_diff(b) + 1);
                self.marks.extend(range.map(|a| a.id));
            }
            _ => {
                if !self.marks.remove(&id) {
                    self.marks.insert(id);
                }
                self.list.step(Action::Down);
            }
        }
        Outcome::Done
    }

    fn open(&self, cx: &Context<'_>) -> Outcome {
        match self.list.place(cx) {
            Some(asset) => Outcome::Open(asset),
            None if self.list.is_empty() => Outcome::Refused("there is no alarm to open".into()),
            None => Outcome::Refused("the place of this alarm is not on the map".into()),
        }
    }

    fn forget_gone(&mut self, board: &AlarmBoard) {
        if !self.marks.is_empty() {
            let stand: BTreeSet<AlarmId> = board.alarms.iter().map(|a| a.id).collect();
            self.marks.retain(|id| stand.contains(id));
        }
    }

    fn note(&self, cx: &Context<'_>) -> Option<String> {
        let key = |action| cx.keymap.key_of(action, ViewKind::Alarms).unwrap_or_default();
        let mut parts = Vec::new();
        if let Some(from) = self.anchor {
            parts.push(format!("range from alarm {from}: {} marks up to here", key(Action::MarkRange)));
        }
        if !self.marks.is_empty() {
            parts.push(format!("{} marked", text::integer(self.marks.len() as u64)));
        }
        if !self.filter.is_empty() {
            let shown = text::integer(self.list.len() as u64);
            parts.push(format!("filter {}: {shown} listed", self.filter.text()));
        }
        let clears = format!("({} clears)", key(Action::Back));
        (!parts.is_empty()).then(|| format!("{}  {clears}", parts.join("   ")))
    }

    fn nothing(&self, cx: &Context<'_>) -> String {
        if !is_live(&cx.snapshot.alarms) {
            return "This console has no alarm engine.".to_owned();
        }
        let what = match self.tab {
            Tab::Active => "No alarm stands",
            Tab::Waiting => "Nothing waits for an acknowledgement",
            Tab::Shelved => "Nothing is shelved",
            Tab::Suppressed => "Nothing is suppressed",
            Tab::OutOfService => "Nothing is out of service",
            Tab::History | Tab::Kpi => "Nothing has happened yet",
        };
        let filtered = if self.filter.is_empty() { "" } else { " that passes the filter" };
        format!("{what}{filtered}.")
    }

    fn tabs(&self, cx: &Context<'_>, buf: &mut Buffer) {
        let (b, area) = (cx.brush, self.areas.tabs);
        let board = &cx.snapshot.alarms;
        let label = |(tab, wide, narrow): (Tab, &str, &str)| {
            let word = if area.width >= 100 { wide } else { narrow };
            let count =
                tab.count(board).map_or_else(String::new, |n| format!(" {}", text::integer(n as u64)));
            format!(" {word}{count} ")
        };
        let labels: Vec<(Tab, String)> = Tab::ALL.into_iter().map(|t| (t.0, label(t))).collect();
        let room = labels.iter().map(|(_, l)| text::width(l) + 1).sum::<usize>() <= usize::from(area.width);
        let mut x = area.x;
        for (tab, label) in labels.iter().filter(|(tab, _)| room || *tab == self.tab) {
            let scope = if *tab == self.tab { Scope::Selection } else { Scope::TextDim };
            x = b.on(area, buf).text((x, area.y), label, b.style(scope)) + 1;
        }
        if !room {
            let more = format!("tab {} of {}", self.tab as usize + 1, Tab::ALL.len());
            b.on(area, buf).text((x, area.y), &more, b.style(Scope::TextDim));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_screen_never_overlap_and_the_list_is_always_there() {
        for (width, height) in
            [(200, 58), (150, 36), (120, 38), (100, 28), (80, 22), (40, 10), (3, 2), (1, 1)]
        {
            for (rows, noted) in [(0, false), (3, true), (10_000, true)] {
                let area = Rect::new(0, 1, width, height);
                let a = Areas::new(area, rows, noted, false);
                let all = [a.tabs, a.note, a.list, a.detail, a.kpi];
                for (i, one) in all.iter().enumerate() {
                    assert_eq!(one.intersection(area).area(), one.area(), "{width}x{height}: {one:?}");
                    assert!(all[..i].iter().all(|o| o.intersection(*one).is_empty()), "{width}x{height}");
                }
                assert!(height < 2 || a.list.height >= (height - 1).min(4), "{width}x{height}: {:?}", a.list);
            }
        }
    }

    #[test]
    fn tabs_come_round() {
        let mut tab = Tab::default();
        for (expected, ..) in Tab::ALL {
            assert_eq!(tab, expected);
            tab = tab.step(1);
        }
        assert_eq!(tab, Tab::default());
        assert_eq!(tab.step(Tab::ALL.len() - 1), Tab::Kpi);
    }
}
