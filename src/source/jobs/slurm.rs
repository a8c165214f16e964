//! The answer of slurmrestd to `GET /slurm/v0.0.4x/jobs`, read as far as it is needed.
//!
//! The versions differ in little that matters here: numbers may be objects with `set` and `number`,
//! and states may be a word or a list of words.

use serde::Deserialize;

use super::hostlist;
use crate::model::batch::{JobName, JobState};
use crate::model::text;
use crate::model::work::{Unit, Work, WorkList};

/// Versions of the interface that are tried, the newest one first.
pub const VERSIONS: [&str; 6] = ["v0.0.44", "v0.0.43", "v0.0.42", "v0.0.41", "v0.0.40", "v0.0.39"];
/// Most jobs of an answer that are looked at.
const MAX_JOBS: usize = 200_000;

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    jobs: Vec<Job>,
    #[serde(default)]
    errors: Vec<Wrong>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wrong {
    error: Option<String>,
    description: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Job {
    job_id: Option<Number>,
    name: Option<String>,
    user_name: Option<String>,
    account: Option<String>,
    job_state: Option<Words>,
    nodes: Option<String>,
    gres_detail: Option<Vec<String>>,
    tres_alloc_str: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u64),
    Object { number: u64 },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
}

/// What was read, and what could not be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The jobs that hold GPUs.
    pub list: WorkList,
    /// The first reason why a job was left out, and how many were.
    pub wrong: Option<(String, usize)>,
}

/// Reads an answer.
///
/// # Errors
/// It is no such answer, or tells an error of Slurm: a sentence.
pub fn parse(body: &[u8]) -> Result<Read, String> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|e| format!("not an answer of slurmrestd: {}", text::clean(&e.to_string())))?;
    if let Some(wrong) = answer.errors.first() {
        let reason = wrong.description.as_deref().or(wrong.error.as_deref()).unwrap_or("no reason given");
        return Err(format!("Slurm answers: {}", text::clean(reason)));
    }
    let mut read = Read::default();
    for job in answer.jobs.iter().take(MAX_JOBS) {
        match job.work() {
            Ok(Some(work)) => read.list.works.push(work),
            Ok(None) => {}
            Err(why) => {
                let (_, count) = read.wrong.get_or_insert_with(|| (format!("{}: {why}", job.label()), 0));
                *count += 1;
            }
        }
    }
    Ok(read)
}

impl Job {
    fn id(&self) -> u64 {
        match self.job_id {
            Some(Number::Plain(n) | Number::Object { number: n }) => n,
            None => 0,
        }
    }

    /// `4711 llm-r7`: names alone are given to many jobs.
    fn label(&self) -> String {
        let name = text::clean(self.name.as_deref().unwrap_or_default());
        format!("{} {name}", self.id()).trim_end().to_owned()
    }

    /// What a job does that holds its nodes; `None` for those that wait or have ended.
    fn state(&self) -> Option<JobState> {
        let one;
        let words: &[String] = match self.job_state.as_ref()? {
            Words::Many(words) => words,
            Words::One(word) => {
                one = [word.clone()];
                &one
            }
        };
        let has = |word: &str| words.iter().any(|w| w.eq_ignore_ascii_case(word));
        if has("COMPLETING") || has("STAGE_OUT") || has("SIGNALING") {
            Some(JobState::Draining)
        } else if has("SUSPENDED") || has("STOPPED") {
            Some(JobState::Stalled)
        } else if has("CONFIGURING") {
            Some(JobState::Unknown)
        } else {
            has("RUNNING").then_some(JobState::Running)
        }
    }

    /// The job where it holds GPUs.
    fn work(&self) -> Result<Option<Work>, String> {
        let Some(state) = self.state() else { return Ok(None) };
        let nodes = hostlist::expand(self.nodes.as_deref().unwrap_or_default()).map_err(|e| e.to_string())?;
        let detail = self.gres_detail.as_deref().unwrap_or_default();
        let units = if detail.iter().any(|d| gpu_part(d).is_some()) {
            let mut units = Vec::new();
            // One entry for each node, in the order of the nodes.
            for (node, detail) in nodes.iter().zip(detail) {
                units.extend(node_units(node, detail)?);
            }
            units
        } else if self.holds_no_gpu() {
            return Ok(None);
        } else {
            nodes.iter().map(|n| Unit::Host(text::clean(n))).collect()
        };
        let tenant = [&self.account, &self.user_name].into_iter().flatten().find(|t| !t.is_empty());
        let name =
            JobName { job: self.label(), tenant: tenant.map(|t| text::clean(t)).unwrap_or_default(), state };
        Ok((!units.is_empty()).then_some(Work { name, units }))
    }

    /// What it was given is told, and there is no GPU in it.
    fn holds_no_gpu(&self) -> bool {
        self.tres_alloc_str.as_deref().is_some_and(|t| !t.is_empty() && !t.contains("gres/gpu"))
    }
}

/// What follows `gpu` in `gpu:gb300:4(IDX:0-3)`, among other kinds of resources.
fn gpu_part(detail: &str) -> Option<&str> {
    let at = if detail.starts_with("gpu") { 0 } else { detail.find(",gpu")? + 1 };
    Some(&detail[at..])
}

/// The GPUs of one node: those named, or all of them where no positions are told.
fn node_units(node: &str, detail: &str) -> Result<Vec<Unit>, String> {
    let node = text::clean(node);
    let Some(mut rest) = gpu_part(detail) else { return Ok(Vec::new()) };
    let mut units = Vec::new();
    while let Some(at) = rest.find("(IDX:") {
        let after = &rest[at + 5..];
        let (indices, more) = after.split_once(')').ok_or("`(IDX:` without `)`")?;
        // Nothing, or `N/A`: the node gave no positions.
        if !indices.is_empty() && !indices.starts_with('N') {
            for index in hostlist::expand(&format!("[{indices}]")).map_err(|e| e.to_string())? {
                let index: u16 = index.parse().ok().filter(|i| *i < 64).ok_or("a GPU above 63")?;
                units.push(Unit::Gpu(node.clone(), index));
            }
        }
        rest = match more.find(",gpu") {
            Some(next) => &more[next..],
            None => "",
        };
    }
    if units.is_empty() {
        units.push(Unit::Host(node));
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Jobs in the shape that the documentation of slurmrestd shows.
    const ANSWER: &str = r#"{
      "meta": {"plugin": {"type": "openapi/slurmctld"}, "slurm": {"version": {"major": "24"}}},
      "jobs": [
        {"job_id": 4711, "name": "llm-r7", "user_name": "kari", "account": "team-a", "partition": "gpu",
         "job_state": ["RUNNING"], "nodes": "kvd-h1-r01-t[01-02]", "node_count": {"set": true, "infinite": false, "number": 2},
         "gres_detail": ["gpu:gb300:4(IDX:0-3)", "gpu:gb300:2(IDX:0,2)"],
         "tres_alloc_str": "cpu=144,mem=1T,node=2,gres/gpu=6"},
        {"job_id": {"set": true, "number": 12}, "name": "whole", "user_name": "ola", "account": "",
         "job_state": "SUSPENDED", "nodes": "n[1-3]", "gres_detail": [], "tres_alloc_str": "cpu=1,gres/gpu=12"},
        {"job_id": 13, "name": "cpu-only", "job_state": ["RUNNING"], "nodes": "n9", "tres_alloc_str": "cpu=4,mem=1G"},
        {"job_id": 14, "name": "waits", "job_state": ["PENDING"], "nodes": "", "gres_detail": []},
        {"job_id": 15, "name": "done", "job_state": ["COMPLETED"], "nodes": "n8"},
        {"job_id": 16, "name": "leaves", "job_state": ["COMPLETED", "COMPLETING"], "nodes": "n7"},
        {"job_id": 17, "name": "odd", "job_state": ["RUNNING"], "nodes": "n[1-"}
      ],
      "errors": [], "warnings": [], "last_update": {"set": true, "number": 1}
    }"#;

    #[test]
    fn jobs_with_their_gpus_tenants_and_states() {
        let read = parse(ANSWER.as_bytes()).expect("an answer");
        let [llm, whole, leaves] = read.list.works.as_slice() else { panic!("{:?}", read.list) };
        assert_eq!(
            (&*llm.name.job, &*llm.name.tenant, llm.name.state),
            ("4711 llm-r7", "team-a", JobState::Running)
        );
        let gpu = |n: &str, i| Unit::Gpu(format!("kvd-h1-r01-t{n}"), i);
        assert_eq!(
            llm.units,
            [gpu("01", 0), gpu("01", 1), gpu("01", 2), gpu("01", 3), gpu("02", 0), gpu("02", 2)]
        );
        assert_eq!((&*whole.name.tenant, whole.name.state), ("ola", JobState::Stalled));
        assert_eq!(whole.units, ["n1", "n2", "n3"].map(|n| Unit::Host(n.into())));
        assert_eq!(leaves.name.state, JobState::Draining);
        let (why, count) = read.wrong.expect("one job has no hosts");
        assert_eq!((&*why, count), ("17 odd: `[` without `]` in a host list", 1));
    }

    #[test]
    fn positions_are_found_among_other_resources() {
        let of = |detail: &str| {
            let index = |u: &Unit| match u {
                Unit::Gpu(_, i) => i.to_string(),
                _ => "all".to_owned(),
            };
            node_units("n", detail).map(|u| u.iter().map(index).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of("gpu:4(IDX:0-1,3)"), Ok("0 1 3".into()));
        assert_eq!(of("shard:1(IDX:9),gpu:h100:1(IDX:2),gpu:a100:1(IDX:5)"), Ok("2 5".into()));
        assert_eq!(of("gpu:h100:8"), Ok("all".into()));
        assert_eq!(of("gpu:h100:8(IDX:N/A)"), Ok("all".into()));
        assert_eq!(of("craynetwork:1"), Ok(String::new()));
        assert!(of("gpu:1(IDX:64)").is_err() && of("gpu:1(IDX:0").is_err());
    }

    #[test]
    fn errors_of_slurm_and_other_answers_are_told() {
        let told = parse(br#"{"jobs":[],"errors":[{"error_number":1007,"error":"Protocol authentication error","description":"Authentication failure\u001b[2J"}]}"#);
        assert_eq!(told, Err("Slurm answers: Authentication failure[2J".into()));
        assert!(parse(b"<html>").is_err_and(|e| e.starts_with("not an answer of slurmrestd")));
        assert_eq!(parse(b"{}").expect("nothing runs").list, WorkList::default());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&body);
        }

        #[test]
        fn no_detail_makes_it_panic(detail in "(gpu|,|:|\\(IDX:|\\)|[0-9\\-]|é){0,12}") {
            if let Ok(units) = node_units("n", &detail) {
                prop_assert!(units.len() <= hostlist::MAX_HOSTS);
            }
        }
    }
}
