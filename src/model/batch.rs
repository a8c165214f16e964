//! What a source hands over: readings of hosts as they were seen, or whole columns at once.
//!
//! A batch carries data, not decisions: it names hosts and GPU indices as the source knows them,
//! and the core finds their place in the topology.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::column::Column;
use crate::model::facility::FacilityReading;
use crate::model::metric::{COUNT, Metric};
use crate::model::plant::PlantReading;
use crate::model::time::Timestamp;
use crate::model::work::WorkList;

/// Index of a source in the list that the console was started with.
pub type SourceId = u16;

/// One delivery of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Who delivers.
    pub source: SourceId,
    /// When the values were taken (not when they arrived).
    pub time: Timestamp,
    /// Whole columns, from sources that know the topology (simulator, recording).
    pub dense: Option<DenseBatch>,
    /// Readings by host, from sources that ask hosts.
    pub hosts: Vec<HostReading>,
    /// Values of single metrics by series, from engines and pushed streams.
    pub series: Vec<SeriesReading>,
    /// Values of racks, CDUs, halls and the site.
    pub facility: Vec<FacilityReading>,
    /// Who holds the GPUs, from sources that know all of it.
    pub work: Option<Arc<WorkList>>,
    /// Values of the plant by place, from a facility bus.
    pub plant: Vec<PlantReading>,
}

impl Batch {
    /// An empty batch of `source`.
    #[must_use]
    pub const fn new(source: SourceId, time: Timestamp) -> Self {
        Self {
            source,
            time,
            dense: None,
            hosts: Vec::new(),
            series: Vec::new(),
            facility: Vec::new(),
            work: None,
            plant: Vec::new(),
        }
    }
}

/// Values of one metric, one for each GPU that an engine knows, each with a time of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesReading {
    /// Who the values belong to.
    pub roster: Arc<Roster>,
    /// What they say.
    pub metric: Metric,
    /// Time between two polls of this metric, ms: the yardstick of its staleness.
    pub interval_ms: u32,
    /// The values; a member that is missing says nothing new.
    pub values: Vec<SeriesValue>,
}

/// One value of one GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesValue {
    /// Position in the roster.
    pub member: u32,
    /// In the metric's unit; NaN: the series has ended (a stale marker).
    pub value: f32,
    /// When it was measured, not when it arrived.
    pub time: Timestamp,
}

/// The GPUs that a source knows by their series. It only grows: a member keeps its position, so what
/// was found out about it once holds for later rosters of the source too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roster {
    /// The members.
    pub members: Vec<Member>,
}

/// One GPU as a source knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its host.
    pub host: Arc<HostFacts>,
    /// Position in its host, from 0.
    pub index: u16,
    /// Who it is; replaced by another allocation when that changes.
    pub facts: Arc<GpuFacts>,
}

/// Columns over every GPU of the topology that the source was started with.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DenseBatch {
    /// One column per metric delivered; metrics left out keep their last value.
    pub columns: Vec<(Metric, Column)>,
    /// Trays that did not answer this time, ascending (their values are the last known ones).
    pub silent: Vec<u32>,
    /// Names of the job slots, sent when they change. Slot 0 is "idle".
    pub jobs: Option<Arc<[JobName]>>,
}

/// A row of the job table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobName {
    /// Name of the job.
    pub job: String,
    /// Name of its tenant.
    pub tenant: String,
    /// What it is doing, where the source knows.
    pub state: JobState,
}

/// What a job is doing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// The source does not say.
    #[default]
    Unknown,
    /// It computes.
    Running,
    /// It writes a checkpoint.
    Checkpoint,
    /// It is down and comes back from its last checkpoint.
    Restarting,
    /// It holds its GPUs and gets no further: it waits for ranks that do not answer.
    Stalled,
    /// It takes no new work and gives its GPUs back.
    Draining,
}

impl JobState {
    /// Word shown to the operator; empty where the source does not say.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Running => "running",
            Self::Checkpoint => "checkpoint",
            Self::Restarting => "restarting",
            Self::Stalled => "stalled",
            Self::Draining => "draining",
        }
    }
}

/// Who a host is, as its source knows it. Shared: it does not change from scrape to scrape.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HostFacts {
    /// Identity of the host: the target that was asked, not what it calls itself.
    pub host: String,
    /// Labels for placing it: those of the target list, plus `hostname` as reported.
    pub labels: Vec<(String, String)>,
}

impl HostFacts {
    /// The value of label `name`.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
}

/// What one host said at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct HostReading {
    /// Who it is.
    pub facts: Arc<HostFacts>,
    /// Its GPUs that were seen; one that is missing while the host answers is lost.
    pub gpus: Vec<GpuReading>,
    /// Values of the node itself.
    pub node: NodeReading,
}

/// Values of the node around the GPUs; absent ones are NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeReading {
    /// CPU busy share, %.
    pub cpu: f32,
    /// Memory in use, %.
    pub memory: f32,
    /// One-minute load average.
    pub load1: f32,
    /// Boot time, seconds since the epoch.
    pub boot_time: f64,
    /// InfiniBand ports that are active, and ports in all.
    pub ib_ports: (u16, u16),
}

impl NodeReading {
    /// True when nothing was said.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        let numbers = self.cpu.is_nan() && self.memory.is_nan() && self.load1.is_nan();
        numbers && self.boot_time.is_nan() && self.ib_ports.1 == 0
    }
}

impl Default for NodeReading {
    fn default() -> Self {
        Self { cpu: f32::NAN, memory: f32::NAN, load1: f32::NAN, boot_time: f64::NAN, ib_ports: (0, 0) }
    }
}

/// What one GPU said: NaN = not said.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuReading {
    /// Position in its node, from 0.
    pub index: u16,
    /// Values in the metric's unit, by column index; NaN = absent.
    pub values: [f32; COUNT],
    /// Identity, sent when it changes.
    pub facts: Option<Arc<GpuFacts>>,
}

impl GpuReading {
    /// A reading of GPU `index` that says nothing yet.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        Self { index, values: [f32::NAN; COUNT], facts: None }
    }

    /// The value of `metric`, if it was said.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f32> {
        let v = self.values[metric.index()];
        v.is_finite().then_some(v)
    }

    /// Sets the value of `metric`.
    pub fn set(&mut self, metric: Metric, value: f32) {
        self.values[metric.index()] = value;
    }
}

/// Who a GPU is. Strings are already clean of control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuFacts {
    /// `GPU-…`; empty when unknown.
    pub uuid: String,
    /// Product name.
    pub model: Arc<str>,
    /// PCI bus id with its domain.
    pub pci: String,
    /// Driver version.
    pub driver: Arc<str>,
    /// Memory, MiB; 0 when unknown.
    pub memory_mib: u32,
    /// Pod, job or other work that holds the GPU.
    pub job: Arc<str>,
    /// Namespace or tenant.
    pub tenant: Arc<str>,
}

impl GpuFacts {
    /// Lets what is the same in `other` be one piece of memory: the GPUs of a host, and often those of a
    /// site, are of one product with one driver, and work for one job.
    pub fn share(&mut self, other: &Self) {
        let pairs = [
            (&mut self.model, &other.model),
            (&mut self.driver, &other.driver),
            (&mut self.job, &other.job),
            (&mut self.tenant, &other.tenant),
        ];
        for (mine, theirs) in pairs {
            if *mine == *theirs {
                *mine = Arc::clone(theirs);
            }
        }
    }
}
