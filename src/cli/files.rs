//! Where settings live, and reading them with a bound on size.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::cli::CliError;

/// Largest config or theme file, bytes.
pub const MAX_CONFIG: u64 = 1 << 20;
/// Largest topology, inventory or target list, bytes.
pub const MAX_DATA: u64 = 64 << 20;

/// The folder of the user's settings: `$XDG_CONFIG_HOME/hallwatch`, mostly
/// `~/.config/hallwatch`. `None` without a home.
#[must_use]
pub fn user_dir() -> Option<PathBuf> {
    let base = etcetera::base_strategy::choose_base_strategy().ok()?;
    Some(base.config_dir().join("hallwatch"))
}

/// The folder of the machine's settings.
#[must_use]
pub fn system_dir() -> PathBuf {
    PathBuf::from("/etc/hallwatch")
}

/// The folder of what the program leaves behind, such as crash reports:
/// `$XDG_STATE_HOME/hallwatch`, mostly `~/.local/state/hallwatch`.
#[must_use]
pub fn state_dir() -> PathBuf {
    let base = etcetera::base_strategy::choose_base_strategy().ok();
    let state = base.and_then(|b| b.state_dir());
    state.unwrap_or_else(std::env::temp_dir).join("hallwatch")
}

/// Reads the text file `path` of at most `max` bytes.
///
/// # Errors
/// The file cannot be read, is too large or is no UTF-8.
pub fn read(path: &Path, max: u64) -> Result<String, CliError> {
    read_bytes(path, max).map_err(|source| CliError::Read { path: path.to_owned(), source })
}

fn read_bytes(path: &Path, max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other(format!("larger than {max} bytes")));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not UTF-8"))
    })
}

/// Reads `path` like [`read`]; `None` when there is no such file.
///
/// # Errors
/// As [`read`], but for a missing file.
pub fn read_if_present(path: &Path, max: u64) -> Result<Option<String>, CliError> {
    match read(path, max) {
        Ok(text) => Ok(Some(text)),
        Err(CliError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_read_say_which_and_why() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("a.toml");
        assert!(read_if_present(&path, 10).expect("absence is fine").is_none());
        assert!(read(&path, 10).expect_err("absent").report().contains("a.toml"));
        std::fs::write(&path, "12345678901").expect("writable");
        assert!(read(&path, 10).expect_err("too large").report().ends_with("larger than 10 bytes"));
        std::fs::write(&path, b"a\nb\xff\n").expect("writable");
        assert!(read(&path, 10).expect_err("no text").report().ends_with("line 2 is not UTF-8"));
        assert!(read(dir.path(), 10).is_err(), "a folder is no file");
    }
}
