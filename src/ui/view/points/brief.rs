//! Points of the bus in the details of their assets: those that no column exists for, and those that
//! lost theirs because they may not be believed. The doubtful ones come first, the rest is counted.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Asset;
use crate::model::plant::{PlantQuality, PlantReading};
use crate::ui::action::{Action, ViewKind};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;

use super::{age, judgement, name, scope};

/// Fewest columns in which names can be told from each other.
const NAMED_FROM: usize = 40;
/// Columns that a name has at least.
const SHORT: usize = 12;
/// Fewest lines of a screen that has a line for points.
const LINE_FROM: u16 = 14;
/// Columns of values and of ages.
const VALUE: usize = 12;
const AGE: usize = 7;

/// A point that has no column to be seen in.
struct Unseen<'a> {
    reading: &'a PlantReading,
    name: String,
}

impl Unseen<'_> {
    fn is_good(&self) -> bool {
        self.reading.quality == PlantQuality::Good
    }

    /// The name in as many columns: with the object where that is not the asset itself, without it, or
    /// cut. What is measured matters more than by what.
    fn name(&self, room: usize, ellipsis: char) -> String {
        let p = &self.reading.point;
        let own = p.object_type == "Rack" || p.object_type == "CDU";
        let full = if own { self.name.clone() } else { format!("{} {}", p.object, self.name) };
        let fits = |n: &&str| text::width(n) <= room;
        let best = [full.as_str(), &self.name, &p.point_type].into_iter().find(fits);
        best.map_or_else(|| text::truncate(&self.name, room, ellipsis), str::to_owned)
    }
}

/// The points of some assets that their columns do not show, those that are not good first.
fn collect<'a>(cx: &Context<'a>, assets: &[Asset]) -> Vec<Unseen<'a>> {
    let mut out = Vec::new();
    for asset in assets {
        let list = cx.snapshot.points.of(*asset);
        let unseen = |r: &PlantReading| r.point.column.is_none() || r.quality != PlantQuality::Good;
        let all = list.iter().enumerate().filter(|(_, (_, r))| unseen(r));
        out.extend(all.map(|(i, (_, reading))| Unseen { reading, name: name(list, i) }));
    }
    out.sort_by_key(Unseen::is_good);
    out
}

/// How many there are, and the key that shows all of them.
fn heading(cx: &Context<'_>, found: &[Unseen<'_>]) -> String {
    let bad = found.iter().filter(|p| !p.is_good()).count();
    let bad = if bad > 0 { format!(", {bad} not good") } else { String::new() };
    let key = cx.keymap.key_of(Action::Points, ViewKind::Rack).unwrap_or_default();
    format!("bus: {} more{bad} ({key})", found.len())
}

/// At most `most` lines of at most `width` columns: how many points there are, the first of them, and
/// how many more. Nothing where there are none.
#[must_use]
pub fn lines(cx: &Context<'_>, assets: &[Asset], (width, most): (u16, u16)) -> Vec<(String, Scope)> {
    let found = collect(cx, assets);
    let (width, most) = (usize::from(width), usize::from(most));
    if found.is_empty() || most == 0 {
        return Vec::new();
    }
    let head = heading(cx, &found);
    let long = head.replacen("more", if found.len() == 1 { "more point" } else { "more points" }, 1);
    let head = if text::width(&long) <= width { long } else { head };
    let head = text::truncate(&head, width, cx.brush.glyphs.ellipsis);
    let mut out = vec![(head, Scope::TextDim)];
    // Where names are cut until they are alike only what is wrong is worth its line.
    let listed: Vec<_> = found.iter().filter(|p| width >= NAMED_FROM || !p.is_good()).collect();
    let room = most - 1;
    // In one line the first of them says more than how many follow: the heading counts them.
    let shown = if listed.len() > room && room > 1 { room - 1 } else { listed.len().min(room) };
    for point in listed.iter().take(shown) {
        out.push((line(cx, point, width), scope(point.reading.quality)));
    }
    if listed.len() > room && room > 1 {
        out.push((format!("+{} more", found.len() - shown), Scope::TextDim));
    }
    out
}

/// One point: name, value, age; or what is wrong with it.
fn line(cx: &Context<'_>, point: &Unseen<'_>, width: usize) -> String {
    let ellipsis = cx.brush.glyphs.ellipsis;
    let (value, age) = (point.reading.text(), age(cx, point.reading));
    if point.is_good() {
        let room = width.saturating_sub(VALUE + AGE + 2);
        let name = text::left(&point.name(room, ellipsis), room, ellipsis);
        return format!(
            "{name} {} {}",
            text::right(&value, VALUE, ellipsis),
            text::right(&age, AGE, ellipsis)
        );
    }
    let words = judgement(point.reading.quality);
    let rest = width.saturating_sub(text::width(&words) + text::width(&value) + text::width(&age) + 7);
    // Two objects with the same fault must be told from each other: their names may take half of it.
    let name = point.name(rest.max(width / 2).max(SHORT), ellipsis);
    text::truncate(&format!("{name} {value}, {words} ({age})"), width, ellipsis)
}

/// All of it in one line: how many points, and what is wrong with the worst.
#[must_use]
pub fn words(cx: &Context<'_>, assets: &[Asset], width: u16) -> Option<(String, Scope)> {
    let found = collect(cx, assets);
    let worst = found.first()?;
    let (head, width, ellipsis) = (heading(cx, &found), usize::from(width), cx.brush.glyphs.ellipsis);
    if worst.is_good() {
        return Some((text::truncate(&head, width, ellipsis), Scope::TextDim));
    }
    let why = judgement(worst.reading.quality);
    let rest = width.saturating_sub(text::width(&head) + text::width(&why) + 3);
    let name = worst.name(rest.max(SHORT), ellipsis);
    let line = format!("{head}: {name} {why}");
    Some((text::truncate(&line, width, ellipsis), scope(worst.reading.quality)))
}

/// The lowest line of `area` for [`words`], and what is left of it: no line where no bus is known, or
/// the screen is low.
#[must_use]
pub fn cut(cx: &Context<'_>, area: Rect) -> (Rect, Rect) {
    let height = u16::from(area.height >= LINE_FROM && !cx.snapshot.points.is_empty());
    let rest = Rect { height: area.height - height, ..area };
    (rest, Rect { y: rest.bottom(), height, ..area })
}

/// Draws [`words`] into such a line.
pub fn render(cx: &Context<'_>, assets: &[Asset], line: Rect, buf: &mut Buffer) {
    if let Some((words, scope)) = words(cx, assets, line.width.saturating_sub(2)).filter(|_| line.height > 0)
    {
        cx.brush.on(line, buf).text((line.x + 1, line.y), &words, cx.brush.style(scope));
    }
}
