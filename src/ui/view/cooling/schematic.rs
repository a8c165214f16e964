//! The loop of a row, drawn: facility water, plate exchanger, pumps, manifold, racks and back. Supply
//! is a solid line, return a broken one.
//!
//! ```text
//! facility water    ┌────────┐  ok                                              ┌─ racks ──────┐
//!  14.1 °C  412 LPM ──────>│ CDU1   │─ pump 1 44 %  pump 2 standby ──> 32.1 °C  416 LPM ──>│ 8 of 8 racks │
//!  valve 6 %        │   HX   │  set 32.0 °C  level 82 %      DP 90 kPa          │ 832 LPM      │
//! <33.1 °C ╌╌╌╌╌╌╌╌╌│        │< filter 6 kPa ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 45.2 °C ╌╌╌╌╌╌╌╌╌╌<│ dT 13.1 K    │
//!                   └────────┘                                                 └──────────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::fleet::limits::plant as limits;
use crate::model::facility::{CduPoint, RackPoint};
use crate::model::{Asset, CduId, RackId, RowId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::plant;
use crate::ui::widget::frame::Frame;

/// Lines of one CDU drawn; the line between two boxes is shared, and the last one has one more.
const DRAWN: u16 = 4;
/// Lines of one CDU in words.
const WORDS: u16 = 3;
/// Narrowest screen for a drawing.
const DRAW_FROM: u16 = 78;

/// Lines that the loop of a row wants.
pub fn height(cx: &Context<'_>, row: RowId, area: Rect) -> u16 {
    let cdus = cx.topology().row(row).cdus.len() as u16;
    let each = if area.width >= DRAW_FROM { DRAWN } else { WORDS };
    // Never more than half of the screen; what does not fit is named in a line.
    let fit = (area.height / 2 / each).max(1);
    let end = u16::from(area.width >= DRAW_FROM);
    match cdus {
        0 => 2,
        n if n > fit => fit * each + end + 1,
        n => n * each + end,
    }
}

/// Columns where the parts of the drawing begin, and their widths.
#[derive(Clone, Copy)]
struct Columns {
    left: u16,
    exchanger: (u16, u16),
    pumps: u16,
    secondary: u16,
    racks: (u16, u16),
    /// Little room: short names, and fewer values.
    short: bool,
}

impl Columns {
    fn new(area: Rect) -> Self {
        let short = area.width < 104;
        let (left, pumps, secondary) = if short { (10, 26, 18) } else { (21, 30, 21) };
        let (exchanger, racks) = if short { (8, 14) } else { (12, 20) };
        // What a wide screen leaves is shared out among the three pipes.
        let used = 1 + left + exchanger + pumps + secondary + racks;
        let spare = area.width.saturating_sub(used).min(96) / 3;
        let at = area.x + 1;
        let hx = at + left + spare;
        let pump = hx + exchanger;
        let second = pump + pumps + spare;
        Self {
            left: at,
            exchanger: (hx, exchanger),
            pumps: pump,
            secondary: second,
            racks: (second + secondary + spare, racks),
            short,
        }
    }
}

/// Draws the loop.
pub fn render(cx: &Context<'_>, row: RowId, area: Rect, buf: &mut Buffer) {
    let t = cx.topology();
    let cdus: Vec<CduId> = t.row(row).cdus.iter().map(CduId).collect();
    if area.is_empty() {
        return;
    }
    if cdus.is_empty() {
        return without(cx, row, area, buf);
    }
    let drawn = area.width >= DRAW_FROM;
    let each = if drawn { DRAWN } else { WORDS };
    let end = u16::from(drawn);
    let fit = usize::from((area.height.saturating_sub(end) / each).max(1)).min(cdus.len());
    for (i, cdu) in cdus.iter().take(fit).enumerate() {
        let y = area.y + i as u16 * each;
        let place = Rect { y, height: (each + end).min(area.bottom().saturating_sub(y)), ..area };
        if drawn {
            Drawing { cx, columns: Columns::new(area), area: place }.cdu(*cdu, buf);
        } else {
            words(cx, *cdu, place, buf);
        }
    }
    let y = area.y + fit as u16 * each + end;
    if cdus.len() > fit && y < area.bottom() {
        let name = |c: &CduId| format!("{} {}", t.short_name(Asset::Cdu(*c)), plant::cdu_words(cx, *c).0);
        let rest: Vec<String> = cdus[fit..].iter().map(name).collect();
        let line = format!("and {} more: {}", rest.len(), rest.join(", "));
        cx.brush.on(area, buf).text((area.x + 1, y), &line, cx.brush.style(Scope::TextDim));
    }
    if drawn {
        let height = (fit as u16 * DRAWN + end).min(area.height);
        racks(cx, row, Rect { height, ..area }, buf);
    }
}

/// A row without CDUs.
fn without(cx: &Context<'_>, row: RowId, area: Rect, buf: &mut Buffer) {
    let t = cx.topology();
    let liquid = t.row(row).racks.iter().any(|r| limits::is_liquid(t, RackId(r)));
    let name = t.name(Asset::Row(row));
    let words = if liquid {
        format!("{name} has no CDU in the topology: only what its racks say is known.")
    } else {
        format!("{name} is cooled by air: it has no coolant loop.")
    };
    cx.brush.on(area, buf).text((area.x + 1, area.y), &words, cx.brush.style(Scope::TextDim));
}

/// A value with its unit as text and style: marked by shape when it has crossed its normal band.
fn said(cx: &Context<'_>, cdu: CduId, point: CduPoint, words: &str) -> (String, Style) {
    let (b, f) = (cx.brush, &cx.frame.facility);
    let value = f.cdu(cdu, point);
    let quantity = plant::quantity(value, point.spec().unit, b.glyphs.absent);
    let gap = if words.is_empty() { "" } else { " " };
    let priority = value.map_or(0, |v| limits::cdu(f, cdu, point).crossed(v));
    match (value, priority) {
        (None, _) => (format!("{words}{gap}{quantity}"), b.style(Scope::QualityAbsent)),
        (_, 0) => (format!("{words}{gap}{quantity}"), b.style(Scope::Text)),
        (_, p) => (format!("{words}{gap}{}{quantity}", b.glyphs.alarm(p)), b.style(Scope::alarm(p))),
    }
}

/// A pump in words: it runs, stands by while the other runs, or stands.
fn pump(cx: &Context<'_>, cdu: CduId, number: u8, name: &str) -> (String, Style) {
    let (b, f) = (cx.brush, &cx.frame.facility);
    let point = if number == 1 { CduPoint::Pump1 } else { CduPoint::Pump2 };
    let name = format!("{name}{number}");
    match f.cdu(cdu, point) {
        Some(v) if v <= 0.5 && limits::pumps_stand(f, cdu) => {
            (format!("{name} {}STANDS", b.glyphs.alarm(1)), b.style(Scope::AlarmP1))
        }
        Some(v) if v <= 0.5 => (format!("{name} standby"), b.style(Scope::TextDim)),
        _ => said(cx, cdu, point, &name),
    }
}

/// Where one CDU is drawn.
struct Drawing<'a> {
    cx: &'a Context<'a>,
    columns: Columns,
    area: Rect,
}

impl Drawing<'_> {
    /// A pipe from `from` up to `to`: solid for supply, broken for return.
    fn pipe(&self, y: u16, (from, to): (u16, u16), supply: bool, buf: &mut Buffer) {
        let b = self.cx.brush;
        let (glyph, scope) =
            if supply { (b.glyphs.frame[0], Scope::BandNormal) } else { (b.glyphs.limit, Scope::ChartBand) };
        for x in from..to {
            b.on(self.area, buf).glyph((x, y), glyph, b.style(scope));
        }
    }

    /// Text on a pipe, with a blank on both sides; answers with the column after it.
    fn on(&self, at: (u16, u16), (words, style): (String, Style), buf: &mut Buffer) -> u16 {
        self.cx.brush.on(self.area, buf).text(at, &format!(" {words} "), style)
    }

    fn arrow(&self, at: (u16, u16), glyph: char, buf: &mut Buffer) {
        let style = self.cx.brush.style(Scope::TextStrong);
        self.cx.brush.on(self.area, buf).glyph(at, glyph, style);
    }

    fn cdu(&self, cdu: CduId, buf: &mut Buffer) {
        let (cx, c, y) = (self.cx, self.columns, self.area.y);
        let (supply, middle, ret) = (y + 1, y + 2, y + 3);
        let (hx, racks) = (c.exchanger.0, c.racks.0);
        for (line, is_supply) in [(supply, true), (ret, false)] {
            self.pipe(line, (c.left, hx), is_supply, buf);
            self.pipe(line, (c.pumps, racks), is_supply, buf);
        }
        self.exchanger(cdu, buf);
        self.status(cdu, buf);
        let get = |point, words: &str| said(cx, cdu, point, words);
        let x = self.on((c.left, supply), get(CduPoint::PrimarySupply, ""), buf);
        let flow = get(CduPoint::PrimaryFlow, "");
        if c.short {
            self.on((c.left, middle), flow, buf);
        } else {
            self.on((x, supply), flow, buf);
            self.on((c.left, middle), get(CduPoint::PrimaryValve, "valve"), buf);
        }
        self.on((c.left + 1, ret), get(CduPoint::PrimaryReturn, ""), buf);
        let name = if c.short { "P" } else { "pump " };
        let x = self.on((c.pumps, supply), pump(cx, cdu, 1, name), buf);
        self.on((x, supply), pump(cx, cdu, 2, name), buf);
        let x = self.on((c.pumps, middle), get(CduPoint::Setpoint, "set"), buf);
        self.on((x, middle), get(CduPoint::Level, "level"), buf);
        self.on((c.pumps + 1, ret), get(CduPoint::FilterDp, "filter"), buf);
        let x = self.on((c.secondary, supply), get(CduPoint::SecondarySupply, ""), buf);
        self.on((x, supply), get(CduPoint::SecondaryFlow, ""), buf);
        let x = self.on((c.secondary, middle), get(CduPoint::SecondaryDp, "DP"), buf);
        if racks > x + 13 {
            self.on((x, middle), get(CduPoint::Heat, "heat"), buf);
        }
        self.on((c.secondary, ret), get(CduPoint::SecondaryReturn, ""), buf);
        for (x, line, glyph) in
            [(hx - 1, supply, '>'), (c.left, ret, '<'), (racks - 1, supply, '>'), (c.pumps, ret, '<')]
        {
            self.arrow((x, line), glyph, buf);
        }
    }

    /// How the CDU is, above its pumps; and what flows in at the left.
    fn status(&self, cdu: CduId, buf: &mut Buffer) {
        let (cx, b, y) = (self.cx, self.cx.brush, self.area.y);
        let c = self.columns;
        let room = Rect { width: c.exchanger.0.saturating_sub(self.area.x), ..self.area };
        let words = if c.short { "water" } else { "facility water" };
        b.on(room, buf).text((c.left, y), words, b.style(Scope::TextDim));
        let (words, scope) = plant::cdu_words(cx, cdu);
        let room = Rect { width: c.racks.0.saturating_sub(self.area.x + 1), ..self.area };
        b.on(room, buf).text((c.pumps + 1, y), &words, b.style(scope));
    }

    /// The plate exchanger with the name of its CDU.
    fn exchanger(&self, cdu: CduId, buf: &mut Buffer) {
        let b = self.cx.brush;
        let (x, width) = self.columns.exchanger;
        let place = Rect { x, width, ..self.area };
        let inner = outline(self.cx, place, buf);
        let name = self.cx.topology().short_name(Asset::Cdu(cdu));
        b.on(inner, buf).text((inner.x, inner.y), &name, b.style(Scope::TextStrong));
        b.on(inner, buf).text((inner.x + inner.width / 2 - 1, inner.y + 1), "HX", b.style(Scope::TextDim));
    }
}

/// A box; answers with the area inside, a column away from its sides.
fn outline(cx: &Context<'_>, area: Rect, buf: &mut Buffer) -> Rect {
    let inner = Frame { title: "", note: "", focused: false }.render(cx.brush, area, buf);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner }
}

/// The racks of a row as one: where all pipes end.
fn racks(cx: &Context<'_>, row: RowId, area: Rect, buf: &mut Buffer) {
    let (t, f, b) = (cx.topology(), &cx.frame.facility, cx.brush);
    let Columns { racks: (x, width), short, .. } = Columns::new(area);
    let all = t.row(row).racks;
    let (mut flow, mut supply, mut ret, mut heat, mut power) = (0.0f32, 0.0f32, 0.0f32, 0.0f32, 0.0f32);
    let mut known = 0u32;
    for id in all.iter().map(RackId) {
        let point = |p| f.rack(id, p);
        let parts =
            (point(RackPoint::LiquidFlow), point(RackPoint::LiquidSupply), point(RackPoint::LiquidReturn));
        if let (Some(lpm), Some(cold), Some(hot)) = parts {
            known += 1;
            flow += lpm;
            supply += lpm * cold;
            ret += lpm * hot;
            heat += f.liquid_heat_kw(id).unwrap_or(0.0);
            power += point(RackPoint::Power).unwrap_or(0.0);
        }
    }
    let of = if short { format!("{known}/{}", all.len()) } else { format!("{known} of {}", all.len()) };
    let mut lines = vec![(format!("{of} racks"), Scope::TextStrong)];
    if known == 0 {
        lines = vec![
            (format!("{} racks", all.len()), Scope::TextStrong),
            ("not reported".to_owned(), Scope::QualityAbsent),
        ];
    } else if flow >= 1.0 {
        lines.push((format!("{} LPM", text::decimal(flow.into(), 0)), Scope::Text));
        lines.push((format!("dT {:.1} K", (ret - supply) / flow), Scope::Text));
        if !short {
            lines.push((format!("back {:.1} °C", ret / flow), Scope::Text));
        }
        lines.push((format!("heat {} kW", text::decimal(heat.into(), 0)), Scope::Text));
        if power > 0.0 {
            let of = if short { "" } else { "of " };
            lines.push((format!("{:.0} % {of}power", 100.0 * heat / power), Scope::Text));
        }
    } else {
        lines.push((format!("{}2 NO FLOW", b.glyphs.alarm(2)), Scope::AlarmP2));
    }
    let inner = outline(cx, Rect { x, width: width.min(area.right().saturating_sub(x)), ..area }, buf);
    for (y, (line, scope)) in (inner.y..inner.bottom()).zip(lines) {
        b.on(inner, buf).text((inner.x, y), &line, b.style(scope));
    }
}

/// A CDU in three lines of words, for narrow screens.
fn words(cx: &Context<'_>, cdu: CduId, area: Rect, buf: &mut Buffer) {
    let b = cx.brush;
    let what = plant::cdu_words(cx, cdu);
    let get = |point, words: &str| said(cx, cdu, point, words);
    let name = (cx.topology().short_name(Asset::Cdu(cdu)), b.style(Scope::TextStrong));
    let lines = [
        vec![name, (what.0, b.style(what.1))],
        vec![
            get(CduPoint::SecondarySupply, " to racks"),
            get(CduPoint::SecondaryReturn, "back"),
            get(CduPoint::SecondaryFlow, ""),
        ],
        vec![
            get(CduPoint::PrimarySupply, " water"),
            get(CduPoint::PrimaryReturn, "back"),
            pump(cx, cdu, 1, "pump "),
            pump(cx, cdu, 2, "pump "),
        ],
    ];
    for (y, parts) in (area.y..area.bottom()).zip(lines) {
        let mut x = area.x + 1;
        for (words, style) in parts {
            x = b.on(area, buf).text((x, y), &words, style) + 2;
        }
    }
}
