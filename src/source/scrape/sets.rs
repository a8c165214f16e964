//! The label sets of a page. They repeat from family to family in the same order, and from page to
//! page as long as no job changes: a set that was read once is recognised by its bytes, or by the
//! print that the page before left of it.

use twox_hash::xxhash3_128::Hasher;

/// How many label sets are remembered: the most GPUs that a node is expected to have.
pub const MAX_SETS: usize = 64;

/// What is kept of a label set until the next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    hash: u64,
    /// Length with its braces, bytes.
    length: u32,
}

impl Print {
    /// The print of `set`, a label set with its braces; `None` for one that is far too long.
    #[must_use]
    pub fn of(set: &[u8]) -> Option<Self> {
        // Half of the hash is enough: two sets that differ are taken for one once in 2^64 times.
        Some(Self { hash: Hasher::oneshot(set) as u64, length: u32::try_from(set.len()).ok()? })
    }

    /// The set that `text` begins with, if it is the one of this print.
    fn find<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let set = text.get(..self.length as usize).filter(|s| s.ends_with(b"}"))?;
        (Self::of(set).as_ref() == Some(self)).then_some(set)
    }
}

/// The sets seen on a page so far, in the order in which they appeared first, with their braces.
pub struct Sets<'a, 'p> {
    seen: [&'a [u8]; MAX_SETS],
    known: usize,
    /// The set that comes next if this family lists the same things as the first.
    expected: usize,
    /// The sets of the page before, where nothing but these is wanted.
    prints: Option<&'p [Print]>,
    /// A set came that is not the one of the page before.
    strange: bool,
}

impl<'a, 'p> Sets<'a, 'p> {
    /// None seen yet.
    #[must_use]
    pub const fn new(prints: Option<&'p [Print]>) -> Self {
        Self { seen: [b""; MAX_SETS], known: 0, expected: 0, prints, strange: false }
    }

    /// Another family begins.
    pub const fn turn(&mut self) {
        self.expected = 0;
    }

    /// True where the page cannot be read by the prints of the one before.
    #[must_use]
    pub const fn is_strange(&self) -> bool {
        self.strange
    }

    /// True when all sets of the page before have been seen, and no other.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        !self.strange && self.prints.is_none_or(|p| p.len() == self.known)
    }

    /// The bytes of the set with number `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> &'a [u8] {
        self.seen.get(index).copied().unwrap_or_default()
    }

    /// The set that comes next, if `rest` begins with it.
    pub fn next(&self, rest: &[u8]) -> Option<usize> {
        let found = self.expected;
        (found < self.known && rest.starts_with(self.get(found))).then_some(found)
    }

    /// The set with number `found` has been read.
    pub const fn advance(&mut self, found: usize) {
        self.expected = found + 1;
    }

    /// The set that `rest` begins with, if it is the expected one or the one after it (a GPU may
    /// lack a family), or the next one of the page before.
    pub fn recognise(&mut self, rest: &'a [u8]) -> Option<usize> {
        let last = self.known.min(self.expected + 2);
        let found = (self.expected..last).find(|i| rest.starts_with(self.seen[*i]));
        let found = found.or_else(|| self.recall(rest))?;
        self.expected = found + 1;
        Some(found)
    }

    fn recall(&mut self, rest: &'a [u8]) -> Option<usize> {
        let prints = self.prints?;
        let set = prints.get(self.known).and_then(|print| print.find(rest));
        match set {
            Some(set) => self.remember(set),
            None => {
                self.strange = true;
                None
            }
        }
    }

    /// Remembers `set` and gives it a number, if there is room.
    pub fn remember(&mut self, set: &'a [u8]) -> Option<usize> {
        if self.known == MAX_SETS {
            return None;
        }
        self.seen[self.known] = set;
        self.known += 1;
        self.expected = self.known;
        Some(self.known - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_finds_its_set_and_no_other() {
        let print = Print::of(b"{gpu=\"0\"}").expect("it is short");
        assert_eq!(print.find(b"{gpu=\"0\"} 17"), Some(&b"{gpu=\"0\"}"[..]));
        for other in [&b"{gpu=\"1\"} 17"[..], b"{gpu=\"0\",", b"{gpu", b"", b"{gpu=\"00\"}"] {
            assert_eq!(print.find(other), None);
        }
    }

    #[test]
    fn sets_of_the_page_before_are_known_in_their_order_alone() {
        let prints: Vec<Print> = [&b"{a}"[..], b"{b}"].iter().filter_map(|s| Print::of(s)).collect();
        let mut sets = Sets::new(Some(&prints));
        assert_eq!((sets.recognise(b"{a} 1"), sets.recognise(b"{b} 2")), (Some(0), Some(1)));
        sets.turn();
        assert_eq!((sets.next(b"{a} 3"), sets.recognise(b"{b} 4")), (Some(0), Some(1)));
        assert!(sets.is_as_before());
        assert_eq!(sets.recognise(b"{c} 5"), None);
        assert!(sets.is_strange() && !sets.is_as_before());
    }

    #[test]
    fn a_set_that_is_missing_makes_another_page() {
        let prints: Vec<Print> = [&b"{a}"[..], b"{b}"].iter().filter_map(|s| Print::of(s)).collect();
        let mut sets = Sets::new(Some(&prints));
        assert_eq!(sets.recognise(b"{a} 1"), Some(0));
        assert!(!sets.is_as_before() && !sets.is_strange());
    }
}
