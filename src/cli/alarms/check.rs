//! `alarms ls --check`: the answer of a plugin of Nagios, Icinga or Checkmk, in one line.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use crate::cli::CliError;
use crate::cli::alarms::{Scene, leader, ls};
use crate::cli::args::alarms::LsArgs;
use crate::cli::config::Surroundings;
use crate::model::alarm::AlarmCounts;

/// Nothing waits.
const OK: u8 = 0;
/// Alarms of priority 3 or 4 wait for an acknowledgement.
const WARNING: u8 = 1;
/// Alarms of priority 1 or 2 do.
const CRITICAL: u8 = 2;
/// Nobody can say.
const UNKNOWN: u8 = 3;

/// Writes the line; what goes wrong is an answer, too.
///
/// # Errors
/// The output cannot be written.
pub fn run(args: &LsArgs, around: &Surroundings, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let (code, line) = match look(args, around) {
        Ok((counts, leads)) => answer(&counts, leads),
        // The bar would begin the figures.
        Err(e) => (UNKNOWN, format!("ALARMS UNKNOWN - {}", e.report().replace(['|', '\n'], " "))),
    };
    writeln!(out, "{line}")?;
    Ok(ExitCode::from(code))
}

fn look(args: &LsArgs, around: &Surroundings) -> Result<(AlarmCounts, bool), CliError> {
    let mut nowhere = std::io::sink();
    let scene = Scene::new(&args.common, around, &mut nowhere)?;
    let journal = scene.journal()?;
    let leads = leader(&journal, scene.now)?.is_some();
    Ok((AlarmCounts::of(&ls::chosen(args, &journal)?), leads))
}

/// Exit code and line for `counts`; `leads` when a console watches.
fn answer(counts: &AlarmCounts, leads: bool) -> (u8, String) {
    let waiting = counts.unacknowledged;
    let (code, word) = match waiting {
        [0, 0, 0, 0] if leads => (OK, "OK"),
        // Silence of a console that does not run means nothing.
        [0, 0, 0, 0] => (UNKNOWN, "UNKNOWN"),
        [0, 0, ..] => (WARNING, "WARNING"),
        _ => (CRITICAL, "CRITICAL"),
    };
    let mut line = format!("ALARMS {word} - ");
    let parts: Vec<String> =
        (1..=4).zip(waiting).filter(|(_, n)| *n > 0).map(|(p, n)| format!("{n} P{p}")).collect();
    match (parts.is_empty(), leads) {
        (false, _) => line += &format!("{} unacknowledged", parts.join(", ")),
        (true, true) => line += "none unacknowledged",
        (true, false) => {}
    }
    if !leads {
        line += if parts.is_empty() { "no console is running" } else { ", no console is running" };
    }
    line.push('|');
    for (priority, n) in (1..).zip(waiting) {
        // Levels in the words of the plugins: more than 0 of P1 and P2 is critical, of the others a
        // warning.
        let levels = if priority <= 2 { ";0" } else { "0;" };
        let _ = write!(line, "p{priority}={n};{levels} ");
    }
    let _ = write!(
        line,
        "standing={} shelved={} suppressed={} out_of_service={}",
        counts.active(),
        counts.shelved,
        counts.suppressed,
        counts.out_of_service
    );
    (code, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(unacknowledged: [u32; 4], leads: bool) -> (u8, String) {
        answer(&AlarmCounts { by_priority: [2, 5, 1, 0], unacknowledged, ..AlarmCounts::default() }, leads)
    }

    #[test]
    fn the_worst_that_waits_decides() {
        let (code, line) = of([2, 5, 0, 0], true);
        assert_eq!(code, 2);
        assert_eq!(
            line,
            "ALARMS CRITICAL - 2 P1, 5 P2 unacknowledged|p1=2;;0 p2=5;;0 p3=0;0; p4=0;0; \
             standing=8 shelved=0 suppressed=0 out_of_service=0"
        );
        assert_eq!(of([0, 0, 0, 3], true).0, 1);
        let (code, line) = of([0; 4], true);
        assert_eq!((code, line.starts_with("ALARMS OK - none unacknowledged|p1=0;;0")), (0, true), "{line}");
    }

    #[test]
    fn silence_of_a_console_that_does_not_run_is_not_ok() {
        let (code, line) = of([0; 4], false);
        assert_eq!((code, line.starts_with("ALARMS UNKNOWN - no console is running|")), (3, true), "{line}");
        let (code, line) = of([1, 0, 0, 0], false);
        assert_eq!((code, line.contains("1 P1 unacknowledged, no console")), (2, true), "{line}");
    }
}
