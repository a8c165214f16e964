//! `hallwatch exporter` from outside: the page read by our own scanner, by Prometheus' tool where it
//! is installed, and by a console that watches this machine through it. GPUs come from a library
//! that answers as NVIDIA's would.

#[allow(dead_code, reason = "another test needs more of it")]
#[path = "live/program.rs"]
mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use hallwatch::model::{Metric, Timestamp};
use hallwatch::source::scrape::page::Memo;
use program::{Home, project};
use rustix::process::{Pid, Signal, kill_process};

/// The exporter in the background; it ends with the test.
struct Exporter {
    child: Child,
    url: String,
}

impl Exporter {
    fn start(library: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallwatch"));
        command.args(["exporter", "--listen", "127.0.0.1:0", "--nvml", library]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut url).expect("it says its address");
        Self { child, url: url.trim().to_owned() }
    }

    fn page(&self) -> String {
        let address = self.url.trim_start_matches("http://").trim_end_matches("/metrics");
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        body.to_owned()
    }

    /// Asks it to end; its exit code and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("it is running");
        kill_process(id, Signal::TERM).expect("it is ours");
        let code = self.child.wait().expect("it ends").code();
        let mut said = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        (code, said)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the library of two made-up GPUs.
fn library(home: &Home) -> String {
    let path: PathBuf = home.path("libnvidia-ml.so");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-Wall", "-Werror", "-Wno-stringop-truncation", "-o"]).arg(&path);
    let output =
        command.arg(project("tests/exporter/nvml.c")).output().expect("a C compiler builds the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path.display().to_string()
}

/// The value of the line that begins with `name{gpu="N"`, as it is written.
fn of_gpu<'a>(page: &'a str, name: &str, gpu: u32) -> Option<&'a str> {
    let start = format!("{name}{{gpu=\"{gpu}\"");
    page.lines().find(|l| l.starts_with(&start))?.rsplit(' ').next()
}

#[test]
fn what_nvml_says_is_on_the_page_in_the_units_of_dcgm_exporter() {
    let home = Home::new();
    let exporter = Exporter::start(&library(&home));
    let page = exporter.page();
    for (name, first, second) in [
        ("DCGM_FI_DEV_GPU_UTIL", Some("97"), Some("0")),
        ("DCGM_FI_DEV_POWER_USAGE", Some("68.570000"), Some("68.571000")),
        ("DCGM_FI_DEV_POWER_USAGE_INSTANT", Some("70.001000"), Some("70.001000")),
        ("DCGM_FI_DEV_GPU_TEMP", Some("52"), Some("53")),
        ("DCGM_FI_DEV_MEMORY_TEMP", Some("61"), None),
        ("DCGM_FI_DEV_GPU_TEMP_LIMIT", Some("-3"), None),
        ("DCGM_FI_DEV_FB_TOTAL", Some("81559"), Some("81559")),
        ("DCGM_FI_DEV_FB_USED", Some("1000"), Some("1000")),
        ("DCGM_FI_DEV_FB_FREE", Some("80078"), Some("80078")),
        ("DCGM_FI_DEV_FB_RESERVED", Some("480"), Some("480")),
        ("DCGM_FI_DEV_SM_CLOCK", Some("1980"), Some("1980")),
        ("DCGM_FI_DEV_MEM_CLOCK", Some("2619"), Some("2619")),
        ("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", Some("36"), Some("36")),
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Some("123456789012"), Some("123456789012")),
        ("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", Some("11"), None),
        ("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", Some("2"), Some("2")),
        ("DCGM_FI_DEV_ROW_REMAP_FAILURE", Some("0"), Some("0")),
        ("DCGM_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", Some("7015662857000"), Some("7015662857000")),
        ("DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS", Some("42"), Some("42")),
        ("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", None, None),
        ("DCGM_FI_DEV_ENC_UTIL", None, None),
    ] {
        assert_eq!((of_gpu(&page, name, 0), of_gpu(&page, name, 1)), (first, second), "{name}");
    }
    let labels = r#"{gpu="1",UUID="GPU-22222222-0000-0000-0000-000000000000",pci_bus_id="00000000:64:00.0",device="nvidia1",modelName="NVIDIA H100 \"80GB\"",Hostname="#;
    assert!(page.contains(labels) && page.contains(r#",DCGM_FI_DRIVER_VERSION="580.105.08"}"#), "{page}");
    assert!(!page.contains("XID"), "polling cannot know them");
    assert_eq!(exporter.end(), (Some(0), String::new()));
}

#[test]
fn our_own_scanner_reads_back_what_was_served() {
    let home = Home::new();
    let exporter = Exporter::start(&library(&home));
    let page = exporter.page();
    let read = Memo::new("here:9400", &[]).read(page.as_bytes(), Timestamp(0));
    assert_eq!((read.tally.bad, read.repeated, read.tally.truncated), (0, 0, false));
    assert_eq!(read.host.gpus.len(), 2);
    let value = |gpu: usize, metric| read.host.gpus[gpu].get(metric);
    assert_eq!((value(0, Metric::Util), value(1, Metric::Util)), (Some(97.0), Some(0.0)));
    assert_eq!((value(0, Metric::MemTemp), value(1, Metric::MemTemp)), (Some(61.0), None));
    assert_eq!((value(0, Metric::Margin), value(1, Metric::Margin)), (Some(-3.0), None));
    assert_eq!(value(0, Metric::MemUsed), Some(1000.0));
    assert!(value(1, Metric::Power).is_some_and(|w| (w - 68.571).abs() < 0.01));
    assert!(read.host.node.memory > 0.0 && read.host.node.load1 >= 0.0 && read.host.node.boot_time > 1e9);
}

#[test]
fn a_console_watches_this_machine_through_its_exporter() {
    let home = Home::new();
    let exporter = Exporter::start(&library(&home));
    let site = home.run(&["snapshot", "--scrape", &exporter.url, "--format", "json"]).json();
    assert_eq!(site["site"]["gpus"]["good"], 2, "{site}");
    assert_eq!(site["site"]["metrics"]["util"]["max"], 97.0);
    assert_eq!(site["site"]["metrics"]["temp"]["min"], 52.0);
}

#[test]
fn without_nvml_the_machine_is_served_and_the_absence_is_said_once() {
    let home = Home::new();
    let exporter = Exporter::start("/nonexistent/libnvidia-ml.so");
    for _ in 0..3 {
        let page = exporter.page();
        assert!(page.contains("\nhallwatch_exporter_nvml_up 0\n") && !page.contains("DCGM_"), "{page}");
    }
    let sources = home.run(&["snapshot", "--scrape", &exporter.url, "--format", "json"]).json();
    assert_eq!(sources["site"]["gpus"]["total"], 0);
    let (code, said) = exporter.end();
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}");
    assert!(said.contains("NVML") && said.contains("/nonexistent/libnvidia-ml.so"), "{said}");
}

#[test]
fn prometheus_own_tool_reads_the_page_too() {
    let home = Home::new();
    let page = Exporter::start(&library(&home)).page();
    let mut tool = Command::new("promtool");
    let piped =
        tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let Ok(mut tool) = piped.spawn() else {
        println!("skipped: promtool is not installed");
        return;
    };
    tool.stdin.take().expect("piped").write_all(page.as_bytes()).expect("it reads");
    let output = tool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // 0: perfect, 3: readable, with advice on names (which are dcgm-exporter's, not ours to choose).
    assert!(matches!(output.status.code(), Some(0 | 3)), "{:?}: {said}", output.status);
    for complaint in said.lines() {
        let about_names = ["_total", "base unit", "abbreviated", "camelCase", "metric type", "non-histogram"];
        assert!(about_names.iter().any(|a| complaint.contains(a)), "{complaint}");
    }
}
