//! The mapping file: who holds the GPUs, as CSV or JSON.
//!
//! CSV has a header with `job` and at least one of `host` and `uuid`; `gpu` (empty: the whole host)
//! and `tenant` may follow. JSON is a list of objects with the same names. A host may be a host list
//! as Slurm writes it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::hostlist;
use crate::model::batch::JobName;
use crate::model::text;
use crate::model::work::{Unit, Work, WorkList};

/// Most GPUs and hosts of one file.
const MAX_UNITS: usize = 1_000_000;
/// The columns that mean something.
const COLUMNS: [&str; 5] = ["host", "gpu", "uuid", "job", "tenant"];

/// One row or object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Row {
    host: String,
    gpu: Option<u16>,
    uuid: String,
    job: String,
    tenant: String,
}

/// Jobs in the order in which they appear.
#[derive(Default)]
struct Gathered {
    works: Vec<Work>,
    index: BTreeMap<(String, String), usize>,
    units: usize,
}

impl Gathered {
    fn take(&mut self, row: &Row) -> Result<(), String> {
        let (job, tenant) = (text::clean(row.job.trim()), text::clean(row.tenant.trim()));
        if job.is_empty() {
            return Err("no job: leave the line out where nothing runs".to_owned());
        }
        let units = units(row)?;
        self.units += units.len();
        if self.units > MAX_UNITS {
            return Err(format!("more than {MAX_UNITS} hosts and GPUs"));
        }
        let at = *self.index.entry((job.clone(), tenant.clone())).or_insert_with(|| {
            self.works.push(Work { name: JobName { job, tenant, ..JobName::default() }, units: Vec::new() });
            self.works.len() - 1
        });
        self.works[at].units.extend(units);
        Ok(())
    }
}

fn units(row: &Row) -> Result<Vec<Unit>, String> {
    let (host, uuid) = (row.host.trim(), row.uuid.trim());
    match (host.is_empty(), uuid.is_empty(), row.gpu) {
        (true, true, _) => Err("neither host nor uuid".to_owned()),
        (false, false, _) => Err("both host and uuid: expected one of them".to_owned()),
        (true, false, None) => Ok(vec![Unit::Uuid(text::clean(uuid))]),
        (true, false, Some(_)) => Err("gpu belongs to host, not to uuid".to_owned()),
        (false, true, Some(gpu)) if gpu > 63 => Err(format!("gpu {gpu} is out of range: expected 0 to 63")),
        (false, true, gpu) => {
            let hosts = hostlist::expand(host).map_err(|e| e.to_string())?;
            let of = |h: String| {
                let host = text::clean(&h);
                gpu.map_or(Unit::Host(host.clone()), |g| Unit::Gpu(host, g))
            };
            Ok(hosts.into_iter().map(of).collect())
        }
    }
}

/// Reads the text of `file`: JSON where it begins with `[`, else CSV.
///
/// # Errors
/// A sentence with file and line.
pub fn parse(content: &str, file: &str) -> Result<WorkList, String> {
    let content = content.trim_start_matches('\u{feff}');
    if content.trim_start().starts_with('[') { json(content, file) } else { csv(content, file) }
}

fn json(content: &str, file: &str) -> Result<WorkList, String> {
    let rows: Vec<Row> = serde_json::from_str(content).map_err(|e| {
        let what = text::clean(&e.to_string());
        let what = what.split(" at line ").next().unwrap_or_default();
        format!("{file}:{}: {what}", e.line())
    })?;
    let mut gathered = Gathered::default();
    for (i, row) in rows.iter().enumerate() {
        gathered.take(row).map_err(|e| format!("{file}: entry {}: {e}", i + 1))?;
    }
    Ok(WorkList { works: gathered.works })
}

fn csv(content: &str, file: &str) -> Result<WorkList, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(content.as_bytes());
    let told = |e: &csv::Error| {
        let line = e.position().map_or(1, csv::Position::line);
        format!("{file}:{line}: {}", text::clean(&e.to_string()))
    };
    let header = reader.headers().map_err(|e| told(&e))?.clone();
    if let Some(unknown) = header.iter().find(|h| !COLUMNS.iter().any(|c| c.eq_ignore_ascii_case(h))) {
        let unknown = text::clean(unknown);
        let near =
            text::nearest(&unknown, COLUMNS).map_or(String::new(), |n| format!(": did you mean `{n}`?"));
        return Err(format!(
            "{file}:1: unknown column `{unknown}`{near}; expected some of {}",
            COLUMNS.join(", ")
        ));
    }
    let column = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    if column("job").is_none() || (column("host").is_none() && column("uuid").is_none()) {
        return Err(format!("{file}:1: expected the header host,gpu,job,tenant or uuid,job,tenant"));
    }
    let mut gathered = Gathered::default();
    for record in reader.records() {
        let record = record.map_err(|e| told(&e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |name: &str| column(name).and_then(|i| record.get(i)).unwrap_or_default();
        let gpu = match field("gpu") {
            "" => None,
            gpu => Some(gpu.parse().map_err(|_| {
                format!(
                    "{file}:{line}: gpu `{}` is no number: expected 0 to 63, or nothing",
                    text::clean(gpu)
                )
            })?),
        };
        let own = |name: &str| field(name).to_owned();
        let row = Row { host: own("host"), gpu, uuid: own("uuid"), job: own("job"), tenant: own("tenant") };
        gathered.take(&row).map_err(|e| format!("{file}:{line}: {e}"))?;
    }
    Ok(WorkList { works: gathered.works })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(content: &str) -> Vec<String> {
        let list = parse(content, "jobs").expect("a mapping");
        let unit = |u: &Unit| match u {
            Unit::Host(h) => h.clone(),
            Unit::Gpu(h, g) => format!("{h}/{g}"),
            Unit::Uuid(u) => u.clone(),
        };
        let work = |w: &Work| {
            let units: Vec<_> = w.units.iter().map(unit).collect();
            format!("{}({}) {}", w.name.job, w.name.tenant, units.join(" "))
        };
        list.works.iter().map(work).collect()
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let csv = "host,gpu,job,tenant\nn1,,llm,a\nn2,3,infer,b\nn2,4,infer,b\n";
        let json = r#"[{"host":"n1","job":"llm","tenant":"a"},
            {"host":"n2","gpu":3,"job":"infer","tenant":"b"},{"host":"n2","gpu":4,"job":"infer","tenant":"b"}]"#;
        assert_eq!(words(csv), ["llm(a) n1", "infer(b) n2/3 n2/4"]);
        assert_eq!(words(json), words(csv));
        assert_eq!(words("uuid,job\nGPU-1,x\n"), ["x() GPU-1"]);
        assert_eq!(words("Host,Job\n\"n[1-2]\",x\n"), ["x() n1 n2"]);
        assert!(words("host,job\n").is_empty());
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        for (content, message) in [
            ("host,gpu\nn1,2\n", "jobs:1: expected the header host,gpu,job,tenant or uuid,job,tenant"),
            (
                "host,jobb\n",
                "jobs:1: unknown column `jobb`: did you mean `job`?; expected some of host, gpu, uuid, job, tenant",
            ),
            (
                "host,gpu,job\nn1,,a\nn2,two,b\n",
                "jobs:3: gpu `two` is no number: expected 0 to 63, or nothing",
            ),
            ("host,gpu,job\nn1,64,a\n", "jobs:2: gpu 64 is out of range: expected 0 to 63"),
            ("host,job\nn1,\n", "jobs:2: no job: leave the line out where nothing runs"),
            ("host,uuid,job\n,,a\n", "jobs:2: neither host nor uuid"),
            ("host,uuid,job\nn1,GPU-1,a\n", "jobs:2: both host and uuid: expected one of them"),
            ("gpu,uuid,job\n1,GPU-1,a\n", "jobs:2: gpu belongs to host, not to uuid"),
            ("host,job\nn[1-,a\n", "jobs:2: `[` without `]` in a host list"),
            (
                "[\n{\"host\":\"n1\",\"jobs\":1}]",
                "jobs:2: unknown field `jobs`, expected one of `host`, `gpu`, `uuid`, `job`, `tenant`",
            ),
            ("[{\"host\":\"n1\"}]", "jobs: entry 1: no job: leave the line out where nothing runs"),
        ] {
            assert_eq!(parse(content, "jobs").expect_err(content), message);
        }
        let short = parse("host,job\nn1,a,b\n", "jobs").expect_err("too many fields");
        assert!(short.starts_with("jobs:2: "), "{short}");
    }

    #[test]
    fn names_arrive_clean() {
        assert_eq!(words("host,job\nn\x1b1,a\x1b[2Jb\n"), ["a[2Jb() n1"]);
    }
}
