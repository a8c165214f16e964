//! From text to tree.

use std::ops::Range;

use crate::fleet::query::ast::{Arith, Attribute, Cond, Fold, Num, Op, Tally};
use crate::fleet::query::field::{Field, WORKED_OUT};
use crate::fleet::query::lex::{Placed, Token, split};
use crate::model::{Quantity, text};

/// Longest query, bytes.
pub const MAX_BYTES: usize = 4096;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;

/// Why a query cannot be used, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryError {
    /// Bytes of the text that it is about.
    pub at: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
}

impl std::fmt::Display for QueryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (at character {})", self.message, self.at.start + 1)
    }
}

impl std::error::Error for QueryError {}

/// Understands a query.
///
/// # Errors
/// The place of what is wrong, what was expected, and the nearest valid name.
pub fn parse(text: &str) -> Result<Cond, QueryError> {
    if text.len() > MAX_BYTES {
        return Err(QueryError { at: 0..0, message: format!("longer than {MAX_BYTES} bytes") });
    }
    let tokens = split(text).map_err(|(at, message)| QueryError { at, message })?;
    let mut parser = Parser { tokens, at: 0, depth: 0, memories: 0 };
    let cond = parser.any()?;
    match parser.peek() {
        Token::End => Ok(cond),
        _ => Err(parser.wrong("expected `and`, `or` or the end")),
    }
}

/// Understands a number with a unit, such as `0.5 K`; times become seconds.
///
/// # Errors
/// It is something else, or the unit is unknown: names the nearest.
pub fn measure(text: &str) -> Result<(f32, Option<&'static str>), QueryError> {
    let tokens = split(text).map_err(|(at, message)| QueryError { at, message })?;
    let mut parser = Parser { tokens, at: 0, depth: 0, memories: 0 };
    let sign = if parser.is_sign("-") { -1.0 } else { 1.0 };
    parser.at = usize::from(sign < 0.0);
    match (parser.factor()?, parser.peek()) {
        ((Num::Const(n), unit), Token::End) => Ok((sign * n, unit)),
        _ => Err(QueryError { at: 0..text.len(), message: "expected a number and its unit".into() }),
    }
}

/// True when a value that `cond` asks for is in `unit`, or in none where `unit` is `None`.
#[must_use]
pub fn fits_any(cond: &Cond, unit: Option<&str>) -> bool {
    let mut found = false;
    cond.each_field(&mut |field| found |= fits(field.unit(), unit.unwrap_or_default()));
    found
}

/// A number and its unit, where one is known.
type Measured = (Num, Option<&'static str>);

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
    memories: u16,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    fn second(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].0
    }

    fn place(&self) -> Range<usize> {
        self.tokens[self.at.min(self.tokens.len() - 1)].1.clone()
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn wrong(&self, message: impl Into<String>) -> QueryError {
        QueryError { at: self.place(), message: message.into() }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(w) if w.eq_ignore_ascii_case(word))
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(s) if *s == sign)
    }

    fn take(&mut self, sign: &'static str) -> Result<(), QueryError> {
        if self.is_sign(sign) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.wrong(format!("expected `{sign}`")))
        }
    }

    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, QueryError>) -> Result<T, QueryError> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong(format!("nested deeper than {MAX_DEPTH}")));
        }
        self.depth += 1;
        let out = f(self);
        self.depth -= 1;
        out
    }

    fn any(&mut self) -> Result<Cond, QueryError> {
        let mut parts = vec![self.all()?];
        while self.is_word("or") {
            self.at += 1;
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Cond::Any(parts) })
    }

    fn all(&mut self) -> Result<Cond, QueryError> {
        let mut parts = vec![self.one()?];
        while self.is_word("and") {
            self.at += 1;
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Cond::All(parts) })
    }

    fn one(&mut self) -> Result<Cond, QueryError> {
        if self.is_word("not") {
            self.at += 1;
            return self.deeper(|p| Ok(Cond::Not(Box::new(p.one()?))));
        }
        if self.is_sign("(") && self.holds_condition() {
            self.at += 1;
            let inner = self.deeper(Self::any)?;
            self.take(")")?;
            return Ok(inner);
        }
        if let Token::Word(word) = self.peek()
            && let Some(attribute) = Attribute::ALL.into_iter().find(|a| a.name() == word)
        {
            match self.second() {
                Token::Sign("=" | "!=") => return self.at_place(attribute),
                Token::Word(w) if w == "in" => return self.at_place(attribute),
                _ => {}
            }
        }
        self.compare()
    }

    /// True when the parenthesis that begins here holds a comparison, not a sum.
    fn holds_condition(&self) -> bool {
        let mut depth = 0;
        for (token, _) in &self.tokens[self.at..] {
            match token {
                Token::Sign("(") => depth += 1,
                Token::Sign(")") if depth == 1 => return false,
                Token::Sign(")") => depth -= 1,
                Token::Sign("<" | "<=" | ">" | ">=" | "=" | "!=") if depth == 1 => return true,
                Token::Word(w) if depth == 1 && matches!(w.as_str(), "and" | "or" | "not" | "in") => {
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn at_place(&mut self, attribute: Attribute) -> Result<Cond, QueryError> {
        self.at += 1;
        match self.next() {
            Token::Sign("=") => Ok(Cond::At(attribute, vec![self.name()?])),
            Token::Sign(_) => Ok(Cond::Not(Box::new(Cond::At(attribute, vec![self.name()?])))),
            _ => Ok(Cond::At(attribute, self.list(Self::name)?)),
        }
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, QueryError>) -> Result<Vec<T>, QueryError> {
        self.take("(")?;
        let mut items = vec![item(self)?];
        while self.is_sign(",") {
            self.at += 1;
            items.push(item(self)?);
        }
        self.take(")")?;
        Ok(items)
    }

    fn name(&mut self) -> Result<String, QueryError> {
        match self.next() {
            Token::Word(w) | Token::Quoted(w) => Ok(w),
            Token::Number(n) => Ok(n.to_string()),
            _ => {
                self.at -= 1;
                Err(self.wrong("expected a name"))
            }
        }
    }

    fn compare(&mut self) -> Result<Cond, QueryError> {
        let start = self.place().start;
        let (left, unit) = self.sum()?;
        let words = if let Num::Value(field) = &left { field.words() } else { Vec::new() };
        if self.is_word("in") {
            self.at += 1;
            return Ok(Cond::OneOf(left, self.list(|p| p.code(&words))?));
        }
        let op = match self.peek() {
            Token::Sign("<") => Op::Less,
            Token::Sign("<=") => Op::AtMost,
            Token::Sign(">") => Op::More,
            Token::Sign(">=") => Op::AtLeast,
            Token::Sign("=") => Op::Is,
            Token::Sign("!=") => Op::IsNot,
            _ => return Err(self.wrong("expected a comparison: <, <=, >, >=, =, != or in (…)")),
        };
        self.at += 1;
        if let (Token::Word(_), false) = (self.peek(), words.is_empty()) {
            return Ok(Cond::Compare(left, op, Num::Const(self.code(&words)?)));
        }
        let (right, other) = self.sum()?;
        if let (Some(a), Some(b)) = (unit, other)
            && !fits(a, b)
        {
            let at = start..self.tokens[self.at - 1].1.end;
            return Err(QueryError { at, message: format!("compares {a} with {b}") });
        }
        Ok(Cond::Compare(left, op, right))
    }

    /// A number, or one of `words` as its place among them.
    fn code(&mut self, words: &[&'static str]) -> Result<f32, QueryError> {
        match self.next() {
            Token::Number(n) => Ok(n),
            Token::Word(w) if words.contains(&w.as_str()) => {
                Ok(words.iter().position(|x| *x == w).unwrap_or(0) as f32)
            }
            token => {
                self.at -= 1;
                let found = if let Token::Word(w) = &token { text::clean(w) } else { String::new() };
                let hint = if words.is_empty() {
                    "expected a number".to_owned()
                } else {
                    crate::model::document::hint(&found, words)
                };
                Err(self.wrong(format!("`{found}`: {hint}")))
            }
        }
    }

    fn sum(&mut self) -> Result<Measured, QueryError> {
        let mut left = self.product()?;
        while let Token::Sign(sign @ ("+" | "-")) = *self.peek() {
            let at = self.place();
            self.at += 1;
            let right = self.product()?;
            if let (Some(a), Some(b)) = (left.1, right.1)
                && !fits(a, b)
            {
                return Err(QueryError { at, message: format!("adds {b} to {a}") });
            }
            let how = if sign == "+" { Arith::Add } else { Arith::Sub };
            left = (Num::Arith(Box::new(left.0), how, Box::new(right.0)), left.1.or(right.1));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Measured, QueryError> {
        let mut left = self.factor()?;
        while let Token::Sign(sign @ ("*" | "/")) = *self.peek() {
            self.at += 1;
            let right = self.factor()?;
            let how = if sign == "*" { Arith::Mul } else { Arith::Div };
            // A plain number keeps the unit of the other; of two units nothing is said.
            let unit = match (left.1, right.1) {
                (unit, None) => unit,
                (None, unit) if sign == "*" => unit,
                _ => None,
            };
            left = (Num::Arith(Box::new(left.0), how, Box::new(right.0)), unit);
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Measured, QueryError> {
        match self.peek().clone() {
            Token::Number(n) => {
                self.at += 1;
                self.with_unit(n)
            }
            Token::Sign("-") => {
                self.at += 1;
                let (num, unit) = self.deeper(Self::factor)?;
                Ok((Num::Arith(Box::new(Num::Const(0.0)), Arith::Sub, Box::new(num)), unit))
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.deeper(Self::sum)?;
                self.take(")")?;
                Ok(inner)
            }
            Token::Word(word) if *self.second() == Token::Sign("(") => self.deeper(|p| p.call(&word)),
            Token::Word(word) => {
                let field = Field::parse(&word).map_err(|e| self.wrong(e))?;
                self.at += 1;
                let unit = Some(field.unit()).filter(|u| !u.is_empty());
                Ok((Num::Value(field), unit))
            }
            _ => Err(self.wrong("expected a value, a number or a call")),
        }
    }

    /// The number before, with the unit that may follow it. Times become seconds.
    fn with_unit(&mut self, n: f32) -> Result<Measured, QueryError> {
        let unit = match self.peek() {
            Token::Sign("%") => "%".to_owned(),
            Token::Word(w) if !matches!(w.as_str(), "and" | "or" | "in" | "not") => w.clone(),
            _ => return Ok((Num::Const(n), None)),
        };
        let (factor, unit) = match unit.as_str() {
            "ms" => (0.001, "s"),
            "s" => (1.0, "s"),
            "min" => (60.0, "s"),
            "h" => (3600.0, "s"),
            other => match units().into_iter().find(|u| *u == other) {
                Some(known) => (1.0, known),
                None => {
                    return Err(self.wrong(format!("unknown unit `{}`: {}", text::clean(other), {
                        crate::model::document::hint(other, &units())
                    })));
                }
            },
        };
        self.at += 1;
        Ok((Num::Const(n * factor), Some(unit)))
    }

    fn time(&mut self) -> Result<f32, QueryError> {
        match self.factor()? {
            (Num::Const(s), Some("s")) if s > 0.0 && s <= 7.0 * 86_400.0 => Ok(s),
            _ => {
                self.at -= 1;
                Err(self.wrong("expected a time like 30 s, 5 min or 1 h"))
            }
        }
    }

    fn memory(&mut self) -> u16 {
        self.memories += 1;
        self.memories - 1
    }

    fn call(&mut self, name: &str) -> Result<Measured, QueryError> {
        const NAMES: [&str; 10] =
            ["count", "share", "mean", "max", "min", "total", "least", "most", "usual", "rises"];
        if !NAMES.contains(&name) {
            let hint = crate::model::document::hint(name, &NAMES);
            return Err(self.wrong(format!("no call is named `{}`: {hint}", text::clean(name))));
        }
        self.at += 1;
        self.take("(")?;
        let out = match name {
            "count" => (Num::Tally(Tally::Count, Box::new(self.any()?)), None),
            "share" => (Num::Tally(Tally::Share, Box::new(self.any()?)), Some("%")),
            "rises" => {
                let cond = self.any()?;
                self.take(",")?;
                let seconds = self.time()?;
                (Num::Rises(Box::new(cond), seconds, self.memory()), None)
            }
            "usual" => {
                let (num, unit) = self.sum()?;
                self.take(",")?;
                let seconds = self.time()?;
                (Num::Usual(Box::new(num), seconds, self.memory()), unit)
            }
            "least" | "most" => {
                let (first, unit) = self.sum()?;
                let mut all = vec![first];
                while self.is_sign(",") {
                    self.at += 1;
                    all.push(self.sum()?.0);
                }
                (Num::Extreme(name == "most", all), unit)
            }
            _ => {
                let (num, unit) = self.sum()?;
                let fold = match name {
                    "mean" => Fold::Mean,
                    "max" => Fold::Max,
                    "min" => Fold::Min,
                    _ => Fold::Total,
                };
                (Num::Fold(fold, Box::new(num)), unit)
            }
        };
        self.take(")")?;
        Ok(out)
    }
}

/// All units that values have.
fn units() -> Vec<&'static str> {
    let known = Quantity::all().into_iter().map(Quantity::unit);
    let own = WORKED_OUT.iter().map(|(_, _, unit, _)| *unit);
    let mut all: Vec<&'static str> = known.chain(own).chain(["K"]).filter(|u| !u.is_empty()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A difference of temperatures may be written in either unit.
fn fits(a: &str, b: &str) -> bool {
    let plain = |u: &str| if u == "K" { "°C".to_owned() } else { u.to_owned() };
    plain(a) == plain(b)
}
