//! How the alarm system does, by the figures of ISA-18.2 and EEMUA 191: what is measured, and what
//! is aimed at. What misses its aim is marked by `!`, not by colour: no alarm stands for it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::alarm::Kpi;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::spark::Spark;

/// Columns of label and value.
const LABELS: u16 = 16;
const VALUES: u16 = 18;

struct Line {
    label: &'static str,
    value: String,
    aim: &'static str,
    missed: bool,
}

/// Draws the figures into a box.
pub fn render(cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let kpi = &cx.snapshot.alarms.kpi;
    let inner = if area.height >= 8 {
        let note = format!("watched {}", text::age(kpi.watched_ms));
        Frame { title: "ALARM SYSTEM", note: &note, focused: false }.render(cx.brush, area, buf)
    } else {
        area
    };
    let b = cx.brush;
    let lines = lines(cx, kpi);
    let mut y = inner.y;
    for line in lines.iter().take(usize::from(inner.height)) {
        let mut pen = b.on(inner, buf);
        pen.text((inner.x + 1, y), line.label, b.style(Scope::TextDim));
        let mark = if line.missed { "! " } else { "  " };
        let scope = if line.missed { Scope::TextStrong } else { Scope::Text };
        let end = pen.text((inner.x + LABELS, y), &format!("{mark}{}", line.value), b.style(scope));
        let x = (inner.x + LABELS + VALUES).max(end + 1);
        pen.text((x, y), line.aim, b.style(Scope::TextDim));
        y += 1;
    }
    let rest = Rect { y, height: inner.bottom().saturating_sub(y), ..inner };
    bins(cx, kpi, rest, buf);
    let rest = Rect { y: y + 2, height: rest.height.saturating_sub(2), ..rest };
    top(cx, kpi, rest, buf);
}

fn lines(cx: &Context<'_>, kpi: &Kpi) -> Vec<Line> {
    let n = |n: u32| text::integer(n.into());
    let line = |label, value, aim, missed| Line { label, value, aim, missed };
    let share = |s: f32| format!("{:.1} %", 100.0 * s);
    let all: u32 = kpi.mix.iter().sum();
    let mix = (1u8..).zip(kpi.mix).map(|(priority, count)| {
        let badge = Badge { priority, filled: false }.text(cx.brush);
        let percent = if all == 0 { 0.0 } else { 100.0 * f64::from(count) / f64::from(all) };
        format!("{badge} {percent:.0} %")
    });
    let counts = &cx.snapshot.alarms.counts;
    let flood = if kpi.flood { "FLOOD now" } else { "no flood" };
    vec![
        line("last 10 min", format!("{}, {flood}", n(kpi.per_10_min)), "flood from 11", kpi.flood),
        line("last hour", n(kpi.per_hour), "aim 6 to 12", kpi.per_hour > 12),
        line("last 24 h", n(kpi.per_day), "aim 144 to 288", kpi.per_day > 288),
        line("time in flood", share(kpi.flood_share), "aim below 1 %", kpi.flood_share >= 0.01),
        line("busy 10 min", share(kpi.busy_share), "aim below 1 %", kpi.busy_share >= 0.01),
        line("most in 10 min", n(kpi.peak_10_min), "aim 10 or fewer", kpi.peak_10_min > 10),
        line("standing", n(kpi.standing), "aim below 10", kpi.standing >= 10),
        line("stale over 24 h", n(kpi.stale), "aim below 5", kpi.stale >= 5),
        line("chattering", n(kpi.chattering), "aim 0", kpi.chattering > 0),
        line("shelved", n(counts.shelved), "reviewed each shift", false),
        line("mean ack", kpi.mean_ack_s.map_or("-".into(), |s| text::age((s * 1000.0) as i64)), "", false),
        line("priorities", mix.collect::<Vec<_>>().join("  "), "", false),
    ]
}

/// Annunciations in each 10 minutes of a day.
fn bins(cx: &Context<'_>, kpi: &Kpi, area: Rect, buf: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let b = cx.brush;
    let most = kpi.bins.iter().copied().max().unwrap_or(0);
    let label = format!("alarms in 10 min, 24 h, 0 to {most}");
    b.on(area, buf).text((area.x + 1, area.y), &label, b.style(Scope::TextDim));
    let values: Vec<Option<f32>> = kpi.bins.iter().map(|n| Some(f32::from(*n))).collect();
    let line = Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: 1 };
    let high = f32::from(most.max(10));
    Spark { values: &values, range: (0.0, high), style: b.style(Scope::ChartLine) }.render(b, line, buf);
}

/// The most frequent alarms.
fn top(cx: &Context<'_>, kpi: &Kpi, area: Rect, buf: &mut Buffer) {
    if area.height < 2 || kpi.top.is_empty() {
        return;
    }
    let b = cx.brush;
    b.on(area, buf).text((area.x + 1, area.y), "most frequent, 24 h", b.style(Scope::TextDim));
    for (i, (_, rule, place, count)) in kpi.top.iter().take(usize::from(area.height - 1)).enumerate() {
        let y = area.y + 1 + i as u16;
        let count = text::integer((*count).into());
        let x = area.right().saturating_sub(text::width(&count) as u16 + 1).max(area.x);
        let room = Rect { width: x.saturating_sub(area.x + 1), ..area };
        b.on(room, buf).text((area.x + 1, y), &format!("{place}  {rule}"), b.style(Scope::Text));
        b.on(area, buf).text((x, y), &count, b.style(Scope::Text));
    }
}
