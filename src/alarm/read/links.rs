//! Suppression between rules: every name must be a rule, and no way may lead back to its start.

use std::collections::HashMap;

use crate::alarm::rule::Rule;
use crate::model::document::{self, Document, FileError};
use crate::model::text;

/// Checks what the rules suppress, after `doc` was the last file to change them.
///
/// # Errors
/// A name that is no rule, or rules that would keep each other quiet for ever; with the line in
/// `doc` that says so.
pub fn check(rules: &[Rule], doc: Document<'_>) -> Result<(), FileError> {
    for rule in rules {
        for name in rule.suppresses.iter().filter(|n| ***n != *"*") {
            if !rules.iter().any(|r| r.slug == *name) {
                let names: Vec<&str> = rules.iter().map(|r| &*r.slug).collect();
                let hint = document::hint(name, &names);
                let message =
                    format!("`{}` suppresses `{}`, which is no rule: {hint}", rule.slug, text::clean(name));
                return Err(FileError::new(doc.file, line(doc, rule), message));
            }
        }
    }
    // Every circle has a rule of the last file in it: those before were without.
    let edges = edges(rules);
    for (i, rule) in rules.iter().enumerate().filter(|(_, r)| header(doc, r).is_some()) {
        if let Some(circle) = circle(&edges, i) {
            let names: Vec<&str> = circle.iter().map(|i| &*rules[*i].slug).collect();
            let message = format!("suppression goes in a circle: {}", names.join(" → "));
            return Err(FileError::new(doc.file, line(doc, rule), message));
        }
    }
    Ok(())
}

/// The line of `[[rule]]` in `doc`, from 1, where `doc` was the last to change the rule.
fn header(doc: Document<'_>, rule: &Rule) -> Option<usize> {
    if doc.file.is_empty() {
        // Built-in rules do not say where they are from.
        return rule.from.is_empty().then_some(1);
    }
    rule.from.strip_prefix(&super::shown(doc.file))?.strip_prefix(':')?.parse().ok()
}

/// The line of `suppresses` of a rule in `doc`, else that of its `[[rule]]`.
fn line(doc: Document<'_>, rule: &Rule) -> Option<usize> {
    let header = header(doc, rule)?;
    let of_rule = doc.text.lines().skip(header).take_while(|l| l.trim() != "[[rule]]");
    let said = of_rule.enumerate().find(|(_, l)| l.trim_start().starts_with("suppresses"));
    Some(said.map_or(header, |(i, _)| header + 1 + i))
}

/// For each rule those that it keeps quiet; one that is switched off keeps none quiet.
fn edges(rules: &[Rule]) -> Vec<Vec<usize>> {
    let index: HashMap<&str, usize> = rules.iter().enumerate().map(|(i, r)| (&*r.slug, i)).collect();
    let of = |(i, rule): (usize, &Rule)| {
        if rule.disabled {
            Vec::new()
        } else if rule.suppresses.iter().any(|n| **n == *"*") {
            (0..rules.len()).filter(|other| *other != i).collect()
        } else {
            rule.suppresses.iter().filter_map(|n| index.get(&**n).copied()).collect()
        }
    };
    rules.iter().enumerate().map(of).collect()
}

/// The shortest way along `edges` from `start` back to itself.
fn circle(edges: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    // Each rule that was reached, with the place in the list of the one before it.
    let mut reached = vec![(start, 0)];
    let mut seen = vec![false; edges.len()];
    let mut at = 0;
    while let Some((from, _)) = reached.get(at).copied() {
        for next in &edges[from] {
            if *next == start {
                let mut way = vec![start];
                let mut back = at;
                while back != 0 {
                    way.push(reached[back].0);
                    back = reached[back].1;
                }
                way.push(start);
                way.reverse();
                return Some(way);
            }
            if !std::mem::replace(&mut seen[*next], true) {
                reached.push((*next, at));
            }
        }
        at += 1;
    }
    None
}
