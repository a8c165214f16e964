//! Rules from TOML: the built-in ones, and files of the site that change or add some.

use std::sync::Arc;

use toml::de::DeTable;

use crate::alarm::rule::{BUILT_IN, Rule, Rules, Worse};
use crate::fleet::query::{Deadband, Plan, parse};
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
const KEYS: [&str; 18] = [
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
    one_file(&mut rules, Document::new(BUILT_IN, ""))?;
    for (file, text) in files {
        one_file(&mut rules, Document::new(text, file))?;
        check_links(&rules, Document::new(text, file))?;
    }
    check_links(&rules, Document::new(BUILT_IN, ""))?;
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
    table.only(&[&KEYS[..], &["also"]].concat())?;
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
        from: if file.is_empty() { "".into() } else { format!("{file}:{}", table.line()).into() },
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
    let deadband = deadband(table, &band)?;
    match when {
        Some(value) => {
            let text = table.text("when", value)?;
            let plan = plan((text, scope, deadband)).map_err(|e| table.wrong("when", value, e))?;
            Ok((plan, text.into(), band))
        }
        None => {
            let plan = plan((&old_text, scope, deadband)).map_err(|e| table.error(e))?;
            Ok((plan, old_text, band))
        }
    }
}

fn plan((text, scope, deadband): (&str, Scope, Option<Deadband>)) -> std::result::Result<Plan, String> {
    let cond = parse(text).map_err(|e| e.to_string())?;
    Plan::new(cond, scope, deadband)
}

/// `0.5 K` or `5 %` of the limit.
fn deadband(table: &Table<'_, '_, '_>, text: &str) -> Result<Option<Deadband>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |why: &str| match table.get("deadband") {
        Some(v) => table.wrong("deadband", v, why),
        None => table.error(why),
    };
    let at = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-')).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let value: f32 =
        number.parse().map_err(|_| wrong("expected a number and a unit, like \"0.5 K\" or \"5 %\""))?;
    if value < 0.0 {
        return Err(wrong("is below zero: it is how far the value must go back, whatever the direction"));
    }
    match unit.trim() {
        "%" if value < 100.0 => Ok(Some(Deadband::Share(value / 100.0))),
        "%" => Err(wrong("expected less than 100 % of the limit")),
        _ => Ok(Some(Deadband::By(value))),
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
        Ok((plan((text, scope, None)).map_err(|e| t.wrong("when", value, e))?, text.into()))
    };
    tables.iter().map(one).collect()
}

fn worse(table: &Table<'_, '_, '_>, scope: Scope, before: Option<&Rule>) -> Result<Vec<Worse>> {
    let tables = table.tables("worse", "[[rule.worse]]", 8)?;
    if tables.is_empty() {
        return Ok(before.map(|b| b.worse.clone()).unwrap_or_default());
    }
    let one = |t: &Table<'_, '_, '_>| {
        t.only(&["when", "priority"])?;
        let value = t.need("when", "a condition")?;
        let text = t.text("when", value)?;
        let plan = plan((text, scope, None)).map_err(|e| t.wrong("when", value, e))?;
        let priority = t.word("priority", &PRIORITIES)?.ok_or_else(|| t.error("has no `priority`"))?;
        Ok(Worse { plan, text: text.into(), priority })
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
    Ok(text.chars().filter(|c| text::is_safe(*c)).collect::<String>().into())
}

/// Rules that suppress each other in a circle would keep each other quiet for ever.
fn check_links(rules: &[Rule], doc: Document<'_>) -> Result<()> {
    let place = |rule: &Rule| {
        let name = format!("\"{}\"", rule.slug);
        let at = doc.text.find(&name).unwrap_or(0);
        doc.line_of(&(at..at))
    };
    for rule in rules {
        for name in rule.suppresses.iter().filter(|n| ***n != *"*") {
            if !rules.iter().any(|r| r.slug == *name) {
                let names: Vec<&str> = rules.iter().map(|r| &*r.slug).collect();
                let hint = document::hint(name, &names);
                let message =
                    format!("`{}` suppresses `{}`, which is no rule: {hint}", rule.slug, text::clean(name));
                return Err(FileError::new(doc.file, Some(place(rule)), message));
            }
        }
        let mut path = vec![rule];
        if let Some(circle) = circle(rules, &mut path) {
            return Err(FileError::new(
                doc.file,
                Some(place(rule)),
                format!("suppression goes in a circle: {circle}"),
            ));
        }
    }
    Ok(())
}

/// A way from the first rule of `path` back to itself. `*` reaches those that do not suppress it.
fn circle<'a>(rules: &'a [Rule], path: &mut Vec<&'a Rule>) -> Option<String> {
    let (first, last) = (path[0], path[path.len() - 1]);
    for next in rules.iter().filter(|r| last.suppresses.contains(&r.slug)) {
        if next.slug == first.slug {
            let names: Vec<&str> = path.iter().map(|r| &*r.slug).chain([&*first.slug]).collect();
            return Some(names.join(" → "));
        }
        if path.iter().any(|r| r.slug == next.slug) {
            continue;
        }
        path.push(next);
        if let Some(found) = circle(rules, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}
