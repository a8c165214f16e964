//! The planes of frames by name, as a recording lists them, so that a program with other metrics
//! can still read it, and this one can read what another wrote.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fleet::planes::{ENERGY, FACILITY, PLANES, QUALITY};
use crate::model::facility::PointSpec;
use crate::model::metric::COUNT;
use crate::model::{CduPoint, HallPoint, Metric, RackPoint, RowPoint, SitePoint};
use crate::record::document;

/// Number of the plane that tells which trays answer; those before it are the planes of a frame.
pub const ANSWERS: usize = PLANES;
/// Most planes that a recording may list.
const MOST: usize = 1024;

/// One value of an entry that has several.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PointDoc {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
}

/// One plane.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlaneDoc {
    /// Its number in frames.
    pub id: u16,
    /// Name.
    pub name: String,
    /// What has an entry.
    pub of: String,
    /// `u8`, `u16`, `u64` or `f32`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The values of an entry, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<PointDoc>,
    /// Unit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Value of one step.
    #[serde(default = "one")]
    pub scale: f32,
    /// Value of raw zero.
    #[serde(default)]
    pub offset: f32,
    /// Raw value of "not known".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<u64>,
}

const fn one() -> f32 {
    1.0
}

/// All planes of a recording.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Layout {
    /// The planes.
    pub planes: Vec<PlaneDoc>,
}

fn plain(id: usize, name: &str, of: &str, kind: &str) -> PlaneDoc {
    PlaneDoc {
        id: id as u16,
        name: name.into(),
        of: of.into(),
        kind: kind.into(),
        points: Vec::new(),
        unit: String::new(),
        scale: 1.0,
        offset: 0.0,
        absent: None,
    }
}

fn metric(metric: Metric) -> PlaneDoc {
    let spec = metric.spec();
    PlaneDoc {
        unit: spec.unit.into(),
        scale: spec.scale,
        offset: spec.offset,
        absent: Some(u64::from(metric.none_raw())),
        ..plain(metric.index(), spec.name, "gpu", if spec.wide { "u16" } else { "u8" })
    }
}

fn plant(i: usize, of: &str, points: impl Iterator<Item = PointSpec>) -> PlaneDoc {
    let point = |p: PointSpec| PointDoc { name: p.label.into(), unit: p.unit.into() };
    PlaneDoc { points: points.map(point).collect(), ..plain(FACILITY + i, of, of, "f32") }
}

impl Layout {
    /// The planes that this program writes.
    #[must_use]
    pub fn own() -> Self {
        let mut planes: Vec<PlaneDoc> = Metric::ALL.into_iter().map(metric).collect();
        planes.push(plain(QUALITY, "quality", "gpu", "u8"));
        planes.push(plant(0, "rack", RackPoint::ALL.iter().map(|p| p.spec())));
        planes.push(plant(1, "cdu", CduPoint::ALL.iter().map(|p| p.spec())));
        planes.push(plant(2, "row", RowPoint::ALL.iter().map(|p| p.spec())));
        planes.push(plant(3, "hall", HallPoint::ALL.iter().map(|p| p.spec())));
        planes.push(plant(4, "site", SitePoint::ALL.iter().map(|p| p.spec())));
        for (i, of) in ["job", "tenant"].into_iter().enumerate() {
            let name = format!("energy.{of}");
            let none = Some(u64::MAX);
            planes.push(PlaneDoc { unit: "mJ".into(), absent: none, ..plain(ENERGY + i, &name, of, "u64") });
        }
        planes.push(plain(ANSWERS, "answers", "tray", "u8"));
        Self { planes }
    }

    /// The document of it.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        document::pack(self)
    }

    /// The layout of a document; `None` when it is damaged.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        document::unpack::<Self>(bytes).filter(|l| l.planes.len() <= MOST)
    }

    /// Where the planes of a recording belong here.
    #[must_use]
    pub fn places(&self) -> Places {
        let own = Self::own();
        let place = |theirs: &PlaneDoc| {
            let ours = own.planes.iter().find(|p| p.name == theirs.name)?;
            let alike = (&ours.of, &ours.kind, ours.scale, ours.offset, ours.absent)
                == (&theirs.of, &theirs.kind, theirs.scale, theirs.offset, theirs.absent);
            let plane = usize::from(ours.id);
            match (alike, ours.points == theirs.points) {
                (false, _) => None,
                (true, true) => Some((theirs.id, Place { plane, points: None })),
                (true, false) => {
                    let find = |p: &PointDoc| theirs.points.iter().position(|t| t == p);
                    let map = ours.points.iter().map(find).collect();
                    Some((theirs.id, Place { plane, points: Some((theirs.points.len(), map)) }))
                }
            }
        };
        Places(self.planes.iter().filter_map(place).collect())
    }
}

/// Where one plane of a recording belongs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The plane here.
    pub plane: usize,
    /// Where its points are others: how many it has, and for each of ours its position in it.
    points: Option<(usize, Vec<Option<usize>>)>,
}

impl Place {
    /// True when the plane is the same here.
    #[must_use]
    pub const fn is_as_here(&self) -> bool {
        self.points.is_none()
    }

    /// The length in the recording of a plane that has `len` bytes here.
    #[must_use]
    pub fn length(&self, len: usize) -> usize {
        match &self.points {
            Some((theirs, ours)) if !ours.is_empty() => len / ours.len() * theirs,
            _ => len,
        }
    }

    /// The plane of a recording as it is here: points in our order, NaN where it has none.
    #[must_use]
    pub fn arrange(&self, data: Vec<u8>) -> Vec<u8> {
        let Some((theirs, ours)) = &self.points else { return data };
        let (theirs, count) = (*theirs, data.len() / 4);
        let entries = count.checked_div(theirs).unwrap_or(0);
        let value = |entry: usize, point: Option<usize>| match point {
            Some(p) => [0, 1, 2, 3].map(|k| data[k * count + entry * theirs + p]),
            None => f32::NAN.to_le_bytes(),
        };
        let len = entries * ours.len();
        let mut out = vec![0; 4 * len];
        for entry in 0..entries {
            for (i, point) in ours.iter().enumerate() {
                let bytes = value(entry, *point);
                (0..4).for_each(|k| out[k * len + entry * ours.len() + i] = bytes[k]);
            }
        }
        out
    }
}

/// Where the planes of a recording belong, by their number there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Places(HashMap<u16, Place>);

impl Places {
    /// Where plane `id` of the recording belongs; `None` where it is not known here.
    #[must_use]
    pub fn get(&self, id: u16) -> Option<&Place> {
        self.0.get(&id)
    }
}

// One plane per metric, then quality, and the planes of the plant: the order of `own`.
const _: () = assert!(QUALITY == COUNT && ENERGY == FACILITY + 5 && ANSWERS == ENERGY + 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_planes_are_where_they_are() {
        let own = Layout::own();
        let places = Layout::unpack(&own.pack()).expect("it comes back").places();
        for (i, plane) in own.planes.iter().enumerate() {
            assert_eq!(usize::from(plane.id), i, "{}", plane.name);
            assert_eq!(places.get(plane.id), Some(&Place { plane: i, points: None }), "{}", plane.name);
        }
        assert_eq!(places.get(999), None);
    }

    #[test]
    fn planes_are_found_by_name_and_what_is_unlike_is_left_out() {
        let mut other = Layout::own();
        other.planes[0].id = 500;
        other.planes[1].scale = 2.0;
        let places = other.places();
        assert_eq!(places.get(500).map(|p| p.plane), Some(0));
        assert_eq!(places.get(1), None, "another scale would be another value");
    }

    #[test]
    fn points_of_another_order_are_put_in_ours() {
        let mut other = Layout::own();
        let rack = &mut other.planes[FACILITY];
        let ours = rack.points.len();
        rack.points.remove(1);
        rack.points.swap(0, 1);
        rack.points.push(PointDoc { name: "new".into(), unit: "m".into() });
        let place = other.places().get(FACILITY as u16).cloned().expect("by name");
        assert_eq!(place.length(8 * ours), 8 * ours);
        // Two racks; each value is its position.
        let values: Vec<f32> = (0..2 * ours).map(|v| v as f32).collect();
        let count = values.len();
        let mut data = vec![0; 4 * count];
        for (i, v) in values.iter().enumerate() {
            v.to_le_bytes().iter().enumerate().for_each(|(k, b)| data[k * count + i] = *b);
        }
        let out = place.arrange(data);
        let read = |i: usize| f32::from_le_bytes([0, 1, 2, 3].map(|k| out[k * count + i]));
        assert_eq!((read(0), read(2)), (1.0, 0.0), "swapped");
        assert!(read(1).is_nan(), "what it does not have is not reported");
        assert_eq!(read(ours), ours as f32 + 1.0, "the second rack");
    }
}
