//! Arguments of the tools around the simulator.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::scenario::ScenarioName;
use crate::cli::units;
use crate::cli::validate::ValidateArgs;

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
    /// Serve each tray at a loopback address of its own (127.1.0.1, …), as a site looks; listens at
    /// 0.0.0.0 and refuses whoever comes from elsewhere
    #[arg(long)]
    pub own_addresses: bool,
    /// Of a hundred trays, N take connections and never answer
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub hang: u8,
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
