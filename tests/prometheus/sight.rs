//! What is asked for sooner than turn by turn: the first values beside the directory, and the hall on the
//! screen when it gets there.

use std::sync::Arc;
use std::time::Duration;

use hallwatch::model::Metric;
use hallwatch::source::promql::Links;
use tokio::sync::watch;

use super::engine::{Engine, Mood};
use super::{Seen, TWO, config};

/// So long that no second turn comes within a test.
const LONG: Duration = Duration::from_secs(600);

fn looking() -> (watch::Sender<Option<Arc<str>>>, Links) {
    let (sight, focus) = watch::channel(None);
    (sight, Links { focus: Some(focus), ..Links::default() })
}

fn asked(engine: &Engine) -> Vec<String> {
    engine.state.lock().expect("no panic").asked.clone()
}

#[tokio::test]
async fn a_hall_that_gets_on_the_screen_is_asked_for_by_itself() {
    let engine = Engine::start(&TWO).await;
    let (sight, links) = looking();
    let mut seen = Seen::with(config(&engine, LONG), links);
    seen.until(Seen::is_up).await;
    let (before, turns) = (asked(&engine).len(), seen.readings.len());
    engine.set(|s| s.gpus[1].3 = 1);
    sight.send_replace(Some("h2".into()));
    seen.until(|s| s.readings.len() >= turns + 2).await;
    for reading in &seen.readings[turns..] {
        let of: Vec<_> = reading.values.iter().map(|v| v.member).collect();
        assert_eq!(of, [1], "only the GPU of hall H2, with its new time");
        assert_eq!(super::now().millis() - reading.values[0].time.millis(), 1000);
    }
    let metrics: Vec<_> = seen.readings[turns..].iter().map(|r| r.metric).collect();
    assert!(metrics.contains(&Metric::Temp) && metrics.contains(&Metric::Power), "{metrics:?}");
    let asked = asked(&engine);
    assert_eq!(asked.len(), before + 3, "times, temperatures, power: {:?}", &asked[before..]);
    assert!(asked[before..].iter().all(|a| a.contains("hall=\"H2\"")), "{:?}", &asked[before..]);
    // The list of sources goes on telling of the whole site.
    assert_eq!(seen.status.targets[0].1.samples, 8, "{:?}", seen.status.targets);
}

#[tokio::test]
async fn a_hall_that_no_label_tells_is_left_to_the_next_turn() {
    let engine = Engine::start(&TWO).await;
    let (sight, links) = looking();
    let mut seen = Seen::with(config(&engine, LONG), links);
    seen.until(Seen::is_up).await;
    let (before, turns) = (asked(&engine).len(), seen.readings.len());
    sight.send_replace(Some("annex".into()));
    sight.send_replace(None);
    sight.send_replace(Some("H1".into()));
    seen.until(|s| s.readings.len() >= turns + 2).await;
    let asked = asked(&engine);
    assert!(asked[before..].iter().all(|a| a.contains("hall=\"H1\"")), "{:?}", &asked[before..]);
}

#[tokio::test]
async fn an_engine_that_wants_a_pause_is_not_looked_at() {
    let engine = Engine::start(&TWO).await;
    let (sight, links) = looking();
    let mut seen = Seen::with(config(&engine, Duration::from_millis(50)), links);
    seen.until(Seen::is_up).await;
    engine.set(|s| s.mood = Mood::Postpones(429, "1"));
    seen.until(|s| s.note().contains("asks for a pause")).await;
    engine.set(|s| s.mood = Mood::Well);
    let before = asked(&engine).len();
    sight.send_replace(Some("H1".into()));
    seen.until(Seen::is_up).await;
    let state = engine.state.lock().expect("no panic");
    assert!(state.times[before].duration_since(state.times[before - 1]) >= Duration::from_secs(1));
}

/// The queries of the first turn, without those that find out which engine it is.
async fn first_turn(engine: &Engine) -> (Seen, Vec<String>) {
    let mut seen = Seen::start(config(engine, LONG));
    seen.until(Seen::is_up).await;
    let asked = asked(engine).into_iter().filter(|a| a.starts_with("/api/v1/query")).collect();
    (seen, asked)
}

fn members(seen: &Seen) -> Vec<(Metric, Vec<(u32, i64)>)> {
    let of = |r: &hallwatch::model::batch::SeriesReading| {
        r.values.iter().map(|v| (v.member, super::NOW - v.time.millis() / 1000)).collect()
    };
    let mut out: Vec<_> = seen.readings.iter().map(|r| (r.metric, of(r))).collect();
    out.sort_by_key(|(metric, _)| metric.index());
    out
}

#[tokio::test]
async fn the_first_values_are_asked_for_beside_the_directory() {
    let engine = Engine::start(&TWO).await;
    // One that answers in order would never come to power.
    engine.set(|s| s.waits = Some(("UUID,uuid", "POWER")));
    let (seen, asked) = first_turn(&engine).await;
    let both = vec![(0, 2), (1, 100)];
    assert_eq!(members(&seen), [(Metric::Power, both.clone()), (Metric::Temp, both)]);
    assert_eq!(asked.len(), 3, "who with temperatures, times, power, each once: {asked:?}");
    assert_eq!(temperatures(&seen), [40.0, 43.0]);
    let rows = &seen.status.targets;
    assert!(rows.iter().all(|(_, r)| r.samples > 0), "each query is told: {rows:?}");
}

/// The temperatures that came, by GPU.
fn temperatures(seen: &Seen) -> Vec<f32> {
    let its = seen.readings.iter().filter(|r| r.metric == Metric::Temp);
    its.flat_map(|r| r.values.iter().map(|v| v.value)).collect()
}

#[tokio::test]
async fn values_of_instances_are_asked_for_by_themselves() {
    let engine = Engine::start(&TWO).await;
    engine.set(|s| s.instances = true);
    let (seen, asked) = first_turn(&engine).await;
    assert_eq!(temperatures(&seen), [40.0, 43.0], "the highest of each GPU, not that of its last series");
    assert_eq!(asked.len(), 4, "temperatures once more: {asked:?}");
}

#[tokio::test]
async fn gpus_without_uuids_are_asked_for_again_by_what_they_have() {
    let engine = Engine::start(&TWO).await;
    engine.set(|s| (s.waits, s.nameless) = (Some(("UUID,uuid", "POWER")), true));
    let (seen, asked) = first_turn(&engine).await;
    let both = vec![(0, 2), (1, 100)];
    assert_eq!(members(&seen), [(Metric::Power, both.clone()), (Metric::Temp, both)]);
    let again = asked.iter().filter(|a| a.contains("max by (instance,gpu)")).count();
    assert_eq!((again, asked.len()), (3, 6), "{asked:?}");
}

#[tokio::test]
async fn nothing_is_shown_of_values_whose_directory_did_not_come() {
    let engine = Engine::start(&TWO).await;
    engine.set(|s| (s.waits, s.mood) = (Some(("UUID,uuid", "POWER")), Mood::Hides));
    let mut seen = Seen::start(config(&engine, LONG));
    seen.until(|s| s.why() == "engine answered 503: too busy").await;
    assert!(seen.readings.is_empty(), "{:?}", seen.readings);
}
