//! Tables as Parquet: columns in groups of rows, so that memory is bounded however long they get.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::cli::export::Sheet;
use crate::cli::export::rows::{Rows, Shape};

/// Rows of a group: some 30 MB while it is gathered.
const GROUP: usize = 122_880;

/// A column while its group is gathered.
enum Gathered {
    Time(Vec<i64>),
    /// Text; absent where the level is 0.
    Words(Vec<ByteArray>, Vec<i16>),
    Numbers(Vec<f32>, Vec<i16>),
    Codes(Vec<i32>, Vec<i16>),
}

/// See the module.
pub struct Parquet {
    writer: SerializedFileWriter<File>,
    columns: Vec<Gathered>,
    rows: usize,
}

impl std::fmt::Debug for Parquet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parquet").field("rows", &self.rows).finish_non_exhaustive()
    }
}

fn io_error(e: ParquetError) -> io::Error {
    io::Error::other(e)
}

/// The schema in words.
#[must_use]
pub fn schema(shape: &Shape) -> String {
    let (place, about) = shape.labels();
    let mut out = String::from("message rows {\n  required int64 time (TIMESTAMP(MILLIS, true));\n");
    for name in place {
        out += &format!("  required binary {name} (STRING);\n");
    }
    for name in about {
        out += &format!("  optional binary {name} (STRING);\n");
    }
    for column in &shape.columns {
        let kind = if column.whole { "int32" } else { "float" };
        out += &format!("  optional {kind} {};\n", column.name);
    }
    out + "}\n"
}

impl Parquet {
    /// A table in a new file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(shape: &Shape, file: File) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(&schema(shape)).map_err(io_error)?);
        let level = ZstdLevel::try_new(3).map_err(io_error)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("hallwatch ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).map_err(io_error)?;
        let (place, about) = shape.labels();
        let words = (0..place.len() + about.len()).map(|_| Gathered::Words(Vec::new(), Vec::new()));
        let values = shape.columns.iter().map(|c| match c.whole {
            true => Gathered::Codes(Vec::new(), Vec::new()),
            false => Gathered::Numbers(Vec::new(), Vec::new()),
        });
        let columns = [Gathered::Time(Vec::new())].into_iter().chain(words).chain(values).collect();
        Ok(Self { writer, columns, rows: 0 })
    }

    fn add_row(&mut self, rows: &Rows<'_>, index: u32) {
        let place = rows.place(index).into_iter().map(|n| Some(ByteArray::from(n)));
        let about = rows.about(index).into_iter().map(|a| a.map(ByteArray::from));
        let mut words = place.chain(about);
        let mut values = rows.shape.columns.iter().map(|c| rows.value(c, index));
        for column in &mut self.columns {
            match column {
                Gathered::Time(times) => times.push(rows.snapshot.frame.time.millis()),
                Gathered::Words(list, levels) => put(words.next().flatten(), list, levels),
                Gathered::Numbers(list, levels) => put(values.next().flatten(), list, levels),
                Gathered::Codes(list, levels) => put(values.next().flatten().map(|v| v as i32), list, levels),
            }
        }
        self.rows += 1;
    }

    /// Writes what was gathered as a group.
    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        // Where a row is needs no levels: it is always known.
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut open) = group.next_column()? else { break };
            match (open.untyped(), column) {
                (ColumnWriter::Int64ColumnWriter(w), Gathered::Time(times)) => {
                    w.write_batch(times, None, None)?;
                    times.clear();
                }
                (ColumnWriter::ByteArrayColumnWriter(w), Gathered::Words(list, levels)) => {
                    w.write_batch(list, Some(levels), None)?;
                    (*list, *levels) = Default::default();
                }
                (ColumnWriter::FloatColumnWriter(w), Gathered::Numbers(list, levels)) => {
                    w.write_batch(list, Some(levels), None)?;
                    (*list, *levels) = Default::default();
                }
                (ColumnWriter::Int32ColumnWriter(w), Gathered::Codes(list, levels)) => {
                    w.write_batch(list, Some(levels), None)?;
                    (*list, *levels) = Default::default();
                }
                _ => return Err(ParquetError::General("columns and schema differ".into())),
            }
            open.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

fn put<T>(value: Option<T>, list: &mut Vec<T>, levels: &mut Vec<i16>) {
    levels.push(i16::from(value.is_some()));
    list.extend(value);
}

impl Sheet for Parquet {
    fn add(&mut self, rows: &Rows<'_>) -> io::Result<()> {
        for index in &rows.chosen {
            self.add_row(rows, *index);
            if self.rows == GROUP {
                self.end_group().map_err(io_error)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.end_group().map_err(io_error)?;
        self.writer.close().map_err(io_error)?;
        Ok(())
    }
}
