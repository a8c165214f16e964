//! The answer to a query, read while it comes: series by series, with a bounded part of it in memory.
//!
//! Engines answer `{"status":…,"data":{"resultType":…,"result":[…]},"warnings":[…]}`, in any order.
//! Series are handed over as they are read, so an answer that breaks off has been taken in up to
//! there: whoever asks must throw that away unless [`Reader::finish`] says that it was whole.

use super::json::{Cursor, Halt, Span, Step};
use crate::model::text;
use crate::source::scrape::number::number;

/// Warnings and remarks of one answer that are kept.
const MAX_WARNINGS: usize = 8;
/// Labels of one series that are looked at.
const MAX_LABELS: usize = 64;

/// What Prometheus, VictoriaMetrics, Mimir and Thanos say where a query touches too much.
const TOO_MUCH: [&str; 10] = [
    "too many samples",
    "cannot select more than",
    "the number of matching timeseries exceeds",
    "-search.max",
    "max number of series",
    "maximum number of series",
    "maximum number of chunks",
    "chunks size limit",
    "exceeded series limit",
    "exceeded chunks limit",
];

/// True when an engine says that a query touches too much.
#[must_use]
pub fn is_too_much(words: &str) -> bool {
    TOO_MUCH.iter().any(|w| words.contains(w))
}

/// The reason in the words of an engine, clean and short. VictoriaMetrics repeats the query first, which
/// is known here. Then the beginning counts, unless what must not be overlooked stands further back.
#[must_use]
pub fn reason(words: &str) -> String {
    let repeated = words.starts_with("error when executing query=");
    let words = words.split_once("): ").filter(|_| repeated).map_or(words, |(_, reason)| reason);
    let short = text::clean(words);
    let deep = TOO_MUCH.iter().filter_map(|w| words.find(w)).min().filter(|_| !is_too_much(&short));
    deep.map_or(short, |at| text::clean(&words[at..]))
}

/// Bounds of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes in all.
    pub body: usize,
    /// Series.
    pub series: usize,
    /// Bytes of one series, or of any other single value.
    pub piece: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { body: 512 << 20, series: 2_000_000, piece: 1 << 20 }
    }
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Something else than JSON of a query.
    #[error("the answer is not that of a Prometheus query API")]
    Foreign,
    /// It ended early.
    #[error("answer cut short")]
    Cut,
    /// Too many bytes.
    #[error("answer over {} MiB", .0 >> 20)]
    Body(usize),
    /// Too many series.
    #[error("answer with more than {0} series")]
    Series(usize),
    /// One series or value is too large.
    #[error("one series of the answer is over {} KiB", .0 >> 10)]
    Piece(usize),
    /// The engine says what is wrong.
    #[error("{0}")]
    Engine(String),
    /// The result is of another kind.
    #[error("the query gives a {0}, expected one value per GPU (an instant vector)")]
    Kind(String),
}

/// One series of a result.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    text: &'a [u8],
    labels: &'a [(Span, Span)],
    /// Times (seconds since the epoch) and values: one in a vector, more in a matrix.
    pub points: &'a [(f64, f64)],
}

impl<'a> Series<'a> {
    /// The labels: name and value as they stand in the answer.
    pub fn labels(&self) -> impl Iterator<Item = (&'a [u8], Span)> {
        let text = self.text;
        self.labels.iter().map(move |(name, value)| (name.raw(text), *value))
    }

    /// The value of label `name`, or an empty one.
    #[must_use]
    pub fn label(&self, name: &[u8]) -> Span {
        self.labels().find(|(n, _)| *n == name).map(|(_, v)| v).unwrap_or_default()
    }

    /// The text that labels stand in.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }
}

/// What an answer said beside its series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Series read.
    pub series: u32,
    /// Series that could not be understood.
    pub bad: u32,
    /// Bytes in all.
    pub bytes: usize,
    /// What the engine remarks, clean: warnings first come first.
    pub warnings: Vec<String>,
    /// The engine says that parts are missing.
    pub partial: bool,
}

impl Summary {
    /// Takes in that of another part of the same query.
    pub fn add(&mut self, part: Self) {
        self.series = self.series.saturating_add(part.series);
        self.bad = self.bad.saturating_add(part.bad);
        self.bytes = self.bytes.saturating_add(part.bytes);
        self.partial |= part.partial;
        let fresh: Vec<_> = part.warnings.into_iter().filter(|w| !self.warnings.contains(w)).collect();
        self.warnings.extend(fresh);
        self.warnings.truncate(MAX_WARNINGS);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// Before a key or the end of the outermost object.
    Top,
    /// The same in `data`.
    Data,
    /// Before a series or the end of the list.
    Result,
    Done,
}

/// Reads one answer.
#[derive(Debug)]
pub struct Reader {
    bounds: Bounds,
    buffer: Vec<u8>,
    state: State,
    /// So many bytes must be there before reading goes on: a piece that comes byte by byte is not
    /// read anew for each.
    enough: usize,
    failed: bool,
    error: String,
    kind: String,
    labels: Vec<(Span, Span)>,
    points: Vec<(f64, f64)>,
    summary: Summary,
}

impl Reader {
    /// A reader for one answer.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            buffer: Vec::new(),
            state: State::Start,
            enough: 0,
            failed: false,
            error: String::new(),
            kind: String::new(),
            labels: Vec::new(),
            points: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Takes the next bytes and hands the series in them to `sink`.
    ///
    /// # Errors
    /// The answer is none, or goes beyond a bound.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut impl FnMut(&Series<'_>)) -> Result<(), AnswerError> {
        self.summary.bytes += chunk.len();
        if self.summary.bytes > self.bounds.body {
            return Err(AnswerError::Body(self.bounds.body));
        }
        self.buffer.extend_from_slice(chunk);
        if self.buffer.len() < self.enough {
            return Ok(());
        }
        let mut at = 0;
        let outcome = loop {
            match self.step(&mut at, sink) {
                Ok(()) if self.summary.series as usize > self.bounds.series => {
                    break Err(AnswerError::Series(self.bounds.series));
                }
                Ok(()) => {}
                Err(Halt::More) => break Ok(()),
                Err(Halt::Wrong) => break Err(AnswerError::Foreign),
            }
        };
        self.buffer.drain(..at);
        if self.buffer.len() > self.bounds.piece {
            return Err(AnswerError::Piece(self.bounds.piece));
        }
        self.enough = self.buffer.len() + self.buffer.len() / 4;
        outcome
    }

    /// The end of the answer.
    ///
    /// # Errors
    /// It is not whole, reports an error, or has another kind of result than vectors and matrices.
    pub fn finish(mut self, sink: &mut impl FnMut(&Series<'_>)) -> Result<Summary, AnswerError> {
        self.enough = 0;
        let bytes = self.summary.bytes;
        // A number at the very end has no byte behind it.
        self.feed(b"\n", sink)?;
        self.summary.bytes = bytes;
        if self.failed {
            return Err(AnswerError::Engine(self.error));
        }
        if self.state != State::Done {
            return Err(if self.state == State::Start { AnswerError::Foreign } else { AnswerError::Cut });
        }
        if !matches!(self.kind.as_str(), "" | "vector" | "matrix") {
            return Err(AnswerError::Kind(self.kind));
        }
        Ok(self.summary)
    }

    /// One step over the buffer; `at` moves on only when it is complete.
    fn step(&mut self, at: &mut usize, sink: &mut impl FnMut(&Series<'_>)) -> Step<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let mut cursor = Cursor::new(&buffer, *at);
        let step = match self.state {
            State::Start => cursor.expect(b'{').map(|()| self.state = State::Top),
            State::Top => self.top(&mut cursor, &buffer),
            State::Data => self.data(&mut cursor, &buffer),
            State::Result => self.result(&mut cursor, &buffer, sink),
            // Nothing but blanks may follow.
            State::Done => cursor.peek().and(Err(Halt::Wrong)),
        };
        if step.is_ok() {
            *at = cursor.at;
        }
        self.buffer = buffer;
        step
    }

    fn top(&mut self, cursor: &mut Cursor<'_>, text: &[u8]) -> Step<()> {
        if ended(cursor)? {
            self.state = State::Done;
            return Ok(());
        }
        let key = key(cursor)?;
        match key.raw(text) {
            b"data" if cursor.peek()? == b'{' => {
                cursor.at += 1;
                self.state = State::Data;
                return Ok(());
            }
            b"status" => {
                let status = cursor.string()?;
                self.failed = status.raw(text) == b"error";
            }
            b"error" => self.error = reason(&cursor.string()?.text(text)),
            b"isPartial" => self.summary.partial |= cursor.word()? == b"true",
            b"warnings" | b"infos" => self.remarks(cursor, text)?,
            _ => cursor.skip()?,
        }
        Ok(())
    }

    /// A list of remarks, or `null`.
    fn remarks(&mut self, cursor: &mut Cursor<'_>, text: &[u8]) -> Step<()> {
        if cursor.peek()? != b'[' {
            return cursor.skip();
        }
        let mut end = *cursor;
        end.skip()?;
        cursor.at += 1;
        while cursor.peek()? == b'"' {
            let remark = text::clean(&cursor.string()?.text(text));
            if self.summary.warnings.len() < MAX_WARNINGS && !self.summary.warnings.contains(&remark) {
                self.summary.warnings.push(remark);
            }
            cursor.take(b',')?;
        }
        *cursor = end;
        Ok(())
    }

    fn data(&mut self, cursor: &mut Cursor<'_>, text: &[u8]) -> Step<()> {
        if ended(cursor)? {
            self.state = State::Top;
            return Ok(());
        }
        let key = key(cursor)?;
        match key.raw(text) {
            b"resultType" => self.kind = text::clean(&cursor.string()?.text(text)),
            b"result" if cursor.peek()? == b'[' => {
                cursor.at += 1;
                self.state = State::Result;
            }
            _ => cursor.skip()?,
        }
        Ok(())
    }

    fn result<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        text: &'a [u8],
        sink: &mut impl FnMut(&Series<'_>),
    ) -> Step<()> {
        let next = cursor.peek()?;
        if next == b',' || next == b']' {
            cursor.at += 1;
            if next == b']' {
                self.state = State::Data;
            }
            return Ok(());
        }
        let begin = cursor.at;
        match self.series(cursor, text) {
            Ok(()) => {
                self.summary.series += 1;
                sink(&Series { text, labels: &self.labels, points: &self.points });
                Ok(())
            }
            Err(Halt::More) => Err(Halt::More),
            // One series that makes no sense loses only itself.
            Err(Halt::Wrong) => {
                *cursor = Cursor::new(text, begin);
                cursor.skip()?;
                self.summary.bad += 1;
                Ok(())
            }
        }
    }

    fn series(&mut self, cursor: &mut Cursor<'_>, text: &[u8]) -> Step<()> {
        self.labels.clear();
        self.points.clear();
        cursor.expect(b'{')?;
        while !ended(cursor)? {
            match key(cursor)?.raw(text) {
                b"metric" => {
                    cursor.expect(b'{')?;
                    while !ended(cursor)? {
                        let name = key(cursor)?;
                        let value = cursor.string()?;
                        if self.labels.len() < MAX_LABELS {
                            self.labels.push((name, value));
                        }
                    }
                }
                b"value" => self.points.push(point(cursor, text)?),
                b"values" => {
                    cursor.expect(b'[')?;
                    while !cursor.take(b']')? {
                        self.points.push(point(cursor, text)?);
                        cursor.take(b',')?;
                    }
                }
                _ => cursor.skip()?,
            }
        }
        Ok(())
    }
}

/// Passes over a comma; true at the end of an object, which is passed over too.
fn ended(cursor: &mut Cursor<'_>) -> Step<bool> {
    cursor.take(b',')?;
    cursor.take(b'}')
}

fn key(cursor: &mut Cursor<'_>) -> Step<Span> {
    let key = cursor.string()?;
    cursor.expect(b':')?;
    cursor.peek()?;
    Ok(key)
}

/// `[1795427625.123,"89"]`
fn point(cursor: &mut Cursor<'_>, text: &[u8]) -> Step<(f64, f64)> {
    cursor.expect(b'[')?;
    let time = number(cursor.word()?).ok_or(Halt::Wrong)?;
    cursor.expect(b',')?;
    let value = number(cursor.string()?.raw(text)).ok_or(Halt::Wrong)?;
    cursor.expect(b']')?;
    Ok((time, value))
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
