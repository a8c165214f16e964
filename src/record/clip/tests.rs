//! Clips of a small site: what is in them is what was recorded, and what fails leaves nothing.

use std::collections::VecDeque;

use super::*;
use crate::fleet::history::{Archive, History};
use crate::fleet::planes;
use crate::model::alarm::AlarmId;
use crate::model::alarm::state::{AlarmState, Input};
use crate::model::{Asset, Metric};
use crate::record::Recording;
use crate::record::state::AlarmsMessage;
use crate::record::testing::Site;

fn at(s: i64) -> Timestamp {
    Timestamp::from_secs(s)
}

fn note(s: i64, text: &str) -> Bookmark {
    Bookmark { time: at(s), operator: "kari".into(), text: text.into() }
}

fn raised(alarm: u64, time: Timestamp) -> Transition {
    Transition {
        time,
        alarm: AlarmId(alarm),
        rule: "row-cooling-lost".into(),
        place: "H1-R01".into(),
        input: Input::Raise,
        from: AlarmState::Normal,
        to: AlarmState::Unacknowledged,
        priority: 1,
        operation: 0,
        text: "0 LPM < 40".into(),
    }
}

/// A recording with charts, of `seconds`, in files of so many ticks.
fn record(folder: &Path, seconds: u16, each: u16) -> Vec<Arc<Snapshot>> {
    let mut site = Site::small();
    let mut archive = Archive::new(64 << 20);
    let mut told = [None; 2];
    let mut writer: Option<Writer> = None;
    let mut live = Vec::new();
    let mut events = VecDeque::new();
    for n in 0..seconds {
        site.tick(1 + n % 11);
        if n % 40 == 7 {
            site.raise(u64::from(n));
            events.push_front(Arc::new(raised(u64::from(n), site.frame.time)));
        }
        archive.push(&site.frame);
        archive.maintain();
        let mut snapshot = site.snapshot().as_ref().clone();
        Arc::make_mut(&mut snapshot.alarms).events = events.iter().cloned().collect();
        if n % each == 0 {
            writer.take().map(|w| w.finish().expect("finished"));
            let path = folder.join(format!("{n:04}.mcap"));
            writer = Some(Writer::create(&path, &snapshot).expect("a new file"));
        }
        let open = writer.as_mut().expect("open");
        for (level, told) in Level::ALL.into_iter().zip(&mut told) {
            for period in archive.publish().periods_after(level, *told) {
                *told = Some(period.start);
                open.period(&period, site.frame.time).expect("written");
            }
        }
        if n % 50 == 30 {
            open.note(&note(i64::from(n), "look"), site.frame.time).expect("written");
        }
        open.write(&snapshot).expect("written");
        live.push(Arc::new(snapshot));
    }
    writer.map(|w| w.finish().expect("finished"));
    live
}

fn cursor(path: &Path) -> Cursor {
    Cursor::new(Recording::open(path).expect("it opens")).expect("memory")
}

fn names(folder: &Path) -> Vec<String> {
    let name =
        |e: std::io::Result<fs::DirEntry>| e.expect("listed").file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = fs::read_dir(folder).expect("a folder").map(name).collect();
    names.sort();
    names
}

/// All messages of a channel in a file.
fn messages(cursor: &mut Cursor, topic: Topic) -> Vec<Vec<u8>> {
    let file = &mut cursor.recording_mut().segments[0];
    let chunks: Vec<ChunkAt> =
        file.index.states.iter().filter(|c| c.topics & topic.bit() != 0).copied().collect();
    chunks.into_iter().flat_map(|c| file.messages(c, topic).expect("read")).collect()
}

#[test]
fn a_clip_shows_what_was_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = record(folder.path(), 200, 60);
    let mut source = cursor(folder.path());
    let out = folder.path().join("clip.out");
    let options =
        ClipOptions { bookmarks: vec![note(110, "leak"), note(20, "before")], ..ClipOptions::default() };
    let mut told = Vec::new();
    let mut tell = |done, of| told.push((done, of));
    let report = clip(&mut source, (at(100), at(150)), &out, &options, &mut tell).expect("a clip");
    assert_eq!((report.frames, report.damaged, report.span), (51, 0, (at(100), at(150))));
    assert_eq!(report.bytes, fs::metadata(&out).expect("there").len());
    assert_eq!((told.len(), told.last()), (51, Some(&(51, 51))));
    let mut copy = cursor(&out);
    for real in &live[100..=150] {
        let shown = copy.next().expect("read").expect("a frame");
        assert!((0..planes::PLANES).all(|p| planes::bytes(&shown.frame, p) == planes::bytes(&real.frame, p)));
        assert_eq!((shown.frame.time, shown.frame.seq), (real.frame.time, real.frame.seq));
        assert_eq!((&shown.frame.jobs, &shown.trays), (&real.frame.jobs, &real.trays));
        assert_eq!((&shown.alarms.alarms, shown.alarms.counts), (&real.alarms.alarms, real.alarms.counts));
    }
    assert!(copy.next().expect("read").is_none());
    let notes = messages(&mut copy, Topic::Note);
    let notes: Vec<Bookmark> = notes.iter().filter_map(|n| document::unpack(n)).collect();
    assert_eq!(notes, [note(110, "leak"), note(130, "look")]);
}

#[test]
fn charts_begin_before_the_clip() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = record(folder.path(), 420, 1000);
    let out = folder.path().join("clip.out");
    let mut source = cursor(folder.path());
    let span = (at(400), at(410));
    clip(&mut source, span, &out, &ClipOptions::default(), &mut |_, _| ()).expect("a clip");
    let mut copy = cursor(&out);
    let site = &live[0].frame.topology;
    let all = messages(&mut copy, Topic::Period);
    let all: Vec<Period> = all.iter().map(|p| Period::decode(&p[4..], site).expect("a period")).collect();
    let of = |level| all.iter().filter(move |p| p.level == level).cloned();
    assert!(of(Level::TenSeconds).next().expect("there").is_key(), "its GPUs can be read");
    assert_eq!(of(Level::TenSeconds).map(|p| p.start).next(), Some(at(0)));
    let history = History::of_periods(of(Level::TenSeconds).chain(of(Level::Minute)), 64 << 20);
    let series =
        history.series(&live[400].frame, Asset::Rack(crate::model::RackId(0)), Metric::Util, (300_000, 30));
    assert!(series[..28].iter().all(Option::is_some), "{series:?}");
}

#[test]
fn what_happened_is_told_once_over_several_files() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), 190, 45);
    let out = folder.path().join("clip.out");
    let mut source = cursor(folder.path());
    clip(&mut source, (at(0), at(190)), &out, &ClipOptions::default(), &mut |_, _| ()).expect("a clip");
    let messages = messages(&mut cursor(&out), Topic::Alarms);
    let messages: Vec<AlarmsMessage> = messages.iter().filter_map(|m| document::unpack(m)).collect();
    assert!(messages.iter().filter(|m| m.whole).count() > 3);
    assert_eq!(messages.iter().map(|m| m.new).sum::<usize>(), 5, "at 7, 47, 87, 127 and 167 s");
}

#[test]
fn the_incident_and_its_title_are_in_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), 30, 100);
    let incident = Incident {
        title: "leak in H1".into(),
        from: at(5),
        to: at(15),
        operator: "kari".into(),
        marked: at(20),
    };
    let mut source = cursor(folder.path());
    for (title, anonymous, expected) in
        [("", false, "leak in H1"), ("other", false, "other"), ("", true, ""), ("mine", true, "mine")]
    {
        let out = folder.path().join(format!("{title}{anonymous}.out"));
        let options = ClipOptions {
            title: title.into(),
            anonymous,
            incident: Some(incident.clone()),
            ..ClipOptions::default()
        };
        clip(&mut source, (at(5), at(15)), &out, &options, &mut |_, _| ()).expect("a clip");
        let copy = cursor(&out);
        let read = incident_of(&copy.recording().segments[0].index.about).expect("an incident");
        assert_eq!((&*read.title, read.from, read.to, read.marked), (expected, at(5), at(15), at(20)));
        let about = &copy.recording().segments[0].index.about;
        assert_eq!(about.get("incident.title").map(String::as_str), Some(expected));
        assert_eq!(about.get("incident.from").map(String::as_str), Some("5000"));
        let operator = if anonymous { "operator-1" } else { "kari" };
        assert_eq!(about.get("incident.operator").map(String::as_str), Some(operator));
    }
}

#[test]
fn incidents_are_cut_out_into_a_folder_and_never_over_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), 20, 100);
    let mut source = cursor(folder.path());
    let incident =
        Incident { title: "leak".into(), from: at(5), to: at(9), operator: "kari".into(), marked: at(10) };
    let clips = tempfile::tempdir().expect("a folder");
    let mut cut = |anonymous| {
        let options = ClipOptions { anonymous, ..ClipOptions::default() };
        clip_incident(&mut source, &incident, clips.path(), &options).expect("a clip")
    };
    let made = [cut(false), cut(false), cut(true)];
    let name = |p: &PathBuf| p.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(
        made.each_ref().map(name),
        [
            "clip-1970-01-01T00-00-05Z.mcap",
            "clip-1970-01-01T00-00-05Z-2.mcap",
            "clip-1970-01-01T00-00-05Z-anonymous.mcap",
        ]
    );
    assert_eq!(incident_of(&cursor(&made[0]).recording().segments[0].index.about), Some(incident.clone()));
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), 20, 100);
    let before = names(folder.path());
    let mut source = cursor(folder.path());
    let mut cut = |from, to, out: &Path| {
        clip(&mut source, (at(from), at(to)), out, &ClipOptions::default(), &mut |_, _| ())
    };
    let out = folder.path().join("clip.out");
    assert!(matches!(cut(30, 40, &out), Err(RecordError::Outside { .. })));
    assert!(matches!(cut(10, 5, &out), Err(RecordError::Outside { .. })));
    let taken = folder.path().join(&before[0]);
    assert!(matches!(cut(5, 10, &taken), Err(RecordError::Exists(p)) if p == taken));
    assert!(matches!(cut(5, 10, &folder.path().join("none/clip.out")), Err(RecordError::Io { .. })));
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_frame_that_is_damaged_is_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), 40, 100);
    let path = folder.path().join("0000.mcap");
    let chunk = cursor(&path).recording().segments[0].index.frames[15];
    let mut bytes = fs::read(&path).expect("read");
    bytes[(chunk.at + chunk.len) as usize - 9] ^= 1;
    fs::write(&path, bytes).expect("written");
    let out = folder.path().join("clip.out");
    let report = clip(&mut cursor(&path), (at(10), at(20)), &out, &ClipOptions::default(), &mut |_, _| ());
    let report = report.expect("a clip");
    assert_eq!((report.frames, report.damaged), (10, 1));
    let mut copy = cursor(&out);
    let gaps = messages(&mut copy, Topic::Gap);
    assert_eq!(document::unpack::<Gap>(&gaps[0]), Some(Gap { from: at(14), to: at(16), dropped: 1 }));
}
