//! A filter over alarms and their history, in words: `prio<=2 hall:H3 -state:shelved coolant`.
//! All terms must hold; `-` before a term turns it round.

use crate::model::alarm::rule;
use crate::model::alarm::{Alarm, AlarmBoard, AlarmState, Transition};
use crate::model::{Asset, Timestamp, Topology, text};

/// What can stand before a colon.
const KEYS: [&str; 5] = ["hall", "at", "state", "rule", "is"];
/// Words after `state:`.
const STATES: [&str; 8] = ["active", "unack", "ack", "returned", "latched", "shelved", "suppressed", "oos"];
/// Words after `is:`.
const KINDS: [&str; 3] = ["chattering", "stale", "grouped"];

/// A filter that was understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<(bool, Term)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Term {
    /// Priorities as bits 1 to 4.
    Priority(u8),
    /// A place, and whatever lies in it; in small letters.
    Place(String),
    State(&'static str),
    /// Names of rules that begin so.
    Rule(String),
    Is(&'static str),
    /// Anywhere in place, words, rule or value; in small letters.
    Words(String),
}

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    priority: u8,
    place: &'a str,
    words: [&'a str; 3],
    rule: &'a str,
    state: AlarmState,
    alarm: Option<&'a Alarm>,
}

impl Filter {
    /// Understands `written`. Rules are checked against the board, places against the topology.
    ///
    /// # Errors
    /// Names what is not understood and the nearest that is.
    pub fn parse(written: &str, board: &AlarmBoard, t: &Topology) -> Result<Self, String> {
        let text = written.trim().to_owned();
        let mut terms = Vec::new();
        for word in text.split_whitespace() {
            let (not, word) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
            if !word.is_empty() {
                terms.push((not, term(word, board, t)?));
            }
        }
        Ok(Self { text, terms })
    }

    /// As it was written; empty when everything passes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when everything passes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True when it asks for a state: then what was put aside is meant, too.
    #[must_use]
    pub fn names_state(&self) -> bool {
        self.terms.iter().any(|(not, term)| !not && matches!(term, Term::State(_)))
    }

    /// True when the alarm passes.
    #[must_use]
    pub fn alarm(&self, alarm: &Alarm, now: Timestamp) -> bool {
        let seen = Seen {
            priority: alarm.priority,
            place: &alarm.place,
            words: [&alarm.title, &alarm.text, &alarm.rule],
            rule: &alarm.rule,
            state: alarm.state,
            alarm: Some(alarm),
        };
        self.terms.iter().all(|(not, term)| term.holds(seen, now) != *not)
    }

    /// True when the step of history passes.
    #[must_use]
    pub fn transition(&self, step: &Transition, now: Timestamp) -> bool {
        let seen = Seen {
            priority: step.priority,
            place: &step.place,
            words: [step.input.name(), &step.text, &step.rule],
            rule: &step.rule,
            state: step.to,
            alarm: None,
        };
        self.terms.iter().all(|(not, term)| term.holds(seen, now) != *not)
    }
}

impl Term {
    fn holds(&self, seen: Seen<'_>, now: Timestamp) -> bool {
        match self {
            Self::Priority(bits) => bits & (1 << seen.priority.clamp(1, 4)) != 0,
            Self::Place(name) => lies_in(seen.place, name),
            Self::State(word) => is_in(seen.state, word),
            Self::Rule(start) => {
                seen.rule.len() >= start.len()
                    && seen.rule.as_bytes()[..start.len()].eq_ignore_ascii_case(start.as_bytes())
            }
            Self::Is(word) => seen.alarm.is_some_and(|a| match *word {
                "chattering" => a.chattering,
                "stale" => a.is_stale(now),
                _ => a.member_count > 0,
            }),
            Self::Words(word) => {
                holds_word(seen.place, word) || seen.words.iter().any(|w| holds_word(w, word))
            }
        }
    }
}

fn is_in(state: AlarmState, word: &str) -> bool {
    match word {
        "active" => state.is_annunciated(),
        "unack" => state.is_unacknowledged(),
        "ack" => matches!(state, AlarmState::Acknowledged | AlarmState::LatchedAcknowledged),
        "returned" => state == AlarmState::ReturnedUnacknowledged,
        "latched" => {
            matches!(state, AlarmState::LatchedUnacknowledged | AlarmState::LatchedAcknowledged)
        }
        "shelved" => state == AlarmState::Shelved,
        "suppressed" => state == AlarmState::Suppressed,
        _ => state == AlarmState::OutOfService,
    }
}

/// True when `place` is `name` (in small letters) or begins with it and goes on with a part.
fn lies_in(place: &str, name: &str) -> bool {
    let (place, name) = (place.as_bytes(), name.as_bytes());
    place.len() >= name.len()
        && place[..name.len()].eq_ignore_ascii_case(name)
        && place.get(name.len()).is_none_or(|c| !c.is_ascii_alphanumeric())
}

/// True when `text` holds `word` (in small letters), whatever the case of its ASCII letters. Takes
/// no memory: it runs over every alarm whenever the board changes.
fn holds_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    text.windows(word.len().max(1)).any(|w| w.eq_ignore_ascii_case(word))
}

fn term(word: &str, board: &AlarmBoard, t: &Topology) -> Result<Term, String> {
    if let Some(rest) = word.strip_prefix("prio").filter(|r| r.starts_with(['<', '>', '=', ':'])) {
        return priority(rest);
    }
    let Some((key, value)) = word.split_once(':') else {
        return Ok(match t.find(word) {
            Ok(place) if place != Asset::Site => Term::Place(t.name(place).to_lowercase()),
            _ => Term::Words(word.to_lowercase()),
        });
    };
    match key {
        "hall" | "at" if value.is_empty() => Err(format!("`{key}:` needs the name of a place")),
        "hall" | "at" => match t.find(value) {
            Ok(place) => Ok(Term::Place(t.name(place).to_lowercase())),
            Err(e) => Err(e),
        },
        "state" => one_of("state", value, &STATES).map(Term::State),
        "is" => one_of("kind", value, &KINDS).map(Term::Is),
        "rule" => rule_named(value, board),
        _ => {
            let hint = text::nearest(key, KEYS.into_iter().chain(["prio"]));
            let hint = hint.map_or_else(
                || "there are prio, hall, at, state, rule and is".to_owned(),
                |n| format!("did you mean `{n}`?"),
            );
            Err(format!("unknown filter `{}`: {hint}", text::clean(key)))
        }
    }
}

fn priority(rest: &str) -> Result<Term, String> {
    let split = rest.find(|c: char| !"<>=:".contains(c)).unwrap_or(rest.len());
    let (sign, digits) = rest.split_at(split);
    let n = digits.parse::<u8>().ok().filter(|n| (1..=4).contains(n));
    let n = n.ok_or_else(|| format!("`prio{}` needs a priority of 1 to 4: prio<=2", text::clean(rest)))?;
    let holds = |p: &u8| match sign {
        "<" => *p < n,
        "<=" => *p <= n,
        ">" => *p > n,
        ">=" => *p >= n,
        _ => *p == n,
    };
    if !["<", "<=", ">", ">=", "=", "==", ":"].contains(&sign) {
        return Err(format!("`prio{}` is not understood: try prio<=2", text::clean(rest)));
    }
    Ok(Term::Priority((1..=4u8).filter(holds).fold(0, |bits, p| bits | 1 << p)))
}

/// Terms that the command line offers.
#[must_use]
pub fn suggestions(t: &Topology) -> Vec<String> {
    let mut out: Vec<String> = (1..=4).map(|p| format!("prio<={p}")).collect();
    out.extend(t.halls().iter().map(|h| format!("hall:{}", h.name)));
    out.extend(STATES.map(|s| format!("state:{s}")));
    out.extend(KINDS.map(|k| format!("is:{k}")));
    out.extend(rule::ALL.iter().map(|r| format!("rule:{}", r.slug)));
    out
}

fn one_of(what: &str, value: &str, words: &'static [&'static str]) -> Result<&'static str, String> {
    words.iter().copied().find(|w| w.eq_ignore_ascii_case(value)).ok_or_else(|| {
        let hint = text::nearest(value, words.iter().copied())
            .map_or_else(|| format!("there are {}", words.join(", ")), |n| format!("did you mean `{n}`?"));
        format!("unknown {what} `{}`: {hint}", text::clean(value))
    })
}

/// Alerts from elsewhere have names of their own, so the board is asked, too.
fn rule_named(value: &str, board: &AlarmBoard) -> Result<Term, String> {
    let fits = |name: &str| !value.is_empty() && lies_before(name, value);
    let known = rule::ALL.iter().any(|r| fits(r.slug))
        || board.rules.iter().any(|r| fits(&r.slug))
        || board.alarms.iter().any(|a| fits(&a.rule));
    if known {
        return Ok(Term::Rule(value.to_lowercase()));
    }
    let names = rule::ALL.iter().map(|r| r.slug).chain(board.rules.iter().map(|r| &*r.slug));
    let hint = text::nearest(value, names)
        .map_or_else(|| "help of the view lists none like it".to_owned(), |n| format!("did you mean `{n}`?"));
    Err(format!("no alarm rule begins with `{}`: {hint}", text::clean(value)))
}

fn lies_before(name: &str, start: &str) -> bool {
    name.len() >= start.len() && name.as_bytes()[..start.len()].eq_ignore_ascii_case(start.as_bytes())
}

#[cfg(test)]
pub mod tests;
