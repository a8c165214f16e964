//! Prints the widgets with invented data as ANSI text, to look at them:
//! `cargo run --example gallery -- [THEME] [truecolor|256|16|mono] [unicode|console|ascii] [COLUMNSxLINES]`

use hallwatch::model::id::{Asset, HallId};
use hallwatch::model::{Column, GpuId, Metric, Quality, Topology};
use hallwatch::ui::depth::ColorDepth;
use hallwatch::ui::glyph::Glyphs;
use hallwatch::ui::theme::{Scope, Theme};
use hallwatch::ui::widget::Brush;
use hallwatch::ui::widget::badge::{Badge, Counts};
use hallwatch::ui::widget::band::Band;
use hallwatch::ui::widget::frame::Frame;
use hallwatch::ui::widget::heatmap::{Heatmap, Input, Layout, LevelMap, Zoom};
use hallwatch::ui::widget::histogram::Histogram;
use hallwatch::ui::widget::legend::Legend;
use hallwatch::ui::widget::spark::Spark;
use hallwatch::ui::widget::table::{self, Field, Table};
use hallwatch::ui::widget::trend::{Point, Trend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

/// A repeatable number in 0..1.
fn noise(seed: usize) -> f32 {
    let x = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1u64 << 24) as f32
}

/// Utilization of a hall: jobs of several racks, some racks idle, a faulty tray and a silent rack.
fn hall(brush: Brush<'_>, area: Rect, buf: &mut Buffer, metric: Metric) -> Layout {
    let topology = Topology::default_site();
    let gpus = topology.hall(HallId(0)).gpus;
    let value = |gpu: u32| {
        let rack = gpu / 72;
        let idle = noise(rack as usize / 5 + 3) < 0.15;
        let base = if idle { 0.02 } else { 0.75 + 0.2 * noise(rack as usize / 7) };
        (base + 0.06 * noise(gpu as usize)).min(1.0)
    };
    let range = metric.spec().range;
    let raw: Vec<u16> = gpus
        .iter()
        .map(|g| match metric {
            Metric::Job => {
                if value(g) < 0.1 {
                    0
                } else {
                    (g / 72 / 9 + 1) as u16
                }
            }
            Metric::Health => 0,
            Metric::Age => {
                if g % 997 == 0 {
                    40
                } else {
                    1
                }
            }
            _ => metric.encode(range.0 + value(g) * (range.1 - range.0)),
        })
        .collect();
    let mut quality = vec![Quality::Good as u8; gpus.len()];
    quality[72 * 60..72 * 61].fill(Quality::Stale as u8);
    quality[72 * 100 + 8..72 * 100 + 12].fill(Quality::Stale as u8);
    quality[72 * 90 + 30] = Quality::Lost as u8;
    let mut exceptions = vec![0; gpus.len()];
    exceptions[72 * 50 + 12..72 * 50 + 24].fill(1);
    exceptions[72 * 49 + 16] = 2;
    exceptions[72 * 130 + 50] = 2;
    exceptions[72 * 20 + 5] = 3;
    exceptions[72 * 150 + 40] = 4;
    let column = Column::from_raw(metric, raw.into_iter());
    let layout = Layout::fit(&topology, Asset::Hall(HallId(0)), (area.width, area.height), Zoom::Fit);
    let mut levels = LevelMap::new();
    let input = Input { metric, column: &column, quality: &quality, exceptions: &exceptions, range: None };
    levels.update(&layout, &input);
    let cursor = layout.pixel_of(GpuId(72 * 51 + 14));
    Heatmap { layout: &layout, levels: &levels, scroll: (0, 0), cursor, lit: &[] }.render(brush, area, buf);
    layout
}

fn instruments(brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
    let inner = Frame { title: "HALL H1", note: "cap 25.0 MW", focused: false }.render(brush, area, buf);
    let rows: [(&str, &str, f32, Option<f32>, u8); 5] = [
        ("Power", "22.0 MW", 22.0, Some(24.0), 2),
        ("Temp max", "88 °C", 27.0, Some(24.0), 1),
        ("Supply", "38.1 °C", 12.0, Some(20.0), 2),
        ("Loop bar", "1.31", 2.0, None, 2),
        ("Stale GPU", "288", 24.5, Some(24.0), 3),
    ];
    for (i, (name, text, value, high, priority)) in rows.into_iter().enumerate() {
        let y = inner.top() + i as u16;
        if y >= inner.bottom() {
            break;
        }
        let low = if i == 3 { 5.0 } else { 1.0 };
        let band = Band { range: (0.0, 30.0), normal: (Some(low), high), now: Some(value), priority };
        let scope = if band.is_outside() { Scope::alarm(priority) } else { Scope::Text };
        brush.on(inner, buf).text((inner.left() + 1, y), name, brush.style(scope));
        brush.on(inner, buf).text((inner.left() + 12, y), &format!("{text:>9}"), brush.style(scope));
        band.render(brush, Rect::new(inner.left() + 23, y, inner.width.saturating_sub(38).min(22), 1), buf);
        let values: Vec<Option<f32>> =
            (0..12).map(|t| (t != 4 || i != 3).then(|| noise(t + 40 * i))).collect();
        let spark = Spark { values: &values, range: (0.0, 1.0), style: brush.style(Scope::ChartLine) };
        spark.render(brush, Rect::new(inner.right().saturating_sub(13), y, 12, 1), buf);
    }
}

fn alarms(brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
    let inner = Frame { title: "ALARMS", note: "4 (2 unack)", focused: true }.render(brush, area, buf);
    let columns = [
        table::Column::text("PR", 2),
        table::Column::text("STATE", 5).rank(2),
        table::Column::text("WHERE", 12).rank(1),
        table::Column::text("WHAT", 10).growing(),
        table::Column::number("AGE", 6),
    ];
    let row = |i: usize| -> Vec<Field> {
        let what =
            ["Coolant leak detected (rope sensor)", "GPU over-temperature", "No data, 4 racks", "Filter"];
        let badge = Badge { priority: i as u8 + 1, filled: i < 2 };
        let mark = Field::styled(badge.text(brush), badge.style(brush));
        let state = if i < 2 { "UNACK" } else { "ACK" };
        vec![mark, state.into(), "H1 R17 T04".into(), what[i].into(), format!("{i}:43").into()]
    };
    Table { columns: &columns, rows: 4, row: &row, selected: Some(0), offset: 0, headings: true }
        .render(brush, inner, buf);
}

fn charts(brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
    let half = area.width / 2;
    let left = Frame { title: "TEMPERATURE °C", note: "15 min, limit 85", focused: false }.render(
        brush,
        Rect { width: half, ..area },
        buf,
    );
    let points: Vec<Point> = (0..300usize)
        .map(|t| {
            let hot = (t as f32 - 240.0).max(0.0) * 0.45;
            let mean = 61.0 + 4.0 * noise(t / 6) + hot;
            (!(90..120).contains(&t)).then_some((mean - 3.0, mean, mean + 4.0 + 5.0 * noise(t + 7)))
        })
        .collect();
    let times = [(0.0, "02:58"), (0.33, "03:02"), (0.66, "03:06"), (1.0, "now")];
    Trend { points: &points, range: (30.0, 100.0), limits: [Some(85.0), None], times: &times }
        .render(brush, left, buf);
    let right = Rect { x: area.x + half, width: area.width - half, ..area };
    let inner = Frame { title: "DISTRIBUTION util", note: "log", focused: false }.render(brush, right, buf);
    let bins: Vec<u64> = (0..50u64).map(|i| if i < 3 { 900 } else { (i * i * i) / 40 + i % 3 }).collect();
    Histogram {
        bins: &bins,
        range: (0.0, 100.0),
        unit: "%",
        percentiles: Some([2.0, 93.0, 99.0]),
        log: true,
    }
    .render(brush, inner, buf);
}

fn draw(brush: Brush<'_>, area: Rect, metric: Metric) -> Buffer {
    let mut buf = Buffer::empty(area);
    brush.on(area, &mut buf).fill(brush.style(Scope::Text));
    let header = Rect { height: 1, ..area };
    brush.on(header, &mut buf).fill(brush.style(Scope::Header));
    brush.on(header, &mut buf).text((1, 0), "KVANDAL › H1", brush.style(Scope::Header));
    let counts = Counts([2, 5, 0, 31]);
    let x = area.width.saturating_sub(counts.width(brush) + 2);
    counts.render(&mut brush.on(header, &mut buf), (x, 0), brush.style(Scope::Header));
    let below = if area.height >= 50 { 18 } else { 6 };
    let map = Rect { y: 1, height: area.height.saturating_sub(below + 2), x: 1, width: area.width - 2 };
    let layout = hall(brush, map, &mut buf, metric);
    let names = [(1, "llm-r7"), (2, "vis-92"), (3, "emb-3"), (4, "batch")];
    let legend = Legend {
        layer: hallwatch::ui::layer::Layer::Gpu(metric),
        range: None,
        per_pixel: layout.gpus_per_pixel(),
        names: &names,
    };
    legend.render(brush, Rect { y: map.bottom(), height: 1, ..map }, &mut buf);
    let rest = Rect { y: map.bottom() + 1, height: below, ..map };
    let upper = Rect { height: if below > 10 { 9 } else { below }, ..rest };
    charts(brush, upper, &mut buf);
    if below > 10 {
        let lower = Rect { y: upper.bottom(), height: rest.height - upper.height, ..rest };
        let half = lower.width / 2;
        instruments(brush, Rect { width: half, ..lower }, &mut buf);
        alarms(brush, Rect { x: lower.x + half, width: lower.width - half, ..lower }, &mut buf);
    }
    buf
}

fn sgr(color: Color, base: u8) -> String {
    match color {
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        Color::Indexed(i) => format!("{};5;{i}", base + 8),
        Color::Reset => format!("{}", base + 9),
        named => {
            let all = [
                Color::Black,
                Color::Red,
                Color::Green,
                Color::Yellow,
                Color::Blue,
                Color::Magenta,
                Color::Cyan,
                Color::Gray,
                Color::DarkGray,
                Color::LightRed,
                Color::LightGreen,
                Color::LightYellow,
                Color::LightBlue,
                Color::LightMagenta,
                Color::LightCyan,
                Color::White,
            ];
            let at = all.iter().position(|c| *c == named).unwrap_or(7) as u8;
            format!("{}", if at < 8 { base + at } else { base + 52 + at })
        }
    }
}

fn print(buf: &Buffer) {
    for y in 0..buf.area.height {
        let mut line = String::new();
        for x in 0..buf.area.width {
            let cell = &buf[(x, y)];
            let bold = if cell.modifier.contains(Modifier::BOLD) { ";1" } else { "" };
            let reverse = if cell.modifier.contains(Modifier::REVERSED) { ";7" } else { "" };
            line +=
                &format!("\x1b[0{bold}{reverse};{};{}m{}", sgr(cell.fg, 30), sgr(cell.bg, 40), cell.symbol());
        }
        println!("{line}\x1b[0m");
    }
}

fn main() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |i: usize, default: &'static str| args.get(i).map_or(default, String::as_str).to_owned();
    let (theme, warnings) = Theme::load(&arg(0, "default"), &[]).map_err(|e| e.to_string())?;
    warnings.iter().for_each(|w| eprintln!("{w}"));
    let depth = match arg(1, "truecolor").as_str() {
        "256" => ColorDepth::Indexed256,
        "16" => ColorDepth::Ansi16,
        "mono" => ColorDepth::Mono,
        _ => ColorDepth::TrueColor,
    };
    let glyphs = match arg(2, "unicode").as_str() {
        "ascii" => Glyphs::ASCII,
        "console" => Glyphs::CONSOLE,
        _ => Glyphs::UNICODE,
    };
    let size = arg(3, "200x60");
    let (w, h) = size.split_once('x').ok_or("the size is COLUMNSxLINES")?;
    let area = Rect::new(0, 0, w.parse().map_err(|_| "columns?")?, h.parse().map_err(|_| "lines?")?);
    let metric = Metric::parse(&arg(4, "util"))?;
    let palette = theme.resolve(depth);
    print(&draw(Brush { palette: &palette, glyphs: &glyphs }, area, metric));
    Ok(())
}
