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

/// The newest snapshot once the site is known and none of `engines` that is asked for its past is in its first turn,
/// or has been for too long; `None` when the engine of the console has ended.
pub(super) async fn wait(
    snapshots: &mut watch::Receiver<Arc<Snapshot>>,
    engines: &[PromConfig],
) -> Option<Arc<Snapshot>> {
    settled(snapshots).await?;
    let asked = || engines.iter().filter(|e| !e.backfill.is_zero());
    let ready = snapshots.wait_for(|s| !asked().any(|e| is_in_first_turn(&s.sources, e)));
    let has_ended = matches!(tokio::time::timeout(FIRST_TURN, ready).await, Ok(Err(_)));
    // More of the site may be known by now than when the waiting began.
    (!has_ended).then(|| Arc::clone(&snapshots.borrow_and_update()))
}

/// Waits until there are GPUs, and as many as in the snapshot before.
async fn settled(snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Option<()> {
    let mut before = 0;
    loop {
        snapshots.changed().await.ok()?;
        let now = snapshots.borrow_and_update().inventory.gpus().count();
        if now > 0 && now == before {
            return Some(());
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

    /// A site of which so many GPUs are known.
    fn snapshot(state: TargetState, gpus: u32) -> Arc<Snapshot> {
        let mut inventory = Inventory::default();
        (0..gpus).for_each(|gpu| inventory.set_gpu(GpuId(gpu), Arc::new(GpuFacts::default())));
        let sources = Arc::new([view(&engine().name, state)]);
        let site = Arc::new(Plan::open("x").build().expect("small"));
        Arc::new(Snapshot { inventory: Arc::new(inventory), sources, ..Snapshot::empty(site, Timestamp(0)) })
    }

    /// How long the past of `engine` waits, s, and how many GPUs are known then, when its first turn takes so long
    /// and others bring a second GPU after 5 s.
    async fn waited(engine: PromConfig, first_turn: u64) -> (u64, usize) {
        let (tx, mut rx) = watch::channel(snapshot(TargetState::Waiting, 1));
        let start = tokio::time::Instant::now();
        let engines = [engine];
        let waiting = async {
            let got = wait(&mut rx, &engines).await.expect("it is published");
            (start.elapsed().as_secs(), got.inventory.gpus().count())
        };
        let mut second_hand =
            tokio::time::interval_at(start + Duration::from_secs(1), Duration::from_secs(1));
        let publishing = async {
            for second in 0..=first_turn {
                let state = if second == first_turn { TargetState::Up } else { TargetState::Waiting };
                tx.send_replace(snapshot(state, if second < 5 { 1 } else { 2 }));
                second_hand.tick().await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = waiting => outcome,
            () = publishing => (0, 0),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_picture_of_now_goes_before_the_past_but_not_for_ever() {
        assert_eq!(waited(engine(), 4).await, (4, 1));
        // The site is known after the second picture, at 1 s.
        assert_eq!(
            waited(engine(), 600).await,
            (1 + FIRST_TURN.as_secs(), 2),
            "with all that is known by then"
        );
        let without_past = PromConfig { backfill: Duration::ZERO, ..engine() };
        assert_eq!(waited(without_past, 600).await, (1, 1));
    }
}
