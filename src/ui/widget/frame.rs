//! A box with a title on the left and a note on the right of its upper edge.
//!
//! ```text
//! ┌─ DISTRIBUTION util ───────── n 12 384 ─┐
//! │                                        │
//! └────────────────────────────────────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::Brush;

/// A titled box.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// Title on the left.
    pub title: &'a str,
    /// Note on the right; left out when there is no room for both.
    pub note: &'a str,
    /// True for the box that has the focus: its title is marked by the selection.
    pub focused: bool,
}

impl Frame<'_> {
    /// Draws the box and returns the area inside. Boxes lower than two lines are not drawn.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) -> Rect {
        let area = area.intersection(buf.area);
        if area.width < 2 || area.height < 2 {
            return area;
        }
        let line = brush.style(Scope::Line);
        let [h, v, tl, tr, br, bl] = brush.glyphs.frame;
        let (left, right, top, bottom) = (area.left(), area.right() - 1, area.top(), area.bottom() - 1);
        for x in left + 1..right {
            brush.on(area, buf).glyph((x, top), h, line);
            brush.on(area, buf).glyph((x, bottom), h, line);
        }
        for y in top + 1..bottom {
            brush.on(area, buf).glyph((left, y), v, line);
            brush.on(area, buf).glyph((right, y), v, line);
        }
        for (at, corner) in
            [((left, top), tl), ((right, top), tr), ((right, bottom), br), ((left, bottom), bl)]
        {
            brush.on(area, buf).glyph(at, corner, line);
        }
        self.titles(brush, area, buf);
        Rect::new(left + 1, top + 1, area.width - 2, area.height - 2)
    }

    fn titles(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let room = usize::from(area.width.saturating_sub(4));
        let mut used = 0;
        if !self.title.is_empty() && room > 2 {
            let title = format!(" {} ", text::truncate(self.title, room - 2, brush.glyphs.ellipsis));
            let scope = if self.focused { Scope::Selection } else { Scope::Title };
            brush.on(area, buf).text((area.left() + 2, area.top()), &title, brush.style(scope));
            used = text::width(&title);
        }
        let note = text::width(self.note) + 2;
        if !self.note.is_empty() && used + note < room {
            let x = area.right() - 2 - note as u16;
            brush.on(area, buf).text(
                (x, area.top()),
                &format!(" {} ", self.note),
                brush.style(Scope::TextDim),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::glyph::Glyphs;
    use crate::ui::widget::tests::{lines, palette};

    fn draw(frame: &Frame<'_>, width: u16, glyphs: &Glyphs) -> (Vec<String>, Rect) {
        let p = palette(ColorDepth::Mono);
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 3));
        let inner = frame.render(Brush { palette: &p, glyphs }, buf.area, &mut buf);
        (lines(&buf), inner)
    }

    #[test]
    fn title_and_note_stand_in_the_upper_edge() {
        let frame = Frame { title: "POWER", note: "n 12", focused: false };
        let (lines, inner) = draw(&frame, 24, &Glyphs::UNICODE);
        assert_eq!(
            lines,
            ["┌─ POWER ─────── n 12 ─┐", "│                      │", "└──────────────────────┘"]
        );
        assert_eq!(inner, Rect::new(1, 1, 22, 1));
    }

    #[test]
    fn a_narrow_box_drops_the_note_and_cuts_the_title() {
        let frame = Frame { title: "TEMPERATURE", note: "limit 85", focused: false };
        assert_eq!(draw(&frame, 14, &Glyphs::UNICODE).0[0], "┌─ TEMPERA… ─┐");
        assert_eq!(draw(&frame, 6, &Glyphs::ASCII).0[0], "+----+");
    }

    #[test]
    fn without_room_nothing_is_drawn() {
        let p = palette(ColorDepth::Mono);
        let mut buf = Buffer::empty(Rect::new(0, 0, 5, 1));
        let brush = Brush { palette: &p, glyphs: &Glyphs::UNICODE };
        Frame { title: "x", ..Frame::default() }.render(brush, buf.area, &mut buf);
        assert_eq!(lines(&buf), ["     "]);
    }
}
