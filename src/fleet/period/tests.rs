//! Tests of periods: what comes back is what was there, and bytes of anyone do no harm.

use proptest::prelude::*;

use super::*;
use crate::fleet::Frame;
use crate::fleet::history::{Archive, History};
use crate::fleet::jobs::By;
use crate::fleet::series::{Point, Signal};
use crate::fleet::stage::Stage;
use crate::model::batch::{DenseBatch, GpuReading, HostFacts, HostReading, JobName, NodeReading};
use crate::model::facility::{CduPoint, HallPoint, RackPoint, RowPoint, SitePoint};
use crate::model::topology::place::Placer;
use crate::model::topology::spec::DEFAULT_SITE;
use crate::model::{
    Asset, Batch, CduId, Column, FacilityReading, GpuId, HallId, Metric, RackId, RowId, TrayId,
};

const BUDGET: usize = 64 << 20;

fn site(rows: usize, racks: usize) -> Arc<Topology> {
    let start = DEFAULT_SITE.find("[[hall]]").expect("the default site has halls");
    let hall = format!(
        "[[hall]]\nnames = [\"H1\", \"H2\"]\nrows = {rows}\nracks_per_row = {racks}\nrack = \"NVL72\"\ncdus_per_row = 1\n"
    );
    Arc::new(Topology::from_toml(&format!("{}{hall}", &DEFAULT_SITE[..start]), "test").expect("valid"))
}

/// Repeatable noise.
fn noise(a: usize, b: i64) -> u32 {
    let x = (a as u32).wrapping_mul(7919) ^ (b as u32).wrapping_mul(104_729);
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// A site that lives, and every period that was handed over by it.
struct Run {
    first: Arc<Topology>,
    stage: Stage,
    archive: Archive,
    frames: Vec<Arc<Frame>>,
    periods: [Vec<Period>; 2],
}

impl Run {
    fn new(site: Arc<Topology>) -> Self {
        Self {
            first: Arc::clone(&site),
            stage: Stage::new(site, Placer::default()),
            archive: Archive::new(BUDGET),
            frames: Vec::new(),
            periods: [Vec::new(), Vec::new()],
        }
    }

    fn live(mut self, seconds: i64) -> Self {
        (0..seconds).for_each(|_| self.tick());
        self
    }

    fn batch(&self, s: i64) -> Batch {
        let t = &self.first;
        let n = t.gpu_count();
        let value = |m: Metric, g: usize| match m {
            Metric::Job => (g / 100) as u16 % 5,
            Metric::Tenant => (g / 200) as u16 % 3,
            Metric::Power => 200 + (noise(g, s) % 1000) as u16,
            // Some are hot, and one in fifty does not say.
            Metric::MemTemp if g % 50 == 7 => 255,
            _ => (20 + g / 40 + (noise(g, s / 7) % 30) as usize + (noise(g, s) % 9) as usize).min(250) as u16,
        };
        let metrics = Metric::TIERED.into_iter().chain([Metric::Job, Metric::Tenant]);
        let columns = metrics.map(|m| (m, Column::from_raw(m, (0..n).map(|g| value(m, g))))).collect();
        let job =
            |i| JobName { job: format!("job-{i}"), tenant: format!("T{}", i % 3), ..JobName::default() };
        let jobs = (s == 0).then(|| (0..5).map(job).collect());
        let dense = Some(DenseBatch { columns, jobs, ..DenseBatch::default() });
        let x = |i: usize| (noise(i, s) % 1000) as f32 / 7.0;
        let mut facility = Vec::new();
        for r in 0..t.racks().len() {
            facility.extend(RackPoint::ALL.iter().map(|p| FacilityReading::Rack(RackId::new(r), *p, x(r))));
        }
        for c in 0..t.cdu_count() {
            facility.extend(CduPoint::ALL.iter().map(|p| FacilityReading::Cdu(CduId::new(c), *p, x(c))));
        }
        for r in 0..t.rows().len() {
            facility.extend(RowPoint::ALL.iter().map(|p| FacilityReading::Row(RowId::new(r), *p, x(r))));
        }
        for h in 0..t.halls().len() {
            facility.extend(HallPoint::ALL.iter().map(|p| FacilityReading::Hall(HallId::new(h), *p, x(h))));
        }
        facility.extend(SitePoint::ALL.iter().map(|p| FacilityReading::Site(*p, x(99))));
        Batch { dense, facility, ..Batch::new(0, Timestamp::from_secs(s)) }
    }

    fn tick(&mut self) {
        let s = self.frames.len() as i64;
        let batch = self.batch(s);
        self.stage.apply(&batch, 1000);
        let frame = Arc::new(self.stage.commit(batch.time));
        self.archive.push(&frame);
        self.frames.push(frame);
        let history = self.archive.publish();
        self.archive.maintain();
        for level in Level::ALL {
            let mine = &mut self.periods[level.index()];
            mine.extend(history.periods_after(level, mine.last().map(|p| p.start)));
        }
    }

    fn grow(&mut self) {
        let mut gpu = GpuReading::new(0);
        gpu.set(Metric::Util, 50.0);
        let reading = HostReading {
            facts: Arc::new(HostFacts { host: "newcomer:9400".into(), labels: Vec::new() }),
            gpus: vec![gpu],
            node: NodeReading::default(),
        };
        let time = Timestamp::from_secs(self.frames.len() as i64);
        self.stage.apply(&Batch { hosts: vec![reading], ..Batch::new(1, time) }, 1000);
    }

    fn frame(&self, second: usize) -> &Arc<Frame> {
        &self.frames[second]
    }

    /// All periods out of their bytes, of topologies that are equal but not the same.
    fn decoded(&self) -> Vec<Period> {
        let mut topologies: Vec<(Arc<Topology>, Arc<Topology>)> = Vec::new();
        let mut decode = |p: &Period| {
            if topologies.iter().all(|(t, _)| !Arc::ptr_eq(t, &p.topology)) {
                topologies.push((Arc::clone(&p.topology), Arc::new(Topology::clone(&p.topology))));
            }
            let (_, other) = topologies.iter().find(|(t, _)| Arc::ptr_eq(t, &p.topology)).expect("added");
            Period::decode(&p.encode(), other).expect("it was encoded just now")
        };
        self.periods.iter().flatten().map(&mut decode).collect()
    }
}

/// Everything that a history says about all assets over windows, as of a frame.
fn answers(h: &History, frame: &Frame, windows: &[(i64, usize)]) -> Vec<Vec<Option<Point>>> {
    let t = &frame.topology;
    let mut out = Vec::new();
    let mut assets = vec![Asset::Site];
    assets.extend((0..t.halls().len()).map(|i| Asset::Hall(HallId::new(i))));
    assets.extend((0..t.rows().len()).map(|i| Asset::Row(RowId::new(i))));
    assets.extend((0..t.racks().len()).map(|i| Asset::Rack(RackId::new(i))));
    assets.extend((0..t.cdu_count()).map(|i| Asset::Cdu(CduId::new(i))));
    assets.extend((0..t.trays().len()).step_by(7).map(|i| Asset::Tray(TrayId::new(i))));
    assets.extend((0..t.gpu_count()).step_by(101).map(|i| Asset::Gpu(GpuId(i as u32))));
    for window in windows {
        for asset in &assets {
            out.extend(h.series_of(frame, *asset, &Metric::TIERED, *window));
            let signals: Vec<Signal> = match asset {
                Asset::Site => SitePoint::ALL.iter().map(|p| Signal::Site(*p)).collect(),
                Asset::Hall(_) => HallPoint::ALL.iter().map(|p| Signal::Hall(*p)).collect(),
                Asset::Row(_) => plant::ROW_POINTS.map(Signal::Row).to_vec(),
                Asset::Rack(_) => plant::RACK_POINTS.map(Signal::Rack).to_vec(),
                Asset::Cdu(_) => plant::CDU_POINTS.map(Signal::Cdu).to_vec(),
                _ => Vec::new(),
            };
            out.extend(signals.iter().map(|s| h.signal(frame, *asset, *s, *window)));
        }
        for (by, slot) in By::ALL.iter().flat_map(|by| (0..5).map(move |slot| (*by, slot))) {
            let course = h.courses.course(frame, by, slot, *window);
            out.extend([course.util, course.power]);
        }
    }
    out
}

const WINDOWS: [(i64, usize); 5] =
    [(60_000, 60), (240_000, 24), (900_000, 50), (3_600_000, 120), (86_400_000, 720)];

fn assert_same(a: &History, b: &History, frame: &Frame, windows: &[(i64, usize)]) {
    let (a, b) = (answers(a, frame, windows), answers(b, frame, windows));
    let known = a.iter().filter(|s| s.iter().any(Option::is_some)).count();
    assert!(known * 2 > a.len(), "{known} of {} series say something", a.len());
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        assert_eq!(a, b, "series {i}");
    }
}

#[test]
fn what_comes_back_is_exactly_what_was_there() {
    let run = Run::new(site(2, 4)).live(252);
    let mut archive = Archive::new(BUDGET);
    archive.restore(run.decoded());
    // The last second of the last minute that is complete.
    assert_same(&run.archive.publish(), &archive.publish(), run.frame(239), &WINDOWS);
}

#[test]
fn the_past_is_filled_in_while_frames_come_in() {
    let mut run = Run::new(site(1, 2)).live(252);
    let whole = run.archive.publish();
    let mut archive = Archive::new(BUDGET);
    let decoded = run.decoded();
    let mut waiting = decoded.chunks(5);
    for second in 252..300 {
        run.tick();
        archive.push(run.frame(second));
        archive.maintain();
        archive.restore(waiting.next().unwrap_or_default().to_vec());
    }
    let history = archive.publish();
    assert_same(&whole, &history, run.frame(239), &WINDOWS);
    let util = history.series(run.frame(299), Asset::Gpu(GpuId(3)), Metric::Util, (300_000, 30));
    assert!(util.iter().all(Option::is_some), "restored and new periods are one past: {util:?}");
    let util = history.signal(run.frame(299), Asset::Site, Signal::Mean(Metric::Util), (300_000, 300));
    let gaps: Vec<usize> = (0..300).filter(|i| util[*i].is_none()).collect();
    assert_eq!(gaps, [250, 251], "what was not yet a finished period is gone");
}

#[test]
fn periods_of_a_site_that_grew_come_back_by_name() {
    let mut run = Run::new(site(1, 2)).live(125);
    run.grow();
    let run = run.live(187);
    assert_eq!(run.frames.last().map(|f| f.topology.generation()), Some(1));
    for (level, start) in [(0, 120), (1, 120)] {
        let of = run.periods[level].iter().filter(|p| p.start == Timestamp::from_secs(start));
        let generations: Vec<u32> = of.map(|p| p.topology.generation()).collect();
        assert_eq!(generations, [0, 1], "two of one start, handed over together");
    }
    let mut archive = Archive::new(BUDGET);
    archive.restore(run.decoded());
    assert_same(&run.archive.publish(), &archive.publish(), run.frame(299), &WINDOWS);
}

#[test]
fn a_period_is_handed_over_once_and_whole() {
    let run = Run::new(site(1, 1)).live(200);
    let history = run.archive.publish();
    for level in Level::ALL {
        let once = &run.periods[level.index()];
        let starts: Vec<i64> = once.iter().map(|p| p.start.millis()).collect();
        let expected: Vec<i64> = (0..starts.len() as i64).map(|i| i * level.period_ms()).collect();
        assert_eq!(starts, expected);
        let ten = level == Level::TenSeconds;
        assert_eq!(starts.len(), if ten { 19 } else { 3 });
        for p in once {
            assert!(p.tier.is_some() && p.plant.is_some() && p.series.is_some() && p.overview.is_some());
            assert_eq!((p.seconds.len(), p.courses.is_some()), if ten { (10, true) } else { (0, false) });
        }
        // Those of long ago are the same, though some parts have been packed since.
        let again = history.periods_after(level, None);
        for (a, b) in once.iter().zip(&again) {
            assert_eq!(a.encode(), b.encode());
        }
        assert!(history.periods_after(level, again.last().map(|p| p.start)).is_empty());
    }
}

#[test]
fn a_missing_period_takes_with_it_only_what_hangs_on_it() {
    let run = Run::new(site(1, 1)).live(700);
    let mut periods = run.decoded();
    periods.retain(|p| p.level == Level::TenSeconds);
    assert!(periods[0].is_key() && !periods[40].is_key() && periods[60].is_key());
    periods.remove(40);
    periods.drain(..5);
    let history = History::of_periods(periods, BUDGET);
    let (frame, window) = (run.frame(689), (690_000, 69));
    let (gpu, rack) = (Asset::Gpu(GpuId(5)), Asset::Rack(RackId(0)));
    let truth = run.archive.publish().series(frame, gpu, Metric::Temp, window);
    let found = history.series(frame, gpu, Metric::Temp, window);
    for (i, (t, f)) in truth.iter().zip(&found).enumerate() {
        let readable = (30..40).contains(&i) || i >= 60;
        assert_eq!(*f, t.filter(|_| readable), "{i}");
    }
    let power = history.signal(frame, rack, Signal::Rack(RackPoint::Power), window);
    let gaps: Vec<usize> = (0..69).filter(|i| power[*i].is_none()).collect();
    assert_eq!(gaps, [0, 1, 2, 3, 4, 40], "a row needs no other");
}

#[test]
fn the_budget_is_kept_and_the_newest_stay() {
    let run = Run::new(site(1, 1)).live(1000);
    let mut small = Archive::new(200_000);
    let mut fresh = Archive::new(200_000);
    small.push(run.frame(999));
    for period in run.decoded() {
        fresh.restore([period.clone()]);
        small.restore([period]);
        for archive in [&small, &fresh] {
            let parts = archive.publish().status.parts;
            assert!(parts.iter().map(|p| p.bytes).sum::<usize>() <= 200_000, "{parts:?}");
        }
    }
    let history = fresh.publish();
    let s = history.series(run.frame(989), Asset::Gpu(GpuId(0)), Metric::Temp, (990_000, 99));
    assert!(s[98].is_some() && s[0].is_none(), "{s:?}");
    let all = run.archive.publish().series(run.frame(989), Asset::Gpu(GpuId(0)), Metric::Temp, (990_000, 99));
    assert!(s.iter().zip(&all).all(|(s, a)| s.is_none() || s == a), "what is left can be read");
}

#[test]
fn a_replay_has_charts_up_to_its_last_frame() {
    let run = Run::new(site(1, 2)).live(257);
    let history = History::of_periods(run.decoded(), BUDGET).with_recent(&run.frames[235..]);
    let windows = &WINDOWS[..4];
    assert_same(&run.archive.publish(), &history, run.frame(256), windows);
    assert_same(&run.archive.publish(), &history, run.frame(249), windows);
}

#[test]
fn a_replay_goes_on_with_the_next_periods() {
    let run = Run::new(site(1, 1)).live(140);
    let all = run.decoded();
    let mut archive = Archive::for_replay(BUDGET);
    for shown in [60i64, 100, 140] {
        let now = Timestamp::from_secs(shown);
        archive.restore(all.iter().filter(|p| p.end() <= now).cloned());
        let last = (shown - 1) as usize;
        let frames = &run.frames[last.saturating_sub(20)..=last];
        let h = archive.publish().with_recent(frames);
        let s = h.series(&frames[frames.len() - 1], Asset::Rack(RackId(1)), Metric::Util, (60_000, 6));
        assert!(s.iter().all(Option::is_some), "{shown}: {s:?}");
    }
    assert_eq!(archive.publish().status.parts[1].count, 13, "none is there twice");
}

#[test]
fn the_overview_of_a_rack_agrees_with_its_chart() {
    let run = Run::new(site(1, 2)).live(130);
    let history = run.archive.publish();
    for period in &run.periods[0] {
        let bytes = period.encode();
        let only = Period::decode_overview(&bytes, &period.topology).expect("it is the first section");
        let overview = only.overview.expect("it has one");
        assert!(only.tier.is_none() && only.start == period.start);
        let frame = run.frame(period.end().secs() as usize - 1);
        for metric in Metric::TIERED {
            let chart = history.series(frame, Asset::Rack(RackId(1)), metric, (10_000, 1));
            let (a, b) = (chart[0].expect("known"), overview.point(RackId(1), metric).expect("known"));
            let step = metric.spec().scale * if metric.spec().wide { 8.0 } else { 1.0 };
            assert_eq!((a.min, a.max), (b.min, b.max));
            assert!((a.mean - b.mean).abs() <= 0.51 * step, "{metric:?} {a:?} {b:?}");
        }
        assert_eq!(overview.point(RackId(1), Metric::Margin), None);
        assert_eq!(overview.point(RackId(77), Metric::Temp), None);
    }
}

#[test]
fn a_clock_that_was_set_back_leaves_nothing_of_the_future() {
    let run = Run::new(site(1, 1)).live(130);
    let mut archive = Archive::new(BUDGET);
    archive.restore(run.decoded());
    archive.push(run.frame(20));
    assert_eq!(archive.publish().status.parts[1].count, 0);
    let s = archive.publish().signal(run.frame(20), Asset::Site, Signal::Mean(Metric::Util), (10_000, 10));
    assert_eq!(s.iter().filter(|p| p.is_some()).count(), 1);
}

#[test]
fn a_site_of_the_same_size_and_generation_is_read_by_names() {
    let run = Run::new(site(1, 1)).live(30);
    let text = DEFAULT_SITE;
    let start = text.find("[[hall]]").expect("it has halls");
    let hall = "[[hall]]\nnames = [\"H2\", \"H1\"]\nrows = 1\nracks_per_row = 1\nrack = \"NVL72\"\ncdus_per_row = 1\n";
    let other = Topology::from_toml(&format!("{}{hall}", &text[..start]), "test").expect("valid");
    let history = History::of_periods(run.decoded(), BUDGET);
    let (here, there) = (run.frame(19), Frame::empty(Arc::new(other), Timestamp::from_secs(19)));
    let window = (20_000, 2);
    for (a, b) in [
        (Asset::Hall(HallId(0)), Asset::Hall(HallId(1))),
        (Asset::Rack(RackId(0)), Asset::Rack(RackId(1))),
        (Asset::Gpu(GpuId(3)), Asset::Gpu(GpuId(75))),
    ] {
        let util = history.series(here, a, Metric::Temp, window);
        assert!(util[0].is_some());
        assert_eq!(util, history.series(&there, b, Metric::Temp, window));
        assert_ne!(util, history.series(&there, a, Metric::Temp, window));
    }
}

fn one() -> (Arc<Topology>, Vec<u8>) {
    let run = Run::new(site(1, 1)).live(12);
    let period = run.periods[0][0].clone();
    (Arc::clone(&period.topology), period.encode())
}

#[test]
fn other_bytes_are_told_apart() {
    let (t, bytes) = one();
    let error = |bytes: &[u8]| Period::decode(bytes, &t).map(|p| p.start);
    assert_eq!(error(b""), Err(PeriodError::NotAPeriod));
    assert_eq!(error(b"HWPX"), Err(PeriodError::NotAPeriod));
    assert_eq!(error(b"HWPD\x02\0"), Err(PeriodError::Version(2)));
    assert_eq!(Period::decode(&bytes, &site(1, 2)).map(|p| p.start), Err(PeriodError::OtherSite));
    // What a newer program adds is skipped; what is cut off or too long is not taken.
    let newer = [&bytes[..], &[0, 9, 7, 0, 2, 0, 0, 0, 5, 0, 0, 0, 1, 2]].concat();
    assert_eq!(error(&newer), Ok(Timestamp(0)));
    assert_eq!(error(&newer[..newer.len() - 1]), Err(PeriodError::CutOff));
    let mut more_site_points = bytes.clone();
    more_site_points[44] += 1;
    let other = Period::decode(&more_site_points, &t).expect("the rest can be read");
    assert!(
        other.series.is_none() && other.seconds.is_empty() && other.tier.is_some() && other.plant.is_some()
    );
    let long = [&bytes[..], &[2, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]].concat();
    assert_eq!(error(&long), Err(PeriodError::Damaged(2)));
}

#[test]
fn the_layout_is_the_documented_one() {
    let (t, bytes) = one();
    let page = include_str!("../../../docs/recording-periods.md");
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    assert_eq!((&bytes[..4], short(4), number(8)), (&b"HWPD"[..], 1, 10_000));
    assert_eq!([20, 24, 28, 32, 36].map(number), [144, 2, 2, 2, 2]);
    let shape: Vec<u16> = (0..7).map(|i| short(40 + 2 * i)).collect();
    for (at, part) in [(40, &shape[..1]), (42, &shape[1..4]), (48, &shape[4..])] {
        let list = part.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let row = page.lines().find(|l| l.starts_with(&format!("| {at} |"))).expect("the row of the header");
        assert!(row.contains(&format!(": {list} (")), "{row} should tell {list}");
    }
    let (mut at, mut lengths) = (54, Vec::new());
    while at < bytes.len() {
        lengths.push((short(at), number(at + 8)));
        at += 12 + number(at + 4);
    }
    let width = (2 + 1) * 17 + usize::from(shape[2]) + 2 * usize::from(shape[3]);
    let row = 2 * (8 + 14 + 4);
    let (series, seconds) = (4 + 12 + 12 * width, 4 + 10 * (12 + 12 * width));
    let courses = lengths[1].1;
    assert_eq!((courses - 4) % 11, 0);
    let expected = [(1, 15 * t.racks().len()), (2, courses), (3, 2 * row), (4, series), (5, seconds)];
    assert_eq!(lengths[..5], expected);
    assert_eq!((lengths.len(), lengths[5].0), (6, 6));
}

/// Whatever it is, it can be put back and asked without harm.
fn use_up(decoded: Result<Period, PeriodError>) -> bool {
    let Ok(period) = decoded else { return false };
    let frame = Frame::empty(Arc::clone(&period.topology), period.end().plus_millis(-1000));
    let history = History::of_periods([period], BUDGET);
    for asset in [Asset::Site, Asset::Rack(RackId(1)), Asset::Gpu(GpuId(100))] {
        let _ = history.series_of(&frame, asset, &Metric::TIERED, (10_000, 3));
        let _ = history.signal(&frame, asset, Signal::Rack(RackPoint::Power), (10_000, 3));
    }
    let _ = history.courses.course(&frame, By::Job, 0, (10_000, 1));
    Level::ALL.iter().all(|l| history.periods_after(*l, None).iter().all(|p| !p.encode().is_empty()))
}

#[test]
fn a_period_that_is_cut_off_anywhere_is_not_whole_and_does_no_harm() {
    let (t, bytes) = one();
    let whole = (0..bytes.len()).filter(|n| Period::decode(&bytes[..*n], &t).is_ok()).count();
    // Only between two sections: one of six, or none of them, at the end.
    assert_eq!(whole, 6);
    assert!(use_up(Period::decode(&bytes, &t)));
}

#[test]
fn flipped_bits_do_no_harm() {
    let (t, bytes) = one();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (noise(at, 3) % 8);
        let decoded = Period::decode(&damaged, &t);
        if at % 16 == 0 || at < 200 {
            use_up(decoded);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(noise in proptest::collection::vec(any::<u8>(), 0..400), ids in any::<[u8; 4]>()) {
        let t = site(1, 1);
        let (counts, start) = (Header::counts(&t), Timestamp(0));
        let head = Header { level: Level::TenSeconds, start, counts, shape: SHAPE };
        let mut bytes = head.to_bytes();
        for (i, part) in noise.chunks(100).enumerate() {
            let section = [u16::from(ids[i] % 8), u16::from(ids[i] / 8 % 3)];
            section.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        use_up(Period::decode(&bytes, &t));
        use_up(Period::decode(&noise, &t));
    }
}
