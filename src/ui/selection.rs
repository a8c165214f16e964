//! What the operator has selected: one cursor, kept while moving between views. It stands on a
//! tray and on one of its GPUs; hall, row and rack follow from that.

pub mod geometry;

use std::collections::BTreeMap;

use crate::model::id::Span;
use crate::model::{Asset, GpuId, HallId, RackId, RowId, Topology, TrayId};

pub use geometry::Move;

/// A place on the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Cursor {
    /// The tray.
    pub tray: TrayId,
    /// The GPU within the tray, from 0; 0 on a tray that has none.
    pub slot: u16,
}

impl Cursor {
    /// The cursor on a GPU.
    #[must_use]
    pub fn of_gpu(t: &Topology, gpu: GpuId) -> Self {
        let tray = t.tray_of(gpu);
        Self { tray, slot: (gpu.0 - t.tray(tray).gpus.start) as u16 }
    }

    /// The GPU under the cursor; `None` on a tray without GPUs.
    #[must_use]
    pub fn gpu(self, t: &Topology) -> Option<GpuId> {
        let gpus = t.tray(self.tray).gpus;
        Some(GpuId(gpus.start + u32::from(self.slot))).filter(|g| gpus.contains(g.0))
    }
}

/// How far moves may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bounds {
    /// Over the whole hall.
    Hall,
    /// Moves of one GPU or tray stay in their rack.
    Rack,
}

/// The selection of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    cursor: Option<Cursor>,
    /// Where the cursor was in the halls visited before.
    remembered: BTreeMap<HallId, Cursor>,
}

impl Selection {
    /// The first place of the site: top left. Nothing, when the site has no trays yet.
    #[must_use]
    pub fn new(t: &Topology) -> Self {
        Self { cursor: top(t, Span { start: 0, end: t.racks().len() as u32 }), remembered: BTreeMap::new() }
    }

    /// The cursor; `None` when the site has no trays yet.
    #[must_use]
    pub const fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The selected GPU.
    #[must_use]
    pub fn gpu(&self, t: &Topology) -> Option<GpuId> {
        self.cursor?.gpu(t)
    }

    /// The selected tray.
    #[must_use]
    pub fn tray(&self) -> Option<TrayId> {
        self.cursor.map(|c| c.tray)
    }

    /// The selected rack.
    #[must_use]
    pub fn rack(&self, t: &Topology) -> Option<RackId> {
        self.tray().map(|tray| t.tray(tray).rack)
    }

    /// The selected row.
    #[must_use]
    pub fn row(&self, t: &Topology) -> Option<RowId> {
        self.rack(t).map(|r| t.rack(r).row)
    }

    /// The selected hall.
    #[must_use]
    pub fn hall(&self, t: &Topology) -> Option<HallId> {
        self.row(t).map(|r| t.row(r).hall)
    }

    /// Moves the cursor; false at the edge.
    pub fn step(&mut self, t: &Topology, step: Move, bounds: Bounds) -> bool {
        let Some(from) = self.cursor else { return false };
        let small = matches!(step, Move::Left | Move::Right | Move::Up | Move::Down);
        let same_rack = |c: &Cursor| t.tray(c.tray).rack == t.tray(from.tray).rack;
        let to = geometry::target(t, from, step);
        match to.filter(|c| bounds == Bounds::Hall || !small || same_rack(c)) {
            Some(to) => {
                self.cursor = Some(to);
                true
            }
            None => false,
        }
    }

    /// Goes `by` halls on, to where the cursor was there before; false at the end of the site.
    pub fn step_hall(&mut self, t: &Topology, by: i64) -> bool {
        let Some(hall) = self.hall(t) else { return false };
        let next = usize::try_from(hall.index() as i64 + by).ok().filter(|n| *n < t.halls().len());
        next.is_some_and(|n| self.select_hall(t, HallId::new(n)))
    }

    fn select_hall(&mut self, t: &Topology, hall: HallId) -> bool {
        if let (Some(old), Some(cursor)) = (self.hall(t), self.cursor) {
            self.remembered.insert(old, cursor);
        }
        let to = self.remembered.get(&hall).copied().or_else(|| top(t, t.hall(hall).racks));
        self.cursor = to.or(self.cursor);
        to.is_some()
    }

    /// Selects an asset. On a hall the cursor goes where it was there before, on a rack or row it
    /// keeps its level and column. False when the asset holds no tray.
    pub fn select(&mut self, t: &Topology, asset: Asset) -> bool {
        let to = match asset {
            Asset::Site => self.cursor,
            Asset::Hall(h) if self.hall(t) == Some(h) => self.cursor,
            Asset::Hall(h) => return self.select_hall(t, h),
            Asset::Row(r) => self.first_rack(t, t.row(r).racks),
            Asset::Cdu(c) => self.first_rack(t, t.row(t.cdu(c).0).racks),
            Asset::Rack(r) => self.first_rack(t, Span { start: r.0, end: r.0 + 1 }),
            Asset::Tray(tray) => {
                let last = t.tray(tray).gpus.len().saturating_sub(1) as u16;
                Some(Cursor { tray, slot: self.cursor.map_or(0, |c| c.slot.min(last)) })
            }
            Asset::Gpu(g) => Some(Cursor::of_gpu(t, g)),
        };
        if let (Some(to), Some(from)) = (to, self.cursor)
            && hall_of(t, to.tray) != hall_of(t, from.tray)
        {
            self.remembered.insert(hall_of(t, from.tray), from);
        }
        self.cursor = to.or(self.cursor);
        to.is_some()
    }

    /// Goes to the first (or last) place of the hall or rack; false when nothing is selected.
    pub fn select_end(&mut self, t: &Topology, last: bool, bounds: Bounds) -> bool {
        let (Some(rack), Some(hall)) = (self.rack(t), self.hall(t)) else { return false };
        let racks = match bounds {
            Bounds::Hall => t.hall(hall).racks,
            Bounds::Rack => Span { start: rack.0, end: rack.0 + 1 },
        };
        let end = |r| geometry::at(t, RackId(r), 0, u16::MAX);
        self.cursor = if last { racks.iter().rev().find_map(end) } else { top(t, racks) }.or(self.cursor);
        true
    }

    fn first_rack(&self, t: &Topology, racks: Span) -> Option<Cursor> {
        let (level, slot) = self
            .cursor
            .map_or((u32::MAX, 0), |c| (c.tray.0 - t.rack(t.tray(c.tray).rack).trays.start, c.slot));
        racks.iter().find_map(|r| geometry::at(t, RackId(r), level, slot))
    }

    /// Moves the selection to a topology that replaced `old`: by the names of places, or to the
    /// first place where they are gone.
    pub fn remap(&mut self, old: &Topology, new: &Topology) {
        let moved = |c: Cursor| -> Option<Cursor> {
            let Asset::Tray(tray) = new.same(Asset::Tray(c.tray), old)? else { return None };
            let last = new.tray(tray).gpus.len().saturating_sub(1) as u16;
            Some(Cursor { tray, slot: c.slot.min(last) })
        };
        self.cursor = self.cursor.and_then(moved).or_else(|| Self::new(new).cursor);
        let remembered = std::mem::take(&mut self.remembered);
        let kept = remembered.into_values().filter_map(moved);
        self.remembered = kept.map(|c| (hall_of(new, c.tray), c)).collect();
    }
}

/// The top left place of the first rack that has trays.
fn top(t: &Topology, racks: Span) -> Option<Cursor> {
    racks.iter().find_map(|r| geometry::at(t, RackId(r), u32::MAX, 0))
}

fn hall_of(t: &Topology, tray: TrayId) -> HallId {
    t.row(t.rack(t.tray(tray).rack).row).hall
}

#[cfg(test)]
mod tests;
