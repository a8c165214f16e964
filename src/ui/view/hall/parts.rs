//! Parts of the hall view around the map: tabs, legend, distribution, hall values, worst list.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::series::Signal;
use crate::fleet::{Point, Stats};
use crate::model::{Asset, HallId, HallPoint, Metric};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::hall::{has_distribution, tooltip};
use crate::ui::view::map::{self, Map};
use crate::ui::view::ranking::{self, Ranking};
use crate::ui::view::rows::{self, Row};
use crate::ui::widget::frame::Frame;
use crate::ui::widget::heatmap::Zoom;
use crate::ui::widget::histogram::Histogram;
use crate::ui::widget::legend::Legend;

/// Window of the sparklines: 15 minutes in 60 points.
const WINDOW: (i64, usize) = (900_000, 60);
/// Names that a legend has room for.
const LEGEND_NAMES: usize = 8;

/// What the boxes show, made once per update.
#[derive(Debug, Default)]
pub struct Figures {
    bins: Vec<u64>,
    range: (f32, f32),
    stats: Option<Stats>,
    p1: Option<f32>,
    worst: Ranking,
    rows: Vec<Row>,
    shares: Vec<(u16, String, u32)>,
    counts: String,
}

impl Figures {
    /// Makes the figures of `hall` for boxes of `width` columns.
    pub fn update(&mut self, cx: &Context<'_>, hall: HallId, width: u16) {
        let (asset, metric) = (Asset::Hall(hall), cx.choice.metric);
        self.range = map::range(cx, metric).unwrap_or(metric.spec().range);
        self.stats = None;
        self.bins.clear();
        if has_distribution(metric) {
            let histogram = cx.frame.histogram(asset, metric);
            let columns = usize::from(width.saturating_sub(4)).max(1);
            self.bins =
                histogram.resample(columns, self.range.0, self.range.1).into_iter().map(u64::from).collect();
            self.stats = histogram.stats();
            self.p1 = histogram.quantile(0.01);
        }
        self.worst.update(cx, asset);
        self.rows = hall_rows(cx, hall);
        self.shares = ranking::shares(cx, asset, metric);
        self.counts = counts_line(cx, asset);
    }

    /// The legend line.
    pub fn legend(&self, cx: &Context<'_>, map: &Map, area: Rect, buf: &mut Buffer) {
        let named = self.shares.iter().filter(|(slot, ..)| *slot != 0).take(LEGEND_NAMES);
        let names: Vec<(u16, &str)> = named.map(|(slot, words, _)| (*slot, words.as_str())).collect();
        let per_pixel = map.layout().map_or(1, crate::ui::widget::heatmap::Layout::gpus_per_pixel);
        let legend = Legend { metric: cx.choice.metric, range: Some(self.range), per_pixel, names: &names };
        legend.render(cx.brush, Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area }, buf);
    }

    /// The distribution of the metric.
    pub fn distribution(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let spec = cx.choice.metric.spec();
        let title = format!("DISTRIBUTION {}", spec.label);
        let inner = Frame { title: &title, note: &self.counts, focused: false }.render(cx.brush, area, buf);
        self.bars(cx, Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }, buf);
    }

    fn bars(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let metric = cx.choice.metric;
        if !has_distribution(metric) {
            return ranking::share_lines(cx, &self.shares, area, buf);
        }
        let percentiles = self.stats.zip(self.p1).map(|(s, p1)| [p1, s.p50, s.p99]);
        // Memory is read in GB, as on data sheets.
        let (range, unit, percentiles) = if metric == Metric::MemUsed {
            let gb = |mib: f32| mib * 1.048_576 / 1000.0;
            ((gb(self.range.0), gb(self.range.1)), "GB", percentiles.map(|p| p.map(gb)))
        } else {
            (self.range, metric.spec().unit, percentiles)
        };
        Histogram { bins: &self.bins, range, unit, percentiles, log: true }.render(cx.brush, area, buf);
    }

    /// Values of the hall against their normal bands.
    pub fn hall(&self, cx: &Context<'_>, hall: HallId, area: Rect, buf: &mut Buffer) {
        let title = format!("HALL {}", cx.topology().hall(hall).name);
        let inner = Frame { title: &title, note: "15 min", focused: false }.render(cx.brush, area, buf);
        rows::render(cx, &self.rows, inner, buf);
    }

    /// The worst GPUs of the metric.
    pub fn worst(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let title = self.worst.title();
        let note = cx.keymap.key_of(crate::ui::action::Action::Worst, crate::ui::action::ViewKind::Hall);
        let note = note.map_or_else(String::new, |k| format!("{k} goes there"));
        let inner = Frame { title: &title, note: &note, focused: false }.render(cx.brush, area, buf);
        self.worst_lines(cx, inner, buf);
    }

    fn worst_lines(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        for i in 0..area.height {
            self.worst.line(cx, usize::from(i), Rect::new(area.x, area.y + i, area.width, 1), buf);
        }
    }

    /// Everything in one column, for narrow screens: the cursor's values first.
    pub fn side(&self, cx: &Context<'_>, hall: HallId, area: Rect, buf: &mut Buffer) {
        let line = cx.brush.style(Scope::Line);
        for y in area.top()..area.bottom() {
            cx.brush.on(area, buf).glyph((area.x, y), cx.brush.glyphs.frame[1], line);
        }
        let area = Rect::new(area.x + 1, area.y, area.width - 1, area.height);
        let mut y = area.y;
        if let Some(gpu) = cx.selection.gpu(cx.topology()) {
            let title = tooltip::place_name(cx, gpu);
            cx.brush.on(area, buf).text((area.x, y), &title, cx.brush.style(Scope::TextStrong));
            y += 1;
            let facts = tooltip::facts(cx, gpu);
            for pair in facts.chunks(2) {
                for (i, (label, value, scope)) in pair.iter().enumerate() {
                    let x = area.x + 16 * i as u16;
                    let cell = Rect::new(x, y, (area.right() - x).min(15), 1);
                    let after = cx.brush.on(cell, buf).text(
                        (x, y),
                        &format!("{label} "),
                        cx.brush.style(Scope::TextDim),
                    );
                    cx.brush.on(cell, buf).text((after, y), value, cx.brush.style(*scope));
                }
                y += 1;
            }
        }
        y = rule(cx, area, y, &format!("{} {}", cx.topology().hall(hall).name, self.counts), buf);
        let wanted = (self.rows.len() as u16).min(5);
        rows::render(
            cx,
            &self.rows,
            Rect::new(area.x, y, area.width, wanted.min(area.bottom().saturating_sub(y))),
            buf,
        );
        y += wanted;
        if area.bottom() > y + 3 && has_distribution(cx.choice.metric) {
            let height = (area.bottom() - y - 1).min(4);
            y = rule(cx, area, y, "distribution", buf);
            self.bars(cx, Rect::new(area.x, y, area.width, height), buf);
            y += height;
        }
        if area.bottom() > y + 1 {
            y = rule(cx, area, y, &self.worst.title().to_lowercase(), buf);
            self.worst_lines(cx, Rect::new(area.x, y, area.width, area.bottom().saturating_sub(y)), buf);
        }
    }
}

/// A titled rule; answers with the line below it.
fn rule(cx: &Context<'_>, area: Rect, y: u16, title: &str, buf: &mut Buffer) -> u16 {
    for x in area.left()..area.right() {
        cx.brush.on(area, buf).glyph((x, y), cx.brush.glyphs.frame[0], cx.brush.style(Scope::Line));
    }
    cx.brush.on(area, buf).text((area.x + 1, y), &format!(" {title} "), cx.brush.style(Scope::TextDim));
    y + 1
}

/// `12 384 good  288 stale  3 lost`.
pub fn counts_line(cx: &Context<'_>, asset: Asset) -> String {
    let c = cx.frame.counts(asset);
    let mut parts = vec![format!("{} good", text::integer(c.good.into()))];
    for (n, word) in [(c.stale, "stale"), (c.lost, "lost"), (c.unsupported, "unsupported")] {
        if n > 0 {
            parts.push(format!("{} {word}", text::integer(n.into())));
        }
    }
    parts.join("  ")
}

fn hall_rows(cx: &Context<'_>, hall: HallId) -> Vec<Row> {
    let asset = Asset::Hall(hall);
    let series = |signal| -> Vec<Option<f32>> {
        let points: Vec<Option<Point>> = cx.snapshot.history.signal(cx.frame, asset, signal, WINDOW);
        points.into_iter().map(|p| p.map(|p| p.mean)).collect()
    };
    let mut rows = Vec::new();
    let power = cx.frame.facility.hall(hall, HallPoint::Power);
    let sum = cx.frame.stats(asset, Metric::Power).map(|s| s.sum as f32);
    let racks = cx.topology().hall(hall).racks.iter().map(crate::model::RackId);
    let tdp = |r| {
        cx.topology().rack(r).gpus.len() as f32
            * cx.topology().gpu_models()[cx.topology().rack_model(r).gpu].tdp_w
    };
    let limit: f32 = racks.map(tdp).sum::<f32>() / 1e6;
    let gpu_mw = sum.map(|w| w / 1e6);
    let normal = (limit > 0.0).then_some(limit);
    rows.push(
        Row::new("GPU power", gpu_mw, ("MW", 2), (None, normal))
            .spark(series(Signal::PowerSum).into_iter().map(|w| w.map(|w| w / 1e6)).collect()),
    );
    if let Some(mw) = power {
        let top = HallPoint::Power.spec().normal.1;
        rows.push(Row::new("Hall power", Some(mw), ("MW", 2), (None, Some(top))));
    }
    let mean = |m: Metric| cx.frame.stats(asset, m);
    rows.push(
        Row::new("Util mean", mean(Metric::Util).map(|s| s.mean), ("%", 0), (None, None))
            .spark(series(Signal::Mean(Metric::Util))),
    );
    let zero = cx.topology().gpu_models().iter().map(|g| g.zero_margin_c).fold(f32::INFINITY, f32::min);
    rows.push(Row::new("Temp p99", mean(Metric::Temp).map(|s| s.p99), ("°C", 0), (Some(20.0), Some(zero))));
    rows.push(
        Row::new("Temp max", mean(Metric::Temp).map(|s| s.max), ("°C", 0), (Some(20.0), Some(zero)))
            .spark(series(Signal::Mean(Metric::Temp))),
    );
    rows.push(Row::new(
        "Margin min",
        mean(Metric::Margin).map(|s| s.min),
        ("K", 0),
        (Some(crate::fleet::limits::LOW_MARGIN_K), None),
    ));
    for p in [HallPoint::LiquidSupply, HallPoint::LiquidReturn, HallPoint::ColdAisle, HallPoint::DewPoint] {
        if let Some(v) = cx.frame.facility.hall(hall, p) {
            let spec = p.spec();
            rows.push(Row::new(
                spec.label,
                Some(v),
                (spec.unit, 1),
                (Some(spec.normal.0), Some(spec.normal.1)),
            ));
        }
    }
    rows
}

/// The line above the map: metrics, zoom, what a pixel is.
pub fn tabs(cx: &Context<'_>, map: &Map, zoom: Zoom, area: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    let per = map.layout().map_or(1, crate::ui::widget::heatmap::Layout::gpus_per_pixel);
    let pixel = if per <= 1 { "1 px = 1 GPU".to_owned() } else { format!("1 px = {per} GPU, worst") };
    let note = format!("{pixel}  zoom {}", zoom.name());
    let room = area.width.saturating_sub(text::width(&note) as u16 + 2);
    let wide = area.width >= 110;
    let mut x = area.x + 1;
    for (i, metric) in Metric::ON_KEYS.into_iter().enumerate() {
        let tab = format!(" {} {} ", i + 1, metric.spec().label);
        let tab = if wide { tab } else { tab.trim().replace(' ', "") };
        if x + tab.len() as u16 > area.x + room {
            break;
        }
        let scope = if metric == cx.choice.metric { Scope::Selection } else { Scope::TextDim };
        x = b.on(area, buf).text((x, area.y), &tab, b.style(scope)) + 1;
    }
    let chosen = cx.choice.metric;
    if !Metric::ON_KEYS.contains(&chosen) {
        b.on(Rect { width: room, ..area }, buf).text(
            (x, area.y),
            &format!(" {} ", chosen.spec().label),
            b.style(Scope::Selection),
        );
    }
    let at = area.right().saturating_sub(text::width(&note) as u16 + 1).max(area.x);
    b.on(area, buf).text((at, area.y), &note, b.style(Scope::TextDim));
}

/// What a site without any host says.
pub fn nothing(cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let text = "No host has answered yet: see the sources view for the reasons.";
    cx.brush.on(area, buf).text((area.x + 2, area.y + 1), text, cx.brush.style(Scope::TextDim));
}
