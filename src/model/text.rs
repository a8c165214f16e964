//! Text from outside, made safe: no control characters, bounded length.

/// Longest piece of foreign text that is kept, in characters.
pub const MAX_CHARS: usize = 128;

/// `text` without anything that could steer a terminal: C0, C1, DEL, bidirectional overrides and
/// zero-width characters are dropped, and what is longer than [`MAX_CHARS`] is cut with `…`.
#[must_use]
pub fn clean(text: &str) -> String {
    // Nearly all names are plain already: then there is nothing to look at one by one.
    if text.len() <= MAX_CHARS && text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().min(4 * MAX_CHARS));
    for (count, c) in text.chars().filter(|c| is_safe(*c)).enumerate() {
        if count == MAX_CHARS {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

/// True for characters that only draw themselves.
#[must_use]
pub fn is_safe(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
}

/// The candidate nearest to `word`, for "did you mean": at most a third of the letters differ.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&word.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(d, c)| *d <= word.len().max(c.len()).div_ceil(3))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_teeth() {
        assert_eq!(clean("a\x1b[2Jb\u{9b}31mc\u{7f}\r\n"), "a[2Jb31mc");
        assert_eq!(clean("abc\u{202e}def\u{200b}"), "abcdef");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let cut = clean(&"x".repeat(500));
        assert_eq!(cut.chars().count(), MAX_CHARS + 1);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn nearest_name_is_found_or_not_guessed() {
        assert_eq!(nearest("utl", ["util", "power", "temp"]), Some("util"));
        assert_eq!(nearest("Powr", ["util", "power"]), Some("power"));
        assert_eq!(nearest("zzzz", ["util", "power"]), None);
    }
}
