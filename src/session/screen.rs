//! The screen of a session: remembers what the terminal shows and turns the next picture into the
//! few bytes that change it. It is told its size and never asks a terminal anything; what it makes
//! is meant to be written at once.
//!
//! A hall map is thousands of half blocks in a few colours. So the changed cells are sent sorted by
//! style: a cursor movement costs 3 to 8 bytes, a change of two 24-bit colours up to 38.

mod cell;
mod emit;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Rect, Size};

use self::cell::{Clusters, Packed};
use self::emit::Emitter;
use crate::session::caps::Caps;
use crate::ui::depth::ColorDepth;

/// Asks the terminal for its status; it answers `CSI 0 n` when it has drawn all before it.
pub const FENCE: &[u8] = b"\x1b[5n";
const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";
/// Frames of fewer changes are not worth the bytes of a synchronized update.
const SYNC_FROM: usize = 24;
/// No screen is larger than this in either direction; a terminal that claims to be is cut.
pub const MAX_SIDE: u16 = 2000;

/// What one terminal shows, and how to change it.
#[derive(Debug)]
pub struct Screen {
    caps: Caps,
    size: Size,
    next: Buffer,
    shown: Vec<Packed>,
    clusters: Clusters,
    emitter: Emitter,
    repaint: bool,
}

impl Screen {
    /// The screen of a terminal of `size` whose content is unknown: the first frame paints it all.
    #[must_use]
    pub fn new(size: Size, caps: Caps) -> Self {
        let mut screen = Self {
            caps,
            size: Size::ZERO,
            next: Buffer::empty(Rect::ZERO),
            shown: Vec::new(),
            clusters: Clusters::default(),
            emitter: Emitter::default(),
            repaint: true,
        };
        screen.resize(size);
        screen
    }

    /// The size in cells.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// What the terminal can do.
    #[must_use]
    pub fn caps(&self) -> Caps {
        self.caps
    }

    /// The terminal has another size now: the next frame paints it all.
    pub fn resize(&mut self, size: Size) {
        self.size = Size::new(size.width.min(MAX_SIDE), size.height.min(MAX_SIDE));
        self.next = Buffer::empty(Rect::from((ratatui::layout::Position::ORIGIN, self.size)));
        self.shown = vec![Packed::BLANK; self.next.content.len()];
        self.repaint = true;
    }

    /// The content of the terminal is unknown again: the next frame paints it all.
    pub fn force_repaint(&mut self) {
        self.repaint = true;
    }

    /// Lets `draw` paint an empty buffer of the screen's size and appends to `out` what makes the
    /// terminal show it; nothing, if it shows it already. Never reads nor clears `out`.
    pub fn frame(&mut self, out: &mut Vec<u8>, draw: impl FnOnce(&mut Buffer)) {
        let mut next = std::mem::take(&mut self.next);
        next.reset();
        draw(&mut next);
        self.encode(&next, out);
        self.next = next;
    }

    /// Appends to `out` what makes the terminal show `next`, whose upper left corner is that of the
    /// screen; what it lacks is blank, and what is beyond the screen is cut.
    pub fn encode(&mut self, next: &Buffer, out: &mut Vec<u8>) {
        let start = out.len();
        if self.clusters.is_full() {
            self.clusters.clear();
            self.repaint = true;
        }
        let repaint = std::mem::take(&mut self.repaint);
        if repaint {
            self.shown.fill(Packed::BLANK);
        }
        self.collect(next);
        if self.emitter.changes() == 0 && !repaint {
            return;
        }
        let sync = self.caps.sync && (repaint || self.emitter.changes() >= SYNC_FROM);
        if sync {
            out.extend_from_slice(SYNC_BEGIN);
        }
        if repaint {
            self.emitter.clear_screen(out);
        }
        self.emitter.emit(&self.shown, self.size.width, &self.clusters, out);
        if sync {
            out.extend_from_slice(SYNC_END);
        }
        debug_assert!(out.len() > start, "something changed, so something is sent");
    }

    /// Brings `shown` up to `next` and hands every cell that differs to the emitter.
    fn collect(&mut self, next: &Buffer) {
        let (width, height) = (usize::from(self.size.width), usize::from(self.size.height));
        let (given, mono) = (usize::from(next.area.width), self.caps.depth == ColorDepth::Mono);
        self.emitter.begin(self.shown.len());
        for y in 0..height {
            let row = next.content.get(y * given..(y + 1) * given).unwrap_or_default();
            let cells = row.iter().map(Some).chain(std::iter::repeat(None));
            let shown = &mut self.shown[y * width..(y + 1) * width];
            let mut tail = false;
            for (x, (cell, shown)) in cells.zip(shown).enumerate() {
                let mut packed = match cell {
                    _ if tail => Packed::TAIL,
                    Some(cell) if cell.diff_option == CellDiffOption::Skip => continue,
                    Some(cell) => Packed::new(cell, &mut self.clusters, mono),
                    None => Packed::BLANK,
                };
                if packed.width == 2 && x + 1 == width {
                    packed = packed.without_glyph();
                }
                tail = packed.width == 2;
                if packed != *shown {
                    *shown = packed;
                    self.emitter.change(x, y, &packed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
