//! One query on its way: what is asked, and what is read from the answer while it comes.

use std::sync::Arc;

use tokio::time::Instant;

use super::answer::{AnswerError, Series, Summary};
use super::api::{Api, AskError};
use super::directory::{Directory, Scratch, Table};
use super::plan::Purpose;
use crate::model::Timestamp;
use crate::model::batch::SeriesValue;

/// What a request gave.
pub struct Landed {
    /// Which of the asks.
    pub ask: usize,
    pub duration_ms: u32,
    pub result: Result<(Got, Summary), AskError>,
    /// The directory that was lent to the request.
    pub directory: Option<Box<Directory>>,
}

/// What was read from an answer.
pub enum Got {
    /// Nothing but what the directory took in.
    Directory,
    /// Values or times by member, and how many series were about unknown ones.
    Values(Vec<SeriesValue>, u32),
}

/// One query on its way.
pub struct Request {
    pub api: Arc<Api>,
    pub table: Arc<Table>,
    pub purpose: Purpose,
    pub expression: String,
    pub more: Vec<(&'static str, String)>,
    pub moment: Timestamp,
    pub room: usize,
}

impl Request {
    /// Asks and reads; `ask` comes back with the answer.
    pub async fn send(self, ask: usize, mut directory: Option<Box<Directory>>) -> Landed {
        let start = Instant::now();
        let result = match (&self.purpose, &mut directory) {
            (Purpose::Directory { info }, Some(directory)) => {
                let info = *info;
                let mut sink = |s: &Series<'_>| directory.learn(s, info);
                self.ask(&mut sink).await.map(|s| (Got::Directory, s))
            }
            _ => self.values().await,
        };
        let duration_ms = u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX);
        Landed { ask, duration_ms, result, directory }
    }

    async fn ask(&self, sink: &mut (impl FnMut(&Series<'_>) + Send)) -> Result<Summary, AskError> {
        self.api.query(&self.expression, self.moment, &self.more, sink).await
    }

    async fn values(&self) -> Result<(Got, Summary), AskError> {
        let (mut out, mut unknown, mut matrix) = (Vec::with_capacity(self.room), 0, false);
        let mut scratch = Scratch::default();
        let read = |value: f64| match &self.purpose {
            Purpose::Values { convert, .. } => convert.value(value).map(|v| (v, Timestamp(0))),
            _ => time(value).map(|t| (f32::NAN, t)),
        };
        let mut sink = |series: &Series<'_>| {
            matrix |= series.points.len() > 1;
            let Some((_, value)) = series.points.first() else { return };
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
        Ok((Got::Values(out, unknown), summary))
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
