//! A drawn screen as text, as ANSI, or as SVG.

mod shape;
mod svg;

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

pub use svg::svg;

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

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn buffer() -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, 6, 2));
        buf.set_string(0, 0, "a<b", Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD));
        buf.set_string(4, 0, "▀", Style::new().fg(Color::Red).bg(Color::Indexed(77)));
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
        assert!(out.contains("\x1b[0;38;5;1;48;5;77m▀"), "{out:?}");
        assert_eq!(out.matches("\x1b[0m\n").count(), 2);
    }
}
