//! `sim validate` from outside: what it measures, what it says, and how it exits.

use std::collections::BTreeSet;
use std::process::{Command, Output};

fn validate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallwatch"));
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("HALLWATCH_")) {
        command.env_remove(name);
    }
    command.args(["sim", "validate", "--quick"]).args(args).output().expect("the program starts")
}

#[test]
fn the_quick_form_passes_and_every_figure_has_a_verdict() {
    let run = validate(&["--json", "--seed", "7"]);
    assert!(run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    let mut ids = BTreeSet::new();
    for row in rows {
        let verdict = row["verdict"].as_str().expect("every row has a verdict");
        assert!(["pass", "info"].contains(&verdict), "{row}");
        assert!(row["measured"].is_f64(), "{row}");
        assert_eq!(row["low"].is_f64(), verdict == "pass", "{row}");
        assert!(ids.insert(row["id"].as_str().expect("an id").to_owned()), "{row} is there twice");
    }
    let needed = [
        "idle-power",
        "full-power",
        "util-between",
        "memory-least",
        "memory-most",
        "job-spread",
        "incidents-mean",
        "incidents-tail",
        "page-faults",
        "heat-part",
        "heat-rated",
        "heat-closed",
        "return-rated",
        "pump-core-at-8-s",
        "row-first-shutdown",
        "tick-cost",
    ];
    for id in needed {
        assert!(ids.contains(id), "{id} is missing in {ids:?}");
    }
    assert_eq!((&report["failed"], &report["not_measured"]), (&0.into(), &0.into()));
    assert_eq!(report["passed"], rows.len() - 1);
    assert_eq!(report["quantiles"].as_array().map(Vec::len), Some(4));
    assert_eq!(run.status.code(), Some(0));
}

#[test]
fn a_site_that_is_not_true_fails_with_exit_code_1() {
    let site = include_str!("../src/source/sim/validate/quick.toml");
    // These parts protect themselves long before they are at full power.
    let hot = site
        .replace("zero_margin_c = 87", "zero_margin_c = 52")
        .replace("slowdown_c = 89", "slowdown_c = 54")
        .replace("shutdown_c = 92", "shutdown_c = 57")
        .replace("rows = 4", "rows = 1");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("hot.toml");
    std::fs::write(&path, hot).expect("writable");
    let run = validate(&["--topology", &path.to_string_lossy(), "--days", "2"]);
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(err.starts_with("hallwatch: ") && err.contains(" out of "), "{err}");
    assert!(out.lines().any(|l| l.starts_with("FAIL") && l.contains("power of the GPUs of a full")), "{out}");
    assert!(
        out.lines().any(|l| l.starts_with("----  not measured") && l.contains("incidents a day")),
        "{out}"
    );
    assert!(!out.contains('\u{1b}'), "no terminal, no control characters");
    assert_eq!(run.status.code(), Some(1));
}
