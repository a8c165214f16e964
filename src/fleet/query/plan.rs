//! A query bound to the kind of asset that it is asked of, with its deadband.

use crate::fleet::query::ast::{Arith, Attribute, Cond, Num, Op};
use crate::fleet::query::eval::{self, Memory};
use crate::fleet::query::explain::{self, At};
use crate::fleet::query::scan::Scan;
use crate::fleet::query::shape::lies_in;
use crate::model::alarm::rule::Scope;

/// How far a value must go back over its limit before the condition counts as gone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Deadband {
    /// In the unit of the value.
    By(f32),
    /// Share of the limit, 0 to 1.
    Share(f32),
}

/// See the module.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    scope: Scope,
    on: Cond,
    /// The condition with its limits moved by the deadband: while this holds, what was true stays.
    hold: Option<Cond>,
}

impl Plan {
    /// Binds `cond` to assets of a kind.
    ///
    /// # Errors
    /// Values that assets of this kind do not have, with what to write instead.
    pub fn new(cond: Cond, scope: Scope, deadband: Option<Deadband>) -> Result<Self, String> {
        check(&cond, scope)?;
        let hold = deadband.map(|d| relaxed(&cond, d, false));
        Ok(Self { scope, on: cond, hold })
    }

    /// The kind of asset.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The answer for every asset of the kind; `memory` belongs to this plan alone.
    #[must_use]
    pub fn answers(&self, scan: &Scan<'_>, memory: &mut Memory) -> Vec<u8> {
        eval::cond(&self.on, (scan, self.scope), memory)
    }

    /// The answers with the limits moved by the deadband; `None` without one. To be asked after
    /// [`Self::answers`] of the same moment.
    #[must_use]
    pub fn held(&self, scan: &Scan<'_>, memory: &mut Memory) -> Option<Vec<u8>> {
        self.hold.as_ref().map(|hold| memory.at_rest(|memory| eval::cond(hold, (scan, self.scope), memory)))
    }

    /// The comparison that makes the condition true at one asset, with its values: `3.1 LPM < 41`;
    /// empty where it is not true.
    #[must_use]
    pub fn explain(&self, scan: &Scan<'_>, index: usize, memory: &Memory) -> String {
        explain::why(&self.on, At { scan, scope: self.scope, index, memory }).unwrap_or_default()
    }
}

/// The finest kind of asset that lies in `scope` and that a condition below a call speaks of.
///
/// # Errors
/// Nothing below is spoken of, or things that do not lie in each other.
pub(crate) fn inner(cond: Inner<'_>, scope: Scope) -> Result<Scope, String> {
    let mut levels = Vec::new();
    match cond {
        Inner::Cond(c) => levels_of_cond(c, &mut levels),
        Inner::Num(n) => levels_of_num(n, &mut levels),
    }
    let below: Vec<Scope> = levels.into_iter().filter(|l| lies_in(*l, scope)).collect();
    let finest = below.iter().copied().find(|l| below.iter().all(|o| o == l || lies_in(*l, *o)));
    finest.ok_or_else(|| match below.as_slice() {
        [] => format!("a call at a {} needs values of what lies below it", scope.name()),
        _ => String::from("a call mixes values of things that do not lie in each other"),
    })
}

/// What a call is about.
#[derive(Clone, Copy)]
pub(crate) enum Inner<'a> {
    /// A condition.
    Cond(&'a Cond),
    /// A number.
    Num(&'a Num),
}

/// The kind of asset that a place filter is about.
pub(crate) const fn level_of(attribute: Attribute) -> Scope {
    match attribute {
        Attribute::Hall => Scope::Hall,
        Attribute::Row => Scope::Row,
        Attribute::Rack => Scope::Rack,
        Attribute::Tray | Attribute::Host => Scope::Tray,
        Attribute::Job | Attribute::Tenant => Scope::Gpu,
    }
}

fn levels_of_cond(cond: &Cond, out: &mut Vec<Scope>) {
    match cond {
        Cond::All(parts) | Cond::Any(parts) => parts.iter().for_each(|p| levels_of_cond(p, out)),
        Cond::Not(part) => levels_of_cond(part, out),
        Cond::Compare(a, _, b) => {
            levels_of_num(a, out);
            levels_of_num(b, out);
        }
        Cond::OneOf(num, _) => levels_of_num(num, out),
        Cond::At(attribute, _) => out.push(level_of(*attribute)),
    }
}

fn levels_of_num(num: &Num, out: &mut Vec<Scope>) {
    match num {
        Num::Const(_) => {}
        Num::Value(field) => out.push(field.level()),
        Num::Arith(a, _, b) => {
            levels_of_num(a, out);
            levels_of_num(b, out);
        }
        Num::Extreme(_, all) => all.iter().for_each(|n| levels_of_num(n, out)),
        Num::Fold(_, n) | Num::Usual(n, ..) => levels_of_num(n, out),
        Num::Tally(_, c) | Num::Rises(c, ..) => levels_of_cond(c, out),
    }
}

fn check(cond: &Cond, scope: Scope) -> Result<(), String> {
    match cond {
        Cond::All(parts) | Cond::Any(parts) => parts.iter().try_for_each(|p| check(p, scope)),
        Cond::Not(part) => check(part, scope),
        Cond::Compare(a, _, b) => check_num(a, scope).and_then(|()| check_num(b, scope)),
        Cond::OneOf(num, _) => check_num(num, scope),
        Cond::At(attribute, _) => {
            let level = level_of(*attribute);
            let job = scope == Scope::Job && *attribute == Attribute::Job;
            if job || level == scope || lies_in(scope, level) {
                Ok(())
            } else {
                Err(format!("`{}` says nothing about a {}", attribute.name(), scope.name()))
            }
        }
    }
}

fn check_num(num: &Num, scope: Scope) -> Result<(), String> {
    match num {
        Num::Const(_) => Ok(()),
        Num::Value(field) => {
            let level = field.level();
            if level == scope || lies_in(scope, level) {
                Ok(())
            } else if lies_in(level, scope) {
                let (name, level) = (field.name(), level.name());
                Err(format!(
                    "`{name}` is of a {level}: at a {} write count(…), share(…), mean(…), max(…), min(…) or total(…)",
                    scope.name()
                ))
            } else {
                Err(format!(
                    "`{}` is of a {}, and this is asked of a {}",
                    field.name(),
                    level.name(),
                    scope.name()
                ))
            }
        }
        Num::Arith(a, _, b) => check_num(a, scope).and_then(|()| check_num(b, scope)),
        Num::Extreme(_, all) => all.iter().try_for_each(|n| check_num(n, scope)),
        Num::Usual(n, ..) => check_num(n, scope),
        Num::Rises(c, ..) => check(c, scope),
        Num::Fold(_, n) => inner(Inner::Num(n), scope).and_then(|level| check_num(n, level)),
        Num::Tally(_, c) => inner(Inner::Cond(c), scope).and_then(|level| check(c, level)),
    }
}

/// The condition with every limit moved so that it is easier to fulfil (harder below a `not`).
fn relaxed(cond: &Cond, by: Deadband, inverse: bool) -> Cond {
    match cond {
        Cond::All(parts) => Cond::All(parts.iter().map(|p| relaxed(p, by, inverse)).collect()),
        Cond::Any(parts) => Cond::Any(parts.iter().map(|p| relaxed(p, by, inverse)).collect()),
        Cond::Not(part) => Cond::Not(Box::new(relaxed(part, by, !inverse))),
        Cond::Compare(a, op, b) if op.is_ordered() => match a {
            // Of what is counted the limits inside of the call move, not the count.
            Num::Tally(tally, c) => {
                Cond::Compare(Num::Tally(*tally, Box::new(relaxed(c, by, inverse))), *op, b.clone())
            }
            _ => Cond::Compare(a.clone(), *op, moved(b, *op, by, inverse)),
        },
        other => other.clone(),
    }
}

fn moved(limit: &Num, op: Op, by: Deadband, inverse: bool) -> Num {
    let down = matches!(op, Op::More | Op::AtLeast) != inverse;
    let limit = Box::new(limit.clone());
    match by {
        Deadband::By(v) => {
            Num::Arith(limit, if down { Arith::Sub } else { Arith::Add }, Box::new(Num::Const(v)))
        }
        Deadband::Share(s) => {
            Num::Arith(limit, Arith::Mul, Box::new(Num::Const(if down { 1.0 - s } else { 1.0 + s })))
        }
    }
}
