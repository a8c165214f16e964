//! What comes in: facility power against contract and target, headroom, feeds, battery.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::limits::plant as limits;
use crate::fleet::series::Signal;
use crate::model::Asset;
use crate::model::facility::SitePoint;
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::plant::{self, NO_SOURCE};
use crate::ui::view::rows::{self, Row};
use crate::ui::widget::frame::Frame;

/// The points of the box, most wanted first.
const POINTS: [SitePoint; 9] = [
    SitePoint::FeedA,
    SitePoint::FeedB,
    SitePoint::VoltageA,
    SitePoint::VoltageB,
    SitePoint::ItPower,
    SitePoint::PlantPower,
    SitePoint::Pue,
    SitePoint::BessPower,
    SitePoint::BessCharge,
];

/// What is shown of the supply, made once per update.
#[derive(Debug, Default)]
pub struct Supply {
    rows: Vec<Row>,
    note: String,
    /// The same as lines, with the priority of each.
    lines: Vec<(String, u8)>,
}

/// A row of a point of the site with its normal band and its course over an hour.
pub fn point_row(cx: &Context<'_>, point: SitePoint) -> Row {
    let (t, f) = (cx.topology(), &cx.frame.facility);
    let spec = point.spec();
    let normal = limits::site(t, f, point);
    let decimals = if point == SitePoint::Pue { 3 } else { plant::decimals(spec.unit) };
    let signal = Signal::Site(point);
    let course = plant::means(cx.snapshot.history.signal(cx.frame, Asset::Site, signal, plant::HOUR));
    let label = if point == SitePoint::SpotPrice { spot_label(cx) } else { spec.label.to_owned() };
    Row::new(&label, f.site(point), (spec.unit, decimals), normal.ends())
        .priority(normal.priority)
        .spark(course)
}

/// The price by the name of its area.
fn spot_label(cx: &Context<'_>) -> String {
    let area = &cx.topology().plan().grid.area;
    format!("Spot {area}").trim_end().to_owned()
}

/// What the battery does, in words; `None` where it is not reported.
pub fn battery(cx: &Context<'_>) -> Option<String> {
    let mw = cx.frame.facility.site(SitePoint::BessPower)?;
    Some(match mw {
        v if v > 0.05 => format!("discharging {v:.1} MW"),
        v if v < -0.05 => format!("charging {:.1} MW", -v),
        _ => "idle".to_owned(),
    })
}

/// Megawatts as they are read beside a contract: `14.9`, `230`.
pub fn megawatts(mw: f32) -> String {
    text::significant(f64::from(mw))
}

/// Facility power and the contract, MW; `None` where one of them is not known.
pub fn of_contract(cx: &Context<'_>) -> Option<(f32, f32)> {
    let f = &cx.frame.facility;
    Some((f.site(SitePoint::FacilityPower)?, limits::contract_mw(cx.topology(), f)?))
}

/// How far facility power lies above the strictest of contract, maximum and target, MW.
pub fn excess(cx: &Context<'_>) -> Option<f32> {
    let f = &cx.frame.facility;
    let limit = limits::site(cx.topology(), f, SitePoint::FacilityPower).high?;
    f.site(SitePoint::FacilityPower).map(|now| now - limit).filter(|mw| *mw > 0.0)
}

/// The row of what is left to the contract.
pub fn headroom_row(cx: &Context<'_>) -> Option<Row> {
    let (now, contract) = of_contract(cx)?;
    let left = contract - now;
    let row = Row::new("Headroom", Some(left), ("MW", 1), (Some(0.0), Some(contract)));
    // More than a fifth above what is agreed is critical (DSX Flex).
    Some(row.priority(if left < -0.2 * contract { 1 } else { 2 }))
}

/// The same in words: `83 %  headroom 39.4 MW`.
pub fn headroom_words(cx: &Context<'_>) -> Option<String> {
    let (now, contract) = of_contract(cx)?;
    let left = contract - now;
    let word = if left < 0.0 { "OVER CONTRACT by" } else { "headroom" };
    let share = 100.0 * now / contract.max(f32::MIN_POSITIVE);
    Some(format!("{share:.0} %  {word} {} MW", megawatts(left.abs())))
}

impl Supply {
    /// Makes the rows of the frame shown.
    pub fn update(&mut self, cx: &Context<'_>) {
        let f = &cx.frame.facility;
        self.rows = vec![point_row(cx, SitePoint::FacilityPower)];
        self.rows.extend(headroom_row(cx));
        for point in POINTS.into_iter().filter(|p| f.site(*p).is_some()) {
            let row = point_row(cx, point);
            self.rows.push(match (point, battery(cx)) {
                (SitePoint::BessPower, Some(words)) => row.words(words),
                _ => row,
            });
        }
        let absent = cx.brush.glyphs.absent;
        let q = |p: SitePoint| plant::quantity(f.site(p), p.spec().unit, absent);
        self.note = of_contract(cx).map_or_else(String::new, |(now, contract)| {
            format!("{} of {} MW", megawatts(now), megawatts(contract))
        });
        let share = headroom_words(cx).map(|w| format!("  {w}"));
        let target = f.site(SitePoint::LoadTarget).map(|mw| {
            let over = excess(cx).map_or_else(String::new, |e| format!(", {} MW too much", megawatts(e)));
            format!("   target {} MW{over}", megawatts(mw))
        });
        let battery = battery(cx).map(|w| format!("   battery {w} {}", q(SitePoint::BessCharge)));
        let feeds = format!(
            "Feed A {} {}   B {} {}{}",
            q(SitePoint::FeedA),
            q(SitePoint::VoltageA),
            q(SitePoint::FeedB),
            q(SitePoint::VoltageB),
            battery.unwrap_or_default()
        );
        let of = if self.note.is_empty() { q(SitePoint::FacilityPower) } else { self.note.clone() };
        let pue = f.site(SitePoint::Pue).map_or_else(|| absent.to_string(), |v| format!("{v:.3}"));
        let contract = of_contract(cx).map_or(0, |(now, contract)| if now > contract { 2 } else { 0 });
        let asked = if excess(cx).is_some() { 2 } else { 0 };
        let mut rest = format!("IT {}   plant {}", q(SitePoint::ItPower), q(SitePoint::PlantPower));
        rest.push_str(&target.unwrap_or_default());
        self.lines = vec![
            (format!("Facility {of}{}   PUE {pue}", share.unwrap_or_default()), contract),
            (feeds, 0),
            (rest, asked),
        ];
        let power = [SitePoint::FacilityPower, SitePoint::ItPower, SitePoint::FeedA, SitePoint::FeedB];
        if power.iter().all(|p| f.site(*p).is_none()) {
            self.rows.clear();
            self.lines = vec![(format!("Supply: {NO_SOURCE}"), 0)];
        }
    }

    /// Draws a box where there is room, else lines.
    pub fn render(&self, cx: &Context<'_>, area: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        if area.height < 5 {
            let area = plant::silence_line(cx, area, buf);
            let lines = self.lines.iter().take(usize::from(area.height));
            for (y, (line, priority)) in (area.y..).zip(lines) {
                if *priority > 0 {
                    let style = b.style(Scope::alarm(*priority));
                    b.on(area, buf).glyph((area.x, y), b.glyphs.alarm(*priority), style);
                    b.on(area, buf).text((area.x + 1, y), line, style);
                } else {
                    b.on(area, buf).text((area.x + 1, y), line, b.style(Scope::Text));
                }
            }
            return;
        }
        let inner = Frame { title: "SUPPLY", note: &self.note, focused: false }.render(b, area, buf);
        let inner = plant::silence_line(cx, inner, buf);
        if self.rows.is_empty() {
            b.on(inner, buf).text((inner.x + 1, inner.y), NO_SOURCE, b.style(Scope::TextDim));
        }
        rows::render(cx, &self.rows, inner, buf);
    }
}
