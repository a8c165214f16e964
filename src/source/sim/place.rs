//! Where work lies: training jobs on whole racks and rows, inference pools, small jobs in the
//! gaps, idle ranges, and one range that is taken out for maintenance.

use std::ops::Range;

use crate::model::Topology;
use crate::source::sim::noise::Rng;

/// What kind of work an area holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One synchronous training job.
    Train,
    /// A job that ends and makes room for the next one.
    Small,
    /// A pool of inference replicas.
    Serve,
    /// Nothing.
    Idle,
    /// Nothing, and on purpose.
    Maintenance,
}

/// A range of neighbouring trays with one kind of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// What lies there.
    pub kind: Kind,
    /// The trays, as indices.
    pub trays: Range<usize>,
}

/// Usual sizes of training jobs, GPUs.
const SIZES: [usize; 13] = [24_576, 16_384, 12_288, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16];
/// Training jobs from this size on run for days.
const LONG_RUNNING: usize = 512;

/// Divides the site among work. Areas cover every tray, in order, and never mix GPU generations.
#[must_use]
pub fn spots(topology: &Topology, rng: &mut Rng) -> Vec<Spot> {
    let mut all = Vec::new();
    for zone in zones(topology) {
        all.extend(fill(topology, zone, rng));
    }
    all
}

/// Ranges of racks of one type, as ranges of trays.
fn zones(topology: &Topology) -> Vec<Range<usize>> {
    let mut zones: Vec<(usize, Range<usize>)> = Vec::new();
    for rack in topology.racks() {
        match zones.last_mut() {
            Some((model, trays)) if *model == rack.model => trays.end = rack.trays.range().end,
            _ => zones.push((rack.model, rack.trays.range())),
        }
    }
    zones.into_iter().map(|(_, trays)| trays).filter(|t| !t.is_empty()).collect()
}

/// What shall lie in a zone of `gpus` GPUs: large ranges in random order, then small ones.
fn deck(gpus: usize, rng: &mut Rng) -> (Vec<(Kind, usize)>, Vec<usize>) {
    let mut budget = gpus * 70 / 100;
    let (mut large, mut small) = (Vec::new(), Vec::new());
    let cap = (gpus * 27 / 100).max(16);
    while budget >= 16.max(gpus / 200) {
        let before = budget;
        for size in SIZES.into_iter().filter(|s| *s <= cap) {
            if size <= budget {
                budget -= size;
                if size >= LONG_RUNNING { large.push((Kind::Train, size)) } else { small.push(size) }
            }
        }
        if budget == before {
            break;
        }
    }
    if large.is_empty() {
        large.push((Kind::Train, gpus.div_ceil(3)));
    }
    let share = |kind, permille: usize| (kind, gpus * permille / 1000);
    large.extend([60, 50, 30, 20].map(|p| share(Kind::Serve, p)));
    large.extend([30, 20, 10].map(|p| share(Kind::Idle, p)));
    large.push(share(Kind::Maintenance, 12));
    large.retain(|(_, gpus)| *gpus > 0);
    let mut rest = gpus * 3 / 100;
    while rest >= 8 {
        let size = rng.pick(&[8, 8, 16, 32, 64]).min(rest);
        small.push(size);
        rest -= size;
    }
    rng.shuffle(&mut large);
    (large, small)
}

fn fill(topology: &Topology, zone: Range<usize>, rng: &mut Rng) -> Vec<Spot> {
    let gpus: usize = topology.trays()[zone.clone()].iter().map(|t| t.gpus.len()).sum();
    let (large, small) = deck(gpus, rng);
    let (mut spots, mut gaps) = (Vec::new(), Vec::new());
    let mut at = zone.start;
    for (kind, size) in large {
        let start = aligned(topology, at, size).min(zone.end);
        let end = take(topology, start..zone.end, size);
        if start > at {
            gaps.push(at..start);
        }
        if end > start {
            spots.push(Spot { kind, trays: start..end });
        }
        at = end;
    }
    gaps.push(at..zone.end);
    for size in small {
        let fits = |gap: &Range<usize>| take(topology, gap.clone(), size) < gap.end;
        let Some(gap) = gaps.iter_mut().find(|gap| fits(gap)) else { continue };
        let end = take(topology, gap.clone(), size);
        spots.push(Spot { kind: Kind::Small, trays: gap.start..end });
        gap.start = end;
    }
    spots.extend(gaps.into_iter().filter(|g| !g.is_empty()).map(|trays| Spot { kind: Kind::Idle, trays }));
    spots.sort_by_key(|s| s.trays.start);
    spots
}

/// The tray at or after `at` where a range of `size` GPUs may begin: a row's first one when it
/// fills four rows, a rack's first one when it fills a rack.
fn aligned(topology: &Topology, at: usize, size: usize) -> usize {
    let Some(tray) = topology.trays().get(at) else { return at };
    let rack = topology.rack(tray.rack);
    let row = topology.row(rack.row);
    let whole = if size >= 4 * row.gpus.len() {
        row.trays
    } else if size >= rack.gpus.len() {
        rack.trays
    } else {
        return at;
    };
    if whole.range().start == at { at } else { whole.range().end }
}

/// One past the last of the trays in `room` that hold `size` GPUs together.
fn take(topology: &Topology, room: Range<usize>, size: usize) -> usize {
    let mut held = 0;
    let mut end = room.start;
    while end < room.end && held < size {
        held += topology.trays()[end].gpus.len();
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::topology::spec::DEFAULT_SITE;

    fn share(t: &Topology, spots: &[Spot], kind: Kind) -> f64 {
        let trays: usize = spots.iter().filter(|s| s.kind == kind).map(|s| s.trays.len()).sum();
        trays as f64 / t.trays().len() as f64
    }

    #[test]
    fn the_default_site_is_mostly_training() {
        let t = Topology::default_site();
        for seed in [1, 7, 42] {
            let spots = spots(&t, &mut Rng::new(seed, 1));
            assert!((0.6..0.75).contains(&share(&t, &spots, Kind::Train)));
            assert!((0.12..0.2).contains(&share(&t, &spots, Kind::Serve)));
            assert!((0.04..0.15).contains(&share(&t, &spots, Kind::Idle)));
            assert!(share(&t, &spots, Kind::Maintenance) > 0.005);
            assert!(spots.iter().any(|s| s.trays.len() * 4 == 24_576), "seed {seed}");
        }
    }

    #[test]
    fn areas_cover_every_tray_once_and_in_order() {
        let t = Topology::default_site();
        let mut next = 0;
        for spot in spots(&t, &mut Rng::new(7, 1)) {
            assert_eq!(spot.trays.start, next);
            next = spot.trays.end;
        }
        assert_eq!(next, t.trays().len());
    }

    #[test]
    fn large_jobs_start_at_a_rack() {
        let t = Topology::default_site();
        let jobs = spots(&t, &mut Rng::new(3, 1));
        for s in jobs.iter().filter(|s| s.kind == Kind::Train) {
            let rack = t.rack(t.trays()[s.trays.start].rack);
            assert_eq!(rack.trays.range().start, s.trays.start);
        }
    }

    #[test]
    fn a_tiny_site_still_has_a_training_job() {
        let text = DEFAULT_SITE
            .replacen("\"H1\", \"H2\", \"H3\", \"H4\", \"H5\", \"H6\", \"H7\"", "\"H1\"", 1)
            .replace("rows = 22", "rows = 1")
            .replace("rows = 20", "rows = 1")
            .replace("racks_per_row = 8", "racks_per_row = 1")
            .replace("trays = 18", "trays = 1")
            .replace("switch_trays = 1", "switch_trays = 9");
        let t = Topology::from_toml(&text, "tiny").expect("valid");
        assert_eq!(t.gpu_count(), 8);
        let spots = spots(&t, &mut Rng::new(7, 1));
        assert!(spots.iter().any(|s| s.kind == Kind::Train), "{spots:?}");
    }
}
