//! The forms of Alertmanager's API v2, as far as they are used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Names and values.
pub type Labels = BTreeMap<String, String>;

/// An alert as it is answered.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What identifies it.
    pub labels: Labels,
    /// Words.
    #[serde(default)]
    pub annotations: Labels,
    /// Since when.
    #[serde(default)]
    pub starts_at: String,
    /// Until when, unless it is posted again.
    #[serde(default)]
    pub ends_at: String,
    /// A hash of the labels.
    pub fingerprint: String,
    /// What Alertmanager does with it.
    #[serde(default)]
    pub status: AlertStatus,
}

/// What Alertmanager does with an alert.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AlertStatus {
    /// `unprocessed`, `active` or `suppressed`.
    pub state: String,
    /// Silences that apply.
    pub silenced_by: Vec<String>,
    /// Alerts that inhibit it.
    pub inhibited_by: Vec<String>,
    /// Time intervals that mute it.
    pub muted_by: Vec<String>,
}

/// An alert as it is posted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostAlert {
    /// What identifies it.
    pub labels: Labels,
    /// Words.
    pub annotations: Labels,
    /// Since when.
    pub starts_at: String,
    /// Until when it stands unless it is posted again; in the past for one that is over.
    pub ends_at: String,
}

/// A condition of a silence on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// Its value, or an expression.
    pub value: String,
    /// The value is an expression.
    #[serde(default)]
    pub is_regex: bool,
    /// It must match; else it must not.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

const fn yes() -> bool {
    true
}

impl Matcher {
    /// The label has exactly this value.
    #[must_use]
    pub fn equal(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned(), is_regex: false, is_equal: true }
    }
}

/// A silence as it is answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its number.
    pub id: String,
    /// Whether it applies.
    pub status: SilenceStatus,
    /// What it applies to.
    pub matchers: Vec<Matcher>,
    /// From when.
    pub starts_at: String,
    /// Until when.
    pub ends_at: String,
    /// Who made it.
    #[serde(default)]
    pub created_by: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
}

/// Whether a silence applies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SilenceStatus {
    /// `pending`, `active` or `expired`.
    pub state: String,
}

impl Silence {
    /// True when it is over.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.status.state == "expired"
    }
}

/// A silence as it is posted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostSilence {
    /// The silence that is changed; none for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it applies to.
    pub matchers: Vec<Matcher>,
    /// From when.
    pub starts_at: String,
    /// Until when.
    pub ends_at: String,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// The answer to a posted silence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Posted {
    /// The number of the silence, which may be another than before.
    #[serde(rename = "silenceID")]
    pub id: String,
}

/// A moment as the API takes it: RFC 3339.
#[must_use]
pub fn show_time(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.millis()).unwrap_or_default().to_string()
}

/// A moment as the API tells it.
#[must_use]
pub fn read_time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|t| Timestamp(t.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_come_back() {
        let time = Timestamp(1_795_316_400_260);
        assert_eq!(show_time(time), "2026-11-22T03:00:00.26Z");
        assert_eq!(read_time(&show_time(time)), Some(time));
        assert_eq!(read_time("2026-11-26T02:47:36.260Z"), Some(Timestamp(1_795_661_256_260)));
        assert_eq!(read_time("soon"), None);
    }

    #[test]
    fn an_alert_of_debian_s_alertmanager_is_read() {
        let json = r#"[{"annotations":{"summary":"s"},"endsAt":"2026-11-26T02:52:36.260Z","fingerprint":"42c4412fab739b31","receivers":[{"name":"none"}],"startsAt":"2026-11-26T02:47:36.000Z","status":{"inhibitedBy":[],"silencedBy":["ecdb1a65"],"state":"suppressed"},"updatedAt":"2026-11-26T02:47:36.260Z","labels":{"alertname":"X","asset":"H1"}}]"#;
        let alerts: Vec<Alert> = serde_json::from_str(json).expect("it is an answer of version 0.25");
        assert_eq!(alerts[0].labels["asset"], "H1");
        assert_eq!(alerts[0].status.silenced_by, ["ecdb1a65"]);
    }

    #[test]
    fn a_matcher_of_an_old_version_is_an_equal_one() {
        let old = r#"{"isRegex":false,"name":"alertname","value":"X"}"#;
        assert_eq!(serde_json::from_str::<Matcher>(old).expect("valid"), Matcher::equal("alertname", "X"));
    }
}
