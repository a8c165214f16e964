//! Reading the journal: alarms, operations that wait, and the history.

use rusqlite::{ToSql, params_from_iter};

use crate::journal::error::JournalError;
use crate::journal::store::{Journal, signed, unsigned};
use crate::model::Timestamp;
use crate::model::alarm::{Alarm, AlarmId, Operation, Transition};

/// Which rows of the history are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistoryFilter {
    /// About this alarm.
    pub alarm: Option<AlarmId>,
    /// Behind this row; 0 for all.
    pub after: u64,
    /// At or after this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// At most so many, the newest; 0 for all.
    pub limit: usize,
}

/// What a row of the history says.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// An operator did something.
    Operation(Operation),
    /// Something happened to an alarm.
    Transition(Transition),
}

/// One row of the history.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryRow {
    /// Its number.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub event: Event,
}

impl Journal {
    /// All alarms that were ever raised, by number.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn alarms(&self) -> Result<Vec<Alarm>, JournalError> {
        self.read_alarms("SELECT id, body FROM alarm ORDER BY id", &[])
    }

    /// The alarms in any state but normal, by number.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn standing(&self) -> Result<Vec<Alarm>, JournalError> {
        self.read_alarms("SELECT id, body FROM alarm WHERE state <> 'normal' ORDER BY id", &[])
    }

    /// The alarm of this number.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn alarm(&self, id: AlarmId) -> Result<Option<Alarm>, JournalError> {
        Ok(self.read_alarms("SELECT id, body FROM alarm WHERE id = ?1", &[&signed(id.0)])?.pop())
    }

    /// The alarm of `rule` at `place`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn alarm_named(&self, rule: &str, place: &str) -> Result<Option<Alarm>, JournalError> {
        let sql = "SELECT id, body FROM alarm WHERE rule = ?1 AND place = ?2";
        Ok(self.read_alarms(sql, &[&rule, &place])?.pop())
    }

    fn read_alarms(&self, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Alarm>, JournalError> {
        let mut found = Vec::new();
        self.each(sql, values, "read the alarms", |row| {
            let (id, body) = (row.get::<_, i64>(0)?, row.get_ref(1)?.as_str()?);
            found.push(serde_json::from_str(body).map_err(|e| (id, e)));
            Ok(())
        })?;
        let read: Result<Vec<Alarm>, _> = found.into_iter().collect();
        read.map_err(|(id, e)| JournalError::body(self.path(), "alarm", id, &e))
    }

    /// The operations behind row `seq` of the history, in order, at most `limit`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn operations_after(&self, seq: u64, limit: usize) -> Result<Vec<Operation>, JournalError> {
        let sql = "SELECT seq, body FROM history WHERE kind = 'operation' AND seq > ?1 ORDER BY seq LIMIT ?2";
        let mut found: Vec<Result<Operation, _>> = Vec::new();
        self.each(sql, &[&signed(seq), &signed(limit as u64)], "read the operations", |row| {
            let (seq, body) = (row.get::<_, i64>(0)?, row.get_ref(1)?.as_str()?);
            found.push(operation(seq, body).map_err(|e| (seq, e)));
            Ok(())
        })?;
        let read: Result<Vec<Operation>, _> = found.into_iter().collect();
        read.map_err(|(seq, e)| JournalError::body(self.path(), "row", seq, &e))
    }

    /// The rows of the history that `filter` wants, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryRow>, JournalError> {
        let mut wheres = Vec::new();
        let mut values: Vec<i64> = Vec::new();
        let mut want = |text: &str, value: i64| {
            values.push(value);
            wheres.push(text.replace('?', &format!("?{}", values.len())));
        };
        if let Some(id) = filter.alarm {
            want(ABOUT, signed(id.0));
        }
        if filter.after > 0 {
            want("seq > ?", signed(filter.after));
        }
        if let Some(since) = filter.since {
            want("time >= ?", since.millis());
        }
        if let Some(until) = filter.until {
            want("time < ?", until.millis());
        }
        let wheres = if wheres.is_empty() { String::from("TRUE") } else { wheres.join(" AND ") };
        let limit = if filter.limit == 0 { -1 } else { signed(filter.limit as u64) };
        let sql = format!(
            "SELECT seq, time, kind, body FROM history WHERE {wheres} ORDER BY seq DESC LIMIT {limit}"
        );
        let values: Vec<&dyn ToSql> = values.iter().map(|v| v as &dyn ToSql).collect();
        let mut found: Vec<Result<HistoryRow, _>> = Vec::new();
        self.each(&sql, &values, "read the history", |row| {
            let (seq, kind, body) = (row.get(0)?, row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
            let event = match kind {
                "operation" => operation(seq, body).map(Event::Operation),
                _ => serde_json::from_str(body).map(Event::Transition),
            };
            let time = Timestamp(row.get(1)?);
            found.push(
                event.map(|event| HistoryRow { seq: unsigned(seq), time, event }).map_err(|e| (seq, e)),
            );
            Ok(())
        })?;
        let read: Result<Vec<HistoryRow>, _> = found.into_iter().collect();
        read.map_err(|(seq, e)| JournalError::body(self.path(), "row", seq, &e))
    }

    /// Calls `take` with each row.
    fn each(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        what: &'static str,
        mut take: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        let mut run = || {
            let mut statement = self.db().prepare_cached(sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                take(row)?;
            }
            Ok(())
        };
        run().map_err(|e| self.error(what, e))
    }
}

/// Rows about one alarm: its own, the operations that its transitions name, comments on several
/// alarms, and operations on several that nobody has applied yet.
const ABOUT: &str = "seq IN (
    SELECT seq FROM history WHERE alarm = ?
    UNION ALL SELECT json_extract(body, '$.operation') FROM history WHERE alarm = ? AND kind = 'transition'
    UNION ALL SELECT seq FROM target WHERE alarm = ?
    UNION ALL SELECT h.seq FROM history h, json_each(h.body, '$.alarms') a
        WHERE h.kind = 'operation' AND h.seq > (SELECT applied FROM tail) AND a.value = ?)";

/// An operation with the number that it has by its row.
fn operation(seq: i64, body: &str) -> Result<Operation, serde_json::Error> {
    let operation: Operation = serde_json::from_str(body)?;
    Ok(Operation { number: unsigned(seq), ..operation })
}
