//! The site in a recording: the tree of names from which the topology is built.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::Topology;
use crate::model::topology::Plan;
use crate::model::topology::build::build;
use crate::record::document;

/// Most trays: one GPU each at least where there are that many.
const MOST_NODES: usize = 1 << 21;

/// A site as it is written.
#[derive(Serialize)]
struct Written<'a> {
    generation: u32,
    plan: &'a Plan,
}

#[derive(Deserialize)]
struct Read {
    generation: u32,
    plan: Plan,
}

/// The document of a topology.
#[must_use]
pub fn pack(topology: &Topology) -> Vec<u8> {
    document::pack(&Written { generation: topology.generation(), plan: topology.plan() })
}

/// The topology of a document; `None` when it is damaged or describes an impossible site.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Option<Arc<Topology>> {
    let Read { generation, plan } = document::unpack(bytes)?;
    possible(&plan).then(|| build(plan, generation).ok().map(Arc::new))?
}

/// Every index leads somewhere, and there are no more things than a site may have.
fn possible(plan: &Plan) -> bool {
    let racks = || plan.halls.iter().flat_map(|h| &h.rows).flat_map(|r| &r.racks);
    let rows = plan.halls.iter().flat_map(|h| &h.rows);
    let nodes: usize = racks().map(|r| 1 + r.trays.len()).sum::<usize>()
        + rows.map(|r| 1 + r.cdus.len()).sum::<usize>()
        + plan.halls.len();
    nodes <= MOST_NODES
        && plan.rack_models.iter().all(|m| m.gpu < plan.gpu_models.len())
        && racks().all(|r| r.model < plan.rack_models.len())
        && !plan.gpu_models.is_empty()
        && !plan.rack_models.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_site_comes_back() {
        let site = Topology::default_site();
        let packed = pack(&site);
        assert!(packed.len() < 200_000, "{} bytes", packed.len());
        assert_eq!(unpack(&packed).as_deref(), Some(&site));
    }

    #[test]
    fn an_impossible_site_is_refused() {
        let site = Topology::default_site();
        let text = serde_json::to_string(&Written { generation: 0, plan: site.plan() }).expect("JSON");
        let wrong = text.replacen("\"model\":0", "\"model\":9", 1);
        assert_ne!(text, wrong);
        let pack = |t: &str| zstd::bulk::compress(t.as_bytes(), 1).expect("compresses");
        assert!(unpack(&pack(&text)).is_some());
        assert!(unpack(&pack(&wrong)).is_none(), "a rack of a type that is not there");
        assert!(unpack(&pack("{}")).is_none());
    }
}
