//! The flight recorder in the settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::config::keys::Value;
use crate::cli::config::layer::Setting;

/// Name of the recorder's folder beside the journal.
const FOLDER: &str = "recorder";

/// Whether the flight recorder runs in a console, and within which bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecorderSettings {
    /// `watch` records.
    pub on: bool,
    /// Bytes that all files together may have.
    pub budget: u64,
}

impl RecorderSettings {
    /// The settings of merged layers.
    pub(super) fn of(values: &BTreeMap<&'static str, Setting<Value>>) -> Self {
        let value = |name| values.get(name).map(|s| &s.value);
        let on = matches!(value("record"), Some(Value::Flag(true)));
        match value("recorder_budget") {
            Some(Value::Size(budget)) => Self { on, budget: *budget },
            _ => Self { on, budget: crate::record::flight::DEFAULT_BUDGET },
        }
    }
}

impl super::OperatorSettings {
    /// The folder of the flight recorder: beside the journal.
    #[must_use]
    pub fn recorder(&self, live: bool) -> PathBuf {
        self.journal(live).with_file_name(FOLDER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Options;
    use crate::cli::config::{Surroundings, load_in};

    fn load(config: &str) -> Result<RecorderSettings, String> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("config.toml"), config).expect("writable");
        let around = Surroundings { user: Some(dir.path().to_owned()), ..Surroundings::default() };
        load_in(&Options::default(), &around).map(|s| s.recorder).map_err(|e| e.report())
    }

    #[test]
    fn a_console_records_when_it_is_asked_to() {
        assert_eq!(load(""), Ok(RecorderSettings { on: false, budget: 8 << 30 }));
        let asked = load("record = true\nrecorder_budget = \"500MiB\"\n");
        assert_eq!(asked, Ok(RecorderSettings { on: true, budget: 500 << 20 }));
        let e = load("recorder_budget = \"1MiB\"\n").expect_err("too small");
        assert!(e.contains("at least 64MiB") && e.contains(":1"), "{e}");
    }
}
