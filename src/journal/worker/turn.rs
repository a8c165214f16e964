//! What the thread does between two waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::journal::error::JournalError;
use crate::journal::holder::Holder;
use crate::journal::lease::RENEW_MS;
use crate::journal::query::{Event, HistoryFilter, HistoryRow};
use crate::journal::store::Journal;
use crate::journal::worker::pending::Pending;
use crate::journal::worker::{Job, News};
use crate::model::Timestamp;
use crate::model::alarm::Transition;

/// How often the file is looked at for what others wrote.
const POLL: Duration = Duration::from_millis(100);
/// How long others may write between two transactions of ours.
const PAUSE: Duration = Duration::from_millis(10);
/// How long until the next try where nothing can be saved.
const RETRY: Duration = Duration::from_secs(2);
/// How far back the engine is told of, ms: what figures are about.
const DAY_MS: i64 = 24 * 3600 * 1000;
/// Most rows of the past that it is told of, the newest.
const PAST: usize = 20_000;
/// Most operations in one message.
const OPERATIONS: usize = 1000;

/// Who writes the transitions, as this console knows.
#[derive(Debug)]
enum Role {
    /// Not known yet.
    Unknown,
    /// Another console; with what the engine has heard of last.
    Following(Option<(Arc<str>, u64)>),
    /// This one.
    Leading {
        /// Number of the last operation that the engine has heard of; `None` before it knows that
        /// it leads.
        heard: Option<u64>,
        /// When the lease is to be renewed.
        renew: Instant,
    },
}

/// The thread.
pub(super) struct Worker {
    path: PathBuf,
    who: Holder,
    clock: fn() -> Timestamp,
    news: mpsc::Sender<News>,
    journal: Option<Journal>,
    role: Role,
    term: u64,
    pending: Pending,
    /// Why nothing can be saved.
    trouble: Option<Arc<str>>,
    /// What the engine has heard of that.
    told: Option<Arc<str>>,
    /// Dropped transitions that the engine has heard of.
    told_dropped: u64,
    /// The file is damaged: it is not opened for writing again.
    damaged: bool,
    /// Alarms of a damaged file that the engine has not heard of.
    found: Option<News>,
    poll: Instant,
    retry: Instant,
    /// End of the history at the last look that found no operation.
    seen: Option<u64>,
    /// End of the history that the engine has heard as its past; `None` after a change of roles.
    past: Option<u64>,
}

impl Worker {
    pub(super) fn new(
        path: PathBuf,
        who: Holder,
        clock: fn() -> Timestamp,
        news: mpsc::Sender<News>,
    ) -> Self {
        let now = Instant::now();
        Self {
            path,
            who,
            clock,
            news,
            journal: None,
            role: Role::Unknown,
            term: 0,
            pending: Pending::default(),
            trouble: None,
            told: None,
            told_dropped: 0,
            damaged: false,
            found: None,
            poll: now,
            retry: now,
            seen: None,
            past: None,
        }
    }

    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        self.turn();
        loop {
            let wait = if self.pending.is_empty() || self.trouble.is_some() {
                self.poll.saturating_duration_since(Instant::now())
            } else {
                PAUSE
            };
            match jobs.recv_timeout(wait) {
                Ok(Job::Close(done)) => {
                    self.close();
                    // Nobody may wait any more.
                    let _ = done.send(());
                    return;
                }
                Ok(Job::Record(record)) => {
                    if record.term == self.term && matches!(self.role, Role::Leading { .. }) {
                        self.pending.add(record);
                    } else {
                        self.pending.dropped += record.transitions.len() as u64;
                    }
                }
                Ok(Job::Operation(operation, reply)) => {
                    let saved = self.attempt(|journal| journal.append_operation(&operation));
                    // A lost answer does not undo what is saved.
                    let _ = reply.send(saved.map_err(|e| e.to_string()));
                    // It goes out to the engine at once.
                    self.poll = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.close(),
            }
            self.turn();
        }
    }

    /// Does what is due.
    fn turn(&mut self) {
        let now = Instant::now();
        if now >= self.retry && (self.trouble.is_some() || self.journal.is_none()) {
            self.recover();
        }
        if self.trouble.is_none() && !self.pending.is_empty() {
            self.flush();
        }
        if now >= self.poll {
            self.poll = now + POLL;
            // Errors are in `trouble` already.
            let _ = self.look();
        }
        self.tell();
    }

    /// Runs `work` on the journal and keeps what it says of the state of the disk.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Journal) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if self.damaged {
            return Err(self.damage());
        }
        let mut journal = match self.journal.take() {
            Some(journal) => journal,
            None => Journal::open(&self.path).inspect_err(|e| self.failed(e))?,
        };
        let done = work(&mut journal);
        self.journal = Some(journal);
        if let Err(e) = &done {
            self.failed(e);
        }
        done
    }

    fn damage(&self) -> JournalError {
        let what = self.trouble.as_deref().unwrap_or_default().to_owned();
        JournalError::Invalid(format!("{what}; nothing was saved"))
    }

    /// Keeps the reason why nothing can be saved, unless it is only about this one call.
    fn failed(&mut self, e: &JournalError) {
        match e {
            JournalError::Invalid(_) | JournalError::LeaseLost { .. } | JournalError::Busy { .. } => return,
            JournalError::Sql { .. } => self.journal = None,
            JournalError::Damaged { .. } => self.give_up(),
            _ => {}
        }
        self.trouble = Some(e.to_string().into());
        self.retry = Instant::now() + RETRY;
    }

    /// A damaged file is not written any more; what it tells of alarms is passed on.
    fn give_up(&mut self) {
        self.damaged = true;
        self.journal = None;
        self.pending.clear();
        self.role = Role::Unknown;
        let read = Journal::open_read_only(&self.path).and_then(|j| j.standing());
        self.found = read.ok().map(News::Found);
    }

    /// Opens the journal, or tries whether it can be written again.
    fn recover(&mut self) {
        if self.damaged {
            return;
        }
        self.retry = Instant::now() + RETRY;
        let fresh = self.journal.is_none();
        let done = self.attempt(|journal| {
            if fresh {
                journal.check_pages(false)?;
            }
            journal.probe()
        });
        if done.is_ok() {
            self.trouble = None;
            self.poll = Instant::now();
        }
    }

    /// Saves one transaction of what waits.
    fn flush(&mut self) {
        let batch = self.pending.take();
        let who = self.who.clone();
        let done = self.attempt(|j| j.record(&who, &batch.transitions, &batch.alarms, batch.applied));
        match done {
            Ok(()) => {}
            Err(JournalError::LeaseLost { .. }) => self.follow(),
            // Trying again would fail again, and keep everything behind it waiting.
            Err(JournalError::Duplicate { .. }) => self.pending.dropped += batch.transitions.len() as u64,
            Err(_) if self.damaged => {}
            Err(_) => self.pending.put_back(batch),
        }
    }

    fn follow(&mut self) {
        self.pending.clear();
        self.past = None;
        self.role = Role::Following(None);
    }

    /// Looks what others did, and renews or takes the lease.
    fn look(&mut self) -> Result<(), JournalError> {
        if self.journal.is_none() {
            return Ok(());
        }
        let (who, now) = (self.who.clone(), (self.clock)());
        match self.role {
            Role::Leading { renew, .. } if Instant::now() >= renew => {
                if self.attempt(|j| j.renew(&who, now))? {
                    self.renewed();
                } else {
                    self.follow();
                }
            }
            Role::Leading { .. } => {}
            Role::Unknown | Role::Following(_) => {
                if self.attempt(|j| j.try_lead(&who, now))? {
                    self.term += 1;
                    self.seen = None;
                    self.past = None;
                    self.role = Role::Leading { heard: None, renew: Instant::now() };
                    self.renewed();
                } else if matches!(self.role, Role::Unknown) {
                    self.role = Role::Following(None);
                }
            }
        }
        match self.role {
            Role::Leading { heard: None, .. } => self.tell_lead(),
            Role::Leading { heard: Some(heard), .. } => self.tell_operations(heard),
            Role::Following(_) => self.tell_follow(),
            Role::Unknown => Ok(()),
        }?;
        self.tell_past(now)
    }

    /// Tells what happened before, once the engine knows its role; who leads knows what comes after.
    fn tell_past(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let knows = match &self.role {
            Role::Leading { heard, .. } => heard.is_some() && self.past.is_none(),
            Role::Following(heard) => heard.is_some(),
            Role::Unknown => false,
        };
        if !knows {
            return Ok(());
        }
        let end = self.attempt(|j| j.tail())?.seq;
        if self.past == Some(end) {
            return Ok(());
        }
        let news = self.news.clone();
        let Ok(permit) = news.try_reserve() else { return Ok(()) };
        let whole = self.past.is_none();
        let since = whole.then(|| now.plus_millis(-DAY_MS));
        let filter =
            HistoryFilter { after: self.past.unwrap_or(0), since, limit: PAST, ..HistoryFilter::default() };
        let rows = self.attempt(|j| j.history(&filter))?;
        let happened = |row: HistoryRow| match row.event {
            Event::Transition(t) => Some(t),
            Event::Operation(_) => None,
        };
        let transitions: Vec<Transition> = rows.into_iter().rev().filter_map(happened).collect();
        if whole || !transitions.is_empty() {
            permit.send(News::Past { whole, transitions });
        }
        self.past = Some(end);
        Ok(())
    }

    fn renewed(&mut self) {
        if let Role::Leading { renew, .. } = &mut self.role {
            *renew = Instant::now() + Duration::from_millis(RENEW_MS as u64);
        }
    }

    fn tell_lead(&mut self) -> Result<(), JournalError> {
        let news = self.news.clone();
        let Ok(permit) = news.try_reserve() else { return Ok(()) };
        let (alarms, operations, applied) = self.attempt(|j| {
            let applied = j.tail()?.applied;
            Ok((j.alarms()?, j.operations_after(applied, OPERATIONS)?, applied))
        })?;
        let last = operations.last().map_or(applied, |o| o.number);
        permit.send(News::Lead { term: self.term, alarms, operations });
        if let Role::Leading { heard, .. } = &mut self.role {
            *heard = Some(last);
        }
        Ok(())
    }

    fn tell_operations(&mut self, last: u64) -> Result<(), JournalError> {
        let end = self.attempt(|j| j.tail())?.seq;
        if self.seen == Some(end) {
            return Ok(());
        }
        let news = self.news.clone();
        let Ok(permit) = news.try_reserve() else { return Ok(()) };
        let operations = self.attempt(|j| j.operations_after(last, OPERATIONS))?;
        match operations.last() {
            Some(o) => {
                if let Role::Leading { heard, .. } = &mut self.role {
                    *heard = Some(o.number);
                }
                permit.send(News::Operations(operations));
            }
            None => self.seen = Some(end),
        }
        Ok(())
    }

    fn tell_follow(&mut self) -> Result<(), JournalError> {
        let (lease, tail) = self.attempt(|j| Ok((j.lease()?, j.tail()?)))?;
        let holder: Arc<str> = lease.map(|l| l.name).unwrap_or_default().into();
        let Role::Following(heard) = &self.role else { return Ok(()) };
        let now = Some((Arc::clone(&holder), tail.revision));
        if *heard == now {
            return Ok(());
        }
        let news = self.news.clone();
        let Ok(permit) = news.try_reserve() else { return Ok(()) };
        let alarms = self.attempt(|j| j.standing())?;
        permit.send(News::Follow { holder, alarms });
        self.role = Role::Following(now);
        Ok(())
    }

    /// Says what is wrong, or that it is not any more, as soon as the engine has room.
    fn tell(&mut self) {
        if self.told != self.trouble {
            let mended = self.trouble.is_none();
            if mended && !self.pending.is_empty() {
                return;
            }
            let said = match &self.trouble {
                Some(why) => News::Broken(Arc::clone(why)),
                None => News::Mended,
            };
            if self.news.try_send(said).is_ok() {
                self.told.clone_from(&self.trouble);
            }
        }
        let dropped = self.pending.dropped - self.told_dropped;
        if dropped > 0 && self.news.try_send(News::Lost(dropped)).is_ok() {
            self.told_dropped = self.pending.dropped;
        }
        if let Some(found) = self.found.take()
            && let Err(mpsc::error::TrySendError::Full(found)) = self.news.try_send(found)
        {
            self.found = Some(found);
        }
    }

    /// Saves what is left and gives the lease back. What cannot be saved now is lost.
    fn close(&mut self) {
        while self.trouble.is_none() && !self.pending.is_empty() {
            let before = self.pending.len();
            self.flush();
            // Somebody else is in the way, and there is no later.
            if self.pending.len() >= before {
                break;
            }
        }
        if let (Role::Leading { .. }, Some(journal)) = (&self.role, &mut self.journal) {
            // It ends by itself soon.
            let _ = journal.release(&self.who);
        }
    }
}
