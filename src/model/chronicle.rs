//! What is known of a stretch of the past without looking at its frames: how far it reaches, what
//! is missing in it, what happened, and what operators marked in it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::alarm::AlarmId;
use crate::model::time::Timestamp;

/// Longest title of an incident and longest text of a bookmark, in characters.
pub const MAX_TITLE: usize = 120;

/// See the module.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Chronicle {
    /// What the operator calls it: the name of the file, or `flight recorder`.
    pub name: Arc<str>,
    /// Bytes on disk.
    pub bytes: u64,
    /// First and last frame; `None` while there is none.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How many frames it has.
    pub frames: u64,
    /// Stretches without frames, oldest first.
    pub gaps: Arc<[Gap]>,
    /// What happened, oldest first.
    pub events: Arc<[Happening]>,
    /// Bookmarks and notes, oldest moment first.
    pub bookmarks: Arc<[Bookmark]>,
    /// Incidents, newest first.
    pub incidents: Arc<[Incident]>,
}

/// A stretch of time without frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// The last frame before it.
    pub from: Timestamp,
    /// The first frame after it.
    pub to: Timestamp,
    /// Frames that were made and had to be dropped, because they could not be written in time.
    pub dropped: u64,
}

/// What kind of thing happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HappeningKind {
    /// An alarm was annunciated.
    Raised,
    /// The condition of an alarm cleared.
    Cleared,
    /// An operator did something to an alarm.
    Operator,
    /// A source began or ceased to answer.
    Source,
    /// The site has grown.
    Topology,
    /// A job began, ended or moved.
    Job,
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub time: Timestamp,
    /// What kind.
    pub kind: HappeningKind,
    /// Priority of the alarm, 1 to 4; 0 where it is not about an alarm.
    pub priority: u8,
    /// The alarm; 0 where it is not about one.
    pub alarm: AlarmId,
    /// In words, clean: `row-cooling-lost H3-R17: 0.0 LPM < 640`.
    pub text: Arc<str>,
}

/// A moment that an operator marked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bookmark {
    /// The moment.
    pub time: Timestamp,
    /// Who marked it.
    pub operator: Arc<str>,
    /// What it is; may be empty. At most [`MAX_TITLE`] characters.
    pub text: Arc<str>,
}

/// A stretch of time that an operator marked, to be kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// What happened, in the words of the operator. At most [`MAX_TITLE`] characters.
    pub title: Arc<str>,
    /// Its first moment.
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
    /// Who marked it.
    pub operator: Arc<str>,
    /// When it was marked.
    pub marked: Timestamp,
}

impl Incident {
    /// True when it has a moment in common with `from..=to`.
    #[must_use]
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from <= to && self.to >= from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_touches_what_it_shares_a_moment_with() {
        let at = Timestamp::from_secs;
        let incident = Incident {
            title: "leak".into(),
            from: at(10),
            to: at(20),
            operator: "kari".into(),
            marked: at(21),
        };
        assert!(incident.touches(at(0), at(10)) && incident.touches(at(20), at(30)));
        assert!(incident.touches(at(12), at(13)) && incident.touches(at(0), at(30)));
        assert!(!incident.touches(at(0), at(9)) && !incident.touches(at(21), at(30)));
    }
}
