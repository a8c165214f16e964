//! Starts the engine and the sources that the settings name.

mod past;
mod source;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::CliError;
use crate::cli::config::{Settings, SourceSpec};
use crate::engine::keep::Keeper;
use crate::engine::{Core, Engine, EngineHandle, Pace};
use crate::journal::Holder;
use crate::journal::worker::{self, JournalHandle};
use crate::model::alarm::ExternalAlarms;
use crate::model::{Entry, Timestamp, Topology};
use crate::record::FlightRecorder;
use crate::session::console::Sight;
use crate::source::Outlet;
use crate::source::alertmanager::{self, AlertmanagerConfig, View};

pub(crate) use source::Ready;

/// Time between two frames of live sources.
const FRAME_EVERY: Duration = Duration::from_secs(1);
/// Reads the wall clock: handed to engine and sources, which have none of their own.
#[must_use]
pub fn wall_clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// An engine and its sources, checked but not running.
pub struct Prepared {
    engine: Engine,
    handle: EngineHandle,
    sources: Vec<Ready>,
    alertmanager: Option<AlertmanagerConfig>,
    topology: Arc<Topology>,
    /// The past that engines are asked for.
    past: Option<past::Wanted>,
}

/// Checks target lists and sets up the engine; nothing is asked over a network yet.
///
/// # Errors
/// A target list that cannot be used.
pub fn prepare(settings: &Settings) -> Result<Prepared, CliError> {
    let mut sources = Vec::new();
    for (i, spec) in settings.sources.iter().enumerate() {
        sources.push(Ready::new(settings, i, spec)?);
    }
    let pace = if sources.iter().any(Ready::is_paced) { Pace::Batches } else { Pace::Wall(FRAME_EVERY) };
    let budget = usize::try_from(settings.history_bytes).unwrap_or(usize::MAX);
    let core = Core::new(Arc::clone(&settings.topology), settings.placer.as_ref().clone(), budget)
        .with_rules(settings.rules.clone());
    let (engine, handle) = Engine::new(core, pace, wall_clock);
    let live = settings.sources.iter().all(SourceSpec::is_live);
    let alertmanager = settings.alertmanager.as_ref().map(|a| a.for_site(live, settings.timeout));
    let topology = Arc::clone(&settings.topology);
    Ok(Prepared { engine, handle, sources, alertmanager, topology, past: None })
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

    /// The same with the past that the flight recorder kept in `folder`, and behind it what engines
    /// have: charts are there again, read in the background. Without either nothing happens.
    ///
    /// # Errors
    /// The thread that reads cannot be started.
    pub fn with_backfill(mut self, folder: &Path) -> Result<Self, CliError> {
        let (portions, queue) = tokio::sync::mpsc::channel(past::QUEUE);
        let (done, recorded) = tokio::sync::oneshot::channel::<()>();
        let (progress, told) = tokio::sync::watch::channel(String::new());
        let engines: Vec<_> = self.sources.iter_mut().filter_map(|s| s.wants_past(&told)).collect();
        if !engines.is_empty() {
            self.past = Some(past::Wanted { engines, portions: portions.clone(), recorded, progress });
        }
        let (folder, topology) = (folder.to_owned(), Arc::clone(&self.topology));
        let read = move || {
            past::read_recorded(&folder, &topology, &portions);
            drop(done);
        };
        let spawned = std::thread::Builder::new().name("backfill".into()).spawn(read);
        spawned.map_err(|source| CliError::Start { what: "reading the past", source })?;
        self.engine = self.engine.with_backfill(queue);
        Ok(self)
    }

    /// Where a console says which hall is on its screen.
    pub fn focus(&mut self) -> Sight {
        let (sight, focus) = tokio::sync::watch::channel(None);
        self.sources.iter_mut().for_each(|s| s.look_at(&focus));
        sight
    }

    /// Runs engine and sources on the runtime of the caller; they end with it.
    pub fn spawn(self) -> EngineHandle {
        tokio::spawn(self.engine.run());
        watch_alerts(self.alertmanager, &self.handle, self.sources.len() as u16);
        if let Some(past) = self.past {
            past.spawn(&self.handle, wall_clock);
        }
        for (i, source) in self.sources.into_iter().enumerate() {
            let outlet = Outlet { source: i as u16, tx: self.handle.entries.clone(), clock: wall_clock };
            source.spawn(&self.topology, outlet);
        }
        self.handle
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
            scenario: Some(crate::cli::scenario::ScenarioName::BuiltIn("cdu-pump-failover".into())),
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
