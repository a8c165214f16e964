//! Drives the simulator for a live console, at the pace of the wall clock.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::model::{Entry, Timestamp};
use crate::source::sim::{Sim, TICK_MS};
use crate::source::{Outlet, Stopped};

/// How far a live simulation may fall behind the wall clock before it jumps ahead, ms.
const CATCH_UP_MS: i64 = 10_000;

/// Drives `sim` for a live console: `speed` ticks a second, each sent as a batch to `outlet`. When
/// the engine is behind, time stretches; no tick is left out. `speed` is held between 0.01 and
/// 1,000.
///
/// # Errors
/// The engine has stopped.
pub async fn run(mut sim: Sim, speed: f64, outlet: Outlet) -> Result<(), Stopped> {
    let period =
        Duration::from_secs_f64(1.0 / if speed.is_finite() { speed.clamp(0.01, 1000.0) } else { 1.0 });
    let mut timer = tokio::time::interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut time = Timestamp::from_secs(outlet.now().secs());
    outlet.send(Entry::Source(sim.status(time, outlet.source))).await?;
    loop {
        timer.tick().await;
        outlet.send(Entry::Batch(sim.step(time, outlet.source))).await?;
        time = time.plus_millis(i64::from(TICK_MS));
        // After a suspended machine the simulated site must not stay behind the wall clock.
        let now = Timestamp::from_secs(outlet.now().secs());
        if now.since(time) > CATCH_UP_MS {
            time = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Topology;

    #[tokio::test]
    async fn the_driver_reports_itself_once_and_then_sends_second_after_second() {
        let (tx, mut rx) = tokio::sync::mpsc::channel(4);
        let clock: crate::source::Clock = || Timestamp(1_000_400);
        let site = Topology::from_toml(crate::source::sim::tests::AIR, "air").expect("valid");
        let sim = Sim::new(Arc::new(site), 7);
        let task = tokio::spawn(run(sim, 500.0, Outlet { source: 3, tx, clock }));
        let Some(Entry::Source(status)) = rx.recv().await else { panic!("status comes first") };
        assert_eq!((status.name.as_str(), status.interval_ms, status.source), ("sim seed 7", 1000, 3));
        for n in 0..5 {
            let Some(Entry::Batch(batch)) = rx.recv().await else { panic!("then batches") };
            assert_eq!(batch.time, Timestamp(1_000_000 + 1000 * n));
        }
        drop(rx);
        assert_eq!(task.await.expect("no panic"), Err(Stopped));
    }
}
