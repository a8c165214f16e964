//! The page of one tray, in the families, labels and number formats of dcgm-exporter 4.x.
//!
//! Families and help texts are those of a real page of a GB200 tray (driver 580.105), with the
//! profiling, energy, margin and clock-event families of the default list of counters added.
//! Whole numbers are printed as `%d`, others as `%f`: six decimals.

use std::fmt::Write as _;

use crate::model::topology::GpuModel;
use crate::model::{Metric, xid};
use crate::source::serve::fleet::{DRIVER, Moment, Site};

/// Framebuffer memory that the driver keeps, MiB.
const RESERVED_MIB: f64 = 1055.0;

/// A number as the exporter prints it.
enum Number {
    Whole(u64),
    Signed(i64),
    Real(f64),
}

/// What one GPU says, for the families to pick from.
struct Reading<'a> {
    moment: &'a Moment,
    gpu: usize,
    model: &'a GpuModel,
}

impl Reading<'_> {
    fn get(&self, metric: Metric) -> f64 {
        f64::from(self.moment.value(metric, self.gpu).unwrap_or(0.0))
    }

    fn whole(&self, metric: Metric) -> Number {
        Number::Whole(self.get(metric) as u64)
    }

    /// Share of SM activity, 0 to 1, times `factor`.
    fn active(&self, factor: f64) -> Number {
        Number::Real((self.get(Metric::Activity) / 100.0 * factor).min(1.0))
    }
}

struct Family {
    name: &'static str,
    help: &'static str,
    counter: bool,
    number: fn(&Reading<'_>) -> Number,
}

const fn gauge(name: &'static str, help: &'static str, number: fn(&Reading<'_>) -> Number) -> Family {
    Family { name, help, counter: false, number }
}

const fn counter(name: &'static str, help: &'static str, number: fn(&Reading<'_>) -> Number) -> Family {
    Family { name, help, counter: true, number }
}

const fn zero(_: &Reading<'_>) -> Number {
    Number::Whole(0)
}

/// Name of the family of the last XID, whose series carry two labels more.
const XID: &str = "DCGM_FI_DEV_XID_ERRORS";

const FAMILIES: [Family; 27] = [
    gauge("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", |r| r.whole(Metric::SmClock)),
    gauge("DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).", |r| Number::Whole(mem_clock(r.model))),
    gauge("DCGM_FI_DEV_MEMORY_TEMP", "Memory temperature (in C).", |r| r.whole(Metric::MemTemp)),
    gauge("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", |r| r.whole(Metric::Temp)),
    gauge("DCGM_FI_DEV_GPU_TEMP_LIMIT", "Thermal margin temperature for this GPU (in C).", |r| {
        Number::Signed(r.get(Metric::Margin) as i64)
    }),
    gauge("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", |r| Number::Real(r.get(Metric::Power))),
    counter("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Total energy consumption since boot (in mJ).", |r| {
        Number::Whole(r.moment.energy_mj(r.gpu))
    }),
    counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "Total number of PCIe retries.", zero),
    gauge("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", |r| r.whole(Metric::Util)),
    gauge("DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).", |r| {
        Number::Whole((r.get(Metric::Activity) * 0.7) as u64)
    }),
    gauge("DCGM_FI_DEV_ENC_UTIL", "Encoder utilization (in %).", zero),
    gauge("DCGM_FI_DEV_DEC_UTIL", "Decoder utilization (in %).", zero),
    gauge(XID, "Value of the last XID error encountered.", |r| r.whole(Metric::Xid)),
    gauge("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "Current clock event reasons (bitmask).", |r| {
        r.whole(Metric::ClockEvents)
    }),
    gauge("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", |r| {
        let free = f64::from(r.model.memory_mib) - RESERVED_MIB - r.get(Metric::MemUsed);
        Number::Whole(free.max(0.0) as u64)
    }),
    gauge("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", |r| r.whole(Metric::MemUsed)),
    gauge("DCGM_FI_DEV_FB_RESERVED", "Framebuffer memory reserved (in MiB).", |_| {
        Number::Whole(RESERVED_MIB as u64)
    }),
    counter(
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
        "Number of remapped rows for uncorrectable errors",
        |r| Number::Whole(u64::from(matches!(r.get(Metric::Xid) as u16, 48 | 63 | 94))),
    ),
    counter("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "Number of remapped rows for correctable errors", zero),
    gauge("DCGM_FI_DEV_ROW_REMAP_FAILURE", "Whether remapping of rows has failed", zero),
    counter(
        "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
        "Total number of NVLink bandwidth counters for all lanes.",
        |r| Number::Whole((r.get(Metric::Activity) * 9000.0) as u64),
    ),
    gauge("DCGM_FI_DEV_VGPU_LICENSE_STATUS", "vGPU License status", zero),
    gauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "Ratio of time the graphics engine is active.", |r| {
        Number::Real(r.get(Metric::Util) / 100.0)
    }),
    gauge("DCGM_FI_PROF_SM_ACTIVE", "The ratio of cycles an SM has at least 1 warp assigned.", |r| {
        r.active(1.0)
    }),
    gauge("DCGM_FI_PROF_SM_OCCUPANCY", "The ratio of number of warps resident on an SM.", |r| r.active(0.3)),
    gauge("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "Ratio of cycles the tensor (HMMA) pipe is active.", |r| {
        r.active(0.62)
    }),
    gauge(
        "DCGM_FI_PROF_DRAM_ACTIVE",
        "Ratio of cycles the device memory interface is active sending or receiving data.",
        |r| r.active(0.7),
    ),
];

/// Memory clock of a generation, MHz: it does not change with load.
fn mem_clock(model: &GpuModel) -> u64 {
    match model.name.as_str() {
        name if name.starts_with("H100") => 2619,
        name if name.starts_with("H200") => 3201,
        _ => 3996,
    }
}

/// The page of tray `tray`. GPUs that are lost are missing from it.
#[must_use]
pub fn render(site: &Site, moment: &Moment, tray: usize) -> String {
    let gpus: Vec<(usize, String)> = (site.topology().trays()[tray].gpus.range().enumerate())
        .filter(|(_, gpu)| !moment.is_lost(*gpu))
        .map(|(index, gpu)| (gpu, labels(site, moment, (tray, index, gpu))))
        .collect();
    let mut page = String::with_capacity(FAMILIES.len() * (160 + 360 * gpus.len()));
    for family in &FAMILIES {
        if gpus.is_empty() {
            break;
        }
        let kind = if family.counter { "counter" } else { "gauge" };
        let Family { name, help, .. } = family;
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (gpu, labels) in &gpus {
            let reading = Reading { moment, gpu: *gpu, model: site.model(*gpu) };
            let _ = write!(page, "{name}{{{labels}");
            if *name == XID {
                page.push_str(&error_labels(reading.get(Metric::Xid) as u16));
            }
            let _ = match (family.number)(&reading) {
                Number::Whole(n) => writeln!(page, "}} {n}"),
                Number::Signed(n) => writeln!(page, "}} {n}"),
                Number::Real(x) => writeln!(page, "}} {x:.6}"),
            };
        }
    }
    page
}

/// The labels of one GPU, in the order of the exporter, without braces.
fn labels(site: &Site, moment: &Moment, (tray, index, gpu): (usize, usize, usize)) -> String {
    let who = site.labels(tray, gpu);
    let mut text = format!(
        "gpu=\"{index}\",UUID=\"{}\",pci_bus_id=\"{}\",device=\"nvidia{index}\",modelName=\"{}\",Hostname=\"{}\",DCGM_FI_DRIVER_VERSION=\"{DRIVER}\"",
        who.uuid,
        who.pci,
        escape(&who.model),
        escape(&site.host(tray)),
    );
    if let Some(name) = moment.job(gpu) {
        let (job, tenant) = (escape(&name.job), escape(&name.tenant));
        let _ = write!(
            text,
            ",container=\"main\",hpc_job=\"{job}\",namespace=\"{tenant}\",pod=\"{job}-{tray}\",pod_uid=\"\""
        );
    }
    text
}

fn error_labels(code: u16) -> String {
    let message = match (code, xid::lookup(code)) {
        (0, _) => "No Error",
        (_, Some(x)) => x.meaning,
        (_, None) => "Unknown Error",
    };
    format!(",err_code=\"{code}\",err_msg=\"{}\"", escape(message))
}

/// `text` as the value of a label.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Topology;
    use crate::source::serve::fleet::Fleet;
    use crate::source::sim::scenario::Plan;

    fn fleet() -> Fleet {
        Fleet::new(&Arc::new(Topology::default_site()), &Plan::of_seed(7), 36)
            .expect("nothing is scripted")
            .expect("there are trays")
    }

    #[test]
    fn a_line_is_spelled_as_the_exporter_spells_it() {
        let f = fleet();
        let tray =
            (0..36).find(|t| (4 * t..4 * t + 4).all(|g| !f.moment().is_lost(g))).expect("a whole tray");
        let page = render(f.site(), &f.moment(), tray);
        let line = page.lines().find(|l| l.starts_with("DCGM_FI_DEV_POWER_USAGE{gpu=\"1\"")).expect("gpu 1");
        assert!(
            line.contains("pci_bus_id=\"00000009:06:00.0\",device=\"nvidia1\",modelName=\"NVIDIA GB300\"")
        );
        assert!(line.contains(",DCGM_FI_DRIVER_VERSION=\"580.105.08\""));
        let (_, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.ends_with(".000000"), "%f: {value}");
        let served = f.moment().value(Metric::Power, 4 * tray + 1).expect("present");
        assert_eq!(value.parse::<f32>(), Ok(served));
    }

    #[test]
    fn every_family_is_announced_once_and_has_a_line_for_each_gpu() {
        let f = fleet();
        let page = render(f.site(), &f.moment(), 5);
        let present = (20..24).filter(|g| !f.moment().is_lost(*g)).count();
        for family in &FAMILIES {
            assert_eq!(page.matches(&format!("# TYPE {} ", family.name)).count(), 1);
            assert_eq!(page.matches(&format!("\n{}{{", family.name)).count(), present, "{}", family.name);
        }
        assert!(page.ends_with('\n'));
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
        assert_eq!(error_labels(0), ",err_code=\"0\",err_msg=\"No Error\"");
        assert!(error_labels(79).contains("fell off the bus"));
    }
}
