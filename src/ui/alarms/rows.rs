//! Alarms as rows of a table, in lists and in panels beside maps.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Asset;
use crate::model::alarm::Alarm;
use crate::model::id::Span;
use crate::ui::alarms::{priority_word, title};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::table::{Column, Field, Table};

/// From this width on a list has all of its columns.
const WIDE: u16 = 116;
/// Below this width it has only those that say which alarm it is.
const NARROW: u16 = 64;

/// Rows of alarms; only those in sight are ever asked for.
pub struct Rows<'a> {
    /// How many there are.
    pub len: usize,
    /// The alarm of a row.
    pub alarm: &'a dyn Fn(usize) -> Option<&'a Alarm>,
    /// True for the rows that are marked; `None` where nothing can be.
    pub marked: Option<&'a dyn Fn(&Alarm) -> bool>,
    /// The selected row.
    pub selected: Option<usize>,
    /// The first row that is shown.
    pub offset: usize,
    /// A line of headings above.
    pub headings: bool,
}

#[derive(Clone, Copy)]
enum What {
    Mark,
    Priority,
    Badge,
    State,
    Since,
    Where,
    Title,
    Value,
    Age,
}

impl Rows<'_> {
    /// Draws the rows.
    pub fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let columns = columns(area.width, self.marked.is_some());
        let heads: Vec<Column<'_>> = columns.iter().map(|(_, c)| *c).collect();
        let row = |i: usize| -> Vec<Field> {
            let Some(alarm) = (self.alarm)(i) else { return Vec::new() };
            let marked = self.marked.is_some_and(|m| m(alarm));
            columns.iter().map(|(what, _)| field(cx, *what, alarm, marked)).collect()
        };
        Table {
            columns: &heads,
            rows: self.len,
            row: &row,
            selected: self.selected,
            offset: self.offset,
            headings: self.headings,
        }
        .render(cx.brush, area, buf);
    }
}

fn columns(width: u16, marks: bool) -> Vec<(What, Column<'static>)> {
    let mut out = match width {
        WIDE.. => vec![
            (What::Mark, Column::text("", 1)),
            (What::Priority, Column::text("PRIO", 7)),
            (What::State, Column::text("STATE", 5)),
            (What::Since, Column::text("SINCE", 8)),
            (What::Where, Column::text("WHERE", 20)),
            (What::Title, Column::text("WHAT", 30).growing()),
            (What::Value, Column::number("VALUE", 28).rank(1)),
            (What::Age, Column::number("AGE", 8)),
        ],
        NARROW.. => vec![
            (What::Mark, Column::text("", 1)),
            (What::Badge, Column::text("PR", 2)),
            (What::State, Column::text("STATE", 5)),
            (What::Where, Column::text("WHERE", 17)),
            (What::Title, Column::text("WHAT", 20).growing()),
            (What::Value, Column::number("VALUE", 22).rank(2)),
            (What::Age, Column::number("AGE", 8).rank(1)),
        ],
        _ => vec![
            (What::Mark, Column::text("", 1)),
            (What::Badge, Column::text("PR", 2)),
            (What::State, Column::text("STATE", 5).rank(2)),
            (What::Where, Column::text("WHERE", 12)),
            (What::Title, Column::text("WHAT", 9).growing()),
            (What::Age, Column::number("AGE", 7).rank(3)),
        ],
    };
    if !marks {
        out.remove(0);
    }
    out
}

fn field(cx: &Context<'_>, what: What, alarm: &Alarm, marked: bool) -> Field {
    let b = cx.brush;
    let waits = alarm.state.is_unacknowledged();
    let badge = Badge { priority: alarm.priority, filled: waits };
    let dim = |text: String| Field::styled(text, b.style(Scope::TextDim));
    // Bold, not colour: what waits must be seen without colour, too.
    let said = |text: String| match (waits, alarm.state.is_aside()) {
        (true, _) => Field::styled(text, b.style(Scope::TextStrong)),
        (_, true) => dim(text),
        _ => text.into(),
    };
    match what {
        What::Mark if marked => "*".into(),
        What::Mark => Field::default(),
        What::Priority => {
            let text = format!("{} {}", badge.text(b), priority_word(alarm.priority));
            Field::styled(text, badge.style(b))
        }
        What::Badge => Field::styled(badge.text(b), badge.style(b)),
        What::State => said(alarm.state.short().to_owned()),
        What::Since => dim(alarm.raised.clock().to_string()),
        What::Where => said(alarm.place.to_string()),
        What::Title => said(title(alarm)),
        What::Value => value(alarm).into(),
        What::Age => text::age(cx.then.now.since(alarm.raised)).into(),
    }
}

/// The value, and until when it is put aside.
fn value(alarm: &Alarm) -> String {
    match &alarm.shelf {
        Some(shelf) => {
            let clock = shelf.until.clock().to_string();
            format!("{} until {}", alarm.text, &clock[..5]).trim_start().to_owned()
        }
        None => alarm.text.to_string(),
    }
}

/// The alarms of a place in a few lines: badge, state, words, age. Answers with what is left of the
/// area above them. Takes at most `most` lines, and the last one says how many there are beyond.
pub fn at_foot(cx: &Context<'_>, gpus: Span, most: u16, area: Rect, buf: &mut Buffer) -> Rect {
    let here: Vec<&Alarm> = covering(cx, gpus).collect();
    let lines = (here.len() as u16).min(most).min(area.height);
    let top = area.bottom() - lines;
    for (i, y) in (top..area.bottom()).enumerate() {
        let beyond = if y + 1 == area.bottom() { here.len() - i - 1 } else { 0 };
        line(cx, here[i], beyond, Rect { y, height: 1, ..area }, buf);
    }
    Rect { height: area.height - lines, ..area }
}

/// How many lines [`at_foot`] wants, at most `most`.
#[must_use]
pub fn lines(cx: &Context<'_>, gpus: Span, most: usize) -> u16 {
    covering(cx, gpus).take(most).count() as u16
}

fn line(cx: &Context<'_>, alarm: &Alarm, beyond: usize, area: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    let waits = alarm.state.is_unacknowledged();
    let badge = Badge { priority: alarm.priority, filled: waits };
    let x = badge.render(&mut b.on(area, buf), (area.x, area.y)) + 1;
    let age = text::age(cx.then.now.since(alarm.raised));
    let end = if beyond > 0 { format!("{age}  +{beyond}") } else { age };
    let at = area.right().saturating_sub(text::width(&end) as u16).max(x);
    let room = Rect { width: at.saturating_sub(area.x + 1), ..area };
    let words = format!("{} {}", alarm.state.short(), title(alarm));
    let scope = if waits { Scope::TextStrong } else { Scope::Text };
    b.on(room, buf).text((x, area.y), &words, b.style(scope));
    b.on(area, buf).text((at, area.y), &end, b.style(Scope::TextDim));
}

/// Annunciated alarms at some GPUs, around them or among them, in the order of lists; those of the
/// whole site belong to no place.
fn covering<'a>(cx: &Context<'a>, gpus: Span) -> impl Iterator<Item = &'a Alarm> {
    let t = cx.topology();
    let live = cx.alarms.is_live();
    let here = move |a: &&Alarm| {
        let span = a.asset.filter(|at| *at != Asset::Site).map(|at| t.gpus_of(at));
        span.is_some_and(|s| s.start < gpus.end && gpus.start < s.end)
    };
    let standing = cx.snapshot.alarms.alarms.iter().map(|a| &**a);
    standing.take_while(move |a| live && a.state.is_annunciated()).filter(here)
}
