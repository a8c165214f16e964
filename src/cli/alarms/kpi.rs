//! `alarms kpi`: the figures of the alarm system by ISA-18.2, from the history of the last day.

use serde_json::{Value, json};

use crate::alarm::kpi::Tally;
use crate::cli::CliError;
use crate::cli::alarms::{Scene, json as form};
use crate::journal::{Event, HistoryFilter};
use crate::model::alarm::{Kpi, Transition};

/// How far back the figures look, ms.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Writes the figures.
///
/// # Errors
/// There is no journal, or it cannot be read.
pub fn run(mut scene: Scene<'_>) -> Result<(), CliError> {
    let journal = scene.journal()?;
    let since = Some(scene.now.plus_millis(-DAY_MS));
    let mut rows = journal.history(&HistoryFilter { since, ..HistoryFilter::default() })?;
    rows.reverse();
    let transitions: Vec<Transition> = rows
        .into_iter()
        .filter_map(|r| match r.event {
            Event::Transition(t) => Some(t),
            Event::Operation(_) => None,
        })
        .collect();
    let standing = journal.standing()?;
    let kpi = Tally::of_history(&transitions, scene.now, standing.iter());
    if scene.json {
        return scene.print(&object(&kpi));
    }
    Ok(scene.out.write_all(page(&kpi).as_bytes())?)
}

fn object(k: &Kpi) -> Value {
    let top = k.top.iter().map(
        |(id, rule, place, n)| json!({"id": id.0, "rule": form::safe(rule), "place": form::safe(place), "count": n}),
    );
    json!({
        "per_10_min": k.per_10_min,
        "per_hour": k.per_hour,
        "per_day": k.per_day,
        "peak_10_min": k.peak_10_min,
        "busy_share": rounded(k.busy_share),
        "flood": k.flood,
        "flood_share": rounded(k.flood_share),
        "standing": k.standing,
        "stale": k.stale,
        "chattering": k.chattering,
        "mean_ack_s": k.mean_ack_s.map(rounded),
        "mix": k.mix,
        "top": top.collect::<Vec<_>>(),
        "bins": k.bins,
        "watched_s": k.watched_ms / 1000,
    })
}

/// Three decimals.
fn rounded(x: f32) -> f64 {
    (f64::from(x) * 1000.0).round() / 1000.0
}

fn page(k: &Kpi) -> String {
    let percent = |x: f32| format!("{:.1} %", x * 100.0);
    let flood = if k.flood { ", one is on now" } else { "" };
    let ack = k.mean_ack_s.map_or_else(|| String::from("–"), |s| format!("{s:.0} s"));
    let lines = [
        ("last 10 minutes", k.per_10_min.to_string()),
        ("last hour", k.per_hour.to_string()),
        ("last 24 hours", k.per_day.to_string()),
        ("most in 10 minutes", k.peak_10_min.to_string()),
        ("10 minutes with more than 10", percent(k.busy_share)),
        ("time in floods", format!("{}{flood}", percent(k.flood_share))),
        ("standing", k.standing.to_string()),
        ("standing for a day", k.stale.to_string()),
        ("chattering", k.chattering.to_string()),
        ("mean time to acknowledge", ack),
        ("P1 P2 P3 P4", k.mix.map(|n| n.to_string()).join(" ")),
        ("history of", format!("{} min", k.watched_ms / 60_000)),
    ];
    let mut out = String::new();
    for (name, value) in lines {
        out += &format!("{name:<30}{value}\n");
    }
    if !k.top.is_empty() {
        out += "most frequent\n";
    }
    for (id, rule, place, n) in &k.top {
        out += &format!("  {n:>5}  {id}  {}@{}\n", form::safe(rule), form::safe(place));
    }
    out
}
