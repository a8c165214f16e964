//! Tables and a drawing for docs/alarms.md, made from the table of transitions and the rules.

use std::fmt::Write;

use crate::alarm::rule::{Rule, Rules};
use crate::model::alarm::state::{AlarmState, Input, Row, TABLE, When};
use crate::model::table::show_millis;

/// The states with their letters and words.
#[must_use]
pub fn states() -> String {
    let mut out = String::from(
        "| | state | on screen | told of | waits for an acknowledgement |\n|---|---|---|---|---|\n",
    );
    let yes = |b: bool| if b { "yes" } else { "–" };
    for s in AlarmState::ALL {
        let (letter, name, short) = (s.letter(), s.name(), s.short());
        let (told, waits) = (yes(s.is_annunciated()), yes(s.is_unacknowledged()));
        let _ = writeln!(out, "| {letter} | {name} | `{short}` | {told} | {waits} |");
    }
    out
}

/// What becomes of each state by each input: rows are inputs, columns states.
#[must_use]
pub fn transitions() -> String {
    let letters: String = AlarmState::ALL.iter().map(|s| format!(" {} |", s.letter())).collect();
    let mut out = format!("| what happens |{letters}\n|---|{}\n", "---|".repeat(AlarmState::ALL.len()));
    for input in Input::ALL {
        let cells: String = AlarmState::ALL.iter().map(|s| format!(" {} |", cell(*s, input))).collect();
        let _ = writeln!(out, "| {} |{cells}", input.name());
    }
    out
}

/// The ways out of a state by an input, the first that applies counts.
fn cell(from: AlarmState, input: Input) -> String {
    let rows = TABLE.iter().filter(|r| r.from == from && r.input == input);
    let ways: Vec<String> = rows
        .map(|r| match r.when {
            When::Always => r.to.letter().to_string(),
            when => format!("{} if {}", r.to.letter(), when.name()),
        })
        .collect();
    if ways.is_empty() { String::from("·") } else { ways.join(", else ") }
}

/// The states that are one box of the drawing: what leads out of all of them is drawn once.
const INSIDE: [AlarmState; 6] = [
    AlarmState::Normal,
    AlarmState::Unacknowledged,
    AlarmState::Acknowledged,
    AlarmState::ReturnedUnacknowledged,
    AlarmState::LatchedUnacknowledged,
    AlarmState::LatchedAcknowledged,
];

/// The drawing, for Mermaid.
#[must_use]
pub fn drawing() -> String {
    let mut out = String::from("```mermaid\nstateDiagram-v2\n");
    let state = |s: &AlarmState| format!("state \"{0} {1}\" as {0}\n", s.letter(), s.name());
    out += "    state \"in service\" as S {\n        [*] --> A\n";
    out.extend(INSIDE.iter().map(|s| format!("        {}", state(s))));
    for row in TABLE.iter().filter(|r| !from_all_inside(r) && INSIDE.contains(&r.from)) {
        let _ = writeln!(out, "        {}", arrow(row.from.letter(), row));
    }
    out += "    }\n";
    let outside = AlarmState::ALL.iter().filter(|s| !INSIDE.contains(s));
    out.extend(outside.map(|s| format!("    {}", state(s))));
    for row in TABLE.iter().filter(|r| from_all_inside(r) && r.from == AlarmState::Normal) {
        let _ = writeln!(out, "    {}", arrow('S', row));
    }
    for row in TABLE.iter().filter(|r| !INSIDE.contains(&r.from)) {
        let _ = writeln!(out, "    {}", arrow(row.from.letter(), row));
    }
    out + "```\n"
}

/// True when the same leads out of every state in the box.
fn from_all_inside(row: &Row) -> bool {
    INSIDE.iter().all(|from| TABLE.contains(&Row { from: *from, ..*row }))
}

fn arrow(from: char, row: &Row) -> String {
    let when = match row.when {
        When::Always => String::new(),
        when => format!(" ({})", when.name()),
    };
    format!("{from} --> {}: {}{when}", row.to.letter(), row.input.name())
}

/// The built-in rules, with their conditions.
#[must_use]
pub fn rules() -> String {
    let mut out = String::from(
        "| rule | P | stands at | condition | on, off | deadband | |\n|---|---|---|---|---|---|---|\n",
    );
    for rule in Rules::built_in().list() {
        let place = if rule.scope() == rule.up_to {
            rule.scope().name().to_owned()
        } else {
            format!("{}, up to {}", rule.scope().name(), rule.up_to.name())
        };
        let delays = [rule.on_ms, rule.off_ms].map(|ms| show_millis(u64::try_from(ms).unwrap_or(0)));
        let name = if rule.silent {
            format!("`{}`", rule.slug)
        } else {
            format!("[`{0}`](operator.md#{0})", rule.slug)
        };
        let (on, off) = (&delays[0], &delays[1]);
        let (conditions, marks, deadband) = (conditions(rule), marks(rule), &rule.deadband);
        let priority = if rule.silent { String::from("–") } else { rule.priority.to_string() };
        let _ = writeln!(
            out,
            "| {name} | {priority} | {place} | {conditions} | {on}, {off} | {deadband} | {marks} |"
        );
    }
    out
}

fn conditions(rule: &Rule) -> String {
    let mut all = vec![format!("`{}`", rule.text)];
    all.extend(rule.also.iter().map(|(plan, text)| format!("or at the {}: `{text}`", plan.scope().name())));
    all.extend(rule.worse.iter().map(|w| format!("P{}: `{}`", w.priority, w.text)));
    all.join("<br>")
}

fn marks(rule: &Rule) -> String {
    let all = [(rule.latch, "latches"), (rule.momentary, "momentary"), (rule.silent, "only suppresses")];
    all.into_iter().filter_map(|(is, word)| is.then_some(word)).collect::<Vec<_>>().join(", ")
}

/// Which rule keeps which quiet.
#[must_use]
pub fn suppression() -> String {
    let mut out = String::from("| while this stands | these of the same place are quiet |\n|---|---|\n");
    for rule in Rules::built_in().list().iter().filter(|r| !r.suppresses.is_empty()) {
        let quiet: Vec<String> = rule.suppresses.iter().map(|s| format!("`{s}`")).collect();
        let _ = writeln!(out, "| `{}` | {} |", rule.slug, quiet.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_in_the_drawing() {
        let text = drawing();
        for row in TABLE {
            let from =
                if from_all_inside(row) && INSIDE.contains(&row.from) { 'S' } else { row.from.letter() };
            assert!(text.contains(&format!("{}\n", arrow(from, row))), "{row:?}");
        }
        let arrows = text.matches(" --> ").count();
        assert!(arrows < TABLE.len(), "what leads out of all is drawn once: {arrows} arrows");
    }

    #[test]
    fn cells_name_every_way_in_its_order() {
        assert_eq!(cell(AlarmState::Unacknowledged, Input::Clear), "E if rule latches, else D");
        assert_eq!(cell(AlarmState::OutOfService, Input::Raise), "·");
        assert_eq!(transitions().lines().count(), 2 + Input::ALL.len());
        assert_eq!(states().lines().count(), 2 + AlarmState::ALL.len());
    }

    #[test]
    fn every_rule_has_its_line() {
        assert_eq!(rules().lines().count(), 2 + Rules::built_in().list().len());
        assert!(suppression().contains("| `row-cooling-lost` | `cdu-pump-failed-over`"));
    }
}
