//! Operations from the command line: saved first, then applied by the console that leads.

use std::time::Duration;

use serde_json::json;

use crate::cli::alarms::{Scene, find, leader};
use crate::cli::args::alarms::{Target, state_word};
use crate::cli::{CliError, runtime};
use crate::journal::Journal;
use crate::model::alarm::{Alarm, AlarmId, Operation, Verb};
use crate::model::text::is_safe;

/// How long to wait for the console that leads.
const WAIT: Duration = Duration::from_secs(2);
/// How often to look.
const POLL: Duration = Duration::from_millis(25);

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// What.
    pub verb: Verb,
    /// Why.
    pub comment: String,
}

/// Saves an operation on all of `targets` and says what came of it.
///
/// # Errors
/// Operations are refused here, one of the alarms does not exist, or nothing could be saved.
pub fn run(targets: &[Target], order: Order, mut scene: Scene<'_>) -> Result<(), CliError> {
    if scene.settings.read_only {
        return Err(CliError::Failed("operations are refused here (`read_only`): nothing was saved".into()));
    }
    // Reading first: an operation on alarms that do not exist must not make a journal.
    let before = find::alarms(&scene.journal()?, targets)?;
    let alarms: Vec<AlarmId> = before.iter().map(|a| a.id).collect();
    let operation = Operation {
        number: 0,
        time: scene.now,
        operator: scene.settings.name.clone(),
        verb: order.verb,
        alarms: alarms.clone(),
        comment: order.comment.chars().filter(|c| is_safe(*c)).collect(),
    };
    operation.check().map_err(CliError::Usage)?;
    let mut journal = Journal::open(&scene.settings.found_journal())?;
    let number = journal.append_operation(&operation)?;
    if !scene.json {
        writeln!(scene.out, "saved as {number}: {} {}", order.verb.name(), count(alarms.len()))?;
        scene.out.flush()?;
    }
    let leader = leader(&journal, scene.now)?;
    let applied = leader.is_some() && wait(&journal, number)?;
    let after: Vec<Alarm> =
        alarms.iter().filter_map(|id| journal.alarm(*id).transpose()).collect::<Result<_, _>>()?;
    if scene.json {
        let states: Vec<_> =
            after.iter().map(|a| json!({"id": a.id.0, "state": state_word(a.state)})).collect();
        return scene.print(&json!({"saved": number, "applied": applied, "alarms": states}));
    }
    match leader {
        _ if applied => {
            for a in &after {
                writeln!(scene.out, "{}  {}  {}", a.id, find::name(a), a.state.name())?;
            }
        }
        Some(name) => writeln!(scene.out, "not applied yet by the console that leads ({name})")?,
        None => writeln!(scene.out, "no console is running: it is applied when one starts")?,
    }
    Ok(())
}

fn count(n: usize) -> String {
    if n == 1 { String::from("1 alarm") } else { format!("{n} alarms") }
}

/// Waits until the state of the alarms has operation `number` in it. False when that takes too long.
fn wait(journal: &Journal, number: u64) -> Result<bool, CliError> {
    let applied = async {
        let mut seen = None;
        loop {
            let version = Some(journal.data_version()?);
            if version != seen {
                seen = version;
                if journal.tail()?.applied >= number {
                    return Ok(true);
                }
            }
            tokio::time::sleep(POLL).await;
        }
    };
    // The timer is made inside the runtime.
    runtime::start()?.block_on(async { tokio::time::timeout(WAIT, applied).await.unwrap_or(Ok(false)) })
}
