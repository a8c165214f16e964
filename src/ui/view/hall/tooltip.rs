//! The values of the GPU under the cursor, in a box beside it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::{Asset, ClockEvents, GpuId, Metric, Quality};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::frame::Frame;

/// Columns and lines of the box.
const SIZE: (u16, u16) = (46, 8);

/// One line of facts: label, value, and how the value is to be drawn.
pub type Fact = (&'static str, String, Scope);

/// Draws the box beside the cell `at`, inside of `area`.
pub fn render(cx: &Context<'_>, at: (u16, u16), area: Rect, buf: &mut Buffer) {
    let Some(gpu) = cx.selection.gpu(cx.topology()) else { return };
    if area.width < SIZE.0 + 8 || area.height < SIZE.1 {
        return;
    }
    let right = at.0 + 4 + SIZE.0 <= area.right();
    let x = if right { at.0 + 4 } else { at.0.saturating_sub(SIZE.0 + 3).max(area.x) };
    let y = at.1.saturating_sub(1).clamp(area.y, area.bottom() - SIZE.1);
    let place = Rect::new(x, y, SIZE.0, SIZE.1);
    cx.brush.on(place, buf).fill(cx.brush.style(Scope::Text));
    let title = place_name(cx, gpu);
    let inner = Frame { title: &title, note: "", focused: false }.render(cx.brush, place, buf);
    let facts = facts(cx, gpu);
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
    cx.brush.on(area, buf).text((area.x + 7, area.y), value, cx.brush.style(*scope));
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
