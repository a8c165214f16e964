//! A recording of a small simulated site, the same every time, with the states as they were.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::PathBuf;
use std::sync::Arc;

use hallwatch::engine::Core;
use hallwatch::fleet::Snapshot;
use hallwatch::fleet::snapshot::EngineStatus;
use hallwatch::model::time::SIM_EPOCH;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Entry, Topology};
use hallwatch::record::Writer;
use hallwatch::source::sim::scenario::{Plan, Scenario};

/// See the module.
pub struct Recorded {
    /// Where the file lies.
    pub folder: tempfile::TempDir,
    /// The file.
    pub path: PathBuf,
    /// The states, second by second.
    pub live: Vec<Arc<Snapshot>>,
}

/// A site of one hall with liquid cooling: one row of 8 racks, 576 GPUs.
pub fn liquid() -> Arc<Topology> {
    use hallwatch::model::topology::spec::DEFAULT_SITE;
    let halls = DEFAULT_SITE.find("[[hall]]").expect("the default site has halls");
    let text = format!(
        "{}[[hall]]\nnames = [\"H1\"]\nrows = 1\nracks_per_row = 8\nrack = \"NVL72\"\ncdus_per_row = 2\n",
        &DEFAULT_SITE[..halls]
    );
    Arc::new(Topology::from_toml(&text, "small").expect("valid"))
}

/// A site of one rack, 72 GPUs.
pub fn tiny() -> Arc<Topology> {
    use hallwatch::model::topology::spec::DEFAULT_SITE;
    let halls = DEFAULT_SITE.find("[[hall]]").expect("the default site has halls");
    let hall =
        "[[hall]]\nnames = [\"H1\"]\nrows = 1\nracks_per_row = 1\nrack = \"NVL72\"\ncdus_per_row = 1\n";
    Arc::new(Topology::from_toml(&format!("{}{hall}", &DEFAULT_SITE[..halls]), "tiny").expect("valid"))
}

/// The air-cooled site, 320 GPUs.
pub fn air() -> Arc<Topology> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/sites/air-cooled.toml"));
    Arc::new(Topology::from_toml(&text.expect("readable"), "air").expect("valid"))
}

/// Records `seconds` of a site, with a scenario from second 20 on.
pub fn record(topology: Arc<Topology>, scenario: Option<&str>, seconds: i64) -> Recorded {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.mcap");
    let scenario = scenario.map(|s| (Arc::new(Scenario::built_in(s).expect("built in")), 20));
    let mut sim = Plan { seed: 7, scenario }.start(Arc::clone(&topology)).expect("it fits");
    let mut core = Core::new(topology, Placer::default(), 64 << 20);
    core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
    let mut writer: Option<Writer> = None;
    let mut live = Vec::new();
    for second in 0..seconds {
        let time = SIM_EPOCH.plus_millis(1000 * second);
        core.apply(&Entry::Batch(sim.step(time, 0)));
        core.apply(&Entry::Tick(time));
        core.maintain();
        let snapshot = Arc::new(core.snapshot(EngineStatus::default()));
        let open = match &mut writer {
            Some(open) => open,
            none => none.insert(Writer::create(&path, &snapshot).expect("a new file")),
        };
        open.write(&snapshot).expect("written");
        live.push(snapshot);
    }
    writer.expect("a second at least").finish().expect("finished");
    Recorded { folder, path, live }
}
