//! The keys of `[alertmanager]`.

use super::{Key, Kind, key};

/// The keys of `[alertmanager]`.
pub const ALERTMANAGER_KEYS: &[Key] = &[
    key(
        "urls",
        Kind::Texts,
        "",
        "",
        "Addresses: `http://host:9093`. Several are the members of one cluster, at most 8.",
    ),
    key("read", Kind::Flag, "true", "", "Show its alerts as alarms."),
    key("post", Kind::Flag, "false", "", "Post our alarms to it, to all members."),
    key(
        "mirror_acknowledgements",
        Kind::Flag,
        "false",
        "",
        "Keep a silence of 15 minutes for each acknowledged alarm, prolonged while it stays acknowledged.",
    ),
    key("interval", Kind::Interval, "\"15s\"", "", "Time between two polls, 1s to 1h."),
    key(
        "repeat",
        Kind::Interval,
        "\"1m\"",
        "",
        "Time after which an alarm that stands is posted again; an alert outlives its last post by three of these.",
    ),
    key(
        "labels",
        Kind::Texts,
        "[\"asset\", \"hallwatch_asset\", \"instance\", \"node\", \"hostname\", \"rack\", \"row\", \"hall\"]",
        "",
        "Labels that may name the place of an alert: an asset or a host. The deepest place that exists counts.",
    ),
    key(
        "severities",
        Kind::Texts,
        "[\"critical=P1\", \"high=P2\", \"error=P2\", \"warning=P3\", \"info=P4\", \"none=P4\"]",
        "",
        "Priorities of the values of the label `severity`; any other is P3.",
    ),
    key(
        "token_file",
        Kind::Path,
        "",
        "",
        "A file with a bearer token; it may change while the console runs.",
    ),
    key(
        "simulated",
        Kind::Flag,
        "false",
        "",
        "Post and silence for a simulated site, too: for drills that shall reach the people on call.",
    ),
];
