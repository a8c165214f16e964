//! The built-in scenarios show what their own files say: every signature is measured on a small site
//! without a screen, and the measured value is printed beside the expected one; the alarms that are
//! annunciated are those of the table in the file, at that place and in that time, and no other
//! (`cargo test --test scenarios -- --nocapture`).

#[path = "scenarios/bench.rs"]
mod bench;
#[path = "support/hall.rs"]
mod hall;
#[path = "scenarios/told.rs"]
mod told;

use std::sync::Arc;

use bench::{Run, hall_of};
use hallwatch::model::{ClockEvents, GpuId, Metric, Topology};
use hallwatch::source::sim::scenario::{BUILT_IN, Scenario};

const SEED: u64 = 7;
/// Rows of a hall with a training job of many racks, and of one that has it fill whole rows.
const RACKS: usize = 8;
const FULL_ROWS: usize = 16;

/// Runs the scenario and holds every signature and the table of alarms of its file.
fn holds(name: &str, site: &Arc<Topology>) {
    let scenario = Scenario::built_in(name).expect("it is built in");
    let run = Run::new(&scenario, site, SEED);
    let picked = run.timeline.picked.map_or_else(String::new, |a| format!(" on {}", site.name(a)));
    println!("{name}{picked}, from second {}", run.timeline.start);
    let mut missed = Vec::new();
    let timeline = run.timeline.clone();
    let (verdicts, told) = run.verdicts();
    for (watch, verdict) in verdicts {
        let second = verdict.second.map_or_else(|| "never".to_owned(), |s| format!("at {s} s"));
        let measured = verdict.measured.map_or_else(|| "nothing".to_owned(), |v| format!("{v:.3}"));
        let mark = if verdict.shown { "ok    " } else { "missed" };
        let line = format!("  {mark} {}: measured {measured} {second}", watch.signature);
        println!("{line}");
        if !verdict.shown {
            missed.push(line);
        }
    }
    let wrong = told::wrong(site, &timeline, &told);
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    assert!(missed.is_empty(), "{name}: {} signatures are not shown:\n{}", missed.len(), missed.join("\n"));
}

macro_rules! signatures {
    ($($test:ident = $name:literal on $rows:ident),+ $(,)?) => {
        $(#[test]
        fn $test() {
            holds($name, &hall_of($rows));
        })+

        #[test]
        fn every_built_in_scenario_is_measured() {
            let mut measured = vec!["power-oscillation", $($name),+];
            let mut all: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            measured.sort_unstable();
            all.sort_unstable();
            assert_eq!(measured, all);
        }
    };
}

signatures!(
    a_pump_that_fails_over_dips_the_flow_and_throttles_nothing = "cdu-pump-failover" on FULL_ROWS,
    a_cdu_that_stops_is_replaced_by_its_sibling = "cdu-sibling-takeover" on FULL_ROWS,
    a_row_without_cooling_throttles_within_seconds_and_shuts_down = "row-cooling-lost" on FULL_ROWS,
    a_rack_that_leaks_is_isolated_in_one_second = "rack-leak" on RACKS,
    a_row_on_one_busway_brakes = "busway-loss" on FULL_ROWS,
    a_dip_of_the_grid_leaves_the_load_alone = "grid-dip" on RACKS,
    a_drifting_set_point_takes_everything_with_it = "setpoint-drift" on RACKS,
    a_failed_switch_tray_stalls_the_job = "switch-tray-failure" on RACKS,
    a_burst_of_lost_gpus_leaves_one_or_two = "xid79-burst" on RACKS,
    a_bad_firmware_lowers_clocks_and_temperatures = "firmware-throttling" on RACKS,
    a_silent_hall_ages_while_its_plant_goes_on = "network-partition" on RACKS,
    a_straggler_holds_its_job_back = "straggler" on RACKS,
);

/// The critical alarm comes before any GPU of the row is slowed: one alarm, and none of its symptoms.
#[test]
fn lost_cooling_is_told_before_the_first_gpu_throttles() {
    let site = hall_of(FULL_ROWS);
    let scenario = Scenario::built_in("row-cooling-lost").expect("it is built in");
    let mut run = Run::new(&scenario, &site, SEED);
    let row = run.timeline.picked.expect("a row is picked");
    let (start, gpus) = (run.timeline.start, site.gpus_of(row));
    let (mut told, mut slowed) = (Vec::new(), None);
    for second in 0..start + 60 {
        let happened = run.tell();
        told.extend(told::annunciations(second, happened.transitions).filter(|(s, _)| *s >= start));
        let frame = run.frame();
        let events = |g: u32| frame.value(GpuId(g), Metric::ClockEvents).unwrap_or(0.0) as u16;
        let thermal = ClockEvents::SW_THERMAL | ClockEvents::HW_THERMAL;
        if second >= start && slowed.is_none() && gpus.iter().any(|g| events(g) & thermal != 0) {
            slowed = Some(second);
        }
    }
    let slowed = slowed.expect("GPUs throttle within a minute");
    println!("told {} s after the start, first GPU slowed after {} s", told[0].0 - start, slowed - start);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 < slowed && *told[0].1.rule == *"row-cooling-lost" && told[0].1.priority == 1);
}

/// Ten minutes of the whole site with the faults of every day.
#[test]
fn ten_normal_minutes_tell_of_ten_things_at_most() {
    let site = Arc::new(Topology::default_site());
    let mut told = Vec::new();
    let mut run = Run::normal(&site, SEED);
    for second in 0..600 {
        told.extend(told::annunciations(second, run.tell().transitions));
    }
    for (second, t) in &told {
        println!("  {second:4} s: P{} {} {} ({})", t.priority, t.rule, t.place, t.text);
    }
    assert!(told.len() <= 10, "{} alarms", told.len());
}

/// The largest job of the whole site is needed to swing it.
#[test]
fn a_synchronous_job_swings_the_site_until_it_is_smoothed() {
    holds("power-oscillation", &Arc::new(Topology::default_site()));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let site = hall_of(6);
    for (name, text) in BUILT_IN {
        let scenario = Scenario::parse(text, name).expect("it is valid");
        let run = || Run::new(&scenario, &site, SEED);
        let (mut one, mut two) = (run(), run());
        assert_eq!(one.timeline, two.timeline);
        for second in 0..one.timeline.start + 90 {
            let (a, b) = (one.batch(), two.batch());
            assert!(a == b, "{name} differs in second {second}");
        }
    }
}
