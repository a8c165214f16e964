//! Alarm rules of a site from outside: `check`, `alarms rules`, and the alarms that they raise.

use std::path::{Path, PathBuf};

use clap::Parser;
use hallwatch::cli::args::Args;
use serde_json::Value;

const RULES: &str = r#"
[[rule]]
name = "cdu-supply-high"
on = "90s"

[[rule]]
name = "grid-frequency"
enabled = false

[[rule]]
name = "site-drawn"
title = "The site draws power"
scope = "site"
when = "site_facility_power > 0.001 MW"
priority = "P2"
action = "None: this is a test\u001b[2J."
"#;

/// A folder with a config, a small site and rules.
struct Site(tempfile::TempDir);

impl Site {
    fn new(rules: &str) -> Self {
        let site = Self(tempfile::tempdir().expect("a temporary folder"));
        let topology = Path::new(env!("CARGO_MANIFEST_DIR")).join("sites/air-cooled.toml");
        let config = format!("topology = {topology:?}\nalarm_rules = \"rules.toml\"\n");
        std::fs::write(site.path("config.toml"), config).expect("writable");
        std::fs::write(site.path("rules.toml"), rules).expect("writable");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What `hallwatch LINE --config …` writes, or why it failed.
    fn run(&self, line: &str) -> Result<String, String> {
        let config = self.path("config.toml").to_string_lossy().into_owned();
        let words = format!("hallwatch {line} --config {config}");
        let args = Args::try_parse_from(words.split_whitespace()).expect("valid arguments");
        let mut out = Vec::new();
        let done = hallwatch::cli::run(args, &mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(!text.contains('\u{1b}'), "{line} lets control characters through");
        done.map(|_| text.clone()).map_err(|e| text + &e.report())
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(line).expect(line)).expect("JSON")
    }
}

#[test]
fn the_check_says_what_the_site_has_made_of_the_rules() {
    let site = Site::new(RULES);
    let told = "27 rules, 2 changed, 1 added, 1 switched off";
    assert!(site.run("check").expect("valid").contains(&format!("ok     alarm rules: {told}")));
    let file = site.path("rules.toml");
    let line = format!("check {}", file.display());
    assert_eq!(site.run(&line).as_deref(), Ok(format!("ok     {}: {told}\n", file.display()).as_str()));
    let broken = Site::new("[[rule]]\nname = \"cdu-supply-high\"\nwhen = \"cdu_secondary_supply >\"\n");
    for line in ["check", "alarms rules", "snapshot --ticks 1", "config print"] {
        let e = broken.run(line).expect_err(line);
        assert!(e.contains("rules.toml:3: `when`: expected a value, a number or a call"), "{line}: {e}");
    }
}

#[test]
fn a_file_may_change_what_another_one_adds() {
    let site = Site::new(RULES);
    let second = site.path("second.toml");
    std::fs::write(&second, "[[rule]]\nname = \"site-drawn\"\npriority = \"P1\"\n").expect("writable");
    let alone = site.run(&format!("check {}", second.display())).expect_err("there is nothing to change");
    assert!(alone.contains("second.toml:2: "), "{alone}");
    let first = site.path("rules.toml");
    let both = site.run(&format!("check {} --alarm-rules {}", second.display(), first.display()));
    assert!(both.expect("over the first").contains("27 rules, 2 changed, 1 added"));
}

#[test]
fn the_rules_in_effect_are_listed_and_told_at_length() {
    let site = Site::new(RULES);
    let list = site.run("alarms rules").expect("valid");
    let line = |name: &str| list.lines().find(|l| l.starts_with(name)).expect(name).to_owned();
    assert!(line("grid-frequency").ends_with("[off, of the site]"), "{list}");
    assert!(line("rack-leak").contains("P1") && line("rack-leak").ends_with("[latches]"), "{list}");
    assert!(list.contains("shown by the alarm view") && !list.contains("no signal"), "{list}");
    let page = site.run("alarms rules cdu-supply-high").expect("valid");
    for phrase in
        ["raised after  1m30s", "deadband      0.5 K", "rules.toml:2", "rack-flow-low, rack-delta-t"]
    {
        assert!(page.contains(phrase), "{phrase}: {page}");
    }
    let e = site.run("alarms rules rack-leek").expect_err("no such rule");
    assert_eq!(e, "no alarm rule is called `rack-leek`: did you mean `rack-leak`?");
}

#[test]
fn rules_without_a_signal_are_marked_after_a_run_of_the_site() {
    let site = Site::new(RULES);
    let rules = site.json("alarms rules --sim --json");
    let signal = |name: &str| {
        let all = rules["rules"].as_array().expect("a list");
        all.iter().find(|r| r["name"] == name).expect(name)["signal"].clone()
    };
    // The site is cooled by air: there is no coolant that could be too warm, but there is a grid.
    assert_eq!((signal("return-temperature-high"), signal("site-drawn")), (false.into(), true.into()));
    assert_eq!(site.json("alarms rules --json site-drawn")["rules"][0]["signal"], Value::Null);
    let list = site.run("alarms rules --sim").expect("valid");
    assert!(list.contains("no signal") && !list.contains("shown by the alarm view"), "{list}");
}

#[test]
fn a_rule_of_the_site_raises_its_alarm() {
    let site = Site::new(RULES);
    let alarms = site.json("snapshot --view alarms --format json --ticks 5");
    let all = alarms["alarms"].as_array().expect("a list");
    let found = all.iter().find(|a| a["rule"] == "site-drawn").expect("it stands");
    assert_eq!((&found["priority"], &found["title"]), (&2.into(), &"The site draws power".into()));
}
