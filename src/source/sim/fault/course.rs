//! Courses of faults: what happens first, what follows, and how it ends.
//!
//! A course is a list of steps. Each waits a while, drawn from its range, and then does one thing.
//! Codes and actions follow NVIDIA's XID catalogue; times of repair are chosen.

/// One thing that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// The driver logs this XID for the GPU.
    Xid(u16),
    /// The driver asks for this recovery action (values of `Metric::Recovery`) and logs XID 154.
    Recovery(u8),
    /// The job on the GPU comes down.
    Strike,
    /// The GPU works on, below what it should.
    Degrade,
    /// The GPU is as it should be again; its last XID stays.
    Clear,
    /// The GPU can no longer work.
    Sicken,
    /// Its NVLink fabric is unhealthy.
    Unlink,
    /// The GPU falls off the bus: its values are gone.
    Lose,
    /// The GPU is reset: it works again, and nothing is asked for. The XID stays.
    Reset,
    /// The GPU shall not come back before it has been replaced.
    Condemn,
    /// The GPU runs hotter than its peers.
    Heat,
    /// The tray goes down to reboot: all its GPUs are gone.
    Down,
    /// The tray is taken out of use.
    Drain,
    /// The tray stops answering.
    Silence,
    /// The tray is back with its driver loaded anew: no XID, nothing asked for.
    Up,
    /// All trays of the rack stop answering.
    SilenceRack,
    /// They answer again.
    SpeakRack,
    /// One power shelf of the rack fails; a tray of a rack without shelves loses its power.
    ShelfFail,
    /// It is replaced.
    ShelfBack,
}

/// A step of a course.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Shortest and longest wait before it, s. One wait in ten of more than five minutes is four
    /// times as long.
    pub wait: (u32, u32),
    /// What it does.
    pub act: Act,
}

const HOUR: u32 = 3600;

const fn now(act: Act) -> Step {
    Step { wait: (0, 0), act }
}

const fn after(low: u32, high: u32, act: Act) -> Step {
    Step { wait: (low, high), act }
}

/// Off the bus until a reboot of the tray. The driver has no more to say of a GPU that is gone, so
/// 79 stays its last XID.
pub const FELL_OFF: &[Step] = &[
    now(Act::Strike),
    now(Act::Xid(79)),
    now(Act::Lose),
    after(300, 1500, Act::Down),
    after(240, 480, Act::Up),
];

/// What follows when a GPU that is condemned would come back: the tray waits for a new one.
pub const REPLACEMENT: &[Step] = &[now(Act::Drain), after(4 * HOUR, 72 * HOUR, Act::Up)];

/// A GPU that is unhealthy with this XID until it is reset.
const fn reset(code: u16) -> [Step; 5] {
    [
        now(Act::Strike),
        now(Act::Xid(code)),
        now(Act::Sicken),
        after(1, 4, Act::Recovery(1)),
        after(300, 1800, Act::Reset),
    ]
}

/// A GPU that is unhealthy with this XID until its tray has been rebooted.
const fn reboot(code: u16) -> [Step; 6] {
    [
        now(Act::Strike),
        now(Act::Xid(code)),
        now(Act::Sicken),
        after(1, 4, Act::Recovery(2)),
        after(300, 1500, Act::Down),
        after(240, 480, Act::Up),
    ]
}

/// An NVLink that fails for good: drain and reset.
const fn link(code: u16) -> [Step; 6] {
    [
        now(Act::Strike),
        now(Act::Xid(code)),
        now(Act::Sicken),
        now(Act::Unlink),
        after(1, 3, Act::Recovery(4)),
        after(600, 2400, Act::Reset),
    ]
}

/// An error of an application: counted, and nothing else.
const fn app(code: u16) -> [Step; 1] {
    [now(Act::Xid(code))]
}

/// A job that comes down by its own fault, with this XID.
const fn bug(code: u16) -> [Step; 2] {
    [now(Act::Strike), now(Act::Xid(code))]
}

/// Context switch timeout.
pub const HUNG_109: &[Step] = &reset(109);
/// PMU halt.
pub const HUNG_62: &[Step] = &reset(62);
/// Fatal timeout.
pub const HUNG_158: &[Step] = &reset(158);
/// GSP RPC timeout.
pub const GSP_119: &[Step] = &reset(119);
/// GSP error.
pub const GSP_120: &[Step] = &reset(120);
/// Unrecovered ECC error.
pub const SRAM_140: &[Step] = &reset(140);
/// Link training failed.
pub const TRAINING_136: &[Step] = &reboot(136);
/// GPU initialization error.
pub const INIT_143: &[Step] = &reboot(143);
/// PCIe fatal timeout.
pub const PCIE_167: &[Step] = &reboot(167);
/// NVLink5: NETIR, fatal.
pub const LINK_149: &[Step] = &link(149);
/// NVLink5: RLW, fatal.
pub const LINK_145: &[Step] = &link(145);
/// NVLink up to the fourth.
pub const LINK_74: &[Step] = &link(74);
/// Memory page fault.
pub const APP_31: &[Step] = &app(31);
/// Graphics engine exception.
pub const APP_13: &[Step] = &app(13);
/// GPU stopped processing.
pub const APP_43: &[Step] = &app(43);
/// Preemptive cleanup.
pub const APP_45: &[Step] = &app(45);
/// Graphics engine class error.
pub const APP_69: &[Step] = &app(69);
/// Software, without a trace on the GPUs.
pub const JOB_DOWN: &[Step] = &[now(Act::Strike)];
/// Software, by a page fault.
pub const JOB_DOWN_31: &[Step] = &bug(31);
/// Software, by an exception.
pub const JOB_DOWN_13: &[Step] = &bug(13);
/// Software, by a verification error.
pub const JOB_DOWN_43: &[Step] = &bug(43);

/// Contained memory error: the application is stopped, the row is remapped by the next reset, and
/// until then the GPU works with the row out of use.
pub const CONTAINED: &[Step] = &[
    now(Act::Strike),
    now(Act::Xid(94)),
    now(Act::Degrade),
    after(1, 2, Act::Xid(63)),
    after(HOUR, 6 * HOUR, Act::Reset),
];

/// Double-bit error in memory (48, with 171 as its detail), remapped by a reset.
pub const DOUBLE_BIT: &[Step] = &[
    now(Act::Strike),
    now(Act::Xid(48)),
    now(Act::Sicken),
    after(1, 1, Act::Xid(171)),
    after(1, 2, Act::Xid(63)),
    after(1, 3, Act::Recovery(1)),
    after(300, 1800, Act::Reset),
];

/// The same, and what it broke could not be contained.
pub const UNCONTAINED: &[Step] = &[
    now(Act::Strike),
    now(Act::Xid(48)),
    now(Act::Sicken),
    after(1, 1, Act::Xid(95)),
    after(1, 3, Act::Recovery(1)),
    after(300, 1800, Act::Reset),
];

/// The same, and no spare row was left: the GPU has to be replaced.
pub const REMAP_FAILED: &[Step] = &[
    now(Act::Strike),
    now(Act::Xid(48)),
    now(Act::Sicken),
    after(1, 2, Act::Xid(64)),
    now(Act::Condemn),
    after(1, 3, Act::Recovery(4)),
    after(600, 3600, Act::Up),
];

/// Uncorrectable error in on-chip memory (48, with 172 as its detail).
pub const SRAM_172: &[Step] = &[
    now(Act::Strike),
    now(Act::Xid(48)),
    now(Act::Sicken),
    after(1, 1, Act::Xid(172)),
    after(1, 3, Act::Recovery(1)),
    after(300, 1800, Act::Reset),
];

/// A cable or a port: the tray is out of use while someone cleans or replaces it.
pub const CABLE: &[Step] = &[now(Act::Strike), now(Act::Drain), after(1200, 5400, Act::Up)];

/// A leaf switch restarts: the rack is not to be heard.
pub const LEAF_SWITCH: &[Step] = &[now(Act::Strike), now(Act::SilenceRack), after(120, 480, Act::SpeakRack)];

/// Drained, then switched off.
pub const MAINTENANCE: &[Step] =
    &[now(Act::Strike), now(Act::Drain), after(120, 300, Act::Silence), after(HOUR / 2, 4 * HOUR, Act::Up)];

/// Drained, switched off and repaired.
pub const HOST_REPAIR: &[Step] =
    &[now(Act::Strike), now(Act::Drain), after(120, 900, Act::Silence), after(2 * HOUR, 24 * HOUR, Act::Up)];

/// The host is gone at once, and back after a restart.
pub const HOST_CRASH: &[Step] = &[now(Act::Strike), now(Act::Silence), after(300, 900, Act::Up)];

/// Wrong results: found by the job's own checks, then by tests, and replaced.
pub const CORRUPTION: &[Step] = &[now(Act::Strike), now(Act::Condemn), after(600, 3600, Act::Up)];

/// The thermal interface has aged: the GPU runs hot until someone renews it.
pub const INTERFACE: &[Step] = &[
    now(Act::Heat),
    after(1, 1, Act::Strike),
    after(HOUR, 8 * HOUR, Act::Drain),
    after(120, 300, Act::Silence),
    after(2 * HOUR, 12 * HOUR, Act::Up),
];

/// A sensor reads nonsense: protection takes the tray out.
pub const SENSOR: &[Step] =
    &[now(Act::Strike), now(Act::Sicken), after(60, 600, Act::Drain), after(HOUR, 8 * HOUR, Act::Up)];

/// A power shelf.
pub const SUPPLY: &[Step] = &[now(Act::ShelfFail), after(2 * HOUR, 24 * HOUR, Act::ShelfBack)];

/// A row is remapped without a job coming down; a reset makes it so.
pub const REMAP: &[Step] =
    &[now(Act::Xid(63)), after(1, 3, Act::Recovery(1)), after(HOUR, 12 * HOUR, Act::Reset)];

/// Many corrected errors.
pub const CORRECTED: &[Step] = &[now(Act::Xid(92))];

/// A link retrains and carries on.
pub const LINK_EVENT: &[Step] = &[now(Act::Xid(149)), now(Act::Degrade), after(600, 2400, Act::Clear)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::xid;
    use crate::source::sim::fault::table::TABLE;

    fn courses() -> impl Iterator<Item = &'static [Step]> {
        TABLE.iter().flat_map(|r| r.modes).map(|m| m.steps).chain([REPLACEMENT])
    }

    #[test]
    fn every_course_ends_what_it_begins() {
        for steps in courses() {
            let has = |f: fn(&Act) -> bool| steps.iter().any(|s| f(&s.act));
            let last = steps.last().expect("a course has steps").act;
            let bad = |a: &Act| {
                matches!(a, Act::Sicken | Act::Lose | Act::Down | Act::Drain | Act::Silence | Act::Heat)
            };
            if has(bad) || has(|a| matches!(a, Act::Degrade | Act::Condemn | Act::Recovery(_))) {
                assert!(matches!(last, Act::Up | Act::Reset | Act::Clear), "{steps:?}");
            }
            assert_eq!(has(|a| *a == Act::SilenceRack), last == Act::SpeakRack, "{steps:?}");
            assert_eq!(has(|a| *a == Act::ShelfFail), last == Act::ShelfBack, "{steps:?}");
        }
    }

    #[test]
    fn a_tray_that_was_taken_down_comes_back_as_a_whole() {
        for steps in courses() {
            let whole = |a: &Act| matches!(a, Act::Down | Act::Drain | Act::Silence);
            if steps.iter().any(|s| whole(&s.act)) {
                assert_eq!(steps.last().map(|s| s.act), Some(Act::Up), "{steps:?}");
            }
        }
    }

    #[test]
    fn waits_are_ranges_and_codes_are_known() {
        for step in courses().flatten() {
            assert!(step.wait.0 <= step.wait.1, "{step:?}");
            if let Act::Xid(code) = step.act {
                assert!(xid::lookup(code).is_some(), "{code}");
            }
            if let Act::Recovery(action) = step.act {
                assert!((1..=4).contains(&action));
            }
        }
    }
}
