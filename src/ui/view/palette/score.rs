//! How well a few letters fit a name: they must occur in it in order.

/// What is looked for, prepared once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    letters: Vec<u8>,
}

impl Needle {
    /// Letters and digits of `text`, without regard to case; blanks and dashes do not count.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bytes = text.bytes().filter(|b| !matches!(b, b' ' | b'-'));
        Self { letters: bytes.map(|b| b.to_ascii_lowercase()).collect() }
    }

    /// True when nothing is looked for: everything fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// When the text ends like a GPU, `g2`: what comes before it, and the place in its tray from 0.
    #[must_use]
    pub fn gpu(&self) -> Option<(Self, u32)> {
        let at = self.letters.iter().rposition(|b| *b == b'g')?;
        let digits = std::str::from_utf8(&self.letters[at + 1..]).ok()?;
        let slot = digits.parse::<u32>().ok()?.checked_sub(1)?;
        (at > 0).then(|| (Self { letters: self.letters[..at].to_vec() }, slot))
    }
}

/// How well `name` fits, higher is better; `None` when it does not. Letters next to each other, at
/// the start of a part of the name and whole names count more; long names count less.
#[must_use]
pub fn score(needle: &Needle, name: &str) -> Option<i32> {
    let mut wanted = needle.letters.iter();
    let mut next = wanted.next();
    let (mut score, mut run, mut matched) = (0, 0, 0);
    let mut start_of_part = true;
    let mut first = true;
    for b in name.bytes() {
        if b == b'-' || b == b'.' || b == b'_' {
            (start_of_part, run) = (true, 0);
            continue;
        }
        if next == Some(&b.to_ascii_lowercase()) {
            run += 1;
            matched += 1;
            score += 4 + 2 * run.min(4) + if start_of_part { 6 } else { 0 } + if first { 6 } else { 0 };
            next = wanted.next();
        } else if b != b'0' {
            // Leading zeros may be left out: `r3` is as near to `R03` as to `R3`.
            run = 0;
        }
        (start_of_part, first) = (false, false);
    }
    let whole = name.bytes().filter(|b| *b != b'-').count() == matched;
    next.is_none().then(|| score - name.len() as i32 / 2 + if whole { 20 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(needle: &str, names: &[&'a str]) -> Option<&'a str> {
        let n = Needle::new(needle);
        names
            .iter()
            .filter_map(|name| Some((score(&n, name)?, *name)))
            .max_by_key(|(s, _)| *s)
            .map(|(_, n)| n)
    }

    #[test]
    fn letters_must_occur_in_order() {
        assert!(score(&Needle::new("h3k5"), "H3-R17-K5").is_some());
        assert!(score(&Needle::new("k5h3"), "H3-R17-K5").is_none());
        assert!(score(&Needle::new("H3 R17"), "H3-R17-K5").is_some(), "blanks and case do not count");
    }

    #[test]
    fn the_whole_and_the_start_win() {
        assert_eq!(best("h3", &["H1-R03-K1", "H3-R01", "H3", "H3-R13"]), Some("H3"));
        assert_eq!(best("h2r3", &["H2-R01-K3", "H2-R03-K1"]), Some("H2-R03-K1"));
        assert_eq!(best("sources", &["sources", "source-list-of-sources"]), Some("sources"));
        assert_eq!(best("h3r17k5", &["H3-R17-K5-T01", "H3-R17-K5"]), Some("H3-R17-K5"));
    }

    #[test]
    fn an_ending_like_a_gpu_is_seen_as_one() {
        let (head, slot) = Needle::new("h3-r17-k5-t09-g2").gpu().expect("a GPU");
        assert_eq!((head, slot), (Needle::new("h3r17k5t09"), 1));
        for no in ["g2", "h3", "sg", "h3g0"] {
            assert_eq!(Needle::new(no).gpu(), None, "{no}");
        }
    }

    #[test]
    fn nothing_fits_everything() {
        assert!(Needle::new(" -").is_empty());
        assert!(score(&Needle::new(""), "anything").is_some());
    }
}
