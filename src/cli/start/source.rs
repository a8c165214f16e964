//! One source of the settings: checked, then started.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::config::{Settings, SourceSpec};
use crate::cli::{CliError, scenario};
use crate::model::Topology;
use crate::source::jobs::JobsConfig;
use crate::source::mqtt::{self, MqttConfig};
use crate::source::promql::{self, Links, PromConfig};
use crate::source::remote_write::RemoteWriteConfig;
use crate::source::replay::Replay;
use crate::source::scrape::{Placing, ScrapeConfig, TargetError};
use crate::source::sim::Sim;
use crate::source::{Focus, Outlet, jobs, local, remote_write, replay, scrape, sim};

/// A source that is ready to start: everything that can be wrong with it has been checked.
pub(crate) enum Ready {
    /// Without a scenario nothing can be wrong: it is set up once the engine runs.
    Sim(u64, f64),
    Scripted(Box<Sim>, f64),
    Scrape(Box<ScrapeConfig>),
    /// With what it listens to: its past, and the hall on the screen.
    Prometheus(Box<PromConfig>, Links),
    Local,
    RemoteWrite(Box<RemoteWriteConfig>),
    Jobs(Box<JobsConfig>),
    Mqtt(Box<MqttConfig>),
    Replay(Box<Replay>, f64),
}

impl Ready {
    /// Checks source `index` of the settings; nothing is asked over a network yet.
    ///
    /// # Errors
    /// A file or an address that cannot be used.
    pub fn new(settings: &Settings, index: usize, spec: &SourceSpec) -> Result<Self, CliError> {
        Ok(match spec {
            SourceSpec::Sim { seed, speed, script: None } => Self::Sim(*seed, *speed),
            SourceSpec::Sim { seed, speed, script } => {
                let plan = scenario::plan(*seed, script.as_ref());
                Self::Scripted(Box::new(plan.start(Arc::clone(&settings.topology))?), *speed)
            }
            SourceSpec::Local => Self::Local,
            SourceSpec::Jobs(spec) => {
                let config = spec.config(settings.interval, settings.timeout);
                let checked = config.map_err(|e| settings.source_error(index, &e.to_string()))?;
                Self::Jobs(Box::new(checked))
            }
            SourceSpec::RemoteWrite(spec) => {
                let config = spec.bind().map_err(|e| settings.source_error(index, &e.to_string()))?;
                Self::RemoteWrite(Box::new(config))
            }
            SourceSpec::Mqtt(spec) => {
                let config = spec.config(index).map_err(|e| settings.source_error(index, &e))?;
                Self::Mqtt(Box::new(config))
            }
            SourceSpec::Replay { path, speed } => {
                let replay = Replay::open(path).map_err(|e| CliError::Failed(e.to_string()))?;
                Self::Replay(Box::new(replay.of_site(&settings.topology)), *speed)
            }
            SourceSpec::Scrape { targets, options } => {
                let arguments: Vec<String> = targets.iter().map(|t| t.argument()).collect();
                let mut config = ScrapeConfig::load(&arguments).map_err(|e| wrong(settings, index, &e))?;
                config.interval = settings.interval;
                config.limits.timeout = settings.timeout;
                config.seed = u64::from(std::process::id());
                options.apply(&mut config);
                config.select().map_err(|e| wrong(settings, index, &e))?;
                let placing = Placing::new(settings.placer.as_ref().clone(), &settings.topology);
                config.placing = Some(Arc::new(placing));
                Self::Scrape(Box::new(config))
            }
            SourceSpec::Prometheus(spec) => {
                let times = (settings.interval, settings.timeout);
                Self::Prometheus(Box::new(spec.ready(times, settings.place_labels())), Links::default())
            }
        })
    }

    /// True for sources that set the pace of frames: they have a time of their own.
    pub const fn is_paced(&self) -> bool {
        matches!(self, Self::Sim(..) | Self::Scripted(..) | Self::Replay(..))
    }

    /// The engine that is to be asked for its past, if this is one: it shows then what `told` says.
    pub fn wants_past(&mut self, told: &watch::Receiver<String>) -> Option<PromConfig> {
        match self {
            Self::Prometheus(config, links) if !config.backfill.is_zero() => {
                links.past = Some(told.clone());
                Some(config.as_ref().clone())
            }
            _ => None,
        }
    }

    /// Lets it know which hall is on the screen, where that is of use to it.
    pub fn look_at(&mut self, focus: &Focus) {
        if let Self::Prometheus(_, links) = self {
            links.focus = Some(focus.clone());
        }
    }

    /// Runs it on the runtime of the caller.
    pub fn spawn(self, topology: &Arc<Topology>, outlet: Outlet) {
        match self {
            Self::Sim(seed, speed) => {
                let topology = Arc::clone(topology);
                // A large site takes some milliseconds to set up: not before the first frame.
                tokio::spawn(async move {
                    let _ = sim::run(Sim::new(topology, seed), speed, outlet).await;
                });
            }
            Self::Scripted(sim, speed) => {
                tokio::spawn(sim::run(*sim, speed, outlet));
            }
            Self::Scrape(config) => scrape::spawn(*config, outlet),
            Self::Prometheus(config, links) => {
                tokio::spawn(promql::run(*config, outlet, links));
            }
            Self::Mqtt(config) => {
                tokio::spawn(mqtt::run(*config, outlet));
            }
            Self::Replay(replay, speed) => {
                tokio::spawn(replay::run(*replay, speed, outlet));
            }
            Self::Jobs(config) => {
                tokio::spawn(jobs::run(*config, outlet));
            }
            Self::RemoteWrite(config) => {
                tokio::spawn(remote_write::run(*config, outlet));
            }
            Self::Local => {
                tokio::spawn(local::run(local::LocalConfig::default(), outlet));
            }
        }
    }
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
