//! What is asked of the past by those who must not wait for it, and what they are told.

use std::path::PathBuf;
use std::sync::Arc;

use crate::fleet::past::Tape;
use crate::fleet::{History, Snapshot};
use crate::model::Timestamp;
use crate::model::chronicle::{Bookmark, Chronicle, Incident};

/// Something that a [`Tape`] is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The state at a moment, to be shown.
    Show(Timestamp),
    /// The state so many frames after (before, where negative) a moment, to be shown.
    Step {
        /// Where it is counted from.
        from: Timestamp,
        /// How many frames.
        steps: i64,
    },
    /// The charts of a moment that is shown without them.
    Charts(Timestamp),
    /// The state at a moment, to be compared with.
    Compare(Timestamp),
    /// Mark an incident.
    Mark(Incident),
    /// Mark a moment.
    Bookmark(Bookmark),
    /// Cut an incident out into a file.
    Clip {
        /// What is to be in it.
        incident: Incident,
        /// Without names of hosts, jobs, tenants and operators.
        anonymous: bool,
    },
    /// What is known of the past.
    Chronicle,
}

impl Ask {
    /// True for what shows another moment: of those only the newest matters.
    #[must_use]
    pub const fn is_show(&self) -> bool {
        matches!(self, Self::Show(_) | Self::Step { .. })
    }

    /// True for what is pointless once another moment is to be shown.
    #[must_use]
    pub const fn is_about_shown(&self) -> bool {
        self.is_show() || matches!(self, Self::Charts(_))
    }

    /// Asks a tape; blocks as long as it takes.
    pub fn put(&self, tape: &mut dyn Tape) -> Told {
        let told = match self {
            Self::Show(time) => tape.show(*time).map(Told::Shown),
            Self::Step { from, steps } => tape.step(*from, *steps).map(Told::Shown),
            Self::Charts(time) => tape.charts(*time).map(Told::Charts),
            Self::Compare(time) => tape.show(*time).map(Told::Compared),
            Self::Mark(incident) => tape
                .mark(incident.clone())
                .map(|()| Told::Saved(format!("incident marked: {}", incident.title))),
            Self::Bookmark(bookmark) => tape
                .bookmark(bookmark.clone())
                .map(|()| Told::Saved(format!("bookmark set at {}", bookmark.time.clock()))),
            Self::Clip { incident, anonymous } => tape.clip(incident, *anonymous).map(Told::Clipped),
            Self::Chronicle => return Told::Chronicle(tape.chronicle()),
        };
        told.unwrap_or_else(Told::Failed)
    }
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub enum Told {
    /// The state that is to be shown.
    Shown(Arc<Snapshot>),
    /// The charts of the moment.
    Charts(Arc<History>),
    /// The state that is to be compared with.
    Compared(Arc<Snapshot>),
    /// What is known of the past.
    Chronicle(Arc<Chronicle>),
    /// It is saved, in words.
    Saved(String),
    /// Where the clip is.
    Clipped(PathBuf),
    /// It was not done, for this reason.
    Failed(String),
    /// It was not done, because something newer was asked.
    Superseded,
}
