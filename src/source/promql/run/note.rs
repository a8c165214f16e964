//! What a turn has to tell beside its queries.

use std::time::Duration;

use super::{Runner, Turn};

impl Runner {
    pub(super) fn nobody(&self) -> String {
        let selector = if self.config.selector.is_empty() { "" } else { " with this selector" };
        if self.asks.is_empty() {
            return "the engine knows no family of dcgm-exporter or nvidia_gpu_exporter".to_owned();
        }
        format!("the engine has no GPU{selector}")
    }

    pub(super) fn note(&self, turn: &Turn, took: Duration) -> Option<String> {
        let (directory, interval) = (&self.directory, self.config.interval);
        let slow = took > interval;
        let parts = [
            (self.skew != 0).then(|| {
                format!(
                    "the engine's clock is {} s {}",
                    self.skew.abs() / 1000,
                    if self.skew > 0 { "ahead" } else { "behind" }
                )
            }),
            slow.then(|| {
                format!("a turn takes {:.1} s, the interval is {} s", took.as_secs_f32(), interval.as_secs())
            }),
            (turn.unknown > 0).then(|| format!("{} series are of unknown GPUs", turn.unknown)),
            (turn.late > 0).then(|| format!("{} values without a time are left out", turn.late)),
            (directory.left_out > 0).then(|| format!("{} series name no GPU or host", directory.left_out)),
            (directory.clashes > 0).then(|| {
                format!("{} GPUs claim the place of another one; the first one counts", directory.clashes)
            }),
            self.parts.values().max().map(|n| {
                format!(
                    "{} queries are asked in up to {n} parts: whole, the engine refuses them",
                    self.parts.len()
                )
            }),
            turn.wait.map(|w| format!("the engine asks for a pause of {} s", w.as_secs())),
            (turn.failed > 0 && turn.answered > 0).then(|| format!("{} queries failed", turn.failed)),
        ];
        let remarks = self.remarks.iter().take(4).cloned();
        let past = self.links.past.as_ref().map(|p| p.borrow().clone()).filter(|p| !p.is_empty());
        let all: Vec<String> = parts.into_iter().flatten().chain(remarks).chain(past).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}
