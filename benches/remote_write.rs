//! Cost of taking in pushed series: requests as a Prometheus sends them, 2,000 samples of GPUs that
//! are known already, by both protocols. Elements are samples.

#[path = "support/protobuf.rs"]
mod protobuf;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hallwatch::model::Timestamp;
use hallwatch::source::remote_write::intake::{Intake, Tally};
use hallwatch::source::remote_write::wire::{Bounds, Protocol, read};

use protobuf::{fields, put};

const NOW: i64 = 1_800_000_000_000;
const SERIES: usize = 2000;
const FAMILIES: [&str; 4] =
    ["DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_MEM_CLOCK"];

/// Labels of series `i`, as dcgm-exporter and Prometheus make them; three of four families are wanted.
fn labels(i: usize) -> Vec<(&'static str, String)> {
    let (gpu, family) = (i / FAMILIES.len(), FAMILIES[i % FAMILIES.len()]);
    let (host, index) = (gpu / 8, gpu % 8);
    vec![
        ("DCGM_FI_DRIVER_VERSION", "580.95.05".into()),
        ("Hostname", format!("kvd-h1-r01-k1-t{host:02}")),
        ("UUID", format!("GPU-8a89df94-4772-2f35-4c41-{gpu:012}")),
        ("__name__", family.into()),
        ("device", format!("nvidia{index}")),
        ("gpu", index.to_string()),
        ("hall", "H1".into()),
        ("instance", format!("kvd-h1-r01-k1-t{host:02}:9400")),
        ("job", "dcgm".into()),
        ("modelName", "NVIDIA GB300".into()),
        ("pci_bus_id", format!("00000008:0{index}:00.0")),
        ("rack", "K1".into()),
        ("row", "R01".into()),
    ]
}

fn sample(time: i64) -> Vec<u8> {
    fields(|w| {
        w.write_with_tag(9, |w| w.write_double(61.5)).expect("memory");
        w.write_with_tag(16, |w| w.write_int64(time)).expect("memory");
    })
}

fn v1(time: i64) -> Vec<u8> {
    fields(|w| {
        for i in 0..SERIES {
            let series = fields(|w| {
                for (name, value) in labels(i) {
                    let label = fields(|w| {
                        put(w, 1, name.as_bytes());
                        put(w, 2, value.as_bytes());
                    });
                    put(w, 1, &label);
                }
                put(w, 2, &sample(time));
            });
            put(w, 1, &series);
        }
    })
}

fn v2(time: i64) -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut index = std::collections::HashMap::new();
    let mut series = Vec::new();
    for i in 0..SERIES {
        let texts = labels(i).into_iter().flat_map(|(n, v)| [n.to_owned(), v]);
        let references: Vec<u32> = texts
            .map(|t| {
                *index.entry(t.clone()).or_insert_with(|| {
                    symbols.push(t);
                    symbols.len() as u32 - 1
                })
            })
            .collect();
        series.push(fields(|w| {
            put(w, 1, &fields(|w| references.iter().for_each(|r| w.write_uint32(*r).expect("memory"))));
            put(w, 2, &sample(time));
        }));
    }
    fields(|w| {
        symbols.iter().for_each(|s| put(w, 4, s.as_bytes()));
        series.iter().for_each(|s| put(w, 5, s));
    })
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("remote_write");
    group.throughput(Throughput::Elements(SERIES as u64));
    for (name, protocol, make) in
        [("1.0", Protocol::V1, v1 as fn(i64) -> Vec<u8>), ("2.0", Protocol::V2, v2 as fn(i64) -> Vec<u8>)]
    {
        let raw = make(NOW);
        let packed = snap::raw::Encoder::new().compress_vec(&raw).expect("small enough");
        group.bench_function(format!("decompress {name}, {} kB", raw.len() / 1000), |b| {
            let mut out = vec![0; raw.len()];
            b.iter(|| snap::raw::Decoder::new().decompress(black_box(&packed), &mut out));
        });
        group.bench_function(format!("decode alone {name}"), |b| {
            b.iter(|| {
                let mut points = 0;
                let content =
                    read(protocol, black_box(&raw), &Bounds::default(), &mut |_, p| points += p.len());
                (content.is_ok(), points)
            });
        });
        group.bench_function(format!("take in {name}, known series"), |b| {
            let mut intake = Intake::new(100_000, None);
            let mut now = NOW;
            b.iter(|| {
                // Each round is a poll later; the times in the message stay, so that all are looked up.
                now += 1;
                let mut tally = Tally::default();
                let mut sink = |l: &[_], p: &[_]| intake.take(l, p, Timestamp(now), &mut tally);
                let content = read(protocol, black_box(&raw), &Bounds::default(), &mut sink);
                intake.deliver(0, Timestamp(now));
                (content.is_ok(), tally.wanted)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
