//! A reader of Rust source that is good enough for budgets of form: it blanks comments and
//! literals, and finds functions with their length and arguments. No parser, no dependency.

/// One file of the crate.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path relative to the package: `src/model/id.rs`.
    pub path: String,
    /// The text as it is.
    pub raw: String,
    /// The text with comments, strings and characters blanked; lines stay where they are.
    pub code: String,
}

/// A function found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of `fn`, from 1.
    pub line: usize,
    /// Lines from `fn` to its closing brace.
    pub lines: usize,
    /// Arguments, `self` included.
    pub args: usize,
}

impl Source {
    /// The file `path` with content `raw`.
    pub fn new(path: &str, raw: &str) -> Self {
        Self { path: path.to_owned(), raw: raw.to_owned(), code: blank(raw) }
    }

    /// The layer it belongs to: `model` for `src/model.rs` and `src/model/**`.
    pub fn layer(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let name = rest.split('/').next()?.trim_end_matches(".rs");
        (!["lib", "main"].contains(&name)).then_some(name)
    }

    /// How many modules lie between the crate root and this file: 1 for `src/model.rs`.
    pub fn depth(&self) -> usize {
        self.path.matches('/').count()
    }

    /// The code without its `#[cfg(test)]` modules (blanked, lines stay).
    pub fn code_without_tests(&self) -> String {
        if self.path.ends_with("/tests.rs") {
            return self.code.chars().filter(|c| *c == '\n').collect();
        }
        let mut code = self.code.clone();
        let mut from = 0;
        while let Some(at) = code[from..].find("#[cfg(test)]").map(|i| i + from) {
            let after = at + "#[cfg(test)]".len();
            let rest = code[after..].trim_start();
            let start = code.len() - rest.len();
            let open = code[start..].find(['{', ';']).map(|i| i + start);
            let end = match open {
                Some(o) if code.as_bytes()[o] == b'{' => closing(code.as_bytes(), o).unwrap_or(code.len()),
                Some(o) => o,
                None => code.len(),
            };
            let keep_lines: String =
                code[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            let blanked_end = at + keep_lines.len();
            code.replace_range(at..end, &keep_lines);
            from = blanked_end;
        }
        code
    }

    /// All functions with a body.
    pub fn functions(&self) -> Vec<Function> {
        let bytes = self.code.as_bytes();
        words(&self.code).filter(|(_, w)| *w == "fn").filter_map(|(at, _)| function(bytes, at)).collect()
    }
}

/// The line, from 1, of the byte `at`.
pub fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// All identifiers and keywords with their place; lifetimes (`'static`) are no words.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = code.as_bytes();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            while at < bytes.len() && !is_word(bytes[at]) {
                at += 1;
            }
            if at >= bytes.len() {
                return None;
            }
            let start = at;
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            if start == 0 || bytes[start - 1] != b'\'' {
                return Some((start, &code[start..at]));
            }
        }
    })
}

fn function(code: &[u8], at: usize) -> Option<Function> {
    let name_start = at + 2 + code[at + 2..].iter().position(|b| b.is_ascii_alphanumeric() || *b == b'_')?;
    if code[at + 2..name_start].contains(&b'(') {
        return None; // a function pointer type
    }
    let name: String = code[name_start..]
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .map(|b| char::from(*b))
        .collect();
    let open = parenthesis(code, name_start + name.len())?;
    let close = closing(code, open)?;
    let body = code[close..].iter().position(|b| matches!(b, b'{' | b';'))? + close;
    if code[body] == b';' {
        return None;
    }
    let end = closing(code, body)?;
    let newlines = |s: &[u8]| s.iter().filter(|b| **b == b'\n').count();
    Some(Function {
        name,
        line: newlines(&code[..at]) + 1,
        lines: newlines(&code[at..end]) + 1,
        args: arguments(&code[open + 1..close]),
    })
}

/// The parenthesis that opens the arguments: the first one outside the generics.
fn parenthesis(code: &[u8], from: usize) -> Option<usize> {
    let mut angle = 0i32;
    for (i, b) in code.iter().enumerate().skip(from) {
        match b {
            b'<' => angle += 1,
            b'>' if code[i - 1] != b'-' => angle -= 1,
            b'(' if angle == 0 => return Some(i),
            b'{' | b';' => return None,
            _ => {}
        }
    }
    None
}

/// The place of the bracket that closes the one at `open`.
fn closing(code: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0i32;
    for (i, b) in code.iter().enumerate().skip(open) {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i);
        }
    }
    None
}

fn arguments(list: &[u8]) -> usize {
    let mut depth = 0i32;
    let mut count = 0;
    let mut something = false;
    for (i, b) in list.iter().enumerate() {
        match b {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b'>' if i > 0 && list[i - 1] == b'-' => {}
            b')' | b']' | b'}' | b'>' => depth -= 1,
            b',' if depth == 0 => {
                count += usize::from(something);
                something = false;
                continue;
            }
            _ => {}
        }
        something |= !b.is_ascii_whitespace();
    }
    count + usize::from(something)
}

/// `raw` with comments, strings and character literals replaced by spaces.
pub fn blank(raw: &str) -> String {
    let b = raw.as_bytes();
    let mut out = b.to_vec();
    let mut i = 0;
    while i < b.len() {
        let end = match b[i] {
            b'/' if b.get(i + 1) == Some(&b'/') => find(b, i, b"\n"),
            b'/' if b.get(i + 1) == Some(&b'*') => block_comment(b, i),
            b'"' => string_end(b, i + 1),
            b'r' | b'b' | b'c' if i == 0 || !is_ident(b[i - 1]) => match prefixed(b, i) {
                Some(end) => end,
                None => {
                    i += 1;
                    continue;
                }
            },
            b'\'' => match char_end(b, i) {
                Some(end) => end,
                None => {
                    i += 1;
                    continue;
                }
            },
            _ => {
                i += 1;
                continue;
            }
        };
        let end = end.min(b.len());
        out[i..end].iter_mut().filter(|c| **c != b'\n').for_each(|c| *c = b' ');
        i = end.max(i + 1);
    }
    String::from_utf8(out).expect("only whole literals and comments were blanked")
}

const fn is_ident(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn find(b: &[u8], from: usize, what: &[u8]) -> usize {
    b[from..].windows(what.len()).position(|w| w == what).map_or(b.len(), |p| from + p)
}

fn block_comment(b: &[u8], start: usize) -> usize {
    let (mut i, mut depth) = (start, 0);
    while i < b.len() {
        match (b[i], b.get(i + 1)) {
            (b'/', Some(b'*')) => depth += 1,
            (b'*', Some(b'/')) => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            break;
        }
    }
    i
}

fn string_end(b: &[u8], mut i: usize) -> usize {
    while i < b.len() && b[i] != b'"' {
        i += if b[i] == b'\\' { 2 } else { 1 };
    }
    i + 1
}

/// The end of a literal with a prefix (`r"…"`, `r#"…"#`, `b"…"`, `b'…'`, `br"…"`), if one is here.
fn prefixed(b: &[u8], start: usize) -> Option<usize> {
    let mut i = start;
    while matches!(b.get(i), Some(b'r' | b'b' | b'c')) && i - start < 2 {
        i += 1;
    }
    let raw = b[start..i].contains(&b'r');
    let hashes = b[i..].iter().take_while(|c| **c == b'#').count();
    match b.get(i + hashes) {
        Some(b'"') if raw => {
            let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
            Some(find(b, i + hashes + 1, &close) + close.len())
        }
        Some(b'"') if hashes == 0 => Some(string_end(b, i + 1)),
        Some(b'\'') if hashes == 0 => char_end(b, i),
        _ => None,
    }
}

/// The end of a character literal at `i`, or `None` for a lifetime.
fn char_end(b: &[u8], i: usize) -> Option<usize> {
    if b.get(i + 1) == Some(&b'\\') {
        return Some(find(b, i + 3, b"'") + 1);
    }
    let text = std::str::from_utf8(&b[i + 1..(i + 6).min(b.len())]).ok().or_else(|| {
        (2..6).rev().find_map(|n| b.get(i + 1..i + n).and_then(|s| std::str::from_utf8(s).ok()))
    })?;
    let len = text.chars().next()?.len_utf8();
    (b.get(i + 1 + len) == Some(&b'\'')).then_some(i + 2 + len)
}
