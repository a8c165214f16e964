//! The chain of hashes through the history, and the search for the place where it is broken.

use rusqlite::Connection;

use crate::journal::error::JournalError;
use crate::journal::store::Journal;

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// What the hash of the first row continues.
pub const START: Hash = [0; 32];

/// One row as the hash sees it.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// Its number.
    pub seq: i64,
    /// Its time, ms since 1970.
    pub time: i64,
    /// `operation` or `transition`.
    pub kind: &'a str,
    /// The alarm, where it is about one.
    pub alarm: Option<i64>,
    /// JSON.
    pub body: &'a str,
}

impl Link<'_> {
    /// The hash of this row behind a row of hash `previous`. Every part has a fixed place or its
    /// length in front, so that no two rows read alike.
    #[must_use]
    pub fn hash(&self, previous: &Hash) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(previous);
        hasher.update(&self.seq.to_le_bytes());
        hasher.update(&self.time.to_le_bytes());
        hasher.update(&(self.kind.len() as u64).to_le_bytes());
        hasher.update(self.kind.as_bytes());
        hasher.update(&[u8::from(self.alarm.is_some())]);
        hasher.update(&self.alarm.unwrap_or_default().to_le_bytes());
        hasher.update(self.body.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// The first place where the history is not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The row of this number was changed, or the one before it together with its hash.
    Changed(i64),
    /// The rows from the first to the last of these numbers are missing.
    Missing(i64, i64),
    /// The rows from the first to the last of these numbers were cut off at the end.
    Cut(i64, i64),
    /// From this number on there are rows that the journal did not write.
    Foreign(i64),
    /// Behind this row the file cannot be read.
    Unreadable(i64, String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "row {seq} was changed"),
            Self::Missing(a, b) if a == b => write!(f, "row {a} is missing"),
            Self::Missing(a, b) => write!(f, "rows {a} to {b} are missing"),
            Self::Cut(a, b) if a == b => write!(f, "row {a}, the last one, was cut off"),
            Self::Cut(a, b) => write!(f, "rows {a} to {b}, the end, were cut off"),
            Self::Foreign(seq) => write!(f, "row {seq} was added by something else"),
            Self::Unreadable(seq, why) => write!(f, "nothing can be read behind row {seq}: {why}"),
        }
    }
}

/// What a check of the whole history found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VerifyReport {
    /// Rows that are in order, up to the fault where there is one.
    pub rows: i64,
    /// Operations among them.
    pub operations: i64,
    /// Hash of the last of them, in hexadecimal digits: written down elsewhere it also proves that
    /// nobody wrote the whole chain anew.
    pub hash: String,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

impl Journal {
    /// Reads the whole history and follows the chain, in bounded memory.
    ///
    /// # Errors
    /// The file cannot be read at all; damage behind the first rows is in the report.
    pub fn verify(&self) -> Result<VerifyReport, JournalError> {
        walk(self.db()).map_err(|e| self.error("read the history", e))
    }
}

fn walk(db: &Connection) -> rusqlite::Result<VerifyReport> {
    // One view of the file: a writer may be busy.
    let tx = db.unchecked_transaction()?;
    let (end, end_hash): (i64, Hash) =
        tx.query_row("SELECT seq, hash FROM tail", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let mut report = VerifyReport::default();
    let mut previous = START;
    let mut statement = tx.prepare("SELECT seq, time, kind, alarm, body, hash FROM history ORDER BY seq")?;
    let mut rows = statement.query([])?;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(e) => {
                report.fault = Some(Fault::Unreadable(report.rows, e.to_string()));
                break;
            }
        };
        let found = match follow(row, &previous, report.rows + 1, end) {
            Ok(found) => found,
            Err(e) => Err(Fault::Unreadable(report.rows, e.to_string())),
        };
        match found {
            Ok((hash, operation)) => {
                previous = hash;
                report.rows += 1;
                report.operations += i64::from(operation);
            }
            Err(fault) => {
                report.fault = Some(fault);
                break;
            }
        }
    }
    report.hash = blake3::Hash::from_bytes(previous).to_hex().to_string();
    if report.fault.is_none() {
        report.fault = match report.rows {
            rows if rows < end => Some(Fault::Cut(rows + 1, end)),
            rows if previous != end_hash => Some(Fault::Changed(rows)),
            _ => None,
        };
    }
    Ok(report)
}

/// The hash of `row` and whether it is an operation, when it is the row `expected` behind `previous`.
fn follow(
    row: &rusqlite::Row<'_>,
    previous: &Hash,
    expected: i64,
    end: i64,
) -> rusqlite::Result<Result<(Hash, bool), Fault>> {
    let seq = row.get(0)?;
    if seq > end || seq < 1 {
        return Ok(Err(Fault::Foreign(seq)));
    }
    if seq != expected {
        return Ok(Err(Fault::Missing(expected, seq - 1)));
    }
    let (kind, body) = (row.get_ref(2)?.as_str()?, row.get_ref(4)?.as_str()?);
    let link = Link { seq, time: row.get(1)?, kind, alarm: row.get(3)?, body };
    let hash = link.hash(previous);
    if row.get::<_, Hash>(5)? != hash {
        return Ok(Err(Fault::Changed(seq)));
    }
    Ok(Ok((hash, kind == "operation")))
}
