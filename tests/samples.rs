//! Recorded pages of real exporters: all of them are read, and the values are those that `awk`
//! finds in the same file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use hallwatch::model::{GpuReading, HostReading, Metric, Timestamp};
use hallwatch::source::scrape::page::{Memo, Page};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

/// The path of a recorded page; `None`, with a word, where the recordings are not at hand.
fn sample(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(DATA).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no {}", path.display());
    None
}

fn read(path: &PathBuf) -> Page {
    let body = std::fs::read(path).expect("a readable sample");
    Memo::new("sample:1", &[]).read(&body, Timestamp(0))
}

/// What `awk` finds: the last word of each line of `family`, by the UUID on the line.
fn by_awk(path: &PathBuf, family: &str) -> BTreeMap<String, f64> {
    let program = r#"
        index($0, family "{") == 1 {
            uuid = ""
            if (match($0, /[Uu][Uu][Ii][Dd]="[^"]*"/)) uuid = substr($0, RSTART + 6, RLENGTH - 7)
            printf "%s %.9g\n", uuid, $NF
        }"#;
    let output =
        Command::new("awk").arg("-v").arg(format!("family={family}")).arg(program).arg(path).output();
    let output = output.expect("awk is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("awk prints text");
    let pair = |line: &str| {
        let (uuid, value) = line.split_once(' ')?;
        Some((uuid.to_owned(), value.parse().ok()?))
    };
    text.lines().map(|l| pair(l).expect("a UUID and a number")).collect()
}

/// The same as read by the console.
fn by_us(host: &HostReading, metric: Metric) -> BTreeMap<String, f64> {
    let uuid = |g: &GpuReading| {
        g.facts.as_deref().map(|f| f.uuid.clone()).expect("a first page introduces its GPUs")
    };
    host.gpus.iter().filter_map(|g| Some((uuid(g), f64::from(g.get(metric)?)))).collect()
}

/// Compares one family with one metric; `factor` turns the file's unit into the metric's.
fn compare(path: &PathBuf, page: &Page, (family, metric, factor): (&str, Metric, f64)) {
    let (awk, us) = (by_awk(path, family), by_us(&page.host, metric));
    assert!(!awk.is_empty(), "{family} is not in {}", path.display());
    assert_eq!(awk.len(), us.len(), "{family}");
    for ((uuid, theirs), (ours_uuid, ours)) in awk.iter().zip(&us) {
        assert!(
            ours_uuid.trim_start_matches("GPU-") == uuid.trim_start_matches("GPU-"),
            "{uuid} {ours_uuid}"
        );
        let theirs = theirs * factor;
        assert!((theirs - ours).abs() <= theirs.abs() * 1e-6, "{family} {uuid}: {theirs} {ours}");
    }
}

const DCGM: [(&str, Metric, f64); 5] = [
    ("DCGM_FI_DEV_GPU_TEMP", Metric::Temp, 1.0),
    ("DCGM_FI_DEV_POWER_USAGE", Metric::Power, 1.0),
    ("DCGM_FI_DEV_GPU_UTIL", Metric::Util, 1.0),
    ("DCGM_FI_DEV_MEMORY_TEMP", Metric::MemTemp, 1.0),
    ("DCGM_FI_DEV_FB_USED", Metric::MemUsed, 1.0),
];

#[test]
fn a_whole_gb200_tray_reads_as_awk_reads_it() {
    let Some(path) = sample("samples/dcgm-exporter_gb200_driver580.105_full.prom") else { return };
    let page = read(&path);
    assert_eq!((page.host.gpus.len(), page.tally.bad, page.repeated), (4, 0, 0));
    let more = [("DCGM_FI_DEV_SM_CLOCK", Metric::SmClock, 1.0), ("DCGM_FI_DEV_XID_ERRORS", Metric::Xid, 1.0)];
    for check in DCGM.into_iter().chain(more) {
        compare(&path, &page, check);
    }
    assert_eq!(page.host.gpus.iter().map(|g| g.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(page.host.gpus.iter().all(|g| g.get(Metric::Activity).is_none()), "it has no profiling fields");
    let facts = page.host.gpus[0].facts.as_deref().expect("a first page");
    assert_eq!(
        (&*facts.model, &*facts.pci, &*facts.driver),
        ("NVIDIA GB200", "00000008:06:00.0", "580.105.05")
    );
    assert_eq!(facts.memory_mib, 16 + 188_399 + 1055);
    assert_eq!(page.host.facts.label("hostname"), Some("lyris0073.lyris.clusters.nvidia.com"));
}

#[test]
fn an_h100_node_in_kubernetes_reads_as_awk_reads_it_and_knows_its_pod() {
    let Some(path) = sample("samples/dcgm-exporter_h100_driver580.105.08_k8s_excerpt.prom") else { return };
    let page = read(&path);
    assert_eq!((page.host.gpus.len(), page.repeated), (8, 0));
    for check in &DCGM[..3] {
        compare(&path, &page, *check);
    }
    let holders: Vec<_> =
        page.host.gpus.iter().filter_map(|g| g.facts.as_deref()).map(|f| (&*f.job, &*f.tenant)).collect();
    assert_eq!(holders[0], ("vllm-agg-0-vllmdecodeworker-s65j5", "dynamo-workload"));
    assert!(holders[1..].iter().all(|h| *h == ("", "")));
}

#[test]
fn a_leaked_blank_is_absent_and_blanks_after_commas_are_read() {
    let Some(path) = sample("samples/dcgm-exporter_old_sentinel_excerpt.prom") else { return };
    let page = read(&path);
    assert_eq!(page.host.gpus.len(), 1);
    compare(&path, &page, ("DCGM_FI_DEV_SM_CLOCK", Metric::SmClock, 1.0));
    assert_eq!(by_awk(&path, "DCGM_FI_DEV_MEMORY_TEMP").len(), 1, "the file does hold the blank");
    assert_eq!(page.host.gpus[0].get(Metric::MemTemp), None);
    assert!(page.tally.bad > 0, "the prose around the excerpt is no exposition text");
}

#[test]
fn nvidia_gpu_exporter_reads_as_awk_reads_it() {
    for load in ["idle", "load"] {
        let name = format!(
            "samples/nvidia_gpu_exporter__linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01__{load}.prom"
        );
        let Some(path) = sample(&name) else { return };
        let page = read(&path);
        assert_eq!((page.host.gpus.len(), page.tally.bad, page.repeated), (1, 0, 0));
        for check in [
            ("nvidia_smi_utilization_gpu_ratio", Metric::Util, 100.0),
            ("nvidia_smi_power_draw_watts", Metric::Power, 1.0),
            ("nvidia_smi_temperature_gpu", Metric::Temp, 1.0),
            ("nvidia_smi_temperature_memory", Metric::MemTemp, 1.0),
            ("nvidia_smi_temperature_gpu_tlimit", Metric::Margin, 1.0),
            ("nvidia_smi_clocks_current_sm_clock_hz", Metric::SmClock, 1e-6),
            ("nvidia_smi_memory_used_bytes", Metric::MemUsed, 1.0 / 1_048_576.0),
            ("nvidia_smi_clocks_event_reasons_active", Metric::ClockEvents, 1.0),
        ] {
            compare(&path, &page, check);
        }
        let facts = page.host.gpus[0].facts.as_deref().expect("a first page");
        assert_eq!(
            (&*facts.model, &*facts.pci, facts.memory_mib),
            ("NVIDIA H100 80GB HBM3", "00000000:00:09.0", 81_559)
        );
    }
}

#[test]
fn the_pages_with_either_spelling_of_hostname_agree() {
    let (Some(old), Some(new)) =
        (sample("api/dcgm_metrics_page_2gpus.txt"), sample("api/dcgm_metrics_k8s_lower_hostname.txt"))
    else {
        return;
    };
    let (old_page, new_page) = (read(&old), read(&new));
    for check in DCGM {
        compare(&old, &old_page, check);
    }
    compare(&new, &new_page, ("DCGM_FI_DEV_GPU_UTIL", Metric::Util, 1.0));
    for page in [&old_page, &new_page] {
        assert_eq!((page.host.gpus.len(), page.tally.bad), (2, 0));
        assert_eq!(page.host.facts.label("hostname"), Some("kvd-h01-r000-n00"));
    }
    let holder = new_page.host.gpus[0].facts.as_deref().map(|f| (&*f.job, &*f.tenant));
    assert_eq!(holder, Some(("llm-pretrain-worker-0", "team-a")));
}

/// The number that an awk program prints.
fn awk_number(path: &PathBuf, program: &str) -> f64 {
    let output = Command::new("awk").arg(program).arg(path).output().expect("awk is installed");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("one number")
}

#[test]
fn node_exporter_reads_as_awk_reads_it() {
    let Some(path) = sample("api/node_exporter_20.txt") else { return };
    let page = read(&path);
    assert_eq!((page.host.gpus.len(), page.tally.bad), (0, 0));
    let node = page.host.node;
    assert!((f64::from(node.load1) - awk_number(&path, "$1 == \"node_load1\" { print $2 }")).abs() < 1e-6);
    let boot = awk_number(&path, "$1 == \"node_boot_time_seconds\" { printf \"%.0f\", $2 }");
    assert!((node.boot_time - boot).abs() < 0.5);
    assert!(node.cpu.is_nan() && node.memory.is_nan(), "one page has no rate, and this one no total");
}

#[test]
fn cpu_share_and_ports_of_a_gb200_host_read_as_awk_reads_them() {
    let Some(path) = sample("samples/node-exporter_gb200-host.prom") else { return };
    let body = std::fs::read_to_string(&path).expect("a readable sample");
    let mut memo = Memo::new("n:9100", &[]);
    let first = memo.read(body.as_bytes(), Timestamp(0));
    assert_eq!(first.tally.bad, 0);
    let active = awk_number(&path, "/^node_infiniband_state_id\\{/ && $NF == 4 { n++ } END { print n + 0 }");
    let all = awk_number(&path, "/^node_infiniband_state_id\\{/ { n++ } END { print n + 0 }");
    assert_eq!(first.host.node.ib_ports, (active as u16, all as u16));
    assert!(all > 0.0);
    // An hour in which every CPU was idle for 2,700 seconds and busy for 900.
    let later: String = body
        .lines()
        .map(|line| {
            let added = match () {
                () if !line.starts_with("node_cpu_seconds_total{") => return format!("{line}\n"),
                () if line.contains("mode=\"idle\"") => 2700.0,
                () if line.contains("mode=\"user\"") => 900.0,
                () => 0.0,
            };
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            format!("{series} {:.2}\n", value.parse::<f64>().expect("a number") + added)
        })
        .collect();
    let second = memo.read(later.as_bytes(), Timestamp(0));
    assert!((second.host.node.cpu - 25.0).abs() < 0.01, "{}", second.host.node.cpu);
}

#[test]
fn every_recorded_page_is_read() {
    let Some(folder) = sample("samples") else { return };
    let pages = std::fs::read_dir(folder).expect("a readable folder").filter_map(Result::ok);
    let pages: Vec<_> =
        pages.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "prom")).collect();
    assert!(!pages.is_empty());
    for path in pages {
        let page = read(&path);
        assert!(page.tally.samples > 0, "{}: {:?}", path.display(), page.tally);
    }
}
