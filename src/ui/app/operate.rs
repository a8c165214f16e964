//! Handling of alarms: which ones an operation is about, the order to the engine, what is said of
//! its answer, and the way from alarm to alarm.

use std::sync::Arc;

use crate::model::alarm::operation::UNDO_MS;
use crate::model::alarm::{Alarm, AlarmId, Operation, Verb};
use crate::model::{Asset, Timestamp};
use crate::ui::action::{Action, ViewKind};
use crate::ui::alarms::deed::{self, Deed, Plan, SHELVES, What};
use crate::ui::alarms::{title, within};
use crate::ui::app::bell::{Bell, MUTED_MS};
use crate::ui::app::{App, Request};
use crate::ui::overlay::line::LineEdit;
use crate::ui::overlay::{Overlay, Prompt, dialog::Dialog};
use crate::ui::selection::Selection;
use crate::ui::text;
use crate::ui::view::view_of;
use crate::ui::widget::badge::Badge;

/// What the app remembers about the handling of alarms.
#[derive(Debug, Default)]
pub struct Handling {
    /// The last operation that was saved: its number, when, and in words.
    last: Option<(u64, Timestamp, String)>,
    /// Operations without an answer so far.
    waiting: u32,
    /// The alarm gone to last, and what was selected then.
    walked: Option<(AlarmId, Selection)>,
    /// The bell.
    pub(super) bell: Bell,
}

impl Handling {
    /// Nothing was done; what has rung `bells` times is no news.
    pub(super) fn new(bells: u64) -> Self {
        Self { bell: Bell::new(bells), ..Self::default() }
    }
}

/// How a deed is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct How {
    /// On all alarms that are listed, or of the place on the map.
    pub all: bool,
    /// Ask before, with a line for the comment.
    pub ask: bool,
    /// Why.
    pub comment: String,
    /// How long a shelf lasts, ms, and whether it ends with the condition.
    pub shelf: Option<(i64, bool)>,
}

/// The alarms of a deed, and in words where they are.
struct Targets {
    alarms: Vec<Arc<Alarm>>,
    place: String,
    /// Nobody pointed at each of them: the number must be shown before.
    bulk: bool,
}

impl App {
    pub(super) fn act_on_alarms(&mut self, action: Action) {
        match action {
            Action::NextAlarm => self.walk(1),
            Action::PreviousAlarm => self.walk(-1),
            Action::Undo => self.undo(),
            Action::MuteBell => self.mute_bell(),
            Action::Filter => {
                let line = LineEdit::new(self.views.alarms.filter().text());
                self.overlay = Some(Overlay::Filter(Prompt { line, error: None }));
            }
            _ => {
                let ask = matches!(
                    action,
                    Action::Acknowledge | Action::Shelve | Action::OutOfService | Action::Comment
                );
                match Deed::of(action) {
                    Some(deed) => self.handle(deed, How { ask, ..How::default() }),
                    None => self.say(format!("{} does nothing here", action.spec().id)),
                }
            }
        }
    }

    /// Does a deed, or asks before: for what is missing, and always for what nobody pointed at.
    pub(super) fn handle(&mut self, deed: Deed, how: How) {
        if let Some(why) = self.options.read_only.clone() {
            return self.say(format!("read-only, nothing is done to alarms: {why}"));
        }
        if self.is_past() {
            return self.refuse_past();
        }
        let found = self.targets(how.all);
        let all = found.alarms.len();
        let alarms: Vec<Arc<Alarm>> = found.alarms.into_iter().filter(|a| deed.applies(a)).collect();
        let ids: Vec<AlarmId> = alarms.iter().map(|a| a.id).collect();
        let about = match &alarms[..] {
            [] => {
                let place = if found.place.is_empty() { String::new() } else { format!(" {}", found.place) };
                let whom = match all {
                    0 => "no alarm".to_owned(),
                    1 => "no selected alarm".to_owned(),
                    n => format!("none of {}", deed::alarms(n)),
                };
                return self.say(format!("{whom}{place} {}", deed.none()));
            }
            [one] => format!("{} {} {}", one.id, one.place, title(one)),
            many => {
                let n = many.len();
                let count = if n == all {
                    deed::alarms(n)
                } else {
                    format!("{} of {}", text::integer(n as u64), deed::alarms(all))
                };
                format!("{count} {}", found.place).trim_end().to_owned()
            }
        };
        let bulk = found.bulk && alarms.len() > 1;
        let incomplete = deed.needs_reason()
            && (how.comment.trim().is_empty() || (deed == Deed::Shelve && how.shelf.is_none()));
        if !(how.ask || bulk || incomplete) {
            let shelf = how.shelf.unwrap_or((SHELVES[0].1, false));
            return self.order(Plan { deed, alarms: ids, comment: how.comment, shelf });
        }
        let view = self.nav.view();
        let key = self
            .options
            .keymap
            .bindings()
            .iter()
            .find(|b| b.action == Action::Acknowledge && b.views.contains(view) && b.keys.len() == 1);
        let key = key.map(|b| b.keys[0]).filter(|_| deed == Deed::Acknowledge && !bulk && how.ask);
        let mut dialog =
            Dialog::new(deed, ids, about, &self.options.operator).with_comment(&how.comment).at_once(key);
        if let Some(shelf) = how.shelf {
            dialog = dialog.with_shelf(shelf);
        }
        self.overlay = Some(Overlay::Dialog(Box::new(dialog)));
    }

    /// The alarms of a deed: marked or selected in the list; on maps the one just gone to, else those
    /// at or within what is selected, else those of the nearest place around it.
    fn targets(&self, all: bool) -> Targets {
        let board = &self.snapshot.alarms;
        if self.nav.view() == ViewKind::Alarms {
            let filter = self.views.alarms.filter();
            let alarms = if all { self.views.alarms.listed() } else { self.views.alarms.targets(board) };
            let place = if all && !filter.is_empty() {
                format!("that pass {}", filter.text())
            } else {
                String::new()
            };
            return Targets { alarms, place, bulk: all };
        }
        let t = &self.snapshot.frame.topology;
        if let Some((id, selection)) = &self.handling.walked
            && !all
            && *selection == self.selection
            && let Some(alarm) = board.get(*id)
        {
            return Targets { alarms: vec![Arc::clone(alarm)], place: String::new(), bulk: false };
        }
        let of = |scope: Asset| -> Vec<Arc<Alarm>> {
            let inside = |a: &&Arc<Alarm>| a.asset.is_some_and(|at| within(t, at, scope));
            board.alarms.iter().filter(inside).cloned().collect()
        };
        let mut scope = match self.nav.view() {
            ViewKind::Site if all => Asset::Site,
            _ if all => self.selection.hall(t).map_or(Asset::Site, Asset::Hall),
            view => self.views.get(view).subject(&self.context()),
        };
        let mut alarms = of(scope);
        let place = loop {
            if !alarms.is_empty() || scope == Asset::Site {
                break format!("in {}", t.name(scope));
            }
            scope = t.parent(scope);
            alarms = board.alarms.iter().filter(|a| a.asset == Some(scope)).cloned().collect();
        };
        Targets { alarms, place, bulk: true }
    }

    fn refuse_past(&mut self) {
        let key = self.options.keymap.key_of(Action::Live, self.nav.view()).unwrap_or_default();
        self.say(if self.is_replay() {
            "this is the past: nothing here can be acknowledged, the recording stays as it is".to_owned()
        } else {
            format!("this is the past: nothing here can be acknowledged ({key} returns to LIVE)")
        });
    }

    /// The most urgent of the alarms that an operation would be about.
    pub(super) fn alarm_here(&self) -> Option<Arc<Alarm>> {
        self.targets(false).alarms.first().cloned()
    }

    /// Hands an operation to the session.
    pub(super) fn order(&mut self, plan: Plan) {
        let now = self.now();
        let operation = Operation {
            number: 0,
            time: now,
            operator: Arc::clone(&self.options.operator),
            verb: plan.deed.verb(now, plan.shelf),
            alarms: plan.alarms,
            comment: plan.comment,
        };
        self.request_operation(operation);
    }

    fn request_operation(&mut self, operation: Operation) {
        // Whatever led here: nothing of the past is ever acknowledged.
        if self.is_past() {
            return self.refuse_past();
        }
        if let Err(why) = operation.check() {
            return self.say(why);
        }
        self.requests.push(Request::Operate(operation));
        self.handling.waiting += 1;
        self.say_firmly("saving …".to_owned(), false);
    }

    /// The engine answered: the number under which the operation is saved, or why it is not.
    pub fn operated(&mut self, reply: Result<u64, String>, what: What) {
        self.handling.waiting = self.handling.waiting.saturating_sub(1);
        match reply {
            Ok(number) => {
                self.views.alarms.done();
                if matches!(what.verb, Verb::Undo(_)) {
                    self.handling.last = None;
                    self.say(format!("{} (saved as {number})", what.words()));
                } else {
                    let key = self.options.keymap.key_of(Action::Undo, self.nav.view()).unwrap_or_default();
                    let words = what.words();
                    self.say(format!(
                        "{words} (saved as {number}), {key} undoes within {} s",
                        UNDO_MS / 1000
                    ));
                    self.handling.last = Some((number, self.now(), words));
                }
            }
            Err(why) => self.say_firmly(format!("NOT SAVED: {} ({why})", what.words()), true),
        }
        self.refresh();
    }

    fn undo(&mut self) {
        if let Some(why) = self.options.read_only.clone() {
            return self.say(format!("read-only, nothing is done to alarms: {why}"));
        }
        if self.is_past() {
            return self.refuse_past();
        }
        if self.handling.waiting > 0 {
            return self.say("the last operation is still being saved".into());
        }
        let now = self.now();
        let Some((number, at, words)) = self.handling.last.clone() else {
            return self.say("nothing was done to alarms that could be undone".into());
        };
        if now.since(at) > UNDO_MS {
            return self.say(format!("too late to undo: {words}, {} ago", text::age(now.since(at))));
        }
        self.request_operation(Operation {
            number: 0,
            time: now,
            operator: Arc::clone(&self.options.operator),
            verb: Verb::Undo(number),
            alarms: Vec::new(),
            comment: String::new(),
        });
    }

    /// The time now, as far as the app knows one.
    pub(super) fn now(&self) -> Timestamp {
        self.live.frame.time.plus_millis(i64::from(self.silent_s) * 1000)
    }

    /// Goes to the next alarm in the order of the list: the cursor jumps to its place.
    fn walk(&mut self, by: i64) {
        let board = Arc::clone(&self.snapshot.alarms);
        let stand: Vec<&Arc<Alarm>> = board.alarms.iter().filter(|a| a.state.is_annunciated()).collect();
        if stand.is_empty() {
            return self.say("no alarm stands".into());
        }
        let last = self.handling.walked.as_ref().map(|(id, _)| *id);
        let at = last.and_then(|id| stand.iter().position(|a| a.id == id));
        let n = stand.len() as i64;
        let to = at.map_or(if by > 0 { 0 } else { n - 1 }, |i| (i as i64 + by).rem_euclid(n)) as usize;
        let alarm = stand[to];
        let badge = Badge { priority: alarm.priority, filled: false }.text(self.context().brush);
        let state = alarm.state.short();
        let words = format!("{} of {n}: {badge} {state} {} {}", to + 1, alarm.place, title(alarm));
        let shown = alarm.asset.is_some_and(|asset| self.jump(asset));
        self.handling.walked = Some((alarm.id, self.selection.clone()));
        self.views.alarms.choose(alarm.id);
        self.say(if shown { words } else { format!("{words} (not on the map)") });
    }

    /// Moves the cursor to an asset; views that cannot show it give way to one that can.
    fn jump(&mut self, asset: Asset) -> bool {
        let t = Arc::clone(&self.snapshot.frame.topology);
        if !self.selection.select(&t, asset) {
            return false;
        }
        match self.nav.view() {
            ViewKind::Site if matches!(asset, Asset::Site | Asset::Hall(_)) => {}
            ViewKind::Site => self.open(ViewKind::Hall),
            ViewKind::Hall | ViewKind::Rack | ViewKind::Gpu | ViewKind::Power | ViewKind::Cooling => {
                self.set_title();
            }
            _ => self.open(view_of(asset)),
        }
        true
    }

    fn mute_bell(&mut self) {
        let now = self.now();
        if self.choice.bell_off.take().is_some() {
            return self.say("the bell rings again for new alarms of priority 1 and 2".into());
        }
        self.choice.bell_off = Some(now.plus_millis(MUTED_MS));
        self.say("the bell is muted for 10 min".into());
    }

    /// Rings for what is new on the board, and ends the mute when its time is over.
    pub(super) fn listen(&mut self) {
        let now = self.now();
        self.choice.bell_off = self.choice.bell_off.filter(|until| *until > now);
        let muted = self.choice.bell_off.is_some();
        if self.handling.bell.hear(self.live.alarms.bells, now, muted) {
            self.requests.push(Request::Bell);
        }
    }
}
