//! Why a condition is true at one asset, in a few words: the comparison that decides, with its
//! values.

use crate::fleet::query::ast::{Cond, Num};
use crate::fleet::query::eval::{self, Memory};
use crate::fleet::query::field::Field;
use crate::fleet::query::scan::{Scan, TRUE};
use crate::model::alarm::rule::Scope;
use crate::model::xid;

/// The words for asset `index`; `None` where the condition is not true there.
pub fn cond(
    c: &Cond,
    scan: &Scan<'_>,
    (scope, index): (Scope, usize),
    memory: &mut Memory,
) -> Option<String> {
    match c {
        Cond::Any(parts) => parts.iter().find_map(|p| cond(p, scan, (scope, index), memory)),
        Cond::All(parts) => {
            let words: Vec<String> =
                parts.iter().map(|p| cond(p, scan, (scope, index), memory)).collect::<Option<_>>()?;
            Some(words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", "))
        }
        _ if eval::cond(c, (scan, scope), memory).get(index) != Some(&TRUE) => None,
        Cond::Compare(left, op, right) => {
            let a = eval::num(left, (scan, scope), memory).get(index).copied().unwrap_or(f32::NAN);
            let b = eval::num(right, (scan, scope), memory).get(index).copied().unwrap_or(f32::NAN);
            Some(compared(left, (a, op.sign(), b)))
        }
        Cond::OneOf(n, _) => {
            let v = eval::num(n, (scan, scope), memory).get(index).copied().unwrap_or(f32::NAN);
            Some(match n {
                Num::Value(Field::XidEvent) => xid_words(v),
                _ => format!("{} {v}", words(n)),
            })
        }
        Cond::Not(_) | Cond::At(..) => Some(String::new()),
    }
}

fn xid_words(code: f32) -> String {
    match xid::lookup(code as u16) {
        Some(x) => format!("XID {} {}: {}", x.code, x.meaning, x.action),
        None => format!("XID {code}"),
    }
}

fn compared(left: &Num, (a, sign, b): (f32, &str, f32)) -> String {
    match left {
        Num::Value(Field::XidEvent) => xid_words(a),
        // A switch that is on needs no limit to be understood.
        Num::Value(f) if f.unit().is_empty() && b <= 1.0 && a <= 1.0 => plain(&f.name()),
        Num::Value(f) if !f.words().is_empty() => {
            format!("{} {}", plain(&f.name()), f.words().get(a as usize).copied().unwrap_or("?"))
        }
        Num::Tally(_, c) => format!("{} {} {sign} {}", inside(c), round(a), round(b)),
        Num::Value(f) => format!("{} {} {} {sign} {}", plain(&f.name()), round(a), f.unit(), round(b)),
        n => format!("{} {} {sign} {}", words(n), round(a), round(b)),
    }
}

/// `rack_liquid_flow` as `liquid flow`.
fn plain(name: &str) -> String {
    let (_, rest) = name.split_once('_').unwrap_or(("", name));
    rest.replace('_', " ")
}

fn inside(c: &Cond) -> String {
    match c {
        Cond::All(parts) | Cond::Any(parts) => parts.first().map(inside).unwrap_or_default(),
        Cond::Not(part) => inside(part),
        Cond::Compare(n, ..) | Cond::OneOf(n, _) => words(n),
        Cond::At(..) => String::new(),
    }
}

fn words(n: &Num) -> String {
    match n {
        Num::Value(f) => plain(&f.name()),
        Num::Arith(a, _, _) => words(a),
        Num::Extreme(_, all) => all.first().map(words).unwrap_or_default(),
        Num::Fold(_, n) | Num::Usual(n, ..) => words(n),
        Num::Tally(_, c) => inside(c),
        Num::Rises(c, ..) => format!("rises of {}", inside(c)),
        Num::Const(_) => String::new(),
    }
}

/// Three digits, without zeros at the end.
fn round(v: f32) -> String {
    let digits = match v.abs() {
        a if a >= 100.0 => 0,
        a if a >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{v:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
