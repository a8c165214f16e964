//! Reading keys: the embedded default file, sequences, and what can be wrong with them.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::model::text;
use crate::ui::action::{Action, Views};
use crate::ui::key::{Key, KeyError};

/// The default keys.
pub const DEFAULT: &str = include_str!("../keys.toml");

/// Longest sequence of keys.
pub const MAX_KEYS: usize = 4;

/// Keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeymapError {
    /// No action has this id.
    #[error("{0}")]
    Action(#[from] crate::ui::action::UnknownAction),
    /// A key that does not exist.
    #[error("keys of `{action}`: {error}{hint}")]
    Key {
        /// The action whose keys these are.
        action: &'static str,
        /// What is wrong with the key.
        error: KeyError,
        /// How sequences are written, where one was probably meant.
        hint: String,
    },
    /// No key, or too many in one sequence.
    #[error(
        "keys of `{action}`: `{keys}` has {count} keys: a sequence has 1 to {MAX_KEYS}, with spaces between"
    )]
    Length {
        /// The action whose keys these are.
        action: &'static str,
        /// What was written, cleaned.
        keys: String,
        /// How many keys it has.
        count: usize,
    },
    /// One sequence for two actions.
    #[error("`{keys}` is given to both `{first}` and `{second}`")]
    Conflict {
        /// The sequence.
        keys: String,
        /// The action that has it.
        first: &'static str,
        /// The action that wants it.
        second: &'static str,
    },
    /// The default file is not what it should be.
    #[error("default keys: {0}")]
    Default(String),
}

/// One way to an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// The keys, one after the other.
    pub keys: Vec<Key>,
    /// Where it is bound.
    pub views: Views,
    /// True when the user's file said so.
    pub changed: bool,
}

/// The keys of `written`, which belong to `action`.
///
/// # Errors
/// Unknown keys, no keys, too many keys.
pub fn sequence(action: Action, written: &str) -> Result<Vec<Key>, KeymapError> {
    let id = action.spec().id;
    let keys: Result<Vec<Key>, KeyError> = written.split_whitespace().map(str::parse).collect();
    let keys = keys.map_err(|error| KeymapError::Key { action: id, error, hint: spaced(written) })?;
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err(KeymapError::Length { action: id, keys: text::clean(written), count: keys.len() });
    }
    Ok(keys)
}

/// `gg` was probably meant as a sequence.
fn spaced(written: &str) -> String {
    let short = written.chars().count() <= 3 && written.chars().all(char::is_alphanumeric);
    if !short {
        return String::new();
    }
    let letters: Vec<String> = written.chars().map(String::from).collect();
    format!(" (a sequence is written with spaces: `{}`)", letters.join(" "))
}

/// The sequence as help and hints write it: `gg`, `C-p`, `g Left`.
#[must_use]
pub fn display(keys: &[Key]) -> String {
    let names: Vec<String> = keys.iter().map(Key::to_string).collect();
    let plain = names.iter().all(|n| n.chars().count() == 1);
    names.join(if plain { "" } else { " " })
}

/// What the keys after these have in common.
pub(super) type Label = (Vec<Key>, String);

/// Bindings and labels of a keys file in the form of the default one.
pub(super) fn defaults(file: &str) -> Result<(Vec<Binding>, Vec<Label>), KeymapError> {
    type Section = BTreeMap<String, toml::Value>;
    let sections: BTreeMap<String, Section> =
        toml::from_str(file).map_err(|e| KeymapError::Default(e.to_string()))?;
    let mut bindings = Vec::new();
    let mut labels = Vec::new();
    for (name, section) in &sections {
        let views = match name.as_str() {
            "all" => Views::ALL,
            "maps" => Views::MAPS,
            "lists" => Views::LISTS,
            "labels" => {
                for (keys, label) in section {
                    let label = label.as_str().unwrap_or_default().to_owned();
                    labels.push((sequence(Action::Help, keys)?, label));
                }
                continue;
            }
            other => return Err(KeymapError::Default(format!("unknown section `{other}`"))),
        };
        for (id, keys) in section {
            let action = Action::parse(id)?;
            for written in keys.as_array().into_iter().flatten().filter_map(toml::Value::as_str) {
                let views = views.and(action.spec().views);
                bindings.push(Binding { action, keys: sequence(action, written)?, views, changed: false });
            }
        }
    }
    // Stable: the first key of an action stays the first one shown.
    bindings.sort_by_key(|b| b.action);
    Ok((bindings, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_complete_and_right() {
        let (bindings, labels) = defaults(DEFAULT).expect("the embedded file is valid");
        for action in Action::ALL {
            assert!(bindings.iter().any(|b| b.action == *action), "{} has no key", action.spec().id);
        }
        assert!(bindings.iter().all(|b| !b.views.is_empty()));
        assert_eq!(labels.len(), 1);
    }

    #[test]
    fn sequences_are_written_with_spaces_and_the_error_says_so() {
        assert_eq!(sequence(Action::First, "g g").map(|k| display(&k)), Ok("gg".into()));
        assert_eq!(sequence(Action::First, "g Left").map(|k| display(&k)), Ok("g Left".into()));
        let e = sequence(Action::First, "gg").expect_err("one word, no key");
        assert!(e.to_string().contains("`g g`"), "{e}");
    }

    #[test]
    fn a_wrong_key_names_action_and_nearest_key() {
        let e = sequence(Action::Open, "Entr").expect_err("no key").to_string();
        assert!(e.contains("`open`") && e.contains("`Enter`"), "{e}");
        assert!(sequence(Action::Open, " ").is_err());
        assert!(sequence(Action::Open, "a b c d e").is_err());
    }

    #[test]
    fn an_unknown_section_is_named() {
        let e = defaults("[mops]\nhelp = [\"?\"]").expect_err("no such section").to_string();
        assert!(e.contains("mops"), "{e}");
    }
}
