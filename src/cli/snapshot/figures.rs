//! The figures of a snapshot as JSON. Documented in docs/json.md; fields are only ever added.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::fleet::{Counts, Frame, Snapshot, SourceView, Stats};
use crate::model::entry::{TargetState, TargetStatus};
use crate::model::facility::PointSpec;
use crate::model::metric::Kind;
use crate::model::{
    Asset, ClockEvents, GpuId, HallId, HallPoint, Metric, RackId, RackPoint, SitePoint, TrayId, xid,
};

/// The object of a snapshot: the site with its halls, or one asset.
#[must_use]
pub fn object(snapshot: &Snapshot, asset: Asset) -> Value {
    let frame = &snapshot.frame;
    let mut root = head(snapshot);
    match asset {
        Asset::Site => {
            root.insert("site".into(), site(frame));
            let halls = (0..frame.topology.halls().len()).map(HallId::new);
            root.insert("halls".into(), halls.map(|h| hall(frame, h)).collect());
        }
        Asset::Gpu(gpu) => {
            root.insert("gpu".into(), one_gpu(snapshot, gpu));
        }
        Asset::Rack(rack) => {
            let mut object = group(frame, asset);
            let trays = frame.topology.rack(rack).trays.iter();
            let tray = |t: u32| {
                let tray = frame.topology.tray(TrayId(t));
                let gpus: Value = tray.gpus.iter().map(|g| one_gpu(snapshot, GpuId(g))).collect();
                json!({ "name": tray.name, "host": tray.host, "gpus": gpus })
            };
            object["facility"] = rack_points(frame, rack);
            object["trays"] = trays.map(tray).collect();
            root.insert("rack".into(), object);
        }
        Asset::Hall(id) => {
            root.insert("hall".into(), hall(frame, id));
        }
        // Power and cooling may be opened at a row; no view shows a tray by itself.
        other => {
            root.insert("asset".into(), group(frame, other));
        }
    }
    Value::Object(root)
}

/// What every object begins with.
pub(super) fn head(snapshot: &Snapshot) -> Map<String, Value> {
    let names: Vec<_> = snapshot.sources.iter().map(|s| s.status.name.as_str()).collect();
    let mut root = Map::new();
    root.insert("time".into(), json!(snapshot.frame.time.to_string()));
    root.insert("source".into(), json!(names.join(" + ")));
    root
}

/// The object of `--view sources`: every source with its targets.
#[must_use]
pub fn sources(snapshot: &Snapshot) -> Value {
    let mut root = head(snapshot);
    let source = |s: &SourceView| {
        json!({
            "name": s.status.name,
            "interval_ms": s.status.interval_ms,
            "note": s.status.note,
            "targets": s.targets.iter().map(|t| target(t)).collect::<Vec<_>>(),
        })
    };
    root.insert("sources".into(), snapshot.sources.iter().map(source).collect());
    Value::Object(root)
}

fn target(t: &TargetStatus) -> Value {
    let (state, reason) = match &t.state {
        TargetState::Waiting => ("waiting", None),
        TargetState::Up => ("up", None),
        TargetState::Down(why) => ("down", Some(why)),
    };
    json!({
        "name": t.name,
        "state": state,
        "reason": reason,
        "last_ok": t.last_ok.map(|time| time.to_string()),
        "duration_ms": t.duration_ms,
        "bytes": t.bytes,
        "hall": &*t.hall,
        "samples": t.samples,
        "bad_lines": t.bad_lines,
        "gpus": t.gpus,
        "failures": t.failures,
    })
}

fn site(frame: &Frame) -> Value {
    let mut object = group(frame, Asset::Site);
    object["facility"] = points(SitePoint::ALL.iter().map(|p| (p.spec(), frame.facility.site(*p))));
    object["unplaced"] = json!(frame.topology.unplaced_gpus());
    object
}

fn hall(frame: &Frame, id: HallId) -> Value {
    let mut object = group(frame, Asset::Hall(id));
    object["facility"] = points(HallPoint::ALL.iter().map(|p| (p.spec(), frame.facility.hall(id, *p))));
    object
}

fn rack_points(frame: &Frame, id: RackId) -> Value {
    points(RackPoint::ALL.iter().map(|p| (p.spec(), frame.facility.rack(id, *p))))
}

/// The points that have a value, by name.
fn points(all: impl Iterator<Item = (PointSpec, Option<f32>)>) -> Value {
    let present = all.filter_map(|(spec, value)| {
        Some((key(spec.label), json!({ "unit": spec.unit, "value": number(f64::from(value?)) })))
    });
    Value::Object(present.collect())
}

/// Words on screen as a name for programs: `Heat export` becomes `heat_export`.
fn key(words: &str) -> String {
    words.to_lowercase().replace(' ', "_")
}

/// Counts and statistics of any asset with GPUs.
fn group(frame: &Frame, asset: Asset) -> Value {
    let quantities = Metric::ALL.into_iter().filter(|m| m.spec().kind == Kind::Quantity && *m != Metric::Age);
    let metrics: Map<String, Value> =
        quantities.map(|m| (m.spec().name.to_owned(), statistics(m, frame.stats(asset, m)))).collect();
    json!({ "name": frame.topology.name(asset), "gpus": counts(frame.counts(asset)), "metrics": metrics })
}

/// GPUs by quality.
pub(super) fn counts(c: Counts) -> Value {
    json!({
        "total": c.total(), "good": c.good, "stale": c.stale, "lost": c.lost, "unsupported": c.unsupported
    })
}

/// Without a single good value every figure is null: no value is not zero.
fn statistics(metric: Metric, stats: Option<Stats>) -> Value {
    let figure = |f: fn(&Stats) -> f64| stats.as_ref().map(|s| number(f(s)));
    let mut object = json!({
        "unit": metric.spec().unit,
        "count": stats.map_or(0, |s| s.count),
        "mean": figure(|s| f64::from(s.mean)),
        "min": figure(|s| f64::from(s.min)),
        "max": figure(|s| f64::from(s.max)),
        "p50": figure(|s| f64::from(s.p50)),
        "p95": figure(|s| f64::from(s.p95)),
        "p99": figure(|s| f64::from(s.p99)),
    });
    if metric == Metric::Power {
        object["sum"] = json!(figure(|s| s.sum));
    }
    object
}

fn one_gpu(snapshot: &Snapshot, gpu: GpuId) -> Value {
    let frame = &snapshot.frame;
    let quantities = Metric::ALL.into_iter().filter(|m| m.spec().kind == Kind::Quantity && *m != Metric::Age);
    let value = |m: Metric| frame.value(gpu, m).map(|v| number(f64::from(v)));
    let metrics: Map<String, Value> = quantities
        .map(|m| (m.spec().name.to_owned(), json!({ "unit": m.spec().unit, "value": value(m) })))
        .collect();
    let events = frame.value(gpu, Metric::ClockEvents).map(|v| ClockEvents(v as u16));
    let code = frame.value(gpu, Metric::Xid).map(|v| v as u16);
    let facts = snapshot.inventory.gpu(gpu);
    json!({
        "name": frame.topology.full_name(Asset::Gpu(gpu)),
        "host": frame.topology.tray(frame.topology.tray_of(gpu)).host,
        "uuid": facts.map(|f| f.uuid.as_str()).filter(|u| !u.is_empty()),
        "model": facts.map(|f| &*f.model).filter(|m| !m.is_empty()),
        "quality": frame.quality(gpu).name(),
        "age_s": frame.age(gpu),
        "health": frame.health(gpu).map(|h| h.name()),
        "clock_events": events.map(|e| e.names().map(key).collect::<Vec<_>>()),
        "xid": code,
        "xid_meaning": code.filter(|c| *c > 0).and_then(xid::lookup).map(|x| x.meaning),
        "job": frame.job(gpu).map(|j| j.job.as_str()),
        "tenant": frame.job(gpu).map(|j| j.tenant.as_str()),
        "metrics": metrics,
    })
}

/// Rounded to three decimals, so that an answer does not depend on the last bits of a sum.
pub(super) fn number(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Pretty-printed with a newline at the end.
///
/// # Errors
/// None in practice: all keys are strings and all numbers finite.
pub fn write(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|s| s + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Timestamp, Topology};
    use std::sync::Arc;

    fn empty() -> Snapshot {
        Snapshot::empty(Arc::new(Topology::default_site()), Timestamp::from_secs(0))
    }

    #[test]
    fn a_site_without_data_has_nulls_and_no_zeros() {
        let v = object(&empty(), Asset::Site);
        assert_eq!(v["site"]["gpus"]["total"], 100_224);
        assert_eq!(v["site"]["gpus"]["lost"], 100_224);
        assert!(v["site"]["metrics"]["power"]["sum"].is_null());
        assert!(v["halls"][7]["metrics"]["util"]["mean"].is_null());
        assert_eq!(v["halls"].as_array().map(Vec::len), Some(8));
    }

    #[test]
    fn sources_tell_their_targets_and_why_they_fail() {
        let down = TargetStatus {
            name: "n1:9400".into(),
            state: TargetState::Down("HTTP 503".into()),
            ..TargetStatus::default()
        };
        let view = SourceView { targets: Arc::new([Arc::new(down)]), ..SourceView::default() };
        let v = sources(&Snapshot { sources: Arc::new([view]), ..empty() });
        let target = &v["sources"][0]["targets"][0];
        assert_eq!((&target["state"], &target["reason"]), (&json!("down"), &json!("HTTP 503")));
        assert!(target["last_ok"].is_null());
    }

    #[test]
    fn one_gpu_is_named_and_says_what_is_absent() {
        let v = object(&empty(), Asset::Gpu(GpuId(0)));
        assert_eq!(v["gpu"]["name"], "KVD-H1-R01-K1-T01-G1");
        assert_eq!(v["gpu"]["quality"], "lost");
        assert!(v["gpu"]["metrics"]["temp"]["value"].is_null() && v["gpu"]["age_s"].is_null());
    }

    #[test]
    fn a_rack_lists_its_trays() {
        let v = object(&empty(), Asset::Rack(RackId(0)));
        assert_eq!(v["rack"]["trays"].as_array().map(Vec::len), Some(18));
        assert_eq!(v["rack"]["trays"][17]["gpus"][3]["name"], "KVD-H1-R01-K1-T18-G4");
    }

    #[test]
    fn numbers_are_rounded_to_what_can_be_meant() {
        assert_eq!(number(1.000_499_9), 1.0);
        assert_eq!(number(83.333_333), 83.333);
    }
}
