//! The jobs view: every job or every tenant with what its GPUs do, and one of them in detail.
//!
//! ```text
//!  jobs 64   tenants 6          by GPUs, most first
//!  ┌ JOB TENANT GPUs UTIL MW STATE LOST SLOW … ┐   the list;
//!  ├ WHERE IT RUNS ──────────┬ TO LOOK AT ─────┤   the selected one: its GPUs lit on the map,
//!  ├ utilization, power ─────┴ FIGURES ────────┤   those that stand out, its last hour
//! ```
//! Enter gives the whole screen to the selected one, and then leads to one of its GPUs.

mod facts;
mod list;
mod lit;
mod suspects;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Frame;
use crate::fleet::jobs::{By, Course, Usage};
use crate::model::{Asset, GpuId, HallId};
use crate::ui::action::{Action, ViewKind};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::{Outcome, View};

use list::{List, Sort};
use lit::Lit;
use suspects::Suspects;

/// Window of the charts: an hour in points of 10 s.
const WINDOW: (i64, usize) = (3_600_000, 360);

/// Job and tenant name of a slot: what a choice is remembered by, because slots change.
type Name = (String, String);

/// State of the view.
#[derive(Debug, Default)]
pub struct JobsView {
    by: By,
    sort: Sort,
    reversed: bool,
    /// What was chosen on each tab.
    chosen: [Option<Name>; 2],
    list: List,
    /// True while one job has the whole screen.
    alone: bool,
    areas: Areas,
    lit: Lit,
    suspects: Suspects,
    course: Course,
}

/// Where things are; what has no room is empty.
#[derive(Clone, Copy, Debug, Default)]
struct Areas {
    tabs: Rect,
    list: Rect,
    map: Rect,
    suspects: Rect,
    facts: Rect,
    charts: Rect,
}

impl Areas {
    /// For a list of `rows`; `None`: without the list.
    fn new(area: Rect, rows: Option<usize>) -> Self {
        let tabs = Rect { height: area.height.min(1), ..area };
        let body = below(area, 1);
        let out = Self { tabs, ..Self::default() };
        match (area.width, area.height) {
            (150.., 44..) => out.wide(body, rows),
            (100.., 30..) => out.medium(body, rows),
            _ => out.small(body, rows.is_none()),
        }
    }

    fn wide(self, body: Rect, rows: Option<usize>) -> Self {
        let alone = rows.is_none();
        let list = rows.map_or(0, |rows| list_height(rows, body.height * 9 / 20));
        let rest = below(body, list);
        let charts = if alone { rest.height * 2 / 7 } else { (rest.height * 5 / 12).min(14) };
        let upper = Rect { height: rest.height - charts, ..rest };
        let (map, right) = beside(upper, body.width * 13 / 20);
        let lower = below(rest, upper.height);
        let list = Rect { height: list, ..body };
        if alone {
            let facts = Rect { height: 15.min(right.height), ..right };
            return Self { map, facts, suspects: below(right, facts.height), charts: lower, ..self };
        }
        let (charts, facts) = beside(lower, body.width * 13 / 20);
        Self { list, map, suspects: right, charts, facts, ..self }
    }

    fn medium(self, body: Rect, rows: Option<usize>) -> Self {
        let alone = rows.is_none();
        let list = rows.map_or(0, |rows| list_height(rows, body.height / 2));
        let rest = below(body, list);
        let charts = if alone { rest.height / 3 } else { 0 };
        let upper = Rect { height: rest.height - charts, ..rest };
        let (map, right) = beside(upper, body.width / 2);
        let facts = Rect { height: if alone { 15 } else { 9 }.min(right.height), ..right };
        Self {
            list: Rect { height: list, ..body },
            map,
            facts,
            suspects: below(right, facts.height),
            charts: below(rest, upper.height),
            ..self
        }
    }

    fn small(self, body: Rect, alone: bool) -> Self {
        if alone {
            let facts = Rect { height: 5.min(body.height), ..body };
            let rest = below(body, facts.height);
            let suspects = Rect { height: rest.height.div_ceil(2), ..rest };
            return Self { facts, suspects, map: below(rest, suspects.height), ..self };
        }
        let facts = if body.height >= 14 { 4 } else { 0 };
        let map = if body.height >= 20 { 6 } else { 0 };
        let list = Rect { height: body.height - facts - map, ..body };
        let map = Rect { height: map, ..below(body, list.height) };
        Self { list, map, facts: below(body, list.height + map.height), ..self }
    }
}

/// Lines of a framed list with headings: at most `most`, fewer when it is short.
fn list_height(rows: usize, most: u16) -> u16 {
    u16::try_from(rows + 3).map_or(most, |needed| needed.clamp(most.min(8), most))
}

/// `area` without its first `lines`.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

/// `area` cut in two after `columns`.
fn beside(area: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width);
    let right = Rect { x: area.x + columns, width: area.width - columns, ..area };
    (Rect { width: columns, ..area }, right)
}

impl View for JobsView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let order = list::order(cx, self.by, self.sort, self.reversed);
        self.areas = Areas::new(area, Some(order.len()).filter(|_| !self.alone));
        let chosen = &mut self.chosen[self.by as usize];
        let at = chosen
            .as_ref()
            .and_then(|c| order.iter().position(|slot| name_of(cx.frame, self.by, *slot) == *c));
        self.list.update(cx, (self.by, order), at, self.areas.list);
        if let (None, Some(slot)) = (&chosen, self.list.slot()) {
            *chosen = Some(name_of(cx.frame, self.by, slot));
        }
        let usage = self.list.slot().and_then(|slot| cx.frame.usage(self.by).of_slot(slot));
        let Some(usage) = usage else {
            self.alone = false;
            return;
        };
        self.suspects.update(cx, (self.by, usage), self.alone, self.areas.suspects);
        let cursor = self.suspects.gpu().filter(|_| self.alone);
        self.lit.update(cx, (self.by, usage), cursor, self.areas.map);
        self.course = cx.snapshot.history.courses.course(cx.frame, self.by, usage.slot, WINDOW);
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        match action {
            Action::Back | Action::Quit if self.alone => self.alone = false,
            Action::NextTab | Action::PreviousTab => {
                self.by = if self.by == By::Job { By::Tenant } else { By::Job };
                self.alone = false;
                self.list.leave();
            }
            Action::SortNext => (self.sort, self.reversed) = (self.sort.next(), false),
            Action::SortReverse => self.reversed = !self.reversed,
            Action::OnMap => return self.on_map(cx),
            Action::Left | Action::Right if self.alone => {
                self.choose(cx, if action == Action::Left { Action::Up } else { Action::Down });
            }
            Action::Open if self.alone => {
                let gpu = self.suspects.gpu().map(Asset::Gpu);
                return gpu.map_or_else(|| Outcome::Refused("no GPU of it stands out".into()), Outcome::Open);
            }
            Action::Open if self.list.slot().is_some() => {
                self.alone = true;
                self.suspects.first();
            }
            Action::Open => return Outcome::Refused("no job holds a GPU".into()),
            _ if self.alone && self.suspects.step(action) => {}
            _ if !self.alone && self.choose(cx, action) => {}
            _ => return Outcome::Ignored,
        }
        Outcome::Done
    }

    fn click(&mut self, cx: &Context<'_>, at: (u16, u16)) -> Outcome {
        if self.alone {
            let Some(gpu) = self.suspects.gpu_at(at) else { return Outcome::Ignored };
            return Outcome::Open(Asset::Gpu(gpu));
        }
        let Some(slot) = self.list.slot_at(at) else { return Outcome::Ignored };
        // A second click on the same job opens it.
        self.alone = self.list.slot() == Some(slot);
        self.select(cx.frame, self.by, slot);
        Outcome::Done
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        self.tabs(cx, buf);
        let Some(usage) = self.list.slot().and_then(|slot| cx.frame.usage(self.by).of_slot(slot)) else {
            let text = "No source has said yet which job holds a GPU.";
            cx.brush.on(area, buf).text((area.x + 2, area.y + 2), text, cx.brush.style(Scope::TextDim));
            return;
        };
        self.list.render(cx, buf);
        let shown = (self.by, usage);
        let title = format!("WHERE IT RUNS  {}", name(cx, self.by, usage.slot));
        self.lit.render(cx, &title, buf);
        self.suspects.render(cx, self.alone, buf);
        facts::render(cx, shown, self.areas.facts, buf);
        facts::charts(cx, &self.course, self.areas.charts, buf);
    }

    fn subject(&self, _: &Context<'_>) -> Asset {
        self.suspects.gpu().filter(|_| self.alone).map_or(Asset::Site, Asset::Gpu)
    }

    fn copied(&self, cx: &Context<'_>, values: bool) -> Option<String> {
        let usage = cx.frame.usage(self.by).of_slot(self.list.slot()?).filter(|_| !self.alone)?;
        let mut out = name(cx, self.by, usage.slot).to_owned();
        if values {
            out.push_str(&format!("\t{}", cx.frame.time));
            let facts = facts::facts(cx, (self.by, usage));
            facts.iter().for_each(|f| out.push_str(&format!("\t{} {}", f.label, f.value)));
        }
        Some(out)
    }

    fn hints(&self) -> &'static [Action] {
        if self.alone {
            return &[Action::Open, Action::OnMap, Action::CopyName, Action::Pause, Action::Back];
        }
        &[
            Action::Open,
            Action::NextTab,
            Action::SortNext,
            Action::SortReverse,
            Action::OnMap,
            Action::Find,
            Action::Back,
        ]
    }
}

impl JobsView {
    /// Chooses the job or tenant that `frame` has in `slot`, on its tab.
    pub fn select(&mut self, frame: &Frame, by: By, slot: u16) {
        if self.by != by {
            self.list.leave();
        }
        self.by = by;
        self.chosen[by as usize] = Some(name_of(frame, by, slot));
    }

    /// Moves the choice; false when the action is no move.
    fn choose(&mut self, cx: &Context<'_>, action: Action) -> bool {
        let Some(slot) = self.list.step(action) else { return false };
        self.suspects.first();
        self.select(cx.frame, self.by, slot);
        true
    }

    /// The site when it lies in several halls, else its hall; the cursor on one of its GPUs in the
    /// hall that holds most of it.
    fn on_map(&self, cx: &Context<'_>) -> Outcome {
        let usage = self.list.slot().and_then(|slot| cx.frame.usage(self.by).of_slot(slot));
        let found = usage.and_then(|u| Some((u, main_hall(u)?)));
        let found = found.and_then(|(u, hall)| Some((u, gpu_in(cx, self.by, u, hall)?)));
        let Some((usage, gpu)) = found else { return Outcome::Refused("no job holds a GPU".into()) };
        let view = if usage.halls.len() > 1 { ViewKind::Site } else { ViewKind::Hall };
        Outcome::OnMap(Asset::Gpu(gpu), view, self.by.metric())
    }

    /// The name of the one shown alone, its place in the order, and the keys to the next.
    fn place(&self, cx: &Context<'_>, slot: u16) -> String {
        let key = |action| cx.keymap.key_of(action, ViewKind::Jobs).unwrap_or_default();
        let (left, right) = (key(Action::Left), key(Action::Right));
        let (at, all) = (self.list.place(), self.list.len());
        format!(
            "{}  {at} of {all} {} ({left} {right})",
            name(cx, self.by, slot),
            self.sort.words(self.reversed)
        )
    }

    fn tabs(&self, cx: &Context<'_>, buf: &mut Buffer) {
        let (b, area) = (cx.brush, self.areas.tabs);
        let mut x = area.x + 1;
        for by in By::ALL {
            // The other table is not made for the sake of its length.
            let count = if by == self.by {
                format!(" {}", text::integer(self.list.len() as u64))
            } else {
                String::new()
            };
            let tab = format!(" {}s{count} ", by.name());
            let scope = if by == self.by { Scope::Selection } else { Scope::TextDim };
            x = b.on(area, buf).text((x, area.y), &tab, b.style(scope)) + 1;
        }
        let note = if self.alone {
            self.list.slot().map_or_else(String::new, |slot| self.place(cx, slot))
        } else {
            self.sort.words(self.reversed)
        };
        let x = b.on(area, buf).text(
            (x + 1, area.y),
            &note,
            b.style(if self.alone { Scope::TextStrong } else { Scope::TextDim }),
        );
        let unknown = cx.frame.usage(self.by).unknown;
        if unknown > 0 {
            let text = format!("{} GPUs: {} not known", text::integer(unknown.into()), self.by.name());
            let at = area.right().saturating_sub(text::width(&text) as u16 + 1);
            if at > x + 1 {
                b.on(area, buf).text((at, area.y), &text, b.style(Scope::TextDim));
            }
        }
    }
}

/// The hall that holds most of it.
fn main_hall(usage: &Usage) -> Option<HallId> {
    usage.halls.iter().max_by_key(|(hall, n)| (*n, std::cmp::Reverse(*hall))).map(|(hall, _)| *hall)
}

/// Its worst GPU when that is in `hall`, else the first one there.
fn gpu_in(cx: &Context<'_>, by: By, usage: &Usage, hall: HallId) -> Option<GpuId> {
    let worst = usage.worst.map(|(gpu, _)| gpu).filter(|gpu| cx.topology().hall_of(*gpu) == hall);
    let column = cx.frame.column(by.metric());
    let first = || cx.topology().hall(hall).gpus.iter().find(|g| column.raw(*g as usize) == usage.slot);
    worst.or_else(|| first().map(GpuId))
}

/// The jobs or tenants that hold GPUs on the frame shown: slot and name.
pub fn names<'a>(cx: &Context<'a>, by: By) -> impl Iterator<Item = (u16, &'a str)> + use<'a> {
    let frame: &'a Frame = cx.frame;
    let held = frame.usage(by).rows.iter().map(|u| u.slot).filter(|slot| *slot > 0);
    held.map(move |slot| (slot, slot_name(frame, by, slot))).filter(|(_, name)| !name.is_empty())
}

/// The name of a slot on the frame shown.
#[must_use]
pub fn name<'a>(cx: &Context<'a>, by: By, slot: u16) -> &'a str {
    slot_name(cx.frame, by, slot)
}

fn slot_name(frame: &Frame, by: By, slot: u16) -> &str {
    match by {
        By::Job if slot == 0 => "(idle)",
        By::Tenant if slot == 0 => "(none)",
        By::Job => frame.jobs.get(usize::from(slot)).map_or("", |j| j.job.as_str()),
        By::Tenant => frame.tenants.get(usize::from(slot)).map_or("", String::as_str),
    }
}

fn name_of(frame: &Frame, by: By, slot: u16) -> Name {
    let job = frame.jobs.get(usize::from(slot)).filter(|_| by == By::Job && slot > 0);
    (slot_name(frame, by, slot).to_owned(), job.map_or_else(String::new, |j| j.tenant.clone()))
}

/// One line about a job or tenant: `9 216 GPUs  94 %  11.2 MW`.
#[must_use]
pub fn summary(cx: &Context<'_>, usage: &Usage) -> String {
    let absent = || cx.brush.glyphs.absent.to_string();
    let util = usage.util.map_or_else(absent, |(mean, _)| format!("{mean:.0} %"));
    let power = usage.power_w.map_or_else(absent, text::power);
    format!("{} GPUs  {util}  {power}", text::integer(usage.counts.total().into()))
}
