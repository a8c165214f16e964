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
mod bell;
mod travel;

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fleet::{Frame, Snapshot};
use crate::model::alarm::AlarmBoard;
use crate::model::{Asset, Metric};
use crate::ui::action::{Action, ViewKind, Views};
use crate::ui::alarms::layer::AlarmLayer;
use crate::ui::context::{Choice, Context, Moment};
use crate::ui::key::{InputEvent, Key, KeyCode, MouseKind};
use crate::ui::keymap::Found;
use crate::ui::overlay::{Overlay, Verdict};
use crate::ui::selection::Selection;
use crate::ui::theme::{Palette, Scope, Theme};
use crate::ui::view::palette::Index;
use crate::ui::view::{Outcome, ViewStates};
use crate::ui::widget::Brush;

use footer::Footer;
use header::Header;
use nav::Nav;
use operate::Handling;

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
    snapshot: Arc<Snapshot>,
    frame: Arc<Frame>,
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
            moment: Moment::Live,
            color_mode: options.color_mode,
            theme: options.theme.clone(),
            mouse: options.mouse,
            bell_off: None,
        };
        let handling = Handling::new(snapshot.alarms.bells);
        let mut app = Self {
            palette: Theme::default_theme().resolve(options.depth),
            frame: Arc::clone(&snapshot.frame),
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
        self.options = options;
        self.pending.clear();
        self.load_theme();
        self.refresh();
    }

    /// Takes the newest snapshot: one tick.
    pub fn update_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.silent_s = 0;
        let old = std::mem::replace(&mut self.snapshot, snapshot);
        let before = Arc::clone(&old.alarms);
        let (old, new) = (&old.frame.topology, Arc::clone(&self.snapshot.frame.topology));
        if !Arc::ptr_eq(old, &new) && **old != *new {
            self.selection.remap(old, &new);
            self.nav.remap(|s| s.remap(old, &new));
            self.names = None;
        }
        match self.choice.moment.time() {
            None => self.frame = Arc::clone(&self.snapshot.frame),
            // Ids must mean on the held frame what they mean now.
            Some(time) if self.frame.topology.generation() != new.generation() => self.hold(time),
            Some(_) => {}
        }
        self.listen();
        if worst(&before) != worst(&self.snapshot.alarms) {
            self.set_title();
        }
        if let Some(message) = &mut self.message {
            message.ticks = message.ticks.saturating_sub(1);
            if message.ticks == 0 {
                self.message = None;
            }
        }
        self.refresh();
    }

    /// A second has gone by, whether or not there is new data. When nothing has come for a while
    /// the header says so: an old picture must not look live.
    pub fn heartbeat(&mut self) {
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

    /// Brings everything that is drawn up to date.
    fn refresh(&mut self) {
        match self.choice.moment {
            Moment::Live => self.layer.update(Some(&self.snapshot.alarms), &self.frame),
            // A picture that is held keeps the alarms it had.
            Moment::Paused(_) if self.layer.is_of(&self.frame) => {}
            _ => self.layer.update(None, &self.frame),
        }
        let body = self.body();
        let view = self.nav.view();
        let mut views = std::mem::take(&mut self.views);
        let mut overlay = self.overlay.take();
        let header = {
            let cx = self.context();
            views.get_mut(view).update(&cx, body);
            if let Some(overlay) = &mut overlay {
                overlay.update(&cx, view, body);
            }
            let scope = views.get(view).scope(&cx);
            Header::of(&cx, (view, scope), self.silent_s, &self.header)
        };
        self.views = views;
        self.overlay = overlay;
        self.header = header;
        self.changed = true;
    }

    /// True when something changed since this was last asked.
    pub fn take_redraw(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Draws the whole screen into `area`, which should have the size last told.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        let area = self.area.intersection(area).intersection(buf.area);
        let cx = self.context();
        cx.brush.on(area, buf).fill(cx.brush.style(Scope::Text));
        let body = self.body().intersection(area);
        let footer = self.footer_area().intersection(area);
        let view = self.nav.view();
        if !body.is_empty() {
            self.views.get(view).render(&cx, body, buf);
        }
        let message = self.message.as_ref().map(|m| m.text.as_str());
        let said = Footer { view, hints: self.views.get(view).hints(), message };
        footer::render(&cx, said, footer, buf);
        if let Found::Pending(node) = self.options.keymap.find(view, &self.pending)
            && !self.pending.is_empty()
        {
            let keys = crate::ui::keymap::display(&self.pending);
            crate::ui::overlay::popup::which_key(&cx, body, buf, &keys, node);
        }
        if let Some(overlay) = &self.overlay {
            // On screens without a footer a line of input takes the last line there is.
            let line = if footer.is_empty() {
                Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area }
            } else {
                footer
            };
            overlay.render(&cx, body, line, buf);
        }
        let top = Rect { height: area.height.min(1), ..area };
        self.header.render(&cx.brush, top, buf);
    }

    fn body(&self) -> Rect {
        let below = self.area.height.saturating_sub(1);
        let footer = self.footer_area().height;
        Rect { y: self.area.y + self.area.height.min(1), height: below - footer, ..self.area }
    }

    fn footer_area(&self) -> Rect {
        let height = u16::from(self.area.height >= FOOTER_FROM);
        Rect { y: self.area.bottom() - height, height, ..self.area }
    }

    fn context(&self) -> Context<'_> {
        Context {
            snapshot: &self.snapshot,
            frame: &self.frame,
            alarms: &self.layer,
            selection: &self.selection,
            choice: &self.choice,
            keymap: &self.options.keymap,
            facts: &self.options.facts,
            brush: Brush { palette: &self.palette, glyphs: &self.options.glyphs },
        }
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

    fn set_title(&mut self) {
        let asset = self.views.get(self.nav.view()).subject(&self.context());
        let name = match self.nav.view() {
            view if !Views::MAPS.contains(view) => view.name().to_owned(),
            _ => self.frame.topology.name(asset),
        };
        let site = self.frame.topology.site();
        let mut title = if name == site { site.to_owned() } else { format!("{site} {name}") };
        if let Some((priority, count)) = worst(&self.snapshot.alarms) {
            title = format!("{}{count} {title}", self.options.glyphs.alarm(priority));
        }
        self.requests.push(Request::Title(title));
    }

    fn load_theme(&mut self) {
        let sources: Vec<(&str, &str)> =
            self.options.themes.iter().map(|(f, t)| (f.as_str(), t.as_str())).collect();
        let theme = match Theme::load(&self.choice.theme, &sources) {
            Ok((theme, warnings)) => {
                if let Some(first) = warnings.first() {
                    self.say(first.to_string());
                }
                theme
            }
            Err(e) => {
                self.say(e.to_string());
                Theme::default_theme()
            }
        };
        let (theme, depth) = self.choice.color_mode.apply(theme, self.options.depth);
        self.palette = theme.resolve(depth);
    }

    /// The view on the screen.
    #[must_use]
    pub const fn view(&self) -> ViewKind {
        self.nav.view()
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
    pub const fn frame(&self) -> &Arc<Frame> {
        &self.frame
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
        self.selection.select(&Arc::clone(&self.frame.topology), asset);
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
                self.selection.select(&Arc::clone(&self.frame.topology), asset);
                self.set_metric(metric);
                self.open(view);
            }
            Outcome::Refused(why) => self.say(why),
        }
    }
}

/// The worst priority that an alarm stands at, and how many stand at it.
fn worst(board: &AlarmBoard) -> Option<(u8, u32)> {
    (1u8..).zip(board.counts.by_priority).find(|(_, n)| *n > 0)
}
