//! One query on its way: what is asked, and what is read from the answer while it comes.

use std::sync::Arc;

use tokio::time::Instant;

use super::answer::{AnswerError, Series, Summary};
use super::api::{Api, AskError};
use super::directory::{Directory, Scratch, Table};
use super::plan::{self, Ask, Convert, Form, MAX_PARTS, Purpose};
use crate::model::Timestamp;
use crate::model::batch::SeriesValue;

/// The label that tells GPUs of dcgm-exporter apart; what other exporters write is not known before.
pub const KEY: &str = "UUID";
/// Longest UUID of a value that is kept before it is known whose it is.
const MAX_KEY: usize = 128;

/// What a request gave.
pub struct Landed {
    /// Which of the asks.
    pub ask: usize,
    pub duration_ms: u32,
    pub result: Result<(Got, Summary), AskError>,
    /// The query was asked in so many parts.
    pub parts: u32,
    /// The directory that was lent to the request.
    pub directory: Option<Box<Directory>>,
}

/// What was read from an answer.
pub enum Got {
    /// What the directory did not take in: values by UUID, where they are wanted.
    Directory(Early),
    /// Values or times by member, and how many series were about unknown ones.
    Values(Vec<SeriesValue>, u32),
    /// The same before it is known who the members are.
    Early(Early),
}

/// Values or times by UUID, of an answer that came before that of the directory.
#[derive(Default)]
pub struct Early {
    /// The UUIDs, end to end.
    keys: Vec<u8>,
    /// Where each of them ends, with its value and time.
    rows: Vec<(u32, f32, Timestamp)>,
    /// Series without a UUID, or with one that is none.
    strange: u32,
}

impl Early {
    fn push(&mut self, key: &[u8], value: f32, time: Timestamp) {
        let end = u32::try_from(self.keys.len() + key.len()).ok();
        match end.filter(|_| (1..=MAX_KEY).contains(&key.len())) {
            Some(end) => {
                self.keys.extend_from_slice(key);
                self.rows.push((end, value, time));
            }
            None => self.strange += 1,
        }
    }

    /// True when no member of `table` has two values, as those have whose instances (MIG) have labels of their
    /// own.
    #[must_use]
    pub fn is_single(&self, table: &Table) -> bool {
        let (mut seen, mut start, mut next) = (vec![false; table.len()], 0, 0);
        self.rows.iter().all(|(end, ..)| {
            let key = &self.keys[start..*end as usize];
            start = *end as usize;
            let member = table.member(key, &mut next).and_then(|m| seen.get_mut(m as usize));
            member.is_none_or(|seen| !std::mem::replace(seen, true))
        })
    }

    /// What it says of the members of `table`, which tells them apart by UUID alone, and how many series
    /// were about unknown ones.
    #[must_use]
    pub fn resolve(self, table: &Table) -> (Vec<SeriesValue>, u32) {
        let (mut out, mut unknown) = (Vec::with_capacity(self.rows.len()), self.strange);
        let (mut start, mut next) = (0, 0);
        for (end, value, time) in self.rows {
            let key = &self.keys[start..end as usize];
            start = end as usize;
            match table.member(key, &mut next) {
                Some(member) => out.push(SeriesValue { member, value, time }),
                None => unknown += 1,
            }
        }
        (out, unknown)
    }
}

/// One query on its way.
pub struct Request {
    pub api: Arc<Api>,
    pub table: Arc<Table>,
    pub ask: Ask,
    /// Labels that are kept.
    pub by: Vec<String>,
    pub selector: String,
    /// In so many parts it was answered before: a power of two.
    pub parts: u32,
    pub more: Vec<(&'static str, String)>,
    pub moment: Timestamp,
    /// How the values of an answer about who there is are read, where they are wanted.
    pub beside: Option<Convert>,
}

impl Request {
    /// Asks and reads; `ask` comes back with the answer.
    pub async fn send(mut self, ask: usize, mut directory: Option<Box<Directory>>) -> Landed {
        let start = Instant::now();
        let result = loop {
            let result = match (&self.ask.purpose, &mut directory) {
                (Purpose::Directory { info }, Some(directory)) => {
                    let (info, mut early, mut text) = (*info, Early::default(), Vec::new());
                    let mut sink = |s: &Series<'_>| {
                        directory.learn(s, info);
                        let Some((convert, (_, value))) = self.beside.zip(s.points.first()) else { return };
                        if let Some(value) = convert.value(*value) {
                            let key = s.label(KEY.as_bytes()).bytes(s.text(), &mut text);
                            early.push(key, value, Timestamp(0));
                        }
                    };
                    let summary = self.ask(&mut sink).await;
                    summary.map(|s| (Got::Directory(early), s))
                }
                _ => self.values().await,
            };
            // The same moment again, in smaller parts: nothing of what was read so far counts.
            match result {
                Err(e) if e.is_too_much() && self.parts < MAX_PARTS && self.divider().is_some() => {
                    self.parts *= 2;
                }
                result => break result,
            }
        };
        let duration_ms = u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX);
        Landed { ask, duration_ms, result, parts: self.parts, directory }
    }

    fn divider(&self) -> Option<&'static str> {
        let is_directory = matches!(self.ask.purpose, Purpose::Directory { .. });
        // The directory keeps all labels; which of them tell GPUs apart is known once it was read.
        plan::divider(&self.ask, if is_directory { &self.table.by } else { &self.by })
    }

    /// Asks part after part; the answers make one.
    async fn ask(&self, sink: &mut (impl FnMut(&Series<'_>) + Send)) -> Result<Summary, AskError> {
        let mut all = Summary::default();
        for part in 0..self.parts {
            let more = match self.divider() {
                Some(label) if self.parts > 1 => plan::part(label, part, self.parts),
                _ => String::new(),
            };
            let selector = plan::and(&self.selector, &more);
            let expression = Form { by: &self.by, selector: &selector }.expression(&self.ask);
            all.add(self.api.query(&expression, self.moment, &self.more, sink).await?);
        }
        Ok(all)
    }

    async fn values(&self) -> Result<(Got, Summary), AskError> {
        // A GPU may be new since the table was made; one more growth is the exception.
        let (mut out, mut unknown, mut matrix) = (Vec::with_capacity(self.table.len()), 0, false);
        // Before it is known who the GPUs are values are kept by UUID.
        let is_early = self.table.is_empty();
        let (mut early, mut text) = (Early::default(), Vec::new());
        let mut scratch = Scratch::default();
        let read = |value: f64| match &self.ask.purpose {
            Purpose::Values { convert, .. } => convert.value(value).map(|v| (v, Timestamp(0))),
            _ => time(value).map(|t| (f32::NAN, t)),
        };
        let mut sink = |series: &Series<'_>| {
            matrix |= series.points.len() > 1;
            let Some((_, value)) = series.points.first() else { return };
            if is_early {
                let key = self
                    .by
                    .first()
                    .map_or(&[][..], |l| series.label(l.as_bytes()).bytes(series.text(), &mut text));
                if let Some((value, time)) = read(*value) {
                    early.push(key, value, time);
                }
                return;
            }
            match self.table.find(series, &mut scratch) {
                Some(member) => {
                    out.extend(read(*value).map(|(value, time)| SeriesValue { member, value, time }))
                }
                None => unknown += 1,
            }
        };
        let summary = self.ask(&mut sink).await?;
        if matrix {
            return Err(AnswerError::Kind("range of values".to_owned()).into());
        }
        Ok((if is_early { Got::Early(early) } else { Got::Values(out, unknown) }, summary))
    }
}

/// A time that a query gave as its value: seconds since the epoch, between 2001 and 2286.
fn time(value: f64) -> Option<Timestamp> {
    (1e9..1e10).contains(&value).then(|| Timestamp((value * 1000.0).round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_time_is_one() {
        assert_eq!(time(1_795_427_625.123), Some(Timestamp(1_795_427_625_123)));
        for wrong in [f64::NAN, 0.0, 1_795_427_625_123.0, f64::INFINITY] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }
}
