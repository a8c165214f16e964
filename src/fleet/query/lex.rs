//! Words, numbers and signs of a query, with their places.

use std::ops::Range;

/// One piece of a query.
#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    /// A name or a word.
    Word(String),
    /// A text in quotes.
    Quoted(String),
    /// A number.
    Number(f32),
    /// A sign: `(`, `)`, `,`, `+`, `-`, `*`, `/`, `%`, or a comparison.
    Sign(&'static str),
    /// The end.
    End,
}

/// Signs, longest first.
const SIGNS: [&str; 15] = ["<=", ">=", "!=", "==", "<", ">", "=", "(", ")", ",", "+", "-", "*", "/", "%"];

/// A piece and where it stands.
pub type Placed = (Token, Range<usize>);

/// Splits a query.
///
/// # Errors
/// The place of a character that means nothing, and why.
pub fn split(text: &str) -> Result<Vec<Placed>, (Range<usize>, String)> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == '"' || c == '\'' {
            let Some(len) = rest[1..].find(c) else {
                return Err((at..text.len(), "the quotation does not end".into()));
            };
            out.push((Token::Quoted(rest[1..=len].to_owned()), at..at + len + 2));
            at += len + 2;
        } else if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit())) {
            let (token, len) = number(rest);
            out.push((token.map_err(|e| (at..at + len, e))?, at..at + len));
            at += len;
        } else if is_word(c) {
            let len = rest.find(|c| !is_word(c) && !joins(c)).unwrap_or(rest.len());
            // A dash joins the parts of a name, but does not end one.
            let word = rest[..len].trim_end_matches('-');
            out.push((Token::Word(word.to_owned()), at..at + word.len()));
            at += word.len();
        } else if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            let meant = if *sign == "==" { "=" } else { sign };
            out.push((Token::Sign(meant), at..at + sign.len()));
            at += sign.len();
        } else {
            return Err((
                at..at + c.len_utf8(),
                format!("`{}` means nothing here", crate::model::text::clean(&c.to_string())),
            ));
        }
    }
    out.push((Token::End, text.len()..text.len()));
    Ok(out)
}

fn is_word(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '°'
}

fn joins(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '.' | ':' | '@')
}

/// A number, decimal or hexadecimal; a name that begins with a digit, such as a host, is a word.
fn number(rest: &str) -> (Result<Token, String>, usize) {
    let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
    let text = &rest[..len];
    if let Some(hex) = text.strip_prefix("0x") {
        let value = u32::from_str_radix(hex, 16).map_err(|_| format!("`{text}` is no hexadecimal number"));
        return (value.map(|v| Token::Number(v as f32)), len);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(len);
    // `30s` is a number and a unit.
    match text[..digits].parse::<f32>() {
        Ok(v) if v.is_finite() => (Ok(Token::Number(v)), digits),
        _ => (Err(format!("`{text}` is no number")), len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        split(text).expect("it is valid").into_iter().map(|(t, _)| t).collect()
    }

    #[test]
    fn names_numbers_units_and_signs_are_told_apart() {
        let w = |s: &str| Token::Word(s.into());
        assert_eq!(
            tokens("temp>=85.5 and hall = H3-R17 or x in (0x40, 30s)"),
            [
                w("temp"),
                Token::Sign(">="),
                Token::Number(85.5),
                w("and"),
                w("hall"),
                Token::Sign("="),
                w("H3-R17"),
                w("or"),
                w("x"),
                w("in"),
                Token::Sign("("),
                Token::Number(64.0),
                Token::Sign(","),
                Token::Number(30.0),
                w("s"),
                Token::Sign(")"),
                Token::End,
            ]
        );
        assert_eq!(tokens("job = \"llm r7\"")[2], Token::Quoted("llm r7".into()));
        assert_eq!(tokens("supply - 3")[1], Token::Sign("-"));
    }

    #[test]
    fn what_means_nothing_is_named_with_its_place() {
        assert_eq!(split("temp ? 3"), Err((5..6, "`?` means nothing here".into())));
        assert_eq!(split("job = \"x").expect_err("open").0, 6..8);
        assert_eq!(split("a > 1.2.3").expect_err("no number").0, 4..9);
    }
}
