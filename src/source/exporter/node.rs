//! The machine under the names of node_exporter. What the kernel counts is read from `/proc` and
//! `/sys`, the rest from the library that knows each operating system; where neither has a value
//! it is left out.

use std::fs;
use std::io::Read;
use std::path::Path;

use sysinfo::{MemoryRefreshKind, System};

use crate::model::text;

/// The modes of `/proc/stat` in its order.
pub const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
/// Most processors, lines of memory and InfiniBand ports that are read.
const MAX_CPUS: usize = 4096;
const MAX_MEMORY: usize = 256;
const MAX_PORTS: usize = 128;
/// Largest file of the kernel that is read, bytes.
const MAX_FILE: u64 = 4 << 20;

/// What the machine says of itself at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeSheet {
    /// Seconds in each of [`MODES`], for each processor with its number.
    pub cpus: Vec<(u32, [f64; 8])>,
    /// Memory by the kernel's name, bytes (a count where the name ends in `Total` of huge pages).
    pub memory: Vec<(String, f64)>,
    /// Load average of 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Start of the machine, seconds since the epoch.
    pub boot_time: Option<f64>,
    /// Name, release, version, architecture, host name and domain, as `uname` tells them.
    pub uname: Option<[String; 6]>,
    /// State of each InfiniBand port, by device and port; 4 is active.
    pub ports: Vec<(String, String, u32)>,
}

/// Reads the machine below `root` (`/`, except in tests).
#[must_use]
pub fn read(root: &Path) -> NodeSheet {
    let stat = file(&root.join("proc/stat")).unwrap_or_default();
    let mut memory = file(&root.join("proc/meminfo")).map(|t| memory(&t)).unwrap_or_default();
    if memory.is_empty() {
        memory = by_library();
    }
    let load = System::load_average().ok().map(|l| [l.one, l.five, l.fifteen]);
    NodeSheet {
        cpus: cpus(&stat, ticks_per_second()),
        memory,
        load,
        boot_time: System::boot_time().ok().map(|s| s as f64).filter(|s| *s > 0.0),
        uname: Some(uname()),
        ports: ports(&root.join("sys/class/infiniband")),
    }
}

fn file(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(MAX_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}

fn ticks_per_second() -> f64 {
    let ticks = rustix::param::clock_ticks_per_second();
    if ticks == 0 { 100.0 } else { ticks as f64 }
}

/// The lines `cpu0 …` of `/proc/stat`; the guest times are part of user and nice there.
fn cpus(stat: &str, ticks: f64) -> Vec<(u32, [f64; 8])> {
    let line = |line: &str| {
        let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
        let number: u32 = words.next()?.parse().ok()?;
        let mut seconds = [0.0; 8];
        for (slot, word) in seconds.iter_mut().zip(words) {
            *slot = word.parse::<u64>().ok()? as f64 / ticks;
        }
        Some((number, seconds))
    };
    // "cpu " with the sum of all has no number, so its first word is a count of ticks: it is the
    // only one that begins with a blank.
    stat.lines().filter(|l| !l.starts_with("cpu ")).filter_map(line).take(MAX_CPUS).collect()
}

/// `/proc/meminfo` under node_exporter's names: `Active(anon): 5 kB` is `Active_anon_bytes`.
fn memory(info: &str) -> Vec<(String, f64)> {
    let line = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let mut words = rest.split_ascii_whitespace();
        let value: u64 = words.next()?.parse().ok()?;
        let name = name.trim().replace('(', "_").replace(')', "");
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if name.is_empty() || !is_plain {
            return None;
        }
        match words.next() {
            Some("kB") => Some((format!("{name}_bytes"), value as f64 * 1024.0)),
            Some(_) => None,
            None => Some((name, value as f64)),
        }
    };
    info.lines().filter_map(line).take(MAX_MEMORY).collect()
}

fn by_library() -> Vec<(String, f64)> {
    let Ok(mut system) = System::new() else { return Vec::new() };
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram().with_swap());
    let values = [
        ("MemTotal_bytes", system.total_memory()),
        ("MemFree_bytes", system.free_memory()),
        ("MemAvailable_bytes", system.available_memory()),
        ("SwapTotal_bytes", system.total_swap()),
        ("SwapFree_bytes", system.free_swap()),
    ];
    if system.total_memory() == 0 {
        return Vec::new();
    }
    values.map(|(name, value)| (name.to_owned(), value as f64)).to_vec()
}

fn uname() -> [String; 6] {
    let name = rustix::system::uname();
    let word = |w: &std::ffi::CStr| text::clean(&w.to_string_lossy());
    let domain = word(name.domainname());
    [
        word(name.sysname()),
        word(name.release()),
        word(name.version()),
        word(name.machine()),
        word(name.nodename()),
        domain,
    ]
}

/// `<device>/ports/<port>/state`, which reads `4: ACTIVE`.
fn ports(class: &Path) -> Vec<(String, String, u32)> {
    let names = |path: &Path| -> Vec<String> {
        let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
        let names = entries.flatten().take(MAX_PORTS).map(|e| e.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let mut found = Vec::new();
    for device in names(class) {
        let folder = class.join(&device).join("ports");
        for port in names(&folder) {
            let state = file(&folder.join(&port).join("state")).unwrap_or_default();
            let number = state.split(':').next().and_then(|n| n.trim().parse().ok());
            if let Some(number) = number.filter(|_| found.len() < MAX_PORTS) {
                found.push((text::clean(&device), text::clean(&port), number));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_in_seconds_and_their_sum_is_left_out() {
        let stat =
            "cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 100 0 250 1000 5 0 1 2 9 9\ncpu11 1 2 3 4\nintr 5\n";
        let cpus = cpus(stat, 100.0);
        assert_eq!(cpus.len(), 2);
        assert_eq!(cpus[0], (0, [1.0, 0.0, 2.5, 10.0, 0.05, 0.0, 0.01, 0.02]));
        assert_eq!(cpus[1].0, 11);
        assert_eq!(self::cpus("cpu0 x y\ncpuz 1\n", 100.0), []);
    }

    #[test]
    fn memory_has_the_names_of_node_exporter() {
        let info =
            "MemTotal:  10 kB\nActive(anon):  5 kB\nHugePages_Total: 3\nbad line\nX y: 1 kB\nOdd: 1 MB\n";
        let expected = [("MemTotal_bytes", 10240.0), ("Active_anon_bytes", 5120.0), ("HugePages_Total", 3.0)];
        assert_eq!(memory(info), expected.map(|(n, v)| (n.to_owned(), v)));
    }

    #[test]
    fn ports_are_read_below_the_folder_of_their_class() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (device, state) in [("mlx5_0", "4: ACTIVE\n"), ("mlx5_1", "1: DOWN\n"), ("mlx5_2", "?\n")] {
            let port = dir.path().join(device).join("ports/1");
            fs::create_dir_all(&port).expect("folders");
            fs::write(port.join("state"), state).expect("a file");
        }
        let one = |device: &str, state| (device.to_owned(), "1".to_owned(), state);
        assert_eq!(ports(dir.path()), [one("mlx5_0", 4), one("mlx5_1", 1)]);
        assert_eq!(ports(&dir.path().join("absent")), []);
    }

    #[test]
    fn this_machine_has_memory_a_name_and_a_start() {
        let sheet = read(Path::new("/"));
        let memory = |name: &str| sheet.memory.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
        assert!(memory("MemTotal_bytes") > memory("MemAvailable_bytes"), "{:?}", sheet.memory);
        assert!(sheet.boot_time.is_some_and(|t| t > 1e9) && sheet.load.is_some());
        assert!(sheet.uname.is_some_and(|u| !u[0].is_empty() && !u[4].is_empty()));
    }

    #[test]
    fn a_machine_without_kernel_files_still_has_memory_from_the_library() {
        let sheet = read(Path::new("/nonexistent"));
        assert!(sheet.cpus.is_empty() && sheet.ports.is_empty());
        assert!(sheet.memory.iter().any(|(n, v)| n == "MemTotal_bytes" && *v > 0.0), "{:?}", sheet.memory);
    }
}
