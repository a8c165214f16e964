//! The elevation of a rack: what stands in it, top first, one line each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::metric::Kind;
use crate::model::{Asset, GpuId, Metric, Quality, RackId, RackPoint, Topology, TrayId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::value;

/// Columns of the names of trays.
const NAMES: u16 = 6;
/// Columns of the power of a tray.
const WATTS: u16 = 9;

/// One line of the elevation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shelf {
    /// Power shelves from and to this number, 1 on top.
    Power(u16, u16),
    /// A compute tray.
    Tray(TrayId),
    /// Switch trays from and to this number, 1 at the bottom.
    Switch(u16, u16),
}

/// What stands in a rack, top first. Power shelves and switch trays share lines, and then give way,
/// where there are fewer than `lines` for all.
///
/// The order is that of an NVL72 rack: half of the shelves on top and half at the bottom, switch
/// trays between the upper ten and the lower eight trays; other racks are divided in proportion.
#[must_use]
pub fn shelves(t: &Topology, rack: RackId, lines: usize) -> Vec<Shelf> {
    let model = t.rack_model(rack);
    let trays: Vec<TrayId> = t.rack(rack).trays.iter().rev().map(TrayId).collect();
    let (power, switches) = (model.power_shelves, model.switch_trays);
    let upper = power.div_ceil(2);
    let one_each = |from: u16, to: u16, make: fn(u16, u16) -> Shelf| -> Vec<Shelf> {
        (from..=to).map(|n| make(n, n)).collect()
    };
    let all = trays.len() + usize::from(power) + usize::from(switches);
    let shared = trays.len() + usize::from(power > 0) + usize::from(power > 1) + usize::from(switches > 0);
    let (top, middle, bottom) = if all <= lines {
        let switches = one_each(1, switches, Shelf::Switch).into_iter().rev().collect();
        (one_each(1, upper, Shelf::Power), switches, one_each(upper + 1, power, Shelf::Power))
    } else if shared <= lines {
        let some = |from: u16, to: u16, make: fn(u16, u16) -> Shelf| {
            if from <= to { vec![make(from, to)] } else { vec![] }
        };
        (some(1, upper, Shelf::Power), some(1, switches, Shelf::Switch), some(upper + 1, power, Shelf::Power))
    } else {
        (vec![], vec![], vec![])
    };
    let lower = trays.len() * 4 / 9;
    let (above, below) = trays.split_at(trays.len() - lower);
    let mut out = top;
    out.extend(above.iter().map(|t| Shelf::Tray(*t)));
    out.extend(middle);
    out.extend(below.iter().map(|t| Shelf::Tray(*t)));
    out.extend(bottom);
    out
}

/// Draws the lines from `first` on below a line of headings.
pub fn render(cx: &Context<'_>, area: Rect, shelves: &[Shelf], first: usize, buf: &mut Buffer) {
    let columns = Columns::of(cx, area);
    let brush = &cx.brush;
    let dim = brush.style(Scope::TextDim);
    for i in 0..columns.shown {
        brush.on(area, buf).text(
            (columns.x(area, i) + 1, area.y),
            &format!("GPU {}", columns.first + i + 1),
            dim,
        );
    }
    if columns.watts {
        let title = text::right("tray", usize::from(WATTS), brush.glyphs.ellipsis);
        brush.on(area, buf).text((columns.x(area, columns.shown), area.y), &title, dim);
    }
    let more = shelves.len().saturating_sub(first + usize::from(area.height.saturating_sub(1)));
    if first > 0 || more > 0 {
        brush.on(area, buf).text((area.x, area.y), &format!("{first}+{more}"), dim);
    }
    for (i, shelf) in shelves.iter().skip(first).enumerate() {
        let y = area.y + 1 + i as u16;
        if y >= area.bottom() {
            break;
        }
        match *shelf {
            Shelf::Tray(tray) => tray_line(cx, Rect { y, height: 1, ..area }, &columns, tray, buf),
            Shelf::Power(from, to) => {
                let line = format!("{}  power {}", span("P", from, to), shelves_ok(cx, from, to));
                brush.on(area, buf).text((area.x + 1, y), &line, dim);
            }
            Shelf::Switch(from, to) => {
                let line =
                    format!("{}  switch {}", span("S", from, to), if from == to { "tray" } else { "trays" });
                brush.on(area, buf).text((area.x + 1, y), &line, dim);
            }
        }
    }
}

fn span(letter: &str, from: u16, to: u16) -> String {
    if from == to { format!("{letter}{from:<3}") } else { format!("{letter}{from}-{to}") }
}

/// Which of the shelves work is only known for the rack as a whole.
fn shelves_ok(cx: &Context<'_>, from: u16, to: u16) -> String {
    let kind = if from == to { "shelf" } else { "shelves" };
    let rack = cx.selection.rack(cx.topology());
    match rack.and_then(|r| Some((cx.frame.facility.rack(r, RackPoint::ShelvesOk)?, r))) {
        Some((ok, r)) if from == 1 => {
            format!("{kind}, {ok:.0} of {} in the rack work", cx.topology().rack_model(r).power_shelves)
        }
        _ => kind.to_owned(),
    }
}

/// Columns that all GPUs of a tray need without bars.
#[must_use]
pub fn need(cx: &Context<'_>, rack: RackId) -> u16 {
    NAMES + WATTS + 2 + widest(cx.topology(), rack) * text_width(cx)
}

/// Most GPUs in a tray of the rack.
fn widest(t: &Topology, rack: RackId) -> u16 {
    let gpus = t.rack(rack).trays.iter().map(|i| t.tray(TrayId(i)).gpus.len());
    gpus.max().unwrap_or(1).max(1) as u16
}

/// Columns of one value: mark, four digits and a blank, or a word.
fn text_width(cx: &Context<'_>) -> u16 {
    match cx.choice.metric.spec().kind {
        Kind::Quantity => 6,
        _ => 9,
    }
}

/// How the columns of the GPUs are laid out.
struct Columns {
    first: u16,
    shown: u16,
    width: u16,
    bar: u16,
    watts: bool,
}

impl Columns {
    /// As wide as fits: value and bar, value alone, or a part of the GPUs around the cursor.
    fn of(cx: &Context<'_>, area: Rect) -> Self {
        let t = cx.topology();
        let widest = cx.selection.rack(t).map_or(1, |r| widest(t, r));
        let text = text_width(cx);
        let selected = cx.selection.cursor().map_or(0, |c| c.slot);
        let watts = area.width >= NAMES + WATTS + 2 * text;
        let room = area.width.saturating_sub(NAMES + if watts { WATTS + 1 } else { 0 });
        let shown = widest.min((room / text).max(1));
        let width = (room / shown).clamp(1, text + 12);
        let first = (selected + 1).saturating_sub(shown).min(widest - shown);
        let bar =
            if cx.choice.metric.spec().kind == Kind::Quantity { width.saturating_sub(text + 1) } else { 0 };
        Self { first, shown, width, bar: if bar < 3 { 0 } else { bar }, watts }
    }

    const fn x(&self, area: Rect, i: u16) -> u16 {
        area.x + NAMES + i * self.width
    }
}

/// Draws a tray into the first line of `area`.
fn tray_line(cx: &Context<'_>, area: Rect, columns: &Columns, tray: TrayId, buf: &mut Buffer) {
    let y = area.y;
    let (t, brush) = (cx.topology(), &cx.brush);
    let here = cx.selection.tray() == Some(tray);
    let gpus = t.tray(tray).gpus;
    let scope = if here { Scope::Selection } else { Scope::TextDim };
    let name = format!("{}{}", if here { '>' } else { ' ' }, t.short_name(Asset::Tray(tray)));
    let name = text::left(&name, usize::from(NAMES) - 1, brush.glyphs.ellipsis);
    brush.on(area, buf).text((area.x, y), &name, brush.style(scope));
    for i in 0..columns.shown {
        let gpu = GpuId(gpus.start + u32::from(columns.first + i));
        let x = columns.x(area, i);
        let cell = Rect { x, y, width: columns.width.saturating_sub(1), height: 1 }.intersection(area);
        if gpus.contains(gpu.0) {
            gpu_cell(cx, cell, columns.bar, gpu, buf);
        }
    }
    if columns.watts {
        let watts = cx.frame.stats(Asset::Tray(tray), Metric::Power).map(|s| s.sum);
        let (said, scope) = match (watts, tray_quality(cx, tray)) {
            (Some(w), _) => (text::power(w), Scope::Text),
            (None, Quality::Stale) => (format!("{} stale", brush.glyphs.stale), Scope::QualityStale),
            (None, Quality::Lost) => (format!("{} lost", brush.glyphs.lost), Scope::QualityLost),
            (None, _) => (brush.glyphs.dash.to_string(), Scope::QualityAbsent),
        };
        let said = text::right(&said, usize::from(WATTS), brush.glyphs.ellipsis);
        brush.on(area, buf).text((columns.x(area, columns.shown), y), &said, brush.style(scope));
    }
}

fn tray_quality(cx: &Context<'_>, tray: TrayId) -> Quality {
    let counts = cx.frame.counts(Asset::Tray(tray));
    match (counts.stale, counts.lost) {
        (1.., _) => Quality::Stale,
        (_, 1..) => Quality::Lost,
        _ => Quality::Good,
    }
}

fn gpu_cell(cx: &Context<'_>, cell: Rect, bar_width: u16, gpu: GpuId, buf: &mut Buffer) {
    let cursor = cx.selection.gpu(cx.topology()) == Some(gpu);
    let brush = &cx.brush;
    let shown = value::short(cx, gpu, cx.choice.metric);
    let width = usize::from(cell.width.saturating_sub(bar_width));
    let fault =
        cx.frame.health(gpu).filter(|h| *h > crate::model::Health::Maintenance && shown.share.is_some());
    // The same priority as on the maps; health alone where no limit is crossed.
    let crossed = cx.frame.exceptions().get(gpu.index()).copied().filter(|p| *p > 0);
    let mark = fault.and_then(|h| crossed.or_else(|| crate::ui::theme::Tone::health(h).priority()));
    let style = if cursor { brush.style(Scope::Cursor) } else { shown.style };
    let said =
        text::right(&shown.text, width.saturating_sub(usize::from(mark.is_some())), brush.glyphs.ellipsis);
    let mut x = cell.x;
    if let Some(priority) = mark {
        // A digit as shape would read as part of the number behind it.
        let shape = Some(brush.glyphs.alarm(priority)).filter(|c| !c.is_ascii_digit()).unwrap_or('!');
        brush.on(cell, buf).glyph((x, cell.y), shape, brush.style(Scope::alarm(priority)));
        x += 1;
    }
    // The mark of the quality stands on its own ground; blanks before it do not.
    let blanks = said.len() - said.trim_start().len();
    x = x.saturating_add(blanks as u16);
    brush.on(cell, buf).text((x, cell.y), said.trim_start(), style);
    if bar_width > 1 {
        let area = Rect { x: cell.x + width as u16 + 1, width: bar_width - 1, ..cell };
        bar(cx, area.intersection(cell), shown.share, buf);
    }
}

/// A bar in the colour of its level; only dots where there is no fresh value.
pub fn bar(cx: &Context<'_>, area: Rect, share: Option<f32>, buf: &mut Buffer) {
    let brush = &cx.brush;
    let Some(share) = share else { return };
    let full = (share * f32::from(area.width)).round() as u16;
    let [empty, .., solid] = brush.glyphs.shades;
    let style = brush.palette.level_style(value::level(share).max(5));
    for i in 0..area.width {
        let (glyph, style) = if i < full { (solid, style) } else { (empty, brush.style(Scope::Line)) };
        brush.on(area, buf).glyph((area.x + i, area.y), glyph, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(shelves: &[Shelf], f: fn(&Shelf) -> bool) -> usize {
        shelves.iter().filter(|s| f(s)).count()
    }

    #[test]
    fn an_nvl72_stands_as_it_is_built() {
        let t = Topology::default_site();
        let all = shelves(&t, RackId(0), 35);
        assert_eq!(all.len(), 35);
        assert_eq!(all[0], Shelf::Power(1, 1));
        assert_eq!(all[4], Shelf::Tray(TrayId(17)), "the highest tray is on top");
        assert_eq!((all[14], all[22]), (Shelf::Switch(9, 9), Shelf::Switch(1, 1)));
        assert_eq!((all[30], all[34]), (Shelf::Tray(TrayId(0)), Shelf::Power(8, 8)));
    }

    #[test]
    fn what_is_not_a_tray_gives_way_where_it_is_tight() {
        let t = Topology::default_site();
        let shared = shelves(&t, RackId(0), 21);
        assert_eq!(shared.len(), 21);
        assert!(shared.contains(&Shelf::Switch(1, 9)) && shared.contains(&Shelf::Power(5, 8)));
        let bare = shelves(&t, RackId(0), 10);
        assert_eq!(count(&bare, |s| matches!(s, Shelf::Tray(_))), 18);
        assert_eq!(bare.len(), 18);
    }
}
