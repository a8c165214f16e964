//! What a tick of 100,224 GPUs costs the state: commit, packing, unpacking, reading a chart.
//! Values change as on a busy site: noise in six columns, a few rare ones.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hallwatch::fleet::history::{Archive, DEFAULT_BUDGET};
use hallwatch::fleet::{Frame, Stage};
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Asset, Batch, Column, DenseBatch, GpuId, Metric, Timestamp, Topology};

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
    ];
    let dense = DenseBatch { columns, ..DenseBatch::default() };
    Batch { dense: Some(dense), ..Batch::new(0, Timestamp::from_secs(i64::from(second))) }
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
    for (name, part) in ["ring", "10 s tier", "1 min tier"].iter().zip(history.status.parts) {
        let per = part.bytes as f64 / part.count.max(1) as f64 / gpus;
        println!("{name}: {} entries, {} bytes, {per:.3} bytes per GPU and entry", part.count, part.bytes);
    }
}

criterion_group!(group, benches);
criterion_main!(group);
