//! `alarms ls`: the alarms that stand.

use serde_json::json;

use crate::cli::CliError;
use crate::cli::alarms::{Scene, find, json as form, leader};
use crate::cli::args::alarms::LsArgs;
use crate::journal::Journal;
use crate::model::alarm::{Alarm, AlarmCounts};
use crate::model::text;

/// Writes the list.
///
/// # Errors
/// There is no journal, or it cannot be read.
pub fn run(args: &LsArgs, mut scene: Scene<'_>) -> Result<(), CliError> {
    let journal = scene.journal()?;
    let alarms = chosen(args, &journal)?;
    let leader = leader(&journal, scene.now)?;
    if scene.json {
        let value = json!({
            "time": scene.now.to_string(),
            "leader": leader,
            "counts": counts(&AlarmCounts::of(&alarms)),
            "alarms": alarms.iter().map(|a| form::alarm(a, false)).collect::<Vec<_>>(),
        });
        return scene.print(&value);
    }
    for a in &alarms {
        let by = a.acknowledged.as_ref().map(|n| format!("  by {}", text::clean(&n.operator)));
        writeln!(
            scene.out,
            "{}  P{}  {:5}  {}  {}  {}{}",
            a.id,
            a.priority,
            a.state.short(),
            a.raised,
            find::name(a),
            text::clean(&a.text),
            by.unwrap_or_default()
        )?;
    }
    if alarms.is_empty() {
        writeln!(scene.out, "no alarm")?;
    }
    if leader.is_none() {
        writeln!(scene.out, "(no console is running: this is what the last one left)")?;
    }
    Ok(())
}

/// The alarms that `args` choose, in the order of lists.
///
/// # Errors
/// The journal cannot be read.
pub fn chosen(args: &LsArgs, journal: &Journal) -> Result<Vec<Alarm>, CliError> {
    // Without a wish for states those that stand are meant.
    let mut alarms = if args.states.is_empty() { journal.standing()? } else { journal.alarms()? };
    alarms.retain(|a| {
        (args.states.is_empty() || args.states.contains(&a.state))
            && (args.priority.is_empty() || args.priority.contains(&a.priority))
            && (!args.unacked || a.state.is_unacknowledged())
            && args.place.as_deref().is_none_or(|p| within(&a.place, p))
    });
    alarms.sort_by_key(Alarm::rank);
    Ok(alarms)
}

/// True when `place` is `area` or below it.
fn within(place: &str, area: &str) -> bool {
    place.get(..area.len()).is_some_and(|head| {
        head.eq_ignore_ascii_case(area) && matches!(place.as_bytes().get(area.len()), None | Some(b'-'))
    })
}

fn counts(c: &AlarmCounts) -> serde_json::Value {
    json!({
        "by_priority": c.by_priority,
        "unacknowledged": c.unacknowledged,
        "shelved": c.shelved,
        "suppressed": c.suppressed,
        "out_of_service": c.out_of_service,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_holds_what_is_below_it_and_not_its_neighbours() {
        for place in ["H3", "H3-R17", "h3-r17-k5"] {
            assert!(within(place, "H3"), "{place}");
        }
        for place in ["H33", "H31-R1", "H", "", "Ø3-R1"] {
            assert!(!within(place, "H3"), "{place}");
        }
    }
}
