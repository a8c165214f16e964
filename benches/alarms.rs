//! What alarms cost at 100,224 GPUs: all rules in a tick with nothing wrong, with 10,000 GPUs in
//! alarm, the tick in which they come, and the board that readers get.
//!
//! Every tick gets a frame of its own, made before the clock runs, so that nothing that a frame
//! works out once is worked out before.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hallwatch::alarm::{AlarmEngine, Rules, Sight};
use hallwatch::fleet::query::{Memory, Scan};
use hallwatch::fleet::xids::XidEvents;
use hallwatch::fleet::{Frame, Stage};
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Batch, Column, DenseBatch, Metric, Timestamp, Topology};
use hallwatch::source::sim::{Sim, SimPlan};

/// Seconds simulated before anything is measured.
const WARM_UP: i64 = 120;

struct Site {
    stage: Stage,
    sim: Sim,
    second: i64,
    /// GPUs that are too hot, by their place in steps of so many.
    hot: Option<usize>,
}

impl Site {
    fn new() -> Self {
        let topology = Arc::new(Topology::default_site());
        let plan = SimPlan { flawless: true, ..SimPlan::new(1) };
        let sim = Sim::from_plan(Arc::clone(&topology), plan);
        Self { stage: Stage::new(topology, Placer::default()), sim, second: 0, hot: None }
    }

    fn frame(&mut self) -> Arc<Frame> {
        let time: Timestamp = SIM_EPOCH.plus_millis(1000 * self.second);
        self.second += 1;
        let batch = self.sim.step(time, 0);
        self.stage.apply(&batch, 1000);
        if let (Some(step), Some(dense)) = (self.hot, &batch.dense) {
            let margin = dense.columns.iter().find(|(m, _)| *m == Metric::Margin).expect("it is simulated");
            let cold = Metric::Margin.encode(2.0);
            let raw = (0..margin.1.len()).map(|i| {
                let hot = i % step == 0 && i / step < 10_000;
                if hot { cold } else { margin.1.raw(i) }
            });
            let column = Column::from_raw(Metric::Margin, raw.collect::<Vec<_>>().into_iter());
            let dense = DenseBatch { columns: vec![(Metric::Margin, column)], ..DenseBatch::default() };
            self.stage.apply(&Batch { dense: Some(dense), ..Batch::new(0, time) }, 1000);
        }
        Arc::new(self.stage.commit(time))
    }
}

fn engine(site: &mut Site) -> (AlarmEngine, Vec<bool>) {
    let mut engine = AlarmEngine::new(Rules::built_in());
    for _ in 0..WARM_UP {
        let frame = site.frame();
        let trays = site.stage.answering();
        engine.step(Sight { frame: &frame, trays: &trays });
    }
    (engine, site.stage.answering())
}

/// The time that each rule takes, as a mean over some ticks: where the time goes.
fn by_rule(site: &mut Site, trays: &[bool]) {
    let frames: Vec<_> = (0..8).map(|_| site.frame()).collect();
    let mut xids = XidEvents::default();
    let rules = Rules::built_in();
    let mut times: Vec<(u128, String)> = Vec::new();
    for rule in rules.list() {
        let mut memory = Memory::default();
        let start = Instant::now();
        for frame in &frames {
            xids.advance(frame);
            let scan = Scan { frame, trays: Some(trays), xids: Some(&xids) };
            black_box(rule.plan.answers(&scan, &mut memory));
        }
        times.push((start.elapsed().as_micros() / frames.len() as u128, rule.slug.to_string()));
    }
    times.sort_unstable_by(|a, b| b.cmp(a));
    let text: Vec<String> = times.iter().take(8).map(|(us, slug)| format!("{slug} {us} µs")).collect();
    println!("  {}", text.join(", "));
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("alarms");
    group.sample_size(20);
    for (name, hot) in [("quiet", None), ("10,000 in whole rows", Some(1)), ("10,000 scattered", Some(10))] {
        let mut site = Site::new();
        site.hot = hot;
        let (mut engine, trays) = engine(&mut site);
        let board = engine.board(SIM_EPOCH);
        println!(
            "{name}: {} alarms stand, {} GPUs",
            board.alarms.len(),
            board.alarms.iter().map(|a| a.gpus).sum::<u32>()
        );
        by_rule(&mut site, &trays);
        group.bench_function(format!("tick, {name}"), |b| {
            b.iter_batched(
                || site.frame(),
                |frame| engine.step(Sight { frame: &frame, trays: &trays }),
                BatchSize::PerIteration,
            );
        });
    }
    group.bench_function("tick in which 10,000 come", |b| {
        b.iter_batched(
            || {
                let mut site = Site::new();
                let mut engine = AlarmEngine::new(Rules::built_in());
                site.hot = Some(10);
                // The on-delay is 20 s: the next tick raises them.
                for _ in 0..20 {
                    let frame = site.frame();
                    let trays = site.stage.answering();
                    engine.step(Sight { frame: &frame, trays: &trays });
                }
                (engine, site.frame(), site.stage.answering())
            },
            |(mut engine, frame, trays)| engine.step(Sight { frame: &frame, trays: &trays }),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
