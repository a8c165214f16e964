//! The state of sources and targets, as they last told it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::Timestamp;
use crate::model::batch::SourceId;
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};

/// Interval assumed of a source that has not said its own, ms.
const DEFAULT_INTERVAL_MS: u32 = 1000;

/// One source with its targets.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SourceView {
    /// Name and note as last reported; `targets` in it is empty, see the field of this struct.
    pub status: SourceStatus,
    /// The targets, by their position in the target list.
    pub targets: Arc<[Arc<TargetStatus>]>,
}

impl SourceView {
    /// Targets that are up, down, and not tried yet.
    #[must_use]
    pub fn tally(&self) -> (usize, usize, usize) {
        self.targets.iter().fold((0, 0, 0), |(up, down, waiting), t| match t.state {
            TargetState::Up => (up + 1, down, waiting),
            TargetState::Down(_) => (up, down + 1, waiting),
            TargetState::Waiting => (up, down, waiting + 1),
        })
    }
}

/// All sources.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<SourceView>,
    by_id: HashMap<SourceId, usize>,
}

impl Sources {
    /// Takes in a report.
    pub fn apply(&mut self, report: &SourceStatus) {
        let at = *self.by_id.entry(report.source).or_insert_with(|| {
            self.list.push(SourceView::default());
            self.list.len() - 1
        });
        let view = &mut self.list[at];
        let count = report.target_count as usize;
        if view.targets.len() != count {
            let mut targets = view.targets.to_vec();
            targets.resize(count, Arc::default());
            view.targets = targets.into();
        }
        if !report.targets.is_empty() {
            // Where a reader holds the list its pointers are copied, never the targets themselves.
            let targets = Arc::make_mut(&mut view.targets);
            for (i, status) in &report.targets {
                if let Some(slot) = targets.get_mut(*i as usize) {
                    *slot = Arc::new(status.clone());
                }
            }
        }
        view.status = SourceStatus {
            source: report.source,
            name: report.name.clone(),
            time: report.time,
            interval_ms: report.interval_ms,
            note: report.note.clone(),
            targets: Vec::new(),
            target_count: report.target_count,
        };
    }

    /// Polling interval of a source, ms.
    #[must_use]
    pub fn interval_ms(&self, source: SourceId) -> u32 {
        let known = self.by_id.get(&source).map(|i| self.list[*i].status.interval_ms);
        known.filter(|ms| *ms > 0).unwrap_or(DEFAULT_INTERVAL_MS)
    }

    /// All sources, in the order of their first report.
    #[must_use]
    pub fn list(&self) -> &[SourceView] {
        &self.list
    }

    /// Time of the newest report of any source.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.list.iter().map(|s| s.status.time).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(targets: Vec<(u32, TargetStatus)>) -> SourceStatus {
        SourceStatus { source: 3, interval_ms: 15_000, target_count: 2, targets, ..SourceStatus::default() }
    }

    #[test]
    fn changed_targets_replace_old_ones_and_others_stay() {
        let up = TargetStatus { state: TargetState::Up, ..TargetStatus::default() };
        let down = TargetStatus { state: TargetState::Down("HTTP 503".into()), ..TargetStatus::default() };
        let mut s = Sources::default();
        s.apply(&report(vec![(0, up), (1, down.clone())]));
        assert_eq!(s.list()[0].tally(), (1, 1, 0));
        s.apply(&report(vec![(0, down)]));
        assert_eq!(s.list()[0].tally(), (0, 2, 0));
        assert_eq!(s.interval_ms(3), 15_000);
        assert_eq!(s.interval_ms(9), DEFAULT_INTERVAL_MS);
    }

    #[test]
    fn a_report_copies_what_changed_and_nothing_else() {
        let mut s = Sources::default();
        let named = |n: &str| TargetStatus { name: n.into(), ..TargetStatus::default() };
        s.apply(&report(vec![(0, named("a")), (1, named("b"))]));
        let held = s.list()[0].targets.clone();
        s.apply(&report(vec![(1, named("c"))]));
        let now = &s.list()[0].targets;
        assert!(Arc::ptr_eq(&held[0], &now[0]) && held[1].name == "b" && now[1].name == "c");
        s.apply(&report(Vec::new()));
        assert_eq!(s.list()[0].targets.len(), 2, "a report without news keeps them");
    }

    #[test]
    fn a_target_beyond_the_list_is_ignored() {
        let mut s = Sources::default();
        s.apply(&report(vec![(7, TargetStatus::default())]));
        assert_eq!(s.list()[0].targets.len(), 2);
    }
}
