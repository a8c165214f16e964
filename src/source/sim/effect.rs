//! What can happen to the simulated site: the verbs of scenarios and of the fault process.
//!
//! An effect says what is done, not what follows: temperatures, flows, throttling, voltages and
//! the fate of jobs come from the coupled model.

use crate::model::{CduId, GpuId, HallId, RackId, RowId, TrayId};

/// One of the two independent supplies: busways of a row, feeds of the site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// A.
    A,
    /// B.
    B,
}

impl Side {
    /// 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// How wet a tray is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Leak {
    /// Dry.
    None,
    /// Moisture: the tray's detector warns.
    Warning,
    /// Coolant runs out: the rack's detector trips too.
    Critical,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The lead pump of a CDU trips; its control starts the standby pump after 4 s.
    PumpTrip(CduId),
    /// A CDU stops with both pumps; the others of the row speed up.
    CduTrip(CduId),
    /// Pumps and CDU are repaired and run again.
    CduRestore(CduId),
    /// Secondary supply of a hall drifts off by so many kelvin, evenly over so many seconds, and
    /// stays there; the set-point that its CDUs show does not move. 0 K brings it back.
    Setpoint(HallId, f32, u32),
    /// The control valve of a rack sticks at this opening, % (0 to 100), reached over so many
    /// seconds.
    ValveStuck(RackId, f32, u32),
    /// The valve moves again.
    ValveFree(RackId),
    /// The leak detector of a tray changes. A critical leak costs the rack pressure and the CDUs
    /// of its row coolant.
    LeakAt(TrayId, Leak),
    /// The leak detector of a rack breaks (true) or works again.
    LeakSensorFault(RackId, bool),
    /// Coolant of a rack is shut off (true) or opened again.
    LiquidIsolation(RackId, bool),
    /// Power of a rack is shut off (true) or switched on again: all its GPUs are lost at once.
    PowerIsolation(RackId, bool),
    /// So many power shelves of a rack are out of order (0 = all work again).
    ShelvesFailed(RackId, u8),
    /// One busway of a row trips.
    BuswayTrip(RowId, Side),
    /// It is back.
    BuswayRestore(RowId, Side),
    /// One feed of the site trips; the other one carries all.
    FeedTrip(Side),
    /// It is back.
    FeedRestore(Side),
    /// Grid frequency falls to so many Hz within so many seconds, and recovers within so many more.
    FrequencyDip(f32, u32, u32),
    /// Voltage of both feeds falls to so many percent of nominal, for so many milliseconds.
    VoltageDip(f32, u32),
    /// The grid asks for at most so many MW (DSX Flex target).
    LoadTarget(f32),
    /// The target ends.
    LoadTargetEnds,
    /// An NVLink switch tray of a rack fails: XID 149 on its GPUs, then 154; their jobs stall.
    SwitchFail(RackId),
    /// It is replaced.
    SwitchRestore(RackId),
    /// A GPU falls off the bus (XID 79).
    GpuLost(GpuId),
    /// A lost GPU comes back after a reboot of its tray.
    GpuBack(GpuId),
    /// A GPU reports this XID; what it means for GPU and job follows from the code.
    Xid(GpuId, u16),
    /// Firmware of a tray caps its GPUs: share of their clock (0.1 to 1) and of their power limit
    /// (0.1 to 1). 1, 1 is no cap.
    FirmwareCap(TrayId, f32, f32),
    /// Exporters of these trays fall silent (true) or answer again.
    Silent(Vec<TrayId>, bool),
    /// A GPU runs at this share of its clock (0.1 to 1); its job waits for it. 1 = as it should.
    Straggler(GpuId, f32),
    /// Power smoothing of the job on a GPU is switched off (false) or on.
    Smoothing(GpuId, bool),
    /// The job on a GPU steps in this rhythm: length of a step, ms, and power in its dips, as a
    /// share of full power.
    Rhythm(GpuId, u32, f32),
    /// The tenant of the job on a GPU drains it: no new work, then its GPUs are given back.
    Drain(GpuId),
}
