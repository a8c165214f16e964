//! The arguments, declared once: help, completions, manual pages and the checks of the README
//! derive from here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::cli::CliError;
use crate::cli::scenario::ScenarioName;
use crate::cli::units::{self, PictureSize};
use crate::cli::validate::ValidateArgs;
use crate::model::{Asset, Topology};
use crate::ui::action::ViewKind;
use crate::ui::layer::Layer;

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  hallwatch                                     the simulated site, 100,224 GPUs
  hallwatch --scrape http://node7:9400/metrics  one real dcgm-exporter
  hallwatch --scrape targets.json               all exporters of a Prometheus file_sd list
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
    Watch(WatchArgs),
    /// One picture of one view, or the figures as JSON, to standard output
    #[command(mut_arg("no_mouse", |a| a.hide(true)), mut_arg("no_probe", |a| a.hide(true)))]
    Snapshot(Box<SnapshotArgs>),
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

/// Commands around the simulator.
#[derive(Subcommand, Debug)]
pub enum SimCommand {
    /// Serve the simulated trays as dcgm-exporter endpoints on this machine
    Serve(ServeArgs),
    /// Measure the simulated site against published figures; exit code 1 when one is out of range
    Validate(ValidateArgs),
    /// List the built-in scenarios, or tell one at length
    Scenarios(ScenariosArgs),
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
    /// Watch this machine and its GPUs
    #[arg(long, help_heading = "Sources")]
    pub local: bool,
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
    /// Sources and display.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `snapshot`.
#[derive(clap::Args, Clone, Debug)]
pub struct SnapshotArgs {
    /// What to show: site, hall:H3, rack:H3-R17-K5, gpu:H3-R17-K5-T09-G2, power or power:H3-R17,
    /// cooling or cooling:H3-R17, grid, jobs, alarms or sources
    #[arg(long, value_name = "VIEW", default_value = "site")]
    pub view: SnapshotView,
    /// Metric to colour by, or a value of racks such as rack_flow
    #[arg(long, value_name = "NAME", default_value = "util", value_parser = Layer::parse)]
    pub metric: Layer,
    /// Columns and rows of the picture
    #[arg(long, value_name = "WxH", default_value = "200x60")]
    pub size: PictureSize,
    /// Kind of output
    #[arg(long, value_name = "KIND", default_value = "text")]
    pub format: Format,
    /// Simulated seconds to run first, in fast time, from a fixed start time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub ticks: Option<u32>,
    /// Longest time to wait for live sources
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::timeout)]
    pub wait: Duration,
    /// Sources and display.
    #[command(flatten)]
    pub options: Options,
}

/// What a snapshot is written as.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Characters alone
    Text,
    /// Characters with colours for a terminal
    Ansi,
    /// A picture for documents
    Svg,
    /// Figures for programs
    Json,
}

/// What a snapshot shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotView {
    /// The site.
    Site,
    /// The list of sources.
    Sources,
    /// Jobs and tenants.
    Jobs,
    /// Alarms.
    Alarms,
    /// Power, of the whole or opened at a hall, row or rack of this name.
    Power(Option<String>),
    /// Cooling, of the row of this name.
    Cooling(Option<String>),
    /// The grid.
    Grid,
    /// The hall of this name.
    Hall(String),
    /// The rack of this name.
    Rack(String),
    /// The GPU of this name.
    Gpu(String),
}

impl std::str::FromStr for SnapshotView {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use SnapshotView::{Alarms, Cooling, Grid, Jobs, Power, Site, Sources};
        let plain = [Site, Sources, Jobs, Alarms, Grid, Power(None), Cooling(None)];
        if let Some(view) = plain.into_iter().find(|v| v.kind().name() == text) {
            return Ok(view);
        }
        match text.split_once(':') {
            Some(("power", name)) => Ok(Power(Some(name.to_owned()))),
            Some(("cooling", name)) => Ok(Cooling(Some(name.to_owned()))),
            Some(("hall", name)) => Ok(Self::Hall(name.to_owned())),
            Some(("rack", name)) => Ok(Self::Rack(name.to_owned())),
            Some(("gpu", name)) => Ok(Self::Gpu(name.to_owned())),
            _ => Err(String::from(
                "expected site, sources, power, cooling, grid, jobs, alarms, hall:NAME, rack:NAME, gpu:NAME, \
                 power:NAME or cooling:NAME",
            )),
        }
    }
}

impl SnapshotView {
    /// The view it is a picture of.
    #[must_use]
    pub const fn kind(&self) -> ViewKind {
        match self {
            Self::Site => ViewKind::Site,
            Self::Sources => ViewKind::Sources,
            Self::Jobs => ViewKind::Jobs,
            Self::Alarms => ViewKind::Alarms,
            Self::Power(_) => ViewKind::Power,
            Self::Cooling(_) => ViewKind::Cooling,
            Self::Grid => ViewKind::Grid,
            Self::Hall(_) => ViewKind::Hall,
            Self::Rack(_) => ViewKind::Rack,
            Self::Gpu(_) => ViewKind::Gpu,
        }
    }

    /// The asset it shows on `topology`; the site for views that name none.
    ///
    /// # Errors
    /// A name that does not exist, with the nearest one, or one of another kind of asset.
    pub fn asset(&self, topology: &Topology) -> Result<Asset, CliError> {
        let (name, kind) = match self {
            Self::Site
            | Self::Sources
            | Self::Jobs
            | Self::Alarms
            | Self::Grid
            | Self::Power(None)
            | Self::Cooling(None) => {
                return Ok(Asset::Site);
            }
            Self::Power(Some(name)) | Self::Cooling(Some(name)) => (name, "hall, row or rack"),
            Self::Hall(name) => (name, "hall"),
            Self::Rack(name) => (name, "rack"),
            Self::Gpu(name) => (name, "GPU"),
        };
        let asset = topology.find(name).map_err(|e| CliError::Usage(format!("--view: {e}")))?;
        match (self, asset) {
            (Self::Hall(_), Asset::Hall(_))
            | (Self::Rack(_), Asset::Rack(_))
            | (Self::Gpu(_), Asset::Gpu(_))
            | (Self::Power(_) | Self::Cooling(_), Asset::Hall(_) | Asset::Row(_) | Asset::Rack(_)) => {
                Ok(asset)
            }
            _ => Err(CliError::Usage(format!("--view: `{}` is no {kind}", topology.name(asset)))),
        }
    }
}

/// Options of `sim serve`.
#[derive(clap::Args, Clone, Debug)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// How many trays to serve, the first ones of the site
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub trays: usize,
    /// Run N simulated seconds first, then stand still
    #[arg(long, value_name = "N")]
    pub frozen: Option<u32>,
    /// Seed of the simulator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Scripted incident: a built-in one (see `sim scenarios`) or a file
    #[arg(long, value_name = "NAME|FILE", value_parser = ScenarioName::parse)]
    pub scenario: Option<ScenarioName>,
    /// Simulated time at which the scenario starts [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = units::scenario_start, requires = "scenario")]
    pub at: Option<u64>,
    /// Simulated seconds per second
    #[arg(long, value_name = "X", default_value = "1", value_parser = units::speed)]
    pub speed: f64,
    /// The site as a TOML file [default: the built-in site]
    #[arg(long, value_name = "FILE", env = "HALLWATCH_TOPOLOGY", hide_env_values = true)]
    pub topology: Option<PathBuf>,
    /// Where to write the file_sd list of targets [default: a temporary file]
    #[arg(long, value_name = "PATH")]
    pub targets_file: Option<PathBuf>,
}

/// Options of `sim scenarios`.
#[derive(clap::Args, Clone, Debug)]
pub struct ScenariosArgs {
    /// The scenario to tell at length: a built-in one or a file
    #[arg(value_name = "NAME|FILE", value_parser = ScenarioName::parse)]
    pub scenario: Option<ScenarioName>,
    /// Write JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `check`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct CheckArgs {
    /// Files to check: config, topology, scenario or theme (.toml), inventory (.csv), targets (.json)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
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
    use crate::model::Metric;
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
    fn snapshot_has_the_documented_defaults() {
        let Some(Command::Snapshot(s)) = parse("hallwatch snapshot").expect("valid").command else {
            panic!("`snapshot` is a command")
        };
        assert_eq!(
            (s.view, s.metric, s.format),
            (SnapshotView::Site, Layer::Gpu(Metric::Util), Format::Text)
        );
        assert_eq!((s.size.to_string().as_str(), s.wait.as_secs()), ("200x60", 30));
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
    fn a_view_must_name_an_asset_of_its_kind() {
        let t = Topology::default_site();
        let asset = |v: &str| v.parse::<SnapshotView>().expect("well formed").asset(&t);
        assert!(matches!(asset("hall:H3"), Ok(Asset::Hall(_))));
        assert!(matches!(asset("gpu:KVD-H3-R17-K5-T09-G2"), Ok(Asset::Gpu(_))));
        assert!(matches!(asset("power:H3-R17"), Ok(Asset::Row(_))));
        assert!(matches!((asset("cooling"), asset("grid")), (Ok(Asset::Site), Ok(Asset::Site))));
        assert!(asset("power:H3-R17-K5-T09").is_err(), "a tray has no power of its own");
        let e = asset("rack:H3").expect_err("a hall is no rack");
        assert_eq!((e.report().as_str(), e.exit_code()), ("--view: `H3` is no rack", 2));
        assert!(asset("hall:H33").expect_err("8 halls").report().contains("did you mean"));
    }

    #[test]
    fn help_shows_examples_before_options() {
        let help = Args::command().render_help().to_string();
        let place = |what: &str| help.find(what).unwrap_or_else(|| panic!("{what} is in the help"));
        assert!(place("Examples:") < place("Usage:") && place("Usage:") < place("Options:"));
    }
}
