//! Tests of the fault process as a whole.

use super::*;
use crate::model::GpuId;
use arrivals::AllBusy;
use course::{Act, Step};
use play::Course;

fn site() -> Topology {
    Topology::default_site()
}

/// Plays `steps` on GPU 4711 and answers with what each second showed that was not as before.
fn story(steps: &'static [Step], condemned: bool) -> (Vec<u16>, Vec<Mark>, Faults, u64) {
    let t = site();
    let mut faults = Faults::calm(&t, 3, 0.0);
    let (mut xids, mut marks) = (Vec::new(), Vec::new());
    let mut changes = Changes::default();
    faults.play(Course { steps, next: 0, gpu: 4711, condemned }, 10, &t, &mut changes);
    let mut tick = 10;
    loop {
        xids.extend(changes.xids.iter().filter(|(g, _)| *g == 4711).map(|(_, code)| *code));
        if marks.last() != Some(&faults.mark(4711)) {
            marks.push(faults.mark(4711));
        }
        // Only reloads of the driver are left when the course is over.
        if !faults.held[4711 / 4] {
            return (xids, marks, faults, tick);
        }
        tick = faults.next_tick();
        changes = faults.advance(tick, &t, &AllBusy);
    }
}

fn healths(marks: &[Mark]) -> Vec<Health> {
    let mut all: Vec<Health> = marks.iter().map(|m| m.health).collect();
    all.dedup();
    all
}

#[test]
fn a_gpu_off_the_bus_takes_its_tray_down_and_both_come_back_clean() {
    let t = site();
    let mut faults = Faults::calm(&t, 3, 0.0);
    let course = Course { steps: course::FELL_OFF, next: 0, gpu: 4711, condemned: false };
    let mut changes = Changes::default();
    faults.play(course, 10, &t, &mut changes);
    assert_eq!((&changes.struck, &changes.xids), (&vec![4711], &vec![(4711, 79)]));
    let lost = |f: &Faults, tick| f.now(tick).filter(|f| matches!(f.trouble, Trouble::Lost(_))).count();
    assert_eq!(lost(&faults, 10), 1, "its neighbours work on");
    assert_eq!(faults.mark(4711), Mark { xid: 79, health: Health::Lost, recovery: 2, unlinked: false });
    let mut counts = vec![1];
    let mut freed = Vec::new();
    while faults.held[4711 / 4] {
        let tick = faults.next_tick();
        freed.extend(faults.advance(tick, &t, &AllBusy).freed);
        counts.push(lost(&faults, tick));
    }
    counts.dedup();
    assert_eq!(counts, [1, 4, 0], "lost, tray reboots, back");
    freed.sort_unstable();
    assert_eq!(freed, [4708, 4709, 4710, 4711]);
    assert_eq!(faults.marks().count(), 0, "the driver has been loaded anew");
}

#[test]
fn the_second_fall_within_a_day_or_the_third_of_a_kind_within_a_week_means_a_new_gpu() {
    let mut past = Past::default();
    let (fall, gsp) = ((Kind::FaultyGpu, true), (Kind::Gsp, false));
    assert!(!past.note(1, fall, 0) && past.note(1, fall, 80_000));
    assert!(!past.note(2, fall, 0) && !past.note(2, fall, 90_000), "a day has passed");
    assert!(!past.note(3, gsp, 0) && !past.note(3, gsp, 200_000));
    assert!(!past.note(3, (Kind::Hbm, false), 300_000) && past.note(3, gsp, 400_000));
    assert!(!past.note(4, gsp, 0) && !past.note(4, gsp, 400_000) && !past.note(4, gsp, 700_000));
    let (xids, marks, faults, end) = story(course::FELL_OFF, true);
    assert_eq!(xids, [79]);
    assert_eq!(healths(&marks), [Health::Lost, Health::Ok], "lost until it has been replaced");
    assert!(end > 4 * 3600 && faults.marks().count() == 0);
}

#[test]
fn while_a_gpu_waits_for_its_replacement_its_tray_is_in_maintenance() {
    let t = site();
    let mut faults = Faults::calm(&t, 3, 0.0);
    let course = Course { steps: course::FELL_OFF, next: 0, gpu: 4711, condemned: true };
    faults.play(course, 0, &t, &mut Changes::default());
    while faults.mark(4710).health != Health::Maintenance {
        let tick = faults.next_tick();
        faults.advance(tick, &t, &AllBusy);
        assert!(tick < 10_000);
    }
    assert_eq!((faults.mark(4711).health, faults.mark(4711).xid), (Health::Lost, 79));
    let kinds: Vec<_> = faults.now(u64::MAX).map(|f| f.trouble.clone()).collect();
    assert!(kinds.contains(&Trouble::Sick(4710)) && kinds.contains(&Trouble::Lost(4711)), "{kinds:?}");
}

#[test]
fn memory_errors_log_their_codes_in_order_and_end_with_a_reset() {
    let (xids, marks, faults, _) = story(course::DOUBLE_BIT, false);
    assert_eq!(xids, [48, 171, 63, 154]);
    assert_eq!(healths(&marks), [Health::Unhealthy, Health::Ok]);
    assert!(marks.iter().any(|m| m.recovery == 1 && m.xid == 154));
    assert_eq!(faults.mark(4711), Mark { xid: 154, ..Mark::NONE }, "the last XID outlives the reset");
    let (xids, marks, ..) = story(course::CONTAINED, false);
    assert_eq!((xids, healths(&marks)), (vec![94, 63], vec![Health::Degraded, Health::Ok]));
    let (xids, marks, ..) = story(course::REMAP_FAILED, false);
    assert_eq!(xids, [48, 64, 154]);
    assert_eq!(healths(&marks), [Health::Unhealthy, Health::Maintenance, Health::Ok]);
    assert!(marks.iter().any(|m| m.recovery == 4));
}

#[test]
fn links_and_system_processors_are_unhealthy_until_reset() {
    let (xids, marks, ..) = story(course::LINK_149, false);
    assert_eq!((xids, healths(&marks)), (vec![149, 154], vec![Health::Unhealthy, Health::Ok]));
    assert!(marks.iter().any(|m| m.unlinked && m.recovery == 4) && !marks[marks.len() - 1].unlinked);
    let (xids, marks, ..) = story(course::GSP_119, false);
    assert_eq!((xids, healths(&marks)), (vec![119, 154], vec![Health::Unhealthy, Health::Ok]));
    let (xids, marks, faults, _) = story(course::LINK_EVENT, false);
    assert_eq!((xids, healths(&marks)), (vec![149], vec![Health::Degraded, Health::Ok]));
    assert_eq!(faults.mark(4711).xid, 149);
}

#[test]
fn a_host_in_repair_is_drained_and_then_silent() {
    let t = site();
    let mut faults = Faults::calm(&t, 3, 0.0);
    let course = Course { steps: course::HOST_REPAIR, next: 0, gpu: 4711, condemned: false };
    faults.play(course, 0, &t, &mut Changes::default());
    assert!((4708..4712).all(|g| faults.mark(g).health == Health::Maintenance));
    assert!(faults.silent(0).is_empty());
    let off = faults.next_tick();
    faults.advance(off, &t, &AllBusy);
    assert_eq!(faults.silent(off), [4711 / 4]);
    let on = faults.next_tick();
    assert!(on - off >= 7200);
    faults.advance(on, &t, &AllBusy);
    assert!(faults.silent(on).is_empty() && faults.marks().count() == 0);
}

#[test]
fn a_power_supply_costs_its_rack_a_shelf() {
    let t = site();
    let mut faults = Faults::calm(&t, 3, 0.0);
    let rack = t.rack_of(GpuId(4711)).index();
    for gpu in [4711, 4700] {
        let course = Course { steps: course::SUPPLY, next: 0, gpu, condemned: false };
        faults.play(course, 0, &t, &mut Changes::default());
    }
    assert_eq!(faults.shelves(), [(rack, 2)]);
    let first = faults.next_tick();
    faults.advance(first, &t, &AllBusy);
    assert_eq!(faults.shelves(), [(rack, 1)]);
}

#[test]
fn a_worn_thermal_interface_makes_a_gpu_hotter_before_it_is_repaired() {
    let t = site();
    let mut faults = Faults::calm(&t, 3, 0.0);
    let course = Course { steps: course::INTERFACE, next: 0, gpu: 4711, condemned: false };
    faults.play(course, 0, &t, &mut Changes::default());
    let hotter = faults.now(0).find_map(|f| match f.trouble {
        Trouble::Hotter(4711, k) => Some(k),
        _ => None,
    });
    assert!(hotter.is_some_and(|k| (6.0..15.0).contains(&k)));
    while faults.held[4711 / 4] {
        let tick = faults.next_tick();
        faults.advance(tick, &t, &AllBusy);
    }
    assert_eq!(faults.now(u64::MAX).count(), 0);
}

#[test]
fn an_xid_stays_until_the_driver_is_loaded_anew() {
    let (_, _, mut faults, end) = story(course::APP_31, false);
    let t = site();
    assert_eq!(faults.mark(4711), Mark { xid: 31, ..Mark::NONE });
    let mut tick = end;
    while faults.mark(4711).xid != 0 {
        tick = faults.next_tick();
        faults.advance(tick, &t, &AllBusy);
    }
    assert_eq!((tick % log::RELOAD_S, tick - end <= log::RELOAD_S), (faults.log().phase(4711 / 4), true));
}

#[test]
fn months_have_the_published_rates_and_a_heavy_tail() {
    let t = site();
    let months = sample(&t, 7, 120);
    let (mean, deviation) = months.incidents();
    assert!((45.5..49.5).contains(&mean), "{mean}");
    assert!((5.8..8.0).contains(&deviation), "Poisson has 6.9: {deviation}");
    assert!((80.0..86.0).contains(&months.per_hour(31)), "{}", months.per_hour(31));
    let (chi, terms) = months.chi_square();
    assert!(terms == 18 && chi < 42.3, "{chi}: one in a thousand is above");
    let share = months.top_share(0.01);
    assert!((0.20..0.35).contains(&share), "{share}");
    assert!(months.most() >= 10, "a few repeat: {}", months.most());
    let (lines, events) = months.lines;
    assert!(lines > events * 3 / 2 && events == months.xids.values().sum::<u64>(), "{lines} {events}");
}

#[test]
fn nothing_piles_up_over_months() {
    let t = site();
    let month = sample(&t, 5, 20).burden;
    let four = sample(&t, 5, 80).burden;
    assert!(four < month * 13 / 10 && four < 8000, "{month} {four}");
}

#[test]
fn skipping_ticks_without_events_changes_nothing() {
    let t = site();
    let (mut every, mut jumping) = (Faults::calm(&t, 9, 40.0), Faults::calm(&t, 9, 40.0));
    let mut seen = (Changes::default(), Changes::default());
    let gather = |all: &mut Changes, c: Changes| {
        all.begun.extend(c.begun);
        all.xids.extend(c.xids);
        all.freed.extend(c.freed);
    };
    for tick in 0..20_000 {
        gather(&mut seen.0, every.advance(tick, &t, &AllBusy));
        if jumping.next_tick() == tick {
            gather(&mut seen.1, jumping.advance(tick, &t, &AllBusy));
        }
    }
    assert_eq!(seen.0, seen.1);
    assert!(seen.0.begun.len() > 1000);
    assert!(every.marks().eq(jumping.marks()));
}

#[test]
fn the_same_seed_gives_the_same_year_and_another_does_not() {
    let t = site();
    assert_eq!(sample(&t, 7, 20), sample(&t, 7, 20));
    assert_ne!(sample(&t, 7, 20), sample(&t, 8, 20));
}

#[test]
fn rates_follow_the_number_of_gpus_and_the_factor() {
    let t = site();
    let count = |rate: f64| {
        let mut faults = Faults::calm(&t, 3, rate);
        let mut count = 0;
        while faults.next_tick() < 2 * 86_400 {
            let tick = faults.next_tick();
            let begun = faults.advance(tick, &t, &AllBusy).begun;
            count += begun.iter().filter(|(kind, _)| table::TABLE[*kind as usize].is_incident()).count();
        }
        count
    };
    assert_eq!(count(0.0), 0);
    let (one, ten) = (count(1.0), count(10.0));
    assert!((70..125).contains(&one) && (860..1040).contains(&ten), "{one} {ten}");
}

#[test]
fn a_site_starts_with_one_hot_rack_a_few_lost_gpus_and_old_xids() {
    let t = site();
    let work = Workload::new(&t, 7);
    let f = Faults::new(&t, &work, 7, 1.0);
    let count = |test: fn(&Trouble) -> bool| f.now(0).filter(|f| test(&f.trouble)).count();
    assert_eq!(count(|t| matches!(t, Trouble::Hot(_))), 1);
    assert_eq!(count(|t| matches!(t, Trouble::Slow(..))), 50);
    assert!((1..5).contains(&count(|t| matches!(t, Trouble::Lost(_)))));
    assert!(f.silent(10).is_empty());
    let old = f.marks().filter(|(_, m)| m.health == Health::Ok && m.xid != 0).count();
    assert!((1200..2200).contains(&old), "half a day of XIDs of applications: {old}");
}

#[test]
fn one_rack_falls_silent_for_minutes_and_hides_no_lost_gpu() {
    let t = site();
    let work = Workload::new(&t, 7);
    let mut f = Faults::new(&t, &work, 7, 0.0);
    let mut silent = Vec::new();
    for tick in 0..=1600 {
        f.advance(tick, &t, &work);
        if tick == 119 {
            silent = f.silent(tick);
        }
    }
    assert_eq!(silent.len(), 18);
    let lost = |g: usize| silent.contains(&(g as u32 / 4));
    assert!(!f.marks().any(|(g, m)| m.health == Health::Lost && lost(g)));
    assert!(f.silent(1600).is_empty());
    assert_eq!(f.choked(1600).count(), 0, "the hot rack has cooled down");
}

#[test]
fn hopper_links_fail_with_74_and_blackwell_links_do_not() {
    let air = include_str!("../../../../sites/air-cooled.toml");
    let t = Topology::from_toml(air, "air").expect("valid");
    let mut faults = Faults::calm(&t, 3, 10_000.0);
    let mut codes = std::collections::BTreeSet::new();
    for tick in 0..20_000 {
        codes.extend(faults.advance(tick, &t, &AllBusy).xids.into_iter().map(|(_, code)| code));
    }
    assert!(codes.contains(&74) && !codes.contains(&145), "{codes:?}");
    let months = sample(&site(), 1, 15);
    assert!(months.xids.contains_key(&149) && !months.xids.contains_key(&74), "{:?}", months.xids);
}

#[test]
fn no_act_is_left_without_meaning() {
    let used: Vec<Act> =
        table::TABLE.iter().flat_map(|r| r.modes).flat_map(|m| m.steps).map(|s| s.act).collect();
    let needed =
        [Act::Strike, Act::Lose, Act::Down, Act::Drain, Act::Silence, Act::SilenceRack, Act::ShelfFail];
    for act in needed {
        assert!(used.contains(&act), "{act:?}");
    }
}
