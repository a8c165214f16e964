//! A heatmap that a view keeps from frame to frame: layout, levels with their hysteresis, scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Asset, GpuId, Metric, RackId};
use crate::ui::context::Context;
use crate::ui::difference::Difference;
use crate::ui::layer::{Layer, RackLayer};
use crate::ui::theme::Tone;
use crate::ui::widget::heatmap::{Direction, Flat, Heatmap, Input, Layout, LevelMap, Zoom};
use crate::ui::widget::legend::Changes;

/// See the module.
#[derive(Debug, Default)]
pub struct Map {
    layout: Option<Layout>,
    levels: LevelMap,
    scroll: (u16, u16),
    made_for: Option<(u32, Asset, (u16, u16), Zoom)>,
}

impl Map {
    /// Brings the map to the frame shown. The layout is made anew when topology, size or zoom
    /// changed; `cursor` is kept in sight.
    pub fn update(&mut self, cx: &Context<'_>, scope: Asset, area: Rect, zoom: Zoom) {
        let cells = (area.width, area.height);
        let key = (cx.topology().generation(), scope, cells, zoom);
        if self.made_for != Some(key) {
            self.layout = Some(Layout::fit(cx.topology(), scope, cells, zoom));
            self.levels.reset();
            self.made_for = Some(key);
        }
        let Some(layout) = &self.layout else { return };
        let layer = cx.choice.layer();
        match (cx.then.difference, layer) {
            (Some(difference), _) => {
                let tone = |pixel| changed(cx, difference, layer, layout.gpus_of(pixel));
                self.levels.put(layout, tone);
            }
            (None, Layer::Gpu(metric)) => {
                let input = Input {
                    metric,
                    column: cx.frame.column(metric),
                    quality: cx.frame.qualities(),
                    exceptions: cx.exceptions(),
                    range: range(cx, Layer::Gpu(metric)),
                };
                self.levels.update(layout, &input);
            }
            (None, Layer::Rack(rack)) => update_racks(cx, rack, layout, &mut self.levels),
        }
        if let Some(pixel) = cx.selection.gpu(cx.topology()).and_then(|g| layout.pixel_of(g)) {
            self.scroll = layout.scroll_to(pixel, cells, self.scroll);
        }
    }

    /// Draws the map; the cursor stands on the selected GPU.
    pub fn render(&self, cx: &Context<'_>, area: Rect, lit: &[Asset], buf: &mut Buffer) {
        let Some(layout) = &self.layout else { return };
        let cursor = cx.selection.gpu(cx.topology()).and_then(|g| layout.pixel_of(g));
        let map = Heatmap { layout, levels: &self.levels, scroll: self.scroll, cursor, lit };
        map.render(cx.brush, area, buf);
    }

    /// The layout, once there was an update.
    #[must_use]
    pub const fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// True when every pixel is one GPU.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.layout.as_ref().is_some_and(|l| l.gpus_per_pixel() <= 1)
    }

    /// How many GPUs, or racks where the layer is one of racks, share a pixel at most.
    #[must_use]
    pub fn per_pixel(&self, cx: &Context<'_>, layer: Layer) -> usize {
        let Some(layout) = &self.layout else { return 1 };
        let racks = |pixel| {
            let gpus = layout.gpus_of(pixel);
            let of = |g: &u32| cx.topology().rack_of(GpuId(*g)).index();
            gpus.last().map_or(1, of) + 1 - gpus.first().map_or(1, of)
        };
        match layer {
            Layer::Gpu(_) => layout.gpus_per_pixel(),
            Layer::Rack(_) => (0..layout.pixel_count()).map(racks).max().unwrap_or(1),
        }
    }

    /// Where the selected GPU is drawn, in cells of the screen; `None` when it is out of sight.
    #[must_use]
    pub fn cursor_cell(&self, cx: &Context<'_>, area: Rect) -> Option<(u16, u16)> {
        let layout = self.layout.as_ref()?;
        let (x, y) = layout.position(layout.pixel_of(cx.selection.gpu(cx.topology())?)?)?;
        let (x, y) = (x.checked_sub(self.scroll.0)?, (y / 2).checked_sub(self.scroll.1)?);
        (x < area.width && y < area.height).then_some((area.x + x, area.y + y))
    }

    /// The GPU that a step over pixels leads to: the worst one of the next pixel.
    #[must_use]
    pub fn step(&self, cx: &Context<'_>, to: Direction, by_rack: bool) -> Option<GpuId> {
        let layout = self.layout.as_ref()?;
        let from = layout.pixel_of(cx.selection.gpu(cx.topology())?)?;
        let next = if by_rack { layout.neighbor_rack(from, to) } else { layout.neighbor(from, to) };
        (next != from).then(|| self.worst_of(cx, next))?
    }

    /// The worst GPU of the pixel at a cell of the screen.
    #[must_use]
    pub fn gpu_at(&self, cx: &Context<'_>, area: Rect, at: (u16, u16)) -> Option<GpuId> {
        let layout = self.layout.as_ref()?;
        let (x, y) = (at.0.checked_sub(area.x)? + self.scroll.0, at.1.checked_sub(area.y)? + self.scroll.1);
        let pixel = layout.pixel_at(x, 2 * y).or_else(|| layout.pixel_at(x, 2 * y + 1))?;
        self.worst_of(cx, pixel)
    }

    fn worst_of(&self, cx: &Context<'_>, pixel: usize) -> Option<GpuId> {
        let gpus = self.layout.as_ref()?.gpus_of(pixel);
        let metric = cx.choice.metric;
        let low = metric.spec().worst == crate::model::metric::Worst::Low;
        let badness = |g: &u32| {
            let priority = cx.exceptions().get(*g as usize).copied().unwrap_or(0);
            let urgency = if priority == 0 { 0 } else { 5 - priority };
            let value = cx.frame.value(GpuId(*g), metric).map_or(-1.0, |v| if low { 1e9 - v } else { v });
            (urgency, value)
        };
        let worst = gpus.iter().max_by(|a, b| {
            badness(a).partial_cmp(&badness(b)).unwrap_or(std::cmp::Ordering::Equal).then(b.cmp(a))
        });
        worst.map(|g| GpuId(*g))
    }
}

/// Draws the legend of what changed, if that is what maps show; false when they show values.
pub fn legend_of_changes(cx: &Context<'_>, per_pixel: usize, area: Rect, buf: &mut Buffer) -> bool {
    let Some(difference) = cx.then.difference else { return false };
    let layer = cx.choice.layer();
    let (ends, since) = (Difference::ends(cx, layer), difference.time().clock().to_string());
    Changes { layer, ends, since, per_pixel }.render(cx.brush, area, buf);
    true
}

/// What changed at the GPUs of a pixel, or at their racks.
fn changed(cx: &Context<'_>, difference: &Difference, layer: Layer, gpus: &[u32]) -> Tone {
    let (Some(first), Some(last)) = (gpus.first(), gpus.last()) else { return Tone::NONE };
    match layer {
        Layer::Gpu(metric) => difference.gpus(cx, metric, gpus),
        Layer::Rack(_) => {
            let rack = |g: &u32| cx.topology().rack_of(GpuId(*g)).index();
            difference.racks(cx, layer, (rack(first)..=rack(last)).map(RackId::new))
        }
    }
}

fn update_racks(cx: &Context<'_>, rack: RackLayer, layout: &Layout, levels: &mut LevelMap) {
    let racks = || (0..cx.topology().racks().len()).map(RackId::new);
    let values: Vec<Option<f32>> = racks().map(|r| rack.value(cx.frame, r)).collect();
    let priorities: Vec<u8> =
        racks().map(|r| cx.alarms.worse_of_rack(r, rack.priority(cx.frame, r))).collect();
    let flat = Flat {
        id: rack as u8,
        values: &values,
        priorities: &priorities,
        range: rack.range(cx.frame),
        worst: rack.spec().worst,
        frozen: cx.frame.facility.silent_s().is_some(),
    };
    levels.racks(layout, cx.topology(), &flat);
}

/// The scale of what is shown on this site: memory and clock end where the largest GPU ends, power
/// of racks where the largest rack does.
#[must_use]
pub fn range(cx: &Context<'_>, layer: Layer) -> Option<(f32, f32)> {
    let metric = match layer {
        Layer::Gpu(metric) => metric,
        Layer::Rack(rack) => return Some(rack.range(cx.frame)),
    };
    let largest = |f: fn(&crate::model::topology::GpuModel) -> f32| {
        cx.topology().gpu_models().iter().map(f).fold(0.0, f32::max)
    };
    match metric {
        Metric::MemUsed => Some(largest(|g| g.memory_mib as f32)),
        Metric::Power => Some(largest(|g| g.tdp_w)),
        Metric::SmClock => Some(largest(|g| g.max_clock_mhz)),
        _ => None,
    }
    .filter(|top| *top > 0.0)
    .map(|top| (0.0, top))
}
