//! Acknowledgements as silences: which are to be made, prolonged and ended.
//!
//! Alertmanager knows no acknowledgement. What stands for one is a short silence, prolonged while the
//! acknowledgement stands: should this console stop, notifications come back by themselves. A shelf is
//! something else and never becomes a silence.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::wire::{Alert, Matcher, PostSilence, Silence, read_time, show_time};
use super::{OWN, View};
use crate::model::alarm::{Alarm, AlarmId, AlarmState, Note, Origin};
use crate::model::{Timestamp, text};

/// What the comment of such a silence begins with.
pub const MARK: &str = "ACK by hallwatch";
/// How long such a silence lasts, ms.
const LASTS_MS: i64 = 15 * 60_000;
/// It is prolonged when less than this is left, ms.
const LEFT_MS: i64 = 5 * 60_000;
/// Steps of one round: the rest follows in the next.
const MAX_STEPS: usize = 50;

/// True for silences that stand for an acknowledgement of some console.
#[must_use]
pub fn is_ours(silence: &Silence) -> bool {
    silence.comment.starts_with(MARK)
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A silence is made, or prolonged where it has a number.
    Put(AlarmId, PostSilence),
    /// The silence of this number ends.
    End(AlarmId, String),
}

/// The silence of one acknowledgement.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    id: String,
    from: Timestamp,
    until: Timestamp,
    /// The acknowledgement that it stands for.
    acknowledged: Timestamp,
    /// Somebody ended it there: he wants to be notified, and it is not made anew.
    ended: bool,
}

/// The silences of this console.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    held: BTreeMap<AlarmId, Held>,
    post: bool,
}

impl Mirror {
    /// None yet. Without `post` alarms of our own are left out: there is nothing to be silenced.
    #[must_use]
    pub const fn new(post: bool) -> Self {
        Self { held: BTreeMap::new(), post }
    }

    /// How many stand, as far as is known.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.held.values().filter(|h| !h.ended).count()
    }

    /// Another console leads: its silences are its own.
    pub fn forget(&mut self) {
        self.held.clear();
    }

    /// Looks at the silences that are there: those of an earlier run are found again, and those that
    /// somebody ended are let go.
    pub fn look(&mut self, view: &View, alerts: &HashMap<String, Alert>, silences: &[Silence]) {
        let by_id: HashMap<&str, &Silence> = silences.iter().map(|s| (&*s.id, s)).collect();
        for held in self.held.values_mut() {
            if let Some(silence) = by_id.get(&*held.id) {
                held.ended |= silence.is_expired();
                held.from = read_time(&silence.starts_at).unwrap_or(held.from);
                held.until = read_time(&silence.ends_at).unwrap_or(held.until);
            }
        }
        let ours: Vec<(Vec<Matcher>, &Silence)> = silences
            .iter()
            .filter(|s| is_ours(s) && !s.is_expired())
            .map(|s| (sorted(s.matchers.clone()), s))
            .collect();
        if ours.is_empty() || !view.speaks() {
            return;
        }
        for (alarm, note) in acknowledged(view) {
            if self.held.contains_key(&alarm.id) {
                continue;
            }
            let Some(matchers) = self.matchers(alarm, view, alerts).map(sorted) else { continue };
            let Some((_, s)) = ours.iter().find(|(m, s)| *m == matchers && *s.created_by == *note.operator)
            else {
                continue;
            };
            let (Some(from), Some(until)) = (read_time(&s.starts_at), read_time(&s.ends_at)) else {
                continue;
            };
            let held = Held { id: s.id.clone(), from, until, acknowledged: note.time, ended: false };
            self.held.insert(alarm.id, held);
        }
    }

    /// What is to be done at `now`.
    #[must_use]
    pub fn plan(&self, view: &View, alerts: &HashMap<String, Alert>, now: Timestamp) -> Vec<Step> {
        if !view.speaks() {
            return Vec::new();
        }
        let standing: BTreeMap<AlarmId, (&Arc<Alarm>, &Note)> =
            acknowledged(view).map(|(a, n)| (a.id, (a, n))).collect();
        let gone = |(id, held): &(&AlarmId, &Held)| {
            standing.get(id).is_none_or(|(_, note)| note.time != held.acknowledged)
        };
        let over = self.held.iter().filter(gone).map(|(id, h)| Step::End(*id, h.id.clone()));
        let put = standing.values().filter_map(|(alarm, note)| {
            let held = self.held.get(&alarm.id);
            match held {
                // Ended first: it stands for another acknowledgement.
                Some(h) if h.acknowledged != note.time => return None,
                Some(h) if h.ended || h.until.since(now) >= LEFT_MS => return None,
                _ => {}
            }
            // One that has run out cannot be prolonged.
            let held = held.filter(|h| h.until > now);
            Some(Step::Put(
                alarm.id,
                PostSilence {
                    id: held.map(|h| h.id.clone()),
                    matchers: self.matchers(alarm, view, alerts)?,
                    starts_at: show_time(held.map_or(now, |h| h.from)),
                    ends_at: show_time(now.plus_millis(LASTS_MS)),
                    created_by: note.operator.to_string(),
                    comment: comment(alarm, note),
                },
            ))
        });
        over.chain(put).take(MAX_STEPS).collect()
    }

    /// A silence was made or prolonged, and has this number.
    pub fn put(&mut self, view: &View, (alarm, id): (AlarmId, String), silence: &PostSilence) {
        let acknowledged = acknowledged(view).find(|(a, _)| a.id == alarm).map(|(_, n)| n.time);
        let (from, until) = (read_time(&silence.starts_at), read_time(&silence.ends_at));
        if let (Some(acknowledged), Some(from), Some(until)) = (acknowledged, from, until) {
            self.held.insert(alarm, Held { id, from, until, acknowledged, ended: false });
        }
    }

    /// A silence is over.
    pub fn end(&mut self, alarm: AlarmId) {
        self.held.remove(&alarm);
    }

    /// What a silence must match to be about an alarm alone.
    fn matchers(&self, alarm: &Alarm, view: &View, alerts: &HashMap<String, Alert>) -> Option<Vec<Matcher>> {
        match alarm.origin {
            Origin::Rule if self.post => Some(vec![
                Matcher::equal("alertname", &alarm.rule),
                Matcher::equal(OWN.0, OWN.1),
                Matcher::equal("site", view.topology.site()),
                Matcher::equal("asset", &alarm.place),
                Matcher::equal("alarm", &alarm.id.to_string()),
            ]),
            Origin::Rule => None,
            Origin::Alertmanager => {
                let labels = &alerts.get(&*alarm.fingerprint)?.labels;
                Some(labels.iter().map(|(name, value)| Matcher::equal(name, value)).collect())
            }
        }
    }
}

fn sorted(mut matchers: Vec<Matcher>) -> Vec<Matcher> {
    matchers.sort();
    matchers
}

/// The alarms that are acknowledged and still stand, with who did it.
fn acknowledged(view: &View) -> impl Iterator<Item = (&Arc<Alarm>, &Note)> {
    let stands =
        |a: &&Arc<Alarm>| matches!(a.state, AlarmState::Acknowledged | AlarmState::LatchedAcknowledged);
    view.board.alarms.iter().filter(stands).filter_map(|a| Some((a, a.acknowledged.as_ref()?)))
}

fn comment(alarm: &Alarm, note: &Note) -> String {
    let said = if note.comment.trim().is_empty() { "no comment" } else { note.comment.trim() };
    format!("{MARK}: {} (alarm {} at {})", text::clean(said), alarm.id, alarm.place)
}
