//! Starts the engine and the sources that the settings name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::config::{Settings, SourceSpec};
use crate::cli::{CliError, scenario};
use crate::engine::keep::Keeper;
use crate::engine::{Core, Engine, EngineHandle, Pace};
use crate::fleet::period::{Level, Period};
use crate::journal::Holder;
use crate::journal::worker::{self, JournalHandle};
use crate::model::alarm::ExternalAlarms;
use crate::model::{Entry, Timestamp, Topology};
use crate::record::{self, Cursor, FlightRecorder, Recording};
use crate::source::alertmanager::{self, AlertmanagerConfig, View};
use crate::source::replay::Replay;
use crate::source::scrape::{Placing, ScrapeConfig, TargetError};
use crate::source::sim::Sim;
use crate::source::{Outlet, local, replay, scrape, sim};

/// Time between two frames of live sources.
const FRAME_EVERY: Duration = Duration::from_secs(1);
/// Portions of the past that may wait for the engine, and periods in one: a portion takes some
/// milliseconds to put back.
const BACKFILL_QUEUE: usize = 2;
const PORTION: usize = 8;
/// So much of the past is read at a time, ms.
const STRETCH_MS: i64 = 600_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Reads the wall clock: handed to engine and sources, which have none of their own.
#[must_use]
pub fn wall_clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// A source that is ready to start: everything that can be wrong with it has been checked.
enum Ready {
    /// Without a scenario nothing can be wrong: it is set up once the engine runs.
    Sim(u64, f64),
    Scripted(Box<Sim>, f64),
    Scrape(Box<ScrapeConfig>),
    Local,
    Replay(Box<Replay>, f64),
}

/// An engine and its sources, checked but not running.
pub struct Prepared {
    engine: Engine,
    handle: EngineHandle,
    sources: Vec<Ready>,
    alertmanager: Option<AlertmanagerConfig>,
    topology: Arc<Topology>,
}

/// Checks target lists and sets up the engine; nothing is asked over a network yet.
///
/// # Errors
/// A target list that cannot be used.
pub fn prepare(settings: &Settings) -> Result<Prepared, CliError> {
    let mut sources = Vec::new();
    for (i, spec) in settings.sources.iter().enumerate() {
        sources.push(match spec {
            SourceSpec::Sim { seed, speed, script: None } => Ready::Sim(*seed, *speed),
            SourceSpec::Sim { seed, speed, script } => {
                let plan = scenario::plan(*seed, script.as_ref());
                Ready::Scripted(Box::new(plan.start(Arc::clone(&settings.topology))?), *speed)
            }
            SourceSpec::Local => Ready::Local,
            SourceSpec::Replay { path, speed } => {
                let replay = Replay::open(path).map_err(|e| CliError::Failed(e.to_string()))?;
                Ready::Replay(Box::new(replay.of_site(&settings.topology)), *speed)
            }
            SourceSpec::Scrape { targets, options } => {
                let arguments: Vec<String> = targets.iter().map(|t| t.argument()).collect();
                let mut config = ScrapeConfig::load(&arguments).map_err(|e| wrong(settings, i, &e))?;
                config.interval = settings.interval;
                config.limits.timeout = settings.timeout;
                config.seed = u64::from(std::process::id());
                options.apply(&mut config);
                config.select().map_err(|e| wrong(settings, i, &e))?;
                let placing = Placing::new(settings.placer.as_ref().clone(), &settings.topology);
                config.placing = Some(Arc::new(placing));
                Ready::Scrape(Box::new(config))
            }
        });
    }
    let paced = |s: &Ready| matches!(s, Ready::Sim(..) | Ready::Scripted(..) | Ready::Replay(..));
    let pace = if sources.iter().any(paced) { Pace::Batches } else { Pace::Wall(FRAME_EVERY) };
    let budget = usize::try_from(settings.history_bytes).unwrap_or(usize::MAX);
    let core = Core::new(Arc::clone(&settings.topology), settings.placer.as_ref().clone(), budget)
        .with_rules(settings.rules.clone());
    let (engine, handle) = Engine::new(core, pace, wall_clock);
    let live = settings.sources.iter().all(SourceSpec::is_live);
    let alertmanager = settings.alertmanager.as_ref().map(|a| a.for_site(live, settings.timeout));
    Ok(Prepared { engine, handle, sources, alertmanager, topology: Arc::clone(&settings.topology) })
}

/// A list names itself; an address of the config is told with the place where it stands.
fn wrong(settings: &Settings, source: usize, error: &TargetError) -> CliError {
    match error {
        TargetError::Address { address, message } => {
            settings.source_error(source, &format!("{address}: {message}"))
        }
        other => CliError::Failed(other.to_string()),
    }
}

impl Prepared {
    /// The same with the journal of the settings: alarms and operations are kept there. A journal
    /// that cannot be used does not keep the console from watching: it says so.
    ///
    /// # Errors
    /// The thread that writes it cannot be started.
    pub fn with_journal(mut self, settings: &Settings) -> Result<(Self, JournalHandle), CliError> {
        let path = match settings.sources.as_slice() {
            [SourceSpec::Replay { .. }] => settings.operator.replay_journal(),
            _ => settings.operator.journal(settings.is_live()),
        };
        let who = Holder::here(&settings.operator.name);
        let started = worker::spawn(path, who, wall_clock);
        let (handle, news) = started.map_err(|source| CliError::Start { what: "the journal", source })?;
        self.engine = self.engine.with_journal(Keeper::new(handle.clone(), news));
        Ok((self, handle))
    }

    /// The same with a flight recorder.
    pub fn with_recorder(mut self, recorder: FlightRecorder) -> Self {
        self.engine = self.engine.with_recorder(recorder);
        self
    }

    /// The same with the past that the flight recorder kept in `folder`: charts of the last hour and
    /// day are there again, read in the background. Without recordings nothing happens.
    ///
    /// # Errors
    /// The thread that reads cannot be started.
    pub fn with_backfill(mut self, folder: &Path) -> Result<Self, CliError> {
        let (portions, periods) = tokio::sync::mpsc::channel(BACKFILL_QUEUE);
        let (folder, topology) = (folder.to_owned(), Arc::clone(&self.topology));
        let read = move || read_past(&folder, &topology, &portions);
        let spawned = std::thread::Builder::new().name("backfill".into()).spawn(read);
        spawned.map_err(|source| CliError::Start { what: "reading the past", source })?;
        self.engine = self.engine.with_backfill(periods);
        Ok(self)
    }

    /// Runs engine and sources on the runtime of the caller; they end with it.
    pub fn spawn(self) -> EngineHandle {
        tokio::spawn(self.engine.run());
        watch_alerts(self.alertmanager, &self.handle, self.sources.len() as u16);
        for (i, source) in self.sources.into_iter().enumerate() {
            let outlet = Outlet { source: i as u16, tx: self.handle.entries.clone(), clock: wall_clock };
            match source {
                Ready::Sim(seed, speed) => {
                    let topology = Arc::clone(&self.topology);
                    // A large site takes some milliseconds to set up: not before the first frame.
                    tokio::spawn(async move {
                        let _ = sim::run(Sim::new(topology, seed), speed, outlet).await;
                    });
                }
                Ready::Scripted(sim, speed) => {
                    tokio::spawn(sim::run(*sim, speed, outlet));
                }
                Ready::Scrape(config) => {
                    tokio::spawn(scrape::run(*config, outlet));
                }
                Ready::Replay(replay, speed) => {
                    tokio::spawn(replay::run(*replay, speed, outlet));
                }
                Ready::Local => {
                    tokio::spawn(local::run(local::LocalConfig::default(), outlet));
                }
            }
        }
        self.handle
    }
}

/// Hands the recorded periods over, in portions, oldest first: those of 10 s of the last hour, which
/// charts show first, then those of a minute of the last day.
fn read_past(folder: &Path, topology: &Arc<Topology>, portions: &tokio::sync::mpsc::Sender<Vec<Period>>) {
    let Ok(mut recording) = Recording::open(folder) else { return };
    recording.share(topology);
    let Some((_, newest)) = recording.span() else { return };
    let Ok(mut cursor) = Cursor::new(recording) else { return };
    for (wanted, reach) in [(Level::TenSeconds, HOUR_MS), (Level::Minute, DAY_MS)] {
        let mut from = newest.plus_millis(-reach);
        while from <= newest {
            let to = from.plus_millis(STRETCH_MS - 1);
            let found = record::tape::periods(&mut cursor, (from, to), |level| level == wanted);
            for portion in found.chunks(PORTION) {
                if portions.blocking_send(portion.to_vec()).is_err() {
                    return;
                }
            }
            from = to.plus_millis(1);
        }
    }
}

/// Starts the source of alerts. Where none are read, alerts of an earlier run stand no more.
fn watch_alerts(config: Option<AlertmanagerConfig>, handle: &EngineHandle, source: u16) {
    if !config.as_ref().is_some_and(|c| c.read) {
        // The queue is empty: the sources start after this.
        let _ = handle.entries.try_send(Entry::External(ExternalAlarms::default()));
    }
    let Some(config) = config else { return };
    let outlet = Outlet { source, tx: handle.entries.clone(), clock: wall_clock };
    let snapshots = handle.snapshots.clone();
    let look = move || {
        let snapshot = snapshots.borrow();
        View { board: Arc::clone(&snapshot.alarms), topology: Arc::clone(&snapshot.frame.topology) }
    };
    tokio::spawn(alertmanager::run(config, outlet, look));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Options;
    use crate::cli::config::{Surroundings, load_in};

    fn settings(options: &Options) -> Settings {
        load_in(options, &Surroundings::default()).expect("valid options")
    }

    #[test]
    fn a_target_list_that_is_missing_is_named_before_anything_starts() {
        let options = Options { scrape: vec!["/nowhere/targets.json".into()], ..Options::default() };
        let error = prepare(&settings(&options)).err().expect("the list does not exist");
        assert!(error.report().contains("/nowhere/targets.json"), "{}", error.report());
    }

    #[test]
    fn a_scenario_that_does_not_fit_the_site_is_told_before_anything_starts() {
        let options = Options {
            topology: Some("sites/air-cooled.toml".into()),
            scenario: Some(scenario::ScenarioName::BuiltIn("cdu-pump-failover".into())),
            ..Options::default()
        };
        let error = prepare(&settings(&options)).err().expect("an air-cooled site has no CDU").report();
        assert!(
            error.contains("built-in scenario cdu-pump-failover:") && error.contains("no cdu"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn the_simulated_site_is_published() {
        let options = Options { speed: Some(100.0), ..Options::default() };
        let mut handle = prepare(&settings(&options)).expect("valid").spawn();
        handle.snapshots.changed().await.expect("the engine publishes");
        let counts = handle.snapshots.borrow().frame.counts(crate::model::Asset::Site);
        assert_eq!(counts.total(), 100_224);
        assert!(counts.good > 90_000, "{counts:?}");
    }
}
