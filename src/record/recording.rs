//! A recording: one file, or a folder of files one after the other.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Timestamp, Topology};
use crate::record::RecordError;
use crate::record::file::{Segment, Shelf};

/// Extension of recordings.
pub const EXTENSION: &str = "mcap";
/// Most files of a folder that are read.
pub const MOST_FILES: usize = 10_000;

/// One frame of a recording.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The file.
    pub segment: usize,
    /// The frame in it.
    pub frame: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    folder: bool,
    /// The files, oldest first.
    pub(crate) segments: Vec<Segment>,
    pub(crate) shelf: Shelf,
}

impl Recording {
    /// Opens a file, or a folder of files. In a folder, files that are no recordings are left out.
    ///
    /// # Errors
    /// There is no frame that can be read, or what is there is something else.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let folder = std::fs::metadata(path).map_err(RecordError::io(path))?.is_dir();
        let mut out = Self { path: path.to_owned(), folder, segments: Vec::new(), shelf: Shelf::default() };
        if folder {
            out.refresh()?;
            if out.segments.is_empty() {
                return Err(RecordError::NoFiles(path.to_owned()));
            }
        } else {
            out.segments.push(Segment::open(path)?);
        }
        if out.span().is_none() {
            return Err(RecordError::NoFrames(path.to_owned()));
        }
        Ok(out)
    }

    /// A folder that may have no recordings yet.
    #[must_use]
    pub fn watch(path: &Path) -> Self {
        Self { path: path.to_owned(), folder: true, segments: Vec::new(), shelf: Shelf::default() }
    }

    /// Files whose site is `site` share it, so that nothing has to be looked up by name.
    pub fn share(&mut self, site: &Arc<Topology>) {
        self.shelf.seed(site);
    }

    /// Takes in what was added since: frames at the end of the last file, and new files. Files that
    /// are gone are forgotten. True when something changed; then positions may mean something else.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn refresh(&mut self) -> Result<bool, RecordError> {
        if !self.folder {
            return self.segments.last_mut().map_or(Ok(false), Segment::refresh);
        }
        let mut names: Vec<PathBuf> = std::fs::read_dir(&self.path)
            .map_err(RecordError::io(&self.path))?
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension() == Some(OsStr::new(EXTENSION)))
            .collect();
        names.sort();
        names.drain(..names.len().saturating_sub(MOST_FILES));
        let before = self.segments.len();
        self.segments.retain(|s| names.binary_search(&s.path).is_ok());
        let mut changed = self.segments.len() != before;
        for segment in &mut self.segments {
            // A file that cannot be read just now keeps what was known of it.
            changed |= segment.refresh().unwrap_or(false);
        }
        let known: HashSet<PathBuf> = self.segments.iter().map(|s| s.path.clone()).collect();
        for name in names {
            if !known.contains(&name)
                && let Ok(mut segment) = Segment::open(&name)
                && segment.span().is_some()
            {
                segment.close();
                self.segments.push(segment);
                changed = true;
            }
        }
        self.segments.sort_by_key(Segment::span);
        Ok(changed)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.len).sum()
    }

    /// First and last frame.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let spans = || self.segments.iter().filter_map(Segment::span);
        Some((spans().map(|(a, _)| a).min()?, spans().map(|(_, b)| b).max()?))
    }

    /// How many frames there are.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.segments.iter().map(|s| s.index.frames.len() as u64).sum()
    }

    /// Moments of all frames, oldest first.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.segments.iter().flat_map(|s| s.index.frames.iter().map(|f| f.time))
    }

    /// The newest frame at or before `time`; the first one where `time` lies before all.
    #[must_use]
    pub fn find(&self, time: Timestamp) -> Option<Position> {
        let begun = |s: &Segment| s.span().is_some_and(|(first, _)| first <= time);
        let segment = self.segments.iter().rposition(begun);
        let segment = segment.or_else(|| self.segments.iter().position(|s| s.span().is_some()))?;
        let after = self.segments[segment].index.frames.partition_point(|f| f.time <= time);
        Some(Position { segment, frame: after.saturating_sub(1) })
    }

    /// The frame `steps` after (before, where negative) the one at `from`, kept within what there is.
    #[must_use]
    pub fn step(&self, from: Position, steps: i64) -> Position {
        let count = |s: usize| self.segments.get(s).map_or(0, |s| s.index.frames.len());
        let (mut at, mut left) = (from, steps.unsigned_abs() as usize);
        while left > 0 {
            let room = if steps > 0 { count(at.segment).saturating_sub(at.frame + 1) } else { at.frame };
            let go = left.min(room);
            at.frame = if steps > 0 { at.frame + go } else { at.frame - go };
            left -= go;
            let next = if steps > 0 { Some(at.segment + 1) } else { at.segment.checked_sub(1) };
            let Some(next) = next.filter(|n| left > 0 && count(*n) > 0) else { break };
            at = Position { segment: next, frame: if steps > 0 { 0 } else { count(next) - 1 } };
            left -= 1;
        }
        at
    }

    /// The moment of a frame.
    #[must_use]
    pub fn time(&self, at: Position) -> Option<Timestamp> {
        self.segments.get(at.segment)?.index.frames.get(at.frame).map(|f| f.time)
    }
}
