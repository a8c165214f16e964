//! The past of an engine on its way into the console: what a stream of stored samples takes until its values are in
//! the grid (elements are samples), and what it takes to make frames and periods of 20 minutes of 100,000 GPUs.

#[path = "support/protobuf.rs"]
mod protobuf;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hallwatch::fleet::rebuild::Rebuild;
use hallwatch::model::{GpuId, Topology};
use hallwatch::source::promql::grid::{Grid, METRICS, PORTIONS, STRETCH_MS, Uuids};
use hallwatch::source::promql::remote::{Stream, message};

use protobuf::{fields, put};

/// A full hour, ms.
const START: i64 = 1_799_996_400_000;
const SERIES: u32 = 1_000;
/// Samples of a chunk, and the time between two, ms.
const CHUNK: i64 = 120;
const STEP: i64 = 15_000;
/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;

/// Bits, highest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u64, count: u32) {
        self.0.extend((0..count).rev().map(|i| value >> i & 1 == 1));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.put(value, 8);
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        let byte = |b: &[bool]| (0..8).fold(0, |a, i| a << 1 | u8::from(b.get(i) == Some(&true)));
        self.0.chunks(8).map(byte).collect::<Vec<_>>().into_iter()
    }
}

/// A chunk of values that change with every sample, scraped a little early or late.
fn chunk(start: i64, gpu: u32) -> Vec<u8> {
    let (mut bits, mut before, mut delta) = (Bits::default(), 0_u64, STEP);
    for i in 0..CHUNK {
        let value = (f64::from(gpu % 50) + 40.0 + (i * i % 7) as f64).to_bits();
        match i {
            0 => {
                bits.varint((start as u64) << 1);
                bits.put(value, 64);
                before = value;
                continue;
            }
            1 => bits.varint(STEP as u64),
            _ => {
                let late = [0, 3, -3, 0, 0, 1, -1][(i % 7) as usize];
                let change = STEP + late - delta;
                delta = STEP + late;
                let (head, size) = if change == 0 { (0, 1) } else { (0b10, 2) };
                bits.put(head, size);
                if change != 0 {
                    bits.put(change as u64 & 0x3fff, 14);
                }
            }
        }
        let changed = value ^ before;
        before = value;
        if changed == 0 {
            bits.put(0, 1);
            continue;
        }
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        bits.put(0b11 << 11 | u64::from(leading) << 6 | u64::from(64 - leading - trailing), 13);
        bits.put(changed >> trailing, 64 - leading - trailing);
    }
    (CHUNK as u16).to_be_bytes().into_iter().chain(bits.bytes()).collect()
}

fn uuid(gpu: u32) -> String {
    format!("GPU-{:08x}-d491-b8be-d45e-{gpu:012x}", gpu.wrapping_mul(2_654_435_761))
}

fn labels(gpu: u32) -> [(&'static str, String); 12] {
    let (host, index) = (gpu / 4, gpu % 4);
    [
        ("DCGM_FI_DRIVER_VERSION", "580.95.05".into()),
        ("Hostname", format!("kvd-h1-r01-k1-t{host:02}")),
        ("UUID", uuid(gpu)),
        ("__name__", "DCGM_FI_DEV_GPU_TEMP".into()),
        ("device", format!("nvidia{index}")),
        ("gpu", index.to_string()),
        ("hall", "H1".into()),
        ("instance", format!("kvd-h1-r01-k1-t{host:02}:9400")),
        ("job", "dcgm".into()),
        ("modelName", "NVIDIA GB300".into()),
        ("rack", "K1".into()),
        ("row", "R01".into()),
    ]
}

fn series(gpu: u32) -> Vec<u8> {
    fields(|w| {
        for (name, value) in labels(gpu) {
            let label = fields(|w| {
                put(w, 1, name.as_bytes());
                put(w, 2, value.as_bytes());
            });
            put(w, 1, &label);
        }
        for start in (START..START + STRETCH_MS).step_by((CHUNK * STEP) as usize) {
            let chunk = fields(|w| {
                w.write_with_tag(8, |w| w.write_int64(start)).expect("memory");
                w.write_with_tag(16, |w| w.write_int64(start + CHUNK * STEP)).expect("memory");
                w.write_with_tag(24, |w| w.write_int32(1)).expect("memory");
                put(w, 4, &chunk(start, gpu));
            });
            put(w, 2, &chunk);
        }
    })
}

/// The answer of an engine: a frame for each series.
fn stream() -> Vec<u8> {
    let mut out = Vec::new();
    for gpu in 0..SERIES {
        let message = fields(|w| put(w, 1, &series(gpu)));
        out.extend(fields(|w| w.write_varint(message.len() as u64).expect("memory")));
        out.extend(crc32c::crc32c(&message).to_be_bytes());
        out.extend(message);
    }
    out
}

/// Writes the temperatures of `stream` into `grid`; the number of samples.
fn unpack(stream: &[u8], uuids: &Uuids, grid: &mut Grid) -> usize {
    let (mut frames, mut packed, mut count) = (Stream::default(), Vec::new(), 0);
    let (span, slots) = (grid.span(), grid.slots());
    for piece in stream.chunks(PIECE) {
        let each = |m: &[u8]| {
            message(m, |series| {
                let Some(gpu) = uuids.find(series.label(b"UUID")) else { return };
                packed.clear();
                let samples = series.samples(span).inspect(|_| count += 1);
                slots.pack(2, samples.map(|(time, value)| (time, value as f32)), &mut packed);
                grid.fill(2, gpu, &packed);
            })
        };
        frames.feed(piece, each).expect("a stream");
    }
    frames.finish().expect("a whole stream");
    count
}

/// An hour of all GPUs, whose values change now and then.
fn filled(topology: &Topology) -> Grid {
    let mut grid = Grid::new(topology.gpu_count());
    grid.begin(START);
    for gpu in 0..topology.gpu_count() {
        for metric in 0..METRICS.len() {
            let mut packed = Vec::new();
            let samples =
                (0..60).map(|m| (START + 60_000 * m + 30_000, 60.0 + ((gpu as i64 + m) % 11) as f32));
            grid.slots().pack(metric, samples, &mut packed);
            grid.fill(metric, gpu, &packed);
        }
    }
    grid
}

fn bench(c: &mut Criterion) {
    let topology = Arc::new(Topology::default_site());
    let texts: Vec<String> = (0..SERIES).map(uuid).collect();
    let uuids: Uuids = texts.iter().zip(0..).map(|(text, gpu)| (text.as_bytes(), GpuId(gpu))).collect();
    let stream = stream();
    let mut grid = Grid::new(topology.gpu_count());
    grid.begin(START);
    let samples = unpack(&stream, &uuids, &mut grid);
    assert_eq!(samples as i64, i64::from(SERIES) * STRETCH_MS / STEP);
    let mut group = c.benchmark_group("past");
    group.sample_size(20);
    group.throughput(Throughput::Elements(samples as u64));
    group.bench_function("unpack", |b| b.iter(|| black_box(unpack(&stream, &uuids, &mut grid))));
    group.throughput(Throughput::Elements(topology.gpu_count() as u64));
    group.sample_size(10);
    group.bench_function("hand_over_100k", |b| {
        b.iter_batched(
            || (filled(&topology), Rebuild::new(Arc::clone(&topology), 256 << 20)),
            |(mut grid, mut rebuild)| {
                let portion = grid.hand_over(PORTIONS - 1, &mut rebuild, i64::MAX, 7);
                assert_eq!(portion.frames.len(), 60);
                portion
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
