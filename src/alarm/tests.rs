//! The rules as they stand in the built-in file.

use super::rule::Rules;
use crate::model::alarm::rule::ALL;

#[test]
fn every_named_rule_is_built_in_with_its_scope_and_priority() {
    let rules = Rules::built_in();
    for known in &ALL {
        let rule = rules.list().iter().find(|r| *r.slug == *known.slug).expect(known.slug);
        assert_eq!((rule.scope(), rule.priority), (known.scope, known.priority), "{}", known.slug);
        assert_eq!(*rule.title, *known.title);
        assert!(!rule.action.is_empty() && !rule.runbook.is_empty(), "{}", known.slug);
        assert!(!rule.silent && !rule.disabled, "{}", known.slug);
    }
    let own = rules.list().iter().filter(|r| !r.silent).count();
    assert_eq!(own, ALL.len(), "no alarm but those that have a name");
}

#[test]
fn delays_and_latches_are_those_of_the_table() {
    let rules = Rules::built_in();
    let of = |slug: &str| {
        let rule = rules.list().iter().find(|r| *r.slug == *slug).expect(slug);
        (rule.on_ms / 1000, rule.off_ms / 1000, rule.latch)
    };
    assert_eq!(of("row-cooling-lost"), (3, 30, false));
    assert_eq!(of("rack-leak"), (0, 60, true));
    assert_eq!(of("gpu-lost"), (10, 10, true));
    assert_eq!(of("job-stall"), (120, 300, false));
    assert_eq!(of("telemetry-lost"), (30, 60, false));
}

#[test]
fn a_critical_cause_is_not_kept_quiet_by_a_lesser_rule() {
    let rules = Rules::built_in();
    for quiet in rules.list().iter().filter(|r| r.priority == 1) {
        let by: Vec<_> =
            rules.list().iter().filter(|r| r.suppresses(quiet) && r.priority > 1 && !r.silent).collect();
        // A burst of XIDs is only ever a symptom.
        assert!(by.is_empty() || *quiet.slug == *"xid-burst", "{}: {}", quiet.slug, by.len());
    }
}
