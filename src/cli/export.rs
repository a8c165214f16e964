//! `export`: recorded values as a table for other programs. Its columns are in `docs/export.md`.

pub mod openmetrics;
pub mod rows;
pub mod table;
pub mod text;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::cli::CliError;
use crate::cli::args::export::{ExportArgs, TableAssets, TableFormat};
use crate::cli::moment::{failed, open};
use crate::cli::progress::Progress;
use crate::fleet::Snapshot;
use crate::fleet::query::{self, Memory, Plan, Scan, TRUE};
use crate::model::Timestamp;
use crate::record::clip::Draft;
use crate::record::{Cursor, RecordError};

use rows::{Names, Rows, Shape};

/// Takes the rows of one frame after the other.
pub trait Sheet {
    /// Adds the rows of a frame.
    ///
    /// # Errors
    /// They cannot be written.
    fn add(&mut self, rows: &Rows<'_>) -> std::io::Result<()>;

    /// Ends the table; all is written.
    ///
    /// # Errors
    /// As [`Self::add`].
    fn finish(self: Box<Self>) -> std::io::Result<()>;
}

/// Which frames and rows are wanted.
struct Wanted {
    span: (Timestamp, Timestamp),
    every_ms: i64,
    filter: Option<Plan>,
    shape: Shape,
}

/// Writes the table.
///
/// # Errors
/// Wrong names or conditions, a recording that cannot be read, a file that exists or cannot be
/// written; then no file is left behind.
pub fn run(args: &ExportArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let shape = Shape::new(args.assets, &args.metrics).map_err(CliError::Usage)?;
    let filter = args.filter.as_deref().map(|text| plan(text, args.assets)).transpose()?;
    let stdout = args.out == Path::new("-");
    if stdout && args.format == TableFormat::Parquet {
        return Err(CliError::Usage("--format parquet needs a file: -o OUT".into()));
    }
    let (mut cursor, whole) = open(&args.recording)?;
    let every_ms = args.every.map_or(0, |e| i64::try_from(e.as_millis()).unwrap_or(i64::MAX));
    let wanted = Wanted { span: args.span.within(whole)?, every_ms, filter, shape };
    if stdout {
        let mut out = BufWriter::new(out);
        write(&mut cursor, &wanted, args.format, &mut out)?;
        return Ok(out.flush()?);
    }
    if args.out.symlink_metadata().is_ok() {
        return Err(failed(RecordError::Exists(args.out.clone())));
    }
    let draft = Draft::beside(&args.out);
    let io = |source| CliError::Write { path: args.out.clone(), source };
    let mut file = File::create_new(&draft.0).map_err(io)?;
    let written = if args.format == TableFormat::Parquet {
        let sheet = table::Parquet::new(&wanted.shape, file.try_clone().map_err(io)?).map_err(io)?;
        fill(&mut cursor, &wanted, Box::new(sheet))
    } else {
        let mut out = BufWriter::new(&mut file);
        let written = write(&mut cursor, &wanted, args.format, &mut out);
        written.and_then(|n| out.flush().map(|()| n).map_err(CliError::from))
    };
    // What fails while it is written fails at this file.
    let rows = written.map_err(|e| if let CliError::Output(source) = e { io(source) } else { e })?;
    file.sync_all().map_err(io)?;
    draft.publish(&args.out).map_err(failed)?;
    writeln!(out, "{}: {rows} rows", crate::model::text::clean(&args.out.display().to_string()))?;
    Ok(())
}

fn plan(text: &str, assets: TableAssets) -> Result<Plan, CliError> {
    let wrong = |e: String| CliError::Usage(format!("--where {e}"));
    let cond = query::parse(text).map_err(|e| wrong(e.to_string()))?;
    Plan::new(cond, rows::scope(assets), None).map_err(wrong)
}

/// Writes a table of text.
fn write(
    cursor: &mut Cursor,
    wanted: &Wanted,
    format: TableFormat,
    out: &mut dyn Write,
) -> Result<u64, CliError> {
    match format {
        TableFormat::Csv => fill(cursor, wanted, Box::new(text::Csv::new(&wanted.shape, out)?)),
        TableFormat::Jsonl => fill(cursor, wanted, Box::new(text::JsonLines::new(out))),
        _ => {
            // Samples of one name stand together: each takes a pass of its own.
            let mut rows = 0;
            for column in &wanted.shape.columns {
                let shape = Shape { columns: vec![column.clone()], ..wanted.shape.clone() };
                let one = Wanted { shape, filter: wanted.filter.clone(), ..*wanted };
                let sheet = openmetrics::Family::new(&one.shape, out)?;
                rows += fill(cursor, &one, Box::new(sheet))?;
            }
            out.write_all(openmetrics::END.as_bytes())?;
            Ok(rows)
        }
    }
}

/// Adds all rows that are wanted; answers with their number.
fn fill(cursor: &mut Cursor, wanted: &Wanted, mut sheet: Box<dyn Sheet + '_>) -> Result<u64, CliError> {
    let (from, to) = wanted.span;
    let times: Vec<Timestamp> = cursor.recording().times().filter(|t| (from..=to).contains(t)).collect();
    if times.is_empty() {
        let path = cursor.recording().path().to_owned();
        return Err(failed(RecordError::Outside { path, from, to }));
    }
    let mut progress = Progress::new("export");
    let mut memory = Memory::default();
    let mut count = 0;
    let (mut last, mut shown) = (None, None);
    let mut names = Names::default();
    for (done, time) in (1..).zip(&times) {
        let part = (wanted.every_ms > 0).then(|| time.millis().div_euclid(wanted.every_ms));
        // Of frames of one moment the last one counts.
        if (part.is_some() && last == part) || shown == Some(*time) {
            continue;
        }
        let snapshot = match cursor.seek(*time) {
            Ok(snapshot) => snapshot,
            Err(RecordError::Damaged { .. }) => continue,
            Err(e) => return Err(failed(e)),
        };
        (last, shown) = (part, Some(*time));
        let chosen = chosen(&snapshot, wanted, &mut memory);
        count += chosen.len() as u64;
        let site = &snapshot.frame.topology;
        if !names.fit(site) {
            names = Names::of(site);
        }
        sheet.add(&Rows { snapshot: &snapshot, names: &names, shape: &wanted.shape, chosen })?;
        progress.tell(done, times.len() as u64);
    }
    sheet.finish()?;
    Ok(count)
}

/// The assets for which the condition holds.
fn chosen(snapshot: &Snapshot, wanted: &Wanted, memory: &mut Memory) -> Vec<u32> {
    let scan = Scan { frame: &snapshot.frame, trays: Some(&snapshot.trays), xids: None };
    match &wanted.filter {
        None => (0..scan.count(rows::scope(wanted.shape.assets)) as u32).collect(),
        Some(plan) => {
            let answers = plan.answers(&scan, memory);
            answers.iter().zip(0..).filter(|(a, _)| **a == TRUE).map(|(_, i)| i).collect()
        }
    }
}
