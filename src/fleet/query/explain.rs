//! A condition at one asset: its answer, and why, in a few words with the values that decide.

use crate::fleet::query::ast::{Arith, Cond, Fold, Num, Op, Tally};
use crate::fleet::query::eval::Memory;
use crate::fleet::query::field::Field;
use crate::fleet::query::place;
use crate::fleet::query::plan::{Inner, inner};
use crate::fleet::query::scan::Scan;
use crate::fleet::query::shape::{asset, lies_in, within};
use crate::model::alarm::rule::Scope;
use crate::model::id::Asset;
use crate::model::xid;

/// One asset of a moment.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// What is known.
    pub scan: &'a Scan<'a>,
    /// Kind of the asset.
    pub scope: Scope,
    /// Which one.
    pub index: usize,
    /// What the plan remembers.
    pub memory: &'a Memory,
}

/// Why the condition is true; `None` where it is not.
pub fn why(c: &Cond, at: At<'_>) -> Option<String> {
    match c {
        Cond::Any(parts) => parts.iter().find_map(|p| why(p, at)),
        Cond::All(parts) => {
            let words: Vec<String> = parts.iter().map(|p| why(p, at)).collect::<Option<_>>()?;
            Some(words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(", "))
        }
        _ if answer(c, at) != Some(true) => None,
        Cond::Compare(Num::Tally(tally, inner), ..) => Some(tallied(*tally, inner, at)),
        Cond::Compare(left, op, right) => Some(compared(left, (num(left, at), op.sign(), num(right, at)))),
        Cond::OneOf(n @ Num::Value(Field::XidEvent), _) => Some(xid_words(num(n, at))),
        Cond::OneOf(n, _) => Some(format!("{} {}", words(n), num(n, at))),
        Cond::Not(_) | Cond::At(..) => Some(String::new()),
    }
}

/// The answer; `None` where it is not known.
fn answer(c: &Cond, at: At<'_>) -> Option<bool> {
    match c {
        Cond::All(parts) => {
            let all: Vec<_> = parts.iter().map(|p| answer(p, at)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else {
                all.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        Cond::Any(parts) => {
            let all: Vec<_> = parts.iter().map(|p| answer(p, at)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                all.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        Cond::Not(part) => answer(part, at).map(|b| !b),
        Cond::Compare(a, op, b) => {
            let (a, b) = (num(a, at), num(b, at));
            (!a.is_nan() && !b.is_nan()).then(|| op.holds(a, b))
        }
        Cond::OneOf(n, list) => {
            let v = num(n, at);
            (!v.is_nan()).then(|| list.iter().any(|l| Op::Is.holds(v, *l)))
        }
        Cond::At(attribute, names) => {
            let all = place::answers(*attribute, names, (at.scan, at.scope));
            all.get(at.index).filter(|a| **a != 1).map(|a| *a == 2)
        }
    }
}

/// The number; NaN where it is not known.
fn num(n: &Num, at: At<'_>) -> f32 {
    match n {
        Num::Const(v) => *v,
        Num::Value(field) => value(*field, at),
        Num::Arith(a, how, b) => {
            let (a, b) = (num(a, at), num(b, at));
            match how {
                Arith::Add => a + b,
                Arith::Sub => a - b,
                Arith::Mul => a * b,
                Arith::Div if b == 0.0 => f32::NAN,
                Arith::Div => a / b,
            }
        }
        Num::Extreme(most, all) => {
            all.iter().map(|n| num(n, at)).fold(f32::NAN, if *most { f32::max } else { f32::min })
        }
        Num::Fold(fold, n) => {
            let known: Vec<f32> =
                below(Inner::Num(n), at).map(|at| num(n, at)).filter(|v| !v.is_nan()).collect();
            let total: f32 = known.iter().sum();
            match fold {
                Fold::Max => known.into_iter().fold(f32::NAN, f32::max),
                Fold::Min => known.into_iter().fold(f32::NAN, f32::min),
                Fold::Mean => total / known.len() as f32,
                Fold::Total if known.is_empty() => f32::NAN,
                Fold::Total => total,
            }
        }
        Num::Tally(tally, c) => {
            let all: Vec<Option<bool>> = below(Inner::Cond(c), at).map(|at| answer(c, at)).collect();
            let true_ones = all.iter().filter(|a| **a == Some(true)).count() as f32;
            if *tally == Tally::Count { true_ones } else { 100.0 * true_ones / all.len() as f32 }
        }
        Num::Usual(.., id) => at.memory.usual_of(*id, at.index),
        Num::Rises(.., id) => at.memory.rises_of(*id, at.index),
    }
}

/// The assets below that a call is about.
fn below<'a>(what: Inner<'_>, at: At<'a>) -> impl Iterator<Item = At<'a>> {
    let level = inner(what, at.scope).unwrap_or(at.scope);
    let span = within(at.scan.topology(), (at.scope, at.index), level);
    span.map(move |index| At { scope: level, index, ..at })
}

/// A value of the asset, or of what it lies in.
fn value(field: Field, at: At<'_>) -> f32 {
    let level = field.level();
    if level == at.scope {
        return at.scan.value(field, at.index);
    }
    if at.scope == Scope::Job && level == Scope::Site {
        return at.scan.value(field, 0);
    }
    let Some(mut place) = asset(at.scope, at.index).filter(|_| lies_in(at.scope, level)) else {
        return f32::NAN;
    };
    loop {
        let (scope, index) = match place {
            Asset::Site => (Scope::Site, 0),
            Asset::Hall(id) => (Scope::Hall, id.index()),
            Asset::Row(id) => (Scope::Row, id.index()),
            Asset::Rack(id) => (Scope::Rack, id.index()),
            Asset::Tray(id) => (Scope::Tray, id.index()),
            Asset::Gpu(id) => (Scope::Gpu, id.index()),
            Asset::Cdu(id) => (Scope::Cdu, id.index()),
        };
        if scope == level || place == Asset::Site {
            return at.scan.value(field, index);
        }
        place = at.scan.topology().parent(place);
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
        Num::Value(f) if !f.words().is_empty() => {
            format!("{} {}", plain(&f.name()), f.words().get(a as usize).copied().unwrap_or("?"))
        }
        // A switch that is on needs no limit to be understood.
        Num::Value(f) if f.unit().is_empty() && b <= 1.0 && a <= 1.0 => {
            if a > 0.0 {
                plain(&f.name())
            } else {
                format!("no {}", plain(&f.name()))
            }
        }
        Num::Value(f) => {
            format!("{} {} {} {sign} {}", plain(&f.name()), round(a), f.unit(), round(b)).replace("  ", " ")
        }
        n => format!("{} {} {sign} {}", words(n), round(a), round(b)),
    }
}

/// `8 of 8 racks: liquid flow`.
fn tallied(tally: Tally, c: &Cond, at: At<'_>) -> String {
    let level = inner(Inner::Cond(c), at.scope).unwrap_or(at.scope);
    let all: Vec<Option<bool>> = below(Inner::Cond(c), at).map(|at| answer(c, at)).collect();
    let hit = all.iter().filter(|a| **a == Some(true)).count();
    let of = if tally == Tally::Share { " with" } else { ":" };
    let no =
        matches!(c, Cond::Compare(Num::Value(f), Op::Is, Num::Const(v)) if *v == 0.0 && f.unit().is_empty());
    format!("{hit} of {} {}s{of} {}{}", all.len(), level.name(), if no { "no " } else { "" }, inside(c))
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
        Num::Fold(_, n) => words(n),
        Num::Usual(n, ..) => format!("usual {}", words(n)),
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
