//! The halls as tiles: a title with the figures that matter, and a heatmap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::series::Signal;
use crate::model::metric::Kind;
use crate::model::{Asset, HallId, Metric, RackId};
use crate::ui::context::Context;
use crate::ui::layer::{Layer, RackLayer};
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::view::map::Map;
use crate::ui::widget::badge::Badge;
use crate::ui::widget::frame::Frame;
use crate::ui::widget::heatmap::Zoom;
use crate::ui::widget::spark::Spark;

/// Smallest tile worth drawing.
const SMALLEST: (u16, u16) = (18, 4);
/// Window of the power line under a tile: an hour in 60 points.
const WINDOW: (i64, usize) = (3_600_000, 60);

/// All tiles.
#[derive(Debug, Default)]
pub struct Tiles {
    columns: usize,
    tiles: Vec<Tile>,
}

#[derive(Debug)]
struct Tile {
    hall: HallId,
    area: Rect,
    map_area: Rect,
    map: Map,
    power: Vec<Option<f32>>,
}

impl Tiles {
    /// Tiles side by side.
    pub fn columns(&self) -> usize {
        self.columns.max(1)
    }

    /// GPUs or racks that share a pixel, at most.
    pub fn per_pixel(&self, cx: &Context<'_>, layer: Layer) -> usize {
        self.tiles.iter().map(|t| t.map.per_pixel(cx, layer)).max().unwrap_or(1)
    }

    /// The hall of the tile at a cell.
    pub fn hall_at(&self, at: (u16, u16)) -> Option<HallId> {
        self.tiles.iter().find(|t| t.area.contains(at.into())).map(|t| t.hall)
    }

    /// Lays the tiles out so that the selected hall is seen, and brings them to the frame shown.
    pub fn update(&mut self, cx: &Context<'_>, area: Rect) {
        let halls = cx.topology().halls().len();
        let grid = Grid::new(halls, area);
        self.columns = grid.columns;
        let selected = cx.selection.hall(cx.topology()).map_or(0, HallId::index);
        let first_row = (selected / grid.columns + 1).saturating_sub(grid.rows);
        let first = first_row * grid.columns;
        let shown = halls.saturating_sub(first).min(grid.rows * grid.columns);
        self.tiles.truncate(shown);
        for i in 0..shown {
            let hall = HallId::new(first + i);
            if self.tiles.len() <= i {
                self.tiles.push(Tile::new(hall));
            }
            self.tiles[i].hall = hall;
            self.tiles[i].update(cx, grid.place(i, area));
        }
    }

    /// Draws all tiles.
    pub fn render(&self, cx: &Context<'_>, buf: &mut Buffer) {
        for tile in &self.tiles {
            tile.render(cx, buf);
        }
    }
}

/// How many tiles side by side and on top of each other.
struct Grid {
    columns: usize,
    rows: usize,
}

impl Grid {
    /// The grid whose tiles are nearest to the shape of a hall, two and a half times as wide as
    /// high in cells; tiles never get smaller than [`SMALLEST`].
    fn new(halls: usize, area: Rect) -> Self {
        let most_columns = usize::from(area.width / SMALLEST.0).max(1);
        let most_rows = usize::from(area.height / SMALLEST.1).max(1);
        let fits = (1..=most_columns.min(halls.max(1))).filter(|c| halls.div_ceil(*c) <= most_rows);
        let best = fits.min_by_key(|c| {
            let rows = halls.div_ceil(*c).max(1);
            let (w, h) = (u32::from(area.width) / *c as u32, u32::from(area.height) / rows as u32);
            let empty = (rows * c - halls) as u32;
            (10 * w).abs_diff(25 * h) + 100 * empty
        });
        match best {
            Some(columns) => Self { columns, rows: halls.div_ceil(columns).max(1) },
            None => Self { columns: most_columns, rows: most_rows },
        }
    }

    fn place(&self, i: usize, area: Rect) -> Rect {
        let edge = |k: usize, n: usize, length: u16| (usize::from(length) * k / n) as u16;
        let (column, row) = (i % self.columns, i / self.columns);
        let (x, right) = (edge(column, self.columns, area.width), edge(column + 1, self.columns, area.width));
        let (y, bottom) = (edge(row, self.rows, area.height), edge(row + 1, self.rows, area.height));
        Rect::new(area.x + x, area.y + y, right - x, bottom - y)
    }
}

impl Tile {
    fn new(hall: HallId) -> Self {
        Self { hall, area: Rect::ZERO, map_area: Rect::ZERO, map: Map::default(), power: Vec::new() }
    }

    /// A frame around large tiles; small ones have a title line only.
    fn framed(&self) -> bool {
        self.area.width >= 30 && self.area.height >= 8
    }

    fn update(&mut self, cx: &Context<'_>, area: Rect) {
        self.area = area;
        let inner = if self.framed() {
            Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height - 2)
        } else {
            let width = area.width.saturating_sub(1);
            Rect::new(area.x, area.y + 1.min(area.height), width, area.height.saturating_sub(1))
        };
        let trend = u16::from(self.framed() && inner.height >= 8);
        self.map_area = Rect { height: inner.height - trend, ..inner };
        self.map.update(cx, Asset::Hall(self.hall), self.map_area, Zoom::default());
        self.power.clear();
        if trend > 0 {
            let points =
                cx.snapshot.history.signal(cx.frame, Asset::Hall(self.hall), Signal::PowerSum, WINDOW);
            self.power = points.into_iter().map(|p| p.map(|p| p.mean)).collect();
        }
    }

    fn render(&self, cx: &Context<'_>, buf: &mut Buffer) {
        let selected = cx.selection.hall(cx.topology()) == Some(self.hall);
        let title = self.title(cx);
        if self.framed() {
            Frame { title: &title, note: "", focused: selected }.render(cx.brush, self.area, buf);
            let after = self.area.x + 5 + text::width(&title) as u16;
            self.badges(cx, after, buf);
            self.trend(cx, buf);
        } else {
            let scope = if selected { Scope::Selection } else { Scope::TextStrong };
            let x =
                cx.brush.on(self.area, buf).text((self.area.x, self.area.y), &title, cx.brush.style(scope));
            self.badges(cx, x + 1, buf);
        }
        self.map.render(cx, self.map_area, &[], buf);
    }

    /// Counts of alarms, or of crossed limits where nobody makes alarms of them; only those that are
    /// not zero: a quiet hall has a quiet title. What waits for an acknowledgement is filled.
    fn badges(&self, cx: &Context<'_>, mut x: u16, buf: &mut Buffer) {
        let (alarms, counts) = (cx.alarms.hall(self.hall), self.counts(cx));
        for (priority, n) in (1u8..).zip(counts).filter(|(_, n)| *n > 0) {
            let text = format!("{}{}", cx.brush.glyphs.alarm(priority), text::integer(n.into()));
            let filled = alarms.waiting[usize::from(priority - 1)] > 0;
            if x + text::width(&text) as u16 + 1 < self.area.right() {
                let style = Badge { priority, filled }.style(cx.brush);
                x = cx.brush.on(self.area, buf).text((x, self.area.y), &text, style) + 1;
            }
        }
    }

    fn counts(&self, cx: &Context<'_>) -> [u32; 4] {
        if cx.alarms.is_live() {
            cx.alarms.hall(self.hall).counts
        } else {
            cx.frame.exception_counts(Asset::Hall(self.hall))
        }
    }

    fn title(&self, cx: &Context<'_>) -> String {
        let asset = Asset::Hall(self.hall);
        let name = &cx.topology().hall(self.hall).name;
        let c = cx.frame.counts(asset);
        let power = cx.frame.stats(asset, Metric::Power).map(|s| text::power(s.sum));
        let metric = cx.choice.metric;
        // The mean of codes and slots says nothing.
        let mean = cx.frame.stats(asset, metric).filter(|_| metric.spec().kind == Kind::Quantity);
        let mean = mean.map(|s| s.mean);
        let absent = || cx.brush.glyphs.absent.to_string();
        let mut parts = vec![name.clone()];
        if let Layer::Rack(rack) = cx.choice.layer() {
            parts.push(self.racks_mean(cx, rack).map_or_else(absent, |v| rack.text(v)));
            parts.push(power.unwrap_or_else(absent));
        } else if metric == Metric::Power || mean.is_none() {
            parts.push(power.unwrap_or_else(absent));
        } else {
            parts.push(mean.map_or_else(absent, |v| text::value(metric, f64::from(v))));
            parts.push(power.unwrap_or_else(absent));
        }
        if self.area.width >= 40 {
            let hot = cx.frame.stats(asset, Metric::Temp).map(|s| format!("max {:.0}°C", s.max));
            parts.extend(hot);
            let gone = c.total() - c.good;
            if gone > 0 {
                parts.push(format!("{} not good", text::integer(gone.into())));
            }
        }
        if self.area.width < 26 {
            parts.truncate(3)
        }
        let gap = if self.area.width >= 40 { "  " } else { " " };
        // Alarms are told before figures.
        let badge = |n: &u32| if *n > 0 { text::integer((*n).into()).len() + 2 } else { 0 };
        let badges: usize = self.counts(cx).iter().map(badge).sum();
        let room = usize::from(self.area.width).saturating_sub(badges + if self.framed() { 7 } else { 2 });
        while cx.alarms.is_live() && parts.len() > 2 && text::width(&parts.join(gap)) > room {
            parts.pop();
        }
        parts.join(gap)
    }

    /// Mean of a value of racks over those of the hall that report it.
    fn racks_mean(&self, cx: &Context<'_>, rack: RackLayer) -> Option<f32> {
        let racks = cx.topology().hall(self.hall).racks.iter().map(RackId);
        let known = racks.filter_map(|r| rack.value(cx.frame, r));
        let (sum, n) = known.fold((0.0, 0u32), |(s, n), v| (s + v, n + 1));
        (n > 0).then(|| sum / n as f32)
    }

    fn trend(&self, cx: &Context<'_>, buf: &mut Buffer) {
        if self.power.is_empty() {
            return;
        }
        let b = cx.brush;
        let y = self.map_area.bottom();
        let x = b.on(self.area, buf).text((self.map_area.x, y), "MW 1h ", b.style(Scope::TextDim));
        let known = self.power.iter().flatten();
        let high = known.fold(1.0f32, |a, v| a.max(*v)) * 1.05;
        let width = self.map_area.right().saturating_sub(x);
        Spark { values: &self.power, range: (0.0, high), style: b.style(Scope::ChartLine) }.render(
            b,
            Rect::new(x, y, width, 1),
            buf,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_halls_make_two_rows_of_four_on_any_usual_screen() {
        for (w, h) in [(200, 35), (120, 22), (80, 13)] {
            let g = Grid::new(8, Rect::new(0, 0, w, h));
            assert_eq!((g.columns, g.rows), (4, 2), "{w}x{h}");
        }
    }

    #[test]
    fn one_hall_takes_everything_and_tiles_never_overlap() {
        let area = Rect::new(0, 1, 200, 35);
        assert_eq!(Grid::new(1, area).place(0, area), area);
        let g = Grid::new(5, area);
        for i in 0..5 {
            for j in 0..i {
                assert!(g.place(i, area).intersection(g.place(j, area)).is_empty());
            }
        }
    }

    #[test]
    fn too_many_halls_keep_a_readable_size() {
        let area = Rect::new(0, 0, 80, 12);
        let g = Grid::new(200, area);
        assert!(g.columns * g.rows < 200);
        let tile = g.place(0, area);
        assert!(tile.width >= SMALLEST.0 && tile.height >= SMALLEST.1);
    }

    #[test]
    fn no_hall_is_no_reason_to_divide_by_zero() {
        let g = Grid::new(0, Rect::ZERO);
        assert_eq!((g.columns, g.rows), (1, 1));
    }
}
