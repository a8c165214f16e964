//! Who a series speaks of, by its labels.
//!
//! Exporters spell the same label in several ways (`Hostname` became `hostname` in dcgm-exporter in
//! May 2026; link metrics write `gpu_uuid` and `model_name`), so names are compared without case
//! and by a list of aliases. A Prometheus between the exporter and us renames the labels that
//! clash with its own to `exported_…`; then the plain `pod` is the exporter's own.

use super::exposition::Label;
use crate::model::text;

/// Longest label name that has a meaning here.
const NAME_MAX: usize = 32;

/// What exporters write for "no text" (`dcgm_structs.h`, nvidia-smi).
const BLANKS: [&[u8]; 8] = [
    b"<<<NULL>>>",
    b"<<<NOT_FOUND>>>",
    b"<<<NOT_SUPPORTED>>>",
    b"<<<NOT_PERM>>>",
    b"ERROR - FAILED TO CONVERT TO STRING",
    b"[N/A]",
    b"N/A",
    b"[Not Supported]",
];

/// The labels that identify, as they stand on the page; empty where they are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Identity<'a> {
    /// Position in the node, 0–63.
    pub index: Option<u16>,
    /// `GPU-…`.
    pub uuid: &'a [u8],
    /// Product name.
    pub model: &'a [u8],
    /// PCI bus id.
    pub pci: &'a [u8],
    /// Driver version.
    pub driver: &'a [u8],
    /// What the node calls itself.
    pub hostname: &'a [u8],
    /// Pod, and its name where Prometheus renamed it.
    pub pod: Work<'a>,
    /// Namespace, likewise.
    pub namespace: Work<'a>,
    /// Job of a batch scheduler.
    pub hpc_job: &'a [u8],
    /// The MIG instance, where the series is about one.
    pub instance: Option<Instance<'a>>,
}

/// A label that Prometheus may have renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work<'a> {
    /// Under its own name.
    pub plain: &'a [u8],
    /// Under the `exported_` name.
    pub exported: &'a [u8],
}

/// A MIG instance of a GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instance<'a> {
    /// Its id on the GPU.
    pub id: &'a [u8],
    /// Its compute slices: 3 of `3g.40gb`.
    pub slices: f64,
}

impl<'a> Identity<'a> {
    /// Reads the labels of a GPU series. `info` is true for the family that exists for its
    /// labels (`nvidia_smi_gpu_info`), where `index` and `name` are those of the GPU.
    #[must_use]
    pub fn read(labels: impl IntoIterator<Item = Label<'a>>, info: bool) -> Self {
        let mut id = Self::default();
        let mut instance: &[u8] = b"";
        let mut slices = 1.0;
        for label in labels {
            let mut buffer = [0; NAME_MAX];
            let Some(name) = lowercase(label.name, &mut buffer) else { continue };
            let value = if is_blank(label.raw) { b"" } else { label.raw };
            match name {
                b"gpu" => id.index = position(value),
                b"index" if info => id.index = position(value),
                b"uuid" | b"gpu_uuid" => id.uuid = value,
                b"modelname" | b"model_name" => id.model = value,
                b"name" if info => id.model = value,
                b"pci_bus_id" => id.pci = value,
                b"dcgm_fi_driver_version" | b"dcgm_fi_system_driver_version" | b"driver_version" => {
                    id.driver = value;
                }
                b"hostname" => id.hostname = value,
                b"pod" | b"pod_name" => id.pod.plain = value,
                b"exported_pod" | b"exported_pod_name" => id.pod.exported = value,
                b"namespace" | b"pod_namespace" => id.namespace.plain = value,
                b"exported_namespace" | b"exported_pod_namespace" => id.namespace.exported = value,
                b"hpc_job" => id.hpc_job = value,
                b"gpu_i_id" => instance = value,
                b"gpu_i_profile" => slices = compute_slices(value),
                _ => {}
            }
        }
        id.instance = (!instance.is_empty()).then_some(Instance { id: instance, slices });
        id
    }

    /// True when the series belongs to some GPU.
    #[must_use]
    pub const fn is_gpu(&self) -> bool {
        !self.uuid.is_empty() || self.index.is_some()
    }

    /// True when both speak of the same GPU: by UUID where both have one, else by position.
    #[must_use]
    pub fn is_same_gpu(&self, other: &Self) -> bool {
        if self.uuid.is_empty() || other.uuid.is_empty() {
            self.index.is_some() && self.index == other.index
        } else {
            self.uuid == other.uuid
        }
    }

    /// Takes over what `other` knows and this does not.
    pub fn fill(&mut self, other: &Self) {
        self.index = self.index.or(other.index);
        let pairs = [
            (&mut self.uuid, other.uuid),
            (&mut self.model, other.model),
            (&mut self.pci, other.pci),
            (&mut self.driver, other.driver),
            (&mut self.hostname, other.hostname),
            (&mut self.pod.plain, other.pod.plain),
            (&mut self.pod.exported, other.pod.exported),
            (&mut self.namespace.plain, other.namespace.plain),
            (&mut self.namespace.exported, other.namespace.exported),
            (&mut self.hpc_job, other.hpc_job),
        ];
        for (mine, theirs) in pairs {
            if mine.is_empty() {
                *mine = theirs;
            }
        }
    }

    /// True when a Prometheus renamed labels of this series.
    #[must_use]
    pub const fn is_renamed(&self) -> bool {
        !self.pod.exported.is_empty() || !self.namespace.exported.is_empty()
    }

    /// The pod or job that holds the GPU. `renamed`: labels of this page were renamed, so a plain
    /// `pod` is the exporter's.
    #[must_use]
    pub const fn job(&self, renamed: bool) -> &'a [u8] {
        if !self.hpc_job.is_empty() {
            // The scheduler's job: a pod is one node's share of it.
            return self.hpc_job;
        }
        if renamed { self.pod.exported } else { self.pod.plain }
    }

    /// The namespace that holds the GPU, likewise.
    #[must_use]
    pub const fn tenant(&self, renamed: bool) -> &'a [u8] {
        if renamed { self.namespace.exported } else { self.namespace.plain }
    }
}

/// `raw` as text that is safe to keep: escapes resolved, control characters dropped.
#[must_use]
pub fn text_of(raw: &[u8]) -> String {
    text::clean(&Label { name: b"", raw }.text())
}

/// A UUID with the `GPU-` that nvidia_gpu_exporter leaves out.
#[must_use]
pub fn whole_uuid(mut uuid: String) -> String {
    if uuid.len() == 36 && uuid.is_ascii() && uuid.matches('-').count() == 4 {
        uuid.insert_str(0, "GPU-");
    }
    uuid
}

/// True when `kept`, which [`text_of`] made once, may have been made of `raw`. Copies nothing in
/// the common case.
#[must_use]
pub fn is_text_of(kept: &str, raw: &[u8]) -> bool {
    kept.as_bytes() == raw || kept == text_of(raw)
}

fn is_blank(raw: &[u8]) -> bool {
    matches!(raw.first(), Some(b'<' | b'[' | b'E' | b'N')) && BLANKS.contains(&raw)
}

fn lowercase<'b>(name: &[u8], buffer: &'b mut [u8; NAME_MAX]) -> Option<&'b [u8]> {
    let out = buffer.get_mut(..name.len())?;
    out.copy_from_slice(name);
    out.make_ascii_lowercase();
    Some(out)
}

fn position(value: &[u8]) -> Option<u16> {
    std::str::from_utf8(value).ok()?.parse().ok().filter(|i| *i < 64)
}

/// Compute slices of a MIG profile: the number before `g`; 1 where there is none.
fn compute_slices(profile: &[u8]) -> f64 {
    let digit = profile.iter().position(|b| *b == b'g').and_then(|g| profile.get(g.checked_sub(1)?));
    digit.filter(|d| d.is_ascii_digit() && **d != b'0').map_or(1.0, |d| f64::from(d - b'0'))
}

#[cfg(test)]
mod tests {
    use super::super::exposition;
    use super::*;

    /// Hands the identity of the only sample of `labels` to `check`.
    fn with(labels: &str, info: bool, check: impl Fn(Identity<'_>)) {
        let page = format!("x{{{labels}}} 1\n");
        let tally =
            exposition::scan(page.as_bytes(), |_| Some(()), |(), s| check(Identity::read(s.labels, info)));
        assert_eq!(tally.samples, 1);
    }

    #[test]
    fn labels_are_known_in_every_spelling() {
        for host in ["Hostname", "hostname", "HOSTNAME"] {
            with(&format!("{host}=\"n1\",UUID=\"GPU-1\""), false, |id| {
                assert_eq!((id.hostname, id.uuid), (&b"n1"[..], &b"GPU-1"[..]));
            });
        }
        with("gpu_uuid=\"GPU-2\",model_name=\"GB200\",gpu=\"3\"", false, |id| {
            assert_eq!((id.uuid, id.model, id.index), (&b"GPU-2"[..], &b"GB200"[..], Some(3)));
        });
    }

    #[test]
    fn the_exporters_own_pod_is_not_taken_for_the_job() {
        with(
            "gpu=\"0\",pod=\"dcgm-exporter-x\",namespace=\"gpu-operator\",exported_pod=\"train-0\",exported_namespace=\"a\"",
            false,
            |id| {
                assert!(id.is_renamed());
                assert_eq!((id.job(true), id.tenant(true)), (&b"train-0"[..], &b"a"[..]));
            },
        );
        with("gpu=\"1\",pod=\"dcgm-exporter-x\"", false, |id| {
            assert_eq!(id.job(true), b"", "an idle GPU of a page with renamed labels has no job");
            assert_eq!(id.job(false), b"dcgm-exporter-x");
        });
        with("gpu=\"1\",hpc_job=\"4711\"", false, |id| assert_eq!(id.job(false), b"4711"));
        with("gpu=\"1\",hpc_job=\"4711\",pod=\"a-0\"", false, |id| assert_eq!(id.job(false), b"4711"));
    }

    #[test]
    fn blank_strings_are_no_names() {
        with(
            "gpu=\"0\",UUID=\"<<<NOT_SUPPORTED>>>\",modelName=\"ERROR - FAILED TO CONVERT TO STRING\"",
            false,
            |id| {
                assert_eq!((id.uuid, id.model), (&b""[..], &b""[..]));
                assert!(id.is_gpu());
            },
        );
    }

    #[test]
    fn instances_are_known_by_id_and_size() {
        with("gpu=\"0\",GPU_I_ID=\"13\",GPU_I_PROFILE=\"3g.40gb\"", false, |id| {
            assert_eq!(id.instance, Some(Instance { id: b"13", slices: 3.0 }));
        });
        with("gpu=\"0\",GPU_I_ID=\"\"", false, |id| assert_eq!(id.instance, None));
        for (profile, slices) in
            [("1g.5gb+me", 1.0), ("1c.4g.40gb", 4.0), ("", 1.0), ("g", 1.0), ("0g.x", 1.0)]
        {
            assert!((compute_slices(profile.as_bytes()) - slices).abs() < 1e-9, "{profile}");
        }
    }

    #[test]
    fn gpus_are_told_apart_by_uuid_before_position() {
        let a = Identity { uuid: b"GPU-1", index: Some(0), ..Default::default() };
        let b = Identity { uuid: b"GPU-2", index: Some(0), ..Default::default() };
        let c = Identity { index: Some(0), ..Default::default() };
        assert!(!a.is_same_gpu(&b));
        assert!(a.is_same_gpu(&c) && c.is_same_gpu(&b));
        assert!(!Identity::default().is_same_gpu(&Identity::default()));
    }

    #[test]
    fn index_and_name_mean_the_gpu_only_in_the_info_family() {
        with("index=\"2\",name=\"H100\",uuid=\"u\"", true, |id| {
            assert_eq!((id.index, id.model), (Some(2), &b"H100"[..]))
        });
        with("index=\"2\",name=\"eth0\",gpu=\"64\"", false, |id| {
            assert_eq!((id.index, id.model), (None, &b""[..]))
        });
    }

    #[test]
    fn text_is_cleaned_once_and_recognised_again() {
        let raw = b"evil\\n\x1b[2J\\\"x";
        let kept = text_of(raw);
        assert_eq!(kept, "evil[2J\"x");
        assert!(is_text_of(&kept, raw) && !is_text_of(&kept, b"other"));
    }
}
