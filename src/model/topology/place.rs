//! Placing of live hosts: rules over labels with named groups, or an inventory by host.

use std::collections::HashMap;

use regex::Regex;
use serde::Deserialize;

use crate::model::batch::HostFacts;
use crate::model::text;

/// Where a host belongs, by names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Hall name.
    pub hall: String,
    /// Row name.
    pub row: String,
    /// Rack name.
    pub rack: String,
    /// Tray name.
    pub tray: String,
}

impl Place {
    /// Key under which two spellings of the same place are equal.
    #[must_use]
    pub fn key(&self) -> String {
        key([&self.hall, &self.row, &self.rack, &self.tray])
    }
}

/// The parts joined, lower-case and without leading zeros: `H03` and `h3` are one place.
#[must_use]
pub fn key<const N: usize>(parts: [&str; N]) -> String {
    let mut key = String::with_capacity(24);
    for part in parts {
        let mut previous = ' ';
        let mut chars = part.chars().peekable();
        while let Some(c) = chars.next() {
            let leading_zero =
                c == '0' && !previous.is_ascii_digit() && chars.peek().is_some_and(char::is_ascii_digit);
            if !leading_zero {
                previous = c;
                key.extend(c.to_lowercase());
            }
        }
        key.push('\u{1f}');
    }
    key
}

/// One rule as written in the config: a regular expression over one label, with the named groups
/// `hall`, `row`, `rack` and `tray`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// The label to look at: one of the target list, `host`, or `hostname`.
    pub label: String,
    /// The expression; it must match the whole label.
    pub regex: String,
}

/// How hosts are placed. The first match wins: inventory, rules, plain labels.
#[derive(Clone, Debug, Default)]
pub struct Placer {
    inventory: HashMap<String, Place>,
    rules: Vec<(String, Regex)>,
}

const GROUPS: [&str; 4] = ["hall", "row", "rack", "tray"];

impl Placer {
    /// A placer with `rules`.
    ///
    /// # Errors
    /// An expression that cannot be compiled, or that has none of the named groups.
    pub fn new(rules: &[RuleSpec]) -> Result<Self, String> {
        let mut placer = Self::default();
        for rule in rules {
            let regex = regex::RegexBuilder::new(&format!("^(?:{})$", rule.regex))
                .size_limit(1 << 20)
                .case_insensitive(true)
                .build()
                .map_err(|e| format!("place rule on `{}`: {e}", rule.label))?;
            if !regex.capture_names().flatten().any(|n| GROUPS.contains(&n)) {
                return Err(format!(
                    "place rule on `{}`: no named group; expected some of (?<hall>…), (?<row>…), (?<rack>…), (?<tray>…)",
                    rule.label
                ));
            }
            placer.rules.push((rule.label.clone(), regex));
        }
        Ok(placer)
    }

    /// Adds an inventory: CSV with the header `host,hall,row,rack,tray`.
    ///
    /// # Errors
    /// A missing column, a malformed record or a host that stands twice, with file and line.
    pub fn add_inventory(&mut self, csv_text: &str, file: &str) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(csv_text.as_bytes());
        let header = reader.headers().map_err(|e| format!("{file}: {e}"))?.clone();
        let column = |name: &str| {
            header.iter().position(|h| h.eq_ignore_ascii_case(name)).ok_or_else(|| {
                format!("{file}:1: no column `{name}`: expected the header host,hall,row,rack,tray")
            })
        };
        let at = [column("host")?, column("hall")?, column("row")?, column("rack")?, column("tray")?];
        for record in reader.records() {
            let record = record.map_err(|e| format!("{file}: {e}"))?;
            let line = record.position().map_or(0, csv::Position::line);
            let field = |i: usize| text::clean(record.get(at[i]).unwrap_or_default());
            let place = Place { hall: field(1), row: field(2), rack: field(3), tray: field(4) };
            if [&place.hall, &place.row, &place.rack, &place.tray].iter().any(|s| s.is_empty()) {
                return Err(format!("{file}:{line}: hall, row, rack and tray must all be given"));
            }
            if self.inventory.insert(field(0), place).is_some() {
                return Err(format!("{file}:{line}: host `{}` stands twice", field(0)));
            }
        }
        Ok(())
    }

    /// How many hosts the inventory knows.
    #[must_use]
    pub fn inventory_len(&self) -> usize {
        self.inventory.len()
    }

    /// Where `facts` belongs, or `None`.
    #[must_use]
    pub fn place(&self, facts: &HostFacts) -> Option<Place> {
        let bare = facts.host.split([':', '/']).next().unwrap_or_default();
        let by_name = [facts.host.as_str(), bare, facts.label("hostname").unwrap_or_default()];
        if let Some(place) = by_name.iter().find_map(|n| self.inventory.get(*n)) {
            return Some(place.clone());
        }
        self.rules.iter().find_map(|(label, regex)| by_rule(facts, label, regex)).or_else(|| by_labels(facts))
    }
}

fn by_rule(facts: &HostFacts, label: &str, regex: &Regex) -> Option<Place> {
    let value = if label == "host" { &facts.host } else { facts.label(label)? };
    let caps = regex.captures(value)?;
    let group = |name: &str| caps.name(name).map(|m| m.as_str()).or_else(|| facts.label(name));
    complete(group, &facts.host)
}

/// Labels that are already called `hall`, `row`, `rack`, `tray` need no rule.
fn by_labels(facts: &HostFacts) -> Option<Place> {
    facts.label("hall")?;
    complete(|name| facts.label(name), &facts.host)
}

/// Missing levels get a name of their own, so that sites without rows or halls can be placed too.
fn complete<'a>(group: impl Fn(&str) -> Option<&'a str>, host: &str) -> Option<Place> {
    let part =
        |name: &str, default: &str| text::clean(group(name).filter(|s| !s.is_empty()).unwrap_or(default));
    group("hall").or_else(|| group("rack"))?;
    Some(Place {
        hall: part("hall", "H1"),
        row: part("row", "R1"),
        rack: part("rack", "K1"),
        tray: part("tray", host),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(host: &str, labels: &[(&str, &str)]) -> HostFacts {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        HostFacts { host: host.to_owned(), labels }
    }

    fn rule(label: &str, regex: &str) -> RuleSpec {
        RuleSpec { label: label.into(), regex: regex.into() }
    }

    #[test]
    fn named_groups_place_a_host() {
        let p =
            Placer::new(&[rule("hostname", r"kvd-(?<hall>h\d+)-(?<row>r\d+)-(?<rack>k\d+)-(?<tray>t\d+)")])
                .expect("a valid rule");
        let place =
            p.place(&facts("10.0.0.1:9400", &[("hostname", "kvd-h3-r17-k5-t09")])).expect("it matches");
        assert_eq!((place.hall.as_str(), place.tray.as_str()), ("h3", "t09"));
        assert_eq!(p.place(&facts("10.0.0.1:9400", &[("hostname", "other")])), None);
    }

    #[test]
    fn an_inventory_wins_over_rules_and_knows_hosts_without_port() {
        let mut p = Placer::new(&[rule("host", r"(?<hall>\w+).*")]).expect("a valid rule");
        p.add_inventory("host,hall,row,rack,tray\nnode7, H2,R01,K3,T04\n", "inv.csv").expect("valid");
        assert_eq!(p.place(&facts("node7:9400", &[])).map(|x| x.rack), Some("K3".into()));
    }

    #[test]
    fn plain_labels_need_no_rule() {
        let p = Placer::default();
        let place = p
            .place(&facts("127.10.1.1:19400", &[("hall", "h01"), ("rack", "r000")]))
            .expect("labels place it");
        assert_eq!((place.hall.as_str(), place.row.as_str(), place.rack.as_str()), ("h01", "R1", "r000"));
        assert_eq!(p.place(&facts("127.10.1.1:19400", &[("job", "dcgm")])), None);
    }

    #[test]
    fn bad_rules_and_inventories_say_what_is_wrong() {
        let e = Placer::new(&[rule("host", "abc")]).expect_err("no groups");
        assert!(e.contains("named group"), "{e}");
        assert!(Placer::new(&[rule("host", "(?<hall>")]).is_err());
        let mut p = Placer::default();
        let e = p.add_inventory("host,hall,row,tray\n", "inv.csv").expect_err("rack is missing");
        assert!(e.contains("inv.csv:1") && e.contains("`rack`"), "{e}");
        let e = p
            .add_inventory("host,hall,row,rack,tray\na,H1,R1,K1,T1\na,H1,R1,K1,T2\n", "inv.csv")
            .expect_err("twice");
        assert!(e.contains("inv.csv:3"), "{e}");
    }
}
