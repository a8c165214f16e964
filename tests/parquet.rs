//! Tables as DuckDB and pandas read them. Runs where `HALLWATCH_TEST_PARQUET` is set, see
//! `tests/real/parquet`: the packages are large.

#[path = "support/python.rs"]
mod python;
#[path = "support/recorded.rs"]
mod recorded;

use clap::Parser;
use hallwatch::cli::args::Args;
use hallwatch::fleet::Snapshot;
use hallwatch::model::{GpuId, Metric, Quality};
use serde_json::Value;

/// Figures of a table: rows, sum and count of a column, distinct assets, first and last moment in ms.
const SCRIPT: &str = r#"
import json, sys
import duckdb, pandas
path = sys.argv[1]
one = lambda q: duckdb.sql(q.format(path)).fetchall()[0]
total = one("select count(*), count(power_w), sum(power_w), count(distinct hall||row||rack||tray||gpu), epoch_ms(min(time)), epoch_ms(max(time)) from '{}'")
frame = pandas.read_parquet(path)
hot = frame[frame.quality == "good"]
answer = {
    "duckdb": list(total),
    "jobs": one("select count(distinct job) from '{}'")[0],
    "pandas": [len(frame), int(frame.power_w.count()), float(frame.power_w.sum()), len(hot)],
    "first": int(frame.time.min().timestamp() * 1000),
    "types": {c: str(t) for c, t in frame.dtypes.items()},
}
json.dump(answer, sys.stdout)
"#;

#[test]
fn duckdb_and_pandas_read_the_same() {
    if std::env::var_os("HALLWATCH_TEST_PARQUET").is_none() {
        eprintln!("skipped: DuckDB and pandas are tried by tests/real/parquet");
        return;
    }
    let made = recorded::record(recorded::air(), None, 12);
    let Some(python) = python::python(made.folder.path(), &["duckdb", "pandas", "pyarrow"]) else { return };
    let out = made.folder.path().join("a.parquet");
    let (path, out) = (made.path.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let words = ["hallwatch", "export", path, "--format", "parquet", "-o", out];
    hallwatch::cli::run(Args::try_parse_from(words).expect("valid"), &mut Vec::new()).expect("a table");
    let told: Value = serde_json::from_slice(&python::output(&python, &["-c", SCRIPT, out])).expect("JSON");
    let good = |s: &Snapshot, g: GpuId| s.frame.quality(g) == Quality::Good;
    let all = || made.live.iter().flat_map(|s| (0..320).map(move |g| (s, GpuId::new(g))));
    let power: Vec<f32> =
        all().filter(|(s, g)| good(s, *g)).filter_map(|(s, g)| s.frame.value(g, Metric::Power)).collect();
    let sum: f64 = power.iter().map(|v| f64::from(*v)).sum();
    let number = |v: &Value| v.as_f64().expect("a number");
    let (duck, pandas) = (&told["duckdb"], &told["pandas"]);
    assert_eq!((number(&duck[0]), number(&duck[1])), (12.0 * 320.0, power.len() as f64));
    assert!((number(&duck[2]) - sum).abs() < 1.0 && (number(&pandas[2]) - sum).abs() < sum * 1e-4);
    assert_eq!(number(&duck[3]), 320.0);
    let span = (made.live[0].frame.time.millis(), made.live[11].frame.time.millis());
    assert_eq!((duck[4].as_i64(), duck[5].as_i64()), (Some(span.0), Some(span.1)));
    assert_eq!(told["first"].as_i64(), Some(span.0));
    assert_eq!((number(&pandas[0]), number(&pandas[1])), (12.0 * 320.0, power.len() as f64));
    assert_eq!(number(&pandas[3]), all().filter(|(s, g)| good(s, *g)).count() as f64);
    assert_eq!(told["types"]["power_w"], "float32", "{told}");
    assert!(told["types"]["time"].as_str().is_some_and(|t| t.starts_with("datetime64[ms, UTC")), "{told}");
}
