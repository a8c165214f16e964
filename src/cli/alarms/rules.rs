//! `alarms rules`: the rules in effect, the built-in ones with what the site changed.

use std::io::Write;

use serde_json::{Value, json};

use crate::alarm::{Rule, Rules};
use crate::cli::alarms::json as form;
use crate::cli::args::Options;
use crate::cli::args::alarms::RulesArgs;
use crate::cli::config::{self, Surroundings};
use crate::cli::{CliError, snapshot};
use crate::model::table::show_millis;
use crate::model::{document, text};
use crate::source::sim::scenario::Plan;

/// Simulated seconds after which values that exist have been seen.
const TICKS: u32 = 7;
const SEED: u64 = 1;

/// Writes the rules, or one of them.
///
/// # Errors
/// The rules of the site are wrong, or there is no rule of that name.
pub fn run(args: &RulesArgs, around: &Surroundings, out: &mut dyn Write) -> Result<(), CliError> {
    let options = Options {
        config: args.config.clone(),
        alarm_rules: args.alarm_rules.clone(),
        sim: args.sim,
        ..Options::default()
    };
    let (rules, silent) = if args.sim {
        let settings = config::load_in(&options, around)?;
        let seen = snapshot::simulated(&settings, &Plan::of_seed(SEED), TICKS)?;
        let missing = seen.alarms.rules.iter().filter(|r| !r.missing.is_empty());
        let silent: Vec<String> = missing.map(|r| r.slug.to_string()).collect();
        (settings.rules, Some(silent))
    } else {
        (config::load_rules(&options, around)?, None)
    };
    let signal = |rule: &Rule| silent.as_ref().map(|s| !s.iter().any(|slug| **slug == *rule.slug));
    let chosen: Vec<&Rule> = match &args.name {
        Some(name) => vec![find(&rules, name)?],
        None => rules.list().iter().collect(),
    };
    if args.json {
        let all: Vec<Value> = chosen.iter().map(|r| object(r, signal(r))).collect();
        let text = serde_json::to_string_pretty(&json!({ "rules": all })).expect("JSON values serialize");
        return Ok(writeln!(out, "{text}")?);
    }
    if args.name.is_some() {
        return page(chosen[0], signal(chosen[0]), out);
    }
    list(&chosen, signal, out)?;
    if silent.is_none() {
        writeln!(out, "(which of them get a signal is shown by the alarm view of a console)")?;
    }
    Ok(())
}

fn find<'a>(rules: &'a Rules, name: &str) -> Result<&'a Rule, CliError> {
    let names: Vec<&str> = rules.list().iter().map(|r| &*r.slug).collect();
    rules.list().iter().find(|r| *r.slug == *name).ok_or_else(|| {
        let hint = document::hint(name, &names);
        CliError::Failed(format!("no alarm rule is called `{}`: {hint}", text::clean(name)))
    })
}

fn list(
    rules: &[&Rule],
    signal: impl Fn(&Rule) -> Option<bool>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let wide = rules.iter().map(|r| r.slug.chars().count()).max().unwrap_or(4).max(4);
    writeln!(out, "{:wide$}  P   AT    ON     OFF    WHEN", "NAME")?;
    for r in rules {
        let marks = marks(r, signal(r));
        let marks = if marks.is_empty() { String::new() } else { format!("  [{}]", marks.join(", ")) };
        writeln!(
            out,
            "{:wide$}  {:2}  {:4}  {:5}  {:5}  {}{marks}",
            r.slug,
            priority(r),
            r.scope().name(),
            delay(r.on_ms),
            delay(r.off_ms),
            form::safe(&r.text)
        )?;
    }
    Ok(())
}

/// What is special about a rule, in few words.
fn marks(r: &Rule, signal: Option<bool>) -> Vec<&'static str> {
    [
        (r.disabled, "off"),
        (signal == Some(false) && !r.disabled, "no signal"),
        (r.latch, "latches"),
        (!r.from.is_empty(), "of the site"),
    ]
    .into_iter()
    .filter_map(|(is, word)| is.then_some(word))
    .collect()
}

fn priority(r: &Rule) -> String {
    if r.silent { String::from("–") } else { format!("P{}", r.priority) }
}

fn delay(ms: i64) -> String {
    show_millis(u64::try_from(ms).unwrap_or(0))
}

fn page(r: &Rule, signal: Option<bool>, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "{}: {}", r.slug, form::safe(&r.title))?;
    let yes = |b: bool| if b { "yes" } else { "no" };
    let mut rows: Vec<(&str, String)> = vec![
        ("in effect", if r.disabled { "no: switched off by the site" } else { "yes" }.to_owned()),
        ("priority", if r.silent { "none: it only suppresses".to_owned() } else { priority(r) }),
        ("stands at", format!("{}, grouped up to the {}", r.scope().name(), r.up_to.name())),
        ("when", form::safe(&r.text)),
    ];
    rows.extend(
        r.also
            .iter()
            .map(|(plan, when)| ("or when", format!("at the {}: {}", plan.scope().name(), form::safe(when)))),
    );
    rows.extend(r.worse.iter().map(|w| ("worse", format!("P{} when {}", w.priority, form::safe(&w.text)))));
    rows.extend([
        ("raised after", delay(r.on_ms)),
        ("clears after", delay(r.off_ms)),
        ("deadband", if r.deadband.is_empty() { String::from("none") } else { form::safe(&r.deadband) }),
        ("latches", yes(r.latch).to_owned()),
        ("class", form::safe(&r.class)),
        ("suppresses", form::safe(&r.suppresses.join(", "))),
        ("what to do", form::safe(&r.action)),
        ("at length", form::safe(&r.runbook)),
        ("from", if r.from.is_empty() { String::from("built in") } else { form::safe(&r.from) }),
    ]);
    let heard = signal.map(|s| if s { "yes, on the simulated site" } else { "none on the simulated site" });
    rows.extend(heard.map(|h| ("signal", h.to_owned())));
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "  {name:<14}{value}")?;
    }
    Ok(())
}

fn object(r: &Rule, signal: Option<bool>) -> Value {
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let said = |text: &str| (!text.is_empty()).then(|| form::safe(text));
    json!({
        "name": r.slug,
        "title": form::safe(&r.title),
        "priority": (!r.silent).then_some(r.priority),
        "at": r.scope().name(),
        "up_to": r.up_to.name(),
        "when": form::safe(&r.text),
        "also": r.also.iter().map(|(p, t)| json!({"at": p.scope().name(), "when": form::safe(t)})).collect::<Vec<_>>(),
        "worse": r.worse.iter().map(|w| json!({"priority": w.priority, "when": form::safe(&w.text)})).collect::<Vec<_>>(),
        "on_s": seconds(r.on_ms),
        "off_s": seconds(r.off_ms),
        "deadband": said(&r.deadband),
        "latch": r.latch,
        "momentary": r.momentary,
        "class": form::safe(&r.class),
        "suppresses": r.suppresses.iter().map(|s| form::safe(s)).collect::<Vec<_>>(),
        "action": form::safe(&r.action),
        "runbook": form::safe(&r.runbook),
        "enabled": !r.disabled,
        "from": said(&r.from),
        "signal": signal,
    })
}
