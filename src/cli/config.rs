//! The settings in effect. A flag goes before the environment, that before the user's file, that
//! before the machine's file. The same function loads them at the start and on a reload, so a
//! broken file never replaces settings that work.

pub mod alertmanager;
pub mod doc;
pub mod http;
pub mod keys;
pub mod layer;
pub mod operator;
pub mod prometheus;
mod recorder;
pub mod rules;
pub mod scrape;
pub mod source;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::alarm::Rules;
use crate::cli::CliError;
use crate::cli::args::{ColorChoice, Options, PrintArgs};
use crate::cli::files;
use crate::cli::scenario::ScenarioName;
use crate::model::Topology;
use crate::model::document::FileError;
use crate::model::text;
use crate::model::topology::Plan;
use crate::model::topology::place::{Placer, RuleSpec};
use crate::source::replay::Replay;

pub use alertmanager::AlertmanagerSpec;
use keys::{KEYS, Kind, Value};
use layer::{Layer, Origin, Setting};
pub use operator::OperatorSettings;
pub use prometheus::PromSpec;
pub use recorder::RecorderSettings;
pub use source::{SourceSpec, TargetSpec};

/// Most themes that are taken from one folder.
const MAX_THEMES: usize = 64;
/// Name of the site that is made of what live hosts show.
const OPEN_SITE: &str = "live";

/// Where settings are looked for, and what the environment wants.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Folder of the user's settings.
    pub user: Option<PathBuf>,
    /// Folder of the machine's settings.
    pub system: Option<PathBuf>,
    /// True when NO_COLOR is set and not empty (<https://no-color.org>).
    pub no_color: bool,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn real() -> Self {
        Self {
            user: files::user_dir(),
            system: Some(files::system_dir()),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()),
        }
    }

    /// The config files, the one that goes first in front: `--config` takes the place of the
    /// user's. The flag says whether it must exist.
    #[must_use]
    pub fn config_files(&self, options: &Options) -> Vec<(PathBuf, bool)> {
        let user = match &options.config {
            Some(path) => Some((path.clone(), true)),
            None => self.user.as_ref().map(|d| (d.join("config.toml"), false)),
        };
        user.into_iter().chain(self.system.as_ref().map(|d| (d.join("config.toml"), false))).collect()
    }

    /// The folders of themes, the one that goes first in front.
    #[must_use]
    pub fn theme_dirs(&self) -> Vec<PathBuf> {
        [&self.user, &self.system].into_iter().flatten().map(|d| d.join("themes")).collect()
    }
}

/// A theme file of the user or the machine: it goes before a built-in theme of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThemeFile {
    /// Its name: the name of the file without `.toml`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// The settings in effect, with all files that they name read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The site; without halls when it is made of what live hosts show.
    pub topology: Arc<Topology>,
    /// Where live hosts go.
    pub placer: Arc<Placer>,
    /// What to start; at least one.
    pub sources: Vec<SourceSpec>,
    /// Name of the theme; whether it exists is for the themes to say (see [`Settings::error_at`]).
    pub theme: String,
    /// Theme files of the user and the machine, by name.
    pub themes: Vec<ThemeFile>,
    /// Other keys for actions: name of the action and keys.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Memory for the past, bytes.
    pub history_bytes: u64,
    /// Time between two polls of a live source.
    pub interval: Duration,
    /// Time after which a poll is given up.
    pub timeout: Duration,
    /// When to use colours; NO_COLOR is already in it.
    pub color: ColorChoice,
    /// Draw with ASCII characters alone.
    pub ascii: bool,
    /// Take mouse events.
    pub mouse: bool,
    /// Ask the terminal for answers.
    pub probe: bool,
    /// The alarm rules, with those of the site.
    pub rules: Rules,
    /// The Alertmanager, where there is one.
    pub alertmanager: Option<AlertmanagerSpec>,
    /// The flight recorder.
    pub recorder: RecorderSettings,
    /// Who operates, and where what is done is kept.
    pub operator: OperatorSettings,
    /// The files that were read: a change of one is a reason to load again.
    pub files: Vec<PathBuf>,
    /// What was passed over, in words for the operator.
    pub warnings: Vec<String>,
    values: BTreeMap<&'static str, Setting>,
    source_origin: Origin,
    /// The files and lines of `[[source]]` tables that are in use.
    source_places: Vec<Origin>,
    places: Vec<RuleSpec>,
    key_origins: BTreeMap<String, Origin>,
}

impl Settings {
    /// True when the settings say where live hosts go.
    #[must_use]
    pub fn has_places(&self) -> bool {
        !self.places.is_empty() || self.placer.inventory_len() > 0 || !self.topology.halls().is_empty()
    }

    /// An error about the setting or the `[keys]` entry `name`, with the file and line that made
    /// it: for what only others can check (names of themes, actions and keys).
    #[must_use]
    pub fn error_at(&self, name: &str, message: &str) -> FileError {
        let of_value = self.values.get(name).map(|s| &s.origin);
        let origin = self.key_origins.get(name).or(of_value).unwrap_or(&Origin::Default);
        origin.error(name, message)
    }

    /// An error about source `index`, with the file and line of its `[[source]]` table where it has
    /// one.
    #[must_use]
    pub fn source_error(&self, index: usize, message: &str) -> CliError {
        match self.source_places.get(index) {
            Some(origin) => origin.error("source", message).into(),
            None => CliError::Failed(format!("command line: {message}")),
        }
    }

    /// The labels that placing rules look at.
    #[must_use]
    pub fn place_labels(&self) -> Vec<String> {
        self.places.iter().map(|rule| rule.label.clone()).collect()
    }

    /// True when something is measured: no simulator alone.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.sources.iter().any(SourceSpec::is_live)
    }
}

/// Loads the settings of this process.
///
/// # Errors
/// A file that cannot be read or is wrong, with file, line, key and the nearest valid name; options
/// that contradict each other.
pub fn load(options: &Options) -> Result<Settings, CliError> {
    load_in(options, &Surroundings::real())
}

/// Loads the settings with the given surroundings.
///
/// # Errors
/// As [`load`].
pub fn load_in(options: &Options, around: &Surroundings) -> Result<Settings, CliError> {
    let (merged, read) = read(options, around)?;
    let mut settings = assemble(options, merged)?;
    settings.files.splice(0..0, read);
    (settings.themes, settings.warnings) = themes(around);
    Ok(settings)
}

/// The settings of the command line, the environment and all files, merged; and the files.
fn read(options: &Options, around: &Surroundings) -> Result<(Layer, Vec<PathBuf>), CliError> {
    let mut read = Vec::new();
    let mut layers = Vec::new();
    for (path, required) in around.config_files(options) {
        let text = if required {
            Some(files::read(&path, files::MAX_CONFIG)?)
        } else {
            files::read_if_present(&path, files::MAX_CONFIG)?
        };
        if let Some(text) = text {
            layers.push(layer::parse(&text, &path)?);
            read.push(path);
        }
    }
    Ok((merge(given(options, around.no_color), layers), read))
}

/// Loads only what commands need that neither simulate nor draw: who operates, and where the journal
/// is.
///
/// # Errors
/// As [`load`].
pub fn load_operator(options: &Options, around: &Surroundings) -> Result<OperatorSettings, CliError> {
    OperatorSettings::of(&read(options, around)?.0.values)
}

/// Loads only the alarm rules, with those of the site.
///
/// # Errors
/// As [`load`].
pub fn load_rules(options: &Options, around: &Surroundings) -> Result<Rules, CliError> {
    rules::read(&rules::files(&read(options, around)?.0.values))
}

/// What the command line and the environment say.
fn given(options: &Options, no_color: bool) -> Layer {
    let color = options.color.or(no_color.then_some(ColorChoice::Never));
    let rules = Some(options.alarm_rules.clone()).filter(|files| !files.is_empty());
    let values = [
        ("alarm_rules", rules.map(Value::Paths)),
        ("theme", options.theme.clone().map(Value::Text)),
        ("color", color.map(Value::Color)),
        ("ascii", options.ascii.then_some(Value::Flag(true))),
        ("mouse", options.no_mouse.then_some(Value::Flag(false))),
        ("probe", options.no_probe.then_some(Value::Flag(false))),
        ("history", options.history.map(Value::Size)),
        ("topology", options.topology.clone().map(Value::Path)),
        ("inventory", options.inventory.clone().map(Value::Path)),
        ("interval", options.interval.map(Value::Time)),
        ("timeout", options.timeout.map(Value::Time)),
        ("state", options.state.state.clone().map(Value::Path)),
        ("operator", options.state.operator.as_deref().map(|o| Value::Text(text::clean(o)))),
        ("read_only", options.state.read_only.then_some(Value::Flag(true))),
    ];
    let set = |(name, value): (_, Option<_>)| Some((name, Setting { value: value?, origin: Origin::Given }));
    Layer { values: values.into_iter().filter_map(set).collect(), ..Layer::default() }
}

/// One layer from several, the one that goes first in front; defaults fill what is left.
fn merge(first: Layer, others: Vec<Layer>) -> Layer {
    let mut out = first;
    for layer in others {
        for (name, setting) in layer.values {
            out.values.entry(name).or_insert(setting);
        }
        for (name, setting) in layer.keys {
            out.keys.entry(name).or_insert(setting);
        }
        out.sources = out.sources.or(layer.sources);
        out.places = out.places.or(layer.places);
        out.alertmanager = out.alertmanager.or(layer.alertmanager);
    }
    for key in KEYS.iter().filter(|k| !k.default.is_empty()) {
        let value = match key.kind {
            Kind::Flag => Value::Flag(key.default == "true"),
            kind => Value::read(kind, key.default.trim_matches('"')).expect("defaults are tested"),
        };
        out.values.entry(key.name).or_insert(Setting { value, origin: Origin::Default });
    }
    out
}

/// Takes a typed value out of the merged layer.
macro_rules! pick {
    ($values:expr, $name:literal, $kind:ident) => {
        match $values.get($name).map(|s| &s.value) {
            Some(Value::$kind(v)) => Some(v.clone()),
            _ => None,
        }
    };
}

/// The settings of a merged layer: reads topology and inventory, resolves the sources.
fn assemble(options: &Options, merged: Layer) -> Result<Settings, CliError> {
    let v = &merged.values;
    let source_origin = match &merged.sources {
        _ if options.names_sources() => Origin::Given,
        Some(list) => list.first().map_or(Origin::Default, |s| s.origin.clone()),
        None => Origin::Default,
    };
    let source_places = match &source_origin {
        Origin::File { .. } => merged.sources.iter().flatten().map(|s| s.origin.clone()).collect(),
        _ => Vec::new(),
    };
    let configured = merged.sources.map(|list| list.into_iter().map(|s| s.value).collect());
    let mut sources = source::resolve(options, configured)?;
    let mut scenario_files = Vec::new();
    for script in sources.iter_mut().filter_map(SourceSpec::script_mut) {
        script.load()?;
        if let ScenarioName::File(path) = &script.name {
            scenario_files.push(path.clone());
        }
    }
    let topology_file = pick!(v, "topology", Path);
    let inventory_file = pick!(v, "inventory", Path);
    let rule_files = rules::files(v);
    let places: Vec<RuleSpec> = merged.places.into_iter().flatten().map(|s| s.value).collect();
    let settings = "the table of keys has a default of this kind";
    Ok(Settings {
        topology: topology(topology_file.as_deref(), &sources)?,
        placer: Arc::new(placer(&places, inventory_file.as_deref())?),
        theme: pick!(v, "theme", Text).expect(settings),
        history_bytes: pick!(v, "history", Size).expect(settings),
        interval: pick!(v, "interval", Time).expect(settings),
        timeout: pick!(v, "timeout", Time).expect(settings),
        color: pick!(v, "color", Color).expect(settings),
        ascii: pick!(v, "ascii", Flag).expect(settings),
        rules: rules::read(&rule_files)?,
        recorder: RecorderSettings::of(v),
        operator: OperatorSettings::of(v)?,
        alertmanager: merged.alertmanager.map(|s| s.value),
        mouse: pick!(v, "mouse", Flag).expect(settings),
        probe: pick!(v, "probe", Flag).expect(settings),
        keys: merged.keys.iter().map(|(name, s)| (name.clone(), s.value.clone())).collect(),
        key_origins: merged.keys.into_iter().map(|(name, s)| (name, s.origin)).collect(),
        files: topology_file
            .into_iter()
            .chain(inventory_file)
            .chain(scenario_files)
            .chain(rule_files)
            .collect(),
        themes: Vec::new(),
        warnings: Vec::new(),
        values: merged.values,
        sources,
        source_origin,
        source_places,
        places,
    })
}

/// The site: that of a recording, of the file, else the built-in one when something is simulated, else an open one.
fn topology(file: Option<&Path>, sources: &[SourceSpec]) -> Result<Arc<Topology>, CliError> {
    if let [SourceSpec::Replay { path, .. }] = sources {
        let replay = Replay::open(path).map_err(|e| CliError::Failed(e.to_string()))?;
        return Ok(Arc::clone(replay.topology()));
    }
    if let Some(path) = file {
        let text = files::read(path, files::MAX_DATA)?;
        return Ok(Arc::new(Topology::from_toml(&text, &path.to_string_lossy())?));
    }
    if sources.iter().all(SourceSpec::is_live) {
        return Plan::open(OPEN_SITE).build().map(Arc::new).map_err(CliError::Failed);
    }
    Ok(Arc::new(Topology::default_site()))
}

fn placer(rules: &[RuleSpec], inventory: Option<&Path>) -> Result<Placer, CliError> {
    let mut placer = Placer::new(rules).map_err(CliError::Failed)?;
    if let Some(path) = inventory {
        let text = files::read(path, files::MAX_DATA)?;
        placer.add_inventory(&text, &path.to_string_lossy()).map_err(CliError::Failed)?;
    }
    Ok(placer)
}

/// The theme files, and what could not be read: an unreadable theme must not stop the console.
fn themes(around: &Surroundings) -> (Vec<ThemeFile>, Vec<String>) {
    let mut themes: Vec<ThemeFile> = Vec::new();
    let mut warnings = Vec::new();
    for dir in around.theme_dirs() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
        paths.sort();
        for path in paths.into_iter().take(MAX_THEMES) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match files::read(&path, files::MAX_CONFIG) {
                Ok(_) if themes.iter().any(|t| t.name == name) => {}
                Ok(text) => themes.push(ThemeFile { name, path, text }),
                Err(e) => warnings.push(e.report()),
            }
        }
    }
    (themes, warnings)
}

/// `config print`.
///
/// # Errors
/// As [`load`], or the output cannot be written.
pub fn print(args: &PrintArgs, around: &Surroundings, out: &mut dyn Write) -> Result<(), CliError> {
    let text = if args.defaults { doc::template() } else { doc::in_effect(&load_in(&args.options, around)?) };
    Ok(out.write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests;
