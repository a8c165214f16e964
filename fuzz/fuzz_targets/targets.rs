//! Any text as a target list: no panic, and an error that is safe to show.
//! Run: `fuzz/run targets`.
#![no_main]

use hallwatch::model::text;
use hallwatch::source::scrape::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| match targets::from_json("t.json", json) {
    Ok(list) => {
        for target in list {
            assert!(target.name.chars().all(text::is_safe));
        }
    }
    Err(e) => assert!(e.to_string().chars().all(text::is_safe)),
});
