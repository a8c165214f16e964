//! An hour of the default site, recorded and replayed. Budgets: 0.30 B per GPU-metric sample; 2 ms
//! of CPU a tick to encode six columns, with 32 MiB of memory for the writer; a step forward 1 ms,
//! back 5 ms (p99); 100 ms to open the hour and show its middle; 15 ms (p95) for any seek; 300 times
//! real time with the hall view drawn; 300 MiB for a replay.
//!
//! `HALLWATCH_BENCH_TICKS` makes it shorter. The recording is made by a process of its own, so that
//! the memory of the reader is its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hallwatch::engine::Core;
use hallwatch::fleet::Frame;
use hallwatch::fleet::history::Archive;
use hallwatch::fleet::past::Tape;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::metric::COUNT;
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Asset, Entry, HallId, Metric, Timestamp, Topology};
use hallwatch::record::frame::FrameEncoder;
use hallwatch::record::{Cursor, Recording, RecordingTape, Writer};
use hallwatch::source::sim::Sim;
use hallwatch::ui::action::ViewKind;
use hallwatch::ui::app::{App, Options};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SEED: u64 = 7;
const MAKE: &str = "--make";
/// The columns of the budget.
const SIX: [Metric; 6] =
    [Metric::Util, Metric::Power, Metric::Temp, Metric::MemTemp, Metric::MemUsed, Metric::SmClock];

fn ticks() -> i64 {
    std::env::var("HALLWATCH_BENCH_TICKS").ok().and_then(|t| t.parse().ok()).unwrap_or(3600)
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec.unsigned_abs() as u32)
}

/// Memory of this process, MiB: now, and at most.
fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    (field("VmRSS:").unwrap_or(f64::NAN) / 1024.0, field("VmHWM:").unwrap_or(f64::NAN) / 1024.0)
}

fn at(samples: &mut [Duration], share: f64) -> Duration {
    samples.sort();
    samples[((samples.len() - 1) as f64 * share) as usize]
}

fn told(what: &str, samples: &mut [Duration]) {
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!(
        "{what:<42} p50 {:7.2} ms   p95 {:7.2} ms   p99 {:7.2} ms",
        ms(at(samples, 0.5)),
        ms(at(samples, 0.95)),
        ms(at(samples, 0.99))
    );
}

/// The frame with all but six columns absent, as they would be on a site that reports no more.
fn six(frame: &Frame) -> Arc<Frame> {
    use hallwatch::fleet::planes::{About, Draft, bytes};
    let mut draft = Draft::absent(&frame.topology);
    for metric in SIX {
        draft.set(metric.index(), &bytes(frame, metric.index()));
    }
    Arc::new(draft.finish(About::of(frame), None))
}

/// The yardstick for the encoder on this machine: the library alone, on the differences of the same
/// planes to those of every tenth frame.
fn zstd_alone(
    zstd: &mut zstd::bulk::Compressor<'_>,
    base: &mut Vec<Vec<u8>>,
    frame: &Frame,
) -> Option<Duration> {
    let planes: Vec<Vec<u8>> =
        SIX.iter().map(|m| hallwatch::fleet::planes::bytes(frame, m.index())).collect();
    if base.is_empty() || frame.seq.is_multiple_of(10) {
        *base = planes;
        return None;
    }
    let differences: Vec<Vec<u8>> = planes
        .iter()
        .zip(base.iter())
        .map(|(p, b)| p.iter().zip(b).map(|(p, b)| p.wrapping_sub(*b)).collect())
        .collect();
    let mut room = vec![0; zstd::zstd_safe::compress_bound(2 * frame.topology.gpu_count())];
    let before = cpu();
    for plane in &differences {
        zstd.compress_to_buffer(plane, room.as_mut_slice()).expect("there is room");
    }
    Some(cpu() - before)
}

/// Makes the recording, and tells what that cost.
fn make(path: &Path) {
    let topology = Arc::new(Topology::default_site());
    let mut core = Core::new(Arc::clone(&topology), Placer::default(), 512 << 20);
    let mut sim = Sim::new(Arc::clone(&topology), SEED);
    core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
    let mut writer: Option<Writer> = None;
    let (mut write, mut encode, mut bytes, mut small) = (Vec::new(), Vec::new(), 0, Vec::new());
    let mut encoder = FrameEncoder::new().expect("memory");
    let (mut alone, mut base) = (Vec::new(), Vec::new());
    let mut zstd = zstd::bulk::Compressor::new(1).expect("memory");
    let answers = vec![true; topology.trays().len()];
    for tick in 0..ticks() {
        let time = SIM_EPOCH.plus_millis(1000 * tick);
        core.apply(&Entry::Batch(sim.step(time, 0)));
        core.apply(&Entry::Tick(time));
        core.maintain();
        let snapshot = core.snapshot(EngineStatus::default());
        let open = writer.take().unwrap_or_else(|| Writer::create(path, &snapshot).expect("a new file"));
        let before = cpu();
        writer.insert(open).write(&snapshot).expect("written");
        write.push(cpu() - before);
        if tick < 300 {
            let frame = six(&snapshot.frame);
            alone.extend(zstd_alone(&mut zstd, &mut base, &frame));
            small.clear();
            let before = cpu();
            encoder.encode((&frame, &answers), 1, &mut small).expect("memory");
            encode.push(cpu() - before);
            bytes += small.len();
        }
    }
    let total = writer.expect("ticks").finish().expect("finished");
    let gpus = topology.gpu_count() as f64;
    let per = |bytes: f64, columns: usize, ticks: usize| bytes / gpus / columns as f64 / ticks as f64;
    println!("{} ticks of {gpus} GPUs: {:.1} MB", write.len(), total as f64 / 1e6);
    println!("bytes per GPU-metric sample, whole file      {:.3}", per(total as f64, COUNT, write.len()));
    println!(
        "the same, six columns alone                  {:.3}",
        per(bytes as f64, SIX.len(), encode.len())
    );
    told("encode a tick of six columns, CPU", &mut encode);
    told("zstd alone on the same differences, CPU", &mut alone);
    told("write a tick, all that is recorded, CPU", &mut write);
}

/// What the writer needs of memory beside the site itself.
fn writer_memory(folder: &Path) {
    let topology = Arc::new(Topology::default_site());
    let mut core = Core::new(Arc::clone(&topology), Placer::default(), 1 << 20);
    let mut sim = Sim::new(Arc::clone(&topology), SEED);
    let mut writer: Option<Writer> = None;
    let mut before = 0.0;
    for tick in 0..60 {
        let time = SIM_EPOCH.plus_millis(1000 * tick);
        core.apply(&Entry::Batch(sim.step(time, 0)));
        core.apply(&Entry::Tick(time));
        let snapshot = core.snapshot(EngineStatus::default());
        if tick == 30 {
            before = memory().0;
            writer = Some(Writer::create(&folder.join("m.mcap"), &snapshot).expect("a new file"));
        }
        if let Some(writer) = &mut writer {
            writer.write(&snapshot).expect("written");
        }
    }
    println!("memory of the writer                         {:.1} MiB", memory().0 - before);
}

fn replay(path: &Path) {
    let start = Instant::now();
    let recording = Recording::open(path).expect("it opens");
    let (first, last) = recording.span().expect("frames");
    let middle = Timestamp(i64::midpoint(first.millis(), last.millis()));
    let mut cursor = Cursor::new(recording).expect("memory");
    cursor.seek(middle).expect("readable");
    println!("open and show the middle                     {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let mut steps = Vec::new();
    for _ in 0..500.min(ticks() / 2 - 1) {
        let start = Instant::now();
        cursor.step(1).expect("readable");
        steps.push(start.elapsed());
    }
    told("a step forward", &mut steps);
    let mut steps = Vec::new();
    for _ in 0..500.min(ticks() / 2 - 1) {
        let start = Instant::now();
        cursor.step(-1).expect("readable");
        steps.push(start.elapsed());
    }
    told("a step back", &mut steps);
    let mut seeks = Vec::new();
    let mut at = 12_345_i64;
    for _ in 0..500 {
        at = (at * 1_103_515_245 + 12_345).rem_euclid(1 << 31);
        let to = first.plus_millis(at % last.since(first).max(1));
        let start = Instant::now();
        cursor.seek(to).expect("readable");
        seeks.push(start.elapsed());
    }
    told("any seek", &mut seeks);
    cursor = drawn(cursor, first);
    as_the_console(&mut cursor, (first, last));
    charts(path, middle);
    restored(path);
    let (now, most) = memory();
    println!("memory of the replay                         {now:.0} MiB, {most:.0} MiB at most");
}

/// Every frame, each drawn as the hall view.
fn drawn(mut cursor: Cursor, first: Timestamp) -> Cursor {
    let begin = Arc::new(cursor.seek(first).expect("readable"));
    let area = Rect::new(0, 0, 200, 60);
    let mut app = App::new(Options::default(), begin);
    app.resize(area.width, area.height);
    app.show(ViewKind::Hall, Asset::Hall(HallId::new(0)));
    app.set_metric(Metric::Power);
    let mut buffer = Buffer::empty(area);
    let (start, mut frames) = (Instant::now(), 0u32);
    while frames < 1200
        && let Some(snapshot) = cursor.next().expect("readable")
    {
        app.update_snapshot(Arc::new(snapshot));
        buffer.reset();
        app.render(area, &mut buffer);
        frames += 1;
    }
    let speed = f64::from(frames) / start.elapsed().as_secs_f64();
    println!("replay, every frame drawn as a hall          {speed:.0} times real time ({frames} frames)");
    cursor
}

/// As the console plays at 300 times real time: ten pictures a second, 30 s apart.
fn as_the_console(cursor: &mut Cursor, (first, last): (Timestamp, Timestamp)) {
    let begin = Arc::new(cursor.seek(first).expect("readable"));
    let area = Rect::new(0, 0, 200, 60);
    let mut app = App::new(Options::default(), begin);
    app.resize(area.width, area.height);
    app.show(ViewKind::Hall, Asset::Hall(HallId::new(0)));
    let mut buffer = Buffer::empty(area);
    let mut pictures = Vec::new();
    let mut at = first;
    while at < last {
        let start = Instant::now();
        app.update_snapshot(Arc::new(cursor.seek(at).expect("readable")));
        buffer.reset();
        app.render(area, &mut buffer);
        pictures.push(start.elapsed());
        at = at.plus_millis(30_000);
    }
    told("a picture at 300 times real time (of 100 ms)", &mut pictures);
}

/// Charts as they come back after a restart: the last ten minutes, and the last hour.
fn restored(path: &Path) {
    for (minutes, budget) in [(10, "0.5 s"), (60, "3 s")] {
        let start = Instant::now();
        let recording = Recording::open(path).expect("it opens");
        let (_, last) = recording.span().expect("frames");
        let mut cursor = Cursor::new(recording).expect("memory");
        let range = (last.plus_millis(-60_000 * minutes), last);
        let found = hallwatch::record::tape::periods(&mut cursor, range, |_| true);
        let count = found.len();
        let mut archive = Archive::new(512 << 20);
        archive.restore(found);
        let ms = start.elapsed().as_secs_f64() * 1e3;
        println!(
            "restored after a restart, {minutes} min of charts   {ms:.0} ms ({count} periods; budget {budget})"
        );
    }
}

/// A moment with the charts of the hour before it.
fn charts(path: &Path, middle: Timestamp) {
    let recording = Recording::open(path).expect("it opens");
    let mut tape = RecordingTape::new(recording, "bench", Path::new(".")).expect("memory");
    let start = Instant::now();
    tape.show(middle).expect("readable");
    println!("a moment of the tape, without charts         {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    tape.charts(middle).expect("readable");
    println!("its charts, which come after it         {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    while tape.chronicle().frames == 0 {}
    println!("the chronicle, first portion                 {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == MAKE) {
        return make(&PathBuf::from(&arguments[at + 1]));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hour.mcap");
    let me = std::env::current_exe().expect("this program");
    let made = Command::new(me).arg(MAKE).arg(&path).status().expect("it starts");
    assert!(made.success());
    replay(&path);
    writer_memory(folder.path());
}
