//! Arguments of what is done with recordings: `clip`, `export` and `alarms backtest`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::moment::Moment;
use crate::cli::units;

/// A stretch of a recording.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Span {
    /// First moment: 03:11, 2026-11-22T03:11:30Z, or -5m before the end [default: the first frame]
    #[arg(long, value_name = "TIME", value_parser = Moment::parse, allow_hyphen_values = true)]
    pub from: Option<Moment>,
    /// Last moment, written likewise [default: the last frame]
    #[arg(long, value_name = "TIME", value_parser = Moment::parse, allow_hyphen_values = true)]
    pub to: Option<Moment>,
}

/// Options of `clip`.
#[derive(clap::Args, Clone, Debug)]
pub struct ClipArgs {
    /// The recording: a file, or the folder of the flight recorder
    #[arg(value_name = "FILE|DIR")]
    pub recording: PathBuf,
    /// First moment: 03:11, 2026-11-22T03:11:30Z, or -5m before the end
    #[arg(long, value_name = "TIME", value_parser = Moment::parse, allow_hyphen_values = true)]
    pub from: Moment,
    /// Last moment, written likewise
    #[arg(long, value_name = "TIME", value_parser = Moment::parse, allow_hyphen_values = true)]
    pub to: Moment,
    /// The new file
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// Replace the names of site, hosts, jobs, tenants and operators; leave out what they wrote
    #[arg(long)]
    pub anonymize: bool,
    /// What happened, in a few words, kept in the file
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub title: String,
}

/// What a table is written as.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Columns, compressed; for DuckDB, pandas, Spark
    Parquet,
    /// Comma-separated text with a head line
    Csv,
    /// One JSON object per line
    Jsonl,
    /// Samples with times, for `promtool tsdb create-blocks-from openmetrics`
    Openmetrics,
}

/// What has a row.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TableAssets {
    /// Each GPU
    #[default]
    Gpu,
    /// Each rack, with the values of the plant
    Rack,
}

/// Options of `export`.
#[derive(clap::Args, Clone, Debug)]
pub struct ExportArgs {
    /// The recording: a file, or the folder of the flight recorder
    #[arg(value_name = "FILE|DIR")]
    pub recording: PathBuf,
    /// Kind of table
    #[arg(long, value_name = "FORMAT")]
    pub format: TableFormat,
    /// The new file; `-` for standard output
    #[arg(short, long, value_name = "OUT")]
    pub out: PathBuf,
    /// The stretch.
    #[command(flatten)]
    pub span: Span,
    /// Only rows for which this holds: `temp > 85 and hall = H3`
    #[arg(long = "where", value_name = "EXPR")]
    pub filter: Option<String>,
    /// What has a row
    #[arg(long, value_name = "KIND", default_value = "gpu")]
    pub assets: TableAssets,
    /// Only these values, such as power,temp [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// One frame per this time, the first of each [default: every frame]
    #[arg(long, value_name = "TIME", value_parser = units::interval)]
    pub every: Option<Duration>,
}

/// Options of `alarms backtest`.
#[derive(clap::Args, Clone, Debug)]
pub struct BacktestArgs {
    /// The recording: a file, or the folder of the flight recorder
    #[arg(value_name = "FILE|DIR")]
    pub recording: PathBuf,
    /// Alarm rules over the built-in ones (TOML) instead of those of the config; may be repeated
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// The stretch.
    #[command(flatten)]
    pub span: Span,
    /// Write JSON for programs
    #[arg(long)]
    pub json: bool,
    /// Config file to read instead of the one of the user
    #[arg(long, value_name = "FILE", env = "HALLWATCH_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}
