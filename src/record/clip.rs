//! Cuts a stretch out of a recording into a file of its own, which replays anywhere: with its site,
//! its rules, names, alarms, sources, bookmarks, and the periods of the hour before, so that charts
//! are there from its first frame on.
//!
//! The file appears under its name once it is complete; on any error nothing is left behind.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fleet::Snapshot;
use crate::fleet::period::{Level, Period};
use crate::model::Timestamp;
use crate::model::alarm::Transition;
use crate::model::chronicle::{Bookmark, Gap, Incident, MAX_TITLE};
use crate::record::anonymous::Anonymous;
use crate::record::file::{Segment, Shelf};
use crate::record::recording::Position;
use crate::record::scan::ChunkAt;
use crate::record::{Cursor, RecordError, Topic, Writer, document};

/// Periods of so long before a clip go with it, ms.
const CHARTS_MS: i64 = 3_600_000;
/// A period can only be read with those since its key, which is at most so many periods before it.
const CHAIN: i64 = 30;

/// What a clip is to be.
#[derive(Clone, Debug, Default)]
pub struct ClipOptions {
    /// What it is called, in words; may be empty. It is written as it is, even when `anonymous`.
    pub title: String,
    /// Names of the site, of hosts, jobs, tenants and operators, and all free texts are replaced.
    pub anonymous: bool,
    /// The incident that it shows.
    pub incident: Option<Incident>,
    /// Bookmarks that lie beside the recording; those of the stretch go with it.
    pub bookmarks: Vec<Bookmark>,
}

/// What was cut out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClipReport {
    /// Frames written.
    pub frames: u64,
    /// Frames that could not be read and are missing in it.
    pub damaged: u64,
    /// Periods written, for charts.
    pub periods: u64,
    /// Length of the file, bytes.
    pub bytes: u64,
    /// First and last frame.
    pub span: (Timestamp, Timestamp),
}

/// Cuts all frames of `from..=to` out of `source` into the new file `out`. `progress` is told how many
/// frames are done, of how many. The cursor then stands at the last frame that was read.
///
/// # Errors
/// `out` exists, nothing is recorded in that time, or something cannot be read or written.
pub fn clip(
    source: &mut Cursor,
    (from, to): (Timestamp, Timestamp),
    out: &Path,
    options: &ClipOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ClipReport, RecordError> {
    if out.symlink_metadata().is_ok() {
        return Err(RecordError::Exists(out.to_owned()));
    }
    let draft = Draft::beside(out);
    let mut cut = Cut::new(source, (from, to), options)?;
    let report = cut.write(source, &draft.0, progress)?;
    draft.publish(out)?;
    Ok(report)
}

/// Cuts an incident out into a new file of `folder`, called by its first moment; says where that is.
///
/// # Errors
/// As [`clip`].
pub fn clip_incident(
    source: &mut Cursor,
    incident: &Incident,
    folder: &Path,
    options: &ClipOptions,
) -> Result<PathBuf, RecordError> {
    let stamp = incident.from.to_string().replace(':', "-");
    let hidden = if options.anonymous { "-anonymous" } else { "" };
    let path = |n: u32| {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        folder.join(format!("clip-{stamp}{hidden}{number}.mcap"))
    };
    let free = (1..1000).map(path).find(|p| p.symlink_metadata().is_err());
    let out = free.ok_or_else(|| RecordError::Exists(path(1)))?;
    let options = ClipOptions { incident: Some(incident.clone()), ..options.clone() };
    clip(source, (incident.from, incident.to), &out, &options, &mut |_, _| ())?;
    Ok(out)
}

/// The incident that a clip shows, out of what the file says about itself.
#[must_use]
pub fn incident_of(about: &BTreeMap<String, String>) -> Option<Incident> {
    let text = |key: &str| about.get(key).map_or("", String::as_str);
    let time = |key: &str| about.get(key)?.parse().ok().map(Timestamp);
    let (from, to) = (time("incident.from")?, time("incident.to")?);
    Some(Incident {
        title: text("incident.title").chars().take(MAX_TITLE).collect::<String>().into(),
        from,
        to,
        operator: text("incident.operator").into(),
        marked: time("incident.marked").unwrap_or(to),
    })
}

/// A file under a name of its own until it is complete; removed when it is dropped before.
#[derive(Debug)]
pub struct Draft(pub PathBuf);

impl Draft {
    /// A name in the folder of `out`.
    #[must_use]
    pub fn beside(out: &Path) -> Self {
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        Self(out.with_file_name(format!(".{name}.{}.part", std::process::id())))
    }

    /// Gives the file its name; it must be complete and on the disk.
    ///
    /// # Errors
    /// There is something of this name, or the folder cannot be written.
    pub fn publish(self, out: &Path) -> Result<(), RecordError> {
        // A link never replaces what is there; where there are no links, a look before has to do.
        match fs::hard_link(&self.0, out) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(RecordError::Exists(out.to_owned()));
            }
            Err(_) if out.symlink_metadata().is_ok() => return Err(RecordError::Exists(out.to_owned())),
            Err(_) => fs::rename(&self.0, out).map_err(RecordError::io(out))?,
        }
        let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Not every file system can sync a folder; the file itself is on the disk.
        let _ = File::open(folder).and_then(|f| f.sync_all());
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A message that goes with the clip beside the state of its frames.
struct Beside {
    /// Moment of the message.
    time: Timestamp,
    what: What,
}

enum What {
    Gap(Gap),
    Note(Bookmark),
    /// The `nth` period of a chunk.
    Period {
        segment: usize,
        chunk: ChunkAt,
        nth: usize,
    },
}

/// What tells the place of a period among the others.
struct Head {
    level: Level,
    end: Timestamp,
    key: bool,
}

/// A clip in the making.
struct Cut<'a> {
    span: (Timestamp, Timestamp),
    first: Position,
    total: u64,
    options: &'a ClipOptions,
    hidden: Option<Anonymous>,
    events: Vec<Arc<Transition>>,
    report: ClipReport,
}

impl<'a> Cut<'a> {
    fn new(
        source: &Cursor,
        (from, to): (Timestamp, Timestamp),
        options: &'a ClipOptions,
    ) -> Result<Self, RecordError> {
        let recording = source.recording();
        let total = recording.times().filter(|t| (from..=to).contains(t)).count() as u64;
        let outside = || RecordError::Outside { path: recording.path().to_owned(), from, to };
        let mut first = recording.find(from).filter(|_| total > 0).ok_or_else(outside)?;
        while recording.time(first).is_some_and(|t| t < from) && recording.step(first, 1) != first {
            first = recording.step(first, 1);
        }
        // Of frames of one moment all are meant.
        while recording.time(recording.step(first, -1)) == recording.time(first)
            && recording.step(first, -1) != first
        {
            first = recording.step(first, -1);
        }
        Ok(Self {
            span: (from, to),
            first,
            total,
            options,
            hidden: options.anonymous.then(Anonymous::default),
            events: Vec::new(),
            report: ClipReport { frames: 0, damaged: 0, periods: 0, bytes: 0, span: (from, to) },
        })
    }

    fn write(
        &mut self,
        source: &mut Cursor,
        path: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<ClipReport, RecordError> {
        let mut writer = None;
        let mut beside = Vec::new().into_iter().peekable();
        let (mut at, mut lost, mut done) = (self.first, 0, 0);
        while let Some(time) = source.recording().time(at).filter(|t| *t <= self.span.1) {
            match source.show(at) {
                Ok(snapshot) => {
                    let open = match &mut writer {
                        Some(open) => open,
                        none => {
                            self.report.span = (time, time);
                            beside = self.beside(source)?.into_iter().peekable();
                            let shown = self.shown(snapshot.clone());
                            none.insert(self.begin(path, &shown)?)
                        }
                    };
                    while let Some(b) = beside.next_if(|b| b.time <= time) {
                        self.write_beside(source, open, &b)?;
                    }
                    if lost > 0 {
                        let gap = Gap { from: self.report.span.1, to: time, dropped: lost };
                        open.gap(&gap)?;
                        lost = 0;
                    }
                    open.write(&self.shown(snapshot))?;
                    self.report.frames += 1;
                    self.report.span.1 = time;
                }
                Err(RecordError::Damaged { .. }) => {
                    (self.report.damaged, lost) = (self.report.damaged + 1, lost + 1)
                }
                Err(e) => return Err(e),
            }
            done += 1;
            progress(done.min(self.total), self.total);
            let next = source.recording().step(at, 1);
            if next == at {
                break;
            }
            at = next;
        }
        let (from, to) = self.span;
        let none = || RecordError::Outside { path: source.recording().path().to_owned(), from, to };
        self.report.bytes = writer.ok_or_else(none)?.finish()?;
        Ok(self.report)
    }

    fn begin(&mut self, path: &Path, first: &Snapshot) -> Result<Writer, RecordError> {
        let mut writer = Writer::create(path, first)?;
        let o = self.options;
        let incident = o.incident.as_ref().map(|i| match &mut self.hidden {
            Some(hidden) => hidden.incident(i),
            None => i.clone(),
        });
        if incident.is_none() && o.title.is_empty() {
            return Ok(writer);
        }
        let (from, to) = incident.as_ref().map_or(self.span, |i| (i.from, i.to));
        let title = if o.title.is_empty() { incident.as_ref().map_or("", |i| &*i.title) } else { &o.title };
        let mut about = vec![
            ("title", title.to_owned()),
            ("from", from.millis().to_string()),
            ("to", to.millis().to_string()),
        ];
        if let Some(i) = &incident {
            about.push(("operator", i.operator.to_string()));
            about.push(("marked", i.marked.millis().to_string()));
        }
        writer.about("incident", &about)?;
        Ok(writer)
    }

    /// The state as it goes into the clip. Transitions that were told before stay the same ones,
    /// also where a later file of the recording tells them again.
    fn shown(&mut self, mut snapshot: Snapshot) -> Snapshot {
        if let Some(hidden) = &mut self.hidden {
            snapshot = hidden.snapshot(&snapshot);
        }
        let same = |e: &Arc<Transition>| self.events.iter().find(|o| *o == e).unwrap_or(e).clone();
        let known = |(a, b): (&Arc<Transition>, &Arc<Transition>)| Arc::ptr_eq(a, b);
        let told = &snapshot.alarms.events;
        if told.len() != self.events.len() || !told.iter().zip(&self.events).all(known) {
            self.events = told.iter().map(same).collect();
        }
        Arc::make_mut(&mut snapshot.alarms).events = self.events.as_slice().into();
        snapshot
    }

    fn write_beside(
        &mut self,
        source: &mut Cursor,
        writer: &mut Writer,
        beside: &Beside,
    ) -> Result<(), RecordError> {
        match &beside.what {
            What::Gap(gap) => writer.gap(gap),
            What::Note(note) => match &mut self.hidden {
                Some(hidden) => writer.note(&hidden.bookmark(note), beside.time),
                None => writer.note(note, beside.time),
            },
            What::Period { segment, chunk, nth } => {
                let recording = source.recording_mut();
                let (file, shelf) = (&mut recording.segments[*segment], &mut recording.shelf);
                let all = file.messages(*chunk, Topic::Period).unwrap_or_default();
                let Some(mut period) = all.get(*nth).and_then(|p| decode(file, shelf, p)) else {
                    return Ok(());
                };
                if let Some(hidden) = &mut self.hidden {
                    // Keys of courses are made of names, which can be guessed.
                    let topology = hidden.site(&period.topology);
                    period = Period { topology, courses: None, ..period };
                }
                self.report.periods += 1;
                writer.period(&period, beside.time)?;
                // Those before the first frame are many: each in a chunk of its own.
                if beside.time < self.report.span.0 { writer.end_chunk() } else { Ok(()) }
            }
        }
    }

    /// Everything that is not state of a frame, oldest first.
    fn beside(&self, source: &mut Cursor) -> Result<Vec<Beside>, RecordError> {
        let (from, to) = self.span;
        let current = source.at().map(|at| at.segment);
        let mut found = Vec::new();
        let mut periods = Vec::new();
        let recording = source.recording_mut();
        for (s, segment) in recording.segments.iter_mut().enumerate() {
            let longest = CHARTS_MS + CHAIN * Level::Minute.period_ms();
            let near = from.plus_millis(-longest)..=to;
            let all: Vec<ChunkAt> = segment.index.states.clone();
            for chunk in all.into_iter().filter(|c| near.contains(&c.time)) {
                self.read(segment, chunk, &mut found);
                read_periods((segment, &mut recording.shelf), (s, chunk), &mut periods);
            }
            if current != Some(s) {
                segment.close();
            }
        }
        let inside = self.options.bookmarks.iter().filter(|b| (from..=to).contains(&b.time));
        for note in inside {
            let known = |b: &Beside| matches!(&b.what, What::Note(n) if n == note);
            if !found.iter().any(known) {
                found
                    .push(Beside { time: note.time.max(self.report.span.0), what: What::Note(note.clone()) });
            }
        }
        for level in Level::ALL {
            let all: Vec<_> = periods.extract_if(.., |(p, _)| p.level == level).collect();
            let first =
                all.iter().position(|(p, _)| p.end > from.plus_millis(-CHARTS_MS)).unwrap_or(all.len());
            // Back to the key, without which the GPUs of the first ones could not be read.
            let key = all[..(first + 1).min(all.len())].iter().rposition(|(p, _)| p.key);
            found.extend(all.into_iter().skip(key.unwrap_or(first)).map(|(_, b)| b));
        }
        found.sort_by_key(|b| b.time);
        Ok(found)
    }

    /// Gaps and notes of a chunk.
    fn read(&self, segment: &mut Segment, chunk: ChunkAt, found: &mut Vec<Beside>) {
        let inside = chunk.time >= self.span.0;
        for topic in [Topic::Gap, Topic::Note].into_iter().filter(|t| inside && chunk.topics & t.bit() != 0) {
            for bytes in segment.messages(chunk, topic).unwrap_or_default() {
                let what = match topic {
                    Topic::Gap => document::unpack(&bytes).map(What::Gap),
                    _ => document::unpack(&bytes).map(What::Note),
                };
                found.extend(what.map(|what| Beside { time: chunk.time, what }));
            }
        }
    }
}

/// The periods of a chunk.
fn read_periods(
    (file, shelf): (&mut Segment, &mut Shelf),
    (segment, chunk): (usize, ChunkAt),
    found: &mut Vec<(Head, Beside)>,
) {
    if chunk.topics & Topic::Period.bit() == 0 {
        return;
    }
    for (nth, bytes) in file.messages(chunk, Topic::Period).unwrap_or_default().iter().enumerate() {
        let what = What::Period { segment, chunk, nth };
        let head = |p: Period| Head { level: p.level, end: p.end(), key: p.is_key() };
        let head = decode(file, shelf, bytes).map(head);
        found.extend(head.map(|h| (h, Beside { time: chunk.time, what })));
    }
}

/// A period out of its message, which begins with the number of its topology.
fn decode(file: &mut Segment, shelf: &mut Shelf, message: &[u8]) -> Option<Period> {
    let (number, bytes) = message.split_first_chunk::<4>()?;
    let topology = file.topology(u32::from_le_bytes(*number), shelf).ok()?;
    Period::decode(bytes, &topology).ok()
}

#[cfg(test)]
mod tests;
