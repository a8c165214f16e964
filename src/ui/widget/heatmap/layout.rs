//! Where each GPU of a scope is drawn, computed from the topology and the cells there are.
//!
//! A *pixel* is half a cell (upper or lower) or a square of several of them, and shows one GPU or
//! the worst of several. A rack is drawn as it stands, bottom tray at the bottom; a row is its racks
//! side by side; rows stand side by side in bands, with a line of labels above:
//!
//! ```text
//! R01 K2  K3      R02 K2  K3        <- labels
//! ▀▀▀▀▀▀▀▀▀▀▀▀    ▀▀▀▀▀▀▀▀▀▀▀▀      <- a rack is 4 columns x 18 trays = 9 cells
//! ▀▀▀▀▀▀▀▀▀▀▀▀    ▀▀▀▀▀▀▀▀▀▀▀▀
//! R03 K2  K3      R04 K2  K3
//! ▀▀▀▀▀▀▀▀▀▀▀▀    ▀▀▀▀▀▀▀▀▀▀▀▀
//! ```
//! When one GPU per pixel does not fit, labels, gaps and the number of rows side by side are traded
//! for it; then GPUs are pooled, first by tray, then by rack, then several racks to a pixel.

use crate::model::Topology;
use crate::model::id::{Asset, GpuId, RackId, Span};
use crate::ui::text;
use crate::ui::widget::heatmap::plan::{self, Block, Geometry, RackForm};

const NONE: u32 = u32::MAX;

/// How much of a scope is shown, and how large.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Zoom {
    /// Everything at once: as few GPUs per pixel as fit.
    #[default]
    Fit,
    /// One GPU per pixel; scrolls where it does not fit.
    Gpu,
    /// One tray per pixel (two or more lines for trays of more than 8 GPUs).
    Tray,
    /// One rack per pixel.
    Rack,
}

impl Zoom {
    /// The next nearer zoom; [`Zoom::Gpu`] is the nearest.
    #[must_use]
    pub const fn nearer(self) -> Self {
        match self {
            Self::Fit | Self::Rack => Self::Tray,
            Self::Tray | Self::Gpu => Self::Gpu,
        }
    }

    /// The next wider zoom; [`Zoom::Fit`] is the widest.
    #[must_use]
    pub const fn wider(self) -> Self {
        match self {
            Self::Gpu => Self::Tray,
            Self::Tray => Self::Rack,
            Self::Rack | Self::Fit => Self::Fit,
        }
    }

    /// Word on the screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Gpu => "GPU",
            Self::Tray => "tray",
            Self::Rack => "rack",
        }
    }
}

/// A name beside the pixels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Column, in cells.
    pub x: u16,
    /// Line, in cells.
    pub y: u16,
    /// The name.
    pub text: String,
    /// What it names.
    pub asset: Asset,
}

/// Where each GPU of a scope is drawn.
#[derive(Clone, PartialEq, Debug)]
pub struct Layout {
    scope: Asset,
    size: (u16, u16),
    scale: u16,
    gpus_per_pixel: usize,
    span: Span,
    /// Pixel of each half cell, by line.
    halves: Vec<u32>,
    /// Upper left half cell of each pixel.
    at: Vec<(u16, u16)>,
    /// First rack of each pixel.
    racks: Vec<RackId>,
    /// GPUs of pixel `i`: `gpus[starts[i]..starts[i + 1]]`.
    starts: Vec<u32>,
    gpus: Vec<u32>,
    /// Pixel of each GPU of the span.
    pixel_of: Vec<u32>,
    labels: Vec<Label>,
}

impl Layout {
    /// Lays out `scope` for an area of `cells` (columns, lines). With [`Zoom::Fit`] the result is
    /// never larger than the area; with the others it may be, and the view scrolls.
    #[must_use]
    pub fn fit(topology: &Topology, scope: Asset, cells: (u16, u16), zoom: Zoom) -> Self {
        let blocks = plan::blocks(topology, scope);
        let preferred = plan::preferred_columns(topology, scope);
        let mut painter = Painter::new(topology, scope);
        if blocks.is_empty() || cells.0 == 0 || cells.1 == 0 {
            return painter.finish((0, 0), 1);
        }
        let found = plan::search(&blocks, preferred, cells, zoom);
        // A u16 is enough for any screen; a scope too large for it at this zoom is shown fitted.
        let found = found.filter(|g| {
            let (w, h) = g.size(&blocks);
            w <= 30_000 && h <= 15_000 && u64::from(w) * u64::from(h) <= 4_000_000
        });
        match found.or_else(|| plan::search(&blocks, preferred, cells, Zoom::Fit)) {
            Some(geometry) => {
                let (w, h) = geometry.size(&blocks);
                painter.blocks(&blocks, &geometry);
                painter.finish((w as u16, h as u16), geometry.scale)
            }
            None => {
                painter.strip(&blocks, cells);
                painter.finish(cells, 1)
            }
        }
    }

    /// What is shown.
    #[must_use]
    pub const fn scope(&self) -> Asset {
        self.scope
    }

    /// Columns and lines of the drawing, in cells.
    #[must_use]
    pub const fn size(&self) -> (u16, u16) {
        self.size
    }

    /// How many pixels there are.
    #[must_use]
    pub fn pixel_count(&self) -> usize {
        self.at.len()
    }

    /// The most GPUs that share a pixel.
    #[must_use]
    pub const fn gpus_per_pixel(&self) -> usize {
        self.gpus_per_pixel
    }

    /// Half cells of a pixel, each way.
    #[must_use]
    pub const fn scale(&self) -> u16 {
        self.scale
    }

    /// The GPUs of a pixel, as indices; none when the pixel does not exist.
    #[must_use]
    pub fn gpus_of(&self, pixel: usize) -> &[u32] {
        match (self.starts.get(pixel), self.starts.get(pixel + 1)) {
            (Some(a), Some(b)) => &self.gpus[*a as usize..*b as usize],
            _ => &[],
        }
    }

    /// The pixel of a GPU, if the GPU is in the scope.
    #[must_use]
    pub fn pixel_of(&self, gpu: GpuId) -> Option<usize> {
        if !self.span.contains(gpu.0) {
            return None;
        }
        self.pixel_of.get((gpu.0 - self.span.start) as usize).filter(|p| **p != NONE).map(|p| *p as usize)
    }

    /// Upper left half cell of a pixel: column in cells, line in half cells.
    #[must_use]
    pub fn position(&self, pixel: usize) -> Option<(u16, u16)> {
        self.at.get(pixel).copied()
    }

    /// The first rack of a pixel.
    #[must_use]
    pub fn rack_of(&self, pixel: usize) -> Option<RackId> {
        self.racks.get(pixel).copied()
    }

    /// The pixel at column `x` (cells) and line `y` (half cells).
    #[must_use]
    pub fn pixel_at(&self, x: u16, y: u16) -> Option<usize> {
        if x >= self.size.0 {
            return None;
        }
        let at = usize::from(y) * usize::from(self.size.0) + usize::from(x);
        self.halves.get(at).filter(|p| **p != NONE).map(|p| *p as usize)
    }

    /// The first GPU at column `x` (cells) and line `y` (half cells).
    #[must_use]
    pub fn gpu_at(&self, x: u16, y: u16) -> Option<GpuId> {
        self.pixel_at(x, y).and_then(|p| self.gpus_of(p).first()).map(|g| GpuId(*g))
    }

    /// The names beside the pixels.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// All pixels by half cell, line by line; `u32::MAX` where there is none.
    pub(super) fn halves(&self) -> &[u32] {
        &self.halves
    }

    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    pub(super) fn gpu_list(&self) -> &[u32] {
        &self.gpus
    }

    /// The scroll offset nearest to `scroll` (columns, lines in cells) at which `pixel` is seen
    /// whole in an area of `cells`, with a margin of one cell where there is room.
    #[must_use]
    pub fn scroll_to(&self, pixel: usize, cells: (u16, u16), scroll: (u16, u16)) -> (u16, u16) {
        let (x, y) = self.position(pixel).unwrap_or((0, 0));
        let near = |at: u16, extent: u16, room: u16, all: u16, now: u16| {
            let margin = u16::from(room > extent + 2);
            let last = (at + extent + margin).saturating_sub(room);
            let first = at.saturating_sub(margin);
            now.clamp(last.min(first), first.max(last)).min(all.saturating_sub(room))
        };
        (
            near(x, self.scale, cells.0, self.size.0, scroll.0),
            near(y / 2, self.scale.div_ceil(2), cells.1, self.size.1, scroll.1),
        )
    }
}

/// Collects pixels while a layout is built.
struct Painter<'a> {
    topology: &'a Topology,
    scope: Asset,
    /// Column, line, columns and half lines of each pixel.
    rects: Vec<(u16, u16, u16, u16)>,
    racks: Vec<RackId>,
    starts: Vec<u32>,
    gpus: Vec<u32>,
    labels: Vec<Label>,
}

impl<'a> Painter<'a> {
    fn new(topology: &'a Topology, scope: Asset) -> Self {
        Self {
            topology,
            scope,
            rects: Vec::new(),
            racks: Vec::new(),
            starts: vec![0],
            gpus: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Adds a pixel with all GPUs that were pushed since the last one, unless there are none.
    fn pixel(&mut self, rack: RackId, rect: (u16, u16, u16, u16)) {
        if self.gpus.len() as u32 > self.starts[self.starts.len() - 1] {
            self.rects.push(rect);
            self.racks.push(rack);
            self.starts.push(self.gpus.len() as u32);
        }
    }

    fn blocks(&mut self, blocks: &[Block], geometry: &Geometry) {
        let widths = geometry.column_widths(blocks);
        let heights = geometry.band_heights(blocks);
        let mut top = 0;
        for (band, height) in blocks.chunks(usize::from(geometry.columns)).zip(heights) {
            let mut x = 0;
            for (block, width) in band.iter().zip(&widths) {
                let bottom = (top + geometry.head() + height) as u16;
                self.block(block, geometry, (x as u16, bottom));
                if geometry.labels {
                    self.label_block(block, geometry, (x as u16, (top / 2) as u16));
                }
                x += width + u32::from(geometry.gap);
            }
            top += geometry.head() + height + geometry.band_gap();
        }
    }

    /// Draws a block whose lower left corner is at `x` and above `bottom` (half lines).
    fn block(&mut self, block: &Block, geometry: &Geometry, (mut x, bottom): (u16, u16)) {
        let scale = geometry.scale;
        if geometry.pool.2 > 1 {
            for racks in block.racks.chunks(usize::from(geometry.pool.2)) {
                racks.iter().for_each(|r| self.push_rack(r));
                self.pixel(racks[0].rack, (x, bottom - scale, scale, scale));
                x += scale;
            }
            return;
        }
        for rack in &block.racks {
            self.rack(rack, geometry, (x, bottom));
            x += geometry.rack_size(rack).0 + geometry.rack_gap();
        }
    }

    fn rack(&mut self, form: &RackForm, geometry: &Geometry, (x, bottom): (u16, u16)) {
        let (cols, lines, _) = geometry.pool;
        let scale = geometry.scale;
        for py in 0..form.lines.div_ceil(lines) {
            for px in 0..form.cols.div_ceil(cols) {
                for line in py * lines..((py + 1) * lines).min(form.lines) {
                    self.push_line(form, line, (px * cols, (px + 1) * cols));
                }
                self.pixel(form.rack, (x + px * scale, bottom - (py + 1) * scale, scale, scale));
            }
        }
    }

    /// Pushes the GPUs in columns `from..to` of a line of a rack, counted from the bottom.
    fn push_line(&mut self, form: &RackForm, line: u16, (from, to): (u16, u16)) {
        let tray = form.trays.start + u32::from(line / form.fold);
        let gpus = self.topology.trays()[tray as usize].gpus;
        let start = u32::from(line % form.fold * form.cols);
        for col in u32::from(from)..u32::from(to.min(form.cols)) {
            if start + col < gpus.len() as u32 {
                self.gpus.push(gpus.start + start + col);
            }
        }
    }

    fn push_rack(&mut self, form: &RackForm) {
        for line in 0..form.lines {
            self.push_line(form, line, (0, form.cols));
        }
    }

    /// Names a block: the row over its first rack, and the racks as far as there is room.
    fn label_block(&mut self, block: &Block, geometry: &Geometry, (mut x, y): (u16, u16)) {
        let end = x + geometry.block_size(block).0 as u16;
        let mut free = x;
        let named_row = match self.scope {
            Asset::Site => Some(self.topology.name(Asset::Row(block.row))),
            Asset::Hall(_) => Some(self.topology.row(block.row).name.clone()),
            _ => None,
        };
        if let Some(name) = named_row.filter(|n| text::width(n) <= usize::from(end - x)) {
            free = x + text::width(&name) as u16 + 1;
            self.labels.push(Label { x, y, text: name, asset: Asset::Row(block.row) });
        }
        if geometry.pool.2 > 1 {
            return;
        }
        for rack in &block.racks {
            let width = geometry.rack_size(rack).0;
            let name = &self.topology.rack(rack.rack).name;
            let room = usize::from(if x + width == end { width } else { width + geometry.rack_gap() - 1 });
            if x >= free && text::width(name) <= room {
                free = x + text::width(name) as u16 + 1;
                self.labels.push(Label { x, y, text: name.clone(), asset: Asset::Rack(rack.rack) });
            }
            x += width + geometry.rack_gap();
        }
    }

    /// The last resort: all racks in reading order, evenly over the half cells there are.
    fn strip(&mut self, blocks: &[Block], cells: (u16, u16)) {
        let racks: Vec<&RackForm> = blocks.iter().flat_map(|b| &b.racks).collect();
        let width = usize::from(cells.0);
        let pixels = (width * usize::from(cells.1) * 2).min(racks.len());
        for i in 0..pixels {
            let share = &racks[i * racks.len() / pixels..(i + 1) * racks.len() / pixels];
            share.iter().for_each(|r| self.push_rack(r));
            self.pixel(share[0].rack, ((i % width) as u16, (i / width) as u16, 1, 1));
        }
    }

    fn finish(self, size: (u16, u16), scale: u16) -> Layout {
        let span = self.topology.gpus_of(self.scope);
        let span = if let Asset::Gpu(g) = self.scope {
            self.topology.tray(self.topology.tray_of(g)).gpus
        } else {
            span
        };
        let width = usize::from(size.0);
        let mut halves = vec![NONE; width * usize::from(size.1) * 2];
        for (pixel, (x, y, w, h)) in self.rects.iter().enumerate() {
            for line in usize::from(*y)..usize::from(y + h) {
                let start = line * width + usize::from(*x);
                halves[start..start + usize::from(*w)].fill(pixel as u32);
            }
        }
        let mut pixel_of = vec![NONE; span.len()];
        for (pixel, range) in self.starts.windows(2).enumerate() {
            for gpu in &self.gpus[range[0] as usize..range[1] as usize] {
                pixel_of[(gpu - span.start) as usize] = pixel as u32;
            }
        }
        Layout {
            scope: self.scope,
            size,
            scale,
            gpus_per_pixel: self.starts.windows(2).map(|w| (w[1] - w[0]) as usize).max().unwrap_or(0),
            span,
            halves,
            at: self.rects.iter().map(|(x, y, ..)| (*x, *y)).collect(),
            racks: self.racks,
            starts: self.starts,
            gpus: self.gpus,
            pixel_of,
            labels: self.labels,
        }
    }
}

#[cfg(test)]
mod tests;
