//! `sim serve`: the simulated trays as exporter endpoints.

use std::io::Write;

use crate::cli::CliError;
use crate::cli::args::ServeArgs;

/// Serves until interrupted; prints the base URL, the path of the target list, and `ready`.
///
/// # Errors
/// The server is not part of this build.
pub fn run(_args: &ServeArgs, _out: &mut dyn Write) -> Result<(), CliError> {
    Err(CliError::Failed(String::from("the server is not part of this build")))
}
