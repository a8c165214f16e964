//! The form of the code, held by a test: import order of the layers, sizes, heads, no globals,
//! no unbounded queues, no sleeping. Each rule is also tried on made-up code that breaks it.

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;

use std::path::Path;

use rules::{LAYERS, Rule, edges, find_cycle};
use scan::Source;

fn collect(dir: &Path, root: &Path, out: &mut Vec<Source>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut paths: Vec<_> = entries.map(|e| e.expect("the folder can be listed").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, root, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let raw = std::fs::read_to_string(&path).expect("source is readable");
            let name = path.strip_prefix(root).expect("it lies below the root").display().to_string();
            out.push(Source::new(&name, &raw));
        }
    }
}

/// All Rust files of `src`, `tests` and `benches`.
fn project() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out = Vec::new();
    for dir in ["src", "tests", "benches"] {
        collect(&root.join(dir), root, &mut out);
    }
    assert!(out.iter().any(|s| s.path == "src/lib.rs"), "the project was found");
    out
}

fn in_src(source: &Source) -> bool {
    source.path.starts_with("src/")
}

fn hold(rule: Rule) {
    let broken: Vec<String> = project().iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "{} places break the rule:\n{}", broken.len(), broken.join("\n"));
}

/// `good` passes the rule, `bad` breaks it exactly once.
fn check(rule: Rule, path: &str, good: &str, bad: &str) {
    assert_eq!(rule(&Source::new(path, good)), Vec::<String>::new(), "falsely accused: {good}");
    assert_eq!(rule(&Source::new(path, bad)).len(), 1, "not caught: {bad}");
}

#[test]
fn lower_layers_never_import_higher_ones() {
    hold(rules::import_order);
}

#[test]
fn every_module_of_the_crate_is_a_known_layer() {
    for layer in project().iter().filter_map(Source::layer) {
        assert!(LAYERS.iter().any(|(name, _)| *name == layer), "src/{layer} is in no layer");
    }
}

#[test]
fn imports_among_layers_have_no_cycle() {
    assert_eq!(find_cycle(&edges(&project())), None);
}

#[test]
fn each_layer_keeps_away_from_what_it_must_not_know() {
    hold(rules::forbidden_names);
}

#[test]
fn files_are_at_most_500_lines() {
    hold(rules::file_size);
}

#[test]
fn functions_are_at_most_70_lines_with_at_most_5_arguments() {
    hold(rules::function_size);
    hold(rules::argument_count);
}

#[test]
fn every_file_says_what_it_is() {
    hold(rules::head);
}

#[test]
fn there_are_no_globals() {
    hold(rules::globals);
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    hold(rules::unwraps);
}

#[test]
fn nothing_sleeps_is_ignored_or_queues_without_bound() {
    hold(rules::banned);
}

#[test]
fn there_are_at_least_15_tests_per_1000_lines() {
    let files = project();
    let lines: usize = files.iter().filter(|s| in_src(s)).map(|s| s.raw.lines().count()).sum();
    let tests: usize = files.iter().map(rules::tests_in).sum();
    assert!(tests * 1000 >= 15 * lines, "{tests} tests for {lines} lines");
}

#[test]
fn import_order_is_checked() {
    let good = "use crate::model::Topology;\nuse crate::fleet::Ring;\n// use crate::cli::X;\n";
    check(rules::import_order, "src/ui/view.rs", good, "use crate::source::Outlet;");
    check(rules::import_order, "src/fleet/ring.rs", good, "fn f() { crate::ui::draw() }");
    check(rules::import_order, "src/model.rs", "use super::x;", "use super::fleet::Frame;");
    check(rules::import_order, "src/model/a.rs", "use super::ui;", "use super::super::ui::x;");
    check(
        rules::import_order,
        "src/ui.rs",
        "use crate::{model, fleet::X};",
        "use crate::{model, engine::X};",
    );
    check(
        rules::import_order,
        "src/fleet.rs",
        "use crate::{model::{a, b}};",
        "pub(crate) use hallwatch::cli;",
    );
}

#[test]
fn cycles_are_found() {
    let one = Source::new("src/fleet/a.rs", "use crate::model::X;");
    let two = Source::new("src/model/b.rs", "use crate::source::Y;");
    let three = Source::new("src/source.rs", "use crate::fleet::Z;");
    assert_eq!(find_cycle(&edges(&[one.clone(), two.clone()])), None);
    assert!(find_cycle(&edges(&[one, two, three])).is_some());
}

#[test]
fn forbidden_names_are_checked() {
    check(
        rules::forbidden_names,
        "src/ui/a.rs",
        "// tokio\nlet s = \"crossterm\";",
        "use tokio::sync::watch;",
    );
    check(rules::forbidden_names, "src/ui/a.rs", "use std::fmt;", "use std::net::TcpStream;");
    check(rules::forbidden_names, "src/fleet/a.rs", "fn f() {}", "fn f() { std::fs::read(p) }");
    check(rules::forbidden_names, "src/model/a.rs", "fn f() {}", "pub async fn f() {}");
    check(rules::forbidden_names, "src/source/a.rs", "use tokio::time;", "let t = SystemTime::now();");
    check(rules::forbidden_names, "src/engine/a.rs", "use tokio::time;", "use ratatui::buffer::Buffer;");
}

#[test]
fn sizes_are_checked() {
    let short = "//! x\n".repeat(500);
    check(rules::file_size, "tests/a.rs", &short, &"//! x\n".repeat(501));
    let long = |n: usize| format!("fn f() {{\n{}}}\n", "    a();\n".repeat(n));
    check(rules::function_size, "src/a.rs", &long(68), &long(69));
    let good = "fn f<F: Fn(u8, u8) -> u8>(a: F, b: (u8, u8), c: Vec<(u8, u8)>, d: [u8; 2], e: u8,) {}";
    check(rules::argument_count, "src/a.rs", good, "fn f(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) {}");
}

#[test]
fn heads_and_globals_are_checked() {
    check(rules::head, "src/a.rs", "//! What it is.\nuse x;", "use x;");
    check(rules::head, "src/a.rs", "//! What it is.", "//!\n//!\n");
    let good = "const A: u8 = 1;\nfn f(x: &'static str) {} // static\nlet s = \"static X\";";
    check(rules::globals, "src/a.rs", good, "static A: u8 = 1;");
    check(rules::globals, "src/a.rs", good, "    pub static mut A: u8 = 1;");
    check(rules::globals, "src/a.rs", good, "thread_local! { }");
    check(rules::globals, "src/a.rs", good, "const A: LazyLock<u8> = LazyLock::new(f);");
}

#[test]
fn unwraps_and_banned_calls_are_checked() {
    let good = "fn f() { a.unwrap_or(1) }\n#[cfg(test)]\nmod tests { fn g() { a.unwrap(); } }";
    check(rules::unwraps, "src/a.rs", good, "#[cfg(test)]\nmod tests;\nfn f() { a\n.unwrap() }");
    check(rules::banned, "src/a.rs", "mpsc::channel(8)", "mpsc::unbounded_channel()");
    check(rules::banned, "src/a.rs", "f()", "use std::thread; thread::sleep(d)");
    check(rules::banned, "tests/a.rs", "#[test] fn f() {}", "#[test] #[ignore] fn f() {}");
    check(rules::banned, "tests/a.rs", "timeout(d, f)", "tokio::time::sleep(d).await");
    let in_tests = "#[cfg(test)]\nmod tests { async fn f() { tokio::time::sleep(d).await } }";
    check(rules::banned, "src/a.rs", "async fn f() { tokio::time::sleep(d).await }", in_tests);
}

#[test]
fn literals_and_comments_are_blanked_and_nothing_else() {
    let raw =
        "let a = r#\"x \" static\"#; let b = '\"'; let c = b'\\''; /* a /* b */ c */ fn f<'a>(x: &'a str) {}";
    let code = scan::blank(raw);
    assert_eq!(code.len(), raw.len());
    assert!(!code.contains("static") && !code.contains('"'), "{code}");
    assert!(code.ends_with("fn f<'a>(x: &'a str) {}"), "{code}");
    assert_eq!(scan::blank("'ä' 'b"), format!("{} 'b", " ".repeat("'ä'".len())));
}

#[test]
fn tests_are_counted_in_all_their_spellings() {
    let text = "#[test]\nfn a() {}\n#[tokio::test(start_paused = true)]\nasync fn b() {}\n// #[test]\n";
    assert_eq!(rules::tests_in(&Source::new("src/a.rs", text)), 2);
}
