//! The table of values for docs/alarms.md, made from what the parser itself knows.

use std::fmt::Write;

use crate::fleet::query::field::{Field, WORKED_OUT};
use crate::model::Quantity;
use crate::model::alarm::rule::Scope;

/// Kinds of assets, highest first, as they are told.
const KINDS: [Scope; 8] =
    [Scope::Site, Scope::Hall, Scope::Row, Scope::Cdu, Scope::Rack, Scope::Tray, Scope::Gpu, Scope::Job];

/// The values of every kind of asset with their units.
#[must_use]
pub fn values() -> String {
    let mut out = String::from("| of a | values |\n|---|---|\n");
    let known = Quantity::all().into_iter().map(Field::Known);
    let own = WORKED_OUT.iter().map(|(_, field, ..)| *field).filter(|f| !matches!(f, Field::Known(_)));
    let all: Vec<Field> = known.chain(own).collect();
    for kind in KINDS {
        let of_kind = all.iter().filter(|f| f.level() == kind);
        let names: Vec<String> = of_kind.map(|f| shown(&f.name(), f.unit())).collect();
        let _ = writeln!(out, "| {} | {} |", kind.name(), names.join(", "));
    }
    out
}

fn shown(name: &str, unit: &str) -> String {
    if unit.is_empty() { format!("`{name}`") } else { format!("`{name}` {unit}") }
}

/// The values that no source reports: what each is, and the words that it takes.
#[must_use]
pub fn worked_out() -> String {
    let mut out = String::from("| value | unit | what it is |\n|---|---|---|\n");
    for (name, _, unit, what) in WORKED_OUT {
        let _ = writeln!(out, "| `{name}` | {unit} | {what} |");
    }
    out
}

/// The values that take words instead of numbers.
#[must_use]
pub fn words() -> String {
    let mut out = String::from("| value | words |\n|---|---|\n");
    let known = Quantity::all().into_iter().map(Field::Known);
    let own = WORKED_OUT.iter().map(|(_, field, ..)| *field);
    for field in known.chain(own).filter(|f| !f.words().is_empty()) {
        let words: Vec<String> = field.words().iter().map(|w| format!("`{w}`")).collect();
        let _ = writeln!(out, "| `{}` | {} |", field.name(), words.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_stands_in_the_table_once() {
        let text = values();
        for name in Quantity::all().into_iter().map(Quantity::name).chain(WORKED_OUT.map(|w| w.0.to_owned()))
        {
            assert_eq!(text.matches(&format!("`{name}`")).count(), 1, "{name}");
        }
        assert!(text.contains("`rack_liquid_flow` LPM"), "{text}");
    }

    #[test]
    fn the_words_are_those_that_queries_take() {
        let text = words();
        assert!(text.contains("| `job_state` | `unknown`, `running`"), "{text}");
        assert_eq!(worked_out().lines().count(), 2 + WORKED_OUT.len());
    }
}
