//! Who a console is to the other consoles of the machine.

use std::hash::{BuildHasher, RandomState};

/// A process that may hold the lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Name for people: `kari, pid 4711`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// The boot and process namespace in which the id means this process; empty where unknown.
    pub kernel: String,
    /// Its own for ever: a process id comes back, this does not.
    pub token: String,
}

impl Holder {
    /// This process, on behalf of `operator`.
    #[must_use]
    pub fn here(operator: &str) -> Self {
        let pid = std::process::id();
        let random = |salt: u32| RandomState::new().hash_one((salt, pid));
        Self {
            name: format!("{operator}, pid {pid}"),
            pid,
            kernel: kernel(),
            token: format!("{:016x}{:016x}", random(1), random(2)),
        }
    }

    /// True when the process of `pid` on `kernel` is known to be gone: it ran under the same kernel
    /// and namespace as this one, and nobody has its number.
    pub(super) fn sees_dead(&self, pid: i64, kernel: &str) -> bool {
        if self.kernel.is_empty() || self.kernel != kernel {
            return false;
        }
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|p| rustix::process::test_kill_process(p) == Err(rustix::io::Errno::SRCH))
    }
}

/// The boot and the process namespace, so that process ids of a container, of another machine or
/// of the last boot are not compared with ours.
fn kernel() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match (boot.trim(), space.to_string_lossy()) {
        ("", _) => String::new(),
        (_, space) if space.is_empty() => String::new(),
        (boot, space) => format!("{boot} {space}"),
    }
}
