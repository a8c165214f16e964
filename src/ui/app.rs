//! The console of one session: what it shows and how it answers keys.
//!
//! ```text
//!  Kvandal › H3 › R17                LIVE 03:12:41  1 s  100 211/100 224  ?9 ×4     header
//! ┌──────────────────────────────────────────────────────────────────────────────┐
//! │ the view, and over it a popup                                                  │  body
//! └──────────────────────────────────────────────────────────────────────────────┘
//!  ? help  Enter open  m metric  w worst                                             footer
//! ```
//! All that changes state is a method with `&mut self`; [`App::render`] only draws. The app knows
//! no clock: time comes with the snapshots, and messages expire by the tick.

pub mod command;
pub mod footer;
pub mod header;
pub mod nav;
pub mod operate;
pub mod options;
pub mod time;

mod act;
mod banner;
mod bell;
mod compare;
mod draw;
mod mark;
mod play;
mod travel;

use std::sync::Arc;

use ratatui::layout::Rect;

use crate::fleet::{Frame, Snapshot};
use crate::model::{Asset, Metric, Topology};
use crate::ui::action::{Action, ViewKind};
use crate::ui::alarms::layer::AlarmLayer;
use crate::ui::context::{Choice, Context, Moment};
use crate::ui::difference::Difference;
use crate::ui::key::{InputEvent, Key, KeyCode, MouseKind};
use crate::ui::keymap::Found;
use crate::ui::overlay::{Overlay, Verdict};
use crate::ui::selection::Selection;
use crate::ui::theme::{Palette, Theme};
use crate::ui::timeline::Timeline;
use crate::ui::view::palette::Index;
use crate::ui::view::{Outcome, ViewStates};

use header::Header;
use nav::Nav;
use operate::Handling;
use travel::Travel;

pub use banner::moment as banner_moment;
pub use options::{Options, Request};

/// Ticks that a message stays.
const MESSAGE_TICKS: u8 = 5;
/// Ticks that a message stays which must not be missed.
const LONG_TICKS: u8 = 30;
/// Fewest lines of a screen that has a footer.
const FOOTER_FROM: u16 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    text: String,
    ticks: u8,
    /// Stays when a key is pressed.
    firm: bool,
    /// Must not be missed: what else is to be said stands behind it.
    first: bool,
}

/// See the module.
#[derive(Debug)]
pub struct App {
    options: Options,
    palette: Palette,
    /// The newest state of everything; of a recording what is shown.
    live: Arc<Snapshot>,
    /// What is shown.
    snapshot: Arc<Snapshot>,
    travel: Travel,
    timeline: Timeline,
    difference: Option<Difference>,
    /// The line that says that this is not the present; empty when it is.
    banner: String,
    choice: Choice,
    selection: Selection,
    nav: Nav,
    views: ViewStates,
    overlay: Option<Overlay>,
    pending: Vec<Key>,
    message: Option<Message>,
    requests: Vec<Request>,
    header: Header,
    layer: AlarmLayer,
    handling: Handling,
    names: Option<Arc<Index>>,
    area: Rect,
    /// Seconds without a snapshot, as the heartbeat counts them.
    silent_s: u32,
    changed: bool,
}

impl App {
    /// The app at the site view. A theme that cannot be loaded gives way to the default one, and a
    /// message says so.
    #[must_use]
    pub fn new(options: Options, snapshot: Arc<Snapshot>) -> Self {
        let choice = Choice {
            metric: Metric::Util,
            rack: None,
            moment: options.replay.as_ref().map_or(Moment::Live, |_| Moment::Past(snapshot.frame.time)),
            color_mode: options.color_mode,
            theme: options.theme.clone(),
            mouse: options.mouse,
            bell_off: None,
        };
        let handling = Handling::new(snapshot.alarms.bells);
        let mut app = Self {
            palette: Theme::default_theme().resolve(options.depth),
            live: Arc::clone(&snapshot),
            travel: Travel::default(),
            timeline: Timeline::default(),
            difference: None,
            banner: String::new(),
            selection: Selection::new(&snapshot.frame.topology),
            nav: Nav::default(),
            views: ViewStates::default(),
            overlay: None,
            pending: Vec::new(),
            message: None,
            requests: Vec::new(),
            header: Header::default(),
            layer: AlarmLayer::default(),
            handling,
            names: None,
            area: Rect::new(0, 0, 80, 24),
            silent_s: 0,
            changed: true,
            options,
            choice,
            snapshot,
        };
        app.load_theme();
        app.set_title();
        app.refresh();
        app
    }

    /// Takes new options, as after a reload.
    pub fn configure(&mut self, options: Options) {
        self.choice.theme.clone_from(&options.theme);
        self.choice.color_mode = options.color_mode;
        // What is replayed does not change with the settings.
        self.options = Options { replay: self.options.replay.take(), ..options };
        self.pending.clear();
        self.load_theme();
        self.refresh();
    }

    /// Takes the newest snapshot: one tick.
    pub fn update_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        if self.is_replay() {
            return self.expire();
        }
        self.silent_s = 0;
        let old = std::mem::replace(&mut self.live, snapshot);
        let new = Arc::clone(&self.live.frame.topology);
        self.moved(&old.frame.topology, &new);
        let held = Arc::clone(&self.snapshot.frame);
        match (self.choice.moment.time(), self.travel.raw.clone()) {
            (None, _) => self.snapshot = Arc::clone(&self.live),
            // Ids must mean on the held frame what they mean now.
            (Some(_), Some(raw)) if !is_of(&held, &new) => self.show_taped(raw, held.time),
            (Some(time), None) if !is_of(&held, &new) => self.hold(time),
            (Some(_), Some(_)) => {}
            (Some(_), None) => self.put(held),
        }
        self.listen();
        if worst(&old) != worst(&self.live) {
            self.set_title();
        }
        self.expire();
        self.refresh();
    }

    /// Lets the message grow older by a tick.
    fn expire(&mut self) {
        if let Some(message) = &mut self.message {
            message.ticks = message.ticks.saturating_sub(1);
            if message.ticks == 0 {
                self.message = None;
                self.changed = true;
            }
        }
    }

    /// A second has gone by, whether or not there is new data. When nothing has come for a while
    /// the header says so: an old picture must not look live.
    pub fn heartbeat(&mut self) {
        if self.timeline.is_open() || self.is_past() {
            self.ask_chronicle();
        }
        if self.is_replay() {
            return self.expire();
        }
        self.silent_s = self.silent_s.saturating_add(1);
        if self.silent_s >= header::SILENT_FROM_S {
            self.refresh();
        }
    }

    /// The screen has another size: columns, lines.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.area = Rect::new(0, 0, width, height);
        self.refresh();
    }

    /// Something came from the terminal.
    pub fn event(&mut self, event: &InputEvent) {
        match event {
            InputEvent::Key(key) => self.key(*key),
            InputEvent::Paste(text) => self.with_overlay(|overlay, cx, _| {
                overlay.paste(cx, text);
                Verdict::Stay
            }),
            InputEvent::Mouse(mouse) => self.mouse(mouse.kind, (mouse.column, mouse.row)),
            InputEvent::Resize(width, height) => self.area = Rect::new(0, 0, *width, *height),
            InputEvent::FocusGained | InputEvent::FocusLost | InputEvent::DeviceStatusOk => return,
        }
        self.refresh();
    }

    fn key(&mut self, key: Key) {
        let view = self.nav.view();
        if self.overlay.is_some() {
            // Quitting at once works everywhere, whatever key it has.
            if self.options.keymap.find(view, &[key]) == Found::Action(Action::QuitNow) {
                self.requests.push(Request::Quit);
                return;
            }
            return self.with_overlay(|overlay, cx, view| overlay.key(cx, view, key));
        }
        if key.code == KeyCode::Esc && !self.pending.is_empty() {
            self.pending.clear();
            return;
        }
        self.pending.push(key);
        match self.options.keymap.find(view, &self.pending) {
            Found::Action(action) => {
                self.pending.clear();
                self.message = self.message.take().filter(|m| m.firm);
                self.act(action);
            }
            Found::Pending(_) => {}
            Found::Nothing if self.timeline.is_open() && key.code == KeyCode::Char(' ') => {
                self.pending.clear();
                self.act(Action::Pause);
            }
            Found::Nothing => {
                let keys = crate::ui::keymap::display(&self.pending);
                self.pending.clear();
                let help = self.options.keymap.key_of(Action::Help, view);
                let hint = help.map_or_else(String::new, |k| format!(", {k} shows the keys"));
                self.say(format!("{keys} means nothing here{hint}"));
            }
        }
    }

    fn with_overlay(&mut self, f: impl FnOnce(&mut Overlay, &Context<'_>, ViewKind) -> Verdict) {
        let Some(mut overlay) = self.overlay.take() else { return };
        match f(&mut overlay, &self.context(), self.nav.view()) {
            Verdict::Stay => self.overlay = Some(overlay),
            Verdict::Close => {}
            Verdict::Do(command) => self.run(command),
        }
    }

    fn mouse(&mut self, kind: MouseKind, at: (u16, u16)) {
        if self.overlay.is_some() {
            return;
        }
        match kind {
            MouseKind::ScrollUp => self.act(Action::Up),
            MouseKind::ScrollDown => self.act(Action::Down),
            MouseKind::ScrollLeft => self.act(Action::Left),
            MouseKind::ScrollRight => self.act(Action::Right),
            MouseKind::Down(0) | MouseKind::Drag(0) if self.timeline_area().contains(at.into()) => {
                if let Some(time) = self.timeline.time_at(at) {
                    self.travel.play.on = false;
                    self.seek(time);
                }
            }
            MouseKind::Down(0) if self.body().contains(at.into()) => {
                let view = self.nav.view();
                let mut views = std::mem::take(&mut self.views);
                let outcome = views.get_mut(view).click(&self.context(), at);
                self.views = views;
                self.apply(outcome, Action::Open);
            }
            _ => {}
        }
    }

    /// True when something changed since this was last asked.
    pub fn take_redraw(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Shows a message for a few ticks.
    pub fn notify(&mut self, text: impl Into<String>) {
        self.say(text.into());
    }

    fn say(&mut self, text: String) {
        self.message = Some(match self.message.take() {
            Some(m) if m.first => Message { text: format!("{}   {text}", m.text), ..m },
            _ => Message { text, ticks: MESSAGE_TICKS, firm: false, first: false },
        });
        self.changed = true;
    }

    /// Shows a message that no key takes away; `first`: and nothing else that is said.
    fn say_firmly(&mut self, text: String, first: bool) {
        self.message = Some(Message { text, ticks: LONG_TICKS, firm: true, first });
        self.changed = true;
    }

    /// What the session is to do, oldest first. Each request is handed out once.
    #[must_use]
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// The view on the screen.
    #[must_use]
    pub const fn view(&self) -> ViewKind {
        self.nav.view()
    }

    /// The name of the hall that all of the screen is about, where its values are live.
    #[must_use]
    pub fn hall_in_sight(&self) -> Option<&str> {
        let inside = matches!(self.view(), ViewKind::Hall | ViewKind::Rack | ViewKind::Gpu);
        let topology = &self.snapshot.frame.topology;
        let hall = self.selection.hall(topology).filter(|_| inside && self.choice.moment == Moment::Live)?;
        Some(&topology.hall(hall).name)
    }

    /// The choices of the operator.
    #[must_use]
    pub const fn choice(&self) -> &Choice {
        &self.choice
    }

    /// What is selected.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The frame on the screen.
    #[must_use]
    pub fn frame(&self) -> &Arc<Frame> {
        &self.snapshot.frame
    }

    /// The message on the screen.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_ref().map(|m| m.text.as_str())
    }

    /// What lies over the view.
    #[must_use]
    pub const fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    /// Shows an asset, as `--view hall:H3` asks for.
    pub fn show(&mut self, view: ViewKind, asset: Asset) {
        self.selection.select(&Arc::clone(&self.snapshot.frame.topology), asset);
        self.views.get_mut(view).show(asset);
        self.open(view);
        self.refresh();
    }

    fn apply(&mut self, outcome: Outcome, action: Action) {
        match outcome {
            Outcome::Ignored => self.act_everywhere(action),
            Outcome::Done => {}
            Outcome::Selected(selection) => self.selection = selection,
            Outcome::Open(asset) => self.go(asset),
            Outcome::OnMap(asset, view, metric) => {
                self.selection.select(&Arc::clone(&self.snapshot.frame.topology), asset);
                self.set_metric(metric);
                self.open(view);
            }
            Outcome::Refused(why) => self.say(why),
        }
    }
}

/// The worst priority that an alarm stands at, and how many stand at it.
fn worst(snapshot: &Snapshot) -> Option<(u8, u32)> {
    (1u8..).zip(snapshot.alarms.counts.by_priority).find(|(_, n)| *n > 0)
}

/// True when the ids of the frame mean what they mean in `topology`.
fn is_of(frame: &Frame, topology: &Arc<Topology>) -> bool {
    Arc::ptr_eq(&frame.topology, topology) || frame.topology.generation() == topology.generation()
}
