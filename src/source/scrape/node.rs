//! The node around the GPUs, by node_exporter: only what the console shows.

use super::exposition::Labels;
use super::families::{Family, Field};
use crate::model::batch::NodeReading;

/// Sums of one page.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodePage {
    cpu: CpuTime,
    memory: Option<f64>,
    available: Option<f64>,
    load1: Option<f64>,
    boot: Option<f64>,
    ib_ports: (u16, u16),
}

/// Seconds that all CPUs have spent since the start of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// Doing nothing, or waiting for a disk.
    pub idle: f64,
    /// In all.
    pub total: f64,
}

impl CpuTime {
    /// Busy share since `earlier`, %; NaN when there is no time between (first page, restart).
    #[must_use]
    pub fn busy_since(&self, earlier: Option<Self>) -> f32 {
        let Some(earlier) = earlier else { return f32::NAN };
        let (idle, total) = (self.idle - earlier.idle, self.total - earlier.total);
        if total > 0.0 && idle >= 0.0 {
            (100.0 * (1.0 - idle / total)).clamp(0.0, 100.0) as f32
        } else {
            f32::NAN
        }
    }
}

impl NodePage {
    /// Takes one sample of a node's family.
    pub fn take(&mut self, family: &Family, labels: Labels<'_>, value: f64) {
        let mode = || labels.into_iter().find(|l| l.name == b"mode").map_or(&b""[..], |l| l.raw);
        self.add(family, if family.field == Field::CpuSeconds { mode() } else { b"" }, value);
    }

    /// The same with the mode of the CPU, where the family is about that.
    pub fn add(&mut self, family: &Family, mode: &[u8], value: f64) {
        let Some(value) = family.convert(value) else { return };
        match family.field {
            Field::CpuSeconds => {
                self.cpu.total += value;
                if mode == b"idle" || mode == b"iowait" {
                    self.cpu.idle += value;
                }
            }
            Field::NodeMemory => self.memory = self.memory.or(Some(value)),
            Field::NodeAvailable => self.available = self.available.or(Some(value)),
            Field::Load1 => self.load1 = self.load1.or(Some(value)),
            Field::BootTime => self.boot = self.boot.or(Some(value)),
            Field::IbState => {
                let (active, all) = self.ib_ports;
                // 4 is "active" in the kernel's `state` file of a port.
                let up = u16::from((3.5..4.5).contains(&value));
                self.ib_ports = (active.saturating_add(up), all.saturating_add(1));
            }
            _ => {}
        }
    }

    /// The CPU counters, where the page had them.
    #[must_use]
    pub fn cpu(&self) -> Option<CpuTime> {
        (self.cpu.total > 0.0).then_some(self.cpu)
    }

    /// The reading; `earlier` are the CPU counters of the page before.
    #[must_use]
    pub fn reading(&self, earlier: Option<CpuTime>) -> NodeReading {
        let memory = match (self.memory, self.available) {
            (Some(all), Some(free)) if all > 0.0 => (100.0 * (1.0 - free / all)).clamp(0.0, 100.0) as f32,
            _ => f32::NAN,
        };
        NodeReading {
            cpu: self.cpu.busy_since(earlier),
            memory,
            load1: self.load1.map_or(f32::NAN, |v| v as f32),
            boot_time: self.boot.unwrap_or(f64::NAN),
            ib_ports: self.ib_ports,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{exposition, families};
    use super::*;

    fn page(text: &str) -> NodePage {
        let mut page = NodePage::default();
        exposition::scan(text.as_bytes(), families::lookup, |f, s| page.take(f.get(), s.labels, s.value));
        page
    }

    fn cpu(idle: f64, user: f64) -> NodePage {
        page(&format!(
            "node_cpu_seconds_total{{cpu=\"0\",mode=\"idle\"}} {idle}\nnode_cpu_seconds_total{{cpu=\"0\",mode=\"user\"}} {user}\n"
        ))
    }

    #[test]
    fn cpu_share_needs_two_pages() {
        let (first, second) = (cpu(100.0, 10.0), cpu(175.0, 35.0));
        assert!(first.reading(None).cpu.is_nan());
        assert!((second.reading(first.cpu()).cpu - 25.0).abs() < 1e-4);
        assert!(first.reading(second.cpu()).cpu.is_nan(), "counters that run backwards are a restart");
    }

    #[test]
    fn memory_in_use_is_what_is_not_available() {
        let got =
            page("node_memory_MemTotal_bytes 8e9\nnode_memory_MemAvailable_bytes 2e9\nnode_load1 0.57\n")
                .reading(None);
        assert!((got.memory - 75.0).abs() < 1e-4);
        assert!((got.load1 - 0.57).abs() < 1e-6);
        assert!(page("node_memory_MemAvailable_bytes 2e9\n").reading(None).memory.is_nan());
    }

    #[test]
    fn active_ports_are_counted_out_of_all() {
        let got =
            page("node_infiniband_state_id{device=\"a\"} 4\nnode_infiniband_state_id{device=\"b\"} 1\n");
        assert_eq!(got.reading(None).ib_ports, (1, 2));
    }
}
