//! Tests of what effects lead to, and that no sequence of them breaks physics.

use std::sync::Arc;

use proptest::prelude::*;

use crate::model::topology::spec::DEFAULT_SITE;
use crate::model::{
    Batch, CduId, ClockEvents, FacilityReading, GpuId, HallId, Health, Metric, RackId, RackPoint, RowId,
    RowPoint, SitePoint, Topology, TrayId,
};
use crate::source::sim::effect::{Effect, Leak, Side};
use crate::source::sim::place::Kind;
use crate::source::sim::tests::{health, mixed, ticks, values};
use crate::source::sim::workload::LoadPlan;
use crate::source::sim::{Sim, SimPlan};

/// One row of eight racks, computing without a pause, without faults.
fn row() -> Sim {
    let start = DEFAULT_SITE.find("[[hall]]").expect("the default site has halls");
    let hall =
        "[[hall]]\nnames = [\"H1\"]\nrows = 1\nracks_per_row = 8\nrack = \"NVL72\"\ncdus_per_row = 2\n";
    let t = Topology::from_toml(&format!("{}{hall}", &DEFAULT_SITE[..start]), "row").expect("valid");
    let plan = SimPlan { flawless: true, load: LoadPlan::Full, ..SimPlan::new(7) };
    Sim::from_plan(Arc::new(t), plan)
}

/// One hall of eight rows at its usual work, without faults.
fn usual() -> Sim {
    let plan = SimPlan { flawless: true, fault_rate: 0.0, ..SimPlan::new(7) };
    Sim::from_plan(crate::source::sim::tests::hall(), plan)
}

fn rack(batch: &Batch, id: u32, point: RackPoint) -> f32 {
    let of = |r: &FacilityReading| match r {
        FacilityReading::Rack(i, p, v) if i.0 == id && *p == point => Some(*v),
        _ => None,
    };
    batch.facility.iter().find_map(of).expect("the rack reports it")
}

fn busway(batch: &Batch, point: RowPoint) -> f32 {
    let of = |r: &FacilityReading| match r {
        FacilityReading::Row(_, p, v) if *p == point => Some(*v),
        _ => None,
    };
    batch.facility.iter().find_map(of).expect("the row reports it")
}

fn site(batch: &Batch, point: SitePoint) -> f32 {
    let of = |r: &FacilityReading| match r {
        FacilityReading::Site(p, v) if *p == point => Some(*v),
        _ => None,
    };
    batch.facility.iter().find_map(of).expect("the site reports it")
}

fn mean(batch: &Batch, metric: Metric, gpus: std::ops::Range<usize>) -> f32 {
    let v: Vec<f32> = values(batch, metric)[gpus].iter().flatten().copied().collect();
    v.iter().sum::<f32>() / v.len().max(1) as f32
}

#[test]
fn a_row_without_pumps_throttles_and_then_shuts_down() {
    let mut sim = row();
    ticks(&mut sim, 30);
    for c in 0..2 {
        sim.apply(&Effect::CduTrip(CduId(c)));
    }
    let at_10 = ticks(&mut sim, 10);
    assert!((79.0..83.0).contains(&mean(&at_10, Metric::Temp, 0..576)));
    assert!(rack(&at_10, 0, RackPoint::LiquidFlow) < 3.0);
    let at_25 = ticks(&mut sim, 15);
    let bits = values(&at_25, Metric::ClockEvents);
    assert!(bits.iter().flatten().all(|b| ClockEvents(*b as u16).is_fault()), "all are held down");
    assert!((66.0..80.0).contains(&rack(&at_25, 0, RackPoint::Power)), "136 to 70 kW");
    let at_150 = ticks(&mut sim, 125);
    assert!(health(&at_150, Health::Lost) > 500, "{}", health(&at_150, Health::Lost));
    assert!(values(&at_150, Metric::Xid).iter().flatten().filter(|x| **x == 79.0).count() > 500);
    for c in 0..2 {
        sim.apply(&Effect::CduRestore(CduId(c)));
    }
    let later = ticks(&mut sim, 900);
    let all = Health::ALL.map(|h| health(&later, h));
    assert_eq!(all[2..], [0; 3], "cooled down and booted, all are back: {all:?}");
}

#[test]
fn a_lost_busway_brakes_the_row_within_a_second() {
    let mut sim = row();
    ticks(&mut sim, 10);
    sim.apply(&Effect::BuswayTrip(RowId(0), Side::A));
    let at_1 = ticks(&mut sim, 1);
    assert_eq!(busway(&at_1, RowPoint::BuswayA), 0.0);
    assert!(busway(&at_1, RowPoint::BuswayB) > 1000.0, "it carries all");
    let at_2 = ticks(&mut sim, 1);
    assert!(
        (500.0..650.0).contains(&busway(&at_2, RowPoint::BuswayB)),
        "{}",
        busway(&at_2, RowPoint::BuswayB)
    );
    let bits = values(&at_2, Metric::ClockEvents);
    assert!(bits.iter().flatten().all(|b| *b as u16 & ClockEvents::POWER_BRAKE != 0));
    assert_eq!(health(&at_2, Health::Degraded), 576);
    sim.apply(&Effect::BuswayRestore(RowId(0), Side::A));
    let back = ticks(&mut sim, 30);
    assert_eq!(health(&back, Health::Degraded), 0);
}

#[test]
fn a_leak_ends_in_isolation_and_72_lost_gpus_without_an_xid() {
    let mut sim = row();
    ticks(&mut sim, 5);
    sim.apply(&Effect::LeakAt(TrayId(4), Leak::Critical));
    let wet = ticks(&mut sim, 2);
    assert_eq!((rack(&wet, 0, RackPoint::Leak), rack(&wet, 0, RackPoint::LeakTray)), (1.0, 5.0));
    sim.apply(&Effect::LiquidIsolation(RackId(0), true));
    assert_eq!(rack(&ticks(&mut sim, 1), 0, RackPoint::LiquidFlow), 0.0);
    sim.apply(&Effect::PowerIsolation(RackId(0), true));
    let off = ticks(&mut sim, 2);
    assert_eq!(health(&off, Health::Lost), 72);
    assert_eq!(rack(&off, 0, RackPoint::Power), 0.0);
    assert!(values(&off, Metric::Xid)[..72].iter().all(|x| *x == Some(0.0)));
    sim.apply(&Effect::LiquidIsolation(RackId(0), false));
    sim.apply(&Effect::PowerIsolation(RackId(0), false));
    assert_eq!(health(&ticks(&mut sim, 200), Health::Lost), 72, "trays boot");
    assert_eq!(health(&ticks(&mut sim, 150), Health::Lost), 0);
}

#[test]
fn a_failed_switch_tray_stalls_the_whole_job() {
    let mut sim = usual();
    ticks(&mut sim, 20);
    let area = sim.work.areas[sim.work.largest()].clone();
    let (t, job) = (Arc::clone(sim.topology()), area.slot);
    let rack_id = t.trays()[area.trays.start].rack;
    sim.apply(&Effect::SwitchFail(rack_id));
    let at_2 = ticks(&mut sim, 2);
    let gpus = t.rack(rack_id).gpus.range();
    assert!(values(&at_2, Metric::Xid)[gpus.clone()].iter().all(|x| *x == Some(149.0)));
    assert!(values(&at_2, Metric::Fabric)[gpus.clone()].iter().flatten().all(|f| [2.0, 3.0].contains(f)));
    assert!(rack(&at_2, rack_id.0, RackPoint::SwitchesOk) < 9.0);
    let at_70 = ticks(&mut sim, 68);
    assert!(values(&at_70, Metric::Recovery)[gpus.clone()].iter().all(|r| *r == Some(4.0)));
    let jobs = values(&at_70, Metric::Job);
    let mine: Vec<usize> = (0..jobs.len()).filter(|g| jobs[*g] == Some(f32::from(job))).collect();
    let (util, power) = (values(&at_70, Metric::Util), values(&at_70, Metric::Power));
    assert!(mine.iter().all(|g| util[*g] == Some(0.0)), "util falls from 100 to 0 on all ranks");
    let watts = mine.iter().filter_map(|g| power[*g]).sum::<f32>() / mine.len() as f32;
    assert!((220.0..290.0).contains(&watts), "{watts}");
    sim.apply(&Effect::SwitchRestore(rack_id));
    assert!(values(&ticks(&mut sim, 2), Metric::Fabric)[gpus].iter().all(|f| *f == Some(1.0)));
}

#[test]
fn firmware_caps_clock_and_power_and_the_core_gets_cooler() {
    let mut sim = row();
    let before = ticks(&mut sim, 20);
    for t in 0..144 {
        sim.apply(&Effect::FirmwareCap(TrayId(t), 0.75, 0.6));
    }
    let after = ticks(&mut sim, 90);
    let share = |m| mean(&after, m, 0..576) / mean(&before, m, 0..576);
    assert!((0.70..0.80).contains(&share(Metric::SmClock)) && (0.55..0.65).contains(&share(Metric::Power)));
    let cooler = mean(&before, Metric::Temp, 0..576) - mean(&after, Metric::Temp, 0..576);
    assert!((6.0..15.0).contains(&cooler), "{cooler}");
    assert!(values(&after, Metric::Xid).iter().all(|x| *x == Some(0.0)), "nothing else tells");
}

#[test]
fn a_straggler_slows_its_job_and_rhythm_swings_the_grid() {
    let mut sim = usual();
    ticks(&mut sim, 3);
    let area = sim.work.areas[sim.work.largest()].clone();
    let gpu = GpuId::new(sim.topology().trays()[area.trays.start].gpus.range().start);
    assert_eq!(area.kind, Kind::Train);
    let calm = site(&ticks(&mut sim, 1), SitePoint::Oscillation);
    sim.apply(&Effect::Smoothing(gpu, false));
    sim.apply(&Effect::Rhythm(gpu, 2000, 0.46));
    sim.apply(&Effect::Straggler(gpu, 0.78));
    let batch = ticks(&mut sim, 2);
    assert!(site(&batch, SitePoint::Oscillation) > calm);
    assert_eq!(site(&batch, SitePoint::OscillationJob), f32::from(area.slot));
    let clock = values(&batch, Metric::SmClock);
    let peers = mean(&batch, Metric::SmClock, gpu.index() + 4..gpu.index() + 64);
    let share = clock[gpu.index()].expect("it answers") / peers;
    assert!((0.74..0.82).contains(&share), "{share}");
}

#[test]
fn silent_trays_freeze_while_the_plant_goes_on() {
    let mut sim = usual();
    let before = ticks(&mut sim, 10);
    sim.apply(&Effect::Silent((0..20).map(TrayId).collect(), true));
    let during = ticks(&mut sim, 30);
    let silent = during.dense.as_ref().map(|d| d.silent.len());
    assert_eq!(silent, Some(20));
    let power = |b: &Batch| values(b, Metric::Power)[..80].to_vec();
    assert_eq!(power(&ticks(&mut sim, 5)), power(&during));
    assert_ne!(rack(&during, 0, RackPoint::Power), rack(&before, 0, RackPoint::Power));
    sim.apply(&Effect::Silent((0..20).map(TrayId).collect(), false));
    assert_eq!(ticks(&mut sim, 2).dense.map(|d| d.silent.len()), Some(0));
}

#[test]
fn lost_gpus_come_back_when_told_and_a_dark_site_is_dark() {
    let mut sim = row();
    ticks(&mut sim, 2);
    sim.apply(&Effect::GpuLost(GpuId(9)));
    sim.apply(&Effect::Xid(GpuId(10), 48));
    let hit = ticks(&mut sim, 2);
    assert_eq!((values(&hit, Metric::Power)[9], values(&hit, Metric::Xid)[9]), (None, Some(79.0)));
    assert!(values(&hit, Metric::Power)[10].is_some_and(|w| w < 220.0), "it cannot work");
    sim.apply(&Effect::GpuBack(GpuId(9)));
    assert!(values(&ticks(&mut sim, 2), Metric::Power)[9].is_some());
    sim.apply(&Effect::FeedTrip(Side::A));
    sim.apply(&Effect::FeedTrip(Side::B));
    let dark = ticks(&mut sim, 3);
    assert_eq!(health(&dark, Health::Lost), 576);
    assert_eq!(site(&dark, SitePoint::FacilityPower), 0.0);
}

/// Any effect on any asset of the mixed test site, with parameters from all over their ranges.
fn any_effect(t: &Topology) -> impl Strategy<Value = Effect> + use<> {
    let wet = t.cdu_count() > 0;
    let (halls, rows, racks) = (t.halls().len() as u32, t.rows().len() as u32, t.racks().len() as u32);
    let (trays, gpus, cdus) = (t.trays().len() as u32, t.gpu_count() as u32, t.cdu_count().max(1) as u32);
    let ids = (0..halls, 0..rows, 0..racks, 0..trays, 0..gpus, 0..cdus);
    (0usize..26, ids, 0.0f32..1.0, any::<bool>(), 0u32..600).prop_map(
        move |(which, (hall, row, rack, tray, gpu, cdu), x, on, s)| {
            let side = if on { Side::A } else { Side::B };
            let (rack, tray, gpu, cdu) = (RackId(rack), TrayId(tray), GpuId(gpu), CduId(cdu));
            match which {
                0..=2 if !wet => Effect::ValveFree(rack),
                0 => Effect::PumpTrip(cdu),
                1 => Effect::CduTrip(cdu),
                2 => Effect::CduRestore(cdu),
                3 => Effect::Setpoint(HallId(hall), 40.0 * x - 15.0, s),
                4 => Effect::ValveStuck(rack, 100.0 * x, s),
                5 => Effect::ValveFree(rack),
                6 => Effect::LeakAt(tray, if on { Leak::Critical } else { Leak::None }),
                7 => Effect::LiquidIsolation(rack, on),
                8 => Effect::PowerIsolation(rack, on),
                9 => Effect::ShelvesFailed(rack, (8.0 * x) as u8),
                10 => Effect::BuswayTrip(RowId(row), side),
                11 => Effect::BuswayRestore(RowId(row), side),
                12 => Effect::FeedTrip(side),
                13 => Effect::FeedRestore(side),
                14 => Effect::FrequencyDip(47.5 + 4.0 * x, s, s),
                15 => Effect::VoltageDip(100.0 * x, s),
                16 => Effect::LoadTarget(5.0 * x),
                17 => Effect::LoadTargetEnds,
                18 => Effect::SwitchFail(rack),
                19 => Effect::GpuLost(gpu),
                20 => Effect::GpuBack(gpu),
                21 => Effect::Xid(gpu, (172.0 * x) as u16),
                22 => Effect::FirmwareCap(tray, x, 1.0 - x),
                23 => Effect::Silent(vec![tray], on),
                24 => Effect::Straggler(gpu, x),
                _ => Effect::Drain(gpu),
            }
        },
    )
}

/// Sites of all kinds: a few halls, air or liquid, with or without CDUs, shelves and switch trays,
/// weak and strong GPUs.
fn any_site() -> impl Strategy<Value = Arc<Topology>> {
    let hall = (1u32..3, 1u32..4, any::<bool>(), 0u32..4);
    let rack = (1u32..5, 1u32..9, 0u32..9, 0u32..3, 0.0f32..200.0);
    let gpu = (200.0f32..2500.0, 0.0f32..0.3);
    (proptest::collection::vec(hall, 1..4), rack, gpu).prop_map(
        |(halls, (trays, gpus, shelves, switches, kw), (tdp, rest))| {
            let mut text = format!(
                "[site]\nname = \"x\"\ncontract_mw = 5\n[grid]\nbess_mw = 1\nbess_mwh = 1\nramp_mw_s = 0.1\n\
                 [[gpu]]\nname = \"g\"\nmemory_mib = 80000\ntdp_w = {tdp}\nidle_w = {}\nmax_clock_mhz = 2000\n\
                 zero_margin_c = 87\nslowdown_c = 89\nshutdown_c = 92\n",
                tdp * rest
            );
            for cooling in ["air", "liquid"] {
                text += &format!(
                    "[[rack]]\nname = \"{cooling}\"\ngpu = \"g\"\ntrays = {trays}\ngpus_per_tray = {gpus}\n\
                     power_shelves = {shelves}\nswitch_trays = {switches}\ntdp_kw = {kw}\n\
                     cooling = \"{cooling}\"\n"
                );
            }
            for (i, (rows, racks, liquid, cdus)) in halls.into_iter().enumerate() {
                let cooling = if liquid { "liquid" } else { "air" };
                text += &format!(
                    "[[hall]]\nnames = [\"H{i}\"]\nrows = {rows}\nracks_per_row = {racks}\n\
                     rack = \"{cooling}\"\ncdus_per_row = {cdus}\n"
                );
            }
            Arc::new(Topology::from_toml(&text, "any").expect("all of these are sites"))
        },
    )
}

fn lawful(t: &Topology, batch: &Batch) {
    for r in &batch.facility {
        let v = match r {
            FacilityReading::Rack(_, p, v) => {
                let celsius = matches!(p, RackPoint::LiquidSupply | RackPoint::LiquidReturn);
                assert!(!celsius || (0.0..200.0).contains(v), "{r:?}");
                *v
            }
            FacilityReading::Row(_, _, v) | FacilityReading::Hall(_, _, v) => *v,
            FacilityReading::Cdu(_, _, v) => *v,
            FacilityReading::Site(p, v) => {
                let signed = matches!(p, SitePoint::BessPower | SitePoint::Ramp | SitePoint::Outdoor);
                assert!(signed || *v >= 0.0, "{r:?}");
                continue;
            }
            FacilityReading::SiteEnds(_) => continue,
        };
        assert!((0.0..5000.0).contains(&v), "{r:?}");
    }
    let (power, temp) = (values(batch, Metric::Power), values(batch, Metric::Temp));
    for g in 0..t.gpu_count() {
        let model = t.gpu_model(GpuId::new(g));
        assert!(power[g].is_none_or(|w| w <= 1.1 * model.tdp_w), "{:?} W", power[g]);
        // A core may pass its shutdown temperature by what it warms in one second, not more.
        assert!(temp[g].is_none_or(|c| (5.0..model.shutdown_c + 8.0).contains(&c)), "{:?} °C", temp[g]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_sequence_of_effects_breaks_physics(
        seed in 0u64..1000,
        (t, effects) in any_site().prop_flat_map(|t| {
            let effects = proptest::collection::vec((0u32..12, any_effect(&t)), 1..60);
            (Just(t), effects)
        }),
    ) {
        let mut sim = Sim::from_plan(Arc::clone(&t), SimPlan { fault_rate: 5000.0, ..SimPlan::new(seed) });
        for (wait, effect) in &effects {
            sim.apply(effect);
            for _ in 0..*wait {
                let batch = ticks(&mut sim, 1);
                lawful(&t, &batch);
            }
        }
    }

    #[test]
    fn the_same_effects_give_the_same_batches(
        effects in proptest::collection::vec(any_effect(&mixed()), 1..12),
    ) {
        let run = || {
            let mut sim = Sim::new(mixed(), 3);
            effects.iter().map(|e| { sim.apply(e); ticks(&mut sim, 2) }).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }
}
