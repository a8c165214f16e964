//! Engines with Prometheus' query API, on loopback: what their answers become, and what is told of
//! them when they answer badly.

#[path = "prometheus/engine.rs"]
mod engine;
#[path = "prometheus/sight.rs"]
mod sight;
#[path = "prometheus/trouble.rs"]
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, Mood, NOW};
use hallwatch::engine::Core;
use hallwatch::engine::{Engine as Console, Pace};
use hallwatch::model::batch::SeriesReading;
use hallwatch::model::entry::{SourceStatus, TargetState};
use hallwatch::model::topology::place::Placer;
use hallwatch::model::topology::plan::Plan;
use hallwatch::model::{Entry, GpuId, Metric, Quality, Timestamp};
use hallwatch::source::Outlet;
use hallwatch::source::promql::{self, Links, PromConfig, backfill};
use tokio::sync::{mpsc, watch};

const TWO: [(&str, &str, u16, i64); 2] = [("GPU-a", "n1:9400", 0, 2), ("GPU-b", "n2:9400", 3, 100)];

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

fn config(engine: &Engine, interval: Duration) -> PromConfig {
    rustls::crypto::ring::default_provider().install_default().ok();
    let base = PromConfig::new(&engine.url).expect("an address");
    PromConfig { interval, metrics: vec![Metric::Temp, Metric::Power], ..base }
}

fn core() -> Core {
    Core::new(Arc::new(Plan::open("live").build().expect("an empty site")), Placer::default(), 8 << 20)
}

/// A running source and what it has said.
struct Seen {
    rx: mpsc::Receiver<Entry>,
    core: Core,
    readings: Vec<SeriesReading>,
    status: SourceStatus,
}

impl Seen {
    fn start(config: PromConfig) -> Self {
        Self::with(config, Links::default())
    }

    fn with(config: PromConfig, links: Links) -> Self {
        let (tx, rx) = mpsc::channel(64);
        tokio::spawn(promql::run(config, Outlet { source: 0, tx, clock: now }, links));
        Self { rx, core: core(), readings: Vec::new(), status: SourceStatus::default() }
    }

    /// Listens until `done`; the limit only turns a hang into a failure.
    async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let listen = async {
            while !done(self) {
                let entry = self.rx.recv().await.expect("the source runs on");
                self.core.apply(&entry);
                match entry {
                    Entry::Batch(batch) => self.readings.extend(batch.series),
                    Entry::Source(status) => self.status = status,
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), listen).await.expect("it happens");
    }

    fn is_up(&self) -> bool {
        self.status.targets.first().is_some_and(|(_, t)| t.state == TargetState::Up)
    }

    fn why(&self) -> String {
        match self.status.targets.first().map(|(_, t)| &t.state) {
            Some(TargetState::Down(why)) => why.clone(),
            _ => String::new(),
        }
    }

    fn note(&self) -> &str {
        self.status.note.as_deref().unwrap_or_default()
    }
}

#[tokio::test]
async fn values_carry_the_times_of_their_samples_and_a_dead_node_goes_stale() {
    let engine = Engine::start(&TWO).await;
    let mut seen = Seen::start(config(&engine, Duration::from_secs(15)));
    seen.until(Seen::is_up).await;
    let metrics: Vec<_> = seen.readings.iter().map(|r| r.metric).collect();
    assert!(metrics.contains(&Metric::Temp) && metrics.contains(&Metric::Power), "{metrics:?}");
    for reading in &seen.readings {
        let times: Vec<_> = reading.values.iter().map(|v| (v.member, NOW - v.time.millis() / 1000)).collect();
        assert_eq!(times, [(0, 2), (1, 100)], "ages in seconds");
        assert_eq!(
            (reading.roster.members[1].host.host.as_str(), reading.roster.members[1].index),
            ("n2:9400", 3)
        );
    }
    let effects = seen.core.apply(&Entry::Tick(now()));
    let frame = effects.committed.expect("a frame");
    let by_temp = |t: f32| {
        (0..frame.topology.gpu_count() as u32).map(GpuId).find(|g| frame.value(*g, Metric::Temp) == Some(t))
    };
    let (alive, dead) = (by_temp(40.0).expect("it is there"), by_temp(43.0).expect("it is there"));
    assert_eq!((frame.quality(alive), frame.value(alive, Metric::Power)), (Quality::Good, Some(701.0)));
    // The engine still gives its last value, as if it were new.
    assert_eq!(frame.quality(dead), Quality::Stale);
    assert!(seen.note().is_empty(), "{}", seen.note());
    let asked = engine.state.lock().expect("no panic").asked.clone();
    let has = |what: &str| asked.iter().any(|a| a.contains(what));
    assert!(
        has("max by (UUID) (timestamp(DCGM_FI_DEV_GPU_TEMP))")
            && has("max by (UUID) (DCGM_FI_DEV_POWER_USAGE)"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_engine_that_refuses_is_told_in_its_words_and_asked_again() {
    let engine = Engine::start(&TWO).await;
    let mut seen = Seen::start(config(&engine, Duration::from_millis(50)));
    seen.until(Seen::is_up).await;
    for (status, body, words) in [
        (401, "token is \u{1b}[31mbad", "engine answered 401: token is [31mbad"),
        (
            503,
            r#"{"status":"error","errorType":"unavailable","error":"loading WAL"}"#,
            "engine answered 503: loading WAL",
        ),
        (
            422,
            r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}"#,
            "too many samples",
        ),
    ] {
        engine.set(|s| s.mood = Mood::Refuses(status, body));
        seen.until(|s| s.why().contains(words)).await;
        let before = seen.readings.len();
        seen.until(|s| s.status.targets[0].1.failures >= 2).await;
        assert_eq!(seen.readings.len(), before, "no value while it refuses");
        engine.set(|s| s.mood = Mood::Well);
        seen.until(Seen::is_up).await;
    }
}

#[tokio::test]
async fn nothing_of_an_answer_that_breaks_off_is_shown() {
    let engine = Engine::start(&TWO).await;
    engine.set(|s| s.mood = Mood::Cuts);
    let mut seen = Seen::start(config(&engine, Duration::from_millis(50)));
    seen.until(|s| s.why().contains("cut short")).await;
    assert!(seen.readings.is_empty());
}

#[tokio::test]
async fn missing_parts_and_warnings_are_shown() {
    let engine = Engine::start(&TWO).await;
    engine.set(|s| s.mood = Mood::Partial);
    let mut seen = Seen::start(config(&engine, Duration::from_millis(50)));
    seen.until(Seen::is_up).await;
    assert!(
        seen.note().contains("store h2 is down") && seen.note().contains("parts of the answer are missing"),
        "{}",
        seen.note()
    );
}

#[tokio::test]
async fn an_engine_without_gpus_says_so() {
    let engine = Engine::start(&[]).await;
    let mut seen = Seen::start(config(&engine, Duration::from_millis(50)));
    seen.until(|s| s.why().contains("the engine has no GPU")).await;
    engine.set(|s| s.gpus = TWO.to_vec());
    seen.until(Seen::is_up).await;
    assert!(!seen.readings.is_empty());
}

#[tokio::test]
async fn given_queries_take_the_place_of_the_built_in_ones() {
    let engine = Engine::start(&TWO).await;
    let mut own = config(&engine, Duration::from_secs(15));
    own.queries = vec![promql::parse_query("power=site_POWER").expect("a query")];
    own.selector = promql::parse_selector("{cluster=\"kvd\"}").expect("a selector");
    let mut seen = Seen::start(own);
    seen.until(Seen::is_up).await;
    let asked = engine.state.lock().expect("no panic").asked.clone();
    let has = |what: &str| asked.iter().any(|a| a.ends_with(what));
    assert!(
        has("max by (UUID) (site_POWER)") && has("max by (UUID) (DCGM_FI_DEV_GPU_TEMP{cluster=\"kvd\"})"),
        "{asked:?}"
    );
    let power = seen.readings.iter().find(|r| r.metric == Metric::Power).expect("it is asked");
    assert_eq!(NOW - power.values[1].time.millis() / 1000, 100, "as old as the node says");
}

#[tokio::test]
async fn the_past_hour_comes_in_stretches_with_the_values_of_then() {
    let engine = Engine::start(&TWO).await;
    let (console, handle) = Console::new(core(), Pace::Wall(Duration::from_millis(50)), now);
    tokio::spawn(console.run());
    let config = config(&engine, Duration::from_secs(15));
    tokio::spawn(promql::run(
        config.clone(),
        Outlet { source: 0, tx: handle.entries.clone(), clock: now },
        Links::default(),
    ));
    let (tx, mut portions) = mpsc::channel(8);
    let (progress, told) = watch::channel(String::new());
    tokio::spawn(backfill::run(vec![config], handle.snapshots.clone(), now, tx, progress));
    let (mut frames, mut periods) = (Vec::new(), 0);
    let read = async {
        while let Some(portion) = portions.recv().await {
            frames.extend(portion.frames.iter().map(|s| s.frame()));
            periods += portion.periods.len();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read).await.expect("it ends");
    assert_eq!(frames.len(), 180, "an hour of moments 20 s apart");
    assert!(periods > 360, "{periods} periods of 10 s and of a minute");
    let with_values = frames.iter().filter(|f| f.value(GpuId(0), Metric::Temp) == Some(40.0));
    assert!(with_values.count() >= 175);
    assert!(frames.windows(2).all(|w| w[0].time < w[1].time));
    // Values of every 15 s: those of the 10 s that a moment begins, or else the newest before.
    for f in frames.iter().skip(1) {
        let newest = engine::then(f.time.millis() / 1000 + 9);
        assert_eq!(f.value(GpuId(0), Metric::Power), Some(newest as f32), "{}", f.time.millis());
    }
    assert!(told.borrow().contains("history of 60 min"), "{}", *told.borrow());
}
