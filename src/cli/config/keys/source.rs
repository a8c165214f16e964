//! The keys of a `[[source]]`: those of each kind of source beside each other.

use super::{Key, Kind, key};

/// The names of the kinds of sources.
pub const SOURCE_KINDS: [&str; 7] = ["sim", "scrape", "prometheus", "remote_write", "local", "jobs", "slurm"];

/// The kinds that speak HTTP and take the tables of `http_config`.
pub const HTTP_KINDS: &[&str] = &["scrape", "prometheus", "remote_write", "slurm"];

/// The keys of a `[[source]]`.
pub const SOURCE_KEYS: &[Key] = &[
    key(
        "kind",
        Kind::SourceKind,
        "",
        "",
        "`sim` the simulator, `scrape` exporters over HTTP, `prometheus` an engine with its query API, `remote_write` what is pushed here, `local` this machine, `jobs` and `slurm` who holds the GPUs.",
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
        "prometheus: address of the engine, with the path before `/api/v1`. slurm: that of slurmrestd, such as http://slurm:6820 (docs/jobs.md).",
    ),
    key("http_sd", Kind::Texts, "", "", "scrape: URLs of target lists in Prometheus' http_sd form."),
    key("refresh_interval", Kind::Interval, "\"1m\"", "", "scrape: time between two looks at `http_sd`."),
    key(
        "scrape_interval",
        Kind::Interval,
        "",
        "",
        "scrape: time between two polls of a target; else `interval`.",
    ),
    key("scrape_timeout", Kind::Timeout, "", "", "scrape: time for one answer; else `timeout`."),
    key("body_size_limit", Kind::Size, "\"16MiB\"", "", "scrape: largest answer after decompression."),
    key(
        "sample_limit",
        Kind::Count,
        "0",
        "",
        "scrape: most samples of wanted families on a page; 0 is no limit.",
    ),
    key("label_limit", Kind::Count, "0", "", "scrape: most labels of a sample, with the family's name."),
    key("label_name_length_limit", Kind::Count, "0", "", "scrape: longest name of a label, bytes."),
    key("label_value_length_limit", Kind::Count, "0", "", "scrape: longest value of a label, bytes."),
    key("target_limit", Kind::Count, "0", "", "scrape: most targets of the source."),
    key(
        "shard",
        Kind::Text,
        "",
        "",
        "scrape: one share of the targets, such as `1/4`, chosen as Prometheus' hashmod does.",
    ),
    key(
        "metrics",
        Kind::Texts,
        "",
        "",
        "prometheus: what is asked for; by default all that views and alarm rules need (docs/prometheus.md).",
    ),
    key(
        "queries",
        Kind::Texts,
        "",
        "--prometheus-query",
        "prometheus: expressions in place of the built-in ones, `METRIC=EXPR`, in the metric's unit.",
    ),
    key("tenant", Kind::Text, "", "", "prometheus: value of the header `X-Scope-OrgID`."),
    key("selector", Kind::Text, "", "", "prometheus: more label matchers, such as `{cluster=\"kvd\"}`."),
    key(
        "backfill",
        Kind::Backfill,
        "\"1h\"",
        "",
        "prometheus: so much of the past is asked for at the start; 0s to 24h.",
    ),
    key(
        "interval",
        Kind::Interval,
        "",
        "",
        "prometheus: time between two polls, 1s to 1h, in place of the `interval` of all sources. remote_write: time between two samples of a series, in place of the learned one.",
    ),
    key(
        "file",
        Kind::Path,
        "",
        "",
        "jobs: who holds the GPUs, as CSV with host,gpu,job,tenant or uuid,job,tenant, or as JSON (docs/jobs.md).",
    ),
    key("user", Kind::Text, "", "", "slurm: who asks, as X-SLURM-USER-NAME."),
    key(
        "token_file",
        Kind::Path,
        "",
        "",
        "slurm: file with the token of that user, X-SLURM-USER-TOKEN; read again when it changes.",
    ),
    key(
        "listen",
        Kind::Text,
        "",
        "",
        "remote_write: address to listen on, IP:port, or :port for all of this machine's.",
    ),
    key(
        "max_series",
        Kind::Count,
        "3000000",
        "",
        "remote_write: series of wanted families that are known at a time, at least 1; one costs 48 bytes.",
    ),
    key(
        "max_body",
        Kind::Count,
        "16777216",
        "",
        "remote_write: longest request as it is sent, bytes, 1024 to 268435456; decompressed at most twice as long.",
    ),
];

/// The keys that belong to some kinds of sources alone; the others belong to all.
const OF_KIND: &[(&str, &[&str])] = &[
    ("seed", &["sim"]),
    ("speed", &["sim"]),
    ("scenario", &["sim"]),
    ("at", &["sim"]),
    ("targets", &["scrape"]),
    ("url", &["prometheus", "slurm"]),
    ("http_sd", &["scrape"]),
    ("refresh_interval", &["scrape"]),
    ("scrape_interval", &["scrape"]),
    ("scrape_timeout", &["scrape"]),
    ("body_size_limit", &["scrape"]),
    ("sample_limit", &["scrape"]),
    ("label_limit", &["scrape"]),
    ("label_name_length_limit", &["scrape"]),
    ("label_value_length_limit", &["scrape"]),
    ("target_limit", &["scrape"]),
    ("shard", &["scrape"]),
    ("metrics", &["prometheus"]),
    ("queries", &["prometheus"]),
    ("tenant", &["prometheus"]),
    ("selector", &["prometheus"]),
    ("backfill", &["prometheus"]),
    ("interval", &["prometheus", "remote_write"]),
    ("file", &["jobs"]),
    ("user", &["slurm"]),
    ("token_file", &["slurm"]),
    ("listen", &["remote_write"]),
    ("max_series", &["remote_write"]),
    ("max_body", &["remote_write"]),
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
