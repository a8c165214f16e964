//! Start of the asynchronous runtime, for the commands that need one.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::cli::CliError;

/// A started runtime: two threads, so that an engine at work never holds up the screen. It also
/// prepares the process for many connections: the limit of open files is raised as far as it may
/// be, and TLS gets its cryptography.
///
/// # Errors
/// The operating system refuses threads or an event queue.
pub fn start() -> Result<tokio::runtime::Runtime, CliError> {
    raise_open_files();
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source: io::Error| CliError::Start { what: "the runtime", source })
}

/// How many files may be open: now, and at most; `None` is without limit.
#[must_use]
pub fn open_files() -> (Option<u64>, Option<u64>) {
    let limit = getrlimit(Resource::Nofile);
    (limit.current, limit.maximum)
}

/// Raises the soft limit of open files to the hard one. Where that is refused the old limit stays:
/// polls then wait for each other.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_starts_twice_and_raises_the_limit_of_open_files() {
        let first = start().expect("threads are available");
        let second = start().expect("a second one does not mind the first");
        assert_eq!(first.block_on(async { 1 }) + second.block_on(async { 2 }), 3);
        let (now, most) = open_files();
        assert_eq!(now, most);
    }
}
