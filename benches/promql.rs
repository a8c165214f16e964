//! One answer of an engine at full size: 100,000 series with their UUID, read while it comes and looked up
//! in the directory. A poll of eight metrics is nine of these.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hallwatch::source::promql::answer::{Bounds, Reader, Series};
use hallwatch::source::promql::directory::{Directory, Scratch, Table};

const GPUS: usize = 100_000;
/// Bytes that arrive at a time.
const PIECE: usize = 32 << 10;

/// An answer with `labels` of GPU i.
fn answer(labels: impl Fn(usize) -> String) -> Vec<u8> {
    let series = |i| format!(r#"{{"metric":{{{}}},"value":[1795427625.123,"{}"]}}"#, labels(i), 60 + i % 40);
    let list: Vec<String> = (0..GPUS).map(series).collect();
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, list.join(","))
        .into_bytes()
}

fn uuid(i: usize) -> String {
    format!(r#""UUID":"GPU-{:08x}-d491-b8be-d45e-{i:012x}""#, i * 2_654_435_761 % (1 << 32))
}

fn read(body: &[u8], mut sink: impl FnMut(&Series<'_>)) {
    let mut reader = Reader::new(Bounds::default());
    for piece in body.chunks(PIECE) {
        reader.feed(piece, &mut sink).expect("an answer");
    }
    reader.finish(&mut sink).expect("a whole answer");
}

fn learn(body: &[u8]) -> Table {
    let mut directory = Directory::default();
    directory.begin();
    read(body, |s| directory.learn(s, false));
    directory.end().0
}

fn bench(c: &mut Criterion) {
    let poll = answer(uuid);
    let who = answer(|i| {
        format!(
            r#"{},"gpu":"{}","instance":"10.0.{}.{}:9400","Hostname":"kvd-n{}","hall":"H1","modelName":"NVIDIA GB300""#,
            uuid(i),
            i % 4,
            i / 1024,
            i / 4 % 256,
            i / 4
        )
    });
    let table = learn(&who);
    assert_eq!(table.len(), GPUS);
    let mut group = c.benchmark_group("promql");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(poll.len() as u64));
    group.bench_function("poll_100k", |b| {
        let mut scratch = Scratch::default();
        b.iter(|| {
            let mut found = 0;
            read(&poll, |s| found += usize::from(table.find(s, &mut scratch).is_some()));
            assert_eq!(black_box(found), GPUS);
        });
    });
    group.throughput(Throughput::Bytes(who.len() as u64));
    group.bench_function("directory_100k", |b| b.iter(|| black_box(learn(&who).len())));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
