//! The arguments, declared once: help, completions, manual pages and the checks of the README
//! derive from here.

pub mod alarms;
pub mod export;
pub mod exporter;
pub mod record;
pub mod sim;
pub mod snapshot;
pub mod state;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::cli::scenario::ScenarioName;
use crate::cli::units;
use crate::model::Metric;
use crate::source::promql;
use crate::source::scrape::Shard;

pub use alarms::AlarmsCommand;
pub use record::{EngineArgs, RecordArgs, RecorderOptions, ReplayArgs};
pub use sim::{ScenariosArgs, ServeArgs, SimCommand};
pub use snapshot::{Format, SnapshotArgs, SnapshotView};
pub use state::StateOptions;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  hallwatch                                     the simulated site, 100,224 GPUs
  hallwatch --scrape http://node7:9400/metrics  one real dcgm-exporter
  hallwatch --scrape targets.json               all exporters of a Prometheus file_sd list
  hallwatch --prometheus http://mimir:9009/prometheus  what an engine has of the GPUs
  hallwatch --local                             this machine and its GPUs
  hallwatch --scenario row-cooling-lost         an incident that starts after a minute
  hallwatch snapshot --view hall:H3 --metric temp --format svg > hall.svg
  hallwatch sim serve --trays 256 --targets-file targets.json
";

const TEMPLATE: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}\n";

/// The terminal operations console of a very large AI data centre.
#[derive(Parser, Debug)]
#[command(name = "hallwatch", version, before_help = EXAMPLES, help_template = TEMPLATE)]
#[command(args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Args {
    /// The command; without one, `watch`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of `watch`.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// The console (also without a command)
    Watch(Box<WatchArgs>),
    /// The engine without a screen: alarms, journal and flight recorder, until it is stopped
    Serve(Box<EngineArgs>),
    /// Record without a screen, into a file or the folder of the flight recorder
    Record(Box<RecordArgs>),
    /// The same console on a recording: any second of it, with alarms, charts and timeline
    Replay(Box<ReplayArgs>),
    /// One picture of one view, or the figures as JSON, to standard output
    #[command(mut_arg("no_mouse", |a| a.hide(true)), mut_arg("no_probe", |a| a.hide(true)))]
    Snapshot(Box<SnapshotArgs>),
    /// Alarms: list, acknowledge, shelve, history; works beside a running console or without one
    Alarms {
        /// What to do with the alarms.
        #[command(subcommand)]
        command: AlarmsCommand,
    },
    /// Cut a stretch out of a recording into a file of its own, with names or without
    Clip(export::ClipArgs),
    /// Write recorded values as a table: Parquet, CSV, JSON lines or OpenMetrics
    Export(export::ExportArgs),
    /// This machine and its GPUs as an exporter, under the names of dcgm-exporter and node_exporter
    Exporter(exporter::ExporterArgs),
    /// Tools around the simulator
    Sim {
        /// What to do with the simulator.
        #[command(subcommand)]
        command: SimCommand,
    },
    /// Check the config and all files it names, or the files given
    Check(Box<CheckArgs>),
    /// What this terminal, this machine and the settings offer
    Doctor(Box<Options>),
    /// Settings
    Config {
        /// What to do with the settings.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Manual page (roff) to standard output
    Man {
        /// Write one page per command into this folder instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Commands around the settings.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Print the settings in effect as a config file, each with its meaning and origin
    Print(Box<PrintArgs>),
}

/// Where values come from and how they are shown: shared by several commands.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Options {
    /// Simulate the site (the default when no source is given)
    #[arg(long, help_heading = "Sources")]
    pub sim: bool,
    /// Seed of the simulator: the same seed gives the same values [default: 1]
    #[arg(long, value_name = "N", help_heading = "Sources")]
    pub seed: Option<u64>,
    /// Simulated seconds per second [default: 1]
    #[arg(long, value_name = "X", value_parser = units::speed, help_heading = "Sources")]
    pub speed: Option<f64>,
    /// Scripted incident: a built-in one (see `sim scenarios`) or a file
    #[arg(long, value_name = "NAME|FILE", value_parser = ScenarioName::parse, help_heading = "Sources")]
    pub scenario: Option<ScenarioName>,
    /// Simulated time at which the scenario starts [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = units::scenario_start, help_heading = "Sources")]
    pub at: Option<u64>,
    /// Scrape an exporter (URL or host:port) or all targets of a file_sd list (FILE); may be repeated
    #[arg(long, value_name = "URL|FILE", help_heading = "Sources")]
    pub scrape: Vec<String>,
    /// Ask only one share of the scraped targets, such as 1/4: several collectors watch one site
    #[arg(long, value_name = "I/N", value_parser = Shard::parse, help_heading = "Sources")]
    pub shard: Option<Shard>,
    /// Ask an engine with Prometheus' query API (Prometheus, VictoriaMetrics, Thanos, Mimir); may be repeated
    #[arg(long, value_name = "URL", help_heading = "Sources")]
    pub prometheus: Vec<String>,
    /// Ask the engines for EXPR instead, in the metric's unit; may be repeated
    #[arg(long, value_name = "METRIC=EXPR", value_parser = promql::parse_query, help_heading = "Sources")]
    pub prometheus_query: Vec<(Metric, String)>,
    /// Watch this machine and its GPUs
    #[arg(long, help_heading = "Sources")]
    pub local: bool,
    /// Take what a Prometheus, a vmagent or agents push by remote write (1.0 and 2.0) to this address
    #[arg(long, value_name = "ADDR", help_heading = "Sources")]
    pub remote_write_listen: Option<String>,
    /// Read who holds the GPUs from a CSV or JSON file, and again when it changes; beside other sources
    #[arg(long, value_name = "FILE", help_heading = "Sources")]
    pub jobs: Option<PathBuf>,
    /// Ask a Slurm REST daemon who holds the GPUs; beside other sources
    #[arg(long, value_name = "URL", help_heading = "Sources")]
    pub slurm: Option<String>,
    /// Play the values of a recording (FILE, or the folder of the flight recorder) as if they came now
    #[arg(long, value_name = "FILE", help_heading = "Sources")]
    pub replay: Option<PathBuf>,
    /// Time between two polls of a live source [default: 15s]
    #[arg(long, value_name = "TIME", env = "HALLWATCH_INTERVAL", hide_env_values = true)]
    #[arg(value_parser = units::interval, help_heading = "Sources")]
    pub interval: Option<Duration>,
    /// Time after which a poll is given up [default: 5s]
    #[arg(long, value_name = "TIME", env = "HALLWATCH_TIMEOUT", hide_env_values = true)]
    #[arg(value_parser = units::timeout, help_heading = "Sources")]
    pub timeout: Option<Duration>,
    /// The site as a TOML file [default: the built-in site, or what live hosts show]
    #[arg(
        long,
        value_name = "FILE",
        env = "HALLWATCH_TOPOLOGY",
        hide_env_values = true,
        help_heading = "Files"
    )]
    pub topology: Option<PathBuf>,
    /// Where hosts stand: CSV with host,hall,row,rack,tray
    #[arg(
        long,
        value_name = "FILE",
        env = "HALLWATCH_INVENTORY",
        hide_env_values = true,
        help_heading = "Files"
    )]
    pub inventory: Option<PathBuf>,
    /// Config file to read instead of the one of the user
    #[arg(
        long,
        value_name = "FILE",
        env = "HALLWATCH_CONFIG",
        hide_env_values = true,
        help_heading = "Files"
    )]
    pub config: Option<PathBuf>,
    /// Colour theme [default: default]
    #[arg(
        long,
        value_name = "NAME",
        env = "HALLWATCH_THEME",
        hide_env_values = true,
        help_heading = "Display"
    )]
    pub theme: Option<String>,
    /// Memory for the past: every frame, and the coarser tiers behind it [default: 512MiB]
    #[arg(long, value_name = "SIZE", env = "HALLWATCH_HISTORY", hide_env_values = true)]
    #[arg(value_parser = units::history, help_heading = "Display")]
    pub history: Option<u64>,
    /// Use colours; NO_COLOR is honoured [default: auto]
    #[arg(
        long,
        value_name = "WHEN",
        env = "HALLWATCH_COLOR",
        hide_env_values = true,
        help_heading = "Display"
    )]
    pub color: Option<ColorChoice>,
    /// Draw with ASCII characters alone
    #[arg(long, env = "HALLWATCH_ASCII", hide_env_values = true, value_parser = FalseyValueParser::new())]
    #[arg(help_heading = "Display")]
    pub ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long, env = "HALLWATCH_NO_MOUSE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    #[arg(help_heading = "Display")]
    pub no_mouse: bool,
    /// Ask nothing of the terminal: frames are then paced by time, not by its answers
    #[arg(long, env = "HALLWATCH_NO_PROBE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    #[arg(help_heading = "Display")]
    pub no_probe: bool,
    /// Alarm rules of the site over the built-in ones (TOML); may be repeated
    #[arg(long, value_name = "FILE", env = "HALLWATCH_ALARM_RULES", hide_env_values = true)]
    #[arg(help_heading = "Alarms")]
    pub alarm_rules: Vec<PathBuf>,
    /// Journal and operator.
    #[command(flatten)]
    pub state: StateOptions,
}

impl Options {
    /// True when the command line names sources: then those of the config do not count.
    #[must_use]
    pub const fn names_sources(&self) -> bool {
        let engines = !self.prometheus.is_empty() || self.remote_write_listen.is_some();
        let lists = self.jobs.is_some() || self.slurm.is_some();
        self.sim || self.local || self.replay.is_some() || !self.scrape.is_empty() || engines || lists
    }
}

/// When to use colours.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// Where the terminal can show them
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Options of `watch`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct WatchArgs {
    /// The flight recorder.
    #[command(flatten)]
    pub recorder: RecorderOptions,
    /// Sources and display.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `check`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct CheckArgs {
    /// Files to check: config, topology, scenario, alarm rules or theme (.toml), inventory (.csv), targets (.json)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Ask the sources too, and print what they would give: targets, samples, GPUs, hosts without a
    /// place, metrics that nobody reports
    #[arg(long, conflicts_with = "files")]
    pub live: bool,
    /// How long the sources may take to answer [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = units::timeout, requires = "live")]
    pub wait: Option<Duration>,
    /// Sources and display.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `config print`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct PrintArgs {
    /// Print a template with the defaults instead, everything commented out
    #[arg(long)]
    pub defaults: bool,
    /// Sources and display.
    #[command(flatten)]
    pub options: Options,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_declaration_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn watch_options_work_with_and_without_the_command() {
        let bare = parse("hallwatch --scrape a --scrape b --seed 7").expect("valid");
        assert_eq!(bare.watch.options.scrape, ["a", "b"]);
        let Some(Command::Watch(w)) = parse("hallwatch watch --seed 7").expect("valid").command else {
            panic!("`watch` is a command")
        };
        assert_eq!(w.options.seed, Some(7));
        assert!(parse("hallwatch --seed 7 watch").is_err(), "options before a command are ambiguous");
    }

    #[test]
    fn wrong_values_say_what_is_expected() {
        let cases = [
            ("hallwatch --interval 15", "expected one like 15s"),
            ("hallwatch --history 12", "expected one like 512MiB"),
            ("hallwatch snapshot --view hal:H3", "grid, jobs, alarms, hall:NAME"),
            ("hallwatch snapshot --metric tmep", "temp"),
            ("hallwatch snapshot --size 9x9", "out of range"),
            ("hallwatch --thme x", "--theme"),
            ("hallwatch snapsho", "snapshot"),
            ("hallwatch --color red", "auto, always, never"),
            ("hallwatch snapshot --ticks 0", "1..=1000000"),
        ];
        for (line, phrase) in cases {
            let text = parse(line).expect_err(line).to_string();
            assert!(text.contains(phrase), "{line}: {text}");
        }
    }

    #[test]
    fn help_shows_examples_before_options() {
        let help = Args::command().render_help().to_string();
        let place = |what: &str| help.find(what).unwrap_or_else(|| panic!("{what} is in the help"));
        assert!(place("Examples:") < place("Usage:") && place("Usage:") < place("Options:"));
    }
}
