//! The time between two turns: a hall that gets on the screen is asked for by itself then, so that
//! whoever goes there need not wait for the next turn.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Runner, Turn};
use crate::source::promql::plan::{Ask, Purpose};
use crate::source::{Focus, Stopped};

/// Halls are asked for no more often than this, however fast an operator goes through them.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

impl Runner {
    /// Waits until `due`, which is put off where the engine asks for a pause meanwhile; the answer is
    /// when the next turn begins.
    pub(super) async fn rest(&mut self, due: Instant) -> Result<Instant, Stopped> {
        let mut look_from = Instant::now();
        let Some(mut focus) = self.links.focus.clone() else {
            sleep_until(due).await;
            return Ok(due);
        };
        // An engine that does not answer well is left alone; the next turn asks for every hall anyway.
        while self.well {
            let changed = async {
                sleep_until(look_from).await;
                next_hall(&mut focus).await
            };
            let hall = tokio::select! {
                () = sleep_until(due) => break,
                hall = changed => hall,
            };
            // The mark of what has been seen is on the copy: it becomes ours.
            self.links.focus = Some(focus.clone());
            let Some(matcher) = self.matcher_of(&hall) else { continue };
            let wait = self.look(matcher).await?;
            look_from = Instant::now() + LOOK_PAUSE;
            if let Some(wait) = wait {
                self.well = false;
                return Ok(due.max(Instant::now() + self.not_before(wait)));
            }
        }
        sleep_until(due).await;
        Ok(due)
    }

    /// Asks for the fast metrics of the series that `matcher` selects, with their times; the answer is
    /// how long the engine wants to be left alone then.
    async fn look(&mut self, matcher: String) -> Result<Option<Duration>, Stopped> {
        // An expression of the operator cannot be narrowed here.
        let wanted = |a: &Ask| {
            let is_value = !matches!(a.purpose, Purpose::Directory { .. });
            is_value && a.every == 1 && !a.names.is_empty()
        };
        let due = (0..self.asks.len()).filter(|i| wanted(&self.asks[*i])).collect();
        let mut turn = Turn::default();
        self.looking = matcher;
        let outcome = self.ask_all(due, &mut turn).await;
        self.looking.clear();
        outcome.map(|()| turn.wait)
    }

    /// The matcher of the series of a hall: by `hall` or a label that the placing rules look at, where
    /// one has the name of the hall as its value. `None`: no label tells the halls apart.
    fn matcher_of(&self, hall: &str) -> Option<String> {
        let labels = ["hall"].into_iter().chain(self.config.place_labels.iter().map(String::as_str));
        let members = &self.roster.members;
        labels.filter(|l| *l != "host").find_map(|label| {
            let mut values = members.iter().filter_map(|m| m.host.label(label));
            let value = values.find(|v| v.eq_ignore_ascii_case(hall))?;
            Some(format!("{label}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        })
    }
}

/// The next hall that gets on the screen; never where nobody looks any more.
async fn next_hall(focus: &mut Focus) -> Arc<str> {
    loop {
        if focus.changed().await.is_err() {
            return std::future::pending().await;
        }
        let hall = focus.borrow_and_update().clone();
        if let Some(hall) = hall {
            return hall;
        }
    }
}
