//! What a tick of 100,224 GPUs costs the state: commit, packing, unpacking, reading a chart, the
//! tables of jobs.
//! Values change as on a busy site: noise in six columns, a few rare ones.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hallwatch::fleet::history::{Archive, DEFAULT_BUDGET};
use hallwatch::fleet::jobs::{By, Sum};
use hallwatch::fleet::period::{Level, Period};
use hallwatch::fleet::plant::PlantStore;
use hallwatch::fleet::series::Signal;
use hallwatch::fleet::{Frame, Stage};
use hallwatch::model::batch::JobName;
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{
    Asset, Batch, Column, DenseBatch, GpuId, Metric, RackId, RackPoint, Timestamp, Topology,
};
use hallwatch::source::sim::Sim;

/// Jobs of the usual site, on a rack or several each; and of one with short jobs on every third tray.
const JOBS: usize = 100;
const MANY: usize = 4000;

/// Repeatable noise.
fn noise(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

fn batch(n: usize, second: u32) -> Batch {
    let column = |m: Metric, base: u16, spread: u32| {
        let value = |g: usize| base + (noise(g as u32 * 7919 + second * 104_729 + m as u32) % spread) as u16;
        (m, Column::from_raw(m, (0..n).map(value)))
    };
    let columns = vec![
        column(Metric::Util, 95, 5),
        column(Metric::Power, 1200, 80),
        column(Metric::Temp, 62, 4),
        column(Metric::MemTemp, 68, 4),
        column(Metric::SmClock, 120, 6),
        column(Metric::Activity, 70, 16),
        column(Metric::Margin, 60, 4),
        jobs(n, JOBS),
        (Metric::Tenant, Column::from_raw(Metric::Tenant, (0..n).map(|g| 1 + (g / 9000) as u16))),
    ];
    let dense = DenseBatch { columns, ..DenseBatch::default() };
    Batch { dense: Some(dense), ..Batch::new(0, Timestamp::from_secs(i64::from(second))) }
}

/// A column of `count` jobs of equal size.
fn jobs(n: usize, count: usize) -> (Metric, Column) {
    let slot = |g: usize| 1 + (g * count / n) as u16;
    (Metric::Job, Column::from_raw(Metric::Job, (0..n).map(slot)))
}

/// A table of `count` names, as a source sends it.
fn named(count: usize) -> Batch {
    let name =
        |i: usize| JobName { job: format!("job-{i}"), tenant: format!("T{}", i % 12), ..JobName::default() };
    let table = Some((0..=count).map(name).collect());
    Batch {
        dense: Some(DenseBatch { jobs: table, ..DenseBatch::default() }),
        ..Batch::new(0, Timestamp::default())
    }
}

struct State {
    stage: Stage,
    archive: Archive,
    second: u32,
}

impl State {
    fn new(seconds: u32) -> Self {
        let site = Arc::new(Topology::default_site());
        let mut s = Self {
            stage: Stage::new(site, Placer::default()),
            archive: Archive::new(DEFAULT_BUDGET),
            second: 0,
        };
        s.stage.apply(&named(JOBS), 1000);
        for _ in 0..seconds {
            let b = s.batch();
            s.commit(&b);
            s.archive.maintain();
        }
        s
    }

    fn batch(&mut self) -> Batch {
        self.second += 1;
        batch(self.stage.topology().gpu_count(), self.second)
    }

    fn commit(&mut self, batch: &Batch) -> Arc<Frame> {
        self.stage.apply(batch, 1000);
        let frame = Arc::new(self.stage.commit(batch.time));
        self.archive.push(&frame);
        black_box(self.archive.publish());
        frame
    }
}

/// The tables of jobs and tenants of one frame, with few jobs and with many.
fn tables(c: &mut Criterion) {
    let site = Arc::new(Topology::default_site());
    for count in [JOBS, MANY] {
        let mut stage = Stage::new(Arc::clone(&site), Placer::default());
        let mut b = batch(site.gpu_count(), 1);
        if let Some(dense) = &mut b.dense {
            dense.columns.push(jobs(site.gpu_count(), count));
        }
        stage.apply(&named(count), 1000);
        stage.apply(&b, 1000);
        let frame = stage.commit(b.time);
        // Sums are made by the commit; limits are made for the map before anyone looks at jobs.
        black_box(frame.exceptions());
        for by in By::ALL {
            c.bench_function(&format!("table by {}, {count} jobs", by.name()), |b| {
                b.iter_batched(
                    || frame.clone(),
                    |frame| black_box(frame.usage(by).rows.len()),
                    BatchSize::SmallInput,
                );
            });
        }
        c.bench_function(&format!("sums of jobs and tenants of a tick, {count} jobs"), |b| {
            b.iter(|| black_box(By::ALL.map(|by| Sum::all(&frame, by).len())));
        });
    }
}

fn benches(c: &mut Criterion) {
    let mut state = State::new(120);
    c.bench_function("commit one tick into ring, tiers and roll-ups, 100224 GPUs", |b| {
        // Packing belongs to every tick, but not to the time until the frame is seen.
        let cell = std::cell::RefCell::new(&mut state);
        b.iter_batched(
            || {
                cell.borrow_mut().archive.maintain();
                cell.borrow_mut().batch()
            },
            |batch| cell.borrow_mut().commit(&batch),
            BatchSize::PerIteration,
        );
    });
    c.bench_function("pack one frame and store due buckets", |b| {
        let cell = std::cell::RefCell::new(&mut state);
        b.iter_batched(
            || {
                let batch = cell.borrow_mut().batch();
                cell.borrow_mut().commit(&batch);
            },
            |()| cell.borrow_mut().archive.maintain(),
            BatchSize::PerIteration,
        );
    });
    let history = state.archive.publish();
    let last = history.span().map(|(_, to)| to).unwrap_or_default();
    let topology = Arc::clone(state.stage.topology());
    let frame =
        history.frame_at(last, &topology).unwrap_or_else(|| Arc::new(Frame::empty(topology.clone(), last)));
    c.bench_function("unpack a frame of the ring", |b| {
        let oldest = history.span().map(|(from, _)| from).unwrap_or_default();
        b.iter(|| black_box(history.frame_at(oldest, &topology)));
    });
    c.bench_function("five charts of one GPU over an hour, tiers and ring", |b| {
        b.iter(|| {
            black_box(history.series(&frame, Asset::Gpu(GpuId(54_321)), Metric::Temp, (3_600_000, 120)))
        });
    });
    let gpus = topology.gpu_count() as f64;
    for (name, part) in ["ring", "10 s tier", "1 min tier", "plant"].iter().zip(history.status.parts) {
        let per = part.bytes as f64 / part.count.max(1) as f64 / gpus;
        println!("{name}: {} entries, {} bytes, {per:.3} bytes per GPU and entry", part.count, part.bytes);
    }
}

/// The past of racks, CDUs and rows: what a tick costs, what a chart costs, what a day holds. The
/// values are the simulator's.
fn plant(c: &mut Criterion) {
    let topology = Arc::new(Topology::default_site());
    let mut sim = Sim::new(Arc::clone(&topology), 7);
    let mut store = PlantStore::new(DEFAULT_BUDGET / 20);
    let mut frame = Frame::empty(Arc::clone(&topology), SIM_EPOCH);
    let mut longest = Duration::ZERO;
    // An hour and a bit: the track of the hour is full, and that of the day has a packed chunk.
    for second in 0..4_000 {
        frame.time = SIM_EPOCH.plus_millis(1000 * second);
        frame.facility.apply(&sim.step(frame.time, 0).facility);
        store.push(&frame);
        let begin = Instant::now();
        if store.pack_some() {
            longest = longest.max(begin.elapsed());
        }
    }
    let view = store.view();
    for (name, window, a_day) in [("10 s", 3_600_000, 360), ("1 min", 86_400_000, 1_440)] {
        let (periods, bytes) = view.packed(window);
        let whole = bytes as f64 / periods.max(1) as f64 * f64::from(a_day) / f64::from(1 << 20);
        println!("plant, {name}: {bytes} bytes for {periods} packed periods; {whole:.1} MiB for {a_day}");
    }
    println!("plant: {} bytes in all, longest step of packing {longest:?}", store.bytes());
    let mut tick = frame.time;
    c.bench_function("take one frame into the past of racks, CDUs and rows", |b| {
        b.iter(|| {
            tick = tick.plus_millis(1000);
            frame.time = tick;
            store.push(&frame);
        });
    });
    let asked = (Asset::Rack(RackId(700)), Signal::Rack(RackPoint::LiquidReturn));
    c.bench_function("a chart of one point of a rack over an hour", |b| {
        let range = (SIM_EPOCH, SIM_EPOCH.plus_millis(4_000_000));
        b.iter(|| black_box(view.series(&topology, asked, 3_600_000, range)));
    });
}

/// What it costs to hand over a finished period, and to put an hour back.
fn period(c: &mut Criterion) {
    let state = State::new(45);
    let topology = Arc::clone(state.stage.topology());
    let history = state.archive.publish();
    let periods = history.periods_after(Level::TenSeconds, None);
    for p in &periods {
        println!("period of 10 s: {} bytes, key: {}", p.encode().len(), p.is_key());
    }
    let Some(last) = periods.last().cloned() else { return };
    let bytes = last.encode();
    let after = Some(last.start.plus_millis(-1));
    c.bench_function("period: take the newest one, 100224 GPUs", |b| {
        b.iter(|| black_box(history.periods_after(Level::TenSeconds, after)));
    });
    c.bench_function("period: encode, 100224 GPUs", |b| b.iter(|| black_box(last.encode())));
    c.bench_function("period: decode, 100224 GPUs", |b| {
        b.iter(|| black_box(Period::decode(&bytes, &topology)));
    });
    c.bench_function("period: overview only", |b| {
        b.iter(|| black_box(Period::decode_overview(&bytes, &topology)));
    });
    // An hour with a frame every ten seconds: its periods are as large as any.
    let mut state = State::new(0);
    let mut hour: Vec<Vec<u8>> = Vec::new();
    let mut newest = None;
    for _ in 0..=362 {
        state.second += 9;
        let b = state.batch();
        state.commit(&b);
        state.archive.maintain();
        for p in state.archive.publish().periods_after(Level::TenSeconds, newest) {
            newest = Some(p.start);
            hour.push(p.encode());
        }
    }
    hour.truncate(360);
    let bytes: usize = hour.iter().map(Vec::len).sum();
    println!("an hour: {} periods, {bytes} bytes", hour.len());
    let restore = || {
        let mut archive = Archive::new(DEFAULT_BUDGET);
        let mut longest = Duration::ZERO;
        for bytes in &hour {
            let begin = Instant::now();
            archive.restore(Period::decode(bytes, &topology));
            longest = longest.max(begin.elapsed());
        }
        (archive, longest)
    };
    let (archive, longest) = restore();
    println!("restored: {:?}, longest step {longest:?}", archive.publish().status.parts);
    let mut group = c.benchmark_group("period");
    group.sample_size(10);
    group.bench_function("decode and restore an hour, 360 periods", |b| b.iter(|| black_box(restore())));
    group.finish();
}

criterion_group!(group, period, benches, tables, plant);
criterion_main!(group);
