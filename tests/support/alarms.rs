//! A board of alarms made by hand, the same every time: a cooling loss with its members, a leak,
//! shelved, suppressed and out-of-service alarms, one that came and went, and their history.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use hallwatch::fleet::Snapshot;
use hallwatch::model::alarm::{
    Alarm, AlarmBoard, AlarmCounts, AlarmId, AlarmState, Input, JournalState, Kpi, Member, Note, Origin,
    RuleView, Shelf, Step, Transition, rule,
};
use hallwatch::model::{Timestamp, Topology};

use AlarmState as S;

/// Seconds ago, priority, state, rule, place, value.
type Given = (i64, u8, S, &'static str, &'static str, &'static str);

const ALARMS: [Given; 14] = [
    (43, 1, S::Unacknowledged, "row-cooling-lost", "H1-R02", "3.1 LPM < 41.0"),
    (35, 1, S::Unacknowledged, "rack-leak", "H1-R02-K2", "rope WET"),
    (32, 2, S::Unacknowledged, "return-temperature-high", "H1-R03-K1", "61.2 °C > 60.0"),
    (21, 2, S::ReturnedUnacknowledged, "hw-thermal-slowdown", "H2-R01-K1-T18-G2", "margin 0 K"),
    (177, 3, S::LatchedUnacknowledged, "gpu-lost", "H2-R02-K3-T05-G1", "XID 79"),
    (3_600, 2, S::Acknowledged, "over-contracted-power", "Testdal", "3.31 MW > 3.20"),
    (850, 2, S::Acknowledged, "switch-tray-down", "H1-R04-K4", "tray 3"),
    (7_241, 3, S::LatchedAcknowledged, "uncorrectable-memory", "H2-R03-K2-T11-G4", "1"),
    (17_852, 4, S::Acknowledged, "rack-delta-t", "H2-R04-K1", "17.1 K > 14"),
    (90_000, 4, S::Acknowledged, "leak-sensor-fault", "H1-R01-K3", "no answer"),
    (9_151, 3, S::Shelved, "rack-flow-low", "H1-R01-K2", "31 LPM < 41"),
    (600, 3, S::Suppressed, "rack-flow-low", "H1-R02-K1", "2.9 LPM < 41"),
    (601, 3, S::Suppressed, "gpu-margin-low", "H1-R02-K3-T01-G1", "2 K < 5"),
    (33_161, 3, S::OutOfService, "power-shelf-failed", "H2-R04-K4", "shelf 2"),
];

/// The board at `now`.
pub fn board(t: &Topology, now: Timestamp) -> AlarmBoard {
    let mut alarms: Vec<Arc<Alarm>> =
        ALARMS.iter().enumerate().map(|(i, given)| Arc::new(alarm(t, now, i as u64 + 1, given))).collect();
    alarms.sort_by_key(|a| a.rank());
    let counts = AlarmCounts::of(alarms.iter().map(|a| &**a));
    AlarmBoard {
        time: now,
        counts,
        kpi: Arc::new(kpi()),
        events: alarms.iter().map(|a| Arc::new(event(a))).collect(),
        rules: rule::ALL.iter().map(rule_view).collect(),
        journal: JournalState::Leading,
        bells: 4,
        alarms: alarms.into(),
    }
}

/// The snapshot with another board.
pub fn with(snapshot: &Arc<Snapshot>, board: AlarmBoard) -> Arc<Snapshot> {
    Arc::new(Snapshot { alarms: Arc::new(board), ..Snapshot::clone(snapshot) })
}

/// The snapshot with the board of its moment.
pub fn on(snapshot: &Arc<Snapshot>) -> Arc<Snapshot> {
    with(snapshot, board(&snapshot.frame.topology, snapshot.frame.time))
}

/// The board again with some alarms changed; counts and order follow.
pub fn changed(board: &AlarmBoard, change: impl Fn(&mut Alarm)) -> AlarmBoard {
    let mut alarms: Vec<Arc<Alarm>> = board
        .alarms
        .iter()
        .map(|a| {
            let mut a = Alarm::clone(a);
            change(&mut a);
            Arc::new(a)
        })
        .collect();
    alarms.sort_by_key(|a| a.rank());
    let counts = AlarmCounts::of(alarms.iter().map(|a| &**a));
    AlarmBoard { counts, alarms: alarms.into(), ..board.clone() }
}

fn alarm(t: &Topology, now: Timestamp, id: u64, given: &Given) -> Alarm {
    let (ago, priority, state, slug, place, text) = *given;
    let raised = now.plus_millis(-1000 * ago);
    let rule = rule::find(slug).expect("a rule");
    let note = |s: i64, comment: &str| Note {
        operator: "kari".into(),
        time: raised.plus_millis(1000 * s),
        comment: comment.into(),
    };
    let asset = t.find(place).ok();
    let cooling = slug == "row-cooling-lost";
    let member = |i: i64| Member {
        time: raised.plus_millis(700 * i),
        place: format!("H1-R02-K{i}").into(),
        rule: "rack-flow-low".into(),
    };
    let step = |s: i64, input, to| Step {
        time: raised.plus_millis(1000 * s),
        input,
        to,
        operator: if input == Input::Acknowledge { "kari".into() } else { "".into() },
        text: text.into(),
    };
    let mut steps = vec![step(0, Input::Raise, S::Unacknowledged)];
    let acknowledged = matches!(state, S::Acknowledged | S::LatchedAcknowledged);
    if acknowledged {
        steps.push(step(12, Input::Acknowledge, S::Acknowledged));
    }
    let gone =
        !matches!(state, S::ReturnedUnacknowledged | S::LatchedUnacknowledged | S::LatchedAcknowledged);
    Alarm {
        id: AlarmId(id),
        rule: slug.into(),
        title: rule.title.into(),
        place: place.into(),
        asset,
        origin: Origin::Rule,
        fingerprint: "".into(),
        priority,
        state,
        active: gone,
        latched: matches!(state, S::LatchedUnacknowledged | S::LatchedAcknowledged),
        latching: matches!(state, S::LatchedUnacknowledged | S::LatchedAcknowledged),
        raised,
        cleared: (!gone).then(|| raised.plus_millis(9_000)),
        changed: raised,
        occurrences: 1 + (id as u32) % 3,
        text: text.into(),
        gpus: asset.map_or(0, |a| t.gpus_of(a).len() as u32),
        member_count: if cooling { 576 } else { 0 },
        members: if cooling { (1..=4).map(member).collect() } else { Vec::new() },
        acknowledged: acknowledged.then(|| note(12, "seen on camera 3")),
        shelf: (state == S::Shelved).then(|| Shelf {
            note: note(60, "sensor chatters, work order 5512"),
            until: now.plus_millis(5_400_000),
            one_shot: true,
        }),
        service: (state == S::OutOfService).then(|| note(5, "rack swap")),
        suppressed_by: (state == S::Suppressed).then_some(AlarmId(1)),
        comment: (slug == "rack-leak").then(|| note(9, "valve is being closed")),
        chattering: slug == "rack-flow-low",
        steps,
    }
}

fn event(a: &Arc<Alarm>) -> Transition {
    Transition {
        time: a.raised,
        alarm: a.id,
        rule: Arc::clone(&a.rule),
        place: Arc::clone(&a.place),
        input: Input::Raise,
        from: S::Normal,
        to: a.state,
        priority: a.priority,
        operation: a.id.0 % 2 * 41,
        text: Arc::clone(&a.text),
    }
}

fn rule_view(r: &rule::AlarmRule) -> RuleView {
    RuleView {
        slug: r.slug.into(),
        title: r.title.into(),
        scope: Some(r.scope),
        priority: r.priority,
        condition: "flow < 0.3 of the flow at this load in half of the racks".into(),
        on_delay_s: 3.0,
        off_delay_s: 30.0,
        deadband: "5 %".into(),
        latch: matches!(r.slug, "gpu-lost" | "uncorrectable-memory"),
        action:
            "Check the pumps of both CDUs of the row. When both stand, drain the jobs of the row and call \
                 the mechanic on duty."
                .into(),
        runbook: "runbooks/cooling.md#row".into(),
        ..RuleView::default()
    }
}

fn kpi() -> Kpi {
    Kpi {
        per_10_min: 14,
        per_hour: 31,
        per_day: 290,
        flood_share: 0.021,
        flood: true,
        standing: 10,
        stale: 1,
        chattering: 2,
        mean_ack_s: Some(48.0),
        mix: [4, 10, 24, 62],
        top: vec![
            (AlarmId(11), "rack-flow-low".into(), "H1-R01-K2".into(), 744),
            (AlarmId(9), "rack-delta-t".into(), "H2-R04-K1".into(), 9),
        ],
        bins: (0..144).map(|i| (i % 13) as u16).collect(),
        busy_share: 0.04,
        peak_10_min: 14,
        watched_ms: 86_400_000,
    }
}

/// A board of `n` alarms at racks, all alike.
pub fn many(t: &Topology, now: Timestamp, n: usize) -> AlarmBoard {
    let one = board(t, now);
    let like = &one.alarms[1];
    let racks = t.racks().len();
    let make = |i: usize| {
        let asset = hallwatch::model::Asset::Rack(hallwatch::model::RackId::new(i % racks));
        Arc::new(Alarm {
            id: AlarmId(1_000 + i as u64),
            asset: Some(asset),
            place: t.name(asset).into(),
            priority: 1 + (i % 4) as u8,
            state: if i.is_multiple_of(3) { S::Acknowledged } else { S::Unacknowledged },
            raised: now.plus_millis(-(i as i64) * 1000),
            ..Alarm::clone(like)
        })
    };
    let mut alarms: Vec<Arc<Alarm>> = (0..n).map(make).collect();
    alarms.sort_by_key(|a| a.rank());
    let counts = AlarmCounts::of(alarms.iter().map(|a| &**a));
    AlarmBoard { counts, alarms: alarms.into(), ..one }
}
