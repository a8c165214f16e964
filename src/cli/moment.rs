//! Moments of a recording as they are written on the command line, and opening recordings there.

use std::path::Path;

use crate::cli::CliError;
use crate::cli::args::export::Span;
use crate::model::alarm::AlarmBoard;
use crate::model::time::SIM_EPOCH;
use crate::model::{Timestamp, text};
use crate::record::{Cursor, RecordError, Recording};
use crate::ui::app::time::{self, Around};

/// A moment as it was written: what it means depends on where the recording ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment(String);

impl Moment {
    /// Checks the form: `03:11`, `-5m`, `2026-11-22T03:11:30Z`.
    ///
    /// # Errors
    /// Says which forms are understood.
    pub fn parse(written: &str) -> Result<Self, String> {
        let moment = Self(written.trim().to_owned());
        moment.seen_from(SIM_EPOCH).map(|_| moment)
    }

    /// The moment, in a recording that ends at `end`.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn seen_from(&self, end: Timestamp) -> Result<Timestamp, String> {
        if let Ok(time) = self.0.parse::<jiff::Timestamp>() {
            return Ok(Timestamp(time.as_millisecond()));
        }
        let wrong = |_| {
            let said = text::clean(&self.0);
            format!(
                "`{said}` is no time: expected one like 03:11, 2026-11-22T03:11:30Z, or -5m before the end"
            )
        };
        let board = AlarmBoard::default();
        let around = Around { now: end, newest: end, reach: None, chronicle: None, board: &board };
        Ok(time::parse(&self.0, &around).map_err(wrong)?.unwrap_or(end))
    }
}

impl Span {
    /// The stretch of a recording that reaches over `whole`.
    ///
    /// # Errors
    /// The end lies before the beginning.
    pub fn within(&self, whole: (Timestamp, Timestamp)) -> Result<(Timestamp, Timestamp), CliError> {
        let read = |m: &Option<Moment>, default: Timestamp| match m {
            Some(m) => m.seen_from(whole.1).map_err(CliError::Usage),
            None => Ok(default),
        };
        let (from, to) = (read(&self.from, whole.0)?, read(&self.to, whole.1)?);
        if from > to {
            return Err(CliError::Usage(format!("--to lies before --from: {from} is after {to}")));
        }
        Ok((from, to))
    }
}

/// A sentence about a recording, as it is told by commands.
pub fn failed(e: RecordError) -> CliError {
    CliError::Failed(e.to_string())
}

/// Opens a recording; also its first and last moment.
///
/// # Errors
/// There is none that can be read.
pub fn open(path: &Path) -> Result<(Cursor, (Timestamp, Timestamp)), CliError> {
    let recording = Recording::open(path).map_err(failed)?;
    let span = recording.span().ok_or_else(|| failed(RecordError::NoFrames(path.to_owned())))?;
    Ok((Cursor::new(recording).map_err(failed)?, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seen_from_the_end_of_the_recording() {
        let end = SIM_EPOCH.plus_millis(1_800_000);
        let of = |written: &str| Moment::parse(written).expect(written).seen_from(end).expect(written);
        assert_eq!(of("03:11").to_string(), "2026-11-22T03:11:00Z");
        assert_eq!(of("-5m").to_string(), "2026-11-22T03:25:00Z");
        assert_eq!(of("2026-11-22T03:11:30Z").to_string(), "2026-11-22T03:11:30Z");
        assert_eq!(of("2026-11-22T04:11:30+01:00").to_string(), "2026-11-22T03:11:30Z");
        let e = Moment::parse("soon").expect_err("no time");
        assert!(e.contains("`soon`") && e.contains("2026-11-22T03:11:30Z"), "{e}");
    }

    #[test]
    fn a_stretch_that_ends_before_it_begins_is_wrong_usage() {
        let whole = (SIM_EPOCH, SIM_EPOCH.plus_millis(60_000));
        assert_eq!(Span::default().within(whole).expect("all of it"), whole);
        let moment = |m: &str| Some(Moment::parse(m).expect("valid"));
        let span = Span { from: moment("-5s"), to: moment("-9s") };
        assert_eq!(span.within(whole).expect_err("backwards").exit_code(), 2);
    }
}
