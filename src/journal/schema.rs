//! The form of the file: numbered migrations, each applied once, in order, in a transaction of its
//! own. A migration that was released is never edited.

use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::journal::error::JournalError;

/// The migrations; the position, from 1, is the format that each leads to.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_history.sql")];
/// The newest format that this version knows.
pub const FORMAT: i64 = MIGRATIONS.len() as i64;
/// Marks the file as ours in its header: "hwjl".
pub const APPLICATION: i64 = 0x6877_6a6c;
/// What stands for the version in a file that does not name it.
const UNKNOWN: &str = "of another version";

/// Looks at the header of the file without SQLite, which would touch the files around it.
///
/// # Errors
/// A newer or another program wrote it, or it cannot be read.
pub(super) fn inspect(path: &Path) -> Result<(), JournalError> {
    let mut header = [0_u8; 100];
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(source) => return Err(JournalError::Make { path: path.to_owned(), source }),
    };
    let mut filled = 0;
    while let Ok(n) = file.read(&mut header[filled..])
        && n > 0
    {
        filled += n;
    }
    // An empty file becomes a journal. A header of zeros or foreign bytes is for SQLite to judge.
    if filled < header.len() || !header.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    let word = |at: usize| i64::from(u32::from_be_bytes([0, 1, 2, 3].map(|i| header[at + i])));
    let (format, application) = (word(60), word(68));
    check(path, format, application, || version_untouched(path))
}

/// Refuses what is not ours, and what is newer.
fn check(
    path: &Path,
    format: i64,
    application: i64,
    version: impl FnOnce() -> String,
) -> Result<(), JournalError> {
    let path = || path.to_owned();
    match (format, application) {
        // Not begun: the first process writes both numbers with the first migration.
        (0, 0) => Ok(()),
        (_, other) if other != APPLICATION => Err(JournalError::Foreign { path: path() }),
        (format, _) if format > FORMAT => {
            Err(JournalError::Newer { path: path(), version: version(), format, known: FORMAT })
        }
        _ => Ok(()),
    }
}

/// The version that wrote the file, read without making or changing any file beside it.
fn version_untouched(path: &Path) -> String {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let found = Connection::open_with_flags(uri(path, "immutable=1"), flags).and_then(|db| version(&db));
    found.unwrap_or_else(|_| UNKNOWN.to_owned())
}

/// The file as a URI of SQLite with `query`.
pub(super) fn uri(path: &Path, query: &str) -> String {
    let mut out = String::from("file:");
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => out.push_str("%25"),
            '?' => out.push_str("%3f"),
            '#' => out.push_str("%23"),
            c => out.push(c),
        }
    }
    out + "?" + query
}

fn version(db: &Connection) -> rusqlite::Result<String> {
    let sql = "SELECT value FROM meta WHERE key = 'version'";
    Ok(db.query_row(sql, [], |r| r.get(0)).optional()?.unwrap_or_else(|| UNKNOWN.to_owned()))
}

/// Brings an open file to the newest format. Safe when several processes do it at once.
///
/// # Errors
/// It is newer or not ours, or cannot be written.
pub(super) fn migrate(db: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let sql = |e| JournalError::sql(path, "bring the journal to this version", e);
    let mut from = format_of(db, path)?;
    while from < FORMAT {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        // Somebody else may have been here while this waited.
        from = format_of(&tx, path)?;
        let Some(step) = usize::try_from(from).ok().and_then(|at| MIGRATIONS.get(at)) else { break };
        tx.execute_batch(META).map_err(sql)?;
        tx.execute_batch(step).map_err(sql)?;
        tx.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?1)", [env!("CARGO_PKG_VERSION")])
            .map_err(sql)?;
        from += 1;
        tx.pragma_update(None, "application_id", APPLICATION).map_err(sql)?;
        tx.pragma_update(None, "user_version", from).map_err(sql)?;
        tx.commit().map_err(sql)?;
        // Other versions look at the header of the file itself, not into the log beside it. Where a
        // reader is in the way they ask SQLite.
        let _ = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    Ok(())
}

/// Stands outside the migrations: every version must be able to read who wrote the file.
const META: &str =
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID";

/// The format of an open file.
pub(super) fn format_of(db: &Connection, path: &Path) -> Result<i64, JournalError> {
    let get = |name: &str| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
    let sql = |e| JournalError::sql(path, "read the format", e);
    let (format, application) = (get("user_version").map_err(sql)?, get("application_id").map_err(sql)?);
    check(path, format, application, || version(db).unwrap_or_else(|_| UNKNOWN.to_owned()))?;
    if application == 0 {
        let tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(sql)?;
        if tables > 0 {
            return Err(JournalError::Foreign { path: path.to_owned() });
        }
    }
    Ok(format)
}
