//! The alarm rules by name: what each is called, what it watches and how urgent it is.
//!
//! The conditions themselves are not here. This is the one list of names that whatever refers to a
//! rule is checked against, such as the alarms that a scenario must raise.

use crate::model::document;
use crate::model::text;

/// What an alarm of a rule stands at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The site.
    Site,
    /// A hall.
    Hall,
    /// A row.
    Row,
    /// A coolant distribution unit.
    Cdu,
    /// A rack.
    Rack,
    /// A tray.
    Tray,
    /// A GPU.
    Gpu,
    /// A job.
    Job,
}

impl Scope {
    /// Word shown to the operator.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Hall => "hall",
            Self::Row => "row",
            Self::Cdu => "CDU",
            Self::Rack => "rack",
            Self::Tray => "tray",
            Self::Gpu => "GPU",
            Self::Job => "job",
        }
    }
}

/// One rule, by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlarmRule {
    /// Name in files and on the command line.
    pub slug: &'static str,
    /// Words shown to the operator.
    pub title: &'static str,
    /// What its alarms stand at.
    pub scope: Scope,
    /// Priority in the sense of ISA-18.2: 1 critical, 2 high, 3 medium, 4 low. Some rules have a
    /// higher one for worse cases.
    pub priority: u8,
}

const fn rule(slug: &'static str, title: &'static str, scope: Scope, priority: u8) -> AlarmRule {
    AlarmRule { slug, title, scope, priority }
}

/// All rules, in the order of their numbers (1 to 26).
pub const ALL: [AlarmRule; 26] = [
    rule("rack-leak", "Rack leak", Scope::Rack, 1),
    rule("tray-leak", "Tray leak", Scope::Tray, 2),
    rule("leak-sensor-fault", "Leak sensor fault", Scope::Rack, 4),
    rule("row-cooling-lost", "Row cooling lost", Scope::Row, 1),
    rule("cdu-pump-failed-over", "CDU pump failed over", Scope::Cdu, 3),
    rule("cdu-supply-high", "CDU secondary supply high", Scope::Cdu, 2),
    rule("supply-near-dew-point", "Supply near dew point", Scope::Hall, 2),
    rule("rack-flow-low", "Rack flow low", Scope::Rack, 3),
    rule("rack-delta-t", "Rack temperature difference abnormal", Scope::Rack, 4),
    rule("return-temperature-high", "Return temperature high", Scope::Rack, 2),
    rule("gpu-margin-low", "GPU margin low", Scope::Gpu, 3),
    rule("hw-thermal-slowdown", "HW thermal slowdown", Scope::Gpu, 2),
    rule("power-brake", "Power brake", Scope::Rack, 2),
    rule("power-shelf-failed", "Power shelf failed", Scope::Rack, 3),
    rule("busway-side-lost", "Busway side lost", Scope::Row, 1),
    rule("busway-overload", "Busway overload", Scope::Row, 2),
    rule("over-contracted-power", "Site over contracted power", Scope::Site, 2),
    rule("grid-frequency", "Grid frequency", Scope::Site, 4),
    rule("power-oscillation", "Power oscillation", Scope::Site, 2),
    rule("gpu-lost", "GPU lost", Scope::Gpu, 3),
    rule("xid-burst", "XID burst", Scope::Rack, 1),
    rule("uncorrectable-memory", "Uncorrectable memory error", Scope::Gpu, 3),
    rule("switch-tray-down", "NVLink switch tray down", Scope::Rack, 2),
    rule("fabric-link-flapping", "Fabric link flapping", Scope::Tray, 4),
    rule("job-stall", "Job-wide stall or straggler", Scope::Job, 3),
    rule("telemetry-lost", "Telemetry lost", Scope::Row, 2),
];

/// The rule called `slug`.
///
/// # Errors
/// An unknown name is answered with the nearest valid one.
pub fn find(slug: &str) -> Result<&'static AlarmRule, String> {
    ALL.iter().find(|r| r.slug == slug).ok_or_else(|| {
        let names = ALL.map(|r| r.slug);
        format!("no alarm rule is called `{}`: {}", text::clean(slug), document::hint(slug, &names))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_its_own_name_alone() {
        for rule in &ALL {
            assert_eq!(find(rule.slug), Ok(rule));
            assert!((1..=4).contains(&rule.priority), "{}", rule.slug);
            assert!(rule.slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.slug);
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest() {
        let e = find("rack-leek").expect_err("no such rule");
        assert_eq!(e, "no alarm rule is called `rack-leek`: did you mean `rack-leak`?");
        assert!(
            find("\u{1b}[2J").expect_err("no such rule").contains("expected one of rack-leak, tray-leak")
        );
    }
}
