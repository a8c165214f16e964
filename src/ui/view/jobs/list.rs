//! The list of jobs or tenants: its order, its columns, its cursor.

use std::cmp::Ordering;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::jobs::{By, Reason, Usage};
use crate::model::batch::JobState;
use crate::model::{Asset, HallId};
use crate::ui::action::Action;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::jobs::name;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::table::{Column, Draw, Field, Table, scroll};

/// Window of the sparklines: an hour in 60 points.
const WINDOW: (i64, usize) = (3_600_000, 60);
/// Scale of the sparklines, %: beyond 100, so that busy jobs below each other stay apart.
const SPARK: (f32, f32) = (0.0, 115.0);
/// From this width on the list has a frame and all of its columns.
const WIDE: u16 = 100;
/// Priority of a job that does not get on: the one that the alarm for stalls and stragglers has.
pub const SLOW: u8 = 3;

/// What the list is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    #[default]
    Gpus,
    Util,
    Power,
    Energy,
    Lost,
    Slow,
    Name,
}

impl Sort {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Gpus, "GPUs"),
        (Self::Util, "utilization"),
        (Self::Power, "power"),
        (Self::Energy, "energy"),
        (Self::Lost, "lost GPUs"),
        (Self::Slow, "stragglers"),
        (Self::Name, "name"),
    ];

    /// The column after this one.
    pub const fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }

    /// `by GPUs, most first`.
    pub fn words(self, reversed: bool) -> String {
        let order = match (self, reversed) {
            (Self::Name, false) => "A first",
            (Self::Name, true) => "Z first",
            (_, false) => "most first",
            (_, true) => "least first",
        };
        format!("by {}, {order}", Self::ALL[self as usize].1)
    }

    /// What counts; unknown values stand behind all others.
    fn value(self, cx: &Context<'_>, by: By, usage: &Usage) -> Option<f64> {
        match self {
            Self::Gpus | Self::Name => Some(usage.counts.total().into()),
            Self::Util => usage.util.map(|(mean, _)| mean.into()),
            Self::Power => usage.power_w,
            Self::Energy => cx.frame.energy.mwh(by, usage.slot),
            Self::Lost => Some(usage.counts.lost.into()),
            Self::Slow => Some(usage.stragglers.into()),
        }
    }
}

/// The slots that hold GPUs in the order of the list; the idle GPUs are always last.
pub fn order(cx: &Context<'_>, by: By, sort: Sort, reversed: bool) -> Vec<u16> {
    let mut rows: Vec<(&Usage, Option<f64>)> =
        cx.frame.usage(by).rows.iter().map(|u| (u, sort.value(cx, by, u))).collect();
    rows.sort_by(|(a, x), (b, y)| {
        let most = match (x, y) {
            _ if sort == Sort::Name => name(cx, by, a.slot).cmp(name(cx, by, b.slot)),
            (Some(x), Some(y)) => y.total_cmp(x),
            _ => Ordering::Equal,
        };
        // In either order: what is not known is not the least.
        let last = (a.slot == 0, x.is_none()).cmp(&(b.slot == 0, y.is_none()));
        let size = b.counts.total().cmp(&a.counts.total());
        last.then(if reversed { most.reverse() } else { most }).then(size).then(a.slot.cmp(&b.slot))
    });
    rows.into_iter().map(|(u, _)| u.slot).collect()
}

/// The list and its cursor.
#[derive(Debug, Default)]
pub struct List {
    by: By,
    order: Vec<u16>,
    at: usize,
    first: usize,
    area: Rect,
    /// The last hour of the rows in sight.
    sparks: Vec<Vec<Option<f32>>>,
}

impl List {
    /// Takes the new order; the cursor goes to row `at`, or stays near where it was.
    pub fn update(&mut self, cx: &Context<'_>, (by, order): (By, Vec<u16>), at: Option<usize>, area: Rect) {
        (self.by, self.order, self.area) = (by, order, area);
        self.at = at.unwrap_or(self.at).min(self.order.len().saturating_sub(1));
        self.first = scroll(self.at, self.order.len(), self.rows(), self.first);
        let seen = self.order.iter().skip(self.first).take(if area.is_empty() { 0 } else { self.rows() });
        let history = &cx.snapshot.history.courses;
        let spark = |slot: &u16| {
            let course = history.course(cx.frame, by, *slot, WINDOW);
            course.util.into_iter().map(|p| p.map(|p| p.mean)).collect()
        };
        self.sparks = seen.map(spark).collect();
    }

    /// The cursor forgets its place: another table follows.
    pub fn leave(&mut self) {
        (self.at, self.first) = (0, 0);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The row of the cursor, from 1.
    pub const fn place(&self) -> usize {
        self.at + 1
    }

    /// The slot under the cursor.
    pub fn slot(&self) -> Option<u16> {
        self.order.get(self.at).copied()
    }

    /// The slot of the row at a cell of the screen.
    pub fn slot_at(&self, at: (u16, u16)) -> Option<u16> {
        let row = at.1.checked_sub(self.inner().y + 1).filter(|_| self.inner().contains(at.into()))?;
        self.order.get(self.first + usize::from(row)).copied()
    }

    /// Where a move leads; `None` when the action is no move or there is nothing to move over.
    pub fn step(&self, action: Action) -> Option<u16> {
        let last = self.order.len().checked_sub(1)?;
        let to = action.walk(self.at, self.rows())?;
        self.order.get(to.min(last)).copied()
    }

    fn framed(&self) -> bool {
        self.area.width >= WIDE
    }

    fn inner(&self) -> Rect {
        let edge = u16::from(self.framed() && self.area.height > 2);
        let (width, height) = (self.area.width - 2 * edge, self.area.height - 2 * edge);
        Rect { x: self.area.x + edge, y: self.area.y + edge, width, height }
    }

    /// Rows in sight, without the headings.
    fn rows(&self) -> usize {
        usize::from(self.inner().height).saturating_sub(1).max(1)
    }

    /// Draws the list.
    pub fn render(&self, cx: &Context<'_>, buf: &mut Buffer) {
        if self.area.is_empty() {
            return;
        }
        if self.framed() {
            let more = self.order.len().saturating_sub(self.first + self.rows());
            let note =
                if more > 0 { format!("{} more below", text::integer(more as u64)) } else { String::new() };
            Frame { title: "", note: &note, focused: false }.render(cx.brush, self.area, buf);
        }
        let columns = columns(self.by, self.area.width);
        let heads: Vec<Column<'_>> = columns.iter().map(|(_, c)| *c).collect();
        let table = cx.frame.usage(self.by);
        let row = |i: usize| -> Vec<Field> {
            let usage = self.order.get(i).and_then(|slot| table.of_slot(*slot));
            let Some(usage) = usage else { return Vec::new() };
            let spark = self.sparks.get(i.wrapping_sub(self.first)).cloned().unwrap_or_default();
            columns.iter().map(|(what, c)| field(cx, (*what, c.width), (self.by, usage), &spark)).collect()
        };
        Table {
            columns: &heads,
            rows: self.order.len(),
            row: &row,
            selected: Some(self.at),
            offset: self.first,
            headings: true,
        }
        .render(cx.brush, self.inner(), buf);
    }
}

/// What a column shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Name,
    /// The tenant of a job; how many jobs a tenant has.
    Other,
    Gpus,
    Util,
    Activity,
    Power,
    PerGpu,
    Clock,
    Hottest,
    State,
    Lost,
    Stale,
    Limits,
    Slow,
    Worst,
    Halls,
    Energy,
    Spark,
}

/// The columns for a list of some width; the table lets those of the highest rank go.
fn columns(by: By, width: u16) -> Vec<(What, Column<'static>)> {
    let (title, other) = match by {
        By::Job => ("JOB", ("TENANT", "TN")),
        By::Tenant => ("TENANT", ("JOBS", "JOBS")),
    };
    let mut out = if width >= WIDE {
        vec![
            (What::Name, Column::text(title, 12).growing()),
            (What::Other, Column::text(other.0, 7).rank(3)),
            (What::Gpus, Column::number("GPUs", 7)),
            (What::Util, Column::number("UTIL", 5)),
            (What::Activity, Column::number("SM ACT", 6).rank(10)),
            (What::Power, Column::number("MW", 6)),
            (What::PerGpu, Column::number("W/GPU", 6).rank(8)),
            (What::Clock, Column::number("MHz", 6).rank(9)),
            (What::Hottest, Column::number("MAX °C", 6).rank(7)),
            (What::State, Column::text("STATE", 10)),
            (What::Lost, Column::number("LOST", 6)),
            (What::Stale, Column::number("STALE", 6).rank(6)),
            (What::Limits, Column::number("LIMIT", 8).rank(4)),
            (What::Slow, Column::number("SLOW", 8)),
            (What::Worst, Column::text("WORST GPU", 26).rank(5)),
            (What::Halls, Column::text("HALLS", 11).rank(2)),
            (What::Energy, Column::number("MWh", 7).rank(1)),
            (What::Spark, Column::text("UTIL 60 min", 12).growing().rank(1)),
        ]
    } else {
        vec![
            (What::Name, Column::text(title, 9).growing()),
            (What::Other, Column::text(other.1, 4).rank(2)),
            (What::Gpus, Column::number("GPUs", 6)),
            (What::Util, Column::number("UTIL", 5)),
            (What::Power, Column::number("MW", 5)),
            (What::State, Column::text("STATE", 10).rank(3)),
            (What::Lost, Column::number("LOST", 5).rank(1)),
            (What::Slow, Column::number("SLOW", 6)),
            (What::Halls, Column::text("HALLS", 8).rank(4)),
            (What::Spark, Column::text("UTIL 60 min", 11).growing().rank(5)),
        ]
    };
    out.retain(|(what, _)| by == By::Job || *what != What::State);
    out
}

fn field(
    cx: &Context<'_>,
    (what, width): (What, u16),
    (by, u): (By, &Usage),
    spark: &[Option<f32>],
) -> Field {
    let b = cx.brush;
    let dim = |text: String| Field::styled(text, b.style(Scope::TextDim));
    let absent = || Field::styled(b.glyphs.absent.to_string(), b.style(Scope::QualityAbsent));
    let known = |value: Option<String>| value.map_or_else(absent, Field::from);
    let counted = |n: u32, scope: Scope, mark: String| {
        let text = format!("{mark}{}", short_count(n));
        if n == 0 { dim("0".to_owned()) } else { Field::styled(text, b.style(scope)) }
    };
    match what {
        What::Name if u.slot == 0 => dim(name(cx, by, 0).to_owned()),
        What::Name => Field::styled(name(cx, by, u.slot), b.style(Scope::TextStrong)),
        What::Other => other(cx, by, u.slot).into(),
        What::Gpus => text::integer(u.counts.total().into()).into(),
        What::Util => known(u.util.map(|(mean, _)| format!("{mean:.0} %"))),
        What::Activity => known(u.activity.map(|v| format!("{v:.0} %"))),
        What::Power => known(u.power_w.map(megawatts)),
        What::PerGpu => known(u.power_median_w.map(|v| text::decimal(v.into(), 0))),
        What::Clock => known(u.clock_mhz.map(|v| text::decimal(v.into(), 0))),
        What::Hottest => known(u.hottest.map(|(_, v)| format!("{v:.0}"))),
        What::State => state(cx, u.slot),
        What::Lost => counted(u.counts.lost, Scope::QualityLost, b.glyphs.lost.to_string()),
        What::Stale => counted(u.counts.stale, Scope::QualityStale, b.glyphs.stale.to_string()),
        What::Limits => limits(cx, u),
        What::Slow if u.slot == 0 => absent(),
        What::Slow => {
            let badge = Badge { priority: SLOW, filled: false };
            counted(u.stragglers, Scope::alarm(SLOW), format!("{} ", badge.text(b)))
        }
        What::Worst => worst(cx, u),
        What::Halls => halls(cx, u, usize::from(width)).into(),
        What::Energy => known(cx.frame.energy.mwh(by, u.slot).map(digits)),
        What::Spark => Draw::Spark(spark.to_vec(), SPARK).into(),
    }
}

/// The tenant of a job, or how many jobs of a tenant hold GPUs.
pub fn other(cx: &Context<'_>, by: By, slot: u16) -> String {
    match by {
        _ if slot == 0 => cx.brush.glyphs.absent.to_string(),
        By::Job => cx.frame.jobs.get(usize::from(slot)).map_or_else(String::new, |j| j.tenant.clone()),
        By::Tenant => {
            let tenant = cx.frame.tenants.get(usize::from(slot));
            let rows = cx.frame.usage(By::Job).rows.iter().filter(|u| u.slot > 0);
            let own = rows.filter(|u| cx.frame.jobs.get(usize::from(u.slot)).map(|j| &j.tenant) == tenant);
            own.count().to_string()
        }
    }
}

/// What a job is doing as its source says it; what does not get on stands out.
fn state(cx: &Context<'_>, slot: u16) -> Field {
    let state = cx.frame.jobs.get(usize::from(slot)).map_or(JobState::Unknown, |j| j.state);
    let (text, scope) = match state {
        _ if slot == 0 => (cx.brush.glyphs.absent.to_string(), Scope::QualityAbsent),
        JobState::Unknown => (cx.brush.glyphs.absent.to_string(), Scope::QualityAbsent),
        JobState::Running => (state.name().to_owned(), Scope::Text),
        JobState::Checkpoint | JobState::Draining => (state.name().to_owned(), Scope::TextDim),
        JobState::Restarting => (state.name().to_owned(), Scope::TextStrong),
        JobState::Stalled => (state.name().to_owned(), Scope::alarm(SLOW)),
    };
    Field::styled(text, cx.brush.style(scope))
}

/// The most urgent limit that is crossed, and by how many.
fn limits(cx: &Context<'_>, u: &Usage) -> Field {
    let Some((i, n)) = u.limits.iter().enumerate().find(|(_, n)| **n > 0) else {
        return Field::styled("0", cx.brush.style(Scope::TextDim));
    };
    let badge = Badge { priority: i as u8 + 1, filled: false };
    Field::styled(format!("{} {}", badge.text(cx.brush), short_count(*n)), badge.style(cx.brush))
}

/// The GPU to look at first, and why.
fn worst(cx: &Context<'_>, u: &Usage) -> Field {
    let Some((gpu, reason)) = u.worst else {
        return Field::styled(cx.brush.glyphs.absent.to_string(), cx.brush.style(Scope::QualityAbsent));
    };
    let place = cx.topology().name(Asset::Gpu(gpu));
    let badge = |priority| Badge { priority, filled: false };
    match reason {
        Reason::Limit(p) => {
            Field::styled(format!("{place} {}", badge(p).text(cx.brush)), badge(p).style(cx.brush))
        }
        Reason::Straggler => {
            let text = format!("{place} {} slow", badge(SLOW).text(cx.brush));
            Field::styled(text, badge(SLOW).style(cx.brush))
        }
        Reason::Hottest => {
            let heat = u.hottest.map_or_else(String::new, |(_, v)| format!(" {v:.0} °C"));
            Field::styled(format!("{place}{heat}"), cx.brush.style(Scope::TextDim))
        }
    }
}

/// The halls in at most `width` columns: `H3 H4 H5`, `H3–H8`, `all`, `5 halls`.
pub fn halls(cx: &Context<'_>, u: &Usage, width: usize) -> String {
    let t = cx.topology();
    let short = |h: &HallId| t.short_name(Asset::Hall(*h));
    let all: Vec<HallId> = u.halls.iter().map(|(h, _)| *h).collect();
    if all.len() > 2 && all.len() == t.halls().len() {
        return "all".to_owned();
    }
    let listed = all.iter().map(short).collect::<Vec<_>>().join(" ");
    let in_line = all.windows(2).all(|w| w[1].index() == w[0].index() + 1);
    match (all.first(), all.last()) {
        (Some(a), Some(b)) if all.len() > 2 && in_line => {
            format!("{}{}{}", short(a), cx.brush.glyphs.dash, short(b))
        }
        _ if text::width(&listed) <= width => listed,
        _ => format!("{} halls", all.len()),
    }
}

/// Power in MW, to three digits also where it is small.
pub fn megawatts(watts: f64) -> String {
    digits(watts / 1e6)
}

/// A number with three significant digits, at most three of them behind the point.
pub fn digits(value: f64) -> String {
    if value < 0.0995 { text::decimal(value, 3) } else { text::significant(value) }
}

/// A count in at most four columns.
fn short_count(n: u32) -> String {
    match n {
        0..10_000 => n.to_string(),
        _ => format!("{}k", n / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_comes_round_and_says_what_it_does() {
        let mut sort = Sort::default();
        for (expected, word) in Sort::ALL {
            assert_eq!(sort, expected);
            assert!(sort.words(false).contains(word), "{word}");
            assert_ne!(sort.words(false), sort.words(true));
            sort = sort.next();
        }
        assert_eq!(sort, Sort::default());
    }

    #[test]
    fn every_width_has_name_size_and_trouble() {
        for width in 40..220 {
            for by in By::ALL {
                let columns = columns(by, width);
                for what in [What::Name, What::Gpus, What::Util, What::Power, What::Slow] {
                    assert!(columns.iter().any(|(w, c)| *w == what && c.rank == 0), "{what:?} at {width}");
                }
            }
        }
    }

    #[test]
    fn small_jobs_have_power_too_and_counts_stay_short() {
        assert_eq!(megawatts(9_600.0), "0.010");
        assert_eq!(megawatts(11_234_000.0), "11.2");
        assert_eq!(
            (short_count(0), short_count(9_999), short_count(12_672)),
            ("0".into(), "9999".into(), "12k".into())
        );
    }
}
