//! Health of a GPU and the reasons why its clocks are held down.

/// Health class of one GPU, worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Health {
    /// Nothing wrong is known.
    Ok = 0,
    /// Taken out of use on purpose.
    Maintenance = 1,
    /// Works below its capability: a fault clock-event bit is set, or its margin is used up.
    Degraded = 2,
    /// Reports a fault that needs an action (fatal XID, failed row remap).
    Unhealthy = 3,
    /// No longer on the bus or no longer reported.
    Lost = 4,
}

impl Health {
    /// All classes, best first.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Maintenance, Self::Degraded, Self::Unhealthy, Self::Lost];

    /// The class stored as `raw`.
    #[must_use]
    pub const fn from_raw(raw: u16) -> Option<Self> {
        Some(match raw {
            0 => Self::Ok,
            1 => Self::Maintenance,
            2 => Self::Degraded,
            3 => Self::Unhealthy,
            4 => Self::Lost,
            _ => return None,
        })
    }

    /// Word shown to the operator.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Maintenance => "maintenance",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Lost => "lost",
        }
    }
}

/// DCGM clock-event reasons (field 112), a bit mask. Source: DCGM `dcgm_fields.h`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ClockEvents(pub u16);

impl ClockEvents {
    /// Nothing to do: normal on an idle GPU.
    pub const IDLE: u16 = 0x1;
    /// Application clocks setting.
    pub const APP_CLOCKS: u16 = 0x2;
    /// Software power cap: normal under load.
    pub const SW_POWER_CAP: u16 = 0x4;
    /// Hardware slowdown.
    pub const HW_SLOWDOWN: u16 = 0x8;
    /// Sync boost group.
    pub const SYNC_BOOST: u16 = 0x10;
    /// Software thermal slowdown.
    pub const SW_THERMAL: u16 = 0x20;
    /// Hardware thermal slowdown: clocks halved or worse.
    pub const HW_THERMAL: u16 = 0x40;
    /// External power brake.
    pub const POWER_BRAKE: u16 = 0x80;
    /// Display clocks.
    pub const DISPLAY: u16 = 0x100;
    /// The bits that mean a fault; all others occur in normal operation.
    pub const FAULTS: u16 = Self::HW_SLOWDOWN | Self::SW_THERMAL | Self::HW_THERMAL | Self::POWER_BRAKE;

    const NAMES: [(u16, &'static str); 9] = [
        (Self::HW_THERMAL, "HW thermal"),
        (Self::POWER_BRAKE, "power brake"),
        (Self::HW_SLOWDOWN, "HW slowdown"),
        (Self::SW_THERMAL, "SW thermal"),
        (Self::SW_POWER_CAP, "SW power cap"),
        (Self::IDLE, "idle"),
        (Self::APP_CLOCKS, "app clocks"),
        (Self::SYNC_BOOST, "sync boost"),
        (Self::DISPLAY, "display"),
    ];

    /// True when a bit that means a fault is set.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        self.0 & Self::FAULTS != 0
    }

    /// Names of the bits that are set, faults first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_power_cap_are_no_faults() {
        assert!(!ClockEvents(ClockEvents::IDLE | ClockEvents::SW_POWER_CAP).is_fault());
        for bit in [0x8, 0x20, 0x40, 0x80] {
            assert!(ClockEvents(bit).is_fault(), "{bit:#x}");
        }
    }

    #[test]
    fn faults_are_named_first() {
        let names: Vec<_> = ClockEvents(0x44).names().collect();
        assert_eq!(names, ["HW thermal", "SW power cap"]);
    }

    #[test]
    fn health_round_trip() {
        for h in Health::ALL {
            assert_eq!(Health::from_raw(h as u16), Some(h));
        }
        assert_eq!(Health::from_raw(9), None);
    }
}
