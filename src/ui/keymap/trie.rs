//! The trie of key sequences: a leaf is an action, a node waits for the next key and says what
//! may follow.

use crate::ui::action::Action;
use crate::ui::key::Key;

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The sequence is complete.
    Leaf(Action),
    /// More keys must follow.
    More(KeyTrie),
}

/// A node of the trie.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KeyTrie {
    /// What the keys below have in common, for the popup.
    pub label: String,
    steps: Vec<(Key, Step)>,
}

/// Answer to a sequence of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// The sequence means this.
    Action(Action),
    /// The sequence is the start of others.
    Pending(&'a KeyTrie),
    /// The sequence means nothing.
    Nothing,
}

impl KeyTrie {
    /// Adds a sequence.
    ///
    /// # Errors
    /// The action that already has this sequence, a start of it, or one that starts with it.
    pub fn insert(&mut self, keys: &[Key], action: Action) -> Result<(), Action> {
        let Some((first, rest)) = keys.split_first() else { return Ok(()) };
        let at = match self.steps.iter().position(|(k, _)| k == first) {
            Some(at) => at,
            None if rest.is_empty() => {
                self.steps.push((*first, Step::Leaf(action)));
                return Ok(());
            }
            None => {
                self.steps.push((*first, Step::More(Self::default())));
                self.steps.len() - 1
            }
        };
        match &mut self.steps[at].1 {
            Step::Leaf(other) if rest.is_empty() && *other == action => Ok(()),
            Step::Leaf(other) => Err(*other),
            Step::More(node) if rest.is_empty() => node.any().map_or(Ok(()), Err),
            Step::More(node) => node.insert(rest, action),
        }
    }

    /// Gives the node behind `keys` a label, if there is one.
    pub fn label(&mut self, keys: &[Key], label: &str) {
        let Some((first, rest)) = keys.split_first() else {
            label.clone_into(&mut self.label);
            return;
        };
        for (key, step) in &mut self.steps {
            if let (true, Step::More(node)) = (key == first, step) {
                node.label(rest, label);
            }
        }
    }

    /// What `keys` mean.
    #[must_use]
    pub fn find(&self, keys: &[Key]) -> Found<'_> {
        let Some((first, rest)) = keys.split_first() else { return Found::Pending(self) };
        match self.steps.iter().find(|(k, _)| k == first) {
            Some((_, Step::Leaf(action))) if rest.is_empty() => Found::Action(*action),
            Some((_, Step::More(node))) => node.find(rest),
            _ => Found::Nothing,
        }
    }

    /// The keys that may come next, in the order they were added.
    pub fn steps(&self) -> impl Iterator<Item = (Key, &Step)> {
        self.steps.iter().map(|(k, s)| (*k, s))
    }

    fn any(&self) -> Option<Action> {
        self.steps.iter().find_map(|(_, s)| match s {
            Step::Leaf(a) => Some(*a),
            Step::More(n) => n.any(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        text.split(' ').map(|k| k.parse().expect("a key")).collect()
    }

    #[test]
    fn sequences_wait_for_their_end() {
        let mut t = KeyTrie::default();
        t.insert(&keys("g g"), Action::First).expect("free");
        t.insert(&keys("g s"), Action::Sources).expect("free");
        t.insert(&keys("G"), Action::Last).expect("free");
        t.label(&keys("g"), "go to");
        assert_eq!(t.find(&keys("g g")), Found::Action(Action::First));
        assert_eq!(t.find(&keys("G")), Found::Action(Action::Last));
        assert_eq!(t.find(&keys("g x")), Found::Nothing);
        assert_eq!(t.find(&keys("G G")), Found::Nothing);
        let Found::Pending(node) = t.find(&keys("g")) else { panic!("g waits") };
        assert_eq!(node.label, "go to");
        assert_eq!(node.steps().map(|(k, _)| k.to_string()).collect::<Vec<_>>(), ["g", "s"]);
    }

    #[test]
    fn a_sequence_cannot_be_taken_twice_nor_be_the_start_of_another() {
        let mut t = KeyTrie::default();
        t.insert(&keys("g g"), Action::First).expect("free");
        assert_eq!(t.insert(&keys("g g"), Action::Last), Err(Action::First));
        assert_eq!(t.insert(&keys("g"), Action::Last), Err(Action::First));
        assert_eq!(t.insert(&keys("g g g"), Action::Last), Err(Action::First));
        assert_eq!(t.insert(&keys("g g"), Action::First), Ok(()), "the same again is no conflict");
    }
}
