//! Tests of the tables of jobs and tenants: against a naive computation, and rule by rule.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::fleet::frame::Parts;
use crate::fleet::limits;
use crate::model::batch::JobName;
use crate::model::{Asset, ClockEvents, Health, Timestamp, Topology};

/// Eight halls of two racks of 72 GPUs.
fn site() -> Arc<Topology> {
    crate::model::topology::spec::small_site(2)
}

/// A frame of `site` with `jobs` jobs and two tenants; `raw` makes the columns, `quality` the
/// qualities.
fn frame(
    site: &Arc<Topology>,
    jobs: usize,
    raw: impl Fn(Metric, usize) -> u16,
    quality: impl Fn(usize) -> Quality,
) -> Frame {
    let n = site.gpu_count();
    let empty = Frame::empty(Arc::clone(site), Timestamp::from_secs(1));
    let name = |i: usize| JobName { job: format!("job-{i}"), ..JobName::default() };
    let parts = Parts {
        time: empty.time,
        seq: 1,
        topology: Arc::clone(site),
        columns: Metric::ALL.map(|m| Column::from_raw(m, (0..n).map(|g| raw(m, g)))),
        quality: (0..n).map(|g| quality(g) as u8).collect(),
        facility: empty.facility,
        jobs: (0..=jobs).map(name).collect(),
        tenants: ["", "T1", "T2"].map(str::to_owned).into(),
        energy: Energy::default(),
    };
    Frame::from_parts(parts, None)
}

/// A calm job in slot 1 on every GPU: small spread, nothing crossed.
fn calm(m: Metric, g: usize) -> u16 {
    let wobble = (g % 5) as u16;
    match m {
        Metric::Util => 96 + wobble.min(4),
        Metric::Power => 1180 + 10 * wobble,
        Metric::Temp => 60 + wobble,
        Metric::SmClock => 126 + wobble % 2,
        Metric::Activity => 100,
        Metric::Margin => 60,
        Metric::Job | Metric::Tenant => 1,
        Metric::ClockEvents | Metric::Xid => 0,
        Metric::Health => Health::Ok as u16,
        _ => m.none_raw(),
    }
}

/// One slot, computed GPU by GPU.
fn naive(f: &Frame, by: By, slot: u16) -> Usage {
    let held: Vec<GpuId> = f
        .topology
        .gpus_of(Asset::Site)
        .iter()
        .map(GpuId)
        .filter(|g| f.column(by.metric()).raw(g.index()) == slot)
        .collect();
    let good: Vec<GpuId> = held.iter().copied().filter(|g| f.quality(*g) == Quality::Good).collect();
    let sorted = |m: Metric| {
        let mut v: Vec<f32> = good.iter().filter_map(|g| f.value(*g, m)).collect();
        v.sort_by(f32::total_cmp);
        v
    };
    let median = |m: Metric| {
        let v = sorted(m);
        v.len().div_ceil(2).checked_sub(1).map(|i| v[i])
    };
    let mean = |m: Metric| {
        let v = sorted(m);
        (!v.is_empty()).then(|| (v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64) as f32)
    };
    let mut counts = Counts::default();
    let mut halls: Vec<(HallId, u32)> = Vec::new();
    for g in &held {
        match f.quality(*g) {
            Quality::Good => counts.good += 1,
            Quality::Stale => counts.stale += 1,
            Quality::Lost => counts.lost += 1,
            Quality::Unsupported => counts.unsupported += 1,
        }
        let hall = f.topology.hall_of(*g);
        match halls.iter_mut().find(|(h, _)| *h == hall) {
            Some((_, n)) => *n += 1,
            None => halls.push((hall, 1)),
        }
    }
    let limit = |g: GpuId| f.exceptions()[g.index()];
    let heat = |g: GpuId| f.value(g, Metric::Temp).unwrap_or(-1.0);
    let hottest = good.iter().copied().filter(|g| heat(*g) >= 0.0);
    let hottest = hottest.max_by(|a, b| heat(*a).total_cmp(&heat(*b)).then(b.cmp(a)));
    let urgent = good.iter().copied().filter(|g| limit(*g) > 0);
    let urgent =
        urgent.min_by(|a, b| limit(*a).cmp(&limit(*b)).then(heat(*b).total_cmp(&heat(*a))).then(a.cmp(b)));
    let stragglers: Vec<&Straggler> = f.usage(by).stragglers_of(slot).collect();
    let worst = urgent
        .map(|g| (g, Reason::Limit(limit(g))))
        .or(stragglers.first().map(|s| (s.gpu, Reason::Straggler)))
        .or(hottest.map(|g| (g, Reason::Hottest)));
    Usage {
        slot,
        counts,
        util: mean(Metric::Util).zip(median(Metric::Util)),
        activity: mean(Metric::Activity),
        power_w: mean(Metric::Power)
            .map(|_| good.iter().filter_map(|g| f.value(*g, Metric::Power)).map(f64::from).sum()),
        power_median_w: median(Metric::Power),
        clock_mhz: median(Metric::SmClock),
        hottest: hottest.map(|g| (g, heat(g))),
        limits: [1, 2, 3, 4].map(|p| good.iter().filter(|g| limit(**g) == p).count() as u32),
        stragglers: stragglers.len() as u32,
        worst,
        halls,
    }
}

/// The stragglers of a job by the rules as they are written, GPU by GPU.
fn naive_stragglers(f: &Frame, slot: u16) -> Vec<(GpuId, Metric)> {
    let good: Vec<GpuId> = (0..f.topology.gpu_count())
        .map(GpuId::new)
        .filter(|g| f.column(Metric::Job).raw(g.index()) == slot && f.quality(*g) == Quality::Good)
        .collect();
    let normal = |m: Metric, floor: &dyn Fn(f32) -> f32| {
        let middle = |mut v: Vec<f32>| {
            v.sort_by(f32::total_cmp);
            (v.len() >= 8).then(|| v[v.len().div_ceil(2) - 1])
        };
        let values: Vec<f32> = good.iter().filter_map(|g| f.value(*g, m)).collect();
        let median = middle(values.clone())?;
        let mad = middle(values.iter().map(|v| (v - median).abs()).collect())?;
        Some((median, (1.4826 * mad).max(floor(median))))
    };
    let below = |m: Metric, limit: Option<f32>| {
        let rare = (good.len() / 100).max(8);
        let low: Vec<GpuId> =
            good.iter().copied().filter(|g| f.value(*g, m).zip(limit).is_some_and(|(v, l)| v < l)).collect();
        if low.len() > rare { Vec::new() } else { low }
    };
    let util = normal(Metric::Util, &|_| 2.5);
    let power = normal(Metric::Power, &|m| (0.025 * m).max(10.0));
    let clock = normal(Metric::SmClock, &|_| 0.0).map(|(m, _)| 0.85 * m);
    let idle = |g: GpuId| f.value(g, Metric::Util).zip(util).is_some_and(|(v, (m, _))| 2.0 * v < m);
    let by_util = below(Metric::Util, util.map(|(m, s)| m - 6.0 * s));
    let by_power = below(Metric::Power, power.map(|(m, s)| m - 6.0 * s));
    let judge = |g: GpuId| {
        if f.value(g, Metric::SmClock).zip(clock).is_some_and(|(v, l)| v < l) && !idle(g) {
            Some((g, Metric::SmClock))
        } else if by_util.contains(&g) {
            Some((g, Metric::Util))
        } else {
            by_power.contains(&g).then_some((g, Metric::Power))
        }
    };
    good.iter().filter_map(|g| judge(*g)).collect()
}

/// A column of values that are mostly alike: an offset for all, and a few that stand out.
fn noisy(seed: u64, m: Metric, g: usize) -> u16 {
    let h = (g as u64 + 1).wrapping_mul(seed | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let h = h ^ (m as u64 + 3).wrapping_mul(7919).wrapping_mul(seed);
    let rare = h.is_multiple_of(41);
    let spread = (h >> 8) as u16;
    match m {
        _ if h.is_multiple_of(97) => m.none_raw(),
        Metric::Util => {
            if rare {
                spread % 101
            } else {
                90 + spread % 11
            }
        }
        Metric::Power => {
            if rare {
                spread % 1400
            } else {
                1100 + spread % 60
            }
        }
        Metric::SmClock => {
            if rare {
                spread % 138
            } else {
                120 + spread % 8
            }
        }
        Metric::Temp => 40 + spread % 50,
        Metric::Activity => spread % 201,
        Metric::Margin => {
            if rare {
                38 + spread % 10
            } else {
                70
            }
        }
        Metric::ClockEvents => {
            if rare {
                ClockEvents::HW_THERMAL
            } else {
                ClockEvents::SW_POWER_CAP
            }
        }
        // Long stretches and short ones, some of them in no table.
        Metric::Job => ((g as u64 / (1 + seed % 60) + seed % 7) % 7) as u16,
        Metric::Tenant => ((g as u64 / (1 + seed % 90)) % 4) as u16,
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn tables_agree_with_a_naive_computation(seed in any::<u64>(), bad in 0usize..40) {
        let site = site();
        let quality = |g: usize| if bad > 0 && g % (bad + 2) == 1 { Quality::ALL[g % 4] } else { Quality::Good };
        let f = frame(&site, 5, |m, g| noisy(seed, m, g), quality);
        for by in By::ALL {
            let table = f.usage(by);
            for slot in 0..by.slots(&f) as u16 {
                let expected = naive(&f, by, slot);
                match table.of_slot(slot) {
                    Some(found) => prop_assert_eq!(found, &expected),
                    None => prop_assert_eq!(expected.counts.total(), 0),
                }
                let sum = f.sums(by)[usize::from(slot)];
                prop_assert_eq!(sum.good, expected.counts.good);
                prop_assert_eq!(sum.watts().map(|w| w as f64), expected.power_w);
                prop_assert_eq!(sum.mean_util(), expected.util.map(|u| u.0));
            }
            let held: u32 = table.rows.iter().map(|u| u.counts.total()).sum();
            prop_assert_eq!((held + table.unknown) as usize, site.gpu_count());
        }
        for slot in 1..6 {
            let mut found: Vec<_> = f.usage(By::Job).stragglers_of(slot).map(|s| (s.gpu, s.metric)).collect();
            found.sort_unstable();
            prop_assert_eq!(found, naive_stragglers(&f, slot));
        }
    }
}

/// Stragglers of a calm job in which the GPUs of `odd` have `raw` in column `metric`.
fn stragglers(metric: Metric, odd: impl Fn(usize) -> bool, raw: u16) -> Vec<Straggler> {
    let f = frame(&site(), 1, |m, g| if m == metric && odd(g) { raw } else { calm(m, g) }, |_| Quality::Good);
    f.usage(By::Job).stragglers.clone()
}

#[test]
fn a_slow_clock_is_a_straggler_and_named_with_its_value_and_the_median() {
    let found = stragglers(Metric::SmClock, |g| g == 33, 78);
    let [s] = found.as_slice() else { panic!("one: {found:?}") };
    assert_eq!((s.gpu, s.metric, s.value, s.median), (GpuId(33), Metric::SmClock, 1170.0, 1890.0));
    assert_eq!(s.percent().map(f32::round), Some(62.0));
    assert!(s.sigmas > 10.0, "{}", s.sigmas);
    assert!(stragglers(Metric::SmClock, |g| g == 33, 108).is_empty(), "85.7 % of the median is not slow");
    assert_eq!(stragglers(Metric::SmClock, |g| g == 33, 107).len(), 1, "84.9 % is");
}

#[test]
fn a_wave_of_slow_clocks_is_told_in_full() {
    // A third of the job, as after a firmware update of one hall.
    assert_eq!(stragglers(Metric::SmClock, |g| g % 3 == 0, 90).len(), site().gpu_count() / 3);
}

#[test]
fn an_idle_rank_is_told_by_utilization_unless_many_idle() {
    let found = stragglers(Metric::Util, |g| g == 7, 0);
    assert_eq!(found.iter().map(|s| (s.gpu, s.metric)).collect::<Vec<_>>(), [(GpuId(7), Metric::Util)]);
    assert_eq!(stragglers(Metric::Util, |g| g < 8, 0).len(), 8, "a node");
    assert!(stragglers(Metric::Util, |g| g % 20 == 0, 0).is_empty(), "replicas that wait are no stragglers");
}

#[test]
fn a_hungry_neighbour_does_not_make_others_stragglers_and_low_power_does() {
    assert!(stragglers(Metric::Power, |g| g == 7, 1390).is_empty(), "above the median is not slow");
    let found = stragglers(Metric::Power, |g| g == 7, 900);
    assert_eq!(found.iter().map(|s| (s.metric, s.value)).collect::<Vec<_>>(), [(Metric::Power, 900.0)]);
    assert!(stragglers(Metric::Power, |g| g == 7, 1100).is_empty(), "8 % below is spread");
}

#[test]
fn few_gpus_idle_ones_and_those_that_are_not_good_have_no_stragglers() {
    let site = site();
    let odd = |m: Metric, g: usize| if m == Metric::SmClock && g == 3 { 60 } else { calm(m, g) };
    let one = |slot: u16| {
        frame(&site, 2, |m, g| if m == Metric::Job { slot } else { odd(m, g) }, |_| Quality::Good)
    };
    assert_eq!(one(1).usage(By::Job).stragglers.len(), 1);
    assert!(one(0).usage(By::Job).stragglers.is_empty(), "idle");
    let few = frame(
        &site,
        2,
        |m, g| if m == Metric::Job { 1 + u16::from(g > 6) } else { odd(m, g) },
        |_| Quality::Good,
    );
    assert!(few.usage(By::Job).stragglers.is_empty(), "seven GPUs have no median worth the name");
    let stale = |g: usize| if g == 3 { Quality::Stale } else { Quality::Good };
    let f = frame(&site, 1, odd, stale);
    assert!(f.usage(By::Job).stragglers.is_empty());
    assert_eq!(f.usage(By::Job).of_slot(1).map(|u| u.counts.stale), Some(1));
}

#[test]
fn tenants_have_the_stragglers_of_their_jobs() {
    let raw = |m: Metric, g: usize| match m {
        Metric::SmClock if g == 100 || g == 200 => 60,
        Metric::Tenant => 1 + u16::from(g >= 150),
        _ => calm(m, g),
    };
    let f = frame(&site(), 1, raw, |_| Quality::Good);
    let rows: Vec<_> = f.usage(By::Tenant).rows.iter().map(|u| (u.slot, u.stragglers, u.worst)).collect();
    let worst = |g| Some((GpuId(g), Reason::Straggler));
    assert_eq!(rows, [(1, 1, worst(100)), (2, 1, worst(200))]);
}

#[test]
fn a_crossed_limit_is_worse_than_a_straggler_and_heat_alone_comes_last() {
    let with = |events: u16, clock: u16| {
        let raw = |m: Metric, g: usize| match (m, g) {
            (Metric::ClockEvents, 50) => events,
            (Metric::SmClock, 60) => clock,
            (Metric::Temp, 70) => 80,
            _ => calm(m, g),
        };
        let f = frame(&site(), 1, raw, |_| Quality::Good);
        let usage = f.usage(By::Job).of_slot(1).cloned().expect("it holds GPUs");
        (usage.worst, usage.limits)
    };
    assert_eq!(with(0, 126), (Some((GpuId(70), Reason::Hottest)), [0; 4]));
    assert_eq!(with(0, 60), (Some((GpuId(60), Reason::Straggler)), [0; 4]));
    assert_eq!(limits::priority(ClockEvents::HW_THERMAL, 60, 0), 2);
    assert_eq!(with(ClockEvents::HW_THERMAL, 60), (Some((GpuId(50), Reason::Limit(2))), [0, 1, 0, 0]));
}

#[test]
fn a_site_of_which_nothing_is_known_has_no_rows() {
    let f = Frame::empty(site(), Timestamp::default());
    for by in By::ALL {
        assert!(f.usage(by).rows.is_empty());
        assert_eq!(f.usage(by).unknown as usize, f.topology.gpu_count());
        assert_eq!(f.energy.mwh(by, 0), None);
    }
}

#[test]
fn gpus_without_any_value_give_no_figure_rather_than_zero() {
    let raw = |m: Metric, _| if m == Metric::Job { 1 } else { m.none_raw() };
    let f = frame(&site(), 1, raw, |_| Quality::Good);
    let usage = f.usage(By::Job).of_slot(1).expect("it holds GPUs");
    assert_eq!((usage.util, usage.power_w, usage.clock_mhz, usage.hottest), (None, None, None, None));
    assert_eq!((usage.activity, usage.worst), (None, None));
    assert_eq!(f.sums(By::Job)[1].watts(), None);
}
