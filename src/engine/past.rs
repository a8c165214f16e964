//! The way to the past beyond the ring. A [`Tape`] reads from a disk, so it lives on a thread of its
//! own; sessions hand in what they want to know and get the answer when it is there.
//!
//! Of the moments that a session wants to be shown only the newest is looked up: whoever drags along
//! a timeline wants to see where the mouse is, not where it was. Everything else is done in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::fleet::ask::{Ask, Told};
use crate::fleet::past::Tape;

/// Asks that may wait; more are refused, and the operator is told.
pub const PAST_QUEUE: usize = 64;

/// An ask with the way back.
#[derive(Debug)]
struct Order {
    /// Who asks: only asks of the same one supersede each other.
    client: u32,
    ask: Ask,
    reply: oneshot::Sender<Told>,
}

/// Takes asks of one or many sessions; each clone is a session of its own.
#[derive(Debug)]
pub struct PastDesk {
    orders: mpsc::Sender<Order>,
    client: u32,
    clients: Arc<AtomicU32>,
}

impl Clone for PastDesk {
    fn clone(&self) -> Self {
        let client = self.clients.fetch_add(1, Ordering::Relaxed);
        Self { orders: self.orders.clone(), client, clients: Arc::clone(&self.clients) }
    }
}

/// The other side of a desk: what works the asks off.
#[derive(Debug)]
pub struct PastWork {
    orders: mpsc::Receiver<Order>,
    waiting: VecDeque<Order>,
}

impl PastDesk {
    /// A desk and the other side of it.
    #[must_use]
    pub fn new() -> (Self, PastWork) {
        let (tx, rx) = mpsc::channel(PAST_QUEUE);
        let desk = Self { orders: tx, client: 0, clients: Arc::new(AtomicU32::new(1)) };
        (desk, PastWork { orders: rx, waiting: VecDeque::new() })
    }

    /// A desk in front of `tape`, which gets a thread of its own. The thread ends when all desks are
    /// gone.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn open(tape: Box<dyn Tape>) -> std::io::Result<Self> {
        let (desk, work) = Self::new();
        std::thread::Builder::new().name("past".to_owned()).spawn(move || work.run(tape))?;
        Ok(desk)
    }

    /// Hands in an ask. The answer comes when it is there; none comes if the thread has ended.
    ///
    /// # Errors
    /// Nothing is taken now.
    pub fn ask(&self, ask: Ask) -> Result<oneshot::Receiver<Told>, String> {
        let (reply, answer) = oneshot::channel();
        let order = Order { client: self.client, ask, reply };
        self.orders.try_send(order).map(|()| answer).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => "the past is busy: too much was asked of it".to_owned(),
            mpsc::error::TrySendError::Closed(_) => "the recorder has stopped".to_owned(),
        })
    }
}

impl PastWork {
    /// Works off what is asked until all desks are gone.
    pub fn run(mut self, mut tape: Box<dyn Tape>) {
        while self.turn(&mut *tape) {}
    }

    /// Waits for an ask and answers it; false when there will be none any more.
    fn turn(&mut self, tape: &mut dyn Tape) -> bool {
        if self.waiting.is_empty() {
            match self.orders.blocking_recv() {
                Some(order) => self.waiting.push_back(order),
                None => return false,
            }
        }
        while self.waiting.len() < PAST_QUEUE
            && let Ok(order) = self.orders.try_recv()
        {
            self.waiting.push_back(order);
        }
        self.supersede();
        if let Some(order) = self.waiting.pop_front() {
            // Nobody may be there any more.
            let _ = order.reply.send(order.ask.put(tape));
        }
        true
    }

    /// Answers what became pointless because the same session wants to be shown something else.
    fn supersede(&mut self) {
        let mut newest = Vec::new();
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        while let Some(order) = self.waiting.pop_back() {
            if order.ask.is_about_shown() && newest.contains(&order.client) {
                let _ = order.reply.send(Told::Superseded);
                continue;
            }
            if order.ask.is_show() {
                newest.push(order.client);
            }
            kept.push_front(order);
        }
        self.waiting = kept;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::fleet::Snapshot;
    use crate::model::chronicle::{Bookmark, Chronicle, Incident};
    use crate::model::{Timestamp, Topology};

    /// Counts what it is asked.
    struct Counter {
        topology: Arc<Topology>,
        shown: Arc<AtomicU32>,
        marked: u32,
    }

    impl Tape for Counter {
        fn chronicle(&mut self) -> Arc<Chronicle> {
            Arc::new(Chronicle { frames: u64::from(self.marked), ..Chronicle::default() })
        }
        fn show(&mut self, time: Timestamp) -> Result<Arc<Snapshot>, String> {
            self.shown.fetch_add(1, Ordering::Relaxed);
            Ok(Arc::new(Snapshot::empty(Arc::clone(&self.topology), time)))
        }
        fn step(&mut self, from: Timestamp, steps: i64) -> Result<Arc<Snapshot>, String> {
            self.show(from.plus_millis(1000 * steps))
        }
        fn mark(&mut self, _: Incident) -> Result<(), String> {
            Err("the disk is full".to_owned())
        }
        fn bookmark(&mut self, _: Bookmark) -> Result<(), String> {
            self.marked += 1;
            Ok(())
        }
        fn clip(&mut self, _: &Incident, _: bool) -> Result<PathBuf, String> {
            Ok("clip.kvr".into())
        }
    }

    fn tape() -> (Box<Counter>, Arc<AtomicU32>) {
        let shown = Arc::new(AtomicU32::new(0));
        let topology = Arc::new(Topology::default_site());
        (Box::new(Counter { topology, shown: Arc::clone(&shown), marked: 0 }), shown)
    }

    fn show(second: i64) -> Ask {
        Ask::Show(Timestamp::from_secs(second))
    }

    fn bookmark() -> Ask {
        let (operator, text) = ("kari".into(), "".into());
        Ask::Bookmark(Bookmark { time: Timestamp::from_secs(1), operator, text })
    }

    #[test]
    fn of_the_moments_that_wait_only_the_newest_is_looked_up_and_nothing_else_is_lost() {
        let (desk, work) = PastDesk::new();
        let asks = [
            show(1),
            bookmark(),
            show(2),
            bookmark(),
            Ask::Step { from: Timestamp::from_secs(5), steps: -2 },
        ];
        let answers: Vec<_> = asks.into_iter().map(|a| desk.ask(a).expect("there is room")).collect();
        drop(desk);
        let (tape, shown) = tape();
        work.run(tape);
        assert_eq!(shown.load(Ordering::Relaxed), 1);
        let told: Vec<Told> =
            answers.into_iter().map(|mut a| a.try_recv().expect("each is answered")).collect();
        assert!(matches!(&told[0], Told::Superseded) && matches!(&told[2], Told::Superseded));
        assert!(
            matches!(&told[1], Told::Saved(t) if t.contains("00:00:01"))
                && matches!(&told[3], Told::Saved(_))
        );
        assert!(matches!(&told[4], Told::Shown(s) if s.frame.time == Timestamp::from_secs(3)));
    }

    #[test]
    fn sessions_do_not_supersede_each_other() {
        let (desk, work) = PastDesk::new();
        let other = desk.clone();
        let (mut a, mut b) = (desk.ask(show(1)).expect("room"), other.ask(show(2)).expect("room"));
        drop((desk, other));
        work.run(tape().0);
        assert!(matches!(a.try_recv(), Ok(Told::Shown(_))) && matches!(b.try_recv(), Ok(Told::Shown(_))));
    }

    #[test]
    fn a_comparison_is_no_moment_to_show_and_an_error_is_told_in_words() {
        let (desk, work) = PastDesk::new();
        let incident = Incident {
            title: "leak".into(),
            from: Timestamp::from_secs(1),
            to: Timestamp::from_secs(2),
            operator: "kari".into(),
            marked: Timestamp::from_secs(3),
        };
        let asks = [
            Ask::Compare(Timestamp::from_secs(1)),
            show(1),
            Ask::Clip { incident: incident.clone(), anonymous: true },
            Ask::Mark(incident),
            bookmark(),
            Ask::Chronicle,
        ];
        let mut answers: Vec<_> = asks.into_iter().map(|a| desk.ask(a).expect("room")).collect();
        drop(desk);
        work.run(tape().0);
        let mut told = || answers.remove(0).try_recv().expect("each is answered");
        assert!(matches!(told(), Told::Compared(_)) && matches!(told(), Told::Shown(_)));
        assert!(matches!(told(), Told::Clipped(path) if path.ends_with("clip.kvr")));
        assert!(
            matches!(told(), Told::Failed(why) if why.contains("full")) && matches!(told(), Told::Saved(_))
        );
        assert!(matches!(told(), Told::Chronicle(c) if c.frames == 1));
    }

    #[tokio::test]
    async fn a_tape_on_its_thread_answers_and_a_full_desk_refuses() {
        let desk = PastDesk::open(tape().0).expect("a thread");
        let answer = desk.ask(show(7)).expect("there is room");
        assert!(matches!(answer.await, Ok(Told::Shown(s)) if s.frame.time == Timestamp::from_secs(7)));
        let (desk, work) = PastDesk::new();
        let kept: Vec<_> = (0..PAST_QUEUE).map(|i| desk.ask(show(i as i64)).expect("room")).collect();
        assert!(desk.ask(show(0)).expect_err("it is full").contains("busy"));
        drop((work, kept));
        assert!(desk.ask(show(0)).expect_err("it is gone").contains("stopped"));
    }
}
