//! Movement of the cursor over a layout: by pixel and by rack.

use std::ops::Range;

use crate::ui::widget::heatmap::layout::Layout;

/// A direction on the screen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Upwards.
    Up,
    /// Downwards.
    Down,
}

impl Direction {
    const fn delta(self) -> (i32, i32) {
        match self {
            Self::Left => (-1, 0),
            Self::Right => (1, 0),
            Self::Up => (0, -1),
            Self::Down => (0, 1),
        }
    }
}

impl Layout {
    /// The pixel next to `from`; `from` itself at the edge. Gaps are stepped over; where nothing
    /// lies straight ahead, the nearest pixel ahead is taken.
    #[must_use]
    pub fn neighbor(&self, from: usize, to: Direction) -> usize {
        let Some(start) = self.position(from) else { return from };
        let places = (0..self.pixel_count()).filter_map(|p| Some((p, self.position(p)?)));
        self.straight(from, to, |p| p != from).or_else(|| nearest(start, to, places)).unwrap_or(from)
    }

    /// The same place in the rack next to that of `from`; `from` itself at the edge.
    #[must_use]
    pub fn neighbor_rack(&self, from: usize, to: Direction) -> usize {
        let floors = self.floors();
        let floor_of = |p: usize| floors.iter().find(|f| f.pixels.contains(&p));
        let (Some((x, y)), Some(here)) = (self.position(from), floor_of(from)) else { return from };
        let places = floors.iter().map(|f| (f.pixels.start, f.corner));
        let found = self.straight(from, to, |p| !here.pixels.contains(&p));
        let found = found.or_else(|| nearest(here.corner, to, places));
        let Some(there) = found.and_then(floor_of) else { return from };
        let want = (
            i32::from(there.corner.0) + i32::from(x) - i32::from(here.corner.0),
            i32::from(there.corner.1) + i32::from(y) - i32::from(here.corner.1),
        );
        let distance = |p: usize| {
            let (px, py) = self.position(p).unwrap_or_default();
            want.0.abs_diff(i32::from(px)) + want.1.abs_diff(i32::from(py))
        };
        there.pixels.clone().min_by_key(|p| distance(*p)).unwrap_or(from)
    }

    /// The racks as they stand: a rack's pixels follow each other.
    fn floors(&self) -> Vec<Floor> {
        let mut floors: Vec<Floor> = Vec::new();
        let mut last = None;
        for pixel in 0..self.pixel_count() {
            let Some((x, y)) = self.position(pixel) else { continue };
            match floors.last_mut().filter(|_| last == self.rack_of(pixel)) {
                Some(floor) => {
                    floor.pixels.end = pixel + 1;
                    floor.corner = (floor.corner.0.min(x), floor.corner.1.max(y));
                }
                None => floors.push(Floor { pixels: pixel..pixel + 1, corner: (x, y) }),
            }
            last = self.rack_of(pixel);
        }
        floors
    }

    /// The first pixel straight ahead that `counts`.
    fn straight(&self, from: usize, to: Direction, counts: impl Fn(usize) -> bool) -> Option<usize> {
        let (x, y) = self.position(from)?;
        let (dx, dy) = to.delta();
        let (mut cx, mut cy) = (i32::from(x) + dx, i32::from(y) + dy);
        while let (Ok(ux), Ok(uy)) = (u16::try_from(cx), u16::try_from(cy)) {
            if ux >= self.size().0 || uy >= self.size().1 * 2 {
                break;
            }
            if let Some(p) = self.pixel_at(ux, uy).filter(|p| counts(*p)) {
                return Some(p);
            }
            (cx, cy) = (cx + dx, cy + dy);
        }
        None
    }
}

/// One rack on the map. Its corner is the lower left one: racks of unlike height stand on the same
/// floor.
struct Floor {
    pixels: Range<usize>,
    corner: (u16, u16),
}

/// The candidate that lies nearest ahead of `start`, what is aside counting double.
fn nearest(
    start: (u16, u16),
    to: Direction,
    candidates: impl Iterator<Item = (usize, (u16, u16))>,
) -> Option<usize> {
    let (dx, dy) = to.delta();
    let cost = |(p, (x, y)): (usize, (u16, u16))| {
        let (ax, ay) = (i32::from(x) - i32::from(start.0), i32::from(y) - i32::from(start.1));
        let (along, aside) = (ax * dx + ay * dy, (ax * dy).abs() + (ay * dx).abs());
        (along > 0).then_some((along + 2 * aside, p))
    };
    candidates.filter_map(cost).min().map(|(_, p)| p)
}
