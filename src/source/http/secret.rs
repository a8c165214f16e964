//! A secret: text of the settings, or a file that is read again when it changes. Nothing here can
//! print one.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::HttpConfigError;
use crate::model::text;

/// Largest file of a secret, bytes.
pub const MAX_SECRET: u64 = 64 << 10;

/// Something that must not be seen.
#[derive(Clone)]
pub struct Secret(Kind);

#[derive(Clone)]
enum Kind {
    Text(Arc<str>),
    File { path: PathBuf, known: Arc<Mutex<Option<Known>>> },
}

/// The content of a file, and how the file looked then.
struct Known {
    stamp: Stamp,
    content: Arc<str>,
}

type Stamp = (Option<SystemTime>, u64);

impl Secret {
    /// The secret `text`.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(Kind::Text(text.into()))
    }

    /// The secret that stands in the file at `path`, without the white space around it.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File { path: path.into(), known: Arc::default() })
    }

    /// The file it comes from.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Text(_) => None,
            Kind::File { path, .. } => Some(path),
        }
    }

    /// The secret itself; `what` it is, in words, for errors: `token`. A file is read only when its
    /// time or size changed.
    ///
    /// # Errors
    /// The file is missing, empty, too large or no text.
    pub fn read(&self, what: &'static str) -> Result<String, HttpConfigError> {
        match &self.0 {
            Kind::Text(text) => Ok(text.to_string()),
            Kind::File { path, known } => {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                // A file that went bad must not be shadowed by what it once held.
                let earlier = known.take();
                let fail = |source| HttpConfigError::Read { what, path: shown(path), source };
                let stamp = stamp(&std::fs::metadata(path).map_err(fail)?);
                let content = match earlier {
                    Some(k) if k.stamp == stamp => k.content,
                    _ => content(path, what)?,
                };
                let text = content.to_string();
                *known = Some(Known { stamp, content });
                Ok(text)
            }
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::Text(_) => f.write_str("<secret>"),
            Kind::File { path, .. } => write!(f, "<secret in {}>", path.display()),
        }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Text(a), Kind::Text(b)) => a == b,
            (Kind::File { path: a, .. }, Kind::File { path: b, .. }) => a == b,
            _ => false,
        }
    }
}

impl Eq for Secret {}

fn stamp(data: &Metadata) -> Stamp {
    (data.modified().ok(), data.len())
}

fn content(path: &Path, what: &'static str) -> Result<Arc<str>, HttpConfigError> {
    let bytes = read_bounded(path, what, MAX_SECRET)?;
    let wrong = || HttpConfigError::Content { what, path: shown(path), message: "expected text".to_owned() };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong())?.trim();
    if text.is_empty() {
        return Err(HttpConfigError::Empty { what, path: shown(path) });
    }
    if text.contains(char::is_control) {
        let message = "expected one line without control characters".to_owned();
        return Err(HttpConfigError::Content { what, path: shown(path), message });
    }
    Ok(text.into())
}

/// The bytes of the file at `path`, at most `most` of them.
pub(super) fn read_bounded(path: &Path, what: &'static str, most: u64) -> Result<Vec<u8>, HttpConfigError> {
    let fail = |source| HttpConfigError::Read { what, path: shown(path), source };
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > most {
        let message = format!("larger than {} kB", most >> 10);
        return Err(HttpConfigError::Content { what, path: shown(path), message });
    }
    Ok(bytes)
}

pub(super) fn shown(path: &Path) -> String {
    text::clean(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_changes_and_never_remembered_when_it_is_bad() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("token");
        std::fs::write(&path, "abc\n").expect("writable");
        let secret = Secret::file(&path);
        let read = || secret.read("token").map_err(|e| e.to_string());
        assert_eq!(read().as_deref(), Ok("abc"));
        assert_eq!(read().as_deref(), Ok("abc"));
        std::fs::write(&path, " longer \n").expect("writable");
        assert_eq!(read().as_deref(), Ok("longer"));
        std::fs::write(&path, "\n").expect("writable");
        assert_eq!(read(), Err(format!("token file {} is empty", path.display())));
        std::fs::remove_file(&path).expect("removable");
        assert!(read().is_err_and(|e| e.contains("cannot be read")));
    }

    #[test]
    fn a_file_that_holds_no_secret_says_so_and_does_not_show_it() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("token");
        for (content, word) in [
            (b"two\nlines".to_vec(), "one line"),
            (b"\xff\xfe".to_vec(), "expected text"),
            (vec![b'a'; MAX_SECRET as usize + 1], "larger than 64 kB"),
        ] {
            std::fs::write(&path, &content).expect("writable");
            let e = Secret::file(&path).read("password").expect_err(word).to_string();
            assert!(e.contains(word) && e.starts_with("password file") && !e.contains("two"), "{e}");
        }
        let e = Secret::file(dir.path()).read("password").expect_err("a folder").to_string();
        assert!(e.contains("cannot be read"), "{e}");
    }

    #[test]
    fn secrets_are_equal_when_they_come_from_the_same_place() {
        assert_eq!(Secret::file("/a"), Secret::file("/a"));
        assert_ne!(Secret::file("/a"), Secret::text("/a"));
        assert_eq!(format!("{:?}", Secret::text("x")), "<secret>");
        assert_eq!(Secret::file("/a").path(), Some(Path::new("/a")));
    }
}
