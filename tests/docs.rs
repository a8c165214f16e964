//! The documents say what is true: generated pages are up to date, commands and links work,
//! every dependency has its reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use hallwatch::cli::args::Args;
use hallwatch::cli::config::doc;
use hallwatch::model::Topology;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All Markdown pages, relative to the package.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in ["", "docs", "docs/decisions"] {
        for entry in std::fs::read_dir(root().join(dir)).expect("the folder exists") {
            let path = entry.expect("it can be listed").path();
            if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() >= 8, "the pages were found: {found:?}");
    found
}

/// The code blocks of a page that are marked as `language`.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match &mut block {
            Some(text) if line == "```" => {
                found.push(std::mem::take(text));
                block = None;
            }
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line == format!("```{language}") => block = Some(String::new()),
            None => {}
        }
    }
    found
}

#[test]
fn the_config_page_is_what_the_table_of_keys_says() {
    let path = root().join("docs/config.md");
    if std::env::var_os("HALLWATCH_WRITE_DOCS").is_some() {
        std::fs::write(&path, doc::markdown()).expect("the page is writable");
    }
    let stale = "docs/config.md is stale: run `HALLWATCH_WRITE_DOCS=1 cargo test --test docs`";
    assert!(std::fs::read_to_string(path).unwrap_or_default() == doc::markdown(), "{stale}");
}

#[test]
fn commands_in_the_documents_are_accepted() {
    let mut seen = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("readable");
        for line in blocks(&text, "sh").iter().flat_map(|b| b.lines()) {
            let command = line.split(" #").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
            if command.starts_with("hallwatch") {
                seen += 1;
                let parsed = Args::try_parse_from(command.split_whitespace());
                assert!(parsed.is_ok(), "{}: {command}: {}", page.display(), parsed.unwrap_err());
            }
        }
    }
    assert!(seen >= 10, "{seen} commands were checked");
}

#[test]
fn examples_of_the_help_are_accepted() {
    for line in hallwatch::cli::args::EXAMPLES.lines().skip(1) {
        let command = line.trim().split("   ").next().unwrap_or_default();
        let command = command.split("  ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
        assert!(Args::try_parse_from(command.split_whitespace()).is_ok(), "{command}");
    }
}

#[test]
fn the_readme_shows_every_command() {
    let readme = read("README.md");
    for command in Args::command().get_subcommands().filter(|c| !["watch", "help"].contains(&c.get_name())) {
        let words = format!("hallwatch {}", command.get_name());
        assert!(readme.contains(&words), "{words} is not in the README");
    }
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("readable");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            // Pictures are made from runs of the program, after the pages.
            if file.is_empty() || file.starts_with("http") || file.starts_with("docs/pictures/") {
                continue;
            }
            let target = page.parent().expect("a page lies in a folder").join(file);
            assert!(target.exists(), "{}: {link}", page.display());
        }
    }
}

/// The names in the first column of the tables under the heading `title`.
fn table_names(page: &str, title: &str) -> BTreeSet<String> {
    let section = page.split(title).nth(1).expect("the heading exists");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|l| l.strip_prefix("| `")?.split_once("` | "));
    rows.filter(|(_, reason)| reason.trim_end_matches([' ', '|']).len() >= 10)
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn every_dependency_is_listed_with_a_reason() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).expect("the manifest is valid");
    let mut used = BTreeSet::new();
    for section in ["dependencies", "dev-dependencies"] {
        used.extend(manifest[section].as_table().expect("a table").keys().cloned());
    }
    let listed = table_names(&read("ARCHITECTURE.md"), "\n## Dependencies\n");
    let missing: Vec<_> = used.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&used).collect();
    assert!(missing.is_empty() && gone.is_empty(), "without a reason: {missing:?}; no longer used: {gone:?}");
}

#[test]
fn the_map_shows_every_layer_and_eleven_invariants() {
    let page = read("ARCHITECTURE.md");
    let layers = table_names(&page, "\n## Layers\n");
    for entry in std::fs::read_dir(root().join("src")).expect("src exists") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(
            ["lib", "main"].contains(&name.as_str()) || layers.contains(&name),
            "{name} is not on the map"
        );
    }
    for n in 1..=11 {
        assert!(page.contains(&format!("\n{n}. ")), "invariant {n}");
    }
}

#[test]
fn the_topology_page_has_a_valid_example_with_every_key() {
    let page = read("docs/topology.md");
    let example = blocks(&page, "toml").into_iter().next().expect("an example");
    let site = Topology::from_toml(&example, "docs/topology.md").expect("the example is valid");
    assert_eq!(site.gpu_count(), 2 * 8 * 18 * 4);
    for table in ["[site]", "[[gpu]]", "[[rack]]", "[[hall]]"] {
        // The error for an unknown key lists the known ones.
        let broken = example.replacen(table, &format!("{table}\nqqqqqqqqqqqqqqqqqqqqqqqq = 1"), 1);
        let e = Topology::from_toml(&broken, "x").expect_err("unknown key").to_string();
        let names = e.split("expected one of ").nth(1).expect("the known keys").to_owned();
        for name in names.split(", ") {
            assert!(example.contains(&format!("\n{name} = ")), "{table} {name} is not in the example");
        }
    }
}

#[test]
fn examples_of_settings_are_valid() {
    let page = read("docs/config.md");
    let examples = blocks(&page, "toml");
    assert!(examples.len() >= 3);
    for text in examples {
        hallwatch::cli::config::layer::parse(&text, Path::new("docs/config.md")).expect(&text);
    }
}

#[test]
fn the_licence_is_the_declared_one() {
    assert!(read("Cargo.toml").contains("license = \"Apache-2.0\""));
    let text = read("LICENSE");
    assert!(text.contains("Version 2.0, January 2004") && text.contains("END OF TERMS AND CONDITIONS"));
}
