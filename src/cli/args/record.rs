//! Arguments of what records and replays.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;

use crate::cli::args::Options;
use crate::cli::units;

/// Options of the flight recorder.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct RecorderOptions {
    /// Run the flight recorder: what is on screen can be replayed later
    #[arg(long, env = "HALLWATCH_RECORD", hide_env_values = true, value_parser = FalseyValueParser::new())]
    #[arg(help_heading = "Recording")]
    pub record: bool,
    /// Disk space of the flight recorder; the oldest recordings go first [default: 8GiB]
    #[arg(long, value_name = "SIZE", value_parser = units::disk, help_heading = "Recording")]
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
