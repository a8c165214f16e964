//! Alerts of an Alertmanager as alarms: found on the site by their labels, raised when they appear,
//! cleared when they are gone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::alarm::book::By;
use crate::alarm::engine::AlarmEngine;
use crate::model::alarm::state::Input;
use crate::model::alarm::{Alarm, AlarmId, ExternalAlarm, ExternalAlarms, Origin};
use crate::model::{Asset, Timestamp, Topology, TrayId};

/// After the start hosts become known one by one: an alert that names a place which does not exist
/// waits so long for it, ms. Later it stands at the site at once.
const SETTLE_MS: i64 = 30_000;
/// Characters of a fingerprint that tell two alerts of one name at one place apart.
const MARK: usize = 8;

/// What was heard of alerts and is still to be taken in.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    list: Option<ExternalAlarms>,
    /// Time of the first frame.
    first: Option<Timestamp>,
}

/// The name of the place of an alarm, without what tells two alerts there apart.
pub(crate) fn place_of(alarm: &Alarm) -> &str {
    match alarm.origin {
        Origin::Rule => &alarm.place,
        Origin::Alertmanager => alarm.place.split(" #").next().unwrap_or_default(),
    }
}

impl AlarmEngine {
    /// Hears of all alerts that stand elsewhere. They are taken in with the next frame; while
    /// another console leads, the newest list waits.
    pub fn hear(&mut self, list: &ExternalAlarms) {
        self.heard.list = Some(list.clone());
    }

    pub(crate) fn take_in_external(&mut self, now: Timestamp) {
        let first = *self.heard.first.get_or_insert(now);
        let Some(list) = self.heard.list.take() else { return };
        let mut standing = self.standing_external();
        let present: HashSet<&str> = list.alarms.iter().map(|a| &*a.fingerprint).collect();
        let mut gone: Vec<AlarmId> =
            standing.iter().filter(|(f, _)| !present.contains(&***f)).map(|(_, id)| *id).collect();
        gone.sort_unstable();
        gone.into_iter().for_each(|id| self.clear_external(id, now));
        let settled = now.since(first) >= SETTLE_MS;
        let mut hosts = None;
        let mut waiting = false;
        for alert in &list.alarms {
            if let Some(id) = standing.get(&alert.fingerprint) {
                self.renew_external(*id, alert, now);
                continue;
            }
            match self.locate(alert, &mut hosts) {
                None if !settled => waiting = true,
                place => {
                    let id = self.raise_external(alert, place.unwrap_or(Asset::Site), now);
                    standing.insert(Arc::clone(&alert.fingerprint), id);
                }
            }
        }
        if waiting {
            self.heard.list = Some(list);
        }
    }

    /// The alarms of alerts that stand, by fingerprint.
    fn standing_external(&self) -> HashMap<Arc<str>, AlarmId> {
        let foreign = self.book.alarms.values().filter(|a| a.active && a.origin == Origin::Alertmanager);
        foreign.map(|a| (Arc::clone(&a.fingerprint), a.id)).collect()
    }

    fn clear_external(&mut self, id: AlarmId, now: Timestamp) {
        self.book.input(id, Input::Clear, now, By::default());
        self.set_quiet(id, None, now);
        let one_shot =
            self.book.alarms.get(&id).is_some_and(|a| a.shelf.as_ref().is_some_and(|s| s.one_shot));
        if one_shot {
            self.end_shelf(id, now, By { text: "it cleared: one-shot", ..By::default() });
        }
    }

    /// An alert that stands already: what may have changed about it.
    fn renew_external(&mut self, id: AlarmId, alert: &ExternalAlarm, now: Timestamp) {
        let Some(alarm) = self.book.alarms.get(&id) else { return };
        let before = alarm.priority;
        if *alarm.text != *alert.text
            && let Some(alarm) = self.book.alarms.get_mut(&id)
        {
            // Nothing for the journal: only what is read now.
            Arc::make_mut(alarm).text = Arc::clone(&alert.text);
            self.book.version += 1;
        }
        self.set_quiet(id, alert.suppressed.as_deref(), now);
        if before != alert.priority {
            self.book.edit(id, |a| a.priority = alert.priority);
        }
        if alert.priority < before {
            let text = format!("now P{}", alert.priority);
            self.book.input(id, Input::ReAnnunciate, now, By { text: &text, ..By::default() });
        }
    }

    /// The other side keeps an alert quiet, for a reason, or no longer does. This is suppression by
    /// design, decided there: never a shelf, which belongs to an operator here.
    fn set_quiet(&mut self, id: AlarmId, reason: Option<&str>, now: Timestamp) {
        let Some(alarm) = self.book.alarms.get(&id) else { return };
        match (alarm.suppressed_by, reason) {
            (None, Some(text)) => {
                self.book.edit(id, |a| a.suppressed_by = Some(AlarmId::default()));
                self.book.input(id, Input::Suppress, now, By { text, ..By::default() });
            }
            (Some(_), None) => {
                self.book.edit(id, |a| a.suppressed_by = None);
                self.book.input(id, Input::Unsuppress, now, By::default());
            }
            _ => {}
        }
    }

    fn raise_external(&mut self, alert: &ExternalAlarm, asset: Asset, now: Timestamp) -> AlarmId {
        let rule: Arc<str> = format!("am:{}", alert.name).into();
        let t = self.topology.clone();
        let name: Arc<str> = t.as_ref().map(|t| t.name(asset)).unwrap_or_default().into();
        // Two alerts of one name at one place are two alarms: the second one is marked.
        let other = |a: &Arc<Alarm>| a.active && a.fingerprint != alert.fingerprint;
        let taken = self.book.find(&rule, &name).is_some_and(other);
        let mark: String = alert.fingerprint.chars().take(MARK).collect();
        let place = if taken { format!("{name} #{mark}").into() } else { name };
        let id = self.book.open(&rule, &place, |id, n| fresh((id, n), &rule, &place));
        let gpus = t.map_or(0, |t| t.gpus_of(asset).len() as u32);
        self.book.edit(id, |a| {
            a.asset = Some(asset);
            (a.title, a.text) = (Arc::clone(&alert.name), Arc::clone(&alert.text));
            a.fingerprint = Arc::clone(&alert.fingerprint);
            (a.priority, a.gpus) = (alert.priority, gpus);
        });
        self.set_quiet(id, alert.suppressed.as_deref(), now);
        self.book.input(id, Input::Raise, now, By { text: &alert.text, ..By::default() });
        // It may have stood for long before this console heard of it.
        let since = alert.starts_at.min(now);
        if since > Timestamp::default() {
            self.book.edit(id, |a| a.raised = since);
        }
        id
    }

    /// The deepest place that the labels of an alert lead to; `None` where they name places and none
    /// of them exists. `hosts` is made when it is first needed.
    fn locate(&self, alert: &ExternalAlarm, hosts: &mut Option<HashMap<String, TrayId>>) -> Option<Asset> {
        let Some(t) = self.topology.as_ref().filter(|_| !alert.places.is_empty()) else {
            return Some(Asset::Site);
        };
        let mut found: Option<Asset> = None;
        let mut take = |asset: Asset| {
            if found.is_none_or(|f| depth(asset) > depth(f)) {
                found = Some(asset);
            }
        };
        for (_, value) in &alert.places {
            match t.find(value) {
                Ok(asset) => take(asset),
                Err(_) => {
                    let hosts = hosts.get_or_insert_with(|| hosts_of(t));
                    let tray = spellings(value).into_iter().find_map(|h| hosts.get(&h).copied());
                    tray.into_iter().for_each(|tray| take(Asset::Tray(tray)));
                }
            }
        }
        // `hall="H3", row="R17"` names a row only when both are read together.
        let label = |name: &&str| alert.places.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        let parts: Vec<&str> =
            ["hall", "row", "rack", "tray"].iter().map_while(label).map(|(_, v)| &**v).collect();
        let joined = (2..=parts.len()).rev().find_map(|n| t.find(&parts[..n].join("-")).ok());
        joined.into_iter().for_each(take);
        found
    }
}

/// How deep in the tree an asset stands.
const fn depth(asset: Asset) -> u8 {
    match asset {
        Asset::Site => 0,
        Asset::Hall(_) => 1,
        Asset::Row(_) => 2,
        Asset::Rack(_) | Asset::Cdu(_) => 3,
        Asset::Tray(_) => 4,
        Asset::Gpu(_) => 5,
    }
}

fn hosts_of(t: &Topology) -> HashMap<String, TrayId> {
    let trays = t.trays().iter().enumerate().filter(|(_, tray)| !tray.host.is_empty());
    // Of two hosts whose short names are the same, the full names decide.
    let mut hosts = HashMap::new();
    for (i, tray) in trays {
        for (n, name) in spellings(&tray.host).into_iter().enumerate() {
            if n == 0 {
                hosts.insert(name, TrayId::new(i));
            } else {
                hosts.entry(name).or_insert(TrayId::new(i));
            }
        }
    }
    hosts
}

/// A host as it may be spelt: without its port, and without its domain.
fn spellings(host: &str) -> Vec<String> {
    let lower = host.to_lowercase();
    let bare = match lower.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => &lower,
    };
    let mut out = vec![bare.to_owned()];
    // The first part of an address is no name.
    if let Some((short, _)) = bare.split_once('.')
        && !short.bytes().all(|b| b.is_ascii_digit())
        && !bare.contains(':')
    {
        out.push(short.to_owned());
    }
    out
}

fn fresh((id, occurrences): (AlarmId, u32), rule: &Arc<str>, place: &Arc<str>) -> Alarm {
    Alarm { origin: Origin::Alertmanager, occurrences, ..Alarm::normal(id, rule, place) }
}
