//! A recording as the past that a console shows: any moment with its charts, the chronicle, marks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fleet::history::Archive;
use crate::fleet::past::Tape;
use crate::fleet::period::{Level, Period};
use crate::fleet::{Frame, History, Snapshot};
use crate::model::Timestamp;
use crate::model::chronicle::{Bookmark, Chronicle, Incident};
use crate::record::chronicle::Chronicler;
use crate::record::clip::{ClipOptions, clip_incident};
use crate::record::marks::{self, Marks};
use crate::record::{Cursor, RecordError, Recording, Topic};

/// Memory for the charts of a replay, bytes.
const CHARTS: usize = 192 << 20;
/// Messages that the chronicle reads at a time: some 20 ms.
const PORTION: usize = 1000;
/// Charts reach back so far, ms.
const HOUR_MS: i64 = 3_600_000;
/// Charts are made up to so far behind the moment that is shown, ms, so that playing on needs no new
/// ones at once; the tier of an hour has that much room.
const AHEAD_MS: i64 = 240_000;
/// At the end of a recording that grows charts are made anew after this time, ms.
const AGAIN_MS: i64 = 10_000;
/// Frames follow each other when they are no further apart, ms.
const RECENT_MS: i64 = 10_000;
/// The newest frames that charts need beside finished periods.
const RECENT: usize = 24;

/// The charts of a stretch of the recording.
struct Charts {
    history: Arc<History>,
    /// Moments for which they are right.
    valid: (Timestamp, Timestamp),
}

/// See the module.
pub struct RecordingTape {
    cursor: Cursor,
    name: Arc<str>,
    marks_path: PathBuf,
    /// Where clips go.
    clips: PathBuf,
    marks: Marks,
    chronicler: Chronicler,
    charts: Option<Charts>,
    /// Frames that were shown one after the other, the newest last.
    recent: Vec<Arc<Frame>>,
}

impl std::fmt::Debug for RecordingTape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordingTape").field("name", &self.name).finish_non_exhaustive()
    }
}

impl RecordingTape {
    /// The tape of a recording, which operators know as `name`; clips go to the folder `clips`.
    ///
    /// # Errors
    /// There is no memory for a decompressor.
    pub fn new(recording: Recording, name: &str, clips: &Path) -> Result<Self, RecordError> {
        let marks_path = marks::path_of(recording.path());
        Ok(Self {
            marks: Marks::load(&marks_path).unwrap_or_default(),
            cursor: Cursor::new(recording)?,
            name: name.into(),
            marks_path,
            clips: clips.to_owned(),
            chronicler: Chronicler::default(),
            charts: None,
            recent: Vec::new(),
        })
    }

    /// Takes in what was recorded since, before the past is asked for.
    fn refresh(&mut self) {
        // What cannot be read just now stays as it was known.
        if self.cursor.refresh().unwrap_or(false) {
            self.chronicler.stale();
        }
    }

    /// The state with its charts, where they are at hand: else a history with a budget of 0.
    fn complete(&mut self, mut snapshot: Snapshot) -> Arc<Snapshot> {
        let frame = &snapshot.frame;
        let follows = |f: &Arc<Frame>| {
            let near = (1..=RECENT_MS).contains(&frame.time.since(f.time));
            near && Arc::ptr_eq(&f.topology, &frame.topology)
        };
        if !self.recent.last().is_some_and(follows) {
            self.recent.clear();
        }
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push(Arc::clone(frame));
        let valid = |c: &Charts| c.valid.0 <= frame.time && frame.time <= c.valid.1;
        if let Some(charts) = &self.charts {
            let mut history = charts.history.with_recent(&self.recent);
            if !valid(charts) {
                history.status.budget = 0;
            }
            snapshot.history = Arc::new(history);
        }
        Arc::new(snapshot)
    }

    /// Charts of the hour before `time` and a little beyond; of all of a short recording.
    fn make_charts(&mut self, time: Timestamp) -> Charts {
        let (first, last) = self.cursor.recording().span().unwrap_or((time, time));
        let short = last.since(first) <= HOUR_MS + AHEAD_MS;
        let (from, to) =
            if short { (first, last) } else { (time.plus_millis(-HOUR_MS), time.plus_millis(AHEAD_MS)) };
        let mut archive = Archive::for_replay(CHARTS);
        archive.restore(periods(&mut self.cursor, (from, to), |_| true));
        // What is recorded later comes into charts that are made later.
        let valid = (if short { first } else { time }, to.min(last.plus_millis(AGAIN_MS)).max(time));
        Charts { history: archive.publish(), valid }
    }

    fn moment(&mut self, shown: Result<Snapshot, RecordError>) -> Result<Arc<Snapshot>, String> {
        shown.map(|s| self.complete(s)).map_err(|e| e.to_string())
    }
}

/// The periods of wanted levels that were recorded between two moments: those of 10 s, then those of a
/// minute, each oldest first. What cannot be read is left out.
pub fn periods(
    cursor: &mut Cursor,
    (from, to): (Timestamp, Timestamp),
    wanted: impl Fn(Level) -> bool,
) -> Vec<Period> {
    let mut found: Vec<Period> = Vec::new();
    let recording = cursor.recording_mut();
    let shelf = &mut recording.shelf;
    for segment in &mut recording.segments {
        if segment.span().is_none_or(|(first, last)| last < from || first > to) {
            continue;
        }
        let first = segment.index.states.partition_point(|s| s.time < from);
        for i in first..segment.index.states.len() {
            let chunk = segment.index.states[i];
            if chunk.time > to {
                break;
            }
            if chunk.topics & Topic::Period.bit() == 0 {
                continue;
            }
            for data in segment.messages(chunk, Topic::Period).unwrap_or_default() {
                let Some((number, bytes)) = data.split_first_chunk::<4>() else { continue };
                let Ok(topology) = segment.topology(u32::from_le_bytes(*number), shelf) else { continue };
                found.extend(Period::decode(bytes, &topology).ok().filter(|p| wanted(p.level)));
            }
        }
        segment.close();
    }
    found.sort_by_key(|p| (p.level != Level::TenSeconds, p.start));
    found
}

impl Tape for RecordingTape {
    fn chronicle(&mut self) -> Arc<Chronicle> {
        self.refresh();
        self.chronicler.read(self.cursor.recording_mut(), PORTION);
        if let Ok(marks) = Marks::load(&self.marks_path)
            && marks != self.marks
        {
            self.marks = marks;
            self.chronicler.stale();
        }
        self.chronicler.chronicle(self.cursor.recording(), &self.marks, &self.name)
    }

    fn show(&mut self, time: Timestamp) -> Result<Arc<Snapshot>, String> {
        if self.cursor.recording().span().is_none_or(|(_, last)| time > last) {
            self.refresh();
        }
        let shown = self.cursor.seek(time);
        self.moment(shown)
    }

    fn charts(&mut self, time: Timestamp) -> Result<Arc<History>, String> {
        self.charts = Some(self.make_charts(time));
        let newest = self.recent.last().is_some_and(|f| f.time == time);
        let recent = if newest { self.recent.as_slice() } else { &[] };
        let made = self.charts.as_ref().map(|c| Arc::new(c.history.with_recent(recent)));
        made.ok_or_else(|| "there are no charts".into())
    }

    fn step(&mut self, from: Timestamp, steps: i64) -> Result<Arc<Snapshot>, String> {
        let recording = self.cursor.recording();
        // Several frames may have one moment: then it is the one that was shown last.
        let here = self.cursor.at().filter(|at| recording.time(*at) == Some(from));
        let at = here.or_else(|| recording.find(from)).map(|at| recording.step(at, steps));
        let shown = match at {
            Some(at) => self.cursor.show(at),
            None => self.cursor.seek(from),
        };
        self.moment(shown)
    }

    fn mark(&mut self, incident: Incident) -> Result<(), String> {
        let marked = Marks::change(&self.marks_path, |m| m.incidents.push(incident));
        self.marks = marked.map_err(|e| e.to_string())?;
        self.chronicler.stale();
        Ok(())
    }

    fn bookmark(&mut self, bookmark: Bookmark) -> Result<(), String> {
        let marked = Marks::change(&self.marks_path, |m| m.bookmarks.push(bookmark));
        self.marks = marked.map_err(|e| e.to_string())?;
        self.chronicler.stale();
        Ok(())
    }

    fn clip(&mut self, incident: &Incident, anonymous: bool) -> Result<PathBuf, String> {
        let bookmarks = self.marks.bookmarks.clone();
        let options = ClipOptions { anonymous, bookmarks, ..ClipOptions::default() };
        clip_incident(&mut self.cursor, incident, &self.clips, &options).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests;
