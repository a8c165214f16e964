//! The course of jobs and tenants over the last hour: mean utilization and power, one point in 10 s,
//! three bytes each. Jobs are followed by name, whatever slot they have.
//!
//! At most [`MOST`] jobs (and as many tenants) are followed at a time, those with most GPUs: what
//! lies beyond has no course in that time, which is a gap and not zero.

mod stored;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fleet::frame::Frame;
use crate::fleet::jobs::{By, Sum};
use crate::fleet::series::{Point, resample};
use crate::model::Timestamp;
use crate::model::batch::JobName;

/// Jobs that are followed at a time, and tenants.
pub const MOST: usize = 1024;
/// Length of a point, ms, and how many are kept: an hour and the point before.
const PERIOD_MS: i64 = 10_000;
const KEEP: usize = 361;
/// Packed value of "not known".
const NO_UTIL: u8 = u8::MAX;
const NO_POWER: u16 = u16::MAX;
/// Steps of a packed per cent of utilization.
const UTIL_STEPS: f32 = 2.0;

/// How a job or tenant did over a window: points of equal length, oldest first.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Course {
    /// Mean utilization, %.
    pub util: Vec<Option<Point>>,
    /// Sum of power, W; to three digits.
    pub power: Vec<Option<Point>>,
}

/// One period: the keys in order, and the values of each.
#[derive(Debug)]
pub(crate) struct Bucket {
    start: Timestamp,
    /// Shared by the periods in which the same jobs were there.
    keys: Arc<[u64]>,
    util: Box<[u8]>,
    power: Box<[u16]>,
}

/// What was seen in the running period: mean utilization and power, each with the number of values.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    util: (f32, u32),
    power: (f32, u32),
}

impl Seen {
    fn add(&mut self, sum: Sum) {
        let merge = |(mean, n): &mut (f32, u32), v: Option<f32>| {
            if let Some(v) = v {
                *n += 1;
                *mean += (v - *mean) / *n as f32;
            }
        };
        merge(&mut self.util, sum.mean_util());
        merge(&mut self.power, sum.watts().map(|w| w as f32));
    }
}

/// Names as keys, made anew when a table of names was replaced.
#[derive(Clone, Debug, Default)]
struct Keys {
    jobs: Arc<[JobName]>,
    tenants: Arc<[String]>,
    by_slot: [Vec<u64>; 2],
}

impl Keys {
    fn update(&mut self, frame: &Frame) {
        if !Arc::ptr_eq(&self.jobs, &frame.jobs) {
            self.jobs = Arc::clone(&frame.jobs);
            let key = |(i, j): (usize, &JobName)| key_of_job((i > 0).then_some(j));
            self.by_slot[By::Job as usize] = self.jobs.iter().enumerate().map(key).collect();
        }
        if !Arc::ptr_eq(&self.tenants, &frame.tenants) {
            self.tenants = Arc::clone(&frame.tenants);
            let key = |(i, t): (usize, &String)| key_of(By::Tenant, [if i > 0 { t } else { "" }, ""]);
            self.by_slot[By::Tenant as usize] = self.tenants.iter().enumerate().map(key).collect();
        }
    }
}

/// 64 bits of a name (FNV-1a): of a million names two share a key with a chance of 1 in 37 million.
fn key_of(by: By, parts: [&str; 2]) -> u64 {
    let separated = parts.iter().flat_map(|p| p.bytes().chain([0xFF]));
    let bytes = std::iter::once(by as u8).chain(separated);
    bytes.fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

/// The idle GPUs have no name, whatever a source calls them.
fn key_of_job(job: Option<&JobName>) -> u64 {
    key_of(By::Job, job.map_or(["", ""], |j| [&j.job, &j.tenant]))
}

/// The courses of all jobs and tenants, as readers have them. Cloning copies pointers.
#[derive(Clone, Debug, Default)]
pub struct Courses {
    /// The last one is the running period.
    periods: VecDeque<Arc<Bucket>>,
}

/// The writer's side of the courses.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    courses: Courses,
    keys: Keys,
    /// The running period by key.
    running: Vec<(u64, Seen)>,
    /// How many periods, from the front, were put back and not gathered here.
    restored: usize,
}

impl Recorder {
    /// The reader's side as of now.
    pub fn view(&self) -> Courses {
        self.courses.clone()
    }

    /// Takes in the newest frame.
    pub fn push(&mut self, frame: &Frame) {
        let start = Timestamp(frame.time.millis().div_euclid(PERIOD_MS) * PERIOD_MS);
        let own = self.courses.periods.len() > self.restored;
        if !own && self.courses.periods.back().is_some_and(|b| b.start >= start) {
            // What was put back is whole.
            return;
        }
        self.keys.update(frame);
        if self.courses.periods.back().is_some_and(|b| b.start == start) {
            self.courses.periods.pop_back();
        } else {
            self.running.clear();
        }
        let mut new = Vec::new();
        for by in By::ALL {
            new.extend(self.followed(frame, by));
        }
        new.sort_by_key(|(key, _)| *key);
        new.dedup_by_key(|(key, _)| *key);
        self.merge(&new);
        let bucket = self.pack(start);
        self.courses.periods.push_back(Arc::new(bucket));
        if self.courses.periods.len() > KEEP {
            self.courses.periods.pop_front();
            self.restored = self.restored.saturating_sub(1);
        }
    }

    /// Keys and sums of those that hold good GPUs: the largest, when there are too many.
    fn followed(&self, frame: &Frame, by: By) -> Vec<(u64, Sum)> {
        let all = self.keys.by_slot[by as usize].iter().copied().zip(frame.sums(by).iter().copied());
        let mut found: Vec<(u64, Sum)> = all.filter(|(_, sum)| sum.good > 0).collect();
        if found.len() > MOST {
            found.select_nth_unstable_by_key(MOST - 1, |(key, sum)| (std::cmp::Reverse(sum.good), *key));
            found.truncate(MOST);
        }
        found
    }

    fn merge(&mut self, new: &[(u64, Sum)]) {
        let before = self.running.len();
        for (key, sum) in new {
            match self.running[..before].binary_search_by_key(key, |(k, _)| *k) {
                Ok(i) => self.running[i].1.add(*sum),
                Err(_) => {
                    let mut seen = Seen::default();
                    seen.add(*sum);
                    self.running.push((*key, seen));
                }
            }
        }
        if self.running.len() > before {
            self.running.sort_unstable_by_key(|(key, _)| *key);
            // Jobs that come and go within a period must not fill the memory.
            self.running.truncate(4 * MOST);
        }
    }

    fn pack(&self, start: Timestamp) -> Bucket {
        let keys = self.running.iter().map(|(key, _)| *key);
        let same = self.courses.periods.back().filter(|b| b.keys.iter().copied().eq(keys.clone()));
        let util = |s: &Seen| {
            let packed = (s.util.0 * UTIL_STEPS).round().clamp(0.0, f32::from(NO_UTIL - 1)) as u8;
            if s.util.1 > 0 { packed } else { NO_UTIL }
        };
        let power = |s: &Seen| if s.power.1 > 0 { pack_power(s.power.0) } else { NO_POWER };
        Bucket {
            start,
            keys: same.map_or_else(|| keys.collect(), |b| Arc::clone(&b.keys)),
            util: self.running.iter().map(|(_, s)| util(s)).collect(),
            power: self.running.iter().map(|(_, s)| power(s)).collect(),
        }
    }
}

impl Courses {
    /// The course of the job or tenant that `slot` names in `frame`, over `window` = (ms, points)
    /// that ends with the frame.
    #[must_use]
    pub fn course(&self, frame: &Frame, by: By, slot: u16, window: (i64, usize)) -> Course {
        let slot = usize::from(slot);
        let key = match by {
            By::Job => key_of_job(frame.jobs.get(slot).filter(|_| slot > 0)),
            By::Tenant => {
                key_of(by, [frame.tenants.get(slot).filter(|_| slot > 0).map_or("", |t| t.as_str()), ""])
            }
        };
        let to = frame.time.plus_millis(1000);
        let found = self.periods.iter().take_while(|b| b.start < to);
        let found = found.filter_map(|b| Some((b, b.keys.binary_search(&key).ok()?)));
        let util = found.clone().filter(|(b, i)| b.util[*i] != NO_UTIL);
        let util = util.map(|(b, i)| (b.start, Point::of(f32::from(b.util[i]) / UTIL_STEPS)));
        let power = found.filter(|(b, i)| b.power[*i] != NO_POWER);
        let power = power.map(|(b, i)| (b.start, Point::of(unpack_power(b.power[i]))));
        Course { util: resample(util, PERIOD_MS, to, window), power: resample(power, PERIOD_MS, to, window) }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let mut last: Option<&Arc<[u64]>> = None;
        let mut bytes = 0;
        for bucket in &self.periods {
            let shared = last.is_some_and(|l| Arc::ptr_eq(l, &bucket.keys));
            bytes += 3 * bucket.util.len() + if shared { 0 } else { 8 * bucket.keys.len() };
            last = Some(&bucket.keys);
        }
        bytes
    }
}

/// The upper half of the number, rounded: 8 bits of the fraction are kept, better than 0.4 %.
fn pack_power(watts: f32) -> u16 {
    ((watts.max(0.0).to_bits() + 0x8000) >> 16) as u16
}

fn unpack_power(packed: u16) -> f32 {
    f32::from_bits(u32::from(packed) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::frame::Parts;
    use crate::model::topology::plan::{NewHost, Plan};
    use crate::model::{Column, Metric, Quality, Topology};

    const HOUR: (i64, usize) = (3_600_000, 360);

    /// A site of `jobs` jobs of four GPUs each, at `second`: job `i` is in slot `slots[i]` and works
    /// at `util` per cent and 1,000 W.
    fn frame(site: &Arc<Topology>, second: i64, util: u16, names: &[&str]) -> Frame {
        let n = site.gpu_count();
        let slot = |g: usize| 1 + g as u16 / 4;
        let raw = |m: Metric, g: usize| match m {
            Metric::Util => util,
            Metric::Power => 1000,
            Metric::Job | Metric::Tenant => slot(g),
            _ => m.none_raw(),
        };
        let column = |m| Column::from_raw(m, (0..n).map(|g| raw(m, g)));
        let job = |j: &&str| JobName { job: (*j).into(), tenant: "T".into(), ..JobName::default() };
        let named = names.iter().map(job);
        let empty = Frame::empty(Arc::clone(site), Timestamp::from_secs(second));
        let parts = Parts {
            time: empty.time,
            seq: second as u64,
            topology: Arc::clone(site),
            columns: Metric::ALL.map(column),
            quality: vec![Quality::Good as u8; n].into(),
            facility: empty.facility,
            jobs: std::iter::once(JobName::default()).chain(named).collect(),
            tenants: std::iter::once("").chain(names.iter().copied()).map(str::to_owned).collect(),
            energy: super::super::Energy::default(),
        };
        Frame::from_parts(parts, None)
    }

    fn site(jobs: usize) -> Arc<Topology> {
        let host = |i| NewHost { host: format!("h{i:05}"), place: None, gpus: 4 };
        let hosts: Vec<_> = (0..jobs).map(host).collect();
        Arc::new(Plan::open("x").with_hosts(&hosts).build().expect("small"))
    }

    fn means(points: &[Option<Point>]) -> Vec<f32> {
        points.iter().flatten().map(|p| p.mean).collect()
    }

    #[test]
    fn a_course_follows_the_name_from_slot_to_slot() {
        let site = site(2);
        let mut r = Recorder::default();
        (0..20).for_each(|s| r.push(&frame(&site, s, 40, &["a", "b"])));
        (20..40).for_each(|s| r.push(&frame(&site, s, 80, &["c", "a"])));
        let last = frame(&site, 39, 80, &["c", "a"]);
        let of = |slot| r.view().course(&last, By::Job, slot, (40_000, 4)).util;
        assert_eq!(means(&of(2)), [40.0, 40.0, 80.0, 80.0], "a");
        assert_eq!(of(1)[..2], [None, None], "c was not there yet: a gap and not zero");
        assert_eq!(means(&of(1)), [80.0, 80.0]);
        let then = frame(&site, 19, 40, &["a", "b"]);
        assert_eq!(means(&r.view().course(&then, By::Job, 2, HOUR).util), [40.0, 40.0], "b, as of then");
    }

    #[test]
    fn power_is_kept_to_three_digits() {
        let site = site(1);
        let mut r = Recorder::default();
        r.push(&frame(&site, 0, 0, &["a"]));
        let course = r.view().course(&frame(&site, 0, 0, &["a"]), By::Tenant, 1, HOUR);
        assert_eq!((means(&course.power), means(&course.util)), (vec![4000.0], vec![0.0]));
        for watts in [0.0, 1.0, 517.0, 9_999.0, 131_072_345.0f32] {
            let back = unpack_power(pack_power(watts));
            assert!((back - watts).abs() <= 0.004 * watts, "{watts} {back}");
        }
    }

    #[test]
    fn the_largest_are_followed_and_a_point_takes_three_bytes() {
        let site = site(MOST + 50);
        let names: Vec<String> = (0..MOST + 50).map(|i| format!("job-{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut r = Recorder::default();
        let mut last = frame(&site, 0, 50, &names);
        for s in [0, 10, 20] {
            last.time = Timestamp::from_secs(s);
            r.push(&last);
        }
        let view = r.view();
        let has_course = |by, slot| !means(&view.course(&last, by, slot as u16, HOUR).util).is_empty();
        let followed = |by| (1..=names.len()).filter(|slot| has_course(by, *slot)).count();
        assert_eq!((followed(By::Job), followed(By::Tenant)), (MOST, MOST));
        assert_eq!(view.bytes(), 3 * 3 * 2 * MOST + 8 * 2 * MOST, "the keys are shared");
    }

    #[test]
    fn an_hour_is_kept_and_a_gap_stays_one() {
        let site = site(1);
        let mut r = Recorder::default();
        let mut last = frame(&site, 0, 50, &["a"]);
        for s in (0..8000).step_by(10).filter(|s| !(5000..5500).contains(s)) {
            last.time = Timestamp::from_secs(s);
            r.push(&last);
        }
        assert_eq!(r.view().periods.len(), KEEP);
        last.time = Timestamp::from_secs(7990);
        let course = r.view().course(&last, By::Job, 1, (3_600_000, 36));
        let gaps: Vec<usize> = (0..36).filter(|i| course.util[*i].is_none()).collect();
        assert_eq!(gaps, [7, 8, 9, 10], "the hundreds of seconds that lie wholly in it");
    }
}
