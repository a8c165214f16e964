//! Tables as text: comma-separated, or one JSON object per line.

use std::io::{self, Write};

use crate::cli::export::Sheet;
use crate::cli::export::rows::{Rows, Shape};
use crate::model::Timestamp;

/// A moment in RFC 3339, to the millisecond where that says something.
fn moment(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.millis()) {
        Ok(t) => t.to_string(),
        Err(_) => time.to_string(),
    }
}

/// Comma-separated text; an empty field is not known.
pub struct Csv<'a>(csv::Writer<&'a mut dyn Write>);

impl<'a> Csv<'a> {
    /// Writes the head line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(shape: &Shape, out: &'a mut dyn Write) -> io::Result<Self> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(shape.names())?;
        Ok(Self(csv))
    }
}

impl std::fmt::Debug for Csv<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv").finish_non_exhaustive()
    }
}

impl Sheet for Csv<'_> {
    fn add(&mut self, rows: &Rows<'_>) -> io::Result<()> {
        let time = moment(rows.snapshot.frame.time);
        for index in &rows.chosen {
            self.0.write_field(&time)?;
            for name in rows.place(*index) {
                self.0.write_field(name)?;
            }
            for about in rows.about(*index) {
                self.0.write_field(about.unwrap_or_default())?;
            }
            for column in &rows.shape.columns {
                let value = rows.value(column, *index).map_or_else(String::new, |v| v.to_string());
                self.0.write_field(value)?;
            }
            self.0.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}

/// One JSON object per line; `null` is not known.
pub struct JsonLines<'a>(&'a mut dyn Write);

impl<'a> JsonLines<'a> {
    /// Nothing is written yet.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self(out)
    }
}

impl std::fmt::Debug for JsonLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}

impl Sheet for JsonLines<'_> {
    fn add(&mut self, rows: &Rows<'_>) -> io::Result<()> {
        let time = moment(rows.snapshot.frame.time);
        let (place, about) = rows.shape.labels();
        let mut line = String::new();
        for index in &rows.chosen {
            line.clear();
            line += &format!("{{\"time\":\"{time}\"");
            for (key, name) in place.iter().zip(rows.place(*index)) {
                line += &format!(",\"{key}\":{}", serde_json::Value::from(name));
            }
            for (key, words) in about.iter().zip(rows.about(*index)) {
                line += &format!(",\"{key}\":{}", serde_json::Value::from(words));
            }
            for column in &rows.shape.columns {
                match rows.value(column, *index) {
                    Some(v) => line += &format!(",\"{}\":{v}", column.name),
                    None => line += &format!(",\"{}\":null", column.name),
                }
            }
            line += "}\n";
            self.0.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}
