//! JSON read in place from the bytes that have come so far: a cursor that can say "more is needed".
//!
//! Nothing is copied and nothing is built: an answer of an engine is a long list of small objects,
//! and all that is wanted of each are a few labels and a number.

use memchr::memchr2;

/// Deepest nesting that is passed over.
const MAX_DEPTH: usize = 32;

/// Why reading cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The bytes so far end within a value.
    More,
    /// The bytes are not what stands here in a sound document.
    Wrong,
}

/// What a reading step gives.
pub type Step<T> = Result<T, Halt>;

/// A string as it stands between its quotes, by its place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte behind the opening quote.
    pub start: usize,
    /// The closing quote.
    pub end: usize,
    /// There are escapes in it.
    pub escaped: bool,
}

impl Span {
    /// The bytes between the quotes.
    #[must_use]
    pub fn raw<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes with escapes resolved; `scratch` is only used where there are some.
    pub fn bytes<'a>(&self, text: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if !self.escaped {
            return self.raw(text);
        }
        scratch.clear();
        unescape(self.raw(text), scratch);
        scratch
    }

    /// The string as text: escapes resolved, invalid UTF-8 replaced; it may hold control characters.
    #[must_use]
    pub fn text(&self, text: &[u8]) -> String {
        let mut scratch = Vec::new();
        String::from_utf8_lossy(self.bytes(text, &mut scratch)).into_owned()
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    text: &'a [u8],
    /// The next byte.
    pub at: usize,
}

impl<'a> Cursor<'a> {
    /// The cursor at byte `at` of `text`.
    #[must_use]
    pub const fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    /// The next byte that is no blank, which stays.
    ///
    /// # Errors
    /// There is none yet.
    pub fn peek(&mut self) -> Step<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b) => return Ok(*b),
                None => return Err(Halt::More),
            }
        }
    }

    /// Passes over `byte`.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn expect(&mut self, byte: u8) -> Step<()> {
        if self.peek()? != byte {
            return Err(Halt::Wrong);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes over `byte` if it stands there.
    ///
    /// # Errors
    /// Nothing stands there yet.
    pub fn take(&mut self, byte: u8) -> Step<bool> {
        let is = self.peek()? == byte;
        self.at += usize::from(is);
        Ok(is)
    }

    /// A string.
    ///
    /// # Errors
    /// It is none, or not whole.
    pub fn string(&mut self) -> Step<Span> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let found = memchr2(b'"', b'\\', rest).ok_or(Halt::More)?;
            self.at += found + 1;
            if rest[found] == b'"' {
                return Ok(Span { start, end: self.at - 1, escaped });
            }
            if self.at >= self.text.len() {
                return Err(Halt::More);
            }
            escaped = true;
            self.at += 1;
        }
    }

    /// The bytes of a number, `true`, `false` or `null`: up to the byte that ends it, which must have
    /// come.
    ///
    /// # Errors
    /// There is none, or it may go on.
    pub fn word(&mut self) -> Step<&'a [u8]> {
        self.peek()?;
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|b| !matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'A'..=b'Z' | b'a'..=b'z'));
        let length = length.ok_or(Halt::More)?;
        if length == 0 {
            return Err(Halt::Wrong);
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// Passes over any value.
    ///
    /// # Errors
    /// It is not whole, no value, or nested too deeply.
    pub fn skip(&mut self) -> Step<()> {
        let mut open = [0_u8; MAX_DEPTH];
        let mut depth = 0;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b @ (b'{' | b'[') => {
                    self.at += 1;
                    *open.get_mut(depth).ok_or(Halt::Wrong)? = b + 2;
                    depth += 1;
                }
                b @ (b'}' | b']') => {
                    depth = depth.checked_sub(1).ok_or(Halt::Wrong)?;
                    if open[depth] != b {
                        return Err(Halt::Wrong);
                    }
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ => {
                    self.word()?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// Resolves the escapes of a JSON string; what is no escape stays as it is.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let Some((kind, after)) = rest.split_first() else { return };
        rest = after;
        match kind {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (c, after) = unicode(rest);
                rest = after;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(*other),
        }
    }
}

/// The character of `\u`, whose digits come first in `text`, and what follows it.
fn unicode(text: &[u8]) -> (char, &[u8]) {
    let digits = |text: &[u8]| {
        let four = std::str::from_utf8(text.get(..4)?).ok().filter(|t| !t.starts_with('+'))?;
        u32::from_str_radix(four, 16).ok()
    };
    let Some(high) = digits(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    let rest = &text[4..];
    if !(0xd800..0xdc00).contains(&high) {
        return (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), rest);
    }
    let low = rest.strip_prefix(b"\\u").and_then(digits).filter(|low| (0xdc00..0xe000).contains(low));
    let both = low.and_then(|low| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
    both.map_or((char::REPLACEMENT_CHARACTER, rest), |c| (c, &rest[6..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(text: &str) -> Step<String> {
        let mut cursor = Cursor::new(text.as_bytes(), 0);
        cursor.string().map(|s| s.text(text.as_bytes()))
    }

    #[test]
    fn escapes_are_resolved() {
        let text = r#""a\"b\\c\/\n\u00e5\ud83d\ude00 \ud83d \u12""#;
        assert_eq!(string(text), Ok("a\"b\\c/\nå😀 \u{fffd} \u{fffd}12".to_owned()));
    }

    #[test]
    fn what_has_not_come_is_told_from_what_is_wrong() {
        for part in ["", "  ", "\"abc", "\"ab\\", "\"ab\\\""] {
            assert_eq!(string(part), Err(Halt::More), "{part}");
        }
        assert_eq!(string("x"), Err(Halt::Wrong));
        for part in ["12", "{", "[1,", "{\"a\":[1]", "tru"] {
            assert_eq!(Cursor::new(part.as_bytes(), 0).skip(), Err(Halt::More), "{part}");
        }
        for wrong in ["]", "[}", "{]", ",", "[\u{1}]"] {
            assert_eq!(Cursor::new(wrong.as_bytes(), 0).skip(), Err(Halt::Wrong), "{wrong}");
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        let deep = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
        assert_eq!(Cursor::new(deep.as_bytes(), 0).skip(), Ok(()));
        let deeper = format!("[{deep}]");
        assert_eq!(Cursor::new(deeper.as_bytes(), 0).skip(), Err(Halt::Wrong));
    }

    proptest! {
        #[test]
        fn strings_read_as_another_reader_reads_them(text in any::<String>()) {
            let json = serde_json::to_string(&text).expect("a string can be written");
            prop_assert_eq!(string(&json), Ok(text));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'u'), any::<u8>()
        ], 0..60)) {
            let mut cursor = Cursor::new(&bytes, 0);
            let _ = cursor.skip();
            prop_assert!(cursor.at <= bytes.len());
            let mut out = Vec::new();
            unescape(&bytes, &mut out);
        }
    }
}
