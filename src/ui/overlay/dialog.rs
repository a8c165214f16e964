//! The window in which an operation on alarms is given its reason: how many it is about, who does
//! it, why, and for shelves how long. Nothing is done before Enter.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::alarm::AlarmId;
use crate::model::alarm::operation::MAX_COMMENT;
use crate::ui::alarms::deed::{Deed, Plan, SHELVES};
use crate::ui::app::command::Command;
use crate::ui::context::Context;
use crate::ui::key::{Key, KeyCode};
use crate::ui::overlay::Verdict;
use crate::ui::overlay::line::LineEdit;
use crate::ui::overlay::popup;
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::frame::Frame;

/// Columns of the window, where there is room.
const WIDTH: u16 = 76;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    deed: Deed,
    alarms: Vec<AlarmId>,
    /// `6 250 alarms in H3`.
    about: String,
    operator: String,
    line: LineEdit,
    shelf: usize,
    one_shot: bool,
    /// The key that does it at once, as long as nothing was typed.
    at_once: Option<Key>,
    error: Option<String>,
}

impl Dialog {
    /// A window for a deed. `about` says in words which alarms it is about.
    #[must_use]
    pub fn new(deed: Deed, alarms: Vec<AlarmId>, about: String, operator: &str) -> Self {
        Self {
            deed,
            alarms,
            about,
            operator: operator.to_owned(),
            line: LineEdit::default(),
            shelf: 1,
            one_shot: false,
            at_once: None,
            error: None,
        }
    }

    /// The same window with a comment in it already.
    #[must_use]
    pub fn with_comment(mut self, comment: &str) -> Self {
        self.line = LineEdit::new(comment);
        self
    }

    /// The same window with a time; one that is not offered becomes the next longer one.
    #[must_use]
    pub fn with_shelf(mut self, (ms, one_shot): (i64, bool)) -> Self {
        self.shelf = SHELVES.iter().position(|(_, length)| *length >= ms).unwrap_or(SHELVES.len() - 1);
        self.one_shot = one_shot;
        self
    }

    /// The same window, which `key` as the first one closes by doing it without a comment.
    #[must_use]
    pub fn at_once(mut self, key: Option<Key>) -> Self {
        self.at_once = key;
        self
    }

    /// The key goes to the window.
    pub fn key(&mut self, key: Key) -> Verdict {
        let first = self.line.text().is_empty() && self.at_once.take() == Some(key);
        match key.code {
            _ if first => return self.accept(),
            KeyCode::Enter => return self.accept(),
            KeyCode::Tab | KeyCode::Down | KeyCode::Up if self.deed == Deed::Shelve => {
                let back = key.code == KeyCode::Up || key.shift;
                let by = if back { SHELVES.len() - 1 } else { 1 };
                self.shelf = (self.shelf + by) % SHELVES.len();
            }
            KeyCode::Char('o') if key.ctrl && self.deed == Deed::Shelve => self.one_shot = !self.one_shot,
            _ => {
                self.line.key(key);
            }
        }
        self.error = None;
        Verdict::Stay
    }

    /// Pasted text goes into the comment.
    pub fn paste(&mut self, text: &str) {
        self.at_once = None;
        self.line.insert_str(text);
    }

    fn accept(&mut self) -> Verdict {
        let comment = self.line.text().trim().to_owned();
        if self.deed.needs_reason() && comment.is_empty() {
            self.error = Some("a reason is needed".to_owned());
            return Verdict::Stay;
        }
        if comment.chars().count() > MAX_COMMENT {
            self.error = Some(format!("at most {MAX_COMMENT} characters"));
            return Verdict::Stay;
        }
        Verdict::Do(Command::Operate(Plan {
            deed: self.deed,
            alarms: std::mem::take(&mut self.alarms),
            comment,
            shelf: (SHELVES[self.shelf].1, self.one_shot),
        }))
    }

    /// Draws the window in the middle of `body`.
    pub fn render(&self, cx: &Context<'_>, body: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        let lines = if self.deed == Deed::Shelve { 7 } else { 5 };
        let area = popup::middle(body, (WIDTH, lines + 2));
        b.on(area, buf).fill(b.style(Scope::Text));
        let title = self.deed.word().to_uppercase();
        let inner = Frame { title: &title, note: "", focused: true }.render(b, area, buf);
        let mut y = inner.y;
        let mut put = |buf: &mut Buffer, label: &str, text: &str, scope: Scope| {
            let x = b.on(inner, buf).text((inner.x + 1, y), label, b.style(Scope::TextDim));
            b.on(inner, buf).text((x.max(inner.x + 1), y), text, b.style(scope));
            y += 1;
            y - 1
        };
        let this = format!("this will {} {}", self.deed.word(), self.about);
        put(buf, "", &this, Scope::TextStrong);
        put(buf, "operator  ", &self.operator, Scope::Text);
        if self.deed == Deed::Shelve {
            let at = put(buf, "time      ", "", Scope::Text);
            self.times(
                cx,
                Rect { x: inner.x + 11, y: at, width: inner.width.saturating_sub(11), height: 1 },
                buf,
            );
            let once = if self.one_shot {
                "[x] ends when the alarm clears, too"
            } else {
                "[ ] ends when the alarm clears, too"
            };
            put(buf, "once      ", &format!("{once} (C-o)"), Scope::Text);
        }
        let label = if self.deed.needs_reason() { "reason    " } else { "comment   " };
        let at = put(buf, label, "", Scope::Text);
        let field = Rect { x: inner.x + 11, y: at, width: inner.width.saturating_sub(12), height: 1 };
        self.line.render(&b, field.intersection(inner), buf);
        let error = self.error.as_deref().unwrap_or_default();
        put(buf, "", error, Scope::TextStrong);
        put(buf, "", &self.keys(), Scope::TextDim);
    }

    fn times(&self, cx: &Context<'_>, line: Rect, buf: &mut Buffer) {
        let b = cx.brush;
        let mut x = line.x;
        for (i, (words, _)) in SHELVES.iter().enumerate() {
            let chosen = i == self.shelf;
            // Brackets, so that the choice is seen without colour.
            let text = if chosen { format!("[{words}]") } else { format!(" {words} ") };
            let scope = if chosen { Scope::Selection } else { Scope::Text };
            x = b.on(line, buf).text((x, line.y), &text, b.style(scope)) + 1;
        }
        b.on(line, buf).text((x, line.y), "Tab", b.style(Scope::TextDim));
    }

    fn keys(&self) -> String {
        let at_once = self.at_once.map_or_else(String::new, |key| format!("{key} without a comment  "));
        format!("Enter {}  {at_once}Esc cancels", text::truncate(self.deed.word(), 20, '…'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(deed: Deed) -> Dialog {
        Dialog::new(deed, vec![AlarmId(7), AlarmId(9)], "2 alarms in H3".into(), "kari")
    }

    fn plan(verdict: Verdict) -> Plan {
        let Verdict::Do(Command::Operate(plan)) = verdict else { panic!("{verdict:?} is no order") };
        plan
    }

    fn keys(d: &mut Dialog, keys: &str) -> Verdict {
        let all = keys.split(' ').map(|k| k.parse::<Key>().expect("a key"));
        all.map(|k| d.key(k)).last().expect("there is one")
    }

    #[test]
    fn the_same_key_again_acknowledges_without_a_comment_and_only_as_the_first() {
        let mut d = dialog(Deed::Acknowledge).at_once(Some('a'.into()));
        assert_eq!(plan(keys(&mut d, "a")).comment, "");
        let mut d = dialog(Deed::Acknowledge).at_once(Some('a'.into()));
        assert_eq!(plan(keys(&mut d, "l a Enter")).comment, "la");
        let mut d = dialog(Deed::Acknowledge);
        assert_eq!(keys(&mut d, "a"), Verdict::Stay, "many are acknowledged by Enter alone");
    }

    #[test]
    fn a_shelf_needs_a_reason_and_has_one_of_four_times() {
        let mut d = dialog(Deed::Shelve);
        assert_eq!(keys(&mut d, "Enter"), Verdict::Stay);
        assert_eq!(d.error.as_deref(), Some("a reason is needed"));
        let p = plan(keys(&mut d, "x Tab C-o Enter"));
        assert_eq!((p.shelf, p.comment.as_str()), ((14_400_000, true), "x"));
        let mut d = dialog(Deed::Shelve);
        assert_eq!(plan(keys(&mut d, "Up Up x Enter")).shelf, (43_200_000, false));
    }
}
