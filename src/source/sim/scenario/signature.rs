//! Signatures: what the physics must show of an incident, and whether a run shows it.

use std::fmt;

use crate::model::Quantity;
use crate::model::document::FileError;
use crate::model::table::{Table, show_seconds};
use crate::source::sim::scenario::On;
use crate::source::sim::scenario::ground::Level;

/// Seconds before the start whose mean is the state before the incident.
pub const BEFORE: u64 = 10;
/// Most seconds whose mean a value can be.
const MAX_OVER: u64 = 600;

/// How the values of several assets become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Their mean.
    Mean,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// Their sum.
    Sum,
}

impl How {
    /// All, with their words in files.
    pub const ALL: [(&'static str, Self); 4] =
        [("mean", Self::Mean), ("min", Self::Min), ("max", Self::Max), ("sum", Self::Sum)];

    /// Word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The values as one; `None` when there are none.
    #[must_use]
    pub fn of(self, values: impl Iterator<Item = f32>) -> Option<f64> {
        let (mut count, mut sum, mut low, mut high) = (0u32, 0.0f64, f64::INFINITY, f64::NEG_INFINITY);
        for v in values.map(f64::from) {
            count += 1;
            sum += v;
            (low, high) = (low.min(v), high.max(v));
        }
        (count > 0).then(|| match self {
            Self::Mean => sum / f64::from(count),
            Self::Min => low,
            Self::Max => high,
            Self::Sum => sum,
        })
    }
}

/// What a value is compared as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As it is.
    Value,
    /// Its difference to what it was before.
    Change,
    /// Its ratio to what it was before.
    Ratio,
}

impl Form {
    /// All, with their words in files.
    pub const ALL: [(&'static str, Self); 3] =
        [("value", Self::Value), ("change", Self::Change), ("ratio", Self::Ratio)];

    /// Word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// When it must hold, seconds after the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// In this second.
    At(u64),
    /// In every second from the first to the last.
    During(u64, u64),
    /// For the first time in a second from the first to the last.
    Begins(u64, u64),
}

/// Where the value must lie.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Band {
    /// At the first number, give or take the second.
    Near(f32, f32),
    /// Above the first and below the second, where given.
    Between(Option<f32>, Option<f32>),
}

impl Band {
    /// True when `value` lies in it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            // A hair's breadth of the rounding of single precision is no failure.
            Self::Near(is, within) => (value - f64::from(is)).abs() <= f64::from(within) + 1e-6,
            Self::Between(above, below) => {
                above.is_none_or(|a| value > f64::from(a)) && below.is_none_or(|b| value < f64::from(b))
            }
        }
    }

    /// How far outside `value` lies; 0 inside.
    fn miss(self, value: f64) -> f64 {
        match self {
            Self::Near(is, within) => ((value - f64::from(is)).abs() - f64::from(within)).max(0.0),
            Self::Between(above, below) => {
                let low = above.map_or(0.0, |a| f64::from(a) - value);
                let high = below.map_or(0.0, |b| value - f64::from(b));
                low.max(high).max(0.0)
            }
        }
    }

    /// How close to the edge `value` lies: larger is worse.
    fn strain(self, value: f64) -> f64 {
        match self {
            Self::Near(is, _) => (value - f64::from(is)).abs(),
            Self::Between(Some(above), None) => -(value - f64::from(above)),
            Self::Between(None, Some(below)) => value - f64::from(below),
            Self::Between(..) => self.miss(value),
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Near(is, within) => write!(f, "{is} ± {within}"),
            Self::Between(Some(a), Some(b)) => write!(f, "above {a}, below {b}"),
            Self::Between(Some(a), None) => write!(f, "above {a}"),
            Self::Between(None, Some(b)) => write!(f, "below {b}"),
            Self::Between(None, None) => f.write_str("anything"),
        }
    }
}

/// One thing that the physics must show.
#[derive(Clone, PartialEq, Debug)]
pub struct Signature {
    /// Of which assets.
    pub of: On,
    /// Which of their values.
    pub quantity: Quantity,
    /// How several values become one.
    pub how: How,
    /// What the value is compared as.
    pub form: Form,
    /// When.
    pub when: When,
    /// Where the value must lie.
    pub band: Band,
    /// Seconds whose mean the value is, the named one the last of them; 1 = that second alone.
    pub over: u64,
    /// The line in the file.
    pub line: usize,
}

/// Whether a run shows a signature.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Verdict {
    /// It does.
    pub shown: bool,
    /// What was measured: the value in that second, the worst of a span, or the value when it began;
    /// `None` when nothing was reported or it never began.
    pub measured: Option<f64>,
    /// The second of that measurement.
    pub second: Option<u64>,
}

impl Signature {
    /// The kind of asset that has the value.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self.quantity {
            Quantity::Gpu(_) | Quantity::Event(_) | Quantity::Lost => Level::Gpu,
            Quantity::Rack(_) => Level::Rack,
            Quantity::Cdu(_) => Level::Cdu,
            Quantity::Row(_) => Level::Row,
            Quantity::Hall(_) => Level::Hall,
            Quantity::Site(_) => Level::Site,
        }
    }

    /// The last second that must be seen to judge it.
    #[must_use]
    pub const fn until(&self) -> u64 {
        match self.when {
            When::At(t) | When::During(_, t) | When::Begins(_, t) => t,
        }
    }

    /// How many seconds before the start must be seen to judge it.
    #[must_use]
    pub const fn before(&self) -> u64 {
        if self.over > BEFORE { self.over } else { BEFORE }
    }

    /// Judges a run: `before` is what was measured in the last seconds before the start (see
    /// [`Signature::before`]), `after` second by second from the start. `None` is a second without a
    /// value.
    #[must_use]
    pub fn judge(&self, before: &[Option<f64>], after: &[Option<f64>]) -> Verdict {
        let mean = |values: &[Option<f64>]| {
            let known: Vec<f64> = values.iter().flatten().copied().collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        let base = mean(before);
        let value = |second: u64| {
            let end = second as usize;
            // A second without a value of its own has none, whatever was before it.
            (*after.get(end)?)?;
            let v = mean(&after[(end + 1).saturating_sub(self.over.max(1) as usize)..=end])?;
            match self.form {
                Form::Value => Some(v),
                Form::Change => Some(v - base?),
                Form::Ratio => Some(v / base.filter(|b| *b != 0.0)?),
            }
        };
        match self.when {
            When::At(t) => {
                let v = value(t);
                Verdict { shown: v.is_some_and(|v| self.band.holds(v)), measured: v, second: Some(t) }
            }
            When::During(from, to) => self.worst(from, to, value),
            When::Begins(from, to) => {
                let first = (0..=to).find(|t| value(*t).is_some_and(|v| self.band.holds(v)));
                let shown = first.is_some_and(|t| t >= from);
                Verdict { shown, measured: first.and_then(value), second: first }
            }
        }
    }

    fn worst(&self, from: u64, to: u64, value: impl Fn(u64) -> Option<f64>) -> Verdict {
        let mut worst: Option<(u64, f64)> = None;
        for t in from..=to {
            let Some(v) = value(t) else {
                return Verdict { shown: false, measured: None, second: Some(t) };
            };
            let key = |v: f64| (self.band.miss(v), self.band.strain(v));
            if worst.is_none_or(|(_, w)| key(v) > key(w)) {
                worst = Some((t, v));
            }
        }
        let shown = worst.is_some_and(|(_, v)| self.band.holds(v));
        Verdict { shown, measured: worst.map(|(_, v)| v), second: worst.map(|(t, _)| t) }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::At(t) => write!(f, "at {}", show_seconds(t))?,
            When::During(a, b) => write!(f, "from {} to {}", show_seconds(a), show_seconds(b))?,
            When::Begins(a, b) => write!(f, "begins {} to {}", show_seconds(a), show_seconds(b))?,
        }
        write!(f, ": {} {} of {}", self.how.name(), self.quantity.name(), self.of)?;
        if self.over > 1 {
            write!(f, " over {}", show_seconds(self.over))?;
        }
        match self.form {
            Form::Value => write!(f, " {}", self.band)?,
            form => write!(f, " {} {}", form.name(), self.band)?,
        }
        let unit = if self.form == Form::Ratio { "" } else { self.quantity.unit() };
        if unit.is_empty() { Ok(()) } else { write!(f, " {unit}") }
    }
}

/// The keys of a `[[signature]]`.
pub const KEYS: [&str; 13] =
    ["of", "value", "how", "as", "over", "at", "from", "to", "begins", "is", "within", "above", "below"];

/// Reads a `[[signature]]`; `on` reads the asset, `last` is the length of the scenario.
///
/// # Errors
/// A wrong key or value.
pub fn read(
    table: &Table<'_, '_, '_>,
    last: u64,
    on: impl Fn(&str, usize) -> Result<On, FileError>,
) -> Result<Signature, FileError> {
    table.only(&KEYS)?;
    let of = table.need("of", "an asset")?;
    let value = table.need("value", "the name of a value")?;
    let quantity =
        Quantity::parse(table.text("value", value)?).map_err(|e| table.wrong("value", value, e))?;
    Ok(Signature {
        of: on(table.text("of", of)?, table.doc.line_of(&of.span()))?,
        quantity,
        how: table.word("how", &How::ALL)?.unwrap_or(How::Mean),
        form: table.word("as", &Form::ALL)?.unwrap_or(Form::Value),
        when: when(table, last)?,
        band: band(table)?,
        over: over(table)?,
        line: table.line(),
    })
}

fn over(table: &Table<'_, '_, '_>) -> Result<u64, FileError> {
    Ok(table.get("over").map(|v| table.seconds("over", v, (1, MAX_OVER))).transpose()?.unwrap_or(1))
}

fn when(table: &Table<'_, '_, '_>, last: u64) -> Result<When, FileError> {
    let second = |key: &str| table.get(key).map(|v| table.seconds(key, v, (0, last))).transpose();
    let pair = |(a, b): (u64, u64), key: &str| {
        if a <= b { Ok((a, b)) } else { Err(table.error(format!("`{key}` lies before its beginning"))) }
    };
    match (second("at")?, second("from")?, second("to")?, table.get("begins")) {
        (Some(t), None, None, None) => Ok(When::At(t)),
        (None, Some(a), Some(b), None) => pair((a, b), "to").map(|(a, b)| When::During(a, b)),
        (None, None, None, Some(v)) => {
            let list = v.get_ref().as_array().filter(|l| l.len() == 2);
            let list =
                list.ok_or_else(|| table.wrong("begins", v, "expected two times like [\"11s\", \"16s\"]"))?;
            let a = table.seconds("begins", &list[0], (0, last))?;
            let b = table.seconds("begins", &list[1], (0, last))?;
            pair((a, b), "begins").map(|(a, b)| When::Begins(a, b))
        }
        _ => Err(table.error("needs a time: `at`, or `from` and `to`, or `begins`")),
    }
}

fn band(table: &Table<'_, '_, '_>) -> Result<Band, FileError> {
    let number =
        |key: &str, low: f32| table.get(key).map(|v| table.number(key, v, (low, 1e9), "")).transpose();
    match (number("is", -1e9)?, number("within", 0.0)?, number("above", -1e9)?, number("below", -1e9)?) {
        (Some(is), Some(within), None, None) => Ok(Band::Near(is, within)),
        (None, None, Some(a), Some(b)) if a >= b => {
            Err(table.error(format!("no value is above {a} and below {b}")))
        }
        (None, None, above, below) if above.is_some() || below.is_some() => Ok(Band::Between(above, below)),
        _ => Err(table.error("needs a band: `is` and `within`, or `above`, or `below`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RackPoint;

    fn signature(form: Form, when: When, band: Band) -> Signature {
        let quantity = Quantity::Rack(RackPoint::LiquidFlow);
        Signature { of: On::Picked, quantity, how: How::Mean, form, when, band, over: 1, line: 1 }
    }

    const BASE: [Option<f64>; 3] = [Some(81.0), None, Some(85.0)];

    #[test]
    fn a_moment_is_judged_as_value_change_or_ratio() {
        let after = [Some(83.0), Some(60.0), Some(46.0), None];
        let judge =
            |form, at, is, within| signature(form, When::At(at), Band::Near(is, within)).judge(&BASE, &after);
        assert!(judge(Form::Value, 2, 46.0, 0.5).shown);
        assert!(judge(Form::Change, 2, -37.0, 0.5).shown && !judge(Form::Change, 2, -30.0, 5.0).shown);
        assert!(judge(Form::Ratio, 2, 0.554, 0.01).shown);
        assert_eq!(
            judge(Form::Value, 3, 46.0, 4.0),
            Verdict { shown: false, measured: None, second: Some(3) }
        );
        assert_eq!(judge(Form::Value, 9, 46.0, 4.0).measured, None, "beyond the run");
        let bare = signature(Form::Ratio, When::At(2), Band::Near(0.5, 1.0));
        assert!(!bare.judge(&[], &after).shown, "nothing before: no ratio");
    }

    #[test]
    fn a_span_must_hold_in_every_second_and_tells_the_worst() {
        let after = [Some(80.0), Some(84.0), Some(79.0), Some(70.0)];
        let during = |to, band| signature(Form::Value, When::During(0, to), band).judge(&BASE, &after);
        let v = during(2, Band::Between(Some(75.0), None));
        assert_eq!((v.shown, v.measured, v.second), (true, Some(79.0), Some(2)));
        let v = during(3, Band::Between(Some(75.0), Some(90.0)));
        assert_eq!((v.shown, v.second), (false, Some(3)));
        assert!(!during(4, Band::Between(None, Some(99.0))).shown, "a second is missing");
    }

    #[test]
    fn what_begins_must_not_have_begun_before() {
        let after = [Some(0.0), Some(0.0), Some(1.0), Some(0.0), Some(1.0)];
        let begins = |a, b| {
            signature(Form::Value, When::Begins(a, b), Band::Between(Some(0.0), None)).judge(&BASE, &after)
        };
        assert_eq!(begins(1, 3), Verdict { shown: true, measured: Some(1.0), second: Some(2) });
        assert!(!begins(3, 4).shown, "it had begun at 2");
        assert_eq!(begins(0, 1), Verdict { shown: false, measured: None, second: None });
    }

    #[test]
    fn a_value_may_be_the_mean_of_some_seconds() {
        let after = [Some(60.0), Some(100.0), Some(60.0), Some(100.0)];
        let s = Signature { over: 2, ..signature(Form::Value, When::During(1, 3), Band::Near(80.0, 0.1)) };
        assert!(s.judge(&BASE, &after).shown);
        assert!(!Signature { over: 1, ..s.clone() }.judge(&BASE, &after).shown);
        assert_eq!((s.before(), Signature { over: 60, ..s }.before()), (10, 60));
    }

    #[test]
    fn several_values_become_one() {
        let of = |how: How| how.of([3.0, 1.0, 5.0].into_iter());
        assert_eq!(
            (of(How::Mean), of(How::Min), of(How::Max), of(How::Sum)),
            (Some(3.0), Some(1.0), Some(5.0), Some(9.0))
        );
        assert_eq!(How::Mean.of(std::iter::empty()), None);
    }

    #[test]
    fn words_sit_at_their_place() {
        assert!(How::ALL.iter().all(|(name, how)| how.name() == *name));
        assert!(Form::ALL.iter().all(|(name, form)| form.name() == *name));
    }

    #[test]
    fn a_signature_can_be_read_aloud() {
        let s = signature(Form::Ratio, When::Begins(4, 90), Band::Between(None, Some(0.5)));
        assert_eq!(s.to_string(), "begins 4s to 1m30s: mean rack_liquid_flow of picked ratio below 0.5");
        let s = signature(Form::Value, When::At(4), Band::Near(46.0, 4.0));
        assert_eq!(s.to_string(), "at 4s: mean rack_liquid_flow of picked 46 ± 4 LPM");
    }
}
