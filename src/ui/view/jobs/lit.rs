//! The halls that a job or tenant lies in, with its GPUs lit: bright is its own, dim are those of
//! others, dark is idle. Only its own GPUs show limits, stragglers and lost values, so that what is
//! wrong there is wrong with this job.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::jobs::{By, Usage};
use crate::model::{Asset, Column, GpuId, HallId, Metric, Quality};
use crate::ui::context::Context;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::jobs::list::SLOW;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::heatmap::{Heatmap, Input, Layout, LevelMap, Zoom};

/// Utilization that stands for a GPU of the job, and for one of another job.
const OWN: u8 = 100;
const OTHERS: u8 = 35;
/// Smallest tile: columns, lines.
const SMALLEST: (u16, u16) = (9, 3);
/// From this size on the map has a frame.
const FRAMED: (u16, u16) = (50, 9);

/// One hall.
#[derive(Debug)]
struct Tile {
    hall: HallId,
    gpus: u32,
    title: Rect,
    map: Rect,
    layout: Layout,
    levels: LevelMap,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Lit {
    area: Rect,
    tiles: Vec<Tile>,
    /// Halls for which there was no room.
    left_out: usize,
    cursor: Option<GpuId>,
    made_for: Option<(u32, By, u16, Rect, Vec<HallId>)>,
    drawn: Option<(u64, i64)>,
}

impl Lit {
    /// Brings the map to the frame shown; `cursor` is a GPU to be marked.
    pub fn update(&mut self, cx: &Context<'_>, (by, usage): (By, &Usage), cursor: Option<GpuId>, area: Rect) {
        (self.area, self.cursor) = (area, cursor);
        let halls = usage.halls.iter().map(|(h, _)| *h).collect();
        let key = (cx.topology().generation(), by, usage.slot, area, halls);
        let moved = self.made_for.as_ref() != Some(&key);
        if moved {
            self.lay_out(cx, usage);
            self.made_for = Some(key);
        }
        let frame = (cx.frame.seq, cx.frame.time.millis());
        if area.is_empty() || (!moved && self.drawn == Some(frame)) {
            return;
        }
        self.drawn = Some(frame);
        let columns = Shown::new(cx, by, usage.slot);
        for (tile, (_, gpus)) in self.tiles.iter_mut().zip(&usage.halls) {
            tile.gpus = *gpus;
            tile.levels.update(&tile.layout, &columns.input());
        }
    }

    fn lay_out(&mut self, cx: &Context<'_>, usage: &Usage) {
        let inner = inner(self.area);
        let (columns, rows) = grid(usage.halls.len(), (inner.width, inner.height));
        let shown = usage.halls.len().min(columns * rows);
        self.left_out = usage.halls.len() - shown;
        self.tiles.clear();
        if inner.is_empty() {
            return;
        }
        for (i, (hall, gpus)) in usage.halls.iter().take(shown).enumerate() {
            let edge = |k: usize, n: usize, length: u16| (usize::from(length) * k / n) as u16;
            let (column, row) = (i % columns, i / columns);
            let (x, right) = (edge(column, columns, inner.width), edge(column + 1, columns, inner.width));
            let (y, bottom) = (edge(row, rows, inner.height), edge(row + 1, rows, inner.height));
            let title = Rect::new(inner.x + x, inner.y + y, right - x - 1, 1);
            let map = Rect { y: title.y + 1, height: bottom - y - 1, ..title };
            let layout = Layout::fit(cx.topology(), Asset::Hall(*hall), (map.width, map.height), Zoom::Fit);
            self.tiles.push(Tile { hall: *hall, gpus: *gpus, title, map, layout, levels: LevelMap::new() });
        }
    }

    /// Draws the halls under a title.
    pub fn render(&self, cx: &Context<'_>, title: &str, buf: &mut Buffer) {
        let (b, area) = (cx.brush, self.area);
        if area.is_empty() {
            return;
        }
        let mut note = "bright: its own, dim: others".to_owned();
        if self.left_out > 0 {
            note = format!("{} more halls", self.left_out);
        }
        if framed(area) {
            Frame { title, note: &note, focused: false }.render(b, area, buf);
        } else {
            let line = Rect { height: 1, ..area };
            for x in line.left()..line.right() {
                b.on(line, buf).glyph((x, line.y), b.glyphs.frame[0], b.style(Scope::Line));
            }
            b.on(line, buf).text((area.x + 1, area.y), &format!(" {title}  {note} "), b.style(Scope::Title));
        }
        for tile in &self.tiles {
            let name = cx.topology().short_name(Asset::Hall(tile.hall));
            let x = b.on(tile.title, buf).text((tile.title.x, tile.title.y), &name, b.style(Scope::Text)) + 1;
            let count = text::integer(tile.gpus.into());
            b.on(tile.title, buf).text((x, tile.title.y), &count, b.style(Scope::TextDim));
            let cursor = self.cursor.and_then(|g| tile.layout.pixel_of(g));
            let map =
                Heatmap { layout: &tile.layout, levels: &tile.levels, scroll: (0, 0), cursor, lit: &[] };
            map.render(b, tile.map, buf);
        }
    }
}

/// The columns that are drawn instead of those of the frame.
struct Shown {
    values: Column,
    quality: Vec<u8>,
    limits: Vec<u8>,
}

impl Shown {
    fn new(cx: &Context<'_>, by: By, slot: u16) -> Self {
        let held = cx.frame.column(by.metric());
        let n = cx.topology().gpu_count();
        let own: Vec<bool> = (0..n).map(|g| held.raw(g) == slot).collect();
        let value = |g: usize| match held.raw(g) {
            s if s == slot => OWN,
            0 | u16::MAX => 0,
            _ => OTHERS,
        };
        let of_own = |all: &[u8], others: u8| -> Vec<u8> {
            own.iter().zip(all).map(|(own, v)| if *own { *v } else { others }).collect()
        };
        let mut limits = of_own(cx.exceptions(), 0);
        for s in cx.frame.usage(by).stragglers_of(slot) {
            if let Some(p) = limits.get_mut(s.gpu.index()).filter(|p| **p == 0) {
                *p = SLOW;
            }
        }
        Self {
            values: Column::Narrow((0..n).map(value).collect()),
            quality: of_own(cx.frame.qualities(), Quality::Good as u8),
            limits,
        }
    }

    fn input(&self) -> Input<'_> {
        Input {
            metric: Metric::Util,
            column: &self.values,
            quality: &self.quality,
            exceptions: &self.limits,
            range: None,
        }
    }
}

fn framed(area: Rect) -> bool {
    area.width >= FRAMED.0 && area.height >= FRAMED.1
}

fn inner(area: Rect) -> Rect {
    if framed(area) {
        return Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height - 2);
    }
    let (dx, dy) = (1.min(area.width), 1.min(area.height));
    Rect::new(area.x + dx, area.y + dy, area.width - dx, area.height - dy)
}

/// Columns and rows of tiles for so many halls: those in which a tile is nearest to the shape of a
/// hall, two and a half times as wide as high in cells, and none too small to be read.
fn grid(halls: usize, cells: (u16, u16)) -> (usize, usize) {
    let most = |cells: u16, least: u16| usize::from(cells / least).max(1);
    let (columns, rows) = (most(cells.0, SMALLEST.0), most(cells.1, SMALLEST.1));
    let fits = (1..=columns.min(halls.max(1))).filter(|c| halls.div_ceil(*c) <= rows);
    let best = fits.min_by_key(|c| {
        let lines = halls.div_ceil(*c).max(1);
        let (w, h) = (usize::from(cells.0) / c, usize::from(cells.1) / lines);
        (10 * w).abs_diff(25 * h) + 100 * (lines * c - halls)
    });
    best.map_or((columns, rows), |c| (c, halls.div_ceil(c).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_as_many_as_fit_and_never_too_small() {
        assert_eq!(grid(8, (126, 17)), (4, 2));
        assert_eq!(grid(8, (79, 5)), (8, 1));
        assert_eq!(grid(1, (126, 17)), (1, 1));
        assert_eq!(grid(0, (126, 17)), (1, 1));
        let (columns, rows) = grid(300, (79, 5));
        assert!(columns * rows < 300 && columns >= 1 && rows >= 1);
        assert_eq!(grid(3, (2, 1)), (1, 1), "no room at all");
    }
}
