//! `alarms show`: one alarm at length.

use std::io::Write;

use crate::cli::CliError;
use crate::cli::alarms::{Scene, find, json as form};
use crate::cli::args::alarms::ShowArgs;
use crate::model::alarm::{Alarm, Note, Origin};

/// Writes the alarm.
///
/// # Errors
/// There is no such alarm, or the journal cannot be read.
pub fn run(args: &ShowArgs, mut scene: Scene<'_>) -> Result<(), CliError> {
    let alarm = find::alarm(&scene.journal()?, &args.alarm)?;
    if scene.json {
        return scene.print(&form::alarm(&alarm, true));
    }
    page(scene.out, &alarm)
}

fn page(out: &mut dyn Write, a: &Alarm) -> Result<(), CliError> {
    writeln!(out, "{}  {}", a.id, find::name(a))?;
    writeln!(out, "{}", form::safe(&a.title))?;
    let mut line = |name: &str, value: String| {
        if value.is_empty() { Ok(()) } else { writeln!(out, "  {name:<14}{value}") }
    };
    line("priority", format!("P{}", a.priority))?;
    line("state", a.state.name().to_owned())?;
    let active = if a.active { "stands" } else { "does not stand" };
    line("condition", format!("{active}{}", if a.latched { ", latched" } else { "" }))?;
    line("value", form::safe(&a.text))?;
    line("raised", format!("{} ({} times)", a.raised, a.occurrences))?;
    line("cleared", a.cleared.map(|t| t.to_string()).unwrap_or_default())?;
    line("gpus", if a.gpus > 0 { a.gpus.to_string() } else { String::new() })?;
    line("acknowledged", a.acknowledged.as_ref().map(note).unwrap_or_default())?;
    let shelf = a.shelf.as_ref().map(|s| {
        let end = if s.one_shot { " or until it clears" } else { "" };
        format!("until {}{end}, {}", s.until, note(&s.note))
    });
    line("shelved", shelf.unwrap_or_default())?;
    line("out of service", a.service.as_ref().map(note).unwrap_or_default())?;
    let cause = a.suppressed_by.map(|id| match a.origin {
        Origin::Rule => id.to_string(),
        Origin::Alertmanager => "Alertmanager".to_owned(),
    });
    line("suppressed by", cause.unwrap_or_default())?;
    line("comment", a.comment.as_ref().map(note).unwrap_or_default())?;
    if a.member_count > 0 {
        writeln!(out, "members ({})", a.member_count)?;
    }
    for m in &a.members {
        writeln!(out, "  {}  {}@{}", m.time, form::safe(&m.rule), form::safe(&m.place))?;
    }
    if !a.steps.is_empty() {
        writeln!(out, "last steps")?;
    }
    for s in &a.steps {
        let who =
            if s.operator.is_empty() { String::new() } else { format!(" by {}", form::safe(&s.operator)) };
        let text = if s.text.is_empty() { String::new() } else { format!(": {}", form::safe(&s.text)) };
        writeln!(out, "  {}  {}{who} -> {}{text}", s.time, s.input.name(), s.to.name())?;
    }
    Ok(())
}

fn note(n: &Note) -> String {
    let comment = if n.comment.is_empty() { String::new() } else { format!(": {}", form::safe(&n.comment)) };
    format!("by {} at {}{comment}", form::safe(&n.operator), n.time)
}
