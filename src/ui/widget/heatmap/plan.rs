//! The search for a geometry: how many GPUs share a pixel, how large a pixel is, and how many rows
//! of racks stand side by side, so that the whole scope fits and as much as possible is seen.

use crate::model::Topology;
use crate::model::id::{Asset, RackId, RowId, Span, TrayId};
use crate::ui::widget::heatmap::layout::Zoom;

/// GPUs of one tray that are drawn side by side; a tray with more of them takes more lines.
const MAX_COLS: u16 = 8;
/// Largest pixel, in half cells each way.
const MAX_SCALE: u16 = 4;
/// Most rows side by side that are tried.
const MAX_COLUMNS: u16 = 32;

/// One rack to be drawn: GPUs in `cols` columns and `lines` lines, bottom tray at the bottom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RackForm {
    pub rack: RackId,
    pub trays: Span,
    pub cols: u16,
    pub lines: u16,
    /// Lines that one tray takes.
    pub fold: u16,
}

/// One row of racks to be drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub row: RowId,
    pub racks: Vec<RackForm>,
}

/// How the blocks are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Geometry {
    /// Columns and lines of GPUs, and racks, that share a pixel.
    pub pool: (u16, u16, u16),
    /// Half cells of a pixel, each way.
    pub scale: u16,
    /// Blocks side by side.
    pub columns: u16,
    /// A line of labels above each band of blocks.
    pub labels: bool,
    /// Columns between blocks, and half lines between bands without labels.
    pub gap: u16,
}

/// The blocks of a scope; racks without GPUs are left out.
pub(super) fn blocks(topology: &Topology, scope: Asset) -> Vec<Block> {
    let one = |rack: RackId, trays: Span| {
        vec![Block {
            row: topology.rack(rack).row,
            racks: rack_form(topology, rack, trays).into_iter().collect(),
        }]
    };
    let whole = |row: RowId| {
        let form = |i: u32| rack_form(topology, RackId(i), topology.rack(RackId(i)).trays);
        Block { row, racks: topology.row(row).racks.iter().filter_map(form).collect() }
    };
    let all = match scope {
        Asset::Site => (0..topology.rows().len()).map(|i| whole(RowId::new(i))).collect(),
        Asset::Hall(h) => topology.hall(h).rows.iter().map(|i| whole(RowId(i))).collect(),
        Asset::Row(r) => vec![whole(r)],
        Asset::Cdu(c) => vec![whole(topology.cdu(c).0)],
        Asset::Rack(r) => one(r, topology.rack(r).trays),
        Asset::Tray(t) => one(topology.tray(t).rack, Span { start: t.0, end: t.0 + 1 }),
        Asset::Gpu(g) => {
            let t = topology.tray_of(g);
            one(topology.tray(t).rack, Span { start: t.0, end: t.0 + 1 })
        }
    };
    all.into_iter().filter(|b| !b.racks.is_empty()).collect()
}

fn rack_form(topology: &Topology, rack: RackId, trays: Span) -> Option<RackForm> {
    let most = trays.iter().map(|t| topology.tray(TrayId(t)).gpus.len()).max().filter(|n| *n > 0)?;
    let cols = MAX_COLS.min(most as u16);
    let fold = (most as u16).div_ceil(cols);
    Some(RackForm { rack, trays, cols, lines: fold * trays.len() as u16, fold })
}

/// Rows side by side that the site's owner asked for.
pub(super) fn preferred_columns(topology: &Topology, scope: Asset) -> u16 {
    match scope {
        Asset::Hall(h) => topology.hall(h).columns.max(1),
        Asset::Site => topology.halls().iter().map(|h| h.columns).max().unwrap_or(1).max(1),
        _ => 1,
    }
}

impl Geometry {
    /// Columns between racks: only where pixels are large enough to waste some.
    pub const fn rack_gap(&self) -> u16 {
        if self.scale > 1 { 1 } else { 0 }
    }

    /// Columns and half lines of one rack.
    pub const fn rack_size(&self, rack: &RackForm) -> (u16, u16) {
        let (cols, lines, _) = self.pool;
        (rack.cols.div_ceil(cols) * self.scale, rack.lines.div_ceil(lines) * self.scale)
    }

    /// Columns and half lines of one block.
    pub fn block_size(&self, block: &Block) -> (u32, u32) {
        if self.pool.2 > 1 {
            let pixels = block.racks.len().div_ceil(usize::from(self.pool.2)) as u32;
            return (pixels * u32::from(self.scale), u32::from(self.scale));
        }
        let mut width = u32::from(self.rack_gap()) * (block.racks.len() as u32 - 1);
        let mut height = 0;
        for rack in &block.racks {
            let (w, h) = self.rack_size(rack);
            width += u32::from(w);
            height = height.max(u32::from(h));
        }
        (width, height)
    }

    /// Width of each column of blocks.
    pub fn column_widths(&self, blocks: &[Block]) -> Vec<u32> {
        let columns = usize::from(self.columns).min(blocks.len());
        let mut widths = vec![0; columns];
        for (i, block) in blocks.iter().enumerate() {
            let w = &mut widths[i % columns];
            *w = self.block_size(block).0.max(*w);
        }
        widths
    }

    /// Half lines of each band of blocks: without its labels and the gap below it.
    pub fn band_heights(&self, blocks: &[Block]) -> Vec<u32> {
        blocks
            .chunks(usize::from(self.columns))
            .map(|band| {
                let h = band.iter().map(|b| self.block_size(b).1).max().unwrap_or(0);
                if self.labels { h.next_multiple_of(2) } else { h }
            })
            .collect()
    }

    /// Half lines above each band.
    pub const fn head(&self) -> u32 {
        if self.labels { 2 } else { 0 }
    }

    /// Half lines between two bands.
    pub const fn band_gap(&self) -> u32 {
        if self.labels { 0 } else { self.gap as u32 }
    }

    fn width(&self, blocks: &[Block]) -> u32 {
        let widths = self.column_widths(blocks);
        widths.iter().sum::<u32>() + u32::from(self.gap) * (widths.len() as u32).saturating_sub(1)
    }

    /// Height in half lines.
    fn height(&self, blocks: &[Block]) -> u32 {
        let bands = self.band_heights(blocks);
        let count = bands.len() as u32;
        bands.iter().sum::<u32>() + count * self.head() + count.saturating_sub(1) * self.band_gap()
    }

    /// Cells that the drawing takes.
    pub fn size(&self, blocks: &[Block]) -> (u32, u32) {
        (self.width(blocks), self.height(blocks).div_ceil(2))
    }

    fn fits(&self, blocks: &[Block], cells: (u16, u16)) -> bool {
        let (w, h) = self.size(blocks);
        w <= u32::from(cells.0) && h <= u32::from(cells.1)
    }

    /// How little is seen: GPUs per half cell, times a price for missing labels and gaps and for
    /// leaving the order that the owner asked for. Whole trays are pooled before parts of columns.
    fn price(&self, preferred: u16, rack: (u16, u16)) -> f64 {
        let (cols, lines, racks) = self.pool;
        let gpus =
            if racks > 1 { f64::from(racks) * f64::from(rack.0 * rack.1) } else { f64::from(cols * lines) };
        let dressing = match (self.labels, self.gap) {
            (true, _) => 1.0,
            (false, 1..) => 1.6,
            (false, 0) => 2.2,
        };
        let order = 1.0 + 0.03 * f64::from(self.columns.abs_diff(preferred));
        gpus / f64::from(self.scale * self.scale) * dressing * order + 1e-3 * f64::from(lines)
    }
}

/// The largest rack of a scope: columns, lines.
fn largest(blocks: &[Block]) -> (u16, u16) {
    let racks = blocks.iter().flat_map(|b| &b.racks);
    racks.fold((1, 1), |(c, l), r| (c.max(r.cols), l.max(r.lines)))
}

/// The geometry for `cells` at a zoom. `None` when nothing fits and the zoom asks to fit.
pub(super) fn search(blocks: &[Block], preferred: u16, cells: (u16, u16), zoom: Zoom) -> Option<Geometry> {
    let rack = largest(blocks);
    match zoom {
        Zoom::Fit => fit(blocks, preferred, cells, rack),
        Zoom::Gpu => Some(fixed(blocks, preferred, cells, (1, 1, 1))),
        Zoom::Tray => Some(fixed(blocks, preferred, cells, (rack.0, 1, 1))),
        Zoom::Rack => Some(fixed(blocks, preferred, cells, (rack.0, rack.1, 1))),
    }
}

/// A given pool: the largest pixels with which everything is on screen, else the smallest, in as
/// many columns of blocks as the screen is wide.
fn fixed(blocks: &[Block], preferred: u16, cells: (u16, u16), pool: (u16, u16, u16)) -> Geometry {
    let geometry = |scale, columns| Geometry { pool, scale, columns, labels: true, gap: 1 };
    let wide = |g: &Geometry| g.width(blocks) <= u32::from(cells.0);
    for scale in (1..=MAX_SCALE).rev() {
        if let Some(g) = (1..=preferred).rev().map(|c| geometry(scale, c)).find(|g| g.fits(blocks, cells)) {
            return g;
        }
    }
    (1..=preferred).rev().map(|c| geometry(1, c)).find(wide).unwrap_or_else(|| geometry(1, 1))
}

fn fit(blocks: &[Block], preferred: u16, cells: (u16, u16), rack: (u16, u16)) -> Option<Geometry> {
    let most_racks = blocks.iter().map(|b| b.racks.len()).max().unwrap_or(1) as u16;
    let halvings = |n: u16| {
        let mut steps: Vec<u16> = (0..16).map(|i| 1 << i).take_while(|s| *s < n).collect();
        steps.push(n);
        steps
    };
    let columns = 1..=MAX_COLUMNS.min(blocks.len() as u16).max(1);
    let mut best: Option<(f64, Geometry)> = None;
    for columns in columns {
        for (labels, gap) in [(true, 1), (false, 1), (false, 0)] {
            let base = Geometry { pool: (1, 1, 1), scale: 1, columns, labels, gap };
            let mut offer = |g: Geometry| {
                let price = g.price(preferred, rack);
                if best.is_none_or(|(p, _)| price < p) && g.fits(blocks, cells) {
                    best = Some((price, g));
                }
            };
            (2..=MAX_SCALE).for_each(|scale| offer(Geometry { scale, ..base }));
            for cols in halvings(rack.0) {
                offer(with_lines(blocks, cells, Geometry { pool: (cols, 1, 1), ..base }, rack.1));
            }
            for racks in halvings(most_racks).into_iter().filter(|r| *r > 1) {
                offer(Geometry { pool: (rack.0, rack.1, racks), ..base });
            }
        }
    }
    best.map(|(_, g)| g)
}

/// The geometry with the fewest lines per pixel that fits in height; all of them when none does.
fn with_lines(blocks: &[Block], cells: (u16, u16), base: Geometry, most: u16) -> Geometry {
    let lines = |n: u16| Geometry { pool: (base.pool.0, n, 1), ..base };
    if base.width(blocks) > u32::from(cells.0) {
        return lines(most);
    }
    let (mut low, mut high) = (1, most);
    while low < high {
        let middle = u16::midpoint(low, high);
        if lines(middle).height(blocks).div_ceil(2) <= u32::from(cells.1) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    lines(low)
}
