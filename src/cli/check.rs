//! `check`: are all files valid that the console would read, or those given?

mod live;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::CliError;
use crate::cli::args::{CheckArgs, Options};
use crate::cli::config::layer::{self, Origin};
use crate::cli::config::scrape::ScrapeOptions;
use crate::cli::config::source::DEFAULT_SEED;
use crate::cli::config::{self, Settings, SourceSpec, Surroundings, ThemeFile};
use crate::cli::files;
use crate::model::Topology;
use crate::model::batch::HostFacts;
use crate::model::document::{Document, FileError};
use crate::model::topology::place::Placer;
use crate::source::http::HttpConfig;
use crate::source::scrape::targets::Target;
use crate::source::scrape::{Placing, ScrapeConfig, TargetError, placing};
use crate::source::sim::scenario::Scenario;
use crate::source::sim::workload::Workload;
use crate::ui::keymap::Keymap;
use crate::ui::theme::Theme;

/// How long the sources may take to answer `--live`.
const LIVE_WAIT: Duration = Duration::from_secs(20);

/// What became of one thing that was checked: what it is, or what is wrong with it.
type Checked = Result<String, CliError>;

/// Checks the files given, or everything that the settings name. Each file gets a line; all are
/// checked even when one is wrong. What the console would pass over with a warning is wrong here.
///
/// # Errors
/// [`CliError::Failed`] with the number of mistakes.
pub fn run(args: &CheckArgs, around: &Surroundings, out: &mut dyn Write) -> Result<(), CliError> {
    let results: Vec<Checked> = if args.live {
        asked(args, around)
    } else if args.files.is_empty() {
        settings(&args.options, around)
    } else {
        args.files.iter().flat_map(|path| file(path, &args.options)).collect()
    };
    let mut broken = 0;
    for result in results {
        match result {
            Ok(line) => writeln!(out, "ok     {line}")?,
            Err(e) => {
                broken += 1;
                writeln!(out, "wrong  {}", e.report())?;
            }
        }
    }
    match broken {
        0 => Ok(()),
        1 => Err(CliError::Failed(String::from("1 check failed"))),
        n => Err(CliError::Failed(format!("{n} checks failed"))),
    }
}

fn settings(options: &Options, around: &Surroundings) -> Vec<Checked> {
    let settings = match config::load_in(options, around) {
        Ok(settings) => settings,
        Err(e) => return vec![Err(e)],
    };
    let mut results = vec![Ok(format!(
        "settings from {} files; site {}: {} halls, {} GPUs",
        settings.files.len(),
        settings.topology.site(),
        settings.topology.halls().len(),
        settings.topology.gpu_count()
    ))];
    if settings.rules.list().iter().any(|r| !r.from.is_empty()) {
        results.push(Ok(format!("alarm rules: {}", config::rules::told(&settings.rules))));
    }
    let wrong_keys = key_errors(&settings.keys, |name, message| settings.error_at(name, message));
    results.extend(wrong_keys.into_iter().map(|e| Err(e.into())));
    results.extend(themes(&settings));
    results.extend(settings.warnings.iter().map(|w| Err(CliError::Failed(w.clone()))));
    results.extend(settings.alertmanager.iter().map(alertmanager));
    for source in &settings.sources {
        match source {
            SourceSpec::Scrape { targets, options } => {
                let arguments: Vec<_> = targets.iter().map(config::TargetSpec::argument).collect();
                results.extend(scrape(&arguments, options, &settings));
                results.extend(login(&options.http));
            }
            SourceSpec::RemoteWrite(spec) => {
                let checked = spec.check().map_err(|e| CliError::Failed(e.to_string()));
                results.push(checked.map(|()| format!("remote write: {}", spec.words())));
                results.extend(login(&spec.http));
            }
            SourceSpec::Jobs(spec) => {
                results.push(spec.check().map_err(|e| CliError::Failed(e.to_string())));
                results.extend(login(&spec.login()));
            }
            SourceSpec::Prometheus(spec) => {
                results.push(Ok(format!("prometheus {}", spec.words())));
                results.extend(login(&spec.config.http));
            }
            _ => {}
        }
    }
    results
}

/// The settings, and what their sources answer when they are asked.
fn asked(args: &CheckArgs, around: &Surroundings) -> Vec<Checked> {
    let mut results = settings(&args.options, around);
    if results.iter().all(Result::is_ok)
        && let Ok(settings) = config::load_in(&args.options, around)
    {
        results.extend(live::ask(&settings, args.wait.unwrap_or(LIVE_WAIT)));
    }
    results
}

fn alertmanager(spec: &config::AlertmanagerSpec) -> Checked {
    if let Some(path) = &spec.config.token_file {
        files::read(path, files::MAX_CONFIG)?;
    }
    Ok(format!("alertmanager: {}", spec.words()))
}

/// What is wrong with the keys of the user; `place` makes an error about one entry.
fn key_errors(
    keys: &BTreeMap<String, Vec<String>>,
    place: impl Fn(&str, &str) -> FileError,
) -> Vec<FileError> {
    let Err(errors) = Keymap::new(keys) else { return Vec::new() };
    let about = |message: &str| keys.keys().find(|name| message.contains(&format!("`{name}`")));
    let words = errors.iter().map(ToString::to_string);
    words.map(|m| place(about(&m).map_or("keys", String::as_str), &m)).collect()
}

/// All themes of the user and the machine, and the one in use.
fn themes(settings: &Settings) -> Vec<Checked> {
    let sources = theme_sources(&settings.themes);
    let of_file = |t: &ThemeFile| theme(&t.name, &t.path.to_string_lossy(), &sources);
    let mut results: Vec<Checked> = settings.themes.iter().flat_map(of_file).collect();
    if let Err(e) = Theme::load(&settings.theme, &sources) {
        let known = settings.themes.iter().any(|t| t.name == settings.theme);
        // A broken file of that name has been told already.
        if !known {
            results.push(Err(settings.error_at("theme", &e.to_string()).into()));
        }
    }
    results
}

/// The theme files in the form that [`Theme::load`] takes.
#[must_use]
pub fn theme_sources(themes: &[ThemeFile]) -> Vec<(&str, &str)> {
    themes.iter().map(|t| (t.path.to_str().unwrap_or(&t.name), t.text.as_str())).collect()
}

/// Checks the theme `name`: one line when it is right, else one per mistake.
fn theme(name: &str, file: &str, sources: &[(&str, &str)]) -> Vec<Checked> {
    match Theme::load(name, sources) {
        Ok((_, warnings)) => {
            // Mistakes of a theme that this one inherits are told where that file is checked.
            let own = warnings.iter().filter(|w| w.file == file);
            let wrong: Vec<Checked> = own.map(|w| Err(CliError::Failed(w.to_string()))).collect();
            if wrong.is_empty() { vec![Ok(format!("{file}: a theme"))] } else { wrong }
        }
        Err(e) => {
            let message = e.to_string();
            let named = message.starts_with(file);
            vec![Err(CliError::Failed(if named { message } else { format!("{file}: {message}") }))]
        }
    }
}

/// Checks the arguments of one scraping source: a line per list, one per mistake, and the sum.
fn scrape(arguments: &[String], options: &ScrapeOptions, settings: &Settings) -> Vec<Checked> {
    let mut results: Vec<Checked> = Vec::new();
    for argument in arguments {
        match targets(argument) {
            Ok(count) if is_list(argument) => results.push(Ok(format!("{argument}: {count}"))),
            Ok(_) => {}
            Err(e) => results.push(Err(e)),
        }
    }
    if results.iter().all(Result::is_ok) {
        let all = ScrapeConfig::load(arguments).and_then(|mut config| {
            options.apply(&mut config);
            config.select().map(|()| config)
        });
        let placing = Placing::new(settings.placer.as_ref().clone(), &settings.topology);
        results.push(all.map_err(failed).map(|config| told(&config, &placing)));
    }
    results
}

/// How many targets there are, and how many of their hosts nothing places as far as the lists tell.
fn told(config: &ScrapeConfig, placing: &Placing) -> String {
    let targets = &config.list.targets;
    let mut text = format!("scrape: {} targets", targets.len());
    if let Some(shard) = config.selection.shard {
        text.push_str(&format!(" (shard {shard} of {})", targets.len() + config.list.elsewhere));
    }
    let facts = |t: &Target| HostFacts { host: t.name.clone(), labels: t.labels.clone() };
    let mut lost = targets.iter().filter(|t| placing.hall(&facts(t)).is_none());
    if let Some(first) = lost.next() {
        text.push_str(&format!("; {}", placing::unplaced(1 + lost.count(), &first.name)));
    }
    text
}

/// Secrets and certificates of one source: one line per mistake.
fn login(http: &HttpConfig) -> Vec<Checked> {
    let tls = if http.tls.is_default() { Ok(()) } else { http.tls.client_config().map(drop) };
    let wrong = [http.request_headers().map(drop), tls].into_iter().filter_map(Result::err);
    wrong.map(|e| Err(CliError::Failed(e.to_string()))).collect()
}

fn is_list(argument: &str) -> bool {
    matches!(crate::source::scrape::Spec::parse(argument), crate::source::scrape::Spec::File(_))
}

fn failed(e: TargetError) -> CliError {
    CliError::Failed(e.to_string())
}

/// How many targets an argument of `--scrape` names: "3 targets", or "3 targets, 1 repeated".
///
/// # Errors
/// A list that cannot be read or understood, with file and line, or an address that is none.
pub fn targets(argument: &str) -> Checked {
    let list = ScrapeConfig::load(&[argument.to_owned()]).map_err(failed)?.list;
    Ok(match (list.targets.len(), list.repeated) {
        (n, 0) => format!("{n} targets"),
        (n, twice) => format!("{n} targets, {twice} repeated"),
    })
}

/// Checks one file by what it is: target list (.json), inventory (.csv), or TOML: a topology when
/// it has `[site]` or `[[hall]]`, a scenario when it has `[[event]]`, `[pick]` or `length`, alarm
/// rules when it has `[[rule]]`, a theme when it stands in a folder `themes` or has a `[palette]` or `[styles]`, else a config. Answers
/// with what it is, or with all that is wrong.
fn file(path: &Path, options: &Options) -> Vec<Checked> {
    let name = path.to_string_lossy();
    let one = |what: Checked| vec![what.map(|what| format!("{name}: {what}"))];
    match path.extension().and_then(|e| e.to_str()) {
        Some("json") => one(targets(&name)),
        Some("csv") => one(inventory(path)),
        _ => toml_file(path, options).unwrap_or_else(|e| vec![Err(e)]),
    }
}

fn inventory(path: &Path) -> Checked {
    let text = files::read(path, files::MAX_DATA)?;
    let mut placer = Placer::default();
    placer.add_inventory(&text, &path.to_string_lossy()).map_err(CliError::Failed)?;
    Ok(format!("an inventory of {} hosts", placer.inventory_len()))
}

/// Checks a scenario and whether it fits the site: that of `--topology`, else the built-in one.
fn scenario(text: &str, name: &str, options: &Options) -> Checked {
    let scenario = Scenario::parse(text, name)?;
    let site = match &options.topology {
        Some(path) => {
            let text = files::read(path, files::MAX_DATA)?;
            Topology::from_toml(&text, &path.to_string_lossy())?
        }
        None => Topology::default_site(),
    };
    let seed = options.seed.unwrap_or(DEFAULT_SEED);
    let timeline = scenario.resolve(&site, &Workload::new(&site, seed), seed)?;
    let (events, effects) = (scenario.events.len(), timeline.effects().len());
    Ok(format!("{name}: a scenario of {events} events, {effects} effects on {}", site.site()))
}

fn toml_file(path: &Path, options: &Options) -> Result<Vec<Checked>, CliError> {
    let text = files::read(path, files::MAX_DATA)?;
    let name = path.to_string_lossy();
    let table: toml::Table = toml::from_str(&text).map_err(|e| Document::new(&text, &name).toml_error(&e))?;
    let in_themes = path.parent().and_then(Path::file_name).is_some_and(|d| d == "themes");
    let has = |key: &str| table.contains_key(key);
    if has("site") || has("hall") {
        let site = Topology::from_toml(&text, &name)?;
        Ok(vec![Ok(format!("{name}: a topology of {} GPUs", site.gpu_count()))])
    } else if ["event", "pick", "length"].into_iter().any(has) {
        Ok(vec![scenario(&text, &name, options)])
    } else if has("rule") {
        // Over the rules of other files, where the options name some: it may change what they add.
        let others = options.alarm_rules.iter().filter(|p| *p != path).cloned();
        let rules = config::rules::read(&others.chain([path.to_owned()]).collect::<Vec<_>>())?;
        Ok(vec![Ok(format!("{name}: {}", config::rules::told(&rules)))])
    } else if in_themes || has("palette") || has("styles") {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let beside = if in_themes { themes_beside(path) } else { Vec::new() };
        let own = std::iter::once((name.as_ref(), text.as_str()));
        let sources: Vec<_> = own.chain(beside.iter().map(|(p, t)| (p.as_str(), t.as_str()))).collect();
        Ok(theme(&stem, &name, &sources))
    } else {
        Ok(config_file(&text, path)?)
    }
}

fn config_file(text: &str, path: &Path) -> Result<Vec<Checked>, FileError> {
    let layer = layer::parse(text, path)?;
    let keys = layer.keys.iter().map(|(name, s)| (name.clone(), s.value.clone())).collect();
    let place = |name: &str, message: &str| {
        let origin = layer.keys.get(name).map_or(&Origin::Default, |s| &s.origin);
        origin.error(name, message)
    };
    let wrong = key_errors(&keys, place);
    if wrong.is_empty() {
        return Ok(vec![Ok(format!("{}: a config", path.display()))]);
    }
    Ok(wrong.into_iter().map(|e| Err(e.into())).collect())
}

/// The other themes in the folder of `path`, which it may inherit; unreadable ones are left out.
fn themes_beside(path: &Path) -> Vec<(String, String)> {
    let entries = path.parent().and_then(|dir| std::fs::read_dir(dir).ok());
    let mut paths: Vec<PathBuf> = entries.into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "toml") && p != path);
    paths.sort();
    let read = |p: &PathBuf| Some((p.to_str()?.to_owned(), files::read(p, files::MAX_CONFIG).ok()?));
    paths.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(&path, text).expect("writable");
        path
    }

    /// The lines of a check of files, or of the settings in `around`.
    fn lines(files: Vec<PathBuf>, around: &Surroundings) -> Vec<String> {
        let mut out = Vec::new();
        let _ = run(&CheckArgs { files, ..CheckArgs::default() }, around, &mut out);
        String::from_utf8(out).expect("text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn target_lists_are_counted_or_refused_with_a_line() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let list = |text: &str| targets(&put(dir.path(), "t.json", text).to_string_lossy());
        let good = r#"[{"targets": ["a:1", "b:1"], "labels": {"hall": "H1"}}, {"targets": ["c:1", "a:1"]}]"#;
        assert_eq!(list(good).ok().as_deref(), Some("3 targets, 1 repeated"));
        let e = list("[\n{\"target\": []}]").expect_err("a wrong key").report();
        assert!(e.contains("t.json:2:") && e.contains("did you mean `targets`?"), "{e}");
        assert!(list(r#"[{"targets": [""]}]"#).is_err());
        assert!(list("{").is_err());
    }

    #[test]
    fn every_file_is_checked_even_when_one_is_wrong() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let put = |name: &str, text: &str| put(dir.path(), name, text);
        let files = vec![
            put("a.json", "[]"),
            put("b.csv", "host\n"),
            put("c.toml", "theme = \"x\"\n"),
            put("d.toml", include_str!("../../sites/air-cooled.toml")),
            put("e.toml", "[palette]\nred = \n"),
        ];
        let mut out = Vec::new();
        let args = CheckArgs { files, ..CheckArgs::default() };
        let e = run(&args, &Surroundings::default(), &mut out).expect_err("two are wrong");
        assert_eq!(e.report(), "2 checks failed");
        let text = String::from_utf8(out).expect("text");
        let marks: Vec<_> = text.lines().map(|l| &l[..5]).collect();
        assert_eq!(marks, ["ok   ", "wrong", "ok   ", "ok   ", "wrong"], "{text}");
        assert!(text.contains("a topology of 320 GPUs") && text.contains("e.toml:2: "), "{text}");
    }

    #[test]
    fn a_scenario_is_checked_on_the_site_that_is_given() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let text = include_str!("../source/sim/scenarios/rack-leak.toml");
        let path = put(dir.path(), "leak.toml", text);
        let found = lines(vec![path.clone()], &Surroundings::default());
        assert!(found[0].ends_with("leak.toml: a scenario of 7 events, 7 effects on Kvandal"), "{found:?}");
        let options = Options { topology: Some("sites/air-cooled.toml".into()), ..Options::default() };
        let args = CheckArgs { files: vec![path], options, ..CheckArgs::default() };
        let mut out = Vec::new();
        run(&args, &Surroundings::default(), &mut out).expect_err("there is no coolant");
        let text = String::from_utf8(out).expect("text");
        assert!(text.contains("is cooled by liquid, as `leak-at` needs it"), "{text}");
    }

    #[test]
    fn every_mistake_of_a_theme_gets_a_line() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        put(dir.path(), "themes/base.toml", "[palette]\nnight = \"#000000\"\n");
        let good = put(dir.path(), "themes/good.toml", "inherits = \"base\"\n[styles]\ntext = \"night\"\n");
        let text = "[styles]\ntext = \"nigth\"\ntexxt = \"#000000\"\n";
        let bad = put(dir.path(), "themes/bad.toml", text);
        let found = lines(vec![good, bad], &Surroundings::default());
        assert!(found[0].ends_with("good.toml: a theme"), "{found:?}");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[1..].iter().all(|l| l.starts_with("wrong  ")), "{found:?}");
        assert!(found.iter().any(|l| l.contains("bad.toml:2: ")), "{found:?}");
        assert!(found.iter().any(|l| l.contains("bad.toml:3: ")), "{found:?}");
    }

    #[test]
    fn wrong_keys_and_themes_of_the_settings_are_told_with_their_lines() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let text = "theme = \"lihgt\"\n[keys]\npauze = \"x\"\nopen = \"Entr\"\n";
        let config = put(dir.path(), "config.toml", text);
        let around = Surroundings { user: Some(dir.path().to_owned()), ..Surroundings::default() };
        for found in [lines(Vec::new(), &around)[1..].to_vec(), lines(vec![config], &around)] {
            assert!(
                found.iter().any(|l| l.contains("config.toml:3: ") && l.contains("`pause`")),
                "{found:?}"
            );
            assert!(
                found.iter().any(|l| l.contains("config.toml:4: ") && l.contains("`Enter`")),
                "{found:?}"
            );
        }
        let found = lines(Vec::new(), &around);
        assert!(found.iter().any(|l| l.contains("config.toml:1: ") && l.contains("`light`")), "{found:?}");
    }

    #[test]
    fn the_settings_are_checked_with_the_targets_they_name() {
        let scrape = vec!["/absent/targets.json".into(), "htp://a:1".into()];
        let options = Options { scrape, ..Options::default() };
        let args = CheckArgs { options, ..CheckArgs::default() };
        let mut out = Vec::new();
        let e = run(&args, &Surroundings::default(), &mut out).expect_err("both are wrong");
        assert_eq!(e.report(), "2 checks failed");
        let text = String::from_utf8_lossy(&out);
        assert!(text.contains("/absent/targets.json: cannot read") && text.contains("`http`"), "{text}");
        assert!(run(&CheckArgs::default(), &Surroundings::default(), &mut out).is_ok());
    }
}
