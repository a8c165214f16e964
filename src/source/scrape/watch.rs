//! Notices that a target list was rewritten, by its time and size.

use std::path::PathBuf;
use std::time::SystemTime;

use super::targets::Spec;

/// The files of a source, as they were when last looked at.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    files: Vec<(PathBuf, Stamp)>,
}

type Stamp = Option<(SystemTime, u64)>;

impl Watch {
    /// The files among `specs`, as they are now. Reads their metadata.
    #[must_use]
    pub fn new(specs: &[Spec]) -> Self {
        let path = |s: &Spec| match s {
            Spec::File(path) => Some(path.clone()),
            Spec::Address(_) => None,
        };
        Self { files: specs.iter().filter_map(path).map(|p| (p.clone(), stamp(&p))).collect() }
    }

    /// True when there is nothing to watch.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// True when a file is not what it was when last asked. Reads metadata.
    pub fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (path, known) in &mut self.files {
            let now = stamp(path);
            changed |= now != *known;
            *known = now;
        }
        changed
    }
}

fn stamp(path: &PathBuf) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("t.json");
        std::fs::write(&path, "[]").expect("writable");
        let mut watch = Watch::new(&[Spec::File(path.clone()), Spec::Address("a:1".to_owned())]);
        assert!(!watch.has_changed());
        std::fs::write(&path, "[ ]").expect("writable");
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
        std::fs::remove_file(&path).expect("removable");
        assert!(watch.has_changed(), "a file that is gone is a change");
        assert!(Watch::new(&[]).is_empty());
    }
}
