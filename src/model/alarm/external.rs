//! Alarms that others have found: the alerts of an Alertmanager, as its source tells them.

use std::sync::Arc;

use crate::model::time::Timestamp;

/// All alerts that stand at one moment: what is not in the list does not stand.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ExternalAlarms {
    /// When they were asked for.
    pub time: Timestamp,
    /// The alerts.
    pub alarms: Vec<ExternalAlarm>,
}

/// One alert. All texts in it are clean.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ExternalAlarm {
    /// What the other side knows it by.
    pub fingerprint: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Priority, 1 to 4.
    pub priority: u8,
    /// Labels that may say where it is: name and value, the more trusted ones first.
    pub places: Vec<(Arc<str>, Arc<str>)>,
    /// What it says.
    pub text: Arc<str>,
    /// Since when it stands.
    pub starts_at: Timestamp,
    /// Why the other side keeps it quiet, if it does.
    pub suppressed: Option<Arc<str>>,
}
