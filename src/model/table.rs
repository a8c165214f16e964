//! Tables of a TOML file with the place of every key, so that each mistake can be told with its
//! line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::document::{self, Document, FileError, unknown_key};
use crate::model::text;

/// A value and where it stands.
pub type Place<'t, 'i> = &'t Spanned<DeValue<'i>>;

/// One table on its way to checked values.
pub struct Table<'a, 't, 'i> {
    /// The file.
    pub doc: Document<'a>,
    /// How the table is called in the file: `[[event]]`; empty at the top.
    pub header: &'static str,
    table: &'t DeTable<'i>,
    at: Range<usize>,
}

impl<'a, 't, 'i> Table<'a, 't, 'i> {
    /// The table at the top of the file.
    #[must_use]
    pub const fn top(doc: Document<'a>, table: &'t DeTable<'i>) -> Self {
        Self { doc, header: "", table, at: 0..0 }
    }

    /// The line in which the table begins.
    #[must_use]
    pub fn line(&self) -> usize {
        self.doc.line_of(&self.at)
    }

    /// An error about the table as a whole.
    #[must_use]
    pub fn error(&self, message: impl std::fmt::Display) -> FileError {
        let place = if self.header.is_empty() { String::new() } else { format!("{} ", self.header) };
        let line = (!self.header.is_empty()).then(|| self.line());
        FileError::new(self.doc.file, line, format!("{place}{message}"))
    }

    /// An error about the value of `key`.
    #[must_use]
    pub fn wrong(&self, key: &str, value: Place<'_, '_>, message: impl std::fmt::Display) -> FileError {
        self.doc.error(value.span(), format!("`{key}`: {message}"))
    }

    /// Refuses the first key that is none of `known`.
    ///
    /// # Errors
    /// Names the key and the nearest valid one.
    pub fn only(&self, known: &[&str]) -> Result<(), FileError> {
        let mut names: Vec<_> = self.table.keys().collect();
        names.sort_by_key(|k| k.span().start);
        match names.into_iter().find(|k| !known.contains(&k.get_ref().as_ref())) {
            Some(k) => Err(self.doc.error(k.span(), unknown_key(k.get_ref(), known))),
            None => Ok(()),
        }
    }

    /// All keys, in the order of the file.
    #[must_use]
    pub fn names(&self) -> Vec<&'t str> {
        let mut names: Vec<_> = self.table.keys().collect();
        names.sort_by_key(|k| k.span().start);
        names.into_iter().map(|k| k.get_ref().as_ref()).collect()
    }

    /// The value of `key`, if it is there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Place<'t, 'i>> {
        self.table.get(key)
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// It is not there.
    pub fn need(&self, key: &str, expected: &str) -> Result<Place<'t, 'i>, FileError> {
        self.get(key).ok_or_else(|| {
            let verb = if self.header.is_empty() { "there is no" } else { "has no" };
            self.error(format!("{verb} `{key}`: expected {expected}"))
        })
    }

    /// The text of `value`.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&self, key: &str, value: Place<'t, 'i>) -> Result<&'t str, FileError> {
        value
            .get_ref()
            .as_str()
            .ok_or_else(|| self.wrong(key, value, format!("expected a text, found {}", found(value))))
    }

    /// The texts of the list `value`.
    ///
    /// # Errors
    /// It is no list, or not of texts.
    pub fn texts(&self, key: &str, value: Place<'t, 'i>) -> Result<Vec<(&'t str, usize)>, FileError> {
        let list = value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.wrong(key, value, format!("expected a list, found {}", found(value))))?;
        list.iter().map(|v| Ok((self.text(key, v)?, self.doc.line_of(&v.span())))).collect()
    }

    /// The number `value`, from `low` to `high`.
    ///
    /// # Errors
    /// It is no number, or out of range.
    pub fn number(
        &self,
        key: &str,
        value: Place<'_, '_>,
        (low, high): (f32, f32),
        unit: &str,
    ) -> Result<f32, FileError> {
        let parsed = match value.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f32),
            DeValue::Float(x) => x.as_str().parse().ok(),
            _ => return Err(self.wrong(key, value, format!("expected a number, found {}", found(value)))),
        };
        match parsed {
            Some(x) if (low..=high).contains(&x) => Ok(x),
            _ => Err(self.wrong(key, value, out_of_range(&self.raw(value), low, high, unit))),
        }
    }

    /// The whole number `value`, from `low` to `high`.
    ///
    /// # Errors
    /// It is no whole number, or out of range.
    pub fn whole(&self, key: &str, value: Place<'_, '_>, (low, high): (u32, u32)) -> Result<u32, FileError> {
        let DeValue::Integer(n) = value.get_ref() else {
            return Err(self.wrong(key, value, format!("expected a whole number, found {}", found(value))));
        };
        match i64::from_str_radix(n.as_str(), n.radix()).ok().and_then(|n| u32::try_from(n).ok()) {
            Some(n) if (low..=high).contains(&n) => Ok(n),
            _ => Err(self.wrong(key, value, out_of_range(&self.raw(value), low, high, ""))),
        }
    }

    /// The duration `value` in milliseconds, from `low` to `high`.
    ///
    /// # Errors
    /// It is no duration, or out of range.
    pub fn millis(&self, key: &str, value: Place<'_, '_>, (low, high): (u64, u64)) -> Result<u64, FileError> {
        let Some(text) = value.get_ref().as_str() else {
            let e = format!("expected a time like \"12s\" or \"1m30s\", found {}", found(value));
            return Err(self.wrong(key, value, e));
        };
        let ms = duration_ms(text).map_err(|e| self.wrong(key, value, e))?;
        if (low..=high).contains(&ms) {
            return Ok(ms);
        }
        let (text, low, high) = (text::clean(text), show_millis(low), show_millis(high));
        Err(self.wrong(key, value, format!("{text} is out of range: expected {low} to {high}")))
    }

    /// The duration `value` in whole seconds, from `low` to `high`.
    ///
    /// # Errors
    /// It is no duration of whole seconds, or out of range.
    pub fn seconds(
        &self,
        key: &str,
        value: Place<'_, '_>,
        (low, high): (u64, u64),
    ) -> Result<u64, FileError> {
        let ms = self.millis(key, value, (low * 1000, high * 1000))?;
        if ms % 1000 != 0 {
            return Err(self.wrong(key, value, "expected whole seconds: the simulator ticks once a second"));
        }
        Ok(ms / 1000)
    }

    /// What the word under `key` stands for in `all`, if it is there.
    ///
    /// # Errors
    /// It is no text, or none of the words: names the nearest.
    pub fn word<T: Copy>(&self, key: &str, all: &[(&str, T)]) -> Result<Option<T>, FileError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let word = self.text(key, value)?;
        match all.iter().find(|(name, _)| *name == word) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
                let hint = document::hint(word, &names);
                Err(self.wrong(key, value, format!("`{}`: {hint}", text::clean(word))))
            }
        }
    }

    /// The flag `value`.
    ///
    /// # Errors
    /// It is something else.
    pub fn flag(&self, key: &str, value: Place<'_, '_>) -> Result<bool, FileError> {
        value
            .get_ref()
            .as_bool()
            .ok_or_else(|| self.wrong(key, value, format!("expected true or false, found {}", found(value))))
    }

    /// The tables `[[key]]`, at most `most` of them.
    ///
    /// # Errors
    /// Something else stands under that key, or there are too many.
    pub fn tables(
        &self,
        key: &str,
        header: &'static str,
        most: usize,
    ) -> Result<Vec<Table<'a, 't, 'i>>, FileError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let wrong = |at| self.doc.error(at, format!("`{key}`: expected tables {header}"));
        let list = value.get_ref().as_array().ok_or_else(|| wrong(value.span()))?;
        if let Some(beyond) = list.get(most) {
            return Err(self.doc.error(beyond.span(), format!("more than {most} tables {header}")));
        }
        let table = |v: &'t Spanned<DeValue<'i>>| {
            let table = v.get_ref().as_table().ok_or_else(|| wrong(v.span()))?;
            Ok(Table { doc: self.doc, header, table, at: v.span() })
        };
        list.iter().map(table).collect()
    }

    /// The table `[key]`.
    ///
    /// # Errors
    /// Something else stands under that key.
    pub fn table(&self, key: &str, header: &'static str) -> Result<Option<Table<'a, 't, 'i>>, FileError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let table = value.get_ref().as_table();
        let table = table
            .ok_or_else(|| self.doc.error(value.span(), format!("`{key}`: expected the table {header}")))?;
        Ok(Some(Table { doc: self.doc, header, table, at: value.span() }))
    }

    /// The value as it stands in the file.
    fn raw(&self, value: Place<'_, '_>) -> String {
        text::clean(self.doc.text.get(value.span()).unwrap_or_default())
    }
}

fn out_of_range(
    found: &str,
    low: impl std::fmt::Display,
    high: impl std::fmt::Display,
    unit: &str,
) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    format!("{found} is out of range: expected {low} to {high}{unit}")
}

/// Milliseconds of a duration such as `12s`, `1m30s` or `400ms`.
///
/// # Errors
/// Says what a duration looks like.
pub fn duration_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{}` is no time: expected one like 12s, 1m30s or 400ms", text::clean(text));
    let parsed: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    if parsed.is_negative() {
        return Err(format!("{} is negative: times count from the start", text::clean(text)));
    }
    if parsed.subsec_nanos() % 1_000_000 != 0 {
        return Err(format!("{} is too fine: expected whole milliseconds", text::clean(text)));
    }
    u64::try_from(parsed.as_millis()).map_err(|_| wrong())
}

/// Milliseconds in the spelling that [`duration_ms`] reads: `1m30s`.
#[must_use]
pub fn show_millis(ms: u64) -> String {
    let parts = [(ms / 3_600_000, "h"), (ms / 60_000 % 60, "m"), (ms / 1000 % 60, "s"), (ms % 1000, "ms")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { String::from("0s") } else { text }
}

/// Seconds in the spelling of the file.
#[must_use]
pub fn show_seconds(seconds: u64) -> String {
    show_millis(seconds.saturating_mul(1000))
}

fn found(value: Place<'_, '_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration_ms("12s"), Ok(12_000));
        assert_eq!(duration_ms("1m30s"), Ok(90_000));
        assert_eq!(duration_ms("400ms"), Ok(400));
        assert!(duration_ms("-5s").expect_err("negative").contains("negative"));
        for wrong in ["", "12", "s", "12 parsecs", "99999999999999999999h", "nan"] {
            assert!(duration_ms(wrong).expect_err(wrong).contains("expected one like 12s"), "{wrong}");
        }
        assert!(duration_ms("1us").expect_err("too fine").contains("milliseconds"));
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for ms in [0, 1, 999, 1000, 90_000, 60_000, 3_600_000, 86_400_000, 3_661_001] {
            assert_eq!(duration_ms(&show_millis(ms)), Ok(ms));
        }
        assert_eq!((show_seconds(90), show_seconds(0)), ("1m30s".to_owned(), "0s".to_owned()));
    }
}
