//! `clip`, `export` and `alarms backtest`: what they write about a recording is what was recorded.

#[path = "support/recorded.rs"]
mod recorded;

use std::path::{Path, PathBuf};

use clap::Parser;
use hallwatch::cli::args::Args;
use hallwatch::fleet::Snapshot;
use hallwatch::model::{Asset, GpuId, Metric, Quality, RackId, RackPoint};
use hallwatch::record::{Cursor, Recording};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use recorded::{Recorded, record};
use serde_json::Value;

/// What `hallwatch WORDS` writes, or its exit code and why it failed.
fn run(words: &[&str]) -> Result<String, (u8, String)> {
    let words = ["hallwatch"].iter().chain(words);
    let args = Args::try_parse_from(words).map_err(|e| (2, e.to_string()))?;
    let mut out = Vec::new();
    hallwatch::cli::run(args, &mut out).map_err(|e| (e.exit_code(), e.report()))?;
    Ok(String::from_utf8(out).expect("text"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("listed").path()).collect();
    names.sort();
    names
}

fn export(made: &Recorded, more: &[&str]) -> Result<String, (u8, String)> {
    run(&[&["export", text(&made.path)], more].concat())
}

#[test]
fn a_clip_is_a_recording_of_its_own() {
    let made = record(recorded::air(), None, 30);
    let out = made.folder.path().join("clip.mcap");
    let cut = |from: &str, to: &str, out: &Path| {
        run(&["clip", text(&made.path), "--from", from, "--to", to, "-o", text(out), "--title", "a test"])
    };
    let said = cut("03:00:05", "2026-11-22T03:00:14Z", &out).expect("a clip");
    assert!(said.contains("10 frames from 2026-11-22T03:00:05Z to 2026-11-22T03:00:14Z"), "{said}");
    let mut cursor = Cursor::new(Recording::open(&out).expect("it opens")).expect("memory");
    let shown = cursor.step(0).expect("a frame");
    assert_eq!(shown.frame.time, made.live[5].frame.time);
    let before = names(made.folder.path());
    let (code, why) = cut("-3s", "-1s", &out).expect_err("it exists");
    assert_eq!((code, why.contains("exists already")), (1, true), "{why}");
    let late = made.folder.path().join("late.mcap");
    let (code, why) = cut("2026-11-23T03:00:05Z", "2026-11-23T03:00:14Z", &late).expect_err("nothing there");
    assert_eq!((code, why.contains("nothing is recorded between")), (1, true), "{why}");
    assert_eq!(cut("03:00:09", "03:00:05", &late).expect_err("backwards").0, 2);
    assert_eq!(cut("soon", "03:00:05", &late).expect_err("no time").0, 2);
    assert_eq!(names(made.folder.path()), before, "nothing is left behind");
    let hidden = made.folder.path().join("hidden.mcap");
    let said =
        run(&["clip", text(&made.path), "--from", "-9s", "--to", "now", "-o", text(&hidden), "--anonymize"]);
    assert!(said.expect("a clip").contains("10 frames"));
    let mut cursor = Cursor::new(Recording::open(&hidden).expect("it opens")).expect("memory");
    assert_eq!(cursor.step(0).expect("a frame").frame.topology.site(), "site");
}

#[test]
fn csv_and_json_lines_have_a_row_per_gpu_and_frame() {
    let made = record(recorded::air(), None, 12);
    let csv = export(&made, &["--format", "csv", "-o", "-"]).expect("a table");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let head = rows.headers().expect("a head").clone();
    let at = |name: &str| head.iter().position(|h| h == name).unwrap_or_else(|| panic!("{name} in {head:?}"));
    let all: Vec<csv::StringRecord> = rows.records().map(|r| r.expect("a row")).collect();
    assert_eq!(all.len(), 12 * 320);
    for (n, row) in all.iter().enumerate().step_by(97) {
        let (snapshot, gpu) = (&made.live[n / 320], GpuId::new(n % 320));
        let known =
            |m: Metric| snapshot.frame.value(gpu, m).filter(|_| snapshot.frame.quality(gpu) == Quality::Good);
        let said = |name: &str| row[at(name)].parse::<f32>().ok();
        assert_eq!(&row[at("time")], snapshot.frame.time.to_string());
        let name = ["hall", "row", "rack", "tray", "gpu"].map(|n| row[at(n)].to_owned()).join("-");
        assert_eq!(name, snapshot.frame.topology.name(Asset::Gpu(gpu)));
        assert_eq!(&row[at("quality")], snapshot.frame.quality(gpu).name());
        assert_eq!(said("power_w"), known(Metric::Power));
        assert_eq!(said("temp_c"), known(Metric::Temp));
        assert_eq!(said("mem_used_mib"), known(Metric::MemUsed));
        assert_eq!(&row[at("job")], snapshot.frame.job(gpu).map_or("", |j| &j.job));
    }
    let lines = export(&made, &["--format", "jsonl", "-o", "-", "--from", "-2s", "--metrics", "power,temp"]);
    let lines = lines.expect("a table");
    assert_eq!(lines.lines().count(), 3 * 320);
    for (line, row) in lines.lines().zip(&all[9 * 320..]) {
        let object: Value = serde_json::from_str(line).expect("JSON");
        let power = object["power_w"].as_f64().map(|v| v.to_string()).unwrap_or_default();
        assert_eq!(power, row[at("power_w")]);
        assert_eq!(object.as_object().expect("an object").len(), 11);
    }
}

#[test]
fn conditions_and_steps_choose_rows() {
    let made = record(recorded::air(), None, 31);
    let hot = |s: &Snapshot| {
        let good =
            |g: &GpuId| s.frame.quality(*g) == Quality::Good && s.frame.value(*g, Metric::Util) > Some(50.0);
        (0..320).map(GpuId::new).filter(good).count()
    };
    let expected: usize = made.live.iter().step_by(10).map(|s| hot(s)).sum();
    let csv = export(&made, &["--format", "csv", "-o", "-", "--where", "util > 50", "--every", "10s"]);
    assert_eq!(csv.expect("a table").lines().count(), expected + 1);
    assert!(expected > 0 && expected < 4 * 320, "some, not all: {expected}");
    for (wrong, phrase) in [
        (["--where", "tmep > 1"], "temp"),
        (["--where", "rack_liquid_flow >"], "--where"),
        (["--metrics", "powr"], "did you mean `power`?"),
    ] {
        let (code, why) =
            export(&made, &[&["--format", "csv", "-o", "-"], &wrong[..]].concat()).expect_err("wrong");
        assert_eq!((code, why.contains(phrase)), (2, true), "{why}");
    }
}

#[test]
fn racks_have_the_values_of_the_plant() {
    let made = record(recorded::liquid(), None, 5);
    let lines = export(&made, &["--format", "jsonl", "-o", "-", "--assets", "rack"]).expect("a table");
    let mut told = 0;
    for (n, line) in lines.lines().enumerate() {
        let object: Value = serde_json::from_str(line).expect("JSON");
        let (frame, rack) = (&made.live[n / 8].frame, RackId::new(n % 8));
        let flow = frame.facility.rack(rack, RackPoint::LiquidFlow);
        assert_eq!(object["liquid_flow_lpm"].as_f64().map(|v| v as f32), flow);
        assert_eq!(object["rack"], frame.topology.short_name(Asset::Rack(rack)));
        told += usize::from(flow.is_some());
    }
    assert!(told > 30, "{told}");
}

#[test]
fn parquet_has_the_same_rows() {
    let made = record(recorded::air(), None, 9);
    let out = made.folder.path().join("a.parquet");
    let said = export(&made, &["--format", "parquet", "-o", text(&out)]).expect("a table");
    assert!(said.ends_with("2880 rows\n"), "{said}");
    let reader = SerializedFileReader::new(std::fs::File::open(&out).expect("there")).expect("Parquet");
    let fields = reader.metadata().file_metadata().schema_descr().columns().to_vec();
    let at = |name: &str| fields.iter().position(|c| c.name() == name).expect("a column");
    for (n, row) in reader.get_row_iter(None).expect("rows").enumerate() {
        let row = row.expect("a row");
        let (snapshot, gpu) = (&made.live[n / 320], GpuId::new(n % 320));
        let known =
            |m: Metric| snapshot.frame.value(gpu, m).filter(|_| snapshot.frame.quality(gpu) == Quality::Good);
        assert_eq!(row.get_timestamp_millis(at("time")).ok(), Some(snapshot.frame.time.millis()));
        assert_eq!(row.get_float(at("power_w")).ok(), known(Metric::Power));
        assert_eq!(row.get_int(at("xid")).ok().map(|v| v as f32), known(Metric::Xid));
        assert_eq!(row.get_string(at("job")).ok(), snapshot.frame.job(gpu).map(|j| &j.job));
    }
    let (code, why) = export(&made, &["--format", "parquet", "-o", text(&out)]).expect_err("it exists");
    assert_eq!((code, why.contains("exists already")), (1, true));
    assert_eq!(export(&made, &["--format", "parquet", "-o", "-"]).expect_err("no file").0, 2);
    assert_eq!(names(made.folder.path()).len(), 2, "nothing is left behind");
}

#[test]
fn samples_have_base_units_and_times() {
    let made = record(recorded::air(), None, 3);
    let words =
        ["--format", "openmetrics", "-o", "-", "--metrics", "power,mem_used,xid", "--where", "gpu_util >= 0"];
    let text = export(&made, &words).expect("samples");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..2],
        ["# TYPE hallwatch_gpu_power_watts gauge", "# UNIT hallwatch_gpu_power_watts watts"]
    );
    assert!(
        lines[2].starts_with("hallwatch_gpu_power_watts{hall=\"H1\",row=\"R01\",rack=\"K1\","),
        "{}",
        lines[2]
    );
    assert!(lines[2].ends_with(" 1795316400.000"), "{}", lines[2]);
    assert!(text.contains("# UNIT hallwatch_gpu_mem_used_bytes bytes\n"));
    assert!(text.contains("# TYPE hallwatch_gpu_xid gauge\nhallwatch_gpu_xid{"), "no unit, no line");
    assert!(text.ends_with("\n# EOF\n"));
    let heads: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].starts_with("# TYPE")).collect();
    let one_family = |l: &&str| l.starts_with("hallwatch_gpu_power_watts");
    assert_eq!(
        lines[2..heads[1]].iter().filter(|l| one_family(l)).count(),
        heads[1] - 2,
        "families stand together"
    );
}

/// Writes samples for `tests/real/parquet`; does nothing in an ordinary run.
#[test]
fn samples_for_promtool() {
    let Some(out) = std::env::var_os("HALLWATCH_TEST_SAMPLES") else { return };
    let made = record(recorded::liquid(), None, 5);
    let out = out.into_string().expect("UTF-8");
    export(&made, &["--format", "openmetrics", "-o", &out]).expect("samples");
}

fn backtest(made: &Recorded, more: &[&str]) -> Value {
    let fixed = ["alarms", "backtest", text(&made.path), "--config", "/dev/null", "--json"];
    let said = run(&[&fixed[..], more].concat()).expect("it runs");
    serde_json::from_str(&said).expect("JSON")
}

fn rules_of(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|r| r["rule"].as_str().expect("a rule")).collect()
}

#[test]
fn the_same_rules_raise_the_same_and_changed_ones_differ_by_just_that() {
    let made = record(recorded::air(), Some("grid-dip"), 120);
    let same = backtest(&made, &[]);
    assert_eq!(
        (&same["only_new"], &same["only_old"]),
        (&Value::from(Vec::<u8>::new()), &Value::from(Vec::<u8>::new()))
    );
    let both = same["both"].as_array().expect("a list");
    assert!(!both.is_empty(), "the scenario raises something");
    assert!(both.iter().all(|b| b["old"]["time"] == b["new"]["time"]), "{both:?}");
    let raised: Vec<&str> = both.iter().map(|b| b["old"]["rule"].as_str().expect("a rule")).collect();
    assert!(raised.contains(&"grid-frequency"), "{raised:?}");
    let count = raised.iter().filter(|r| **r == "grid-frequency").count();
    let file = made.folder.path().join("new.toml");
    let rules = "[[rule]]\nname = \"grid-frequency\"\nenabled = false\n\n[[rule]]\nname = \"site-drawn\"\n\
        title = \"The site draws power\"\nscope = \"site\"\nwhen = \"site_facility_power > 0.001 MW\"\n\
        priority = \"P2\"\naction = \"None.\"\n";
    std::fs::write(&file, rules).expect("writable");
    let changed = backtest(&made, &["--rules", text(&file)]);
    assert_eq!(rules_of(&changed["only_new"]), ["site-drawn"]);
    assert_eq!(rules_of(&changed["only_old"]), vec!["grid-frequency"; count]);
    assert_eq!(changed["both"].as_array().map(Vec::len), Some(both.len() - count));
    let said =
        run(&["alarms", "backtest", text(&made.path), "--config", "/dev/null", "--rules", text(&file)]);
    let said = said.expect("it runs");
    assert!(said.contains("1 raised only by the new rules") && said.contains("site-drawn"), "{said}");
}
