//! A site without a screen on which scenarios are run and watched.

use std::sync::Arc;

use hallwatch::engine::Core;
use hallwatch::fleet::Frame;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::id::Span;
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::topology::spec::DEFAULT_SITE;
use hallwatch::model::{
    Batch, CduId, Entry, GpuId, HallId, Health, Metric, Quantity, RackId, RowId, Topology,
};
use hallwatch::source::sim::scenario::resolve::Watch;
use hallwatch::source::sim::scenario::signature::Verdict;
use hallwatch::source::sim::scenario::{Scenario, Timeline};
use hallwatch::source::sim::workload::Workload;
use hallwatch::source::sim::{Sim, SimPlan};

/// Second at which scenarios start.
pub const START: u64 = 90;
/// Memory for the past, which nobody looks at here.
const HISTORY: usize = 1 << 20;

/// The built-in site with one hall of `rows` rows.
pub fn hall_of(rows: usize) -> Arc<Topology> {
    let halls = DEFAULT_SITE.find("[[hall]]").expect("the default site has halls");
    let (head, tail) = DEFAULT_SITE.split_at(halls);
    let first = tail.split("\n\n").next().expect("a hall");
    let hall = first
        .replace("\"H1\", \"H2\", \"H3\", \"H4\", \"H5\", \"H6\", \"H7\"", "\"H1\"")
        .replace("rows = 22", &format!("rows = {rows}"));
    let site = Topology::from_toml(&format!("{head}{hall}\n"), "one hall").expect("a valid site");
    assert_eq!((site.halls().len(), site.rows().len()), (1, rows));
    Arc::new(site)
}

/// A scenario on its way through time.
pub struct Run {
    pub timeline: Timeline,
    sim: Sim,
    core: Core,
    tick: u64,
}

impl Run {
    /// The scenario on `site` under `seed`, without faults of its own.
    pub fn new(scenario: &Scenario, site: &Arc<Topology>, seed: u64) -> Self {
        let work = Workload::new(site, seed);
        let timeline = scenario.resolve(site, &work, seed).expect("it fits the site").starting_at(START);
        let plan = SimPlan { flawless: true, ..SimPlan::new(seed) };
        let sim = Sim::from_plan(Arc::clone(site), plan).with_timeline(timeline.clone());
        let mut core = Core::new(Arc::clone(site), Placer::default(), HISTORY);
        core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
        Self { timeline, sim, core, tick: 0 }
    }

    /// What the simulator says in the next second.
    pub fn batch(&mut self) -> Batch {
        let time = SIM_EPOCH.plus_millis(1000 * self.tick as i64);
        self.tick += 1;
        self.sim.step(time, 0)
    }

    /// The frame of the next second.
    pub fn step(&mut self) -> Arc<Frame> {
        let batch = self.batch();
        let time = batch.time;
        self.core.apply(&Entry::Batch(batch));
        self.core.apply(&Entry::Tick(time));
        self.core.snapshot(EngineStatus::default()).frame
    }

    /// Runs as far as the signatures look, and judges each.
    pub fn verdicts(mut self) -> Vec<(Watch, Verdict)> {
        let watches = self.timeline.watches.clone();
        let last = watches.iter().map(|w| w.signature.until()).max().unwrap_or(0);
        let mut values: Vec<Vec<Option<f64>>> = vec![Vec::new(); watches.len()];
        for _ in 0..=START + last {
            let frame = self.step();
            for (watch, values) in watches.iter().zip(&mut values) {
                values.push(value(&frame, watch));
            }
        }
        let judge = |(w, values): (Watch, Vec<Option<f64>>)| {
            let (before, after) = values.split_at(START as usize);
            let first = before.len() - w.signature.before() as usize;
            let verdict = w.signature.judge(&before[first..], after);
            (w, verdict)
        };
        watches.into_iter().zip(values).map(judge).collect()
    }
}

/// What a signature looks at, in one frame.
fn value(frame: &Frame, watch: &Watch) -> Option<f64> {
    let ids = watch.spans.iter().copied().flat_map(Span::iter);
    watch.signature.how.of(ids.filter_map(|id| one(frame, watch.signature.quantity, id)))
}

/// The value of one asset, whatever its quality; `None` = not reported.
fn one(frame: &Frame, quantity: Quantity, id: u32) -> Option<f32> {
    let gpu = GpuId(id);
    match quantity {
        Quantity::Gpu(Metric::Age) => frame.age(gpu).map(|s| s as f32),
        Quantity::Gpu(metric) => frame.value(gpu, metric),
        Quantity::Event(bit) => {
            frame.value(gpu, Metric::ClockEvents).map(|v| f32::from(u8::from(v as u16 & bit != 0)))
        }
        Quantity::Lost => Some(f32::from(u8::from(frame.health(gpu) == Some(Health::Lost)))),
        Quantity::Rack(p) => frame.facility.rack(RackId(id), p),
        Quantity::Cdu(p) => frame.facility.cdu(CduId(id), p),
        Quantity::Row(p) => frame.facility.row(RowId(id), p),
        Quantity::Hall(p) => frame.facility.hall(HallId(id), p),
        Quantity::Site(p) => frame.facility.site(p),
    }
}
