//! The XIDs that the driver logs: repeats told from news, and how long the last one stays.

use std::collections::BTreeMap;

use crate::source::sim::noise::hash;

/// Repeats of one XID on one GPU within this time are one event (Delta, arXiv:2503.11901), s.
pub const COALESCE_S: u64 = 5;
/// The driver of every tray is loaded anew once in this time, s: until then the last XID stays.
pub const RELOAD_S: u64 = 86_400;
/// How many open bursts are kept before those that are over are thrown away.
const SWEEP: usize = 64;

/// What has been logged.
#[derive(Clone, Debug)]
pub struct Log {
    seed: u64,
    /// When the burst of a code on a GPU was last heard of.
    bursts: BTreeMap<(usize, u16), u64>,
    sweep: usize,
    /// Trays whose next reload is noted.
    awaited: Vec<bool>,
    lines: u64,
    events: u64,
}

impl Log {
    /// An empty log of a site of `trays` trays.
    #[must_use]
    pub fn new(seed: u64, trays: usize) -> Self {
        Self { seed, bursts: BTreeMap::new(), sweep: SWEEP, awaited: vec![false; trays], lines: 0, events: 0 }
    }

    /// Notes a line; true when it is news, false when it repeats the one before within
    /// [`COALESCE_S`].
    pub fn line(&mut self, gpu: usize, code: u16, tick: u64) -> bool {
        self.lines += 1;
        let last = self.bursts.insert((gpu, code), tick);
        let news = last.is_none_or(|last| tick.saturating_sub(last) > COALESCE_S);
        self.events += u64::from(news);
        if self.bursts.len() > self.sweep {
            self.bursts.retain(|_, last| tick.saturating_sub(*last) <= COALESCE_S);
            self.sweep = SWEEP.max(2 * self.bursts.len());
        }
        news
    }

    /// The tick in which the driver of `tray` is loaded anew after `tick`, if that is not awaited
    /// already.
    pub fn await_reload(&mut self, tray: usize, tick: u64) -> Option<u64> {
        if std::mem::replace(&mut self.awaited[tray], true) {
            return None;
        }
        let phase = self.phase(tray);
        let today = tick - tick % RELOAD_S + phase;
        Some(if today > tick { today } else { today + RELOAD_S })
    }

    /// The reload of `tray` has come.
    pub fn reloaded(&mut self, tray: usize) {
        self.awaited[tray] = false;
    }

    /// Second of the day in which the driver of `tray` is loaded anew.
    #[must_use]
    pub fn phase(&self, tray: usize) -> u64 {
        hash(self.seed, 0x4E10, tray as u64) % RELOAD_S
    }

    /// Lines that were logged, and how many of them were news.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64) {
        (self.lines, self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_within_five_seconds_are_one_event() {
        let mut log = Log::new(1, 4);
        assert!(log.line(7, 95, 100));
        for tick in [100, 103, 108, 113] {
            assert!(!log.line(7, 95, tick), "a burst lasts as long as its gaps are short");
        }
        assert!(log.line(7, 94, 113), "another code");
        assert!(log.line(8, 95, 113), "another GPU");
        assert!(log.line(7, 95, 119), "six seconds later");
        assert_eq!(log.counts(), (8, 4));
    }

    #[test]
    fn bursts_that_are_over_are_forgotten() {
        let mut log = Log::new(1, 4);
        for i in 0..100_000u64 {
            log.line(i as usize % 5000, 31, i);
        }
        assert!(log.bursts.len() <= SWEEP + 1, "{}", log.bursts.len());
    }

    #[test]
    fn a_tray_reloads_once_a_day_at_its_own_time() {
        let mut log = Log::new(1, 100);
        for tray in 0..100 {
            let due = log.await_reload(tray, 200_000).expect("none is awaited");
            assert!((200_001..=286_400).contains(&due));
            assert_eq!(log.await_reload(tray, 200_001), None);
            log.reloaded(tray);
            assert_eq!(log.await_reload(tray, due), Some(due + RELOAD_S));
        }
    }
}
