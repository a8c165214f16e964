//! Four disturbances of cooling, second by second, beside their published courses: a pump that
//! fails over, a distribution unit whose sibling takes over, a row without any, and a supply that
//! drifts away.
//!
//! Without the published curves at hand a few of their points are held, which stand here.

use std::sync::Arc;

use crate::model::document::FileError;
use crate::model::topology::TopologyError;
use crate::model::{CduId, ClockEvents, HallId, Metric, Topology, text};
use crate::source::sim::SimPlan;
use crate::source::sim::effect::Effect;
use crate::source::sim::validate::probe::Probe;
use crate::source::sim::validate::{Plan, QUICK_SITE, Row};
use crate::source::sim::workload::LoadPlan;

/// Seconds of rest before a disturbance.
const REST_S: u32 = 60;
/// Seconds by which a course may be early or late when it is held against a published one.
const SHIFT_S: usize = 2;
/// Most lines that are taken from a file.
const MAX_LINES: usize = 100_000;
/// What a file must begin with.
const HEAD: &str = "t_s,rack_flow_lpm,supply_c,return_c,gpu_c,gpu_w,rack_kw,flag";
/// A published course marks a second of shutdown so, or shows it by power below this, W.
const SHUTDOWN: &str = "SHUTDOWN";
const SHUT_W: f64 = 250.0;

/// What a course shows of a rack and its GPUs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// Flow through the rack, LPM.
    Flow,
    /// Supply, °C.
    Supply,
    /// Return, °C.
    Return,
    /// Core temperature, mean, °C.
    Core,
    /// Power of a GPU, mean, W.
    Watts,
    /// Power of the rack, kW.
    Rack,
}

impl Column {
    /// All, in the order of the files.
    pub const ALL: [Self; 6] = [Self::Flow, Self::Supply, Self::Return, Self::Core, Self::Watts, Self::Rack];

    /// Name, unit, and how far a simulated course may be from a published one.
    const fn spec(self) -> (&'static str, &'static str, f64) {
        match self {
            Self::Flow => ("flow", "LPM", 3.0),
            Self::Supply => ("supply", "K", 0.5),
            Self::Return => ("return", "K", 1.5),
            Self::Core => ("core", "K", 1.5),
            Self::Watts => ("GPU power", "W", 60.0),
            Self::Rack => ("rack power", "kW", 6.0),
        }
    }

    /// Unit of its values.
    const fn unit(self) -> &'static str {
        match self {
            Self::Supply | Self::Return | Self::Core => "°C",
            _ => self.spec().1,
        }
    }
}

/// A disturbance of cooling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disturbance {
    /// The lead pump of a unit fails; its standby starts.
    Pump,
    /// A unit trips; its sibling takes over.
    Unit,
    /// Both units of a row trip.
    Row,
    /// Supply rises by 14 K in 28 minutes.
    Drift,
}

impl Disturbance {
    /// All.
    pub const ALL: [Self; 4] = [Self::Pump, Self::Unit, Self::Row, Self::Drift];

    /// What it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pump => "pump failover",
            Self::Unit => "unit lost",
            Self::Row => "row cooling lost",
            Self::Drift => "supply drift",
        }
    }

    /// Name of the file of its published course.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Pump => "scenario_cdu_pump_failover.csv",
            Self::Unit => "scenario_cdu_sibling_takeover.csv",
            Self::Row => "scenario_cdu_total_loss.csv",
            Self::Drift => "scenario_supply_drift.csv",
        }
    }

    /// Second of the published course in which it happens.
    const fn at(self) -> usize {
        match self {
            Self::Drift => 0,
            _ => 30,
        }
    }

    /// Seconds after it that are simulated: the longest are those of the drift.
    const fn seconds(self) -> u32 {
        match self {
            Self::Drift => 1800,
            _ => 210,
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Pump => "pump",
            Self::Unit => "unit",
            Self::Row => "row",
            Self::Drift => "drift",
        }
    }

    fn effects(self) -> Vec<Effect> {
        match self {
            Self::Pump => vec![Effect::PumpTrip(CduId(0))],
            Self::Unit => vec![Effect::CduTrip(CduId(0))],
            Self::Row => vec![Effect::CduTrip(CduId(0)), Effect::CduTrip(CduId(1))],
            Self::Drift => vec![Effect::Setpoint(HallId(0), 14.0, 1680)],
        }
    }

    fn checks(self) -> &'static [Check] {
        match self {
            Self::Pump => PUMP,
            Self::Unit => UNIT,
            Self::Row => ROW,
            Self::Drift => DRIFT,
        }
    }
}

/// What of a course is held against a point of the published one.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Check {
    /// A value so many seconds after the disturbance: value, and how far it may be off.
    At(u32, Column, f64, f64),
    /// The highest value.
    Peak(Column, f64, f64),
    /// Seconds until half of the GPUs show these clock events.
    Bits(u16, &'static str, f64, f64),
    /// Seconds until the first GPU has shut down.
    Shut(f64, f64),
}

use Check::{At, Bits, Peak, Shut};

const PUMP: &[Check] = &[
    At(4, Column::Flow, 46.0, 4.0),
    At(12, Column::Flow, 79.0, 3.0),
    Peak(Column::Return, 55.1, 0.8),
    At(8, Column::Core, 70.5, 1.0),
    At(90, Column::Core, 69.0, 0.8),
];
const UNIT: &[Check] = &[
    At(5, Column::Flow, 41.5, 3.0),
    At(35, Column::Flow, 73.0, 3.0),
    Peak(Column::Return, 58.6, 1.0),
    At(20, Column::Core, 73.6, 1.2),
    At(60, Column::Core, 71.0, 1.0),
];
const ROW: &[Check] = &[
    At(6, Column::Flow, 1.7, 1.5),
    At(10, Column::Core, 81.4, 2.0),
    Bits(ClockEvents::SW_THERMAL, "software slows down", 13.0, 2.0),
    Bits(ClockEvents::HW_THERMAL, "hardware slows down", 15.0, 3.0),
    At(25, Column::Watts, 607.0, 30.0),
    At(25, Column::Rack, 70.0, 4.0),
    // The published course has one GPU that stands for all: 92 °C at 84 s, and again at 98 s.
    Shut(85.0, 20.0),
];
const DRIFT: &[Check] = &[
    At(360, Column::Supply, 35.0, 0.5),
    At(1680, Column::Supply, 46.0, 0.5),
    At(1700, Column::Return, 67.0, 1.2),
    At(1700, Column::Core, 82.0, 1.5),
    At(1700, Column::Flow, 82.9, 3.0),
];

/// A published course.
#[derive(Clone, PartialEq, Debug)]
pub struct Reference {
    /// What it is about.
    pub disturbance: Disturbance,
    /// By second: the columns.
    seconds: Vec<[f64; 6]>,
    /// Second of the first shutdown: what comes after it depends on what operators do.
    shut: Option<usize>,
}

impl Reference {
    /// Reads the published course of `disturbance` from CSV with a line for each second.
    ///
    /// # Errors
    /// File and line of what is not as expected.
    pub fn parse(disturbance: Disturbance, text: &str, file: &str) -> Result<Self, FileError> {
        let mut lines = text.lines().take(MAX_LINES).enumerate();
        let head = lines.next().map_or("", |(_, line)| line.trim_end());
        if head != HEAD {
            return Err(FileError::new(file, Some(1), format!("expected the columns {HEAD}")));
        }
        let mut found = Self { disturbance, seconds: Vec::new(), shut: None };
        for (i, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let error = |message: String| FileError::new(file, Some(i + 1), message);
            let cells: Vec<&str> = line.trim_end().split(',').collect();
            if cells.len() != 8 {
                return Err(error(format!("expected 8 columns, found {}", cells.len())));
            }
            let mut numbers = [0.0; 7];
            for (number, cell) in numbers.iter_mut().zip(&cells) {
                let value = cell.parse::<f64>().ok().filter(|v| v.is_finite() && v.abs() < 1e6);
                *number = value
                    .ok_or_else(|| error(format!("expected a number, found `{}`", text::clean(cell))))?;
            }
            let second = found.seconds.len();
            if numbers[0] != second as f64 {
                return Err(error(format!("expected second {second}, found {}", numbers[0])));
            }
            if (cells[7] == SHUTDOWN || numbers[5] < SHUT_W) && found.shut.is_none() {
                found.shut = Some(second);
            }
            found.seconds.push([numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]]);
        }
        if found.seconds.len() < disturbance.at() + SHIFT_S {
            return Err(FileError::new(file, None, format!("only {} seconds", found.seconds.len())));
        }
        Ok(found)
    }
}

/// A simulated course, by second; second 0 is the last one before the disturbance.
struct Course {
    seconds: Vec<[f64; 6]>,
    /// Share of the rack's GPUs with software and with hardware slowdown, and those that are gone.
    software: Vec<f64>,
    hardware: Vec<f64>,
    gone: Vec<f64>,
}

/// The row that is disturbed: 8 full NVL72 racks with two distribution units.
fn row_site() -> Result<Topology, TopologyError> {
    Topology::from_toml(&QUICK_SITE.replace("rows = 4", "rows = 1"), "validate/quick.toml")
}

fn simulate(topology: &Arc<Topology>, seed: u64, disturbance: Disturbance) -> Course {
    let plan = SimPlan { load: LoadPlan::Full, flawless: true, ..SimPlan::new(seed) };
    let mut probe = Probe::start(topology, plan);
    probe.steps(REST_S);
    let mut course =
        Course { seconds: Vec::new(), software: Vec::new(), hardware: Vec::new(), gone: Vec::new() };
    course.read(&probe);
    for effect in disturbance.effects() {
        probe.sim.apply(&effect);
    }
    for _ in 0..disturbance.seconds() {
        probe.step();
        course.read(&probe);
    }
    course
}

impl Course {
    /// Reads the first rack.
    fn read(&mut self, probe: &Probe) {
        let gpus = probe.sim.topology().racks()[0].gpus.range();
        let all = gpus.len() as f64;
        let mean = |metric| {
            let values: Vec<f64> = probe.values(metric, gpus.clone()).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let events: Vec<u16> = probe.values(Metric::ClockEvents, gpus.clone()).map(|v| v as u16).collect();
        let share = |bit: u16| events.iter().filter(|e| *e & bit != 0).count() as f64 / all;
        let rack = probe.racks()[0];
        let (core, watts) = (mean(Metric::Temp), mean(Metric::Power));
        self.seconds.push([rack.flow_lpm, rack.supply_c, rack.return_c, core, watts, rack.kw]);
        self.software.push(share(ClockEvents::SW_THERMAL));
        self.hardware.push(share(ClockEvents::HW_THERMAL));
        self.gone.push(1.0 - events.len() as f64 / all);
    }

    fn measure(&self, check: Check) -> f64 {
        let first = |shares: &[f64], least: f64| {
            shares.iter().position(|s| *s >= least).map_or(f64::NAN, |second| second as f64)
        };
        match check {
            At(second, column, ..) => {
                self.seconds.get(second as usize).map_or(f64::NAN, |s| s[column as usize])
            }
            Peak(column, ..) => self.seconds.iter().map(|s| s[column as usize]).fold(f64::NAN, f64::max),
            Bits(ClockEvents::SW_THERMAL, ..) => first(&self.software, 0.5),
            Bits(..) => first(&self.hardware, 0.5),
            Shut(..) => first(&self.gone, 1e-6),
        }
    }

    /// Seconds until the first shutdown, here or in `reference`: from there on a mean over 72 GPUs
    /// and one GPU that stands for all of them are no longer the same.
    fn until(&self, reference: &Reference) -> Option<usize> {
        let here = self.gone.iter().position(|gone| *gone > 0.0);
        let there = reference.shut.map(|s| s - reference.disturbance.at().min(s));
        here.into_iter().chain(there).min()
    }

    /// The largest distance of a column from `reference`, each second held against the nearest
    /// value within [`SHIFT_S`].
    fn distance(&self, reference: &Reference, column: Column) -> f64 {
        let at = reference.disturbance.at();
        let published = reference.seconds[at..].iter().map(|s| s[column as usize]);
        let seconds = self.until(reference).unwrap_or(usize::MAX).min(self.seconds.len() - SHIFT_S);
        let mut worst = 0.0f64;
        for (second, wanted) in published.enumerate().take(seconds) {
            let near = &self.seconds[second.saturating_sub(SHIFT_S)..=second + SHIFT_S];
            let off = near.iter().map(|s| (s[column as usize] - wanted).abs()).fold(f64::INFINITY, f64::min);
            worst = worst.max(off);
        }
        worst
    }
}

/// The figures of one disturbance: those of its published course when that is among `references`,
/// else some of its points.
pub(super) fn rows(plan: &Plan, disturbance: Disturbance, references: &[Reference]) -> Vec<Row> {
    let id = |what: &str| format!("{}-{}", disturbance.id(), what.replace(' ', "-"));
    let Ok(topology) = row_site() else {
        return vec![Row::missing(&id("course"), disturbance.name(), "the row cannot be built")];
    };
    let course = simulate(&Arc::new(topology), plan.seed, disturbance);
    let name = disturbance.name();
    if let Some(reference) = references.iter().find(|r| r.disturbance == disturbance) {
        let row = |column: Column| {
            let (what, unit, most) = column.spec();
            let far = course.distance(reference, column);
            Row::judge(
                &id(what),
                &format!("{name}: {what} from the published course, most"),
                (far, unit),
                (0.0, most),
            )
        };
        let until = course.until(reference);
        return Column::ALL
            .map(row)
            .into_iter()
            .map(|r| match until {
                Some(s) => r.noted(format!("up to the first shutdown at {s} s")),
                None => r,
            })
            .collect();
    }
    disturbance.checks().iter().map(|check| point(&id, name, *check, course.measure(*check))).collect()
}

fn point(id: &dyn Fn(&str) -> String, name: &str, check: Check, measured: f64) -> Row {
    let (what, unit, wanted, off) = match check {
        At(second, column, wanted, off) => {
            (format!("{} at {second} s", column.spec().0), column.unit(), wanted, off)
        }
        Peak(column, wanted, off) => (format!("highest {}", column.spec().0), column.unit(), wanted, off),
        Bits(_, what, wanted, off) => (what.to_owned(), "s", wanted, off),
        Shut(wanted, off) => (String::from("first shutdown"), "s", wanted, off),
    };
    Row::judge(&id(&what), &format!("{name}: {what}"), (measured, unit), (wanted - off, wanted + off))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = ",82.9,32.0,52.96,68.0,1278,135.9,";

    fn csv(seconds: usize) -> String {
        let lines = (0..seconds).map(|s| format!("{s}{LINE}\r\n"));
        format!("{HEAD}\r\n{}", lines.collect::<String>())
    }

    #[test]
    fn a_published_course_is_read_up_to_its_first_shutdown() {
        let text =
            csv(60).replace("40,82.9,32.0,52.96,68.0,1278,135.9,", "40,1.7,32.0,97.1,92.1,607,69.5,SHUTDOWN");
        let r = Reference::parse(Disturbance::Row, &text, "a.csv").expect("valid");
        assert_eq!((r.seconds.len(), r.shut), (60, Some(40)));
        assert_eq!(r.seconds[40][3], 92.1);
    }

    #[test]
    fn what_is_not_as_expected_is_named_with_its_line() {
        let refused =
            |text: &str| Reference::parse(Disturbance::Pump, text, "a.csv").expect_err("refused").to_string();
        assert!(refused("").starts_with("a.csv:1: expected the columns t_s,"));
        assert_eq!(
            refused(&csv(60).replace("7,82.9", "7,x\u{1b}[m")),
            "a.csv:9: expected a number, found `x[m`"
        );
        assert_eq!(refused(&csv(60).replace("\n7,", "\n9,")), "a.csv:9: expected second 7, found 9");
        assert_eq!(refused(&format!("{}61,1\n", csv(61))), "a.csv:63: expected 8 columns, found 2");
        assert_eq!(refused(&csv(3)), "a.csv: only 3 seconds");
        assert!(refused(&csv(60).replace("\n7,82.9", "\n7,NaN")).contains("expected a number"));
    }

    #[test]
    fn a_course_that_is_two_seconds_late_is_not_far_and_three_seconds_are() {
        let ramp = |late: usize| -> Vec<[f64; 6]> {
            (0..100usize).map(|s| [10.0 * (s.saturating_sub(late + 20)).min(30) as f64; 6]).collect()
        };
        let course = |late| Course { seconds: ramp(late), software: vec![], hardware: vec![], gone: vec![] };
        let reference = Reference { disturbance: Disturbance::Drift, seconds: ramp(0), shut: None };
        assert_eq!(course(2).distance(&reference, Column::Core), 0.0);
        assert_eq!(course(3).distance(&reference, Column::Core), 10.0);
    }

    #[test]
    fn points_are_taken_where_they_are() {
        let course = Course {
            seconds: vec![[1.0; 6], [5.0; 6], [3.0; 6]],
            software: vec![0.0, 0.6, 0.6],
            hardware: vec![0.0; 3],
            gone: vec![0.0, 0.0, 0.1],
        };
        assert_eq!(course.measure(At(2, Column::Core, 0.0, 0.0)), 3.0);
        assert_eq!(course.measure(Peak(Column::Flow, 0.0, 0.0)), 5.0);
        assert_eq!(course.measure(Bits(ClockEvents::SW_THERMAL, "", 0.0, 0.0)), 1.0);
        assert!(course.measure(Bits(ClockEvents::HW_THERMAL, "", 0.0, 0.0)).is_nan());
        assert_eq!(course.measure(Shut(0.0, 0.0)), 2.0);
    }
}
