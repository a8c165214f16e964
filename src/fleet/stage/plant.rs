//! Points of a facility bus on their way to the assets that their places name: into the column that
//! exists for them, and into the list of the asset.
//!
//! A value that may not be believed leaves its column (a stale or impossible value must not look
//! live) and stays in the list with its reason.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::fleet::origin::Mark;
use crate::fleet::points::{Homeless, NAMED, PointKey, Points};
use crate::fleet::stage::Stage;
use crate::model::facility::{FacilityReading, HallPoint};
use crate::model::plant::{PlantColumn, PlantPlace, PlantPoint, PlantQuality, PlantReading};
use crate::model::topology::place::key;
use crate::model::{Asset, Batch, CduId, HallId, RackId, RowId, Topology};

/// What is known of the points of all buses.
#[derive(Debug, Default)]
pub(super) struct Plant {
    pub points: Arc<Points>,
    homes: HashMap<PointKey, Home>,
    /// Values of the sensors that make the mean of a hall.
    halls: HashMap<(HallId, HallPoint), BTreeMap<PointKey, f32>>,
    /// Newest readings of points whose place the site does not have (yet).
    waiting: HashMap<PointKey, PlantReading>,
    /// Which points wait has changed since it was told last.
    untold: bool,
    /// Names of the topology of this generation.
    names: Option<(u64, Names)>,
}

#[derive(Debug)]
struct Home {
    point: Arc<PlantPoint>,
    asset: Asset,
}

/// Assets by the names on the way to them.
#[derive(Debug, Default)]
struct Names {
    halls: HashMap<String, HallId>,
    rows: HashMap<String, RowId>,
    racks: HashMap<String, RackId>,
    cdus: HashMap<String, CduId>,
}

impl Names {
    fn new(topology: &Topology) -> Self {
        let mut names = Self::default();
        for (h, hall) in topology.halls().iter().enumerate() {
            names.halls.insert(key([&hall.name]), HallId::new(h));
            for r in hall.rows.iter() {
                let row = topology.row(RowId(r));
                names.rows.insert(key([&hall.name, &row.name]), RowId(r));
                for k in row.racks.iter() {
                    let rack = &topology.rack(RackId(k)).name;
                    names.racks.insert(key([&hall.name, &row.name, rack]), RackId(k));
                }
                for c in row.cdus.iter() {
                    let cdu = topology.cdu(CduId(c)).1;
                    names.cdus.insert(key([&hall.name, &row.name, cdu]), CduId(c));
                    // Where the row is not known the first one of that name in the hall is meant.
                    names.cdus.entry(key([&hall.name, "", cdu])).or_insert(CduId(c));
                }
            }
        }
        names
    }

    /// The asset of a place, or the nearest one above it that the site has; `None` where not even
    /// the hall exists.
    fn find(&self, place: &PlantPlace) -> Option<Asset> {
        let (hall, row) = (place.hall.as_str(), place.row.as_str());
        if hall.is_empty() {
            return Some(Asset::Site);
        }
        let found = if !place.cdu.is_empty() {
            let exact = self.cdus.get(&key([hall, row, &place.cdu]));
            exact.or_else(|| self.cdus.get(&key([hall, "", &place.cdu]))).map(|c| Asset::Cdu(*c))
        } else if !place.rack.is_empty() {
            self.racks.get(&key([hall, row, &place.rack])).map(|r| Asset::Rack(*r))
        } else {
            None
        };
        found
            .or_else(|| self.rows.get(&key([hall, row])).map(|r| Asset::Row(*r)))
            .or_else(|| self.halls.get(&key([hall])).map(|h| Asset::Hall(*h)))
    }
}

impl Stage {
    /// The points of all buses.
    #[must_use]
    pub const fn points(&self) -> &Arc<Points> {
        &self.plant.points
    }

    /// Takes in the points of a batch.
    pub(super) fn apply_points(&mut self, batch: &Batch) {
        if batch.plant.is_empty() && self.plant.names.is_none() {
            return;
        }
        self.find_names();
        for reading in &batch.plant {
            self.apply_point((batch.source, reading.number), reading);
        }
        if std::mem::take(&mut self.plant.untold) {
            let homeless = homeless(&self.plant.waiting);
            Arc::make_mut(&mut self.plant.points).set_homeless(homeless);
        }
    }

    /// Makes the table of names when the site has changed; all points are placed anew then.
    fn find_names(&mut self) {
        let generation = self.topology.generation().into();
        if self.plant.names.as_ref().is_some_and(|(g, _)| *g == generation) {
            return;
        }
        self.plant.names = Some((generation, Names::new(&self.topology)));
        self.plant.homes.clear();
        self.plant.halls.clear();
        let points = Arc::make_mut(&mut self.plant.points);
        self.plant.untold |= !self.plant.waiting.is_empty();
        let mut again: Vec<(PointKey, PlantReading)> = self.plant.waiting.drain().collect();
        again.extend(points.keyed());
        points.clear();
        for (key, reading) in again {
            self.apply_point(key, &reading);
        }
    }

    fn apply_point(&mut self, key: PointKey, reading: &PlantReading) {
        let Some(asset) = self.home(key, &reading.point) else {
            let old = self.plant.waiting.insert(key, reading.clone());
            self.plant.untold |= old.is_none_or(|old| !Arc::ptr_eq(&old.point, &reading.point));
            return;
        };
        Arc::make_mut(&mut self.plant.points).set(asset, key, reading.clone());
        let value = if reading.quality == PlantQuality::Good { reading.value } else { f32::NAN };
        if let Some(column) = self.column(key, asset, reading.point.column, value) {
            let by = Mark::new(key.0, reading.time);
            if self.ledger.claim_reading(&column, by, &self.topology) {
                self.facility.put(std::slice::from_ref(&column));
            }
        }
    }

    /// The asset of a point; what has moved there is taken away where it was.
    fn home(&mut self, key: PointKey, point: &Arc<PlantPoint>) -> Option<Asset> {
        if let Some(home) = self.plant.homes.get(&key).filter(|h| Arc::ptr_eq(&h.point, point)) {
            return Some(home.asset);
        }
        let asset = self.plant.names.as_ref().and_then(|(_, names)| names.find(&point.place));
        if let Some(old) = self.plant.homes.remove(&key).filter(|old| Some(old.asset) != asset) {
            Arc::make_mut(&mut self.plant.points).remove(old.asset, key);
        }
        let asset = asset?;
        self.plant.untold |= self.plant.waiting.remove(&key).is_some();
        self.plant.homes.insert(key, Home { point: Arc::clone(point), asset });
        Some(asset)
    }

    /// What a value means for the column of its asset. NaN ends what was there.
    fn column(
        &mut self,
        key: PointKey,
        asset: Asset,
        column: Option<PlantColumn>,
        value: f32,
    ) -> Option<FacilityReading> {
        match (column?, asset) {
            (PlantColumn::Rack(p), Asset::Rack(id)) => Some(FacilityReading::Rack(id, p, value)),
            (PlantColumn::Cdu(p), Asset::Cdu(id)) => Some(FacilityReading::Cdu(id, p, value)),
            (PlantColumn::Row(p), Asset::Row(id)) => Some(FacilityReading::Row(id, p, value)),
            (PlantColumn::Site(p), Asset::Site) => Some(FacilityReading::Site(p, value)),
            (PlantColumn::Hall(p), asset) => {
                let hall = match asset {
                    Asset::Hall(hall) => hall,
                    Asset::Row(row) => self.hall_of_row(row)?,
                    _ => return None,
                };
                let sensors = self.plant.halls.entry((hall, p)).or_default();
                if value.is_nan() {
                    sensors.remove(&key);
                } else {
                    sensors.insert(key, value);
                }
                let mean = sensors.values().sum::<f32>() / sensors.len() as f32;
                Some(FacilityReading::Hall(hall, p, mean))
            }
            _ => None,
        }
    }

    fn hall_of_row(&self, row: RowId) -> Option<HallId> {
        match self.topology.parent(Asset::Row(row)) {
            Asset::Hall(hall) => Some(hall),
            _ => None,
        }
    }
}

/// The points that wait, by source, the first objects of each by name.
fn homeless(waiting: &HashMap<PointKey, PlantReading>) -> Vec<Homeless> {
    let mut by_source: BTreeMap<u16, (usize, BTreeSet<String>)> = BTreeMap::new();
    for ((source, _), reading) in waiting {
        let (points, names) = by_source.entry(*source).or_default();
        *points += 1;
        names.insert(format!("{} at {}", reading.point.object, reading.point.place.words()));
        if names.len() > NAMED {
            names.pop_last();
        }
    }
    let told = |(source, (points, first)): (u16, (usize, BTreeSet<String>))| Homeless {
        source,
        points,
        first: first.into_iter().collect(),
    };
    by_source.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::model::facility::{CduPoint, RackPoint};
    use crate::model::topology::place::Placer;

    const RACK: PlantColumn = PlantColumn::Rack(RackPoint::LiquidFlow);

    fn place(hall: &str, row: &str, rack: &str, cdu: &str) -> PlantPlace {
        PlantPlace { hall: hall.into(), row: row.into(), rack: rack.into(), cdu: cdu.into() }
    }

    fn reading(number: u32, place: PlantPlace, column: PlantColumn, value: f32) -> PlantReading {
        let point = PlantPoint { place, column: Some(column), ..PlantPoint::default() };
        let (quality, time) = (PlantQuality::Good, Timestamp::from_secs(100));
        PlantReading { number, point: Arc::new(point), value, quality, time }
    }

    fn stage() -> Stage {
        Stage::new(Arc::new(Topology::default_site()), Placer::default())
    }

    fn give(stage: &mut Stage, plant: Vec<PlantReading>) {
        stage.apply(&Batch { plant, ..Batch::new(0, Timestamp::from_secs(100)) }, 1000);
    }

    fn asset(stage: &Stage, name: &str) -> Asset {
        stage.topology().find(name).expect("it exists")
    }

    #[test]
    fn a_value_reaches_the_rack_that_its_place_names_whatever_the_spelling() {
        let mut s = stage();
        give(&mut s, vec![reading(0, place("h01", "R1", "k1", ""), RACK, 50.5)]);
        let Asset::Rack(rack) = asset(&s, "H1-R01-K1") else { panic!("a rack") };
        assert_eq!(s.facility.rack(rack, RackPoint::LiquidFlow), Some(50.5));
        assert_eq!(s.points().of(Asset::Rack(rack))[0].1.value, 50.5);
    }

    #[test]
    fn what_may_not_be_believed_leaves_the_column_and_stays_in_the_list() {
        let mut s = stage();
        let good = reading(0, place("h1", "r1", "k1", ""), RACK, 50.5);
        give(&mut s, vec![good.clone()]);
        give(&mut s, vec![PlantReading { value: 0.0, quality: PlantQuality::Bad, ..good.clone() }]);
        let Asset::Rack(rack) = asset(&s, "H1-R01-K1") else { panic!("a rack") };
        assert_eq!(s.facility.rack(rack, RackPoint::LiquidFlow), None);
        let listed = &s.points().of(Asset::Rack(rack))[0].1;
        assert_eq!((listed.value, listed.quality), (0.0, PlantQuality::Bad));
        give(&mut s, vec![good]);
        assert_eq!(s.facility.rack(rack, RackPoint::LiquidFlow), Some(50.5));
    }

    #[test]
    fn a_unit_is_found_in_its_hall_where_the_row_is_not_known() {
        let mut s = stage();
        let name = s.topology().cdu(CduId(0)).1.to_owned();
        let of = |row: &str| reading(0, place("h1", row, "", &name), PlantColumn::Cdu(CduPoint::Pump1), 44.0);
        give(&mut s, vec![of("")]);
        assert_eq!(s.facility.cdu(CduId(0), CduPoint::Pump1), Some(44.0));
    }

    #[test]
    fn a_place_that_the_site_lacks_falls_to_the_row_or_waits() {
        let mut s = stage();
        let unknown_rack = reading(0, place("h1", "r1", "k99", ""), RACK, 1.0);
        give(&mut s, vec![unknown_rack, reading(1, place("h77", "", "", ""), RACK, 1.0)]);
        assert_eq!(s.points().of(asset(&s, "H1-R01")).len(), 1);
        assert_eq!(s.points().homeless(), 1);
    }

    #[test]
    fn points_without_a_home_are_named_by_source_until_they_have_one() {
        let mut s = stage();
        let of = |n, hall: &str| {
            let one = reading(n, place(hall, "r1", "k1", ""), RACK, 1.0);
            let object = format!("TAP-{n}");
            PlantReading { point: Arc::new(PlantPoint { object, ..(*one.point).clone() }), ..one }
        };
        give(&mut s, (0..5).map(|n| of(n, "h77")).collect());
        let told = s.points().homeless_of(0).expect("they are told").clone();
        assert_eq!((told.points, told.first.len()), (5, NAMED));
        assert_eq!(told.first[0], "TAP-0 at h77/r1/k1");
        assert!(s.points().homeless_of(1).is_none());
        give(&mut s, (0..5).map(|n| of(n, "h1")).collect());
        assert_eq!((s.points().homeless(), s.points().homeless_of(0)), (0, None));
    }

    #[test]
    fn sensors_of_a_hall_make_its_mean_and_a_bad_one_is_left_out() {
        let mut s = stage();
        let column = PlantColumn::Hall(HallPoint::ColdAisle);
        let of = |n, row: &str, v| reading(n, place("h1", row, "", ""), column, v);
        give(&mut s, vec![of(0, "r1", 24.0), of(1, "r2", 26.0)]);
        assert_eq!(s.facility.hall(HallId(0), HallPoint::ColdAisle), Some(25.0));
        give(&mut s, vec![PlantReading { quality: PlantQuality::Stale("x"), ..of(0, "r1", 24.0) }]);
        assert_eq!(s.facility.hall(HallId(0), HallPoint::ColdAisle), Some(26.0));
        give(&mut s, vec![PlantReading { quality: PlantQuality::Bad, ..of(1, "r2", 24.0) }]);
        assert_eq!(s.facility.hall(HallId(0), HallPoint::ColdAisle), None);
    }

    #[test]
    fn a_point_that_moves_is_taken_away_where_it_was() {
        let mut s = stage();
        give(&mut s, vec![reading(0, place("h1", "r1", "k1", ""), RACK, 1.0)]);
        give(&mut s, vec![reading(0, place("h1", "r1", "k2", ""), RACK, 2.0)]);
        assert!(s.points().of(asset(&s, "H1-R01-K1")).is_empty());
        assert_eq!(s.points().of(asset(&s, "H1-R01-K2")).len(), 1);
    }
}
