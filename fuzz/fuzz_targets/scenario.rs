//! Any text as a scenario: no panic, an error that is safe to show, and what is accepted gives
//! effects in order of time on a small site, or an error again.
//! Run: `fuzz/run scenario`.
#![no_main]

use hallwatch::model::{Topology, text};
use hallwatch::source::sim::scenario::Scenario;
use hallwatch::source::sim::workload::Workload;
use libfuzzer_sys::fuzz_target;

const SITE: &str = include_str!("../../sites/air-cooled.toml");

fuzz_target!(|toml: &str| {
    let safe = |e: &str| assert!(e.chars().all(text::is_safe));
    match Scenario::parse(toml, "s.toml") {
        Ok(scenario) => {
            safe(&scenario.title);
            let site = Topology::from_toml(SITE, "site.toml").expect("the example is valid");
            match scenario.resolve(&site, &Workload::new(&site, 7), 7) {
                Ok(timeline) => {
                    let seconds: Vec<u64> = timeline.effects().map(|(s, _)| s).collect();
                    assert!(seconds.is_sorted());
                }
                Err(e) => safe(&e.to_string()),
            }
        }
        Err(e) => safe(&e.to_string()),
    }
});
