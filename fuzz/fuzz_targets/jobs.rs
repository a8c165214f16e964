//! Lists of jobs: mapping files, answers of slurmrestd, host lists.
#![no_main]

use hallwatch::source::jobs::{hostlist, mapping, slurm};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = slurm::parse(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = mapping::parse(text, "jobs");
        if let Ok(hosts) = hostlist::expand(text) {
            assert!(hosts.len() <= hostlist::MAX_HOSTS);
        }
    }
});
