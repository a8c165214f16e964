//! `alarms verify`: is the journal what was written?

use serde_json::json;

use crate::cli::CliError;
use crate::cli::alarms::Scene;

/// Checks the pages of the file and the chain of the history.
///
/// # Errors
/// [`CliError::Failed`] when something is damaged, changed or missing, or there is no journal.
pub fn run(mut scene: Scene<'_>) -> Result<(), CliError> {
    let journal = scene.journal()?;
    let report = journal.verify();
    let pages = journal.check_pages(true);
    let path = journal.path().display().to_string();
    let fault = match &report {
        Ok(report) => report.fault.as_ref().map(ToString::to_string),
        Err(e) => Some(e.to_string()),
    };
    let report = report.unwrap_or_default();
    let damage = pages.err().map(|e| e.to_string());
    if scene.json {
        scene.print(&json!({
            "journal": path,
            "sound": fault.is_none() && damage.is_none(),
            "rows": report.rows,
            "operations": report.operations,
            "hash": report.hash,
            "fault": fault,
            "damage": damage,
        }))?;
    } else {
        writeln!(scene.out, "journal     {path}")?;
        writeln!(
            scene.out,
            "rows        {} in order, {} of them operations",
            report.rows, report.operations
        )?;
        writeln!(scene.out, "last hash   {}", report.hash)?;
        writeln!(scene.out, "chain       {}", fault.as_deref().unwrap_or("sound"))?;
        writeln!(scene.out, "file        {}", damage.as_deref().unwrap_or("sound"))?;
    }
    match fault.or(damage) {
        Some(what) => Err(CliError::Failed(format!("the journal is not sound: {what}"))),
        None => Ok(()),
    }
}
