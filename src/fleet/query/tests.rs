//! Queries asked of a small site whose values are known.

use std::sync::Arc;

use super::{Deadband, Memory, Plan, Scan, parse};
use crate::fleet::Stage;
use crate::fleet::frame::Frame;
use crate::model::alarm::rule::Scope;
use crate::model::batch::JobName;
use crate::model::topology::place::Placer;
use crate::model::topology::plan::{NewHost, Plan as SitePlan};
use crate::model::{
    Batch, Column, DenseBatch, FacilityReading, Metric, RackId, RackPoint, SitePoint, Timestamp, Topology,
};

/// Two trays of four GPUs in an unplaced hall.
fn topology() -> Arc<Topology> {
    let host = |name: &str| NewHost { host: name.into(), place: None, gpus: 4 };
    Arc::new(SitePlan::open("x").with_hosts(&[host("a1"), host("b2")]).build().expect("small"))
}

/// Frames in which GPU i has the i-th of `values`; the trays in `silent` do not answer.
struct Bench {
    stage: Stage,
    second: i64,
}

impl Bench {
    fn new() -> Self {
        Self { stage: Stage::new(topology(), Placer::default()), second: 0 }
    }

    fn frame(&mut self, values: &[(Metric, [f32; 8])], silent: &[u32], plant: &[FacilityReading]) -> Frame {
        self.second += 1;
        let time = Timestamp::from_secs(self.second);
        let column = |(m, v): &(Metric, [f32; 8])| (*m, Column::from_raw(*m, v.iter().map(|v| m.encode(*v))));
        let job = |job: &str| JobName { job: job.into(), tenant: "t".into(), ..JobName::default() };
        let dense = DenseBatch {
            columns: values.iter().map(column).collect(),
            silent: silent.to_vec(),
            jobs: Some(Arc::new([JobName::default(), job("llm-r7"), job("vis")])),
        };
        let batch = Batch { dense: Some(dense), facility: plant.to_vec(), ..Batch::new(0, time) };
        self.stage.apply(&batch, 1000);
        self.stage.commit(time)
    }
}

const TEMPS: [f32; 8] = [60.0, 70.0, 80.0, 86.0, 90.0, 50.0, 60.0, f32::NAN];

fn frame() -> Frame {
    let jobs = (Metric::Job, [1.0, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0, 1.0]);
    Bench::new().frame(&[(Metric::Temp, TEMPS), (Metric::Util, [9.0; 8]), jobs], &[], &[])
}

/// The answers as signs: `+` true, `-` false, `?` not known.
fn ask_at(scope: Scope, text: &str, frame: &Frame) -> String {
    let plan = Plan::new(parse(text).expect("it is valid"), scope, None).expect("it fits");
    let answers = plan.answers(&Scan::of(frame), &mut Memory::default());
    answers.iter().map(|a| ['-', '?', '+'][usize::from(*a)]).collect()
}

fn ask(text: &str) -> String {
    ask_at(Scope::Gpu, text, &frame())
}

#[test]
fn numbers_are_compared_and_what_is_absent_is_not_known() {
    assert_eq!(ask("temp > 80"), "---++--?");
    assert_eq!(ask("temp >= 80"), "--+++--?");
    assert_eq!(ask("temp < 60 °C"), "-----+-?");
    assert_eq!(ask("gpu_temp <= 60"), "+----++?");
    assert_eq!(ask("temp = 60"), "+-----+?");
    assert_eq!(ask("temp != 60"), "-++++".to_owned() + "+-?");
    assert_eq!(ask("temp in (50, 90)"), "----++-?");
    assert_eq!(ask("temp > 85.5 or temp < 51"), "---+++-?");
}

#[test]
fn the_fast_way_over_raw_columns_and_the_plain_way_agree() {
    let frame = frame();
    for limit in ["49.5", "50", "59.9", "60", "70.1", "86", "200", "0"] {
        for op in ["<", "<=", ">", ">=", "=", "!="] {
            // A sum takes the plain way.
            let fast = ask_at(Scope::Gpu, &format!("temp {op} {limit}"), &frame);
            assert_eq!(fast, ask_at(Scope::Gpu, &format!("temp + 0 {op} {limit}"), &frame), "{op} {limit}");
        }
    }
}

#[test]
fn what_is_known_decides() {
    assert_eq!(ask("temp > 80 or util = 9"), "++++++++");
    assert_eq!(ask("temp > 80 and util = 8"), "--------");
    assert_eq!(ask("not temp > 80"), "+++--++?");
    assert_eq!(ask("temp > 80 and util = 9"), "---++--?");
}

#[test]
fn places_jobs_and_hosts_are_found_by_name() {
    assert_eq!(ask("host = a1"), "++++----");
    assert_eq!(ask("host != a1"), "----++++");
    assert_eq!(ask("host in (A1, b2)"), "++++++++");
    assert_eq!(ask("job = \"llm-r7\""), "++--+--+");
    assert_eq!(ask("job = llm-r7 and temp > 80"), "----+--?");
    assert_eq!(ask("tenant = nobody"), "????????", "nobody says whose they are");
}

#[test]
fn calls_fold_what_lies_below_and_unknown_counts_both_ways() {
    let f = frame();
    assert_eq!(ask_at(Scope::Tray, "max(temp) > 85", &f), "++");
    assert_eq!(ask_at(Scope::Tray, "mean(temp) > 70", &f), "+-");
    assert_eq!(ask_at(Scope::Tray, "count(temp > 65) >= 3", &f), "+-");
    // One more might be hot in the second tray: two are not certain.
    assert_eq!(ask_at(Scope::Tray, "count(temp > 65) >= 2", &f), "+?");
    assert_eq!(ask_at(Scope::Tray, "share(temp > 65) >= 75 %", &f), "+-");
    assert_eq!(ask_at(Scope::Site, "count(temp > 65) >= 4", &f), "+");
}

#[test]
fn plant_is_taken_over_from_above() {
    let plant = [
        FacilityReading::Rack(RackId(0), RackPoint::LiquidFlow, 30.0),
        FacilityReading::Site(SitePoint::Frequency, 49.5),
    ];
    let f = Bench::new().frame(&[(Metric::Temp, TEMPS)], &[], &plant);
    assert_eq!(ask_at(Scope::Gpu, "site_frequency < 49.9 and temp > 80", &f), "---++--?");
    let racks = f.topology.racks().len();
    assert!(ask_at(Scope::Rack, "rack_liquid_flow < 40 LPM", &f).starts_with('+'), "{racks} racks");
}

#[test]
fn stale_and_silent_values_are_not_known() {
    let mut bench = Bench::new();
    let values = [(Metric::Temp, TEMPS), (Metric::Util, [9.0; 8])];
    bench.frame(&values, &[], &[]);
    for _ in 0..4 {
        bench.frame(&values, &[1], &[]);
    }
    let f = bench.frame(&values, &[1], &[]);
    assert_eq!(ask_at(Scope::Gpu, "temp > 80", &f), "---+????");
    assert_eq!(ask_at(Scope::Gpu, "quality = stale", &f), "----++++");
    let silent = [
        FacilityReading::Rack(RackId(0), RackPoint::LiquidFlow, 3.0),
        FacilityReading::Site(SitePoint::BmsHeartbeat, 99.0),
    ];
    let f = bench.frame(&values, &[], &silent);
    assert!(ask_at(Scope::Rack, "rack_liquid_flow < 40", &f).starts_with('?'));
    assert_eq!(ask_at(Scope::Site, "site_bms_heartbeat > 30 s", &f), "+");
}

#[test]
fn a_deadband_moves_the_limit_the_right_way() {
    let held = |text: &str, by| {
        let plan = Plan::new(parse(text).expect("valid"), Scope::Gpu, Some(by)).expect("fits");
        let answers = plan.held(&Scan::of(&frame()), &mut Memory::default()).expect("it has one");
        answers.iter().map(|a| ['-', '?', '+'][usize::from(*a)]).collect::<String>()
    };
    assert_eq!(held("temp > 85", Deadband::By(5.5)), "--+++".to_owned() + "--?");
    assert_eq!(held("temp < 55", Deadband::By(6.0)), "+----++?");
    assert_eq!(held("temp > 85", Deadband::Share(0.1)), "--+++--?");
    assert_eq!(held("not temp < 85", Deadband::By(5.5)), "--+++--?");
}

#[test]
fn usual_values_and_rises_are_remembered() {
    let usual =
        Plan::new(parse("temp > usual(temp, 100 s) + 5").expect("valid"), Scope::Gpu, None).expect("fits");
    let rises =
        Plan::new(parse("rises(temp > 80, 10 s) >= 2").expect("valid"), Scope::Gpu, None).expect("fits");
    let (mut bench, mut one, mut two) = (Bench::new(), Memory::default(), Memory::default());
    let mut told = Vec::new();
    for second in 0..20 {
        let temp = if second % 4 == 3 && second < 8 { 90.0 } else { 60.0 };
        let f = bench.frame(&[(Metric::Temp, [temp; 8])], &[], &[]);
        let scan = Scan::of(&f);
        told.push((usual.answers(&scan, &mut one)[0], rises.answers(&scan, &mut two)[0]));
    }
    let hot: Vec<usize> = (0..20).filter(|i| told[*i].0 == 2).collect();
    assert_eq!(hot, [3, 7], "above what is usual");
    let twice: Vec<usize> = (0..20).filter(|i| told[*i].1 == 2).collect();
    assert_eq!(twice, (7..13).collect::<Vec<_>>(), "until the first rise is ten seconds old");
}

#[test]
fn why_it_is_true_is_told_with_values() {
    let f = frame();
    let why = |scope, text: &str, index| {
        let plan = Plan::new(parse(text).expect("valid"), scope, None).expect("fits");
        plan.explain(&Scan::of(&f), index, &Memory::default())
    };
    assert_eq!(why(Scope::Gpu, "temp > 85", 4), "temp 90 °C > 85");
    assert_eq!(why(Scope::Gpu, "temp > 85", 0), "", "it is not true there");
    assert_eq!(why(Scope::Tray, "count(temp > 65) >= 3", 0), "3 of 4 GPUs: temp");
    assert_eq!(why(Scope::Gpu, "util = 8 or (temp < 55 and util = 9)", 5), "temp 50 °C < 55, util 9 % = 9");
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_the_nearest_name() {
    let e = |text: &str| parse(text).expect_err("wrong on purpose").to_string();
    assert_eq!(e("tmep > 3"), "no value is called `tmep`: did you mean `gpu_temp`? (at character 1)");
    assert!(e("temp > 3 kW").contains("compares °C with kW"), "{}", e("temp > 3 kW"));
    assert!(e("temp > 3 parsec").contains("unknown unit `parsec`"));
    assert!(e("temp >").starts_with("expected a value"));
    assert!(e("temp 3").starts_with("expected a comparison"));
    assert!(e("temp > 3 and").contains("(at character 13)"));
    assert!(e("cuont(temp > 3) > 2").contains("did you mean `count`?"));
    assert!(e("quality = stail").contains("did you mean `stale`?"));
    assert!(e("usual(temp, 3) > 1").contains("expected a time"));
    assert!(e("rack_liquid_supply + 3 LPM > 2").contains("adds LPM to °C"));
    assert!(e(&"(".repeat(100)).contains("nested deeper"));
    assert!(e(&format!("temp > {}1", "-".repeat(100))).contains("nested deeper"));
    assert!(e(&"x".repeat(5000)).contains("longer than"));
}

#[test]
fn a_query_must_fit_what_it_is_asked_of() {
    let fits = |scope, text: &str| Plan::new(parse(text).expect("valid"), scope, None).map(|_| ());
    assert!(fits(Scope::Row, "gpu_temp > 3").expect_err("below").contains("write count(…)"));
    assert!(fits(Scope::Rack, "cdu_level > 3").expect_err("beside").contains("is of a CDU"));
    assert!(fits(Scope::Gpu, "count(temp > 3) > 3").expect_err("nothing below").contains("below it"));
    assert!(
        fits(Scope::Row, "count(cdu_level > 3 and rack_leak = 1) > 3")
            .expect_err("mixed")
            .contains("do not lie in each other")
    );
    assert!(fits(Scope::Hall, "tray = T01").expect_err("above").contains("says nothing about a hall"));
    for (scope, text) in [
        (Scope::Gpu, "rack_leak = 1"),
        (Scope::Row, "count(cdu_level < 3) > 0"),
        (Scope::Job, "job_util > 3"),
    ] {
        assert_eq!(fits(scope, text), Ok(()), "{text}");
    }
}

proptest::proptest! {
    /// Whatever is typed is refused or understood, and what is understood can be asked.
    #[test]
    fn no_text_breaks_the_reader(words in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..14)) {
        let text = words.join(" ");
        let f = frame();
        if let Ok(cond) = parse(&text) {
            for scope in [Scope::Gpu, Scope::Tray, Scope::Rack, Scope::Site, Scope::Job] {
                if let Ok(plan) = Plan::new(cond.clone(), scope, Some(Deadband::By(1.0))) {
                    let (scan, mut memory) = (Scan::of(&f), Memory::default());
                    let answers = plan.answers(&scan, &mut memory);
                    proptest::prop_assert_eq!(answers.len(), scan.count(scope), "{}", text);
                    proptest::prop_assert!(answers.iter().all(|a| *a <= 2));
                    for (i, answer) in answers.iter().enumerate().take(4) {
                        // Why it is true can be told where it is true alone.
                        let told = plan.explain(&scan, i, &memory);
                        proptest::prop_assert!(*answer == 2 || told.is_empty(), "{text}: {told}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_characters_break_the_reader(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }
}

/// Pieces of queries, sound and not.
const WORDS: [&str; 34] = [
    "temp",
    "gpu_margin",
    "rack_liquid_flow",
    "site_frequency",
    "xid_event",
    "tray_answers",
    "job_util",
    "quality",
    ">",
    "<=",
    "=",
    "!=",
    "in",
    "(",
    ")",
    "(",
    ")",
    ",",
    "and",
    "or",
    "not",
    "count(",
    "share(",
    "max(",
    "usual(",
    "rises(",
    "+",
    "-",
    "*",
    "/",
    "3",
    "60 s",
    "hall = H1",
    "stale",
];
