//! One alarm in detail: what it is, against which limit, what to do, who said what, what belongs to
//! it. The lines are in the order of their worth, so that a low box shows the best of them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::series::Signal;
use crate::model::alarm::{Alarm, AlarmId, Member, Note, Origin};
use crate::model::facility::{CduPoint, RackPoint, SitePoint};
use crate::model::{Asset, Timestamp};
use crate::ui::alarms::{priority_word, title};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::spark::Spark;

/// Window of the trend: 15 minutes in 90 points.
const WINDOW: (i64, usize) = (900_000, 90);
/// Columns of the labels.
const LABELS: u16 = 10;
/// From this height on the box has a frame.
const FRAMED: u16 = 8;

/// The course of the value nearest to what an alarm is about, made once per update.
#[derive(Debug, Default)]
pub struct Trend {
    made_for: Option<(AlarmId, Timestamp)>,
    label: String,
    values: Vec<Option<f32>>,
}

impl Trend {
    /// Takes in the alarm that is selected.
    pub fn update(&mut self, cx: &Context<'_>, alarm: Option<&Alarm>) {
        let key = alarm.map(|a| (a.id, cx.frame.time));
        if self.made_for == key {
            return;
        }
        self.made_for = key;
        self.values.clear();
        let found = alarm.and_then(|a| Some((a, signal(cx, a)?)));
        if let Some((_, (asset, signal, label))) = found {
            let points = cx.snapshot.history.signal(cx.frame, asset, signal, WINDOW);
            self.values = points.into_iter().map(|p| p.map(|p| p.mean)).collect();
            self.label = label;
        }
    }

    fn is_known(&self) -> bool {
        self.values.iter().flatten().count() > 1
    }
}

/// The value that tells most about a rule, where one is followed over time.
fn signal(cx: &Context<'_>, alarm: &Alarm) -> Option<(Asset, Signal, String)> {
    let t = cx.topology();
    let mut at = alarm.asset?;
    while matches!(at, Asset::Gpu(_) | Asset::Tray(_)) {
        at = t.parent(at);
    }
    let (signal, unit) = match (at, &*alarm.rule) {
        (Asset::Rack(_), "rack-leak" | "tray-leak" | "rack-flow-low" | "rack-delta-t") => {
            (Signal::Rack(RackPoint::LiquidFlow), "flow LPM")
        }
        (Asset::Rack(_), "return-temperature-high" | "hw-thermal-slowdown" | "gpu-margin-low") => {
            (Signal::Rack(RackPoint::LiquidReturn), "return °C")
        }
        (Asset::Rack(_), _) => (Signal::Rack(RackPoint::Power), "power kW"),
        (Asset::Cdu(_), _) => (Signal::Cdu(CduPoint::SecondarySupply), "supply °C"),
        (Asset::Site, "grid-frequency") => (Signal::Site(SitePoint::Frequency), "Hz"),
        (Asset::Site, "power-oscillation") => (Signal::Site(SitePoint::Oscillation), "swing MW"),
        (Asset::Site, _) => (Signal::Site(SitePoint::FacilityPower), "facility MW"),
        (Asset::Hall(_), _) => (Signal::PowerSum, "power W"),
        _ => return None,
    };
    Some((at, signal, format!("{} {unit}", t.name(at))))
}

/// A line, or several when it is long.
struct Fact {
    label: &'static str,
    text: String,
    scope: Scope,
}

/// Draws the alarm, or nothing where none is selected.
pub fn render(cx: &Context<'_>, alarm: Option<&Alarm>, trend: &Trend, area: Rect, buf: &mut Buffer) {
    let name = alarm.map_or_else(String::new, |a| format!("{}  {}", a.place, title(a)));
    let number = alarm.map_or_else(String::new, |a| format!("alarm {}", a.id));
    let framed = area.height >= FRAMED;
    let inner = if framed {
        Frame { title: &name, note: &number, focused: false }.render(cx.brush, area, buf)
    } else {
        rule(cx, &name, area, buf)
    };
    let Some(alarm) = alarm else { return };
    let facts = facts(cx, alarm);
    let curve = u16::from(trend.is_known() && inner.height >= 6);
    let bottom = inner.bottom() - curve;
    let mut y = inner.y;
    for (i, fact) in facts.iter().enumerate() {
        let left = (facts.len() - i) as u16;
        // Where not everything fits, each gets a line before any gets a second one.
        let most = if framed { bottom.saturating_sub(y).saturating_sub(left - 1).max(1) } else { 1 };
        for (n, line) in text::wrap(&fact.text, usize::from(inner.width.saturating_sub(LABELS + 2)), most)
            .iter()
            .enumerate()
        {
            if y >= bottom {
                break;
            }
            let mut pen = cx.brush.on(inner, buf);
            if n == 0 {
                pen.text((inner.x + 1, y), fact.label, cx.brush.style(Scope::TextDim));
            }
            pen.text((inner.x + 1 + LABELS, y), line, cx.brush.style(fact.scope));
            y += 1;
        }
    }
    if curve > 0 {
        course(cx, trend, Rect { y: bottom, height: 1, ..inner }, buf);
    }
}

/// A rule with the name on it, for boxes too low for a frame.
fn rule(cx: &Context<'_>, name: &str, area: Rect, buf: &mut Buffer) -> Rect {
    for x in area.left()..area.right() {
        cx.brush.on(area, buf).glyph((x, area.y), cx.brush.glyphs.frame[0], cx.brush.style(Scope::Line));
    }
    let name = format!(" {name} ");
    cx.brush.on(area, buf).text((area.x + 2, area.y), &name, cx.brush.style(Scope::Title));
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

fn course(cx: &Context<'_>, trend: &Trend, line: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    let known = || trend.values.iter().flatten().copied();
    let (low, high) = (known().fold(f32::MAX, f32::min), known().fold(f32::MIN, f32::max));
    let x = b.on(line, buf).text((line.x + 1, line.y), "15 min", b.style(Scope::TextDim));
    let label =
        format!("{} {} to {}", trend.label, text::significant(low.into()), text::significant(high.into()));
    let end = line.right().saturating_sub(text::width(&label) as u16 + 2);
    let x = (x + 1).max(line.x + 1 + LABELS);
    let room = Rect { x, width: end.saturating_sub(x), ..line };
    let margin = (0.05 * (high - low)).max(0.01 * high.abs()).max(f32::MIN_POSITIVE);
    let spark = Spark {
        values: &trend.values,
        range: (low - margin, high + margin),
        style: b.style(Scope::ChartLine),
    };
    spark.render(b, room, buf);
    b.on(line, buf).text((end + 1, line.y), &label, b.style(Scope::TextDim));
}

fn facts(cx: &Context<'_>, a: &Alarm) -> Vec<Fact> {
    let fact = |label, text: String, scope| Fact { label, text, scope };
    let mut out = vec![fact("state", state(cx, a), Scope::TextStrong)];
    let rule = cx.snapshot.alarms.rule(&a.rule);
    let value = if a.text.is_empty() { "no value was given".to_owned() } else { a.text.to_string() };
    out.push(fact("value", value, Scope::Text));
    if let Some(rule) = rule {
        let mut limit = format!(
            "{} ({}), on after {} s, off after {} s",
            rule.condition, rule.slug, rule.on_delay_s, rule.off_delay_s
        );
        if !rule.deadband.is_empty() {
            limit.push_str(&format!(", deadband {}", rule.deadband));
        }
        if rule.latch {
            limit.push_str(", latches");
        }
        out.push(fact("limit", limit, Scope::Text));
        if !rule.action.is_empty() {
            out.push(fact("action", rule.action.to_string(), Scope::Text));
        }
    } else {
        out.push(fact("rule", a.rule.to_string(), Scope::Text));
    }
    notes(cx, a, &mut out);
    if a.member_count > 0 {
        out.push(fact("members", members(a), Scope::Text));
    }
    for (i, step) in a.steps.iter().rev().enumerate() {
        let who = if step.operator.is_empty() { String::new() } else { format!(" by {}", step.operator) };
        let why = if step.text.is_empty() { String::new() } else { format!(": {}", step.text) };
        let text = format!("{} {}{who}{why}, {}", step.time.clock(), step.input.name(), step.to.short());
        out.push(fact(if i == 0 { "history" } else { "" }, text, Scope::TextDim));
    }
    if let Some(rule) = rule.filter(|r| !r.runbook.is_empty()) {
        out.push(fact("runbook", rule.runbook.to_string(), Scope::TextDim));
    }
    out
}

/// Badge, state, since when, how often.
fn state(cx: &Context<'_>, a: &Alarm) -> String {
    let now = cx.then.now;
    let badge = Badge { priority: a.priority, filled: false }.text(cx.brush);
    let mut out = format!("{badge} {}  {}", priority_word(a.priority), a.state.name());
    out.push_str(&format!(", since {} ({})", a.raised.clock(), text::age(now.since(a.raised))));
    if let Some(cleared) = a.cleared {
        out.push_str(&format!(", cleared {}", cleared.clock()));
    }
    out.push_str(&format!(", occurrence {}", a.occurrences));
    if a.gpus > 0 {
        out.push_str(&format!(", {} GPUs", text::integer(a.gpus.into())));
    }
    for (word, _) in [(", chattering", a.chattering), (", stale", a.is_stale(now))].iter().filter(|w| w.1) {
        out.push_str(word);
    }
    out
}

fn notes(cx: &Context<'_>, a: &Alarm, out: &mut Vec<Fact>) {
    let said = |n: &Note| {
        let why = if n.comment.is_empty() { String::new() } else { format!(": {}", n.comment) };
        format!("{} by {}{why}", n.time.clock(), n.operator)
    };
    let mut add = |label, text| out.push(Fact { label, text, scope: Scope::Text });
    if let Some(by) = a.suppressed_by {
        let cause = cx.snapshot.alarms.get(by);
        let words = cause.map_or_else(String::new, |c| format!(" {} {}", c.place, c.title));
        add(
            "cause",
            match a.origin {
                Origin::Rule => format!("suppressed by alarm {by}{words}"),
                Origin::Alertmanager => "kept quiet in Alertmanager: the history says by whom".to_owned(),
            },
        );
    }
    if let Some(shelf) = &a.shelf {
        let once = if shelf.one_shot { ", or until it clears" } else { "" };
        add("shelf", format!("until {}{once}, {}", shelf.until.clock(), said(&shelf.note)));
    }
    if let Some(note) = &a.service {
        add("service", format!("out of service {}", said(note)));
    }
    if let Some(note) = &a.acknowledged {
        add("ack", said(note));
    }
    if let Some(note) = &a.comment {
        add("comment", said(note));
    }
}

/// Members named of each rule.
const NAMED: usize = 4;

/// The members by rule, in the order in which the rules came: first-out first, a few by name, and how
/// many there are.
fn members(a: &Alarm) -> String {
    let mut rules: Vec<(&str, Vec<&Member>)> = Vec::new();
    for member in &a.members {
        match rules.iter_mut().find(|(rule, _)| *rule == &*member.rule) {
            Some((_, list)) => list.push(member),
            None => rules.push((&member.rule, vec![member])),
        }
    }
    let words = |(rule, list): &(&str, Vec<&Member>)| {
        let names: Vec<&str> = list.iter().take(NAMED).map(|m| &*m.place).collect();
        let more = if list.len() > NAMED { ", …" } else { "" };
        let since = list.first().map_or_else(String::new, |m| m.time.clock().to_string());
        format!("{since} {rule}: {}{more}", names.join(", "))
    };
    let by_rule: Vec<String> = rules.iter().map(words).collect();
    let first = if by_rule.is_empty() { "" } else { ", first-out " };
    format!("{}{first}{}", text::integer(a.member_count.into()), by_rule.join("; "))
}
