//! The points of the facility bus around the selected rack: those of the rack, of the CDUs of its row,
//! of the row, the hall and the site, whether or not a column of their own exists for them.
//!
//! ```text
//!   WHERE   OBJECT        POINT                      VALUE  QUALITY    AGE
//! > K5      C-E05-TAP-E1  PhaseCurrent phase A      33.2 A  good       2 s
//!   R17     C-E-BUS-E1    CurrentLimit               400 A  uncertain  2 s
//!
//!  H3-R17-K5  PowerMeter C-E05-TAP-E1  PhaseCurrent phase A  33.2 A
//!  good, measured 2 s ago at 03:11:07 UTC, from mqtt bus.site:1883
//!  pod1C/rowE/rack05/C-E05-TAP-E1/current/phase1/value
//! ```

pub mod brief;

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::points::{MAX_PER_ASSET, PointKey};
use crate::model::plant::{PlantQuality, PlantReading};
use crate::model::{Asset, CduId, RackId};
use crate::ui::action::{Action, ViewKind};
use crate::ui::context::Context;
use crate::ui::selection::Bounds;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::{Outcome, View, moved};
use crate::ui::widget::table::{self, Column, Field, Table};

/// Lines about the selected point below the list, with the empty one above them.
const FOOT: u16 = 4;
/// From this height on they are there.
const FOOT_FROM: u16 = 12;
/// Most parts of a tag that are shown to tell it from others.
const ENDING: usize = 3;
/// From this width on the reason stands in the list, too.
const REASON_FROM: u16 = 118;

/// State of the view.
#[derive(Debug, Default)]
pub struct PointsView {
    /// Where each line is: the asset, and the number in its list.
    lines: Vec<(Asset, usize)>,
    /// The rack that they are around.
    of: Option<RackId>,
    selected: usize,
    first: usize,
    rows: usize,
    table: Rect,
    foot: Rect,
}

/// The name of a point without its object; where others of the object have the same, then with the end
/// of its tag.
fn name(list: &[(PointKey, PlantReading)], at: usize) -> String {
    let Some((_, reading)) = list.get(at) else { return String::new() };
    let point = &reading.point;
    // That it is of a rack is said already by where it stands.
    let short = point.point_type.strip_prefix(&point.object_type).filter(|s| !s.is_empty());
    let mut out = short.unwrap_or(&point.point_type).to_owned();
    if !point.detail.is_empty() {
        out = format!("{out} {}", point.detail);
    }
    let twins = twins(list, at);
    if twins.len() < 2 {
        return out;
    }
    let alone =
        |n: &usize| twins.iter().filter(|r| ending(&r.point.tag, *n) == ending(&point.tag, *n)).count() < 2;
    let parts = (1..ENDING).find(alone).unwrap_or(ENDING);
    format!("{out} ({})", ending(&point.tag, parts))
}

/// The last `count` parts of a tag that say something: `pump1/speed` of `…/pump/pump1/speed/value`.
fn ending(tag: &str, count: usize) -> String {
    let empty = ["value", "rValue", "feedback", "state", "enabled"];
    let parts: Vec<&str> = tag.split('/').filter(|p| !empty.contains(p)).collect();
    parts[parts.len().saturating_sub(count)..].join("/")
}

/// The points that have the name of one of them, itself among them. The list is in the order of names.
fn twins(list: &[(PointKey, PlantReading)], at: usize) -> Vec<&PlantReading> {
    let of = |r: &PlantReading| (r.point.object.clone(), r.point.point_type.clone(), r.point.detail.clone());
    let Some(here) = list.get(at).map(|(_, r)| of(r)) else { return Vec::new() };
    let same = |(_, r): &&(PointKey, PlantReading)| of(r) == here;
    let before = list[..at].iter().rev().take_while(same);
    before.chain(list[at..].iter().take_while(same)).map(|(_, r)| r).collect()
}

/// How long ago a value was measured, as seen at the moment shown.
fn age(cx: &Context<'_>, reading: &PlantReading) -> String {
    text::age(cx.frame.time.since(reading.time).max(0))
}

/// How a quality is written: what is not good never looks live, and its word says so.
const fn scope(quality: PlantQuality) -> Scope {
    match quality {
        PlantQuality::Good => Scope::Text,
        _ => Scope::QualityStale,
    }
}

/// The quality with its reason.
fn judgement(quality: PlantQuality) -> String {
    match quality.words() {
        (word, "") => word.to_owned(),
        (word, why) => format!("{word}: {why}"),
    }
}

impl PointsView {
    fn at<'a>(&self, cx: &Context<'a>, line: usize) -> Option<(Asset, &'a (PointKey, PlantReading))> {
        let (asset, i) = *self.lines.get(line)?;
        Some((asset, cx.snapshot.points.of(asset).get(i)?))
    }

    fn fields(&self, cx: &Context<'_>, line: usize, wide: bool) -> Vec<Field> {
        let Some((asset, (_, reading))) = self.at(cx, line) else { return Vec::new() };
        let style = cx.brush.style(scope(reading.quality));
        let quality = match wide {
            true => judgement(reading.quality),
            false => reading.quality.words().0.to_owned(),
        };
        let place = cx.topology().short_name(asset);
        let name = name(cx.snapshot.points.of(asset), self.lines[line].1);
        let told = [place, reading.point.object.clone(), name, reading.text(), quality, age(cx, reading)];
        told.map(|text| Field::styled(text, style)).into()
    }

    /// What is known of the selected point, in full.
    fn details(&self, cx: &Context<'_>) -> Vec<(String, Scope)> {
        let Some((asset, ((source, _), reading))) = self.at(cx, self.selected) else { return Vec::new() };
        let p = &reading.point;
        let mut sources = cx.snapshot.sources.iter();
        let source = sources
            .find(|s| s.status.source == *source)
            .map_or_else(|| format!("source {source}"), |s| s.status.name.clone());
        let what = [p.object_type.as_str(), &p.object, &p.point_type, &p.detail];
        let what = what.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
        let place = cx.topology().name(asset);
        vec![
            (format!("{place}  {what}  {}", reading.text()), Scope::TextStrong),
            (
                format!(
                    "{}, measured {} ago at {} UTC, from {source}",
                    judgement(reading.quality),
                    age(cx, reading),
                    reading.time.clock()
                ),
                scope(reading.quality),
            ),
            (p.tag.clone(), Scope::TextDim),
        ]
    }

    /// Why there is nothing to see.
    fn nothing(cx: &Context<'_>) -> String {
        let here = cx.topology().name(cx.selection.rack(cx.topology()).map_or(Asset::Site, Asset::Rack));
        if !Arc::ptr_eq(&cx.snapshot.points, &cx.then.live.points) {
            let key = cx.keymap.key_of(Action::Live, ViewKind::Points).unwrap_or_default();
            return format!("Points of the bus are kept for the present alone: {key} goes there.");
        }
        format!("No point of a facility bus is known around {here}.")
    }
}

fn columns(wide: bool) -> [Column<'static>; 6] {
    [
        Column::text("WHERE", 8).rank(1),
        Column::text("OBJECT", if wide { 14 } else { 13 }),
        Column::text("POINT", 20).growing(),
        Column::number("VALUE", if wide { 16 } else { 12 }),
        if wide { Column::text("QUALITY", 28).growing() } else { Column::text("QUALITY", 9) },
        Column::number("AGE", 7),
    ]
}

impl View for PointsView {
    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let t = cx.topology();
        let rack = cx.selection.rack(t);
        if self.of != rack {
            (self.of, self.selected, self.first) = (rack, 0, 0);
        }
        let row = cx.selection.row(t);
        let cdus = row.into_iter().flat_map(|r| t.row(r).cdus.iter().map(CduId)).map(Asset::Cdu);
        let above = row.map(Asset::Row).into_iter().chain(cx.selection.hall(t).map(Asset::Hall));
        let assets = rack.map(Asset::Rack).into_iter().chain(cdus).chain(above).chain([Asset::Site]);
        let points = &cx.snapshot.points;
        self.lines = assets.flat_map(|a| (0..points.of(a).len()).map(move |i| (a, i))).collect();
        let foot = if area.height >= FOOT_FROM { FOOT } else { 0 };
        self.table = Rect { y: area.y + 1, height: area.height.saturating_sub(1 + foot), ..area };
        self.foot = Rect { y: area.bottom() - foot, height: foot, ..area };
        self.rows = usize::from(self.table.height.saturating_sub(1)).max(1);
        self.selected = self.selected.min(self.lines.len().saturating_sub(1));
        self.first = table::scroll(self.selected, self.lines.len(), self.rows, self.first);
    }

    fn act(&mut self, cx: &Context<'_>, action: Action) -> Outcome {
        let to = match action {
            Action::Left => return moved(cx, Action::RackLeft, Bounds::Hall),
            Action::Right => return moved(cx, Action::RackRight, Bounds::Hall),
            Action::Open => {
                return match self.lines.get(self.selected) {
                    Some((Asset::Rack(rack), _)) => Outcome::Open(Asset::Rack(*rack)),
                    _ => Outcome::Refused("only points of a rack lead to a view: that of the rack".into()),
                };
            }
            _ => match action.walk(self.selected, self.rows) {
                Some(to) => to,
                None => return Outcome::Ignored,
            },
        };
        self.selected = to.min(self.lines.len().saturating_sub(1));
        Outcome::Done
    }

    fn scope(&self, cx: &Context<'_>) -> Asset {
        cx.selection.rack(cx.topology()).map_or(Asset::Site, Asset::Rack)
    }

    fn click(&mut self, _: &Context<'_>, at: (u16, u16)) -> Outcome {
        let inside = self.table.contains(at.into()) && at.1 > self.table.y;
        let line = usize::from(at.1.saturating_sub(self.table.y + 1)) + self.first;
        if inside && line < self.lines.len() {
            self.selected = line;
        }
        Outcome::Done
    }

    fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        if self.lines.is_empty() {
            let words = Self::nothing(cx);
            b.on(area, buf).text((area.x + 1, area.y), &words, b.style(Scope::TextDim));
            return;
        }
        let bad = (0..self.lines.len()).filter_map(|i| self.at(cx, i));
        let bad = bad.filter(|(_, (_, r))| r.quality != PlantQuality::Good).count();
        let count = text::integer(self.lines.len() as u64);
        let at = text::integer(self.selected as u64 + 1);
        let mut words = format!("point {at} of {count}, {bad} not good");
        // What is beyond the bound of an asset is not known here: that must be seen.
        if let Some((asset, _)) = self.lines.iter().find(|(_, i)| i + 1 >= MAX_PER_ASSET) {
            let place = cx.topology().name(*asset);
            words.push_str(&format!("; of {place} only the first {MAX_PER_ASSET} are kept"));
        }
        b.on(area, buf).text((area.x + 1, area.y), &words, b.style(Scope::TextDim));
        let wide = area.width >= REASON_FROM;
        let columns = columns(wide);
        let row = |i: usize| self.fields(cx, i, wide);
        Table {
            columns: &columns,
            rows: self.lines.len(),
            row: &row,
            selected: Some(self.selected),
            offset: self.first,
            headings: true,
        }
        .render(b, self.table, buf);
        for (y, (words, scope)) in (self.foot.y + 1..self.foot.bottom()).zip(self.details(cx)) {
            let words = text::truncate(&words, usize::from(area.width.saturating_sub(2)), b.glyphs.ellipsis);
            b.on(self.foot, buf).text((area.x + 1, y), &words, b.style(scope));
        }
    }

    fn subject(&self, cx: &Context<'_>) -> Asset {
        self.lines.get(self.selected).map_or_else(|| self.scope(cx), |(asset, _)| *asset)
    }

    fn copied(&self, cx: &Context<'_>, values: bool) -> Option<String> {
        let (_, (_, reading)) = self.at(cx, self.selected)?;
        let tag = reading.point.tag.clone();
        Some(if values {
            format!("{tag} {} {} {}", reading.text(), judgement(reading.quality), reading.time)
        } else {
            tag
        })
    }

    fn hints(&self) -> &'static [Action] {
        &[
            Action::Down,
            Action::Up,
            Action::HalfDown,
            Action::Right,
            Action::CopyName,
            Action::Sources,
            Action::Back,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::model::plant::PlantPoint;

    fn reading(object: &str, kind: (&str, &str), detail: &str, tag: &str) -> (PointKey, PlantReading) {
        let point = PlantPoint {
            object: object.into(),
            object_type: kind.0.into(),
            point_type: kind.1.into(),
            detail: detail.into(),
            tag: tag.into(),
            ..PlantPoint::default()
        };
        let (quality, time) = (PlantQuality::Good, Timestamp(0));
        ((0, 0), PlantReading { number: 0, point: Arc::new(point), value: 1.0, quality, time })
    }

    #[test]
    fn points_of_one_name_are_told_apart_by_the_end_of_their_tags() {
        let list = [
            reading("T1", ("PowerMeter", "Current"), "", "a/T1/current/current/value"),
            reading("T1", ("PowerMeter", "Current"), "", "a/T1/current/maxCurrent/value"),
            reading("T1", ("PowerMeter", "PhaseCurrent"), "phase A", "a/T1/current/phase1/value"),
            reading("U1", ("CDU", "PumpSpeed"), "", "a/U1/pump/pump1/speed/value"),
            reading("U1", ("CDU", "PumpSpeed"), "", "a/U1/pump/pump2/speed/value"),
        ];
        let names: Vec<_> = (0..5).map(|i| name(&list, i)).collect();
        let expected = [
            "Current (current)",
            "Current (maxCurrent)",
            "PhaseCurrent phase A",
            "PumpSpeed (pump1/speed)",
            "PumpSpeed (pump2/speed)",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_a_point_is_of_is_not_said_twice() {
        assert_eq!(name(&[reading("K5", ("Rack", "RackLiquidFlow"), "", "")], 0), "LiquidFlow");
        assert_eq!(name(&[reading("V", ("Valve", "Valve"), "", "")], 0), "Valve");
        assert_eq!(ending("value", 2), "");
    }

    #[test]
    fn what_is_not_good_says_why() {
        assert_eq!(judgement(PlantQuality::Good), "good");
        assert_eq!(judgement(PlantQuality::Bad), "bad: marked bad by the BMS");
        assert_eq!(judgement(PlantQuality::Uncertain("x")), "uncertain: x");
    }
}
