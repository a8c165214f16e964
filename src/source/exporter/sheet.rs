//! The families of a GPU: their names and units as dcgm-exporter prints them, and how NVML is
//! asked for each. A value that a part does not have is left out of the page, never zero.
//!
//! XIDs are not among them: NVML tells them only as events while somebody waits for them, so a
//! poll cannot know the last one. Nor are the profiling ratios (`DCGM_FI_PROF_*`), which need
//! DCGM's own sampling. NVML's field numbers are those of `nvml.h`.

use std::sync::Arc;

use nvml_wrapper::device::Device;
use nvml_wrapper::enum_wrappers::device::{
    Clock, EccCounter, MemoryError, PerformancePolicy, TemperatureSensor,
};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::struct_wrappers::device::{MemoryInfo, Utilization};
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id as id;

use crate::model::batch::GpuFacts;
use crate::source::local::margin;

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// A value in the form in which dcgm-exporter prints it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Whole(i64),
    /// A double, printed with six decimals.
    Real(f64),
}

/// One family of the page.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it says and in which unit.
    pub help: &'static str,
    /// It only grows, until the driver is loaded again.
    pub counter: bool,
    ask: fn(&Asked<'_>) -> Option<Number>,
}

/// One GPU, as it answered.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuSheet {
    /// Position in the machine, from 0.
    pub index: u16,
    /// Who it is.
    pub facts: Arc<GpuFacts>,
    /// One for each of [`FAMILIES`]; `None` where the part has no such value.
    pub values: [Option<Number>; COUNT],
}

impl GpuSheet {
    /// A GPU without values.
    #[must_use]
    pub const fn new(index: u16, facts: Arc<GpuFacts>) -> Self {
        Self { index, facts, values: [None; COUNT] }
    }

    /// The same with the value of the family called `name`; unknown names change nothing.
    #[must_use]
    pub fn with(mut self, name: &str, value: Number) -> Self {
        if let Some(i) = FAMILIES.iter().position(|f| f.name == name) {
            self.values[i] = Some(value);
        }
        self
    }

    /// Asks `device` for everything, each value alone: one that is missing costs no other.
    #[must_use]
    pub fn read(device: &Device<'_>, index: u16, facts: &Arc<GpuFacts>) -> Self {
        let asked = Asked::new(device);
        let mut sheet = Self::new(index, Arc::clone(facts));
        for (slot, family) in sheet.values.iter_mut().zip(&FAMILIES) {
            *slot = (family.ask)(&asked);
        }
        sheet
    }
}

/// What one call gives for several families, and the device for the rest.
struct Asked<'a> {
    device: &'a Device<'a>,
    util: Option<Utilization>,
    memory: Option<MemoryInfo>,
    fields: [Option<Number>; FIELDS.len()],
}

/// Values that are asked for by number, all in one call.
const FIELDS: [u32; 16] = [
    id::NVML_FI_DEV_MEMORY_TEMP,
    id::NVML_FI_DEV_REMAPPED_COR,
    id::NVML_FI_DEV_REMAPPED_UNC,
    id::NVML_FI_DEV_REMAPPED_PENDING,
    id::NVML_FI_DEV_REMAPPED_FAILURE,
    id::NVML_FI_DEV_POWER_AVERAGE,
    id::NVML_FI_DEV_POWER_INSTANT,
    id::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION,
    id::NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL,
    id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL,
    id::NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL,
    id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP,
    id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST,
    id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN,
    id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN,
    id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN,
];

impl<'a> Asked<'a> {
    fn new(device: &'a Device<'a>) -> Self {
        let mut fields = [None; FIELDS.len()];
        // Answers come in the order of the questions.
        let answers = device.field_values_for(&FIELDS.map(FieldId)).unwrap_or_default();
        for (slot, answer) in fields.iter_mut().zip(answers) {
            *slot = answer.ok().and_then(|a| a.value.ok()).and_then(number);
        }
        Self { device, util: device.utilization_rates().ok(), memory: device.memory_info().ok(), fields }
    }

    fn field(&self, field: u32) -> Option<Number> {
        let place = FIELDS.iter().position(|f| *f == field)?;
        self.fields[place]
    }

    fn watts(&self, field: u32) -> Option<Number> {
        match self.field(field)? {
            Number::Whole(mw) => watts(u32::try_from(mw).ok()?),
            Number::Real(mw) => Some(Number::Real(mw / 1000.0)),
        }
    }

    fn mib(&self, part: fn(&MemoryInfo) -> u64) -> Option<Number> {
        whole(part(self.memory.as_ref()?) / MIB)
    }

    fn clock(&self, clock: Clock) -> Option<Number> {
        whole(self.device.clock_info(clock).ok()?)
    }

    fn ecc(&self, error: MemoryError, counter: EccCounter) -> Option<Number> {
        whole(self.device.total_ecc_errors(error, counter).ok()?)
    }

    fn violation(&self, policy: PerformancePolicy) -> Option<Number> {
        whole(self.device.violation_status(policy).ok()?.violation_time)
    }
}

fn number(sample: SampleValue) -> Option<Number> {
    match sample {
        SampleValue::F64(v) => v.is_finite().then_some(Number::Real(v)),
        SampleValue::U32(v) => whole(v),
        SampleValue::U64(v) => whole(v),
        SampleValue::I64(v) => Some(Number::Whole(v)),
    }
}

fn whole(value: impl TryInto<i64>) -> Option<Number> {
    value.try_into().ok().map(Number::Whole)
}

fn watts(milliwatts: u32) -> Option<Number> {
    Some(Number::Real(f64::from(milliwatts) / 1000.0))
}

/// Parts without the sensor answer zero or a blank.
fn memory_temp(value: Number) -> Option<Number> {
    match value {
        Number::Whole(1..300) => Some(value),
        _ => None,
    }
}

const fn gauge(name: &'static str, help: &'static str, ask: fn(&Asked<'_>) -> Option<Number>) -> Family {
    Family { name, help, counter: false, ask }
}

const fn counter(name: &'static str, help: &'static str, ask: fn(&Asked<'_>) -> Option<Number>) -> Family {
    Family { name, help, counter: true, ask }
}

/// How many families a GPU has.
pub const COUNT: usize = FAMILIES.len();

/// All families of a GPU in the order of the page.
pub const FAMILIES: [Family; 46] = {
    use EccCounter::{Aggregate, Volatile};
    use MemoryError::{Corrected, Uncorrected};
    [
        gauge("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", |a| a.clock(Clock::SM)),
        gauge("DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).", |a| a.clock(Clock::Memory)),
        gauge("DCGM_FI_DEV_MAX_SM_CLOCK", "Highest SM clock frequency (in MHz).", |a| {
            whole(a.device.max_clock_info(Clock::SM).ok()?)
        }),
        gauge("DCGM_FI_DEV_MAX_MEM_CLOCK", "Highest memory clock frequency (in MHz).", |a| {
            whole(a.device.max_clock_info(Clock::Memory).ok()?)
        }),
        gauge("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "Why the clocks are held down (bit mask).", |a| {
            whole(a.device.current_throttle_reasons().ok()?.bits())
        }),
        gauge("DCGM_FI_DEV_MEMORY_TEMP", "Memory temperature (in C).", |a| {
            a.field(id::NVML_FI_DEV_MEMORY_TEMP).and_then(memory_temp)
        }),
        gauge("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", |a| {
            whole(a.device.temperature(TemperatureSensor::Gpu).ok()?)
        }),
        gauge("DCGM_FI_DEV_GPU_TEMP_LIMIT", "Margin to the nearest slowdown threshold (in C).", |a| {
            whole(margin::margin(a.device)?)
        }),
        gauge("DCGM_FI_DEV_POWER_USAGE", "Power draw, average (in W).", |a| {
            let average = a.watts(id::NVML_FI_DEV_POWER_AVERAGE);
            average.or_else(|| watts(a.device.power_usage().ok()?))
        }),
        gauge("DCGM_FI_DEV_POWER_USAGE_INSTANT", "Power draw at this instant (in W).", |a| {
            a.watts(id::NVML_FI_DEV_POWER_INSTANT)
        }),
        gauge("DCGM_FI_DEV_POWER_MGMT_LIMIT", "Power limit that was set (in W).", |a| {
            watts(a.device.power_management_limit().ok()?)
        }),
        gauge("DCGM_FI_DEV_ENFORCED_POWER_LIMIT", "Power limit in effect (in W).", |a| {
            watts(a.device.enforced_power_limit().ok()?)
        }),
        counter("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Energy since the driver was loaded (in mJ).", |a| {
            whole(a.device.total_energy_consumption().ok()?)
        }),
        gauge("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", |a| whole(a.util.as_ref()?.gpu)),
        gauge("DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).", |a| whole(a.util.as_ref()?.memory)),
        gauge("DCGM_FI_DEV_ENC_UTIL", "Encoder utilization (in %).", |a| {
            whole(a.device.encoder_utilization().ok()?.utilization)
        }),
        gauge("DCGM_FI_DEV_DEC_UTIL", "Decoder utilization (in %).", |a| {
            whole(a.device.decoder_utilization().ok()?.utilization)
        }),
        gauge("DCGM_FI_DEV_FB_TOTAL", "Framebuffer memory in all (in MiB).", |a| a.mib(|m| m.total)),
        gauge("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", |a| a.mib(|m| m.free)),
        gauge("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", |a| a.mib(|m| m.used)),
        gauge("DCGM_FI_DEV_FB_RESERVED", "Framebuffer memory reserved (in MiB).", |a| a.mib(|m| m.reserved)),
        gauge("DCGM_FI_DEV_PCIE_LINK_GEN", "Generation of the PCIe link.", |a| {
            whole(a.device.current_pcie_link_gen().ok()?)
        }),
        gauge("DCGM_FI_DEV_PCIE_LINK_WIDTH", "Lanes of the PCIe link.", |a| {
            whole(a.device.current_pcie_link_width().ok()?)
        }),
        counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "Total number of PCIe retries.", |a| {
            whole(a.device.pcie_replay_counter().ok()?)
        }),
        counter("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "Single-bit errors since the driver was loaded.", |a| {
            a.ecc(Corrected, Volatile)
        }),
        counter("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "Double-bit errors since the driver was loaded.", |a| {
            a.ecc(Uncorrected, Volatile)
        }),
        counter("DCGM_FI_DEV_ECC_SBE_AGG_TOTAL", "Single-bit errors of the part's life.", |a| {
            a.ecc(Corrected, Aggregate)
        }),
        counter("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", "Double-bit errors of the part's life.", |a| {
            a.ecc(Uncorrected, Aggregate)
        }),
        counter("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "Rows remapped for uncorrectable errors.", |a| {
            a.field(id::NVML_FI_DEV_REMAPPED_UNC)
        }),
        counter("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "Rows remapped for correctable errors.", |a| {
            a.field(id::NVML_FI_DEV_REMAPPED_COR)
        }),
        gauge("DCGM_FI_DEV_ROW_REMAP_FAILURE", "Whether remapping of rows has failed.", |a| {
            a.field(id::NVML_FI_DEV_REMAPPED_FAILURE)
        }),
        gauge("DCGM_FI_DEV_ROW_REMAP_PENDING", "Whether a row waits for a reset to be remapped.", |a| {
            a.field(id::NVML_FI_DEV_REMAPPED_PENDING)
        }),
        counter("DCGM_FI_DEV_POWER_VIOLATION", "Time held down by the power limit (in ns).", |a| {
            a.violation(PerformancePolicy::Power)
        }),
        counter("DCGM_FI_DEV_THERMAL_VIOLATION", "Time held down by temperature (in ns).", |a| {
            a.violation(PerformancePolicy::Thermal)
        }),
        counter("DCGM_FI_DEV_SYNC_BOOST_VIOLATION", "Time held down by sync boost (in ns).", |a| {
            a.violation(PerformancePolicy::SyncBoost)
        }),
        counter("DCGM_FI_DEV_BOARD_LIMIT_VIOLATION", "Time held down by the board limit (in ns).", |a| {
            a.violation(PerformancePolicy::BoardLimit)
        }),
        counter("DCGM_FI_DEV_RELIABILITY_VIOLATION", "Time held down for reliability (in ns).", |a| {
            a.violation(PerformancePolicy::Reliability)
        }),
        counter("DCGM_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", "Time under a power cap (in ns).", |a| {
            a.field(id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP)
        }),
        counter("DCGM_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST_NS", "Time in sync boost (in ns).", |a| {
            a.field(id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST)
        }),
        counter(
            "DCGM_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS",
            "Time slowed by software (in ns).",
            |a| a.field(id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN),
        ),
        counter(
            "DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS",
            "Time slowed by hardware (in ns).",
            |a| a.field(id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN),
        ),
        counter(
            "DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS",
            "Time under the power brake (in ns).",
            |a| a.field(id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN),
        ),
        counter("DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "NVLink flow-control CRC errors.", |a| {
            a.field(id::NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL)
        }),
        counter("DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "NVLink retries.", |a| {
            a.field(id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL)
        }),
        counter("DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "NVLink recoveries.", |a| {
            a.field(id::NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL)
        }),
        gauge("DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", "What the driver asks for: 0 none to 4.", |a| {
            a.field(id::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION)
        }),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_family_has_a_name_of_its_own() {
        let names: BTreeSet<_> = FAMILIES.iter().map(|f| f.name).collect();
        assert_eq!(names.len(), COUNT);
        assert!(names.iter().all(|n| n.starts_with("DCGM_FI_DEV_")));
    }

    #[test]
    fn no_family_tells_what_polling_cannot_know() {
        assert!(FAMILIES.iter().all(|f| !f.name.contains("XID") && !f.name.contains("_PROF_")));
    }

    #[test]
    fn no_field_is_asked_for_twice() {
        let unique: BTreeSet<_> = FIELDS.iter().collect();
        assert_eq!(unique.len(), FIELDS.len());
    }

    #[test]
    fn the_memory_sensor_that_is_missing_is_not_zero_degrees() {
        assert_eq!(memory_temp(Number::Whole(0)), None);
        assert_eq!(memory_temp(Number::Whole(2_147_483_634)), None);
        assert_eq!(memory_temp(Number::Whole(47)), Some(Number::Whole(47)));
    }

    #[test]
    fn numbers_of_every_width_keep_their_value() {
        assert_eq!(number(SampleValue::U32(7)), Some(Number::Whole(7)));
        assert_eq!(number(SampleValue::I64(-3)), Some(Number::Whole(-3)));
        assert_eq!(number(SampleValue::F64(f64::NAN)), None);
        assert_eq!(number(SampleValue::U64(u64::MAX)), None, "a blank is no value");
        assert_eq!(watts(170_582), Some(Number::Real(170.582)));
    }
}
