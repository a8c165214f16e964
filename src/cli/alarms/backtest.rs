//! `alarms backtest`: what rules would have raised on recorded values, and how that differs from
//! what was raised then.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::alarm::{AlarmEngine, Rules, Sight};
use crate::cli::CliError;
use crate::cli::alarms::json::safe;
use crate::cli::args::Options;
use crate::cli::args::export::BacktestArgs;
use crate::cli::config::{self, Surroundings};
use crate::cli::moment::{failed, open};
use crate::cli::progress::Progress;
use crate::fleet::Snapshot;
use crate::model::Timestamp;
use crate::model::alarm::{Input, Transition};
use crate::record::{Cursor, RecordError};

/// Two alarms of one rule at one place are the same event when they come within this time, ms.
const TOGETHER_MS: i64 = 600_000;
/// How rules of an Alertmanager begin: they are not ours to try.
const FOREIGN: &str = "am:";

/// An alarm that was raised, or would have been.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Raised {
    time: Timestamp,
    rule: Arc<str>,
    place: Arc<str>,
    priority: u8,
    text: Arc<str>,
}

impl Raised {
    fn of(t: &Transition) -> Self {
        Self {
            time: t.time,
            rule: Arc::clone(&t.rule),
            place: Arc::clone(&t.place),
            priority: t.priority,
            text: Arc::clone(&t.text),
        }
    }

    fn json(&self) -> Value {
        json!({
            "time": self.time.to_string(),
            "rule": safe(&self.rule),
            "place": safe(&self.place),
            "priority": self.priority,
            "text": safe(&self.text),
        })
    }

    fn line(&self) -> String {
        let (rule, place, text) = (safe(&self.rule), safe(&self.place), safe(&self.text));
        format!("{}  P{}  {rule}  {place}  {text}", self.time, self.priority)
    }
}

/// What both sides raised.
#[derive(Debug, Default)]
struct Outcome {
    frames: u64,
    damaged: u64,
    only_new: Vec<Raised>,
    only_old: Vec<Raised>,
    /// Old and new.
    both: Vec<(Raised, Raised)>,
}

/// Runs the rules over the recording and tells the difference.
///
/// # Errors
/// The recording or the rules cannot be read, or nothing is recorded in that time.
pub fn run(args: &BacktestArgs, around: &Surroundings, out: &mut dyn Write) -> Result<(), CliError> {
    let options =
        Options { config: args.config.clone(), alarm_rules: args.rules.clone(), ..Options::default() };
    let rules = config::load_rules(&options, around)?;
    let (mut cursor, whole) = open(&args.recording)?;
    let span = args.span.within(whole)?;
    let outcome = replay(&mut cursor, rules, span)?;
    if args.json {
        let list = |l: &[Raised]| l.iter().map(Raised::json).collect::<Vec<_>>();
        let pair = |(old, new): &(Raised, Raised)| json!({"old": old.json(), "new": new.json()});
        let object = json!({
            "from": span.0.to_string(),
            "to": span.1.to_string(),
            "frames": outcome.frames,
            "damaged": outcome.damaged,
            "only_new": list(&outcome.only_new),
            "only_old": list(&outcome.only_old),
            "both": outcome.both.iter().map(pair).collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&object).expect("JSON values serialize");
        return Ok(writeln!(out, "{text}")?);
    }
    print(&outcome, span, out)
}

fn print(o: &Outcome, (from, to): (Timestamp, Timestamp), out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "{} frames from {from} to {to}", o.frames)?;
    if o.damaged > 0 {
        writeln!(out, "{} frames could not be read and were passed over", o.damaged)?;
    }
    for (list, words) in [(&o.only_new, "only by the new rules"), (&o.only_old, "only by the old rules")] {
        writeln!(out, "{} raised {words}", list.len())?;
        for raised in list {
            writeln!(out, "  {}", raised.line())?;
        }
    }
    writeln!(out, "{} raised by both", o.both.len())?;
    for (old, new) in &o.both {
        let ms = new.time.since(old.time);
        let shift = match ms {
            0 => String::new(),
            ms if ms > 0 => format!("  (new: {} s later)", ms as f64 / 1000.0),
            ms => format!("  (new: {} s earlier)", -ms as f64 / 1000.0),
        };
        let priority =
            if old.priority == new.priority { String::new() } else { format!("  (new: P{})", new.priority) };
        writeln!(out, "  {}{shift}{priority}", old.line())?;
    }
    Ok(())
}

/// Runs `rules` over the frames of a stretch.
fn replay(
    cursor: &mut Cursor,
    rules: Rules,
    (from, to): (Timestamp, Timestamp),
) -> Result<Outcome, CliError> {
    let times: Vec<Timestamp> = cursor.recording().times().filter(|t| (from..=to).contains(t)).collect();
    let Some(first) = times.first() else {
        let path = cursor.recording().path().to_owned();
        return Err(failed(RecordError::Outside { path, from, to }));
    };
    let mut engine = AlarmEngine::new(rules);
    let mut outcome = Outcome::default();
    let (mut old, mut new) = (Told::default(), Vec::new());
    let mut progress = Progress::new("backtest");
    let mut next = cursor.seek(*first).map(Some);
    for done in 1u64.. {
        match next {
            Ok(Some(snapshot)) if snapshot.frame.time <= to => {
                outcome.frames += 1;
                old.listen(&snapshot, from);
                let happened = engine.step(Sight { frame: &snapshot.frame, trays: &snapshot.trays });
                let raised = happened.transitions.iter().filter(|t| t.input == Input::Raise);
                new.extend(raised.map(Raised::of));
            }
            Ok(_) => break,
            Err(RecordError::Damaged { .. }) => {
                outcome.damaged += 1;
                if !cursor.skip() {
                    break;
                }
            }
            Err(e) => return Err(failed(e)),
        }
        progress.tell(done, times.len() as u64);
        next = cursor.next();
    }
    drop(progress);
    outcome.compare(old, new);
    Ok(outcome)
}

/// What was raised when it was recorded.
#[derive(Debug, Default)]
struct Told {
    raised: Vec<Raised>,
    seen: HashSet<(Timestamp, u64)>,
    /// What stood before the first frame: raised then, not in this stretch.
    before: Vec<Raised>,
    begun: bool,
    newest: Option<Arc<Transition>>,
}

impl Told {
    fn listen(&mut self, snapshot: &Snapshot, from: Timestamp) {
        let board = &snapshot.alarms;
        if !std::mem::replace(&mut self.begun, true) {
            let stands = board.alarms.iter().filter(|a| a.active && a.raised < snapshot.frame.time);
            self.before.extend(stands.map(|a| Raised {
                time: a.raised,
                rule: Arc::clone(&a.rule),
                place: Arc::clone(&a.place),
                priority: a.priority,
                text: Arc::clone(&a.text),
            }));
        }
        let known = |e: &&Arc<Transition>| !self.newest.as_ref().is_some_and(|n| n == *e);
        let fresh: Vec<_> = board.events.iter().take_while(known).cloned().collect();
        for event in fresh.iter().rev() {
            let ours = event.input == Input::Raise && !event.rule.starts_with(FOREIGN);
            if ours && event.time >= from && self.seen.insert((event.time, event.alarm.0)) {
                self.raised.push(Raised::of(event));
            }
        }
        self.newest = board.events.first().cloned().or(self.newest.take());
    }
}

impl Outcome {
    /// Pairs what both raised: of one rule, at one place, in the order in which it came.
    fn compare(&mut self, old: Told, new: Vec<Raised>) {
        let mut open: BTreeMap<(Arc<str>, Arc<str>), Vec<Raised>> = BTreeMap::new();
        let key = |r: &Raised| (Arc::clone(&r.rule), Arc::clone(&r.place));
        for raised in old.raised {
            open.entry(key(&raised)).or_default().push(raised);
        }
        let mut before: BTreeMap<_, _> = old.before.into_iter().map(|r| (key(&r), r)).collect();
        for raised in new {
            let near = |o: &Raised| raised.time.since(o.time).abs() <= TOGETHER_MS;
            let list = open.entry(key(&raised)).or_default();
            if let Some(at) = list.iter().position(near) {
                self.both.push((list.remove(at), raised));
            } else if let Some(standing) = before.remove(&key(&raised)) {
                self.both.push((standing, raised));
            } else {
                self.only_new.push(raised);
            }
        }
        self.only_old = open.into_values().flatten().collect();
        self.only_old.sort();
        self.both.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(s: i64, rule: &str) -> Raised {
        Raised {
            time: Timestamp::from_secs(s),
            rule: rule.into(),
            place: "H1".into(),
            priority: 2,
            text: "".into(),
        }
    }

    #[test]
    fn what_both_raised_is_paired_in_order_and_only_when_near() {
        let mut o = Outcome::default();
        let told = Told {
            raised: vec![raised(10, "a"), raised(50, "a"), raised(60, "b")],
            before: vec![raised(-99, "c")],
            ..Told::default()
        };
        o.compare(told, vec![raised(0, "c"), raised(20, "a"), raised(2000, "b"), raised(3000, "c")]);
        assert_eq!(o.both, [(raised(-99, "c"), raised(0, "c")), (raised(10, "a"), raised(20, "a"))]);
        assert_eq!(o.only_new, [raised(2000, "b"), raised(3000, "c")]);
        assert_eq!(o.only_old, [raised(50, "a"), raised(60, "b")]);
    }
}
