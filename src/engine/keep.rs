//! Between the engine and the journal: what happened goes there, and what it tells comes back.
//!
//! An operation is saved first and applied then, so that none that was reported as saved is ever
//! lost: after a crash the journal hands it out again. Without a journal operations live as long as
//! the console.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::alarm::Happened;
use crate::engine::desk::Order;
use crate::journal::worker::{JournalHandle, MAX_PENDING, News, Record};
use crate::model::alarm::{JournalNews, Operation};
use crate::model::{Entry, Timestamp};

/// What the state is called until the journal has told who leads.
const OPENING: &str = "the journal is being opened";

/// See the module.
#[derive(Debug)]
pub struct Keeper {
    handle: JournalHandle,
    news: mpsc::Receiver<News>,
    /// The term in which this console leads.
    term: Option<u64>,
    applied: u64,
    /// What did not fit into the queue.
    backlog: Option<Record>,
}

impl Keeper {
    /// The engine's side of a journal.
    #[must_use]
    pub const fn new(handle: JournalHandle, news: mpsc::Receiver<News>) -> Self {
        Self { handle, news, term: None, applied: 0, backlog: None }
    }

    /// What the core is told before the journal has answered.
    #[must_use]
    pub fn first() -> Entry {
        Entry::Journal(JournalNews::Follow(OPENING.into(), Vec::new()))
    }

    /// The next news; never comes back when the thread has ended.
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// Hands an order to the journal, which answers it.
    pub fn order(&self, order: Order) {
        self.handle.hand_in(order.operation, order.reply);
    }

    /// The entries that follow from news, in order.
    pub fn entries(&mut self, news: News) -> Vec<Entry> {
        let journal = |news| vec![Entry::Journal(news)];
        match news {
            News::Lead { term, alarms, operations } => {
                self.term = Some(term);
                self.backlog = None;
                let mut entries = journal(JournalNews::Lead(alarms));
                entries.extend(operations.into_iter().map(Entry::Operation));
                entries
            }
            News::Follow { holder, alarms } => {
                self.term = None;
                journal(JournalNews::Follow(holder, alarms))
            }
            News::Operations(list) => list.into_iter().map(Entry::Operation).collect(),
            News::Past { whole, transitions } => journal(JournalNews::Past { whole, transitions }),
            News::Found(alarms) => {
                // Nothing can be written, but what stood is shown, and the rules go on.
                self.term = None;
                journal(JournalNews::Lead(alarms))
            }
            News::Broken(why) => journal(JournalNews::Broken(why)),
            News::Lost(n) => {
                journal(JournalNews::Broken(format!("{n} steps of alarms are missing in the history").into()))
            }
            News::Mended => journal(JournalNews::Mended),
        }
    }

    /// Keeps what happened, while this console leads.
    pub fn keep(&mut self, happened: Happened) {
        self.applied = self.applied.max(happened.applied);
        let Some(term) = self.term else { return };
        if happened.is_empty() && self.backlog.is_none() {
            return;
        }
        let record = Record {
            term,
            transitions: happened.transitions,
            alarms: happened.alarms.into_iter().map(Arc::unwrap_or_clone).collect(),
            applied: self.applied,
        };
        let record = match self.backlog.take() {
            Some(mut old) => {
                old.merge(record);
                old
            }
            None => record,
        };
        if let Err(mut back) = self.handle.record(record) {
            let beyond = back.transitions.len().saturating_sub(MAX_PENDING);
            back.transitions.drain(..beyond);
            self.backlog = Some(*back);
        }
    }
}

/// Operations without a journal: numbered here, and gone with the console.
#[derive(Debug, Default)]
pub struct Loose(u64);

impl Loose {
    /// The operation of an order with its number and time, and the answer given.
    pub fn order(&mut self, order: Order, now: Timestamp) -> Operation {
        self.0 += 1;
        // Nobody may wait for the answer any more.
        let _ = order.reply.send(Ok(self.0));
        Operation { number: self.0, time: now, ..order.operation }
    }
}
