//! Where things stand on the map of a hall: rows of racks next to and below each other, racks next
//! to each other, trays on top of each other, GPUs side by side. Moves follow what is seen.

use crate::model::topology::Hall;
use crate::model::{RackId, RowId, Topology, TrayId};
use crate::ui::selection::Cursor;

/// A move on the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// One GPU to the left.
    Left,
    /// One GPU to the right.
    Right,
    /// One tray up.
    Up,
    /// One tray down.
    Down,
    /// One rack to the left.
    RackLeft,
    /// One rack to the right.
    RackRight,
    /// One row of racks up.
    RackUp,
    /// One row of racks down.
    RackDown,
}

impl Move {
    /// All moves.
    pub const ALL: [Self; 8] = [
        Self::Left,
        Self::Right,
        Self::Up,
        Self::Down,
        Self::RackLeft,
        Self::RackRight,
        Self::RackUp,
        Self::RackDown,
    ];

    /// The move that undoes this one.
    #[must_use]
    pub const fn inverse(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            Self::RackLeft => Self::RackRight,
            Self::RackRight => Self::RackLeft,
            Self::RackUp => Self::RackDown,
            Self::RackDown => Self::RackUp,
        }
    }
}

/// Where a move goes from `cursor`; `None` at the edge of the map. Levels are counted from the
/// floor, so that trays of equal height are neighbours; shorter racks and trays clamp.
#[must_use]
pub fn target(t: &Topology, cursor: Cursor, step: Move) -> Option<Cursor> {
    let tray = t.tray(cursor.tray);
    let rack = t.rack(tray.rack);
    let level = cursor.tray.0 - rack.trays.start;
    let slot = cursor.slot;
    let vertical = |up: bool| neighbour_row(t, tray.rack, up);
    match step {
        Move::Left if slot > 0 => Some(Cursor { slot: slot - 1, ..cursor }),
        Move::Left => at(t, beside(t, tray.rack, false)?, level, u16::MAX),
        Move::Right if usize::from(slot) + 1 < tray.gpus.len() => Some(Cursor { slot: slot + 1, ..cursor }),
        Move::Right => at(t, beside(t, tray.rack, true)?, level, 0),
        Move::Up if level + 1 < rack.trays.len() as u32 => clamped(t, TrayId(cursor.tray.0 + 1), slot),
        Move::Up => at(t, vertical(true)?, 0, slot),
        Move::Down if level > 0 => clamped(t, TrayId(cursor.tray.0 - 1), slot),
        Move::Down => at(t, vertical(false)?, u32::MAX, slot),
        Move::RackLeft => at(t, beside(t, tray.rack, false)?, level, slot),
        Move::RackRight => at(t, beside(t, tray.rack, true)?, level, slot),
        Move::RackUp => at(t, vertical(true)?, level, slot),
        Move::RackDown => at(t, vertical(false)?, level, slot),
    }
}

/// The cursor at `level` (from the floor) and `slot` of a rack, clamped; `None` when it has no trays.
#[must_use]
pub fn at(t: &Topology, rack: RackId, level: u32, slot: u16) -> Option<Cursor> {
    let trays = t.rack(rack).trays;
    let level = level.min((trays.len() as u32).checked_sub(1)?);
    clamped(t, TrayId(trays.start + level), slot)
}

fn clamped(t: &Topology, tray: TrayId, slot: u16) -> Option<Cursor> {
    let last = t.tray(tray).gpus.len().saturating_sub(1);
    Some(Cursor { tray, slot: slot.min(last as u16) })
}

/// The rack to the right (or left): the next one in the row, or the near end of the row beside it.
fn beside(t: &Topology, rack: RackId, right: bool) -> Option<RackId> {
    let row_id = t.rack(rack).row;
    let row = t.row(row_id);
    let next = if right { rack.0.checked_add(1) } else { rack.0.checked_sub(1) };
    if let Some(next) = next.filter(|n| row.racks.contains(*n)) {
        return Some(RackId(next));
    }
    let hall = t.hall(row.hall);
    let (column, _) = grid(hall, row_id);
    let other = if right { row_id.0.checked_add(1) } else { row_id.0.checked_sub(1) };
    let same_band = if right { column + 1 < columns(hall) } else { column > 0 };
    let other = other.filter(|r| same_band && hall.rows.contains(*r))?;
    let racks = t.row(RowId(other)).racks;
    let near = if right { Some(racks.start) } else { racks.end.checked_sub(1) };
    near.filter(|_| !racks.is_empty()).map(RackId)
}

/// The rack above (or below): the same place in the row one band up (or down).
fn neighbour_row(t: &Topology, rack: RackId, up: bool) -> Option<RackId> {
    let row_id = t.rack(rack).row;
    let row = t.row(row_id);
    let hall = t.hall(row.hall);
    let step = columns(hall);
    let other = if up { row_id.0.checked_sub(step) } else { row_id.0.checked_add(step) };
    let racks = t.row(RowId(other.filter(|r| hall.rows.contains(*r))?)).racks;
    let place = (rack.0 - row.racks.start).min((racks.len() as u32).checked_sub(1)?);
    Some(RackId(racks.start + place))
}

fn columns(hall: &Hall) -> u32 {
    u32::from(hall.columns.max(1))
}

/// Column and band of a row in the drawing of its hall: rows run in reading order.
#[must_use]
pub fn grid(hall: &Hall, row: RowId) -> (u32, u32) {
    let i = row.0.saturating_sub(hall.rows.start);
    (i % columns(hall), i / columns(hall))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Asset;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    fn cursor(t: &Topology, name: &str) -> Cursor {
        let Ok(Asset::Gpu(g)) = t.find(name) else { panic!("{name} is no GPU") };
        Cursor::of_gpu(t, g)
    }

    #[test]
    fn moves_follow_the_drawing() {
        let t = Topology::default_site();
        for (from, step, to) in [
            ("H3-R17-K5-T09-G2", Move::Right, "H3-R17-K5-T09-G3"),
            ("H3-R17-K5-T09-G4", Move::Right, "H3-R17-K6-T09-G1"),
            ("H3-R17-K8-T09-G4", Move::Right, "H3-R18-K1-T09-G1"),
            ("H3-R17-K5-T09-G1", Move::Left, "H3-R17-K4-T09-G4"),
            ("H3-R17-K5-T18-G1", Move::Up, "H3-R11-K5-T01-G1"),
            ("H3-R11-K5-T01-G3", Move::Down, "H3-R17-K5-T18-G3"),
            ("H3-R11-K5-T07-G3", Move::RackDown, "H3-R17-K5-T07-G3"),
            ("H3-R11-K8-T07-G3", Move::RackRight, "H3-R12-K1-T07-G3"),
        ] {
            assert_eq!(target(&t, cursor(&t, from), step), Some(cursor(&t, to)), "{from} {step:?}");
        }
    }

    #[test]
    fn the_map_has_edges() {
        let t = Topology::default_site();
        for (from, step) in [
            ("H3-R01-K1-T18-G1", Move::Left),
            ("H3-R06-K8-T18-G4", Move::Right),
            ("H3-R01-K1-T18-G1", Move::Up),
            ("H3-R22-K1-T01-G1", Move::Down),
            // The last band has four rows only: below the fifth and sixth there is nothing.
            ("H3-R17-K1-T01-G1", Move::RackDown),
        ] {
            assert_eq!(target(&t, cursor(&t, from), step), None, "{from} {step:?}");
        }
    }

    #[test]
    fn every_move_is_undone_by_its_inverse() {
        let t = Topology::default_site();
        let all = (0u32..100_224, 0usize..8);
        let checked = TestRunner::default().run(&all, |(gpu, step)| {
            let from = Cursor::of_gpu(&t, crate::model::GpuId(gpu));
            let step = Move::ALL[step];
            if let Some(to) = target(&t, from, step) {
                prop_assert_ne!(to, from);
                prop_assert_eq!(target(&t, to, step.inverse()), Some(from));
            }
            Ok(())
        });
        assert_eq!(checked, Ok(()));
    }
}
