//! Which hall each target belongs to, as far as rules, inventory and labels tell: for the table of
//! sources, and to say which hosts no rule places.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::batch::HostFacts;
use crate::model::topology::place::Placer;
use crate::model::{Topology, TrayId};

/// Finds halls.
#[derive(Clone, Debug, Default)]
pub struct Placing {
    placer: Placer,
    /// Hosts that the site names, with their halls.
    hosts: HashMap<String, Arc<str>>,
    /// Halls of the site by their name in lower case.
    halls: HashMap<String, Arc<str>>,
}

impl Placing {
    /// As the site and `placer` say.
    #[must_use]
    pub fn new(placer: Placer, site: &Topology) -> Self {
        let halls: Vec<Arc<str>> = site.halls().iter().map(|h| Arc::from(h.name.as_str())).collect();
        let hall =
            |tray: usize| &halls[site.row(site.rack(site.tray(TrayId::new(tray)).rack).row).hall.index()];
        let named = site.trays().iter().enumerate().filter(|(_, t)| !t.host.is_empty());
        Self {
            hosts: named.map(|(i, t)| (t.host.clone(), Arc::clone(hall(i)))).collect(),
            halls: halls.iter().map(|h| (h.to_lowercase(), Arc::clone(h))).collect(),
            placer,
        }
    }

    /// The hall of a host; `None` when nothing says where it belongs.
    #[must_use]
    pub fn hall(&self, facts: &HostFacts) -> Option<Arc<str>> {
        let bare = facts.host.split([':', '/']).next().unwrap_or_default();
        let names = [facts.host.as_str(), bare, facts.label("hostname").unwrap_or_default()];
        if let Some(hall) = names.iter().find_map(|n| self.hosts.get(*n)) {
            return Some(Arc::clone(hall));
        }
        let place = self.placer.place(facts)?;
        Some(match self.halls.get(&place.hall.to_lowercase()) {
            Some(hall) => Arc::clone(hall),
            None => place.hall.into(),
        })
    }
}

/// The sentence about `count` hosts that nothing places, the first of which is `first`.
#[must_use]
pub fn unplaced(count: usize, first: &str) -> String {
    let (hosts, verb) = if count == 1 { ("host", "matches") } else { ("hosts", "match") };
    format!("{count} {hosts} {verb} no placing rule; first: {first}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::topology::place::RuleSpec;

    fn facts(host: &str, labels: &[(&str, &str)]) -> HostFacts {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        HostFacts { host: host.to_owned(), labels }
    }

    #[test]
    fn the_site_goes_before_rules_and_rules_before_labels() {
        let site = Topology::default_site();
        let rule = RuleSpec { label: "host".into(), regex: r"kv-(?<hall>h\d+)-.*".into() };
        let placing = Placing::new(Placer::new(&[rule]).expect("a rule"), &site);
        let host = &site.trays()[0].host;
        let of = |f: &HostFacts| placing.hall(f).map(|h| h.to_string());
        assert_eq!(of(&facts("10.0.0.1:9400", &[("hostname", host)])).as_deref(), Some("H1"));
        assert_eq!(of(&facts("kv-h2-r01-t01:9400", &[])).as_deref(), Some("H2"), "as the site spells it");
        assert_eq!(of(&facts("x:9400", &[("hall", "Annex")])).as_deref(), Some("Annex"));
        assert_eq!(of(&facts("x:9400", &[])), None);
    }

    #[test]
    fn the_sentence_counts_and_names_the_first() {
        assert_eq!(unplaced(312, "kv-h9-r01-t01"), "312 hosts match no placing rule; first: kv-h9-r01-t01");
        assert!(unplaced(1, "a").starts_with("1 host matches"));
    }
}
