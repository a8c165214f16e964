//! Scenarios as people name them: a built-in one or a file, and when it starts.

pub mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::{CliError, files};
use crate::model::document;
use crate::model::text;
use crate::source::sim::scenario::{BUILT_IN, DEFAULT_START, MAX_BYTES, Plan, Scenario};

/// Which scenario is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScenarioName {
    /// The built-in one of this name.
    BuiltIn(String),
    /// A file.
    File(PathBuf),
}

impl ScenarioName {
    /// Reads `text`: a file when it has a `/` or ends in `.toml`, else the name of a built-in
    /// scenario.
    ///
    /// # Errors
    /// No built-in scenario is called so: names the nearest.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('/') || text.to_ascii_lowercase().ends_with(".toml") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        if names.contains(&text) {
            return Ok(Self::BuiltIn(text.to_owned()));
        }
        let hint = document::hint(text, &names);
        Err(format!("no scenario is called `{}`: {hint}; a file ends in .toml", text::clean(text)))
    }

    /// The same, with a relative path seen from another folder.
    #[must_use]
    pub fn seen_from(self, file: impl Fn(&str) -> PathBuf) -> Self {
        match self {
            Self::File(path) => Self::File(file(&path.to_string_lossy())),
            built_in @ Self::BuiltIn(_) => built_in,
        }
    }

    /// The name as an argument of `--scenario`.
    #[must_use]
    pub fn argument(&self) -> String {
        match self {
            Self::BuiltIn(name) => name.clone(),
            // Without a folder and an ending it would be taken for a built-in one.
            Self::File(path) if path.components().count() == 1 && !ends_in_toml(path) => {
                format!("./{}", path.display())
            }
            Self::File(path) => path.to_string_lossy().into_owned(),
        }
    }

    /// The scenario.
    ///
    /// # Errors
    /// The file cannot be read or is wrong.
    pub fn load(&self) -> Result<Scenario, CliError> {
        match self {
            Self::BuiltIn(name) => Scenario::built_in(name).map_err(CliError::Usage),
            Self::File(path) => {
                let text = files::read(path, MAX_BYTES as u64)?;
                Ok(Scenario::parse(&text, &path.to_string_lossy())?)
            }
        }
    }
}

fn ends_in_toml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"))
}

/// A scenario in the settings of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Which one.
    pub name: ScenarioName,
    /// Second at which it starts; the usual one when nothing was said.
    pub at: Option<u64>,
    /// The scenario itself, once it is read.
    pub scenario: Option<Arc<Scenario>>,
}

impl Script {
    /// The scenario of this name, not read yet.
    #[must_use]
    pub const fn new(name: ScenarioName) -> Self {
        Self { name, at: None, scenario: None }
    }

    /// Second at which it starts.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.at.unwrap_or(DEFAULT_START)
    }

    /// Reads the scenario.
    ///
    /// # Errors
    /// The file cannot be read or is wrong.
    pub fn load(&mut self) -> Result<(), CliError> {
        self.scenario = Some(Arc::new(self.name.load()?));
        Ok(())
    }
}

/// The plan of a simulation of `seed` with what `script` says.
#[must_use]
pub fn plan(seed: u64, script: Option<&Script>) -> Plan {
    let scenario = script.and_then(|s| Some((Arc::clone(s.scenario.as_ref()?), s.start())));
    Plan { seed, scenario }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_built_in_and_a_path_is_a_file() {
        assert_eq!(ScenarioName::parse("rack-leak"), Ok(ScenarioName::BuiltIn("rack-leak".into())));
        for path in ["leak.toml", "./leak", "/etc/leak.TOML"] {
            let name = ScenarioName::parse(path).expect("a path");
            assert_eq!((&name, name.argument().as_str()), (&ScenarioName::File(path.into()), path));
        }
        let e = ScenarioName::parse("rack-leek").expect_err("no such name");
        assert_eq!(e, "no scenario is called `rack-leek`: did you mean `rack-leak`?; a file ends in .toml");
        assert_eq!(ScenarioName::File("leak".into()).argument(), "./leak");
    }

    #[test]
    fn a_file_is_read_with_a_bound_and_its_mistakes_are_told() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("s.toml");
        let load = |text: &str| {
            std::fs::write(&path, text).expect("writable");
            ScenarioName::File(path.clone()).load().map_err(|e| e.report())
        };
        let good = BUILT_IN[0].1;
        assert_eq!(load(good).map(|s| s.name), Ok(BUILT_IN[0].0.to_owned()));
        let e = load(&good.replace("pump-trip", "pomp-trip")).expect_err("no such verb");
        assert!(e.contains("s.toml:") && e.contains("did you mean `pump-trip`?"), "{e}");
        assert!(load(&"#".repeat(MAX_BYTES + 1)).expect_err("too large").contains("larger than"));
        assert!(ScenarioName::File("/nowhere/s.toml".into()).load().is_err());
    }

    #[test]
    fn a_plan_starts_when_the_settings_say() {
        let mut script = Script::new(ScenarioName::BuiltIn("rack-leak".into()));
        assert_eq!(plan(3, Some(&script)), Plan::of_seed(3));
        script.load().expect("built in");
        script.at = Some(5);
        let (scenario, at) = plan(3, Some(&script)).scenario.expect("it is read");
        assert_eq!((scenario.name.as_str(), at), ("rack-leak", 5));
    }
}
