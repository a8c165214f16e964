//! The GPUs of this machine, by NVML.

use std::sync::Arc;

use nvml_wrapper::Nvml;
use nvml_wrapper::device::Device;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor, TemperatureThreshold};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::structs::device::FieldId;

use super::margin;
use crate::model::batch::GpuFacts;
use crate::model::{GpuReading, Metric, text};

/// Memory temperature (`NVML_FI_DEV_MEMORY_TEMP` in `nvml.h`).
const MEMORY_TEMP: FieldId = FieldId(82);
/// Bytes of a MiB.
const MIB: u64 = 1 << 20;
/// GPUs that are looked at: what fits into one machine.
const MAX_GPUS: u32 = 64;

/// The library, and what is known of each GPU.
pub struct Gpus {
    nvml: Nvml,
    driver: String,
    known: Vec<Option<Arc<GpuFacts>>>,
}

impl Gpus {
    /// Opens the library, at `path` if it is not where the system looks for it.
    ///
    /// # Errors
    /// Says why there are no GPUs to be seen: the library is missing, or the driver.
    pub fn open(path: Option<&str>) -> Result<Self, String> {
        let opened = match path {
            Some(path) => Nvml::builder().lib_path(path.as_ref()).init(),
            None => Nvml::init(),
        };
        let nvml = opened.map_err(|e| text::clean(&format!("no GPUs: NVML cannot be used: {e}")))?;
        let driver = nvml.sys_driver_version().map(|v| text::clean(&v)).unwrap_or_default();
        Ok(Self { nvml, driver, known: Vec::new() })
    }

    /// All GPUs that answer. One that has fallen off the bus is missing.
    pub fn read(&mut self) -> Vec<GpuReading> {
        self.visit(|device, index, facts, is_new| {
            let mut reading = GpuReading::new(index);
            fill(device, &mut reading);
            reading.facts = is_new.then(|| Arc::clone(facts));
            reading
        })
    }

    /// Calls `look` with every GPU that answers: the device, its position in the machine (0 to 63),
    /// who it is, and whether that is new.
    pub fn visit<T>(&mut self, mut look: impl FnMut(&Device<'_>, u16, &Arc<GpuFacts>, bool) -> T) -> Vec<T> {
        let count = self.nvml.device_count().unwrap_or(0).min(MAX_GPUS);
        self.known.resize(count as usize, None);
        let mut seen = Vec::with_capacity(count as usize);
        for (index, known) in (0..count).zip(&mut self.known) {
            let Ok(device) = self.nvml.device_by_index(index) else { continue };
            let Ok(uuid) = device.uuid() else { continue };
            let is_new = known.as_ref().is_none_or(|k| k.uuid != uuid);
            if is_new {
                *known = Some(Arc::new(facts(&device, &uuid, &self.driver)));
            }
            let Some(facts) = known else { continue };
            seen.push(look(&device, index as u16, facts, is_new));
        }
        seen
    }
}

fn facts(device: &Device<'_>, uuid: &str, driver: &str) -> GpuFacts {
    GpuFacts {
        uuid: text::clean(uuid),
        model: device.name().map(|n| text::clean(&n).into()).unwrap_or_default(),
        pci: device.pci_info().map(|p| text::clean(&p.bus_id)).unwrap_or_default(),
        driver: driver.into(),
        memory_mib: device.memory_info().map_or(0, |m| (m.total / MIB) as u32),
        job: Arc::default(),
        tenant: Arc::default(),
    }
}

/// Every value is asked for alone: a part that does not support one still gives the others.
fn fill(device: &Device<'_>, reading: &mut GpuReading) {
    let temp = device.temperature(TemperatureSensor::Gpu).ok().map(|t| t as f32);
    let slowdown = device.temperature_threshold(TemperatureThreshold::Slowdown).ok();
    let values = [
        (Metric::Util, device.utilization_rates().ok().map(|u| u.gpu as f32)),
        (Metric::Power, device.power_usage().ok().map(|mw| mw as f32 / 1000.0)),
        (Metric::Temp, temp),
        (Metric::MemTemp, memory_temp(device)),
        (Metric::MemUsed, device.memory_info().ok().map(|m| (m.used / MIB) as f32)),
        (Metric::SmClock, device.clock_info(Clock::SM).ok().map(|mhz| mhz as f32)),
        (Metric::Margin, margin::margin(device).map(|k| k as f32).or_else(|| to_slowdown(slowdown, temp))),
        (Metric::ClockEvents, device.current_throttle_reasons().ok().map(|r| mask(r.bits()))),
    ];
    for (metric, value) in values {
        if let Some(value) = value {
            reading.set(metric, value);
        }
    }
}

fn memory_temp(device: &Device<'_>) -> Option<f32> {
    let sample = device.field_values_for(&[MEMORY_TEMP]).ok()?.pop()?.ok()?;
    let celsius = match sample.value.ok()? {
        SampleValue::U32(v) => f64::from(v),
        SampleValue::U64(v) => v as f64,
        SampleValue::I64(v) => v as f64,
        SampleValue::F64(v) => v,
    };
    // Parts without the sensor answer zero or a blank.
    (1.0..300.0).contains(&celsius).then_some(celsius as f32)
}

/// Distance to the slowdown threshold, K, for parts that do not tell their margin. Some do not tell
/// the threshold either, or tell zero.
fn to_slowdown(slowdown: Option<u32>, temp: Option<f32>) -> Option<f32> {
    let slowdown = slowdown.filter(|s| (40..=150).contains(s))?;
    Some(slowdown as f32 - temp?)
}

/// NVML's reasons are the bits of the metric.
const fn mask(bits: u64) -> f32 {
    (bits & 0x1ff) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClockEvents;
    use nvml_wrapper::bitmasks::device::ThrottleReasons;

    #[test]
    fn a_missing_library_is_an_error_that_names_it() {
        let e = Gpus::open(Some("/nonexistent/lib.so")).err().expect("there is no such file");
        assert!(e.starts_with("no GPUs: NVML") && e.contains("/nonexistent/lib.so"), "{e}");
    }

    #[test]
    fn margin_needs_a_threshold_that_can_be_true() {
        assert_eq!(to_slowdown(Some(89), Some(70.0)), Some(19.0));
        assert_eq!(to_slowdown(Some(0), Some(70.0)), None);
        assert_eq!(to_slowdown(None, Some(70.0)), None);
        assert_eq!(to_slowdown(Some(89), None), None);
    }

    #[test]
    fn the_library_and_the_metric_agree_on_the_bits() {
        let pairs = [
            (ThrottleReasons::GPU_IDLE, ClockEvents::IDLE),
            (ThrottleReasons::SW_POWER_CAP, ClockEvents::SW_POWER_CAP),
            (ThrottleReasons::HW_SLOWDOWN, ClockEvents::HW_SLOWDOWN),
            (ThrottleReasons::SW_THERMAL_SLOWDOWN, ClockEvents::SW_THERMAL),
            (ThrottleReasons::HW_THERMAL_SLOWDOWN, ClockEvents::HW_THERMAL),
            (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, ClockEvents::POWER_BRAKE),
        ];
        for (theirs, ours) in pairs {
            assert_eq!(mask(theirs.bits()) as u16, ours);
        }
    }

    #[test]
    fn gpus_of_this_machine_say_plausible_things() {
        let Ok(mut gpus) = Gpus::open(None) else {
            println!("skipped: NVML is not installed here");
            return;
        };
        for reading in gpus.read() {
            assert!(reading.facts.as_ref().is_some_and(|f| f.uuid.starts_with("GPU-")));
            assert!(reading.get(Metric::Temp).is_none_or(|t| (1.0..120.0).contains(&t)), "{reading:?}");
        }
        assert!(gpus.read().iter().all(|r| r.facts.is_none()), "identity is sent once");
    }
}
