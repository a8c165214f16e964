//! What was served against what is shown, GPU by GPU.

use std::collections::BTreeMap;

use serde_json::Value;

/// Utilization, power and temperature of one GPU; `None` where there is no value.
pub type Values = [Option<f64>; 3];

const METRICS: [&str; 3] = ["util", "power", "temp"];

/// The hosts that answer, and the values of their GPUs by UUID; `None` for a lost GPU.
pub fn served(hosts: &[Value]) -> BTreeMap<String, Option<Values>> {
    let answering = hosts.iter().filter(|h| h["silent"] == false);
    let gpus = answering.flat_map(|h| h["gpus"].as_array().expect("a list of GPUs"));
    let values = |g: &Value| {
        let lost = g["lost"].as_bool().expect("it says whether it is lost");
        (!lost).then(|| METRICS.map(|m| g[m].as_f64()))
    };
    gpus.map(|g| (text(&g["uuid"]), values(g))).collect()
}

/// The trays of a rack as `snapshot --view rack:…` shows them.
pub fn trays(rack: &Value) -> &[Value] {
    rack["rack"]["trays"].as_array().expect("a list of trays")
}

/// The GPUs of a rack.
pub fn gpus(rack: &Value) -> impl Iterator<Item = &Value> {
    trays(rack).iter().flat_map(|t| t["gpus"].as_array().expect("a list of GPUs"))
}

/// What is shown of a GPU.
pub fn shown(gpu: &Value) -> Values {
    METRICS.map(|m| gpu["metrics"][m]["value"].as_f64())
}

/// Good GPUs by UUID.
pub fn good(rack: &Value) -> impl Iterator<Item = (String, Values)> {
    gpus(rack).filter(|g| g["quality"] == "good").map(|g| (text(&g["uuid"]), shown(g)))
}

/// A value that must be text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected text, found {value}")).to_owned()
}

/// Utilization, power and temperature by UUID from exporter pages, read with nothing but `split`.
pub fn from_pages(pages: &[String]) -> BTreeMap<String, Values> {
    let families = ["DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_TEMP"];
    let mut out: BTreeMap<String, Values> = BTreeMap::new();
    for line in pages.iter().flat_map(|p| p.lines()) {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let Some(at) = families.iter().position(|f| *f == name) else { continue };
        let (labels, value) = rest.rsplit_once("} ").expect("labels and a value");
        let uuid = labels.split("UUID=\"").nth(1).and_then(|l| l.split('"').next()).expect("a UUID");
        out.entry(uuid.to_owned()).or_default()[at] = Some(value.parse().expect("a number"));
    }
    out
}
