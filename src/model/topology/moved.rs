//! Where the assets of one topology are in another: they are known by their names, as ids shift
//! when a site grows.

use crate::model::id::{Asset, CduId, GpuId, HallId, RackId, RowId, TrayId};
use crate::model::topology::Topology;

impl Topology {
    /// The asset of `self` at the place that `asset` has in `other`; `None` where there is none.
    #[must_use]
    pub fn same(&self, asset: Asset, other: &Self) -> Option<Asset> {
        let parent = |a| self.same(other.parent(a), other);
        match asset {
            Asset::Site => Some(Asset::Site),
            Asset::Hall(h) => {
                let name = &other.hall(h).name;
                let found = self.halls().iter().position(|hall| hall.name == *name)?;
                Some(Asset::Hall(HallId::new(found)))
            }
            Asset::Row(r) => {
                let Asset::Hall(hall) = parent(asset)? else { return None };
                let name = &other.row(r).name;
                let mut rows = self.hall(hall).rows.iter().map(RowId);
                rows.find(|r| self.row(*r).name == *name).map(Asset::Row)
            }
            Asset::Rack(r) => {
                let Asset::Row(row) = parent(asset)? else { return None };
                let name = &other.rack(r).name;
                let mut racks = self.row(row).racks.iter().map(RackId);
                racks.find(|r| self.rack(*r).name == *name).map(Asset::Rack)
            }
            Asset::Cdu(c) => {
                let Asset::Row(row) = parent(asset)? else { return None };
                let name = other.cdu(c).1;
                let mut cdus = self.row(row).cdus.iter().map(CduId);
                cdus.find(|c| self.cdu(*c).1 == name).map(Asset::Cdu)
            }
            Asset::Tray(t) => {
                let Asset::Rack(rack) = parent(asset)? else { return None };
                let name = &other.tray(t).name;
                let mut trays = self.rack(rack).trays.iter().map(TrayId);
                trays.find(|t| self.tray(*t).name == *name).map(Asset::Tray)
            }
            Asset::Gpu(g) => {
                let Asset::Tray(tray) = parent(asset)? else { return None };
                let gpus = self.tray(tray).gpus;
                let at = gpus.start + (g.0 - other.tray(other.tray_of(g)).gpus.start);
                gpus.contains(at).then_some(Asset::Gpu(GpuId(at)))
            }
        }
    }
}

/// For each hall, row, rack and CDU of one topology, where it is in another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moves {
    halls: Vec<Option<HallId>>,
    rows: Vec<Option<RowId>>,
    racks: Vec<Option<RackId>>,
    cdus: Vec<Option<CduId>>,
}

impl Moves {
    /// The places that the assets of `from` have in `to`.
    #[must_use]
    pub fn new(from: &Topology, to: &Topology) -> Self {
        let same = |asset| to.same(asset, from);
        let hall = |i| match same(Asset::Hall(HallId::new(i))) {
            Some(Asset::Hall(h)) => Some(h),
            _ => None,
        };
        let row = |i| match same(Asset::Row(RowId::new(i))) {
            Some(Asset::Row(r)) => Some(r),
            _ => None,
        };
        let rack = |i| match same(Asset::Rack(RackId::new(i))) {
            Some(Asset::Rack(r)) => Some(r),
            _ => None,
        };
        let cdu = |i| match same(Asset::Cdu(CduId::new(i))) {
            Some(Asset::Cdu(c)) => Some(c),
            _ => None,
        };
        Self {
            halls: (0..from.halls().len()).map(hall).collect(),
            rows: (0..from.rows().len()).map(row).collect(),
            racks: (0..from.racks().len()).map(rack).collect(),
            cdus: (0..from.cdu_count()).map(cdu).collect(),
        }
    }

    /// Where a hall went.
    #[must_use]
    pub fn hall(&self, id: HallId) -> Option<HallId> {
        self.halls.get(id.index()).copied().flatten()
    }

    /// Where a row went.
    #[must_use]
    pub fn row(&self, id: RowId) -> Option<RowId> {
        self.rows.get(id.index()).copied().flatten()
    }

    /// Where a rack went.
    #[must_use]
    pub fn rack(&self, id: RackId) -> Option<RackId> {
        self.racks.get(id.index()).copied().flatten()
    }

    /// Where a CDU went.
    #[must_use]
    pub fn cdu(&self, id: CduId) -> Option<CduId> {
        self.cdus.get(id.index()).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::topology::Plan;
    use crate::model::topology::place::Place;
    use crate::model::topology::plan::NewHost;

    fn host(place: [&str; 4], gpus: u16) -> NewHost {
        let [hall, row, rack, tray] = place.map(str::to_owned);
        NewHost {
            host: format!("{hall}{row}{rack}{tray}"),
            place: Some(Place { hall, row, rack, tray }),
            gpus,
        }
    }

    fn grown() -> (Topology, Topology) {
        let small = Plan::open("x").with_hosts(&[host(["H2", "R1", "K1", "T1"], 4)]);
        let large = small.with_hosts(&[host(["H1", "R1", "K1", "T1"], 4), host(["H2", "R1", "K0", "T1"], 4)]);
        (small.build().expect("small"), large.build().expect("small"))
    }

    #[test]
    fn assets_are_found_by_name_in_a_grown_site() {
        let (small, large) = grown();
        for asset in
            [Asset::Hall(HallId(0)), Asset::Row(RowId(0)), Asset::Rack(RackId(0)), Asset::Gpu(GpuId(3))]
        {
            let there = large.same(asset, &small).expect("it is still there");
            assert_eq!(large.name(there), small.name(asset));
            assert_ne!(there, asset, "its id has shifted");
            assert_eq!(small.same(there, &large), Some(asset), "and back");
        }
    }

    #[test]
    fn what_is_new_has_no_place_in_the_old_site() {
        let (small, large) = grown();
        let moves = Moves::new(&large, &small);
        assert_eq!((moves.hall(HallId(0)), moves.hall(HallId(1))), (None, Some(HallId(0))));
        assert_eq!((moves.rack(RackId(1)), moves.rack(RackId(2))), (None, Some(RackId(0))));
        assert_eq!((moves.row(RowId(1)), moves.row(RowId(77))), (Some(RowId(0)), None));
    }

    #[test]
    fn cdus_are_found_by_row_and_name() {
        let t = Topology::default_site();
        let moves = Moves::new(&t, &t);
        assert!((0..t.cdu_count()).map(CduId::new).all(|c| moves.cdu(c) == Some(c)));
    }
}
