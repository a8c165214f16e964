//! A table: columns drop out when it is narrow, the selected row is marked by `>` and by its style,
//! and rows beyond the lower edge are scrolled to.
//!
//! ```text
//!   PRIO WHERE          WHAT                        AGE
//! > ■1   H3 R17 tray 4  Coolant leak detected      0:43
//!   ▲2   H3 CDU 11      Loop pressure low          0:32
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::band::Band;
use crate::ui::widget::spark::Spark;
use crate::ui::widget::{Brush, Pen};

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column<'a> {
    /// Heading.
    pub title: &'a str,
    /// Least columns of the screen it needs.
    pub width: u16,
    /// True when it takes what the others leave.
    pub grows: bool,
    /// True for numbers: aligned at the right.
    pub right: bool,
    /// Columns of the highest rank drop out first; rank 0 never does.
    pub rank: u8,
}

impl<'a> Column<'a> {
    /// A column of text that never drops out.
    #[must_use]
    pub const fn text(title: &'a str, width: u16) -> Self {
        Self { title, width, grows: false, right: false, rank: 0 }
    }

    /// A column of numbers that never drops out.
    #[must_use]
    pub const fn number(title: &'a str, width: u16) -> Self {
        Self { right: true, ..Self::text(title, width) }
    }

    /// The same column, growing.
    #[must_use]
    pub const fn growing(self) -> Self {
        Self { grows: true, ..self }
    }

    /// The same column, dropping out by `rank`.
    #[must_use]
    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// One field of a row.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Field {
    /// What it says.
    pub text: String,
    /// Its style; `None` for that of the row.
    pub style: Option<Style>,
    /// Drawn instead of the text.
    pub draw: Option<Draw>,
}

/// A drawing in a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Draw {
    /// Where a value stands in its range.
    Band(Band),
    /// The course of a value, between the lowest and the highest bar.
    Spark(Vec<Option<f32>>, (f32, f32)),
}

impl Field {
    /// Text in a style of its own.
    #[must_use]
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style: Some(style), draw: None }
    }
}

impl<T: Into<String>> From<T> for Field {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl From<Draw> for Field {
    fn from(draw: Draw) -> Self {
        Self { draw: Some(draw), ..Self::default() }
    }
}

/// A table of which only the visible rows are ever asked for.
pub struct Table<'a> {
    /// The columns, left to right.
    pub columns: &'a [Column<'a>],
    /// How many rows there are.
    pub rows: usize,
    /// The fields of a row, one per column; missing ones stay empty.
    pub row: &'a dyn Fn(usize) -> Vec<Field>,
    /// The selected row.
    pub selected: Option<usize>,
    /// The first row that is shown; see [`scroll`].
    pub offset: usize,
    /// A line of headings above.
    pub headings: bool,
}

/// Columns that the marker of the selection takes.
const MARKER: u16 = 2;

/// The offset nearest to `offset` at which row `selected` is among the `visible` ones.
#[must_use]
pub fn scroll(selected: usize, rows: usize, visible: usize, offset: usize) -> usize {
    let first = (selected + 1).saturating_sub(visible);
    offset.clamp(first, selected.max(first)).min(rows.saturating_sub(visible))
}

impl Table<'_> {
    /// Draws into `area`.
    pub fn render(&self, brush: Brush<'_>, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let widths = self.widths(area.width.saturating_sub(MARKER));
        let mut top = area.top();
        if self.headings && area.height > 1 {
            let titles: Vec<Field> = self.columns.iter().map(|c| c.title.into()).collect();
            self.line(&mut brush.on(area, buf), top, &widths, (&titles, brush.style(Scope::TextDim)));
            top += 1;
        }
        for (y, i) in (top..area.bottom()).zip(self.offset..self.rows) {
            let selected = self.selected == Some(i);
            let style = brush.style(if selected { Scope::Selection } else { Scope::Text });
            if selected {
                brush.on(Rect::new(area.left(), y, area.width, 1), buf).fill(style);
                brush.on(area, buf).glyph((area.left(), y), '>', style);
            }
            let fields = (self.row)(i);
            self.line(&mut brush.on(area, buf), y, &widths, (&fields, style));
            draw(brush, Rect { y, height: 1, ..area }, &widths, &fields, buf);
            if let (true, Some(ground)) = (selected, style.bg) {
                // Drawings bring the ground of the screen; a filled badge keeps its own.
                let screen = brush.style(Scope::Text).bg.unwrap_or_default();
                for x in area.left()..area.right() {
                    if buf[(x, y)].bg == screen {
                        buf[(x, y)].set_bg(ground);
                    }
                }
            }
        }
    }

    /// Width of each column: 0 for those that dropped out.
    fn widths(&self, room: u16) -> Vec<u16> {
        let mut shown: Vec<bool> = vec![true; self.columns.len()];
        let need = |shown: &[bool]| {
            let used = self.columns.iter().zip(shown).filter(|(_, s)| **s).map(|(c, _)| c.width + 1);
            used.sum::<u16>().saturating_sub(1)
        };
        while need(&shown) > room {
            let last = (0..shown.len()).filter(|i| shown[*i] && self.columns[*i].rank > 0);
            match last.max_by_key(|i| (self.columns[*i].rank, *i)) {
                Some(i) => shown[i] = false,
                None => break,
            }
        }
        let spare = room.saturating_sub(need(&shown));
        let growing = self.columns.iter().zip(&shown).filter(|(c, s)| c.grows && **s).count() as u16;
        let mut extra = spare.checked_rem(growing).unwrap_or(0);
        let share = spare.checked_div(growing).unwrap_or(0);
        self.columns
            .iter()
            .zip(shown)
            .map(|(c, shown)| match (shown, c.grows) {
                (false, _) => 0,
                (true, false) => c.width,
                (true, true) => c.width + share + std::mem::take(&mut extra),
            })
            .collect()
    }

    fn line(&self, pen: &mut Pen<'_>, y: u16, widths: &[u16], (fields, style): (&[Field], Style)) {
        let (brush, area) = (pen.brush, pen.area());
        let mut x = area.left() + MARKER;
        for ((column, width), field) in self.columns.iter().zip(widths).zip(fields) {
            if *width == 0 || x >= area.right() {
                continue;
            }
            let room = usize::from((*width).min(area.right() - x));
            // A field's own colour stands on the ground of its row, unless it brings its own.
            let style = field.style.map_or(style, |own| {
                let plain = own.bg == brush.style(Scope::Text).bg;
                style.patch(if plain { Style { bg: None, ..own } } else { own })
            });
            let align = if column.right { text::right } else { text::left };
            pen.text((x, y), &align(&field.text, room, brush.glyphs.ellipsis), style);
            x += width + 1;
        }
    }
}

/// Draws what a row has beside text.
fn draw(brush: Brush<'_>, line: Rect, widths: &[u16], fields: &[Field], buf: &mut Buffer) {
    let mut x = line.left() + MARKER;
    for (width, field) in widths.iter().zip(fields).filter(|(w, _)| **w > 0) {
        let place = Rect { x, width: *width, ..line }.intersection(line);
        match &field.draw {
            Some(Draw::Band(band)) => band.render(brush, place, buf),
            Some(Draw::Spark(values, range)) => {
                // Many of them stand together: in the tone of what is normal, not that of one chart.
                Spark { values, range: *range, style: brush.style(Scope::BandNormal) }
                    .render(brush, place, buf);
            }
            None => {}
        }
        x += width + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::depth::ColorDepth;
    use crate::ui::glyph::Glyphs;
    use crate::ui::widget::tests::{lines, palette};
    use proptest::prelude::*;
    use ratatui::style::{Color, Modifier};

    const COLUMNS: [Column<'_>; 4] = [
        Column::text("PR", 2),
        Column::text("WHERE", 6).rank(1),
        Column::text("WHAT", 6).growing(),
        Column::number("AGE", 5).rank(2),
    ];

    fn draw(width: u16, selected: usize, offset: usize) -> (Vec<String>, Buffer) {
        let p = palette(ColorDepth::TrueColor);
        let row = |i: usize| -> Vec<Field> {
            vec![format!("P{i}").into(), "H3 R17".into(), "Coolant leak".into(), "0:43".into()]
        };
        let table =
            Table { columns: &COLUMNS, rows: 9, row: &row, selected: Some(selected), offset, headings: true };
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 3));
        table.render(Brush { palette: &p, glyphs: &Glyphs::UNICODE }, buf.area, &mut buf);
        (lines(&buf), buf)
    }

    #[test]
    fn wide_tables_show_all_columns_and_mark_the_selection() {
        let (lines, buf) = draw(34, 1, 0);
        assert_eq!(
            lines,
            [
                "  PR WHERE  WHAT            AGE   ",
                "  P0 H3 R17 Coolant leak   0:43   ",
                "> P1 H3 R17 Coolant leak   0:43   "
            ]
            .map(|l| l.replace("   AGE   ", "      AGE").replace("  0:43   ", "     0:43"))
        );
        assert_ne!(buf[(33, 2)].bg, buf[(33, 1)].bg, "the whole row is selected");
    }

    #[test]
    fn a_filled_badge_of_the_selected_row_keeps_its_ground() {
        let palette = palette(ColorDepth::TrueColor);
        let brush = Brush { palette: &palette, glyphs: &Glyphs::UNICODE };
        let badge = brush.style(Scope::Text).add_modifier(Modifier::BOLD).bg(Color::Red);
        let row = move |_: usize| vec![Field::styled("1", badge), Field::from("x")];
        let columns = [Column::text("P", 1), Column::text("W", 3)];
        let table =
            Table { columns: &columns, rows: 1, row: &row, selected: Some(0), offset: 0, headings: false };
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 1));
        table.render(brush, buf.area, &mut buf);
        let ground = brush.style(Scope::Selection).bg.unwrap_or_default();
        assert_eq!((buf[(2, 0)].bg, buf[(4, 0)].bg), (Color::Red, ground));
    }

    #[test]
    fn narrow_tables_drop_the_highest_rank_first() {
        assert_eq!(draw(18, 0, 0).0[1], "> P0 H3 R17 Coola…");
        assert_eq!(draw(12, 0, 0).0[1], "> P0 Coolan…");
        assert_eq!(draw(8, 0, 0).0[1], "> P0 Co…", "rank 0 is cut, not dropped");
    }

    #[test]
    fn a_field_may_hold_a_drawing_and_keeps_to_its_column() {
        let p = palette(ColorDepth::Mono);
        let band = Band { range: (0.0, 10.0), normal: (None, Some(8.0)), now: Some(9.0), priority: 2 };
        let spark = Draw::Spark(vec![Some(0.0), None, Some(1.0)], (0.0, 1.0));
        let row = |_| -> Vec<Field> { vec!["R1".into(), Draw::Band(band).into(), spark.clone().into()] };
        let columns = [Column::text("ROW", 3), Column::text("", 6), Column::text("", 3).rank(1)];
        let table =
            Table { columns: &columns, rows: 1, row: &row, selected: None, offset: 0, headings: false };
        for (width, expected) in [(17, "  R1  ━━━━┿▲ ▁ █ "), (13, "  R1  ━━━━┿▲ "), (9, "  R1  ━━▲")]
        {
            let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
            table.render(Brush { palette: &p, glyphs: &Glyphs::UNICODE }, buf.area, &mut buf);
            assert_eq!(lines(&buf), [expected], "{width}");
        }
    }

    #[test]
    fn the_offset_is_the_first_row() {
        assert!(draw(20, 5, 5).0[1].starts_with("> P5"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_selected_row_is_always_in_view(rows in 1usize..50, s in 0usize..50, visible in 1usize..20, offset in 0usize..60) {
            let selected = s % rows;
            let o = scroll(selected, rows, visible, offset);
            prop_assert!(o <= selected && selected < o + visible);
            prop_assert!(o == 0 || o + visible <= rows, "no empty lines below");
        }

        #[test]
        fn any_width_is_safe(width in 0u16..60) {
            draw(width, 0, 0);
        }
    }
}
