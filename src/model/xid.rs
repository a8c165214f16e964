//! XID codes: what the NVIDIA driver says when a GPU fails, and how seriously to take it.
//!
//! Meanings and actions follow NVIDIA's XID catalogue (generated 2025-10-29); the class is the
//! console's own and decides health and, later, alarm priority.

/// How an operator should take an XID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Caused by an application: counted per job, never an alarm.
    Application,
    /// Worth knowing, no action now.
    Info,
    /// Degraded: act within the shift.
    Degraded,
    /// The GPU cannot be trusted until it is reset or replaced.
    Fatal,
}

/// One code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Xid {
    /// The number in the kernel log.
    pub code: u16,
    /// Short meaning.
    pub meaning: &'static str,
    /// The vendor's immediate action.
    pub action: &'static str,
    /// How seriously to take it.
    pub class: Class,
}

const fn x(code: u16, meaning: &'static str, action: &'static str, class: Class) -> Xid {
    Xid { code, meaning, action, class }
}

const TABLE: &[Xid] = &[
    x(13, "graphics engine exception", "restart app", Class::Application),
    x(31, "memory page fault", "restart app", Class::Application),
    x(32, "invalid push buffer", "restart app", Class::Application),
    x(43, "GPU stopped processing", "restart app", Class::Application),
    x(45, "preemptive channel cleanup", "follow the other XID", Class::Application),
    x(48, "double-bit ECC error", "drain, reset GPU", Class::Fatal),
    x(62, "PMU halt", "reset GPU", Class::Degraded),
    x(63, "row remap recorded", "ignore", Class::Info),
    x(64, "row remap failed", "reset GPU", Class::Fatal),
    x(69, "graphics engine class error", "restart app", Class::Application),
    x(74, "NVLink error", "check the link", Class::Fatal),
    x(79, "fell off the bus", "restart bare metal", Class::Fatal),
    x(92, "high single-bit ECC rate", "ignore", Class::Info),
    x(94, "contained ECC error", "restart app", Class::Degraded),
    x(95, "uncontained ECC error", "reset GPU", Class::Fatal),
    x(109, "context switch timeout", "reset GPU", Class::Degraded),
    x(119, "GSP RPC timeout", "reset GPU", Class::Fatal),
    x(120, "GSP error", "reset GPU", Class::Fatal),
    x(136, "link training failed", "reset GPU", Class::Degraded),
    x(140, "unrecovered ECC error", "reset GPU", Class::Fatal),
    x(143, "GPU initialization error", "reset GPU", Class::Degraded),
    x(144, "NVLink5 SAW error", "check the link", Class::Degraded),
    x(145, "NVLink5 RLW error", "check the link", Class::Degraded),
    x(146, "NVLink5 TLW error", "check the link", Class::Degraded),
    x(147, "NVLink5 TREX error", "check the link", Class::Degraded),
    x(148, "NVLink5 NVLPW error", "check the link", Class::Degraded),
    x(149, "NVLink5 NETIR error", "check the link", Class::Degraded),
    x(150, "NVLink5 MSE error", "check the link", Class::Degraded),
    x(154, "recovery action changed", "see the recovery field", Class::Info),
    x(158, "fatal timeout", "reset GPU", Class::Degraded),
    x(163, "power smoothing disengaged", "plan", Class::Info),
    x(164, "power smoothing lifetime low", "plan", Class::Info),
    x(165, "power smoothing lifetime used up", "plan", Class::Info),
    x(167, "PCIe fatal timeout", "reset GPU", Class::Degraded),
    x(171, "uncorrectable DRAM error", "see XID 48", Class::Fatal),
    x(172, "uncorrectable SRAM error", "see XID 48", Class::Fatal),
];

/// The entry of `code`; codes without one are treated as [`Class::Info`] by [`class`].
#[must_use]
pub fn lookup(code: u16) -> Option<&'static Xid> {
    TABLE.binary_search_by_key(&code, |x| x.code).ok().map(|i| &TABLE[i])
}

/// How seriously to take `code`. 0 (no XID) and unknown codes are information.
#[must_use]
pub fn class(code: u16) -> Class {
    lookup(code).map_or(Class::Info, |x| x.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_so_that_lookup_finds_every_code() {
        for x in TABLE {
            assert_eq!(lookup(x.code).map(|y| y.meaning), Some(x.meaning));
        }
    }

    #[test]
    fn application_errors_never_count_as_hardware() {
        for code in [13, 31, 32, 43, 45, 69] {
            assert_eq!(class(code), Class::Application);
        }
        assert_eq!(class(79), Class::Fatal);
        assert_eq!(class(0), Class::Info);
        assert_eq!(class(9999), Class::Info);
    }
}
