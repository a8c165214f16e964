//! Any bytes as what an engine with Prometheus' query API answers, as JSON and as a stream of chunks: no
//! panic, no control character in what is kept, and alike however the bytes are cut. The first byte
//! says into pieces of which size. Run: `fuzz/run engine`.
#![no_main]

use hallwatch::model::text;
use hallwatch::source::promql::answer::{Bounds, Reader};
use hallwatch::source::promql::directory::Directory;
use hallwatch::source::promql::remote;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, body)) = input.split_first() else { return };
    let read = |size: usize| {
        let mut reader = Reader::new(Bounds { piece: 1 << 16, ..Bounds::default() });
        let mut directory = Directory::default();
        directory.begin();
        for piece in body.chunks(size) {
            reader.feed(piece, &mut |s| directory.learn(s, false)).ok()?;
        }
        let summary = reader.finish(&mut |s| directory.learn(s, false)).ok()?;
        let (table, roster) = directory.end();
        Some((summary, table.len(), roster))
    };
    let (whole, pieces) = (read(body.len().max(1)), read(usize::from(*size).max(1)));
    assert_eq!(whole, pieces);
    if let Some((summary, _, roster)) = whole {
        assert!(summary.warnings.iter().flat_map(|w| w.chars()).all(text::is_safe));
        for member in roster.iter().flat_map(|r| &r.members) {
            let f = &member.facts;
            assert!(member.index < 64);
            let texts: [&str; 7] =
                [&f.uuid, &f.model, &f.pci, &f.driver, &f.job, &f.tenant, &member.host.host];
            assert!(texts.into_iter().flat_map(|t| t.chars()).all(text::is_safe));
        }
    }
    let mut stream = remote::Stream::default();
    for piece in body.chunks(usize::from(*size).max(1)) {
        let count = |s: &remote::Chunked<'_>| assert!(s.samples((i64::MIN, i64::MAX)).count() <= body.len() * 9);
        if stream.feed(piece, |m| remote::message(m, count)).is_err() {
            return;
        }
    }
});
