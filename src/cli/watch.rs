//! `watch`: the console.

use crate::cli::CliError;
use crate::cli::args::WatchArgs;
use crate::cli::config::Settings;

/// Runs the console until the operator quits.
///
/// # Errors
/// The console is not part of this build.
pub fn run(_settings: Settings, _args: &WatchArgs) -> Result<(), CliError> {
    Err(CliError::Failed(String::from("the console is not part of this build")))
}
