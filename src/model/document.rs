//! Text files that people write (TOML): errors with file, line, what was expected and the nearest
//! valid name. Pure text: whoever reads the file hands in its content and its name.

use std::fmt;
use std::ops::Range;

use crate::model::text;

/// A file that cannot be used: which file, where, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    file: String,
    line: Option<usize>,
    message: String,
}

impl FileError {
    /// An error in `file`, at `line` (from 1) where known.
    #[must_use]
    pub fn new(file: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }

    /// The line, from 1, where known.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for FileError {}

/// A text with the name of its file: turns places in the text into errors with a line.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// The content.
    pub text: &'a str,
    /// The name to show, mostly a path.
    pub file: &'a str,
}

impl<'a> Document<'a> {
    /// The document `text` of `file`.
    #[must_use]
    pub const fn new(text: &'a str, file: &'a str) -> Self {
        Self { text, file }
    }

    /// The line, from 1, in which the byte range `at` starts.
    #[must_use]
    pub fn line_of(&self, at: &Range<usize>) -> usize {
        let upto = self.text.get(..at.start).unwrap_or(self.text);
        upto.matches('\n').count() + 1
    }

    /// An error at the byte range `at`.
    #[must_use]
    pub fn error(&self, at: Range<usize>, message: impl Into<String>) -> FileError {
        FileError::new(self.file, Some(self.line_of(&at)), message)
    }

    /// What the TOML parser said, in one line, with the key it stumbled over and, for an unknown
    /// key, the nearest valid one.
    #[must_use]
    pub fn toml_error(&self, e: &toml::de::Error) -> FileError {
        let message = e.message().replace('\n', " ");
        let mut message: String = message.chars().filter(|c| text::is_safe(*c)).collect();
        // The parser names the unknown key and the expected ones: add the nearest of them.
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        if let [unknown, expected @ ..] = quoted.as_slice()
            && message.starts_with("unknown field")
        {
            message = unknown_key(unknown, expected);
        } else if message == "duplicate key"
            && let Some(key) = e.span().and_then(|at| self.text.get(at))
        {
            message = format!("`{}` stands twice", text::clean(key));
        } else if let Some(key) = e.span().and_then(|at| self.key_at(&at))
            && message.starts_with("invalid ")
        {
            message = format!("`{key}`: {message}");
        }
        match e.span() {
            Some(span) => self.error(span, message),
            None => FileError::new(self.file, None, message),
        }
    }

    /// The key of the line in which `at` starts, when `at` lies behind its `=`.
    fn key_at(&self, at: &Range<usize>) -> Option<String> {
        let before = self.text.get(..at.start)?;
        let line = before.rsplit('\n').next()?;
        let (key, _) = line.split_once('=')?;
        Some(text::clean(key.trim())).filter(|k| !k.is_empty())
    }
}

/// The words for a key that does not exist.
#[must_use]
pub fn unknown_key(unknown: &str, expected: &[&str]) -> String {
    format!("unknown key `{}`: {}", text::clean(unknown), hint(unknown, expected))
}

/// The words that help from a wrong name to a valid one: the nearest, else all.
#[must_use]
pub fn hint(wrong: &str, expected: &[&str]) -> String {
    text::nearest(wrong, expected.iter().copied()).map_or_else(
        || format!("expected one of {}", expected.join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its parsing is of interest")]
    struct Sample {
        columns: u16,
        rows: Option<u16>,
    }

    fn error_of(text: &str) -> String {
        let e = toml::from_str::<Sample>(text).expect_err("broken on purpose");
        Document::new(text, "a.toml").toml_error(&e).to_string()
    }

    #[test]
    fn an_unknown_key_is_answered_with_line_and_nearest() {
        assert_eq!(
            error_of("columns = 1\ncolums = 2\n"),
            "a.toml:2: unknown key `colums`: did you mean `columns`?"
        );
        let far = error_of("\n\nzzzzzz = 1\n");
        assert_eq!(far, "a.toml:3: unknown key `zzzzzz`: expected one of columns, rows");
    }

    #[test]
    fn a_wrong_type_names_the_key() {
        let e = error_of("columns = \"six\"\n");
        assert!(e.starts_with("a.toml:1: `columns`: invalid type: string \"six\", expected u16"), "{e}");
    }

    #[test]
    fn a_syntax_error_has_its_line_and_stays_on_one_line() {
        let e = error_of("columns = 1\nrows = \n");
        assert!(e.starts_with("a.toml:2: ") && !e.contains('\n'), "{e}");
    }

    #[test]
    fn a_key_that_stands_twice_is_named() {
        assert_eq!(error_of("columns = 1\ncolumns = 2\n"), "a.toml:2: `columns` stands twice");
    }

    #[test]
    fn a_place_beyond_the_text_does_not_panic() {
        let d = Document::new("a\nb", "x");
        assert_eq!(d.line_of(&(100..200)), 2);
        assert_eq!(d.line_of(&(0..1)), 1);
    }

    #[test]
    fn control_characters_of_a_key_are_not_repeated() {
        assert!(!unknown_key("a\u{1b}[2J", &["b"]).contains('\u{1b}'));
    }
}
