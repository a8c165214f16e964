//! A small site with a past, the same every time: three halls, one of them air-cooled, a hot rack,
//! a silent tray, a lost GPU, a straggler, an XID, a failing target, and a plant in which things are
//! wrong.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod plant;

use std::sync::{Arc, OnceLock};

use plant::HOT;

use hallwatch::fleet::history::Archive;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::fleet::{Snapshot, Sources, Stage};
use hallwatch::model::batch::{GpuFacts, JobName, JobState, NodeReading};
use hallwatch::model::entry::{SourceStatus, TargetState, TargetStatus};
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{
    Batch, Column, DenseBatch, GpuReading, Health, HostFacts, HostReading, Metric, Timestamp, Topology,
};

/// Ticks of the past.
pub const TICKS: i64 = 150;
/// The GPU that holds its job back and says nothing of it.
const SLOW: usize = 900;

const SITE: &str = r#"
[site]
name = "Testdal"
prefix = "TD"
contract_mw = 3.2
host = "td-{hall}-{row}-{rack}-{tray}"

[grid]
area = "NO4"
feed_kv = 132
ramp_mw_s = 0.05
oscillation_mw = 0.25
bess_mw = 1
bess_mwh = 2
heat_export_mw = 0.5

[[gpu]]
name = "GB300"
memory_mib = 284208
tdp_w = 1400
idle_w = 166
max_clock_mhz = 2070
zero_margin_c = 87
slowdown_c = 89
shutdown_c = 92

[[rack]]
name = "NVL72"
gpu = "GB300"
trays = 18
gpus_per_tray = 4
switch_trays = 9
power_shelves = 8
tdp_kw = 136
cooling = "liquid"

[[rack]]
name = "AIR8"
gpu = "GB300"
trays = 4
gpus_per_tray = 8
tdp_kw = 44
cooling = "air"

[[hall]]
names = ["H1", "H2"]
rows = 4
racks_per_row = 4
rack = "NVL72"
cdus_per_row = 2
columns = 2

[[hall]]
names = ["H3"]
rows = 1
racks_per_row = 3
rack = "AIR8"
columns = 1
"#;

/// The same site before most of it was built: one hall of three rows.
pub const SMALL: &str = r#"
[site]
name = "Testdal"

[[gpu]]
name = "GB300"
memory_mib = 284208
tdp_w = 1400
idle_w = 166
max_clock_mhz = 2070
zero_margin_c = 87
slowdown_c = 89
shutdown_c = 92

[[rack]]
name = "NVL72"
gpu = "GB300"
trays = 18
gpus_per_tray = 4
cooling = "liquid"

[[hall]]
names = ["H1"]
rows = 3
racks_per_row = 3
rack = "NVL72"
"#;

/// The site: 2 halls of 1,152 GPUs and one of 96.
pub fn topology() -> Topology {
    Topology::from_toml(SITE, "test site").expect("the test site is valid")
}

/// A number from 0 to 1 that looks random and is the same every time.
fn noise(a: i64, b: i64) -> f32 {
    let mut x =
        (a as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (b as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x >> 40) as f32) / (1u64 << 24) as f32
}

fn value(t: &Topology, metric: Metric, gpu: usize, tick: i64) -> f32 {
    let rack = t.rack_of(hallwatch::model::GpuId::new(gpu)).index();
    let g = gpu as i64;
    let idle = rack % 5 == 3;
    let pick = |when_idle: f32, busy: f32| if idle { when_idle } else { busy };
    let heat = if rack == HOT { 14.0 } else { 0.0 };
    let util = pick(0.0, (90.0 + 8.0 * noise(g, tick)).min(100.0));
    let power = pick(170.0 + 10.0 * noise(g, tick), 1150.0 + 180.0 * noise(g, tick / 4));
    match metric {
        Metric::Util => util,
        Metric::Power => power,
        Metric::Temp => 30.0 + power / 45.0 + 4.0 * noise(g, 7) + heat,
        Metric::MemTemp => 36.0 + power / 40.0 + 4.0 * noise(g, 9) + heat,
        Metric::MemUsed => pick(1_000.0, 180_000.0 + 20_000.0 * noise(g, 3)),
        Metric::SmClock if gpu == SLOW => 1_200.0,
        Metric::SmClock => pick(345.0, if rack == HOT { 1_500.0 } else { 1_920.0 }),
        Metric::Activity => util * 0.8,
        Metric::Margin => 87.0 - (30.0 + power / 45.0 + heat),
        Metric::Job => pick(0.0, 1.0 + (rack % 3) as f32),
        Metric::Tenant => pick(0.0, 1.0 + (rack % 2) as f32),
        _ => code(metric, gpu, rack, idle),
    }
}

/// Codes and masks: a hot rack, a lost GPU, an XID.
fn code(metric: Metric, gpu: usize, rack: usize, idle: bool) -> f32 {
    let health = match (gpu, rack) {
        (401, _) => Health::Lost,
        (_, HOT) => Health::Degraded,
        _ => Health::Ok,
    };
    match metric {
        Metric::ClockEvents if idle => 1.0,
        Metric::ClockEvents => {
            if rack == HOT {
                32.0
            } else {
                4.0
            }
        }
        Metric::Xid if gpu == 77 => 94.0,
        Metric::Health => f32::from(health as u8),
        _ => 0.0,
    }
}

fn batch(t: &Topology, tick: i64) -> Batch {
    let columns = Metric::ALL
        .into_iter()
        .filter(|m| *m != Metric::Age)
        .map(|m| {
            let raw = (0..t.gpu_count()).map(|g| m.encode(value(t, m, g, tick)));
            (m, Column::from_raw(m, raw.collect::<Vec<_>>().into_iter()))
        })
        .collect();
    let jobs = [
        ("", "", JobState::Unknown),
        ("llm-r7", "T1", JobState::Running),
        ("emb-3", "T2", JobState::Stalled),
        ("serve-eu", "T1", JobState::Unknown),
    ];
    let name = |(j, n, state): (&str, &str, JobState)| JobName { job: j.into(), tenant: n.into(), state };
    let jobs: Vec<JobName> = jobs.into_iter().map(name).collect();
    let silent = if tick > TICKS - 6 { vec![30] } else { vec![] };
    let facility = plant::readings(t, &|i| noise(i as i64, tick / 10));
    let time = at(tick);
    Batch {
        dense: Some(DenseBatch { columns, silent, jobs: Some(jobs.into()) }),
        facility,
        ..Batch::new(0, time)
    }
}

/// The moment of a tick.
pub fn at(tick: i64) -> Timestamp {
    SIM_EPOCH.plus_millis(tick * 1000)
}

fn host(t: &Topology, tray: usize) -> HostReading {
    let facts = GpuFacts {
        uuid: "GPU-6f2a1b3c-91c4".into(),
        model: "GB300".into(),
        pci: "0009:01:00.0".into(),
        driver: "590.44".into(),
        memory_mib: 284_208,
        ..GpuFacts::default()
    };
    let mut gpu = GpuReading::new(0);
    gpu.facts = Some(Arc::new(facts));
    gpu.set(Metric::Util, 97.0);
    gpu.set(Metric::Temp, 58.0);
    let place = t.place_of(hallwatch::model::TrayId::new(tray));
    let labels = [("hall", place.hall), ("row", place.row), ("rack", place.rack), ("tray", place.tray)];
    HostReading {
        facts: Arc::new(HostFacts {
            host: "td-live:9400".into(),
            labels: labels.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        }),
        gpus: vec![gpu],
        node: NodeReading { cpu: 31.0, memory: 42.0, load1: 12.5, boot_time: 1.79e9, ib_ports: (7, 8) },
    }
}

fn sources(time: Timestamp) -> Sources {
    let up = |name: &str, ms| TargetStatus {
        name: name.into(),
        state: TargetState::Up,
        last_ok: Some(time),
        duration_ms: ms,
        bytes: 48_211,
        samples: 96,
        gpus: 4,
        ..TargetStatus::default()
    };
    let down = TargetStatus {
        state: TargetState::Down("connection refused".into()),
        last_ok: Some(time.plus_millis(-130_000)),
        failures: 26,
        ..up("td-h1-r2-k1-t13:9400/metrics", 5)
    };
    let bad = TargetStatus { bad_lines: 3, ..up("td-h1-r1-k2-t02:9400/metrics", 412) };
    let mut sources = Sources::default();
    sources.apply(&SourceStatus {
        source: 0,
        name: "sim seed 7".into(),
        time,
        interval_ms: 1000,
        ..SourceStatus::default()
    });
    sources.apply(&SourceStatus {
        source: 1,
        name: "scrape".into(),
        time,
        interval_ms: 5000,
        note: Some("one target answers slowly".into()),
        targets: vec![(0, up("td-h1-r1-k1-t01:9400/metrics", 9)), (1, down), (2, bad)],
        target_count: 4,
    });
    sources
}

/// Makes snapshots, tick by tick.
pub struct Builder {
    stage: Stage,
    archive: Archive,
    topology: Arc<Topology>,
    tick: i64,
}

impl Builder {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        let topology = Arc::new(topology());
        Self {
            stage: Stage::new(Arc::clone(&topology), Placer::default()),
            archive: Archive::new(64 << 20),
            topology,
            tick: 0,
        }
    }

    /// One more second.
    pub fn tick(&mut self) -> Arc<Snapshot> {
        let time = at(self.tick);
        let mut batch = batch(&self.topology, self.tick);
        batch.hosts.push(host(&self.topology, 0));
        self.stage.apply(&batch, 1000);
        let frame = Arc::new(self.stage.commit(time));
        self.archive.push(&frame);
        self.archive.maintain();
        self.tick += 1;
        Arc::new(Snapshot {
            trays: self.stage.answering().into(),
            frame,
            history: self.archive.publish(),
            inventory: Arc::clone(self.stage.inventory()),
            origins: Arc::new(self.stage.origins().clone()),
            happenings: self.stage.happenings(),
            sources: sources(time).list().to_vec().into(),
            alarms: Arc::default(),
            recorder: Arc::default(),
            engine: EngineStatus { entries: 452, commit_us: 0, pack_us: 0, queued: 0, late_ticks: 0 },
        })
    }
}

/// The site after [`TICKS`] seconds; made once per test binary.
pub fn snapshot() -> Arc<Snapshot> {
    static MADE: OnceLock<Arc<Snapshot>> = OnceLock::new();
    let make = || {
        let mut b = Builder::new();
        (1..TICKS).for_each(|_| drop(b.tick()));
        b.tick()
    };
    Arc::clone(MADE.get_or_init(make))
}
