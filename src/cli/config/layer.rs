//! One config file, parsed and checked: which keys it sets, and where in the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::config::alertmanager::AlertmanagerSpec;
use crate::cli::config::http::{self, HTTP_NAMES};
use crate::cli::config::keys::{
    ALERTMANAGER_KEYS, HTTP_KINDS, KEYS, Key, Kind, PLACE_KEYS, SOURCE_KEYS, Value, top_names,
};
use crate::cli::config::source::SourceSpec;
use crate::cli::scenario::ScenarioName;
use crate::model::document::{Document, FileError, unknown_key};
use crate::model::text;
use crate::model::topology::place::{Placer, RuleSpec};

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// On the command line or in the environment.
    Given,
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl Origin {
    /// An error about this setting, naming the place where it was made.
    #[must_use]
    pub fn error(&self, name: &str, message: &str) -> FileError {
        let what = format!("`{name}`: {message}");
        match self {
            Self::File { path, line } => FileError::new(&path.to_string_lossy(), Some(*line), what),
            Self::Given => FileError::new("command line", None, what),
            Self::Default => FileError::new("default settings", None, what),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Given => f.write_str("command line or environment"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A value with the place where it was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T = Value> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub origin: Origin,
}

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// Keys of the top.
    pub values: BTreeMap<&'static str, Setting>,
    /// Sources; `None` when the file has none.
    pub sources: Option<Vec<Setting<SourceSpec>>>,
    /// Rules; `None` when the file has none.
    pub places: Option<Vec<Setting<RuleSpec>>>,
    /// An Alertmanager; `None` when the file has none.
    pub alertmanager: Option<Setting<AlertmanagerSpec>>,
    /// Keys of actions.
    pub keys: BTreeMap<String, Setting<Vec<String>>>,
}

type Item<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

/// A table of the file on its way to checked values.
struct Reader<'a> {
    doc: Document<'a>,
    path: &'a Path,
}

/// Parses the config file `path` with the content `text`.
///
/// # Errors
/// The first mistake, with file, line, key, what was expected and the nearest valid name.
pub fn parse(text: &str, path: &Path) -> Result<Layer, FileError> {
    let file = path.to_string_lossy();
    let reader = Reader { doc: Document::new(text, &file), path };
    let table = DeTable::parse(text).map_err(|e| reader.doc.toml_error(&e))?;
    let mut layer = Layer::default();
    for item in in_order(table.get_ref()) {
        reader.top(item, &mut layer)?;
    }
    Ok(layer)
}

/// The entries of a table in the order of the file, so that the first mistake is told first.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Item<'a, 'i>> {
    let mut items: Vec<_> = table.iter().collect();
    items.sort_by_key(|(k, _)| k.span().start);
    items
}

impl Reader<'_> {
    fn origin(&self, at: std::ops::Range<usize>) -> Origin {
        Origin::File { path: self.path.to_owned(), line: self.doc.line_of(&at) }
    }

    fn top(&self, (name, value): Item<'_, '_>, layer: &mut Layer) -> Result<(), FileError> {
        match name.get_ref().as_ref() {
            "source" => {
                let tables = self.tables(name.get_ref(), value)?;
                layer.sources = Some(tables.into_iter().map(|t| self.source(t)).collect::<Result<_, _>>()?);
            }
            "place" => {
                let tables = self.tables(name.get_ref(), value)?;
                layer.places = Some(tables.into_iter().map(|t| self.place(t)).collect::<Result<_, _>>()?);
            }
            "alertmanager" => layer.alertmanager = Some(self.alertmanager((name.span(), value))?),
            "keys" => self.key_bindings(value, layer)?,
            _ => {
                let key = KEYS
                    .iter()
                    .find(|k| k.name == name.get_ref())
                    .ok_or_else(|| self.doc.error(name.span(), unknown_key(name.get_ref(), &top_names())))?;
                let setting = Setting { value: self.value(key, value)?, origin: self.origin(name.span()) };
                layer.values.insert(key.name, setting);
            }
        }
        Ok(())
    }

    /// The checked value of `key`.
    fn value(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<Value, FileError> {
        let wrong = |m: String| self.doc.error(value.span(), format!("`{}`: {m}", key.name));
        match (key.kind, value.get_ref()) {
            (Kind::Path, DeValue::String(s)) => Ok(Value::Path(self.beside(s))),
            (Kind::Paths, DeValue::String(_) | DeValue::Array(_)) => {
                let paths = self.texts(key, value)?;
                Ok(Value::Paths(paths.iter().map(|p| self.beside(p)).collect()))
            }
            (Kind::Scenario, DeValue::String(s)) => {
                let name = ScenarioName::parse(s).map_err(wrong)?;
                Ok(Value::Scenario(name.seen_from(|p| self.beside(p))))
            }
            (kind, DeValue::String(s)) => Value::read(kind, s).map_err(wrong),
            (Kind::Flag, DeValue::Boolean(b)) => Ok(Value::Flag(*b)),
            (Kind::Count, DeValue::Integer(n)) => {
                let parsed = u64::from_str_radix(n.as_str(), n.radix());
                parsed.map(Value::Count).map_err(|_| wrong(format!("expected {}", key.kind.expected())))
            }
            (Kind::Speed, DeValue::Integer(_) | DeValue::Float(_)) => {
                let text = self.doc.text.get(value.span()).unwrap_or_default();
                crate::cli::units::speed(text).map(Value::Speed).map_err(wrong)
            }
            (Kind::Texts, DeValue::Array(_)) => self.texts(key, value).map(Value::Texts),
            (kind, other) => Err(wrong(format!("expected {}, found {}", kind.expected(), words_of(other)))),
        }
    }

    fn texts(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, FileError> {
        self.strings(key.name, key.kind, value)
    }

    /// A string or a list of strings, as `kind` expects it.
    fn strings(
        &self,
        name: &str,
        kind: Kind,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<String>, FileError> {
        let wrong = |at: std::ops::Range<usize>, found: &DeValue<'_>| {
            let name = text::clean(name);
            self.doc.error(at, format!("`{name}`: expected {}, found {}", kind.expected(), words_of(found)))
        };
        match value.get_ref() {
            DeValue::String(s) => Ok(vec![s.to_string()]),
            DeValue::Array(list) => list
                .iter()
                .map(|v| v.get_ref().as_str().map(str::to_owned).ok_or_else(|| wrong(v.span(), v.get_ref())))
                .collect(),
            other => Err(wrong(value.span(), other)),
        }
    }

    fn tables<'v, 'i>(
        &self,
        name: &str,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Result<Vec<(std::ops::Range<usize>, &'v DeTable<'i>)>, FileError> {
        let wrong = |at| self.doc.error(at, format!("`{name}`: expected tables [[{name}]]"));
        let list = value.get_ref().as_array().ok_or_else(|| wrong(value.span()))?;
        list.iter().map(|v| Ok((v.span(), v.get_ref().as_table().ok_or_else(|| wrong(v.span()))?))).collect()
    }

    /// All keys of one table, checked against `keys`; `others` are read elsewhere.
    fn entries(
        &self,
        table: &DeTable<'_>,
        keys: &[Key],
        others: &[&str],
    ) -> Result<BTreeMap<&'static str, (Value, std::ops::Range<usize>)>, FileError> {
        let names: Vec<&str> = keys.iter().map(|k| k.name).chain(others.iter().copied()).collect();
        let mut out = BTreeMap::new();
        for (name, value) in in_order(table) {
            if others.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let key = keys
                .iter()
                .find(|k| k.name == name.get_ref())
                .ok_or_else(|| self.doc.error(name.span(), unknown_key(name.get_ref(), &names)))?;
            out.insert(key.name, (self.value(key, value)?, value.span()));
        }
        Ok(out)
    }

    fn source(
        &self,
        (at, table): (std::ops::Range<usize>, &DeTable<'_>),
    ) -> Result<Setting<SourceSpec>, FileError> {
        let values = self.entries(table, SOURCE_KEYS, &HTTP_NAMES)?;
        let mut spec = SourceSpec::from_table(&values, |p| self.beside(p))
            .map_err(|(place, m)| self.doc.error(place.unwrap_or_else(|| at.clone()), m))?;
        if let Some((http, place)) = http::read(self.doc, table, |p| self.beside(p))? {
            let kinds = HTTP_KINDS.join(", ");
            let none =
                || self.doc.error(place.clone(), format!("only sources that speak HTTP log in: {kinds}"));
            if http.server.is_some() && !matches!(spec, SourceSpec::RemoteWrite(_)) {
                let m = "`tls_server_config` is for sources that listen: remote_write";
                return Err(self.doc.error(place, m));
            }
            *spec.http_mut().ok_or_else(none)? = http;
        }
        Ok(Setting { value: spec, origin: self.origin(at) })
    }

    fn place(
        &self,
        (at, table): (std::ops::Range<usize>, &DeTable<'_>),
    ) -> Result<Setting<RuleSpec>, FileError> {
        let values = self.entries(table, PLACE_KEYS, &[])?;
        let text = |name: &str| match values.get(name) {
            Some((Value::Text(t), _)) => Ok(t.clone()),
            _ => Err(self.doc.error(at.clone(), format!("[[place]] has no `{name}`"))),
        };
        let label = text("label")?;
        // The expression is taken as it stands: it is compiled, never shown uncleaned.
        let regex = table
            .iter()
            .find(|(k, _)| k.get_ref() == "regex")
            .and_then(|(_, v)| v.get_ref().as_str())
            .ok_or_else(|| self.doc.error(at.clone(), "[[place]] has no `regex`"))?;
        let rule = RuleSpec { label, regex: regex.to_owned() };
        let regex_at = values.get("regex").map_or_else(|| at.clone(), |(_, span)| span.clone());
        Placer::new(std::slice::from_ref(&rule)).map_err(|m| self.doc.error(regex_at, one_line(&m)))?;
        Ok(Setting { value: rule, origin: self.origin(at) })
    }

    fn alertmanager(
        &self,
        (at, value): (std::ops::Range<usize>, &Spanned<DeValue<'_>>),
    ) -> Result<Setting<AlertmanagerSpec>, FileError> {
        let wrong = || self.doc.error(value.span(), "`alertmanager`: expected the table [alertmanager]");
        let values = self.entries(value.get_ref().as_table().ok_or_else(wrong)?, ALERTMANAGER_KEYS, &[])?;
        let spec = AlertmanagerSpec::from_table(&values)
            .map_err(|(place, m)| self.doc.error(place.unwrap_or_else(|| at.clone()), m))?;
        Ok(Setting { value: spec, origin: self.origin(at) })
    }

    fn key_bindings(&self, value: &Spanned<DeValue<'_>>, layer: &mut Layer) -> Result<(), FileError> {
        let table = value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.doc.error(value.span(), "`keys`: expected the table [keys]"))?;
        for (name, keys) in in_order(table) {
            let keys = self.strings(name.get_ref(), Kind::Texts, keys)?;
            let setting = Setting { value: keys, origin: self.origin(name.span()) };
            layer.keys.insert(text::clean(name.get_ref()), setting);
        }
        Ok(())
    }

    /// `path` as seen from the folder of the config file.
    fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// The message of a rule in one line: of a broken expression only what is wrong with it.
fn one_line(message: &str) -> String {
    let short = match (message.split_once("regex parse error:"), message.rsplit_once("error: ")) {
        (Some((rule, _)), Some((_, what))) => format!("{rule}{what}"),
        _ => message.to_owned(),
    };
    short.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> Layer {
        parse(text, Path::new("/etc/hallwatch/config.toml")).expect("valid")
    }

    fn error(text: &str) -> String {
        parse(text, Path::new("c.toml")).expect_err("broken on purpose").to_string()
    }

    #[test]
    fn values_keep_the_line_that_set_them() {
        let l = layer("# a comment\ntheme = \"light\"\n\nhistory = \"1GiB\"\n");
        assert_eq!(l.values["theme"].value, Value::Text("light".into()));
        assert_eq!(l.values["history"].value, Value::Size(1 << 30));
        assert_eq!(l.values["history"].origin.to_string(), "/etc/hallwatch/config.toml:4");
    }

    #[test]
    fn relative_paths_are_beside_the_file() {
        let l = layer("topology = \"site.toml\"\ninventory = \"/data/inv.csv\"\n");
        assert_eq!(l.values["topology"].value, Value::Path("/etc/hallwatch/site.toml".into()));
        assert_eq!(l.values["inventory"].value, Value::Path("/data/inv.csv".into()));
    }

    #[test]
    fn sources_rules_and_keys_are_read() {
        let l = layer(
            "[[source]]\nkind = \"sim\"\nseed = 7\nspeed = 10\n[[source]]\nkind = \"local\"\n\
             [[place]]\nlabel = \"host\"\nregex = '(?<rack>r\\d+).*'\n\
             [keys]\nquit = \"q\"\nhelp = [\"?\", \"f1\"]\n",
        );
        let sources: Vec<_> = l.sources.expect("two sources").into_iter().map(|s| s.value).collect();
        assert_eq!(sources, [SourceSpec::Sim { seed: 7, speed: 10.0, script: None }, SourceSpec::Local]);
        assert_eq!(l.places.expect("one rule")[0].value.regex, "(?<rack>r\\d+).*");
        assert_eq!(l.keys["help"].value, ["?", "f1"]);
        assert_eq!(l.keys["quit"].value, ["q"]);
    }

    #[test]
    fn the_first_mistake_of_the_file_is_told() {
        let e = error("theme = 5\nhistory = 5\n");
        assert_eq!(e, "c.toml:1: `theme`: expected a string, found an integer");
    }

    #[test]
    fn keys_of_tables_are_checked() {
        assert_eq!(
            error("[[source]]\nkind = \"sim\"\nsead = 1\n"),
            "c.toml:3: unknown key `sead`: did you mean `seed`?"
        );
        assert_eq!(error("[[place]]\nlabel = \"host\"\n"), "c.toml:1: [[place]] has no `regex`");
        assert_eq!(error("[source]\nkind = \"sim\"\n"), "c.toml:1: `source`: expected tables [[source]]");
        assert_eq!(
            error("[keys]\nquit = 5\n"),
            "c.toml:2: `quit`: expected a string or a list of strings, found an integer"
        );
    }

    #[test]
    fn a_rule_that_cannot_be_compiled_is_told_with_its_line() {
        let e = error("[[place]]\nlabel = \"host\"\nregex = '(?<hall>'\n");
        assert_eq!(e, "c.toml:3: place rule on `host`: unclosed group");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "([a-z]{1,9} = ?[\"0-9a-z\\[\\]{}.'-]{0,9}\n|\\[\\[?(source|place|keys)\\]?\\]\n|\\PC{0,9}\n){0,8}") {
            if let Err(e) = parse(&text, Path::new("c.toml")) {
                proptest::prop_assert!(e.to_string().starts_with("c.toml"), "{e}");
            }
        }
    }
}
