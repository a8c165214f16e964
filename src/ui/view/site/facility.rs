//! The facility strip: power, grid and cooling against their normal bands, or two lines of text.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::series::Signal;
use crate::model::{Asset, Metric, SitePoint};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::rows::{self, Row};
use crate::ui::widget::frame::Frame;

/// Window of the sparklines: an hour in 60 points.
const WINDOW: (i64, usize) = (3_600_000, 60);

const POWER: [SitePoint; 5] =
    [SitePoint::FacilityPower, SitePoint::ItPower, SitePoint::FeedA, SitePoint::FeedB, SitePoint::Pue];
const GRID: [SitePoint; 8] = [
    SitePoint::Frequency,
    SitePoint::LoadTarget,
    SitePoint::Oscillation,
    SitePoint::BessCharge,
    SitePoint::SpotPrice,
    SitePoint::HydroShare,
    SitePoint::HeatExport,
    SitePoint::Outdoor,
];
const COOLING: [SitePoint; 2] = [SitePoint::LiquidSupply, SitePoint::LiquidReturn];

/// What the strip shows, made once per update.
#[derive(Debug, Default)]
pub struct Facility {
    power: Vec<Row>,
    grid: Vec<Row>,
    cooling: Vec<Row>,
    note: String,
    grid_note: String,
    short: [String; 2],
}

impl Facility {
    /// Makes the rows of the frame shown.
    pub fn update(&mut self, cx: &Context<'_>) {
        let rows = |points: &[SitePoint]| points.iter().filter_map(|p| point_row(cx, *p)).collect::<Vec<_>>();
        self.power = rows(&POWER);
        self.power.insert(0, gpu_power(cx));
        self.grid = rows(&GRID);
        self.cooling = rows(&COOLING);
        self.cooling.extend(gpu_rows(cx));
        let site = |p| cx.frame.facility.site(p);
        self.note = match (site(SitePoint::FacilityPower), contract(cx)) {
            (Some(now), Some(top)) => {
                format!("facility {} of {} MW", text::decimal(now.into(), 1), text::decimal(top.into(), 0))
            }
            _ => String::new(),
        };
        let area = &cx.topology().plan().grid.area;
        self.grid_note = match site(SitePoint::Compliant) {
            Some(0.0) => format!("{area} target missed").trim_start().to_owned(),
            _ => area.clone(),
        };
        self.short = short(cx);
    }

    /// Draws three boxes where there is room, else the two lines.
    pub fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        if area.height < 5 {
            for (i, line) in self.short.iter().take(usize::from(area.height)).enumerate() {
                cx.brush.on(area, buf).text(
                    (area.x + 1, area.y + i as u16),
                    line,
                    cx.brush.style(Scope::Text),
                );
            }
            return;
        }
        let boxes = [
            ("POWER", &self.power, self.note.as_str()),
            ("GRID", &self.grid, self.grid_note.as_str()),
            ("COOLING", &self.cooling, ""),
        ];
        let third = area.width / 3;
        for (i, (title, rows, note)) in boxes.into_iter().enumerate() {
            let x = area.x + third * i as u16;
            let width = if i == 2 { area.right() - x } else { third };
            let inner = Frame { title, note, focused: false }.render(
                cx.brush,
                Rect::new(x, area.y, width, area.height),
                buf,
            );
            if rows.is_empty() {
                let text = "no source reports this";
                cx.brush.on(inner, buf).text((inner.x + 1, inner.y), text, cx.brush.style(Scope::TextDim));
            }
            rows::render(cx, rows, inner, buf);
        }
    }
}

/// Power agreed with the grid: as reported, else as the topology says.
fn contract(cx: &Context<'_>) -> Option<f32> {
    let planned = cx.topology().plan().contract_mw;
    cx.frame.facility.site(SitePoint::Contracted).or(Some(planned).filter(|mw| *mw > 0.0))
}

fn point_row(cx: &Context<'_>, point: SitePoint) -> Option<Row> {
    let value = cx.frame.facility.site(point)?;
    let spec = point.spec();
    let decimals = match point {
        SitePoint::Pue => 3,
        SitePoint::Frequency => 2,
        SitePoint::HydroShare | SitePoint::SpotPrice => 0,
        _ => 1,
    };
    let top =
        if point == SitePoint::FacilityPower { contract(cx).unwrap_or(spec.normal.1) } else { spec.normal.1 };
    let agreed = cx.topology().plan().grid.oscillation_mw;
    let top = if point == SitePoint::Oscillation && agreed > 0.0 { agreed } else { top };
    let low = (spec.normal.0 != 0.0).then_some(spec.normal.0);
    let points = cx.snapshot.history.signal(cx.frame, Asset::Site, Signal::Site(point), WINDOW);
    let spark = points.into_iter().map(|p| p.map(|p| p.mean)).collect();
    Some(Row::new(spec.label, Some(value), (spec.unit, decimals), (low, Some(top))).spark(spark))
}

fn gpu_power(cx: &Context<'_>) -> Row {
    let sum = cx.frame.stats(Asset::Site, Metric::Power).map(|s| s.sum as f32 / 1e6);
    let points = cx.snapshot.history.signal(cx.frame, Asset::Site, Signal::PowerSum, WINDOW);
    let spark = points.into_iter().map(|p| p.map(|p| p.mean / 1e6)).collect();
    Row::new("GPU power", sum, ("MW", 2), (None, None)).spark(spark)
}

/// What the GPUs themselves say about cooling: on every site, with or without facility points.
fn gpu_rows(cx: &Context<'_>) -> Vec<Row> {
    let stats = |m| cx.frame.stats(Asset::Site, m);
    let zero = cx.topology().gpu_models().iter().map(|g| g.zero_margin_c).fold(f32::INFINITY, f32::min);
    let low = crate::fleet::limits::LOW_MARGIN_K;
    let points = cx.snapshot.history.signal(cx.frame, Asset::Site, Signal::Mean(Metric::Temp), WINDOW);
    let course = points.into_iter().map(|p| p.map(|p| p.mean)).collect();
    vec![
        Row::new("GPU mean", stats(Metric::Temp).map(|s| s.mean), ("°C", 0), (Some(20.0), Some(zero)))
            .spark(course),
        Row::new("GPU max", stats(Metric::Temp).map(|s| s.max), ("°C", 0), (Some(20.0), Some(zero))),
        Row::new("HBM max", stats(Metric::MemTemp).map(|s| s.max), ("°C", 0), (Some(20.0), Some(95.0))),
        Row::new("Margin min", stats(Metric::Margin).map(|s| s.min), ("K", 0), (Some(low), None)),
    ]
}

fn short(cx: &Context<'_>) -> [String; 2] {
    let site = |p: SitePoint, decimals: usize| {
        cx.frame.facility.site(p).map(|v| {
            let spec = p.spec();
            format!("{} {} {}", spec.label, text::decimal(v.into(), decimals), spec.unit)
                .trim_end()
                .to_owned()
        })
    };
    let gpus = cx.frame.stats(Asset::Site, Metric::Power).map(|s| format!("GPU {}", text::power(s.sum)));
    let facility = match (cx.frame.facility.site(SitePoint::FacilityPower), contract(cx)) {
        (Some(now), Some(top)) => {
            Some(format!("PWR {}/{} MW", text::decimal(now.into(), 1), text::decimal(top.into(), 0)))
        }
        _ => gpus,
    };
    let first = [
        facility,
        site(SitePoint::Pue, 2),
        site(SitePoint::Frequency, 2),
        site(SitePoint::SpotPrice, 0),
        site(SitePoint::HydroShare, 0),
    ];
    let hot = cx
        .frame
        .stats(Asset::Site, Metric::Temp)
        .map(|s| format!("GPU mean {:.0} max {:.0} °C", s.mean, s.max));
    let second = [
        site(SitePoint::LiquidSupply, 1),
        site(SitePoint::LiquidReturn, 1),
        hot,
        site(SitePoint::Outdoor, 1),
    ];
    let join = |parts: &[Option<String>]| parts.iter().flatten().cloned().collect::<Vec<_>>().join("  ");
    [join(&first), join(&second)]
}
