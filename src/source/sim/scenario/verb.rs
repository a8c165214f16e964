//! The verbs of a scenario: one for each effect, with its parameters, their units and ranges.

use crate::model::{CduId, GpuId, HallId, RackId, RowId, TrayId};
use crate::source::sim::effect::{Effect, Leak, Side};
use crate::source::sim::scenario::ground::{Level, Need};

/// What a parameter takes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Takes {
    /// A number with a unit, within a range.
    Number(f32, f32, &'static str),
    /// A whole number within a range.
    Whole(u32, u32),
    /// A time in whole seconds, within a range in seconds.
    Seconds(u64, u64),
    /// A time in milliseconds, within a range.
    Millis(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
}

/// One parameter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Param {
    /// Its key.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What holds when it is left out; `None` when it must be given. A flag is 1 or 0, a time is in
    /// seconds or milliseconds, a word is its place in the list.
    pub default: Option<f32>,
}

const fn must(name: &'static str, takes: Takes) -> Param {
    Param { name, takes, default: None }
}

const fn may(name: &'static str, takes: Takes, default: f32) -> Param {
    Param { name, takes, default: Some(default) }
}

/// The values of the parameters of one event, in the order of the verb's list: numbers as they
/// are, words by place, flags as 0 or 1.
pub type Values = [f32; MAX_PARAMS];

/// Most parameters of a verb.
pub const MAX_PARAMS: usize = 3;

/// One verb.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// The kind of asset it acts on.
    pub level: Level,
    /// Its parameters.
    pub params: &'static [Param],
    /// What it does.
    pub doc: &'static str,
    /// What its asset must have, with these parameters.
    pub need: fn(&Values) -> Need,
    make: fn(u32, &Values) -> Effect,
}

impl Verb {
    /// The effect on asset `id` (of kind [`Verb::level`]).
    #[must_use]
    pub fn effect(&self, id: u32, values: &Values) -> Effect {
        (self.make)(id, values)
    }

    /// The one effect on all of `ids`, for verbs whose effect takes many assets at once.
    #[must_use]
    pub fn together(&self, ids: &[u32], values: &Values) -> Option<Effect> {
        (self.name == SILENT)
            .then(|| Effect::Silent(ids.iter().map(|t| TrayId(*t)).collect(), flag(values[0])))
    }
}

impl PartialEq for Verb {
    /// There is one verb of each name.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The verb called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|v| v.name == name)
}

const SILENT: &str = "silent";
const HOUR: u64 = 3600;
const SIDES: Takes = Takes::Word(&["A", "B"]);
const SHARE: Takes = Takes::Number(0.1, 1.0, "");

const fn any(_: &Values) -> Need {
    Need::Nothing
}

const fn liquid(_: &Values) -> Need {
    Need::Liquid
}

const fn switches(_: &Values) -> Need {
    Need::Switches
}

const fn shelves(v: &Values) -> Need {
    Need::Shelves(v[0] as u16)
}

const fn flag(v: f32) -> bool {
    v >= 0.5
}

const fn side(v: f32) -> Side {
    if flag(v) { Side::B } else { Side::A }
}

const fn leak(v: f32) -> Leak {
    match v as u8 {
        0 => Leak::None,
        1 => Leak::Warning,
        _ => Leak::Critical,
    }
}

const fn verb(
    (name, level): (&'static str, Level),
    params: &'static [Param],
    need: fn(&Values) -> Need,
    make: fn(u32, &Values) -> Effect,
    doc: &'static str,
) -> Verb {
    Verb { name, level, params, doc, need, make }
}

/// All verbs: those of cooling, of power, of the grid, of GPUs and jobs.
pub const VERBS: &[Verb] = &[
    verb(
        ("pump-trip", Level::Cdu),
        &[],
        any,
        |id, _| Effect::PumpTrip(CduId(id)),
        "The lead pump trips; the control starts the standby pump after 4 s.",
    ),
    verb(
        ("cdu-trip", Level::Cdu),
        &[],
        any,
        |id, _| Effect::CduTrip(CduId(id)),
        "The unit stops with both pumps; the others of its row speed up.",
    ),
    verb(
        ("cdu-restore", Level::Cdu),
        &[],
        any,
        |id, _| Effect::CduRestore(CduId(id)),
        "Pumps and unit are repaired and run again.",
    ),
    verb(
        ("setpoint", Level::Hall),
        &[must("by", Takes::Number(-15.0, 25.0, "K")), may("over", Takes::Seconds(0, 12 * HOUR), 0.0)],
        liquid,
        |id, v| Effect::Setpoint(HallId(id), v[0], v[1] as u32),
        "The secondary supply drifts off `by` so much, evenly `over` that time, and stays there; the set-point that the units show does not move. 0 brings it back.",
    ),
    verb(
        ("valve-stuck", Level::Rack),
        &[must("opening", Takes::Number(0.0, 100.0, "%")), may("over", Takes::Seconds(0, HOUR), 0.0)],
        liquid,
        |id, v| Effect::ValveStuck(RackId(id), v[0], v[1] as u32),
        "The control valve sticks at this `opening`, which it reaches `over` that time.",
    ),
    verb(
        ("valve-free", Level::Rack),
        &[],
        liquid,
        |id, _| Effect::ValveFree(RackId(id)),
        "The valve moves again.",
    ),
    verb(
        ("leak-at", Level::Tray),
        &[must("level", Takes::Word(&["none", "warning", "critical"]))],
        liquid,
        |id, v| Effect::LeakAt(TrayId(id), leak(v[0])),
        "The leak detector changes. A critical leak costs the rack pressure and the CDUs of its row coolant.",
    ),
    verb(
        ("leak-sensor-fault", Level::Rack),
        &[may("active", Takes::Flag, 1.0)],
        liquid,
        |id, v| Effect::LeakSensorFault(RackId(id), flag(v[0])),
        "The leak detector breaks, or works again (`active = false`).",
    ),
    verb(
        ("liquid-isolation", Level::Rack),
        &[may("active", Takes::Flag, 1.0)],
        liquid,
        |id, v| Effect::LiquidIsolation(RackId(id), flag(v[0])),
        "The coolant is shut off, or opened again (`active = false`).",
    ),
    verb(
        ("power-isolation", Level::Rack),
        &[may("active", Takes::Flag, 1.0)],
        any,
        |id, v| Effect::PowerIsolation(RackId(id), flag(v[0])),
        "The power is shut off and all GPUs are lost at once, or it is switched on again (`active = false`).",
    ),
    verb(
        ("shelves-failed", Level::Rack),
        &[must("shelves", Takes::Whole(0, 64))],
        shelves,
        |id, v| Effect::ShelvesFailed(RackId(id), v[0] as u8),
        "So many power shelves are out of order; 0 = all work again.",
    ),
    verb(
        ("busway-trip", Level::Row),
        &[must("side", SIDES)],
        any,
        |id, v| Effect::BuswayTrip(RowId(id), side(v[0])),
        "One busway trips; the other one carries the row.",
    ),
    verb(
        ("busway-restore", Level::Row),
        &[must("side", SIDES)],
        any,
        |id, v| Effect::BuswayRestore(RowId(id), side(v[0])),
        "The busway is back.",
    ),
    verb(
        ("feed-trip", Level::Site),
        &[must("side", SIDES)],
        any,
        |_, v| Effect::FeedTrip(side(v[0])),
        "One feed trips; the other one carries the site.",
    ),
    verb(
        ("feed-restore", Level::Site),
        &[must("side", SIDES)],
        any,
        |_, v| Effect::FeedRestore(side(v[0])),
        "The feed is back.",
    ),
    verb(
        ("frequency-dip", Level::Site),
        &[
            must("to", Takes::Number(47.5, 51.5, "Hz")),
            must("fall", Takes::Seconds(1, HOUR)),
            must("recover", Takes::Seconds(1, 12 * HOUR)),
        ],
        any,
        |_, v| Effect::FrequencyDip(v[0], v[1] as u32, v[2] as u32),
        "Grid frequency goes `to` so many Hz within `fall`, and comes back within `recover`.",
    ),
    verb(
        ("voltage-dip", Level::Site),
        &[must("to", Takes::Number(0.0, 100.0, "%")), must("lasting", Takes::Millis(1, 60_000))],
        any,
        |_, v| Effect::VoltageDip(v[0], v[1] as u32),
        "Voltage of both feeds falls `to` that share of nominal.",
    ),
    verb(
        ("load-target", Level::Site),
        &[must("mw", Takes::Number(0.0, 10_000.0, "MW"))],
        any,
        |_, v| Effect::LoadTarget(v[0]),
        "The grid asks for at most so much (DSX Flex target).",
    ),
    verb(("load-target-ends", Level::Site), &[], any, |_, _| Effect::LoadTargetEnds, "The target ends."),
    verb(
        ("switch-fail", Level::Rack),
        &[],
        switches,
        |id, _| Effect::SwitchFail(RackId(id)),
        "An NVLink switch tray fails: XID 149 on the GPUs, then 154; their jobs stall.",
    ),
    verb(
        ("switch-restore", Level::Rack),
        &[],
        switches,
        |id, _| Effect::SwitchRestore(RackId(id)),
        "The switch tray is replaced.",
    ),
    verb(
        ("gpu-lost", Level::Gpu),
        &[],
        any,
        |id, _| Effect::GpuLost(GpuId(id)),
        "The GPU falls off the bus (XID 79).",
    ),
    verb(
        ("gpu-back", Level::Gpu),
        &[],
        any,
        |id, _| Effect::GpuBack(GpuId(id)),
        "A lost GPU comes back after a reboot of its tray.",
    ),
    verb(
        ("xid", Level::Gpu),
        &[must("code", Takes::Whole(1, 999))],
        any,
        |id, v| Effect::Xid(GpuId(id), v[0] as u16),
        "The GPU reports this XID; what it means for GPU and job follows from the code.",
    ),
    verb(
        ("firmware-cap", Level::Tray),
        &[may("clock", SHARE, 1.0), may("power", SHARE, 1.0)],
        any,
        |id, v| Effect::FirmwareCap(TrayId(id), v[0], v[1]),
        "Firmware caps the GPUs at this share of their clock and of their power limit; 1 is no cap.",
    ),
    verb(
        (SILENT, Level::Tray),
        &[may("active", Takes::Flag, 1.0)],
        any,
        |id, v| Effect::Silent(vec![TrayId(id)], flag(v[0])),
        "The exporter falls silent, or answers again (`active = false`).",
    ),
    verb(
        ("straggler", Level::Gpu),
        &[must("clock", SHARE)],
        any,
        |id, v| Effect::Straggler(GpuId(id), v[0]),
        "The GPU runs at this share of its clock, and its job waits for it; 1 = as it should.",
    ),
    verb(
        ("smoothing", Level::Job),
        &[must("active", Takes::Flag)],
        any,
        |id, v| Effect::Smoothing(GpuId(id), flag(v[0])),
        "Power smoothing of the job is switched on or off.",
    ),
    verb(
        ("rhythm", Level::Job),
        &[must("step", Takes::Millis(100, 60_000)), must("dip", SHARE)],
        any,
        |id, v| Effect::Rhythm(GpuId(id), v[0] as u32, v[1]),
        "The job steps in this rhythm: length of a step, and power in its dips as a share of full power.",
    ),
    verb(
        ("drain", Level::Job),
        &[],
        any,
        |id, _| Effect::Drain(GpuId(id)),
        "The tenant drains the job: no new work, then its GPUs are given back.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The verb of an effect: a new kind of effect does not compile until it has one here.
    fn verb_of(effect: &Effect) -> &'static str {
        match effect {
            Effect::PumpTrip(_) => "pump-trip",
            Effect::CduTrip(_) => "cdu-trip",
            Effect::CduRestore(_) => "cdu-restore",
            Effect::Setpoint(..) => "setpoint",
            Effect::ValveStuck(..) => "valve-stuck",
            Effect::ValveFree(_) => "valve-free",
            Effect::LeakAt(..) => "leak-at",
            Effect::LeakSensorFault(..) => "leak-sensor-fault",
            Effect::LiquidIsolation(..) => "liquid-isolation",
            Effect::PowerIsolation(..) => "power-isolation",
            Effect::ShelvesFailed(..) => "shelves-failed",
            Effect::BuswayTrip(..) => "busway-trip",
            Effect::BuswayRestore(..) => "busway-restore",
            Effect::FeedTrip(_) => "feed-trip",
            Effect::FeedRestore(_) => "feed-restore",
            Effect::FrequencyDip(..) => "frequency-dip",
            Effect::VoltageDip(..) => "voltage-dip",
            Effect::LoadTarget(_) => "load-target",
            Effect::LoadTargetEnds => "load-target-ends",
            Effect::SwitchFail(_) => "switch-fail",
            Effect::SwitchRestore(_) => "switch-restore",
            Effect::GpuLost(_) => "gpu-lost",
            Effect::GpuBack(_) => "gpu-back",
            Effect::Xid(..) => "xid",
            Effect::FirmwareCap(..) => "firmware-cap",
            Effect::Silent(..) => "silent",
            Effect::Straggler(..) => "straggler",
            Effect::Smoothing(..) => "smoothing",
            Effect::Rhythm(..) => "rhythm",
            Effect::Drain(_) => "drain",
        }
    }

    #[test]
    fn every_effect_has_its_verb_and_every_verb_its_effect() {
        let mut made: Vec<&str> = VERBS.iter().map(|v| verb_of(&v.effect(3, &[0.5, 0.5, 0.5]))).collect();
        let names: Vec<&str> = VERBS.iter().map(|v| v.name).collect();
        assert_eq!(made, names);
        made.sort_unstable();
        made.dedup();
        assert_eq!(made.len(), VERBS.len());
        assert!(VERBS.iter().all(|v| v.params.len() <= MAX_PARAMS));
    }

    #[test]
    fn parameters_arrive_where_they_belong() {
        let make = |name: &str, v: Values| find(name).expect("a verb").effect(4, &v);
        assert_eq!(make("busway-trip", [1.0, 0.0, 0.0]), Effect::BuswayTrip(RowId(4), Side::B));
        assert_eq!(make("leak-at", [2.0, 0.0, 0.0]), Effect::LeakAt(TrayId(4), Leak::Critical));
        assert_eq!(make("frequency-dip", [49.6, 8.0, 120.0]), Effect::FrequencyDip(49.6, 8, 120));
        assert_eq!(make("silent", [0.0; 3]), Effect::Silent(vec![TrayId(4)], false));
        assert_eq!(make("shelves-failed", [3.0, 0.0, 0.0]), Effect::ShelvesFailed(RackId(4), 3));
        let silent = find("silent").expect("a verb");
        let all = silent.together(&[1, 2], &[1.0, 0.0, 0.0]);
        assert_eq!(all, Some(Effect::Silent(vec![TrayId(1), TrayId(2)], true)));
        assert_eq!(find("drain").and_then(|v| v.together(&[1], &[0.0; 3])), None);
    }
}
