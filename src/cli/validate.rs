//! `sim validate`: is the simulated site true? Figures beside their published ranges.

mod report;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::cli::{CliError, files};
use crate::model::Topology;
use crate::model::time::SIM_EPOCH;
use crate::source::sim::validate::curves::{Disturbance, Reference};
use crate::source::sim::validate::{self, Plan, Row, Verdict};
use crate::source::sim::{Sim, TICK_MS};

/// Most days of faults that are sampled.
const MAX_DAYS: i64 = 3650;
/// Ticks before the cost of one is measured, and those that are.
const WARM_UP: u32 = 10;
const MEASURED: u32 = 50;

/// Options of `sim validate`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ValidateArgs {
    /// Take seconds: a small site, a quarter of an hour of work, 60 days of faults
    #[arg(long)]
    pub quick: bool,
    /// Seed of the simulator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The site as a TOML file [default: the built-in site]
    #[arg(long, value_name = "FILE", env = "HALLWATCH_TOPOLOGY", hide_env_values = true)]
    pub topology: Option<PathBuf>,
    /// Days of faults, sampled without the physics [default: 365, or 60 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS))]
    pub days: Option<u32>,
    /// Folder with published courses of cooling failures (scenario_*.csv) to compare with
    #[arg(long, value_name = "DIR")]
    pub curves: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Measures and writes the report to `out`.
///
/// # Errors
/// [`CliError::Failed`] when a figure is out of its range; files that cannot be used.
pub fn run(args: &ValidateArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let plan = plan(args)?;
    let references = match &args.curves {
        Some(folder) => read_curves(folder)?,
        None => Vec::new(),
    };
    let progress = Progress::new();
    let mut report = validate::run(&plan, &references, &mut |what| progress.tell(what));
    progress.tell("the cost of a tick");
    report.rows.push(cost(&plan));
    progress.end();
    if args.json {
        report::json(&plan, &report, out)?;
    } else {
        report::text(&plan, &report, out)?;
    }
    out.flush()?;
    match report.count(Verdict::Fail) {
        0 => Ok(()),
        1 => Err(CliError::Failed(String::from("1 figure is out of its range"))),
        n => Err(CliError::Failed(format!("{n} figures are out of their ranges"))),
    }
}

fn plan(args: &ValidateArgs) -> Result<Plan, CliError> {
    let own = match &args.topology {
        Some(path) => {
            let text = files::read(path, files::MAX_CONFIG)?;
            Some(Arc::new(Topology::from_toml(&text, &path.to_string_lossy())?))
        }
        None => None,
    };
    let plan = if args.quick {
        Plan::quick(own, args.seed)?
    } else {
        Plan::full(own.unwrap_or_else(|| Arc::new(Topology::default_site())), args.seed)
    };
    Ok(Plan { days: args.days.unwrap_or(plan.days), ..plan })
}

/// The published courses in `folder`; those that are not there are left out.
fn read_curves(folder: &Path) -> Result<Vec<Reference>, CliError> {
    let mut found = Vec::new();
    for disturbance in Disturbance::ALL {
        let path = folder.join(disturbance.file());
        if let Some(text) = files::read_if_present(&path, files::MAX_DATA)? {
            found.push(Reference::parse(disturbance, &text, &path.to_string_lossy())?);
        }
    }
    if found.is_empty() {
        let names = Disturbance::ALL.map(Disturbance::file).join(", ");
        return Err(CliError::Usage(format!("--curves: {} has none of {names}", folder.display())));
    }
    Ok(found)
}

/// What a tick costs here. It says more of the machine than of the site, so nothing judges it.
fn cost(plan: &Plan) -> Row {
    let mut sim = Sim::new(Arc::clone(&plan.topology), plan.seed);
    let mut run = |ticks: u32| {
        for _ in 0..ticks {
            let time = SIM_EPOCH.plus_millis(i64::from(TICK_MS) * sim.ticks() as i64);
            sim.step(time, 0);
        }
    };
    run(WARM_UP);
    let start = Instant::now();
    run(MEASURED);
    let millis = start.elapsed().as_secs_f64() * 1000.0 / f64::from(MEASURED);
    let build = if cfg!(debug_assertions) { ", a build without optimization" } else { "" };
    Row::info("tick-cost", "cost of a simulated second", (millis, "ms"))
        .noted(format!("{} GPUs on this machine{build}", plan.topology.gpu_count()))
}

/// A line on standard error that says what is being measured, when that is a terminal.
struct Progress {
    shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal() }
    }

    fn tell(&self, what: &str) {
        if self.shown {
            // Who cannot read the progress is not kept from the report.
            let _ = write!(std::io::stderr(), "\r\x1b[Kmeasuring {what} …");
        }
    }

    fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_seed_reach_the_plan() {
        let args = ValidateArgs { quick: true, seed: 9, days: Some(3), ..ValidateArgs::default() };
        let plan = plan(&args).expect("valid");
        assert_eq!((plan.seed, plan.days, plan.topology.gpu_count()), (9, 3, 2304));
        assert_eq!(plan.faulty.gpu_count(), 100_224);
    }

    #[test]
    fn a_folder_without_courses_and_a_broken_one_are_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let e = read_curves(dir.path()).expect_err("empty");
        assert!(e.exit_code() == 2 && e.report().contains("scenario_supply_drift.csv"), "{}", e.report());
        let path = dir.path().join("scenario_cdu_total_loss.csv");
        std::fs::write(&path, "a,b\n").expect("writable");
        let e = read_curves(dir.path()).expect_err("no such columns");
        assert!(e.exit_code() == 1 && e.report().contains("total_loss.csv:1: "), "{}", e.report());
    }

    #[test]
    fn a_topology_that_is_missing_is_named() {
        let args = ValidateArgs { topology: Some("/nowhere/site.toml".into()), ..ValidateArgs::default() };
        let e = run(&args, &mut Vec::new()).expect_err("no such file");
        assert!(e.report().contains("/nowhere/site.toml"), "{}", e.report());
    }
}
