//! Moving in time: the app holds one unpacked frame of the past and draws it like the present.

use std::sync::Arc;

use crate::model::Timestamp;
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::context::Moment;

impl App {
    pub(super) fn act_in_time(&mut self, action: Action) {
        match action {
            Action::Pause if self.choice.moment == Moment::Live => {
                self.choice.moment = Moment::Paused(self.frame.time);
            }
            Action::Pause | Action::Live => self.go_to(None),
            Action::FrameBack => self.step_frames(-1),
            Action::FrameForward => self.step_frames(1),
            Action::TenBack => self.step_ms(-10_000),
            Action::TenForward => self.step_ms(10_000),
            Action::MinuteBack => self.step_ms(-60_000),
            Action::MinuteForward => self.step_ms(60_000),
            _ => self.say(format!("{} does nothing here", action.spec().id)),
        }
    }

    fn step_frames(&mut self, steps: i64) {
        match self.snapshot.history.step(self.frame.time, steps) {
            Some(time) => self.step_to(time),
            None => self.say("there is no past yet".into()),
        }
    }

    fn step_ms(&mut self, ms: i64) {
        match self.snapshot.history.span() {
            Some((first, last)) => self.step_to(self.frame.time.plus_millis(ms).clamp(first, last)),
            None => self.say("there is no past yet".into()),
        }
    }

    /// A step that leads nowhere says so, and holds the picture all the same.
    fn step_to(&mut self, time: Timestamp) {
        let from = self.frame.time;
        self.hold(time);
        if self.frame.time == from {
            let end = if time <= from && self.snapshot.history.span().is_some_and(|(first, _)| first >= from)
            {
                "oldest"
            } else {
                "newest"
            };
            self.say(format!("this is the {end} frame, {} back", self.behind()));
        }
    }

    /// Shows a moment; `None` is the present.
    pub(super) fn go_to(&mut self, moment: Option<Timestamp>) {
        let Some(time) = moment else {
            self.choice.moment = Moment::Live;
            self.frame = Arc::clone(&self.snapshot.frame);
            return;
        };
        let Some((first, last)) = self.snapshot.history.span() else {
            return self.say("there is no past yet".into());
        };
        self.hold(time);
        if time < first || time > last {
            self.say(format!("the past reaches from {} to {}", first.clock(), last.clock()));
        }
    }

    /// Unpacks the frame of `time` and shows it from now on.
    pub(super) fn hold(&mut self, time: Timestamp) {
        let like = Arc::clone(&self.snapshot.frame.topology);
        if let Some(frame) = self.snapshot.history.frame_at(time, &like) {
            self.frame = frame;
            self.choice.moment = Moment::Past(self.frame.time);
        } else {
            // Without a past only the newest frame can be held.
            self.frame = Arc::clone(&self.snapshot.frame);
            self.choice.moment = Moment::Paused(self.frame.time);
        }
    }
}
