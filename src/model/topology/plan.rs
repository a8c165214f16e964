//! The plan of a site: the tree by name, from which the dense topology is built, and into which
//! hosts that appear while running are entered.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::topology::place::{self, Place};
use crate::model::topology::{Cooling, GpuModel, Grid, RackModel, Topology};

/// Most GPUs that one host may bring.
pub const MAX_GPUS_PER_HOST: u16 = 64;
/// Most GPUs that a site may have.
pub const MAX_GPUS: usize = 1 << 20;
/// Name of the hall of hosts that no rule could place.
pub const UNPLACED: &str = "unplaced";
/// Trays that are put into one rack of the unplaced hall.
const UNPLACED_TRAYS: usize = 16;
/// Racks that are put into one row of the unplaced hall.
const UNPLACED_RACKS: usize = 8;

/// The site as a tree of names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the site.
    pub site: String,
    /// Prefix of full asset names: `KVD`.
    pub prefix: String,
    /// Power agreed with the grid, MW; 0 when unknown.
    pub contract_mw: f32,
    /// How it hangs on the grid.
    pub grid: Grid,
    /// True when placed hosts may create halls, rows and racks (no topology file was given).
    pub open: bool,
    /// GPU generations; the first one is assumed where nothing is said.
    pub gpu_models: Vec<GpuModel>,
    /// Rack types; the first one is assumed where nothing is said.
    pub rack_models: Vec<RackModel>,
    /// The halls.
    pub halls: Vec<PlanHall>,
}

/// A hall of the plan.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanHall {
    /// Short name.
    pub name: String,
    /// Rows drawn side by side.
    pub columns: u16,
    /// Its rows.
    pub rows: Vec<PlanRow>,
}

/// A row of the plan.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanRow {
    /// Short name.
    pub name: String,
    /// Names of its coolant distribution units.
    pub cdus: Vec<String>,
    /// Its racks.
    pub racks: Vec<PlanRack>,
}

/// A rack of the plan.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanRack {
    /// Short name.
    pub name: String,
    /// Index of its type.
    pub model: usize,
    /// Its trays, bottom first.
    pub trays: Vec<PlanTray>,
}

/// A tray of the plan.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanTray {
    /// Short name.
    pub name: String,
    /// Host that reports for it.
    pub host: String,
    /// How many GPUs it holds.
    pub gpus: u16,
}

/// A host that wants a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHost {
    /// Its identity.
    pub host: String,
    /// Where the rules put it; `None` when no rule matched.
    pub place: Option<Place>,
    /// GPUs it reported.
    pub gpus: u16,
}

impl Plan {
    /// A site that holds nothing yet and takes in whatever is placed into it.
    #[must_use]
    pub fn open(site: &str) -> Self {
        Self {
            site: site.to_owned(),
            prefix: String::new(),
            contract_mw: 0.0,
            grid: Grid::default(),
            open: true,
            gpu_models: vec![GpuModel::unknown()],
            rack_models: vec![RackModel::unknown()],
            halls: Vec::new(),
        }
    }

    /// Builds the dense topology.
    ///
    /// # Errors
    /// More than [`MAX_GPUS`] GPUs.
    pub fn build(self) -> Result<Topology, String> {
        super::build::build(self, 0)
    }

    /// The plan with `hosts` entered: at their place where it exists (or may be created), else in
    /// the unplaced hall. GPUs per host are bounded by [`MAX_GPUS_PER_HOST`]; hosts that would
    /// exceed [`MAX_GPUS`] are left out.
    #[must_use]
    pub fn with_hosts(&self, hosts: &[NewHost]) -> Self {
        let mut plan = self.clone();
        let mut total: usize = plan.gpu_total();
        let mut index = plan.index();
        for h in hosts {
            let gpus = h.gpus.min(MAX_GPUS_PER_HOST);
            if total + usize::from(gpus) > MAX_GPUS {
                continue;
            }
            let at = match &h.place {
                Some(p) if plan.open || index.places.contains_key(&p.key()) => {
                    *index.places.entry(p.key()).or_insert_with(|| plan.add_at(p))
                }
                _ => *index.strangers.entry(h.host.clone()).or_insert_with(|| plan.add_stranger()),
            };
            let [hall, row, rack, tray] = at;
            let tray = &mut plan.halls[hall].rows[row].racks[rack].trays[tray];
            tray.host.clone_from(&h.host);
            total += usize::from(gpus.saturating_sub(tray.gpus));
            tray.gpus = tray.gpus.max(gpus);
        }
        plan.sort_open();
        plan
    }

    fn gpu_total(&self) -> usize {
        let racks = self.halls.iter().flat_map(|h| &h.rows).flat_map(|r| &r.racks);
        racks.flat_map(|r| &r.trays).map(|t| usize::from(t.gpus)).sum()
    }

    /// Where every tray is, by the key of its place; those of the unplaced hall by host.
    fn index(&self) -> Index {
        let mut index = Index::default();
        for (i, hall) in self.halls.iter().enumerate() {
            for (j, row) in hall.rows.iter().enumerate() {
                for (k, rack) in row.racks.iter().enumerate() {
                    for (l, tray) in rack.trays.iter().enumerate() {
                        if hall.name == UNPLACED {
                            index.strangers.insert(tray.host.clone(), [i, j, k, l]);
                        } else {
                            let key = place::key([&hall.name, &row.name, &rack.name, &tray.name]);
                            index.places.insert(key, [i, j, k, l]);
                        }
                    }
                }
            }
        }
        index
    }

    /// Adds a tray at a place that does not exist yet, with the levels above it as needed.
    fn add_at(&mut self, p: &Place) -> [usize; 4] {
        let hall = at(
            &mut self.halls,
            |h| same(&h.name, &p.hall),
            || PlanHall { name: p.hall.clone(), columns: 4, rows: Vec::new() },
        );
        let rows = &mut self.halls[hall].rows;
        let row =
            at(rows, |r| same(&r.name, &p.row), || PlanRow { name: p.row.clone(), ..PlanRow::default() });
        let racks = &mut rows[row].racks;
        let rack = at(
            racks,
            |r| same(&r.name, &p.rack),
            || PlanRack { name: p.rack.clone(), ..PlanRack::default() },
        );
        let trays = &mut racks[rack].trays;
        trays.push(PlanTray { name: p.tray.clone(), ..PlanTray::default() });
        [hall, row, rack, trays.len() - 1]
    }

    /// Adds a tray at the end of the unplaced hall.
    fn add_stranger(&mut self) -> [usize; 4] {
        let hall = at(
            &mut self.halls,
            |h| h.name == UNPLACED,
            || PlanHall { name: UNPLACED.to_owned(), columns: 4, rows: Vec::new() },
        );
        let rows = &mut self.halls[hall].rows;
        let full = |r: &PlanRow| {
            r.racks.len() == UNPLACED_RACKS && r.racks[UNPLACED_RACKS - 1].trays.len() == UNPLACED_TRAYS
        };
        if rows.last().is_none_or(full) {
            rows.push(PlanRow { name: format!("R{:02}", rows.len() + 1), ..PlanRow::default() });
        }
        let row = rows.len() - 1;
        let racks = &mut rows[row].racks;
        if racks.last().is_none_or(|r| r.trays.len() == UNPLACED_TRAYS) {
            racks.push(PlanRack { name: format!("K{}", racks.len() + 1), ..PlanRack::default() });
        }
        let rack = racks.len() - 1;
        let trays = &mut racks[rack].trays;
        trays.push(PlanTray { name: format!("T{:02}", trays.len() + 1), ..PlanTray::default() });
        [hall, row, rack, trays.len() - 1]
    }

    /// Puts what an open plan took in into natural order; the unplaced hall stays last.
    fn sort_open(&mut self) {
        if self.open {
            self.halls.sort_by_key(|h| (h.name == UNPLACED, natural(&h.name)));
            for hall in self.halls.iter_mut().filter(|h| h.name != UNPLACED) {
                hall.rows.sort_by_key(|r| natural(&r.name));
                for row in &mut hall.rows {
                    row.racks.sort_by_key(|r| natural(&r.name));
                    row.racks.iter_mut().for_each(|r| r.trays.sort_by_key(|t| natural(&t.name)));
                }
            }
        }
    }
}

impl GpuModel {
    /// A GPU of which nothing is known: limits of the H100 class.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            name: String::from("GPU"),
            memory_mib: 0,
            tdp_w: 1000.0,
            idle_w: 70.0,
            max_clock_mhz: 2100.0,
            idle_clock_mhz: 120.0,
            zero_margin_c: 87.0,
            slowdown_c: 89.0,
            shutdown_c: 92.0,
        }
    }
}

impl RackModel {
    /// A rack of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            name: String::from("rack"),
            gpu: 0,
            switch_trays: 0,
            power_shelves: 0,
            tdp_kw: 0.0,
            cooling: Cooling::Air,
        }
    }
}

/// Positions of trays: hall, row, rack, tray.
#[derive(Default)]
struct Index {
    places: HashMap<String, [usize; 4]>,
    strangers: HashMap<String, [usize; 4]>,
}

/// The position of the first item that `is` it; a new one is added where there is none.
fn at<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    list.iter().position(is).unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    })
}

/// True when two names mean the same place: case and leading zeros of numbers do not count.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    place::key([a]) == place::key([b])
}

/// Sort key that orders `K2` before `K10`: text lower-cased, numbers by value.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, u64)> = Vec::new();
    let mut chars = name.chars().peekable();
    while chars.peek().is_some() {
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_ascii_digit()) {
            word.extend(c.to_lowercase());
        }
        let mut number = 0u64;
        let mut digits = false;
        while let Some(c) = chars.next_if(char::is_ascii_digit) {
            digits = true;
            number = number.saturating_mul(10).saturating_add(u64::from(c as u32 - '0' as u32));
        }
        parts.push((word, if digits { number + 1 } else { 0 }));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, place: Option<[&str; 4]>, gpus: u16) -> NewHost {
        let place = place.map(|[hall, row, rack, tray]| Place {
            hall: hall.into(),
            row: row.into(),
            rack: rack.into(),
            tray: tray.into(),
        });
        NewHost { host: name.into(), place, gpus }
    }

    #[test]
    fn names_match_without_case_and_leading_zeros() {
        assert!(same("H03", "h3") && same("T09", "t9"));
        assert!(!same("H3", "H30") && !same("K", "K0"));
    }

    #[test]
    fn an_open_plan_creates_places_in_natural_order() {
        let plan = Plan::open("live").with_hosts(&[
            host("b", Some(["h1", "r1", "k10", "t1"]), 8),
            host("a", Some(["h1", "r1", "k2", "t1"]), 4),
        ]);
        let racks: Vec<_> = plan.halls[0].rows[0].racks.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(racks, ["k2", "k10"]);
    }

    #[test]
    fn a_closed_plan_sends_strangers_to_the_unplaced_hall() {
        let plan = Topology::default_site().plan().as_ref().clone();
        let grown = plan.with_hosts(&[
            host("x", Some(["H99", "R1", "K1", "T1"]), 4),
            host("y", None, 2),
            host("z", Some(["h3", "r17", "k5", "t09"]), 4),
        ]);
        let topology = grown.build().expect("a small growth fits");
        assert_eq!(topology.unplaced_gpus(), 6);
        assert_eq!(topology.gpu_count(), 100_224 + 6);
        assert!(topology.trays().iter().any(|t| t.host == "z" && t.name == "T09"));
    }

    #[test]
    fn the_same_host_twice_takes_one_place_and_grows() {
        let plan = Plan::open("live").with_hosts(&[host("a", None, 2)]).with_hosts(&[host("a", None, 8)]);
        assert_eq!(plan.gpu_total(), 8);
    }

    #[test]
    fn a_lying_host_cannot_bring_a_million_gpus() {
        let plan = Plan::open("live").with_hosts(&[host("a", None, u16::MAX)]);
        assert_eq!(plan.gpu_total(), usize::from(MAX_GPUS_PER_HOST));
    }

    #[test]
    fn growth_keeps_the_old_gpus_findable() {
        let one = Plan::open("live").with_hosts(&[host("b", Some(["h2", "r", "k", "t"]), 2)]);
        let two = one.with_hosts(&[host("a", Some(["h1", "r", "k", "t"]), 3)]);
        let (one, two) = (one.build().expect("fits"), two.build().expect("fits"));
        assert_eq!(two.remap_from(&one), [u32::MAX, u32::MAX, u32::MAX, 0, 1]);
    }
}
