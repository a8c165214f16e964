//! Any bytes as the answer of an exporter: no panic, no control character in what is kept, GPU
//! positions unique and in bounds. The same target reads the page twice, as a console does: the second
//! time by the label sets of the first, which must say the same.
//! Run: `fuzz/run exposition`.
#![no_main]

use hallwatch::model::{Timestamp, text};
use hallwatch::source::scrape::page::Memo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let mut memo = Memo::new("host:9400", &[]);
    let mut said = None;
    for _ in 0..2 {
        let page = memo.read(body, Timestamp(0));
        assert!(page.tally.samples + page.tally.bad <= page.tally.lines);
        assert!(page.host.gpus.windows(2).all(|w| w[0].index < w[1].index));
        assert!(page.host.gpus.iter().all(|g| g.index < 64));
        // NaN is not equal to itself; in words it is.
        let values: Vec<_> = page.host.gpus.iter().map(|g| (g.index, format!("{:?}", g.values))).collect();
        let says = (values, page.tally, page.repeated, page.old);
        assert_eq!(*said.get_or_insert_with(|| says.clone()), says);
        for f in page.host.gpus.iter().filter_map(|g| g.facts.as_deref()) {
            let texts: [&str; 6] = [&f.uuid, &f.model, &f.pci, &f.driver, &f.job, &f.tenant];
            assert!(texts.into_iter().flat_map(str::chars).all(text::is_safe));
        }
        assert!(page.host.facts.label("hostname").unwrap_or_default().chars().all(text::is_safe));
    }
});
