//! Our alarms as alerts: which are to be sent now, and what was sent before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::wire::{Labels, PostAlert, show_time};
use super::{OWN, View};
use crate::model::alarm::{Alarm, AlarmId, Origin};
use crate::model::{Asset, Timestamp, Topology};

/// Most alarms that are posted; of more, the most urgent and oldest ones.
pub const MAX_POSTED: usize = 5_000;
/// Alerts of one request.
pub const CHUNK: usize = 500;
/// Repeats that an alert outlives its last post by.
const OUTLIVES: i64 = 3;

/// An alert as it was last sent.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    labels: Labels,
    raised: Timestamp,
    at: Timestamp,
}

/// What is to be sent now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mail {
    /// The alerts.
    pub alerts: Vec<PostAlert>,
    fired: Vec<(AlarmId, Sent)>,
    over: Vec<AlarmId>,
}

/// What was sent.
#[derive(Clone, Debug)]
pub struct Ledger {
    repeat_ms: i64,
    sent: BTreeMap<AlarmId, Sent>,
    /// Alarms that were beyond [`MAX_POSTED`] when it was last looked.
    pub beyond: usize,
}

impl Ledger {
    /// Nothing has been sent; alarms are sent again after `repeat`.
    #[must_use]
    pub fn new(repeat: Duration) -> Self {
        let repeat_ms = i64::try_from(repeat.as_millis()).unwrap_or(i64::MAX / OUTLIVES);
        Self { repeat_ms, sent: BTreeMap::new(), beyond: 0 }
    }

    /// How many of our alarms stand there, as far as is known.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.sent.len()
    }

    /// What is to be sent at `now`. Where another console leads, that one sends, and what this one
    /// sent before is forgotten: it is neither repeated nor resolved from here.
    pub fn plan(&mut self, view: &View, now: Timestamp) -> Mail {
        if !view.speaks() {
            self.sent.clear();
            return Mail::default();
        }
        let mut wanted: Vec<&Arc<Alarm>> = view.board.alarms.iter().filter(|a| is_posted(a)).collect();
        wanted.sort_by_key(|a| (a.priority, a.raised, a.id));
        self.beyond = wanted.len().saturating_sub(MAX_POSTED);
        wanted.truncate(MAX_POSTED);
        let ids: BTreeSet<AlarmId> = wanted.iter().map(|a| a.id).collect();
        let mut mail = Mail::default();
        for (id, sent) in self.sent.iter().filter(|(id, _)| !ids.contains(id)) {
            mail.alerts.push(resolved(sent, now));
            mail.over.push(*id);
        }
        for alarm in wanted {
            let labels = labels(alarm, &view.topology);
            let before = self.sent.get(&alarm.id);
            let fresh = |s: &Sent| {
                s.labels == labels
                    && s.raised == alarm.raised
                    && (0..self.repeat_ms).contains(&now.since(s.at))
            };
            if before.is_some_and(fresh) {
                continue;
            }
            // Other labels make another alert: the one before is over.
            mail.alerts.extend(before.filter(|s| s.labels != labels).map(|s| resolved(s, now)));
            let ends = now.plus_millis(self.repeat_ms.saturating_mul(OUTLIVES));
            mail.alerts.push(PostAlert {
                annotations: annotations(alarm, view),
                labels: labels.clone(),
                starts_at: show_time(alarm.raised.min(now)),
                ends_at: show_time(ends),
            });
            mail.fired.push((alarm.id, Sent { labels, raised: alarm.raised, at: now }));
        }
        mail
    }

    /// What was planned arrived somewhere, or nowhere. Nowhere: it is planned again, until what is
    /// over has ended there by itself.
    pub fn settle(&mut self, mail: Mail, arrived: bool, now: Timestamp) {
        let lives = self.repeat_ms.saturating_mul(OUTLIVES);
        let sent = &mut self.sent;
        if arrived {
            mail.over.iter().for_each(|id| drop(sent.remove(id)));
            sent.extend(mail.fired);
        } else {
            let ended = |id: &&AlarmId| sent.get(id).is_some_and(|s| now.since(s.at) > lives);
            let ended: Vec<AlarmId> = mail.over.iter().filter(ended).copied().collect();
            ended.iter().for_each(|id| drop(sent.remove(id)));
        }
    }
}

/// True for alarms that stand there, too: those of our rules that the operator is told of, while the
/// condition stands or the latch holds. What is put aside here is over there.
#[must_use]
pub fn is_posted(alarm: &Alarm) -> bool {
    alarm.origin == Origin::Rule && alarm.state.is_annunciated() && (alarm.active || alarm.latched)
}

fn resolved(sent: &Sent, now: Timestamp) -> PostAlert {
    PostAlert {
        labels: sent.labels.clone(),
        annotations: Labels::new(),
        starts_at: show_time(sent.raised.min(now)),
        ends_at: show_time(now),
    }
}

/// The word of a priority in the label `severity`.
#[must_use]
pub const fn severity(priority: u8) -> &'static str {
    match priority {
        0 | 1 => "critical",
        2 => "high",
        3 => "warning",
        _ => "info",
    }
}

/// The labels of an alarm: what identifies its alert there.
#[must_use]
pub fn labels(alarm: &Alarm, t: &Topology) -> Labels {
    let mut labels = Labels::new();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            labels.insert(name.to_owned(), value);
        }
    };
    put("alertname", alarm.rule.to_string());
    put(OWN.0, OWN.1.to_owned());
    put("severity", severity(alarm.priority).to_owned());
    put("priority", format!("P{}", alarm.priority));
    put("site", t.site().to_owned());
    put("asset", alarm.place.to_string());
    put("alarm", alarm.id.to_string());
    let mut at = alarm.asset.unwrap_or(Asset::Site);
    while at != Asset::Site {
        match at {
            Asset::Hall(_) => put("hall", t.short_name(at)),
            Asset::Row(_) => put("row", t.short_name(at)),
            Asset::Rack(_) => put("rack", t.short_name(at)),
            _ => {}
        }
        at = t.parent(at);
    }
    labels
}

fn annotations(alarm: &Alarm, view: &View) -> Labels {
    let rule = view.board.rule(&alarm.rule);
    let words = [
        ("summary", format!("{} at {}", alarm.title, alarm.place)),
        ("description", alarm.text.to_string()),
        ("action", rule.map(|r| r.action.to_string()).unwrap_or_default()),
        ("runbook_url", rule.map(|r| r.runbook.to_string()).unwrap_or_default()),
    ];
    words.into_iter().filter(|(_, w)| !w.is_empty()).map(|(n, w)| (n.to_owned(), w)).collect()
}
