//! Which files of the flight recorder stay: the newest, within the budget, and all that have a
//! moment in common with an incident.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::Timestamp;
use crate::record::RecordError;
use crate::record::marks::{self, Marks};
use crate::record::recording::{EXTENSION, MOST_FILES};

/// One file: where, how long, and the first moment by its name.
struct Kept {
    path: PathBuf,
    bytes: u64,
    begun: Option<Timestamp>,
}

/// The moment in the name of a file, `2026-11-22T03-00-00Z.mcap`; `None` for other files.
fn begun(path: &Path) -> Option<Timestamp> {
    let stem = path.file_stem()?.to_str()?;
    let (date, rest) = stem.split_once('T')?;
    let clock = rest.split('Z').next()?.replace('-', ":");
    let time: jiff::Timestamp = format!("{date}T{clock}Z").parse().ok()?;
    Some(Timestamp(time.as_millisecond()))
}

fn list(folder: &Path) -> Result<Vec<Kept>, RecordError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(RecordError::io(folder))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == EXTENSION)
            && let Ok(meta) = entry.metadata()
        {
            files.push(Kept { begun: begun(&path), bytes: meta.len(), path });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Removes the oldest files of `folder` until all fit into `budget` bytes; never `current`, nor what
/// an incident has a moment in common with, nor what is not of the recorder. Answers with the bytes that are left.
///
/// # Errors
/// The folder cannot be read, or a file not removed.
pub fn make_room(folder: &Path, budget: u64, current: Option<&Path>) -> Result<u64, RecordError> {
    let files = list(folder)?;
    let mut total: u64 = files.iter().map(|f| f.bytes).sum();
    let mut count = files.len();
    if total <= budget && count <= MOST_FILES {
        return Ok(total);
    }
    // Marks that cannot be read may be about anything: then nothing goes.
    let marks = Marks::load(&marks::path_of(folder))?;
    for (i, file) in files.iter().enumerate() {
        let Some(from) = file.begun.filter(|_| Some(file.path.as_path()) != current) else { continue };
        let to = files[i + 1..].iter().find_map(|f| f.begun).unwrap_or(Timestamp(i64::MAX));
        if marks.incidents.iter().any(|incident| incident.touches(from, to)) {
            continue;
        }
        fs::remove_file(&file.path).map_err(RecordError::io(&file.path))?;
        total -= file.bytes;
        count -= 1;
        if total <= budget && count <= MOST_FILES {
            break;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chronicle::Incident;

    fn names(folder: &Path) -> Vec<String> {
        let name = |f: &Kept| f.path.file_stem().expect("a name").to_string_lossy().into_owned();
        list(folder).expect("a folder").iter().map(name).collect()
    }

    fn hours(folder: &Path, hours: std::ops::Range<u32>) {
        for h in hours {
            let name = format!("2026-11-22T{h:02}-00-00Z.mcap");
            fs::write(folder.join(name), vec![0; 1000]).expect("written");
        }
    }

    #[test]
    fn the_oldest_go_first_and_never_the_one_that_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        hours(path, 0..5);
        assert_eq!(make_room(path, 5000, None).expect("room"), 5000, "all fit");
        assert_eq!(make_room(path, 2500, None).expect("room"), 2000);
        assert_eq!(names(path), ["2026-11-22T03-00-00Z", "2026-11-22T04-00-00Z"]);
        let current = path.join("2026-11-22T03-00-00Z.mcap");
        assert_eq!(make_room(path, 0, Some(&current)).expect("room"), 1000);
        assert_eq!(names(path), ["2026-11-22T03-00-00Z"]);
    }

    #[test]
    fn what_an_incident_touches_stays_and_what_is_foreign_is_not_ours_to_remove() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        hours(path, 0..5);
        fs::write(path.join("copy.mcap"), vec![0; 1000]).expect("written");
        let at = |h: i64, m: i64| Timestamp::from_secs(1_795_305_600 + 3600 * h + 60 * m);
        assert_eq!(at(0, 0).to_string(), "2026-11-22T00:00:00Z");
        let leak = Incident {
            title: "leak".into(),
            from: at(1, 50),
            to: at(2, 10),
            operator: "kari".into(),
            marked: at(3, 0),
        };
        Marks::change(&marks::path_of(path), |m| m.incidents.push(leak)).expect("saved");
        assert_eq!(make_room(path, 0, None).expect("room"), 3000);
        assert_eq!(names(path), ["2026-11-22T01-00-00Z", "2026-11-22T02-00-00Z", "copy"]);
    }

    #[test]
    fn with_marks_that_cannot_be_read_nothing_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        hours(folder.path(), 0..3);
        fs::write(marks::path_of(folder.path()), "{").expect("written");
        assert!(make_room(folder.path(), 0, None).is_err());
        assert_eq!(names(folder.path()).len(), 3);
    }
}
