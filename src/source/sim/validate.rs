//! Is the simulated site true? Measures it against published figures: power of an idle and a full
//! fleet, spread and shape of what GPUs show, faults, heat balance, and how it behaves when cooling
//! fails.
//!
//! Everything here runs in fast time and needs neither files nor a clock.

pub mod curves;
mod fleet;
mod probe;
mod process;

use std::sync::Arc;

use crate::model::Topology;
use crate::model::topology::TopologyError;

pub use fleet::{PARTS, Quantiles};

/// The site of the quick form: 4 rows of NVL72 racks, 2,304 GPUs.
const QUICK_SITE: &str = include_str!("validate/quick.toml");

/// What became of one figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Within its range.
    Pass,
    /// Outside.
    Fail,
    /// Shown without a range.
    Info,
    /// It could not be measured on this site; the note says why.
    NotMeasured,
}

impl Verdict {
    /// Word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Info => "info",
            Self::NotMeasured => "not measured",
        }
    }
}

/// One figure.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Name for programs.
    pub id: String,
    /// What it is.
    pub what: String,
    /// Unit, with the empty string for none.
    pub unit: &'static str,
    /// The range in which it must lie.
    pub range: Option<(f64, f64)>,
    /// The figure.
    pub measured: Option<f64>,
    /// What became of it.
    pub verdict: Verdict,
    /// What else there is to say.
    pub note: String,
}

impl Row {
    /// A figure that must lie between `low` and `high`, both included.
    #[must_use]
    pub fn judge(
        id: &str,
        what: &str,
        (measured, unit): (f64, &'static str),
        (low, high): (f64, f64),
    ) -> Self {
        let good = (low..=high).contains(&measured);
        Self {
            id: id.to_owned(),
            what: what.to_owned(),
            unit,
            range: Some((low, high)),
            // A figure that is no number has failed, and is not one.
            measured: measured.is_finite().then_some(measured),
            verdict: if good { Verdict::Pass } else { Verdict::Fail },
            note: String::new(),
        }
    }

    /// A figure that is shown and not judged.
    #[must_use]
    pub fn info(id: &str, what: &str, (measured, unit): (f64, &'static str)) -> Self {
        let row = Self::judge(id, what, (measured, unit), (f64::MIN, f64::MAX));
        Self { range: None, verdict: Verdict::Info, ..row }
    }

    /// A figure that this site cannot give.
    #[must_use]
    pub fn missing(id: &str, what: &str, why: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            what: what.to_owned(),
            unit: "",
            range: None,
            measured: None,
            verdict: Verdict::NotMeasured,
            note: why.into(),
        }
    }

    /// The same with a note.
    #[must_use]
    pub fn noted(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The site that is run.
    pub topology: Arc<Topology>,
    /// The site whose faults are sampled: without the physics size costs little.
    pub faulty: Arc<Topology>,
    /// Seed of all of it.
    pub seed: u64,
    /// Days of faults.
    pub days: u32,
    /// Simulated seconds of the usual mixture of work.
    pub seconds: u32,
}

impl Plan {
    /// An hour of work and a year of faults of `topology`.
    #[must_use]
    pub fn full(topology: Arc<Topology>, seed: u64) -> Self {
        Self { faulty: Arc::clone(&topology), topology, seed, days: 365, seconds: 3600 }
    }

    /// A quarter of an hour and 60 days; of a small site unless `topology` is given. Takes seconds
    /// even without optimization.
    ///
    /// # Errors
    /// None in practice: the small site is built in, and a test reads it.
    pub fn quick(topology: Option<Arc<Topology>>, seed: u64) -> Result<Self, TopologyError> {
        let (topology, faulty) = match topology {
            Some(own) => (Arc::clone(&own), own),
            None => {
                let small = Topology::from_toml(QUICK_SITE, "validate/quick.toml")?;
                (Arc::new(small), Arc::new(Topology::default_site()))
            }
        };
        Ok(Self { topology, faulty, seed, days: 60, seconds: 900 })
    }
}

/// All figures.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// The figures, in the order in which they are shown.
    pub rows: Vec<Row>,
    /// Distributions beside those of a real fleet.
    pub quantiles: Vec<Quantiles>,
}

impl Report {
    /// How many figures have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|r| r.verdict == verdict).count()
    }
}

/// Measures everything but the cost; `tell` hears what is being measured.
pub fn run(plan: &Plan, references: &[curves::Reference], tell: &mut dyn FnMut(&str)) -> Report {
    let mut report = Report::default();
    tell("an idle fleet");
    report.rows.push(fleet::idle(plan));
    tell("a full fleet");
    let full = fleet::full(plan);
    report.rows.push(full.power);
    tell("the usual mixture of work");
    let (rows, quantiles) = fleet::normal(plan);
    report.rows.extend(rows);
    report.quantiles = quantiles;
    tell("days of faults");
    report.rows.extend(process::rows(plan));
    tell("racks at a third of their power");
    report.rows.push(fleet::part_load(plan));
    report.rows.extend(full.heat);
    for disturbance in curves::Disturbance::ALL {
        tell(disturbance.name());
        report.rows.extend(curves::rows(plan, disturbance, references));
    }
    report
}

#[cfg(test)]
mod tests;
