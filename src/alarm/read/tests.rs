//! Checks of what a file of rules may say, and of how each mistake is told.

use super::*;

fn over(text: &str) -> Result<Rules> {
    read(&[("site.toml", text)])
}

fn error(text: &str) -> String {
    over(text).expect_err(text).to_string()
}

fn rule(rules: &Rules, slug: &str) -> Rule {
    rules.list().iter().find(|r| *r.slug == *slug).expect(slug).clone()
}

#[test]
fn every_known_rule_is_built_in_with_its_scope_and_has_something_to_do() {
    let rules = Rules::built_in();
    assert_eq!(rules.list().iter().filter(|r| !r.silent).count(), rule::ALL.len());
    for known in rule::ALL {
        let r = rule(&rules, known.slug);
        assert_eq!((r.scope(), r.priority, &*r.title), (known.scope, known.priority, known.title));
        assert!(r.action.len() > 10 && !r.silent && !r.disabled && r.from.is_empty(), "{}", r.slug);
        assert_eq!(*r.runbook, format!("docs/operator.md#{}", r.slug));
        assert!(r.worse.iter().all(|w| w.priority < r.priority), "{}: a worse case is no worse", r.slug);
    }
    let silent: Vec<_> = rules.list().iter().filter(|r| r.silent).collect();
    assert!(silent.iter().all(|r| !r.suppresses.is_empty()), "a silent rule does nothing");
}

#[test]
fn what_a_file_leaves_out_stays() {
    let text = "\n[[rule]]\nname = \"cdu-supply-high\"\non = \"90s\"\n\n[[rule]]\nname = \"grid-frequency\"\nenabled = false\n";
    let (before, after) = (Rules::built_in(), over(text).expect("valid"));
    assert_eq!(after.list().len(), before.list().len());
    let expected = Rule { on_ms: 90_000, from: "site.toml:2".into(), ..rule(&before, "cdu-supply-high") };
    assert_eq!(rule(&after, "cdu-supply-high"), expected);
    let expected = Rule { disabled: true, from: "site.toml:6".into(), ..rule(&before, "grid-frequency") };
    assert_eq!(rule(&after, "grid-frequency"), expected);
    let changed = |r: &&Rule| !r.from.is_empty();
    assert_eq!(after.list().iter().filter(changed).count(), 2, "no other rule has changed");
}

#[test]
fn another_limit_keeps_the_deadband_and_worse_cases() {
    let text = "[[rule]]\nname = \"grid-frequency\"\nwhen = \"site_frequency < 49.8 Hz\"\n";
    let r = rule(&over(text).expect("valid"), "grid-frequency");
    assert_eq!((&*r.text, &*r.deadband, r.worse.len()), ("site_frequency < 49.8 Hz", "0.02 Hz", 1));
    let held = parse("site_frequency < 49.8 Hz").expect("valid");
    assert_eq!(Ok(r.plan), Plan::new(held, Scope::Site, Some(Deadband::By(0.02))));
}

#[test]
fn a_new_rule_needs_a_condition_a_scope_and_a_priority_alone() {
    let text = "[[rule]]\nname = \"hall-hot\"\nscope = \"hall\"\nwhen = \"hall_cold_aisle > 32 °C\"\npriority = \"P3\"\n";
    let rules = over(text).expect("valid");
    let r = rule(&rules, "hall-hot");
    assert_eq!(
        (r.on_ms, r.latch, r.up_to, &*r.class, &*r.title),
        (0, false, Scope::Site, "hall-hot", "hall-hot")
    );
    assert_eq!(rules.list().last(), Some(&r), "behind the built-in ones");
    for (key, message) in [
        ("scope = \"hall\"\n", "site.toml:1: [[rule]] has no `scope`: expected what the alarm stands at"),
        ("priority = \"P3\"\n", "site.toml:1: [[rule]] has no `priority`: expected P1 to P4"),
    ] {
        assert_eq!(error(&text.replace(key, "")), message);
    }
}

#[test]
fn later_files_go_before_earlier_ones_and_may_change_what_those_add() {
    let first =
        "[[rule]]\nname = \"mine\"\nscope = \"site\"\nwhen = \"site_frequency < 49 Hz\"\npriority = \"P2\"\n";
    let second = "[[rule]]\nname = \"mine\"\npriority = \"P1\"\n";
    let rules = read(&[("a.toml", first), ("b.toml", second)]).expect("valid");
    let r = rule(&rules, "mine");
    assert_eq!((r.priority, &*r.from, &*r.text), (1, "b.toml:1", "site_frequency < 49 Hz"));
    let alone = read(&[("b.toml", second)]).expect_err("there is nothing to change").to_string();
    assert!(alone.starts_with("b.toml:2: `name`: no rule is called `mine`"), "{alone}");
}

#[test]
fn each_mistake_is_told_with_its_line_and_the_nearest_name() {
    let of = |rest: &str| error(&format!("[[rule]]\nname = \"cdu-supply-high\"\n{rest}\n"));
    for (rest, message) in [
        (
            "when = \"cdu_secondary_suply > 30 °C\"",
            "`when`: no value is called `cdu_secondary_suply`: did you mean `cdu_secondary_supply`? (at character 1)",
        ),
        ("when = \"cdu_secondary_supply > 30 furlong\"", ""),
        ("when = \"cdu_secondary_supply > 30 LPM\"", "`when`: compares °C with LPM (at character 1)"),
        ("scope = \"cdo\"", "`scope`: `cdo`: did you mean `CDU`?"),
        (
            "when = \"rack_liquid_flow < 5 LPM\"",
            "`when`: `rack_liquid_flow` is of a rack, and this is asked of a CDU",
        ),
        ("priority = \"P5\"", ""),
        (
            "deadband = \"-0.5 K\"",
            "`deadband`: is below zero: it is how far the value must go back, whatever the direction",
        ),
        ("deadband = \"100 %\"", "`deadband`: expected less than 100 % of the limit"),
        ("deadband = \"5 LPM\"", "`deadband`: `LPM` is the unit of no value in `when`"),
        ("deadband = \"5\"", "`deadband`: no unit is the unit of no value in `when`"),
        ("on = \"-5s\"", "`on`: -5s is negative: times count from the start"),
        ("on = 5", "`on`: expected a time like \"12s\" or \"1m30s\", found a whole number"),
        ("off = \"25h\"", "`off`: 25h is out of range: expected 0s to 24h"),
        ("enabeld = false", "unknown key `enabeld`: did you mean `enabled`?"),
        (
            "suppresses = [\"rack-flow-lo\"]",
            "`cdu-supply-high` suppresses `rack-flow-lo`, which is no rule: did you mean `rack-flow-low`?",
        ),
    ] {
        let e = of(rest);
        assert!(e.starts_with("site.toml:3: "), "{e}");
        if !message.is_empty() {
            assert_eq!(e, format!("site.toml:3: {message}"));
        }
    }
    let e = of("when = \"cdu_secondary_supply > 30 furlong\"");
    assert!(e.starts_with("site.toml:3: `when`: unknown unit `furlong`: "), "{e}");
    let e = of("deadband = \"0.5 Kelvin\"");
    assert!(e.starts_with("site.toml:3: `deadband`: unknown unit `Kelvin`: "), "{e}");
}

#[test]
fn files_that_are_no_rules_are_told_so() {
    for (text, message) in [
        ("[[rules]]\n", "site.toml:1: unknown key `rules`: did you mean `rule`?"),
        ("[rule]\nname = \"x\"\n", "site.toml:1: `rule`: expected tables [[rule]]"),
        (
            "\n[[rule]]\non = \"5s\"\n",
            "site.toml:2: [[rule]] has no `name`: expected the name of a rule, like \"rack-leak\"",
        ),
        (
            "[[rule]]\nname = \"rack-leek\"\non = \"5s\"\n",
            "site.toml:2: `name`: no rule is called `rack-leek`: did you mean `rack-leak`? (a new rule needs `when`)",
        ),
        (
            "[[rule]]\nname = \"rack-leak\"\n[[rule]]\nname = \"rack-leak\"\n",
            "site.toml:4: `name`: `rack-leak` stands twice",
        ),
        (
            "[[rule]]\nname = \"Mine!\"\nwhen = \"site_frequency < 49 Hz\"\n",
            "site.toml:2: `name`: expected lower case letters, digits and dashes",
        ),
        ("[[rule]]\nname = \n", "site.toml:2: "),
    ] {
        let e = error(text);
        assert!(e == message || (message.ends_with(' ') && e.starts_with(message)), "{e}");
    }
    let long = error(&"#".repeat(MAX_BYTES + 1));
    assert_eq!(long, format!("site.toml: more than {MAX_BYTES} bytes"));
}

#[test]
fn suppression_in_a_circle_is_refused_where_the_file_closes_it() {
    let text = "[[rule]]\nname = \"gpu-margin-low\"\n# its symptom\nsuppresses = [\"row-cooling-lost\"]\n";
    assert_eq!(
        error(text),
        "site.toml:4: suppression goes in a circle: gpu-margin-low → row-cooling-lost → gpu-margin-low"
    );
    let longer = "[[rule]]\nname = \"rack-delta-t\"\nsuppresses = [\"telemetry-lost\"]\n[[rule]]\nname = \"job-stall\"\nsuppresses = [\"rack-leak\"]\n";
    assert_eq!(
        error(longer),
        "site.toml:3: suppression goes in a circle: rack-delta-t → telemetry-lost → job-stall → rack-leak → rack-delta-t"
    );
    let off = format!("{text}[[rule]]\nname = \"row-cooling-lost\"\nenabled = false\n");
    assert!(over(&off).is_ok(), "a rule that is switched off keeps nothing quiet");
}

#[test]
fn a_rule_that_suppresses_all_others_must_not_be_suppressed_by_one() {
    let all = "[[rule]]\nname = \"work\"\nscope = \"hall\"\nwhen = \"hall_cold_aisle > 90 °C\"\nsilent = true\nsuppresses = [\"*\"]\n";
    assert!(over(all).is_ok());
    let e = error(&format!("{all}[[rule]]\nname = \"rack-leak\"\nsuppresses = [\"work\"]\n"));
    assert_eq!(e, "site.toml:9: suppression goes in a circle: rack-leak → work → rack-leak");
}

#[test]
fn many_rules_that_suppress_all_behind_them_are_checked_at_once() {
    let one = |i: usize| {
        let behind: Vec<String> = (i + 1..200).map(|n| format!("\"r{n}\"")).collect();
        let list = behind.join(", ");
        format!(
            "[[rule]]\nname = \"r{i}\"\nscope = \"site\"\nwhen = \"site_frequency < 1 Hz\"\npriority = \"P4\"\nsuppresses = [{list}]\n"
        )
    };
    assert!(over(&(0..200).map(one).collect::<String>()).is_ok());
}

#[test]
fn another_scope_is_asked_of_the_worse_cases_too() {
    let e =
        error("[[rule]]\nname = \"power-shelf-failed\"\nscope = \"row\"\nwhen = \"row_voltage_a < 300 V\"\n");
    assert!(
        e.starts_with("site.toml:1: [[rule]] [[rule.worse]] stays: `rack_shelves_ok` is of a rack"),
        "{e}"
    );
}

#[test]
fn texts_of_a_rule_come_out_clean_and_in_one_line() {
    let text = "[[rule]]\nname = \"mine\"\nscope = \"GPU\"\npriority = \"P4\"\ntitle = \"a\\u001b[2Jb\"\naction = \"c\\u001b[2Jd\"\nwhen = \"\"\"\ngpu_temp > 90 and\njob = 'x\\u001b[2J'\"\"\"\ndeadband = \"1\\nK\"\n";
    let file = "a\u{1b}[2J.toml";
    let r = rule(&read(&[(file, text)]).expect("valid"), "mine");
    assert_eq!((&*r.title, &*r.action, &*r.deadband), ("a[2Jb", "c[2Jd", "1 K"));
    assert_eq!((&*r.text, &*r.from), ("gpu_temp > 90 and job = 'x[2J'", "a[2J.toml:1"));
    let again = "[[rule]]\nname = \"mine\"\ndeadband = \"2 K\"\n";
    assert!(read(&[(file, text), ("b.toml", again)]).is_ok(), "what stays can still be read");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        text in "(\\[\\[rule(.worse|.also)?\\]\\]\n|(name|when|scope|on|deadband|suppresses) = ?[\"0-9a-z\\[\\]<>%._ -]{0,20}\n|\\PC{0,9}\n){0,8}"
    ) {
        if let Err(e) = over(&text) {
            proptest::prop_assert!(e.to_string().starts_with("site.toml"), "{e}");
        }
    }
}
