//! `alarms history`: what happened and what operators did.

use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::alarms::{Scene, find, json as form};
use crate::cli::args::alarms::HistoryArgs;
use crate::journal::{Event, HistoryFilter, HistoryRow};
use crate::model::alarm::{Operation, Transition, Verb};

/// Alarms of one operation that a line names.
const NAMED: usize = 5;

/// Writes the history, oldest first.
///
/// # Errors
/// There is no such alarm, or the journal cannot be read.
pub fn run(args: &HistoryArgs, mut scene: Scene<'_>) -> Result<(), CliError> {
    let journal = scene.journal()?;
    let alarm = args.alarm.as_ref().map(|t| find::alarm(&journal, t)).transpose()?;
    let since = args.since.map(|d| {
        let ms = i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        scene.now.plus_millis(ms.saturating_neg())
    });
    let filter =
        HistoryFilter { alarm: alarm.map(|a| a.id), since, limit: args.limit, ..HistoryFilter::default() };
    let mut rows = journal.history(&filter)?;
    rows.reverse();
    if scene.json {
        let rows: Vec<Value> = rows.iter().map(form::row).collect();
        return scene.print(&json!({ "rows": rows }));
    }
    for row in &rows {
        writeln!(scene.out, "{}", line(row))?;
    }
    Ok(())
}

fn line(row: &HistoryRow) -> String {
    let words = match &row.event {
        Event::Operation(o) => operation(o),
        Event::Transition(t) => transition(t),
    };
    format!("{}  {:>7}  {words}", row.time, row.seq)
}

fn operation(o: &Operation) -> String {
    let mut alarms: Vec<String> = o.alarms.iter().take(NAMED).map(ToString::to_string).collect();
    if o.alarms.len() > NAMED {
        alarms.push(format!("and {} more", o.alarms.len() - NAMED));
    }
    let more = match o.verb {
        Verb::Shelve { until, one_shot: false } => format!(" until {until}"),
        Verb::Shelve { until, one_shot: true } => format!(" until {until} or until it clears"),
        Verb::Undo(number) => format!(" of {number}"),
        _ => String::new(),
    };
    let comment = if o.comment.is_empty() { String::new() } else { format!(": {}", form::safe(&o.comment)) };
    format!("{}: {}{more} {}{comment}", form::safe(&o.operator), o.verb.name(), alarms.join(", "))
}

fn transition(t: &Transition) -> String {
    let by = if t.operation > 0 { format!(" by {}", t.operation) } else { String::new() };
    let text = if t.text.is_empty() { String::new() } else { format!(": {}", form::safe(&t.text)) };
    let (rule, place) = (form::safe(&t.rule), form::safe(&t.place));
    let (name, to) = (t.input.name(), t.to.name());
    format!("{} {rule}@{place} P{}: {name}{by} -> {to}{text}", t.alarm, t.priority)
}
