//! `doctor`: what this terminal, this machine and the settings offer, as text. It reports, and
//! fails only when it cannot write.

use std::io::{IsTerminal, Write};

use nvml_wrapper::Nvml;

use crate::cli::args::Options;
use crate::cli::config::{self, Settings, SourceSpec, Surroundings, TargetSpec};
use crate::cli::{CliError, check, files, runtime, units};
use crate::model::table::show_seconds;
use crate::model::text;
use crate::session::caps::{Between, Caps, Glyphs};
use crate::ui::keymap::Keymap;
use crate::ui::theme::Theme;

/// Variables of the environment by which a terminal tells what it is.
const TERMINAL: [&str; 14] = [
    "TERM",
    "COLORTERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "TMUX",
    "STY",
    "SSH_TTY",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
];

/// Writes the report.
///
/// # Errors
/// The output cannot be written.
pub fn run(options: &Options, around: &Surroundings, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "hallwatch {}", env!("CARGO_PKG_VERSION"))?;
    terminal(out)?;
    machine(out)?;
    config_files(options, around, out)?;
    match config::load_in(options, around) {
        Ok(settings) => site_and_sources(&settings, out)?,
        Err(e) => line(out, "problem", &e.report())?,
    }
    Ok(())
}

fn head(out: &mut dyn Write, title: &str) -> Result<(), CliError> {
    Ok(writeln!(out, "\n{title}")?)
}

fn line(out: &mut dyn Write, name: &str, value: &str) -> Result<(), CliError> {
    Ok(writeln!(out, "  {name:<20} {value}")?)
}

fn terminal(out: &mut dyn Write) -> Result<(), CliError> {
    head(out, "Terminal")?;
    let yes = |b: bool| if b { "a terminal" } else { "no terminal" };
    line(out, "standard input", yes(std::io::stdin().is_terminal()))?;
    line(out, "standard output", yes(std::io::stdout().is_terminal()))?;
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
    let size = size.map_or_else(|e| format!("unknown: {e}"), |s| format!("{}x{}", s.ws_col, s.ws_row));
    line(out, "size", &size)?;
    let caps = Caps::detect(&|name| std::env::var(name).ok(), std::io::stdout().is_terminal());
    let can = |b: bool| if b { "yes" } else { "no" };
    line(out, "colours", &caps.depth.to_string())?;
    let glyphs = match caps.glyphs {
        Glyphs::Full => "Unicode",
        Glyphs::Blocks => "boxes and half blocks",
        Glyphs::Ascii => "ASCII (the locale is not UTF-8)",
    };
    line(out, "characters", glyphs)?;
    let between = match caps.between {
        Between::Nothing => "nothing known",
        Between::Tmux => "tmux",
        Between::Screen => "GNU screen",
        Between::Mosh => "mosh",
    };
    line(out, "in between", between)?;
    line(out, "whole frames at once", can(caps.sync))?;
    line(out, "paced by its answers", can(caps.fence))?;
    for name in TERMINAL {
        if let Some(value) = std::env::var_os(name) {
            line(out, name, &text::clean(&value.to_string_lossy()))?;
        }
    }
    Ok(())
}

fn machine(out: &mut dyn Write) -> Result<(), CliError> {
    head(out, "Machine")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    line(out, "processors", &cores.to_string())?;
    let show = |n: Option<u64>| n.map_or_else(|| String::from("unlimited"), |n| n.to_string());
    let (now, most) = runtime::open_files();
    line(out, "open files", &format!("{}, raised to {} when started", show(now), show(most)))?;
    let zone = jiff::tz::TimeZone::system();
    line(out, "time zone", zone.iana_name().unwrap_or("unnamed"))?;
    let nvml = match Nvml::init() {
        Ok(nvml) => {
            let driver = nvml.sys_driver_version().unwrap_or_else(|e| e.to_string());
            let gpus = nvml.device_count().unwrap_or(0);
            format!("present: driver {}, {gpus} GPUs", text::clean(&driver))
        }
        Err(e) => {
            format!("absent ({}): --local shows this machine without GPUs", text::clean(&e.to_string()))
        }
    };
    line(out, "NVML", &nvml)
}

fn config_files(options: &Options, around: &Surroundings, out: &mut dyn Write) -> Result<(), CliError> {
    head(out, "Settings")?;
    for (path, _) in around.config_files(options) {
        let state = match files::read_if_present(&path, files::MAX_CONFIG) {
            Ok(Some(_)) => "read",
            Ok(None) => "absent",
            Err(_) => "unreadable",
        };
        line(out, state, &path.display().to_string())?;
    }
    for dir in around.theme_dirs() {
        line(out, if dir.is_dir() { "themes in" } else { "absent" }, &dir.display().to_string())?;
    }
    Ok(())
}

/// Themes and keys, with what is wrong with them.
fn appearance(settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let sources = check::theme_sources(&settings.themes);
    for theme in &settings.themes {
        line(out, &format!("theme {}", text::clean(&theme.name)), &theme.path.display().to_string())?;
    }
    for warning in &settings.warnings {
        line(out, "warning", warning)?;
    }
    line(out, "themes", &Theme::names(&sources).join(", "))?;
    match Theme::load(&settings.theme, &sources) {
        Ok((theme, warnings)) => {
            line(out, "theme in use", &text::clean(&theme.name))?;
            warnings.iter().try_for_each(|w| line(out, "warning", &w.to_string()))?;
        }
        Err(e) => line(out, "problem", &settings.error_at("theme", &e.to_string()).to_string())?,
    }
    match Keymap::new(&settings.keys) {
        Ok(keymap) => {
            let lost = keymap
                .shadowed()
                .iter()
                .map(|(key, action)| format!("`{key}` no longer means {}", action.spec().id));
            lost.into_iter().try_for_each(|l| line(out, "keys", &l))
        }
        Err(errors) => errors.iter().try_for_each(|e| line(out, "problem", &e.to_string())),
    }
}

fn site_and_sources(settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    appearance(settings, out)?;
    line(out, "history", &units::show_size(settings.history_bytes))?;
    head(out, "Site")?;
    let t = &settings.topology;
    if t.plan().open {
        line(out, "site", "made of what the hosts show (no topology file)")?;
    } else {
        let counts = format!(
            "{}: {} halls, {} racks, {} GPUs",
            t.site(),
            t.halls().len(),
            t.racks().len(),
            t.gpu_count()
        );
        line(out, "site", &counts)?;
    }
    head(out, "Sources")?;
    for source in &settings.sources {
        match source {
            SourceSpec::Sim { seed, speed, script } => {
                let scenario = script.as_ref().map_or_else(String::new, |s| {
                    format!(", scenario {} at {}", s.name.argument(), show_seconds(s.start()))
                });
                line(out, "sim", &format!("seed {seed}, speed {speed}{scenario}"))?;
            }
            SourceSpec::Prometheus(spec) => line(out, "prometheus", &text::clean(&spec.words()))?,
            SourceSpec::RemoteWrite(spec) => line(out, "remote write", &text::clean(&spec.words()))?,
            SourceSpec::Jobs(spec) => line(out, "jobs", &text::clean(&spec.words()))?,
            SourceSpec::Local => line(out, "local", "this machine")?,
            SourceSpec::Replay { path, speed } => {
                line(out, "replay", &text::clean(&format!("{}, speed {speed}", path.display())))?;
            }
            SourceSpec::Scrape { targets, .. } => targets.iter().try_for_each(|t| target(t, out))?,
        }
    }
    Ok(())
}

fn target(target: &TargetSpec, out: &mut dyn Write) -> Result<(), CliError> {
    let argument = target.argument();
    let state = match (check::targets(&argument), target) {
        (Ok(_), TargetSpec::Address(_)) => argument,
        (Ok(count), TargetSpec::File(_)) => format!("{argument}: {count}"),
        (Err(e), _) => e.report(),
    };
    line(out, "scrape", &text::clean(&state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(options: &Options) -> String {
        let mut out = Vec::new();
        run(options, &Surroundings::default(), &mut out).expect("memory can be written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_report_has_all_parts() {
        let text = report(&Options::default());
        for part in [
            "Terminal",
            "colours",
            "high-contrast",
            "open files",
            "NVML",
            "time zone",
            "Settings",
            "100224 GPUs",
            "seed 1",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_broken_setting_is_reported_and_does_not_end_the_report() {
        let options = Options { topology: Some("/absent/site.toml".into()), ..Options::default() };
        let text = report(&options);
        assert!(text.contains("problem") && text.contains("/absent/site.toml"), "{text}");
    }

    #[test]
    fn targets_are_told_with_their_state() {
        let scrape = vec!["http://node7:9400/metrics".into(), "http://[bad".into(), "/absent.json".into()];
        let text = report(&Options { scrape, ..Options::default() });
        assert!(text.contains("made of what the hosts show"), "{text}");
        assert!(text.contains("http://[bad: ") && text.contains("/absent.json: cannot read"), "{text}");
    }
}
