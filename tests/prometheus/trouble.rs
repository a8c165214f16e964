//! Engines in trouble: too busy, too slow, restarted, or with limits below what they are asked.

use std::time::Duration;

use hallwatch::model::entry::TargetState;
use hallwatch::model::{Entry, GpuId, Metric, Quality};
use tokio::sync::{mpsc, watch};

use super::engine::{Engine, Mood};
use super::{Seen, TWO, backfill, config, core, now};

const SHORT: Duration = Duration::from_millis(50);

/// The state of the query called `name` behind the name of the engine.
fn state<'a>(seen: &'a Seen, name: &str) -> Option<&'a TargetState> {
    let ends = |n: &str| n.ends_with(&format!(" {name}"));
    seen.status.targets.iter().find(|(_, t)| ends(&t.name)).map(|(_, t)| &t.state)
}

fn of(seen: &Seen, metric: Metric) -> usize {
    seen.readings.iter().filter(|r| r.metric == metric).count()
}

/// How the first GPU is so many ms later.
fn quality(seen: &mut Seen, ms: i64) -> (Quality, Option<f32>) {
    let frame = seen.core.apply(&Entry::Tick(now().plus_millis(ms))).committed.expect("a frame");
    (frame.quality(GpuId(0)), frame.value(GpuId(0), Metric::Temp))
}

#[tokio::test]
async fn an_engine_that_wants_a_pause_gets_all_of_it() {
    let engine = Engine::start(&TWO).await;
    let mut seen = Seen::start(config(&engine, SHORT));
    seen.until(Seen::is_up).await;
    for status in [429, 503] {
        engine.set(|s| s.mood = Mood::Postpones(status, "1"));
        seen.until(|s| s.note().contains("asks for a pause of 1 s")).await;
        assert!(seen.why().contains(&format!("engine answered {status}")), "{}", seen.why());
        let before = seen.readings.len();
        let last = engine.state.lock().expect("no panic").times.len();
        engine.set(|s| s.mood = Mood::Well);
        seen.until(Seen::is_up).await;
        assert!(seen.readings.len() > before, "and then everything is asked again");
        let times = engine.state.lock().expect("no panic").times.clone();
        let pause = times[last].duration_since(times[last - 1]);
        assert!(pause >= Duration::from_secs(1), "asked again after {pause:?}");
    }
}

#[tokio::test]
async fn what_an_engine_may_ask_for_has_an_end() {
    let engine = Engine::start(&TWO).await;
    engine.set(|s| s.mood = Mood::Postpones(429, "86400"));
    let mut seen = Seen::start(config(&engine, SHORT));
    seen.until(|s| s.note().contains("asks for a pause of 300 s")).await;
}

#[tokio::test]
async fn a_query_without_an_answer_is_told_and_the_others_go_on() {
    let engine = Engine::start(&TWO).await;
    let mut slow = config(&engine, SHORT);
    slow.patience = Duration::from_millis(400);
    let mut seen = Seen::start(slow);
    seen.until(|s| s.is_up() && of(s, Metric::Power) > 0).await;
    engine.set(|s| s.hangs = Some("POWER"));
    seen.until(|s| matches!(state(s, "power"), Some(TargetState::Down(_)))).await;
    let Some(TargetState::Down(why)) = state(&seen, "power") else { panic!("{:?}", seen.status) };
    assert!(why.contains("0.4 s"), "{why}");
    assert!(seen.is_up() && seen.note().contains("1 queries failed"), "{}", seen.note());
    let (power, temp) = (of(&seen, Metric::Power), of(&seen, Metric::Temp));
    // It is asked again in every turn, and says nothing; the others do.
    seen.until(|s| of(s, Metric::Temp) >= temp + 2).await;
    assert_eq!(of(&seen, Metric::Power), power, "nothing is made up for it");
    engine.set(|s| s.hangs = None);
    seen.until(|s| of(s, Metric::Power) > power && state(s, "power") == Some(&TargetState::Up)).await;
}

#[tokio::test]
async fn values_of_an_engine_that_says_nothing_turn_stale_and_then_go() {
    let engine = Engine::start(&TWO[..1]).await;
    let mut slow = config(&engine, SHORT);
    slow.patience = Duration::from_millis(200);
    let mut seen = Seen::start(slow);
    seen.until(Seen::is_up).await;
    engine.set(|s| s.hangs = Some("DCGM"));
    seen.until(|s| s.why().contains("0.2 s") && s.status.targets[0].1.failures >= 2).await;
    let count = seen.readings.len();
    // The newest sample is 2 s old, and the interval is 50 ms.
    assert_eq!(quality(&mut seen, 0).0, Quality::Lost);
    engine.set(|s| {
        s.hangs = None;
        s.gpus[0].3 = 0;
    });
    seen.until(|s| s.is_up() && s.readings.len() > count).await;
    assert_eq!(quality(&mut seen, 100), (Quality::Good, Some(40.0)));
    assert_eq!(quality(&mut seen, 200), (Quality::Stale, Some(40.0)));
    assert_eq!(quality(&mut seen, 600), (Quality::Lost, None));
}

#[tokio::test]
async fn an_engine_that_is_restarted_is_found_again() {
    let mut engine = Engine::start(&TWO).await;
    let mut seen = Seen::start(config(&engine, SHORT));
    seen.until(Seen::is_up).await;
    engine.stop().await;
    seen.until(|s| s.why().contains("refused")).await;
    let before = seen.readings.len();
    seen.until(|s| s.status.targets[0].1.failures >= 2).await;
    assert_eq!(seen.readings.len(), before);
    // It reads its log first, and comes back with one GPU more.
    engine.set(|s| {
        s.mood = Mood::Refuses(503, "loading WAL");
        s.gpus.push(("GPU-c", "n2:9400", 1, 0));
    });
    engine.restart().await;
    seen.until(|s| s.why().contains("engine answered 503: loading WAL")).await;
    assert_eq!(seen.readings.len(), before, "nothing is fresh before it answers");
    engine.set(|s| s.mood = Mood::Well);
    seen.until(|s| s.is_up() && s.readings.last().is_some_and(|r| r.values.len() == 3)).await;
}

#[tokio::test]
async fn a_query_that_is_too_much_is_asked_in_parts() {
    let gpus = ["GPU-0", "GPU-1", "GPU-2", "GPU-7", "GPU-e", "GPU-f"];
    let gpus: Vec<_> = (0..).zip(gpus).map(|(i, uuid)| (uuid, "n1:9400", i, 2)).collect();
    let engine = Engine::start(&gpus).await;
    engine.set(|s| s.limit = 2);
    let mut seen = Seen::start(config(&engine, SHORT));
    seen.until(Seen::is_up).await;
    for metric in [Metric::Temp, Metric::Power] {
        let first = seen.readings.iter().find(|r| r.metric == metric).expect("it is asked");
        let mut members: Vec<u32> = first.values.iter().map(|v| v.member).collect();
        members.sort_unstable();
        assert_eq!(members, [0, 1, 2, 3, 4, 5], "{metric:?}: every GPU once");
    }
    assert!(seen.note().contains("asked in up to 4 parts"), "{}", seen.note());
    // From now on nothing is refused any more.
    let from = engine.state.lock().expect("no panic").asked.len();
    let so_far = of(&seen, Metric::Temp);
    seen.until(|s| of(s, Metric::Temp) >= so_far + 3).await;
    let asked = engine.state.lock().expect("no panic").asked.clone();
    let whole =
        |a: &&String| a.starts_with("/api/v1/query ") && !a.contains("UUID=~") && !a.contains("UUID!~");
    assert_eq!(asked[from..].iter().filter(whole).count(), 0, "{:?}", &asked[from..]);
    // A limit that no part keeps is told, and the number of queries has an end.
    engine.set(|s| s.limit = 0);
    seen.until(|s| s.why().contains("too many samples")).await;
    let Some(TargetState::Down(why)) = state(&seen, "temp") else { panic!("{:?}", seen.status) };
    assert!(why.contains("in parts, too; ask for less with `selector`"), "{why}");
}

#[tokio::test]
async fn the_past_is_asked_in_parts_as_well() {
    use hallwatch::engine::{Engine as Console, Pace};
    use hallwatch::source::{Outlet, promql};

    let engine = Engine::start(&TWO).await;
    let (console, handle) = Console::new(core(), Pace::Wall(SHORT), now);
    tokio::spawn(console.run());
    let config = config(&engine, Duration::from_secs(15));
    let outlet = Outlet { source: 0, tx: handle.entries.clone(), clock: now };
    tokio::spawn(promql::run(config.clone(), outlet, promql::Links::default()));
    engine.set(|s| s.limit = 1);
    let (tx, mut portions) = mpsc::channel(8);
    let (progress, told) = watch::channel(String::new());
    tokio::spawn(backfill::run(vec![config], handle.snapshots.clone(), now, tx, progress));
    let mut frames = Vec::new();
    while let Some(portion) = portions.recv().await {
        frames.extend(portion.frames.iter().map(|s| s.frame()));
    }
    assert!(told.borrow().contains("history of 60 min"), "{}", *told.borrow());
    let told = |f: &hallwatch::fleet::Frame| {
        (0..f.topology.gpu_count() as u32).filter(|g| f.value(GpuId(*g), Metric::Temp).is_some()).count()
    };
    assert!(frames.iter().filter(|f| told(f) == 2).count() >= 175, "both GPUs, each from a part of its own");
}
