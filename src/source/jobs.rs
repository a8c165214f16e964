//! Who holds the GPUs: a table in a file, read again when it changes, or a Slurm REST daemon that is
//! asked. Either gives one complete list at a time, which goes before what labels say.

pub mod hostlist;
pub mod mapping;
mod run;
pub mod slurm;

use std::path::PathBuf;
use std::time::Duration;

use crate::source::http::HttpConfig;

pub use run::{JobsError, run};

/// Where the list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A CSV or JSON file.
    File(PathBuf),
    /// The address of slurmrestd, with or without the path up to the version.
    Slurm(String),
}

/// What a source of jobs needs to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsConfig {
    /// Where the list comes from.
    pub origin: Origin,
    /// How slurmrestd is spoken to.
    pub http: HttpConfig,
    /// Time between two looks.
    pub interval: Duration,
    /// Longest time of one request.
    pub timeout: Duration,
}
