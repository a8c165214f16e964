//! XIDs as events: the reported XID is sticky, so that only its change is news.

use crate::fleet::frame::Frame;
use crate::model::{Column, Metric, Timestamp};

/// Names a recovery action, not a cause: it does not take the place of the code before it.
const ACTION_CHANGED: u16 = 154;

/// The XID that came up at each GPU since it was first seen, and when.
#[derive(Clone, Debug, Default)]
pub struct XidEvents {
    last: Column16,
    /// The codes; 0 = none.
    pub codes: Vec<u16>,
    /// When each came up; meaningless without a code.
    pub times: Vec<Timestamp>,
    /// The column seen last: the same memory cannot hold news.
    seen: Option<Column>,
}

type Column16 = Vec<u16>;

impl XidEvents {
    /// Takes in the newest frame. What a GPU shows when it is first seen is history. Zero means that
    /// the driver was reloaded.
    pub fn advance(&mut self, frame: &Frame) {
        let column = frame.column(Metric::Xid);
        let n = column.len();
        if self.codes.len() != n {
            let none = Metric::Xid.none_raw();
            self.last.resize(n, none);
            self.codes.resize(n, 0);
            self.times.resize(n, frame.time);
        }
        if self.seen.as_ref().is_some_and(|s| s.same(column)) {
            return;
        }
        if let Column::Wide(raw) = column {
            for (start, (new, old)) in raw.chunks(64).zip(self.last.chunks(64)).enumerate() {
                if new == old {
                    continue;
                }
                for (i, (new, old)) in new.iter().zip(old).enumerate() {
                    if new != old {
                        let at = 64 * start + i;
                        note((&mut self.codes[at], &mut self.times[at]), (*old, *new), frame.time);
                    }
                }
            }
            self.last.copy_from_slice(raw);
        }
        self.seen = Some(column.clone());
    }

    /// The same for another topology: `map[new] = old`.
    #[must_use]
    pub fn remapped(&self, map: &[u32]) -> Self {
        let at = |o: &u32| *o as usize;
        Self {
            last: map
                .iter()
                .map(|o| self.last.get(at(o)).copied().unwrap_or(Metric::Xid.none_raw()))
                .collect(),
            codes: map.iter().map(|o| self.codes.get(at(o)).copied().unwrap_or(0)).collect(),
            times: map.iter().map(|o| self.times.get(at(o)).copied().unwrap_or_default()).collect(),
            seen: None,
        }
    }
}

fn note(event: (&mut u16, &mut Timestamp), (old, new): (u16, u16), now: Timestamp) {
    let none = Metric::Xid.none_raw();
    if new == old || new == none || old == none {
        return;
    }
    if new == 0 {
        *event.0 = 0;
    } else if new != ACTION_CHANGED || *event.0 == 0 {
        (*event.0, *event.1) = (new, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(steps: &[u16]) -> (u16, i64) {
        let (mut code, mut time) = (0, Timestamp::default());
        for (i, pair) in steps.windows(2).enumerate() {
            note((&mut code, &mut time), (pair[0], pair[1]), Timestamp::from_secs(i as i64 + 1));
        }
        (code, time.secs())
    }

    #[test]
    fn only_a_change_is_an_event() {
        assert_eq!(after(&[79, 79, 79]).0, 0, "it was there when we came");
        assert_eq!(after(&[65_535, 79]).0, 0, "the first sight is history");
        assert_eq!(after(&[0, 0, 79, 79]), (79, 2));
        assert_eq!(after(&[0, 79, 0]).0, 0, "the driver was reloaded");
    }

    #[test]
    fn a_recovery_action_does_not_hide_its_cause() {
        assert_eq!(after(&[0, 149, 154]), (149, 1));
        assert_eq!(after(&[0, 154]), (154, 1), "without a cause it is told itself");
        assert_eq!(after(&[0, 149, 154, 79]), (79, 3));
    }
}
