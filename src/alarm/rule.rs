//! One rule, checked and ready, and all of them.

use std::sync::Arc;

use crate::fleet::query::Plan;
use crate::model::alarm::RuleView;
use crate::model::alarm::rule::Scope;

/// Text of the built-in rules.
pub const BUILT_IN: &str = include_str!("rules.toml");

/// A worse case of a rule: a higher priority.
#[derive(Clone, PartialEq, Debug)]
pub struct Worse {
    /// When.
    pub plan: Plan,
    /// The condition as written.
    pub text: Arc<str>,
    /// Priority then.
    pub priority: u8,
}

/// One rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Name in files and on the command line.
    pub slug: Arc<str>,
    /// Words for the operator.
    pub title: Arc<str>,
    /// The condition.
    pub plan: Plan,
    /// The condition as written.
    pub text: Arc<str>,
    /// Deadband as written; empty for none.
    pub deadband: Arc<str>,
    /// The same alarm from another kind of asset.
    pub also: Vec<(Plan, Arc<str>)>,
    /// Time that the condition must hold, ms.
    pub on_ms: i64,
    /// Time that it must be gone, ms.
    pub off_ms: i64,
    /// What went stays until it is reset.
    pub latch: bool,
    /// Priority, 1 to 4.
    pub priority: u8,
    /// Worse cases.
    pub worse: Vec<Worse>,
    /// Cause class.
    pub class: Arc<str>,
    /// Members are grouped no higher than this.
    pub up_to: Scope,
    /// Rules that it suppresses, by name; `*` is all others.
    pub suppresses: Vec<Arc<str>>,
    /// What the operator should do.
    pub action: Arc<str>,
    /// Where that is written at length.
    pub runbook: Arc<str>,
    /// It tells of events, not of a state: those that came while it was suppressed are not told later.
    pub momentary: bool,
    /// It has no alarm of its own.
    pub silent: bool,
    /// The site has switched it off.
    pub disabled: bool,
    /// File and line that last changed it; empty for the built-in one.
    pub from: Arc<str>,
}

impl Rule {
    /// True when its alarms keep those of `other` quiet.
    #[must_use]
    pub fn suppresses(&self, other: &Self) -> bool {
        self.slug != other.slug && self.suppresses.iter().any(|s| **s == *"*" || *s == other.slug)
    }

    /// What it is about.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.plan.scope()
    }

    /// The rule as readers see it. `missing` is what no source reports.
    #[must_use]
    pub fn view(&self, missing: &str) -> RuleView {
        let mut condition = self.text.to_string();
        for (plan, text) in &self.also {
            condition.push_str(&format!("; at the {}: {text}", plan.scope().name()));
        }
        for worse in &self.worse {
            condition.push_str(&format!("; P{} when {}", worse.priority, worse.text));
        }
        RuleView {
            slug: Arc::clone(&self.slug),
            title: Arc::clone(&self.title),
            scope: Some(self.scope()),
            priority: self.priority,
            condition: condition.into(),
            on_delay_s: self.on_ms as f32 / 1000.0,
            off_delay_s: self.off_ms as f32 / 1000.0,
            deadband: Arc::clone(&self.deadband),
            latch: self.latch,
            group: Arc::clone(&self.class),
            suppresses: self.suppresses.join(", ").into(),
            action: Arc::clone(&self.action),
            runbook: Arc::clone(&self.runbook),
            disabled: self.disabled,
            missing: missing.into(),
            from: Arc::clone(&self.from),
        }
    }
}

/// All rules, in order; those of the site behind the built-in ones.
#[derive(Clone, PartialEq, Debug)]
pub struct Rules(pub(crate) Arc<[Rule]>);

impl Rules {
    /// The built-in rules.
    #[must_use]
    pub fn built_in() -> Self {
        match super::read::read(&[]) {
            Ok(rules) => rules,
            // A test reads them: this cannot happen in a build that passed.
            Err(_) => Self(Arc::new([])),
        }
    }

    /// The rules.
    #[must_use]
    pub fn list(&self) -> &[Rule] {
        &self.0
    }
}
