//! The keys of a `[[source]]`: those of each kind of source beside each other.

use super::{Key, Kind, key};

/// The names of the kinds of sources.
pub const SOURCE_KINDS: [&str; 4] = ["sim", "scrape", "local", "mqtt"];

/// The kinds that speak HTTP and take the tables of `http_config`.
pub const HTTP_KINDS: &[&str] = &["scrape", "mqtt"];

/// The keys of a `[[source]]`.
pub const SOURCE_KEYS: &[Key] = &[
    key(
        "kind",
        Kind::SourceKind,
        "",
        "",
        "`sim` the simulator, `scrape` exporters over HTTP, `local` this machine, `mqtt` a facility bus.",
    ),
    key("seed", Kind::Count, "1", "", "sim: the same seed gives the same values."),
    key("speed", Kind::Speed, "1", "", "sim: simulated seconds per second."),
    key(
        "scenario",
        Kind::Scenario,
        "",
        "",
        "sim: a scripted incident: a built-in one or a file (docs/scenarios.md).",
    ),
    key("at", Kind::Start, "\"1m\"", "", "sim: simulated time at which the scenario starts; 0s to 720h."),
    key(
        "targets",
        Kind::Texts,
        "",
        "",
        "scrape: addresses of exporters (URL or host:port) and file_sd lists (JSON).",
    ),
    key(
        "url",
        Kind::Text,
        "",
        "",
        "mqtt: the broker, `mqtt://host:1883` or `mqtts://host:8883` (docs/facility-bus.md).",
    ),
    key("topic", Kind::Text, "\"BMS/v1/PUB/#\"", "", "mqtt: what is subscribed."),
    key(
        "version",
        Kind::Text,
        "",
        "",
        "mqtt: \"5\" or \"3.1.1\" alone [default: 5, and 3.1.1 where the broker has no 5].",
    ),
    key("assets", Kind::Path, "", "", "mqtt: where objects belong: CSV with name,hall,row,rack,cdu,side."),
    key(
        "placing",
        Kind::Texts,
        "",
        "",
        "mqtt: expressions over tags and names with the groups hall, row, rack, cdu, side.",
    ),
];

/// The keys that belong to some kinds of sources alone; the others belong to all.
const OF_KIND: &[(&str, &[&str])] = &[
    ("seed", &["sim"]),
    ("speed", &["sim"]),
    ("scenario", &["sim"]),
    ("at", &["sim"]),
    ("targets", &["scrape"]),
    ("url", &["mqtt"]),
    ("topic", &["mqtt"]),
    ("version", &["mqtt"]),
    ("assets", &["mqtt"]),
    ("placing", &["mqtt"]),
];

/// True when a source of `kind` has the key `name`.
#[must_use]
pub fn source_has(kind: &str, name: &str) -> bool {
    OF_KIND.iter().find(|(key, _)| *key == name).is_none_or(|(_, kinds)| kinds.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_kinds_names_keys_and_kinds_that_exist() {
        for (name, kinds) in OF_KIND {
            assert!(SOURCE_KEYS.iter().any(|k| k.name == *name), "{name}");
            assert!(kinds.iter().all(|k| SOURCE_KINDS.contains(k)), "{name}");
        }
        assert!(source_has("sim", "seed") && !source_has("local", "seed") && source_has("local", "kind"));
    }
}
