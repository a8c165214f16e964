//! Whatever happens in whatever order, no alarm leaves the nine states and none is told twice.

use std::collections::HashMap;

use hallwatch::model::alarm::state::{AlarmState, Facts, Input, next};
use hallwatch::model::alarm::{Alarm, AlarmId, Operation, Transition, Verb};
use hallwatch::model::{Asset, Metric, Quantity, RackPoint};
use proptest::prelude::*;

use crate::site::Site;

#[derive(Clone, Debug)]
enum Event {
    Flow(u32, f32),
    Leak(u32, f32),
    Margin(u32, f32),
    Xid(u32, f32),
    Silence(u32, bool),
    Operate(u8, u64, i64),
    Wait(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let rack = 0..16_u32;
    prop_oneof![
        (rack.clone(), prop_oneof![Just(70.0_f32), Just(5.0), Just(45.0)])
            .prop_map(|(r, v)| Event::Flow(r, v)),
        (rack.clone(), prop_oneof![Just(0.0_f32), Just(1.0)]).prop_map(|(r, v)| Event::Leak(r, v)),
        (0..1152_u32, prop_oneof![Just(25.0_f32), Just(3.0)]).prop_map(|(g, v)| Event::Margin(g, v)),
        (0..1152_u32, prop_oneof![Just(0.0_f32), Just(79.0), Just(48.0)]).prop_map(|(g, v)| Event::Xid(g, v)),
        (rack, any::<bool>()).prop_map(|(r, s)| Event::Silence(r, s)),
        (0..9_u8, 1..12_u64, 1..90_i64).prop_map(|(v, id, s)| Event::Operate(v, id, s)),
        (1..70_u8).prop_map(Event::Wait),
    ]
}

/// Follows the states from the transitions alone.
#[derive(Default)]
struct Book(HashMap<AlarmId, AlarmState>);

impl Book {
    fn take(&mut self, list: &[Transition]) {
        for t in list {
            let state = self.0.entry(t.alarm).or_default();
            assert_eq!(*state, t.from, "{t:?} does not follow from what was told before");
            *state = t.to;
        }
    }
}

fn check(alarm: &Alarm) {
    let f = alarm.facts();
    let fits = match alarm.state {
        AlarmState::Normal => !f.active,
        AlarmState::Unacknowledged | AlarmState::Acknowledged => f.active,
        AlarmState::ReturnedUnacknowledged => !f.active && !f.latched,
        AlarmState::LatchedUnacknowledged | AlarmState::LatchedAcknowledged => !f.active && f.latching,
        AlarmState::Shelved => f.shelved,
        AlarmState::Suppressed => f.suppressed,
        AlarmState::OutOfService => alarm.service.is_some(),
    };
    assert!(fits, "{alarm:?}");
}

fn operation(site: &Site, number: u64, (verb, id, seconds): (u8, u64, i64)) -> Operation {
    let time = site.time();
    let until = time.plus_millis(seconds * 1000);
    let verb = match verb {
        0 | 1 => Verb::Acknowledge,
        2 => Verb::Shelve { until, one_shot: false },
        3 => Verb::Shelve { until, one_shot: true },
        4 => Verb::Unshelve,
        5 => Verb::Reset,
        6 => Verb::RemoveFromService,
        7 => Verb::ReturnToService,
        _ => Verb::Undo(number.saturating_sub(1)),
    };
    Operation { number, time, operator: "kari".into(), verb, alarms: vec![AlarmId(id)], comment: "x".into() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_leaves_the_nine_states(events in prop::collection::vec(event(), 1..40)) {
        let mut site = Site::new(None);
        let mut book = Book::default();
        let mut number = 0;
        for event in events {
            let gpu = |g: u32| Asset::Gpu(hallwatch::model::GpuId(g));
            let rack = |r: u32| Asset::Rack(hallwatch::model::RackId(r));
            match event {
                Event::Flow(r, v) => site.set(Quantity::Rack(RackPoint::LiquidFlow), rack(r), v),
                Event::Leak(r, v) => site.set(Quantity::Rack(RackPoint::Leak), rack(r), v),
                Event::Margin(g, v) => site.set(Quantity::Gpu(Metric::Margin), gpu(g), v),
                Event::Xid(g, v) => site.set(Quantity::Gpu(Metric::Xid), gpu(g), v),
                Event::Silence(r, s) => site.silence(rack(r), s),
                Event::Operate(verb, id, s) => {
                    number += 1;
                    let operation = operation(&site, number, (verb, id, s));
                    book.take(&site.operate(operation.clone()).transitions);
                    if operation.verb == Verb::Acknowledge {
                        // Acknowledging twice is acknowledging once.
                        let again = site.operate(Operation { number: number + 1000, ..operation });
                        prop_assert!(again.transitions.is_empty());
                    }
                }
                Event::Wait(n) => {
                    for _ in 0..n {
                        book.take(&site.tick().transitions);
                    }
                }
            }
            let board = site.board();
            let mut keys: Vec<_> = board.alarms.iter().map(|a| (a.rule.clone(), a.place.clone())).collect();
            board.alarms.iter().for_each(|a| check(a));
            keys.sort();
            let all = keys.len();
            keys.dedup();
            prop_assert_eq!(keys.len(), all, "an alarm is its rule and place, never twice");
        }
    }

    #[test]
    fn the_table_keeps_within_the_nine_states(
        inputs in prop::collection::vec((0..12_usize, any::<[bool; 5]>()), 0..200)
    ) {
        let mut state = AlarmState::Normal;
        for (input, [latching, active, latched, shelved, suppressed]) in inputs {
            let facts = Facts { latching, active, latched, shelved, suppressed };
            let input = Input::ALL[input];
            if let Some(to) = next(state, input, facts) {
                prop_assert!(AlarmState::ALL.contains(&to));
                if input == Input::Acknowledge {
                    prop_assert_eq!(next(to, input, facts), None, "acknowledging is idempotent");
                }
                state = to;
            }
        }
    }
}
