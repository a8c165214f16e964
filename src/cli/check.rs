//! `check`: are all files valid that the console would read, or those given?

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::CliError;
use crate::cli::args::{CheckArgs, Options};
use crate::cli::config::{self, SourceSpec, Surroundings, TargetSpec, layer};
use crate::cli::files;
use crate::model::Topology;
use crate::model::document::{Document, FileError};
use crate::model::topology::place::Placer;

/// Checks the files given, or everything that the settings name. Each file gets a line; all are
/// checked even when one is wrong.
///
/// # Errors
/// [`CliError::Failed`] with the number of broken files.
pub fn run(args: &CheckArgs, around: &Surroundings, out: &mut dyn Write) -> Result<(), CliError> {
    let results: Vec<Result<String, CliError>> = if args.files.is_empty() {
        settings(&args.options, around)
    } else {
        args.files.iter().map(|p| file(p).map(|what| format!("{}: {what}", p.display()))).collect()
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

fn settings(options: &Options, around: &Surroundings) -> Vec<Result<String, CliError>> {
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
    for theme in &settings.themes {
        let name = theme.path.to_string_lossy();
        let checked = check_theme(&theme.text, &name).map(|()| format!("{name}: a theme"));
        results.push(checked.map_err(CliError::from));
    }
    results.extend(settings.warnings.into_iter().map(|w| Err(CliError::Failed(w))));
    for path in target_files(&settings.sources) {
        results.push(file(&path).map(|what| format!("{}: {what}", path.display())));
    }
    results
}

/// The target lists that the sources name.
#[must_use]
pub fn target_files(sources: &[SourceSpec]) -> Vec<PathBuf> {
    let lists = sources.iter().filter_map(|s| match s {
        SourceSpec::Scrape { targets } => Some(targets),
        _ => None,
    });
    lists
        .flatten()
        .filter_map(|t| match t {
            TargetSpec::File(path) => Some(path.clone()),
            TargetSpec::Address(_) => None,
        })
        .collect()
}

/// Checks one file by what it is: target list (.json), inventory (.csv), or TOML: a topology when
/// it has `[site]` or `[[hall]]`, a theme when it stands in a folder `themes` or has a `[palette]`,
/// else a config. Answers with what it is.
fn file(path: &Path) -> Result<String, CliError> {
    let text = files::read(path, files::MAX_DATA)?;
    let name = path.to_string_lossy();
    match path.extension().and_then(|e| e.to_str()) {
        Some("json") => Ok(format!("{} targets", count_targets(&text, &name)?)),
        Some("csv") => {
            let mut placer = Placer::default();
            placer.add_inventory(&text, &name).map_err(CliError::Failed)?;
            Ok(format!("an inventory of {} hosts", placer.inventory_len()))
        }
        _ => {
            let table: toml::Table =
                toml::from_str(&text).map_err(|e| Document::new(&text, &name).toml_error(&e))?;
            let in_themes = path.parent().and_then(Path::file_name).is_some_and(|d| d == "themes");
            if table.contains_key("site") || table.contains_key("hall") {
                let site = Topology::from_toml(&text, &name)?;
                Ok(format!("a topology of {} GPUs", site.gpu_count()))
            } else if in_themes || table.contains_key("palette") {
                check_theme(&text, &name)?;
                Ok(String::from("a theme"))
            } else {
                layer::parse(&text, path)?;
                Ok(String::from("a config"))
            }
        }
    }
}

/// Checks that a theme is TOML.
///
/// # Errors
/// A syntax error, with file and line.
pub fn check_theme(text: &str, file: &str) -> Result<(), FileError> {
    toml::from_str::<toml::Table>(text).map(drop).map_err(|e| Document::new(text, file).toml_error(&e))
}

/// One group of a file_sd list (Prometheus `file_sd_config`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// How many targets the file_sd list `text` has.
///
/// # Errors
/// No list of groups, or a target without address, with file and line.
pub fn count_targets(text: &str, file: &str) -> Result<usize, FileError> {
    let groups: Vec<Group> = serde_json::from_str(text).map_err(|e| {
        let what = e.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        let shape = "[{\"targets\": [\"host:port\"], \"labels\": {…}}]";
        FileError::new(file, Some(e.line()), format!("{what}; a target list is {shape}"))
    })?;
    for group in &groups {
        if group.targets.iter().any(|t| t.trim().is_empty()) || group.labels.contains_key("") {
            return Err(FileError::new(file, None, "a target or the name of a label is empty"));
        }
    }
    Ok(groups.iter().map(|g| g.targets.len()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_lists_are_counted_or_refused_with_a_line() {
        let good = r#"[{"targets": ["a:1", "b:1"], "labels": {"hall": "H1"}}, {"targets": ["c:1"]}]"#;
        assert_eq!(count_targets(good, "t.json"), Ok(3));
        let e = count_targets("[\n{\"target\": []}]", "t.json").expect_err("a wrong key").to_string();
        assert!(e.starts_with("t.json:2: unknown field `target`, expected `targets`"), "{e}");
        assert!(count_targets(r#"[{"targets": [""]}]"#, "t.json").is_err());
        assert!(count_targets("{", "t.json").is_err());
    }

    #[test]
    fn every_file_is_checked_even_when_one_is_wrong() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("writable");
            path
        };
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
    fn the_settings_are_checked_with_the_target_lists_they_name() {
        let options = Options { scrape: vec!["/absent/targets.json".into()], ..Options::default() };
        let args = CheckArgs { options, ..CheckArgs::default() };
        let mut out = Vec::new();
        assert!(run(&args, &Surroundings::default(), &mut out).is_err());
        assert!(String::from_utf8_lossy(&out).contains("cannot read /absent/targets.json"));
        assert!(run(&CheckArgs::default(), &Surroundings::default(), &mut out).is_ok());
    }
}
