//! Who the GPUs and nodes are, as far as live sources have said. Simulated fleets leave it empty.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::batch::{GpuFacts, NodeReading};
use crate::model::{GpuId, TrayId};

/// Identities and node values. Shared by snapshots, and copied by part when one changes: identities
/// do so rarely, node values with each poll of a node_exporter.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    gpus: Arc<Vec<Option<Arc<GpuFacts>>>>,
    nodes: Arc<HashMap<TrayId, NodeReading>>,
}

impl Inventory {
    /// Who a GPU is.
    #[must_use]
    pub fn gpu(&self, id: GpuId) -> Option<&GpuFacts> {
        self.gpus.get(id.index())?.as_deref()
    }

    /// Values of the node around a tray.
    #[must_use]
    pub fn node(&self, id: TrayId) -> Option<&NodeReading> {
        self.nodes.get(&id)
    }

    /// All GPUs that are known, in the order of their ids.
    pub fn gpus(&self) -> impl Iterator<Item = (GpuId, &Arc<GpuFacts>)> {
        self.gpus.iter().enumerate().filter_map(|(i, facts)| Some((GpuId(i as u32), facts.as_ref()?)))
    }

    /// All nodes that are known, in the order of their trays.
    pub fn nodes(&self) -> impl Iterator<Item = (TrayId, &NodeReading)> {
        let mut all: Vec<_> = self.nodes.iter().map(|(t, n)| (*t, n)).collect();
        all.sort_by_key(|(t, _)| *t);
        all.into_iter()
    }

    pub(crate) fn set_gpu(&mut self, id: GpuId, facts: Arc<GpuFacts>) {
        let gpus = Arc::make_mut(&mut self.gpus);
        if gpus.len() <= id.index() {
            gpus.resize(id.index() + 1, None);
        }
        gpus[id.index()] = Some(facts);
    }

    /// Takes over what `node` says; absent values keep what another exporter of the node said.
    pub(crate) fn merge_node(&mut self, id: TrayId, node: &NodeReading) {
        if node.is_silent() {
            return;
        }
        let old = Arc::make_mut(&mut self.nodes).entry(id).or_default();
        let keep = |new: f32, old: f32| if new.is_nan() { old } else { new };
        *old = NodeReading {
            cpu: keep(node.cpu, old.cpu),
            memory: keep(node.memory, old.memory),
            load1: keep(node.load1, old.load1),
            boot_time: if node.boot_time.is_nan() { old.boot_time } else { node.boot_time },
            ib_ports: if node.ib_ports.1 == 0 { old.ib_ports } else { node.ib_ports },
        };
    }

    /// Moves everything to another topology: `gpus[new] = old`, `trays[new] = old`.
    pub(crate) fn remapped(&self, gpus: &[u32], trays: &[u32]) -> Self {
        let nodes = trays
            .iter()
            .enumerate()
            .filter_map(|(new, old)| self.nodes.get(&TrayId(*old)).map(|n| (TrayId::new(new), *n)));
        Self {
            nodes: Arc::new(nodes.collect()),
            gpus: Arc::new(gpus.iter().map(|old| self.gpus.get(*old as usize).cloned().flatten()).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_exporters_of_one_node_complete_each_other() {
        let mut i = Inventory::default();
        i.merge_node(TrayId(1), &NodeReading { cpu: 12.0, ..NodeReading::default() });
        i.merge_node(TrayId(1), &NodeReading { load1: 3.0, ..NodeReading::default() });
        let node = i.node(TrayId(1)).expect("merged");
        assert_eq!((node.cpu, node.load1), (12.0, 3.0));
    }

    #[test]
    fn a_node_that_says_nothing_copies_nothing() {
        let mut i = Inventory::default();
        i.merge_node(TrayId(1), &NodeReading { cpu: 12.0, ..NodeReading::default() });
        let shared = i.clone();
        i.merge_node(TrayId(2), &NodeReading::default());
        assert!(Arc::ptr_eq(&i.nodes, &shared.nodes));
        i.merge_node(TrayId(2), &NodeReading { ib_ports: (0, 2), ..NodeReading::default() });
        assert!(i.node(TrayId(2)).is_some() && shared.node(TrayId(2)).is_none());
        assert!(Arc::ptr_eq(&i.gpus, &shared.gpus));
    }

    #[test]
    fn identities_move_with_their_gpus() {
        let mut i = Inventory::default();
        i.set_gpu(GpuId(1), Arc::new(GpuFacts { uuid: "GPU-1".into(), ..GpuFacts::default() }));
        let moved = i.remapped(&[u32::MAX, u32::MAX, 1], &[]);
        assert_eq!(moved.gpu(GpuId(2)).map(|f| f.uuid.as_str()), Some("GPU-1"));
        assert!(moved.gpu(GpuId(1)).is_none() && moved.gpu(GpuId(99)).is_none());
    }
}
