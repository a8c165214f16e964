//! Tables for docs/scenarios.md, made from what the parser itself reads.

use std::fmt::Write;

use crate::model::Quantity;
use crate::model::alarm::rule;
use crate::model::table::{show_millis, show_seconds};
use crate::source::sim::scenario::verb::{Param, Takes, VERBS};
use crate::source::sim::scenario::{BUILT_IN, Scenario};

/// The verbs with their parameters, units and ranges.
#[must_use]
pub fn verbs() -> String {
    let mut out = String::from("| verb | acts on | parameters | what it does |\n|---|---|---|---|\n");
    for verb in VERBS {
        let params: Vec<String> = verb.params.iter().map(param).collect();
        let params = if params.is_empty() { String::from("–") } else { params.join("; ") };
        let _ = writeln!(out, "| `{}` | {} | {params} | {} |", verb.name, verb.level.name(), verb.doc);
    }
    out
}

fn param(param: &Param) -> String {
    let word = |place: f32| match param.takes {
        Takes::Flag => if place > 0.0 { "`true`" } else { "`false`" }.to_owned(),
        Takes::Seconds(..) => format!("`\"{}\"`", show_seconds(place as u64)),
        _ => format!("{place}"),
    };
    let default = param.default.map_or_else(String::new, |d| format!(" ({} when left out)", word(d)));
    format!("`{}` {}{default}", param.name, takes(param.takes))
}

/// What a parameter takes, in words.
#[must_use]
pub fn takes(takes: Takes) -> String {
    let unit = |u: &str| if u.is_empty() { String::new() } else { format!(" {u}") };
    match takes {
        Takes::Number(low, high, u) => format!("{low} to {high}{}", unit(u)),
        Takes::Whole(low, high) => format!("{low} to {high}"),
        Takes::Seconds(low, high) => format!("{} to {}", show_seconds(low), show_seconds(high)),
        Takes::Millis(low, high) => format!("{} to {}", show_millis(low), show_millis(high)),
        Takes::Word(words) => words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(", "),
        Takes::Flag => String::from("`true` or `false`"),
    }
}

/// The alarm rules by name.
#[must_use]
pub fn rules() -> String {
    let mut out = String::from("| rule | alarm | stands at | priority |\n|---|---|---|---|\n");
    for rule in &rule::ALL {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | P{} |",
            rule.slug,
            rule.title,
            rule.scope.name(),
            rule.priority
        );
    }
    out
}

/// The values that signatures can name, by kind of asset.
#[must_use]
pub fn values() -> String {
    let mut out = String::from("| of | values |\n|---|---|\n");
    let all = Quantity::all();
    for kind in ["gpu", "rack", "cdu", "row", "hall", "site"] {
        let names = all.iter().map(|q| (q.name(), q.unit())).filter(|(n, _)| n.starts_with(kind));
        let unit = |u: &str| if u.is_empty() { String::new() } else { format!(" {u}") };
        let names: Vec<String> = names.map(|(n, u)| format!("`{n}`{}", unit(u))).collect();
        let _ = writeln!(out, "| {kind} | {} |", names.join(", "));
    }
    out
}

/// The built-in scenarios.
#[must_use]
pub fn built_in() -> String {
    let mut out = String::from("| scenario | what happens | lasts |\n|---|---|---|\n");
    for (name, text) in BUILT_IN {
        if let Ok(s) = Scenario::parse(text, name) {
            let _ = writeln!(out, "| `{name}` | {} | {} |", s.title, show_seconds(s.length));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_and_parameter_is_in_the_table_with_its_range() {
        let table = verbs();
        assert_eq!(table.lines().count(), VERBS.len() + 2);
        assert!(
            table.contains(
                "| `setpoint` | hall | `by` -15 to 25 K; `over` 0s to 12h (`\"0s\"` when left out) |"
            )
        );
        assert!(table.contains("`to` 0 to 100 %; `lasting` 1ms to 1m"), "{table}");
        assert!(table.contains("`clock` 0.1 to 1 (1 when left out)"), "{table}");
    }

    #[test]
    fn every_value_stands_under_its_kind() {
        let table = values();
        assert_eq!(table.matches('`').count(), 2 * Quantity::all().len());
        assert!(table.contains("| rack | `rack_power` kW, "), "{table}");
    }

    #[test]
    fn every_built_in_scenario_is_listed() {
        assert_eq!(built_in().lines().count(), BUILT_IN.len() + 2);
        assert_eq!(rules().lines().count(), 26 + 2);
    }
}
