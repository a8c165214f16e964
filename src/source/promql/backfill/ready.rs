//! When the past may be asked for: the site is known, and the picture of now is there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::fleet::{Snapshot, SourceView};
use crate::model::entry::TargetState;
use crate::source::promql::PromConfig;

/// Longest wait for the first turns of the engines. Now goes before the past, and an engine that is asked for both
/// at once takes longer for both; but one that hangs does not keep the past of the others away.
const FIRST_TURN: Duration = Duration::from_secs(15);

/// The first snapshot in which the site is known and none of `engines` is in its first turn, or has been for too
/// long; `None` when the engine of the console has ended.
pub(super) async fn wait(
    snapshots: &mut watch::Receiver<Arc<Snapshot>>,
    engines: &[PromConfig],
) -> Option<Arc<Snapshot>> {
    let known = settled(snapshots).await?;
    let is_ready = |s: &Arc<Snapshot>| !engines.iter().any(|e| is_in_first_turn(&s.sources, e));
    let ready = snapshots.wait_for(is_ready);
    let Ok(outcome) = tokio::time::timeout(FIRST_TURN, ready).await else { return Some(known) };
    outcome.ok().map(|s| Arc::clone(&s))
}

/// The first snapshot in which there are GPUs and as many as in the one before.
async fn settled(snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Option<Arc<Snapshot>> {
    let mut before = 0;
    loop {
        snapshots.changed().await.ok()?;
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let now = snapshot.inventory.gpus().count();
        if now > 0 && now == before {
            return Some(snapshot);
        }
        before = now;
    }
}

/// True when `sources` list `engine`, whose row is the first of its source, and it has not been tried yet.
fn is_in_first_turn(sources: &[SourceView], engine: &PromConfig) -> bool {
    let rows = sources.iter().filter_map(|s| s.targets.first());
    rows.filter(|row| row.name == engine.name).any(|row| row.state == TargetState::Waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Inventory;
    use crate::model::batch::GpuFacts;
    use crate::model::entry::TargetStatus;
    use crate::model::topology::plan::Plan;
    use crate::model::{GpuId, Timestamp};

    fn view(name: &str, state: TargetState) -> SourceView {
        let row = |name: &str, state| {
            Arc::new(TargetStatus { name: name.to_owned(), state, ..TargetStatus::default() })
        };
        let targets = Arc::new([row(name, state), row("p:9090 temp", TargetState::Waiting)]);
        SourceView { targets, ..SourceView::default() }
    }

    fn engine() -> PromConfig {
        PromConfig::new("http://p:9090").expect("an address")
    }

    #[test]
    fn an_engine_is_in_its_first_turn_until_it_was_tried() {
        let down = TargetState::Down("connection refused".to_owned());
        for (state, waits) in [(TargetState::Waiting, true), (TargetState::Up, false), (down, false)] {
            let sources = [view("node:9400", TargetState::Waiting), view(&engine().name, state)];
            assert_eq!(is_in_first_turn(&sources, &engine()), waits, "{sources:?}");
        }
        assert!(!is_in_first_turn(&[], &engine()), "who does not ask it live has nothing to wait for");
    }

    fn snapshot(state: TargetState) -> Arc<Snapshot> {
        let mut inventory = Inventory::default();
        inventory.set_gpu(GpuId(0), Arc::new(GpuFacts::default()));
        let sources = Arc::new([view(&engine().name, state)]);
        let site = Arc::new(Plan::open("x").build().expect("small"));
        Arc::new(Snapshot { inventory: Arc::new(inventory), sources, ..Snapshot::empty(site, Timestamp(0)) })
    }

    /// How long the past waits when the first turn of the engine takes so long, s.
    async fn waited(first_turn: u64) -> u64 {
        let (tx, mut rx) = watch::channel(snapshot(TargetState::Waiting));
        let start = tokio::time::Instant::now();
        let engines = [engine()];
        let waiting = async {
            let got = wait(&mut rx, &engines).await.expect("it is published");
            assert_eq!(got.inventory.gpus().count(), 1);
            start.elapsed().as_secs()
        };
        let mut second_hand =
            tokio::time::interval_at(start + Duration::from_secs(1), Duration::from_secs(1));
        let publishing = async {
            for second in 0..=first_turn {
                let is_over = second == first_turn;
                tx.send_replace(snapshot(if is_over { TargetState::Up } else { TargetState::Waiting }));
                second_hand.tick().await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            seconds = waiting => seconds,
            () = publishing => 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_picture_of_now_goes_before_the_past_but_not_for_ever() {
        assert_eq!(waited(4).await, 4);
        // The site is known after the second picture, at 1 s.
        assert_eq!(waited(600).await, 1 + FIRST_TURN.as_secs());
    }
}
