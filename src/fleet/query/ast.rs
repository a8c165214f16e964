//! A query as a tree.

use crate::fleet::query::field::Field;

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `=`
    Is,
    /// `!=`
    IsNot,
}

impl Op {
    /// As written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Is => "=",
            Self::IsNot => "!=",
        }
    }

    /// The answer for two known numbers.
    #[must_use]
    pub fn holds(self, a: f32, b: f32) -> bool {
        match self {
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::More => a > b,
            Self::AtLeast => a >= b,
            // Values come out of packed columns and tables: equal means equal to the last step.
            Self::Is => (a - b).abs() <= f32::EPSILON * a.abs().max(b.abs()),
            Self::IsNot => !Self::Is.holds(a, b),
        }
    }

    /// True for `<`, `<=`, `>` and `>=`, which a deadband can widen.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        !matches!(self, Self::Is | Self::IsNot)
    }
}

/// A sum, difference, product or quotient.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Arith {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
}

/// How values of what lies below become one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fold {
    /// Mean of those known.
    Mean,
    /// Largest of those known.
    Max,
    /// Smallest of those known.
    Min,
    /// Sum of those known.
    Total,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tally {
    /// How many.
    Count,
    /// How many of all, %.
    Share,
}

/// A condition.
#[derive(Clone, PartialEq, Debug)]
pub enum Cond {
    /// All of them.
    All(Vec<Cond>),
    /// Any of them.
    Any(Vec<Cond>),
    /// Not.
    Not(Box<Cond>),
    /// Two numbers compared.
    Compare(Num, Op, Num),
    /// A number is one of these.
    OneOf(Num, Vec<f32>),
    /// The place, job or host is one of these.
    At(Attribute, Vec<String>),
}

/// What a place filter looks at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Attribute {
    /// Name of the hall.
    Hall,
    /// Name of the row.
    Row,
    /// Name of the rack.
    Rack,
    /// Name of the tray.
    Tray,
    /// Name of the job.
    Job,
    /// Name of the tenant.
    Tenant,
    /// Host of the tray.
    Host,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Hall, Self::Row, Self::Rack, Self::Tray, Self::Job, Self::Tenant, Self::Host];

    /// Word in queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hall => "hall",
            Self::Row => "row",
            Self::Rack => "rack",
            Self::Tray => "tray",
            Self::Job => "job",
            Self::Tenant => "tenant",
            Self::Host => "host",
        }
    }
}

/// A number.
#[derive(Clone, PartialEq, Debug)]
pub enum Num {
    /// Written down.
    Const(f32),
    /// A value of an asset.
    Value(Field),
    /// Two numbers combined.
    Arith(Box<Num>, Arith, Box<Num>),
    /// The smallest (`false`) or largest (`true`) of those known.
    Extreme(bool, Vec<Num>),
    /// Values of what lies below, folded.
    Fold(Fold, Box<Num>),
    /// Assets below that fulfil a condition.
    Tally(Tally, Box<Cond>),
    /// What it usually is: a mean that forgets with this time constant, s. The last part is its
    /// place in the memory.
    Usual(Box<Num>, f32, u16),
    /// How often a condition became true within so many seconds; with its place in the memory.
    Rises(Box<Cond>, f32, u16),
}

impl Cond {
    /// Tells every value that the condition asks for, in the order of the text.
    pub fn each_field(&self, tell: &mut impl FnMut(Field)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|p| p.each_field(tell)),
            Self::Not(part) => part.each_field(tell),
            Self::Compare(a, _, b) => {
                a.each_field(tell);
                b.each_field(tell);
            }
            Self::OneOf(num, _) => num.each_field(tell),
            Self::At(..) => {}
        }
    }
}

impl Num {
    /// Tells every value in it.
    pub fn each_field(&self, tell: &mut impl FnMut(Field)) {
        match self {
            Self::Const(_) => {}
            Self::Value(field) => tell(*field),
            Self::Arith(a, _, b) => {
                a.each_field(tell);
                b.each_field(tell);
            }
            Self::Extreme(_, all) => all.iter().for_each(|n| n.each_field(tell)),
            Self::Fold(_, n) | Self::Usual(n, ..) => n.each_field(tell),
            Self::Tally(_, c) | Self::Rises(c, ..) => c.each_field(tell),
        }
    }
}
