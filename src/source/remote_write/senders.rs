//! Who pushes: one row for each sender in the view of sources.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::Timestamp;
use crate::model::entry::{TargetState, TargetStatus};
use crate::model::text;

/// Most senders with a row of their own; the others share the last one.
pub const MAX_SENDERS: usize = 256;
/// A sender that has been silent for so long is down, ms, if its interval is not longer.
const SILENT_MS: i64 = 40_000;
/// How long a sender has been silent is told in steps of so many ms.
const STEP_MS: i64 = 10_000;

/// All senders.
#[derive(Debug, Default)]
pub struct Senders {
    rows: Vec<Row>,
    by_name: HashMap<String, u32>,
}

#[derive(Debug)]
struct Row {
    status: TargetStatus,
    /// When it was last heard, however badly.
    heard: Timestamp,
    is_news: bool,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// When it was answered.
    pub time: Timestamp,
    /// How long it took from the end of its headers on, ms.
    pub duration_ms: u32,
    /// Its size as it was sent, bytes.
    pub bytes: u32,
    /// Samples of wanted families, and series that could not be used; or why it was refused.
    pub outcome: Result<(u32, u32), String>,
}

impl Senders {
    /// The row of a sender, by its address and what it calls itself.
    pub fn row(&mut self, address: IpAddr, agent: Option<&[u8]>) -> u32 {
        let agent = text::clean(&String::from_utf8_lossy(agent.unwrap_or_default()));
        let name = format!("{address} {agent}").trim_end().to_owned();
        if let Some(row) = self.by_name.get(&name) {
            return *row;
        }
        let is_last = self.rows.len() + 1 >= MAX_SENDERS;
        if self.rows.len() < MAX_SENDERS {
            let name = if is_last { "(other senders)".to_owned() } else { name.clone() };
            let status = TargetStatus { name, ..TargetStatus::default() };
            self.rows.push(Row { status, heard: Timestamp::default(), is_news: true });
        }
        let row = (self.rows.len() - 1) as u32;
        if !is_last {
            self.by_name.insert(name, row);
        }
        row
    }

    /// Writes down what came of a request.
    pub fn record(&mut self, row: u32, receipt: &Receipt) {
        let Some(row) = self.rows.get_mut(row as usize) else { return };
        let status = &mut row.status;
        status.duration_ms = receipt.duration_ms;
        status.bytes = receipt.bytes;
        match &receipt.outcome {
            Ok((samples, bad)) => {
                status.state = TargetState::Up;
                status.last_ok = Some(receipt.time);
                (status.samples, status.bad_lines) = (*samples, *bad);
                status.failures = 0;
            }
            Err(why) => {
                status.state = TargetState::Down(why.clone());
                status.failures = status.failures.saturating_add(1);
            }
        }
        row.heard = receipt.time;
        row.is_news = true;
    }

    /// Notices who has been silent for three intervals, and for 40 s at least.
    pub fn look(&mut self, now: Timestamp, interval_ms: u32) {
        let allowed = SILENT_MS.max(3 * i64::from(interval_ms));
        for row in &mut self.rows {
            let silent = now.millis().saturating_sub(row.heard.millis());
            if silent < allowed {
                continue;
            }
            let seconds = (silent - silent % STEP_MS) / 1000;
            let state = TargetState::Down(format!("nothing received for {seconds} s"));
            if row.status.state != state {
                row.status.state = state;
                row.is_news = true;
            }
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True before anybody has sent anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows that changed since the last call.
    pub fn news(&mut self) -> Vec<(u32, TargetStatus)> {
        let rows = self.rows.iter_mut().enumerate().filter(|(_, r)| r.is_news);
        rows.map(|(i, r)| {
            r.is_news = false;
            (i as u32, r.status.clone())
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn receipt(seconds: i64, outcome: Result<(u32, u32), String>) -> Receipt {
        Receipt { time: Timestamp(seconds * 1000), duration_ms: 1, bytes: 10, outcome }
    }

    #[test]
    fn each_sender_has_a_row_and_tells_its_news_once() {
        let mut senders = Senders::default();
        let row = senders.row(HOST, Some(b"Prometheus/3.5\x1b[2J"));
        assert_eq!(senders.row(HOST, Some(b"Prometheus/3.5\x1b[2J")), row);
        assert_ne!(senders.row(HOST, Some(b"vmagent")), row);
        senders.record(row, &receipt(5, Ok((7, 1))));
        let news = senders.news();
        assert_eq!((news.len(), &*news[0].1.name), (2, "127.0.0.1 Prometheus/3.5[2J"));
        assert_eq!((&news[0].1.state, news[0].1.samples), (&TargetState::Up, 7));
        assert!(senders.news().is_empty());
    }

    #[test]
    fn a_silent_sender_is_down_and_says_for_how_long() {
        let mut senders = Senders::default();
        let row = senders.row(HOST, None);
        senders.record(row, &receipt(0, Ok((1, 0))));
        senders.news();
        senders.look(Timestamp(39_999), 5_000);
        assert!(senders.news().is_empty());
        senders.look(Timestamp(44_000), 5_000);
        assert_eq!(senders.news()[0].1.state, TargetState::Down("nothing received for 40 s".into()));
        senders.look(Timestamp(48_000), 5_000);
        assert!(senders.news().is_empty(), "it is told in steps");
        senders.look(Timestamp(90_000), 60_000);
        assert!(senders.news().is_empty(), "with a longer interval silence is longer");
        senders.record(row, &receipt(91, Err("HTTP 400: broken".into())));
        assert_eq!(senders.news()[0].1.failures, 1);
    }

    #[test]
    fn there_are_only_so_many_rows() {
        let mut senders = Senders::default();
        for i in 0..1000_u32 {
            let row = senders.row(IpAddr::V4(i.into()), None);
            assert!((row as usize) < MAX_SENDERS);
        }
        assert_eq!(senders.len(), MAX_SENDERS);
        assert_eq!(senders.news().last().map(|(_, s)| s.name.clone()), Some("(other senders)".into()));
        assert_eq!(senders.by_name.len(), MAX_SENDERS - 1);
    }
}
