//! Which families are wanted, and what each one means.
//!
//! The Prometheus name of a DCGM value is the name of its field, and DCGM 4.6 renamed its fields,
//! so old and new spellings are both met. The meaning is decided by the field, never by a suffix:
//! `GPU_UTIL_RATIO` is field 203 and counts 0–100, `PROF_SM_UTIL_RATIO` is field 1002 and counts 0–1.
//! Field numbers and names: NVIDIA `dcgm_fields.h` 4.6.1.

use std::cmp::Ordering;

use crate::model::Metric;

/// What a series of a GPU, or of its node, says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// Share of time with a kernel running, %.
    Util,
    /// Board power, averaged by the driver, W.
    Power,
    /// The same under the name that newer drivers give the average, W.
    PowerAverage,
    /// Board power at this instant, W.
    PowerInstant,
    /// Core temperature, °C.
    Temp,
    /// Memory temperature, °C.
    MemTemp,
    /// Memory in use, MiB.
    MemUsed,
    /// Memory that is free, MiB.
    MemFree,
    /// Memory that the driver keeps, MiB.
    MemReserved,
    /// Memory in all, MiB.
    MemTotal,
    /// SM clock, MHz.
    SmClock,
    /// Cycles in which an SM had work, %.
    SmActive,
    /// Cycles in which a tensor pipe had work, %.
    TensorActive,
    /// Cycles in which the graphics engine had work, %.
    EngineActive,
    /// Margin to the nearest slowdown threshold, K.
    Margin,
    /// Clock-event reasons as a mask.
    Events,
    /// One clock-event reason as 0 or 1; the factor is its bit.
    EventBit,
    /// Last XID.
    Xid,
    /// Health of the NVLink fabric: 0 not supported, 1 healthy, 2 unhealthy, 3 limited capacity.
    Fabric,
    /// Recovery action that the driver asks for, 0 (none) to 4.
    Recovery,
    /// Position of the GPU in its node.
    Index,
    /// Nothing but labels.
    Info,
    /// Seconds that a CPU spent in a mode.
    CpuSeconds,
    /// Memory of the node, bytes.
    NodeMemory,
    /// Memory of the node that could still be used, bytes.
    NodeAvailable,
    /// One-minute load average.
    Load1,
    /// Boot time, seconds since the epoch.
    BootTime,
    /// State of an InfiniBand port; 4 is active.
    IbState,
}

impl Field {
    /// How many fields belong to a GPU: those before [`Field::Info`].
    pub const GPU: usize = Self::Info as usize;

    /// The values that can be true; anything outside is treated as absent.
    #[must_use]
    pub const fn plausible(self) -> (f64, f64) {
        match self {
            Self::Util => (0.0, 100.0),
            // Ratios of two counters overshoot a little.
            Self::SmActive | Self::TensorActive | Self::EngineActive => (0.0, 105.0),
            Self::Temp | Self::MemTemp | Self::Margin => (-200.0, 300.0),
            Self::Power | Self::PowerAverage | Self::PowerInstant => (0.0, 50_000.0),
            Self::SmClock => (0.0, 20_000.0),
            Self::Index => (0.0, 63.0),
            Self::Fabric => (0.0, 3.0),
            Self::Recovery => (0.0, 4.0),
            _ => (0.0, 1e15),
        }
    }

    /// How the values of the MIG instances of one GPU make the value of the GPU.
    #[must_use]
    pub const fn merge(self) -> Merge {
        match self {
            Self::Util | Self::SmActive | Self::TensorActive | Self::EngineActive => Merge::BySlices,
            Self::MemUsed | Self::MemFree | Self::MemTotal => Merge::Sum,
            Self::Margin => Merge::Min,
            Self::Events | Self::EventBit => Merge::Or,
            _ => Merge::Max,
        }
    }
}

/// How several values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The highest.
    Max,
    /// The lowest.
    Min,
    /// All together.
    Sum,
    /// Each by its share of the GPU's compute slices.
    BySlices,
    /// The union of bits.
    Or,
}

/// The metrics that exporters give, each with the fields that say it: the best one first.
pub const SOURCES: [(Metric, &[Field]); 12] = [
    (Metric::Util, &[Field::Util]),
    (Metric::Power, &[Field::Power, Field::PowerAverage, Field::PowerInstant]),
    (Metric::Temp, &[Field::Temp]),
    (Metric::MemTemp, &[Field::MemTemp]),
    (Metric::MemUsed, &[Field::MemUsed]),
    (Metric::SmClock, &[Field::SmClock]),
    // How busy the SMs are is the best measure of work; the engine is busy with any kernel.
    (Metric::Activity, &[Field::SmActive, Field::TensorActive, Field::EngineActive]),
    (Metric::Margin, &[Field::Margin]),
    (Metric::ClockEvents, &[Field::Events, Field::EventBit]),
    (Metric::Xid, &[Field::Xid]),
    (Metric::Fabric, &[Field::Fabric]),
    (Metric::Recovery, &[Field::Recovery]),
];

/// One family that is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// Its name on the page.
    pub name: &'static str,
    /// What it says.
    pub field: Field,
    /// Turns the value on the page into the field's unit.
    pub factor: f64,
    /// Values from here on mean "blank", "not found", "not supported" or "not permitted"
    /// (`dcgm_structs.h`). They are compared as doubles, in which the 64-bit blanks are all alike.
    pub blank: f64,
}

impl Family {
    /// `value` in the field's unit; `None` when it means "no value" or cannot be true.
    #[must_use]
    pub fn convert(&self, value: f64) -> Option<f64> {
        if value.is_nan() || value >= self.blank {
            return None;
        }
        let value = value * self.factor;
        let (low, high) = self.field.plausible();
        (low <= value && value <= high).then_some(value)
    }
}

/// Lowest blank of 32-bit fields; 64-bit blanks are above it.
const INT: f64 = 2_147_483_632.0;
/// A little below the lowest blank of double fields, 140,737,488,355,328.
const DOUBLE: f64 = 1.4e14;
/// Turns bytes into MiB.
const BYTES: f64 = 1.0 / 1_048_576.0;

const fn int(name: &'static str, field: Field) -> Family {
    Family { name, field, factor: 1.0, blank: INT }
}

const fn double(name: &'static str, field: Field, factor: f64) -> Family {
    Family { name, field, factor, blank: DOUBLE }
}

const DCGM: [Family; 43] = [
    int("DCGM_FI_DEV_SM_CLOCK", Field::SmClock),                // 100
    double("DCGM_FI_DEV_SM_CLOCK_HERTZ", Field::SmClock, 1e-6), // 1603
    int("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", Field::Events),   // 112
    int("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", Field::Events),     // 112
    int("DCGM_FI_DEV_MEMORY_TEMP", Field::MemTemp),             // 140
    int("DCGM_FI_DEV_MEMORY_TEMP_CELSIUS", Field::MemTemp),     // 140
    int("DCGM_FI_DEV_GPU_TEMP", Field::Temp),                   // 150
    int("DCGM_FI_DEV_GPU_TEMP_CELSIUS", Field::Temp),           // 150
    int("DCGM_FI_DEV_GPU_TEMP_LIMIT", Field::Margin),           // 153
    int("DCGM_FI_DEV_GPU_TEMP_MARGIN", Field::Margin),          // 153
    int("DCGM_FI_DEV_GPU_TEMP_MARGIN_CELSIUS", Field::Margin),  // 153
    double("DCGM_FI_DEV_POWER_USAGE", Field::Power, 1.0),       // 155
    double("DCGM_FI_DEV_BOARD_POWER_WATTS", Field::Power, 1.0), // 155
    double("DCGM_FI_DEV_POWER_USAGE_INSTANT", Field::PowerInstant, 1.0), // 157
    double("DCGM_FI_DEV_BOARD_POWER_RAW_WATTS", Field::PowerInstant, 1.0), // 157
    int("DCGM_FI_DEV_FABRIC_HEALTH_SUMMARY", Field::Fabric),    // 175
    int("DCGM_FI_DEV_GPU_UTIL", Field::Util),                   // 203
    int("DCGM_FI_DEV_GPU_UTIL_RATIO", Field::Util),             // 203: percent all the same
    int("DCGM_FI_DEV_XID_ERRORS", Field::Xid),                  // 230
    int("DCGM_FI_DEV_XID_ERROR", Field::Xid),                   // 230
    int("DCGM_FI_DEV_FB_TOTAL", Field::MemTotal),               // 250
    int("DCGM_FI_DEV_FB_FREE", Field::MemFree),                 // 251
    int("DCGM_FI_DEV_FB_USED", Field::MemUsed),                 // 252
    int("DCGM_FI_DEV_FB_RESERVED", Field::MemReserved),         // 253
    double("DCGM_FI_PROF_GR_ENGINE_ACTIVE", Field::EngineActive, 100.0), // 1001
    double("DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", Field::EngineActive, 100.0), // 1001
    double("DCGM_FI_PROF_SM_ACTIVE", Field::SmActive, 100.0),   // 1002
    double("DCGM_FI_PROF_SM_UTIL_RATIO", Field::SmActive, 100.0), // 1002
    double("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", Field::TensorActive, 100.0), // 1004
    double("DCGM_FI_PROF_TENSOR_UTIL_RATIO", Field::TensorActive, 100.0), // 1004
    int("DCGM_FI_DEV_GPU_RECOVERY_ACTION", Field::Recovery),    // 1523
    int("DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", Field::Recovery), // 1523
    // The names of dcgm-exporter 1.x, which later versions still offer as the "old namespace".
    int("dcgm_sm_clock", Field::SmClock),
    int("dcgm_memory_temp", Field::MemTemp),
    int("dcgm_gpu_temp", Field::Temp),
    double("dcgm_power_usage", Field::Power, 1.0),
    int("dcgm_gpu_utilization", Field::Util),
    int("dcgm_xid_errors", Field::Xid),
    int("dcgm_fb_free", Field::MemFree),
    int("dcgm_fb_used", Field::MemUsed),
    double("dcgm_fi_prof_gr_engine_active", Field::EngineActive, 100.0),
    double("dcgm_fi_prof_sm_active", Field::SmActive, 100.0),
    double("dcgm_fi_prof_pipe_tensor_active", Field::TensorActive, 100.0),
];

/// nvidia_gpu_exporter: values in base units, one label (`uuid`), identity in `nvidia_smi_gpu_info`.
/// Reasons are bits of NVML's mask, which DCGM's mask repeats.
const NVIDIA_SMI: [Family; 32] = [
    double("nvidia_smi_utilization_gpu_ratio", Field::Util, 100.0),
    double("nvidia_smi_power_draw_watts", Field::Power, 1.0),
    double("nvidia_smi_power_draw_average_watts", Field::PowerAverage, 1.0),
    double("nvidia_smi_power_draw_instant_watts", Field::PowerInstant, 1.0),
    double("nvidia_smi_temperature_gpu", Field::Temp, 1.0),
    double("nvidia_smi_temperature_memory", Field::MemTemp, 1.0),
    double("nvidia_smi_temperature_gpu_tlimit", Field::Margin, 1.0),
    double("nvidia_smi_memory_used_bytes", Field::MemUsed, BYTES),
    double("nvidia_smi_memory_free_bytes", Field::MemFree, BYTES),
    double("nvidia_smi_memory_reserved_bytes", Field::MemReserved, BYTES),
    double("nvidia_smi_memory_total_bytes", Field::MemTotal, BYTES),
    double("nvidia_smi_clocks_current_sm_clock_hz", Field::SmClock, 1e-6),
    double("nvidia_smi_index", Field::Index, 1.0),
    double("nvidia_smi_gpu_info", Field::Info, 1.0),
    double("nvidia_smi_clocks_event_reasons_active", Field::Events, 1.0),
    double("nvidia_smi_clocks_throttle_reasons_active", Field::Events, 1.0),
    double("nvidia_smi_clocks_event_reasons_gpu_idle", Field::EventBit, 1.0),
    double("nvidia_smi_clocks_throttle_reasons_gpu_idle", Field::EventBit, 1.0),
    double("nvidia_smi_clocks_event_reasons_applications_clocks_setting", Field::EventBit, 2.0),
    double("nvidia_smi_clocks_throttle_reasons_applications_clocks_setting", Field::EventBit, 2.0),
    double("nvidia_smi_clocks_event_reasons_sw_power_cap", Field::EventBit, 4.0),
    double("nvidia_smi_clocks_throttle_reasons_sw_power_cap", Field::EventBit, 4.0),
    double("nvidia_smi_clocks_event_reasons_hw_slowdown", Field::EventBit, 8.0),
    double("nvidia_smi_clocks_throttle_reasons_hw_slowdown", Field::EventBit, 8.0),
    double("nvidia_smi_clocks_event_reasons_sync_boost", Field::EventBit, 16.0),
    double("nvidia_smi_clocks_throttle_reasons_sync_boost", Field::EventBit, 16.0),
    double("nvidia_smi_clocks_event_reasons_sw_thermal_slowdown", Field::EventBit, 32.0),
    double("nvidia_smi_clocks_throttle_reasons_sw_thermal_slowdown", Field::EventBit, 32.0),
    double("nvidia_smi_clocks_event_reasons_hw_thermal_slowdown", Field::EventBit, 64.0),
    double("nvidia_smi_clocks_throttle_reasons_hw_thermal_slowdown", Field::EventBit, 64.0),
    double("nvidia_smi_clocks_event_reasons_hw_power_brake_slowdown", Field::EventBit, 128.0),
    double("nvidia_smi_clocks_throttle_reasons_hw_power_brake_slowdown", Field::EventBit, 128.0),
];

const NODE: [Family; 6] = [
    double("node_cpu_seconds_total", Field::CpuSeconds, 1.0),
    double("node_memory_MemTotal_bytes", Field::NodeMemory, 1.0),
    double("node_memory_MemAvailable_bytes", Field::NodeAvailable, 1.0),
    double("node_load1", Field::Load1, 1.0),
    double("node_boot_time_seconds", Field::BootTime, 1.0),
    double("node_infiniband_state_id", Field::IbState, 1.0),
];

/// How many families are wanted.
pub const COUNT: usize = DCGM.len() + NVIDIA_SMI.len() + NODE.len();

/// All of them, by length of the name and then by its bytes: most comparisons are of two numbers.
const TABLE: [Family; COUNT] = sorted();

/// A family by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyId(u8);

impl FamilyId {
    /// The place in the table, below [`COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The family.
    #[must_use]
    pub const fn get(self) -> &'static Family {
        &TABLE[self.0 as usize]
    }
}

/// The family called `name`, if it is wanted.
#[must_use]
pub fn lookup(name: &[u8]) -> Option<FamilyId> {
    let found = TABLE.binary_search_by(|f| order(f.name.as_bytes(), name)).ok()?;
    u8::try_from(found).ok().map(FamilyId)
}

/// All families of a GPU that say `field`, shortest name first.
pub fn of_field(field: Field) -> impl Iterator<Item = &'static Family> {
    const ALL: &[Family] = &TABLE;
    ALL.iter().filter(move |f| f.field == field)
}

fn order(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

const fn sorted() -> [Family; COUNT] {
    let mut out = [NODE[0]; COUNT];
    let mut n = 0;
    while n < COUNT {
        let next = if n < DCGM.len() {
            DCGM[n]
        } else if n < DCGM.len() + NVIDIA_SMI.len() {
            NVIDIA_SMI[n - DCGM.len()]
        } else {
            NODE[n - DCGM.len() - NVIDIA_SMI.len()]
        };
        let mut i = n;
        while i > 0 && is_before(next.name.as_bytes(), out[i - 1].name.as_bytes()) {
            out[i] = out[i - 1];
            i -= 1;
        }
        out[i] = next;
        n += 1;
    }
    out
}

const fn is_before(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return a.len() < b.len();
    }
    let mut i = 0;
    while i < a.len() && a[i] == b[i] {
        i += 1;
    }
    i < a.len() && a[i] < b[i]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str) -> &'static Family {
        lookup(name.as_bytes()).unwrap_or_else(|| panic!("{name} is wanted")).get()
    }

    #[test]
    fn every_family_is_found_by_its_name_and_no_other() {
        for f in DCGM.iter().chain(&NVIDIA_SMI).chain(&NODE) {
            assert_eq!(family(f.name), f);
            assert_eq!(lookup(&f.name.as_bytes()[1..]), None);
            assert_eq!(lookup(format!("{}_", f.name).as_bytes()), None);
        }
        assert_eq!(lookup(b""), None);
    }

    #[test]
    fn units_follow_the_field_not_the_suffix() {
        assert_eq!(family("DCGM_FI_DEV_GPU_UTIL_RATIO").convert(97.0), Some(97.0));
        assert_eq!(family("DCGM_FI_PROF_SM_UTIL_RATIO").convert(0.5), Some(50.0));
        assert_eq!(family("nvidia_smi_utilization_gpu_ratio").convert(1.0), Some(100.0));
        assert_eq!(family("DCGM_FI_DEV_SM_CLOCK").convert(1980.0), Some(1980.0));
        assert_eq!(family("DCGM_FI_DEV_SM_CLOCK_HERTZ").convert(1.98e9).map(f64::round), Some(1980.0));
        assert_eq!(family("nvidia_smi_memory_total_bytes").convert(8.552_080_998_4e10), Some(81_559.0));
    }

    #[test]
    fn blanks_of_every_width_are_absent() {
        let ints =
            [2_147_483_632.0, 2_147_483_635.0, 9_223_372_036_854_775_792.0, 9_223_372_036_854_775_795.0];
        for blank in ints {
            assert_eq!(family("DCGM_FI_DEV_MEMORY_TEMP").convert(blank), None);
            assert_eq!(family("DCGM_FI_DEV_XID_ERROR").convert(blank), None);
        }
        for blank in [140_737_488_355_328.0, 140_737_488_355_331.0, f64::NAN, f64::INFINITY] {
            assert_eq!(family("DCGM_FI_DEV_POWER_USAGE").convert(blank), None);
        }
        assert_eq!(family("DCGM_FI_DEV_XID_ERRORS").convert(0.0), Some(0.0));
    }

    #[test]
    fn values_that_cannot_be_true_are_absent() {
        assert_eq!(family("DCGM_FI_DEV_GPU_UTIL").convert(101.0), None);
        assert_eq!(family("DCGM_FI_DEV_POWER_USAGE").convert(-1.0), None);
        assert_eq!(family("DCGM_FI_DEV_POWER_USAGE").convert(1450.0), Some(1450.0));
        assert_eq!(family("DCGM_FI_DEV_GPU_TEMP").convert(f64::NEG_INFINITY), None);
        assert_eq!(family("DCGM_FI_DEV_GPU_TEMP_MARGIN_CELSIUS").convert(-5.0), Some(-5.0));
    }

    #[test]
    fn the_event_mask_and_its_single_reasons_agree_on_the_bits() {
        use crate::model::ClockEvents;
        let bit = |name: &str| family(&format!("nvidia_smi_clocks_event_reasons_{name}")).factor as u16;
        assert_eq!(bit("gpu_idle"), ClockEvents::IDLE);
        assert_eq!(bit("sw_power_cap"), ClockEvents::SW_POWER_CAP);
        assert_eq!(bit("hw_slowdown"), ClockEvents::HW_SLOWDOWN);
        assert_eq!(bit("hw_thermal_slowdown"), ClockEvents::HW_THERMAL);
        assert_eq!(bit("hw_power_brake_slowdown"), ClockEvents::POWER_BRAKE);
        assert_eq!(bit("sw_thermal_slowdown"), ClockEvents::SW_THERMAL);
    }

    #[test]
    fn both_spellings_of_every_renamed_field_mean_the_same() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/domain/dcgm_field_aliases_4.6.1.csv");
        let Ok(csv) = std::fs::read_to_string(path) else {
            println!("skipped: no {path}");
            return;
        };
        let mut met = 0;
        for line in csv.lines() {
            let names: Vec<_> = line.split(',').collect();
            let [old, new, _] = names[..] else { continue };
            let (old, new) = (lookup(old.as_bytes()), lookup(new.as_bytes()));
            assert_eq!(old.is_some(), new.is_some(), "{line}");
            if let (Some(old), Some(new)) = (old, new) {
                assert_eq!(Family { name: "", ..*old.get() }, Family { name: "", ..*new.get() }, "{line}");
                met += 1;
            }
        }
        assert!(met >= 10, "only {met} renamed fields were met");
    }
}
