//! The views seen, as in a browser: back, forward, and the one before this one.

use crate::ui::action::ViewKind;
use crate::ui::selection::Selection;

/// How many views are remembered.
const MAX: usize = 64;

/// A view that was seen, with what was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which view.
    pub view: ViewKind,
    /// What was selected when it was left.
    pub selection: Selection,
}

/// The history of views.
#[derive(Clone, Debug, Default)]
pub struct Nav {
    view: ViewKind,
    back: Vec<Visit>,
    forward: Vec<Visit>,
}

impl Nav {
    /// The view on the screen.
    #[must_use]
    pub const fn view(&self) -> ViewKind {
        self.view
    }

    /// Shows `view`; the present one, left with `selection`, can be gone back to.
    pub fn open(&mut self, view: ViewKind, selection: &Selection) {
        if view != self.view {
            self.back.push(Visit { view: self.view, selection: selection.clone() });
            if self.back.len() > MAX {
                self.back.remove(0);
            }
            self.forward.clear();
            self.view = view;
        }
    }

    /// Goes back to the view before, leaving the present one with `selection`.
    pub fn back(&mut self, selection: &Selection) -> Option<Visit> {
        let visit = self.back.pop()?;
        self.forward.push(Visit { view: self.view, selection: selection.clone() });
        self.view = visit.view;
        Some(visit)
    }

    /// Undoes [`Self::back`].
    pub fn forward(&mut self, selection: &Selection) -> Option<Visit> {
        let visit = self.forward.pop()?;
        self.back.push(Visit { view: self.view, selection: selection.clone() });
        self.view = visit.view;
        Some(visit)
    }

    /// The view before this one.
    #[must_use]
    pub fn last(&self) -> Option<ViewKind> {
        self.back.last().map(|v| v.view)
    }

    /// The last view of the facility among those seen; the site when there is none.
    #[must_use]
    pub fn last_map(&self) -> ViewKind {
        let map = |v: &&Visit| crate::ui::action::Views::MAPS.contains(v.view);
        self.back.iter().rev().find(map).map_or(ViewKind::Site, |v| v.view)
    }

    /// Changes all remembered selections, when the topology was replaced.
    pub fn remap(&mut self, change: impl Fn(&mut Selection)) {
        self.back.iter_mut().chain(&mut self.forward).for_each(|v| change(&mut v.selection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn back_and_forward_are_inverse() {
        let s = Selection::default();
        let mut nav = Nav::default();
        nav.open(ViewKind::Hall, &s);
        nav.open(ViewKind::Rack, &s);
        assert_eq!(nav.last(), Some(ViewKind::Hall));
        assert!(nav.back(&s).is_some());
        assert_eq!(nav.view(), ViewKind::Hall);
        assert!(nav.forward(&s).is_some());
        assert_eq!(nav.view(), ViewKind::Rack);
        assert!(nav.forward(&s).is_none());
    }

    #[test]
    fn a_new_view_ends_the_way_forward() {
        let s = Selection::default();
        let mut nav = Nav::default();
        nav.open(ViewKind::Hall, &s);
        nav.back(&s);
        nav.open(ViewKind::Sources, &s);
        assert!(nav.forward(&s).is_none());
        assert_eq!(nav.last_map(), ViewKind::Site);
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_bounded(views in prop::collection::vec(0usize..6, 0..300)) {
            let s = Selection::default();
            let mut nav = Nav::default();
            for v in views {
                nav.open(ViewKind::ALL[v], &s);
            }
            prop_assert!(nav.back.len() <= MAX);
        }
    }
}
