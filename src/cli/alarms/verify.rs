//! `alarms verify`: is the journal what was written?

use serde_json::json;

use crate::cli::CliError;
use crate::cli::alarms::Scene;
use crate::journal::{Journal, JournalError, VerifyReport};

/// Checks the pages of the file and the chain of the history.
///
/// # Errors
/// [`CliError::Failed`] when something is damaged, changed or missing, or there is no journal.
pub fn run(mut scene: Scene<'_>) -> Result<(), CliError> {
    let file = scene.settings.found_journal();
    let path = file.display().to_string();
    let (report, damage) = match Journal::open_read_only(&file) {
        Ok(journal) => (journal.verify(), journal.check_pages(true).err().map(words)),
        // Not even its beginning can be read: that is an answer, too.
        Err(e) if e.is_damage() => (Ok(VerifyReport::default()), Some(words(e))),
        Err(e) => return Err(e.into()),
    };
    let (report, fault) = match report {
        Ok(report) => {
            let fault = report.fault.as_ref().map(ToString::to_string);
            (report, fault)
        }
        Err(e) => (VerifyReport::default(), Some(words(e))),
    };
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
        let chain = if damage.is_some() { "no fault in what can be read" } else { "sound" };
        writeln!(scene.out, "journal     {path}")?;
        writeln!(
            scene.out,
            "rows        {} in order, {} of them operations",
            report.rows, report.operations
        )?;
        writeln!(scene.out, "last hash   {}", report.hash)?;
        writeln!(scene.out, "chain       {}", fault.as_deref().unwrap_or(chain))?;
        writeln!(scene.out, "file        {}", damage.as_deref().unwrap_or("sound"))?;
    }
    match damage.or(fault) {
        Some(what) => Err(CliError::Failed(format!("the journal is not sound: {what}"))),
        None => Ok(()),
    }
}

/// What is wrong, without the advice to run this command.
fn words(e: JournalError) -> String {
    match e {
        JournalError::Damaged { what, .. } => what,
        other => other.to_string(),
    }
}
