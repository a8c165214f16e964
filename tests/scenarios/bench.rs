//! A site without a screen on which scenarios are run and watched.

use std::sync::Arc;

use crate::hall::one_hall;
use crate::told::{Told, annunciations};
use hallwatch::alarm::Happened;
use hallwatch::engine::Core;
use hallwatch::fleet::Frame;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::id::Span;
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{
    Asset, Batch, CduId, Entry, GpuId, HallId, Health, Metric, Quantity, RackId, RowId, Topology,
};
use hallwatch::source::sim::place::Kind;
use hallwatch::source::sim::scenario::resolve::Watch;
use hallwatch::source::sim::scenario::signature::{Verdict, When};
use hallwatch::source::sim::scenario::{Scenario, Signature, Timeline};
use hallwatch::source::sim::workload::{Area, Phase, Workload};
use hallwatch::source::sim::{Sim, SimPlan};

/// Earliest and latest second at which scenarios start.
const START: std::ops::Range<u64> = 150..2400;
/// Seconds after a checkpoint until power, GPUs and coolant are again what they were.
const SETTLED: u64 = 90;
/// Seconds after the last expected alarm in which no other may come.
const AFTER_ALARMS: u64 = 60;
/// Memory for the past, which nobody looks at here.
const HISTORY: usize = 1 << 20;

/// The built-in site with one hall of `rows` rows.
pub fn hall_of(rows: usize) -> Arc<Topology> {
    let site = Topology::from_toml(&one_hall(rows), "one hall").expect("a valid site");
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
        let timeline = scenario.resolve(site, &work, seed).expect("it fits the site");
        let start = undisturbed(&timeline, site, work);
        let timeline = timeline.starting_at(start);
        let plan = SimPlan { flawless: true, ..SimPlan::new(seed) };
        let sim = Sim::from_plan(Arc::clone(site), plan).with_timeline(timeline.clone());
        let mut core = Core::new(Arc::clone(site), Placer::default(), HISTORY);
        core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
        Self { timeline, sim, core, tick: 0 }
    }

    /// The site on an ordinary day, with faults of its own.
    pub fn normal(site: &Arc<Topology>, seed: u64) -> Self {
        let sim = Sim::from_plan(Arc::clone(site), SimPlan::new(seed));
        let mut core = Core::new(Arc::clone(site), Placer::default(), HISTORY);
        core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
        Self { timeline: Timeline::default(), sim, core, tick: 0 }
    }

    /// The newest frame.
    pub fn frame(&self) -> Arc<Frame> {
        self.core.snapshot(EngineStatus::default()).frame
    }

    /// What the simulator says in the next second.
    pub fn batch(&mut self) -> Batch {
        let time = SIM_EPOCH.plus_millis(1000 * self.tick as i64);
        self.tick += 1;
        self.sim.step(time, 0)
    }

    /// What happens to alarms in the next second.
    pub fn tell(&mut self) -> Happened {
        let batch = self.batch();
        let time = batch.time;
        self.core.apply(&Entry::Batch(batch));
        self.core.apply(&Entry::Tick(time)).alarms
    }

    /// Runs as far as signatures and alarms look, or through the whole scenario where
    /// `HALLWATCH_WHOLE_SCENARIOS` is set; judges each signature, and says what was annunciated.
    pub fn verdicts(mut self) -> (Vec<(Watch, Verdict)>, Vec<Told>) {
        let watches = self.timeline.watches.clone();
        let looks = watches.iter().map(|w| w.signature.until());
        let alarms = self.timeline.raises.iter().map(|r| r.until + AFTER_ALARMS);
        let mut last = looks.chain(alarms).max().unwrap_or(0);
        if std::env::var_os("HALLWATCH_WHOLE_SCENARIOS").is_some() {
            last = last.max(self.timeline.length);
        }
        let mut told = Vec::new();
        let mut values: Vec<Vec<Option<f64>>> = vec![Vec::new(); watches.len()];
        let start = self.timeline.start;
        for second in 0..=start + last {
            let happened = self.tell();
            told.extend(annunciations(second, happened.transitions));
            let frame = self.frame();
            for (watch, values) in watches.iter().zip(&mut values) {
                values.push(value(&frame, watch));
            }
        }
        let judge = |(w, values): (Watch, Vec<Option<f64>>)| {
            let (before, after) = values.split_at(start as usize);
            let first = before.len() - w.signature.before() as usize;
            let verdict = w.signature.judge(&before[first..], after);
            (w, verdict)
        };
        (watches.into_iter().zip(values).map(judge).collect(), told)
    }
}

/// The first second from which on no checkpoint and no restart falls into a moment that a signature
/// looks at: what an incident does to a job that rests is another thing.
fn undisturbed(timeline: &Timeline, site: &Topology, mut work: Workload) -> u64 {
    let looks: Vec<(i64, i64)> = timeline.watches.iter().flat_map(|w| looks_of(&w.signature)).collect();
    let last = looks.iter().map(|(_, to)| *to).max().unwrap_or(0);
    let gpus = timeline.picked.map(|a| site.gpus_of(a));
    // Of a hall it is one job that the signatures are about; of anything else all jobs on it.
    let hall = matches!(timeline.picked, Some(Asset::Hall(_)));
    let overlap = |a: &Area| {
        let span = |t: usize| site.trays()[t].gpus;
        let held = span(a.trays.start).start..span(a.trays.end - 1).end;
        gpus.map_or(held.len(), |g| held.end.min(g.end).saturating_sub(held.start.max(g.start)) as usize)
    };
    let mut jobs: Vec<usize> = (0..work.areas.len())
        .filter(|i| work.areas[*i].kind == Kind::Train && overlap(&work.areas[*i]) > 0)
        .collect();
    if hall {
        // As `job` in a file: the one that holds most.
        jobs = jobs.into_iter().max_by_key(|i| overlap(&work.areas[*i])).into_iter().collect();
    }
    let mut rests = Vec::new();
    for tick in 0..START.end as i64 + last + 1 {
        work.advance((tick as u64, SIM_EPOCH.plus_millis(1000 * tick)), 1.0);
        rests.push(jobs.iter().any(|i| work.areas[*i].phase != Phase::Run));
    }
    let free = |start: &u64| {
        let at = |t: i64| (*start as i64 + t).max(0) as usize;
        looks.iter().all(|(from, to)| !rests[at(*from)..=at(*to)].contains(&true))
    };
    START.into_iter().find(free).expect("jobs compute most of the time")
}

/// The seconds around the start of the scenario in which a job must compute undisturbed.
fn looks_of(signature: &Signature) -> Vec<(i64, i64)> {
    let settled = |from: u64, to: u64| (from as i64 - SETTLED as i64, to as i64);
    let before = (-((signature.before() + SETTLED) as i64), 0);
    match signature.when {
        When::At(t) => vec![before, settled((t + 1).saturating_sub(signature.over), t)],
        When::During(..) => vec![],
        When::Begins(_, to) => vec![before, settled(0, to)],
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
