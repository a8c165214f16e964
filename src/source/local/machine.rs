//! The machine itself: CPU, memory, load, start.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::model::batch::NodeReading;
use crate::model::text;

/// The machine as the operating system shows it.
pub struct Machine {
    /// `None` where the operating system is not supported.
    system: Option<System>,
    name: String,
    /// CPU counters have been read before, so there is a difference to speak of.
    has_past: bool,
}

impl Machine {
    /// Opens the view.
    pub fn new() -> Self {
        let kind = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let name = System::host_name().map(|n| text::clean(&n)).unwrap_or_default();
        let name = if name.is_empty() { "localhost".to_owned() } else { name };
        Self { system: System::new_with_specifics(kind).ok(), name, has_past: false }
    }

    /// What the machine calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its present values. The first reading has no CPU share: that is a difference.
    pub fn read(&mut self) -> NodeReading {
        let mut reading = NodeReading {
            load1: System::load_average().map_or(f32::NAN, |l| l.one as f32),
            boot_time: System::boot_time().map_or(f64::NAN, |s| s as f64),
            ..NodeReading::default()
        };
        let Some(system) = &mut self.system else { return reading };
        system.refresh_cpu_usage();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        if self.has_past {
            reading.cpu = system.global_cpu_usage().clamp(0.0, 100.0);
        }
        self.has_past = true;
        let (free, total) = (system.available_memory() as f64, system.total_memory() as f64);
        if total > 0.0 {
            reading.memory = (100.0 * (1.0 - free / total)).clamp(0.0, 100.0) as f32;
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reading_has_no_cpu_share_and_later_ones_are_percent() {
        let mut machine = Machine::new();
        assert!(machine.read().cpu.is_nan());
        assert!((0.0..=100.0).contains(&machine.read().cpu));
    }
}
