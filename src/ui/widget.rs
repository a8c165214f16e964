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

use ratatui::buffer::{Buffer, Cell};
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

    /// A pen that writes into `area` of a buffer.
    pub fn on<'p>(&'p self, area: Rect, buf: &'p mut Buffer) -> Pen<'p> {
        Pen { brush: *self, area: area.intersection(buf.area), buf }
    }
}

/// Writes into one area of a buffer; what lies outside of it is never touched. Places are columns
/// and rows of the screen.
#[derive(Debug)]
pub struct Pen<'a> {
    /// What it draws with.
    pub brush: Brush<'a>,
    area: Rect,
    buf: &'a mut Buffer,
}

impl Pen<'_> {
    /// The area it writes into.
    #[must_use]
    pub const fn area(&self) -> Rect {
        self.area
    }

    /// Writes `text` at a column and row, cut with an ellipsis at the right edge of the area.
    /// Returns the column after the text.
    pub fn text(&mut self, (x, y): (u16, u16), text: &str, style: Style) -> u16 {
        if !self.area.contains((x, y).into()) {
            return x;
        }
        let room = usize::from(self.area.right() - x);
        let cut = text::truncate(text, room, self.brush.glyphs.ellipsis);
        self.buf.set_stringn(x, y, cut, room, style).0
    }

    /// Writes one character.
    pub fn glyph(&mut self, at: (u16, u16), glyph: char, style: Style) {
        if let Some(cell) = self.cell(at) {
            cell.set_char(glyph).set_style(style);
        }
    }

    /// The cell at a column and row, if it lies in the area.
    pub fn cell(&mut self, at: (u16, u16)) -> Option<&mut Cell> {
        if self.area.contains(at.into()) { self.buf.cell_mut(at) } else { None }
    }

    /// Fills the area with blanks of a style.
    pub fn fill(&mut self, style: Style) {
        for y in self.area.top()..self.area.bottom() {
            for x in self.area.left()..self.area.right() {
                let cell = &mut self.buf[(x, y)];
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
        let end = brush.on(area, &mut buf).text((3, 0), "temperature", Style::new());
        assert_eq!(lines(&buf), ["   tem…   ", "          "]);
        assert_eq!(end, 7);
        assert_eq!(brush.on(area, &mut buf).text((3, 1), "x", Style::new()), 3, "below the area");
        brush.on(Rect::new(0, 0, 99, 99), &mut buf).text((9, 9), "x", Style::new());
    }
}
