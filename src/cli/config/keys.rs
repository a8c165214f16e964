//! Every key of the config file, declared once with its kind, default and meaning. The parser, the
//! printed template, docs/config.md and the hints for wrong keys all read this table.

mod alertmanager;
mod http;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::args::ColorChoice;
use crate::cli::scenario::ScenarioName;
use crate::cli::units;
use crate::model::document;

pub use alertmanager::ALERTMANAGER_KEYS;
pub use http::{AUTHORIZATION_KEYS, BASIC_AUTH_KEYS, TLS_KEYS, TLS_SERVER_KEYS};
pub use source::{HTTP_KINDS, SOURCE_KEYS, SOURCE_KINDS, source_has};

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any words.
    Text,
    /// A file; a relative one is looked for beside the config file.
    Path,
    /// A file or a list of them; relative ones are looked for beside the config file.
    Paths,
    /// Bytes of history: `"512MiB"`.
    Size,
    /// Bytes on disk: `"8GiB"`.
    Disk,
    /// A polling interval: `"15s"`.
    Interval,
    /// A timeout: `"5s"`.
    Timeout,
    /// `"auto"`, `"always"` or `"never"`.
    Color,
    /// `true` or `false`.
    Flag,
    /// A whole number from 0.
    Count,
    /// A factor.
    Speed,
    /// A scenario: a built-in one or a file.
    Scenario,
    /// When a scenario starts.
    Start,
    /// How much of the past: `"1h"`.
    Backfill,
    /// A name of a kind of source.
    SourceKind,
    /// A string or a list of strings.
    Texts,
}

impl Kind {
    /// What is expected, in words.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Path => "a path as a string",
            Self::Paths => "a path or a list of paths",
            Self::Disk => "a size such as \"8GiB\"",
            Self::Size => "a size such as \"512MiB\"",
            Self::Interval | Self::Timeout => "a duration such as \"15s\"",
            Self::Color => "\"auto\", \"always\" or \"never\"",
            Self::Flag => "true or false",
            Self::Count => "a whole number from 0",
            Self::Speed => "a number above 0",
            Self::Scenario => "the name of a scenario or a file",
            Self::Start => "a time such as \"60s\"",
            Self::SourceKind => "a kind of source such as \"scrape\"",
            Self::Backfill => "a time such as \"1h\"",
            Self::Texts => "a string or a list of strings",
        }
    }
}

/// A value that passed its check.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A file.
    Path(PathBuf),
    /// Several files.
    Paths(Vec<PathBuf>),
    /// Bytes.
    Size(u64),
    /// A duration.
    Time(Duration),
    /// When to use colours.
    Color(ColorChoice),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// A factor.
    Speed(f64),
    /// Several words.
    Texts(Vec<String>),
    /// A scenario.
    Scenario(ScenarioName),
}

impl Value {
    /// Reads the text of a key of `kind`.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn read(kind: Kind, text: &str) -> Result<Self, String> {
        let clean = || crate::model::text::clean(text);
        match kind {
            Kind::Text => Ok(Self::Text(clean())),
            Kind::Path => Ok(Self::Path(PathBuf::from(text))),
            Kind::Paths => Ok(Self::Paths(vec![PathBuf::from(text)])),
            Kind::Size => units::history(text).map(Self::Size),
            Kind::Disk => units::disk(text).map(Self::Size),
            Kind::Interval => units::interval(text).map(Self::Time),
            Kind::Timeout => units::timeout(text).map(Self::Time),
            Kind::Color => ColorChoice::from_str(text, false).map(Self::Color).map_err(|_| {
                format!("`{}`: {}", clean(), document::hint(text, &["auto", "always", "never"]))
            }),
            Kind::Scenario => ScenarioName::parse(text).map(Self::Scenario),
            Kind::Start => units::scenario_start(text).map(|s| Self::Time(Duration::from_secs(s))),
            Kind::Backfill => units::backfill(text).map(Self::Time),
            Kind::SourceKind if SOURCE_KINDS.contains(&text) => Ok(Self::Text(text.to_owned())),
            Kind::SourceKind => Err(format!("`{}`: {}", clean(), document::hint(text, &SOURCE_KINDS))),
            Kind::Texts => Ok(Self::Texts(vec![text.to_owned()])),
            Kind::Flag | Kind::Count | Kind::Speed => {
                Err(format!("expected {}, found a string", kind.expected()))
            }
        }
    }

    /// The value as it stands in a TOML file.
    #[must_use]
    pub fn toml(&self) -> String {
        let quote = |s: &str| toml::Value::String(s.to_owned()).to_string();
        let list = |all: Vec<String>| format!("[{}]", all.join(", "));
        match self {
            Self::Text(t) => quote(t),
            Self::Path(p) => quote(&p.to_string_lossy()),
            Self::Size(b) => quote(&units::show_size(*b)),
            Self::Time(d) => quote(&units::show_duration(*d)),
            Self::Color(c) => quote(&format!("{c:?}").to_lowercase()),
            Self::Flag(f) => f.to_string(),
            Self::Count(n) => n.to_string(),
            Self::Speed(x) => format!("{x:?}"),
            Self::Scenario(name) => quote(&name.argument()),
            Self::Texts(t) => list(t.iter().map(|s| quote(s)).collect()),
            Self::Paths(p) => list(p.iter().map(|p| quote(&p.to_string_lossy())).collect()),
        }
    }
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is not given, in the spelling of the file; empty for nothing.
    pub default: &'static str,
    /// The option of the command line that goes before it; empty for none.
    pub option: &'static str,
    /// What it means.
    pub doc: &'static str,
}

impl Key {
    /// The variable of the environment that goes before the file: the name of the option. Only keys
    /// with an option have one.
    #[must_use]
    pub fn env(&self) -> String {
        let name = self.option.trim_start_matches('-').replace('-', "_").to_uppercase();
        format!("HALLWATCH_{name}")
    }
}

const fn key(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    option: &'static str,
    doc: &'static str,
) -> Key {
    Key { name, kind, default, option, doc }
}

/// The keys at the top of the file.
pub const KEYS: &[Key] = &[
    key(
        "theme",
        Kind::Text,
        "\"default\"",
        "--theme",
        "Colour theme: a built-in one, or a file themes/NAME.toml beside this file.",
    ),
    key(
        "color",
        Kind::Color,
        "\"auto\"",
        "--color",
        "When to use colours. The variable NO_COLOR goes before this file, --color goes before both.",
    ),
    key("ascii", Kind::Flag, "false", "--ascii", "Draw with ASCII characters alone."),
    key(
        "mouse",
        Kind::Flag,
        "true",
        "--no-mouse",
        "Take mouse events; without, the terminal selects text as usual.",
    ),
    key(
        "probe",
        Kind::Flag,
        "true",
        "--no-probe",
        "Ask the terminal for an answer after each frame, so that a slow link stays current; without, frames are paced by time alone.",
    ),
    key(
        "history",
        Kind::Size,
        "\"512MiB\"",
        "--history",
        "Memory for the past: every frame, and the coarser tiers behind it; 1MiB to 1024GiB.",
    ),
    key(
        "record",
        Kind::Flag,
        "false",
        "--record",
        "Run the flight recorder in `watch`, beside the journal; `serve` and `record` always do.",
    ),
    key(
        "recorder_budget",
        Kind::Disk,
        "\"8GiB\"",
        "--recorder-budget",
        "Disk space of the flight recorder; the oldest recordings go first, marked incidents stay; 64MiB to 1024GiB.",
    ),
    key(
        "topology",
        Kind::Path,
        "",
        "--topology",
        "The site: halls, rows, racks, trays (docs/topology.md). Without it: the built-in site when simulating, else what the hosts show.",
    ),
    key(
        "inventory",
        Kind::Path,
        "",
        "--inventory",
        "Where hosts stand: CSV with the header host,hall,row,rack,tray. It goes before the rules.",
    ),
    key(
        "interval",
        Kind::Interval,
        "\"15s\"",
        "--interval",
        "Time between two polls of a live source, 1s to 1h. Values older than three intervals are stale, older than ten lost.",
    ),
    key("timeout", Kind::Timeout, "\"5s\"", "--timeout", "Time after which a poll is given up, 100ms to 5m."),
    key(
        "state",
        Kind::Path,
        "",
        "--state",
        "Folder of the journal, in which alarms and operations are kept; consoles with the same folder share one journal. Without it: `$XDG_STATE_HOME/hallwatch`, mostly `~/.local/state/hallwatch`.",
    ),
    key(
        "alarm_rules",
        Kind::Paths,
        "",
        "--alarm-rules",
        "Files with alarm rules of the site, which change the built-in ones or add to them (docs/alarms.md); each goes before those in front of it. The variable holds one file.",
    ),
    key(
        "read_only",
        Kind::Flag,
        "false",
        "--read-only",
        "Only look: every operation on an alarm is refused.",
    ),
    key(
        "operator",
        Kind::Text,
        "",
        "--operator",
        "Name that operations are kept under; only with `allow_operator_names`. Without it: the name of the user.",
    ),
    key(
        "allow_operator_names",
        Kind::Flag,
        "false",
        "",
        "Operators may give a name of their own: for accounts that several people share.",
    ),
];

/// The keys of a `[[place]]`.
pub const PLACE_KEYS: &[Key] = &[
    key("label", Kind::Text, "", "", "The label to look at: one of the target list, `host`, or `hostname`."),
    key(
        "regex",
        Kind::Text,
        "",
        "",
        "A regular expression over the whole label with some of the named groups hall, row, rack, tray.",
    ),
];

/// A group of keys with a table of its own.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its header: `[[source]]`.
    pub header: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its keys; empty where the names are free.
    pub keys: &'static [Key],
    /// Lines that show how it is used.
    pub example: &'static str,
}

/// The tables below the top.
pub const SECTIONS: &[Section] = &[
    Section {
        header: "[[source]]",
        doc: "A source of values; may be repeated. Sources on the command line replace all of these. Without any: the simulator.",
        keys: SOURCE_KEYS,
        example: "[[source]]\nkind = \"scrape\"\ntargets = [\"targets.json\", \"http://node7:9400/metrics\"]\n",
    },
    http::AUTHORIZATION,
    http::BASIC_AUTH,
    http::TLS,
    http::TLS_SERVER,
    http::HEADERS,
    Section {
        header: "[[place]]",
        doc: "A rule that places live hosts; may be repeated, the first match wins. Hosts that match nothing go to the hall \"unplaced\".",
        keys: PLACE_KEYS,
        example: "[[place]]\nlabel = \"hostname\"\nregex = 'kvd-(?<hall>h\\d+)-(?<row>r\\d+)-(?<rack>k\\d+)-(?<tray>t\\d+)'\n",
    },
    Section {
        header: "[alertmanager]",
        doc: "An Alertmanager, both ways (docs/alertmanager.md). Without this table there is none.",
        keys: ALERTMANAGER_KEYS,
        example: "[alertmanager]\nurls = [\"http://alert1:9093\", \"http://alert2:9093\"]\npost = true\nmirror_acknowledgements = true\n",
    },
    Section {
        header: "[keys]",
        doc: "Other keys for actions: the name of an action and a key or a list of keys.",
        keys: &[],
        example: "[keys]\nquit = [\"q\", \"ctrl-q\"]\n",
    },
];

/// The names that may stand at the top of the file: keys and tables.
#[must_use]
pub fn top_names() -> Vec<&'static str> {
    let tables = SECTIONS.iter().map(|s| s.header.trim_matches(['[', ']'])).filter(|n| !n.contains('.'));
    KEYS.iter().map(|k| k.name).chain(tables).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Args;
    use clap::CommandFactory;

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for key in KEYS.iter().chain(SOURCE_KEYS).chain(ALERTMANAGER_KEYS).filter(|k| !k.default.is_empty()) {
            let text = format!("{} = {}\n", key.name, key.default);
            let table: toml::Table = toml::from_str(&text).expect(key.name);
            if let Some(s) = table[key.name].as_str() {
                let value = Value::read(key.kind, s).expect(key.name);
                assert_eq!(value.toml(), key.default, "{}", key.name);
            }
        }
    }

    #[test]
    fn options_and_variables_of_the_table_exist() {
        let command = Args::command();
        for key in KEYS.iter().filter(|k| !k.option.is_empty()) {
            let id = key.option.trim_start_matches('-');
            let arg = command.get_arguments().find(|a| a.get_long() == Some(id)).expect(key.name);
            let env = arg.get_env().and_then(std::ffi::OsStr::to_str);
            assert_eq!(env, Some(key.env().as_str()), "{}", key.name);
        }
    }

    #[test]
    fn wrong_words_are_answered_with_the_nearest() {
        let e = Value::read(Kind::SourceKind, "scrap").expect_err("no such kind");
        assert_eq!(e, "`scrap`: did you mean `scrape`?");
        let e = Value::read(Kind::Color, "red").expect_err("no such choice");
        assert!(e.contains("auto, always, never"), "{e}");
    }
}
