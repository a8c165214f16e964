//! Reads one theme file. A bad entry becomes a [`Warning`] and is left out; only a file that is
//! not TOML is an error.

use std::fmt;

use ratatui::style::Modifier;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::text;
use crate::ui::theme::ThemeError;
use crate::ui::theme::scope::Scope;

/// An entry of a theme file that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub file: String,
    /// Line of the entry, from 1.
    pub line: usize,
    /// The entry.
    pub key: String,
    /// What is wrong, and what was expected.
    pub expected: String,
    /// The nearest valid name.
    pub nearest: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}`: {}", self.file, self.line, self.key, self.expected)?;
        match &self.nearest {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

/// Something read from the file, with its place.
#[derive(Clone, Debug)]
pub(super) struct Item<T> {
    pub file: String,
    pub line: usize,
    pub key: String,
    pub value: T,
}

impl<T> Item<T> {
    pub fn warning(&self, expected: impl Into<String>, nearest: Option<&str>) -> Warning {
        Warning {
            file: self.file.clone(),
            line: self.line,
            key: text::clean(&self.key),
            expected: expected.into(),
            nearest: nearest.map(text::clean),
        }
    }
}

/// A style before its colours are looked up in the palette.
#[derive(Clone, Debug, Default)]
pub(super) struct RawStyle {
    pub fg: Option<String>,
    pub bg: Option<String>,
    pub modifier: Modifier,
}

/// One file, before it is laid over the one that it inherits.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub inherits: Option<String>,
    pub kind: Option<Item<String>>,
    pub colors: Option<Item<String>>,
    pub palette: Vec<Item<String>>,
    pub styles: Vec<(Scope, Item<RawStyle>)>,
    pub ramps: Vec<Item<Vec<String>>>,
    pub warnings: Vec<Warning>,
}

const TOP: [&str; 6] = ["inherits", "kind", "colors", "palette", "styles", "ramp"];
const RAMPS: [&str; 3] = ["stops", "age", "categories"];
const STYLE: [&str; 6] = ["fg", "bg", "bold", "reverse", "underline", "dim"];

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    layer: Layer,
}

type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the text of a theme file.
pub(super) fn parse(file: &str, source: &str) -> Result<Layer, ThemeError> {
    let table = DeTable::parse(source).map_err(|e| ThemeError::Syntax {
        file: file.to_owned(),
        line: e.span().map_or(1, |s| line_of(source, s.start)),
        message: e.message().replace('\n', " "),
    })?;
    let mut reader = Reader { file, text: source, layer: Layer::default() };
    for (key, value) in table.get_ref() {
        reader.top(key.get_ref(), value);
    }
    Ok(reader.layer)
}

fn line_of(source: &str, at: usize) -> usize {
    source.get(..at).unwrap_or(source).matches('\n').count() + 1
}

impl Reader<'_> {
    fn item<T>(&self, key: &str, at: &Value<'_>, value: T) -> Item<T> {
        let line = line_of(self.text, at.span().start);
        Item { file: self.file.to_owned(), line, key: key.to_owned(), value }
    }

    fn warn(&mut self, key: &str, at: &Value<'_>, expected: &str, nearest: Option<&str>) {
        let warning = self.item(key, at, ()).warning(expected, nearest);
        self.layer.warnings.push(warning);
    }

    fn string(&mut self, key: &str, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            _ => {
                self.warn(key, value, "expected a text in quotes", None);
                None
            }
        }
    }

    fn top(&mut self, key: &str, value: &Value<'_>) {
        match (key, value.get_ref()) {
            ("inherits", _) => self.layer.inherits = self.string(key, value),
            ("kind", _) => {
                self.layer.kind = self.string(key, value).map(|s| self.item(key, value, s));
            }
            ("colors", _) => {
                self.layer.colors = self.string(key, value).map(|s| self.item(key, value, s));
            }
            ("palette", DeValue::Table(t)) => {
                for (name, colour) in t {
                    if let Some(s) = self.string(&format!("palette.{}", name.get_ref()), colour) {
                        let item = self.item(name.get_ref(), colour, s);
                        self.layer.palette.push(item);
                    }
                }
            }
            ("styles", DeValue::Table(t)) => {
                for (name, style) in t {
                    self.style(name.get_ref(), style);
                }
            }
            ("ramp", DeValue::Table(t)) => {
                for (name, stops) in t {
                    self.ramp(name.get_ref(), stops);
                }
            }
            ("palette" | "styles" | "ramp", _) => self.warn(key, value, "expected a table", None),
            _ => {
                let nearest = text::nearest(key, TOP);
                self.warn(key, value, &format!("unknown key, expected one of {}", TOP.join(", ")), nearest);
            }
        }
    }

    fn style(&mut self, name: &str, value: &Value<'_>) {
        let Some(scope) = Scope::parse(name) else {
            let nearest = text::nearest(name, Scope::ALL.map(|(_, n)| n));
            return self.warn(name, value, "unknown scope", nearest);
        };
        let mut style = RawStyle::default();
        match value.get_ref() {
            DeValue::String(s) => style.fg = Some(s.to_string()),
            DeValue::Table(t) => {
                for (key, v) in t {
                    self.style_entry(&mut style, (name, key.get_ref()), v);
                }
            }
            _ => return self.warn(name, value, "expected a colour or a table with fg, bg, bold ...", None),
        }
        let item = self.item(name, value, style);
        self.layer.styles.push((scope, item));
    }

    fn style_entry(&mut self, style: &mut RawStyle, (scope, key): (&str, &str), value: &Value<'_>) {
        let path = format!("{scope}.{key}");
        match key {
            "fg" => style.fg = self.string(&path, value),
            "bg" => style.bg = self.string(&path, value),
            "bold" | "reverse" | "underline" | "dim" => match value.get_ref() {
                DeValue::Boolean(on) => style.modifier.set(modifier(key), *on),
                _ => self.warn(&path, value, "expected true or false", None),
            },
            _ => {
                let expected = format!("unknown key, expected one of {}", STYLE.join(", "));
                self.warn(&path, value, &expected, text::nearest(key, STYLE));
            }
        }
    }

    fn ramp(&mut self, name: &str, value: &Value<'_>) {
        let path = format!("ramp.{name}");
        if !RAMPS.contains(&name) {
            let expected = format!("unknown key, expected one of {}", RAMPS.join(", "));
            return self.warn(&path, value, &expected, text::nearest(name, RAMPS));
        }
        let DeValue::Array(list) = value.get_ref() else {
            return self.warn(&path, value, "expected a list of colours", None);
        };
        let stops: Vec<String> = list.iter().filter_map(|v| self.string(&path, v)).collect();
        if stops.len() == list.len() {
            let item = self.item(name, value, stops);
            self.layer.ramps.push(item);
        }
    }
}

fn modifier(key: &str) -> Modifier {
    match key {
        "bold" => Modifier::BOLD,
        "reverse" => Modifier::REVERSED,
        "underline" => Modifier::UNDERLINED,
        _ => Modifier::DIM,
    }
}
