//! The file: opened with care, written in transactions that are on the disk when a call returns.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use crate::journal::chain::{Hash, Link};
use crate::journal::error::JournalError;
use crate::journal::holder::Holder;
use crate::journal::{lease, schema};
use crate::model::alarm::{Alarm, AlarmId, AlarmState, Operation, Transition, Verb};

/// How often a call looks again while another process writes.
const BUSY_POLL: Duration = Duration::from_millis(2);
/// How often it looks before it gives up: 2 s.
const BUSY_TRIES: i32 = 1000;
/// Tries to open the file while another process makes it.
const OPEN_TRIES: u32 = 250;
/// Most transitions, and most alarms, of one transaction: a longer one keeps other consoles waiting,
/// because SQLite does not queue them.
pub const MAX_BATCH: usize = 1000;
/// Files up to this size are checked as a whole when a console starts, bytes.
const QUICK_CHECK: u64 = 64 << 20;
/// Name of the file in the folder of the state.
pub const FILE: &str = "journal.sqlite";

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    db: Connection,
}

/// How far the history has come; cheap to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tail {
    /// Number of the last row; 0 for none.
    pub seq: u64,
    /// Number of the last operation that is in the state of the alarms.
    pub applied: u64,
    /// Grows with each change of an alarm.
    pub revision: u64,
}

impl Journal {
    /// Opens the journal at `path` for writing; makes it, and its folder, where there is none. Only
    /// the user may read them.
    ///
    /// # Errors
    /// It cannot be made, is newer, foreign or damaged, or can only be read.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        // Turning a new file to its log is not waited for by SQLite: two consoles that start at once
        // meet here.
        for _ in 0..OPEN_TRIES {
            match Self::open_once(path) {
                Err(e) if e.is_busy() => std::thread::park_timeout(BUSY_POLL),
                done => return done,
            }
        }
        Self::open_once(path)
    }

    fn open_once(path: &Path) -> Result<Self, JournalError> {
        make(path)?;
        schema::inspect(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sql = |e| JournalError::sql(path, "open the journal", e);
        let mut db = Connection::open_with_flags(path, flags).map_err(sql)?;
        db.busy_handler(Some(busy)).map_err(sql)?;
        // Before anything is written: the header may be older than the log beside it.
        schema::format_of(&db, path)?;
        let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0)).map_err(sql)?;
        if mode != "wal" || db.is_readonly("main").map_err(sql)? {
            return Err(JournalError::ReadOnly { path: path.to_owned() });
        }
        // A commit is answered when it is on the disk; NORMAL would lose the last ones with the power.
        db.pragma_update(None, "synchronous", "FULL").map_err(sql)?;
        schema::migrate(&mut db, path)?;
        Ok(Self { path: path.to_owned(), db })
    }

    /// Opens an existing journal only to read it, even where it is damaged or its folder cannot be
    /// written.
    ///
    /// # Errors
    /// There is none, it is newer or foreign, or so damaged that nothing can be read.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        match std::fs::metadata(path) {
            Ok(meta) if meta.len() > 0 => {}
            _ => return Err(JournalError::Absent { path: path.to_owned() }),
        }
        schema::inspect(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let mut last = None;
        // Without a folder to write to SQLite cannot share the log: then nobody else writes, either.
        for query in ["mode=ro", "immutable=1"] {
            let tried = Connection::open_with_flags(schema::uri(path, query), flags).and_then(|mut db| {
                db.busy_handler(Some(busy))?;
                db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get::<_, i64>(0))?;
                Ok(db)
            });
            match tried {
                Ok(db) => {
                    if schema::format_of(&db, path)? == 0 {
                        return Err(JournalError::Absent { path: path.to_owned() });
                    }
                    return Ok(Self { path: path.to_owned(), db });
                }
                Err(e) => last = last.or(Some(e)),
            }
        }
        let e = last.unwrap_or(rusqlite::Error::InvalidQuery);
        Err(JournalError::sql(path, "open the journal", e))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn db(&self) -> &Connection {
        &self.db
    }

    pub(super) fn error(&self, operation: &'static str, e: rusqlite::Error) -> JournalError {
        JournalError::sql(&self.path, operation, e)
    }

    /// Runs `work` in one transaction that is on the disk when this returns.
    pub(super) fn write<T>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        let path = &self.path;
        // Immediate: the lock first, so that what was read cannot have changed at the first write.
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate);
        let done = tx.and_then(|tx| {
            let out = work(&tx)?;
            tx.commit()?;
            Ok(out)
        });
        done.map_err(|e| JournalError::sql(path, operation, e))
    }

    /// A number that changes when another connection has written.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn data_version(&self) -> Result<i64, JournalError> {
        let found =
            self.db.prepare_cached("PRAGMA data_version").and_then(|mut s| s.query_row([], |r| r.get(0)));
        found.map_err(|e| self.error("read the journal", e))
    }

    /// How far the history has come.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tail(&self) -> Result<Tail, JournalError> {
        let read = |r: &rusqlite::Row<'_>| {
            Ok(Tail { seq: unsigned(r.get(0)?), applied: unsigned(r.get(1)?), revision: unsigned(r.get(2)?) })
        };
        let found = self
            .db
            .prepare_cached("SELECT seq, applied, revision FROM tail")
            .and_then(|mut s| s.query_row([], read));
        found.map_err(|e| self.error("read the end of the history", e))
    }

    /// Looks for damage of the pages: of the whole file where it is small or `whole` is set, else of
    /// the tables that a start reads.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with the first damage.
    pub fn check_pages(&self, whole: bool) -> Result<(), JournalError> {
        let size = std::fs::metadata(&self.path).map_or(u64::MAX, |m| m.len());
        let checks: &[&str] = match (whole, size <= QUICK_CHECK) {
            (true, _) => &["PRAGMA integrity_check(1)"],
            (_, true) => &["PRAGMA quick_check(1)"],
            _ => {
                &["PRAGMA quick_check('alarm')", "PRAGMA quick_check('tail')", "PRAGMA quick_check('lease')"]
            }
        };
        for check in checks {
            let found: String =
                self.db.query_row(check, [], |r| r.get(0)).map_err(|e| self.error("check the journal", e))?;
            if found != "ok" {
                let what = found.lines().next_back().unwrap_or_default().to_owned();
                return Err(JournalError::Damaged { path: self.path.clone(), what });
            }
        }
        Ok(())
    }

    /// Writes nothing, but as a write does: fails where nothing can be saved.
    ///
    /// # Errors
    /// Nothing can be saved.
    pub fn probe(&mut self) -> Result<(), JournalError> {
        self.write("write the journal", |tx| tx.execute("UPDATE tail SET one = one", []).map(|_| ()))
    }

    /// Appends an operation and answers with its number once it is on the disk.
    ///
    /// # Errors
    /// It is wrong in itself, or could not be saved: then nothing of it was.
    pub fn append_operation(&mut self, operation: &Operation) -> Result<u64, JournalError> {
        operation.check().map_err(JournalError::Invalid)?;
        self.write("save the operation", |tx| {
            let mut end = End::read(tx)?;
            let number = end.seq + 1;
            let body = json(&Operation { number: unsigned(number), ..operation.clone() })?;
            let alarm = match operation.alarms[..] {
                [one] => Some(signed(one.0)),
                _ => None,
            };
            end.append(tx, Row { time: operation.time.millis(), kind: "operation", alarm, body: &body })?;
            if operation.alarms.len() > 1 && operation.verb == Verb::Comment {
                let mut target = tx.prepare_cached("INSERT OR IGNORE INTO target VALUES (?1, ?2)")?;
                for id in &operation.alarms {
                    target.execute([signed(id.0), number])?;
                }
            }
            end.write(tx, None, false)?;
            Ok(unsigned(number))
        })
    }

    /// Appends transitions and keeps the state of the alarms that they led to, in one transaction;
    /// `applied` is the last operation that is in that state. Only the holder of the lease may.
    /// Callers keep to [`MAX_BATCH`] of each.
    ///
    /// # Errors
    /// The lease is lost, two alarms have one rule and place, or the file cannot be written: nothing
    /// was saved.
    pub fn record(
        &mut self,
        who: &Holder,
        transitions: &[Transition],
        alarms: &[Alarm],
        applied: Option<u64>,
    ) -> Result<(), JournalError> {
        let refused = self.write("save the transitions", |tx| {
            if let Some(refusal) = refusal(tx, who)? {
                return Ok(Some(refusal));
            }
            let mut end = End::read(tx)?;
            for t in transitions {
                let (time, alarm) = (t.time.millis(), Some(signed(t.alarm.0)));
                end.append(tx, Row { time, kind: "transition", alarm, body: &json(t)? })?;
            }
            for alarm in alarms {
                if !keep(tx, alarm)? {
                    return Err(Refusal::Duplicate(alarm.id).into());
                }
            }
            end.write(tx, applied, !alarms.is_empty())?;
            Ok(None)
        });
        match refused {
            Ok(None) => Ok(()),
            Ok(Some(holder)) => Err(JournalError::LeaseLost { holder }),
            Err(JournalError::Sql { source, path, operation }) => {
                let twice = duplicate(&source, alarms);
                Err(twice.unwrap_or(JournalError::Sql { path, operation, source }))
            }
            Err(e) => Err(e),
        }
    }
}

/// Waits a little for another process that writes. The handler of SQLite itself waits longer and
/// longer, up to 100 ms, so that whoever writes without rest starves the others.
fn busy(tries: i32) -> bool {
    std::thread::park_timeout(BUSY_POLL);
    tries < BUSY_TRIES
}

/// Why a transaction is taken back.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("alarm {0} has another name")]
    Duplicate(AlarmId),
}

impl From<Refusal> for rusqlite::Error {
    fn from(refusal: Refusal) -> Self {
        Self::ToSqlConversionFailure(Box::new(refusal))
    }
}

/// The alarm that has another number or name in the file, when `e` says so.
fn duplicate(e: &rusqlite::Error, alarms: &[Alarm]) -> Option<JournalError> {
    let rusqlite::Error::ToSqlConversionFailure(inner) = e else { return None };
    let Refusal::Duplicate(id) = inner.downcast_ref::<Refusal>()?;
    let alarm = alarms.iter().find(|a| a.id == *id)?;
    Some(JournalError::Duplicate { id: *id, rule: alarm.rule.to_string(), place: alarm.place.to_string() })
}

/// The name of the holder of the lease, when that is not `who`.
fn refusal(tx: &Transaction<'_>, who: &Holder) -> rusqlite::Result<Option<String>> {
    Ok(match lease::read(tx)? {
        Some(lease) if lease.token == who.token => None,
        Some(lease) => Some(lease.name),
        None => Some(String::from("nobody")),
    })
}

/// Keeps the state of one alarm. False when the file knows its number by another name, or its name
/// by another number.
fn keep(tx: &Transaction<'_>, alarm: &Alarm) -> rusqlite::Result<bool> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO alarm (id, rule, place, state, priority, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, priority = excluded.priority, body = excluded.body
         WHERE rule = excluded.rule AND place = excluded.place
         ON CONFLICT (rule, place) DO NOTHING",
    )?;
    let (rule, place, body) = (&*alarm.rule, &*alarm.place, json(alarm)?);
    let values = params![signed(alarm.id.0), rule, place, word(alarm.state), alarm.priority, body];
    Ok(statement.execute(values)? == 1)
}

/// The word for a state in the file.
pub(super) const fn word(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Normal => "normal",
        AlarmState::Unacknowledged => "unacknowledged",
        AlarmState::Acknowledged => "acknowledged",
        AlarmState::ReturnedUnacknowledged => "returned_unacknowledged",
        AlarmState::LatchedUnacknowledged => "latched_unacknowledged",
        AlarmState::LatchedAcknowledged => "latched_acknowledged",
        AlarmState::Shelved => "shelved",
        AlarmState::Suppressed => "suppressed",
        AlarmState::OutOfService => "out_of_service",
    }
}

/// A row on its way into the history.
struct Row<'a> {
    time: i64,
    kind: &'static str,
    alarm: Option<i64>,
    body: &'a str,
}

/// The end of the history while it grows.
struct End {
    seq: i64,
    hash: Hash,
}

impl End {
    fn read(tx: &Transaction<'_>) -> rusqlite::Result<Self> {
        let mut statement = tx.prepare_cached("SELECT seq, hash FROM tail")?;
        statement.query_row([], |r| Ok(Self { seq: r.get(0)?, hash: r.get(1)? }))
    }

    fn append(&mut self, tx: &Transaction<'_>, row: Row<'_>) -> rusqlite::Result<()> {
        let Row { time, kind, alarm, body } = row;
        self.seq += 1;
        self.hash = Link { seq: self.seq, time, kind, alarm, body }.hash(&self.hash);
        let mut statement = tx.prepare_cached("INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        statement.execute(params![self.seq, time, kind, alarm, body, self.hash]).map(|_| ())
    }

    fn write(&self, tx: &Transaction<'_>, applied: Option<u64>, changed: bool) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "UPDATE tail SET seq = ?1, hash = ?2, applied = max(applied, ?3), revision = revision + ?4",
        )?;
        let applied = signed(applied.unwrap_or_default());
        statement.execute(params![self.seq, self.hash, applied, i64::from(changed)]).map(|_| ())
    }
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// Numbers of rows and alarms as SQLite has them: 63 bits.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Such a number as the model has it; what something else wrote below 0 reads as 0.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Makes the folder and an empty file that only the user may read, where there is none. SQLite gives
/// the files beside it the same mode.
fn make(path: &Path) -> Result<(), JournalError> {
    let failed = |path: &Path, source: io::Error| match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            JournalError::ReadOnly { path: path.to_owned() }
        }
        io::ErrorKind::StorageFull => JournalError::Full { path: path.to_owned() },
        _ => JournalError::Make { path: path.to_owned(), source },
    };
    if path.exists() {
        return Ok(());
    }
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failed(dir, e))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(failed(path, e)),
        _ => Ok(()),
    }
}
