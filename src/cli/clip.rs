//! `clip`: a stretch of a recording as a file of its own.

use std::io::Write;

use crate::cli::CliError;
use crate::cli::args::export::{ClipArgs, Span};
use crate::cli::moment::{failed, open};
use crate::cli::progress::Progress;
use crate::model::chronicle::MAX_TITLE;
use crate::model::text;
use crate::record::clip::{ClipOptions, clip};
use crate::record::marks::{self, Marks};

/// Cuts it out and says what is in it.
///
/// # Errors
/// The recording cannot be read, has nothing in that time, or the file exists or cannot be written.
pub fn run(args: &ClipArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let (mut cursor, whole) = open(&args.recording)?;
    let span = Span { from: Some(args.from.clone()), to: Some(args.to.clone()) }.within(whole)?;
    let marks = Marks::load(&marks::path_of(&args.recording)).map_err(failed)?;
    let title: String = args.title.chars().filter(|c| text::is_safe(*c)).take(MAX_TITLE).collect();
    let options =
        ClipOptions { title, anonymous: args.anonymize, incident: None, bookmarks: marks.bookmarks };
    let mut progress = Progress::new("clip");
    let report = clip(&mut cursor, span, &args.out, &options, &mut |done, of| progress.tell(done, of));
    drop(progress);
    let report = report.map_err(failed)?;
    let (from, to) = report.span;
    let name = args.out.display().to_string();
    let mib = report.bytes as f64 / f64::from(1 << 20);
    writeln!(out, "{}: {} frames from {from} to {to}, {mib:.1} MiB", text::clean(&name), report.frames)?;
    if report.damaged > 0 {
        writeln!(out, "{} frames in between could not be read and are missing", report.damaged)?;
    }
    Ok(())
}
