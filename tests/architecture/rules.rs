//! The rules of form. Each takes one file and answers with the places that break it.

use std::collections::{BTreeMap, BTreeSet};

use crate::scan::{Source, line_of, words};

/// A rule: the places of a file that break it, each as `path:line: what`.
pub type Rule = fn(&Source) -> Vec<String>;

/// The layers, lowest first, and what each may import. `cli` may use everything.
pub const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("fleet", &["model"]),
    ("alarm", &["model", "fleet"]),
    ("journal", &["model", "alarm"]),
    ("record", &["model", "fleet"]),
    ("source", &["model", "fleet", "record"]),
    ("engine", &["model", "fleet", "alarm", "journal", "record", "source"]),
    ("ui", &["model", "fleet", "alarm"]),
    ("session", &["model", "engine", "ui"]),
    ("cli", &["model", "fleet", "alarm", "journal", "record", "source", "engine", "ui", "session"]),
];

/// Paths that a layer must not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("model", &["tokio", "std::fs", "std::net", "Instant", "SystemTime", "async fn", "ratatui", "crossterm"]),
    ("fleet", &["tokio", "std::fs", "std::net", "Instant", "SystemTime", "async fn", "ratatui", "crossterm"]),
    ("alarm", &["tokio", "std::fs", "std::net", "Instant", "SystemTime", "async fn", "ratatui", "crossterm"]),
    ("journal", &["ratatui", "crossterm"]),
    ("record", &["tokio", "std::net", "SystemTime::now", "std::time::Instant", "ratatui", "crossterm"]),
    ("source", &["SystemTime::now", "std::time::Instant", "ratatui", "crossterm"]),
    ("engine", &["ratatui", "crossterm"]),
    ("ui", &["tokio", "crossterm", "reqwest", "hyper", "std::net", "std::fs", "Instant", "SystemTime"]),
];

const MAX_FILE: usize = 500;
const MAX_FUNCTION: usize = 70;
const MAX_ARGUMENTS: usize = 5;
/// Functions whose form is given by the trait of a library.
const FOREIGN: [&str; 1] = ["verify_server_cert"];

fn at(source: &Source, line: usize, what: impl std::fmt::Display) -> String {
    format!("{}:{line}: {what}", source.path)
}

/// The layers that a file imports, with the lines.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let is_layer = |w: &str| LAYERS.iter().any(|(name, _)| *name == w);
    let mut found = Vec::new();
    let all: Vec<(usize, &str)> = words(code).collect();
    for (i, (place, word)) in all.iter().enumerate() {
        let after = &code[place + word.len()..];
        let rooted = match *word {
            "crate" | "hallwatch" => after.starts_with("::"),
            "super" => after.starts_with("::") && supers_up_to(&all[..=i], code) >= source.depth(),
            _ => false,
        };
        if !rooted {
            continue;
        }
        let path = &after[2..];
        let names =
            if path.starts_with('{') { group(path) } else { words(path).take(1).map(|w| w.1).collect() };
        let line = line_of(code, *place);
        found.extend(names.into_iter().filter(|n| is_layer(n)).map(|n| (line, n.to_owned())));
    }
    found
}

/// How many `super` in a row end at the last of `seen`.
fn supers_up_to(seen: &[(usize, &str)], code: &str) -> usize {
    let mut count = 0;
    let mut next_start = None;
    for (place, word) in seen.iter().rev() {
        let joined = next_start.is_none_or(|next: usize| &code[place + word.len()..next] == "::");
        if *word != "super" || !joined {
            break;
        }
        count += 1;
        next_start = Some(*place);
    }
    count
}

/// The first names of the parts of a group: `model` and `fleet` of `{model::{A, B}, fleet}`.
fn group(path: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut expect = false;
    for (i, c) in path.char_indices() {
        match c {
            '{' => {
                depth += 1;
                expect = depth == 1;
            }
            '}' => depth -= 1,
            ',' => expect = depth == 1,
            c if expect && (c.is_alphanumeric() || c == '_') => {
                names.extend(words(&path[i..]).next().map(|w| w.1));
                expect = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Layers import only what the table allows.
pub fn import_order(source: &Source) -> Vec<String> {
    let Some(layer) = source.layer() else { return Vec::new() };
    let allowed = LAYERS.iter().find(|(name, _)| *name == layer).map_or(&[][..], |(_, may)| may);
    imports(source)
        .into_iter()
        .filter(|(_, to)| to != layer && !allowed.contains(&to.as_str()))
        .map(|(line, to)| at(source, line, format!("`{layer}` must not import `{to}`")))
        .collect()
}

/// The imports among layers as they really are.
pub fn edges(files: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in files {
        let Some(layer) = source.layer().filter(|_| source.path.starts_with("src/")) else { continue };
        let to = imports(source).into_iter().map(|(_, to)| to).filter(|to| to != layer);
        graph.entry(layer.to_owned()).or_default().extend(to);
    }
    graph
}

/// A path of layers that leads back to its start, if there is one.
pub fn find_cycle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk(
        graph: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> bool {
        let here = path.last().expect("a path has a start").clone();
        for next in graph.get(&here).into_iter().flatten() {
            let closes = path.contains(next);
            path.push(next.clone());
            if closes || (!done.contains(next) && walk(graph, path, done)) {
                return true;
            }
            path.pop();
        }
        done.insert(here);
        false
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| {
        let mut path = vec![start.clone()];
        walk(graph, &mut path, &mut done).then_some(path)
    })
}

/// No layer names what it must not know.
pub fn forbidden_names(source: &Source) -> Vec<String> {
    let Some(layer) = source.layer() else { return Vec::new() };
    let names = FORBIDDEN.iter().find(|(name, _)| *name == layer).map_or(&[][..], |(_, names)| names);
    let code = source.code_without_tests();
    let hits = names.iter().flat_map(|name| places(&code, name).map(move |p| (p, name)));
    hits.map(|(p, name)| at(source, line_of(&code, p), format!("`{layer}` must not name `{name}`"))).collect()
}

/// The places where `name` stands as whole words.
fn places<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let edge = |b: Option<&u8>| b.is_none_or(|b| !(b.is_ascii_alphanumeric() || *b == b'_'));
    code.match_indices(name).map(|(i, _)| i).filter(move |i| {
        let before = i.checked_sub(1).and_then(|j| code.as_bytes().get(j));
        edge(before) && edge(code.as_bytes().get(i + name.len()))
    })
}

/// Files are short.
pub fn file_size(source: &Source) -> Vec<String> {
    let lines = source.raw.lines().count();
    if lines > MAX_FILE {
        vec![at(source, lines, format!("{lines} lines, at most {MAX_FILE}"))]
    } else {
        vec![]
    }
}

/// Functions are short.
pub fn function_size(source: &Source) -> Vec<String> {
    let long = source.functions().into_iter().filter(|f| f.lines > MAX_FUNCTION);
    long.map(|f| at(source, f.line, format!("`{}` has {} lines, at most {MAX_FUNCTION}", f.name, f.lines)))
        .collect()
}

/// Functions take few arguments.
pub fn argument_count(source: &Source) -> Vec<String> {
    let wide = source.functions().into_iter();
    let wide = wide.filter(|f| f.args > MAX_ARGUMENTS && !FOREIGN.contains(&f.name.as_str()));
    wide.map(|f| at(source, f.line, format!("`{}` takes {}, at most {MAX_ARGUMENTS}", f.name, f.args)))
        .collect()
}

/// Files begin with words on what they are.
pub fn head(source: &Source) -> Vec<String> {
    let said =
        source.raw.strip_prefix("//!").and_then(|r| r.lines().next()).is_some_and(|l| !l.trim().is_empty());
    if said { vec![] } else { vec![at(source, 1, "the file does not begin with `//! …`")] }
}

/// No state that outlives its owner.
pub fn globals(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let macros = ["static", "thread_local", "lazy_static", "once_cell"];
    let code = &source.code;
    let hits = words(code).filter(|(place, w)| {
        macros.contains(w)
            || (["LazyLock", "OnceLock", "LazyCell", "OnceCell"].contains(w) && in_const(code, *place))
    });
    hits.map(|(p, w)| at(source, line_of(code, p), format!("a global: `{w}`"))).take(1).collect()
}

/// True when the line of `place` declares a constant.
fn in_const(code: &str, place: usize) -> bool {
    let line = code[..place].rsplit('\n').next().unwrap_or_default();
    words(line).any(|(_, w)| w == "const")
}

/// `unwrap` and its relatives stay in tests.
pub fn unwraps(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let code = source.code_without_tests();
    let hits = places(&code, "unwrap").filter(|i| code[i + "unwrap".len()..].starts_with("()"));
    hits.map(|p| at(source, line_of(&code, p), "`unwrap()`: say why it cannot fail, or return the error"))
        .collect()
}

/// Unbounded queues, sleeping and ignored tests.
pub fn banned(source: &Source) -> Vec<String> {
    let mut hits: Vec<String> = Vec::new();
    let mut ban = |code: &str, name: &str| {
        hits.extend(places(code, name).map(|p| at(source, line_of(code, p), format!("`{name}` is banned"))));
    };
    for name in ["unbounded_channel", "thread::sleep", "ignore]", "ignore ="] {
        ban(&source.code, name);
    }
    let tests_only = if source.path.starts_with("src/") { only_tests(source) } else { source.code.clone() };
    for name in ["time::sleep", "time::sleep_until"] {
        ban(&tests_only, name);
    }
    hits
}

/// The code of the test modules alone (lines stay).
fn only_tests(source: &Source) -> String {
    if source.path.ends_with("/tests.rs") {
        return source.code.clone();
    }
    let rest = source.code_without_tests();
    let pairs = source.code.bytes().zip(rest.bytes());
    let bytes = pairs.map(|(all, kept)| if all == kept && all != b'\n' { b' ' } else { all }).collect();
    String::from_utf8(bytes).unwrap_or_default()
}

/// How many tests a file has.
pub fn tests_in(source: &Source) -> usize {
    let attribute = |name: &str| source.code.matches(name).count();
    attribute("#[test]") + attribute("#[tokio::test]") + attribute("#[tokio::test(")
}
