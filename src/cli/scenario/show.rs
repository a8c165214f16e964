//! `sim scenarios`: the built-in scenarios, or one scenario at length.

use std::fmt::Write as _;
use std::io::Write;

use serde_json::{Map, Value, json};

use crate::cli::CliError;
use crate::cli::args::ScenariosArgs;
use crate::model::alarm::rule::AlarmRule;
use crate::model::table::show_seconds;
use crate::source::sim::scenario::signature::{Band, When};
use crate::source::sim::scenario::verb::Takes;
use crate::source::sim::scenario::{BUILT_IN, Event, Scenario, Share, Signature};

/// Width of the description.
const WIDTH: usize = 100;

/// Writes the list, or the scenario asked for.
///
/// # Errors
/// The scenario cannot be read, or the output cannot be written.
pub fn run(args: &ScenariosArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let text = match &args.scenario {
        Some(name) if args.json => pretty(&object(&name.load()?)),
        Some(name) => page(&name.load()?),
        None => {
            let all: Result<Vec<Scenario>, String> =
                BUILT_IN.iter().map(|(name, _)| Scenario::built_in(name)).collect();
            let all = all.map_err(CliError::Failed)?;
            if args.json {
                let list = all.iter().map(|s| json!({"name": s.name, "title": s.title, "length": s.length}));
                pretty(&Value::Array(list.collect()))
            } else {
                list(&all)
            }
        }
    };
    Ok(out.write_all(text.as_bytes())?)
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON values always serialize");
    text.push('\n');
    text
}

fn list(all: &[Scenario]) -> String {
    let width = all.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let line = |s: &Scenario| format!("{:width$}  {:>6}  {}\n", s.name, show_seconds(s.length), s.title);
    all.iter().map(line).collect()
}

/// One scenario as text.
fn page(s: &Scenario) -> String {
    let mut out = format!("{}: {} ({})\n\n", s.name, s.title, show_seconds(s.length));
    for paragraph in s.doc.split("\n\n") {
        wrap(&mut out, paragraph);
        out.push('\n');
    }
    if let Some(pick) = &s.pick {
        let _ = writeln!(
            out,
            "picked: one {}, {} (by the seed)\n",
            pick.kind.name(),
            match pick.among.name() {
                "training" => "where training runs",
                "largest-job" => "in the largest training job",
                _ => "anywhere",
            }
        );
    }
    out.push_str("What happens\n");
    for e in &s.events {
        let _ = writeln!(out, "  {:>7}  {}", show_seconds(e.at), event(e));
    }
    if !(s.raises.is_empty() && s.quiet.is_empty()) {
        out.push_str("\nAlarms\n");
    }
    for a in &s.raises {
        let (from, to) = (show_seconds(a.at), show_seconds(a.at + a.within));
        let _ = writeln!(out, "  P{} {} on {}, {from} to {to}", a.rule.priority, a.rule.title, a.on);
    }
    for q in &s.quiet {
        let names: Vec<&str> = q.rules.iter().map(|r| r.title).collect();
        let _ = writeln!(out, "  none on {}: {}", q.on, names.join(", "));
    }
    if !s.signatures.is_empty() {
        out.push_str("\nWhat the values show\n");
    }
    for signature in &s.signatures {
        let _ = writeln!(out, "  {signature}");
    }
    out
}

/// Writes a paragraph in lines of at most [`WIDTH`] columns.
fn wrap(out: &mut String, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// An event in words: `gpu-lost on picked, 4 to 20 of them, spread over 1m`.
fn event(e: &Event) -> String {
    let mut text = format!("{} on {}", e.verb.name, e.on);
    for (name, value) in params(e) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, " {name}={value}");
    }
    let range = |a: u32, b: u32| if a == b { a.to_string() } else { format!("{a} to {b}") };
    match e.share {
        Share::All => {}
        Share::Count(a, b) => text += &format!(", {} of them", range(a, b)),
        Share::But(a, b) => text += &format!(", all but {}", range(a, b)),
    }
    if e.each > 0 {
        let _ = write!(text, ", one {} each {}", e.per.name(), show_seconds(e.each));
    }
    if e.spread > 0 {
        let _ = write!(text, ", spread over {}", show_seconds(e.spread));
    }
    if let Some(name) = &e.named {
        let _ = write!(text, " (as {name})");
    }
    text
}

/// The parameters of an event by name, as they stand in a file: times in seconds or milliseconds.
fn params(e: &Event) -> Vec<(&'static str, Value)> {
    let value = |takes: Takes, v: f32| match takes {
        Takes::Number(..) => number(v),
        Takes::Whole(..) => json!(v as u32),
        Takes::Seconds(..) => json!(format!("{}s", v as u64)),
        Takes::Millis(..) => json!(format!("{}ms", v as u64)),
        Takes::Word(words) => json!(words.get(v as usize).copied().unwrap_or_default()),
        Takes::Flag => json!(v > 0.5),
    };
    e.verb.params.iter().zip(e.values).map(|(p, v)| (p.name, value(p.takes, v))).collect()
}

/// A number of single precision without the digits that double precision would add.
fn number(v: f32) -> Value {
    v.to_string().parse::<f64>().map_or(Value::Null, |v| json!(v))
}

/// One scenario for programs; times are in seconds.
fn object(s: &Scenario) -> Value {
    let pick = s.pick.as_ref().map(|p| json!({"kind": p.kind.name(), "on": p.among.name()}));
    let rule = |r: &AlarmRule| json!({"rule": r.slug, "title": r.title, "priority": r.priority});
    let raised = s.raises.iter().map(|a| {
        let mut alarm = rule(a.rule);
        alarm["on"] = json!(a.on.to_string());
        alarm["from"] = json!(a.at);
        alarm["to"] = json!(a.at + a.within);
        alarm
    });
    let quiet = s
        .quiet
        .iter()
        .flat_map(|q| q.rules.iter().map(move |r| json!({"rule": r.slug, "on": q.on.to_string()})));
    json!({
        "name": s.name,
        "title": s.title,
        "doc": s.doc,
        "length": s.length,
        "pick": pick,
        "events": s.events.iter().map(event_object).collect::<Vec<_>>(),
        "alarms": raised.collect::<Vec<_>>(),
        "none": quiet.collect::<Vec<_>>(),
        "signatures": s.signatures.iter().map(signature_object).collect::<Vec<_>>(),
    })
}

fn event_object(e: &Event) -> Value {
    let mut out = json!({"at": e.at, "do": e.verb.name, "on": e.on.to_string()});
    out["with"] = Value::Object(params(e).into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>());
    match e.share {
        Share::All => {}
        Share::Count(a, b) => out["count"] = json!([a, b]),
        Share::But(a, b) => out["but"] = json!([a, b]),
    }
    if e.each > 0 {
        out["each"] = json!(e.each);
        out["per"] = json!(e.per.name());
    }
    if e.spread > 0 {
        out["spread"] = json!(e.spread);
    }
    if let Some(name) = &e.named {
        out["as"] = json!(name);
    }
    out
}

fn signature_object(s: &Signature) -> Value {
    let (how, from, to) = match s.when {
        When::At(t) => ("at", t, t),
        When::During(a, b) => ("during", a, b),
        When::Begins(a, b) => ("begins", a, b),
    };
    let (low, high) = match s.band {
        Band::Near(is, within) => (Some(is - within), Some(is + within)),
        Band::Between(above, below) => (above, below),
    };
    json!({
        "of": s.of.to_string(),
        "value": s.quantity.name(),
        "unit": s.quantity.unit(),
        "how": s.how.name(),
        "as": s.form.name(),
        "over": s.over,
        "when": how,
        "from": from,
        "to": to,
        "low": low.map(number),
        "high": high.map(number),
    })
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Args;
    use clap::Parser;

    fn output(line: &str) -> Result<String, String> {
        let args = Args::try_parse_from(line.split_whitespace()).map_err(|e| e.to_string())?;
        let mut out = Vec::new();
        crate::cli::run(args, &mut out).map_err(|e| e.report())?;
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn the_list_has_a_line_for_each() {
        let text = output("hallwatch sim scenarios").expect("it runs");
        assert_eq!(text.lines().count(), super::BUILT_IN.len());
        assert!(text.lines().all(|l| l.chars().count() <= 100), "{text}");
        assert!(text.contains("rack-leak                30m  A rack leaks"), "{text}");
        let json: serde_json::Value =
            serde_json::from_str(&output("hallwatch sim scenarios --json").expect("it runs")).expect("JSON");
        assert_eq!(json[0]["name"], "cdu-pump-failover");
        assert_eq!(
            (json.as_array().map(Vec::len), &json[0]["length"]),
            (Some(super::BUILT_IN.len()), &300.into())
        );
    }

    #[test]
    fn one_scenario_is_told_at_length() {
        let text = output("hallwatch sim scenarios xid79-burst").expect("it runs");
        for words in [
            "What to learn:",
            "picked: one rack, where training runs (by the seed)",
            "     0s  gpu-lost on picked, 4 to 20 of them, spread over 1m (as lost)",
            "     8m  gpu-back on lost, all but 1 to 2, spread over 1m",
            "  P1 XID burst on picked, 0s to 1m5s",
            "  none on picked: NVLink switch tray down, Rack leak, Power shelf failed",
            "  at 1m2s: mean gpu_lost of lost above 0.99",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        assert!(text.lines().all(|l| l.chars().count() <= 110), "{text}");
    }

    #[test]
    fn one_scenario_for_programs_has_its_numbers_as_written() {
        let text = output("hallwatch sim scenarios firmware-throttling --json").expect("it runs");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let first = &json["events"][0];
        assert_eq!((&first["with"]["clock"], &first["with"]["power"]), (&0.75.into(), &0.6.into()));
        assert_eq!(
            (&first["each"], &first["per"], &first["spread"]),
            (&90.into(), &"hall".into(), &60.into())
        );
        assert_eq!(json["signatures"][0]["value"], "gpu_sm_clock");
        assert_eq!(json["pick"]["kind"], "hall");
    }

    #[test]
    fn an_unknown_name_is_wrong_usage() {
        let e = output("hallwatch sim scenarios rack-leek").expect_err("no such scenario");
        assert!(e.contains("did you mean `rack-leak`?"), "{e}");
        assert!(
            output("hallwatch sim scenarios /nowhere/x.toml").expect_err("no file").contains("cannot read")
        );
    }
}
