//! Tests of levels: what wins a pixel, and what does not repaint it.

use super::*;
use crate::model::Topology;
use crate::model::id::{Asset, HallId};
use crate::ui::widget::heatmap::layout::Zoom;
use proptest::prelude::*;

const N: usize = 72;

fn layout(zoom: Zoom) -> Layout {
    let t = Topology::default_site();
    let rack = t.find("H1-R01-K1").expect("exists");
    assert_eq!(t.gpus_of(rack).start, 0);
    Layout::fit(&t, rack, (40, 40), zoom)
}

fn map(zoom: Zoom, metric: Metric, values: &[f32], quality: &[u8], exceptions: &[u8]) -> Vec<Tone> {
    let column =
        Column::from_raw(metric, values.iter().map(|v| metric.encode(*v)).collect::<Vec<_>>().into_iter());
    let mut map = LevelMap::new();
    let input = Input { metric, column: &column, quality, exceptions, range: None };
    map.update(&layout(zoom), &input);
    map.tones().to_vec()
}

fn temp(values: &[f32]) -> Tone {
    let mut all = [20.0; N];
    all[..values.len()].copy_from_slice(values);
    map(Zoom::Rack, Metric::Temp, &all, &[0; N], &[])[0]
}

#[test]
fn zero_absent_stale_and_lost_are_four_different_tones() {
    let mut quality = [0u8; N];
    quality[2] = Quality::Stale as u8;
    quality[3] = Quality::Lost as u8;
    let mut values = [0.0; N];
    values[1] = f32::NAN;
    let layout = layout(Zoom::Gpu);
    let tones = map(Zoom::Gpu, Metric::Util, &values, &quality, &[]);
    let tone = |gpu: u32| tones[layout.pixel_of(crate::model::GpuId(gpu)).expect("drawn")];
    assert_eq!([tone(0), tone(1), tone(2), tone(3)], [Tone::level(0), Tone::ABSENT, Tone::STALE, Tone::LOST]);
}

#[test]
fn pooling_takes_the_bad_end() {
    assert_eq!(temp(&[90.0]), Tone::level(15), "one hot GPU colours the rack");
    let clock = |low: f32| {
        let mut all = [2100.0; N];
        all[5] = low;
        map(Zoom::Rack, Metric::SmClock, &all, &[0; N], &[])[0]
    };
    assert_eq!(clock(0.0), Tone::level(0), "one slow GPU does");
    let util = map(Zoom::Rack, Metric::Util, &[50.0; N], &[0; N], &[])[0];
    assert_eq!(util, Tone::level(8), "neither end is bad: the mean");
}

#[test]
fn an_exception_wins_its_pixel_and_the_highest_priority_wins_among_them() {
    let mut exceptions = [0u8; N];
    exceptions[70] = 4;
    assert_eq!(Some(map(Zoom::Rack, Metric::Util, &[1.0; N], &[0; N], &exceptions)[0]), Tone::alarm(4));
    exceptions[3] = 2;
    assert_eq!(Some(map(Zoom::Rack, Metric::Util, &[1.0; N], &[2; N], &exceptions)[0]), Tone::alarm(2));
}

#[test]
fn a_quarter_of_lost_gpus_marks_the_pixel_and_fewer_do_not_colour_it() {
    let mut quality = [0u8; N];
    quality[..17].fill(Quality::Lost as u8);
    let mut values = [20.0; N];
    values[0] = 90.0;
    assert_eq!(
        map(Zoom::Rack, Metric::Temp, &values, &quality, &[])[0],
        Tone::level(0),
        "lost values do not count"
    );
    quality[17] = Quality::Lost as u8;
    assert_eq!(map(Zoom::Rack, Metric::Temp, &values, &quality, &[])[0], Tone::LOST);
    assert_eq!(map(Zoom::Rack, Metric::Temp, &values, &[], &[])[0], Tone::LOST, "nothing known is lost");
    assert_eq!(map(Zoom::Rack, Metric::Temp, &values, &[3; N], &[])[0], Tone::ABSENT);
}

#[test]
fn ages_are_shown_for_stale_values_and_never_seen_is_lost() {
    let stale = [Quality::Stale as u8; N];
    assert_eq!(map(Zoom::Rack, Metric::Age, &[30.0; N], &stale, &[])[0], Tone::age(8));
    assert_eq!(map(Zoom::Rack, Metric::Age, &[f32::NAN; N], &[2; N], &[])[0], Tone::LOST);
}

#[test]
fn health_jobs_and_events_have_tones_of_their_own() {
    let one = |metric, value: f32| {
        let mut all = [0.0; N];
        all[9] = value;
        map(Zoom::Rack, metric, &all, &[0; N], &[])[0]
    };
    assert_eq!(one(Metric::Health, 0.0), Tone::OK);
    assert_eq!(Some(one(Metric::Health, 3.0)), Tone::alarm(2));
    assert_eq!(one(Metric::Job, 7.0), Tone::IDLE, "the majority is idle");
    assert_eq!(map(Zoom::Rack, Metric::Job, &[7.0; N], &[0; N], &[])[0], Tone::category(7));
    assert_eq!(one(Metric::ClockEvents, 0.0), Tone::level(0));
    assert_eq!(one(Metric::ClockEvents, f32::from(ClockEvents::HW_THERMAL)), Tone::level(15));
    assert_eq!(one(Metric::Xid, 79.0), Tone::level(12));
}

#[test]
fn noise_around_a_border_does_not_repaint_and_a_real_change_does() {
    let t = Topology::default_site();
    let layout = Layout::fit(&t, Asset::Hall(HallId(0)), (198, 40), Zoom::Fit);
    let mut map = LevelMap::new();
    let mut frame = |percent: [f32; 2]| {
        let raw = (0..12_672).map(|g| Metric::Activity.encode(percent[g % 2])).collect::<Vec<_>>();
        let column = Column::from_raw(Metric::Activity, raw.into_iter());
        let quality = vec![0; 12_672];
        let input = Input {
            metric: Metric::Activity,
            column: &column,
            quality: &quality,
            exceptions: &[],
            range: None,
        };
        map.update(&layout, &input)
    };
    assert_eq!(frame([49.5, 50.5]), 12_672, "the first frame paints everything");
    assert_eq!(frame([50.5, 49.5]), 0, "a wobble of one per cent is within a quarter of a level");
    assert_eq!(frame([52.0, 48.0]), 6_336 * 2);
}

#[test]
fn the_quick_ways_and_the_general_one_agree() {
    for zoom in [Zoom::Gpu, Zoom::Tray, Zoom::Rack] {
        for metric in [Metric::Util, Metric::Temp, Metric::SmClock, Metric::Power] {
            let values: [f32; N] = std::array::from_fn(|i| (i * 37 % 90) as f32);
            let quick = map(zoom, metric, &values, &[0; N], &[0; N]);
            let general = map(zoom, metric, &values, &[0; N], &[]);
            assert_eq!(quick, general, "{metric:?} {zoom:?}: without exceptions the general way is taken");
        }
    }
}

#[test]
fn another_metric_or_scale_starts_anew() {
    let layout = layout(Zoom::Gpu);
    let column = Column::from_raw(Metric::Util, (0..N).map(|_| 51u16));
    let input =
        Input { metric: Metric::Util, column: &column, quality: &[0; N], exceptions: &[], range: None };
    let mut map = LevelMap::new();
    assert_eq!(map.update(&layout, &input), N);
    assert_eq!(map.update(&layout, &input), 0);
    assert_eq!(map.update(&layout, &Input { range: Some((50.0, 60.0)), ..input }), N);
    assert_eq!(map.tones()[0], Tone::level(1));
    assert!(!map.low_is_worse());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hysteresis_errs_by_a_quarter_of_a_level_at_most(quarters in proptest::collection::vec(0i32..64, 1..50)) {
        let mut level = None;
        for q in quarters {
            let settled = settle(q, level);
            let off = (q - (i32::from(settled) * 4)).clamp(0, 3);
            prop_assert!((q - i32::from(settled) * 4 - off).abs() <= 1);
            prop_assert_eq!(settle(q, Some(settled)), settled, "settled is stable");
            level = Some(settled);
        }
    }
}
