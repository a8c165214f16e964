//! Texts made from the table of keys: a template, the settings in effect, and docs/config.md.

use std::fmt::Write;

use crate::cli::config::keys::{KEYS, Key, SECTIONS, Value};
use crate::cli::config::{Settings, SourceSpec, TargetSpec, http};
use crate::model::table::show_seconds;

/// Width of comments.
const WIDTH: usize = 96;

/// A config file with every key at its default, all commented out.
#[must_use]
pub fn template() -> String {
    let mut out = String::from("# hallwatch: all settings with their defaults. Remove a # to change one.\n");
    for key in KEYS {
        out.push('\n');
        comment(&mut out, key.doc);
        let _ = writeln!(out, "#{} = {}", key.name, default_or_sample(key));
    }
    for section in SECTIONS {
        out.push('\n');
        comment(&mut out, section.doc);
        for key in section.keys {
            comment(&mut out, &format!("  {}: {}", key.name, key.doc));
        }
        for line in section.example.lines() {
            let _ = writeln!(out, "#{line}");
        }
    }
    out
}

/// The settings in effect as a config file; each key tells where it was set.
#[must_use]
pub fn in_effect(settings: &Settings) -> String {
    let mut out = String::from("# hallwatch: the settings in effect.\n");
    for path in &settings.files {
        let _ = writeln!(out, "# read: {}", path.display());
    }
    for key in KEYS {
        out.push('\n');
        comment(&mut out, key.doc);
        match settings.values.get(key.name) {
            Some(s) => {
                let _ = writeln!(out, "# from: {}\n{} = {}", s.origin, key.name, s.value.toml());
            }
            None => {
                let _ = writeln!(out, "# not set\n#{} = {}", key.name, default_or_sample(key));
            }
        }
    }
    let _ = writeln!(out, "\n# sources from: {}", settings.source_origin);
    for source in &settings.sources {
        source_table(&mut out, source);
    }
    for rule in &settings.places {
        let (label, regex) = (Value::Text(rule.label.clone()), Value::Text(rule.regex.clone()));
        let _ = writeln!(out, "\n[[place]]\nlabel = {}\nregex = {}", label.toml(), regex.toml());
    }
    if let Some(spec) = &settings.alertmanager {
        out.push_str("\n[alertmanager]\n");
        for (name, value) in spec.values() {
            let _ = writeln!(out, "{name} = {}", value.toml());
        }
    }
    if !settings.keys.is_empty() {
        out.push_str("\n[keys]\n");
        for (action, keys) in &settings.keys {
            let name = toml::Value::String(action.clone());
            let _ = writeln!(out, "{name} = {}", Value::Texts(keys.clone()).toml());
        }
    }
    out
}

fn source_table(out: &mut String, source: &SourceSpec) {
    let _ = match source {
        SourceSpec::Sim { seed, speed, script } => {
            let scenario = script.as_ref().map_or_else(String::new, |s| {
                let name = Value::Scenario(s.name.clone()).toml();
                format!("scenario = {name}\nat = \"{}\"\n", show_seconds(s.start()))
            });
            write!(out, "\n[[source]]\nkind = \"sim\"\nseed = {seed}\nspeed = {speed:?}\n{scenario}")
        }
        SourceSpec::Scrape { targets, options } => {
            let targets = Value::Texts(targets.iter().map(TargetSpec::argument).collect());
            let more = options.toml();
            write!(out, "\n[[source]]\nkind = \"scrape\"\ntargets = {}\n{more}", targets.toml())
        }
        SourceSpec::Prometheus(spec) => write!(out, "{}", spec.toml()),
        SourceSpec::Local => writeln!(out, "\n[[source]]\nkind = \"local\""),
        SourceSpec::RemoteWrite(spec) => write!(out, "\n{}{}", spec.toml(), http::toml(&spec.http)),
        SourceSpec::Jobs(spec) => write!(out, "\n{}{}", spec.toml(), http::toml(&spec.http)),
        SourceSpec::Mqtt(spec) => write!(out, "\n[[source]]\n{}{}", spec.toml(), http::toml(&spec.http)),
        SourceSpec::Replay { path, .. } => writeln!(out, "\n# --replay {:?}", path.to_string_lossy()),
    };
}

/// The text of docs/config.md.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    table(&mut out, KEYS, true);
    for section in SECTIONS {
        let _ = writeln!(out, "\n## `{}`\n\n{}\n", section.header, section.doc);
        if !section.keys.is_empty() {
            table(&mut out, section.keys, false);
            out.push('\n');
        }
        let _ = writeln!(out, "```toml\n{}```", section.example);
    }
    out
}

const HEAD: &str = "\
<!-- Generated from src/cli/config/keys.rs: `HALLWATCH_WRITE_DOCS=1 cargo test --test docs` -->
# The config file

hallwatch works without one. It reads `$XDG_CONFIG_HOME/hallwatch/config.toml` (mostly
`~/.config/hallwatch/config.toml`), and below it `/etc/hallwatch/config.toml`. `--config FILE` takes
the place of the first. What is set twice is taken from the command line, else from the environment,
else from the user's file, else from the machine's.

`hallwatch config print` shows the settings in effect and where each was set,
`hallwatch config print --defaults` a file to start from, `hallwatch check` what is wrong. A key or a
value that does not exist is an error that names the file, the line and the nearest valid name; a
running console keeps its last good settings.

Themes are looked for in `themes/*.toml` beside both config files; a theme of the user goes before a
built-in one of the same name. Relative paths are relative to the file in which they stand.

## Keys

";

fn table(out: &mut String, keys: &[Key], options: bool) {
    let head = if options {
        "| key | default | option | environment | meaning |\n|---|---|---|---|---|\n"
    } else {
        "| key | default | meaning |\n|---|---|---|\n"
    };
    out.push_str(head);
    for key in keys {
        let default = if key.default.is_empty() { "–".to_owned() } else { format!("`{}`", key.default) };
        let _ = if options && key.option.is_empty() {
            writeln!(out, "| `{}` | {default} | – | – | {} |", key.name, key.doc)
        } else if options {
            writeln!(out, "| `{}` | {default} | `{}` | `{}` | {} |", key.name, key.option, key.env(), key.doc)
        } else {
            writeln!(out, "| `{}` | {default} | {} |", key.name, key.doc)
        };
    }
}

fn default_or_sample(key: &Key) -> &'static str {
    match (key.default, key.name) {
        ("", "topology") => "\"site.toml\"",
        ("", "alarm_rules") => "[\"rules.toml\"]",
        ("", "inventory") => "\"inventory.csv\"",
        ("", "state") => "\"/var/lib/hallwatch\"",
        ("", "operator") => "\"kari\"",
        (default, _) => default,
    }
}

/// Writes `text` as comment lines of at most [`WIDTH`] columns.
fn comment(out: &mut String, text: &str) {
    let indent = &text[..text.len() - text.trim_start().len()];
    let mut line = format!("#{indent}");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = format!("#{indent}");
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(out, "{line}");
}
