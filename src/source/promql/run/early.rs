//! The first turn: values are asked for while the engine still tells who the GPUs are, and are kept by
//! UUID until that is known. So the first picture does not wait for two answers one after the other.

use super::Runner;
use crate::source::promql::plan::{Convert, Exporter, Purpose};
use crate::source::promql::request::{Got, KEY, Landed};

impl Runner {
    /// The queries for values that can be begun beside that of the directory, which are `who`: none where
    /// GPUs are known already, or may not be told apart by their UUID.
    pub(super) fn ahead(&mut self, who: &[usize]) -> Vec<usize> {
        let is_plain =
            |i: &usize| self.asks[*i].names.iter().all(|n| Exporter::of(n) == Some(Exporter::Dcgm));
        let is_certain = who.len() == 1 && self.asks.iter().all(|a| !a.names.is_empty());
        let mut due = self.due();
        if !(is_certain && self.table.is_empty() && due.iter().chain(who).all(is_plain)) {
            return Vec::new();
        }
        self.beside = due.iter().find_map(|i| Some((*i, self.same_as(*i, who)?)));
        due.retain(|i| self.beside.is_none_or(|(beside, _)| beside != *i));
        due
    }

    /// How values are read of query `index`, which has the series of `who`.
    fn same_as(&self, index: usize, who: &[usize]) -> Option<Convert> {
        let Purpose::Values { convert, .. } = self.asks[index].purpose else { return None };
        let is_same = |w: &usize| self.asks[*w].names == self.asks[index].names;
        who.iter().any(is_same).then_some(convert)
    }

    /// Keeps what the answer of the directory says of values, for when it is known whose they are.
    pub(super) fn keep_beside(&mut self, landed: Landed) {
        let Some((beside, _)) = self.beside else { return };
        self.early.retain(|l| l.ask != beside);
        if let Ok((Got::Directory(early), summary)) = landed.result {
            let result = Ok((Got::Early(early), summary));
            self.early.push(Landed { ask: beside, result, directory: None, ..landed });
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
        if let Some((beside, _)) = self.beside.take() {
            let table = &self.table;
            let is_whole = |l: &Landed| matches!(&l.result, Ok((Got::Early(e), _)) if e.is_single(table));
            self.early.retain(|l| l.ask != beside || is_whole(l));
            self.begun.extend(self.early.iter().any(|l| l.ask == beside).then_some(beside));
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
        self.beside = None;
    }
}
