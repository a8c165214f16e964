//! A drawn screen as text, as ANSI, or as SVG.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::ui::theme::color::Rgb;

/// Width and height of a cell in the SVG, px.
const CELL: (usize, usize) = (8, 17);
/// Colours of cells that ask for the terminal's own ones.
const DEFAULT: (Color, Color) = (Color::Rgb(0xc3, 0xc7, 0xcc), Color::Rgb(0x10, 0x14, 0x18));

/// Characters alone, without blanks at line ends.
#[must_use]
pub fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buf.area.height {
        let line: String = cells(buf, y).map(|c| c.symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn cells(buf: &Buffer, y: u16) -> impl Iterator<Item = &Cell> {
    let width = usize::from(buf.area.width);
    let start = usize::from(y) * width;
    buf.content[start..start + width].iter()
}

/// Characters with SGR sequences, one line per row, reset at each end.
#[must_use]
pub fn ansi(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buf.area.height {
        let mut last: Option<(Color, Color, Modifier)> = None;
        for cell in cells(buf, y) {
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                sgr(&mut out, style);
                last = Some(style);
            }
            out.push_str(cell.symbol());
        }
        out.push_str("\x1b[0m\n");
    }
    out
}

fn sgr(out: &mut String, (fg, bg, modifier): (Color, Color, Modifier)) {
    out.push_str("\x1b[0");
    let attributes = [
        (Modifier::BOLD, "1"),
        (Modifier::DIM, "2"),
        (Modifier::ITALIC, "3"),
        (Modifier::UNDERLINED, "4"),
        (Modifier::REVERSED, "7"),
    ];
    for (_, code) in attributes.iter().filter(|(m, _)| modifier.contains(*m)) {
        let _ = write!(out, ";{code}");
    }
    for (color, layer) in [(fg, 3), (bg, 4)] {
        match color {
            Color::Rgb(r, g, b) => {
                let _ = write!(out, ";{layer}8;2;{r};{g};{b}");
            }
            Color::Reset => {}
            other => {
                if let Some(i) = index_of(other) {
                    let _ = write!(out, ";{layer}8;5;{i}");
                }
            }
        }
    }
    out.push('m');
}

const fn index_of(color: Color) -> Option<u8> {
    Some(match color {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Indexed(i) => i,
        Color::Reset | Color::Rgb(..) => return None,
    })
}

/// A picture for documents: rectangles for backgrounds and half blocks, text for the rest.
#[must_use]
pub fn svg(buf: &Buffer) -> String {
    let (w, h) = (usize::from(buf.area.width), usize::from(buf.area.height));
    let mut out = String::new();
    let (width, height) = (w * CELL.0, h * CELL.1);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" shape-rendering=\"crispEdges\">"
    );
    let _ = writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>", hex(DEFAULT.1));
    for y in 0..buf.area.height {
        backgrounds(&mut out, buf, y);
    }
    let _ = writeln!(
        out,
        "<g font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"13\" xml:space=\"preserve\">"
    );
    for y in 0..buf.area.height {
        words(&mut out, buf, y);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// Colours of the upper and lower half of a cell.
fn halves(cell: &Cell) -> (Color, Color) {
    let (fg, bg) = colors(cell);
    match cell.symbol() {
        "▀" => (fg, bg),
        "▄" => (bg, fg),
        "█" => (fg, fg),
        _ => (bg, bg),
    }
}

fn colors(cell: &Cell) -> (Color, Color) {
    let or = |c: Color, default: Color| if c == Color::Reset { default } else { c };
    let (fg, bg) = (or(cell.fg, DEFAULT.0), or(cell.bg, DEFAULT.1));
    if cell.modifier.contains(Modifier::REVERSED) { (bg, fg) } else { (fg, bg) }
}

fn backgrounds(out: &mut String, buf: &Buffer, y: u16) {
    let row: Vec<(Color, Color)> = cells(buf, y).map(halves).collect();
    let top = usize::from(y) * CELL.1;
    let upper = CELL.1.div_ceil(2);
    for (pick, offset, height) in [(0, 0, upper), (1, upper, CELL.1 - upper)].map(|(i, o, h)| (i, top + o, h))
    {
        let color = |c: &(Color, Color)| if pick == 0 { c.0 } else { c.1 };
        let mut x = 0;
        while x < row.len() {
            let run = row[x..].iter().take_while(|c| color(c) == color(&row[x])).count();
            if color(&row[x]) != DEFAULT.1 {
                let _ = writeln!(
                    out,
                    "<rect x=\"{}\" y=\"{offset}\" width=\"{}\" height=\"{height}\" fill=\"{}\"/>",
                    x * CELL.0,
                    run * CELL.0,
                    hex(color(&row[x]))
                );
            }
            x += run;
        }
    }
}

fn words(out: &mut String, buf: &Buffer, y: u16) {
    let row: Vec<&Cell> = cells(buf, y).collect();
    let drawn = |c: &Cell| !matches!(c.symbol(), " " | "▀" | "▄" | "█" | "");
    let style = |c: &Cell| (colors(c).0, c.modifier & (Modifier::BOLD | Modifier::UNDERLINED));
    let mut x = 0;
    while x < row.len() {
        if !drawn(row[x]) {
            x += 1;
            continue;
        }
        let run = row[x..].iter().take_while(|c| drawn(c) && style(c) == style(row[x])).count();
        let word: String = row[x..x + run].iter().map(|c| escape(c.symbol())).collect();
        let (fg, modifier) = style(row[x]);
        let bold = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        let line =
            if modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" textLength=\"{}\" fill=\"{}\"{bold}{line}>{word}</text>",
            x * CELL.0,
            usize::from(y) * CELL.1 + 13,
            run * CELL.0,
            hex(fg)
        );
        x += run;
    }
}

fn escape(symbol: &str) -> String {
    symbol.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn hex(color: Color) -> String {
    let (r, g, b) = match color {
        Color::Rgb(r, g, b) => (r, g, b),
        other => {
            let rgb = Rgb::of_index(index_of(other).unwrap_or(7));
            (rgb.0, rgb.1, rgb.2)
        }
    };
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn buffer() -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, 6, 2));
        buf.set_string(0, 0, "a<b", Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD));
        buf.set_string(4, 0, "▀", Style::new().fg(Color::Rgb(255, 0, 0)).bg(Color::Rgb(0, 0, 255)));
        buf
    }

    #[test]
    fn text_has_no_blanks_at_line_ends() {
        assert_eq!(text(&buffer()), "a<b ▀\n\n");
    }

    #[test]
    fn ansi_says_colours_and_attributes_and_ends_reset() {
        let out = ansi(&buffer());
        assert!(out.starts_with("\x1b[0;1;38;2;1;2;3ma<b"), "{out:?}");
        assert_eq!(out.matches("\x1b[0m\n").count(), 2);
    }

    #[test]
    fn svg_draws_halves_as_rectangles_and_escapes_text() {
        let out = svg(&buffer());
        assert!(out.contains("fill=\"#ff0000\"") && out.contains("fill=\"#0000ff\""));
        assert!(out.contains(">a&lt;b</text>") && !out.contains('▀'));
    }
}
