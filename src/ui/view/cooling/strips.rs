//! Halls and rows of the hall as cells in a line or a few: the name, and the shape of the worst in
//! it. The whole site is seen at a glance, and where one stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::limits::plant as limits;
use crate::model::{Asset, CduId, HallId, RackId, RowId};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::plant;

/// Most lines of each strip, and on low screens.
const MOST: (usize, usize) = (3, 1);
/// Height of a screen from which strips may take several lines.
const HIGH: u16 = 18;

/// One cell.
#[derive(Clone, Debug)]
struct Cell {
    asset: Asset,
    name: String,
    /// Priority of the worst in it, 0 for none.
    priority: u8,
    selected: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Strips {
    /// Halls, then rows, each cut into lines that fit.
    lines: Vec<Vec<Cell>>,
    area: Rect,
}

/// The most urgent priority in the liquid of a row: CDUs and racks.
pub fn worst_of_row(cx: &Context<'_>, row: RowId, speaks: bool) -> u8 {
    let t = cx.topology();
    let racks = t.row(row).racks.iter().map(RackId);
    let racks = racks.filter_map(|r| plant::liquid_notes(cx, r, speaks).first().map(|n| n.priority));
    let cdus = t.row(row).cdus.iter().map(CduId).map(|c| limits::worst_of_cdu(&cx.frame.facility, c));
    racks.chain(cdus).filter(|p| *p > 0).min().unwrap_or(0)
}

impl Strips {
    /// Makes the cells for a screen.
    pub fn update(&mut self, cx: &Context<'_>, screen: Rect) {
        let t = cx.topology();
        let (hall, row) = (cx.selection.hall(t), cx.selection.row(t));
        let speaks = cx.frame.facility.any_rack(crate::model::RackPoint::LiquidFlow);
        let worst = |rows: crate::model::id::Span| {
            let all = rows.iter().map(|r| worst_of_row(cx, RowId(r), speaks));
            all.filter(|p| *p > 0).min().unwrap_or(0)
        };
        let halls: Vec<Cell> = (0..t.halls().len())
            .map(HallId::new)
            .map(|h| Cell {
                asset: Asset::Hall(h),
                name: t.hall(h).name.clone(),
                priority: worst(t.hall(h).rows),
                selected: Some(h) == hall,
            })
            .collect();
        let rows = hall.map_or(Vec::new(), |h| t.hall(h).rows.iter().map(RowId).collect::<Vec<_>>());
        let rows: Vec<Cell> = rows
            .into_iter()
            .map(|r| Cell {
                asset: Asset::Row(r),
                name: t.row(r).name.clone(),
                priority: worst_of_row(cx, r, speaks),
                selected: Some(r) == row,
            })
            .collect();
        let most = if screen.height >= HIGH { MOST.0 } else { MOST.1 };
        self.lines = lines(&halls, (screen.width, most));
        self.lines.extend(lines(&rows, (screen.width, most)));
    }

    /// Lines that are wanted.
    pub fn height(&self) -> u16 {
        self.lines.len() as u16
    }

    /// Where it will be drawn.
    pub fn place(&mut self, area: Rect) {
        self.area = area;
    }

    /// Lines that are left out: the row is worth more than the hall, which the header names too.
    fn skipped(&self) -> usize {
        self.lines.len().saturating_sub(usize::from(self.area.height))
    }

    /// The asset of the cell at a place of the screen.
    pub fn at(&self, at: (u16, u16)) -> Option<Asset> {
        if !self.area.contains(at.into()) {
            return None;
        }
        let line = self.lines.get(self.skipped() + usize::from(at.1 - self.area.y))?;
        let column = at.0.checked_sub(self.area.x + 1)? / cell_width(line);
        line.get(usize::from(column)).map(|c| c.asset)
    }

    /// Draws the cells.
    pub fn render(&self, cx: &Context<'_>, buf: &mut Buffer) {
        let (b, area) = (cx.brush, self.area);
        for (y, line) in (area.y..area.bottom()).zip(self.lines.iter().skip(self.skipped())) {
            let width = cell_width(line);
            for (x, cell) in (area.x + 1..).step_by(usize::from(width)).zip(line) {
                let scope = if cell.selected { Scope::Selection } else { Scope::Text };
                let end = b.on(area, buf).text((x, y), &format!(" {} ", cell.name), b.style(scope));
                if cell.priority > 0 {
                    let style = b.style(Scope::alarm(cell.priority));
                    let mark = b.glyphs.alarm(cell.priority);
                    let ground =
                        if cell.selected { style.bg(b.style(scope).bg.unwrap_or_default()) } else { style };
                    b.on(area, buf).glyph((end.saturating_sub(1), y), mark, ground);
                }
            }
        }
    }
}

fn cell_width(line: &[Cell]) -> u16 {
    line.iter().map(|c| text::width(&c.name) as u16).max().unwrap_or(1) + 3
}

/// The cells in at most `most` lines that fit into `width`; when there are too many, those around
/// the selected one.
fn lines(cells: &[Cell], (width, most): (u16, usize)) -> Vec<Vec<Cell>> {
    let per_line = usize::from(width.saturating_sub(1) / cell_width(cells)).max(1);
    let all: Vec<&[Cell]> = cells.chunks(per_line).collect();
    let at = all.iter().position(|l| l.iter().any(|c| c.selected)).unwrap_or(0);
    let first = at.saturating_sub(most / 2).min(all.len().saturating_sub(most));
    let widest = cells.iter().max_by_key(|c| text::width(&c.name)).map(|c| text::width(&c.name));
    let padded = |c: &Cell| {
        let mut c = c.clone();
        let missing = widest.unwrap_or(0) - text::width(&c.name);
        c.name.push_str(&" ".repeat(missing));
        c
    };
    all.into_iter().skip(first).take(most).map(|l| l.iter().map(padded).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(n: usize, selected: usize) -> Vec<Cell> {
        let cell = |i| Cell {
            asset: Asset::Row(RowId::new(i)),
            name: format!("R{i:02}"),
            priority: 0,
            selected: i == selected,
        };
        (0..n).map(cell).collect()
    }

    #[test]
    fn all_cells_are_there_when_they_fit() {
        let l = lines(&cells(22, 16), (80, 3));
        assert_eq!(l.iter().map(Vec::len).collect::<Vec<_>>(), [13, 9]);
    }

    #[test]
    fn of_too_many_those_around_the_selected_one_are_shown() {
        let l = lines(&cells(1000, 500), (40, 3));
        assert_eq!(l.len(), 3);
        assert!(l[1].iter().any(|c| c.selected), "in the middle");
        assert!(lines(&cells(1000, 999), (40, 3))[2].iter().any(|c| c.selected));
        assert!(lines(&cells(1000, 500), (40, 1))[0].iter().any(|c| c.selected));
        assert!(lines(&[], (40, 3)).is_empty());
    }
}
