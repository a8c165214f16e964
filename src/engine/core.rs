//! The only place where shared state changes: entries in, frames out. Reads no clock, does no
//! I/O, cannot fail; the same entries give the same state.

use std::sync::Arc;

use crate::alarm::{AlarmEngine, Happened, Rules, Sight};
use crate::fleet::history::Archive;
use crate::fleet::period::Period;
use crate::fleet::rebuild::Portion;
use crate::fleet::snapshot::EngineStatus;
use crate::fleet::{Frame, History, Snapshot, Sources, Stage};
use crate::model::alarm::{AlarmBoard, JournalNews, JournalState};
use crate::model::topology::place::Placer;
use crate::model::{Entry, Timestamp, Topology};

/// What follows from an entry.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// The frame that a tick committed: time to publish.
    pub committed: Option<Arc<Frame>>,
    /// What happened to alarms: for the journal.
    pub alarms: Happened,
}

/// The state of the site and its past.
#[derive(Debug)]
pub struct Core {
    stage: Stage,
    archive: Archive,
    sources: Sources,
    latest: Arc<Frame>,
    /// Which trays answer in the latest frame.
    trays: Arc<[bool]>,
    history: Arc<History>,
    alarms: AlarmEngine,
    board: Arc<AlarmBoard>,
    /// How the journal was before it broke.
    journal: JournalState,
    entries: u64,
}

impl Core {
    /// A core that knows the site but has seen nothing; `history` is the memory budget of the
    /// past in bytes.
    #[must_use]
    pub fn new(topology: Arc<Topology>, placer: Placer, history: usize) -> Self {
        let latest = Arc::new(Frame::empty(Arc::clone(&topology), Timestamp::default()));
        let archive = Archive::new(history);
        let mut alarms = AlarmEngine::new(Rules::built_in());
        alarms.grow(&topology);
        Self {
            board: alarms.board(Timestamp::default()),
            alarms,
            trays: vec![false; topology.trays().len()].into(),
            journal: JournalState::None,
            stage: Stage::new(topology, placer),
            history: archive.publish(),
            archive,
            sources: Sources::default(),
            latest,
            entries: 0,
        }
    }

    /// The same with other rules for alarms.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.alarms = AlarmEngine::new(rules);
        self.alarms.grow(self.stage.topology());
        self.board = self.alarms.board(Timestamp::default());
        self
    }

    /// Takes in one entry.
    pub fn apply(&mut self, entry: &Entry) -> Effects {
        self.entries += 1;
        match entry {
            Entry::Batch(batch) => {
                self.stage.apply(batch, self.sources.interval_ms(batch.source));
                Effects::default()
            }
            Entry::Source(status) => {
                self.sources.apply(status);
                Effects::default()
            }
            Entry::Operation(operation) => {
                let alarms = self.alarms.operate(operation);
                self.board = self.alarms.board(self.latest.time);
                Effects { alarms, ..Effects::default() }
            }
            Entry::Journal(news) => {
                self.take_news(news);
                self.board = self.alarms.board(self.latest.time);
                Effects::default()
            }
            Entry::External(list) => {
                // They are taken in with the next frame: its time is that of all alarms.
                self.alarms.hear(list);
                Effects::default()
            }
            Entry::Tick(now) => {
                // Time never runs backwards in the ring: a clock that was set back repeats a moment.
                let now = (*now).max(self.latest.time);
                self.latest = Arc::new(self.stage.commit(now));
                self.archive.push(&self.latest);
                self.history = self.archive.publish();
                self.trays = self.stage.answering().into();
                let alarms = self.alarms.step(Sight { frame: &self.latest, trays: &self.trays });
                self.board = self.alarms.board(now);
                Effects { committed: Some(Arc::clone(&self.latest)), alarms }
            }
        }
    }

    fn take_news(&mut self, news: &JournalNews) {
        match news {
            JournalNews::Lead(alarms) => {
                self.journal = JournalState::Leading;
                self.alarms.lead(alarms.clone());
            }
            JournalNews::Follow(holder, alarms) => {
                self.journal = JournalState::Following(Arc::clone(holder));
                self.alarms.follow(self.journal.clone(), alarms.clone());
            }
            JournalNews::Past { whole, transitions } => self.alarms.remember(*whole, transitions),
            JournalNews::Broken(why) => self.alarms.set_journal(JournalState::Broken(Arc::clone(why))),
            JournalNews::Mended => self.alarms.set_journal(self.journal.clone()),
        }
    }

    /// The moment of the newest frame.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.latest.time
    }

    /// Puts finished periods back into the past, oldest first: they were recorded before this core
    /// began, and are seen from the next tick on. Nothing else changes, so that entries still decide the state.
    pub fn restore(&mut self, periods: impl IntoIterator<Item = Period>) {
        self.archive.restore(periods);
    }

    /// The same with moments of before this core began.
    pub fn restore_portion(&mut self, portion: Portion) {
        self.archive.restore(portion.periods);
        self.archive.restore_frames(portion.frames);
    }

    /// Work on the past that readers need not wait for; see [`Archive::maintain`].
    pub fn maintain(&mut self) {
        self.archive.maintain();
    }

    /// The state for readers. `status` holds what only the caller can measure.
    #[must_use]
    pub fn snapshot(&self, status: EngineStatus) -> Snapshot {
        Snapshot {
            frame: Arc::clone(&self.latest),
            trays: Arc::clone(&self.trays),
            history: Arc::clone(&self.history),
            inventory: Arc::clone(self.stage.inventory()),
            origins: Arc::new(self.stage.origins().clone()),
            happenings: self.stage.happenings(),
            sources: self.sources.list().into(),
            alarms: Arc::clone(&self.board),
            recorder: Arc::default(),
            engine: EngineStatus { entries: self.entries, ..status },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::{Batch, GpuReading, HostFacts, HostReading, NodeReading};
    use crate::model::topology::plan::Plan;
    use crate::model::{Asset, GpuId, Metric, Quality};

    fn reading(host: &str, util: &[f32]) -> HostReading {
        let gpu = |(i, v): (usize, &f32)| {
            let mut g = GpuReading::new(i as u16);
            g.set(Metric::Util, *v);
            g
        };
        HostReading {
            facts: Arc::new(HostFacts { host: host.into(), labels: Vec::new() }),
            gpus: util.iter().enumerate().map(gpu).collect(),
            node: NodeReading::default(),
        }
    }

    fn batch(second: i64, hosts: Vec<HostReading>) -> Entry {
        Entry::Batch(Batch { hosts, ..Batch::new(0, Timestamp::from_secs(second)) })
    }

    fn tick(core: &mut Core, second: i64) -> Arc<Frame> {
        let effects = core.apply(&Entry::Tick(Timestamp::from_secs(second)));
        effects.committed.expect("a tick commits")
    }

    fn core() -> Core {
        let site = Plan::open("live").build().expect("an empty site is small");
        Core::new(Arc::new(site), Placer::default(), 1 << 20)
    }

    #[test]
    fn an_unknown_host_appears_as_unplaced_at_the_next_tick() {
        let mut c = core();
        c.apply(&batch(1, vec![reading("a:9400", &[10.0, 0.0])]));
        let f = tick(&mut c, 1);
        assert_eq!(f.topology.unplaced_gpus(), 2);
        assert_eq!(
            (f.value(GpuId(0), Metric::Util), f.value(GpuId(1), Metric::Util)),
            (Some(10.0), Some(0.0))
        );
        assert_eq!(f.quality(GpuId(0)), Quality::Good);
        assert_eq!(f.value(GpuId(0), Metric::Temp), None, "what was not said is absent");
    }

    #[test]
    fn silence_turns_stale_then_lost_and_the_value_goes() {
        let mut c = core();
        c.apply(&batch(0, vec![reading("a", &[50.0])]));
        tick(&mut c, 0);
        assert_eq!(tick(&mut c, 3).quality(GpuId(0)), Quality::Good);
        let stale = tick(&mut c, 5);
        assert_eq!(
            (stale.quality(GpuId(0)), stale.value(GpuId(0), Metric::Util)),
            (Quality::Stale, Some(50.0))
        );
        assert_eq!(stale.stats(Asset::Site, Metric::Util), None, "a stale value does not count as live");
        let lost = tick(&mut c, 11);
        assert_eq!((lost.quality(GpuId(0)), lost.value(GpuId(0), Metric::Util)), (Quality::Lost, None));
        c.apply(&batch(12, vec![reading("a", &[60.0])]));
        assert_eq!(tick(&mut c, 12).quality(GpuId(0)), Quality::Good);
    }

    #[test]
    fn a_snapshot_says_which_trays_answer() {
        let mut c = core();
        c.apply(&batch(0, vec![reading("a", &[50.0]), reading("b", &[50.0])]));
        tick(&mut c, 0);
        c.apply(&batch(12, vec![reading("b", &[60.0])]));
        tick(&mut c, 12);
        let s = c.snapshot(EngineStatus::default());
        let host = |i: usize| s.frame.topology.trays()[i].host.clone();
        let answer: Vec<_> = (0..2).map(|i| (host(i), s.trays[i])).collect();
        assert!(answer.contains(&("a".into(), false)) && answer.contains(&("b".into(), true)), "{answer:?}");
    }

    #[test]
    fn a_gpu_that_vanishes_from_an_answering_host_is_lost_at_once() {
        let mut c = core();
        c.apply(&batch(0, vec![reading("a", &[50.0, 60.0])]));
        tick(&mut c, 0);
        c.apply(&batch(1, vec![reading("a", &[50.0])]));
        let f = tick(&mut c, 1);
        assert_eq!((f.quality(GpuId(0)), f.quality(GpuId(1))), (Quality::Good, Quality::Lost));
        assert_eq!(f.value(GpuId(1), Metric::Util), None);
    }

    #[test]
    fn hosts_that_appear_later_do_not_disturb_the_past() {
        let mut c = core();
        c.apply(&batch(0, vec![reading("b", &[20.0])]));
        tick(&mut c, 0);
        c.apply(&batch(1, vec![reading("a", &[10.0]), reading("b", &[21.0])]));
        let f = tick(&mut c, 1);
        assert_eq!(f.topology.gpu_count(), 2);
        let s = c.snapshot(EngineStatus::default());
        let past = s.history.frame_at(Timestamp::from_secs(0), &f.topology).expect("it is in the ring");
        let b = (0..2).map(GpuId).find(|g| f.value(*g, Metric::Util) == Some(21.0)).expect("b is there");
        assert_eq!(past.value(b, Metric::Util), Some(20.0));
    }

    #[test]
    fn a_clock_set_back_does_not_reorder_the_ring() {
        let mut c = core();
        tick(&mut c, 100);
        assert_eq!(tick(&mut c, 50).time, Timestamp::from_secs(100));
    }

    #[test]
    fn the_same_entries_give_the_same_state() {
        let run = || {
            let mut c = core();
            for s in 0..20 {
                c.apply(&batch(s, vec![reading("a", &[s as f32]), reading("b", &[1.0, 2.0])]));
                tick(&mut c, s);
                c.maintain();
            }
            let f = tick(&mut c, 20);
            (f.columns.clone(), f.quality.clone(), f.rollups().clone())
        };
        assert_eq!(run(), run());
    }
}
