//! The window in which something of the past is marked: a moment with a note, or an incident with a
//! title and two moments. Nothing is done before Enter.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Timestamp;
use crate::model::chronicle::MAX_TITLE;
use crate::ui::app::banner_moment;
use crate::ui::app::command::Command;
use crate::ui::app::time::{self, Around};
use crate::ui::context::Context;
use crate::ui::key::{Key, KeyCode};
use crate::ui::overlay::Verdict;
use crate::ui::overlay::line::LineEdit;
use crate::ui::overlay::popup;
use crate::ui::theme::Scope;
use crate::ui::widget::frame::Frame;

/// Columns of the window, where there is room.
const WIDTH: u16 = 76;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The moment of a bookmark; `None` for an incident.
    bookmark: Option<Timestamp>,
    /// Text or title; then for incidents from and to.
    fields: Vec<LineEdit>,
    at: usize,
    error: Option<String>,
}

impl Note {
    /// A window for a bookmark.
    #[must_use]
    pub fn bookmark(time: Timestamp) -> Self {
        Self { bookmark: Some(time), fields: vec![LineEdit::default()], at: 0, error: None }
    }

    /// A window for an incident that reaches over these moments unless they are changed.
    #[must_use]
    pub fn incident(from: Timestamp, to: Timestamp) -> Self {
        let moment = |t| LineEdit::new(&banner_moment(t));
        let fields = vec![LineEdit::default(), moment(from), moment(to)];
        Self { bookmark: None, fields, at: 0, error: None }
    }

    /// The key goes to the window.
    pub fn key(&mut self, around: &Around<'_>, key: Key) -> Verdict {
        let n = self.fields.len();
        match key.code {
            KeyCode::Enter => return self.accept(around),
            KeyCode::Tab if key.shift => self.at = (self.at + n - 1) % n,
            KeyCode::Tab | KeyCode::Down => self.at = (self.at + 1) % n,
            KeyCode::Up => self.at = (self.at + n - 1) % n,
            _ => {
                if self.fields[self.at].key(key) {
                    self.error = None;
                }
            }
        }
        Verdict::Stay
    }

    /// Pasted text goes where the cursor is.
    pub fn paste(&mut self, text: &str) {
        self.fields[self.at].insert_str(text);
    }

    fn accept(&mut self, around: &Around<'_>) -> Verdict {
        match self.command(around) {
            Ok(command) => Verdict::Do(command),
            Err((field, why)) => {
                (self.at, self.error) = (field, Some(why));
                Verdict::Stay
            }
        }
    }

    /// What it says, or which field is wrong.
    fn command(&self, around: &Around<'_>) -> Result<Command, (usize, String)> {
        let text = self.fields[0].text().trim().to_owned();
        if text.chars().count() > MAX_TITLE {
            return Err((0, format!("at most {MAX_TITLE} characters")));
        }
        if let Some(time) = self.bookmark {
            return Ok(Command::Bookmark(time, text));
        }
        if text.is_empty() {
            return Err((0, "an incident needs a title".to_owned()));
        }
        let moment = |field: usize| {
            let found = time::parse(self.fields[field].text(), around).map_err(|why| (field, why))?;
            Ok(found.unwrap_or(around.newest))
        };
        let (from, to) = (moment(1)?, moment(2)?);
        if from >= to {
            return Err((2, "it must end after it begins".to_owned()));
        }
        Ok(Command::Incident(text, (from, to)))
    }

    /// Draws the window in the middle of `body`.
    pub fn render(&self, cx: &Context<'_>, body: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        let lines = self.fields.len() as u16 + 4;
        let area = popup::middle(body, (WIDTH, lines + 2));
        b.on(area, buf).fill(b.style(Scope::Text));
        let title = if self.bookmark.is_some() { "BOOKMARK" } else { "INCIDENT" };
        let inner = Frame { title, note: "", focused: true }.render(b, area, buf);
        let about = match self.bookmark {
            Some(time) => format!("this will mark {}", banner_moment(time)),
            None => "this will mark a stretch of time, and keep all of its frames".to_owned(),
        };
        b.on(inner, buf).text((inner.x + 1, inner.y), &about, b.style(Scope::TextStrong));
        let labels = if self.bookmark.is_some() { ["note", "", ""] } else { ["title", "from", "to"] };
        for (i, line) in self.fields.iter().enumerate() {
            let y = inner.y + 1 + i as u16;
            b.on(inner, buf).text((inner.x + 1, y), labels[i], b.style(Scope::TextDim));
            let field = Rect { x: inner.x + 8, y, width: inner.width.saturating_sub(9), height: 1 };
            let field = field.intersection(inner);
            if i == self.at {
                line.render(&b, field, buf);
            } else {
                b.on(field, buf).text((field.x, field.y), line.text(), b.style(Scope::Text));
            }
        }
        let y = inner.y + 1 + self.fields.len() as u16;
        let error = self.error.as_deref().unwrap_or_default();
        b.on(inner, buf).text((inner.x + 1, y), error, b.style(Scope::TextStrong));
        let next = if self.fields.len() > 1 { "  Tab next field" } else { "" };
        let keys = format!("Enter saves{next}  Esc cancels");
        b.on(inner, buf).text((inner.x + 1, y + 1), &keys, b.style(Scope::TextDim));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::AlarmBoard;
    use crate::model::time::SIM_EPOCH;

    fn typed(note: &mut Note, keys: &str) -> Verdict {
        let board = AlarmBoard::default();
        let now = SIM_EPOCH;
        let around = Around { now, newest: now, reach: None, chronicle: None, board: &board };
        let all = keys.split(' ').map(|k| k.parse::<Key>().expect("a key"));
        all.map(|k| note.key(&around, k)).last().expect("there is one")
    }

    #[test]
    fn an_incident_needs_a_title_and_an_end_after_its_start() {
        let (from, to) = (SIM_EPOCH.plus_millis(-600_000), SIM_EPOCH);
        let mut note = Note::incident(from, to);
        assert_eq!(typed(&mut note, "Enter"), Verdict::Stay);
        assert!(note.error.as_deref().is_some_and(|e| e.contains("title")));
        let done = typed(&mut note, "l e a k Enter");
        assert_eq!(done, Verdict::Do(Command::Incident("leak".into(), (from, to))));
        assert_eq!(typed(&mut note, "Tab C-u 2 : 0 0 Tab C-u 1 : 0 0 Enter"), Verdict::Stay);
        assert!(note.error.as_deref().is_some_and(|e| e.contains("after")), "{:?}", note.error);
        assert_eq!(typed(&mut note, "C-u x Enter"), Verdict::Stay);
        assert!(note.error.as_deref().is_some_and(|e| e.contains("no time")));
    }

    #[test]
    fn a_bookmark_may_be_without_words_but_not_too_long() {
        let mut note = Note::bookmark(SIM_EPOCH);
        assert_eq!(typed(&mut note, "Enter"), Verdict::Do(Command::Bookmark(SIM_EPOCH, String::new())));
        note.paste(&"x".repeat(MAX_TITLE + 1));
        assert_eq!(typed(&mut note, "Enter"), Verdict::Stay);
        assert!(note.error.as_deref().is_some_and(|e| e.contains("120")));
    }
}
