//! Live mode from outside: the simulated exporters on one side, the program on the other, and
//! what is shown held against what was served.

#[path = "live/bad.rs"]
mod bad;
#[path = "live/check.rs"]
mod check;
#[path = "live/program.rs"]
mod program;
#[allow(dead_code, reason = "another test needs more of it")]
#[path = "scrape/server.rs"]
mod server;
#[path = "live/truth.rs"]
mod truth;

use std::collections::{BTreeMap, BTreeSet};

use program::{Home, Serve, project};
use serde_json::{Value, json};
use truth::{from_pages, good, gpus, served, shown, text, trays};

const TRAYS: usize = 256;

/// Good, stale, lost and all GPUs of a site or hall.
fn counts(group: &Value) -> [u64; 4] {
    ["good", "stale", "lost", "total"].map(|k| group["gpus"][k].as_u64().expect("a count"))
}

/// The entries of the target list by rack.
fn by_rack(targets: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut racks: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for target in targets {
        let name = ["hall", "row", "rack"].map(|k| text(&target["labels"][k])).join("-");
        racks.entry(name).or_default().push(target);
    }
    racks
}

#[test]
fn each_gpu_shows_the_values_that_were_served() {
    let home = Home::new();
    let serve = Serve::start(&home, TRAYS, &[]);
    let hosts = serve.truth();
    let targets = serve.targets();
    assert_eq!((hosts.len(), targets.len()), (TRAYS, TRAYS));
    let silent: BTreeSet<String> =
        hosts.iter().filter(|h| h["silent"] == true).map(|h| text(&h["host"])).collect();
    assert!(!silent.is_empty() && silent.len() < TRAYS / 8, "a few exporters are silent: {silent:?}");

    let running: Vec<_> = by_rack(&targets)
        .iter()
        .map(|(name, targets)| {
            let list = home.write(&format!("{name}.json"), &json!(targets).to_string());
            let view = format!("rack:{name}");
            (name.clone(), home.start(&["snapshot", "--scrape", &list, "--format", "json", "--view", &view]))
        })
        .collect();
    assert_eq!(running.len(), TRAYS.div_ceil(18));
    let racks: Vec<(String, Value)> = running.into_iter().map(|(name, r)| (name, r.end().json())).collect();

    let truth = served(&hosts);
    let mut seen: BTreeMap<String, _> = BTreeMap::new();
    for (name, rack) in &racks {
        for gpu in gpus(rack) {
            assert!(text(&gpu["name"]).starts_with(name.as_str()), "{gpu} stands in {name}");
        }
        seen.extend(good(rack));
    }
    for (uuid, values) in &truth {
        assert_eq!(seen.get(uuid), values.as_ref(), "{uuid}: shown on the left, served on the right");
    }
    let lost = truth.values().filter(|v| v.is_none()).count();
    assert!(lost > 0, "one GPU at least is lost, so that losing is tested");
    assert_eq!(seen.len(), truth.len() - lost, "nothing is shown as good that was not served");
}

#[test]
fn the_site_counts_what_was_served_and_its_figures_are_those_of_the_truth() {
    let home = Home::new();
    let serve = Serve::start(&home, TRAYS, &[]);
    let list = serve.list.display().to_string();
    let site = home.run(&["snapshot", "--scrape", &list, "--format", "json"]).json();
    let truth = served(&serve.truth());
    let values: Vec<_> = truth.values().flatten().collect();
    let [good, stale, lost, total] = counts(&site["site"]);
    assert_eq!((good, stale), (values.len() as u64, 0));
    assert!(lost as usize <= truth.len() - values.len(), "a lost GPU may be unknown, but not more are lost");
    assert_eq!(total, good + lost);
    assert_eq!(
        (counts(&site["halls"][0]), site["halls"][0]["name"].as_str()),
        (counts(&site["site"]), Some("H1"))
    );
    assert_eq!(site["site"]["unplaced"], 0);
    for (i, metric) in ["util", "power", "temp"].iter().enumerate() {
        let served: Vec<f64> = values.iter().filter_map(|v| v[i]).collect();
        let figures = &site["site"]["metrics"][metric];
        assert_eq!(figures["count"], served.len(), "{metric}");
        assert_eq!(figures["max"].as_f64(), served.iter().copied().reduce(f64::max), "{metric}");
        assert_eq!(figures["min"].as_f64(), served.iter().copied().reduce(f64::min), "{metric}");
        let mean = served.iter().sum::<f64>() / served.len() as f64;
        assert!(
            (figures["mean"].as_f64().expect("a mean") - mean).abs() < 0.01,
            "{metric}: {figures} {mean}"
        );
    }
    let sum: f64 = values.iter().filter_map(|v| v[1]).sum();
    assert_eq!(site["site"]["metrics"]["power"]["sum"].as_f64(), Some(sum));
}

#[test]
fn the_pages_say_the_same_as_the_truth_to_an_independent_reader() {
    let home = Home::new();
    let serve = Serve::start(&home, 64, &[]);
    let hosts = serve.truth();
    let pages: Vec<String> = hosts
        .iter()
        .filter(|h| h["silent"] == false)
        .map(|h| serve.get(h["path"].as_str().expect("a path")))
        .collect();
    let read = from_pages(&pages);
    let truth = served(&hosts);
    assert!(read.len() > 200);
    for (uuid, values) in truth {
        assert_eq!(read.get(&uuid), values.as_ref(), "{uuid}");
    }
    assert_eq!(serve.terminate(), Some(0), "a server that is asked to end has not failed");
}

#[test]
fn a_site_file_gives_served_hosts_their_places_and_all_others_are_lost() {
    let home = Home::new();
    let serve = Serve::start(&home, TRAYS, &[]);
    let hosts = serve.truth();
    let (list, site) = (serve.list.display().to_string(), project("sites/kvandal.toml"));
    let args = ["snapshot", "--topology", &site, "--scrape", &list, "--format", "json", "--view"];
    let running = ["site", "rack:H1-R01-K1", "rack:KVD-H1-R02-K7"]
        .map(|view| home.start(&[&args[..], &[view]].concat()));
    let [site, first, last] = running.map(|r| r.end().json());

    let truth = served(&hosts);
    let good_ones = truth.values().flatten().count() as u64;
    assert_eq!(counts(&site["site"]), [good_ones, 0, 100_224 - good_ones, 100_224]);
    assert_eq!((site["halls"].as_array().map(Vec::len), &site["site"]["unplaced"]), (Some(8), &json!(0)));
    assert!(site["halls"][1]["metrics"]["util"]["mean"].is_null(), "no value is not zero");

    // Rack 1 is served from its first tray on, rack 15 holds the last four of 256.
    for (rack, from) in [(&first, 0), (&last, 252)] {
        for (i, tray) in trays(rack).iter().enumerate() {
            let host = hosts.get(from + i);
            assert_eq!(tray["name"], format!("T{:02}", i + 1));
            let answers = host.is_some_and(|h| h["silent"] == false);
            for (g, gpu) in tray["gpus"].as_array().expect("GPUs").iter().enumerate() {
                let is_lost = !answers || host.is_some_and(|h| h["gpus"][g]["lost"] == true);
                let expected = if is_lost { "lost" } else { "good" };
                assert_eq!(gpu["quality"], expected, "{gpu}");
                if is_lost {
                    assert_eq!(shown(gpu), [None; 3], "a lost GPU has no values");
                } else {
                    assert_eq!(Some(&Some(shown(gpu))), truth.get(&text(&gpu["uuid"])), "{gpu}");
                }
            }
        }
    }
}

/// The target list without the labels that say where a tray stands.
fn bare(targets: &[Value]) -> String {
    let entry = |t: &Value| {
        let path = &t["labels"]["__metrics_path__"];
        json!({ "targets": t["targets"], "labels": { "__metrics_path__": path } })
    };
    json!(targets.iter().map(entry).collect::<Vec<_>>()).to_string()
}

#[test]
fn an_inventory_places_the_hosts_it_knows_and_the_rest_is_counted_as_unplaced() {
    let home = Home::new();
    let serve = Serve::start(&home, 24, &[]);
    let hosts = serve.truth();
    let list = home.write("bare.json", &bare(&serve.targets()));
    let mut csv = "host,hall,row,rack,tray\n".to_owned();
    for (i, host) in hosts.iter().take(10).enumerate() {
        csv.push_str(&format!(
            "{},East,A,{},{i}\n",
            text(&host["host"]),
            if i < 6 { "left" } else { "right" }
        ));
    }
    let inventory = home.write("inventory.csv", &csv);
    let args = ["snapshot", "--scrape", &list, "--inventory", &inventory, "--format"];
    let run = |more: &[&str]| home.start(&[&args[..], more].concat());
    let running = [run(&["json"]), run(&["json", "--view", "rack:East-A-right"]), run(&["text"])];
    let [site, right, picture] = running.map(program::Running::end);

    // A GPU that is off the bus is missed where one behind it answers; behind the last nobody knows of it.
    let seen = |h: &Value| {
        let gpus = h["gpus"].as_array()?;
        gpus.iter().rposition(|g| g["lost"] == false).map(|last| last + 1)
    };
    let answering =
        |hosts: &[Value]| hosts.iter().filter(|h| h["silent"] == false).filter_map(seen).sum::<usize>();
    let (placed, unplaced): (usize, usize) = (answering(&hosts[..10]), answering(&hosts[10..]));
    let site = site.json();
    assert_eq!(site["site"]["unplaced"], unplaced);
    let halls: BTreeMap<String, u64> =
        site["halls"].as_array().expect("halls").iter().map(|h| (text(&h["name"]), counts(h)[3])).collect();
    assert_eq!(halls, BTreeMap::from([("East".into(), placed as u64), ("unplaced".into(), unplaced as u64)]));
    assert!(
        picture.text().lines().next().is_some_and(|l| l.contains(&format!("unplaced {unplaced}"))),
        "{}",
        picture.out
    );

    let truth = served(&hosts[6..10]);
    let seen: BTreeMap<_, _> = good(&right.json()).collect();
    let expected: BTreeMap<_, _> = truth.into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_rule_of_the_config_places_hosts_by_their_names() {
    let home = Home::new();
    let serve = Serve::start(&home, 40, &[]);
    let hosts = serve.truth();
    let list = home.write("bare.json", &bare(&serve.targets()));
    // Rack 3 is left out, so its hosts match nothing.
    home.write(
        ".config/hallwatch/config.toml",
        "[[place]]\nlabel = \"hostname\"\nregex = 'kvd-(?<hall>h\\d+)-(?<row>r\\d+)-(?<rack>k[12])-(?<tray>t\\d+)'\n",
    );
    let args = ["snapshot", "--scrape", &list, "--format", "json"];
    let running = [home.start(&args), home.start(&[&args[..], &["--view", "rack:H1-R1-K2"]].concat())];
    let [site, second] = running.map(|r| r.end().json());
    let gpus_of = |hosts: &[Value]| served(hosts).len() as u64;
    assert_eq!(site["site"]["unplaced"], gpus_of(&hosts[36..]));
    assert_eq!(counts(&site["site"])[3], gpus_of(&hosts));
    let seen: BTreeMap<_, _> = good(&second).collect();
    let expected: BTreeMap<_, _> =
        served(&hosts[18..36]).into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
    assert_eq!(seen, expected);
}

#[test]
fn an_air_cooled_site_is_served_and_shown_alike() {
    let home = Home::new();
    let site = project("sites/air-cooled.toml");
    let serve = Serve::start(&home, 40, &["--topology", &site]);
    let list = serve.list.display().to_string();
    let args = ["snapshot", "--topology", &site, "--scrape", &list, "--format", "json"];
    let running = [home.start(&args), home.start(&[&args[..], &["--view", "rack:H1-R01-K1"]].concat())];
    let [whole, rack] = running.map(|r| r.end().json());
    let truth = served(&serve.truth());
    let good_ones = truth.values().flatten().count() as u64;
    assert_eq!(counts(&whole["site"]), [good_ones, 0, 320 - good_ones, 320]);
    assert_eq!(trays(&rack).len(), 4);
    for (uuid, values) in good(&rack) {
        assert_eq!(truth.get(&uuid), Some(&Some(values)), "{uuid}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_the_whole_site() {
    // An unoptimized simulator needs a tenth of a second a tick for 100,224 GPUs.
    let ticks = if cfg!(debug_assertions) { "10" } else { "120" };
    let home = Home::new();
    let args = ["snapshot", "--format", "json", "--seed", "7", "--ticks", ticks];
    let running = [home.start(&args), home.start(&args)];
    let [first, second] = running.map(program::Running::end);
    assert_eq!(first.text(), second.text());
    let site = first.json();
    assert_eq!(counts(&site["site"])[3], 100_224);
    let halls = site["halls"].as_array().expect("halls");
    assert_eq!(halls.len(), 8);
    assert_eq!(halls.iter().map(|h| counts(h)[3]).sum::<u64>(), 100_224);
    for column in 0..4 {
        let sum: u64 = halls.iter().map(|h| counts(h)[column]).sum();
        assert_eq!(sum, counts(&site["site"])[column], "halls add up to the site");
    }
}

#[test]
fn a_small_site_after_120_ticks_is_the_same_every_time_and_another_with_another_seed() {
    let (home, site) = (Home::new(), project("sites/air-cooled.toml"));
    let run = |seed| {
        home.run(&["snapshot", "--topology", &site, "--format", "json", "--seed", seed, "--ticks", "120"])
    };
    assert_eq!(run("7").text(), run("7").text());
    assert_ne!(run("7").text(), run("8").text());
}
