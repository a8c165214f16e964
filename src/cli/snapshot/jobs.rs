//! Jobs and tenants of a snapshot as JSON. Documented in docs/json.md; fields are only ever added.

use serde_json::{Value, json};

use crate::cli::snapshot::figures::{counts, head, number};
use crate::fleet::jobs::{By, Reason, Straggler, Usage};
use crate::fleet::{Frame, Snapshot};
use crate::model::{Asset, GpuId, HallId};

/// The object of `--view jobs`: every job and every tenant that holds GPUs, the largest first.
#[must_use]
pub fn object(snapshot: &Snapshot) -> Value {
    let frame = &snapshot.frame;
    let mut root = head(snapshot);
    for (by, name) in [(By::Job, "jobs"), (By::Tenant, "tenants")] {
        let mut rows: Vec<&Usage> = frame.usage(by).rows.iter().filter(|u| u.slot > 0).collect();
        rows.sort_by_key(|u| (std::cmp::Reverse(u.counts.total()), u.slot));
        let one = |u: &&Usage| if by == By::Job { job(frame, u) } else { tenant(frame, u) };
        root.insert(name.into(), rows.iter().map(one).collect());
    }
    let table = frame.usage(By::Job);
    root.insert("idle".into(), table.of_slot(0).map_or(Value::Null, |u| figures(frame, By::Job, u)));
    root.insert("unknown".into(), json!(table.unknown));
    Value::Object(root)
}

fn job(frame: &Frame, u: &Usage) -> Value {
    let mut object = figures(frame, By::Job, u);
    let Some(named) = frame.jobs.get(usize::from(u.slot)) else { return object };
    object["name"] = json!(named.job);
    object["tenant"] = json!(Some(&named.tenant).filter(|t| !t.is_empty()));
    object["state"] = json!(Some(named.state.name()).filter(|s| !s.is_empty()));
    object["stragglers"] = frame.usage(By::Job).stragglers_of(u.slot).map(|s| straggler(frame, s)).collect();
    object
}

fn tenant(frame: &Frame, u: &Usage) -> Value {
    let mut object = figures(frame, By::Tenant, u);
    object["name"] = json!(frame.tenants.get(usize::from(u.slot)));
    object["stragglers"] = json!(u.stragglers);
    object
}

/// What jobs, tenants and the idle GPUs have in common.
fn figures(frame: &Frame, by: By, u: &Usage) -> Value {
    let rounded = |v: Option<f32>| v.map(|v| number(v.into()));
    let hall = |(id, n): &(HallId, u32)| json!({ "name": frame.topology.hall(*id).name, "gpus": n });
    json!({
        "gpus": counts(u.counts),
        "util": rounded(u.util.map(|(mean, _)| mean)),
        "util_p50": rounded(u.util.map(|(_, median)| median)),
        "activity": rounded(u.activity),
        "mw": u.power_w.map(|w| number(w / 1e6)),
        "mwh": frame.energy.mwh(by, u.slot).map(number),
        "power_p50": rounded(u.power_median_w),
        "sm_clock_p50": rounded(u.clock_mhz),
        "temp_max": rounded(u.hottest.map(|(_, v)| v)),
        "limits": u.limits,
        "worst": u.worst.map(|(gpu, reason)| worst(frame, gpu, reason)),
        "halls": u.halls.iter().map(hall).collect::<Vec<_>>(),
    })
}

fn worst(frame: &Frame, gpu: GpuId, reason: Reason) -> Value {
    let (why, priority) = match reason {
        Reason::Limit(p) => ("limit", Some(p)),
        Reason::Straggler => ("straggler", None),
        Reason::Hottest => ("hottest", None),
    };
    json!({ "gpu": frame.topology.full_name(Asset::Gpu(gpu)), "why": why, "priority": priority })
}

fn straggler(frame: &Frame, s: &Straggler) -> Value {
    json!({
        "gpu": frame.topology.full_name(Asset::Gpu(s.gpu)),
        "metric": s.metric.spec().name,
        "unit": s.metric.spec().unit,
        "value": number(s.value.into()),
        "median": number(s.median.into()),
        "sigmas": number(s.sigmas.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Timestamp, Topology};
    use std::sync::Arc;

    #[test]
    fn a_site_of_which_nothing_is_known_has_no_jobs_and_says_how_many_gpus_that_are() {
        let snapshot = Snapshot::empty(Arc::new(Topology::default_site()), Timestamp::from_secs(0));
        let v = object(&snapshot);
        assert_eq!((&v["jobs"], &v["tenants"]), (&json!([]), &json!([])));
        assert!(v["idle"].is_null());
        assert_eq!(v["unknown"], 100_224);
    }
}
