//! This machine: its CPU, memory and load from the operating system, its GPUs from NVIDIA's
//! management library where that is installed. Without the library the rest still works.

pub(super) mod gpus;
mod machine;
pub(super) mod margin;

use std::sync::Arc;
use std::time::Duration;

use crate::model::batch::{HostFacts, HostReading};
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};
use crate::model::{Batch, Entry, Timestamp};
use crate::source::{Outlet, Stopped};
use gpus::Gpus;
use machine::Machine;

/// Time between two reports while nothing changes, ms.
const REPORT_MS: i64 = 10_000;

/// What the source of this machine needs to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalConfig {
    /// Time between two readings.
    pub interval: Duration,
    /// Where NVML is, if not where the system looks for it.
    pub library: Option<String>,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), library: None }
    }
}

/// Reads this machine until the engine stops taking entries.
pub async fn run(config: LocalConfig, outlet: Outlet) {
    // The only error is that the engine has stopped: then there is nothing left to do.
    let _: Result<(), Stopped> = drive(config, outlet).await;
}

async fn drive(config: LocalConfig, outlet: Outlet) -> Result<(), Stopped> {
    let library = config.library.clone();
    let Ok(mut probe) = tokio::task::spawn_blocking(move || Probe::new(library.as_deref())).await else {
        return Ok(());
    };
    let mut timer = tokio::time::interval(config.interval.max(Duration::from_millis(10)));
    // After a pause of the machine one reading is enough.
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        // The library may block in the driver, so it is not asked on the runtime's own threads.
        let asked = tokio::task::spawn_blocking(move || {
            let reading = probe.read();
            (probe, reading)
        });
        let Ok((back, host)) = asked.await else { return Ok(()) };
        probe = back;
        let time = outlet.now();
        let status = probe.status(&config, &outlet, time, &host);
        outlet.send(Entry::Batch(Batch { hosts: vec![host], ..Batch::new(outlet.source, time) })).await?;
        if let Some(status) = status {
            outlet.send(Entry::Source(status)).await?;
        }
    }
}

/// Everything that is asked, with what is known from before.
struct Probe {
    facts: Arc<HostFacts>,
    machine: Machine,
    gpus: Result<Gpus, String>,
    /// Time and number of GPUs of the last report; `None` before the first one.
    reported: Option<(Timestamp, usize)>,
}

impl Probe {
    fn new(library: Option<&str>) -> Self {
        let machine = Machine::new();
        let host = machine.name().to_owned();
        // On a site that is made of what live hosts show, this machine has a hall of its own.
        let labels = vec![("hostname".to_owned(), host.clone()), ("hall".to_owned(), "local".to_owned())];
        let facts = Arc::new(HostFacts { host, labels });
        Self { facts, machine, gpus: Gpus::open(library), reported: None }
    }

    fn read(&mut self) -> HostReading {
        let gpus = self.gpus.as_mut().map(Gpus::read).unwrap_or_default();
        HostReading { facts: Arc::clone(&self.facts), gpus, node: self.machine.read() }
    }

    /// A report: the first time, when the number of GPUs changes, and every ten seconds.
    fn status(
        &mut self,
        config: &LocalConfig,
        outlet: &Outlet,
        time: Timestamp,
        host: &HostReading,
    ) -> Option<SourceStatus> {
        let count = host.gpus.len();
        if self.reported.is_some_and(|(at, gpus)| gpus == count && (0..REPORT_MS).contains(&time.since(at))) {
            return None;
        }
        self.reported = Some((time, count));
        let target = TargetStatus {
            name: self.facts.host.clone(),
            state: TargetState::Up,
            last_ok: Some(time),
            gpus: u32::try_from(count).unwrap_or(u32::MAX),
            ..TargetStatus::default()
        };
        Some(SourceStatus {
            source: outlet.source,
            name: "local".to_owned(),
            time,
            interval_ms: u32::try_from(config.interval.as_millis()).unwrap_or(u32::MAX),
            note: self.gpus.as_ref().err().cloned(),
            targets: vec![(0, target)],
            target_count: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// The first two entries of a machine without the library.
    async fn first_entries() -> Vec<Entry> {
        let (tx, mut rx) = mpsc::channel(4);
        let outlet = Outlet { source: 2, tx, clock: || Timestamp(1000) };
        let library = Some("/nonexistent/libnvidia-ml.so".to_owned());
        let config = LocalConfig { interval: Duration::from_millis(10), library };
        let task = tokio::spawn(run(config, outlet));
        let mut entries = Vec::new();
        for _ in 0..3 {
            entries.extend(rx.recv().await);
        }
        drop(rx);
        task.await.expect("the source ends by itself when nobody listens");
        entries
    }

    #[tokio::test]
    async fn a_machine_without_the_library_still_tells_of_itself_and_says_why() {
        let entries = first_entries().await;
        let Some(Entry::Batch(batch)) = entries.first() else { panic!("a batch comes first: {entries:?}") };
        assert_eq!((batch.source, batch.time, batch.hosts.len()), (2, Timestamp(1000), 1));
        let host = &batch.hosts[0];
        assert!(!host.facts.host.is_empty() && host.gpus.is_empty());
        assert!(host.node.memory > 0.0 && host.node.memory <= 100.0);
        assert!(host.node.load1 >= 0.0 && host.node.boot_time > 1e9);
        let Some(Entry::Source(status)) = entries.get(1) else { panic!("then a report: {entries:?}") };
        let note = status.note.as_deref().expect("the note says why there are no GPUs");
        assert!(note.contains("NVML") && note.contains("/nonexistent"), "{note}");
        assert_eq!(status.targets[0].1.state, TargetState::Up);
    }

    #[tokio::test]
    async fn the_report_is_not_repeated_while_nothing_changes() {
        let entries = first_entries().await;
        assert!(matches!(entries[2], Entry::Batch(_)), "{entries:?}");
    }

    #[test]
    fn memory_agrees_with_the_kernel() {
        let Ok(info) = std::fs::read_to_string("/proc/meminfo") else { return };
        let kib = |key: &str| -> Option<f64> {
            let line = info.lines().find(|l| l.starts_with(key))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let (Some(total), Some(free)) = (kib("MemTotal:"), kib("MemAvailable:")) else { return };
        let got = Machine::new().read().memory;
        // Other programs allocate in between, and a container may have a limit of its own.
        assert!((f64::from(got) - 100.0 * (1.0 - free / total)).abs() < 25.0, "{got}");
    }
}
