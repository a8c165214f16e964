//! A line of text that is edited: command line, palette, search in the help.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::text::is_safe;
use crate::ui::key::{Key, KeyCode};
use crate::ui::text;
use crate::ui::theme::Scope;
use crate::ui::widget::Brush;

/// Longest line, characters.
pub const MAX_CHARS: usize = 200;

/// The text and the place of the cursor in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineEdit {
    text: String,
    /// Byte position of the cursor, always between two characters.
    at: usize,
}

impl LineEdit {
    /// A line with `text`, the cursor at its end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), at: text.len() }
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Empties the line.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Types `text`, without its control characters and up to the longest line.
    pub fn insert_str(&mut self, text: &str) {
        text.chars().for_each(|c| self.insert(c));
    }

    fn insert(&mut self, c: char) {
        if is_safe(c) && self.text.chars().count() < MAX_CHARS {
            self.text.insert(self.at, c);
            self.at += c.len_utf8();
        }
    }

    /// Edits the line; false when the key means nothing to it.
    pub fn key(&mut self, key: Key) -> bool {
        if let Some(c) = key.text() {
            self.insert(c);
            return true;
        }
        match key.code {
            KeyCode::Backspace if !key.ctrl && !key.alt => {
                let start = self.before();
                self.text.replace_range(start..self.at, "");
                self.at = start;
            }
            KeyCode::Delete => self.text.replace_range(self.at..self.after(), ""),
            KeyCode::Left => self.at = self.before(),
            KeyCode::Right => self.at = self.after(),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            KeyCode::Char('u') if key.ctrl => {
                self.text.replace_range(..self.at, "");
                self.at = 0;
            }
            KeyCode::Char('w') if key.ctrl => self.delete_word(),
            KeyCode::Backspace => self.delete_word(),
            _ => return false,
        }
        true
    }

    fn delete_word(&mut self) {
        let head = self.text[..self.at].trim_end();
        let start = head.rfind(|c: char| c.is_whitespace() || c == '-').map_or(0, |i| i + 1);
        self.text.replace_range(start..self.at, "");
        self.at = start;
    }

    fn before(&self) -> usize {
        self.text[..self.at].chars().next_back().map_or(0, |c| self.at - c.len_utf8())
    }

    fn after(&self) -> usize {
        self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8())
    }

    /// Draws the line with its cursor; what does not fit is cut on the left, so that the cursor is
    /// always seen. Returns the column after the text.
    pub fn render(&self, brush: &Brush<'_>, area: Rect, buf: &mut Buffer) -> u16 {
        let room = usize::from(area.width.saturating_sub(1));
        let mut start = 0;
        while text::width(&self.text[start..self.at]) > room {
            start += self.text[start..].chars().next().map_or(1, char::len_utf8);
        }
        let strong = brush.style(Scope::Header).patch(brush.style(Scope::TextStrong));
        let style = strong.bg(brush.style(Scope::Header).bg.unwrap_or_default());
        let end = brush.on(area, buf).text((area.x, area.y), &self.text[start..], style);
        let cursor = area.x.saturating_add(text::width(&self.text[start..self.at]) as u16);
        let under = self.text[self.at..].chars().next().unwrap_or(' ');
        brush.on(area, buf).glyph((cursor, area.y), under, brush.style(Scope::Cursor));
        end.max(cursor.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(keys: &str) -> String {
        let mut line = LineEdit::default();
        for k in keys.split(' ') {
            line.key(k.parse().expect("a key"));
        }
        line.text
    }

    #[test]
    fn lines_are_edited_at_the_cursor() {
        for (keys, expected) in [
            ("a b c", "abc"),
            ("a b Left x", "axb"),
            ("a b BSpace", "a"),
            ("a b Home Delete", "b"),
            ("a å Left Left Right x", "axå"),
            ("a Space b C-w", "a "),
            ("a b C-u c", "c"),
            ("a Enter F5 C-x", "a"),
        ] {
            assert_eq!(typed(keys), expected, "{keys}");
        }
    }

    #[test]
    fn pasted_text_is_cleaned_and_bounded() {
        let mut line = LineEdit::default();
        line.insert_str("a\x1b[2J\nb");
        assert_eq!(line.text(), "a[2Jb");
        line.insert_str(&"x".repeat(1000));
        assert_eq!(line.text().chars().count(), MAX_CHARS);
    }

    proptest! {
        #[test]
        fn no_keys_can_break_a_line(keys in prop::collection::vec(0usize..9, 0..60)) {
            let names = ["å", "計", "BSpace", "Delete", "Left", "Right", "C-w", "Home", "Space"];
            let mut line = LineEdit::default();
            for k in keys {
                line.key(names[k].parse().expect("a key"));
                prop_assert!(line.text.is_char_boundary(line.at));
            }
        }
    }
}
