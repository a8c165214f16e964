//! The labels of the time axis: round moments, as many as fit.

use crate::model::Timestamp;
use crate::ui::timeline::Window;

/// Distances between labels, ms.
const STEPS: [i64; 15] = [
    10_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    1_800_000,
    3_600_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    259_200_000,
    604_800_000,
    2_592_000_000,
];
/// Columns that a label takes with the blank after it.
const ROOM: usize = 10;

/// Columns and words of the labels.
pub fn labels(window: Window) -> Vec<(usize, String)> {
    let most = (window.columns / ROOM).max(1) as i64;
    let fits = |step: &&i64| window.ms / **step <= most;
    let step = STEPS.iter().find(fits).copied().unwrap_or(STEPS[STEPS.len() - 1]);
    let first = window.from.millis().div_euclid(step) * step;
    let moments = (0..=window.ms / step + 1).map(|i| Timestamp(first + i * step));
    let mut out: Vec<(usize, String)> = Vec::new();
    for time in moments.filter(|t| *t >= window.from) {
        let Some(column) = window.column(time) else { continue };
        let text = label(time, step);
        let free = out.last().is_none_or(|(at, words)| at + words.len() < column);
        if free && column + text.len() <= window.columns {
            out.push((column, text));
        }
    }
    out
}

/// `03:10`, `03:10:30`, or the day `11-22`.
fn label(time: Timestamp, step: i64) -> String {
    let clock = time.clock().to_string();
    match step {
        ..60_000 => clock,
        60_000..86_400_000 => clock[..5].to_owned(),
        _ => time.to_string().get(5..10).unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::SIM_EPOCH;
    use proptest::prelude::*;

    fn written(minutes_before: i64, ms: i64, columns: usize) -> String {
        let window = Window { from: SIM_EPOCH.plus_millis(-60_000 * minutes_before), ms, columns };
        labels(window).into_iter().map(|(_, t)| t).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn labels_are_round_moments() {
        assert_eq!(written(20, 3_000_000, 70), "02:40 02:50 03:00 03:10 03:20");
        assert_eq!(written(0, 60_000, 60), "03:00:00 03:00:10 03:00:20 03:00:30 03:00:40 03:00:50");
        assert_eq!(written(0, 604_800_000, 70), "11-23 11-24 11-25 11-26 11-27 11-28");
        assert_eq!(written(0, 60_000, 3), "");
    }

    proptest! {
        #[test]
        fn labels_never_overlap(from in 0i64..2_000_000_000_000, ms in 1_000i64..3_000_000_000, columns in 0usize..250) {
            let window = Window { from: Timestamp(from), ms, columns };
            let mut end = 0;
            for (at, text) in labels(window) {
                prop_assert!(at >= end && at + text.len() <= columns);
                end = at + text.len() + 1;
            }
        }
    }
}
