//! Rules from TOML: the built-in ones, and files of the site that change or add some.

mod links;

use std::sync::Arc;

use toml::de::DeTable;

use crate::alarm::rule::{BUILT_IN, Rule, Rules, Worse};
use crate::fleet::query::parse::{fits_any, measure};
use crate::fleet::query::{Cond, Deadband, Plan, parse};
use crate::model::alarm::rule::{self, Scope};
use crate::model::document::{self, Document, FileError};
use crate::model::table::Table;
use crate::model::text;

/// Largest file of rules, bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// Most rules of a file.
const MAX_RULES: usize = 256;
/// Longest delay: a day.
const MAX_DELAY_MS: u64 = 24 * 3600 * 1000;
/// The keys of a `[[rule]]`.
pub const KEYS: [&str; 19] = [
    "name",
    "title",
    "scope",
    "when",
    "on",
    "off",
    "deadband",
    "latch",
    "priority",
    "class",
    "up_to",
    "suppresses",
    "action",
    "runbook",
    "silent",
    "enabled",
    "worse",
    "momentary",
    "also",
];
const SCOPES: [(&str, Scope); 8] = [
    ("site", Scope::Site),
    ("hall", Scope::Hall),
    ("row", Scope::Row),
    ("CDU", Scope::Cdu),
    ("rack", Scope::Rack),
    ("tray", Scope::Tray),
    ("GPU", Scope::Gpu),
    ("job", Scope::Job),
];
const PRIORITIES: [(&str, u8); 4] = [("P1", 1), ("P2", 2), ("P3", 3), ("P4", 4)];

type Result<T> = std::result::Result<T, FileError>;

/// Reads the built-in rules and then `files` (name and text), each over what was before.
///
/// # Errors
/// The file, the line, what was expected and the nearest valid name. Nothing is taken over then.
pub fn read(files: &[(&str, &str)]) -> Result<Rules> {
    let mut rules = Vec::new();
    let built_in = std::iter::once(Document::new(BUILT_IN, ""));
    for doc in built_in.chain(files.iter().map(|(file, text)| Document::new(text, file))) {
        one_file(&mut rules, doc)?;
        links::check(&rules, doc)?;
    }
    Ok(Rules(rules.into()))
}

fn one_file(rules: &mut Vec<Rule>, doc: Document<'_>) -> Result<()> {
    if doc.text.len() > MAX_BYTES {
        return Err(FileError::new(doc.file, None, format!("more than {MAX_BYTES} bytes")));
    }
    let root = DeTable::parse(doc.text).map_err(|e| doc.toml_error(&e))?;
    let top = Table::top(doc, root.get_ref());
    top.only(&["rule"])?;
    let mut named: Vec<&str> = Vec::new();
    for table in top.tables("rule", "[[rule]]", MAX_RULES)? {
        let value = table.need("name", "the name of a rule, like \"rack-leak\"")?;
        let name = table.text("name", value)?;
        if named.contains(&name) {
            return Err(table.wrong("name", value, format!("`{}` stands twice", text::clean(name))));
        }
        named.push(name);
        let at = rules.iter().position(|r| *r.slug == *name);
        let rule = one_rule(&table, name, at.map(|i| &rules[i]))?;
        match at {
            Some(i) => rules[i] = rule,
            None => rules.push(rule),
        }
    }
    Ok(())
}

/// The rule of `table` over what it was before.
fn one_rule(table: &Table<'_, '_, '_>, name: &str, before: Option<&Rule>) -> Result<Rule> {
    table.only(&KEYS)?;
    let known = rule::ALL.iter().find(|r| r.slug == name);
    if before.is_none() && table.get("when").is_none() {
        let names: Vec<&str> = rule::ALL.iter().map(|r| r.slug).collect();
        return Err(table.wrong("name", table.need("name", "a name")?, {
            format!(
                "no rule is called `{}`: {} (a new rule needs `when`)",
                text::clean(name),
                document::hint(name, &names)
            )
        }));
    }
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || name.is_empty() {
        return Err(table.wrong(
            "name",
            table.need("name", "a name")?,
            "expected lower case letters, digits and dashes",
        ));
    }
    let scope = table.word("scope", &SCOPES)?.or(before.map(Rule::scope)).or(known.map(|k| k.scope));
    let scope = scope.ok_or_else(|| table.error("has no `scope`: expected what the alarm stands at"))?;
    let (plan, text, deadband) = condition(table, scope, before)?;
    let string = |key: &str, old: Option<&Arc<str>>, new: &str| match table.get(key) {
        Some(v) => Ok(Arc::from(text::clean(table.text(key, v)?).as_str())),
        None => Ok::<Arc<str>, FileError>(old.cloned().unwrap_or_else(|| new.into())),
    };
    let delay = |key: &str, old: i64| match table.get(key) {
        Some(v) => table.millis(key, v, (0, MAX_DELAY_MS)).map(|ms| ms as i64),
        None => Ok(old),
    };
    let flag = |key: &str, old: bool| table.get(key).map_or(Ok(old), |v| table.flag(key, v));
    let silent = flag("silent", before.is_some_and(|b| b.silent))?;
    let priority =
        table.word("priority", &PRIORITIES)?.or(before.map(|b| b.priority)).or(known.map(|k| k.priority));
    let priority = priority.or(silent.then_some(4));
    let file = table.doc.file;
    Ok(Rule {
        slug: name.into(),
        title: string("title", before.map(|b| &b.title), known.map_or(name, |k| k.title))?,
        plan,
        text,
        deadband,
        also: also(table, before)?,
        on_ms: delay("on", before.map_or(0, |b| b.on_ms))?,
        off_ms: delay("off", before.map_or(0, |b| b.off_ms))?,
        latch: flag("latch", before.is_some_and(|b| b.latch))?,
        priority: priority.ok_or_else(|| table.error("has no `priority`: expected P1 to P4"))?,
        worse: worse(table, scope, before)?,
        class: string("class", before.map(|b| &b.class), name)?,
        up_to: table.word("up_to", &SCOPES)?.or(before.map(|b| b.up_to)).unwrap_or(default_up_to(scope)),
        suppresses: suppresses(table, before)?,
        action: long(table, "action", before.map(|b| &b.action))?,
        runbook: string("runbook", before.map(|b| &b.runbook), "")?,
        momentary: flag("momentary", before.is_some_and(|b| b.momentary))?,
        silent,
        disabled: !flag("enabled", before.is_none_or(|b| !b.disabled))?,
        from: if file.is_empty() { "".into() } else { format!("{}:{}", shown(file), table.line()).into() },
    })
}

const fn default_up_to(scope: Scope) -> Scope {
    match scope {
        Scope::Gpu | Scope::Tray | Scope::Rack | Scope::Cdu => Scope::Row,
        Scope::Row => Scope::Hall,
        Scope::Hall | Scope::Site | Scope::Job => Scope::Site,
    }
}

fn condition(
    table: &Table<'_, '_, '_>,
    scope: Scope,
    before: Option<&Rule>,
) -> Result<(Plan, Arc<str>, Arc<str>)> {
    let old = before.map(|b| (Arc::clone(&b.text), Arc::clone(&b.deadband)));
    let (old_text, old_band) = old.unwrap_or_default();
    let when = table.get("when");
    let band = match table.get("deadband") {
        Some(value) => Arc::from(table.text("deadband", value)?),
        None => old_band,
    };
    let text = when.map_or(Ok(&*old_text), |value| table.text("when", value))?;
    let wrong = |e: String| when.map_or_else(|| table.error(&e), |value| table.wrong("when", value, &e));
    let cond = parse(text).map_err(|e| wrong(e.to_string()))?;
    // What is wrong with the condition itself is told first.
    let plan = Plan::new(cond.clone(), scope, None).map_err(wrong)?;
    let plan = match deadband(table, &band, &cond)? {
        Some(deadband) => Plan::new(cond, scope, Some(deadband)).map_err(wrong)?,
        None => plan,
    };
    Ok((plan, shown(text).into(), shown(&band).into()))
}

fn plan(text: &str, scope: Scope) -> std::result::Result<Plan, String> {
    Plan::new(parse(text).map_err(|e| e.to_string())?, scope, None)
}

/// `0.5 K` or `5 %` of the limit.
fn deadband(table: &Table<'_, '_, '_>, text: &str, cond: &Cond) -> Result<Option<Deadband>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |why: String| match table.get("deadband") {
        Some(v) => table.wrong("deadband", v, why),
        None => table.error(format!("`deadband` is still `{}`: {why}", text::clean(text))),
    };
    let (value, unit) =
        measure(text).map_err(|e| wrong(format!("{e}: expected one like \"0.5 K\" or \"5 %\"")))?;
    if value < 0.0 {
        let why = "is below zero: it is how far the value must go back, whatever the direction";
        return Err(wrong(why.to_owned()));
    }
    match unit {
        Some("%") if value < 100.0 => Ok(Some(Deadband::Share(value / 100.0))),
        Some("%") => Err(wrong("expected less than 100 % of the limit".to_owned())),
        unit if fits_any(cond, unit) => Ok(Some(Deadband::By(value))),
        unit => {
            let unit = unit.map_or_else(|| String::from("no unit"), |u| format!("`{u}`"));
            Err(wrong(format!("{unit} is the unit of no value in `when`")))
        }
    }
}

fn also(table: &Table<'_, '_, '_>, before: Option<&Rule>) -> Result<Vec<(Plan, Arc<str>)>> {
    let tables = table.tables("also", "[[rule.also]]", 8)?;
    if tables.is_empty() {
        return Ok(before.map(|b| b.also.clone()).unwrap_or_default());
    }
    let one = |t: &Table<'_, '_, '_>| {
        t.only(&["scope", "when"])?;
        let scope = t.word("scope", &SCOPES)?.ok_or_else(|| t.error("has no `scope`"))?;
        let value = t.need("when", "a condition")?;
        let text = t.text("when", value)?;
        Ok((plan(text, scope).map_err(|e| t.wrong("when", value, e))?, shown(text).into()))
    };
    tables.iter().map(one).collect()
}

fn worse(table: &Table<'_, '_, '_>, scope: Scope, before: Option<&Rule>) -> Result<Vec<Worse>> {
    let tables = table.tables("worse", "[[rule.worse]]", 8)?;
    if tables.is_empty() {
        // They are asked of what the alarm stands at now.
        let again = |w: &Worse| {
            let plan = plan(&w.text, scope).map_err(|e| table.error(format!("[[rule.worse]] stays: {e}")))?;
            Ok(Worse { plan, ..w.clone() })
        };
        return before.map_or(Ok(Vec::new()), |b| b.worse.iter().map(again).collect());
    }
    let one = |t: &Table<'_, '_, '_>| {
        t.only(&["when", "priority"])?;
        let value = t.need("when", "a condition")?;
        let text = t.text("when", value)?;
        let plan = plan(text, scope).map_err(|e| t.wrong("when", value, e))?;
        let priority = t.word("priority", &PRIORITIES)?.ok_or_else(|| t.error("has no `priority`"))?;
        Ok(Worse { plan, text: shown(text).into(), priority })
    };
    tables.iter().map(one).collect()
}

fn suppresses(table: &Table<'_, '_, '_>, before: Option<&Rule>) -> Result<Vec<Arc<str>>> {
    match table.get("suppresses") {
        Some(value) => {
            Ok(table.texts("suppresses", value)?.into_iter().map(|(name, _)| name.into()).collect())
        }
        None => Ok(before.map(|b| b.suppresses.clone()).unwrap_or_default()),
    }
}

/// A text of some sentences: cleaned piece by piece, so that it is not cut as a name would be.
fn long(table: &Table<'_, '_, '_>, key: &str, old: Option<&Arc<str>>) -> Result<Arc<str>> {
    let Some(value) = table.get(key) else { return Ok(old.cloned().unwrap_or_default()) };
    let text = table.text(key, value)?;
    if text.chars().count() > 1000 {
        return Err(table.wrong(key, value, "is longer than 1,000 characters"));
    }
    Ok(shown(text).into())
}

/// A text as it may be shown: lines become one, and nothing in it can steer a terminal.
fn shown(text: &str) -> String {
    let one_line = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    one_line.filter(|c| text::is_safe(*c)).collect()
}

#[cfg(test)]
mod tests;
