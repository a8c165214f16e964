//! The keymap: which keys mean which action in which view. Help, footer, palette and README are
//! written from the live map, so what they say is true.

pub mod parse;
pub mod trie;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ui::action::{Action, Group, ViewKind, Views};
use crate::ui::key::Key;

pub use parse::{Binding, KeymapError, display};
pub use trie::{Found, KeyTrie, Step};

/// The keys of all views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    bindings: Vec<Binding>,
    tries: [KeyTrie; ViewKind::ALL.len()],
    /// Default keys that gave way to the user's: the sequence and the action that lost it.
    shadowed: Vec<(String, Action)>,
}

impl Keymap {
    /// The default keys.
    #[must_use]
    pub fn defaults() -> Self {
        Self::new(&BTreeMap::new()).expect("the embedded keys are tested")
    }

    /// The default keys with the user's over them: action id → all keys of that action. A default
    /// key that the user gives to another action is no longer bound to its own.
    ///
    /// # Errors
    /// Everything that is wrong with the user's keys, each naming the nearest action or key.
    pub fn new(overrides: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<KeymapError>> {
        let (mut bindings, labels) = parse::defaults(parse::DEFAULT).map_err(|e| vec![e])?;
        let mut errors = Vec::new();
        let mut own = Vec::new();
        for (id, keys) in overrides {
            match Action::parse(id) {
                Ok(action) => {
                    bindings.retain(|b| b.action != action);
                    read(action, keys, &mut own, &mut errors);
                }
                Err(e) => errors.push(e.into()),
            }
        }
        let mut map = Self { bindings: Vec::new(), tries: Default::default(), shadowed: Vec::new() };
        for binding in own {
            if let Err(e) = map.bind(binding) {
                errors.push(e);
            }
        }
        for binding in bindings {
            let (keys, action) = (display(&binding.keys), binding.action);
            match map.bind(binding) {
                Ok(()) => {}
                Err(_) if !overrides.is_empty() => map.shadowed.push((keys, action)),
                Err(e) => errors.push(e),
            }
        }
        map.bindings.sort_by_key(|b| b.action);
        for trie in &mut map.tries {
            labels.iter().for_each(|(keys, label)| trie.label(keys, label));
        }
        if errors.is_empty() { Ok(map) } else { Err(errors) }
    }

    fn bind(&mut self, binding: Binding) -> Result<(), KeymapError> {
        for view in binding.views.iter() {
            self.tries[view as usize].insert(&binding.keys, binding.action).map_err(|other| {
                KeymapError::Conflict {
                    keys: display(&binding.keys),
                    first: other.spec().id,
                    second: binding.action.spec().id,
                }
            })?;
        }
        self.bindings.push(binding);
        Ok(())
    }

    /// What `keys` mean in `view`.
    #[must_use]
    pub fn find(&self, view: ViewKind, keys: &[Key]) -> Found<'_> {
        self.tries[view as usize].find(keys)
    }

    /// All bindings, by action.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// Default keys that gave way to the user's.
    #[must_use]
    pub fn shadowed(&self) -> &[(String, Action)] {
        &self.shadowed
    }

    /// The keys of an action in a view, as they are written, best first.
    #[must_use]
    pub fn keys_of(&self, action: Action, view: ViewKind) -> Vec<String> {
        let of = |b: &&Binding| b.action == action && b.views.contains(view);
        self.bindings.iter().filter(of).map(|b| display(&b.keys)).collect()
    }

    /// The first key of an action in a view; `None` when it has none there.
    #[must_use]
    pub fn key_of(&self, action: Action, view: ViewKind) -> Option<String> {
        self.keys_of(action, view).into_iter().next()
    }

    /// All keys of an action, each with the views it is bound in when that is not all of them.
    #[must_use]
    pub fn all_keys_of(&self, action: Action) -> Vec<(String, Views)> {
        self.bindings.iter().filter(|b| b.action == action).map(|b| (display(&b.keys), b.views)).collect()
    }

    /// True when the user's file changed the keys of the action.
    #[must_use]
    pub fn is_changed(&self, action: Action) -> bool {
        self.bindings.iter().any(|b| b.action == action && b.changed)
            || self.shadowed.iter().any(|(_, a)| *a == action)
    }

    /// The keys as a table in Markdown, by group: for README and manual.
    #[must_use]
    pub fn markdown_table(&self) -> String {
        let mut out = String::from("| keys | action | what it does |\n|---|---|---|\n");
        for group in Group::ALL {
            for action in Action::ALL.iter().filter(|a| a.spec().group == group) {
                let keys = self.all_keys_of(*action).into_iter().map(|(k, _)| code(&k));
                let keys = keys.collect::<Vec<_>>().join(" ");
                let spec = action.spec();
                let _ = writeln!(out, "| {keys} | `{}` | {} |", spec.id, spec.doc);
            }
        }
        out
    }
}

/// `key` as code in a cell of a table.
fn code(key: &str) -> String {
    match key {
        "|" => "`\\|`".to_owned(),
        "`" => "`` ` ``".to_owned(),
        _ => format!("`{key}`"),
    }
}

fn read(action: Action, keys: &[String], own: &mut Vec<Binding>, errors: &mut Vec<KeymapError>) {
    for written in keys {
        match parse::sequence(action, written) {
            Ok(keys) => own.push(Binding { action, keys, views: action.spec().views, changed: true }),
            Err(e) => errors.push(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(id: &str, keys: &[&str]) -> Result<Keymap, Vec<KeymapError>> {
        let keys = keys.iter().map(|k| (*k).to_owned()).collect();
        Keymap::new(&BTreeMap::from([(id.to_owned(), keys)]))
    }

    fn keys(text: &str) -> Vec<Key> {
        text.split(' ').map(|k| k.parse().expect("a key")).collect()
    }

    #[test]
    fn the_defaults_have_no_conflict_and_reach_every_action() {
        let map = Keymap::defaults();
        for action in Action::ALL {
            for view in action.spec().views.iter() {
                assert!(map.key_of(*action, view).is_some(), "{} in {}", action.spec().id, view.name());
            }
        }
        assert!(map.shadowed().is_empty());
    }

    #[test]
    fn a_binding_counts_only_where_it_belongs() {
        let map = Keymap::defaults();
        assert_eq!(map.find(ViewKind::Hall, &keys("Space")), Found::Action(Action::Pause));
        assert_eq!(map.find(ViewKind::Sources, &keys("Space")), Found::Nothing);
        assert_eq!(map.find(ViewKind::Sources, &keys("p")), Found::Action(Action::Pause));
    }

    #[test]
    fn the_users_keys_replace_the_default_ones() {
        let map = with("pause", &["x", "g p"]).expect("valid");
        assert_eq!(map.keys_of(Action::Pause, ViewKind::Hall), ["x", "gp"]);
        assert_eq!(map.find(ViewKind::Hall, &keys("p")), Found::Nothing);
        assert!(map.is_changed(Action::Pause) && !map.is_changed(Action::Help));
    }

    #[test]
    fn the_users_key_wins_over_a_default_one_and_that_is_told() {
        let map = with("theme", &["w"]).expect("valid");
        assert_eq!(map.find(ViewKind::Hall, &keys("w")), Found::Action(Action::Theme));
        assert_eq!(map.shadowed(), [("w".to_owned(), Action::Worst)]);
        assert_eq!(map.key_of(Action::Worst, ViewKind::Hall), None);
    }

    #[test]
    fn two_of_the_users_actions_cannot_share_a_key() {
        let both = BTreeMap::from([
            ("theme".to_owned(), vec!["x".to_owned()]),
            ("pause".to_owned(), vec!["x".to_owned()]),
        ]);
        let errors = Keymap::new(&both).expect_err("x stands twice");
        assert!(errors[0].to_string().contains("`pause`") && errors[0].to_string().contains("`theme`"));
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let wrong = BTreeMap::from([
            ("pauze".to_owned(), vec!["x".to_owned()]),
            ("theme".to_owned(), vec!["Entr".to_owned()]),
        ]);
        let errors = Keymap::new(&wrong).expect_err("both are wrong");
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn the_table_names_every_action() {
        let table = Keymap::defaults().markdown_table();
        for a in Action::ALL {
            assert!(table.contains(&format!("`{}`", a.spec().id)));
        }
        assert!(table.contains("`gg`") && table.contains("`C-p`"));
    }
}
