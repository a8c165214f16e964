//! The table of faults: how often each kind comes, where it strikes, and which courses it takes.
//!
//! Kinds and counts of what interrupts jobs are those of Llama 3 405B (arXiv:2407.21783, table 5):
//! 419 interruptions in 54 days on 16,384 GPUs, 47.5 a day on 100,224. What the driver only logs
//! follows Delta (arXiv:2503.11901v4). How a kind divides into its courses is not published; the
//! shares here are chosen, as are the rates marked [`Rate::Chosen`].

use crate::source::sim::fault::course::{self, Step};

/// GPU hours of the 54 days of Llama 3 405B on 16,384 GPUs.
const TABLE5_GPU_HOURS: f64 = 16_384.0 * 54.0 * 24.0;
/// GPUs of the site that chosen rates are for.
pub const RATED_GPUS: f64 = 100_224.0;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A GPU or its NVLink.
    FaultyGpu,
    /// High-bandwidth memory.
    Hbm,
    /// Software of the job or the stack.
    Software,
    /// A switch or a cable of the network.
    Network,
    /// Host maintenance that nobody planned.
    HostMaintenance,
    /// On-chip memory.
    Sram,
    /// The GPU's system processor.
    Gsp,
    /// A network card.
    Nic,
    /// The communication library waits in vain.
    NcclTimeout,
    /// Wrong results without a report.
    SilentCorruption,
    /// Thermal interface or its sensor.
    Thermal,
    /// A local disk.
    Ssd,
    /// A power supply.
    PowerSupply,
    /// A server chassis.
    Chassis,
    /// An IO expansion board.
    IoBoard,
    /// Something the job depends on, outside the site.
    Dependency,
    /// A CPU.
    Cpu,
    /// System memory.
    Memory,
    /// XID 31: an application touched memory that is not its own.
    PageFault,
    /// XID 13, 43, 45, 69: other errors of applications.
    AppError,
    /// XID 63: a row of memory was remapped, no job came down.
    RowRemap,
    /// XID 92: many corrected errors.
    Correctable,
    /// XID 149 and its kin, not fatal: a link retrained.
    LinkEvent,
}

/// How often a kind comes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rate {
    /// So many interruptions in table 5 of Llama 3.
    Table5(u16),
    /// So many events per GPU and hour, as published.
    PerGpuHour(f64),
    /// So many events a day on a site of [`RATED_GPUS`]: no figure is published.
    Chosen(f64),
}

/// Where a kind strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Hardware: any GPU, but some are lemons.
    Hardware,
    /// Any GPU of a job.
    Job,
}

/// Which generation a course belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Only {
    /// All.
    Any,
    /// Blackwell and later: the fifth NVLink, XID 144 to 150.
    NvLink5,
    /// Hopper and before: XID 74.
    Before,
}

/// One course that a kind may take.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Weight among the courses of the kind.
    pub share: u16,
    /// The generation it belongs to.
    pub only: Only,
    /// What happens.
    pub steps: &'static [Step],
}

/// One kind.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The kind.
    pub kind: Kind,
    /// Its name in reports.
    pub name: &'static str,
    /// How often.
    pub rate: Rate,
    /// Where.
    pub place: Place,
    /// What may happen.
    pub modes: &'static [Mode],
}

impl Row {
    /// Events per GPU and hour.
    #[must_use]
    pub fn per_gpu_hour(&self) -> f64 {
        match self.rate {
            Rate::Table5(count) => f64::from(count) / TABLE5_GPU_HOURS,
            Rate::PerGpuHour(rate) => rate,
            Rate::Chosen(per_day) => per_day / 24.0 / RATED_GPUS,
        }
    }

    /// True when it is an incident in the sense of table 5: it interrupts a job.
    #[must_use]
    pub const fn is_incident(&self) -> bool {
        matches!(self.rate, Rate::Table5(_))
    }
}

const fn any(share: u16, steps: &'static [Step]) -> Mode {
    Mode { share, only: Only::Any, steps }
}

const fn only(only: Only, share: u16, steps: &'static [Step]) -> Mode {
    Mode { share, only, steps }
}

const fn row(kind: Kind, name: &'static str, rate: Rate, place: Place, modes: &'static [Mode]) -> Row {
    Row { kind, name, rate, place, modes }
}

const FAULTY_GPU: &[Mode] = &[
    any(45, course::FELL_OFF),
    only(Only::NvLink5, 25, course::LINK_149),
    only(Only::NvLink5, 5, course::LINK_145),
    only(Only::Before, 30, course::LINK_74),
    any(9, course::HUNG_109),
    any(5, course::HUNG_62),
    any(4, course::HUNG_158),
    any(3, course::TRAINING_136),
    any(2, course::INIT_143),
    any(2, course::PCIE_167),
];
const HBM: &[Mode] = &[
    any(55, course::CONTAINED),
    any(25, course::DOUBLE_BIT),
    any(12, course::UNCONTAINED),
    any(8, course::REMAP_FAILED),
];
const HOST: &[Mode] = &[any(1, course::HOST_REPAIR)];
const CRASH: &[Mode] = &[any(1, course::HOST_CRASH), any(1, course::HOST_REPAIR)];
const OUTSIDE: &[Mode] = &[any(1, course::JOB_DOWN)];

/// All kinds, what interrupts jobs first.
pub const TABLE: &[Row] = &[
    row(Kind::FaultyGpu, "faulty GPU, NVLink", Rate::Table5(148), Place::Hardware, FAULTY_GPU),
    row(Kind::Hbm, "HBM memory", Rate::Table5(72), Place::Hardware, HBM),
    row(
        Kind::Software,
        "software bug",
        Rate::Table5(54),
        Place::Job,
        &[
            any(60, course::JOB_DOWN),
            any(20, course::JOB_DOWN_31),
            any(10, course::JOB_DOWN_13),
            any(10, course::JOB_DOWN_43),
        ],
    ),
    row(
        Kind::Network,
        "network switch, cable",
        Rate::Table5(35),
        Place::Job,
        &[any(60, course::CABLE), any(40, course::LEAF_SWITCH)],
    ),
    row(
        Kind::HostMaintenance,
        "host maintenance",
        Rate::Table5(32),
        Place::Hardware,
        &[any(1, course::MAINTENANCE)],
    ),
    row(
        Kind::Sram,
        "GPU SRAM",
        Rate::Table5(19),
        Place::Hardware,
        &[any(75, course::SRAM_172), any(25, course::SRAM_140)],
    ),
    row(
        Kind::Gsp,
        "GPU system processor",
        Rate::Table5(17),
        Place::Hardware,
        &[any(80, course::GSP_119), any(20, course::GSP_120)],
    ),
    row(Kind::Nic, "network card", Rate::Table5(7), Place::Hardware, HOST),
    row(Kind::NcclTimeout, "NCCL watchdog timeout", Rate::Table5(7), Place::Job, OUTSIDE),
    row(
        Kind::SilentCorruption,
        "silent data corruption",
        Rate::Table5(6),
        Place::Hardware,
        &[any(1, course::CORRUPTION)],
    ),
    row(
        Kind::Thermal,
        "thermal interface, sensor",
        Rate::Table5(6),
        Place::Hardware,
        &[any(60, course::INTERFACE), any(40, course::SENSOR)],
    ),
    row(Kind::Ssd, "SSD", Rate::Table5(3), Place::Hardware, CRASH),
    row(Kind::PowerSupply, "power supply", Rate::Table5(3), Place::Hardware, &[any(1, course::SUPPLY)]),
    row(Kind::Chassis, "server chassis", Rate::Table5(2), Place::Hardware, HOST),
    row(Kind::IoBoard, "IO expansion board", Rate::Table5(2), Place::Hardware, HOST),
    row(Kind::Dependency, "dependency", Rate::Table5(2), Place::Job, OUTSIDE),
    row(Kind::Cpu, "CPU", Rate::Table5(2), Place::Hardware, CRASH),
    row(Kind::Memory, "system memory", Rate::Table5(2), Place::Hardware, CRASH),
    // Delta, H100: 1,737 in 2.1 million GPU hours, 83 an hour here.
    row(
        Kind::PageFault,
        "XID 31, memory page fault",
        Rate::PerGpuHour(8.271e-4),
        Place::Job,
        &[any(1, course::APP_31)],
    ),
    row(
        Kind::AppError,
        "XID 13, 43, 45, 69 of applications",
        Rate::Chosen(1320.0),
        Place::Job,
        &[any(50, course::APP_13), any(25, course::APP_43), any(20, course::APP_45), any(5, course::APP_69)],
    ),
    // Delta, H100: uncorrectable errors 1.127e-5 per GPU hour, 27 a day here, each of which remaps a
    // row; 8 of them interrupt a job and are in the table above.
    row(
        Kind::RowRemap,
        "XID 63, row remap",
        Rate::PerGpuHour(1.127e-5 - 72.0 / TABLE5_GPU_HOURS),
        Place::Hardware,
        &[any(1, course::REMAP)],
    ),
    row(
        Kind::Correctable,
        "XID 92, corrected errors",
        Rate::Chosen(4.0),
        Place::Hardware,
        &[any(1, course::CORRECTED)],
    ),
    row(
        Kind::LinkEvent,
        "NVLink event, not fatal",
        Rate::Chosen(12.0),
        Place::Hardware,
        &[any(1, course::LINK_EVENT)],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::sim::fault::course::Act;

    #[test]
    fn the_table_adds_up_to_what_is_published() {
        let counts = TABLE.iter().filter_map(|r| match r.rate {
            Rate::Table5(n) => Some(u32::from(n)),
            _ => None,
        });
        assert_eq!(counts.sum::<u32>(), 419);
        let site = |r: &Row| r.per_gpu_hour() * RATED_GPUS;
        let a_day: f64 = TABLE.iter().filter(|r| r.is_incident()).map(|r| 24.0 * site(r)).sum();
        assert!((a_day - 47.47).abs() < 0.05, "{a_day}");
        let of = |kind| TABLE.iter().find(|r| r.kind == kind).map_or(0.0, site);
        assert!((of(Kind::PageFault) - 82.9).abs() < 0.1);
        assert!((24.0 * of(Kind::RowRemap) - 18.9).abs() < 0.1);
        assert!((24.0 * of(Kind::FaultyGpu) - 16.77).abs() < 0.01);
    }

    #[test]
    fn rows_stand_where_their_kind_says() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, i, "{}", row.name);
            assert!(!row.modes.is_empty() && row.modes.iter().all(|m| m.share > 0), "{}", row.name);
        }
    }

    #[test]
    fn every_generation_has_a_course_for_every_kind() {
        for generation in [Only::NvLink5, Only::Before] {
            for row in TABLE {
                let fits = |m: &&Mode| m.only == Only::Any || m.only == generation;
                assert!(row.modes.iter().any(|m| fits(&m)), "{} {generation:?}", row.name);
            }
        }
    }

    #[test]
    fn what_interrupts_jobs_strikes_and_what_does_not_does_not() {
        for row in TABLE {
            for mode in row.modes {
                let strikes = mode.steps.iter().any(|s| matches!(s.act, Act::Strike));
                // A rack goes on with one power shelf less: published supplies stood in servers.
                let shelf = row.kind == Kind::PowerSupply;
                assert_eq!(strikes, row.is_incident() && !shelf, "{}", row.name);
            }
        }
    }
}
