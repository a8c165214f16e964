//! How the engine and each of its queries are, for the list of sources.

use crate::model::Timestamp;
use crate::model::batch::SourceId;
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};

use super::answer::Summary;

/// The engine first, then its queries.
#[derive(Clone, Debug, Default)]
pub struct Board {
    rows: Vec<TargetStatus>,
}

impl Board {
    /// The engine called `name`, with queries of these names; what is known of a query is kept.
    pub fn rename(&mut self, name: &str, queries: &[String]) {
        let names = std::iter::once(name.to_owned()).chain(queries.iter().map(|q| format!("{name} {q}")));
        let mut known = std::mem::take(&mut self.rows);
        let row = |name: String| match known.iter().position(|r| r.name == name) {
            Some(i) => known.swap_remove(i),
            None => TargetStatus { name, ..TargetStatus::default() },
        };
        self.rows = names.map(row).collect();
    }

    /// Query `index` was answered.
    pub fn answered(&mut self, index: usize, time: Timestamp, duration_ms: u32, summary: &Summary) {
        let Some(row) = self.rows.get_mut(index + 1) else { return };
        row.state = TargetState::Up;
        row.last_ok = Some(time);
        row.duration_ms = duration_ms;
        row.bytes = u32::try_from(summary.bytes).unwrap_or(u32::MAX);
        row.samples = summary.series;
        row.bad_lines = summary.bad;
        row.failures = 0;
    }

    /// Query `index` was not answered, for this reason.
    pub fn failed(&mut self, index: usize, duration_ms: u32, why: String) {
        let Some(row) = self.rows.get_mut(index + 1) else { return };
        row.state = TargetState::Down(why);
        row.duration_ms = duration_ms;
        row.failures = row.failures.saturating_add(1);
        (row.samples, row.bytes, row.bad_lines, row.gpus) = (0, 0, 0, 0);
    }

    /// A turn has ended. `why`: what to say of the engine where nothing was answered.
    pub fn turned(&mut self, outcome: Result<(Timestamp, usize), String>, duration_ms: u32) {
        let sum = |f: fn(&TargetStatus) -> u32| self.rows.iter().skip(1).map(f).fold(0, u32::saturating_add);
        let (samples, bytes, bad) = (sum(|r| r.samples), sum(|r| r.bytes), sum(|r| r.bad_lines));
        let Some(row) = self.rows.first_mut() else { return };
        row.duration_ms = duration_ms;
        match outcome {
            Ok((time, gpus)) => {
                row.state = TargetState::Up;
                row.last_ok = Some(time);
                row.failures = 0;
                (row.samples, row.bytes, row.bad_lines) = (samples, bytes, bad);
                row.gpus = u32::try_from(gpus).unwrap_or(u32::MAX);
            }
            Err(why) => {
                row.state = TargetState::Down(why);
                row.failures = row.failures.saturating_add(1);
                (row.samples, row.bytes, row.bad_lines, row.gpus) = (0, 0, 0, 0);
            }
        }
    }

    /// Failures in a row of the engine.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.rows.first().map_or(0, |r| r.failures)
    }

    /// The report: all rows, they are few.
    #[must_use]
    pub fn report(&self, source: SourceId, time: Timestamp, interval_ms: u32) -> SourceStatus {
        let targets = (0..).zip(self.rows.iter().cloned()).collect::<Vec<_>>();
        SourceStatus {
            source,
            name: "prometheus".to_owned(),
            time,
            interval_ms,
            note: None,
            target_count: u32::try_from(targets.len()).unwrap_or(u32::MAX),
            targets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_stands_first_and_its_queries_keep_what_is_known_of_them() {
        let mut board = Board::default();
        board.rename("p:9090", &["temp".into(), "power".into()]);
        board.failed(1, 5, "engine answered 503".into());
        board.answered(0, Timestamp(9), 3, &Summary { series: 70_000, bytes: 12, ..Summary::default() });
        board.turned(Ok((Timestamp(9), 70_000)), 8);
        board.rename("p:9090", &["power".into(), "xid".into()]);
        let report = board.report(2, Timestamp(10), 15_000);
        let rows: Vec<_> = report.targets.iter().map(|(i, t)| (*i, &*t.name, t.failures, t.gpus)).collect();
        assert_eq!(rows, [(0, "p:9090", 0, 70_000), (1, "p:9090 power", 1, 0), (2, "p:9090 xid", 0, 0)]);
        assert_eq!((report.target_count, report.source, board.failures()), (3, 2, 0));
    }

    #[test]
    fn an_engine_that_is_silent_counts_its_failures() {
        let mut board = Board::default();
        board.rename("p:9090", &[]);
        board.turned(Err("connection refused".into()), 1);
        board.turned(Err("connection refused".into()), 1);
        assert_eq!(board.failures(), 2);
        board.turned(Ok((Timestamp(1), 1)), 1);
        assert_eq!(board.failures(), 0);
    }
}
