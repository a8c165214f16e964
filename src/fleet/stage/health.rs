//! Health of GPUs whose source does not say it: from clock events, margin and XIDs.

use crate::model::batch::GpuReading;
use crate::model::xid::{self, Class};
use crate::model::{ClockEvents, Health, Metric};

/// Remembers XIDs, because the reported one is sticky: only a change is news.
#[derive(Debug, Default)]
pub(super) struct XidWatch {
    last: Vec<Option<u16>>,
    verdict: Vec<Option<Class>>,
}

impl XidWatch {
    pub fn new(gpus: usize) -> Self {
        Self { last: vec![None; gpus], verdict: vec![None; gpus] }
    }

    /// Takes in the reported XID. What was there when we first looked is history, not news;
    /// zero means that the driver was reloaded and clears the verdict.
    fn saw(&mut self, gpu: usize, code: u16) {
        let Some(last) = self.last.get_mut(gpu) else { return };
        if code == 0 {
            self.verdict[gpu] = None;
        } else if last.is_some_and(|l| l != code) {
            self.verdict[gpu] = Some(xid::class(code));
        }
        *last = Some(code);
    }

    /// Health of a GPU that reported `reading`.
    pub fn judge(&mut self, gpu: usize, reading: &GpuReading) -> Health {
        if let Some(code) = reading.get(Metric::Xid) {
            self.saw(gpu, code as u16);
        }
        let verdict = self.verdict.get(gpu).copied().flatten();
        let events = ClockEvents(reading.get(Metric::ClockEvents).unwrap_or(0.0) as u16);
        let hot = reading.get(Metric::Margin).is_some_and(|m| m < 0.0);
        if verdict == Some(Class::Fatal) {
            Health::Unhealthy
        } else if verdict == Some(Class::Degraded) || events.is_fault() || hot {
            Health::Degraded
        } else {
            Health::Ok
        }
    }

    pub fn remapped(&self, map: &[u32]) -> Self {
        Self {
            last: map.iter().map(|o| self.last.get(*o as usize).copied().flatten()).collect(),
            verdict: map.iter().map(|o| self.verdict.get(*o as usize).copied().flatten()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(values: &[(Metric, f32)]) -> GpuReading {
        let mut r = GpuReading::new(0);
        values.iter().for_each(|(m, v)| r.set(*m, *v));
        r
    }

    #[test]
    fn a_sticky_xid_from_before_is_no_news() {
        let mut w = XidWatch::new(1);
        assert_eq!(w.judge(0, &reading(&[(Metric::Xid, 79.0)])), Health::Ok);
        assert_eq!(w.judge(0, &reading(&[(Metric::Xid, 79.0)])), Health::Ok);
        assert_eq!(w.judge(0, &reading(&[(Metric::Xid, 48.0)])), Health::Unhealthy);
        assert_eq!(
            w.judge(0, &reading(&[(Metric::Xid, 48.0)])),
            Health::Unhealthy,
            "until the driver reloads"
        );
        assert_eq!(w.judge(0, &reading(&[(Metric::Xid, 0.0)])), Health::Ok);
    }

    #[test]
    fn application_xids_do_not_make_a_gpu_sick() {
        let mut w = XidWatch::new(1);
        w.judge(0, &reading(&[(Metric::Xid, 0.0)]));
        assert_eq!(w.judge(0, &reading(&[(Metric::Xid, 31.0)])), Health::Ok);
    }

    #[test]
    fn fault_bits_and_a_used_up_margin_degrade() {
        let mut w = XidWatch::new(1);
        assert_eq!(w.judge(0, &reading(&[(Metric::ClockEvents, 64.0)])), Health::Degraded);
        assert_eq!(w.judge(0, &reading(&[(Metric::ClockEvents, 5.0)])), Health::Ok);
        assert_eq!(w.judge(0, &reading(&[(Metric::Margin, -1.0)])), Health::Degraded);
    }
}
