//! Alerts of an Alertmanager as alarms: names, priorities, labels of places, and who keeps them quiet.

use std::collections::HashMap;
use std::sync::Arc;

use super::mirror::is_ours;
use super::wire::{Alert, Labels, Silence, read_time};
use super::{AlertmanagerConfig, OWN};
use crate::model::alarm::{ExternalAlarm, ExternalAlarms};
use crate::model::{Timestamp, text};

/// Most alerts that are shown; of more, the most urgent and oldest ones.
pub const MAX_ALERTS: usize = 5_000;

/// What an Alertmanager answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// All alerts but those of hallwatch, by fingerprint.
    pub alerts: HashMap<String, Alert>,
    /// All silences, those that are over among them.
    pub silences: Vec<Silence>,
}

impl Answer {
    /// Reads the answers to `alerts` and `silences`.
    ///
    /// # Errors
    /// They are none.
    pub fn parse(alerts: &[u8], silences: &[u8]) -> Result<Self, String> {
        let wrong = |_| "not the answer of an Alertmanager".to_owned();
        let list: Vec<Alert> = serde_json::from_slice(alerts).map_err(wrong)?;
        let own = |labels: &Labels| labels.get(OWN.0).is_some_and(|v| v == OWN.1);
        let foreign = list.into_iter().filter(|a| !own(&a.labels));
        let alerts = foreign.map(|a| (text::clean(&a.fingerprint), a)).collect();
        Ok(Self { alerts, silences: serde_json::from_slice(silences).map_err(wrong)? })
    }

    /// The alarms of it, and how many were left out.
    #[must_use]
    pub fn alarms(&self, config: &AlertmanagerConfig, time: Timestamp) -> (ExternalAlarms, usize) {
        let silences: HashMap<&str, &Silence> = self.silences.iter().map(|s| (&*s.id, s)).collect();
        let mut alarms: Vec<ExternalAlarm> =
            self.alerts.iter().map(|(id, alert)| alarm(config, (id, alert), &silences)).collect();
        alarms.sort_by(|a, b| {
            (a.priority, a.starts_at, &a.fingerprint).cmp(&(b.priority, b.starts_at, &b.fingerprint))
        });
        let beyond = alarms.len().saturating_sub(MAX_ALERTS);
        alarms.truncate(MAX_ALERTS);
        (ExternalAlarms { time, alarms }, beyond)
    }
}

fn alarm(
    config: &AlertmanagerConfig,
    (fingerprint, alert): (&str, &Alert),
    silences: &HashMap<&str, &Silence>,
) -> ExternalAlarm {
    let shared = |text: &str| Arc::<str>::from(text::clean(text));
    let label = |name: &str| alert.labels.get(name).map_or("", String::as_str);
    let name = Some(label("alertname")).filter(|n| !n.trim().is_empty()).unwrap_or("unnamed");
    let said = ["summary", "description", "message"].iter().find_map(|n| alert.annotations.get(*n));
    let places = config
        .labels
        .iter()
        .flat_map(|wanted| alert.labels.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)));
    ExternalAlarm {
        fingerprint: fingerprint.into(),
        name: shared(name),
        priority: config.priority(label("severity")),
        places: places.map(|(name, value)| (shared(name), shared(value))).collect(),
        text: shared(said.map_or("", String::as_str)),
        starts_at: read_time(&alert.starts_at).unwrap_or_default(),
        suppressed: quiet(alert, silences).map(|why| shared(&why)),
    }
}

/// Who keeps an alert quiet. The silence of an acknowledgement here does not count: that alarm is
/// acknowledged, not suppressed.
fn quiet(alert: &Alert, silences: &HashMap<&str, &Silence>) -> Option<String> {
    let status = &alert.status;
    let foreign = |id: &&String| silences.get(id.as_str()).is_none_or(|s| !is_ours(s));
    if let Some(id) = status.silenced_by.iter().find(foreign) {
        return Some(match silences.get(id.as_str()) {
            Some(s) => format!("silenced in Alertmanager by {}: {}", s.created_by, s.comment),
            None => "silenced in Alertmanager".to_owned(),
        });
    }
    if !status.inhibited_by.is_empty() {
        return Some("inhibited in Alertmanager by another alert".to_owned());
    }
    (!status.muted_by.is_empty()).then(|| "muted in Alertmanager at this time".to_owned())
}
