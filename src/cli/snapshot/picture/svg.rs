//! SVG: one path per colour for everything that is a rectangle, text for the rest.

use std::collections::BTreeMap;
use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::shape::{self, CELL, Rect, Shape};
use super::{cells, index_of};
use crate::ui::theme::color::Rgb;

/// Colours of cells that ask for the terminal's own ones.
const DEFAULT: (Rgb, Rgb) = (Rgb(0xc3, 0xc7, 0xcc), Rgb(0x10, 0x14, 0x18));
/// Makes a letter of DejaVu Sans Mono and its kin as wide as a cell.
const FONT_SIZE: &str = "13.29";
/// From the top of a cell to the base of its letters, px.
const BASE: usize = 12;

/// A picture for documents. Cells next to each other in one colour become one rectangle, and all
/// rectangles of a colour one path.
#[must_use]
pub fn svg(buf: &Buffer) -> String {
    let (width, height) = (usize::from(buf.area.width) * CELL.0, usize::from(buf.area.height) * CELL.1);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         shape-rendering=\"crispEdges\">"
    );
    let ground = hex(ground(buf));
    let _ = writeln!(out, "<path fill=\"{ground}\" d=\"M0 0h{width}v{height}H0z\"/>");
    paths(&mut out, buf);
    let _ = writeln!(
        out,
        "<g font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"{FONT_SIZE}\" \
         xml:space=\"preserve\">"
    );
    for y in 0..buf.area.height {
        words(&mut out, buf, y);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The colour of most cells: it need not be drawn.
fn ground(buf: &Buffer) -> Rgb {
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    for cell in &buf.content {
        let Rgb(r, g, b) = colors(cell).1;
        *counts.entry([r, g, b]).or_default() += 1;
    }
    counts.iter().max_by_key(|(_, n)| **n).map_or(DEFAULT.1, |([r, g, b], _)| Rgb(*r, *g, *b))
}

/// Colours of letters and ground.
fn colors(cell: &Cell) -> (Rgb, Rgb) {
    let (fg, bg) = (rgb(cell.fg, DEFAULT.0), rgb(cell.bg, DEFAULT.1));
    if cell.modifier.contains(Modifier::REVERSED) { (bg, fg) } else { (fg, bg) }
}

fn rgb(color: Color, default: Rgb) -> Rgb {
    match color {
        Color::Rgb(r, g, b) => Rgb(r, g, b),
        other => index_of(other).map_or(default, Rgb::of_index),
    }
}

fn hex(Rgb(r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// `eighths` of `over` on `under`.
fn mix(over: Rgb, under: Rgb, eighths: u16) -> Rgb {
    let part = |a: u8, b: u8| ((u16::from(a) * eighths + u16::from(b) * (8 - eighths)) / 8) as u8;
    Rgb(part(over.0, under.0), part(over.1, under.1), part(over.2, under.2))
}

/// Rectangles of one layer, by colour. Neighbours in the same colour grow together.
#[derive(Default)]
struct Layer {
    done: BTreeMap<String, String>,
    /// By left edge, width and colour: top and height of what may still grow downwards.
    open: BTreeMap<(usize, usize, String), (usize, usize)>,
}

impl Layer {
    /// Takes in the rectangles of one line of pixels or cells, from left to right.
    fn line(&mut self, rects: &[(Rect, Rgb)]) {
        let mut joined: Vec<(Rect, Rgb)> = Vec::new();
        for ((x, y, w, h), color) in rects {
            match joined.last_mut() {
                Some(((left, top, wide, high), same))
                    if *same == *color && *left + *wide == *x && (*top, *high) == (*y, *h) =>
                {
                    *wide += w;
                }
                _ => joined.push(((*x, *y, *w, *h), *color)),
            }
        }
        for ((x, y, w, h), color) in joined {
            let key = (x, w, hex(color));
            match self.open.get_mut(&key) {
                Some((top, high)) if *top + *high == y => *high += h,
                _ => {
                    if let Some((top, high)) = self.open.insert(key.clone(), (y, h)) {
                        self.close(&key, (top, high));
                    }
                }
            }
        }
    }

    fn close(&mut self, (x, w, color): &(usize, usize, String), (y, h): (usize, usize)) {
        let path = self.done.entry(color.clone()).or_default();
        let _ = write!(path, "M{x} {y}h{w}v{h}h-{w}z");
    }

    fn write(mut self, out: &mut String) {
        for (key, place) in std::mem::take(&mut self.open) {
            self.close(&key, place);
        }
        for (color, path) in self.done {
            let _ = writeln!(out, "<path fill=\"{color}\" d=\"{path}\"/>");
        }
    }
}

/// Everything but letters: first whole halves of cells, then finer shapes over them.
fn paths(out: &mut String, buf: &Buffer) {
    let base = ground(buf);
    let (mut halves, mut fine) = (Layer::default(), Layer::default());
    for y in 0..buf.area.height {
        let top = usize::from(y) * CELL.1;
        let mut lines: [Vec<(Rect, Rgb)>; 2] = Default::default();
        let mut shapes: Vec<(Rect, Rgb)> = Vec::new();
        for (x, cell) in cells(buf, y).enumerate() {
            let (colors, rects) = parts(cell);
            let left = x * CELL.0;
            for (i, color) in colors.into_iter().enumerate().filter(|(_, c)| *c != base) {
                let half = CELL.1 / 2;
                lines[i].push(((left, top + i * half, CELL.0, half), color));
            }
            let fg = self::colors(cell).0;
            shapes.extend(rects.into_iter().map(|(a, b, w, h)| ((left + a, top + b, w, h), fg)));
        }
        lines.iter().for_each(|line| halves.line(line));
        // Lines that run on through several cells become neighbours.
        shapes.sort_by_key(|((x, y, _, h), _)| (*y, *h, *x));
        fine.line(&shapes);
    }
    halves.write(out);
    fine.write(out);
}

/// The colours of the upper and the lower half of a cell, and what is drawn over them.
fn parts(cell: &Cell) -> ([Rgb; 2], Vec<Rect>) {
    let (fg, bg) = colors(cell);
    match (cell.symbol(), shape::of(cell.symbol())) {
        ("▀", _) => ([fg, bg], Vec::new()),
        ("▄", _) => ([bg, fg], Vec::new()),
        ("█", _) => ([fg, fg], Vec::new()),
        (_, Shape::Shade(eighths)) => ([mix(fg, bg, eighths); 2], Vec::new()),
        (_, Shape::Rects(rects)) => ([bg, bg], rects),
        _ => ([bg, bg], Vec::new()),
    }
}

fn words(out: &mut String, buf: &Buffer, y: u16) {
    let row: Vec<&Cell> = cells(buf, y).collect();
    let letter = |c: &Cell| shape::of(c.symbol()) == Shape::Text;
    let style = |c: &Cell| (colors(c).0, c.modifier & (Modifier::BOLD | Modifier::UNDERLINED));
    let mut x = 0;
    while x < row.len() {
        if !letter(row[x]) {
            x += 1;
            continue;
        }
        // Single blanks do not end a phrase; what follows a wide character is an empty cell.
        let same = |i: &usize| letter(row[*i]) && style(row[*i]) == style(row[x]);
        let mut end = x + 1;
        while let Some(next) = [end, end + 1].into_iter().find(|i| *i < row.len() && same(i)) {
            if next > end && shape::of(row[end].symbol()) != Shape::Blank {
                break;
            }
            end = next + 1;
        }
        let phrase: String = row[x..end].iter().map(|c| escape(c.symbol())).collect();
        let (fg, modifier) = style(row[x]);
        let bold = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        let under =
            if modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
        let (left, base, width) = (x * CELL.0, usize::from(y) * CELL.1 + BASE, (end - x) * CELL.0);
        let _ = writeln!(
            out,
            "<text x=\"{left}\" y=\"{base}\" textLength=\"{width}\" fill=\"{}\"{bold}{under}>{phrase}</text>",
            hex(fg)
        );
        x = end;
    }
}

fn escape(symbol: &str) -> String {
    symbol.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    fn buffer(rows: &[&str], style: Style) -> Buffer {
        let width = rows.iter().map(|r| r.chars().count()).max().unwrap_or(0) as u16;
        let mut buf = Buffer::empty(ratatui::layout::Rect::new(0, 0, width + 8, rows.len() as u16 + 2));
        for (y, row) in rows.iter().enumerate() {
            buf.set_string(0, y as u16, row, style);
        }
        buf
    }

    const RED: Style = Style::new().fg(Color::Rgb(255, 0, 0));

    #[test]
    fn halves_of_one_colour_grow_into_one_rectangle() {
        let out = svg(&buffer(&["███", "███", "▀▀▀"], RED));
        assert!(out.contains("<path fill=\"#ff0000\" d=\"M0 0h24v40h-24z\"/>"), "{out}");
        assert!(!out.contains('█') && !out.contains('▀'));
    }

    #[test]
    fn rectangles_of_different_width_stay_apart() {
        let out = svg(&buffer(&["██", "███"], RED));
        assert!(out.contains("M0 0h16v16h-16z") && out.contains("M0 16h24v16h-24z"), "{out}");
    }

    #[test]
    fn both_halves_of_a_cell_have_their_colour() {
        let out = svg(&buffer(&["▄"], RED.bg(Color::Rgb(0, 0, 255))));
        assert!(out.contains("fill=\"#0000ff\" d=\"M0 0h8v8h-8z\""), "{out}");
        assert!(out.contains("fill=\"#ff0000\" d=\"M0 8h8v8h-8z\""), "{out}");
    }

    #[test]
    fn phrases_keep_single_blanks_and_are_escaped() {
        let out = svg(&buffer(&["a<b c  d"], RED.add_modifier(Modifier::BOLD)));
        assert!(out.contains(" font-weight=\"bold\">a&lt;b c</text>"), "{out}");
        assert!(out.contains("<text x=\"56\""), "{out}");
    }

    #[test]
    fn reversed_cells_swap_their_colours() {
        let out = svg(&buffer(&["x"], RED.bg(Color::Rgb(0, 0, 255)).add_modifier(Modifier::REVERSED)));
        assert!(out.contains("fill=\"#0000ff\">x</text>") && out.contains("#ff0000\" d=\"M0 0h8"), "{out}");
    }

    #[test]
    fn a_line_across_the_screen_is_one_rectangle() {
        let out = svg(&buffer(&["──────────"], RED));
        assert!(out.contains("d=\"M0 7h80v1h-80z\""), "{out}");
    }
}
