//! Widgets: small drawings that know no state. Each is a value with its data; `render` writes into
//! an area of a buffer and never outside of it.

pub mod badge;
pub mod band;
pub mod frame;
pub mod heatmap;
pub mod histogram;
pub mod legend;
pub mod spark;
pub mod table;
pub mod trend;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::ui::glyph::Glyphs;
use crate::ui::text;
use crate::ui::theme::{Palette, Scope};

/// What every widget draws with.
#[derive(Clone, Copy, Debug)]
pub struct Brush<'a> {
    /// Styles for this terminal.
    pub palette: &'a Palette,
    /// Characters for this terminal.
    pub glyphs: &'a Glyphs,
}

impl Brush<'_> {
    /// The style of a scope.
    #[must_use]
    pub const fn style(&self, scope: Scope) -> Style {
        self.palette.style(scope)
    }

    /// Writes `text` at column `at.0`, row `at.1` of the screen, cut with an ellipsis at the right
    /// edge of `area`. Outside of `area` nothing is written. Returns the column after the text.
    pub fn text(&self, buf: &mut Buffer, area: Rect, at: (u16, u16), text: &str, style: Style) -> u16 {
        let area = area.intersection(buf.area);
        let (x, y) = at;
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return x;
        }
        let room = usize::from(area.right() - x);
        let cut = text::truncate(text, room, self.glyphs.ellipsis);
        buf.set_stringn(x, y, cut, room, style).0
    }

    /// Writes one character; outside of `area` nothing is written.
    pub fn glyph(&self, buf: &mut Buffer, area: Rect, at: (u16, u16), glyph: char, style: Style) {
        if area.contains(at.into())
            && let Some(cell) = buf.cell_mut(at)
        {
            cell.set_char(glyph).set_style(style);
        }
    }

    /// Fills `area` with blanks of a style.
    pub fn fill(&self, buf: &mut Buffer, area: Rect, style: Style) {
        let area = area.intersection(buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let cell = &mut buf[(x, y)];
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::theme::Theme;

    /// The default theme in 24 bits, or without colour.
    pub(crate) fn palette(depth: ColorDepth) -> Palette {
        Theme::default_theme().resolve(depth)
    }

    /// The lines of a buffer as text.
    pub(crate) fn lines(buf: &Buffer) -> Vec<String> {
        let area = buf.area;
        (area.top()..area.bottom())
            .map(|y| (area.left()..area.right()).map(|x| buf[(x, y)].symbol()).collect())
            .collect()
    }

    #[test]
    fn text_is_cut_at_the_edge_of_its_area() {
        let p = palette(ColorDepth::Mono);
        let brush = Brush { palette: &p, glyphs: &Glyphs::UNICODE };
        let mut buf = Buffer::empty(Rect::new(0, 0, 10, 2));
        let area = Rect::new(1, 0, 6, 1);
        let end = brush.text(&mut buf, area, (3, 0), "temperature", Style::new());
        assert_eq!(lines(&buf), ["   tem…   ", "          "]);
        assert_eq!(end, 7);
        assert_eq!(brush.text(&mut buf, area, (3, 1), "x", Style::new()), 3, "below the area");
        brush.text(&mut buf, Rect::new(0, 0, 99, 99), (9, 9), "x", Style::new());
    }
}
