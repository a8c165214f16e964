//! Arguments of what records and replays.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;

use crate::cli::args::{ColorChoice, Options};
use crate::cli::units;

/// Options of the flight recorder.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct RecorderOptions {
    /// Run the flight recorder: what is on screen can be replayed later
    #[arg(long, env = "HALLWATCH_RECORD", hide_env_values = true, value_parser = FalseyValueParser::new())]
    #[arg(help_heading = "Recording")]
    pub record: bool,
    /// Disk space of the flight recorder; the oldest recordings go first [default: 8GiB]
    #[arg(long, value_name = "SIZE", env = "HALLWATCH_RECORDER_BUDGET", hide_env_values = true)]
    #[arg(value_parser = units::disk, help_heading = "Recording")]
    pub recorder_budget: Option<u64>,
}

/// Options of `record`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct RecordArgs {
    /// The file to write; without it, the folder of the flight recorder
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Stop after this time [default: when interrupted]
    #[arg(long = "for", value_name = "TIME", value_parser = units::recording)]
    pub length: Option<Duration>,
    /// Simulate so many seconds in fast time, from a fixed start, and stop
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[arg(conflicts_with = "length", requires = "output")]
    pub ticks: Option<u32>,
    /// Disk space of the flight recorder; the oldest recordings go first [default: 8GiB]
    #[arg(long, value_name = "SIZE", value_parser = units::disk, conflicts_with = "output")]
    pub recorder_budget: Option<u64>,
    /// Sources and settings.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `serve`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct EngineArgs {
    /// Do not run the flight recorder
    #[arg(long)]
    pub no_record: bool,
    /// Disk space of the flight recorder; the oldest recordings go first [default: 8GiB]
    #[arg(long, value_name = "SIZE", value_parser = units::disk)]
    pub recorder_budget: Option<u64>,
    /// Sources and settings.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `replay`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ReplayArgs {
    /// The recording: a file, or a folder of the flight recorder
    #[arg(value_name = "FILE|DIR")]
    pub file: PathBuf,
    /// Where to begin: 03:11, -5m (before the end), 50%, "alarm 18842" [default: the first moment]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<String>,
    /// Begin to play at once, so many times as fast as it was
    #[arg(long, value_name = "X", value_parser = units::replay_speed)]
    pub speed: Option<f32>,
    /// Config file to read instead of the one of the user
    #[arg(long, value_name = "FILE", env = "HALLWATCH_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Colour theme
    #[arg(long, value_name = "NAME", env = "HALLWATCH_THEME", hide_env_values = true)]
    pub theme: Option<String>,
    /// Use colours; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", env = "HALLWATCH_COLOR", hide_env_values = true)]
    pub color: Option<ColorChoice>,
    /// Draw with ASCII characters alone
    #[arg(long, env = "HALLWATCH_ASCII", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long, env = "HALLWATCH_NO_MOUSE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_mouse: bool,
    /// Ask nothing of the terminal
    #[arg(long, env = "HALLWATCH_NO_PROBE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_probe: bool,
}
