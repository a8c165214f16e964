//! How old values get when a site is scraped: the source and the engine without a screen, looked at
//! once a second.
//!
//! `cargo run --release --example scrape_ages -- SITE.toml TARGETS.json INTERVAL_S SECONDS`

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hallwatch::engine::{Core, Engine, Pace};
use hallwatch::model::entry::TargetState;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{GpuId, Timestamp, Topology};
use hallwatch::source::Outlet;
use hallwatch::source::scrape::{self, ScrapeConfig};
use tokio::time::{Instant, timeout_at};

/// Bytes of history.
const HISTORY: usize = 64 << 20;

fn now() -> Timestamp {
    hallwatch::cli::start::wall_clock()
}

/// What was seen of the ages of values.
#[derive(Default)]
struct Seen {
    /// How often each age was seen, s.
    ages: HashMap<u32, u64>,
    /// Longest time between two successes of each target that is up, ms.
    last: Vec<Option<Timestamp>>,
    gaps: Vec<i64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    hallwatch::cli::memory::share();
    run()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [site, targets, interval, seconds] = arguments.as_slice() else {
        return Err("expected SITE.toml TARGETS.json INTERVAL_S SECONDS".into());
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Arc::new(Topology::from_toml(&std::fs::read_to_string(site)?, site)?);
    let mut config = ScrapeConfig::load(std::slice::from_ref(targets))?;
    config.interval = Duration::from_secs(interval.parse()?);
    let (interval_ms, count) = (i64::from(config.interval_ms()), config.list.targets.len());
    let core = Core::new(site, Placer::default(), HISTORY);
    let (engine, mut handle) = Engine::new(core, Pace::Wall(Duration::from_secs(1)), now);
    tokio::spawn(engine.run());
    scrape::spawn(config, Outlet { source: 0, tx: handle.entries.clone(), clock: now });
    let start = Instant::now();
    let (warm, end) = (
        start + Duration::from_millis(3 * interval_ms as u64),
        start + Duration::from_secs(seconds.parse()?),
    );
    let mut seen = Seen { last: vec![None; count], gaps: vec![0; count], ..Seen::default() };
    let mut whole = None;
    while timeout_at(end, handle.snapshots.changed()).await.is_ok_and(|r| r.is_ok()) {
        let snapshot = Arc::clone(&handle.snapshots.borrow_and_update());
        let Some(view) = snapshot.sources.first() else { continue };
        let (up, down, waiting) = view.tally();
        if waiting == 0 && up > 0 && whole.is_none() {
            whole = Some(start.elapsed());
            println!(
                "# all {count} targets tried after {:.1} s: {up} up, {down} down",
                start.elapsed().as_secs_f32()
            );
        }
        if Instant::now() < warm {
            continue;
        }
        for (i, target) in view.targets.iter().enumerate().filter(|(_, t)| t.state == TargetState::Up) {
            if let (Some(before), Some(ok)) = (seen.last[i], target.last_ok) {
                seen.gaps[i] = seen.gaps[i].max(ok.since(before));
            }
            seen.last[i] = target.last_ok;
        }
        let frame = &snapshot.frame;
        for gpu in (0..frame.topology.gpu_count()).map(GpuId::new) {
            if let Some(age) = frame.age(gpu) {
                *seen.ages.entry(age).or_default() += 1;
            }
        }
    }
    tell(&seen, interval_ms);
    let history = &handle.snapshots.borrow().history.status;
    let past = history.parts.iter().map(|p| p.bytes).sum::<usize>() + history.series_bytes;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let peak = peak.and_then(|kib| kib.parse::<usize>().ok()).unwrap_or_default() >> 10;
    println!("# peak memory {peak} MiB, of it the past {} MiB", past >> 20);
    Ok(())
}

fn tell(seen: &Seen, interval_ms: i64) {
    let mut ages: Vec<_> = seen.ages.iter().collect();
    ages.sort();
    let all: u64 = ages.iter().map(|(_, n)| **n).sum();
    let percentile = |share: f64| {
        let mut sum = 0;
        let found = ages.iter().find(|(_, n)| {
            sum += **n;
            sum as f64 >= all as f64 * share
        });
        found.map_or(0, |(age, _)| **age)
    };
    println!(
        "# ages of values: p50 {} s, p99 {} s, p99.9 {} s, {all} looks",
        percentile(0.5),
        percentile(0.99),
        percentile(0.999)
    );
    let missed = seen.gaps.iter().filter(|g| **g > interval_ms * 3 / 2).count();
    let longest = seen.gaps.iter().max().copied().unwrap_or(0);
    println!("# targets that missed an interval: {missed}, longest gap between two answers {longest} ms");
}
