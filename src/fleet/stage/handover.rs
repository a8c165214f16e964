//! Jobs that begin, end or change their size, as the labels of GPUs say. Exporters tell it node by node
//! over an interval: what belongs together is gathered until a job has been quiet for a while.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fleet::stage::Stage;
use crate::model::batch::GpuFacts;
use crate::model::{GpuId, Metric, Timestamp};

/// A job of which nothing more is heard for this long is told, ms: longer than an interval.
const QUIET_MS: i64 = 20_000;
/// A job that does not come to rest is told after this time, ms.
const LONGEST_MS: i64 = 120_000;
/// Most jobs that are gathered at once; labels may be anything.
const MOST: usize = 4096;

/// Most events of one moment; what is more is told as a number.
const TOLD: usize = 50;

/// Name and tenant of a job.
type Name = (Arc<str>, Arc<str>);

/// What has been seen of all jobs and was not told yet.
#[derive(Debug, Default)]
pub(super) struct Handover {
    jobs: BTreeMap<Name, Change>,
    /// GPUs of jobs beyond [`MOST`].
    more: usize,
}

/// What has been seen of one job.
#[derive(Debug, Default)]
struct Change {
    /// Each GPU that changed hands: true where the job got it.
    gpus: BTreeMap<GpuId, bool>,
    /// When it was first and last heard of; `None` before the next commit.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Handover {
    /// The labels of `gpu` say something else than before.
    pub fn note(&mut self, gpu: GpuId, old: &GpuFacts, new: &GpuFacts) {
        for (facts, came) in [(old, false), (new, true)] {
            if facts.job.is_empty() {
                continue;
            }
            let name = (facts.job.clone(), facts.tenant.clone());
            if self.jobs.len() >= MOST && !self.jobs.contains_key(&name) {
                self.more += 1;
                continue;
            }
            let change = self.jobs.entry(name).or_default();
            change.last = None;
            // What comes back is as before.
            if change.gpus.remove(&gpu).is_none() {
                change.gpus.insert(gpu, came);
            }
        }
    }

    /// The jobs that have come to rest, with the time of their first change.
    fn settled(&mut self, now: Timestamp) -> Vec<(Timestamp, Name, Change)> {
        let mut out = Vec::new();
        for (name, change) in &mut self.jobs {
            let (first, last) = (*change.first.get_or_insert(now), *change.last.get_or_insert(now));
            let since = |then: Timestamp| now.millis() - then.millis();
            if since(last) >= QUIET_MS || since(first) >= LONGEST_MS {
                out.push((first, name.clone(), std::mem::take(change)));
            }
        }
        for (_, name, _) in &out {
            self.jobs.remove(name);
        }
        out
    }
}

impl Stage {
    /// Tells the jobs that have come to rest: the first [`TOLD`] one by one, the others as a number.
    pub(super) fn tell_handovers(&mut self, now: Timestamp) {
        let settled = self.handover.settled(now);
        if !settled.is_empty() {
            let holds = self.gpus_by_job();
            let told = |(time, name, change)| Some((time, self.in_words(&name, &change, &holds)?));
            let mut told: Vec<(Timestamp, String)> = settled.into_iter().filter_map(told).collect();
            let more = told.split_off(told.len().min(TOLD)).len();
            told.into_iter().for_each(|(time, text)| self.works.tell(time, vec![text]));
            if more > 0 {
                self.works.tell(now, vec![format!("{more} more jobs changed, by their labels")]);
            }
        }
        if self.handover.jobs.is_empty() && self.handover.more > 0 {
            let more = std::mem::take(&mut self.handover.more);
            self.works
                .tell(now, vec![format!("labels of more than {MOST} jobs changed, on {more} GPUs more")]);
        }
    }

    /// How many GPUs each slot of the job table has now.
    fn gpus_by_job(&self) -> Vec<usize> {
        let column = &self.columns[Metric::Job.index()];
        let mut out = Vec::new();
        for slot in (0..column.len()).map(|gpu| usize::from(column.raw(gpu))) {
            if out.len() <= slot {
                out.resize(slot + 1, 0);
            }
            out[slot] += 1;
        }
        out
    }

    fn in_words(&self, (job, tenant): &Name, change: &Change, holds: &[usize]) -> Option<String> {
        let slot = self.names.find(job, tenant);
        let holds = slot.and_then(|s| holds.get(usize::from(s)).copied()).unwrap_or(0);
        let of = |came: bool| change.gpus.iter().filter(move |(_, c)| **c == came).map(|(gpu, _)| *gpu);
        let (came, left) = (of(true).count(), of(false).count());
        let what = match (came, left) {
            (0, 0) => return None,
            (0, _) if holds == 0 => format!("ended on {left} GPUs {}", self.stretch(of(false))),
            (_, 0) if holds <= came => format!("began on {came} GPUs {}", self.stretch(of(true))),
            (_, 0) => format!("grew by {came} to {holds} GPUs"),
            (0, _) => format!("shrank by {left} to {holds} GPUs"),
            _ => format!("moved: {came} GPUs came, {left} left, {holds} now"),
        };
        let of_tenant = if tenant.is_empty() { String::new() } else { format!(" ({tenant})") };
        Some(format!("job {job}{of_tenant} {what}"))
    }

    /// The hosts of `gpus`, which are in order: `of a-01`, `from a-01 to a-18`.
    fn stretch(&self, gpus: impl Iterator<Item = GpuId>) -> String {
        let host = |gpu: GpuId| self.topology.tray(self.topology.tray_of(gpu)).host.as_str();
        let mut hosts = gpus.map(host);
        let first = hosts.next().unwrap_or_default();
        match hosts.last().filter(|last| *last != first) {
            Some(last) => format!("from {first} to {last}"),
            None => format!("of {first}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::{GpuReading, HostFacts, HostReading, NodeReading};
    use crate::model::topology::place::Placer;
    use crate::model::{Batch, Topology};
    use std::sync::Arc;

    fn stage() -> Stage {
        Stage::new(Arc::new(Topology::default_site()), Placer::default())
    }

    /// Tray `tray` says at `second` that its four GPUs work for `job`.
    fn says(stage: &mut Stage, second: i64, tray: usize, job: &str) {
        let gpu = |index| {
            let facts = GpuFacts {
                uuid: format!("GPU-{tray}-{index}"),
                job: job.into(),
                tenant: "t".into(),
                ..GpuFacts::default()
            };
            let mut gpu = GpuReading { facts: Some(Arc::new(facts)), ..GpuReading::new(index) };
            gpu.set(Metric::Temp, 50.0);
            gpu
        };
        let host = stage.topology.trays()[tray].host.clone();
        let facts = Arc::new(HostFacts { host, labels: Vec::new() });
        let reading = HostReading { facts, gpus: (0..4).map(gpu).collect(), node: NodeReading::default() };
        stage.apply(&Batch { hosts: vec![reading], ..Batch::new(0, Timestamp::from_secs(second)) }, 5000);
        stage.commit(Timestamp::from_secs(second));
    }

    fn told(stage: &mut Stage, second: i64) -> Vec<(i64, String)> {
        stage.commit(Timestamp::from_secs(second));
        let events = stage.happenings();
        events.iter().map(|h| (h.time.millis() / 1000, h.text.to_string())).collect()
    }

    #[test]
    fn a_job_that_comes_node_by_node_is_one_event() {
        let mut s = stage();
        let host = |s: &Stage, tray: usize| s.topology.trays()[tray].host.clone();
        (0..3).for_each(|tray| says(&mut s, 0, tray, ""));
        assert!(told(&mut s, 30).is_empty(), "what is seen first is no news");
        (0..3).for_each(|tray| says(&mut s, 31 + tray as i64, tray, "llm"));
        assert!(told(&mut s, 50).is_empty(), "it may not be all");
        let began = format!("job llm (t) began on 12 GPUs from {} to {}", host(&s, 0), host(&s, 2));
        assert_eq!(told(&mut s, 54), [(31, began.clone())]);
        says(&mut s, 60, 1, "");
        assert_eq!(told(&mut s, 81)[1], (60, "job llm (t) shrank by 4 to 8 GPUs".to_owned()));
        says(&mut s, 90, 0, "");
        says(&mut s, 91, 2, "");
        let ended = began.replace("began on 12", "ended on 8");
        assert_eq!(told(&mut s, 112)[2], (90, ended));
    }

    #[test]
    fn a_job_that_takes_the_place_of_another_is_two_events() {
        let mut s = stage();
        says(&mut s, 0, 0, "a");
        says(&mut s, 0, 1, "a");
        says(&mut s, 10, 1, "b");
        let host = s.topology.trays()[1].host.clone();
        let want =
            ["job a (t) shrank by 4 to 4 GPUs".to_owned(), format!("job b (t) began on 4 GPUs of {host}")];
        assert_eq!(told(&mut s, 31).into_iter().map(|(_, text)| text).collect::<Vec<_>>(), want);
    }

    #[test]
    fn what_comes_back_is_no_event() {
        let mut s = stage();
        says(&mut s, 0, 0, "a");
        says(&mut s, 5, 0, "");
        says(&mut s, 10, 0, "a");
        assert!(told(&mut s, 60).is_empty());
    }

    #[test]
    fn a_job_that_never_rests_is_told_all_the_same() {
        let mut s = stage();
        (0..15).for_each(|tray| says(&mut s, 0, tray, ""));
        for tray in 0..15 {
            says(&mut s, 10 + 10 * tray as i64, tray, "a");
        }
        let events = told(&mut s, 151);
        assert!(events[0].1.starts_with("job a (t) began on 5"), "{events:?}");
    }

    #[test]
    fn many_jobs_at_once_are_a_few_events_and_a_number() {
        let mut s = stage();
        (0..60).for_each(|tray| says(&mut s, 0, tray, ""));
        (0..60).for_each(|tray| says(&mut s, 10, tray, &format!("j{tray}")));
        let events = told(&mut s, 40);
        assert_eq!(events.len(), TOLD + 1);
        assert_eq!(events[TOLD], (40, "10 more jobs changed, by their labels".to_owned()));
    }

    #[test]
    fn jobs_without_number_are_bounded() {
        let mut handover = Handover::default();
        let facts = |job: String| GpuFacts { job: job.into(), ..GpuFacts::default() };
        for i in 0..2 * MOST {
            handover.note(GpuId(0), &GpuFacts::default(), &facts(format!("j{i}")));
        }
        assert_eq!((handover.jobs.len(), handover.more), (MOST, MOST));
    }
}
