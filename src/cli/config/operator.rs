//! Who operates, and where what is done is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::CliError;
use crate::cli::config::keys::Value;
use crate::cli::config::layer::Setting;
use crate::cli::files;
use crate::journal::store::FILE;
use crate::model::text;

/// Longest name of an operator, in characters.
const MAX_NAME: usize = 32;

/// The settings around operations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorSettings {
    /// Folder of the journal, where one is set.
    pub state: Option<PathBuf>,
    /// Every operation is refused.
    pub read_only: bool,
    /// The name that operations are kept under.
    pub name: Arc<str>,
}

impl OperatorSettings {
    /// Those of the merged settings.
    ///
    /// # Errors
    /// A name is given where the settings do not allow it, or it is none.
    pub(super) fn of(values: &BTreeMap<&'static str, Setting>) -> Result<Self, CliError> {
        let flag = |name| matches!(values.get(name).map(|s| &s.value), Some(Value::Flag(true)));
        let state = match values.get("state").map(|s| &s.value) {
            Some(Value::Path(dir)) => Some(dir.clone()),
            _ => None,
        };
        let name: Arc<str> = match values.get("operator") {
            Some(Setting { value: Value::Text(name), origin }) => {
                let name = name.trim();
                if !flag("allow_operator_names") {
                    let why = "names of operators are not allowed here (`allow_operator_names`)";
                    return Err(origin.error("operator", why).into());
                }
                if name.is_empty() || name.chars().count() > MAX_NAME {
                    let why = format!("expected a name of 1 to {MAX_NAME} characters");
                    return Err(origin.error("operator", &why).into());
                }
                name.into()
            }
            _ => user().into(),
        };
        Ok(Self { state, read_only: flag("read_only"), name })
    }

    /// The file of the journal: what is measured and what is only simulated are kept apart, where no
    /// folder is set.
    #[must_use]
    pub fn journal(&self, live: bool) -> PathBuf {
        match &self.state {
            Some(dir) => dir.join(FILE),
            None if live => files::state_dir().join(FILE),
            None => files::state_dir().join("simulated").join(FILE),
        }
    }

    /// The file of the journal of values that are played from a recording.
    #[must_use]
    pub fn replay_journal(&self) -> PathBuf {
        let folder = self.state.clone().unwrap_or_else(files::state_dir);
        folder.join("replayed").join(FILE)
    }

    /// The file of the journal for commands without sources: the one of live sources where there is
    /// one, else the simulated one.
    #[must_use]
    pub fn found_journal(&self) -> PathBuf {
        let live = self.journal(true);
        if live.exists() { live } else { self.journal(false) }
    }
}

/// The name of the user that runs this process, by its number: the environment says what it is told.
/// Where the machine's list does not have the number, what the environment says stands beside it.
fn user() -> String {
    let id = rustix::process::getuid().as_raw();
    let list = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&list, id).unwrap_or_else(|| {
        let said = std::env::var("LOGNAME").or_else(|_| std::env::var("USER")).unwrap_or_default();
        format!("{} (uid {id})", text::clean(&said)).trim_start().to_owned()
    })
}

/// The name of user `id` in a list like /etc/passwd.
fn named(list: &str, id: u32) -> Option<String> {
    let mut users = list.lines().map(|l| l.split(':'));
    users.find_map(|mut parts| {
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(id) && !name.is_empty()).then(|| text::clean(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Options, StateOptions};
    use crate::cli::config::{Surroundings, load_operator};

    fn load(config: &str, state: StateOptions) -> Result<OperatorSettings, String> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("config.toml"), config).expect("writable");
        let around = Surroundings { user: Some(dir.path().to_owned()), ..Surroundings::default() };
        let options = Options { state, ..Options::default() };
        load_operator(&options, &around).map_err(|e| e.report())
    }

    fn called(name: &str) -> StateOptions {
        StateOptions { operator: Some(name.into()), ..StateOptions::default() }
    }

    #[test]
    fn the_operator_is_the_user_unless_the_settings_allow_another_name() {
        let plain = load("", StateOptions::default()).expect("valid");
        assert_eq!((&*plain.name, plain.read_only), (user().as_str(), false));
        assert_eq!(plain.journal(true), files::state_dir().join("journal.sqlite"));
        assert_eq!(plain.journal(false), files::state_dir().join("simulated/journal.sqlite"));
        let e = load("", called("kari")).expect_err("not allowed");
        assert!(e.contains("allow_operator_names"), "{e}");
        let allowed = load("allow_operator_names = true", called("kari\u{1b}[2J")).expect("allowed");
        assert_eq!(&*allowed.name, "kari[2J", "clean");
        assert!(load("allow_operator_names = true", called(" ")).is_err());
        assert!(load("allow_operator_names = true", called(&"x".repeat(33))).is_err());
    }

    #[test]
    fn the_folder_comes_from_the_file_or_the_option() {
        let s = load("state = \"/srv/hw\"\nread_only = true\n", StateOptions::default()).expect("valid");
        assert_eq!((s.journal(false), s.read_only), (PathBuf::from("/srv/hw/journal.sqlite"), true));
        let state = StateOptions { state: Some("/tmp/x".into()), ..StateOptions::default() };
        let s = load("state = \"/srv/hw\"", state).expect("valid");
        assert_eq!(s.journal(true), PathBuf::from("/tmp/x/journal.sqlite"));
    }

    #[test]
    fn the_name_of_a_user_is_found_by_number() {
        let list = "root:x:0:0:root:/root:/bin/sh\nbad line\nkari:x:1000:1000::/home/kari:/bin/sh\n";
        assert_eq!((named(list, 1000).as_deref(), named(list, 0).as_deref()), (Some("kari"), Some("root")));
        assert_eq!(named(list, 7), None);
    }
}
