//! Beside the elevation: the values of the rack with their normal bands, and its charts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::model::metric::Metric;
use crate::model::topology::{Cooling, RackModel};
use crate::model::{Asset, RackId, RackPoint};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::chart;
use crate::ui::view::nodes;
use crate::ui::view::origin::{self, Origin};
use crate::ui::view::points::brief;
use crate::ui::view::rack::CHARTS;
use crate::ui::widget::band::Band;

/// Columns of names and of values.
const LABEL: u16 = 14;
const VALUE: u16 = 11;
/// Most lines of points of the bus.
const BUS: u16 = 14;
/// Fewest lines of a chart with its heading.
const CHART: u16 = 5;
/// Most lines of a chart: higher ones say no more.
const TALLEST: u16 = 14;

/// Draws the panel: values first, then charts as far as they fit.
pub fn render(cx: &Context<'_>, rack: RackId, area: Rect, series: &[Vec<Option<Point>>], buf: &mut Buffer) {
    let mut y = area.y;
    for line in summary(cx, rack) {
        if y >= area.bottom() {
            return;
        }
        cx.brush.on(area, buf).text((area.x, y), &line, cx.brush.style(Scope::Text));
        y += 1;
    }
    let model = cx.topology().rack_model(rack);
    let said = |p: RackPoint| cx.frame.facility.rack(rack, p);
    for point in RackPoint::ALL.iter().filter(|p| applies(**p, model) && worth(**p, said(**p))) {
        if y >= area.bottom() {
            return;
        }
        point_line(cx, rack, Rect { y, height: 1, ..area }, *point, buf);
        y += 1;
    }
    for (line, scope) in origins(cx, rack) {
        if y >= area.bottom() {
            return;
        }
        cx.brush.on(area, buf).text((area.x, y), &line, cx.brush.style(scope));
        y += 1;
    }
    let most = (area.bottom() - y).div_ceil(3).clamp(1, BUS);
    for (line, scope) in brief::lines(cx, &[Asset::Rack(rack)], (area.width, most)) {
        if y >= area.bottom() {
            return;
        }
        cx.brush.on(area, buf).text((area.x, y), &line, cx.brush.style(scope));
        y += 1;
    }
    let rest = Rect { y: (y + 1).min(area.bottom()), height: area.bottom().saturating_sub(y + 1), ..area };
    let fit = (rest.height / CHART).min(series.len() as u16);
    for i in 0..fit {
        let height = (rest.height / fit).min(TALLEST);
        let at = Rect { y: rest.y + i * height, height, ..rest };
        let metric = CHARTS[usize::from(i)];
        let now = cx.frame.stats(Asset::Rack(rack), metric);
        let note = now.map_or("no value".into(), |s| {
            format!("mean {}  max {}", text::value(metric, s.mean.into()), text::value(metric, s.max.into()))
        });
        let title = format!("GPU {}  {note}", metric.spec().label);
        let (points, scale) = (&series[usize::from(i)], metric.spec().range);
        let chart = chart::Chart { points, scale, limits: [None; 2], span_ms: 900_000 };
        chart.render(cx, at, &title, buf);
    }
}

/// Which sources gave the points, and how long ago.
fn origins(cx: &Context<'_>, rack: RackId) -> Vec<(String, Scope)> {
    let value = |point: &RackPoint| Origin {
        label: point.spec().label,
        present: cx.frame.facility.rack(rack, *point).is_some(),
        mark: cx.snapshot.origins.plant(Asset::Rack(rack), point.index()),
    };
    let values: Vec<_> = RackPoint::ALL.iter().map(value).collect();
    let lines = origin::lines(cx, &values).into_iter();
    lines.map(|(text, scope)| (format!("values from {text}"), scope)).collect()
}

/// What there is to say about the whole rack.
fn summary(cx: &Context<'_>, rack: RackId) -> Vec<String> {
    let counts = cx.frame.counts(Asset::Rack(rack));
    let power = cx.frame.stats(Asset::Rack(rack), Metric::Power);
    let glyphs = cx.brush.glyphs;
    let mut line = format!("{}/{} GPUs good", counts.good, counts.total());
    if counts.stale > 0 {
        line.push_str(&format!("  {}{} stale", glyphs.stale, counts.stale));
    }
    if counts.lost > 0 {
        line.push_str(&format!("  {}{} lost", glyphs.lost, counts.lost));
    }
    if let Some(p) = power {
        line.push_str(&format!("  GPUs {}", text::power(p.sum)));
    }
    let node = cx.selection.tray().map(|t| (cx.topology().tray(t), nodes::line(cx, t)));
    let node = node.filter(|(_, values)| !values.is_empty());
    let mut jobs: Vec<&str> = Vec::new();
    for gpu in cx.topology().rack(rack).gpus.iter() {
        let job = cx.frame.job(crate::model::GpuId(gpu)).map(|j| j.job.as_str());
        if let Some(job) = job.filter(|j| !j.is_empty() && !jobs.contains(j)) {
            jobs.push(job);
        }
    }
    let jobs = if jobs.is_empty() { "no job".to_owned() } else { format!("jobs {}", jobs.join(", ")) };
    let mut lines = vec![line, jobs];
    lines.extend(node.map(|(tray, values)| format!("{}  {values}", tray.name)));
    lines
}

/// A rack without liquid or shelves cannot report about them.
const fn applies(point: RackPoint, model: &RackModel) -> bool {
    match point {
        RackPoint::Power => true,
        RackPoint::ShelvesOk | RackPoint::SideA | RackPoint::SideB | RackPoint::PowerIsolated => {
            model.power_shelves > 0
        }
        RackPoint::SwitchesOk => model.switch_trays > 0,
        _ => matches!(model.cooling, Cooling::Liquid),
    }
}

/// Faults and isolations are said when they are there; that they are not goes without saying.
fn worth(point: RackPoint, now: Option<f32>) -> bool {
    let exception = matches!(
        point,
        RackPoint::LeakFault | RackPoint::LeakTray | RackPoint::LiquidIsolated | RackPoint::PowerIsolated
    );
    !exception || now.is_some_and(|v| v > 0.0)
}

fn point_line(cx: &Context<'_>, rack: RackId, area: Rect, point: RackPoint, buf: &mut Buffer) {
    let brush = cx.brush;
    let spec = point.spec();
    let model = cx.topology().rack_model(rack);
    let label = text::left(spec.label, usize::from(LABEL) - 1, brush.glyphs.ellipsis);
    brush.on(area, buf).text((area.x, area.y), &label, brush.style(Scope::TextDim));
    let at = (area.x + LABEL, area.y);
    let Some(now) = cx.frame.facility.rack(rack, point) else {
        let said = format!("{} not reported", brush.glyphs.dash);
        brush.on(area, buf).text(at, &said, brush.style(Scope::QualityAbsent));
        return;
    };
    let normal = match point {
        RackPoint::Power if model.tdp_kw > 0.0 => (0.0, model.tdp_kw),
        RackPoint::ShelvesOk => (f32::from(model.power_shelves), f32::from(model.power_shelves)),
        RackPoint::SwitchesOk => (f32::from(model.switch_trays), f32::from(model.switch_trays)),
        _ => spec.normal,
    };
    let said = match point {
        RackPoint::Leak => {
            if now == 0.0 {
                "dry".to_owned()
            } else {
                "WET".to_owned()
            }
        }
        RackPoint::ShelvesOk => format!("{now:.0} of {}", model.power_shelves),
        RackPoint::SwitchesOk => format!("{now:.0} of {}", model.switch_trays),
        RackPoint::LeakTray => format!("T{now:02.0}"),
        RackPoint::LeakFault => "BROKEN".to_owned(),
        RackPoint::LiquidIsolated | RackPoint::PowerIsolated => "SHUT OFF".to_owned(),
        _ => format!("{} {}", text::significant(f64::from(now)), spec.unit),
    };
    let spread = ((normal.1 - normal.0) * 0.3).max(0.5);
    let low = if matches!(point, RackPoint::Power | RackPoint::SideA | RackPoint::SideB) {
        None
    } else {
        Some(normal.0)
    };
    let band = Band {
        range: (normal.0 - if low.is_some() { spread } else { 0.0 }, normal.1 + spread),
        normal: (low, Some(normal.1)),
        now: Some(now),
        priority: if point == RackPoint::Leak { 1 } else { 2 },
    };
    let scope = if band.is_outside() { Scope::alarm(band.priority) } else { Scope::Text };
    let said = text::right(&said, usize::from(VALUE) - 1, brush.glyphs.ellipsis);
    brush.on(area, buf).text(at, &said, brush.style(scope));
    let x = area.x + LABEL + VALUE;
    let room = area.right().saturating_sub(x);
    if normal.1 > normal.0 && room >= 6 {
        band.render(brush, Rect { x, y: area.y, width: room.min(32), height: 1 }, buf);
    } else if band.is_outside() && room > 0 {
        brush.on(area, buf).glyph((x, area.y), brush.glyphs.alarm(band.priority), brush.style(scope));
    }
}
