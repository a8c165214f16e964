//! The difference to another moment: asked for, shown, taken away.

use std::sync::Arc;

use crate::fleet::Snapshot;
use crate::fleet::ask::Ask;
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::difference::Difference;

/// How far back one compares where no mark is set, ms.
const BACK_MS: i64 = 600_000;

impl App {
    /// Compares with mark A, or with what was 10 min ago; takes the comparison away if there is one.
    pub(super) fn toggle_difference(&mut self) {
        if self.difference.take().is_some() {
            return self.say("maps show values again".into());
        }
        let at = self.position();
        let with = self.travel.play.a.unwrap_or_else(|| at.plus_millis(-BACK_MS));
        let Some((first, last)) = self.reach() else {
            return self.say("there is no past yet to compare with".into());
        };
        let with = with.clamp(first, last);
        if with == at {
            return self.say(format!("there is nothing before {} to compare with", at.clock()));
        }
        let like = Arc::clone(&self.live.frame.topology);
        let ring = self.live.history.span().filter(|(first, _)| *first <= with && !self.is_replay());
        match ring.and_then(|_| self.live.history.frame_at(with, &like)) {
            Some(frame) => self.compare(Arc::new(Snapshot { frame, ..(*self.live).clone() })),
            None if self.travel.tape => {
                self.ask(Ask::Compare(with));
                self.say(format!("looking up {} …", with.clock()));
            }
            None => self.say("there is no past yet to compare with".into()),
        }
    }

    /// The tape found what is to be compared with.
    pub(super) fn compared(&mut self, ask: &Ask, raw: &Snapshot) {
        if matches!(ask, Ask::Compare(_)) {
            let with = Arc::new(self.in_live_topology(raw));
            self.compare(with);
        }
    }

    fn compare(&mut self, with: Arc<Snapshot>) {
        let key = self.options.keymap.key_of(Action::Difference, self.nav.view()).unwrap_or_default();
        let time = with.frame.time.clock();
        self.difference = Some(Difference::new(with));
        self.say(format!("maps show what changed since {time}, {key} shows values again"));
    }
}
