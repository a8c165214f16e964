//! What can go wrong on the command line, and the exit code of each.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::model::document::FileError;

/// An error of a command. Its `Display` names the operation and the file; the cause is attached
/// and printed once, by [`CliError::report`].
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Options that contradict each other: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A file that was read and cannot be used; names file and line.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output could not be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    /// Something that the program needs could not be started.
    #[error("cannot start {what}")]
    Start {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A recording that cannot be read or written.
    #[error(transparent)]
    Record(#[from] crate::record::RecordError),
    /// The command did its work and the answer is no, or it failed in words of its own.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// 2 for wrong usage, else 1.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// True when the reader of the output went away (`hallwatch man | head`): not a failure.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        let Self::Output(e) = self else { return false };
        // A writer of tables wraps what its output said.
        let wrapped = e.get_ref().and_then(|inner| inner.downcast_ref::<csv::Error>());
        let kind = match wrapped.map(csv::Error::kind) {
            Some(csv::ErrorKind::Io(inner)) => inner.kind(),
            _ => e.kind(),
        };
        kind == io::ErrorKind::BrokenPipe
    }

    /// The error and its causes in one line, without characters that could steer a terminal.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(e) = cause {
            text.push_str(": ");
            text.push_str(&e.to_string());
            cause = e.source();
        }
        text.chars().filter(|c| *c == '\n' || crate::model::text::is_safe(*c)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_reported_once() {
        let e = CliError::Read { path: "a.toml".into(), source: io::Error::other("no luck") };
        assert_eq!(e.report(), "cannot read a.toml: no luck");
        let e = CliError::from(FileError::new("a.toml", Some(3), "bad"));
        assert_eq!(e.report(), "a.toml:3: bad");
    }

    #[test]
    fn a_closed_pipe_is_known_through_a_writer_of_tables() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(CliError::Output(closed()).is_closed_pipe());
        let wrapped = io::Error::from(csv::Error::from(closed()));
        assert!(CliError::Output(wrapped).is_closed_pipe());
        assert!(!CliError::Output(io::Error::other("full")).is_closed_pipe());
    }

    #[test]
    fn exit_codes_tell_usage_from_failure() {
        assert_eq!(CliError::Usage(String::new()).exit_code(), 2);
        assert_eq!(CliError::Failed(String::new()).exit_code(), 1);
        assert!(CliError::Output(io::ErrorKind::BrokenPipe.into()).is_closed_pipe());
    }

    #[test]
    fn a_report_cannot_steer_the_terminal() {
        assert_eq!(CliError::Failed("a\u{1b}[2Jb".into()).report(), "a[2Jb");
    }
}
