//! Tests of scenarios: what is refused and how, what is drawn, and what comes out in which second.

use proptest::prelude::*;

use super::*;
use crate::model::{Asset, GpuId, RackId, Topology};
use crate::source::sim::effect::Effect;
use crate::source::sim::workload::Workload;

const HEAD: &str = "name = \"x\"\ntitle = \"X\"\ndoc = \"what\"\nlength = \"10m\"\n";

/// A scenario of the usual head (lines 1 to 4) and `rest`.
fn parse(rest: &str) -> Result<Scenario, String> {
    Scenario::parse(&format!("{HEAD}{rest}"), "s.toml").map_err(|e| e.to_string())
}

fn refused(rest: &str) -> String {
    parse(rest).expect_err(rest)
}

struct Ground {
    topology: Topology,
    work: Workload,
}

impl Ground {
    fn new(topology: Topology) -> Self {
        let work = Workload::new(&topology, 7);
        Self { topology, work }
    }

    fn timeline(&self, rest: &str, seed: u64) -> Result<Timeline, String> {
        let scenario = parse(rest)?;
        scenario.resolve(&self.topology, &self.work, seed).map_err(|e| e.to_string())
    }
}

fn kvandal() -> Ground {
    Ground::new(Topology::default_site())
}

fn air() -> Ground {
    let text = include_str!("../../../../sites/air-cooled.toml");
    Ground::new(Topology::from_toml(text, "air").expect("the example is valid"))
}

#[test]
fn an_event_happens_in_its_second_and_in_no_other() {
    let g = kvandal();
    let events = "[[event]]\nat = \"12s\"\ndo = \"pump-trip\"\non = \"H3-R05-CDU1\"\n\
        [[event]]\nat = \"12s\"\ndo = \"setpoint\"\non = \"h03\"\nby = 2.5\nover = \"1m\"\n\
        [[event]]\nat = \"1m\"\ndo = \"feed-trip\"\nside = \"B\"\n";
    let t = g.timeline(events, 1).expect("valid").starting_at(60);
    assert!(t.due(0).is_empty() && t.due(71).is_empty() && t.due(73).is_empty());
    let [Effect::PumpTrip(cdu), Effect::Setpoint(hall, by, over)] = t.due(72) else {
        panic!("{:?}", t.due(72));
    };
    assert_eq!(g.topology.name(Asset::Cdu(*cdu)), "H3-R05-CDU1");
    assert_eq!((g.topology.name(Asset::Hall(*hall)), *by, *over), ("H3".to_owned(), 2.5, 60));
    assert_eq!(t.due(120).len(), 1);
    assert_eq!((t.start, t.length, t.effects().len()), (60, 600, 3));
}

#[test]
fn a_higher_asset_means_all_of_a_kind_in_it_and_a_lower_one_its_parent() {
    let g = kvandal();
    let count = |event: &str| g.timeline(event, 1).expect(event).effects().len();
    assert_eq!(count("[[event]]\nat = \"0s\"\ndo = \"cdu-trip\"\non = \"H3-R05\"\n"), 2);
    assert_eq!(count("[[event]]\nat = \"0s\"\ndo = \"power-isolation\"\non = \"H3-R05\"\n"), 8);
    assert_eq!(count("[[event]]\nat = \"0s\"\ndo = \"gpu-lost\"\non = \"H3-R05-K1-T01\"\n"), 4);
    let t = g.timeline("[[event]]\nat = \"0s\"\ndo = \"power-isolation\"\non = \"H1-R01-K2-T03\"\n", 1);
    assert_eq!(t.expect("valid").due(0), [Effect::PowerIsolation(RackId(1), true)]);
    let t = g.timeline("[[event]]\nat = \"3s\"\ndo = \"silent\"\non = \"H8\"\n", 1).expect("valid");
    let [Effect::Silent(trays, true)] = t.due(3) else { panic!("one effect for all trays") };
    assert_eq!(trays.len(), 20 * 8 * 18);
}

#[test]
fn the_pick_is_repeatable_and_lies_where_training_runs() {
    let g = kvandal();
    let text = "[pick]\nkind = \"row\"\non = \"training\"\n[[event]]\nat = \"0s\"\ndo = \"cdu-trip\"\non = \"picked\"\n";
    let mut seen = std::collections::BTreeSet::new();
    for seed in 1..30 {
        let t = g.timeline(text, seed).expect("valid");
        assert_eq!(Some(&t), g.timeline(text, seed).ok().as_ref());
        let Some(Asset::Row(row)) = t.picked else { panic!("{:?}", t.picked) };
        for tray in g.topology.row(row).trays.range() {
            assert_eq!(g.work.area_of(tray).kind, crate::source::sim::place::Kind::Train);
        }
        seen.insert(row);
    }
    assert!(seen.len() > 15, "{seen:?}");
}

#[test]
fn the_largest_job_is_found() {
    let g = kvandal();
    let text = "[pick]\nkind = \"gpu\"\non = \"largest-job\"\n\
        [[event]]\nat = \"0s\"\ndo = \"rhythm\"\non = \"picked\"\nstep = \"2s\"\ndip = 0.5\n\
        [[signature]]\nof = \"job\"\nvalue = \"gpu_power\"\nat = \"9s\"\nabove = 1\n";
    let t = g.timeline(text, 3).expect("valid");
    let gpus: usize = t.watches[0].spans.iter().map(|s| s.len()).sum();
    assert_eq!((gpus, t.watches[0].spans.len()), (24_576, 1));
    let Some(Asset::Gpu(picked)) = t.picked else { panic!("{:?}", t.picked) };
    assert!(t.watches[0].spans[0].contains(picked.0));
    assert_eq!(t.due(0), [Effect::Rhythm(picked, 2000, 0.5)]);
}

#[test]
fn some_of_many_are_drawn_and_found_again() {
    let g = kvandal();
    let text = "[[event]]\nat = \"10s\"\ndo = \"gpu-lost\"\non = \"H2-R03-K4\"\ncount = [4, 20]\nspread = \"60s\"\nas = \"lost\"\n\
        [[event]]\nat = \"5m\"\ndo = \"gpu-back\"\non = \"lost\"\nbut = [1, 2]\n";
    let (mut counts, rack) =
        (std::collections::BTreeSet::new(), g.topology.find("H2-R03-K4").expect("there"));
    for seed in 0..20 {
        let t = g.timeline(text, seed).expect("valid");
        let gone = |s: u64, e: &Effect| match e {
            Effect::GpuLost(gpu) => {
                assert!((10..=70).contains(&s) && g.topology.gpus_of(rack).contains(gpu.0));
                Some(*gpu)
            }
            _ => None,
        };
        let lost: Vec<GpuId> = t.effects().filter_map(|(s, e)| gone(s, e)).collect();
        let back: Vec<GpuId> = t
            .due(300)
            .iter()
            .filter_map(|e| if let Effect::GpuBack(g) = e { Some(*g) } else { None })
            .collect();
        assert!((4..=20).contains(&lost.len()) && (1..=2).contains(&(lost.len() - back.len())));
        assert!(back.iter().all(|g| lost.contains(g)));
        counts.insert(lost.len());
    }
    assert!(counts.len() > 5, "{counts:?}");
}

#[test]
fn groups_follow_one_after_the_other() {
    let g = kvandal();
    let text = "[[event]]\nat = \"1m\"\ndo = \"firmware-cap\"\non = \"site\"\nper = \"hall\"\neach = \"2m\"\nspread = \"30s\"\nclock = 0.8\n";
    let t = g.timeline(text, 5).expect("valid");
    for (second, effect) in t.effects() {
        let Effect::FirmwareCap(tray, clock, power) = effect else { panic!("{effect:?}") };
        let hall = g.topology.row(g.topology.rack(g.topology.tray(*tray).rack).row).hall;
        let from = 60 + 120 * u64::from(hall.0);
        assert!((from..=from + 30).contains(&second), "{second} {hall}");
        assert_eq!((*clock, *power), (0.8, 1.0));
    }
    assert_eq!((t.effects().len(), t.length), (25_056, 60 + 7 * 120 + 30));
    let two = text.replace("clock", "count = 2\nclock");
    assert_eq!(g.timeline(&two, 5).expect("valid").effects().len(), 2 * 22 * 8 * 18);
}

#[test]
fn mistakes_are_told_with_line_and_nearest_name() {
    let event = |rest: &str| format!("[[event]]\nat = \"0s\"\n{rest}");
    let cases = [
        ("lenght = \"5m\"\n".to_owned(), "s.toml:5: unknown key `lenght`: did you mean `length`?"),
        (
            event("do = \"pmp-trip\"\non = \"H1\"\n"),
            "s.toml:7: `do`: no verb is called `pmp-trip`: did you mean `pump-trip`?",
        ),
        (event("do = \"pump-trip\"\n"), "s.toml:5: [[event]] has no `on`: `pump-trip` acts on a cdu"),
        (
            event("do = \"pump-trip\"\non = \"H1\"\nby = 3\n"),
            "s.toml:9: unknown key `by`: expected one of at, do, on, count, but, spread, each, per, as",
        ),
        (event("do = \"setpoint\"\non = \"H1\"\n"), "s.toml:5: [[event]] has no `by`: `setpoint` needs it"),
        (
            event("do = \"setpoint\"\non = \"H1\"\nby = -300\n"),
            "s.toml:9: `by`: -300 is out of range: expected -15 to 25 K",
        ),
        (
            event("do = \"setpoint\"\non = \"H1\"\nby = nan\n"),
            "s.toml:9: `by`: nan is out of range: expected -15 to 25 K",
        ),
        (
            event("do = \"setpoint\"\non = \"H1\"\nby = 1\nover = \"-5s\"\n"),
            "s.toml:10: `over`: -5s is negative: times count from the start",
        ),
        (
            event("do = \"busway-trip\"\non = \"H1\"\nside = \"C\"\n"),
            "s.toml:9: `side`: `C`: did you mean `A`?",
        ),
        (
            event("do = \"xid\"\non = \"H1\"\ncode = 0\n"),
            "s.toml:9: `code`: 0 is out of range: expected 1 to 999",
        ),
        (
            event("do = \"drain\"\non = \"picked\"\n"),
            "s.toml:8: nothing is picked: `picked` needs the table [pick]",
        ),
        (
            event("do = \"feed-trip\"\nside = \"A\"\neach = \"1s\"\n"),
            "s.toml:5: [[event]] `each` means nothing to `feed-trip`: there is one site",
        ),
        (
            event("do = \"drain\"\non = \"H1\"\ncount = 2\nbut = 1\n"),
            "s.toml:5: [[event]] has both `count` and `but`: expected one of them",
        ),
        (event("do = \"drain\"\non = \"H1\"\ncount = [5, 2]\n"), "s.toml:9: `count`: 5 is more than 2"),
        (
            event("do = \"drain\"\non = \"H1\"\nas = \"site\"\n"),
            "s.toml:9: `as`: `site` has a meaning already",
        ),
        (
            event("do = \"cdu-trip\"\non = \"H1\"\nper = \"rack\"\n"),
            "s.toml:9: `per`: `rack`: expected one of hall, row, cdu",
        ),
        (String::new(), "s.toml: there is no [[event]]: nothing happens"),
        ("event = 5\n".to_owned(), "s.toml:5: `event`: expected tables [[event]]"),
        ("[pick]\nkind = \"rak\"\n".to_owned(), "s.toml:6: `kind`: `rak`: did you mean `rack`?"),
        (
            "[pick]\non = \"any\"\n".to_owned(),
            "s.toml:5: [pick] has no `kind`: expected one of row, rack, hall, cdu, tray, gpu",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refused(&text), message, "{text}");
    }
}

#[test]
fn times_that_are_impossible_are_refused() {
    let at = |a: &str, b: &str| {
        refused(&format!(
            "[[event]]\nat = \"{a}\"\ndo = \"load-target-ends\"\n[[event]]\nat = \"{b}\"\ndo = \"load-target-ends\"\n"
        ))
    };
    assert_eq!(at("2m", "90s"), "s.toml:8: [[event]] goes back in time: 1m30s after 2m");
    assert_eq!(at("0s", "11m"), "s.toml:9: `at`: 11m is out of range: expected 0s to 10m");
    assert_eq!(
        at("0s", "1500ms"),
        "s.toml:9: `at`: expected whole seconds: the simulator ticks once a second"
    );
    assert_eq!(at("-1s", "0s"), "s.toml:6: `at`: -1s is negative: times count from the start");
    let long = HEAD.replace("10m", "25h");
    let e = Scenario::parse(&long, "s.toml").expect_err("too long").to_string();
    assert_eq!(e, "s.toml:4: `length`: 25h is out of range: expected 1s to 24h");
}

#[test]
fn alarms_and_signatures_are_checked() {
    let event = "[[event]]\nat = \"0s\"\ndo = \"load-target-ends\"\n";
    let cases = [
        (
            "[[alarm]]\nrule = \"rack-leek\"\non = \"site\"\nat = \"0s\"\nwithin = \"5s\"\n",
            "s.toml:9: `rule`: no alarm rule is called `rack-leek`: did you mean `rack-leak`?",
        ),
        (
            "[[alarm]]\nnone = [\"gpu-lost\",\n \"gpu-lots\"]\non = \"site\"\n",
            "s.toml:10: `none`: no alarm rule is called `gpu-lots`: did you mean `gpu-lost`?",
        ),
        ("[[alarm]]\non = \"site\"\n", "s.toml:8: [[alarm]] needs either `rule` or `none`"),
        (
            "[[alarm]]\nnone = [\"gpu-lost\"]\non = \"site\"\nat = \"5s\"\n",
            "s.toml:8: [[alarm]] `at` means nothing to `none`",
        ),
        ("[[alarm]]\nnone = []\non = \"site\"\n", "s.toml:9: `none`: names no rule"),
        (
            "[[signature]]\nof = \"site\"\nvalue = \"frequency\"\nat = \"4s\"\nabove = 1\n",
            "s.toml:10: `value`: no value is called `frequency`: did you mean `site_frequency`?",
        ),
        (
            "[[signature]]\nof = \"site\"\nvalue = \"gpu_temp\"\nabove = 1\n",
            "s.toml:8: [[signature]] needs a time: `at`, or `from` and `to`, or `begins`",
        ),
        (
            "[[signature]]\nof = \"site\"\nvalue = \"gpu_temp\"\nat = \"4s\"\nis = 1\n",
            "s.toml:8: [[signature]] needs a band: `is` and `within`, or `above`, or `below`",
        ),
        (
            "[[signature]]\nof = \"site\"\nvalue = \"gpu_temp\"\nat = \"4s\"\nabove = 5\nbelow = 4\n",
            "s.toml:8: [[signature]] no value is above 5 and below 4",
        ),
        (
            "[[signature]]\nof = \"site\"\nvalue = \"gpu_temp\"\nfrom = \"9s\"\nto = \"4s\"\nabove = 5\n",
            "s.toml:8: [[signature]] `to` lies before its beginning",
        ),
        (
            "[[signature]]\nof = \"site\"\nvalue = \"gpu_temp\"\nbegins = \"4s\"\nabove = 5\n",
            "s.toml:11: `begins`: expected two times like [\"11s\", \"16s\"]",
        ),
        (
            "[[signature]]\nof = \"site\"\nvalue = \"gpu_temp\"\nat = \"4s\"\nis = 1\nwithin = -1\n",
            "s.toml:13: `within`: -1 is out of range: expected 0 to 1000000000",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refused(&format!("{event}{text}")), message);
    }
}

#[test]
fn a_site_that_cannot_have_it_is_told_so() {
    let on = |asset: &str, event: &str| format!("[[event]]\nat = \"0s\"\non = \"{asset}\"\n{event}\n");
    let pick = |kind: &str, event: &str| format!("[pick]\nkind = \"{kind}\"\n{}", on("picked", event));
    let (k, a) = (kvandal(), air());
    let cases = [
        (&k, on("H9-R01", "do = \"drain\""), "s.toml:7: no `H9` in Kvandal: did you mean `H1`?"),
        (&k, on("lots", "do = \"drain\""), "no `lots` in Kvandal"),
        (
            &k,
            on("H1-R01-K1", "do = \"shelves-failed\"\nshelves = 9"),
            "H1-R01-K1 has no rack that has 9 power shelves",
        ),
        (
            &k,
            on("site", "do = \"xid\"\ncode = 31").repeat(2),
            "s.toml:10: more than 200000 effects on Kvandal",
        ),
        (
            &k,
            on("H1-R01-K1-T01", "do = \"gpu-lost\"\ncount = 5"),
            "cannot draw 5 of kind gpu: there are only 4",
        ),
        (&a, on("H1", "do = \"pump-trip\""), "H1 has no cdu: `pump-trip` makes no sense there"),
        (&a, on("H1", "do = \"valve-free\""), "H1 has no rack that is cooled by liquid"),
        (&a, pick("cdu", "do = \"cdu-trip\""), "s.toml:5: Nordlys Lab has no cdu to pick"),
        (&a, pick("row", "do = \"cdu-trip\""), "s.toml:5: no row of Nordlys Lab has a cdu for `cdu-trip`"),
        (
            &a,
            pick("rack", "do = \"switch-fail\""),
            "no rack of Nordlys Lab has NVLink switch trays, as `switch-fail` needs it",
        ),
    ];
    for (ground, text, message) in cases {
        let e = ground.timeline(&text, 1).expect_err(&text);
        assert!(e.contains(&message.replace("Nordlys Lab", a.topology.site())), "{e}\n{message}");
    }
    let set = format!("{}{}", on("H1", "do = \"drain\"\nas = \"drained\""), on("draind", "do = \"drain\""));
    assert!(k.timeline(&set, 1).expect_err("misspelt").contains("did you mean `drained`?"));
}

#[test]
fn bounds_of_size_hold() {
    let e = Scenario::parse(&"#".repeat(MAX_BYTES + 1), "s.toml").expect_err("too large");
    assert_eq!(e.to_string(), "s.toml: larger than 262144 bytes");
    let many = "[[event]]\nat = \"0s\"\ndo = \"load-target-ends\"\n".repeat(MAX_EVENTS + 1);
    assert!(refused(&many).ends_with("more than 1000 tables [[event]]"));
    let doc = HEAD.replace("what", &"x".repeat(9000));
    assert!(
        Scenario::parse(&doc, "s.toml").expect_err("long").to_string().contains("longer than 8192 bytes")
    );
}

#[test]
fn words_of_a_file_cannot_steer_the_terminal() {
    let text = HEAD.replace("\"X\"", "\"a\\u001b[2Jb\"").replace("\"what\"", "\"one\\u001b[31m\\ntwo\"");
    let text = format!("{text}[[event]]\nat = \"0s\"\ndo = \"load-target-ends\"\n");
    let s = Scenario::parse(&text, "s.toml").expect("valid");
    assert_eq!((s.title.as_str(), s.doc.as_str()), ("a[2Jb", "one[31m\ntwo"));
    let e = refused("[[event]]\nat = \"0s\"\ndo = \"a\\u001b[2Jb\"\n");
    assert!(!e.contains('\u{1b}'), "{e}");
}

#[test]
fn the_built_in_scenarios_fit_the_built_in_site() {
    let g = kvandal();
    for (name, text) in BUILT_IN {
        let s = Scenario::parse(text, name).expect(name);
        assert_eq!(s.name, *name);
        assert!(s.doc.contains("What to see:") && s.doc.contains("What to learn:"), "{name}");
        assert!(!s.signatures.is_empty(), "{name}");
        assert!(s.raises.len() + s.quiet.len() > 0, "{name}");
        for seed in [1, 7, 42] {
            let t = s.resolve(&g.topology, &g.work, seed).expect(name);
            assert!(t.effects().len() > 0, "{name}");
            assert_eq!(t.watches.len(), s.signatures.len());
        }
    }
    let e = Scenario::built_in("rack-leek").expect_err("no such scenario");
    assert_eq!(e, "no scenario is called `rack-leek`: did you mean `rack-leak`?");
    assert_eq!(Scenario::built_in("rack-leak").map(|s| s.name), Ok("rack-leak".to_owned()));
}

#[test]
fn no_parameter_is_called_like_a_key_of_events() {
    for verb in verb::VERBS {
        for param in verb.params {
            assert!(!read::EVENT_KEYS.contains(&param.name), "{} {}", verb.name, param.name);
        }
    }
    assert!(Among::ALL.iter().all(|(name, among)| among.name() == *name));
}

/// A value that a parameter takes, as it stands in a file.
fn sample(takes: verb::Takes, x: f32) -> String {
    let of = |low: f32, high: f32| low + (high - low) * x;
    match takes {
        verb::Takes::Number(low, high, _) => format!("{:?}", of(low, high)),
        verb::Takes::Whole(low, high) => format!("{}", of(low as f32, high.min(8) as f32) as u32),
        verb::Takes::Seconds(low, high) => format!("\"{}s\"", of(low as f32, high as f32) as u64),
        verb::Takes::Millis(low, high) => format!("\"{}ms\"", of(low as f32, high as f32) as u64),
        verb::Takes::Word(words) => format!("\"{}\"", words[(x * (words.len() - 1) as f32) as usize]),
        verb::Takes::Flag => format!("{}", x > 0.5),
    }
}

prop_compose! {
    /// A valid event with some of its keys, and the seconds after the event before it.
    fn events()(parts in prop::collection::vec(
        (0u64..100, 0..verb::VERBS.len(), 0usize..6, 0.0f32..1.0, 0u64..90, 0u64..90), 1..12,
    )) -> String {
        let on = ["H3-R05", "H1-R01-K1", "H2-R02-CDU2", "H1-R01-K1-T01-G1", "picked", "H4"];
        let (mut text, mut at) = (String::from("[pick]\nkind = \"rack\"\non = \"training\"\n"), 0);
        for (later, v, asset, x, spread, each) in parts {
            at = (at + later).min(600);
            let verb = &verb::VERBS[v];
            text += &format!("[[event]]\nat = \"{at}s\"\ndo = \"{}\"\n", verb.name);
            for p in verb.params {
                text += &format!("{} = {}\n", p.name, sample(p.takes, x));
            }
            if verb.level != ground::Level::Site {
                text += &format!("on = \"{}\"\nspread = \"{spread}s\"\neach = \"{each}s\"\n", on[asset]);
            }
        }
        text
    }
}

#[test]
fn a_valid_file_gives_effects_in_order_of_time() {
    let g = kvandal();
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let check = |(text, seed): (String, u64)| {
        match g.timeline(&text, seed) {
            Ok(t) => {
                let seconds: Vec<u64> = t.effects().map(|(s, _)| s).collect();
                prop_assert!(seconds.is_sorted());
                prop_assert!(t.length >= 600 && seconds.last().is_none_or(|s| *s <= t.length));
                let due: usize = (0..=t.length).map(|s| t.due(s).len()).sum();
                prop_assert_eq!(due, seconds.len());
            }
            Err(e) => prop_assert!(e.contains("makes no sense there"), "{e}"),
        }
        Ok(())
    };
    runner.run(&(events(), 0u64..1000), check).expect("every file of the strategy is valid");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "([a-z]{1,9} = ?[\"0-9a-zA-Z\\[\\]{}.,' -]{0,12}\n|\\[\\[?(event|pick|alarm|signature)\\]?\\]\n|(at|do|on|of|value|count|spread) = \"?[0-9a-z-]{0,9}\"?\n|\\PC{0,9}\n){0,12}") {
        for whole in [text.clone(), format!("{HEAD}{text}")] {
            if let Err(e) = Scenario::parse(&whole, "s.toml") {
                prop_assert!(e.to_string().starts_with("s.toml"), "{e}");
            }
        }
    }
}
