//! The journal: a storm of transitions, acknowledgements, and the check of the chain.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hallwatch::journal::store::MAX_BATCH;
use hallwatch::journal::{Holder, Journal};
use hallwatch::model::Timestamp;
use hallwatch::model::alarm::{Alarm, AlarmId, AlarmState, Input, Operation, Transition, Verb};
use tempfile::TempDir;

const T: Timestamp = Timestamp::from_secs(1_800_000_000);

fn transition(id: u64) -> Transition {
    Transition {
        time: T,
        alarm: AlarmId(id),
        rule: "gpu-over-temperature".into(),
        place: format!("H3-R17-K5-T{id}").into(),
        input: Input::Raise,
        from: AlarmState::Normal,
        to: AlarmState::Unacknowledged,
        priority: 2,
        operation: 0,
        text: "91.0 °C > 87.0".into(),
    }
}

fn alarm(id: u64) -> Alarm {
    // The other parts are empty for most alarms of a storm.
    let text = format!(
        r#"{{"id":{id},"rule":"gpu-over-temperature","title":"GPU too hot","place":"H3-R17-K5-T{id}",
        "priority":2,"state":"unacknowledged","active":true,"raised":{t},"changed":{t},"occurrences":1}}"#,
        t = T.millis()
    );
    serde_json::from_str(&text).expect("an alarm")
}

fn acknowledge(alarms: std::ops::Range<u64>) -> Operation {
    Operation {
        number: 0,
        time: T,
        operator: "kari".into(),
        verb: Verb::Acknowledge,
        alarms: alarms.map(AlarmId).collect(),
        comment: String::new(),
    }
}

struct Scene {
    _dir: TempDir,
    path: PathBuf,
    journal: Journal,
    who: Holder,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("journal.sqlite");
    let mut journal = Journal::open(&path).expect("it can be made");
    let who = Holder::here("bench");
    assert!(journal.try_lead(&who, T).expect("writable"));
    Scene { _dir: dir, path, journal, who }
}

fn storm(scene: &mut Scene, transitions: &[Transition], alarms: &[Alarm]) {
    for (t, a) in transitions.chunks(MAX_BATCH).zip(alarms.chunks(MAX_BATCH)) {
        scene.journal.record(&scene.who, t, a, None).expect("saved");
    }
}

fn journal(c: &mut Criterion) {
    let mut group = c.benchmark_group("journal");
    group.sample_size(10).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    let transitions: Vec<_> = (1..=10_000).map(transition).collect();
    let alarms: Vec<_> = (1..=10_000).map(alarm).collect();
    group.bench_function("10,000 transitions with their alarms", |b| {
        b.iter_batched_ref(scene, |s| storm(s, &transitions, &alarms), BatchSize::PerIteration);
    });
    let mut s = scene();
    group.bench_function("one acknowledgement", |b| {
        b.iter(|| s.journal.append_operation(&acknowledge(1..2)).expect("saved"));
    });
    group.bench_function("1,000 acknowledgements as one operation", |b| {
        b.iter(|| s.journal.append_operation(&acknowledge(0..1000)).expect("saved"));
    });
    let mut s = scene();
    for _ in 0..10 {
        storm(&mut s, &transitions, &alarms);
    }
    group.bench_function("the chain of 100,000 rows", |b| {
        b.iter(|| assert_eq!(black_box(s.journal.verify().expect("readable")).fault, None));
    });
    group.bench_function("10,000 alarms at the start", |b| {
        b.iter(|| Journal::open(&s.path).and_then(|j| j.alarms()).expect("readable").len());
    });
    group.bench_function("pages of 100,000 rows at the start", |b| {
        b.iter(|| s.journal.check_pages(false).expect("sound"));
    });
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);
