//! Nodes around the GPUs, by node_exporter: the few values that the console shows.
//!
//! The samples of one scrape come in several requests, in any order, and some of them twice. They are
//! put together by their time, and told when those of the next scrape come or after some seconds.

use std::collections::HashMap;
use std::sync::Arc;

use super::who;
use super::wire::Point;
use crate::model::Timestamp;
use crate::model::batch::{HostFacts, HostReading, NodeReading};
use crate::model::text;
use crate::source::scrape::exposition::Label;
use crate::source::scrape::families::{Family, Field};
use crate::source::scrape::node::NodePage;

/// Most nodes.
const MAX_NODES: usize = 65_536;
/// Most series of one node that are put together.
const MAX_SERIES: usize = 4096;
/// The samples of one scrape have come after this time, ms.
const WHOLE_MS: i64 = 5_000;
/// What is older when it is whole says nothing about now, ms.
const OLD_MS: i64 = 60_000;
/// A node that says nothing for so long is forgotten, ms.
const FORGET_MS: i64 = 3_600_000;
/// Labels that tell the series of one node apart.
const OF_SERIES: [&str; 4] = ["cpu", "mode", "device", "port"];

/// Seconds in which CPUs did nothing, or waited for a disk.
#[derive(Clone, Copy, Debug)]
struct Idle {
    time: i64,
    seconds: f64,
    cpus: u32,
    series: u32,
}

impl Idle {
    /// Busy share since `earlier`, %; NaN where the same series were not there both times, or a counter
    /// ran backwards. By the clock, so that six of the eight modes need not be looked at.
    fn busy_since(&self, earlier: Option<Self>) -> f32 {
        let Some(earlier) = earlier else { return f32::NAN };
        let (same, idle) = (
            (self.cpus, self.series) == (earlier.cpus, earlier.series) && self.cpus > 0,
            self.seconds - earlier.seconds,
        );
        let time = (self.time - earlier.time) as f64 / 1000.0 * f64::from(self.cpus);
        if !same || idle < 0.0 || time <= 0.0 {
            return f32::NAN;
        }
        (100.0 * (1.0 - idle / time)).clamp(0.0, 100.0) as f32
    }
}

/// One node.
#[derive(Debug)]
struct Node {
    facts: Arc<HostFacts>,
    /// The time of the samples that are being put together, and when the first of them came, ms.
    time: i64,
    came: i64,
    /// Marks of the series that are in already, in order: hundreds a node, of thousands of nodes.
    seen: Vec<u32>,
    page: NodePage,
    idle: Idle,
    earlier: Option<Idle>,
    is_open: bool,
    /// What is to be told next; of several the newest.
    ready: Option<NodeReading>,
}

impl Node {
    fn new(labels: &[Label<'_>], instance: &[u8]) -> Self {
        let host = text::clean(&String::from_utf8_lossy(instance));
        let mut labels = who::host_labels(labels, "");
        labels.retain(|(name, _)| !OF_SERIES.contains(&name.as_str()));
        Self {
            facts: Arc::new(HostFacts { host, labels }),
            time: i64::MIN,
            came: 0,
            seen: Vec::new(),
            page: NodePage::default(),
            idle: Idle { time: 0, seconds: 0.0, cpus: 0, series: 0 },
            earlier: None,
            is_open: false,
            ready: None,
        }
    }

    fn begin(&mut self, time: i64, now: i64) {
        self.close(now);
        (self.time, self.came, self.is_open) = (time, now, true);
        self.seen.clear();
        self.page = NodePage::default();
        self.idle = Idle { time, seconds: 0.0, cpus: 0, series: 0 };
    }

    /// The samples of its moment have come.
    fn close(&mut self, now: i64) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let cpu = self.idle.busy_since(self.earlier);
        self.earlier = Some(self.idle);
        if now - self.time <= OLD_MS {
            self.ready = Some(NodeReading { cpu, ..self.page.reading(None) });
        }
    }
}

/// All nodes, by the address that was scraped.
#[derive(Debug, Default)]
pub struct Nodes(HashMap<Box<[u8]>, Node>);

impl Nodes {
    /// True for series that [`Self::take`] has a use for.
    #[must_use]
    pub fn wants(family: &Family, labels: &[Label<'_>]) -> bool {
        family.field != Field::CpuSeconds || matches!(value(labels, b"mode"), b"idle" | b"iowait")
    }

    /// Takes a sample of a series with the mark `mark`. False when it comes too late, or there is no
    /// room for its node.
    pub fn take(
        &mut self,
        (family, labels): (&Family, &[Label<'_>]),
        mark: u32,
        point: Point,
        now: Timestamp,
    ) -> bool {
        let instance = value(labels, b"instance");
        if instance.is_empty() || (self.0.len() >= MAX_NODES && !self.0.contains_key(instance)) {
            return false;
        }
        if !self.0.contains_key(instance) {
            self.0.insert(instance.into(), Node::new(labels, instance));
        }
        let Some(node) = self.0.get_mut(instance) else { return false };
        if point.time > node.time {
            node.begin(point.time, now.millis());
        }
        if point.time < node.time || !node.is_open || node.seen.len() >= MAX_SERIES {
            return false;
        }
        match node.seen.binary_search(&mark) {
            // A sender that did not hear the answer sends again.
            Ok(_) => return true,
            Err(at) => node.seen.insert(at, mark),
        }
        if family.field == Field::CpuSeconds {
            let Some(seconds) = family.convert(point.value) else { return true };
            node.idle.seconds += seconds;
            node.idle.series += 1;
            node.idle.cpus += u32::from(value(labels, b"mode") == b"idle");
        } else {
            node.page.add(family, b"", point.value);
        }
        true
    }

    /// What is whole since the last call.
    pub fn deliver(&mut self, now: Timestamp) -> Vec<HostReading> {
        let now = now.millis();
        self.0.retain(|_, n| now - n.came < FORGET_MS);
        let mut out = Vec::new();
        for node in self.0.values_mut() {
            if node.is_open && now - node.came >= WHOLE_MS {
                node.close(now);
            }
            let facts = &node.facts;
            out.extend(node.ready.take().map(|node| HostReading {
                facts: Arc::clone(facts),
                gpus: Vec::new(),
                node,
            }));
        }
        out
    }
}

fn value<'a>(labels: &[Label<'a>], name: &[u8]) -> &'a [u8] {
    labels.iter().find(|l| l.name == name).map_or(b"", |l| l.raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scrape::families;

    const NOW: i64 = 1_800_000_000_000;

    /// Pushes one sample at `time`, at `now` (both ms after a moment).
    fn push(nodes: &mut Nodes, family: &str, more: &[(&str, &str)], sample: (f64, i64), now: i64) -> bool {
        let all = [&[("instance", "n1:9100"), ("hall", "H1")], more].concat();
        let labels: Vec<_> =
            all.iter().map(|(n, v)| Label { name: n.as_bytes(), raw: v.as_bytes() }).collect();
        let family = families::lookup(family.as_bytes()).expect("it is known").get();
        let text = format!("{}{all:?}", family.name);
        let mark = text.bytes().fold(7_u32, |a, b| a.wrapping_mul(31) ^ u32::from(b));
        let point = Point { value: sample.0, time: NOW + sample.1 };
        Nodes::wants(family, &labels) && nodes.take((family, &labels), mark, point, Timestamp(NOW + now))
    }

    fn cpus(nodes: &mut Nodes, idle: f64, time: i64) {
        for (cpu, mode, seconds) in
            [("0", "idle", idle), ("1", "idle", idle), ("0", "iowait", 1.0), ("1", "iowait", 1.0)]
        {
            let labels = [("cpu", cpu), ("mode", mode)];
            assert!(push(nodes, "node_cpu_seconds_total", &labels, (seconds, time), time));
        }
        assert!(!push(nodes, "node_cpu_seconds_total", &[("mode", "user")], (9.0, time), time));
    }

    fn deliver(nodes: &mut Nodes, now: i64) -> Vec<HostReading> {
        nodes.deliver(Timestamp(NOW + now))
    }

    #[test]
    fn samples_of_one_scrape_make_one_reading() {
        let mut nodes = Nodes::default();
        cpus(&mut nodes, 100.0, 0);
        push(&mut nodes, "node_load1", &[], (0.5, 0), 10);
        push(&mut nodes, "node_infiniband_state_id", &[("device", "a")], (4.0, 0), 20);
        push(&mut nodes, "node_infiniband_state_id", &[("device", "b")], (1.0, 0), 20);
        // Sent a second time: it counts once.
        push(&mut nodes, "node_infiniband_state_id", &[("device", "a")], (4.0, 0), 30);
        assert_eq!(deliver(&mut nodes, 100), [], "more may come");
        let first = deliver(&mut nodes, WHOLE_MS);
        let [reading] = first.as_slice() else { panic!("{first:?}") };
        assert_eq!((reading.facts.host.as_str(), reading.facts.label("hall")), ("n1:9100", Some("H1")));
        assert_eq!((reading.facts.label("device"), reading.gpus.len()), (None, 0));
        assert_eq!((reading.node.load1, reading.node.ib_ports), (0.5, (1, 2)));
        assert!(reading.node.cpu.is_nan(), "a share needs two scrapes");
        assert!(!push(&mut nodes, "node_load1", &[], (0.7, 0), 6_000), "told already");
        // 15 s later, of which the CPUs did nothing for 12.
        cpus(&mut nodes, 112.0, 15_000);
        let second = deliver(&mut nodes, 15_000 + WHOLE_MS);
        assert!((second[0].node.cpu - 20.0).abs() < 1e-3, "{:?}", second[0].node);
        assert_eq!(deliver(&mut nodes, 30_000), []);
    }

    #[test]
    fn the_next_scrape_ends_the_one_before_and_what_is_old_is_not_told() {
        let mut nodes = Nodes::default();
        push(&mut nodes, "node_load1", &[], (1.0, 0), 0);
        push(&mut nodes, "node_load1", &[], (2.0, 1_000), 100);
        assert_eq!(deliver(&mut nodes, 200)[0].node.load1, 1.0);
        assert!(!push(&mut nodes, "node_load1", &[], (1.5, 500), 300));
        let mut nodes = Nodes::default();
        push(&mut nodes, "node_load1", &[], (1.0, -120_000), 0);
        assert_eq!(deliver(&mut nodes, WHOLE_MS), []);
    }

    #[test]
    fn a_share_is_told_only_of_the_same_cpus() {
        let mut nodes = Nodes::default();
        cpus(&mut nodes, 100.0, 0);
        let labels = [("cpu", "0"), ("mode", "idle")];
        push(&mut nodes, "node_cpu_seconds_total", &labels, (112.0, 15_000), 15_000);
        deliver(&mut nodes, 15_000);
        let half = deliver(&mut nodes, 15_000 + WHOLE_MS);
        assert!(half[0].node.cpu.is_nan(), "the rest of the scrape was lost: {half:?}");
    }

    #[test]
    fn a_node_that_says_nothing_is_forgotten() {
        let mut nodes = Nodes::default();
        push(&mut nodes, "node_load1", &[], (1.0, 0), 0);
        deliver(&mut nodes, WHOLE_MS);
        assert_eq!(nodes.0.len(), 1);
        deliver(&mut nodes, FORGET_MS);
        assert!(nodes.0.is_empty());
    }
}
