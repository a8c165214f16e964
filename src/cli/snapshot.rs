//! `snapshot`: one picture or the figures, to standard output.

use std::io::Write;

use crate::cli::CliError;
use crate::cli::args::SnapshotArgs;
use crate::cli::config::Settings;

/// Writes the snapshot to `out`.
///
/// # Errors
/// The view does not exist, or snapshots are not part of this build.
pub fn run(settings: Settings, args: &SnapshotArgs, _out: &mut dyn Write) -> Result<(), CliError> {
    args.view.asset(&settings.topology)?;
    Err(CliError::Failed(String::from("snapshots are not part of this build")))
}
