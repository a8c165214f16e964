//! Columns of racks, CDUs, rows, halls and the site: one `f32` per point, NaN = not reported.

mod cell;

use std::sync::Arc;

use crate::fleet::limits::plant::BMS_SILENT_S;
use crate::fleet::series::Signal;
use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::id::{CduId, HallId, RackId, RowId};
use crate::model::topology::Moves;
use crate::model::{Asset, FacilityReading, Topology};

/// All facility values of one moment. Cheap to clone; copied on write.
#[derive(Clone, Debug)]
pub struct Facility {
    racks: Arc<[f32]>,
    cdus: Arc<[f32]>,
    rows: Arc<[f32]>,
    halls: Arc<[f32]>,
    site: Arc<[f32]>,
}

pub use crate::model::coolant::COOLANT_KJ;
pub(crate) use cell::{Kind, cell, cell_of};
/// Power below which a heat balance says nothing, kW.
const LEAST_BALANCED_KW: f32 = 5.0;

const RACK: usize = RackPoint::ALL.len();
const CDU: usize = CduPoint::ALL.len();
const ROW: usize = RowPoint::ALL.len();
const HALL: usize = HallPoint::ALL.len();
const SITE: usize = SitePoint::ALL.len();

impl Facility {
    /// Nothing reported yet.
    #[must_use]
    pub fn absent(topology: &Topology) -> Self {
        let column = |n: usize| vec![f32::NAN; n].into();
        Self {
            racks: column(topology.racks().len() * RACK),
            cdus: column(topology.cdu_count() * CDU),
            rows: column(topology.rows().len() * ROW),
            halls: column(topology.halls().len() * HALL),
            site: column(SITE),
        }
    }

    /// Readings of assets that have moved since their source learned of them; those that are gone
    /// are left out.
    pub(crate) fn moved(readings: &[FacilityReading], moves: &Moves) -> Vec<FacilityReading> {
        let moved = |reading: &FacilityReading| {
            Some(match *reading {
                FacilityReading::Rack(id, p, v) => FacilityReading::Rack(moves.rack(id)?, p, v),
                FacilityReading::Cdu(id, p, v) => FacilityReading::Cdu(moves.cdu(id)?, p, v),
                FacilityReading::Row(id, p, v) => FacilityReading::Row(moves.row(id)?, p, v),
                FacilityReading::Hall(id, p, v) => FacilityReading::Hall(moves.hall(id)?, p, v),
                site => site,
            })
        };
        readings.iter().filter_map(moved).collect()
    }

    /// Takes in readings; numbers that are not finite and unknown assets are dropped.
    pub fn apply(&mut self, readings: &[FacilityReading]) {
        for reading in readings {
            match *reading {
                FacilityReading::Rack(id, p, v) => set(&mut self.racks, id.index() * RACK + p.index(), v),
                FacilityReading::Cdu(id, p, v) => set(&mut self.cdus, id.index() * CDU + p.index(), v),
                FacilityReading::Row(id, p, v) => set(&mut self.rows, id.index() * ROW + p.index(), v),
                FacilityReading::Hall(id, p, v) => set(&mut self.halls, id.index() * HALL + p.index(), v),
                FacilityReading::Site(p, v) => set(&mut self.site, p.index(), v),
                FacilityReading::SiteEnds(p) => Arc::make_mut(&mut self.site)[p.index()] = f32::NAN,
            }
        }
    }

    /// Takes in readings as they are: NaN ends what was there.
    pub(crate) fn put(&mut self, readings: &[FacilityReading]) {
        for reading in readings {
            let value = match *reading {
                FacilityReading::Rack(_, _, v) | FacilityReading::Cdu(_, _, v) => v,
                FacilityReading::Row(_, _, v) | FacilityReading::Hall(_, _, v) => v,
                FacilityReading::Site(_, v) => v,
                FacilityReading::SiteEnds(_) => f32::NAN,
            };
            if value.is_finite() {
                self.apply(std::slice::from_ref(reading));
                continue;
            }
            let (kind, cell) = cell(reading);
            let column = match kind {
                Kind::Rack => &mut self.racks,
                Kind::Cdu => &mut self.cdus,
                Kind::Row => &mut self.rows,
                Kind::Hall => &mut self.halls,
                Kind::Site => &mut self.site,
            };
            if column.get(cell).is_some_and(|v| !v.is_nan()) {
                Arc::make_mut(column)[cell] = f32::NAN;
            }
        }
    }

    /// A value of a rack.
    #[must_use]
    pub fn rack(&self, id: RackId, point: RackPoint) -> Option<f32> {
        get(&self.racks, id.index() * RACK + point.index())
    }

    /// How many points are reported.
    #[must_use]
    pub fn reported(&self) -> usize {
        self.columns().iter().flat_map(|column| column.iter()).filter(|v| v.is_finite()).count()
    }

    /// True when at least one rack reports a point.
    #[must_use]
    pub fn any_rack(&self, point: RackPoint) -> bool {
        self.racks.chunks_exact(RACK).any(|rack| rack[point.index()].is_finite())
    }

    /// True when at least one CDU reports anything.
    #[must_use]
    pub fn any_cdu(&self) -> bool {
        self.cdus.iter().any(|v| v.is_finite())
    }

    /// True when a CDU reports anything.
    #[must_use]
    pub fn speaks(&self, id: CduId) -> bool {
        CduPoint::ALL.iter().any(|p| self.cdu(id, *p).is_some())
    }

    /// A value of a CDU.
    #[must_use]
    pub fn cdu(&self, id: CduId, point: CduPoint) -> Option<f32> {
        get(&self.cdus, id.index() * CDU + point.index())
    }

    /// A value of a row.
    #[must_use]
    pub fn row(&self, id: RowId, point: RowPoint) -> Option<f32> {
        get(&self.rows, id.index() * ROW + point.index())
    }

    /// A value of a hall.
    #[must_use]
    pub fn hall(&self, id: HallId, point: HallPoint) -> Option<f32> {
        get(&self.halls, id.index() * HALL + point.index())
    }

    /// A value of the site.
    #[must_use]
    pub fn site(&self, point: SitePoint) -> Option<f32> {
        get(&self.site, point.index())
    }

    /// Heat that the coolant carries out of a rack, kW: flow times rise of temperature. `None` where
    /// one of the three is not reported.
    #[must_use]
    pub fn liquid_heat_kw(&self, id: RackId) -> Option<f32> {
        let flow = self.rack(id, RackPoint::LiquidFlow)?;
        let rise = self.rack(id, RackPoint::LiquidReturn)? - self.rack(id, RackPoint::LiquidSupply)?;
        Some(flow * rise * COOLANT_KJ / 60.0)
    }

    /// Share of a rack's power that the coolant carries away, %. `None` where something is not
    /// reported, and for racks that draw next to nothing.
    #[must_use]
    pub fn heat_balance(&self, id: RackId) -> Option<f32> {
        let power = self.rack(id, RackPoint::Power).filter(|kw| *kw >= LEAST_BALANCED_KW)?;
        Some(100.0 * self.liquid_heat_kw(id)? / power)
    }

    /// Seconds since the last heartbeat of the building management system, when that is too long:
    /// then what it brought is frozen, and not true now.
    #[must_use]
    pub fn silent_s(&self) -> Option<f32> {
        self.site(SitePoint::BmsHeartbeat).filter(|s| *s > BMS_SILENT_S)
    }

    /// What a signal of an asset says now; `None` where it is not reported, or not one of the plant.
    #[must_use]
    pub fn signal(&self, asset: Asset, signal: Signal) -> Option<f32> {
        match (asset, signal) {
            (Asset::Site, Signal::Site(p)) => self.site(p),
            (Asset::Hall(h), Signal::Hall(p)) => self.hall(h, p),
            (Asset::Row(r), Signal::Row(p)) => self.row(r, p),
            (Asset::Rack(r), Signal::Rack(p)) => self.rack(r, p),
            (Asset::Cdu(c), Signal::Cdu(p)) => self.cdu(c, p),
            _ => None,
        }
    }

    /// The values in another topology: `moves` tells where its assets are in this one. What is new
    /// there is absent.
    #[must_use]
    pub(crate) fn remapped(&self, topology: &Topology, moves: &Moves) -> Self {
        let mut out = Self::absent(topology);
        out.site = Arc::clone(&self.site);
        let copy =
            |to: &mut Arc<[f32]>, from: &Arc<[f32]>, width: usize, find: &dyn Fn(usize) -> Option<usize>| {
                for (i, row) in Arc::make_mut(to).chunks_exact_mut(width).enumerate() {
                    let old = find(i).and_then(|old| from.get(old * width..(old + 1) * width));
                    if let Some(old) = old {
                        row.copy_from_slice(old);
                    }
                }
            };
        copy(&mut out.racks, &self.racks, RACK, &|i| moves.rack(RackId::new(i)).map(RackId::index));
        copy(&mut out.cdus, &self.cdus, CDU, &|i| moves.cdu(CduId::new(i)).map(CduId::index));
        copy(&mut out.rows, &self.rows, ROW, &|i| moves.row(RowId::new(i)).map(RowId::index));
        copy(&mut out.halls, &self.halls, HALL, &|i| moves.hall(HallId::new(i)).map(HallId::index));
        out
    }

    /// The columns in a fixed order, for packing.
    #[must_use]
    pub(crate) fn columns(&self) -> [&[f32]; 5] {
        [&self.racks, &self.cdus, &self.rows, &self.halls, &self.site]
    }

    /// The inverse of [`Self::columns`].
    #[must_use]
    pub(crate) fn from_columns(columns: [Arc<[f32]>; 5]) -> Self {
        let [racks, cdus, rows, halls, site] = columns;
        Self { racks, cdus, rows, halls, site }
    }

    /// The columns in the order of [`Self::columns`], shared.
    #[must_use]
    pub(crate) fn into_columns(self) -> [Arc<[f32]>; 5] {
        [self.racks, self.cdus, self.rows, self.halls, self.site]
    }

    /// Bytes of payload.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.columns().iter().map(|c| 4 * c.len()).sum()
    }
}

fn set(column: &mut Arc<[f32]>, index: usize, value: f32) {
    if value.is_finite() && column.get(index).is_some_and(|old| old.to_bits() != value.to_bits()) {
        Arc::make_mut(column)[index] = value;
    }
}

fn get(column: &[f32], index: usize) -> Option<f32> {
    column.get(index).copied().filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_absent_until_reported_and_nan_is_dropped() {
        let t = Topology::default_site();
        let mut f = Facility::absent(&t);
        assert_eq!(f.site(SitePoint::Pue), None);
        f.apply(&[
            FacilityReading::Site(SitePoint::Pue, 1.08),
            FacilityReading::Site(SitePoint::Frequency, f32::NAN),
        ]);
        assert_eq!(f.site(SitePoint::Pue), Some(1.08));
        assert_eq!(f.site(SitePoint::Frequency), None);
    }

    #[test]
    fn unknown_assets_are_ignored() {
        let mut f = Facility::absent(&Topology::default_site());
        f.apply(&[FacilityReading::Rack(RackId(9_999_999), RackPoint::Power, 1.0)]);
        assert_eq!(f.rack(RackId(9_999_999), RackPoint::Power), None);
    }

    #[test]
    fn the_heat_balance_is_that_of_measured_racks() {
        let mut f = Facility::absent(&Topology::default_site());
        let of = |p, v| FacilityReading::Rack(RackId(4), p, v);
        f.apply(&[of(RackPoint::LiquidFlow, 50.0), of(RackPoint::LiquidSupply, 32.0)]);
        assert_eq!((f.liquid_heat_kw(RackId(4)), f.heat_balance(RackId(4))), (None, None));
        f.apply(&[of(RackPoint::LiquidReturn, 45.0), of(RackPoint::Power, 45.0)]);
        let share = f.heat_balance(RackId(4)).expect("all is known");
        assert!((share - 95.8).abs() < 0.1, "{share}");
        f.apply(&[of(RackPoint::Power, 0.0)]);
        assert_eq!(f.heat_balance(RackId(4)), None, "nothing by nothing is no balance");
    }

    #[test]
    fn a_building_management_system_without_heartbeat_is_silent() {
        let mut f = Facility::absent(&Topology::default_site());
        assert_eq!(f.silent_s(), None, "it never spoke");
        for (age, silent) in [(3.0, None), (31.0, Some(31.0))] {
            f.apply(&[FacilityReading::Site(SitePoint::BmsHeartbeat, age)]);
            assert_eq!(f.silent_s(), silent);
        }
    }

    #[test]
    fn a_copy_does_not_see_later_values() {
        let t = Topology::default_site();
        let mut f = Facility::absent(&t);
        let before = f.clone();
        f.apply(&[FacilityReading::Hall(HallId(2), HallPoint::Power, 22.5)]);
        assert_eq!(before.hall(HallId(2), HallPoint::Power), None);
        assert_eq!(f.hall(HallId(2), HallPoint::Power), Some(22.5));
    }
}
