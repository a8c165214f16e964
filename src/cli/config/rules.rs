//! The alarm rules of the site: which files hold them, and what they change.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::alarm::{Rules, read};
use crate::cli::CliError;
use crate::cli::config::keys::Value;
use crate::cli::config::layer::Setting;
use crate::cli::files;

/// The files that the merged settings name.
pub(super) fn files(values: &BTreeMap<&'static str, Setting>) -> Vec<PathBuf> {
    match values.get("alarm_rules").map(|s| &s.value) {
        Some(Value::Paths(files)) => files.clone(),
        _ => Vec::new(),
    }
}

/// The built-in rules with what `files` change, each over those before it.
///
/// # Errors
/// A file cannot be read, or has a rule that cannot be used: with file, line, reason and the nearest
/// valid name.
pub fn read(files: &[PathBuf]) -> Result<Rules, CliError> {
    let mut texts = Vec::new();
    for path in files {
        let text = files::read(path, read::MAX_BYTES as u64)?;
        texts.push((path.to_string_lossy().into_owned(), text));
    }
    let texts: Vec<(&str, &str)> = texts.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    Ok(read::read(&texts)?)
}

/// What the site has made of the rules: `27 rules, 2 changed, 1 added`. Rules without alarms of their
/// own are not among the first number.
#[must_use]
pub fn told(rules: &Rules) -> String {
    let built_in = Rules::built_in();
    let of_site = || rules.list().iter().filter(|r| !r.from.is_empty());
    let known = |slug: &str| built_in.list().iter().any(|r| *r.slug == *slug);
    let changed = of_site().filter(|r| known(&r.slug)).count();
    let added = of_site().count() - changed;
    let off = of_site().filter(|r| r.disabled).count();
    let mut out = format!("{} rules", rules.list().iter().filter(|r| !r.silent).count());
    for (n, what) in [(changed, "changed"), (added, "added"), (off, "switched off")] {
        if n > 0 {
            out += &format!(", {n} {what}");
        }
    }
    out
}
