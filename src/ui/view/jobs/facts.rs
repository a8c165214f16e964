//! The figures of one job or tenant, and its last hour as charts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::Point;
use crate::fleet::jobs::{By, Course, Usage};
use crate::model::{Asset, HallId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::jobs::list::{self, SLOW};
use crate::ui::view::jobs::name;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::trend::{self, Trend};

/// Columns of the labels where each fact has its own line.
const LABEL: u16 = 12;
/// Fewest lines of a chart with its title.
const CHART: u16 = 4;

/// One figure.
#[derive(Clone, PartialEq, Debug)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// How much.
    pub value: String,
    scope: Scope,
}

impl Fact {
    fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, value: value.into(), scope: Scope::Text }
    }

    fn scoped(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

/// All figures, the most important first.
pub fn facts(cx: &Context<'_>, (by, u): (By, &Usage)) -> Vec<Fact> {
    let absent = || cx.brush.glyphs.absent.to_string();
    let or_absent = |value: Option<String>| value.unwrap_or_else(absent);
    let c = u.counts;
    let mut gpus = text::integer(c.total().into());
    let parts = [(c.good, "good"), (c.stale, "stale"), (c.lost, "lost"), (c.unsupported, "unsupported")];
    if c.good < c.total() {
        let told = parts.iter().filter(|(n, _)| *n > 0);
        let told: Vec<String> = told.map(|(n, w)| format!("{} {w}", text::integer((*n).into()))).collect();
        gpus = format!("{gpus}: {}", told.join(", "));
    }
    let bad = if c.lost > 0 {
        Scope::QualityLost
    } else if c.stale > 0 {
        Scope::QualityStale
    } else {
        Scope::Text
    };
    let mut out = vec![Fact::new("GPUs", gpus).scoped(bad)];
    out.extend(owner(cx, by, u.slot));
    let power = u.power_w.map(|w| format!("{} MW", list::megawatts(w)));
    let each = u.power_median_w.map_or_else(String::new, |w| format!(", median {}", text::power(w.into())));
    out.push(Fact::new("power", or_absent(power.map(|p| p + &each))));
    let energy = cx.frame.energy.mwh(by, u.slot).map(|v| format!("{} MWh since first seen", list::digits(v)));
    out.push(Fact::new("energy", or_absent(energy)));
    let util = u.util.map(|(mean, median)| format!("{mean:.0} %, median {median:.0} %"));
    out.push(Fact::new("util", or_absent(util)));
    let clock = u.clock_mhz.map(|v| format!("median {} MHz", text::decimal(v.into(), 0)));
    out.push(Fact::new("SM clock", or_absent(clock)));
    out.push(Fact::new("SM activity", or_absent(u.activity.map(|v| format!("{v:.0} %")))));
    let hottest = u.hottest.map(|(gpu, v)| format!("{v:.0} °C {}", cx.topology().name(Asset::Gpu(gpu))));
    out.push(Fact::new("hottest", or_absent(hottest)));
    out.extend(trouble(cx, u));
    let per_hall = |(hall, n): &(HallId, u32)| {
        format!("{} {}", cx.topology().short_name(Asset::Hall(*hall)), text::integer((*n).into()))
    };
    out.push(Fact::new("halls", u.halls.iter().map(per_hall).collect::<Vec<_>>().join("  ")));
    out
}

/// Whose it is and what it does; how many jobs a tenant has.
fn owner(cx: &Context<'_>, by: By, slot: u16) -> Vec<Fact> {
    if slot == 0 {
        return Vec::new();
    }
    let other = list::other(cx, by, slot);
    if by == By::Tenant {
        return vec![Fact::new("jobs", other)];
    }
    let state = cx.frame.jobs.get(usize::from(slot)).map_or("", |j| j.state.name());
    let state = if state.is_empty() { "not told" } else { state };
    vec![Fact::new("tenant", other), Fact::new("state", state)]
}

/// Limits and stragglers; nothing where nothing is wrong.
fn trouble(cx: &Context<'_>, u: &Usage) -> Vec<Fact> {
    let mut out = Vec::new();
    let crossed = (1u8..).zip(u.limits).filter(|(_, n)| *n > 0);
    let badge = |priority| Badge { priority, filled: false }.text(cx.brush);
    let told: Vec<String> =
        crossed.clone().map(|(p, n)| format!("{} {}", badge(p), text::integer(n.into()))).collect();
    if let Some((worst, _)) = crossed.clone().next() {
        out.push(Fact::new("limits", told.join("  ")).scoped(Scope::alarm(worst)));
    }
    if u.stragglers > 0 {
        let text = format!("{} {}", badge(SLOW), text::integer(u.stragglers.into()));
        out.push(Fact::new("stragglers", text).scoped(Scope::alarm(SLOW)));
    }
    out
}

/// Draws the figures: one a line in a box, or flowing where there are few lines.
pub fn render(cx: &Context<'_>, (by, usage): (By, &Usage), area: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    if area.height < 2 {
        return;
    }
    let title = name(cx, by, usage.slot);
    let facts = facts(cx, (by, usage));
    if area.height < 8 {
        let line = Rect { height: 1, ..area };
        for x in line.left()..line.right() {
            b.on(line, buf).glyph((x, line.y), b.glyphs.frame[0], b.style(Scope::Line));
        }
        b.on(line, buf).text((area.x + 1, area.y), &format!(" {title} "), b.style(Scope::Title));
        return flow(cx, &facts, Rect { y: area.y + 1, height: area.height - 1, ..area }, buf);
    }
    let inner = Frame { title, note: by.name(), focused: false }.render(b, area, buf);
    for (i, fact) in facts.iter().take(usize::from(inner.height)).enumerate() {
        let y = inner.y + i as u16;
        b.on(inner, buf).text((inner.x + 1, y), fact.label, b.style(Scope::TextDim));
        b.on(inner, buf).text((inner.x + 1 + LABEL, y), &fact.value, b.style(fact.scope));
    }
}

/// Label and value one after the other, as many as fit; none is cut in the middle.
fn flow(cx: &Context<'_>, facts: &[Fact], area: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    let (mut x, mut y) = (area.x + 1, area.y);
    for fact in facts {
        let width = (text::width(fact.label) + 1 + text::width(&fact.value)) as u16;
        if x > area.x + 1 && x + width > area.right() {
            (x, y) = (area.x + 1, y + 1);
        }
        if y >= area.bottom() {
            return;
        }
        x = b.on(area, buf).text((x, y), fact.label, b.style(Scope::TextDim)) + 1;
        x = b.on(area, buf).text((x, y), &fact.value, b.style(fact.scope)) + 3;
    }
}

/// Draws utilization and power of the last hour beside each other.
pub fn charts(cx: &Context<'_>, course: &Course, area: Rect, buf: &mut Buffer) {
    if area.height < CHART {
        return;
    }
    let half = area.width / 2;
    let megawatts: Vec<Option<Point>> = course
        .power
        .iter()
        .map(|p| p.map(|p| Point { min: p.min / 1e6, mean: p.mean / 1e6, max: p.max / 1e6 }))
        .collect();
    let top = megawatts.iter().flatten().map(|p| p.max).fold(0.0f32, f32::max);
    let left = Rect { width: half, ..area };
    let right = Rect { x: area.x + half, width: area.width - half, ..area };
    chart(cx, "UTILIZATION %", (&course.util, (0.0, 100.0)), left, buf);
    chart(cx, "POWER MW", (&megawatts, (0.0, (top * 1.1).max(0.001))), right, buf);
}

fn chart(
    cx: &Context<'_>,
    title: &str,
    (points, range): (&[Option<Point>], (f32, f32)),
    area: Rect,
    buf: &mut Buffer,
) {
    let b = cx.brush;
    let inner = Frame { title, note: "60 min", focused: false }.render(b, area, buf);
    if points.iter().all(Option::is_none) {
        let most = crate::fleet::jobs::course::MOST;
        let text = format!("not followed: only the {} largest are", text::integer(most as u64));
        b.on(inner, buf).text((inner.x + 1, inner.y), &text, b.style(Scope::TextDim));
        return;
    }
    let points: Vec<trend::Point> = points.iter().map(|p| p.map(|p| (p.min, p.mean, p.max))).collect();
    let start = cx.frame.time.plus_millis(-super::WINDOW.0);
    let clock = |quarter: i64| {
        let clock = start.plus_millis(super::WINDOW.0 / 4 * quarter).clock().to_string();
        clock.get(..5).unwrap_or_default().to_owned()
    };
    let clocks = [0, 1, 2, 3, 4].map(clock);
    let live = cx.choice.moment.time().is_none();
    let words = |i: usize| if i == 4 && live { "now" } else { clocks[i].as_str() };
    let times = [0, 1, 2, 3, 4].map(|i| (i as f32 / 4.0, words(i)));
    Trend { points: &points, range, limits: [None; 2], times: &times }.render(b, inner, buf);
}
