//! What a frame of the hall view costs at 200x60 on the default site, from snapshot to bytes
//! (budget: 0.4 ms to draw, diff and encode with 30 % of the cells changed), and how many bytes a
//! simulated second sends (budget: 30 kB a frame).

#[path = "../tests/support/alarms.rs"]
mod alarms;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hallwatch::engine::Core;
use hallwatch::fleet::Snapshot;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Asset, Batch, Column, Entry, HallId, Metric, Topology};
use hallwatch::session::caps::Caps;
use hallwatch::session::screen::Screen;
use hallwatch::source::sim::Sim;
use hallwatch::ui::action::{Action, ViewKind};
use hallwatch::ui::app::{App, Options};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};

const SIZE: Size = Size { width: 200, height: 60 };
/// Ticks before anything is measured: jobs run and temperatures have followed.
const WARM_UP: u64 = 120;
/// Consecutive ticks whose frames are counted.
const TICKS: u64 = 60;
/// Of 1,000 GPUs of the map so many change, which changes 30 % of the cells of the screen.
const CHANGED: u32 = 500;

/// The default site, tick by tick.
struct Site {
    core: Core,
    sim: Sim,
}

impl Site {
    fn new() -> Self {
        let topology = Arc::new(Topology::default_site());
        let core = Core::new(Arc::clone(&topology), Placer::default(), 512 << 20);
        let mut site = Self { core, sim: Sim::new(topology, 7) };
        for _ in 0..WARM_UP {
            site.tick();
        }
        site
    }

    fn batch(&mut self) -> Batch {
        let time = SIM_EPOCH.plus_millis(1000 * self.sim.ticks() as i64);
        self.sim.step(time, 0)
    }

    fn tick(&mut self) -> Arc<Snapshot> {
        let batch = self.batch();
        self.commit(batch)
    }

    fn commit(&mut self, batch: Batch) -> Arc<Snapshot> {
        let time = batch.time;
        self.core.apply(&Entry::Batch(batch));
        self.core.apply(&Entry::Tick(time));
        self.core.maintain();
        Arc::new(self.core.snapshot(EngineStatus::default()))
    }

    /// Two snapshots whose maps of `metric` differ by far in [`CHANGED`] of 1,000 GPUs.
    fn apart(&mut self, metric: Metric, step: u16) -> [Arc<Snapshot>; 2] {
        let mut batch = self.batch();
        let dense = batch.dense.as_mut().expect("the simulator sends whole columns");
        let mut other = dense.clone();
        let column = &mut other.columns.iter_mut().find(|(m, _)| *m == metric).expect("it is simulated").1;
        let noise = |g: usize| (g as u32).wrapping_mul(0x9E37_79B9).wrapping_mul(0x85EB_CA6B) >> 16;
        let moved = |g: usize| {
            let raw = column.raw(g);
            match noise(g) % 1000 < CHANGED {
                true if raw > step => raw - step,
                true => raw + step,
                false => raw,
            }
        };
        *column = Column::from_raw(metric, (0..column.len()).map(moved));
        let mut second = Batch::new(0, batch.time.plus_millis(1000));
        second.dense = Some(other);
        [self.commit(batch), self.commit(second)]
    }
}

fn app(snapshot: &Arc<Snapshot>, hall: usize, metric: Metric) -> App {
    let mut app = App::new(Options::default(), Arc::clone(snapshot));
    app.resize(SIZE.width, SIZE.height);
    app.show(ViewKind::Hall, Asset::Hall(HallId::new(hall)));
    app.set_metric(metric);
    app
}

fn picture(app: &App) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, SIZE.width, SIZE.height));
    app.render(buf.area, &mut buf);
    buf
}

/// Frames, alternating between two snapshots; `timed` measures the part that counts.
fn alternate(app: &mut App, pair: &[Arc<Snapshot>; 2], iterations: u64, part: Part) -> Duration {
    let (mut screen, mut out) = (Screen::new(SIZE, Caps::RICH), Vec::with_capacity(1 << 20));
    let mut total = Duration::ZERO;
    for turn in 0..iterations {
        out.clear();
        let start = Instant::now();
        app.update_snapshot(Arc::clone(&pair[turn as usize % 2]));
        let updated = Instant::now();
        screen.frame(&mut out, |buf| app.render(buf.area, buf));
        total += match part {
            Part::Update => updated - start,
            Part::Frame => updated.elapsed(),
            Part::Both => start.elapsed(),
        };
        black_box(out.len());
    }
    total
}

#[derive(Clone, Copy)]
enum Part {
    Update,
    Frame,
    Both,
}

fn cost(c: &mut Criterion) {
    let mut site = Site::new();
    let pair = site.apart(Metric::Util, 90);
    let mut app = app(&pair[0], 0, Metric::Util);
    let pictures = pair.clone().map(|s| {
        app.update_snapshot(s);
        picture(&app)
    });
    let differing = pictures[0].content.iter().zip(&pictures[1].content).filter(|(a, b)| a != b).count();
    let cells = pictures[0].content.len();
    println!("{differing} of {cells} cells change: {:.1} %", 100.0 * differing as f64 / cells as f64);

    let mut group = c.benchmark_group("hall 200x60");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4)).sample_size(50);
    for (name, part) in [
        ("update for a snapshot", Part::Update),
        ("draw, diff, encode", Part::Frame),
        ("update, draw, diff, encode", Part::Both),
    ] {
        group.bench_function(name, |b| b.iter_custom(|n| alternate(&mut app, &pair, n, part)));
    }
    let area = Rect::new(0, 0, SIZE.width, SIZE.height);
    let mut buf = Buffer::empty(area);
    group.bench_function("draw alone", |b| {
        b.iter(|| {
            buf.reset();
            app.render(area, &mut buf);
            black_box(&buf);
        });
    });
    group.bench_function("diff, encode alone", |b| {
        let (mut screen, mut out, mut turn) = (Screen::new(SIZE, Caps::RICH), Vec::new(), 0);
        b.iter(|| {
            out.clear();
            screen.encode(&pictures[turn % 2], &mut out);
            turn += 1;
            black_box(out.len())
        });
    });
    group.finish();
    app.show(ViewKind::Jobs, Asset::Site);
    let name = "jobs 200x60: update, draw, diff, encode; tables made before";
    c.bench_function(name, |b| b.iter_custom(|n| alternate(&mut app, &pair, n, Part::Both)));
    list_of_alarms(c, &mut app, &pair);
}

/// Ten thousand alarms in the list (budget: 2 ms to take in and draw a new board).
fn list_of_alarms(c: &mut Criterion, app: &mut App, pair: &[Arc<Snapshot>; 2]) {
    let many = pair.clone().map(|s| {
        let board = alarms::many(&s.frame.topology, s.frame.time, 10_000);
        alarms::with(&s, board)
    });
    app.show(ViewKind::Alarms, Asset::Site);
    app.act(Action::Last);
    let mut group = c.benchmark_group("10,000 alarms 200x60");
    for (name, part) in [("update for a new board", Part::Update), ("draw, diff, encode", Part::Frame)] {
        group.bench_function(name, |b| b.iter_custom(|n| alternate(app, &many, n, part)));
    }
    group.finish();
}

/// What consecutive seconds of the simulated site send, hall by hall.
fn bytes(_: &mut Criterion) {
    let mut site = Site::new();
    let first = site.tick();
    let metrics = [Metric::Util, Metric::Temp, Metric::Power];
    for metric in metrics {
        let mut halls: Vec<_> = (0..first.frame.topology.halls().len())
            .map(|h| (app(&first, h, metric), Screen::new(SIZE, Caps::RICH), Vec::<usize>::new()))
            .collect();
        for (app, screen, _) in &mut halls {
            screen.frame(&mut Vec::new(), |buf| app.render(buf.area, buf));
        }
        for _ in 0..TICKS {
            let snapshot = site.tick();
            for (app, screen, sizes) in &mut halls {
                let mut out = Vec::new();
                app.update_snapshot(Arc::clone(&snapshot));
                screen.frame(&mut out, |buf| app.render(buf.area, buf));
                sizes.push(out.len());
            }
        }
        let mean = |sizes: &[usize]| sizes.iter().sum::<usize>() / sizes.len();
        let means: Vec<_> = halls.iter().map(|(.., s)| mean(s)).collect();
        let worst = halls.iter().flat_map(|(.., s)| s).max().copied().unwrap_or(0);
        println!(
            "bytes a frame at 1 Hz, {}: mean {} over all halls, {} in the busiest, worst frame {worst} (halls: {means:?})",
            metric.spec().name,
            mean(&means),
            means.iter().max().copied().unwrap_or(0),
        );
    }
}

criterion_group!(benches, cost, bytes);
criterion_main!(benches);
