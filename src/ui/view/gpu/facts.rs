//! What is known about a GPU: who it is, its values, its state, its node.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::{Asset, ClockEvents, GpuId, Metric, Quality, xid};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::origin::{self, Origin};
use crate::ui::view::{nodes, value};
use crate::ui::widget::band::Band;

/// Columns of names.
const LABEL: u16 = 12;
/// Columns of values that have a band beside them.
const VALUE: u16 = 11;
/// The quantities, with the most wanted first.
const QUANTITIES: [Metric; 8] = [
    Metric::Util,
    Metric::Power,
    Metric::Temp,
    Metric::MemTemp,
    Metric::SmClock,
    Metric::MemUsed,
    Metric::Activity,
    Metric::Margin,
];

/// NVLink fabric health (DCGM 175) and recovery action (DCGM 1523) in words.
const FABRIC: [(&str, u8); 4] =
    [("not supported", 0), ("healthy", 0), ("unhealthy", 2), ("limited capacity", 3)];
const RECOVERY: [(&str, u8); 5] =
    [("none", 0), ("reset GPU", 3), ("reboot node", 3), ("drain P2P", 3), ("drain and reset", 3)];

/// What is compared within the tray.
const SIBLINGS: [Metric; 4] = [Metric::Util, Metric::Power, Metric::Temp, Metric::MemTemp];

/// One line.
struct Line {
    label: String,
    text: String,
    style: Style,
    band: Option<Band>,
}

/// Draws the facts in as many columns as fit; what does not fit is left out from the end.
pub fn render(cx: &Context<'_>, gpu: GpuId, area: Rect, buf: &mut Buffer) {
    let brush = cx.brush;
    let width = if area.width >= 70 { area.width / 2 } else { area.width };
    let columns = area.width / width.max(1);
    let rows = usize::from(area.height.max(1));
    let mut lines = lines(cx, gpu, columns > 1);
    let table = siblings(cx, gpu);
    // The table of the tray is not torn apart over two columns.
    let torn = lines.len() % rows + table.len() > rows;
    if torn {
        lines.resize_with(lines.len().next_multiple_of(rows), || plain(cx, "", String::new()));
    }
    lines.extend(table);
    for (i, line) in lines.iter().take(rows * usize::from(columns)).enumerate() {
        let x = area.x + (i / rows) as u16 * width;
        let y = area.y + (i % rows) as u16;
        let cell = Rect { x, y, width: width.saturating_sub(1), height: 1 }.intersection(area);
        brush.on(cell, buf).text((x + 1, y), &line.label, brush.style(Scope::TextDim));
        let at = x + 1 + LABEL;
        match line.band {
            Some(band) if cell.right() > at + VALUE + 6 => {
                let said = text::right(&line.text, usize::from(VALUE) - 1, brush.glyphs.ellipsis);
                let blanks = said.len() - said.trim_start().len();
                brush.on(cell, buf).text((at + blanks as u16, y), said.trim_start(), line.style);
                let room = cell.right() - at - VALUE;
                band.render(brush, Rect { x: at + VALUE, y, width: room.min(28), height: 1 }, buf);
            }
            _ => {
                brush.on(cell, buf).text((at, y), &line.text, line.style);
            }
        }
    }
}

fn lines(cx: &Context<'_>, gpu: GpuId, compact: bool) -> Vec<Line> {
    let mut out = state(cx, gpu);
    out.extend(quantities(cx, gpu));
    out.extend(origins(cx, gpu));
    if !compact {
        out.push(plain(cx, "", String::new()));
    }
    out.extend(identity(cx, gpu));
    if !compact {
        out.push(plain(cx, "", String::new()));
    }
    out.extend(node(cx, gpu));
    out
}

fn plain(cx: &Context<'_>, label: &str, text: String) -> Line {
    Line { label: label.to_owned(), text, style: cx.brush.style(Scope::Text), band: None }
}

fn quantities(cx: &Context<'_>, gpu: GpuId) -> Vec<Line> {
    let mut model = cx.topology().gpu_model(gpu).clone();
    // What the GPU says of itself goes before the plan.
    let reported = cx.snapshot.inventory.gpu(gpu).map_or(0, |f| f.memory_mib);
    model.memory_mib = if reported > 0 { reported } else { model.memory_mib };
    let line = |metric: Metric| {
        let shown = value::long(cx, gpu, metric);
        // Only a fresh value may stand in its band as if it were true now.
        let now = shown.share.and_then(|_| cx.frame.value(gpu, metric));
        let band = value::band(&model, metric, now);
        let outside = band.filter(Band::is_outside).map(|b| cx.brush.style(Scope::alarm(b.priority)));
        Line {
            label: metric.spec().label.to_owned(),
            text: shown.text,
            style: outside.unwrap_or(shown.style),
            band,
        }
    };
    QUANTITIES.into_iter().map(line).collect()
}

fn state(cx: &Context<'_>, gpu: GpuId) -> Vec<Line> {
    let frame = cx.frame;
    let brush = cx.brush;
    let quality = frame.quality(gpu);
    let age = frame.age(gpu).map_or("never seen".to_owned(), |s| format!("{} old", value::seconds(s)));
    let (mark, scope) = match quality {
        Quality::Good => (String::new(), Scope::Text),
        Quality::Stale => (format!("{} ", brush.glyphs.stale), Scope::QualityStale),
        Quality::Lost => (format!("{} ", brush.glyphs.lost), Scope::QualityLost),
        Quality::Unsupported => (format!("{} ", brush.glyphs.dash), Scope::QualityAbsent),
    };
    let styled =
        |label: &str, text: String, scope| Line { style: brush.style(scope), ..plain(cx, label, text) };
    let health = frame.health(gpu);
    let health_scope = health.map_or(Scope::QualityAbsent, value::health_scope);
    let job = frame.job(gpu).map_or("idle or unknown".to_owned(), |j| {
        if j.tenant.is_empty() { j.job.clone() } else { format!("{}, tenant {}", j.job, j.tenant) }
    });
    let mut out = vec![
        styled("quality", format!("{mark}{}, {age}", quality.name()), scope),
        styled("health", health.map_or(brush.glyphs.dash.to_string(), |h| h.name().to_owned()), health_scope),
        plain(cx, "job", job),
    ];
    let events = value::long(cx, gpu, Metric::ClockEvents);
    let bits = frame.value(gpu, Metric::ClockEvents).filter(|_| events.share.is_some());
    let fault = bits.is_some_and(|b| ClockEvents(b as u16).is_fault());
    let events_style = if fault { brush.style(Scope::alarm(2)) } else { events.style };
    out.push(Line { style: events_style, ..plain(cx, "clocks held", events.text) });
    out.push(last_xid(cx, gpu));
    out.extend(word(cx, gpu, Metric::Fabric, &FABRIC));
    out.extend(word(cx, gpu, Metric::Recovery, &RECOVERY));
    out
}

/// Which source gave the quantities, and how long ago.
fn origins(cx: &Context<'_>, gpu: GpuId) -> Vec<Line> {
    let value = |metric: Metric| Origin {
        label: metric.spec().label,
        present: value::long(cx, gpu, metric).share.is_some(),
        mark: cx.snapshot.origins.gpu(gpu, metric),
    };
    let values = QUANTITIES.map(value);
    let lines = origin::lines(cx, &values).into_iter().enumerate();
    let line = |(i, (text, scope)): (usize, (String, Scope))| Line {
        style: cx.brush.style(scope),
        ..plain(cx, if i == 0 { "values from" } else { "" }, text)
    };
    lines.map(line).collect()
}

/// A code in its words (`words[code]`, with the priority of what it means, 0 = none); nothing where
/// the GPU does not report it.
fn word(cx: &Context<'_>, gpu: GpuId, metric: Metric, words: &[(&str, u8)]) -> Option<Line> {
    let code = cx.frame.value(gpu, metric)? as usize;
    let (word, priority) = words.get(code).copied().unwrap_or(("unknown", 0));
    let scope = if priority > 0 { Scope::alarm(priority) } else { Scope::Text };
    let style = cx.brush.style(scope);
    Some(Line { style, ..plain(cx, metric.spec().label, word.to_owned()) })
}

/// The last XID stays true when the GPU is lost: it may be the reason.
fn last_xid(cx: &Context<'_>, gpu: GpuId) -> Line {
    let brush = cx.brush;
    let code = cx.frame.value(gpu, Metric::Xid).map(|v| v as u16);
    let (text, scope) = match code {
        None => (brush.glyphs.dash.to_string(), Scope::QualityAbsent),
        Some(0) => ("none".to_owned(), Scope::Text),
        Some(code) => {
            let scope = match xid::class(code) {
                xid::Class::Fatal => Scope::alarm(1),
                xid::Class::Degraded => Scope::alarm(3),
                _ => Scope::Text,
            };
            let words = xid::lookup(code)
                .map_or("not in the catalogue".to_owned(), |x| format!("{}: {}", x.meaning, x.action));
            (format!("{code} {words}"), scope)
        }
    };
    Line { style: brush.style(scope), ..plain(cx, "last XID", text) }
}

fn identity(cx: &Context<'_>, gpu: GpuId) -> Vec<Line> {
    let t = cx.topology();
    let mut out = vec![plain(cx, "name", t.full_name(Asset::Gpu(gpu)))];
    let host = &t.tray(t.tray_of(gpu)).host;
    if !host.is_empty() {
        out.push(plain(cx, "host", host.clone()));
    }
    let model = t.gpu_model(gpu);
    let Some(facts) = cx.snapshot.inventory.gpu(gpu) else {
        out.push(plain(
            cx,
            "model",
            format!("{} {}, as planned", model.name, text::memory(model.memory_mib.into())),
        ));
        let style = cx.brush.style(Scope::QualityAbsent);
        out.push(Line { style, ..plain(cx, "identity", format!("{} not reported", cx.brush.glyphs.dash)) });
        return out;
    };
    let memory = if facts.memory_mib > 0 {
        format!(" {}", text::memory(facts.memory_mib.into()))
    } else {
        String::new()
    };
    let name: &str = if facts.model.is_empty() { &model.name } else { &facts.model };
    out.push(plain(cx, "model", format!("{name}{memory}")));
    let known: [(&str, &str); 5] = [
        ("uuid", &facts.uuid),
        ("PCI bus", &facts.pci),
        ("driver", &facts.driver),
        ("work", &facts.job),
        ("namespace", &facts.tenant),
    ];
    out.extend(
        known.into_iter().filter(|(_, v)| !v.is_empty()).map(|(label, v)| plain(cx, label, v.to_owned())),
    );
    out
}

fn node(cx: &Context<'_>, gpu: GpuId) -> Vec<Line> {
    let facts = nodes::facts(cx, cx.topology().tray_of(gpu));
    facts.into_iter().map(|(label, value)| plain(cx, &format!("node {label}"), value)).collect()
}

/// The other GPUs of the tray, for comparison.
fn siblings(cx: &Context<'_>, gpu: GpuId) -> Vec<Line> {
    let t = cx.topology();
    let gpus = t.tray(t.tray_of(gpu)).gpus;
    let heads = SIBLINGS.map(|m| text::right(m.spec().label, 9, cx.brush.glyphs.ellipsis));
    let heads = Line { style: cx.brush.style(Scope::TextDim), ..plain(cx, "this tray", heads.join("")) };
    let mut out = vec![heads];
    out.extend(gpus.iter().map(GpuId).map(|g| {
        let values = [Metric::Util, Metric::Power, Metric::Temp, Metric::MemTemp]
            .map(|m| text::right(&value::long(cx, g, m).text, 9, cx.brush.glyphs.ellipsis));
        let mark = if g == gpu { ">" } else { " " };
        let quality = cx.frame.quality(g);
        let scope = match quality {
            Quality::Good if g == gpu => Scope::TextStrong,
            Quality::Good => Scope::Text,
            Quality::Stale => Scope::QualityStale,
            Quality::Lost => Scope::QualityLost,
            Quality::Unsupported => Scope::QualityAbsent,
        };
        let line = plain(cx, &format!("{mark} {}", t.short_name(Asset::Gpu(g))), values.join(""));
        Line { style: cx.brush.style(scope), ..line }
    }));
    out
}
