//! The thread that a console writes the journal through, and the two queues to and from it.
//!
//! It also looks, a few times a second, what other consoles wrote into the file: whoever leads
//! hears of every operation, whoever follows hears of every change of an alarm.

mod pending;
mod turn;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use tokio::sync::{mpsc, oneshot};

use crate::journal::holder::Holder;
use crate::model::Timestamp;
use crate::model::alarm::{Alarm, Operation, Transition};

use turn::Worker;

/// Jobs that may wait for the thread. What does not fit is given back to the caller.
pub const JOBS: usize = 64;
/// News that may wait for the engine. While there is no room the thread keeps nothing back: it reads
/// again from the file what the engine has not heard.
pub const NEWS: usize = 16;
/// Transitions that are kept in memory while nothing can be saved; the oldest are dropped and
/// counted.
pub const MAX_PENDING: usize = 50_000;

/// The answer to an operation: its number once it is on the disk, or why nothing was saved.
pub type Saved = Result<u64, String>;

/// What the leader wants kept.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    /// The term of the [`News::Lead`] that it was made in. What was made in another is dropped: its
    /// state is not the one of the file any more.
    pub term: u64,
    /// What happened, in order.
    pub transitions: Vec<Transition>,
    /// The state of every alarm that changed.
    pub alarms: Vec<Alarm>,
    /// The last operation that is in this state.
    pub applied: u64,
}

impl Record {
    /// Takes in what came after it.
    pub fn merge(&mut self, newer: Self) {
        if newer.term != self.term {
            *self = newer;
            return;
        }
        self.transitions.extend(newer.transitions);
        self.alarms.extend(newer.alarms);
        self.applied = self.applied.max(newer.applied);
    }
}

/// Something for the thread to do.
#[derive(Debug)]
pub enum Job {
    /// Save an operation and answer.
    Operation(Operation, oneshot::Sender<Saved>),
    /// Save what happened; only while this console leads.
    Record(Record),
    /// Save what is left, give the lease back, answer and end.
    Close(oneshot::Sender<()>),
}

/// What the thread has to tell.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// This console writes the transitions now.
    Lead {
        /// Goes into each [`Record`].
        term: u64,
        /// Every alarm that was ever raised: the state to start from.
        alarms: Vec<Alarm>,
        /// Operations that are not in that state yet, in order.
        operations: Vec<Operation>,
    },
    /// Another console does. Comes again whenever something changed.
    Follow {
        /// Its name.
        holder: Arc<str>,
        /// The alarms in any state but normal.
        alarms: Vec<Alarm>,
    },
    /// What happened to alarms, oldest first: after a change of roles that of the last day, and to who
    /// follows from then on whatever the leader adds.
    Past {
        /// It is the whole day, not only what is new.
        whole: bool,
        /// The transitions.
        transitions: Vec<Transition>,
    },
    /// To the leader: operations of any console, each once, in order.
    Operations(Vec<Operation>),
    /// The file is damaged and only read: what it still tells of alarms that stand.
    Found(Vec<Alarm>),
    /// So many transitions are not in the history and never will be: nothing could be saved for too
    /// long, or the lease went to another console.
    Lost(u64),
    /// Nothing can be saved, for this reason.
    Broken(Arc<str>),
    /// It can be saved again, and what was kept in memory has been.
    Mended,
}

/// The console's end of the thread. When the last one is gone the thread saves what is left and ends.
#[derive(Clone, Debug)]
pub struct JournalHandle {
    jobs: SyncSender<Job>,
}

impl JournalHandle {
    /// Hands in an operation; the answer comes when it is on the disk, or at once when it cannot be.
    /// Never waits.
    ///
    /// # Errors
    /// Too much is waiting, or the thread has ended: nothing was saved.
    pub fn operate(&self, operation: Operation) -> Result<oneshot::Receiver<Saved>, String> {
        let (reply, answer) = oneshot::channel();
        match self.jobs.try_send(Job::Operation(operation, reply)) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err("the journal is too slow: nothing was saved".into()),
            Err(TrySendError::Disconnected(_)) => Err("the journal is closed: nothing was saved".into()),
        }
    }

    /// The same with a way for the answer that is there already.
    pub fn hand_in(&self, operation: Operation, reply: oneshot::Sender<Saved>) {
        let (why, job) = match self.jobs.try_send(Job::Operation(operation, reply)) {
            Ok(()) => return,
            Err(TrySendError::Full(job)) => ("the journal is too slow: nothing was saved", job),
            Err(TrySendError::Disconnected(job)) => ("the journal is closed: nothing was saved", job),
        };
        if let Job::Operation(_, reply) = job {
            // Nobody may wait any more.
            let _ = reply.send(Err(why.into()));
        }
    }

    /// Hands in what happened. Never waits.
    ///
    /// # Errors
    /// Gives it back when there is no room: [`Record::merge`] the next one into it and try again.
    pub fn record(&self, record: Record) -> Result<(), Box<Record>> {
        match self.jobs.try_send(Job::Record(record)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Job::Record(r)) | TrySendError::Disconnected(Job::Record(r))) => {
                Err(Box::new(r))
            }
            Err(_) => Ok(()),
        }
    }

    /// Saves what is left, gives the lease back and ends the thread. Waits for a slow disk; the
    /// caller bounds that.
    pub async fn close(self) {
        let (done, ended) = oneshot::channel();
        let jobs = self.jobs;
        // A full queue makes this wait, which must not happen on a thread of the runtime.
        let sent = tokio::task::spawn_blocking(move || jobs.send(Job::Close(done)).is_ok()).await;
        if sent.unwrap_or(false) {
            let _ = ended.await;
        }
    }
}

/// Starts the thread for the journal at `path` on behalf of `who`. `clock` reads the wall clock.
/// The journal may be broken: the news say so, and the console goes on.
///
/// # Errors
/// The thread cannot be started.
pub fn spawn(
    path: PathBuf,
    who: Holder,
    clock: fn() -> Timestamp,
) -> std::io::Result<(JournalHandle, mpsc::Receiver<News>)> {
    let (jobs, queue) = sync_channel(JOBS);
    let (news, told) = mpsc::channel(NEWS);
    let worker = Worker::new(path, who, clock, news);
    std::thread::Builder::new().name("journal".into()).spawn(move || worker.run(&queue))?;
    Ok((JournalHandle { jobs }, told))
}

#[cfg(test)]
mod tests;
