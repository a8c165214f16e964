//! Where the objects of a bus belong: a file that lists them, else rules over their names and tags.

use std::collections::HashMap;

use regex::Regex;

use super::column::Side;
use crate::model::plant::PlantPlace;
use crate::model::text;

/// Rules where none are given: the form of the tags in the examples of DSX Exchange.
pub const DEFAULT_RULES: [&str; 4] = [
    "(?:.*/)?(?<hall>pod[^/]+)/(?<row>row[^/]+)/(?<rack>rack[^/]+)",
    "(?:.*/)?(?<hall>pod[^/]+)/(?<row>row[^/]+)",
    "(?:.*/)?(?<hall>pod[^/]+)/(?<cdu>[^/]*CDU[^/]*)",
    "(?:.*/)?(?<hall>pod[^/]+)",
];
const GROUPS: [&str; 5] = ["hall", "row", "rack", "cdu", "side"];

/// Where an object belongs, and on which busway it hangs where that was said.
pub type Placed = (PlantPlace, Option<Side>);

/// How objects are placed. The file goes before the rules; of the rules the first that matches.
#[derive(Clone, Debug)]
pub struct Placing {
    assets: HashMap<String, Placed>,
    rules: Vec<Regex>,
}

impl Placing {
    /// Placing by `rules`: expressions that match from the beginning of a tag or of a name, with the
    /// named groups hall, row, rack, cdu and side. Without rules those of the examples hold.
    ///
    /// # Errors
    /// An expression that cannot be compiled, or that has none of the groups.
    pub fn new(rules: &[String]) -> Result<Self, String> {
        let defaults = DEFAULT_RULES.map(str::to_owned);
        let rules = if rules.is_empty() { &defaults[..] } else { rules };
        let compile = |rule: &String| {
            let regex = regex::RegexBuilder::new(&format!("^(?:{rule})"))
                .size_limit(1 << 20)
                .case_insensitive(true)
                .build()
                .map_err(|e| format!("place rule `{}`: {e}", text::clean(rule)))?;
            if regex.capture_names().flatten().any(|n| GROUPS[..4].contains(&n)) {
                return Ok(regex);
            }
            let expected = "expected some of (?<hall>…), (?<row>…), (?<rack>…), (?<cdu>…), (?<side>…)";
            Err(format!("place rule `{}`: no named group; {expected}", text::clean(rule)))
        };
        Ok(Self { assets: HashMap::new(), rules: rules.iter().map(compile).collect::<Result<_, _>>()? })
    }

    /// Adds a list of objects: CSV with the columns `name` (of an object, of a rack's location, or the
    /// beginning of a tag) and `hall`, and as far as they apply `row`, `rack`, `cdu` and `side`.
    ///
    /// # Errors
    /// A missing column, a malformed record, or a name that stands twice, with file and line.
    pub fn add_assets(&mut self, csv_text: &str, file: &str) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(csv_text.as_bytes());
        let header = reader.headers().map_err(|e| format!("{file}: {e}"))?.clone();
        let column = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
        let needed = |name: &str| {
            column(name)
                .ok_or_else(|| format!("{file}:1: no column `{name}`: expected name,hall,row,rack,cdu,side"))
        };
        let (name, hall) = (needed("name")?, needed("hall")?);
        let rest = ["row", "rack", "cdu", "side"].map(column);
        for record in reader.records() {
            let record = record.map_err(|e| format!("{file}: {e}"))?;
            let line = record.position().map_or(0, csv::Position::line);
            let field = |i: Option<usize>| text::clean(i.and_then(|i| record.get(i)).unwrap_or_default());
            let place = PlantPlace {
                hall: field(Some(hall)),
                row: field(rest[0]),
                rack: field(rest[1]),
                cdu: field(rest[2]),
            };
            let name = field(Some(name));
            if name.is_empty() || place.hall.is_empty() {
                return Err(format!("{file}:{line}: name and hall must be given"));
            }
            let side = field(rest[3]);
            let side = if side.is_empty() { None } else { Side::of(&side) };
            if self.assets.insert(name.to_lowercase(), (place, side)).is_some() {
                return Err(format!("{file}:{line}: `{name}` stands twice"));
            }
        }
        Ok(())
    }

    /// How many objects the list names.
    #[must_use]
    pub fn assets_len(&self) -> usize {
        self.assets.len()
    }

    /// Where the object with these `names` and this `tag` belongs.
    #[must_use]
    pub fn place(&self, names: &[&str], tag: &str) -> Option<Placed> {
        if !self.assets.is_empty() {
            let by_name = names.iter().find_map(|n| self.assets.get(&n.to_lowercase()));
            let mut path = tag;
            let mut by_tag = || loop {
                if let Some(placed) = self.assets.get(&path.to_lowercase()) {
                    return Some(placed);
                }
                path = path.rsplit_once('/')?.0;
            };
            if let Some(placed) = by_name.or_else(&mut by_tag) {
                return Some(placed.clone());
            }
        }
        let texts = || std::iter::once(tag).chain(names.iter().copied()).filter(|t| !t.is_empty());
        self.rules.iter().find_map(|rule| texts().find_map(|t| by_rule(rule, t)))
    }
}

fn by_rule(rule: &Regex, name: &str) -> Option<Placed> {
    let found = rule.captures(name)?;
    let group = |name: &str| found.name(name).map(|m| text::clean(m.as_str())).unwrap_or_default();
    let place = PlantPlace { hall: group("hall"), row: group("row"), rack: group("rack"), cdu: group("cdu") };
    let side = group("side");
    Some((place, Side::of(&side)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(hall: &str, row: &str, rack: &str, cdu: &str) -> PlantPlace {
        PlantPlace { hall: hall.into(), row: row.into(), rack: rack.into(), cdu: cdu.into() }
    }

    #[test]
    fn tags_of_the_published_form_need_no_rule() {
        let p = Placing::new(&[]).expect("the rules are valid");
        let of = |tag: &str| p.place(&[], tag).map(|(place, _)| place);
        assert_eq!(of("nvidia/titan/pod1C/rowE/rack03/flow"), Some(place("pod1C", "rowE", "rack03", "")));
        assert_eq!(of("nvidia/titan/pod1C/rowE/environment/x"), Some(place("pod1C", "rowE", "", "")));
        assert_eq!(of("nvidia/titan/pod1C/C-F00-CDU-05/x"), Some(place("pod1C", "", "", "C-F00-CDU-05")));
        assert_eq!(of("nvidia/titan/pod1C/C-E-BUS-E1/x"), Some(place("pod1C", "", "", "")));
        assert_eq!(of("campus/chiller7/x"), None);
    }

    #[test]
    fn own_rules_see_tag_and_names() {
        let rules = [r"(?<hall>\w)-(?<row>\w)(?<rack>\d\d)-TAP-\w(?<side>\d)".to_owned()];
        let p = Placing::new(&rules).expect("valid");
        assert_eq!(p.place(&["C-E05-TAP-E2"], "a/b"), Some((place("C", "E", "05", ""), Some(Side::B))));
        assert_eq!(p.place(&["C-F00-CDU-05"], "a/b"), None);
    }

    #[test]
    fn the_list_goes_before_the_rules_and_knows_beginnings_of_tags() {
        let mut p = Placing::new(&[]).expect("valid");
        let csv = "name,hall,row,rack,cdu,side\nC-E-BUS-E1,H1,R1,,,A\nnvidia/titan/pod1C/rowE,H9,R9,,,\n";
        p.add_assets(csv, "assets.csv").expect("valid");
        assert_eq!(p.place(&["c-e-bus-e1"], "x"), Some((place("H1", "R1", "", ""), Some(Side::A))));
        assert_eq!(
            p.place(&[], "nvidia/titan/pod1C/rowE/rack03/flow").map(|x| x.0),
            Some(place("H9", "R9", "", ""))
        );
        assert_eq!(p.assets_len(), 2);
    }

    #[test]
    fn bad_rules_and_lists_say_what_is_wrong() {
        let e = Placing::new(&["abc".to_owned()]).expect_err("no groups");
        assert!(e.contains("`abc`") && e.contains("(?<cdu>…)"), "{e}");
        assert!(Placing::new(&["(?<hall>".to_owned()]).is_err());
        let mut p = Placing::new(&[]).expect("valid");
        let e = p.add_assets("name,row\n", "a.csv").expect_err("no hall");
        assert!(e.contains("a.csv:1") && e.contains("`hall`"), "{e}");
        let e = p.add_assets("name,hall\na,H1\nA,H2\n", "a.csv").expect_err("twice");
        assert!(e.contains("a.csv:3") && e.contains("twice"), "{e}");
    }
}
