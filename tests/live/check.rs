//! `check --live` from outside.

use serde_json::json;

use crate::program::{Home, Serve};

#[test]
fn what_a_site_would_give_is_said_before_the_console_is_opened() {
    let home = Home::new();
    let serve = Serve::start(&home, 8, &[]);
    let targets: Vec<_> = serve.targets();
    let hosts = serve.truth();
    let up = hosts.iter().filter(|h| h["silent"] == false).count();
    assert!(up >= 6, "most of them answer: {hosts:?}");

    // One more that nobody serves, and whose labels place it nowhere.
    let dead = json!({"targets": ["127.0.0.1:1"], "labels": {"job": "dcgm"}});
    let list = home.write("all.json", &json!([&targets[..], &[dead]].concat()).to_string());
    let run = home.run(&[
        "check",
        "--live",
        "--wait",
        "8s",
        "--timeout",
        "2s",
        "--shard",
        "1/1",
        "--scrape",
        &list,
    ]);
    assert_eq!(run.code, 1, "a target that does not answer is a mistake: {}", run.out);
    let has = |parts: &[&str]| run.out.lines().any(|l| parts.iter().all(|p| l.contains(p)));
    assert!(has(&["ok     scrape: ", &format!("{up} of 9 targets up"), "samples", "GPUs on"]), "{}", run.out);
    assert!(has(&["wrong  scrape: ", "do not answer; first: "]), "{}", run.out);
    assert!(has(&["scrape: no values of "]), "{}", run.out);
    assert!(
        has(&["ok     scrape: note: ", "shard 1/1: 9 of 9 targets"]),
        "a remark is no mistake: {}",
        run.out
    );
}

#[test]
fn a_simulated_site_has_nobody_to_ask() {
    let run = Home::new().run(&["check", "--live"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.text().contains("no live source to ask"), "{}", run.out);
}

#[test]
fn hosts_without_a_place_are_named_where_places_are_given() {
    let home = Home::new();
    let serve = Serve::start(&home, 2, &[]);
    let bare: Vec<_> = serve.targets().iter().map(|t| t["targets"][0].clone()).collect();
    let paths: Vec<_> = serve.targets().iter().map(|t| t["labels"]["__metrics_path__"].clone()).collect();
    let entry = |i: usize| json!({"targets": [bare[i]], "labels": {"__metrics_path__": paths[i]}});
    let list = home.write("bare.json", &json!([entry(0), entry(1)]).to_string());
    let config = home.write(
        "config.toml",
        &format!(
            "[[source]]\nkind = \"scrape\"\ntargets = [{list:?}]\n\n[[place]]\nlabel = \"hostname\"\nregex = 'other-(?<hall>h\\d+)'\n"
        ),
    );
    let run = home.run(&["check", "--live", "--wait", "8s", "--timeout", "2s", "--config", &config]);
    let said = |l: &str| l.starts_with("wrong  ") && l.contains("no placing rule") && l.contains("127.0.0.1");
    assert!(run.out.lines().any(said), "{}", run.out);
}
