//! What readers see beside the transitions: chattering, floods, members, counters.

use hallwatch::alarm::read;
use hallwatch::model::{Asset, Metric, Quantity, RackPoint, RowPoint};

use crate::site::Site;

fn ticks(site: &mut Site, n: usize) {
    (0..n).for_each(|_| drop(site.tick()));
}

fn place(site: &Site, name: &str) -> Asset {
    site.topology.find(name).expect("it is there")
}

#[test]
fn three_times_in_a_minute_is_chattering_and_ten_quiet_minutes_end_it() {
    let rules = "[[rule]]\nname = \"busway-overload\"\non = \"2s\"\noff = \"2s\"\n";
    let mut site = Site::new(Some(read::read(&[("site.toml", rules)]).expect("valid")));
    let row = place(&site, "H1-R01");
    for round in 0..3 {
        site.set(Quantity::Row(RowPoint::BuswayA), row, 850.0);
        ticks(&mut site, 6);
        let alarm = site.board().alarms.first().cloned().expect("it stands");
        assert_eq!(alarm.chattering, round == 2, "round {round}");
        site.set(Quantity::Row(RowPoint::BuswayA), row, 400.0);
        ticks(&mut site, 6);
    }
    assert_eq!(site.board().kpi.chattering, 1);
    ticks(&mut site, 605);
    assert!(!site.board().alarms[0].chattering);
}

#[test]
fn more_than_ten_in_ten_minutes_are_a_flood() {
    let mut site = Site::new(None);
    for rack in 0..12 {
        site.set(Quantity::Rack(RackPoint::LeakFault), Asset::Rack(hallwatch::model::RackId(rack)), 1.0);
    }
    ticks(&mut site, 70);
    let board = site.board();
    assert_eq!((board.counts.by_priority, board.counts.waiting()), ([0, 0, 0, 12], 12));
    assert!(board.kpi.flood && board.kpi.per_10_min == 12);
    assert_eq!(board.bells, 0, "the bell is for P1 and P2");
}

#[test]
fn a_row_that_loses_cooling_lists_what_follows_first_out_first() {
    let mut site = Site::new(None);
    let row = place(&site, "H1-R01");
    ticks(&mut site, 5);
    site.set(Quantity::Rack(RackPoint::LiquidFlow), row, 0.0);
    ticks(&mut site, 10);
    site.set(Quantity::Gpu(Metric::ClockEvents), row, 64.0);
    ticks(&mut site, 40);
    let board = site.board();
    let cause = &board.alarms[0];
    assert_eq!((&*cause.rule, &*cause.place, cause.priority), ("row-cooling-lost", "H1-R01", 1));
    assert_eq!(cause.gpus, 576);
    let rules: Vec<&str> = cause.members.iter().map(|m| &*m.rule).collect();
    assert_eq!((rules[0], rules[rules.len() - 1]), ("hw-thermal-slowdown", "rack-flow-low"));
    assert!(cause.member_count >= 576 + 8, "{}", cause.member_count);
    assert!(cause.members.windows(2).all(|w| w[0].time <= w[1].time));
    assert_eq!((board.counts.active(), board.bells), (1, 1), "one event, one alarm");
    assert_eq!(board.counts.suppressed, 2);
}

#[test]
fn what_no_source_reports_is_told_with_the_rule() {
    let topology = crate::site::topology();
    let mut core =
        hallwatch::engine::Core::new(topology, hallwatch::model::topology::place::Placer::default(), 1 << 16);
    let time = hallwatch::model::Timestamp::from_secs(9);
    core.apply(&hallwatch::model::Entry::Tick(time));
    let board = core.snapshot(hallwatch::fleet::snapshot::EngineStatus::default()).alarms;
    let missing = |slug: &str| board.rule(slug).map(|r| r.missing.to_string());
    assert_eq!(missing("rack-leak").as_deref(), Some("no signal"));
    let mut site = Site::new(None);
    ticks(&mut site, 2);
    assert!(site.board().rules.iter().all(|r| r.missing.is_empty()), "all are live here");
}

#[test]
fn who_follows_has_the_past_and_rings_for_what_is_new() {
    use hallwatch::model::Entry;
    use hallwatch::model::alarm::{JournalNews, Transition};

    let mut first = Site::new(None);
    let row = place(&first, "H1-R01");
    first.set(Quantity::Rack(RackPoint::LiquidFlow), row, 0.0);
    let told: Vec<Transition> = (0..60).flat_map(|_| first.tick().transitions).collect();
    let (mut second, mut alone) = (Site::new(None), Site::new(None));
    for site in [&mut second, &mut alone] {
        site.apply(&Entry::Journal(JournalNews::Follow("first".into(), Vec::new())));
    }
    // One hears it as its past, the other as it happens.
    let past = |whole| Entry::Journal(JournalNews::Past { whole, transitions: told.clone() });
    second.apply(&past(true));
    alone.apply(&past(true));
    alone.apply(&past(true));
    ticks(&mut second, 1);
    ticks(&mut alone, 1);
    let (once, twice) = (second.board(), alone.board());
    assert_eq!((once.kpi.per_day, once.kpi.mix, once.bells), (1, [1, 0, 0, 0], 0));
    assert_eq!(once.events.len(), told.len());
    assert_eq!(twice.kpi.per_day, 1, "the whole past is not counted twice");
    second.apply(&past(false));
    assert_eq!(second.board().bells, 1, "it rings for what comes while it listens");
}
