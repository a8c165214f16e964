//! All points of a bus: what is known of each, its newest value, and which of that the engine has not
//! been told. Of several values of a point between two deliveries the newest one counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::check::{Facts, Role, plausible};
use super::column::{self, Side};
use super::heart::Hearts;
use super::message::{self, Class, Meta, Topic, Value};
use super::place::{Placed, Placing};
use super::unit::{self, Unit};
use crate::model::plant::{PlantColumn, PlantPlace, PlantPoint, PlantQuality, PlantReading};
use crate::model::{Timestamp, text};

/// Most points of one bus; a site of 1,392 racks has some 80,000.
pub const MAX_POINTS: usize = 200_000;
/// A value that is not repeated for so long is stale: three times what the standard asks for, ms.
pub const STALE_MS: i64 = 300_000;
/// A value may be so far ahead of the bus' clock, ms.
const AHEAD_MS: i64 = 60_000;
/// How often places are handed on from what is served to what serves it.
const MAX_HOPS: usize = 4;

/// Figures for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Points with metadata and a value.
    pub points: usize,
    /// Points whose values wait for metadata.
    pub bare: usize,
    /// Objects that belong nowhere, and the first of them.
    pub unplaced: usize,
    /// Its name.
    pub first_unplaced: String,
    /// Points that may not be believed now.
    pub doubtful: usize,
    /// Messages of another form, or beyond the bounds.
    pub refused: u64,
    /// Messages in all.
    pub messages: u64,
}

/// The points of a bus.
#[derive(Debug)]
pub struct Table {
    entries: Vec<Entry>,
    by_key: HashMap<Box<str>, u32>,
    placing: Placing,
    /// Points of one object, by its number.
    objects: Vec<Vec<u32>>,
    /// Metadata came that was not known: places and columns must be found anew.
    changed: bool,
    hearts: Hearts,
    tally: Tally,
}

#[derive(Debug)]
struct Entry {
    key: Box<str>,
    meta: Option<Box<Meta>>,
    point: Option<Arc<PlantPoint>>,
    unit: Option<Unit>,
    role: Role,
    object: usize,
    latest: Option<Latest>,
    /// A value came that was not handed on.
    fresh: bool,
    /// What was handed on last.
    told: Option<PlantQuality>,
}

#[derive(Clone, Copy, Debug)]
struct Latest {
    value: Value,
    /// Our time, ms.
    arrived: i64,
    /// The broker had kept it.
    kept: bool,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(placing: Placing) -> Self {
        Self {
            entries: Vec::new(),
            by_key: HashMap::new(),
            placing,
            objects: Vec::new(),
            changed: false,
            hearts: Hearts::default(),
            tally: Tally::default(),
        }
    }

    /// The heartbeats.
    #[must_use]
    pub const fn hearts(&self) -> &Hearts {
        &self.hearts
    }

    /// Figures as of the last delivery.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes in a message at `now` (ms, our clock); `kept` says that the broker had kept it.
    pub fn take(&mut self, topic: &str, payload: &[u8], now: i64, kept: bool) {
        self.tally.messages += 1;
        if self.try_take(topic, payload, now, kept).is_none() {
            self.tally.refused += 1;
        }
    }

    fn try_take(&mut self, topic: &str, payload: &[u8], now: i64, kept: bool) -> Option<()> {
        let topic = Topic::parse(topic)?;
        if topic.class == Class::Metadata {
            let meta = message::meta(payload)?;
            let entry = self.entry(topic.key)?;
            if entry.meta.as_deref() != Some(&meta) {
                entry.meta = Some(Box::new(meta));
                self.changed = true;
            }
            return Some(());
        }
        let value = message::value(payload)?;
        if topic.object_type == "System" && topic.point_type == "HeartbeatTimestampBms" {
            // Its value is a time; some send it as such, some in the field for it.
            let told = value.time.unwrap_or(value.value as i64);
            self.hearts.beat(topic.tag, told, now, kept);
            return Some(());
        }
        let entry = self.entry(topic.key)?;
        entry.latest = Some(Latest { value, arrived: now, kept });
        entry.fresh = true;
        Some(())
    }

    fn entry(&mut self, key: &str) -> Option<&mut Entry> {
        let number = match self.by_key.get(key) {
            Some(number) => *number,
            None if self.entries.len() >= MAX_POINTS => return None,
            None => {
                let number = self.entries.len() as u32;
                self.by_key.insert(key.into(), number);
                self.entries.push(Entry {
                    key: key.into(),
                    meta: None,
                    point: None,
                    unit: None,
                    role: Role::Other,
                    object: usize::MAX,
                    latest: None,
                    fresh: false,
                    told: None,
                });
                number
            }
        };
        self.entries.get_mut(number as usize)
    }

    /// What has changed since the last delivery, at `now` (ms, our clock).
    pub fn deliver(&mut self, now: i64) -> Vec<PlantReading> {
        if std::mem::take(&mut self.changed) {
            self.arrange();
        }
        let mut readings = Vec::new();
        let (mut points, mut doubtful) = (0, 0);
        let objects = std::mem::take(&mut self.objects);
        for list in &objects {
            let siblings: Vec<(Role, f64)> = list.iter().filter_map(|i| self.sibling(*i)).collect();
            for i in list {
                let Some((value, quality, time)) = self.judge(*i, &siblings, now) else { continue };
                points += 1;
                doubtful += usize::from(quality != PlantQuality::Good);
                let entry = &mut self.entries[*i as usize];
                let news = std::mem::take(&mut entry.fresh) || entry.told != Some(quality);
                let Some(point) = entry.point.as_ref().filter(|_| news) else { continue };
                entry.told = Some(quality);
                readings.push(PlantReading {
                    number: *i,
                    point: Arc::clone(point),
                    value: value as f32,
                    quality,
                    time,
                });
            }
        }
        self.objects = objects;
        let bare = self.entries.iter().filter(|e| e.meta.is_none()).count();
        (self.tally.points, self.tally.bare, self.tally.doubtful) = (points, bare, doubtful);
        readings
    }

    /// A value of an object that takes part in its relations.
    fn sibling(&self, number: u32) -> Option<(Role, f64)> {
        let entry = &self.entries[number as usize];
        let latest = entry.latest.filter(|l| l.value.good != Some(false))?;
        (entry.role != Role::Other)
            .then(|| (entry.role, entry.unit.map_or(0.0, |u| u.convert(latest.value.value))))
    }

    /// Value, quality and time of a point; `None` while it has no value.
    fn judge(
        &self,
        number: u32,
        siblings: &[(Role, f64)],
        now: i64,
    ) -> Option<(f64, PlantQuality, Timestamp)> {
        let entry = &self.entries[number as usize];
        let (point, latest) = (entry.point.as_ref()?, entry.latest?);
        let bus = self.hearts.bus_time(now);
        // A value that the broker kept is as old as its sender says; one that came is as young as that.
        let age = match latest.value.time {
            Some(told) if latest.kept => (bus - told).max(now - latest.arrived),
            _ => now - latest.arrived,
        };
        let time = Timestamp(now - age.max(0));
        let raw = latest.value.value;
        let Some(unit) = entry.unit else {
            return Some((raw, PlantQuality::Uncertain("its unit is not known"), time));
        };
        let value = unit.convert(raw);
        let shown = unit::into_column(value, unit.name, &point.unit).unwrap_or(value);
        let quality = if latest.value.good == Some(false) {
            PlantQuality::Bad
        } else if age > STALE_MS {
            PlantQuality::Stale("not repeated for 300 s")
        } else if latest.value.time.is_some_and(|t| t - self.hearts.bus_time(latest.arrived) > AHEAD_MS) {
            PlantQuality::Uncertain("its time lies in the future")
        } else if latest.value.good.is_none() {
            PlantQuality::Uncertain("sent without a quality")
        } else {
            plausible(&Facts { role: entry.role, value, unit: unit.name, siblings })
        };
        Some((shown, quality, time))
    }

    /// Finds places, objects and columns of all points anew.
    fn arrange(&mut self) {
        let places = self.places();
        let (mut owners, mut objects) = (HashMap::<(PlantPlace, PlantColumn), usize>::new(), HashMap::new());
        let mut points: Vec<Option<PlantPoint>> = Vec::with_capacity(self.entries.len());
        let mut unplaced = BTreeMap::new();
        for (i, entry) in self.entries.iter().enumerate() {
            let made = entry.meta.as_deref().and_then(|meta| {
                let name = object_name(&entry.key, meta);
                if places[i].is_none() {
                    unplaced.insert(name, ());
                }
                point(&entry.key, meta, places[i].as_ref()?)
            });
            // Of two points for one column the first by its topic fills it.
            if let Some((place, column)) = made.as_ref().and_then(|p| Some((p.place.clone(), p.column?)))
                && !matches!(column, PlantColumn::Hall(_))
            {
                let owner = owners.entry((place, column)).or_insert(i);
                if self.entries[*owner].key > entry.key {
                    *owner = i;
                }
            }
            points.push(made);
        }
        self.objects.clear();
        for (i, made) in points.into_iter().enumerate() {
            let entry = &mut self.entries[i];
            let Some(mut point) = made else {
                entry.point = None;
                continue;
            };
            if let Some(column) = point.column.filter(|c| !matches!(c, PlantColumn::Hall(_))) {
                let owner = owners.get(&(point.place.clone(), column));
                if owner != Some(&i) {
                    point.column = None;
                }
            }
            let count = objects.len();
            entry.object = *objects.entry(point.object.clone()).or_insert(count);
            if self.objects.len() <= entry.object {
                self.objects.resize_with(entry.object + 1, Vec::new);
            }
            self.objects[entry.object].push(i as u32);
            entry.unit = entry.meta.as_deref().and_then(|m| unit::find(&m.unit));
            entry.role = Role::of(&point.object_type, &point.point_type, &point.tag);
            if entry.point.as_deref() != Some(&point) {
                entry.point = Some(Arc::new(point));
                entry.fresh = entry.latest.is_some();
            }
        }
        self.tally.unplaced = unplaced.len();
        self.tally.first_unplaced = unplaced.into_keys().next().unwrap_or_default();
    }

    /// The place of every point: its own, else that of what it serves or is a part of.
    fn places(&self) -> Vec<Option<Placed>> {
        let own = |e: &Entry| {
            let meta = e.meta.as_deref()?;
            let tag = Topic::parse(&format!("BMS/v1/PUB/Value/{}", e.key))?.tag.to_owned();
            let names = [&meta.object_id, &meta.object_name, &meta.rack, &meta.associate];
            self.placing.place(&names.map(String::as_str), &tag)
        };
        let mut places: Vec<Option<Placed>> = self.entries.iter().map(own).collect();
        for _ in 0..MAX_HOPS {
            let mut known: HashMap<&str, PlantPlace> = HashMap::new();
            for (entry, placed) in self.entries.iter().zip(&places) {
                let (Some(meta), Some((place, _))) = (entry.meta.as_deref(), placed) else { continue };
                for id in [&meta.rack, &meta.object_id].into_iter().filter(|id| !id.is_empty()) {
                    if !place.row.is_empty() {
                        known.insert(id, place.clone());
                    }
                }
            }
            let mut moved = false;
            for (entry, placed) in self.entries.iter().zip(&mut places) {
                let Some(meta) = entry.meta.as_deref() else { continue };
                if placed.as_ref().is_some_and(|(p, _)| !p.row.is_empty()) {
                    continue;
                }
                let Some(found) = by_relation(meta, placed.as_ref(), &known) else { continue };
                *placed = Some(found);
                moved = true;
            }
            if !moved {
                break;
            }
        }
        places
    }
}

/// The row of what an object serves, where that is one row alone; or the place of what it belongs to.
fn by_relation(meta: &Meta, own: Option<&Placed>, known: &HashMap<&str, PlantPlace>) -> Option<Placed> {
    let (mut place, side) = own.cloned().unwrap_or_default();
    if let Some(whole) = known.get(meta.associate.as_str()) {
        return Some((PlantPlace { cdu: place.cdu, ..whole.clone() }, side));
    }
    let mut rows = meta.serves.iter().filter_map(|id| known.get(id.as_str())).map(|p| (&p.hall, &p.row));
    let first = rows.next()?;
    if !rows.all(|row| row == first) {
        return None;
    }
    (place.hall, place.row) = (first.0.clone(), first.1.clone());
    Some((place, side))
}

fn object_name(key: &str, meta: &Meta) -> String {
    let names = [&meta.object_name, &meta.object_id, &meta.rack, &meta.associate];
    let name = names.into_iter().find(|n| !n.is_empty());
    name.cloned().unwrap_or_else(|| text::clean(key))
}

fn point(key: &str, meta: &Meta, (place, side): &Placed) -> Option<PlantPoint> {
    let mut parts = key.splitn(3, '/');
    let (object_type, point_type, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let object = object_name(key, meta);
    let side = side.or_else(|| Side::of(&object));
    let unit = unit::find(&meta.unit);
    let column = column::of((object_type, point_type, tag), meta, place, side)
        .filter(|c| unit.is_some_and(|u| unit::into_column(0.0, u.name, column::unit(*c)).is_some()));
    let unit = match (column, unit) {
        (Some(column), _) => column::unit(column).to_owned(),
        (None, Some(unit)) => unit.name.to_owned(),
        (None, None) => meta.unit.clone(),
    };
    let mut detail = meta.area.clone();
    if !meta.phase.is_empty() {
        detail.push(format!("phase {}", meta.phase));
    }
    if meta.is_setpoint {
        detail.push("set-point".to_owned());
    }
    Some(PlantPoint {
        place: place.clone(),
        object,
        object_type: text::clean(object_type),
        point_type: text::clean(point_type),
        detail: detail.join(" "),
        unit,
        states: meta.states.clone(),
        tag: text::clean(tag),
        column,
    })
}

#[cfg(test)]
mod tests;
