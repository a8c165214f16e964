//! Lists beside a map: the worst GPUs of a metric, and how many GPUs each name holds.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::metric::{Kind, Worst};
use crate::model::{Asset, ClockEvents, GpuId, Health, Metric, xid};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::hall::tooltip;
use crate::ui::widget::badge::Badge;

/// Lines that are kept.
pub const LINES: usize = 24;

/// The metric to rank by: health, where the values of the chosen one have no order.
#[must_use]
pub const fn ordered(chosen: Metric) -> Metric {
    match chosen.spec().kind {
        Kind::Category => Metric::Health,
        _ => chosen,
    }
}

/// The worst GPUs of an asset.
#[derive(Debug, Default)]
pub struct Ranking {
    metric: Option<Metric>,
    list: Vec<(GpuId, f32)>,
}

impl Ranking {
    /// Ranks by the chosen metric; where its values have no order, by health.
    pub fn update(&mut self, cx: &Context<'_>, asset: Asset) {
        let metric = ordered(cx.choice.metric);
        self.list = cx.frame.worst_list(asset, metric, LINES);
        self.metric = Some(metric);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// `WORST temp`; of metrics without a bad end it is simply the high one.
    #[must_use]
    pub fn title(&self) -> String {
        let Some(spec) = self.metric.map(Metric::spec) else { return String::new() };
        let word = if spec.worst == Worst::Neither { "HIGHEST" } else { "WORST" };
        format!("{word} {}", spec.label)
    }

    /// The GPU in place `i`.
    #[must_use]
    pub fn gpu(&self, i: usize) -> Option<GpuId> {
        self.list.get(i).map(|(gpu, _)| *gpu)
    }

    /// Draws the line in place `i`: badge, where it is, its job, its value.
    pub fn line(&self, cx: &Context<'_>, i: usize, area: Rect, buf: &mut Buffer) {
        let (Some((gpu, value)), Some(metric)) = (self.list.get(i).copied(), self.metric) else { return };
        let priority = cx.frame.exceptions().get(gpu.index()).copied().unwrap_or(0);
        let scope = if priority > 0 { Scope::alarm(priority) } else { Scope::Text };
        let shown = match metric {
            Metric::Health => cx.frame.health(gpu).map_or_else(String::new, |h| h.name().to_owned()),
            Metric::Xid | Metric::ClockEvents => format!("{value:.0}"),
            _ => text::value(metric, f64::from(value)),
        };
        let mut pen = cx.brush.on(area, buf);
        if priority > 0 {
            Badge { priority, filled: false }.render(&mut pen, (area.x + 1, area.y));
        }
        let place = tooltip::place_name(cx, gpu);
        pen.text((area.x + 4, area.y), &place, cx.brush.style(Scope::Text));
        if area.width >= 50 {
            let job = cx.frame.job(gpu).map_or("", |j| j.job.as_str());
            pen.text((area.x + 24, area.y), job, cx.brush.style(Scope::TextDim));
        }
        let x = area.right().saturating_sub(text::width(&shown) as u16 + 1).max(area.x);
        pen.text((x, area.y), &shown, cx.brush.style(scope));
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
