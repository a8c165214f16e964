//! Parts of the hall view around the map: tabs, legend, distribution, hall values, worst list.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::fleet::limits::plant as limits;
use crate::fleet::series::Signal;
use crate::model::id::Span;
use crate::model::{Asset, HallId, HallPoint, Metric, RackId};
use crate::ui::alarms::rows as alarms;
use crate::ui::context::Context;
use crate::ui::layer::{Layer, RackLayer};
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::hall::{has_distribution, tooltip};
use crate::ui::view::map::{self, Map};
use crate::ui::view::plant;
use crate::ui::view::points::brief;
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
    /// First, fiftieth and ninety-ninth percentile.
    percentiles: Option<[f32; 3]>,
    worst: Ranking,
    rows: Vec<Row>,
    shares: Vec<(u16, String, u32)>,
    counts: String,
}

impl Figures {
    /// Makes the figures of `hall` for boxes of `width` columns.
    pub fn update(&mut self, cx: &Context<'_>, hall: HallId, width: u16) {
        let (asset, metric) = (Asset::Hall(hall), cx.choice.metric);
        let layer = cx.choice.layer();
        self.range = map::range(cx, layer).unwrap_or(metric.spec().range);
        self.percentiles = None;
        self.bins.clear();
        let columns = usize::from(width.saturating_sub(4)).max(1);
        match layer {
            Layer::Rack(rack) => self.racks(cx, hall, rack, columns),
            Layer::Gpu(_) if has_distribution(layer) => {
                let histogram = cx.frame.histogram(asset, metric);
                let bins = histogram.resample(columns, self.range.0, self.range.1);
                self.bins = bins.into_iter().map(u64::from).collect();
                let stats = histogram.stats().zip(histogram.quantile(0.01));
                self.percentiles = stats.map(|(s, p1)| [p1, s.p50, s.p99]);
            }
            Layer::Gpu(_) => {}
        }
        self.worst.update(cx, asset);
        self.rows = hall_rows(cx, hall);
        self.shares =
            if matches!(layer, Layer::Gpu(_)) { ranking::shares(cx, asset, metric) } else { Vec::new() };
        self.counts = counts_line(cx, asset);
    }

    /// The distribution of a value over the racks of a hall.
    fn racks(&mut self, cx: &Context<'_>, hall: HallId, rack: RackLayer, columns: usize) {
        let racks = cx.topology().hall(hall).racks.iter().map(RackId);
        let mut values: Vec<f32> = racks.filter_map(|r| rack.value(cx.frame, r)).collect();
        values.sort_by(f32::total_cmp);
        self.bins = vec![0; columns];
        let (low, high) = self.range;
        for v in &values {
            let share = (v - low) / (high - low).max(f32::MIN_POSITIVE);
            let at = ((share * columns as f32).max(0.0) as usize).min(columns - 1);
            self.bins[at] += 1;
        }
        let Some(last) = values.len().checked_sub(1) else { return };
        self.percentiles = Some([0.01, 0.5, 0.99].map(|q| values[(q * last as f32).round() as usize]));
    }

    /// The legend line.
    pub fn legend(&self, cx: &Context<'_>, map: &Map, area: Rect, buf: &mut Buffer) {
        let named = self.shares.iter().filter(|(slot, ..)| *slot != 0).take(LEGEND_NAMES);
        let names: Vec<(u16, &str)> = named.map(|(slot, words, _)| (*slot, words.as_str())).collect();
        let layer = cx.choice.layer();
        let per_pixel = map.per_pixel(cx, layer);
        let legend = Legend { layer, range: Some(self.range), per_pixel, names: &names };
        let area = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
        if !crate::ui::view::map::legend_of_changes(cx, per_pixel, area, buf) {
            legend.render(cx.brush, area, buf);
        }
    }

    /// The distribution of the metric.
    pub fn distribution(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let title = format!("DISTRIBUTION {}", cx.choice.layer().label());
        let inner = Frame { title: &title, note: &self.counts, focused: false }.render(cx.brush, area, buf);
        self.bars(cx, Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }, buf);
    }

    fn bars(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let layer = cx.choice.layer();
        if !has_distribution(layer) {
            return ranking::share_lines(cx, &self.shares, area, buf);
        }
        let (range, unit, percentiles) = match layer {
            // Memory is read in GB, as on data sheets.
            Layer::Gpu(Metric::MemUsed) => {
                let gb = |mib: f32| mib * 1.048_576 / 1000.0;
                ((gb(self.range.0), gb(self.range.1)), "GB", self.percentiles.map(|p| p.map(gb)))
            }
            Layer::Gpu(metric) => (self.range, metric.spec().unit, self.percentiles),
            Layer::Rack(rack) => (self.range, rack.spec().unit, self.percentiles),
        };
        Histogram { bins: &self.bins, range, unit, percentiles, log: true }.render(cx.brush, area, buf);
    }

    /// Values of the hall against their normal bands.
    pub fn hall(&self, cx: &Context<'_>, hall: HallId, area: Rect, buf: &mut Buffer) {
        let title = format!("HALL {}", cx.topology().hall(hall).name);
        let inner = Frame { title: &title, note: "15 min", focused: false }.render(cx.brush, area, buf);
        let room = inner.width.saturating_sub(1);
        let points = brief::words(cx, &[Asset::Hall(hall)], room).filter(|_| inner.height > 3);
        let height = inner.height - u16::from(points.is_some());
        rows::render(cx, &self.rows, Rect { height, ..inner }, buf);
        if let Some((words, scope)) = points {
            let at = (inner.x + 1, inner.bottom() - 1);
            cx.brush.on(inner, buf).text(at, &words, cx.brush.style(scope));
        }
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
            let title = tooltip::title(cx, gpu);
            cx.brush.on(area, buf).text((area.x, y), &title, cx.brush.style(Scope::TextStrong));
            y += 1;
            let facts = tooltip::shown(cx, gpu);
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
            let gpus = Span { start: gpu.0, end: gpu.0 + 1 };
            let foot = alarms::lines(cx, gpus, 2).min(area.bottom().saturating_sub(y));
            alarms::at_foot(cx, gpus, foot, Rect { y, height: foot, ..area }, buf);
            y += foot;
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
        if let Some((words, scope)) = brief::words(cx, &[Asset::Hall(hall)], area.width) {
            cx.brush.on(area, buf).text((area.x, y), &words, cx.brush.style(scope));
            y += 1;
        }
        if area.bottom() > y + 3 && has_distribution(cx.choice.layer()) {
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
    let point = |p: HallPoint, label: &str, decimals: usize| {
        let value = cx.frame.facility.hall(hall, p)?;
        let normal = limits::hall(cx.topology(), &cx.frame.facility, hall, p);
        let row = Row::new(label, Some(value), (p.spec().unit, decimals), normal.ends());
        Some(row.priority(normal.priority).spark(series(Signal::Hall(p))))
    };
    rows.extend(point(HallPoint::Power, "Hall power", 2));
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
    let air = [HallPoint::ColdAisle, HallPoint::HotAisle, HallPoint::DewPoint, HallPoint::Humidity];
    for p in [HallPoint::LiquidSupply, HallPoint::LiquidReturn].into_iter().chain(air) {
        rows.extend(point(p, p.spec().label, plant::decimals(p.spec().unit)));
    }
    rows
}

/// The line above the map: metrics, zoom, what a pixel is.
pub fn tabs(cx: &Context<'_>, map: &Map, zoom: Zoom, area: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    let chosen = cx.choice.layer();
    let pixel = match (chosen, map.per_pixel(cx, chosen)) {
        (Layer::Gpu(_), 0..=1) => "1 px = 1 GPU".to_owned(),
        (Layer::Gpu(_), n) => format!("1 px = {n} GPU, worst"),
        (Layer::Rack(_), 0..=1) => "a colour per rack".to_owned(),
        (Layer::Rack(_), n) => format!("1 px = {n} racks"),
    };
    let note = format!("{pixel}  zoom {}", zoom.name());
    let room = area.width.saturating_sub(text::width(&note) as u16 + 2);
    let wide = area.width >= 110;
    let mut x = area.x + 1;
    if !Metric::ON_KEYS.map(Layer::Gpu).contains(&chosen) {
        // What has no key of its own stands first: it must be seen on the narrowest screen.
        let tab = format!(" {} ", chosen.label());
        x = b.on(Rect { width: room, ..area }, buf).text((x, area.y), &tab, b.style(Scope::Selection)) + 1;
    }
    for (i, metric) in Metric::ON_KEYS.into_iter().enumerate() {
        let tab = format!(" {} {} ", i + 1, metric.spec().label);
        let tab = if wide { tab } else { tab.trim().replace(' ', "") };
        if x + tab.len() as u16 > area.x + room {
            break;
        }
        let scope = if chosen == Layer::Gpu(metric) { Scope::Selection } else { Scope::TextDim };
        x = b.on(area, buf).text((x, area.y), &tab, b.style(scope)) + 1;
    }
    let at = area.right().saturating_sub(text::width(&note) as u16 + 1).max(area.x);
    b.on(area, buf).text((at, area.y), &note, b.style(Scope::TextDim));
}

/// What a site without any host says.
pub fn nothing(cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let text = "No host has answered yet: see the sources view for the reasons.";
    cx.brush.on(area, buf).text((area.x + 2, area.y + 1), text, cx.brush.style(Scope::TextDim));
}
