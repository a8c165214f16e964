//! Where a point of an asset stands in the columns of the plant.

use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::id::{CduId, HallId, RackId, RowId};
use crate::model::topology::Moves;
use crate::model::{Asset, FacilityReading, Topology};

/// A kind of asset with points; each has a column of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Racks.
    Rack,
    /// Coolant distribution units.
    Cdu,
    /// Rows.
    Row,
    /// Halls.
    Hall,
    /// The site.
    Site,
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All of them, in the order of the columns.
    pub const ALL: [Self; Self::COUNT] = [Self::Rack, Self::Cdu, Self::Row, Self::Hall, Self::Site];

    /// Points of one asset.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::Rack => RackPoint::ALL.len(),
            Self::Cdu => CduPoint::ALL.len(),
            Self::Row => RowPoint::ALL.len(),
            Self::Hall => HallPoint::ALL.len(),
            Self::Site => SitePoint::ALL.len(),
        }
    }

    /// Length of the column in a topology.
    #[must_use]
    pub fn values(self, topology: &Topology) -> usize {
        let assets = match self {
            Self::Rack => topology.racks().len(),
            Self::Cdu => topology.cdu_count(),
            Self::Row => topology.rows().len(),
            Self::Hall => topology.halls().len(),
            Self::Site => 1,
        };
        assets * self.width()
    }

    /// Where the value at `cell` stands in the topology that `moves` leads to.
    #[must_use]
    pub fn before(self, cell: usize, moves: &Moves) -> Option<usize> {
        let (asset, point) = (cell / self.width(), cell % self.width());
        let at = match self {
            Self::Rack => moves.rack(RackId::new(asset))?.index(),
            Self::Cdu => moves.cdu(CduId::new(asset))?.index(),
            Self::Row => moves.row(RowId::new(asset))?.index(),
            Self::Hall => moves.hall(HallId::new(asset))?.index(),
            Self::Site => asset,
        };
        Some(at * self.width() + point)
    }
}

/// The column and the place in it of the point that `reading` is about.
#[must_use]
pub const fn cell(reading: &FacilityReading) -> (Kind, usize) {
    match *reading {
        FacilityReading::Rack(id, p, _) => (Kind::Rack, id.index() * Kind::Rack.width() + p.index()),
        FacilityReading::Cdu(id, p, _) => (Kind::Cdu, id.index() * Kind::Cdu.width() + p.index()),
        FacilityReading::Row(id, p, _) => (Kind::Row, id.index() * Kind::Row.width() + p.index()),
        FacilityReading::Hall(id, p, _) => (Kind::Hall, id.index() * Kind::Hall.width() + p.index()),
        FacilityReading::Site(p, _) | FacilityReading::SiteEnds(p) => (Kind::Site, p.index()),
    }
}

/// The column and the place in it of point `point` of an asset; `None` for what has no points.
#[must_use]
pub const fn cell_of(asset: Asset, point: usize) -> Option<(Kind, usize)> {
    let (kind, index) = match asset {
        Asset::Rack(id) => (Kind::Rack, id.index()),
        Asset::Cdu(id) => (Kind::Cdu, id.index()),
        Asset::Row(id) => (Kind::Row, id.index()),
        Asset::Hall(id) => (Kind::Hall, id.index()),
        Asset::Site => (Kind::Site, 0),
        Asset::Tray(_) | Asset::Gpu(_) => return None,
    };
    if point < kind.width() { Some((kind, index * kind.width() + point)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_readings_and_of_assets_agree() {
        let reading = FacilityReading::Cdu(CduId(3), CduPoint::Heat, 1.0);
        assert_eq!(Some(cell(&reading)), cell_of(Asset::Cdu(CduId(3)), CduPoint::Heat.index()));
        assert_eq!(cell_of(Asset::Site, 999), None);
        assert_eq!(cell(&FacilityReading::SiteEnds(SitePoint::Pue)).1, SitePoint::Pue.index());
    }

    #[test]
    fn columns_are_as_long_as_their_assets_have_points() {
        let t = Topology::default_site();
        assert_eq!(Kind::Rack.values(&t), 1392 * RackPoint::ALL.len());
        assert_eq!(Kind::Site.values(&t), SitePoint::ALL.len());
        let moves = Moves::new(&t, &t);
        let (kind, at) = cell(&FacilityReading::Hall(HallId(2), HallPoint::Power, 1.0));
        assert_eq!(kind.before(at, &moves), Some(at), "nothing moved");
    }
}
