//! The engine task: one queue in, one snapshot out per tick. The only writer of the state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::alarm::Happened;
use crate::engine::core::Core;
use crate::engine::desk::{Desk, Order};
use crate::engine::keep::{Keeper, Loose};
use crate::fleet::Snapshot;
use crate::fleet::rebuild::Portion;
use crate::fleet::snapshot::EngineStatus;
use crate::model::{Entry, Timestamp};
use crate::record::FlightRecorder;

/// Entries that may wait for the engine. Sources that find the queue full wait.
pub const QUEUE: usize = 16;

/// What makes the engine commit a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// The wall clock, every so often: live sources.
    Wall(Duration),
    /// Every batch of whole columns, at its own time: simulator, recordings.
    Batches,
}

/// How sessions and sources reach the engine.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    /// The newest snapshot.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The queue of entries.
    pub entries: mpsc::Sender<Entry>,
    /// Where operations on alarms are handed in.
    pub desk: Desk,
}

/// The engine before it runs.
#[derive(Debug)]
pub struct Engine {
    core: Core,
    pace: Pace,
    clock: fn() -> Timestamp,
    rx: mpsc::Receiver<Entry>,
    orders: mpsc::Receiver<Order>,
    keeper: Option<Keeper>,
    recorder: Option<FlightRecorder>,
    /// Periods of the past that are read back, in portions.
    backfill: Option<mpsc::Receiver<Portion>>,
    loose: Loose,
    publish: watch::Sender<Arc<Snapshot>>,
    status: EngineStatus,
}

impl Engine {
    /// An engine around `core`, and the handle to it. `clock` reads the wall clock.
    #[must_use]
    pub fn new(core: Core, pace: Pace, clock: fn() -> Timestamp) -> (Self, EngineHandle) {
        let (entries, rx) = mpsc::channel(QUEUE);
        let mut first = core.snapshot(EngineStatus::default());
        let topology = Arc::clone(&first.frame.topology);
        first.frame = Arc::new(crate::fleet::Frame::empty(topology, clock()));
        let (publish, snapshots) = watch::channel(Arc::new(first));
        let (desk, orders) = Desk::new();
        let status = EngineStatus::default();
        let (keeper, loose) = (None, Loose::default());
        let (recorder, backfill) = (None, None);
        let engine =
            Self { core, pace, clock, rx, orders, keeper, recorder, backfill, loose, publish, status };
        (engine, EngineHandle { snapshots, entries, desk })
    }

    /// The same with a journal in which alarms and operations are kept.
    #[must_use]
    pub fn with_journal(mut self, keeper: Keeper) -> Self {
        self.core.apply(&Keeper::first());
        self.keeper = Some(keeper);
        self
    }

    /// The same with a flight recorder, which every state of a tick is handed to.
    #[must_use]
    pub fn with_recorder(mut self, recorder: FlightRecorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// The same with a past that is read back, from a recording or an engine, while this one runs.
    #[must_use]
    pub fn with_backfill(mut self, periods: mpsc::Receiver<Portion>) -> Self {
        self.backfill = Some(periods);
        self
    }

    /// Runs until every sender of entries is gone.
    pub async fn run(mut self) {
        let period = match self.pace {
            Pace::Wall(period) => period,
            Pace::Batches => Duration::from_secs(1),
        };
        let mut ticks = interval(period);
        // A late tick is not made up for: two frames of the same moment say nothing new.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                entry = self.rx.recv() => match entry {
                    Some(entry) => self.take(&entry),
                    None => return,
                },
                Some(order) = self.orders.recv() => self.order(order),
                news = next(&mut self.keeper) => {
                    let entries = self.keeper.as_mut().map(|k| k.entries(news)).unwrap_or_default();
                    self.take_all(&entries);
                }
                periods = portion(&mut self.backfill) => match periods {
                    Some(periods) => self.core.restore_portion(periods),
                    None => self.backfill = None,
                },
                due = ticks.tick(), if self.pace != Pace::Batches => {
                    if due.elapsed() > period / 2 {
                        self.status.late_ticks += 1;
                    }
                    self.tick((self.clock)());
                }
            }
        }
    }

    /// An operator wants something: it is saved first, and comes back as news then.
    fn order(&mut self, mut order: Order) {
        let now = self.core.now().max(order.operation.time);
        match &self.keeper {
            Some(keeper) => {
                order.operation.time = now;
                keeper.order(order);
            }
            None => {
                let operation = self.loose.order(order, now);
                self.take_all(&[Entry::Operation(operation)]);
            }
        }
    }

    /// Entries between ticks whose effect is to be seen at once.
    fn take_all(&mut self, entries: &[Entry]) {
        for entry in entries {
            let effects = self.core.apply(entry);
            self.keep(effects.alarms);
        }
        self.publish();
    }

    fn publish(&self) -> Arc<Snapshot> {
        let mut snapshot = self.core.snapshot(self.status);
        if let Some(recorder) = &self.recorder {
            snapshot.recorder = Arc::new(recorder.view());
        }
        let snapshot = Arc::new(snapshot);
        self.publish.send_replace(Arc::clone(&snapshot));
        snapshot
    }

    fn keep(&mut self, happened: Happened) {
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(happened);
        }
    }

    fn take(&mut self, entry: &Entry) {
        let effects = self.core.apply(entry);
        self.keep(effects.alarms);
        if let (Pace::Batches, Entry::Batch(batch)) = (self.pace, entry)
            && batch.dense.is_some()
        {
            self.tick(batch.time);
        }
    }

    fn tick(&mut self, now: Timestamp) {
        let start = Instant::now();
        let effects = self.core.apply(&Entry::Tick(now));
        self.status.commit_us = micros(start);
        self.status.queued = self.rx.len() as u32;
        let snapshot = self.publish();
        if let Some(recorder) = &self.recorder {
            recorder.offer(&snapshot);
        }
        drop(snapshot);
        self.keep(effects.alarms);
        let start = Instant::now();
        self.core.maintain();
        self.status.pack_us = micros(start);
    }
}

/// The next news of a journal; never where there is none.
async fn next(keeper: &mut Option<Keeper>) -> crate::journal::worker::News {
    match keeper {
        Some(keeper) => keeper.next().await,
        None => std::future::pending().await,
    }
}

/// The next portion of the past; never where none is read back.
async fn portion(backfill: &mut Option<mpsc::Receiver<Portion>>) -> Option<Portion> {
    match backfill {
        Some(periods) => periods.recv().await,
        None => std::future::pending().await,
    }
}

fn micros(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::{Batch, DenseBatch};
    use crate::model::topology::place::Placer;
    use crate::model::topology::plan::{NewHost, Plan};
    use crate::model::{Column, GpuId, Metric};

    fn core() -> Core {
        let hosts = [NewHost { host: "a".into(), place: None, gpus: 2 }];
        let site = Plan::open("x").with_hosts(&hosts).build().expect("small");
        Core::new(Arc::new(site), Placer::default(), 1 << 20)
    }

    fn dense(second: i64, util: u16) -> Entry {
        let column = Column::from_raw(Metric::Util, [util, util].into_iter());
        let dense = DenseBatch { columns: vec![(Metric::Util, column)], ..DenseBatch::default() };
        Entry::Batch(Batch { dense: Some(dense), ..Batch::new(0, Timestamp::from_secs(second)) })
    }

    #[tokio::test]
    async fn every_dense_batch_is_committed_and_published() {
        let (engine, mut handle) = Engine::new(core(), Pace::Batches, || Timestamp::from_secs(7));
        assert_eq!(
            handle.snapshots.borrow().frame.time,
            Timestamp::from_secs(7),
            "a first frame before any data"
        );
        let task = tokio::spawn(engine.run());
        handle.entries.send(dense(10, 42)).await.expect("the engine runs");
        handle.snapshots.changed().await.expect("it publishes");
        assert_eq!(handle.snapshots.borrow().frame.value(GpuId(1), Metric::Util), Some(42.0));
        drop(handle.entries);
        task.await.expect("it ends when all senders are gone");
    }

    #[tokio::test]
    async fn an_order_is_answered() {
        use crate::model::alarm::{AlarmId, Operation, Verb};

        let (engine, handle) = Engine::new(core(), Pace::Batches, || Timestamp::from_secs(7));
        let task = tokio::spawn(engine.run());
        let operation = Operation {
            number: 0,
            time: Timestamp::from_secs(7),
            operator: "kari".into(),
            verb: Verb::Acknowledge,
            alarms: vec![AlarmId(1)],
            comment: String::new(),
        };
        let answer = handle.desk.operate(operation).expect("there is room");
        assert_eq!(answer.await.expect("it answers"), Ok(1), "without a journal it is numbered here");
        drop(handle);
        task.await.expect("it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_commits_without_any_data() {
        let (engine, mut handle) =
            Engine::new(core(), Pace::Wall(Duration::from_secs(1)), || Timestamp::from_secs(3));
        let task = tokio::spawn(engine.run());
        handle.snapshots.changed().await.expect("it publishes");
        handle.snapshots.changed().await.expect("and again");
        assert_eq!(handle.snapshots.borrow().frame.seq, 2);
        drop(handle.entries);
        task.await.expect("it ends");
    }
}
