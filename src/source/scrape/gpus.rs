//! The GPUs of one page: series gathered by GPU and by MIG instance, then made into one value for
//! each metric.

use super::families::{self, Family, FamilyId, Field, Merge};
use super::identity::{Identity, Instance};
use crate::model::GpuReading;

/// Most GPUs of one target.
pub const MAX_GPUS: usize = 64;

/// Most MIG instances of one GPU.
const MAX_INSTANCES: usize = 16;

/// Values of one GPU or of one instance, with what has been seen of it.
#[derive(Clone, Debug)]
struct Values {
    /// By [`Field`]; NaN = not said.
    fields: [f64; Field::GPU],
    /// One bit for each family of the table.
    seen: u128,
}

impl Values {
    const EMPTY: Self = Self { fields: [f64::NAN; Field::GPU], seen: 0 };

    /// Takes a value; false when this family has spoken before (the first one counts).
    fn take(&mut self, id: FamilyId, value: f64) -> bool {
        let bit = 1_u128 << id.index();
        if self.seen & bit != 0 {
            return false;
        }
        self.seen |= bit;
        let family = id.get();
        let Some(slot) = self.fields.get_mut(family.field as usize) else { return true };
        if let Some(value) = converted(family, value) {
            if family.field == Field::EventBit {
                *slot = or(*slot, value);
            } else if slot.is_nan() {
                *slot = value;
            }
        }
        true
    }

    fn get(&self, field: Field) -> Option<f64> {
        Some(self.fields[field as usize]).filter(|v| !v.is_nan())
    }
}

fn converted(family: &Family, value: f64) -> Option<f64> {
    // A reason is set or not; the factor is its bit.
    let value = if family.field == Field::EventBit && value > 1.0 { 1.0 } else { value };
    family.convert(value)
}

/// The union of two masks; NaN is the empty one.
fn or(a: f64, b: f64) -> f64 {
    let bits = |v: f64| if v.is_nan() { 0 } else { v as u64 };
    (bits(a) | bits(b)) as f64
}

/// Where the series of one label set go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    gpu: u8,
    instance: Option<u8>,
}

impl Place {
    /// The place of a whole GPU, by its number on the page.
    #[must_use]
    pub const fn whole(gpu: u8) -> Self {
        Self { gpu, instance: None }
    }

    /// True where it is not one of a MIG instance.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.instance.is_none()
    }

    /// Number of the GPU on the page.
    #[must_use]
    pub const fn gpu(self) -> u8 {
        self.gpu
    }
}

/// One GPU.
#[derive(Clone, Debug)]
pub struct Gpu<'a> {
    /// Who it is, from all its series.
    pub id: Identity<'a>,
    device: Values,
    instances: Vec<(Instance<'a>, Values)>,
}

impl Gpu<'_> {
    /// The value of `field`: what the device says, else what its instances make together.
    fn value(&self, field: Field) -> Option<f64> {
        self.device.get(field).or_else(|| self.merged(field))
    }

    fn merged(&self, field: Field) -> Option<f64> {
        let said = || self.instances.iter().filter_map(|(i, v)| Some((i.slices, v.get(field)?)));
        let first = said().next()?.1;
        Some(match field.merge() {
            Merge::Max => said().fold(first, |a, (_, b)| a.max(b)),
            Merge::Min => said().fold(first, |a, (_, b)| a.min(b)),
            Merge::Sum => said().map(|(_, v)| v).sum(),
            Merge::Or => said().fold(f64::NAN, |a, (_, b)| or(a, b)),
            Merge::BySlices => {
                let used: f64 = said().map(|(s, _)| s).sum();
                said().map(|(s, v)| s * v).sum::<f64>() / used.max(self.slices())
            }
        })
    }

    /// Compute slices of the whole GPU: seven, four on the A30 (NVIDIA MIG user guide).
    fn slices(&self) -> f64 {
        if self.id.model.windows(3).any(|w| w == b"A30") { 4.0 } else { 7.0 }
    }

    /// Memory in all, MiB, as said or as the sum of its parts; 0 when unknown.
    #[must_use]
    pub fn memory_mib(&self) -> u32 {
        let parts = || {
            let known = self.value(Field::MemUsed)? + self.value(Field::MemFree)?;
            Some(known + self.value(Field::MemReserved).unwrap_or(0.0))
        };
        self.value(Field::MemTotal).or_else(parts).map_or(0, |v| v.round() as u32)
    }

    /// Position that the page itself gives.
    #[must_use]
    pub fn position(&self) -> Option<u16> {
        self.id.index.or_else(|| self.device.get(Field::Index).map(|v| v as u16))
    }

    /// The metrics, as a reading of position `index`.
    #[must_use]
    pub fn reading(&self, index: u16) -> GpuReading {
        let mut reading = GpuReading::new(index);
        for (metric, fields) in families::SOURCES {
            if let Some(value) = fields.iter().find_map(|f| self.value(*f)) {
                reading.set(metric, value as f32);
            }
        }
        reading
    }
}

/// All GPUs of a page, in the order in which they appear.
#[derive(Clone, Debug, Default)]
pub struct Gpus<'a> {
    list: Vec<Gpu<'a>>,
    /// Series that repeat one of the same family and GPU.
    pub repeated: u32,
    /// True when a Prometheus renamed labels of the page.
    pub renamed: bool,
}

impl<'a> Gpus<'a> {
    /// So many GPUs that are known otherwise.
    #[must_use]
    pub fn nameless(count: usize) -> Self {
        let gpu = Gpu { id: Identity::default(), device: Values::EMPTY, instances: Vec::new() };
        Self { list: vec![gpu; count], ..Self::default() }
    }

    /// The GPUs.
    #[must_use]
    pub fn list(&self) -> &[Gpu<'a>] {
        &self.list
    }

    /// The place of the series that `id` is about; `None` when it is about no GPU, or there are
    /// too many.
    pub fn place(&mut self, id: &Identity<'a>) -> Option<Place> {
        if !id.is_gpu() {
            return None;
        }
        self.renamed |= id.is_renamed();
        let found = self.list.iter().position(|g| g.id.is_same_gpu(id));
        let index = found.unwrap_or(self.list.len());
        if index == MAX_GPUS {
            return None;
        }
        if found.is_none() {
            self.list.push(Gpu { id: *id, device: Values::EMPTY, instances: Vec::new() });
        }
        let gpu = &mut self.list[index];
        let instance = match id.instance {
            None => {
                gpu.id.fill(id);
                None
            }
            Some(instance) => Some(gpu.instance(instance)?),
        };
        // What holds an instance holds a part of the GPU: the first one names the holder.
        if instance.is_some() {
            gpu.id.fill(&Identity { instance: None, ..*id });
        }
        Some(Place { gpu: u8::try_from(index).ok()?, instance })
    }

    /// Takes one sample.
    pub fn take(&mut self, place: Place, family: FamilyId, value: f64) {
        let Some(gpu) = self.list.get_mut(usize::from(place.gpu)) else { return };
        let values = match place.instance {
            None => &mut gpu.device,
            Some(i) => &mut gpu.instances[usize::from(i)].1,
        };
        if !values.take(family, value) {
            self.repeated = self.repeated.saturating_add(1);
        }
    }
}

impl<'a> Gpu<'a> {
    fn instance(&mut self, instance: Instance<'a>) -> Option<u8> {
        let found = self.instances.iter().position(|(i, _)| i.id == instance.id);
        let index = found.unwrap_or(self.instances.len());
        if index == MAX_INSTANCES {
            return None;
        }
        if found.is_none() {
            self.instances.push((instance, Values::EMPTY));
        }
        u8::try_from(index).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::lookup;
    use super::*;
    use crate::model::Metric;

    fn id(index: u16, instance: Option<(&'static str, f64)>) -> Identity<'static> {
        let instance = instance.map(|(id, slices)| Instance { id: id.as_bytes(), slices });
        Identity { index: Some(index), uuid: b"GPU-1", instance, ..Default::default() }
    }

    fn take(gpus: &mut Gpus<'static>, id: Identity<'static>, family: &str, value: f64) {
        let place = gpus.place(&id).expect("the GPU has room");
        gpus.take(place, lookup(family.as_bytes()).expect("a wanted family"), value);
    }

    fn reading(gpus: &Gpus<'_>) -> GpuReading {
        gpus.list()[0].reading(0)
    }

    #[test]
    fn the_first_of_repeated_series_counts() {
        let mut gpus = Gpus::default();
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_GPU_TEMP", 50.0);
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_GPU_TEMP", 90.0);
        assert_eq!(reading(&gpus).get(Metric::Temp), Some(50.0));
        assert_eq!(gpus.repeated, 1);
    }

    #[test]
    fn both_spellings_on_one_page_are_no_repetition() {
        let mut gpus = Gpus::default();
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_SM_CLOCK", 1980.0);
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_SM_CLOCK_HERTZ", 1.98e9);
        assert_eq!(reading(&gpus).get(Metric::SmClock), Some(1980.0));
        assert_eq!(gpus.repeated, 0);
    }

    #[test]
    fn a_blank_leaves_room_for_another_spelling() {
        let mut gpus = Gpus::default();
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_POWER_USAGE", 140_737_488_355_328.0);
        assert_eq!(reading(&gpus).get(Metric::Power), None);
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_POWER_USAGE_INSTANT", 612.5);
        assert_eq!(reading(&gpus).get(Metric::Power), Some(612.5));
    }

    #[test]
    fn sm_activity_is_preferred_then_tensor_then_engine() {
        let mut gpus = Gpus::default();
        for (family, value, want) in [
            ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.99, 99.0),
            ("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 0.25, 25.0),
            ("DCGM_FI_PROF_SM_ACTIVE", 0.5, 50.0),
        ] {
            take(&mut gpus, id(0, None), family, value);
            assert_eq!(reading(&gpus).get(Metric::Activity), Some(want));
        }
    }

    #[test]
    fn instances_add_up_by_their_slices() {
        let mut gpus = Gpus::default();
        for (instance, slices, activity, temp) in [("1", 4.0, 1.0, 50.0), ("2", 1.0, 0.5, 60.0)] {
            let id = id(0, Some((instance, slices)));
            take(&mut gpus, id, "DCGM_FI_PROF_SM_ACTIVE", activity);
            take(&mut gpus, id, "DCGM_FI_DEV_GPU_TEMP", temp);
            take(&mut gpus, id, "DCGM_FI_DEV_FB_USED", 1000.0);
        }
        let got = reading(&gpus);
        assert_eq!(gpus.list().len(), 1);
        assert_eq!(got.get(Metric::Activity), Some(450.0 / 7.0));
        assert_eq!(got.get(Metric::Temp), Some(60.0));
        assert_eq!(got.get(Metric::MemUsed), Some(2000.0));
        assert_eq!(gpus.repeated, 0, "instances are not repetitions");
    }

    #[test]
    fn the_device_speaks_before_its_instances() {
        let mut gpus = Gpus::default();
        take(&mut gpus, id(0, Some(("1", 7.0))), "DCGM_FI_DEV_POWER_USAGE", 900.0);
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_POWER_USAGE", 400.0);
        assert_eq!(reading(&gpus).get(Metric::Power), Some(400.0));
    }

    #[test]
    fn single_reasons_make_the_mask_where_no_mask_is_given() {
        let mut gpus = Gpus::default();
        take(&mut gpus, id(0, None), "nvidia_smi_clocks_event_reasons_hw_slowdown", 1.0);
        take(&mut gpus, id(0, None), "nvidia_smi_clocks_event_reasons_hw_thermal_slowdown", 1.0);
        take(&mut gpus, id(0, None), "nvidia_smi_clocks_event_reasons_gpu_idle", 0.0);
        assert_eq!(reading(&gpus).get(Metric::ClockEvents), Some(72.0));
        take(&mut gpus, id(0, None), "nvidia_smi_clocks_event_reasons_active", 4.0);
        assert_eq!(reading(&gpus).get(Metric::ClockEvents), Some(4.0));
    }

    #[test]
    fn memory_is_the_sum_of_its_parts_where_no_total_is_given() {
        let mut gpus = Gpus::default();
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_FB_USED", 16.0);
        assert_eq!(gpus.list()[0].memory_mib(), 0);
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_FB_FREE", 188_399.0);
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_FB_RESERVED", 1055.0);
        assert_eq!(gpus.list()[0].memory_mib(), 189_470);
    }

    #[test]
    fn absent_stays_apart_from_zero() {
        let mut gpus = Gpus::default();
        take(&mut gpus, id(0, None), "DCGM_FI_DEV_GPU_UTIL", 0.0);
        assert_eq!(reading(&gpus).get(Metric::Util), Some(0.0));
        assert_eq!(reading(&gpus).get(Metric::Power), None);
    }

    #[test]
    fn too_many_gpus_or_instances_are_left_out() {
        let mut gpus = Gpus::default();
        let names: Vec<String> = (0..100).map(|i| format!("GPU-{i}")).collect();
        let placed = |gpus: &mut Gpus<'_>| gpus.list().len();
        let mut many = Gpus::default();
        for name in &names {
            many.place(&Identity { uuid: name.as_bytes(), ..Default::default() });
        }
        assert_eq!(placed(&mut many), MAX_GPUS);
        for name in b"abcdefghijklmnopqrstuvwxyz".chunks(1) {
            gpus.place(&Identity { instance: Some(Instance { id: name, slices: 1.0 }), ..id(0, None) });
        }
        assert_eq!(gpus.list()[0].instances.len(), MAX_INSTANCES);
    }
}
