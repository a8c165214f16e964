//! Answers to a condition for all assets of a kind at once.
//!
//! Answers are bytes: [`FALSE`], [`UNKNOWN`], [`TRUE`], so that `and` is the smaller and `or` the
//! larger of two, and a pass over a column is a loop that the compiler turns into vector code.

use std::collections::VecDeque;

use crate::fleet::query::ast::{Arith, Cond, Fold, Num, Op, Tally};
use crate::fleet::query::field::Field;
use crate::fleet::query::place;
use crate::fleet::query::plan::{Inner, inner};
use crate::fleet::query::scan::{FALSE, Scan, TRUE, UNKNOWN};
use crate::fleet::query::shape::{lies_in, within};
use crate::model::alarm::rule::Scope;
use crate::model::{Column, Quantity};

/// What a plan remembers from one moment to the next: usual values, and when conditions rose.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    places: Vec<Place>,
    resting: bool,
}

#[derive(Clone, Debug, Default)]
struct Place {
    /// Usual value, NaN before the first.
    usual: Vec<f32>,
    /// The last known answer.
    last: Vec<u8>,
    /// Moments of the last rises, ms, by asset.
    rises: std::collections::HashMap<u32, VecDeque<i64>>,
    /// The moment that was taken in last, ms.
    now: Option<i64>,
}

/// Rises of one asset that are remembered.
const MOST_RISES: usize = 64;

impl Memory {
    /// Asks something without taking the moment in again.
    pub(crate) fn at_rest<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.resting, true);
        let out = f(self);
        self.resting = before;
        out
    }

    /// Forgets everything, as after a change of the topology.
    pub fn clear(&mut self) {
        self.places.clear();
    }

    /// The usual value of one asset; NaN before the first.
    pub(crate) fn usual_of(&self, id: u16, index: usize) -> f32 {
        self.places.get(usize::from(id)).and_then(|p| p.usual.get(index)).copied().unwrap_or(f32::NAN)
    }

    /// How often a condition rose at one asset.
    pub(crate) fn rises_of(&self, id: u16, index: usize) -> f32 {
        let place = self.places.get(usize::from(id));
        place.and_then(|p| p.rises.get(&(index as u32))).map_or(0.0, |times| times.len() as f32)
    }

    fn place(&mut self, id: u16) -> &mut Place {
        let id = usize::from(id);
        if self.places.len() <= id {
            self.places.resize_with(id + 1, Place::default);
        }
        &mut self.places[id]
    }
}

/// Of what the question is asked.
pub type Ask<'a> = (&'a Scan<'a>, Scope);

/// The answers to `cond`.
pub fn cond(cond: &Cond, ask: Ask<'_>, memory: &mut Memory) -> Vec<u8> {
    match cond {
        Cond::All(parts) => combine(parts, ask, memory, FALSE),
        Cond::Any(parts) => combine(parts, ask, memory, TRUE),
        Cond::Not(part) => {
            let mut out = self::cond(part, ask, memory);
            out.iter_mut().for_each(|t| *t = TRUE - *t);
            out
        }
        Cond::Compare(Num::Value(Field::XidEvent), Op::Is, Num::Const(code))
            if ask.1 == Scope::Gpu && ask.0.xids.is_some() && *code > 0.0 =>
        {
            xid_events(&[*code], ask.0)
        }
        Cond::Compare(Num::Value(field), op, Num::Const(limit)) if ask.1 == Scope::Gpu => {
            gpu_column(*field, *op, *limit, ask.0)
                .unwrap_or_else(|| compare_values(*field, (*op, *limit), ask))
        }
        Cond::Compare(Num::Tally(tally, c), op, Num::Const(limit)) => {
            compare_tally((*tally, c), (*op, *limit), ask, memory)
        }
        Cond::Compare(a, op, b) => {
            let (a, b) = (num(a, ask, memory), num(b, ask, memory));
            a.iter().zip(&b).map(|(a, b)| answer(*op, *a, *b)).collect()
        }
        Cond::OneOf(Num::Value(Field::XidEvent), codes) if ask.1 == Scope::Gpu && ask.0.xids.is_some() => {
            xid_events(codes, ask.0)
        }
        Cond::OneOf(Num::Value(field), list) if ask.1 == Scope::Gpu && ask.0.column(*field).is_some() => {
            let each = |v: &f32| gpu_column(*field, Op::Is, *v, ask.0);
            let all: Option<Vec<Vec<u8>>> = list.iter().map(each).collect();
            let mut all = all.unwrap_or_default().into_iter();
            let first = all.next().unwrap_or_else(|| vec![UNKNOWN; ask.0.count(Scope::Gpu)]);
            all.fold(first, |mut a, b| {
                a.iter_mut().zip(&b).for_each(|(a, b)| *a = (*a).max(*b));
                a
            })
        }
        Cond::OneOf(n, list) => {
            let one =
                |v: &f32| if v.is_nan() { UNKNOWN } else { yes(list.iter().any(|l| Op::Is.holds(*v, *l))) };
            num(n, ask, memory).iter().map(one).collect()
        }
        Cond::At(attribute, names) => place::answers(*attribute, names, ask),
    }
}

/// The GPUs whose XID event is one of `codes`, on the column of events itself.
fn xid_events(codes: &[f32], scan: &Scan<'_>) -> Vec<u8> {
    let events = scan.xids.map(|x| x.codes.as_slice()).unwrap_or_default();
    if events.iter().all(|c| *c == 0) {
        return vec![FALSE; events.len()];
    }
    let wanted: Vec<u16> = codes.iter().map(|c| *c as u16).collect();
    events.iter().map(|c| if *c != 0 && wanted.contains(c) { TRUE } else { FALSE }).collect()
}

const fn yes(b: bool) -> u8 {
    if b { TRUE } else { FALSE }
}

fn answer(op: Op, a: f32, b: f32) -> u8 {
    if a.is_nan() || b.is_nan() { UNKNOWN } else { yes(op.holds(a, b)) }
}

/// The parts joined; `settled` is the answer after which the others do not matter. Parts with a
/// memory are asked in any case, so that they miss no moment.
fn combine(parts: &[Cond], ask: Ask<'_>, memory: &mut Memory, settled: u8) -> Vec<u8> {
    let mut out: Option<Vec<u8>> = None;
    for part in parts {
        if let Some(out) = &mut out {
            if !remembers(part) && out.iter().all(|t| *t == settled) {
                continue;
            }
            let next = cond(part, ask, memory);
            let join = if settled == FALSE { u8::min } else { u8::max };
            out.iter_mut().zip(&next).for_each(|(a, b)| *a = join(*a, *b));
        } else {
            out = Some(cond(part, ask, memory));
        }
    }
    out.unwrap_or_default()
}

fn remembers(cond: &Cond) -> bool {
    fn in_num(n: &Num) -> bool {
        match n {
            Num::Usual(..) | Num::Rises(..) => true,
            Num::Const(_) | Num::Value(_) => false,
            Num::Arith(a, _, b) => in_num(a) || in_num(b),
            Num::Extreme(_, all) => all.iter().any(in_num),
            Num::Fold(_, n) => in_num(n),
            Num::Tally(_, c) => remembers(c),
        }
    }
    match cond {
        Cond::All(parts) | Cond::Any(parts) => parts.iter().any(remembers),
        Cond::Not(part) => remembers(part),
        Cond::Compare(a, _, b) => in_num(a) || in_num(b),
        Cond::OneOf(n, _) => in_num(n),
        Cond::At(..) => false,
    }
}

fn compare_values(field: Field, (op, limit): (Op, f32), ask: Ask<'_>) -> Vec<u8> {
    values(field, ask).iter().map(|v| answer(op, *v, limit)).collect()
}

/// A GPU metric against a number, on the packed column itself; `None` where that cannot be done.
fn gpu_column(field: Field, op: Op, limit: f32, scan: &Scan<'_>) -> Option<Vec<u8>> {
    let (column, quality, always) = scan.column(field)?;
    // Raw values are ordered as the values are: the answer changes at one raw value.
    let test: (u16, u16, bool) = match field {
        Field::Known(Quantity::Lost) => {
            let is = op.holds(1.0, limit);
            return (op.holds(0.0, limit) != is).then(|| {
                let lost = crate::model::Health::Lost as u16;
                raw_answers(column, None, |raw| (raw == lost) == is)
            });
        }
        Field::Known(Quantity::Event(bit)) => {
            let (on, off) = (op.holds(1.0, limit), op.holds(0.0, limit));
            return (on != off).then(|| raw_answers(column, Some(quality), |raw| (raw & bit != 0) == on));
        }
        Field::Known(Quantity::Gpu(m)) => {
            let first = |holds: &dyn Fn(f32) -> bool| {
                let value = |raw: u16| f32::from(raw) * m.spec().scale + m.spec().offset;
                let (mut low, mut high) = (0u32, u32::from(m.none_raw()));
                while low < high {
                    let mid = low.midpoint(high);
                    if holds(value(mid as u16)) { high = mid } else { low = mid + 1 }
                }
                low as u16
            };
            match op {
                Op::More => (first(&|v| v > limit), u16::MAX, true),
                Op::AtLeast => (first(&|v| v >= limit), u16::MAX, true),
                Op::Less => (first(&|v| v >= limit), u16::MAX, false),
                Op::AtMost => (first(&|v| v > limit), u16::MAX, false),
                Op::Is => (first(&|v| v >= limit), first(&|v| v > limit), true),
                Op::IsNot => (first(&|v| v >= limit), first(&|v| v > limit), false),
            }
        }
        _ => return None,
    };
    let (from, to, inside) = test;
    let quality = (!always).then_some(quality);
    Some(raw_answers(column, quality, |raw| ((from <= raw) & (raw < to)) == inside))
}

fn raw_answers(column: &Column, quality: Option<&[u8]>, holds: impl Fn(u16) -> bool) -> Vec<u8> {
    // Without branches, so that many GPUs are answered at once.
    fn all<T: Copy + PartialEq + Into<u16>>(
        (raw, none): (&[T], T),
        quality: Option<&[u8]>,
        holds: impl Fn(u16) -> bool,
    ) -> Vec<u8> {
        let one = |r: T, bad: bool| {
            let yes = u8::from(holds(r.into())) << 1;
            if (r == none) | bad { UNKNOWN } else { yes }
        };
        match quality {
            None => raw.iter().map(|r| one(*r, false)).collect(),
            Some(q) => raw.iter().zip(q).map(|(r, q)| one(*r, *q != 0)).collect(),
        }
    }
    match column {
        Column::Narrow(raw) => all((raw, u8::MAX), quality, holds),
        Column::Wide(raw) => all((raw, u16::MAX), quality, holds),
    }
}

/// A count against a number: what is not known may decide either way, or not matter.
fn compare_tally(
    (tally, c): (Tally, &Cond),
    (op, limit): (Op, f32),
    ask: Ask<'_>,
    memory: &mut Memory,
) -> Vec<u8> {
    let bounds = tallies(tally, c, ask, memory);
    let one = |(low, high): &(f32, f32)| {
        let (a, b) = (answer(op, *low, limit), answer(op, *high, limit));
        if a == b { a } else { UNKNOWN }
    };
    bounds.iter().map(one).collect()
}

/// Lowest and highest count of each asset: of those known, and with all that are not.
fn tallies(tally: Tally, c: &Cond, (scan, scope): Ask<'_>, memory: &mut Memory) -> Vec<(f32, f32)> {
    let n = scan.count(scope);
    let Ok(level) = inner(Inner::Cond(c), scope) else { return vec![(f32::NAN, f32::NAN); n] };
    let answers = cond(c, (scan, level), memory);
    let quiet = answers.iter().all(|a| *a == FALSE);
    if quiet && tally == Tally::Count {
        return vec![(0.0, 0.0); n];
    }
    let of = |i: usize| {
        let span = within(scan.topology(), (scope, i), level);
        if span.is_empty() {
            return (f32::NAN, f32::NAN);
        }
        let own = answers.get(span.clone()).unwrap_or_default();
        let count = |what: u8| if quiet { 0 } else { own.iter().filter(|a| **a == what).count() };
        let (sure, open) = (count(TRUE) as f32, count(UNKNOWN) as f32);
        let unit = if tally == Tally::Count { 1.0 } else { 100.0 / span.len() as f32 };
        (sure * unit, (sure + open) * unit)
    };
    (0..n).map(of).collect()
}

/// The values of a field for assets of kind `scope`: its own, or those of what they lie in.
fn values(field: Field, (scan, scope): Ask<'_>) -> Vec<f32> {
    let level = field.level();
    let own = match (field, scan.trays) {
        (Field::Answers, Some(told)) => told.iter().map(|t| f32::from(u8::from(*t))).collect(),
        _ => scan.values(field),
    };
    if level == scope {
        return own;
    }
    let mut out = vec![f32::NAN; scan.count(scope)];
    if lies_in(scope, level) {
        for (i, v) in own.iter().enumerate() {
            if scope == Scope::Job {
                out.fill(*v);
            } else if let Some(span) = out.get_mut(within(scan.topology(), (level, i), scope)) {
                span.fill(*v);
            }
        }
    }
    out
}

/// The numbers of `n`; NaN where they are not known.
pub fn num(n: &Num, ask: Ask<'_>, memory: &mut Memory) -> Vec<f32> {
    let (scan, scope) = ask;
    match n {
        Num::Const(v) => vec![*v; scan.count(scope)],
        Num::Value(field) => values(*field, ask),
        Num::Arith(a, how, b) => {
            let (mut a, b) = (num(a, ask, memory), num(b, ask, memory));
            a.iter_mut().zip(&b).for_each(|(a, b)| *a = arith(*how, *a, *b));
            a
        }
        Num::Extreme(most, all) => {
            let better = if *most { f32::max } else { f32::min };
            let mut out = vec![f32::NAN; scan.count(scope)];
            for n in all {
                // Of a number and nothing, both functions give the number.
                out.iter_mut().zip(num(n, ask, memory)).for_each(|(a, b)| *a = better(*a, b));
            }
            out
        }
        Num::Fold(fold, n) => folds(*fold, n, ask, memory),
        Num::Tally(tally, c) => {
            let bounds = tallies(*tally, c, ask, memory);
            bounds.into_iter().map(|(low, high)| if low == high { low } else { f32::NAN }).collect()
        }
        Num::Usual(n, seconds, id) => {
            let now = num(n, ask, memory);
            usual((&now, *seconds, *id), scan.frame.time.millis(), memory)
        }
        Num::Rises(c, seconds, id) => {
            let now = cond(c, ask, memory);
            rises((&now, *seconds, *id), scan.frame.time.millis(), memory)
        }
    }
}

fn arith(how: Arith, a: f32, b: f32) -> f32 {
    match how {
        Arith::Add => a + b,
        Arith::Sub => a - b,
        Arith::Mul => a * b,
        Arith::Div if b == 0.0 => f32::NAN,
        Arith::Div => a / b,
    }
}

fn folds(fold: Fold, n: &Num, (scan, scope): Ask<'_>, memory: &mut Memory) -> Vec<f32> {
    let count = scan.count(scope);
    let Ok(level) = inner(Inner::Num(n), scope) else { return vec![f32::NAN; count] };
    let all = num(n, (scan, level), memory);
    let of = |i: usize| {
        let own = all.get(within(scan.topology(), (scope, i), level)).unwrap_or_default();
        let known = own.iter().copied().filter(|v| !v.is_nan());
        match fold {
            Fold::Max => known.fold(f32::NAN, f32::max),
            Fold::Min => known.fold(f32::NAN, f32::min),
            Fold::Mean | Fold::Total => {
                let (sum, n) = known.fold((0.0_f64, 0_u32), |(s, n), v| (s + f64::from(v), n + 1));
                match fold {
                    _ if n == 0 => f32::NAN,
                    Fold::Mean => (sum / f64::from(n)) as f32,
                    _ => sum as f32,
                }
            }
        }
    };
    (0..count).map(of).collect()
}

fn usual((now, seconds, id): (&[f32], f32, u16), time: i64, memory: &mut Memory) -> Vec<f32> {
    let resting = memory.resting;
    let place = memory.place(id);
    if place.usual.len() != now.len() {
        place.usual = vec![f32::NAN; now.len()];
    }
    if !resting {
        let passed = place.now.map_or(0.0, |then| (time - then).max(0) as f32 / 1000.0);
        let share = (passed / seconds).min(1.0);
        for (u, v) in place.usual.iter_mut().zip(now) {
            if u.is_nan() {
                *u = *v;
            } else if !v.is_nan() {
                *u += (*v - *u) * share;
            }
        }
        place.now = Some(time);
    }
    place.usual.clone()
}

fn rises((now, seconds, id): (&[u8], f32, u16), time: i64, memory: &mut Memory) -> Vec<f32> {
    let resting = memory.resting;
    let place = memory.place(id);
    if place.last.len() != now.len() {
        place.last = vec![UNKNOWN; now.len()];
        place.rises.clear();
    }
    if !resting {
        for (i, (last, now)) in place.last.iter_mut().zip(now).enumerate() {
            if *now == TRUE && *last == FALSE {
                let times = place.rises.entry(i as u32).or_default();
                if times.len() == MOST_RISES {
                    times.pop_front();
                }
                times.push_back(time);
            }
            if *now != UNKNOWN {
                *last = *now;
            }
        }
        let oldest = time - (seconds * 1000.0) as i64;
        place.rises.retain(|_, times| {
            times.retain(|t| *t > oldest);
            !times.is_empty()
        });
    }
    let mut out = vec![0.0; now.len()];
    for (i, times) in &place.rises {
        if let Some(count) = out.get_mut(*i as usize) {
            *count = times.len() as f32;
        }
    }
    out
}
