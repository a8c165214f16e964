//! Reading an answer of an engine allocates nothing per series once the directory is known: what ten times
//! as many series cost in allocations is the same.

use hallwatch::source::promql::answer::{Bounds, Reader, Series};
use hallwatch::source::promql::directory::{Directory, Scratch, Table};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Bytes that arrive at a time.
const PIECE: usize = 32 << 10;
/// Growth of buffers, however large the answer is.
const FEW: u64 = 8;

/// The answer of an engine with a series for each of `gpus` GPUs, with more labels than needed.
fn answer(gpus: usize) -> Vec<u8> {
    let series = |i| {
        format!(
            r#"{{"metric":{{"UUID":"GPU-{i:08x}-d491-b8be-d45e-{i:012x}","Hostname":"n{}","gpu":"{}"}},"value":[1795427625.123,"{}.5"]}}"#,
            i / 4,
            i % 4,
            60 + i % 40
        )
    };
    let list: Vec<String> = (0..gpus).map(series).collect();
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, list.join(","))
        .into_bytes()
}

fn read(body: &[u8], mut sink: impl FnMut(&Series<'_>)) {
    let mut reader = Reader::new(Bounds::default());
    for piece in body.chunks(PIECE) {
        reader.feed(piece, &mut sink).expect("an answer");
    }
    reader.finish(&mut sink).expect("a whole answer");
}

fn table(body: &[u8]) -> Table {
    let mut directory = Directory::default();
    directory.begin();
    read(body, |s| directory.learn(s, false));
    directory.end().0
}

#[test]
fn a_poll_allocates_nothing_for_a_series() {
    let polls: Vec<_> = [2_000, 20_000].map(answer).into_iter().map(|body| (table(&body), body)).collect();
    let mut scratch = Scratch::default();
    let mut poll = |(table, body): &(Table, Vec<u8>)| {
        let (mut found, mut sum) = (0, 0.0);
        read(body, |s| {
            found += usize::from(table.find(s, &mut scratch).is_some());
            sum += s.points[0].1;
        });
        assert!(sum > 0.0);
        found
    };
    assert_eq!(polls.iter().map(&mut poll).collect::<Vec<_>>(), [2_000, 20_000]);
    let _profiler = dhat::Profiler::builder().testing().build();
    let blocks = || dhat::HeapStats::get().total_blocks;
    let start = blocks();
    poll(&polls[0]);
    let small = blocks() - start;
    let start = blocks();
    poll(&polls[1]);
    let large = blocks() - start;
    assert!(large <= small + FEW, "{small} allocations for 2,000 series, {large} for 20,000");
}
