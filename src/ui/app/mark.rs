//! What operators mark in the past: bookmarks, incidents, the stretch that is cut out as a clip. And
//! the ways through it: from event to event, to the start of an alarm or of an incident.

use std::sync::Arc;

use crate::fleet::ask::Ask;
use crate::model::Timestamp;
use crate::model::chronicle::{Bookmark, Incident};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::app::banner::moment;
use crate::ui::overlay::Overlay;
use crate::ui::overlay::incidents::Incidents;
use crate::ui::overlay::note::Note;
use crate::ui::timeline::events::words;

/// How long before an alarm its replay begins, ms.
const BEFORE_ALARM_MS: i64 = 60_000;
/// How long before its first alarm an incident begins, ms.
const BEFORE_INCIDENT_MS: i64 = 600_000;

impl App {
    pub(super) fn act_on_past(&mut self, action: Action) {
        match action {
            Action::Difference => self.toggle_difference(),
            Action::Bookmark | Action::MarkIncident | Action::Incidents if !self.travel.tape => {
                self.say("there is no recorder here: nothing can be marked".into());
            }
            Action::Bookmark => self.overlay = Some(Overlay::Note(Box::new(Note::bookmark(self.position())))),
            Action::MarkIncident => {
                let (from, to) = self.incident_span();
                self.overlay = Some(Overlay::Note(Box::new(Note::incident(from, to))));
            }
            Action::Incidents => {
                self.ask_chronicle();
                self.overlay = Some(Overlay::Incidents(Incidents::default()));
            }
            Action::ExportClip => self.export(false),
            Action::ExportAnonymous => self.export(true),
            _ => self.say(format!("{} does nothing here", action.spec().id)),
        }
    }

    /// What an incident reaches over unless the operator says otherwise: the loop, or from 10 min
    /// before the first alarm that stands up to now.
    fn incident_span(&self) -> (Timestamp, Timestamp) {
        if let Some(looped) = self.travel.play.looped() {
            return looped;
        }
        let to = self.position();
        let stand = self.snapshot.alarms.alarms.iter().filter(|a| a.state.is_annunciated());
        let first = stand.map(|a| a.raised).filter(|t| *t <= to).min().unwrap_or(to);
        let from = first.plus_millis(-BEFORE_INCIDENT_MS);
        let earliest = self.reach().map_or(from, |(first, _)| first);
        (from.max(earliest).min(to), to)
    }

    /// Saves a bookmark.
    pub(super) fn bookmark(&mut self, time: Timestamp, text: String) {
        let operator = Arc::clone(&self.options.operator);
        self.ask(Ask::Bookmark(Bookmark { time, operator, text: text.into() }));
    }

    /// Saves an incident.
    pub(super) fn mark_incident(&mut self, title: String, (from, to): (Timestamp, Timestamp)) {
        let operator = Arc::clone(&self.options.operator);
        self.ask(Ask::Mark(Incident { title: title.into(), from, to, operator, marked: self.now() }));
    }

    /// Goes to the start of an incident, with the loop around it.
    pub(super) fn show_incident(&mut self, incident: &Incident) {
        (self.travel.play.a, self.travel.play.b) = (Some(incident.from), Some(incident.to));
        self.timeline.set_open(true);
        self.seek(incident.from);
        self.say(format!(
            "incident {}: loop from {} to {}",
            incident.title,
            incident.from.clock(),
            incident.to.clock()
        ));
    }

    /// Asks for a clip of the loop, or of the incident that the position lies in.
    fn export(&mut self, anonymous: bool) {
        if !self.travel.tape {
            return self.say("there is no recorder here: no clip can be cut".into());
        }
        let at = self.position();
        let here = self
            .travel
            .chronicle
            .as_ref()
            .and_then(|c| c.incidents.iter().find(|i| i.touches(at, at)).cloned());
        let looped = self.travel.play.looped().map(|(from, to)| Incident {
            title: format!("{} to {}", moment(from), to.clock()).into(),
            from,
            to,
            operator: Arc::clone(&self.options.operator),
            marked: self.now(),
        });
        // An incident that the loop was set to has a title.
        let same = |i: &Incident| looped.as_ref().is_none_or(|l| (l.from, l.to) == (i.from, i.to));
        match here.filter(same).or(looped) {
            Some(incident) => self.clip(incident, anonymous),
            None => {
                let key = |action| self.options.keymap.key_of(action, self.nav.view()).unwrap_or_default();
                let (a, b) = (key(Action::LoopStart), key(Action::LoopEnd));
                self.say(format!("nothing to cut out: set marks with {a} and {b}, or go into an incident"));
            }
        }
    }

    /// Asks for a clip of an incident.
    pub(super) fn clip(&mut self, incident: Incident, anonymous: bool) {
        let how = if anonymous { " without names" } else { "" };
        self.say_firmly(format!("writing a clip of {}{how} …", incident.title), false);
        self.ask(Ask::Clip { incident, anonymous });
    }

    /// Goes to the event beside the position.
    pub(super) fn go_to_event(&mut self, raised: bool, forward: bool) {
        let at = self.position();
        let found = self.timeline.events().beside(at, raised, forward).cloned();
        let Some(event) = found else {
            let what = if raised { "no alarm was raised" } else { "nothing happened" };
            let when = if forward { "after" } else { "before" };
            return self.say(format!("{what} {when} {}", at.clock()));
        };
        let said = format!("{} {}", event.time.clock(), words(&event, &self.options.glyphs));
        let Some(too_old) = self.before_all(event.time) else {
            self.travel.play.on = false;
            self.seek(event.time);
            return self.say(said);
        };
        self.say(format!("{said}: {too_old}"));
    }

    /// Shows the minute before the alarm under the cursor was raised.
    pub(super) fn replay_alarm(&mut self) {
        let Some(alarm) = self.alarm_here() else {
            return self.say("no alarm here to replay".into());
        };
        let said = format!("{} {} {}", alarm.id, alarm.place, alarm.title);
        if let Some(too_old) = self.before_all(alarm.raised) {
            return self.say(format!("{said}, raised at {}: {too_old}", alarm.raised.clock()));
        }
        self.timeline.set_open(true);
        self.travel.play.on = false;
        self.seek(alarm.raised.plus_millis(-BEFORE_ALARM_MS));
        self.say(format!("{said} is raised at {}", alarm.raised.clock()));
    }

    /// Says so when a moment lies before all that can be shown.
    fn before_all(&self, time: Timestamp) -> Option<String> {
        let (first, _) = self.reach()?;
        (time < first).then(|| format!("before the oldest frame, {}", moment(first)))
    }

    pub(super) fn toggle_timeline(&mut self) {
        let open = !self.timeline.is_open();
        self.timeline.set_open(open);
        if open {
            self.ask_chronicle();
            if self.timeline.height(self.area) == 0 {
                self.say("the screen is too low for the timeline".into());
            }
        }
    }

    /// While the timeline is open some keys are about time. True when this one was.
    pub(super) fn act_on_timeline(&mut self, action: Action) -> bool {
        if !self.timeline.is_open() {
            return false;
        }
        match action {
            Action::Left => self.act_in_time(Action::TenBack),
            Action::Right => self.act_in_time(Action::TenForward),
            Action::NextAlarm => self.go_to_event(true, true),
            Action::PreviousAlarm => self.go_to_event(true, false),
            Action::ZoomIn | Action::ZoomOut => {
                if !self.timeline.zoom(action == Action::ZoomIn) {
                    self.say("there is no other window".into());
                }
            }
            Action::ZoomCycle => self.timeline.fit(),
            _ => return false,
        }
        true
    }
}
