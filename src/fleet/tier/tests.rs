//! Tests of the tiers.

use super::*;
use crate::fleet::series::Point;
use crate::fleet::stage::Stage;
use crate::model::batch::DenseBatch;
use crate::model::id::Span;
use crate::model::topology::place::Placer;
use crate::model::topology::plan::{NewHost, Plan};
use crate::model::{Batch, Column};

fn topology(gpus: u16, hosts: usize) -> Arc<Topology> {
    let host = |i: usize| NewHost { host: format!("h{i:04}"), place: None, gpus };
    let list: Vec<_> = (0..hosts).map(host).collect();
    Arc::new(Plan::open("x").with_hosts(&list).build().expect("small"))
}

fn frame(stage: &mut Stage, second: i64, value: impl Fn(usize) -> u16) -> Frame {
    let n = stage.topology().gpu_count();
    let time = Timestamp::from_secs(second);
    let mut batch = Batch::new(0, time);
    let column = |m: Metric| (m, Column::from_raw(m, (0..n).map(&value)));
    batch.dense = Some(DenseBatch { columns: Metric::TIERED.map(column).to_vec(), ..DenseBatch::default() });
    stage.apply(&batch, 1000);
    stage.commit(time)
}

/// The whole series of one metric.
fn series(
    buckets: &[Arc<Bucket>],
    topology: &Topology,
    span: Span,
    metric: Metric,
) -> Vec<(Timestamp, Point)> {
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    super::series(buckets, topology, span, &[metric], always).remove(0)
}

fn span(start: u32, end: u32) -> Span {
    Span { start, end }
}

#[test]
fn a_period_keeps_minimum_mean_and_maximum_of_each_gpu() {
    let mut stage = Stage::new(topology(8, 300), Placer::default());
    let mut tier = Tier::new(10_000, 360, 1 << 30);
    for s in 0..=10 {
        tier.push(&frame(&mut stage, s, |g| (g % 7) as u16 + 10 * s as u16));
    }
    assert!(tier.store_one(None) && !tier.store_one(None));
    for gpu in [0u32, 1023, 1024, 2399] {
        let points = series(&tier.view(), stage.topology(), span(gpu, gpu + 1), Metric::Util);
        let base = (gpu % 7) as f32;
        let expected = Point { min: base, mean: base + 45.0, max: base + 90.0 };
        assert_eq!(points, [(Timestamp::from_secs(0), expected)], "gpu {gpu}");
    }
}

#[test]
fn a_span_over_two_blocks_is_read_whole() {
    let mut stage = Stage::new(topology(8, 300), Placer::default());
    let mut tier = Tier::new(10_000, 360, 1 << 30);
    for s in [0, 10] {
        tier.push(&frame(&mut stage, s, |g| if g == 1030 { 100 } else { 20 }));
    }
    tier.store_one(None);
    let points = series(&tier.view(), stage.topology(), span(1016, 1048), Metric::Temp);
    assert_eq!((points[0].1.min, points[0].1.max), (20.0, 100.0));
    assert!((points[0].1.mean - 22.5).abs() < 1e-3);
}

#[test]
fn differences_over_many_buckets_stay_within_the_promised_step() {
    let mut stage = Stage::new(topology(4, 4), Placer::default());
    let mut tier = Tier::new(10_000, 360, 1 << 30);
    let value = |s: i64| 40 + ((s * 7) % 23) as u16;
    for s in (0..1000).step_by(10) {
        tier.push(&frame(&mut stage, s, |_| value(s)));
        tier.store_one(None);
    }
    let points = series(&tier.view(), stage.topology(), span(3, 4), Metric::Temp);
    assert_eq!(points.len(), 99);
    for (start, p) in points {
        let exact = f32::from(value(start.secs()));
        assert!((p.mean - exact).abs() <= f32::from(MEAN_STEP), "{start} {p:?} {exact}");
        assert!(p.min <= p.mean && p.mean <= p.max);
    }
}

#[test]
fn absent_is_no_value_and_zero_is_one() {
    let mut stage = Stage::new(topology(2, 1), Placer::default());
    let mut tier = Tier::new(10_000, 360, 1 << 30);
    for s in [0, 10] {
        tier.push(&frame(&mut stage, s, |g| if g == 0 { 255 } else { 0 }));
    }
    tier.store_one(None);
    assert!(series(&tier.view(), stage.topology(), span(0, 1), Metric::Util).is_empty());
    assert_eq!(series(&tier.view(), stage.topology(), span(1, 2), Metric::Util).len(), 1);
}

#[test]
fn the_coarser_tier_is_fed_by_the_finer_one() {
    let mut stage = Stage::new(topology(2, 1), Placer::default());
    let (mut hour, mut day) = (Tier::new(10_000, 360, 1 << 30), Tier::new(60_000, 1440, 1 << 30));
    for s in 0..140 {
        hour.push(&frame(&mut stage, s, |_| (s % 60) as u16));
        hour.store_one(Some(&mut day));
        day.store_one(None);
    }
    let points = series(&day.view(), stage.topology(), span(0, 1), Metric::Util);
    assert_eq!(points[0].1.min, 0.0);
    assert_eq!(points[0].1.max, 59.0);
    assert!((points[0].1.mean - 29.5).abs() <= 1.0 + 0.5, "{:?}", points[0]);
}

#[test]
fn a_window_is_the_same_as_that_part_of_the_whole() {
    let mut stage = Stage::new(topology(4, 4), Placer::default());
    let mut tier = Tier::new(10_000, 360, 1 << 30);
    for s in (0..2000).step_by(10) {
        tier.push(&frame(&mut stage, s, |g| (g as i64 * 13 + s * 7) as u16 % 90));
        tier.store_one(None);
    }
    let view = tier.view();
    let whole = series(&view, stage.topology(), span(5, 6), Metric::Temp);
    for (from, to) in [(0, 300), (305, 900), (1500, 9000), (-50, 20), (5000, 9000)] {
        let window = (Timestamp::from_secs(from), Timestamp::from_secs(to));
        let part = super::series(&view, stage.topology(), span(5, 6), &[Metric::Util, Metric::Temp], window);
        let inside = |p: &&(Timestamp, Point)| p.0 >= window.0 && p.0 < window.1;
        let expected: Vec<_> = whole.iter().filter(inside).copied().collect();
        let got: Vec<_> = part[1].iter().filter(inside).copied().collect();
        assert_eq!(got, expected, "{from}..{to}");
    }
}

#[test]
fn the_budget_holds_and_what_remains_can_be_read() {
    let mut stage = Stage::new(topology(8, 128), Placer::default());
    let mut tier = Tier::new(10_000, 10_000, 100_000);
    for s in 0..400 {
        tier.push(&frame(&mut stage, 10 * s, |g| ((g as i64 * 31 + s * 17) % 199) as u16));
        tier.store_one(None);
        assert!(tier.bytes() <= 100_000 || tier.view().len() <= KEY_EVERY);
    }
    let view = tier.view();
    let points = series(&view, stage.topology(), span(5, 6), Metric::Util);
    assert_eq!(points.len(), view.len(), "every bucket that is kept can be read");
}

#[test]
fn a_grown_site_still_shows_the_old_buckets_of_its_gpus() {
    let mut stage = Stage::new(topology(4, 2), Placer::default());
    let mut tier = Tier::new(10_000, 360, 1 << 30);
    for s in [0, 10] {
        tier.push(&frame(&mut stage, s, |g| g as u16 * 10));
    }
    tier.store_one(None);
    let grown = stage.topology().plan().with_hosts(&[NewHost { host: "h0000".into(), place: None, gpus: 6 }]);
    let grown = crate::model::topology::build::build(grown, 1).expect("small");
    // GPU 0 of the second host was id 4 and is id 6 now.
    let points = series(&tier.view(), &grown, span(6, 7), Metric::Util);
    assert_eq!(points.first().map(|p| p.1.mean), Some(40.0));
}

#[test]
fn a_moment_in_which_nothing_changed_is_stored_as_one_that_was_looked_at() {
    let stage = |hosts| Stage::new(topology(8, hosts), Placer::default());
    let (mut stage, mut other) = (stage(300), stage(300));
    let [mut shared, mut fresh] = [(); 2].map(|()| Tier::new(10_000, 360, 1 << 30));
    let [mut shared_day, mut fresh_day] = [(); 2].map(|()| Tier::new(60_000, 1440, 1 << 30));
    let (mut kept, mut reused): (Option<Frame>, usize) = (None, 0);
    // Steps of 1 are not followed at once, those of 90 are; some periods have a second moment.
    for s in (0..1500).step_by(5) {
        let value = |g: usize| ((g as i64 + s / 70 + s / 210 * 90) % 200) as u16;
        let now = frame(&mut other, s, value);
        let before = kept.take().filter(|_| s % 70 >= 5);
        let mut same = before.unwrap_or_else(|| frame(&mut stage, s, value));
        same.time = now.time;
        if s % 10 == 0 || s % 170 == 5 {
            shared.push(&same);
            fresh.push(&now);
        }
        kept = Some(same);
        assert_eq!(shared.store_one(Some(&mut shared_day)), fresh.store_one(Some(&mut fresh_day)));
        shared_day.store_one(None);
        fresh_day.store_one(None);
        if let [.., (_, before), (_, last)] = &*shared.overviews() {
            reused += usize::from(Arc::ptr_eq(before, last));
        }
    }
    for (a, b) in [(&shared, &fresh), (&shared_day, &fresh_day)] {
        assert!(a.view().len() > 20, "{}", a.view().len());
        for (one, two) in a.view().iter().zip(b.view().iter()) {
            assert_eq!((one.start, one.to_bytes()), (two.start, two.to_bytes()));
        }
        let overviews = |t: &Tier| t.overviews().iter().map(|(_, o)| (**o).clone()).collect::<Vec<_>>();
        assert_eq!(overviews(a), overviews(b));
    }
    assert!(reused > 50, "{reused}");
}
