//! Moving in time. The app shows a whole snapshot of the past and draws it like the present.
//!
//! What the ring holds is shown at once. Where there is a tape, it is asked as well: for what lies
//! before the ring, and for the alarms of then, which the ring does not keep. Its answer comes when it
//! comes; until then the old picture stays. The newest wish wins.

use std::sync::Arc;

use crate::fleet::ask::{Ask, Told};
use crate::fleet::{Frame, History, Snapshot};
use crate::model::alarm::{Alarm, AlarmBoard};
use crate::model::chronicle::Chronicle;
use crate::model::{Timestamp, Topology};
use crate::ui::action::Action;
use crate::ui::app::play::Play;
use crate::ui::app::{App, Request};
use crate::ui::context::Moment;

/// Where the app is in time, apart from the picture itself.
#[derive(Debug, Default)]
pub(super) struct Travel {
    /// There is a tape to ask.
    pub tape: bool,
    /// What is known of the past.
    pub chronicle: Option<Arc<Chronicle>>,
    /// What is to be shown and has not been answered yet.
    pub wish: Option<Ask>,
    /// Where the operator wants to be; `None` where that is the frame shown.
    pub at: Option<Timestamp>,
    /// The picture as the tape gave it, in the topology of then.
    pub raw: Option<Arc<Snapshot>>,
    /// Bells of the live board, and the time, when the present was left.
    left: Option<(u64, Timestamp)>,
    /// The chronicle is asked for already; after a failure it is not asked for again.
    asked: bool,
    /// Playing, and the loop.
    pub play: Play,
    moved: Moved,
}

/// The last topology of the past that was compared with the present one, and where its GPUs went.
#[derive(Debug, Default)]
struct Moved {
    of: Option<(Arc<Topology>, Arc<Topology>)>,
    map: Option<Vec<u32>>,
}

impl Moved {
    /// Where the GPUs of `new` are in `old`; `None` when they are the same site.
    fn map(&mut self, old: &Arc<Topology>, new: &Arc<Topology>) -> Option<&[u32]> {
        let known = |(a, b): &(Arc<Topology>, Arc<Topology>)| Arc::ptr_eq(a, old) && Arc::ptr_eq(b, new);
        if !self.of.as_ref().is_some_and(known) {
            let same = Arc::ptr_eq(old, new) || **old == **new;
            self.map = (!same).then(|| new.remap_from(old));
            self.of = Some((Arc::clone(old), Arc::clone(new)));
        }
        self.map.as_deref()
    }
}

impl App {
    pub(super) fn act_in_time(&mut self, action: Action) {
        match action {
            Action::Pause => self.pause(),
            Action::Live => self.go_live(),
            Action::FrameBack => self.step_frames(-1),
            Action::FrameForward => self.step_frames(1),
            Action::TenBack => self.step_ms(-10_000),
            Action::TenForward => self.step_ms(10_000),
            Action::MinuteBack => self.step_ms(-60_000),
            Action::MinuteForward => self.step_ms(60_000),
            Action::Slower => self.change_speed(false),
            Action::Faster => self.change_speed(true),
            Action::LoopStart => self.mark_loop(false),
            Action::LoopEnd => self.mark_loop(true),
            Action::EventBack => self.go_to_event(false, false),
            Action::EventForward => self.go_to_event(false, true),
            Action::RaisedBack => self.go_to_event(true, false),
            Action::RaisedForward => self.go_to_event(true, true),
            Action::Timeline => self.toggle_timeline(),
            Action::ReplayAlarm => self.replay_alarm(),
            _ => self.act_on_past(action),
        }
    }

    /// There is a tape behind the session: it will be asked for what the ring does not hold.
    pub fn has_tape(&mut self) {
        self.travel.tape = true;
        self.ask_chronicle();
    }

    /// Goes to a moment, and with a speed plays from there.
    pub fn start_at(&mut self, moment: Option<Timestamp>, speed: Option<f32>) {
        if let Some(time) = moment {
            self.seek(time);
        }
        if let Some(speed) = speed {
            self.travel.play.set_speed(speed);
            if self.choice.moment != Moment::Live || self.travel.wish.is_some() {
                self.travel.play.on = true;
            }
        }
        self.refresh();
    }

    /// True when a recording is replayed.
    pub(super) fn is_replay(&self) -> bool {
        self.options.replay.is_some()
    }

    /// True when what is shown is not the present.
    pub(super) fn is_past(&self) -> bool {
        matches!(self.choice.moment, Moment::Past(_))
    }

    /// Where the operator is in time, or wants to be.
    #[must_use]
    pub fn position(&self) -> Timestamp {
        self.travel.at.unwrap_or(self.snapshot.frame.time)
    }

    /// The oldest and the newest moment that can be shown.
    pub(super) fn reach(&self) -> Option<(Timestamp, Timestamp)> {
        let tape = self.travel.chronicle.as_ref().and_then(|c| c.span);
        if self.is_replay() {
            return tape;
        }
        match (self.live.history.span(), tape) {
            (Some((first, last)), Some((from, _))) => Some((first.min(from), last)),
            (None, Some((from, to))) => Some((from, to.max(self.live.frame.time))),
            (ring, None) => ring,
        }
    }

    /// True when the ring holds this moment.
    pub(super) fn in_ring(&self, time: Timestamp) -> bool {
        !self.is_replay() && self.live.history.span().is_some_and(|(first, _)| time >= first)
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        if ask.is_show() {
            self.travel.wish = Some(ask.clone());
        }
        self.requests.push(Request::Past(ask));
    }

    /// Asks for what is known of the past, unless that is under way.
    pub(super) fn ask_chronicle(&mut self) {
        if self.travel.tape && !self.travel.asked {
            self.travel.asked = true;
            self.ask(Ask::Chronicle);
        }
    }

    fn step_frames(&mut self, steps: i64) {
        self.travel.play.on = false;
        let at = self.position();
        if self.in_ring(at)
            && let Some((first, _)) = self.live.history.span()
            && let Some(to) = self.live.history.step(at, steps)
            && !(self.travel.tape && steps < 0 && at <= first)
        {
            return self.step_to(to);
        }
        if !self.travel.tape {
            return self.say("there is no past yet".into());
        }
        // Keys that come faster than answers add up.
        let (from, steps) = match &self.travel.wish {
            Some(Ask::Step { from, steps: waiting }) => (*from, waiting + steps),
            _ => (at, steps),
        };
        self.leave();
        self.ask(Ask::Step { from, steps });
        self.wait();
    }

    fn step_ms(&mut self, ms: i64) {
        match self.reach() {
            Some((first, last)) => self.step_to(self.position().plus_millis(ms).clamp(first, last)),
            None => self.say("there is no past yet".into()),
        }
    }

    /// A step that leads nowhere says so, and holds the picture all the same.
    fn step_to(&mut self, time: Timestamp) {
        let from = self.position();
        self.seek(time);
        if self.travel.wish.is_none() && self.snapshot.frame.time == from || self.position() == from {
            let oldest = time <= from && self.reach().is_some_and(|(first, _)| first >= from);
            let end = if oldest { "oldest" } else { "newest" };
            let back = if self.is_replay() { String::new() } else { format!(", {} back", self.behind()) };
            self.say(format!("this is the {end} frame{back}"));
        }
    }

    /// Shows a moment; `None` is the present.
    pub(super) fn go_to(&mut self, moment: Option<Timestamp>) {
        match moment {
            Some(time) => {
                self.seek(time);
                if let Some((first, last)) =
                    self.reach().filter(|(first, last)| time < *first || time > *last)
                {
                    self.say(format!("the past reaches from {} to {}", first.clock(), last.clock()));
                }
            }
            None => self.go_live(),
        }
    }

    /// Back to the present.
    pub(super) fn go_live(&mut self) {
        if self.is_replay() {
            return self.say("this is a recording: there is no present to return to".into());
        }
        self.found();
        self.travel.play.on = false;
        (self.travel.wish, self.travel.at, self.travel.raw, self.travel.left) = (None, None, None, None);
        self.choice.moment = Moment::Live;
        self.snapshot = Arc::clone(&self.live);
        self.set_title();
    }

    /// Goes to a moment: at once where the ring holds it, else as soon as the tape has found it.
    pub(super) fn seek(&mut self, time: Timestamp) {
        let Some((first, last)) = self.reach() else {
            if !self.travel.tape {
                return self.say("there is no past yet".into());
            }
            self.leave();
            self.travel.at = Some(time);
            self.ask(Ask::Show(time));
            return self.wait();
        };
        let time = time.clamp(first, last);
        self.leave();
        self.travel.wish = None;
        if self.in_ring(time) || !self.travel.tape {
            self.hold(time);
        }
        self.travel.at = Some(time);
        if self.travel.tape {
            self.ask(Ask::Show(time));
            self.wait();
        } else {
            self.travel.at = None;
        }
    }

    /// Says that the tape is looking, where nothing else can be shown meanwhile.
    fn wait(&mut self) {
        let shown = self.in_ring(self.position()) && matches!(self.travel.wish, Some(Ask::Show(_)));
        if !self.travel.play.on && !shown && !self.is_replay() {
            self.say(format!("{} {} …", LOOKING, self.position().clock()));
        }
    }

    /// Nothing is looked up any more.
    fn found(&mut self) {
        self.message = self.message.take().filter(|m| !m.text.starts_with(LOOKING));
    }

    /// Remembers what had rung when the present was left.
    fn leave(&mut self) {
        if self.travel.left.is_none() {
            self.travel.left = Some((self.live.alarms.bells, self.live.frame.time));
        }
    }

    /// How many alarms came in the plant since the operator looks at the past.
    pub(super) fn missed(&self) -> u64 {
        let Some((bells, since)) = self.travel.left else { return 0 };
        let board = &self.live.alarms;
        let stand = board.alarms.iter().filter(|a| a.state.is_annunciated() && a.raised > since).count();
        board.bells.saturating_sub(bells).max(stand as u64)
    }

    /// Unpacks the frame of `time` from the ring and shows it from now on, with the alarms of now.
    pub(super) fn hold(&mut self, time: Timestamp) {
        let like = Arc::clone(&self.live.frame.topology);
        if self.travel.tape && self.travel.raw.is_some() {
            // The alarms of the moment before stay until those of this one have come: between two
            // moments of the past the alarms of now would only flash.
            if let Some(frame) = self.live.history.frame_at(time, &like) {
                return self.put_frame(frame);
            }
        }
        self.travel.raw = None;
        match self.live.history.frame_at(time, &like) {
            Some(frame) => {
                self.choice.moment = Moment::Past(frame.time);
                self.put(frame);
            }
            None => {
                // Without a past only the newest frame can be held.
                let frame = Arc::clone(&self.live.frame);
                self.choice.moment = Moment::Paused(frame.time);
                self.put(frame);
            }
        }
        self.set_title();
    }

    /// Shows a frame of the ring with all the rest as it is shown already.
    fn put_frame(&mut self, frame: Arc<Frame>) {
        self.choice.moment = Moment::Past(frame.time);
        let history = Arc::clone(&self.live.history);
        self.snapshot = Arc::new(Snapshot {
            frame,
            history,
            origins: Arc::default(),
            points: Arc::default(),
            ..(*self.snapshot).clone()
        });
    }

    /// Shows a frame with all the rest as it is now.
    pub(super) fn put(&mut self, frame: Arc<Frame>) {
        self.snapshot = Arc::new(Snapshot {
            frame,
            origins: Arc::default(),
            points: Arc::default(),
            ..(*self.live).clone()
        });
    }

    /// The past answered.
    pub fn told(&mut self, ask: &Ask, told: Told) {
        match told {
            Told::Shown(raw) => self.shown(ask, raw),
            Told::Charts(history) => self.charts(ask, history),
            Told::Compared(raw) => self.compared(ask, &raw),
            Told::Chronicle(chronicle) => {
                self.travel.asked = false;
                if self.travel.chronicle.as_ref().is_some_and(|old| Arc::ptr_eq(old, &chronicle)) {
                    return;
                }
                self.travel.chronicle = Some(chronicle);
                // A tape reads a long recording part by part: it is asked until there is nothing new.
                self.ask_chronicle();
            }
            Told::Saved(text) => {
                self.say(text);
                self.ask_chronicle();
            }
            Told::Clipped(path) => self.say_firmly(format!("clip saved: {}", path.display()), false),
            Told::Superseded => return,
            // The moment is there; that its charts are not is seen.
            Told::Failed(_) if matches!(ask, Ask::Charts(_)) => return,
            Told::Failed(why) => {
                if self.travel.wish.as_ref() == Some(ask) && self.is_past() && self.in_ring(self.position()) {
                    // The frame is there; only what stood then is not known.
                    (self.travel.wish, self.travel.raw) = (None, None);
                    self.put(Arc::clone(&self.snapshot.frame));
                    self.say(format!("the alarms of then are not known: {why}"));
                    return self.refresh();
                }
                if self.travel.wish.as_ref() == Some(ask) {
                    self.travel.play.on = false;
                    (self.travel.wish, self.travel.at) = (None, None);
                }
                self.say_firmly(format!("{}: {why}", failed(ask)), false);
            }
        }
        self.refresh();
    }

    fn shown(&mut self, ask: &Ask, raw: Arc<Snapshot>) {
        let wished = self.travel.wish.as_ref() == Some(ask);
        let newest_is_seen = self.in_ring(self.position()) && self.is_past();
        // What was wished for before is better than nothing, but not than what the ring has shown.
        if self.travel.wish.is_none() || (!wished && newest_is_seen) {
            return;
        }
        if wished {
            self.travel.wish = None;
            if !self.travel.play.on {
                self.travel.at = None;
            }
            self.found();
        }
        let wanted = if let Ask::Show(time) = ask { *time } else { raw.frame.time };
        let chartless = raw.history.status.budget == 0 && !self.in_ring(wanted);
        let time = raw.frame.time;
        self.show_taped(raw, wanted);
        if chartless {
            self.ask(Ask::Charts(time));
        }
        self.set_title();
    }

    /// Charts of a moment that was shown without them, if it still is.
    fn charts(&mut self, ask: &Ask, history: Arc<History>) {
        if *ask != Ask::Charts(self.snapshot.frame.time) || !self.is_past() {
            return;
        }
        self.snapshot = Arc::new(Snapshot { history, ..(*self.snapshot).clone() });
        if self.is_replay() {
            self.live = Arc::clone(&self.snapshot);
        }
    }

    /// Shows what the tape gave for a moment.
    pub(super) fn show_taped(&mut self, raw: Arc<Snapshot>, wanted: Timestamp) {
        if self.is_replay() {
            self.choice.moment = Moment::Past(raw.frame.time);
            return self.adopt(raw);
        }
        let mut shown = self.in_live_topology(&raw);
        if self.in_ring(wanted) {
            // The ring has every frame and every series of it.
            let like = Arc::clone(&self.live.frame.topology);
            if let Some(frame) = self.live.history.frame_at(wanted, &like) {
                shown.frame = frame;
            }
            shown.history = Arc::clone(&self.live.history);
        }
        self.choice.moment = Moment::Past(shown.frame.time);
        self.snapshot = Arc::new(shown);
        self.travel.raw = Some(raw);
    }

    /// In a recording what is shown is all there is: its site is the site.
    fn adopt(&mut self, raw: Arc<Snapshot>) {
        let old = std::mem::replace(&mut self.live, Arc::clone(&raw));
        let (old, new) = (Arc::clone(&old.frame.topology), Arc::clone(&raw.frame.topology));
        self.snapshot = raw;
        self.moved(&old, &new);
    }

    /// Finds everything that is selected and remembered again when the site has changed.
    pub(super) fn moved(&mut self, old: &Arc<Topology>, new: &Arc<Topology>) {
        if !Arc::ptr_eq(old, new) && **old != **new {
            self.selection.remap(old, new);
            self.nav.remap(|s| s.remap(old, new));
            self.names = None;
            self.difference = None;
        }
    }

    /// A snapshot of then in the topology of now: ids must mean what they mean now.
    pub(super) fn in_live_topology(&mut self, raw: &Snapshot) -> Snapshot {
        let (old, new) = (&raw.frame.topology, &self.live.frame.topology);
        let Some(map) = self.travel.moved.map(old, new) else { return raw.clone() };
        let frame = Arc::new(raw.frame.remapped(new, map));
        let alarms = Arc::new(placed(&raw.alarms, old, new));
        // Who a GPU is changes far less than where it stands.
        Snapshot { frame, alarms, inventory: Arc::clone(&self.live.inventory), ..raw.clone() }
    }
}

/// Begins the message that the tape is looking.
const LOOKING: &str = "looking up";

fn failed(ask: &Ask) -> &'static str {
    match ask {
        Ask::Show(_) | Ask::Step { .. } | Ask::Charts(_) => "cannot be shown",
        Ask::Compare(_) => "cannot be compared",
        Ask::Mark(_) | Ask::Bookmark(_) => "NOT SAVED",
        Ask::Clip { .. } => "no clip",
        Ask::Chronicle => "the past is not known",
    }
}

/// The board with its alarms at the places that they have in `new`.
fn placed(board: &AlarmBoard, old: &Topology, new: &Topology) -> AlarmBoard {
    let place = |a: &Arc<Alarm>| {
        Arc::new(Alarm { asset: a.asset.and_then(|asset| new.same(asset, old)), ..(**a).clone() })
    };
    AlarmBoard { alarms: board.alarms.iter().map(place).collect(), ..board.clone() }
}
