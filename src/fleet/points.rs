//! The newest value of every point of the plant that a facility bus publishes, by asset: also those
//! that no column exists for, and those that may not be believed, with the reason.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::Asset;
use crate::model::batch::SourceId;
use crate::model::plant::PlantReading;

/// Most points that one asset keeps: a rack has some thirty.
pub const MAX_PER_ASSET: usize = 512;

/// Who publishes a point: the source, and its number there.
pub type PointKey = (SourceId, u32);

/// The points of one asset, shared.
type List = Arc<Vec<(PointKey, PlantReading)>>;

/// Points of one source whose places the site does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Homeless {
    /// Who publishes them.
    pub source: SourceId,
    /// How many points.
    pub points: usize,
    /// The first objects by name, each with the place it names; at most [`NAMED`].
    pub first: Vec<String>,
}

/// So many objects without a home are named.
pub const NAMED: usize = 3;

/// All points. Cheap to clone; copied on write.
#[derive(Clone, Debug, Default)]
pub struct Points {
    by_asset: Arc<HashMap<Asset, List>>,
    homeless: Arc<[Homeless]>,
}

impl Points {
    /// The points of one asset, by object, kind and detail; those of assets below are not among them.
    #[must_use]
    pub fn of(&self, asset: Asset) -> &[(PointKey, PlantReading)] {
        self.by_asset.get(&asset).map_or(&[], |list| list.as_slice())
    }

    /// True where no bus has published a point that has a home.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_asset.is_empty()
    }

    /// All points with their assets, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Asset, &PlantReading)> {
        self.by_asset.iter().flat_map(|(asset, list)| list.iter().map(|(_, r)| (*asset, r)))
    }

    /// How many points have a place by name that the site does not have.
    #[must_use]
    pub fn homeless(&self) -> usize {
        self.homeless.iter().map(|h| h.points).sum()
    }

    /// The points of a source whose places the site does not have; `None` where there are none.
    #[must_use]
    pub fn homeless_of(&self, source: SourceId) -> Option<&Homeless> {
        self.homeless.iter().find(|h| h.source == source)
    }

    /// Takes in which points have no home now.
    pub(crate) fn set_homeless(&mut self, homeless: Vec<Homeless>) {
        self.homeless = homeless.into();
    }

    /// Takes in the newest reading of a point.
    pub(crate) fn set(&mut self, asset: Asset, key: PointKey, reading: PlantReading) {
        let list = Arc::make_mut(&mut self.by_asset).entry(asset).or_default();
        let list = Arc::make_mut(list);
        if let Some((_, old)) = list.iter_mut().find(|(k, _)| *k == key) {
            *old = reading;
            return;
        }
        if list.len() < MAX_PER_ASSET {
            let order = |r: &PlantReading| {
                (
                    r.point.object.clone(),
                    r.point.point_type.clone(),
                    r.point.detail.clone(),
                    r.point.tag.clone(),
                )
            };
            let at = list.partition_point(|(_, r)| order(r) <= order(&reading));
            list.insert(at, (key, reading));
        }
    }

    /// All points with their keys.
    pub(crate) fn keyed(&self) -> Vec<(PointKey, PlantReading)> {
        self.by_asset.values().flat_map(|list| list.iter().cloned()).collect()
    }

    /// Forgets where everything is: the site has changed.
    pub(crate) fn clear(&mut self) {
        self.by_asset = Arc::default();
    }

    /// Forgets a point that moves elsewhere.
    pub(crate) fn remove(&mut self, asset: Asset, key: PointKey) {
        if let Some(list) = Arc::make_mut(&mut self.by_asset).get_mut(&asset) {
            Arc::make_mut(list).retain(|(k, _)| *k != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::{PlantPoint, PlantQuality};
    use crate::model::{RackId, Timestamp};

    fn reading(number: u32, object: &str, value: f32) -> PlantReading {
        let point = PlantPoint { object: object.to_owned(), ..PlantPoint::default() };
        PlantReading {
            number,
            point: Arc::new(point),
            value,
            quality: PlantQuality::Good,
            time: Timestamp(0),
        }
    }

    #[test]
    fn the_newest_value_of_each_point_stays_in_the_order_of_objects() {
        let (mut points, rack) = (Points::default(), Asset::Rack(RackId(1)));
        points.set(rack, (0, 1), reading(1, "b", 1.0));
        points.set(rack, (0, 2), reading(2, "a", 2.0));
        let before = points.clone();
        points.set(rack, (0, 1), reading(1, "b", 3.0));
        let values = |p: &Points| p.of(rack).iter().map(|(_, r)| r.value).collect::<Vec<_>>();
        assert_eq!((values(&points), values(&before)), (vec![2.0, 3.0], vec![2.0, 1.0]));
        points.remove(rack, (0, 2));
        assert_eq!(values(&points), [3.0]);
        assert!(points.of(Asset::Site).is_empty());
    }

    #[test]
    fn an_asset_keeps_a_bounded_number_of_points() {
        let mut points = Points::default();
        (0..1000).for_each(|n| points.set(Asset::Site, (0, n), reading(n, "x", 0.0)));
        assert_eq!(points.of(Asset::Site).len(), MAX_PER_ASSET);
    }
}
