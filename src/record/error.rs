//! What can go wrong with recordings, in sentences for the operator.

use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The operating system refused something.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has no content.
    #[error("{0}: an empty file, not a recording")]
    Empty(PathBuf),
    /// The file is something else.
    #[error("{0}: not a recording of hallwatch")]
    Foreign(PathBuf),
    /// A folder without recordings.
    #[error("{0}: a folder without recordings (*.mcap)")]
    NoFiles(PathBuf),
    /// The file was written by a newer program.
    #[error("{path}: written in version {version} of the recording format; this program reads up to {most}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The highest that is read.
        most: u32,
    },
    /// The file begins like a recording and has no frame.
    #[error("{0}: the recording has no frame that can be read")]
    NoFrames(PathBuf),
    /// Something in it is not as it should be.
    #[error("{path}: {what} at byte {at} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What.
        what: &'static str,
        /// Where it begins.
        at: u64,
    },
    /// There is something already where a file should be written.
    #[error("{0}: exists already; choose another name")]
    Exists(PathBuf),
    /// The stretch that was asked for lies outside of the recording.
    #[error("{path}: nothing is recorded between {from} and {to}")]
    Outside {
        /// The file.
        path: PathBuf,
        /// First moment asked for.
        from: crate::model::Timestamp,
        /// Last moment asked for.
        to: crate::model::Timestamp,
    },
    /// The container library refused to write.
    #[error("{path}: {source}")]
    Container {
        /// The file.
        path: PathBuf,
        /// Why.
        source: mcap::McapError,
    },
}

impl RecordError {
    /// An error of the operating system about `path`.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// True when the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let full = |e: &std::io::Error| e.kind() == std::io::ErrorKind::StorageFull;
        match self {
            Self::Io { source, .. } => full(source),
            Self::Container { source: mcap::McapError::Io(source), .. } => full(source),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file_and_what_is_wrong() {
        let path = PathBuf::from("x.mcap");
        assert_eq!(
            RecordError::Newer { path: path.clone(), version: 7, most: 1 }.to_string(),
            "x.mcap: written in version 7 of the recording format; this program reads up to 1"
        );
        let full = RecordError::io(&path)(std::io::ErrorKind::StorageFull.into());
        assert!(full.is_full() && full.to_string().starts_with("x.mcap: "));
        assert!(!RecordError::Empty(path).is_full());
    }
}
