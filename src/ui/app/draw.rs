//! Drawing: what the screen is divided into, and all that is brought up to date before it is drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::action::{Action, Views};
use crate::ui::app::footer::{self, Footer};
use crate::ui::app::header::Header;
use crate::ui::app::{App, FOOTER_FROM, Request, banner, worst};
use crate::ui::context::{Context, Moment, Then};
use crate::ui::keymap::Found;
use crate::ui::theme::{Scope, Theme};
use crate::ui::timeline::Timeline;
use crate::ui::widget::Brush;

/// Fewest lines of a screen that has a banner.
const BANNER_FROM: u16 = 6;

/// The actions worth a hint where time is what matters, best first; the first one not in recordings.
const TIME_HINTS: &[Action] = &[
    Action::Live,
    Action::Pause,
    Action::FrameBack,
    Action::FrameForward,
    Action::Slower,
    Action::Faster,
    Action::EventForward,
    Action::GoToTime,
    Action::Timeline,
    Action::Difference,
    Action::LoopStart,
    Action::LoopEnd,
    Action::MarkIncident,
    Action::ExportClip,
];

impl App {
    /// Brings everything that is drawn up to date.
    pub(super) fn refresh(&mut self) {
        match self.choice.moment {
            Moment::Live => self.layer.update(Some(&self.snapshot.alarms), &self.snapshot.frame),
            // A picture that is held keeps the alarms it had.
            Moment::Paused(_) if self.layer.is_of(&self.snapshot.frame) => {}
            // What comes from a tape has the alarms of its time.
            Moment::Past(_) if self.is_of_then() => {
                self.layer.update(Some(&self.snapshot.alarms), &self.snapshot.frame);
            }
            _ => self.layer.update(None, &self.snapshot.frame),
        }
        self.banner = self.banner_text();
        let body = self.body();
        let view = self.nav.view();
        let mut views = std::mem::take(&mut self.views);
        let mut overlay = self.overlay.take();
        let mut timeline = std::mem::take(&mut self.timeline);
        let (stage, lower) = (self.stage(), self.area_of(&timeline));
        let header = {
            let cx = self.context();
            views.get_mut(view).update(&cx, body);
            if let Some(overlay) = &mut overlay {
                overlay.update(&cx, view, stage);
            }
            timeline.update(&cx, (lower, view));
            let scope = views.get(view).scope(&cx);
            Header::of(&cx, (view, scope), self.silent_s, &self.header)
        };
        self.views = views;
        self.overlay = overlay;
        self.timeline = timeline;
        self.header = header;
        self.changed = true;
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
        let lower = self.timeline_area().intersection(area);
        if !lower.is_empty() {
            self.timeline.render(&cx, lower, buf);
        }
        let stage = self.stage().intersection(area);
        let message = self.message.as_ref().map(|m| m.text.as_str());
        let timed = self.is_past() || self.timeline.is_open();
        let hints = if timed && self.is_replay() {
            &TIME_HINTS[1..]
        } else if timed {
            TIME_HINTS
        } else {
            self.views.get(view).hints()
        };
        let said = Footer { view, hints, message };
        footer::render(&cx, said, footer, buf);
        if let Found::Pending(node) = self.options.keymap.find(view, &self.pending)
            && !self.pending.is_empty()
        {
            let keys = crate::ui::keymap::display(&self.pending);
            crate::ui::overlay::popup::which_key(&cx, stage, buf, &keys, node);
        }
        if let Some(overlay) = &self.overlay {
            // On screens without a footer a line of input takes the last line there is.
            let line = if footer.is_empty() {
                Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area }
            } else {
                footer
            };
            overlay.render(&cx, stage, line, buf);
        }
        let top = Rect { height: area.height.min(1), ..area };
        self.header.render(&cx.brush, top, buf);
        banner::render(&cx, &self.banner, self.banner_area().intersection(area), buf);
    }

    /// Everything between the lines on top and the footer.
    fn stage(&self) -> Rect {
        let top = self.area.height.min(1) + self.banner_area().height;
        let height = self.area.height - top - self.footer_area().height;
        Rect { y: self.area.y + top, height, ..self.area }
    }

    /// The view: what the timeline leaves of the stage.
    pub(super) fn body(&self) -> Rect {
        let stage = self.stage();
        Rect { height: stage.height - self.timeline_area().height, ..stage }
    }

    /// The line under the header that says that this is not the present.
    fn banner_area(&self) -> Rect {
        let height = u16::from(self.is_past() && self.area.height >= BANNER_FROM);
        Rect { y: self.area.y + self.area.height.min(1), height, ..self.area }
    }

    pub(super) fn timeline_area(&self) -> Rect {
        self.area_of(&self.timeline)
    }

    fn area_of(&self, timeline: &Timeline) -> Rect {
        let stage = self.stage();
        let height = timeline.height(self.area).min(stage.height);
        Rect { y: stage.bottom() - height, height, ..stage }
    }

    fn footer_area(&self) -> Rect {
        let height = u16::from(self.area.height >= FOOTER_FROM);
        Rect { y: self.area.bottom() - height, height, ..self.area }
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            snapshot: &self.snapshot,
            then: self.then(),
            frame: &self.snapshot.frame,
            alarms: &self.layer,
            selection: &self.selection,
            choice: &self.choice,
            keymap: &self.options.keymap,
            facts: &self.options.facts,
            brush: Brush { palette: &self.palette, glyphs: &self.options.glyphs },
        }
    }

    fn then(&self) -> Then<'_> {
        let play = &self.travel.play;
        let of_then = self.is_of_then() || self.is_replay();
        Then {
            live: &self.live,
            chronicle: self.travel.chronicle.as_deref(),
            replay: self.options.replay.as_deref(),
            position: self.position(),
            reach: self.reach(),
            playing: play.on,
            speed: play.speed(),
            marks: (play.a, play.b),
            now: if of_then { self.snapshot.frame.time } else { self.live.frame.time },
            difference: self.difference.as_ref(),
        }
    }

    pub(super) fn set_title(&mut self) {
        let asset = self.views.get(self.nav.view()).subject(&self.context());
        let name = match self.nav.view() {
            view if !Views::MAPS.contains(view) => view.name().to_owned(),
            _ => self.snapshot.frame.topology.name(asset),
        };
        let site = self.snapshot.frame.topology.site();
        let mut title = if name == site { site.to_owned() } else { format!("{site} {name}") };
        if let Some((priority, count)) = worst(&self.live) {
            title = format!("{}{count} {title}", self.options.glyphs.alarm(priority));
        }
        if self.is_replay() {
            title = format!("REPLAY {title}");
        } else if self.is_past() {
            title = format!("PAST {title}");
        }
        self.requests.push(Request::Title(title));
    }

    pub(super) fn load_theme(&mut self) {
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
}
