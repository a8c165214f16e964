//! What is known about each target, and what of it the engine has not been told yet.

use std::sync::Arc;

use super::page::Page;
use super::targets::Target;
use crate::model::Timestamp;
use crate::model::batch::SourceId;
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};

/// Most targets in one report.
pub const MAX_REPORT: usize = 4096;

/// State of all targets.
#[derive(Clone, Debug, Default)]
pub struct Board {
    rows: Vec<Row>,
    /// Rows that changed, each once, in the order of their change.
    changed: std::collections::VecDeque<u32>,
}

#[derive(Clone, Debug)]
struct Row {
    status: TargetStatus,
    is_queued: bool,
    /// The last page repeated series.
    repeats: bool,
}

/// What one try gave.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// When it ended.
    pub time: Timestamp,
    /// How long it took, ms.
    pub duration_ms: u32,
    /// Decoded size of the answer.
    pub bytes: usize,
    /// The page, or why there is none.
    pub page: Result<&'a Page, String>,
}

impl Board {
    /// All of `targets`, not tried yet; what `earlier` knows of a target of the same name is kept.
    #[must_use]
    pub fn new(targets: &[Target], earlier: Self) -> Self {
        let mut known: std::collections::HashMap<_, _> =
            earlier.rows.into_iter().map(|r| (r.status.name.clone(), r)).collect();
        let fresh = |name: &str| TargetStatus { name: name.to_owned(), ..TargetStatus::default() };
        let row = |t: &Target| {
            known.remove(&t.name).map_or_else(
                || Row { status: fresh(&t.name), is_queued: true, repeats: false },
                |row| Row { is_queued: true, ..row },
            )
        };
        let rows: Vec<_> = targets.iter().map(row).collect();
        let changed = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
        Self { rows, changed }
    }

    /// Writes down what a try at target `index` gave.
    pub fn record(&mut self, index: usize, outcome: &Outcome<'_>) {
        let row = &mut self.rows[index];
        let status = &mut row.status;
        status.duration_ms = outcome.duration_ms;
        status.bytes = u32::try_from(outcome.bytes).unwrap_or(u32::MAX);
        match &outcome.page {
            Ok(page) => {
                status.state = TargetState::Up;
                status.last_ok = Some(outcome.time);
                status.samples = page.tally.samples;
                status.bad_lines = page.tally.bad;
                status.gpus = u32::try_from(page.host.gpus.len()).unwrap_or(u32::MAX);
                status.failures = 0;
                row.repeats = page.repeated > 0;
            }
            Err(reason) => {
                status.state = TargetState::Down(reason.clone());
                status.failures = status.failures.saturating_add(1);
                (status.samples, status.bad_lines, status.gpus) = (0, 0, 0);
                row.repeats = false;
            }
        }
        if !row.is_queued {
            row.is_queued = true;
            self.changed.push_back(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }

    /// Writes down where target `index` stands.
    pub fn set_hall(&mut self, index: usize, hall: Arc<str>) {
        let row = &mut self.rows[index];
        row.status.hall = hall;
        if !row.is_queued {
            row.is_queued = true;
            self.changed.push_back(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }

    /// How many targets stand nowhere, and the first of them.
    #[must_use]
    pub fn unplaced(&self) -> Option<(usize, usize)> {
        let mut none = self.rows.iter().enumerate().filter(|(_, r)| r.status.hall.is_empty());
        let (first, _) = none.next()?;
        Some((1 + none.count(), first))
    }

    /// True when the engine has not heard everything.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The next report, with at most [`MAX_REPORT`] targets: those that changed longest ago.
    pub fn report(&mut self, source: SourceId, time: Timestamp, interval_ms: u32) -> SourceStatus {
        let news: Vec<_> = self.changed.drain(..self.changed.len().min(MAX_REPORT)).collect();
        let mut targets = Vec::with_capacity(news.len());
        for index in news {
            let row = &mut self.rows[index as usize];
            row.is_queued = false;
            targets.push((index, row.status.clone()));
        }
        SourceStatus {
            source,
            name: "scrape".to_owned(),
            time,
            interval_ms,
            note: None,
            targets,
            target_count: u32::try_from(self.rows.len()).unwrap_or(u32::MAX),
        }
    }

    /// Targets whose last page repeated series.
    #[must_use]
    pub fn repeating(&self) -> usize {
        self.rows.iter().filter(|r| r.repeats).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Memo;
    use super::super::targets::{self, Spec};
    use super::*;

    fn targets(names: &[&str]) -> Vec<Target> {
        let specs: Vec<_> = names.iter().map(|n| Spec::parse(n)).collect();
        targets::load(&specs).expect("good addresses").targets
    }

    fn down(time: i64, why: &str) -> Outcome<'static> {
        Outcome { time: Timestamp(time), duration_ms: 7, bytes: 0, page: Err(why.to_owned()) }
    }

    #[test]
    fn every_target_is_reported_once_as_waiting_and_then_only_on_change() {
        let mut board = Board::new(&targets(&["a:1", "b:1"]), Board::default());
        let first = board.report(3, Timestamp(0), 15_000);
        assert_eq!((first.target_count, first.targets.len(), first.source), (2, 2, 3));
        assert!(first.targets.iter().all(|(_, t)| t.state == TargetState::Waiting));
        assert!(!board.has_news());
        board.record(1, &down(5, "connection refused"));
        board.record(1, &down(6, "connection refused"));
        let second = board.report(3, Timestamp(0), 15_000);
        assert_eq!(second.targets.len(), 1);
        assert_eq!((second.targets[0].0, second.targets[0].1.failures), (1, 2));
    }

    #[test]
    fn a_failure_keeps_the_time_of_the_last_success() {
        let mut board = Board::new(&targets(&["a:1"]), Board::default());
        let page = Memo::new("a:1", &[]).read(b"DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"} 1\n", Timestamp(0));
        board.record(0, &Outcome { time: Timestamp(9), duration_ms: 1, bytes: 33, page: Ok(&page) });
        board.record(0, &down(20, "timeout after 5 s"));
        let (_, status) = board.report(0, Timestamp(0), 1).targets.remove(0);
        assert_eq!((status.last_ok, status.failures, status.gpus), (Some(Timestamp(9)), 1, 0));
        assert_eq!(status.state, TargetState::Down("timeout after 5 s".to_owned()));
    }

    #[test]
    fn a_changed_list_keeps_what_is_known_of_its_targets() {
        let mut board = Board::new(&targets(&["a:1", "b:1"]), Board::default());
        board.record(1, &down(5, "x"));
        board.report(0, Timestamp(0), 1);
        let mut board = Board::new(&targets(&["b:1", "c:1"]), board);
        let report = board.report(0, Timestamp(0), 1);
        assert_eq!((&*report.targets[0].1.name, report.targets[0].1.failures), ("b:1", 1));
        assert_eq!(report.targets[1].1.state, TargetState::Waiting);
    }

    #[test]
    fn a_report_is_bounded_and_the_rest_follows() {
        let names: Vec<_> = (0..MAX_REPORT + 10).map(|i| format!("n{i}:1")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut board = Board::new(&targets(&names), Board::default());
        assert_eq!(board.report(0, Timestamp(0), 1).targets.len(), MAX_REPORT);
        assert!(board.has_news());
        assert_eq!(board.report(0, Timestamp(0), 1).targets.len(), 10);
    }
}
