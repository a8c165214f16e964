//! From pushed series to readings.

use super::super::wire::STALE;
use super::*;
use crate::model::Metric;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

struct Push {
    intake: Intake,
    tally: Tally,
}

impl Push {
    fn new() -> Self {
        Self { intake: Intake::new(1000, None), tally: Tally::default() }
    }

    fn series(&mut self, labels: &[(&str, &str)], seconds: i64, value: f64) {
        let labels: Vec<_> =
            labels.iter().map(|(n, v)| Label { name: n.as_bytes(), raw: v.as_bytes() }).collect();
        let point = Point { time: NOW.millis() + 1000 * seconds, value };
        self.intake.take(&labels, &[point], NOW.plus_millis(1000 * seconds), &mut self.tally);
    }

    /// A series of GPU `gpu` of host n1.
    fn gpu(&mut self, name: &str, gpu: &str, seconds: i64, value: f64) {
        self.series(&[("__name__", name), ("instance", "n1:9400"), ("gpu", gpu)], seconds, value);
    }

    /// Metric, position and value of everything since the last call.
    fn delivered(&mut self) -> Vec<(Metric, u16, f32)> {
        let Some(batch) = self.intake.deliver(3, NOW) else { return Vec::new() };
        assert_eq!(batch.source, 3);
        let of = |s: &SeriesReading| {
            let index = |m: u32| s.roster.members[m as usize].index;
            s.values.iter().map(|v| (s.metric, index(v.member), v.value)).collect::<Vec<_>>()
        };
        batch.series.iter().flat_map(of).collect()
    }

    fn facts(&self, member: usize) -> (String, String, u32) {
        let facts = &self.intake.directory.roster().members[member].facts;
        (facts.job.to_string(), facts.tenant.to_string(), facts.memory_mib)
    }
}

#[test]
fn wanted_series_become_values_of_gpus() {
    let mut push = Push::new();
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "1", 0, 61.0);
    push.gpu("DCGM_FI_DEV_SM_CLOCK_HERTZ", "1", 0, 1.98e9);
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", 0, 55.0);
    push.gpu("go_goroutines", "0", 0, 9.0);
    let expected = [(Metric::Temp, 1, 61.0), (Metric::Temp, 0, 55.0), (Metric::SmClock, 1, 1980.0)];
    let mut got = push.delivered();
    got.sort_by_key(|(m, ..)| *m as usize);
    let mut want = expected.to_vec();
    want.sort_by_key(|(m, ..)| *m as usize);
    assert_eq!(got, want);
    assert_eq!((push.tally.wanted, push.tally.other), (3, 1));
    assert!(push.delivered().is_empty());
}

#[test]
fn times_are_those_of_the_samples() {
    let mut push = Push::new();
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", -300, 50.0);
    let batch = push.intake.deliver(0, NOW).expect("a value");
    assert_eq!(batch.series[0].values[0].time, NOW.plus_millis(-300_000));
    assert_eq!(batch.series[0].interval_ms, 15_000);
}

#[test]
fn a_stale_marker_ends_a_value() {
    let mut push = Push::new();
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", 0, 50.0);
    push.delivered();
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", 15, f64::from_bits(STALE));
    let got = push.delivered();
    assert!(got.len() == 1 && got[0].2.is_nan(), "{got:?}");
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", 30, 51.0);
    assert_eq!(push.delivered(), [(Metric::Temp, 0, 51.0)]);
}

#[test]
fn a_value_that_turns_blank_goes() {
    let mut push = Push::new();
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", 0, 50.0);
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", 15, 2_147_483_632.0);
    assert!(push.delivered().last().is_some_and(|(.., v)| v.is_nan()));
}

#[test]
fn old_samples_and_those_ahead_of_the_clock_are_left_out() {
    let mut push = Push::new();
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", 0, 50.0);
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", -1, 40.0);
    let ahead = Point { time: NOW.millis() + AHEAD_MS + 1, value: 99.0 };
    let labels = [("__name__", "DCGM_FI_DEV_GPU_TEMP"), ("instance", "n1:9400"), ("gpu", "0")];
    let labels: Vec<_> =
        labels.iter().map(|(n, v)| Label { name: n.as_bytes(), raw: v.as_bytes() }).collect();
    push.intake.take(&labels, &[ahead], NOW, &mut push.tally);
    assert_eq!(push.delivered(), [(Metric::Temp, 0, 50.0)]);
    assert_eq!((push.tally.old, push.tally.ahead), (1, 1));
}

#[test]
fn of_many_samples_of_a_series_the_newest_counts() {
    let mut push = Push::new();
    let labels = [("__name__", "DCGM_FI_DEV_GPU_TEMP"), ("instance", "n1:9400"), ("gpu", "0")];
    let labels: Vec<_> =
        labels.iter().map(|(n, v)| Label { name: n.as_bytes(), raw: v.as_bytes() }).collect();
    let at = |s: i64, value| Point { time: NOW.millis() + 1000 * s, value };
    push.intake.take(&labels, &[at(-5, 1.0), at(0, 3.0), at(-2, 2.0)], NOW, &mut push.tally);
    assert_eq!(push.delivered(), [(Metric::Temp, 0, 3.0)]);
    assert_eq!(push.tally.wanted, 3);
}

#[test]
fn a_known_series_costs_no_new_entry() {
    let mut push = Push::new();
    for t in 0..10 {
        push.gpu("DCGM_FI_DEV_GPU_TEMP", "0", t, 50.0);
    }
    assert_eq!((push.intake.series(), push.intake.gpus()), (1, 1));
}

#[test]
fn series_beyond_the_limit_are_counted_until_old_ones_are_forgotten() {
    let mut push = Push { intake: Intake::new(2, None), tally: Tally::default() };
    for gpu in ["0", "1", "2"] {
        push.gpu("DCGM_FI_DEV_GPU_TEMP", gpu, 0, 50.0);
    }
    assert_eq!((push.intake.series(), push.tally.no_room), (2, 1));
    push.gpu("DCGM_FI_DEV_GPU_TEMP", "2", i64::from(FORGET_S) + 1, 50.0);
    assert_eq!((push.intake.series(), push.tally.no_room), (1, 1));
}

#[test]
fn pods_behind_a_prometheus_are_told_from_the_exporters_own() {
    let mut push = Push::new();
    let idle = [
        ("__name__", "DCGM_FI_DEV_GPU_UTIL"),
        ("instance", "n1:9400"),
        ("gpu", "1"),
        ("job", "dcgm"),
        ("pod", "dcgm-exporter-x7"),
        ("namespace", "gpu-operator"),
    ];
    push.series(&idle, 0, 0.0);
    assert_eq!(push.facts(0).0, "dcgm-exporter-x7", "nothing tells it apart yet");
    let mut busy = idle;
    busy[2].1 = "0";
    let mut busy = busy.to_vec();
    busy.extend([("exported_pod", "train-0"), ("exported_namespace", "team-a")]);
    push.series(&busy, 0, 90.0);
    for t in [15, 60, 90] {
        push.series(&idle, t, 0.0);
        push.series(&busy, t, 90.0);
    }
    assert_eq!(push.facts(0), (String::new(), String::new(), 0));
    assert_eq!(push.facts(1), ("train-0".into(), "team-a".into(), 0));
}

#[test]
fn a_job_comes_and_goes_with_its_labels() {
    let mut push = Push::new();
    let idle = [("__name__", "DCGM_FI_DEV_GPU_UTIL"), ("instance", "n1:9400"), ("gpu", "0")];
    let mut busy = idle.to_vec();
    busy.extend([("hpc_job", "4711"), ("namespace", "t")]);
    push.series(&idle, 0, 0.0);
    assert_eq!(push.facts(0).0, "");
    push.series(&busy, 15, 90.0);
    assert_eq!(push.facts(0).0, "4711");
    push.series(&busy, 30, f64::from_bits(STALE));
    push.series(&idle, 30, 0.0);
    assert_eq!(push.facts(0).0, "", "the label set from before is known, and says so all the same");
}

#[test]
fn memory_in_all_is_put_together() {
    let mut push = Push::new();
    for (name, value) in [("FB_USED", 1000.0), ("FB_FREE", 9000.0), ("FB_RESERVED", 500.0)] {
        push.gpu(&format!("DCGM_FI_DEV_{name}"), "0", 0, value);
    }
    assert_eq!(push.facts(0).2, 10_500);
    push.gpu("DCGM_FI_DEV_FB_FREE", "0", 15, 8_999.0);
    assert_eq!(push.facts(0).2, 10_500, "a wavering sum is no change");
}

#[test]
fn switches_and_series_without_a_gpu_are_remembered_as_such() {
    let mut push = Push::new();
    push.series(&[("__name__", "DCGM_FI_DEV_GPU_TEMP"), ("instance", "n1:9400"), ("nvswitch", "0")], 0, 50.0);
    assert!(push.delivered().is_empty());
    assert_eq!((push.intake.series(), push.intake.gpus()), (1, 0));
}
