//! The way of an operator's operation into the engine, and of the answer back.

use tokio::sync::{mpsc, oneshot};

use crate::model::alarm::Operation;

/// Operations that may wait for the engine; more are refused, and the operator is told.
pub const DESK: usize = 64;

/// The answer: the number of the operation in the journal once it is saved there, or why it is not.
pub type Reply = Result<u64, String>;

/// An operation with the way back to the one who ordered it.
#[derive(Debug)]
pub struct Order {
    /// What is to be done. Time and number are set by the engine.
    pub operation: Operation,
    /// Where the answer goes; nobody may be there any more.
    pub reply: oneshot::Sender<Reply>,
}

/// Takes operations of one or many sessions.
#[derive(Clone, Debug)]
pub struct Desk(mpsc::Sender<Order>);

impl Desk {
    /// A desk and the engine's side of it.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Order>) {
        let (tx, rx) = mpsc::channel(DESK);
        (Self(tx), rx)
    }

    /// Hands in an operation. The answer comes when it is saved.
    ///
    /// # Errors
    /// What is wrong with it, or that the engine takes none now.
    pub fn operate(&self, operation: Operation) -> Result<oneshot::Receiver<Reply>, String> {
        operation.check()?;
        let (reply, answer) = oneshot::channel();
        match self.0.try_send(Order { operation, reply }) {
            Ok(()) => Ok(answer),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err("too many operations are waiting: nothing was saved".into())
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Err("the engine has stopped: nothing was saved".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::model::alarm::{AlarmId, Verb};

    fn ack(alarms: Vec<AlarmId>) -> Operation {
        let time = Timestamp::default();
        Operation {
            number: 0,
            time,
            operator: "kari".into(),
            verb: Verb::Acknowledge,
            alarms,
            comment: String::new(),
        }
    }

    #[test]
    fn an_operation_reaches_the_engine_and_its_answer_the_operator() {
        let (desk, mut rx) = Desk::new();
        let mut answer = desk.operate(ack(vec![AlarmId(7)])).expect("there is room");
        let order = rx.try_recv().expect("it is there");
        assert_eq!(order.operation.alarms, [AlarmId(7)]);
        order.reply.send(Ok(41)).expect("somebody waits");
        assert_eq!(answer.try_recv(), Ok(Ok(41)));
    }

    #[test]
    fn what_cannot_be_saved_is_refused_in_words() {
        let (desk, rx) = Desk::new();
        assert_eq!(desk.operate(ack(Vec::new())).err().as_deref(), Some("no alarm is chosen"));
        let kept: Vec<_> = (0..DESK).map(|_| desk.operate(ack(vec![AlarmId(1)])).expect("room")).collect();
        let full = desk.operate(ack(vec![AlarmId(1)])).expect_err("it is full");
        assert!(full.contains("nothing was saved"), "{full}");
        drop((rx, kept));
        let gone = desk.operate(ack(vec![AlarmId(1)])).expect_err("it is gone");
        assert!(gone.contains("stopped"), "{gone}");
    }
}
