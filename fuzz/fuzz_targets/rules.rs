//! Any text as a query and as a file of alarm rules: no panic, and an error that is safe to show.
//! Run: `fuzz/run rules`.
#![no_main]

use hallwatch::alarm::read;
use hallwatch::fleet::query::parse;
use hallwatch::model::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|toml: &str| {
    let safe = |e: String| assert!(e.chars().all(text::is_safe), "{e:?}");
    if let Err(e) = parse(toml) {
        safe(e.to_string());
    }
    match read::read(&[("rules.toml", toml)]) {
        Ok(rules) => rules.list().iter().for_each(|r| safe(r.action.to_string())),
        Err(e) => safe(e.to_string()),
    }
});
