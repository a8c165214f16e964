//! The targets of all sources summed up by hall.

use std::collections::BTreeMap;

use crate::fleet::SourceView;
use crate::model::Timestamp;
use crate::model::entry::{TargetState, TargetStatus};
use crate::ui::text;

/// The targets of one hall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HallRow {
    /// Its name; empty for targets that stand nowhere.
    pub hall: String,
    /// Targets that answered last time.
    pub up: u32,
    /// Targets that did not.
    pub down: u32,
    /// Targets that were not tried yet.
    pub waiting: u32,
    /// The longest answer, ms.
    pub slowest_ms: u32,
    /// Samples of the last answers.
    pub samples: u64,
    /// Bytes of the last answers.
    pub bytes: u64,
    /// The last success that is longest ago, of targets that ever had one.
    pub oldest: Option<Timestamp>,
    /// Why the first of those that are down is.
    pub reason: String,
}

/// One row for each hall, those with failing targets first, then by name.
#[must_use]
pub fn rows(sources: &[SourceView]) -> Vec<HallRow> {
    let mut halls: BTreeMap<&str, HallRow> = BTreeMap::new();
    for target in sources.iter().flat_map(|s| s.targets.iter()) {
        let row = halls
            .entry(&target.hall)
            .or_insert_with(|| HallRow { hall: target.hall.to_string(), ..HallRow::default() });
        add(row, target);
    }
    let mut rows: Vec<_> = halls.into_values().collect();
    rows.sort_by_key(|r| std::cmp::Reverse(r.down));
    rows
}

fn add(row: &mut HallRow, target: &TargetStatus) {
    match &target.state {
        TargetState::Up => row.up += 1,
        TargetState::Waiting => row.waiting += 1,
        TargetState::Down(why) => {
            row.down += 1;
            if row.reason.is_empty() {
                row.reason.clone_from(why);
            }
        }
    }
    row.slowest_ms = row.slowest_ms.max(target.duration_ms);
    row.samples += u64::from(target.samples);
    row.bytes += u64::from(target.bytes);
    row.oldest = [row.oldest, target.last_ok].into_iter().flatten().min();
}

/// Titles and widths of the columns; the reason takes what is left.
const COLUMNS: [(&str, usize); 8] = [
    ("HALL", 14),
    ("UP", 8),
    ("DOWN", 8),
    ("WAITING", 8),
    ("OLDEST", 9),
    ("SLOWEST ms", 10),
    ("SAMPLES", 11),
    ("MB", 8),
];

/// The line of titles for a width.
#[must_use]
pub fn titles(width: u16, ellipsis: char) -> String {
    line(COLUMNS.map(|(title, _)| title.to_owned()), "REASON", (width, ellipsis))
}

/// The line of one hall for a width.
#[must_use]
pub fn cells(row: &HallRow, now: Timestamp, (width, ellipsis): (u16, char)) -> String {
    let hall = if row.hall.is_empty() { "not placed".to_owned() } else { row.hall.clone() };
    let count = |n: u32| if n == 0 { String::new() } else { text::integer(n.into()) };
    let cells = [
        hall,
        text::integer(row.up.into()),
        count(row.down),
        count(row.waiting),
        row.oldest.map_or("never".into(), |t| text::age(now.since(t))),
        text::integer(row.slowest_ms.into()),
        text::integer(row.samples),
        text::integer(row.bytes.div_ceil(1_000_000)),
    ];
    line(cells, &row.reason, (width, ellipsis))
}

fn line(cells: [String; 8], reason: &str, (width, ellipsis): (u16, char)) -> String {
    let width = usize::from(width).saturating_sub(2);
    let (mut out, mut used) = (String::new(), 0);
    for (i, (cell, (_, w))) in cells.iter().zip(COLUMNS).enumerate() {
        if used + w + 1 > width {
            return out;
        }
        let cell = if i == 0 { text::left(cell, w, ellipsis) } else { text::right(cell, w, ellipsis) };
        out.push_str(&cell);
        out.push(' ');
        used += w + 1;
    }
    out + &text::left(reason, width - used, ellipsis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::SourceStatus;
    use std::sync::Arc;

    fn target(hall: &str, state: TargetState, ms: u32) -> Arc<TargetStatus> {
        let last_ok = (state == TargetState::Up).then(|| Timestamp(i64::from(ms)));
        let status = TargetStatus { hall: hall.into(), state, last_ok, ..TargetStatus::default() };
        Arc::new(TargetStatus { duration_ms: ms, samples: 200, bytes: 1_500_000, ..status })
    }

    fn view() -> SourceView {
        let down = || TargetState::Down("HTTP 503".into());
        let targets = vec![
            target("H1", TargetState::Up, 5),
            target("H1", TargetState::Up, 9),
            target("H2", down(), 3),
            target("", TargetState::Waiting, 0),
        ];
        SourceView { status: SourceStatus::default(), targets: targets.into() }
    }

    #[test]
    fn halls_are_summed_up_and_the_failing_ones_come_first() {
        let rows = rows(&[view(), view()]);
        assert_eq!(rows.iter().map(|r| &*r.hall).collect::<Vec<_>>(), ["H2", "", "H1"]);
        let h1 = &rows[2];
        assert_eq!((h1.up, h1.down, h1.slowest_ms, h1.samples, h1.bytes), (4, 0, 9, 800, 6_000_000));
        assert_eq!(h1.oldest, Some(Timestamp(5)));
        assert_eq!((rows[0].down, &*rows[0].reason, rows[0].oldest), (2, "HTTP 503", None));
        assert_eq!(rows[1].waiting, 2);
    }

    #[test]
    fn a_line_is_never_wider_than_the_screen_and_says_where_nothing_is_placed() {
        let all = rows(&[view()]);
        for width in 20..200 {
            for text in [titles(width, '…'), cells(&all[0], Timestamp(9), (width, '…'))] {
                assert!(text.chars().count() + 2 <= usize::from(width), "{width}: {text}");
            }
        }
        assert!(cells(&all[1], Timestamp(9), (120, '…')).starts_with("not placed"));
        assert!(cells(&all[0], Timestamp(9), (120, '…')).contains("HTTP 503"));
    }
}
