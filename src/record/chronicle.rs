//! The chronicle of a recording: what happened in it, gathered from its messages without looking at
//! frames. It is read in portions, so that a moment that an operator waits for never waits for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fleet::SourceView;
use crate::model::Timestamp;
use crate::model::alarm::{AlarmId, AlarmState, Input, Transition};
use crate::model::chronicle::{Bookmark, Chronicle, Gap, Happening, HappeningKind};
use crate::record::clip::incident_of;
use crate::record::file::Segment;
use crate::record::marks::Marks;
use crate::record::state::{AlarmsMessage, SourcesMessage, SourcesReader};
use crate::record::{RecordError, Recording, Topic, document};

/// Most events of a chronicle; the oldest go.
const MOST_EVENTS: usize = 200_000;
/// Longest text of an event, characters.
const MOST_TEXT: usize = 160;
/// A stretch without frames is a gap when it is longer than this many usual distances of frames ...
const GAP_STEPS: i64 = 3;
/// ... and than this, ms.
const LEAST_GAP_MS: i64 = 2_500;

/// What was read of one file.
#[derive(Default)]
struct Digest {
    /// Messages of state that were read.
    upto: usize,
    events: Vec<Happening>,
    dropped: Vec<Gap>,
    notes: Vec<Bookmark>,
    sources: SourcesReader,
    /// Targets of each source that did not answer.
    down: Vec<usize>,
}

/// Gathers a chronicle.
#[derive(Default)]
pub struct Chronicler {
    digests: HashMap<PathBuf, Digest>,
    made: Option<Arc<Chronicle>>,
}

impl std::fmt::Debug for Chronicler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chronicler").field("files", &self.digests.len()).finish_non_exhaustive()
    }
}

impl Chronicler {
    /// Reads up to `most` messages that were not read yet, the newest files first. True when that
    /// were all. What cannot be read is left out.
    pub fn read(&mut self, recording: &mut Recording, most: usize) -> bool {
        let mut left = most;
        for segment in recording.segments.iter_mut().rev() {
            let count = segment.index.states.len();
            let digest = self.digests.entry(segment.path.clone()).or_default();
            while digest.upto < count && left > 0 {
                // A damaged chunk has nothing to tell.
                let _ = digest.take(segment, digest.upto);
                digest.upto += 1;
                left -= 1;
                self.made = None;
            }
            if digest.upto < count {
                return false;
            }
        }
        true
    }

    /// Forgets what is not to be true any more: marks or frames have changed.
    pub fn stale(&mut self) {
        self.made = None;
    }

    /// The chronicle as far as it has been read.
    pub fn chronicle(&mut self, recording: &Recording, marks: &Marks, name: &Arc<str>) -> Arc<Chronicle> {
        if let Some(made) = &self.made {
            return Arc::clone(made);
        }
        let known = |path: &PathBuf| recording.segments.iter().any(|s| s.path == *path);
        self.digests.retain(|path, _| known(path));
        let mut events = Vec::new();
        let (mut dropped, mut bookmarks) = (Vec::new(), marks.bookmarks.clone());
        for segment in &recording.segments {
            if let Some(digest) = self.digests.get(&segment.path) {
                events.extend(digest.events.iter().cloned());
                dropped.extend(digest.dropped.iter().copied());
                bookmarks.extend(digest.notes.iter().cloned());
            }
            events.extend(growth(segment));
        }
        events.sort_by_key(|e| e.time);
        events.drain(..events.len().saturating_sub(MOST_EVENTS));
        bookmarks.sort_by_key(|b| b.time);
        bookmarks.dedup();
        let mut incidents = marks.incidents.clone();
        incidents.extend(recording.segments.iter().filter_map(|s| incident_of(&s.index.about)));
        incidents.sort_by_key(|i| std::cmp::Reverse(i.from));
        let made = Arc::new(Chronicle {
            name: Arc::clone(name),
            bytes: recording.bytes(),
            span: recording.span(),
            frames: recording.frames(),
            gaps: gaps(recording, &dropped).into(),
            events: events.into(),
            bookmarks: bookmarks.into(),
            incidents: incidents.into(),
        });
        self.made = Some(Arc::clone(&made));
        made
    }
}

/// Stretches without frames. How many frames were dropped is known where the recorder told.
fn gaps(recording: &Recording, dropped: &[Gap]) -> Vec<Gap> {
    let times: Vec<Timestamp> = recording.times().collect();
    let mut steps: Vec<i64> = times.windows(2).map(|w| w[1].since(w[0])).collect();
    let middle = steps.len() / 2;
    let usual = if steps.is_empty() { 0 } else { *steps.select_nth_unstable(middle).1 };
    let most = (GAP_STEPS * usual).max(LEAST_GAP_MS);
    let wide = times.windows(2).filter(|w| w[1].since(w[0]) >= most);
    let gap = |w: &[Timestamp]| {
        let told = dropped.iter().filter(|g| g.from >= w[0] && g.to <= w[1]);
        Gap { from: w[0], to: w[1], dropped: told.map(|g| g.dropped).sum() }
    };
    wide.map(gap).collect()
}

/// The site has grown where a file has more than one topology.
fn growth(segment: &Segment) -> impl Iterator<Item = Happening> {
    let later = |name: &&String| name.starts_with("topology.") && **name != "topology.1.json.zst";
    let grown = segment.index.attachments.iter().filter(move |(name, _)| later(name));
    grown.map(|(_, (_, _, time))| Happening {
        time: *time,
        kind: HappeningKind::Topology,
        priority: 0,
        alarm: AlarmId(0),
        text: "the site has grown".into(),
    })
}

impl Digest {
    fn take(&mut self, segment: &mut Segment, i: usize) -> Result<(), RecordError> {
        let chunk = segment.index.states[i];
        let has = |topic: Topic| chunk.topics & topic.bit() != 0;
        if has(Topic::Alarms) {
            for data in segment.messages(chunk, Topic::Alarms)? {
                if let Some(message) = document::unpack::<AlarmsMessage>(&data) {
                    self.take_alarms(&message);
                }
            }
        }
        if has(Topic::Sources) {
            for data in segment.messages(chunk, Topic::Sources)? {
                if let Some(message) = document::unpack::<SourcesMessage>(&data) {
                    self.sources.take(message);
                    self.compare_sources(chunk.time);
                }
            }
        }
        if has(Topic::Gap) {
            let gaps = segment.messages(chunk, Topic::Gap)?;
            self.dropped.extend(gaps.iter().filter_map(|data| document::unpack::<Gap>(data)));
        }
        if has(Topic::Note) {
            let notes = segment.messages(chunk, Topic::Note)?;
            self.notes.extend(notes.iter().filter_map(|data| document::unpack::<Bookmark>(data)));
        }
        Ok(())
    }

    fn take_alarms(&mut self, message: &AlarmsMessage) {
        let first = message.events.len().saturating_sub(message.new);
        for t in &message.events[first..] {
            let Some(kind) = kind(t) else { continue };
            let alarm = message.alarms.iter().find(|a| a.id == t.alarm);
            let step = alarm.and_then(|a| a.steps.iter().rfind(|s| s.time == t.time && s.input == t.input));
            let who = step.filter(|s| !s.operator.is_empty()).map(|s| format!(" by {}", s.operator));
            let mut text = format!("{} {} {}", t.rule, t.place, t.input.name());
            text.push_str(&who.unwrap_or_default());
            if !t.text.is_empty() {
                text.push_str(": ");
                text.push_str(&t.text);
            }
            let text = text.chars().take(MOST_TEXT).collect::<String>().into();
            self.events.push(Happening {
                time: t.time,
                kind,
                priority: t.priority.clamp(1, 4),
                alarm: t.alarm,
                text,
            });
        }
    }

    /// A source is news when its targets cease to answer, and when all of them do again.
    fn compare_sources(&mut self, time: Timestamp) {
        let list = self.sources.list();
        self.down.resize(list.len(), 0);
        let down = |view: &SourceView| view.tally().1;
        for (view, before) in list.iter().zip(&mut self.down) {
            let now = down(view);
            let text = match (*before, now) {
                (0, n) if n > 0 => {
                    format!("{}: {n} of {} targets do not answer", view.status.name, view.targets.len())
                }
                (b, 0) if b > 0 => format!("{}: all targets answer again", view.status.name),
                _ => String::new(),
            };
            *before = now;
            if !text.is_empty() {
                let (kind, alarm) = (HappeningKind::Source, AlarmId(0));
                self.events.push(Happening { time, kind, priority: 0, alarm, text: text.into() });
            }
        }
    }
}

/// What kind of event a transition is; `None` for what is none.
fn kind(t: &Transition) -> Option<HappeningKind> {
    if t.operation > 0 {
        return Some(HappeningKind::Operator);
    }
    match t.input {
        Input::Unacknowledge => None,
        _ if t.to == AlarmState::Unacknowledged && t.from != t.to => Some(HappeningKind::Raised),
        Input::Clear if !t.from.is_aside() => Some(HappeningKind::Cleared),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Writer;
    use crate::record::testing::Site;

    fn transition(
        second: i64,
        input: Input,
        (from, to): (AlarmState, AlarmState),
        operation: u64,
    ) -> Transition {
        Transition {
            time: Timestamp::from_secs(second),
            alarm: AlarmId(7),
            rule: "rack-leak".into(),
            place: "H1-R01-K1".into(),
            input,
            from,
            to,
            priority: 1,
            operation,
            text: "tray 4".into(),
        }
    }

    #[test]
    fn the_chronicle_tells_events_gaps_and_notes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.mcap");
        let mut site = Site::small();
        site.tick(1);
        let mut writer = Writer::create(&path, &site.snapshot()).expect("a new file");
        let raised = transition(3, Input::Raise, (AlarmState::Normal, AlarmState::Unacknowledged), 0);
        let taken =
            transition(5, Input::Acknowledge, (AlarmState::Unacknowledged, AlarmState::Acknowledged), 4);
        let shelved = transition(6, Input::Suppress, (AlarmState::Acknowledged, AlarmState::Suppressed), 0);
        let mut events: Vec<Arc<Transition>> = Vec::new();
        for second in 1..90 {
            site.tick(2);
            for t in [&raised, &taken, &shelved] {
                if t.time.secs() == second {
                    events.insert(0, Arc::new(t.clone()));
                }
            }
            if (20..30).contains(&second) {
                continue;
            }
            let mut snapshot = crate::fleet::Snapshot::clone(&site.snapshot());
            let mut board = snapshot.alarms.as_ref().clone();
            board.events = events.clone().into();
            snapshot.alarms = Arc::new(board);
            if second == 30 {
                let at = |s| Timestamp::from_secs(s);
                writer.gap(&Gap { from: at(19), to: at(30), dropped: 10 }).expect("written");
                let note = Bookmark { time: at(12), operator: "kari".into(), text: "here".into() };
                writer.note(&note, at(30)).expect("written");
            }
            writer.write(&snapshot).expect("written");
        }
        writer.finish().expect("finished");
        let mut recording = Recording::open(&path).expect("it opens");
        let mut chronicler = Chronicler::default();
        assert!(!chronicler.read(&mut recording, 1), "in portions");
        assert!(chronicler.read(&mut recording, 10_000));
        let made = chronicler.chronicle(&recording, &Marks::default(), &"a".into());
        let told: Vec<_> = made.events.iter().map(|e| (e.time.secs(), e.kind, &*e.text)).collect();
        assert_eq!(
            told,
            [
                (3, HappeningKind::Raised, "rack-leak H1-R01-K1 raised: tray 4"),
                (5, HappeningKind::Operator, "rack-leak H1-R01-K1 acknowledged: tray 4"),
            ],
            "each once, though whole messages tell them again"
        );
        let at = |s| Timestamp::from_secs(s);
        assert_eq!(*made.gaps, [Gap { from: at(19), to: at(30), dropped: 10 }]);
        assert_eq!(made.bookmarks.len(), 1);
        assert_eq!((made.frames, made.span), (79, Some((at(1), at(89)))));
        let again = chronicler.chronicle(&recording, &Marks::default(), &"a".into());
        assert!(Arc::ptr_eq(&made, &again), "nothing changed");
    }
}
