//! The margin of a GPU to its nearest slowdown threshold (what `nvidia-smi` calls T.Limit): one
//! call of NVML that the wrapper does not have yet.

#![allow(unsafe_code, reason = "one call into a C library, with its one struct")]

use nvml_wrapper::device::Device;
use nvml_wrapper_sys::bindings::nvmlMarginTemperature_v1_t as Answer;

/// Version 1 of the struct, as `NVML_STRUCT_VERSION` of `nvml.h` makes it.
const VERSION: u32 = size_of::<Answer>() as u32 | (1 << 24);
/// `NVML_SUCCESS`.
const SUCCESS: u32 = 0;

/// The margin in K, negative above the threshold; `None` where the library or the part has none.
pub fn margin(device: &Device<'_>) -> Option<i32> {
    let call = device.nvml().lib().nvmlDeviceGetMarginTemperature.as_ref().ok()?;
    let mut answer = Answer { version: VERSION, marginTemperature: 0 };
    // SAFETY: the handle comes from the library that is called and lives as long as `device`; the
    // struct is the one of the version it names, and nothing keeps the pointer after the call.
    let code = unsafe { call(device.handle(), &raw mut answer) };
    (code == SUCCESS && (-200..=200).contains(&answer.marginTemperature)).then_some(answer.marginTemperature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_struct_is_the_one_that_its_version_names() {
        assert_eq!(VERSION, 0x0100_0008);
    }
}
