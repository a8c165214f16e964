//! The lease: of all consoles that share a journal one writes the transitions.

use rusqlite::{Connection, OptionalExtension, params};

use crate::journal::error::JournalError;
use crate::journal::holder::Holder;
use crate::journal::store::Journal;
use crate::model::Timestamp;

/// How long a lease lasts that is not renewed, ms.
pub const LEASE_MS: i64 = 3000;
/// How often the holder renews it, ms.
pub const RENEW_MS: i64 = 1000;
/// A lease that ends later than this was made by a clock that has since been set back, ms.
const NONSENSE_MS: i64 = 2 * LEASE_MS;

/// The lease as it stands in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// Name of the holder.
    pub name: String,
    /// Its token.
    pub token: String,
    /// Its process id.
    pub pid: i64,
    /// Where the process id is valid.
    pub kernel: String,
    /// The end.
    pub until: Timestamp,
}

impl Lease {
    /// True when its holder may still be alive, as `who` sees it.
    #[must_use]
    pub fn holds(&self, who: &Holder, now: Timestamp) -> bool {
        let left = self.until.since(now);
        0 < left && left <= NONSENSE_MS && !who.sees_dead(self.pid, &self.kernel)
    }
}

pub(super) fn read(db: &Connection) -> rusqlite::Result<Option<Lease>> {
    let mut statement = db.prepare_cached("SELECT name, token, pid, kernel, until FROM lease")?;
    let lease = statement.query_row([], |r| {
        Ok(Lease {
            name: r.get(0)?,
            token: r.get(1)?,
            pid: r.get(2)?,
            kernel: r.get(3)?,
            until: Timestamp(r.get(4)?),
        })
    });
    lease.optional()
}

fn write(db: &Connection, who: &Holder, now: Timestamp) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached("INSERT OR REPLACE INTO lease VALUES (1, ?1, ?2, ?3, ?4, ?5)")?;
    let until = now.plus_millis(LEASE_MS).millis();
    statement.execute(params![who.token, who.name, who.pid, who.kernel, until]).map(|_| ())
}

impl Journal {
    /// The lease in the file, whether it still holds or not.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lease(&self) -> Result<Option<Lease>, JournalError> {
        read(self.db()).map_err(|e| self.error("read the lease", e))
    }

    /// Takes the lease when nobody holds it or `who` already does. False when somebody else does.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn try_lead(&mut self, who: &Holder, now: Timestamp) -> Result<bool, JournalError> {
        // Most tries find a living holder: they need no lock.
        let free = |lease: Option<Lease>| lease.is_none_or(|l| l.token == who.token || !l.holds(who, now));
        if !free(self.lease()?) {
            return Ok(false);
        }
        self.write("take the lease", |tx| {
            let free = free(read(tx)?);
            if free {
                write(tx, who, now)?;
            }
            Ok(free)
        })
    }

    /// Renews the lease. False when another console has it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn renew(&mut self, who: &Holder, now: Timestamp) -> Result<bool, JournalError> {
        self.write("renew the lease", |tx| {
            let ours = read(tx)?.is_some_and(|l| l.token == who.token);
            if ours {
                write(tx, who, now)?;
            }
            Ok(ours)
        })
    }

    /// Gives the lease back, where `who` holds it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn release(&mut self, who: &Holder) -> Result<(), JournalError> {
        self.write("give the lease back", |tx| {
            tx.execute("DELETE FROM lease WHERE token = ?1", [&who.token]).map(|_| ())
        })
    }
}
