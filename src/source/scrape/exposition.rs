//! Prometheus text exposition (format 0.0.4), read in place.
//!
//! A page is mostly lines that nobody asked for, so the scanner decides by the family name alone
//! whether a line is looked at; consecutive lines of one family are decided by one comparison.
//! Label sets repeat from family to family in the same order, so the scanner remembers the first
//! ones and recognises them by their bytes: such a line costs two comparisons and a number.
//! Nothing is allocated, nothing is copied, and no input can make it panic.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::number::{short_line, skip_blanks, value_and_time};
use super::sets::{Print, Sets};

/// One sample of a wanted family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The labels, unread.
    pub labels: Labels<'a>,
    /// Number of the label set: two samples of a page with the same number have the same bytes
    /// between the braces. Below `sets::MAX_SETS`; `None` where the set is not remembered.
    pub set: Option<usize>,
    /// The value; NaN and infinities as written.
    pub value: f64,
    /// Milliseconds since the epoch, where the line carries a time.
    pub time: Option<i64>,
}

/// What a page held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines, without blank ones and comments.
    pub lines: u32,
    /// Samples of wanted families that could be read.
    pub samples: u32,
    /// Lines that could not be read. Lines of families nobody asked for are not looked at.
    pub bad: u32,
    /// Lines that begin with `#`.
    pub comments: u32,
    /// The page ends within a line: the last line is left out, and more may be missing.
    pub truncated: bool,
}

/// Reads `body`, handing every sample whose family `classify` knows to `sink`.
///
/// `classify` is asked once for each run of lines of one family.
pub fn scan<'a, F: Copy>(
    body: &'a [u8],
    classify: impl Fn(&[u8]) -> Option<F>,
    sink: impl FnMut(F, &Sample<'a>),
) -> Tally {
    let mut scanner = Scanner::new(classify, sink, Sets::new(None));
    scanner.read(body);
    scanner.tally
}

/// The same of a page that has just the label sets of `prints`, in their order: their labels need no
/// reading. `None` when it has not; then what the sink got is of no use.
pub fn scan_known<'a, F: Copy>(
    body: &'a [u8],
    prints: &[Print],
    classify: impl Fn(&[u8]) -> Option<F>,
    sink: impl FnMut(F, &Sample<'a>),
) -> Option<Tally> {
    let mut scanner = Scanner::new(classify, sink, Sets::new(Some(prints)));
    scanner.read(body);
    scanner.sets.is_as_before().then_some(scanner.tally)
}

/// True when `body` ends where a page ends: after a line, or with OpenMetrics' end mark.
#[must_use]
pub fn is_whole(body: &[u8]) -> bool {
    body.is_empty() || body.ends_with(b"\n") || body.ends_with(b"\n# EOF")
}

struct Scanner<'a, 'p, F, C, S> {
    classify: C,
    sink: S,
    tally: Tally,
    /// The family of the last line.
    name: &'a [u8],
    family: Option<F>,
    sets: Sets<'a, 'p>,
}

impl<'a, 'p, F: Copy, C, S> Scanner<'a, 'p, F, C, S>
where
    C: Fn(&[u8]) -> Option<F>,
    S: FnMut(F, &Sample<'a>),
{
    const fn new(classify: C, sink: S, sets: Sets<'a, 'p>) -> Self {
        let tally = Tally { lines: 0, samples: 0, bad: 0, comments: 0, truncated: false };
        Self { classify, sink, tally, name: b"", family: None, sets }
    }

    fn read(&mut self, body: &'a [u8]) {
        let mut rest = body;
        while !self.sets.is_strange() {
            if let Some(length) = self.repetition(rest) {
                rest = &rest[length..];
                continue;
            }
            let Some(end) = memchr(b'\n', rest) else { break };
            self.line(&rest[..end]);
            rest = &rest[end + 1..];
        }
        self.tally.truncated = !is_whole(body);
    }

    /// A line of the present family with the expected label set and a short decimal, which most lines
    /// are: it is read without looking for its end first. Its length, if `text` begins with one.
    fn repetition(&mut self, text: &'a [u8]) -> Option<usize> {
        let family = self.family.filter(|_| !self.name.is_empty())?;
        let rest = text.strip_prefix(self.name)?;
        let set = self.sets.next(rest)?;
        let labels = self.sets.get(set);
        let after = &rest[labels.len()..];
        let (value, length) = short_line(after)?;
        self.sets.advance(set);
        self.tally.lines += 1;
        self.tally.samples += 1;
        (self.sink)(family, &Sample { labels: Labels::of(labels), set: Some(set), value, time: None });
        Some(text.len() - after.len() + length)
    }

    fn line(&mut self, line: &'a [u8]) {
        let rest = match line.strip_prefix(self.name) {
            Some(rest) if matches!(rest.first(), Some(b'{' | b' ')) && !self.name.is_empty() => rest,
            _ => match self.turn(line) {
                Some(rest) => rest,
                None => return,
            },
        };
        self.tally.lines += 1;
        let Some(family) = self.family else { return };
        match self.sample(rest) {
            Some(sample) => {
                self.tally.samples += 1;
                (self.sink)(family, &sample);
            }
            None => self.tally.bad += 1,
        }
    }

    /// Another family begins, or something that is no sample: what follows the name, if it is one.
    fn turn(&mut self, line: &'a [u8]) -> Option<&'a [u8]> {
        let line = line.trim_ascii();
        match line.first() {
            None => return None,
            Some(b'#') => {
                self.tally.comments += 1;
                return None;
            }
            _ => {}
        }
        let end = line.iter().position(|b| !is_name_byte(*b)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let starts_well = name.first().is_some_and(|b| !b.is_ascii_digit());
        // `{"quoted.name"} 1` names its family inside the braces: valid, and none of ours.
        if !starts_well && !line.starts_with(b"{\"") || !matches!(rest.first(), Some(b'{' | b' ' | b'\t')) {
            self.tally.lines += 1;
            self.tally.bad += 1;
            return None;
        }
        self.name = name;
        self.family = (self.classify)(name);
        self.sets.turn();
        Some(rest)
    }

    fn sample(&mut self, rest: &'a [u8]) -> Option<Sample<'a>> {
        let rest = skip_blanks(rest);
        if rest.first() != Some(&b'{') {
            let (value, time) = value_and_time(rest)?;
            return Some(Sample { labels: Labels::NONE, set: None, value, time });
        }
        let (set, length) = match self.sets.recognise(rest) {
            Some(set) => (Some(set), self.sets.get(set).len()),
            None if self.sets.is_strange() => return None,
            None => {
                let length = label_set_length(rest)?;
                (self.sets.remember(&rest[..length]), length)
            }
        };
        let (value, time) = value_and_time(&rest[length..])?;
        Some(Sample { labels: Labels::of(&rest[..length]), set, value, time })
    }
}

/// The labels of a sample, read one at a time. Already checked: iteration cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'a> {
    rest: &'a [u8],
    /// The set with its braces; empty where the sample has none.
    set: &'a [u8],
}

impl<'a> Labels<'a> {
    /// None.
    const NONE: Self = Self { rest: b"", set: b"" };

    /// The labels of `set`, which has its braces.
    fn of(set: &'a [u8]) -> Self {
        Self { rest: &set[1..set.len() - 1], set }
    }

    /// The bytes of the set with its braces, however many labels have been read; empty where the
    /// sample has none.
    #[must_use]
    pub const fn with_braces(&self) -> &'a [u8] {
        self.set
    }
}

/// One label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// The name; not necessarily UTF-8.
    pub name: &'a [u8],
    /// The value as written: escapes are still in it.
    pub raw: &'a [u8],
}

impl<'a> Label<'a> {
    /// The value with its escapes resolved and invalid UTF-8 replaced. Copies only where it must.
    /// The text may hold control characters.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        let raw = String::from_utf8_lossy(self.raw);
        if memchr(b'\\', self.raw).is_none() {
            return raw;
        }
        let mut out = String::with_capacity(raw.len());
        let mut chars = raw.chars();
        while let Some(c) = chars.next() {
            match (c, c == '\\') {
                (_, true) => match chars.next() {
                    Some('n') => out.push('\n'),
                    Some(other) => out.push(other),
                    None => out.push('\\'),
                },
                (c, false) => out.push(c),
            }
        }
        Cow::Owned(out)
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = Label<'a>;

    fn next(&mut self) -> Option<Label<'a>> {
        let (label, rest) = split_label(self.rest)?;
        let rest = skip_blanks(rest);
        self.rest = rest.strip_prefix(b",").unwrap_or(rest);
        Some(label)
    }
}

/// Length of the label set that `text` begins with, braces included; `None` when it is malformed.
fn label_set_length(text: &[u8]) -> Option<usize> {
    let mut rest = text.strip_prefix(b"{")?;
    loop {
        rest = skip_blanks(rest);
        if let Some(after) = rest.strip_prefix(b"}") {
            return Some(text.len() - after.len());
        }
        let (_, after) = split_label(rest)?;
        let after = skip_blanks(after);
        rest = match after.first()? {
            b',' => &after[1..],
            b'}' => after,
            _ => return None,
        };
    }
}

/// The first label of `text` and what follows its closing quote.
fn split_label(text: &[u8]) -> Option<(Label<'_>, &[u8])> {
    let text = skip_blanks(text);
    // Names are short: a plain loop beats a call.
    let equals = text.iter().position(|b| *b == b'=')?;
    let name = text[..equals].trim_ascii();
    let name = name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")).unwrap_or(name);
    if name.is_empty() || memchr2(b'"', b',', name).is_some() {
        return None;
    }
    let value = skip_blanks(&text[equals + 1..]).strip_prefix(b"\"")?;
    let mut end = 0;
    loop {
        end += memchr2(b'"', b'\\', value.get(end..)?)?;
        if value[end] == b'"' {
            return Some((Label { name, raw: &value[..end] }, &value[end + 1..]));
        }
        end += 2;
    }
}

const fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b':')
}

#[cfg(test)]
mod tests {
    use super::super::sets::MAX_SETS;
    use super::*;
    use proptest::prelude::*;

    type Pairs = Vec<(String, String)>;

    /// Everything a page says about families that begin with `w`.
    fn read(page: &[u8]) -> (Vec<(f64, Pairs)>, Tally) {
        let mut out = Vec::new();
        let tally = scan(
            page,
            |name| name.starts_with(b"w").then_some(()),
            |(), sample| {
                let labels = sample
                    .labels
                    .map(|l| (String::from_utf8_lossy(l.name).into_owned(), l.text().into_owned()));
                out.push((sample.value, labels.collect()));
            },
        );
        (out, tally)
    }

    fn values(page: &str) -> Vec<f64> {
        read(page.as_bytes()).0.into_iter().map(|(v, _)| v).collect()
    }

    fn labels(page: &str) -> Pairs {
        read(page.as_bytes()).0.remove(0).1
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn only_wanted_families_are_delivered() {
        let (got, tally) = read(b"# HELP w x\na{b=\"c\"} 1\nw{b=\"c\"} 2\nwx 3\nb 4\n");
        assert_eq!(got.iter().map(|(v, _)| *v).collect::<Vec<_>>(), [2.0, 3.0]);
        assert_eq!(tally, Tally { lines: 4, samples: 2, bad: 0, comments: 1, truncated: false });
    }

    #[test]
    fn numbers_of_every_spelling_are_read() {
        let page =
            "w 1\nw -2.5\nw 170.582000\nw 1.98e+09\nw +Inf\nw -Inf\nw 1795424467123456789\nw .5\nw 7 \n";
        let want = [
            1.0,
            -2.5,
            170.582,
            1.98e9,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1_795_424_467_123_456_789.0,
            0.5,
            7.0,
        ];
        assert_eq!(values(page), want);
        assert!(values("w NaN\n")[0].is_nan());
    }

    #[test]
    fn escapes_blanks_and_trailing_commas_in_labels_are_understood() {
        let got = labels("w{ a = \"x\\\"y\\\\z\\n\" , b=\"}{,=#\", } 1\n");
        assert_eq!(got, [pair("a", "x\"y\\z\n"), pair("b", "}{,=#")]);
        assert_eq!(labels("w {gpu=\"0\", UUID=\"GPU-1\"}\t5\n"), [pair("gpu", "0"), pair("UUID", "GPU-1")]);
        assert_eq!(labels("w{} 5\n"), []);
    }

    #[test]
    fn a_bad_line_costs_a_line_and_nothing_else() {
        let page = "w{a=\"1\"} 1\nw{a=\"1\" 2\nw{a=1} 3\nw{a=\"1\"} x\nw{a=\"1\"}\nw{a=\"1\"} 1 2 3\n<html>\n9w 1\nw{a=\"2\"} 4\n";
        let (got, tally) = read(page.as_bytes());
        assert_eq!(got.iter().map(|(v, _)| *v).collect::<Vec<_>>(), [1.0, 4.0]);
        assert_eq!((tally.samples, tally.bad, tally.lines), (2, 7, 9));
    }

    #[test]
    fn a_page_cut_within_a_line_says_so_and_leaves_the_piece_out() {
        let (got, tally) = read(b"w 1\nw 23");
        assert_eq!(got.len(), 1);
        assert!(tally.truncated);
        assert!(!read(b"w 1\n# EOF").1.truncated);
        assert!(!read(b"").1.truncated);
    }

    #[test]
    fn times_and_exemplars_are_told_apart_from_garbage() {
        let mut times = Vec::new();
        let page = b"w 1 1795424467123\nw 2 1795424467.5\nw 3 # {id=\"x\"} 0.5\nw 4 17 # {} 1\nw 5 soon\n";
        let tally = scan(page, |_| Some(()), |(), s| times.push(s.time));
        assert_eq!(times, [Some(1_795_424_467_123), Some(1_795_424_467_500), None, Some(17)]);
        assert_eq!(tally.bad, 1);
    }

    #[test]
    fn a_value_that_the_exporter_could_not_format_is_absent_not_garbage() {
        let (got, tally) = read(b"w{a=\"1\"} ERROR - FAILED TO CONVERT TO STRING\n");
        assert!(got[0].0.is_nan());
        assert_eq!(tally.bad, 0);
    }

    #[test]
    fn repeated_label_sets_keep_their_number_across_families() {
        let mut sets = Vec::new();
        let page = b"a{g=\"0\"} 1\na{g=\"1\"} 1\na{g=\"2\"} 1\nb{g=\"0\"} 1\nb{g=\"2\"} 1\nc{g=\"1\",x=\"\"} 1\nd{g=\"0\"} 1\n";
        scan(page, |_| Some(()), |(), s| sets.push(s.set));
        assert_eq!(sets, [0, 1, 2, 0, 2, 3, 0].map(Some));
    }

    #[test]
    fn more_label_sets_than_are_remembered_are_still_read() {
        let page: String = (0..200).map(|i| format!("w{{g=\"{i}\"}} {i}\n")).collect();
        let mut seen = Vec::new();
        scan(page.as_bytes(), |_| Some(()), |(), s| seen.push((s.value, s.set.is_some())));
        assert_eq!(seen.len(), 200);
        assert_eq!(seen.iter().filter(|(_, remembered)| *remembered).count(), MAX_SETS);
    }

    #[test]
    fn invalid_utf8_and_carriage_returns_are_tolerated() {
        let (got, tally) = read(b"w{a=\"\xff\xfe\"} 1\r\n\r\nw 2 17\r\n\xff\xff 3\n");
        assert_eq!(got[0].1, [pair("a", "\u{fffd}\u{fffd}")]);
        assert_eq!((got.len(), tally.bad), (2, 1));
    }

    #[test]
    fn a_family_named_inside_the_braces_is_skipped_without_complaint() {
        let (got, tally) = read(b"{\"my.metric\",a=\"1\"} 1\nw 2\n");
        assert_eq!((got.len(), tally.bad), (1, 0));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(page in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let (got, tally) = read(&page);
            prop_assert_eq!(got.len(), tally.samples as usize);
        }

        #[test]
        fn near_misses_of_the_format_never_panic_and_are_all_accounted_for(
            page in "(w|x|#)?[\\{ ]{0,2}([ab]=)?[\"\\\\}{,=n \n\t#0-9.eE+-]{0,40}(\n(w|wx)\\{a=\"[^\"\n]{0,3}\"\\} [0-9.]{1,4}\n)?"
        ) {
            let (got, tally) = read(page.as_bytes());
            prop_assert_eq!(got.len(), tally.samples as usize);
            prop_assert!(tally.samples + tally.bad <= tally.lines);
        }

        #[test]
        fn what_is_written_is_read_back(
            values in proptest::collection::vec(("[a-z]{1,5}", "[^\\p{C}]{0,8}", -1e6..1e6f64), 1..20)
        ) {
            let mut page = String::new();
            for (name, text, value) in &values {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                page.push_str(&format!("w{{{name}=\"{escaped}\"}} {value}\n"));
            }
            let (got, tally) = read(page.as_bytes());
            prop_assert_eq!(tally.bad, 0);
            for ((name, text, value), (v, labels)) in values.iter().zip(&got) {
                prop_assert_eq!(value, v);
                prop_assert_eq!(labels, &vec![(name.clone(), text.clone())]);
            }
        }
    }
}
