//! What can go wrong with the journal, in words that the operator is shown.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::model::alarm::AlarmId;

/// An error of the journal. Each names the file; where something was to be written, nothing was.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its folder or the file itself could not be made.
    #[error("{}: cannot be made: {source}", path.display())]
    Make {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is none.
    #[error("{}: there is no journal", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// A newer version wrote it.
    #[error(
        "{}: was written by hallwatch {version} (journal format {format}), this one knows formats up to \
         {known}; nothing was changed",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
        /// Its format.
        format: i64,
        /// The newest format of this version.
        known: i64,
    },
    /// Another program wrote it.
    #[error("{}: is no journal of hallwatch; nothing was changed", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged.
    #[error("{}: is damaged ({what}): run `hallwatch alarms verify`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The disk is full.
    #[error("{}: the disk is full, nothing was saved", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file or its file system can only be read.
    #[error("{}: can only be read, nothing was saved", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes for too long.
    #[error("{}: another console is writing, nothing was saved", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Another console writes the transitions now.
    #[error("another console leads now ({holder}), nothing was saved")]
    LeaseLost {
        /// Its name.
        holder: String,
    },
    /// Two alarms of one rule at one place, or one alarm of two.
    #[error("alarm {id} ({rule} at {place}) has another number or name in the journal")]
    Duplicate {
        /// The number that was to be written.
        id: AlarmId,
        /// Its rule.
        rule: String,
        /// Its place.
        place: String,
    },
    /// An operation that is wrong in itself.
    #[error("{0}")]
    Invalid(String),
    /// SQLite failed for another reason.
    #[error("{}: cannot {operation}: {source}", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        operation: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
}

impl JournalError {
    /// An error of SQLite while doing `operation`.
    pub(super) fn sql(path: &Path, operation: &'static str, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, what: source.to_string() }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Sql { path, operation, source },
        }
    }

    /// A text in the file that is not what was written there.
    pub(super) fn body(path: &Path, what: &str, number: i64, source: &serde_json::Error) -> Self {
        Self::Damaged { path: path.to_owned(), what: format!("{what} {number} cannot be read: {source}") }
    }

    /// True when the file itself is broken: trying again does not help.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// True when another process was faster: trying again helps.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }
}
