//! The trays that are served: who they are, what the simulator says of them now, and the truth
//! about it for tests.

use std::sync::Arc;

use serde::Serialize;

use crate::model::batch::JobName;
use crate::model::document::FileError;
use crate::model::id::{Asset, GpuId, TrayId};
use crate::model::time::SIM_EPOCH;
use crate::model::topology::{Cooling, GpuModel, Plan, Topology};
use crate::model::{Column, Metric, Timestamp};
use crate::source::serve::site::{Layout, address};
use crate::source::sim::noise::hash;
use crate::source::sim::scenario::Plan as Scripted;
use crate::source::sim::{Sim, TICK_MS};

/// Driver that the simulated trays run.
pub const DRIVER: &str = "580.105.08";
/// PCI domains of the four GPUs of a Grace-Blackwell tray.
const GRACE_DOMAINS: [u16; 4] = [0x08, 0x09, 0x18, 0x19];

/// Who the trays are. Never changes.
#[derive(Clone, Debug)]
pub struct Site {
    topology: Arc<Topology>,
    seed: u64,
}

/// Who a GPU is, as its exporter labels it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuLabels {
    /// `GPU-…`, the same for the same seed and GPU.
    pub uuid: String,
    /// PCI bus id with an eight-digit domain.
    pub pci: String,
    /// `NVIDIA …`.
    pub model: String,
}

/// Where the trays are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All at one address, each with a path of its own.
    Paths(String),
    /// Each at an address of its own, on this port.
    Addresses(u16),
}

impl Reach {
    /// As `layout` says, on a server that listens at `address` (`host:port`).
    #[must_use]
    pub fn new(address: &str, layout: Layout) -> Self {
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        match port {
            Some(port) if layout.own_addresses => Self::Addresses(port),
            _ => Self::Paths(address.to_owned()),
        }
    }

    fn target(&self, tray: usize) -> String {
        match self {
            Self::Paths(address) => address.clone(),
            Self::Addresses(port) => address(tray).map_or_else(String::new, |ip| format!("{ip}:{port}")),
        }
    }

    fn path(&self, tray: usize) -> Option<String> {
        matches!(self, Self::Paths(_)).then(|| format!("/tray/{tray}/metrics"))
    }
}

#[derive(Serialize)]
struct Target {
    targets: [String; 1],
    labels: TargetLabels,
}

#[derive(Serialize)]
struct TargetLabels {
    #[serde(rename = "__metrics_path__", skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    host: String,
    hall: String,
    row: String,
    rack: String,
    tray: String,
}

impl Site {
    /// How many trays are served.
    #[must_use]
    pub fn trays(&self) -> usize {
        self.topology.trays().len()
    }

    /// The site, cut to the trays that are served.
    #[must_use]
    pub const fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// What tray `tray` calls itself: its host, or its full name where the site names no hosts.
    #[must_use]
    pub fn host(&self, tray: usize) -> String {
        let host = &self.topology.trays()[tray].host;
        if host.is_empty() {
            self.topology.full_name(Asset::Tray(TrayId::new(tray))).to_lowercase()
        } else {
            host.clone()
        }
    }

    /// Generation of GPU `gpu`.
    #[must_use]
    pub fn model(&self, gpu: usize) -> &GpuModel {
        self.topology.gpu_model(GpuId::new(gpu))
    }

    /// Labels of GPU `gpu` of tray `tray`.
    #[must_use]
    pub fn labels(&self, tray: usize, gpu: usize) -> GpuLabels {
        let (a, b) = (hash(self.seed, 0x001D, gpu as u64), hash(self.seed, 0x101D, gpu as u64));
        let uuid = format!(
            "GPU-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            a >> 32,
            a >> 16 & 0xFFFF,
            a & 0xFFFF,
            b >> 48,
            b & 0xFFFF_FFFF_FFFF
        );
        let t = &self.topology.trays()[tray];
        let index = gpu - t.gpus.range().start;
        let liquid = self.topology.rack_model(t.rack).cooling == Cooling::Liquid;
        let pci = match GRACE_DOMAINS.get(index) {
            Some(domain) if liquid && t.gpus.len() <= GRACE_DOMAINS.len() => {
                format!("{domain:08X}:06:00.0")
            }
            _ => format!("00000000:{:02X}:00.0", (0x1B + 0x1C * index) & 0xFF),
        };
        GpuLabels { uuid, pci, model: format!("NVIDIA {}", self.model(gpu).name) }
    }

    /// The target list in `file_sd` form, for trays that are reached at `reach`.
    #[must_use]
    pub fn targets(&self, reach: &Reach) -> String {
        let t = &self.topology;
        let target = |i: usize| {
            let tray = &t.trays()[i];
            let rack = t.rack(tray.rack);
            let row = t.row(rack.row);
            Target {
                targets: [reach.target(i)],
                labels: TargetLabels {
                    path: reach.path(i),
                    host: self.host(i),
                    hall: t.hall(row.hall).name.clone(),
                    row: row.name.clone(),
                    rack: rack.name.clone(),
                    tray: tray.name.clone(),
                },
            }
        };
        let targets: Vec<_> = (0..self.trays()).map(target).collect();
        let mut text = serde_json::to_string_pretty(&targets).expect("strings always serialize");
        text.push('\n');
        text
    }
}

/// What is served at one tick.
#[derive(Clone, Debug)]
pub struct Moment {
    tick: u64,
    time: Timestamp,
    columns: Vec<(Metric, Column)>,
    silent: Vec<u32>,
    jobs: Arc<[JobName]>,
    /// Energy since the driver was loaded, mJ.
    energy: Arc<[u64]>,
}

#[derive(Serialize)]
struct Truth {
    tick: u64,
    time: String,
    hosts: Vec<HostTruth>,
}

#[derive(Serialize)]
struct HostTruth {
    tray: usize,
    host: String,
    path: String,
    silent: bool,
    gpus: Vec<GpuTruth>,
}

#[derive(Serialize)]
struct GpuTruth {
    gpu: usize,
    uuid: String,
    lost: bool,
    util: Option<f32>,
    power: Option<f32>,
    temp: Option<f32>,
    job: String,
}

impl Moment {
    /// True when the exporter of tray `tray` does not answer.
    #[must_use]
    pub fn is_silent(&self, tray: usize) -> bool {
        self.silent.binary_search(&(tray as u32)).is_ok()
    }

    /// The value of `metric` of GPU `gpu`, in the metric's unit; `None` when there is none.
    #[must_use]
    pub fn value(&self, metric: Metric, gpu: usize) -> Option<f32> {
        let (_, column) = self.columns.iter().find(|(m, _)| *m == metric)?;
        metric.decode(column.raw(gpu))
    }

    /// True when GPU `gpu` is off the bus.
    #[must_use]
    pub fn is_lost(&self, gpu: usize) -> bool {
        self.value(Metric::Power, gpu).is_none()
    }

    /// The job that holds GPU `gpu`, if one does.
    #[must_use]
    pub fn job(&self, gpu: usize) -> Option<&JobName> {
        let slot = self.value(Metric::Job, gpu)? as usize;
        if slot == 0 { None } else { self.jobs.get(slot) }
    }

    /// Energy that GPU `gpu` has used since its driver was loaded, mJ.
    #[must_use]
    pub fn energy_mj(&self, gpu: usize) -> u64 {
        self.energy[gpu]
    }

    /// What is served, as JSON.
    #[must_use]
    pub fn truth(&self, site: &Site) -> String {
        let gpu = |tray: usize, index: usize, g: usize| GpuTruth {
            gpu: index,
            uuid: site.labels(tray, g).uuid,
            lost: self.is_lost(g),
            util: self.value(Metric::Util, g),
            power: self.value(Metric::Power, g),
            temp: self.value(Metric::Temp, g),
            job: self.job(g).map_or_else(String::new, |j| j.job.clone()),
        };
        let host = |tray: usize| HostTruth {
            tray,
            host: site.host(tray),
            path: format!("/tray/{tray}/metrics"),
            silent: self.is_silent(tray),
            gpus: (site.topology.trays()[tray].gpus.range().enumerate())
                .map(|(index, g)| gpu(tray, index, g))
                .collect(),
        };
        let hosts = (0..site.trays()).map(host).collect();
        let truth = Truth { tick: self.tick, time: self.time.to_string(), hosts };
        serde_json::to_string(&truth).expect("finite numbers and strings always serialize")
    }
}

/// The simulated trays as they live.
#[derive(Clone, Debug)]
pub struct Fleet {
    site: Arc<Site>,
    sim: Sim,
    energy: Vec<u64>,
    moment: Arc<Moment>,
}

impl Fleet {
    /// The first `trays` trays of `topology` at their first tick; `None` when that is none.
    ///
    /// # Errors
    /// The scenario of `plan` does not fit these trays.
    pub fn new(topology: &Arc<Topology>, plan: &Scripted, trays: usize) -> Result<Option<Self>, FileError> {
        let Some(topology) = cut(topology, trays) else { return Ok(None) };
        let seed = plan.seed;
        let count = topology.gpu_count();
        let moment = Moment {
            tick: 0,
            time: SIM_EPOCH,
            columns: Vec::new(),
            silent: Vec::new(),
            jobs: Arc::new([]),
            energy: Arc::new([]),
        };
        let mut fleet = Self {
            site: Arc::new(Site { topology: Arc::clone(&topology), seed }),
            sim: plan.start(topology)?,
            // Each driver was loaded at another time.
            energy: (0..count as u64).map(|g| hash(seed, 0xE, g) >> 24).collect(),
            moment: Arc::new(moment),
        };
        fleet.step();
        Ok(Some(fleet))
    }

    /// Who the trays are.
    #[must_use]
    pub const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// What is to be served now.
    #[must_use]
    pub fn moment(&self) -> Arc<Moment> {
        Arc::clone(&self.moment)
    }

    /// Makes the next tick.
    pub fn step(&mut self) {
        let tick = self.sim.ticks();
        let time = SIM_EPOCH.plus_millis(i64::from(TICK_MS) * tick as i64);
        let Some(dense) = self.sim.step(time, 0).dense else { return };
        let jobs = dense.jobs.unwrap_or_else(|| Arc::clone(&self.moment.jobs));
        if let Some((_, power)) = dense.columns.iter().find(|(m, _)| *m == Metric::Power) {
            for (g, energy) in self.energy.iter_mut().enumerate() {
                let watts = Metric::Power.decode(power.raw(g)).unwrap_or(0.0);
                *energy += watts as u64 * u64::from(TICK_MS);
            }
        }
        self.moment = Arc::new(Moment {
            tick: tick + 1,
            time,
            columns: dense.columns,
            silent: dense.silent,
            jobs,
            energy: self.energy.as_slice().into(),
        });
    }
}

/// `topology` with its first `trays` trays alone, so that work and faults lie among those that are
/// served; `None` when none is left.
fn cut(topology: &Arc<Topology>, trays: usize) -> Option<Arc<Topology>> {
    if trays == 0 || topology.trays().is_empty() {
        return None;
    }
    if trays >= topology.trays().len() {
        return Some(Arc::clone(topology));
    }
    let mut plan: Plan = topology.plan().as_ref().clone();
    let mut left = trays;
    for rack in plan.halls.iter_mut().flat_map(|h| &mut h.rows).flat_map(|r| &mut r.racks) {
        rack.trays.truncate(left);
        left -= rack.trays.len();
    }
    for hall in &mut plan.halls {
        for row in &mut hall.rows {
            row.racks.retain(|r| !r.trays.is_empty());
        }
        hall.rows.retain(|r| !r.racks.is_empty());
    }
    plan.halls.retain(|h| !h.rows.is_empty());
    plan.build().ok().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(trays: usize) -> Fleet {
        Fleet::new(&Arc::new(Topology::default_site()), &Scripted::of_seed(7), trays)
            .expect("nothing is scripted")
            .expect("there are trays")
    }

    #[test]
    fn a_cut_site_keeps_names_and_hosts_of_its_first_trays() {
        let f = fleet(40);
        assert_eq!((f.site.trays(), f.site.topology.racks().len()), (40, 3));
        assert_eq!(f.site.host(39), "kvd-h1-r01-k3-t04");
        let none = Fleet::new(&Arc::new(Topology::default_site()), &Scripted::of_seed(7), 0);
        assert!(none.expect("nothing is scripted").is_none());
    }

    #[test]
    fn uuids_are_stable_and_unlike_each_other() {
        let f = fleet(40);
        let all: std::collections::BTreeSet<_> = (0..160).map(|g| f.site.labels(g / 4, g).uuid).collect();
        assert_eq!(all.len(), 160);
        assert_eq!(f.site.labels(3, 13), fleet(50).site.labels(3, 13));
        assert_eq!(f.site.labels(0, 2).pci, "00000018:06:00.0");
        assert_eq!(f.site.labels(0, 2).model, "NVIDIA GB300");
    }

    #[test]
    fn energy_grows_by_the_power_that_is_served() {
        let mut f = fleet(8);
        let g = (0..32).find(|g| !f.moment().is_lost(*g)).expect("most GPUs answer");
        let before = f.moment().energy_mj(g);
        f.step();
        let watts = f.moment().value(Metric::Power, g).expect("it answers");
        assert_eq!(f.moment().energy_mj(g) - before, watts as u64 * 1000);
    }

    #[test]
    fn the_target_list_names_every_tray_once() {
        let f = fleet(20);
        let list: serde_json::Value =
            serde_json::from_str(&f.site.targets(&Reach::new("127.0.0.1:9", Layout::default())))
                .expect("JSON");
        let list = list.as_array().expect("an array");
        assert_eq!(list.len(), 20);
        assert_eq!(list[19]["labels"]["__metrics_path__"], "/tray/19/metrics");
        assert_eq!(list[19]["labels"]["rack"], "K2");
        assert_eq!(list[0]["targets"][0], "127.0.0.1:9");
        let own = Layout { own_addresses: true, ..Layout::default() };
        let list: serde_json::Value =
            serde_json::from_str(&f.site.targets(&Reach::new("0.0.0.0:9", own))).expect("JSON");
        assert_eq!(list[19]["targets"][0], "127.1.0.20:9");
        assert!(list[19]["labels"].get("__metrics_path__").is_none(), "it is /metrics");
    }
}
