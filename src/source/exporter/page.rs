//! The page as text, in the exposition format of Prometheus (0.0.4), written as dcgm-exporter and
//! node_exporter write theirs.

use std::fmt::Write;

use super::node::{MODES, NodeSheet};
use super::sheet::{FAMILIES, GpuSheet, Number};

/// Everything that one page tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// What the machine calls itself.
    pub host: String,
    /// Present time, seconds since the epoch.
    pub time: f64,
    /// NVML could be used.
    pub has_nvml: bool,
    /// The GPUs that answered.
    pub gpus: Vec<GpuSheet>,
    /// The machine.
    pub node: NodeSheet,
}

/// The page.
#[must_use]
pub fn render(sheet: &Sheet) -> String {
    let mut out = String::with_capacity(16 << 10);
    gpus(&mut out, sheet);
    node(&mut out, sheet);
    about(&mut out, sheet);
    out
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a string cannot fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn gpus(out: &mut String, sheet: &Sheet) {
    let labels: Vec<String> = sheet.gpus.iter().map(|g| gpu_labels(g, &sheet.host)).collect();
    for (i, family) in FAMILIES.iter().enumerate() {
        if sheet.gpus.iter().all(|g| g.values[i].is_none()) {
            continue;
        }
        head(out, family.name, family.help, if family.counter { "counter" } else { "gauge" });
        for (gpu, labels) in sheet.gpus.iter().zip(&labels) {
            let _ = match gpu.values[i] {
                Some(Number::Whole(v)) => writeln!(out, "{}{{{labels}}} {v}", family.name),
                Some(Number::Real(v)) => writeln!(out, "{}{{{labels}}} {v:.6}", family.name),
                None => Ok(()),
            };
        }
    }
}

fn gpu_labels(gpu: &GpuSheet, host: &str) -> String {
    let (index, facts) = (gpu.index, &gpu.facts);
    format!(
        r#"gpu="{index}",UUID="{}",pci_bus_id="{}",device="nvidia{index}",modelName="{}",Hostname="{}",DCGM_FI_DRIVER_VERSION="{}""#,
        escaped(&facts.uuid),
        escaped(&facts.pci),
        escaped(&facts.model),
        escaped(host),
        escaped(&facts.driver),
    )
}

/// A label's value as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

fn node(out: &mut String, sheet: &Sheet) {
    let node = &sheet.node;
    if !node.cpus.is_empty() {
        head(out, "node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "counter");
    }
    for (cpu, seconds) in &node.cpus {
        for (mode, value) in MODES.iter().zip(seconds) {
            let _ = writeln!(out, r#"node_cpu_seconds_total{{cpu="{cpu}",mode="{mode}"}} {value}"#);
        }
    }
    for (name, value) in &node.memory {
        single(out, &format!("node_memory_{name}"), "Memory information field.", *value);
    }
    if let Some(load) = node.load {
        for (minutes, value) in [1, 5, 15].into_iter().zip(load) {
            single(out, &format!("node_load{minutes}"), &format!("{minutes}m load average."), value);
        }
    }
    if let Some(time) = node.boot_time {
        single(out, "node_boot_time_seconds", "Node boot time, in unixtime.", time);
    }
    single(out, "node_time_seconds", "System time in seconds since epoch (1970).", sheet.time);
    if let Some(words) = &node.uname {
        head(
            out,
            "node_uname_info",
            "Labeled system information as provided by the uname system call.",
            "gauge",
        );
        let names = ["sysname", "release", "version", "machine", "nodename", "domainname"];
        let labels: Vec<_> =
            names.iter().zip(words).map(|(n, w)| format!("{n}=\"{}\"", escaped(w))).collect();
        let _ = writeln!(out, "node_uname_info{{{}}} 1", labels.join(","));
    }
    if !node.ports.is_empty() {
        let help = "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, 4: active, 5: act defer).";
        head(out, "node_infiniband_state_id", help, "gauge");
    }
    for (device, port, state) in &node.ports {
        let (device, port) = (escaped(device), escaped(port));
        let _ = writeln!(out, r#"node_infiniband_state_id{{device="{device}",port="{port}"}} {state}"#);
    }
}

fn about(out: &mut String, sheet: &Sheet) {
    head(out, "hallwatch_exporter_build_info", "Which program made this page.", "gauge");
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(out, r#"hallwatch_exporter_build_info{{version="{version}"}} 1"#);
    let nvml = "Whether NVIDIA's management library could be used.";
    single(out, "hallwatch_exporter_nvml_up", nvml, f64::from(u8::from(sheet.has_nvml)));
}

/// A gauge without labels.
fn single(out: &mut String, name: &str, help: &str, value: f64) {
    head(out, name, help, "gauge");
    let _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::GpuFacts;
    use std::sync::Arc;

    fn gpu(index: u16, model: &str) -> GpuSheet {
        let facts = GpuFacts {
            uuid: format!("GPU-{index}"),
            model: model.into(),
            pci: "00000000:53:00.0".to_owned(),
            driver: "580.105.08".into(),
            ..GpuFacts::default()
        };
        GpuSheet::new(index, Arc::new(facts))
    }

    #[test]
    fn a_gpu_reads_as_dcgm_exporter_writes_it() {
        let gpu = gpu(0, "NVIDIA H100 80GB HBM3")
            .with("DCGM_FI_DEV_POWER_USAGE", Number::Real(68.57))
            .with("DCGM_FI_DEV_GPU_TEMP", Number::Whole(29));
        let page = render(&Sheet { host: "node7".into(), gpus: vec![gpu], ..Sheet::default() });
        let labels = r#"{gpu="0",UUID="GPU-0",pci_bus_id="00000000:53:00.0",device="nvidia0",modelName="NVIDIA H100 80GB HBM3",Hostname="node7",DCGM_FI_DRIVER_VERSION="580.105.08"}"#;
        assert!(page.contains(&format!("\nDCGM_FI_DEV_POWER_USAGE{labels} 68.570000\n")), "{page}");
        assert!(page.contains("# TYPE DCGM_FI_DEV_GPU_TEMP gauge\n"));
        assert!(page.contains(&format!("DCGM_FI_DEV_GPU_TEMP{labels} 29\n")));
    }

    #[test]
    fn what_no_gpu_has_is_not_mentioned_and_what_one_lacks_is_left_out() {
        let with = gpu(0, "a").with("DCGM_FI_DEV_MEMORY_TEMP", Number::Whole(40));
        let page = render(&Sheet { gpus: vec![with, gpu(1, "b")], ..Sheet::default() });
        let count = |what: &str| page.lines().filter(|l| l.starts_with(what)).count();
        assert_eq!(count("DCGM_FI_DEV_MEMORY_TEMP{"), 1);
        assert!(!page.contains("DCGM_FI_DEV_GPU_UTIL"));
        let none = render(&Sheet::default());
        assert!(!none.contains("DCGM_") && none.contains("hallwatch_exporter_nvml_up 0\n"));
    }

    #[test]
    fn a_hostile_name_stays_within_its_label() {
        let gpu = gpu(0, "a\"} 1\nevil{x=\"\\").with("DCGM_FI_DEV_GPU_TEMP", Number::Whole(1));
        let page = render(&Sheet { gpus: vec![gpu], ..Sheet::default() });
        assert!(page.lines().all(|l| !l.starts_with("evil")), "{page}");
        assert!(page.contains(r#"modelName="a\"} 1\nevil{x=\"\\","#), "{page}");
    }

    #[test]
    fn the_machine_reads_as_node_exporter_writes_it() {
        let node = NodeSheet {
            cpus: vec![(3, [0.5, 0.0, 0.0, 9.25, 0.0, 0.0, 0.0, 0.0])],
            memory: vec![("MemTotal_bytes".into(), 1024.0)],
            load: Some([0.57, 1.0, 2.0]),
            boot_time: Some(1.7e9),
            uname: Some(["Linux", "6.1", "#1", "x86_64", "n7", "(none)"].map(str::to_owned)),
            ports: vec![("mlx5_0".into(), "1".into(), 4)],
        };
        let page = render(&Sheet { node, time: 1.8e9, ..Sheet::default() });
        for line in [
            r#"node_cpu_seconds_total{cpu="3",mode="idle"} 9.25"#,
            "node_memory_MemTotal_bytes 1024",
            "node_load1 0.57",
            "node_load15 2",
            "node_boot_time_seconds 1700000000",
            "node_time_seconds 1800000000",
            r##"node_uname_info{sysname="Linux",release="6.1",version="#1",machine="x86_64",nodename="n7",domainname="(none)"} 1"##,
            r#"node_infiniband_state_id{device="mlx5_0",port="1"} 4"#,
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        }
    }
}
