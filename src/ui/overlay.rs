//! What lies over a view and takes the keys first: help, palette, command line, time entry and the
//! question before quitting. Popups never cover the header.

pub mod dialog;
pub mod incidents;
pub mod line;
pub mod note;
pub mod popup;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::action::ViewKind;
use crate::ui::alarms::filter::Filter;
use crate::ui::app::command::{self, Command};
use crate::ui::app::time;
use crate::ui::context::Context;
use crate::ui::key::{Key, KeyCode};
use crate::ui::overlay::dialog::Dialog;
use crate::ui::overlay::incidents::Incidents;
use crate::ui::overlay::line::LineEdit;
use crate::ui::overlay::note::Note;
use crate::ui::theme::Scope;
use crate::ui::view::help::Help;
use crate::ui::view::palette::Palette;

/// What lies over the view.
#[derive(Debug)]
pub enum Overlay {
    /// The keys of the view.
    Help(Help),
    /// Find anything.
    Palette(Box<Palette>),
    /// The command line.
    Command(CommandLine),
    /// The moment to go to.
    Time(Prompt),
    /// The filter of the alarms.
    Filter(Prompt),
    /// An operation on alarms.
    Dialog(Box<Dialog>),
    /// A bookmark or an incident.
    Note(Box<Note>),
    /// The incidents.
    Incidents(Incidents),
    /// Quit?
    ConfirmQuit,
}

/// What an overlay made of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It stays open.
    Stay,
    /// It is closed without doing anything.
    Close,
    /// It is closed, and this is done.
    Do(Command),
}

/// A line of input with what was wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The text.
    pub line: LineEdit,
    /// Why it was not accepted.
    pub error: Option<String>,
}

/// The command line with its candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The line.
    pub prompt: Prompt,
    /// What the last word could become.
    candidates: Vec<String>,
}

impl Overlay {
    /// The key goes to the overlay.
    pub fn key(&mut self, cx: &Context<'_>, view: ViewKind, key: Key) -> Verdict {
        if key.code == KeyCode::Esc {
            return Verdict::Close;
        }
        match self {
            Self::Help(help) => help.key(key),
            Self::Palette(palette) => palette.key(cx, key),
            Self::Command(line) => line.key(cx, view, key),
            Self::Time(prompt) => {
                prompt.key(key, |text| time::parse(text, &cx.then.around()).map(Command::Time))
            }
            Self::Filter(prompt) => prompt.key(key, |text| {
                Filter::parse(text, &cx.snapshot.alarms, cx.topology()).map(Command::Filter)
            }),
            Self::Dialog(dialog) => dialog.key(key),
            Self::Note(note) => note.key(&cx.then.around(), key),
            Self::Incidents(incidents) => incidents.key(cx, key),
            Self::ConfirmQuit => match key.code {
                KeyCode::Enter | KeyCode::Char('y' | 'q' | 'j') | KeyCode::F(10) => {
                    Verdict::Do(Command::Quit)
                }
                KeyCode::Char('n') => Verdict::Close,
                _ => Verdict::Stay,
            },
        }
    }

    /// Text was pasted.
    pub fn paste(&mut self, cx: &Context<'_>, text: &str) {
        match self {
            Self::Help(help) => help.paste(text),
            Self::Palette(palette) => palette.paste(cx, text),
            Self::Command(line) => {
                line.prompt.line.insert_str(text);
                line.candidates.clear();
            }
            Self::Time(prompt) | Self::Filter(prompt) => prompt.line.insert_str(text),
            Self::Dialog(dialog) => dialog.paste(text),
            Self::Note(note) => note.paste(text),
            Self::Incidents(_) | Self::ConfirmQuit => {}
        }
    }

    /// Brings scroll and lists up to date. `body` is the screen without header and footer.
    pub fn update(&mut self, cx: &Context<'_>, view: ViewKind, body: Rect) {
        match self {
            Self::Help(help) => help.update(cx, view, body),
            Self::Palette(palette) => palette.update(body),
            Self::Incidents(incidents) => incidents.update(cx, body),
            _ => {}
        }
    }

    /// Draws over the view. `footer` is the line at the bottom.
    pub fn render(&self, cx: &Context<'_>, body: Rect, footer: Rect, buf: &mut Buffer) {
        match self {
            Self::Help(help) => help.render(cx, body, buf),
            Self::Palette(palette) => palette.render(cx, body, buf),
            Self::Command(line) => {
                draw_prompt(cx, footer, buf, ":", &line.prompt);
                popup::candidates(cx, body, buf, &line.candidates);
            }
            Self::Filter(prompt) => draw_prompt(cx, footer, buf, "filter (prio<=2 hall:H3 words): ", prompt),
            Self::Dialog(dialog) => dialog.render(cx, body, buf),
            Self::Note(note) => note.render(cx, body, buf),
            Self::Incidents(incidents) => incidents.render(cx, body, buf),
            Self::Time(prompt) => {
                draw_prompt(cx, footer, buf, "time (03:11, -5m, 50%, alarm 18842, now): ", prompt)
            }
            Self::ConfirmQuit => {
                let text = "Quit hallwatch? Enter or y quits, Esc stays";
                cx.brush.on(footer, buf).fill(cx.brush.style(Scope::Banner));
                cx.brush.on(footer, buf).text((footer.x + 1, footer.y), text, cx.brush.style(Scope::Banner));
            }
        }
    }
}

impl Prompt {
    fn key(&mut self, key: Key, accept: impl Fn(&str) -> Result<Command, String>) -> Verdict {
        if key.code == KeyCode::Enter {
            return match accept(self.line.text()) {
                Ok(command) => Verdict::Do(command),
                Err(error) => {
                    self.error = Some(error);
                    Verdict::Stay
                }
            };
        }
        if key.code == KeyCode::Backspace && self.line.text().is_empty() {
            return Verdict::Close;
        }
        if self.line.key(key) {
            self.error = None;
        }
        Verdict::Stay
    }
}

impl CommandLine {
    fn key(&mut self, cx: &Context<'_>, view: ViewKind, key: Key) -> Verdict {
        if key.code == KeyCode::Tab {
            let (text, candidates) = command::complete(cx, self.prompt.line.text());
            self.prompt.line = LineEdit::new(&text);
            self.candidates = candidates;
            return Verdict::Stay;
        }
        self.candidates.clear();
        self.prompt.key(key, |text| command::parse(cx, view, text))
    }
}

fn draw_prompt(cx: &Context<'_>, area: Rect, buf: &mut Buffer, label: &str, prompt: &Prompt) {
    let brush = &cx.brush;
    brush.on(area, buf).fill(brush.style(Scope::Header));
    let x = brush.on(area, buf).text((area.x, area.y), label, brush.style(Scope::HeaderDim));
    let field = Rect { x, width: area.right().saturating_sub(x), ..area };
    let end = prompt.line.render(brush, field, buf);
    if let Some(error) = &prompt.error {
        let at = (end.saturating_add(2), area.y);
        brush.on(area, buf).text(at, error, brush.style(Scope::Header).patch(brush.style(Scope::TextStrong)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_stays_open_with_its_error_until_it_is_changed() {
        let mut p = Prompt { line: LineEdit::new("x"), error: None };
        let wrong = |_: &str| Err("no".to_owned());
        assert_eq!(p.key(Key::plain(KeyCode::Enter), wrong), Verdict::Stay);
        assert_eq!(p.error.as_deref(), Some("no"));
        assert_eq!(p.key('y'.into(), wrong), Verdict::Stay);
        assert_eq!((p.error, p.line.text()), (None, "xy"));
    }

    #[test]
    fn deleting_from_an_empty_line_closes_it() {
        let mut p = Prompt { line: LineEdit::new("x"), error: None };
        let accept = |_: &str| Ok(Command::Quit);
        assert_eq!(p.key(Key::plain(KeyCode::Backspace), accept), Verdict::Stay);
        assert_eq!(p.key(Key::plain(KeyCode::Backspace), accept), Verdict::Close);
    }
}
