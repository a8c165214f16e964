//! Where the program keeps what must stay, and on whose behalf it runs: shared by the console and
//! `alarms`.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

/// Options around the journal.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct StateOptions {
    /// Folder of the journal [default: the state folder of the user]
    #[arg(long, value_name = "DIR", env = "HALLWATCH_STATE", hide_env_values = true)]
    #[arg(help_heading = "Alarms")]
    pub state: Option<PathBuf>,
    /// Name to operate under, where the settings allow others than that of the user
    #[arg(long, value_name = "NAME", env = "HALLWATCH_OPERATOR", hide_env_values = true)]
    #[arg(help_heading = "Alarms")]
    pub operator: Option<String>,
    /// Only look: every operation is refused
    #[arg(long, env = "HALLWATCH_READ_ONLY", hide_env_values = true, value_parser = FalseyValueParser::new())]
    #[arg(help_heading = "Alarms")]
    pub read_only: bool,
}
