//! A console without a screen: the engine on a small site, with one value that makes an alarm.

use std::sync::Arc;
use std::time::Duration;

use hallwatch::alarm::read;
use hallwatch::engine::{Core, Engine, EngineHandle, Pace};
use hallwatch::model::alarm::{Alarm, AlarmId, AlarmState, Operation, Verb};
use hallwatch::model::entry::{SourceStatus, TargetStatus};
use hallwatch::model::topology::place::Placer;
use hallwatch::model::{Batch, Entry, FacilityReading, RackId, RackPoint};
use hallwatch::source::Outlet;
use hallwatch::source::alertmanager::{self, AlertmanagerConfig, View, parse_url};

use crate::manager::{Manager, now, until};
use crate::site;

/// A rule that raises and clears at once.
const RULES: &str = "[[rule]]\nname = \"leak-sensor-fault\"\non = \"0 s\"\noff = \"0 s\"\nlatch = false\n";

/// See the module.
pub struct Console {
    /// The engine.
    pub handle: EngineHandle,
}

/// Everything on, and quick.
pub fn config(managers: &[&Manager]) -> AlertmanagerConfig {
    let urls = managers.iter().map(|m| parse_url(&m.url).expect("a good address")).collect();
    AlertmanagerConfig {
        post: true,
        mirror: true,
        interval: Duration::from_millis(300),
        repeat: Duration::from_secs(2),
        timeout: Duration::from_secs(2),
        ..AlertmanagerConfig::new(urls)
    }
}

impl Console {
    pub fn start(config: AlertmanagerConfig) -> Self {
        let rules = read::read(&[("test.toml", RULES)]).expect("good rules");
        let core = Core::new(site::topology(), Placer::default(), 1 << 16).with_rules(rules);
        let (engine, handle) = Engine::new(core, Pace::Wall(Duration::from_millis(100)), now);
        tokio::spawn(engine.run());
        let outlet = Outlet { source: 7, tx: handle.entries.clone(), clock: now };
        let snapshots = handle.snapshots.clone();
        let look = move || {
            let s = snapshots.borrow();
            View { board: Arc::clone(&s.alarms), topology: Arc::clone(&s.frame.topology) }
        };
        tokio::spawn(alertmanager::run(config, outlet, look));
        Self { handle }
    }

    /// The sensor of the first rack says that it is broken, or well.
    pub async fn sensor(&self, broken: bool) {
        let status = SourceStatus { interval_ms: 60_000, time: now(), ..SourceStatus::default() };
        self.handle.entries.send(Entry::Source(status)).await.expect("the engine runs");
        let value = f32::from(u8::from(broken));
        let facility = vec![FacilityReading::Rack(RackId::new(0), RackPoint::LeakFault, value)];
        let batch = Batch { facility, ..Batch::new(0, now()) };
        self.handle.entries.send(Entry::Batch(batch)).await.expect("the engine runs");
    }

    /// The alarm of a rule while it stands.
    pub fn alarm(&self, rule: &str) -> Option<Arc<Alarm>> {
        self.handle.snapshots.borrow().alarms.alarms.iter().find(|a| &*a.rule == rule).cloned()
    }

    /// Waits until the alarm of a rule is in a state; normal ones are not there.
    pub async fn wait(&self, rule: &str, state: AlarmState) -> Option<Arc<Alarm>> {
        let there = || {
            let alarm = self.alarm(rule);
            (alarm.as_ref().map_or(AlarmState::Normal, |a| a.state) == state).then_some(alarm)
        };
        until(&format!("{rule} is {state:?}"), || async { there() }).await
    }

    /// An operator does something; the answer is its number.
    pub async fn operate(&self, alarm: AlarmId, verb: Verb, comment: &str) -> u64 {
        let operation = Operation {
            number: 0,
            time: now(),
            operator: "kari".into(),
            verb,
            alarms: vec![alarm],
            comment: comment.to_owned(),
        };
        let answer = self.handle.desk.operate(operation).expect("there is room");
        answer.await.expect("it answers").expect("it is done")
    }

    /// The members of the cluster as the sources view shows them.
    pub fn targets(&self) -> Vec<TargetStatus> {
        let snapshot = self.handle.snapshots.borrow();
        let source = snapshot.sources.iter().find(|s| s.status.name == "alertmanager");
        source.map(|s| s.targets.iter().map(|t| t.as_ref().clone()).collect()).unwrap_or_default()
    }

    /// The times at which the source has read so far.
    pub async fn polled(&self) {
        let last = || self.targets().iter().filter_map(|t| t.last_ok).max();
        let before = last();
        until("it is read again", || async { (last() > before).then_some(()) }).await;
    }
}
