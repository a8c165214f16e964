//! From the names that people type to alarms of the journal.

use crate::cli::CliError;
use crate::cli::args::alarms::Target;
use crate::journal::Journal;
use crate::model::alarm::Alarm;
use crate::model::text;

/// The alarm that `target` names.
///
/// # Errors
/// There is no such alarm: names the nearest; or the journal cannot be read.
pub fn alarm(journal: &Journal, target: &Target) -> Result<Alarm, CliError> {
    let found = match target {
        Target::Id(id) => journal.alarm(*id)?,
        Target::Name(rule, place) => journal.alarm_named(rule, place)?,
    };
    if let Some(alarm) = found {
        return Ok(alarm);
    }
    let mut message = format!("there is no alarm `{target}` in {}", journal.path().display());
    if let Target::Name(..) = target {
        let names: Vec<String> = journal.alarms()?.iter().map(name).collect();
        if let Some(near) = text::nearest(&target.to_string(), names.iter().map(String::as_str)) {
            message += &format!(": did you mean `{near}`?");
        }
    }
    Err(CliError::Failed(message))
}

/// All alarms of `targets`, each once.
///
/// # Errors
/// One of them does not exist: then none is given, so that nothing is done by half.
pub fn alarms(journal: &Journal, targets: &[Target]) -> Result<Vec<Alarm>, CliError> {
    let mut found: Vec<Alarm> = Vec::new();
    for target in targets {
        let alarm = alarm(journal, target)?;
        if found.iter().all(|a| a.id != alarm.id) {
            found.push(alarm);
        }
    }
    Ok(found)
}

/// `RULE@PLACE` of an alarm.
#[must_use]
pub fn name(alarm: &Alarm) -> String {
    format!("{}@{}", text::clean(&alarm.rule), text::clean(&alarm.place))
}
