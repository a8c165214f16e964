//! The sources view: where data comes from, and what is wrong with it. One line per source, then
//! their targets, the failing and the slowest first, or on another tab the targets summed up by hall.

mod halls;

use std::cmp::Reverse;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::SourceView;
use crate::model::entry::{TargetState, TargetStatus};
use crate::model::{Asset, Timestamp};
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::{Outcome, View};
use halls::HallRow;

/// Most lines of one remark about a source.
const REMARK: u16 = 3;

/// State of the view.
#[derive(Debug, Default)]
pub struct SourcesView {
    /// All targets as (source, target), worst first.
    order: Vec<(usize, usize)>,
    /// The targets are summed up by hall.
    by_hall: bool,
    /// The sums, where they are shown.
    halls: Vec<HallRow>,
    /// The sources that order and sums belong to.
    of: Option<Arc<[SourceView]>>,
    selected: usize,
    first: usize,
    rows: usize,
    /// Lines of the sources above the targets.
    head: usize,
}

impl View for SourcesView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        // Sorting thousands of targets once per snapshot is enough.
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &cx.snapshot.sources)) {
            if self.by_hall {
                self.halls = halls::rows(&cx.snapshot.sources);
            } else {
                self.order = order(&cx.snapshot.sources);
            }
            self.of = Some(Arc::clone(&cx.snapshot.sources));
        }
        let lines: usize = cx.snapshot.sources.iter().map(|s| 1 + remarks(cx, s, area.width).len()).sum();
        self.head = lines.min(usize::from(area.height / 2));
        self.rows = usize::from(area.height).saturating_sub(self.head + 2).max(1);
        self.selected = self.selected.min(self.len().saturating_sub(1));
        self.first = self.first.clamp((self.selected + 1).saturating_sub(self.rows), self.selected);
    }

    fn act(&mut self, _: &Context<'_>, action: Action) -> Outcome {
        let last = self.len().saturating_sub(1);
        self.selected = match action {
            Action::NextTab | Action::PreviousTab => {
                self.by_hall = !self.by_hall;
                (self.of, self.first) = (None, 0);
                0
            }
            Action::Open if self.by_hall => {
                return Outcome::Refused("next-tab shows the targets, the failing ones first".into());
            }
            Action::Open => {
                return Outcome::Refused("a target has no view of its own: f finds its host".into());
            }
            _ => match action.walk(self.selected, self.rows) {
                Some(to) => to,
                None => return Outcome::Ignored,
            },
        }
        .min(last);
        Outcome::Done
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let brush = &cx.brush;
        if cx.snapshot.sources.is_empty() {
            brush.on(area, buf).text(
                (area.x + 1, area.y),
                "no source has reported yet",
                brush.style(Scope::TextDim),
            );
            return;
        }
        let head = Rect { height: (self.head as u16).min(area.height), ..area };
        let mut y = head.y;
        for source in cx.snapshot.sources.iter() {
            y = source_lines(cx, head, y, source, buf);
        }
        if self.by_hall {
            self.render_halls(cx, Rect { y: head.bottom() + 1, ..area }.intersection(area), buf);
            return;
        }
        let heading = Rect { y: head.bottom() + 1, height: 1, ..area }.intersection(area);
        let columns = columns(area.width);
        let titles = row(&columns, |c| c.title.to_owned(), brush.glyphs.ellipsis);
        brush.on(heading, buf).text((area.x + 1, heading.y), &titles, brush.style(Scope::Title));
        let now = cx.then.now;
        for (i, (s, t)) in self.order.iter().enumerate().skip(self.first).take(self.rows) {
            let y = head.bottom() + 2 + (i - self.first) as u16;
            let Some(target) = cx.snapshot.sources.get(*s).and_then(|s| s.targets.get(*t)) else { continue };
            let line = Rect { y, height: 1, ..area }.intersection(area);
            let style = match (i == self.selected, &target.state) {
                (true, _) => Scope::Selection,
                (_, TargetState::Down(_)) => Scope::TextStrong,
                (_, TargetState::Waiting) => Scope::TextDim,
                _ => Scope::Text,
            };
            brush.on(line, buf).fill(brush.style(style));
            let cells = row(&columns, |c| (c.value)(target, now), brush.glyphs.ellipsis);
            brush.on(line, buf).text((area.x + 1, y), &cells, brush.style(style));
        }
    }

    fn subject(&self, _: &Context<'_>) -> Asset {
        Asset::Site
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::Down,
            Action::Up,
            Action::HalfDown,
            Action::NextTab,
            Action::Find,
            Action::Status,
            Action::Back,
        ]
    }
}

impl SourcesView {
    /// Lines of the table.
    fn len(&self) -> usize {
        if self.by_hall { self.halls.len() } else { self.order.len() }
    }

    fn render_halls(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let brush = &cx.brush;
        let fit = (area.width, brush.glyphs.ellipsis);
        let titles = halls::titles(fit.0, fit.1);
        brush.on(area, buf).text((area.x + 1, area.y), &titles, brush.style(Scope::Title));
        for (i, row) in self.halls.iter().enumerate().skip(self.first).take(self.rows) {
            let y = area.y + 1 + (i - self.first) as u16;
            let line = Rect { y, height: 1, ..area }.intersection(area);
            let style = match (i == self.selected, row.down) {
                (true, _) => Scope::Selection,
                (_, 0) => Scope::Text,
                _ => Scope::TextStrong,
            };
            brush.on(line, buf).fill(brush.style(style));
            let cells = halls::cells(row, cx.then.now, fit);
            brush.on(line, buf).text((area.x + 1, y), &cells, brush.style(style));
        }
    }
}

/// Failing targets first, those that fail longest on top; then those that wait, then the slowest.
fn order(sources: &[SourceView]) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> =
        sources.iter().enumerate().flat_map(|(s, v)| (0..v.targets.len()).map(move |t| (s, t))).collect();
    all.sort_by_cached_key(|(s, t)| {
        let target = &sources[*s].targets[*t];
        let state = match target.state {
            TargetState::Down(_) => 0u8,
            TargetState::Waiting => 1,
            TargetState::Up => 2,
        };
        (state, Reverse(target.failures), Reverse(target.bad_lines.min(1)), Reverse(target.duration_ms))
    });
    all
}

fn source_lines(cx: &Context<'_>, area: Rect, y: u16, source: &SourceView, buf: &mut Buffer) -> u16 {
    let brush = &cx.brush;
    let (up, down, waiting) = source.tally();
    let status = &source.status;
    let every = text::age(i64::from(status.interval_ms));
    let age = text::age(cx.then.now.since(status.time));
    let gpus: u64 = source.targets.iter().map(|t| u64::from(t.gpus)).sum();
    let bad: u64 = source.targets.iter().map(|t| u64::from(t.bad_lines)).sum();
    let mut line = format!("every {every}  reported {age} ago");
    if !source.targets.is_empty() {
        line.push_str(&format!("  {up} of {} targets up", text::integer(source.targets.len() as u64)));
    }
    if down > 0 {
        line.push_str(&format!("  {} {down} DOWN", brush.glyphs.lost));
    }
    if waiting > 0 {
        line.push_str(&format!("  {waiting} waiting"));
    }
    if gpus > 0 {
        line.push_str(&format!("  GPUs {}", text::integer(gpus)));
    }
    if bad > 0 {
        line.push_str(&format!("  bad lines {}", text::integer(bad)));
    }
    let name = text::left(&status.name, 18, brush.glyphs.ellipsis);
    let x = brush.on(area, buf).text((area.x + 1, y), &name, brush.style(Scope::TextStrong));
    let scope = if down > 0 { Scope::TextStrong } else { Scope::Text };
    brush.on(area, buf).text((x + 1, y), &line, brush.style(scope));
    let remarks = remarks(cx, source, area.width);
    for (y, remark) in (y + 1..).zip(&remarks) {
        let room = usize::from(area.width.saturating_sub(4));
        let remark = text::truncate(remark, room, brush.glyphs.ellipsis);
        brush.on(area, buf).text((area.x + 3, y), &remark, brush.style(Scope::TextDim));
    }
    y + 1 + remarks.len() as u16
}

/// What there is to say about a source, in lines: its own note, and points of places that the site lacks.
fn remarks(cx: &Context<'_>, source: &SourceView, width: u16) -> Vec<String> {
    let mut out: Vec<String> = source.status.note.iter().cloned().collect();
    if let Some(lost) = cx.snapshot.points.homeless_of(source.status.source) {
        let (points, verb) =
            if lost.points == 1 { ("point names", "a place") } else { ("points name", "places") };
        let count = text::integer(lost.points as u64);
        let first = lost.first.join(", ");
        out.push(format!("{count} {points} {verb} that the site does not have; first: {first}"));
    }
    let room = usize::from(width.saturating_sub(4));
    out.iter().flat_map(|remark| text::wrap(remark, room, REMARK)).collect()
}

/// A column of the table of targets.
struct Column {
    title: &'static str,
    width: usize,
    right: bool,
    value: fn(&TargetStatus, Timestamp) -> String,
}

/// The columns that fit: the reason takes what is left.
fn columns(width: u16) -> Vec<Column> {
    let width = usize::from(width).saturating_sub(2);
    let left = |title, width, value| Column { title, width, right: false, value };
    let right = |title, width, value| Column { title, width, right: true, value };
    let name = (width / 4).clamp(12, 40);
    let mut out = vec![
        left("TARGET", name, |t, _| t.name.clone()),
        left("STATE", 7, |t, _| state(&t.state).to_owned()),
    ];
    let more = [
        right("LAST OK", 9, |t, now| t.last_ok.map_or("never".into(), |ok| text::age(now.since(ok)))),
        right("FAILED", 6, |t, _| if t.failures == 0 { String::new() } else { t.failures.to_string() }),
        right("TOOK ms", 7, |t, _| text::integer(t.duration_ms.into())),
        right("GPUs", 5, |t, _| count(t.gpus, 5)),
        right("kB", 7, |t, _| text::integer(u64::from(t.bytes).div_ceil(1000))),
        right("SAMPLES", 8, |t, _| count(t.samples, 8)),
        right(
            "BAD",
            6,
            |t, _| if t.bad_lines == 0 { String::new() } else { text::integer(t.bad_lines.into()) },
        ),
    ];
    let hall = Column { title: "HALL", width: 6, right: false, value: |t, _| t.hall.to_string() };
    let more = more.into_iter().chain([hall]);
    let reason = if width >= 60 { 18 } else { 8 };
    let mut used = name + 8;
    for column in more {
        if used + column.width + 1 + reason < width {
            used += column.width + 1;
            out.push(column);
        }
    }
    let rest = width.saturating_sub(used + 1);
    out.push(left("REASON", rest, |t, _| match &t.state {
        TargetState::Down(why) => why.clone(),
        _ => String::new(),
    }));
    out
}

/// A number that fits into `width` columns: without its groups or in thousands where need be, never cut off.
fn count(value: u32, width: usize) -> String {
    let forms = [text::integer(value.into()), value.to_string()];
    let fits = forms.into_iter().find(|form| text::width(form) <= width);
    fits.unwrap_or_else(|| format!("{}k", value / 1000))
}

const fn state(state: &TargetState) -> &'static str {
    match state {
        TargetState::Waiting => "waiting",
        TargetState::Up => "up",
        TargetState::Down(_) => "DOWN",
    }
}

fn row(columns: &[Column], value: impl Fn(&Column) -> String, ellipsis: char) -> String {
    let cells = columns.iter().map(|c| {
        let v = value(c);
        if c.right { text::right(&v, c.width, ellipsis) } else { text::left(&v, c.width, ellipsis) }
    });
    cells.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::SourceStatus;

    fn target(name: &str, state: TargetState, duration_ms: u32, failures: u32) -> TargetStatus {
        TargetStatus { name: name.into(), state, duration_ms, failures, ..TargetStatus::default() }
    }

    #[test]
    fn large_counts_are_told_in_thousands_and_never_cut() {
        assert_eq!([8, 9_999, 12_500, 100_224].map(|n| count(n, 5)), ["8", "9 999", "12500", "100k"]);
        assert_eq!([100_224, 1_002_240, 100_224_000].map(|n| count(n, 8)), ["100 224", "1002240", "100224k"]);
        assert!(
            [(u32::MAX, 10), (999_999, 5), (100_224, 8)]
                .iter()
                .all(|(n, w)| text::width(&count(*n, *w)) <= *w)
        );
    }

    #[test]
    fn failing_targets_come_first_and_slow_ones_before_fast_ones() {
        let down = || TargetState::Down("HTTP 503".into());
        let view = SourceView {
            status: SourceStatus::default(),
            targets: vec![
                target("fast", TargetState::Up, 3, 0),
                target("slow", TargetState::Up, 900, 0),
                target("new", TargetState::Waiting, 0, 0),
                target("failing", down(), 1, 2),
                target("dead", down(), 1, 40),
            ]
            .into_iter()
            .map(Arc::new)
            .collect(),
        };
        let names: Vec<_> = order(std::slice::from_ref(&view))
            .into_iter()
            .map(|(_, t)| view.targets[t].name.clone())
            .collect();
        assert_eq!(names, ["dead", "failing", "new", "slow", "fast"]);
    }

    #[test]
    fn the_table_is_never_wider_than_the_screen_and_always_has_a_reason() {
        for width in 40..220u16 {
            let columns = columns(width);
            let total: usize = columns.iter().map(|c| c.width + 1).sum();
            assert!(total <= usize::from(width), "{width}: {total}");
            assert!(columns.last().is_some_and(|c| c.title == "REASON" && c.width >= 8), "{width}");
        }
    }
}
