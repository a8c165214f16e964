//! What asking an engine costs and how soon its values come: the source and the state without a screen.
//!
//! `cargo run --release --example engine_sight -- URL TURNS`
//!
//! Prints the time until the first three metrics are whole; then, for eight metrics every 15 s, wall and
//! CPU time of each turn with taking the values in (the first one asks who the GPUs are, too, and only
//! some have the slow metrics); then how long a hall takes that gets on the screen.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hallwatch::engine::Core;
use hallwatch::model::topology::place::Placer;
use hallwatch::model::topology::plan::Plan;
use hallwatch::model::{Entry, Metric, Timestamp};
use hallwatch::source::Outlet;
use hallwatch::source::promql::{self, Links, PromConfig};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// The metrics of which the first picture is made.
const THREE: [Metric; 3] = [Metric::Util, Metric::Power, Metric::Temp];
/// Those of a turn.
const EIGHT: [Metric; 8] = [
    Metric::Util,
    Metric::Power,
    Metric::Temp,
    Metric::Activity,
    Metric::MemUsed,
    Metric::SmClock,
    Metric::MemTemp,
    Metric::Xid,
];
/// A hall has come when nothing more of it does for this long.
const QUIET: Duration = Duration::from_millis(1200);

fn now() -> Timestamp {
    hallwatch::cli::start::wall_clock()
}

/// CPU seconds of this process, by `/proc` (clock ticks of 10 ms).
fn cpu() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / 100.0)
}

/// A running source, and the state that its values go into.
struct Console {
    core: Core,
    rx: mpsc::Receiver<Entry>,
    sight: watch::Sender<Option<Arc<str>>>,
    source: tokio::task::JoinHandle<()>,
    start: Instant,
}

impl Console {
    fn start(url: &str, metrics: &[Metric], interval: Duration) -> Result<Self, Box<dyn Error>> {
        let mut config = PromConfig::new(url)?;
        (config.metrics, config.interval) = (metrics.to_vec(), interval);
        let (sight, focus) = watch::channel(None);
        let (tx, rx) = mpsc::channel(64);
        let links = Links { focus: Some(focus), ..Links::default() };
        let start = Instant::now();
        let source = tokio::spawn(promql::run(config, Outlet { source: 0, tx, clock: now }, links));
        let core = Core::new(Arc::new(Plan::open("live").build()?), Placer::default(), 64 << 20);
        Ok(Self { core, rx, sight, source, start })
    }

    /// Takes in one entry.
    async fn take(&mut self) -> Option<Came> {
        let entry = self.rx.recv().await?;
        self.core.apply(&entry);
        Some(match &entry {
            Entry::Batch(batch) => Came::Values(batch.series.iter().map(|s| s.values.len()).sum()),
            Entry::Source(status) => Came::Told(status.targets.first().map_or(0, |(_, t)| t.duration_ms)),
            _ => Came::Values(0),
        })
    }

    /// Takes in a whole turn, and makes a frame of it; its values (slow metrics are not asked each time),
    /// and how long the source says that it took, ms.
    async fn turn(&mut self) -> Option<(usize, u32)> {
        let mut values = 0;
        loop {
            match self.take().await? {
                Came::Values(came) => values += came,
                Came::Told(ms) if values > 0 => {
                    self.core.apply(&Entry::Tick(now()));
                    return Some((values, ms));
                }
                Came::Told(_) => {}
            }
        }
    }
}

/// What an entry was.
enum Came {
    /// So many values.
    Values(usize),
    /// The report of a turn that took so many ms.
    Told(u32),
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, turns] = arguments.as_slice() else { return Err("expected URL TURNS".into()) };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut console = Console::start(url, &THREE, Duration::from_secs(600))?;
    let (values, _) = console.turn().await.ok_or("the source ended")?;
    println!(
        "first picture of three metrics: {:.2} s, {values} values",
        console.start.elapsed().as_secs_f32()
    );
    console.source.abort();

    let mut console = Console::start(url, &EIGHT, Duration::from_secs(15))?;
    for _ in 0..turns.parse::<usize>()? {
        let before = cpu()?;
        let (values, ms) = console.turn().await.ok_or("the source ended")?;
        let used = cpu()? - before;
        println!("turn: {:.2} s wall, {used:.2} s CPU, {values} values", f64::from(ms) / 1000.0);
    }
    console.source.abort();

    let mut console = Console::start(url, &EIGHT, Duration::from_secs(600))?;
    console.turn().await.ok_or("the source ended")?;
    let topology = Arc::clone(&console.core.snapshot(Default::default()).frame.topology);
    for hall in topology.halls().iter().filter(|h| !h.unplaced) {
        let asked = Instant::now();
        console.sight.send_replace(Some(hall.name.as_str().into()));
        let (mut last, mut values) = (None, 0);
        while let Ok(Some(came)) = timeout(QUIET, console.take()).await {
            if let Came::Values(came) = came {
                (last, values) = (Some(asked.elapsed()), values + came);
            }
        }
        match last {
            Some(last) => println!("hall {}: {:.2} s, {values} values", hall.name, last.as_secs_f32()),
            None => println!("hall {}: nothing came", hall.name),
        }
    }
    Ok(())
}
