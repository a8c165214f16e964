//! Which sources to start: from `[[source]]` tables or from the command line.

pub mod jobs;
pub mod remote_write;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::cli::CliError;
use crate::cli::args::Options;
use crate::cli::config::keys::{SOURCE_KINDS, Value, source_has};
use crate::cli::config::mqtt::MqttSpec;
use crate::cli::config::prometheus::PromSpec;
use crate::cli::config::scrape::ScrapeOptions;
use crate::cli::scenario::Script;
use crate::source::http::HttpConfig;
use jobs::JobsSpec;
use remote_write::RemoteWriteSpec;

/// Seed of the simulator when none is given.
pub const DEFAULT_SEED: u64 = 1;

/// One source to start.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceSpec {
    /// The simulator.
    Sim {
        /// The same seed gives the same values.
        seed: u64,
        /// Simulated seconds per second, above 0, at most 3,600.
        speed: f64,
        /// What happens in it.
        script: Option<Script>,
    },
    /// Exporters over HTTP.
    Scrape {
        /// What to poll.
        targets: Vec<TargetSpec>,
        /// How.
        options: Box<ScrapeOptions>,
    },
    /// An engine with Prometheus' query API.
    Prometheus(Box<PromSpec>),
    /// This machine.
    Local,
    /// A receiver of remote write.
    RemoteWrite(Box<RemoteWriteSpec>),
    /// Who holds the GPUs, from a file or from Slurm.
    Jobs(Box<JobsSpec>),
    /// A facility bus.
    Mqtt(Box<MqttSpec>),
    /// The values of a recording; on the command line alone.
    Replay {
        /// File or folder.
        path: PathBuf,
        /// Recorded seconds per second.
        speed: f64,
    },
}

/// What one `--scrape` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSpec {
    /// The address of one exporter: a URL or `host:port`.
    Address(String),
    /// A file_sd list (JSON).
    File(PathBuf),
}

impl TargetSpec {
    /// A file when it ends in `.json`, `.yml` or `.yaml` and has no scheme, else an address;
    /// `file` finds relative paths.
    fn read(text: &str, file: impl Fn(&str) -> PathBuf) -> Self {
        let lower = text.to_ascii_lowercase();
        let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
        if !has_scheme && [".json", ".yml", ".yaml"].iter().any(|end| lower.ends_with(end)) {
            Self::File(file(text))
        } else {
            Self::Address(text.to_owned())
        }
    }

    /// The target as an argument of `--scrape`.
    #[must_use]
    pub fn argument(&self) -> String {
        match self {
            Self::Address(address) => address.clone(),
            Self::File(path) => path.to_string_lossy().into_owned(),
        }
    }
}

pub(super) type Entries = BTreeMap<&'static str, (Value, Range<usize>)>;

impl SourceSpec {
    /// The source of a checked `[[source]]` table; `file` finds relative paths.
    ///
    /// # Errors
    /// A missing key, or a key of another kind of source: with the place, where there is one.
    pub fn from_table(
        values: &Entries,
        file: impl Fn(&str) -> PathBuf,
    ) -> Result<Self, (Option<Range<usize>>, String)> {
        let Some((Value::Text(kind), _)) = values.get("kind") else {
            return Err((
                None,
                format!("[[source]] has no `kind`: expected one of {}", SOURCE_KINDS.join(", ")),
            ));
        };
        let foreign = values.iter().find(|(name, _)| !source_has(kind, name));
        if let Some((name, (_, at))) = foreign {
            return Err((Some(at.clone()), format!("`{name}` means nothing to a source of kind `{kind}`")));
        }
        match kind.as_str() {
            "sim" => Ok(Self::Sim {
                seed: if let Some((Value::Count(n), _)) = values.get("seed") { *n } else { DEFAULT_SEED },
                speed: if let Some((Value::Speed(x), _)) = values.get("speed") { *x } else { 1.0 },
                script: script(values)?,
            }),
            "scrape" => {
                let options = Box::new(ScrapeOptions::from_table(values)?);
                let targets: Vec<_> = match values.get("targets") {
                    Some((Value::Texts(list), _)) => {
                        list.iter().map(|t| TargetSpec::read(t, &file)).collect()
                    }
                    _ => Vec::new(),
                };
                if targets.is_empty() && options.remotes.is_empty() {
                    let m = "a source of kind `scrape` needs `targets`: URLs or file_sd lists, or `http_sd`";
                    return Err((None, m.to_owned()));
                }
                Ok(Self::Scrape { targets, options })
            }
            "prometheus" => PromSpec::from_table(values).map(|spec| Self::Prometheus(Box::new(spec))),
            "remote_write" => RemoteWriteSpec::from_table(values).map(|s| Self::RemoteWrite(Box::new(s))),
            "jobs" => JobsSpec::from_file_table(values).map(|s| Self::Jobs(Box::new(s))),
            "slurm" => JobsSpec::from_slurm_table(values).map(|s| Self::Jobs(Box::new(s))),
            "mqtt" => {
                let mut spec = MqttSpec::from_table(values)?;
                spec.assets = spec.assets.map(|p| file(&p.to_string_lossy()));
                Ok(Self::Mqtt(Box::new(spec)))
            }
            _ => Ok(Self::Local),
        }
    }

    /// The scenario of a simulator.
    pub const fn script_mut(&mut self) -> Option<&mut Script> {
        match self {
            Self::Sim { script, .. } => script.as_mut(),
            _ => None,
        }
    }

    /// How a scraping source is set.
    pub fn scrape_mut(&mut self) -> Option<&mut ScrapeOptions> {
        match self {
            Self::Scrape { options, .. } => Some(options),
            _ => None,
        }
    }

    /// How a source that speaks HTTP logs in.
    pub fn http_mut(&mut self) -> Option<&mut HttpConfig> {
        match self {
            Self::Scrape { options, .. } => Some(&mut options.http),
            Self::Prometheus(spec) => Some(&mut spec.config.http),
            Self::RemoteWrite(spec) => Some(&mut spec.http),
            Self::Jobs(spec) => spec.http_mut(),
            Self::Mqtt(spec) => Some(&mut spec.http),
            _ => None,
        }
    }

    /// True for sources that measure something.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(self, Self::Sim { .. } | Self::Replay { .. })
    }
}

/// The scenario of a `[[source]]` table.
fn script(values: &Entries) -> Result<Option<Script>, (Option<Range<usize>>, String)> {
    let at = match values.get("at") {
        Some((Value::Time(t), at)) => Some((t.as_secs(), at)),
        _ => None,
    };
    match (values.get("scenario"), at) {
        (Some((Value::Scenario(name), _)), at) => {
            Ok(Some(Script { at: at.map(|(s, _)| s), ..Script::new(name.clone()) }))
        }
        (_, Some((_, place))) => Err((Some(place.clone()), String::from("`at` needs a `scenario`"))),
        _ => Ok(None),
    }
}

/// The sources that the command line names, in the order in which they go before each other.
fn given(options: &Options, sim: &SourceSpec) -> Result<Vec<SourceSpec>, CliError> {
    let mut given = Vec::new();
    if options.sim {
        given.push(sim.clone());
    }
    if !options.scrape.is_empty() {
        let targets = options.scrape.iter().map(|t| TargetSpec::read(t, |p| PathBuf::from(p))).collect();
        given.push(SourceSpec::Scrape { targets, options: Box::default() });
    }
    for address in &options.prometheus {
        let spec = PromSpec::new(address).map_err(|e| CliError::Usage(format!("--prometheus: {e}")))?;
        given.push(SourceSpec::Prometheus(Box::new(spec)));
    }
    if options.local {
        given.push(SourceSpec::Local);
    }
    if let Some(listen) = &options.remote_write_listen {
        given.push(SourceSpec::RemoteWrite(Box::new(RemoteWriteSpec::new(listen))));
    }
    let bus = |url: &String| MqttSpec { url: url.clone(), ..MqttSpec::default() };
    given.extend(options.mqtt.iter().map(|url| SourceSpec::Mqtt(Box::new(bus(url)))));
    given.extend(options.jobs.iter().map(|path| SourceSpec::Jobs(Box::new(JobsSpec::file(path.clone())))));
    given.extend(options.slurm.iter().map(|url| SourceSpec::Jobs(Box::new(JobsSpec::slurm(url)))));
    if let Some(path) = &options.replay {
        if !given.is_empty() {
            return Err(CliError::Usage(String::from("--replay stands alone: the recording is the site")));
        }
        if options.topology.is_some() {
            return Err(CliError::Usage(String::from("--replay brings its own --topology")));
        }
        given.push(SourceSpec::Replay { path: path.clone(), speed: options.speed.unwrap_or(1.0) });
    }
    Ok(given)
}

/// The sources in effect: those of the command line, else of the config, else the simulator.
/// `--seed`, `--speed`, `--scenario` and `--at` change the simulator wherever it comes from.
///
/// # Errors
/// One of these without a simulator, or `--at` without a scenario.
pub fn resolve(options: &Options, config: Option<Vec<SourceSpec>>) -> Result<Vec<SourceSpec>, CliError> {
    let sim = SourceSpec::Sim { seed: DEFAULT_SEED, speed: 1.0, script: None };
    let mut given = given(options, &sim)?;
    // A list of jobs says nothing of values: it stands beside what would be watched without it.
    let is_list = |s: &SourceSpec| matches!(s, SourceSpec::Jobs(_));
    let lists = if given.iter().all(is_list) { std::mem::take(&mut given) } else { Vec::new() };
    let mut sources = if given.is_empty() { config.unwrap_or_default() } else { given };
    if let Some(shard) = options.shard {
        let mut scraped = sources.iter_mut().filter_map(SourceSpec::scrape_mut).peekable();
        if scraped.peek().is_none() {
            return Err(CliError::Usage(String::from("--shard needs targets: add --scrape")));
        }
        scraped.for_each(|s| s.selection.shard = Some(shard));
    }
    if sources.iter().all(is_list) {
        sources.insert(0, sim);
    }
    sources.extend(lists);
    give_queries(options, &mut sources)?;
    let (mut simulated, mut scripted) = (false, false);
    for source in &mut sources {
        if let SourceSpec::Sim { seed, speed, script } = source {
            *seed = options.seed.unwrap_or(*seed);
            *speed = options.speed.unwrap_or(*speed);
            *script = options.scenario.clone().map(Script::new).or_else(|| script.take());
            if let Some(script) = script {
                script.at = options.at.or(script.at);
                scripted = true;
            }
            simulated = true;
        }
    }
    let replayed = options.replay.is_some();
    if !simulated && (options.seed.is_some() || (options.speed.is_some() && !replayed)) {
        return Err(CliError::Usage(String::from("--seed and --speed need the simulator: add --sim")));
    }
    if !simulated && options.scenario.is_some() {
        return Err(CliError::Usage(String::from("--scenario needs the simulator: add --sim")));
    }
    if !scripted && options.at.is_some() {
        return Err(CliError::Usage(String::from("--at needs a scenario: add --scenario")));
    }
    Ok(sources)
}

/// `--prometheus-query` goes before the queries of every engine.
fn give_queries(options: &Options, sources: &mut [SourceSpec]) -> Result<(), CliError> {
    let mut engines = 0;
    for source in sources {
        if let SourceSpec::Prometheus(spec) = source {
            engines += 1;
            spec.config.queries.splice(0..0, options.prometheus_query.iter().cloned());
        }
    }
    if engines == 0 && !options.prometheus_query.is_empty() {
        return Err(CliError::Usage(String::from("--prometheus-query needs an engine: add --prometheus")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::scenario::ScenarioName;

    const SIM: SourceSpec = SourceSpec::Sim { seed: 1, speed: 1.0, script: None };

    #[test]
    fn without_any_source_the_site_is_simulated() {
        assert_eq!(resolve(&Options::default(), None).expect("valid"), [SIM]);
        let seeded = Options { seed: Some(7), ..Options::default() };
        let seven = SourceSpec::Sim { seed: 7, speed: 1.0, script: None };
        assert_eq!(resolve(&seeded, None).expect("valid"), [seven]);
    }

    #[test]
    fn sources_of_the_command_line_replace_those_of_the_config() {
        let options = Options { scrape: vec!["a:9400".into(), "b.json".into()], ..Options::default() };
        let targets = vec![TargetSpec::Address("a:9400".into()), TargetSpec::File("b.json".into())];
        let sources = resolve(&options, Some(vec![SourceSpec::Local])).expect("valid");
        assert_eq!(sources, [SourceSpec::Scrape { targets, options: Box::default() }]);
        assert_eq!(
            resolve(&Options::default(), Some(vec![SourceSpec::Local])).expect("valid"),
            [SourceSpec::Local]
        );
    }

    #[test]
    fn a_shard_needs_targets_and_holds_for_all_of_them() {
        let shard = Some(crate::source::scrape::Shard { index: 1, count: 4 });
        let options = Options { scrape: vec!["a:9400".into()], shard, ..Options::default() };
        let mut sources = resolve(&options, None).expect("valid");
        assert_eq!(sources[0].scrape_mut().map(|o| o.selection.shard), Some(shard));
        let alone = Options { shard, ..Options::default() };
        assert_eq!(resolve(&alone, None).expect_err("nothing to share").exit_code(), 2);
    }

    #[test]
    fn given_queries_go_before_those_of_the_config() {
        let mut options = Options {
            prometheus: vec!["http://a:1".into(), "http://b:1".into()],
            prometheus_query: vec![(crate::model::Metric::Power, "watts".into())],
            ..Options::default()
        };
        let sources = resolve(&options, None).expect("valid");
        let queries = |s: &SourceSpec| match s {
            SourceSpec::Prometheus(spec) => spec.config.queries.len(),
            _ => 0,
        };
        assert_eq!(sources.iter().map(queries).collect::<Vec<_>>(), [1, 1]);
        options.prometheus = vec!["a:1".into()];
        assert_eq!(resolve(&options, None).expect_err("no scheme").exit_code(), 2);
        options.prometheus.clear();
        assert_eq!(resolve(&options, None).expect_err("no engine").exit_code(), 2);
    }

    #[test]
    fn an_address_with_scheme_is_no_file() {
        let read = |t: &str| TargetSpec::read(t, |p| PathBuf::from("/etc").join(p));
        assert_eq!(read("http://a/x.json"), TargetSpec::Address("http://a/x.json".into()));
        assert_eq!(read("T.JSON").argument(), "/etc/T.JSON");
    }

    #[test]
    fn a_recording_stands_alone_and_has_a_speed() {
        let replay = Options { replay: Some("a.mcap".into()), speed: Some(9.0), ..Options::default() };
        let expected = SourceSpec::Replay { path: "a.mcap".into(), speed: 9.0 };
        assert!(!expected.is_live());
        assert_eq!(resolve(&replay, Some(vec![SourceSpec::Local])).expect("valid"), [expected]);
        for wrong in [
            Options { local: true, ..replay.clone() },
            Options { seed: Some(1), ..replay.clone() },
            Options { topology: Some("a.toml".into()), ..replay },
        ] {
            assert_eq!(resolve(&wrong, None).expect_err("not together").exit_code(), 2);
        }
    }

    #[test]
    fn a_seed_without_simulator_is_wrong_usage() {
        let options = Options { local: true, seed: Some(7), ..Options::default() };
        assert_eq!(resolve(&options, None).expect_err("no simulator").exit_code(), 2);
        let both = Options { local: true, sim: true, seed: Some(7), ..Options::default() };
        assert_eq!(resolve(&both, None).expect("valid").len(), 2);
    }

    #[test]
    fn a_scenario_of_the_command_line_goes_before_that_of_the_config() {
        let name = |text: &str| ScenarioName::parse(text).expect("a name");
        let script = Script { at: Some(5), ..Script::new(name("rack-leak")) };
        let config = vec![SourceSpec::Sim { seed: 1, speed: 1.0, script: Some(script.clone()) }];
        let of = |options: &Options| match resolve(options, Some(config.clone())).expect("valid").pop() {
            Some(SourceSpec::Sim { script: Some(script), .. }) => (script.name.argument(), script.start()),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(&Options::default()), ("rack-leak".to_owned(), 5));
        assert_eq!(of(&Options { at: Some(9), ..Options::default() }), ("rack-leak".to_owned(), 9));
        let other = Options { scenario: Some(name("straggler")), ..Options::default() };
        assert_eq!(of(&other), ("straggler".to_owned(), 60), "its own start, not that of the other one");
        for options in [
            Options { at: Some(9), ..Options::default() },
            Options { local: true, scenario: Some(name("straggler")), ..Options::default() },
        ] {
            assert_eq!(resolve(&options, None).expect_err("nothing to start").exit_code(), 2);
        }
    }

    #[test]
    fn keys_of_another_kind_are_refused() {
        let mut values = Entries::from([("kind", (Value::Text("local".into()), 0..1))]);
        assert_eq!(SourceSpec::from_table(&values, |p| PathBuf::from(p)), Ok(SourceSpec::Local));
        values.insert("seed", (Value::Count(1), 5..6));
        let (at, message) =
            SourceSpec::from_table(&values, |p| PathBuf::from(p)).expect_err("local has no seed");
        assert_eq!((at, message.contains("`seed` means nothing")), (Some(5..6), true));
        assert!(SourceSpec::from_table(&Entries::new(), |p| PathBuf::from(p)).is_err());
    }
}
