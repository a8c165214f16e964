//! A site whose every name is a secret is recorded, with everything that a recording can hold, and
//! none of the secrets is in its anonymous clip.

use std::fs::File;
use std::path::Path;

use super::*;
use crate::fleet::history::Archive;
use crate::fleet::period::{Level, Period};
use crate::fleet::planes;
use crate::model::alarm::record::{Member, Note, Shelf, Step};
use crate::model::alarm::state::{AlarmState, Input};
use crate::model::alarm::{Alarm, AlarmBoard, AlarmId, JournalState, Kpi, Origin, RuleView, Transition};
use crate::model::topology::build::build;
use crate::model::{GpuId, Timestamp, TrayId};
use crate::record::clip::{ClipOptions, clip};
use crate::record::testing::Site;
use crate::record::{Cursor, Recording, Topic, Writer, document, scan};

/// In every name.
const SECRET: &str = "sEcReT";

fn secret(what: &str) -> Arc<str> {
    format!("{what}-{SECRET}").into()
}

/// The small site, with a secret in each of its names.
fn site() -> Arc<Topology> {
    let mut plan = Site::small().frame.topology.plan().as_ref().clone();
    let hide = |s: &mut String| *s = secret(s).to_string();
    hide(&mut plan.site);
    hide(&mut plan.prefix);
    hide(&mut plan.grid.area);
    plan.rack_models.iter_mut().for_each(|m| hide(&mut m.name));
    for hall in &mut plan.halls {
        hide(&mut hall.name);
        for row in &mut hall.rows {
            hide(&mut row.name);
            row.cdus.iter_mut().for_each(hide);
            for rack in &mut row.racks {
                hide(&mut rack.name);
                for tray in &mut rack.trays {
                    hide(&mut tray.name);
                    tray.host = format!("{SECRET}.example.com:{}", tray.name);
                }
            }
        }
    }
    Arc::new(build(plan, 0).expect("it fits"))
}

fn note(operator: &str, time: Timestamp) -> Note {
    Note { operator: secret(operator), time, comment: secret("why") }
}

/// An alarm in which everything that can be said is said.
fn alarm(id: u64, (rule, place): (&Arc<str>, &Arc<str>), time: Timestamp) -> Alarm {
    let step = |input, operator: &str, text: &str| Step {
        time,
        input,
        to: AlarmState::Acknowledged,
        operator: if operator.is_empty() { Arc::default() } else { secret(operator) },
        text: text.into(),
    };
    Alarm {
        title: secret("title"),
        fingerprint: secret("fingerprint"),
        text: "3.1 LPM < 41".into(),
        state: AlarmState::Acknowledged,
        raised: time,
        active: true,
        members: vec![Member { time, place: Arc::clone(place), rule: Arc::clone(rule) }],
        acknowledged: Some(note("ann", time)),
        shelf: Some(Shelf { note: note("bob", time), until: time, one_shot: true }),
        service: Some(note("ann", time)),
        comment: Some(note("carl", time)),
        steps: vec![
            step(Input::Raise, "", "3.1 LPM < 41"),
            step(Input::Acknowledge, "ann", &secret("comment")),
            step(Input::Suppress, "", &format!("by row-cooling-lost {place}")),
        ],
        ..Alarm::normal(AlarmId(id), rule, place)
    }
}

fn event(alarm: &Alarm, (input, operation, text): (Input, u64, &str)) -> Arc<Transition> {
    Arc::new(Transition {
        time: alarm.raised,
        alarm: alarm.id,
        rule: Arc::clone(&alarm.rule),
        place: Arc::clone(&alarm.place),
        input,
        from: AlarmState::Normal,
        to: AlarmState::Unacknowledged,
        priority: 2,
        operation,
        text: text.into(),
    })
}

fn board(t: &Topology, time: Timestamp) -> AlarmBoard {
    let hall = Arc::from(t.name(crate::model::Asset::Hall(crate::model::HallId(1))));
    let tray: Arc<str> = t.name(crate::model::Asset::Tray(TrayId(3))).into();
    let marked = Arc::from(format!("{hall} #{SECRET}"));
    let (built_in, own, foreign) = (Arc::from("row-cooling-lost"), secret("rule"), secret("am:alert"));
    let mut alarms = vec![
        alarm(1, (&built_in, &hall), time),
        alarm(2, (&own, &tray), time),
        alarm(3, (&built_in, &secret("job")), time),
        alarm(4, (&foreign, &marked), time),
        alarm(5, (&built_in, &secret("gone")), time),
    ];
    (alarms[3].origin, alarms[3].text) = (Origin::Alertmanager, secret("alert text"));
    let events = vec![
        event(&alarms[0], (Input::Raise, 0, "3.1 LPM < 41")),
        event(&alarms[1], (Input::Shelve, 7, &secret("comment"))),
        event(&alarms[1], (Input::Suppress, 0, &format!("by {own} {hall}"))),
        event(&alarms[3], (Input::Raise, 0, &secret("alert text"))),
    ];
    let rule = |slug: &Arc<str>, from: &str| RuleView {
        slug: Arc::clone(slug),
        title: secret("title"),
        condition: secret("when"),
        action: secret("do"),
        runbook: secret("book"),
        group: secret("group"),
        suppresses: format!("row-cooling-lost, {own}").into(),
        from: from.into(),
        ..RuleView::default()
    };
    let mut views = vec![rule(&own, SECRET), rule(&built_in, SECRET)];
    views.push(RuleView { slug: "power-brake".into(), title: "Power brake".into(), ..RuleView::default() });
    AlarmBoard {
        time,
        alarms: alarms.into_iter().map(Arc::new).collect(),
        kpi: Arc::new(Kpi { top: vec![(AlarmId(2), own, tray, 9)], per_hour: 9, ..Kpi::default() }),
        events: events.into(),
        rules: views.into(),
        journal: if time.secs() % 2 == 0 {
            JournalState::Following(secret("console"))
        } else {
            JournalState::Broken(secret("/var/lib"))
        },
        ..AlarmBoard::default()
    }
}

/// The state of a second, full of secrets.
fn state(live: &mut Site, t: &Arc<Topology>) -> Snapshot {
    let mut out = live.snapshot().as_ref().clone();
    let mut frame = live.frame.as_ref().clone();
    frame.topology = Arc::clone(t);
    let job = |j: &JobName| JobName {
        job: if j.job.is_empty() { String::new() } else { secret("job").to_string() },
        tenant: if j.tenant.is_empty() { String::new() } else { secret("tenant").to_string() },
        state: j.state,
    };
    frame.jobs = frame.jobs.iter().map(job).collect();
    let tenants =
        frame.tenants.iter().map(|t| if t.is_empty() { String::new() } else { secret(t).to_string() });
    frame.tenants = tenants.collect();
    let time = frame.time;
    out.frame = Arc::new(frame);
    out.alarms = Arc::new(board(t, time));
    let status = |n: u32, state| TargetStatus {
        name: secret("target").to_string(),
        state,
        bytes: n,
        ..TargetStatus::default()
    };
    out.sources = Arc::new([SourceView {
        status: SourceStatus {
            name: secret("scrape").to_string(),
            note: Some(secret("note").to_string()),
            target_count: 2,
            ..SourceStatus::default()
        },
        targets: [
            status(5, TargetState::Up),
            status(6, TargetState::Down(secret("no route to").to_string())),
        ]
        .map(Arc::new)
        .into(),
    }]);
    let mut inventory = Inventory::default();
    inventory.set_gpu(
        GpuId(4),
        Arc::new(GpuFacts {
            uuid: secret("GPU").to_string(),
            model: "NVIDIA B200".into(),
            pci: secret("00000000:1b:00.0").to_string(),
            driver: "580.1".into(),
            memory_mib: 7,
            job: secret("pod"),
            tenant: secret("namespace"),
        }),
    );
    out.inventory = Arc::new(inventory);
    out
}

/// The recording, with periods, bookmarks and all.
fn record(path: &Path) -> Vec<Snapshot> {
    let (mut live, t) = (Site::small(), site());
    let mut archive = Archive::new(64 << 20);
    let mut writer: Option<Writer> = None;
    let mut told = None;
    let mut all = Vec::new();
    for n in 0..65u16 {
        live.tick(1 + n % 7);
        let snapshot = state(&mut live, &t);
        archive.push(&snapshot.frame);
        archive.maintain();
        let open = match &mut writer {
            Some(open) => open,
            none => none.insert(Writer::create(path, &snapshot).expect("a new file")),
        };
        for period in archive.publish().periods_after(Level::TenSeconds, told) {
            told = Some(period.start);
            assert!(period.courses.is_some(), "there are jobs");
            open.period(&period, snapshot.frame.time).expect("written");
        }
        if n == 40 {
            let mark = Bookmark { time: snapshot.frame.time, operator: secret("kari"), text: secret("look") };
            open.note(&mark, snapshot.frame.time).expect("written");
        }
        open.write(&snapshot).expect("written");
        all.push(snapshot);
    }
    writer.expect("open").finish().expect("finished");
    all
}

/// All text and bytes that a file holds, once decoded.
fn content(path: &Path) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::new(Recording::open(path).expect("it opens")).expect("memory");
    let segment = &mut cursor.recording_mut().segments[0];
    let mut all = vec![std::fs::read(path).expect("read")];
    let chunks: Vec<_> = segment.index.states.iter().chain(&segment.index.frames).copied().collect();
    for chunk in chunks {
        for topic in Topic::ALL {
            all.extend(segment.messages(chunk, topic).expect("read"));
        }
    }
    let file = File::open(path).expect("it opens");
    let read = |(at, len, _): &(u64, u64, Timestamp)| {
        scan::attachment(&file, *at, *len).expect("read").expect("whole")
    };
    all.extend(segment.index.attachments.values().map(read));
    all.extend(segment.index.about.iter().map(|(k, v)| format!("{k}={v}").into_bytes()));
    let unpacked: Vec<_> = all.iter().filter_map(|b| document::inflate(b, document::MOST)).collect();
    assert!(unpacked.len() > 30, "documents were found");
    all.extend(unpacked);
    all
}

fn holds(content: &[Vec<u8>], word: &str) -> bool {
    let word = word.to_lowercase().into_bytes();
    content.iter().any(|c| c.to_ascii_lowercase().windows(word.len()).any(|w| *w == word))
}

#[test]
fn no_secret_is_in_an_anonymous_clip_and_everything_else_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, out) = (folder.path().join("a.mcap"), folder.path().join("b.mcap"));
    let live = record(&path);
    assert!(holds(&content(&path), SECRET), "the search finds what is there");
    let options = ClipOptions {
        anonymous: true,
        incident: Some(Incident {
            title: secret("leak"),
            from: live[10].frame.time,
            to: live[60].frame.time,
            operator: secret("kari"),
            marked: live[60].frame.time,
        }),
        bookmarks: vec![Bookmark {
            time: live[30].frame.time,
            operator: secret("kari"),
            text: secret("mark"),
        }],
        ..ClipOptions::default()
    };
    let mut source = Cursor::new(Recording::open(&path).expect("it opens")).expect("memory");
    let span = (live[10].frame.time, live[60].frame.time);
    let report = clip(&mut source, span, &out, &options, &mut |_, _| ()).expect("a clip");
    assert_eq!((report.frames, report.periods > 0), (51, true));
    let all = content(&out);
    assert!(!holds(&all, SECRET));
    assert!(!holds(&all, "example.com"));
    for kept in [
        "NVIDIA B200",
        "580.1",
        "3.1 LPM",
        "row-cooling-lost",
        "job-1",
        "tenant-1",
        "operator-1",
        "H1-R01-K1-T04",
    ] {
        assert!(holds(&all, kept), "{kept}");
    }
    let mut copy = Cursor::new(Recording::open(&out).expect("it opens")).expect("memory");
    for real in &live[10..=60] {
        let shown = copy.next().expect("read").expect("a frame");
        compare(&shown, real);
    }
    periods_have_no_courses(&mut copy, &live[0].frame.topology);
}

fn compare(shown: &Snapshot, real: &Snapshot) {
    assert!((0..planes::PLANES).all(|p| planes::bytes(&shown.frame, p) == planes::bytes(&real.frame, p)));
    assert_eq!((shown.frame.time, &shown.trays), (real.frame.time, &real.trays));
    let about = |b: &AlarmBoard| -> Vec<_> {
        let one = |a: &Arc<Alarm>| {
            let steps: Vec<_> = a.steps.iter().map(|s| (s.time, s.input, s.to)).collect();
            (a.id, a.state, a.priority, a.raised, a.changed, a.members.len(), steps)
        };
        b.alarms.iter().map(one).collect()
    };
    let mut expected = about(&real.alarms);
    expected.sort_by_key(|a| shown.alarms.alarms.iter().position(|s| s.id == a.0));
    assert_eq!(about(&shown.alarms), expected);
    // A reader keeps those that were told before; the state here tells only its own.
    let events = |b: &AlarmBoard| -> Vec<_> {
        b.events.iter().take(4).map(|e| (e.time, e.alarm, e.input, e.from, e.to, e.operation)).collect()
    };
    assert_eq!(events(&shown.alarms), events(&real.alarms));
    // What stands at an asset stands at the same one.
    for alarm in &shown.alarms.alarms[..] {
        let place = &real.alarms.get(alarm.id).expect("the same").place;
        if let Ok(asset) = real.frame.topology.find(place) {
            assert_eq!(alarm.asset, Some(asset), "{place}");
        }
    }
}

fn periods_have_no_courses(copy: &mut Cursor, real: &Arc<Topology>) {
    let file = &mut copy.recording_mut().segments[0];
    let chunks: Vec<_> = file.index.states.clone();
    let mut count = 0;
    for chunk in chunks.into_iter().filter(|c| c.topics & Topic::Period.bit() != 0) {
        for bytes in file.messages(chunk, Topic::Period).expect("read") {
            let period = Period::decode(&bytes[4..], real).expect("a period");
            assert!(period.courses.is_none() && period.tier.is_some() && period.series.is_some());
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn the_same_name_is_the_same_number() {
    let mut numbers = Numbers::new("job");
    assert_eq!(
        (&*numbers.of("b"), &*numbers.of("a"), &*numbers.of("b"), &*numbers.of("")),
        ("job-1", "job-2", "job-1", "")
    );
    assert_eq!(numbers.get("c"), None);
}
