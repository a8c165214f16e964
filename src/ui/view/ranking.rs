//! Lists beside a map: the worst GPUs or racks of what it shows, and how many GPUs each name holds.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Frame;
use crate::model::metric::{Kind, Worst};
use crate::model::{Asset, ClockEvents, HallId, Health, Metric, RackId, xid};
use crate::ui::context::Context;
use crate::ui::layer::Layer;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::hall::tooltip;
use crate::ui::widget::badge::Badge;

/// Lines that are kept.
pub const LINES: usize = 24;

/// What to rank by: health, where the values of the chosen metric have no order.
#[must_use]
pub const fn ordered(chosen: Layer) -> Layer {
    match chosen {
        Layer::Gpu(metric) if matches!(metric.spec().kind, Kind::Category) => Layer::Gpu(Metric::Health),
        _ => chosen,
    }
}

/// The `n` worst GPUs or racks of an asset with their values, the worst first.
#[must_use]
pub fn worst(frame: &Frame, asset: Asset, layer: Layer, n: usize) -> Vec<(Asset, f32)> {
    let rack = match layer {
        Layer::Gpu(metric) => {
            let list = frame.worst_list(asset, metric, n);
            return list.into_iter().map(|(gpu, value)| (Asset::Gpu(gpu), value)).collect();
        }
        Layer::Rack(rack) => rack,
    };
    let t = &frame.topology;
    let racks = match asset {
        Asset::Hall(h) => t.hall(h).racks.range(),
        Asset::Row(r) => t.row(r).racks.range(),
        _ => 0..t.racks().len(),
    };
    let known = racks.map(RackId::new).filter_map(|id| Some((rack.value(frame, id)?, id)));
    let mut list: Vec<(f32, RackId)> = known.collect();
    let low = rack.spec().worst == Worst::Low;
    list.sort_by(|a, b| {
        let value = if low { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) };
        value.then(a.1.cmp(&b.1))
    });
    list.truncate(n);
    list.into_iter().map(|(value, id)| (Asset::Rack(id), value)).collect()
}

/// The worst GPUs or racks of an asset.
#[derive(Debug, Default)]
pub struct Ranking {
    layer: Option<Layer>,
    list: Vec<(Asset, f32)>,
}

impl Ranking {
    /// Ranks by what the map shows; where its values have no order, by health.
    pub fn update(&mut self, cx: &Context<'_>, asset: Asset) {
        let layer = ordered(cx.choice.layer());
        self.list = worst(cx.frame, asset, layer, LINES);
        self.layer = Some(layer);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// `WORST temp`; of metrics without a bad end it is simply the high one.
    #[must_use]
    pub fn title(&self) -> String {
        let Some(layer) = self.layer else { return String::new() };
        let worst = match layer {
            Layer::Gpu(metric) => metric.spec().worst,
            Layer::Rack(rack) => rack.spec().worst,
        };
        let word = match (worst, layer) {
            (Worst::Neither, _) => "HIGHEST",
            (Worst::Low, Layer::Rack(_)) => "LOWEST",
            (Worst::High, Layer::Rack(_)) => "HIGHEST",
            _ => "WORST",
        };
        format!("{word} {}", layer.label())
    }

    /// The hall of the one in place `i`.
    #[must_use]
    pub fn hall(&self, cx: &Context<'_>, i: usize) -> Option<HallId> {
        let t = cx.topology();
        match self.list.get(i)?.0 {
            Asset::Gpu(gpu) => Some(t.hall_of(gpu)),
            Asset::Rack(rack) => Some(t.row(t.rack(rack).row).hall),
            _ => None,
        }
    }

    /// Draws the line in place `i`: badge, where it is, its job, its value.
    pub fn line(&self, cx: &Context<'_>, i: usize, area: Rect, buf: &mut Buffer) {
        let (Some((asset, value)), Some(layer)) = (self.list.get(i).copied(), self.layer) else { return };
        let (priority, place, more, shown) = match (asset, layer) {
            (Asset::Gpu(gpu), Layer::Gpu(metric)) => {
                let shown = match metric {
                    Metric::Health => cx.frame.health(gpu).map_or_else(String::new, |h| h.name().to_owned()),
                    Metric::Xid | Metric::ClockEvents => format!("{value:.0}"),
                    _ => text::value(metric, f64::from(value)),
                };
                let job = cx.frame.job(gpu).map_or("", |j| j.job.as_str()).to_owned();
                let priority = cx.frame.exceptions().get(gpu.index()).copied().unwrap_or(0);
                (priority, tooltip::place_name(cx, gpu), job, shown)
            }
            (Asset::Rack(id), Layer::Rack(rack)) => {
                let words = crate::ui::view::plant::rack_words(cx, id);
                (rack.priority(cx.frame, id), tooltip::rack_name(cx, id), words, rack.text(value))
            }
            _ => return,
        };
        let scope = if priority > 0 { Scope::alarm(priority) } else { Scope::Text };
        let mut pen = cx.brush.on(area, buf);
        if priority > 0 {
            Badge { priority, filled: false }.render(&mut pen, (area.x + 1, area.y));
        }
        pen.text((area.x + 4, area.y), &place, cx.brush.style(Scope::Text));
        let x = area.right().saturating_sub(text::width(&shown) as u16 + 1).max(area.x);
        if area.width >= 50 {
            let room = Rect { width: x.saturating_sub(area.x + 1), ..area };
            cx.brush.on(room, buf).text((area.x + 24, area.y), &more, cx.brush.style(Scope::TextDim));
        }
        cx.brush.on(area, buf).text((x, area.y), &shown, cx.brush.style(scope));
    }
}

/// How many GPUs of `asset` each value of a metric without a scale has: slot or code, words and
/// count, most first. Empty for quantities.
#[must_use]
pub fn shares(cx: &Context<'_>, asset: Asset, metric: Metric) -> Vec<(u16, String, u32)> {
    if metric.spec().kind == Kind::Quantity {
        return Vec::new();
    }
    let column = cx.frame.column(metric);
    let mut counts = BTreeMap::<u16, u32>::new();
    for g in cx.topology().gpus_of(asset).iter() {
        *counts.entry(column.raw(g as usize)).or_default() += 1;
    }
    let mut out: Vec<(u16, String, u32)> = counts
        .into_iter()
        .filter(|(raw, _)| *raw != metric.none_raw())
        .map(|(raw, n)| (raw, words(cx, metric, raw), n))
        .collect();
    out.sort_by_key(|(raw, _, n)| (Reverse(*n), *raw));
    out
}

fn words(cx: &Context<'_>, metric: Metric, raw: u16) -> String {
    let slot = usize::from(raw);
    match metric {
        Metric::Job | Metric::Tenant if raw == 0 => "idle".to_owned(),
        Metric::Job => cx.frame.jobs.get(slot).map_or_else(|| format!("job {raw}"), |j| j.job.clone()),
        Metric::Tenant => cx.frame.tenants.get(slot).cloned().unwrap_or_else(|| format!("tenant {raw}")),
        Metric::Health => Health::from_raw(raw).map_or("unknown", Health::name).to_owned(),
        Metric::ClockEvents if raw == 0 => "none".to_owned(),
        Metric::ClockEvents => ClockEvents(raw).names().collect::<Vec<_>>().join(", "),
        Metric::Xid if raw == 0 => "none".to_owned(),
        _ => xid::lookup(raw).map_or_else(|| raw.to_string(), |x| format!("{raw} {}", x.meaning)),
    }
}

/// Draws shares as lines: words and count.
pub fn share_lines(cx: &Context<'_>, shares: &[(u16, String, u32)], area: Rect, buf: &mut Buffer) {
    for (i, (_, words, n)) in shares.iter().take(usize::from(area.height)).enumerate() {
        let y = area.y + i as u16;
        let count = text::integer((*n).into());
        let x = area.right().saturating_sub(text::width(&count) as u16);
        let room = Rect { width: area.width.saturating_sub(text::width(&count) as u16 + 1), ..area };
        cx.brush.on(room, buf).text((area.x, y), words, cx.brush.style(Scope::TextDim));
        cx.brush.on(area, buf).text((x.max(area.x), y), &count, cx.brush.style(Scope::Text));
    }
}
