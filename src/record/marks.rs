//! What operators marked in a recording: incidents and bookmarks, in a file beside it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::chronicle::{Bookmark, Incident, MAX_TITLE};
use crate::model::text;
use crate::record::RecordError;

/// Most marks of each kind that are kept; the oldest go.
const MOST: usize = 10_000;
/// Longest file of marks that is read.
const MOST_BYTES: u64 = 16 << 20;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// Incidents, in the order in which they were marked.
    pub incidents: Vec<Incident>,
    /// Bookmarks, in the order in which they were made.
    pub bookmarks: Vec<Bookmark>,
}

/// Where the marks of a recording are: in the folder, or beside the file.
#[must_use]
pub fn path_of(recording: &Path) -> PathBuf {
    if recording.is_dir() { recording.join("marks.json") } else { recording.with_extension("marks.json") }
}

fn clean(words: &str) -> String {
    words.chars().filter(|c| text::is_safe(*c)).take(MAX_TITLE).collect()
}

impl Marks {
    /// Reads marks; none where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is something else.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        let io = RecordError::io(path);
        match fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(io(e)),
            Ok(m) if m.len() > MOST_BYTES => return Err(io(std::io::ErrorKind::FileTooLarge.into())),
            Ok(_) => {}
        }
        let bytes = fs::read(path).map_err(io)?;
        let mut marks: Self =
            serde_json::from_slice(&bytes).map_err(|e| RecordError::io(path)(std::io::Error::other(e)))?;
        for incident in &mut marks.incidents {
            incident.title = clean(&incident.title).into();
            incident.operator = clean(&incident.operator).into();
        }
        for bookmark in &mut marks.bookmarks {
            bookmark.text = clean(&bookmark.text).into();
            bookmark.operator = clean(&bookmark.operator).into();
        }
        Ok(marks)
    }

    /// Changes the marks of a file. Several consoles may do so at once; none loses what another
    /// wrote, and a crash leaves the old marks or the new ones.
    ///
    /// # Errors
    /// They cannot be read or written; then nothing has changed.
    pub fn change(path: &Path, change: impl FnOnce(&mut Self)) -> Result<Self, RecordError> {
        let lock_path = path.with_extension("json.lock");
        let lock = File::create(&lock_path).map_err(RecordError::io(&lock_path))?;
        lock.lock().map_err(RecordError::io(&lock_path))?;
        let mut marks = Self::load(path)?;
        change(&mut marks);
        marks.incidents.drain(..marks.incidents.len().saturating_sub(MOST));
        marks.bookmarks.drain(..marks.bookmarks.len().saturating_sub(MOST));
        let fresh = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(&marks).unwrap_or_default();
        let written = File::create(&fresh).and_then(|mut f| f.write_all(&text).and_then(|()| f.sync_all()));
        written.map_err(RecordError::io(&fresh))?;
        fs::rename(&fresh, path).map_err(RecordError::io(path))?;
        Ok(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn incident(n: i64, title: &str) -> Incident {
        let at = Timestamp::from_secs;
        Incident { title: title.into(), from: at(n), to: at(n + 9), operator: "kari".into(), marked: at(n) }
    }

    #[test]
    fn marks_are_kept_and_no_console_loses_those_of_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_of(folder.path());
        assert_eq!(Marks::load(&path).expect("none yet"), Marks::default());
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    Marks::change(path, |m| m.incidents.push(incident(n, "leak"))).expect("saved");
                });
            }
        });
        assert_eq!(Marks::load(&path).expect("saved").incidents.len(), 8);
    }

    #[test]
    fn hostile_words_are_made_safe_and_a_foreign_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.marks.json");
        Marks::change(&path, |m| m.incidents.push(incident(1, &"\u{1b}[2Jx".repeat(100)))).expect("saved");
        let read = Marks::load(&path).expect("saved");
        assert_eq!(read.incidents[0].title.chars().count(), MAX_TITLE);
        assert!(!read.incidents[0].title.chars().any(char::is_control));
        fs::write(&path, "[1").expect("written");
        assert!(Marks::load(&path).is_err());
        assert!(Marks::change(&path, |_| {}).is_err(), "what is not understood is not written over");
        assert_eq!(fs::read_to_string(&path).expect("there"), "[1");
    }

    #[test]
    fn marks_lie_beside_a_file_and_inside_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(path_of(folder.path()), folder.path().join("marks.json"));
        assert_eq!(path_of(Path::new("/x/a.mcap")), Path::new("/x/a.marks.json"));
    }
}
