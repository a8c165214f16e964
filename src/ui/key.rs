//! Keys and the other things that a terminal can say, free of any terminal library, and their
//! names in keymap files: `a`, `A`, `C-p`, `A-Left`, `S-Tab`, `Space`, `F1`.

use std::fmt;
use std::str::FromStr;

use crate::model::text;

/// The highest function key that has a name.
pub const MAX_FUNCTION_KEY: u8 = 24;

/// Which key, without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyCode {
    /// A key that writes a character; letters carry their case here, not in [`Key::shift`].
    Char(char),
    /// Enter or Return.
    Enter,
    /// Escape.
    Esc,
    /// Tabulator; with shift it is the back tab.
    Tab,
    /// Backspace, written `BSpace`.
    Backspace,
    /// Delete forward.
    Delete,
    /// Insert.
    Insert,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// To the start.
    Home,
    /// To the end.
    End,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// A function key, 1 to [`MAX_FUNCTION_KEY`].
    F(u8),
}

/// The named keys: canonical name first, then what is accepted too.
const NAMES: [(KeyCode, &str, &[&str]); 15] = [
    (KeyCode::Enter, "Enter", &["Return", "CR"]),
    (KeyCode::Esc, "Esc", &["Escape"]),
    (KeyCode::Tab, "Tab", &[]),
    (KeyCode::Char(' '), "Space", &["Spc"]),
    (KeyCode::Backspace, "BSpace", &["Backspace", "BS"]),
    (KeyCode::Delete, "Delete", &["Del"]),
    (KeyCode::Insert, "Insert", &["Ins"]),
    (KeyCode::Left, "Left", &[]),
    (KeyCode::Right, "Right", &[]),
    (KeyCode::Up, "Up", &[]),
    (KeyCode::Down, "Down", &[]),
    (KeyCode::Home, "Home", &[]),
    (KeyCode::End, "End", &[]),
    (KeyCode::PageUp, "PgUp", &["PageUp"]),
    (KeyCode::PageDown, "PgDn", &["PageDown", "PgDown"]),
];

/// One key press. Two presses that terminals cannot tell apart are the same `Key`: build it with
/// [`Key::new`] or by parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Control was held.
    pub ctrl: bool,
    /// Alt was held, or Escape came just before.
    pub alt: bool,
    /// Shift was held; never set for plain characters.
    pub shift: bool,
}

impl Key {
    /// `code` without modifiers.
    #[must_use]
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// The key of `code` with modifiers, in the one form that terminals agree on: shift with a
    /// letter becomes the capital, shift with another character says nothing, and control makes
    /// letters small (shift then stays, where the terminal reports it).
    #[must_use]
    pub fn new(code: KeyCode, ctrl: bool, alt: bool, shift: bool) -> Self {
        match code {
            KeyCode::Char(c) if ctrl => {
                let code = KeyCode::Char(single(c, c.to_lowercase()));
                Self { code, ctrl, alt, shift: shift && c.is_alphabetic() }
            }
            KeyCode::Char(c) if shift => {
                Self { code: KeyCode::Char(single(c, c.to_uppercase())), ctrl, alt, shift: false }
            }
            _ => Self { code, ctrl, alt, shift },
        }
    }

    /// The character that this key writes into a text field, if it does.
    #[must_use]
    pub fn text(&self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

/// The only character of `mapped`, or `c` when the case mapping makes several (`ß`).
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl From<char> for Key {
    fn from(c: char) -> Self {
        Self::plain(KeyCode::Char(c))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "C-"), (self.alt, "A-"), (self.shift, "S-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match NAMES.iter().find(|(code, ..)| *code == self.code) {
            Some((_, name, _)) => f.write_str(name),
            None => match self.code {
                KeyCode::F(n) => write!(f, "F{n}"),
                KeyCode::Char(c) => write!(f, "{c}"),
                other => write!(f, "{other:?}"),
            },
        }
    }
}

/// Text that names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing was written.
    #[error("an empty key: expected a character or a name such as Enter, C-p or F1")]
    Empty,
    /// Neither one character nor a known name.
    #[error("unknown key `{text}`{}", hint(.nearest.as_deref()))]
    Unknown {
        /// What was written, cleaned.
        text: String,
        /// The nearest valid spelling.
        nearest: Option<String>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || ": expected a character or a name such as Enter, C-p or F1".to_owned(),
        |n| format!(": did you mean `{n}`?"),
    )
}

impl FromStr for Key {
    type Err = KeyError;

    /// Reads the notation of [`Display`](fmt::Display); `M-` is accepted for `A-`, names in any case.
    fn from_str(written: &str) -> Result<Self, KeyError> {
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let mut rest = written;
        while let Some((head, tail)) = rest.split_once('-').filter(|(_, tail)| !tail.is_empty()) {
            match head {
                "C" | "c" => ctrl = true,
                "A" | "a" | "M" | "m" => alt = true,
                "S" | "s" => shift = true,
                _ => break,
            }
            rest = tail;
        }
        if rest.is_empty() {
            return Err(KeyError::Empty);
        }
        match code(rest) {
            Some(code) => Ok(Self::new(code, ctrl, alt, shift)),
            None => Err(unknown(written, rest)),
        }
    }
}

fn code(name: &str) -> Option<KeyCode> {
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return text::is_safe(c).then_some(KeyCode::Char(c));
    }
    if let Some(number) = name.strip_prefix(['F', 'f']).and_then(|n| n.parse().ok()) {
        return (1..=MAX_FUNCTION_KEY).contains(&number).then_some(KeyCode::F(number));
    }
    let same = |n: &&str| n.eq_ignore_ascii_case(name);
    NAMES.iter().find(|(_, n, more)| same(n) || more.iter().any(&same)).map(|(code, ..)| *code)
}

fn unknown(written: &str, rest: &str) -> KeyError {
    let names = NAMES.iter().flat_map(|(_, name, more)| std::iter::once(*name).chain(more.iter().copied()));
    let prefix = written.strip_suffix(rest).unwrap_or_default();
    KeyError::Unknown {
        text: text::clean(written),
        nearest: text::nearest(rest, names).map(|n| format!("{}{n}", text::clean(prefix))),
    }
}

/// What a mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MouseKind {
    /// A button went down: 0 left, 1 middle, 2 right.
    Down(u8),
    /// A button went up.
    Up(u8),
    /// The mouse moved while a button was down.
    Drag(u8),
    /// The wheel turned away from the user.
    ScrollUp,
    /// The wheel turned towards the user.
    ScrollDown,
    /// The wheel was pushed left.
    ScrollLeft,
    /// The wheel was pushed right.
    ScrollRight,
}

/// One report of the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mouse {
    /// What it did.
    pub kind: MouseKind,
    /// Cell from the left, 0 is the first.
    pub column: u16,
    /// Cell from the top, 0 is the first.
    pub row: u16,
    /// Control was held.
    pub ctrl: bool,
    /// Alt was held.
    pub alt: bool,
    /// Shift was held.
    pub shift: bool,
}

/// Everything that a terminal tells a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InputEvent {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted: no control characters but line feeds, bounded.
    Paste(String),
    /// The mouse was used.
    Mouse(Mouse),
    /// The window got the focus.
    FocusGained,
    /// The window lost the focus.
    FocusLost,
    /// The screen has a new size, in columns and rows.
    Resize(u16, u16),
    /// The terminal answered the device status request: it has drawn everything before it.
    DeviceStatusOk,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn every_spelling_of_the_default_keymap_survives_a_round_trip() {
        for text in [
            "a", "A", "å", "?", "/", ":", "-", "+", "@", "'", "Space", "Enter", "Esc", "Tab", "S-Tab",
            "BSpace", "C-p", "C-c", "C-Space", "C--", "A-Left", "A-Right", "C-A-S-F5", "F1", "F10", "PgUp",
            "PgDn", "Home", "S-Up", "A--", "A-A", "C-S-a",
        ] {
            assert_eq!(key(text).to_string(), text);
        }
    }

    #[test]
    fn spellings_that_mean_the_same_are_the_same_key() {
        assert_eq!(key("S-a"), key("A"));
        assert_eq!(key("S-å"), key("Å"));
        assert_eq!(key("S-?"), key("?"));
        assert_eq!(key("C-P"), key("C-p"));
        assert_eq!(key("M-x"), key("A-x"));
        assert_eq!(key("return"), key("Enter"));
        assert_eq!(key("PageDown"), key("PgDn"));
        assert_eq!(key("Backspace"), key("BSpace"));
        assert_eq!(key(" "), key("Space"));
        assert_eq!(key("f12"), Key::plain(KeyCode::F(12)));
        assert_eq!(key("S-ß"), key("ß"), "a capital of two letters is not a key");
    }

    #[test]
    fn case_matters_for_letters_alone() {
        assert_ne!(key("q"), key("Q"));
        assert_ne!(key("Tab"), key("S-Tab"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = "C-Entr".parse::<Key>().unwrap_err();
        assert_eq!(error.to_string(), "unknown key `C-Entr`: did you mean `C-Enter`?");
        assert!("wibble".parse::<Key>().unwrap_err().to_string().contains("such as Enter"));
        assert!("F25".parse::<Key>().is_err());
        assert_eq!("".parse::<Key>(), Err(KeyError::Empty));
        assert!("\u{1b}".parse::<Key>().is_err(), "a control character is no key");
    }

    #[test]
    fn only_plain_characters_write_text() {
        assert_eq!(key("Å").text(), Some('Å'));
        assert_eq!(key("Space").text(), Some(' '));
        assert_eq!(key("C-a").text(), None);
        assert_eq!(key("A-a").text(), None);
        assert_eq!(key("Enter").text(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(c in any::<char>(), ctrl: bool, alt: bool, shift: bool) {
            prop_assume!(text::is_safe(c));
            let key = Key::new(KeyCode::Char(c), ctrl, alt, shift);
            prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        }

        #[test]
        fn any_text_is_a_key_or_an_error(text in ".*") {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
            }
        }
    }
}
