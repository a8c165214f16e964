//! The hall on the screen is asked for when it gets there, not with the next turn.

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
