//! Figures of the running fleet: power, shapes of the distributions, spread within jobs, heat.

use crate::model::{ClockEvents, GpuId, HallPoint, Metric, Topology, TrayId};
use crate::source::sim::SimPlan;
use crate::source::sim::effect::Effect;
use crate::source::sim::place::Kind;
use crate::source::sim::validate::probe::{Counts, Probe};
use crate::source::sim::validate::{Plan, Row};
use crate::source::sim::workload::LoadPlan;

/// Seconds between two looks at the usual mixture of work.
const LOOK_S: u32 = 15;
/// Seconds in which coolant and metal of a rack come to rest: more than five time constants.
const SETTLE_S: u32 = 300;
/// GPUs of a job whose spread says something.
const JOB: usize = 256;
/// Share of power that is left for racks at part load, 41 kW of an NVL72.
const PART: f32 = 0.25;
/// Quantiles that are compared.
pub const PARTS: [f64; 6] = [0.25, 0.50, 0.75, 0.90, 0.99, 1.0];

/// A distribution beside the one of Kalos, a cluster of A100 (AcmeTrace).
#[derive(Clone, PartialEq, Debug)]
pub struct Quantiles {
    /// What.
    pub what: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Here, at the quantiles of [`PARTS`].
    pub here: [f64; 6],
    /// There, where it is published.
    pub there: [Option<f64>; 6],
    /// How values from there were made comparable, or why they are not.
    pub note: &'static str,
}

/// What a full fleet shows.
pub(super) struct Full {
    pub power: Row,
    pub heat: Vec<Row>,
}

fn simulate(plan: &Plan, load: LoadPlan) -> Probe {
    let flawless = load != LoadPlan::Normal;
    Probe::start(&plan.topology, SimPlan { load, flawless, ..SimPlan::new(plan.seed) })
}

/// Sum of a figure of their models over all GPUs, MW.
fn model_mw(topology: &Topology, watts: fn(&crate::model::topology::GpuModel) -> f32) -> f64 {
    let all = (0..topology.gpu_count()).map(|g| f64::from(watts(topology.gpu_model(GpuId::new(g)))));
    all.sum::<f64>() / 1e6
}

/// Idle power: 166 W per GPU on the default site, 16.7 MW, give or take 1 MW.
pub(super) fn idle(plan: &Plan) -> Row {
    let mut probe = simulate(plan, LoadPlan::Idle);
    probe.steps(20);
    let nominal = model_mw(&plan.topology, |m| m.idle_w);
    let (low, high) = (nominal * (1.0 - 1.0 / 16.7), nominal * (1.0 + 1.0 / 16.7));
    let row =
        Row::judge("idle-power", "power of the GPUs of an idle fleet", (probe.gpu_mw(), "MW"), (low, high));
    row.noted(format!("{:.0} W per GPU", 1e6 * probe.gpu_mw() / plan.topology.gpu_count() as f64))
}

/// Power and heat at full load: 125 to 135 MW for 100,224 GPUs of 1,400 W, and what their racks
/// give to the coolant.
pub(super) fn full(plan: &Plan) -> Full {
    let mut probe = simulate(plan, LoadPlan::Full);
    probe.steps(60);
    let rated = model_mw(&plan.topology, |m| m.tdp_w);
    let share = |mw: f64| mw * 1e6 / (100_224.0 * 1400.0) * rated;
    let range = (share(125.0), share(135.0));
    let row = Row::judge("full-power", "power of the GPUs of a full fleet", (probe.gpu_mw(), "MW"), range);
    let power =
        row.noted(format!("{:.0} W per GPU", 1e6 * probe.gpu_mw() / plan.topology.gpu_count() as f64));
    Full { power, heat: heat(&probe) }
}

fn heat(probe: &Probe) -> Vec<Row> {
    let names = [
        ("heat-rated", "heat to the coolant of racks at rated power"),
        ("heat-closed", "heat to coolant and air, by power of the halls"),
        ("return-rated", "return temperature at rated power"),
    ];
    let racks: Vec<_> = probe.racks().into_iter().filter(|r| r.flow_lpm > 0.0 && r.kw > 0.0).collect();
    let (Some(power), Some(air)) = (probe.halls(HallPoint::Power), probe.halls(HallPoint::AirHeat)) else {
        return names.map(|(id, what)| Row::missing(id, what, "the halls tell no heat")).into();
    };
    if racks.is_empty() {
        return names.map(|(id, what)| Row::missing(id, what, "no rack is cooled by liquid")).into();
    }
    let mean = |f: &dyn Fn(usize) -> f64| (0..racks.len()).map(f).sum::<f64>() / racks.len() as f64;
    let share = 100.0 * mean(&|i| racks[i].heat_kw() / racks[i].kw);
    let kw = mean(&|i| racks[i].kw);
    let liquid: f64 = racks.iter().map(|r| r.heat_kw()).sum::<f64>() / 1000.0;
    let closed = 100.0 * (liquid + air) / power;
    vec![
        Row::judge(names[0].0, names[0].1, (share, "%"), (83.5, 87.0))
            .noted(format!("racks of {kw:.1} kW; the template has 116 of 136 kW")),
        Row::judge(names[1].0, names[1].1, (closed, "%"), (99.5, 100.5))
            .noted("heat to coolant worked out from flow and temperatures of the racks"),
        Row::judge(names[2].0, names[2].1, (mean(&|i| racks[i].return_c), "°C"), (52.0, 56.0)),
    ]
}

/// Racks at 35 to 50 kW, where live ones were measured: 94.5 to 96.8 % of their power goes into
/// the coolant.
pub(super) fn part_load(plan: &Plan) -> Row {
    let (id, what) = ("heat-part", "heat to the coolant of racks at 35 to 50 kW");
    let mut probe = simulate(plan, LoadPlan::Full);
    for tray in 0..plan.topology.trays().len() {
        probe.sim.apply(&Effect::FirmwareCap(TrayId::new(tray), PART, PART));
    }
    probe.steps(SETTLE_S);
    let racks: Vec<_> = probe.racks().into_iter().filter(|r| r.flow_lpm > 0.0).collect();
    let kw = racks.iter().map(|r| r.kw).sum::<f64>() / racks.len() as f64;
    if !(35.0..=50.0).contains(&kw) {
        let why = if racks.is_empty() {
            "no rack is cooled by liquid".into()
        } else {
            format!("racks draw {kw:.1} kW")
        };
        return Row::missing(id, what, why);
    }
    let share = 100.0 * racks.iter().map(|r| r.heat_kw() / r.kw).sum::<f64>() / racks.len() as f64;
    Row::judge(id, what, (share, "%"), (94.0, 97.0)).noted(format!("racks of {kw:.1} kW"))
}

/// The usual mixture of work, looked at again and again.
#[derive(Debug)]
struct Looks {
    util: Counts,
    power: Counts,
    core: Counts,
    memory: Counts,
    /// Memory over core, K: lowest and highest.
    above: (f64, f64),
    /// Relative deviation of power within each large job.
    spreads: Vec<f64>,
}

impl Looks {
    fn look(&mut self, probe: &Probe) {
        for counts in [&mut self.util, &mut self.power, &mut self.core, &mut self.memory] {
            counts.take(probe);
        }
        let (Some(core), Some(memory)) = (probe.column(Metric::Temp), probe.column(Metric::MemTemp)) else {
            return;
        };
        for g in probe.fresh(0..core.len()) {
            if let (Some(c), Some(m)) =
                (Metric::Temp.decode(core.raw(g)), Metric::MemTemp.decode(memory.raw(g)))
            {
                let above = f64::from(m - c);
                self.above = (self.above.0.min(above), self.above.1.max(above));
            }
        }
        self.spread(probe);
    }

    /// Power of GPUs at work in each large training job: free of hardware slowdown, all in the same
    /// second of the same step.
    fn spread(&mut self, probe: &Probe) {
        let columns = [Metric::Power, Metric::Util, Metric::ClockEvents].map(|m| probe.column(m));
        let [Some(power), Some(util), Some(events)] = columns else { return };
        let topology = probe.sim.topology();
        for area in probe.sim.work().areas.iter().filter(|a| a.kind == Kind::Train && a.held()) {
            let trays = &topology.trays()[area.trays.clone()];
            let (Some(first), Some(last)) = (trays.first(), trays.last()) else { continue };
            let (mut n, mut sum, mut squares) = (0usize, 0.0, 0.0);
            for g in probe.fresh(first.gpus.range().start..last.gpus.range().end) {
                let busy = Metric::Util.decode(util.raw(g)).is_some_and(|u| u > 97.0);
                let held = ClockEvents(events.raw(g)).is_fault();
                if let Some(w) = Metric::Power.decode(power.raw(g)).filter(|_| busy && !held) {
                    let w = f64::from(w);
                    (n, sum, squares) = (n + 1, sum + w, squares + w * w);
                }
            }
            if n >= JOB {
                let mean = sum / n as f64;
                self.spreads.push((squares / n as f64 - mean * mean).max(0.0).sqrt() / mean);
            }
        }
    }
}

/// Shape and spread of what GPUs show in the usual mixture of work.
pub(super) fn normal(plan: &Plan) -> (Vec<Row>, Vec<Quantiles>) {
    let mut probe = simulate(plan, LoadPlan::Normal);
    let mut looks = Looks {
        util: Counts::new(Metric::Util),
        power: Counts::new(Metric::Power),
        core: Counts::new(Metric::Temp),
        memory: Counts::new(Metric::MemTemp),
        above: (f64::INFINITY, f64::NEG_INFINITY),
        spreads: Vec::new(),
    };
    for _ in 0..(plan.seconds / LOOK_S).max(1) {
        probe.steps(LOOK_S);
        looks.look(&probe);
    }
    let rows = shape_rows(&mut looks);
    (rows, quantiles(&looks, &plan.topology))
}

fn shape_rows(looks: &mut Looks) -> Vec<Row> {
    let between = 100.0 * looks.util.share(10.0, 80.0);
    let (idle, busy) = (100.0 * looks.util.share(0.0, 10.0), 100.0 * looks.util.share(80.0, 101.0));
    let (low, high) = looks.above;
    let mut rows = vec![
        Row::judge("util-between", "GPUs with a utilization of 10 to 80 %", (between, "%"), (0.0, 10.0))
            .noted(format!("{idle:.0} % below, {busy:.0} % above")),
        Row::judge("util-idle", "GPUs with a utilization below 10 %", (idle, "%"), (3.0, 60.0)),
        Row::judge("memory-least", "memory over core temperature, least", (low, "K"), (2.0, 11.0)),
        Row::judge("memory-most", "memory over core temperature, most", (high, "K"), (2.0, 11.0)),
    ];
    let (id, what) = ("job-spread", "deviation of GPU power within a job, median of jobs");
    looks.spreads.sort_by(f64::total_cmp);
    rows.push(match looks.spreads.get(looks.spreads.len() / 2) {
        None => Row::missing(id, what, format!("no training job of {JOB} GPUs was at work")),
        Some(median) => Row::judge(id, what, (100.0 * median, "%"), (1.5, 2.0)).noted(format!(
            "{} looks at jobs, {:.2} to {:.2} %",
            looks.spreads.len(),
            100.0 * looks.spreads[0],
            100.0 * looks.spreads[looks.spreads.len() - 1]
        )),
    });
    let memory = looks.memory.quantile(0.5) - looks.core.quantile(0.5);
    rows.push(
        Row::judge("median-memory", "median memory over median core temperature", (memory, "K"), (2.0, 11.0))
            .noted("Kalos: 11 K"),
    );
    let tail = looks.core.quantile(1.0) - looks.core.quantile(0.9);
    rows.push(
        Row::judge("core-tail", "hottest core over the 90th percentile", (tail, "K"), (8.0, 35.0))
            .noted("Kalos: 21 K"),
    );
    rows
}

/// The distributions beside those of Kalos: A100 of 400 W, power scaled by the power limit.
fn quantiles(looks: &Looks, topology: &Topology) -> Vec<Quantiles> {
    let here = |counts: &Counts| PARTS.map(|p| counts.quantile(p));
    let tdp = 1e6 * model_mw(topology, |m| m.tdp_w) / topology.gpu_count().max(1) as f64;
    let watts = [66.0, 101.0, 372.0, 404.0, 440.0, 600.0].map(|w| Some(w * tdp / 400.0));
    let one = |what, unit, here, there, note| Quantiles { what, unit, here, there, note };
    vec![
        one("power", "W", here(&looks.power), watts, "scaled by power limit"),
        one(
            "core",
            "°C",
            here(&looks.core),
            [None, Some(40.0), None, Some(58.0), Some(66.0), Some(79.0)],
            "not scaled",
        ),
        one(
            "memory",
            "°C",
            here(&looks.memory),
            [None, Some(51.0), None, None, Some(67.0), Some(80.0)],
            "not scaled",
        ),
        one("utilization", "%", here(&looks.util), [Some(0.0), Some(97.5), Some(99.5), None, None, None], ""),
    ]
}
