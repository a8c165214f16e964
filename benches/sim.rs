//! What one simulated tick of the coupled site of 100,224 GPUs costs on one core (budget: 10 ms), at its
//! usual work and while a hall loses its cooling.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::{CduId, Topology};
use hallwatch::source::sim::Sim;
use hallwatch::source::sim::effect::Effect;

fn tick(c: &mut Criterion) {
    let topology = Arc::new(Topology::default_site());
    let mut group = c.benchmark_group("sim");
    group.sample_size(50);
    group.bench_function("tick of 100,224 GPUs", |b| {
        let mut sim = Sim::new(Arc::clone(&topology), 7);
        b.iter(|| sim.step(SIM_EPOCH.plus_millis(1000 * sim.ticks() as i64), 0));
    });
    group.bench_function("tick while a hall loses its cooling", |b| {
        let mut sim = Sim::new(Arc::clone(&topology), 7);
        sim.step(SIM_EPOCH, 0);
        for cdu in topology.halls()[2].cdus.iter() {
            sim.apply(&Effect::CduTrip(CduId(cdu)));
        }
        b.iter(|| sim.step(SIM_EPOCH.plus_millis(1000 * sim.ticks() as i64), 0));
    });
    group.bench_function("start of 100,224 GPUs", |b| b.iter(|| Sim::new(Arc::clone(&topology), 7)));
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
