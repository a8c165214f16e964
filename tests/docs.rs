//! The documents say what is true: generated pages are up to date, commands and links work,
//! every dependency has its reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use hallwatch::cli::args::Args;
use hallwatch::cli::config::doc;
use hallwatch::model::Topology;
use hallwatch::source::sim::scenario::{self, Scenario};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All Markdown pages, relative to the package.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in ["", "docs", "docs/decisions", "docs/pictures"] {
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

/// The part of a page between `<!-- name -->` and `<!-- /name -->`; with `HALLWATCH_WRITE_DOCS` set
/// it is written anew first.
fn holds(page: &str, name: &str, wanted: &str) {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let text = read(page);
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("{page} has no {open}"));
    let (found, after) = rest.split_once(&close).unwrap_or_else(|| panic!("{page} has no {close}"));
    if std::env::var_os("HALLWATCH_WRITE_DOCS").is_some() {
        let new = format!("{before}{open}{wanted}{close}{after}");
        std::fs::write(root().join(page), new).expect("the page is writable");
        return;
    }
    let stale = "is stale: run `HALLWATCH_WRITE_DOCS=1 cargo test --test docs`";
    assert!(found == wanted, "the part `{name}` of {page} {stale}");
}

#[test]
fn the_readme_has_the_default_keys_and_the_commands_of_the_help() {
    holds("README.md", "keys", &hallwatch::ui::keymap::Keymap::defaults().markdown_table());
    let command = Args::command();
    let words = |c: &clap::Command| c.get_about().map(ToString::to_string).unwrap_or_default();
    let lines = command.get_subcommands().filter(|c| c.get_name() != "help");
    let table: String = lines.map(|c| format!("| `{}` | {} |\n", c.get_name(), words(c))).collect();
    holds("README.md", "commands", &format!("| command | what it does |\n|---|---|\n{table}"));
}

#[test]
fn the_page_on_tables_lists_their_columns() {
    use hallwatch::cli::args::export::TableAssets;
    use hallwatch::cli::export::{openmetrics, rows::Shape};
    for (name, assets) in [("gpu", TableAssets::Gpu), ("rack", TableAssets::Rack)] {
        let shape = Shape::new(assets, &[]).expect("all");
        let (place, about) = shape.labels();
        let mut table =
            String::from("| column | in OpenMetrics |\n|---|---|\n| `time` | the time of the sample |\n");
        place.iter().for_each(|p| table += &format!("| `{p}` | label |\n"));
        about.iter().for_each(|a| table += &format!("| `{a}` | |\n"));
        for column in &shape.columns {
            table += &format!("| `{}` | `{}` |\n", column.name, openmetrics::name(column));
        }
        holds("docs/export.md", name, &table);
    }
}

/// What `hallwatch LINE` writes.
fn output(line: &str) -> String {
    let args = Args::try_parse_from(line.split_whitespace()).expect(line);
    let mut out = Vec::new();
    hallwatch::cli::run(args, &mut out).unwrap_or_else(|e| panic!("{line}: {}", e.report()));
    String::from_utf8(out).expect("text")
}

/// All keys of a JSON value with the way to them; elements of a list are one.
fn key_paths(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(name, inner)| {
            let path = format!("{path}.{name}");
            key_paths(inner, &path, found);
            found.insert(path);
        }),
        serde_json::Value::Array(list) => list.iter().for_each(|v| key_paths(v, &format!("{path}[]"), found)),
        _ => {}
    }
}

/// JSON for readers: an object of plain values takes one line, a list shows its first element.
fn shown(value: &serde_json::Value, indent: usize) -> String {
    let plain = |v: &serde_json::Value| !(v.is_object() || v.is_array());
    let (inside, end) = (" ".repeat(indent + 2), " ".repeat(indent));
    match value {
        serde_json::Value::Object(map) if map.values().all(plain) => {
            let pairs: Vec<_> = map.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        serde_json::Value::Object(map) => {
            let pairs = map.iter().map(|(k, v)| format!("{inside}\"{k}\": {}", shown(v, indent + 2)));
            format!("{{\n{}\n{end}}}", pairs.collect::<Vec<_>>().join(",\n"))
        }
        serde_json::Value::Array(list) if list.iter().all(plain) => value.to_string(),
        serde_json::Value::Array(list) => format!("[{}]", shown(&list[0], indent)),
        other => other.to_string(),
    }
}

#[test]
fn the_examples_of_json_have_the_keys_that_the_program_prints() {
    let views = ["site", "hall:H6", "rack:H6-R15-K7", "gpu:H6-R15-K7-T09-G2", "jobs"];
    for view in views {
        let kind = view.split(':').next().unwrap_or_default();
        let line =
            format!("hallwatch snapshot --config /dev/null --seed 7 --ticks 3 --format json --view {view}");
        let real: serde_json::Value = serde_json::from_str(&output(&line)).expect("JSON");
        if std::env::var_os("HALLWATCH_WRITE_DOCS").is_some() {
            holds("docs/json.md", kind, &format!("```json\n{}\n```\n", shown(&real, 0)));
        }
        let page = read("docs/json.md");
        let part = page.split(&format!("<!-- {kind} -->\n")).nth(1).expect("an example");
        let example: serde_json::Value = serde_json::from_str(&blocks(part, "json")[0]).expect("valid JSON");
        let (mut printed, mut documented) = (BTreeSet::new(), BTreeSet::new());
        key_paths(&real, "", &mut printed);
        key_paths(&example, "", &mut documented);
        assert_eq!(printed, documented, "{view}");
        for name in printed.iter().filter_map(|p| p.rsplit('.').next()) {
            assert!(page.contains(&format!("`{name}`")), "docs/json.md does not explain `{name}`");
        }
    }
}

#[test]
fn every_dependency_is_used() {
    let code = code();
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).expect("the manifest is valid");
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().expect("a table").keys() {
            let name = name.replace('-', "_");
            let uses = [format!("use {name}::"), format!("use {name};"), format!("{name}::")];
            assert!(uses.iter().any(|u| code.contains(u)), "nothing uses {name}: remove it from Cargo.toml");
        }
    }
}

/// All code of the project but this file, comments left out.
fn code() -> String {
    let mut code = String::new();
    let mut folders: Vec<PathBuf> = ["src", "tests", "benches", "examples"].map(|d| root().join(d)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder exists") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(path).expect("readable");
                text.lines().filter(|l| !l.trim_start().starts_with("//")).for_each(|l| {
                    code += l;
                    code.push('\n');
                });
            }
        }
    }
    code
}

#[test]
fn the_tests_that_hold_the_invariants_exist() {
    let page = read("ARCHITECTURE.md");
    let section = page.split("| invariant | held by |").nth(1).expect("the table");
    let section = section.split("\n\n").next().unwrap_or_default();
    let code = code();
    let names: Vec<&str> =
        section.split('`').skip(1).step_by(2).filter(|n| n.matches('_').count() > 2).collect();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        assert!(code.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

/// The first sentence of the head of a source file.
fn head(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("readable");
    let lines = text.lines().map_while(|l| l.strip_prefix("//!")).map(str::trim);
    let words = lines.take_while(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    let end = words.find(". ").map_or(words.len(), |at| at + 1);
    words[..end].replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}

#[test]
fn the_map_names_every_module_as_its_head_does() {
    let layers = ["model", "fleet", "alarm", "journal", "source", "engine", "ui", "session", "cli"];
    let mut table = String::from("| module | what it is |\n|---|---|\n");
    for layer in layers {
        let dir = root().join("src").join(layer);
        let entries = std::fs::read_dir(&dir).expect("a layer is a folder");
        let mut files: Vec<PathBuf> = entries.map(|e| e.expect("it can be listed").path()).collect();
        files.retain(|p| p.extension().is_some_and(|e| e == "rs"));
        files.sort();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            table += &format!("| `{layer}::{name}` | {} |\n", head(&file));
        }
    }
    holds("ARCHITECTURE.md", "modules", &table);
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
            if file.is_empty() || file.starts_with("http") {
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
fn the_page_of_scenarios_says_what_the_parser_reads() {
    let page = "docs/scenarios.md";
    holds(page, "built-in", &scenario::doc::built_in());
    holds(page, "verbs", &scenario::doc::verbs());
    holds(page, "values", &scenario::doc::values());
    holds(page, "rules", &scenario::doc::rules());
    let example = blocks(&read(page), "toml").into_iter().next().expect("an example");
    let (site, seed) = (Topology::default_site(), 7);
    let work = hallwatch::source::sim::workload::Workload::new(&site, seed);
    let parsed = Scenario::parse(&example, page).expect("the example is valid");
    parsed.resolve(&site, &work, seed).expect("the example fits the built-in site");
    for key in
        scenario::read::TOP_KEYS.into_iter().filter(|k| !["event", "alarm", "signature", "pick"].contains(k))
    {
        assert!(example.contains(&format!("{key} = ")), "{key} is not in the example");
    }
    for (table, keys) in [
        ("[pick]", &scenario::read::PICK_KEYS[..]),
        ("[[event]]", &scenario::read::EVENT_KEYS),
        ("[[alarm]]", &scenario::read::ALARM_KEYS),
        ("[[signature]]", &scenario::signature::KEYS),
    ] {
        let tables: String = example.split("\n[").filter(|t| t.starts_with(&table[1..])).collect();
        for key in keys {
            assert!(tables.contains(&format!("\n{key} = ")), "{table} {key} is not in the example");
        }
    }
}

/// The headings of a page as the links to them.
fn headings(page: &str) -> BTreeSet<String> {
    let lines = page
        .lines()
        .filter_map(|l| l.trim_start_matches('#').strip_prefix(' ').filter(|_| l.starts_with('#')));
    lines.map(|l| l.to_lowercase().replace(' ', "-")).collect()
}

#[test]
fn the_page_of_alarms_says_what_the_tables_and_rules_say() {
    use hallwatch::alarm::doc;
    use hallwatch::fleet::query::doc as query;
    let page = "docs/alarms.md";
    holds(page, "states", &doc::states());
    holds(page, "drawing", &doc::drawing());
    holds(page, "transitions", &doc::transitions());
    holds(page, "rules", &doc::rules());
    holds(page, "suppression", &doc::suppression());
    holds(page, "values", &query::values());
    holds(page, "worked-out", &query::worked_out());
    holds(page, "words", &query::words());
    let text = read(page);
    let example = blocks(&text, "toml").into_iter().next().expect("an example");
    hallwatch::alarm::read::read(&[(page, &example)]).expect("the example is valid");
    for key in hallwatch::alarm::read::KEYS {
        assert!(text.contains(&format!("| `{key}` |")), "{page} does not explain `{key}`");
    }
    // The grammar is that of the head of the module.
    let head = read("src/fleet/query.rs");
    let head: String = head
        .lines()
        .map_while(|l| l.strip_prefix("//!"))
        .map(|l| format!("{}\n", l.trim_start_matches(' ')))
        .collect();
    let grammar: String =
        blocks(&text, "text").concat().lines().map(|l| format!("{}\n", l.trim_start())).collect();
    assert!(!grammar.is_empty() && head.contains(&grammar), "the grammar differs from src/fleet/query.rs");
}

#[test]
fn every_rule_has_its_section_in_the_page_of_the_operator() {
    let page = read("docs/operator.md");
    let headings = headings(&page);
    for rule in hallwatch::alarm::Rules::built_in().list().iter().filter(|r| !r.silent) {
        let heading = rule.runbook.strip_prefix("docs/operator.md#").expect("the page of the operator");
        assert!(headings.contains(heading), "docs/operator.md has no section `{heading}`");
        let section = page.split(&format!("\n### {heading}\n")).nth(1).expect("a section");
        let section = section.split("\n#").next().unwrap_or_default();
        for part in ["**Means.**", "**Look at.**", "**Do.**", "**Escalate**"] {
            assert!(section.contains(part), "{heading} has no part {part}");
        }
    }
}

#[test]
fn the_fields_of_rules_as_json_are_explained() {
    let text = output("hallwatch alarms rules --json --config /dev/null");
    let real: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut printed = BTreeSet::new();
    key_paths(&real, "", &mut printed);
    let page = read("docs/json.md");
    let part = page.split("What `rules` answers").nth(1).expect("a part on rules");
    for name in printed.iter().filter_map(|p| p.rsplit('.').next()) {
        assert!(part.contains(&format!("`{name}`")), "docs/json.md does not explain `{name}`");
    }
}

#[test]
fn the_example_of_a_scenario_as_json_is_what_the_program_prints() {
    let text = output("hallwatch sim scenarios xid79-burst --json");
    let mut real: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    real["doc"] = "…".into();
    // One event and one signature show the form.
    for list in ["events", "none", "signatures"] {
        real[list].as_array_mut().expect("a list").truncate(1);
    }
    let text = serde_json::to_string_pretty(&real).expect("values serialize");
    holds("docs/scenarios.md", "json", &format!("```json\n{text}\n```\n"));
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
