//! The values of the GPU under the cursor, in a box beside it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::fleet::limits::plant as limits;
use crate::model::id::Span;
use crate::model::{Asset, ClockEvents, GpuId, Metric, Quality, RackId, RackPoint};
use crate::ui::alarms::rows;
use crate::ui::context::Context;
use crate::ui::layer::Layer;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::plant;
use crate::ui::widget::frame::Frame;

/// Columns and lines of the box.
const SIZE: (u16, u16) = (46, 8);
/// Most alarms in it.
const ALARMS: usize = 3;

/// One line of facts: label, value, and how the value is to be drawn.
pub type Fact = (&'static str, String, Scope);

/// Draws the box beside the cell `at`, inside of `area`.
pub fn render(cx: &Context<'_>, at: (u16, u16), area: Rect, buf: &mut Buffer) {
    let Some(gpu) = cx.selection.gpu(cx.topology()) else { return };
    let gpus = Span { start: gpu.0, end: gpu.0 + 1 };
    let alarms = rows::lines(cx, gpus, ALARMS).min(area.height.saturating_sub(SIZE.1));
    let height = SIZE.1 + alarms;
    if area.width < SIZE.0 + 8 || area.height < height {
        return;
    }
    let right = at.0 + 4 + SIZE.0 <= area.right();
    let x = if right { at.0 + 4 } else { at.0.saturating_sub(SIZE.0 + 3).max(area.x) };
    let y = at.1.saturating_sub(1).clamp(area.y, area.bottom() - height);
    let place = Rect::new(x, y, SIZE.0, height);
    cx.brush.on(place, buf).fill(cx.brush.style(Scope::Text));
    let title = title(cx, gpu);
    let inner = Frame { title: &title, note: "", focused: false }.render(cx.brush, place, buf);
    let foot = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    rows::at_foot(cx, gpus, alarms, foot, buf);
    let facts = shown(cx, gpu);
    let half = inner.width / 2;
    for (i, fact) in facts.iter().enumerate() {
        let column = (i % 2) as u16;
        let row = inner.y + (i / 2) as u16;
        let cell = Rect::new(inner.x + 1 + column * half, row, half - 1, 1);
        line(cx, fact, cell, buf);
    }
}

/// Label and value in one line.
pub fn line(cx: &Context<'_>, (label, value, scope): &Fact, area: Rect, buf: &mut Buffer) {
    let dim: Style = cx.brush.style(Scope::TextDim);
    cx.brush.on(area, buf).text((area.x, area.y), label, dim);
    cx.brush.on(area, buf).text((area.x + 8, area.y), value, cx.brush.style(*scope));
}

/// The name of what the map shows at a GPU: its own, or that of its rack.
pub fn title(cx: &Context<'_>, gpu: GpuId) -> String {
    match cx.choice.layer() {
        Layer::Gpu(_) => place_name(cx, gpu),
        Layer::Rack(_) => rack_name(cx, cx.topology().rack_of(gpu)),
    }
}

/// The values of what the map shows at a GPU: its own, or those of its rack.
pub fn shown(cx: &Context<'_>, gpu: GpuId) -> Vec<Fact> {
    match cx.choice.layer() {
        Layer::Gpu(_) => facts(cx, gpu),
        Layer::Rack(_) => rack_facts(cx, cx.topology().rack_of(gpu)),
    }
}

/// `R17 K5`.
pub fn rack_name(cx: &Context<'_>, rack: RackId) -> String {
    let t = cx.topology();
    format!("{} {}", t.row(t.rack(rack).row).name, t.rack(rack).name)
}

/// What is known of the plant of a rack, and in words what is wrong with it.
fn rack_facts(cx: &Context<'_>, rack: RackId) -> Vec<Fact> {
    let (t, f) = (cx.topology(), &cx.frame.facility);
    let absent = cx.brush.glyphs.absent;
    let point = |label, p: RackPoint| {
        let value = f.rack(rack, p);
        let priority = value.map_or(0, |v| limits::rack(t, rack, p).crossed(v));
        let said = plant::quantity(value, p.spec().unit, absent);
        match (value, priority) {
            (None, _) => (label, said, Scope::QualityAbsent),
            (_, 0) => (label, said, Scope::Text),
            (_, p) => (label, format!("{}{said}", cx.brush.glyphs.alarm(p)), Scope::alarm(p)),
        }
    };
    let derived = |label, value: Option<f32>, unit| {
        let scope = if value.is_none() { Scope::QualityAbsent } else { Scope::Text };
        (label, plant::quantity(value, unit, absent), scope)
    };
    let rise = f.rack(rack, RackPoint::LiquidReturn).zip(f.rack(rack, RackPoint::LiquidSupply));
    let words = plant::rack_words(cx, rack);
    let mut out = vec![
        point("power", RackPoint::Power),
        point("flow", RackPoint::LiquidFlow),
        point("side A", RackPoint::SideA),
        point("supply", RackPoint::LiquidSupply),
        point("side B", RackPoint::SideB),
        point("return", RackPoint::LiquidReturn),
        point("shelves", RackPoint::ShelvesOk),
        derived("dT", rise.map(|(r, s)| r - s), "K"),
        derived("heat", f.heat_balance(rack), "%"),
        point("DP", RackPoint::LiquidDp),
        point("valve", RackPoint::Valve),
    ];
    if !words.is_empty() {
        out.push(("what", words, Scope::TextStrong));
    }
    out
}

/// `R17 K5 tray T09 GPU 2`.
pub fn place_name(cx: &Context<'_>, gpu: GpuId) -> String {
    let t = cx.topology();
    let tray = t.tray_of(gpu);
    format!(
        "{} {} {} {}",
        t.row(t.row_of(gpu)).name,
        t.rack(t.rack_of(gpu)).name,
        t.tray(tray).name,
        t.short_name(Asset::Gpu(gpu))
    )
}

/// What is known of a GPU; absent values are `–`, values that are not good are marked so.
pub fn facts(cx: &Context<'_>, gpu: GpuId) -> Vec<Fact> {
    let quality = cx.frame.quality(gpu);
    let absent = cx.brush.glyphs.absent.to_string();
    let value = |m: Metric| match cx.frame.value(gpu, m) {
        Some(v) => (text::value(m, f64::from(v)), value_scope(cx, gpu, quality)),
        None => (absent.clone(), Scope::QualityAbsent),
    };
    let fact = |label, m| {
        let (text, scope) = value(m);
        (label, text, scope)
    };
    let health = cx.frame.health(gpu).map_or_else(|| absent.clone(), |h| h.name().to_owned());
    let (age, age_scope) = match (cx.frame.age(gpu), quality) {
        (None, _) => ("never seen".to_owned(), Scope::QualityLost),
        (Some(s), Quality::Good) => (format!("{s} s"), Scope::Text),
        (Some(s), q) => (format!("{} {}", text::age(i64::from(s) * 1000), q.name()), Scope::QualityStale),
    };
    let job = cx.frame.job(gpu);
    let events = cx.frame.value(gpu, Metric::ClockEvents).map(|v| ClockEvents(v as u16));
    let events = events.map_or_else(|| absent.clone(), |e| e.names().collect::<Vec<_>>().join(", "));
    vec![
        fact("util", Metric::Util),
        fact("power", Metric::Power),
        fact("temp", Metric::Temp),
        fact("HBM", Metric::MemTemp),
        fact("memory", Metric::MemUsed),
        fact("clock", Metric::SmClock),
        ("health", health, value_scope(cx, gpu, quality)),
        ("age", age, age_scope),
        ("job", job.map_or_else(|| "idle".to_owned(), |j| j.job.clone()), Scope::Text),
        ("tenant", job.map_or_else(|| absent.clone(), |j| j.tenant.clone()), Scope::Text),
        ("events", if events.is_empty() { "none".to_owned() } else { events }, value_scope(cx, gpu, quality)),
        fact("margin", Metric::Margin),
    ]
}

fn value_scope(cx: &Context<'_>, gpu: GpuId, quality: Quality) -> Scope {
    match (quality, cx.frame.exceptions().get(gpu.index())) {
        (Quality::Good, Some(2)) => Scope::AlarmP2,
        (Quality::Good, Some(3)) => Scope::AlarmP3,
        (Quality::Good, _) => Scope::Text,
        (Quality::Stale, _) => Scope::QualityStale,
        _ => Scope::QualityLost,
    }
}
