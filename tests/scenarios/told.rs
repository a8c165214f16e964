//! What a scenario must raise, held against what was annunciated.

use hallwatch::model::alarm::{AlarmState, Transition};
use hallwatch::model::{Asset, Topology};
use hallwatch::source::sim::scenario::Timeline;
use hallwatch::source::sim::scenario::resolve::ExpectedAlarm;

/// An annunciation and the second of the run in which it came.
pub type Told = (u64, Transition);

/// The annunciations among `transitions`.
pub fn annunciations(second: u64, transitions: Vec<Transition>) -> impl Iterator<Item = Told> {
    let news = |t: &Transition| t.to == AlarmState::Unacknowledged && t.from != t.to;
    transitions.into_iter().filter(news).map(move |t| (second, t))
}

/// What is wrong: alarms that the table does not name at that place and time, and those it names
/// that did not come. What was told before the incident is not its doing.
pub fn wrong(site: &Topology, timeline: &Timeline, told: &[Told]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = vec![0; timeline.raises.len()];
    for (second, t) in told {
        let after = *second as i64 - timeline.start as i64;
        println!("  {after:5} s: P{} {} {} ({})", t.priority, t.rule, t.place, t.text);
        if after < 0 {
            continue;
        }
        let fits = |e: &ExpectedAlarm| {
            *t.rule == *e.rule.slug
                && lies_at(site, &t.place, e)
                && (e.from..=e.until).contains(&(after as u64))
        };
        match timeline.raises.iter().position(fits) {
            Some(i) => seen[i] += 1,
            None => wrong.push(format!("{} {} at {after} s is not in the table", t.rule, t.place)),
        }
    }
    for (e, _) in timeline.raises.iter().zip(&seen).filter(|(_, n)| **n == 0) {
        wrong.push(format!("{} between {} and {} s is missing", e.rule.slug, e.from, e.until));
    }
    wrong
}

/// True when `place` is one of the expected assets or lies in one.
fn lies_at(site: &Topology, place: &str, expected: &ExpectedAlarm) -> bool {
    let Ok(mut at) = site.find(place) else {
        // Jobs are no places: the rule alone tells.
        return expected.rule.slug == "job-stall";
    };
    loop {
        if expected.assets.contains(&at) {
            return true;
        }
        if at == Asset::Site {
            return false;
        }
        at = site.parent(at);
    }
}
