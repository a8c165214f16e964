//! What the views of the plant share: numbers in their units, what is wrong in words, courses
//! over time.

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::fleet::limits::plant as limits;
use crate::fleet::series::Signal;
use crate::model::facility::{CduPoint, RackPoint, RowPoint};
use crate::model::{Asset, CduId, RackId, RowId, TrayId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::chart::{Chart, SPANS, point_of};
use crate::ui::widget::badge::Badge;
use crate::ui::widget::table::{Draw, Field};

/// Said where nothing is known.
pub const NO_SOURCE: &str = "no source reports this";
/// Window of sparklines: an hour, a point a minute.
pub const HOUR: (i64, usize) = (3_600_000, 60);

/// Something to be told about an asset, in words.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Note {
    /// Priority 1 to 4.
    pub priority: u8,
    /// The words.
    pub text: String,
}

fn note(priority: u8, text: impl Into<String>) -> Note {
    Note { priority, text: text.into() }
}

/// Decimals with which a unit is read.
#[must_use]
pub fn decimals(unit: &str) -> usize {
    match unit {
        "°C" | "K" | "MW" | "kV" | "MWh" => 1,
        "Hz" | "MW/s" => 2,
        _ => 0,
    }
}

/// A value as it is read, without its unit; `absent` where it is not known.
#[must_use]
pub fn number(value: Option<f32>, unit: &str, absent: char) -> String {
    value.map_or_else(|| absent.to_string(), |v| text::decimal(v.into(), decimals(unit)))
}

/// A value with its unit; `absent` where it is not known.
#[must_use]
pub fn quantity(value: Option<f32>, unit: &str, absent: char) -> String {
    let number = number(value, unit, absent);
    if value.is_none() || unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// A field of a table: the number, marked by shape and style when it has crossed its normal band.
#[must_use]
pub fn field(cx: &Context<'_>, value: Option<f32>, unit: &str, priority: u8) -> Field {
    let b = cx.brush;
    let said = number(value, unit, b.glyphs.absent);
    match (value, priority) {
        (None, _) => Field::styled(said, b.style(Scope::QualityAbsent)),
        (_, 0) => said.into(),
        (_, p) => Field::styled(format!("{}{said}", b.glyphs.alarm(p)), b.style(Scope::alarm(p))),
    }
}

/// A field that says what is wrong, the most urgent first.
#[must_use]
pub fn notes_field(cx: &Context<'_>, notes: &[Note]) -> Field {
    let Some(first) = notes.first() else { return Field::default() };
    let badge = Badge { priority: first.priority, filled: false };
    let words: Vec<&str> = notes.iter().map(|n| n.text.as_str()).collect();
    let style = cx.brush.style(Scope::alarm(first.priority));
    Field::styled(format!("{} {}", badge.text(cx.brush), words.join(", ")), style)
}

/// The words for a building management system that has fallen silent; `None` while it speaks.
#[must_use]
pub fn silence(cx: &Context<'_>) -> Option<String> {
    let age = cx.frame.facility.silent_s()?;
    Some(format!("BMS silent for {}: values of the plant are frozen", text::age((age * 1000.0) as i64)))
}

/// Draws the words for a silent building management system in the first line of `area`; answers
/// with what is left of it.
pub fn silence_line(cx: &Context<'_>, area: Rect, buf: &mut Buffer) -> Rect {
    let Some(words) = silence(cx).filter(|_| area.height > 3) else { return area };
    let badge = Badge { priority: 2, filled: true };
    let x = badge.render(&mut cx.brush.on(area, buf), (area.x + 1, area.y));
    cx.brush.on(area, buf).text((x + 1, area.y), &words, cx.brush.style(Scope::AlarmP2));
    Rect { y: area.y + 1, height: area.height - 1, ..area }
}

/// What is wrong with the coolant of a rack. A rack that says nothing is silent only where others
/// speak: `expected`.
#[must_use]
pub fn liquid_notes(cx: &Context<'_>, id: RackId, expected: bool) -> Vec<Note> {
    let (t, f) = (cx.topology(), &cx.frame.facility);
    let on = |p| f.rack(id, p).is_some_and(|v| v > 0.0);
    let mut out = Vec::new();
    let tray = f.rack(id, RackPoint::LeakTray).filter(|n| *n >= 1.0).map(|n| tray_name(cx, id, n as u32));
    match (on(RackPoint::Leak), tray) {
        (true, Some(tray)) => out.push(note(1, format!("LEAK at {tray}"))),
        (true, None) => out.push(note(1, "LEAK")),
        (false, Some(tray)) => out.push(note(2, format!("moisture at {tray}"))),
        (false, None) => {}
    }
    let isolated = on(RackPoint::LiquidIsolated);
    if isolated {
        out.push(note(3, "liquid isolated"));
    }
    if on(RackPoint::LeakFault) {
        out.push(note(4, "leak sensor broken: blind to leaks"));
    }
    let liquid = [RackPoint::LiquidSupply, RackPoint::LiquidReturn, RackPoint::LiquidFlow];
    if expected && limits::is_liquid(t, id) && liquid.iter().all(|p| f.rack(id, *p).is_none()) {
        out.push(note(4, "silent: no liquid values"));
    }
    // Without flow the other values say nothing, and with the valves shut that is as it should be.
    let flow = f.rack(id, RackPoint::LiquidFlow);
    if flow.is_some_and(|v| v < 1.0) {
        if !isolated {
            out.push(note(2, "no flow"));
        }
    } else {
        for (point, low, high) in [
            (RackPoint::LiquidReturn, "return cold", "return hot"),
            (RackPoint::LiquidFlow, "flow low", "flow high"),
            (RackPoint::LiquidSupply, "supply cold", "supply warm"),
            (RackPoint::LiquidDp, "DP low", "DP high"),
            (RackPoint::Valve, "valve nearly shut", "valve wide open"),
        ] {
            out.extend(beside(limits::rack(t, id, point), f.rack(id, point), (low, high)));
        }
    }
    out.sort();
    out
}

fn tray_name(cx: &Context<'_>, rack: RackId, number: u32) -> String {
    let trays = cx.topology().rack(rack).trays;
    let tray = trays.start + number - 1;
    let known = trays.contains(tray).then(|| cx.topology().tray(TrayId(tray)).name.clone());
    known.unwrap_or_else(|| format!("tray {number}"))
}

/// The words for a value below or above its normal band.
fn beside(normal: limits::Normal, value: Option<f32>, (low, high): (&str, &str)) -> Option<Note> {
    let value = value?;
    let priority = normal.crossed(value);
    let below = normal.low.is_some_and(|l| value < l);
    (priority > 0).then(|| note(priority, if below { low } else { high }))
}

/// What is wrong with the power of a rack. A rack that says nothing is silent only where others
/// speak: `expected`.
#[must_use]
pub fn power_notes(cx: &Context<'_>, id: RackId, expected: bool) -> Vec<Note> {
    let (t, f) = (cx.topology(), &cx.frame.facility);
    let model = t.rack_model(id);
    let mut out = Vec::new();
    let isolated = f.rack(id, RackPoint::PowerIsolated).is_some_and(|v| v > 0.0);
    if isolated {
        out.push(note(3, "power isolated"));
    }
    let power = f.rack(id, RackPoint::Power);
    if expected && power.is_none() {
        out.push(note(4, "silent: no power value"));
    }
    let sides = (f.rack(id, RackPoint::SideA), f.rack(id, RackPoint::SideB));
    if let ((Some(a), Some(b)), false) = (sides, isolated) {
        match (a < 0.1, b < 0.1) {
            (true, false) => out.push(note(2, "side A dead")),
            (false, true) => out.push(note(2, "side B dead")),
            _ => {}
        }
    }
    let shelves = f.rack(id, RackPoint::ShelvesOk).map(|n| n as u16).filter(|n| *n < model.power_shelves);
    if let (Some(ok), false) = (shelves, isolated) {
        // With a third of them gone the others cannot carry a full rack.
        let priority = if 3 * ok <= 2 * model.power_shelves { 2 } else { 3 };
        out.push(note(priority, format!("{ok} of {} shelves", model.power_shelves)));
    }
    out.extend(beside(limits::rack(t, id, RackPoint::Power), power, ("", "above its rating")));
    out.sort();
    out
}

/// What is wrong with the busways of a row.
#[must_use]
pub fn busway_notes(cx: &Context<'_>, id: RowId) -> Vec<Note> {
    let f = &cx.frame.facility;
    let mut out = Vec::new();
    if let Some(side) = limits::lost_side(f, id) {
        out.push(note(1, format!("side {} LOST", ["A", "B"][side])));
    }
    let limit = f.row(id, RowPoint::Limit).filter(|l| *l > 0.0);
    for (side, kw, volts) in
        [("A", RowPoint::BuswayA, RowPoint::VoltageA), ("B", RowPoint::BuswayB, RowPoint::VoltageB)]
    {
        let value = f.row(id, kw);
        if let (Some(v), Some(limit)) = (value, limit) {
            let priority = limits::row(f, id, kw).crossed(v);
            if priority > 0 {
                out.push(note(priority, format!("busway {side} at {:.0} % of its limit", 100.0 * v / limit)));
            }
        }
        let (low, high) = (format!("voltage {side} low"), format!("voltage {side} high"));
        out.extend(beside(limits::row(f, id, volts), f.row(id, volts), (&low, &high)));
    }
    out.sort();
    out
}

/// What is wrong with a CDU.
#[must_use]
pub fn cdu_notes(cx: &Context<'_>, id: CduId) -> Vec<Note> {
    let f = &cx.frame.facility;
    let mut out = Vec::new();
    if !f.speaks(id) {
        // Where no CDU says anything, none of them is silent.
        return if f.any_cdu() { vec![note(4, "silent: no values")] } else { Vec::new() };
    }
    if f.cdu(id, CduPoint::Leak).is_some_and(|v| v > 0.0) {
        out.push(note(1, "LEAK"));
    }
    let stand = limits::pumps_stand(f, id);
    if stand {
        out.push(note(1, "both pumps stand"));
    }
    for (point, low, high) in [
        (CduPoint::SecondarySupply, "supply cold", "supply above set-point"),
        (CduPoint::SecondaryReturn, "", "return hot"),
        (CduPoint::SecondaryFlow, "flow low", ""),
        (CduPoint::SecondaryDp, "DP low", "DP high"),
        (CduPoint::Level, "level low", ""),
        (CduPoint::FilterDp, "", "filter dirty"),
        (CduPoint::PrimaryValve, "", "primary valve wide open"),
        (CduPoint::PrimarySupply, "facility water cold", "facility water warm"),
        (CduPoint::PrimaryFlow, "facility water flow low", ""),
        (CduPoint::Pump1, "", "pump 1 at its limit"),
        (CduPoint::Pump2, "", "pump 2 at its limit"),
    ] {
        let follows = stand && matches!(point, CduPoint::SecondaryFlow | CduPoint::SecondaryDp);
        let found = beside(limits::cdu(f, id, point), f.cdu(id, point), (low, high));
        out.extend(found.filter(|_| !follows));
    }
    out.sort();
    out
}

/// What is wrong with a rack in a few words; nothing where all is normal.
#[must_use]
pub fn rack_words(cx: &Context<'_>, id: RackId) -> String {
    let mut notes = liquid_notes(cx, id, false);
    notes.extend(power_notes(cx, id, false));
    notes.sort();
    notes.into_iter().map(|n| n.text).collect::<Vec<_>>().join(", ")
}

/// How a CDU is in a few words: the worst of it, that all is well, or that nothing is known.
#[must_use]
pub fn cdu_words(cx: &Context<'_>, id: CduId) -> (String, Scope) {
    let notes = cdu_notes(cx, id);
    match notes.first() {
        Some(first) => {
            let badge = Badge { priority: first.priority, filled: false };
            let words: Vec<&str> = notes.iter().map(|n| n.text.as_str()).collect();
            (format!("{} {}", badge.text(cx.brush), words.join(", ")), Scope::alarm(first.priority))
        }
        None if cx.frame.facility.speaks(id) => ("ok".to_owned(), Scope::TextDim),
        None => (NO_SOURCE.to_owned(), Scope::TextDim),
    }
}

/// Sparklines by asset and signal, read anew once a minute and when the site or the moment changes.
#[derive(Debug, Default)]
pub struct Courses {
    key: Option<(i64, u32)>,
    known: BTreeMap<(Asset, u8), Vec<Option<f32>>>,
}

impl Courses {
    /// Forgets what is too old for the frame shown.
    pub fn update(&mut self, cx: &Context<'_>) {
        let point = cx.frame.time.millis().div_euclid(HOUR.0 / HOUR.1 as i64);
        let key = Some((point, cx.topology().generation()));
        if self.key != key {
            self.key = key;
            self.known.clear();
        }
    }

    /// Reads the course of an asset in place `slot`, unless it is known already: the sum of `signals`.
    pub fn read(&mut self, cx: &Context<'_>, (asset, slot): (Asset, u8), signals: &[Signal]) {
        self.known.entry((asset, slot)).or_insert_with(|| {
            let mut all =
                signals.iter().map(|s| means(cx.snapshot.history.signal(cx.frame, asset, *s, HOUR)));
            let mut sum = all.next().unwrap_or_default();
            for other in all {
                sum.iter_mut().zip(other).for_each(|(a, b)| *a = a.zip(b).map(|(a, b)| a + b));
            }
            sum
        });
    }

    /// The course of an asset, as a drawing.
    #[must_use]
    pub fn field(&self, cx: &Context<'_>, asset: Asset, slot: u8) -> Field {
        let Some(values) = self.known.get(&(asset, slot)) else { return Field::default() };
        let draw = Some(Draw::Spark(values.clone(), crate::ui::view::rows::spark_range(values)));
        // Many of them stand together: in the tone of what is normal, not that of one chart.
        Field { draw, ..Field::styled("", cx.brush.style(Scope::BandNormal)) }
    }
}

/// The means of a series.
#[must_use]
pub fn means(points: Vec<Option<Point>>) -> Vec<Option<f32>> {
    points.into_iter().map(|p| p.map(|p| p.mean)).collect()
}

/// One chart of a view of the plant.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Whose value.
    pub asset: Asset,
    /// Which value; several are added.
    pub signals: Vec<Signal>,
    /// What stands above it, before the value and the span.
    pub title: String,
    /// Unit.
    pub unit: &'static str,
    /// Limit lines.
    pub limits: [Option<f32>; 2],
    /// Smallest span of the scale, in units.
    pub least: f32,
    /// True for quantities that are read against zero.
    pub from_zero: bool,
}

/// Charts of a view of the plant, with their series.
#[derive(Debug, Default)]
pub struct Plots {
    plots: Vec<Plot>,
    series: Vec<Vec<Option<Point>>>,
    key: Option<(i64, usize, u32)>,
    /// Index into [`SPANS`].
    span: usize,
}

impl Plots {
    /// Shows these charts; series are read when a new point begins, or the charts are others.
    pub fn update(&mut self, cx: &Context<'_>, plots: Vec<Plot>) {
        let (ms, points, _) = SPANS[self.span];
        let key = Some((point_of(SPANS[self.span], cx.frame.time), self.span, cx.topology().generation()));
        let same = |a: &Plot, b: &Plot| a.asset == b.asset && a.signals == b.signals;
        let changed =
            self.plots.len() != plots.len() || self.plots.iter().zip(&plots).any(|(a, b)| !same(a, b));
        if self.key != key || changed {
            let read = |p: &Plot| {
                let one = |s: &Signal| cx.snapshot.history.signal(cx.frame, p.asset, *s, (ms, points));
                p.signals.iter().map(one).reduce(added).unwrap_or_default()
            };
            self.series = plots.iter().map(read).collect();
            self.key = key;
        }
        self.plots = plots;
    }

    /// A wider or narrower span of time; `None` steps through them.
    pub fn zoom(&mut self, wider: Option<bool>) {
        let last = SPANS.len() - 1;
        self.span = match wider {
            Some(true) => (self.span + 1).min(last),
            Some(false) => self.span.saturating_sub(1),
            None => (self.span + 1) % SPANS.len(),
        };
    }

    /// Draws the charts into a grid of `columns`.
    pub fn render(&self, cx: &Context<'_>, area: Rect, columns: u16, buf: &mut Buffer) {
        let count = self.plots.len() as u16;
        if count == 0 || columns == 0 || area.height < 3 {
            return;
        }
        let rows = count.div_ceil(columns);
        let (width, height) = (area.width / columns, area.height / rows);
        let (ms, _, name) = SPANS[self.span];
        for (i, (plot, points)) in (0u16..).zip(self.plots.iter().zip(&self.series)) {
            let at = Rect {
                x: area.x + i % columns * width,
                y: area.y + i / columns * height,
                width: width.saturating_sub(2),
                height: height.saturating_sub(u16::from(height > 5)),
            };
            let sum = |a: Option<f32>, b: Option<f32>| a.zip(b).map(|(a, b)| a + b);
            let now = plot.signals.iter().map(|s| cx.frame.facility.signal(plot.asset, *s)).reduce(sum);
            let now = quantity(now.flatten(), plot.unit, cx.brush.glyphs.absent);
            let title = format!("{} {now}  {name}", plot.title);
            let chart = if plot.from_zero {
                Chart { points, scale: (0.0, plot.least), limits: plot.limits, span_ms: ms }
            } else {
                Chart::fitted(points, plot.limits, plot.least, ms)
            };
            chart.render(cx, at, &title, buf);
        }
    }
}

/// Two series, point by point; where one is not known, neither is the sum.
fn added(a: Vec<Option<Point>>, b: Vec<Option<Point>>) -> Vec<Option<Point>> {
    let sum = |(a, b): (Option<Point>, Option<Point>)| {
        let (a, b) = (a?, b?);
        Some(Point { min: a.min + b.min, mean: a.mean + b.mean, max: a.max + b.max })
    };
    a.into_iter().zip(b).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_their_units_and_absent_is_not_zero() {
        assert_eq!(quantity(Some(32.04), "°C", '-'), "32.0 °C");
        assert_eq!(quantity(Some(1041.3), "kW", '-'), "1 041 kW");
        assert_eq!(quantity(Some(0.0), "LPM", '-'), "0 LPM");
        assert_eq!(quantity(None, "LPM", '-'), "-");
        assert_eq!(quantity(Some(8.0), "", '-'), "8");
    }

    #[test]
    fn a_sum_is_known_where_all_parts_are() {
        let a = vec![Some(Point::of(1.0)), None, Some(Point::of(2.0))];
        let b = vec![Some(Point::of(3.0)), Some(Point::of(3.0)), None];
        assert_eq!(added(a, b), [Some(Point::of(4.0)), None, None]);
    }

    #[test]
    fn a_value_beside_its_band_is_named_by_its_side() {
        let normal = limits::Normal { low: Some(10.0), high: Some(20.0), priority: 3 };
        let words = |v| beside(normal, v, ("low", "high")).map(|n| n.text);
        assert_eq!((words(Some(5.0)), words(Some(25.0))), (Some("low".into()), Some("high".into())));
        assert_eq!((words(Some(15.0)), words(None)), (None, None));
    }
}
