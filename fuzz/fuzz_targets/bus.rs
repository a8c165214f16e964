//! Any bytes as topics and payloads of a facility bus: no panic, no control character in what is kept.
//! Each line of the input is a topic, a blank and a payload.
//! Run: `fuzz/run bus`.
#![no_main]

use hallwatch::model::text;
use hallwatch::source::mqtt::place::Placing;
use hallwatch::source::mqtt::table::Table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut table = Table::new(Placing::new(&[]).expect("the rules are valid"));
    for (i, line) in input.split(|b| *b == b'\n').enumerate() {
        let mut parts = line.splitn(2, |b| *b == b' ');
        let topic = String::from_utf8_lossy(parts.next().unwrap_or_default());
        table.take(&topic, parts.next().unwrap_or_default(), i as i64 * 1000, i % 2 == 0);
    }
    for reading in table.deliver(0) {
        let p = &reading.point;
        for s in [&p.object, &p.object_type, &p.point_type, &p.detail, &p.unit, &p.tag, &p.place.hall] {
            assert!(s.chars().all(text::is_safe));
        }
        assert!(reading.value.is_finite());
    }
});
