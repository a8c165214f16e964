//! A timeline: what happens in which second, and the transitions that must follow.

use hallwatch::alarm::read;
use hallwatch::model::alarm::{AlarmId, Operation, Transition, Verb};
use hallwatch::model::batch::JobState;
use hallwatch::model::{Asset, Quantity};
use serde::Deserialize;

use crate::site::Site;

/// See the module.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// What it shows.
    #[allow(dead_code, reason = "for the reader of the file")]
    doc: String,
    /// Seconds.
    length: i64,
    /// Rules of the site.
    #[serde(default)]
    rules: String,
    #[serde(default)]
    set: Vec<Set>,
    #[serde(default)]
    silence: Vec<Silence>,
    #[serde(default)]
    operate: Vec<Operate>,
    #[serde(default)]
    job: Vec<Job>,
    /// One line per transition: second, rule, place, what happened, state before and after.
    expect: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    at: i64,
    on: String,
    value: String,
    to: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Silence {
    at: i64,
    until: i64,
    on: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    at: i64,
    state: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operate {
    at: i64,
    #[serde(rename = "do")]
    verb: String,
    on: Vec<String>,
    #[serde(default)]
    seconds: i64,
    /// Number of the operation to undo, counted from 1.
    #[serde(default)]
    undo: u64,
}

impl Timeline {
    /// The lines of the file.
    pub fn expected(&self) -> Vec<String> {
        self.expect.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect()
    }

    /// Plays it.
    pub fn play(&self) -> Vec<String> {
        let rules = read::read(&[("site.toml", &self.rules)]).unwrap_or_else(|e| panic!("{e}"));
        let mut site = Site::new(Some(rules));
        let mut lines = Vec::new();
        for second in 0..self.length {
            self.change(&mut site, second);
            let told = site.tick().transitions;
            lines.extend(told.iter().map(|t| line(second, t)));
            for (number, operation) in self.operate.iter().enumerate().filter(|(_, o)| o.at == second) {
                let operation = operation.make(&site, number as u64 + 1);
                lines.extend(site.operate(operation).transitions.iter().map(|t| line(second, t)));
            }
        }
        lines
    }

    fn change(&self, site: &mut Site, second: i64) {
        let find = |site: &Site, name: &str| match name {
            "site" => Asset::Site,
            name => site.topology.find(name).unwrap_or_else(|e| panic!("{e}")),
        };
        for set in self.set.iter().filter(|s| s.at == second) {
            let quantity = Quantity::parse(&set.value).unwrap_or_else(|e| panic!("{e}"));
            let asset = find(site, &set.on);
            site.set(quantity, asset, set.to);
        }
        for silence in &self.silence {
            if silence.at == second || silence.until == second {
                let asset = find(site, &silence.on);
                site.silence(asset, silence.at == second);
            }
        }
        for job in self.job.iter().filter(|j| j.at == second) {
            site.job(match job.state.as_str() {
                "running" => JobState::Running,
                "stalled" => JobState::Stalled,
                other => panic!("no state {other}"),
            });
        }
    }
}

impl Operate {
    fn make(&self, site: &Site, number: u64) -> Operation {
        let time = hallwatch::model::Timestamp(site.time().0 - 1000);
        let verb = match self.verb.as_str() {
            "acknowledge" => Verb::Acknowledge,
            "shelve" => Verb::Shelve { until: time.plus_millis(self.seconds * 1000), one_shot: false },
            "shelve-once" => Verb::Shelve { until: time.plus_millis(self.seconds * 1000), one_shot: true },
            "unshelve" => Verb::Unshelve,
            "reset" => Verb::Reset,
            "oos" => Verb::RemoveFromService,
            "service" => Verb::ReturnToService,
            "undo" => Verb::Undo(self.undo),
            other => panic!("no verb {other}"),
        };
        let board = site.board();
        let id = |name: &String| {
            let (rule, place) = name.split_once('@').expect("RULE@PLACE");
            let found = board.alarms.iter().find(|a| *a.rule == *rule && *a.place == *place);
            found.map_or(AlarmId(0), |a| a.id)
        };
        let alarms = self.on.iter().map(id).collect();
        Operation { number, time, operator: "kari".into(), verb, alarms, comment: "test".into() }
    }
}

fn line(second: i64, t: &Transition) -> String {
    let (from, to) = (t.from.letter(), t.to.letter());
    format!("{second} {} {} {} {from}{to}", t.rule, t.place, t.input.name())
}
