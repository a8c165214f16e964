//! Samples with their times in the text format of OpenMetrics, for Prometheus to take in.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::cli::export::Sheet;
use crate::cli::export::rows::{Column, Rows, Shape};

/// The last line of every file.
pub const END: &str = "# EOF\n";

/// The samples of one metric: `hallwatch_gpu_power_watts`.
pub struct Family<'a> {
    name: String,
    factor: f64,
    out: &'a mut dyn Write,
}

impl std::fmt::Debug for Family<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The name of a column: with the base unit at its end.
#[must_use]
pub fn name(column: &Column) -> String {
    let name = format!("hallwatch_{}", column.quantity.name());
    if column.open.0.is_empty() { name } else { format!("{name}_{}", column.open.0) }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl<'a> Family<'a> {
    /// Writes the head of the only column of `shape`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(shape: &Shape, out: &'a mut dyn Write) -> io::Result<Self> {
        let column = shape.columns.first().ok_or(io::ErrorKind::InvalidInput)?;
        let (name, (unit, factor)) = (name(column), column.open);
        writeln!(out, "# TYPE {name} gauge")?;
        if !unit.is_empty() {
            writeln!(out, "# UNIT {name} {unit}")?;
        }
        Ok(Self { name, factor, out })
    }
}

impl Sheet for Family<'_> {
    fn add(&mut self, rows: &Rows<'_>) -> io::Result<()> {
        let Some(column) = rows.shape.columns.first() else { return Ok(()) };
        let ms = rows.snapshot.frame.time.millis();
        let time = format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000));
        let (place, _) = rows.shape.labels();
        let mut line = String::new();
        for index in &rows.chosen {
            let Some(value) = rows.value(column, *index) else { continue };
            line.clear();
            line += &self.name;
            for (i, (key, name)) in place.iter().zip(rows.place(*index)).enumerate() {
                let open = if i == 0 { '{' } else { ',' };
                let _ = write!(line, "{open}{key}=\"{}\"", escaped(name));
            }
            let _ = writeln!(line, "}} {} {time}", f64::from(value) * self.factor);
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
