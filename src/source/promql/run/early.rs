//! The first turn: values are asked for while the engine still tells who the GPUs are, and are kept by
//! UUID until that is known. So the first picture does not wait for two answers one after the other.

use super::Runner;
use crate::source::promql::plan::{Exporter, Purpose};
use crate::source::promql::request::Landed;

/// The label that tells GPUs of dcgm-exporter apart; what other exporters write is not known before.
pub(super) const KEY: &str = "UUID";

impl Runner {
    /// The queries for values that can be begun beside that of the directory, which are `who`: none where
    /// GPUs are known already, or may not be told apart by their UUID.
    pub(super) fn ahead(&self, who: &[usize]) -> Vec<usize> {
        let is_plain =
            |i: &usize| self.asks[*i].names.iter().all(|n| Exporter::of(n) == Some(Exporter::Dcgm));
        let is_certain = who.len() == 1 && self.asks.iter().all(|a| !a.names.is_empty());
        let due = self.due();
        if is_certain && self.table.is_empty() && due.iter().chain(who).all(is_plain) {
            due
        } else {
            Vec::new()
        }
    }

    /// Waits for the answer of the directory, and keeps the queries of `ahead` going meanwhile.
    pub(super) async fn await_directory(
        &mut self,
        ahead: &mut impl Iterator<Item = usize>,
    ) -> Option<Landed> {
        loop {
            while self.flight.len() < self.config.concurrency.max(1) {
                let Some(next) = ahead.next() else { break };
                self.begun.push(next);
                self.start(next);
            }
            let Ok(landed) = self.flight.join_next().await? else { continue };
            if matches!(self.asks[landed.ask].purpose, Purpose::Directory { .. }) {
                return Some(landed);
            }
            self.early.push(landed);
        }
    }

    /// The queries that were begun early and count: none, where GPUs turned out to be told apart otherwise.
    pub(super) async fn take_early(&mut self) -> Vec<usize> {
        if self.table.by != [KEY] {
            self.forget_early().await;
        }
        std::mem::take(&mut self.begun)
    }

    /// Ends what was begun early.
    pub(super) async fn forget_early(&mut self) {
        if !self.begun.is_empty() {
            self.flight.shutdown().await;
        }
        self.begun.clear();
        self.early.clear();
    }
}
