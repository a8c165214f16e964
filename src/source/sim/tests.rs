//! Tests of the simulator as a whole.

use std::collections::BTreeMap;

use super::*;
use crate::model::metric::Metric;
use crate::model::time::SIM_EPOCH;
use crate::model::topology::spec::DEFAULT_SITE;
use crate::model::{Column, FacilityReading, GpuId, Health, RackPoint};

/// Three racks of ten air-cooled nodes with eight GPUs, and no CDUs.
pub const AIR: &str = r#"
[site]
name = "Lab"

[[gpu]]
name = "H100"
memory_mib = 81559
tdp_w = 700
idle_w = 68
max_clock_mhz = 1980
zero_margin_c = 87
slowdown_c = 89
shutdown_c = 95

[[gpu]]
name = "GB200"
memory_mib = 189471
tdp_w = 1200
idle_w = 168
max_clock_mhz = 2062
zero_margin_c = 87
slowdown_c = 89
shutdown_c = 92

[[rack]]
name = "DGX"
gpu = "H100"
trays = 4
gpus_per_tray = 8
cooling = "air"

[[rack]]
name = "NVL72"
gpu = "GB200"
trays = 18
gpus_per_tray = 4
power_shelves = 8
tdp_kw = 125
cooling = "liquid"

[[hall]]
names = ["A"]
rows = 1
racks_per_row = 3
rack = "DGX"
"#;

const MIXED: &str = r#"
[[hall]]
names = ["B"]
rows = 1
racks_per_row = 2
rack = "NVL72"
cdus_per_row = 1
"#;

fn air() -> Arc<Topology> {
    Arc::new(Topology::from_toml(AIR, "air").expect("valid"))
}

pub fn mixed() -> Arc<Topology> {
    Arc::new(Topology::from_toml(&format!("{AIR}{MIXED}"), "mixed").expect("valid"))
}

/// One hall of 8 rows: 4,608 GPUs.
pub fn hall() -> Arc<Topology> {
    let start = DEFAULT_SITE.find("[[hall]]").expect("the default site has halls");
    let hall =
        "[[hall]]\nnames = [\"H1\"]\nrows = 8\nracks_per_row = 8\nrack = \"NVL72\"\ncdus_per_row = 2\n";
    let text = format!("{}{hall}", &DEFAULT_SITE[..start]);
    Arc::new(Topology::from_toml(&text, "hall").expect("valid"))
}

pub fn at(tick: u64) -> Timestamp {
    SIM_EPOCH.plus_millis(1000 * tick as i64)
}

pub fn ticks(sim: &mut Sim, count: u64) -> Batch {
    let mut last = None;
    for _ in 0..count {
        last = Some(sim.step(at(sim.ticks()), 0));
    }
    last.expect("at least one tick")
}

fn column(batch: &Batch, metric: Metric) -> &Column {
    let dense = batch.dense.as_ref().expect("the simulator sends columns");
    &dense.columns.iter().find(|(m, _)| *m == metric).expect("every metric is sent").1
}

pub fn values(batch: &Batch, metric: Metric) -> Vec<Option<f32>> {
    let c = column(batch, metric);
    (0..c.len()).map(|i| metric.decode(c.raw(i))).collect()
}

pub fn health(batch: &Batch, h: Health) -> usize {
    values(batch, Metric::Health).iter().filter(|v| **v == Some(f32::from(h as u8))).count()
}

#[test]
fn the_same_seed_gives_the_same_batches_and_another_does_not() {
    let (mut a, mut b, mut c) = (Sim::new(hall(), 7), Sim::new(hall(), 7), Sim::new(hall(), 8));
    let mut differs = false;
    for _ in 0..90 {
        let (x, y) = (ticks(&mut a, 1), ticks(&mut b, 1));
        assert_eq!(x, y);
        differs |= x != ticks(&mut c, 1);
    }
    assert!(differs);
}

#[test]
fn a_known_tick_has_known_values_on_every_machine() {
    let batch = ticks(&mut Sim::new(hall(), 7), 30);
    let sum = |m: Metric| {
        let c = column(&batch, m);
        (0..c.len()).fold(0u64, |h, i| noise::mix(h ^ u64::from(c.raw(i))))
    };
    let all = Metric::ALL.into_iter().filter(|m| *m != Metric::Age).fold(0, |h, m| noise::mix(h ^ sum(m)));
    assert_eq!(format!("{all:016x}"), "b4e36054c63176fb");
}

#[test]
fn the_default_site_shows_its_faults_after_two_minutes_and_is_calm_elsewhere() {
    let mut sim = Sim::new(Arc::new(Topology::default_site()), 7);
    let batch = ticks(&mut sim, 120);
    let lost = values(&batch, Metric::Power).iter().filter(|v| v.is_none()).count();
    assert!((1..=6).contains(&lost), "{lost} lost");
    assert_eq!(health(&batch, Health::Lost), lost);
    let thermal = values(&batch, Metric::ClockEvents);
    let slowed = thermal.iter().flatten().filter(|v| ClockEvents(**v as u16).is_fault()).count();
    assert!((70..=144).contains(&slowed), "{slowed} held down by hardware");
    let dense = batch.dense.as_ref().expect("dense");
    assert!((4..=36).contains(&dense.silent.len()), "{} silent", dense.silent.len());
    assert!(dense.silent.windows(2).all(|w| w[0] < w[1]), "ascending");
    assert!(health(&batch, Health::Ok) > 97_000);
    let maintenance = health(&batch, Health::Maintenance);
    assert!((500..3000).contains(&maintenance), "{maintenance} in maintenance");
}

#[test]
fn a_throttling_rack_is_hot_slow_and_degraded() {
    let mut sim = Sim::new(hall(), 7);
    // It takes a minute to get hot, and longer where its job is writing a checkpoint.
    let (batch, hot) = (0..30)
        .find_map(|_| {
            let batch = ticks(&mut sim, 50);
            let events = values(&batch, Metric::ClockEvents);
            let fault = |i: &usize| events[*i].is_some_and(|v| ClockEvents(v as u16).is_fault());
            let hot: Vec<usize> = (0..events.len()).filter(fault).collect();
            let clocks = values(&batch, Metric::SmClock);
            let slow = |i: &&usize| clocks[**i].is_some_and(|mhz| mhz < 1500.0);
            (hot.len() >= 70 && hot.iter().filter(slow).count() >= 70).then_some((batch, hot))
        })
        .expect("the rack of the start throttles, and its clocks fall");
    for i in hot {
        let get = |m: Metric| m.decode(column(&batch, m).raw(i)).expect("present");
        assert!(get(Metric::Temp) > 74.0 && get(Metric::Temp) < 92.0, "{}", get(Metric::Temp));
        assert!(get(Metric::Margin) < 14.0, "{}", get(Metric::Margin));
        assert!(get(Metric::Health) >= f32::from(Health::Degraded as u8));
    }
}

#[test]
fn rack_power_is_the_power_of_its_gpus_and_a_fixed_overhead() {
    let t = hall();
    let mut sim = Sim::new(Arc::clone(&t), 3);
    let batch = ticks(&mut sim, 30);
    let power = values(&batch, Metric::Power);
    for r in &batch.facility {
        let FacilityReading::Rack(id, RackPoint::Power, kw) = r else { continue };
        let gpus: f32 = t.rack(*id).gpus.range().filter_map(|g| power[g]).sum();
        let share = kw * 1000.0 - 9452.0;
        assert!((share / gpus - 1.375).abs() < 0.005, "{kw} kW of {gpus} W");
        assert!((20.0..140.0).contains(kw));
    }
}

#[test]
fn gpus_are_busy_or_idle_and_seldom_between() {
    let mut sim = Sim::new(hall(), 11);
    let (mut between, mut all) = (0usize, 0usize);
    for _ in 0..40 {
        let batch = ticks(&mut sim, 30);
        let util = values(&batch, Metric::Util);
        between += util.iter().flatten().filter(|u| (10.0..80.0).contains(*u)).count();
        all += util.len();
        let busy = util.iter().flatten().filter(|u| **u >= 80.0).count();
        assert!(busy > util.len() / 5, "{busy} busy");
    }
    assert!(between * 10 < all, "{between} of {all}");
}

#[test]
fn gpus_of_one_job_differ_by_one_and_a_half_to_two_percent() {
    let mut sim = Sim::with_fault_rate(hall(), 5, 0.0);
    let mut large = Vec::new();
    // Not every job computes at every moment.
    for _ in 0..20 {
        let batch = ticks(&mut sim, 40);
        let (job, power, util) =
            (values(&batch, Metric::Job), values(&batch, Metric::Power), values(&batch, Metric::Util));
        let slowed = values(&batch, Metric::ClockEvents);
        let mut by_job: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for i in 0..job.len() {
            let (Some(j), Some(p), Some(u), Some(e)) = (job[i], power[i], util[i], slowed[i]) else {
                continue;
            };
            if j > 0.0 && u > 97.0 && p > 800.0 && !ClockEvents(e as u16).is_fault() {
                by_job.entry(j as u32).or_default().push(f64::from(p));
            }
        }
        large.extend(by_job.into_values().filter(|v| v.len() >= 500));
    }
    assert!(large.len() > 10, "{}", large.len());
    for v in large {
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let sigma = (v.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
        assert!((0.0145..0.0205).contains(&(sigma / mean)), "{}", sigma / mean);
    }
}

#[test]
fn no_value_leaves_what_physics_allows_in_a_long_bad_day() {
    let t = mixed();
    let mut sim = Sim::with_fault_rate(Arc::clone(&t), 21, 40_000.0);
    let mut seen = [false; 3];
    for _ in 0..6000 {
        let batch = ticks(&mut sim, 1);
        check_bounds(&t, &batch);
        seen[0] |= health(&batch, Health::Lost) > 2;
        seen[1] |= health(&batch, Health::Unhealthy) > 0;
        seen[2] |= batch.dense.as_ref().is_some_and(|d| !d.silent.is_empty());
    }
    assert_eq!(seen, [true; 3], "faults occur");
}

pub fn check_bounds(t: &Topology, batch: &Batch) {
    let get = |m| values(batch, m);
    let (power, temp, mem, util) =
        (get(Metric::Power), get(Metric::Temp), get(Metric::MemTemp), get(Metric::Util));
    let (clock, used, margin) = (get(Metric::SmClock), get(Metric::MemUsed), get(Metric::Margin));
    for g in 0..t.gpu_count() {
        let model = t.gpu_model(GpuId::new(g));
        let (Some(power), Some(temp), Some(mem)) = (power[g], temp[g], mem[g]) else { continue };
        assert!((0.8 * model.idle_w..1.1 * model.tdp_w).contains(&power), "{power} W");
        assert!((20.0..=model.shutdown_c).contains(&temp), "{temp} °C");
        assert!((2.0..=11.0).contains(&(mem - temp)), "memory {mem}, core {temp}");
        assert!(util[g].is_some_and(|v| v <= 100.0));
        assert!(
            clock[g].is_some_and(|v| (105.0..=1.03 * model.max_clock_mhz).contains(&v)),
            "{:?}",
            clock[g]
        );
        assert!(used[g].is_some_and(|v| v <= model.memory_mib as f32));
        let off = margin[g].expect("present") - (model.zero_margin_c - temp);
        assert!(off.abs() <= 2.6, "{off}");
    }
    for r in &batch.facility {
        let v = match r {
            FacilityReading::Rack(_, _, v)
            | FacilityReading::Cdu(_, _, v)
            | FacilityReading::Row(_, _, v)
            | FacilityReading::Hall(_, _, v)
            | FacilityReading::Site(_, v) => v,
            FacilityReading::SiteEnds(_) => continue,
        };
        assert!(v.is_finite() && *v > -50.0 && *v < 2000.0, "{r:?}");
    }
}

#[test]
fn an_air_cooled_site_has_no_liquid_points() {
    let mut sim = Sim::new(air(), 7);
    let batch = ticks(&mut sim, 60);
    assert_eq!(column(&batch, Metric::Temp).len(), 96);
    let racks = batch.facility.iter().filter(|r| matches!(r, FacilityReading::Rack(..))).count();
    assert_eq!(racks, 3, "power alone");
    assert!(!batch.facility.iter().any(|r| matches!(r, FacilityReading::Cdu(..))));
    let resting = values(&batch, Metric::Power).iter().flatten().filter(|p| **p < 85.0).count();
    assert!(resting > 0 && resting < 90, "{resting} of 96 rest");
}

#[test]
fn on_a_mixed_site_limits_come_from_each_gpus_model() {
    let t = mixed();
    let mut sim = Sim::new(Arc::clone(&t), 7);
    let mut peak = BTreeMap::new();
    for _ in 0..60 {
        for (g, p) in values(&ticks(&mut sim, 1), Metric::Power).iter().enumerate() {
            let best = peak.entry(t.gpu_model(GpuId::new(g)).name.clone()).or_insert(0.0f32);
            *best = best.max(p.unwrap_or(0.0));
        }
    }
    assert!((550.0..720.0).contains(&peak["H100"]) && (1000.0..1230.0).contains(&peak["GB200"]), "{peak:?}");
}

#[test]
fn columns_that_rest_are_shared_from_tick_to_tick() {
    let mut sim = Sim::from_plan(hall(), SimPlan { flawless: true, fault_rate: 0.0, ..SimPlan::new(7) });
    let (mut shared, mut moved) = (0, 0);
    let mut last = ticks(&mut sim, 1);
    for _ in 0..60 {
        let next = ticks(&mut sim, 1);
        for m in [Metric::MemUsed, Metric::Job, Metric::Tenant, Metric::Xid, Metric::Health] {
            shared += u32::from(column(&last, m).same(column(&next, m)));
        }
        moved += u32::from(!column(&last, Metric::Power).same(column(&next, Metric::Power)));
        last = next;
    }
    assert!(shared > 270, "{shared} of 300");
    assert_eq!(moved, 60);
}

#[test]
fn silent_trays_keep_their_last_values() {
    let t = hall();
    let mut sim = Sim::new(Arc::clone(&t), 7);
    let mut before = ticks(&mut sim, 1);
    let mut checked = 0;
    for _ in 0..120 {
        let batch = ticks(&mut sim, 1);
        for tray in &batch.dense.as_ref().expect("dense").silent {
            for g in t.trays()[*tray as usize].gpus.range() {
                for (m, c) in &batch.dense.as_ref().expect("dense").columns {
                    assert_eq!(c.raw(g), column(&before, *m).raw(g), "{m:?}");
                }
                checked += 1;
            }
        }
        before = batch;
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn the_job_table_comes_first_and_covers_every_slot() {
    let mut sim = Sim::new(Arc::new(Topology::default_site()), 7);
    let batch = ticks(&mut sim, 1);
    let jobs = batch.dense.as_ref().and_then(|d| d.jobs.clone()).expect("sent in the first tick");
    assert_eq!((jobs[0].job.as_str(), jobs[0].tenant.as_str()), ("idle", ""));
    let slots = values(&batch, Metric::Job);
    assert!(slots.iter().all(|s| s.is_some_and(|s| (s as usize) < jobs.len())));
    assert!(jobs.iter().any(|j| j.job == "serve-eu"));
    let next = ticks(&mut sim, 1);
    assert!(next.dense.is_some_and(|d| d.jobs.is_none()), "and then only when it changes");
}

#[test]
fn a_lost_gpu_shows_xid_79_and_no_measured_value() {
    let mut sim = Sim::new(hall(), 7);
    let batch = ticks(&mut sim, 5);
    let lost = values(&batch, Metric::Power).iter().position(Option::is_none).expect("one is lost");
    let get = |m: Metric| m.decode(column(&batch, m).raw(lost));
    assert_eq!(get(Metric::Xid), Some(79.0));
    assert_eq!(get(Metric::Health), Some(f32::from(Health::Lost as u8)));
    for m in [Metric::Util, Metric::Temp, Metric::MemUsed, Metric::ClockEvents, Metric::SmClock] {
        assert_eq!(get(m), None, "{m:?}");
    }
}
